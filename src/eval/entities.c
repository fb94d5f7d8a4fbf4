/* SPDX-License-Identifier: Apache-2.0 */
/* The slow way: a request brings entities. Its entries' ancestor sets are closed and hold the
 * stored ones; a stored descendant of such an entry inherits them here, since the image's own sets
 * cannot know. */
#include "eval/entities.h"

const struct rune_request_entity *rune_entities_find_request(const struct rune_request *request,
                                                             rune_term uid)
{
    if (request == NULL) {
        return NULL;
    }
    const struct rune_request_entity *items = request->entities;
    for (uint32_t low = 0, high = request->entity_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (items[middle].uid == uid) {
            return &items[middle];
        }
        if (items[middle].uid < uid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* A run of the request if there is one, else the stored one. An entity that the request brings
 * exists. */
static const uint32_t *choose(const struct rune_entities *entities,
                              const struct rune_request_entity *entry, const uint32_t *brought,
                              rune_term uid, const uint32_t *offsets, const uint32_t **ret_heap)
{
    const struct rune_store *store = entities->store;
    if (brought != NULL) {
        *ret_heap = entities->request_heap;
        return brought;
    }
    if (entry == NULL && !rune_entities_is_stored(store, uid)) {
        return NULL;
    }
    *ret_heap = store->terms.heap;
    bool has_run = offsets != NULL && rune_term_space(uid) == RUNE_SPACE_IMAGE;
    return store->terms.heap + (has_run ? offsets[rune_term_index(uid)] : 1);
}

const uint32_t *rune_entities_attrs_slow(const struct rune_entities *entities, rune_term uid,
                                         const uint32_t **ret_heap)
{
    const struct rune_request_entity *entry = rune_entities_find_request(entities->request, uid);
    return choose(entities, entry, entry != NULL ? entry->attrs : NULL, uid,
                  entities->store->entity_attrs, ret_heap);
}

const uint32_t *rune_entities_tags_slow(const struct rune_entities *entities, rune_term uid,
                                        const uint32_t **ret_heap)
{
    const struct rune_request_entity *entry = rune_entities_find_request(entities->request, uid);
    return choose(entities, entry, entry != NULL ? entry->tags : NULL, uid,
                  entities->store->entity_tags, ret_heap);
}

static bool visit_entry(const struct rune_request_entity *entry, rune_ancestor_fn visit,
                        void *context)
{
    for (uint32_t i = 0; i < entry->ancestor_count; i++) {
        if (!visit(context, entry->ancestors[i])) {
            return false;
        }
    }
    return true;
}

bool rune_entities_visit_added(const struct rune_entities *entities, rune_term uid,
                               rune_ancestor_fn visit, void *context)
{
    const struct rune_request *request = entities->request;
    if (request == NULL || !request->has_parents) {
        return true;
    }
    const uint32_t *stored = rune_entities_stored_ancestors(entities->store, uid);
    for (uint32_t i = 0; i < request->entity_count; i++) {
        const struct rune_request_entity *entry = &request->entities[i];
        if ((entry->uid == uid || rune_run_contains(stored, entry->uid)) &&
            !visit_entry(entry, visit, context)) {
            return false;
        }
    }
    return true;
}

static bool differs(void *context, rune_term ancestor)
{
    return ancestor != *(const rune_term *)context;
}

bool rune_entities_in_slow(const struct rune_entities *entities, rune_term uid, rune_term ancestor)
{
    return !rune_entities_visit_added(entities, uid, differs, &ancestor);
}
