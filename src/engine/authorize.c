/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/authorize.h"

#include <time.h>

#include "base/layout.h"
#include "engine/sort.h"
#include "eval/policy_eval.h"
#include "eval/rule_eval.h"

#define MESSAGE_BYTES 512u /* LIMIT: of one error's message; values in it are cut before */

struct authorization {
    struct rune_eval *eval;
    const struct rune_image *image;
    bool is_strict; /* an erroring forbid counts as matching */
    struct rune_policy_outcome policies;
    struct rune_rule_outcome rules;
    uint32_t policies_ns, rules_ns;
};

static struct rune_str text_of(const struct authorization *auth, uint32_t text)
{
    return rune_terms_string(&auth->image->store.terms,
                             rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, text));
}

static struct rune_str policy_id(const struct authorization *auth, uint32_t policy)
{
    return text_of(auth, auth->image->store.policies[policy].id);
}

static struct rune_str rule_id(const struct authorization *auth, uint32_t rule)
{
    return text_of(auth, auth->image->store.rules[rule].id);
}

static int compare_ids(const void *a, const void *b)
{
    return rune_str_compare(*(const struct rune_str *)a, *(const struct rune_str *)b);
}

static int compare_errors(const void *a, const void *b)
{
    return rune_str_compare(((const struct rune_decision_error *)a)->id,
                            ((const struct rune_decision_error *)b)->id);
}

/* Sorted and each once: a rule with branches has one id for all of them. */
static uint32_t sort_ids(struct rune_str *ids, uint32_t count)
{
    if (count < 2) {
        return count;
    }
    rune_sort_items(ids, count, sizeof(*ids), compare_ids);
    uint32_t kept = count > 0;
    for (uint32_t i = 1; i < count; i++) {
        if (!rune_str_equal(ids[kept - 1], ids[i])) {
            ids[kept++] = ids[i];
        }
    }
    return kept;
}

/* ---- what counts as matching ---- */

/* Errors belong to a rule, or to the decision as a whole. */
static bool is_forbid_rule(const struct authorization *auth, uint32_t rule)
{
    const struct rune_store *store = &auth->image->store;
    return rule < store->rule_count &&
           rune_str_equal(text_of(auth, store->relations[store->rules[rule].head].name),
                          RUNE_STR("forbid"));
}

static bool is_strict_policy(const struct authorization *auth,
                             const struct rune_policy_error *error)
{
    return auth->is_strict &&
           auth->image->store.policies[error->policy].effect == RUNE_EFFECT_FORBID;
}

static bool is_strict_rule(const struct authorization *auth, const struct rune_rule_error *error)
{
    return auth->is_strict && is_forbid_rule(auth, error->rule);
}

static RUNE_APART uint32_t count_strict(const struct authorization *auth)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < auth->policies.error_count; i++) {
        count += is_strict_policy(auth, &auth->policies.errors[i]);
    }
    for (uint32_t i = 0; i < auth->rules.error_count; i++) {
        count += is_strict_rule(auth, &auth->rules.errors[i]);
    }
    return count;
}

static uint32_t count_forbids(const struct authorization *auth)
{
    uint32_t count = auth->policies.forbid_count + auth->rules.forbid_count;
    return auth->is_strict ? count + count_strict(auth) : count;
}

static uint32_t put_policies(const struct authorization *auth, const uint32_t *policies,
                             uint32_t policy_count, struct rune_str *ids, uint32_t count)
{
    for (uint32_t i = 0; i < policy_count; i++) {
        ids[count++] = policy_id(auth, policies[i]);
    }
    return count;
}

static RUNE_APART uint32_t put_rules(const struct authorization *auth, const uint32_t *rules,
                                     uint32_t rule_count, struct rune_str *ids, uint32_t count)
{
    for (uint32_t i = 0; i < rule_count; i++) {
        ids[count++] = rule_id(auth, rules[i]);
    }
    return count;
}

static RUNE_APART uint32_t put_forbids(const struct authorization *auth, struct rune_str *ids)
{
    uint32_t count =
        put_policies(auth, auth->policies.forbids, auth->policies.forbid_count, ids, 0);
    count = put_rules(auth, auth->rules.forbids, auth->rules.forbid_count, ids, count);
    for (uint32_t i = 0; auth->is_strict && i < auth->policies.error_count; i++) {
        if (is_strict_policy(auth, &auth->policies.errors[i])) {
            ids[count++] = policy_id(auth, auth->policies.errors[i].policy);
        }
    }
    for (uint32_t i = 0; auth->is_strict && i < auth->rules.error_count; i++) {
        if (is_strict_rule(auth, &auth->rules.errors[i])) {
            ids[count++] = rule_id(auth, auth->rules.errors[i].rule);
        }
    }
    return count;
}

/* ---- errors ---- */

static RUNE_COLD bool put_policy_error(const struct authorization *auth,
                                       const struct rune_policy_error *error,
                                       struct rune_decision_error *ret_error)
{
    char *memory = rune_arena_alloc(auth->eval->arena, MESSAGE_BYTES);
    if (memory == NULL) {
        return false;
    }
    struct rune_buf message = RUNE_BUF_FIXED(memory, MESSAGE_BYTES);
    rune_policy_error_format(auth->eval, error, &message);
    *ret_error = (struct rune_decision_error){
        .id = policy_id(auth, error->policy),
        .code = rune_eval_code_text(error->error.code),
        .message = {message.data, message.length},
    };
    return true;
}

static RUNE_COLD void put_rule_error(const struct authorization *auth,
                                     const struct rune_rule_error *error,
                                     struct rune_decision_error *ret_error)
{
    bool is_known = error->rule < auth->image->store.rule_count;
    *ret_error = (struct rune_decision_error){
        .id = is_known ? rule_id(auth, error->rule) : RUNE_STR(""),
        .code = error->code,
        .message = RUNE_STR("a derivation that the rule needs failed, so the rule does not match"),
    };
}

/* False: no memory left. */
static RUNE_APART bool put_errors(const struct authorization *auth, struct rune_decision *decision)
{
    uint32_t room = auth->policies.error_count + auth->rules.error_count;
    struct rune_decision_error *errors =
        rune_arena_alloc(auth->eval->arena, (size_t)room * sizeof(*errors));
    if (errors == NULL) {
        return false;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < auth->policies.error_count; i++) {
        if (!put_policy_error(auth, &auth->policies.errors[i], &errors[count++])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < auth->rules.error_count; i++) {
        put_rule_error(auth, &auth->rules.errors[i], &errors[count++]);
    }
    rune_sort_items(errors, count, sizeof(*errors), compare_errors);
    decision->errors = errors;
    decision->error_count = count;
    return true;
}

/* ---- the decision ---- */

/* FAILCLOSED: what a limit cut short is a DENY, whatever matched before. Who runs out of steps has
 * none left; memory and depth are told apart from that alone. */
static RUNE_COLD void finish_limited(const struct rune_eval *eval, struct rune_decision *decision)
{
    static const char memory[] = "the decision needs more memory than its limit";
    static const char steps[] = "the decision needs more steps than its limit, max_steps";
    static const struct rune_decision_error errors[] = {
        {{"", 0}, "limit", {memory, sizeof(memory) - 1}},
        {{"", 0}, "limit", {steps, sizeof(steps) - 1}},
    };
    *decision = (struct rune_decision){
        .outcome = RUNE_DENY, .errors = &errors[eval->steps_left == 0], .error_count = 1};
}

/* FAILCLOSED: the only place in RUNE that writes RUNE_PERMIT: something permits, nothing forbids,
 * and all of both was computed. False: no memory left for the reasons. */
static bool decision_finish(const struct authorization *auth, struct rune_decision *decision)
{
    uint32_t forbids = count_forbids(auth);
    uint32_t permits = auth->policies.permit_count + auth->rules.permit_count;
    *decision = (struct rune_decision){.outcome = RUNE_DENY};
    if (forbids + permits > 0) {
        struct rune_str *reasons = rune_arena_alloc(
            auth->eval->arena, (size_t)(forbids > 0 ? forbids : permits) * sizeof(*reasons));
        if (reasons == NULL) {
            return false;
        }
        uint32_t count;
        if (forbids > 0) {
            count = put_forbids(auth, reasons);
        } else {
            count =
                put_policies(auth, auth->policies.permits, auth->policies.permit_count, reasons, 0);
            if (auth->rules.permit_count > 0) {
                count =
                    put_rules(auth, auth->rules.permits, auth->rules.permit_count, reasons, count);
            }
        }
        decision->reasons = reasons;
        decision->reason_count = sort_ids(reasons, count);
        decision->outcome = forbids > 0 ? RUNE_FORBID : RUNE_PERMIT;
    }
    return auth->policies.error_count + auth->rules.error_count == 0 || put_errors(auth, decision);
}

/* For people: all that matched, also permits that a forbid overrode. */
static RUNE_COLD bool list_matched(const struct authorization *auth, struct rune_decision *decision)
{
    size_t policies = auth->policies.permit_count + auth->policies.forbid_count;
    size_t rules = auth->rules.permit_count + auth->rules.forbid_count;
    struct rune_str *ids = rune_arena_alloc(auth->eval->arena, (policies + rules) * sizeof(*ids));
    if (ids == NULL) {
        return false;
    }
    uint32_t count =
        put_policies(auth, auth->policies.permits, auth->policies.permit_count, ids, 0);
    count = put_policies(auth, auth->policies.forbids, auth->policies.forbid_count, ids, count);
    decision->matched_policies = ids;
    decision->matched_policy_count = sort_ids(ids, count);
    ids += count;
    count = put_rules(auth, auth->rules.permits, auth->rules.permit_count, ids, 0);
    count = put_rules(auth, auth->rules.forbids, auth->rules.forbid_count, ids, count);
    decision->matched_rules = ids;
    decision->matched_rule_count = sort_ids(ids, count);
    return true;
}

/* ---- asking both languages ---- */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static enum rune_err ask(struct authorization *auth)
{
    if (auth->image->store.ahead_count > 0) {
        rune_rules_fetch_rows(auth->eval->store, auth->eval->request);
    }
    enum rune_err err = rune_policies_decide(auth->eval, &auth->policies);
    return err == RUNE_OK ? rune_rules_decide(auth->eval, &auth->rules) : err;
}

static RUNE_COLD enum rune_err ask_timed(struct authorization *auth)
{
    uint64_t began_ns = now_ns();
    enum rune_err err = rune_policies_decide(auth->eval, &auth->policies);
    uint64_t between_ns = now_ns();
    auth->policies_ns = (uint32_t)(between_ns - began_ns);
    if (err == RUNE_OK) {
        err = rune_rules_decide(auth->eval, &auth->rules);
        auth->rules_ns = (uint32_t)(now_ns() - between_ns);
    }
    return err;
}

/* FAILCLOSED: without its context a decision is a DENY. */
static RUNE_COLD void finish_failed(const struct authorization *auth,
                                    const struct rune_derived_failure *failure,
                                    struct rune_decision *decision)
{
    struct rune_decision_error *error =
        RUNE_ARENA_NEW(auth->eval->arena, struct rune_decision_error);
    char *memory = rune_arena_alloc(auth->eval->arena, MESSAGE_BYTES);
    if (error == NULL || memory == NULL) {
        finish_limited(auth->eval, decision);
        return;
    }
    struct rune_str key = rune_terms_string(&auth->image->store.terms, failure->key);
    struct rune_buf message = RUNE_BUF_FIXED(memory, MESSAGE_BYTES);
    rune_buf_printf(&message, "%s.%.*s", failure->what, key.length < 200 ? (int)key.length : 200,
                    key.data);
    *error = (struct rune_decision_error){
        .id = RUNE_STR(""), .code = failure->code, .message = {message.data, message.length}};
    *decision = (struct rune_decision){.outcome = RUNE_DENY, .errors = error, .error_count = 1};
}

/* What rules add to the context, before anybody reads it. */
static RUNE_APART enum rune_err add_context(struct authorization *auth,
                                            struct rune_request *request,
                                            struct rune_derived_failure *ret_failure)
{
    const struct rune_image *image = auth->image;
    bool checks = (image->store.manifest->flags & RUNE_MANIFEST_VALIDATE_REQUESTS) != 0 &&
                  image->schema.words != NULL;
    *request = *auth->eval->request;
    auth->eval->request = request;
    return rune_derived_context_add(&image->derived_context, auth->eval,
                                    checks ? &image->schema : NULL, request, ret_failure);
}

void rune_authorize(struct rune_eval *eval, const struct rune_image *image, unsigned flags,
                    struct rune_decision *ret_decision)
{
    struct authorization auth; /* outcomes are read where asking did not fail */
    auth.eval = eval;
    auth.image = image;
    auth.is_strict = (image->store.manifest->flags & RUNE_MANIFEST_ERRORS_STRICT) != 0;
    auth.policies_ns = auth.rules_ns = 0;
    const struct rune_request *given = eval->request;
    struct rune_request request;
    struct rune_derived_failure failure = {0};
    enum rune_err err =
        image->derived_context.count > 0 ? add_context(&auth, &request, &failure) : RUNE_OK;
    if (err == RUNE_OK && failure.code == NULL) {
        err = (flags & RUNE_AUTHORIZE_TIMED) != 0 ? ask_timed(&auth) : ask(&auth);
    }
    if (failure.code != NULL && err == RUNE_OK) {
        finish_failed(&auth, &failure, ret_decision);
    } else if (err != RUNE_OK || !decision_finish(&auth, ret_decision) ||
               ((flags & RUNE_AUTHORIZE_LISTED) != 0 && !list_matched(&auth, ret_decision))) {
        finish_limited(eval, ret_decision);
    }
    eval->request = given;
    struct rune_decision_stats *stats = &ret_decision->stats;
    stats->outcomes[ret_decision->outcome] = 1;
    stats->errors = ret_decision->error_count;
    stats->policies_evaluated = eval->policies_evaluated;
    stats->rules_evaluated = eval->rules_evaluated;
    stats->policies_ns = auth.policies_ns;
    stats->rules_ns = auth.rules_ns;
}
