/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "engine/ids.h"
#include "engine/manifest.h"
#include "engine/rune_file.h"
#include "unit/cmocka.h"

static enum rune_err read_manifest(const char *text, struct rune_arena *arena,
                                   struct rune_manifest *manifest, struct rune_diag *diag)
{
    struct rune_bundle_file *file = RUNE_ARENA_NEW(arena, struct rune_bundle_file);
    file->kind = RUNE_BUNDLE_MANIFEST;
    file->source = (struct rune_source){"rune.toml", text, (uint32_t)strlen(text)};
    struct rune_bundle bundle = {.path = ".", .files = file, .count = 1};
    return rune_manifest_read(&bundle, arena, manifest, diag);
}

static void print_codes(const struct rune_diag *diag, struct rune_buf *out)
{
    for (size_t i = 0; i < rune_diag_kept(diag); i++) {
        struct rune_diag_message message;
        rune_diag_get(diag, i, &message);
        rune_buf_printf(out, "%s%s %u:%u", out->length > 0 ? ", " : "", message.code, message.line,
                        message.column);
    }
}

static void test_manifest__reads_every_key(void **state)
{
    struct rune_arena arena;
    struct rune_manifest manifest;
    (void)state;
    rune_arena_init(&arena, 0);
    assert_int_equal(
        read_manifest(
            "[bundle]\nname = \"docs\"\nversion = \"2\"\nvalidation = \"permissive\"\n"
            "validate_requests = false\nrequest_entities = \"off\"\nerrors = \"strict\"\n"
            "[defaults]\nprincipal_type = \"Acme::User\"\n"
            "[relations.member]\ncolumns = [\"User\", \"int\", \"string\", \"bool\", \"any\"]\n"
            "[relations.team.member]\ncolumns = []\n"
            "[relations.\"a.b\"]\ncolumns = [\"int\"]\n",
            &arena, &manifest, NULL),
        RUNE_OK);
    assert_true(rune_str_equal(manifest.name, RUNE_STR("docs")));
    assert_int_equal(manifest.validation, RUNE_VALIDATION_PERMISSIVE);
    assert_false(manifest.validate_requests);
    assert_false(manifest.allow_request_entities);
    assert_true(manifest.strict_errors);
    assert_true(rune_str_equal(manifest.principal_type, RUNE_STR("Acme::User")));
    assert_int_equal(manifest.action_type.length, 0);
    assert_int_equal(manifest.relation_count, 3);
    const struct rune_manifest_relation *member =
        rune_manifest_find_relation(&manifest, RUNE_STR("member"));
    assert_int_equal(member->column_count, 5);
    assert_int_equal(member->columns[0].kind, RUNE_COLUMN_ENTITY);
    assert_int_equal(member->columns[4].kind, RUNE_COLUMN_ANY);
    assert_int_equal(rune_manifest_find_relation(&manifest, RUNE_STR("team.member"))->column_count,
                     0);
    assert_int_equal(rune_manifest_find_relation(&manifest, RUNE_STR("a.b"))->column_count, 1);
    assert_null(rune_manifest_find_relation(&manifest, RUNE_STR("team")));
    rune_arena_fini(&arena);
}

static void test_manifest__has_defaults(void **state)
{
    struct rune_arena arena;
    struct rune_manifest manifest;
    struct rune_bundle bundle = {0};
    (void)state;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_manifest_read(&bundle, &arena, &manifest, NULL), RUNE_OK);
    assert_int_equal(manifest.validation, RUNE_VALIDATION_STRICT);
    assert_true(manifest.validate_requests && manifest.allow_request_entities &&
                !manifest.strict_errors);
    rune_arena_fini(&arena);
}

static void test_manifest__refuses_what_it_does_not_know(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"[bundle]\nnam = \"x\"\n[default]\n", "RUNE-M0101 2:1, RUNE-M0101 3:2"},
        {"[bundle]\nvalidation = \"lax\"\nvalidate_requests = \"yes\"\nname = 3\n",
         "RUNE-M0103 2:14, RUNE-M0102 3:21, RUNE-M0102 4:8"},
        {"[defaults]\nprincipal_type = \"a b\"\nuser = \"x\"\n", "RUNE-M0104 2:18, RUNE-M0101 3:1"},
        {"[relations.Member]\ncolumns = [\"User\"]\n", "RUNE-M0105 1:12"},
        {"[relations.m]\ncolumns = [\"Us er\"]\ntypes = []\n", "RUNE-M0104 2:12, RUNE-M0101 3:1"},
        {"[relations.m]\ncolumns = \"User\"\n", "RUNE-M0102 2:11"},
        {"[relations.m]\ncolumns = [\"User\", \"Long\", \"boolean\"]\ntypes = []\n",
         "RUNE-M0106 2:20, RUNE-M0106 2:28, RUNE-M0101 3:1"},
        {"[relations.m]\ncolumns = [\"strin\", \"stirng\", \"Sting\", \"bol\", \"Tool\"]\ntypes = "
         "[]\n",
         "RUNE-M0106 2:12, RUNE-M0106 2:21, RUNE-M0101 3:1"},
        {"bundle = 3\n", "RUNE-M0102 1:10"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_arena arena;
        struct rune_manifest manifest;
        struct rune_diag *diag = rune_diag_create();
        struct rune_buf codes = RUNE_BUF_INIT;
        rune_arena_init(&arena, 0);
        assert_int_equal(read_manifest(cases[i].text, &arena, &manifest, diag), RUNE_E_BUNDLE);
        print_codes(diag, &codes);
        assert_string_equal(rune_buf_cstr(&codes), cases[i].want);
        rune_buf_fini(&codes);
        rune_diag_destroy(diag);
        rune_arena_fini(&arena);
    }
}

/* ---- .rune files ---- */

static void test_rune_file__gives_a_source_a_kind_with_its_lines(void **state)
{
    static const char text[] =
        "version = \"rune/1.0\"  # what this is\n\n[metadata]\nname = \"x\"\n[rules] # here\np(X) "
        ":- q(X).\n"
        "[data]\nq = [1, 2]\n[data.team]\nm = 1\n[rules]\nr(X) :- p(X).\n[entities]\n[\n]\n"
        "[tests.one]\nprincipal = \"a\"\n[policies]\npermit (principal, action, resource);";
    struct rune_source source = {"x.rune", text, sizeof(text) - 1};
    struct rune_bundle_file files[RUNE_BUNDLE_KIND_COUNT];
    struct rune_arena arena;
    uint32_t count;
    (void)state;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_file_split(&source, &arena, files, &count, NULL), RUNE_OK);
    assert_int_equal(count, 6);
    static const struct {
        enum rune_bundle_kind kind;
        const char *text;
    } want[] = {
        {RUNE_BUNDLE_POLICIES,
         "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\npermit (principal, action, resource);"},
        {RUNE_BUNDLE_ENTITIES, "\n\n\n\n\n\n\n\n\n\n\n\n\n[\n]\n\n\n\n"},
        {RUNE_BUNDLE_RULES, "\n\n\n\n\np(X) :- q(X).\n\n\n\n\n\nr(X) :- p(X).\n\n\n\n\n\n\n"},
        {RUNE_BUNDLE_DATA, "\n\n\n\n\n\n[data]\nq = [1, 2]\n[data.team]\nm = 1\n\n\n\n\n\n\n\n\n"},
        {RUNE_BUNDLE_MANIFEST, "\n\n[metadata]\nname = \"x\"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"},
        {RUNE_BUNDLE_TESTS_TOML,
         "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n[tests.one]\nprincipal = \"a\"\n\n"}};
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(files[i].kind, want[i].kind);
        assert_int_equal(files[i].source.length, strlen(want[i].text));
        assert_memory_equal(files[i].source.text, want[i].text, files[i].source.length);
    }
    rune_arena_fini(&arena);
}

static void test_rune_file__refuses_other_sections(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"[rules]\np(a).\n", "RUNE-B0203 1:1"},
        {"version = \"rune/2.0\"\n[rules]\n", "RUNE-B0202 1:1"},
        {"version = \"rune/1.0\"\n[rulez]\n[polices]\n", "RUNE-B0201 2:2, RUNE-B0201 3:2"},
        {"version = \"rune/1.0\"\np(a).\n[rules]\n", "RUNE-B0202 2:1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_source source = {"x.rune", cases[i].text, (uint32_t)strlen(cases[i].text)};
        struct rune_bundle_file files[RUNE_BUNDLE_KIND_COUNT];
        struct rune_diag *diag = rune_diag_create();
        struct rune_buf codes = RUNE_BUF_INIT;
        struct rune_arena arena;
        uint32_t count;
        rune_arena_init(&arena, 0);
        assert_int_equal(rune_file_split(&source, &arena, files, &count, diag), RUNE_E_BUNDLE);
        print_codes(diag, &codes);
        assert_string_equal(rune_buf_cstr(&codes), cases[i].want);
        rune_buf_fini(&codes);
        rune_diag_destroy(diag);
        rune_arena_fini(&arena);
    }
}

static void test_ids__show_both_places_of_a_duplicate(void **state)
{
    struct rune_ids ids = RUNE_IDS_INIT;
    struct rune_diag *diag = rune_diag_create();
    struct rune_source source = {"x", "a\nb\nc\n", 6};
    struct rune_buf codes = RUNE_BUF_INIT;
    (void)state;
    assert_int_equal(rune_ids_add(&ids, RUNE_STR("one"), (struct rune_span){&source, 0, 1}, diag),
                     RUNE_OK);
    assert_int_equal(rune_ids_add(&ids, RUNE_STR("two"), (struct rune_span){&source, 2, 1}, diag),
                     RUNE_OK);
    assert_int_equal(ids.duplicates, 0);
    assert_int_equal(rune_ids_add(&ids, RUNE_STR("one"), (struct rune_span){&source, 4, 1}, diag),
                     RUNE_OK);
    assert_int_equal(ids.duplicates, 1);
    print_codes(diag, &codes);
    assert_true(memcmp(rune_buf_cstr(&codes), "RUNE-B0301 3:1", 14) == 0);
    rune_buf_fini(&codes);
    rune_diag_destroy(diag);
    rune_ids_fini(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest__reads_every_key),
        cmocka_unit_test(test_manifest__has_defaults),
        cmocka_unit_test(test_manifest__refuses_what_it_does_not_know),
        cmocka_unit_test(test_rune_file__gives_a_source_a_kind_with_its_lines),
        cmocka_unit_test(test_rune_file__refuses_other_sections),
        cmocka_unit_test(test_ids__show_both_places_of_a_duplicate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
