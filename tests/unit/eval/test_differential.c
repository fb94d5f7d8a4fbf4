/* SPDX-License-Identifier: Apache-2.0 */
/* Random policies over random entities, compiled and indexed against walked as trees: the same
 * permits, forbids and errors for each request. RUNE_TEST_ROUNDS raises the number of worlds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/cedar_compare.h"
#include "unit/cmocka.h"

static void test_evaluation__is_that_of_the_tree(void **state)
{
    (void)state;
    const char *rounds = getenv("RUNE_TEST_ROUNDS");
    uint64_t worlds = rounds != NULL ? strtoull(rounds, NULL, 10) : 800;
    struct cedar_compare_totals totals = {0};
    for (uint64_t seed = 1; seed <= worlds; seed++) {
        struct random random = {.state = seed * 0x9e3779b97f4a7c15u + 1};
        if (!cedar_compare_world(&random, &totals)) {
            fail_msg("seed %llu: see above", (unsigned long long)seed);
        }
    }
    print_message("%llu evaluations, %llu matches, %llu errors, %llu requests with entities\n",
                  (unsigned long long)totals.cases, (unsigned long long)totals.matches,
                  (unsigned long long)totals.errors, (unsigned long long)totals.brought);
    assert_true(totals.matches * 20 > totals.cases);
    assert_true(totals.errors * 50 > totals.cases);
}

static void test_index__finds_all_in_a_crowd(void **state)
{
    (void)state;
    const char *rounds = getenv("RUNE_TEST_ROUNDS");
    uint64_t worlds = rounds != NULL ? strtoull(rounds, NULL, 10) / 8 : 60;
    struct cedar_compare_totals totals = {0};
    for (uint64_t seed = 1; seed <= worlds; seed++) {
        struct random random = {.state = seed * 0xd6e8feb86659fd93u + 1};
        if (!cedar_compare_crowd(&random, &totals)) {
            fail_msg("seed %llu: see above", (unsigned long long)seed);
        }
    }
    assert_true(totals.matches * 500 > totals.cases);
    assert_true(worlds == 0 || totals.paired * 2 > worlds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evaluation__is_that_of_the_tree),
        cmocka_unit_test(test_index__finds_all_in_a_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
