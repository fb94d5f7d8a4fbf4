/* SPDX-License-Identifier: Apache-2.0 */
/* braces_int: what the files that name an aggregate's braces share; private to datalog/braces*.
 *
 *   braces.c          which braces, their columns, the relation that they become
 *   braces_filters.c  alternatives that only test
 *   braces_bind.c     what binds a group around them */
#pragma once

#include "datalog/check_int.h"

RUNE_VEC(rune_vec_dl_binder, const struct rune_dl_literal *);

/* A conjunction around the braces. */
struct rune_dl_scope {
    const struct rune_dl_body *body;
    const struct rune_dl_scope *parent;
};

struct rune_dl_naming {
    struct rune_dl_checker *checker;
    const struct rune_dl_rule *rule;   /* its variables are those of one place each, after expand */
    struct rune_vec_u32 uses;          /* by variable: in the rule, as it has become so far */
    struct rune_vec_u32 inside;        /* by variable: how often it stands in the braces counted */
    struct rune_vec_u32 is_seen;       /* by variable: a column, or sought */
    struct rune_vec_u32 columns;       /* of the relation: variables */
    struct rune_vec_u32 sought;        /* variables to be bound from around */
    struct rune_vec_dl_binder binders; /* by variable: what binds it around; NULL: nothing */
    const struct rune_dl_body *bound;  /* where that is so; NULL: it must be found anew */
    struct rune_vec_dl_binder chosen;  /* of those, what the relation's rule gets */
    const struct rune_dl_body *braces; /* whose alternatives are asked about */
    bool is_ready, is_worth;           /* so far; see ask_known, ask_group */
};

/* Called for each variable, and each wildcard, that stands somewhere. */
typedef void (*rune_dl_variable_fn)(struct rune_dl_naming *naming, uint32_t variable);

/* ---- braces.c ---- */

void rune_dl_each_in_expr(struct rune_dl_naming *naming, const struct rune_dl_expr *expr,
                          rune_dl_variable_fn visit);
void rune_dl_each_in_body(struct rune_dl_naming *naming, const struct rune_dl_body *body,
                          rune_dl_variable_fn visit);
/* Not an aggregate's result. */
void rune_dl_each_in_braces(struct rune_dl_naming *naming, const struct rune_dl_literal *aggregate,
                            rune_dl_variable_fn visit);
/* Visitors: the variable stands once more in the braces counted, or once less. */
void rune_dl_naming_count_in(struct rune_dl_naming *naming, uint32_t variable);
void rune_dl_naming_count_out(struct rune_dl_naming *naming, uint32_t variable);
/* Adds a variable that was not seen before. */
void rune_dl_naming_push(struct rune_dl_naming *naming, struct rune_vec_u32 *list,
                         uint32_t variable);

/* It stands outside the braces counted, too. */
static inline bool rune_dl_is_group(const struct rune_dl_naming *naming, uint32_t variable)
{
    return naming->uses.items[variable] > naming->inside.items[variable];
}

static inline bool rune_dl_is_positive_atom(const struct rune_dl_literal *literal)
{
    return literal->kind == RUNE_DL_ATOM && !literal->is_negated;
}

/* ---- braces_filters.c ---- */

/* Alternatives of these braces that only test become tests, where the relation would need a group
 * that no atom of the braces binds. */
void rune_dl_braces_make_tests(struct rune_dl_naming *naming, struct rune_dl_body *braces);

/* ---- braces_bind.c ---- */

/* Do atoms bind the variable, whichever alternatives are taken? */
bool rune_dl_atoms_bind(const struct rune_dl_body *body, uint32_t variable);
/* Into naming->chosen: the literals around the aggregate that bind the columns which the braces'
 * own atoms do not, and what those need. */
void rune_dl_braces_choose_binders(struct rune_dl_naming *naming, const struct rune_dl_scope *scope,
                                   const struct rune_dl_literal *aggregate);
