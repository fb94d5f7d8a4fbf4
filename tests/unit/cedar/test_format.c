/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/format.h"

#include "cedar/lexer.h"
#include "reference/cedar_random.h"
#include "reference/oom.h"
#include "unit/cmocka.h"

#define ROUNDS 3000

static enum rune_err format(struct rune_str text, struct rune_buf *out)
{
    const struct rune_source source = {"t", text.data, (uint32_t)text.length};
    rune_buf_reset(out);
    return rune_cedar_format(&source, out, NULL);
}

static struct rune_str str_of(const struct rune_buf *buf)
{
    return (struct rune_str){buf->data, buf->length};
}

#define HEAD "permit (principal, action, resource)"
#define WHEN "permit(principal,action,resource)when{"

static void test_format__lays_out(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "\n"},
        {" // only this \n\n//and this", "\n// only this\n//and this\n"},
        {"permit(principal,action,resource);", HEAD ";\n"},
        {"permit(principal,action,resource);forbid(principal,action,resource);",
         HEAD ";\n\nforbid (principal, action, resource);\n"},
        {"@a @b(\"c\")permit(principal,action,resource,);", "@a\n@b(\"c\")\n" HEAD ";\n"},
        {"permit(principal is A::B in G::\"g\",action in[Action::\"a\",],resource==?resource);",
         "permit (\n  principal is A::B in G::\"g\",\n  action in [Action::\"a\"],\n"
         "  resource == ?resource\n);\n"},
        {WHEN "true}unless{false};", HEAD "\nwhen { true }\nunless { false };\n"},
        {WHEN "007<1+2*-3};", HEAD "\nwhen { 7 < 1 + 2 * -3 };\n"},
        {WHEN "! ! true&&\"a\"like\"*\"||principal has a.b||principal is A in principal};", HEAD
         "\nwhen\n{ !!true && \"a\" like \"*\" || principal has a.b || principal is A in principal "
         "};\n"},
        {WHEN "[ 1,2, ].contains({a:1,\"b c\":{},}.a)};",
         HEAD "\nwhen { [1, 2].contains({ a: 1, \"b c\": {} }.a) };\n"},
        {WHEN "if context[\"x\"]then A::B::\"c\"==A::B::\"c\"else ip(\"::1\").isIpv4()};",
         HEAD "\nwhen { if context[\"x\"] then A::B::\"c\" == A::B::\"c\" else "
              "ip(\"::1\").isIpv4() };\n"},
        {WHEN "\"a\n\n  b\"==\"\"};", HEAD "\nwhen { \"a\n\n  b\" == \"\" };\n"},
        {"permit(principal,action,resource); // last\n\n// end\n", HEAD "; // last\n// end\n"},
        {WHEN "context.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.contains(context."
              "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb)};",
         HEAD "\nwhen\n{\n  context.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n    .contains(\n"
              "      context.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n    )\n};\n"},
        {"// first\n\n\npermit( // open\nprincipal,action,resource);",
         "// first\npermit\n( // open\nprincipal, action, resource);\n"},
    };
    struct rune_buf out = RUNE_BUF_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(format(rune_str_from(cases[i].text), &out), RUNE_OK);
        assert_string_equal(rune_buf_cstr(&out), cases[i].expected);
    }
    rune_buf_fini(&out);
}

static void test_format__refuses_with_a_place(void **state)
{
    static const char *const texts[] = {"permit", "permit(principal,action,resource)", WHEN "};",
                                        WHEN "a};", "permit(principal,action);"};
    struct rune_buf out = RUNE_BUF_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct rune_source source = {"t", texts[i], (uint32_t)strlen(texts[i])};
        struct rune_diag *diag = rune_diag_create();
        assert_int_equal(rune_cedar_format(&source, &out, diag), RUNE_E_SYNTAX);
        assert_int_equal(rune_diag_count(diag, RUNE_ERROR), 1);
        rune_diag_destroy(diag);
    }
    assert_int_equal(out.length, 0);
    rune_buf_fini(&out);
}

/* ---- deep and long ---- */

static void append_times(struct rune_buf *text, const char *word, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        rune_buf_append_cstr(text, word);
    }
}

static void test_format__takes_what_the_parser_takes(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct rune_buf out = RUNE_BUF_INIT;
    (void)state;
    rune_buf_append_cstr(&text, WHEN);
    append_times(&text, "(", 900);
    append_times(&text, "[if true then 1 else 2].contains(1) && ", 200);
    rune_buf_append_cstr(&text, "true");
    append_times(&text, ")", 900);
    rune_buf_append_cstr(&text, "};");
    enum rune_err err = format(str_of(&text), &out);
    assert_true(err == RUNE_OK || err == RUNE_E_LIMIT);
    rune_buf_reset(&text);
    rune_buf_append_cstr(&text, WHEN "[");
    append_times(&text, "1,", 100000);
    rune_buf_append_cstr(&text, "].isEmpty()};");
    assert_int_equal(format(str_of(&text), &out), RUNE_OK);
    rune_buf_fini(&text);
    rune_buf_fini(&out);
}

static void test_format__limits_what_indentation_makes(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct rune_buf out = RUNE_BUF_INIT;
    (void)state;
    rune_buf_append_cstr(&text, WHEN);
    append_times(&text, "[", 900);
    append_times(&text, "1,", 50000);
    append_times(&text, "]", 900);
    rune_buf_append_cstr(&text, ".isEmpty()};");
    assert_int_equal(format(str_of(&text), &out), RUNE_E_LIMIT);
    rune_buf_fini(&text);
    rune_buf_fini(&out);
}

/* ---- random texts ---- */

/* The same tokens with other blanks and, at times, comments between them. */
static void scatter(struct random *random, struct rune_str text, uint32_t comments,
                    struct rune_buf *out)
{
    static const char *const blanks[] = {" ", "\n", "\t", "  \n\n", "\r\n", "\xc2\xa0", " "};
    static const char *const remarks[] = {"// x\n", " //\n", " // \"q\n", "\n// { \xe6\x97\xa5\n",
                                          " // a\r// b\n"};
    const struct rune_source source = {"t", text.data, (uint32_t)text.length};
    struct rune_cedar_lexer lexer;
    struct rune_cedar_token token;
    rune_buf_reset(out);
    rune_cedar_lexer_init(&lexer, &source, RUNE_LEX_POLICY);
    while ((token = rune_cedar_lexer_next(&lexer)).kind != RUNE_TOKEN_END) {
        rune_buf_append_str(out, rune_cedar_token_str(&lexer, token));
        rune_buf_append_cstr(out, blanks[random_below(random, 7)]);
        if (random_below(random, 100) < comments) {
            rune_buf_append_cstr(out, remarks[random_below(random, 5)]);
        }
    }
}

/* Comments, and what looks so in strings, which stays, too. */
static size_t count_comments(struct rune_str text)
{
    size_t count = 0;
    for (size_t i = 1; i < text.length; i++) {
        count += text.data[i - 1] == '/' && text.data[i] == '/';
    }
    return count;
}

/* The formatter itself refuses to change a meaning: RUNE_E_INTERNAL. */
static void check_round(struct random *random, uint32_t comments, struct rune_buf bufs[4])
{
    rune_buf_reset(&bufs[0]);
    for (uint32_t i = random_below(random, 3); i < 3; i++) {
        random_policy(random, true, &bufs[0]);
    }
    scatter(random, str_of(&bufs[0]), comments, &bufs[1]);
    assert_int_equal(format(str_of(&bufs[1]), &bufs[2]), RUNE_OK);
    assert_int_equal(format(str_of(&bufs[2]), &bufs[3]), RUNE_OK);
    assert_int_equal(count_comments(str_of(&bufs[1])), count_comments(str_of(&bufs[2])));
    if (comments == 0) { /* with comments Cedar's formatter draws lines up step by step */
        assert_string_equal(rune_buf_cstr(&bufs[2]), rune_buf_cstr(&bufs[3]));
        assert_int_equal(format(str_of(&bufs[0]), &bufs[3]), RUNE_OK);
        assert_string_equal(rune_buf_cstr(&bufs[2]), rune_buf_cstr(&bufs[3]));
    }
}

static void test_format_random__is_stable_and_keeps_comments(void **state)
{
    struct random random = {.state = 0x9E3779B97F4A7C15u};
    struct rune_buf bufs[4] = {RUNE_BUF_INIT, RUNE_BUF_INIT, RUNE_BUF_INIT, RUNE_BUF_INIT};
    (void)state;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        check_round(&random, i % 2 == 0 ? 0 : 10, bufs);
    }
    for (int i = 0; i < 4; i++) {
        rune_buf_fini(&bufs[i]);
    }
}

static bool format_without_memory(void *context)
{
    struct rune_buf out = RUNE_BUF_INIT;
    (void)context;
    enum rune_err err =
        format(RUNE_STR("@a permit(principal,action,resource)when{[1].isEmpty()};"), &out);
    assert_true(err == RUNE_OK || err == RUNE_E_NOMEM);
    rune_buf_fini(&out);
    return err == RUNE_OK;
}

static void test_format__survives_without_memory(void **state)
{
    (void)state;
    assert_true(rune_oom_sweep(format_without_memory, NULL) < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format__lays_out),
        cmocka_unit_test(test_format__refuses_with_a_place),
        cmocka_unit_test(test_format__takes_what_the_parser_takes),
        cmocka_unit_test(test_format__limits_what_indentation_makes),
        cmocka_unit_test(test_format_random__is_stable_and_keeps_comments),
        cmocka_unit_test(test_format__survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
