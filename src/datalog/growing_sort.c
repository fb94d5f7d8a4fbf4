/* SPDX-License-Identifier: Apache-2.0 */
/* growing_sort: the new tuples by groups that agree in all columns but the last.
 *
 * Rules hand rows on whole, so tuples mostly arrive a stretch of one row after the other. Where
 * they do, stretches are sorted, which are far fewer, and the tuples are copied once. */
#include <string.h>

#include "base/alloc.h"
#include "datalog/evaluate_int.h"

#define TUPLES_A_STRETCH 2u /* with fewer, tuples are sorted one by one */

void rune_dl_growing_drop_sorted(struct rune_dl_growing *growing)
{
    rune_free(growing->sorted_rows);
    rune_free(growing->lasts);
}

/* Room for the sorted tuples, and for their last column; what is there is not kept. */
static enum rune_err reserve(struct rune_dl_growing *growing, uint64_t count)
{
    uint32_t arity = growing->tuples.arity;
    if (count <= growing->sorted_capacity) {
        return RUNE_OK;
    }
    uint64_t capacity = count + count / 4;
    rune_dl_growing_drop_sorted(growing);
    growing->sorted_capacity = 0;
    growing->lasts = NULL;
    growing->sorted_rows = rune_realloc(NULL, capacity, arity * sizeof(rune_term));
    if (growing->is_read_by_lasts) {
        growing->lasts = rune_realloc(NULL, capacity, sizeof(uint32_t));
    }
    if (growing->sorted_rows == NULL || (growing->is_read_by_lasts && growing->lasts == NULL)) {
        return RUNE_E_NOMEM;
    }
    growing->sorted_capacity = (uint32_t)(capacity < UINT32_MAX ? capacity : UINT32_MAX);
    return RUNE_OK;
}

static void gather_lasts(struct rune_dl_growing *growing)
{
    const struct rune_growing *sorted = &growing->sorted;
    for (size_t i = 0; i < sorted->count && growing->is_read_by_lasts; i++) {
        growing->lasts[i] = sorted->rows[(i + 1) * sorted->arity - 1];
    }
}

/* Whether a tuple belongs to the group of the one before it. */
static inline bool goes_on(const rune_term *tuple, uint32_t arity)
{
    uint32_t c = 0;
    while (c + 1 < arity && tuple[c] == (tuple - arity)[c]) {
        c++;
    }
    return c + 1 >= arity;
}

static uint64_t count_stretches(const rune_term *rows, uint64_t count, uint32_t arity)
{
    uint64_t stretches = count > 0;
    for (uint64_t i = 1; i < count; i++) {
        stretches += !goes_on(rows + i * arity, arity);
    }
    return stretches;
}

/* Each stretch as a row: what its tuples agree in, where it begins, how many they are. */
static void write_stretches(const rune_term *rows, uint64_t count, uint32_t arity,
                            uint32_t *stretches)
{
    uint32_t *to = stretches - (arity + 1);
    for (uint64_t i = 0; i < count; i++, rows += arity) {
        if (i == 0 || !goes_on(rows, arity)) {
            to += arity + 1;
            memcpy(to, rows, (arity - 1) * sizeof(rune_term));
            to[arity - 1] = (uint32_t)i;
            to[arity] = 0;
        }
        to[arity]++;
    }
}

static enum rune_err sort_stretches(const rune_term *rows, uint64_t count, uint32_t arity,
                                    uint64_t stretch_count, rune_term *ret_rows)
{
    uint32_t *stretches = rune_realloc(NULL, stretch_count, (arity + 1) * sizeof(uint32_t));
    if (stretches == NULL) {
        return RUNE_E_NOMEM;
    }
    write_stretches(rows, count, arity, stretches);
    enum rune_err err = rune_dl_group_rows(&stretches, stretch_count, arity + 1, arity - 1);
    const uint32_t *stretch = stretches + arity - 1;
    for (uint64_t i = 0; i < stretch_count && err == RUNE_OK; i++, stretch += arity + 1) {
        size_t terms = (size_t)stretch[1] * arity;
        memcpy(ret_rows, rows + (size_t)stretch[0] * arity, terms * sizeof(rune_term));
        ret_rows += terms;
    }
    rune_free(stretches);
    return err;
}

enum rune_err rune_dl_growing_sort(struct rune_dl_growing *growing)
{
    uint64_t count = growing->high - growing->low;
    uint32_t arity = growing->tuples.arity;
    rune_term *rows = growing->tuples.rows + (size_t)growing->low * arity;
    enum rune_err err = reserve(growing, count);
    if (err != RUNE_OK) {
        return err;
    }
    growing->sorted = (struct rune_growing){.arity = arity, .count = (uint32_t)count, .rows = rows};
    growing->row.end = 0;
    growing->is_sorted = rune_dl_are_grouped(rows, count, arity);
    if (!growing->is_sorted) {
        uint64_t stretches = count_stretches(rows, count, arity);
        if (stretches * TUPLES_A_STRETCH <= count) {
            err = sort_stretches(rows, count, arity, stretches, growing->sorted_rows);
        } else {
            memcpy(growing->sorted_rows, rows, count * arity * sizeof(rune_term));
            err = rune_dl_group_rows(&growing->sorted_rows, count, arity, arity - 1);
            growing->sorted_capacity = (uint32_t)count; /* it may be another block now */
        }
        growing->sorted.rows = growing->sorted_rows;
    }
    gather_lasts(growing);
    return err;
}
