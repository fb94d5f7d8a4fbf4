/* SPDX-License-Identifier: Apache-2.0 */
/* compose: rules that compose relations of their recursion,
 *
 *     h(K.., X, Z) :- p(K.., X, Y), q(K.., Y, Z)        h(X, Z) :- p(X, Y), q(Y, U), r(U, Z)
 *
 * by rows of bits. All that an X gets, for new Y and for Y of which q has become more, is or-ed
 * into one row, which is looked at once; tests on X and Z are masks on that row. Of a chain of more
 * than two atoms what each X has got to by all but the last is kept, as a row for each X, so that
 * each atom is joined with what is new behind the one before, and a U that is got to in many ways
 * is gone on from once.
 *
 * Owns: which rules are like that (compose_shape.c), the sweep over their rows (compose.c), what a
 * row gets (compose_row.c) and what tests leave of it (compose_test.c). Knows: relations that grow
 * (growing.h). Does not know: rounds, but that they have numbers. Private to datalog. Used by:
 * fixpoint. */
#pragma once

#include "datalog/evaluate_int.h"

struct rune_dl_compose;

/* *ret_compose: NULL where the rule is none; the caller destroys it. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_compose_make(struct rune_dl_ctx *ctx, uint32_t rule,
                                                 struct rune_dl_compose **ret_compose);
void rune_dl_compose_destroy(struct rune_dl_compose *compose);

/* Adds what the rule derives from all tuples there are, if that pays, once a round: *ret_done says
 * whether this round needs nothing else. What was derived before, from old tuples (growing->low),
 * is not looked at. RUNE_E_LIMIT (reported), RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_compose_run(struct rune_dl_ctx *ctx,
                                                struct rune_dl_compose *compose, uint64_t round,
                                                bool *ret_done);
