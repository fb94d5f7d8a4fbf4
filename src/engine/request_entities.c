/* SPDX-License-Identifier: Apache-2.0 */
/* Ancestors: the image's sets are closed, so only entities that the request itself brings need a
 * walk; each is walked once for each entity of the request, first to count, then to fill. */
#include "engine/request_entities.h"

#include <stdio.h>
#include <string.h>

#include "engine/request_uid.h"
#include "engine/sort.h"

static enum rune_err refuse_size(struct rune_request_decoder *decoder)
{
    return rune_request_refuse(decoder, RUNE_REQUEST_TOO_LARGE, "entities",
                               "the request has too many values");
}

/* True if the image stores data about the entity; then *ret_index. */
static bool is_stored(const struct rune_store *store, rune_term uid, uint32_t *ret_index)
{
    *ret_index = rune_term_index(uid);
    return rune_term_space(uid) == RUNE_SPACE_IMAGE && *ret_index < store->terms.entity_count &&
           store->entity_flags[*ret_index] != 0;
}

/* The string term of an entity's type. */
static rune_term type_of(const struct rune_request_decoder *decoder, rune_term uid)
{
    const struct rune_terms *terms = rune_term_space(uid) == RUNE_SPACE_IMAGE
                                         ? &decoder->store->terms
                                         : rune_dict_terms(decoder->values);
    return terms->entity_type[rune_term_index(uid)];
}

/* What the schema says about the entity's type; NULL only without a schema. */
static enum rune_err find_type(struct rune_request_decoder *decoder, const char *at, rune_term uid,
                               const struct rune_schema_entity_type **ret_type)
{
    *ret_type = NULL;
    if (decoder->schema == NULL) {
        return RUNE_OK;
    }
    *ret_type = rune_schema_find_type(decoder->schema, type_of(decoder, uid));
    if (*ret_type == NULL) {
        return rune_request_refuse(decoder, RUNE_REQUEST_SCHEMA, at,
                                   "the schema declares no such entity type");
    }
    if (((*ret_type)->flags & RUNE_SCHEMA_TYPE_EXTERNAL) != 0) {
        return rune_request_refuse(decoder, RUNE_REQUEST_SCHEMA, at,
                                   "the schema does not define this entity type, it is external");
    }
    return RUNE_OK;
}

/* ---- reading ---- */

enum rune_err rune_request_read_attrs(struct rune_request_decoder *decoder, const char *at,
                                      rune_term uid, rune_term *ret_attrs)
{
    const struct rune_schema_entity_type *type;
    uint32_t index;
    enum rune_err err = find_type(decoder, at, uid, &type);
    if (err != RUNE_OK) {
        return err;
    }
    bool typed = type != NULL && !is_stored(decoder->store, uid, &index);
    return rune_request_read_record(decoder, at, typed ? type->attrs : 0, ret_attrs);
}

static enum rune_err read_uid(struct rune_request_decoder *decoder, const char *at,
                              rune_term *ret_term)
{
    struct rune_value_reader *reader = rune_request_reader(decoder);
    if (reader == NULL) {
        return refuse_size(decoder);
    }
    enum rune_err err = rune_value_read_uid(reader, ret_term);
    return err == RUNE_OK ? RUNE_OK : rune_request_refuse_value(decoder, err, at);
}

enum member { MEMBER_UID, MEMBER_ATTRS, MEMBER_PARENTS, MEMBER_TAGS, MEMBER_COUNT };

static const char *const member_names[MEMBER_COUNT] = {"uid", "attrs", "parents", "tags"};

static enum rune_err read_parents(struct rune_request_decoder *decoder, const char *at,
                                  struct rune_request_given *given)
{
    struct rune_json_token token;
    if (rune_json_value(decoder->json, &token) != RUNE_OK) {
        return rune_request_refuse_json(decoder, at);
    }
    if (token.type != RUNE_JSON_ARRAY) {
        return rune_request_refuse(decoder, RUNE_REQUEST_WRONG_TYPE, at,
                                   "expected an array of entities");
    }
    rune_term *parents = NULL;
    uint32_t capacity = 0;
    for (bool first = true;; first = false) {
        bool more;
        if (rune_json_next_element(decoder->json, first, &more) != RUNE_OK) {
            return rune_request_refuse_json(decoder, at);
        }
        if (!more) {
            break;
        }
        if (given->parent_count == capacity) {
            uint32_t wider = capacity == 0 ? 8 : capacity * 2;
            rune_term *copy = rune_arena_alloc(decoder->arena, (size_t)wider * sizeof(*copy));
            if (copy == NULL) {
                return refuse_size(decoder);
            }
            if (capacity > 0) {
                memcpy(copy, parents, (size_t)capacity * sizeof(*copy));
            }
            parents = copy;
            capacity = wider;
        }
        enum rune_err err = read_uid(decoder, at, &parents[given->parent_count]);
        if (err != RUNE_OK) {
            return err;
        }
        given->parent_count++;
    }
    given->parents = parents;
    return RUNE_OK;
}

/* Where the members of an entity begin that wait for its uid, or that were not there. */
struct members {
    uint32_t seen;
    struct rune_json at[MEMBER_COUNT];
};

/* Passes over all members but the uid, which says how to read them. */
static enum rune_err find_members(struct rune_request_decoder *decoder, const char *place,
                                  struct rune_request_given *given, struct members *members)
{
    struct rune_json *json = decoder->json;
    for (bool first = true;; first = false) {
        struct rune_str key;
        bool more;
        if (rune_json_next_member(json, first, &more, &key) != RUNE_OK) {
            return rune_request_refuse_json(decoder, place);
        }
        if (!more) {
            return RUNE_OK;
        }
        enum member member = 0;
        while (member < MEMBER_COUNT && !rune_str_equal(key, rune_str_from(member_names[member]))) {
            member++;
        }
        if (member == MEMBER_COUNT) {
            return rune_request_refuse(
                decoder, RUNE_REQUEST_UNKNOWN_FIELD, place,
                "unknown field \"%.*s\": an entity has \"uid\", \"attrs\", \"parents\", \"tags\"",
                key.length < 64 ? (int)key.length : 64, key.data);
        }
        if ((members->seen & (1u << member)) != 0) {
            return rune_request_refuse(decoder, RUNE_REQUEST_DUPLICATE_KEY, place,
                                       "\"%s\" is there twice", member_names[member]);
        }
        members->seen |= 1u << member;
        members->at[member] = *json;
        if (member == MEMBER_UID) {
            enum rune_err err = read_uid(decoder, place, &given->uid);
            if (err != RUNE_OK) {
                return err;
            }
        } else if (rune_json_skip(json) != RUNE_OK) {
            return rune_request_refuse_json(decoder, place);
        }
    }
}

static enum rune_err read_tags(struct rune_request_decoder *decoder, const char *at, rune_term uid,
                               rune_term *ret_tags)
{
    const struct rune_schema_entity_type *type;
    enum rune_err err = find_type(decoder, at, uid, &type);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_value_reader *reader = rune_request_reader(decoder);
    if (reader == NULL) {
        return refuse_size(decoder);
    }
    if (type != NULL && type->tags == 0) {
        return rune_request_refuse(decoder, RUNE_REQUEST_SCHEMA, at,
                                   "entities of this type have no tags");
    }
    size_t first;
    size_t count;
    err = rune_value_read_tags(reader, type != NULL ? type->tags : 0, &first, &count);
    if (err != RUNE_OK) {
        return rune_request_refuse_value(decoder, err, at);
    }
    err = rune_dict_record(decoder->values, reader->stack + first, reader->stack + first + count,
                           count, ret_tags);
    reader->count = first;
    return err == RUNE_OK ? RUNE_OK : refuse_size(decoder);
}

static enum rune_err check_parents(struct rune_request_decoder *decoder, const char *at,
                                   const struct rune_request_given *given)
{
    const struct rune_schema_entity_type *type;
    enum rune_err err = find_type(decoder, at, given->uid, &type);
    if (err != RUNE_OK || type == NULL) {
        return err;
    }
    for (uint32_t i = 0; i < given->parent_count; i++) {
        if (!rune_schema_run_has(decoder->schema, type->ancestors,
                                 type_of(decoder, given->parents[i]))) {
            return rune_request_refuse(decoder, RUNE_REQUEST_SCHEMA, at,
                                       "parent %u is of a type that the schema does not allow here",
                                       i);
        }
    }
    return RUNE_OK;
}

/* The members that waited for the uid. */
static enum rune_err read_members(struct rune_request_decoder *decoder, const char *place,
                                  struct rune_request_given *given, const struct members *members)
{
    struct rune_json here = *decoder->json;
    for (enum member member = MEMBER_ATTRS; member < MEMBER_COUNT; member++) {
        if ((members->seen & (1u << member)) == 0) {
            continue;
        }
        char at[64];
        snprintf(at, sizeof(at), "%s.%s", place, member_names[member]);
        *decoder->json = members->at[member];
        enum rune_err err;
        if (member == MEMBER_ATTRS) {
            err = rune_request_read_attrs(decoder, at, given->uid, &given->attrs);
        } else if (member == MEMBER_TAGS) {
            err = read_tags(decoder, at, given->uid, &given->tags);
        } else {
            err = read_parents(decoder, at, given);
            err = err == RUNE_OK ? check_parents(decoder, at, given) : err;
        }
        if (err != RUNE_OK) {
            return err;
        }
    }
    *decoder->json = here;
    return RUNE_OK;
}

static enum rune_err read_entity(struct rune_request_decoder *decoder,
                                 struct rune_request_entity_list *list)
{
    char place[48];
    snprintf(place, sizeof(place), "entities[%u]", list->count);
    struct rune_json_token token;
    if (rune_json_value(decoder->json, &token) != RUNE_OK) {
        return rune_request_refuse_json(decoder, place);
    }
    if (token.type != RUNE_JSON_OBJECT) {
        return rune_request_refuse(
            decoder, RUNE_REQUEST_WRONG_TYPE, place,
            "expected an entity: {\"uid\": .., \"attrs\": .., \"parents\": ..}");
    }
    struct rune_request_given *given = RUNE_ARENA_NEW(decoder->arena, struct rune_request_given);
    if (given == NULL) {
        return refuse_size(decoder);
    }
    struct members members = {0};
    enum rune_err err = find_members(decoder, place, given, &members);
    if (err != RUNE_OK) {
        return err;
    }
    if ((members.seen & (1u << MEMBER_UID)) == 0) {
        return rune_request_refuse(decoder, RUNE_REQUEST_MISSING_FIELD, place,
                                   "\"uid\" is missing");
    }
    err = read_members(decoder, place, given, &members);
    if (err != RUNE_OK) {
        return err;
    }
    given->number = list->count;
    *(list->last != NULL ? &list->last->next : &list->first) = given;
    list->last = given;
    list->count++;
    return RUNE_OK;
}

enum rune_err rune_request_read_entities(struct rune_request_decoder *decoder,
                                         struct rune_request_entity_list *list)
{
    if ((decoder->store->manifest->flags & RUNE_MANIFEST_REQUEST_ENTITIES) == 0) {
        return rune_request_refuse(
            decoder, RUNE_REQUEST_ENTITIES_REFUSED, "entities",
            "this bundle takes no entities from requests (request_entities = \"off\")");
    }
    struct rune_json_token token;
    if (rune_json_value(decoder->json, &token) != RUNE_OK) {
        return rune_request_refuse_json(decoder, "entities");
    }
    if (token.type != RUNE_JSON_ARRAY) {
        return rune_request_refuse(decoder, RUNE_REQUEST_WRONG_TYPE, "entities",
                                   "expected an array of entities");
    }
    for (bool first = true;; first = false) {
        bool more;
        if (rune_json_next_element(decoder->json, first, &more) != RUNE_OK) {
            return rune_request_refuse_json(decoder, "entities");
        }
        if (!more) {
            return RUNE_OK;
        }
        enum rune_err err = read_entity(decoder, list);
        if (err != RUNE_OK) {
            return err;
        }
    }
}

/* ---- merging ---- */

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

/* Both records as one run in the request's heap; `given` wins. Either may be missing (NONE, NULL).
 * The result must be of `type`, if not 0. */
static enum rune_err merge_records(struct rune_request_decoder *decoder, rune_term given,
                                   const uint32_t *stored, rune_schema_type type,
                                   const uint32_t **ret_run)
{
    rune_term merged;
    const uint32_t *stored_heap = decoder->store->terms.heap;
    const uint32_t *given_heap = stored_heap;
    static const uint32_t empty[1] = {0}; /* shape 0 */
    const uint32_t *runs[2] = {given != RUNE_TERM_NONE ? record_run(decoder, given, &given_heap)
                                                       : empty,
                               stored != NULL ? stored : empty};
    const uint32_t *shapes[2] = {given_heap + runs[0][0], stored_heap + runs[1][0]};
    uint32_t room = shapes[0][0] + shapes[1][0];
    rune_term *names = rune_arena_alloc(decoder->arena, ((size_t)room + 1) * sizeof(*names));
    rune_term *values = rune_arena_alloc(decoder->arena, ((size_t)room + 1) * sizeof(*values));
    if (names == NULL || values == NULL) {
        return refuse_size(decoder);
    }
    uint32_t count = 0;
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < shapes[0][0] || j < shapes[1][0]) {
        bool take_given =
            j == shapes[1][0] || (i < shapes[0][0] && shapes[0][1 + i] <= shapes[1][1 + j]);
        if (take_given && j < shapes[1][0] && shapes[0][1 + i] == shapes[1][1 + j]) {
            j++;
        }
        names[count] = take_given ? shapes[0][1 + i] : shapes[1][1 + j];
        values[count++] = take_given ? runs[0][1 + i] : runs[1][1 + j];
        i += take_given;
        j += !take_given;
    }
    uint32_t offset;
    if (rune_dict_record_run(decoder->values, names, values, count, &offset) != RUNE_OK ||
        (type != 0 &&
         rune_dict_record(decoder->values, names, values, count, &merged) != RUNE_OK)) {
        return refuse_size(decoder);
    }
    if (type != 0 && !rune_schema_fits(decoder->schema, &decoder->store->terms,
                                       rune_dict_terms(decoder->values), type, merged)) {
        return rune_request_refuse(decoder, RUNE_REQUEST_SCHEMA, "entities",
                                   "the attributes of an entity do not fit the schema");
    }
    *ret_run = rune_dict_terms(decoder->values)->heap + offset;
    return RUNE_OK;
}

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
    if (!is_stored(store, uid, &index)) {
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
        return refuse_size(decoder);
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
        return refuse_size(decoder);
    }
    const struct rune_terms *terms = rune_term_space(set) == RUNE_SPACE_IMAGE
                                         ? &decoder->store->terms
                                         : rune_dict_terms(decoder->values);
    const uint32_t *run = terms->heap + terms->sets[rune_term_index(set)];
    entity->ancestors = run + 1;
    entity->ancestor_count = run[0];
    return RUNE_OK;
}

static enum rune_err merge_entity(struct merge *merge, uint32_t index,
                                  struct rune_request_entity *entity)
{
    struct rune_request_decoder *decoder = merge->decoder;
    const struct rune_store *store = decoder->store;
    const struct rune_request_given *given = &merge->given[index];
    entity->uid = given->uid;
    entity->given = given->attrs;
    uint32_t at;
    bool stored = is_stored(store, given->uid, &at);
    const struct rune_schema_entity_type *type;
    enum rune_err err = find_type(decoder, "entities", given->uid, &type);
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
        return refuse_size(decoder);
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
        return refuse_size(decoder);
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
