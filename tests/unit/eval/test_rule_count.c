/* SPDX-License-Identifier: Apache-2.0 */
/* rule_count: what is counted without visiting it, by pipes, by keys or by the machine, is as many
 * as a query visits; with little memory and few steps, too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit/cmocka.h"
#include "unit/eval/rule_world.h"

static bool add_one(void *context, const rune_term *tuple, uint32_t arity)
{
    (void)tuple;
    (void)arity;
    (*(uint64_t *)context)++;
    return true;
}

/* What is counted, which is as many as are visited. */
static uint64_t count_both_ways(struct rule_world *world, const char *name)
{
    struct rune_eval eval = {
        .store = &world->run.store,
        .values = world->run.values,
        .arena = &world->run.request,
        .steps_left = UINT64_MAX,
    };
    rune_term bound[4] = {RUNE_TERM_NONE, RUNE_TERM_NONE, RUNE_TERM_NONE, RUNE_TERM_NONE};
    uint32_t same[4] = {0, 1, 2, 3};
    uint32_t relation = rune_rules_find_relation(eval.store, (struct rune_str){name, strlen(name)});
    uint64_t count = 0, visited = 0;
    assert_int_not_equal(relation, UINT32_MAX);
    rune_arena_reset(eval.arena);
    assert_int_equal(rune_rules_count(&eval, relation, bound, same, &count), RUNE_OK);
    rune_arena_reset(eval.arena);
    assert_int_equal(rune_rules_query(&eval, relation, bound, same, add_one, &visited), RUNE_OK);
    if (count != visited) {
        fail_msg("%s: %u counted, %u visited", name, (unsigned)count, (unsigned)visited);
    }
    return count;
}

/* Demanded relations, counted without tables where that is possible and with them where not, give
 * what a visit of each tuple gives. */
static void test_count__is_what_a_query_visits(void **state)
{
    (void)state;
    static char program[65536];
    int at = snprintf(program, sizeof(program),
                      "holds(U, X, R) :- of(U, G), has(G, X, R).\n"
                      "can(U, X, A) :- holds(U, X, R), does(R, A).\n"
                      "can(U, X, A) :- own(U, X), does(_, A).\n"
                      "may(U, X, A) :- holds(U, X, R), all(R, A).\n"
                      "sees(U, X) :- holds(U, X, _).\n"
                      "sees(U, X) :- of(U, _), own(_, X).\n"
                      "four(U, X, R, A) :- holds(U, X, R), does(R, A).\n"
                      "own(3, 100). own(4, 109).\n");
    for (int i = 0; i < 40; i++) {
        at += snprintf(program + at, sizeof(program) - (size_t)at, "of(%d, %d). of(%d, %d).\n", i,
                       200 + i % 4, i, 201 + i % 4);
    }
    for (int i = 0; i < 30; i++) {
        at += snprintf(program + at, sizeof(program) - (size_t)at, "has(%d, %d, %d).\n",
                       200 + i % 5, 100 + i % 10, 300 + i % 3);
    }
    for (int i = 0; i < 12; i++) {
        at += snprintf(program + at, sizeof(program) - (size_t)at, "does(%d, %d).\n", 300 + i % 4,
                       400 + i % 6);
    }
    for (int i = 0; i < 200; i++) { /* more than a mask has bits */
        at += snprintf(program + at, sizeof(program) - (size_t)at, "all(%d, %d).\n", 300 + i % 3,
                       500 + i);
    }
    struct rule_world world;
    enum rune_err err = datalog_run_open(&world.run, (struct rune_str){program, (size_t)at},
                                         RUNE_DL_BUNDLE, NULL, 0);
    assert_int_equal(err, RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&world.run, RUNE_DL_STORE_BASE), RUNE_OK);
    static const struct {
        const char *name;
        uint64_t count;
    } cases[] = {
        {"holds", 480}, {"can", 972}, {"may", 32000}, {"sees", 220}, {"four", 1440},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(count_both_ways(&world, cases[i].name), cases[i].count);
    }
    datalog_run_close(&world.run);
}

/* Every shape of plan that pipes know, and some that they must leave to the machine. */
static void test_count__of_pipes_is_what_a_query_visits(void **state)
{
    (void)state;
    static const char rules[] =
        "two(X, Z) :- e(X, Y), f(Y, Z).\n"
        "either(X, Z) :- two(X, Z).\neither(X, Z) :- e(X, Z), not f(X, Z).\n"
        "on(X, Z) :- either(X, Y), e(Y, Z).\n"
        "loop(X, Z) :- e(X, Y), f(Y, Z), X = Z.\n"
        "other(X, Z) :- e(X, Y), f(Y, Z), X != Z, not two(Z, X).\n"
        "leads(X, Y) :- e(X, Y), f(Y, _).\n"
        "some(X, Y) :- e(X, Y), f(Y, Z), g(Z, _, _).\n"
        "reach(X, Y) :- e(X, Y).\nreach(X, Z) :- reach(X, Y), e(Y, Z).\n"
        "ends(X, K, Z) :- e(X, Y), g(Y, K, _), reach(Y, Z).\n"
        "kinds(X, Y, K) :- two(X, Y), g(Y, K, _).\n"
        "three(X, K, Z) :- e(X, Y), g(Y, K, Z).\n"
        "fixed(X, 7, Z) :- two(X, Z), g(X, _, _).\n"
        "twice(X, Y, Y) :- e(X, Y), two(Y, _).\n"
        "wide(X, Y, Z) :- e(X, _), e(Y, Z).\n"
        "sums(X, S) :- e(X, Y), f(Y, Z), S = Y + Z.\n"
        "deep(X, Z) :- on(X, Y), either(Y, W), two(W, Z).\n"
        "under(X, Y, K) :- on(X, Y), kinds(X, Y, K), not leads(Y, X), e(X, Y).\n";
    static const char *const names[] = {"two",   "either", "on",   "loop",  "other", "leads",
                                        "some",  "reach",  "ends", "kinds", "three", "fixed",
                                        "twice", "wide",   "sums", "deep",  "under"};
    enum { NODES = 90, TUPLES = 400 };
    char *program = malloc(sizeof(rules) + 3 * TUPLES * 32);
    assert_non_null(program);
    size_t at = (size_t)sprintf(program, "%s", rules);
    uint64_t rng = 7;
    for (int i = 0; i < 3 * TUPLES; i++) {
        rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned a = (unsigned)(rng >> 33) % NODES, b = (unsigned)(rng >> 42) % NODES;
        at += (size_t)sprintf(program + at, i % 3 == 2 ? "%c(%u, %u, %u).\n" : "%c(%u, %u).\n",
                              "efg"[i % 3], a, i % 3 == 2 ? b % 5 : b, b);
    }
    struct rule_world world;
    assert_int_equal(
        datalog_run_open(&world.run, (struct rune_str){program, at}, RUNE_DL_BUNDLE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&world.run, RUNE_DL_STORE_BASE), RUNE_OK);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_true(count_both_ways(&world, names[i]) > 0);
    }
    datalog_run_close(&world.run);
    free(program);
}

/* A closure that is stored by its first column and asked by its second; and a test that many rows
 * of a key share, asked once, or tuple by tuple where a key has few. */
static void test_count__of_pairs_asked_backwards(void **state)
{
    (void)state;
    enum { NODES = 400, KEYS = 150 };
    static const char rules[] = "reach(X, Y) :- e(X, Y).\nreach(X, Z) :- reach(X, Y), e(Y, Z).\n"
                                "into(K, X) :- of(K, Y), reach(X, Y), not off(K, X).\n"
                                "back(K, X, A) :- of(K, Y), reach(X, Y), not ffo(X, K), does(A).\n"
                                "off(K, X) :- bad(K, Y), reach(X, Y).\nffo(X, K) :- off(K, X).\n"
                                "does(1). does(2).\n";
    char *program = malloc(sizeof(rules) + 32 * (NODES + 4 * KEYS));
    assert_non_null(program);
    size_t at = (size_t)sprintf(program, "%s", rules);
    for (int i = 0; i < NODES; i++) {
        at += (size_t)sprintf(program + at, "e(%d, %d).\n", i, i + 1);
    }
    for (int i = 0; i < KEYS; i++) {
        at += (size_t)sprintf(program + at, "of(%d, %d). of(%d, %d). bad(%d, %d).\n", i, 1 + i % 3,
                              i, i % 2 == 0 ? NODES - i : 2, i, i % 7 * 40);
    }
    struct rule_world world;
    assert_int_equal(
        datalog_run_open(&world.run, (struct rune_str){program, at}, RUNE_DL_BUNDLE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&world.run, RUNE_DL_STORE_WHAT_PAYS), RUNE_OK);
    uint64_t pairs = 0;
    for (int i = 0; i < KEYS; i += 2) {
        int more = NODES - i - i % 7 * 40;
        pairs += more > 0 ? (uint64_t)more : 0;
    }
    uint64_t counted = count_both_ways(&world, "into");
    assert_true(counted >= pairs);
    assert_int_equal(count_both_ways(&world, "back"), 2 * counted);
    datalog_run_close(&world.run);
    free(program);
}

/* What `count` gives with that much memory and so many steps: the right number, or RUNE_E_LIMIT. */
static enum rune_err count_within(struct rule_world *world, const char *name, size_t bytes,
                                  uint64_t steps, uint64_t want)
{
    struct rune_arena arena;
    struct rune_eval eval = {.store = &world->run.store,
                             .values = world->run.values,
                             .arena = &arena,
                             .steps_left = steps};
    rune_term bound[3] = {RUNE_TERM_NONE, RUNE_TERM_NONE, RUNE_TERM_NONE};
    uint32_t same[3] = {0, 1, 2};
    uint32_t relation = rune_rules_find_relation(eval.store, (struct rune_str){name, strlen(name)});
    uint64_t count = want;
    rune_arena_init(&arena, bytes);
    enum rune_err err = rune_rules_count(&eval, relation, bound, same, &count);
    rune_arena_fini(&arena);
    assert_true(err == RUNE_OK || err == RUNE_E_LIMIT);
    assert_int_equal(count, want);
    return err;
}

/* Tests of many pairs that are answered by all that the keys have: by pipes within pipes, and by
 * the machine where there is arithmetic; with little memory, and with few steps. */
static void test_count__of_tests_with_all_that_a_key_has(void **state)
{
    (void)state;
    enum { KEYS = 64, GROUPS = 16, VALUES = 200 };
    static const char rules[] = "in(K, X) :- of(K, G), has(G, X).\n"
                                "off(K, X) :- of(K, G), lacks(G, X).\n"
                                "xoff(X, K) :- off(K, X).\n"
                                "high(K, X) :- of(K, G), lacks(G, X), X + G > 4500.\n"
                                "not_off(K, X) :- in(K, X), not off(K, X).\n"
                                "both(K, X) :- in(K, X), off(K, X), not high(K, X).\n"
                                "twice(K, X) :- in(K, X), not not_off(K, X).\n"
                                "again(K, A, X) :- in(K, X), does(A), not twice(K, X).\n"
                                "back(K, X) :- in(K, X), not xoff(X, K).\n"
                                "does(1). does(2).\n";
    static const char *const names[] = {"not_off", "both", "twice", "again", "back"};
    char *program = malloc(sizeof(rules) + 32 * (2 * KEYS + 2 * GROUPS * VALUES));
    assert_non_null(program);
    size_t at = (size_t)sprintf(program, "%s", rules);
    for (int i = 0; i < KEYS; i++) {
        at += (size_t)sprintf(program + at, "of(%d, %d). of(%d, %d).\n", i, 1000 + i % GROUPS, i,
                              1000 + i * 7 % GROUPS);
    }
    for (int i = 0; i < GROUPS * VALUES; i++) {
        at += (size_t)sprintf(program + at, "has(%d, %d). lacks(%d, %d).\n", 1000 + i % GROUPS,
                              2000 + i * 5 % 3001, 1000 + i % GROUPS, 2000 + i * 11 % 3001);
    }
    struct rule_world world;
    assert_int_equal(
        datalog_run_open(&world.run, (struct rune_str){program, at}, RUNE_DL_BUNDLE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&world.run, RUNE_DL_STORE_BASE), RUNE_OK);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint64_t want = count_both_ways(&world, names[i]);
        assert_true(want > 0);
        for (size_t bytes = 4096; bytes < (size_t)16 << 20; bytes += bytes / 4) {
            (void)count_within(&world, names[i], bytes, UINT64_MAX, want);
        }
        assert_int_equal(count_within(&world, names[i], (size_t)16 << 20, UINT64_MAX, want),
                         RUNE_OK);
        for (uint64_t steps = 64;
             count_within(&world, names[i], (size_t)16 << 20, steps, want) != RUNE_OK;
             steps += steps / 4) {
            assert_true(steps < (uint64_t)1 << 30);
        }
    }
    datalog_run_close(&world.run);
    free(program);
}

/* A batch of keys whose tuples are too many for the table is counted in smaller ones. */
static void test_count__of_keys_with_very_many_tuples(void **state)
{
    (void)state;
    enum { KEYS = 20, VALUES = 40000 };
    char *program = malloc(32 * (VALUES + KEYS) + 64);
    assert_non_null(program);
    size_t at = (size_t)sprintf(program, "all(X, Z) :- key(X, Y), many(Y, Z).\n");
    for (int i = 0; i < KEYS; i++) {
        at += (size_t)sprintf(program + at, "key(%d, %d).\n", i, i < 8 ? -1 : -2 - i % 3);
    }
    for (int i = 0; i < VALUES; i++) {
        at += (size_t)sprintf(program + at, "many(%d, %d).\n", i % 40 == 0 ? -2 : -1, i);
    }
    struct rule_world world;
    assert_int_equal(
        datalog_run_open(&world.run, (struct rune_str){program, at}, RUNE_DL_BUNDLE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&world.run, RUNE_DL_STORE_BASE), RUNE_OK);
    assert_int_equal(count_both_ways(&world, "all"), 8 * 39000 + 4 * 1000);
    datalog_run_close(&world.run);
    free(program);
}

/* Plans of which each could be put in its place or asked by table, in a rule that no pipe can do:
 * what is tried is limited, since none of it takes steps. */
static void test_count__does_not_try_all_ways_to_make_pipes(void **state)
{
    (void)state;
    enum { DEPTH = 6, TESTS = 8 };
    static const char joins[] = "b6(X, A), b6(A, B), b6(B, C), b6(C, D), b6(D, E), b6(E, F), "
                                "b6(F, G), b6(G, H)";
    char program[4096];
    size_t at = (size_t)sprintf(program, "e(1, 1). f(1, 1).\n"
                                         "b1(X, Y) :- e(X, Y).\nb1(X, Y) :- f(X, Y).\n");
    for (int i = 2; i <= DEPTH; i++) {
        at += (size_t)sprintf(program + at, "b%d(X, Y) :- b%d(X, Y).\nb%d(X, Y) :- f(X, Y).\n", i,
                              i - 1, i);
    }
    for (int i = 0; i < TESTS; i++) {
        at += (size_t)sprintf(program + at, "q%d(X, S) :- %s, S = G + H + %d.\n", i, joins, i);
    }
    at += (size_t)sprintf(program + at, "big(X, S) :- %s", joins);
    for (int i = 0; i < TESTS; i++) {
        at += (size_t)sprintf(program + at, ", not q%d(X, A)", i);
    }
    at += (size_t)sprintf(program + at, ", S = G + H.\n");
    struct rule_world world;
    assert_int_equal(
        datalog_run_open(&world.run, (struct rune_str){program, at}, RUNE_DL_BUNDLE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&world.run, RUNE_DL_STORE_BASE), RUNE_OK);
    clock_t began = clock();
    assert_int_equal(count_both_ways(&world, "big"), 1);
    assert_true(clock() - began < CLOCKS_PER_SEC);
    datalog_run_close(&world.run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count__is_what_a_query_visits),
        cmocka_unit_test(test_count__of_pipes_is_what_a_query_visits),
        cmocka_unit_test(test_count__of_pairs_asked_backwards),
        cmocka_unit_test(test_count__of_tests_with_all_that_a_key_has),
        cmocka_unit_test(test_count__of_keys_with_very_many_tuples),
        cmocka_unit_test(test_count__does_not_try_all_ways_to_make_pipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
