/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says about entities, merged with what the image stores.
 *
 * Ancestors: the image's sets are closed, so only entities that the request itself brings need a
 * walk; each is walked once for each entity of the request, first to count, then to fill. */
#include "engine/request_entities.h"
#include "engine/request_entities_int.h"
#include "engine/sort.h"

/* ---- what the request brings, by uid ---- */

struct merge {
    struct rune_request_decoder *decoder;
    struct rune_request_given *given; /* sorted by uid */
    uint32_t count;
    uint32_t *visited; /* by index in given: the round in which it was walked */
    uint32_t *stack;
    uint32_t round;
};

static int compare_given(const void *a, const void *b)
{
    const struct rune_request_given *left = a;
    const struct rune_request_given *right = b;
    return (left->uid > right->uid) - (left->uid < right->uid);
}

/* Index in given, or merge->count. */
static uint32_t find_given(const struct merge *merge, rune_term uid)
{
    uint32_t low = 0;
    uint32_t high = merge->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (merge->given[middle].uid < uid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < merge->count && merge->given[low].uid == uid ? low : merge->count;
}

/* ---- records ---- */

/* The run of a record term, and the heap it lies in. */
static const uint32_t *record_run(const struct rune_request_decoder *decoder, rune_term record,
                                  const uint32_t **ret_heap)
{
    const struct rune_terms *terms = rune_term_space(record) == RUNE_SPACE_IMAGE
                                         ? &decoder->store->terms
                                         : rune_dict_terms(decoder->values);
    *ret_heap = terms->heap;
    return terms->heap + terms->records[rune_term_index(record)];
}

/* A record's run, and its shape: the count and the names. */
struct record {
    const uint32_t *run;
    const uint32_t *shape;
};

static struct record record_of(const uint32_t *heap, const uint32_t *run)
{
    static const uint32_t empty[1] = {0}; /* shape 0 */
    run = run != NULL ? run : empty;
    return (struct record){run, heap + run[0]};
}

/* Names and values of both, in order, where one name is in both those of `given`; returns how
 * many. */
static uint32_t merge_members(struct record given, struct record stored, rune_term *names,
                              rune_term *values)
{
    uint32_t count = 0;
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < given.shape[0] || j < stored.shape[0]) {
        bool take_given = j == stored.shape[0] ||
                          (i < given.shape[0] && given.shape[1 + i] <= stored.shape[1 + j]);
        if (take_given && j < stored.shape[0] && given.shape[1 + i] == stored.shape[1 + j]) {
            j++;
        }
        names[count] = take_given ? given.shape[1 + i] : stored.shape[1 + j];
        values[count++] = take_given ? given.run[1 + i] : stored.run[1 + j];
        i += take_given;
        j += !take_given;
    }
    return count;
}

/* Both records as one run in the request's heap; `given` wins. Either may be missing (NONE, NULL).
 * The result must be of `type`, if not 0. */
static enum rune_err merge_records(struct rune_request_decoder *decoder, rune_term given,
                                   const uint32_t *stored, rune_schema_type type,
                                   const uint32_t **ret_run)
{
    rune_term merged;
    uint32_t offset;
    const uint32_t *heap = decoder->store->terms.heap;
    struct record right = record_of(heap, stored);
    const uint32_t *run = given != RUNE_TERM_NONE ? record_run(decoder, given, &heap) : NULL;
    struct record left = record_of(heap, run);
    size_t room = (size_t)left.shape[0] + right.shape[0] + 1;
    rune_term *names = rune_arena_alloc(decoder->arena, room * sizeof(*names));
    rune_term *values = rune_arena_alloc(decoder->arena, room * sizeof(*values));
    if (names == NULL || values == NULL) {
        return rune_request_refuse_size(decoder, "entities");
    }
    uint32_t count = merge_members(left, right, names, values);
    if (rune_dict_record_run(decoder->values, names, values, count, &offset) != RUNE_OK ||
        (type != 0 &&
         rune_dict_record(decoder->values, names, values, count, &merged) != RUNE_OK)) {
        return rune_request_refuse_size(decoder, "entities");
    }
    if (type != 0 && !rune_schema_fits(decoder->schema, &decoder->store->terms,
                                       rune_dict_terms(decoder->values), type, merged)) {
        return rune_request_refuse(decoder, RUNE_REQUEST_SCHEMA, "entities",
                                   "the attributes of an entity do not fit the schema");
    }
    *ret_run = rune_dict_terms(decoder->values)->heap + offset;
    return RUNE_OK;
}

/* ---- ancestors ---- */

/* Counts an ancestor, writes it where there is room, and marks it for a walk if the request knows
 * more about it. */
static void reach(struct merge *merge, rune_term uid, rune_term *out, uint32_t *count,
                  uint32_t *depth)
{
    if (out != NULL) {
        out[*count] = uid;
    }
    (*count)++;
    uint32_t index = find_given(merge, uid);
    if (index < merge->count && merge->visited[index] != merge->round) {
        merge->visited[index] = merge->round;
        merge->stack[(*depth)++] = index;
    }
}

static void reach_stored(struct merge *merge, rune_term uid, rune_term *out, uint32_t *count,
                         uint32_t *depth)
{
    const struct rune_store *store = merge->decoder->store;
    uint32_t index;
    if (!rune_request_is_stored(store, uid, &index)) {
        return;
    }
    const uint32_t *run = store->terms.heap + store->entity_ancestors[index];
    for (uint32_t i = 0; i < run[0]; i++) {
        reach(merge, run[1 + i], out, count, depth);
    }
}

/* All that is reachable from given[start], with repetitions; out NULL: only counted. */
static uint32_t walk(struct merge *merge, uint32_t start, rune_term *out)
{
    uint32_t count = 0;
    uint32_t depth = 0;
    merge->round++;
    merge->stack[depth++] = start;
    merge->visited[start] = merge->round;
    while (depth > 0) {
        const struct rune_request_given *given = &merge->given[merge->stack[--depth]];
        reach_stored(merge, given->uid, out, &count, &depth);
        for (uint32_t i = 0; i < given->parent_count; i++) {
            reach(merge, given->parents[i], out, &count, &depth);
            reach_stored(merge, given->parents[i], out, &count, &depth);
        }
    }
    return count;
}

static enum rune_err close_ancestors(struct merge *merge, uint32_t index,
                                     struct rune_request_entity *entity)
{
    struct rune_request_decoder *decoder = merge->decoder;
    uint32_t count = walk(merge, index, NULL);
    rune_term *found = rune_arena_alloc(decoder->arena, ((size_t)count + 1) * sizeof(*found));
    if (found == NULL) {
        return rune_request_refuse_size(decoder, "entities");
    }
    walk(merge, index, found);
    for (uint32_t i = 0; i < count; i++) {
        if (found[i] == merge->given[index].uid) {
            return rune_request_refuse(decoder, RUNE_REQUEST_INVALID_ENTITY, "entities",
                                       "the parents of an entity lead back to it");
        }
    }
    rune_term set;
    if (rune_dict_set(decoder->values, found, count, &set) != RUNE_OK) {
        return rune_request_refuse_size(decoder, "entities");
    }
    const struct rune_terms *terms = rune_term_space(set) == RUNE_SPACE_IMAGE
                                         ? &decoder->store->terms
                                         : rune_dict_terms(decoder->values);
    const uint32_t *run = terms->heap + terms->sets[rune_term_index(set)];
    entity->ancestors = run + 1;
    entity->ancestor_count = run[0];
    return RUNE_OK;
}

/* ---- entities ---- */

static enum rune_err merge_entity(struct merge *merge, uint32_t index,
                                  struct rune_request_entity *entity)
{
    struct rune_request_decoder *decoder = merge->decoder;
    const struct rune_store *store = decoder->store;
    const struct rune_request_given *given = &merge->given[index];
    entity->uid = given->uid;
    entity->given = given->attrs;
    entity->parents = given->parents;
    entity->parent_count = given->parent_count;
    uint32_t at;
    bool stored = rune_request_is_stored(store, given->uid, &at);
    const struct rune_schema_entity_type *type;
    enum rune_err err = rune_request_find_type(decoder, "entities", given->uid, &type);
    if (err == RUNE_OK) {
        err = merge_records(decoder, given->attrs,
                            stored ? store->terms.heap + store->entity_attrs[at] : NULL,
                            type != NULL ? type->attrs : 0, &entity->attrs);
    }
    bool has_tags = given->tags != RUNE_TERM_NONE || (stored && store->entity_tags != NULL);
    if (err == RUNE_OK && has_tags) {
        bool stored_tags = stored && store->entity_tags != NULL;
        err = merge_records(decoder, given->tags,
                            stored_tags ? store->terms.heap + store->entity_tags[at] : NULL, 0,
                            &entity->tags);
    }
    return err == RUNE_OK ? close_ancestors(merge, index, entity) : err;
}

/* The list and the properties as one sorted array, one entry an entity. */
static enum rune_err gather(struct merge *merge, const struct rune_request_entity_list *list,
                            const rune_term uids[2], const rune_term properties[2])
{
    struct rune_request_decoder *decoder = merge->decoder;
    merge->given =
        RUNE_ARENA_ARRAY(decoder->arena, struct rune_request_given, (size_t)list->count + 2);
    if (merge->given == NULL) {
        return rune_request_refuse_size(decoder, "entities");
    }
    for (const struct rune_request_given *given = list->first; given != NULL; given = given->next) {
        merge->given[merge->count++] = *given;
    }
    rune_sort_items(merge->given, merge->count, sizeof(*merge->given), compare_given);
    for (uint32_t i = 1; i < merge->count; i++) {
        if (merge->given[i - 1].uid == merge->given[i].uid) {
            return rune_request_refuse(decoder, RUNE_REQUEST_INVALID_ENTITY, "entities",
                                       "an entity is there twice");
        }
    }
    for (int place = 0; place < 2; place++) {
        if (properties[place] == RUNE_TERM_NONE) {
            continue;
        }
        uint32_t index = find_given(merge, uids[place]);
        if (index < merge->count && merge->given[index].attrs != RUNE_TERM_NONE) {
            return rune_request_refuse(
                decoder, RUNE_REQUEST_INVALID_ENTITY, "entities",
                "the %s has both properties and attributes in \"entities\": give one of them",
                place == 0 ? "principal" : "resource");
        }
        if (index == merge->count) {
            merge->given[merge->count++] = (struct rune_request_given){.uid = uids[place]};
        }
        merge->given[index].attrs = properties[place];
        rune_sort_items(merge->given, merge->count, sizeof(*merge->given), compare_given);
    }
    return RUNE_OK;
}

enum rune_err rune_request_merge_entities(struct rune_request_decoder *decoder,
                                          const struct rune_request_entity_list *list,
                                          rune_term principal_properties,
                                          rune_term resource_properties,
                                          struct rune_request *request)
{
    struct merge merge = {.decoder = decoder};
    const rune_term uids[2] = {request->principal, request->resource};
    const rune_term properties[2] = {principal_properties, resource_properties};
    enum rune_err err = gather(&merge, list, uids, properties);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_request_entity *entities =
        RUNE_ARENA_ARRAY(decoder->arena, struct rune_request_entity, merge.count);
    merge.visited = RUNE_ARENA_ARRAY(decoder->arena, uint32_t, merge.count);
    merge.stack = RUNE_ARENA_ARRAY(decoder->arena, uint32_t, merge.count);
    if (entities == NULL || merge.visited == NULL || merge.stack == NULL) {
        return rune_request_refuse_size(decoder, "entities");
    }
    for (uint32_t i = 0; i < merge.count; i++) {
        err = merge_entity(&merge, i, &entities[i]);
        if (err != RUNE_OK) {
            return err;
        }
        request->has_parents = request->has_parents || merge.given[i].parent_count > 0;
    }
    request->entities = entities;
    request->entity_count = merge.count;
    return RUNE_OK;
}
