/* SPDX-License-Identifier: Apache-2.0 */
/* The members of a request may come in any order, so each is decoded where it stands, but for what
 * a schema types by another member (the context by the action, attributes by their entity): that is
 * passed over and read when the other is known. What the request says about entities is merged with
 * the image at the end (engine/request_merge.c). */
#include "engine/request_json.h"

#include <string.h>

#include "base/layout.h"
#include "engine/request_parts.h"

/* ---- values ---- */

struct rune_value_reader *rune_request_reader(struct rune_request_decoder *decoder)
{
    if (decoder->reader == NULL) {
        decoder->reader = rune_arena_alloc(decoder->arena, sizeof(*decoder->reader));
        if (decoder->reader == NULL) {
            return NULL;
        }
        rune_value_reader_init_fixed(decoder->reader, decoder->values, decoder->forms,
                                     &decoder->store->terms, decoder->stack,
                                     decoder->stack_capacity);
        rune_value_reader_reset(decoder->reader, decoder->json);
    }
    decoder->reader->json = decoder->json;
    return decoder->reader;
}

enum rune_err rune_request_read_record(struct rune_request_decoder *decoder, const char *at,
                                       rune_schema_type type, rune_term *ret_record)
{
    struct rune_value_reader *reader = rune_request_reader(decoder);
    if (reader == NULL) {
        return rune_request_refuse_size(decoder, at);
    }
    size_t first;
    size_t count;
    enum rune_err err = rune_value_read_members(reader, type, &first, &count);
    if (err != RUNE_OK) {
        return rune_request_refuse_value(decoder, err, at);
    }
    err = rune_dict_record(decoder->values, reader->stack + first, reader->stack + first + count,
                           count, ret_record);
    reader->count = first;
    return err == RUNE_OK ? RUNE_OK : rune_request_refuse_size(decoder, at);
}

/* ---- the request's object ---- */

const struct rune_str rune_request_fields[RUNE_FIELD_COUNT] = {
    [RUNE_FIELD_PRINCIPAL] = {"principal", 9}, [RUNE_FIELD_ACTION] = {"action", 6},
    [RUNE_FIELD_RESOURCE] = {"resource", 8},   [RUNE_FIELD_CONTEXT] = {"context", 7},
    [RUNE_FIELD_ENTITIES] = {"entities", 8},
};

/* Not by an initializer, which would clear also what waits to be written. */
static void init_parts(struct rune_request_parts *parts, struct rune_request_decoder *decoder)
{
    parts->decoder = decoder;
    parts->seen = parts->waiting = 0;
    parts->context_waits = false;
    for (int i = 0; i < 3; i++) {
        parts->places[i] = parts->properties[i] = RUNE_TERM_NONE;
    }
    parts->context = RUNE_TERM_NONE;
    parts->given = (struct rune_request_entity_list){0};
}

static enum rune_request_field find_field(struct rune_str key)
{
    enum rune_request_field field = RUNE_FIELD_COUNT;
    switch (key.length) {
    case 6:
        field = RUNE_FIELD_ACTION;
        break;
    case 7:
        field = RUNE_FIELD_CONTEXT;
        break;
    case 8:
        field = key.data[0] == 'r' ? RUNE_FIELD_RESOURCE : RUNE_FIELD_ENTITIES;
        break;
    case 9:
        field = RUNE_FIELD_PRINCIPAL;
        break;
    default:
        return RUNE_FIELD_COUNT;
    }
    return memcmp(key.data, rune_request_fields[field].data, key.length) == 0 ? field
                                                                              : RUNE_FIELD_COUNT;
}

static enum rune_err read_member(struct rune_request_parts *parts, enum rune_request_field field)
{
    switch (field) {
    case RUNE_FIELD_CONTEXT:
        return rune_request_meet_context(parts);
    case RUNE_FIELD_ENTITIES:
        return rune_request_read_entities(parts->decoder, &parts->given);
    default:
        return rune_request_read_place(parts, field);
    }
}

/* A member's name as clients write it, `"action":`, which needs no reader: its field, and the
 * cursor behind the colon. RUNE_FIELD_COUNT, and the cursor where it was: look closer. `first`: the
 * loop knows without looking. */
static inline enum rune_request_field take_plain_field(struct rune_json *json, bool first)
{
#define TAKE(field, spelling)                              \
    if ((size_t)(json->end - p) >= sizeof(spelling) - 1 && \
        memcmp(p, spelling, sizeof(spelling) - 1) == 0) {  \
        json->cursor = p + sizeof(spelling) - 1;           \
        return field;                                      \
    }
    const char *p = json->cursor;
    if (!first && (p == json->end || *p++ != ',')) {
        return RUNE_FIELD_COUNT;
    }
    if (p < json->end && *p == ' ') {
        p++;
    }
    TAKE(RUNE_FIELD_PRINCIPAL, "\"principal\":")
    TAKE(RUNE_FIELD_ACTION, "\"action\":")
    TAKE(RUNE_FIELD_RESOURCE, "\"resource\":")
    TAKE(RUNE_FIELD_CONTEXT, "\"context\":")
    return RUNE_FIELD_COUNT;
#undef TAKE
}

static enum rune_err enter_object(struct rune_request_decoder *decoder)
{
    struct rune_json_token token;
    if (rune_json_take_object(decoder->json)) {
        return RUNE_OK;
    }
    if (rune_json_value(decoder->json, &token) != RUNE_OK) {
        return rune_request_refuse_json(decoder, "");
    }
    return token.type == RUNE_JSON_OBJECT
               ? RUNE_OK
               : rune_request_refuse(
                     decoder, RUNE_REQUEST_WRONG_TYPE, "",
                     "expected an object: {\"principal\": .., \"action\": .., \"resource\": ..}");
}

/* *ret_field: the next member, or RUNE_FIELD_COUNT behind the last. */
static enum rune_err next_field(struct rune_request_decoder *decoder, bool first,
                                enum rune_request_field *ret_field)
{
    *ret_field = take_plain_field(decoder->json, first);
    if (*ret_field != RUNE_FIELD_COUNT) {
        return RUNE_OK;
    }
    struct rune_str key;
    bool more;
    if (rune_json_take_object_end(decoder->json)) {
        return RUNE_OK;
    }
    if (rune_json_next_member(decoder->json, &more, &key) != RUNE_OK) {
        return rune_request_refuse_json(decoder, "");
    }
    if (!more) {
        return RUNE_OK;
    }
    *ret_field = find_field(key);
    return *ret_field != RUNE_FIELD_COUNT
               ? RUNE_OK
               : rune_request_refuse_unknown(decoder, "", key, rune_request_fields,
                                             RUNE_FIELD_COUNT);
}

static enum rune_err read_members(struct rune_request_parts *parts)
{
    struct rune_request_decoder *decoder = parts->decoder;
    for (bool first = true;; first = false) {
        enum rune_request_field field;
        enum rune_err err = next_field(decoder, first, &field);
        if (err != RUNE_OK || field == RUNE_FIELD_COUNT) {
            return err;
        }
        if ((parts->seen & (1u << field)) != 0) {
            return rune_request_refuse(decoder, RUNE_REQUEST_DUPLICATE_KEY, "",
                                       "\"%s\" is there twice", rune_request_fields[field].data);
        }
        parts->seen |= 1u << field;
        err = read_member(parts, field);
        if (err != RUNE_OK) {
            return err;
        }
    }
}

static enum rune_err check_missing(struct rune_request_parts *parts)
{
    for (enum rune_request_field field = RUNE_FIELD_PRINCIPAL; field <= RUNE_FIELD_RESOURCE;
         field++) {
        if ((parts->seen & (1u << field)) == 0) {
            return rune_request_refuse(parts->decoder, RUNE_REQUEST_MISSING_FIELD, "",
                                       "\"%s\" is missing", rune_request_fields[field].data);
        }
    }
    return RUNE_OK;
}

static RUNE_COLD enum rune_err refuse_verdict(const struct rune_request_parts *parts,
                                              enum rune_schema_verdict verdict)
{
    static const struct {
        const char *at;
        const char *message;
    } verdicts[] = {
        [RUNE_SCHEMA_UNKNOWN_ACTION] = {"action", "the schema declares no such action"},
        [RUNE_SCHEMA_UNKNOWN_PRINCIPAL_TYPE] = {"principal",
                                                "the schema declares no such entity type"},
        [RUNE_SCHEMA_UNKNOWN_RESOURCE_TYPE] = {"resource",
                                               "the schema declares no such entity type"},
        [RUNE_SCHEMA_WRONG_PRINCIPAL_TYPE] =
            {"principal", "the action does not apply to principals of this type"},
        [RUNE_SCHEMA_WRONG_RESOURCE_TYPE] = {"resource",
                                             "the action does not apply to resources of this type"},
        [RUNE_SCHEMA_WRONG_PRINCIPAL_ID] =
            {"principal", "the id is not one that the schema lists for this type"},
        [RUNE_SCHEMA_WRONG_RESOURCE_ID] = {"resource",
                                           "the id is not one that the schema lists for this type"},
    };
    return rune_request_refuse(parts->decoder, RUNE_REQUEST_SCHEMA, verdicts[verdict].at, "%s",
                               verdicts[verdict].message);
}

static rune_term type_of(const struct rune_request_decoder *decoder, rune_term entity)
{
    const struct rune_terms *terms = rune_term_space(entity) == RUNE_SPACE_IMAGE
                                         ? &decoder->store->terms
                                         : rune_dict_terms(decoder->values);
    return terms->entity_type[rune_term_index(entity)];
}

static enum rune_err check_schema(const struct rune_request_parts *parts)
{
    struct rune_request_decoder *decoder = parts->decoder;
    struct rune_action_memo *known = rune_request_action_memo(parts);
    const rune_term *places = parts->places;
    rune_term principal_type = type_of(decoder, places[RUNE_FIELD_PRINCIPAL]);
    rune_term resource_type = type_of(decoder, places[RUNE_FIELD_RESOURCE]);
    if (known->action == places[RUNE_FIELD_ACTION] && known->principal_type == principal_type &&
        known->resource_type == resource_type) {
        return RUNE_OK;
    }
    enum rune_schema_verdict verdict = rune_schema_check_request(
        decoder->schema, &decoder->store->terms, rune_dict_terms(decoder->values),
        places[RUNE_FIELD_PRINCIPAL], places[RUNE_FIELD_ACTION], places[RUNE_FIELD_RESOURCE]);
    if (verdict == RUNE_SCHEMA_FITS) {
        known->action = places[RUNE_FIELD_ACTION];
        known->principal_type = principal_type;
        known->resource_type = resource_type;
        return RUNE_OK;
    }
    return verdict == RUNE_SCHEMA_FITS_BY_ID ? RUNE_OK : refuse_verdict(parts, verdict);
}

/* What rules derive, nobody else may say. */
static enum rune_err check_derived(const struct rune_request_parts *parts)
{
    struct rune_request_decoder *decoder = parts->decoder;
    rune_term key = rune_derived_context_find(decoder->derived, decoder->store,
                                              rune_dict_terms(decoder->values), parts->context);
    if (key == RUNE_TERM_NONE) {
        return RUNE_OK;
    }
    struct rune_str name = rune_terms_string(&decoder->store->terms, key);
    return rune_request_refuse(decoder, RUNE_REQUEST_CONTEXT_REFUSED, "context",
                               "\"%.*s\" is derived by rules: a request may not bring it",
                               name.length < 64 ? (int)name.length : 64, name.data);
}

enum rune_err rune_request_decode(struct rune_request_decoder *decoder,
                                  struct rune_request *ret_request)
{
    struct rune_request_parts parts;
    init_parts(&parts, decoder);
    enum rune_err err = enter_object(decoder);
    if (err == RUNE_OK) {
        err = read_members(&parts);
    }
    if (err == RUNE_OK) {
        err = check_missing(&parts);
    }
    if (err != RUNE_OK) {
        return err;
    }
    err = parts.waiting != 0 ? rune_request_find_places(&parts) : RUNE_OK;
    if (err == RUNE_OK) {
        err = rune_request_finish_context(&parts);
    }
    if (err == RUNE_OK) {
        err = check_derived(&parts);
    }
    if (err == RUNE_OK && decoder->schema != NULL) {
        err = check_schema(&parts);
    }
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_request request = {
        .principal = parts.places[RUNE_FIELD_PRINCIPAL],
        .action = parts.places[RUNE_FIELD_ACTION],
        .resource = parts.places[RUNE_FIELD_RESOURCE],
        .context = parts.context,
        .terms = rune_dict_terms(decoder->values),
        .values = decoder->values,
    };
    const rune_term *properties = parts.properties;
    if (parts.given.count > 0 || properties[RUNE_FIELD_PRINCIPAL] != RUNE_TERM_NONE ||
        properties[RUNE_FIELD_RESOURCE] != RUNE_TERM_NONE) {
        err = rune_request_merge_entities(decoder, &parts.given, properties[RUNE_FIELD_PRINCIPAL],
                                          properties[RUNE_FIELD_RESOURCE], &request);
        if (err != RUNE_OK) {
            return err;
        }
    }
    *ret_request = request;
    return RUNE_OK;
}
