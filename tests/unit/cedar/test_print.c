/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/print.h"

#include "cedar/est.h"
#include "cedar/parser.h"
#include "unit/cmocka.h"

static struct rune_source source_of(const char *text, size_t length)
{
    return (struct rune_source){"t", text, (uint32_t)length};
}

/* The JSON form says whether two trees are the same. */
static void assert_same(const struct rune_cedar_policies *a, const struct rune_cedar_policies *b,
                        const char *text)
{
    struct rune_buf first = RUNE_BUF_INIT;
    struct rune_buf second = RUNE_BUF_INIT;
    assert_int_equal(rune_est_print(a, &first), RUNE_OK);
    assert_int_equal(rune_est_print(b, &second), RUNE_OK);
    if (first.length != second.length || memcmp(first.data, second.data, first.length) != 0) {
        print_error("%s\n%s\n%s\n", text, rune_buf_cstr(&first), rune_buf_cstr(&second));
        fail();
    }
    rune_buf_fini(&first);
    rune_buf_fini(&second);
}

static void check_policies(const char *text)
{
    struct rune_source source = source_of(text, strlen(text));
    struct rune_cedar_policies policies = {0};
    struct rune_cedar_policies again = {0};
    struct rune_buf printed = RUNE_BUF_INIT;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    if (rune_cedar_parse(&source, &arena, &policies, NULL) != RUNE_OK) {
        print_error("%s\n", text);
        fail();
    }
    assert_int_equal(rune_cedar_print(&policies, &printed), RUNE_OK);
    struct rune_source second = source_of(rune_buf_cstr(&printed), printed.length);
    if (rune_cedar_parse(&second, &arena, &again, NULL) != RUNE_OK) {
        print_error("%s\n", second.text);
        fail();
    }
    assert_same(&policies, &again, second.text);
    rune_buf_fini(&printed);
    rune_arena_fini(&arena);
}

static void test_print__is_read_back_the_same(void **state)
{
    static const char *const cases[] = {
        "",
        "permit(principal, action, resource);",
        "@id(\"a\\\"\\\\\") @flag @if(\"\") forbid(principal == U::\"u\\n\\0\\u{202e}\", action == "
        "B::Action::\"\u00e9\", "
        "resource in G::\"g\");",
        "permit(principal == ?principal, action in [], resource in ?resource);",
        "permit(principal is A::U in ?principal, action in [Action::\"x\", Action::\"y\"], "
        "resource is D in G::\"d\");",
        "permit(principal in ?principal, action in Action::\"x\", resource is D);",
        "permit(principal, action in [Action::\"x\"], resource) when { true } unless { false } "
        "when { true };",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_policies(cases[i]);
    }
}

/* Each is also what is printed. */
static void test_print_expr__puts_parentheses_where_they_are_needed(void **state)
{
    static const char *const cases[] = {
        "1 + 2 * 3 - 4",
        "(1 + 2) * 3",
        "1 - (2 - 3)",
        "1 * (2 * 3)",
        "!(!true)",
        "-(-context.x)",
        "-(1)",
        "-1 + -(-2)",
        "(-1).x",
        "-9223372036854775808",
        "(1 == 2) == (3 == 4)",
        "true && false && true",
        "true && (false && true)",
        "true || false && true",
        "(true || false) && true",
        "(if true then 1 else 2) + 3",
        "if if true then true else false then 1 else if true then 2 else 3",
        "[if true then 1 else 2, (1 + 2).x]",
        "1 + 2 has a.b.c",
        "(context has a) == true",
        "context has \"if\"",
        "context has \"a b\"",
        "context[\"a b\"][\"true\"].b",
        "\"x\" like \"a*\\*\\\"\\u{200b}\\n\"",
        "(\"x\" like \"*\") == true",
        "principal is A::U in [U::\"u\", principal]",
        "principal is U && !(principal in U::\"u\" && true)",
        "{a: 1, \"b c\": {}, \"if\": []}",
        "[1].contains(2) && [1].containsAll([]) && [[]].containsAny([1]) && [].isEmpty()",
        "principal.hasTag(\"t\") && principal.getTag(\"t\" + 1) == 1",
        "ip(\"1.1.1.1\").isInRange(ip(\"::1\"))",
        "(if true then decimal(\"1.0\") else 1).lessThan(decimal(\"2.0\"))",
        "datetime(\"2024-01-01\").offset(duration(\"1h\")).toDate() <= 1",
    };
    struct rune_buf out = RUNE_BUF_INIT;
    struct rune_arena arena;
    (void)state;
    rune_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rune_source source = source_of(cases[i], strlen(cases[i]));
        struct rune_cedar_expr *expr;
        rune_buf_reset(&out);
        if (rune_cedar_parse_expr(&source, &arena, &expr, NULL) != RUNE_OK) {
            print_error("%s\n", cases[i]);
            fail();
        }
        assert_int_equal(rune_cedar_print_expr(expr, &out), RUNE_OK);
        assert_string_equal(rune_buf_cstr(&out), cases[i]);
    }
    rune_buf_fini(&out);
    rune_arena_fini(&arena);
}

/* What JSON alone can say. */
static void test_print__writes_paths_of_other_names_step_by_step(void **state)
{
    static const char json[] = "{\"effect\":\"permit\",\"principal\":{\"op\":\"All\"},\"action\":{"
                               "\"op\":\"All\"},\"resource\":{\"op\":"
                               "\"All\"},"
                               "\"conditions\":[{\"kind\":\"when\",\"body\":{\"!\":{\"arg\":{"
                               "\"has\":{\"left\":{\"Var\":\"context\"},"
                               "\"attr\":[\"a b\",\"c\"]}}}}}]}";
    struct rune_source source = source_of(json, sizeof json - 1);
    struct rune_cedar_policy policy;
    struct rune_buf out = RUNE_BUF_INIT;
    struct rune_arena arena;
    (void)state;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_est_parse_policy(&source, RUNE_EST_POLICY, &arena, &policy, NULL),
                     RUNE_OK);
    assert_int_equal(rune_cedar_print_policy(&policy, &out), RUNE_OK);
    assert_string_equal(rune_buf_cstr(&out),
                        "permit (\n  principal,\n  action,\n  resource\n)\n"
                        "when { !(context has \"a b\" && context[\"a b\"] has c) };\n");
    rune_buf_fini(&out);
    rune_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print__is_read_back_the_same),
        cmocka_unit_test(test_print_expr__puts_parentheses_where_they_are_needed),
        cmocka_unit_test(test_print__writes_paths_of_other_names_step_by_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
