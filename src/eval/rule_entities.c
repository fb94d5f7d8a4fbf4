/* SPDX-License-Identifier: Apache-2.0 */
/* rule_entities: what rules see of entities: attributes and tags, types, and Cedar's `in`; stored
 * data first, what the request brings on top of it. */
#include "eval/entities.h"
#include "eval/rule_vm_int.h"

static bool is_stored_entity(const struct rune_rule_vm *vm, rune_term term)
{
    return rune_term_space(term) == RUNE_SPACE_IMAGE && rune_term_kind(term) == RUNE_KIND_ENTITY &&
           rune_term_index(term) < vm->entity_count;
}

static bool stored_in(const struct rune_rule_vm *vm, rune_term entity, rune_term ancestor)
{
    if (!is_stored_entity(vm, entity) || vm->store->entity_ancestors == NULL) {
        return false;
    }
    const uint32_t *heap = vm->values.spaces[RUNE_SPACE_IMAGE]->heap;
    return rune_run_contains(heap + vm->store->entity_ancestors[rune_term_index(entity)], ancestor);
}

bool rune_rule_is_in(const struct rune_rule_vm *vm, rune_term entity, rune_term ancestor,
                     bool sees_request)
{
    if (entity == ancestor || stored_in(vm, entity, ancestor)) {
        return true;
    }
    if (!sees_request || vm->request == NULL || !vm->request->has_parents) {
        return false;
    }
    for (uint32_t i = 0; i < vm->request->entity_count; i++) {
        const struct rune_request_entity *brought = &vm->request->entities[i];
        if (rune_run_scan(brought->ancestors, brought->ancestor_count, ancestor) &&
            (brought->uid == entity || stored_in(vm, entity, brought->uid))) {
            return true;
        }
    }
    return false;
}

rune_term rune_rule_get_attr(const struct rune_rule_vm *vm, rune_term entity, rune_term name,
                             uint32_t sees)
{
    bool of_tags = (sees & RUNE_RULE_OF_TAGS) != 0;
    if ((sees & RUNE_RULE_SEES_REQUEST) != 0) {
        const struct rune_request_entity *own = rune_entities_find_request(vm->request, entity);
        const uint32_t *run = own == NULL ? NULL : of_tags ? own->tags : own->attrs;
        const struct rune_terms *terms = vm->values.spaces[RUNE_SPACE_REQUEST];
        if (run != NULL && terms != NULL) {
            return rune_record_find(run, terms->heap, name);
        }
    }
    const uint32_t *runs = of_tags ? vm->store->entity_tags : vm->store->entity_attrs;
    if (!is_stored_entity(vm, entity) || runs == NULL) {
        return RUNE_TERM_NONE;
    }
    const uint32_t *heap = vm->values.spaces[RUNE_SPACE_IMAGE]->heap;
    return rune_record_find(heap + runs[rune_term_index(entity)], heap, name);
}

rune_term rune_rule_get_member(const struct rune_rule_vm *vm, rune_term record, rune_term name)
{
    if (rune_term_kind(record) != RUNE_KIND_RECORD) {
        return RUNE_TERM_NONE;
    }
    const struct rune_terms *terms = rune_rule_terms(&vm->values, record);
    return rune_record_find(terms->heap + terms->records[rune_term_index(record)], terms->heap,
                            name);
}

bool rune_rule_is_of_type(const struct rune_rule_vm *vm, rune_term entity, rune_term type)
{
    return rune_term_kind(entity) == RUNE_KIND_ENTITY &&
           rune_rule_terms(&vm->values, entity)->entity_type[rune_term_index(entity)] == type;
}

bool rune_rule_entity_exists(const struct rune_rule_vm *vm, rune_term entity)
{
    return is_stored_entity(vm, entity) && vm->store->entity_flags != NULL &&
           (vm->store->entity_flags[rune_term_index(entity)] & 1) != 0;
}

rune_term rune_rule_name_entity(struct rune_rule_vm *vm, rune_term type, rune_term id)
{
    if (rune_term_kind(type) != RUNE_KIND_STRING || rune_term_kind(id) != RUNE_KIND_STRING) {
        return RUNE_TERM_NONE;
    }
    rune_term found = rune_terms_find_entity(vm->values.spaces[RUNE_SPACE_IMAGE], type, id);
    const struct rune_terms *own = vm->values.spaces[RUNE_SPACE_REQUEST];
    if (found == RUNE_TERM_NONE && own != NULL) {
        found = rune_terms_find_entity(own, type, id);
    }
    if (found == RUNE_TERM_NONE) {
        found = rune_rule_make_entity(&vm->values, type, id);
        (void)rune_rule_computed(vm, NULL); /* out of memory ends it */
    }
    return found;
}
