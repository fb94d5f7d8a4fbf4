/* SPDX-License-Identifier: Apache-2.0 */
/* Insertion for what is short, heapsort else: no memory, no bad case. */
#include "base/sort.h"

#define FEW 24u

static void swap(uint32_t *items, size_t a, size_t b)
{
    uint32_t item = items[a];
    items[a] = items[b];
    items[b] = item;
}

static void sift_down(uint32_t *keys, uint32_t *beside, size_t at, size_t count)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && keys[child + 1] > keys[child]) {
            child++;
        }
        if (keys[at] >= keys[child]) {
            return;
        }
        swap(keys, at, child);
        if (beside != NULL) {
            swap(beside, at, child);
        }
        at = child;
    }
}

static void heap_sort(uint32_t *keys, uint32_t *beside, size_t count)
{
    for (size_t i = count / 2; i-- > 0;) {
        sift_down(keys, beside, i, count);
    }
    for (size_t end = count - 1; end > 0; end--) {
        swap(keys, 0, end);
        if (beside != NULL) {
            swap(beside, 0, end);
        }
        sift_down(keys, beside, 0, end);
    }
}

/* The first `sorted` are in order. */
static void insertion_sort(uint32_t *keys, uint32_t *beside, size_t sorted, size_t count)
{
    for (size_t i = sorted; i < count; i++) {
        uint32_t key = keys[i];
        uint32_t item = beside != NULL ? beside[i] : 0;
        size_t at = i;
        for (; at > 0 && keys[at - 1] > key; at--) {
            keys[at] = keys[at - 1];
            if (beside != NULL) {
                beside[at] = beside[at - 1];
            }
        }
        keys[at] = key;
        if (beside != NULL) {
            beside[at] = item;
        }
    }
}

void rune_sort_u32(uint32_t *keys, uint32_t *beside, size_t count)
{
    size_t sorted = 1;
    while (sorted < count && keys[sorted - 1] <= keys[sorted]) {
        sorted++;
    }
    if (sorted >= count) {
        return;
    }
    if (count > FEW) {
        heap_sort(keys, beside, count);
    } else {
        insertion_sort(keys, beside, sorted, count);
    }
}
