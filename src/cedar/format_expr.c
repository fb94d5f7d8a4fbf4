/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions as documents. What is a group, and where lines may end, is as in Cedar's formatter: a
 * chain of && or || shares the fate of what it stands in; an arithmetic chain, parentheses and a
 * chain of members have fates of their own. */
#include <string.h>

#include "cedar/format_int.h"

#define FORMAT_MAX_NESTING 2000u /* above what the parser lets through */

/* Operands joined by operators: `a OP b`, with a line's end possible behind OP. */
static const struct rune_doc *format_item(struct rune_format *format, const struct rune_doc *before,
                                          bool line_behind)
{
    struct rune_arena *arena = format->arena;
    const struct rune_doc *op =
        line_behind ? rune_format_token(format, &rune_doc_line) : rune_format_token(format, NULL);
    return RUNE_DOC_CONCAT(arena, before, &rune_doc_space, op);
}

/* Items up to the bracket that closes, commas between; a last comma goes, with its comments. */
static const struct rune_doc *format_list(struct rune_format *format,
                                          enum rune_cedar_token_kind close,
                                          const struct rune_doc *(*item)(struct rune_format *))
{
    const struct rune_doc *doc = NULL;
    while (!rune_format_at(format, close) && !rune_format_at(format, RUNE_TOKEN_END) &&
           format->err == RUNE_OK) {
        doc = rune_doc_pair(format->arena, doc, item(format));
        if (!rune_format_at(format, RUNE_TOKEN_COMMA)) {
            break;
        }
        struct rune_format_token *comma = rune_format_next(format);
        if (!rune_format_at(format, close)) {
            doc = RUNE_DOC_CONCAT(
                format->arena, doc,
                rune_format_wrap(format, comma, rune_format_bare(format, comma), NULL),
                &rune_doc_line);
        }
    }
    return doc;
}

/* ---- primaries ---- */

static const struct rune_doc *format_record_item(struct rune_format *format)
{
    bool is_name = format->tokens.items[format->at + 1].token.kind == RUNE_TOKEN_COLON;
    const struct rune_doc *key =
        is_name ? rune_format_token(format, NULL) : rune_format_expr(format);
    const struct rune_doc *colon = rune_format_token(format, NULL);
    return RUNE_DOC_CONCAT(format->arena, key, colon, &rune_doc_space, rune_format_expr(format));
}

static const struct rune_doc *format_bracket(struct rune_format *format)
{
    struct rune_arena *arena = format->arena;
    enum rune_cedar_token_kind kind =
        (enum rune_cedar_token_kind)rune_format_peek(format)->token.kind;
    const struct rune_doc *open = rune_format_token(format, NULL);
    const struct rune_doc *inner;
    uint32_t indent = 1; /* behind the bracket, in line with the first item */
    if (kind == RUNE_TOKEN_LPAREN) {
        inner = rune_format_expr(format);
    } else if (kind == RUNE_TOKEN_LBRACKET) {
        inner = format_list(format, RUNE_TOKEN_RBRACKET, rune_format_expr);
    } else {
        inner = format_list(format, RUNE_TOKEN_RBRACE, format_record_item);
        if (inner != NULL) {
            inner = rune_doc_group(arena,
                                   RUNE_DOC_CONCAT(arena, &rune_doc_line, inner, &rune_doc_line));
        }
        indent = RUNE_FORMAT_INDENT;
    }
    const struct rune_doc *doc = RUNE_DOC_CONCAT(arena, open, rune_doc_nest(arena, indent, inner),
                                                 rune_format_token(format, NULL));
    return kind == RUNE_TOKEN_LPAREN ? rune_doc_group(arena, doc) : doc;
}

/* `A::B::"id"`, or a name alone. */
static const struct rune_doc *format_name(struct rune_format *format)
{
    const struct rune_doc *doc = rune_format_token(format, NULL);
    while (rune_format_at(format, RUNE_TOKEN_PATH)) {
        const struct rune_doc *path = rune_format_token(format, NULL);
        doc = RUNE_DOC_CONCAT(format->arena, doc, path, rune_format_token(format, NULL));
    }
    return doc;
}

/* A number without the zeros before it. */
static const struct rune_doc *format_number(struct rune_format *format)
{
    struct rune_format_token *token = rune_format_next(format);
    struct rune_str text = {format->source->text + token->token.offset, token->token.length};
    while (text.length > 1 && text.data[0] == '0') {
        text = (struct rune_str){text.data + 1, text.length - 1};
    }
    return rune_format_wrap(format, token, rune_doc_text(format->arena, text), NULL);
}

static const struct rune_doc *format_primary(struct rune_format *format)
{
    switch ((enum rune_cedar_token_kind)rune_format_peek(format)->token.kind) {
    case RUNE_TOKEN_LPAREN:
    case RUNE_TOKEN_LBRACKET:
    case RUNE_TOKEN_LBRACE:
        return format_bracket(format);
    case RUNE_TOKEN_NUMBER:
        return format_number(format);
    case RUNE_TOKEN_IDENT:
        return format_name(format);
    default:
        return rune_format_token(format, NULL); /* a string or a slot */
    }
}

/* ---- members ---- */

static const struct rune_doc *format_call(struct rune_format *format)
{
    struct rune_arena *arena = format->arena;
    const struct rune_doc *open = rune_format_token(format, NULL);
    const struct rune_doc *inner = format_list(format, RUNE_TOKEN_RPAREN, rune_format_expr);
    if (inner != NULL) {
        inner =
            rune_doc_nest(arena, RUNE_FORMAT_INDENT, rune_doc_pair(arena, &rune_doc_break, inner));
        inner = rune_doc_pair(arena, inner, &rune_doc_break);
    }
    return RUNE_DOC_CONCAT(arena, open, inner, rune_format_token(format, NULL));
}

static const struct rune_doc *format_access(struct rune_format *format)
{
    struct rune_arena *arena = format->arena;
    if (rune_format_at(format, RUNE_TOKEN_LPAREN)) {
        return format_call(format);
    }
    bool is_field = rune_format_at(format, RUNE_TOKEN_DOT);
    const struct rune_doc *open = rune_format_token(format, NULL);
    if (is_field) {
        return rune_doc_pair(arena, open, rune_format_token(format, NULL));
    }
    const struct rune_doc *index = rune_format_expr(format);
    return RUNE_DOC_CONCAT(arena, open, index, rune_format_token(format, NULL));
}

static bool at_access(struct rune_format *format)
{
    return rune_format_at(format, RUNE_TOKEN_DOT) || rune_format_at(format, RUNE_TOKEN_LPAREN) ||
           rune_format_at(format, RUNE_TOKEN_LBRACKET);
}

static const struct rune_doc *format_member(struct rune_format *format)
{
    struct rune_arena *arena = format->arena;
    const struct rune_doc *object = format_primary(format);
    const struct rune_doc *accesses = NULL;
    while (at_access(format) && format->err == RUNE_OK) {
        bool may_break = accesses != NULL && !rune_format_at(format, RUNE_TOKEN_LPAREN);
        accesses = RUNE_DOC_CONCAT(arena, accesses, may_break ? &rune_doc_break : NULL,
                                   format_access(format));
    }
    accesses = rune_doc_nest(arena, RUNE_FORMAT_INDENT, accesses);
    return rune_doc_group(arena, rune_doc_pair(arena, object, accesses));
}

/* ---- operators ---- */

static const struct rune_doc *format_unary(struct rune_format *format)
{
    const struct rune_doc *doc = NULL;
    while (rune_format_at(format, RUNE_TOKEN_BANG) || rune_format_at(format, RUNE_TOKEN_MINUS)) {
        doc = rune_doc_pair(format->arena, doc, rune_format_token(format, NULL));
    }
    return rune_doc_pair(format->arena, doc, format_member(format));
}

static const struct rune_doc *format_mult(struct rune_format *format)
{
    const struct rune_doc *doc = format_unary(format);
    bool is_chain = rune_format_at(format, RUNE_TOKEN_STAR);
    while (rune_format_at(format, RUNE_TOKEN_STAR)) {
        doc = rune_doc_pair(format->arena, format_item(format, doc, false), &rune_doc_line);
        doc = rune_doc_pair(format->arena, doc, format_unary(format));
    }
    return is_chain ? rune_doc_group(format->arena, doc) : doc;
}

static bool at_add(struct rune_format *format)
{
    return rune_format_at(format, RUNE_TOKEN_PLUS) || rune_format_at(format, RUNE_TOKEN_MINUS);
}

const struct rune_doc *rune_format_add(struct rune_format *format)
{
    const struct rune_doc *doc = format_mult(format);
    bool is_chain = at_add(format);
    while (at_add(format)) {
        doc = rune_doc_pair(format->arena, format_item(format, doc, false), &rune_doc_line);
        doc = rune_doc_pair(format->arena, doc, format_mult(format));
    }
    return is_chain ? rune_doc_group(format->arena, doc) : doc;
}

/* `x has y`, `x like y`. */
static const struct rune_doc *format_test(struct rune_format *format, const struct rune_doc *left)
{
    struct rune_arena *arena = format->arena;
    const struct rune_doc *word = rune_format_token(format, NULL);
    const struct rune_doc *right =
        rune_doc_nest(arena, RUNE_FORMAT_INDENT, rune_format_add(format));
    return rune_doc_group(
        arena, RUNE_DOC_CONCAT(arena, left, &rune_doc_line, word, &rune_doc_line, right));
}

/* `x is T`, `x is T in y`. */
static const struct rune_doc *format_is(struct rune_format *format, const struct rune_doc *left)
{
    struct rune_arena *arena = format->arena;
    const struct rune_doc *doc =
        rune_doc_pair(arena, format_item(format, left, false), &rune_doc_space);
    doc = rune_doc_pair(arena, doc,
                        rune_doc_nest(arena, RUNE_FORMAT_INDENT, rune_format_add(format)));
    if (rune_format_at_word(format, RUNE_WORD_IN)) {
        doc = RUNE_DOC_CONCAT(arena, doc, &rune_doc_line, rune_format_token(format, NULL),
                              &rune_doc_space);
        doc = rune_doc_pair(arena, doc,
                            rune_doc_nest(arena, RUNE_FORMAT_INDENT, rune_format_add(format)));
    }
    return rune_doc_group(arena, doc);
}

static bool at_comparison(struct rune_format *format)
{
    enum rune_cedar_token_kind kind =
        (enum rune_cedar_token_kind)rune_format_peek(format)->token.kind;
    return (kind >= RUNE_TOKEN_EQ && kind <= RUNE_TOKEN_GE) ||
           rune_format_at_word(format, RUNE_WORD_IN);
}

static const struct rune_doc *format_relation(struct rune_format *format)
{
    const struct rune_doc *left = rune_format_add(format);
    if (at_comparison(format)) {
        left = rune_doc_pair(format->arena, format_item(format, left, false), &rune_doc_space);
        return rune_doc_pair(format->arena, left, rune_format_add(format));
    }
    if (rune_format_at_word(format, RUNE_WORD_HAS) || rune_format_at_word(format, RUNE_WORD_LIKE)) {
        return format_test(format, left);
    }
    return rune_format_at_word(format, RUNE_WORD_IS) ? format_is(format, left) : left;
}

static const struct rune_doc *format_and(struct rune_format *format)
{
    const struct rune_doc *doc = format_relation(format);
    while (rune_format_at(format, RUNE_TOKEN_AND)) {
        doc = format_item(format, doc, true);
        doc = rune_doc_pair(format->arena, doc, format_relation(format));
    }
    return doc;
}

static const struct rune_doc *format_or(struct rune_format *format)
{
    const struct rune_doc *doc = format_and(format);
    while (rune_format_at(format, RUNE_TOKEN_OR)) {
        doc = format_item(format, doc, true);
        doc = rune_doc_pair(format->arena, doc, format_and(format));
    }
    return doc;
}

/* `if x`, `then x`, `else x`. */
static const struct rune_doc *format_branch(struct rune_format *format)
{
    struct rune_arena *arena = format->arena;
    const struct rune_doc *word = rune_format_token(format, NULL);
    const struct rune_doc *body = rune_doc_pair(arena, &rune_doc_line, rune_format_expr(format));
    return rune_doc_pair(arena, word, rune_doc_nest(arena, RUNE_FORMAT_INDENT, body));
}

static const struct rune_doc *format_if(struct rune_format *format)
{
    struct rune_arena *arena = format->arena;
    const struct rune_doc *doc = format_branch(format);
    doc = rune_doc_pair(arena, doc, &rune_doc_line);
    doc = rune_doc_pair(arena, doc, format_branch(format));
    doc = rune_doc_pair(arena, doc, &rune_doc_line);
    doc = rune_doc_pair(arena, doc, format_branch(format));
    return rune_doc_group(arena, doc);
}

const struct rune_doc *rune_format_expr(struct rune_format *format)
{
    if (format->nesting == FORMAT_MAX_NESTING || format->err != RUNE_OK) {
        format->err = format->err != RUNE_OK ? format->err : RUNE_E_LIMIT;
        return NULL;
    }
    format->nesting++;
    const struct rune_doc *doc =
        rune_format_at_word(format, RUNE_WORD_IF) ? format_if(format) : format_or(format);
    format->nesting--;
    return doc;
}
