/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes of policies.
 *
 *     scope   := var ',' var ',' var, for principal, action and resource, in this order
 *     var     := name ['is' type] [('==' | 'in') operand]
 *     operand := entity | slot | '[' {entity ','} ']' | '(' operand ')' */
#include "cedar/parser_int.h"
#include "model/uid.h"

RUNE_VEC(rune_vec_uid, struct rune_cedar_uid);

static const char *const var_names[] = {"principal", "action", "resource"};
static const char scope_help[] =
    "a scope names the three in this order: permit(principal, action, resource)";
static const char uid_help[] = "write an entity like User::\"alice\"";

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
    } else if (var == RUNE_CEDAR_ACTION && !rune_uid_is_action_type(name.uid.type)) {
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
    scope->uid_count = (uint32_t)uids.count;
    scope->span = rune_cedar_span_from(parser, start);
    ok = rune_cedar_keep(parser, uids.items, uids.count, sizeof *uids.items, &scope->uids);
out:
    RUNE_VEC_FINI(&uids);
    return ok;
}

bool rune_cedar_read_scope(struct rune_cedar_parser *parser, struct rune_cedar_policy *policy)
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
