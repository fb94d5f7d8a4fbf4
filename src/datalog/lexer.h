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

/* RUNE_DL_TOKEN(NAME, "how messages call it") */
#define RUNE_DL_TOKENS(X)          \
    X(END, "the end of the text")  \
    X(INVALID, "an invalid token") \
    X(VARIABLE, "a variable")      \
    X(NAME, "a name")              \
    X(INTEGER, "an integer")       \
    X(FLOAT, "a float")            \
    X(STRING, "a string")          \
    X(LPAREN, "`(`")               \
    X(RPAREN, "`)`")               \
    X(LBRACKET, "`[`")             \
    X(RBRACKET, "`]`")             \
    X(LBRACE, "`{`")               \
    X(RBRACE, "`}`")               \
    X(COMMA, "`,`")                \
    X(SEMICOLON, "`;`")            \
    X(DOT, "`.`")                  \
    X(TURNSTILE, "`:-`")           \
    X(COLON, "`:`")                \
    X(PATH, "`::`")                \
    X(EQ, "`=`")                   \
    X(NE, "`!=`")                  \
    X(LT, "`<`")                   \
    X(LE, "`<=`")                  \
    X(GT, "`>`")                   \
    X(GE, "`>=`")                  \
    X(PLUS, "`+`")                 \
    X(MINUS, "`-`")                \
    X(STAR, "`*`")                 \
    X(SLASH, "`/`")                \
    X(BANG, "`!`")                 \
    X(AT, "`@`")                   \
    X(QUERY, "`?-`")

enum RUNE_DL_SMALL rune_dl_token_kind {
#define RUNE_DL_TOKEN(name, text) RUNE_DL_TOKEN_##name,
    RUNE_DL_TOKENS(RUNE_DL_TOKEN)
#undef RUNE_DL_TOKEN
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

const char *rune_dl_token_text(enum rune_dl_token_kind kind);
