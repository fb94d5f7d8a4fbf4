/* SPDX-License-Identifier: Apache-2.0 */
/* growing_rows: tuples that differ in the last column only, taken whole.
 *
 * Most rules of a recursion hand the last column on: p(X, Z) :- .., q(Y, Z). What q has for a Y is
 * then or-ed into what p has for an X, 64 values at a time, and only what is new is looked at one
 * by one. */
#include "datalog/growing.h"

#include <string.h>

/* ---- adding words ---- */

/* By how many words the row's lie behind the set's; it may be negative. */
static int64_t word_distance(const struct rune_dl_bits *bits, const struct rune_dl_row_words *words)
{
    return ((int64_t)words->base - (int64_t)bits->least[bits->arity - 1]) / 64;
}

bool rune_dl_growing_takes_words(const struct rune_dl_growing *growing, const rune_term *row,
                                 const struct rune_dl_row_words *words)
{
    const struct rune_dl_bits *bits = &growing->bits;
    if (bits->words == NULL || words->words == NULL ||
        rune_dl_bits_find(bits, bits->arity, row) == NULL) {
        return false;
    }
    int64_t distance = word_distance(bits, words);
    for (uint64_t w = 0; w < words->count; w++) {
        bool is_inside = (uint64_t)((int64_t)w + distance) < bits->stride;
        if (is_inside && distance >= 0 &&
            distance + (int64_t)words->count <= (int64_t)bits->stride) {
            return true; /* so are all others */
        }
        if (!is_inside && words->words[w] != 0) {
            return false;
        }
    }
    return true;
}

/* The tuples of one word. */
static void add_word(struct rune_growing *tuples, const rune_term *row, rune_term base,
                     uint64_t word)
{
    uint32_t arity = tuples->arity;
    rune_term *to = tuples->rows + (size_t)tuples->count * arity;
    for (; word != 0; word &= word - 1) {
        for (uint32_t c = 0; c + 1 < arity; c++) {
            to[c] = row[c];
        }
        to[arity - 1] = base + (uint32_t)__builtin_ctzll(word);
        to += arity;
        tuples->count++;
    }
}

/* The first word from `at` on that has something new, or `end`. */
static inline int64_t skip_old(const uint64_t *words, const uint64_t *to, int64_t distance,
                               int64_t at, int64_t end)
{
    while (at + 4 <= end) {
        uint64_t fresh = 0;
        for (int64_t i = at; i < at + 4; i++) {
            fresh |= words[i] & ~to[i + distance];
        }
        if (fresh != 0) {
            break;
        }
        at += 4;
    }
    while (at < end && (words[at] & ~to[at + distance]) == 0) {
        at++;
    }
    return at;
}

enum rune_err rune_dl_growing_add_words(struct rune_dl_growing *growing, const rune_term *row,
                                        const struct rune_dl_row_words *words)
{
    struct rune_growing *tuples = &growing->tuples;
    uint64_t *to = rune_dl_bits_find(&growing->bits, growing->bits.arity, row);
    int64_t distance = word_distance(&growing->bits, words);
    /* Words beyond the row's are none: they were asked for. */
    int64_t last = (int64_t)growing->bits.stride - distance;
    last = last < (int64_t)words->count ? last : (int64_t)words->count;
    for (int64_t w = distance < 0 ? -distance : 0; w < last; w++) {
        w = skip_old(words->words, to, distance, w, last);
        if (w == last) {
            break;
        }
        uint64_t *there = to + (w + distance);
        uint64_t fresh = words->words[w] & ~*there;
        if (tuples->capacity - tuples->count <= 64) {
            enum rune_err err = rune_dl_growing_reserve(growing, 64);
            if (err != RUNE_OK) {
                return err;
            }
        }
        *there |= fresh;
        add_word(tuples, row, words->base + (uint32_t)w * 64, fresh);
    }
    return RUNE_OK;
}

/* ---- the row of a group ---- */

static void find_bounds(const uint32_t *lasts, uint32_t count, rune_term *ret_least,
                        rune_term *ret_most)
{
    rune_term least = UINT32_MAX, most = 0;
    for (uint32_t i = 0; i < count; i++) {
        least = lasts[i] < least ? lasts[i] : least;
        most = lasts[i] > most ? lasts[i] : most;
    }
    *ret_least = least;
    *ret_most = most;
}

const struct rune_dl_row_of_group *rune_dl_growing_row(struct rune_dl_growing *growing)
{
    struct rune_dl_row_of_group *row = &growing->row;
    rune_term least, most;
    if (row->end != 0 && row->begin == growing->group.begin && row->end == growing->group.end) {
        return row;
    }
    row->begin = growing->group.begin;
    row->end = growing->group.end;
    row->lasts = growing->groups.lasts.items + row->begin;
    row->count = row->end - row->begin;
    find_bounds(row->lasts, row->count, &least, &most);
    row->words = (struct rune_dl_row_words){.base = least & ~63u};
    uint64_t count = (most - row->words.base) / 64 + 1;
    if (count > RUNE_DL_WORDS_A_VALUE * (uint64_t)row->count) {
        return row;
    }
    if (!RUNE_VEC_RESERVE(&row->bits, count)) {
        row->end = 0;
        return NULL;
    }
    memset(row->bits.items, 0, count * sizeof(uint64_t));
    for (uint32_t i = 0; i < row->count; i++) {
        uint32_t at = row->lasts[i] - row->words.base;
        row->bits.items[at / 64] |= UINT64_C(1) << (at % 64);
    }
    row->words.words = row->bits.items;
    row->words.count = count;
    return row;
}
