/* SPDX-License-Identifier: Apache-2.0 */
/* format_int: what the files of the formatter share. Private to cedar/format*.c.
 *
 * The text has been parsed before, so that here its tokens are read without asking whether they
 * are allowed. Each token carries the comments around it; who prints the token takes them, once. */
#pragma once

#include "base/vec.h"
#include "cedar/doc.h"
#include "cedar/lexer.h"

#define RUNE_FORMAT_INDENT 2u
#define RUNE_FORMAT_WIDTH  80u

/* A token with the text around it: from the end of the last one's line (leading), and on its own
 * line (trailing). */
struct rune_format_token {
    struct rune_cedar_token token;
    uint32_t leading;         /* offset; ends at the token. Comments on lines of their own */
    uint32_t trailing;        /* offset of the comment behind */
    uint32_t trailing_length; /* 0: none */
};

RUNE_VEC(rune_vec_format_token, struct rune_format_token);

struct rune_format {
    const struct rune_source *source;
    struct rune_vec_format_token tokens; /* the last is END */
    size_t at;                           /* the token to be printed next */
    struct rune_arena *arena;            /* of documents: one policy's */
    uint32_t nesting;
    enum rune_err err;
};

static inline struct rune_format_token *rune_format_peek(struct rune_format *format)
{
    return &format->tokens.items[format->at];
}

static inline bool rune_format_at(struct rune_format *format, enum rune_cedar_token_kind kind)
{
    return rune_format_peek(format)->token.kind == kind;
}

static inline bool rune_format_at_word(struct rune_format *format, enum rune_cedar_word word)
{
    return rune_format_at(format, RUNE_TOKEN_IDENT) && rune_format_peek(format)->token.word == word;
}

/* The current token; END is never left behind. */
static inline struct rune_format_token *rune_format_next(struct rune_format *format)
{
    struct rune_format_token *token = rune_format_peek(format);
    format->at += token->token.kind != RUNE_TOKEN_END;
    return token;
}

/* ---- format_comment.c ---- */

/* All tokens of the source into format->tokens. False: out of memory. */
bool rune_format_read_tokens(struct rune_format *format);

/* Comments on lines of their own before a token, each with its line's end; NULL: none. */
const struct rune_doc *rune_format_leading(struct rune_format *format,
                                           struct rune_format_token *token);

/* The comment behind a token and the line's end; `otherwise` if there is none. */
const struct rune_doc *rune_format_trailing(struct rune_format *format,
                                            struct rune_format_token *token,
                                            const struct rune_doc *otherwise);

/* Both around a document. */
const struct rune_doc *rune_format_wrap(struct rune_format *format, struct rune_format_token *token,
                                        const struct rune_doc *doc,
                                        const struct rune_doc *otherwise);

/* The token's text as it is. */
const struct rune_doc *rune_format_bare(struct rune_format *format,
                                        const struct rune_format_token *token);

/* The next token with its comments. */
const struct rune_doc *rune_format_token(struct rune_format *format,
                                         const struct rune_doc *otherwise);

/* Appends the comments after the last token's line, a line each. */
void rune_format_append_rest(const struct rune_format *format, struct rune_buf *out);

/* Appends a policy as printed, without its empty lines and without space around it. */
void rune_format_append_trimmed(struct rune_str printed, struct rune_buf *scratch,
                                struct rune_buf *out);

/* ---- format_expr.c ---- */

const struct rune_doc *rune_format_expr(struct rune_format *format);
/* An operand of a relation, as after `is`. */
const struct rune_doc *rune_format_add(struct rune_format *format);
