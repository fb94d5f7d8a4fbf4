/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "unit/engine/bundle_trial.h"

/* ---- decisions ---- */

static bool has_id(const struct rune_str *ids, uint32_t count, const char *id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (rune_str_equal(ids[i], rune_str_from(id))) {
            return true;
        }
    }
    return false;
}

static bool has_error(const struct rune_decision *decision, const char *id)
{
    for (uint32_t i = 0; i < decision->error_count; i++) {
        if (rune_str_equal(decision->errors[i].id, rune_str_from(id))) {
            return true;
        }
    }
    return false;
}

/* What each policy and rule does: 1, 0, -1. */
struct verdicts {
    int policies[MIXED_MAX_POLICIES], rules[MIXED_MAX_RULES];
    bool matched[2]; /* a permit, a forbid */
};

/* `errors = "strict"`: a forbid that errs matches, too. */
static bool matches_after_all(const struct mixed_world *world, bool is_forbid, int verdict)
{
    return verdict > 0 || (verdict < 0 && is_forbid && world->is_strict);
}

static void judge(struct bundle_trial *trial, const struct mixed_answers *answers,
                  const struct mixed_request *request, const struct rune_decision *decision,
                  struct verdicts *verdicts)
{
    const struct mixed_world *world = trial->world;
    memset(verdicts, 0, sizeof(*verdicts));
    for (uint32_t i = 0; i < world->policy_count; i++) {
        if (!world->policies[i].is_off) {
            verdicts->policies[i] = mixed_policy_matches(&world->policies[i], answers, request);
            verdicts->matched[world->policies[i].is_forbid] |=
                matches_after_all(world, world->policies[i].is_forbid, verdicts->policies[i]);
        }
    }
    for (uint32_t i = 0; i < world->rule_count; i++) {
        const struct mixed_rule *rule = &world->rules[i];
        char id[24];
        snprintf(id, sizeof(id), "r%02u", i);
        if (rule->is_off || (rule->head != MIXED_PERMIT && rule->head != MIXED_FORBID)) {
            continue;
        }
        verdicts->rules[i] = mixed_rule_matches(world, answers, request, i, &trial->arena);
        /* It rests on what could not be computed, and says so. */
        if (rule->head == MIXED_PERMIT && answers->can_fail[MIXED_PERMIT] &&
            has_error(decision, id)) {
            trial->totals.unsure += verdicts->rules[i] > 0;
            verdicts->rules[i] = 0;
        }
        if (rule->head == MIXED_FORBID && verdicts->rules[i] == 0 &&
            answers->can_fail[MIXED_FORBID] && has_error(decision, id)) {
            verdicts->rules[i] = -1;
        }
        verdicts->matched[rule->head == MIXED_FORBID] |=
            matches_after_all(world, rule->head == MIXED_FORBID, verdicts->rules[i]);
    }
}

static void expect(struct bundle_trial *trial, const char *id, bool want, bool is, const char *what)
{
    if (want != is) {
        rune_buf_printf(&trial->why, "%s: %s among the %s\n", id, want ? "not" : "wrongly", what);
    }
}

static void compare_decision(struct bundle_trial *trial, const struct verdicts *verdicts,
                             const struct rune_decision *decision)
{
    const struct mixed_world *world = trial->world;
    bool forbidden = verdicts->matched[1], permitted = verdicts->matched[0];
    enum rune_outcome want = forbidden ? RUNE_FORBID : permitted ? RUNE_PERMIT : RUNE_DENY;
    if (decision->outcome != want) {
        rune_buf_printf(&trial->why, "%s, not %s\n", rune_outcome_text(decision->outcome),
                        rune_outcome_text(want));
    }
    for (uint32_t i = 0; i < world->policy_count; i++) {
        char id[24];
        bool is_forbid = world->policies[i].is_forbid;
        mixed_put_policy_id(world, i, id);
        expect(trial, id,
               matches_after_all(world, is_forbid, verdicts->policies[i]) && is_forbid == forbidden,
               has_id(decision->reasons, decision->reason_count, id), "reasons");
        expect(trial, id, verdicts->policies[i] < 0, has_error(decision, id), "errors");
    }
    for (uint32_t i = 0; i < world->rule_count; i++) {
        char id[24];
        bool is_forbid = world->rules[i].head == MIXED_FORBID;
        snprintf(id, sizeof(id), "r%02u", i);
        expect(trial, id,
               matches_after_all(world, is_forbid, verdicts->rules[i]) && is_forbid == forbidden,
               has_id(decision->reasons, decision->reason_count, id), "reasons");
    }
}

/* A derived context with two values, or with one that is not the schema's: no decision. */
static bool is_undecided(const struct bundle_trial *trial, const struct mixed_answers *answers,
                         const struct rune_decision *decision)
{
    const struct mixed_rows *tiers = &answers->rows[MIXED_CONTEXT_TIER];
    bool is_foreign =
        trial->world->has_schema && tiers->count > 0 && tiers->cells->kind != MIXED_LONG;
    bool is_unsure = answers->can_fail[MIXED_CONTEXT_TIER] && has_error(decision, "");
    return tiers->count > 1 || is_foreign || is_unsure;
}

void bundle_check_request(struct bundle_trial *trial, const struct mixed_request *request,
                          bool asks)
{
    struct mixed_answers *answers = RUNE_ARENA_ARRAY(&trial->arena, struct mixed_answers, 1);
    struct rune_request *decoded;
    struct rune_request_error error;
    struct rune_decision decision;
    struct verdicts verdicts;
    struct rune_buf body = RUNE_BUF_INIT;
    mixed_put_request(request, &body);
    mixed_derive_for(trial->world, trial->stored, request, &trial->arena, answers);
    enum rune_err err = rune_request_create(
        trial->decider, trial->image, (struct rune_str){body.data, body.length}, &decoded, &error);
    if (err != RUNE_OK) {
        rune_buf_printf(&trial->why, "request: %s at %s", error.message, error.at);
    } else if (!answers->is_over) {
        rune_decider_decide(trial->decider, trial->image, decoded, RUNE_ANSWER_DEBUG, &decision);
        enum rune_outcome explained = decision.outcome;
        rune_decider_decide(trial->decider, trial->image, decoded, RUNE_ANSWER_PLAIN, &decision);
        expect(trial, "the outcome", true,
               explained == decision.outcome || trial->way.arena_bytes != 0, "explained ones");
        trial->totals.decisions++;
        trial->totals.permits += decision.outcome == RUNE_PERMIT;
        trial->totals.forbids += decision.outcome == RUNE_FORBID;
        trial->totals.errors += decision.error_count;
        bool is_limit = decision.error_count > 0 && decision.errors[0].id.length == 0 &&
                        strcmp(decision.errors[0].code, "limit") == 0;
        if (is_limit && trial->way.arena_bytes != 0) {
            trial->totals.limits++;
            expect(trial, "what met a limit", true, decision.outcome == RUNE_DENY, "denials");
        } else if (is_undecided(trial, answers, &decision)) {
            expect(trial, "the decision", true, has_error(&decision, ""), "errors");
        } else {
            judge(trial, answers, request, &decision, &verdicts);
            compare_decision(trial, &verdicts, &decision);
        }
        for (uint32_t i = 0; i < decision.error_count && trial->why.length > 0; i++) {
            rune_buf_printf(&trial->why, "error %.*s %s: %.*s\n",
                            RUNE_STR_ARG(decision.errors[i].id), decision.errors[i].code,
                            RUNE_STR_ARG(decision.errors[i].message));
        }
        if (asks && trial->why.length == 0) {
            bundle_ask_relations(trial, answers, decoded);
        }
    }
    if (trial->why.length > 0) {
        rune_buf_printf(&trial->why, "request %s\n", rune_buf_cstr(&body));
    }
    if (err == RUNE_OK) {
        rune_request_destroy(decoded);
    }
    rune_buf_fini(&body);
}
