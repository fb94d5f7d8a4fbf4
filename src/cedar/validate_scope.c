/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes: what they are in an environment, and what a policy names. */
#include "cedar/validate_int.h"

/* ---- verdicts ---- */

static enum rune_scope_verdict group_verdict(struct rune_validator *v,
                                             const struct rune_cedar_uid *group, uint32_t entity,
                                             bool is_equal)
{
    const struct rune_vtype *type = rune_v_uid_type(v, group);
    if (type == NULL) {
        return RUNE_SCOPE_WRONG;
    }
    bool may = is_equal ? type->entities[0] == entity
                        : rune_vtypes_may_be_in(&v->types, entity, type->entities[0]);
    return may ? RUNE_SCOPE_MAYBE : RUNE_SCOPE_NO;
}

enum rune_scope_verdict rune_v_scope(struct rune_validator *v, const struct rune_cedar_scope *scope,
                                     const struct rune_cedar_uid *slot, uint32_t entity)
{
    const struct rune_cedar_uid *group = scope->is_slot ? slot : scope->uids;
    bool is_typed = scope->op == RUNE_SCOPE_IS || scope->op == RUNE_SCOPE_IS_IN;
    if (scope->op == RUNE_SCOPE_ANY) {
        return RUNE_SCOPE_YES;
    }
    if (is_typed && !rune_str_equal(scope->type, rune_vtypes_entity_name(&v->types, entity))) {
        return RUNE_SCOPE_NO;
    }
    if (scope->op == RUNE_SCOPE_IS) {
        return RUNE_SCOPE_YES;
    }
    /* A slot that is not filled may name what fits. */
    return group == NULL ? RUNE_SCOPE_MAYBE
                         : group_verdict(v, group, entity, scope->op == RUNE_SCOPE_EQ);
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

enum rune_scope_verdict rune_v_scope_action(struct rune_validator *v,
                                            const struct rune_cedar_scope *scope, uint32_t action)
{
    enum rune_scope_verdict verdict = scope->op == RUNE_SCOPE_ANY ? RUNE_SCOPE_YES : RUNE_SCOPE_NO;
    for (uint32_t i = 0; scope->op != RUNE_SCOPE_ANY && i < scope->uid_count; i++) {
        const struct rune_cedar_action *group =
            rune_cedar_schema_find_action(v->schema, &scope->uids[i]);
        uint32_t index = group == NULL ? UINT32_MAX : (uint32_t)(group - v->schema->actions);
        if (index == action) {
            verdict = RUNE_SCOPE_YES;
        } else if (scope->op == RUNE_SCOPE_EQ) {
            return RUNE_SCOPE_NO;
        } else if (rune_v_uid_type(v, &scope->uids[i]) == NULL) {
            return RUNE_SCOPE_WRONG;
        } else if (group != NULL && has_ancestor(&v->schema->actions[action], index)) {
            verdict = RUNE_SCOPE_YES;
        }
    }
    return verdict;
}

void rune_v_check_action_list(struct rune_validator *v, const struct rune_cedar_scope *scope)
{
    if (!v->is_strict || scope->op != RUNE_SCOPE_IN || !scope->is_list) {
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
    if (!rune_cedar_is_action_type(name) && rune_cedar_schema_find_type(v->schema, name) == NULL &&
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
        const char *help = rune_v_suggest(v, uid->id, type->ids, type->id_count);
        rune_v_tell(v, RUNE_FINDING_ENUM_ENTITY, span,
                    help != NULL ? help : "use one of the ids in the schema",
                    "`%.*s` has no entity \"%.*s\"", RUNE_STR_ARG(uid->type),
                    RUNE_STR_ARG(uid->id));
    }
}

static void check_uid(struct rune_validator *v, struct rune_span span,
                      const struct rune_cedar_uid *uid)
{
    if (rune_cedar_is_action_type(uid->type)) {
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
        check_uid(v, expr->span, &expr->as.uid);
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
