/* SPDX-License-Identifier: Apache-2.0 */
/* parser_operand: what expressions are made of: numbers, strings, names, entities, variables,
 * lists, calls and parentheses; and the nodes themselves. */
#include <stdio.h>
#include <stdlib.h>

#include "datalog/functions.h"
#include "datalog/parser_int.h"

/* ---- nodes ---- */

bool rune_dl_set_depth(struct rune_dl_parser *parser, struct rune_dl_expr *expr)
{
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (expr->args[i].depth >= expr->depth) {
            expr->depth = (uint16_t)(expr->args[i].depth + 1);
        }
    }
    if (expr->depth > RUNE_DL_MAX_DEPTH) {
        rune_dl_fail_limit(parser, rune_dl_expr_span(parser->source, expr));
        return false;
    }
    return true;
}

/* ---- operands ---- */

#define SURE_DIGITS 18u /* so many fit */

bool rune_dl_parse_integer(struct rune_dl_parser *parser, uint32_t first, bool is_negative,
                           struct rune_dl_expr *ret_expr)
{
    struct rune_str text = rune_dl_token_str(parser, rune_dl_peek(parser, 0));
    uint64_t limit = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
    uint64_t value = 0;
    parser->at++;
    for (size_t i = 0; i < text.length; i++) {
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (i >= SURE_DIGITS && value > (limit - digit) / 10) {
            rune_dl_fail(parser, rune_dl_span_since(parser, first), "RUNE-D0107",
                         "integers go from -9223372036854775808 to 9223372036854775807",
                         "this integer does not fit 64 bits");
            return false;
        }
        value = value * 10 + digit;
    }
    *ret_expr = rune_dl_node(parser, RUNE_DL_LONG, first);
    ret_expr->as.integer = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool rune_dl_parse_float(struct rune_dl_parser *parser, uint32_t first, bool is_negative,
                         struct rune_dl_expr *ret_expr)
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
        return false;
    }
    *ret_expr = rune_dl_node(parser, RUNE_DL_FLOAT, first);
    ret_expr->as.floating = is_negative ? -value : value;
    return true;
}

static bool parse_string(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    uint32_t first = parser->at;
    struct rune_str text;
    if (!rune_dl_decode_string(parser, rune_dl_peek(parser, 0), &text)) {
        return false;
    }
    parser->at++;
    *ret_expr = rune_dl_node(parser, RUNE_DL_STRING, first);
    ret_expr->as.string = text;
    return true;
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

static bool parse_entity(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    uint32_t first = parser->at;
    struct rune_dl_uid uid;
    if (parser->dialect == RUNE_DL_BARE) {
        parser->at++;
        rune_dl_fail_expected(parser, "an operator",
                              "entities are part of bundles, not of the bare language");
        return false;
    }
    if (!rune_dl_parse_type(parser, &uid.type) ||
        !rune_dl_expect(parser, RUNE_DL_TOKEN_PATH, "`::\"id\"` behind the type",
                        "an entity is `Type::\"id\"`")) {
        return false;
    }
    const struct rune_dl_token *id = rune_dl_peek(parser, 0);
    if (id->kind != RUNE_DL_TOKEN_STRING) {
        rune_dl_fail_expected(parser, "the entity's id in quotes", "an entity is `Type::\"id\"`");
        return false;
    }
    if (!rune_dl_decode_string(parser, id, &uid.id)) {
        return false;
    }
    parser->at++;
    *ret_expr = rune_dl_node(parser, RUNE_DL_ENTITY, first);
    ret_expr->as.uid = rune_arena_memdup(parser->arena, &uid, sizeof(uid));
    parser->nomem = parser->nomem || ret_expr->as.uid == NULL;
    return !parser->nomem;
}

/* A variable's token as an expression. */
static bool take_variable(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    uint32_t variable = rune_dl_variable(parser, token);
    bool is_wildcard = token->length == 1 && parser->source->text[token->offset] == '_';
    *ret_expr = (struct rune_dl_expr){.kind = is_wildcard ? RUNE_DL_WILDCARD : RUNE_DL_VARIABLE,
                                      .depth = 1,
                                      .place = {token->offset, token->length},
                                      .as.variable = variable};
    parser->at++;
    return variable != UINT32_MAX;
}

static bool parse_variable(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    enum rune_dl_token_kind next = rune_dl_peek(parser, 1)->kind;
    if (next == RUNE_DL_TOKEN_PATH) {
        return parse_entity(parser, ret_expr);
    }
    if (next == RUNE_DL_TOKEN_LPAREN) {
        struct rune_str name = rune_dl_token_str(parser, token);
        rune_dl_fail(parser, rune_dl_token_span(parser, token), "RUNE-D0109",
                     "names of relations and functions begin with a lower-case letter",
                     "`%.*s` is a variable, not a relation", RUNE_STR_ARG(name));
        return false;
    }
    return take_variable(parser, ret_expr);
}

static bool parse_list(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    uint32_t first = parser->at++;
    size_t begin = parser->exprs.count;
    if (!rune_dl_enter(parser)) {
        return false;
    }
    while (rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_RBRACKET) {
        struct rune_dl_expr element;
        if (!rune_dl_parse_expr(parser, &element) ||
            !RUNE_DL_PUSH(parser, &parser->exprs, element)) {
            return false;
        }
        if (rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_COMMA) {
            break;
        }
        parser->at++;
    }
    parser->depth--;
    if (!rune_dl_expect(parser, RUNE_DL_TOKEN_RBRACKET, "`,` or `]`", NULL)) {
        return false;
    }
    *ret_expr = rune_dl_node(parser, RUNE_DL_LIST, first);
    ret_expr->args = rune_dl_take_exprs(parser, begin, &ret_expr->arg_count);
    return rune_dl_set_depth(parser, ret_expr);
}

/* Most arguments are a variable and nothing else: that is made of it without more ado. */
static bool parse_arg(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    enum rune_dl_token_kind next = rune_dl_peek(parser, 1)->kind;
    if (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_VARIABLE &&
        (next == RUNE_DL_TOKEN_COMMA || next == RUNE_DL_TOKEN_RPAREN)) {
        parser->allow &= RUNE_DL_ALLOW_FUNCTION;
        return take_variable(parser, ret_expr);
    }
    return rune_dl_parse_expr(parser, ret_expr);
}

bool rune_dl_parse_args(struct rune_dl_parser *parser, struct rune_dl_expr **ret_args,
                        uint32_t *ret_count)
{
    size_t begin = parser->exprs.count;
    if (!rune_dl_expect(parser, RUNE_DL_TOKEN_LPAREN, "`(`", NULL) || !rune_dl_enter(parser)) {
        return false;
    }
    if (rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_RPAREN) {
        for (;;) {
            struct rune_dl_expr arg;
            if (!parse_arg(parser, &arg) || !RUNE_DL_PUSH(parser, &parser->exprs, arg)) {
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
    rune_dl_fail(parser, rune_dl_expr_span(parser->source, call), "RUNE-D0111", NULL,
                 "`%.*s` takes %u argument%s, not %u", RUNE_STR_ARG(info->name),
                 info->arity - receiver, info->arity - receiver == 1 ? "" : "s",
                 call->arg_count - receiver);
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
static bool parse_call(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    uint32_t first = parser->at;
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    enum rune_dl_function function = parser->dialect == RUNE_DL_BUNDLE
                                         ? rune_dl_find_function(rune_dl_token_str(parser, token))
                                         : RUNE_DL_FN_COUNT;
    if (function == RUNE_DL_FN_COUNT || (rune_dl_function_get(function)->style == RUNE_DL_STYLE_F &&
                                         (parser->allow & RUNE_DL_ALLOW_FUNCTION) == 0)) {
        fail_call(parser, token, function);
        return false;
    }
    parser->at++;
    struct rune_dl_expr *args;
    uint32_t count;
    if (!rune_dl_parse_args(parser, &args, &count)) {
        return false;
    }
    *ret_expr = rune_dl_node(parser, RUNE_DL_CALL, first);
    ret_expr->args = args;
    ret_expr->arg_count = count;
    ret_expr->function = function;
    parser->has |= RUNE_DL_HAS_CALL;
    return rune_dl_check_arity(parser, ret_expr) && rune_dl_set_depth(parser, ret_expr);
}

/* A name that stands alone is a string, or a truth value. */
static bool take_name(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    struct rune_str name = rune_dl_token_str(parser, rune_dl_peek(parser, 0));
    enum rune_dl_word word = rune_dl_peek(parser, 0)->word;
    bool is_bool = parser->dialect == RUNE_DL_BUNDLE &&
                   (word == RUNE_DL_WORD_TRUE || word == RUNE_DL_WORD_FALSE);
    parser->at++;
    *ret_expr = rune_dl_node(parser, is_bool ? RUNE_DL_BOOL : RUNE_DL_STRING, parser->at - 1);
    if (is_bool) {
        ret_expr->as.boolean = word == RUNE_DL_WORD_TRUE;
    } else {
        ret_expr->as.string = name;
        parser->has |= RUNE_DL_HAS_NAME;
    }
    return true;
}

static bool parse_name(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    enum rune_dl_aggregate aggregate;
    switch (rune_dl_peek(parser, 1)->kind) {
    case RUNE_DL_TOKEN_PATH:
        return parse_entity(parser, ret_expr);
    case RUNE_DL_TOKEN_LPAREN:
        return parse_call(parser, ret_expr);
    case RUNE_DL_TOKEN_LBRACE:
        if (rune_dl_find_aggregate(rune_dl_token_str(parser, token), &aggregate)) {
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
        return false;
    }
    return take_name(parser, ret_expr);
}

static bool parse_parens(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    parser->at++;
    if (!rune_dl_enter(parser)) {
        return false;
    }
    bool ok = rune_dl_parse_expr(parser, ret_expr);
    parser->depth--;
    return ok && rune_dl_expect(parser, RUNE_DL_TOKEN_RPAREN, "an operator or `)`", NULL);
}

bool rune_dl_parse_operand(struct rune_dl_parser *parser, struct rune_dl_expr *ret_expr)
{
    switch (rune_dl_peek(parser, 0)->kind) {
    case RUNE_DL_TOKEN_VARIABLE:
        return parse_variable(parser, ret_expr);
    case RUNE_DL_TOKEN_NAME:
        return parse_name(parser, ret_expr);
    case RUNE_DL_TOKEN_INTEGER:
        return rune_dl_parse_integer(parser, parser->at, false, ret_expr);
    case RUNE_DL_TOKEN_FLOAT:
        return rune_dl_parse_float(parser, parser->at, false, ret_expr);
    case RUNE_DL_TOKEN_STRING:
        return parse_string(parser, ret_expr);
    case RUNE_DL_TOKEN_LPAREN:
        return parse_parens(parser, ret_expr);
    case RUNE_DL_TOKEN_LBRACKET:
        if (parser->dialect == RUNE_DL_BUNDLE) {
            return parse_list(parser, ret_expr);
        }
        break;
    default:
        break;
    }
    rune_dl_fail_expected(parser, "a value", "a variable, a number, a string or a name");
    return false;
}
