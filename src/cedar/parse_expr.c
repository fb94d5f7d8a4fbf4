/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: one function a level of the grammar.
 *
 *     expr     := or | 'if' expr 'then' expr 'else' expr
 *     or       := and {'||' and}
 *     and      := relation {'&&' relation}
 *     relation := add [relop add | 'has' path | 'like' pattern | 'is' type ['in' add]]
 *     add      := mult {('+' | '-') mult}
 *     mult     := unary {'*' unary}
 *     unary    := up to four '!' or four '-', then member
 *     member   := primary {'.' name ['(' args ')'] | '[' string ']'} */
#include <stdlib.h>
#include <string.h>

#include "cedar/foreign.h"
#include "cedar/parser_int.h"
#include "cedar/unescape.h"

static struct rune_cedar_expr *read_add(struct rune_cedar_parser *parser);

/* ---- making nodes ---- */

static struct rune_cedar_expr *make(struct rune_cedar_parser *parser,
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

static struct rune_cedar_expr *make_args(struct rune_cedar_parser *parser,
                                         enum rune_cedar_expr_kind kind, uint32_t start,
                                         struct rune_cedar_expr *const *args, uint32_t count)
{
    struct rune_cedar_expr *expr = make(parser, kind, start);
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

static struct rune_cedar_expr *make_unary(struct rune_cedar_parser *parser,
                                          enum rune_cedar_expr_kind kind, uint32_t start,
                                          struct rune_cedar_expr *operand)
{
    return make_args(parser, kind, start, &operand, 1);
}

static struct rune_cedar_expr *make_binary(struct rune_cedar_parser *parser,
                                           enum rune_cedar_expr_kind kind, uint32_t start,
                                           struct rune_cedar_expr *left,
                                           struct rune_cedar_expr *right)
{
    return make_args(parser, kind, start, (struct rune_cedar_expr *[]){left, right}, 2);
}

/* A mistake of meaning was reported: something to go on with. */
static struct rune_cedar_expr *stand_in(struct rune_cedar_parser *parser, uint32_t start)
{
    return make(parser, RUNE_EXPR_BOOL, start);
}

/* ---- lists ---- */

/* `expr, expr, ... close` pushed on parser->exprs; the opening bracket, at `open`, has been read.
 */
static bool read_list(struct rune_cedar_parser *parser, enum rune_cedar_token_kind close,
                      uint32_t open)
{
    while (!rune_cedar_at(parser, close)) {
        struct rune_cedar_expr *item = rune_cedar_read_expr(parser);
        if (item == NULL) {
            return false;
        }
        if (!RUNE_VEC_PUSH(&parser->exprs, item)) {
            return rune_cedar_nomem(parser);
        }
        if (!rune_cedar_accept(parser, RUNE_TOKEN_COMMA)) {
            break;
        }
    }
    return rune_cedar_expect_close(parser, close, open);
}

static struct rune_cedar_expr *read_set(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    size_t first = parser->exprs.count;
    struct rune_cedar_expr *set = NULL;
    rune_cedar_advance(parser);
    if (read_list(parser, RUNE_TOKEN_RBRACKET, start)) {
        set = make_args(parser, RUNE_EXPR_SET, start, parser->exprs.items + first,
                        (uint32_t)(parser->exprs.count - first));
    }
    parser->exprs.count = first;
    return set;
}

/* ---- records ---- */

static bool read_record_key(struct rune_cedar_parser *parser, struct rune_str *ret_key)
{
    if (rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
        return rune_cedar_read_string(parser, ret_key);
    }
    return rune_cedar_read_ident(parser, "an attribute name", ret_key);
}

struct key_place {
    struct rune_str key;
    uint32_t index;
};

static int compare_keys(const void *a, const void *b)
{
    return rune_str_compare(((const struct key_place *)a)->key, ((const struct key_place *)b)->key);
}

/* Keys must be distinct. Cost: O(n log n). */
static bool check_keys(struct rune_cedar_parser *parser, const struct rune_str *keys,
                       uint32_t count, uint32_t start)
{
    if (count < 2) {
        return true;
    }
    struct rune_arena_mark mark = rune_arena_mark(parser->arena);
    struct key_place *places = RUNE_ARENA_ARRAY(parser->arena, struct key_place, count);
    if (places == NULL) {
        return rune_cedar_nomem(parser);
    }
    for (uint32_t i = 0; i < count; i++) {
        places[i] = (struct key_place){keys[i], i};
    }
    qsort(places, count, sizeof *places, compare_keys);
    for (uint32_t i = 1; i < count; i++) {
        if (rune_str_equal(places[i - 1].key, places[i].key)) {
            rune_cedar_error(parser, "RUNE-C0412", rune_cedar_span_from(parser, start),
                             "keep one of them", "this record has the key `%.*s` twice",
                             RUNE_STR_ARG(places[i].key));
            break;
        }
    }
    rune_arena_rewind(parser->arena, mark);
    return true;
}

/* `key: value, ... }` onto both stacks. */
static bool read_record_items(struct rune_cedar_parser *parser, uint32_t open)
{
    while (!rune_cedar_at(parser, RUNE_TOKEN_RBRACE)) {
        struct rune_str key;
        if (!rune_cedar_at(parser, RUNE_TOKEN_STRING) && !rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
            rune_cedar_expected(parser, "an attribute name or `}`",
                                "a record is written {name: value, \"name\": value}");
            return false;
        }
        if (!read_record_key(parser, &key)) {
            return false;
        }
        if (!RUNE_VEC_PUSH(&parser->names, key)) {
            return rune_cedar_nomem(parser);
        }
        if (!rune_cedar_expect(parser, RUNE_TOKEN_COLON, NULL)) {
            return false;
        }
        struct rune_cedar_expr *value = rune_cedar_read_expr(parser);
        if (value == NULL) {
            return false;
        }
        if (!RUNE_VEC_PUSH(&parser->exprs, value)) {
            return rune_cedar_nomem(parser);
        }
        if (!rune_cedar_accept(parser, RUNE_TOKEN_COMMA)) {
            break;
        }
    }
    return rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACE, open);
}

static struct rune_cedar_expr *read_record(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    size_t first_name = parser->names.count;
    size_t first_expr = parser->exprs.count;
    struct rune_cedar_expr *record = NULL;
    rune_cedar_advance(parser);
    if (!read_record_items(parser, start)) {
        goto out;
    }
    uint32_t count = (uint32_t)(parser->names.count - first_name);
    const struct rune_str *keys = parser->names.items + first_name;
    if (!check_keys(parser, keys, count, start)) {
        goto out;
    }
    record = make_args(parser, RUNE_EXPR_RECORD, start, parser->exprs.items + first_expr, count);
    if (record != NULL && count > 0) {
        record->as.path.count = count;
        record->as.path.names = rune_arena_memdup(parser->arena, keys, count * sizeof *keys);
        if (record->as.path.names == NULL) {
            rune_cedar_nomem(parser);
            record = NULL;
        }
    }
out:
    parser->names.count = first_name;
    parser->exprs.count = first_expr;
    return record;
}

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
            make_args(parser, RUNE_EXPR_CALL, start, parser->exprs.items + first,
                      (uint32_t)(parser->exprs.count - first));
        if (call != NULL) {
            call->as.call.function = (uint32_t)function;
            call->as.call.is_method = style == CALL_METHOD;
        }
        return call;
    }
    return stand_in(parser, start);
}

/* `name(` was seen: the current token is the bracket. */
static struct rune_cedar_expr *read_function(struct rune_cedar_parser *parser,
                                             const struct rune_cedar_name *name)
{
    size_t first = parser->exprs.count;
    uint32_t open = parser->token.offset;
    struct rune_cedar_expr *call = NULL;
    rune_cedar_advance(parser);
    if (read_list(parser, RUNE_TOKEN_RPAREN, open)) {
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
        return stand_in(parser, start);
    }
    return make_args(parser, methods[method].kind, start, parser->exprs.items + first, count);
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
    if (read_list(parser, RUNE_TOKEN_RPAREN, open)) {
        call = finish_method(parser, name, name_span, start, first);
    }
    parser->exprs.count = first;
    return call;
}

/* ---- primaries ---- */

static struct rune_cedar_expr *read_string_literal(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    struct rune_str text;
    if (!rune_cedar_read_string(parser, &text)) {
        return NULL;
    }
    struct rune_cedar_expr *expr = make(parser, RUNE_EXPR_STRING, start);
    if (expr != NULL) {
        expr->as.string = text;
    }
    return expr;
}

/* What to do about a name that is no variable. */
static const char *advise_name(struct rune_cedar_parser *parser, struct rune_str name,
                               bool is_qualified)
{
    static const struct rune_str variables[] = {
        {"principal", 9}, {"action", 6}, {"resource", 8}, {"context", 7}};
    const char *help = is_qualified ? NULL : rune_foreign_help(RUNE_FOREIGN_EXPR, name);
    if (help != NULL) {
        return help;
    }
    struct rune_str nearest = rune_str_nearest(name, variables, 4);
    if (nearest.length > 0) {
        return rune_arena_printf(parser->arena, "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
    }
    if (is_qualified || (name.data[0] >= 'A' && name.data[0] <= 'Z')) { /* so types are named */
        return rune_arena_printf(
            parser->arena, "an entity needs its id: %.*s::\"...\"; a type is tested with `is`",
            RUNE_STR_ARG(name));
    }
    return "the variables are principal, action, resource and context; strings stand in quotes";
}

static struct rune_cedar_expr *report_unknown_name(struct rune_cedar_parser *parser,
                                                   const struct rune_cedar_name *name)
{
    rune_cedar_error(parser, "RUNE-C0401", name->span,
                     advise_name(parser, name->uid.type, name->is_qualified),
                     "`%.*s` is no variable", RUNE_STR_ARG(name->uid.type));
    /* where another operand follows, the name was meant as an operator: one message is enough */
    bool is_operator = rune_cedar_at(parser, RUNE_TOKEN_NUMBER) ||
                       rune_cedar_at(parser, RUNE_TOKEN_STRING) ||
                       (rune_cedar_at(parser, RUNE_TOKEN_IDENT) &&
                        !rune_cedar_word_is_reserved((enum rune_cedar_word)parser->token.word));
    return is_operator ? NULL : stand_in(parser, name->span.offset);
}

static struct rune_cedar_expr *read_name_primary(struct rune_cedar_parser *parser)
{
    struct rune_cedar_name name;
    if (!rune_cedar_read_name(parser, &name)) {
        return NULL;
    }
    uint32_t start = name.span.offset;
    if (name.kind == RUNE_CEDAR_UID) {
        struct rune_cedar_expr *expr = make(parser, RUNE_EXPR_ENTITY, start);
        if (expr != NULL) {
            expr->as.uid = name.uid;
        }
        return expr;
    }
    bool is_variable =
        !name.is_qualified && name.word >= RUNE_WORD_PRINCIPAL && name.word <= RUNE_WORD_CONTEXT;
    if (is_variable) {
        struct rune_cedar_expr *expr = make(parser, RUNE_EXPR_VAR, start);
        if (expr != NULL) {
            expr->as.var = (enum rune_cedar_var)(name.word - RUNE_WORD_PRINCIPAL);
        }
        return expr;
    }
    if (rune_cedar_at(parser, RUNE_TOKEN_LPAREN)) {
        return read_function(parser, &name);
    }
    if (!name.is_qualified && rune_cedar_word_is_reserved(name.word)) {
        return stand_in(parser, start); /* reported by read_name */
    }
    return report_unknown_name(parser, &name);
}

static struct rune_cedar_expr *read_bool(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    bool value = parser->token.word == RUNE_WORD_TRUE;
    struct rune_cedar_token word = parser->token;
    rune_cedar_advance(parser);
    if (rune_cedar_at(parser, RUNE_TOKEN_PATH)) {
        rune_cedar_error(parser, "RUNE-C0202",
                         (struct rune_span){parser->lexer.source, word.offset, word.length}, NULL,
                         "`%s` is a reserved word and cannot be part of a name",
                         value ? "true" : "false");
        return NULL;
    }
    struct rune_cedar_expr *expr = make(parser, RUNE_EXPR_BOOL, start);
    if (expr != NULL) {
        expr->as.boolean = value;
    }
    return expr;
}

/* The value of a number token; false if it does not fit 64 bits. */
static bool number_value(const struct rune_cedar_parser *parser, uint64_t *ret_value)
{
    struct rune_str text = rune_cedar_text(parser, parser->token);
    uint64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value)) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

/* The number at the current token, negated if `start` lies before it. */
static struct rune_cedar_expr *read_number(struct rune_cedar_parser *parser, uint32_t start)
{
    bool is_negative = start != parser->token.offset;
    uint64_t value = 0;
    bool fits = number_value(parser, &value) && value <= (uint64_t)INT64_MAX + is_negative;
    if (!fits) {
        rune_cedar_error(parser, "RUNE-C0104", rune_cedar_token_span(parser),
                         "integers go from -9223372036854775808 to 9223372036854775807",
                         "this integer is too large");
        value = 0;
    }
    rune_cedar_advance(parser);
    struct rune_cedar_expr *expr = make(parser, RUNE_EXPR_LONG, start);
    if (expr != NULL) {
        expr->as.integer = (int64_t)(is_negative ? 0 - value : value);
    }
    return expr;
}

static struct rune_cedar_expr *read_slot(struct rune_cedar_parser *parser)
{
    struct rune_str name = rune_cedar_text(parser, parser->token);
    rune_cedar_error(parser, "RUNE-C0414", rune_cedar_token_span(parser),
                     "compare it in the scope: permit(principal == ?principal, ...)",
                     "the slot `%.*s` cannot stand in a condition", RUNE_STR_ARG(name));
    rune_cedar_advance(parser);
    return stand_in(parser, parser->last_end);
}

static struct rune_cedar_expr *read_parentheses(struct rune_cedar_parser *parser)
{
    uint32_t open = parser->token.offset;
    rune_cedar_advance(parser);
    struct rune_cedar_expr *expr = rune_cedar_read_expr(parser);
    if (expr == NULL || !rune_cedar_expect_close(parser, RUNE_TOKEN_RPAREN, open)) {
        return NULL;
    }
    return expr;
}

static struct rune_cedar_expr *read_primary(struct rune_cedar_parser *parser)
{
    switch ((enum rune_cedar_token_kind)parser->token.kind) {
    case RUNE_TOKEN_IDENT:
        if (parser->token.word == RUNE_WORD_TRUE || parser->token.word == RUNE_WORD_FALSE) {
            return read_bool(parser);
        }
        if (parser->token.word == RUNE_WORD_IF) {
            rune_cedar_error(parser, "RUNE-C0201", rune_cedar_token_span(parser),
                             "put parentheses around the whole `if .. then .. else ..`",
                             "`if` cannot be an operand without parentheses");
            return NULL;
        }
        return read_name_primary(parser);
    case RUNE_TOKEN_STRING:
        return read_string_literal(parser);
    case RUNE_TOKEN_NUMBER:
        return read_number(parser, parser->token.offset);
    case RUNE_TOKEN_SLOT:
        return read_slot(parser);
    case RUNE_TOKEN_LPAREN:
        return read_parentheses(parser);
    case RUNE_TOKEN_LBRACKET:
        return read_set(parser);
    case RUNE_TOKEN_LBRACE:
        return read_record(parser);
    default:
        rune_cedar_expected(parser, "an expression", NULL);
        return NULL;
    }
}

/* ---- members ---- */

static struct rune_cedar_expr *make_attr(struct rune_cedar_parser *parser,
                                         struct rune_cedar_expr *object, struct rune_str name,
                                         uint32_t start)
{
    struct rune_cedar_expr *expr = make_unary(parser, RUNE_EXPR_GET_ATTR, start, object);
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

static struct rune_cedar_expr *read_member(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    struct rune_cedar_expr *expr = read_primary(parser);
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

/* ---- operators ---- */

static struct rune_cedar_expr *read_unary(struct rune_cedar_parser *parser)
{
    uint8_t kind = parser->token.kind;
    if (kind != RUNE_TOKEN_BANG && kind != RUNE_TOKEN_MINUS) {
        return read_member(parser);
    }
    uint32_t places[4];
    uint32_t count = 0;
    while (parser->token.kind == kind) {
        if (count == 4) {
            rune_cedar_error(parser, "RUNE-C0206", rune_cedar_token_span(parser),
                             "an even number of them says nothing",
                             "at most four `%c` can follow each other",
                             kind == RUNE_TOKEN_BANG ? '!' : '-');
            return NULL;
        }
        places[count++] = parser->token.offset;
        rune_cedar_advance(parser);
    }
    struct rune_cedar_expr *expr;
    if (kind == RUNE_TOKEN_MINUS && rune_cedar_at(parser, RUNE_TOKEN_NUMBER)) {
        /* `-1` is a literal, unless the number has members: `-1.a` negates `1.a`. */
        struct rune_cedar_parser saved = *parser;
        rune_cedar_advance(parser);
        bool has_members = rune_cedar_at(parser, RUNE_TOKEN_DOT) ||
                           rune_cedar_at(parser, RUNE_TOKEN_LBRACKET) ||
                           rune_cedar_at(parser, RUNE_TOKEN_LPAREN);
        parser->lexer = saved.lexer;
        parser->token = saved.token;
        parser->last_end = saved.last_end;
        expr = has_members ? read_member(parser) : read_number(parser, places[--count]);
    } else {
        expr = read_member(parser);
    }
    while (expr != NULL && count > 0) {
        expr = make_unary(parser, kind == RUNE_TOKEN_BANG ? RUNE_EXPR_NOT : RUNE_EXPR_NEG,
                          places[--count], expr);
    }
    return expr;
}

static struct rune_cedar_expr *read_mult(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    struct rune_cedar_expr *expr = read_unary(parser);
    while (expr != NULL) {
        if (rune_cedar_at(parser, RUNE_TOKEN_SLASH) || rune_cedar_at(parser, RUNE_TOKEN_PERCENT)) {
            rune_cedar_error(parser, "RUNE-C0207", rune_cedar_token_span(parser),
                             "multiply the other side instead", "Cedar has no %s",
                             rune_cedar_at(parser, RUNE_TOKEN_SLASH) ? "division" : "remainder");
        } else if (!rune_cedar_at(parser, RUNE_TOKEN_STAR)) {
            break;
        }
        rune_cedar_advance(parser);
        struct rune_cedar_expr *right = read_unary(parser);
        expr = right == NULL ? NULL : make_binary(parser, RUNE_EXPR_MUL, start, expr, right);
    }
    return expr;
}

static struct rune_cedar_expr *read_add(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    struct rune_cedar_expr *expr = read_mult(parser);
    while (expr != NULL &&
           (rune_cedar_at(parser, RUNE_TOKEN_PLUS) || rune_cedar_at(parser, RUNE_TOKEN_MINUS))) {
        enum rune_cedar_expr_kind kind =
            rune_cedar_at(parser, RUNE_TOKEN_PLUS) ? RUNE_EXPR_ADD : RUNE_EXPR_SUB;
        rune_cedar_advance(parser);
        struct rune_cedar_expr *right = read_mult(parser);
        expr = right == NULL ? NULL : make_binary(parser, kind, start, expr, right);
    }
    return expr;
}

/* ---- relations ---- */

static bool relation_kind(const struct rune_cedar_parser *parser,
                          enum rune_cedar_expr_kind *ret_kind)
{
    switch ((enum rune_cedar_token_kind)parser->token.kind) {
    case RUNE_TOKEN_EQ:
    case RUNE_TOKEN_ASSIGN: /* reported by its reader */
        *ret_kind = RUNE_EXPR_EQ;
        return true;
    case RUNE_TOKEN_NE:
        *ret_kind = RUNE_EXPR_NE;
        return true;
    case RUNE_TOKEN_LT:
        *ret_kind = RUNE_EXPR_LT;
        return true;
    case RUNE_TOKEN_LE:
        *ret_kind = RUNE_EXPR_LE;
        return true;
    case RUNE_TOKEN_GT:
        *ret_kind = RUNE_EXPR_GT;
        return true;
    case RUNE_TOKEN_GE:
        *ret_kind = RUNE_EXPR_GE;
        return true;
    case RUNE_TOKEN_IDENT:
        *ret_kind = RUNE_EXPR_IN;
        return parser->token.word == RUNE_WORD_IN;
    default:
        return false;
    }
}

/* After `has`: a string, or names joined by dots. */
static bool read_has_path(struct rune_cedar_parser *parser, struct rune_cedar_path *ret_path)
{
    size_t first = parser->names.count;
    struct rune_str name;
    bool is_string = rune_cedar_at(parser, RUNE_TOKEN_STRING);
    if (!is_string && !rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        rune_cedar_expected(parser, "an attribute name",
                            "after `has` stands a name, names joined by `.`, or a string");
        return false;
    }
    bool more = true;
    while (more) {
        bool ok = is_string ? rune_cedar_read_string(parser, &name)
                            : rune_cedar_read_ident(parser, "an attribute name", &name);
        if (!ok) {
            parser->names.count = first;
            return false;
        }
        if (!RUNE_VEC_PUSH(&parser->names, name)) {
            return rune_cedar_nomem(parser);
        }
        more = !is_string && rune_cedar_accept(parser, RUNE_TOKEN_DOT);
    }
    if (is_string && rune_cedar_at(parser, RUNE_TOKEN_DOT)) {
        parser->names.count = first;
        rune_cedar_expected(parser, "one attribute after `has` in quotes",
                            "names that `.` joins stand without quotes: has a.b");
        return false;
    }
    ret_path->count = (uint32_t)(parser->names.count - first);
    ret_path->names = rune_arena_memdup(parser->arena, parser->names.items + first,
                                        ret_path->count * sizeof name);
    parser->names.count = first;
    return ret_path->names != NULL || rune_cedar_nomem(parser);
}

static struct rune_cedar_expr *read_has(struct rune_cedar_parser *parser,
                                        struct rune_cedar_expr *object, uint32_t start)
{
    struct rune_cedar_path path;
    rune_cedar_advance(parser);
    if (!read_has_path(parser, &path)) {
        return NULL;
    }
    struct rune_cedar_expr *expr = make_unary(parser, RUNE_EXPR_HAS, start, object);
    if (expr != NULL) {
        expr->as.path = path;
    }
    return expr;
}

static struct rune_cedar_expr *read_like(struct rune_cedar_parser *parser,
                                         struct rune_cedar_expr *text, uint32_t start)
{
    struct rune_cedar_pattern pattern = {NULL, 0};
    rune_cedar_advance(parser);
    if (rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
        enum rune_err err = rune_cedar_unescape_pattern(rune_cedar_token_span(parser),
                                                        parser->arena, &pattern, parser->diag);
        if (err == RUNE_E_NOMEM) {
            rune_cedar_nomem(parser);
            return NULL;
        }
        parser->errors += err != RUNE_OK;
        rune_cedar_advance(parser);
    } else {
        uint32_t from = parser->token.offset;
        struct rune_diag *diag = parser->diag;
        parser->diag = NULL; /* its mistakes are not what is wrong */
        read_add(parser);
        parser->diag = diag;
        rune_cedar_error(parser, "RUNE-C0409", rune_cedar_span_from(parser, from),
                         "a pattern is a string literal with `*` for any text: \"*.txt\"",
                         "`like` wants a pattern, not an expression");
    }
    struct rune_cedar_expr *expr = make_unary(parser, RUNE_EXPR_LIKE, start, text);
    if (expr != NULL) {
        expr->as.pattern = pattern;
    }
    return expr;
}

static struct rune_cedar_expr *read_is(struct rune_cedar_parser *parser,
                                       struct rune_cedar_expr *entity, uint32_t start)
{
    struct rune_cedar_expr *args[2] = {entity, NULL};
    struct rune_str type;
    rune_cedar_advance(parser);
    if (!rune_cedar_read_type(parser, &type)) {
        return NULL;
    }
    uint32_t count = 1;
    if (rune_cedar_at_word(parser, RUNE_WORD_IN)) {
        rune_cedar_advance(parser);
        args[count++] = read_add(parser);
        if (args[1] == NULL) {
            return NULL;
        }
    }
    struct rune_cedar_expr *expr = make_args(parser, RUNE_EXPR_IS, start, args, count);
    if (expr != NULL) {
        expr->as.name = type;
    }
    return expr;
}

/* The operator at the current token is read; `=`, and the operators of other languages that begin
 * like one of Cedar's, are reported. */
static void read_operator(struct rune_cedar_parser *parser)
{
    static const struct {
        uint8_t first, second;
        const char *text, *help;
    } others[] = {
        {RUNE_TOKEN_EQ, RUNE_TOKEN_ASSIGN, "===", "compare with `==`"},
        {RUNE_TOKEN_NE, RUNE_TOKEN_ASSIGN, "!==", "compare with `!=`"},
        {RUNE_TOKEN_ASSIGN, RUNE_TOKEN_GT, "=>", "write `>=`"},
        {RUNE_TOKEN_ASSIGN, RUNE_TOKEN_LT, "=<", "write `<=`"},
        {RUNE_TOKEN_LT, RUNE_TOKEN_GT, "<>", "write `!=`"},
    };
    struct rune_cedar_token token = parser->token;
    rune_cedar_advance(parser);
    bool is_glued = parser->token.offset == token.offset + token.length;
    for (size_t i = 0; is_glued && i < sizeof others / sizeof others[0]; i++) {
        if (others[i].first == token.kind && others[i].second == parser->token.kind) {
            rune_cedar_advance(parser);
            rune_cedar_error(parser, "RUNE-C0204", rune_cedar_span_from(parser, token.offset),
                             others[i].help, "`%s` is no operator", others[i].text);
            return;
        }
    }
    if (token.kind == RUNE_TOKEN_ASSIGN) {
        rune_cedar_error(parser, "RUNE-C0204", rune_cedar_span_from(parser, token.offset),
                         "compare with `==`", "`=` is no operator");
    }
}

static struct rune_cedar_expr *read_comparison(struct rune_cedar_parser *parser,
                                               enum rune_cedar_expr_kind kind,
                                               struct rune_cedar_expr *left, uint32_t start)
{
    read_operator(parser);
    struct rune_cedar_expr *right = read_add(parser);
    return right == NULL ? NULL : make_binary(parser, kind, start, left, right);
}

static bool at_relation(const struct rune_cedar_parser *parser)
{
    enum rune_cedar_expr_kind kind;
    return relation_kind(parser, &kind) || rune_cedar_at_word(parser, RUNE_WORD_HAS) ||
           rune_cedar_at_word(parser, RUNE_WORD_LIKE) || rune_cedar_at_word(parser, RUNE_WORD_IS);
}

static struct rune_cedar_expr *read_relation(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    struct rune_cedar_expr *expr = read_add(parser);
    if (expr == NULL || !at_relation(parser)) {
        return expr;
    }
    enum rune_cedar_expr_kind kind;
    if (relation_kind(parser, &kind)) {
        expr = read_comparison(parser, kind, expr, start);
    } else if (rune_cedar_at_word(parser, RUNE_WORD_HAS)) {
        expr = read_has(parser, expr, start);
    } else if (rune_cedar_at_word(parser, RUNE_WORD_LIKE)) {
        expr = read_like(parser, expr, start);
    } else {
        expr = read_is(parser, expr, start);
    }
    if (expr != NULL && at_relation(parser)) {
        rune_cedar_error(
            parser, "RUNE-C0205", rune_cedar_token_span(parser),
            "say with parentheses what is meant: (a == b) == c, or join the tests with `&&`",
            "relations do not chain");
        return NULL;
    }
    return expr;
}

static struct rune_cedar_expr *read_and(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    struct rune_cedar_expr *expr = read_relation(parser);
    while (expr != NULL && rune_cedar_accept(parser, RUNE_TOKEN_AND)) {
        struct rune_cedar_expr *right = read_relation(parser);
        expr = right == NULL ? NULL : make_binary(parser, RUNE_EXPR_AND, start, expr, right);
    }
    return expr;
}

static struct rune_cedar_expr *read_or(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    struct rune_cedar_expr *expr = read_and(parser);
    while (expr != NULL && rune_cedar_accept(parser, RUNE_TOKEN_OR)) {
        struct rune_cedar_expr *right = read_and(parser);
        expr = right == NULL ? NULL : make_binary(parser, RUNE_EXPR_OR, start, expr, right);
    }
    return expr;
}

static bool expect_word(struct rune_cedar_parser *parser, enum rune_cedar_word word,
                        const char *what)
{
    if (!rune_cedar_at_word(parser, word)) {
        rune_cedar_expected(parser, what,
                            "a condition is written `if .. then .. else ..`, with all three parts");
        return false;
    }
    rune_cedar_advance(parser);
    return true;
}

static struct rune_cedar_expr *read_if(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    struct rune_cedar_expr *args[3];
    rune_cedar_advance(parser);
    if (rune_cedar_at(parser, RUNE_TOKEN_PATH)) {
        rune_cedar_error(parser, "RUNE-C0202", rune_cedar_span_from(parser, start), NULL,
                         "`if` is a reserved word and cannot be part of a name");
        return NULL;
    }
    bool ok = (args[0] = rune_cedar_read_expr(parser)) != NULL &&
              expect_word(parser, RUNE_WORD_THEN, "`then`") &&
              (args[1] = rune_cedar_read_expr(parser)) != NULL &&
              expect_word(parser, RUNE_WORD_ELSE, "`else`") &&
              (args[2] = rune_cedar_read_expr(parser)) != NULL;
    return ok ? make_args(parser, RUNE_EXPR_IF, start, args, 3) : NULL;
}

struct rune_cedar_expr *rune_cedar_read_expr(struct rune_cedar_parser *parser)
{
    if (parser->nesting == RUNE_CEDAR_MAX_NESTING) {
        parser->limit = true;
        rune_cedar_error(parser, "RUNE-C0105", rune_cedar_token_span(parser), "split the policy",
                         "this is nested deeper than %u levels", RUNE_CEDAR_MAX_NESTING);
        return NULL;
    }
    parser->nesting++;
    struct rune_cedar_expr *expr =
        rune_cedar_at_word(parser, RUNE_WORD_IF) ? read_if(parser) : read_or(parser);
    parser->nesting--;
    return expr;
}
