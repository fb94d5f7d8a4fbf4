/* SPDX-License-Identifier: Apache-2.0 */
/* growing_views: the orders by which the machine reads a relation that grows: which of its tuples,
 * by which index. */
#include <string.h>

#include "datalog/evaluate_int.h"

/* The order that reads through such a view, if there is one. */
static bool find_view(const struct rune_dl_ctx *ctx, const struct rune_dl_growing *growing,
                      const struct rune_growing_view *view, uint32_t *ret_order)
{
    for (size_t i = 0; i < growing->views.count; i++) {
        uint32_t order = growing->views.items[i];
        const void *there = (const void *)(uintptr_t)ctx->orders.items[order].offset;
        if (memcmp(there, view, sizeof(*view)) == 0) {
            *ret_order = order;
            return true;
        }
    }
    return false;
}

enum rune_err rune_dl_growing_order(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t search,
                                    enum rune_dl_range range,
                                    const struct rune_dl_partners *partners, uint32_t *ret_order)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    struct rune_dl_growing *growing = rel->growing;
    const struct rune_growing_index *index;
    enum rune_err err = rune_dl_growing_find_index(growing, search, partners, &index);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_growing_view view;
    memset(&view, 0, sizeof(view)); /* padding, too: views are compared by their bytes */
    view.relation = &growing->tuples;
    view.index = index;
    view.low = &growing->zero;
    view.high = &growing->high;
    if (range == RUNE_DL_RANGE_NEW) {
        view.low = &growing->low;
        view.part = RUNE_GROWING_NEW;
    } else if (range == RUNE_DL_RANGE_OLD) {
        view.high = &growing->low;
        view.part = RUNE_GROWING_OLD;
    } else if (range == RUNE_DL_RANGE_FED) {
        view.low = &growing->fed_low;
        view.high = &growing->fed_high;
    } else if (range == RUNE_DL_RANGE_GROUP) {
        view.relation = &growing->groups.heads;
        view.low = &growing->group.begin;
        view.high = &growing->group.end;
        view.lasts = &growing->groups.lasts.items;
    } else if (range == RUNE_DL_RANGE_SORTED) {
        view.relation = &growing->groups.heads;
        view.high = &growing->groups.heads.count;
        view.group = &growing->group;
        view.groups = &growing->groups.bounds.items;
    }
    if (find_view(ctx, growing, &view, ret_order)) {
        return RUNE_OK;
    }
    const struct rune_growing_view *kept = rune_arena_memdup(&ctx->arena, &view, sizeof(view));
    struct rune_image_order order = {
        .relation = relation, .form = RUNE_ORDER_GROWING, .offset = (uint64_t)(uintptr_t)kept};
    uint32_t position = 0;
    for (int in_search = 1; in_search >= 0; in_search--) {
        for (uint32_t c = 0; c < rel->arity && position < 8; c++) {
            if ((c < 32 && (search >> c & 1) != 0) == (in_search == 1)) {
                order.columns[position++] = (uint8_t)c;
            }
        }
    }
    *ret_order = (uint32_t)ctx->orders.count;
    return kept != NULL && RUNE_VEC_PUSH(&growing->views, *ret_order) &&
                   RUNE_VEC_PUSH(&ctx->orders, order)
               ? RUNE_OK
               : RUNE_E_NOMEM;
}
