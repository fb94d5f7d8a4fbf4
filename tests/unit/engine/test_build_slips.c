/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "unit/engine/fixture.h"

#define ASKED "principal(P), action(A), resource(R), "

/* `part` of the only warning; NULL: there is none. */
static void test_columns__that_should_name_entities_do(void **state)
{
    static const struct {
        const char *rules, *facts, *manifest, *part;
    } cases[] = {
        {"permit(P, A, R) :- " ASKED "g(P).", "alice\n", "", "a.dl:1:60: warning[RUNE-B0410]"},
        {"permit(P, A, R) :- " ASKED "g(P).", "alice\n", "", "column 1 of `g` has no entity"},
        {"permit(P, A::\"a\", D::\"d\") :- g(P).", "7\n", "", "column 1 of `g` has no entity"},
        {"p(E) :- entity.attr(E, \"n\", N), g(N, E).", "1\tbob\n", "", "column 2 of `g`"},
        {"p(E) :- entity(E), g(E). q(E) :- entity(E), g(E).", "bob\n", "", "a.dl:1:22: warning"},
        {"permit(P, A, R) :- " ASKED "g(P).", "alice\n", "columns = [\"User\"]", NULL},
        {"permit(P, A, R) :- " ASKED "g(P).", "alice\nUser::\"bob\"\n", "columns = [\"any\"]",
         NULL},
        {"permit(P, A, R) :- " ASKED "g(P). g(User::\"bob\").", "alice\n", "", NULL},
        {"permit(P, A, R) :- " ASKED "entity.id(P, _, U), g(U).", "alice\n", "", NULL},
        {"permit(P, A, R) :- " ASKED "not g(P).", "alice\n", "", NULL},
        {"permit(P, A, R) :- " ASKED "g(P). g(P) :- entity.id(P, \"User\", \"x\").", "alice\n", "",
         NULL},
        {"permit(P, A, R) :- " ASKED "g(P).", "", "columns = [\"User\"]", NULL},
        {"p(X) :- g(X).", "alice\n", "", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char manifest[100];
        snprintf(manifest, sizeof(manifest), "[relations.g]\n%s\n", cases[i].manifest);
        const struct fixture_file files[] = {
            {"a.dl", cases[i].rules},
            {"facts/g.tsv", cases[i].facts},
            {"rune.toml", cases[i].manifest[0] != '\0' ? manifest : ""}};
        char *text;
        assert_int_equal(fixture_build(FIXTURE_FILES(files), &text), RUNE_OK);
        const char *first = strstr(text, "RUNE-B0410");
        bool is_once = first == NULL || strstr(first + 1, "RUNE-B0410") == NULL;
        if ((first != NULL) != (cases[i].part != NULL) || !is_once ||
            (first != NULL && strstr(text, cases[i].part) == NULL)) {
            fail_msg("%s\n%s", cases[i].rules, text);
        }
        rune_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns__that_should_name_entities_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
