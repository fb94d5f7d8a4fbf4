/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "cedar/index_int.h"

uint64_t *rune_index_make_bitmap(uint32_t bits)
{
    return rune_calloc((size_t)bits / 64 + 1, sizeof(uint64_t));
}

/* The slot of a key, or the free one where it would go. */
static uint32_t *probe(const struct rune_index_keys *keys, const struct rune_index_key *wanted)
{
    size_t mask = keys->slot_count - 1;
    uint64_t hash = rune_policy_index_hash(wanted->kind, wanted->a, wanted->b, wanted->c);
    size_t at = rune_policy_index_home(hash, (uint32_t)keys->slot_count);
    for (;; at = (at + 1) & mask) {
        uint32_t number = keys->slots[at];
        const struct rune_index_key *key = number == 0 ? NULL : &keys->items[number - 1];
        if (key == NULL || (key->kind == wanted->kind && key->a == wanted->a &&
                            key->b == wanted->b && key->c == wanted->c)) {
            return &keys->slots[at];
        }
    }
}

static bool grow(struct rune_index_keys *keys)
{
    size_t slot_count = keys->slot_count == 0 ? 64 : keys->slot_count * 2;
    uint32_t *slots = rune_calloc(slot_count, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    rune_free(keys->slots);
    keys->slots = slots;
    keys->slot_count = slot_count;
    for (size_t i = 0; i < keys->count; i++) {
        *probe(keys, &keys->items[i]) = (uint32_t)i + 1;
    }
    return true;
}

uint32_t rune_index_number(struct rune_index_keys *keys, uint32_t kind, uint32_t a, uint32_t b,
                           uint32_t c)
{
    struct rune_index_key key = {kind, a, b, c, 0};
    if ((keys->count + 1) * 2 > keys->slot_count &&
        (keys->slot_count >= UINT32_MAX / 4 || !grow(keys))) {
        return UINT32_MAX;
    }
    uint32_t *slot = probe(keys, &key);
    if (*slot == 0) {
        if (!RUNE_VEC_PUSH(keys, key)) {
            return UINT32_MAX;
        }
        *slot = (uint32_t)keys->count;
    }
    return *slot - 1;
}

void rune_index_keys_fini(struct rune_index_keys *keys)
{
    RUNE_VEC_FINI(keys);
    rune_free(keys->slots);
    keys->slots = NULL;
    keys->slot_count = 0;
}
