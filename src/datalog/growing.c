/* SPDX-License-Identifier: Apache-2.0 */
#include "datalog/growing.h"

#include <string.h>

#include "base/alloc.h"
#include "datalog/evaluate_int.h"

#define MIN_BIT_ROWS 4096u /* fewer are not worth a bitmap */
#define BITS_PER_ROW 128u  /* what hash slots would take, or the double */
#define BITS_OF_FEW  1024u /* a bitmap that is not large may be sparser: recursions grow into it */

struct rune_dl_growing *rune_dl_growing_create(uint32_t arity)
{
    struct rune_dl_growing *growing = rune_calloc(1, sizeof(*growing));
    if (growing != NULL) {
        growing->tuples.arity = arity;
        growing->base = RUNE_DL_NO_BASE;
    }
    return growing;
}

void rune_dl_growing_destroy(struct rune_dl_growing *growing)
{
    if (growing == NULL) {
        return;
    }
    rune_free(growing->tuples.rows);
    rune_dl_growing_drop_groups(&growing->groups);
    rune_dl_growing_drop_dense(growing);
    rune_free(growing->slots);
    rune_free(growing->bits.words);
    RUNE_VEC_FINI(&growing->row.bits);
    RUNE_VEC_FINI(&growing->gathering.words);
    RUNE_VEC_FINI(&growing->fresh);
    RUNE_VEC_FINI(&growing->views);
    for (uint32_t i = 0; i < growing->index_count; i++) {
        rune_dl_growing_free_index(&growing->indexes[i]);
    }
    rune_free(growing);
}

uint64_t rune_dl_growing_bytes(const struct rune_dl_growing *growing)
{
    uint64_t words = (uint64_t)growing->tuples.capacity * growing->tuples.arity +
                     rune_dl_growing_groups_words(&growing->groups) + growing->slot_count +
                     2 * growing->bits.rows * growing->bits.stride;
    for (uint32_t i = 0; i < growing->index_count; i++) {
        words += rune_dl_growing_index_words(&growing->indexes[i]);
    }
    return words * sizeof(uint32_t) + rune_dl_growing_dense_bytes(growing);
}

/* ---- the set as a hash table ---- */

static uint64_t hash_row(const rune_term *row, uint32_t arity, uint64_t mask)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < arity; i++) {
        if ((mask >> i & 1) != 0) {
            hash = rune_growing_mix(hash, row[i]);
        }
    }
    return hash >> 32;
}

/* The rows of `from` and their homes, fetched side by side. */
static void find_homes(const struct rune_dl_growing *growing, const rune_term *rows, uint32_t count,
                       uint64_t *ret_homes)
{
    uint32_t arity = growing->tuples.arity;
    for (uint32_t i = 0; i < count; i++) {
        ret_homes[i] =
            hash_row(rows + (size_t)i * arity, arity, UINT64_MAX) & (growing->slot_count - 1);
        __builtin_prefetch(&growing->slots[ret_homes[i]]);
    }
}

/* A table twice as large as the rows there are and `more`. False: no memory. */
static bool rehash(struct rune_dl_growing *growing, uint32_t more)
{
    uint64_t slots = 1024;
    while (slots <= (growing->tuples.count + (uint64_t)more) * 2) {
        slots *= 2;
    }
    uint32_t *fresh = rune_calloc(slots, sizeof(uint32_t));
    if (fresh == NULL) {
        return false;
    }
    rune_free(growing->slots);
    growing->slots = fresh;
    growing->slot_count = slots;
    uint64_t homes[RUNE_DL_GROWING_BATCH];
    for (uint32_t row = 0; row < growing->tuples.count; row += RUNE_DL_GROWING_BATCH) {
        uint32_t left = growing->tuples.count - row;
        uint32_t count = left < RUNE_DL_GROWING_BATCH ? left : RUNE_DL_GROWING_BATCH;
        find_homes(growing, growing->tuples.rows + (size_t)row * growing->tuples.arity, count,
                   homes);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t at = homes[i];
            while (fresh[at] != 0) {
                at = (at + 1) & (slots - 1);
            }
            fresh[at] = row + i + 1;
        }
    }
    return true;
}

static void add_hashed(struct rune_dl_growing *growing, const rune_term *row, uint64_t at)
{
    struct rune_growing *tuples = &growing->tuples;
    size_t row_bytes = tuples->arity * sizeof(rune_term);
    for (; growing->slots[at] != 0; at = (at + 1) & (growing->slot_count - 1)) {
        const rune_term *other = tuples->rows + (size_t)(growing->slots[at] - 1) * tuples->arity;
        if (tuples->arity == 0 || memcmp(other, row, row_bytes) == 0) {
            return;
        }
    }
    if (tuples->arity > 0) {
        memcpy(tuples->rows + (size_t)tuples->count * tuples->arity, row, row_bytes);
    }
    growing->slots[at] = ++tuples->count;
}

/* All rows, or none where the table is too full. */
static uint32_t add_all_hashed(struct rune_dl_growing *growing, const rune_term *rows,
                               uint32_t count)
{
    uint64_t homes[RUNE_DL_GROWING_BATCH];
    uint32_t arity = growing->tuples.arity;
    if (growing->slot_count <= (growing->tuples.count + (uint64_t)count) * 2) {
        return 0;
    }
    find_homes(growing, rows, count, homes);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = growing->slots[homes[i]];
        __builtin_prefetch(growing->tuples.rows + (size_t)(row - (row > 0)) * arity);
    }
    for (uint32_t i = 0; i < count; i++) {
        add_hashed(growing, rows + (size_t)i * arity, homes[i]);
    }
    return count;
}

/* ---- the set as bits ---- */

/* Bounds of the rows and of one more, wider by a quarter where the one is beyond what was. */
static void find_bounds(const struct rune_dl_growing *growing, const rune_term *more,
                        rune_term *least, rune_term *most)
{
    uint32_t arity = growing->tuples.arity;
    for (uint32_t c = 0; c < arity; c++) {
        const rune_term *rows = growing->tuples.rows;
        least[c] = UINT32_MAX;
        most[c] = 0;
        for (size_t row = 0; row < growing->tuples.count; row++) {
            rune_term value = rows[row * arity + c];
            least[c] = value < least[c] ? value : least[c];
            most[c] = value > most[c] ? value : most[c];
        }
        uint32_t quarter = (most[c] - least[c]) / 4;
        if (more[c] < least[c]) {
            least[c] = more[c] > quarter ? more[c] - quarter : 0;
        }
        if (more[c] > most[c]) {
            most[c] = UINT32_MAX - more[c] > quarter ? more[c] + quarter : UINT32_MAX;
        }
    }
}

/* The shape of bits between bounds; false: more than `limit` words of them. */
static bool shape_bits(const rune_term *least, const rune_term *most, uint32_t arity,
                       uint64_t limit, struct rune_dl_bits *ret_bits)
{
    struct rune_dl_bits bits = {.arity = arity, .rows = 1};
    for (uint32_t c = 0; c < arity; c++) {
        /* Rows of all relations have their words at the same values. */
        rune_term from = c + 1 == arity ? least[c] & ~63u : least[c];
        rune_term to = c + 1 == arity ? most[c] | 63u : most[c];
        uint64_t range = (uint64_t)to - from + 1;
        if (range > UINT32_MAX) {
            return false;
        }
        bits.least[c] = from;
        bits.range[c] = (uint32_t)range;
        if (c + 1 == arity) {
            bits.stride = (range - 1) / 64 + 1;
        } else if (bits.rows > limit / range) {
            return false;
        } else {
            bits.rows *= range;
        }
    }
    *ret_bits = bits;
    return bits.stride <= limit / bits.rows;
}

/* How large a bitmap may be. */
static uint64_t max_words(const struct rune_dl_growing *growing)
{
    uint64_t words = growing->tuples.count * (uint64_t)(BITS_PER_ROW / 64);
    uint64_t more = growing->tuples.count * (uint64_t)(BITS_OF_FEW / 64);
    more = more < growing->few_words ? more : growing->few_words;
    return words > more ? words : more;
}

/* A bitmap instead of the hash table, with room for `more`, if it is not larger. False: no memory.
 */
static bool make_bits(struct rune_dl_growing *growing, const rune_term *more)
{
    rune_term least[RUNE_DL_BIT_COLUMNS], most[RUNE_DL_BIT_COLUMNS];
    uint32_t arity = growing->tuples.arity;
    struct rune_dl_bits bits;
    rune_free(growing->bits.words);
    growing->bits = (struct rune_dl_bits){0};
    find_bounds(growing, more, least, most);
    if (!shape_bits(least, most, arity, max_words(growing), &bits)) {
        return true;
    }
    bits.words = rune_calloc((size_t)(bits.rows * bits.stride), sizeof(uint64_t));
    if (bits.words == NULL) {
        return false;
    }
    for (size_t at = 0; at < growing->tuples.count; at++) {
        const rune_term *row = growing->tuples.rows + at * arity;
        uint32_t last = row[arity - 1] - bits.least[arity - 1];
        rune_dl_bits_find(&bits, arity, row)[last / 64] |= UINT64_C(1) << (last % 64);
    }
    growing->bits = bits;
    rune_free(growing->slots);
    growing->slots = NULL;
    growing->slot_count = 0;
    return true;
}

/* Tuples that begin like `row` and end with `lasts`, up to the first that has no bit; how many.
 * `arity` is a constant where it matters. */
static inline __attribute__((always_inline)) uint32_t
add_lasts(struct rune_dl_growing *growing, uint32_t arity, const rune_term *row,
          const rune_term *lasts, uint32_t count)
{
    const struct rune_dl_bits *bits = &growing->bits;
    uint64_t *words = rune_dl_bits_find(bits, arity, row);
    if (words == NULL) {
        return 0;
    }
    rune_term least = bits->least[arity - 1], range = bits->range[arity - 1];
    rune_term *to = growing->tuples.rows + (size_t)growing->tuples.count * arity;
    uint32_t i = 0, added = 0;
    for (; i < count && lasts[i] - least < range; i++) {
        uint32_t last = lasts[i] - least;
        uint64_t word = words[last / 64];
        uint32_t is_new = (uint32_t)(~(word >> (last % 64)) & 1);
        words[last / 64] = word | UINT64_C(1) << (last % 64);
        for (uint32_t c = 0; c + 1 < arity; c++) {
            to[c] = row[c]; /* also of a tuple that is there: the next overwrites it */
        }
        to[arity - 1] = lasts[i];
        to += (size_t)arity * is_new;
        added += is_new;
    }
    growing->tuples.count += added;
    return i;
}

static uint32_t add_bits(struct rune_dl_growing *growing, const rune_term *row,
                         const rune_term *lasts, uint32_t count)
{
    switch (growing->tuples.arity) {
    case 2:
        return add_lasts(growing, 2, row, lasts, count);
    case 3:
        return add_lasts(growing, 3, row, lasts, count);
    default:
        return add_lasts(growing, growing->tuples.arity, row, lasts, count);
    }
}

/* Rows, whatever they have in common, up to the first that has no bit; how many. */
static inline __attribute__((always_inline)) uint32_t
add_rows(struct rune_dl_growing *growing, uint32_t arity, const rune_term *rows, uint32_t count)
{
    const struct rune_dl_bits *bits = &growing->bits;
    rune_term least = bits->least[arity - 1], range = bits->range[arity - 1];
    uint64_t *words[RUNE_DL_GROWING_BATCH];
    for (uint32_t i = 0; i < count; i++) {
        const rune_term *row = rows + (size_t)i * arity;
        uint32_t last = row[arity - 1] - least;
        words[i] = last < range ? rune_dl_bits_find(bits, arity, row) : NULL;
        if (words[i] == NULL) {
            count = i;
            break;
        }
        words[i] += last / 64;
        __builtin_prefetch(words[i], 1);
    }
    rune_term *to = growing->tuples.rows + (size_t)growing->tuples.count * arity;
    uint32_t added = 0;
    for (uint32_t i = 0; i < count; i++) {
        const rune_term *row = rows + (size_t)i * arity;
        uint32_t shift = (row[arity - 1] - least) % 64;
        uint64_t word = *words[i];
        uint32_t is_new = (uint32_t)(~(word >> shift) & 1);
        *words[i] = word | UINT64_C(1) << shift;
        for (uint32_t c = 0; c < arity; c++) {
            to[c] = row[c]; /* as in add_lasts */
        }
        to += (size_t)arity * is_new;
        added += is_new;
    }
    growing->tuples.count += added;
    return count;
}

static uint32_t add_all_bits(struct rune_dl_growing *growing, const rune_term *rows, uint32_t count)
{
    switch (growing->tuples.arity) {
    case 1:
        return add_rows(growing, 1, rows, count);
    case 2:
        return add_rows(growing, 2, rows, count);
    case 3:
        return add_rows(growing, 3, rows, count);
    default:
        return add_rows(growing, growing->tuples.arity, rows, count);
    }
}

/* ---- adding ---- */

/* Room in the set, for `count` rows that begin with `row`. False: no memory. */
static bool grow_set(struct rune_dl_growing *growing, const rune_term *row, uint32_t count)
{
    uint32_t arity = growing->tuples.arity;
    if (arity >= 1 && arity <= RUNE_DL_BIT_COLUMNS && growing->tuples.count >= MIN_BIT_ROWS) {
        if (!make_bits(growing, row)) {
            return false;
        }
        if (growing->bits.words != NULL) {
            return true;
        }
    }
    return rehash(growing, count);
}

enum rune_err rune_dl_growing_reserve(struct rune_dl_growing *growing, uint32_t more)
{
    struct rune_growing *tuples = &growing->tuples;
    uint64_t want = (uint64_t)tuples->count + more + 1;
    if (want <= tuples->capacity) {
        return RUNE_OK;
    }
    if (tuples->count > RUNE_RELATION_MAX_TUPLES / 2) {
        return RUNE_E_LIMIT;
    }
    uint64_t capacity = tuples->capacity == 0 ? 256 : tuples->capacity * (uint64_t)2;
    capacity = capacity < want ? want : capacity;
    rune_term *rows = rune_realloc(tuples->rows, capacity,
                                   (tuples->arity + (tuples->arity == 0)) * sizeof(rune_term));
    if (rows == NULL) {
        return RUNE_E_NOMEM;
    }
    tuples->rows = rows;
    tuples->capacity = (uint32_t)capacity;
    return RUNE_OK;
}

enum rune_err rune_dl_growing_add(struct rune_dl_growing *growing, const rune_term *rows,
                                  uint32_t count)
{
    enum rune_err err = rune_dl_growing_reserve(growing, count);
    for (uint32_t done = 0; err == RUNE_OK && done < count;) {
        const rune_term *next = rows + (size_t)done * growing->tuples.arity;
        done += growing->bits.words != NULL ? add_all_bits(growing, next, count - done)
                                            : add_all_hashed(growing, next, count - done);
        next = rows + (size_t)done * growing->tuples.arity;
        if (done < count && !grow_set(growing, next, count - done)) {
            err = RUNE_E_NOMEM;
        }
    }
    return err;
}

enum rune_err rune_dl_growing_append(struct rune_dl_growing *growing,
                                     const struct rune_growing *from, uint32_t first)
{
    size_t arity = from->arity;
    enum rune_err err = rune_dl_growing_reserve(growing, from->count - first);
    if (err == RUNE_OK && arity > 0) {
        memcpy(growing->tuples.rows + growing->tuples.count * arity, from->rows + first * arity,
               (from->count - first) * arity * sizeof(rune_term));
        growing->tuples.count += from->count - first;
    }
    return err;
}

enum rune_err rune_dl_growing_add_row(struct rune_dl_growing *growing, const rune_term *row,
                                      const rune_term *lasts, uint32_t count)
{
    uint32_t arity = growing->tuples.arity;
    while (count > 0) {
        uint32_t many = count < RUNE_DL_GROWING_BATCH ? count : RUNE_DL_GROWING_BATCH;
        uint32_t done = 0;
        enum rune_err err = rune_dl_growing_reserve(growing, many);
        if (err == RUNE_OK && growing->bits.words != NULL) {
            done = add_bits(growing, row, lasts, many);
        }
        if (err == RUNE_OK && done < many) { /* what has no bit is one that makes more of them */
            rune_term tuple[RUNE_DL_BIT_COLUMNS];
            memcpy(tuple, row, (arity - 1) * sizeof(rune_term));
            tuple[arity - 1] = lasts[done++];
            err = rune_dl_growing_add(growing, tuple, 1);
        }
        if (err != RUNE_OK) {
            return err;
        }
        lasts += done;
        count -= done;
    }
    return RUNE_OK;
}

/* ---- rounds ---- */

enum rune_err rune_dl_growing_step(struct rune_dl_growing *growing)
{
    growing->low = growing->high;
    growing->high = growing->tuples.count;
    return growing->is_read_by_rows ? rune_dl_growing_sort(growing) : RUNE_OK;
}

enum rune_err rune_dl_growing_turn(struct rune_dl_growing *growing, uint32_t from)
{
    enum rune_err err = RUNE_OK;
    if (from < growing->low) {
        growing->low = from;
        if (growing->is_read_by_rows && !growing->is_stepped_only) {
            err = rune_dl_growing_sort(growing);
        }
    }
    growing->is_behind = true;
    return err;
}

enum rune_err rune_dl_growing_tell(struct rune_dl_growing *growing)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; growing->is_behind && i < growing->index_count && err == RUNE_OK; i++) {
        struct rune_dl_growing_index *index = &growing->indexes[i];
        if (index->rows < growing->low) { /* rounds in which nobody asked */
            err = rune_dl_growing_extend(index, &growing->tuples, growing->low);
        }
        if (err == RUNE_OK) {
            err = rune_dl_growing_extend(index, &growing->tuples, growing->high);
        }
    }
    growing->is_behind = err != RUNE_OK;
    return err;
}
