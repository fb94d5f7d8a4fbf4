/* SPDX-License-Identifier: Apache-2.0 */
/* parser_int: what the files that read Cedar's texts share: policies (parser.c, parse_*.c) and
 * schemas (schema_parse*.c). parse_cursor.c moves along the text; on it stand names, annotations,
 * scopes and expressions, each in a file of its own. Private to them.
 *
 * Two kinds of mistakes. After a mistake of grammar the parser no longer knows where it is:
 * functions return false or NULL up to the policy, which is skipped to its end. A mistake of
 * meaning (an unknown method, a reserved name) is reported and parsing goes on: the tree has a
 * stand-in there and is thrown away at the end. */
#pragma once

#include "base/vec.h"
#include "cedar/lexer.h"
#include "cedar/parser.h"

RUNE_VEC(rune_vec_expr, struct rune_cedar_expr *);
RUNE_VEC(rune_vec_str, struct rune_str);

struct rune_cedar_parser {
    struct rune_cedar_lexer lexer;
    struct rune_cedar_token token; /* the current one */
    uint32_t last_end;             /* where the one before ended */
    struct rune_arena *arena;
    struct rune_diag *diag;
    struct rune_vec_expr exprs; /* stacks of lists being read: elements, arguments */
    struct rune_vec_str names;  /* and names: record keys, paths */
    uint32_t nesting;
    uint32_t errors;
    enum rune_err fatal; /* RUNE_E_NOMEM: give up; else RUNE_OK */
    bool limit;          /* a limit was met: the result is RUNE_E_LIMIT */
};

#define RUNE_CEDAR_MAX_NESTING 1000u /* LIMIT: brackets, calls and `if` within each other */

/* ---- parse_cursor.c ---- */

/* At the first token of a source. RUNE_E_SYNTAX (reported: the text is not UTF-8), RUNE_E_NOMEM;
 * then there is nothing to finish. */
RUNE_MUST_USE enum rune_err rune_cedar_parser_init(struct rune_cedar_parser *parser,
                                                   const struct rune_source *source,
                                                   enum rune_cedar_lexer_mode mode,
                                                   struct rune_arena *arena,
                                                   struct rune_diag *diag);
void rune_cedar_parser_fini(struct rune_cedar_parser *parser);
/* What the whole parse returns: RUNE_E_NOMEM, RUNE_E_LIMIT, RUNE_E_SYNTAX or RUNE_OK. */
enum rune_err rune_cedar_parser_result(const struct rune_cedar_parser *parser);

static inline void rune_cedar_advance(struct rune_cedar_parser *parser)
{
    parser->last_end = parser->token.offset + parser->token.length;
    parser->token = rune_cedar_lexer_next(&parser->lexer);
}

/* Span from an offset to the end of the last token read. */
static inline struct rune_span rune_cedar_span_from(const struct rune_cedar_parser *parser,
                                                    uint32_t start)
{
    uint32_t end = parser->last_end > start ? parser->last_end : start;
    return (struct rune_span){parser->lexer.source, start, end - start};
}

/* Of the current token. */
struct rune_span rune_cedar_token_span(const struct rune_cedar_parser *parser);

/* Reports at a span; counts. */
void rune_cedar_error(struct rune_cedar_parser *parser, const char *code, struct rune_span span,
                      const char *help, const char *fmt, ...) RUNE_PRINTF(5, 6);
/* Reports the current token as not what was expected (or what is wrong with it, if it is no token
 * at all). */
void rune_cedar_expected(struct rune_cedar_parser *parser, const char *what, const char *help);
/* Out of memory: everything ends. Always false. */
bool rune_cedar_nomem(struct rune_cedar_parser *parser);
/* Copies a list into the arena; `ret_items` is the address of a pointer to its elements, which
 * becomes NULL for an empty list. */
bool rune_cedar_keep(struct rune_cedar_parser *parser, const void *items, size_t count, size_t size,
                     void *ret_items);

static inline bool rune_cedar_at(const struct rune_cedar_parser *parser,
                                 enum rune_cedar_token_kind kind)
{
    return parser->token.kind == kind;
}

static inline bool rune_cedar_at_word(const struct rune_cedar_parser *parser,
                                      enum rune_cedar_word word)
{
    return parser->token.word == word && parser->token.kind == RUNE_TOKEN_IDENT;
}

static inline bool rune_cedar_accept(struct rune_cedar_parser *parser,
                                     enum rune_cedar_token_kind kind)
{
    if (parser->token.kind != kind) {
        return false;
    }
    rune_cedar_advance(parser);
    return true;
}

/* Accepts, or reports that `kind` was expected. */
bool rune_cedar_expect(struct rune_cedar_parser *parser, enum rune_cedar_token_kind kind,
                       const char *help);

/* A closing bracket; `open` is the place of its partner, which the message shows. */
bool rune_cedar_expect_close(struct rune_cedar_parser *parser, enum rune_cedar_token_kind kind,
                             uint32_t open);

struct rune_str rune_cedar_text(const struct rune_cedar_parser *parser,
                                struct rune_cedar_token token);

/* ---- parse_name.c ---- */

/* A string token's text. False: not a string, or no memory; flaws in escapes are reported and give
 * "". */
bool rune_cedar_read_string(struct rune_cedar_parser *parser, struct rune_str *ret_text);

/* An identifier that is not reserved; a reserved one is reported and read. False if there is none.
 * `what` names what it is for: "an attribute name". */
bool rune_cedar_read_ident(struct rune_cedar_parser *parser, const char *what,
                           struct rune_str *ret_name);

/* `A::B::C`, or an entity `A::B::"id"`. */
enum rune_cedar_name_kind { RUNE_CEDAR_NAME, RUNE_CEDAR_UID };

struct rune_cedar_name {
    enum rune_cedar_name_kind kind;
    bool is_qualified;
    enum rune_cedar_word word; /* of an unqualified name */
    struct rune_cedar_uid uid; /* type: the name */
    struct rune_span span;
};

bool rune_cedar_read_name(struct rune_cedar_parser *parser, struct rune_cedar_name *ret_name);
/* After `is`: a type's name and nothing else. */
bool rune_cedar_read_type(struct rune_cedar_parser *parser, struct rune_str *ret_name);

/* ---- parse_annotation.c ---- */

/* All annotations that stand here, at most 1000; none is fine. */
bool rune_cedar_read_annotations(struct rune_cedar_parser *parser,
                                 const struct rune_cedar_annotation **ret_items,
                                 uint32_t *ret_count);

/* ---- parse_scope.c ---- */

/* `(principal .., action .., resource ..)` of a policy, and which slots it has. */
bool rune_cedar_read_scope(struct rune_cedar_parser *parser, struct rune_cedar_policy *policy);

/* ---- parse_expr.c ---- */

/* Any expression. NULL: a mistake of grammar, or no memory. */

struct rune_cedar_expr *rune_cedar_read_expr(struct rune_cedar_parser *parser);
