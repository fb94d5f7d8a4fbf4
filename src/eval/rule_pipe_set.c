/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/rule_pipe_set.h"

#include <string.h>

#include "eval/rule_pipe.h"

#define FEWEST_SLOTS 1024u
#define SPARSE       32u /* a table with fewer pairs in so many slots each is too large to be cleared */
#define ROWS_A_TEST  16u /* pairs that are found in the time of one test */
#define ROWS_A_KEY   4u  /* what a key costs beside its pairs */

static bool grow(struct rune_pipe_set *set, struct rune_rule_vm *vm)
{
    struct rune_pipe_set larger = *set;
    larger.capacity = set->capacity == 0 ? FEWEST_SLOTS : set->capacity * 4;
    larger.slots =
        larger.capacity == 0 ? NULL : RUNE_ARENA_ARRAY(vm->arena, uint64_t, larger.capacity);
    if (larger.slots == NULL) {
        vm->err = RUNE_E_LIMIT;
        return false;
    }
    for (uint32_t i = 0; i < set->capacity; i++) {
        if (set->slots[i] != 0) {
            *rune_pipe_set_slot(&larger, set->slots[i]) = set->slots[i];
        }
    }
    *set = larger;
    return true;
}

static bool add(struct rune_pipe_set *set, struct rune_rule_vm *vm, uint64_t pair)
{
    if (set->count >= set->capacity / 2 && !grow(set, vm)) {
        return false;
    }
    uint64_t *slot = rune_pipe_set_slot(set, pair);
    set->count += *slot == 0;
    *slot = pair;
    return true;
}

/* ---- asking ---- */

/* One fill. */
struct fill {
    struct rune_pipe_set *set;
    struct rune_rule_vm *vm;
};

static bool add_rows(void *context, const rune_term *keys, const rune_term *others,
                     const uint64_t *masks, uint32_t count)
{
    const struct fill *fill = context;
    (void)masks;
    bool added = rune_rule_take_steps(fill->vm, (uint64_t)count * RUNE_RULE_KEEP_STEPS);
    for (uint32_t i = 0; i < count && added; i++) {
        added = add(fill->set, fill->vm, rune_pipe_set_pair(keys[i], others[i]));
    }
    return added;
}

static bool add_tuple(void *context, const rune_term *tuple)
{
    const struct fill *fill = context;
    uint32_t key = fill->set->key;
    return add_rows(context, &tuple[key], &tuple[1 - key], NULL, 1);
}

static bool ask(struct fill *fill, const rune_term *keys, uint32_t count)
{
    struct rune_pipe_set *set = fill->set;
    if (set->pipes != NULL) {
        set->pipes->emit = add_rows;
        set->pipes->context = fill;
        return rune_pipes_run(set->pipes, keys, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t p = 0; p < set->plan_count && fill->vm->err == RUNE_OK; p++) {
            (void)rune_rule_run(fill->vm, &set->plans[p], &keys[i], add_tuple, fill);
        }
    }
    return fill->vm->err == RUNE_OK;
}

/* The keys that have not been asked. */
static uint32_t find_missing(const struct rune_pipe_set *set, const rune_term *keys, uint32_t count,
                             rune_term *ret_missing)
{
    uint32_t missing = 0;
    for (uint32_t i = 0; i < count; i++) {
        if ((i == 0 || keys[i] != keys[i - 1]) &&
            !rune_pipe_set_has(set, keys[i], RUNE_TERM_NONE)) {
            ret_missing[missing++] = keys[i];
        }
    }
    return missing;
}

bool rune_pipe_set_fill(struct rune_pipe_set *set, struct rune_rule_vm *vm, const rune_term *keys,
                        uint32_t count)
{
    rune_term missing[RUNE_PIPE_ROWS];
    uint32_t missing_count = find_missing(set, keys, count, missing), before = set->count;
    struct fill fill = {set, vm};
    if (missing_count == 0) {
        return true;
    }
    if (missing_count * set->rows > (uint64_t)ROWS_A_TEST * count ||
        !ask(&fill, missing, missing_count)) {
        return false;
    }
    set->rows = (set->rows + ROWS_A_KEY + (set->count - before) / missing_count) / 2;
    bool added = true;
    for (uint32_t i = 0; i < missing_count && added; i++) {
        added = add(set, vm, rune_pipe_set_pair(missing[i], RUNE_TERM_NONE));
    }
    return added;
}

void rune_pipe_set_clear(struct rune_pipe_set *set)
{
    if (set->capacity > FEWEST_SLOTS && set->count < set->capacity / SPARSE) {
        set->slots = NULL;
        set->capacity = 0;
    } else if (set->count > 0) {
        memset(set->slots, 0, set->capacity * sizeof(*set->slots));
    }
    set->count = 0;
}

void rune_pipe_set_drop(struct rune_pipe_set *set)
{
    set->slots = NULL;
    set->capacity = set->count = 0;
    if (set->pipes != NULL) {
        rune_pipes_forget(set->pipes);
    }
}
