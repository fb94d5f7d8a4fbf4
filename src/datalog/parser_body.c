/* SPDX-License-Identifier: Apache-2.0 */
/* parser_body: bodies, conjunctions, groups, and literals of every kind, aggregates' braces among
 * them. What a literal is shows in its first token and behind its closing bracket.
 *
 * Lists under construction live on the parser's stacks and move to the arena when they are
 * complete. */
#include <stdio.h>

#include "datalog/functions.h"
#include "datalog/parser_int.h"

/* ---- lists to the arena ---- */

static bool take_literals(struct rune_dl_parser *parser, size_t begin,
                          struct rune_dl_body *ret_body)
{
    size_t count = parser->literals.count - begin;
    *ret_body = (struct rune_dl_body){0};
    if (count > 0) {
        ret_body->literals = rune_arena_memdup(parser->trees, parser->literals.items + begin,
                                               count * sizeof(parser->literals.items[0]));
        ret_body->count = (uint32_t)count;
        parser->nomem = parser->nomem || ret_body->literals == NULL;
    }
    parser->literals.count = begin;
    return !parser->nomem;
}

static bool take_bodies(struct rune_dl_parser *parser, size_t begin,
                        struct rune_dl_literal *literal)
{
    size_t count = parser->bodies.count - begin;
    literal->bodies = rune_arena_memdup(parser->trees, parser->bodies.items + begin,
                                        count * sizeof(parser->bodies.items[0]));
    literal->body_count = (uint32_t)count;
    parser->bodies.count = begin;
    parser->nomem = parser->nomem || literal->bodies == NULL;
    return !parser->nomem;
}

static bool set_args(struct rune_dl_parser *parser, struct rune_dl_literal *literal,
                     const struct rune_dl_expr *args, uint32_t count)
{
    literal->arg_count = count;
    literal->args = rune_arena_alloc(parser->trees, count * sizeof(args[0]));
    if (literal->args == NULL) {
        parser->nomem = true;
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        literal->args[i] = args[i];
    }
    return true;
}

/* ---- literals ---- */

static bool parse_atom(struct rune_dl_parser *parser, struct rune_dl_literal *literal)
{
    literal->kind = RUNE_DL_ATOM;
    literal->name = rune_dl_token_str(parser, rune_dl_peek(parser, 0));
    parser->at++;
    return rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_LPAREN ||
           rune_dl_parse_args(parser, &literal->args, &literal->arg_count);
}

static bool compare_operator(enum rune_dl_token_kind kind, enum rune_dl_compare *ret_compare)
{
    if (kind < RUNE_DL_TOKEN_EQ || kind > RUNE_DL_TOKEN_GE) {
        return false;
    }
    /* ORDER: tokens as enum rune_dl_compare */
    *ret_compare = (enum rune_dl_compare)(kind - RUNE_DL_TOKEN_EQ);
    return true;
}

static bool fail_negated(struct rune_dl_parser *parser, uint32_t first,
                         enum rune_dl_compare compare)
{
    /* ORDER: enum rune_dl_compare */
    static const char *const opposites[] = {"!=", "=", ">=", ">", "<=", "<"};
    char help[64];
    snprintf(help, sizeof(help), "write the comparison with `%s` instead", opposites[compare]);
    rune_dl_fail(parser, rune_dl_span_since(parser, first), "RUNE-D0108", help,
                 "`not` does not stand before a comparison");
    return false;
}

/* The braces of an aggregate: `sum` is the current token. */
static bool parse_aggregate(struct rune_dl_parser *parser, const struct rune_dl_expr *result,
                            struct rune_dl_literal *literal)
{
    struct rune_str name = rune_dl_token_str(parser, rune_dl_peek(parser, 0));
    struct rune_dl_expr args[2] = {*result};
    struct rune_dl_body body;
    literal->kind = RUNE_DL_AGGREGATE;
    if (!rune_dl_find_aggregate(name, &literal->aggregate)) {
        rune_dl_fail(parser, rune_dl_token_span(parser, rune_dl_peek(parser, 0)), "RUNE-D0113",
                     "the aggregates are count, sum, min, max and mean",
                     "there is no aggregate `%.*s`", (int)(name.length > 80 ? 80 : name.length),
                     name.data);
        return false;
    }
    if (result->kind >= RUNE_DL_LIST || result->kind == RUNE_DL_WILDCARD) {
        rune_dl_fail(parser, rune_dl_expr_span(parser->source, result), "RUNE-D0602",
                     "write `R = ...` and compare R",
                     "the result of an aggregate is a variable or a constant");
        return false;
    }
    parser->at += 2;
    if (!rune_dl_enter(parser)) {
        return false;
    }
    if (literal->aggregate != RUNE_DL_COUNT) {
        /* An atom here is the commonest slip: the value was forgotten. */
        if (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_NAME &&
            rune_dl_peek(parser, 1)->kind == RUNE_DL_TOKEN_LPAREN) {
            rune_dl_fail_expected(parser, "the value to aggregate and `:`",
                                  "like `sum { V : b(_, V) }`");
            return false;
        }
        if (!rune_dl_parse_expr(parser, &args[1]) ||
            !rune_dl_expect(parser, RUNE_DL_TOKEN_COLON, "`:` behind the value",
                            "like `sum { V : b(_, V) }`")) {
            return false;
        }
    }
    if (!rune_dl_parse_body(parser, &body)) {
        return false;
    }
    if (literal->aggregate == RUNE_DL_COUNT &&
        rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_COLON) {
        rune_dl_fail_expected(parser, "`,` or `}`", "count takes no value: `count { task(T, _) }`");
        return false;
    }
    parser->depth--;
    size_t begin = parser->bodies.count;
    return rune_dl_expect(parser, RUNE_DL_TOKEN_RBRACE, "`,` or `}`", NULL) &&
           RUNE_DL_PUSH(parser, &parser->bodies, body) && take_bodies(parser, begin, literal) &&
           set_args(parser, literal, args, literal->aggregate == RUNE_DL_COUNT ? 1 : 2);
}

/* `count : ...` and `sum V : ...`, as other languages write it. */
static bool at_bare_aggregate(const struct rune_dl_parser *parser)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    enum rune_dl_token_kind next = rune_dl_peek(parser, 1)->kind;
    enum rune_dl_aggregate aggregate;
    return token->kind == RUNE_DL_TOKEN_NAME &&
           (next == RUNE_DL_TOKEN_COLON || next == RUNE_DL_TOKEN_VARIABLE) &&
           rune_dl_find_aggregate(rune_dl_token_str(parser, token), &aggregate);
}

/* A variable compared with another or with a constant, as in most comparisons. */
static bool is_simple(const struct rune_dl_expr *left, const struct rune_dl_expr *right)
{
    bool has_variable = left->kind == RUNE_DL_VARIABLE || right->kind == RUNE_DL_VARIABLE;
    return has_variable && left->arg_count + right->arg_count == 0;
}

/* Behind the left side, args[0]; there is room for the right one. */
static bool parse_compare(struct rune_dl_parser *parser, struct rune_dl_expr *args,
                          struct rune_dl_literal *literal)
{
    enum rune_dl_compare again;
    if (rune_dl_is_test(&args[0])) {
        rune_dl_fail(parser, rune_dl_expr_span(parser->source, &args[0]), "RUNE-D0110",
                     "let it stand alone; `not` reverses it", "a test yields no value to compare");
        return false;
    }
    parser->at++;
    if (literal->compare == RUNE_DL_EQ && rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_NAME &&
        rune_dl_peek(parser, 1)->kind == RUNE_DL_TOKEN_LBRACE) {
        return parse_aggregate(parser, &args[0], literal);
    }
    if (literal->compare == RUNE_DL_EQ && at_bare_aggregate(parser)) {
        parser->at++;
        rune_dl_fail_expected(parser, "`{` behind the aggregate",
                              "like `N = count { task(T, _) }` or `S = sum { V : task(T, V) }`");
        return false;
    }
    parser->allow = literal->compare == RUNE_DL_EQ ? RUNE_DL_ALLOW_FUNCTION : 0;
    bool ok = rune_dl_parse_expr(parser, &args[1]);
    parser->allow = 0;
    if (!ok) {
        return false;
    }
    if (compare_operator(rune_dl_peek(parser, 0)->kind, &again)) {
        rune_dl_fail_expected(parser, "`,` or `.`",
                              "comparisons do not chain: write `0 < X, X < 3`");
        return false;
    }
    literal->kind = RUNE_DL_COMPARE;
    parser->has |= is_simple(&args[0], &args[1]) ? 0u : (unsigned)RUNE_DL_HAS_CONSTANT;
    return set_args(parser, literal, args, 2);
}

/* Likewise. */
static bool parse_in(struct rune_dl_parser *parser, struct rune_dl_expr *args,
                     struct rune_dl_literal *literal)
{
    parser->at++;
    parser->allow = RUNE_DL_ALLOW_LIST;
    bool ok = rune_dl_parse_expr(parser, &args[1]);
    parser->allow = 0;
    literal->kind = RUNE_DL_IN;
    return ok && set_args(parser, literal, args, 2);
}

/* `X is T`, and `X is T in F` as two literals: the first is pushed here. */
static bool parse_is(struct rune_dl_parser *parser, uint32_t first, struct rune_dl_expr *args,
                     struct rune_dl_literal *literal)
{
    parser->at++;
    literal->kind = RUNE_DL_IS;
    enum rune_dl_token_kind value = rune_dl_peek(parser, 0)->kind;
    enum rune_dl_token_kind next = rune_dl_peek(parser, 1)->kind;
    if (value == RUNE_DL_TOKEN_INTEGER ||
        (next >= RUNE_DL_TOKEN_PLUS && next <= RUNE_DL_TOKEN_SLASH)) {
        rune_dl_fail_expected(parser, "an entity type",
                              "`E is User` tests a type; what is computed is written `Y = X + 1`");
        return false;
    }
    if (!rune_dl_parse_type(parser, &literal->name) || !set_args(parser, literal, args, 1)) {
        return false;
    }
    if (rune_dl_peek(parser, 0)->word != RUNE_DL_WORD_IN) {
        return true;
    }
    if (literal->is_negated) {
        rune_dl_fail_expected(parser, "`,` or `.`",
                              "negate `is` and `in` one by one, or name the test as a relation");
        return false;
    }
    literal->span = rune_dl_span_since(parser, first);
    if (!RUNE_DL_PUSH(parser, &parser->literals, *literal)) {
        return false;
    }
    *literal = (struct rune_dl_literal){0};
    return parse_in(parser, args, literal);
}

/* Whether a comment cut the line off behind the current token's predecessor. */
static bool is_cut_by_comment(const struct rune_dl_parser *parser)
{
    if (parser->at == 0) {
        return false;
    }
    const struct rune_dl_token *last = rune_dl_peek(parser, 0) - 1;
    uint32_t at = last->offset + last->length;
    while (at < parser->source->length && parser->source->text[at] == ' ') {
        at++;
    }
    return at < parser->source->length && parser->source->text[at] == '%';
}

static const char *advice_behind_value(const struct rune_dl_parser *parser)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    if (is_cut_by_comment(parser)) {
        return "`%` begins a comment; the remainder of a division is `X mod 2`";
    }
    if (token->kind == RUNE_DL_TOKEN_DOT && token->match == 1) {
        return "an attribute is read by `entity.attr(E, \"name\", V)`, a record by `R[\"name\"]`";
    }
    return "like `X < 3`; a value alone says nothing";
}

/* A literal that begins with an expression. */
static bool parse_test(struct rune_dl_parser *parser, uint32_t first,
                       struct rune_dl_literal *literal)
{
    struct rune_dl_expr args[2]; /* the second for what may follow */
    parser->allow = RUNE_DL_ALLOW_TEST;
    bool ok = rune_dl_parse_expr(parser, &args[0]);
    parser->allow = 0;
    if (!ok) {
        return false;
    }
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    if (compare_operator(token->kind, &literal->compare)) {
        return literal->is_negated ? fail_negated(parser, first, literal->compare)
                                   : parse_compare(parser, args, literal);
    }
    if (parser->dialect == RUNE_DL_BUNDLE && token->word == RUNE_DL_WORD_IN) {
        return parse_in(parser, args, literal);
    }
    if (parser->dialect == RUNE_DL_BUNDLE && token->word == RUNE_DL_WORD_IS) {
        return parse_is(parser, first, args, literal);
    }
    if (!rune_dl_is_test(&args[0])) {
        rune_dl_fail_expected(parser, "a comparison behind the value", advice_behind_value(parser));
        return false;
    }
    literal->kind = RUNE_DL_TEST;
    literal->function = args[0].function;
    literal->name = rune_dl_function_get(args[0].function)->name;
    literal->args = args[0].args;
    literal->arg_count = args[0].arg_count;
    return true;
}

/* `(a ; b)`. A group without `;` gives its literals to the conjunction around it. */
static bool parse_group(struct rune_dl_parser *parser)
{
    struct rune_dl_body body;
    parser->at++;
    if (!rune_dl_enter(parser) || !rune_dl_parse_body(parser, &body)) {
        return false;
    }
    parser->depth--;
    if (!rune_dl_expect(parser, RUNE_DL_TOKEN_RPAREN, "`,`, `;` or `)`", NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < body.count; i++) {
        if (!RUNE_DL_PUSH(parser, &parser->literals, body.literals[i])) {
            return false;
        }
    }
    return true;
}

enum starts { STARTS_ATOM, STARTS_TEST, STARTS_GROUP };

/* What a literal is, by its first token and what stands behind its closing bracket. */
static enum starts classify(struct rune_dl_parser *parser)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    const struct rune_dl_token *open = token->kind == RUNE_DL_TOKEN_NAME ? token + 1 : token;
    if (token->kind != RUNE_DL_TOKEN_NAME && token->kind != RUNE_DL_TOKEN_LPAREN) {
        return STARTS_TEST;
    }
    if (open->kind != RUNE_DL_TOKEN_LPAREN) {
        return open->kind == RUNE_DL_TOKEN_PATH || rune_dl_is_operator(parser, open) ? STARTS_TEST
                                                                                     : STARTS_ATOM;
    }
    if (open->match == UINT32_MAX) {
        /* its parser reports the missing bracket */
        return token == open ? STARTS_GROUP : STARTS_ATOM;
    }
    const struct rune_dl_token *after = &parser->tokens.items[open->match + 1];
    if (rune_dl_is_operator(parser, after)) {
        return STARTS_TEST;
    }
    if (token == open) {
        return STARTS_GROUP;
    }
    bool is_method = after->kind == RUNE_DL_TOKEN_DOT && after->match == 1 &&
                     parser->dialect == RUNE_DL_BUNDLE &&
                     rune_dl_find_function(rune_dl_token_str(parser, token)) != RUNE_DL_FN_COUNT &&
                     rune_dl_find_method(rune_dl_token_str(parser, after + 1)) != RUNE_DL_FN_COUNT;
    return is_method ? STARTS_TEST : STARTS_ATOM;
}

static bool at_not(const struct rune_dl_parser *parser)
{
    return rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_BANG ||
           rune_dl_peek(parser, 0)->word == RUNE_DL_WORD_NOT;
}

static bool ends_literal(enum rune_dl_token_kind kind)
{
    return kind == RUNE_DL_TOKEN_END || kind == RUNE_DL_TOKEN_DOT || kind == RUNE_DL_TOKEN_COMMA ||
           kind == RUNE_DL_TOKEN_SEMICOLON || kind == RUNE_DL_TOKEN_RPAREN ||
           kind == RUNE_DL_TOKEN_RBRACE || kind == RUNE_DL_TOKEN_RBRACKET;
}

/* One literal (or a group's several) onto the stack. */
static bool parse_literal(struct rune_dl_parser *parser)
{
    uint32_t first = parser->at;
    struct rune_dl_literal literal = {.is_negated = at_not(parser)};
    parser->at += literal.is_negated ? 1 : 0;
    if (literal.is_negated && at_not(parser)) {
        rune_dl_fail_expected(parser, "an atom or a test behind `not`",
                              "a double negation says nothing: leave both out");
        return false;
    }
    if (ends_literal(rune_dl_peek(parser, 0)->kind)) {
        bool is_cut =
            literal.is_negated && (rune_dl_peek(parser, 0) - 1)->kind == RUNE_DL_TOKEN_BANG;
        rune_dl_fail_expected(parser, "an atom or a test",
                              is_cut ? "`!` is `not`; there is no cut, since order has no meaning"
                                     : "like `member(X, Y)` or `X < 3`");
        return false;
    }
    bool ok = false;
    switch (classify(parser)) {
    case STARTS_ATOM:
        ok = parse_atom(parser, &literal);
        break;
    case STARTS_TEST:
        ok = parse_test(parser, first, &literal);
        break;
    case STARTS_GROUP:
        if (!literal.is_negated) {
            return parse_group(parser);
        }
        rune_dl_fail_expected(parser, "an atom or a test behind `not`",
                              "give the group a name: a relation of its own, and negate that");
        break;
    }
    literal.span = rune_dl_span_since(parser, first);
    return ok && !parser->nomem && RUNE_DL_PUSH(parser, &parser->literals, literal);
}

static bool parse_conjunction(struct rune_dl_parser *parser, struct rune_dl_body *ret_body)
{
    size_t begin = parser->literals.count;
    for (;;) {
        if (!parse_literal(parser)) {
            return false;
        }
        if (rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_COMMA) {
            return take_literals(parser, begin, ret_body);
        }
        parser->at++;
    }
}

bool rune_dl_parse_body(struct rune_dl_parser *parser, struct rune_dl_body *ret_body)
{
    uint32_t first = parser->at;
    size_t begin = parser->bodies.count;
    struct rune_dl_body body;
    if (!parse_conjunction(parser, &body)) {
        return false;
    }
    if (rune_dl_peek(parser, 0)->kind != RUNE_DL_TOKEN_SEMICOLON) {
        *ret_body = body;
        return true;
    }
    if (!RUNE_DL_PUSH(parser, &parser->bodies, body)) {
        return false;
    }
    while (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_SEMICOLON) {
        parser->at++;
        if (!parse_conjunction(parser, &body) || !RUNE_DL_PUSH(parser, &parser->bodies, body)) {
            return false;
        }
    }
    struct rune_dl_literal literal = {.kind = RUNE_DL_DISJUNCTION,
                                      .span = rune_dl_span_since(parser, first)};
    size_t literals = parser->literals.count;
    return take_bodies(parser, begin, &literal) &&
           RUNE_DL_PUSH(parser, &parser->literals, literal) &&
           take_literals(parser, literals, ret_body);
}
