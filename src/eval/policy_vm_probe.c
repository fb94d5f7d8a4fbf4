/* SPDX-License-Identifier: Apache-2.0 */
/* policy_vm_probe: sets to which rules add, asked for single elements: what is stored first, then
 * the relation. No such set is built. */
#include "eval/policy_code.h"
#include "eval/policy_vm_int.h"

/* PROBE*: [op, .., register of the object, name, register of the argument, relation, plan]. */

static int probe_one(struct rune_policy_vm *vm, const uint32_t *pc, rune_term set,
                     rune_term element)
{
    const uint32_t *run = rune_values_set(&vm->values, set);
    rune_term object = vm->registers[pc[1]];
    bool found = rune_run_contains(run, element);
    if (found || pc[4] == RUNE_PROBE_NONE || !rune_policy_is_entity(object) ||
        !rune_probe_adds(&vm->entities, object, pc[2])) {
        return found;
    }
    const rune_term tuple[3] = {object, pc[2], element};
    if (rune_probe_relation(&vm->prober, pc[4], pc[5], tuple, &vm->values.steps_left, &found) !=
        RUNE_OK) {
        return rune_policy_fail(vm, RUNE_EVAL_LIMIT, 0, RUNE_TERM_NONE, RUNE_TERM_NONE);
    }
    return found;
}

/* What is probed: a set, or RUNE_POLICY_FAILED. */
static bool get_probed(struct rune_policy_vm *vm, const uint32_t *pc, rune_term *ret_set)
{
    if (!rune_policy_get_attribute(vm, vm->registers[pc[1]], pc[2], ret_set)) {
        return false;
    }
    if (rune_term_kind(*ret_set) != RUNE_KIND_SET) {
        rune_policy_fail_type(vm, RUNE_TYPE_SET, *ret_set);
        return false;
    }
    return true;
}

int rune_policy_probe(struct rune_policy_vm *vm, const uint32_t *pc)
{
    rune_term set;
    return get_probed(vm, pc, &set) ? probe_one(vm, pc, set, vm->registers[pc[3]])
                                    : RUNE_POLICY_FAILED;
}

bool rune_policy_probe_each(struct rune_policy_vm *vm, const uint32_t *pc, bool is_any,
                            bool *ret_truth)
{
    rune_term set, argument = vm->registers[pc[3]];
    if (!get_probed(vm, pc, &set)) {
        return false;
    }
    if (rune_term_kind(argument) != RUNE_KIND_SET) {
        rune_policy_fail_type(vm, RUNE_TYPE_SET, argument);
        return false;
    }
    const uint32_t *run = rune_values_set(&vm->values, argument);
    if (vm->values.steps_left < run[0]) {
        vm->values.steps_left = 0;
        rune_policy_fail(vm, RUNE_EVAL_LIMIT, 0, RUNE_TERM_NONE, RUNE_TERM_NONE);
        return false;
    }
    vm->values.steps_left -= run[0];
    *ret_truth = !is_any;
    for (uint32_t i = 1; i <= run[0] && *ret_truth != is_any; i++) {
        int found = probe_one(vm, pc, set, run[i]);
        if (found == RUNE_POLICY_FAILED) {
            return false;
        }
        *ret_truth = found != 0;
    }
    return true;
}

/* PROBE_EMPTY: [op, register of the object, name, relation, plan]. */
bool rune_policy_probe_empty(struct rune_policy_vm *vm, const uint32_t *pc, bool *ret_truth)
{
    rune_term set, object = vm->registers[pc[1]];
    bool found;
    if (!get_probed(vm, pc, &set)) {
        return false;
    }
    found = rune_values_set(&vm->values, set)[0] > 0;
    if (!found && pc[3] != RUNE_PROBE_NONE && rune_policy_is_entity(object) &&
        rune_probe_adds(&vm->entities, object, pc[2]) &&
        rune_probe_any(&vm->prober, pc[3], pc[4], object, &vm->values.steps_left, &found) !=
            RUNE_OK) {
        rune_policy_fail(vm, RUNE_EVAL_LIMIT, 0, RUNE_TERM_NONE, RUNE_TERM_NONE);
        return false;
    }
    *ret_truth = !found;
    return true;
}
