/* SPDX-License-Identifier: Apache-2.0 */
/* parser_expr: expressions by precedence climbing in four levels: sum, product, sign, operand
 * (parser_operand.c) with its suffixes. */
#include <stdio.h>

#include "datalog/functions.h"
#include "datalog/parser_int.h"

bool rune_dl_enter(struct rune_dl_parser *parser)
{
    if (parser->depth >= RUNE_DL_MAX_DEPTH) {
        rune_dl_fail_limit(parser, rune_dl_token_span(parser, rune_dl_peek(parser, 0)));
        return false;
    }
    parser->depth++;
    return true;
}

bool rune_dl_is_test(const struct rune_dl_expr *expr)
{
    return expr->kind == RUNE_DL_CALL &&
           rune_dl_function_get(expr->function)->result == RUNE_DL_RESULT_BOOL;
}

bool rune_dl_find_aggregate(struct rune_str name, enum rune_dl_aggregate *ret_aggregate)
{
    /* ORDER: enum rune_dl_aggregate */
    static const char *const names[] = {"count", "sum", "min", "max", "mean"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (rune_str_equal(name, rune_str_from(names[i]))) {
            *ret_aggregate = (enum rune_dl_aggregate)i;
            return true;
        }
    }
    return false;
}

bool rune_dl_is_operator(const struct rune_dl_parser *parser, const struct rune_dl_token *token)
{
    switch (token->kind) {
    case RUNE_DL_TOKEN_EQ:
    case RUNE_DL_TOKEN_NE:
    case RUNE_DL_TOKEN_LT:
    case RUNE_DL_TOKEN_LE:
    case RUNE_DL_TOKEN_GT:
    case RUNE_DL_TOKEN_GE:
    case RUNE_DL_TOKEN_PLUS:
    case RUNE_DL_TOKEN_MINUS:
    case RUNE_DL_TOKEN_STAR:
    case RUNE_DL_TOKEN_SLASH:
    case RUNE_DL_TOKEN_LBRACE:
    case RUNE_DL_TOKEN_LBRACKET:
        return true;
    case RUNE_DL_TOKEN_NAME:
        return token->word == RUNE_DL_WORD_MOD ||
               (parser->dialect == RUNE_DL_BUNDLE &&
                (token->word == RUNE_DL_WORD_IN || token->word == RUNE_DL_WORD_IS));
    default:
        return false;
    }
}

/* ---- nodes over operands ---- */

/* A test is no operand. */
static bool check_operands(struct rune_dl_parser *parser, const struct rune_dl_expr *operands,
                           uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (rune_dl_is_test(&operands[i])) {
            rune_dl_fail(parser, rune_dl_expr_span(parser->source, &operands[i]), "RUNE-D0110",
                         "let it stand alone, between commas",
                         "a test yields no value to calculate with");
            return false;
        }
    }
    return true;
}

/* A node over `count` (1 or 2) operands, one of which may be where the node goes. */
static bool make_operator(struct rune_dl_parser *parser, enum rune_dl_expr_kind kind,
                          uint32_t first, const struct rune_dl_expr *operands, uint32_t count,
                          struct rune_dl_expr *ret_expr)
{
    if (!check_operands(parser, operands, count)) {
        return false;
    }
    struct rune_dl_expr *args =
        rune_arena_memdup(parser->trees, operands, count * sizeof(operands[0]));
    if (args == NULL) {
        parser->nomem = true;
        return false;
    }
    *ret_expr = rune_dl_node(parser, kind, first);
    ret_expr->args = args;
    ret_expr->arg_count = count;
    return rune_dl_set_depth(parser, ret_expr);
}

/* ---- suffixes: methods and keys ---- */

static bool fail_method(struct rune_dl_parser *parser, const struct rune_dl_token *token)
{
    struct rune_str name = rune_dl_token_str(parser, token);
    struct rune_str nearest = rune_dl_nearest_function(name);
    char help[160];
    snprintf(help, sizeof(help), "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
    rune_dl_fail(parser, rune_dl_token_span(parser, token), "RUNE-D0112",
                 nearest.length > 0 ? help : NULL, "there is no method `%.*s`",
                 (int)(name.length > 80 ? 80 : name.length), name.data);
    return false;
}

/* The method's arguments, behind those that are on the stack. */
static bool push_method_args(struct rune_dl_parser *parser, enum rune_dl_function function)
{
    struct rune_dl_expr *args = NULL;
    uint32_t count = 0;
    parser->in_glob = function == RUNE_DL_FN_MATCHES;
    parser->allow |= function == RUNE_DL_FN_CONTAINS_ALL || function == RUNE_DL_FN_CONTAINS_ANY
                         ? RUNE_DL_ALLOW_LIST
                         : 0;
    bool ok = rune_dl_parse_args(parser, &args, &count);
    parser->in_glob = false;
    parser->allow &= ~(unsigned)RUNE_DL_ALLOW_LIST;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = RUNE_DL_PUSH(parser, &parser->exprs, args[i]);
    }
    return ok;
}

/* `.name(..)` behind a receiver, which the node replaces. */
static bool parse_method(struct rune_dl_parser *parser, uint32_t first, struct rune_dl_expr *expr)
{
    parser->at++; /* the dot */
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    enum rune_dl_function function = rune_dl_find_method(rune_dl_token_str(parser, token));
    if (function == RUNE_DL_FN_COUNT) {
        return fail_method(parser, token);
    }
    parser->at++;
    size_t begin = parser->exprs.count;
    if (!RUNE_DL_PUSH(parser, &parser->exprs, *expr) || !push_method_args(parser, function)) {
        return false;
    }
    *expr = rune_dl_node(parser, RUNE_DL_CALL, first);
    expr->args = rune_dl_take_exprs(parser, begin, &expr->arg_count);
    expr->function = function;
    parser->has |= RUNE_DL_HAS_CALL;
    return !parser->nomem && rune_dl_check_arity(parser, expr) && rune_dl_set_depth(parser, expr);
}

/* `["key"]` behind a record, which the node replaces. */
static bool parse_key(struct rune_dl_parser *parser, uint32_t first, struct rune_dl_expr *expr)
{
    parser->at++; /* the bracket */
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    struct rune_str key;
    if (token->kind != RUNE_DL_TOKEN_STRING) {
        rune_dl_fail_expected(parser, "a key in quotes", "a record is read as `R[\"key\"]`");
        return false;
    }
    if (!rune_dl_decode_string(parser, token, &key)) {
        return false;
    }
    parser->at++;
    if (!rune_dl_expect(parser, RUNE_DL_TOKEN_RBRACKET, "`]`", NULL) ||
        !make_operator(parser, RUNE_DL_INDEX, first, expr, 1, expr)) {
        return false;
    }
    expr->key = rune_arena_memdup(parser->arena, &key, sizeof(key));
    parser->nomem = parser->nomem || expr->key == NULL;
    return !parser->nomem;
}

/* A dot behind an atom's `)` ends the clause even where a lower-case letter follows; behind a value
 * it is a method. */
static bool at_method(const struct rune_dl_parser *parser)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    return parser->dialect == RUNE_DL_BUNDLE && token->kind == RUNE_DL_TOKEN_DOT &&
           token->match == 1 && rune_dl_peek(parser, 1)->kind == RUNE_DL_TOKEN_NAME &&
           rune_dl_peek(parser, 2)->kind == RUNE_DL_TOKEN_LPAREN;
}

static bool may_stand(struct rune_dl_parser *parser, const struct rune_dl_expr *expr,
                      unsigned allow)
{
    struct rune_span span = rune_dl_expr_span(parser->source, expr);
    if (expr->kind == RUNE_DL_LIST && (allow & RUNE_DL_ALLOW_LIST) == 0) {
        rune_dl_fail(parser, span, "RUNE-D0110",
                     "lists stand right of `in` and before `.contains(..)`",
                     "a list cannot stand here");
        return false;
    }
    if (rune_dl_is_test(expr) && (allow & RUNE_DL_ALLOW_TEST) == 0) {
        rune_dl_fail(parser, span, "RUNE-D0110", "let it stand alone, between commas",
                     "a test yields no value to use here");
        return false;
    }
    return true;
}

static bool parse_postfix(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    uint32_t first = parser->at;
    unsigned allow = parser->allow;
    parser->allow &= RUNE_DL_ALLOW_FUNCTION;
    bool ok = rune_dl_parse_operand(parser, ret_expr);
    while (ok) {
        if (at_method(parser)) {
            ok = rune_dl_is_test(ret_expr) ? may_stand(parser, ret_expr, 0)
                                           : parse_method(parser, first, ret_expr);
        } else if (parser->dialect == RUNE_DL_BUNDLE &&
                   rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_LBRACKET) {
            ok = parse_key(parser, first, ret_expr);
        } else {
            break;
        }
    }
    return ok && may_stand(parser, ret_expr, allow);
}

/* ---- operators ---- */

static bool parse_unary(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    uint32_t first = parser->at;
    if (rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_MINUS) {
        return parse_postfix(parser, ret_expr);
    }
    parser->at++;
    if (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_INTEGER) {
        return rune_dl_parse_integer(parser, first, true, ret_expr);
    }
    if (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_FLOAT) {
        return rune_dl_parse_float(parser, first, true, ret_expr);
    }
    if (!rune_dl_enter(parser)) {
        return false;
    }
    bool ok = parse_unary(parser, ret_expr);
    parser->depth--;
    return ok && make_operator(parser, RUNE_DL_NEG, first, ret_expr, 1, ret_expr);
}

static bool product_operator(const struct rune_dl_parser *parser, enum rune_dl_expr_kind *ret_kind)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    *ret_kind = token->kind == RUNE_DL_TOKEN_STAR    ? RUNE_DL_MUL
                : token->kind == RUNE_DL_TOKEN_SLASH ? RUNE_DL_DIV
                                                     : RUNE_DL_MOD;
    return token->kind == RUNE_DL_TOKEN_STAR || token->kind == RUNE_DL_TOKEN_SLASH ||
           token->word == RUNE_DL_WORD_MOD;
}

static bool parse_product(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    uint32_t first = parser->at;
    enum rune_dl_expr_kind kind;
    bool ok = parse_unary(parser, ret_expr);
    while (ok && product_operator(parser, &kind)) {
        struct rune_dl_expr operands[2] = {*ret_expr};
        parser->at++;
        ok = parse_unary(parser, &operands[1]) &&
             make_operator(parser, kind, first, operands, 2, ret_expr);
    }
    return ok;
}

/* Most arguments are one token. */
static bool is_alone(const struct rune_dl_parser *parser)
{
    enum rune_dl_token_kind kind = rune_dl_peek(parser, 0)->kind;
    enum rune_dl_token_kind next = rune_dl_peek(parser, 1)->kind;
    return (kind == RUNE_DL_TOKEN_VARIABLE || kind == RUNE_DL_TOKEN_INTEGER ||
            kind == RUNE_DL_TOKEN_STRING) &&
           (next == RUNE_DL_TOKEN_COMMA || next == RUNE_DL_TOKEN_RPAREN);
}

bool rune_dl_parse_expr(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    if (is_alone(parser)) {
        parser->allow &= RUNE_DL_ALLOW_FUNCTION;
        return rune_dl_parse_operand(parser, ret_expr);
    }
    uint32_t first = parser->at;
    bool ok = parse_product(parser, ret_expr);
    while (ok) {
        enum rune_dl_token_kind token = rune_dl_peek(parser, 0)->kind;
        if (token != RUNE_DL_TOKEN_PLUS && token != RUNE_DL_TOKEN_MINUS) {
            break;
        }
        struct rune_dl_expr operands[2] = {*ret_expr};
        enum rune_dl_expr_kind kind = token == RUNE_DL_TOKEN_PLUS ? RUNE_DL_ADD : RUNE_DL_SUB;
        parser->at++;
        ok = parse_product(parser, &operands[1]) &&
             make_operator(parser, kind, first, operands, 2, ret_expr);
    }
    return ok;
}
