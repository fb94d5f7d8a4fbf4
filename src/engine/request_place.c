/* SPDX-License-Identifier: Apache-2.0 */
/* request_place: who, what and on what. Their ordinary spellings are read where they stand
 * (request_uid.h), all others by the reader of all JSON. */
#include "engine/request_parts.h"

static rune_term default_type(const struct rune_store *store, enum rune_request_field place)
{
    switch (place) {
    case RUNE_FIELD_PRINCIPAL:
        return store->manifest->default_principal_type;
    case RUNE_FIELD_ACTION:
        return store->manifest->default_action_type;
    default:
        return store->manifest->default_resource_type;
    }
}

/* ---- entities as objects ---- */

enum { PLACE_TYPE, PLACE_ID, PLACE_PROPERTIES, PLACE_MEMBER_COUNT };

static const struct rune_str place_members[PLACE_MEMBER_COUNT] = {
    {"type", 4}, {"id", 2}, {"properties", 10}};

static enum rune_err check_properties(struct rune_request_parts *parts,
                                      enum rune_request_field place)
{
    struct rune_request_decoder *decoder = parts->decoder;
    if (place == RUNE_FIELD_ACTION) {
        return rune_request_refuse(decoder, RUNE_REQUEST_ENTITIES_REFUSED, "action.properties",
                                   "an action has no properties");
    }
    if ((decoder->store->manifest->flags & RUNE_MANIFEST_REQUEST_ENTITIES) == 0) {
        return rune_request_refuse(
            decoder, RUNE_REQUEST_ENTITIES_REFUSED,
            place == RUNE_FIELD_PRINCIPAL ? "principal.properties" : "resource.properties",
            "this bundle takes no properties from requests (request_entities = \"off\")");
    }
    return RUNE_OK;
}

/* Reads from `at` and goes on where the reader stands. */
static enum rune_err read_properties(struct rune_request_parts *parts,
                                     enum rune_request_field place, const struct rune_json *at)
{
    struct rune_request_decoder *decoder = parts->decoder;
    struct rune_json here = *decoder->json;
    *decoder->json = *at;
    enum rune_err err = rune_request_read_attrs(
        decoder, place == RUNE_FIELD_PRINCIPAL ? "principal.properties" : "resource.properties",
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
        return rune_request_refuse_unknown(decoder, at, key, place_members, PLACE_MEMBER_COUNT);
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

static enum rune_err pass_properties(struct rune_request_parts *parts,
                                     enum rune_request_field field, struct rune_json *ret_at)
{
    struct rune_request_decoder *decoder = parts->decoder;
    enum rune_err err = check_properties(parts, field);
    if (err != RUNE_OK) {
        return err;
    }
    *ret_at = *decoder->json;
    return rune_json_skip(decoder->json) == RUNE_OK
               ? RUNE_OK
               : rune_request_refuse_json(decoder, rune_request_fields[field].data);
}

/* All members; the properties are passed over. */
static enum rune_err read_place_members(struct rune_request_parts *parts,
                                        enum rune_request_field field, struct place *place)
{
    struct rune_request_decoder *decoder = parts->decoder;
    const char *at = rune_request_fields[field].data;
    for (;;) {
        struct rune_str key;
        uint32_t member = 0;
        bool more;
        if (rune_json_next_member(decoder->json, &more, &key) != RUNE_OK) {
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

static RUNE_APART enum rune_err read_place_object(struct rune_request_parts *parts,
                                                  enum rune_request_field field)
{
    struct rune_request_decoder *decoder = parts->decoder;
    const char *at = rune_request_fields[field].data;
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

/* ---- all forms ---- */

/* Of any form that is no ordinary spelling, or of an entity that the image does not know. */
static RUNE_APART enum rune_err read_other_place(struct rune_request_parts *parts,
                                                 enum rune_request_field place)
{
    struct rune_request_decoder *decoder = parts->decoder;
    const char *at = rune_request_fields[place].data;
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

RUNE_APART enum rune_err rune_request_find_places(struct rune_request_parts *parts)
{
    struct rune_json *json = parts->decoder->json;
    const char *here = json->cursor;
    enum rune_err err = RUNE_OK;
    rune_request_find_uids(parts->decoder, parts->waiting, parts->waits, parts->places);
    for (uint32_t place = 0; place < 3 && err == RUNE_OK; place++) {
        if ((parts->waiting >> place & 1) != 0 && parts->places[place] == RUNE_TERM_NONE) {
            json->cursor = parts->waits[place].at;
            err = read_other_place(parts, (enum rune_request_field)place);
        }
    }
    if (err == RUNE_OK) {
        json->cursor = here;
    }
    parts->waiting = 0;
    return err;
}

/* An action that waits would keep the context waiting, too. */
enum rune_err rune_request_read_place(struct rune_request_parts *parts,
                                      enum rune_request_field place)
{
    switch (rune_request_read_plain_uid(parts->decoder, (uint32_t)place, &parts->places[place],
                                        &parts->waits[place])) {
    case RUNE_UID_KNOWN:
        return RUNE_OK;
    case RUNE_UID_WAITS:
        parts->waiting |= 1u << place;
        return place == RUNE_FIELD_ACTION ? rune_request_find_places(parts) : RUNE_OK;
    case RUNE_UID_OTHER:
        break;
    }
    return read_other_place(parts, place);
}
