/* SPDX-License-Identifier: Apache-2.0 */
/* Environments that are left out because others stand for them lose no finding. The reference tries
 * them one by one: the schema is cut down to a single environment, and what is found in each is put
 * together. */
#include "base/buf.h"
#include "cedar/parser.h"
#include "cedar/validate.h"
#include "unit/cmocka.h"

static const char schema_text[] =
    "entity Org;\n"
    "entity Team in [Team, Org] {name: String};\n"
    "entity User in [Team] {name: String, level: Long, mail?: String} tags String;\n"
    "entity Bot in [Team] {name: Long, level: Long, mail: String};\n"
    "entity Folder in [Folder] {owner: User, level: Long, label?: String};\n"
    "entity File in [Folder] {owner: User, level: Long, label: String};\n"
    "entity Disk in [Folder] {owner: Bot, level: String};\n"
    "action all; action some in [all];\n"
    "action read in [some] appliesTo {principal: [User, Bot], resource: [File, Folder],"
    " context: {mfa: Bool}};\n"
    "action list in [some] appliesTo {principal: [User, Bot], resource: [File, Folder],"
    " context: {mfa: Bool}};\n"
    "action write in [all] appliesTo {principal: [User, Bot], resource: [File, Folder, Disk],"
    " context: {mfa?: Bool}};\n"
    "action mount appliesTo {principal: [User, Team], resource: [Disk]};\n"
    "namespace N { action other; }\n";

static const char *const scopes[] = {
    "principal, action, resource",
    "principal is User, action, resource",
    "principal in Team::\"a\", action in Action::\"some\", resource",
    "principal == Bot::\"b\", action == Action::\"write\", resource in Folder::\"f\"",
    "principal is Team in Org::\"o\", action in [Action::\"mount\", Action::\"read\"], resource",
    "principal, action in [Action::\"mount\", N::Action::\"other\"], resource is Folder",
    "principal == ?principal, action in Action::\"all\", resource in ?resource",
    "principal == Usr::\"u\", action, resource is Disk",
    "principal, action in [Action::\"reed\", Action::\"read\"], resource",
    "principal is Org, action, resource",
};

static const char *const conditions[] = {
    "",
    "when { context.mfa }",
    "when { context has mfa && context.mfa }",
    "when { principal.level > 3 }",
    "when { principal.level > resource.level }",
    "when { principal.name == \"x\" && resource.label == \"y\" }",
    "when { principal has mail && principal.mail like \"*\" } unless { resource has label }",
    "when { resource has label && resource.label == principal.mail }",
    "when { resource.owner == principal }",
    "when { principal is User && principal.hasTag(\"a\") && principal.getTag(\"a\") == \"b\" }",
    "when { principal.getTag(\"a\") == resource.label }",
    "when { action == Action::\"read\" || context.mfa }",
    "when { action in Action::\"some\" && resource.level < 3 }",
    "when { principal in resource && resource in principal }",
    "when { [principal.name].contains(resource.owner.name) }",
    "when { resource.owner has mail && resource.owner.mail == \"m\" }",
    "when { principal is Disk }",
    "when { if resource is Disk then resource.level == \"1\" else resource.level == 1 }",
    "when { {a: principal.level, b: resource.label, c: context.mfa} has a }",
};

static const uint32_t levels[] = {UINT32_MAX, 0, 1, 2};

static const char *const kinds[] = {
#define RUNE_FINDING(name, kind, code, is_warning) kind,
#include "cedar/findings.def"
#undef RUNE_FINDING
};

/* A set of kinds, by bit. */
static uint32_t found_kinds(const struct rune_cedar_policies *policies,
                            const struct rune_cedar_schema *schema, uint32_t level)
{
    struct rune_arena arena;
    struct rune_validation_result result;
    uint32_t found = 0;
    rune_arena_init(&arena, 0);
    assert_int_equal(
        rune_cedar_validate(policies, schema, RUNE_VALIDATE_STRICT, level, &arena, &result, NULL),
        RUNE_OK);
    for (uint32_t i = 0; i < result.count; i++) {
        for (uint32_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            found |= strcmp(result.findings[i].kind, kinds[k]) == 0 ? 1u << k : 0;
        }
    }
    rune_arena_fini(&arena);
    return found;
}

#define BIT(name) (1u << FINDING_##name)
enum {
#define RUNE_FINDING(name, kind, code, is_warning) FINDING_##name,
#include "cedar/findings.def"
#undef RUNE_FINDING
};

/* Of all environments one by one. Kinds of the whole policy hold if they hold in each. */
static uint32_t found_one_by_one(const struct rune_cedar_policies *policies,
                                 const struct rune_cedar_schema *schema, uint32_t level)
{
    const uint32_t whole = BIT(IMPOSSIBLE) | BIT(NO_ACTION);
    struct rune_cedar_action actions[16];
    struct rune_cedar_schema one = *schema;
    uint32_t found = 0;
    uint32_t always = whole;
    assert_true(schema->action_count <= 16);
    one.actions = actions;
    for (uint32_t a = 0; a < schema->action_count; a++) {
        const struct rune_cedar_action *action = &schema->actions[a];
        for (uint32_t i = 0; i < action->principals.count * action->resources.count; i++) {
            for (uint32_t k = 0; k < schema->action_count; k++) {
                actions[k] = schema->actions[k];
                actions[k].principals.count = actions[k].resources.count = 0;
            }
            actions[a].principals = (struct rune_schema_indexes){
                &action->principals.items[i / action->resources.count], 1};
            actions[a].resources = (struct rune_schema_indexes){
                &action->resources.items[i % action->resources.count], 1};
            uint32_t here = found_kinds(policies, &one, level);
            found |= here & ~whole;
            always &= here;
        }
    }
    return found | always;
}

static void check_text(const struct rune_cedar_schema *schema, const char *text)
{
    struct rune_arena arena;
    struct rune_cedar_policies policies;
    struct rune_source source = {"p.cedar", text, (uint32_t)strlen(text)};
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_cedar_parse(&source, &arena, &policies, NULL), RUNE_OK);
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        uint32_t got = found_kinds(&policies, schema, levels[i]);
        uint32_t want = found_one_by_one(&policies, schema, levels[i]);
        if (got != want) {
            fail_msg("%s at level %u: kinds %x, one by one %x", text, levels[i], got, want);
        }
    }
    rune_arena_fini(&arena);
}

static void test_validate_environment__leaves_out_no_finding(void **state)
{
    struct rune_arena arena;
    struct rune_schema_fragment fragment;
    struct rune_cedar_schema schema;
    struct rune_source source = {"s", schema_text, (uint32_t)sizeof schema_text - 1};
    (void)state;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_schema_parse(&source, &arena, &fragment, NULL), RUNE_OK);
    assert_int_equal(rune_schema_resolve(&fragment, 1, &arena, &schema, NULL), RUNE_OK);
    for (size_t s = 0; s < sizeof scopes / sizeof scopes[0]; s++) {
        for (size_t c = 0; c < sizeof conditions / sizeof conditions[0]; c++) {
            struct rune_buf text = RUNE_BUF_INIT;
            rune_buf_printf(&text, "permit(%s) %s;", scopes[s], conditions[c]);
            check_text(&schema, rune_buf_cstr(&text));
            rune_buf_fini(&text);
        }
    }
    rune_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validate_environment__leaves_out_no_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
