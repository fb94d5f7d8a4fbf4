/* SPDX-License-Identifier: Apache-2.0 */
#include "base/toml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "reference/oom.h"
#include "unit/cmocka.h"

static enum rune_err parse(const char *text, struct rune_arena *arena, struct rune_json_node *root,
                           struct rune_diag *diag)
{
    struct rune_source source = {"rune.toml", text, (uint32_t)strlen(text)};
    return rune_toml_parse(&source, arena, root, diag);
}

static const char manifest[] = "# comment\n"
                               "[bundle]\n"
                               "name = \"documents\"\n"
                               "version = '1.0'\n"
                               "strict = true\n"
                               "limit = 1_000\n"
                               "ratio = 0.5\n"
                               "day = 2024-02-29\n"
                               "at = 2024-02-29T12:30:00Z\n"
                               "\n"
                               "[relations.member]\n"
                               "columns = [\"User\", \"Team\"]\n"
                               "[[case]]\n"
                               "n = 1\n"
                               "[[case]]\n"
                               "n = 2\n";

static void test_toml__becomes_the_json_tree(void **state)
{
    (void)state;
    struct rune_arena arena;
    struct rune_json_node root;
    rune_arena_init(&arena, 0);
    assert_int_equal(parse(manifest, &arena, &root, NULL), RUNE_OK);
    assert_int_equal(root.type, RUNE_JSON_OBJECT);
    assert_int_equal(root.as.object.count, 3);
    const struct rune_json_node *bundle = rune_json_find(&root, "bundle");
    assert_true(rune_str_equal(rune_json_find(bundle, "name")->as.text, RUNE_STR("documents")));
    assert_true(rune_str_equal(rune_json_find(bundle, "version")->as.text, RUNE_STR("1.0")));
    assert_int_equal(rune_json_find(bundle, "strict")->type, RUNE_JSON_TRUE);
    assert_true(rune_json_find(bundle, "limit")->as.integer == 1000);
    assert_int_equal(rune_json_find(bundle, "ratio")->type, RUNE_JSON_NUMBER);
    assert_true(rune_str_equal(rune_json_find(bundle, "ratio")->as.text, RUNE_STR("0.5")));
    assert_true(rune_str_equal(rune_json_find(bundle, "day")->as.text, RUNE_STR("2024-02-29")));
    assert_true(
        rune_str_equal(rune_json_find(bundle, "at")->as.text, RUNE_STR("2024-02-29T12:30:00Z")));
    const struct rune_json_node *columns =
        rune_json_find(rune_json_find(rune_json_find(&root, "relations"), "member"), "columns");
    assert_int_equal(columns->as.array.count, 2);
    assert_true(rune_str_equal(columns->as.array.items[1].as.text, RUNE_STR("Team")));
    const struct rune_json_node *cases = rune_json_find(&root, "case");
    assert_int_equal(cases->as.array.count, 2);
    assert_true(rune_json_find(&cases->as.array.items[1], "n")->as.integer == 2);
    rune_arena_fini(&arena);
}

static void test_toml__members_are_in_order_of_the_text_and_have_places(void **state)
{
    (void)state;
    struct rune_arena arena;
    struct rune_json_node root;
    rune_arena_init(&arena, 0);
    static const char text[] = "zeta = 1\n\xc3\xa4 = 2\nalpha = \"x\"\n";
    assert_int_not_equal(parse(text, &arena, &root, NULL), RUNE_OK); /* bare keys are ASCII */
    static const char quoted[] = "zeta = 1\n\"\xc3\xa4\" = 2\nalpha = \"x\"\n";
    assert_int_equal(parse(quoted, &arena, &root, NULL), RUNE_OK);
    assert_int_equal(root.as.object.count, 3);
    static const struct {
        const char *key;
        uint32_t key_offset, offset;
    } want[] = {{"zeta", 0, 7}, {"\xc3\xa4", 9, 16}, {"alpha", 18, 26}};
    for (size_t i = 0; i < 3; i++) {
        const struct rune_json_member *member = &root.as.object.members[i];
        assert_true(rune_str_equal(member->key, rune_str_from(want[i].key)));
        assert_int_equal(member->key_offset, want[i].key_offset);
        assert_int_equal(member->value.offset, want[i].offset);
    }
    assert_int_equal(parse("", &arena, &root, NULL), RUNE_OK);
    assert_int_equal(root.as.object.count, 0);
    rune_arena_fini(&arena);
}

static void test_toml__errors_have_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t line;
    } cases[] = {
        {"a = ", 1},       {"a = 1\nb = [1,\n", 2}, {"a = 1\na = 2\n", 2},
        {"[x]\n[x]\n", 2}, {"x = \"\xff\"\n", 1},   {"= 1", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rune_arena arena;
        struct rune_json_node root;
        struct rune_diag *diag = rune_diag_create();
        rune_arena_init(&arena, 0);
        assert_int_equal(parse(cases[i].text, &arena, &root, diag), RUNE_E_SYNTAX);
        struct rune_diag_message message;
        assert_int_equal(rune_diag_kept(diag), 1);
        rune_diag_get(diag, 0, &message);
        assert_string_equal(message.path, "rune.toml");
        assert_in_range(message.line, cases[i].line, cases[i].line + 1);
        assert_true(message.column >= 1);
        rune_arena_fini(&arena);
        rune_diag_destroy(diag);
    }
}

static void test_toml__depth_is_limited(void **state)
{
    (void)state;
    static char text[20000];
    strcpy(text, "a = ");
    memset(text + 4, '[', 9000);
    memset(text + 9004, ']', 9000);
    struct rune_arena arena;
    struct rune_json_node root;
    rune_arena_init(&arena, 0);
    assert_int_not_equal(parse(text, &arena, &root, NULL), RUNE_OK);
    rune_arena_fini(&arena);
}

/* `count` parts of a key, each `part`, between `before` and `after`. */
static enum rune_err parse_long_key(const char *before, const char *part, size_t count,
                                    const char *after)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct rune_arena arena;
    struct rune_json_node root;
    rune_arena_init(&arena, 0);
    rune_buf_append_cstr(&text, before);
    for (size_t i = 0; i < count; i++) {
        rune_buf_append_cstr(&text, i == 0 ? "" : ".");
        rune_buf_append_cstr(&text, part);
    }
    rune_buf_append_cstr(&text, after);
    enum rune_err err = parse(rune_buf_cstr(&text), &arena, &root, NULL);
    rune_buf_fini(&text);
    rune_arena_fini(&arena);
    return err;
}

static void test_toml__parts_of_a_key_are_limited(void **state)
{
    (void)state;
    static const size_t many = 200000; /* the library would need a stack frame for each */
    assert_int_equal(parse_long_key("", "a", many, " = 1\n"), RUNE_E_SYNTAX);
    assert_int_equal(parse_long_key("[", "a", many, "]\n"), RUNE_E_SYNTAX);
    assert_int_equal(parse_long_key("[[", "\"\"", many, "]]\n"), RUNE_E_SYNTAX);
    assert_int_equal(parse_long_key("x = \"\"\"a\"\"\"\"\"\n", " 'b' ", many, " = 1\n"),
                     RUNE_E_SYNTAX);
    assert_int_equal(parse_long_key("x = [{", "a", many, " = 1}]\n"), RUNE_E_SYNTAX);
    assert_int_equal(parse_long_key("", "a", 60, " = 1\n"), RUNE_OK);
    assert_int_equal(parse_long_key("x = \"", "a", 300, "\"\n"), RUNE_OK);
    assert_int_equal(parse_long_key("x = '''", "a", 300, "'''\n"), RUNE_OK);
    assert_int_equal(parse_long_key("x = \"\\\"", "a", 300, "\"\n"), RUNE_OK);
    assert_int_equal(parse_long_key("x = [1.5, 1.", "5, 1", 300, "]# \" ... \n"), RUNE_OK);
    assert_int_equal(parse_long_key("# '", "a", 300, "\n"), RUNE_OK);
}

static bool work(void *context)
{
    (void)context;
    struct rune_arena arena;
    struct rune_json_node root;
    rune_arena_init(&arena, 0);
    enum rune_err err = parse(manifest, &arena, &root, NULL);
    assert_true(err == RUNE_OK || err == RUNE_E_NOMEM);
    rune_arena_fini(&arena);
    return err == RUNE_OK;
}

static void test_toml__out_of_memory(void **state)
{
    (void)state;
    assert_in_range(rune_oom_sweep(work, NULL), 1, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_toml__becomes_the_json_tree),
        cmocka_unit_test(test_toml__members_are_in_order_of_the_text_and_have_places),
        cmocka_unit_test(test_toml__errors_have_a_place),
        cmocka_unit_test(test_toml__depth_is_limited),
        cmocka_unit_test(test_toml__parts_of_a_key_are_limited),
        cmocka_unit_test(test_toml__out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
