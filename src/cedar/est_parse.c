/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and policy sets of the JSON form. */
#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "cedar/est_int.h"
#include "cedar/lexer.h"
#include "cedar/schema.h"
#include "model/uid.h"

#define MAX_JSON_DEPTH 127u /* LIMIT: as serde_json */

/* ---- shared by the readers ---- */

bool rune_est_fail(struct rune_est_reader *reader, const struct rune_json_node *node,
                   const char *help, const char *fmt, ...)
{
    bool is_scalar = node->type != RUNE_JSON_OBJECT && node->type != RUNE_JSON_ARRAY;
    struct rune_span span = {reader->source, node->offset,
                             is_scalar && node->length > 0 ? node->length : 1};
    va_list args;
    va_start(args, fmt);
    rune_diag_vreport(reader->diag, RUNE_ERROR, "RUNE-C0530", span, help, fmt, args);
    va_end(args);
    reader->errors++;
    return false;
}

void *rune_est_alloc(struct rune_est_reader *reader, size_t count, size_t size)
{
    void *items = rune_arena_calloc(reader->arena, count > 0 ? count : 1, size);
    reader->nomem |= items == NULL;
    return items;
}

struct rune_json_node rune_est_key(const struct rune_json_member *member)
{
    return (struct rune_json_node){.type = RUNE_JSON_STRING,
                                   .offset = member->key_offset,
                                   .length = (uint32_t)member->key.length + 2,
                                   .as.text = member->key};
}

const char *rune_est_suggest(struct rune_est_reader *reader, struct rune_str name,
                             const struct rune_str *candidates, size_t count)
{
    struct rune_str nearest = rune_str_nearest(name, candidates, count);
    return nearest.length == 0
               ? NULL
               : rune_arena_printf(reader->arena, "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
}

/* What may stand in an object: the name that is near, or all of them. */
static const char *suggest_member(struct rune_est_reader *reader, struct rune_str key,
                                  const char *const *names)
{
    struct rune_str candidates[8];
    struct rune_buf list = RUNE_BUF_INIT;
    size_t count = 0;
    for (; names[count] != NULL && count < sizeof candidates / sizeof candidates[0]; count++) {
        candidates[count] = rune_str_from(names[count]);
        rune_buf_printf(&list, "%s`%s`", count == 0 ? "" : ", ", names[count]);
    }
    const char *help = rune_est_suggest(reader, key, candidates, count);
    if (help == NULL && !list.failed) {
        help = rune_arena_printf(reader->arena, "here may stand %s", rune_buf_cstr(&list));
    }
    rune_buf_fini(&list);
    return help;
}

bool rune_est_check_members(struct rune_est_reader *reader, const struct rune_json_node *object,
                            const char *const *names)
{
    bool ok = true;
    for (uint32_t i = 0; i < object->as.object.count; i++) {
        const struct rune_json_member *member = &object->as.object.members[i];
        bool found = false;
        for (size_t k = 0; names[k] != NULL && !found; k++) {
            found = rune_str_equal(rune_str_from(names[k]), member->key);
        }
        if (!found) {
            struct rune_json_node key = rune_est_key(member);
            ok = rune_est_fail(reader, &key, suggest_member(reader, member->key, names),
                               "there is no `%.*s` here", RUNE_STR_ARG(member->key));
        }
    }
    return ok;
}

const struct rune_json_node *rune_est_require(struct rune_est_reader *reader,
                                              const struct rune_json_node *object, const char *name)
{
    const struct rune_json_node *node = rune_json_find(object, name);
    if (node == NULL) {
        rune_est_fail(reader, object, NULL, "`%s` is missing here", name);
    }
    return node;
}

static bool expect(struct rune_est_reader *reader, const struct rune_json_node *node,
                   enum rune_json_type type, const char *what)
{
    return node->type == type || rune_est_fail(reader, node, NULL, "expected %s here", what);
}

static bool text_is(const struct rune_json_node *node, const char *text)
{
    return node->type == RUNE_JSON_STRING && rune_str_equal(node->as.text, rune_str_from(text));
}

bool rune_est_is_name(const struct rune_json_node *node, struct rune_str name)
{
    if (node->type == RUNE_JSON_STRING) {
        return rune_str_equal(node->as.text, name);
    }
    return node->type == RUNE_JSON_OBJECT && node->as.object.count == 1 &&
           node->as.object.members[0].value.type == RUNE_JSON_NULL &&
           rune_str_equal(node->as.object.members[0].key, name);
}

/* ---- scope ---- */

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
    if (type == NULL || !expect(reader, type, RUNE_JSON_STRING, "an entity type")) {
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
    return expect(reader, in, RUNE_JSON_OBJECT, "an object") && read_target(reader, in, var, scope);
}

static bool read_actions(struct rune_est_reader *reader, const struct rune_json_node *list,
                         struct rune_cedar_scope *scope)
{
    if (!expect(reader, list, RUNE_JSON_ARRAY, "an array of actions")) {
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
        !expect(reader, node, RUNE_JSON_OBJECT, "a scope, like {\"op\": \"All\"}")) {
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
    if (!expect(reader, node, RUNE_JSON_OBJECT, "a condition") ||
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
    if (list == NULL || !expect(reader, list, RUNE_JSON_ARRAY, "an array of conditions")) {
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
    if (!expect(reader, list, RUNE_JSON_OBJECT, "an object of strings")) {
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
        ok = (is_null || expect(reader, &member->value, RUNE_JSON_STRING, "a string")) &&
             (rune_cedar_is_ident(member->key) ||
              rune_est_fail(reader, &member->value, NULL, "an annotation's name is an identifier"));
    }
    policy->annotations = items;
    policy->annotation_count = count;
    return ok;
}

static bool read_policy(struct rune_est_reader *reader, const struct rune_json_node *node,
                        struct rune_cedar_policy *policy)
{
    static const char *const names[] = {"effect",     "principal",   "action", "resource",
                                        "conditions", "annotations", NULL};
    memset(policy, 0, sizeof *policy);
    reader->has_unknown_call = false;
    if (!expect(reader, node, RUNE_JSON_OBJECT, "a policy") ||
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

static bool check_kind(struct rune_est_reader *reader, const struct rune_json_node *node,
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

/* ---- documents ---- */

static enum rune_err open_document(struct rune_est_reader *reader, struct rune_json_node *root)
{
    struct rune_json_error error;
    struct rune_str text = {reader->source->text, reader->source->length};
    enum rune_err err = rune_json_parse(text, MAX_JSON_DEPTH, reader->arena, root, &error);
    if (err == RUNE_E_SYNTAX || err == RUNE_E_LIMIT) {
        struct rune_json_node place = {.offset = (uint32_t)error.offset};
        rune_est_fail(reader, &place, NULL, "%s", error.message);
    }
    return err;
}

static enum rune_err result_of(const struct rune_est_reader *reader, bool ok)
{
    return reader->nomem ? RUNE_E_NOMEM : ok && reader->errors == 0 ? RUNE_OK : RUNE_E_SYNTAX;
}

enum rune_err rune_est_parse_policy(const struct rune_source *source, enum rune_est_kind kind,
                                    struct rune_arena *arena, struct rune_cedar_policy *ret_policy,
                                    struct rune_diag *diag)
{
    struct rune_est_reader reader = {.source = source, .arena = arena, .diag = diag};
    struct rune_cedar_policy policy;
    struct rune_json_node root;
    enum rune_err err = open_document(&reader, &root);
    if (err != RUNE_OK) {
        return err;
    }
    bool ok = read_policy(&reader, &root, &policy) && check_kind(&reader, &root, &policy, kind);
    err = result_of(&reader, ok);
    if (err == RUNE_OK) {
        *ret_policy = policy;
    }
    return err;
}

/* A policy set while it is read. */
struct set {
    struct rune_cedar_policies policies;
    struct rune_map ids; /* id -> index in policies, or LINK */
};

#define LINK UINT32_MAX

static bool add_id(struct rune_est_reader *reader, struct set *set,
                   const struct rune_json_node *node, struct rune_str id, uint32_t index)
{
    bool added;
    uint32_t value;
    if (rune_map_intern(&set->ids, id, index, &value, &added) != RUNE_OK) {
        reader->nomem = true;
        return false;
    }
    return added ||
           rune_est_fail(reader, node, NULL, "the id `%.*s` is here twice", RUNE_STR_ARG(id));
}

static bool read_group(struct rune_est_reader *reader, const struct rune_json_node *group,
                       enum rune_est_kind kind, struct set *set)
{
    bool ok = true;
    for (uint32_t i = 0; i < group->as.object.count && !reader->nomem; i++) {
        const struct rune_json_member *member = &group->as.object.members[i];
        uint32_t index = set->policies.count;
        struct rune_cedar_policy *policy = &set->policies.items[index];
        if (!read_policy(reader, &member->value, policy)) {
            ok = false;
            continue;
        }
        policy->is_bare_template = kind == RUNE_EST_TEMPLATE && !rune_cedar_is_template(policy);
        if (!check_kind(reader, &member->value, policy, kind) ||
            !add_id(reader, set, &member->value, member->key, index)) {
            ok = false;
            continue;
        }
        policy->id = member->key;
        set->policies.count++;
    }
    return ok;
}

static bool read_slot_value(struct rune_est_reader *reader, const struct rune_json_member *member,
                            struct rune_cedar_link *link)
{
    struct rune_cedar_uid *uid = rune_est_alloc(reader, 1, sizeof *uid);
    if (uid == NULL || !rune_est_read_uid(reader, &member->value, uid)) {
        return false;
    }
    if (rune_str_equal(member->key, RUNE_STR("?principal"))) {
        link->principal = uid;
    } else if (rune_str_equal(member->key, RUNE_STR("?resource"))) {
        link->resource = uid;
    } else {
        return rune_est_fail(reader, &member->value, NULL,
                             "the slots are ?principal and ?resource");
    }
    return true;
}

static bool check_link(struct rune_est_reader *reader, const struct rune_json_node *node,
                       const struct set *set, const struct rune_cedar_link *link)
{
    uint32_t index;
    if (!rune_map_find(&set->ids, link->template_id, &index) || index == LINK ||
        !rune_cedar_is_template(&set->policies.items[index])) {
        return rune_est_fail(reader, node, NULL, "there is no template `%.*s`",
                             RUNE_STR_ARG(link->template_id));
    }
    const struct rune_cedar_policy *template = &set->policies.items[index];
    return ((link->principal != NULL) == template->has_slot_principal &&
            (link->resource != NULL) == template->has_slot_resource) ||
           rune_est_fail(reader, node, NULL, "the values do not fit the slots of `%.*s`",
                         RUNE_STR_ARG(link->template_id));
}

static bool read_link(struct rune_est_reader *reader, const struct rune_json_node *node,
                      struct set *set, struct rune_cedar_link *link)
{
    static const char *const names[] = {"templateId", "newId", "values", NULL};
    if (!expect(reader, node, RUNE_JSON_OBJECT, "a link") ||
        !rune_est_check_members(reader, node, names)) {
        return false;
    }
    const struct rune_json_node *template_id = rune_est_require(reader, node, "templateId");
    const struct rune_json_node *new_id = rune_est_require(reader, node, "newId");
    const struct rune_json_node *values = rune_est_require(reader, node, "values");
    if (template_id == NULL || new_id == NULL || values == NULL ||
        !expect(reader, template_id, RUNE_JSON_STRING, "an id") ||
        !expect(reader, new_id, RUNE_JSON_STRING, "an id") ||
        !expect(reader, values, RUNE_JSON_OBJECT, "an object")) {
        return false;
    }
    link->template_id = template_id->as.text;
    link->link_id = new_id->as.text;
    link->span = (struct rune_span){reader->source, node->offset, node->length};
    for (uint32_t i = 0; i < values->as.object.count; i++) {
        if (!read_slot_value(reader, &values->as.object.members[i], link)) {
            return false;
        }
    }
    return check_link(reader, node, set, link) && add_id(reader, set, node, link->link_id, LINK);
}

static bool read_links(struct rune_est_reader *reader, const struct rune_json_node *list,
                       struct set *set)
{
    bool ok = true;
    set->policies.links = rune_est_alloc(reader, list->as.array.count, sizeof *set->policies.links);
    if (set->policies.links == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < list->as.array.count && !reader->nomem; i++) {
        ok &= read_link(reader, &list->as.array.items[i], set, &set->policies.links[i]);
    }
    set->policies.link_count = list->as.array.count;
    return ok;
}

static bool read_set(struct rune_est_reader *reader, const struct rune_json_node *root,
                     struct set *set)
{
    static const char *const names[] = {"templates", "staticPolicies", "templateLinks", NULL};
    if (!expect(reader, root, RUNE_JSON_OBJECT, "a policy set") ||
        !rune_est_check_members(reader, root, names)) {
        return false;
    }
    const struct rune_json_node *templates = rune_est_require(reader, root, "templates");
    const struct rune_json_node *statics = rune_est_require(reader, root, "staticPolicies");
    const struct rune_json_node *links = rune_est_require(reader, root, "templateLinks");
    if (templates == NULL || statics == NULL || links == NULL ||
        !expect(reader, templates, RUNE_JSON_OBJECT, "an object of templates") ||
        !expect(reader, statics, RUNE_JSON_OBJECT, "an object of policies") ||
        !expect(reader, links, RUNE_JSON_ARRAY, "an array of links")) {
        return false;
    }
    size_t count = (size_t)templates->as.object.count + statics->as.object.count;
    set->policies.items = rune_est_alloc(reader, count, sizeof *set->policies.items);
    if (set->policies.items == NULL) {
        return false;
    }
    bool ok = read_group(reader, statics, RUNE_EST_POLICY, set);
    ok &= read_group(reader, templates, RUNE_EST_TEMPLATE, set);
    return ok && read_links(reader, links, set);
}

enum rune_err rune_est_parse(const struct rune_source *source, struct rune_arena *arena,
                             struct rune_cedar_policies *ret_policies, struct rune_diag *diag)
{
    struct rune_est_reader reader = {.source = source, .arena = arena, .diag = diag};
    struct set set = {.ids = RUNE_MAP_INIT};
    struct rune_json_node root;
    enum rune_err err = open_document(&reader, &root);
    if (err == RUNE_OK) {
        bool ok = read_set(&reader, &root, &set);
        err = result_of(&reader, ok);
    }
    rune_map_fini(&set.ids);
    if (err == RUNE_OK) {
        *ret_policies = set.policies;
    }
    return err;
}
