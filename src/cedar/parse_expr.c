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
 *
 * Members are in parse_member.c. */
#include "cedar/parse_expr_int.h"
#include "cedar/unescape.h"

static struct rune_cedar_expr *read_add(struct rune_cedar_parser *parser);

/* ---- arithmetic and negation ---- */

static struct rune_cedar_expr *read_unary(struct rune_cedar_parser *parser)
{
    uint8_t kind = parser->token.kind;
    if (kind != RUNE_TOKEN_BANG && kind != RUNE_TOKEN_MINUS) {
        return rune_cedar_read_member(parser);
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
        expr = has_members ? rune_cedar_read_member(parser)
                           : rune_cedar_read_number(parser, places[--count]);
    } else {
        expr = rune_cedar_read_member(parser);
    }
    while (expr != NULL && count > 0) {
        expr = rune_cedar_make_unary(
            parser, kind == RUNE_TOKEN_BANG ? RUNE_EXPR_NOT : RUNE_EXPR_NEG, places[--count], expr);
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
        expr = right == NULL ? NULL
                             : rune_cedar_make_binary(parser, RUNE_EXPR_MUL, start, expr, right);
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
        expr = right == NULL ? NULL : rune_cedar_make_binary(parser, kind, start, expr, right);
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
    struct rune_cedar_expr *expr = rune_cedar_make_unary(parser, RUNE_EXPR_HAS, start, object);
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
    struct rune_cedar_expr *expr = rune_cedar_make_unary(parser, RUNE_EXPR_LIKE, start, text);
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
    struct rune_cedar_expr *expr = rune_cedar_make_node(parser, RUNE_EXPR_IS, start, args, count);
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
    return right == NULL ? NULL : rune_cedar_make_binary(parser, kind, start, left, right);
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
        expr = right == NULL ? NULL
                             : rune_cedar_make_binary(parser, RUNE_EXPR_AND, start, expr, right);
    }
    return expr;
}

static struct rune_cedar_expr *read_or(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    struct rune_cedar_expr *expr = read_and(parser);
    while (expr != NULL && rune_cedar_accept(parser, RUNE_TOKEN_OR)) {
        struct rune_cedar_expr *right = read_and(parser);
        expr =
            right == NULL ? NULL : rune_cedar_make_binary(parser, RUNE_EXPR_OR, start, expr, right);
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
    return ok ? rune_cedar_make_node(parser, RUNE_EXPR_IF, start, args, 3) : NULL;
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
