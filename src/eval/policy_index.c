/* SPDX-License-Identifier: Apache-2.0 */
/* Runs are gathered in an array of the caller's with room for what nearly all requests find, and
 * grow on the arena. Where a request brings parents, its hierarchy may lead to one key
 * twice, and its action to groups that the builder did not expand: that way remembers which
 * policies it has seen. */
#include "eval/policy_index.h"

#include "base/layout.h"

#include <string.h>

#define FIRST_KEYS 16u
#define FEW_PAIRS  16u /* that many are tried without counting what else there is */

/* The request's principal or resource with those of its ancestors that are keys. */
struct side {
    rune_term few[FIRST_KEYS];
    rune_term *keys;
    uint32_t count, capacity;
};

struct finder {
    const struct rune_store *store;
    const struct rune_entities *entities;
    struct rune_arena *arena;
    struct rune_candidate_run *runs;
    uint32_t count;
    uint32_t capacity;
    uint32_t total; /* policies in all runs */
    uint32_t flags;
    rune_term action;
    rune_term principal_type;
    rune_term resource_type;
    uint64_t *seen;                    /* by policy; only where the request brings parents */
    enum rune_scope_key kind;          /* of the keys that a visit of ancestors looks for */
    struct side principals, resources; /* only where there are pairs */
};

/* Which policies of an entity's key are candidates: all where it is the request's own, those with
 * `in` else. */
enum closeness { ITSELF, ANCESTOR };

static RUNE_COLD __attribute__((noinline)) bool grow_runs(struct finder *finder)
{
    struct rune_candidate_run *larger =
        rune_arena_alloc(finder->arena, (size_t)finder->capacity * 2 * sizeof *larger);
    if (larger == NULL) {
        return false;
    }
    memcpy(larger, finder->runs, finder->count * sizeof *larger);
    finder->runs = larger;
    finder->capacity *= 2;
    return true;
}

static inline bool add_run(struct finder *finder, const uint32_t *policies, uint32_t count)
{
    if (count == 0) {
        return true;
    }
    if (finder->count == finder->capacity && !grow_runs(finder)) {
        return false;
    }
    finder->runs[finder->count++] = (struct rune_candidate_run){policies, count};
    finder->total += count;
    return true;
}

/* Adds those of a run that were not added before, in runs as long as possible. */
static __attribute__((noinline)) bool add_unseen(struct finder *finder, const uint32_t *policies,
                                                 uint32_t count)
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

/* The first `count` policies of a key. */
static inline bool add(struct finder *finder, const struct rune_image_index_key *key,
                       uint32_t count)
{
    const uint32_t *policies = rune_policy_index_run(finder->store, key);
    return finder->seen == NULL ? add_run(finder, policies, count)
                                : add_unseen(finder, policies, count);
}

/* c is 0 where it is no part of the key. NULL where there is none. */
static inline const struct rune_image_index_key *
find_key(const struct rune_store *store, uint32_t kind, uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t mask = store->policy_hash_slots - 1;
    bool has_c = rune_policy_index_has_c(kind);
    uint64_t hash = rune_policy_index_hash(kind, a, b, c);
    uint32_t at = rune_policy_index_home(hash, store->policy_hash_slots);
    for (uint32_t slot; (slot = store->policy_hash[at]) != 0; at = (at + 1) & mask) {
        if (((slot ^ (uint32_t)hash) & RUNE_POLICY_INDEX_TAG) != 0) {
            continue;
        }
        const struct rune_image_index_key *key =
            &store->policy_index[(slot & ~RUNE_POLICY_INDEX_TAG) - 1];
        if (key->kind == kind && key->a == a && key->b == b && (!has_c || key->c == c)) {
            return key;
        }
    }
    return NULL;
}

static inline bool add_found(struct finder *finder, enum rune_scope_key kind, uint32_t a,
                             uint32_t b, uint32_t c)
{
    const struct rune_image_index_key *key = find_key(finder->store, (uint32_t)kind, a, b, c);
    return key == NULL || add(finder, key, key->count);
}

/* The keys of the forms in use, for one action. */
static bool add_scopes(struct finder *finder, rune_term action)
{
    for (uint32_t forms = finder->flags & 0xff; forms != 0; forms &= forms - 1) {
        uint32_t form = (uint32_t)__builtin_ctz(forms);
        if (!add_found(finder, RUNE_SCOPE_KEY_SCOPE, (form & 1) != 0 ? action : RUNE_TERM_NONE,
                       (form & 2) != 0 ? finder->principal_type : RUNE_TERM_NONE,
                       (form & 4) != 0 ? finder->resource_type : RUNE_TERM_NONE)) {
            return false;
        }
    }
    return true;
}

/* Flags of one kind of entity key, as those of the principal. */
static inline uint32_t flags_of(const struct finder *finder, enum rune_scope_key kind)
{
    return kind == RUNE_SCOPE_KEY_RESOURCE ? finder->flags >> 3 : finder->flags;
}

static inline bool add_key(struct finder *finder, enum rune_scope_key kind, rune_term uid,
                           rune_term action, enum closeness closeness)
{
    const struct rune_image_index_key *key =
        find_key(finder->store, (uint32_t)kind, uid, action, 0);
    return key == NULL || add(finder, key, closeness == ITSELF ? key->count : key->c);
}

/* Policies whose action is a group were filed under the group's stored members; a request may have
 * made its action a member of more groups. */
struct group_visit {
    struct finder *finder;
    enum rune_scope_key kind;
    rune_term uid;
    enum closeness closeness;
};

static bool visit_group(void *context, rune_term group)
{
    const struct group_visit *visit = context;
    return visit->kind == RUNE_SCOPE_KEY_SCOPE
               ? add_scopes(visit->finder, group)
               : add_key(visit->finder, visit->kind, visit->uid, group, visit->closeness);
}

static RUNE_APART bool add_for_groups(struct finder *finder, enum rune_scope_key kind,
                                      rune_term uid, enum closeness closeness)
{
    struct group_visit visit = {finder, kind, uid, closeness};
    return rune_entities_visit_added(finder->entities, finder->action, visit_group, &visit);
}

/* ---- pairs ---- */

static const uint32_t *bitmap_of(const struct rune_store *store, enum rune_scope_key kind)
{
    const uint32_t *words = store->ancestor_scopes;
    return words + RUNE_POLICY_INDEX_HEADER + (kind == RUNE_SCOPE_KEY_RESOURCE ? words[1] : 0);
}

/* The bitmap knows the image's entities only, and so do keys. */
static bool is_key(const struct finder *finder, enum rune_scope_key kind, rune_term uid)
{
    const uint32_t *bitmap = bitmap_of(finder->store, kind);
    uint32_t index = rune_term_index(uid);
    return rune_term_space(uid) == RUNE_SPACE_IMAGE && (bitmap[index / 32] >> index % 32 & 1) != 0;
}

static bool keep_key(struct finder *finder, struct side *side, rune_term uid)
{
    if (side->count == side->capacity) {
        rune_term *larger =
            rune_arena_alloc(finder->arena, (size_t)side->capacity * 2 * sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        memcpy(larger, side->keys, side->count * sizeof *larger);
        side->keys = larger;
        side->capacity *= 2;
    }
    side->keys[side->count++] = uid;
    return true;
}

/* An entity of a pair: kept until both sides are known. Where the request brings parents, its keys
 * may repeat: then all pairs of its principals are taken, and none twice. */
static bool note_pair(struct finder *finder, enum rune_scope_key kind, rune_term uid)
{
    if (!is_key(finder, kind, uid)) {
        return true;
    }
    if (finder->seen == NULL) {
        return keep_key(finder,
                        kind == RUNE_SCOPE_KEY_RESOURCE ? &finder->resources : &finder->principals,
                        uid);
    }
    return kind == RUNE_SCOPE_KEY_RESOURCE ||
           add_found(finder, RUNE_SCOPE_KEY_PAIRS, uid, RUNE_TERM_NONE, 0);
}

static uint64_t count_pairs(const struct finder *finder)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < finder->principals.count; i++) {
        const struct rune_image_index_key *key =
            find_key(finder->store, RUNE_SCOPE_KEY_PAIRS, finder->principals.keys[i], 0, 0);
        count += key == NULL ? 0 : key->count;
    }
    return count;
}

static bool add_pair(struct finder *finder, rune_term principal, rune_term resource)
{
    return ((finder->flags & RUNE_POLICY_INDEX_PAIR_ANY) == 0 ||
            add_found(finder, RUNE_SCOPE_KEY_PAIR, principal, resource, RUNE_TERM_NONE)) &&
           ((finder->flags & RUNE_POLICY_INDEX_PAIR_ACTION) == 0 ||
            add_found(finder, RUNE_SCOPE_KEY_PAIR, principal, resource, finder->action));
}

static RUNE_APART bool add_pairs(struct finder *finder)
{
    const struct side *principals = &finder->principals;
    const struct side *resources = &finder->resources;
    uint64_t pairs = (uint64_t)principals->count * resources->count;
    bool takes_all = pairs > FEW_PAIRS && count_pairs(finder) < pairs;
    for (uint32_t i = 0; i < principals->count; i++) {
        if (takes_all &&
            !add_found(finder, RUNE_SCOPE_KEY_PAIRS, principals->keys[i], RUNE_TERM_NONE, 0)) {
            return false;
        }
        for (uint32_t j = 0; !takes_all && j < resources->count; j++) {
            if (!add_pair(finder, principals->keys[i], resources->keys[j])) {
                return false;
            }
        }
    }
    return true;
}

/* ---- entities ---- */

/* The keys of one entity, with the request's action and without. */
static bool add_entity(struct finder *finder, enum rune_scope_key kind, rune_term uid,
                       enum closeness closeness)
{
    uint32_t flags = flags_of(finder, kind);
    return ((flags & RUNE_POLICY_INDEX_PRINCIPAL_ACTION) == 0 ||
            add_key(finder, kind, uid, finder->action, closeness)) &&
           ((flags & RUNE_POLICY_INDEX_PRINCIPAL_ANY) == 0 ||
            add_key(finder, kind, uid, RUNE_TERM_NONE, closeness)) &&
           (finder->seen == NULL || add_for_groups(finder, kind, uid, closeness)) &&
           ((finder->flags & RUNE_POLICY_INDEX_HAS_PAIRS) == 0 || note_pair(finder, kind, uid));
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
        if (!add_entity(finder, kind, list[i], ANCESTOR)) {
            return false;
        }
    }
    return true;
}

static bool add_stored_ancestors(struct finder *finder, enum rune_scope_key kind, rune_term uid)
{
    const struct rune_store *store = finder->store;
    const uint32_t *run = rune_entities_stored_ancestors(store, uid);
    if (run[0] > RUNE_POLICY_INDEX_SHORT) {
        return add_long_set(finder, kind, (uint32_t)(run - store->terms.heap));
    }
    for (uint32_t i = 1; i <= run[0]; i++) {
        if (is_key(finder, kind, run[i]) && !add_entity(finder, kind, run[i], ANCESTOR)) {
            return false;
        }
    }
    return true;
}

static bool visit_added(void *context, rune_term ancestor)
{
    struct finder *finder = context;
    return !is_key(finder, finder->kind, ancestor) ||
           add_entity(finder, finder->kind, ancestor, ANCESTOR);
}

static RUNE_APART bool add_ancestors(struct finder *finder, enum rune_scope_key kind, rune_term uid)
{
    if (!add_stored_ancestors(finder, kind, uid)) {
        return false;
    }
    finder->kind = kind;
    return finder->seen == NULL ||
           rune_entities_visit_added(finder->entities, uid, visit_added, finder);
}

/* The keys of the principal or the resource and of its ancestors. */
static inline bool add_side(struct finder *finder, enum rune_scope_key kind, rune_term uid)
{
    const uint32_t any = RUNE_POLICY_INDEX_PRINCIPAL_ANY | RUNE_POLICY_INDEX_PRINCIPAL_ACTION;
    uint32_t flags = flags_of(finder, kind);
    bool has_keys = (flags & any) != 0 || (finder->flags & RUNE_POLICY_INDEX_HAS_PAIRS) != 0;
    return (!has_keys || add_entity(finder, kind, uid, ITSELF)) &&
           ((flags & RUNE_POLICY_INDEX_PRINCIPAL_IN) == 0 || add_ancestors(finder, kind, uid));
}

/* Forms of SCOPE keys that name a type: all but those with an action or nothing. */
#define WITH_TYPES 0xfcu

static void find_types(struct finder *finder, const struct rune_eval *eval)
{
    const struct rune_values values = {
        .spaces = {[RUNE_SPACE_IMAGE] = &finder->store->terms,
                   [RUNE_SPACE_REQUEST] = rune_dict_terms(eval->values)}};
    finder->principal_type = rune_values_entity_type(&values, eval->request->principal);
    finder->resource_type = rune_values_entity_type(&values, eval->request->resource);
}

static bool find_all(struct finder *finder, const struct rune_eval *eval)
{
    const struct rune_request *request = eval->request;
    finder->action = request->action;
    if ((finder->flags & WITH_TYPES) != 0) {
        find_types(finder, eval);
    }
    return add_scopes(finder, request->action) &&
           (finder->seen == NULL ||
            add_for_groups(finder, RUNE_SCOPE_KEY_SCOPE, RUNE_TERM_NONE, ITSELF)) &&
           add_side(finder, RUNE_SCOPE_KEY_PRINCIPAL, request->principal) &&
           add_side(finder, RUNE_SCOPE_KEY_RESOURCE, request->resource) &&
           ((finder->flags & RUNE_POLICY_INDEX_HAS_PAIRS) == 0 || add_pairs(finder));
}

/* Not by an initializer, which would clear the keys of both sides each time. */
static void init(struct finder *finder, const struct rune_eval *eval,
                 const struct rune_entities *entities, struct rune_candidates *found)
{
    finder->store = eval->store;
    finder->entities = entities;
    finder->arena = eval->arena;
    finder->runs = found->few;
    finder->count = finder->total = 0;
    finder->capacity = RUNE_POLICY_INDEX_FEW_RUNS;
    finder->flags = eval->store->ancestor_scopes[0];
    finder->principal_type = finder->resource_type = RUNE_TERM_NONE;
    finder->seen = NULL;
    finder->principals.keys = finder->principals.few;
    finder->resources.keys = finder->resources.few;
    finder->principals.count = finder->resources.count = 0;
    finder->principals.capacity = finder->resources.capacity = FIRST_KEYS;
}

enum rune_err rune_policy_index_find(const struct rune_eval *eval,
                                     const struct rune_entities *entities,
                                     struct rune_candidates *ret_candidates)
{
    const struct rune_store *store = eval->store;
    struct finder finder;
    if (store->ancestor_scope_count == 0 || store->policy_hash_slots == 0) {
        ret_candidates->run_count = ret_candidates->total = 0;
        return RUNE_OK;
    }
    init(&finder, eval, entities, ret_candidates);
    if (eval->request->has_parents) {
        finder.seen =
            rune_arena_calloc(eval->arena, (store->policy_count + 63) / 64, sizeof *finder.seen);
        if (finder.seen == NULL) {
            return RUNE_E_LIMIT;
        }
    }
    if (!find_all(&finder, eval)) {
        return RUNE_E_LIMIT;
    }
    ret_candidates->runs = finder.runs;
    ret_candidates->run_count = finder.count;
    ret_candidates->total = finder.total;
    return RUNE_OK;
}
