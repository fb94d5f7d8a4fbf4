/* SPDX-License-Identifier: Apache-2.0 */
/* parser_operand: what expressions are made of: numbers, strings, names, entities, variables,
 * lists, calls and parentheses; and the nodes themselves. */
#include <stdio.h>
#include <stdlib.h>

#include "datalog/functions.h"
#include "datalog/parser_int.h"

/* ---- nodes ---- */

struct rune_dl_expr *rune_dl_new_expr(struct rune_dl_parser *parser, enum rune_dl_expr_kind kind,
                                      uint32_t first_token)
{
    struct rune_dl_expr *expr = rune_arena_alloc(parser->trees, sizeof(*expr));
    if (expr == NULL) {
        parser->nomem = true;
        return NULL;
    }
    *expr = (struct rune_dl_expr){
        .kind = kind, .depth = 1, .span = rune_dl_span_since(parser, first_token)};
    return expr;
}

struct rune_dl_expr *rune_dl_set_depth(struct rune_dl_parser *parser, struct rune_dl_expr *expr)
{
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (expr->args[i]->depth >= expr->depth) {
            expr->depth = (uint16_t)(expr->args[i]->depth + 1);
        }
    }
    if (expr->depth > RUNE_DL_MAX_DEPTH) {
        rune_dl_fail_limit(parser, expr->span);
        return NULL;
    }
    return expr;
}

/* ---- operands ---- */

/* An integer token, maybe behind a minus. */
struct rune_dl_expr *rune_dl_parse_integer(struct rune_dl_parser *parser, uint32_t first,
                                           bool is_negative)
{
    struct rune_str text = rune_dl_token_str(parser, rune_dl_peek(parser, 0));
    uint64_t limit = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
    uint64_t value = 0;
    parser->at++;
    for (size_t i = 0; i < text.length; i++) {
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (value > (limit - digit) / 10) {
            rune_dl_fail(parser, rune_dl_span_since(parser, first), "RUNE-D0107",
                         "integers go from -9223372036854775808 to 9223372036854775807",
                         "this integer does not fit 64 bits");
            return NULL;
        }
        value = value * 10 + digit;
    }
    struct rune_dl_expr *expr = rune_dl_new_expr(parser, RUNE_DL_LONG, first);
    if (expr != NULL) {
        expr->as.integer = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    }
    return expr;
}

struct rune_dl_expr *rune_dl_parse_float(struct rune_dl_parser *parser, uint32_t first,
                                         bool is_negative)
{
    char text[64];
    struct rune_str token = rune_dl_token_str(parser, rune_dl_peek(parser, 0));
    parser->at++;
    double value = 0;
    if (token.length < sizeof(text)) {
        memcpy(text, token.data, token.length);
        text[token.length] = '\0';
        value = strtod(text, NULL);
    }
    if (token.length >= sizeof(text) || value > 1.7976931348623157e308) {
        rune_dl_fail(parser, rune_dl_span_since(parser, first), "RUNE-D0107", NULL,
                     "this float is out of range");
        return NULL;
    }
    struct rune_dl_expr *expr = rune_dl_new_expr(parser, RUNE_DL_FLOAT, first);
    if (expr != NULL) {
        expr->as.floating = is_negative ? -value : value;
    }
    return expr;
}

static struct rune_dl_expr *parse_string(struct rune_dl_parser *parser)
{
    uint32_t first = parser->at;
    struct rune_str text;
    if (!rune_dl_decode_string(parser, rune_dl_peek(parser, 0), &text)) {
        return NULL;
    }
    parser->at++;
    struct rune_dl_expr *expr = rune_dl_new_expr(parser, RUNE_DL_STRING, first);
    if (expr != NULL) {
        expr->as.string = text;
    }
    return expr;
}

static bool is_reserved_in_types(struct rune_str name)
{
    static const char *const reserved[] = {"true", "false", "then", "else", "in",
                                           "like", "has",   "is",   "if",   "__cedar"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (rune_str_equal(name, rune_str_from(reserved[i]))) {
            return true;
        }
    }
    return memchr(name.data, '.', name.length) != NULL;
}

/* The path's text without blanks: from the source where it has none, else joined. */
static struct rune_str join_type(struct rune_dl_parser *parser, uint32_t first, uint32_t parts)
{
    struct rune_span span = rune_dl_span_since(parser, first);
    size_t length = 0;
    for (uint32_t i = 0; i < 2 * parts - 1; i++) {
        length += parser->tokens.items[first + i].length;
    }
    if (length == span.length) {
        return (struct rune_str){parser->source->text + span.offset, span.length};
    }
    char *out = rune_arena_alloc(parser->arena, length);
    if (out == NULL) {
        parser->nomem = true;
        return (struct rune_str){0};
    }
    size_t at = 0;
    for (uint32_t i = 0; i < 2 * parts - 1; i++) {
        const struct rune_dl_token *token = &parser->tokens.items[first + i];
        memcpy(out + at, parser->source->text + token->offset, token->length);
        at += token->length;
    }
    return (struct rune_str){out, length};
}

static bool is_type_part(const struct rune_dl_token *token)
{
    return token->kind == RUNE_DL_TOKEN_VARIABLE || token->kind == RUNE_DL_TOKEN_NAME;
}

bool rune_dl_parse_type(struct rune_dl_parser *parser, struct rune_str *ret_type)
{
    uint32_t first = parser->at;
    uint32_t parts = 0;
    do {
        parser->at += parts > 0 ? 1 : 0; /* the `::` */
        const struct rune_dl_token *token = rune_dl_peek(parser, 0);
        if (!is_type_part(token) || is_reserved_in_types(rune_dl_token_str(parser, token))) {
            rune_dl_fail_expected(parser, "an entity type", "like `User` or `Acme::User`");
            return false;
        }
        parser->at++;
        parts++;
    } while (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_PATH &&
             is_type_part(rune_dl_peek(parser, 1)));
    *ret_type = join_type(parser, first, parts);
    return !parser->nomem;
}

static struct rune_dl_expr *parse_entity(struct rune_dl_parser *parser)
{
    uint32_t first = parser->at;
    struct rune_dl_uid uid;
    if (parser->dialect == RUNE_DL_BARE) {
        parser->at++;
        rune_dl_fail_expected(parser, "an operator",
                              "entities are part of bundles, not of the bare language");
        return NULL;
    }
    if (!rune_dl_parse_type(parser, &uid.type) ||
        !rune_dl_expect(parser, RUNE_DL_TOKEN_PATH, "`::\"id\"` behind the type",
                        "an entity is `Type::\"id\"`")) {
        return NULL;
    }
    const struct rune_dl_token *id = rune_dl_peek(parser, 0);
    if (id->kind != RUNE_DL_TOKEN_STRING) {
        rune_dl_fail_expected(parser, "the entity's id in quotes", "an entity is `Type::\"id\"`");
        return NULL;
    }
    if (!rune_dl_decode_string(parser, id, &uid.id)) {
        return NULL;
    }
    parser->at++;
    struct rune_dl_expr *expr = rune_dl_new_expr(parser, RUNE_DL_ENTITY, first);
    if (expr != NULL) {
        expr->as.uid = rune_arena_memdup(parser->arena, &uid, sizeof(uid));
        parser->nomem = parser->nomem || expr->as.uid == NULL;
    }
    return parser->nomem ? NULL : expr;
}

static struct rune_dl_expr *parse_variable(struct rune_dl_parser *parser)
{
    uint32_t first = parser->at;
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    enum rune_dl_token_kind next = rune_dl_peek(parser, 1)->kind;
    if (next == RUNE_DL_TOKEN_PATH) {
        return parse_entity(parser);
    }
    if (next == RUNE_DL_TOKEN_LPAREN) {
        struct rune_str name = rune_dl_token_str(parser, token);
        rune_dl_fail(parser, rune_dl_token_span(parser, token), "RUNE-D0109",
                     "names of relations and functions begin with a lower-case letter",
                     "`%.*s` is a variable, not a relation", RUNE_STR_ARG(name));
        return NULL;
    }
    uint32_t variable = rune_dl_variable(parser, token);
    bool is_wildcard = token->length == 1 && parser->source->text[token->offset] == '_';
    parser->at++;
    struct rune_dl_expr *expr =
        variable == UINT32_MAX
            ? NULL
            : rune_dl_new_expr(parser, is_wildcard ? RUNE_DL_WILDCARD : RUNE_DL_VARIABLE, first);
    if (expr != NULL) {
        expr->as.variable = variable;
    }
    return expr;
}

static struct rune_dl_expr *parse_list(struct rune_dl_parser *parser)
{
    uint32_t first = parser->at++;
    size_t begin = parser->exprs.count;
    if (!rune_dl_enter(parser)) {
        return NULL;
    }
    while (rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_RBRACKET) {
        struct rune_dl_expr *element = rune_dl_parse_expr(parser);
        if (element == NULL || !RUNE_VEC_PUSH(&parser->exprs, element)) {
            parser->nomem = parser->nomem || element != NULL;
            return NULL;
        }
        if (rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_COMMA) {
            break;
        }
        parser->at++;
    }
    parser->depth--;
    if (!rune_dl_expect(parser, RUNE_DL_TOKEN_RBRACKET, "`,` or `]`", NULL)) {
        return NULL;
    }
    struct rune_dl_expr *list = rune_dl_new_expr(parser, RUNE_DL_LIST, first);
    if (list == NULL) {
        return NULL;
    }
    list->args = rune_dl_take_exprs(parser, begin, &list->arg_count);
    return rune_dl_set_depth(parser, list);
}

/* A variable that is a whole argument, as most arguments are: what rune_dl_parse_expr would make of
 * it. NULL: out of memory. */
static struct rune_dl_expr *take_variable(struct rune_dl_parser *parser)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    struct rune_dl_expr *expr = rune_arena_alloc(parser->trees, sizeof(*expr));
    uint32_t variable = rune_dl_variable(parser, token);
    bool is_wildcard = token->length == 1 && parser->source->text[token->offset] == '_';
    parser->allow &= RUNE_DL_ALLOW_FUNCTION;
    parser->nomem = parser->nomem || expr == NULL || variable == UINT32_MAX;
    if (parser->nomem) {
        return NULL;
    }
    *expr = (struct rune_dl_expr){.kind = is_wildcard ? RUNE_DL_WILDCARD : RUNE_DL_VARIABLE,
                                  .depth = 1,
                                  .span = rune_dl_token_span(parser, token),
                                  .as.variable = variable};
    parser->at++;
    return expr;
}

static struct rune_dl_expr *parse_arg(struct rune_dl_parser *parser)
{
    enum rune_dl_token_kind next = rune_dl_peek(parser, 1)->kind;
    return rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_VARIABLE &&
                   (next == RUNE_DL_TOKEN_COMMA || next == RUNE_DL_TOKEN_RPAREN)
               ? take_variable(parser)
               : rune_dl_parse_expr(parser);
}

bool rune_dl_parse_args(struct rune_dl_parser *parser, struct rune_dl_expr ***ret_args,
                        uint32_t *ret_count)
{
    size_t begin = parser->exprs.count;
    if (!rune_dl_expect(parser, RUNE_DL_TOKEN_LPAREN, "`(`", NULL) || !rune_dl_enter(parser)) {
        return false;
    }
    if (rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_RPAREN) {
        for (;;) {
            struct rune_dl_expr *arg = parse_arg(parser);
            if (arg == NULL || !RUNE_VEC_PUSH(&parser->exprs, arg)) {
                parser->nomem = parser->nomem || arg != NULL;
                return false;
            }
            if (rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_COMMA) {
                break;
            }
            parser->at++;
        }
    }
    parser->depth--;
    if (!rune_dl_expect(parser, RUNE_DL_TOKEN_RPAREN, "`,` or `)`", NULL)) {
        return false;
    }
    *ret_args = rune_dl_take_exprs(parser, begin, ret_count);
    return !parser->nomem;
}

bool rune_dl_check_arity(struct rune_dl_parser *parser, const struct rune_dl_expr *call)
{
    const struct rune_dl_function_info *info = rune_dl_function_get(call->function);
    if (call->arg_count == info->arity) {
        return true;
    }
    uint32_t receiver = info->style == RUNE_DL_STYLE_M ? 1 : 0;
    rune_dl_fail(parser, call->span, "RUNE-D0111", NULL, "`%.*s` takes %u argument%s, not %u",
                 RUNE_STR_ARG(info->name), info->arity - receiver,
                 info->arity - receiver == 1 ? "" : "s", call->arg_count - receiver);
    return false;
}

static void fail_call(struct rune_dl_parser *parser, const struct rune_dl_token *token,
                      enum rune_dl_function function)
{
    struct rune_str name = rune_dl_token_str(parser, token);
    struct rune_str nearest = rune_dl_nearest_function(name);
    char help[160] = "a relation stands between commas, not inside an expression";
    if (function != RUNE_DL_FN_COUNT) {
        snprintf(help, sizeof(help), "write `V = %.*s(...)` and use V", RUNE_STR_ARG(name));
        rune_dl_fail(parser, rune_dl_token_span(parser, token), "RUNE-D0112", help,
                     "the function `%.*s` stands only right of `=`", RUNE_STR_ARG(name));
        return;
    }
    enum rune_dl_aggregate aggregate;
    if (rune_dl_find_aggregate(name, &aggregate)) {
        snprintf(help, sizeof(help), "an aggregate is written `N = %s`",
                 aggregate == RUNE_DL_COUNT ? "count { task(T, _) }" : "sum { V : task(T, V) }");
    } else if (nearest.length > 0 && parser->dialect == RUNE_DL_BUNDLE) {
        snprintf(help, sizeof(help), "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
    }
    rune_dl_fail(parser, rune_dl_token_span(parser, token), "RUNE-D0112", help,
                 "there is no function `%.*s`", (int)(name.length > 80 ? 80 : name.length),
                 name.data);
}

/* `concat(A, B)`, `ip("..")`: the name is the current token, a parenthesis follows. */
static struct rune_dl_expr *parse_call(struct rune_dl_parser *parser)
{
    uint32_t first = parser->at;
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    enum rune_dl_function function = parser->dialect == RUNE_DL_BUNDLE
                                         ? rune_dl_find_function(rune_dl_token_str(parser, token))
                                         : RUNE_DL_FN_COUNT;
    if (function == RUNE_DL_FN_COUNT || (rune_dl_function_get(function)->style == RUNE_DL_STYLE_F &&
                                         (parser->allow & RUNE_DL_ALLOW_FUNCTION) == 0)) {
        fail_call(parser, token, function);
        return NULL;
    }
    parser->at++;
    struct rune_dl_expr **args;
    uint32_t count;
    if (!rune_dl_parse_args(parser, &args, &count)) {
        return NULL;
    }
    struct rune_dl_expr *call = rune_dl_new_expr(parser, RUNE_DL_CALL, first);
    if (call == NULL) {
        return NULL;
    }
    call->args = args;
    call->arg_count = count;
    call->function = function;
    parser->has |= RUNE_DL_HAS_CALL;
    return rune_dl_check_arity(parser, call) ? rune_dl_set_depth(parser, call) : NULL;
}

static struct rune_dl_expr *parse_name(struct rune_dl_parser *parser)
{
    uint32_t first = parser->at;
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    struct rune_str name = rune_dl_token_str(parser, token);
    enum rune_dl_aggregate aggregate;
    switch (rune_dl_peek(parser, 1)->kind) {
    case RUNE_DL_TOKEN_PATH:
        return parse_entity(parser);
    case RUNE_DL_TOKEN_LPAREN:
        return parse_call(parser);
    case RUNE_DL_TOKEN_LBRACE:
        if (rune_dl_find_aggregate(name, &aggregate)) {
            rune_dl_fail(parser, rune_dl_token_span(parser, token), "RUNE-D0601",
                         "write `R = count { ... }` as a literal of its own and use R",
                         "an aggregate stands only right of `=`, behind a variable or a constant");
        }
        break;
    default:
        break;
    }
    if (token->word == RUNE_DL_WORD_NOT || rune_dl_is_operator(parser, token)) {
        rune_dl_fail_expected(parser, "a value", "a constant of that name is written in quotes");
        return NULL;
    }
    parser->at++;
    bool is_bool = parser->dialect == RUNE_DL_BUNDLE && (rune_str_equal(name, RUNE_STR("true")) ||
                                                         rune_str_equal(name, RUNE_STR("false")));
    struct rune_dl_expr *expr =
        rune_dl_new_expr(parser, is_bool ? RUNE_DL_BOOL : RUNE_DL_STRING, first);
    if (expr != NULL && is_bool) {
        expr->as.boolean = name.data[0] == 't';
    } else if (expr != NULL) {
        expr->as.string = name;
        parser->has |= RUNE_DL_HAS_NAME;
    }
    return expr;
}

static struct rune_dl_expr *parse_parens(struct rune_dl_parser *parser)
{
    parser->at++;
    if (!rune_dl_enter(parser)) {
        return NULL;
    }
    struct rune_dl_expr *expr = rune_dl_parse_expr(parser);
    parser->depth--;
    return expr != NULL && rune_dl_expect(parser, RUNE_DL_TOKEN_RPAREN, "an operator or `)`", NULL)
               ? expr
               : NULL;
}

struct rune_dl_expr *rune_dl_parse_operand(struct rune_dl_parser *parser)
{
    switch (rune_dl_peek(parser, 0)->kind) {
    case RUNE_DL_TOKEN_VARIABLE:
        return parse_variable(parser);
    case RUNE_DL_TOKEN_NAME:
        return parse_name(parser);
    case RUNE_DL_TOKEN_INTEGER:
        return rune_dl_parse_integer(parser, parser->at, false);
    case RUNE_DL_TOKEN_FLOAT:
        return rune_dl_parse_float(parser, parser->at, false);
    case RUNE_DL_TOKEN_STRING:
        return parse_string(parser);
    case RUNE_DL_TOKEN_LPAREN:
        return parse_parens(parser);
    case RUNE_DL_TOKEN_LBRACKET:
        if (parser->dialect == RUNE_DL_BUNDLE) {
            return parse_list(parser);
        }
        break;
    default:
        break;
    }
    rune_dl_fail_expected(parser, "a value", "a variable, a number, a string or a name");
    return NULL;
}
