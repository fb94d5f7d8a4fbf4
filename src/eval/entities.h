/* SPDX-License-Identifier: Apache-2.0 */
/* entities: data and hierarchy of entities as a request sees them: what it brings wins over what
 * the image stores.
 *
 * Owns: the lookups. The fast way (a request that brings nothing) is inline, the other one is in
 * entities.c. Thread: any. Used by: the policy and rule evaluators. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "eval/request.h"
#include "eval/store.h"
#include "eval/values.h"

/* What the lookups need; made once a decision. */
struct rune_entities {
    const struct rune_store *store;
    const struct rune_request *request; /* NULL: the image alone */
    const uint32_t *request_heap;       /* that the request's record runs lie in */
    bool is_plain;                      /* the request brings nothing */
};

static inline void rune_entities_init(struct rune_entities *entities, const struct rune_eval *eval)
{
    entities->store = eval->store;
    entities->request = eval->request;
    entities->request_heap = rune_dict_terms(eval->values)->heap;
    entities->is_plain = eval->request == NULL || eval->request->entity_count == 0;
}

/* The entry for an entity of a request (NULL: none), or NULL. Cost: O(log entries). */
const struct rune_request_entity *rune_entities_find_request(const struct rune_request *request,
                                                             rune_term uid);

const uint32_t *rune_entities_attrs_slow(const struct rune_entities *entities, rune_term uid,
                                         const uint32_t **ret_heap);
const uint32_t *rune_entities_tags_slow(const struct rune_entities *entities, rune_term uid,
                                        const uint32_t **ret_heap);
bool rune_entities_in_slow(const struct rune_entities *entities, rune_term uid, rune_term ancestor);

static inline bool rune_entities_is_stored(const struct rune_store *store, rune_term uid)
{
    return rune_term_space(uid) == RUNE_SPACE_IMAGE &&
           store->entity_flags[rune_term_index(uid)] != 0;
}

/* The record run of an ENTITY term's attributes and the heap for rune_record_find; NULL: there is
 * no such entity. */
static inline const uint32_t *rune_entities_attrs(const struct rune_entities *entities,
                                                  rune_term uid, const uint32_t **ret_heap)
{
    if (!entities->is_plain) {
        return rune_entities_attrs_slow(entities, uid, ret_heap);
    }
    const struct rune_store *store = entities->store;
    if (!rune_entities_is_stored(store, uid)) {
        return NULL;
    }
    *ret_heap = store->terms.heap;
    return store->terms.heap + store->entity_attrs[rune_term_index(uid)];
}

/* Likewise its tags; an entity without tags has the empty record. */
static inline const uint32_t *rune_entities_tags(const struct rune_entities *entities,
                                                 rune_term uid, const uint32_t **ret_heap)
{
    if (!entities->is_plain) {
        return rune_entities_tags_slow(entities, uid, ret_heap);
    }
    const struct rune_store *store = entities->store;
    if (!rune_entities_is_stored(store, uid)) {
        return NULL;
    }
    *ret_heap = store->terms.heap;
    return store->terms.heap +
           (store->entity_tags != NULL ? store->entity_tags[rune_term_index(uid)] : 1);
}

/* The stored proper ancestors of an entity of the image, as a set run. */
static inline const uint32_t *rune_entities_image_ancestors(const struct rune_store *store,
                                                            rune_term uid)
{
    return store->terms.heap + store->entity_ancestors[rune_term_index(uid)];
}

/* The stored proper ancestors of an ENTITY term, as a set run; the empty run for one that the image
 * does not know. */
static inline const uint32_t *rune_entities_stored_ancestors(const struct rune_store *store,
                                                             rune_term uid)
{
    return rune_term_space(uid) == RUNE_SPACE_IMAGE ? rune_entities_image_ancestors(store, uid)
                                                    : store->terms.heap;
}

/* Cedar's `in` between two ENTITY terms: equal, or an ancestor. Cost: O(log ancestors). */
static inline bool rune_entities_in(const struct rune_entities *entities, rune_term uid,
                                    rune_term ancestor)
{
    if (uid == ancestor ||
        rune_run_contains(rune_entities_stored_ancestors(entities->store, uid), ancestor)) {
        return true;
    }
    return !entities->is_plain && rune_entities_in_slow(entities, uid, ancestor);
}

/* Calls visit for each proper ancestor that the request adds to the stored ones of `uid`: of its
 * own entry and of those of its stored ancestors. An ancestor may come more than once. False from
 * visit ends it (and is returned). */
typedef bool (*rune_ancestor_fn)(void *context, rune_term ancestor);
bool rune_entities_visit_added(const struct rune_entities *entities, rune_term uid,
                               rune_ancestor_fn visit, void *context);
