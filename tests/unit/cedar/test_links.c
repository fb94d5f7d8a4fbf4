/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/links.h"

#include "unit/cmocka.h"

static enum rune_err parse(const char *text, struct rune_arena *arena,
                           struct rune_cedar_link **links, uint32_t *count)
{
    static struct rune_source source;
    source = (struct rune_source){"l.json", text, (uint32_t)strlen(text)};
    return rune_cedar_links_parse(&source, arena, links, count, NULL);
}

static void test_links__are_read(void **state)
{
    struct rune_arena arena;
    struct rune_cedar_link *links;
    uint32_t count;
    (void)state;
    rune_arena_init(&arena, 0);
    assert_int_equal(parse("[]", &arena, &links, &count), RUNE_OK);
    assert_int_equal(count, 0);
    assert_int_equal(parse("[{\"template_id\":\"t\",\"link_id\":\"l\",\"args\":{\"?resource\":\"A::"
                           "B::\\\"x\\\"\"}}]",
                           &arena, &links, &count),
                     RUNE_OK);
    assert_int_equal(count, 1);
    assert_null(links[0].principal);
    assert_true(rune_str_equal(links[0].resource->type, RUNE_STR("A::B")));
    assert_true(rune_str_equal(links[0].resource->id, RUNE_STR("x")));
    rune_arena_fini(&arena);
}

static void test_links__mistakes_are_refused(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[1]",
        "[{}]",
        "[",
        "[{\"template_id\":\"t\",\"link_id\":\"l\"}]",
        "[{\"template_id\":1,\"link_id\":\"l\",\"args\":{}}]",
        "[{\"template_id\":\"t\",\"link_id\":\"l\",\"args\":{\"?action\":\"A::\\\"x\\\"\"}}]",
        "[{\"template_id\":\"t\",\"link_id\":\"l\",\"args\":{\"?principal\":\"alice\"}}]",
        "[{\"template_id\":\"t\",\"link_id\":\"l\",\"args\":{\"?principal\":\"A :: \\\"x\\\"\"}}]",
        ("[{\"template_id\":\"t\",\"link_id\":\"l\","
         "\"args\":{\"?principal\":{\"type\":\"A\",\"id\":\"x\"}}}]"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct rune_arena arena;
        struct rune_cedar_link *links;
        uint32_t count;
        rune_arena_init(&arena, 0);
        assert_int_equal(parse(texts[i], &arena, &links, &count), RUNE_E_SYNTAX);
        rune_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links__are_read),
        cmocka_unit_test(test_links__mistakes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
