/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/parser.h"

#include "base/buf.h"
#include "reference/oom.h"
#include "unit/cmocka.h"

static enum rune_err parse(const char *text, size_t length, struct rune_arena *arena,
                           struct rune_cedar_policies *policies, struct rune_diag *diag)
{
    struct rune_source *source = RUNE_ARENA_NEW(arena, struct rune_source);
    if (source == NULL) {
        return RUNE_E_NOMEM;
    }
    *source = (struct rune_source){"p.cedar", text, (uint32_t)length};
    return rune_cedar_parse(source, arena, policies, diag);
}

static bool accepts(const char *text)
{
    struct rune_arena arena;
    struct rune_cedar_policies policies;
    rune_arena_init(&arena, 0);
    bool ok = parse(text, strlen(text), &arena, &policies, NULL) == RUNE_OK;
    rune_arena_fini(&arena);
    return ok;
}

static bool accepts_condition(const char *body)
{
    char text[2000];
    snprintf(text, sizeof text, "permit(principal, action, resource) when { %s };", body);
    return accepts(text);
}

static void test_parse__takes_what_cedar_takes(void **state)
{
    static const char *const policies[] = {
        "",
        "// nothing",
        "permit(principal,action,resource);",
        "forbid ( principal , action , resource , ) ;",
        "@a @b(\"c\") @if(\"x\") permit(principal, action, resource) when {true} unless {false} "
        "when {1 == 1};",
        "permit(principal == ?principal, action in [Action::\"a\", A::Action::\"b\",], resource is "
        "A::B in ?resource);",
        "permit(principal == ((User::\"a\")), action in ([(Action::\"a\")]), resource);",
        "permit(principal, action in [], resource);",
        "permit(principal == principal::\"x\", action, resource is action);",
    };
    static const char *const bodies[] = {
        "-9223372036854775808 == - 9223372036854775808",
        "--9223372036854775808 < 1",
        "!!!!true",
        "----1 > 0",
        "principal[\"if\"] == {\"if\": 1, a: [1, 2,], }",
        "(if true then 1 else 2) == 1",
        "if true then true else false",
        "ip()",
        "ip(1).isIpv4(1)",
        "[1,2][\"x\"]",
        "1.a",
        "principal",
        "-1.a == 1",
        "context has a.b.c && context has \"a b\"",
        "principal is A::B in [C::\"c\"]",
        "resource.name like \"*\\**\"",
        "!principal has a",
        "a::B::\"c\" in [] ",
        "principal.contains(1) || principal.getTag(\"a\").isEmpty()",
        "{a: 1, \"b\": 2}.a * 2 * context.x > 3",
        "principal.principal.permit.when",
        "true.a || \"a\".b",
        "decimal(\"1.0\").lessThan(decimal(\"2.0\"))",
    };
    (void)state;
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        if (!accepts(policies[i])) {
            fail_msg("refused: %s", policies[i]);
        }
    }
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        if (!accepts_condition(bodies[i])) {
            fail_msg("refused: %s", bodies[i]);
        }
    }
}

static void test_parse__refuses_what_cedar_refuses(void **state)
{
    static const char *const policies[] = {
        "permit",
        "permit;",
        "permit()",
        "permit(principal, action, resource)",
        "allow(principal, action, resource);",
        "permit(action, principal, resource);",
        "permit(principal, action);",
        "permit(principal, action, resource, context);",
        "permit(principal == ?resource, action, resource);",
        "permit(principal, action == ?principal, resource);",
        "permit(principal == [U::\"a\"], action, resource);",
        "permit(principal, action in [[Action::\"a\"]], resource);",
        "permit(principal, action == U::\"a\", resource);",
        "permit(principal is U == U::\"a\", action, resource);",
        "permit(principal in U::\"a\" is U, action, resource);",
        "permit(principal: U, action, resource);",
        "permit(principal, action is A, resource);",
        "permit(principal != U::\"a\", action, resource);",
        "permit(principal == U, action, resource);",
        "@a @a permit(principal, action, resource);",
        "permit(principal, action, resource) when {};",
        "permit(principal, action, resource) where {true};",
        "permit(principal, action, resource) when {true}; }",
        "\xef\xbb\xbf",
        "permit(principal == __cedar::U::\"a\", action, resource);",
    };
    static const char *const bodies[] = {
        "9223372036854775808 == 1",
        "-(9223372036854775808) == 1",
        "99999999999999999999 == 1",
        "!!!!!true",
        "-----1 == 1",
        "!-1 == 1",
        "1 == 2 == true",
        "principal has a == true",
        "principal is A in B::\"b\" in C::\"c\"",
        "true && if true then true else true",
        "1 / 2 == 1",
        "1 % 2 == 1",
        "[,]",
        "{a: 1, \"a\": 2}",
        "principal.if",
        "principal has if",
        "{if: 1}",
        "if::\"a\" == 1",
        "\"\\x80\"",
        "\"\\u{}\"",
        "\"\\*\"",
        "foo(1)",
        "principal.foo()",
        "principal.contains()",
        "principal.contains(1, 2)",
        "contains(1)",
        "principal.ip(\"a\")",
        "principal(1)",
        "(1)(2)",
        "?principal == 1",
        "x == 1",
        "A::B == 1",
        "A::{a: 1} == 1",
        "principal[a]",
        "principal[\"a\" + \"b\"]",
        "principal like principal",
        "principal has 1",
        "principal has a[\"b\"]",
        "principal is \"a\"",
        "principal is A::\"a\"",
        "principal = 1",
        "principal.__cedar",
        "a.b",
        "true::x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        if (accepts(policies[i])) {
            fail_msg("accepted: %s", policies[i]);
        }
    }
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        if (accepts_condition(bodies[i])) {
            fail_msg("accepted: %s", bodies[i]);
        }
    }
}

static void test_parse__makes_the_tree(void **state)
{
    static const char text[] =
        "@id(\"a\\n\") forbid(principal is A :: B in ?principal, action in Action::\"x\", resource)"
        " unless { 1 + 2 * -3 > context.n };";
    struct rune_arena arena;
    struct rune_cedar_policies policies;
    (void)state;
    rune_arena_init(&arena, 0);
    assert_int_equal(parse(text, sizeof text - 1, &arena, &policies, NULL), RUNE_OK);
    assert_int_equal(policies.count, 1);
    const struct rune_cedar_policy *policy = &policies.items[0];
    assert_true(policy->is_forbid && policy->has_slot_principal && !policy->has_slot_resource);
    assert_true(rune_cedar_is_template(policy));
    assert_true(rune_str_equal(policy->annotations[0].value, RUNE_STR("a\n")));
    assert_int_equal(policy->principal.op, RUNE_SCOPE_IS_IN);
    assert_true(rune_str_equal(policy->principal.type, RUNE_STR("A::B"))); /* normalized */
    assert_int_equal(policy->action.op, RUNE_SCOPE_IN);
    assert_false(policy->action.is_list);
    assert_true(policy->conditions[0].is_unless);
    const struct rune_cedar_expr *body = policy->conditions[0].body;
    assert_int_equal(body->kind, RUNE_EXPR_GT);
    assert_int_equal(body->args[0]->kind, RUNE_EXPR_ADD);
    assert_int_equal(body->args[0]->args[1]->kind, RUNE_EXPR_MUL);
    /* the minus is part of the literal */
    assert_int_equal(body->args[0]->args[1]->args[1]->kind, RUNE_EXPR_LONG);
    assert_int_equal(body->args[0]->args[1]->args[1]->as.integer, -3);
    assert_int_equal(body->args[1]->kind, RUNE_EXPR_GET_ATTR);
    assert_int_equal(body->depth, 4);
    assert_int_equal(policy->span.offset, 0);
    assert_int_equal(policy->span.length, sizeof text - 1);
    rune_arena_fini(&arena);
}

static void test_parse__reports_fifty_mistakes_as_fifty(void **state)
{
    static const char *const mistakes[] = {
        "permit(principal, action resource);\n",
        "permit(principal, action, resource) when { };\n",
        "permit(principal, action, resource) when { x };\n",
        "permit(principal, action, resource) when { 1 + };\n",
        "forbid(principal, action, resource) when { \"a\\q\" == \"b\" };\n",
    };
    struct rune_buf text = RUNE_BUF_INIT;
    struct rune_arena arena;
    struct rune_cedar_policies policies;
    struct rune_diag *diag = rune_diag_create();
    (void)state;
    for (int i = 0; i < 50; i++) {
        rune_buf_append_cstr(&text, mistakes[i % 5]);
        rune_buf_append_cstr(&text, "permit(principal, action, resource);\n");
    }
    rune_arena_init(&arena, 0);
    assert_int_equal(parse(text.data, text.length, &arena, &policies, diag), RUNE_E_SYNTAX);
    assert_int_equal(rune_diag_count(diag, RUNE_ERROR), 50);
    for (size_t i = 0; i < 50; i++) {
        struct rune_diag_message message;
        rune_diag_get(diag, i, &message);
        assert_int_equal(message.line, 2 * i + 1);
    }
    rune_arena_fini(&arena);
    rune_diag_destroy(diag);
    rune_buf_fini(&text);
}

/* `before` n times, the middle, `after` n times, as a condition. */
static enum rune_err parse_nested(const char *before, const char *middle, const char *after, int n)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct rune_arena arena;
    struct rune_cedar_policies policies;
    rune_buf_append_cstr(&text, "permit(principal, action, resource) when { ");
    for (int i = 0; i < n; i++) {
        rune_buf_append_cstr(&text, before);
    }
    rune_buf_append_cstr(&text, middle);
    for (int i = 0; i < n; i++) {
        rune_buf_append_cstr(&text, after);
    }
    rune_buf_append_cstr(&text, " };");
    rune_arena_init(&arena, 0);
    enum rune_err err = parse(text.data, text.length, &arena, &policies, NULL);
    rune_arena_fini(&arena);
    rune_buf_fini(&text);
    return err;
}

static void test_parse__counts_depth(void **state)
{
    (void)state;
    assert_int_equal(parse_nested("(", "true", ")", 900), RUNE_OK);
    assert_int_equal(parse_nested("(", "true", ")", 1000000), RUNE_E_LIMIT);
    assert_int_equal(parse_nested("[", "1", "]", 1000000), RUNE_E_LIMIT);
    assert_int_equal(parse_nested("{a:", "1", "}", 1000000), RUNE_E_LIMIT);
    assert_int_equal(parse_nested("if true then true else ", "true", "", 1000000), RUNE_E_LIMIT);
    assert_int_equal(parse_nested("!(", "true", ")", 1000000), RUNE_E_LIMIT);
    assert_int_equal(parse_nested("principal", "", ".a", 2000), RUNE_E_SYNTAX);
    assert_int_equal(parse_nested("", "principal == 1", " && true", 2000), RUNE_OK);
    assert_int_equal(parse_nested("", "true", " || true", 1000000), RUNE_E_LIMIT);
    assert_int_equal(parse_nested("", "principal", ".a", 1000000), RUNE_E_LIMIT);
}

static void test_parse_expr__wants_the_whole_text(void **state)
{
    struct rune_arena arena;
    struct rune_cedar_expr *expr;
    struct rune_source good = {"e", "1 + 2", 5};
    struct rune_source bad = {"e", "1 + 2 3", 7};
    (void)state;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_cedar_parse_expr(&good, &arena, &expr, NULL), RUNE_OK);
    assert_int_equal(expr->kind, RUNE_EXPR_ADD);
    assert_int_equal(rune_cedar_parse_expr(&bad, &arena, &expr, NULL), RUNE_E_SYNTAX);
    rune_arena_fini(&arena);
}

static bool parse_without_memory(void *context)
{
    static const char text[] =
        "@a(\"\\n\") permit(principal == A :: \"x\", action in [Action::\"a\"], resource) when {"
        " {a: [1, ip(\"1.1.1.1\")], b: principal has a.b}.a like \"*\\*\" };"
        "permit(principal, action, resource) when { x };";
    struct rune_arena arena;
    struct rune_cedar_policies policies;
    (void)context;
    rune_arena_init(&arena, 0);
    enum rune_err err = parse(text, sizeof text - 1, &arena, &policies, NULL);
    rune_arena_fini(&arena);
    assert_true(err == RUNE_E_NOMEM || err == RUNE_E_SYNTAX);
    return err == RUNE_E_SYNTAX;
}

static void test_parse__survives_without_memory(void **state)
{
    (void)state;
    size_t allocations = rune_oom_sweep(parse_without_memory, NULL);
    assert_true(allocations > 3 && allocations < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse__takes_what_cedar_takes),
        cmocka_unit_test(test_parse__refuses_what_cedar_refuses),
        cmocka_unit_test(test_parse__makes_the_tree),
        cmocka_unit_test(test_parse__reports_fifty_mistakes_as_fifty),
        cmocka_unit_test(test_parse__counts_depth),
        cmocka_unit_test(test_parse_expr__wants_the_whole_text),
        cmocka_unit_test(test_parse__survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
