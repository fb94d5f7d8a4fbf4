/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/schema.h"

#include "base/buf.h"
#include "cedar/schema_image.h"
#include "eval/schema_check.h"
#include "reference/oom.h"
#include "unit/cmocka.h"

static enum rune_err read_schema(const char *text, struct rune_arena *arena,
                                 struct rune_cedar_schema *schema)
{
    struct rune_source *source = RUNE_ARENA_NEW(arena, struct rune_source);
    struct rune_schema_fragment fragment;
    if (source == NULL) {
        return RUNE_E_NOMEM;
    }
    *source = (struct rune_source){"s", text, (uint32_t)strlen(text)};
    enum rune_err err = text[0] == '{' ? rune_schema_parse_json(source, arena, &fragment, NULL)
                                       : rune_schema_parse(source, arena, &fragment, NULL);
    return err == RUNE_OK ? rune_schema_resolve(&fragment, 1, arena, schema, NULL) : err;
}

static bool accepts(const char *text)
{
    struct rune_arena arena;
    struct rune_cedar_schema schema;
    rune_arena_init(&arena, 0);
    enum rune_err err = read_schema(text, &arena, &schema);
    rune_arena_fini(&arena);
    return err == RUNE_OK;
}

static void test_schema__takes_what_cedar_takes(void **state)
{
    static const char *const texts[] = {
        "",
        "entity A;",
        "entity A, B in [A] = {a: Long, \"b c\"?: Set<String>,} tags Bool;",
        "entity C enum [\"a\", \"b\"];",
        "namespace A::B { entity U; } namespace C { action x appliesTo { principal: A::B::U, "
        "resource: [A::B::U] }; }",
        "action a; action \"b c\" in [a]; action d in Action::\"a\" attributes {};",
        "type T = {a: U}; type U = Set<Long>; entity E {t: T}; action x appliesTo { principal: E, "
        "resource: E, "
        "context: T, };",
        "entity ipaddr; entity E {a: ipaddr, b: __cedar::ipaddr};",
        "entity A in [A, B]; entity B in [A];",
        "@doc(\"x\") @y namespace N { @z entity U { @w a: Long }; }",
        "entity entity, type, namespace, in_; entity X {type: type};",
        "external entity A; entity B in A; external action x;",
        "entity A {a: Long, a: String};",
        "{}",
        "{\"\": {\"entityTypes\": {}, \"actions\": {}}}",
        "{\"N\": {\"entityTypes\": {\"U\": {\"shape\": {\"type\": \"Record\", \"attributes\": "
        "{\"a\": {\"type\": "
        "\"Entity\", \"name\": \"U\", "
        "\"required\": false}}}, \"memberOfTypes\": [\"N::U\"]}}, \"actions\": {\"a\": "
        "{\"appliesTo\": null, "
        "\"memberOf\": [{\"id\": \"b\"}]}, \"b\": {}}}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!accepts(texts[i])) {
            fail_msg("refused: %s", texts[i]);
        }
    }
}

static void test_schema__refuses_what_cedar_refuses(void **state)
{
    static const char *const texts[] = {
        "entity",
        "entity A",
        "entity A in B;",
        "entity A {a: X};",
        "entity A; entity A;",
        "entity A, A;",
        "entity Action;",
        "type Long = Bool;",
        "type A = A;",
        "type A = {b: B}; type B = Set<A>;",
        "type A = Long; entity E = A;",
        "action a in a;",
        "action a in b; action b in a;",
        "action a appliesTo {};",
        "action a appliesTo {principal: [], resource: X};",
        "entity E; action a appliesTo {principal: E};",
        "entity E; action a appliesTo {principal: E, principal: E, resource: E};",
        "entity E; action a appliesTo {principal: E, resource: E, context: Long};",
        "entity C enum [];",
        "entity E tags X;",
        "namespace A {} namespace A {}",
        "entity U; namespace N { entity U; }",
        "action a; namespace N { action a; }",
        "namespace __cedar {}",
        "entity if;",
        "@a @a entity E;",
        "entity E {a: Set<};",
        "entity E in [Action]; action a;",
        "type T = Foo;",
        "[]",
        "{\"\": {}}",
        "{\"\": {\"entityTypes\": {}}}",
        "{\"\": {\"entityTypes\": {}, \"actions\": {}, \"x\": 1}}",
        "{\"\": {\"entityTypes\": {\"A\": {\"enum\": [\"a\"], \"tags\": {\"type\": \"Long\"}}}, "
        "\"actions\": {}}}",
        "{\"\": {\"entityTypes\": {\"A\": {\"shape\": {\"type\": \"Long\"}}}, \"actions\": {}}}",
        "{\"\": {\"entityTypes\": {\"A\": {\"shape\": {\"type\": \"Record\", \"attributes\": {}, "
        "\"additionalAttributes\": true}}}, \"actions\": {}}}",
        "{\"\": {\"entityTypes\": {}, \"actions\": {\"a\": {\"attributes\": {}}}}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (accepts(texts[i])) {
            fail_msg("accepted: %s", texts[i]);
        }
    }
}

static const char example[] = "namespace App { entity Group; entity User in Group { name: String, "
                              "tags?: Set<String>, ip: ipaddr } tags Long;\n"
                              "entity Color enum [\"red\"]; entity Doc { owner: User };\n"
                              "action all; action view in all appliesTo { principal: User, "
                              "resource: [Doc, Color], context: { n?: Long } }; }";

struct image {
    struct rune_arena arena;
    struct rune_dict *dict;
    struct rune_vec_u32 words;
    struct rune_schema schema;
};

static void image_init(struct image *image, const char *text)
{
    struct rune_cedar_schema schema;
    memset(image, 0, sizeof *image);
    rune_arena_init(&image->arena, 0);
    image->dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    assert_int_equal(read_schema(text, &image->arena, &schema), RUNE_OK);
    assert_int_equal(rune_schema_write(&schema, image->dict, &image->words), RUNE_OK);
    rune_schema_open(image->words.items, (uint32_t)image->words.count, &image->schema);
}

static void image_fini(struct image *image)
{
    RUNE_VEC_FINI(&image->words);
    rune_dict_destroy(image->dict);
    rune_arena_fini(&image->arena);
}

static rune_term entity(struct image *image, const char *type, const char *id)
{
    rune_term terms[3];
    assert_int_equal(rune_dict_string(image->dict, rune_str_from(type), &terms[0]), RUNE_OK);
    assert_int_equal(rune_dict_string(image->dict, rune_str_from(id), &terms[1]), RUNE_OK);
    assert_int_equal(rune_dict_entity(image->dict, terms[0], terms[1], &terms[2]), RUNE_OK);
    return terms[2];
}

static void test_schema__says_where_annotations_are_too_many(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct rune_arena arena;
    struct rune_schema_fragment fragment;
    struct rune_diag *diag = rune_diag_create();
    struct rune_diag_message message;
    (void)state;
    for (int i = 0; i <= 1000; i++) {
        rune_buf_printf(&text, "@a%d\n", i);
    }
    rune_buf_append_cstr(&text, "entity A;");
    struct rune_source source = {"s", text.data, (uint32_t)text.length};
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_schema_parse(&source, &arena, &fragment, diag), RUNE_E_LIMIT);
    assert_int_equal(rune_diag_count(diag, RUNE_ERROR), 1);
    rune_diag_get(diag, 0, &message);
    assert_string_equal(message.code, "RUNE-C0105");
    assert_int_equal(message.line, 1001);
    rune_arena_fini(&arena);
    rune_diag_destroy(diag);
    rune_buf_fini(&text);
}

static void test_schema_image__checks_requests(void **state)
{
    struct image image;
    (void)state;
    image_init(&image, example);
    const struct rune_terms *terms = rune_dict_terms(image.dict);
    assert_int_equal(
        rune_schema_verify(image.words.items, (uint32_t)image.words.count, terms, NULL), RUNE_OK);
    const struct {
        rune_term principal, action, resource;
        enum rune_schema_verdict want;
    } cases[] = {
        {entity(&image, "App::User", "u"), entity(&image, "App::Action", "view"),
         entity(&image, "App::Doc", "d"), RUNE_SCHEMA_FITS},
        {entity(&image, "App::User", "u"), entity(&image, "App::Action", "view"),
         entity(&image, "App::Color", "red"), RUNE_SCHEMA_FITS_BY_ID},
        {entity(&image, "App::User", "u"), entity(&image, "App::Action", "view"),
         entity(&image, "App::Color", "x"), RUNE_SCHEMA_WRONG_RESOURCE_ID},
        {entity(&image, "App::Doc", "u"), entity(&image, "App::Action", "view"),
         entity(&image, "App::Doc", "d"), RUNE_SCHEMA_WRONG_PRINCIPAL_TYPE},
        {entity(&image, "User", "u"), entity(&image, "App::Action", "view"),
         entity(&image, "App::Doc", "d"), RUNE_SCHEMA_UNKNOWN_PRINCIPAL_TYPE},
        {entity(&image, "App::User", "u"), entity(&image, "App::Action", "edit"),
         entity(&image, "App::Doc", "d"), RUNE_SCHEMA_UNKNOWN_ACTION},
        {entity(&image, "App::User", "u"), entity(&image, "App::Action", "view"),
         entity(&image, "App::User", "d"), RUNE_SCHEMA_WRONG_RESOURCE_TYPE},
        {entity(&image, "App::User", "u"), entity(&image, "App::Action", "view"),
         entity(&image, "X", "d"), RUNE_SCHEMA_UNKNOWN_RESOURCE_TYPE},
        {entity(&image, "App::User", "u"), entity(&image, "App::Action", "all"),
         entity(&image, "App::Doc", "d"), RUNE_SCHEMA_WRONG_PRINCIPAL_TYPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(rune_schema_check_request(&image.schema, terms, NULL, cases[i].principal,
                                                   cases[i].action, cases[i].resource),
                         cases[i].want);
    }
    image_fini(&image);
}

static void test_schema_verify__refuses_damaged_words(void **state)
{
    struct image image;
    (void)state;
    image_init(&image, example);
    const struct rune_terms *terms = rune_dict_terms(image.dict);
    uint32_t count = (uint32_t)image.words.count;
    static const uint32_t values[] = {0, 1, 5, 7, 0x7fffffff, 0xffffffff};
    /* any word: accepted or refused, never out of bounds (AddressSanitizer) */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t saved = image.words.items[i];
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            image.words.items[i] = values[k];
            enum rune_err err = rune_schema_verify(image.words.items, count, terms, NULL);
            assert_true(err == RUNE_OK || err == RUNE_E_CORRUPT);
            if (i < 6 && values[k] == 0xffffffff) {
                assert_int_equal(err, RUNE_E_CORRUPT);
            }
        }
        image.words.items[i] = saved;
    }
    for (uint32_t cut = 1; cut < count; cut++) {
        (void)!rune_schema_verify(image.words.items, cut, terms, NULL);
    }
    image_fini(&image);
}

static void test_schema_print__is_read_back(void **state)
{
    struct rune_source source = {"s", example, sizeof example - 1};
    struct rune_schema_fragment fragment;
    struct rune_arena arena;
    struct rune_buf first = RUNE_BUF_INIT;
    struct rune_buf second = RUNE_BUF_INIT;
    (void)state;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_schema_parse(&source, &arena, &fragment, NULL), RUNE_OK);
    assert_int_equal(rune_schema_print_json(&fragment, &first), RUNE_OK);
    struct rune_source json = {"s.json", first.data, (uint32_t)first.length};
    assert_int_equal(rune_schema_parse_json(&json, &arena, &fragment, NULL), RUNE_OK);
    assert_int_equal(rune_schema_print_json(&fragment, &second), RUNE_OK);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.data, second.data, first.length);
    rune_buf_fini(&first);
    rune_buf_fini(&second);
    rune_arena_fini(&arena);
}

/* T60 as a tree has 2^60 leaves; the 128th type within another is one too many, however it was come
 * by before. */
static void test_schema_image__writes_common_types_once(void **state)
{
    static const struct {
        uint32_t types;
        enum rune_err err;
    } cases[] = {{60, RUNE_OK}, {127, RUNE_OK}, {128, RUNE_E_LIMIT}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        struct rune_arena arena;
        struct rune_cedar_schema schema;
        struct rune_vec_u32 words = {0};
        struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
        rune_buf_append_cstr(&text, "type T0 = Long;\nentity A { x: T0 };\n");
        for (uint32_t k = 1; k < cases[i].types; k++) {
            rune_buf_printf(&text, "type T%u = { a: T%u, b: T%u };\nentity A%u { x: T%u };\n", k,
                            k - 1, k - 1, k, k / 2);
        }
        rune_buf_printf(&text, "entity B { x: T%u };", cases[i].types - 1);
        rune_arena_init(&arena, 0);
        assert_int_equal(read_schema(rune_buf_cstr(&text), &arena, &schema), RUNE_OK);
        assert_int_equal(rune_schema_write(&schema, dict, &words), cases[i].err);
        assert_in_range(words.count, 100, 10000);
        RUNE_VEC_FINI(&words);
        rune_dict_destroy(dict);
        rune_arena_fini(&arena);
        rune_buf_fini(&text);
    }
}

static bool build_without_memory(void *context)
{
    struct rune_arena arena;
    struct rune_cedar_schema schema;
    struct rune_vec_u32 words = {0};
    (void)context;
    rune_arena_init(&arena, 0);
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    enum rune_err err = dict != NULL ? read_schema(example, &arena, &schema) : RUNE_E_NOMEM;
    if (err == RUNE_OK) {
        err = rune_schema_write(&schema, dict, &words);
    }
    RUNE_VEC_FINI(&words);
    rune_dict_destroy(dict);
    rune_arena_fini(&arena);
    assert_true(err == RUNE_OK || err == RUNE_E_NOMEM);
    return err == RUNE_OK;
}

static void test_schema__survives_without_memory(void **state)
{
    (void)state;
    assert_true(rune_oom_sweep(build_without_memory, NULL) < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema__takes_what_cedar_takes),
        cmocka_unit_test(test_schema__refuses_what_cedar_refuses),
        cmocka_unit_test(test_schema__says_where_annotations_are_too_many),
        cmocka_unit_test(test_schema_image__checks_requests),
        cmocka_unit_test(test_schema_image__writes_common_types_once),
        cmocka_unit_test(test_schema_verify__refuses_damaged_words),
        cmocka_unit_test(test_schema_print__is_read_back),
        cmocka_unit_test(test_schema__survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
