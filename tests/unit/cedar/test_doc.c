/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/doc.h"

#include "unit/cmocka.h"

struct bench {
    struct rune_arena arena;
    struct rune_buf out;
};

static const struct rune_doc *text(struct bench *bench, const char *word)
{
    return rune_doc_text(&bench->arena, rune_str_from(word));
}

/* "aaa bbb ccc" in a group, indented by 4. */
static const struct rune_doc *words(struct bench *bench)
{
    const struct rune_doc *doc =
        RUNE_DOC_CONCAT(&bench->arena, text(bench, "aaa"), &rune_doc_line, text(bench, "bbb"),
                        &rune_doc_line, text(bench, "ccc"));
    return rune_doc_group(&bench->arena, rune_doc_nest(&bench->arena, 4, doc));
}

static void assert_prints(struct bench *bench, const struct rune_doc *doc, uint32_t width,
                          const char *expected)
{
    struct rune_doc_printer printer;
    rune_buf_reset(&bench->out);
    rune_doc_printer_init(&printer, width, 1000, &bench->out);
    assert_int_equal(rune_doc_print(&printer, doc), RUNE_OK);
    assert_string_equal(rune_buf_cstr(&bench->out), expected);
    rune_doc_printer_fini(&printer);
}

static int setup(void **state)
{
    struct bench *bench = test_calloc(1, sizeof *bench);
    rune_arena_init(&bench->arena, 0);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    rune_arena_fini(&bench->arena);
    rune_buf_fini(&bench->out);
    test_free(bench);
    return 0;
}

static void test_doc_group__is_flat_if_it_fits(void **state)
{
    struct bench *bench = *state;
    assert_prints(bench, words(bench), 11, "aaa bbb ccc");
    assert_prints(bench, words(bench), 10, "aaa\n    bbb\n    ccc");
}

static void test_doc_group__counts_what_follows_up_to_a_line_end(void **state)
{
    struct bench *bench = *state;
    const struct rune_doc *tail = text(bench, ";;");
    const struct rune_doc *doc = rune_doc_pair(&bench->arena, words(bench), tail);
    assert_prints(bench, doc, 12, "aaa\n    bbb\n    ccc;;");
    doc = RUNE_DOC_CONCAT(&bench->arena, words(bench), &rune_doc_hardline, tail);
    assert_prints(bench, doc, 12, "aaa bbb ccc\n;;");
}

static void test_doc_group__is_tried_again_inside(void **state)
{
    struct bench *bench = *state;
    const struct rune_doc *outer =
        rune_doc_group(&bench->arena, RUNE_DOC_CONCAT(&bench->arena, text(bench, "head"),
                                                      &rune_doc_line, words(bench)));
    assert_prints(bench, outer, 16, "head aaa bbb ccc");
    assert_prints(bench, outer, 15, "head\naaa bbb ccc");
}

static void test_doc_hardline__breaks_all_that_it_is_in(void **state)
{
    struct bench *bench = *state;
    const struct rune_doc *doc = rune_doc_group(
        &bench->arena, RUNE_DOC_CONCAT(&bench->arena, text(bench, "a"), &rune_doc_line,
                                       text(bench, "b"), &rune_doc_hardline, text(bench, "c")));
    assert_prints(bench, doc, 80, "a\nb\nc");
}

static void test_doc_line__is_indented_as_what_follows(void **state)
{
    struct bench *bench = *state;
    const struct rune_doc *inner = RUNE_DOC_CONCAT(
        &bench->arena, text(bench, "a"), &rune_doc_hardline, text(bench, "b"), &rune_doc_hardline);
    const struct rune_doc *doc =
        rune_doc_pair(&bench->arena, rune_doc_nest(&bench->arena, 2, inner), text(bench, "c"));
    assert_prints(bench, doc, 80, "a\n  b\nc");
}

static void test_doc_break__is_nothing_when_flat(void **state)
{
    struct bench *bench = *state;
    const struct rune_doc *doc =
        rune_doc_group(&bench->arena, RUNE_DOC_CONCAT(&bench->arena, text(bench, "("),
                                                      &rune_doc_break, text(bench, ")")));
    assert_prints(bench, doc, 2, "()");
    assert_prints(bench, doc, 1, "(\n)");
    assert_prints(bench, NULL, 1, "");
}

static void test_doc_print__stops_at_its_limit(void **state)
{
    struct bench *bench = *state;
    struct rune_doc_printer printer;
    rune_doc_printer_init(&printer, 80, 5, &bench->out);
    assert_int_equal(rune_doc_print(&printer, words(bench)), RUNE_E_LIMIT);
    rune_doc_printer_fini(&printer);
}

static void test_text_columns__are_a_terminals(void **state)
{
    static const struct {
        const char *text;
        uint32_t columns;
    } cases[] = {
        {"", 0},
        {"abc", 3},
        {"\n\t", 2},
        {"h\xc3\xa9", 2},
        {"e\xcc\x81", 1},                                    /* a combining accent */
        {"\xe6\x97\xa5\xe6\x9c\xac", 4},                     /* two ideographs */
        {"\xf0\x9f\xa6\x80", 2},                             /* a crab */
        {"\xe2\x9d\xa4", 1},                                 /* a heart */
        {"\xe2\x9d\xa4\xef\xb8\x8f", 2},                     /* a red one */
        {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7", 2}, /* mother and daughter */
        {"\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", 2},             /* a thumb with a tone */
        {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 2},         /* a syllable of three */
        {"\xc2\xad", 1},                                     /* a soft hyphen */
        {"\xe2\x80\x8b", 0},                                 /* a space of no width */
        {"\xff", 1},                                         /* not UTF-8 */
        {"\xc3\xa9\r\n", 2},                                 /* a line's end is one */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(rune_text_columns(rune_str_from(cases[i].text)), cases[i].columns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_doc_group__is_flat_if_it_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_doc_group__counts_what_follows_up_to_a_line_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_doc_group__is_tried_again_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_doc_hardline__breaks_all_that_it_is_in, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_doc_line__is_indented_as_what_follows, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_doc_break__is_nothing_when_flat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_doc_print__stops_at_its_limit, setup, teardown),
        cmocka_unit_test(test_text_columns__are_a_terminals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
