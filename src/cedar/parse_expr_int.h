/* SPDX-License-Identifier: Apache-2.0 */
/* parse_expr_int: what the four files that read expressions share: parse_node.c (making nodes),
 * parse_primary.c (literals, names, sets, records), parse_member.c (attributes, methods, calls) and
 * parse_expr.c (operators). The rest of the parser knows rune_cedar_read_expr only.
 *
 * All that return a node return NULL after a mistake of grammar, or without memory. */
#pragma once

#include "cedar/parser_int.h"

/* ---- parse_node.c ---- */

/* A node from `start` to the last token read, without arguments. */
struct rune_cedar_expr *rune_cedar_make_leaf(struct rune_cedar_parser *parser,
                                             enum rune_cedar_expr_kind kind, uint32_t start);

/* One with arguments, which are copied. Past RUNE_CEDAR_MAX_DEPTH it is reported, and NULL. */
struct rune_cedar_expr *rune_cedar_make_node(struct rune_cedar_parser *parser,
                                             enum rune_cedar_expr_kind kind, uint32_t start,
                                             struct rune_cedar_expr *const *args, uint32_t count);
struct rune_cedar_expr *rune_cedar_make_unary(struct rune_cedar_parser *parser,
                                              enum rune_cedar_expr_kind kind, uint32_t start,
                                              struct rune_cedar_expr *operand);
struct rune_cedar_expr *rune_cedar_make_binary(struct rune_cedar_parser *parser,
                                               enum rune_cedar_expr_kind kind, uint32_t start,
                                               struct rune_cedar_expr *left,
                                               struct rune_cedar_expr *right);

/* A mistake of meaning was reported: something to go on with. */
struct rune_cedar_expr *rune_cedar_make_stand_in(struct rune_cedar_parser *parser, uint32_t start);

/* ---- parse_primary.c ---- */

struct rune_cedar_expr *rune_cedar_read_primary(struct rune_cedar_parser *parser);

/* The number at the current token, negated if `start` lies before it. */
struct rune_cedar_expr *rune_cedar_read_number(struct rune_cedar_parser *parser, uint32_t start);

/* `expr, expr, ... close` pushed on parser->exprs; the opening bracket, at `open`, has been read.
 */
bool rune_cedar_read_list(struct rune_cedar_parser *parser, enum rune_cedar_token_kind close,
                          uint32_t open);

/* ---- parse_member.c ---- */

/* A primary and its members. */
struct rune_cedar_expr *rune_cedar_read_member(struct rune_cedar_parser *parser);

/* A call of a function: its name was read, the current token is the bracket. */
struct rune_cedar_expr *rune_cedar_read_function(struct rune_cedar_parser *parser,
                                                 const struct rune_cedar_name *name);
