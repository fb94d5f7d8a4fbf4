/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "reference/oom.h"
#include "unit/cmocka.h"

static struct rune_source source_of(const char *path, const char *text)
{
    return (struct rune_source){path, text, (uint32_t)strlen(text)};
}

static void test_diag__locates_lines_and_columns(void **state)
{
    (void)state;
    static const char text[] = "ab\n\n\xc3\xa4\xc3\xb6x\n";
    static const struct {
        uint32_t offset, line, column;
    } cases[] = {{0, 1, 1}, {1, 1, 2}, {2, 1, 3},  {3, 2, 1},  {4, 3, 1},
                 {6, 3, 2}, {8, 3, 3}, {10, 4, 1}, {999, 4, 1}};
    struct rune_source source = source_of("f", text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t line, column;
        rune_source_locate(&source, cases[i].offset, &line, &column);
        assert_int_equal(line, cases[i].line);
        assert_int_equal(column, cases[i].column);
    }
}

/* The same places, forwards and backwards, as without watching. */
static void test_diag__watches_a_source(void **state)
{
    const char *text = "one\ntwo \xc3\xa9 three\n\nfour";
    const uint32_t offsets[] = {0, 2, 4, 4, 10, 12, 3, 17, 18, 19, 20, 22, 90, 1};
    struct rune_source source = {"s", text, (uint32_t)strlen(text)};
    struct rune_source other = {"o", "a\nb", 3};
    struct rune_diag *diag = rune_diag_create();
    (void)state;
    rune_diag_watch(diag, &source);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        struct rune_diag_message message;
        uint32_t line, column;
        rune_source_locate(&source, offsets[i], &line, &column);
        rune_diag_report(diag, RUNE_ERROR, "RUNE-X1", (struct rune_span){&source, offsets[i], 1},
                         NULL, "m");
        rune_diag_get(diag, 0, &message);
        assert_int_equal(message.line, line);
        assert_int_equal(message.column, column);
        rune_diag_reset(diag);
        rune_diag_watch(diag, i % 5 == 4 ? NULL : &source);
        rune_diag_report(diag, RUNE_ERROR, "RUNE-X1", (struct rune_span){&source, offsets[i], 1},
                         NULL, "m");
        rune_diag_report(diag, RUNE_ERROR, "RUNE-X1", (struct rune_span){&other, 2, 1}, NULL, "m");
        for (size_t k = 0; k < 2; k++) {
            rune_diag_get(diag, k, &message);
            assert_int_equal(message.line, message.path[0] == 'o' ? 2 : line);
        }
        rune_diag_reset(diag);
        rune_diag_watch(diag, &source);
    }
    rune_diag_destroy(diag);
}

static void test_diag__keeps_watching(void **state)
{
    static char text[2000];
    struct rune_source source = {"s", text, sizeof text};
    struct rune_diag *diag = rune_diag_create();
    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = i % 20 == 19 ? '\n' : 'x';
    }
    rune_diag_watch(diag, &source);
    for (uint32_t i = 0; i < 100; i++) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-X1", (struct rune_span){&source, i * 19, 1}, NULL,
                         "m");
    }
    for (uint32_t i = 0; i < 100; i++) {
        struct rune_diag_message message;
        rune_diag_get(diag, i, &message);
        assert_int_equal(message.line, i * 19 / 20 + 1);
        assert_int_equal(message.column, i * 19 % 20 + 1);
    }
    rune_diag_destroy(diag);
}

static void test_diag__text_has_source_line_and_caret(void **state)
{
    (void)state;
    struct rune_diag *diag = rune_diag_create();
    struct rune_source source = source_of("a.cedar", "permit(\n\tprincipal, actoin\n);\n");
    rune_diag_report(diag, RUNE_ERROR, "RUNE-C0102", (struct rune_span){&source, 20, 6},
                     "write `action`", "`%s` was not expected", "actoin");
    rune_diag_note(diag, (struct rune_span){&source, 0, 6}, "the policy begins here");
    assert_string_equal(rune_diag_text(diag),
                        "a.cedar:2:13: error[RUNE-C0102]: `actoin` was not expected\n"
                        "     principal, actoin\n"
                        "                ^^^^^^\n"
                        "    help: write `action`\n"
                        "a.cedar:1:1: note: the policy begins here\n"
                        "    permit(\n"
                        "    ^^^^^^\n");
    rune_diag_destroy(diag);
}

static void test_diag__json_is_json(void **state)
{
    (void)state;
    struct rune_diag *diag = rune_diag_create();
    assert_string_equal(rune_diag_json(diag), "[]");
    rune_diag_report_at(diag, RUNE_WARNING, "RUNE-X1", "a\"b.tsv", 3, 4, "help", "text \\ \"%s\"",
                        "q");
    rune_diag_report(diag, RUNE_ERROR, NULL, RUNE_SPAN_NONE, NULL, "no place");
    struct rune_arena arena;
    struct rune_json_node root;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_json_parse(rune_str_from(rune_diag_json(diag)), 0, &arena, &root, NULL),
                     RUNE_OK);
    assert_int_equal(root.as.array.count, 2);
    const struct rune_json_node *first = &root.as.array.items[0];
    assert_true(rune_str_equal(rune_json_find(first, "severity")->as.text, RUNE_STR("warning")));
    assert_true(rune_str_equal(rune_json_find(first, "code")->as.text, RUNE_STR("RUNE-X1")));
    assert_true(rune_str_equal(rune_json_find(first, "file")->as.text, RUNE_STR("a\"b.tsv")));
    assert_true(rune_json_find(first, "line")->as.integer == 3);
    assert_true(rune_json_find(first, "column")->as.integer == 4);
    assert_true(
        rune_str_equal(rune_json_find(first, "message")->as.text, RUNE_STR("text \\ \"q\"")));
    assert_true(rune_str_equal(rune_json_find(first, "help")->as.text, RUNE_STR("help")));
    assert_null(rune_json_find(&root.as.array.items[1], "file"));
    rune_arena_fini(&arena);
    rune_diag_destroy(diag);
}

static void test_diag__order_is_by_place_within_a_file(void **state)
{
    (void)state;
    struct rune_diag *diag = rune_diag_create();
    struct rune_source b = source_of("b", "1\n2\n3\n");
    struct rune_source a = source_of("a", "1\n2\n3\n");
    rune_diag_report(diag, RUNE_ERROR, "1", (struct rune_span){&b, 4, 1}, NULL, "b3");
    rune_diag_report(diag, RUNE_ERROR, "2", (struct rune_span){&a, 2, 1}, NULL, "a2");
    rune_diag_report(diag, RUNE_ERROR, "3", (struct rune_span){&b, 0, 1}, NULL, "b1");
    rune_diag_report(diag, RUNE_NOTE, "4", (struct rune_span){&a, 2, 1}, NULL, "a2 again");
    rune_diag_report(diag, RUNE_WARNING, "5", (struct rune_span){&a, 0, 1}, NULL, "a1");
    static const char *const want[] = {"b1", "b3", "a1", "a2", "a2 again"};
    assert_int_equal(rune_diag_kept(diag), 5);
    for (size_t i = 0; i < 5; i++) {
        struct rune_diag_message message;
        rune_diag_get(diag, i, &message);
        assert_string_equal(message.text, want[i]);
    }
    assert_int_equal(rune_diag_count(diag, RUNE_NOTE), 5);
    assert_int_equal(rune_diag_count(diag, RUNE_WARNING), 4);
    assert_int_equal(rune_diag_count(diag, RUNE_ERROR), 3);
    rune_diag_reset(diag);
    assert_int_equal(rune_diag_count(diag, RUNE_NOTE), 0);
    assert_string_equal(rune_diag_text(diag), "");
    rune_diag_destroy(diag);
}

static void test_diag__is_capped_and_counts_on(void **state)
{
    (void)state;
    struct rune_diag *diag = rune_diag_create();
    struct rune_source source = source_of("f", "x");
    for (int i = 0; i < RUNE_DIAG_MAX + 50; i++) {
        rune_diag_report(diag, RUNE_ERROR, "E", (struct rune_span){&source, 0, 1}, NULL,
                         "message %d", i);
        rune_diag_note(diag, RUNE_SPAN_NONE, "note");
    }
    assert_int_equal(rune_diag_kept(diag), RUNE_DIAG_MAX);
    assert_int_equal(rune_diag_count(diag, RUNE_ERROR), RUNE_DIAG_MAX + 50);
    assert_non_null(strstr(rune_diag_text(diag), "50 more messages"));
    rune_diag_destroy(diag);
}

static void test_diag__long_lines_are_cut_around_the_caret(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, 'x', sizeof text);
    text[60000] = '!';
    struct rune_source source = {"f", text, sizeof text};
    struct rune_diag *diag = rune_diag_create();
    rune_diag_report(diag, RUNE_ERROR, "E", (struct rune_span){&source, 60000, 50000}, NULL,
                     "here");
    const char *rendered = rune_diag_text(diag);
    assert_true(strlen(rendered) < 1000);
    const char *line = strchr(rendered, '\n') + 1;
    const char *carets = strchr(line, '\n') + 1;
    assert_int_equal(line[strchr(carets, '^') - carets], '!');
    rune_diag_destroy(diag);
}

static void test_diag__terminal_control_is_replaced(void **state)
{
    (void)state;
    struct rune_source source =
        source_of("f\x1b[2J", "a\x1b[31m\xe2\x80\xae\xff\xc2\x9bz\tb\r\nnext");
    struct rune_diag *diag = rune_diag_create();
    rune_diag_report(diag, RUNE_ERROR, "E", (struct rune_span){&source, 12, 1}, NULL, "bad `%s`",
                     "\x1b]0;x\x07\n");
    for (const char *c = rune_diag_text(diag); *c != '\0'; c++) {
        assert_true((unsigned char)*c >= 0x20 || *c == '\n');
    }
    assert_null(strstr(rune_diag_text(diag), "\xe2\x80\xae"));
    assert_null(strstr(rune_diag_text(diag), "\xc2\x9b"));
    assert_null(strstr(rune_diag_text(diag), "next"));
    rune_diag_destroy(diag);
}

static void test_diag__places_past_the_end_are_harmless(void **state)
{
    (void)state;
    struct rune_diag *diag = rune_diag_create();
    struct rune_source empty = {"empty", NULL, 0};
    struct rune_source source = source_of("f", "abc");
    rune_diag_report(diag, RUNE_ERROR, "E", (struct rune_span){&empty, 5, 5}, NULL, "x");
    rune_diag_report(diag, RUNE_ERROR, "E", (struct rune_span){&source, UINT32_MAX, UINT32_MAX},
                     NULL, "y");
    rune_diag_report(diag, RUNE_ERROR, "E", (struct rune_span){&source, 1, UINT32_MAX}, NULL, "z");
    assert_non_null(strstr(rune_diag_text(diag), "f:1:2: error[E]: z\n    abc\n     ^^\n"));
    rune_diag_report(NULL, RUNE_ERROR, "E", RUNE_SPAN_NONE, NULL, "nobody listens");
    rune_diag_report_at(NULL, RUNE_ERROR, "E", NULL, 0, 0, NULL, "nobody listens");
    rune_diag_note(NULL, RUNE_SPAN_NONE, "nobody listens");
    rune_diag_destroy(diag);
    rune_diag_destroy(NULL);
}

static bool work(void *context)
{
    (void)context;
    struct rune_diag *diag = rune_diag_create();
    if (diag == NULL) {
        return false;
    }
    struct rune_source source = source_of("f", "some text\nand more\n");
    for (uint32_t i = 0; i < 100; i++) {
        rune_diag_report(diag, RUNE_ERROR, "E", (struct rune_span){&source, i % 18, 3}, "help",
                         "message %u", i);
        rune_diag_note(diag, (struct rune_span){&source, 0, 1}, "note");
    }
    assert_int_equal(rune_diag_count(diag, RUNE_ERROR), 100);
    const char *text = rune_diag_text(diag);
    assert_non_null(text);
    bool ok = rune_diag_kept(diag) == 100 && strlen(text) > 1000;
    const char *json = rune_diag_json(diag);
    assert_int_equal(json[0], '[');
    ok = ok && strlen(json) > 1000;
    rune_diag_destroy(diag);
    return ok;
}

static void test_diag__out_of_memory_drops_messages_and_counts_them(void **state)
{
    (void)state;
    assert_in_range(rune_oom_sweep(work, NULL), 3, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diag__locates_lines_and_columns),
        cmocka_unit_test(test_diag__watches_a_source),
        cmocka_unit_test(test_diag__keeps_watching),
        cmocka_unit_test(test_diag__text_has_source_line_and_caret),
        cmocka_unit_test(test_diag__json_is_json),
        cmocka_unit_test(test_diag__order_is_by_place_within_a_file),
        cmocka_unit_test(test_diag__is_capped_and_counts_on),
        cmocka_unit_test(test_diag__long_lines_are_cut_around_the_caret),
        cmocka_unit_test(test_diag__terminal_control_is_replaced),
        cmocka_unit_test(test_diag__places_past_the_end_are_harmless),
        cmocka_unit_test(test_diag__out_of_memory_drops_messages_and_counts_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
