/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says about entities, as it stands there: the values of an entity are typed by its
 * uid, so all members but that one are passed over and read when it is known. */
#include "engine/request_entities.h"

#include <stdio.h>
#include <string.h>

#include "engine/request_entities_int.h"
#include "engine/request_uid.h"

/* ---- types ---- */

/* The string term of an entity's type. */
static rune_term type_of(const struct rune_request_decoder *decoder, rune_term uid)
{
    const struct rune_terms *terms = rune_term_space(uid) == RUNE_SPACE_IMAGE
                                         ? &decoder->store->terms
                                         : rune_dict_terms(decoder->values);
    return terms->entity_type[rune_term_index(uid)];
}

enum rune_err rune_request_find_type(struct rune_request_decoder *decoder, const char *at,
                                     rune_term uid, const struct rune_schema_entity_type **ret_type)
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
    enum rune_err err = rune_request_find_type(decoder, at, uid, &type);
    if (err != RUNE_OK) {
        return err;
    }
    bool typed = type != NULL && !rune_request_is_stored(decoder->store, uid, &index);
    return rune_request_read_record(decoder, at, typed ? type->attrs : 0, ret_attrs);
}

static enum rune_err read_uid(struct rune_request_decoder *decoder, const char *at,
                              rune_term *ret_term)
{
    struct rune_value_reader *reader = rune_request_reader(decoder);
    if (reader == NULL) {
        return rune_request_refuse_size(decoder, "entities");
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
    for (;;) {
        bool more;
        if (rune_json_next_element(decoder->json, &more) != RUNE_OK) {
            return rune_request_refuse_json(decoder, at);
        }
        if (!more) {
            break;
        }
        if (given->parent_count == capacity) {
            uint32_t wider = capacity == 0 ? 8 : capacity * 2;
            rune_term *copy = rune_arena_alloc(decoder->arena, (size_t)wider * sizeof(*copy));
            if (copy == NULL) {
                return rune_request_refuse_size(decoder, "entities");
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
    for (;;) {
        struct rune_str key;
        bool more;
        if (rune_json_next_member(json, &more, &key) != RUNE_OK) {
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
    enum rune_err err = rune_request_find_type(decoder, at, uid, &type);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_value_reader *reader = rune_request_reader(decoder);
    if (reader == NULL) {
        return rune_request_refuse_size(decoder, "entities");
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
    return err == RUNE_OK ? RUNE_OK : rune_request_refuse_size(decoder, "entities");
}

static enum rune_err check_parents(struct rune_request_decoder *decoder, const char *at,
                                   const struct rune_request_given *given)
{
    const struct rune_schema_entity_type *type;
    enum rune_err err = rune_request_find_type(decoder, at, given->uid, &type);
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
        return rune_request_refuse_size(decoder, "entities");
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
    for (;;) {
        bool more;
        if (rune_json_next_element(decoder->json, &more) != RUNE_OK) {
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
