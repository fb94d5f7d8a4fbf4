/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: annotations (parse_annotation.c), effect, scope (parse_scope.c), conditions
 * (parse_expr.c).
 *
 *     policy := {annotation} ('permit' | 'forbid') '(' scope ')' {('when' | 'unless') '{' expr '}'}
 *               ';'
 *
 * Recovery: after a mistake of grammar everything is skipped to behind the next `;`, or to the next
 * `permit (` or `forbid (`, should the `;` be what was forgotten. */
#include "cedar/parser.h"

#include "cedar/foreign.h"
#include "cedar/parser_int.h"

RUNE_VEC(rune_vec_condition, struct rune_cedar_condition);
RUNE_VEC(rune_vec_policies, struct rune_cedar_policy);

/* `permit (` or `forbid (`: here a policy begins. */
static bool at_effect(const struct rune_cedar_parser *parser)
{
    if (!rune_cedar_at_word(parser, RUNE_WORD_PERMIT) &&
        !rune_cedar_at_word(parser, RUNE_WORD_FORBID)) {
        return false;
    }
    struct rune_cedar_lexer ahead = parser->lexer;
    return rune_cedar_lexer_next(&ahead).kind == RUNE_TOKEN_LPAREN;
}

/* ---- conditions ---- */

static bool read_condition(struct rune_cedar_parser *parser,
                           struct rune_cedar_condition *ret_condition)
{
    struct rune_cedar_token word = parser->token;
    ret_condition->is_unless = word.word == RUNE_WORD_UNLESS;
    if (word.word != RUNE_WORD_WHEN && word.word != RUNE_WORD_UNLESS) {
        struct rune_str text = rune_cedar_text(parser, word);
        rune_cedar_error(parser, "RUNE-C0302", rune_cedar_token_span(parser),
                         "a policy ends with `;`, or goes on with `when { .. }` or `unless { .. }`",
                         "expected `when`, `unless` or `;`, found `%.*s`", RUNE_STR_ARG(text));
        return false;
    }
    rune_cedar_advance(parser);
    uint32_t open = parser->token.offset;
    if (!rune_cedar_expect(parser, RUNE_TOKEN_LBRACE,
                           "a condition stands in braces: when { .. }")) {
        return false;
    }
    if (rune_cedar_at(parser, RUNE_TOKEN_RBRACE)) {
        rune_cedar_error(parser, "RUNE-C0208", rune_cedar_token_span(parser),
                         "write `true`, or drop the condition", "this condition is empty");
        rune_cedar_advance(parser);
        ret_condition->body = NULL;
    } else {
        ret_condition->body = rune_cedar_read_expr(parser);
        if (ret_condition->body == NULL ||
            !rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACE, open)) {
            return false;
        }
    }
    ret_condition->span = rune_cedar_span_from(parser, word.offset);
    return true;
}

static bool read_conditions(struct rune_cedar_parser *parser, struct rune_cedar_policy *policy)
{
    struct rune_vec_condition list = {0};
    bool ok = false;
    while (rune_cedar_at(parser, RUNE_TOKEN_IDENT) && !at_effect(parser)) {
        struct rune_cedar_condition condition;
        if (!read_condition(parser, &condition)) {
            goto out;
        }
        if (!RUNE_VEC_PUSH(&list, condition)) {
            rune_cedar_nomem(parser);
            goto out;
        }
    }
    policy->condition_count = (uint32_t)list.count;
    ok = rune_cedar_keep(parser, list.items, list.count, sizeof *list.items, &policy->conditions);
out:
    RUNE_VEC_FINI(&list);
    return ok;
}

/* ---- policies ---- */

/* The word at the current token begins no policy. */
static void report_effect(struct rune_cedar_parser *parser)
{
    static const struct rune_str effects[] = {{"permit", 6}, {"forbid", 6}};
    struct rune_str text = rune_cedar_text(parser, parser->token);
    struct rune_str nearest = rune_str_nearest(text, effects, 2);
    const char *help = rune_foreign_help(RUNE_FOREIGN_EFFECT, text);
    if (help == NULL) {
        help = "a policy begins: permit(principal, action, resource)";
    }
    if (nearest.length > 0) {
        help = nearest.data[0] == 'p' ? "did you mean `permit`?" : "did you mean `forbid`?";
    }
    rune_cedar_error(parser, "RUNE-C0301", rune_cedar_token_span(parser), help,
                     "expected `permit` or `forbid`, found `%.*s`", RUNE_STR_ARG(text));
}

/* The `;` at the end of a policy; where it is missing, its place is behind what was read. */
static bool expect_semicolon(struct rune_cedar_parser *parser)
{
    if (rune_cedar_accept(parser, RUNE_TOKEN_SEMICOLON)) {
        return true;
    }
    if (parser->token.kind == RUNE_TOKEN_INVALID) {
        rune_cedar_expected(parser, "`;`", NULL);
        return false;
    }
    bool is_surplus = rune_cedar_at(parser, RUNE_TOKEN_RBRACE);
    rune_cedar_error(
        parser, "RUNE-C0203", (struct rune_span){parser->lexer.source, parser->last_end, 0},
        is_surplus ? "the `}` that follows closes nothing" : "every policy ends with `;`",
        "expected `;` behind this policy");
    return false;
}

static bool read_policy(struct rune_cedar_parser *parser, struct rune_cedar_policy *policy)
{
    uint32_t start = parser->token.offset;
    if (!rune_cedar_read_annotations(parser, &policy->annotations, &policy->annotation_count)) {
        return false;
    }
    if (!rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        rune_cedar_expected(parser, "`permit` or `forbid`",
                            "a policy begins: permit(principal, action, resource)");
        return false;
    }
    policy->is_forbid = rune_cedar_at_word(parser, RUNE_WORD_FORBID);
    if (!policy->is_forbid && !rune_cedar_at_word(parser, RUNE_WORD_PERMIT)) {
        report_effect(parser);
    }
    rune_cedar_advance(parser);
    if (!rune_cedar_read_scope(parser, policy) || !read_conditions(parser, policy)) {
        return false;
    }
    if (!expect_semicolon(parser)) {
        return false;
    }
    policy->span = rune_cedar_span_from(parser, start);
    return true;
}

/* To where the next policy may begin. A `;` that nothing follows with which a policy begins was a
 * slip itself. */
static void skip_policy(struct rune_cedar_parser *parser)
{
    while (!rune_cedar_at(parser, RUNE_TOKEN_END) && !at_effect(parser)) {
        bool is_end = rune_cedar_accept(parser, RUNE_TOKEN_SEMICOLON);
        if (is_end &&
            (rune_cedar_at(parser, RUNE_TOKEN_AT) || rune_cedar_at_word(parser, RUNE_WORD_PERMIT) ||
             rune_cedar_at_word(parser, RUNE_WORD_FORBID))) {
            return;
        }
        if (!is_end) {
            rune_cedar_advance(parser);
        }
    }
}

enum rune_err rune_cedar_parse(const struct rune_source *source, struct rune_arena *arena,
                               struct rune_cedar_policies *ret_policies, struct rune_diag *diag)
{
    struct rune_cedar_parser parser;
    struct rune_vec_policies list = {0};
    enum rune_err err = rune_cedar_parser_init(&parser, source, RUNE_LEX_POLICY, arena, diag);
    if (err != RUNE_OK) {
        return err;
    }
    while (!rune_cedar_at(&parser, RUNE_TOKEN_END) && parser.fatal == RUNE_OK) {
        struct rune_cedar_policy policy = {0};
        uint32_t start = parser.token.offset;
        if (!read_policy(&parser, &policy)) {
            if (parser.token.offset == start) { /* progress, whatever stands here */
                rune_cedar_advance(&parser);
            }
            skip_policy(&parser);
        } else if (!RUNE_VEC_PUSH(&list, policy)) {
            rune_cedar_nomem(&parser);
        }
    }
    struct rune_cedar_policies policies = {.count = (uint32_t)list.count};
    rune_cedar_keep(&parser, list.items, list.count, sizeof *list.items, &policies.items);
    RUNE_VEC_FINI(&list);
    rune_cedar_parser_fini(&parser);
    err = rune_cedar_parser_result(&parser);
    if (err == RUNE_OK || err == RUNE_E_SYNTAX) {
        *ret_policies = policies;
    }
    return err;
}

enum rune_err rune_cedar_parse_expr(const struct rune_source *source, struct rune_arena *arena,
                                    struct rune_cedar_expr **ret_expr, struct rune_diag *diag)
{
    struct rune_cedar_parser parser;
    enum rune_err err = rune_cedar_parser_init(&parser, source, RUNE_LEX_POLICY, arena, diag);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_cedar_expr *expr = rune_cedar_read_expr(&parser);
    if (expr != NULL && !rune_cedar_at(&parser, RUNE_TOKEN_END)) {
        rune_cedar_expected(&parser, "the end of the expression", NULL);
    }
    rune_cedar_parser_fini(&parser);
    err = rune_cedar_parser_result(&parser);
    if (err == RUNE_OK) {
        *ret_expr = expr;
    }
    return err;
}
