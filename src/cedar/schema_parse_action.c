/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas in human syntax: actions.
 *
 *     action := 'action' names ['in' qualnames] ['appliesTo' '{' apps '}'] ['attributes' '{' '}']
 * ';' | 'external' 'action' names ['in' qualnames] ';' */
#include <string.h>

#include "cedar/schema_parse_int.h"

RUNE_VEC(vec_action_ref, struct rune_schema_ast_action_ref);

/* name | path::"id" */
static bool read_action_ref(struct rune_cedar_parser *parser,
                            struct rune_schema_ast_action_ref *ret_ref)
{
    uint32_t start = parser->token.offset;
    struct rune_schema_ast_ref path;
    bool string_follows = false;
    memset(ret_ref, 0, sizeof *ret_ref);
    if (rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
        if (!rune_cedar_read_string(parser, &ret_ref->id)) {
            return false;
        }
    } else {
        if (!rune_schema_read_path(parser, "an action", &path, &string_follows)) {
            return false;
        }
        if (!string_follows && memchr(path.name.data, ':', path.name.length) != NULL) {
            rune_cedar_expected(parser, "`::\"id\"`",
                                "an action of another namespace is written NS::Action::\"id\"");
            return false;
        }
        if (string_follows) {
            ret_ref->type = path.name;
            if (!rune_cedar_read_string(parser, &ret_ref->id)) {
                return false;
            }
        } else {
            ret_ref->id = path.name;
        }
    }
    ret_ref->span = rune_cedar_span_from(parser, start);
    return true;
}

static bool read_action_parents(struct rune_cedar_parser *parser,
                                struct rune_schema_ast_action *action)
{
    struct vec_action_ref list = {0};
    struct rune_schema_ast_action_ref ref;
    uint32_t open = parser->token.offset;
    bool is_list = rune_cedar_accept(parser, RUNE_TOKEN_LBRACKET);
    bool ok = false;
    do {
        if (!read_action_ref(parser, &ref) ||
            (!RUNE_VEC_PUSH(&list, ref) && !rune_cedar_nomem(parser))) {
            goto out;
        }
    } while (is_list && rune_cedar_accept(parser, RUNE_TOKEN_COMMA));
    if (is_list && !rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACKET, open)) {
        goto out;
    }
    action->has_parents = true;
    action->parent_count = (uint32_t)list.count;
    ok = rune_cedar_keep(parser, list.items, list.count, sizeof *list.items, &action->parents);
out:
    RUNE_VEC_FINI(&list);
    return ok;
}

enum { SEEN_PRINCIPAL = 1, SEEN_RESOURCE = 2, SEEN_CONTEXT = 4 };

static bool read_context(struct rune_cedar_parser *parser, struct rune_schema_ast_action *action)
{
    if (rune_cedar_at(parser, RUNE_TOKEN_LBRACE)) {
        action->context = rune_schema_read_record(parser);
        return action->context != NULL;
    }
    struct rune_schema_ast_ref ref;
    if (!rune_schema_read_type_ref(parser, &ref)) {
        return false;
    }
    action->context = RUNE_ARENA_NEW(parser->arena, struct rune_schema_ast_type);
    if (action->context == NULL) {
        return rune_cedar_nomem(parser);
    }
    action->context->kind = RUNE_SCHEMA_AST_COMMON;
    action->context->name = ref.name;
    action->context->span = ref.span;
    return true;
}

/* One of `principal:`, `resource:`, `context:`. */
static bool read_application(struct rune_cedar_parser *parser,
                             struct rune_schema_ast_action *action, unsigned *seen)
{
    struct rune_span span = rune_cedar_token_span(parser);
    unsigned which = rune_cedar_at_word(parser, RUNE_WORD_PRINCIPAL)  ? SEEN_PRINCIPAL
                     : rune_cedar_at_word(parser, RUNE_WORD_RESOURCE) ? SEEN_RESOURCE
                     : rune_cedar_at_word(parser, RUNE_WORD_CONTEXT)  ? SEEN_CONTEXT
                                                                      : 0u;
    if (which == 0) {
        rune_cedar_expected(parser, "`principal`, `resource` or `context`",
                            "write appliesTo { principal: [User], resource: [Doc], context: {} }");
        return false;
    }
    if ((*seen & which) != 0) {
        rune_cedar_error(parser, "RUNE-C0502", span, "keep one of them", "`%s` is here twice",
                         which == SEEN_PRINCIPAL  ? "principal"
                         : which == SEEN_RESOURCE ? "resource"
                                                  : "context");
    }
    *seen |= which;
    rune_cedar_advance(parser);
    if (!rune_cedar_expect(parser, RUNE_TOKEN_COLON, NULL)) {
        return false;
    }
    if (which == SEEN_CONTEXT) {
        return read_context(parser, action);
    }
    struct rune_schema_ast_refs *refs =
        which == SEEN_PRINCIPAL ? &action->principals : &action->resources;
    if (!rune_schema_read_type_refs(parser, refs)) {
        return false;
    }
    if (refs->count == 0) {
        rune_cedar_error(parser, "RUNE-C0503", span,
                         "drop the whole `appliesTo` if the action is only a group",
                         "this list of types is empty: the action would apply to nothing");
    }
    return true;
}

static bool read_applies_to(struct rune_cedar_parser *parser, struct rune_schema_ast_action *action)
{
    uint32_t open = parser->token.offset;
    unsigned seen = 0;
    if (!rune_cedar_expect(parser, RUNE_TOKEN_LBRACE, NULL)) {
        return false;
    }
    do {
        if (seen != 0 && rune_cedar_at(parser, RUNE_TOKEN_RBRACE)) {
            break;
        }
        if (!read_application(parser, action, &seen)) {
            return false;
        }
    } while (rune_cedar_accept(parser, RUNE_TOKEN_COMMA));
    if (!rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACE, open)) {
        return false;
    }
    action->has_applies_to = true;
    if ((seen & SEEN_PRINCIPAL) == 0 || (seen & SEEN_RESOURCE) == 0) {
        rune_cedar_error(parser, "RUNE-C0503", rune_cedar_span_from(parser, open), NULL,
                         "`appliesTo` needs `%s`",
                         (seen & SEEN_PRINCIPAL) == 0 ? "principal" : "resource");
    }
    return true;
}

static bool read_action_body(struct rune_cedar_parser *parser,
                             struct rune_schema_ast_action *action)
{
    if (rune_cedar_at_word(parser, RUNE_WORD_IN)) {
        rune_cedar_advance(parser);
        if (!read_action_parents(parser, action)) {
            return false;
        }
    }
    if (action->is_external) {
        return true;
    }
    if (rune_schema_accept_keyword(parser, RUNE_STR("appliesTo")) &&
        !read_applies_to(parser, action)) {
        return false;
    }
    action->has_applies_to = true; /* in JSON an action without it is written with empty lists */
    if (rune_schema_at_keyword(parser, RUNE_STR("applies")) ||
        rune_schema_at_keyword(parser, RUNE_STR("appliesto"))) {
        rune_cedar_expected(parser, "`;`", "did you mean `appliesTo`?");
        return false;
    }
    if (rune_schema_accept_keyword(parser, RUNE_STR("attributes"))) {
        uint32_t open = parser->token.offset;
        return rune_cedar_expect(parser, RUNE_TOKEN_LBRACE, NULL) &&
               rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACE, open);
    }
    return true;
}

bool rune_schema_read_action(struct rune_cedar_parser *parser, struct rune_schema_scope *scope,
                             struct rune_schema_ast_annotations annotations,
                             enum rune_schema_definition definition)
{
    size_t first = scope->actions.count;
    struct rune_schema_ast_action action = {.annotations = annotations,
                                            .is_external = definition == RUNE_SCHEMA_EXTERNAL};
    do {
        uint32_t start = parser->token.offset;
        if (!rune_schema_read_name(parser, "an action's name", &action.id)) {
            return false;
        }
        action.span = rune_cedar_span_from(parser, start);
        if (!RUNE_VEC_PUSH(&scope->actions, action)) {
            return rune_cedar_nomem(parser);
        }
    } while (rune_cedar_accept(parser, RUNE_TOKEN_COMMA));
    struct rune_schema_ast_action body = action;
    if (!read_action_body(parser, &body)) {
        return false;
    }
    for (size_t i = first; i < scope->actions.count; i++) {
        body.id = scope->actions.items[i].id;
        body.span = scope->actions.items[i].span;
        scope->actions.items[i] = body;
    }
    return rune_cedar_expect(parser, RUNE_TOKEN_SEMICOLON, "a declaration ends with `;`");
}
