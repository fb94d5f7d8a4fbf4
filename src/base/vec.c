/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

#include "base/alloc.h"

bool rune_vec_grow(void **items, size_t *capacity, size_t want, size_t item_size)
{
    size_t grown = *capacity < 8 ? 8 : *capacity;
    while (grown < want) {
        grown = grown <= SIZE_MAX / 2 ? grown * 2 : want;
    }
    void *moved = rune_realloc(*items, grown, item_size);
    if (moved == NULL) {
        return false;
    }
    *items = moved;
    *capacity = grown;
    return true;
}
