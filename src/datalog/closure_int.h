/* SPDX-License-Identifier: Apache-2.0 */
/* closure_int: between closure_shape.c, which tells the recursions that fall into rows, closure.c,
 * which makes relations of what a search needs, and closure_rows.c, which searches. Nobody else
 * includes it but closure_both.c, linear.c and compose_shape.c, which look at rules likewise. */
#pragma once

#include "datalog/evaluate_int.h"

#define RUNE_DL_ROW_COLUMNS 8u /* LIMIT: columns of such a relation: those that an order names */

/* ---- closure_shape.c ---- */

enum rune_dl_step_kind {
    RUNE_DL_STEP_LINEAR, /* one p */
    RUNE_DL_STEP_JOIN,   /* two, the second of which is read as exits */
    RUNE_DL_STEP_SWAP,   /* p the other way round */
};

struct rune_dl_step {
    enum rune_dl_step_kind kind;
    uint32_t self, other; /* goals; UINT32_MAX: none */
    uint32_t from, to;    /* variables */
    uint32_t params;      /* columns */
    bool is_whole;        /* an atom has both ends and all parameters: steps are no more than that
                           * has tuples */
    bool is_gated;        /* goals that say which rows take it are no part of it */
};

/* How p falls into rows. */
struct rune_dl_shape {
    uint32_t arity, value, params; /* columns; columns */
    uint32_t param_count;
    uint8_t columns[RUNE_DL_ROW_COLUMNS]; /* of p: parameters, keys, value */
    bool is_symmetric;                    /* there is a RUNE_DL_STEP_SWAP */
    bool is_whole;                        /* all steps are */
    bool is_gated;                        /* the only step is */
};

/* A rule without p in its body. */
bool rune_dl_is_exit(const struct rune_dl_plan_rule *rule);
/* Whether the head's arguments are variables, each another. */
bool rune_dl_has_distinct_head(const struct rune_dl_plan_rule *rule);
/* A rule with p in its body as a step that changes the column `value`. False: it is none. */
bool rune_dl_find_step(const struct rune_dl_plan_rule *rule, uint32_t value,
                       struct rune_dl_step *ret_step);
/* Leaves goals that see nothing of a linear step but what it hands through out of it, as far as
 * they ask for more than its parameters: they say which rows take it. */
void rune_dl_gate_step(const struct rune_dl_plan_rule *rule, uint32_t value,
                       struct rune_dl_step *step);
/* Whether a goal was left out so. */
bool rune_dl_is_gate(const struct rune_dl_plan_rule *rule, const struct rune_dl_step *step,
                     const struct rune_dl_goal *goal);
/* The head of a step: parameters, from, to. Returns how many. */
uint32_t rune_dl_step_head(const struct rune_dl_plan_rule *rule, const struct rune_dl_step *step,
                           uint32_t ret_vars[RUNE_DL_ROW_COLUMNS + 1]);
/* The rule without step->self (a step of NULL: whole), its head made of `vars`. False: no memory.
 */
bool rune_dl_step_rule(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                       const struct rune_dl_step *step, const uint32_t *vars, uint32_t count,
                       struct rune_dl_plan_rule *ret_rule);
/* How a relation falls into rows. False: it does not. */
bool rune_dl_find_shape(struct rune_dl_ctx *ctx, const struct rune_dl_rel *rel,
                        struct rune_dl_shape *ret_shape);

/* ---- closure.c ---- */

/* Gives back a relation that was made for a closure, if it was. */
void rune_dl_closure_drop(struct rune_dl_ctx *ctx, uint32_t relation);

/* ---- closure_both.c ---- */

/* A relation whose rules change one of two columns each; *ret_done false: it is none, or does not
 * fall into rows for another reason. Errors: as rune_dl_closure. */
RUNE_MUST_USE enum rune_err rune_dl_closure_both(struct rune_dl_ctx *ctx, uint32_t relation,
                                                 bool *ret_done);

/* ---- closure_rows.c ---- */

/* A search of rows.
 *
 *   exits   an order sorted by parameters, keys, value: where each row, of parameters and keys,
 *           begins
 *   steps   an order sorted by parameters, from, to: what else a row has that has `from`
 *   gate    an order of rows, by parameters and keys: of those that take steps
 *
 * The last column of each is a value; its first `param_count` columns are parameters, for none or
 * some of which steps differ. */
struct rune_dl_row_search {
    uint32_t exits, steps, gate; /* in ctx->orders; gate UINT32_MAX: all take steps */
    uint32_t param_count;
    bool is_closure; /* exits and steps are the same tuples, with one key */
};

/* What rows hold, as an order with the exits' columns (`columns` is not set), and how many tuples.
 * *ret_done false: the values lie too far apart. RUNE_E_LIMIT, RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_search_rows(struct rune_dl_ctx *ctx,
                                                const struct rune_dl_row_search *search,
                                                struct rune_dl_order *ret_order,
                                                uint64_t *ret_count, bool *ret_done);
