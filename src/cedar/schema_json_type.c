/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas in JSON: names, annotations and types. Recursion is bounded by the depth of the JSON. */
#include <stdlib.h>
#include <string.h>

#include "cedar/lexer.h"
#include "cedar/schema_json_int.h"
#include "model/uid.h"

/* ---- names ---- */

/* A name that refers to something: `__cedar` may be in it, other reserved words may not. */
static bool is_reference(struct rune_str text)
{
    for (;;) {
        const char *colon = memchr(text.data, ':', text.length);
        struct rune_str part = {text.data,
                                colon != NULL ? (size_t)(colon - text.data) : text.length};
        enum rune_cedar_word word = rune_cedar_word_find(part);
        if (!rune_cedar_is_ident(part) ||
            (rune_cedar_word_is_reserved(word) && word != RUNE_WORD_CEDAR)) {
            return false;
        }
        if (colon == NULL) {
            return true;
        }
        if (text.length - part.length < 2 || colon[1] != ':') {
            return false;
        }
        text = (struct rune_str){colon + 2, text.length - part.length - 2};
    }
}

bool rune_schema_json_read_reference(struct rune_schema_json *reader,
                                     const struct rune_json_node *node,
                                     struct rune_schema_ast_ref *ref)
{
    if (!rune_schema_json_is_type(reader, node, RUNE_JSON_STRING, "a type's name")) {
        return false;
    }
    ref->name = node->as.text;
    ref->span = rune_schema_json_span_of(reader, node);
    return is_reference(ref->name) ||
           rune_schema_json_expected(reader, node, "a type's name, like \"User\" or \"App::User\"");
}

bool rune_schema_json_read_references(struct rune_schema_json *reader,
                                      const struct rune_json_node *node,
                                      struct rune_schema_ast_refs *ret_refs)
{
    if (!rune_schema_json_is_type(reader, node, RUNE_JSON_ARRAY, "an array of types")) {
        return false;
    }
    uint32_t count = node->as.array.count;
    struct rune_schema_ast_ref *items = rune_schema_json_array(reader, count, sizeof *items);
    bool ok = items != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = rune_schema_json_read_reference(reader, &node->as.array.items[i], &items[i]);
    }
    *ret_refs = (struct rune_schema_ast_refs){items, count};
    return ok;
}

bool rune_schema_json_read_annotations(struct rune_schema_json *reader,
                                       const struct rune_json_node *object,
                                       struct rune_schema_ast_annotations *ret_annotations)
{
    const struct rune_json_node *node = rune_json_find(object, "annotations");
    if (node == NULL) {
        return true;
    }
    if (!rune_schema_json_is_type(reader, node, RUNE_JSON_OBJECT, "an object of strings")) {
        return false;
    }
    uint32_t count = node->as.object.count;
    struct rune_cedar_annotation *items = rune_schema_json_array(reader, count, sizeof *items);
    bool ok = items != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        const struct rune_json_member *member = &node->as.object.members[i];
        bool is_null = member->value.type == RUNE_JSON_NULL;
        items[i].name = member->key;
        items[i].has_value = !is_null;
        items[i].value = is_null ? RUNE_STR("") : member->value.as.text;
        items[i].span = rune_schema_json_key_span(reader, member);
        ok = (is_null ||
              rune_schema_json_is_type(reader, &member->value, RUNE_JSON_STRING, "a string")) &&
             (rune_cedar_is_ident(member->key) ||
              rune_schema_json_fail(reader, member->key_offset, 1, NULL,
                                    "an annotation's name is an identifier"));
    }
    *ret_annotations = (struct rune_schema_ast_annotations){items, count};
    return ok;
}

/* ---- types ---- */

static int compare_attrs(const void *a, const void *b)
{
    return rune_str_compare(((const struct rune_schema_ast_attr *)a)->name,
                            ((const struct rune_schema_ast_attr *)b)->name);
}

static bool read_attrs(struct rune_schema_json *reader, const struct rune_json_node *node,
                       struct rune_schema_ast_type *type)
{
    if (!rune_schema_json_is_type(reader, node, RUNE_JSON_OBJECT, "an object of types")) {
        return false;
    }
    uint32_t count = node->as.object.count;
    type->attrs = rune_schema_json_array(reader, count, sizeof *type->attrs);
    type->attr_count = count;
    if (type->attrs == NULL) {
        return false;
    }
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_json_member *member = &node->as.object.members[i];
        struct rune_schema_ast_attr *attr = &type->attrs[i];
        attr->name = member->key;
        attr->span = rune_schema_json_key_span(reader, member);
        attr->is_required = true;
        attr->type = rune_schema_json_read_type(reader, &member->value, true);
        if (attr->type == NULL) {
            ok = false;
            continue;
        }
        const struct rune_json_node *required = rune_json_find(&member->value, "required");
        if (required != NULL) {
            bool is_bool = required->type == RUNE_JSON_TRUE || required->type == RUNE_JSON_FALSE;
            ok &= is_bool || rune_schema_json_expected(reader, required, "true or false");
            attr->is_required = required->type == RUNE_JSON_TRUE;
        }
        ok &= rune_schema_json_read_annotations(reader, &member->value, &attr->annotations);
    }
    if (count > 1) {
        qsort(type->attrs, count, sizeof *type->attrs, compare_attrs);
    }
    return ok;
}

/* Which members go with which kind. */
static bool check_type_members(struct rune_schema_json *reader, const struct rune_json_node *node,
                               const char *const *allowed, bool is_attr)
{
    static const char *const around[] = {"type", "annotations", "required"};
    const char *names[8];
    size_t count = 0;
    for (size_t i = 0; i < (is_attr ? 3u : 2u); i++) {
        names[count++] = around[i];
    }
    for (size_t i = 0; allowed[i] != NULL; i++) {
        names[count++] = allowed[i];
    }
    names[count] = NULL;
    return rune_schema_json_check_members(reader, node, names);
}

static bool read_named(struct rune_schema_json *reader, const struct rune_json_node *node,
                       struct rune_schema_ast_type *type)
{
    const struct rune_json_node *name = rune_schema_json_require(reader, node, "name");
    struct rune_schema_ast_ref ref;
    if (name == NULL || !rune_schema_json_read_reference(reader, name, &ref)) {
        return false;
    }
    type->name = ref.name;
    type->span = ref.span;
    if (type->kind == RUNE_SCHEMA_AST_EXTENSION && !rune_uid_is_identifier(ref.name)) {
        return rune_schema_json_expected(reader, name, "an extension type's name");
    }
    return true;
}

static bool read_record(struct rune_schema_json *reader, const struct rune_json_node *node,
                        struct rune_schema_ast_type *type)
{
    const struct rune_json_node *attrs = rune_schema_json_require(reader, node, "attributes");
    const struct rune_json_node *open = rune_json_find(node, "additionalAttributes");
    if (open != NULL && open->type != RUNE_JSON_TRUE && open->type != RUNE_JSON_FALSE) {
        return rune_schema_json_expected(reader, open, "true or false");
    }
    type->is_open = open != NULL && open->type == RUNE_JSON_TRUE;
    return attrs != NULL && read_attrs(reader, attrs, type);
}

static bool read_type_body(struct rune_schema_json *reader, const struct rune_json_node *node,
                           struct rune_str kind, struct rune_schema_ast_type *type, bool is_attr)
{
    static const char *const none[] = {NULL};
    static const char *const element[] = {"element", NULL};
    static const char *const record[] = {"attributes", "additionalAttributes", NULL};
    static const char *const name[] = {"name", NULL};
    if (rune_str_equal(kind, RUNE_STR("String"))) {
        type->kind = RUNE_SCHEMA_AST_STRING;
        return check_type_members(reader, node, none, is_attr);
    }
    if (rune_str_equal(kind, RUNE_STR("Long"))) {
        type->kind = RUNE_SCHEMA_AST_LONG;
        return check_type_members(reader, node, none, is_attr);
    }
    if (rune_str_equal(kind, RUNE_STR("Boolean"))) {
        type->kind = RUNE_SCHEMA_AST_BOOL;
        return check_type_members(reader, node, none, is_attr);
    }
    if (rune_str_equal(kind, RUNE_STR("Set"))) {
        type->kind = RUNE_SCHEMA_AST_SET;
        const struct rune_json_node *inner = rune_schema_json_require(reader, node, "element");
        type->element = inner != NULL ? rune_schema_json_read_plain_type(reader, inner) : NULL;
        return check_type_members(reader, node, element, is_attr) && type->element != NULL;
    }
    if (rune_str_equal(kind, RUNE_STR("Record"))) {
        type->kind = RUNE_SCHEMA_AST_RECORD;
        return check_type_members(reader, node, record, is_attr) && read_record(reader, node, type);
    }
    bool is_entity = rune_str_equal(kind, RUNE_STR("Entity"));
    bool is_either = rune_str_equal(kind, RUNE_STR("EntityOrCommon"));
    if (is_entity || is_either || rune_str_equal(kind, RUNE_STR("Extension"))) {
        type->kind = is_entity   ? RUNE_SCHEMA_AST_ENTITY
                     : is_either ? RUNE_SCHEMA_AST_ENTITY_OR_COMMON
                                 : RUNE_SCHEMA_AST_EXTENSION;
        return check_type_members(reader, node, name, is_attr) && read_named(reader, node, type);
    }
    type->kind = RUNE_SCHEMA_AST_COMMON;
    type->name = kind;
    return check_type_members(reader, node, none, is_attr);
}

struct rune_schema_ast_type *rune_schema_json_read_type(struct rune_schema_json *reader,
                                                        const struct rune_json_node *node,
                                                        bool is_attr)
{
    if (!rune_schema_json_is_type(reader, node, RUNE_JSON_OBJECT,
                                  "a type, like {\"type\": \"String\"}")) {
        return NULL;
    }
    const struct rune_json_node *kind = rune_schema_json_require(reader, node, "type");
    if (kind == NULL ||
        !rune_schema_json_is_type(reader, kind, RUNE_JSON_STRING, "a type's name")) {
        return NULL;
    }
    struct rune_schema_ast_type *type = rune_schema_json_array(reader, 1, sizeof *type);
    if (type == NULL) {
        return NULL;
    }
    type->span = rune_schema_json_span_of(reader, kind);
    if (!read_type_body(reader, node, kind->as.text, type, is_attr)) {
        return NULL;
    }
    if (type->kind == RUNE_SCHEMA_AST_COMMON && !is_reference(type->name)) {
        rune_schema_json_expected(reader, kind, "a type's name");
        return NULL;
    }
    return type;
}

struct rune_schema_ast_type *rune_schema_json_read_plain_type(struct rune_schema_json *reader,
                                                              const struct rune_json_node *node)
{
    if (node->type == RUNE_JSON_OBJECT && rune_json_find(node, "annotations") != NULL) {
        rune_schema_json_fail(reader, node->offset, 1, NULL,
                              "there is no `annotations` in a schema here");
        return NULL;
    }
    return rune_schema_json_read_type(reader, node, false);
}
