/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of the JSON form: effect, scope, conditions, annotations. */
#include <string.h>

#include "cedar/est_int.h"
#include "cedar/lexer.h"
#include "model/uid.h"

/* ---- scope ---- */

static bool text_is(const struct rune_json_node *node, const char *text)
{
    return node->type == RUNE_JSON_STRING && rune_str_equal(node->as.text, rune_str_from(text));
}

/* `entity`, else `slot`. Other members are ignored, as in Cedar. */
static bool read_target(struct rune_est_reader *reader, const struct rune_json_node *node,
                        enum rune_cedar_var var, struct rune_cedar_scope *scope)
{
    const struct rune_json_node *entity = rune_json_find(node, "entity");
    const struct rune_json_node *slot = rune_json_find(node, "slot");
    if (entity != NULL) {
        struct rune_cedar_uid *uid = rune_est_alloc(reader, 1, sizeof *uid);
        scope->uids = uid;
        scope->uid_count = 1;
        return uid != NULL && rune_est_read_uid(reader, entity, uid);
    }
    if (slot == NULL) {
        return rune_est_fail(reader, node,
                             rune_json_find(node, "entities") != NULL
                                 ? "only actions can be `in` a list; move the test into a condition"
                                 : NULL,
                             "`entity` is missing here");
    }
    scope->is_slot = true;
    return (var == RUNE_CEDAR_PRINCIPAL && rune_est_is_name(slot, RUNE_STR("?principal"))) ||
           (var == RUNE_CEDAR_RESOURCE && rune_est_is_name(slot, RUNE_STR("?resource"))) ||
           rune_est_fail(reader, slot, NULL, "this slot cannot stand here");
}

static bool read_is(struct rune_est_reader *reader, const struct rune_json_node *node,
                    enum rune_cedar_var var, struct rune_cedar_scope *scope)
{
    static const char *const names[] = {"op", "entity_type", "in", NULL};
    const struct rune_json_node *in = rune_json_find(node, "in");
    if (!rune_est_check_members(reader, node, names)) {
        return false;
    }
    const struct rune_json_node *type = rune_est_require(reader, node, "entity_type");
    if (type == NULL || !rune_est_expect(reader, type, RUNE_JSON_STRING, "an entity type")) {
        return false;
    }
    scope->op = RUNE_SCOPE_IS;
    scope->type = type->as.text;
    if (!rune_uid_is_type_name(scope->type)) {
        return rune_est_fail(reader, type, NULL, "`%.*s` is no entity type",
                             RUNE_STR_ARG(scope->type));
    }
    if (in == NULL || in->type == RUNE_JSON_NULL) {
        return true;
    }
    scope->op = RUNE_SCOPE_IS_IN;
    return rune_est_expect(reader, in, RUNE_JSON_OBJECT, "an object") &&
           read_target(reader, in, var, scope);
}

static bool read_actions(struct rune_est_reader *reader, const struct rune_json_node *list,
                         struct rune_cedar_scope *scope)
{
    if (!rune_est_expect(reader, list, RUNE_JSON_ARRAY, "an array of actions")) {
        return false;
    }
    uint32_t count = list->as.array.count;
    struct rune_cedar_uid *uids = rune_est_alloc(reader, count, sizeof *uids);
    bool ok = uids != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = rune_est_read_uid(reader, &list->as.array.items[i], &uids[i]);
    }
    scope->is_list = true;
    scope->uids = uids;
    scope->uid_count = count;
    return ok;
}

static bool check_actions(struct rune_est_reader *reader, const struct rune_json_node *node,
                          const struct rune_cedar_scope *scope)
{
    for (uint32_t i = 0; i < scope->uid_count; i++) {
        if (!rune_uid_is_action_type(scope->uids[i].type)) {
            return rune_est_fail(reader, node, NULL, "`%.*s` is no type of actions",
                                 RUNE_STR_ARG(scope->uids[i].type));
        }
    }
    return true;
}

static bool read_relation(struct rune_est_reader *reader, const struct rune_json_node *node,
                          const struct rune_json_node *op, enum rune_cedar_var var,
                          struct rune_cedar_scope *scope)
{
    if (text_is(op, "All") || text_is(op, "all")) {
        return true;
    }
    if (text_is(op, "==")) {
        scope->op = RUNE_SCOPE_EQ;
        return read_target(reader, node, var, scope);
    }
    if (text_is(op, "in")) {
        const struct rune_json_node *list = rune_json_find(node, "entities");
        scope->op = RUNE_SCOPE_IN;
        bool is_list =
            var == RUNE_CEDAR_ACTION && rune_json_find(node, "entity") == NULL && list != NULL;
        return is_list ? read_actions(reader, list, scope) : read_target(reader, node, var, scope);
    }
    if (text_is(op, "is") && var != RUNE_CEDAR_ACTION) {
        return read_is(reader, node, var, scope);
    }
    return rune_est_fail(reader, op, NULL,
                         var == RUNE_CEDAR_ACTION ? "`op` is All, == or in"
                                                  : "`op` is All, ==, in or is");
}

static bool read_scope(struct rune_est_reader *reader, const struct rune_json_node *policy,
                       const char *name, enum rune_cedar_var var, struct rune_cedar_scope *scope)
{
    const struct rune_json_node *node = rune_est_require(reader, policy, name);
    if (node == NULL ||
        !rune_est_expect(reader, node, RUNE_JSON_OBJECT, "a scope, like {\"op\": \"All\"}")) {
        return false;
    }
    const struct rune_json_node *op = rune_est_require(reader, node, "op");
    scope->span = (struct rune_span){reader->source, node->offset, node->length};
    return op != NULL && read_relation(reader, node, op, var, scope) &&
           (var != RUNE_CEDAR_ACTION || check_actions(reader, node, scope));
}

/* ---- policies ---- */

static bool read_condition(struct rune_est_reader *reader, const struct rune_json_node *node,
                           struct rune_cedar_condition *condition)
{
    static const char *const names[] = {"kind", "body", NULL};
    if (!rune_est_expect(reader, node, RUNE_JSON_OBJECT, "a condition") ||
        !rune_est_check_members(reader, node, names)) {
        return false;
    }
    const struct rune_json_node *kind = rune_est_require(reader, node, "kind");
    const struct rune_json_node *body = rune_est_require(reader, node, "body");
    if (kind == NULL || body == NULL) {
        return false;
    }
    condition->is_unless = rune_est_is_name(kind, RUNE_STR("unless"));
    condition->span = (struct rune_span){reader->source, node->offset, node->length};
    if (!condition->is_unless && !rune_est_is_name(kind, RUNE_STR("when"))) {
        return rune_est_fail(reader, kind, NULL, "`kind` is when or unless");
    }
    condition->body = rune_est_read_expr(reader, body);
    return condition->body != NULL;
}

static bool read_conditions(struct rune_est_reader *reader, const struct rune_json_node *node,
                            struct rune_cedar_policy *policy)
{
    const struct rune_json_node *list = rune_est_require(reader, node, "conditions");
    if (list == NULL || !rune_est_expect(reader, list, RUNE_JSON_ARRAY, "an array of conditions")) {
        return false;
    }
    uint32_t count = list->as.array.count;
    struct rune_cedar_condition *conditions = rune_est_alloc(reader, count, sizeof *conditions);
    bool ok = conditions != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = read_condition(reader, &list->as.array.items[i], &conditions[i]);
    }
    policy->conditions = conditions;
    policy->condition_count = count;
    return ok;
}

static bool read_annotations(struct rune_est_reader *reader, const struct rune_json_node *node,
                             struct rune_cedar_policy *policy)
{
    const struct rune_json_node *list = rune_json_find(node, "annotations");
    if (list == NULL) {
        return true;
    }
    if (!rune_est_expect(reader, list, RUNE_JSON_OBJECT, "an object of strings")) {
        return false;
    }
    uint32_t count = list->as.object.count;
    struct rune_cedar_annotation *items = rune_est_alloc(reader, count, sizeof *items);
    bool ok = items != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        const struct rune_json_member *member = &list->as.object.members[i];
        bool is_null = member->value.type == RUNE_JSON_NULL;
        items[i].name = member->key;
        items[i].has_value = !is_null;
        items[i].value = is_null ? RUNE_STR("") : member->value.as.text;
        items[i].span = (struct rune_span){reader->source, member->key_offset,
                                           (uint32_t)member->key.length + 2};
        ok = (is_null || rune_est_expect(reader, &member->value, RUNE_JSON_STRING, "a string")) &&
             (rune_cedar_is_ident(member->key) ||
              rune_est_fail(reader, &member->value, NULL, "an annotation's name is an identifier"));
    }
    policy->annotations = items;
    policy->annotation_count = count;
    return ok;
}

bool rune_est_read_policy(struct rune_est_reader *reader, const struct rune_json_node *node,
                          struct rune_cedar_policy *policy)
{
    static const char *const names[] = {"effect",     "principal",   "action", "resource",
                                        "conditions", "annotations", NULL};
    memset(policy, 0, sizeof *policy);
    reader->has_unknown_call = false;
    if (!rune_est_expect(reader, node, RUNE_JSON_OBJECT, "a policy") ||
        !rune_est_check_members(reader, node, names)) {
        return false;
    }
    const struct rune_json_node *effect = rune_est_require(reader, node, "effect");
    if (effect == NULL) {
        return false;
    }
    policy->is_forbid = rune_est_is_name(effect, RUNE_STR("forbid"));
    policy->span = (struct rune_span){reader->source, node->offset, node->length};
    if (!policy->is_forbid && !rune_est_is_name(effect, RUNE_STR("permit"))) {
        return rune_est_fail(reader, effect, NULL, "`effect` is permit or forbid");
    }
    bool ok = read_scope(reader, node, "principal", RUNE_CEDAR_PRINCIPAL, &policy->principal) &&
              read_scope(reader, node, "action", RUNE_CEDAR_ACTION, &policy->action) &&
              read_scope(reader, node, "resource", RUNE_CEDAR_RESOURCE, &policy->resource) &&
              read_conditions(reader, node, policy) && read_annotations(reader, node, policy);
    policy->has_slot_principal = policy->principal.is_slot;
    policy->has_slot_resource = policy->resource.is_slot;
    policy->has_unknown_call = reader->has_unknown_call;
    return ok;
}

bool rune_est_check_kind(struct rune_est_reader *reader, const struct rune_json_node *node,
                         const struct rune_cedar_policy *policy, enum rune_est_kind kind)
{
    bool is_template = rune_cedar_is_template(policy);
    if (is_template == (kind == RUNE_EST_TEMPLATE)) {
        return true;
    }
    return rune_est_fail(reader, node, NULL,
                         is_template ? "this is a template, expected a policy without slots"
                                     : "this policy has no slot, expected a template");
}

enum rune_err rune_est_parse_policy(const struct rune_source *source, enum rune_est_kind kind,
                                    struct rune_arena *arena, struct rune_cedar_policy *ret_policy,
                                    struct rune_diag *diag)
{
    struct rune_est_reader reader = {.source = source, .arena = arena, .diag = diag};
    struct rune_cedar_policy policy;
    struct rune_json_node root;
    enum rune_err err = rune_est_open(&reader, &root);
    if (err != RUNE_OK) {
        return err;
    }
    bool ok = rune_est_read_policy(&reader, &root, &policy) &&
              rune_est_check_kind(&reader, &root, &policy, kind);
    err = rune_est_result(&reader, ok);
    if (err == RUNE_OK) {
        *ret_policy = policy;
    }
    return err;
}
