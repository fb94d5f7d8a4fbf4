/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "cedar/schema.h"
#include "unit/cmocka.h"

static struct rune_source source_of(const struct rune_buf *buf)
{
    return (struct rune_source){"t", buf->data, (uint32_t)buf->length};
}

static void test_schema_text__is_read_back_the_same(void **state)
{
    static const char *const cases[] = {
        "",
        "entity A; entity B in [A, C] = {x: Long, \"y z\"?: Set<{q: A}>, @doc(\"d\") @e if2: "
        "ipaddr} tags Set<String>;"
        "entity C enum [\"a\", \"b\\n\\\"\"]; type T = {};",
        "@doc(\"n\") namespace N::M { @a type T = Set<Set<Bool>>; entity E = {t: T}; action \"view "
        "it\", edit in "
        "[all, \"x y\", N::M::Action::\"z\"] appliesTo { principal: E, resource: [E], context: T "
        "}; action all; "
        "action \"x y\"; action z appliesTo { principal: [E], resource: [E], context: {a?: "
        "__cedar::Long} }; } "
        "entity E;",
        ("external entity A in [B, C]; external entity B; external entity C, external;"
         "external action a in [b, N::Action::\"c\"]; external action b;"),
        "namespace N { entity A; type A = Long; entity B = {a: A}; }",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rune_schema_fragment fragment;
        struct rune_buf json[2] = {RUNE_BUF_INIT, RUNE_BUF_INIT};
        struct rune_buf text[2] = {RUNE_BUF_INIT, RUNE_BUF_INIT};
        struct rune_arena arena;
        rune_arena_init(&arena, 0);
        rune_buf_append_cstr(&text[0], cases[i]);
        for (int round = 0; round < 2; round++) {
            struct rune_source source = source_of(&text[round]);
            assert_int_equal(rune_schema_parse(&source, &arena, &fragment, NULL), RUNE_OK);
            assert_int_equal(rune_schema_print_json(&fragment, &json[round]), RUNE_OK);
            source = source_of(&json[round]);
            assert_int_equal(rune_schema_parse_json(&source, &arena, &fragment, NULL), RUNE_OK);
            if (round == 0) {
                assert_int_equal(rune_schema_print_text(&fragment, &text[1], NULL), RUNE_OK);
            }
        }
        assert_string_equal(rune_buf_cstr(&json[0]), rune_buf_cstr(&json[1]));
        for (int round = 0; round < 2; round++) {
            rune_buf_fini(&json[round]);
            rune_buf_fini(&text[round]);
        }
        rune_arena_fini(&arena);
    }
}

static void test_schema_text__refuses_what_only_json_can_say(void **state)
{
#define SCHEMA(commons, entities, actions)                                                      \
    "{\"\":{\"commonTypes\":{" commons "},\"entityTypes\":{" entities "},\"actions\":{" actions \
    "}}}"
    static const struct {
        const char *json;
        enum rune_err err;
    } cases[] = {
        {SCHEMA("", "\"A\":{}", "\"a\":{}"), RUNE_OK},
        {SCHEMA("\"T\":{\"type\":\"Record\",\"attributes\":{}}",
                "\"A\":{\"shape\":{\"type\":\"T\"}}", ""),
         RUNE_E_INVALID},
        {SCHEMA("\"A\":{\"type\":\"Long\"}",
                "\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":"
                "{\"type\":\"Entity\",\"name\":\"A\"}}}}",
                ""),
         RUNE_E_INVALID},
        {SCHEMA("\"B\":{\"type\":\"Long\"}",
                "\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":"
                "{\"type\":\"Entity\",\"name\":\"A\"}}}}",
                ""),
         RUNE_OK},
        {SCHEMA("",
                "\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{},\"additionalAttributes\":"
                "true}}",
                ""),
         RUNE_E_INVALID},
        {SCHEMA("", "", "\"a\":{\"attributes\":{}}"), RUNE_E_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rune_source source = {"t", cases[i].json, (uint32_t)strlen(cases[i].json)};
        struct rune_schema_fragment fragment;
        struct rune_buf out = RUNE_BUF_INIT;
        struct rune_arena arena;
        rune_arena_init(&arena, 0);
        assert_int_equal(rune_schema_parse_json(&source, &arena, &fragment, NULL), RUNE_OK);
        if (rune_schema_print_text(&fragment, &out, NULL) != cases[i].err) {
            print_error("%s\n", cases[i].json);
            fail();
        }
        rune_buf_fini(&out);
        rune_arena_fini(&arena);
    }
}

static void test_schema__knows_external_declarations(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"external entity A;", true},
        {"external entity A, B;", true},
        {"external entity A in B;", true},
        {"external entity A in [B, C];", true},
        {"external entity external;", true},
        {"entity external; entity A in [external] = {};", true},
        {"external entity \"A\";", false},
        {"external entity A {};", false},
        {"external entity A in [B] = {};", false},
        {"external entity A enum [\"a\"];", false},
        {"external entity A tags String;", false},
        {"external type T = String;", false},
        {"external entity A; entity A;", false},
        {"external entity A; external entity A;", false},
        {"external entity A, A;", false},
        {"namespace X { external entity A; } entity A;", true},
        {"external action a;", true},
        {"external action \"a\", external;", true},
        {"external action a in g;", true},
        {"external action a in [g, X::Action::\"h\"];", true},
        {"external action a appliesTo { principal: P, resource: R };", false},
        {"external action a attributes {};", false},
        {"external action a; action a;", false},
    };
    struct rune_arena arena;
    (void)state;
    rune_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rune_source source = {"t", cases[i].text, (uint32_t)strlen(cases[i].text)};
        struct rune_schema_fragment fragment;
        bool ok = rune_schema_parse(&source, &arena, &fragment, NULL) == RUNE_OK;
        if (ok != cases[i].ok) {
            print_error("%s\n", cases[i].text);
            fail();
        }
    }
    rune_arena_fini(&arena);
}

struct json_case {
    const char *text;
    bool ok;
};

static void check_json_cases(const struct json_case *cases, size_t count)
{
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    for (size_t i = 0; i < count; i++) {
        struct rune_source source = {"t", cases[i].text, (uint32_t)strlen(cases[i].text)};
        struct rune_schema_fragment fragment;
        bool ok = rune_schema_parse_json(&source, &arena, &fragment, NULL) == RUNE_OK;
        if (ok != cases[i].ok) {
            print_error("%s\n", cases[i].text);
            fail();
        }
    }
    rune_arena_fini(&arena);
}

/* Attributes and common types have annotations, other types have none. */
static void test_schema_json__knows_where_annotations_stand(void **state)
{
#define NOTES       "\"annotations\":{\"doc\":\"x\"}"
#define SHAPE(attr) "\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"a\":" attr "}}}"
    static const struct json_case cases[] = {
        {SCHEMA("\"T\":{\"type\":\"Long\"," NOTES "}", "", ""), true},
        {SCHEMA("\"T\":{\"type\":\"Set\",\"element\":{\"type\":\"Long\"," NOTES "}}", "", ""),
         false},
        {SCHEMA("", SHAPE("{\"type\":\"Long\"," NOTES "}"), ""), true},
        {SCHEMA("", SHAPE("{\"type\":\"Set\",\"element\":{\"type\":\"Long\"}," NOTES "}"), ""),
         true},
        {SCHEMA("", SHAPE("{\"type\":\"Set\",\"element\":{\"type\":\"Long\"," NOTES "}}"), ""),
         false},
        {SCHEMA("", "\"A\":{\"tags\":{\"type\":\"Long\"," NOTES "}}", ""), false},
    };
    (void)state;
    check_json_cases(cases, sizeof cases / sizeof cases[0]);
}

static void test_schema_json__reads_structures_from_arrays(void **state)
{
    static const struct json_case cases[] = {
        {"{\"N\":[{},{\"A\":{}},{}]}", true},
        {"{\"N\":[{},{},{},{}]}", true},
        {"{\"N\":[{},{}]}", false},
        {"{\"N\":[{},{},{},{},{}]}", false},
        {SCHEMA("", "\"A\":[]", ""), true},
        {SCHEMA("", "\"A\":[[\"A\"],{\"type\":\"Record\",\"attributes\":{}}]", ""), true},
        {SCHEMA("", "\"A\":[[],{\"type\":\"Record\",\"attributes\":{}},null]", ""), false},
        {SCHEMA("", "", "\"a\":[]"), true},
        {SCHEMA("", "", "\"a\":[null,[[\"R\"],[\"P\"]],[[\"b\"],[\"c\",\"Action\"]]]"), true},
        {SCHEMA("", "", "\"a\":[null,[[\"R\"]]]"), false},
    };
    (void)state;
    check_json_cases(cases, sizeof cases / sizeof cases[0]);
}

static void test_schema_json__knows_external_declarations(void **state)
{
    static const struct json_case cases[] = {
        {SCHEMA("", "\"A\":{\"external\":true}", ""), true},
        {SCHEMA("", "\"A\":{\"external\":true,\"memberOfTypes\":[\"B\"],\"annotations\":{}}", ""),
         true},
        {SCHEMA("", "\"A\":{\"external\":null}", ""), false},
        {SCHEMA("", "\"A\":{\"external\":true,\"shape\":{\"type\":\"Record\",\"attributes\":{}}}",
                ""),
         false},
        {SCHEMA("", "\"A\":{\"external\":true,\"tags\":{\"type\":\"Long\"}}", ""), false},
        {SCHEMA("", "\"A\":{\"external\":true,\"enum\":[\"a\"]}", ""), false},
        {SCHEMA("", "\"A\":{\"external\":false,\"enum\":[\"a\"]}", ""), true},
        {SCHEMA("", "\"A\":{\"external\":false,\"tags\":{\"type\":\"Long\"}}", ""), true},
        {SCHEMA("", "", "\"a\":{\"external\":true,\"memberOf\":[{\"id\":\"b\"}]}"), true},
        {SCHEMA("", "", "\"a\":{\"external\":true,\"appliesTo\":null}"), true},
        {SCHEMA("", "", "\"a\":{\"external\":null}"), true},
        {SCHEMA("", "", "\"a\":{\"external\":true,\"attributes\":{}}"), false},
        {SCHEMA("", "",
                "\"a\":{\"external\":true,\"appliesTo\":{\"principalTypes\":[],\"resourceTypes\":[]"
                "}}"),
         false},
    };
    (void)state;
    check_json_cases(cases, sizeof cases / sizeof cases[0]);
}

static void test_schema_resolve__checks_what_external_types_are_below(void **state)
{
    static const struct {
        const char *text;
        enum rune_err err;
    } cases[] = {
        {"external entity A in B; entity B; entity C in A = {a: A};", RUNE_OK},
        {"external entity A in B;", RUNE_E_BUNDLE},
        {"external action a in b;", RUNE_E_BUNDLE},
        {"external action a; action b in a;", RUNE_OK},
        {"external entity A in B; entity B enum [\"b\"];", RUNE_E_BUNDLE},
        {"external entity A in B; entity B in C; entity C enum [\"c\"];", RUNE_E_BUNDLE},
        {"entity A in B; entity B enum [\"b\"];", RUNE_OK},
    };
    struct rune_arena arena;
    (void)state;
    rune_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rune_source source = {"t", cases[i].text, (uint32_t)strlen(cases[i].text)};
        struct rune_schema_fragment fragment;
        struct rune_cedar_schema schema;
        assert_int_equal(rune_schema_parse(&source, &arena, &fragment, NULL), RUNE_OK);
        if (rune_schema_resolve(&fragment, 1, &arena, &schema, NULL) != cases[i].err) {
            print_error("%s\n", cases[i].text);
            fail();
        }
    }
    rune_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_text__is_read_back_the_same),
        cmocka_unit_test(test_schema_text__refuses_what_only_json_can_say),
        cmocka_unit_test(test_schema__knows_external_declarations),
        cmocka_unit_test(test_schema_json__knows_where_annotations_stand),
        cmocka_unit_test(test_schema_json__reads_structures_from_arrays),
        cmocka_unit_test(test_schema_json__knows_external_declarations),
        cmocka_unit_test(test_schema_resolve__checks_what_external_types_are_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
