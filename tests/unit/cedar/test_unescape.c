/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/unescape.h"

#include "unit/cmocka.h"

static const struct {
    const char *inside;
    const char *want; /* NULL: refused */
    size_t length;
} cases[] = {
    {"", "", 0},
    {"abc", "abc", 3},
    {"\\n\\r\\t\\\\\\0\\'\\\"", "\n\r\t\\\0'\"", 7},
    {"\\x41\\x7F", "A\x7f", 2},
    {"\\x80", NULL, 0},
    {"\\x4", NULL, 0},
    {"\\u{41}\\u{00_41}\\u{1F600}", "AA\xf0\x9f\x98\x80", 6},
    {"\\u{}", NULL, 0},
    {"\\u{_41}", NULL, 0},
    {"\\u{1234567}", NULL, 0},
    {"\\u{110000}", NULL, 0},
    {"\\u{D800}", NULL, 0},
    {"\\u{41", NULL, 0},
    {"\\u41", NULL, 0},
    {"\\*", NULL, 0},
    {"\\q", NULL, 0},
    {"\\\xc3\xa9", NULL, 0},
    {"a\nb", "a\nb", 3},
    {"a\rb", NULL, 0},
};

static struct rune_span literal(const char *inside, struct rune_source *source, char *text,
                                size_t size)
{
    int length = snprintf(text, size, "\"%s\"", inside);
    *source = (struct rune_source){"t", text, (uint32_t)length};
    return (struct rune_span){source, 0, (uint32_t)length};
}

static void test_unescape__follows_cedar(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rune_source source;
        struct rune_arena arena;
        struct rune_str got;
        char text[80];
        rune_arena_init(&arena, 0);
        enum rune_err err = rune_cedar_unescape(
            literal(cases[i].inside, &source, text, sizeof text), &arena, &got, NULL);
        assert_int_equal(err, cases[i].want != NULL ? RUNE_OK : RUNE_E_SYNTAX);
        if (err == RUNE_OK) {
            assert_int_equal(got.length, cases[i].length);
            assert_memory_equal(got.data, cases[i].want, got.length);
        }
        rune_arena_fini(&arena);
    }
}

static void test_pattern__tells_stars_from_wildcards(void **state)
{
    struct rune_source source;
    struct rune_arena arena;
    struct rune_cedar_pattern pattern;
    char text[80];
    (void)state;
    rune_arena_init(&arena, 0);
    /* As in Cedar, an escape that makes a star makes a wildcard; only `\*` is the character. */
    static const int32_t want[] = {'a', -1, '*', -1, -1};
    assert_int_equal(
        rune_cedar_unescape_pattern(literal("a*\\*\\x2a\\u{2a}", &source, text, sizeof text),
                                    &arena, &pattern, NULL),
        RUNE_OK);
    assert_int_equal(pattern.count, 5);
    assert_memory_equal(pattern.elements, want, sizeof want);
    rune_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unescape__follows_cedar),
        cmocka_unit_test(test_pattern__tells_stars_from_wildcards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
