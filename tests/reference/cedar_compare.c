/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cedar_compare.h"

#include <stdio.h>

#include "eval/policy_index.h"

#define POLICIES 12u
#define REQUESTS 10u
#define CROWD    600u

/* Each template gets a link; now and then two. */
static void link_templates(struct cedar_world *world, struct random *random)
{
    struct rune_cedar_policies *policies = &world->policies;
    policies->links =
        rune_arena_calloc(&world->arena, 2 * policies->count, sizeof *policies->links);
    for (uint32_t i = 0; i < policies->count; i++) {
        const struct rune_cedar_policy *policy = &policies->items[i];
        for (uint32_t n = 1 + random_below(random, 2); rune_cedar_is_template(policy) && n > 0;
             n--) {
            struct rune_cedar_link *link = &policies->links[policies->link_count];
            struct rune_cedar_uid *uids = rune_arena_calloc(&world->arena, 2, sizeof *uids);
            for (int slot = 0; slot < 2; slot++) {
                struct naive_value uid = random_uid(random, &world->arena);
                uids[slot] = (struct rune_cedar_uid){uid.type, uid.text};
            }
            char *id = rune_arena_printf(&world->arena, "link%u", policies->link_count++);
            *link =
                (struct rune_cedar_link){.template_id = policy->id, .link_id = rune_str_from(id)};
            link->principal = policy->has_slot_principal ? &uids[0] : NULL;
            link->resource = policy->has_slot_resource ? &uids[1] : NULL;
        }
    }
}

/* Policy `index` of the image as its tree and link. */
static const struct rune_cedar_policy *nth_policy(const struct rune_cedar_policies *policies,
                                                  uint32_t index,
                                                  const struct rune_cedar_link **ret_link)
{
    *ret_link = NULL;
    for (uint32_t i = 0; i < policies->count; i++) {
        if (!rune_cedar_is_template(&policies->items[i]) && index-- == 0) {
            return &policies->items[i];
        }
    }
    const struct rune_cedar_link *link = *ret_link = &policies->links[index];
    const struct rune_cedar_policy *policy = policies->items;
    while (!rune_str_equal(policy->id, link->template_id)) {
        policy++;
    }
    return policy;
}

static uint32_t occurrences(const uint32_t *items, uint32_t count, uint32_t item)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        found += items[i] == item;
    }
    return found;
}

static const char *const result_names[] = {"no match", "a match", "an error"};

static bool check_policy(const struct cedar_world *world, const struct naive_world *merged,
                         const struct naive_request *request,
                         const struct rune_policy_outcome *outcome, uint32_t index,
                         struct rune_arena *arena, struct cedar_compare_totals *totals)
{
    const struct rune_cedar_link *link;
    const struct rune_cedar_policy *policy = nth_policy(&world->policies, index, &link);
    enum naive_result want = naive_evaluate(policy, link, merged, request, arena);
    uint32_t permits = occurrences(outcome->permits, outcome->permit_count, index);
    uint32_t forbids = occurrences(outcome->forbids, outcome->forbid_count, index);
    uint32_t fails = 0;
    for (uint32_t i = 0; i < outcome->error_count; i++) {
        fails += outcome->errors[i].policy == index;
    }
    bool match = want == NAIVE_MATCH;
    totals->cases++;
    totals->matches += match;
    totals->errors += want == NAIVE_ERROR;
    if (permits == (match && !policy->is_forbid) && forbids == (match && policy->is_forbid) &&
        fails == (want == NAIVE_ERROR)) {
        return true;
    }
    fprintf(stderr, "policy %u: expected %s, got %u permits, %u forbids, %u errors\n%.*s\n", index,
            result_names[want], permits, forbids, fails, (int)policy->span.length,
            policy->span.source->text + policy->span.offset);
    return false;
}

/* Why policies failed, for people. */
static void print_errors(const struct rune_eval *eval, const struct rune_policy_outcome *outcome)
{
    struct rune_buf message = RUNE_BUF_INIT;
    for (uint32_t i = 0; i < outcome->error_count; i++) {
        rune_buf_printf(&message, "policy %u: ", outcome->errors[i].policy);
        rune_policy_error_format(eval, &outcome->errors[i], &message);
        rune_buf_append_char(&message, '\n');
    }
    fprintf(stderr, "%s", rune_buf_cstr(&message));
    rune_buf_fini(&message);
}

/* Messages can be made of all errors. */
static bool check_messages(const struct rune_eval *eval, const struct rune_policy_outcome *outcome)
{
    struct rune_buf message = RUNE_BUF_INIT;
    for (uint32_t i = 0; i < outcome->error_count; i++) {
        rune_policy_error_format(eval, &outcome->errors[i], &message);
    }
    bool ok = !message.failed && (outcome->error_count == 0) == (message.length == 0);
    rune_buf_fini(&message);
    return ok;
}

static bool check_request(struct cedar_world *world, struct random *random,
                          struct cedar_compare_totals *totals)
{
    struct rune_arena arena;
    struct naive_request naive;
    struct naive_world brought = {0};
    struct naive_world merged = world->naive;
    struct rune_request request;
    struct rune_eval eval;
    struct rune_policy_outcome outcome = {0};
    rune_arena_init(&arena, 0);
    random_request(random, &arena, &naive);
    bool brings = random_below(random, 4) == 1;
    if (brings) {
        random_brought(random, &world->naive, &arena, &brought, &merged);
        totals->brought++;
    }
    cedar_world_request(world, &naive, &brought, &merged, brings, &request, &eval);
    bool ok = rune_policies_decide(&eval, &outcome) == RUNE_OK &&
              eval.policies_evaluated <= world->store.policy_count &&
              check_messages(&eval, &outcome);
    for (uint32_t i = 0; ok && i < world->store.policy_count; i++) {
        ok = check_policy(world, &merged, &naive, &outcome, i, &arena, totals);
    }
    if (!ok) {
        print_errors(&eval, &outcome);
    }
    rune_arena_fini(&arena);
    return ok;
}

static uint32_t count_pairs(const struct rune_store *store)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < store->policy_index_count; i++) {
        count += store->policy_index[i].kind == RUNE_SCOPE_KEY_PAIR;
    }
    return count;
}

static bool compare_text(struct random *random, const char *text,
                         struct cedar_compare_totals *totals)
{
    struct cedar_world world;
    cedar_world_init(&world);
    const char *problem = cedar_world_parse(&world, text);
    bool ok = problem == NULL;
    if (ok) {
        link_templates(&world, random);
        random_world(random, &world.arena, &world.naive);
        ok = cedar_world_build(&world) == RUNE_OK &&
             rune_store_verify(&world.store, NULL) == RUNE_OK;
        problem = "the store cannot be built or verified";
    }
    if (!ok) {
        fprintf(stderr, "%s\n%s\n", problem, text);
    }
    totals->paired += ok && count_pairs(&world.store) > 0;
    for (uint32_t i = 0; ok && i < REQUESTS; i++) {
        ok = check_request(&world, random, totals);
    }
    cedar_world_fini(&world);
    return ok;
}

bool cedar_compare_world(struct random *random, struct cedar_compare_totals *totals)
{
    struct rune_buf text = RUNE_BUF_INIT;
    uint32_t policies = 1 + random_below(random, POLICIES);
    for (uint32_t i = 0; i < policies; i++) {
        random_policy(random, random_below(random, 3) == 1, &text);
    }
    bool ok = compare_text(random, rune_buf_cstr(&text), totals);
    rune_buf_fini(&text);
    return ok;
}

bool cedar_compare_crowd(struct random *random, struct cedar_compare_totals *totals)
{
    struct rune_buf text = RUNE_BUF_INIT;
    random_crowd(random, 20 + random_below(random, CROWD), &text);
    bool ok = compare_text(random, rune_buf_cstr(&text), totals);
    rune_buf_fini(&text);
    return ok;
}
