/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/alloc.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids__are_shared_by_policies_and_rules),
        cmocka_unit_test(test_derived_names__are_not_empty),
        cmocka_unit_test(test_rules__report_together_with_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
