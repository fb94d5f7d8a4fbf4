/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/est.h"

#include "cedar/parser.h"
#include "reference/oom.h"
#include "unit/cmocka.h"

static const char everything[] =
    "@id(\"a\\\"b\") @flag permit(principal is A::U in ?principal, action in [Action::\"x\"], "
    "resource == ?resource)"
    " when { if context has a.b then -1 < 2 else \"x\" like \"a*\\*\\u{1F600}\" } unless { "
    "principal.hasTag(\"t\") };"
    "forbid(principal == U::\"u\", action == Action::\"y\", resource in G::\"g\") when { [1, {a: "
    "true, \"b c\": "
    "[2]}].isEmpty() };"
    "permit(principal, action in [Action::\"x\", Action::\"y\"], resource is D) when { "
    "ip(\"1.1.1.1\").isInRange(ip(\"::1\")) &&"
    " !(1 + 2 * -3 - 4 >= context.n) || principal is A in [U::\"u\"] || resource[\"if\"] != "
    "principal.getTag(\"k\") };"
    "permit(principal, action in [], resource) when { ip() == ip(1, 2).isIpv4(3) };";

static struct rune_source source_of(const char *text, size_t length)
{
    return (struct rune_source){"t", text, (uint32_t)length};
}

static void test_est__is_read_back_the_same(void **state)
{
    struct rune_source text = source_of(everything, sizeof everything - 1);
    struct rune_cedar_policies policies;
    struct rune_buf first = RUNE_BUF_INIT;
    struct rune_buf second = RUNE_BUF_INIT;
    struct rune_arena arena;
    (void)state;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_cedar_parse(&text, &arena, &policies, NULL), RUNE_OK);
    assert_int_equal(rune_est_print(&policies, &first), RUNE_OK);
    struct rune_source json = source_of(first.data, first.length);
    assert_int_equal(rune_est_parse(&json, &arena, &policies, NULL), RUNE_OK);
    assert_int_equal(policies.count, 4);
    /* static policies first */
    assert_true(rune_str_equal(policies.items[0].id, RUNE_STR("policy1")));
    struct rune_cedar_policy items[4] = {policies.items[3], policies.items[0], policies.items[1],
                                         policies.items[2]};
    policies.items = items;
    assert_int_equal(rune_est_print(&policies, &second), RUNE_OK);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.data, second.data, first.length);
    rune_buf_fini(&first);
    rune_buf_fini(&second);
    rune_arena_fini(&arena);
}

#define SCOPE \
    "\"principal\":{\"op\":\"All\"},\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"All\"}"
#define POLICY(body) \
    "{\"effect\":\"permit\"," SCOPE ",\"conditions\":[{\"kind\":\"when\",\"body\":" body "}]}"
#define TEMPLATE                                                                                \
    "{\"effect\":\"permit\",\"principal\":{\"op\":\"==\",\"slot\":\"?principal\"},\"action\":{" \
    "\"op\":\"All\"},"                                                                          \
    "\"resource\":{\"op\":\"All\"},\"conditions\":[]}"

static void test_est_policy__takes_what_cedar_takes(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {POLICY("{\"Value\":true}"), true},
        {POLICY("{\"Value\":null}"), false},
        {POLICY("{\"Value\":1.5}"), false},
        {POLICY("{\"Value\":{\"__entity\":{\"type\":\"A\",\"id\":\"b\"}}}"), true},
        {POLICY("{\"Value\":{\"__entity\":{\"type\":\"A b\",\"id\":\"b\"}}}"), false},
        {POLICY("{\"Value\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"x\"}}}"), true},
        {POLICY("{\"Value\":{\"__extn\":{\"fn\":\"foo\",\"arg\":\"x\"}}}"), true},
        {POLICY("{\"Value\":{\"__extn\":{\"fn\":\"A::foo\",\"args\":[]}}}"), true},
        {POLICY("{\"Value\":{\"__extn\":{\"fn\":\"a b\",\"arg\":\"x\"}}}"), false},
        {POLICY("{\"Value\":{\"__extn\":{\"fn\":\"foo\",\"arg\":null}}}"), false},
        {POLICY("{\"Value\":-0}"), false},
        {POLICY("{\"Var\":{\"principal\":null}}"), true},
        {POLICY("{\"Var\":{\"principal\":1}}"), false},
        {POLICY("{\"like\":{\"left\":{\"Value\":\"a\"},\"pattern\":[{\"Wildcard\":null}]}}"), true},
        {POLICY("{\"like\":{\"left\":{\"Value\":\"a\"},\"pattern\":[{\"Wildcard\":[]}]}}"), false},
        {"{\"effect\":{\"permit\":null}," SCOPE
         ",\"conditions\":[{\"kind\":{\"when\":null},\"body\":{\"Value\":true}}]}",
         true},
        {"{\"effect\":\"permit\",\"principal\":{\"op\":{\"All\":null}},\"action\":{\"op\":\"All\"},"
         "\"resource\":{\"op\":\"All\"},\"conditions\":[]}",
         false},
        {POLICY("{\"Value\":{\"a\":[1,{\"__expr\":\"x\"}]}}"), false},
        {POLICY("{\"Var\":\"principal\"}"), true},
        {POLICY("{\"Var\":\"user\"}"), false},
        {POLICY("{\"Slot\":\"?principal\"}"), false},
        {POLICY("{\"!\":{\"arg\":{\"Value\":true}}}"), true},
        {POLICY("{\"!\":{\"arg\":{\"Value\":true},\"x\":1}}"), false},
        {POLICY("{\"==\":{\"left\":{\"Value\":1}}}"), false},
        {POLICY("{\"==\":{\"left\":{\"Value\":1},\"right\":{\"Value\":1}},\"x\":1}"), false},
        {POLICY("{}"), false},
        {POLICY("{\"has\":{\"left\":{\"Var\":\"context\"},\"attr\":[\"a\",\"b\"]}}"), true},
        {POLICY("{\"has\":{\"left\":{\"Var\":\"context\"},\"attr\":[]}}"), false},
        {POLICY("{\"like\":{\"left\":{\"Value\":\"a\"},\"pattern\":[\"Wildcard\",{\"Literal\":"
                "\"ab\"}]}}"),
         true},
        {POLICY("{\"like\":{\"left\":{\"Value\":\"a\"},\"pattern\":\"*\"}}"), false},
        {POLICY("{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"A\",\"in\":null}}"),
         true},
        {POLICY("{\"is\":{\"left\":{\"Var\":\"principal\"},\"entity_type\":\"if\"}}"), false},
        {POLICY("{\"isIpv4\":[]}"), true},
        {POLICY("{\"foo\":[]}"), false},
        {POLICY("{\"Record\":{\"a\":{\"Value\":1},\"a\":{\"Value\":1}}}"), false},
        {TEMPLATE, false},
        {"{\"effect\":\"allow\"," SCOPE ",\"conditions\":[]}", false},
        {"{\"effect\":\"permit\"," SCOPE "}", false},
        {"{\"effect\":\"permit\"," SCOPE
         ",\"conditions\":[],\"annotations\":{\"a\":null,\"if\":\"x\"}}",
         true},
        {"{\"effect\":\"permit\"," SCOPE ",\"conditions\":[],\"id\":\"x\"}", false},
        {"[]", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rune_source source = source_of(cases[i].text, strlen(cases[i].text));
        struct rune_cedar_policy policy;
        struct rune_arena arena;
        rune_arena_init(&arena, 0);
        bool ok = rune_est_parse_policy(&source, RUNE_EST_POLICY, &arena, &policy, NULL) == RUNE_OK;
        if (ok != cases[i].ok) {
            fail_msg("%s: %s", ok ? "accepted" : "refused", cases[i].text);
        }
        rune_arena_fini(&arena);
    }
}

static void test_est_set__checks_ids_and_links(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"{\"templates\":{},\"staticPolicies\":{},\"templateLinks\":[]}", true},
        {"{\"templates\":{},\"staticPolicies\":{}}", false},
        {"{\"templates\":{\"t\":" TEMPLATE
         "},\"staticPolicies\":{},\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\","
         "\"values\":{\"?principal\":{\"type\":\"A\",\"id\":\"x\"}}}]}",
         true},
        {"{\"templates\":{\"t\":" TEMPLATE
         "},\"staticPolicies\":{},\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"t\","
         "\"values\":{\"?principal\":{\"type\":\"A\",\"id\":\"x\"}}}]}",
         false},
        {"{\"templates\":{\"t\":" TEMPLATE
         "},\"staticPolicies\":{},\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\","
         "\"values\":{}}]}",
         false},
        {"{\"templates\":{\"t\":" TEMPLATE
         "},\"staticPolicies\":{},\"templateLinks\":[{\"templateId\":\"u\",\"newId\":\"l\","
         "\"values\":{\"?principal\":{\"type\":\"A\",\"id\":\"x\"}}}]}",
         false},
        {"{\"templates\":{\"t\":" POLICY(
             "{\"Value\":true}") "},\"staticPolicies\":{},"
                                 "\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\","
                                 "\"values\":{}}]}",
         true},
        {"{\"templates\":{},\"staticPolicies\":{\"t\":" POLICY(
             "{\"Value\":true}") "},"
                                 "\"templateLinks\":[{\"templateId\":\"t\",\"newId\":\"l\","
                                 "\"values\":{}}]}",
         false},
        {"{\"templates\":{},\"staticPolicies\":{\"t\":" TEMPLATE "},\"templateLinks\":[]}", false},
        {"{\"templates\":{\"p\":" TEMPLATE
         "},\"staticPolicies\":{\"p\":" POLICY("{\"Value\":true}") "},\"templateLinks\":[]}",
         false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rune_source source = source_of(cases[i].text, strlen(cases[i].text));
        struct rune_cedar_policies policies;
        struct rune_arena arena;
        rune_arena_init(&arena, 0);
        bool ok = rune_est_parse(&source, &arena, &policies, NULL) == RUNE_OK;
        if (ok != cases[i].ok) {
            fail_msg("%s: %s", ok ? "accepted" : "refused", cases[i].text);
        }
        rune_arena_fini(&arena);
    }
}

static bool round_trip_without_memory(void *context)
{
    struct rune_source text = source_of(everything, sizeof everything - 1);
    struct rune_cedar_policies policies;
    struct rune_buf json = RUNE_BUF_INIT;
    struct rune_arena arena;
    (void)context;
    rune_arena_init(&arena, 0);
    enum rune_err err = rune_cedar_parse(&text, &arena, &policies, NULL);
    err = err == RUNE_OK ? rune_est_print(&policies, &json) : err;
    if (err == RUNE_OK) {
        struct rune_source source = source_of(json.data, json.length);
        err = rune_est_parse(&source, &arena, &policies, NULL);
    }
    rune_buf_fini(&json);
    rune_arena_fini(&arena);
    assert_true(err == RUNE_OK || err == RUNE_E_NOMEM || err == RUNE_E_LIMIT);
    return err == RUNE_OK;
}

static void test_est__survives_without_memory(void **state)
{
    (void)state;
    assert_true(rune_oom_sweep(round_trip_without_memory, NULL) < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_est__is_read_back_the_same),
        cmocka_unit_test(test_est_policy__takes_what_cedar_takes),
        cmocka_unit_test(test_est_set__checks_ids_and_links),
        cmocka_unit_test(test_est__survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
