/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/json_check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct state {
    const unsigned char *text;
    size_t length;
    size_t at;
    unsigned depth;
    unsigned max_depth;
    bool unique_names;
};

struct name {
    unsigned char *bytes;
    size_t length;
};

static bool value(struct state *s);

static int peek(const struct state *s)
{
    return s->at < s->length ? s->text[s->at] : -1;
}

static bool accept(struct state *s, int c)
{
    if (peek(s) != c) {
        return false;
    }
    s->at++;
    return true;
}

static void space(struct state *s)
{
    while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r') {
        s->at++;
    }
}

static bool digits(struct state *s)
{
    size_t begin = s->at;
    while (peek(s) >= '0' && peek(s) <= '9') {
        s->at++;
    }
    return s->at > begin;
}

static bool number(struct state *s)
{
    accept(s, '-');
    if (!accept(s, '0') && !digits(s)) {
        return false;
    }
    if (accept(s, '.') && !digits(s)) {
        return false;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (!accept(s, '+')) {
            accept(s, '-');
        }
        return digits(s);
    }
    return true;
}

static bool hex4(struct state *s, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(s);
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return false;
        }
        *unit = *unit * 16 + (uint32_t)digit;
        s->at++;
    }
    return true;
}

static size_t put(unsigned char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (unsigned char)c;
        return 1;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    for (int i = more; i > 0; i--) {
        out[i] = (unsigned char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    out[0] = (unsigned char)(lead[more] | c);
    return (size_t)more + 1;
}

static bool escape(struct state *s, uint32_t *code)
{
    int c = peek(s);
    s->at++;
    switch (c) {
    case '"':
    case '\\':
    case '/':
        *code = (uint32_t)c;
        return true;
    case 'b':
        *code = 8;
        return true;
    case 'f':
        *code = 12;
        return true;
    case 'n':
        *code = 10;
        return true;
    case 'r':
        *code = 13;
        return true;
    case 't':
        *code = 9;
        return true;
    case 'u':
        break;
    default:
        return false;
    }
    if (!hex4(s, code) || (*code >= 0xDC00 && *code < 0xE000)) {
        return false;
    }
    if (*code >= 0xD800 && *code < 0xDC00) {
        uint32_t low;
        if (!accept(s, '\\') || !accept(s, 'u') || !hex4(s, &low) || low < 0xDC00 ||
            low >= 0xE000) {
            return false;
        }
        *code = 0x10000 + (*code - 0xD800) * 0x400 + (low - 0xDC00);
    }
    return true;
}

/* Table 3-7 of the Unicode standard. */
static bool utf8(struct state *s, uint32_t *code)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high, size;
    } rows[] = {
        {0x20, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    const unsigned char *p = s->text + s->at;
    size_t left = s->length - s->at;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        if (p[0] < rows[r].first_low || p[0] > rows[r].first_high || left < rows[r].size) {
            continue;
        }
        uint32_t c = rows[r].size == 1 ? p[0] : p[0] & (0x7Fu >> rows[r].size);
        for (size_t i = 1; i < rows[r].size; i++) {
            unsigned char low = i == 1 ? rows[r].second_low : 0x80;
            unsigned char high = i == 1 ? rows[r].second_high : 0xBF;
            if (p[i] < low || p[i] > high) {
                return false;
            }
            c = c << 6 | (p[i] & 0x3Fu);
        }
        s->at += rows[r].size;
        *code = c;
        return true;
    }
    return false;
}

/* ret_name may be NULL; else the decoded bytes, the caller's to free. */
static bool string(struct state *s, struct name *ret_name)
{
    if (!accept(s, '"')) {
        return false;
    }
    unsigned char *out = malloc(s->length - s->at + 4);
    size_t length = 0;
    while (peek(s) != '"') {
        uint32_t code;
        if (s->at >= s->length ||
            !(accept(s, '\\') ? s->at < s->length && escape(s, &code) : utf8(s, &code))) {
            free(out);
            return false;
        }
        length += put(out + length, code);
    }
    s->at++;
    if (ret_name == NULL) {
        free(out);
    } else {
        *ret_name = (struct name){out, length};
    }
    return true;
}

static bool members(struct state *s, struct name **names, size_t *count)
{
    space(s);
    if (accept(s, '}')) {
        return true;
    }
    do {
        struct name name;
        space(s);
        if (!string(s, &name)) {
            return false;
        }
        *names = realloc(*names, (*count + 1) * sizeof **names);
        (*names)[(*count)++] = name;
        for (size_t i = 0; s->unique_names && i + 1 < *count; i++) {
            if ((*names)[i].length == name.length &&
                memcmp((*names)[i].bytes, name.bytes, name.length) == 0) {
                return false;
            }
        }
        space(s);
        if (!accept(s, ':') || !value(s)) {
            return false;
        }
        space(s);
    } while (accept(s, ','));
    return accept(s, '}');
}

static bool object(struct state *s)
{
    struct name *names = NULL;
    size_t count = 0;
    bool ok = members(s, &names, &count);
    for (size_t i = 0; i < count; i++) {
        free(names[i].bytes);
    }
    free(names);
    return ok;
}

static bool array(struct state *s)
{
    space(s);
    if (accept(s, ']')) {
        return true;
    }
    do {
        if (!value(s)) {
            return false;
        }
        space(s);
    } while (accept(s, ','));
    return accept(s, ']');
}

static bool word(struct state *s, const char *text)
{
    for (; *text != '\0'; text++) {
        if (!accept(s, *text)) {
            return false;
        }
    }
    return true;
}

static bool value(struct state *s)
{
    space(s);
    int c = peek(s);
    if (c == '{' || c == '[') {
        if (s->depth == s->max_depth) {
            return false;
        }
        s->depth++;
        s->at++;
        bool ok = c == '{' ? object(s) : array(s);
        s->depth--;
        return ok;
    }
    switch (c) {
    case '"':
        return string(s, NULL);
    case 't':
        return word(s, "true");
    case 'f':
        return word(s, "false");
    case 'n':
        return word(s, "null");
    default:
        return c == '-' || (c >= '0' && c <= '9') ? number(s) : false;
    }
}

bool json_check(const char *text, size_t length, unsigned max_depth, bool unique_names)
{
    struct state s = {(const unsigned char *)text, length, 0, 0, max_depth, unique_names};
    if (!value(&s)) {
        return false;
    }
    space(&s);
    return s.at == s.length;
}
