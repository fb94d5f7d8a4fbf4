/* SPDX-License-Identifier: Apache-2.0 */
/* Comments: which token each belongs to, and how it is printed there. */
#include <string.h>

#include "base/utf8.h"
#include "cedar/format_int.h"

/* ---- text ---- */

static struct rune_str trim_end(struct rune_str text)
{
    while (text.length > 0) {
        size_t start = text.length - 1;
        while (start > 0 && text.length - start < 4 &&
               ((unsigned char)text.data[start] & 0xC0) == 0x80) {
            start--;
        }
        size_t size;
        int32_t c = rune_utf8_decode(text.data + start, text.length - start, &size);
        if (c < 0 || !rune_utf8_is_space((uint32_t)c)) {
            break;
        }
        text.length = start;
    }
    return text;
}

static struct rune_str trim(struct rune_str text)
{
    while (text.length > 0) {
        size_t size;
        int32_t c = rune_utf8_decode(text.data, text.length, &size);
        if (c < 0 || !rune_utf8_is_space((uint32_t)c)) {
            break;
        }
        text = (struct rune_str){text.data + size, text.length - size};
    }
    return trim_end(text);
}

/* Finds the next comment in text that is nothing but comments and white space. */
static bool next_comment(struct rune_str *text, struct rune_str *ret_comment)
{
    const char *end = text->data + text->length;
    const char *start = text->length > 0 ? memchr(text->data, '/', text->length) : NULL;
    if (start == NULL) {
        return false;
    }
    const char *stop = start;
    while (stop < end && *stop != '\n' && *stop != '\r') {
        stop++;
    }
    *ret_comment = trim_end((struct rune_str){start, (size_t)(stop - start)});
    *text = (struct rune_str){stop, (size_t)(end - stop)};
    return true;
}

/* ---- tokens ---- */

/* Splits the text between two tokens: its first line belongs to the one before, the rest to the
 * one behind. */
static uint32_t split_gap(const struct rune_source *source, uint32_t start, uint32_t end,
                          struct rune_format_token *before)
{
    const char *text = source->text + start;
    const char *newline = end > start ? memchr(text, '\n', end - start) : NULL;
    struct rune_str line =
        trim((struct rune_str){text, newline != NULL ? (size_t)(newline - text) : end - start});
    before->trailing = (uint32_t)(line.data - source->text);
    before->trailing_length = (uint32_t)line.length;
    return newline != NULL ? (uint32_t)(newline + 1 - source->text) : end;
}

bool rune_format_read_tokens(struct rune_format *format)
{
    struct rune_cedar_lexer lexer;
    struct rune_format_token next = {.leading = 0};
    uint32_t end = 0;
    rune_cedar_lexer_init(&lexer, format->source, RUNE_LEX_POLICY);
    do {
        next.token = rune_cedar_lexer_next(&lexer);
        if (format->tokens.count > 0) {
            struct rune_format_token *before = &format->tokens.items[format->tokens.count - 1];
            next.leading = split_gap(format->source, end, next.token.offset, before);
        }
        end = next.token.offset + next.token.length;
        if (!RUNE_VEC_PUSH(&format->tokens, next)) {
            return false;
        }
    } while (next.token.kind != RUNE_TOKEN_END);
    return true;
}

/* ---- documents ---- */

const struct rune_doc *rune_format_leading(struct rune_format *format,
                                           struct rune_format_token *token)
{
    struct rune_str text = {format->source->text + token->leading,
                            token->token.offset - token->leading};
    struct rune_str comment;
    const struct rune_doc *doc = NULL;
    token->leading = token->token.offset;
    while (next_comment(&text, &comment)) {
        doc = RUNE_DOC_CONCAT(format->arena, doc, &rune_doc_hardline,
                              rune_doc_text(format->arena, comment));
    }
    return doc == NULL ? NULL : rune_doc_pair(format->arena, doc, &rune_doc_hardline);
}

const struct rune_doc *rune_format_trailing(struct rune_format *format,
                                            struct rune_format_token *token,
                                            const struct rune_doc *otherwise)
{
    struct rune_str text = {format->source->text + token->trailing, token->trailing_length};
    if (text.length == 0) {
        return otherwise;
    }
    token->trailing_length = 0;
    return RUNE_DOC_CONCAT(format->arena, &rune_doc_space, rune_doc_text(format->arena, text),
                           &rune_doc_hardline);
}

const struct rune_doc *rune_format_wrap(struct rune_format *format, struct rune_format_token *token,
                                        const struct rune_doc *doc,
                                        const struct rune_doc *otherwise)
{
    const struct rune_doc *leading = rune_format_leading(format, token);
    return RUNE_DOC_CONCAT(format->arena, leading, doc,
                           rune_format_trailing(format, token, otherwise));
}

const struct rune_doc *rune_format_bare(struct rune_format *format,
                                        const struct rune_format_token *token)
{
    struct rune_str text = {format->source->text + token->token.offset, token->token.length};
    return rune_doc_text(format->arena, text);
}

const struct rune_doc *rune_format_token(struct rune_format *format,
                                         const struct rune_doc *otherwise)
{
    struct rune_format_token *token = rune_format_next(format);
    return rune_format_wrap(format, token, rune_format_bare(format, token), otherwise);
}

void rune_format_append_rest(const struct rune_format *format, struct rune_buf *out)
{
    const struct rune_format_token *end = &format->tokens.items[format->tokens.count - 1];
    struct rune_str text = {format->source->text + end->leading,
                            format->source->length - end->leading};
    struct rune_str comment;
    while (next_comment(&text, &comment)) {
        rune_buf_append_str(out, comment);
        rune_buf_append_char(out, '\n');
    }
}

/* ---- empty lines ---- */

/* A comment or a string that begins here; its end, or NULL. */
static const char *skip_literal(const char *p, const char *end)
{
    if (*p == '/' && end - p > 1 && p[1] == '/') {
        while (p < end && *p != '\n' && *p != '\r') {
            p++;
        }
        return p;
    }
    if (*p != '"') {
        return NULL;
    }
    for (p++; p < end && *p != '"'; p++) {
        p += *p == '\\' && p + 1 < end;
    }
    return p < end ? p + 1 : NULL;
}

/* Appends what stands between comments and strings without its empty lines. A line's end at the
 * very beginning ends the line of what is before and stays; one behind blanks does not, and what
 * follows is drawn up: as Cedar's formatter does it, which is what counts here. */
static void append_without_empty_lines(const char *p, const char *end, struct rune_buf *out)
{
    if (p < end && *p == '\n') {
        rune_buf_append_char(out, '\n');
    }
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *stop = newline != NULL ? newline + 1 : end;
        struct rune_str line = {p, (size_t)(stop - p)};
        if (newline == NULL || trim(line).length > 0) {
            rune_buf_append_str(out, line);
        }
        p = stop;
    }
}

void rune_format_append_trimmed(struct rune_str printed, struct rune_buf *scratch,
                                struct rune_buf *out)
{
    const char *end = printed.data + printed.length;
    const char *start = printed.data;
    rune_buf_reset(scratch);
    for (const char *p = start; p < end;) {
        const char *stop = skip_literal(p, end);
        if (stop == NULL) {
            p++;
            continue;
        }
        append_without_empty_lines(start, p, scratch);
        rune_buf_append(scratch, p, (size_t)(stop - p));
        start = p = stop;
    }
    append_without_empty_lines(start, end, scratch);
    rune_buf_append_str(out, trim((struct rune_str){scratch->data, scratch->length}));
    out->failed |= scratch->failed;
}
