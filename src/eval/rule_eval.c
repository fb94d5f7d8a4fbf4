/* SPDX-License-Identifier: Apache-2.0 */
/* rule_eval: see rule_eval.h. A decision runs the plans of permit and forbid, which come first in
 * PLAN, with principal, action and resource bound; everything else follows from there. */
#include "eval/rule_eval.h"

#include <string.h>

#include "base/layout.h"
#include "eval/rule_vm.h"

static struct rune_relations relations_of(const struct rune_store *store)
{
    return (struct rune_relations){store->relations, store->orders, (uintptr_t)store->tuples};
}

/* A machine over the image, for one evaluation. */
static enum rune_err machine_init(struct rune_rule_vm *vm, const struct rune_eval *eval)
{
    const struct rune_store *store = eval->store;
    *vm = (struct rune_rule_vm){
        .in = relations_of(store),
        .plans = store->plans,
        .code = store->rule_code,
        .store = store,
        .entity_count = store->terms.entity_count,
        .request = eval->request,
        .brings_entities = eval->request != NULL && eval->request->entity_count > 0,
        .steps_left = eval->steps_left,
    };
    vm->values.spaces[RUNE_SPACE_IMAGE] = &store->terms;
    vm->values.dict = eval->values;
    vm->values.own = RUNE_SPACE_REQUEST;
    if (eval->values != NULL) {
        vm->values.spaces[RUNE_SPACE_REQUEST] = rune_dict_terms(eval->values);
    } else if (eval->request != NULL) {
        vm->values.spaces[RUNE_SPACE_REQUEST] = eval->request->terms;
    }
    return rune_rule_vm_init(vm, eval->arena);
}

struct rune_rule_vm *rune_rules_machine(const struct rune_eval *eval)
{
    struct rune_rule_vm *vm = RUNE_ARENA_NEW(eval->arena, struct rune_rule_vm);
    return vm != NULL && machine_init(vm, eval) == RUNE_OK ? vm : NULL;
}

/* ---- decisions ---- */

struct decision {
    struct rune_rule_vm *vm;
    struct rune_eval *eval;
    uint32_t *matches;
    uint32_t match_count;
    struct rune_rule_error *errors;
    uint32_t error_count, error_capacity;
};

static bool add_error(struct decision *decision, uint32_t rule, const char *code)
{
    if (decision->error_count == decision->error_capacity) {
        uint32_t capacity = decision->error_capacity == 0 ? 4 : decision->error_capacity * 2;
        struct rune_rule_error *errors =
            RUNE_ARENA_ARRAY(decision->eval->arena, struct rune_rule_error, capacity);
        if (errors == NULL) {
            return false;
        }
        if (decision->error_count > 0) {
            memcpy(errors, decision->errors, decision->error_count * sizeof(*errors));
        }
        decision->errors = errors;
        decision->error_capacity = capacity;
    }
    decision->errors[decision->error_count++] = (struct rune_rule_error){rule, code};
    return true;
}

/* One rule: all plans from `at` on that share its number (its branches). */
static enum rune_err decide_rule(struct decision *decision, uint32_t at, uint32_t end,
                                 bool is_permit)
{
    struct rune_rule_vm *vm = decision->vm;
    const struct rune_request *request = decision->eval->request;
    const rune_term args[3] = {request->principal, request->action, request->resource};
    uint32_t rule = vm->plans[at].rule;
    bool matches = false;
    vm->failed = 0;
    vm->is_unsure = false;
    vm->error = NULL;
    for (uint32_t i = at; i < end && vm->err == RUNE_OK && !matches; i++) {
        matches = rune_rule_run(vm, &vm->plans[i], args, NULL, NULL) && vm->err == RUNE_OK;
    }
    decision->eval->rules_evaluated++;
    if (vm->err != RUNE_OK) {
        return vm->err;
    }
    /* FAILCLOSED: a permit whose proof rests on something absent that could not be computed is
     * none. */
    if (matches && !(is_permit && vm->is_unsure)) {
        decision->matches[decision->match_count++] = rule;
        return RUNE_OK;
    }
    if (vm->failed == 0 && !vm->is_unsure) {
        return RUNE_OK;
    }
    return add_error(decision, rule, vm->error != NULL ? vm->error : "partial_relation")
               ? RUNE_OK
               : RUNE_E_LIMIT;
}

/* The plans of permit, or behind them those of forbid. */
static enum rune_err decide_effect(struct decision *decision, uint32_t *at,
                                   enum rune_relation_flag effect)
{
    const struct rune_store *store = decision->eval->store;
    uint32_t end = *at;
    while (end < store->plan_count &&
           (store->relations[store->plans[end].relation].flags & (uint32_t)effect) != 0) {
        end++;
    }
    uint32_t begin = *at;
    *at = end;
    decision->match_count = 0;
    if (begin == end) {
        return RUNE_OK;
    }
    decision->matches = rune_arena_alloc(decision->eval->arena, (end - begin) * sizeof(uint32_t));
    if (decision->matches == NULL) {
        return RUNE_E_LIMIT;
    }
    while (begin < end) {
        uint32_t next = begin + 1;
        while (next < end && store->plans[next].rule == store->plans[begin].rule) {
            next++;
        }
        enum rune_err err = decide_rule(decision, begin, next, effect == RUNE_RELATION_PERMIT);
        if (err != RUNE_OK) {
            return err;
        }
        begin = next;
    }
    return RUNE_OK;
}

static inline rune_term part_ahead(const struct rune_request *request, uint32_t part)
{
    return part == 0 ? request->principal : part == 1 ? request->action : request->resource;
}

void rune_rules_fetch_keys(const struct rune_store *store, const struct rune_request *request)
{
    const struct rune_relations in = relations_of(store);
    for (uint32_t i = 0; i < store->ahead_count; i++) {
        const struct rune_image_ahead *ahead = &store->ahead[i];
        rune_relation_fetch_key(&in, ahead->order, part_ahead(request, ahead->part));
    }
}

void rune_rules_fetch_rows(const struct rune_store *store, const struct rune_request *request)
{
    const struct rune_relations in = relations_of(store);
    for (uint32_t i = 0; i < store->ahead_count; i++) {
        const struct rune_image_ahead *ahead = &store->ahead[i];
        rune_relation_fetch_row(&in, ahead->order, part_ahead(request, ahead->part));
    }
}

static RUNE_APART enum rune_err decide_rules(struct rune_eval *eval,
                                             struct rune_rule_outcome *ret_outcome)
{
    struct rune_rule_vm vm;
    enum rune_err err = machine_init(&vm, eval);
    if (err != RUNE_OK) {
        return RUNE_E_LIMIT;
    }
    struct decision decision = {.vm = &vm, .eval = eval};
    struct rune_rule_outcome outcome = {0};
    uint32_t at = 0;
    err = decide_effect(&decision, &at, RUNE_RELATION_PERMIT);
    outcome.permits = decision.matches;
    outcome.permit_count = decision.match_count;
    if (err == RUNE_OK) {
        err = decide_effect(&decision, &at, RUNE_RELATION_FORBID);
        outcome.forbids = decision.matches;
        outcome.forbid_count = decision.match_count;
    }
    eval->steps_left = vm.steps_left;
    if (err != RUNE_OK) {
        return RUNE_E_LIMIT;
    }
    outcome.errors = decision.errors;
    outcome.error_count = decision.error_count;
    *ret_outcome = outcome;
    return RUNE_OK;
}

enum rune_err rune_rules_decide(struct rune_eval *eval, struct rune_rule_outcome *ret_outcome)
{
    const struct rune_store *store = eval->store;
    const uint32_t effects = RUNE_RELATION_PERMIT | RUNE_RELATION_FORBID;
    *ret_outcome = (struct rune_rule_outcome){0};
    if (store->plan_count == 0 ||
        (store->relations[store->plans[0].relation].flags & effects) == 0) {
        return RUNE_OK;
    }
    return decide_rules(eval, ret_outcome);
}

enum rune_err rune_rules_find_values(struct rune_eval *eval, uint32_t first_plan,
                                     uint32_t plan_count, rune_term key, rune_term ret_values[2],
                                     uint32_t *ret_count, bool *ret_is_partial)
{
    struct rune_rule_vm vm;
    if (machine_init(&vm, eval) != RUNE_OK) {
        return RUNE_E_LIMIT;
    }
    const struct rune_rule_table *table =
        rune_rule_solve(&vm, &eval->store->plans[first_plan], plan_count, &key);
    eval->steps_left = vm.steps_left;
    if (table == NULL) {
        return RUNE_E_LIMIT;
    }
    *ret_count = table->count < 2 ? table->count : 2;
    for (uint32_t i = 0; i < *ret_count; i++) {
        ret_values[i] = table->rows[(size_t)i * table->arity + 1];
    }
    *ret_is_partial = vm.failed != 0 || vm.is_unsure;
    return RUNE_OK;
}
