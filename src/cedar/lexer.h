/* SPDX-License-Identifier: Apache-2.0 */
/* lexer: Cedar text -> tokens, one at a time, for policies and for schemas.
 *
 * Owns: nothing; a token is a place in the text. Knows: white space (Unicode's), `//` comments,
 * words. Does not know: what is reserved where; escapes (cedar/unescape). Never fails: what is no
 * token is INVALID with the reason. Used by: parser, schema parser, formatter. Thread: one a lexer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/str.h"

enum rune_cedar_token_kind {
#define RUNE_TOKEN(name, text) RUNE_TOKEN_##name,
#include "cedar/tokens.def"
#undef RUNE_TOKEN
};

/* Words with a meaning somewhere. ORDER: the first ten, to CEDAR, are reserved as identifiers. */
enum rune_cedar_word {
    RUNE_WORD_TRUE,
    RUNE_WORD_FALSE,
    RUNE_WORD_IF,
    RUNE_WORD_THEN,
    RUNE_WORD_ELSE,
    RUNE_WORD_IN,
    RUNE_WORD_IS,
    RUNE_WORD_LIKE,
    RUNE_WORD_HAS,
    RUNE_WORD_CEDAR, /* __cedar */
    RUNE_WORD_PRINCIPAL,
    RUNE_WORD_ACTION,
    RUNE_WORD_RESOURCE,
    RUNE_WORD_CONTEXT,
    RUNE_WORD_PERMIT,
    RUNE_WORD_FORBID,
    RUNE_WORD_WHEN,
    RUNE_WORD_UNLESS,
    RUNE_WORD_NONE,
};

enum rune_cedar_token_flaw {
    RUNE_FLAW_NONE,
    RUNE_FLAW_CHARACTER, /* no token begins so */
    RUNE_FLAW_STRING,    /* the string has no end */
    RUNE_FLAW_AND,       /* a single & */
    RUNE_FLAW_OR,        /* a single | */
    RUNE_FLAW_QUOTE,     /* ' for " */
    RUNE_FLAW_COMMENT,   /* a block comment */
    RUNE_FLAW_NEWLINE,   /* a backslash before a line's end in a string */
};

struct rune_cedar_token {
    uint8_t kind;    /* enum rune_cedar_token_kind */
    uint8_t word;    /* IDENT: enum rune_cedar_word */
    uint8_t flaw;    /* INVALID: enum rune_cedar_token_flaw */
    uint8_t escaped; /* STRING: has a backslash or a carriage return, so it must be unescaped */
    uint32_t offset;
    uint32_t length;
};

enum rune_cedar_lexer_mode {
    RUNE_LEX_POLICY, /* ?principal is one token */
    RUNE_LEX_SCHEMA, /* ? is a token */
};

struct rune_cedar_lexer {
    const struct rune_source *source;
    const char *cursor;
    const char *end;
    enum rune_cedar_lexer_mode mode;
};

void rune_cedar_lexer_init(struct rune_cedar_lexer *lexer, const struct rune_source *source,
                           enum rune_cedar_lexer_mode mode);

/* The next token; END for ever at the end. Cost: O(its length and the white space before it). */
struct rune_cedar_token rune_cedar_lexer_next(struct rune_cedar_lexer *lexer);

/* How a message names this kind of token: "`;`". Static. */
const char *rune_cedar_token_text(enum rune_cedar_token_kind kind);

/* Which word a text is. */
enum rune_cedar_word rune_cedar_word_find(struct rune_str text);

static inline bool rune_cedar_word_is_reserved(enum rune_cedar_word word)
{
    return word <= RUNE_WORD_CEDAR;
}

/* True for a text that is one identifier token, reserved or not. */
bool rune_cedar_is_ident(struct rune_str text);

/* True for identifiers joined by `::` without spaces, none reserved: a name in normalized spelling.
 */
bool rune_cedar_is_name(struct rune_str text);

static inline struct rune_str rune_cedar_token_str(const struct rune_cedar_lexer *lexer,
                                                   struct rune_cedar_token token)
{
    return (struct rune_str){lexer->source->text + token.offset, token.length};
}

/* Reports an INVALID token: what is wrong with it and what to write instead. */
void rune_cedar_token_report(const struct rune_cedar_lexer *lexer, struct rune_cedar_token token,
                             struct rune_diag *diag);
