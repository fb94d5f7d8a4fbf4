/* SPDX-License-Identifier: Apache-2.0 */
/* dict_int: the inside of a growing dictionary. Private to model/dict*.c. */
#pragma once

#include <string.h>

#include "base/hash.h"
#include "model/dict.h"

enum rune_dict_column {
    RUNE_DICT_STRING_OFFSETS,
    RUNE_DICT_STRING_BYTES,
    RUNE_DICT_ENTITY_TYPE,
    RUNE_DICT_ENTITY_ID,
    RUNE_DICT_LONGS,
    RUNE_DICT_SETS,
    RUNE_DICT_RECORDS,
    RUNE_DICT_EXTS,
    RUNE_DICT_FLOATS,
    RUNE_DICT_HEAP,
    RUNE_DICT_COUNT,
};

/* The hash lies beside what it leads to: a search in a large table waits for one place in memory.
 * ORDER: rune_terms_find reads slots as words, the value first. */
struct rune_dict_slot {
    uint32_t value; /* 0: empty */
    uint32_t hash;
};

/* Terms (or heap offsets of shapes) by hash. */
struct rune_dict_table {
    struct rune_dict_slot *slots;
    uint32_t size; /* 0: none; a request's: a power of two */
    uint32_t used;
};

struct rune_dict {
    struct rune_terms terms; /* what readers see; its pointers are the columns' */
    const struct rune_terms *base;
    struct {
        void *items;
        size_t capacity;
    } columns[RUNE_DICT_COUNT];
    struct rune_dict_table index;
    struct rune_dict_table shapes; /* not kept by a request's dict: its records are few */
    uint64_t expected;             /* values in all, as far as is known */
    uint32_t *packed;              /* the index of a finished dict, which has no other */
    size_t cap_bytes;
    size_t used_bytes;
    void *block;                        /* a request's memory, or NULL */
    struct rune_dict_slot *block_slots; /* its index: a table of n slots lies at [n, 2n) */
    uint32_t block_max_slots;
};

/* The slot where the search for a hash begins, and the one after a slot. */
static inline uint32_t rune_dict_home_of(uint32_t hash, uint32_t slots)
{
    return (uint32_t)(((uint64_t)hash * slots) >> 32);
}

static inline uint32_t rune_dict_next_of(uint32_t at, uint32_t slots)
{
    return at + 1 == slots ? 0 : at + 1;
}

/* ---- dict_memory.c ---- */

RUNE_MUST_USE enum rune_err rune_dict_grow(struct rune_dict *dict, enum rune_dict_column column,
                                           size_t want);
RUNE_MUST_USE enum rune_err rune_dict_table_grow(struct rune_dict *dict,
                                                 struct rune_dict_table *table, uint32_t more);

/* Room for `want` items in all. */
RUNE_MUST_USE static inline enum rune_err
rune_dict_reserve(struct rune_dict *dict, enum rune_dict_column column, size_t want)
{
    return want <= dict->columns[column].capacity ? RUNE_OK : rune_dict_grow(dict, column, want);
}

/* Room for `more` values in a table: at most two thirds of its slots are ever used. */
RUNE_MUST_USE static inline enum rune_err
rune_dict_table_reserve(struct rune_dict *dict, struct rune_dict_table *table, uint32_t more)
{
    return ((uint64_t)table->used + more) * 3 <= (uint64_t)table->size * 2
               ? RUNE_OK
               : rune_dict_table_grow(dict, table, more);
}

/* Into the first empty slot from `at` on: the home of the hash, or a later place of its search.
 * There is room. */
void rune_dict_table_put(struct rune_dict_table *table, uint32_t at, uint32_t hash, uint32_t value);

/* Words behind the heap's end. */
RUNE_MUST_USE enum rune_err rune_dict_reserve_heap(struct rune_dict *dict, size_t words);

/* Room for one more value of a kind: in its column and in the index. Then, when it is there: its
 * term, which the index finds. */
RUNE_MUST_USE enum rune_err rune_dict_reserve_value(struct rune_dict *dict,
                                                    enum rune_dict_column column, uint32_t count);
rune_term rune_dict_add_to_index(struct rune_dict *dict, enum rune_kind kind, uint32_t index,
                                 uint32_t hash);

/* ---- dict.c ---- */

/* Adds one that is not there. The index has room for it, from the slot `at` on. */
RUNE_MUST_USE enum rune_err rune_dict_add_string(struct rune_dict *dict, struct rune_str text,
                                                 uint32_t hash, uint32_t at, rune_term *ret_term);
RUNE_MUST_USE enum rune_err rune_dict_add_entity(struct rune_dict *dict, rune_term type,
                                                 rune_term id, uint32_t hash, uint32_t at,
                                                 rune_term *ret_term);
