/* SPDX-License-Identifier: Apache-2.0 */
/* growing_sort: the new tuples by groups that agree in all columns but the last.
 *
 * Rules hand rows on whole, so tuples mostly arrive a stretch of one row after the other. It is the
 * stretches that are found and sorted, which are far fewer; of the tuples only the last column is
 * copied, once. */
#include <string.h>

#include "base/alloc.h"
#include "datalog/evaluate_int.h"

#define FEW_STRETCHES 32u /* sorted one by one */

void rune_dl_growing_drop_groups(struct rune_dl_groups *groups)
{
    rune_free(groups->heads.rows);
    RUNE_VEC_FINI(&groups->bounds);
    RUNE_VEC_FINI(&groups->lasts);
    rune_free(groups->stretches);
}

uint64_t rune_dl_growing_groups_words(const struct rune_dl_groups *groups)
{
    return (uint64_t)groups->heads.capacity * groups->heads.arity + 2 * groups->bounds.capacity +
           groups->lasts.capacity + groups->stretch_words;
}

/* -1, 0, 1 by all columns but the last. `arity` is a constant where it matters. */
static inline __attribute__((always_inline)) int compare_heads(const rune_term *a,
                                                               const rune_term *b, uint32_t arity)
{
    for (uint32_t c = 0; c + 1 < arity; c++) {
        if (a[c] != b[c]) {
            return a[c] < b[c] ? -1 : 1;
        }
    }
    return 0;
}

/* ---- stretches: rows of what their tuples agree in, where they begin, how many they are ---- */

static bool reserve_stretch(struct rune_dl_groups *groups, uint64_t words)
{
    if (words <= groups->stretch_words) {
        return true;
    }
    uint64_t capacity = words + words / 2 + 64;
    uint32_t *stretches = rune_realloc(groups->stretches, capacity, sizeof(uint32_t));
    if (stretches == NULL) {
        return false;
    }
    groups->stretches = stretches;
    groups->stretch_words = capacity;
    return true;
}

/* Finds the stretches of `count` tuples, and whether they ascend. False: no memory. */
static inline __attribute__((always_inline)) bool
find_stretches(struct rune_dl_groups *groups, const rune_term *rows, uint32_t count, uint32_t arity)
{
    uint64_t words = 0;
    groups->stretch_count = 0;
    groups->is_ascending = true;
    for (uint32_t begin = 0, end; begin < count; begin = end) {
        const rune_term *head = rows + (size_t)begin * arity, *next = head + arity;
        if (begin > 0 && compare_heads(head - arity, head, arity) > 0) {
            groups->is_ascending = false;
        }
        end = begin + 1;
        while (end < count && compare_heads(head, next, arity) == 0) {
            end++;
            next += arity;
        }
        if (!reserve_stretch(groups, words + arity + 1)) {
            return false;
        }
        uint32_t *stretch = groups->stretches + words;
        for (uint32_t c = 0; c + 1 < arity; c++) {
            stretch[c] = head[c];
        }
        stretch[arity - 1] = begin;
        stretch[arity] = end - begin;
        words += arity + 1;
        groups->stretch_count++;
    }
    return true;
}

static bool find_all_stretches(struct rune_dl_groups *groups, const rune_term *rows, uint32_t count,
                               uint32_t arity)
{
    switch (arity) {
    case 2:
        return find_stretches(groups, rows, count, 2);
    case 3:
        return find_stretches(groups, rows, count, 3);
    default:
        return find_stretches(groups, rows, count, arity);
    }
}

static void insert_stretches(struct rune_dl_groups *groups, uint32_t arity)
{
    size_t width = arity + 1;
    for (size_t i = 1; i < groups->stretch_count; i++) {
        uint32_t moved[RUNE_DL_MAX_ARITY + 1], *place = groups->stretches + i * width;
        memcpy(moved, place, width * sizeof(uint32_t));
        for (; place > groups->stretches && compare_heads(place - width, moved, arity) > 0;
             place -= width) {
            memcpy(place, place - width, width * sizeof(uint32_t));
        }
        memcpy(place, moved, width * sizeof(uint32_t));
    }
}

static enum rune_err sort_stretches(struct rune_dl_groups *groups, uint32_t arity)
{
    if (groups->is_ascending) {
        return RUNE_OK;
    }
    if (groups->stretch_count <= FEW_STRETCHES) {
        insert_stretches(groups, arity);
        return RUNE_OK;
    }
    groups->stretch_words = groups->stretch_count * (uint64_t)(arity + 1); /* of another block */
    return rune_dl_group_rows(&groups->stretches, groups->stretch_count, arity + 1, arity - 1);
}

/* ---- groups ---- */

static bool reserve_groups(struct rune_dl_groups *groups, uint32_t arity, uint32_t count)
{
    struct rune_growing *heads = &groups->heads;
    uint32_t most = groups->stretch_count;
    if (most > heads->capacity) {
        uint64_t capacity = most + (uint64_t)most / 4;
        rune_free(heads->rows);
        heads->rows = rune_realloc(NULL, capacity, arity * sizeof(rune_term));
        heads->capacity = heads->rows == NULL ? 0 : (uint32_t)capacity;
    }
    return most <= heads->capacity && RUNE_VEC_RESERVE(&groups->bounds, (size_t)most) &&
           RUNE_VEC_RESERVE(&groups->lasts, (size_t)count);
}

/* Stretches that agree become one group. */
static void write_groups(struct rune_dl_groups *groups, const rune_term *rows, uint32_t arity)
{
    struct rune_growing *heads = &groups->heads;
    const uint32_t *stretch = groups->stretches;
    uint32_t *last = groups->lasts.items, at = 0;
    heads->count = 0;
    for (uint32_t i = 0; i < groups->stretch_count; i++, stretch += arity + 1) {
        if (i == 0 || compare_heads(stretch - (arity + 1), stretch, arity) != 0) {
            memcpy(heads->rows + (size_t)heads->count * arity, stretch, arity * sizeof(rune_term));
            groups->bounds.items[heads->count++].begin = at;
        }
        const rune_term *value = rows + (size_t)stretch[arity - 1] * arity + arity - 1;
        for (uint32_t k = 0; k < stretch[arity]; k++, value += arity) {
            last[at++] = *value;
        }
        groups->bounds.items[heads->count - 1].end = at;
    }
    groups->lasts.count = at;
}

enum rune_err rune_dl_growing_sort(struct rune_dl_growing *growing)
{
    struct rune_dl_groups *groups = &growing->groups;
    uint32_t arity = growing->tuples.arity, count = growing->high - growing->low;
    const rune_term *rows = growing->tuples.rows + (size_t)growing->low * arity;
    growing->row.end = 0;
    groups->heads.arity = arity;
    groups->heads.count = 0;
    if (!find_all_stretches(groups, rows, count, arity)) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = sort_stretches(groups, arity);
    if (err == RUNE_OK && !reserve_groups(groups, arity, count)) {
        err = RUNE_E_NOMEM;
    }
    if (err == RUNE_OK) {
        write_groups(groups, rows, arity);
    }
    return err;
}
