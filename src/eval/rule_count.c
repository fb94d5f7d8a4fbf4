/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/rule_count.h"

#include <string.h>

#define FEWEST_SLOT_BITS 8u  /* what nearly every key needs, in the nearest cache */
#define MOST_SLOT_BITS   16u /* more values than half of that: cells */

bool rune_rule_counter_init(struct rune_rule_counter *counter, struct rune_arena *arena,
                            uint32_t arity, rune_term least, uint32_t spread)
{
    *counter = (struct rune_rule_counter){.arity = arity, .least = least, .spread = spread};
    if (arity != 2 && arity != 3) {
        return false;
    }
    counter->slots = RUNE_ARENA_ARRAY(arena, struct rune_rule_slot, 1u << MOST_SLOT_BITS);
    counter->entries = RUNE_ARENA_ARRAY(arena, struct rune_rule_entry, 1u << (MOST_SLOT_BITS - 1));
    counter->epochs = RUNE_ARENA_ARRAY(arena, uint32_t, (size_t)spread + 1);
    counter->masks = RUNE_ARENA_ARRAY(arena, uint64_t, (size_t)spread + 1);
    return counter->slots != NULL && counter->entries != NULL && counter->epochs != NULL &&
           counter->masks != NULL;
}

/* The bit of a value of the last column; 0: there is none left. */
static uint64_t bit_of(struct rune_rule_counter *counter, rune_term value)
{
    uint32_t i = 0;
    while (i < counter->value_count && counter->values[i] != value) {
        i++;
    }
    if (i == RUNE_RULE_COUNT_BITS) {
        return 0;
    }
    if (i == counter->value_count) {
        counter->values[counter->value_count++] = value;
    }
    return UINT64_C(1) << i;
}

/* Everything written before is stale from here on. */
static void next_epoch(struct rune_rule_counter *counter)
{
    if (++counter->epoch == 0) {
        memset(counter->slots, 0, sizeof(*counter->slots) << MOST_SLOT_BITS);
        memset(counter->epochs, 0, ((size_t)counter->spread + 1) * sizeof(uint32_t));
        counter->epoch = 1;
    }
}

static bool add_to_cell(struct rune_rule_counter *counter, rune_term middle, uint64_t mask)
{
    if (middle < counter->least || middle - counter->least >= counter->spread) {
        counter->is_beyond = true;
        return false;
    }
    uint32_t cell = middle - counter->least;
    if (counter->epochs[cell] != counter->epoch) {
        counter->epochs[cell] = counter->epoch;
        counter->masks[cell] = 0;
    }
    counter->count += (uint64_t)__builtin_popcountll(mask & ~counter->masks[cell]);
    counter->masks[cell] |= mask;
    return true;
}

/* The slot of a value, or the empty one where it belongs. */
static inline struct rune_rule_slot *find_slot(const struct rune_rule_counter *counter,
                                               rune_term middle)
{
    uint32_t last = (1u << counter->slot_bits) - 1;
    uint32_t at = (middle * 0x9e3779b1u) >> (32 - counter->slot_bits);
    while (counter->slots[at].epoch == counter->epoch &&
           counter->entries[counter->slots[at].entry].middle != middle) {
        at = (at + 1) & last;
    }
    return &counter->slots[at];
}

/* Half of the slots are taken: four times as many, and at last the cells. False: is_beyond. */
static bool widen(struct rune_rule_counter *counter)
{
    next_epoch(counter);
    counter->slot_bits += 2;
    if (counter->slot_bits > MOST_SLOT_BITS) {
        counter->uses_cells = true;
        for (uint32_t i = 0; i < counter->entry_count && !counter->is_beyond; i++) {
            uint64_t mask = counter->entries[i].mask;
            counter->count -= (uint64_t)__builtin_popcountll(mask);
            (void)add_to_cell(counter, counter->entries[i].middle, mask);
        }
        return !counter->is_beyond;
    }
    for (uint32_t i = 0; i < counter->entry_count; i++) {
        *find_slot(counter, counter->entries[i].middle) =
            (struct rune_rule_slot){counter->epoch, i};
    }
    return true;
}

static bool add(struct rune_rule_counter *counter, rune_term middle, uint64_t mask)
{
    if (mask == 0) {
        counter->is_beyond = true;
        return false;
    }
    if (!counter->uses_cells && counter->entry_count << 1 >= 1u << counter->slot_bits &&
        !widen(counter)) {
        return false;
    }
    if (counter->uses_cells) {
        return add_to_cell(counter, middle, mask);
    }
    struct rune_rule_slot *slot = find_slot(counter, middle);
    if (slot->epoch != counter->epoch) {
        *slot = (struct rune_rule_slot){counter->epoch, counter->entry_count};
        counter->entries[counter->entry_count++] = (struct rune_rule_entry){middle, 0};
    }
    struct rune_rule_entry *entry = &counter->entries[slot->entry];
    counter->count += (uint64_t)__builtin_popcountll(mask & ~entry->mask);
    entry->mask |= mask;
    return true;
}

static bool add_tuple(void *context, const rune_term *tuple)
{
    struct rune_rule_counter *counter = context;
    return add(counter, tuple[1], counter->arity == 2 ? 1 : bit_of(counter, tuple[2]));
}

static uint64_t read_mask(struct rune_rule_counter *counter, struct rune_cursor cursor,
                          uint32_t position)
{
    uint64_t mask = 0;
    while (rune_cursor_next(&cursor)) {
        uint64_t bit = bit_of(counter, rune_cursor_get(&cursor, position));
        if (bit == 0) {
            return 0;
        }
        mask |= bit;
    }
    return mask;
}

/* All tuples that differ only in the last column, which is read at `position` of what the cursor
 * has left. */
static bool add_row(void *context, const rune_term *tuple, const struct rune_cursor *cursor,
                    uint32_t position)
{
    struct rune_rule_counter *counter = context;
    if (counter->arity != 3) {
        struct rune_cursor each = *cursor;
        while (rune_cursor_next(&each)) {
            if (!add(counter, rune_cursor_get(&each, position), 1)) {
                return false;
            }
        }
        return true;
    }
    uint32_t slot = (cursor->next * 2u + position) & (RUNE_RULE_COUNT_ROWS - 1);
    struct rune_rule_row_mask *row = &counter->rows[slot];
    if (row->order != cursor->order || row->next != cursor->next || row->end != cursor->end ||
        row->position != position) {
        *row = (struct rune_rule_row_mask){
            .order = cursor->order,
            .next = cursor->next,
            .end = cursor->end,
            .position = position,
            .mask = read_mask(counter, *cursor, position),
        };
    }
    return add(counter, tuple[1], row->mask);
}

bool rune_rule_count_key(struct rune_rule_counter *counter, struct rune_rule_vm *vm,
                         const struct rune_image_plan *plans, uint32_t plan_count, rune_term key)
{
    next_epoch(counter);
    counter->entry_count = 0;
    counter->slot_bits = FEWEST_SLOT_BITS;
    counter->uses_cells = false;
    vm->row_of = add_tuple;
    vm->row = add_row;
    for (uint32_t i = 0; i < plan_count && vm->err == RUNE_OK && !counter->is_beyond; i++) {
        (void)rune_rule_run(vm, &plans[i], &key, add_tuple, counter);
    }
    vm->row_of = NULL;
    return vm->err == RUNE_OK && !counter->is_beyond;
}
