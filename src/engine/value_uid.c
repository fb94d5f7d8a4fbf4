/* SPDX-License-Identifier: Apache-2.0 */
/* value_uid: entities in JSON: {"type","id"}, arrays of both, `__entity`; and the spellings that
 * make reading many of them quick. */
#include "engine/value_int.h"

#include <string.h>

#include "base/scan.h"

/* ---- entities ---- */

/* The entity of a type and an id given as texts. RUNE_E_INVALID if the type is no name in
 * normalized spelling. */
static enum rune_err make_uid(struct rune_value_reader *reader, struct rune_str type,
                              struct rune_str id, rune_term *ret_entity)
{
    rune_term terms[2];
    enum rune_err err = rune_value_type_term(reader, type, &terms[0]);
    if (err != RUNE_OK) {
        return err;
    }
    err = rune_dict_string(reader->dict, id, &terms[1]);
    if (err == RUNE_OK) {
        err = rune_dict_entity(reader->dict, terms[0], terms[1], ret_entity);
    }
    return err == RUNE_OK ? RUNE_OK : rune_value_dict_failed(reader, err);
}

struct uid_parts {
    struct rune_str type, id;
    bool has_type, has_id;
};

/* A string into `part`, anything else is passed over. */
static enum rune_err read_part(struct rune_value_reader *reader, struct rune_str *part,
                               bool *has_part)
{
    struct rune_json_token token;
    enum rune_err err = rune_value_next_token(reader, &token);
    if (err == RUNE_OK && token.type == RUNE_JSON_STRING) {
        *part = token.text;
        *has_part = true;
        return RUNE_OK;
    }
    return err == RUNE_OK ? rune_value_skip_rest(reader, token.type) : err;
}

static enum rune_err twice(struct rune_value_reader *reader)
{
    return rune_value_fail_twice(reader, rune_json_offset(reader->json));
}

/* ["type", "id"], whose `[` was read: serde reads structures from arrays, too. */
static enum rune_err read_uid_array(struct rune_value_reader *reader, struct uid_parts *parts)
{
    size_t index = 0;
    bool more = true;
    for (;; index++) {
        enum rune_err err = rune_value_next_element(reader, &more);
        if (err != RUNE_OK || !more) {
            parts->has_type = parts->has_type && index == 2;
            return err;
        }
        bool ignored;
        struct rune_str text;
        err = index == 0   ? read_part(reader, &parts->type, &parts->has_type)
              : index == 1 ? read_part(reader, &parts->id, &parts->has_id)
                           : read_part(reader, &text, &ignored);
        if (err != RUNE_OK) {
            return err;
        }
    }
}

/* A member of an entity reference that says nothing. `keys`: those of a value, or NULL. */
static enum rune_err ignore_member(struct rune_value_reader *reader, struct rune_value_keys *keys,
                                   struct rune_str key, bool may_be_expr)
{
    struct rune_json_token token;
    enum rune_err err = keys != NULL ? rune_value_keys_add(reader, keys, key) : RUNE_OK;
    if (err == RUNE_OK) {
        err = rune_value_next_token(reader, &token);
    }
    if (err != RUNE_OK) {
        return err;
    }
    if (may_be_expr && token.type == RUNE_JSON_STRING && rune_str_equal(key, RUNE_STR("__expr"))) {
        return rune_value_expr_failed(reader, token.offset);
    }
    return keys != NULL ? rune_value_discard_rest(reader, RUNE_IGNORED_AS_JSON, &token)
                        : rune_value_skip_rest(reader, token.type);
}

/* {"type": .., "id": .., ..}, whose `{` was read; `escaped`, unless NULL, takes what `__entity`
 * holds. In a value no key may be there twice: `keys`; elsewhere it is NULL. */
static enum rune_err read_uid_members(struct rune_value_reader *reader, struct uid_parts *parts,
                                      struct uid_parts *escaped, struct rune_value_keys *keys)
{
    unsigned seen = 0;
    bool more = true;
    while (more) {
        struct rune_str key;
        enum rune_err err = rune_value_next_member(reader, &more, &key);
        if (err != RUNE_OK || !more) {
            return err;
        }
        unsigned bit = 0;
        if (rune_str_equal(key, RUNE_STR("type"))) {
            bit = 1;
            err = read_part(reader, &parts->type, &parts->has_type);
        } else if (rune_str_equal(key, RUNE_STR("id"))) {
            bit = 2;
            err = read_part(reader, &parts->id, &parts->has_id);
        } else if (escaped != NULL && rune_str_equal(key, RUNE_STR("__entity"))) {
            bit = 4;
            struct rune_json_token token;
            err = rune_value_next_token(reader, &token);
            if (err == RUNE_OK) {
                struct rune_value_keys inner = {.count = 0};
                err = token.type == RUNE_JSON_OBJECT
                          ? read_uid_members(reader, escaped, NULL, keys != NULL ? &inner : NULL)
                      : token.type == RUNE_JSON_ARRAY ? read_uid_array(reader, escaped)
                                                      : RUNE_OK;
            }
        } else {
            err = ignore_member(reader, keys, key, escaped != NULL);
        }
        if (err == RUNE_OK && (seen & bit) != 0) {
            err = twice(reader);
        }
        if (err != RUNE_OK) {
            return err;
        }
        seen |= bit;
    }
    return RUNE_OK;
}

/* The rest of an entity reference whose beginning is `token`: its type and id. */
static enum rune_err read_uid_parts(struct rune_value_reader *reader,
                                    const struct rune_json_token *token,
                                    struct rune_value_keys *keys, struct uid_parts *ret_parts)
{
    struct uid_parts parts = {0};
    struct uid_parts escaped = {0};
    enum rune_err err = RUNE_OK;
    if (token->type == RUNE_JSON_OBJECT) {
        err = read_uid_members(reader, &parts, &escaped, keys);
    } else if (token->type == RUNE_JSON_ARRAY) {
        err = read_uid_array(reader, &parts);
    }
    if (err != RUNE_OK) {
        return err;
    }
    if (escaped.has_type && escaped.has_id) {
        parts = escaped;
    }
    if (!parts.has_type || !parts.has_id) {
        return rune_value_fail(reader, RUNE_E_INVALID, token->offset,
                               "an entity is written {\"type\": \"User\", \"id\": \"alice\"}");
    }
    *ret_parts = parts;
    return RUNE_OK;
}

enum rune_err rune_value_read_uid_from(struct rune_value_reader *reader,
                                       const struct rune_json_token *token,
                                       struct rune_value_keys *keys, rune_term *ret_entity)
{
    struct uid_parts parts;
    enum rune_err err = read_uid_parts(reader, token, keys, &parts);
    return err == RUNE_OK ? make_uid(reader, parts.type, parts.id, ret_entity) : err;
}

enum rune_err rune_value_read_uid(struct rune_value_reader *reader, rune_term *ret_entity)
{
    struct rune_json_token token;
    enum rune_err err = rune_value_next_token(reader, &token);
    return err == RUNE_OK ? rune_value_read_uid_from(reader, &token, NULL, ret_entity) : err;
}

/* ---- spellings ---- */

#define MAX_SPELLING 128u /* bytes on either side of the id: longer ones are not remembered */

static bool starts_with(const char *at, const char *end, struct rune_str text)
{
    return (size_t)(end - at) >= text.length && memcmp(at, text.data, text.length) == 0;
}

/* The entity ahead, if but for its id it is written like one seen lately. Then it is understood in
 * the same way, whatever the form: the id stands inside a string, and is plain itself. */
static bool read_spelled(struct rune_value_reader *reader, struct rune_value_uid *ret_uid)
{
    struct rune_json *json = reader->json;
    for (size_t i = 0; i < RUNE_VALUE_SPELLINGS; i++) {
        const struct rune_value_spelling *spelling = &reader->spellings[i];
        if (spelling->type == RUNE_TERM_NONE || json->depth > spelling->depth ||
            !starts_with(json->cursor, json->end, spelling->before)) {
            continue;
        }
        const char *id = json->cursor + spelling->before.length;
        const char *quote = rune_scan_plain(id, json->end);
        if (starts_with(quote, json->end, spelling->behind)) { /* begins with the quote */
            *ret_uid = (struct rune_value_uid){spelling->type, {id, (size_t)(quote - id)}};
            json->cursor = quote + spelling->behind.length;
            return true;
        }
    }
    return false;
}

/* What was read from `begin` to the cursor. */
static void remember_spelling(struct rune_value_reader *reader, const char *begin,
                              struct rune_value_uid uid)
{
    const struct rune_json *json = reader->json;
    const char *id_end = uid.id.data + uid.id.length;
    bool is_in_text =
        (uintptr_t)uid.id.data > (uintptr_t)begin && (uintptr_t)id_end < (uintptr_t)json->cursor;
    if (!is_in_text || (size_t)(uid.id.data - begin) > MAX_SPELLING ||
        (size_t)(json->cursor - id_end) > MAX_SPELLING) {
        return;
    }
    reader->spellings[reader->next_spelling] = (struct rune_value_spelling){
        .before = {begin, (size_t)(uid.id.data - begin)},
        .behind = {id_end, (size_t)(json->cursor - id_end)},
        .type = uid.type,
        .depth = json->depth,
    };
    reader->next_spelling = (reader->next_spelling + 1) % RUNE_VALUE_SPELLINGS;
}

enum rune_err rune_value_read_uid_text(struct rune_value_reader *reader,
                                       struct rune_value_uid *ret_uid)
{
    const char *begin = reader->json->cursor;
    if (read_spelled(reader, ret_uid)) {
        return RUNE_OK;
    }
    struct rune_json_token token;
    struct uid_parts parts;
    rune_term type;
    enum rune_err err = rune_value_next_token(reader, &token);
    if (err == RUNE_OK) {
        err = read_uid_parts(reader, &token, NULL, &parts);
    }
    if (err == RUNE_OK) {
        err = rune_value_type_term(reader, parts.type, &type);
    }
    if (err == RUNE_OK) {
        *ret_uid = (struct rune_value_uid){type, parts.id};
        remember_spelling(reader, begin, *ret_uid);
    }
    return err;
}

/* ---- `__entity` among values ---- */

/* After the look ahead found an entity: its value, to the end of the object around it. */
enum rune_err rune_value_read_entity_escape(struct rune_value_reader *reader, rune_term *ret_value)
{
    struct uid_parts parts = {0};
    struct rune_value_keys keys = {.count = 0};
    struct rune_json_token token;
    struct rune_str key;
    bool more = true;
    enum rune_err err = rune_value_next_token(reader, &token);
    while (err == RUNE_OK) {
        err = rune_value_next_member(reader, &more, &key);
        if (err != RUNE_OK || !more) {
            break;
        }
        err = rune_value_keys_add(reader, &keys, key);
        if (err != RUNE_OK) {
            break;
        }
        if (rune_str_equal(key, RUNE_STR("type"))) {
            err = read_part(reader, &parts.type, &parts.has_type);
        } else if (rune_str_equal(key, RUNE_STR("id"))) {
            err = read_part(reader, &parts.id, &parts.has_id);
        } else {
            err = rune_value_discard(reader, RUNE_IGNORED_AS_VALUE);
        }
    }
    if (err == RUNE_OK) {
        err = rune_value_next_member(reader, &more, &key); /* the `}` around */
    }
    return err == RUNE_OK ? make_uid(reader, parts.type, parts.id, ret_value) : err;
}
