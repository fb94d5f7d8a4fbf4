/* SPDX-License-Identifier: Apache-2.0 */
/* The pull reader: one pass over the text, strings taken in place unless they have escapes, errors
 * sticky. */
#include "base/json.h"

#include <string.h>

#include "base/layout.h"
#include "base/scan.h"
#include "base/utf8.h"

void rune_json_init(struct rune_json *json, const char *text, size_t length,
                    struct rune_arena *arena)
{
    *json = (struct rune_json){.start = text,
                               .cursor = text,
                               .end = text + length,
                               .arena = arena,
                               .max_depth = RUNE_JSON_MAX_DEPTH};
}

size_t rune_json_offset(const struct rune_json *json)
{
    return (size_t)(json->cursor - json->start);
}

/* Cold: what leads to it is laid out apart from what documents without errors run through. */
static RUNE_COLD __attribute__((noinline)) enum rune_err
fail(struct rune_json *json, const char *at, enum rune_err err, const char *message)
{
    if (json->err == RUNE_OK) {
        json->err = err;
        json->message = message;
        json->cursor = at;
    }
    return json->err;
}

static RUNE_COLD __attribute__((noinline)) enum rune_err
fail_syntax(struct rune_json *json, const char *at, const char *message)
{
    return fail(json, at, RUNE_E_SYNTAX, at == json->end ? "the text ends too early" : message);
}

static inline const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')) {
        p++;
    }
    return p;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    if (end - p < 4) {
        return -1;
    }
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

/* What a letter behind a backslash stands for; -1: none of the short escapes. */
static inline int short_escape(char letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return -1;
    }
}

/* The escape whose backslash is at *p: its code point, *p behind it; -1 where it is none, -2 for a
 * lone surrogate. */
static int32_t read_escape(const char **p, const char *end)
{
    const char *at = *p + 1;
    if (at == end) {
        return -1;
    }
    if (*at != 'u') {
        *p = at + 1;
        return short_escape(*at);
    }
    int32_t unit = hex4(at + 1, end);
    if (unit < 0) {
        return -1;
    }
    at += 5;
    if (unit >= 0xdc00 && unit <= 0xdfff) {
        return -2;
    }
    if (unit >= 0xd800 && unit <= 0xdbff) {
        int32_t low = end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? hex4(at + 2, end) : -1;
        if (low < 0xdc00 || low > 0xdfff) {
            return -2;
        }
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    *p = at;
    return unit;
}

/* From `p`, inside a string, to its closing quote: checks everything; *ret_escapes tells whether
 * any escape came. NULL after a failure. */
static const char *check_string(struct rune_json *json, const char *p, bool *ret_escapes)
{
    const char *end = json->end;
    for (;;) {
        p = rune_scan_plain(p, end);
        if (p == end) {
            (void)fail(json, p, RUNE_E_SYNTAX, "a string has no closing quote");
            return NULL;
        }
        if (*p == '"') {
            return p;
        }
        if (*p == '\\' && end - p >= 2 && short_escape(p[1]) >= 0) {
            *ret_escapes = true;
            p += 2;
        } else if (*p == '\\') {
            const char *at = p;
            int32_t code_point = read_escape(&p, end);
            if (code_point < 0) {
                (void)fail(json, at, RUNE_E_SYNTAX,
                           code_point == -2 ? "an escape names half of a surrogate pair"
                                            : "no such escape in JSON");
                return NULL;
            }
            *ret_escapes = true;
        } else if ((unsigned char)*p < 0x20) {
            (void)fail(json, p, RUNE_E_SYNTAX, "a control character must be escaped in a string");
            return NULL;
        } else {
            size_t size;
            if (rune_utf8_decode(p, (size_t)(end - p), &size) < 0) {
                (void)fail(json, p, RUNE_E_SYNTAX, "the text is not valid UTF-8");
                return NULL;
            }
            p += size;
        }
    }
}

/* The checked string [p, quote) with its escapes decoded, in the arena. */
static enum rune_err decode_string(struct rune_json *json, const char *p, const char *quote,
                                   struct rune_str *ret_text)
{
    char *out = json->arena == NULL ? NULL : rune_arena_alloc(json->arena, (size_t)(quote - p));
    if (out == NULL) {
        return fail(json, p, RUNE_E_LIMIT, "the text's strings need too much memory");
    }
    char *begin = out;
    while (p < quote) {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        int byte = short_escape(p[1]); /* checked: another byte follows */
        if (byte >= 0) {
            *out++ = (char)byte;
            p += 2;
            continue;
        }
        char bytes[4];
        size_t size = rune_utf8_encode((uint32_t)read_escape(&p, quote), bytes);
        memcpy(out, bytes, size);
        out += size;
    }
    *ret_text = (struct rune_str){begin, (size_t)(out - begin)};
    return RUNE_OK;
}

/* The string whose opening quote is at the cursor. */
static enum rune_err read_string(struct rune_json *json, struct rune_str *ret_text)
{
    const char *begin = json->cursor + 1;
    const char *quote = rune_scan_plain(begin, json->end);
    if (quote < json->end && *quote == '"') {
        *ret_text = (struct rune_str){begin, (size_t)(quote - begin)};
        json->cursor = quote + 1;
        return RUNE_OK;
    }
    bool has_escapes = false;
    quote = check_string(json, quote, &has_escapes);
    if (quote == NULL) {
        return json->err;
    }
    if (!has_escapes) {
        *ret_text = (struct rune_str){begin, (size_t)(quote - begin)};
    } else if (decode_string(json, begin, quote, ret_text) != RUNE_OK) {
        return json->err;
    }
    json->cursor = quote + 1;
    return RUNE_OK;
}

/* ---- numbers and words ---- */

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p)) {
        p++;
    }
    return p;
}

/* The spelling as an int64_t: only digits and a sign come here. False when it does not fit, and for
 * -0: that is a floating-point number, as serde_json has it, and so in Cedar no integer. */
static bool to_integer(struct rune_str spelling, int64_t *ret_value)
{
    bool negative = spelling.data[0] == '-';
    uint64_t value = 0;
    for (size_t i = negative; i < spelling.length; i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(spelling.data[i] - '0'), &value)) {
            return false;
        }
    }
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0) || (negative && value == 0)) {
        return false;
    }
    *ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static enum rune_err read_number(struct rune_json *json, struct rune_json_token *token)
{
    const char *begin = json->cursor;
    const char *end = json->end;
    const char *p = begin + (*begin == '-');
    if (p == end || !is_digit(*p)) {
        return fail_syntax(json, p, "a digit was expected");
    }
    if (*p == '0' && p + 1 < end && is_digit(p[1])) {
        return fail_syntax(json, p, "a number has no leading zeros");
    }
    p = skip_digits(p, end);
    bool is_integer = true;
    if (p < end && *p == '.') {
        is_integer = false;
        const char *digits = p + 1;
        p = skip_digits(digits, end);
        if (p == digits) {
            return fail_syntax(json, p, "a digit was expected after the point");
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        is_integer = false;
        p++;
        p += p < end && (*p == '+' || *p == '-');
        const char *digits = p;
        p = skip_digits(digits, end);
        if (p == digits) {
            return fail_syntax(json, p, "a digit was expected in the exponent");
        }
    }
    token->text = (struct rune_str){begin, (size_t)(p - begin)};
    token->type = is_integer && to_integer(token->text, &token->integer) ? RUNE_JSON_INTEGER
                                                                         : RUNE_JSON_NUMBER;
    json->cursor = p;
    return RUNE_OK;
}

static enum rune_err read_word(struct rune_json *json, const char *word, enum rune_json_type type,
                               struct rune_json_token *token)
{
    size_t length = strlen(word);
    if ((size_t)(json->end - json->cursor) < length || memcmp(json->cursor, word, length) != 0) {
        return fail(json, json->cursor, RUNE_E_SYNTAX, "a value was expected");
    }
    json->cursor += length;
    token->type = type;
    return RUNE_OK;
}

/* ---- values ---- */

static enum rune_err enter(struct rune_json *json, enum rune_json_type type,
                           struct rune_json_token *token)
{
    if (json->depth == json->max_depth) {
        return fail(json, json->cursor, RUNE_E_LIMIT, "arrays and objects are nested too deep");
    }
    json->depth++;
    json->cursor++;
    token->type = type;
    return RUNE_OK;
}

enum rune_err rune_json_value(struct rune_json *json, struct rune_json_token *ret_token)
{
    if (json->err != RUNE_OK) {
        return json->err;
    }
    json->cursor = skip_space(json->cursor, json->end);
    if (json->cursor == json->end) {
        return fail(json, json->cursor, RUNE_E_SYNTAX,
                    json->cursor == json->start ? "the text is empty" : "the text ends too early");
    }
    ret_token->offset = rune_json_offset(json);
    switch (*json->cursor) {
    case '"':
        ret_token->type = RUNE_JSON_STRING;
        return read_string(json, &ret_token->text);
    case '{':
        return enter(json, RUNE_JSON_OBJECT, ret_token);
    case '[':
        return enter(json, RUNE_JSON_ARRAY, ret_token);
    case 't':
        return read_word(json, "true", RUNE_JSON_TRUE, ret_token);
    case 'f':
        return read_word(json, "false", RUNE_JSON_FALSE, ret_token);
    case 'n':
        return read_word(json, "null", RUNE_JSON_NULL, ret_token);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return read_number(json, ret_token);
    default:
        return fail(json, json->cursor, RUNE_E_SYNTAX, "a value was expected");
    }
}

/* Whether the reader stands right behind the bracket that opens what it is in: no value ends with
 * one. */
static bool is_first(const struct rune_json *json)
{
    return json->cursor[-1] == '{' || json->cursor[-1] == '[';
}

/* Behind the opening bracket or a finished item: *ret_more tells whether another one comes. */
static enum rune_err next_item(struct rune_json *json, char closing, const char *message,
                               bool *ret_more)
{
    if (json->err != RUNE_OK) {
        return json->err;
    }
    const char *p = skip_space(json->cursor, json->end);
    if (p == json->end) {
        return fail_syntax(json, p, message);
    }
    if (*p == closing) {
        json->depth--;
        json->cursor = p + 1;
        *ret_more = false;
        return RUNE_OK;
    }
    if (!is_first(json)) {
        if (*p != ',') {
            return fail_syntax(json, p, message);
        }
        p = skip_space(p + 1, json->end);
        if (p < json->end && *p == closing) {
            return fail_syntax(json, p, "no comma may stand before a closing bracket");
        }
    }
    json->cursor = p;
    *ret_more = true;
    return RUNE_OK;
}

enum rune_err rune_json_next_member(struct rune_json *json, bool *ret_more,
                                    struct rune_str *ret_key)
{
    enum rune_err err = next_item(json, '}', "`,` or `}` was expected", ret_more);
    if (err != RUNE_OK || !*ret_more) {
        return err;
    }
    if (json->cursor == json->end || *json->cursor != '"') {
        return fail_syntax(json, json->cursor, "a member's name in quotes was expected");
    }
    err = read_string(json, ret_key);
    if (err != RUNE_OK) {
        return err;
    }
    json->cursor = skip_space(json->cursor, json->end);
    if (json->cursor == json->end || *json->cursor != ':') {
        return fail_syntax(json, json->cursor, "`:` was expected after a member's name");
    }
    json->cursor++;
    return RUNE_OK;
}

enum rune_err rune_json_next_element(struct rune_json *json, bool *ret_more)
{
    return next_item(json, ']', "`,` or `]` was expected", ret_more);
}

enum rune_err rune_json_skip(struct rune_json *json)
{
    /* One bit a level tells objects from arrays, so that no recursion is needed. */
    uint64_t is_object[(RUNE_JSON_MAX_DEPTH + 63) / 64 + 1] = {0};
    uint32_t level = 0;
    do {
        struct rune_json_token token;
        if (level > 0) {
            bool more;
            struct rune_str key;
            bool in_object = (is_object[(level - 1) / 64] >> ((level - 1) % 64) & 1) != 0;
            enum rune_err err = in_object ? rune_json_next_member(json, &more, &key)
                                          : rune_json_next_element(json, &more);
            if (err != RUNE_OK) {
                return err;
            }
            if (!more) {
                level--;
                continue;
            }
        }
        enum rune_err err = rune_json_value(json, &token);
        if (err != RUNE_OK) {
            return err;
        }
        if (token.type == RUNE_JSON_OBJECT || token.type == RUNE_JSON_ARRAY) {
            if (level == RUNE_JSON_MAX_DEPTH) {
                return fail(json, json->cursor, RUNE_E_LIMIT,
                            "arrays and objects are nested too deep");
            }
            uint64_t bit = UINT64_C(1) << (level % 64);
            is_object[level / 64] &= ~bit;
            is_object[level / 64] |= token.type == RUNE_JSON_OBJECT ? bit : 0;
            level++;
        }
    } while (level > 0);
    return RUNE_OK;
}

enum rune_err rune_json_end(struct rune_json *json)
{
    if (json->err != RUNE_OK) {
        return json->err;
    }
    json->cursor = skip_space(json->cursor, json->end);
    if (json->cursor != json->end) {
        return fail(json, json->cursor, RUNE_E_SYNTAX, "nothing may follow the value");
    }
    return RUNE_OK;
}
