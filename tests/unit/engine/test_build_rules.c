/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

static void expect_refused(const char *rules, const char *code)
{
    const struct fixture_file files[] = {
        {"a.cedar", "@id(\"one\") permit(principal, action, resource);\n"}, {"b.dl", rules}};
    char *text;
    assert_int_equal(fixture_build(FIXTURE_FILES(files), &text), RUNE_E_BUNDLE);
    if (strstr(text, code) == NULL) {
        print_error("%s\n%s\n", rules, text);
    }
    assert_non_null(strstr(text, code));
    rune_free(text);
}

static void test_ids__are_shared_by_policies_and_rules(void **state)
{
    (void)state;
    expect_refused("@id(\"one\") p(X) :- principal(X).", "RUNE-B0301");
    expect_refused("@id(\"one\") permit(U::\"a\", A::\"b\", R::\"c\").", "RUNE-B0301");
}

static void test_derived_names__are_not_empty(void **state)
{
    (void)state;
    expect_refused("context(\"\", P) :- principal(P).", "RUNE-B0401");
    expect_refused("entity.attr(U::\"a\", \"\", 1).", "RUNE-B0401");
    expect_refused("entity.element(U::\"a\", \"\", 1).", "RUNE-B0401");
}

static void test_rules__report_together_with_policies(void **state)
{
    (void)state;
    expect_refused("p(X) :- q(X).\n", "nothing defines the relation `q`");
    expect_refused("p(X) :- r(X, Y).\nr(a, b, c).\n", "RUNE-D0201");
}

/* Builds these rules within limits; the message's text is part of what is reported, or NULL. */
static void check_limits(const char *rules, uint64_t max_memory, uint64_t max_steps,
                         const char *part)
{
    const struct fixture_file files[] = {{"a.dl", rules}};
    const struct rune_build_options options = {.version = RUNE_BUILD_OPTIONS_VERSION,
                                               .max_memory_bytes = max_memory,
                                               .max_steps = max_steps};
    struct rune_diag *diag = rune_diag_create();
    struct rune_build_result result;
    char *path = fixture_make(files, 1);
    enum rune_err err = rune_build_check(path, &options, &result, diag);
    if (err != (part == NULL ? RUNE_OK : RUNE_E_LIMIT) ||
        (part != NULL && strstr(rune_diag_text(diag), part) == NULL)) {
        fail_msg("%s: %s", rune_err_text(err), rune_diag_text(diag));
    }
    rune_diag_destroy(diag);
    fixture_remove(path);
}

/* 12 MiB are enough for the tuples, and for the values, but not for both. */
static void test_memory__is_that_of_tuples_and_values(void **state)
{
    const char *rules = "n(0, 0). n(Y, Z) :- n(X, _), Y = X + 1, Y < 300000, Z = Y * 4000000007.\n";
    (void)state;
    check_limits(rules, (uint64_t)12 << 20, 0, "the limit of 12.0 MiB of memory");
    check_limits(rules, (uint64_t)64 << 20, 0, NULL);
}

/* The work of a closure is that of its edges, which may be many more than its pairs. */
static void test_steps__are_taken_by_closures(void **state)
{
    enum { NODES = 200 };
    struct rune_buf rules = RUNE_BUF_INIT;
    (void)state;
    rune_buf_append_cstr(&rules, "t(X, Y) :- e(X, Y). t(X, Z) :- t(X, Y), e(Y, Z).\n");
    for (int i = 0; i < NODES; i++) {
        for (int k = i + 1; k < NODES; k++) {
            rune_buf_printf(&rules, "e(%d, %d).\n", i, k);
        }
    }
    check_limits(rune_buf_cstr(&rules), 0, 100000, "the limit of 100000 steps");
    check_limits(rune_buf_cstr(&rules), 0, 1000000, NULL);
    rune_buf_fini(&rules);
}

/* Trees are given back while rules are made of them, but not what the next rule's head is made of:
 * long sums, which lie before it. */
static void test_trees__stay_until_their_rule_is_made(void **state)
{
    enum { RULES = 1300, EVERY = 64, TERMS = 300 };
    struct rune_buf rules = RUNE_BUF_INIT;
    (void)state;
    rune_buf_append_cstr(&rules, "e(1).\n");
    for (int i = 0; i < RULES; i++) {
        rune_buf_printf(&rules, "r%d(X", i);
        for (int k = 0; k < TERMS && i % EVERY == 0; k++) {
            rune_buf_append_cstr(&rules, " + X");
        }
        rune_buf_append_cstr(&rules, ") :- e(X).\n");
    }
    check_limits(rune_buf_cstr(&rules), 0, 0, NULL);
    rune_buf_fini(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory__is_that_of_tuples_and_values),
        cmocka_unit_test(test_steps__are_taken_by_closures),
        cmocka_unit_test(test_trees__stay_until_their_rule_is_made),
        cmocka_unit_test(test_ids__are_shared_by_policies_and_rules),
        cmocka_unit_test(test_derived_names__are_not_empty),
        cmocka_unit_test(test_rules__report_together_with_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
