/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/request_uid.h"

#include <string.h>

#include "base/layout.h"
#include "base/scan.h"
#include "model/uid.h"

/* ---- ordinary spellings ---- */

/* Splits "Type::\"id\"" at p; *ret_end is behind it. */
static bool split_text(const char *p, const char *end, struct rune_str *ret_type,
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

static const char *pass_blanks(const char *p, const char *end)
{
    while (p < end && *p == ' ') {
        p++;
    }
    return p;
}

/* Reads `"name": "text"` at *p, blanks around or not, and goes behind it. */
static bool take_member(const char **p, const char *end, struct rune_str name,
                        struct rune_str *ret_text)
{
    const char *at = pass_blanks(*p, end);
    if ((size_t)(end - at) < name.length || !rune_bytes_equal(at, name.data, name.length)) {
        return false;
    }
    at = pass_blanks(at + name.length, end);
    if (at == end || *at != '"') {
        return false;
    }
    const char *quote = rune_scan_plain(at + 1, end);
    if (quote == end || *quote != '"') {
        return false;
    }
    *ret_text = (struct rune_str){at + 1, (size_t)(quote - at - 1)};
    *p = pass_blanks(quote + 1, end);
    return true;
}

static bool split_members(const char *p, const char *end, struct rune_str first_name,
                          struct rune_str *ret_first, struct rune_str second_name,
                          struct rune_str *ret_second, const char **ret_end)
{
    if (!take_member(&p, end, first_name, ret_first) || p == end || *p++ != ',' ||
        !take_member(&p, end, second_name, ret_second) || p == end) {
        return false;
    }
    *ret_end = p + 1;
    return *p == '}';
}

/* Splits {"type": "Type", "id": "id"} at p, in either order; *ret_end is behind it. */
static bool split_object(const char *p, const char *end, struct rune_str *ret_type,
                         struct rune_str *ret_id, const char **ret_end)
{
    const struct rune_str type = RUNE_STR("\"type\":"), id = RUNE_STR("\"id\":");
    return p < end && *p == '{' &&
           (split_members(p + 1, end, type, ret_type, id, ret_id, ret_end) ||
            split_members(p + 1, end, id, ret_id, type, ret_type, ret_end));
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

/* "Type::\"id\"" of texts that take no escapes, if that is short; else empty. */
static struct rune_str spell(struct rune_str type, struct rune_str id,
                             char text[RUNE_MEMO_SPELLING])
{
    size_t length = type.length + id.length + BESIDE_BOTH;
    if (length > RUNE_MEMO_SPELLING) {
        return (struct rune_str){0};
    }
    text[0] = '"';
    memcpy(text + 1, type.data, type.length);
    memcpy(text + 1 + type.length, "::\\\"", 4);
    memcpy(text + type.length + BEFORE_ID, id.data, id.length);
    memcpy(text + type.length + BEFORE_ID + id.length, "\\\"\"", 3);
    return (struct rune_str){text, length};
}

static void remember(struct rune_request_memo *memo, uint32_t place,
                     const struct rune_uid_search *found, struct rune_str type)
{
    char text[RUNE_MEMO_SPELLING];
    struct rune_str spelling = spell(type, found->id, text);
    if (spelling.length == 0) {
        return;
    }
    struct rune_uid_memo *slot = &memo->uids[memo->last[place] = slot_of(spelling)];
    slot->uid = found->found;
    slot->type = found->type;
    slot->length = (uint8_t)spelling.length;
    slot->type_length = (uint8_t)type.length;
    memcpy(slot->spelling, spelling.data, spelling.length);
}

/* The type's term. A place's entities are mostly of one type: that of the last one is not looked up
 * again. */
static rune_term find_type(const struct rune_request_decoder *decoder, uint32_t place,
                           struct rune_str type)
{
    const struct rune_uid_memo *last = &decoder->memo->uids[decoder->memo->last[place]];
    const struct rune_str last_type = {last->spelling + 1, last->type_length};
    return last->length > 0 && rune_str_equal(type, last_type)
               ? last->type
               : rune_terms_find_string(&decoder->store->terms, type);
}

void rune_request_find_uids(struct rune_request_decoder *decoder, uint32_t waiting,
                            const struct rune_uid_wait waits[3], rune_term ret_terms[3])
{
    struct rune_uid_search searches[3];
    uint32_t places[3], count = 0;
    for (uint32_t place = 0; place < 3; place++) {
        if ((waiting >> place & 1) == 0) {
            continue;
        }
        ret_terms[place] = RUNE_TERM_NONE;
        rune_term type = find_type(decoder, place, waits[place].type);
        if (type != RUNE_TERM_NONE) {
            searches[count] = (struct rune_uid_search){.type = type, .id = waits[place].id};
            places[count++] = place;
        }
    }
    rune_terms_find_uids(&decoder->store->terms, searches, count);
    for (uint32_t i = 0; i < count; i++) {
        ret_terms[places[i]] = searches[i].found;
        if (searches[i].found != RUNE_TERM_NONE) {
            remember(decoder->memo, places[i], &searches[i], waits[places[i]].type);
        }
    }
}

/* As rune_request_read_plain_uid, of an entity that is not the place's last one. */
static RUNE_APART enum rune_uid_reading read_other(struct rune_request_decoder *decoder,
                                                   uint32_t place, const char *p,
                                                   rune_term *ret_term,
                                                   struct rune_uid_wait *ret_wait)
{
    char text[RUNE_MEMO_SPELLING];
    struct rune_str spelling;
    const char *end = decoder->json->end, *behind;
    if (split_text(p, end, &ret_wait->type, &ret_wait->id, &behind)) {
        spelling = (struct rune_str){p, (size_t)(behind - p)};
    } else if (split_object(p, end, &ret_wait->type, &ret_wait->id, &behind)) {
        spelling = spell(ret_wait->type, ret_wait->id, text);
    } else {
        return RUNE_UID_OTHER;
    }
    ret_wait->at = p;
    decoder->json->cursor = behind;
    *ret_term = spelling.length > 0 ? recall(decoder->memo, place, spelling) : RUNE_TERM_NONE;
    return *ret_term != RUNE_TERM_NONE ? RUNE_UID_KNOWN : RUNE_UID_WAITS;
}

enum rune_uid_reading rune_request_read_plain_uid(struct rune_request_decoder *decoder,
                                                  uint32_t place, rune_term *ret_term,
                                                  struct rune_uid_wait *ret_wait)
{
    const struct rune_uid_memo *last = &decoder->memo->uids[decoder->memo->last[place]];
    struct rune_json *json = decoder->json;
    const char *p = pass_blanks(json->cursor, json->end);
    if (last->length == 0 || (size_t)(json->end - p) < last->length ||
        memcmp(p, last->spelling, last->length) != 0) {
        return read_other(decoder, place, p, ret_term, ret_wait);
    }
    json->cursor = p + last->length;
    *ret_term = last->uid;
    return RUNE_UID_KNOWN;
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
