/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/request_uid.h"

#include <string.h>

#include "base/layout.h"
#include "base/scan.h"
#include "model/uid.h"

/* Splits "Type::\"id\"" at p; *ret_end is behind it. */
static bool split_in_place(const char *p, const char *end, struct rune_str *ret_type,
                           struct rune_str *ret_id, const char **ret_end)
{
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

/* ---- what requests named before ---- */

#define BEFORE_ID   5u /* bytes of a spelling: a quote, and ::\" behind the type */
#define BESIDE_BOTH 8u /* those, and \"" behind the id */

/* Ids differ at their ends: the last five bytes of one, and the eight before them. */
static uint32_t slot_of(struct rune_str spelling)
{
    uint64_t words[2];
    const char *end = spelling.data + spelling.length;
    memcpy(&words[1], end - 8, 8);
    memcpy(&words[0], spelling.length >= 16 ? end - 16 : spelling.data, 8);
    uint64_t hash = (words[1] ^ words[0] * 0xd6e8feb86659fd93u) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 32) % RUNE_MEMO_UIDS;
}

/* What was remembered of this spelling, which the place had last now; or NONE. */
static rune_term recall(struct rune_request_memo *memo, uint32_t place, struct rune_str spelling)
{
    uint32_t slot = slot_of(spelling);
    const struct rune_uid_memo *known = &memo->uids[slot];
    if (known->length != spelling.length ||
        memcmp(known->spelling, spelling.data, spelling.length) != 0) {
        return RUNE_TERM_NONE;
    }
    memo->last[place] = slot;
    return known->uid;
}

static void remember(struct rune_request_memo *memo, uint32_t place, rune_term uid, rune_term type,
                     struct rune_str spelling, size_t type_length)
{
    if (spelling.length > RUNE_MEMO_SPELLING) {
        return;
    }
    struct rune_uid_memo *slot = &memo->uids[memo->last[place] = slot_of(spelling)];
    slot->uid = uid;
    slot->type = type;
    slot->length = (uint8_t)spelling.length;
    slot->type_length = (uint8_t)type_length;
    memcpy(slot->spelling, spelling.data, spelling.length);
}

/* Remembers what the image knows. A place's entities are mostly of one type: that of the last one
 * is not looked up again. */
static rune_term find(struct rune_request_decoder *decoder, uint32_t place, struct rune_str type,
                      struct rune_str id, struct rune_str spelling)
{
    const struct rune_terms *terms = &decoder->store->terms;
    const struct rune_uid_memo *last = &decoder->memo->uids[decoder->memo->last[place]];
    const struct rune_str last_type = {last->spelling + 1, last->type_length};
    rune_term type_term = last->length > 0 && rune_str_equal(type, last_type)
                              ? last->type
                              : rune_terms_find_string(terms, type);
    if (type_term == RUNE_TERM_NONE) {
        return RUNE_TERM_NONE;
    }
    rune_term term = rune_terms_find_uid_of(terms, type_term, id);
    if (term != RUNE_TERM_NONE && spelling.length > 0) {
        remember(decoder->memo, place, term, type_term, spelling, type.length);
    }
    return term;
}

/* As rune_request_read_known_uid, of an entity that is not the place's last one. */
static RUNE_APART bool look_up(struct rune_request_decoder *decoder, uint32_t place, const char *p,
                               rune_term *ret_term)
{
    struct rune_str type;
    struct rune_str id;
    const char *end;
    if (!split_in_place(p, decoder->json->end, &type, &id, &end)) {
        return false;
    }
    struct rune_str spelling = {p, (size_t)(end - p)};
    rune_term term = recall(decoder->memo, place, spelling);
    if (term == RUNE_TERM_NONE) {
        term = find(decoder, place, type, id, spelling);
    }
    if (term == RUNE_TERM_NONE) {
        return false;
    }
    decoder->json->cursor = end;
    *ret_term = term;
    return true;
}

bool rune_request_read_known_uid(struct rune_request_decoder *decoder, uint32_t place,
                                 rune_term *ret_term)
{
    const struct rune_uid_memo *last = &decoder->memo->uids[decoder->memo->last[place]];
    struct rune_json *json = decoder->json;
    const char *p = json->cursor;
    while (p < json->end && *p == ' ') {
        p++;
    }
    if (last->length == 0 || (size_t)(json->end - p) < last->length ||
        memcmp(p, last->spelling, last->length) != 0) {
        return look_up(decoder, place, p, ret_term);
    }
    json->cursor = p + last->length;
    *ret_term = last->uid;
    return true;
}

/* ---- type and id that were given apart ---- */

static bool is_plain(struct rune_str text)
{
    const char *end = text.data + text.length;
    return rune_scan_plain(text.data, end) == end;
}

/* As the other form would spell it, if that is short and takes no escapes; else empty. */
static struct rune_str spell(struct rune_str type, struct rune_str id,
                             char text[RUNE_MEMO_SPELLING])
{
    size_t length = type.length + id.length + BESIDE_BOTH;
    if (length > RUNE_MEMO_SPELLING || !is_plain(type) || !is_plain(id)) {
        return (struct rune_str){0};
    }
    text[0] = '"';
    memcpy(text + 1, type.data, type.length);
    memcpy(text + 1 + type.length, "::\\\"", 4);
    memcpy(text + type.length + BEFORE_ID, id.data, id.length);
    memcpy(text + type.length + BEFORE_ID + id.length, "\\\"\"", 3);
    return (struct rune_str){text, length};
}

static rune_term find_apart(struct rune_request_decoder *decoder, uint32_t place,
                            struct rune_str type, struct rune_str id)
{
    char text[RUNE_MEMO_SPELLING];
    struct rune_str spelling = spell(type, id, text);
    rune_term term = spelling.length > 0 ? recall(decoder->memo, place, spelling) : RUNE_TERM_NONE;
    return term != RUNE_TERM_NONE ? term : find(decoder, place, type, id, spelling);
}

/* ---- all others ---- */

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

RUNE_APART enum rune_err rune_request_read_uid(struct rune_request_decoder *decoder, const char *at,
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
                                      uint32_t place, struct rune_str type, struct rune_str id,
                                      rune_term *ret_term)
{
    *ret_term = find_apart(decoder, place, type, id);
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
