/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of expressions: each knows its place in the text and how deep it is. */
#include "cedar/parse_expr_int.h"

struct rune_cedar_expr *rune_cedar_make_leaf(struct rune_cedar_parser *parser,
                                             enum rune_cedar_expr_kind kind, uint32_t start)
{
    struct rune_cedar_expr *expr = RUNE_ARENA_NEW(parser->arena, struct rune_cedar_expr);
    if (expr == NULL) {
        rune_cedar_nomem(parser);
        return NULL;
    }
    expr->kind = kind;
    expr->span = rune_cedar_span_from(parser, start);
    expr->depth = 1;
    return expr;
}

struct rune_cedar_expr *rune_cedar_make_node(struct rune_cedar_parser *parser,
                                             enum rune_cedar_expr_kind kind, uint32_t start,
                                             struct rune_cedar_expr *const *args, uint32_t count)
{
    struct rune_cedar_expr *expr = rune_cedar_make_leaf(parser, kind, start);
    if (expr == NULL) {
        return NULL;
    }
    if (count == 0) {
        return expr;
    }
    expr->args = rune_arena_memdup(parser->arena, args, count * sizeof *args);
    if (expr->args == NULL) {
        rune_cedar_nomem(parser);
        return NULL;
    }
    expr->arg_count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (args[i]->depth >= expr->depth) {
            expr->depth = args[i]->depth + 1;
        }
    }
    if (expr->depth > RUNE_CEDAR_MAX_DEPTH) {
        parser->limit = true;
        rune_cedar_error(parser, "RUNE-C0105", rune_cedar_token_span(parser), "split the policy",
                         "this expression is deeper than %u operations", RUNE_CEDAR_MAX_DEPTH);
        return NULL;
    }
    return expr;
}

struct rune_cedar_expr *rune_cedar_make_unary(struct rune_cedar_parser *parser,
                                              enum rune_cedar_expr_kind kind, uint32_t start,
                                              struct rune_cedar_expr *operand)
{
    return rune_cedar_make_node(parser, kind, start, &operand, 1);
}

struct rune_cedar_expr *rune_cedar_make_binary(struct rune_cedar_parser *parser,
                                               enum rune_cedar_expr_kind kind, uint32_t start,
                                               struct rune_cedar_expr *left,
                                               struct rune_cedar_expr *right)
{
    return rune_cedar_make_node(parser, kind, start, (struct rune_cedar_expr *[]){left, right}, 2);
}

struct rune_cedar_expr *rune_cedar_make_stand_in(struct rune_cedar_parser *parser, uint32_t start)
{
    return rune_cedar_make_leaf(parser, RUNE_EXPR_BOOL, start);
}
