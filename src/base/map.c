/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing, at most three quarters full; nothing is ever removed. */
#include "base/map.h"

#include "base/alloc.h"
#include "base/hash.h"

#define MIN_CAPACITY 16

struct rune_map_slot {
    const char *data; /* NULL: free */
    size_t length;
    uint32_t hash; /* upper half; the lower chose the slot */
    uint32_t value;
};

void rune_map_fini(struct rune_map *map)
{
    rune_free(map->slots);
    *map = RUNE_MAP_INIT;
}

/* The key's slot, or the free one where it would go. The map has a free slot. */
static struct rune_map_slot *probe(const struct rune_map *map, struct rune_str key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    uint32_t upper = (uint32_t)(hash >> 32);
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct rune_map_slot *slot = &map->slots[i];
        if (slot->data == NULL) {
            return slot;
        }
        if (slot->hash == upper &&
            rune_str_equal((struct rune_str){slot->data, slot->length}, key)) {
            return slot;
        }
    }
}

static uint64_t hash_of(struct rune_str key)
{
    return rune_hash64(key.data, key.length, 0);
}

static bool grow(struct rune_map *map, size_t capacity)
{
    struct rune_map larger = {.capacity = capacity, .count = map->count};
    larger.slots = rune_calloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        const struct rune_map_slot *slot = &map->slots[i];
        if (slot->data != NULL) {
            struct rune_str key = {slot->data, slot->length};
            *probe(&larger, key, hash_of(key)) = *slot;
        }
    }
    rune_free(map->slots);
    *map = larger;
    return true;
}

bool rune_map_find(const struct rune_map *map, struct rune_str key, uint32_t *ret_value)
{
    if (map->count == 0) {
        return false;
    }
    const struct rune_map_slot *slot = probe(map, key, hash_of(key));
    if (slot->data == NULL) {
        return false;
    }
    if (ret_value != NULL) {
        *ret_value = slot->value;
    }
    return true;
}

/* The key's slot, made if it is missing; NULL when memory is out. */
static struct rune_map_slot *slot_of(struct rune_map *map, struct rune_str key, uint32_t fresh,
                                     bool *ret_added)
{
    if (map->count >= map->capacity / 4 * 3 &&
        !grow(map, map->capacity == 0 ? MIN_CAPACITY : map->capacity * 2)) {
        return NULL;
    }
    uint64_t hash = hash_of(key);
    struct rune_map_slot *slot = probe(map, key, hash);
    *ret_added = slot->data == NULL;
    if (*ret_added) {
        const char *data = key.data != NULL ? key.data : "";
        *slot = (struct rune_map_slot){data, key.length, (uint32_t)(hash >> 32), fresh};
        map->count++;
    }
    return slot;
}

enum rune_err rune_map_reserve(struct rune_map *map, size_t count)
{
    size_t capacity = map->capacity == 0 && count > 0 ? MIN_CAPACITY : map->capacity;
    while (capacity / 4 * 3 < count) {
        if (capacity > SIZE_MAX / 2) {
            return RUNE_E_NOMEM;
        }
        capacity *= 2;
    }
    return capacity == map->capacity || grow(map, capacity) ? RUNE_OK : RUNE_E_NOMEM;
}

enum rune_err rune_map_set(struct rune_map *map, struct rune_str key, uint32_t value)
{
    bool added;
    struct rune_map_slot *slot = slot_of(map, key, value, &added);
    if (slot == NULL) {
        return RUNE_E_NOMEM;
    }
    slot->value = value;
    return RUNE_OK;
}

enum rune_err rune_map_intern(struct rune_map *map, struct rune_str key, uint32_t fresh,
                              uint32_t *ret_value, bool *ret_added)
{
    bool added;
    struct rune_map_slot *slot = slot_of(map, key, fresh, &added);
    if (slot == NULL) {
        return RUNE_E_NOMEM;
    }
    *ret_value = slot->value;
    if (ret_added != NULL) {
        *ret_added = added;
    }
    return RUNE_OK;
}
