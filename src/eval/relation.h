/* SPDX-License-Identifier: Apache-2.0 */
/* relation: how tuples are stored, and the one cursor that reads them.
 *
 * Owns: the storage forms. Does not know: rules, programs, how a form was chosen. Only this file
 * and the builder's datalog/orders.c know the forms: whatever comes later (bit rows, an overlay of
 * recent writes) stays behind the cursor. Thread: any; a cursor belongs to one evaluation. Used by:
 * rule_vm, rule_eval, rule_verify, datalog.
 *
 * An order holds a relation's tuples sorted by its columns in the order `columns`, without
 * repetition. Sort position 0 is the key; the tuples of one key are neighbours, a "row" (compressed
 * sparse rows).
 *
 *   DENSE   u32 starts[key_count + 1]   tuples of key key_min + k are [starts[k], starts[k + 1])
 *           u32 column[tuples]          for each sort position from 1 on
 *   SPARSE  a directory, u32 keys[key_count] ascending, starts and columns as above. The directory
 *           finds a key in one step: the terms from key_min on fall into buckets of 2^shift, 32
 *           buckets to a block { u32 bits: buckets that have a key; u32 before: keys in earlier
 *           blocks }. Most terms asked for have no key: one bit says so.
 *   UNIT    nothing: a relation of arity 0, present when tuple_count is 1
 *   GROWING only in the builder's memory: rows in order of arrival, found by a hash of what they
 *   agree in, while a fixpoint runs
 *
 * FORMAT: DENSE, SPARSE and UNIT are in the image. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/term.h"
#include "shm/image_format.h"

enum rune_order_form {
    RUNE_ORDER_DENSE = 1,
    RUNE_ORDER_SPARSE = 2,
    RUNE_ORDER_UNIT = 3,
    RUNE_ORDER_GROWING = 0x100,
};

#define RUNE_ORDER_MAX_PREFIX \
    8u /* LIMIT: columns that a search may bind; further ones are compared afterwards */
#define RUNE_RELATION_MAX_TUPLES                                    \
    0xfffffff0u /* LIMIT: tuples of one relation; positions are u32 \
                 */

/* ---- growing relations ---- */

/* Tuples in order of arrival; a set, because the owner looks before it adds. */
struct rune_growing {
    uint32_t arity;
    uint32_t count;
    uint32_t capacity;
    rune_term *rows; /* row-major */
};

/* Tuples that agree in some columns. */
struct rune_growing_run {
    uint32_t key;   /* the term of the one column, or a row that has the terms of several */
    uint32_t begin; /* in the index's places */
    uint32_t count;
    uint32_t old; /* how many were there before the last round */
};

/* The tuples that agree in the columns of `mask` lie together, in order of arrival. */
struct rune_growing_index {
    uint64_t mask;
    uint32_t *slots;     /* 1 + run, 0: empty */
    uint32_t slot_count; /* a power of two */
    struct rune_growing_run *runs;
    uint32_t *places; /* rows, or (has_values) what they have in the one column not in `mask` */
    bool has_values;
};

/* Tuples that agree in all columns but the last: what they have there is [begin, end) of an array.
 */
struct rune_growing_group {
    uint32_t begin, end;
};

/* Of a run. */
enum rune_growing_part { RUNE_GROWING_ALL, RUNE_GROWING_OLD, RUNE_GROWING_NEW };

/* What an order of form GROWING points at: the tuples [*low, *high), by index or (NULL) all. */
struct rune_growing_view {
    const struct rune_growing *relation;
    const struct rune_growing_index *index;
    const uint32_t *low, *high;
    enum rune_growing_part part; /* with an index: which of a run, whatever low and high say */
    /* a view of groups, each of which is one tuple: by tuple, and that which rune_cursor_skip
     * skipped last; NULL: any view else */
    struct rune_growing_group *const *groups, *group;
    uint32_t *const *lasts; /* of a group: the last column of all tuples; NULL: any view else */
};

/* One column more in a row's hash, whose upper half is used. */
static inline uint64_t rune_growing_mix(uint64_t hash, rune_term term)
{
    return (hash ^ term) * UINT64_C(0x9e3779b97f4a7c15) ^ (hash >> 29);
}

/* Number of the run whose tuples have these terms in the index's columns, ascending, or the empty
 * slot where it belongs: 0 or 1 + run at *ret_slot. Cost: O(count). */
static inline uint32_t rune_growing_find_run(const struct rune_growing *tuples,
                                             const struct rune_growing_index *index,
                                             const rune_term *terms, uint32_t count,
                                             uint32_t *ret_slot)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < count; i++) {
        hash = rune_growing_mix(hash, terms[i]);
    }
    for (uint32_t slot = (uint32_t)(hash >> 32) & (index->slot_count - 1);;
         slot = (slot + 1) & (index->slot_count - 1)) {
        uint32_t run = index->slots[slot];
        *ret_slot = slot;
        if (run == 0) {
            return 0;
        }
        uint32_t key = index->runs[run - 1].key;
        bool same = count != 1 || key == terms[0];
        if (count > 1) {
            const rune_term *row = tuples->rows + (size_t)key * tuples->arity;
            uint64_t mask = index->mask;
            for (uint32_t i = 0; i < count && same; i++, mask &= mask - 1) {
                same = row[__builtin_ctzll(mask)] == terms[i];
            }
        }
        if (same) {
            return run;
        }
    }
}

/* ---- reading ---- */

/* Where the tables are. `base` plus an order's offset is the order's first byte. */
struct rune_relations {
    const struct rune_image_relation *relations;
    const struct rune_image_order *orders;
    uintptr_t base;
};

/* The arrays of an order with keys. */
struct rune_order_arrays {
    const uint32_t *keys;    /* SPARSE, else NULL */
    const uint32_t *starts;  /* of all keys */
    const uint32_t *columns; /* sort position 1 */
};

/* DENSE and SPARSE. */
static inline struct rune_order_arrays rune_order_arrays(const struct rune_image_order *order,
                                                         uintptr_t base)
{
    const uint32_t *starts = (const uint32_t *)(base + (uintptr_t)order->starts);
    return (struct rune_order_arrays){
        .keys = order->form == RUNE_ORDER_SPARSE ? starts - order->key_count : NULL,
        .starts = starts,
        .columns = starts + order->key_count + 1,
    };
}

/* SPARSE: its directory, two words a block. */
static inline const uint32_t *rune_order_directory(const struct rune_image_order *order,
                                                   uintptr_t base)
{
    return (const uint32_t *)(base + (uintptr_t)order->offset);
}

struct rune_cursor {
    uint32_t next, end; /* positions still to read */
    uint32_t at;        /* position of the current tuple */
    uint32_t stride;    /* tuples of the order: distance of columns */
    bool is_row;        /* within one key of an order of the image; else what follows is used */
    bool is_whole;      /* runs over many keys */
    uint32_t key;       /* of the current tuple, if is_whole: its number */
    const uint32_t *columns; /* sort position 1; GROWING: the values of an index, or NULL */
    const struct rune_image_order *order;
    const uint32_t *starts;  /* is_whole: of all keys */
    const uint32_t *keys;    /* is_whole: of a SPARSE order, else NULL */
    const rune_term *prefix; /* GROWING: borrowed from the caller until the next open */
    uint32_t prefix_count;
};

/* Sets the cursor before the tuples whose first `count` (<= RUNE_ORDER_MAX_PREFIX) sort positions
 * equal `prefix`. False when there is none. Cost: O(1) for DENSE with
 * one column, else O(log n). */
bool rune_cursor_open(const struct rune_relations *in, uint32_t order, const rune_term *prefix,
                      uint32_t count, struct rune_cursor *ret_cursor);

/* The same for an order of form GROWING, which most of a fixpoint's are. */
bool rune_cursor_open_growing(const struct rune_image_order *order, const rune_term *prefix,
                              uint32_t count, struct rune_cursor *ret_cursor);

/* What rune_cursor_next does where a cursor is not within one row. */
bool rune_cursor_next_slowly(struct rune_cursor *cursor);

/* Goes to the next tuple; false at the end. */
static inline bool rune_cursor_next(struct rune_cursor *cursor)
{
    if (!cursor->is_row) {
        return rune_cursor_next_slowly(cursor);
    }
    cursor->at = cursor->next;
    return cursor->next < cursor->end && cursor->next++ < cursor->end;
}

/* Skips what follows with the same first `positions` sort positions as the current tuple. In a view
 * of groups nothing follows: its group becomes the current tuple's. Cost: O(log skipped). */
void rune_cursor_skip(struct rune_cursor *cursor, uint32_t positions);

/* What rune_cursor_get does where a cursor is not within one row. */
rune_term rune_cursor_get_slowly(const struct rune_cursor *cursor, uint32_t position);

/* The current tuple's value at a sort position beyond the prefix. */
static inline rune_term rune_cursor_get(const struct rune_cursor *cursor, uint32_t position)
{
    if (!cursor->is_row) {
        return rune_cursor_get_slowly(cursor, position);
    }
    return cursor->columns[(size_t)(position - 1) * cursor->stride + cursor->at];
}

/* A cursor over all of a growing relation's view: sees how far that reaches now. */
static inline void rune_cursor_extend(struct rune_cursor *cursor)
{
    cursor->end = *((const struct rune_growing_view *)(uintptr_t)cursor->order->offset)->high;
}

/* Tuples that rune_cursor_next would still give. Cost: O(1). */
static inline uint32_t rune_cursor_left(const struct rune_cursor *cursor)
{
    return cursor->end - cursor->next;
}

/* The values at a sort position beyond the prefix of all tuples that are left, one behind the other
 * (rune_cursor_left of them); NULL where they do not lie like that. Cost: O(1). */
static inline const uint32_t *rune_cursor_run(const struct rune_cursor *cursor, uint32_t position)
{
    if (cursor->order->form == RUNE_ORDER_GROWING) {
        return cursor->columns != NULL ? cursor->columns + cursor->next : NULL;
    }
    return cursor->order->form < RUNE_ORDER_UNIT && position > 0
               ? cursor->columns + (size_t)(position - 1) * cursor->stride + cursor->next
               : NULL;
}

/* Whether such a tuple exists. */
bool rune_relation_exists(const struct rune_relations *in, uint32_t order, const rune_term *prefix,
                          uint32_t count);

/* Has the processor fetch where the tuples that begin with `term` are (first), then the tuples
 * themselves: by the time they are read they are there. Not for GROWING. Changes nothing. */
void rune_relation_fetch_key(const struct rune_relations *in, uint32_t order, rune_term term);
void rune_relation_fetch_row(const struct rune_relations *in, uint32_t order, rune_term term);

/* Where the tuples that begin with each of many terms are: positions [start, end), in the arrays of
 * rune_order_arrays. The searches wait for memory together. False: the order has no keys. */
bool rune_relation_find_rows(const struct rune_relations *in, uint32_t order,
                             const rune_term *terms, uint32_t count, uint32_t *ret_starts,
                             uint32_t *ret_ends);

/* Moves a cursor on to the first tuple whose value at `position` is a key of `filter` (an order of
 * the image), looking at no more than `most`, or to the end. Returns how many it passed over. */
uint32_t rune_cursor_filter(const struct rune_relations *in, struct rune_cursor *cursor,
                            uint32_t position, uint32_t filter, uint32_t most);

/* ---- sizes, shared by writer, reader and verifier ---- */

/* The relation's column at sort position `position`: named in the order for the first eight, the
 * columns not named there follow ascending. */
uint32_t rune_order_column(const struct rune_image_order *order, uint32_t arity, uint32_t position);

/* Bytes of an order of `tuples` tuples; form, key_count and block_count are set. */
uint64_t rune_order_size(const struct rune_image_order *order, uint32_t arity, uint64_t tuples);

/* Fills in `starts` and `tuples`, which follow from all else. */
void rune_order_complete(struct rune_image_order *order, uint32_t arity);

/* The directory of so many keys from a range of that many terms (>= 1): 2 bits a term, but at most
 * 4 bytes a key. */
void rune_directory_plan(uint64_t range, uint32_t key_count, uint32_t *ret_shift,
                         uint32_t *ret_block_count);

/* The block of that number; `*from` is the first key not in an earlier one, and moves on. The
 * builder writes what this gives and the verifier compares with it. */
struct rune_directory_block {
    uint32_t bits, before;
};
struct rune_directory_block rune_directory_block(const uint32_t *keys, uint32_t key_count,
                                                 uint32_t shift, uint32_t number, uint32_t *from);
