/* SPDX-License-Identifier: Apache-2.0 */
/* sort: sorting where qsort cannot go: it may allocate. Insertion for few items, heapsort for many:
 * no bad case. */
#pragma once

#include <stddef.h>

#define RUNE_SORT_MAX_ITEM 64u /* LIMIT: bytes of one item */

typedef int (*rune_sort_compare_fn)(const void *a, const void *b);

/* In place, not stable. Cost: O(count log count), O(count) when already in order. */
void rune_sort_items(void *items, size_t count, size_t item_size, rune_sort_compare_fn compare);
