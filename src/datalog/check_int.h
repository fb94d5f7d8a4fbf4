/* SPDX-License-Identifier: Apache-2.0 */
/* check_int: what the passes of the checker share. In order: resolve (names, arities), expand
 * (disjunctions and local variables), safety, constants (facts), stratify, firing (warnings).
 * Private to datalog/check. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "datalog/check.h"
#include "datalog/functions.h"

RUNE_VEC(rune_vec_dl_relation, struct rune_dl_relation);

/* An edge of the dependency graph: the rules of `head` read `body`. */
struct rune_dl_edge {
    uint32_t head;
    uint32_t body;
    /* through `not` or an aggregate, or by the collecting of a set */
    bool is_negative;
    const struct rune_dl_literal *literal; /* NULL: implied by a built-in */
};

RUNE_VEC(rune_vec_dl_edge, struct rune_dl_edge);

struct rune_dl_checker {
    enum rune_dl_dialect dialect;
    struct rune_arena *arena;
    struct rune_diag *diag;
    struct rune_map names; /* relation name, or name NUL literal -> index */
    struct rune_vec_dl_relation relations;
    struct rune_vec_dl_rule rules;     /* the program's; they grow in the arena */
    const struct rune_dl_rule **facts; /* likewise; room for all clauses without a body */
    uint32_t fact_count;
    struct rune_vec_dl_edge edges;
    const struct rune_source *watched; /* by the diag: the text of the rule that is looked at */
    uint32_t undefined; /* reported so far: advice costs, so only the first get some */
    uint32_t errors;
    bool is_broken; /* the clause being resolved has a name that means nothing */
    bool limit;
    bool nomem;
};

/* Reports an error and counts it. */
void rune_dl_check_fail(struct rune_dl_checker *checker, struct rune_span span, const char *code,
                        const char *help, const char *fmt, ...) RUNE_PRINTF(5, 6);

/* Before a rule is looked at: its text stays, so that what is wrong there is soon found in it. */
void rune_dl_check_watch(struct rune_dl_checker *checker, const struct rune_source *source);

/* Where an expression of that rule stands. */
static inline struct rune_span rune_dl_check_span(const struct rune_dl_checker *checker,
                                                  const struct rune_dl_expr *expr)
{
    return rune_dl_expr_span(checker->watched, expr);
}

/* Adds a rule to the program's. */
void rune_dl_check_add(struct rune_dl_checker *checker, const struct rune_dl_rule *rule);

/* ---- resolve.c ---- */

/* Sets relation indexes in the clause, checks arities and what built-ins allow. */
void rune_dl_resolve(struct rune_dl_checker *checker, struct rune_dl_rule *clause);
void rune_dl_resolve_declaration(struct rune_dl_checker *checker,
                                 const struct rune_dl_declaration *declaration);
/* Relations that nothing defines. */
void rune_dl_resolve_finish(struct rune_dl_checker *checker);
uint32_t rune_dl_intern_relation(struct rune_dl_checker *checker, struct rune_str name,
                                 struct rune_str literal, uint32_t arity, struct rune_span span);

/* ---- expand.c ---- */

/* Adds the rule, or one rule a branch of its disjunctions, to checker->rules. */
void rune_dl_expand(struct rune_dl_checker *checker, const struct rune_dl_rule *clause);

/* ---- braces.c ---- */

/* In a rule that expand has copied: aggregates whose braces have alternatives get a relation for
 * them, and its rules are added. */
void rune_dl_name_braces(struct rune_dl_checker *checker, const struct rune_dl_rule *rule);
/* At any depth. */
bool rune_dl_has_alternatives(const struct rune_dl_body *body);
/* Is it the name of such a relation? */
bool rune_dl_is_any(struct rune_str name);

/* ---- safety.c ---- */

/* Scratch memory of the pass; zero at first. */
struct rune_dl_safety;
struct rune_dl_safety *rune_dl_safety_create(struct rune_dl_checker *checker);
void rune_dl_safety_destroy(struct rune_dl_safety *safety);
void rune_dl_safety_check(struct rune_dl_safety *safety, const struct rune_dl_rule *rule);

/* ---- constants.c ---- */

/* A clause without body: ground? Its arguments are folded to constants. False: it is no fact
 * (reported), or its calculation failed (a warning). */
bool rune_dl_fold_fact(struct rune_dl_checker *checker, struct rune_dl_rule *clause);
/* Constructors over literals: is the text one? */
void rune_dl_check_constants(struct rune_dl_checker *checker, const struct rune_dl_rule *clause);
/* A comparison of constants: 1 true, 0 false (or an error), -1 not constant. */
int rune_dl_compare_constants(const struct rune_dl_literal *literal);

/* ---- alias.c ---- */

/* Lets the rules of a recursion read what its aliases stand for. True: some do now, and what
 * stratify found is to be found again. Cost: the rules. */
bool rune_dl_unfold_aliases(struct rune_dl_checker *checker);

/* ---- suspicious.c ---- */

/* Warnings about one clause as it was written. */
void rune_dl_check_suspicious(struct rune_dl_checker *checker, const struct rune_dl_rule *clause);

/* ---- stratify.c ---- */

/* Edges, components, strata, request dependence. */
void rune_dl_stratify(struct rune_dl_checker *checker, struct rune_dl_program *program);
/* Warnings: rules that can never fire. */
void rune_dl_check_firing(struct rune_dl_checker *checker);
