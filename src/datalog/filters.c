/* SPDX-License-Identifier: Apache-2.0 */
/* filters: bits that say which leading columns a stored order has together, made while a recursion
 * is compiled that searches it by several of them, and gone with its fixpoint.
 *
 * A recursion asks the same stored order again and again, mostly for what is not there: a label and
 * a node, say, of which one pair in eight is an edge. A search costs a key and a bisection; the
 * filter says no in one load. */
#include "base/alloc.h"
#include "datalog/evaluate_int.h"

#define BITS_A_TUPLE   16u                 /* at least: one answer in 16 is in vain */
#define MIN_BITS_SHIFT 9u                  /* of the smallest filter */
#define MAX_TUPLES     (UINT64_C(1) << 24) /* LIMIT: 32 to 64 MiB */

/* Room for the filters of all orders there are. */
static bool reserve(struct rune_dl_ctx *ctx)
{
    struct rune_prefix_filter none = {0};
    while (ctx->filters.count < ctx->orders.count) {
        if (!RUNE_VEC_PUSH(&ctx->filters, none)) {
            return false;
        }
    }
    return true;
}

static void fill(const struct rune_dl_ctx *ctx, uint32_t order, struct rune_prefix_filter *filter)
{
    struct rune_relations in = {ctx->image_relations.items, ctx->orders.items, 0};
    struct rune_cursor cursor;
    if (!rune_cursor_open(&in, order, NULL, 0, &cursor)) {
        return;
    }
    while (rune_cursor_next(&cursor)) {
        uint64_t hash = 0;
        for (uint32_t i = 0; i < filter->count; i++) {
            hash += rune_prefix_part(i, rune_cursor_get(&cursor, i));
        }
        uint64_t bit = hash >> filter->shift;
        filter->words[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
}

enum rune_err rune_dl_filter_make(struct rune_dl_ctx *ctx, uint32_t order, uint32_t count)
{
    uint64_t tuples = ctx->rels.items[ctx->orders.items[order].relation].count;
    uint32_t log = MIN_BITS_SHIFT;
    if (count < 2 || tuples > MAX_TUPLES ||
        (order < ctx->filters.count && ctx->filters.items[order].words != NULL)) {
        return RUNE_OK;
    }
    while (UINT64_C(1) << log < tuples * BITS_A_TUPLE) {
        log++;
    }
    struct rune_prefix_filter filter = {.shift = 64 - log, .count = count};
    filter.words = reserve(ctx) ? rune_calloc((UINT64_C(1) << log) / 64, sizeof(uint64_t)) : NULL;
    if (filter.words == NULL) {
        return RUNE_E_NOMEM;
    }
    fill(ctx, order, &filter);
    ctx->filters.items[order] = filter;
    return RUNE_OK;
}

void rune_dl_filters_free(struct rune_dl_ctx *ctx)
{
    for (size_t i = 0; i < ctx->filters.count; i++) {
        rune_free(ctx->filters.items[i].words);
    }
    RUNE_VEC_FINI(&ctx->filters);
}
