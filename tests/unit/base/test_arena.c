/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "reference/oom.h"
#include "unit/cmocka.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

static void test_arena__allocations_are_aligned_and_apart(void **state)
{
    (void)state;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    unsigned char *blocks[500];
    for (size_t i = 0; i < 500; i++) {
        blocks[i] = rune_arena_alloc(&arena, i * 7 % 300);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 8, 0);
        memset(blocks[i], (int)(i % 251), i * 7 % 300);
    }
    for (size_t i = 0; i < 500; i++) {
        for (size_t k = 0; k < i * 7 % 300; k++) {
            assert_int_equal(blocks[i][k], i % 251);
        }
    }
    for (size_t align = 1; align <= 4096; align *= 2) {
        assert_int_equal((uintptr_t)rune_arena_alloc_aligned(&arena, 3, align) % align, 0);
    }
    assert_non_null(rune_arena_alloc(&arena, 5 << 20));
    assert_false(rune_arena_failed(&arena));
    rune_arena_fini(&arena);
}

static void test_arena__cap_fails_and_failure_is_sticky(void **state)
{
    (void)state;
    struct rune_arena arena;
    rune_arena_init(&arena, 10000);
    assert_non_null(rune_arena_alloc(&arena, 3000));
    struct rune_arena_mark mark = rune_arena_mark(&arena);
    assert_null(rune_arena_alloc(&arena, 9000));
    assert_true(rune_arena_failed(&arena));
    assert_null(rune_arena_alloc(&arena, 1));
    assert_null(rune_arena_strndup(&arena, "x", 1));
    assert_true(arena.used_bytes <= 10000);
    rune_arena_rewind(&arena, mark);
    assert_non_null(rune_arena_alloc(&arena, 1000));
    rune_arena_fini(&arena);
}

static void test_arena__cap_is_never_exceeded_by_doubling(void **state)
{
    (void)state;
    struct rune_arena arena;
    rune_arena_init(&arena, 100000);
    size_t got = 0;
    while (rune_arena_alloc(&arena, 64) != NULL) {
        got += 64;
    }
    assert_true(arena.used_bytes <= 100000);
    assert_true(got > 80000);
    rune_arena_fini(&arena);
}

static void test_arena__overflow_fails(void **state)
{
    (void)state;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    assert_null(rune_arena_calloc(&arena, SIZE_MAX / 2, 3));
    assert_true(rune_arena_failed(&arena));
    rune_arena_reset(&arena);
    assert_null(rune_arena_alloc(&arena, SIZE_MAX - 4));
    rune_arena_reset(&arena);
    assert_null(rune_arena_strndup(&arena, "", SIZE_MAX));
    rune_arena_fini(&arena);
}

static bool no_memory(void *context, size_t size)
{
    (void)context;
    (void)size;
    fail_msg("a fixed arena must not allocate");
    return false;
}

static void test_arena__fixed_arena_never_allocates(void **state)
{
    (void)state;
    _Alignas(16) static char slab[1024];
    struct rune_arena arena;
    rune_alloc_set_hook(no_memory, NULL);
    rune_arena_init_fixed(&arena, slab, sizeof slab);
    for (int round = 0; round < 3; round++) {
        size_t got = 0;
        char *p;
        while ((p = rune_arena_alloc(&arena, 24)) != NULL) {
            assert_true(p >= slab && p + 24 <= slab + sizeof slab);
            memset(p, round, 24);
            got += 24;
        }
        assert_true(got >= 700);
        assert_true(rune_arena_failed(&arena));
        rune_arena_reset(&arena);
        assert_false(rune_arena_failed(&arena));
    }
    rune_alloc_set_hook(NULL, NULL);
    rune_arena_fini(&arena);
    memset(slab, 1, sizeof slab); /* the caller's again */
}

static void test_arena__rewind_gives_back_what_came_after(void **state)
{
    (void)state;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    struct rune_arena_mark empty = rune_arena_mark(&arena);
    char *first = rune_arena_strndup(&arena, "first", 5);
    struct rune_arena_mark mark = rune_arena_mark(&arena);
    char *second = rune_arena_alloc(&arena, 100);
    for (int i = 0; i < 100; i++) {
        rune_arena_alloc(&arena, 10000);
    }
    rune_arena_rewind(&arena, mark);
    assert_string_equal(first, "first");
#ifndef RUNE_ARENA_DEBUG
    assert_ptr_equal(rune_arena_alloc(&arena, 100), second);
#else
    (void)second;
#endif
    rune_arena_rewind(&arena, empty);
#ifndef RUNE_ARENA_DEBUG
    assert_ptr_equal(rune_arena_alloc(&arena, 1), first); /* the chunk was kept */
#else
    assert_non_null(rune_arena_alloc(&arena, 1));
#endif
    rune_arena_fini(&arena);
}

static void test_arena__reset_keeps_one_chunk(void **state)
{
    (void)state;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    for (int i = 0; i < 100; i++) {
        rune_arena_alloc(&arena, 1000);
    }
    rune_arena_reset(&arena);
    size_t kept = arena.used_bytes;
    assert_true(kept > 0);
    rune_arena_alloc(&arena, 8);
#ifndef RUNE_ARENA_DEBUG
    assert_int_equal(arena.used_bytes, kept);
#endif
    rune_arena_fini(&arena);
}

static void test_arena__copies(void **state)
{
    (void)state;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    assert_memory_equal(rune_arena_memdup(&arena, "a\0b", 3), "a\0b", 3);
    assert_non_null(rune_arena_memdup(&arena, NULL, 0));
    assert_string_equal(rune_arena_strndup(&arena, "abcdef", 3), "abc");
    assert_string_equal(rune_arena_strndup(&arena, NULL, 0), "");
    assert_string_equal(rune_arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    for (int length = 250; length < 260; length++) {
        const char *text = rune_arena_printf(&arena, "%*d", length, 7);
        assert_int_equal(strlen(text), length);
        assert_int_equal(text[length - 1], '7');
    }
    const uint64_t *zeroed = RUNE_ARENA_ARRAY(&arena, uint64_t, 50);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(zeroed[i], 0);
    }
    rune_arena_fini(&arena);
}

static void test_arena__poisons_what_is_not_handed_out(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    static char slab[256];
    struct rune_arena arena;
    rune_arena_init_fixed(&arena, slab, sizeof slab);
    char *p = rune_arena_alloc(&arena, 10);
    assert_false(__asan_address_is_poisoned(p + 9));
    assert_true(__asan_address_is_poisoned(p + 10));
    assert_true(__asan_address_is_poisoned(p + 16));
    rune_arena_reset(&arena);
    assert_true(__asan_address_is_poisoned(p));
    rune_arena_fini(&arena);
    assert_false(__asan_address_is_poisoned(p));
#else
    skip();
#endif
}

static bool work(void *context)
{
    (void)context;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    for (int i = 0; i < 50; i++) {
        char *p = rune_arena_alloc(&arena, 3000);
        if (p != NULL) {
            memset(p, 1, 3000);
        }
    }
    bool ok = !rune_arena_failed(&arena);
    rune_arena_fini(&arena);
    return ok;
}

static void test_arena__out_of_memory(void **state)
{
    (void)state;
    size_t allocations = rune_oom_sweep(work, NULL);
    assert_in_range(allocations, 3, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena__allocations_are_aligned_and_apart),
        cmocka_unit_test(test_arena__cap_fails_and_failure_is_sticky),
        cmocka_unit_test(test_arena__cap_is_never_exceeded_by_doubling),
        cmocka_unit_test(test_arena__overflow_fails),
        cmocka_unit_test(test_arena__fixed_arena_never_allocates),
        cmocka_unit_test(test_arena__rewind_gives_back_what_came_after),
        cmocka_unit_test(test_arena__reset_keeps_one_chunk),
        cmocka_unit_test(test_arena__copies),
        cmocka_unit_test(test_arena__poisons_what_is_not_handed_out),
        cmocka_unit_test(test_arena__out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
