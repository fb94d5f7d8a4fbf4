/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/lexer.h"

#include "unit/cmocka.h"

/* The kinds of all tokens, as messages name them, joined by spaces. */
static void kinds_of(const char *text, enum rune_cedar_lexer_mode mode, char *out, size_t size)
{
    struct rune_source source = {"t", text, (uint32_t)strlen(text)};
    struct rune_cedar_lexer lexer;
    size_t at = 0;
    out[0] = '\0';
    rune_cedar_lexer_init(&lexer, &source, mode);
    for (;;) {
        struct rune_cedar_token token = rune_cedar_lexer_next(&lexer);
        if (token.kind == RUNE_TOKEN_END) {
            return;
        }
        at += (size_t)snprintf(out + at, size - at, "%s%s", at > 0 ? " " : "",
                               rune_cedar_token_text(token.kind));
    }
}

static void test_lexer__finds_tokens(void **state)
{
    static const struct {
        const char *text, *want;
        enum rune_cedar_lexer_mode mode;
    } cases[] = {
        {"", "", RUNE_LEX_POLICY},
        {" \t\r\n\v\xc2\xa0\xe2\x80\xa8", "", RUNE_LEX_POLICY},
        {"// a\n//b", "", RUNE_LEX_POLICY},
        {"a _1 if", "an identifier an identifier an identifier", RUNE_LEX_POLICY},
        {"A::B", "an identifier `::` an identifier", RUNE_LEX_POLICY},
        {"1a", "a number an identifier", RUNE_LEX_POLICY},
        {"<= < >= > == != = !", "`<=` `<` `>=` `>` `==` `!=` `=` `!`", RUNE_LEX_POLICY},
        {"Set<Set<A>>=", "an identifier `<` an identifier `<` an identifier `>` `>` `=`",
         RUNE_LEX_SCHEMA},
        {"?principal", "a template slot", RUNE_LEX_POLICY},
        {"a?:", "an identifier `?` `:`", RUNE_LEX_SCHEMA},
        {"? a", "an invalid token an identifier", RUNE_LEX_POLICY},
        {"\"a\\\"b\"\"\"", "a string a string", RUNE_LEX_POLICY},
        {"\"a\nb\"", "a string", RUNE_LEX_POLICY},
        {"\"a", "an invalid token", RUNE_LEX_POLICY},
        {"\"a\\\nb\"", "an invalid token", RUNE_LEX_POLICY},
        {"& && | || /* /", "an invalid token `&&` an invalid token `||` an invalid token `/`",
         RUNE_LEX_POLICY},
        {"\xef\xbb\xbf", "an invalid token", RUNE_LEX_POLICY},
        {"\xc3\xa9", "an invalid token", RUNE_LEX_POLICY},
        {"'", "an invalid token", RUNE_LEX_POLICY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char got[400];
        kinds_of(cases[i].text, cases[i].mode, got, sizeof got);
        assert_string_equal(got, cases[i].want);
    }
}

static void test_word__knows_reserved_ones(void **state)
{
    static const char *const reserved[] = {"true", "false", "if",   "then", "else",
                                           "in",   "is",    "like", "has",  "__cedar"};
    static const char *const free_words[] = {"principal", "permit", "when",     "True",
                                             "i",         "inn",    "namespace"};
    (void)state;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        assert_true(rune_cedar_word_is_reserved(rune_cedar_word_find(rune_str_from(reserved[i]))));
        assert_false(rune_cedar_is_name(rune_str_from(reserved[i])));
    }
    for (size_t i = 0; i < sizeof free_words / sizeof free_words[0]; i++) {
        assert_false(
            rune_cedar_word_is_reserved(rune_cedar_word_find(rune_str_from(free_words[i]))));
        assert_true(rune_cedar_is_name(rune_str_from(free_words[i])));
    }
    assert_true(rune_cedar_is_name(RUNE_STR("A::B::C")));
    assert_false(rune_cedar_is_name(RUNE_STR("A::if")));
    assert_false(rune_cedar_is_name(RUNE_STR("A:: B")));
    assert_false(rune_cedar_is_name(RUNE_STR("A::")));
    assert_false(rune_cedar_is_name(RUNE_STR("")));
    assert_true(rune_cedar_is_ident(RUNE_STR("if")));
    assert_false(rune_cedar_is_ident(RUNE_STR("1a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lexer__finds_tokens),
        cmocka_unit_test(test_word__knows_reserved_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
