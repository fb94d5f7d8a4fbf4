/* SPDX-License-Identifier: Apache-2.0 */
/* Random policies over random entities, compiled and indexed against walked as trees: the same permits, forbids and
 * errors for each request. RUNE_TEST_ROUNDS raises the number of worlds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random_policy.h"
#include "reference/cedar_world.h"

#define POLICIES 12u
#define REQUESTS 10u

struct totals {
    uint64_t cases, matches, errors, brought;
};

/* Each template gets a link; now and then two. */
static void link_templates(struct cedar_world *world, struct random *random)
{
    struct rune_cedar_policies *policies = &world->policies;
    policies->links = rune_arena_calloc(&world->arena, 2 * policies->count, sizeof *policies->links);
    for (uint32_t i = 0; i < policies->count; i++) {
        const struct rune_cedar_policy *policy = &policies->items[i];
        for (uint32_t n = 1 + random_below(random, 2); rune_cedar_is_template(policy) && n > 0; n--) {
            struct rune_cedar_link *link = &policies->links[policies->link_count];
            struct rune_cedar_uid *uids = rune_arena_calloc(&world->arena, 2, sizeof *uids);
            for (int slot = 0; slot < 2; slot++) {
                struct naive_value uid = random_uid(random, &world->arena);
                uids[slot] = (struct rune_cedar_uid){uid.type, uid.text};
            }
            char *id = rune_arena_printf(&world->arena, "link%u", policies->link_count++);
            *link = (struct rune_cedar_link){.template_id = policy->id, .link_id = rune_str_from(id)};
            link->principal = policy->has_slot_principal ? &uids[0] : NULL;
            link->resource = policy->has_slot_resource ? &uids[1] : NULL;
        }
    }
}

/* Policy `index` of the image as its tree and link. */
static const struct rune_cedar_policy *nth_policy(const struct rune_cedar_policies *policies, uint32_t index,
                                                  const struct rune_cedar_link **ret_link)
{
    for (uint32_t i = 0; i < policies->count; i++) {
        if (!rune_cedar_is_template(&policies->items[i]) && index-- == 0) {
            *ret_link = NULL;
            return &policies->items[i];
        }
    }
    const struct rune_cedar_link *link = *ret_link = &policies->links[index];
    for (uint32_t i = 0; i < policies->count; i++) {
        if (rune_str_equal(policies->items[i].id, link->template_id)) {
            return &policies->items[i];
        }
    }
    return NULL;
}

static bool lists(const uint32_t *items, uint32_t count, uint32_t item)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        found += items[i] == item;
    }
    assert_true(found <= 1);
    return found == 1;
}

static void check_policy(const struct cedar_world *world, const struct naive_world *merged,
                         const struct naive_request *request, const struct rune_policy_outcome *outcome, uint32_t index,
                         struct rune_arena *arena, struct totals *totals)
{
    const struct rune_cedar_link *link;
    const struct rune_cedar_policy *policy = nth_policy(&world->policies, index, &link);
    enum naive_result want = naive_evaluate(policy, link, merged, request, arena);
    bool permits = lists(outcome->permits, outcome->permit_count, index);
    bool forbids = lists(outcome->forbids, outcome->forbid_count, index);
    bool fails = false;
    for (uint32_t i = 0; i < outcome->error_count; i++) {
        fails = fails || outcome->errors[i].policy == index;
    }
    bool match = want == NAIVE_MATCH;
    if (permits != (match && !policy->is_forbid) || forbids != (match && policy->is_forbid) ||
        fails != (want == NAIVE_ERROR)) {
        fail_msg("policy %u: expected %s, got %s\n%.*s", index,
                 match                 ? "a match"
                 : want == NAIVE_ERROR ? "an error"
                                       : "no match",
                 permits || forbids ? "a match"
                 : fails            ? "an error"
                                    : "no match",
                 (int)policy->span.length, policy->span.source->text + policy->span.offset);
    }
    totals->cases++;
    totals->matches += match;
    totals->errors += want == NAIVE_ERROR;
}

static void check_request(struct cedar_world *world, struct random *random, struct totals *totals)
{
    struct rune_arena arena;
    struct naive_request naive;
    struct naive_world brought = {0};
    struct naive_world merged = world->naive;
    struct rune_request request;
    struct rune_eval eval;
    struct rune_policy_outcome outcome;
    rune_arena_init(&arena, 0);
    random_request(random, &arena, &naive);
    bool brings = random_below(random, 4) == 0;
    if (brings) {
        random_brought(random, &world->naive, &arena, &brought, &merged);
        totals->brought++;
    }
    cedar_world_request(world, &naive, &brought, &merged, brings, &request, &eval);
    assert_int_equal(rune_policies_decide(&eval, &outcome), RUNE_OK);
    assert_true(eval.policies_evaluated <= world->store.policy_count);
    for (uint32_t i = 0; i < world->store.policy_count; i++) {
        check_policy(world, &merged, &naive, &outcome, i, &arena, totals);
    }
    struct rune_buf message = RUNE_BUF_INIT;
    for (uint32_t i = 0; i < outcome.error_count; i++) {
        rune_policy_error_format(&eval, &outcome.errors[i], &message);
        assert_false(message.failed);
    }
    rune_buf_fini(&message);
    rune_arena_fini(&arena);
}

static void check_world(uint64_t seed, struct totals *totals)
{
    struct random random = {.state = seed * 0x9e3779b97f4a7c15u + 1};
    struct rune_buf text = RUNE_BUF_INIT;
    struct cedar_world world;
    cedar_world_init(&world);
    uint32_t policies = 1 + random_below(&random, POLICIES);
    for (uint32_t i = 0; i < policies; i++) {
        random_policy(&random, random_below(&random, 3) == 0, &text);
    }
    const char *problem = cedar_world_parse(&world, rune_buf_cstr(&text));
    if (problem != NULL) {
        fail_msg("%s\n%s", problem, rune_buf_cstr(&text));
    }
    link_templates(&world, &random);
    random_world(&random, &world.arena, &world.naive);
    assert_int_equal(cedar_world_build(&world), RUNE_OK);
    assert_int_equal(rune_store_verify(&world.store, NULL), RUNE_OK);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        check_request(&world, &random, totals);
    }
    cedar_world_fini(&world);
    rune_buf_fini(&text);
}

static void test_evaluation__is_that_of_the_tree(void **state)
{
    (void)state;
    const char *rounds = getenv("RUNE_TEST_ROUNDS");
    uint64_t worlds = rounds != NULL ? strtoull(rounds, NULL, 10) : 800;
    struct totals totals = {0};
    for (uint64_t seed = 1; seed <= worlds; seed++) {
        check_world(seed, &totals);
    }
    print_message("%llu evaluations, %llu matches, %llu errors, %llu requests with entities\n",
                  (unsigned long long)totals.cases, (unsigned long long)totals.matches,
                  (unsigned long long)totals.errors, (unsigned long long)totals.brought);
    assert_true(totals.matches * 20 > totals.cases);
    assert_true(totals.errors * 50 > totals.cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evaluation__is_that_of_the_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
