/* SPDX-License-Identifier: Apache-2.0 */
/* sort: ids in order, in place, without allocating. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Ascending, not stable; what stands in `beside` (NULL: nothing) at the same index moves along.
 * Cost: O(count log count), O(count) when already in order. */
void rune_sort_u32(uint32_t *keys, uint32_t *beside, size_t count);
