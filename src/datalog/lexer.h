/* SPDX-License-Identifier: Apache-2.0 */
/* lexer: rule text -> tokens, all at once, so that the parser may look ahead and jump over brackets
 * for nothing.
 *
 * Owns: the tokens (heap). Does not know: grammar. Both dialects share the tokens; names take dots
 * and numbers take fractions in bundles only. Used by: datalog/parser. */
#pragma once

#include <stdint.h>

#include "base/diag.h"
#include "base/vec.h"
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

enum rune_dl_token_kind {
#define RUNE_DL_TOKEN(name, text) RUNE_DL_TOKEN_##name,
    RUNE_DL_TOKENS(RUNE_DL_TOKEN)
#undef RUNE_DL_TOKEN
};

struct rune_dl_token {
    enum rune_dl_token_kind kind;
    uint32_t offset;
    uint32_t length;
    uint32_t match; /* of an opening bracket: index of its closing one, or UINT32_MAX. DOT: 1 if a
                       lower-case letter follows directly, so that it may begin a method */
};

RUNE_VEC(rune_vec_dl_token, struct rune_dl_token);

/* Adds the tokens of the source, an END last. Wrong characters and strings without end are reported
 * and stand as INVALID; *ret_invalid counts them. RUNE_E_NOMEM. Cost: linear. */
RUNE_MUST_USE enum rune_err rune_dl_lex(const struct rune_source *source,
                                        enum rune_dl_dialect dialect,
                                        struct rune_vec_dl_token *tokens, uint32_t *ret_invalid,
                                        struct rune_diag *diag);

const char *rune_dl_token_text(enum rune_dl_token_kind kind);
