/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas in JSON. Strict as Cedar's: no unknown member, no null but where the format has it.
 * Members are looked at one by one against a table of what an object may have, in the order that an
 * array in its place has them. */
#include "cedar/schema_json_int.h"
#include "model/uid.h"

/* ---- entity types ---- */

/* As in Cedar an action may say null for false, an entity type may not. */
static bool read_external(struct rune_schema_json *reader, const struct rune_json_node *node,
                          bool may_be_null, bool *ret_external)
{
    const struct rune_json_node *external = rune_json_find(node, "external");
    if (external == NULL || (may_be_null && external->type == RUNE_JSON_NULL)) {
        return true;
    }
    *ret_external = external->type == RUNE_JSON_TRUE;
    return external->type == RUNE_JSON_TRUE || external->type == RUNE_JSON_FALSE ||
           rune_schema_json_expected(reader, external, "true or false");
}

static bool read_ids(struct rune_schema_json *reader, const struct rune_json_node *node,
                     struct rune_schema_ast_entity *entity)
{
    if (!rune_schema_json_is_type(reader, node, RUNE_JSON_ARRAY, "an array of ids")) {
        return false;
    }
    uint32_t count = node->as.array.count;
    struct rune_str *ids = rune_schema_json_array(reader, count, sizeof *ids);
    bool ok =
        ids != NULL && (count > 0 || rune_schema_json_expected(reader, node, "at least one id"));
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = rune_schema_json_is_type(reader, &node->as.array.items[i], RUNE_JSON_STRING, "an id");
        ids[i] = node->as.array.items[i].as.text;
    }
    entity->is_enum = true;
    entity->ids = ids;
    entity->id_count = count;
    return ok;
}

static bool read_entity(struct rune_schema_json *reader, const struct rune_json_member *member,
                        struct rune_schema_ast_entity *entity)
{
    static const char *const names[] = {"memberOfTypes", "shape",       "tags", "enum",
                                        "external",      "annotations", NULL};
    static const char *const enum_names[] = {"enum", "external", "annotations", NULL};
    static const char *const external_names[] = {"external", "memberOfTypes", "annotations", NULL};
    const struct rune_json_node *node = &member->value;
    entity->name = member->key;
    entity->span = rune_schema_json_key_span(reader, member);
    if (!rune_uid_is_identifier(member->key)) {
        return rune_schema_json_fail(reader, member->key_offset, (uint32_t)member->key.length + 2,
                                     "the namespace stands above, around the entity types",
                                     "an entity type's name is one identifier");
    }
    node = rune_schema_json_as_object(reader, node, names, "an entity type");
    if (node == NULL || !rune_schema_json_check_members(reader, node, names) ||
        !rune_schema_json_read_annotations(reader, node, &entity->annotations) ||
        !read_external(reader, node, false, &entity->is_external)) {
        return false;
    }
    if (entity->is_external && !rune_schema_json_check_members(reader, node, external_names)) {
        return false;
    }
    const struct rune_json_node *ids = rune_json_find(node, "enum");
    if (ids != NULL) {
        return rune_schema_json_check_members(reader, node, enum_names) &&
               read_ids(reader, ids, entity);
    }
    const struct rune_json_node *member_of = rune_json_find(node, "memberOfTypes");
    const struct rune_json_node *shape = rune_json_find(node, "shape");
    const struct rune_json_node *tags = rune_json_find(node, "tags");
    bool ok = member_of == NULL ||
              rune_schema_json_read_references(reader, member_of, &entity->member_of);
    if (shape != NULL) {
        entity->shape = rune_schema_json_read_plain_type(reader, shape);
        ok &= entity->shape != NULL;
    }
    if (tags != NULL) {
        entity->tags = rune_schema_json_read_plain_type(reader, tags);
        ok &= entity->tags != NULL;
    }
    return ok;
}

/* ---- actions ---- */

static bool read_action_parent(struct rune_schema_json *reader, const struct rune_json_node *node,
                               struct rune_schema_ast_action_ref *ref)
{
    static const char *const names[] = {"id", "type", NULL};
    node = rune_schema_json_as_object(reader, node, names, "an action, like {\"id\": \"view\"}");
    if (node == NULL || !rune_schema_json_check_members(reader, node, names)) {
        return false;
    }
    const struct rune_json_node *id = rune_schema_json_require(reader, node, "id");
    const struct rune_json_node *type = rune_json_find(node, "type");
    if (id == NULL || !rune_schema_json_is_type(reader, id, RUNE_JSON_STRING, "an id")) {
        return false;
    }
    ref->id = id->as.text;
    ref->type = RUNE_STR("");
    ref->span = rune_schema_json_span_of(reader, id);
    if (type == NULL || type->type == RUNE_JSON_NULL) {
        return true;
    }
    struct rune_schema_ast_ref name;
    if (!rune_schema_json_read_reference(reader, type, &name)) {
        return false;
    }
    ref->type = name.name;
    return true;
}

static bool read_parents(struct rune_schema_json *reader, const struct rune_json_node *node,
                         struct rune_schema_ast_action *action)
{
    if (!rune_schema_json_is_type(reader, node, RUNE_JSON_ARRAY, "an array of actions")) {
        return false;
    }
    uint32_t count = node->as.array.count;
    struct rune_schema_ast_action_ref *items = rune_schema_json_array(reader, count, sizeof *items);
    bool ok = items != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = read_action_parent(reader, &node->as.array.items[i], &items[i]);
    }
    action->has_parents = true;
    action->parents = items;
    action->parent_count = count;
    return ok;
}

static bool read_applies_to(struct rune_schema_json *reader, const struct rune_json_node *node,
                            struct rune_schema_ast_action *action)
{
    static const char *const names[] = {"resourceTypes", "principalTypes", "context", NULL};
    node = rune_schema_json_as_object(reader, node, names, "an object");
    if (node == NULL || !rune_schema_json_check_members(reader, node, names)) {
        return false;
    }
    action->has_applies_to = true;
    const struct rune_json_node *principals =
        rune_schema_json_require(reader, node, "principalTypes");
    const struct rune_json_node *resources =
        rune_schema_json_require(reader, node, "resourceTypes");
    const struct rune_json_node *context = rune_json_find(node, "context");
    if (context != NULL) {
        action->context = rune_schema_json_read_plain_type(reader, context);
    }
    return principals != NULL && resources != NULL &&
           rune_schema_json_read_references(reader, principals, &action->principals) &&
           rune_schema_json_read_references(reader, resources, &action->resources) &&
           (context == NULL || action->context != NULL);
}

static bool is_given(const struct rune_json_node *node)
{
    return node != NULL && node->type != RUNE_JSON_NULL;
}

static bool read_action(struct rune_schema_json *reader, const struct rune_json_member *member,
                        struct rune_schema_ast_action *action)
{
    static const char *const names[] = {"attributes", "appliesTo",   "memberOf",
                                        "external",   "annotations", NULL};
    const struct rune_json_node *node = &member->value;
    action->id = member->key;
    action->span = rune_schema_json_key_span(reader, member);
    node = rune_schema_json_as_object(reader, node, names, "an action");
    if (node == NULL || !rune_schema_json_check_members(reader, node, names) ||
        !rune_schema_json_read_annotations(reader, node, &action->annotations) ||
        !read_external(reader, node, true, &action->is_external)) {
        return false;
    }
    const struct rune_json_node *parents = rune_json_find(node, "memberOf");
    const struct rune_json_node *applies_to = rune_json_find(node, "appliesTo");
    action->has_attributes = is_given(rune_json_find(node, "attributes"));
    if (action->is_external && (action->has_attributes || is_given(applies_to))) {
        return rune_schema_json_fail(reader, node->offset, 1,
                                     "its definition says what it applies to",
                                     "an external action has neither `appliesTo` nor `attributes`");
    }
    return (!is_given(parents) || read_parents(reader, parents, action)) &&
           (!is_given(applies_to) || read_applies_to(reader, applies_to, action));
}

/* ---- common types ---- */

static bool read_common(struct rune_schema_json *reader, const struct rune_json_member *member,
                        struct rune_schema_ast_common *common)
{
    common->name = member->key;
    common->span = rune_schema_json_key_span(reader, member);
    if (!rune_uid_is_identifier(member->key) || rune_schema_is_keyword(member->key)) {
        return rune_schema_json_fail(reader, member->key_offset, (uint32_t)member->key.length + 2,
                                     "choose another name", "`%.*s` cannot name a type",
                                     RUNE_STR_ARG(member->key));
    }
    common->type = rune_schema_json_read_type(reader, &member->value, false);
    return common->type != NULL &&
           rune_schema_json_read_annotations(reader, &member->value, &common->annotations);
}

/* ---- namespaces ---- */

/* The three tables of a namespace; `commons` may be NULL. */
static bool read_declarations(struct rune_schema_json *reader, const struct rune_json_node *commons,
                              const struct rune_json_node *entities,
                              const struct rune_json_node *actions,
                              struct rune_schema_ast_namespace *namespace)
{
    namespace->common_count = commons != NULL ? commons->as.object.count : 0;
    namespace->entity_count = entities->as.object.count;
    namespace->action_count = actions->as.object.count;
    namespace->commons =
        rune_schema_json_array(reader, namespace->common_count, sizeof *namespace->commons);
    namespace->entities =
        rune_schema_json_array(reader, namespace->entity_count, sizeof *namespace->entities);
    namespace->actions =
        rune_schema_json_array(reader, namespace->action_count, sizeof *namespace->actions);
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

static bool read_namespace(struct rune_schema_json *reader, const struct rune_json_member *member,
                           struct rune_schema_ast_namespace *namespace)
{
    static const char *const names[] = {"commonTypes", "entityTypes", "actions", "annotations",
                                        NULL};
    const struct rune_json_node *node = &member->value;
    namespace->name = member->key;
    namespace->span = rune_schema_json_key_span(reader, member);
    if (member->key.length > 0 && !rune_uid_is_type_name(member->key)) {
        return rune_schema_json_fail(reader, member->key_offset, (uint32_t)member->key.length + 2,
                                     NULL, "this is no namespace's name");
    }
    node = rune_schema_json_as_object(reader, node, names, "a namespace");
    if (node == NULL || !rune_schema_json_check_members(reader, node, names) ||
        !rune_schema_json_read_annotations(reader, node, &namespace->annotations)) {
        return false;
    }
    if (member->key.length == 0 && namespace->annotations.count > 0) {
        return rune_schema_json_fail(reader, member->key_offset, 2, NULL,
                                     "the empty namespace cannot have annotations");
    }
    const struct rune_json_node *commons = rune_json_find(node, "commonTypes");
    const struct rune_json_node *entities = rune_schema_json_require(reader, node, "entityTypes");
    const struct rune_json_node *actions = rune_schema_json_require(reader, node, "actions");
    if (entities == NULL || actions == NULL ||
        !rune_schema_json_is_type(reader, entities, RUNE_JSON_OBJECT, "an object") ||
        !rune_schema_json_is_type(reader, actions, RUNE_JSON_OBJECT, "an object") ||
        (commons != NULL &&
         !rune_schema_json_is_type(reader, commons, RUNE_JSON_OBJECT, "an object"))) {
        return false;
    }
    return read_declarations(reader, commons, entities, actions, namespace);
}

enum rune_err rune_schema_parse_json(const struct rune_source *source, struct rune_arena *arena,
                                     struct rune_schema_fragment *ret_fragment,
                                     struct rune_diag *diag)
{
    struct rune_schema_json reader = {.source = source, .arena = arena, .diag = diag};
    struct rune_json_node root;
    struct rune_json_error error;
    enum rune_err err =
        rune_json_parse((struct rune_str){source->text, source->length}, 127, arena, &root, &error);
    if (err == RUNE_E_SYNTAX || err == RUNE_E_LIMIT) {
        rune_schema_json_fail(&reader, (uint32_t)error.offset, 0, NULL, "%s", error.message);
    }
    if (err != RUNE_OK) {
        return err;
    }
    if (!rune_schema_json_is_type(&reader, &root, RUNE_JSON_OBJECT, "an object of namespaces")) {
        return RUNE_E_SYNTAX;
    }
    struct rune_schema_fragment fragment = {.namespace_count = root.as.object.count};
    fragment.namespaces =
        rune_schema_json_array(&reader, fragment.namespace_count, sizeof *fragment.namespaces);
    for (uint32_t i = 0; !reader.nomem && i < fragment.namespace_count; i++) {
        read_namespace(&reader, &root.as.object.members[i], &fragment.namespaces[i]);
    }
    if (reader.nomem || reader.errors > 0) {
        return reader.nomem ? RUNE_E_NOMEM : RUNE_E_SYNTAX;
    }
    *ret_fragment = fragment;
    return RUNE_OK;
}
