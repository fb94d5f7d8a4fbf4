/* SPDX-License-Identifier: Apache-2.0 */
/* sink: running one rule, and where the tuples go that it derives: rows, which are sorted when the
 * rule has ended, or a relation that grows, by way of a batch.
 *
 * Owns: limits while tuples are derived. Does not know: which rules run when. Used by: fixpoint. */
#pragma once

#include "datalog/evaluate_int.h"

struct rune_dl_sink {
    struct rune_dl_ctx *ctx;
    struct rune_dl_rel *rel;
    struct rune_dl_growing *growing; /* recursive: to this, by way of pending */
    rune_term *pending;              /* RUNE_DL_GROWING_BATCH tuples */
    uint32_t pending_count;
    struct rune_dl_growing *read; /* what the plan begins with */
    bool is_fed;                  /* it reads what it adds to that, too */
    uint32_t fresh;               /* word of the plan's loop for rune_dl_keep_fresh; 0: none */
    rune_term *rows;              /* else: to these */
    uint64_t count, capacity;
    uint64_t budget; /* tuples that may be collected; UINT64_MAX: any number */
    bool is_over;    /* the budget, not a limit */
    uint64_t steps;  /* that were taken */
    enum rune_err err;
};

/* Runs a rule by its plan, for as many steps at most (UINT64_MAX: as the build may take). With
 * RUNE_OK, sink->is_over tells whether the sink's budget or these steps ended it. RUNE_E_LIMIT,
 * reported at the rule; RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_run_rule(struct rune_dl_ctx *ctx, uint32_t number,
                                             const struct rune_image_plan *plan, uint64_t steps,
                                             struct rune_dl_sink *sink);

/* Whether a rule derives nothing because it reads a relation without tuples: then no program is
 * made of it. One that may be too long for a program is, to be refused whatever it reads. */
bool rune_dl_is_void(const struct rune_dl_ctx *ctx, uint32_t number);

/* The words of what a cursor has left, if that is a row of a growing relation whose set is bits,
 * and they are not many more than its values. It may be more than what the cursor would give, newer
 * tuples: nothing is wrong with finding early what they lead to. */
bool rune_dl_find_words(const struct rune_dl_ctx *ctx, const struct rune_cursor *cursor,
                        uint32_t position, struct rune_dl_row_words *ret_words);

/* ---- fresh.c ---- */

/* The word of a loop, in a plan of a recursion, that gives the head's last column, with nothing but
 * tests behind it that cannot fail; 0: there is none. */
uint32_t rune_dl_find_fresh(const struct rune_dl_ctx *ctx, const struct rune_image_plan *plan);
/* Leaves of what the loop's cursor has only the values of which the head, whose other columns are
 * in `tuple`, has no tuple yet. False: there is none, or sink->err. */
bool rune_dl_keep_fresh(void *context, const rune_term *tuple, struct rune_cursor *cursor,
                        uint32_t position);

/* Sorts collected rows and drops repetitions. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_sink_sort(struct rune_dl_sink *sink);
