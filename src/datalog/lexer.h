/* SPDX-License-Identifier: Apache-2.0 */
/* lexer: rule text -> tokens, a clause at a time, so that the parser may look ahead and jump over
 * brackets for nothing, and a long text needs no more memory than its longest clause.
 *
 * Owns: scratch for pairing brackets; the tokens (heap) are the caller's. Does not know: grammar,
 * but for this: a dot that no lower-case letter follows ends a clause. Both dialects share the
 * tokens; names take dots and numbers take fractions in bundles only. Used by: datalog/parser. */
#pragma once

#include <stdint.h>

#include "base/diag.h"
#include "base/vec.h"
#include "datalog/ast.h"
#include "datalog/parser.h"
#include "rune/err.h"

enum RUNE_DL_SMALL rune_dl_token_kind {
    RUNE_DL_TOKEN_END, /* the end of the text */
    RUNE_DL_TOKEN_INVALID,
    RUNE_DL_TOKEN_VARIABLE,
    RUNE_DL_TOKEN_NAME, /* a name, or one of enum rune_dl_word */
    RUNE_DL_TOKEN_INTEGER,
    RUNE_DL_TOKEN_FLOAT,
    RUNE_DL_TOKEN_STRING,
    RUNE_DL_TOKEN_LPAREN,
    RUNE_DL_TOKEN_RPAREN,
    RUNE_DL_TOKEN_LBRACKET,
    RUNE_DL_TOKEN_RBRACKET,
    RUNE_DL_TOKEN_LBRACE,
    RUNE_DL_TOKEN_RBRACE,
    RUNE_DL_TOKEN_COMMA,
    RUNE_DL_TOKEN_SEMICOLON,
    RUNE_DL_TOKEN_DOT,
    RUNE_DL_TOKEN_TURNSTILE, /* :- */
    RUNE_DL_TOKEN_COLON,
    RUNE_DL_TOKEN_PATH, /* :: */
    RUNE_DL_TOKEN_EQ,
    RUNE_DL_TOKEN_NE,
    RUNE_DL_TOKEN_LT,
    RUNE_DL_TOKEN_LE,
    RUNE_DL_TOKEN_GT,
    RUNE_DL_TOKEN_GE,
    RUNE_DL_TOKEN_PLUS,
    RUNE_DL_TOKEN_MINUS,
    RUNE_DL_TOKEN_STAR,
    RUNE_DL_TOKEN_SLASH,
    RUNE_DL_TOKEN_BANG,
    RUNE_DL_TOKEN_AT,
    RUNE_DL_TOKEN_QUERY, /* ?- */
};

/* NAMEs that may mean something else than a name. */
enum RUNE_DL_SMALL rune_dl_word {
    RUNE_DL_WORD_OTHER,
    RUNE_DL_WORD_NOT,
    RUNE_DL_WORD_MOD,
    RUNE_DL_WORD_IN,
    RUNE_DL_WORD_IS,
    RUNE_DL_WORD_TRUE,
    RUNE_DL_WORD_FALSE,
};

struct rune_dl_token {
    enum rune_dl_token_kind kind;
    enum rune_dl_word word;
    uint32_t offset;
    uint32_t length;
    uint32_t match; /* of an opening bracket: index of its closing one, or UINT32_MAX. DOT: 1 if a
                       lower-case letter follows directly, so that it may begin a method */
};

RUNE_VEC(rune_vec_dl_token, struct rune_dl_token);

/* How many copies of the last token stand behind it, so that a parser looks ahead without counting.
 */
#define RUNE_DL_LOOKAHEAD 3

struct rune_dl_lexer {
    const struct rune_source *source;
    enum rune_dl_dialect dialect;
    struct rune_diag *diag;
    uint32_t at;
    uint32_t invalid;         /* tokens and places reported so far */
    struct rune_vec_u32 open; /* brackets, while they are paired */
};

/* Ready to lex from the beginning; text that is no UTF-8 is reported. */
void rune_dl_lexer_init(struct rune_dl_lexer *lexer, const struct rune_source *source,
                        enum rune_dl_dialect dialect, struct rune_diag *diag);
void rune_dl_lexer_fini(struct rune_dl_lexer *lexer);

/* Adds the tokens up to and with the next dot that ends a clause, or to the END. Wrong characters
 * and strings without end are reported and stand as INVALID. Behind the last token are
 * RUNE_DL_LOOKAHEAD copies of it, not counted. RUNE_E_NOMEM. Cost: linear. */
RUNE_MUST_USE enum rune_err rune_dl_lex_clause(struct rune_dl_lexer *lexer,
                                               struct rune_vec_dl_token *tokens);
