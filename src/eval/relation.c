/* SPDX-License-Identifier: Apache-2.0 */
/* relation: see relation.h for the forms. All loops here run inside decisions: no allocation, no
 * checks of what the verifier has checked. */
#include "eval/relation.h"

#include <stddef.h>

#include "base/layout.h"
#include "eval/relation_row.h"

#define SEARCHES_AHEAD 8u     /* of many, whose memory is on its way */
#define FAR_KEYS       16384u /* where they begin is not in the nearest cache */

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
    return rune_row_lower_bound(column, low, from, term);
}

RUNE_APART bool rune_cursor_open_growing(const struct rune_image_order *order,
                                         const rune_term *prefix, uint32_t count,
                                         struct rune_cursor *c)
{
    const struct rune_growing_view *view =
        (const struct rune_growing_view *)(uintptr_t)order->offset;
    const struct rune_growing_index *index = view->index;
    c->order = order;
    c->is_row = false;
    c->is_whole = false;
    c->columns = NULL;
    c->prefix = prefix;
    c->prefix_count = count;
    c->next = *view->low;
    c->end = *view->high;
    if (view->lasts != NULL) { /* one column is all there is to read: like one of a row */
        c->is_row = true;
        c->columns = *view->lasts;
        c->stride = 0;
    }
    if (index != NULL) {
        uint32_t slot, number;
        number = rune_growing_find_run(view->relation, index, prefix, count, &slot);
        if (number == 0) {
            return false;
        }
        const struct rune_growing_run *run = &index->runs[number - 1];
        c->next = run->begin + (view->part == RUNE_GROWING_NEW ? run->old : 0);
        c->end = run->begin + (view->part == RUNE_GROWING_OLD ? run->old : run->count);
        c->columns = index->has_values ? index->places : NULL;
    }
    return c->next < c->end;
}

static bool next_growing(struct rune_cursor *c)
{
    const struct rune_growing_view *view =
        (const struct rune_growing_view *)(uintptr_t)c->order->offset;
    if (c->next >= c->end) {
        return false;
    }
    c->at = view->index == NULL ? c->next : view->index->places[c->next];
    c->next++;
    return true;
}

/* All tuples of an order, or the one of a relation without columns. */
static RUNE_APART bool open_whole(const struct rune_relations *in,
                                  const struct rune_image_order *order, struct rune_cursor *c)
{
    c->order = order;
    c->is_row = false;
    c->is_whole = order->form != RUNE_ORDER_UNIT;
    c->next = 0;
    c->end = c->stride = (uint32_t)in->relations[order->relation].tuple_count;
    if (c->is_whole) {
        struct rune_order_arrays arrays = rune_order_arrays(order, in->base);
        c->keys = arrays.keys;
        c->starts = arrays.starts;
        c->columns = arrays.columns;
        c->key = 0;
    }
    return c->end != 0;
}

/* Of a row, the tuples that agree with a whole prefix of more than one column. */
static RUNE_APART struct rune_row narrow(const struct rune_image_order *order, uintptr_t base,
                                         const rune_term *prefix, uint32_t count,
                                         struct rune_row row)
{
    const uint32_t *column = rune_row_columns(order, base);
    for (uint32_t i = 1; i < count; i++, column += order->tuples) {
        row.next = rune_row_lower_bound(column, row.next, row.end, prefix[i]);
        if (row.next == row.end || column[row.next] != prefix[i]) {
            return (struct rune_row){0, 0};
        }
        if (i + 1 < count || row.next + 1 < row.end) {
            row.end = gallop(column, row.next, row.end, prefix[i] + 1);
        }
    }
    return row;
}

bool rune_cursor_open(const struct rune_relations *in, uint32_t order_id, const rune_term *prefix,
                      uint32_t count, struct rune_cursor *c)
{
    const struct rune_image_order *order = &in->orders[order_id];
    if (count == 0 || order->form >= RUNE_ORDER_UNIT) {
        return order->form == RUNE_ORDER_GROWING ? rune_cursor_open_growing(order, prefix, count, c)
                                                 : open_whole(in, order, c);
    }
    struct rune_row row = rune_row_find(order, in->base, prefix[0]);
    if (count > 1 && row.next != row.end) {
        row = narrow(order, in->base, prefix, count, row);
    }
    rune_row_open(order, in->base, row, c);
    return row.next != row.end;
}

bool rune_cursor_next_slowly(struct rune_cursor *c)
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
    if (c->order->form == RUNE_ORDER_GROWING) {
        const struct rune_growing_view *view =
            (const struct rune_growing_view *)(uintptr_t)c->order->offset;
        if (view->group != NULL) {
            *view->group = (*view->groups)[c->at];
        }
        return;
    }
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

rune_term rune_cursor_get_slowly(const struct rune_cursor *c, uint32_t position)
{
    if (c->order->form == RUNE_ORDER_GROWING) {
        const struct rune_growing_view *view =
            (const struct rune_growing_view *)(uintptr_t)c->order->offset;
        const struct rune_growing *relation = view->relation;
        if (c->columns != NULL) {
            return c->at; /* the only column that is not in the prefix */
        }
        return relation->rows[(size_t)c->at * relation->arity +
                              rune_order_column(c->order, relation->arity, position)];
    }
    if (position == 0) {
        return c->keys != NULL ? c->keys[c->key] : c->order->key_min + c->key;
    }
    return c->columns[(size_t)(position - 1) * c->stride + c->at];
}

/* As a cursor tells, for orders without keys. */
static RUNE_APART bool exists_slowly(const struct rune_relations *in, uint32_t order,
                                     const rune_term *prefix, uint32_t count)
{
    struct rune_cursor cursor;
    return rune_cursor_open(in, order, prefix, count, &cursor);
}

bool rune_relation_exists(const struct rune_relations *in, uint32_t order_id,
                          const rune_term *prefix, uint32_t count)
{
    const struct rune_image_order *order = &in->orders[order_id];
    if (count == 0 || order->form >= RUNE_ORDER_UNIT) {
        return exists_slowly(in, order_id, prefix, count);
    }
    struct rune_row row = rune_row_find(order, in->base, prefix[0]);
    if (count == 1 || row.next == row.end) {
        return row.next != row.end;
    }
    if (count == 2) {
        return rune_row_has(order, in->base, row, prefix[1]);
    }
    row = narrow(order, in->base, prefix, count, row);
    return row.next != row.end;
}

void rune_relation_fetch_key(const struct rune_relations *in, uint32_t order_id, rune_term term)
{
    const struct rune_image_order *order = &in->orders[order_id];
    uint32_t distance = term - order->key_min;
    uint32_t key = distance < order->key_count ? distance : 0;
    if (order->form == RUNE_ORDER_SPARSE) {
        /* Without a branch on what is loaded, too: where the key would be if there is none. A
         * directory is small enough to be in a cache. */
        uint32_t bucket = distance >> order->shift;
        bucket = bucket / 32 < order->block_count ? bucket : 0;
        const uint32_t *entry = rune_order_directory(order, in->base) + 2 * (size_t)(bucket / 32);
        key = entry[1] + rune_bits_count(entry[0] & ~(~0u << bucket % 32));
    }
    __builtin_prefetch(rune_row_starts(order, in->base) + key);
}

void rune_relation_fetch_row(const struct rune_relations *in, uint32_t order_id, rune_term term)
{
    const struct rune_image_order *order = &in->orders[order_id];
    uint32_t key = rune_row_find_key(order, in->base, term);
    if (key == RUNE_ROW_NONE) {
        return;
    }
    /* Without a branch on what is loaded: that would wait for it. */
    const uint32_t *starts = rune_row_starts(order, in->base) + key;
    const uint32_t *columns = rune_row_columns(order, in->base);
    __builtin_prefetch(columns + starts[0]);
    __builtin_prefetch(columns + starts[1] - 1);
}

bool rune_relation_find_rows(const struct rune_relations *in, uint32_t order_id,
                             const rune_term *terms, uint32_t count, uint32_t *ret_starts,
                             uint32_t *ret_ends)
{
    const struct rune_image_order *order = &in->orders[order_id];
    if (order->form >= RUNE_ORDER_UNIT) {
        return false;
    }
    bool is_far = order->key_count > FAR_KEYS;
    for (uint32_t i = 0; i < count; i++) {
        if (is_far && i + SEARCHES_AHEAD < count) {
            rune_relation_fetch_key(in, order_id, terms[i + SEARCHES_AHEAD]);
        }
        struct rune_row row = rune_row_find(order, in->base, terms[i]);
        ret_starts[i] = row.next;
        ret_ends[i] = row.end;
    }
    return true;
}

uint32_t rune_cursor_filter(const struct rune_relations *in, struct rune_cursor *c,
                            uint32_t position, uint32_t filter, uint32_t most)
{
    const struct rune_image_order *order = &in->orders[filter];
    const uint32_t *values = c->columns + (size_t)(position - 1) * c->stride;
    uint32_t begin = c->next, at = begin;
    uint32_t end = c->end - begin > most ? begin + most : c->end;
    for (; at < end; at++) {
        struct rune_row row = rune_row_find(order, in->base, values[at]);
        if (row.next != row.end) {
            break;
        }
    }
    c->next = at;
    return at - begin;
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

uint64_t rune_order_size(const struct rune_image_order *order, uint32_t arity, uint64_t tuples)
{
    if (order->form == RUNE_ORDER_UNIT) {
        return 0;
    }
    uint64_t words = (uint64_t)order->key_count + 1 + (uint64_t)(arity - 1) * tuples;
    if (order->form == RUNE_ORDER_SPARSE) {
        words += 2 * (uint64_t)order->block_count + order->key_count;
    }
    return 4 * words;
}

void rune_order_complete(struct rune_image_order *order, uint32_t arity)
{
    order->starts = 0;
    order->tuples = 0;
    if (order->form >= RUNE_ORDER_UNIT) {
        return;
    }
    uint64_t lead =
        order->form == RUNE_ORDER_SPARSE ? 2 * (uint64_t)order->block_count + order->key_count : 0;
    order->starts = order->offset + 4 * lead;
    if (arity > 1) {
        order->tuples = (uint32_t)((order->size / 4 - lead - order->key_count - 1) / (arity - 1));
    }
}

void rune_directory_plan(uint64_t range, uint32_t key_count, uint32_t *ret_shift,
                         uint32_t *ret_block_count)
{
    uint32_t shift = 0;
    while (((range - 1) >> shift) / 32 > key_count / 2 + 8) {
        shift++;
    }
    *ret_shift = shift;
    *ret_block_count = (uint32_t)((range - 1) >> shift) / 32 + 1;
}

struct rune_directory_block rune_directory_block(const uint32_t *keys, uint32_t key_count,
                                                 uint32_t shift, uint32_t number, uint32_t *from)
{
    struct rune_directory_block block = {0, *from};
    for (; *from < key_count; (*from)++) {
        uint32_t bucket = (keys[*from] - keys[0]) >> shift;
        if (bucket / 32 != number) {
            break;
        }
        block.bits |= 1u << bucket % 32;
    }
    return block;
}
