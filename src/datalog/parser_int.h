/* SPDX-License-Identifier: Apache-2.0 */
/* parser_int: what the files of the rule parser share: parser.c (clauses),
 * parser_body.c (bodies and literals), parser_expr.c (expressions), parser_operand.c (their
 * operands), parser_text.c (strings, messages, variables). Private to datalog/parser*. */
#pragma once

#include "base/map.h"
#include "datalog/lexer.h"
#include "datalog/parser.h"

RUNE_VEC(rune_vec_dl_expr, struct rune_dl_expr);
RUNE_VEC(rune_vec_dl_literal, struct rune_dl_literal);
RUNE_VEC(rune_vec_dl_body, struct rune_dl_body);
RUNE_VEC(rune_vec_dl_variable, struct rune_dl_variable);
RUNE_VEC(rune_vec_dl_annotation, struct rune_dl_annotation);

/* A variable name of the source: which clause saw it last and its number there. */
struct rune_dl_slot {
    uint32_t clause;
    uint32_t index;
};

RUNE_VEC(rune_vec_dl_slot, struct rune_dl_slot);

#define RUNE_DL_FEW_VARIABLES 32u /* found in a small table of the clause's own */
#define RUNE_DL_PLACES        64u /* of that table; a power of two, and never full */

enum rune_dl_allow {
    RUNE_DL_ALLOW_LIST = 1,     /* a list literal may stand here */
    RUNE_DL_ALLOW_TEST = 2,     /* a method that is a test may stand here */
    RUNE_DL_ALLOW_FUNCTION = 4, /* we are right of `=`: concat and length are functions */
};

struct rune_dl_parser {
    const struct rune_source *source;
    enum rune_dl_dialect dialect;
    struct rune_arena *arena; /* texts, ids and what else outlives the trees */
    struct rune_arena *trees; /* arguments, bodies and variables, clause by clause */
    struct rune_diag *diag;
    struct rune_dl_lexer lexer;
    struct rune_vec_dl_token tokens; /* of the current clause, and what was joined to it */
    uint32_t at;                     /* current token */
    uint32_t depth;                  /* nesting of brackets and operators we are in */
    uint32_t clause;                 /* number of the current clause, from 1 */
    unsigned allow;                  /* LIST and TEST: for the next operand only */
    bool in_glob;                    /* the next string is a glob: it may have `\*` */
    bool nomem;
    bool limit;
    bool reported;         /* the current clause has its message */
    uint32_t has;          /* what the current clause has: RUNE_DL_HAS_ */
    uint32_t errors;       /* clauses with one */
    struct rune_map names; /* variable name -> slot */
    struct rune_vec_dl_slot slots;
    struct rune_vec_dl_variable variables; /* of the current clause */
    /* Of the first of them: length and first bytes of the name, by which they are found, and 1 +
     * their numbers by a hash of that; 0: free. */
    uint64_t variable_keys[RUNE_DL_FEW_VARIABLES];
    uint8_t variable_places[RUNE_DL_PLACES];
    /* Stacks of lists under construction: a list is what was pushed since it began. */
    struct rune_vec_dl_expr exprs;
    struct rune_vec_dl_literal literals;
    struct rune_vec_dl_body bodies;
    struct rune_vec_dl_annotation annotations;
    uint32_t line_offset; /* lines are counted up to here */
    uint32_t line;
    uint32_t last_rule_line;
};

/* Onto a stack; false: out of memory, noted. */
#define RUNE_DL_PUSH(parser, vec, item) \
    (RUNE_VEC_PUSH(vec, item) ? true : ((parser)->nomem = true, false))

/* ---- parser_text.c ---- */

/* INVARIANT: the current token is at most the one behind the last, and `ahead` is less than
 * RUNE_DL_LOOKAHEAD. */
static inline const struct rune_dl_token *rune_dl_peek(const struct rune_dl_parser *parser,
                                                       uint32_t ahead)
{
    return &parser->tokens.items[parser->at + ahead];
}

static inline struct rune_str rune_dl_token_str(const struct rune_dl_parser *parser,
                                                const struct rune_dl_token *token)
{
    return (struct rune_str){parser->source->text + token->offset, token->length};
}

static inline struct rune_span rune_dl_token_span(const struct rune_dl_parser *parser,
                                                  const struct rune_dl_token *token)
{
    return (struct rune_span){parser->source, token->offset, token->length};
}

/* From the first token's beginning to the end of the token before the current one. */
static inline struct rune_dl_place rune_dl_place_since(const struct rune_dl_parser *parser,
                                                       uint32_t first_token)
{
    const struct rune_dl_token *first = &parser->tokens.items[first_token];
    const struct rune_dl_token *last =
        &parser->tokens.items[parser->at > first_token ? parser->at - 1 : first_token];
    return (struct rune_dl_place){first->offset, last->offset + last->length - first->offset};
}

static inline struct rune_span rune_dl_span_since(const struct rune_dl_parser *parser,
                                                  uint32_t first_token)
{
    struct rune_dl_place place = rune_dl_place_since(parser, first_token);
    return (struct rune_span){parser->source, place.offset, place.length};
}

/* The clause's message; the first counts, and a token that the lexer has reported needs none. */
void rune_dl_fail(struct rune_dl_parser *parser, struct rune_span span, const char *code,
                  const char *help, const char *fmt, ...) RUNE_PRINTF(5, 6);
void rune_dl_fail_expected(struct rune_dl_parser *parser, const char *what, const char *help);
void rune_dl_fail_limit(struct rune_dl_parser *parser, struct rune_span span);
/* Consumes a token of that kind; false: reported. */
bool rune_dl_expect(struct rune_dl_parser *parser, enum rune_dl_token_kind kind, const char *what,
                    const char *help);

/* The text of a STRING token, escapes replaced. False: reported. */
bool rune_dl_decode_string(struct rune_dl_parser *parser, const struct rune_dl_token *token,
                           struct rune_str *ret_text);
/* The number of the variable in this clause, UINT32_MAX when memory is out. */
uint32_t rune_dl_variable(struct rune_dl_parser *parser, const struct rune_dl_token *token);
/* The clause's list as an array in the arena; the stack shrinks back. NULL for an empty list or
 * when out of memory. */
struct rune_dl_expr *rune_dl_take_exprs(struct rune_dl_parser *parser, size_t begin,
                                        uint32_t *ret_count);

/* ---- parser_body.c ---- */

/* Conjunctions between semicolons; more than one become a disjunction, the body's only literal.
 * False: reported, or out of memory. */
bool rune_dl_parse_body(struct rune_dl_parser *parser, struct rune_dl_body *ret_body);

/* ---- parser_operand.c ---- */

/* What parses an expression writes it to `ret_expr`, or returns false: it is reported, or memory is
 * out, which is noted. */

/* A node that reaches from that token to the current one. */
static inline struct rune_dl_expr rune_dl_node(const struct rune_dl_parser *parser,
                                               enum rune_dl_expr_kind kind, uint32_t first_token)
{
    return (struct rune_dl_expr){
        .kind = kind, .depth = 1, .place = rune_dl_place_since(parser, first_token)};
}

/* Sets the node's depth, known from its arguments. False: too deep, reported. */
bool rune_dl_set_depth(struct rune_dl_parser *parser, struct rune_dl_expr *expr);
/* Whether a call has the arguments that its function takes; false: reported. */
bool rune_dl_check_arity(struct rune_dl_parser *parser, const struct rune_dl_expr *call);
/* An operand without suffixes. */
bool rune_dl_parse_operand(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr);
/* A number token, maybe behind a minus, which is the token `first` then. */
bool rune_dl_parse_integer(struct rune_dl_parser *parser, uint32_t first, bool is_negative,
                           struct rune_dl_expr *ret_expr);
bool rune_dl_parse_float(struct rune_dl_parser *parser, uint32_t first, bool is_negative,
                         struct rune_dl_expr *ret_expr);
/* `(a, b)` or `()` from its parenthesis on; NULL for none. False: reported. */
bool rune_dl_parse_args(struct rune_dl_parser *parser, struct rune_dl_expr **ret_args,
                        uint32_t *ret_count);
/* `A::B`, the current token its first part. False: reported. */
bool rune_dl_parse_type(struct rune_dl_parser *parser, struct rune_str *ret_type);

/* ---- parser_expr.c ---- */

/* One more level of nesting; false: reported. Pairs with parser->depth--. */
bool rune_dl_enter(struct rune_dl_parser *parser);
bool rune_dl_parse_expr(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr);
bool rune_dl_is_test(const struct rune_dl_expr *expr);
/* An operator, so that what stands before it is an expression and no atom. */
bool rune_dl_is_operator(const struct rune_dl_parser *parser, const struct rune_dl_token *token);
bool rune_dl_find_aggregate(struct rune_str name, enum rune_dl_aggregate *ret_aggregate);
