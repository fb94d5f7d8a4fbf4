/* SPDX-License-Identifier: Apache-2.0 */
/* Which key each policy is filed under. A key is good when few policies share it, and better when
 * it is coarse: fewer entries to store, fewer forms of keys that a request must look for. So each
 * policy takes
 *
 *  1. its principal or its resource alone, if no more than FEW share that: what the key says
 *     nothing of (the action) the policy's own tests say. A policy without entities: its actions;
 *  2. else the first of these that no more than FEW share, or the one that the fewest share:
 *     principal and action, resource and action, all three, principal and resource, types.
 *
 * The third is what keeps a decision flat where many policies share a principal and, crosswise,
 * many a resource. Groups that actions are tested against are expanded to their stored members. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cedar/index_int.h"
#include "eval/policy_code.h"

/* LIMIT: a policy that allows more actions is filed under "any action". */
#define MAX_ACTIONS 1024u

#define FEW 2u

/* ---- action groups ---- */

static int compare_members(const void *a, const void *b)
{
    const struct rune_index_member *x = a;
    const struct rune_index_member *y = b;
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    return (x->action > y->action) - (x->action < y->action);
}

/* The entities of an action test: one, or those of a set. */
static const rune_term *actions_of(const struct rune_index_builder *builder,
                                   const rune_term *action, uint32_t *ret_count)
{
    if (rune_term_kind(*action) != RUNE_KIND_SET) {
        *ret_count = 1;
        return action;
    }
    const uint32_t *run = builder->terms->heap + builder->terms->sets[rune_term_index(*action)];
    *ret_count = run[0];
    return run + 1;
}

/* Marks the groups of all `action in` tests; false if there are none. */
static bool mark_groups(const struct rune_index_builder *builder, uint64_t *groups)
{
    bool any = false;
    for (size_t i = 0; i < builder->program->keys.count; i++) {
        const struct rune_cedar_key *key = &builder->program->keys.items[i];
        if (key->action == RUNE_TERM_NONE || !key->action_in || key->never) {
            continue;
        }
        uint32_t count;
        const rune_term *actions = actions_of(builder, &key->action, &count);
        for (uint32_t j = 0; j < count; j++) {
            rune_index_set_bit(groups, rune_term_index(actions[j]));
            any = true;
        }
    }
    return any;
}

/* Whether an ancestor set has a marked entity; `seen` and `hits` remember it by the set's offset.
 */
static bool meets(const uint32_t *heap, uint32_t offset, const uint64_t *marked, uint64_t *seen,
                  uint64_t *hits)
{
    if (!rune_index_test_bit(seen, offset)) {
        rune_index_set_bit(seen, offset);
        for (uint32_t i = 1; i <= heap[offset]; i++) {
            if (rune_index_test_bit(marked, rune_term_index(heap[offset + i]))) {
                rune_index_set_bit(hits, offset);
                break;
            }
        }
    }
    return rune_index_test_bit(hits, offset);
}

static enum rune_err add_members(struct rune_index_builder *builder, uint32_t entity,
                                 const uint64_t *groups)
{
    const uint32_t *run = builder->terms->heap + builder->entity_ancestors[entity];
    rune_term action = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, entity);
    for (uint32_t i = 1; i <= run[0]; i++) {
        if (rune_index_test_bit(groups, rune_term_index(run[i]))) {
            struct rune_index_member member = {run[i], action};
            if (!RUNE_VEC_PUSH(&builder->members, member)) {
                return RUNE_E_NOMEM;
            }
        }
    }
    return RUNE_OK;
}

static enum rune_err expand_groups(struct rune_index_builder *builder)
{
    const struct rune_terms *terms = builder->terms;
    uint64_t *groups = rune_index_make_bitmap(terms->entity_count);
    uint64_t *seen = rune_index_make_bitmap(terms->heap_count);
    uint64_t *hits = rune_index_make_bitmap(terms->heap_count);
    enum rune_err err = groups == NULL || seen == NULL || hits == NULL ? RUNE_E_NOMEM : RUNE_OK;
    if (err == RUNE_OK && mark_groups(builder, groups)) {
        for (uint32_t i = 0; err == RUNE_OK && i < terms->entity_count; i++) {
            if (meets(terms->heap, builder->entity_ancestors[i], groups, seen, hits)) {
                err = add_members(builder, i, groups);
            }
        }
        if (builder->members.count > 0) {
            qsort(builder->members.items, builder->members.count, sizeof *builder->members.items,
                  compare_members);
        }
    }
    rune_free(groups);
    rune_free(seen);
    rune_free(hits);
    return err;
}

/* The members of a group: *ret_count of them from the result on. */
static const struct rune_index_member *find_members(const struct rune_index_builder *builder,
                                                    rune_term group, size_t *ret_count)
{
    const struct rune_index_member *items = builder->members.items;
    if (builder->members.count == 0) {
        *ret_count = 0;
        return NULL;
    }
    size_t low = 0;
    for (size_t high = builder->members.count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (items[middle].group < group) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t end = low;
    while (end < builder->members.count && items[end].group == group) {
        end++;
    }
    *ret_count = end - low;
    return items + low;
}

static int compare_terms(const void *a, const void *b)
{
    rune_term x = *(const rune_term *)a;
    rune_term y = *(const rune_term *)b;
    return (x > y) - (x < y);
}

/* All actions that pass a policy's test, each once, sorted, at the end of builder->actions. */
static enum rune_err list_actions(struct rune_index_builder *builder,
                                  const struct rune_cedar_key *key,
                                  struct rune_index_actions *ret_actions)
{
    uint32_t named;
    const rune_term *names = actions_of(builder, &key->action, &named);
    struct rune_vec_u32 *actions = &builder->actions;
    size_t first = actions->count;
    bool ok = true;
    for (uint32_t i = 0; i < named && ok; i++) {
        size_t members = 0;
        const struct rune_index_member *member =
            key->action_in ? find_members(builder, names[i], &members) : NULL;
        ok = RUNE_VEC_PUSH(actions, names[i]);
        for (size_t j = 0; j < members && ok; j++) {
            ok = RUNE_VEC_PUSH(actions, member[j].action);
        }
    }
    if (!ok) {
        return RUNE_E_NOMEM;
    }
    rune_term *items = actions->items + first;
    size_t count = actions->count - first;
    uint32_t kept = 0;
    if (count > 0) {
        qsort(items, count, sizeof *items, compare_terms);
    }
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || items[i] != items[kept - 1]) {
            items[kept++] = items[i];
        }
    }
    if (kept > MAX_ACTIONS) {
        items[0] = RUNE_TERM_NONE;
        kept = 1;
    }
    actions->count = first + kept;
    *ret_actions = (struct rune_index_actions){(uint32_t)first, kept};
    return RUNE_OK;
}

/* The actions of a policy: NONE alone where it allows any. Policies with one test share a list. */
static enum rune_err actions_of_policy(struct rune_index_builder *builder,
                                       const struct rune_cedar_key *key,
                                       const rune_term **ret_actions, uint32_t *ret_count)
{
    static const rune_term any = RUNE_TERM_NONE;
    if (key->action == RUNE_TERM_NONE) {
        *ret_actions = &any;
        *ret_count = 1;
        return RUNE_OK;
    }
    uint32_t test = rune_index_number(&builder->tests, key->action_in, key->action, 0, 0);
    if (test == UINT32_MAX) {
        return RUNE_E_NOMEM;
    }
    if (test == builder->passes.count) {
        struct rune_index_actions passes;
        enum rune_err err = list_actions(builder, key, &passes);
        if (err != RUNE_OK || !RUNE_VEC_PUSH(&builder->passes, passes)) {
            return RUNE_E_NOMEM;
        }
    }
    *ret_actions = builder->actions.items + builder->passes.items[test].first;
    *ret_count = builder->passes.items[test].count;
    return RUNE_OK;
}

/* ---- ways of filing ---- */

enum way {
    BY_PRINCIPAL,
    BY_RESOURCE,
    BY_ACTION, /* the coarse ones end here */
    BY_PRINCIPAL_ACTION,
    BY_RESOURCE_ACTION,
    BY_PAIR_ACTION,
    BY_PAIR,
    BY_SCOPE,
    WAYS,
};

static bool has_entity(const struct rune_cedar_key *key)
{
    return key->principal != RUNE_TERM_NONE || key->resource != RUNE_TERM_NONE;
}

/* A policy under PAIR_ACTION has one action: so none is twice among those of a principal. */
static bool is_open(const struct rune_cedar_key *key, enum way way, uint32_t actions)
{
    bool has_principal = key->principal != RUNE_TERM_NONE;
    bool has_resource = key->resource != RUNE_TERM_NONE;
    switch (way) {
    case BY_PRINCIPAL:
    case BY_PRINCIPAL_ACTION:
        return has_principal;
    case BY_RESOURCE:
    case BY_RESOURCE_ACTION:
        return has_resource;
    case BY_ACTION:
        return !has_entity(key);
    case BY_PAIR:
        return has_principal && has_resource;
    case BY_PAIR_ACTION:
        return has_principal && has_resource && actions == 1 && key->action != RUNE_TERM_NONE;
    case BY_SCOPE:
        return true;
    case WAYS:
        break;
    }
    return false;
}

/* The number of the key that a way gives for one action. */
static uint32_t key_of(struct rune_index_keys *keys, const struct rune_cedar_key *key, enum way way,
                       rune_term action)
{
    switch (way) {
    case BY_PRINCIPAL:
        return rune_index_number(keys, RUNE_SCOPE_KEY_PRINCIPAL, key->principal, RUNE_TERM_NONE, 0);
    case BY_RESOURCE:
        return rune_index_number(keys, RUNE_SCOPE_KEY_RESOURCE, key->resource, RUNE_TERM_NONE, 0);
    case BY_ACTION:
        return rune_index_number(keys, RUNE_SCOPE_KEY_SCOPE, action, RUNE_TERM_NONE,
                                 RUNE_TERM_NONE);
    case BY_PRINCIPAL_ACTION:
        return rune_index_number(keys, RUNE_SCOPE_KEY_PRINCIPAL, key->principal, action, 0);
    case BY_RESOURCE_ACTION:
        return rune_index_number(keys, RUNE_SCOPE_KEY_RESOURCE, key->resource, action, 0);
    case BY_PAIR:
        return rune_index_number(keys, RUNE_SCOPE_KEY_PAIR, key->principal, key->resource,
                                 RUNE_TERM_NONE);
    case BY_PAIR_ACTION:
        return rune_index_number(keys, RUNE_SCOPE_KEY_PAIR, key->principal, key->resource, action);
    case BY_SCOPE:
    case WAYS:
        break;
    }
    return rune_index_number(keys, RUNE_SCOPE_KEY_SCOPE, action, key->principal_type,
                             key->resource_type);
}

static bool is_by_action(enum way way)
{
    return way != BY_PRINCIPAL && way != BY_RESOURCE && way != BY_PAIR;
}

/* Adds `by` to the policies of each key that a way gives; *ret_most is then the largest of them. */
static enum rune_err count_way(struct rune_index_builder *builder, struct rune_index_keys *keys,
                               const struct rune_cedar_key *key, enum way way, uint32_t by,
                               uint32_t *ret_most)
{
    const rune_term *actions;
    uint32_t count;
    enum rune_err err = actions_of_policy(builder, key, &actions, &count);
    *ret_most = UINT32_MAX;
    if (err != RUNE_OK || !is_open(key, way, count)) {
        return err;
    }
    *ret_most = 0;
    for (uint32_t i = 0; i < (is_by_action(way) ? count : 1); i++) {
        uint32_t number = key_of(keys, key, way, actions[i]);
        if (number == UINT32_MAX) {
            return RUNE_E_NOMEM;
        }
        keys->items[number].count += by;
        uint32_t company = keys->items[number].count;
        *ret_most = company > *ret_most ? company : *ret_most;
    }
    return RUNE_OK;
}

/* Ways [from, to) of all policies without a way yet. */
static enum rune_err count_ways(struct rune_index_builder *builder, struct rune_index_keys *keys,
                                const uint8_t *ways, enum way from, enum way to)
{
    const struct rune_vec_cedar_key *policies = &builder->program->keys;
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < policies->count; i++) {
        for (enum way way = from; way < to && ways[i] == WAYS && err == RUNE_OK; way++) {
            uint32_t most;
            err = policies->items[i].never
                      ? RUNE_OK
                      : count_way(builder, keys, &policies->items[i], way, 1, &most);
        }
    }
    return err;
}

/* The first of [from, to) that no more than `few` share, else the least shared; WAYS: none is open.
 */
static enum rune_err best_way(struct rune_index_builder *builder, struct rune_index_keys *keys,
                              const struct rune_cedar_key *key, enum way from, enum way to,
                              uint32_t few, enum way *ret_way, uint32_t *ret_company)
{
    *ret_way = WAYS;
    *ret_company = UINT32_MAX;
    for (enum way way = from; way < to; way++) {
        uint32_t company;
        enum rune_err err = count_way(builder, keys, key, way, 0, &company);
        if (err != RUNE_OK) {
            return err;
        }
        if (company < *ret_company) {
            *ret_way = way;
            *ret_company = company;
        }
        if (company <= few) {
            break;
        }
    }
    return RUNE_OK;
}

static enum rune_err choose_ways(struct rune_index_builder *builder, struct rune_index_keys *keys,
                                 uint8_t *ways)
{
    const struct rune_vec_cedar_key *policies = &builder->program->keys;
    enum way way;
    uint32_t company;
    enum rune_err err = count_ways(builder, keys, ways, BY_PRINCIPAL, BY_PRINCIPAL_ACTION);
    for (size_t i = 0; i < policies->count && err == RUNE_OK; i++) {
        if (!policies->items[i].never) {
            err = best_way(builder, keys, &policies->items[i], BY_PRINCIPAL, BY_PRINCIPAL_ACTION,
                           FEW, &way, &company);
            ways[i] = err == RUNE_OK && company <= FEW ? (uint8_t)way : WAYS;
        }
    }
    for (size_t i = 0; i < keys->count; i++) {
        keys->items[i].count = 0; /* some are keys of finer ways, too */
    }
    if (err == RUNE_OK) {
        err = count_ways(builder, keys, ways, BY_PRINCIPAL_ACTION, WAYS);
    }
    for (size_t i = 0; i < policies->count && err == RUNE_OK; i++) {
        if (ways[i] == WAYS && !policies->items[i].never) {
            err = best_way(builder, keys, &policies->items[i], BY_PRINCIPAL_ACTION, WAYS, FEW, &way,
                           &company);
            ways[i] = (uint8_t)way;
        }
    }
    return err;
}

/* ---- filing ---- */

/* Whoever finds a policy by such a way has one of its actions. Not by a pair: all pairs of a
 * principal are taken at times. */
static bool tells_action(enum way way)
{
    return is_by_action(way) && way != BY_PAIR_ACTION;
}

static enum rune_err file_policy(struct rune_index_builder *builder, uint32_t policy, enum way way)
{
    const struct rune_cedar_key *key = &builder->program->keys.items[policy];
    const rune_term *actions;
    uint32_t count;
    enum rune_err err = actions_of_policy(builder, key, &actions, &count);
    for (uint32_t i = 0; err == RUNE_OK && i < (is_by_action(way) ? count : 1); i++) {
        struct rune_index_entry entry = {key_of(&builder->keys, key, way, actions[i]), policy};
        if (entry.key == UINT32_MAX || !RUNE_VEC_PUSH(&builder->entries, entry)) {
            return RUNE_E_NOMEM;
        }
        builder->keys.items[entry.key].count++;
    }
    if (err == RUNE_OK && tells_action(way) && actions[0] != RUNE_TERM_NONE) {
        builder->program->policies.items[policy].entry = RUNE_POLICY_ACTION_WORDS;
    }
    return err;
}

enum rune_err rune_index_choose(struct rune_index_builder *builder)
{
    size_t count = builder->program->keys.count;
    struct rune_index_keys offers = {0};
    uint8_t *ways = rune_alloc(count + 1);
    enum rune_err err = ways == NULL ? RUNE_E_NOMEM : expand_groups(builder);
    if (err == RUNE_OK) {
        memset(ways, WAYS, count + 1);
        err = choose_ways(builder, &offers, ways);
    }
    rune_index_keys_fini(&offers);
    for (uint32_t i = 0; i < count && err == RUNE_OK; i++) {
        if (!builder->program->keys.items[i].never) {
            err = file_policy(builder, i, (enum way)ways[i]);
        }
    }
    rune_free(ways);
    return err;
}
