/* SPDX-License-Identifier: Apache-2.0 */
/* The members of a request may come in any order, so each is decoded where it stands, but for what
 * a schema types by another member (the context by the action, attributes by their entity): that is
 * passed over and read when the other is known. What the request says about entities is merged with
 * the image at the end (engine/request_merge.c). */
#include "engine/request_json.h"

#include <string.h>

#include "base/layout.h"
#include "engine/request_entities.h"
#include "engine/request_uid.h"

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

enum field {
    FIELD_PRINCIPAL,
    FIELD_ACTION,
    FIELD_RESOURCE,
    FIELD_CONTEXT,
    FIELD_ENTITIES,
    FIELD_COUNT
};

static const struct rune_str field_names[FIELD_COUNT] = {
    [FIELD_PRINCIPAL] = {"principal", 9}, [FIELD_ACTION] = {"action", 6},
    [FIELD_RESOURCE] = {"resource", 8},   [FIELD_CONTEXT] = {"context", 7},
    [FIELD_ENTITIES] = {"entities", 8},
};

/* What was read, until all of it is there. */
struct parts {
    struct rune_request_decoder *decoder;
    uint32_t seen;    /* bit i: field i */
    uint32_t waiting; /* bit i: place i is still to be found, see request_uid.h */
    bool context_waits;
    struct rune_json context_at; /* if it does */
    rune_term places[3];
    struct rune_uid_wait waits[3];
    rune_term properties[3]; /* record terms, or RUNE_TERM_NONE */
    rune_term context;
    struct rune_request_entity_list given;
};

/* Not by an initializer, which would clear also what waits to be written. */
static void init_parts(struct parts *parts, struct rune_request_decoder *decoder)
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

static enum field find_field(struct rune_str key)
{
    enum field field = FIELD_COUNT;
    switch (key.length) {
    case 6:
        field = FIELD_ACTION;
        break;
    case 7:
        field = FIELD_CONTEXT;
        break;
    case 8:
        field = key.data[0] == 'r' ? FIELD_RESOURCE : FIELD_ENTITIES;
        break;
    case 9:
        field = FIELD_PRINCIPAL;
        break;
    default:
        return FIELD_COUNT;
    }
    return memcmp(key.data, field_names[field].data, key.length) == 0 ? field : FIELD_COUNT;
}

static RUNE_COLD enum rune_err refuse_unknown(struct rune_request_decoder *decoder, const char *at,
                                              struct rune_str key, const struct rune_str *known,
                                              size_t known_count)
{
    struct rune_str nearest = rune_str_nearest(key, known, known_count);
    int shown = key.length < 64 ? (int)key.length : 64;
    if (nearest.length > 0) {
        return rune_request_refuse(decoder, RUNE_REQUEST_UNKNOWN_FIELD, at,
                                   "unknown field \"%.*s\": did you mean \"%.*s\"?", shown,
                                   key.data, RUNE_STR_ARG(nearest));
    }
    return rune_request_refuse(decoder, RUNE_REQUEST_UNKNOWN_FIELD, at, "unknown field \"%.*s\"",
                               shown, key.data);
}

static rune_term default_type(const struct rune_store *store, enum field place)
{
    switch (place) {
    case FIELD_PRINCIPAL:
        return store->manifest->default_principal_type;
    case FIELD_ACTION:
        return store->manifest->default_action_type;
    default:
        return store->manifest->default_resource_type;
    }
}

/* ---- principal, action, resource ---- */

enum { PLACE_TYPE, PLACE_ID, PLACE_PROPERTIES, PLACE_MEMBER_COUNT };

static const struct rune_str place_members[PLACE_MEMBER_COUNT] = {
    {"type", 4}, {"id", 2}, {"properties", 10}};

static enum rune_err check_properties(struct parts *parts, enum field place)
{
    struct rune_request_decoder *decoder = parts->decoder;
    if (place == FIELD_ACTION) {
        return rune_request_refuse(decoder, RUNE_REQUEST_ENTITIES_REFUSED, "action.properties",
                                   "an action has no properties");
    }
    if ((decoder->store->manifest->flags & RUNE_MANIFEST_REQUEST_ENTITIES) == 0) {
        return rune_request_refuse(
            decoder, RUNE_REQUEST_ENTITIES_REFUSED,
            place == FIELD_PRINCIPAL ? "principal.properties" : "resource.properties",
            "this bundle takes no properties from requests (request_entities = \"off\")");
    }
    return RUNE_OK;
}

/* Reads from `at` and goes on where the reader stands. */
static enum rune_err read_properties(struct parts *parts, enum field place,
                                     const struct rune_json *at)
{
    struct rune_request_decoder *decoder = parts->decoder;
    struct rune_json here = *decoder->json;
    *decoder->json = *at;
    enum rune_err err = rune_request_read_attrs(
        decoder, place == FIELD_PRINCIPAL ? "principal.properties" : "resource.properties",
        parts->places[place], &parts->properties[place]);
    if (err == RUNE_OK) {
        *decoder->json = here;
    }
    return err;
}

/* What an entity's object says, until all of it is there. */
struct place {
    uint32_t seen; /* bit i: member i */
    struct rune_str texts[2];
    struct rune_json properties_at; /* where they begin; they wait for the entity */
};

static enum rune_err find_place_member(struct rune_request_decoder *decoder, const char *at,
                                       struct rune_str key, struct place *place,
                                       uint32_t *ret_member)
{
    uint32_t member = 0;
    while (member < PLACE_MEMBER_COUNT && !rune_str_equal(key, place_members[member])) {
        member++;
    }
    if (member == PLACE_MEMBER_COUNT) {
        return refuse_unknown(decoder, at, key, place_members, PLACE_MEMBER_COUNT);
    }
    if ((place->seen & (1u << member)) != 0) {
        return rune_request_refuse(decoder, RUNE_REQUEST_DUPLICATE_KEY, at, "\"%s\" is there twice",
                                   place_members[member].data);
    }
    place->seen |= 1u << member;
    *ret_member = member;
    return RUNE_OK;
}

static enum rune_err read_place_text(struct rune_request_decoder *decoder, const char *at,
                                     uint32_t member, struct rune_str *ret_text)
{
    struct rune_json_token token;
    if (rune_json_value(decoder->json, &token) != RUNE_OK) {
        return rune_request_refuse_json(decoder, at);
    }
    if (token.type != RUNE_JSON_STRING) {
        return rune_request_refuse(decoder, RUNE_REQUEST_WRONG_TYPE, at, "\"%s\" must be a string",
                                   place_members[member].data);
    }
    *ret_text = token.text;
    return RUNE_OK;
}

static enum rune_err pass_properties(struct parts *parts, enum field field,
                                     struct rune_json *ret_at)
{
    struct rune_request_decoder *decoder = parts->decoder;
    enum rune_err err = check_properties(parts, field);
    if (err != RUNE_OK) {
        return err;
    }
    *ret_at = *decoder->json;
    return rune_json_skip(decoder->json) == RUNE_OK
               ? RUNE_OK
               : rune_request_refuse_json(decoder, field_names[field].data);
}

/* All members; the properties are passed over. */
static enum rune_err read_place_members(struct parts *parts, enum field field, struct place *place)
{
    struct rune_request_decoder *decoder = parts->decoder;
    const char *at = field_names[field].data;
    for (bool first = true;; first = false) {
        struct rune_str key;
        uint32_t member = 0;
        bool more;
        if (rune_json_next_member(decoder->json, first, &more, &key) != RUNE_OK) {
            return rune_request_refuse_json(decoder, at);
        }
        if (!more) {
            return RUNE_OK;
        }
        enum rune_err err = find_place_member(decoder, at, key, place, &member);
        if (err == RUNE_OK) {
            err = member == PLACE_PROPERTIES
                      ? pass_properties(parts, field, &place->properties_at)
                      : read_place_text(decoder, at, member, &place->texts[member]);
        }
        if (err != RUNE_OK) {
            return err;
        }
    }
}

static RUNE_APART enum rune_err read_place_object(struct parts *parts, enum field field)
{
    struct rune_request_decoder *decoder = parts->decoder;
    const char *at = field_names[field].data;
    struct place place = {0};
    enum rune_err err = read_place_members(parts, field, &place);
    if (err != RUNE_OK) {
        return err;
    }
    bool has_type = (place.seen & (1u << PLACE_TYPE)) != 0;
    if (!has_type || (place.seen & (1u << PLACE_ID)) == 0) {
        return rune_request_refuse(decoder, RUNE_REQUEST_MISSING_FIELD, at, "\"%s\" is missing",
                                   place_members[has_type ? PLACE_ID : PLACE_TYPE].data);
    }
    err = rune_request_intern_uid(decoder, at, place.texts[PLACE_TYPE], place.texts[PLACE_ID],
                                  &parts->places[field]);
    if (err == RUNE_OK && (place.seen & (1u << PLACE_PROPERTIES)) != 0) {
        err = read_properties(parts, field, &place.properties_at);
    }
    return err;
}

/* Of any form that is no ordinary spelling, or of an entity that the image does not know. */
static RUNE_APART enum rune_err read_other_place(struct parts *parts, enum field place)
{
    struct rune_request_decoder *decoder = parts->decoder;
    const char *at = field_names[place].data;
    struct rune_json_token token;
    if (rune_json_value(decoder->json, &token) != RUNE_OK) {
        return rune_request_refuse_json(decoder, at);
    }
    if (token.type == RUNE_JSON_STRING) {
        return rune_request_read_uid(decoder, at, token.text, default_type(decoder->store, place),
                                     &parts->places[place]);
    }
    if (token.type == RUNE_JSON_OBJECT) {
        return read_place_object(parts, place);
    }
    return rune_request_refuse(
        decoder, RUNE_REQUEST_WRONG_TYPE, at,
        "expected an entity: {\"type\": .., \"id\": ..} or a string like \"User::\\\"alice\\\"\"");
}

/* Finds the places that wait; what the image does not know is read again, as any other form. */
static RUNE_APART enum rune_err find_places(struct parts *parts)
{
    struct rune_json *json = parts->decoder->json;
    const char *here = json->cursor;
    enum rune_err err = RUNE_OK;
    rune_request_find_uids(parts->decoder, parts->waiting, parts->waits, parts->places);
    for (uint32_t place = 0; place < 3 && err == RUNE_OK; place++) {
        if ((parts->waiting >> place & 1) != 0 && parts->places[place] == RUNE_TERM_NONE) {
            json->cursor = parts->waits[place].at;
            err = read_other_place(parts, (enum field)place);
        }
    }
    if (err == RUNE_OK) {
        json->cursor = here;
    }
    parts->waiting = 0;
    return err;
}

/* An action that waits would keep the context waiting, too. */
static enum rune_err read_place(struct parts *parts, enum field place)
{
    switch (rune_request_read_plain_uid(parts->decoder, (uint32_t)place, &parts->places[place],
                                        &parts->waits[place])) {
    case RUNE_UID_KNOWN:
        return RUNE_OK;
    case RUNE_UID_WAITS:
        parts->waiting |= 1u << place;
        return place == FIELD_ACTION ? find_places(parts) : RUNE_OK;
    case RUNE_UID_OTHER:
        break;
    }
    return read_other_place(parts, place);
}

/* ---- context ---- */

/* Where requests are not checked, the schema only helps to read: a context that does not fit it is
 * taken as it stands. */
static RUNE_APART enum rune_err read_context(struct parts *parts, rune_schema_type type)
{
    struct rune_request_decoder *decoder = parts->decoder;
    struct rune_value_reader *reader = rune_request_reader(decoder);
    if (reader == NULL) {
        return rune_request_refuse_size(decoder, "context");
    }
    struct rune_json begin = *decoder->json;
    enum rune_err err = rune_value_read_context(reader, type, &parts->context);
    bool fits = err != RUNE_E_SCHEMA && err != RUNE_E_INVALID;
    if (!fits && decoder->schema == NULL && type != 0) {
        *decoder->json = begin;
        rune_value_reader_reset(reader, decoder->json);
        err = rune_value_read_context(reader, 0, &parts->context);
    }
    return err == RUNE_OK ? RUNE_OK : rune_request_refuse_value(decoder, err, "context");
}

/* With a schema the action says what the context is. */
static rune_schema_type context_type(const struct parts *parts)
{
    const struct rune_schema *forms = parts->decoder->forms;
    const struct rune_schema_action *action =
        rune_schema_find_action(forms, parts->places[FIELD_ACTION]);
    return action != NULL ? action->context : 0;
}

static enum rune_err meet_context(struct parts *parts)
{
    struct rune_request_decoder *decoder = parts->decoder;
    if (decoder->forms == NULL) {
        return read_context(parts, 0);
    }
    if ((parts->seen & (1u << FIELD_ACTION)) != 0) {
        return read_context(parts, context_type(parts));
    }
    parts->context_waits = true;
    parts->context_at = *decoder->json;
    return rune_json_skip(decoder->json) == RUNE_OK ? RUNE_OK
                                                    : rune_request_refuse_json(decoder, "context");
}

static struct rune_action_memo *memo_of_action(const struct parts *parts)
{
    return rune_request_memo_action(parts->decoder->memo, parts->places[FIELD_ACTION]);
}

/* Whether the empty record fits what the action says of its context. */
static RUNE_APART bool action_takes_no_context(const struct parts *parts)
{
    const struct rune_schema *forms = parts->decoder->forms;
    rune_schema_type type = context_type(parts);
    if (type == 0) {
        return true;
    }
    const uint32_t *record = forms->words + type;
    for (uint32_t i = 0; i < record[1]; i++) {
        if (record[2 + 3 * i + 2] != 0) {
            return false;
        }
    }
    memo_of_action(parts)->plain = parts->places[FIELD_ACTION];
    return true;
}

static bool fits_no_context(const struct parts *parts)
{
    const struct rune_request_decoder *decoder = parts->decoder;
    return decoder->forms == NULL || memo_of_action(parts)->plain == parts->places[FIELD_ACTION] ||
           action_takes_no_context(parts);
}

/* The context that was passed over, or one that is missing although it is needed: read as if it
 * were there, so that the message names the key that the schema requires. */
static RUNE_APART enum rune_err read_other_context(struct parts *parts)
{
    static const char empty[] = "{}";
    struct rune_request_decoder *decoder = parts->decoder;
    struct rune_json here = *decoder->json;
    if (parts->context_waits) {
        *decoder->json = parts->context_at;
    } else {
        rune_json_init(decoder->json, empty, sizeof(empty) - 1, decoder->arena);
    }
    enum rune_err err = read_context(parts, context_type(parts));
    if (err == RUNE_OK) {
        *decoder->json = here;
    }
    return err;
}

/* The context that waited, or the empty one. */
static enum rune_err finish_context(struct parts *parts)
{
    if (parts->context_waits) {
        return read_other_context(parts);
    }
    if (parts->context == RUNE_TERM_NONE) {
        if (!fits_no_context(parts)) {
            return read_other_context(parts);
        }
        parts->context = RUNE_TERM_EMPTY_RECORD;
    }
    return RUNE_OK;
}

/* ---- all of it ---- */

static enum rune_err read_member(struct parts *parts, enum field field)
{
    switch (field) {
    case FIELD_CONTEXT:
        return meet_context(parts);
    case FIELD_ENTITIES:
        return rune_request_read_entities(parts->decoder, &parts->given);
    default:
        return read_place(parts, field);
    }
}

/* A member's name as clients write it, `"action":`, which needs no reader: its field, and the
 * cursor behind the colon. FIELD_COUNT, and the cursor where it was: look closer. */
static inline enum field take_plain_field(struct rune_json *json, bool first)
{
#define TAKE(field, spelling)                              \
    if ((size_t)(json->end - p) >= sizeof(spelling) - 1 && \
        memcmp(p, spelling, sizeof(spelling) - 1) == 0) {  \
        json->cursor = p + sizeof(spelling) - 1;           \
        return field;                                      \
    }
    const char *p = json->cursor;
    if (!first && (p == json->end || *p++ != ',')) {
        return FIELD_COUNT;
    }
    if (p < json->end && *p == ' ') {
        p++;
    }
    TAKE(FIELD_PRINCIPAL, "\"principal\":")
    TAKE(FIELD_ACTION, "\"action\":")
    TAKE(FIELD_RESOURCE, "\"resource\":")
    TAKE(FIELD_CONTEXT, "\"context\":")
    return FIELD_COUNT;
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

/* *ret_field: the next member, or FIELD_COUNT behind the last. */
static enum rune_err next_field(struct rune_request_decoder *decoder, bool first,
                                enum field *ret_field)
{
    *ret_field = take_plain_field(decoder->json, first);
    if (*ret_field != FIELD_COUNT) {
        return RUNE_OK;
    }
    struct rune_str key;
    bool more;
    if (rune_json_take_object_end(decoder->json)) {
        return RUNE_OK;
    }
    if (rune_json_next_member(decoder->json, first, &more, &key) != RUNE_OK) {
        return rune_request_refuse_json(decoder, "");
    }
    if (!more) {
        return RUNE_OK;
    }
    *ret_field = find_field(key);
    return *ret_field != FIELD_COUNT ? RUNE_OK
                                     : refuse_unknown(decoder, "", key, field_names, FIELD_COUNT);
}

static enum rune_err read_members(struct parts *parts)
{
    struct rune_request_decoder *decoder = parts->decoder;
    for (bool first = true;; first = false) {
        enum field field;
        enum rune_err err = next_field(decoder, first, &field);
        if (err != RUNE_OK || field == FIELD_COUNT) {
            return err;
        }
        if ((parts->seen & (1u << field)) != 0) {
            return rune_request_refuse(decoder, RUNE_REQUEST_DUPLICATE_KEY, "",
                                       "\"%s\" is there twice", field_names[field].data);
        }
        parts->seen |= 1u << field;
        err = read_member(parts, field);
        if (err != RUNE_OK) {
            return err;
        }
    }
}

static enum rune_err check_missing(struct parts *parts)
{
    for (enum field field = FIELD_PRINCIPAL; field <= FIELD_RESOURCE; field++) {
        if ((parts->seen & (1u << field)) == 0) {
            return rune_request_refuse(parts->decoder, RUNE_REQUEST_MISSING_FIELD, "",
                                       "\"%s\" is missing", field_names[field].data);
        }
    }
    return RUNE_OK;
}

static RUNE_COLD enum rune_err refuse_verdict(const struct parts *parts,
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

static enum rune_err check_schema(const struct parts *parts)
{
    struct rune_request_decoder *decoder = parts->decoder;
    struct rune_action_memo *known = memo_of_action(parts);
    const rune_term *places = parts->places;
    rune_term principal_type = type_of(decoder, places[FIELD_PRINCIPAL]);
    rune_term resource_type = type_of(decoder, places[FIELD_RESOURCE]);
    if (known->action == places[FIELD_ACTION] && known->principal_type == principal_type &&
        known->resource_type == resource_type) {
        return RUNE_OK;
    }
    enum rune_schema_verdict verdict = rune_schema_check_request(
        decoder->schema, &decoder->store->terms, rune_dict_terms(decoder->values),
        places[FIELD_PRINCIPAL], places[FIELD_ACTION], places[FIELD_RESOURCE]);
    if (verdict == RUNE_SCHEMA_FITS) {
        known->action = places[FIELD_ACTION];
        known->principal_type = principal_type;
        known->resource_type = resource_type;
        return RUNE_OK;
    }
    return verdict == RUNE_SCHEMA_FITS_BY_ID ? RUNE_OK : refuse_verdict(parts, verdict);
}

/* What rules derive, nobody else may say. */
static enum rune_err check_derived(const struct parts *parts)
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
    struct parts parts;
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
    err = parts.waiting != 0 ? find_places(&parts) : RUNE_OK;
    if (err == RUNE_OK) {
        err = finish_context(&parts);
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
        .principal = parts.places[FIELD_PRINCIPAL],
        .action = parts.places[FIELD_ACTION],
        .resource = parts.places[FIELD_RESOURCE],
        .context = parts.context,
        .terms = rune_dict_terms(decoder->values),
        .values = decoder->values,
    };
    const rune_term *properties = parts.properties;
    if (parts.given.count > 0 || properties[FIELD_PRINCIPAL] != RUNE_TERM_NONE ||
        properties[FIELD_RESOURCE] != RUNE_TERM_NONE) {
        err = rune_request_merge_entities(decoder, &parts.given, properties[FIELD_PRINCIPAL],
                                          properties[FIELD_RESOURCE], &request);
        if (err != RUNE_OK) {
            return err;
        }
    }
    *ret_request = request;
    return RUNE_OK;
}
