/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "reference/oom.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

static const struct fixture_file bundle[] = {
    {"a.cedar", "permit(principal, action == Action::\"read\", resource) when { resource.owner == "
                "principal };\n"
                "@id(\"night\") forbid(principal in Group::\"night\", action, resource);\n"},
    {"z/b.cedar", "permit(principal == ?principal, action, resource);\npermit(principal, action, "
                  "resource in F::\"1\");\n"},
    {"entities/one.json",
     "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"x\":[1,2,{\"y\":\"z\"}]},"
     "\"parents\":[{\"type\":\"Group\",\"id\":\"night\"}]}]"},
    {"two.entities.json", "[{\"uid\":{\"type\":\"Group\",\"id\":\"night\"},\"attrs\":{},"
                          "\"parents\":[{\"type\":\"Group\",\"id\":\"all\"}]}]"},
    {"rules.dl", "reach(X, Y) :- edge(X, Y).\nreach(X, Z) :- reach(X, Y), edge(Y, Z).\n"
                 "@id(\"far\") permit(P, A, R) :- principal(P), action(A), resource(R), reach(P, "
                 "R), not shut(R).\n"
                 "shut(F::\"9\").\n"},
    {"facts/edge.tsv", "User::\"a\"\tUser::\"b\"\nUser::\"b\"\tF::\"9\"\nUser::\"b\"\tF::\"8\"\n"},
    {"rune.toml", "[bundle]\nname = \"test\"\nversion = \"1\"\n"},
    {"README.md", "not part of it"},
};
#define BUNDLE_FILES (sizeof(bundle) / sizeof(bundle[0]))

static struct rune_build_result build_all(const struct fixture_file *files, size_t count)
{
    char *path = fixture_make(files, count);
    struct rune_build_result result;
    close(fixture_image(path, &result));
    fixture_remove(path);
    return result;
}

static void test_build__is_deterministic(void **state)
{
    (void)state;
    struct rune_build_result first = build_all(bundle, BUNDLE_FILES);
    assert_int_equal(first.policies, 3);
    assert_int_equal(first.templates, 1);
    assert_int_equal(first.entities, 2);
    struct fixture_file shuffled[BUNDLE_FILES];
    memcpy(shuffled, bundle, sizeof(bundle));
    srand(1);
    for (int round = 0; round < 6; round++) {
        for (size_t i = BUNDLE_FILES - 1; i > 0; i--) {
            size_t j = (size_t)rand() % (i + 1);
            struct fixture_file file = shuffled[i];
            shuffled[i] = shuffled[j];
            shuffled[j] = file;
        }
        struct rune_build_result again = build_all(shuffled, BUNDLE_FILES);
        assert_int_equal(again.image_bytes, first.image_bytes);
        assert_memory_equal(again.sha256, first.sha256, sizeof(first.sha256));
    }
}

static void test_build__names_follow_files_and_text(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture, bundle, BUNDLE_FILES);
    /* a.cedar has policy0 and night, z/b.cedar the template policy2 and policy3. */
    static const char body[] = "{\"principal\":\"User::\\\"q\\\"\",\"action\":\"A::\\\"x\\\"\","
                               "\"resource\":\"F::\\\"1\\\"\"}";
    struct rune_answer answer;
    rune_decider_authorize(fixture.decider, fixture.image, 3, rune_str_from(body),
                           RUNE_ANSWER_PLAIN, &answer);
    static const char want[] =
        "{\"decision\":\"PERMIT\",\"reasons\":[\"policy3\"],\"generation\":3}";
    assert_int_equal(answer.body.length, strlen(want));
    assert_memory_equal(answer.body.data, want, strlen(want));
    struct rune_image_info info;
    rune_image_get_info(fixture.image, &info);
    assert_true(rune_str_equal(info.bundle_name, RUNE_STR("test")));
    assert_int_equal(strlen(info.name), 64);
    assert_memory_equal(info.name, info.short_name, 16);
    fixture_close(&fixture);
}

static void test_build__reports_all_mistakes_in_one_go(void **state)
{
    (void)state;
    static char policies[65536];
    static char rules[65536];
    size_t at = 0;
    for (int i = 0; i < 20; i++) {
        at += (size_t)sprintf(policies + at,
                              "permit(principal, action, resource) when { principal. };\n");
    }
    /* Ids are checked beside policies that could not be read. */
    sprintf(policies + at, "@id(\"two\") permit(principal, action, resource);\n"
                           "@id(\"two\") permit(principal, action, resource);\n");
    at = 0;
    for (int i = 0; i < 20; i++) {
        at += (size_t)sprintf(rules + at, "p%d(X) :- q(X.\n", i);
    }
    const struct fixture_file files[] = {
        {"a.cedar", policies},
        {"b.dl", rules},
        {"c.cedar", "@id(\"same\") permit(principal, action, resource);\n@id(\"same\") "
                    "permit(principal, action, resource);"},
        {"d.entities.json",
         "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"x\":null},\"parents\":[]}]"},
        {"facts/n.tsv", "one\n2\nthree\n"}, /* declared in a manifest with a mistake */
        {"rune.toml", "[bundle]\nnam = \"x\"\n[relations.n]\ncolumns = [\"int\"]\n"},
    };
    char *path = fixture_make(FIXTURE_FILES(files));
    struct rune_diag *diag = rune_diag_create();
    struct rune_build_result result;
    assert_int_equal(rune_build_check(path, NULL, &result, diag), RUNE_E_BUNDLE);
    const char *text = rune_diag_text(diag);
    if (rune_diag_count(diag, RUNE_ERROR) != 46) {
        print_error("%s", text);
    }
    assert_int_equal(rune_diag_count(diag, RUNE_ERROR), 46);
    assert_non_null(strstr(text, "a.cedar:1:"));
    assert_non_null(strstr(text, "a.cedar:20:"));
    assert_non_null(strstr(text, "a.cedar:22:"));
    assert_non_null(strstr(text, "b.dl:20:"));
    assert_non_null(strstr(text, "c.cedar:2:"));
    assert_non_null(strstr(text, "d.entities.json:1:"));
    assert_non_null(strstr(text, "facts/n.tsv:3:1:"));
    assert_non_null(strstr(text, "rune.toml:2:"));
    rune_diag_destroy(diag);
    fixture_remove(path);
}

static void test_build__says_what_is_not_there(void **state)
{
    (void)state;
    struct rune_diag *diag = rune_diag_create();
    struct rune_build_result result;
    assert_int_equal(rune_build_check("no/such/bundle", NULL, &result, diag), RUNE_E_NOT_FOUND);
    assert_true(rune_diag_count(diag, RUNE_ERROR) > 0);
    const struct rune_build_options future = {.version = RUNE_BUILD_OPTIONS_VERSION + 1};
    assert_int_equal(rune_build_check(".", &future, &result, diag), RUNE_E_INVALID);
    rune_diag_destroy(diag);
}

/* It did so from the beginning: nothing has changed. */
static void test_build__names_a_link_to_nothing(void **state)
{
    (void)state;
    char *path = fixture_make(bundle, BUNDLE_FILES);
    char link[512];
    struct rune_diag *diag = rune_diag_create();
    struct rune_build_result result;
    struct rune_diag_message message;
    snprintf(link, sizeof(link), "%s/z/c.cedar", path);
    assert_int_equal(symlink("nowhere", link), 0);
    assert_int_equal(rune_build_check(path, NULL, &result, diag), RUNE_E_NOT_FOUND);
    assert_int_equal(rune_diag_kept(diag), 1);
    rune_diag_get(diag, 0, &message);
    assert_string_equal(message.code, "RUNE-F0007");
    assert_string_equal(message.path, "z/c.cedar");
    rune_diag_destroy(diag);
    fixture_remove(path);
}

static void test_build__keeps_to_its_size(void **state)
{
    (void)state;
    char *path = fixture_make(bundle, BUNDLE_FILES);
    struct rune_diag *diag = rune_diag_create();
    const struct rune_build_options options = {.version = RUNE_BUILD_OPTIONS_VERSION,
                                               .max_image_bytes = 1000};
    struct rune_build_result result;
    int fd;
    assert_int_equal(rune_build_memory(path, &options, &fd, &result, diag), RUNE_E_LIMIT);
    rune_diag_destroy(diag);
    fixture_remove(path);
}

/* ---- out of memory, at every allocation ---- */

/* Recursions that are computed in different ways. */
static const struct fixture_file recursive[] = {
    {"rules.dl", "path(X, Y) :- edge(X, Y).\npath(X, Z) :- path(X, Y), edge(Y, Z).\n"
                 "both(X, Y) :- edge(X, Y).\nboth(X, Z) :- both(X, Y), edge(Y, Z).\n"
                 "both(X, Z) :- hop(X, Y), both(Y, Z).\n"
                 "wide(X, Y) :- edge(X, Y).\n"
                 "wide(X, Z) :- wide(X, Y), wide(W, Z), hop(Y, W), not hop(X, Z).\n"
                 "even(X, Y) :- edge(X, Y).\neven(X, Z) :- odd(X, Y), hop(Y, Z).\n"
                 "odd(X, Z) :- even(X, Y), edge(Y, Z).\n"
                 "busy(X, N) :- edge(X, _), N = count { (edge(X, Y) ; hop(Y, X), Y > 1) }.\n"
                 "edge(1, 2). edge(2, 3). edge(3, 5). hop(2, 1). hop(3, 2). hop(5, 3).\n"},
};

/* True: built; false: failed as it may. */
static bool build_with_oom(void *path)
{
    struct rune_diag *diag = rune_diag_create();
    struct rune_build_result result;
    int fd;
    enum rune_err err = rune_build_memory(path, NULL, &fd, &result, diag);
    if (err == RUNE_OK) {
        close(fd);
    } else if (err != RUNE_E_NOMEM && err != RUNE_E_LIMIT) {
        /* an arena that failed cannot tell which of the two */
        fail_msg("%s\n%s", rune_err_text(err), diag != NULL ? rune_diag_text(diag) : "");
    }
    rune_diag_destroy(diag);
    return err == RUNE_OK;
}

static void check_every_failure(const struct fixture_file *files, size_t count)
{
    char *path = fixture_make(files, count);
    assert_in_range(rune_oom_sweep(build_with_oom, path), 100, 10000);
    fixture_remove(path);
}

static void test_build__survives_every_failure(void **state)
{
    (void)state;
    check_every_failure(bundle, BUNDLE_FILES);
    check_every_failure(FIXTURE_FILES(recursive));
}

/* What somebody else does to a bundle while its facts are read. */
struct meddling {
    const char *path;
    void (*meddle)(const char *path); /* with facts/b.tsv */
    unsigned times;                   /* in so many readings */
};

static void meddle(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct meddling *meddling = context;
    (void)done;
    (void)total;
    if (strncmp(what, "reading facts", 13) == 0 && meddling->times > 0) {
        char path[512];
        snprintf(path, sizeof(path), "%s/facts/b.tsv", meddling->path);
        meddling->times--;
        meddling->meddle(path);
    }
}

static void remove_file(const char *path)
{
    (void)unlink(path);
}

static void truncate_file(const char *path)
{
    assert_int_equal(truncate(path, 5), 0);
}

/* Each time to another length. */
static void append(const char *path, const char *text)
{
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

static void append_ragged(const char *path)
{
    append(path, "x\ty\tz\n");
}

static void append_row(const char *path)
{
    append(path, "5\t6\n");
}

static void add_file(const char *path)
{
    char other[512];
    snprintf(other, sizeof(other), "%.*sc.tsv", (int)(strlen(path) - 5), path);
    append_ragged(other);
}

static void test_build__begins_again_when_its_facts_change(void **state)
{
    static const struct {
        void (*meddle)(const char *path);
        unsigned times;
        enum rune_err err;
        const char *part; /* of the only message */
    } cases[] = {
        {remove_file, 1, RUNE_OK, NULL},
        {add_file, 1, RUNE_OK, NULL},
        {truncate_file, 1, RUNE_E_BUNDLE, "facts/b.tsv:2:2: error[RUNE-T0102]"},
        {append_ragged, 1, RUNE_E_BUNDLE, "facts/b.tsv:3:4: error[RUNE-T0102]"},
        /* always: then they are read at once, and are what they were then */
        {append_row, 1000, RUNE_OK, NULL},
        {add_file, 1000, RUNE_OK, NULL},
    };
    static const struct fixture_file files[] = {{"facts/a.tsv", "1\t2\n"},
                                                {"facts/b.tsv", "1\t2\n3\t4\n"}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_diag *diag = rune_diag_create();
        struct rune_build_result result;
        struct meddling meddling = {fixture_make(files, 2), cases[i].meddle, cases[i].times};
        struct rune_build_options options = RUNE_BUILD_OPTIONS_INIT;
        options.progress = meddle;
        options.progress_context = &meddling;
        enum rune_err err = rune_build_check(meddling.path, &options, &result, diag);
        const char *text = rune_diag_text(diag);
        if (err != cases[i].err || (cases[i].part != NULL && (strstr(text, cases[i].part) == NULL ||
                                                              rune_diag_kept(diag) != 1))) {
            fail_msg("case %zu: %s\n%s", i, rune_err_text(err), text);
        }
        rune_diag_destroy(diag);
        fixture_remove((char *)(uintptr_t)meddling.path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build__is_deterministic),
        cmocka_unit_test(test_build__names_follow_files_and_text),
        cmocka_unit_test(test_build__reports_all_mistakes_in_one_go),
        cmocka_unit_test(test_build__says_what_is_not_there),
        cmocka_unit_test(test_build__names_a_link_to_nothing),
        cmocka_unit_test(test_build__keeps_to_its_size),
        cmocka_unit_test(test_build__survives_every_failure),
        cmocka_unit_test(test_build__begins_again_when_its_facts_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
