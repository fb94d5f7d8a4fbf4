/* SPDX-License-Identifier: Apache-2.0 */
/* relation_row: how the row of a key is found in the forms that an image has. Inline, since each
 * search of a decision goes through here. Private to: relation, rule_scan. */
#pragma once

#include "base/bits.h"
#include "eval/relation.h"

/* First position in [low, high) of an ascending column whose value is not less than `term`. Without
 * branches on what is found: rows are short, and which half it is cannot be foretold. */
static inline uint32_t rune_row_lower_bound(const uint32_t *column, uint32_t low, uint32_t high,
                                            rune_term term)
{
    const uint32_t *at = column + low;
    uint32_t left = high - low;
    while (left > 1) {
        uint32_t half = left / 2;
        at = at[half - 1] < term ? at + half : at;
        left -= half;
    }
    return (uint32_t)(at - column) + (left == 1 && *at < term);
}

#define RUNE_ROW_NONE UINT32_MAX /* more than there can be */

static inline const uint32_t *rune_row_starts(const struct rune_image_order *order, uintptr_t base)
{
    return (const uint32_t *)(base + (uintptr_t)order->starts);
}

/* Number of the key of a SPARSE order at a distance from its first one, or RUNE_ROW_NONE. Cost:
 * O(1) where keys lie evenly. */
static inline uint32_t rune_row_find_sparse(const struct rune_image_order *order, uintptr_t base,
                                            uint32_t distance)
{
    uint32_t bucket = distance >> order->shift, block = bucket / 32;
    if (block >= order->block_count) {
        return RUNE_ROW_NONE;
    }
    const uint32_t *entry = rune_order_directory(order, base) + 2 * (size_t)block;
    uint32_t bits = entry[0] >> bucket % 32;
    if ((bits & 1) == 0) {
        return RUNE_ROW_NONE;
    }
    uint32_t key = entry[1] + rune_bits_count(entry[0] ^ bits << bucket % 32);
    if (order->shift != 0) {
        const uint32_t *keys = rune_row_starts(order, base) - order->key_count;
        rune_term term = order->key_min + distance;
        while (key < order->key_count && keys[key] < term) {
            key++;
        }
        return key < order->key_count && keys[key] == term ? key : RUNE_ROW_NONE;
    }
    return key;
}

/* Number of the term's key, or RUNE_ROW_NONE. */
static inline uint32_t rune_row_find_key(const struct rune_image_order *order, uintptr_t base,
                                         rune_term term)
{
    uint32_t distance = term - order->key_min;
    if (order->form == RUNE_ORDER_DENSE) {
        return distance < order->key_count ? distance : RUNE_ROW_NONE;
    }
    return rune_row_find_sparse(order, base, distance);
}

/* Tuples of an order, by position. */
struct rune_row {
    uint32_t next, end;
};

/* The tuples of a key; none where there is no such key. */
static inline struct rune_row rune_row_find(const struct rune_image_order *order, uintptr_t base,
                                            rune_term term)
{
    uint32_t key = rune_row_find_key(order, base, term);
    if (key == RUNE_ROW_NONE) {
        return (struct rune_row){0, 0};
    }
    const uint32_t *starts = rune_row_starts(order, base) + key;
    return (struct rune_row){starts[0], starts[1]};
}

static inline const uint32_t *rune_row_columns(const struct rune_image_order *order, uintptr_t base)
{
    return rune_row_starts(order, base) + order->key_count + 1;
}

/* A cursor over a row that was found. */
static inline void rune_row_open(const struct rune_image_order *order, uintptr_t base,
                                 struct rune_row row, struct rune_cursor *ret_cursor)
{
    ret_cursor->next = row.next;
    ret_cursor->end = row.end;
    ret_cursor->stride = order->tuples;
    ret_cursor->is_row = true;
    ret_cursor->is_whole = false;
    ret_cursor->columns = rune_row_columns(order, base);
    ret_cursor->order = order;
}

/* Whether a value is at a row's sort position 1. */
static inline bool rune_row_has(const struct rune_image_order *order, uintptr_t base,
                                struct rune_row row, rune_term term)
{
    const uint32_t *column = rune_row_columns(order, base);
    uint32_t at = rune_row_lower_bound(column, row.next, row.end, term);
    return at < row.end && column[at] == term;
}
