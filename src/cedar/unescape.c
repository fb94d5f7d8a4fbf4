/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/unescape.h"

#include <string.h>

#include "base/utf8.h"

#define STAR (-2) /* `\*`: legal in patterns only */
#define FLAW (-3) /* reported */

struct reader {
    const struct rune_source *source;
    const char *cursor;
    const char *end;
    struct rune_diag *diag;
    bool failed;
};

static int32_t flaw(struct reader *reader, const char *start, const char *help, const char *what)
{
    struct rune_span span = {reader->source, (uint32_t)(start - reader->source->text),
                             (uint32_t)(reader->cursor - start)};
    rune_diag_report(reader->diag, RUNE_ERROR, "RUNE-C0103", span, help, "%s", what);
    reader->failed = true;
    return FLAW;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* After `\x`. */
static int32_t read_hex(struct reader *reader, const char *start)
{
    int32_t value = 0;
    for (int i = 0; i < 2; i++) {
        int digit = reader->cursor < reader->end ? hex_digit(*reader->cursor) : -1;
        if (digit < 0) {
            return flaw(reader, start, "write two hex digits, like \\x41",
                        "this escape is incomplete");
        }
        value = value * 16 + digit;
        reader->cursor++;
    }
    return value <= 0x7f ? value
                         : flaw(reader, start, "write \\u{..} for characters beyond ASCII",
                                "\\x goes up to \\x7F");
}

/* After `\u`. */
static int32_t read_unicode(struct reader *reader, const char *start)
{
    if (reader->cursor == reader->end || *reader->cursor != '{') {
        return flaw(reader, start, "write it like \\u{1F600}", "\\u needs braces");
    }
    reader->cursor++;
    int32_t value = 0;
    int digits = 0;
    for (;;) {
        if (reader->cursor == reader->end) {
            return flaw(reader, start, "close it with `}`", "this escape has no end");
        }
        char c = *reader->cursor++;
        if (c == '}') {
            break;
        }
        if (c == '_' && digits > 0) {
            continue;
        }
        int digit = hex_digit(c);
        if (digit < 0) {
            return flaw(reader, start,
                        "only hex digits, with `_` between them, can stand in \\u{..}",
                        "this escape is not valid");
        }
        digits++;
        if (digits <= 6) {
            value = value * 16 + digit;
        }
    }
    if (digits == 0 || digits > 6) {
        return flaw(reader, start, "write 1 to 6 hex digits", "this escape is not valid");
    }
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return flaw(reader, start, "scalar values are 0 to D7FF and E000 to 10FFFF",
                    "this is no Unicode character");
    }
    return value;
}

static int32_t read_escape(struct reader *reader)
{
    const char *start = reader->cursor++;
    if (reader->cursor == reader->end) {
        return flaw(reader, start, NULL, "this escape is incomplete");
    }
    char c = *reader->cursor++;
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '0':
        return 0;
    case '\\':
    case '\'':
    case '"':
        return c;
    case '*':
        return STAR;
    case 'x':
        return read_hex(reader, start);
    case 'u':
        return read_unicode(reader, start);
    default:
        while (reader->cursor < reader->end && ((unsigned char)*reader->cursor & 0xc0) == 0x80) {
            reader->cursor++;
        }
        return flaw(
            reader, start,
            "the escapes are \\n \\r \\t \\\\ \\0 \\' \\\" \\x41 \\u{1F600}, and \\* after `like`",
            "there is no such escape");
    }
}

/* The next code point; STAR or FLAW. */
static int32_t read_char(struct reader *reader)
{
    if (*reader->cursor == '\\') {
        return read_escape(reader);
    }
    const char *start = reader->cursor;
    size_t size;
    int32_t c = rune_utf8_decode(start, (size_t)(reader->end - start), &size);
    if (c < 0) {
        reader->cursor++;
        return flaw(reader, start, NULL, "this is not UTF-8");
    }
    reader->cursor += size;
    return c == '\r'
               ? flaw(reader, start, "write \\r", "a bare carriage return cannot stand in a string")
               : c;
}

static struct reader open_literal(struct rune_span span, struct rune_diag *diag)
{
    const char *text = span.source->text + span.offset;
    return (struct reader){span.source, text + 1, text + span.length - 1, diag, false};
}

enum rune_err rune_cedar_unescape(struct rune_span span, struct rune_arena *arena,
                                  struct rune_str *ret_text, struct rune_diag *diag)
{
    struct reader reader = open_literal(span, diag);
    size_t size = (size_t)(reader.end - reader.cursor);
    if (memchr(reader.cursor, '\\', size) == NULL && memchr(reader.cursor, '\r', size) == NULL) {
        *ret_text = (struct rune_str){reader.cursor, size};
        return RUNE_OK;
    }
    char *out = rune_arena_alloc_aligned(arena, size, 1); /* no escape grows */
    if (out == NULL) {
        return RUNE_E_NOMEM;
    }
    size_t length = 0;
    while (reader.cursor < reader.end) {
        const char *start = reader.cursor;
        int32_t c = read_char(&reader);
        if (c == STAR) {
            c = flaw(&reader, start,
                     "`*` needs no backslash here; `\\*` is for patterns after `like`",
                     "there is no such escape outside a pattern");
        }
        if (c >= 0) {
            length += rune_utf8_encode((uint32_t)c, out + length);
        }
    }
    if (reader.failed) {
        return RUNE_E_SYNTAX;
    }
    *ret_text = (struct rune_str){out, length};
    return RUNE_OK;
}

enum rune_err rune_cedar_unescape_pattern(struct rune_span span, struct rune_arena *arena,
                                          struct rune_cedar_pattern *ret_pattern,
                                          struct rune_diag *diag)
{
    struct reader reader = open_literal(span, diag);
    int32_t *elements =
        rune_arena_calloc(arena, (size_t)(reader.end - reader.cursor), sizeof *elements);
    if (elements == NULL) {
        return RUNE_E_NOMEM;
    }
    uint32_t count = 0;
    while (reader.cursor < reader.end) {
        int32_t c = read_char(&reader);
        if (c != FLAW) {
            elements[count++] = c == STAR ? '*' : c == '*' ? -1 : c;
        }
    }
    if (reader.failed) {
        return RUNE_E_SYNTAX;
    }
    ret_pattern->elements = elements;
    ret_pattern->count = count;
    return RUNE_OK;
}
