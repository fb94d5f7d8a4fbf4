/* SPDX-License-Identifier: Apache-2.0 */
/* One function a form of value. An object is read twice only where its first key begins with `__`:
 * a look ahead, over a copy of the JSON reader, says whether it is an escape, then it is read as
 * what it is. */
#include "engine/value_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/scan.h"
#include "engine/value_call.h"
#include "model/uid.h"

#define MAX_IGNORED_KEYS 32u /* LIMIT: unknown keys inside an escape, kept to tell duplicates */

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

static enum rune_err reserve(struct rune_value_reader *reader, size_t extra)
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

static enum rune_err push(struct rune_value_reader *reader, rune_term term)
{
    enum rune_err err = reserve(reader, 1);
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

static enum rune_err fail_twice(struct rune_value_reader *reader, size_t offset)
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

static enum rune_err dict_failed(struct rune_value_reader *reader, enum rune_err err)
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

/* ---- JSON, with errors taken over ---- */

static enum rune_err next_token(struct rune_value_reader *reader, struct rune_json_token *ret_token)
{
    return rune_json_value(reader->json, ret_token) == RUNE_OK ? RUNE_OK : json_failed(reader);
}

static enum rune_err next_member(struct rune_value_reader *reader, bool first, bool *ret_more,
                                 struct rune_str *ret_key)
{
    return rune_json_next_member(reader->json, first, ret_more, ret_key) == RUNE_OK
               ? RUNE_OK
               : json_failed(reader);
}

static enum rune_err next_element(struct rune_value_reader *reader, bool first, bool *ret_more)
{
    return rune_json_next_element(reader->json, first, ret_more) == RUNE_OK ? RUNE_OK
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

static enum rune_err name_term(struct rune_value_reader *reader, struct rune_str text,
                               rune_term *ret_term)
{
    struct rune_value_name *slot = name_slot(reader->names, 64, text);
    if (slot->term != RUNE_TERM_NONE && rune_str_equal(slot->text, text)) {
        *ret_term = slot->term;
        return RUNE_OK;
    }
    enum rune_err err = rune_dict_string(reader->dict, text, ret_term);
    if (err != RUNE_OK) {
        return dict_failed(reader, err);
    }
    slot->text = text;
    slot->term = *ret_term;
    return RUNE_OK;
}

static enum rune_err type_term(struct rune_value_reader *reader, struct rune_str text,
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
        return dict_failed(reader, err);
    }
    slot->text = text;
    slot->term = *ret_term;
    return RUNE_OK;
}

enum rune_err rune_value_make_uid(struct rune_value_reader *reader, struct rune_str type,
                                  struct rune_str id, rune_term *ret_entity)
{
    rune_term terms[2];
    enum rune_err err = type_term(reader, type, &terms[0]);
    if (err != RUNE_OK) {
        return err;
    }
    err = rune_dict_string(reader->dict, id, &terms[1]);
    if (err == RUNE_OK) {
        err = rune_dict_entity(reader->dict, terms[0], terms[1], ret_entity);
    }
    return err == RUNE_OK ? RUNE_OK : dict_failed(reader, err);
}

/* ---- values nobody uses ---- */

/* The rest of a value whose beginning was read. */
static enum rune_err skip_rest(struct rune_value_reader *reader, enum rune_json_type type)
{
    bool more = type == RUNE_JSON_OBJECT || type == RUNE_JSON_ARRAY;
    for (bool first = true; more; first = false) {
        struct rune_str key;
        enum rune_err err = type == RUNE_JSON_OBJECT ? next_member(reader, first, &more, &key)
                                                     : next_element(reader, first, &more);
        if (err != RUNE_OK) {
            return err;
        }
        if (more && rune_json_skip(reader->json) != RUNE_OK) {
            return json_failed(reader);
        }
    }
    return RUNE_OK;
}

struct keys {
    struct rune_str items[MAX_IGNORED_KEYS];
    size_t count;
};

static enum rune_err keys_add(struct rune_value_reader *reader, struct keys *keys,
                              struct rune_str key)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (rune_str_equal(keys->items[i], key)) {
            return fail_twice(reader, rune_json_offset(reader->json));
        }
    }
    if (keys->count == MAX_IGNORED_KEYS) {
        return rune_value_fail(reader, RUNE_E_INVALID, rune_json_offset(reader->json),
                               "this object has too many unknown keys");
    }
    keys->items[keys->count++] = key;
    return RUNE_OK;
}

static enum rune_err number_failed(struct rune_value_reader *reader,
                                   const struct rune_json_token *token)
{
    return rune_value_fail(reader, RUNE_E_INVALID, token->offset,
                           "Cedar has integers from -2^63 to 2^63-1 only; %.*s is none",
                           token->text.length > 40 ? 40 : (int)token->text.length,
                           token->text.data);
}

/* What Cedar asks of the parts of a value that it ignores. */
enum ignored {
    IGNORED_AS_JSON,  /* no key twice */
    IGNORED_AS_VALUE, /* and no fractions */
};

static enum rune_err discard(struct rune_value_reader *reader, enum ignored ignored);

/* The rest of a value, whose beginning was read. */
static enum rune_err discard_rest(struct rune_value_reader *reader, enum ignored ignored,
                                  const struct rune_json_token *token)
{
    struct keys keys = {.count = 0};
    enum rune_err err = RUNE_OK;
    bool more = token->type == RUNE_JSON_OBJECT || token->type == RUNE_JSON_ARRAY;
    if (token->type == RUNE_JSON_NUMBER && ignored == IGNORED_AS_VALUE) {
        return number_failed(reader, token);
    }
    for (bool first = true; err == RUNE_OK && more; first = false) {
        struct rune_str key;
        if (token->type == RUNE_JSON_ARRAY) {
            err = next_element(reader, first, &more);
        } else {
            err = next_member(reader, first, &more, &key);
            if (err == RUNE_OK && more) {
                err = keys_add(reader, &keys, key);
            }
        }
        if (err == RUNE_OK && more) {
            err = discard(reader, ignored);
        }
    }
    return err;
}

static enum rune_err discard(struct rune_value_reader *reader, enum ignored ignored)
{
    struct rune_json_token token;
    enum rune_err err = next_token(reader, &token);
    return err == RUNE_OK ? discard_rest(reader, ignored, &token) : err;
}

static enum rune_err expr_failed(struct rune_value_reader *reader, size_t offset)
{
    return rune_value_fail(reader, RUNE_E_INVALID, offset, "`__expr` is no longer part of Cedar");
}

/* ---- looking ahead ---- */

enum escape {
    ESCAPE_NONE,
    ESCAPE_EXPR,      /* `__expr`, once part of Cedar */
    ESCAPE_ENTITY,    /* {"__entity": {"type": s, "id": s}} */
    ESCAPE_CALL_ARG,  /* {"__extn": {"fn": s, "arg": v}} */
    ESCAPE_CALL_ARGS, /* {"__extn": {"fn": s, "args": [..]}} */
};

/* What the members of an object are, whose `{` was read. */
struct members {
    size_t count;
    bool has_type, has_id, has_fn; /* a string */
    bool has_arg;                  /* anything */
    bool has_args;                 /* an array */
};

static bool look_at_members(struct rune_json *json, struct members *members)
{
    memset(members, 0, sizeof *members);
    bool more = true;
    for (bool first = true; more; first = false) {
        struct rune_str key;
        if (rune_json_next_member(json, first, &more, &key) != RUNE_OK) {
            return false;
        }
        if (!more) {
            break;
        }
        members->count++;
        struct rune_json ahead = *json;
        struct rune_json_token token;
        if (rune_json_value(&ahead, &token) != RUNE_OK || rune_json_skip(json) != RUNE_OK) {
            return false;
        }
        bool is_string = token.type == RUNE_JSON_STRING;
        members->has_type |= is_string && rune_str_equal(key, RUNE_STR("type"));
        members->has_id |= is_string && rune_str_equal(key, RUNE_STR("id"));
        members->has_fn |= is_string && rune_str_equal(key, RUNE_STR("fn"));
        members->has_arg |= rune_str_equal(key, RUNE_STR("arg"));
        members->has_args |= token.type == RUNE_JSON_ARRAY && rune_str_equal(key, RUNE_STR("args"));
    }
    return true;
}

/* After the first key of an object without a type, at its value: is the object an escape? Only if
 * this is its only key. Errors are found again by who reads. */
static enum escape look_for_escape(struct rune_json json, struct rune_str key)
{
    bool is_entity = rune_str_equal(key, RUNE_STR("__entity"));
    bool is_call = rune_str_equal(key, RUNE_STR("__extn"));
    struct rune_json_token token;
    struct members members = {0};
    enum escape escape = ESCAPE_NONE;
    if (rune_json_value(&json, &token) != RUNE_OK) {
        return ESCAPE_NONE;
    }
    if (rune_str_equal(key, RUNE_STR("__expr")) && token.type == RUNE_JSON_STRING) {
        escape = ESCAPE_EXPR;
    } else if ((is_entity || is_call) && token.type == RUNE_JSON_OBJECT) {
        if (!look_at_members(&json, &members)) {
            return ESCAPE_NONE;
        }
        if (is_entity && members.has_type && members.has_id) {
            escape = ESCAPE_ENTITY;
        } else if (is_call && members.has_fn && members.has_arg) {
            escape = ESCAPE_CALL_ARG;
        } else if (is_call && members.has_fn && members.has_args) {
            escape = ESCAPE_CALL_ARGS;
        }
    }
    bool more = false;
    if (escape != ESCAPE_NONE &&
        (rune_json_next_member(&json, false, &more, &key) != RUNE_OK || more)) {
        return ESCAPE_NONE;
    }
    return escape;
}

/* look_for_escape; what it decoded in the arena is given back. */
static enum escape find_escape(struct rune_value_reader *reader, struct rune_str key)
{
    struct rune_arena *arena = reader->json->arena;
    if (key.length < 6 || key.data[0] != '_' || key.data[1] != '_') {
        return ESCAPE_NONE;
    }
    if (arena == NULL) {
        return look_for_escape(*reader->json, key);
    }
    struct rune_arena_mark mark = rune_arena_mark(arena);
    enum escape escape = look_for_escape(*reader->json, key);
    rune_arena_rewind(arena, mark);
    return escape;
}

/* ---- calls ---- */

static enum rune_err read_ext(struct rune_value_reader *reader, uint32_t ext_kind,
                              rune_term *ret_value);

static enum rune_err find_function(struct rune_value_reader *reader, struct rune_str name,
                                   int *ret_function)
{
    *ret_function = rune_value_function_find(name);
    if (*ret_function >= 0) {
        return RUNE_OK;
    }
    return rune_value_fail(reader, RUNE_E_INVALID, rune_json_offset(reader->json),
                           "there is no function `%.*s`", name.length > 60 ? 60 : (int)name.length,
                           name.data);
}

/* `fn` of the object ahead (at its first key's value or before), since its arguments may come
 * first. */
static enum rune_err look_for_function(struct rune_value_reader *reader, int *ret_function)
{
    struct rune_json json = *reader->json;
    bool more = true;
    *ret_function = -1;
    for (bool first = true; more; first = false) {
        struct rune_str key;
        struct rune_json_token token;
        if (rune_json_next_member(&json, first, &more, &key) != RUNE_OK) {
            break;
        }
        if (more && rune_str_equal(key, RUNE_STR("fn"))) {
            if (rune_json_value(&json, &token) != RUNE_OK || token.type != RUNE_JSON_STRING) {
                break;
            }
            return find_function(reader, token.text, ret_function);
        }
        if (more && rune_json_skip(&json) != RUNE_OK) {
            break;
        }
    }
    return rune_value_fail(reader, RUNE_E_INVALID, rune_json_offset(reader->json),
                           "this call has no function");
}

enum typing { UNTYPED, TYPED }; /* whether arguments may take their implicit forms */

static enum rune_err read_arg(struct rune_value_reader *reader, int function, uint32_t index,
                              enum typing typing)
{
    rune_term term;
    uint32_t want =
        index < rune_value_function_arity(function) ? rune_value_function_arg(function, index) : 0;
    enum rune_err err = typing == TYPED && want != 0 ? read_ext(reader, want, &term)
                                                     : rune_value_read(reader, 0, &term);
    return err == RUNE_OK ? push(reader, term) : err;
}

static enum rune_err read_args(struct rune_value_reader *reader, int function, enum typing typing)
{
    struct rune_json_token token;
    enum rune_err err = next_token(reader, &token);
    if (err == RUNE_OK && token.type != RUNE_JSON_ARRAY) {
        err = rune_value_fail(reader, RUNE_E_INVALID, token.offset, "`args` must be an array");
    }
    bool more = true;
    uint32_t index = 0;
    for (bool first = true; err == RUNE_OK; first = false) {
        err = next_element(reader, first, &more);
        if (err != RUNE_OK || !more) {
            break;
        }
        err = read_arg(reader, function, index++, typing);
    }
    return err;
}

/* An object with `fn` and `arg` or `args`, whose `{` was read. */
static enum rune_err read_call(struct rune_value_reader *reader, bool has_arg, enum typing typing,
                               rune_term *ret_value)
{
    size_t offset = rune_json_offset(reader->json);
    size_t bottom = reader->count;
    int function = -1;
    struct keys keys = {.count = 0};
    enum rune_err err = reserve(reader, 1);
    if (err == RUNE_OK) {
        err = look_for_function(reader, &function);
    }
    bool more = true;
    for (bool first = true; err == RUNE_OK; first = false) {
        struct rune_str key;
        err = next_member(reader, first, &more, &key);
        if (err != RUNE_OK || !more) {
            break;
        }
        err = keys_add(reader, &keys, key);
        if (err != RUNE_OK) {
            break;
        }
        if (has_arg && rune_str_equal(key, RUNE_STR("arg"))) {
            err = read_arg(reader, function, 0, typing);
        } else if (!has_arg && rune_str_equal(key, RUNE_STR("args"))) {
            err = read_args(reader, function, typing);
        } else {
            err = discard(reader, typing == TYPED ? IGNORED_AS_JSON : IGNORED_AS_VALUE);
        }
    }
    if (err == RUNE_OK) {
        const char *message;
        err = rune_value_call(reader->dict, reader->image, function, reader->stack + bottom,
                              (uint32_t)(reader->count - bottom), ret_value, &message);
        if (err == RUNE_E_INVALID) {
            err = rune_value_fail(reader, err, offset, "%s", message);
        } else if (err != RUNE_OK) {
            err = dict_failed(reader, err);
        }
    }
    reader->count = bottom;
    return err;
}

/* The value of `__extn` behind a look ahead, to the end of the object around it. */
static enum rune_err read_call_escape(struct rune_value_reader *reader, bool has_arg,
                                      rune_term *ret_value)
{
    struct rune_json_token token;
    struct rune_str key;
    bool more;
    enum rune_err err = next_token(reader, &token);
    if (err == RUNE_OK) {
        err = read_call(reader, has_arg, UNTYPED, ret_value);
    }
    return err == RUNE_OK ? next_member(reader, false, &more, &key) : err;
}

/* ---- entities ---- */

struct uid_parts {
    struct rune_str type, id;
    bool has_type, has_id;
};

/* A string into `part`, anything else is passed over. */
static enum rune_err read_part(struct rune_value_reader *reader, struct rune_str *part,
                               bool *has_part)
{
    struct rune_json_token token;
    enum rune_err err = next_token(reader, &token);
    if (err == RUNE_OK && token.type == RUNE_JSON_STRING) {
        *part = token.text;
        *has_part = true;
        return RUNE_OK;
    }
    return err == RUNE_OK ? skip_rest(reader, token.type) : err;
}

static enum rune_err twice(struct rune_value_reader *reader)
{
    return fail_twice(reader, rune_json_offset(reader->json));
}

/* ["type", "id"], whose `[` was read: serde reads structures from arrays, too. */
static enum rune_err read_uid_array(struct rune_value_reader *reader, struct uid_parts *parts)
{
    size_t index = 0;
    bool more = true;
    for (;; index++) {
        enum rune_err err = next_element(reader, index == 0, &more);
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
static enum rune_err ignore_member(struct rune_value_reader *reader, struct keys *keys,
                                   struct rune_str key, bool may_be_expr)
{
    struct rune_json_token token;
    enum rune_err err = keys != NULL ? keys_add(reader, keys, key) : RUNE_OK;
    if (err == RUNE_OK) {
        err = next_token(reader, &token);
    }
    if (err != RUNE_OK) {
        return err;
    }
    if (may_be_expr && token.type == RUNE_JSON_STRING && rune_str_equal(key, RUNE_STR("__expr"))) {
        return expr_failed(reader, token.offset);
    }
    return keys != NULL ? discard_rest(reader, IGNORED_AS_JSON, &token)
                        : skip_rest(reader, token.type);
}

/* {"type": .., "id": .., ..}, whose `{` was read; `escaped`, unless NULL, takes what `__entity`
 * holds. In a value no key may be there twice: `keys`; elsewhere it is NULL. */
static enum rune_err read_uid_members(struct rune_value_reader *reader, struct uid_parts *parts,
                                      struct uid_parts *escaped, struct keys *keys)
{
    unsigned seen = 0;
    bool more = true;
    for (bool first = true; more; first = false) {
        struct rune_str key;
        enum rune_err err = next_member(reader, first, &more, &key);
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
            err = next_token(reader, &token);
            if (err == RUNE_OK) {
                struct keys inner = {.count = 0};
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
                                    const struct rune_json_token *token, struct keys *keys,
                                    struct uid_parts *ret_parts)
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

static enum rune_err read_uid_from(struct rune_value_reader *reader,
                                   const struct rune_json_token *token, struct keys *keys,
                                   rune_term *ret_entity)
{
    struct uid_parts parts;
    enum rune_err err = read_uid_parts(reader, token, keys, &parts);
    return err == RUNE_OK ? rune_value_make_uid(reader, parts.type, parts.id, ret_entity) : err;
}

enum rune_err rune_value_read_uid(struct rune_value_reader *reader, rune_term *ret_entity)
{
    struct rune_json_token token;
    enum rune_err err = next_token(reader, &token);
    return err == RUNE_OK ? read_uid_from(reader, &token, NULL, ret_entity) : err;
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
    enum rune_err err = next_token(reader, &token);
    if (err == RUNE_OK) {
        err = read_uid_parts(reader, &token, NULL, &parts);
    }
    if (err == RUNE_OK) {
        err = type_term(reader, parts.type, &type);
    }
    if (err == RUNE_OK) {
        *ret_uid = (struct rune_value_uid){type, parts.id};
        remember_spelling(reader, begin, *ret_uid);
    }
    return err;
}

/* After the look ahead found an entity: its value, to the end of the object around it. */
static enum rune_err read_entity_escape(struct rune_value_reader *reader, rune_term *ret_value)
{
    struct uid_parts parts = {0};
    struct keys keys = {.count = 0};
    struct rune_json_token token;
    struct rune_str key;
    bool more = true;
    enum rune_err err = next_token(reader, &token);
    for (bool first = true; err == RUNE_OK; first = false) {
        err = next_member(reader, first, &more, &key);
        if (err != RUNE_OK || !more) {
            break;
        }
        err = keys_add(reader, &keys, key);
        if (err != RUNE_OK) {
            break;
        }
        if (rune_str_equal(key, RUNE_STR("type"))) {
            err = read_part(reader, &parts.type, &parts.has_type);
        } else if (rune_str_equal(key, RUNE_STR("id"))) {
            err = read_part(reader, &parts.id, &parts.has_id);
        } else {
            err = discard(reader, IGNORED_AS_VALUE);
        }
    }
    if (err == RUNE_OK) {
        err = next_member(reader, false, &more, &key); /* the `}` around */
    }
    return err == RUNE_OK ? rune_value_make_uid(reader, parts.type, parts.id, ret_value) : err;
}

/* ---- records ---- */

struct pair {
    rune_term name, value;
};

static void sift_down(struct pair *pairs, size_t at, size_t count)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && pairs[child + 1].name > pairs[child].name) {
            child++;
        }
        if (pairs[at].name >= pairs[child].name) {
            return;
        }
        struct pair swap = pairs[at];
        pairs[at] = pairs[child];
        pairs[child] = swap;
        at = child;
    }
}

/* By name. No allocation, and no quadratic case (qsort may do the one, insertion the other). */
static void sort_pairs(struct pair *pairs, size_t count)
{
    bool sorted = true;
    for (size_t i = 1; i < count && sorted; i++) {
        sorted = pairs[i - 1].name < pairs[i].name;
    }
    if (sorted) {
        return;
    }
    for (size_t i = count / 2; i-- > 0;) {
        sift_down(pairs, i, count);
    }
    for (size_t end = count; end-- > 1;) {
        struct pair swap = pairs[0];
        pairs[0] = pairs[end];
        pairs[end] = swap;
        sift_down(pairs, 0, end);
    }
}

/* The name's place in a record type: its words (name, type, required), or NULL. */
static const uint32_t *find_attr(const struct rune_schema *schema, rune_schema_type type,
                                 rune_term name)
{
    const uint32_t *record = schema->words + type;
    size_t low = 0;
    size_t high = record[1];
    while (low < high) {
        size_t middle = (low + high) / 2;
        const uint32_t *attr = record + 2 + 3 * middle;
        if (attr[0] == name) {
            return attr;
        }
        if (attr[0] < name) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* What the member of an object may be. */
struct shape {
    rune_schema_type record; /* a RECORD type that lists the members, or 0 */
    rune_schema_type value;  /* else the type of every member, or 0 */
};

static enum rune_err read_member(struct rune_value_reader *reader, struct shape shape,
                                 struct rune_str key)
{
    rune_term name;
    rune_term value;
    rune_schema_type type = shape.value;
    enum rune_err err = name_term(reader, key, &name);
    if (err != RUNE_OK) {
        return err;
    }
    if (shape.record != 0) {
        const uint32_t *attr = find_attr(reader->schema, shape.record, name);
        if (attr == NULL) {
            err = rune_value_fail(reader, RUNE_E_SCHEMA, rune_json_offset(reader->json),
                                  "the schema has no such attribute here");
            rune_value_prefix_name(reader, key);
            return err;
        }
        type = attr[1];
    }
    err = rune_value_read(reader, type, &value);
    if (err != RUNE_OK) {
        rune_value_prefix_name(reader, key);
        return err;
    }
    err = push(reader, name);
    return err == RUNE_OK ? push(reader, value) : err;
}

static enum rune_err check_required(struct rune_value_reader *reader, rune_schema_type type,
                                    const struct pair *pairs, size_t count, size_t offset)
{
    const uint32_t *record = reader->schema->words + type;
    size_t at = 0;
    for (uint32_t i = 0; i < record[1]; i++) {
        const uint32_t *attr = record + 2 + 3 * (size_t)i;
        while (at < count && pairs[at].name < attr[0]) {
            at++;
        }
        if (attr[2] != 0 && (at == count || pairs[at].name != attr[0])) {
            struct rune_str name = rune_terms_string(reader->image, attr[0]);
            return rune_value_fail(reader, RUNE_E_SCHEMA, offset,
                                   "the attribute `%.*s` is required here",
                                   name.length > 60 ? 60 : (int)name.length, name.data);
        }
    }
    return RUNE_OK;
}

/* (name, value) pairs from `bottom` on become names, then values. */
static enum rune_err part_pairs(struct rune_value_reader *reader, size_t bottom, size_t count)
{
    enum rune_err err = reserve(reader, count);
    if (err != RUNE_OK) {
        return err;
    }
    rune_term *base = reader->stack + bottom;
    rune_term *spare = base + 2 * count;
    for (size_t i = 0; i < count; i++) {
        spare[i] = base[2 * i + 1];
        base[i] = base[2 * i];
    }
    memmove(base + count, spare, count * sizeof *spare);
    return RUNE_OK;
}

/* Members of an object to its end; `key` is the first one if it was read already (`has_key`).
 * Leaves names and values on the stack. */
static enum rune_err read_members(struct rune_value_reader *reader, struct shape shape,
                                  size_t offset, bool has_key, struct rune_str key,
                                  size_t *ret_first, size_t *ret_count)
{
    size_t bottom = reader->count;
    bool more = has_key;
    /* so that there is a stack, even if there are no members */
    enum rune_err err = reserve(reader, 1);
    if (err == RUNE_OK && !has_key) {
        err = next_member(reader, true, &more, &key);
    }
    while (err == RUNE_OK && more) {
        err = read_member(reader, shape, key);
        if (err == RUNE_OK) {
            err = next_member(reader, false, &more, &key);
        }
    }
    if (err != RUNE_OK) {
        reader->count = bottom;
        return err;
    }
    size_t count = (reader->count - bottom) / 2;
    struct pair *pairs = (struct pair *)(void *)(reader->stack + bottom);
    sort_pairs(pairs, count);
    for (size_t i = 1; i < count; i++) {
        if (pairs[i - 1].name == pairs[i].name) {
            reader->count = bottom;
            return fail_twice(reader, offset);
        }
    }
    if (shape.record != 0) {
        err = check_required(reader, shape.record, pairs, count, offset);
    }
    if (err == RUNE_OK && count > 0) {
        err = part_pairs(reader, bottom, count);
    }
    if (err != RUNE_OK) {
        reader->count = bottom;
        return err;
    }
    *ret_first = bottom;
    *ret_count = count;
    return RUNE_OK;
}

static enum rune_err read_record(struct rune_value_reader *reader, struct shape shape,
                                 size_t offset, bool has_key, struct rune_str key,
                                 rune_term *ret_value)
{
    size_t first, count;
    enum rune_err err = read_members(reader, shape, offset, has_key, key, &first, &count);
    if (err != RUNE_OK) {
        return err;
    }
    rune_term *names = reader->stack + first;
    err = rune_dict_record(reader->dict, names, names + count, count, ret_value);
    reader->count = first;
    return err == RUNE_OK ? RUNE_OK : dict_failed(reader, err);
}

static enum rune_err expect_object(struct rune_value_reader *reader, size_t *ret_offset)
{
    struct rune_json_token token;
    enum rune_err err = next_token(reader, &token);
    if (err == RUNE_OK && token.type != RUNE_JSON_OBJECT) {
        err = rune_value_fail(reader, RUNE_E_INVALID, token.offset, "this must be an object");
    }
    if (err == RUNE_OK) {
        *ret_offset = token.offset;
    }
    return err;
}

enum rune_err rune_value_read_members(struct rune_value_reader *reader, rune_schema_type type,
                                      size_t *ret_first, size_t *ret_count)
{
    size_t offset;
    enum rune_err err = expect_object(reader, &offset);
    struct shape shape = {.record = type};
    return err == RUNE_OK
               ? read_members(reader, shape, offset, false, RUNE_STR(""), ret_first, ret_count)
               : err;
}

enum rune_err rune_value_read_tags(struct rune_value_reader *reader, rune_schema_type value_type,
                                   size_t *ret_first, size_t *ret_count)
{
    size_t offset;
    enum rune_err err = expect_object(reader, &offset);
    struct shape shape = {.value = value_type};
    return err == RUNE_OK
               ? read_members(reader, shape, offset, false, RUNE_STR(""), ret_first, ret_count)
               : err;
}

/* ---- sets ---- */

static enum rune_err read_set(struct rune_value_reader *reader, rune_schema_type element,
                              rune_term *ret_value)
{
    size_t bottom = reader->count;
    size_t index = 0;
    bool more = true;
    enum rune_err err = reserve(reader, 1);
    if (err != RUNE_OK) {
        return err;
    }
    for (;; index++) {
        rune_term value;
        err = next_element(reader, index == 0, &more);
        if (err != RUNE_OK || !more) {
            break;
        }
        err = rune_value_read(reader, element, &value);
        if (err != RUNE_OK) {
            rune_value_prefix_index(reader, index);
            break;
        }
        err = push(reader, value);
        if (err != RUNE_OK) {
            break;
        }
    }
    if (err == RUNE_OK) {
        err = rune_dict_set(reader->dict, reader->stack + bottom, index, ret_value);
        err = err == RUNE_OK ? RUNE_OK : dict_failed(reader, err);
    }
    reader->count = bottom;
    return err;
}

/* ---- values without a type ---- */

static enum rune_err read_object(struct rune_value_reader *reader, size_t offset,
                                 rune_term *ret_value)
{
    struct rune_str key = RUNE_STR("");
    bool more;
    enum rune_err err = next_member(reader, true, &more, &key);
    if (err != RUNE_OK) {
        return err;
    }
    if (!more) {
        err = rune_dict_record(reader->dict, NULL, NULL, 0, ret_value);
        return err == RUNE_OK ? RUNE_OK : dict_failed(reader, err);
    }
    switch (find_escape(reader, key)) {
    case ESCAPE_EXPR:
        return rune_value_fail(reader, RUNE_E_INVALID, offset,
                               "`__expr` is no longer part of Cedar");
    case ESCAPE_ENTITY:
        return read_entity_escape(reader, ret_value);
    case ESCAPE_CALL_ARG:
        return read_call_escape(reader, true, ret_value);
    case ESCAPE_CALL_ARGS:
        return read_call_escape(reader, false, ret_value);
    case ESCAPE_NONE:
        break;
    }
    return read_record(reader, (struct shape){0}, offset, true, key, ret_value);
}

static enum rune_err read_untyped(struct rune_value_reader *reader,
                                  const struct rune_json_token *token, rune_term *ret_value)
{
    enum rune_err err = RUNE_OK;
    switch (token->type) {
    case RUNE_JSON_NULL:
        return rune_value_fail(reader, RUNE_E_INVALID, token->offset,
                               "Cedar has no null; leave the attribute out instead");
    case RUNE_JSON_FALSE:
    case RUNE_JSON_TRUE:
        *ret_value = rune_term_bool(token->type == RUNE_JSON_TRUE);
        return RUNE_OK;
    case RUNE_JSON_INTEGER:
        err = rune_dict_long(reader->dict, token->integer, ret_value);
        break;
    case RUNE_JSON_NUMBER:
        return number_failed(reader, token);
    case RUNE_JSON_STRING:
        err = rune_dict_string(reader->dict, token->text, ret_value);
        break;
    case RUNE_JSON_ARRAY:
        return read_set(reader, 0, ret_value);
    case RUNE_JSON_OBJECT:
        return read_object(reader, token->offset, ret_value);
    }
    return err == RUNE_OK ? RUNE_OK : dict_failed(reader, err);
}

/* ---- values with a type ---- */

static enum rune_err mismatch(struct rune_value_reader *reader, size_t offset, const char *want)
{
    return rune_value_fail(reader, RUNE_E_SCHEMA, offset, "the schema wants %s here", want);
}

static const struct rune_terms *terms_of(const struct rune_value_reader *reader, rune_term term)
{
    const struct rune_terms *own = rune_dict_terms(reader->dict);
    return rune_term_space(term) == own->space ? own : reader->image;
}

static bool is_ext(const struct rune_value_reader *reader, rune_term value, uint32_t ext_kind)
{
    return rune_term_kind(value) == RUNE_KIND_EXT &&
           terms_of(reader, value)->exts[rune_term_index(value)].kind == ext_kind;
}

/* {"__extn": {call}}, with unknown keys beside: *ret_found. Not found: the object was passed over.
 */
static enum rune_err read_ext_escape(struct rune_value_reader *reader, bool *ret_found,
                                     rune_term *ret_value)
{
    struct keys keys = {.count = 0};
    bool more = true;
    *ret_found = false;
    for (bool first = true; more; first = false) {
        struct rune_str key;
        struct rune_json_token token;
        struct members members;
        enum rune_err err = next_member(reader, first, &more, &key);
        if (err != RUNE_OK || !more) {
            return err;
        }
        err = keys_add(reader, &keys, key);
        if (err == RUNE_OK) {
            err = next_token(reader, &token);
        }
        if (err != RUNE_OK) {
            return err;
        }
        struct rune_json ahead = *reader->json;
        if (token.type == RUNE_JSON_STRING && rune_str_equal(key, RUNE_STR("__expr"))) {
            err = expr_failed(reader, token.offset);
        } else if (rune_str_equal(key, RUNE_STR("__extn")) && token.type == RUNE_JSON_OBJECT &&
                   look_at_members(&ahead, &members) && members.has_fn &&
                   (members.has_arg || members.has_args)) {
            *ret_found = true;
            err = read_call(reader, members.has_arg, TYPED, ret_value);
        } else {
            err = discard_rest(reader, IGNORED_AS_JSON, &token);
        }
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

/* An object where an extension value is expected: {"__extn": {call}}, which goes before the call
 * itself. */
static enum rune_err read_ext_object(struct rune_value_reader *reader, size_t offset,
                                     rune_term *ret_value)
{
    struct members members;
    struct rune_json start = *reader->json;
    struct rune_json ahead = start;
    bool found;
    enum rune_err err = read_ext_escape(reader, &found, ret_value);
    if (err != RUNE_OK || found) {
        return err;
    }
    if (!look_at_members(&ahead, &members) || !members.has_fn ||
        (!members.has_arg && !members.has_args)) {
        return mismatch(reader, offset, "an extension value");
    }
    *reader->json = start;
    return read_call(reader, members.has_arg, TYPED, ret_value);
}

static const char *ext_text(uint32_t ext_kind)
{
    switch ((enum rune_ext_kind)ext_kind) {
    case RUNE_EXT_DECIMAL:
        return "a decimal, like \"1.5\"";
    case RUNE_EXT_IPADDR:
        return "an ipaddr, like \"10.0.0.1\"";
    case RUNE_EXT_DATETIME:
        return "a datetime, like \"2024-10-15\"";
    case RUNE_EXT_DURATION:
        break;
    }
    return "a duration, like \"1d12h\"";
}

static enum rune_err read_ext(struct rune_value_reader *reader, uint32_t ext_kind,
                              rune_term *ret_value)
{
    struct rune_json_token token;
    enum rune_err err = next_token(reader, &token);
    if (err != RUNE_OK) {
        return err;
    }
    if (token.type == RUNE_JSON_STRING) {
        rune_term text;
        const char *message;
        err = rune_dict_string(reader->dict, token.text, &text);
        if (err == RUNE_OK) {
            err = rune_value_call(reader->dict, reader->image, rune_value_constructor(ext_kind),
                                  &text, 1, ret_value, &message);
        }
        if (err == RUNE_E_INVALID) {
            return rune_value_fail(reader, err, token.offset, "%s", message);
        }
        return err == RUNE_OK ? RUNE_OK : dict_failed(reader, err);
    }
    if (token.type != RUNE_JSON_OBJECT) {
        return mismatch(reader, token.offset, ext_text(ext_kind));
    }
    err = read_ext_object(reader, token.offset, ret_value);
    if (err == RUNE_OK && !is_ext(reader, *ret_value, ext_kind)) {
        return mismatch(reader, token.offset, ext_text(ext_kind));
    }
    return err;
}

static enum rune_err read_typed_entity(struct rune_value_reader *reader, rune_term type,
                                       rune_term *ret_value)
{
    struct rune_json_token token;
    enum rune_err err = next_token(reader, &token);
    if (err == RUNE_OK) {
        struct keys keys = {.count = 0};
        err = read_uid_from(reader, &token, &keys, ret_value);
    }
    if (err != RUNE_OK) {
        return err;
    }
    const struct rune_terms *own = rune_dict_terms(reader->dict);
    if (terms_of(reader, *ret_value)->entity_type[rune_term_index(*ret_value)] != type) {
        struct rune_str name = rune_terms_string(reader->image, type);
        return rune_value_fail(reader, RUNE_E_SCHEMA, token.offset,
                               "the schema wants an entity of type %.*s here",
                               name.length > 60 ? 60 : (int)name.length, name.data);
    }
    if (!rune_schema_id_fits(reader->schema, reader->image, own, *ret_value)) {
        return rune_value_fail(reader, RUNE_E_SCHEMA, token.offset,
                               "the schema does not list this entity");
    }
    return RUNE_OK;
}

enum rune_err rune_value_read(struct rune_value_reader *reader, rune_schema_type type,
                              rune_term *ret_value)
{
    struct rune_json_token token;
    const uint32_t *words = type != 0 ? reader->schema->words + type : NULL;
    uint32_t kind = words != NULL ? words[0] : 0;
    if (kind == RUNE_SCHEMA_ENTITY) {
        return read_typed_entity(reader, words[1], ret_value);
    }
    if (kind == RUNE_SCHEMA_EXT) {
        return read_ext(reader, words[1], ret_value);
    }
    enum rune_err err = next_token(reader, &token);
    if (err != RUNE_OK) {
        return err;
    }
    if (kind == RUNE_SCHEMA_SET) {
        return token.type == RUNE_JSON_ARRAY ? read_set(reader, words[1], ret_value)
                                             : mismatch(reader, token.offset, "a set");
    }
    if (kind == RUNE_SCHEMA_RECORD) {
        if (token.type != RUNE_JSON_OBJECT) {
            return mismatch(reader, token.offset, "a record");
        }
        return read_record(reader, (struct shape){.record = type}, token.offset, false,
                           RUNE_STR(""), ret_value);
    }
    err = read_untyped(reader, &token, ret_value);
    if (err != RUNE_OK || kind == 0) {
        return err;
    }
    bool fits = kind == RUNE_SCHEMA_BOOL     ? rune_term_is_bool(*ret_value)
                : kind == RUNE_SCHEMA_LONG   ? rune_term_kind(*ret_value) == RUNE_KIND_LONG
                : kind == RUNE_SCHEMA_STRING ? rune_term_kind(*ret_value) == RUNE_KIND_STRING
                                             : false;
    return fits ? RUNE_OK
                : mismatch(reader, token.offset, rune_schema_kind_text(reader->schema, type));
}

enum rune_err rune_value_read_context(struct rune_value_reader *reader, rune_schema_type type,
                                      rune_term *ret_record)
{
    struct rune_json_token token;
    enum rune_err err = next_token(reader, &token);
    if (err != RUNE_OK) {
        return err;
    }
    if (token.type != RUNE_JSON_OBJECT) {
        return rune_value_fail(reader, RUNE_E_INVALID, token.offset,
                               "the context must be an object");
    }
    if (type != 0) {
        return read_record(reader, (struct shape){.record = type}, token.offset, false,
                           RUNE_STR(""), ret_record);
    }
    err = read_object(reader, token.offset, ret_record);
    if (err == RUNE_OK && rune_term_kind(*ret_record) != RUNE_KIND_RECORD) {
        return rune_value_fail(reader, RUNE_E_INVALID, token.offset,
                               "the context must be a record");
    }
    return err;
}
