/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and rules that feed each other, over random entities and facts: derived parents, sets,
 * attributes and context, recursion, negation and aggregates, read by policies and by rules, with
 * requests that bring parents. Decision, reasons and the ids of errors must be those of an
 * evaluator that is made of loops over all entities.
 *
 * RUNE_TEST_SEED=N begins with another seed, RUNE_TEST_ROUNDS=N makes so many worlds. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "reference/rounds.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"
#include "unit/engine/mixed_bundle.h"

enum {
    ROUNDS = 120, /* worlds of the ordinary test */
    REQUESTS = 150,
};

static void open_world(const struct mixed_world *world, struct fixture *fixture,
                       struct rune_buf *rules, struct rune_buf *policies)
{
    struct rune_buf entities = RUNE_BUF_INIT;
    mixed_put_policies(world, policies);
    mixed_put_rules(world, rules);
    mixed_put_entities(world, &entities);
    const struct fixture_file files[] = {{"p.cedar", rune_buf_cstr(policies)},
                                         {"r.dl", rune_buf_cstr(rules)},
                                         {"e.entities.json", rune_buf_cstr(&entities)}};
    fixture_open(fixture, FIXTURE_FILES(files));
    rune_buf_fini(&entities);
}

/* Decision and reasons as they are, then the ids of errors. */
static void put_answer(struct rune_str body, struct rune_buf *out)
{
    static const char id[] = "{\"id\":";
    size_t at = 0;
    while (at < body.length && body.data[at] != ']') {
        at++;
    }
    rune_buf_append_str(out, (struct rune_str){body.data, at + 1});
    for (; at + sizeof(id) < body.length; at++) {
        if (memcmp(body.data + at, id, sizeof(id) - 1) == 0) {
            const char *text = body.data + at + sizeof(id) - 1;
            rune_buf_append_str(
                out, (struct rune_str){text, (size_t)(strchr(text + 1, '"') + 1 - text)});
        }
    }
}

static void check_world(struct mixed_world *world, unsigned seed, unsigned outcomes[2])
{
    struct fixture fixture;
    struct rune_buf rules = RUNE_BUF_INIT, policies = RUNE_BUF_INIT;
    struct rune_buf body = RUNE_BUF_INIT, want = RUNE_BUF_INIT, got = RUNE_BUF_INIT;
    mixed_derive(world);
    open_world(world, &fixture, &rules, &policies);
    for (int i = 0; i < REQUESTS; i++) {
        struct mixed_query query = mixed_make_query();
        struct rune_answer answer;
        rune_buf_reset(&body);
        rune_buf_reset(&want);
        rune_buf_reset(&got);
        mixed_put_query(&query, &body);
        mixed_decide(world, &query, &want);
        rune_decider_authorize(fixture.decider, fixture.image, 1,
                               (struct rune_str){body.data, body.length}, RUNE_ANSWER_PLAIN,
                               &answer);
        put_answer(answer.body, &got);
        if (strcmp(rune_buf_cstr(&got), rune_buf_cstr(&want)) != 0) {
            fail_msg("seed %u: %s\nwanted %s\ngot    %s\n%.*s\n%s%s", seed, rune_buf_cstr(&body),
                     want.data, got.data, RUNE_STR_ARG(answer.body), policies.data, rules.data);
        }
        outcomes[0] += answer.stats.outcomes[RUNE_PERMIT];
        outcomes[1] += answer.stats.outcomes[RUNE_FORBID];
    }
    fixture_close(&fixture);
    rune_buf_fini(&rules);
    rune_buf_fini(&policies);
    rune_buf_fini(&body);
    rune_buf_fini(&want);
    rune_buf_fini(&got);
}

static void test_mixed_bundles__decide_as_loops_do(void **state)
{
    (void)state;
    unsigned first = (unsigned)rounds_number_of("RUNE_TEST_SEED", 1),
             rounds = (unsigned)rounds_number_of("RUNE_TEST_ROUNDS", ROUNDS);
    unsigned outcomes[2] = {0, 0};
    for (unsigned seed = first; seed < first + rounds; seed++) {
        struct mixed_world world;
        srand(seed);
        mixed_make_world(&world);
        check_world(&world, seed, outcomes);
    }
    print_message("%u decisions, %u permits, %u forbids\n", rounds * REQUESTS, outcomes[0],
                  outcomes[1]);
    assert_true(outcomes[0] >= rounds * REQUESTS / 8 && outcomes[1] >= rounds * REQUESTS / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed_bundles__decide_as_loops_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
