/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

#include "base/alloc.h"

/* What a vec takes first. Thousands of them have one item and no second: an order of a relation, a
 * demand of one. */
#define FIRST_BYTES 64

bool rune_vec_grow(void **items, size_t *capacity, size_t want, size_t item_size)
{
    size_t first = item_size < FIRST_BYTES ? FIRST_BYTES / item_size : 1;
    size_t grown = *capacity < first ? first : *capacity <= SIZE_MAX / 2 ? *capacity * 2 : want;
    grown = grown < want ? want : grown;
    void *moved = rune_realloc(*items, grown, item_size);
    if (moved == NULL) {
        return false;
    }
    *items = moved;
    *capacity = grown;
    return true;
}
