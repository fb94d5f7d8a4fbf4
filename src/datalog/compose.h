/* SPDX-License-Identifier: Apache-2.0 */
/* compose: rules that compose two relations of their recursion,
 *
 *     h(K.., X, Z) :- p(K.., X, Y), q(K.., Y, Z)
 *
 * by rows of bits. All that an X gets, for new Y and for Y of which q has become more, is or-ed
 * into one row, which is looked at once; tests on X and Z are masks on that row.
 *
 * Owns: which rules are like that (compose_shape.c), the sweep over their rows (compose.c). Knows:
 * relations that grow (growing.h). Does not know: rounds. Private to datalog. Used by: fixpoint. */
#pragma once

#include "datalog/evaluate_int.h"

/* Where a term to search by comes from. */
struct rune_dl_compose_term {
    uint32_t column; /* of the head; UINT32_MAX: a constant */
    rune_term term;
};

/* What a stored atom besides the two says of values. */
enum rune_dl_compose_free {
    RUNE_DL_COMPOSE_NONE,   /* nothing: it is there for a row, or not */
    RUNE_DL_COMPOSE_MIDDLE, /* of Y */
    RUNE_DL_COMPOSE_LAST,   /* of Z */
};

struct rune_dl_compose_test {
    enum rune_dl_compose_free of;
    bool is_negated;
    bool is_by_key;           /* it does not ask for X */
    uint32_t order, position; /* sort position of the values */
    uint32_t count;
    struct rune_dl_compose_term terms[RUNE_ORDER_MAX_PREFIX];
};
RUNE_VEC(rune_dl_vec_compose_test, struct rune_dl_compose_test);

/* One of the two atoms: rows of X with Y, or of Y with Z. */
struct rune_dl_compose_side {
    uint32_t relation;
    enum rune_dl_side side;
    uint32_t done; /* its tuples that were read */
    /* the others by row: values [begins[row], begins[row + 1]) */
    struct rune_vec_u32 begins, values;
    const struct rune_dl_dense *dense; /* while it runs */
};

struct rune_dl_compose {
    uint32_t rule, arity;
    bool is_unequal; /* X != Z */
    struct rune_dl_compose_side left, right;
    struct rune_dl_vec_compose_test tests;
    uint32_t round; /* the caller's: in which it ran last */
    /* of Y: in new tuples of this X, or of which there are new tuples; may it be */
    struct rune_vec_u64 fresh, changed, keep_middle;
    struct rune_vec_u64 row, keep_last, mask; /* of Z: found, may it be, one test's */
    struct rune_vec_u64 touched;              /* blocks of `row` */
    struct rune_vec_u32 beyond;               /* tuples for which the head's bits have no place */
    uint64_t steps;
};

/* *ret_compose: NULL where the rule is none; the caller destroys it. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_compose_make(struct rune_dl_ctx *ctx, uint32_t rule,
                                                 struct rune_dl_compose **ret_compose);
void rune_dl_compose_destroy(struct rune_dl_compose *compose);

/* Adds what the rule derives from all tuples there are, if that pays: *ret_done. What was derived
 * before, from old tuples (growing->low), it does not look at. RUNE_E_LIMIT (reported),
 * RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_compose_run(struct rune_dl_ctx *ctx,
                                                struct rune_dl_compose *compose, bool *ret_done);
