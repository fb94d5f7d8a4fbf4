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

/* ---- what the last request named ---- */

#define BEFORE_ID   5u /* bytes of a spelling: a quote, and ::\" behind the type */
#define BESIDE_BOTH 8u /* those, and \"" behind the id */

static bool is_remembered(const struct rune_uid_memo *memo, const char *p, const char *end)
{
    return memo->length > 0 && (size_t)(end - p) >= memo->length &&
           memcmp(p, memo->spelling, memo->length) == 0;
}

static rune_term find_type(const struct rune_request_decoder *decoder,
                           const struct rune_uid_memo *memo, struct rune_str type)
{
    const struct rune_str last = {memo->spelling + 1, memo->type_length};
    return memo->length > 0 && rune_str_equal(type, last)
               ? memo->type
               : rune_terms_find_string(&decoder->store->terms, type);
}

/* The spelling from its quote to behind the other one. */
static void remember(struct rune_uid_memo *memo, rune_term uid, rune_term type,
                     struct rune_str spelling, size_t type_length)
{
    if (spelling.length <= RUNE_MEMO_SPELLING) {
        memo->uid = uid;
        memo->type = type;
        memo->length = (uint8_t)spelling.length;
        memo->type_length = (uint8_t)type_length;
        memcpy(memo->spelling, spelling.data, spelling.length);
    }
}

/* As rune_request_read_known_uid, of an entity that is not the one remembered. */
static RUNE_APART bool look_up(struct rune_request_decoder *decoder, struct rune_uid_memo *memo,
                               const char *p, rune_term *ret_term)
{
    struct rune_str type;
    struct rune_str id;
    const char *end;
    if (!split_in_place(p, decoder->json->end, &type, &id, &end)) {
        return false;
    }
    rune_term type_term = find_type(decoder, memo, type);
    rune_term term = type_term != RUNE_TERM_NONE
                         ? rune_terms_find_uid_of(&decoder->store->terms, type_term, id)
                         : RUNE_TERM_NONE;
    if (term == RUNE_TERM_NONE) {
        return false;
    }
    remember(memo, term, type_term, (struct rune_str){p, (size_t)(end - p)}, type.length);
    decoder->json->cursor = end;
    *ret_term = term;
    return true;
}

bool rune_request_read_known_uid(struct rune_request_decoder *decoder, uint32_t place,
                                 rune_term *ret_term)
{
    struct rune_uid_memo *memo = &decoder->memo->places[place];
    struct rune_json *json = decoder->json;
    const char *p = json->cursor;
    while (p < json->end && *p == ' ') {
        p++;
    }
    if (!is_remembered(memo, p, json->end)) {
        return look_up(decoder, memo, p, ret_term);
    }
    json->cursor = p + memo->length;
    *ret_term = memo->uid;
    return true;
}

/* Type and id that were given apart and decoded: equal texts are the same entity in either form. */
static bool is_remembered_apart(const struct rune_uid_memo *memo, struct rune_str type,
                                struct rune_str id)
{
    if (memo->length == 0) {
        return false;
    }
    const struct rune_str last_type = {memo->spelling + 1, memo->type_length};
    const struct rune_str last_id = {memo->spelling + memo->type_length + BEFORE_ID,
                                     memo->length - memo->type_length - BESIDE_BOTH};
    return rune_str_equal(id, last_id) && rune_str_equal(type, last_type);
}

static bool is_plain(struct rune_str text)
{
    const char *end = text.data + text.length;
    return rune_scan_plain(text.data, end) == end;
}

/* Spelled as the other form would be, if that takes no escapes. */
static void remember_apart(struct rune_uid_memo *memo, rune_term uid, rune_term type_term,
                           struct rune_str type, struct rune_str id)
{
    char text[RUNE_MEMO_SPELLING];
    struct rune_str spelling = {text, type.length + id.length + BESIDE_BOTH};
    if (spelling.length > sizeof text || !is_plain(type) || !is_plain(id)) {
        return;
    }
    text[0] = '"';
    memcpy(text + 1, type.data, type.length);
    memcpy(text + 1 + type.length, "::\\\"", 4);
    memcpy(text + type.length + BEFORE_ID, id.data, id.length);
    memcpy(text + type.length + BEFORE_ID + id.length, "\\\"\"", 3);
    remember(memo, uid, type_term, spelling, type.length);
}

static rune_term find_apart(struct rune_request_decoder *decoder, uint32_t place,
                            struct rune_str type, struct rune_str id)
{
    struct rune_uid_memo *memo = &decoder->memo->places[place];
    if (is_remembered_apart(memo, type, id)) {
        return memo->uid;
    }
    rune_term type_term = find_type(decoder, memo, type);
    rune_term term = type_term != RUNE_TERM_NONE
                         ? rune_terms_find_uid_of(&decoder->store->terms, type_term, id)
                         : RUNE_TERM_NONE;
    if (term != RUNE_TERM_NONE) {
        remember_apart(memo, term, type_term, type, id);
    }
    return term;
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
