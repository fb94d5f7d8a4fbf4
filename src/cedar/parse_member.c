/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind a primary, and calls.
 *
 *     member := primary {'.' name ['(' args ')'] | '[' string ']'}
 *
 * Functions and methods share this file for their messages: each is mistaken for the other. */
#include "cedar/foreign.h"
#include "cedar/parse_expr_int.h"

/* ---- calls ---- */

struct function {
    struct rune_str name;
    bool is_method;
};

static const struct function functions[] = {
#define RUNE_FUNCTION(name, text, style, arity, result) \
    {{text, sizeof(text) - 1}, #style[0] == 'M'},
#include "cedar/functions.def"
#undef RUNE_FUNCTION
};

enum { FUNCTION_COUNT = sizeof functions / sizeof functions[0] };

static const struct {
    struct rune_str name;
    uint8_t arguments; /* beside the receiver */
    enum rune_cedar_expr_kind kind;
} methods[] = {
    {{"contains", 8}, 1, RUNE_EXPR_CONTAINS},
    {{"containsAll", 11}, 1, RUNE_EXPR_CONTAINS_ALL},
    {{"containsAny", 11}, 1, RUNE_EXPR_CONTAINS_ANY},
    {{"isEmpty", 7}, 0, RUNE_EXPR_IS_EMPTY},
    {{"hasTag", 6}, 1, RUNE_EXPR_HAS_TAG},
    {{"getTag", 6}, 1, RUNE_EXPR_GET_TAG},
};

enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

static int find_function(struct rune_str name)
{
    for (int i = 0; i < FUNCTION_COUNT; i++) {
        if (rune_str_equal(functions[i].name, name)) {
            return i;
        }
    }
    return -1;
}

static int find_method(struct rune_str name)
{
    for (int i = 0; i < METHOD_COUNT; i++) {
        if (rune_str_equal(methods[i].name, name)) {
            return i;
        }
    }
    return -1;
}

enum call_style { CALL_FUNCTION, CALL_METHOD };

/* "did you mean `x`?", or a list of all, in the arena. */
static const char *suggest(struct rune_cedar_parser *parser, struct rune_str name,
                           enum call_style style)
{
    struct rune_str candidates[FUNCTION_COUNT + METHOD_COUNT];
    size_t count = 0;
    const char *help =
        rune_foreign_help(style == CALL_METHOD ? RUNE_FOREIGN_METHOD : RUNE_FOREIGN_FUNCTION, name);
    if (help != NULL) {
        return help;
    }
    for (int i = 0; i < FUNCTION_COUNT; i++) {
        if (functions[i].is_method == (style == CALL_METHOD)) {
            candidates[count++] = functions[i].name;
        }
    }
    for (int i = 0; i < METHOD_COUNT && style == CALL_METHOD; i++) {
        candidates[count++] = methods[i].name;
    }
    struct rune_str nearest = rune_str_nearest(name, candidates, count);
    if (nearest.length > 0) {
        const char *text =
            rune_arena_printf(parser->arena, "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
        return text; /* NULL: no advice then */
    }
    return style == CALL_FUNCTION ? "the functions are ip, decimal, datetime and duration"
                                  : "sets have contains, containsAll, containsAny and isEmpty; "
                                    "entities hasTag and getTag";
}

/* Arguments follow; the name at `name_span` was read. Receiver NULL: a function. */
static struct rune_cedar_expr *finish_extension(struct rune_cedar_parser *parser,
                                                struct rune_str name, struct rune_span name_span,
                                                uint32_t start, size_t first, enum call_style style)
{
    int function = find_function(name);
    int method = find_method(name);
    bool is_method = method >= 0 || (function >= 0 && functions[function].is_method);
    if (style == CALL_FUNCTION && is_method) {
        const char *help = rune_arena_printf(
            parser->arena, "write it behind its object: x.%.*s(..)", RUNE_STR_ARG(name));
        rune_cedar_error(parser, "RUNE-C0405", name_span, help, "`%.*s` is a method, no function",
                         RUNE_STR_ARG(name));
    } else if (style == CALL_METHOD && function >= 0 && !functions[function].is_method) {
        const char *help = rune_arena_printf(parser->arena, "write %.*s(..)", RUNE_STR_ARG(name));
        rune_cedar_error(parser, "RUNE-C0404", name_span, help, "`%.*s` is a function, no method",
                         RUNE_STR_ARG(name));
    } else if (function < 0) {
        rune_cedar_error(parser, style == CALL_FUNCTION ? "RUNE-C0402" : "RUNE-C0403", name_span,
                         suggest(parser, name, style), "there is no %s `%.*s`",
                         style == CALL_FUNCTION ? "function" : "method", RUNE_STR_ARG(name));
    } else {
        struct rune_cedar_expr *call =
            rune_cedar_make_node(parser, RUNE_EXPR_CALL, start, parser->exprs.items + first,
                                 (uint32_t)(parser->exprs.count - first));
        if (call != NULL) {
            call->as.call.function = (uint32_t)function;
            call->as.call.is_method = style == CALL_METHOD;
        }
        return call;
    }
    return rune_cedar_make_stand_in(parser, start);
}

struct rune_cedar_expr *rune_cedar_read_function(struct rune_cedar_parser *parser,
                                                 const struct rune_cedar_name *name)
{
    size_t first = parser->exprs.count;
    uint32_t open = parser->token.offset;
    struct rune_cedar_expr *call = NULL;
    rune_cedar_advance(parser);
    if (rune_cedar_read_list(parser, RUNE_TOKEN_RPAREN, open)) {
        call = finish_extension(parser, name->uid.type, name->span, name->span.offset, first,
                                CALL_FUNCTION);
    }
    parser->exprs.count = first;
    return call;
}

/* The receiver is on the stack at `first`, its arguments behind it. */
static struct rune_cedar_expr *finish_method(struct rune_cedar_parser *parser, struct rune_str name,
                                             struct rune_span name_span, uint32_t start,
                                             size_t first)
{
    int method = find_method(name);
    if (method < 0) {
        return finish_extension(parser, name, name_span, start, first, CALL_METHOD);
    }
    uint32_t count = (uint32_t)(parser->exprs.count - first);
    if (count != methods[method].arguments + 1u) {
        rune_cedar_error(parser, "RUNE-C0406", name_span, NULL, "`%.*s` takes %s, but here are %u",
                         RUNE_STR_ARG(name),
                         methods[method].arguments == 0 ? "no argument" : "one argument",
                         count - 1);
        return rune_cedar_make_stand_in(parser, start);
    }
    return rune_cedar_make_node(parser, methods[method].kind, start, parser->exprs.items + first,
                                count);
}

static struct rune_cedar_expr *read_method(struct rune_cedar_parser *parser,
                                           struct rune_cedar_expr *receiver, struct rune_str name,
                                           struct rune_span name_span, uint32_t start)
{
    size_t first = parser->exprs.count;
    uint32_t open = parser->token.offset;
    struct rune_cedar_expr *call = NULL;
    rune_cedar_advance(parser);
    if (!RUNE_VEC_PUSH(&parser->exprs, receiver)) {
        rune_cedar_nomem(parser);
        return NULL;
    }
    if (rune_cedar_read_list(parser, RUNE_TOKEN_RPAREN, open)) {
        call = finish_method(parser, name, name_span, start, first);
    }
    parser->exprs.count = first;
    return call;
}

/* ---- members ---- */

static struct rune_cedar_expr *make_attr(struct rune_cedar_parser *parser,
                                         struct rune_cedar_expr *object, struct rune_str name,
                                         uint32_t start)
{
    struct rune_cedar_expr *expr = rune_cedar_make_unary(parser, RUNE_EXPR_GET_ATTR, start, object);
    if (expr != NULL) {
        expr->as.string = name;
    }
    return expr;
}

/* An expression where only a literal can stand: its mistakes are not what is wrong. */
static void skip_expr(struct rune_cedar_parser *parser)
{
    struct rune_diag *diag = parser->diag;
    parser->diag = NULL;
    rune_cedar_read_expr(parser);
    parser->diag = diag;
}

static void report_index(struct rune_cedar_parser *parser)
{
    uint32_t from = parser->token.offset;
    bool is_name = rune_cedar_at(parser, RUNE_TOKEN_IDENT);
    struct rune_str text = rune_cedar_text(parser, parser->token);
    skip_expr(parser);
    const char *help =
        "write the name as a string: x[\"name\"]; tags with computed keys: x.getTag(key)";
    if (is_name && parser->last_end - from == text.length) {
        help = rune_arena_printf(
            parser->arena, "write [\"%.*s\"] or .%.*s; tags with computed keys: x.getTag(key)",
            RUNE_STR_ARG(text), RUNE_STR_ARG(text));
    }
    rune_cedar_error(parser, "RUNE-C0411", rune_cedar_span_from(parser, from), help,
                     "only a string literal can stand in [ ]");
}

static struct rune_cedar_expr *read_index(struct rune_cedar_parser *parser,
                                          struct rune_cedar_expr *object, uint32_t start)
{
    uint32_t open = parser->token.offset;
    struct rune_str name = RUNE_STR("");
    rune_cedar_advance(parser);
    if (rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
        if (!rune_cedar_read_string(parser, &name)) {
            return NULL;
        }
    } else {
        report_index(parser);
    }
    if (!rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACKET, open)) {
        return NULL;
    }
    return make_attr(parser, object, name, start);
}

struct rune_cedar_expr *rune_cedar_read_member(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    struct rune_cedar_expr *expr = rune_cedar_read_primary(parser);
    while (expr != NULL) {
        if (rune_cedar_accept(parser, RUNE_TOKEN_DOT)) {
            struct rune_span span = rune_cedar_token_span(parser);
            struct rune_str name;
            if (rune_cedar_at(parser, RUNE_TOKEN_NUMBER) && expr->kind == RUNE_EXPR_LONG) {
                rune_cedar_expected(parser, "an attribute name",
                                    "a number with a fraction is a decimal: decimal(\"1.5\")");
                return NULL;
            }
            if (!rune_cedar_read_ident(parser, "an attribute name", &name)) {
                return NULL;
            }
            expr = rune_cedar_at(parser, RUNE_TOKEN_LPAREN)
                       ? read_method(parser, expr, name, span, start)
                       : make_attr(parser, expr, name, start);
        } else if (rune_cedar_at(parser, RUNE_TOKEN_LBRACKET)) {
            expr = read_index(parser, expr, start);
        } else if (rune_cedar_at(parser, RUNE_TOKEN_LPAREN)) {
            rune_cedar_error(parser, "RUNE-C0413", rune_cedar_span_from(parser, start),
                             "functions are called by name: ip(\"10.0.0.1\")",
                             "this cannot be called");
            return NULL;
        } else {
            break;
        }
    }
    return expr;
}
