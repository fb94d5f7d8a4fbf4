/* SPDX-License-Identifier: Apache-2.0 */
/* rule_entities: what rules see of entities: attributes and tags, types, and Cedar's `in`; stored
 * data first, what the request brings on top of it. */
#include "eval/rule_vm_int.h"
#include "eval/values.h"

static bool is_stored_entity(const struct rune_rule_vm *vm, rune_term term)
{
    return rune_term_space(term) == RUNE_SPACE_IMAGE && rune_term_kind(term) == RUNE_KIND_ENTITY &&
           rune_term_index(term) < vm->entity_count;
}

static const struct rune_request_entity *find_brought(const struct rune_rule_vm *vm, rune_term uid)
{
    if (vm->request == NULL) {
        return NULL;
    }
    for (uint32_t low = 0, high = vm->request->entity_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        const struct rune_request_entity *entity = &vm->request->entities[middle];
        if (entity->uid == uid) {
            return entity;
        }
        if (entity->uid < uid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool brought_in(const struct rune_request_entity *entity, rune_term ancestor)
{
    for (uint32_t low = 0, high = entity->ancestor_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (entity->ancestors[middle] == ancestor) {
            return true;
        }
        if (entity->ancestors[middle] < ancestor) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
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
    if (!sees_request || vm->request == NULL) {
        return false;
    }
    const struct rune_request_entity *own = find_brought(vm, entity);
    if (own != NULL && brought_in(own, ancestor)) {
        return true;
    }
    for (uint32_t i = 0; vm->request->has_parents && i < vm->request->entity_count; i++) {
        const struct rune_request_entity *other = &vm->request->entities[i];
        if (brought_in(other, ancestor) && stored_in(vm, entity, other->uid)) {
            return true;
        }
    }
    return false;
}

/* The value of `name` in a record run whose shape lies in `heap`. */
static bool record_get(const uint32_t *heap, const uint32_t *run, rune_term name,
                       rune_term *ret_value)
{
    const uint32_t *shape = heap + run[0];
    uint32_t low = 0, high = shape[0];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (shape[1 + middle] < name) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == shape[0] || shape[1 + low] != name) {
        return false;
    }
    *ret_value = run[1 + low];
    return true;
}

bool rune_rule_get_attr(const struct rune_rule_vm *vm, rune_term entity, rune_term name,
                        uint32_t sees, rune_term *ret_value)
{
    bool of_tags = (sees & RUNE_RULE_OF_TAGS) != 0;
    if ((sees & RUNE_RULE_SEES_REQUEST) != 0) {
        const struct rune_request_entity *own = find_brought(vm, entity);
        const uint32_t *run = own == NULL ? NULL : of_tags ? own->tags : own->attrs;
        const struct rune_terms *terms = vm->values.spaces[RUNE_SPACE_REQUEST];
        if (run != NULL && terms != NULL) {
            return record_get(terms->heap, run, name, ret_value);
        }
    }
    const uint32_t *runs = of_tags ? vm->store->entity_tags : vm->store->entity_attrs;
    if (!is_stored_entity(vm, entity) || runs == NULL) {
        return false;
    }
    const uint32_t *heap = vm->values.spaces[RUNE_SPACE_IMAGE]->heap;
    return record_get(heap, heap + runs[rune_term_index(entity)], name, ret_value);
}

bool rune_rule_get_member(const struct rune_rule_vm *vm, rune_term record, rune_term name,
                          rune_term *ret_value)
{
    if (rune_term_kind(record) != RUNE_KIND_RECORD) {
        return false;
    }
    const struct rune_terms *terms = rune_rule_terms(&vm->values, record);
    return record_get(terms->heap, terms->heap + terms->records[rune_term_index(record)], name,
                      ret_value);
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
