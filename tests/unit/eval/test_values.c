/* SPDX-License-Identifier: Apache-2.0 */
/* Searches in runs against loops over their items, in memory that ends where the run does. */
#include <stdlib.h>

#include "eval/values.h"
#include "unit/cmocka.h"

#define COUNT_MAX (3 * RUNE_RUN_SCAN_MAX)

static uint32_t place_of(const uint32_t *items, uint32_t count, uint32_t item)
{
    uint32_t i = 0;
    while (i < count && items[i] != item) {
        i++;
    }
    return i;
}

/* Items are even: every odd number is missing. */
static void test_run__is_searched_like_a_loop(void **state)
{
    (void)state;
    for (uint32_t count = 0; count <= COUNT_MAX; count++) {
        uint32_t *run = malloc((1 + count) * sizeof *run);
        assert_non_null(run);
        run[0] = count;
        for (uint32_t i = 0; i < count; i++) {
            run[1 + i] = 2 * i + 2;
        }
        for (uint32_t item = 0; item <= 2 * count + 3; item++) {
            uint32_t place = place_of(run + 1, count, item);
            assert_int_equal(rune_run_place(run + 1, count, item), place);
            assert_int_equal(rune_run_scan(run + 1, count, item), place < count);
            assert_int_equal(rune_run_contains(run, item), place < count);
        }
        free(run);
    }
}

/* A heap with a shape [count, names..] and a record [shape, values..] of it, at its end. */
static void test_record__is_searched_like_a_loop(void **state)
{
    (void)state;
    for (uint32_t count = 0; count <= 40; count++) {
        uint32_t *heap = malloc((2 + 2 * (size_t)count) * sizeof *heap);
        assert_non_null(heap);
        const uint32_t *run = heap + 1 + count;
        heap[0] = count;
        heap[1 + count] = 0;
        for (uint32_t i = 0; i < count; i++) {
            heap[1 + i] = 2 * i + 2;
            heap[2 + count + i] = 1000 + i;
        }
        for (uint32_t name = 0; name <= 2 * count + 3; name++) {
            uint32_t place = place_of(heap + 1, count, name);
            assert_int_equal(rune_record_find(run, heap, name),
                             place < count ? 1000 + place : RUNE_TERM_NONE);
        }
        free(heap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run__is_searched_like_a_loop),
        cmocka_unit_test(test_record__is_searched_like_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
