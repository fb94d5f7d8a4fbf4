/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/probe.h"

#include "eval/rule_eval.h"

bool rune_probe_adds(const struct rune_entities *entities, rune_term entity, rune_term name)
{
    if (entities->is_plain) {
        return true;
    }
    const struct rune_request_entity *entry = rune_entities_find_request(entities->request, entity);
    if (entry == NULL || entry->given == RUNE_TERM_NONE) {
        return true;
    }
    const struct rune_terms *terms = rune_term_space(entry->given) == RUNE_SPACE_IMAGE
                                         ? &entities->store->terms
                                         : entities->request->terms;
    const uint32_t *run = terms->heap + terms->records[rune_term_index(entry->given)];
    return rune_record_find(run, terms->heap, name) == RUNE_TERM_NONE;
}

/* What the image does not know cannot have been derived from it. An inline integer is in no
 * dictionary, so it may always have been. */
static bool is_unknown(rune_term term)
{
    return rune_term_space(term) != RUNE_SPACE_IMAGE && !rune_term_is_inline(term);
}

/* All columns are bound, so every order of the relation serves. */
static bool find_stored(const struct rune_store *store, const struct rune_image_relation *relation,
                        const rune_term tuple[3])
{
    const struct rune_relations in = {store->relations, store->orders, (uintptr_t)store->tuples};
    const struct rune_image_order *order = &store->orders[relation->first_order];
    rune_term prefix[3];
    for (uint32_t i = 0; i < 3; i++) {
        prefix[i] = tuple[rune_order_column(order, 3, i)];
    }
    return rune_relation_exists(&in, relation->first_order, prefix, 3);
}

/* The order that begins with the entity, or the relation's number of them: there is none. */
static uint32_t find_by_entity(const struct rune_store *store,
                               const struct rune_image_relation *relation)
{
    uint32_t i = 0;
    while (i < relation->order_count &&
           rune_order_column(&store->orders[relation->first_order + i], 3, 0) != 0) {
        i++;
    }
    return i;
}

static bool any_stored(const struct rune_store *store, const struct rune_image_relation *relation,
                       rune_term entity)
{
    const struct rune_relations in = {store->relations, store->orders, (uintptr_t)store->tuples};
    return rune_relation_exists(&in, relation->first_order + find_by_entity(store, relation),
                                &entity, 1);
}

/* FAILCLOSED: builders let only rules be probed that cannot fail; of others nothing is believed. */
static enum rune_err find_demanded(struct rune_prober *prober, uint32_t first_plan,
                                   const rune_term *args, uint64_t *steps_left, bool *ret_found)
{
    const struct rune_store *store = prober->eval->store;
    if (prober->machine == NULL) {
        prober->machine = rune_rules_machine(prober->eval);
        if (prober->machine == NULL) {
            return RUNE_E_LIMIT;
        }
    }
    struct rune_rule_vm *machine = prober->machine;
    const struct rune_image_plan *first = &store->plans[first_plan];
    bool found = false;
    machine->steps_left = *steps_left;
    for (uint32_t i = first_plan;
         !found && machine->err == RUNE_OK && i < store->plan_count &&
         store->plans[i].relation == first->relation && store->plans[i].bound == first->bound;
         i++) {
        found = rune_rule_run(machine, &store->plans[i], args, NULL, NULL);
    }
    *steps_left = machine->steps_left;
    if (machine->err != RUNE_OK || machine->failed > 0 || machine->is_unsure) {
        return RUNE_E_LIMIT;
    }
    *ret_found = found;
    return RUNE_OK;
}

enum rune_err rune_probe_relation(struct rune_prober *prober, uint32_t relation,
                                  uint32_t first_plan, const rune_term tuple[3],
                                  uint64_t *steps_left, bool *ret_found)
{
    const struct rune_store *store = prober->eval->store;
    *ret_found = false;
    if (is_unknown(tuple[0]) || is_unknown(tuple[2])) {
        return RUNE_OK;
    }
    if (first_plan != RUNE_PROBE_NONE) {
        return find_demanded(prober, first_plan, tuple, steps_left, ret_found);
    }
    *ret_found = find_stored(store, &store->relations[relation], tuple);
    return RUNE_OK;
}

enum rune_err rune_probe_any(struct rune_prober *prober, uint32_t relation, uint32_t first_plan,
                             rune_term entity, uint64_t *steps_left, bool *ret_found)
{
    const struct rune_store *store = prober->eval->store;
    *ret_found = false;
    if (is_unknown(entity)) {
        return RUNE_OK;
    }
    if (first_plan != RUNE_PROBE_NONE) {
        return find_demanded(prober, first_plan, &entity, steps_left, ret_found);
    }
    *ret_found = any_stored(store, &store->relations[relation], entity);
    return RUNE_OK;
}

const char *rune_probe_verify(const struct rune_store *store, uint32_t relation,
                              uint32_t first_plan, uint32_t bound)
{
    const uint32_t bad = RUNE_RELATION_REQUEST | RUNE_RELATION_PARTIAL | RUNE_RELATION_UNSURE;
    if (relation == RUNE_PROBE_NONE) {
        return first_plan == RUNE_PROBE_NONE ? NULL : "a probe has a plan but no relation";
    }
    if (relation >= store->relation_count || store->relations[relation].arity != 3 ||
        (store->relations[relation].flags & bad) != 0) {
        return "a probe's relation cannot be probed";
    }
    if (first_plan == RUNE_PROBE_NONE) {
        const struct rune_image_relation *of = &store->relations[relation];
        bool is_stored = (of->flags & RUNE_RELATION_STORED) != 0 && of->order_count > 0;
        if (!is_stored) {
            return "a probe's relation is not stored";
        }
        if (of->first_order > store->order_count ||
            of->order_count > store->order_count - of->first_order) {
            return "a probe's relation has orders that are out of bounds";
        }
        return bound == RUNE_PROBE_BOUND || find_by_entity(store, of) < of->order_count
                   ? NULL
                   : "a probe's relation has no order that begins with the entity";
    }
    return first_plan < store->plan_count && store->plans[first_plan].relation == relation &&
                   store->plans[first_plan].bound == bound
               ? NULL
               : "a probe's plan is of something else";
}
