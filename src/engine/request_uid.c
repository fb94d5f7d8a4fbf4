/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/request_uid.h"

#include <string.h>

#include "base/scan.h"
#include "model/uid.h"

/* Splits "Type::\"id\"" at the reader; *ret_end is behind it. */
static bool split_in_place(const struct rune_json *json, struct rune_str *ret_type,
                           struct rune_str *ret_id, const char **ret_end)
{
    const char *end = json->end;
    const char *p = json->cursor;
    while (p < end && *p == ' ') {
        p++;
    }
    if (p == end || *p != '"') {
        return false;
    }
    const char *type = p + 1;
    p = rune_scan_plain(type, end);
    if (end - p < 5 || p - type < 3 || p[0] != '\\' || p[1] != '"' || p[-1] != ':' ||
        p[-2] != ':') {
        return false;
    }
    const char *id = p + 2;
    *ret_type = (struct rune_str){type, (size_t)(p - 2 - type)};
    p = rune_scan_plain(id, end);
    if (end - p < 3 || p[0] != '\\' || p[1] != '"' || p[2] != '"') {
        return false;
    }
    *ret_id = (struct rune_str){id, (size_t)(p - id)};
    *ret_end = p + 3;
    return true;
}

/* The entity that was last met in this place is a good guess: actions are few, and whoever asks
 * about one entity asks again. It may be of another image: so it is only where to look. */
static rune_term find_uid(struct rune_request_decoder *decoder, uint32_t place,
                          struct rune_str type, struct rune_str id)
{
    const struct rune_terms *terms = &decoder->store->terms;
    rune_term *last = &decoder->last_uids[place];
    rune_term type_term = RUNE_TERM_NONE;
    uint32_t guess = rune_term_index(*last);
    if (guess < terms->entity_count &&
        rune_str_equal(rune_terms_string(terms, terms->entity_type[guess]), type)) {
        if (rune_str_equal(rune_terms_string(terms, terms->entity_id[guess]), id)) {
            return rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, guess);
        }
        type_term = terms->entity_type[guess];
    }
    rune_term term = type_term != RUNE_TERM_NONE ? rune_terms_find_uid_of(terms, type_term, id)
                                                 : rune_terms_find_uid(terms, type, id);
    if (term != RUNE_TERM_NONE) {
        *last = term;
    }
    return term;
}

bool rune_request_read_known_uid(struct rune_request_decoder *decoder, uint32_t place,
                                 rune_term *ret_term)
{
    struct rune_str type;
    struct rune_str id;
    const char *end;
    if (!split_in_place(decoder->json, &type, &id, &end)) {
        return false;
    }
    rune_term term = find_uid(decoder, place, type, id);
    if (term == RUNE_TERM_NONE) {
        return false;
    }
    decoder->json->cursor = end;
    *ret_term = term;
    return true;
}

/* Splits `Type::"id"` in its ordinary spelling: no escapes, nothing around. False: look closer. */
static bool split_plain(struct rune_str text, struct rune_str *ret_type, struct rune_str *ret_id)
{
    if (text.length < 5 || text.data[text.length - 1] != '"') {
        return false;
    }
    const char *quote = memchr(text.data, '"', text.length - 1);
    if (quote == NULL || quote - text.data < 3 || quote[-1] != ':' || quote[-2] != ':') {
        return false;
    }
    const char *id = quote + 1;
    size_t length = (size_t)(text.data + text.length - 1 - id);
    if (length > 0 && (memchr(id, '\\', length) != NULL || memchr(id, '"', length) != NULL)) {
        return false;
    }
    *ret_type = (struct rune_str){text.data, (size_t)(quote - 2 - text.data)};
    *ret_id = (struct rune_str){id, length};
    return true;
}

static enum rune_err intern(struct rune_request_decoder *decoder, const char *at,
                            struct rune_str type, struct rune_str id, rune_term *ret_term)
{
    rune_term type_term;
    rune_term id_term;
    enum rune_err err = rune_dict_string(decoder->values, type, &type_term);
    if (err == RUNE_OK) {
        err = rune_dict_string(decoder->values, id, &id_term);
    }
    if (err == RUNE_OK) {
        err = rune_dict_entity(decoder->values, type_term, id_term, ret_term);
    }
    if (err != RUNE_OK) {
        return rune_request_refuse(decoder, RUNE_REQUEST_TOO_LARGE, at,
                                   "the request has too many values");
    }
    return RUNE_OK;
}

enum rune_err rune_request_read_uid(struct rune_request_decoder *decoder, const char *at,
                                    struct rune_str text, rune_term default_type,
                                    rune_term *ret_term)
{
    struct rune_uid uid;
    const struct rune_terms *terms = &decoder->store->terms;
    if (split_plain(text, &uid.type, &uid.id)) {
        *ret_term = rune_terms_find_uid(terms, uid.type, uid.id);
        if (*ret_term != RUNE_TERM_NONE) {
            return RUNE_OK;
        }
    }
    struct rune_str fallback = {0};
    if (text.length == 0) {
        return rune_request_refuse(
            decoder, RUNE_REQUEST_INVALID_ENTITY, at,
            "an empty string is no entity: write {\"type\": .., \"id\": \"\"} if it is meant");
    }
    if (default_type != RUNE_TERM_NONE) {
        fallback = rune_terms_string(terms, default_type);
    }
    const char *message = "";
    enum rune_err err = rune_uid_read(text, fallback, decoder->arena, &uid, &message);
    if (err == RUNE_E_LIMIT) {
        return rune_request_refuse(decoder, RUNE_REQUEST_TOO_LARGE, at,
                                   "the request has too many values");
    }
    if (err != RUNE_OK) {
        int shown = text.length < 80 ? (int)text.length : 80;
        return rune_request_refuse(decoder, RUNE_REQUEST_INVALID_ENTITY, at,
                                   "\"%.*s\" is no entity: %s", shown, text.data, message);
    }
    *ret_term = rune_terms_find_uid(terms, uid.type, uid.id);
    return *ret_term != RUNE_TERM_NONE ? RUNE_OK : intern(decoder, at, uid.type, uid.id, ret_term);
}

enum rune_err rune_request_intern_uid(struct rune_request_decoder *decoder, const char *at,
                                      struct rune_str type, struct rune_str id, rune_term *ret_term)
{
    *ret_term = rune_terms_find_uid(&decoder->store->terms, type, id);
    if (*ret_term != RUNE_TERM_NONE) {
        return RUNE_OK;
    }
    if (!rune_uid_is_type_name(type)) {
        int shown = type.length < 80 ? (int)type.length : 80;
        return rune_request_refuse(
            decoder, RUNE_REQUEST_INVALID_ENTITY, at,
            "\"%.*s\" is no entity type: expected a name like User or App::User", shown, type.data);
    }
    return intern(decoder, at, type, id, ret_term);
}
