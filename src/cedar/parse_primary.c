/* SPDX-License-Identifier: Apache-2.0 */
/* What an expression is made of at the bottom.
 *
 *     primary := 'true' | 'false' | number | string | entity | variable | function '(' args ')'
 *              | '(' expr ')' | '[' args ']' | '{' [key ':' expr {',' key ':' expr}] '}' */
#include <stdlib.h>

#include "cedar/foreign.h"
#include "cedar/parse_expr_int.h"

/* ---- lists and sets ---- */

bool rune_cedar_read_list(struct rune_cedar_parser *parser, enum rune_cedar_token_kind close,
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
    if (rune_cedar_read_list(parser, RUNE_TOKEN_RBRACKET, start)) {
        set = rune_cedar_make_node(parser, RUNE_EXPR_SET, start, parser->exprs.items + first,
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
    record = rune_cedar_make_node(parser, RUNE_EXPR_RECORD, start, parser->exprs.items + first_expr,
                                  count);
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

/* ---- literals ---- */

static struct rune_cedar_expr *read_string_literal(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    struct rune_str text;
    if (!rune_cedar_read_string(parser, &text)) {
        return NULL;
    }
    struct rune_cedar_expr *expr = rune_cedar_make_leaf(parser, RUNE_EXPR_STRING, start);
    if (expr != NULL) {
        expr->as.string = text;
    }
    return expr;
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
    struct rune_cedar_expr *expr = rune_cedar_make_leaf(parser, RUNE_EXPR_BOOL, start);
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

struct rune_cedar_expr *rune_cedar_read_number(struct rune_cedar_parser *parser, uint32_t start)
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
    struct rune_cedar_expr *expr = rune_cedar_make_leaf(parser, RUNE_EXPR_LONG, start);
    if (expr != NULL) {
        expr->as.integer = (int64_t)(is_negative ? 0 - value : value);
    }
    return expr;
}

/* ---- names and slots ---- */
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
    return is_operator ? NULL : rune_cedar_make_stand_in(parser, name->span.offset);
}

static struct rune_cedar_expr *read_name_primary(struct rune_cedar_parser *parser)
{
    struct rune_cedar_name name;
    if (!rune_cedar_read_name(parser, &name)) {
        return NULL;
    }
    uint32_t start = name.span.offset;
    if (name.kind == RUNE_CEDAR_UID) {
        struct rune_cedar_expr *expr = rune_cedar_make_leaf(parser, RUNE_EXPR_ENTITY, start);
        const struct rune_cedar_uid *uid =
            rune_arena_memdup(parser->arena, &name.uid, sizeof name.uid);
        if (expr == NULL || uid == NULL) {
            rune_cedar_nomem(parser);
            return NULL;
        }
        expr->as.uid = uid;
        return expr;
    }
    bool is_variable =
        !name.is_qualified && name.word >= RUNE_WORD_PRINCIPAL && name.word <= RUNE_WORD_CONTEXT;
    if (is_variable) {
        struct rune_cedar_expr *expr = rune_cedar_make_leaf(parser, RUNE_EXPR_VAR, start);
        if (expr != NULL) {
            expr->as.var = (enum rune_cedar_var)(name.word - RUNE_WORD_PRINCIPAL);
        }
        return expr;
    }
    if (rune_cedar_at(parser, RUNE_TOKEN_LPAREN)) {
        return rune_cedar_read_function(parser, &name);
    }
    if (!name.is_qualified && rune_cedar_word_is_reserved(name.word)) {
        return rune_cedar_make_stand_in(parser, start); /* reported by read_name */
    }
    return report_unknown_name(parser, &name);
}

static struct rune_cedar_expr *read_slot(struct rune_cedar_parser *parser)
{
    struct rune_str name = rune_cedar_text(parser, parser->token);
    rune_cedar_error(parser, "RUNE-C0414", rune_cedar_token_span(parser),
                     "compare it in the scope: permit(principal == ?principal, ...)",
                     "the slot `%.*s` cannot stand in a condition", RUNE_STR_ARG(name));
    rune_cedar_advance(parser);
    return rune_cedar_make_stand_in(parser, parser->last_end);
}

/* ---- primaries ---- */

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

struct rune_cedar_expr *rune_cedar_read_primary(struct rune_cedar_parser *parser)
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
        return rune_cedar_read_number(parser, parser->token.offset);
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
