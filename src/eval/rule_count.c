/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/rule_count.h"

#include <string.h>

#define FEWEST_SLOT_BITS 8u  /* what nearly every key needs, in the nearest cache */
#define MOST_SLOT_BITS   16u /* more values than half of that: cells */
#define FIRST_KEYS       8u
#define MOST_KEYS        256u
#define FEW_ENTRIES      512u  /* a batch that fills fewer is made larger, */
#define MANY_ENTRIES     2048u /* one that fills more smaller */

bool rune_rule_counter_init(struct rune_rule_counter *counter, struct rune_arena *arena,
                            uint32_t arity, rune_term least, uint32_t spread)
{
    *counter = (struct rune_rule_counter){.arity = arity,
                                          .least = least,
                                          .spread = spread,
                                          .slot_bits = FEWEST_SLOT_BITS,
                                          .batch = FIRST_KEYS};
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

void rune_rule_counter_restart(struct rune_rule_counter *counter)
{
    counter->count = 0;
    counter->is_beyond = false;
    counter->batch = FIRST_KEYS;
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

/* Bits set; without the instruction, which not every x86-64 has. */
static inline uint32_t count_bits(uint64_t bits)
{
    bits -= bits >> 1 & 0x5555555555555555u;
    bits = (bits & 0x3333333333333333u) + (bits >> 2 & 0x3333333333333333u);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (uint32_t)(bits * 0x0101010101010101u >> 56);
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
    counter->count += count_bits(mask & ~counter->masks[cell]);
    counter->masks[cell] |= mask;
    return true;
}

/* The slot of a key's value, or the empty one where it belongs. */
static inline struct rune_rule_slot *find_slot(const struct rune_rule_counter *counter,
                                               rune_term key, rune_term middle)
{
    uint32_t last = (1u << counter->slot_bits) - 1;
    uint32_t at = (middle * 0x9e3779b1u + key * 0x85ebca6bu) >> (32 - counter->slot_bits);
    while (counter->slots[at].epoch == counter->epoch &&
           (counter->entries[counter->slots[at].entry].middle != middle ||
            counter->entries[counter->slots[at].entry].key != key)) {
        at = (at + 1) & last;
    }
    return &counter->slots[at];
}

/* Half of the slots are taken: four times as many, and at last the cells, if there is but one key.
 * False: is_beyond, is_full. */
static bool widen(struct rune_rule_counter *counter)
{
    next_epoch(counter);
    if (counter->slot_bits + 2 > MOST_SLOT_BITS) {
        if (counter->batch > 1) {
            counter->is_full = true;
            return false;
        }
        counter->uses_cells = true;
        for (uint32_t i = 0; i < counter->entry_count && !counter->is_beyond; i++) {
            uint64_t mask = counter->entries[i].mask;
            counter->count -= count_bits(mask);
            (void)add_to_cell(counter, counter->entries[i].middle, mask);
        }
        return !counter->is_beyond;
    }
    counter->slot_bits += 2;
    for (uint32_t i = 0; i < counter->entry_count; i++) {
        const struct rune_rule_entry *entry = &counter->entries[i];
        *find_slot(counter, entry->key, entry->middle) = (struct rune_rule_slot){counter->epoch, i};
    }
    return true;
}

static inline bool add(struct rune_rule_counter *counter, rune_term key, rune_term middle,
                       uint64_t mask)
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
    struct rune_rule_slot *slot = find_slot(counter, key, middle);
    if (slot->epoch != counter->epoch) {
        *slot = (struct rune_rule_slot){counter->epoch, counter->entry_count};
        counter->entries[counter->entry_count++] = (struct rune_rule_entry){key, middle, 0};
    }
    struct rune_rule_entry *entry = &counter->entries[slot->entry];
    counter->count += count_bits(mask & ~entry->mask);
    entry->mask |= mask;
    return true;
}

static bool add_tuple(void *context, const rune_term *tuple)
{
    struct rune_rule_counter *counter = context;
    return add(counter, tuple[0], tuple[1], counter->arity == 2 ? 1 : bit_of(counter, tuple[2]));
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

static bool add_each(struct rune_rule_counter *counter, const rune_term *tuple,
                     const struct rune_cursor *cursor, uint32_t position, uint32_t column)
{
    rune_term row[3];
    memcpy(row, tuple, counter->arity * sizeof(rune_term));
    for (struct rune_cursor each = *cursor; rune_cursor_next(&each);) {
        row[column] = rune_cursor_get(&each, position);
        if (!add_tuple(counter, row)) {
            return false;
        }
    }
    return true;
}

/* All tuples that differ only in one column, which is read at `position` of what the cursor has
 * left; of the last of three columns many values are one mask. */
static bool add_row(void *context, const rune_term *tuple, const struct rune_cursor *cursor,
                    uint32_t position, uint32_t column)
{
    struct rune_rule_counter *counter = context;
    if (column != 2) {
        return add_each(counter, tuple, cursor, position, column);
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
    return add(counter, tuple[0], tuple[1], row->mask);
}

static void begin(struct rune_rule_counter *counter)
{
    next_epoch(counter);
    counter->entry_count = 0;
    counter->slot_bits = counter->batch > 1 ? counter->slot_bits : FEWEST_SLOT_BITS;
    counter->uses_cells = counter->is_full = false;
}

/* ---- many keys ---- */

static bool add_rows(void *context, const rune_term *keys, const rune_term *others,
                     const uint64_t *masks, uint32_t count)
{
    struct rune_rule_counter *counter = context;
    for (uint32_t i = 0; i < count; i++) {
        if (!add(counter, keys[i], others[i], masks[i])) {
            return false;
        }
    }
    return true;
}

/* Tables are kept from batch to batch, while there is room. */
static void make_room(struct rune_pipes *pipes, struct rune_arena *arena,
                      struct rune_arena_mark mark, size_t least)
{
    if (rune_arena_left(arena) <= least) {
        rune_rule_vm_forget(pipes->vm);
        rune_pipes_forget(pipes);
        rune_arena_rewind(arena, mark);
    }
}

/* A batch that did not end for want of room is tried again with half of its keys. */
static bool try_again(struct rune_rule_counter *counter, struct rune_pipes *pipes,
                      struct rune_arena *arena, struct rune_arena_mark mark)
{
    struct rune_rule_vm *vm = pipes->vm;
    bool out_of_room = vm->err == RUNE_E_LIMIT && vm->steps_left > 0;
    if (counter->is_beyond || pipes->is_beyond || counter->batch == 1 ||
        !(counter->is_full || out_of_room)) {
        return false;
    }
    vm->err = RUNE_OK;
    counter->batch /= 2;
    make_room(pipes, arena, mark, SIZE_MAX);
    return true;
}

bool rune_rule_count_keys(struct rune_rule_counter *counter, struct rune_pipes *pipes,
                          const rune_term *keys, uint32_t count, struct rune_arena *arena,
                          struct rune_arena_mark mark)
{
    size_t room = rune_arena_left(arena) / 2;
    pipes->emit = add_rows;
    pipes->context = counter;
    while (count > 0) {
        uint64_t before = counter->count;
        uint32_t batch = count < counter->batch ? count : counter->batch;
        begin(counter);
        if (!rune_pipes_run(pipes, keys, batch)) {
            counter->count = before;
            if (!try_again(counter, pipes, arena, mark)) {
                return false;
            }
            continue;
        }
        keys += batch;
        count -= batch;
        make_room(pipes, arena, mark, room);
        if (counter->entry_count > MANY_ENTRIES && counter->batch > 1) {
            counter->batch /= 2;
        } else if (counter->entry_count < FEW_ENTRIES && counter->batch < MOST_KEYS) {
            counter->batch *= 2;
        }
    }
    return true;
}

/* ---- one key ---- */

bool rune_rule_count_key(struct rune_rule_counter *counter, struct rune_rule_vm *vm,
                         const struct rune_image_plan *plans, uint32_t plan_count, rune_term key)
{
    counter->batch = 1;
    begin(counter);
    struct rune_rule_taker taker;
    rune_rule_taker_init(&taker, add_tuple, add_row);
    vm->taker = &taker;
    for (uint32_t i = 0; i < plan_count && vm->err == RUNE_OK && !counter->is_beyond; i++) {
        (void)rune_rule_run(vm, &plans[i], &key, add_tuple, counter);
    }
    vm->taker = NULL;
    return vm->err == RUNE_OK && !counter->is_beyond;
}
