/* SPDX-License-Identifier: Apache-2.0 */
/* map: strings to 32-bit numbers, on the heap (open addressing, XXH3). For build-time tables; the
 * image has its own. Keys are borrowed: they must outlive the map. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "rune/err.h"

struct rune_map_slot;

struct rune_map {
    struct rune_map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

#define RUNE_MAP_INIT ((struct rune_map){0})

void rune_map_fini(struct rune_map *map);
/* True and *ret_value when the key is there. ret_value may be NULL. */
bool rune_map_find(const struct rune_map *map, struct rune_str key, uint32_t *ret_value);
/* Room for `count` keys in all, so that the table need not grow on the way. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_map_reserve(struct rune_map *map, size_t count);
/* Adds or replaces. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_map_set(struct rune_map *map, struct rune_str key, uint32_t value);
/* The value of the key, which is added with `fresh` if it was not there (*ret_added, may be NULL).
 * RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_map_intern(struct rune_map *map, struct rune_str key,
                                            uint32_t fresh, uint32_t *ret_value, bool *ret_added);
