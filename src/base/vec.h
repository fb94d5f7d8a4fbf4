/* SPDX-License-Identifier: Apache-2.0 */
/* vec: typed growing arrays on the heap.
 *
 *     struct rune_vec_u32 ids = {0};           // RUNE_VEC(name, type) declares the struct type
 *     if (!RUNE_VEC_PUSH(&ids, 7)) ...         // false: out of memory, nothing pushed
 *     RUNE_VEC_FINI(&ids);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"

#define RUNE_VEC(name, type) \
    struct name {            \
        type *items;         \
        size_t count;        \
        size_t capacity;     \
    }

/* Room for `want` items in all, and no more than that where it is more than twice what there is:
 * who knows the number should say it before the first push. */
#define RUNE_VEC_RESERVE(vec, want) \
    ((want) <= (vec)->capacity ||   \
     rune_vec_grow((void **)&(vec)->items, &(vec)->capacity, (want), sizeof(*(vec)->items)))

#define RUNE_VEC_PUSH(vec, item)                                                               \
    (RUNE_VEC_RESERVE((vec), (vec)->count + 1) ? ((vec)->items[(vec)->count++] = (item), true) \
                                               : false)

#define RUNE_VEC_FINI(vec) \
    (rune_free((vec)->items), (vec)->items = NULL, (vec)->count = (vec)->capacity = 0)

/* Grows to twice the capacity, or to `want` items if those are more. False when memory is out; then
 * nothing changed. */
bool rune_vec_grow(void **items, size_t *capacity, size_t want, size_t item_size);

RUNE_VEC(rune_vec_u32, uint32_t);
RUNE_VEC(rune_vec_u64, uint64_t);
