/* SPDX-License-Identifier: Apache-2.0 */
/* rule_eval, rule_vm: decisions by rules, what errors and limits do to them, and what is fetched
 * before one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka.h"
#include "unit/eval/rule_world.h"

/* ---- decisions ---- */

static void test_decide__permits_forbids_and_their_errors(void **state)
{
    (void)state;
    static const struct {
        const char *name, *rules, *principal;
        uint32_t permits, forbids, errors;
    } cases[] = {
        {"by stored recursion",
         "in_group(U, G) :- member(U, G). in_group(U, H) :- in_group(U, G), up(G, H).\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), in_group(U, G), grant(G, R).",
         "a", 1, 0, 0},
        {"unknown principal",
         "permit(U, A, R) :- principal(U), action(A), resource(R), member(U, G), grant(G, R).",
         "nobody", 0, 0, 0},
        {"negation", "permit(U, A, R) :- principal(U), action(A), resource(R), not suspended(U).",
         "b", 0, 0, 0},
        {"negation of the unknown",
         "permit(U, A, R) :- principal(U), action(A), resource(R), not suspended(U).", "nobody", 1,
         0, 0},
        {"forbid beside permit",
         "permit(U, A, R) :- principal(U), action(A), resource(R). forbid(U, A, R) :- "
         "principal(U), action(A), "
         "resource(R), suspended(U).",
         "b", 1, 1, 0},
        {"recursion on the request",
         "mine(G) :- principal(U), member(U, G). mine(H) :- mine(G), up(G, H).\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), mine(G), grant(G, R).",
         "a", 1, 0, 0},
        {"an error is no match",
         "permit(U, A, R) :- principal(U), action(A), resource(R), n(X), 6 / X > 7.", "a", 0, 0, 1},
        {"another instance matches",
         "permit(U, A, R) :- principal(U), action(A), resource(R), n(X), 6 / X > 1.", "a", 1, 0, 0},
        {"not over a failed derivation",
         "bad(X) :- n(X), 6 / X > 1, principal(_).\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), not bad(0).",
         "a", 0, 0, 1},
        {"not over a partial stored relation",
         "inverse(X, Y) :- n(X), Y = 6 / X.\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), not inverse(0, 1).",
         "a", 0, 0, 1},
        {"aggregate over a partial one",
         "inverse(X, Y) :- n(X), Y = 6 / X.\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), N = count { inverse(_, _) }, N "
         "< 2.",
         "a", 0, 0, 1},
        {"a relation that rests on one",
         "inverse(X, Y) :- n(X), Y = 6 / X. fine(X) :- n(X), not inverse(X, 1).\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), fine(0).",
         "a", 0, 0, 1},
        {"branches are one rule",
         "permit(U, A, R) :- principal(U), action(A), resource(R), (suspended(U) ; member(U, _)).",
         "b", 1, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char program[2048];
        snprintf(program, sizeof(program), "%s%s\n", RULE_WORLD, cases[i].rules);
        struct rule_world world;
        struct rune_rule_outcome outcome;
        rule_world_open(&world, program);
        assert_int_equal(rule_world_decide(&world, cases[i].principal, "d", 100000, &outcome),
                         RUNE_OK);
        if (outcome.permit_count != cases[i].permits || outcome.forbid_count != cases[i].forbids ||
            outcome.error_count != cases[i].errors) {
            fail_msg("%s: %u permits, %u forbids, %u errors", cases[i].name, outcome.permit_count,
                     outcome.forbid_count, outcome.error_count);
        }
        datalog_run_close(&world.run);
    }
}

static void test_decide__steps_are_limited(void **state)
{
    (void)state;
    struct rule_world world;
    struct rune_rule_outcome outcome;
    rule_world_open(&world, RULE_WORLD
                    "permit(U, A, R) :- principal(U), action(A), resource(R), n(X), n(Y), "
                    "n(Z), X + Y + Z > 99.\n");
    assert_int_equal(rule_world_decide(&world, "a", "d", 100000, &outcome), RUNE_OK);
    for (uint64_t steps = 0; steps < 12; steps++) {
        assert_int_equal(rule_world_decide(&world, "a", "d", steps, &outcome), RUNE_E_LIMIT);
        assert_int_equal(outcome.permit_count, 0);
    }
    datalog_run_close(&world.run);
}

/* A glob may go back and forth over a text: that is paid for. */
static void test_decide__matching_is_limited(void **state)
{
    (void)state;
    char program[8192], text[2001], glob[1001];
    struct rule_world world;
    struct rune_rule_outcome outcome;
    memset(text, 'a', sizeof(text) - 1);
    memset(glob, 'a', sizeof(glob) - 1);
    text[sizeof(text) - 1] = glob[sizeof(glob) - 1] = '\0';
    snprintf(program, sizeof(program),
             RULE_WORLD
             "text(\"%s\"). glob(\"*%sb*\").\n"
             "permit(U, A, R) :- principal(U), action(A), resource(R), text(T), glob(G), "
             "T.matches(G).\n",
             text, glob);
    rule_world_open(&world, program);
    assert_int_equal(rule_world_decide(&world, "a", "d", 10000, &outcome), RUNE_E_LIMIT);
    assert_int_equal(outcome.permit_count, 0);
    assert_int_equal(rule_world_decide(&world, "a", "d", 1000000, &outcome), RUNE_OK);
    assert_int_equal(outcome.permit_count, 0);
    datalog_run_close(&world.run);
}

/* ---- what is fetched before a decision ---- */

static void test_ahead__names_the_rows_that_the_request_finds(void **state)
{
    (void)state;
    enum { FACTS = 3000 };
    char *text = malloc(64 * (FACTS + 10));
    assert_non_null(text);
    size_t length = 0;
    for (int i = 0; i < FACTS; i++) {
        length += (size_t)sprintf(text + length, "big(%d, %d).\n", i, 7 * i % FACTS);
    }
    (void)sprintf(text + length,
                  "link(U, R) :- action(_), big(U, X), big(R, X), small(U, _). small(1, 2).\n"
                  "permit(U, A, R) :- principal(U), action(A), resource(R), link(U, R).\n"
                  "forbid(U, A, R) :- principal(U), action(A), resource(R), not big(R, R).\n");
    struct rule_world world;
    rule_world_open(&world, text);
    free(text);
    const struct rune_store *store = &world.run.store;
    uint32_t big = rune_rules_find_relation(store, (struct rune_str){"big", 3});
    assert_int_equal(store->ahead_count, 2); /* each once; `small` is small */
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(store->orders[store->ahead[i].order].relation, big);
        assert_int_equal(store->orders[store->ahead[i].order].columns[0], 0);
        assert_int_equal(store->ahead[i].part, 2 * i);
    }
    struct rune_image_ahead *ahead = world.run.result.ahead.items;
    ahead[1].part = 3;
    assert_int_not_equal(rune_rules_verify(store, NULL), RUNE_OK);
    ahead[1].part = 2;
    ahead[0].order = store->order_count;
    assert_int_not_equal(rune_rules_verify(store, NULL), RUNE_OK);
    datalog_run_close(&world.run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decide__permits_forbids_and_their_errors),
        cmocka_unit_test(test_decide__steps_are_limited),
        cmocka_unit_test(test_decide__matching_is_limited),
        cmocka_unit_test(test_ahead__names_the_rows_that_the_request_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
