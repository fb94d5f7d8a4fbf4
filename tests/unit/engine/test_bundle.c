/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/bundle.h"
#include "engine/facts.h"
#include "unit/cmocka.h"

static void write_file(const char *root, const char *path, const char *text)
{
    char full[512];
    int at = snprintf(full, sizeof(full), "%s/", root);
    for (const char *p = path; *p != '\0'; p++) {
        if (*p == '/') {
            full[at] = '\0';
            mkdir(full, 0700);
        }
        full[at++] = *p;
    }
    full[at] = '\0';
    FILE *file = fopen(full, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void remove_all(const char *root, const char *const *paths, size_t count)
{
    char full[512];
    for (size_t i = 0; i < count; i++) {
        snprintf(full, sizeof(full), "%s/%s", root, paths[i]);
        assert_int_equal(remove(full), 0);
    }
    assert_int_equal(rmdir(root), 0);
}

static void test_bundle__knows_its_files_by_name(void **state)
{
    static const struct {
        const char *path;
        int kind; /* -1: ignored */
    } files[] = {{"README.md", -1},
                 {"a.cedar", RUNE_BUNDLE_POLICIES},
                 {"b.cedarschema", RUNE_BUNDLE_SCHEMA},
                 {"b.cedarschema.json", RUNE_BUNDLE_SCHEMA_JSON},
                 {"c.entities.json", RUNE_BUNDLE_ENTITIES},
                 {"c.json", -1},
                 {"d.links.json", RUNE_BUNDLE_LINKS},
                 {"e.tests.json", RUNE_BUNDLE_TESTS_JSON},
                 {"e.tests.toml", RUNE_BUNDLE_TESTS_TOML},
                 {"entities/x.json", RUNE_BUNDLE_ENTITIES},
                 {"facts/m.csv", RUNE_BUNDLE_FACTS_CSV},
                 {"facts/m.jsonl", RUNE_BUNDLE_FACTS_JSONL},
                 {"facts/notes.txt", -1},
                 {"facts/team.member.tsv", RUNE_BUNDLE_FACTS_TSV},
                 {"rune.toml", RUNE_BUNDLE_MANIFEST},
                 {"sub/f.dl", RUNE_BUNDLE_RULES},
                 {"sub/rune.toml", -1}};
    static const char *const clean[] = {"facts", "entities", "sub"};
    char root[] = "/tmp/rune-bundle-XXXXXX";
    struct rune_arena arena;
    struct rune_bundle bundle;
    uint32_t at = 0;
    (void)state;
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        write_file(root, files[i].path, "% text\n");
    }
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_bundle_open(root, RUNE_BUNDLE_FACTS_STREAMED, &arena, &bundle, NULL),
                     RUNE_OK);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (files[i].kind >= 0) {
            assert_true(at < bundle.count);
            assert_string_equal(bundle.files[at].source.path, files[i].path);
            assert_int_equal(bundle.files[at].kind, files[i].kind);
            at++;
        }
    }
    assert_int_equal(bundle.count, at);
    uint32_t facts = rune_bundle_next(&bundle, RUNE_BUNDLE_FACTS_TSV, 0);
    assert_true(rune_str_equal(bundle.files[facts].relation, RUNE_STR("team.member")));
    assert_int_equal(rune_bundle_next(&bundle, RUNE_BUNDLE_FACTS_TSV, facts + 1), bundle.count);
    assert_true(bundle.is_streamed && bundle.files[facts].source.length == 0);
    assert_int_equal(rune_bundle_open(root, RUNE_BUNDLE_FACTS_READ, &arena, &bundle, NULL),
                     RUNE_OK);
    assert_true(!bundle.is_streamed && bundle.files[facts].file_path == NULL);
    assert_string_equal(bundle.files[facts].source.text, "% text\n");
    assert_int_equal(rune_bundle_check_unchanged(&bundle, &arena, NULL), RUNE_OK);
    write_file(root, "late.cedar", "");
    assert_int_equal(rune_bundle_check_unchanged(&bundle, &arena, NULL), RUNE_E_BUSY);
    rune_arena_fini(&arena);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char full[512];
        snprintf(full, sizeof(full), "%s/%s", root, files[i].path);
        assert_int_equal(remove(full), 0);
    }
    remove_all(root, (const char *const[]){"late.cedar", clean[0], clean[1], clean[2]}, 4);
}

static void test_bundle__says_why_it_is_none(void **state)
{
    char root[] = "/tmp/rune-bundle-XXXXXX";
    struct rune_arena arena;
    struct rune_bundle bundle;
    char path[64];
    (void)state;
    rune_arena_init(&arena, 0);
    assert_int_equal(
        rune_bundle_open("no-such-bundle", RUNE_BUNDLE_FACTS_STREAMED, &arena, &bundle, NULL),
        RUNE_E_NOT_FOUND);
    assert_non_null(mkdtemp(root));
    assert_int_equal(rune_bundle_open(root, RUNE_BUNDLE_FACTS_STREAMED, &arena, &bundle, NULL),
                     RUNE_E_BUNDLE);
    write_file(root, "x.txt", "");
    snprintf(path, sizeof(path), "%s/x.txt", root);
    assert_int_equal(rune_bundle_open(path, RUNE_BUNDLE_FACTS_STREAMED, &arena, &bundle, NULL),
                     RUNE_E_BUNDLE);
    remove_all(root, (const char *const[]){"x.txt"}, 1);
    rune_arena_fini(&arena);
}

/* What is not read though it looks meant is told, with the name it should have; the rest is not. */
static void test_bundle__tells_of_files_with_a_wrong_name(void **state)
{
    static const struct {
        const char *path;
        const char *help; /* NULL: nothing is told */
    } files[] = {{"Deny.CEDAR", "small letters"},
                 {"README.md", NULL},
                 {"a.cedar", NULL},
                 {"bundle.toml", "rune.toml"},
                 {"deny.cedar.json", "*.cedar"},
                 {"entities.json", "*.entities.json"},
                 {"facts/notes.txt", NULL},
                 {"links.json", "*.links.json"},
                 {"my.entities.json", NULL},
                 {"other.rune", "of its own"},
                 {"package.json", NULL},
                 {"policies.json", "*.cedar"},
                 {"requests.json", NULL},
                 {"rules.datalog", "*.dl"},
                 {"schema.json", "*.cedarschema"},
                 {"sub/rune.toml", "bundle's root"},
                 {"sub/tests.toml", "*.tests.toml"},
                 {"team.TSV", NULL}};
    enum { COUNT = sizeof(files) / sizeof(files[0]) };
    char root[] = "/tmp/rune-bundle-XXXXXX";
    struct rune_arena arena;
    struct rune_bundle bundle;
    struct rune_diag *diag = rune_diag_create();
    uint32_t told = 0;
    (void)state;
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < COUNT; i++) {
        write_file(root, files[i].path, "");
    }
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_bundle_open(root, RUNE_BUNDLE_FACTS_STREAMED, &arena, &bundle, diag),
                     RUNE_OK);
    for (size_t i = 0; i < COUNT; i++) {
        if (files[i].help != NULL) {
            struct rune_diag_message message;
            assert_true(told < rune_diag_kept(diag));
            rune_diag_get(diag, told++, &message);
            assert_int_equal(message.severity, RUNE_WARNING);
            assert_string_equal(message.path, files[i].path);
            assert_non_null(strstr(message.help, files[i].help));
        }
    }
    assert_int_equal(rune_diag_count(diag, RUNE_WARNING), told);
    rune_arena_fini(&arena);
    rune_diag_destroy(diag);
    for (size_t i = 0; i < COUNT; i++) {
        char full[512];
        snprintf(full, sizeof(full), "%s/%s", root, files[i].path);
        assert_int_equal(remove(full), 0);
    }
    remove_all(root, (const char *const[]){"facts", "sub"}, 2);
}

/* One file: its [data] and its declarations become the same tuples that facts files give. */
static void test_bundle__may_be_one_file(void **state)
{
    char root[] = "/tmp/rune-bundle-XXXXXX";
    char path[64];
    struct rune_arena arena;
    struct rune_bundle bundle;
    struct rune_manifest manifest;
    struct rune_fact_set set;
    struct rune_dl_declaration *declarations;
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    uint32_t count;
    (void)state;
    assert_non_null(mkdtemp(root));
    write_file(
        root, "x.rune",
        "version = \"rune/1.0\"\n[relations.member]\ncolumns = [\"User\", \"Team\"]\n[data]\n"
        "member = [[\"alice\", \"web\"], [\"User::\\\"bob\\\"\", \"ops\"]]\nlimit.max = 10\n"
        "admins = [\"User::\\\"alice\\\"\", \"User::\\\"bob\\\"\"]\n[rules]\np(X) :- admins(X).\n");
    snprintf(path, sizeof(path), "%s/x.rune", root);
    rune_arena_init(&arena, 0);
    struct rune_diag *diag = rune_diag_create();
    assert_int_equal(rune_bundle_open(path, RUNE_BUNDLE_FACTS_STREAMED, &arena, &bundle, diag),
                     RUNE_OK);
    assert_int_equal(rune_manifest_read(&bundle, &arena, &manifest, diag), RUNE_OK);
    assert_int_equal(rune_facts_read(&bundle, &manifest, &arena, dict, NULL, NULL, &set, diag),
                     RUNE_OK);
    assert_int_equal(set.tuple_count, 5);
    assert_int_equal(rune_facts_declare(&set, &arena, &declarations, &count), RUNE_OK);
    assert_int_equal(count, 3);
    assert_true(rune_str_equal(declarations[1].name, RUNE_STR("limit.max")));
    assert_int_equal(declarations[0].arity, 2);
    assert_int_equal(set.items[2].tuples.columns[0][0], set.items[0].tuples.columns[0][0]);
    rune_facts_fini(&set);
    rune_diag_destroy(diag);
    rune_arena_fini(&arena);
    rune_dict_destroy(dict);
    remove_all(root, (const char *const[]){"x.rune"}, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundle__knows_its_files_by_name),
        cmocka_unit_test(test_bundle__says_why_it_is_none),
        cmocka_unit_test(test_bundle__tells_of_files_with_a_wrong_name),
        cmocka_unit_test(test_bundle__may_be_one_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
