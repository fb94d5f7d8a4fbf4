/* SPDX-License-Identifier: Apache-2.0 */
/* parser: clauses by recursive descent over the token array: annotations, head, body, dot.
 *
 * Each clause reports at most one mistake; the parser then goes on behind the clause's dot, or at a
 * clause that visibly begins on a line of its own where the dot was forgotten. */
#include "datalog/parser.h"

#include <string.h>

#include "datalog/parser_int.h"

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
    return RUNE_DL_PUSH(parser, &parser->annotations, annotation);
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
    rule->has = parser->has;
    if (annotations->count > 0) {
        rule->annotations = rune_arena_memdup(parser->arena, annotations->items,
                                              annotations->count * sizeof(annotations->items[0]));
        rule->annotation_count = (uint32_t)annotations->count;
        parser->nomem = parser->nomem || rule->annotations == NULL;
    }
    for (size_t i = 0; i < variables->count; i++) {
        rule->has |= variables->items[i].uses == 1 ? (unsigned)RUNE_DL_HAS_SINGLE : 0u;
    }
    if (variables->count > 0) {
        rule->variables = rune_arena_memdup(parser->trees, variables->items,
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
        if (!rune_dl_parse_body(parser, &rule->body) ||
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
    parser->has = 0;
    parser->variables.count = 0;
    memset(parser->variable_places, 0, sizeof(parser->variable_places));
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
        if (parser->nomem || rune_arena_failed(parser->arena) || rune_arena_failed(parser->trees)) {
            return RUNE_E_NOMEM;
        }
        parser->errors++;
        recover(parser, first);
        if (parser->at == first) {
            parser->at++;
        }
    }
}

#define CLAUSE_BYTES 20u /* of text; most clauses have more, and a line of their own */

/* Room for about as many clauses as the text has, so that the list need not move. */
static bool reserve_clauses(const struct rune_source *source, struct rune_vec_dl_rule *clauses)
{
    const char *at = source->text, *end = source->text + source->length;
    size_t lines = 1, most = source->length / CLAUSE_BYTES;
    while (lines < most && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        lines++;
    }
    return RUNE_VEC_RESERVE(clauses, clauses->count + (lines < most ? lines : most));
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
                            struct rune_arena *arena, struct rune_arena *trees,
                            struct rune_vec_dl_rule *clauses, struct rune_diag *diag)
{
    struct rune_dl_parser parser = {.source = source,
                                    .dialect = dialect,
                                    .arena = arena,
                                    .trees = trees,
                                    .diag = diag,
                                    .line = 1};
    rune_dl_lexer_init(&parser.lexer, source, dialect, diag);
    enum rune_err err =
        reserve_clauses(source, clauses) ? parse_clauses(&parser, clauses) : RUNE_E_NOMEM;
    err = verdict(&parser, err);
    parser_fini(&parser);
    return err;
}

enum rune_err rune_dl_parse_query(const struct rune_source *source, enum rune_dl_dialect dialect,
                                  struct rune_arena *arena, struct rune_dl_rule *ret_query,
                                  struct rune_diag *diag)
{
    struct rune_dl_parser parser = {.source = source,
                                    .dialect = dialect,
                                    .arena = arena,
                                    .trees = arena,
                                    .diag = diag,
                                    .line = 1};
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
