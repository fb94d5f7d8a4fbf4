/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/probe.h"

#include "eval/rule_eval.h"

bool rune_probe_adds(const struct rune_entities *entities, rune_term entity, rune_term name)
{
    if (entities->is_plain) {
        return true;
    }
    const struct rune_request_entity *entry = rune_entities_find_request(entities, entity);
    if (entry == NULL || entry->given == RUNE_TERM_NONE) {
        return true;
    }
    const struct rune_terms *terms = rune_term_space(entry->given) == RUNE_SPACE_IMAGE
                                         ? &entities->store->terms
                                         : entities->request->terms;
    const uint32_t *run = terms->heap + terms->records[rune_term_index(entry->given)];
    return rune_record_find(run, terms->heap, name) == RUNE_TERM_NONE;
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

/* FAILCLOSED: builders let only rules be probed that cannot fail; of others nothing is believed. */
static enum rune_err find_demanded(struct rune_prober *prober, uint32_t relation,
                                   uint32_t first_plan, const rune_term tuple[3],
                                   uint64_t *steps_left, bool *ret_found)
{
    const struct rune_store *store = prober->eval->store;
    if (prober->machine == NULL) {
        prober->machine = rune_rules_machine(prober->eval);
        if (prober->machine == NULL) {
            return RUNE_E_LIMIT;
        }
    }
    struct rune_rule_vm *machine = prober->machine;
    bool found = false;
    machine->steps_left = *steps_left;
    for (uint32_t i = first_plan;
         !found && machine->err == RUNE_OK && i < store->plan_count &&
         store->plans[i].relation == relation && store->plans[i].bound == RUNE_PROBE_BOUND;
         i++) {
        found = rune_rule_run(machine, &store->plans[i], tuple, NULL, NULL);
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
    /* What the image does not know cannot have been derived from it. */
    if (rune_term_space(tuple[0]) != RUNE_SPACE_IMAGE ||
        rune_term_space(tuple[2]) != RUNE_SPACE_IMAGE) {
        return RUNE_OK;
    }
    if (first_plan != RUNE_PROBE_NONE) {
        return find_demanded(prober, relation, first_plan, tuple, steps_left, ret_found);
    }
    *ret_found = find_stored(store, &store->relations[relation], tuple);
    return RUNE_OK;
}

const char *rune_probe_verify(const struct rune_store *store, uint32_t relation,
                              uint32_t first_plan)
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
        bool is_stored = (store->relations[relation].flags & RUNE_RELATION_STORED) != 0 &&
                         store->relations[relation].order_count > 0;
        return is_stored ? NULL : "a probe's relation is not stored";
    }
    return first_plan < store->plan_count && store->plans[first_plan].relation == relation &&
                   store->plans[first_plan].bound == RUNE_PROBE_BOUND
               ? NULL
               : "a probe's plan is of something else";
}
