/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas in human syntax.
 *
 *     schema    := {{annotation} (namespace | decl)}
 *     namespace := 'namespace' path '{' {{annotation} decl} '}'
 *     decl      := entity | action | type
 *                | 'external' 'entity' idents ['in' paths] ';' | 'external' 'action' names ['in'
 *                qualnames] ';'
 *     entity    := 'entity' idents ['in' paths] [['='] '{' attrs '}'] ['tags' type] ';'
 *                | 'entity' idents 'enum' '[' strings ']' ';'
 *     action    := 'action' names ['in' qualnames] ['appliesTo' '{' apps '}'] ['attributes' '{'
 *               '}'] ';'
 *     type      := 'type' ident '=' type ';'
 *
 * No word but Cedar's own is reserved; what a word means follows from where it stands. */
#include <stdlib.h>
#include <string.h>

#include "cedar/parser_int.h"
#include "cedar/schema.h"
#include "model/uid.h"

RUNE_VEC(vec_common, struct rune_schema_ast_common);
RUNE_VEC(vec_entity, struct rune_schema_ast_entity);
RUNE_VEC(vec_action, struct rune_schema_ast_action);
RUNE_VEC(vec_namespace, struct rune_schema_ast_namespace);
RUNE_VEC(vec_attr, struct rune_schema_ast_attr);
RUNE_VEC(vec_ref, struct rune_schema_ast_ref);
RUNE_VEC(vec_action_ref, struct rune_schema_ast_action_ref);

/* A namespace while it is read. */
struct scope {
    struct vec_common commons;
    struct vec_entity entities;
    struct vec_action actions;
};

#define MAX_TYPE_NESTING 100u /* LIMIT: below RUNE_SCHEMA_MAX_DEPTH */

static bool at_keyword(const struct rune_cedar_parser *parser, struct rune_str word)
{
    return rune_cedar_at(parser, RUNE_TOKEN_IDENT) &&
           rune_str_equal(rune_cedar_text(parser, parser->token), word);
}

static bool accept_keyword(struct rune_cedar_parser *parser, struct rune_str word)
{
    if (!at_keyword(parser, word)) {
        return false;
    }
    rune_cedar_advance(parser);
    return true;
}

/* ---- names ---- */

/* A reference `A::B` (`__cedar` may lead it). */
static bool read_path(struct rune_cedar_parser *parser, const char *what,
                      struct rune_schema_ast_ref *ret_ref, bool *ret_string_follows)
{
    uint32_t start = parser->token.offset;
    struct rune_buf text = RUNE_BUF_INIT;
    bool ok = false;
    *ret_string_follows = false;
    for (;;) {
        if (!rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
            rune_cedar_expected(parser, what, NULL);
            goto out;
        }
        if (rune_cedar_word_is_reserved((enum rune_cedar_word)parser->token.word) &&
            parser->token.word != RUNE_WORD_CEDAR) {
            struct rune_str word = rune_cedar_text(parser, parser->token);
            rune_cedar_error(parser, "RUNE-C0202", rune_cedar_token_span(parser), NULL,
                             "`%.*s` is a reserved word and cannot be part of a name",
                             RUNE_STR_ARG(word));
        }
        rune_buf_append_str(&text, rune_cedar_text(parser, parser->token));
        rune_cedar_advance(parser);
        uint32_t end = parser->last_end;
        bool more = rune_cedar_accept(parser, RUNE_TOKEN_PATH);
        if (!more || rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
            *ret_string_follows = more;
            ret_ref->span = (struct rune_span){parser->lexer.source, start, end - start};
            break;
        }
        rune_buf_append_cstr(&text, "::");
    }
    char *copy = text.failed ? NULL : rune_arena_strndup(parser->arena, text.data, text.length);
    if (copy == NULL) {
        rune_cedar_nomem(parser);
        goto out;
    }
    ret_ref->name = (struct rune_str){copy, text.length};
    ok = true;
out:
    rune_buf_fini(&text);
    return ok;
}

static bool read_type_ref(struct rune_cedar_parser *parser, struct rune_schema_ast_ref *ret_ref)
{
    bool string_follows;
    if (!read_path(parser, "a type", ret_ref, &string_follows)) {
        return false;
    }
    if (string_follows) {
        rune_cedar_expected(parser, "a type", "an entity has no place here, only a type");
        return false;
    }
    return true;
}

/* `A` or `[A, B]`; the list may be empty. */
static bool read_type_refs(struct rune_cedar_parser *parser, struct rune_schema_ast_refs *ret_refs)
{
    struct vec_ref list = {0};
    struct rune_schema_ast_ref ref;
    uint32_t open = parser->token.offset;
    bool ok = false;
    if (!rune_cedar_accept(parser, RUNE_TOKEN_LBRACKET)) {
        if (!read_type_ref(parser, &ref) ||
            (!RUNE_VEC_PUSH(&list, ref) && !rune_cedar_nomem(parser))) {
            goto out;
        }
    } else if (!rune_cedar_accept(parser, RUNE_TOKEN_RBRACKET)) {
        do {
            if (!read_type_ref(parser, &ref) ||
                (!RUNE_VEC_PUSH(&list, ref) && !rune_cedar_nomem(parser))) {
                goto out;
            }
        } while (rune_cedar_accept(parser, RUNE_TOKEN_COMMA));
        if (!rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACKET, open)) {
            goto out;
        }
    }
    ret_refs->count = (uint32_t)list.count;
    ok = rune_cedar_keep(parser, list.items, list.count, sizeof *list.items, &ret_refs->items);
out:
    RUNE_VEC_FINI(&list);
    return ok;
}

/* An identifier or a string. */
static bool read_name(struct rune_cedar_parser *parser, const char *what, struct rune_str *ret_name)
{
    if (rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
        return rune_cedar_read_string(parser, ret_name);
    }
    /* fine as a name of an attribute or an action */
    if (rune_cedar_at_word(parser, RUNE_WORD_CEDAR)) {
        *ret_name = rune_cedar_text(parser, parser->token);
        rune_cedar_advance(parser);
        return true;
    }
    return rune_cedar_read_ident(parser, what, ret_name);
}

static bool read_annotations(struct rune_cedar_parser *parser,
                             struct rune_schema_ast_annotations *ret_annotations)
{
    return rune_cedar_read_annotations(parser, &ret_annotations->items, &ret_annotations->count);
}

/* ---- types ---- */

static struct rune_schema_ast_type *read_type(struct rune_cedar_parser *parser);

static int compare_attrs(const void *a, const void *b)
{
    const struct rune_schema_ast_attr *x = a;
    const struct rune_schema_ast_attr *y = b;
    int order = rune_str_compare(x->name, y->name);
    return order != 0 ? order
                      : (x->span.offset > y->span.offset) - (x->span.offset < y->span.offset);
}

/* Sorted; of two with one name the later one holds, as in Cedar. */
static void sort_attrs(struct vec_attr *attrs)
{
    if (attrs->count < 2) {
        return;
    }
    qsort(attrs->items, attrs->count, sizeof *attrs->items, compare_attrs);
    size_t kept = 0;
    for (size_t i = 0; i < attrs->count; i++) {
        bool is_again =
            kept > 0 && rune_str_equal(attrs->items[kept - 1].name, attrs->items[i].name);
        attrs->items[is_again ? kept - 1 : kept++] = attrs->items[i];
    }
    attrs->count = kept;
}

static bool read_attr(struct rune_cedar_parser *parser, struct rune_schema_ast_attr *attr)
{
    if (!read_annotations(parser, &attr->annotations)) {
        return false;
    }
    uint32_t start = parser->token.offset;
    if (!read_name(parser, "an attribute name", &attr->name)) {
        return false;
    }
    attr->span = rune_cedar_span_from(parser, start);
    attr->is_required = !rune_cedar_accept(parser, RUNE_TOKEN_QUESTION);
    if (!rune_cedar_expect(parser, RUNE_TOKEN_COLON,
                           "an attribute is written name: Type, an optional one name?: Type")) {
        return false;
    }
    attr->type = read_type(parser);
    return attr->type != NULL;
}

/* What cannot follow an attribute, and is written there by who comes from another language. */
static const char *advise_attr(const struct rune_cedar_parser *parser)
{
    switch ((enum rune_cedar_token_kind)parser->token.kind) {
    case RUNE_TOKEN_SEMICOLON:
        return "attributes are separated by `,`";
    case RUNE_TOKEN_QUESTION:
        return "an optional attribute is written name?: Type";
    case RUNE_TOKEN_LT:
    case RUNE_TOKEN_LPAREN:
        return "only a set is made of another type: Set<Type>";
    default:
        return NULL;
    }
}

/* `{ attrs }`, whose brace is the current token. */
static struct rune_schema_ast_type *read_record(struct rune_cedar_parser *parser)
{
    struct vec_attr list = {0};
    struct rune_schema_ast_type *type = NULL;
    uint32_t open = parser->token.offset;
    rune_cedar_advance(parser);
    while (!rune_cedar_at(parser, RUNE_TOKEN_RBRACE)) {
        struct rune_schema_ast_attr attr = {0};
        if (!read_attr(parser, &attr) ||
            (!RUNE_VEC_PUSH(&list, attr) && !rune_cedar_nomem(parser))) {
            goto out;
        }
        if (!rune_cedar_accept(parser, RUNE_TOKEN_COMMA)) {
            break;
        }
    }
    const char *advice = advise_attr(parser);
    if (advice != NULL) {
        rune_cedar_expected(parser, "`,` or `}`", advice);
        goto out;
    }
    if (!rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACE, open)) {
        goto out;
    }
    sort_attrs(&list);
    type = RUNE_ARENA_NEW(parser->arena, struct rune_schema_ast_type);
    if (type == NULL ||
        !rune_cedar_keep(parser, list.items, list.count, sizeof *list.items, &type->attrs)) {
        rune_cedar_nomem(parser);
        type = NULL;
        goto out;
    }
    type->kind = RUNE_SCHEMA_AST_RECORD;
    type->attr_count = (uint32_t)list.count;
    type->span = rune_cedar_span_from(parser, open);
out:
    RUNE_VEC_FINI(&list);
    return type;
}

static struct rune_schema_ast_type *read_set(struct rune_cedar_parser *parser, uint32_t start)
{
    struct rune_schema_ast_type *element = read_type(parser);
    if (element == NULL ||
        !rune_cedar_expect(parser, RUNE_TOKEN_GT, "a set is written Set<Type>")) {
        return NULL;
    }
    struct rune_schema_ast_type *type = RUNE_ARENA_NEW(parser->arena, struct rune_schema_ast_type);
    if (type == NULL) {
        rune_cedar_nomem(parser);
        return NULL;
    }
    type->kind = RUNE_SCHEMA_AST_SET;
    type->element = element;
    type->span = rune_cedar_span_from(parser, start);
    return type;
}

static struct rune_schema_ast_type *read_named_type(struct rune_cedar_parser *parser)
{
    uint32_t start = parser->token.offset;
    bool may_be_set = at_keyword(parser, RUNE_STR("Set"));
    struct rune_schema_ast_ref ref;
    if (!rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        rune_cedar_expected(parser, "a type",
                            rune_cedar_at(parser, RUNE_TOKEN_LBRACKET)
                                ? "a set is written Set<Type>"
                                : "a type is a name, Set<Type>, or {name: Type}");
        return NULL;
    }
    if (!read_type_ref(parser, &ref)) {
        return NULL;
    }
    if (may_be_set && rune_str_equal(ref.name, RUNE_STR("Set")) &&
        rune_cedar_accept(parser, RUNE_TOKEN_LT)) {
        return read_set(parser, start);
    }
    struct rune_schema_ast_type *type = RUNE_ARENA_NEW(parser->arena, struct rune_schema_ast_type);
    if (type == NULL) {
        rune_cedar_nomem(parser);
        return NULL;
    }
    type->kind = RUNE_SCHEMA_AST_ENTITY_OR_COMMON;
    type->name = ref.name;
    type->span = ref.span;
    return type;
}

static struct rune_schema_ast_type *read_type(struct rune_cedar_parser *parser)
{
    if (parser->nesting == MAX_TYPE_NESTING) {
        parser->limit = true;
        rune_cedar_error(parser, "RUNE-C0105", rune_cedar_token_span(parser),
                         "name the inner types with `type`",
                         "this type is nested deeper than %u levels", MAX_TYPE_NESTING);
        return NULL;
    }
    parser->nesting++;
    struct rune_schema_ast_type *type =
        rune_cedar_at(parser, RUNE_TOKEN_LBRACE) ? read_record(parser) : read_named_type(parser);
    parser->nesting--;
    return type;
}

/* ---- declarations ---- */

/* The name of something declared. */
static bool read_declared(struct rune_cedar_parser *parser, const char *what,
                          struct rune_str *ret_name, struct rune_span *ret_span)
{
    *ret_span = rune_cedar_token_span(parser);
    return rune_cedar_read_ident(parser, what, ret_name);
}

static bool read_ids(struct rune_cedar_parser *parser, struct rune_schema_ast_entity *entity)
{
    uint32_t open = parser->token.offset;
    size_t first = parser->names.count;
    bool ok = false;
    if (!rune_cedar_expect(parser, RUNE_TOKEN_LBRACKET,
                           "an enumeration is written entity Color enum [\"red\", \"green\"];")) {
        return false;
    }
    do {
        struct rune_str id;
        if (!rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
            rune_cedar_expected(parser, "a string",
                                "an enumeration lists its ids: [\"red\", \"green\"]");
            goto out;
        }
        if (!rune_cedar_read_string(parser, &id) ||
            (!RUNE_VEC_PUSH(&parser->names, id) && !rune_cedar_nomem(parser))) {
            goto out;
        }
    } while (rune_cedar_accept(parser, RUNE_TOKEN_COMMA));
    if (!rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACKET, open)) {
        goto out;
    }
    entity->is_enum = true;
    entity->id_count = (uint32_t)(parser->names.count - first);
    ok = rune_cedar_keep(parser, parser->names.items + first, entity->id_count,
                         sizeof(struct rune_str), &entity->ids);
out:
    parser->names.count = first;
    return ok;
}

static bool read_entity_body(struct rune_cedar_parser *parser,
                             struct rune_schema_ast_entity *entity)
{
    if (!entity->is_external && accept_keyword(parser, RUNE_STR("enum"))) {
        return read_ids(parser, entity);
    }
    if (rune_cedar_at_word(parser, RUNE_WORD_IN)) {
        rune_cedar_advance(parser);
        if (!read_type_refs(parser, &entity->member_of)) {
            return false;
        }
    }
    if (entity->is_external) { /* what else it is, its definition says */
        return true;
    }
    bool has_equal = rune_cedar_accept(parser, RUNE_TOKEN_ASSIGN);
    if (has_equal && !rune_cedar_at(parser, RUNE_TOKEN_LBRACE)) {
        rune_cedar_expected(parser, "`{`",
                            "the attributes of an entity type are a record: {name: Type}");
        return false;
    }
    if (rune_cedar_at(parser, RUNE_TOKEN_LBRACE)) {
        entity->shape = read_record(parser);
        if (entity->shape == NULL) {
            return false;
        }
    }
    if (accept_keyword(parser, RUNE_STR("tags"))) {
        entity->tags = read_type(parser);
        return entity->tags != NULL;
    }
    return true;
}

static bool read_entity(struct rune_cedar_parser *parser, struct scope *scope,
                        struct rune_schema_ast_annotations annotations, bool is_external)
{
    size_t first = scope->entities.count;
    struct rune_schema_ast_entity entity = {.annotations = annotations, .is_external = is_external};
    do {
        if (!read_declared(parser, "an entity type's name", &entity.name, &entity.span)) {
            return false;
        }
        if (!RUNE_VEC_PUSH(&scope->entities, entity)) {
            return rune_cedar_nomem(parser);
        }
    } while (rune_cedar_accept(parser, RUNE_TOKEN_COMMA));
    struct rune_schema_ast_entity body = entity;
    if (!read_entity_body(parser, &body)) {
        return false;
    }
    for (size_t i = first; i < scope->entities.count; i++) {
        body.name = scope->entities.items[i].name;
        body.span = scope->entities.items[i].span;
        scope->entities.items[i] = body;
    }
    return rune_cedar_expect(parser, RUNE_TOKEN_SEMICOLON, "a declaration ends with `;`");
}

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
        if (!read_path(parser, "an action", &path, &string_follows)) {
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
        action->context = read_record(parser);
        return action->context != NULL;
    }
    struct rune_schema_ast_ref ref;
    if (!read_type_ref(parser, &ref)) {
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
    if (!read_type_refs(parser, refs)) {
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
    if (accept_keyword(parser, RUNE_STR("appliesTo")) && !read_applies_to(parser, action)) {
        return false;
    }
    action->has_applies_to = true; /* in JSON an action without it is written with empty lists */
    if (at_keyword(parser, RUNE_STR("applies")) || at_keyword(parser, RUNE_STR("appliesto"))) {
        rune_cedar_expected(parser, "`;`", "did you mean `appliesTo`?");
        return false;
    }
    if (accept_keyword(parser, RUNE_STR("attributes"))) {
        uint32_t open = parser->token.offset;
        return rune_cedar_expect(parser, RUNE_TOKEN_LBRACE, NULL) &&
               rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACE, open);
    }
    return true;
}

static bool read_action(struct rune_cedar_parser *parser, struct scope *scope,
                        struct rune_schema_ast_annotations annotations, bool is_external)
{
    size_t first = scope->actions.count;
    struct rune_schema_ast_action action = {.annotations = annotations, .is_external = is_external};
    do {
        uint32_t start = parser->token.offset;
        if (!read_name(parser, "an action's name", &action.id)) {
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

static bool is_schema_keyword(struct rune_str name)
{
    static const struct rune_str words[] = {{"Bool", 4},      {"Boolean", 7}, {"Entity", 6},
                                            {"Extension", 9}, {"Long", 4},    {"Record", 6},
                                            {"Set", 3},       {"String", 6}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (rune_str_equal(words[i], name)) {
            return true;
        }
    }
    return false;
}

static bool read_common(struct rune_cedar_parser *parser, struct scope *scope,
                        struct rune_schema_ast_annotations annotations)
{
    struct rune_schema_ast_common common = {.annotations = annotations};
    if (!read_declared(parser, "a type's name", &common.name, &common.span)) {
        return false;
    }
    if (is_schema_keyword(common.name)) {
        rune_cedar_error(parser, "RUNE-C0501", common.span, "choose another name",
                         "`%.*s` cannot name a type: it is a word of schemas",
                         RUNE_STR_ARG(common.name));
    }
    if (!rune_cedar_expect(parser, RUNE_TOKEN_ASSIGN, "a type is declared type Name = Type;")) {
        return false;
    }
    common.type = read_type(parser);
    if (common.type == NULL) {
        return false;
    }
    if (!RUNE_VEC_PUSH(&scope->commons, common)) {
        return rune_cedar_nomem(parser);
    }
    return rune_cedar_expect(parser, RUNE_TOKEN_SEMICOLON, "a declaration ends with `;`");
}

static const struct rune_str keywords[] = {
    {"entity", 6}, {"action", 6}, {"type", 4}, {"namespace", 9}, {"external", 8}};

enum { KEYWORD_COUNT = sizeof keywords / sizeof keywords[0] };

static bool read_declaration(struct rune_cedar_parser *parser, struct scope *scope,
                             struct rune_schema_ast_annotations annotations)
{
    bool is_external = accept_keyword(parser, RUNE_STR("external"));
    if (accept_keyword(parser, RUNE_STR("entity"))) {
        return read_entity(parser, scope, annotations, is_external);
    }
    if (accept_keyword(parser, RUNE_STR("action"))) {
        return read_action(parser, scope, annotations, is_external);
    }
    if (!is_external && accept_keyword(parser, RUNE_STR("type"))) {
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

static bool at_declaration(const struct rune_cedar_parser *parser)
{
    for (size_t i = 0; i < KEYWORD_COUNT; i++) {
        if (at_keyword(parser, keywords[i])) {
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

static bool close_scope(struct rune_cedar_parser *parser, struct scope *scope,
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
    struct scope scope = {0};
    struct rune_schema_ast_ref path;
    bool string_follows;
    if (!read_path(parser, "the namespace's name", &path, &string_follows)) {
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
        if (!read_annotations(parser, &inner) || !read_declaration(parser, &scope, inner)) {
            skip_declaration(parser);
        }
    }
    return close_scope(parser, &scope, &namespace) &&
           (RUNE_VEC_PUSH(namespaces, namespace) || rune_cedar_nomem(parser)) &&
           rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACE, open);
}

static void read_schema(struct rune_cedar_parser *parser, struct vec_namespace *namespaces)
{
    struct scope scope = {0};
    while (!rune_cedar_at(parser, RUNE_TOKEN_END) && parser->fatal == RUNE_OK) {
        struct rune_schema_ast_annotations annotations = {0};
        bool ok = read_annotations(parser, &annotations);
        if (ok) {
            ok = accept_keyword(parser, RUNE_STR("namespace"))
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

static void check_declarations(struct rune_cedar_parser *parser,
                               const struct vec_namespace *namespaces)
{
    struct rune_map names = RUNE_MAP_INIT;
    for (size_t i = 0; i < namespaces->count; i++) {
        const struct rune_schema_ast_namespace *namespace = &namespaces->items[i];
        struct rune_map entities = RUNE_MAP_INIT;
        struct rune_map commons = RUNE_MAP_INIT;
        struct rune_map actions = RUNE_MAP_INIT;
        check_twice(parser, &names, namespace->name, namespace->span, "the namespace");
        for (uint32_t k = 0; k < namespace->entity_count; k++) {
            check_twice(parser, &entities, namespace->entities[k].name, namespace->entities[k].span,
                        "the entity type");
            if (rune_str_equal(namespace->entities[k].name, RUNE_STR("Action"))) {
                rune_cedar_error(parser, "RUNE-C0505", namespace->entities[k].span,
                                 "actions are declared with `action`",
                                 "an entity type cannot be named `Action`");
            }
        }
        for (uint32_t k = 0; k < namespace->common_count; k++) {
            check_twice(parser, &commons, namespace->commons[k].name, namespace->commons[k].span,
                        "the type");
        }
        for (uint32_t k = 0; k < namespace->action_count; k++) {
            check_twice(parser, &actions, namespace->actions[k].id, namespace->actions[k].span,
                        "the action");
        }
        rune_map_fini(&entities);
        rune_map_fini(&commons);
        rune_map_fini(&actions);
    }
    rune_map_fini(&names);
}

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
