/* SPDX-License-Identifier: Apache-2.0 */
/* rule_instructions: what single instructions do that take more than a few lines: with values, with
 * what an entity has, with an aggregate's braces. */
#include "eval/rule_vm_int.h"

bool rune_rule_do_load_context(const struct rune_rule_vm *vm, const uint32_t *word,
                               rune_term *registers)
{
    registers[word[1]] = vm->request == NULL
                             ? RUNE_TERM_NONE
                             : rune_rule_get_member(vm, vm->request->context, word[2]);
    return registers[word[1]] != RUNE_TERM_NONE;
}

bool rune_rule_do_compare(struct rune_rule_vm *vm, const uint32_t *word, const rune_term *registers)
{
    int side = 0;
    const char *error =
        rune_rule_compare(&vm->values, registers[word[2]], registers[word[3]], &side);
    return rune_rule_computed(vm, error) &&
           rune_rule_compare_holds((enum rune_rule_compare)word[1], side);
}

bool rune_rule_do_arith(struct rune_rule_vm *vm, const uint32_t *word, rune_term *registers)
{
    const char *error =
        rune_rule_arith(&vm->values, (enum rune_rule_arith)word[1], registers[word[3]],
                        registers[word[4]], &registers[word[2]]);
    return rune_rule_computed(vm, error);
}

bool rune_rule_do_negate(struct rune_rule_vm *vm, const uint32_t *word, rune_term *registers)
{
    const char *error = rune_rule_negate(&vm->values, registers[word[2]], &registers[word[1]]);
    return rune_rule_computed(vm, error);
}

bool rune_rule_do_aggregate(struct rune_rule_vm *vm, const uint32_t *word, rune_term *registers)
{
    rune_term args[RUNE_RULE_MAX_ARITY];
    (void)rune_rule_gather(word + 6, registers, args);
    return rune_rule_fold(vm, (enum rune_rule_aggregate)word[1], vm->plans + word[3], word[4], args,
                          &registers[word[2]]);
}

bool rune_rule_do_load_attr(struct rune_rule_vm *vm, const uint32_t *word, rune_term *registers)
{
    registers[word[1]] = rune_rule_get_attr(vm, registers[word[2]], word[3], word[4]);
    return rune_rule_take_steps(vm, rune_rule_entity_steps(vm)) &&
           registers[word[1]] != RUNE_TERM_NONE;
}

bool rune_rule_do_entity_parts(const struct rune_rule_vm *vm, const uint32_t *word,
                               rune_term *registers)
{
    rune_term entity = registers[word[3]];
    if (rune_term_kind(entity) != RUNE_KIND_ENTITY) {
        return false;
    }
    const struct rune_terms *of = rune_rule_terms(&vm->values, entity);
    registers[word[1]] = of->entity_type[rune_term_index(entity)];
    registers[word[2]] = of->entity_id[rune_term_index(entity)];
    return true;
}

bool rune_rule_do_entity_make(struct rune_rule_vm *vm, const uint32_t *word, rune_term *registers)
{
    registers[word[1]] = rune_rule_name_entity(vm, registers[word[2]], registers[word[3]]);
    return registers[word[1]] != RUNE_TERM_NONE;
}

bool rune_rule_do_index_record(struct rune_rule_vm *vm, const uint32_t *word, rune_term *registers)
{
    registers[word[1]] = rune_rule_get_member(vm, registers[word[2]], word[3]);
    if (registers[word[1]] == RUNE_TERM_NONE) {
        rune_rule_fail(vm, "no_such_attribute");
        return false;
    }
    return true;
}

bool rune_rule_do_call_function(struct rune_rule_vm *vm, const uint32_t *word, rune_term *registers)
{
    rune_term args[RUNE_RULE_MAX_ARITY];
    (void)rune_rule_gather(word + 4, registers, args);
    const char *error =
        rune_rule_call_function(vm, (enum rune_rule_function)word[1], args, &registers[word[2]]);
    return rune_rule_computed(vm, error);
}
