/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/policy_eval.h"

#include <string.h>

#include "base/layout.h"
#include "eval/policy_code.h"
#include "eval/policy_index.h"
#include "eval/policy_vm.h"

#define FEW_REGISTERS 32u
#define FEW_MATCHES   32u /* candidates whose matches are kept on the stack first */

/* What is found on the way. `matching` is filled by permits from its beginning and by forbids from
 * its end. */
struct walk {
    struct rune_eval *eval;
    struct rune_policy_vm vm;
    uint32_t *matching;
    uint32_t permits;
    uint32_t forbids;
    uint32_t total;
    struct rune_policy_error *errors;
    uint32_t error_count;
    uint32_t error_capacity;
};

static RUNE_COLD bool add_error(struct walk *walk, uint32_t policy)
{
    if (walk->error_count == walk->error_capacity) {
        uint32_t larger = walk->error_capacity == 0 ? 8 : walk->error_capacity * 2;
        struct rune_policy_error *errors =
            rune_arena_alloc(walk->eval->arena, larger * sizeof *errors);
        if (errors == NULL) {
            return false;
        }
        if (walk->error_count > 0) {
            memcpy(errors, walk->errors, walk->error_count * sizeof *errors);
        }
        walk->errors = errors;
        walk->error_capacity = larger;
    }
    walk->errors[walk->error_count++] =
        (struct rune_policy_error){policy, walk->vm.error_pc, walk->vm.error};
    return true;
}

static bool keep(struct walk *walk, uint32_t policy, enum rune_policy_result result)
{
    if (result == RUNE_POLICY_ERROR) {
        return walk->vm.error.code != RUNE_EVAL_LIMIT && add_error(walk, policy);
    }
    if (walk->eval->store->policies[policy].effect == RUNE_EFFECT_PERMIT) {
        walk->matching[walk->permits++] = policy;
    } else {
        walk->matching[walk->total - ++walk->forbids] = policy;
    }
    return true;
}

static bool run(struct walk *walk, const struct rune_candidate_run *candidates)
{
    const uint32_t *policies = candidates->policies;
    enum rune_policy_result result;
    uint32_t at = 0;
    while ((result = rune_policy_vm_run(&walk->vm, policies, candidates->count, &at)) !=
           RUNE_POLICY_NO_MATCH) {
        if (!keep(walk, policies[at - 1], result)) {
            return false;
        }
    }
    return true;
}

static enum rune_err run_all(struct walk *walk, const struct rune_candidates *candidates,
                             uint32_t *few)
{
    walk->total = candidates->total;
    walk->matching = few;
    if (walk->total > FEW_MATCHES) {
        walk->matching = rune_arena_alloc(walk->eval->arena, walk->total * sizeof *walk->matching);
    }
    if (walk->matching == NULL) {
        return RUNE_E_LIMIT;
    }
    for (uint32_t i = 0; i < candidates->run_count; i++) {
        if (!run(walk, &candidates->runs[i])) {
            return RUNE_E_LIMIT;
        }
    }
    return RUNE_OK;
}

/* What matched, where it outlives the walk. */
static bool keep_matching(struct walk *walk, struct rune_policy_outcome *ret_outcome)
{
    uint32_t count = walk->permits + walk->forbids;
    *ret_outcome = (struct rune_policy_outcome){
        .permit_count = walk->permits,
        .forbid_count = walk->forbids,
        .errors = walk->errors,
        .error_count = walk->error_count,
    };
    if (count == 0) {
        return true;
    }
    const uint32_t *permits = walk->matching;
    const uint32_t *forbids = walk->matching + walk->total - walk->forbids;
    if (walk->total <= FEW_MATCHES) {
        uint32_t *kept = rune_arena_alloc(walk->eval->arena, count * sizeof *kept);
        if (kept == NULL) {
            return false;
        }
        memcpy(kept, permits, walk->permits * sizeof *kept);
        memcpy(kept + walk->permits, forbids, walk->forbids * sizeof *kept);
        permits = kept;
        forbids = kept + walk->permits;
    }
    ret_outcome->permits = permits;
    ret_outcome->forbids = forbids;
    return true;
}

/* Not by an initializer, which would clear all of the machine each time. */
static void init(struct walk *walk, struct rune_eval *eval, rune_term *registers)
{
    walk->eval = eval;
    walk->permits = walk->forbids = walk->total = 0;
    walk->errors = NULL;
    walk->error_count = walk->error_capacity = 0;
    rune_policy_vm_init(&walk->vm, eval, registers, FEW_REGISTERS);
}

enum rune_err rune_policies_decide(struct rune_eval *eval, struct rune_policy_outcome *ret_outcome)
{
    rune_term registers[FEW_REGISTERS];
    uint32_t few[FEW_MATCHES];
    struct walk walk;
    struct rune_candidates candidates;
    if (eval->store->policy_count == 0) {
        *ret_outcome = (struct rune_policy_outcome){0};
        return RUNE_OK;
    }
    init(&walk, eval, registers);
    enum rune_err err = rune_policy_index_find(eval, &walk.vm.entities, &candidates);
    if (err == RUNE_OK) {
        err = run_all(&walk, &candidates, few);
    }
    eval->steps_left = walk.vm.values.steps_left;
    eval->policies_evaluated += walk.total;
    struct rune_policy_outcome outcome;
    if (err == RUNE_OK && !keep_matching(&walk, &outcome)) {
        err = RUNE_E_LIMIT;
    }
    if (err == RUNE_OK) {
        *ret_outcome = outcome;
    }
    return err;
}

void rune_policy_error_format(const struct rune_eval *eval, const struct rune_policy_error *error,
                              struct rune_buf *out)
{
    const struct rune_values values = {
        .spaces = {[RUNE_SPACE_IMAGE] = &eval->store->terms,
                   [RUNE_SPACE_REQUEST] = rune_dict_terms(eval->values)}};
    rune_eval_error_format(&error->error, &values, out);
}

bool rune_policy_find_span(const struct rune_store *store, uint32_t policy, uint32_t pc,
                           uint32_t *ret_offset, uint32_t *ret_length)
{
    uint32_t word = store->policies[policy].code + pc;
    uint32_t low = 0;
    for (uint32_t high = store->code_span_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (store->code_spans[middle].code < word) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == store->code_span_count || store->code_spans[low].code != word) {
        return false;
    }
    *ret_offset = store->code_spans[low].offset;
    *ret_length = store->code_spans[low].length;
    return true;
}
