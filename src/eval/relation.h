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
 *   SPARSE  u32 keys[key_count] ascending, starts and columns as above
 *   UNIT    nothing: a relation of arity 0, present when tuple_count is 1
 *   GROWING only in the builder's memory: rows in order of arrival, with hash chains, while a
 *   fixpoint runs
 *
 * FORMAT: DENSE, SPARSE and UNIT are in the image. */
#pragma once

#include <stdbool.h>
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

/* Chains of the tuples that agree in the columns of `mask`, newest first. */
struct rune_growing_index {
    uint64_t mask;
    uint32_t *heads; /* 1 + newest row of the slot, 0: none */
    uint32_t *next;  /* 1 + next older row */
    uint32_t slots;  /* a power of two */
    uint32_t rows;   /* indexed so far */
};

/* What an order of form GROWING points at: the tuples [*low, *high), by index or (NULL) all. */
struct rune_growing_view {
    const struct rune_growing *relation;
    const struct rune_growing_index *index;
    const uint32_t *low, *high;
};

/* Hash of a row's columns in `mask`, columns ascending. Cost: O(arity). */
static inline uint64_t rune_growing_mix(uint64_t hash, rune_term term)
{
    return (hash ^ term) * UINT64_C(0x9e3779b97f4a7c15) ^ (hash >> 29);
}

/* ---- reading ---- */

/* Where the tables are. `base` plus an order's offset is the order's first byte. */
struct rune_relations {
    const struct rune_image_relation *relations;
    const struct rune_image_order *orders;
    uintptr_t base;
};

struct rune_cursor {
    uint32_t next, end; /* positions still to read */
    uint32_t at;        /* position of the current tuple */
    /* key of the current tuple, if the cursor is not within one key: its number */
    uint32_t key;
    uint32_t stride;         /* tuples of the order: distance of columns */
    bool is_whole;           /* runs over many keys */
    const uint32_t *starts;  /* of all keys */
    const uint32_t *keys;    /* SPARSE, else NULL */
    const uint32_t *columns; /* sort position 1 */
    uint32_t key_min;
    uint32_t prefix_count;
    const struct rune_image_order *order;
    const rune_term *prefix; /* GROWING: borrowed from the caller until the next open */
};

/* Sets the cursor before the tuples whose first `count` (<= RUNE_ORDER_MAX_PREFIX) sort positions
 * equal `prefix`. False when there is none (GROWING: there may be none). Cost: O(1) for DENSE with
 * one column, else O(log n). */
bool rune_cursor_open(const struct rune_relations *in, uint32_t order, const rune_term *prefix,
                      uint32_t count, struct rune_cursor *ret_cursor);

/* Goes to the next tuple; false at the end. */
bool rune_cursor_next(struct rune_cursor *cursor);

/* Skips what follows with the same first `positions` sort positions as the current tuple. Cost:
 * O(log skipped). */
void rune_cursor_skip(struct rune_cursor *cursor, uint32_t positions);

/* The current tuple's value at a sort position beyond the prefix. */
rune_term rune_cursor_get(const struct rune_cursor *cursor, uint32_t position);

/* Tuples that rune_cursor_next would still give. Not for GROWING. Cost: O(1). */
static inline uint32_t rune_cursor_left(const struct rune_cursor *cursor)
{
    return cursor->end - cursor->next;
}

/* Whether such a tuple exists. */
bool rune_relation_exists(const struct rune_relations *in, uint32_t order, const rune_term *prefix,
                          uint32_t count);

/* ---- sizes, shared by writer, reader and verifier ---- */

/* The relation's column at sort position `position`: named in the order for the first eight, the
 * columns not named there follow ascending. */
uint32_t rune_order_column(const struct rune_image_order *order, uint32_t arity, uint32_t position);

/* Bytes of an order of `tuples` tuples. */
uint64_t rune_order_size(enum rune_order_form form, uint32_t arity, uint64_t key_count,
                         uint64_t tuples);
