/* SPDX-License-Identifier: Apache-2.0 */
/* value_ext: extension values in JSON: `__extn` calls, and with a schema the implicit forms. */
#include "engine/value_call.h"
#include "engine/value_int.h"

/* ---- calls ---- */

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
    while (more) {
        struct rune_str key;
        struct rune_json_token token;
        if (rune_json_next_member(&json, &more, &key) != RUNE_OK) {
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
    enum rune_err err = typing == TYPED && want != 0 ? rune_value_read_ext(reader, want, &term)
                                                     : rune_value_read(reader, 0, &term);
    return err == RUNE_OK ? rune_value_push(reader, term) : err;
}

static enum rune_err read_args(struct rune_value_reader *reader, int function, enum typing typing)
{
    struct rune_json_token token;
    enum rune_err err = rune_value_next_token(reader, &token);
    if (err == RUNE_OK && token.type != RUNE_JSON_ARRAY) {
        err = rune_value_fail(reader, RUNE_E_INVALID, token.offset, "`args` must be an array");
    }
    bool more = true;
    uint32_t index = 0;
    while (err == RUNE_OK) {
        err = rune_value_next_element(reader, &more);
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
    struct rune_value_keys keys = {.count = 0};
    enum rune_err err = rune_value_reserve(reader, 1);
    if (err == RUNE_OK) {
        err = look_for_function(reader, &function);
    }
    bool more = true;
    while (err == RUNE_OK) {
        struct rune_str key;
        err = rune_value_next_member(reader, &more, &key);
        if (err != RUNE_OK || !more) {
            break;
        }
        err = rune_value_keys_add(reader, &keys, key);
        if (err != RUNE_OK) {
            break;
        }
        if (has_arg && rune_str_equal(key, RUNE_STR("arg"))) {
            err = read_arg(reader, function, 0, typing);
        } else if (!has_arg && rune_str_equal(key, RUNE_STR("args"))) {
            err = read_args(reader, function, typing);
        } else {
            err = rune_value_discard(reader, typing == TYPED ? RUNE_IGNORED_AS_JSON
                                                             : RUNE_IGNORED_AS_VALUE);
        }
    }
    if (err == RUNE_OK) {
        const char *message;
        err = rune_value_call(reader->dict, reader->image, function, reader->stack + bottom,
                              (uint32_t)(reader->count - bottom), ret_value, &message);
        if (err == RUNE_E_INVALID) {
            err = rune_value_fail(reader, err, offset, "%s", message);
        } else if (err != RUNE_OK) {
            err = rune_value_dict_failed(reader, err);
        }
    }
    reader->count = bottom;
    return err;
}

/* The value of `__extn` behind a look ahead, to the end of the object around it. */
enum rune_err rune_value_read_call_escape(struct rune_value_reader *reader, bool has_arg,
                                          rune_term *ret_value)
{
    struct rune_json_token token;
    struct rune_str key;
    bool more;
    enum rune_err err = rune_value_next_token(reader, &token);
    if (err == RUNE_OK) {
        err = read_call(reader, has_arg, UNTYPED, ret_value);
    }
    return err == RUNE_OK ? rune_value_next_member(reader, &more, &key) : err;
}

/* ---- with a type ---- */

static bool is_ext(const struct rune_value_reader *reader, rune_term value, uint32_t ext_kind)
{
    return rune_term_kind(value) == RUNE_KIND_EXT &&
           rune_value_terms_of(reader, value)->exts[rune_term_index(value)].kind == ext_kind;
}

/* {"__extn": {call}}, with unknown keys beside: *ret_found. Not found: the object was passed over.
 */
static enum rune_err read_ext_escape(struct rune_value_reader *reader, bool *ret_found,
                                     rune_term *ret_value)
{
    struct rune_value_keys keys = {.count = 0};
    bool more = true;
    *ret_found = false;
    while (more) {
        struct rune_str key;
        struct rune_json_token token;
        struct rune_value_members members;
        enum rune_err err = rune_value_next_member(reader, &more, &key);
        if (err != RUNE_OK || !more) {
            return err;
        }
        err = rune_value_keys_add(reader, &keys, key);
        if (err == RUNE_OK) {
            err = rune_value_next_token(reader, &token);
        }
        if (err != RUNE_OK) {
            return err;
        }
        struct rune_json ahead = *reader->json;
        if (token.type == RUNE_JSON_STRING && rune_str_equal(key, RUNE_STR("__expr"))) {
            err = rune_value_expr_failed(reader, token.offset);
        } else if (rune_str_equal(key, RUNE_STR("__extn")) && token.type == RUNE_JSON_OBJECT &&
                   rune_value_look_at_members(&ahead, &members) && members.has_fn &&
                   (members.has_arg || members.has_args)) {
            *ret_found = true;
            err = read_call(reader, members.has_arg, TYPED, ret_value);
        } else {
            err = rune_value_discard_rest(reader, RUNE_IGNORED_AS_JSON, &token);
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
    struct rune_value_members members;
    struct rune_json start = *reader->json;
    struct rune_json ahead = start;
    bool found;
    enum rune_err err = read_ext_escape(reader, &found, ret_value);
    if (err != RUNE_OK || found) {
        return err;
    }
    if (!rune_value_look_at_members(&ahead, &members) || !members.has_fn ||
        (!members.has_arg && !members.has_args)) {
        return rune_value_mismatch(reader, offset, "an extension value");
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

enum rune_err rune_value_read_ext(struct rune_value_reader *reader, uint32_t ext_kind,
                                  rune_term *ret_value)
{
    struct rune_json_token token;
    enum rune_err err = rune_value_next_token(reader, &token);
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
        return err == RUNE_OK ? RUNE_OK : rune_value_dict_failed(reader, err);
    }
    if (token.type != RUNE_JSON_OBJECT) {
        return rune_value_mismatch(reader, token.offset, ext_text(ext_kind));
    }
    err = read_ext_object(reader, token.offset, ret_value);
    if (err == RUNE_OK && !is_ext(reader, *ret_value, ext_kind)) {
        return rune_value_mismatch(reader, token.offset, ext_text(ext_kind));
    }
    return err;
}
