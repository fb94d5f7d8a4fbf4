/* SPDX-License-Identifier: Apache-2.0 */
/* One text for each kind of message, and what is printed for it. golden/messages.txt is written
 * anew when RUNE_UPDATE_GOLDEN is set. */
#include "base/buf.h"
#include "cedar/est.h"
#include "cedar/links.h"
#include "cedar/parser.h"
#include "cedar/schema.h"
#include "unit/cedar/golden.h"
#include "unit/cmocka.h"

#define SCOPE "permit(principal, action, resource)"

static const char *const policies[] = {
    "permit(principal, action, resource) when { \xff };",
    "permit(principal; action, resource);",
    "permit(principal, action, resource) when { 1 # 2 };",
    "permit(principal, action, resource) when { \xe2\x80\x9c"
    "a\xe2\x80\x9d == 1 };",
    SCOPE " when { true & false };",
    SCOPE " when { 'a' == 1 };",
    SCOPE " /* no */;",
    SCOPE " when { principal.name == \"alice };",
    SCOPE " when { \"a\\q\\x80\\u{}\" == \"\" };",
    SCOPE " when { 9223372036854775808 > 0 };",
    SCOPE " when { principal.if };",
    SCOPE "\npermit(principal, action, resource);",
    SCOPE " when { principal = resource };",
    SCOPE " when { 1 == 2 == true };",
    SCOPE " when { !!!!!true };",
    SCOPE " when { 1 / 2 == 0 };",
    SCOPE " when { };",
    SCOPE " when { (1 + 2 };",
    "allow(principal, action, resource);",
    "premit(principal, action, resource);",
    SCOPE " where { true };",
    "permit(principal, resource);",
    "permit(principal, action, resource, context);",
    "permit(principal != User::\"a\", action, resource);",
    "permit(principal is User == User::\"a\", action, resource);",
    "permit(principal, action is Action, resource);",
    "permit(principal == User, action, resource);",
    "permit(principal == \"alice\", action, resource);",
    "permit(principal == ?resource, action, resource);",
    "permit(principal in [User::\"a\"], action, resource);",
    "permit(principal == User::\"a\" || principal == User::\"b\", action, resource);",
    "permit(principal, action == User::\"a\", resource);",
    "permit(principal: User, action, resource);",
    "@id(\"a\") @id(\"b\") " SCOPE ";",
    SCOPE " when { principle.name == 1 };",
    SCOPE " when { ipp(\"1.1.1.1\") };",
    SCOPE " when { principal.contain(1) };",
    SCOPE " when { principal.ip(\"1.1.1.1\") };",
    SCOPE " when { isIpv4(principal) };",
    SCOPE " when { principal.contains(1, 2) };",
    SCOPE " when { principal is User::\"a\" };",
    SCOPE " when { principal[context.name] == 1 };",
    SCOPE " when { {a: 1, \"a\": 2} == 1 };",
    SCOPE " when { (principal)(1) };",
    SCOPE " when { principal == ?principal };",
    SCOPE " when { User::{id: 1} == 1 };",
    SCOPE " when { principal.name like context.pattern };",
    SCOPE " when { principal has 1 };",
    SCOPE " when { if true then 1 };",
    SCOPE " when { principal.a and not principal.b };",
    SCOPE " when { not principal.a };",
    SCOPE " when { NULL == context.a };",
    SCOPE " when { principal.level => 3 || principal.name === \"a\" || principal <> resource };",
    SCOPE " when { principal.size > 1.5 };",
    SCOPE " when { principal has \"a\".b };",
    SCOPE " when { principal in Group };",
    SCOPE " when { principal is \"User\" };",
    SCOPE " when { principal[name] == 1 };",
    SCOPE " when { principal.name.startsWith(\"a\") };",
    SCOPE " when { ipaddr(\"1.1.1.1\") == now() };",
    SCOPE " when { true } };",
    SCOPE " when { true }; # no",
    "deny(principal, action, resource);",
    "permit(principal, action in Action::\"a\", Action::\"b\", resource);",
};

static const char *const schemas[] = {
    "type Long = Bool;",
    "entity E; action a appliesTo { principal: E, principal: E, resource: E };",
    "action a appliesTo { principal: [], resource: [] };",
    "entity A;\nentity A;",
    "entity Action;",
    "entity U; namespace N { entity U; }",
    "entity User; entity Doc { owner: Usr };",
    "type A = Set<A>;",
    "action a in b; action b in a;",
    "type S = Long; entity E = { a: S }; action x appliesTo { principal: E, resource: E, context: "
    "S };",
    "entity E { a Long };",
    "entity E { a: Long; b: Strng };\nentity F { c: Long };",
    "namespace N {\n  entity E { a: Long? };\n  entity F { b: [Long] };\n  entity G { c: "
    "List<Long> };\n}\n"
    "entity H { d: Int, e: Set };",
    "action a appliesTo { principal: E resource: E };\nentities E;",
    "entity E; action a applies to { principal: E, resource: E };",
    "action a in c;",
    "{\"\": {\"entityTypes\": {\"A\": {\"memberOfType\": []}}, \"actions\": {}}}",
    "{\"\": {\"entityTypes\": {\"A\": {\"shape\": {\"type\": \"Record\"}}}, \"actions\": {}}}",
    "{\"\": {\"entityTypes\": {}, \"actions\": {\"a\": {\"attributes\": {}}}}}",
    "{\"\": {\"entityTypes\": {\"A\": {\"shape\": {\"type\": \"Record\", \"attributes\": {}, "
    "\"additionalAttributes\": "
    "true}}}, \"actions\": {}}}",
    "{\"\": {\"entityTypes\": {}, \"actions\": {},}}",
};

#define BODY(body)                                                                                \
    "{\"effect\": \"permit\", \"principal\": {\"op\": \"All\"}, \"action\": {\"op\": \"All\"},\n" \
    " \"resource\": {\"op\": \"All\"}, \"conditions\": [{\"kind\": \"when\", \"body\":\n" body    \
    "}]}"

static const char *const documents[] = {
    "{\"effect\": \"allow\"}",
    "{\"effect\": \"permit\", \"principals\": {}}",
    "{\"effect\": \"permit\", \"principal\": {\"op\": \"=\"}}",
    "{\"effect\": \"permit\", \"principal\": {\"op\": \"==\", \"entity\": \"User::a\"}}",
    "{\"effect\": \"permit\", \"principal\": {\"op\": \"in\", \"entities\": []}}",
    BODY("{\"Var\": \"principle\"}"),
    BODY("{\"==\": [1, 2]}"),
    BODY("{\"and\": {}}"),
    BODY("{\"contain\": {}}"),
    BODY("{\"Value\": 1.5}"),
    BODY("{\"Value\": null}"),
    BODY("{\"Value\": 1, \"Var\": 2}"),
    BODY("{\"like\": {\"left\": {\"Value\": \"a\"}, \"pattern\": \"a*\"}}"),
    BODY("{\".\": {\"left\": {\"Value\": \"a\"}, \"attribute\": \"a\"}}"),
    BODY("{\"Slot\": \"?principal\"}"),
};

static void add_document(struct rune_buf *out, const char *text)
{
    struct rune_source source = {"policy.json", text, (uint32_t)strlen(text)};
    struct rune_diag *diag = rune_diag_create();
    struct rune_cedar_policy policy;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    assert_int_not_equal(rune_est_parse_policy(&source, RUNE_EST_POLICY, &arena, &policy, diag),
                         RUNE_OK);
    rune_buf_append_cstr(out, rune_diag_text(diag));
    rune_buf_append_cstr(out, "\n");
    rune_arena_fini(&arena);
    rune_diag_destroy(diag);
}

static void add_policies(struct rune_buf *out, const char *text)
{
    struct rune_source source = {"policies.cedar", text, (uint32_t)strlen(text)};
    struct rune_diag *diag = rune_diag_create();
    struct rune_cedar_policies parsed;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    assert_int_not_equal(rune_cedar_parse(&source, &arena, &parsed, diag), RUNE_OK);
    assert_true(rune_diag_count(diag, RUNE_ERROR) > 0);
    rune_buf_append_cstr(out, rune_diag_text(diag));
    rune_buf_append_cstr(out, "\n");
    rune_arena_fini(&arena);
    rune_diag_destroy(diag);
}

static void add_schema(struct rune_buf *out, const char *text)
{
    struct rune_source source = {"app.cedarschema", text, (uint32_t)strlen(text)};
    struct rune_diag *diag = rune_diag_create();
    struct rune_schema_fragment fragment;
    struct rune_cedar_schema schema;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    enum rune_err err = text[0] == '{' ? rune_schema_parse_json(&source, &arena, &fragment, diag)
                                       : rune_schema_parse(&source, &arena, &fragment, diag);
    if (err == RUNE_OK) {
        err = rune_schema_resolve(&fragment, 1, &arena, &schema, diag);
    }
    assert_int_not_equal(err, RUNE_OK);
    assert_true(rune_diag_count(diag, RUNE_ERROR) > 0);
    rune_buf_append_cstr(out, rune_diag_text(diag));
    rune_buf_append_cstr(out, "\n");
    rune_arena_fini(&arena);
    rune_diag_destroy(diag);
}

static void test_messages__are_as_in_the_golden_file(void **state)
{
    struct rune_buf got = RUNE_BUF_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        add_policies(&got, policies[i]);
    }
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        add_schema(&got, schemas[i]);
    }
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        add_document(&got, documents[i]);
    }
    golden_check("messages.txt", &got);
    rune_buf_fini(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages__are_as_in_the_golden_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
