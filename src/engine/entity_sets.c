/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/entity_sets.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

#define MIN_SLOTS 1024u

/* By the upper bits, so that a larger table is filled from front to back. */
static uint32_t home_of(uint32_t hash, uint32_t size)
{
    return (uint32_t)(((uint64_t)hash * size) >> 32);
}

static enum rune_err grow(struct rune_entity_sets *sets)
{
    uint32_t size = sets->size == 0 ? MIN_SLOTS : sets->size * 2;
    uint32_t *slots = size == 0 ? NULL : rune_calloc(size, sizeof *slots);
    uint32_t *hashes = size == 0 ? NULL : rune_calloc(size, sizeof *hashes);
    if (slots == NULL || hashes == NULL) {
        rune_free(slots);
        rune_free(hashes);
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < sets->size; i++) {
        if (sets->slots[i] != 0) {
            uint32_t at = home_of(sets->hashes[i], size);
            while (slots[at] != 0) {
                at = at + 1 == size ? 0 : at + 1;
            }
            slots[at] = sets->slots[i];
            hashes[at] = sets->hashes[i];
        }
    }
    rune_free(sets->slots);
    rune_free(sets->hashes);
    sets->slots = slots;
    sets->hashes = hashes;
    sets->size = size;
    return RUNE_OK;
}

enum rune_err rune_entity_sets_init(struct rune_entity_sets *sets, struct rune_entity_table *table,
                                    uint64_t max_words)
{
    *sets = (struct rune_entity_sets){.table = table, .words_left = max_words};
    return grow(sets);
}

void rune_entity_sets_fini(struct rune_entity_sets *sets)
{
    rune_free(sets->slots);
    rune_free(sets->hashes);
    RUNE_VEC_FINI(&sets->items);
}

uint32_t *rune_entity_sets_room(struct rune_entity_sets *sets, size_t count)
{
    return RUNE_VEC_RESERVE(&sets->items, sets->items.count + count)
               ? sets->items.items + sets->items.count
               : NULL;
}

void rune_entity_sets_add(struct rune_entity_sets *sets, uint32_t entity, uint32_t count)
{
    const uint32_t *items = sets->items.items + sets->items.count;
    uint32_t hash = (uint32_t)(rune_hash64(items, count * sizeof *items, 0) >> 32);
    uint32_t at = home_of(hash, sets->size);
    __builtin_prefetch(sets->slots + at);
    __builtin_prefetch(sets->hashes + at);
    sets->waiting[sets->waiting_count++] = (struct rune_entity_set){
        .entity = entity,
        .begin = (uint32_t)sets->items.count,
        .count = count,
        .hash = hash,
    };
    sets->items.count += count;
}

/* The run that equals the set; or 0, and the slot where it would stand. */
static uint32_t find(const struct rune_entity_sets *sets, const struct rune_entity_set *set,
                     uint32_t *ret_at)
{
    const uint32_t *heap = rune_dict_terms(sets->table->dict)->heap;
    const uint32_t *items = sets->items.items + set->begin;
    uint32_t at = home_of(set->hash, sets->size);
    for (; sets->slots[at] != 0; at = at + 1 == sets->size ? 0 : at + 1) {
        uint32_t run = sets->slots[at];
        if (sets->hashes[at] == set->hash && heap[run] == set->count &&
            memcmp(heap + run + 1, items, set->count * sizeof *items) == 0) {
            return run;
        }
    }
    *ret_at = at;
    return 0;
}

static enum rune_err settle(struct rune_entity_sets *sets, const struct rune_entity_set *set)
{
    uint32_t *place = &sets->table->ancestors.items[set->entity];
    uint32_t at = 0;
    uint32_t run = find(sets, set, &at);
    if (run != 0) {
        *place = run;
        return RUNE_OK;
    }
    if (set->count >= sets->words_left) {
        return RUNE_E_LIMIT;
    }
    enum rune_err err =
        rune_dict_set_run(sets->table->dict, sets->items.items + set->begin, set->count, &run);
    if (err != RUNE_OK) {
        return err;
    }
    *place = run;
    sets->words_left -= set->count + 1;
    sets->slots[at] = run;
    sets->hashes[at] = set->hash;
    sets->used++;
    return (uint64_t)sets->used * 4 < (uint64_t)sets->size * 3 ? RUNE_OK : grow(sets);
}

enum rune_err rune_entity_sets_flush(struct rune_entity_sets *sets)
{
    for (size_t i = 0; i < sets->waiting_count; i++) {
        enum rune_err err = settle(sets, &sets->waiting[i]);
        if (err != RUNE_OK) {
            sets->waiting[0] = sets->waiting[i];
            return err;
        }
    }
    sets->waiting_count = 0;
    sets->items.count = 0;
    return RUNE_OK;
}
