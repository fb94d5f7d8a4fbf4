/* SPDX-License-Identifier: Apache-2.0 */
/* relation: see relation.h for the forms. All loops here run inside decisions: no allocation, no
 * checks of what the verifier has checked. */
#include "eval/relation.h"

#include <stddef.h>

/* First position in [low, high) of an ascending column whose value is not less than `term`. */
static uint32_t lower_bound(const uint32_t *column, uint32_t low, uint32_t high, rune_term term)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (column[middle] < term) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* As lower_bound, from a position known to be near: doubling steps first. */
static uint32_t gallop(const uint32_t *column, uint32_t low, uint32_t high, rune_term term)
{
    uint32_t step = 1;
    uint32_t from = low;
    while (from < high && column[from] < term) {
        low = from + 1;
        from = high - from > step ? from + step : high;
        step *= 2;
    }
    return lower_bound(column, low, from, term);
}

static void find_arrays(const struct rune_relations *in, const struct rune_image_order *order,
                        struct rune_cursor *c)
{
    const uint32_t *words = (const uint32_t *)(in->base + (uintptr_t)order->offset);
    c->order = order;
    c->key_min = order->key_min;
    c->keys = NULL;
    if (order->form == RUNE_ORDER_SPARSE) {
        c->keys = words;
        words += order->key_count;
    }
    c->starts = words;
    c->columns = words + order->key_count + 1;
    c->stride = (uint32_t)in->relations[order->relation].tuple_count;
}

static bool find_key(const struct rune_image_order *order, struct rune_cursor *c, rune_term term)
{
    if (c->keys == NULL) {
        c->key = term - order->key_min;
        return c->key < order->key_count;
    }
    c->key = lower_bound(c->keys, 0, order->key_count, term);
    return c->key < order->key_count && c->keys[c->key] == term;
}

static uint64_t hash_prefix(const struct rune_growing_view *view, const rune_term *prefix,
                            uint32_t count)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < count; i++) {
        hash = rune_growing_mix(hash, prefix[i]);
    }
    return (hash >> 32) & (view->index->slots - 1);
}

static bool open_growing(const struct rune_image_order *order, const rune_term *prefix,
                         uint32_t count, struct rune_cursor *c)
{
    const struct rune_growing_view *view =
        (const struct rune_growing_view *)(uintptr_t)order->offset;
    c->order = order;
    c->prefix = prefix;
    c->prefix_count = count;
    c->end = *view->high;
    if (view->index == NULL) {
        c->next = *view->low;
        return c->next < c->end;
    }
    c->next = view->index->heads[hash_prefix(view, prefix, count)];
    return c->next != 0;
}

static bool next_growing(struct rune_cursor *c)
{
    const struct rune_growing_view *view =
        (const struct rune_growing_view *)(uintptr_t)c->order->offset;
    const struct rune_growing *relation = view->relation;
    if (view->index == NULL) {
        if (c->next >= c->end) {
            return false;
        }
        c->at = c->next++;
        return true;
    }
    while (c->next > *view->low) {
        uint32_t row = c->next - 1;
        c->next = view->index->next[row];
        if (row >= c->end) {
            continue;
        }
        const rune_term *tuple = relation->rows + (size_t)row * relation->arity;
        uint32_t i = 0;
        while (i < c->prefix_count && tuple[c->order->columns[i]] == c->prefix[i]) {
            i++;
        }
        if (i == c->prefix_count) {
            c->at = row;
            return true;
        }
    }
    return false;
}

bool rune_cursor_open(const struct rune_relations *in, uint32_t order_id, const rune_term *prefix,
                      uint32_t count, struct rune_cursor *c)
{
    const struct rune_image_order *order = &in->orders[order_id];
    if (order->form >= RUNE_ORDER_UNIT) {
        if (order->form == RUNE_ORDER_GROWING) {
            return open_growing(order, prefix, count, c);
        }
        c->order = order;
        c->next = 0;
        c->end = (uint32_t)in->relations[order->relation].tuple_count;
        c->is_whole = false;
        return c->end != 0;
    }
    find_arrays(in, order, c);
    c->is_whole = count == 0;
    if (count == 0) {
        c->next = 0;
        c->end = c->stride;
        c->key = 0;
        return c->end != 0;
    }
    if (!find_key(order, c, prefix[0])) {
        return false;
    }
    c->next = c->starts[c->key];
    c->end = c->starts[c->key + 1];
    for (uint32_t i = 1; i < count && c->next < c->end; i++) {
        const uint32_t *column = c->columns + (size_t)(i - 1) * c->stride;
        c->next = lower_bound(column, c->next, c->end, prefix[i]);
        if (c->next == c->end || column[c->next] != prefix[i]) {
            return false;
        }
        if (i + 1 < count || c->next + 1 < c->end) {
            c->end = gallop(column, c->next, c->end, prefix[i] + 1);
        }
    }
    return c->next < c->end;
}

bool rune_cursor_next(struct rune_cursor *c)
{
    if (c->order->form == RUNE_ORDER_GROWING) {
        return next_growing(c);
    }
    if (c->next >= c->end) {
        return false;
    }
    c->at = c->next++;
    if (c->is_whole) {
        while (c->starts[c->key + 1] <= c->at) {
            c->key++;
        }
    }
    return true;
}

void rune_cursor_skip(struct rune_cursor *c, uint32_t positions)
{
    if (c->order->form >= RUNE_ORDER_UNIT || c->next >= c->end) {
        return;
    }
    uint32_t end = c->end;
    if (c->is_whole) {
        end = c->starts[c->key + 1];
    }
    for (uint32_t i = 1; i < positions; i++) {
        const uint32_t *column = c->columns + (size_t)(i - 1) * c->stride;
        end = gallop(column, c->next, end, column[c->at] + 1);
    }
    c->next = end;
}

rune_term rune_cursor_get(const struct rune_cursor *c, uint32_t position)
{
    if (c->order->form == RUNE_ORDER_GROWING) {
        const struct rune_growing_view *view =
            (const struct rune_growing_view *)(uintptr_t)c->order->offset;
        const struct rune_growing *relation = view->relation;
        return relation->rows[(size_t)c->at * relation->arity +
                              rune_order_column(c->order, relation->arity, position)];
    }
    if (position == 0) {
        return c->keys != NULL ? c->keys[c->key] : c->key_min + c->key;
    }
    return c->columns[(size_t)(position - 1) * c->stride + c->at];
}

bool rune_relation_exists(const struct rune_relations *in, uint32_t order, const rune_term *prefix,
                          uint32_t count)
{
    struct rune_cursor cursor;
    if (!rune_cursor_open(in, order, prefix, count, &cursor)) {
        return false;
    }
    return in->orders[order].form != RUNE_ORDER_GROWING || next_growing(&cursor);
}

uint32_t rune_order_column(const struct rune_image_order *order, uint32_t arity, uint32_t position)
{
    if (position < 8) {
        return order->columns[position];
    }
    uint64_t named = 0;
    for (uint32_t i = 0; i < 8; i++) {
        named |= UINT64_C(1) << (order->columns[i] & 63);
    }
    uint32_t left = position - 8;
    for (uint32_t column = 0; column < arity; column++) {
        if ((named >> column & 1) == 0 && left-- == 0) {
            return column;
        }
    }
    return 0;
}

uint64_t rune_order_size(enum rune_order_form form, uint32_t arity, uint64_t key_count,
                         uint64_t tuples)
{
    if (form == RUNE_ORDER_UNIT) {
        return 0;
    }
    uint64_t words = key_count + 1 + (form == RUNE_ORDER_SPARSE ? key_count : 0);
    return 4 * (words + (uint64_t)(arity - 1) * tuples);
}
