/* SPDX-License-Identifier: Apache-2.0 */
/* Each instruction and each error by an expression: what it gives, or the message and the place of
 * its failure. */
#include <stdio.h>
#include <string.h>

#include "eval/policy_code.h"
#include "reference/cedar_world.h"
#include "unit/cmocka.h"

#define T "true"
#define F "false"

static const struct {
    const char *expression;
    const char *want; /* T, F, or "code: message" */
    const char *at;   /* the text that the error points to; NULL: not checked */
} cases[] = {
    /* literals, equality */
    {"1 == 1", T, NULL},
    {"1 == \"1\"", F, NULL},
    {"context.n == 5", T, NULL},
    {"context.n != 5", F, NULL},
    {"context.n == context.s", F, NULL},
    {"(context.n == 5) == true", T, NULL},
    {"(context.n != 5) == false", T, NULL},
    {"[1, 2, 2] == [2, 1]", T, NULL},
    {"[context.n, 1] == [1, 5, 1]", T, NULL},
    {"{a: context.n, b: 2} == {b: 2, a: 5}", T, NULL},
    {"{a: context.n}.a == 5", T, NULL},
    {"{\"\": context.n}[\"\"] == 5", T, NULL},
    {"{} == {}", T, NULL},
    {"[] == []", T, NULL},
    {"decimal(\"1.10\") == decimal(\"1.1\")", T, NULL},
    {"ip(\"10.0.0.1/8\") == ip(\"10.0.0.0/8\")", F, NULL},
    /* logic */
    {"true && context.t", T, NULL},
    {"context.t && context.f", F, NULL},
    {"context.f && 1", F, NULL},
    {"context.t || 1", T, NULL},
    {"context.t && 1", "type_error: type error: expected bool, got long", NULL},
    {"context.f || 1", "type_error: type error: expected bool, got long", NULL},
    {"context.n && true", "type_error: type error: expected bool, got long", "context.n"},
    {"!context.f", T, NULL},
    {"(!context.t) == false", T, NULL},
    {"!context.n", "type_error: type error: expected bool, got long", NULL},
    {"(!context.n) == 1", "type_error: type error: expected bool, got long", "!context.n"},
    {"(if context.t then 1 else context.x) == 1", T, NULL},
    {"if context.f then context.x else context.t", T, NULL},
    {"if 1 then true else true", "type_error: type error: expected bool, got long", NULL},
    {"if context.t then context.n else true", "type_error: type error: expected bool, got long",
     NULL},
    {"(if true then context.n else context.x) == 5", T, NULL},
    {"(context.t && context.f) == false", T, NULL},
    {"(context.f || context.t) == true", T, NULL},
    {"5", "type_error: type error: expected bool, got long", NULL},
    /* numbers */
    {"context.n + 1 == 6 && context.n - 1 == 4 && context.n * 2 == 10 && -context.n == -5", T,
     NULL},
    {"context.n < 6 && context.n <= 5 && context.n > 4 && context.n >= 5", T, NULL},
    {"context.n < 5", F, NULL},
    {"context.max + 1 == 0",
     "overflow: integer overflow while attempting to add the values `9223372036854775807` and `1`",
     "context.max + 1"},
    {"-9223372036854775808 - context.n == 0",
     "overflow: integer overflow while attempting to subtract the values `-9223372036854775808` "
     "and `5`",
     NULL},
    {"context.max * 2 == 0",
     "overflow: integer overflow while attempting to multiply the values `9223372036854775807` and "
     "`2`",
     NULL},
    {"-(-9223372036854775808) == 0",
     "overflow: integer overflow while attempting to negate the value `-9223372036854775808`",
     NULL},
    {"9223372036854775807 + 1 == 0",
     "overflow: integer overflow while attempting to add the values `9223372036854775807` and `1`",
     NULL},
    {"context.n + \"a\" == 0", "type_error: type error: expected long, got string", NULL},
    {"context.n < \"a\"", "type_error: type error: expected long, got string", NULL},
    {"\"a\" < \"b\"",
     "type_error: type error: expected one of [long, datetime, duration], got string", NULL},
    {"duration(\"1h\") < context.n", "type_error: type error: expected long, got duration", NULL},
    {"duration(\"1h\") < duration(\"61m\")", T, NULL},
    {"datetime(\"2024-01-01\") < datetime(\"2024-01-01T00:00:01Z\")", T, NULL},
    {"decimal(\"1.0\") < decimal(\"2.0\")",
     "type_error: type error: expected one of [long, datetime, duration], got decimal", NULL},
    /* entities */
    {"principal is U", T, NULL},
    {"principal is G", F, NULL},
    {"(principal is U) == true", T, NULL},
    {"context.n is U",
     "type_error: type error: expected (entity of type `any_entity_type`), got long", NULL},
    {"principal is U in G::\"1\"", T, NULL},
    {"principal is G in 1", F, NULL},
    {"principal is U in 1",
     "type_error: type error: expected one of [set, (entity of type `any_entity_type`)], got long",
     NULL},
    {"principal in principal", T, NULL},
    {"principal in G::\"1\"", T, NULL},
    {"principal in G::\"2\"", T, NULL},
    {"principal in G::\"3\"", F, NULL},
    {"U::\"nobody\" in G::\"1\"", F, NULL},
    {"principal in [G::\"3\", G::\"2\"]", T, NULL},
    {"principal in []", F, NULL},
    {"principal in [G::\"2\", 1]",
     "type_error: type error: expected (entity of type `any_entity_type`), got long", NULL},
    {"principal in [context.group, G::\"7\"]", T, NULL},
    {"(principal in context.group) == true", T, NULL},
    {"context.n in principal",
     "type_error: type error: expected (entity of type `any_entity_type`), got long", NULL},
    {"principal.age == 18", T, NULL},
    {"principal.friend.age == 7", T, NULL},
    {"principal.nothing == 1",
     "no_such_attribute: `U::\"alice\"` does not have the attribute `nothing`",
     "principal.nothing"},
    {"U::\"nobody\".age == 1", "no_such_entity: entity `U::\"nobody\"` does not exist", NULL},
    {"context.nothing == 1", "no_such_attribute: record does not have the attribute `nothing`",
     "context.nothing"},
    {"context.n.x == 1",
     "type_error: type error: expected one of [record, (entity of type `any_entity_type`)], got "
     "long",
     NULL},
    {"principal has age && !(principal has nothing) && context has n", T, NULL},
    {"U::\"nobody\" has age", F, NULL},
    {"(principal has age) == true", T, NULL},
    {"principal has friend.age", T, NULL},
    {"principal has friend.nothing", F, NULL},
    {"principal has nothing.age", F, NULL},
    {"!(principal has friend.friend.age)", T, NULL},
    {"principal has age.x",
     "type_error: type error: expected one of [record, (entity of type `any_entity_type`)], got "
     "long",
     NULL},
    {"context.n has x",
     "type_error: type error: expected one of [record, (entity of type `any_entity_type`)], got "
     "long",
     NULL},
    {"principal.hasTag(\"k\") && !principal.hasTag(\"z\")", T, NULL},
    {"principal.getTag(\"k\") == \"v\"", T, NULL},
    {"principal.getTag(\"z\") == \"v\"", "no_such_tag: `U::\"alice\"` does not have the tag `z`",
     NULL},
    {"U::\"nobody\".hasTag(\"k\")", F, NULL},
    {"U::\"nobody\".getTag(\"k\") == 1", "no_such_entity: entity `U::\"nobody\"` does not exist",
     NULL},
    {"principal.hasTag(1)", "type_error: type error: expected string, got long", NULL},
    {"context.n.hasTag(\"k\")",
     "type_error: type error: expected (entity of type `any_entity_type`), got long", NULL},
    /* sets, strings */
    {"[1, 2].contains(context.m)", T, NULL},
    {"context.set.contains(2) && !context.set.contains(4)", T, NULL},
    {"(context.set.contains(2)) == true", T, NULL},
    {"context.n.contains(1)", "type_error: type error: expected set, got long", NULL},
    {"context.set.containsAll([1, 3]) && !context.set.containsAll([1, 4])", T, NULL},
    {"context.set.containsAny([4, 3]) && !context.set.containsAny([4, 5])", T, NULL},
    {"context.set.containsAll([])", T, NULL},
    {"context.set.containsAll(1)", "type_error: type error: expected set, got long", NULL},
    {"[].isEmpty() && !context.set.isEmpty()", T, NULL},
    {"context.n.isEmpty()", "type_error: type error: expected set, got long", NULL},
    {"context.s like \"a*c\" && context.s like \"*\" && !(context.s like \"a*b\")", T, NULL},
    {"context.s like \"abc\"", T, NULL},
    {"\"a*c\" like \"a\\*c\" && !(context.s like \"a\\*c\")", T, NULL},
    {"\"a\\nb\" like \"a*b\"", T, NULL},
    {"context.n like \"*\"", "type_error: type error: expected string, got long", NULL},
    /* extension functions */
    {"ip(\"10.1.2.3\").isInRange(ip(\"10.0.0.0/8\"))", T, NULL},
    {"ip(context.ip).isInRange(ip(\"10.0.0.0/8\"))", T, NULL},
    {"ip(context.ip).isIpv4() && !ip(context.ip).isIpv6() && !ip(context.ip).isLoopback()", T,
     NULL},
    {"ip(\"bad\").isIpv4()",
     "extension_error: error while evaluating the extension function `ip`: \"bad\" is not a "
     "well-formed value, or out "
     "of "
     "range",
     "ip(\"bad\")"},
    {"ip(1).isIpv4()", "type_error: type error: expected string, got long", NULL},
    {"ip().isIpv4()",
     "wrong_arity: wrong number of arguments provided to extension function `ip`: expected 1, got "
     "0",
     NULL},
    {"ip(\"1.2.3.4\").isIpv4(context.n)",
     "wrong_arity: wrong number of arguments provided to extension function `isIpv4`: expected 1, "
     "got 2",
     NULL},
    {"context.n.isIpv4()", "type_error: type error: expected ipaddr, got long", NULL},
    {"decimal(\"1.0\").lessThan(decimal(\"1.5\")) && "
     "decimal(\"1.5\").greaterThanOrEqual(decimal(\"1.5\"))",
     T, NULL},
    {"datetime(\"2024-01-02\").toDate() == datetime(\"2024-01-02\")", T, NULL},
    {"datetime(\"2024-01-02\").offset(duration(\"1d\")).durationSince(datetime(\"2024-01-01\"))."
     "toDays() == 2",
     T, NULL},
    {"duration(\"90m\").toHours() == 1 && duration(\"-90m\").toHours() == -1", T, NULL},
    {"datetime(\"1969-12-31\").offset(duration(\"-9223372036854775807ms\")) == 1",
     "extension_error: error while evaluating the extension function `offset`: "
     "datetime(\"1969-12-31T00:00:00.000Z\") "
     "with duration(\"-9223372036854775807ms\") overflows",
     NULL},
};

static struct naive_value uid(const char *type, const char *id)
{
    return (struct naive_value){
        .kind = NAIVE_ENTITY, .type = rune_str_from(type), .text = rune_str_from(id)};
}

static struct naive_value number(int64_t value)
{
    return (struct naive_value){.kind = NAIVE_LONG, .number = value};
}

static struct naive_value text(const char *value)
{
    return (struct naive_value){.kind = NAIVE_STRING, .text = rune_str_from(value)};
}

#define RECORD(n, i)       \
    ((struct naive_value){ \
        .kind = NAIVE_RECORD, .names = (n), .items = (i), .count = sizeof(n) / sizeof *(n)})

static void decide(const char *expression, struct cedar_world *world,
                   struct rune_policy_outcome *ret_outcome, struct rune_request *request,
                   struct rune_eval *eval)
{
    static struct rune_str alice_names[2], bob_names[1], tag_names[1], context_names[10];
    static struct naive_value alice_items[2], bob_items[1], tag_items[1], context_items[10],
        set_items[3];
    static struct naive_entity entities[4];
    static struct naive_value parents[3];
    alice_names[0] = RUNE_STR("age");
    alice_names[1] = RUNE_STR("friend");
    alice_items[0] = number(18);
    alice_items[1] = uid("U", "bob");
    bob_names[0] = RUNE_STR("age");
    bob_items[0] = number(7);
    tag_names[0] = RUNE_STR("k");
    tag_items[0] = text("v");
    parents[0] = uid("G", "1");
    parents[1] = uid("G", "2");
    const struct naive_value nothing = {.kind = NAIVE_RECORD};
    entities[0] = (struct naive_entity){uid("U", "alice"), RECORD(alice_names, alice_items),
                                        RECORD(tag_names, tag_items), &parents[0], 1};
    entities[1] =
        (struct naive_entity){uid("U", "bob"), RECORD(bob_names, bob_items), nothing, NULL, 0};
    entities[2] = (struct naive_entity){uid("G", "1"), nothing, nothing, &parents[1], 1};
    entities[3] = (struct naive_entity){uid("G", "3"), nothing, nothing, NULL, 0};
    const char *names[10] = {"n", "m", "s", "t", "f", "max", "set", "group", "ip", "rec"};
    for (int i = 0; i < 10; i++) {
        context_names[i] = rune_str_from(names[i]);
        set_items[i % 3] = number(1 + i % 3);
    }
    context_items[0] = number(5);
    context_items[1] = number(2);
    context_items[2] = text("abc");
    context_items[3] = (struct naive_value){.kind = NAIVE_BOOL, .boolean = true};
    context_items[4] = (struct naive_value){.kind = NAIVE_BOOL};
    context_items[5] = number(INT64_MAX);
    context_items[6] = (struct naive_value){.kind = NAIVE_SET, .items = set_items, .count = 3};
    context_items[7] = uid("G", "2");
    context_items[8] = text("10.9.9.9");
    context_items[9] = nothing;
    char policy[4096];
    snprintf(policy, sizeof policy, "permit(principal, action, resource) when { %s };", expression);
    cedar_world_init(world);
    const char *problem = cedar_world_parse(world, policy);
    if (problem != NULL) {
        fail_msg("%s", problem);
    }
    world->naive = (struct naive_world){entities, 4};
    assert_int_equal(cedar_world_build(world), RUNE_OK);
    assert_int_equal(rune_store_verify(&world->store, NULL), RUNE_OK);
    const struct naive_request naive = {uid("U", "alice"), uid("Action", "view"), uid("D", "d"),
                                        RECORD(context_names, context_items)};
    cedar_world_request(world, &naive, NULL, &world->naive, false, request, eval);
    assert_int_equal(rune_policies_decide(eval, ret_outcome), RUNE_OK);
}

/* The text that the first error points to. */
static struct rune_str place_of(const struct cedar_world *world,
                                const struct rune_policy_outcome *outcome)
{
    uint32_t offset, length;
    const struct rune_policy_error *error = &outcome->errors[0];
    if (!rune_policy_find_span(&world->store, error->policy, error->pc, &offset, &length)) {
        return RUNE_STR("nowhere");
    }
    return (struct rune_str){world->policies.items[0].span.source->text + offset, length};
}

static void test_expression__gives(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cedar_world world;
        struct rune_policy_outcome outcome;
        struct rune_request request;
        struct rune_eval eval;
        struct rune_buf got = RUNE_BUF_INIT;
        decide(cases[i].expression, &world, &outcome, &request, &eval);
        if (outcome.error_count > 0) {
            rune_buf_printf(&got, "%s: ", rune_eval_code_text(outcome.errors[0].error.code));
            rune_policy_error_format(&eval, &outcome.errors[0], &got);
        } else {
            rune_buf_append_cstr(&got, outcome.permit_count > 0 ? T : F);
        }
        if (strcmp(rune_buf_cstr(&got), cases[i].want) != 0) {
            fail_msg("%s\n  expected %s\n  got      %s", cases[i].expression, cases[i].want,
                     rune_buf_cstr(&got));
        }
        if (cases[i].at != NULL) {
            struct rune_str place = place_of(&world, &outcome);
            if (!rune_str_equal(place, rune_str_from(cases[i].at))) {
                fail_msg("%s: points to `%.*s`", cases[i].expression, RUNE_STR_ARG(place));
            }
        }
        rune_buf_fini(&got);
        cedar_world_fini(&world);
    }
}

/* What becomes of a condition: the number of words of its program, the scope's none included. */
static void test_compile__folds_constants(void **state)
{
    (void)state;
    static const struct {
        const char *expression;
        uint32_t words;
    } folds[] = {
        {"true", 1},
        {"1 + 2 * 3 == 7", 1},
        {"1 == 2", 1},
        {"false && context.x", 1},
        {"true || context.x", 1},
        {"!(\"abc\" like \"a*\") || [1, 2].contains(2)", 1},
        {"ip(\"10.0.0.1\").isInRange(ip(\"10.0.0.0/8\"))", 1},
        {"if 1 < 2 then true else context.x", 1},
        {"U::\"a\" is U && {a: [1]}.a == [1]", 1},
        {"true && context.t", 3 + 2 + 1 + 1},
        {"principal in G::\"1\"", 3 + 1 + 1},
        {"principal in [G::\"1\", G::\"2\"]", 3 + 1 + 1},
        {"resource.owner == principal", 3 + 3 + 1 + 1},
    };
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++) {
        struct cedar_world world;
        struct rune_policy_outcome outcome;
        struct rune_request request;
        struct rune_eval eval;
        decide(folds[i].expression, &world, &outcome, &request, &eval);
        if (world.store.policies[0].code_length != folds[i].words) {
            fail_msg("%s: %u words", folds[i].expression, world.store.policies[0].code_length);
        }
        cedar_world_fini(&world);
    }
}

static void test_decision__ends_at_its_steps(void **state)
{
    (void)state;
    struct cedar_world world;
    struct rune_policy_outcome outcome;
    struct rune_request request;
    struct rune_eval eval;
    decide("context.set.containsAll([1, context.n])", &world, &outcome, &request, &eval);
    bool done = false;
    uint64_t steps = 0;
    for (; !done && steps < 1000; steps++) {
        eval.steps_left = steps;
        enum rune_err err = rune_policies_decide(&eval, &outcome);
        assert_true(err == RUNE_OK || err == RUNE_E_LIMIT);
        done = err == RUNE_OK;
    }
    assert_true(done && steps > 5);
    cedar_world_fini(&world);
}

/* One decision's policies need more and fewer registers by turns: what is there at first, what the
 * array of the evaluator has, what only the arena has. */
static void test_decision__grows_its_registers(void **state)
{
    (void)state;
    static const unsigned elements[] = {1, 3, 12, 2, 20, 60, 5, 100, 12};
    enum { POLICIES = sizeof elements / sizeof *elements };
    struct cedar_world world;
    struct rune_policy_outcome outcome;
    struct rune_request request;
    struct rune_eval eval;
    struct rune_buf text = RUNE_BUF_INIT;
    for (size_t i = 0; i < POLICIES; i++) {
        rune_buf_append_cstr(&text,
                             i == 0 ? "[" : " }; permit(principal, action, resource) when { [");
        for (unsigned j = 0; j < elements[i]; j++) {
            rune_buf_printf(&text, "context.%s%s", j % 2 == 0 ? "m" : "n",
                            j + 1 < elements[i] ? "," : "");
        }
        rune_buf_append_cstr(&text, elements[i] > 1 ? "] == [2, 5]" : "] == [2]");
    }
    decide(rune_buf_cstr(&text), &world, &outcome, &request, &eval);
    uint32_t largest = 0;
    for (size_t i = 0; i < POLICIES; i++) {
        uint32_t count = world.store.policies[i].max_stack;
        largest = count > largest ? count : largest;
    }
    assert_true(largest >= 100);
    assert_int_equal(outcome.error_count, 0);
    assert_int_equal(outcome.permit_count, POLICIES);
    rune_buf_fini(&text);
    cedar_world_fini(&world);
}

/* Thousands of policies of all scopes: a request looks at those that it can match, and at those of
 * its entities for other actions where they are few. */
static void test_index__finds_few_candidates(void **state)
{
    (void)state;
    struct rune_buf text = RUNE_BUF_INIT;
    for (int i = 0; i < 1000; i++) {
        rune_buf_printf(&text, "permit(principal == U::\"u%d\", action, resource);\n", i);
        rune_buf_printf(&text,
                        "forbid(principal in G::\"g%d\", action == Action::\"a%d\", resource);\n",
                        i % 10, i);
        rune_buf_printf(&text,
                        "permit(principal, action in [Action::\"a%d\", Action::\"b\"], resource == "
                        "D::\"d%d\");\n",
                        i % 5, i);
        rune_buf_printf(&text,
                        "permit(principal is T%d, action == Action::\"a1\", resource is D);\n", i);
        rune_buf_printf(&text,
                        "permit(principal, action, resource in D::\"d%d\") when { false };\n", i);
    }
    struct cedar_world world;
    cedar_world_init(&world);
    assert_null(cedar_world_parse(&world, rune_buf_cstr(&text)));
    struct naive_value parent = uid("G", "g3");
    const struct naive_value nothing = {.kind = NAIVE_RECORD};
    struct naive_entity user = {uid("U", "u7"), nothing, nothing, &parent, 1};
    world.naive = (struct naive_world){&user, 1};
    assert_int_equal(cedar_world_build(&world), RUNE_OK);
    assert_int_equal(rune_store_verify(&world.store, NULL), RUNE_OK);
    static const struct {
        const char *user, *action, *resource;
        uint32_t candidates, permits, forbids;
    } requests[] = {
        {"u7", "a1", "d6", 2, 2, 0}, {"u7", "a13", "d6", 3, 1, 1}, {"u7", "b", "d6", 2, 2, 0},
        {"u7", "zz", "zz", 1, 1, 0}, {"zz", "a1", "zz", 0, 0, 0},  {"zz", "b", "d999", 1, 1, 0},
        {"u7", "a3", "d3", 3, 2, 1},
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct naive_request naive = {uid("U", requests[i].user), uid("Action", requests[i].action),
                                      uid("D", requests[i].resource), nothing};
        struct rune_request request;
        struct rune_eval eval;
        struct rune_policy_outcome outcome;
        cedar_world_request(&world, &naive, NULL, &world.naive, false, &request, &eval);
        assert_int_equal(rune_policies_decide(&eval, &outcome), RUNE_OK);
        assert_int_equal(eval.policies_evaluated, requests[i].candidates);
        assert_int_equal(outcome.permit_count, requests[i].permits);
        assert_int_equal(outcome.forbid_count, requests[i].forbids);
    }
    cedar_world_fini(&world);
    rune_buf_fini(&text);
}

static uint32_t source_index(void *context, const struct rune_source *source)
{
    (void)context;
    (void)source;
    return 0;
}

static void test_compile__checks_links(void **state)
{
    (void)state;
    static const struct rune_cedar_uid user = {{"U", 1}, {"a", 1}};
    static const struct {
        const char *template_id;
        bool principal, resource;
        enum rune_err err;
    } links[] = {
        {"policy0", true, false, RUNE_OK},       {"policy0", false, false, RUNE_E_BUNDLE},
        {"policy0", true, true, RUNE_E_BUNDLE},  {"policy1", false, false, RUNE_E_BUNDLE},
        {"policy9", true, false, RUNE_E_BUNDLE},
    };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        struct cedar_world world;
        struct rune_cedar_link link = {.template_id = rune_str_from(links[i].template_id),
                                       .link_id = RUNE_STR("l")};
        cedar_world_init(&world);
        assert_null(cedar_world_parse(&world, "permit(principal == ?principal, action, "
                                              "resource);permit(principal, action, resource);"));
        link.principal = links[i].principal ? &user : NULL;
        link.resource = links[i].resource ? &user : NULL;
        world.policies.links = &link;
        world.policies.link_count = 1;
        assert_int_equal(rune_cedar_compile(&world.policies, world.dict, source_index, NULL,
                                            &world.program, NULL),
                         links[i].err);
        assert_int_equal(world.program.policies.count, links[i].err == RUNE_OK ? 2 : 1);
        cedar_world_fini(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expression__gives),
        cmocka_unit_test(test_compile__folds_constants),
        cmocka_unit_test(test_decision__ends_at_its_steps),
        cmocka_unit_test(test_decision__grows_its_registers),
        cmocka_unit_test(test_index__finds_few_candidates),
        cmocka_unit_test(test_compile__checks_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
