/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sort.h"

#include "base/layout.h"

#include <string.h>

#define FEW 24u

struct span {
    char *items;
    size_t size;
    rune_sort_compare_fn compare;
};

static char *at(const struct span *span, size_t index)
{
    return span->items + index * span->size;
}

static void swap(const struct span *span, size_t a, size_t b)
{
    char spare[RUNE_SORT_MAX_ITEM];
    memcpy(spare, at(span, a), span->size);
    memcpy(at(span, a), at(span, b), span->size);
    memcpy(at(span, b), spare, span->size);
}

static void insertion_sort(const struct span *span, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t j = i; j > 0 && span->compare(at(span, j - 1), at(span, j)) > 0; j--) {
            swap(span, j - 1, j);
        }
    }
}

static void sift_down(const struct span *span, size_t root, size_t count)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && span->compare(at(span, child), at(span, child + 1)) < 0) {
            child++;
        }
        if (span->compare(at(span, root), at(span, child)) >= 0) {
            return;
        }
        swap(span, root, child);
        root = child;
    }
}

static void heap_sort(const struct span *span, size_t count)
{
    for (size_t i = count / 2; i-- > 0;) {
        sift_down(span, i, count);
    }
    for (size_t end = count - 1; end > 0; end--) {
        swap(span, 0, end);
        sift_down(span, 0, end);
    }
}

RUNE_APART void rune_sort_items(void *items, size_t count, size_t item_size,
                                rune_sort_compare_fn compare)
{
    const struct span span = {.items = items, .size = item_size, .compare = compare};
    size_t sorted = 1;
    while (sorted < count && compare(at(&span, sorted - 1), at(&span, sorted)) <= 0) {
        sorted++;
    }
    if (sorted >= count) {
        return;
    }
    if (count <= FEW) {
        insertion_sort(&span, count);
    } else {
        heap_sort(&span, count);
    }
}
