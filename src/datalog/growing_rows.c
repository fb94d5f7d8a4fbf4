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

/* Whether a row of the set has a place for all values that the words have. */
static bool has_places(const struct rune_dl_bits *bits, const struct rune_dl_row_words *words)
{
    int64_t distance = word_distance(bits, words);
    if (distance >= 0 && distance + (int64_t)words->count <= (int64_t)bits->stride) {
        return true;
    }
    uint64_t w = 0;
    while (w < words->count &&
           (words->words[w] == 0 || (uint64_t)((int64_t)w + distance) < bits->stride)) {
        w++;
    }
    return w == words->count;
}

bool rune_dl_growing_takes_words(const struct rune_dl_growing *growing, const rune_term *row,
                                 const struct rune_dl_row_words *words)
{
    const struct rune_dl_bits *bits = &growing->bits;
    return bits->words != NULL && words->words != NULL &&
           rune_dl_bits_find(bits, bits->arity, row) != NULL && has_places(bits, words);
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

#define BLOCK 8 /* words that are compared before anything is decided */

/* The first of `count` words that has something new, or `count`. */
static inline uint64_t skip_old(const uint64_t *words, const uint64_t *there, uint64_t at,
                                uint64_t count)
{
    while (at + BLOCK <= count) {
        uint64_t fresh = 0;
        for (uint64_t i = at; i < at + BLOCK; i++) {
            fresh |= words[i] & ~there[i];
        }
        if (fresh != 0) {
            break;
        }
        at += BLOCK;
    }
    while (at < count && (words[at] & ~there[at]) == 0) {
        at++;
    }
    return at;
}

/* Words and the place that a row has for them, which lie side by side. */
struct place {
    const uint64_t *words;
    uint64_t *there;
    uint64_t count;
    rune_term base;
};

/* Words beyond the row's have no values: that was asked for. */
static struct place find_place(const struct rune_dl_bits *bits, uint64_t *row,
                               const struct rune_dl_row_words *words)
{
    int64_t distance = word_distance(bits, words), first = distance < 0 ? -distance : 0;
    int64_t end = (int64_t)bits->stride - distance;
    end = end < (int64_t)words->count ? end : (int64_t)words->count;
    return (struct place){
        .words = words->words + first,
        .there = row + (first + distance),
        .count = end > first ? (uint64_t)(end - first) : 0,
        .base = words->base + (rune_term)first * 64,
    };
}

static enum rune_err add_new(struct rune_dl_growing *growing, const rune_term *row,
                             const struct place *place)
{
    struct rune_growing *tuples = &growing->tuples;
    for (uint64_t w = 0; (w = skip_old(place->words, place->there, w, place->count)) < place->count;
         w++) {
        uint64_t fresh = place->words[w] & ~place->there[w];
        if (tuples->capacity - tuples->count <= 64) {
            enum rune_err err = rune_dl_growing_reserve(growing, 64);
            if (err != RUNE_OK) {
                return err;
            }
        }
        place->there[w] |= fresh;
        add_word(tuples, row, place->base + (uint32_t)w * 64, fresh);
    }
    return RUNE_OK;
}

enum rune_err rune_dl_growing_add_words(struct rune_dl_growing *growing, const rune_term *row,
                                        const struct rune_dl_row_words *words)
{
    const struct rune_dl_bits *bits = &growing->bits;
    struct place place = find_place(bits, rune_dl_bits_find(bits, bits->arity, row), words);
    return add_new(growing, row, &place);
}

#define FETCH_AHEAD 4u

enum rune_err rune_dl_growing_add_words_to(struct rune_dl_growing *growing, rune_term *row,
                                           uint32_t column, const rune_term *values, uint32_t count,
                                           const struct rune_dl_row_words *words,
                                           uint32_t *ret_done)
{
    const struct rune_dl_bits *bits = &growing->bits;
    enum rune_err err = RUNE_OK;
    uint32_t i = 0;
    *ret_done = 0;
    if (bits->words == NULL || words->words == NULL || !has_places(bits, words)) {
        return RUNE_OK;
    }
    struct place place = find_place(bits, bits->words, words);
    for (; i < count && err == RUNE_OK; i++) {
        if (i + FETCH_AHEAD < count) {
            row[column] = values[i + FETCH_AHEAD];
            uint64_t *next = rune_dl_bits_find(bits, bits->arity, row);
            __builtin_prefetch(next == NULL ? bits->words : next + (place.there - bits->words), 1);
        }
        row[column] = values[i];
        uint64_t *there = rune_dl_bits_find(bits, bits->arity, row);
        if (there == NULL) {
            break;
        }
        struct place at = place;
        at.there = there + (place.there - bits->words);
        err = add_new(growing, row, &at);
    }
    *ret_done = i;
    return err;
}

/* ---- gathering ---- */

static bool is_gathered(const struct rune_dl_growing *growing, const rune_term *row)
{
    const struct rune_dl_gathering *gathering = &growing->gathering;
    uint32_t c = 0;
    while (c + 1 < growing->tuples.arity && gathering->row[c] == row[c]) {
        c++;
    }
    return gathering->is_row && c + 1 == growing->tuples.arity;
}

enum rune_err rune_dl_growing_end_gathering(struct rune_dl_growing *growing)
{
    struct rune_dl_gathering *gathering = &growing->gathering;
    struct rune_dl_row_words words = {.words = gathering->words.items,
                                      .count = growing->bits.stride};
    gathering->is_row = false;
    if (!gathering->has_words) {
        return RUNE_OK;
    }
    gathering->has_words = false;
    words.base = growing->bits.least[growing->bits.arity - 1];
    return rune_dl_growing_add_words(growing, gathering->row, &words);
}

enum rune_err rune_dl_growing_gather_words(struct rune_dl_growing *growing, const rune_term *row,
                                           const struct rune_dl_row_words *words)
{
    struct rune_dl_gathering *gathering = &growing->gathering;
    if (!is_gathered(growing, row)) {
        enum rune_err err = rune_dl_growing_end_gathering(growing);
        if (err != RUNE_OK) {
            return err;
        }
        memcpy(gathering->row, row, (growing->tuples.arity - 1) * sizeof(rune_term));
        gathering->is_row = true;
        return rune_dl_growing_add_words(growing, row, words);
    }
    if (!gathering->has_words) {
        if (!RUNE_VEC_RESERVE(&gathering->words, growing->bits.stride)) {
            return RUNE_E_NOMEM;
        }
        memset(gathering->words.items, 0, growing->bits.stride * sizeof(uint64_t));
        gathering->has_words = true;
    }
    struct place place = find_place(&growing->bits, gathering->words.items, words);
    for (uint64_t w = 0; w < place.count; w++) {
        place.there[w] |= place.words[w];
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
