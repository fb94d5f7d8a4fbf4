/* SPDX-License-Identifier: Apache-2.0 */
/* entity_sets: ancestor sets on their way into the dictionary's heap: equal ones share one run.
 *
 * Looking a set up among millions waits for memory, so a number of sets wait together. Owns: the
 * table of runs by content, which only lives while a hierarchy is closed. Does not know: parents.
 * Used by: engine/entity_close. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "engine/entities.h"

#define RUNE_ENTITY_SETS_WAITING 64u

struct rune_entity_sets {
    struct rune_entity_table *table;
    /* Open addressing: heap offsets of runs, 0: empty; and the hash of the set beside. */
    uint32_t *slots, *hashes;
    uint32_t size, used;
    /* Sets that wait, one behind the other in `items`. */
    struct rune_vec_u32 items;
    struct rune_entity_set {
        uint32_t entity; /* index: whose ancestors they are */
        uint32_t begin, count;
        uint32_t hash;
    } waiting[RUNE_ENTITY_SETS_WAITING];
    size_t waiting_count;
    uint64_t words_left; /* LIMIT: of all runs together */
};

/* RUNE_E_NOMEM. `fini` also after an error. */
RUNE_MUST_USE enum rune_err rune_entity_sets_init(struct rune_entity_sets *sets,
                                                  struct rune_entity_table *table,
                                                  uint64_t max_words);
void rune_entity_sets_fini(struct rune_entity_sets *sets);

/* Where to put up to `count` items of the next set; NULL: no memory. */
uint32_t *rune_entity_sets_room(struct rune_entity_sets *sets, size_t count);

/* The set that was put there: terms, ascending, none twice, at least one. There is room in
 * `waiting`. */
void rune_entity_sets_add(struct rune_entity_sets *sets, uint32_t entity, uint32_t count);

/* Gives everyone who waits its run: table->ancestors. RUNE_E_NOMEM; RUNE_E_LIMIT: `waiting[0]` is
 * whose set is one too many. */
RUNE_MUST_USE enum rune_err rune_entity_sets_flush(struct rune_entity_sets *sets);
