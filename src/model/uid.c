/* SPDX-License-Identifier: Apache-2.0 */
#include "model/uid.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

static const char MESSAGE_FORM[] = "expected an entity such as `User::\"alice\"` or `User:alice`";
static const char MESSAGE_TYPE[] = "the entity's type is not a type name";
static const char MESSAGE_ESCAPE[] = "the entity's id has an escape that does not exist";
static const char MESSAGE_LIMIT[] = "no memory is left for the entity's name";
static const char MESSAGE_BARE[] =
    "a bare id names no type, and the bundle sets no default for this place";

static bool is_identifier_start(char c)
{
    char lower = (char)(c | 0x20);
    return c == '_' || (lower >= 'a' && lower <= 'z');
}

static bool is_identifier_char(char c)
{
    return is_identifier_start(c) || (c >= '0' && c <= '9');
}

static bool is_reserved(struct rune_str word)
{
    static const struct rune_str words[] = {RUNE_STR("true"),   RUNE_STR("false"), RUNE_STR("if"),
                                            RUNE_STR("then"),   RUNE_STR("else"),  RUNE_STR("in"),
                                            RUNE_STR("is"),     RUNE_STR("like"),  RUNE_STR("has"),
                                            RUNE_STR("__cedar")};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (rune_str_equal(word, words[i])) {
            return true;
        }
    }
    return false;
}

bool rune_uid_is_identifier(struct rune_str text)
{
    if (text.length == 0 || !is_identifier_start(text.data[0])) {
        return false;
    }
    for (size_t i = 1; i < text.length; i++) {
        if (!is_identifier_char(text.data[i])) {
            return false;
        }
    }
    return !is_reserved(text);
}

bool rune_uid_is_action_type(struct rune_str type)
{
    return rune_str_equal(type, RUNE_STR("Action")) ||
           rune_str_has_suffix(type, RUNE_STR("::Action"));
}

bool rune_uid_is_type_name(struct rune_str text)
{
    for (;;) {
        size_t length = 0;
        while (length < text.length && text.data[length] != ':') {
            length++;
        }
        if (!rune_uid_is_identifier((struct rune_str){text.data, length})) {
            return false;
        }
        if (length == text.length) {
            return true;
        }
        if (text.length - length < 3 || text.data[length + 1] != ':') {
            return false;
        }
        text.data += length + 2;
        text.length -= length + 2;
    }
}

/* ---- escapes ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* `xNN`, up to 7f. Returns bytes read, 0 if it is none. */
static size_t read_byte_escape(const char *at, const char *end, uint32_t *ret_code_point)
{
    if (end - at < 3 || hex_digit(at[1]) < 0 || hex_digit(at[2]) < 0 || hex_digit(at[1]) > 7) {
        return 0;
    }
    *ret_code_point = (uint32_t)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
    return 3;
}

/* `u{N..}`: one to six hex digits, underscores between or behind but not before them. */
static size_t read_unicode_escape(const char *at, const char *end, uint32_t *ret_code_point)
{
    const char *p = at + 1;
    if (p == end || *p++ != '{') {
        return 0;
    }
    uint32_t value = 0;
    int digits = 0;
    for (; p < end && *p != '}'; p++) {
        if (*p == '_' && digits > 0) {
            continue;
        }
        int digit = hex_digit(*p);
        if (digit < 0 || ++digits > 6) {
            return 0;
        }
        value = value * 16 + (uint32_t)digit;
    }
    if (p == end || digits == 0) {
        return 0;
    }
    *ret_code_point = value;
    return (size_t)(p + 1 - at);
}

/* What follows a backslash. Returns bytes read, 0 if it is no escape. */
static size_t read_escape(const char *at, const char *end, uint32_t *ret_code_point)
{
    static const char names[] = "nrt0\\'\"";
    static const char values[] = "\n\r\t\0\\'\"";
    if (at == end) {
        return 0;
    }
    if (*at == 'x') {
        return read_byte_escape(at, end, ret_code_point);
    }
    if (*at == 'u') {
        return read_unicode_escape(at, end, ret_code_point);
    }
    const char *name = memchr(names, *at, sizeof names - 1);
    if (name == NULL) {
        return 0;
    }
    *ret_code_point = (uint32_t)values[name - names];
    return 1;
}

/* A string literal's inside with Cedar's escapes undone: borrowed where there are none.
 * RUNE_E_INVALID, RUNE_E_LIMIT. */
static enum rune_err unescape_text(struct rune_str inside, struct rune_arena *arena,
                                   struct rune_str *ret_text)
{
    if (inside.length == 0 || memchr(inside.data, '\\', inside.length) == NULL) {
        *ret_text = inside;
        return RUNE_OK;
    }
    /* No escape is shorter than what it stands for. */
    char *text = arena != NULL ? rune_arena_alloc(arena, inside.length) : NULL;
    if (text == NULL) {
        return RUNE_E_LIMIT;
    }
    size_t length = 0;
    const char *end = inside.data + inside.length;
    for (const char *at = inside.data; at < end;) {
        if (*at != '\\') {
            text[length++] = *at++;
            continue;
        }
        uint32_t code_point = 0;
        size_t read = read_escape(at + 1, end, &code_point);
        size_t size = read == 0 ? 0 : rune_utf8_encode(code_point, text + length);
        if (size == 0) {
            return RUNE_E_INVALID;
        }
        length += size;
        at += 1 + read;
    }
    *ret_text = (struct rune_str){text, length};
    return RUNE_OK;
}

/* ---- Type::"id" ---- */

/* Skips white space and comments. */
static const char *skip_space(const char *at, const char *end)
{
    while (at < end) {
        size_t size;
        int32_t code_point = rune_utf8_decode(at, (size_t)(end - at), &size);
        if (code_point >= 0 && rune_utf8_is_space((uint32_t)code_point)) {
            at += size;
        } else if (end - at >= 2 && at[0] == '/' && at[1] == '/') {
            while (at < end && *at != '\n') {
                at++;
            }
        } else {
            break;
        }
    }
    return at;
}

/* The string literal that `at` begins and that is the last token of the text; its inside. */
static bool read_literal(const char *at, const char *end, struct rune_str *ret_inside)
{
    if (at == end || *at != '"') {
        return false;
    }
    const char *p = at + 1;
    while (p < end && *p != '"') {
        p += *p == '\\' ? 2 : 1;
    }
    if (p >= end || skip_space(p + 1, end) != end) {
        return false;
    }
    *ret_inside = (struct rune_str){at + 1, (size_t)(p - at - 1)};
    return true;
}

/* The type's name joined without what stands between its parts. */
static enum rune_err join_name(struct rune_str spaced, struct rune_arena *arena,
                               struct rune_str *ret_name)
{
    char *name = arena != NULL ? rune_arena_alloc(arena, spaced.length) : NULL;
    if (name == NULL) {
        return RUNE_E_LIMIT;
    }
    size_t length = 0;
    const char *end = spaced.data + spaced.length;
    bool last_was_word = false;
    for (const char *at = skip_space(spaced.data, end); at < end;) {
        const char *from = at;
        while (at < end && is_identifier_char(*at)) {
            at++;
        }
        bool is_word = at > from;
        if (!is_word && end - at >= 2 && at[0] == ':' && at[1] == ':') {
            at += 2;
        }
        if (at == from || (is_word && last_was_word)) {
            return RUNE_E_INVALID;
        }
        memcpy(name + length, from, (size_t)(at - from));
        length += (size_t)(at - from);
        last_was_word = is_word;
        at = skip_space(at, end);
    }
    *ret_name = (struct rune_str){name, length};
    return RUNE_OK;
}

/* The text split before its literal: `type` still ends with `::` and has its spaces. False: no such
 * form. */
static bool split_literal(struct rune_str text, struct rune_str *ret_type,
                          struct rune_str *ret_inside)
{
    const char *end = text.data + text.length;
    const char *at = text.data;
    /* A quote in a comment is no literal. */
    while ((at = skip_space(at, end)) < end && *at != '"') {
        at++;
    }
    *ret_type = (struct rune_str){text.data, (size_t)(at - text.data)};
    return read_literal(at, end, ret_inside);
}

enum rune_err rune_uid_parse(struct rune_str text, struct rune_arena *arena,
                             struct rune_uid *ret_uid, const char **ret_message)
{
    struct rune_str type, inside, id;
    *ret_message = MESSAGE_FORM;
    if (!split_literal(text, &type, &inside)) {
        return RUNE_E_INVALID;
    }
    bool is_plain = rune_str_has_suffix(type, RUNE_STR("::")) &&
                    rune_uid_is_type_name((struct rune_str){type.data, type.length - 2});
    enum rune_err err = is_plain ? RUNE_OK : join_name(type, arena, &type);
    if (err != RUNE_OK || !rune_str_has_suffix(type, RUNE_STR("::"))) {
        *ret_message = err == RUNE_E_LIMIT ? MESSAGE_LIMIT : MESSAGE_FORM;
        return err == RUNE_E_LIMIT ? err : RUNE_E_INVALID;
    }
    type.length -= 2;
    if (!is_plain && !rune_uid_is_type_name(type)) {
        *ret_message = MESSAGE_TYPE;
        return RUNE_E_INVALID;
    }
    err = unescape_text(inside, arena, &id);
    if (err != RUNE_OK) {
        *ret_message = err == RUNE_E_LIMIT ? MESSAGE_LIMIT : MESSAGE_ESCAPE;
        return err;
    }
    *ret_uid = (struct rune_uid){type, id};
    return RUNE_OK;
}

/* Nearly all texts on the wire: `Type::"id"` without spaces or escapes. */
static bool read_plain(struct rune_str text, struct rune_uid *ret_uid)
{
    if (text.length < 5 || text.data[text.length - 1] != '"') {
        return false;
    }
    const char *quote = memchr(text.data, '"', text.length);
    size_t before = (size_t)(quote - text.data);
    struct rune_str type = {text.data, before < 2 ? 0 : before - 2};
    struct rune_str id = {quote + 1, text.length - before - (before + 1 < text.length ? 2 : 1)};
    if (before < 3 || before + 1 >= text.length || quote[-1] != ':' || quote[-2] != ':' ||
        memchr(id.data, '"', id.length) != NULL || memchr(id.data, '\\', id.length) != NULL ||
        !rune_uid_is_type_name(type)) {
        return false;
    }
    *ret_uid = (struct rune_uid){type, id};
    return true;
}

enum rune_err rune_uid_read(struct rune_str text, struct rune_str default_type,
                            struct rune_arena *arena, struct rune_uid *ret_uid,
                            const char **ret_message)
{
    if (read_plain(text, ret_uid)) {
        return RUNE_OK;
    }
    const char *colon = text.length > 0 ? memchr(text.data, ':', text.length) : NULL;
    if (colon == NULL) { /* so it is no full uid either */
        if (default_type.length == 0) {
            *ret_message = MESSAGE_BARE;
            return RUNE_E_INVALID;
        }
        *ret_uid = (struct rune_uid){default_type, text};
        return RUNE_OK;
    }
    const char *full_message;
    enum rune_err err = rune_uid_parse(text, arena, ret_uid, &full_message);
    if (err == RUNE_OK || err == RUNE_E_LIMIT) {
        *ret_message = full_message;
        return err;
    }
    size_t before = (size_t)(colon - text.data);
    struct rune_str id = {colon + 1, text.length - before - 1};
    if (id.length > 0 && id.data[0] == ':') {
        *ret_message = full_message; /* meant as `Type::"id"` */
        return RUNE_E_INVALID;
    }
    struct rune_str type = {text.data, before};
    if (!rune_uid_is_type_name(type)) {
        *ret_message = MESSAGE_TYPE;
        return RUNE_E_INVALID;
    }
    *ret_uid = (struct rune_uid){type, id};
    return RUNE_OK;
}

/* ---- printing ---- */

void rune_uid_format_string(struct rune_str text, struct rune_buf *out)
{
    static const char names[] = "\n\r\t\0\\\"";
    static const char escapes[] = "nrt0\\\"";
    rune_buf_append_char(out, '"');
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        const char *name = memchr(names, c, sizeof names - 1);
        if (name != NULL) {
            rune_buf_append_char(out, '\\');
            rune_buf_append_char(out, escapes[name - names]);
        } else if ((unsigned char)c < 0x20 || c == 0x7f) {
            rune_buf_printf(out, "\\u{%x}", (unsigned)c);
        } else {
            rune_buf_append_char(out, c);
        }
    }
    rune_buf_append_char(out, '"');
}

void rune_uid_format(struct rune_str type, struct rune_str id, struct rune_buf *out)
{
    rune_buf_append_str(out, type);
    rune_buf_append_cstr(out, "::");
    rune_uid_format_string(id, out);
}
