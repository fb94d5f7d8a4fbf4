/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/arena.h" /* whether AddressSanitizer is there */

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "unit/cmocka.h"

static bool refuse(void *context, size_t size)
{
    size_t *seen = context;
    *seen += size;
    return false;
}

static void test_alloc__works_like_malloc(void **state)
{
    (void)state;
    char *p = rune_alloc(0);
    assert_non_null(p);
    rune_free(p);
    p = rune_calloc(3, 5);
    for (int i = 0; i < 15; i++) {
        assert_int_equal(p[i], 0);
    }
    memcpy(p, "0123456789abcd", 15);
    p = rune_realloc(p, 1000, 10);
    assert_string_equal(p, "0123456789abcd");
    rune_free(p);
    rune_free(NULL);
    char *copy = rune_strdup("text");
    assert_string_equal(copy, "text");
    rune_free(copy);
}

static void test_alloc__overflow_is_out_of_memory(void **state)
{
    (void)state;
    assert_null(rune_calloc(SIZE_MAX / 2, 3));
    assert_null(rune_realloc(NULL, SIZE_MAX / 2, 3));
}

static void test_alloc__hook_sees_and_fails_every_call(void **state)
{
    (void)state;
    size_t seen = 0;
    rune_alloc_set_hook(refuse, &seen);
    assert_null(rune_alloc(1));
    assert_null(rune_calloc(2, 5));
    assert_null(rune_realloc(NULL, 10, 10));
    assert_null(rune_strdup("abc"));
    rune_alloc_set_hook(NULL, NULL);
    assert_int_equal(seen, 1 + 10 + 100 + 4);
}

#if defined(__GLIBC__) && !defined(RUNE_ARENA_POISONS)
static long faults(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_minflt;
}

/* Twenty phases of 8 MiB, one after the other, are to take pages once. */
static void test_alloc__a_prepared_heap_keeps_its_pages(void **state)
{
    (void)state;
    const size_t bytes = 8 << 20, pages = bytes / 4096;
    rune_alloc_prepare(UINT64_MAX);
    long before = faults();
    for (int phase = 0; phase < 20; phase++) {
        char *memory = rune_alloc(bytes);
        assert_non_null(memory);
        memset(memory, phase, bytes);
        rune_free(memory);
    }
    assert_in_range(faults() - before, 0, pages + 100);
}
#endif

static void test_alloc__works_like_malloc_when_prepared(void **state)
{
    static const uint64_t limits[] = {0, 1, 1 << 20, UINT64_C(3) << 30, UINT64_MAX};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        rune_alloc_prepare(limits[i]);
        test_alloc__works_like_malloc(state);
    }
}

/* Neither changes what memory holds. */
static void test_alloc__pages_taken_ahead_keep_their_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4096, 100000, 5 << 20};
    rune_alloc_prepare(UINT64_MAX);
    rune_alloc_try_large();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *memory = rune_alloc(sizes[i]);
        assert_non_null(memory);
        memset(memory, 0x5a, sizes[i] / 2);
        rune_alloc_touch(memory, sizes[i]);
        rune_alloc_try_large();
        for (size_t b = 0; b < sizes[i] / 2; b++) {
            assert_int_equal(memory[b], 0x5a);
        }
        rune_free(memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc__works_like_malloc),
        cmocka_unit_test(test_alloc__overflow_is_out_of_memory),
        cmocka_unit_test(test_alloc__hook_sees_and_fails_every_call),
#if defined(__GLIBC__) && !defined(RUNE_ARENA_POISONS)
        cmocka_unit_test(test_alloc__a_prepared_heap_keeps_its_pages),
#endif
        cmocka_unit_test(test_alloc__works_like_malloc_when_prepared),
        cmocka_unit_test(test_alloc__pages_taken_ahead_keep_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
