/* SPDX-License-Identifier: Apache-2.0 */
/* value_reader: what every form of value needs of the reader: its stack, its errors, names, and
 * passing over what nobody uses. */
#include "engine/value_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "model/uid.h"

/* ---- the reader ---- */

void rune_value_reader_init(struct rune_value_reader *reader, struct rune_dict *dict,
                            const struct rune_schema *schema, const struct rune_terms *image)
{
    memset(reader, 0, sizeof *reader);
    reader->dict = dict;
    reader->schema = schema;
    reader->image = image;
}

void rune_value_reader_init_fixed(struct rune_value_reader *reader, struct rune_dict *dict,
                                  const struct rune_schema *schema, const struct rune_terms *image,
                                  rune_term *stack, size_t capacity)
{
    rune_value_reader_init(reader, dict, schema, image);
    reader->stack = stack;
    reader->capacity = capacity;
    reader->is_fixed = true;
}

void rune_value_reader_fini(struct rune_value_reader *reader)
{
    if (!reader->is_fixed) {
        rune_free(reader->stack);
    }
    reader->stack = NULL;
    reader->capacity = 0;
}

void rune_value_reader_reset(struct rune_value_reader *reader, struct rune_json *json)
{
    reader->json = json;
    reader->count = 0;
    reader->offset = 0;
    reader->at_length = 0;
    reader->at[0] = '\0';
    reader->message[0] = '\0';
    memset(reader->names, 0, sizeof reader->names);
    memset(reader->types, 0, sizeof reader->types);
    if (reader->spellings[0].type != RUNE_TERM_NONE) { /* the first to be filled */
        memset(reader->spellings, 0, sizeof reader->spellings);
        reader->next_spelling = 0;
    }
}

enum rune_err rune_value_reserve(struct rune_value_reader *reader, size_t extra)
{
    size_t want = reader->count + extra;
    if (want <= reader->capacity) {
        return RUNE_OK;
    }
    if (reader->is_fixed) {
        return rune_value_fail(reader, RUNE_E_LIMIT, rune_json_offset(reader->json),
                               "this value has too many parts");
    }
    size_t larger = reader->capacity < 64 ? 128 : reader->capacity * 2;
    larger = larger < want ? want : larger;
    rune_term *stack = rune_realloc(reader->stack, larger, sizeof *stack);
    if (stack == NULL) {
        return RUNE_E_NOMEM;
    }
    reader->stack = stack;
    reader->capacity = larger;
    return RUNE_OK;
}

enum rune_err rune_value_push(struct rune_value_reader *reader, rune_term term)
{
    enum rune_err err = rune_value_reserve(reader, 1);
    if (err == RUNE_OK) {
        reader->stack[reader->count++] = term;
    }
    return err;
}

/* ---- errors ---- */

enum rune_err rune_value_fail(struct rune_value_reader *reader, enum rune_err err, size_t offset,
                              const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(reader->message, sizeof reader->message, fmt, args);
    va_end(args);
    reader->offset = offset;
    reader->at_length = 0;
    reader->at[0] = '\0';
    reader->has_key_twice = false;
    return err;
}

enum rune_err rune_value_fail_twice(struct rune_value_reader *reader, size_t offset)
{
    enum rune_err err =
        rune_value_fail(reader, RUNE_E_INVALID, offset, "this object has a key twice");
    reader->has_key_twice = true;
    return err;
}

static enum rune_err json_failed(struct rune_value_reader *reader)
{
    struct rune_json *json = reader->json;
    return rune_value_fail(reader, json->err, rune_json_offset(json), "%s", json->message);
}

enum rune_err rune_value_dict_failed(struct rune_value_reader *reader, enum rune_err err)
{
    return rune_value_fail(reader, err, rune_json_offset(reader->json), "%s",
                           err == RUNE_E_LIMIT ? "there are too many values" : "out of memory");
}

static void prefix(struct rune_value_reader *reader, const char *text, size_t length)
{
    size_t room = sizeof reader->at - 1;
    if (length > room) {
        length = room;
    }
    size_t keep = reader->at_length < room - length ? reader->at_length : room - length;
    memmove(reader->at + length, reader->at, keep);
    memcpy(reader->at, text, length);
    reader->at_length = length + keep;
    reader->at[reader->at_length] = '\0';
}

void rune_value_prefix_name(struct rune_value_reader *reader, struct rune_str name)
{
    if (reader->at_length > 0 && reader->at[0] != '[') {
        prefix(reader, ".", 1);
    }
    prefix(reader, name.data, name.length);
}

void rune_value_prefix_index(struct rune_value_reader *reader, size_t index)
{
    char text[32];
    int length =
        snprintf(text, sizeof text,
                 reader->at_length > 0 && reader->at[0] != '[' ? "[%zu]." : "[%zu]", index);
    prefix(reader, text, (size_t)length);
}

enum rune_err rune_value_mismatch(struct rune_value_reader *reader, size_t offset, const char *want)
{
    return rune_value_fail(reader, RUNE_E_SCHEMA, offset, "the schema wants %s here", want);
}

/* ---- JSON, with errors taken over ---- */

enum rune_err rune_value_next_token(struct rune_value_reader *reader,
                                    struct rune_json_token *ret_token)
{
    return rune_json_value(reader->json, ret_token) == RUNE_OK ? RUNE_OK : json_failed(reader);
}

enum rune_err rune_value_next_member(struct rune_value_reader *reader, bool *ret_more,
                                     struct rune_str *ret_key)
{
    return rune_json_next_member(reader->json, ret_more, ret_key) == RUNE_OK ? RUNE_OK
                                                                             : json_failed(reader);
}

enum rune_err rune_value_next_element(struct rune_value_reader *reader, bool *ret_more)
{
    return rune_json_next_element(reader->json, ret_more) == RUNE_OK ? RUNE_OK
                                                                     : json_failed(reader);
}

/* ---- names ---- */

static struct rune_value_name *name_slot(struct rune_value_name *slots, size_t count,
                                         struct rune_str text)
{
    uint64_t bits = text.length;
    if (text.length >= 4) {
        uint32_t head, tail;
        memcpy(&head, text.data, 4);
        memcpy(&tail, text.data + text.length - 4, 4);
        bits += ((uint64_t)head << 32) | tail;
    } else if (text.length > 0) {
        bits += (unsigned char)text.data[0] * 131u + (unsigned char)text.data[text.length - 1];
    }
    return &slots[(bits * 0x9e3779b97f4a7c15u >> 32) % count];
}

enum rune_err rune_value_name_term(struct rune_value_reader *reader, struct rune_str text,
                                   rune_term *ret_term)
{
    struct rune_value_name *slot = name_slot(reader->names, 64, text);
    if (slot->term != RUNE_TERM_NONE && rune_str_equal(slot->text, text)) {
        *ret_term = slot->term;
        return RUNE_OK;
    }
    enum rune_err err = rune_dict_string(reader->dict, text, ret_term);
    if (err != RUNE_OK) {
        return rune_value_dict_failed(reader, err);
    }
    slot->text = text;
    slot->term = *ret_term;
    return RUNE_OK;
}

enum rune_err rune_value_type_term(struct rune_value_reader *reader, struct rune_str text,
                                   rune_term *ret_term)
{
    struct rune_value_name *slot = name_slot(reader->types, 16, text);
    if (slot->term != RUNE_TERM_NONE && rune_str_equal(slot->text, text)) {
        *ret_term = slot->term;
        return RUNE_OK;
    }
    if (!rune_uid_is_type_name(text)) {
        return rune_value_fail(reader, RUNE_E_INVALID, rune_json_offset(reader->json),
                               "`%.*s` is no entity type: names are joined by `::`, without spaces",
                               text.length > 60 ? 60 : (int)text.length, text.data);
    }
    enum rune_err err = rune_dict_string(reader->dict, text, ret_term);
    if (err != RUNE_OK) {
        return rune_value_dict_failed(reader, err);
    }
    slot->text = text;
    slot->term = *ret_term;
    return RUNE_OK;
}

const struct rune_terms *rune_value_terms_of(const struct rune_value_reader *reader, rune_term term)
{
    const struct rune_terms *own = rune_dict_terms(reader->dict);
    return rune_term_space(term) == own->space ? own : reader->image;
}

/* ---- values nobody uses ---- */

/* The rest of a value whose beginning was read. */
enum rune_err rune_value_skip_rest(struct rune_value_reader *reader, enum rune_json_type type)
{
    bool more = type == RUNE_JSON_OBJECT || type == RUNE_JSON_ARRAY;
    while (more) {
        struct rune_str key;
        enum rune_err err = type == RUNE_JSON_OBJECT ? rune_value_next_member(reader, &more, &key)
                                                     : rune_value_next_element(reader, &more);
        if (err != RUNE_OK) {
            return err;
        }
        if (more && rune_json_skip(reader->json) != RUNE_OK) {
            return json_failed(reader);
        }
    }
    return RUNE_OK;
}

enum rune_err rune_value_keys_add(struct rune_value_reader *reader, struct rune_value_keys *keys,
                                  struct rune_str key)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (rune_str_equal(keys->items[i], key)) {
            return rune_value_fail_twice(reader, rune_json_offset(reader->json));
        }
    }
    if (keys->count == RUNE_VALUE_MAX_IGNORED_KEYS) {
        return rune_value_fail(reader, RUNE_E_INVALID, rune_json_offset(reader->json),
                               "this object has too many unknown keys");
    }
    keys->items[keys->count++] = key;
    return RUNE_OK;
}

enum rune_err rune_value_number_failed(struct rune_value_reader *reader,
                                       const struct rune_json_token *token)
{
    return rune_value_fail(reader, RUNE_E_INVALID, token->offset,
                           "Cedar has integers from -2^63 to 2^63-1 only; %.*s is none",
                           token->text.length > 40 ? 40 : (int)token->text.length,
                           token->text.data);
}

/* The rest of a value, whose beginning was read. */
enum rune_err rune_value_discard_rest(struct rune_value_reader *reader,
                                      enum rune_value_ignored ignored,
                                      const struct rune_json_token *token)
{
    struct rune_value_keys keys = {.count = 0};
    enum rune_err err = RUNE_OK;
    bool more = token->type == RUNE_JSON_OBJECT || token->type == RUNE_JSON_ARRAY;
    if (token->type == RUNE_JSON_NUMBER && ignored == RUNE_IGNORED_AS_VALUE) {
        return rune_value_number_failed(reader, token);
    }
    while (err == RUNE_OK && more) {
        struct rune_str key;
        if (token->type == RUNE_JSON_ARRAY) {
            err = rune_value_next_element(reader, &more);
        } else {
            err = rune_value_next_member(reader, &more, &key);
            if (err == RUNE_OK && more) {
                err = rune_value_keys_add(reader, &keys, key);
            }
        }
        if (err == RUNE_OK && more) {
            err = rune_value_discard(reader, ignored);
        }
    }
    return err;
}

enum rune_err rune_value_discard(struct rune_value_reader *reader, enum rune_value_ignored ignored)
{
    struct rune_json_token token;
    enum rune_err err = rune_value_next_token(reader, &token);
    return err == RUNE_OK ? rune_value_discard_rest(reader, ignored, &token) : err;
}

enum rune_err rune_value_expr_failed(struct rune_value_reader *reader, size_t offset)
{
    return rune_value_fail(reader, RUNE_E_INVALID, offset, "`__expr` is no longer part of Cedar");
}
