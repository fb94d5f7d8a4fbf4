/* SPDX-License-Identifier: Apache-2.0 */
/* mixed_making: between the files that make random rules: mixed_literals (expressions, and literals
 * without bodies of their own) and mixed_rules (the others, and rules). Nobody else includes it. */
#pragma once

#include "reference/mixed.h"

/* A rule while it is being made. */
struct mixed_making {
    struct mixed_world *world;
    struct mixed_rule *rule;
    uint32_t rank;
    bool is_safe; /* nothing may fail */
    bool may_in;  /* `in` reads what comes before the head */
    enum mixed_type types[MIXED_MAX_VARS];
    bool is_known[MIXED_MAX_VARS]; /* has a value wherever its literal stands */
};

uint32_t mixed_choose(struct mixed_making *making, uint32_t below);

/* ---- expressions ---- */

struct mixed_expr *mixed_make_expr(struct mixed_making *making, enum mixed_op op);
const struct mixed_expr *mixed_make_const(struct mixed_making *making, enum mixed_type type);
const struct mixed_expr *mixed_make_var(struct mixed_making *making, uint32_t var);
/* A further variable, while there is room for some more. */
const struct mixed_expr *mixed_make_new(struct mixed_making *making, enum mixed_type type);
bool mixed_has_room(const struct mixed_making *making);
/* A variable that has a value of that type, or NULL. */
const struct mixed_expr *mixed_find_var(struct mixed_making *making, enum mixed_type type);
/* A variable with a value, or a constant; NULL: sets and records have no constants. */
const struct mixed_expr *mixed_make_value(struct mixed_making *making, enum mixed_type type);
const struct mixed_expr *mixed_make_arithmetic(struct mixed_making *making, uint32_t depth);

/* ---- literals; NULL: what is known has none of that kind ---- */

struct mixed_literal *mixed_make_literal(struct mixed_making *making, enum mixed_literal_kind kind);
/* Unless it is NULL. */
void mixed_add_literal(struct mixed_body *body, const struct mixed_literal *literal);
/* A relation that the head may read; `below`: through a negation or an aggregate. UINT32_MAX: a
 * few tries found none. */
uint32_t mixed_pick_relation(struct mixed_making *making, bool below);
/* `names`: what new variables may be: 0 none, 1 the rule's, 2 of the braces. */
const struct mixed_literal *mixed_make_atom(struct mixed_making *making, uint32_t relation,
                                            int names);
const struct mixed_literal *mixed_make_negation(struct mixed_making *making);
const struct mixed_literal *mixed_make_compare(struct mixed_making *making);
const struct mixed_literal *mixed_make_in(struct mixed_making *making);
const struct mixed_literal *mixed_make_is(struct mixed_making *making);
const struct mixed_literal *mixed_make_test(struct mixed_making *making);
const struct mixed_literal *mixed_make_access(struct mixed_making *making);
/* A new variable by `=`, kept within bounds since it may go round. */
void mixed_put_called(struct mixed_making *making, struct mixed_body *body);
void mixed_put_computed(struct mixed_making *making, struct mixed_body *body);
/* `value < bound, value > -bound`: what may go round needs an end. */
void mixed_add_bounds(struct mixed_making *making, struct mixed_body *body,
                      const struct mixed_expr *value, struct mixed_value bound);
