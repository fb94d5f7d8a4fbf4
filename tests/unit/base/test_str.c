/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#include "unit/cmocka.h"

static void test_str__equality_and_order_are_bytewise(void **state)
{
    (void)state;
    assert_true(rune_str_equal(RUNE_STR(""), (struct rune_str){NULL, 0}));
    assert_true(rune_str_equal(RUNE_STR("a\0b"), RUNE_STR("a\0b")));
    assert_false(rune_str_equal(RUNE_STR("a"), RUNE_STR("ab")));
    static const char *const ordered[] = {"", "A", "a", "ab", "b", "\x7f", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof ordered / sizeof *ordered; i++) {
        for (size_t j = 0; j < sizeof ordered / sizeof *ordered; j++) {
            int order = rune_str_compare(rune_str_from(ordered[i]), rune_str_from(ordered[j]));
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

static void test_str__distance(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t limit, want;
    } cases[] = {
        {"", "", 3, 0},
        {"a", "", 3, 1},
        {"abc", "abc", 0, 0},
        {"abc", "abd", 3, 1},
        {"abc", "acb", 3, 1},
        {"kitten", "sitting", 5, 3},
        {"kitten", "sitting", 2, 3},
        {"abc", "xyz", 1, 2},
        {"ca", "abc", 9, 3},
        {"principal", "pricnipal", 3, 1},
        {"a", "aaaaaaaaaaaa", 2, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rune_str a = rune_str_from(cases[i].a), b = rune_str_from(cases[i].b);
        assert_int_equal(rune_str_distance(a, b, cases[i].limit), cases[i].want);
        assert_int_equal(rune_str_distance(b, a, cases[i].limit), cases[i].want);
    }
}

static void test_str__long_texts_are_equal_or_far(void **state)
{
    (void)state;
    char a[600], b[600];
    memset(a, 'a', sizeof a);
    memset(b, 'a', sizeof b);
    b[599] = 'b';
    assert_int_equal(rune_str_distance((struct rune_str){a, 600}, (struct rune_str){a, 600}, 3), 0);
    assert_int_equal(rune_str_distance((struct rune_str){a, 600}, (struct rune_str){b, 600}, 3), 4);
    assert_int_equal(rune_str_distance((struct rune_str){a, 255}, (struct rune_str){b, 254}, 3), 1);
}

static void test_str__nearest_suggests_slips_only(void **state)
{
    (void)state;
    static const struct rune_str names[] = {RUNE_STR("principal"), RUNE_STR("action"),
                                            RUNE_STR("resource"), RUNE_STR("context"),
                                            RUNE_STR("entities")};
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"principle", "principal"},
        {"contex", "context"},
        {"CONTEXT", "context"},
        {"ressource", "resource"},
        {"actoin", "action"},
        {"entites", "entities"},
        {"x", ""},
        {"", ""},
        {"something", ""},
        {"user", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rune_str got = rune_str_nearest(rune_str_from(cases[i].name), names, 5);
        assert_true(rune_str_equal(got, rune_str_from(cases[i].want)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str__equality_and_order_are_bytewise),
        cmocka_unit_test(test_str__distance),
        cmocka_unit_test(test_str__long_texts_are_equal_or_far),
        cmocka_unit_test(test_str__nearest_suggests_slips_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
