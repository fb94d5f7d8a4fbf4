/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas in JSON. Strict as Cedar's: no unknown member, no null but where the format has it.
 * Members are looked at one by one against a table of what an object may have, in the order that an
 * array in its place has them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cedar/lexer.h"
#include "cedar/schema.h"
#include "model/uid.h"

struct reader {
    const struct rune_source *source;
    struct rune_arena *arena;
    struct rune_diag *diag;
    uint32_t errors;
    bool nomem;
};

/* ---- errors ---- */

static bool fail(struct reader *reader, uint32_t offset, uint32_t length, const char *help,
                 const char *fmt, ...) RUNE_PRINTF(5, 6);

/* Always false. */
static bool fail(struct reader *reader, uint32_t offset, uint32_t length, const char *help,
                 const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    rune_diag_report(reader->diag, RUNE_ERROR, "RUNE-C0510",
                     (struct rune_span){reader->source, offset, length}, help, "%s", text);
    reader->errors++;
    return false;
}

static bool expected(struct reader *reader, const struct rune_json_node *node, const char *what)
{
    return fail(reader, node->offset, node->length > 0 ? 1 : 0, NULL, "expected %s here", what);
}

static bool nomem(struct reader *reader)
{
    reader->nomem = true;
    return false;
}

static struct rune_span span_of(const struct reader *reader, const struct rune_json_node *node)
{
    return (struct rune_span){reader->source, node->offset, node->length};
}

static struct rune_span key_span(const struct reader *reader, const struct rune_json_member *member)
{
    return (struct rune_span){reader->source, member->key_offset, (uint32_t)member->key.length + 2};
}

/* Whether the object has only members of the list (NULL at its end). */
static bool check_members(struct reader *reader, const struct rune_json_node *object,
                          const char *const *names)
{
    bool ok = true;
    for (uint32_t i = 0; i < object->as.object.count; i++) {
        const struct rune_json_member *member = &object->as.object.members[i];
        struct rune_str known[12];
        size_t count = 0;
        bool found = false;
        for (; names[count] != NULL; count++) {
            known[count] = rune_str_from(names[count]);
            found |= rune_str_equal(known[count], member->key);
        }
        if (!found) {
            struct rune_str nearest = rune_str_nearest(member->key, known, count);
            const char *help = nearest.length == 0
                                   ? NULL
                                   : rune_arena_printf(reader->arena, "did you mean `%.*s`?",
                                                       RUNE_STR_ARG(nearest));
            ok = fail(reader, member->key_offset, (uint32_t)member->key.length + 2, help,
                      "there is no `%.*s` in a schema here", RUNE_STR_ARG(member->key));
        }
    }
    return ok;
}

static bool is_type(struct reader *reader, const struct rune_json_node *node,
                    enum rune_json_type type, const char *what)
{
    return node->type == type || expected(reader, node, what);
}

static void *array(struct reader *reader, size_t count, size_t size);

/* An object; or an array, read as the object whose members it holds in the order of `names`: the
 * Rust implementation reads structures from arrays, too. NULL: reported. */
static const struct rune_json_node *as_object(struct reader *reader,
                                              const struct rune_json_node *node,
                                              const char *const *names, const char *what)
{
    if (node->type != RUNE_JSON_ARRAY) {
        return is_type(reader, node, RUNE_JSON_OBJECT, what) ? node : NULL;
    }
    uint32_t count = node->as.array.count;
    struct rune_json_node *object = array(reader, 1, sizeof(*object));
    struct rune_json_member *members = array(reader, count, sizeof(*members));
    if (object == NULL || members == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_json_node *item = &node->as.array.items[i];
        if (names[i] == NULL) {
            expected(reader, item, "the end of the array");
            return NULL;
        }
        members[i] = (struct rune_json_member){
            .key = rune_str_from(names[i]), .key_offset = item->offset, .value = *item};
    }
    *object = *node;
    object->type = RUNE_JSON_OBJECT;
    object->as.object.members = members;
    object->as.object.count = count;
    return object;
}

static void *array(struct reader *reader, size_t count, size_t size)
{
    void *items = rune_arena_calloc(reader->arena, count > 0 ? count : 1, size);
    if (items == NULL) {
        nomem(reader);
    }
    return items;
}

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

static bool read_reference(struct reader *reader, const struct rune_json_node *node,
                           struct rune_schema_ast_ref *ref)
{
    if (!is_type(reader, node, RUNE_JSON_STRING, "a type's name")) {
        return false;
    }
    ref->name = node->as.text;
    ref->span = span_of(reader, node);
    return is_reference(ref->name) ||
           expected(reader, node, "a type's name, like \"User\" or \"App::User\"");
}

static bool read_references(struct reader *reader, const struct rune_json_node *node,
                            struct rune_schema_ast_refs *ret_refs)
{
    if (!is_type(reader, node, RUNE_JSON_ARRAY, "an array of types")) {
        return false;
    }
    uint32_t count = node->as.array.count;
    struct rune_schema_ast_ref *items = array(reader, count, sizeof *items);
    bool ok = items != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = read_reference(reader, &node->as.array.items[i], &items[i]);
    }
    *ret_refs = (struct rune_schema_ast_refs){items, count};
    return ok;
}

static bool read_annotations(struct reader *reader, const struct rune_json_node *object,
                             struct rune_schema_ast_annotations *ret_annotations)
{
    const struct rune_json_node *node = rune_json_find(object, "annotations");
    if (node == NULL) {
        return true;
    }
    if (!is_type(reader, node, RUNE_JSON_OBJECT, "an object of strings")) {
        return false;
    }
    uint32_t count = node->as.object.count;
    struct rune_cedar_annotation *items = array(reader, count, sizeof *items);
    bool ok = items != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        const struct rune_json_member *member = &node->as.object.members[i];
        bool is_null = member->value.type == RUNE_JSON_NULL;
        items[i].name = member->key;
        items[i].has_value = !is_null;
        items[i].value = is_null ? RUNE_STR("") : member->value.as.text;
        items[i].span = key_span(reader, member);
        ok = (is_null || is_type(reader, &member->value, RUNE_JSON_STRING, "a string")) &&
             (rune_cedar_is_ident(member->key) ||
              fail(reader, member->key_offset, 1, NULL, "an annotation's name is an identifier"));
    }
    *ret_annotations = (struct rune_schema_ast_annotations){items, count};
    return ok;
}

/* ---- types ---- */

static struct rune_schema_ast_type *read_type(struct reader *reader,
                                              const struct rune_json_node *node, bool is_attr);
static struct rune_schema_ast_type *read_plain_type(struct reader *reader,
                                                    const struct rune_json_node *node);

static int compare_attrs(const void *a, const void *b)
{
    return rune_str_compare(((const struct rune_schema_ast_attr *)a)->name,
                            ((const struct rune_schema_ast_attr *)b)->name);
}

static bool read_attrs(struct reader *reader, const struct rune_json_node *node,
                       struct rune_schema_ast_type *type)
{
    if (!is_type(reader, node, RUNE_JSON_OBJECT, "an object of types")) {
        return false;
    }
    uint32_t count = node->as.object.count;
    type->attrs = array(reader, count, sizeof *type->attrs);
    type->attr_count = count;
    if (type->attrs == NULL) {
        return false;
    }
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_json_member *member = &node->as.object.members[i];
        struct rune_schema_ast_attr *attr = &type->attrs[i];
        attr->name = member->key;
        attr->span = key_span(reader, member);
        attr->is_required = true;
        attr->type = read_type(reader, &member->value, true);
        if (attr->type == NULL) {
            ok = false;
            continue;
        }
        const struct rune_json_node *required = rune_json_find(&member->value, "required");
        if (required != NULL) {
            bool is_bool = required->type == RUNE_JSON_TRUE || required->type == RUNE_JSON_FALSE;
            ok &= is_bool || expected(reader, required, "true or false");
            attr->is_required = required->type == RUNE_JSON_TRUE;
        }
        ok &= read_annotations(reader, &member->value, &attr->annotations);
    }
    if (count > 1) {
        qsort(type->attrs, count, sizeof *type->attrs, compare_attrs);
    }
    return ok;
}

static const struct rune_json_node *require(struct reader *reader,
                                            const struct rune_json_node *object, const char *name)
{
    const struct rune_json_node *node = rune_json_find(object, name);
    if (node == NULL) {
        fail(reader, object->offset, 1, NULL, "`%s` is missing here", name);
    }
    return node;
}

/* Which members go with which kind. */
static bool check_type_members(struct reader *reader, const struct rune_json_node *node,
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
    return check_members(reader, node, names);
}

static bool read_named(struct reader *reader, const struct rune_json_node *node,
                       struct rune_schema_ast_type *type)
{
    const struct rune_json_node *name = require(reader, node, "name");
    struct rune_schema_ast_ref ref;
    if (name == NULL || !read_reference(reader, name, &ref)) {
        return false;
    }
    type->name = ref.name;
    type->span = ref.span;
    if (type->kind == RUNE_SCHEMA_AST_EXTENSION && !rune_uid_is_identifier(ref.name)) {
        return expected(reader, name, "an extension type's name");
    }
    return true;
}

static bool read_record(struct reader *reader, const struct rune_json_node *node,
                        struct rune_schema_ast_type *type)
{
    const struct rune_json_node *attrs = require(reader, node, "attributes");
    const struct rune_json_node *open = rune_json_find(node, "additionalAttributes");
    if (open != NULL && open->type != RUNE_JSON_TRUE && open->type != RUNE_JSON_FALSE) {
        return expected(reader, open, "true or false");
    }
    type->is_open = open != NULL && open->type == RUNE_JSON_TRUE;
    return attrs != NULL && read_attrs(reader, attrs, type);
}

static bool read_type_body(struct reader *reader, const struct rune_json_node *node,
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
        const struct rune_json_node *inner = require(reader, node, "element");
        type->element = inner != NULL ? read_plain_type(reader, inner) : NULL;
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

/* An attribute's type has `required` beside it; `annotations` may be beside attributes and common
 * types. NULL: reported. Recursion is bounded by the depth of the JSON. */
static struct rune_schema_ast_type *read_type(struct reader *reader,
                                              const struct rune_json_node *node, bool is_attr)
{
    if (!is_type(reader, node, RUNE_JSON_OBJECT, "a type, like {\"type\": \"String\"}")) {
        return NULL;
    }
    const struct rune_json_node *kind = require(reader, node, "type");
    if (kind == NULL || !is_type(reader, kind, RUNE_JSON_STRING, "a type's name")) {
        return NULL;
    }
    struct rune_schema_ast_type *type = array(reader, 1, sizeof *type);
    if (type == NULL) {
        return NULL;
    }
    type->span = span_of(reader, kind);
    if (!read_type_body(reader, node, kind->as.text, type, is_attr)) {
        return NULL;
    }
    if (type->kind == RUNE_SCHEMA_AST_COMMON && !is_reference(type->name)) {
        expected(reader, kind, "a type's name");
        return NULL;
    }
    return type;
}

/* A type that has neither `required` nor `annotations` beside it. */
static struct rune_schema_ast_type *read_plain_type(struct reader *reader,
                                                    const struct rune_json_node *node)
{
    if (node->type == RUNE_JSON_OBJECT && rune_json_find(node, "annotations") != NULL) {
        fail(reader, node->offset, 1, NULL, "there is no `annotations` in a schema here");
        return NULL;
    }
    return read_type(reader, node, false);
}

/* ---- declarations ---- */

/* As in Cedar an action may say null for false, an entity type may not. */
static bool read_external(struct reader *reader, const struct rune_json_node *node,
                          bool may_be_null, bool *ret_external)
{
    const struct rune_json_node *external = rune_json_find(node, "external");
    if (external == NULL || (may_be_null && external->type == RUNE_JSON_NULL)) {
        return true;
    }
    *ret_external = external->type == RUNE_JSON_TRUE;
    return external->type == RUNE_JSON_TRUE || external->type == RUNE_JSON_FALSE ||
           expected(reader, external, "true or false");
}

static bool read_ids(struct reader *reader, const struct rune_json_node *node,
                     struct rune_schema_ast_entity *entity)
{
    if (!is_type(reader, node, RUNE_JSON_ARRAY, "an array of ids")) {
        return false;
    }
    uint32_t count = node->as.array.count;
    struct rune_str *ids = array(reader, count, sizeof *ids);
    bool ok = ids != NULL && (count > 0 || expected(reader, node, "at least one id"));
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = is_type(reader, &node->as.array.items[i], RUNE_JSON_STRING, "an id");
        ids[i] = node->as.array.items[i].as.text;
    }
    entity->is_enum = true;
    entity->ids = ids;
    entity->id_count = count;
    return ok;
}

static bool read_entity(struct reader *reader, const struct rune_json_member *member,
                        struct rune_schema_ast_entity *entity)
{
    static const char *const names[] = {"memberOfTypes", "shape",       "tags", "enum",
                                        "external",      "annotations", NULL};
    static const char *const enum_names[] = {"enum", "external", "annotations", NULL};
    static const char *const external_names[] = {"external", "memberOfTypes", "annotations", NULL};
    const struct rune_json_node *node = &member->value;
    entity->name = member->key;
    entity->span = key_span(reader, member);
    if (!rune_uid_is_identifier(member->key)) {
        return fail(reader, member->key_offset, (uint32_t)member->key.length + 2,
                    "the namespace stands above, around the entity types",
                    "an entity type's name is one identifier");
    }
    node = as_object(reader, node, names, "an entity type");
    if (node == NULL || !check_members(reader, node, names) ||
        !read_annotations(reader, node, &entity->annotations) ||
        !read_external(reader, node, false, &entity->is_external)) {
        return false;
    }
    if (entity->is_external && !check_members(reader, node, external_names)) {
        return false;
    }
    const struct rune_json_node *ids = rune_json_find(node, "enum");
    if (ids != NULL) {
        return check_members(reader, node, enum_names) && read_ids(reader, ids, entity);
    }
    const struct rune_json_node *member_of = rune_json_find(node, "memberOfTypes");
    const struct rune_json_node *shape = rune_json_find(node, "shape");
    const struct rune_json_node *tags = rune_json_find(node, "tags");
    bool ok = member_of == NULL || read_references(reader, member_of, &entity->member_of);
    if (shape != NULL) {
        entity->shape = read_plain_type(reader, shape);
        ok &= entity->shape != NULL;
    }
    if (tags != NULL) {
        entity->tags = read_plain_type(reader, tags);
        ok &= entity->tags != NULL;
    }
    return ok;
}

static bool read_action_parent(struct reader *reader, const struct rune_json_node *node,
                               struct rune_schema_ast_action_ref *ref)
{
    static const char *const names[] = {"id", "type", NULL};
    node = as_object(reader, node, names, "an action, like {\"id\": \"view\"}");
    if (node == NULL || !check_members(reader, node, names)) {
        return false;
    }
    const struct rune_json_node *id = require(reader, node, "id");
    const struct rune_json_node *type = rune_json_find(node, "type");
    if (id == NULL || !is_type(reader, id, RUNE_JSON_STRING, "an id")) {
        return false;
    }
    ref->id = id->as.text;
    ref->type = RUNE_STR("");
    ref->span = span_of(reader, id);
    if (type == NULL || type->type == RUNE_JSON_NULL) {
        return true;
    }
    struct rune_schema_ast_ref name;
    if (!read_reference(reader, type, &name)) {
        return false;
    }
    ref->type = name.name;
    return true;
}

static bool read_applies_to(struct reader *reader, const struct rune_json_node *node,
                            struct rune_schema_ast_action *action)
{
    static const char *const names[] = {"resourceTypes", "principalTypes", "context", NULL};
    node = as_object(reader, node, names, "an object");
    if (node == NULL || !check_members(reader, node, names)) {
        return false;
    }
    action->has_applies_to = true;
    const struct rune_json_node *principals = require(reader, node, "principalTypes");
    const struct rune_json_node *resources = require(reader, node, "resourceTypes");
    const struct rune_json_node *context = rune_json_find(node, "context");
    if (context != NULL) {
        action->context = read_plain_type(reader, context);
    }
    return principals != NULL && resources != NULL &&
           read_references(reader, principals, &action->principals) &&
           read_references(reader, resources, &action->resources) &&
           (context == NULL || action->context != NULL);
}

static bool is_given(const struct rune_json_node *node)
{
    return node != NULL && node->type != RUNE_JSON_NULL;
}

static bool read_action(struct reader *reader, const struct rune_json_member *member,
                        struct rune_schema_ast_action *action)
{
    static const char *const names[] = {"attributes", "appliesTo",   "memberOf",
                                        "external",   "annotations", NULL};
    const struct rune_json_node *node = &member->value;
    action->id = member->key;
    action->span = key_span(reader, member);
    node = as_object(reader, node, names, "an action");
    if (node == NULL || !check_members(reader, node, names) ||
        !read_annotations(reader, node, &action->annotations) ||
        !read_external(reader, node, true, &action->is_external)) {
        return false;
    }
    const struct rune_json_node *parents = rune_json_find(node, "memberOf");
    const struct rune_json_node *applies_to = rune_json_find(node, "appliesTo");
    action->has_attributes = is_given(rune_json_find(node, "attributes"));
    if (action->is_external && (action->has_attributes || is_given(applies_to))) {
        return fail(reader, node->offset, 1, "its definition says what it applies to",
                    "an external action has neither `appliesTo` nor `attributes`");
    }
    bool ok = true;
    if (is_given(parents)) {
        if (!is_type(reader, parents, RUNE_JSON_ARRAY, "an array of actions")) {
            return false;
        }
        uint32_t count = parents->as.array.count;
        struct rune_schema_ast_action_ref *items = array(reader, count, sizeof *items);
        ok = items != NULL;
        for (uint32_t i = 0; ok && i < count; i++) {
            ok = read_action_parent(reader, &parents->as.array.items[i], &items[i]);
        }
        action->has_parents = true;
        action->parents = items;
        action->parent_count = count;
    }
    return ok && (!is_given(applies_to) || read_applies_to(reader, applies_to, action));
}

static bool read_common(struct reader *reader, const struct rune_json_member *member,
                        struct rune_schema_ast_common *common)
{
    static const struct rune_str words[] = {{"Bool", 4},      {"Boolean", 7}, {"Entity", 6},
                                            {"Extension", 9}, {"Long", 4},    {"Record", 6},
                                            {"Set", 3},       {"String", 6}};
    common->name = member->key;
    common->span = key_span(reader, member);
    bool ok = rune_uid_is_identifier(member->key);
    for (size_t i = 0; ok && i < sizeof words / sizeof words[0]; i++) {
        ok = !rune_str_equal(words[i], member->key);
    }
    if (!ok) {
        return fail(reader, member->key_offset, (uint32_t)member->key.length + 2,
                    "choose another name", "`%.*s` cannot name a type", RUNE_STR_ARG(member->key));
    }
    common->type = read_type(reader, &member->value, false);
    return common->type != NULL && read_annotations(reader, &member->value, &common->annotations);
}

static bool read_namespace(struct reader *reader, const struct rune_json_member *member,
                           struct rune_schema_ast_namespace *namespace)
{
    static const char *const names[] = {"commonTypes", "entityTypes", "actions", "annotations",
                                        NULL};
    const struct rune_json_node *node = &member->value;
    namespace->name = member->key;
    namespace->span = key_span(reader, member);
    if (member->key.length > 0 && !rune_uid_is_type_name(member->key)) {
        return fail(reader, member->key_offset, (uint32_t)member->key.length + 2, NULL,
                    "this is no namespace's name");
    }
    node = as_object(reader, node, names, "a namespace");
    if (node == NULL || !check_members(reader, node, names) ||
        !read_annotations(reader, node, &namespace->annotations)) {
        return false;
    }
    if (member->key.length == 0 && namespace->annotations.count > 0) {
        return fail(reader, member->key_offset, 2, NULL,
                    "the empty namespace cannot have annotations");
    }
    const struct rune_json_node *commons = rune_json_find(node, "commonTypes");
    const struct rune_json_node *entities = require(reader, node, "entityTypes");
    const struct rune_json_node *actions = require(reader, node, "actions");
    if (entities == NULL || actions == NULL ||
        !is_type(reader, entities, RUNE_JSON_OBJECT, "an object") ||
        !is_type(reader, actions, RUNE_JSON_OBJECT, "an object") ||
        (commons != NULL && !is_type(reader, commons, RUNE_JSON_OBJECT, "an object"))) {
        return false;
    }
    namespace->common_count = commons != NULL ? commons->as.object.count : 0;
    namespace->entity_count = entities->as.object.count;
    namespace->action_count = actions->as.object.count;
    namespace->commons = array(reader, namespace->common_count, sizeof *namespace->commons);
    namespace->entities = array(reader, namespace->entity_count, sizeof *namespace->entities);
    namespace->actions = array(reader, namespace->action_count, sizeof *namespace->actions);
    bool ok = !reader->nomem;
    for (uint32_t i = 0; !reader->nomem && i < namespace->common_count; i++) {
        ok &= read_common(reader, &commons->as.object.members[i], &namespace->commons[i]);
    }
    for (uint32_t i = 0; !reader->nomem && i < namespace->entity_count; i++) {
        ok &= read_entity(reader, &entities->as.object.members[i], &namespace->entities[i]);
    }
    for (uint32_t i = 0; !reader->nomem && i < namespace->action_count; i++) {
        ok &= read_action(reader, &actions->as.object.members[i], &namespace->actions[i]);
    }
    return ok;
}

enum rune_err rune_schema_parse_json(const struct rune_source *source, struct rune_arena *arena,
                                     struct rune_schema_fragment *ret_fragment,
                                     struct rune_diag *diag)
{
    struct reader reader = {.source = source, .arena = arena, .diag = diag};
    struct rune_json_node root;
    struct rune_json_error error;
    enum rune_err err =
        rune_json_parse((struct rune_str){source->text, source->length}, 127, arena, &root, &error);
    if (err == RUNE_E_SYNTAX || err == RUNE_E_LIMIT) {
        fail(&reader, (uint32_t)error.offset, 0, NULL, "%s", error.message);
    }
    if (err != RUNE_OK) {
        return err;
    }
    if (!is_type(&reader, &root, RUNE_JSON_OBJECT, "an object of namespaces")) {
        return RUNE_E_SYNTAX;
    }
    struct rune_schema_fragment fragment = {.namespace_count = root.as.object.count};
    fragment.namespaces = array(&reader, fragment.namespace_count, sizeof *fragment.namespaces);
    for (uint32_t i = 0; !reader.nomem && i < fragment.namespace_count; i++) {
        read_namespace(&reader, &root.as.object.members[i], &fragment.namespaces[i]);
    }
    if (reader.nomem || reader.errors > 0) {
        return reader.nomem ? RUNE_E_NOMEM : RUNE_E_SYNTAX;
    }
    *ret_fragment = fragment;
    return RUNE_OK;
}
