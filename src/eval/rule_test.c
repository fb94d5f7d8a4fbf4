/* SPDX-License-Identifier: Apache-2.0 */
/* rule_test: instructions that tell whether something holds of values, and calls of functions. */
#include "eval/rule_vm_int.h"
#include "eval/values.h"

#define ENTITIES_A_STEP 8u /* of the request, that `in` looks at */

/* `in` looks at what the request brings, entity by entity, once for each ancestor asked for. */
static bool take_in_steps(struct rune_rule_vm *vm, uint64_t ancestors, bool sees_request)
{
    const struct rune_request *request = vm->request;
    uint64_t brought =
        sees_request && request != NULL && request->has_parents ? request->entity_count : 0;
    return rune_rule_take_steps(vm, ancestors *
                                        (rune_rule_entity_steps(vm) + brought / ENTITIES_A_STEP));
}

const char *rune_rule_call_function(struct rune_rule_vm *vm, enum rune_rule_function function,
                                    const rune_term *args, rune_term *ret_term)
{
    vm->values.max_work = vm->steps_left;
    return rune_rule_function(&vm->values, function, args, ret_term);
}

bool rune_rule_compare_holds(enum rune_rule_compare op, int order)
{
    switch (op) {
    case RUNE_RULE_LT:
        return order < 0;
    case RUNE_RULE_LE:
        return order <= 0;
    case RUNE_RULE_GT:
        return order > 0;
    case RUNE_RULE_GE:
        return order >= 0;
    }
    return false;
}

bool rune_rule_test_in(struct rune_rule_vm *vm, const uint32_t *word, const rune_term *registers)
{
    rune_term entity = registers[word[1]];
    bool sees_request = (word[2] & RUNE_RULE_SEES_REQUEST) != 0;
    bool found = false, is_typed = rune_term_kind(entity) == RUNE_KIND_ENTITY;
    const uint32_t *list = word + 4;
    if (!take_in_steps(vm, list[0], sees_request)) {
        return false;
    }
    for (uint32_t i = 0; i < list[0] && is_typed; i++) {
        rune_term ancestor = registers[list[1 + i]];
        is_typed = rune_term_kind(ancestor) == RUNE_KIND_ENTITY;
        found = found || (is_typed && rune_rule_is_in(vm, entity, ancestor, sees_request));
    }
    if (!is_typed) {
        return rune_rule_computed(vm, "type_error");
    }
    return found != ((word[2] & RUNE_RULE_NEGATED) != 0);
}

bool rune_rule_test_in_set(struct rune_rule_vm *vm, const uint32_t *word,
                           const rune_term *registers)
{
    rune_term entity = registers[word[1]], right = registers[word[2]];
    bool sees_request = (word[3] & RUNE_RULE_SEES_REQUEST) != 0;
    const uint32_t single[2] = {1, right};
    const uint32_t *run = single;
    if (rune_term_kind(right) == RUNE_KIND_SET) {
        const struct rune_terms *terms = rune_rule_terms(&vm->values, right);
        run = terms->heap + terms->sets[rune_term_index(right)];
    }
    bool found = false, is_typed = rune_term_kind(entity) == RUNE_KIND_ENTITY;
    if (!take_in_steps(vm, run[0], sees_request)) {
        return false;
    }
    for (uint32_t i = 0; i < run[0] && is_typed; i++) {
        is_typed = rune_term_kind(run[1 + i]) == RUNE_KIND_ENTITY;
        found = found || (is_typed && rune_rule_is_in(vm, entity, run[1 + i], sees_request));
    }
    if (!is_typed) {
        return rune_rule_computed(vm, "type_error");
    }
    return found != ((word[3] & RUNE_RULE_NEGATED) != 0);
}

bool rune_rule_test_element(struct rune_rule_vm *vm, rune_term value, rune_term set)
{
    if (rune_term_kind(set) != RUNE_KIND_SET) {
        rune_rule_fail(vm, "type_error");
        return false;
    }
    const struct rune_terms *of = rune_rule_terms(&vm->values, set);
    return rune_run_contains(of->heap + of->sets[rune_term_index(set)], value);
}

bool rune_rule_test_function(struct rune_rule_vm *vm, const uint32_t *word,
                             const rune_term *registers)
{
    rune_term args[4] = {0}, result = RUNE_TERM_NONE;
    (void)rune_rule_gather(word + 4, registers, args);
    const char *error =
        rune_rule_call_function(vm, (enum rune_rule_function)word[1], args, &result);
    return rune_rule_computed(vm, error) && vm->err == RUNE_OK &&
           (result == RUNE_TERM_TRUE) != (word[2] != 0);
}
