/* SPDX-License-Identifier: Apache-2.0 */
/* policy_vm_entities: hierarchy, attributes and tags of any entity, also of those that a request
 * brings. */
#include "eval/policy_code.h"
#include "eval/policy_vm_int.h"

/* ---- hierarchy ---- */

/* What the request brings is looked at entity by entity, once for each ancestor asked for. */
#define ENTITIES_A_STEP 8u

static bool take_in_steps(struct rune_policy_vm *vm, uint64_t ancestors)
{
    const struct rune_entities *entities = &vm->entities;
    uint64_t brought =
        !entities->is_plain && entities->request->has_parents ? entities->request->entity_count : 0;
    uint64_t steps = ancestors * (1 + brought / ENTITIES_A_STEP);
    if (RUNE_UNLIKELY(vm->values.steps_left < steps)) {
        vm->values.steps_left = 0;
        rune_policy_fail(vm, RUNE_EVAL_LIMIT, 0, RUNE_TERM_NONE, RUNE_TERM_NONE);
        return false;
    }
    vm->values.steps_left -= steps;
    return true;
}

/* `in` a set: all elements must be entities, also those behind one that would do. */
static int test_in_set(struct rune_policy_vm *vm, rune_term value, rune_term set)
{
    const uint32_t *run = rune_values_set(&vm->values, set);
    if (!take_in_steps(vm, run[0])) {
        return RUNE_POLICY_FAILED;
    }
    for (uint32_t i = 1; i <= run[0]; i++) {
        if (!rune_policy_is_entity(run[i])) {
            return rune_policy_fail_type(vm, RUNE_TYPE_ENTITY, run[i]);
        }
    }
    for (uint32_t i = 1; i <= run[0]; i++) {
        if (rune_entities_in(&vm->entities, value, run[i])) {
            return 1;
        }
    }
    return 0;
}

int rune_policy_test_in(struct rune_policy_vm *vm, rune_term value, rune_term container)
{
    if (RUNE_UNLIKELY(!rune_policy_is_entity(value))) {
        return rune_policy_fail_type(vm, RUNE_TYPE_ENTITY, value);
    }
    if (RUNE_LIKELY(rune_policy_is_entity(container))) {
        if (RUNE_UNLIKELY(!vm->entities.is_plain) && !take_in_steps(vm, 1)) {
            return RUNE_POLICY_FAILED;
        }
        return rune_entities_in(&vm->entities, value, container);
    }
    if (RUNE_UNLIKELY(rune_term_kind(container) != RUNE_KIND_SET)) {
        return rune_policy_fail_type(vm, RUNE_TYPE_SET | RUNE_TYPE_ENTITY, container);
    }
    return test_in_set(vm, value, container);
}

/* ---- attributes and tags ---- */

bool rune_policy_get_attribute(struct rune_policy_vm *vm, rune_term value, rune_term name,
                               rune_term *ret_term)
{
    rune_term found;
    if (RUNE_LIKELY(rune_policy_is_entity(value))) {
        const uint32_t *heap;
        const uint32_t *run = rune_entities_attrs(&vm->entities, value, &heap);
        if (RUNE_UNLIKELY(run == NULL)) {
            rune_policy_fail(vm, RUNE_EVAL_NO_ENTITY, 0, value, RUNE_TERM_NONE);
            return false;
        }
        found = rune_record_find(run, heap, name);
    } else if (RUNE_LIKELY(rune_term_kind(value) == RUNE_KIND_RECORD)) {
        found = rune_values_record_get(&vm->values, value, name);
    } else {
        rune_policy_fail_type(vm, RUNE_TYPE_RECORD | RUNE_TYPE_ENTITY, value);
        return false;
    }
    if (RUNE_UNLIKELY(found == RUNE_TERM_NONE)) {
        rune_policy_fail(vm, RUNE_EVAL_NO_ATTRIBUTE, 0, value, name);
        return false;
    }
    *ret_term = found;
    return true;
}

/* The tag's value or NONE. False: a type error. *ret_exists tells whether there is such an entity.
 */
static bool find_tag(struct rune_policy_vm *vm, rune_term entity, rune_term key, bool *ret_exists,
                     rune_term *ret_term)
{
    const uint32_t *heap;
    if (!rune_policy_is_entity(entity) || rune_term_kind(key) != RUNE_KIND_STRING) {
        rune_policy_fail_type(vm,
                              rune_policy_is_entity(entity) ? RUNE_TYPE_STRING : RUNE_TYPE_ENTITY,
                              rune_policy_is_entity(entity) ? key : entity);
        return false;
    }
    const uint32_t *run = rune_entities_tags(&vm->entities, entity, &heap);
    *ret_exists = run != NULL;
    *ret_term = run != NULL ? rune_record_find(run, heap, key) : RUNE_TERM_NONE;
    return true;
}

bool rune_policy_has_tag(struct rune_policy_vm *vm, rune_term entity, rune_term key,
                         rune_term *ret_term)
{
    bool exists;
    rune_term found;
    if (!find_tag(vm, entity, key, &exists, &found)) {
        return false;
    }
    *ret_term = rune_term_bool(found != RUNE_TERM_NONE);
    return true;
}

bool rune_policy_get_tag(struct rune_policy_vm *vm, rune_term entity, rune_term key,
                         rune_term *ret_term)
{
    bool exists;
    rune_term found;
    if (!find_tag(vm, entity, key, &exists, &found)) {
        return false;
    }
    if (found == RUNE_TERM_NONE) {
        rune_policy_fail(vm, exists ? RUNE_EVAL_NO_TAG : RUNE_EVAL_NO_ENTITY, 0, entity,
                         exists ? key : RUNE_TERM_NONE);
        return false;
    }
    *ret_term = found;
    return true;
}
