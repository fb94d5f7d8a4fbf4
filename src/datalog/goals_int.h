/* SPDX-License-Identifier: Apache-2.0 */
/* goals_int: what the files that turn rules into goals share: goals.c (literals, rules, all of a
 * program), goals_expr.c (variables and expressions), goals_aggregate.c (braces),
 * goals_contains.c (sets or texts). Private to datalog/goals*. */
#pragma once

#include "datalog/evaluate_int.h"
#include "datalog/functions.h"

/* One rule in the making; the next one may use its memory. */
struct rune_dl_maker {
    struct rune_dl_ctx *ctx;
    const struct rune_dl_rule *source;
    struct rune_vec_u32 map; /* variables of the source to ours */
    RUNE_VEC(, struct rune_dl_var) vars;
    RUNE_VEC(, struct rune_dl_goal) goals;
    bool has_unions;             /* some variables were made one */
    struct rune_dl_maker *inner; /* for the bodies of its aggregates, or NULL */
};

/* ---- goals_expr.c ---- */

/* ORDER: enum rune_dl_function; values: enum rune_rule_function */
extern const uint16_t rune_dl_functions[RUNE_DL_FN_COUNT];

/* Reports it; RUNE_E_BUNDLE. */
RUNE_MUST_USE enum rune_err rune_dl_maker_refuse(struct rune_dl_maker *maker, struct rune_span span,
                                                 const char *help, const char *text);
/* Ready for a rule from `source`: at first {.ctx = ctx}, later with what it has. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_maker_begin(struct rune_dl_maker *maker,
                                                const struct rune_dl_rule *source);
void rune_dl_maker_fini(struct rune_dl_maker *maker);

/* Variables; RUNE_DL_NO_VAR: out of memory. */
uint32_t rune_dl_var_new(struct rune_dl_maker *maker);
uint32_t rune_dl_var_constant(struct rune_dl_maker *maker, rune_term term);
/* The one that stands for it and those made one with it. */
uint32_t rune_dl_var_find(const struct rune_dl_maker *maker, uint32_t var);
/* Makes both one. False if both are constants and differ. */
bool rune_dl_var_union(struct rune_dl_maker *maker, uint32_t a, uint32_t b);
/* Ours for a variable of the source. */
uint32_t rune_dl_var_of(struct rune_dl_maker *maker, uint32_t number);
/* A goal with room for `count` variables; NULL: out of memory. */
struct rune_dl_goal *rune_dl_goal_add(struct rune_dl_maker *maker, enum rune_dl_goal_kind kind,
                                      uint32_t count, struct rune_span span);

/* The variable that holds the expression's value; its operators become goals. */
RUNE_MUST_USE enum rune_err rune_dl_make_expr(struct rune_dl_maker *maker,
                                              const struct rune_dl_expr *expr, uint32_t *ret_var);
/* Arguments of a literal into variables of a goal yet to be added (expressions add goals of their
 * own first). */
RUNE_MUST_USE enum rune_err rune_dl_make_args(struct rune_dl_maker *maker,
                                              const struct rune_dl_expr *args, uint32_t count,
                                              uint32_t *ret_vars);

/* ---- goals.c ---- */

RUNE_MUST_USE enum rune_err rune_dl_make_literal(struct rune_dl_maker *maker,
                                                 const struct rune_dl_literal *literal);
/* Adds the rule to ctx->rules; variables made one are renamed to their representative. */
RUNE_MUST_USE enum rune_err rune_dl_finish_rule(struct rune_dl_maker *maker, uint32_t head,
                                                uint32_t *head_vars, uint32_t arity);

/* ---- goals_contains.c ---- */

/* Adds the rule to ctx->rules (or ctx->inner), or several in its place that together say the same.
 * RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_add_rule(struct rune_dl_ctx *ctx,
                                             struct rune_dl_plan_rule *rule);

/* ---- goals_aggregate.c ---- */

/* An aggregate of the rule's body itself. */
RUNE_MUST_USE enum rune_err rune_dl_make_aggregate(struct rune_dl_maker *maker,
                                                   const struct rune_dl_literal *literal);
