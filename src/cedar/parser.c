/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: annotations, effect, scope, conditions.
 *
 *     policy := {'@' name ['(' string ')']} ('permit' | 'forbid') '(' scope ')' {('when' |
 *     'unless') '{' expr '}'} ';'
 *
 * Recovery: after a mistake of grammar everything is skipped to behind the next `;`, or to the next
 * `permit (` or `forbid (`, should the `;` be what was forgotten. */
#include "cedar/parser.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "cedar/foreign.h"
#include "cedar/parser_int.h"

RUNE_VEC(rune_vec_annotation, struct rune_cedar_annotation);
RUNE_VEC(rune_vec_condition, struct rune_cedar_condition);
RUNE_VEC(rune_vec_policies, struct rune_cedar_policy);
RUNE_VEC(rune_vec_uid, struct rune_cedar_uid);

static const char scope_help[] =
    "a scope names the three in this order: permit(principal, action, resource)";
static const char uid_help[] = "write an entity like User::\"alice\"";

/* ---- shared by the parser's files ---- */

void rune_cedar_advance(struct rune_cedar_parser *parser)
{
    parser->last_end = parser->token.offset + parser->token.length;
    parser->token = rune_cedar_lexer_next(&parser->lexer);
}

struct rune_span rune_cedar_span_from(const struct rune_cedar_parser *parser, uint32_t start)
{
    uint32_t end = parser->last_end > start ? parser->last_end : start;
    return (struct rune_span){parser->lexer.source, start, end - start};
}

struct rune_span rune_cedar_token_span(const struct rune_cedar_parser *parser)
{
    return (struct rune_span){parser->lexer.source, parser->token.offset, parser->token.length};
}

struct rune_str rune_cedar_text(const struct rune_cedar_parser *parser,
                                struct rune_cedar_token token)
{
    return rune_cedar_token_str(&parser->lexer, token);
}

void rune_cedar_error(struct rune_cedar_parser *parser, const char *code, struct rune_span span,
                      const char *help, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    parser->errors++;
    rune_diag_report(parser->diag, RUNE_ERROR, code, span, help, "%s", text);
}

void rune_cedar_expected(struct rune_cedar_parser *parser, const char *what, const char *help)
{
    struct rune_cedar_token token = parser->token;
    if (token.kind == RUNE_TOKEN_INVALID) {
        parser->errors++;
        rune_cedar_token_report(&parser->lexer, token, parser->diag);
        return;
    }
    struct rune_str text = rune_cedar_text(parser, token);
    if (help == NULL && token.kind == RUNE_TOKEN_IDENT && parser->lexer.mode == RUNE_LEX_POLICY) {
        help = rune_foreign_help(RUNE_FOREIGN_EXPR, text);
    }
    if (token.kind == RUNE_TOKEN_END) {
        rune_cedar_error(parser, "RUNE-C0201", rune_cedar_token_span(parser), help,
                         "expected %s, but the text ends here", what);
    } else {
        bool is_long = text.length > 40;
        rune_cedar_error(parser, "RUNE-C0201", rune_cedar_token_span(parser), help,
                         "expected %s, found `%.*s%s`", what, is_long ? 36 : (int)text.length,
                         text.data, is_long ? ".." : "");
    }
}

bool rune_cedar_nomem(struct rune_cedar_parser *parser)
{
    parser->fatal = RUNE_E_NOMEM;
    return false;
}

bool rune_cedar_expect(struct rune_cedar_parser *parser, enum rune_cedar_token_kind kind,
                       const char *help)
{
    if (rune_cedar_accept(parser, kind)) {
        return true;
    }
    rune_cedar_expected(parser, rune_cedar_token_text(kind), help);
    return false;
}

bool rune_cedar_expect_close(struct rune_cedar_parser *parser, enum rune_cedar_token_kind kind,
                             uint32_t open)
{
    if (rune_cedar_accept(parser, kind)) {
        return true;
    }
    bool is_invalid = rune_cedar_at(parser, RUNE_TOKEN_INVALID);
    rune_cedar_expected(parser, rune_cedar_token_text(kind), NULL);
    if (!is_invalid) {
        rune_diag_note(parser->diag, (struct rune_span){parser->lexer.source, open, 1},
                       "to close this");
    }
    return false;
}

/* ---- annotations ---- */

static bool read_annotation(struct rune_cedar_parser *parser,
                            struct rune_cedar_annotation *ret_annotation)
{
    uint32_t start = parser->token.offset;
    struct rune_cedar_annotation annotation = {.value = RUNE_STR("")};
    rune_cedar_advance(parser);
    if (!rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        rune_cedar_expected(parser, "an annotation's name",
                            "an annotation is written @name(\"value\")");
        return false;
    }
    annotation.name = rune_cedar_text(parser, parser->token); /* reserved words are fine here */
    rune_cedar_advance(parser);
    uint32_t open = parser->token.offset;
    if (rune_cedar_accept(parser, RUNE_TOKEN_LPAREN)) {
        annotation.has_value = true;
        if (!rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
            rune_cedar_expected(parser, "a string", "an annotation is written @name(\"value\")");
            return false;
        }
        if (!rune_cedar_read_string(parser, &annotation.value) ||
            !rune_cedar_expect_close(parser, RUNE_TOKEN_RPAREN, open)) {
            return false;
        }
    }
    annotation.span = rune_cedar_span_from(parser, start);
    *ret_annotation = annotation;
    return true;
}

/* LIMIT: keeps the search for duplicates from being quadratic in the text. */
#define MAX_ANNOTATIONS 1000u

static bool read_annotations(struct rune_cedar_parser *parser, struct rune_cedar_policy *policy)
{
    struct rune_vec_annotation list = {0};
    bool ok = false;
    while (rune_cedar_at(parser, RUNE_TOKEN_AT)) {
        struct rune_cedar_annotation annotation;
        if (!read_annotation(parser, &annotation)) {
            goto out;
        }
        for (size_t i = 0; i < list.count; i++) {
            if (rune_str_equal(list.items[i].name, annotation.name)) {
                rune_cedar_error(parser, "RUNE-C0311", annotation.span, "keep one of them",
                                 "this policy has two annotations @%.*s",
                                 RUNE_STR_ARG(annotation.name));
                rune_diag_note(parser->diag, list.items[i].span, "the first is here");
                break;
            }
        }
        if (list.count == MAX_ANNOTATIONS) {
            parser->limit = true;
            rune_cedar_error(parser, "RUNE-C0105", annotation.span, NULL,
                             "a policy can have %u annotations", MAX_ANNOTATIONS);
            goto out;
        }
        if (!RUNE_VEC_PUSH(&list, annotation)) {
            rune_cedar_nomem(parser);
            goto out;
        }
    }
    if (list.count > 0) {
        policy->annotations =
            rune_arena_memdup(parser->arena, list.items, list.count * sizeof *list.items);
        policy->annotation_count = (uint32_t)list.count;
        if (policy->annotations == NULL) {
            rune_cedar_nomem(parser);
            goto out;
        }
    }
    ok = true;
out:
    RUNE_VEC_FINI(&list);
    return ok;
}

/* ---- scope ---- */

/* What a scope variable may be compared with. */
enum operand { OPERAND_UID_OR_SLOT, OPERAND_UID_OR_LIST, OPERAND_UID };

static const char *operand_text(enum operand operand, enum rune_cedar_var var)
{
    switch (operand) {
    case OPERAND_UID_OR_SLOT:
        return var == RUNE_CEDAR_PRINCIPAL ? "an entity or the slot ?principal"
                                           : "an entity or the slot ?resource";
    case OPERAND_UID_OR_LIST:
        return "an action or a list of actions";
    case OPERAND_UID:
        break;
    }
    return var == RUNE_CEDAR_ACTION ? "an action" : "an entity";
}

static void report_operand(struct rune_cedar_parser *parser, enum operand operand,
                           enum rune_cedar_var var)
{
    const char *help =
        var == RUNE_CEDAR_ACTION ? "write an action like Action::\"view\"" : uid_help;
    if (rune_cedar_at(parser, RUNE_TOKEN_LBRACKET) && var != RUNE_CEDAR_ACTION) {
        help = "only actions can be `in` a list; move the test into a `when` condition";
    } else if (rune_cedar_at(parser, RUNE_TOKEN_LBRACKET)) {
        help = "`==` compares with one action; a list goes with `in`";
    } else if (rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
        help = rune_arena_printf(parser->arena, "its type is missing: %s::%.*s",
                                 var == RUNE_CEDAR_ACTION ? "Action" : "User",
                                 RUNE_STR_ARG(rune_cedar_text(parser, parser->token)));
    } else if (rune_cedar_at(parser, RUNE_TOKEN_SLOT)) {
        help = var == RUNE_CEDAR_ACTION
                   ? "there are no slots for actions"
                   : "there are ?principal and ?resource, each for its own variable";
    }
    rune_cedar_expected(parser, operand_text(operand, var), help);
}

static bool read_operand(struct rune_cedar_parser *parser, enum operand operand,
                         enum rune_cedar_var var, struct rune_cedar_scope *scope,
                         struct rune_vec_uid *uids);

static bool read_action_list(struct rune_cedar_parser *parser, struct rune_cedar_scope *scope,
                             struct rune_vec_uid *uids)
{
    uint32_t open = parser->token.offset;
    scope->is_list = true;
    rune_cedar_advance(parser);
    while (!rune_cedar_at(parser, RUNE_TOKEN_RBRACKET)) {
        if (!read_operand(parser, OPERAND_UID, RUNE_CEDAR_ACTION, scope, uids)) {
            return false;
        }
        if (!rune_cedar_accept(parser, RUNE_TOKEN_COMMA)) {
            break;
        }
    }
    return rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACKET, open);
}

static bool slot_fits(const struct rune_cedar_parser *parser, enum rune_cedar_var var)
{
    struct rune_str text = rune_cedar_text(parser, parser->token);
    return rune_str_equal(text, var == RUNE_CEDAR_PRINCIPAL ? RUNE_STR("?principal")
                                                            : RUNE_STR("?resource"));
}

static bool is_action_type(struct rune_str type)
{
    struct rune_str last = RUNE_STR("Action");
    if (type.length < last.length ||
        memcmp(type.data + type.length - last.length, last.data, last.length) != 0) {
        return false;
    }
    return type.length == last.length || type.data[type.length - last.length - 1] == ':';
}

static bool read_uid_operand(struct rune_cedar_parser *parser, enum operand operand,
                             enum rune_cedar_var var, struct rune_vec_uid *uids)
{
    struct rune_cedar_name name;
    if (!rune_cedar_read_name(parser, &name)) {
        return false;
    }
    if (name.kind != RUNE_CEDAR_UID) {
        const char *help =
            var == RUNE_CEDAR_ACTION
                ? "an action is written like Action::\"view\""
                : "test for a type with `is`; an entity needs its id: User::\"alice\"";
        rune_cedar_error(parser, "RUNE-C0307", name.span, help,
                         "expected %s, found the name `%.*s`", operand_text(operand, var),
                         RUNE_STR_ARG(name.uid.type));
    } else if (var == RUNE_CEDAR_ACTION && !is_action_type(name.uid.type)) {
        rune_cedar_error(
            parser, "RUNE-C0309", name.span,
            "an action's type is `Action`, perhaps in a namespace: App::Action::\"view\"",
            "`%.*s` is no type of actions", RUNE_STR_ARG(name.uid.type));
    }
    return RUNE_VEC_PUSH(uids, name.uid) || rune_cedar_nomem(parser);
}

static bool read_operand(struct rune_cedar_parser *parser, enum operand operand,
                         enum rune_cedar_var var, struct rune_cedar_scope *scope,
                         struct rune_vec_uid *uids)
{
    if (rune_cedar_at(parser, RUNE_TOKEN_LPAREN)) { /* as deep as one likes, says Cedar's grammar */
        uint32_t open = parser->token.offset;
        if (parser->nesting == RUNE_CEDAR_MAX_NESTING) {
            parser->limit = true;
            rune_cedar_error(parser, "RUNE-C0105", rune_cedar_token_span(parser),
                             "drop the parentheses", "this is nested deeper than %u levels",
                             RUNE_CEDAR_MAX_NESTING);
            return false;
        }
        rune_cedar_advance(parser);
        parser->nesting++;
        bool ok = read_operand(parser, operand, var, scope, uids);
        parser->nesting--;
        return ok && rune_cedar_expect_close(parser, RUNE_TOKEN_RPAREN, open);
    }
    if (rune_cedar_at(parser, RUNE_TOKEN_LBRACKET) && operand == OPERAND_UID_OR_LIST) {
        return read_action_list(parser, scope, uids);
    }
    if (rune_cedar_at(parser, RUNE_TOKEN_SLOT) && operand == OPERAND_UID_OR_SLOT &&
        slot_fits(parser, var)) {
        scope->is_slot = true;
        rune_cedar_advance(parser);
        return true;
    }
    if (rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        return read_uid_operand(parser, operand, var, uids);
    }
    report_operand(parser, operand, var);
    return false;
}

/* `is T` of a scope. */
static bool read_scope_type(struct rune_cedar_parser *parser, enum rune_cedar_var var,
                            struct rune_cedar_scope *scope)
{
    if (!rune_cedar_at_word(parser, RUNE_WORD_IS)) {
        return true;
    }
    if (var == RUNE_CEDAR_ACTION) {
        rune_cedar_error(parser, "RUNE-C0306", rune_cedar_token_span(parser),
                         "move it into a `when` condition",
                         "`is` cannot test the action in the scope");
    }
    rune_cedar_advance(parser);
    scope->op = RUNE_SCOPE_IS;
    return rune_cedar_read_type(parser, &scope->type);
}

/* The relation behind the variable. */
static bool read_scope_relation(struct rune_cedar_parser *parser, enum rune_cedar_var var,
                                struct rune_cedar_scope *scope, struct rune_vec_uid *uids)
{
    enum operand operand = var == RUNE_CEDAR_ACTION ? OPERAND_UID : OPERAND_UID_OR_SLOT;
    bool has_type = scope->op == RUNE_SCOPE_IS;
    if (rune_cedar_at_word(parser, RUNE_WORD_IN)) {
        scope->op = has_type ? RUNE_SCOPE_IS_IN : RUNE_SCOPE_IN;
        operand = var == RUNE_CEDAR_ACTION ? OPERAND_UID_OR_LIST : operand;
    } else if (rune_cedar_at(parser, RUNE_TOKEN_EQ)) {
        scope->op = RUNE_SCOPE_EQ;
        if (has_type) {
            rune_cedar_error(parser, "RUNE-C0305", rune_cedar_token_span(parser),
                             "the entity has its type: drop the `is`",
                             "`is` and `==` do not go together");
        }
    } else if (rune_cedar_at(parser, RUNE_TOKEN_ASSIGN)) {
        rune_cedar_error(parser, "RUNE-C0204", rune_cedar_token_span(parser), "compare with `==`",
                         "`=` is no operator");
    } else if (parser->token.kind >= RUNE_TOKEN_NE && parser->token.kind <= RUNE_TOKEN_GE) {
        struct rune_str text = rune_cedar_text(parser, parser->token);
        rune_cedar_error(parser, "RUNE-C0304", rune_cedar_token_span(parser),
                         "move the test into a `when` condition",
                         "a scope compares with `==`, `in` and `is`, not with `%.*s`",
                         RUNE_STR_ARG(text));
    } else {
        return true;
    }
    rune_cedar_advance(parser);
    if (!read_operand(parser, operand, var, scope, uids)) {
        return false;
    }
    if (rune_cedar_at_word(parser, RUNE_WORD_IS)) {
        rune_cedar_error(parser, "RUNE-C0304", rune_cedar_token_span(parser),
                         "write `is` first: principal is User in Group::\"g\"",
                         "`is` stands before `in`");
        return false;
    }
    if (rune_cedar_at(parser, RUNE_TOKEN_AND) || rune_cedar_at(parser, RUNE_TOKEN_OR)) {
        rune_cedar_error(parser, "RUNE-C0304", rune_cedar_token_span(parser),
                         rune_cedar_at(parser, RUNE_TOKEN_AND)
                             ? "move the second test into a `when` condition"
                             : "write a second policy, or a `when` condition",
                         "a scope has one test for each variable");
        return false;
    }
    return true;
}

static const char *const var_names[] = {"principal", "action", "resource"};

static bool read_scope_var(struct rune_cedar_parser *parser, enum rune_cedar_var var,
                           struct rune_cedar_scope *scope)
{
    struct rune_vec_uid uids = {0};
    uint32_t start = parser->token.offset;
    bool ok = false;
    if (!rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        rune_cedar_expected(parser, var_names[var], scope_help);
        return false;
    }
    struct rune_cedar_token word = parser->token;
    rune_cedar_advance(parser);
    if (word.word != RUNE_WORD_PRINCIPAL + var) {
        bool is_entity = rune_cedar_at(parser, RUNE_TOKEN_PATH);
        rune_cedar_error(parser, "RUNE-C0303",
                         (struct rune_span){parser->lexer.source, word.offset, word.length},
                         is_entity ? "several actions stand in brackets: action in [.., ..]"
                                   : scope_help,
                         "expected `%s` here, found `%.*s`", var_names[var],
                         RUNE_STR_ARG(rune_cedar_text(parser, word)));
        if (is_entity) {
            return false;
        }
    }
    if (rune_cedar_at(parser, RUNE_TOKEN_COLON)) {
        rune_cedar_error(parser, "RUNE-C0310", rune_cedar_token_span(parser),
                         "test for a type with `is`", "types are not declared with `:`");
        return false;
    }
    if (!read_scope_type(parser, var, scope) || !read_scope_relation(parser, var, scope, &uids)) {
        goto out;
    }
    if (uids.count > 0) {
        scope->uids = rune_arena_memdup(parser->arena, uids.items, uids.count * sizeof *uids.items);
        scope->uid_count = (uint32_t)uids.count;
        if (scope->uids == NULL) {
            rune_cedar_nomem(parser);
            goto out;
        }
    }
    scope->span = rune_cedar_span_from(parser, start);
    ok = true;
out:
    RUNE_VEC_FINI(&uids);
    return ok;
}

static bool read_scope(struct rune_cedar_parser *parser, struct rune_cedar_policy *policy)
{
    struct rune_cedar_scope *const scopes[] = {&policy->principal, &policy->action,
                                               &policy->resource};
    uint32_t open = parser->token.offset;
    if (!rune_cedar_expect(parser, RUNE_TOKEN_LPAREN, scope_help)) {
        return false;
    }
    for (unsigned var = 0; var < 3; var++) {
        if (rune_cedar_at(parser, RUNE_TOKEN_RPAREN)) {
            rune_cedar_error(parser, "RUNE-C0303", rune_cedar_token_span(parser), scope_help,
                             "`%s` is missing in this scope", var_names[var]);
            rune_cedar_advance(parser);
            return true;
        }
        if (!read_scope_var(parser, (enum rune_cedar_var)var, scopes[var])) {
            return false;
        }
        if (!rune_cedar_at(parser, RUNE_TOKEN_RPAREN) &&
            !rune_cedar_expect(parser, RUNE_TOKEN_COMMA, NULL)) {
            return false;
        }
    }
    if (rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        rune_cedar_error(parser, "RUNE-C0303", rune_cedar_token_span(parser),
                         "test it in a `when` condition",
                         "a scope has three variables, this is a fourth");
        return false;
    }
    policy->has_slot_principal = policy->principal.is_slot;
    policy->has_slot_resource = policy->resource.is_slot;
    return rune_cedar_expect_close(parser, RUNE_TOKEN_RPAREN, open);
}

/* ---- conditions, policies ---- */

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
    if (list.count > 0) {
        policy->conditions =
            rune_arena_memdup(parser->arena, list.items, list.count * sizeof *list.items);
        policy->condition_count = (uint32_t)list.count;
        if (policy->conditions == NULL) {
            rune_cedar_nomem(parser);
            goto out;
        }
    }
    ok = true;
out:
    RUNE_VEC_FINI(&list);
    return ok;
}

static bool read_policy(struct rune_cedar_parser *parser, struct rune_cedar_policy *policy)
{
    uint32_t start = parser->token.offset;
    if (!read_annotations(parser, policy)) {
        return false;
    }
    if (!rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        rune_cedar_expected(parser, "`permit` or `forbid`",
                            "a policy begins: permit(principal, action, resource)");
        return false;
    }
    policy->is_forbid = rune_cedar_at_word(parser, RUNE_WORD_FORBID);
    if (!policy->is_forbid && !rune_cedar_at_word(parser, RUNE_WORD_PERMIT)) {
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
    rune_cedar_advance(parser);
    if (!read_scope(parser, policy) || !read_conditions(parser, policy)) {
        return false;
    }
    if (!rune_cedar_accept(parser, RUNE_TOKEN_SEMICOLON)) {
        struct rune_span span = {parser->lexer.source, parser->last_end, 0};
        if (parser->token.kind == RUNE_TOKEN_INVALID) {
            rune_cedar_expected(parser, "`;`", NULL);
            return false;
        }
        bool is_surplus = rune_cedar_at(parser, RUNE_TOKEN_RBRACE);
        rune_cedar_error(parser, "RUNE-C0203", span,
                         is_surplus ? "the `}` that follows closes nothing"
                                    : "every policy ends with `;`",
                         "expected `;` behind this policy");
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

static void parser_fini(struct rune_cedar_parser *parser)
{
    RUNE_VEC_FINI(&parser->exprs);
    RUNE_VEC_FINI(&parser->names);
}

static enum rune_err parser_init(struct rune_cedar_parser *parser, const struct rune_source *source,
                                 struct rune_arena *arena, struct rune_diag *diag)
{
    memset(parser, 0, sizeof *parser);
    size_t valid = rune_utf8_valid_prefix(source->text, source->length);
    if (valid < source->length) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0001",
                         (struct rune_span){source, (uint32_t)valid, 1}, "save the file as UTF-8",
                         "this byte is not UTF-8");
        return RUNE_E_SYNTAX;
    }
    parser->arena = arena;
    parser->diag = diag;
    rune_cedar_lexer_init(&parser->lexer, source, RUNE_LEX_POLICY);
    parser->token = rune_cedar_lexer_next(&parser->lexer);
    /* Lists that are empty still point into the stacks. */
    if (!RUNE_VEC_RESERVE(&parser->exprs, 16) || !RUNE_VEC_RESERVE(&parser->names, 16)) {
        parser_fini(parser);
        return RUNE_E_NOMEM;
    }
    return RUNE_OK;
}

static enum rune_err parser_result(const struct rune_cedar_parser *parser)
{
    if (parser->fatal != RUNE_OK) {
        return parser->fatal;
    }
    return parser->limit ? RUNE_E_LIMIT : parser->errors > 0 ? RUNE_E_SYNTAX : RUNE_OK;
}

enum rune_err rune_cedar_parse(const struct rune_source *source, struct rune_arena *arena,
                               struct rune_cedar_policies *ret_policies, struct rune_diag *diag)
{
    struct rune_cedar_parser parser;
    struct rune_vec_policies list = {0};
    enum rune_err err = parser_init(&parser, source, arena, diag);
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
    if (list.count > 0) {
        policies.items = rune_arena_memdup(arena, list.items, list.count * sizeof *list.items);
        if (policies.items == NULL) {
            rune_cedar_nomem(&parser);
        }
    }
    RUNE_VEC_FINI(&list);
    parser_fini(&parser);
    err = parser_result(&parser);
    if (err == RUNE_OK || err == RUNE_E_SYNTAX) {
        *ret_policies = policies;
    }
    return err;
}

enum rune_err rune_cedar_parse_expr(const struct rune_source *source, struct rune_arena *arena,
                                    struct rune_cedar_expr **ret_expr, struct rune_diag *diag)
{
    struct rune_cedar_parser parser;
    enum rune_err err = parser_init(&parser, source, arena, diag);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_cedar_expr *expr = rune_cedar_read_expr(&parser);
    if (expr != NULL && !rune_cedar_at(&parser, RUNE_TOKEN_END)) {
        rune_cedar_expected(&parser, "the end of the expression", NULL);
    }
    parser_fini(&parser);
    err = parser_result(&parser);
    if (err == RUNE_OK) {
        *ret_expr = expr;
    }
    return err;
}
