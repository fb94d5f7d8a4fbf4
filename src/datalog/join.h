/* SPDX-License-Identifier: Apache-2.0 */
/* join: in which order a rule's goals are taken for a binding pattern.
 *
 * Owns: the choice (greedy, by expected tuples; join_order.c) and what it rests on: which variables
 * are known, how an atom is answered, how many tuples it is expected to give (join.c). Does not
 * know: programs (code.c), which walk the order and bind as they go. Private to datalog. */
#pragma once

#include "datalog/evaluate_int.h"

/* How an atom is answered: from stored tuples, by plans, or (a built-in) without tuples. */
enum rune_dl_atom_kind {
    RUNE_DL_ATOM_STORED,
    RUNE_DL_ATOM_CALL,
    RUNE_DL_ATOM_REQUEST,
    RUNE_DL_ATOM_CONTEXT,
    RUNE_DL_ATOM_ENTITY,
    RUNE_DL_ATOM_ATTR,
    RUNE_DL_ATOM_ELEMENT,
    RUNE_DL_ATOM_PARTS,
    RUNE_DL_ATOM_MAKE,
};

/* A rule, what is known in it so far, and the order found. All arrays are in ctx->scratch. */
struct rune_dl_join {
    struct rune_dl_ctx *ctx;
    const struct rune_dl_plan_rule *rule;
    uint32_t bound;  /* binding pattern of the head */
    bool *is_bound;  /* by variable: known, now */
    uint32_t *uses;  /* by variable: occurrences in head and goals */
    uint32_t *order; /* goals as they are taken; rule->goal_count of them if `is_whole` */
    double *rows;    /* by position: tuples expected for each so far; below 1: it only checks */
    uint32_t count;
    bool is_whole;
    /* the rule may ask its own recursion. Then, by variable: known, but by the question alone, no
     * atom has given it; the result of a goal that computes */
    bool waits;
    bool *only_asked, *is_computed;
};

/* Constants and the head's bound columns are known; no order yet. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_join_init(struct rune_dl_join *join, struct rune_dl_ctx *ctx,
                                              const struct rune_dl_plan_rule *rule, uint32_t bound);
/* Finds the order; `first` (UINT32_MAX: none) is a goal that has to begin. Leaves what is known as
 * init made it. RUNE_E_NOMEM. Cost: n log n in the goals and their variables. */
RUNE_MUST_USE enum rune_err rune_dl_join_find(struct rune_dl_join *join, uint32_t first);
/* Rows that a whole order is expected to give. */
double rune_dl_join_rows(const struct rune_dl_join *join);
/* The goal is taken: its variables are known. */
void rune_dl_join_take(struct rune_dl_join *join, uint32_t goal);

static inline bool rune_dl_join_knows(const struct rune_dl_join *join, uint32_t var)
{
    return var == RUNE_DL_NO_VAR || join->is_bound[var];
}

/* Whether an atom's column has to be read: not known, and somebody else wants it (or the same atom,
 * again). */
static inline bool rune_dl_join_wants(const struct rune_dl_join *join, uint32_t var)
{
    return var != RUNE_DL_NO_VAR && !join->is_bound[var] && join->uses[var] > 1;
}

/* Columns of an atom whose values are known; wildcards are not. LIMIT: the first 32 columns can be
 * bound. */
uint32_t rune_dl_join_columns(const struct rune_dl_join *join, const struct rune_dl_goal *goal);
enum rune_dl_atom_kind rune_dl_join_atom(const struct rune_dl_join *join,
                                         const struct rune_dl_goal *goal);
/* `S.contains(X)` with X free: a loop over S. */
bool rune_dl_join_is_member(const struct rune_dl_join *join, const struct rune_dl_goal *goal);

/* ---- between join.c and join_order.c ---- */

#define RUNE_DL_NOT_YET (-1.0) /* the cost of a goal that cannot be taken */

/* What taking the goal next would cost, as tuples for each so far; RUNE_DL_NOT_YET: not possible.
 * Below 0.5: at once. */
double rune_dl_join_cost(struct rune_dl_join *join, const struct rune_dl_goal *goal);
/* The tuples of a goal that is taken at this cost, as things stand. */
double rune_dl_join_rows_at(const struct rune_dl_join *join, const struct rune_dl_goal *goal,
                            double cost);
/* Back to what is known before any goal is taken. */
void rune_dl_join_restart(struct rune_dl_join *join);
