/* SPDX-License-Identifier: Apache-2.0 */
/* parser: clauses, bodies and literals by recursive descent over the token array.
 *
 * Each clause reports at most one mistake; the parser then goes on behind the clause's dot, or at a
 * clause that visibly begins on a line of its own where the dot was forgotten. Lists under
 * construction live on the parser's stacks and move to the arena when they are complete. */
#include "datalog/parser.h"

#include <stdio.h>

#include "datalog/functions.h"
#include "datalog/parser_int.h"

#define PUSH(parser, vec, item) (RUNE_VEC_PUSH(vec, item) ? true : ((parser)->nomem = true, false))

static bool parse_body(struct rune_dl_parser *parser, struct rune_dl_body *ret_body);

/* ---- lists to the arena ---- */

static bool take_literals(struct rune_dl_parser *parser, size_t begin,
                          struct rune_dl_body *ret_body)
{
    size_t count = parser->literals.count - begin;
    *ret_body = (struct rune_dl_body){0};
    if (count > 0) {
        ret_body->literals = rune_arena_memdup(parser->arena, parser->literals.items + begin,
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
    literal->bodies = rune_arena_memdup(parser->arena, parser->bodies.items + begin,
                                        count * sizeof(parser->bodies.items[0]));
    literal->body_count = (uint32_t)count;
    parser->bodies.count = begin;
    parser->nomem = parser->nomem || literal->bodies == NULL;
    return !parser->nomem;
}

static bool set_args(struct rune_dl_parser *parser, struct rune_dl_literal *literal,
                     struct rune_dl_expr *first, struct rune_dl_expr *second)
{
    literal->arg_count = second != NULL ? 2 : 1;
    literal->args = RUNE_ARENA_ARRAY(parser->arena, struct rune_dl_expr *, literal->arg_count);
    if (literal->args == NULL) {
        parser->nomem = true;
        return false;
    }
    literal->args[0] = first;
    if (second != NULL) {
        literal->args[1] = second;
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
static bool parse_aggregate(struct rune_dl_parser *parser, struct rune_dl_expr *result,
                            struct rune_dl_literal *literal)
{
    struct rune_str name = rune_dl_token_str(parser, rune_dl_peek(parser, 0));
    struct rune_dl_expr *value = NULL;
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
        rune_dl_fail(parser, result->span, "RUNE-D0602", "write `R = ...` and compare R",
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
        value = rune_dl_parse_expr(parser);
        if (value == NULL || !rune_dl_expect(parser, RUNE_DL_TOKEN_COLON, "`:` behind the value",
                                             "like `sum { V : b(_, V) }`")) {
            return false;
        }
    }
    if (!parse_body(parser, &body)) {
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
           PUSH(parser, &parser->bodies, body) && take_bodies(parser, begin, literal) &&
           set_args(parser, literal, result, value);
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

static bool parse_compare(struct rune_dl_parser *parser, struct rune_dl_expr *left,
                          struct rune_dl_literal *literal)
{
    enum rune_dl_compare again;
    if (rune_dl_is_test(left)) {
        rune_dl_fail(parser, left->span, "RUNE-D0110", "let it stand alone; `not` reverses it",
                     "a test yields no value to compare");
        return false;
    }
    parser->at++;
    if (literal->compare == RUNE_DL_EQ && rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_NAME &&
        rune_dl_peek(parser, 1)->kind == RUNE_DL_TOKEN_LBRACE) {
        return parse_aggregate(parser, left, literal);
    }
    if (literal->compare == RUNE_DL_EQ && at_bare_aggregate(parser)) {
        parser->at++;
        rune_dl_fail_expected(parser, "`{` behind the aggregate",
                              "like `N = count { task(T, _) }` or `S = sum { V : task(T, V) }`");
        return false;
    }
    parser->allow = literal->compare == RUNE_DL_EQ ? RUNE_DL_ALLOW_FUNCTION : 0;
    struct rune_dl_expr *right = rune_dl_parse_expr(parser);
    parser->allow = 0;
    if (right == NULL) {
        return false;
    }
    if (compare_operator(rune_dl_peek(parser, 0)->kind, &again)) {
        rune_dl_fail_expected(parser, "`,` or `.`",
                              "comparisons do not chain: write `0 < X, X < 3`");
        return false;
    }
    literal->kind = RUNE_DL_COMPARE;
    return set_args(parser, literal, left, right);
}

static bool parse_in(struct rune_dl_parser *parser, struct rune_dl_expr *left,
                     struct rune_dl_literal *literal)
{
    parser->at++;
    parser->allow = RUNE_DL_ALLOW_LIST;
    struct rune_dl_expr *right = rune_dl_parse_expr(parser);
    parser->allow = 0;
    literal->kind = RUNE_DL_IN;
    return right != NULL && set_args(parser, literal, left, right);
}

/* `X is T`, and `X is T in F` as two literals: the first is pushed here. */
static bool parse_is(struct rune_dl_parser *parser, uint32_t first, struct rune_dl_expr *left,
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
    if (!rune_dl_parse_type(parser, &literal->name) || !set_args(parser, literal, left, NULL)) {
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
    if (!PUSH(parser, &parser->literals, *literal)) {
        return false;
    }
    *literal = (struct rune_dl_literal){0};
    return parse_in(parser, left, literal);
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
    parser->allow = RUNE_DL_ALLOW_TEST;
    struct rune_dl_expr *left = rune_dl_parse_expr(parser);
    parser->allow = 0;
    if (left == NULL) {
        return false;
    }
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    if (compare_operator(token->kind, &literal->compare)) {
        return literal->is_negated ? fail_negated(parser, first, literal->compare)
                                   : parse_compare(parser, left, literal);
    }
    if (parser->dialect == RUNE_DL_BUNDLE && token->word == RUNE_DL_WORD_IN) {
        return parse_in(parser, left, literal);
    }
    if (parser->dialect == RUNE_DL_BUNDLE && token->word == RUNE_DL_WORD_IS) {
        return parse_is(parser, first, left, literal);
    }
    if (!rune_dl_is_test(left)) {
        rune_dl_fail_expected(parser, "a comparison behind the value", advice_behind_value(parser));
        return false;
    }
    literal->kind = RUNE_DL_TEST;
    literal->function = left->as.function;
    literal->name = rune_dl_function_get(left->as.function)->name;
    literal->args = left->args;
    literal->arg_count = left->arg_count;
    return true;
}

/* `(a ; b)`. A group without `;` gives its literals to the conjunction around it. */
static bool parse_group(struct rune_dl_parser *parser)
{
    struct rune_dl_body body;
    parser->at++;
    if (!rune_dl_enter(parser) || !parse_body(parser, &body)) {
        return false;
    }
    parser->depth--;
    if (!rune_dl_expect(parser, RUNE_DL_TOKEN_RPAREN, "`,`, `;` or `)`", NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < body.count; i++) {
        if (!PUSH(parser, &parser->literals, body.literals[i])) {
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
    return ok && !parser->nomem && PUSH(parser, &parser->literals, literal);
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

/* Conjunctions between semicolons; more than one become a disjunction, the body's only literal. */
static bool parse_body(struct rune_dl_parser *parser, struct rune_dl_body *ret_body)
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
    if (!PUSH(parser, &parser->bodies, body)) {
        return false;
    }
    while (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_SEMICOLON) {
        parser->at++;
        if (!parse_conjunction(parser, &body) || !PUSH(parser, &parser->bodies, body)) {
            return false;
        }
    }
    struct rune_dl_literal literal = {.kind = RUNE_DL_DISJUNCTION,
                                      .span = rune_dl_span_since(parser, first)};
    size_t literals = parser->literals.count;
    return take_bodies(parser, begin, &literal) && PUSH(parser, &parser->literals, literal) &&
           take_literals(parser, literals, ret_body);
}

/* ---- clauses ---- */

static bool parse_annotation(struct rune_dl_parser *parser)
{
    uint32_t first = parser->at++;
    struct rune_dl_annotation annotation = {0};
    const struct rune_dl_token *name = rune_dl_peek(parser, 0);
    if (name->kind != RUNE_DL_TOKEN_NAME && name->kind != RUNE_DL_TOKEN_VARIABLE) {
        rune_dl_fail_expected(parser, "the annotation's name", "like `@id(\"name\")`");
        return false;
    }
    annotation.name = rune_dl_token_str(parser, name);
    parser->at++;
    if (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_LPAREN) {
        parser->at++;
        const struct rune_dl_token *value = rune_dl_peek(parser, 0);
        if (value->kind != RUNE_DL_TOKEN_STRING) {
            rune_dl_fail_expected(parser, "the annotation's value in quotes",
                                  "like `@id(\"name\")`");
            return false;
        }
        parser->at++;
        if (!rune_dl_decode_string(parser, value, &annotation.value) ||
            !rune_dl_expect(parser, RUNE_DL_TOKEN_RPAREN, "`)`", NULL)) {
            return false;
        }
    }
    annotation.span = rune_dl_span_since(parser, first);
    for (size_t i = 0; i < parser->annotations.count; i++) {
        if (rune_str_equal(parser->annotations.items[i].name, annotation.name)) {
            rune_dl_fail(parser, annotation.span, "RUNE-D0114", "keep one of them",
                         "the annotation `@%.*s` stands twice",
                         (int)(annotation.name.length > 80 ? 80 : annotation.name.length),
                         annotation.name.data);
            return false;
        }
    }
    return PUSH(parser, &parser->annotations, annotation);
}

static bool parse_annotations(struct rune_dl_parser *parser)
{
    parser->annotations.count = 0;
    while (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_AT && parser->dialect == RUNE_DL_BUNDLE) {
        if (parser->annotations.count >= 64) { /* LIMIT: keeps the search for repetitions short */
            rune_dl_fail(parser, rune_dl_token_span(parser, rune_dl_peek(parser, 0)), "RUNE-D0902",
                         NULL, "more than 64 annotations on one rule");
            return false;
        }
        if (!parse_annotation(parser)) {
            return false;
        }
    }
    return true;
}

static bool parse_head(struct rune_dl_parser *parser, struct rune_dl_rule *rule)
{
    uint32_t first = parser->at;
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    const char *what = "a fact or a rule, which begins with a relation's name";
    if (token->kind == RUNE_DL_TOKEN_QUERY) {
        rune_dl_fail_expected(parser, what,
                              "queries are no part of a program: ask them with `rune query`");
        return false;
    }
    if (token->kind == RUNE_DL_TOKEN_VARIABLE) {
        rune_dl_fail_expected(parser, what, "names of relations begin with a lower-case letter");
        return false;
    }
    if (token->kind == RUNE_DL_TOKEN_BANG || token->word == RUNE_DL_WORD_NOT) {
        rune_dl_fail_expected(parser, what,
                              "a rule derives what is true; negation stands in bodies only");
        return false;
    }
    if (token->kind != RUNE_DL_TOKEN_NAME) {
        rune_dl_fail_expected(parser, what,
                              token->kind == RUNE_DL_TOKEN_MINUS
                                  ? "a rule derives what is true; negation stands in bodies only"
                              : token->kind == RUNE_DL_TOKEN_DOT ||
                                      token->kind == RUNE_DL_TOKEN_TURNSTILE
                                  ? "there are no directives; rune.toml declares relations"
                                  : NULL);
        return false;
    }
    rule->head_name = rune_dl_token_str(parser, token);
    parser->at++;
    if (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_LPAREN &&
        !rune_dl_parse_args(parser, &rule->args, &rule->arg_count)) {
        return false;
    }
    rule->head_span = rune_dl_span_since(parser, first);
    return true;
}

/* `P = R.owner.` is `P = R.` and a fact `owner.`: hardly what was meant. */
static void warn_joined(struct rune_dl_parser *parser)
{
    const struct rune_dl_token *dot = rune_dl_peek(parser, 0);
    if (parser->at == 0 || dot->match != 1 || (dot - 1)->kind != RUNE_DL_TOKEN_VARIABLE ||
        rune_dl_peek(parser, 1)->kind != RUNE_DL_TOKEN_NAME) {
        return;
    }
    enum rune_dl_token_kind behind = rune_dl_peek(parser, 2)->kind;
    if (behind != RUNE_DL_TOKEN_LPAREN && behind != RUNE_DL_TOKEN_TURNSTILE) {
        rune_diag_report(parser->diag, RUNE_WARNING, "RUNE-D1005", rune_dl_token_span(parser, dot),
                         "an attribute is read by `entity.attr(E, \"name\", V)`; leave a space "
                         "behind a dot that ends",
                         "this dot ends the clause, and `%.*s` begins another",
                         RUNE_STR_ARG(rune_dl_token_str(parser, rune_dl_peek(parser, 1))));
    }
}

/* The dot: where a clause began on the next line without one, the place is the end of the line
 * before. */
static bool expect_end(struct rune_dl_parser *parser, const char *what, const char *help)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    if (token->kind == RUNE_DL_TOKEN_DOT) {
        warn_joined(parser);
        parser->at++;
        return true;
    }
    const struct rune_dl_token *last = token - 1;
    uint32_t end = last->offset + last->length;
    bool next_line = token->kind == RUNE_DL_TOKEN_NAME &&
                     memchr(parser->source->text + end, '\n', token->offset - end) != NULL;
    if (next_line) {
        rune_dl_fail(parser, (struct rune_span){parser->source, end, 0}, "RUNE-D0105",
                     "every fact and every rule ends with `.`", "expected %s here", what);
        return false;
    }
    rune_dl_fail_expected(parser, what, help);
    return false;
}

/* The line of a byte; offsets are asked in ascending order, so that all lookups together are
 * linear. */
static uint32_t line_of(struct rune_dl_parser *parser, uint32_t offset)
{
    const char *text = parser->source->text;
    while (parser->line_offset < offset) {
        const char *newline =
            memchr(text + parser->line_offset, '\n', offset - parser->line_offset);
        if (newline == NULL) {
            break;
        }
        parser->line_offset = (uint32_t)(newline - text) + 1;
        parser->line++;
    }
    return parser->line;
}

#define MAX_DIGITS 10 /* of 32 bits */

/* `:` and the number; returns what is behind it. */
static char *put_number(char *at, uint32_t number)
{
    char digits[MAX_DIGITS];
    uint32_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    *at++ = ':';
    while (count > 0) {
        *at++ = digits[--count];
    }
    return at;
}

/* @id, else FILE:LINE; a second rule on a line is FILE:LINE:COLUMN. */
static void set_id(struct rune_dl_parser *parser, struct rune_dl_rule *rule)
{
    for (uint32_t i = 0; i < rule->annotation_count; i++) {
        if (rune_str_equal(rule->annotations[i].name, RUNE_STR("id"))) {
            rule->id = rule->annotations[i].value;
            return;
        }
    }
    uint32_t line = line_of(parser, rule->head_span.offset);
    uint32_t column = rule->head_span.offset - parser->line_offset + 1;
    struct rune_str path = rune_str_from(parser->source->path != NULL ? parser->source->path : "");
    char *id = rune_arena_alloc(parser->arena, path.length + 2 * (1 + MAX_DIGITS));
    if (id == NULL) {
        parser->nomem = true;
        return;
    }
    memcpy(id, path.data, path.length);
    char *end = put_number(id + path.length, line);
    if (line == parser->last_rule_line) {
        end = put_number(end, column);
    }
    parser->last_rule_line = line;
    rule->id = (struct rune_str){id, (size_t)(end - id)};
}

/* Facts need no id: there may be millions. Except those that are decisions. */
static bool needs_id(const struct rune_dl_rule *rule)
{
    return rule->body.count > 0 || rule->annotation_count > 0 ||
           rune_str_equal(rule->head_name, RUNE_STR("permit")) ||
           rune_str_equal(rule->head_name, RUNE_STR("forbid"));
}

static bool finish_rule(struct rune_dl_parser *parser, uint32_t first, struct rune_dl_rule *rule)
{
    struct rune_vec_dl_annotation *annotations = &parser->annotations;
    struct rune_vec_dl_variable *variables = &parser->variables;
    rule->span = rune_dl_span_since(parser, first);
    if (annotations->count > 0) {
        rule->annotations = rune_arena_memdup(parser->arena, annotations->items,
                                              annotations->count * sizeof(annotations->items[0]));
        rule->annotation_count = (uint32_t)annotations->count;
        parser->nomem = parser->nomem || rule->annotations == NULL;
    }
    if (variables->count > 0) {
        rule->variables = rune_arena_memdup(parser->arena, variables->items,
                                            variables->count * sizeof(variables->items[0]));
        rule->variable_count = (uint32_t)variables->count;
        parser->nomem = parser->nomem || rule->variables == NULL;
    }
    if (!parser->nomem && needs_id(rule)) {
        set_id(parser, rule);
    }
    return !parser->nomem;
}

static const char *advice_behind_head(const struct rune_dl_parser *parser)
{
    switch (rune_dl_peek(parser, 0)->kind) {
    case RUNE_DL_TOKEN_COMMA:
        return "a rule has one head: write a rule for each";
    case RUNE_DL_TOKEN_VARIABLE:
    case RUNE_DL_TOKEN_STRING:
    case RUNE_DL_TOKEN_INTEGER:
        return "arguments stand in parentheses: `member(X, Y)`";
    default:
        return "a fact is `head.`, a rule `head :- body.`";
    }
}

/* Behind a literal. */
static const char *advice_behind_literal(const struct rune_dl_parser *parser)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    bool has_before = parser->at > 0;
    switch (token->kind) {
    case RUNE_DL_TOKEN_COLON:
        return "an entity is `Type::\"id\"`; an aggregate `N = sum { V : task(_, V) }`";
    case RUNE_DL_TOKEN_RPAREN:
        return "this parenthesis has no partner";
    case RUNE_DL_TOKEN_VARIABLE:
        return has_before && (token - 1)->kind == RUNE_DL_TOKEN_NAME
                   ? "arguments stand in parentheses: `member(X, Y)`; an aggregate is `N = sum { V "
                     ": task(_, V) }`"
                   : "a rule ends with `.`, literals are divided by `,`";
    default:
        return "a rule ends with `.`, literals are divided by `,`";
    }
}

static bool parse_clause(struct rune_dl_parser *parser, struct rune_dl_rule *rule)
{
    uint32_t first = parser->at;
    if (!parse_annotations(parser) || !parse_head(parser, rule)) {
        return false;
    }
    if (rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_TURNSTILE) {
        parser->at++;
        if (!parse_body(parser, &rule->body) ||
            !expect_end(parser, "`,`, `;` or `.` behind a literal",
                        advice_behind_literal(parser))) {
            return false;
        }
    } else if (!expect_end(parser, "`:-` or `.` behind the head", advice_behind_head(parser))) {
        return false;
    }
    return finish_rule(parser, first, rule);
}

static void begin_clause(struct rune_dl_parser *parser)
{
    parser->clause++;
    parser->depth = 0;
    parser->allow = 0;
    parser->in_glob = false;
    parser->reported = false;
    parser->variables.count = 0;
    parser->exprs.count = 0;
    parser->literals.count = 0;
    parser->bodies.count = 0;
}

static bool at_line_start(const struct rune_dl_parser *parser)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    return (token->kind == RUNE_DL_TOKEN_NAME || token->kind == RUNE_DL_TOKEN_AT) &&
           (token->offset == 0 || parser->source->text[token->offset - 1] == '\n');
}

/* Behind the end of the clause that failed, which began at token `first`. */
static void recover(struct rune_dl_parser *parser, uint32_t first)
{
    if (parser->at > first && at_line_start(parser)) {
        return;
    }
    for (; parser->at < parser->tokens.count; parser->at++) {
        const struct rune_dl_token *token = rune_dl_peek(parser, 0);
        if (token->kind == RUNE_DL_TOKEN_END) {
            return;
        }
        bool ends =
            token->kind == RUNE_DL_TOKEN_DOT &&
            (token->match != 1 || (parser->at > 0 && (token - 1)->kind == RUNE_DL_TOKEN_RPAREN));
        /* A string without end swallowed the rest of its line, the dot with it. */
        bool cut =
            token->kind == RUNE_DL_TOKEN_INVALID && parser->source->text[token->offset] == '"';
        if (ends || cut) {
            parser->at++;
            return;
        }
    }
}

/* Tokens for the next clause. What one lexing gives may be more clauses than one: where a dot was
 * forgotten, or where a lower-case letter follows one. */
static enum rune_err read_tokens(struct rune_dl_parser *parser)
{
    if (parser->at < parser->tokens.count) {
        return RUNE_OK;
    }
    parser->at = 0;
    parser->tokens.count = 0;
    return rune_dl_lex_clause(&parser->lexer, &parser->tokens);
}

static enum rune_err parse_clauses(struct rune_dl_parser *parser, struct rune_vec_dl_rule *clauses)
{
    for (;;) {
        enum rune_err err = read_tokens(parser);
        if (err != RUNE_OK || rune_dl_peek(parser, 0)->kind == RUNE_DL_TOKEN_END) {
            return err;
        }
        uint32_t first = parser->at;
        struct rune_dl_rule rule = {0};
        begin_clause(parser);
        if (parse_clause(parser, &rule)) {
            if (!RUNE_VEC_PUSH(clauses, rule)) {
                return RUNE_E_NOMEM;
            }
            continue;
        }
        if (parser->nomem || rune_arena_failed(parser->arena)) {
            return RUNE_E_NOMEM;
        }
        parser->errors++;
        recover(parser, first);
        if (parser->at == first) {
            parser->at++;
        }
    }
}

static void parser_fini(struct rune_dl_parser *parser)
{
    rune_dl_lexer_fini(&parser->lexer);
    RUNE_VEC_FINI(&parser->tokens);
    RUNE_VEC_FINI(&parser->slots);
    RUNE_VEC_FINI(&parser->variables);
    RUNE_VEC_FINI(&parser->exprs);
    RUNE_VEC_FINI(&parser->literals);
    RUNE_VEC_FINI(&parser->bodies);
    RUNE_VEC_FINI(&parser->annotations);
    rune_map_fini(&parser->names);
}

static enum rune_err verdict(const struct rune_dl_parser *parser, enum rune_err err)
{
    if (err != RUNE_OK) {
        return err;
    }
    if (parser->limit) {
        return RUNE_E_LIMIT;
    }
    return parser->errors + parser->lexer.invalid > 0 ? RUNE_E_SYNTAX : RUNE_OK;
}

enum rune_err rune_dl_parse(const struct rune_source *source, enum rune_dl_dialect dialect,
                            struct rune_arena *arena, struct rune_vec_dl_rule *clauses,
                            struct rune_diag *diag)
{
    struct rune_dl_parser parser = {
        .source = source, .dialect = dialect, .arena = arena, .diag = diag, .line = 1};
    rune_dl_lexer_init(&parser.lexer, source, dialect, diag);
    enum rune_err err = verdict(&parser, parse_clauses(&parser, clauses));
    parser_fini(&parser);
    return err;
}

enum rune_err rune_dl_parse_query(const struct rune_source *source, enum rune_dl_dialect dialect,
                                  struct rune_arena *arena, struct rune_dl_rule *ret_query,
                                  struct rune_diag *diag)
{
    struct rune_dl_parser parser = {
        .source = source, .dialect = dialect, .arena = arena, .diag = diag, .line = 1};
    struct rune_dl_rule query = {0};
    rune_dl_lexer_init(&parser.lexer, source, dialect, diag);
    enum rune_err err;
    do {
        err = rune_dl_lex_clause(&parser.lexer, &parser.tokens);
    } while (err == RUNE_OK &&
             parser.tokens.items[parser.tokens.count - 1].kind != RUNE_DL_TOKEN_END);
    if (err == RUNE_OK) {
        begin_clause(&parser);
        bool ok = parse_head(&parser, &query);
        if (ok && rune_dl_peek(&parser, 0)->kind == RUNE_DL_TOKEN_DOT) {
            parser.at++;
        }
        ok = ok &&
             rune_dl_expect(&parser, RUNE_DL_TOKEN_END, "the end of the query",
                            "a query is one atom, like `member(X, \"staff\")`") &&
             finish_rule(&parser, 0, &query);
        parser.errors += ok ? 0 : 1;
        err = parser.nomem ? RUNE_E_NOMEM : RUNE_OK;
    }
    err = verdict(&parser, err);
    parser_fini(&parser);
    if (err == RUNE_OK) {
        *ret_query = query;
    }
    return err;
}
