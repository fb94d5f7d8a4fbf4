/* SPDX-License-Identifier: Apache-2.0 */
/* rule_count: how many distinct tuples the plans of a relation give for values of its first column,
 * without keeping the tuples.
 *
 * Owns: for each value of the middle column that a key has come to, a bit for each value of the
 * last column: a product with few values (users x resources x actions) is or-ed together, row by
 * row, and never flattened. A small hash table holds them, which stays in the nearest cache while
 * most keys have few values; a key with very many goes on in cells, one for each value that the
 * column can have. What was written for other keys is told by its stamp. Works for two and three
 * columns; one of the last two of three may have up to 64 values.
 *
 * Two ways to come to the tuples: by pipes (rule_pipe.h), as many keys at once as keep the table
 * small; or, where the plans cannot be piped, by the machine, key by key. Does not know: keys,
 * programs. Thread: one evaluation. Used by: rule_eval. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "eval/rule_pipe.h"
#include "eval/rule_vm.h"

#define RUNE_RULE_COUNT_BITS 64u  /* LIMIT: values of the last column */
#define RUNE_RULE_COUNT_ROWS 256u /* masks of rows remembered; a power of two */

/* The mask of a row of some order: what its scan would read, as bits. */
struct rune_rule_row_mask {
    const struct rune_image_order *order; /* NULL: empty */
    uint32_t next, end, position;
    uint64_t mask;
};

struct rune_rule_slot {
    uint32_t epoch, entry;
};

struct rune_rule_entry {
    rune_term key, middle;
    uint64_t mask;
};

struct rune_rule_counter {
    uint64_t count;
    bool is_beyond; /* a value has no cell or no bit: the count is worth nothing */
    uint32_t arity;
    rune_term least; /* value of cell 0 */
    uint32_t spread; /* cells */
    uint32_t epoch;  /* of the present key */
    struct rune_rule_slot *slots;
    struct rune_rule_entry *entries;
    uint32_t slot_bits, entry_count;
    bool uses_cells;
    bool is_full;   /* the keys' tuples are too many for the table, and no cells are theirs alone */
    uint32_t batch; /* keys to count at once */
    uint32_t *epochs; /* of cells */
    uint64_t *masks;
    rune_term values[RUNE_RULE_COUNT_BITS]; /* by bit */
    uint32_t value_count;
    struct rune_rule_row_mask rows[RUNE_RULE_COUNT_ROWS];
};

/* False: it cannot count such tuples, or the arena has no room (which it then says, too). */
bool rune_rule_counter_init(struct rune_rule_counter *counter, struct rune_arena *arena,
                            uint32_t arity, rune_term least, uint32_t spread);

/* Back to 0, for another way to the tuples. */
void rune_rule_counter_restart(struct rune_rule_counter *counter);

/* Adds the tuples of pipes for `count` keys, not asked before, whose emit and context this sets.
 * The tables that it makes go from the arena, back to the mark, when they fill it. False:
 * is_beyond, pipes->is_beyond, or vm->err. */
bool rune_rule_count_keys(struct rune_rule_counter *counter, struct rune_pipes *pipes,
                          const rune_term *keys, uint32_t count, struct rune_arena *arena,
                          struct rune_arena_mark mark);

/* Adds the tuples of the plans for one key, not asked before. False: is_beyond, or vm->err. The
 * plans' relation must not recurse. */
bool rune_rule_count_key(struct rune_rule_counter *counter, struct rune_rule_vm *vm,
                         const struct rune_image_plan *plans, uint32_t plan_count, rune_term key);
