/* SPDX-License-Identifier: Apache-2.0 */
/* One policy for each kind of finding, and what is printed for it: golden/validate.txt is written
 * anew when RUNE_UPDATE_GOLDEN is set. Verdicts by the thousand are the referee's (conformance). */
#include "cedar/validate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "cedar/parser.h"
#include "reference/oom.h"
#include "unit/cedar/golden.h"
#include "unit/cmocka.h"

#define SCOPE "permit(principal, action, resource)"

static const char schema_text[] =
    "entity User in [Group] {name: String, age?: Long, boss?: User} tags String;\n"
    "entity Group;\n"
    "entity Photo {owner: User, names: Set<String>, at?: datetime, more?: {by?: User}};\n"
    "entity Color enum [\"red\", \"green\"];\n"
    "action read;\n"
    "action view, edit in [read] appliesTo {principal: User, resource: Photo,"
    " context: {ip: ipaddr, mfa?: Bool}};\n"
    "namespace N { action run appliesTo {principal: User, resource: Photo,"
    " context: {ip: ipaddr, mfa?: Bool}}; }\n";

/* `strict`, `permissive`: kinds that are found, in order; NULL as in strict mode. */
static const struct {
    const char *text, *strict, *permissive;
    uint32_t level;
} cases[] = {
    {SCOPE ";", "", NULL, 0},
    {"permit(principal, action == Action::\"veiw\", resource);",
     "UnrecognizedActionId InvalidActionApplication ImpossiblePolicy ", NULL, 9},
    {"permit(principal in Grop::\"a\", action, resource);",
     "UnrecognizedEntityType InvalidActionApplication ", NULL, 9},
    {SCOPE " when { principal is Usr };", "UnrecognizedEntityType ImpossiblePolicy ", NULL, 9},
    {SCOPE " when { Color::\"blue\" == Color::\"red\" };", "InvalidEnumEntity ImpossiblePolicy ",
     NULL, 9},
    {SCOPE " when { principal.name + 1 == 2 };", "UnexpectedType ", NULL, 9},
    {SCOPE " when { context.ip.isInRange(\"10.0.0.0/8\") };", "UnexpectedType ", NULL, 9},
    {SCOPE " when { context.ip == \"10.0.0.1\" };", "IncompatibleTypes ", "", 9},
    {SCOPE " when { resource.owner == \"alice\" };", "IncompatibleTypes ", "", 9},
    {SCOPE " when { (context has mfa && context.mfa) == \"true\" };", "IncompatibleTypes ", "", 9},
    {SCOPE " when { principal in \"a\" };", "UnexpectedType ", NULL, 9},
    {SCOPE " when { resource.names has a };", "UnexpectedType ", NULL, 9},
    {SCOPE " when { decimal(\"1.2\") < decimal(\"1.3\") };", "UnexpectedType UnexpectedType ", NULL,
     9},
    {SCOPE " when { resource.names.contains(3) };", "IncompatibleTypes ", "", 9},
    {SCOPE " when { (if principal == resource.owner then 1 else \"a\") == 1 };",
     "IncompatibleTypes ", NULL, 9},
    {SCOPE " when { [User::\"a\", Group::\"b\"].contains(principal) };", "IncompatibleTypes ", "",
     9},
    {SCOPE " when { {a: 1} == {b: 1} };", "IncompatibleTypes ", "", 9},
    {SCOPE " when { principal.nmae == \"x\" };", "UnsafeAttributeAccess ", NULL, 9},
    {SCOPE " when { principal.age > 3 };", "UnsafeOptionalAttributeAccess ", NULL, 9},
    {SCOPE " when { principal has age && principal.age > 3 };", "", NULL, 9},
    {SCOPE " when { !(principal has age) || principal.age > 3 };", "UnsafeOptionalAttributeAccess ",
     NULL, 9},
    {SCOPE " when { principal has boss.age && principal.boss.age > 3 };", "", NULL, 9},
    {SCOPE " when { resource has more.by.boss && resource.more.by.boss == principal };", "", NULL,
     9},
    {SCOPE " when { principal has age } unless { principal.age > 3 };", "", NULL, 9},
    {SCOPE " when { principal.getTag(\"a\") == \"x\" };", "UnsafeTagAccess ", NULL, 9},
    {SCOPE " when { principal.hasTag(\"a\") && principal.getTag(\"a\") == \"x\" };", "", NULL, 9},
    {SCOPE " when { resource.hasTag(\"x\") };", "ImpossiblePolicy ", NULL, 9},
    {SCOPE " when { (if resource.hasTag(\"x\") then true else resource.getTag(\"x\") == 1) };",
     "UnsafeTagAccess ", NULL, 9},
    {SCOPE " when { ip(\"::1\", \"x\").isLoopback() };", "WrongNumberArguments ", NULL, 9},
    {SCOPE " when { ip(\"1.2.3\") == context.ip };", "FunctionArgumentValidation ", NULL, 9},
    {SCOPE " when { ip(principal.name) == context.ip };", "NonLitExtConstructor ", "", 9},
    {SCOPE " when { resource.names.containsAll([]) };", "EmptySetForbidden ", "", 9},
    {"permit(principal, action in [], resource) when { principal.age > 3 };",
     "EmptySetForbidden UnsafeOptionalAttributeAccess InvalidActionApplication ",
     "InvalidActionApplication ImpossiblePolicy ", 9},
    {"permit(principal, action in [Action::\"view\", N::Action::\"run\"], resource)"
     " when { principal.age > 3 };",
     "IncompatibleTypes UnsafeOptionalAttributeAccess ", "UnsafeOptionalAttributeAccess ", 9},
    {"permit(principal, action in [Action::\"view\", N::Action::\"fly\"], resource);",
     "UnrecognizedActionId InvalidActionApplication ", NULL, 9},
    {"permit(principal in Group::\"g\", action, resource);", "EntityDerefLevelViolation ", NULL, 0},
    {"permit(principal in Group::\"g\", action, resource) when { context.mfa };",
     "UnsafeOptionalAttributeAccess ", NULL, 0},
    {SCOPE " when { resource.owner.name == \"a\" };", "EntityDerefLevelViolation ", NULL, 1},
    {SCOPE " when { User::\"a\".name == \"a\" };", "EntityDerefLevelViolation ", NULL, 1},
    {SCOPE " when { resource.owner == principal };", "", NULL, 1},
    {"permit(principal == Photo::\"x\", action, resource);",
     "InvalidActionApplication ImpossiblePolicy ", NULL, 9},
    {"permit(principal == Group::\"x\", action, resource);",
     "InvalidActionApplication ImpossiblePolicy ", NULL, 9},
    {SCOPE " when { 1 == 2 };", "ImpossiblePolicy ", NULL, 9},
    {SCOPE " when { context.ip == context.ip } when { principal.name == \"a\" && (resource is"
           " Photo && resource is User) && principal is User };",
     "ImpossiblePolicy ", NULL, 9},
    {SCOPE
     " when { principal.name == \"a\" } unless { resource is Photo || resource.names.isEmpty() };",
     "ImpossiblePolicy ", NULL, 9},
    {SCOPE " when { action == Action::\"view\" && action == Action::\"edit\" };",
     "ImpossiblePolicy ", NULL, 9},
    {"permit(principal, action in [Action::\"view\", Action::\"read\"], resource)"
     " when { action == Action::\"run\" || false && principal.name == 1 };",
     "UnrecognizedActionId ImpossiblePolicy ", NULL, 9},
    {SCOPE " when { principal.name == \"\xd1\x80\xd0\xb0ypal\" };", "MixedScriptString ", NULL, 9},
    {SCOPE " when { principal.name == \"a\xe2\x80\xae"
           "b\" };",
     "BidiCharsInString ", NULL, 9},
    {SCOPE " when { {\"\xd1\x80\xd0\xb0ypal\": 1} == {\"\xd1\x80\xd0\xb0ypal\": 1} };",
     "MixedScriptIdentifier MixedScriptIdentifier ", NULL, 9},
    {SCOPE " when { principal == User::\"a\xe2\x80\x8b"
           "b\" };",
     "ConfusableIdentifier ", NULL, 9},
    {SCOPE " when { principal == User::\"a\xe2\x80\xae"
           "b\" };",
     "BidiCharsInIdentifier ", NULL, 9},
    /* Unicode 18: letters that few write today are allowed no longer, others are again. */
    {SCOPE " when { principal == User::\"\xe1\xb8\x83\" };", "ConfusableIdentifier ", NULL, 9},
    {SCOPE " when { principal == User::\"\xc9\x96\" };", "", NULL, 9},
    {SCOPE " when { principal == User::\"\xc3\xa9\xe6\x97\xa5\" };", "MixedScriptIdentifier ", NULL,
     9},
};

struct bench {
    struct rune_arena arena;
    struct rune_source schema_source, source;
    struct rune_cedar_schema schema;
    struct rune_cedar_policies policies;
};

static enum rune_err open_bench(struct bench *bench, const char *schema, const char *text)
{
    struct rune_schema_fragment fragment;
    rune_arena_init(&bench->arena, 0);
    bench->schema_source =
        (struct rune_source){"app.cedarschema", schema, (uint32_t)strlen(schema)};
    bench->source = (struct rune_source){"p.cedar", text, (uint32_t)strlen(text)};
    enum rune_err err = rune_schema_parse(&bench->schema_source, &bench->arena, &fragment, NULL);
    if (err == RUNE_OK) {
        err = rune_schema_resolve(&fragment, 1, &bench->arena, &bench->schema, NULL);
    }
    return err == RUNE_OK ? rune_cedar_parse(&bench->source, &bench->arena, &bench->policies, NULL)
                          : err;
}

static void check_kinds(const char *text, const char *want, enum rune_validation_mode mode,
                        uint32_t level, struct rune_buf *messages)
{
    struct bench bench;
    struct rune_validation_result result;
    struct rune_buf kinds = RUNE_BUF_INIT;
    struct rune_diag *diag = messages != NULL ? rune_diag_create() : NULL;
    assert_int_equal(open_bench(&bench, schema_text, text), RUNE_OK);
    assert_int_equal(rune_cedar_validate(&bench.policies, &bench.schema, mode, level, &bench.arena,
                                         &result, diag),
                     RUNE_OK);
    for (uint32_t i = 0; i < result.count; i++) {
        rune_buf_printf(&kinds, "%s ", result.findings[i].kind);
    }
    if (strcmp(rune_buf_cstr(&kinds), want) != 0) {
        fail_msg("%s: expected %s, got %s", text, want, rune_buf_cstr(&kinds));
    }
    if (messages != NULL) {
        rune_buf_append_cstr(messages, rune_diag_text(diag));
        rune_diag_destroy(diag);
    }
    rune_buf_fini(&kinds);
    rune_arena_fini(&bench.arena);
}

static void test_validate__finds_each_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t level = cases[i].level == 9 ? UINT32_MAX : cases[i].level;
        const char *permissive =
            cases[i].permissive != NULL ? cases[i].permissive : cases[i].strict;
        check_kinds(cases[i].text, cases[i].strict, RUNE_VALIDATE_STRICT, level, NULL);
        check_kinds(cases[i].text, permissive, RUNE_VALIDATE_PERMISSIVE, level, NULL);
    }
}

static void test_validate__says_what_to_do(void **state)
{
    struct rune_buf got = RUNE_BUF_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t level = cases[i].level == 9 ? UINT32_MAX : cases[i].level;
        check_kinds(cases[i].text, cases[i].strict, RUNE_VALIDATE_STRICT, level, &got);
    }
    golden_check("validate.txt", &got);
    rune_buf_fini(&got);
}

static void test_validate__says_nothing_of_external_names(void **state)
{
    struct bench bench;
    struct rune_validation_result result;
    (void)state;
    assert_int_equal(open_bench(&bench, "external entity A; entity B in A;", SCOPE ";" SCOPE ";"),
                     RUNE_OK);
    assert_int_equal(rune_cedar_validate(&bench.policies, &bench.schema, RUNE_VALIDATE_STRICT,
                                         UINT32_MAX, &bench.arena, &result, NULL),
                     RUNE_OK);
    assert_int_equal(result.error_count, 2);
    assert_string_equal(result.findings[0].kind, "IncompleteSchema");
    rune_arena_fini(&bench.arena);
}

static bool validate_once(void *context)
{
    struct bench bench;
    struct rune_validation_result result;
    struct rune_diag *diag = rune_diag_create();
    (void)context;
    enum rune_err err = open_bench(&bench, schema_text,
                                   SCOPE " when { principal has boss.age && principal.boss.age > 3 "
                                         "&& {a: [1, 2], b: principal.nmae} == {a: [1], b: 3} };");
    if (err == RUNE_OK) {
        err = rune_cedar_validate(&bench.policies, &bench.schema, RUNE_VALIDATE_STRICT, 5,
                                  &bench.arena, &result, diag);
    }
    bool is_right = err != RUNE_OK || result.error_count == 1;
    rune_arena_fini(&bench.arena);
    rune_diag_destroy(diag);
    assert_true(is_right);
    return err == RUNE_OK && diag != NULL;
}

static void test_validate__survives_lack_of_memory(void **state)
{
    (void)state;
    size_t allocations = rune_oom_sweep(validate_once, NULL);
    assert_true(allocations > 10 && allocations != (size_t)-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validate__finds_each_kind),
        cmocka_unit_test(test_validate__says_what_to_do),
        cmocka_unit_test(test_validate__says_nothing_of_external_names),
        cmocka_unit_test(test_validate__survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
