/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted rows against the C library's sort: few and many, every arity, by any order of columns, and
 * by leading columns alone, where equal rows keep their places. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "datalog/evaluate_int.h"
#include "unit/cmocka.h"

#define MAX_ARITY 5u
#define MAX_ROWS  70u
#define ROUNDS    3000u

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return limit > 0 ? (uint32_t)(random_state >> 33) % limit : 0;
}

/* A row, and where it was: the last key, so that the sort of the library is stable. */
struct row {
    rune_term terms[MAX_ARITY];
    uint32_t place;
};

static uint8_t keys[MAX_ARITY];
static uint32_t key_count;

static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    for (uint32_t i = 0; i < key_count; i++) {
        rune_term left = x->terms[keys[i]], right = y->terms[keys[i]];
        if (left != right) {
            return left < right ? -1 : 1;
        }
    }
    return x->place < y->place ? -1 : 1;
}

static rune_term *make_rows(struct row *rows, uint32_t count, uint32_t arity)
{
    rune_term *flat = rune_alloc((count + 1) * arity * sizeof(*flat));
    uint32_t spread = 1u << random_below(14);
    assert_non_null(flat);
    for (uint32_t i = 0; i < count; i++) {
        rows[i].place = i;
        for (uint32_t c = 0; c < arity; c++) {
            rows[i].terms[c] = 7 + random_below(spread);
        }
        memcpy(flat + (size_t)i * arity, rows[i].terms, arity * sizeof(rune_term));
    }
    return flat;
}

static void expect(const struct row *rows, const rune_term *flat, uint64_t count, uint32_t arity)
{
    for (uint64_t i = 0; i < count; i++) {
        assert_memory_equal(flat + i * arity, rows[i].terms, arity * sizeof(rune_term));
    }
}

static void test_sort_rows__is_the_sort_of_the_library(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct row rows[MAX_ROWS];
        uint32_t arity = 1 + random_below(MAX_ARITY);
        uint64_t count = random_below(MAX_ROWS);
        rune_term *flat = make_rows(rows, (uint32_t)count, arity);
        key_count = arity;
        for (uint32_t i = 0; i < arity; i++) {
            uint32_t other = random_below(i + 1);
            keys[i] = keys[other];
            keys[other] = (uint8_t)i;
        }
        qsort(rows, count, sizeof(rows[0]), compare);
        uint64_t kept = count > 0;
        for (uint64_t i = 1; i < count; i++) {
            if (memcmp(rows[i].terms, rows[kept - 1].terms, arity * sizeof(rune_term)) != 0) {
                rows[kept++] = rows[i];
            }
        }
        assert_int_equal(rune_dl_sort_rows(&flat, &count, arity, keys), RUNE_OK);
        assert_int_equal(count, kept);
        expect(rows, flat, count, arity);
        rune_free(flat);
    }
}

static void test_sort_rows__leaves_equal_ones_in_their_order(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct row rows[MAX_ROWS];
        uint32_t arity = 1 + random_below(MAX_ARITY), count = random_below(MAX_ROWS);
        rune_term *flat = make_rows(rows, count, arity);
        key_count = 1 + random_below(arity);
        for (uint32_t i = 0; i < key_count; i++) {
            keys[i] = (uint8_t)i;
        }
        qsort(rows, count, sizeof(rows[0]), compare);
        assert_int_equal(rune_dl_group_rows(&flat, count, arity, key_count), RUNE_OK);
        expect(rows, flat, count, arity);
        rune_free(flat);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort_rows__is_the_sort_of_the_library),
        cmocka_unit_test(test_sort_rows__leaves_equal_ones_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
