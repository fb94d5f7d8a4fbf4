/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas in human syntax: names and types.
 *
 *     type  := path | 'Set' '<' type '>' | '{' attrs '}'
 *     attrs := {annotation} name ['?'] ':' type {',' attrs} [',']
 *
 * No word but Cedar's own is reserved; what a word means follows from where it stands. */
#include <stdlib.h>

#include "cedar/schema_parse_int.h"

RUNE_VEC(vec_attr, struct rune_schema_ast_attr);
RUNE_VEC(vec_ref, struct rune_schema_ast_ref);

#define MAX_TYPE_NESTING 100u /* LIMIT: below RUNE_SCHEMA_MAX_DEPTH */

/* ---- words ---- */

bool rune_schema_at_keyword(const struct rune_cedar_parser *parser, struct rune_str word)
{
    return rune_cedar_at(parser, RUNE_TOKEN_IDENT) &&
           rune_str_equal(rune_cedar_text(parser, parser->token), word);
}

bool rune_schema_accept_keyword(struct rune_cedar_parser *parser, struct rune_str word)
{
    if (!rune_schema_at_keyword(parser, word)) {
        return false;
    }
    rune_cedar_advance(parser);
    return true;
}

/* ---- names ---- */

bool rune_schema_read_path(struct rune_cedar_parser *parser, const char *what,
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

bool rune_schema_read_type_ref(struct rune_cedar_parser *parser,
                               struct rune_schema_ast_ref *ret_ref)
{
    bool string_follows;
    if (!rune_schema_read_path(parser, "a type", ret_ref, &string_follows)) {
        return false;
    }
    if (string_follows) {
        rune_cedar_expected(parser, "a type", "an entity has no place here, only a type");
        return false;
    }
    return true;
}

bool rune_schema_read_type_refs(struct rune_cedar_parser *parser,
                                struct rune_schema_ast_refs *ret_refs)
{
    struct vec_ref list = {0};
    struct rune_schema_ast_ref ref;
    uint32_t open = parser->token.offset;
    bool ok = false;
    if (!rune_cedar_accept(parser, RUNE_TOKEN_LBRACKET)) {
        if (!rune_schema_read_type_ref(parser, &ref) ||
            (!RUNE_VEC_PUSH(&list, ref) && !rune_cedar_nomem(parser))) {
            goto out;
        }
    } else if (!rune_cedar_accept(parser, RUNE_TOKEN_RBRACKET)) {
        do {
            if (!rune_schema_read_type_ref(parser, &ref) ||
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

bool rune_schema_read_name(struct rune_cedar_parser *parser, const char *what,
                           struct rune_str *ret_name)
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

bool rune_schema_read_annotations(struct rune_cedar_parser *parser,
                                  struct rune_schema_ast_annotations *ret_annotations)
{
    return rune_cedar_read_annotations(parser, &ret_annotations->items, &ret_annotations->count);
}

/* ---- types ---- */

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
    if (!rune_schema_read_annotations(parser, &attr->annotations)) {
        return false;
    }
    uint32_t start = parser->token.offset;
    if (!rune_schema_read_name(parser, "an attribute name", &attr->name)) {
        return false;
    }
    attr->span = rune_cedar_span_from(parser, start);
    attr->is_required = !rune_cedar_accept(parser, RUNE_TOKEN_QUESTION);
    if (!rune_cedar_expect(parser, RUNE_TOKEN_COLON,
                           "an attribute is written name: Type, an optional one name?: Type")) {
        return false;
    }
    attr->type = rune_schema_read_type(parser);
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

struct rune_schema_ast_type *rune_schema_read_record(struct rune_cedar_parser *parser)
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
    struct rune_schema_ast_type *element = rune_schema_read_type(parser);
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
    bool may_be_set = rune_schema_at_keyword(parser, RUNE_STR("Set"));
    struct rune_schema_ast_ref ref;
    if (!rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        rune_cedar_expected(parser, "a type",
                            rune_cedar_at(parser, RUNE_TOKEN_LBRACKET)
                                ? "a set is written Set<Type>"
                                : "a type is a name, Set<Type>, or {name: Type}");
        return NULL;
    }
    if (!rune_schema_read_type_ref(parser, &ref)) {
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

struct rune_schema_ast_type *rune_schema_read_type(struct rune_cedar_parser *parser)
{
    if (parser->nesting == MAX_TYPE_NESTING) {
        parser->limit = true;
        rune_cedar_error(parser, "RUNE-C0105", rune_cedar_token_span(parser),
                         "name the inner types with `type`",
                         "this type is nested deeper than %u levels", MAX_TYPE_NESTING);
        return NULL;
    }
    parser->nesting++;
    struct rune_schema_ast_type *type = rune_cedar_at(parser, RUNE_TOKEN_LBRACE)
                                            ? rune_schema_read_record(parser)
                                            : read_named_type(parser);
    parser->nesting--;
    return type;
}
