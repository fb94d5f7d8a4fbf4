/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes: what they are in an environment, and what a policy names. */
#include "cedar/validate_int.h"
#include "model/uid.h"

/* ---- verdicts ---- */

struct rune_vscope rune_v_resolve(struct rune_validator *v, const struct rune_cedar_scope *scope,
                                  const struct rune_cedar_uid *slot)
{
    const struct rune_cedar_uid *group = scope->is_slot ? slot : scope->uids;
    bool is_typed = scope->op == RUNE_SCOPE_IS || scope->op == RUNE_SCOPE_IS_IN;
    struct rune_vscope resolved = {.op = scope->op, .type = UINT32_MAX, .group = UINT32_MAX};
    if (is_typed) {
        resolved.type = rune_vtypes_entity(&v->types, scope->type);
    }
    if (scope->op != RUNE_SCOPE_ANY && scope->op != RUNE_SCOPE_IS && group != NULL) {
        const struct rune_vtype *type = rune_v_uid_type(v, group);
        resolved.is_filled = true;
        resolved.is_wrong = type == NULL;
        resolved.group = type == NULL ? UINT32_MAX : type->entities[0];
    }
    return resolved;
}

enum rune_scope_verdict rune_v_verdict(const struct rune_validator *v,
                                       const struct rune_vscope *scope, uint32_t entity)
{
    bool is_typed = scope->op == RUNE_SCOPE_IS || scope->op == RUNE_SCOPE_IS_IN;
    if (scope->op == RUNE_SCOPE_ANY) {
        return RUNE_SCOPE_YES;
    }
    if (is_typed && scope->type != entity) {
        return RUNE_SCOPE_NO;
    }
    if (scope->op == RUNE_SCOPE_IS) {
        return RUNE_SCOPE_YES;
    }
    if (!scope->is_filled) { /* a slot may name what fits */
        return RUNE_SCOPE_MAYBE;
    }
    if (scope->is_wrong) {
        return RUNE_SCOPE_WRONG;
    }
    bool may = scope->op == RUNE_SCOPE_EQ ? scope->group == entity
                                          : rune_vtypes_may_be_in(&v->types, entity, scope->group);
    return may ? RUNE_SCOPE_MAYBE : RUNE_SCOPE_NO;
}

static bool has_ancestor(const struct rune_cedar_action *action, uint32_t ancestor)
{
    for (uint32_t i = 0; i < action->ancestors.count; i++) {
        if (action->ancestors.items[i] == ancestor) {
            return true;
        }
    }
    return false;
}

/* In strict mode a set literal has one type: neither an empty list of actions nor one of several
 * namespaces has any. */
static bool is_untyped_list(const struct rune_validator *v, const struct rune_cedar_scope *scope)
{
    bool is_untyped = scope->uid_count == 0;
    for (uint32_t i = 1; i < scope->uid_count; i++) {
        is_untyped = is_untyped || !rune_str_equal(scope->uids[0].type, scope->uids[i].type);
    }
    return is_untyped && v->is_strict && scope->op == RUNE_SCOPE_IN && scope->is_list;
}

void rune_v_resolve_actions(struct rune_validator *v, const struct rune_cedar_scope *scope)
{
    v->scope_actions.count = 0;
    v->names_wrong_action = false;
    for (uint32_t i = 0; i < scope->uid_count; i++) {
        const struct rune_cedar_action *action =
            rune_cedar_schema_find_action(v->schema, &scope->uids[i]);
        if (action == NULL) {
            v->names_wrong_action =
                v->names_wrong_action || rune_v_uid_type(v, &scope->uids[i]) == NULL;
        } else if (!RUNE_VEC_PUSH(&v->scope_actions, (uint32_t)(action - v->schema->actions))) {
            v->failed = true;
        }
    }
    /* Types are not compared where one is not known. */
    v->has_untyped_actions = !v->names_wrong_action && is_untyped_list(v, scope);
}

bool rune_v_names_action(const struct rune_validator *v, const struct rune_cedar_scope *scope,
                         uint32_t action)
{
    if (scope->op == RUNE_SCOPE_ANY) {
        return true;
    }
    for (size_t i = 0; i < v->scope_actions.count && !v->names_wrong_action; i++) {
        uint32_t named = v->scope_actions.items[i];
        if (named == action ||
            (scope->op != RUNE_SCOPE_EQ && has_ancestor(&v->schema->actions[action], named))) {
            return true;
        }
    }
    return false;
}

enum rune_scope_verdict rune_v_action_verdict(const struct rune_validator *v,
                                              const struct rune_cedar_scope *scope, uint32_t action)
{
    if (scope->op == RUNE_SCOPE_IN && (v->names_wrong_action || v->has_untyped_actions)) {
        return RUNE_SCOPE_WRONG;
    }
    return rune_v_names_action(v, scope, action) ? RUNE_SCOPE_YES : RUNE_SCOPE_NO;
}

void rune_v_check_action_list(struct rune_validator *v, const struct rune_cedar_scope *scope)
{
    if (!v->has_untyped_actions) {
        return;
    }
    if (scope->uid_count == 0 && rune_v_find(v, RUNE_FINDING_EMPTY_SET, scope->span)) {
        rune_v_tell(v, RUNE_FINDING_EMPTY_SET, scope->span, "name an action",
                    "no action is in an empty list");
    }
    for (uint32_t i = 1; i < scope->uid_count; i++) {
        if (!rune_str_equal(scope->uids[0].type, scope->uids[i].type) &&
            rune_v_find(v, RUNE_FINDING_INCOMPATIBLE_TYPES, scope->span)) {
            rune_v_tell(v, RUNE_FINDING_INCOMPATIBLE_TYPES, scope->span,
                        "write a policy for each namespace",
                        "actions of the list are of different types: %.*s and %.*s",
                        RUNE_STR_ARG(scope->uids[0].type), RUNE_STR_ARG(scope->uids[i].type));
        }
    }
}

/* ---- names ---- */

static void check_type_name(struct rune_validator *v, struct rune_span span, struct rune_str name)
{
    if (!rune_uid_is_action_type(name) && rune_cedar_schema_find_type(v->schema, name) == NULL &&
        rune_v_find(v, RUNE_FINDING_UNKNOWN_TYPE, span)) {
        rune_v_tell(v, RUNE_FINDING_UNKNOWN_TYPE, span, rune_v_suggest_type(v, name),
                    "the schema has no entity type `%.*s`", RUNE_STR_ARG(name));
    }
}

static void check_action_name(struct rune_validator *v, struct rune_span span,
                              const struct rune_cedar_uid *uid)
{
    if (rune_cedar_schema_find_action(v->schema, uid) == NULL &&
        rune_v_find(v, RUNE_FINDING_UNKNOWN_ACTION, span)) {
        rune_v_tell(v, RUNE_FINDING_UNKNOWN_ACTION, span, rune_v_suggest_action(v, uid),
                    "the schema has no action `%s`", rune_v_uid_text(v, uid));
    }
}

static void check_enum(struct rune_validator *v, struct rune_span span,
                       const struct rune_cedar_uid *uid)
{
    const struct rune_cedar_entity_type *type = rune_cedar_schema_find_type(v->schema, uid->type);
    for (uint32_t i = 0; type != NULL && type->is_enum && i < type->id_count; i++) {
        if (rune_str_equal(type->ids[i], uid->id)) {
            return;
        }
    }
    if (type != NULL && type->is_enum && rune_v_find(v, RUNE_FINDING_ENUM_ENTITY, span)) {
        rune_v_tell(v, RUNE_FINDING_ENUM_ENTITY, span, rune_v_suggest_id(v, type, uid->id),
                    "`%.*s` has no entity \"%.*s\"", RUNE_STR_ARG(uid->type),
                    RUNE_STR_ARG(uid->id));
    }
}

static void check_uid(struct rune_validator *v, struct rune_span span,
                      const struct rune_cedar_uid *uid)
{
    if (rune_uid_is_action_type(uid->type)) {
        check_action_name(v, span, uid);
    } else {
        check_type_name(v, span, uid->type);
        check_enum(v, span, uid);
    }
    rune_v_check_name(v, span, uid->type);
    rune_v_check_identifier(v, span, uid->id);
}

static void check_scope_names(struct rune_validator *v, const struct rune_cedar_scope *scope)
{
    if (scope->op == RUNE_SCOPE_IS || scope->op == RUNE_SCOPE_IS_IN) {
        check_type_name(v, scope->span, scope->type);
    }
    for (uint32_t i = 0; i < scope->uid_count && !scope->is_slot; i++) {
        check_uid(v, scope->span, &scope->uids[i]);
    }
}

static void check_expr_names(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    switch (expr->kind) {
    case RUNE_EXPR_ENTITY:
        check_uid(v, expr->span, expr->as.uid);
        break;
    case RUNE_EXPR_STRING:
        rune_v_check_string(v, expr->span, expr->as.string);
        break;
    case RUNE_EXPR_GET_ATTR:
        rune_v_check_identifier(v, expr->span, expr->as.string);
        break;
    case RUNE_EXPR_HAS:
    case RUNE_EXPR_RECORD:
        for (uint32_t i = 0; i < expr->as.path.count; i++) {
            rune_v_check_identifier(v, expr->span, expr->as.path.names[i]);
        }
        break;
    case RUNE_EXPR_LIKE:
        rune_v_check_pattern(v, expr->span, &expr->as.pattern);
        break;
    case RUNE_EXPR_IS:
        check_type_name(v, expr->span, expr->as.name);
        break;
    default:
        break;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        check_expr_names(v, expr->args[i]);
    }
}

void rune_v_check_names(struct rune_validator *v, const struct rune_cedar_policy *policy)
{
    check_scope_names(v, &policy->principal);
    check_scope_names(v, &policy->action);
    check_scope_names(v, &policy->resource);
    for (uint32_t i = 0; i < policy->condition_count; i++) {
        check_expr_names(v, policy->conditions[i].body);
    }
}

void rune_v_check_link(struct rune_validator *v, const struct rune_cedar_link *link)
{
    if (link->principal != NULL) {
        check_type_name(v, link->span, link->principal->type);
    }
    if (link->resource != NULL) {
        check_type_name(v, link->span, link->resource->type);
    }
}
