/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas in human syntax: declarations and namespaces.
 *
 *     schema    := {{annotation} (namespace | decl)}
 *     namespace := 'namespace' path '{' {{annotation} decl} '}'
 *     decl      := entity | action | 'type' ident '=' type ';'
 *
 * Entities, actions and types are in schema_parse_*.c. Recovery: after a mistake of grammar
 * everything is skipped to where the next declaration may begin, or to the end of the namespace. */
#include "cedar/schema_parse_int.h"
#include "model/uid.h"

RUNE_VEC(vec_namespace, struct rune_schema_ast_namespace);

/* ---- common types ---- */

static bool read_common(struct rune_cedar_parser *parser, struct rune_schema_scope *scope,
                        struct rune_schema_ast_annotations annotations)
{
    struct rune_schema_ast_common common = {.annotations = annotations,
                                            .span = rune_cedar_token_span(parser)};
    if (!rune_cedar_read_ident(parser, "a type's name", &common.name)) {
        return false;
    }
    if (rune_schema_is_keyword(common.name)) {
        rune_cedar_error(parser, "RUNE-C0501", common.span, "choose another name",
                         "`%.*s` cannot name a type: it is a word of schemas",
                         RUNE_STR_ARG(common.name));
    }
    if (!rune_cedar_expect(parser, RUNE_TOKEN_ASSIGN, "a type is declared type Name = Type;")) {
        return false;
    }
    common.type = rune_schema_read_type(parser);
    if (common.type == NULL) {
        return false;
    }
    if (!RUNE_VEC_PUSH(&scope->commons, common)) {
        return rune_cedar_nomem(parser);
    }
    return rune_cedar_expect(parser, RUNE_TOKEN_SEMICOLON, "a declaration ends with `;`");
}

/* ---- any declaration ---- */

static const struct rune_str keywords[] = {
    {"entity", 6}, {"action", 6}, {"type", 4}, {"namespace", 9}, {"external", 8}};

enum { KEYWORD_COUNT = sizeof keywords / sizeof keywords[0] };

static bool read_declaration(struct rune_cedar_parser *parser, struct rune_schema_scope *scope,
                             struct rune_schema_ast_annotations annotations)
{
    bool is_external = rune_schema_accept_keyword(parser, RUNE_STR("external"));
    enum rune_schema_definition definition =
        is_external ? RUNE_SCHEMA_EXTERNAL : RUNE_SCHEMA_DEFINED;
    if (rune_schema_accept_keyword(parser, RUNE_STR("entity"))) {
        return rune_schema_read_entity(parser, scope, annotations, definition);
    }
    if (rune_schema_accept_keyword(parser, RUNE_STR("action"))) {
        return rune_schema_read_action(parser, scope, annotations, definition);
    }
    if (!is_external && rune_schema_accept_keyword(parser, RUNE_STR("type"))) {
        return read_common(parser, scope, annotations);
    }
    struct rune_str nearest =
        rune_str_nearest(rune_cedar_text(parser, parser->token), keywords, KEYWORD_COUNT);
    const char *help = NULL;
    if (nearest.length > 0 && rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        help = rune_arena_printf(parser->arena, "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
    }
    rune_cedar_expected(
        parser, is_external ? "`entity` or `action`" : "`entity`, `action`, `type` or `namespace`",
        help);
    return false;
}

/* ---- recovery ---- */

static bool at_declaration(const struct rune_cedar_parser *parser)
{
    for (size_t i = 0; i < KEYWORD_COUNT; i++) {
        if (rune_schema_at_keyword(parser, keywords[i])) {
            return true;
        }
    }
    return rune_cedar_at(parser, RUNE_TOKEN_AT);
}

/* Whether the `}` here ends a part of a declaration: a `;` follows, or what may follow such a part.
 * Else it ends a namespace. */
static bool closes_part(const struct rune_cedar_parser *parser)
{
    struct rune_cedar_lexer ahead = parser->lexer;
    struct rune_cedar_token next;
    do {
        next = rune_cedar_lexer_next(&ahead);
    } while (next.kind == RUNE_TOKEN_RBRACE);
    return next.kind == RUNE_TOKEN_SEMICOLON || next.kind == RUNE_TOKEN_COMMA ||
           (next.kind == RUNE_TOKEN_IDENT &&
            rune_str_equal(rune_cedar_text(parser, next), RUNE_STR("tags")));
}

/* To where the next declaration may begin, or to the `}` of the namespace. A `;` that nothing
 * follows with which a declaration begins was a slip itself. */
static void skip_declaration(struct rune_cedar_parser *parser)
{
    uint32_t depth = 0;
    while (!rune_cedar_at(parser, RUNE_TOKEN_END)) {
        if (rune_cedar_at(parser, RUNE_TOKEN_LBRACE)) {
            depth++;
        } else if (rune_cedar_at(parser, RUNE_TOKEN_RBRACE) && depth > 0) {
            depth--;
        } else if (rune_cedar_at(parser, RUNE_TOKEN_RBRACE) && !closes_part(parser)) {
            return;
        }
        bool is_end = rune_cedar_accept(parser, RUNE_TOKEN_SEMICOLON);
        if (is_end && (at_declaration(parser) || rune_cedar_at(parser, RUNE_TOKEN_RBRACE))) {
            return;
        }
        if (!is_end) {
            rune_cedar_advance(parser);
        }
    }
}

/* ---- namespaces ---- */

static bool close_scope(struct rune_cedar_parser *parser, struct rune_schema_scope *scope,
                        struct rune_schema_ast_namespace *namespace)
{
    namespace->common_count = (uint32_t)scope->commons.count;
    namespace->entity_count = (uint32_t)scope->entities.count;
    namespace->action_count = (uint32_t)scope->actions.count;
    bool ok = rune_cedar_keep(parser, scope->commons.items, scope->commons.count,
                              sizeof *scope->commons.items, &namespace->commons) &&
              rune_cedar_keep(parser, scope->entities.items, scope->entities.count,
                              sizeof *scope->entities.items, &namespace->entities) &&
              rune_cedar_keep(parser, scope->actions.items, scope->actions.count,
                              sizeof *scope->actions.items, &namespace->actions);
    RUNE_VEC_FINI(&scope->commons);
    RUNE_VEC_FINI(&scope->entities);
    RUNE_VEC_FINI(&scope->actions);
    return ok;
}

static bool read_namespace(struct rune_cedar_parser *parser, struct vec_namespace *namespaces,
                           struct rune_schema_ast_annotations annotations)
{
    struct rune_schema_ast_namespace namespace = {.annotations = annotations};
    struct rune_schema_scope scope = {0};
    struct rune_schema_ast_ref path;
    bool string_follows;
    if (!rune_schema_read_path(parser, "the namespace's name", &path, &string_follows)) {
        return false;
    }
    namespace.name = path.name;
    namespace.span = path.span;
    uint32_t open = parser->token.offset;
    if (string_follows || !rune_cedar_accept(parser, RUNE_TOKEN_LBRACE)) {
        rune_cedar_expected(parser, "`{`", "a namespace is written namespace Name { .. }");
        return false;
    }
    /* other reserved words were reported by read_path */
    if (!rune_uid_is_type_name(namespace.name)) {
        rune_cedar_error(parser, "RUNE-C0202", path.span, "choose another name",
                         "`__cedar` is reserved for Cedar itself");
    }
    while (!rune_cedar_at(parser, RUNE_TOKEN_RBRACE) && !rune_cedar_at(parser, RUNE_TOKEN_END) &&
           parser->fatal == RUNE_OK) {
        struct rune_schema_ast_annotations inner = {0};
        if (!rune_schema_read_annotations(parser, &inner) ||
            !read_declaration(parser, &scope, inner)) {
            skip_declaration(parser);
        }
    }
    return close_scope(parser, &scope, &namespace) &&
           (RUNE_VEC_PUSH(namespaces, namespace) || rune_cedar_nomem(parser)) &&
           rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACE, open);
}

static void read_schema(struct rune_cedar_parser *parser, struct vec_namespace *namespaces)
{
    struct rune_schema_scope scope = {0};
    while (!rune_cedar_at(parser, RUNE_TOKEN_END) && parser->fatal == RUNE_OK) {
        struct rune_schema_ast_annotations annotations = {0};
        bool ok = rune_schema_read_annotations(parser, &annotations);
        if (ok) {
            ok = rune_schema_accept_keyword(parser, RUNE_STR("namespace"))
                     ? read_namespace(parser, namespaces, annotations)
                     : read_declaration(parser, &scope, annotations);
        }
        if (!ok) {
            skip_declaration(parser);
            rune_cedar_accept(parser, RUNE_TOKEN_RBRACE);
        }
    }
    struct rune_schema_ast_namespace namespace = {.name = RUNE_STR("")};
    bool is_empty = scope.commons.count + scope.entities.count + scope.actions.count == 0;
    if (close_scope(parser, &scope, &namespace) && !is_empty &&
        !RUNE_VEC_PUSH(namespaces, namespace)) {
        rune_cedar_nomem(parser);
    }
}

/* ---- what is declared twice ---- */

static void check_twice(struct rune_cedar_parser *parser, struct rune_map *seen,
                        struct rune_str name, struct rune_span span, const char *what)
{
    bool added;
    uint32_t first;
    if (rune_map_intern(seen, name, span.offset, &first, &added) != RUNE_OK) {
        rune_cedar_nomem(parser);
    } else if (!added) {
        rune_cedar_error(parser, "RUNE-C0504", span, "keep one of them",
                         "%s `%.*s` is declared twice", what, RUNE_STR_ARG(name));
        rune_diag_note(parser->diag, (struct rune_span){span.source, first, span.length},
                       "the first is here");
    }
}

static void check_namespace(struct rune_cedar_parser *parser,
                            const struct rune_schema_ast_namespace *namespace)
{
    struct rune_map entities = RUNE_MAP_INIT;
    struct rune_map commons = RUNE_MAP_INIT;
    struct rune_map actions = RUNE_MAP_INIT;
    for (uint32_t i = 0; i < namespace->entity_count; i++) {
        const struct rune_schema_ast_entity *entity = &namespace->entities[i];
        check_twice(parser, &entities, entity->name, entity->span, "the entity type");
        if (rune_str_equal(entity->name, RUNE_STR("Action"))) {
            rune_cedar_error(parser, "RUNE-C0505", entity->span,
                             "actions are declared with `action`",
                             "an entity type cannot be named `Action`");
        }
    }
    for (uint32_t i = 0; i < namespace->common_count; i++) {
        check_twice(parser, &commons, namespace->commons[i].name, namespace->commons[i].span,
                    "the type");
    }
    for (uint32_t i = 0; i < namespace->action_count; i++) {
        check_twice(parser, &actions, namespace->actions[i].id, namespace->actions[i].span,
                    "the action");
    }
    rune_map_fini(&entities);
    rune_map_fini(&commons);
    rune_map_fini(&actions);
}

static void check_declarations(struct rune_cedar_parser *parser,
                               const struct vec_namespace *namespaces)
{
    struct rune_map names = RUNE_MAP_INIT;
    for (size_t i = 0; i < namespaces->count; i++) {
        const struct rune_schema_ast_namespace *namespace = &namespaces->items[i];
        check_twice(parser, &names, namespace->name, namespace->span, "the namespace");
        check_namespace(parser, namespace);
    }
    rune_map_fini(&names);
}

/* ---- all of it ---- */

enum rune_err rune_schema_parse(const struct rune_source *source, struct rune_arena *arena,
                                struct rune_schema_fragment *ret_fragment, struct rune_diag *diag)
{
    struct rune_cedar_parser parser;
    struct vec_namespace namespaces = {0};
    enum rune_err err = rune_cedar_parser_init(&parser, source, RUNE_LEX_SCHEMA, arena, diag);
    if (err != RUNE_OK) {
        return err;
    }
    read_schema(&parser, &namespaces);
    check_declarations(&parser, &namespaces);
    struct rune_schema_fragment fragment = {.namespace_count = (uint32_t)namespaces.count};
    rune_cedar_keep(&parser, namespaces.items, namespaces.count, sizeof *namespaces.items,
                    &fragment.namespaces);
    RUNE_VEC_FINI(&namespaces);
    rune_cedar_parser_fini(&parser);
    err = rune_cedar_parser_result(&parser);
    if (err == RUNE_OK) {
        *ret_fragment = fragment;
    }
    return err;
}
