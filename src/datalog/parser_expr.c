/* SPDX-License-Identifier: Apache-2.0 */
/* parser_expr: expressions by precedence climbing in four levels: sum, product, sign, operand with
 * its suffixes. */
#include <stdio.h>
#include <stdlib.h>

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
           rune_dl_function_get(expr->as.function)->result == RUNE_DL_RESULT_BOOL;
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

/* ---- nodes ---- */

static struct rune_dl_expr *new_expr(struct rune_dl_parser *parser, enum rune_dl_expr_kind kind,
                                     uint32_t first_token)
{
    struct rune_dl_expr *expr = RUNE_ARENA_NEW(parser->arena, struct rune_dl_expr);
    if (expr == NULL) {
        parser->nomem = true;
        return NULL;
    }
    expr->kind = kind;
    expr->depth = 1;
    expr->span = rune_dl_span_since(parser, first_token);
    return expr;
}

static struct rune_dl_expr *set_depth(struct rune_dl_parser *parser, struct rune_dl_expr *expr)
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
    struct rune_dl_expr *expr = new_expr(parser, kind, first);
    struct rune_dl_expr **args = RUNE_ARENA_ARRAY(parser->arena, struct rune_dl_expr *, 2);
    if (expr == NULL || args == NULL) {
        parser->nomem = true;
        return NULL;
    }
    args[0] = left;
    args[1] = right;
    expr->args = args;
    expr->arg_count = count;
    return set_depth(parser, expr);
}

/* ---- operands ---- */

/* An integer token, maybe behind a minus. */
static struct rune_dl_expr *parse_integer(struct rune_dl_parser *parser, uint32_t first,
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
    struct rune_dl_expr *expr = new_expr(parser, RUNE_DL_LONG, first);
    if (expr != NULL) {
        expr->as.integer = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    }
    return expr;
}

static struct rune_dl_expr *parse_float(struct rune_dl_parser *parser, uint32_t first,
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
    struct rune_dl_expr *expr = new_expr(parser, RUNE_DL_FLOAT, first);
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
    struct rune_dl_expr *expr = new_expr(parser, RUNE_DL_STRING, first);
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
    struct rune_dl_expr *expr = new_expr(parser, RUNE_DL_ENTITY, first);
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
            : new_expr(parser, is_wildcard ? RUNE_DL_WILDCARD : RUNE_DL_VARIABLE, first);
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
    struct rune_dl_expr *list = new_expr(parser, RUNE_DL_LIST, first);
    if (list == NULL) {
        return NULL;
    }
    list->args = rune_dl_take_exprs(parser, begin, &list->arg_count);
    return set_depth(parser, list);
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
            struct rune_dl_expr *arg = rune_dl_parse_expr(parser);
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

static bool check_arity(struct rune_dl_parser *parser, const struct rune_dl_expr *call)
{
    const struct rune_dl_function_info *info = rune_dl_function_get(call->as.function);
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
    struct rune_dl_expr *call = new_expr(parser, RUNE_DL_CALL, first);
    if (call == NULL) {
        return NULL;
    }
    call->args = args;
    call->arg_count = count;
    call->as.function = function;
    return check_arity(parser, call) ? set_depth(parser, call) : NULL;
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
    struct rune_dl_expr *expr = new_expr(parser, is_bool ? RUNE_DL_BOOL : RUNE_DL_STRING, first);
    if (expr != NULL && is_bool) {
        expr->as.boolean = name.data[0] == 't';
    } else if (expr != NULL) {
        expr->as.string = name;
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

static struct rune_dl_expr *parse_primary(struct rune_dl_parser *parser)
{
    switch (rune_dl_peek(parser, 0)->kind) {
    case RUNE_DL_TOKEN_VARIABLE:
        return parse_variable(parser);
    case RUNE_DL_TOKEN_NAME:
        return parse_name(parser);
    case RUNE_DL_TOKEN_INTEGER:
        return parse_integer(parser, parser->at, false);
    case RUNE_DL_TOKEN_FLOAT:
        return parse_float(parser, parser->at, false);
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
    struct rune_dl_expr *call = new_expr(parser, RUNE_DL_CALL, first);
    if (call == NULL) {
        return NULL;
    }
    call->args = rune_dl_take_exprs(parser, begin, &call->arg_count);
    call->as.function = function;
    return !parser->nomem && check_arity(parser, call) ? set_depth(parser, call) : NULL;
}

static struct rune_dl_expr *parse_key(struct rune_dl_parser *parser, uint32_t first,
                                      struct rune_dl_expr *record)
{
    parser->at++; /* the bracket */
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    struct rune_str key;
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
    if (expr != NULL) {
        expr->as.string = key;
    }
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
    struct rune_dl_expr *expr = parse_primary(parser);
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
        return parse_integer(parser, first, true);
    }
    if (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_FLOAT) {
        return parse_float(parser, first, true);
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
        return parse_primary(parser);
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
