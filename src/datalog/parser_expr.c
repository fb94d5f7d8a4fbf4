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

/* A node over `count` (1 or 2) operands. NULL: reported, or an operand was NULL. */
static struct rune_dl_expr *new_operator(struct rune_dl_parser *parser, enum rune_dl_expr_kind kind,
                                         uint32_t first, struct rune_dl_expr *left,
                                         struct rune_dl_expr *right, uint32_t count)
{
    if (left == NULL || (count == 2 && right == NULL)) {
        return NULL;
    }
    struct rune_dl_expr *test = rune_dl_is_test(left)                  ? left
                                : count == 2 && rune_dl_is_test(right) ? right
                                                                       : NULL;
    if (test != NULL) {
        rune_dl_fail(parser, test->span, "RUNE-D0110", "let it stand alone, between commas",
                     "a test yields no value to calculate with");
        return NULL;
    }
    struct rune_dl_expr *expr = rune_dl_new_expr(parser, kind, first);
    struct rune_dl_expr **args = RUNE_ARENA_ARRAY(parser->trees, struct rune_dl_expr *, 2);
    if (expr == NULL || args == NULL) {
        parser->nomem = true;
        return NULL;
    }
    args[0] = left;
    args[1] = right;
    expr->args = args;
    expr->arg_count = count;
    return rune_dl_set_depth(parser, expr);
}

/* ---- suffixes: methods and keys ---- */

static struct rune_dl_expr *parse_method(struct rune_dl_parser *parser, uint32_t first,
                                         struct rune_dl_expr *receiver)
{
    parser->at++; /* the dot */
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    struct rune_str name = rune_dl_token_str(parser, token);
    enum rune_dl_function function = rune_dl_find_method(name);
    if (function == RUNE_DL_FN_COUNT) {
        struct rune_str nearest = rune_dl_nearest_function(name);
        char help[160];
        snprintf(help, sizeof(help), "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
        rune_dl_fail(parser, rune_dl_token_span(parser, token), "RUNE-D0112",
                     nearest.length > 0 ? help : NULL, "there is no method `%.*s`",
                     (int)(name.length > 80 ? 80 : name.length), name.data);
        return NULL;
    }
    parser->at++;
    size_t begin = parser->exprs.count;
    struct rune_dl_expr **args = NULL;
    uint32_t count = 0;
    parser->in_glob = function == RUNE_DL_FN_MATCHES;
    parser->allow |= function == RUNE_DL_FN_CONTAINS_ALL || function == RUNE_DL_FN_CONTAINS_ANY
                         ? RUNE_DL_ALLOW_LIST
                         : 0;
    bool ok = rune_dl_parse_args(parser, &args, &count);
    parser->in_glob = false;
    parser->allow &= ~(unsigned)RUNE_DL_ALLOW_LIST;
    if (!ok || !RUNE_VEC_PUSH(&parser->exprs, receiver)) {
        parser->nomem = parser->nomem || ok;
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!RUNE_VEC_PUSH(&parser->exprs, args[i])) {
            parser->nomem = true;
            return NULL;
        }
    }
    struct rune_dl_expr *call = rune_dl_new_expr(parser, RUNE_DL_CALL, first);
    if (call == NULL) {
        return NULL;
    }
    call->args = rune_dl_take_exprs(parser, begin, &call->arg_count);
    call->function = function;
    parser->has |= RUNE_DL_HAS_CALL;
    return !parser->nomem && rune_dl_check_arity(parser, call) ? rune_dl_set_depth(parser, call)
                                                               : NULL;
}

static struct rune_dl_expr *parse_key(struct rune_dl_parser *parser, uint32_t first,
                                      struct rune_dl_expr *record)
{
    parser->at++; /* the bracket */
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    struct rune_str key, *kept;
    if (token->kind != RUNE_DL_TOKEN_STRING) {
        rune_dl_fail_expected(parser, "a key in quotes", "a record is read as `R[\"key\"]`");
        return NULL;
    }
    if (!rune_dl_decode_string(parser, token, &key)) {
        return NULL;
    }
    parser->at++;
    if (!rune_dl_expect(parser, RUNE_DL_TOKEN_RBRACKET, "`]`", NULL)) {
        return NULL;
    }
    struct rune_dl_expr *expr = new_operator(parser, RUNE_DL_INDEX, first, record, NULL, 1);
    kept = rune_arena_memdup(parser->arena, &key, sizeof(key));
    if (expr == NULL || kept == NULL) {
        parser->nomem = parser->nomem || kept == NULL;
        return NULL;
    }
    expr->key = kept;
    return expr;
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
    if (expr->kind == RUNE_DL_LIST && (allow & RUNE_DL_ALLOW_LIST) == 0) {
        rune_dl_fail(parser, expr->span, "RUNE-D0110",
                     "lists stand right of `in` and before `.contains(..)`",
                     "a list cannot stand here");
        return false;
    }
    if (rune_dl_is_test(expr) && (allow & RUNE_DL_ALLOW_TEST) == 0) {
        rune_dl_fail(parser, expr->span, "RUNE-D0110", "let it stand alone, between commas",
                     "a test yields no value to use here");
        return false;
    }
    return true;
}

static struct rune_dl_expr *parse_postfix(struct rune_dl_parser *parser)
{
    uint32_t first = parser->at;
    unsigned allow = parser->allow;
    parser->allow &= RUNE_DL_ALLOW_FUNCTION;
    struct rune_dl_expr *expr = rune_dl_parse_operand(parser);
    while (expr != NULL) {
        if (at_method(parser)) {
            expr = rune_dl_is_test(expr) ? (may_stand(parser, expr, 0), NULL)
                                         : parse_method(parser, first, expr);
        } else if (parser->dialect == RUNE_DL_BUNDLE &&
                   rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_LBRACKET) {
            expr = parse_key(parser, first, expr);
        } else {
            break;
        }
    }
    return expr != NULL && may_stand(parser, expr, allow) ? expr : NULL;
}

/* ---- operators ---- */

static struct rune_dl_expr *parse_unary(struct rune_dl_parser *parser)
{
    uint32_t first = parser->at;
    if (rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_MINUS) {
        return parse_postfix(parser);
    }
    parser->at++;
    if (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_INTEGER) {
        return rune_dl_parse_integer(parser, first, true);
    }
    if (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_FLOAT) {
        return rune_dl_parse_float(parser, first, true);
    }
    if (!rune_dl_enter(parser)) {
        return NULL;
    }
    struct rune_dl_expr *operand = parse_unary(parser);
    parser->depth--;
    return new_operator(parser, RUNE_DL_NEG, first, operand, NULL, 1);
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

static struct rune_dl_expr *parse_product(struct rune_dl_parser *parser)
{
    uint32_t first = parser->at;
    enum rune_dl_expr_kind kind;
    struct rune_dl_expr *left = parse_unary(parser);
    while (left != NULL && product_operator(parser, &kind)) {
        parser->at++;
        left = new_operator(parser, kind, first, left, parse_unary(parser), 2);
    }
    return left;
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

struct rune_dl_expr *rune_dl_parse_expr(struct rune_dl_parser *parser)
{
    if (is_alone(parser)) {
        parser->allow &= RUNE_DL_ALLOW_FUNCTION;
        return rune_dl_parse_operand(parser);
    }
    uint32_t first = parser->at;
    struct rune_dl_expr *left = parse_product(parser);
    while (left != NULL) {
        enum rune_dl_token_kind token = rune_dl_peek(parser, 0)->kind;
        if (token != RUNE_DL_TOKEN_PLUS && token != RUNE_DL_TOKEN_MINUS) {
            break;
        }
        parser->at++;
        left = new_operator(parser, token == RUNE_DL_TOKEN_PLUS ? RUNE_DL_ADD : RUNE_DL_SUB, first,
                            left, parse_product(parser), 2);
    }
    return left;
}
