/* SPDX-License-Identifier: Apache-2.0 */
/* Runs are gathered in an array that starts on the caller's arena with room for what nearly all requests find and grows
 * there. Where a request brings parents, its hierarchy may lead to one key twice, and its action to groups that the
 * builder did not expand: that way remembers which policies it has seen. */
#include "eval/policy_index.h"

#include <string.h>

#define FIRST_RUNS 24u

struct finder {
    const struct rune_store *store;
    const struct rune_entities *entities;
    struct rune_arena *arena;
    struct rune_candidates *runs;
    uint32_t count;
    uint32_t capacity;
    uint32_t flags;
    uint64_t *seen;           /* by policy; only where the request brings parents */
    enum rune_scope_key kind; /* of the keys that a visit of ancestors looks for */
    bool failed;
};

static bool add_run(struct finder *finder, const uint32_t *policies, uint32_t count)
{
    if (count == 0) {
        return true;
    }
    if (finder->count == finder->capacity) {
        struct rune_candidates *larger = rune_arena_alloc(finder->arena, (size_t)finder->capacity * 2 * sizeof *larger);
        if (larger == NULL) {
            finder->failed = true;
            return false;
        }
        memcpy(larger, finder->runs, finder->count * sizeof *larger);
        finder->runs = larger;
        finder->capacity *= 2;
    }
    finder->runs[finder->count++] = (struct rune_candidates){policies, count};
    return true;
}

/* Adds those of a run that were not added before, in runs as long as possible. */
static bool add_unseen(struct finder *finder, const uint32_t *policies, uint32_t count)
{
    uint32_t from = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t *word = &finder->seen[policies[i] / 64];
        uint64_t bit = UINT64_C(1) << policies[i] % 64;
        if ((*word & bit) != 0) {
            if (!add_run(finder, policies + from, i - from)) {
                return false;
            }
            from = i + 1;
        }
        *word |= bit;
    }
    return add_run(finder, policies + from, count - from);
}

static bool add(struct finder *finder, uint32_t first, uint32_t count)
{
    const uint32_t *policies = finder->store->policy_list + first;
    return finder->seen == NULL ? add_run(finder, policies, count) : add_unseen(finder, policies, count);
}

/* The slot of a key; `c` is no part of the key of an entity. NULL where there is none. */
static const struct rune_image_index_slot *find_slot(const struct rune_store *store, uint32_t kind, uint32_t a,
                                                     uint32_t b, uint32_t c)
{
    uint32_t mask = store->policy_index_slots - 1;
    bool is_scope = kind == RUNE_SCOPE_KEY_SCOPE;
    uint32_t at = rune_policy_index_home(kind, a, b, c, store->policy_index_slots);
    for (;; at = (at + 1) & mask) {
        const struct rune_image_index_slot *slot = &store->policy_index[at];
        if (slot->kind == 0) {
            return NULL;
        }
        if (slot->kind == kind && slot->a == a && slot->b == b && (!is_scope || slot->c == c)) {
            return slot;
        }
    }
}

static bool add_scope(struct finder *finder, uint32_t action, uint32_t principal_type, uint32_t resource_type)
{
    const struct rune_image_index_slot *slot =
        find_slot(finder->store, RUNE_SCOPE_KEY_SCOPE, action, principal_type, resource_type);
    return slot == NULL || add(finder, slot->first, slot->count);
}

/* The keys of the forms in use, for one action. */
static bool add_scopes(struct finder *finder, rune_term action, rune_term principal_type, rune_term resource_type)
{
    for (uint32_t forms = finder->flags & 0xff; forms != 0; forms &= forms - 1) {
        uint32_t form = (uint32_t)__builtin_ctz(forms);
        if (!add_scope(finder, (form & 1) != 0 ? action : RUNE_TERM_NONE,
                       (form & 2) != 0 ? principal_type : RUNE_TERM_NONE,
                       (form & 4) != 0 ? resource_type : RUNE_TERM_NONE)) {
            return false;
        }
    }
    return true;
}

static bool add_entity(struct finder *finder, enum rune_scope_key kind, rune_term uid)
{
    const struct rune_image_index_slot *slot = find_slot(finder->store, (uint32_t)kind, uid, 0, 0);
    return slot == NULL || add(finder, slot->first, slot->count);
}

static bool add_ancestor(struct finder *finder, enum rune_scope_key kind, rune_term uid)
{
    const struct rune_image_index_slot *slot = find_slot(finder->store, (uint32_t)kind, uid, 0, 0);
    return slot == NULL || add(finder, slot->first, slot->c);
}

static const uint32_t *bitmap_of(const struct rune_store *store, enum rune_scope_key kind)
{
    const uint32_t *words = store->ancestor_scopes;
    return words + RUNE_POLICY_INDEX_HEADER + (kind == RUNE_SCOPE_KEY_RESOURCE ? words[1] : 0);
}

/* The keys among a long ancestor set were found by the builder. */
static bool add_long_set(struct finder *finder, enum rune_scope_key kind, uint32_t heap_offset)
{
    const uint32_t *words = finder->store->ancestor_scopes;
    uint32_t slots = words[2];
    const uint32_t *map = words + RUNE_POLICY_INDEX_HEADER + 2 * (size_t)words[1];
    if (slots == 0) {
        return true;
    }
    uint32_t at = rune_policy_index_map_home(heap_offset, slots);
    while (map[2 * (size_t)at] != heap_offset) {
        if (map[2 * (size_t)at] == 0) {
            return true;
        }
        at = (at + 1) & (slots - 1);
    }
    const uint32_t *list = map + 2 * (size_t)slots + map[2 * (size_t)at + 1];
    if (kind == RUNE_SCOPE_KEY_RESOURCE) {
        list += list[0] + 1;
    }
    for (uint32_t i = 1; i <= list[0]; i++) {
        const struct rune_image_index_slot *slot = &finder->store->policy_index[list[i]];
        if (!add(finder, slot->first, slot->c)) {
            return false;
        }
    }
    return true;
}

static bool is_key(const uint32_t *bitmap, rune_term uid)
{
    uint32_t index = rune_term_index(uid);
    return (bitmap[index / 32] >> index % 32 & 1) != 0;
}

static bool add_stored_ancestors(struct finder *finder, enum rune_scope_key kind, rune_term uid)
{
    const struct rune_store *store = finder->store;
    const uint32_t *run = rune_entities_stored_ancestors(store, uid);
    if (run[0] > RUNE_POLICY_INDEX_SHORT) {
        return add_long_set(finder, kind, (uint32_t)(run - store->terms.heap));
    }
    const uint32_t *bitmap = bitmap_of(store, kind);
    for (uint32_t i = 1; i <= run[0]; i++) {
        if (is_key(bitmap, run[i]) && !add_ancestor(finder, kind, run[i])) {
            return false;
        }
    }
    return true;
}

static bool visit_added(void *context, rune_term ancestor)
{
    struct finder *finder = context;
    /* The bitmap knows the image's entities only, and so do keys. */
    return rune_term_space(ancestor) != RUNE_SPACE_IMAGE || !is_key(bitmap_of(finder->store, finder->kind), ancestor) ||
           add_ancestor(finder, finder->kind, ancestor);
}

static bool add_ancestors(struct finder *finder, enum rune_scope_key kind, rune_term uid)
{
    if (!add_stored_ancestors(finder, kind, uid)) {
        return false;
    }
    finder->kind = kind;
    return finder->seen == NULL || rune_entities_visit_added(finder->entities, uid, visit_added, finder);
}

/* Policies whose action is a group were filed under the group's stored members; a request may have made the action a
 * member. */
struct action_visit {
    struct finder *finder;
    rune_term principal_type;
    rune_term resource_type;
};

static bool visit_action_group(void *context, rune_term group)
{
    const struct action_visit *visit = context;
    return add_scopes(visit->finder, group, visit->principal_type, visit->resource_type);
}

static bool find_all(struct finder *finder, const struct rune_eval *eval)
{
    const struct rune_request *request = eval->request;
    const struct rune_values values = {
        .spaces = {[RUNE_SPACE_IMAGE] = &finder->store->terms, [RUNE_SPACE_REQUEST] = rune_dict_terms(eval->values)}};
    rune_term principal_type = RUNE_TERM_NONE, resource_type = RUNE_TERM_NONE;
    if ((finder->flags & 0xcc) != 0) { /* forms with a principal type */
        principal_type = rune_values_entity_type(&values, request->principal);
    }
    if ((finder->flags & 0xf0) != 0) { /* forms with a resource type */
        resource_type = rune_values_entity_type(&values, request->resource);
    }
    if (!add_scopes(finder, request->action, principal_type, resource_type)) {
        return false;
    }
    if (finder->seen != NULL) {
        struct action_visit visit = {finder, principal_type, resource_type};
        if (!rune_entities_visit_added(finder->entities, request->action, visit_action_group, &visit)) {
            return false;
        }
    }
    uint32_t flags = finder->flags;
    return ((flags & RUNE_POLICY_INDEX_PRINCIPAL) == 0 ||
            add_entity(finder, RUNE_SCOPE_KEY_PRINCIPAL, request->principal)) &&
           ((flags & RUNE_POLICY_INDEX_RESOURCE) == 0 ||
            add_entity(finder, RUNE_SCOPE_KEY_RESOURCE, request->resource)) &&
           ((flags & RUNE_POLICY_INDEX_PRINCIPAL_IN) == 0 ||
            add_ancestors(finder, RUNE_SCOPE_KEY_PRINCIPAL, request->principal)) &&
           ((flags & RUNE_POLICY_INDEX_RESOURCE_IN) == 0 ||
            add_ancestors(finder, RUNE_SCOPE_KEY_RESOURCE, request->resource));
}

enum rune_err rune_policy_index_find(const struct rune_eval *eval, const struct rune_entities *entities,
                                     struct rune_candidates **ret_runs, uint32_t *ret_count)
{
    const struct rune_store *store = eval->store;
    struct finder finder = {.store = store, .entities = entities, .arena = eval->arena, .capacity = FIRST_RUNS};
    if (store->ancestor_scope_count == 0 || store->policy_index_slots == 0) {
        *ret_count = 0;
        return RUNE_OK;
    }
    finder.flags = store->ancestor_scopes[0];
    finder.runs = rune_arena_alloc(eval->arena, FIRST_RUNS * sizeof *finder.runs);
    if (finder.runs == NULL) {
        return RUNE_E_LIMIT;
    }
    if (eval->request->has_parents) {
        finder.seen = rune_arena_calloc(eval->arena, (store->policy_count + 63) / 64, sizeof *finder.seen);
        if (finder.seen == NULL) {
            return RUNE_E_LIMIT;
        }
    }
    if (!find_all(&finder, eval)) {
        return RUNE_E_LIMIT;
    }
    *ret_runs = finder.runs;
    *ret_count = finder.count;
    return RUNE_OK;
}
