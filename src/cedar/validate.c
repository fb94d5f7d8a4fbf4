/* SPDX-License-Identifier: Apache-2.0 */
/* Each policy in each environment: an action, a type of principals and one of resources that it
 * applies to. Scopes choose the environments, so that a policy for one action costs nothing for
 * the others; what is left types the conditions. A policy that is false in all of them is
 * impossible. */
#include "cedar/validate.h"

#include <string.h>

#include "cedar/validate_int.h"

/* What one policy's environments gave. */
struct outcome {
    bool is_possible; /* in some environment it is not false */
    bool applies;     /* some action takes such principals and resources */
};

/* ---- conditions ---- */

static bool is_false(const struct rune_validator *v, const struct rune_vanswer *answer,
                     bool is_unless)
{
    return answer->type != NULL && answer->type == (is_unless ? v->types.yes : v->types.no);
}

/* Conditions are `&&` from right to left: each holds for those behind it. Returns whether their
 * conjunction is false. *ret_ok: all could be typed. */
static bool type_conditions(struct rune_validator *v, const struct rune_cedar_policy *policy,
                            bool *ret_ok)
{
    const struct rune_vcaps *held = NULL;
    bool is_known = true;
    bool is_no = false;
    *ret_ok = true;
    for (uint32_t i = 0; i < policy->condition_count && !is_no; i++) {
        const struct rune_cedar_condition *condition = &policy->conditions[i];
        struct rune_vanswer answer = rune_v_expect(v, condition->body, RUNE_EXPECT_BOOL);
        *ret_ok = *ret_ok && answer.ok;
        if (is_false(v, &answer, condition->is_unless)) {
            is_no = true;
            break;
        }
        /* `unless` is `!`, which of an unknown type makes a Bool. */
        is_known = is_known && (answer.type != NULL || condition->is_unless);
        if (!condition->is_unless && answer.caps != NULL) {
            rune_vcapabilities_push(&v->capabilities, answer.caps);
            held = rune_vcaps_union(&v->capabilities, answer.caps, held);
        }
    }
    rune_vcapabilities_pop(&v->capabilities, held);
    return is_no && is_known;
}

static void check_levels(struct rune_validator *v, const struct rune_cedar_policy *policy)
{
    for (uint32_t i = 0; i < policy->condition_count; i++) {
        rune_v_check_level(v, policy->conditions[i].body);
    }
}

/* ---- environments ---- */

static void enter(struct rune_validator *v, uint32_t action, uint32_t principal, uint32_t resource)
{
    v->action = &v->schema->actions[action];
    v->principal = principal;
    v->resource = resource;
    v->has_environment = true;
    uint32_t action_type = rune_vtypes_entity(&v->types, v->action->uid.type);
    v->variables[RUNE_CEDAR_PRINCIPAL] = v->types.entities[principal];
    v->variables[RUNE_CEDAR_ACTION] = v->types.entities[action_type];
    v->variables[RUNE_CEDAR_RESOURCE] = v->types.entities[resource];
    v->variables[RUNE_CEDAR_CONTEXT] = v->action->context == NULL
                                           ? v->types.empty_record
                                           : rune_vtypes_of(&v->types, v->action->context);
}

static void check_environment(struct rune_validator *v, const struct rune_cedar_policy *policy,
                              bool is_wrong, struct outcome *outcome)
{
    bool ok;
    bool is_no = type_conditions(v, policy, &ok);
    outcome->is_possible = outcome->is_possible || !is_no;
    if (v->max_level != UINT32_MAX) {
        if (is_no || (ok && !is_wrong)) {
            check_levels(v, policy);
        }
        rune_v_forget_visits(v);
    }
    rune_arena_reset(&v->capabilities.ropes);
}

/* Level 0 forbids even the scope's `in`. */
static void check_scope_level(struct rune_validator *v, const struct rune_cedar_scope *scope)
{
    if (v->max_level == 0 && (scope->op == RUNE_SCOPE_IN || scope->op == RUNE_SCOPE_IS_IN) &&
        rune_v_find(v, RUNE_FINDING_LEVEL, scope->span)) {
        rune_v_tell(v, RUNE_FINDING_LEVEL, scope->span, "use `==` or `is`, or allow more levels",
                    "`in` goes through 1 entity, 0 allowed");
    }
}

static bool is_typed_out(const struct rune_validator *v, const struct rune_cedar_scope *scope,
                         uint32_t entity)
{
    return scope->op == RUNE_SCOPE_IS_IN &&
           !rune_str_equal(scope->type, rune_vtypes_entity_name(&v->types, entity));
}

static void check_pair(struct rune_validator *v, const struct rune_cedar_policy *policy,
                       uint32_t action, enum rune_scope_verdict of_action, uint32_t principal,
                       uint32_t resource, struct outcome *outcome)
{
    enum rune_scope_verdict of_principal = rune_v_scope(v, &policy->principal, NULL, principal);
    enter(v, action, principal, resource);
    if (!is_typed_out(v, &policy->principal, principal)) {
        check_scope_level(v, &policy->principal);
    }
    if (of_principal == RUNE_SCOPE_NO) {
        return;
    }
    rune_v_check_action_list(v, &policy->action);
    check_scope_level(v, &policy->action);
    enum rune_scope_verdict of_resource = rune_v_scope(v, &policy->resource, NULL, resource);
    if (of_action == RUNE_SCOPE_NO) {
        return;
    }
    if (!is_typed_out(v, &policy->resource, resource)) {
        check_scope_level(v, &policy->resource);
    }
    if (of_resource == RUNE_SCOPE_NO) {
        return;
    }
    bool is_wrong = of_principal == RUNE_SCOPE_WRONG || of_action == RUNE_SCOPE_WRONG ||
                    of_resource == RUNE_SCOPE_WRONG;
    outcome->applies = outcome->applies || !is_wrong;
    check_environment(v, policy, is_wrong, outcome);
}

/* Must the scope be looked at for actions that it excludes, too? */
static bool has_scope_errors(const struct rune_validator *v, const struct rune_cedar_policy *policy)
{
    return v->max_level == 0 || (policy->action.op == RUNE_SCOPE_IN && policy->action.is_list);
}

static void check_action(struct rune_validator *v, const struct rune_cedar_policy *policy,
                         uint32_t index, struct outcome *outcome)
{
    const struct rune_cedar_action *action = &v->schema->actions[index];
    enum rune_scope_verdict verdict = rune_v_scope_action(v, &policy->action, index);
    if (verdict == RUNE_SCOPE_NO && !has_scope_errors(v, policy)) {
        return;
    }
    for (uint32_t p = 0; p < action->principals.count; p++) {
        uint32_t principal = action->principals.items[p];
        if (v->max_level != 0 &&
            rune_v_scope(v, &policy->principal, NULL, principal) == RUNE_SCOPE_NO) {
            continue;
        }
        for (uint32_t r = 0; r < action->resources.count && !rune_validator_failed(v); r++) {
            check_pair(v, policy, index, verdict, principal, action->resources.items[r], outcome);
        }
    }
}

static struct outcome check_environments(struct rune_validator *v,
                                         const struct rune_cedar_policy *policy)
{
    struct outcome outcome = {false, false};
    uint32_t first = 0;
    uint32_t end = v->schema->action_count;
    if (policy->action.op == RUNE_SCOPE_EQ && v->max_level != 0) { /* the one action */
        const struct rune_cedar_action *action =
            rune_cedar_schema_find_action(v->schema, policy->action.uids);
        first = action == NULL ? end : (uint32_t)(action - v->schema->actions);
        end = action == NULL ? end : first + 1;
    }
    for (uint32_t i = first; i < end; i++) {
        check_action(v, policy, i, &outcome);
    }
    v->has_environment = false;
    return outcome;
}

/* ---- policies ---- */

/* Would `in` instead of `==` let an action apply? */
static bool would_in_help(struct rune_validator *v, const struct rune_cedar_policy *policy,
                          const struct rune_cedar_scope *scope, bool is_principal)
{
    const struct rune_vtype *type =
        scope->op == RUNE_SCOPE_EQ && !scope->is_slot ? rune_v_uid_type(v, scope->uids) : NULL;
    bool would = false;
    for (uint32_t i = 0; type != NULL && i < v->schema->action_count; i++) {
        const struct rune_cedar_action *action = &v->schema->actions[i];
        const struct rune_schema_indexes *takes =
            is_principal ? &action->principals : &action->resources;
        bool is_meant = rune_v_scope_action(v, &policy->action, i) == RUNE_SCOPE_YES;
        for (uint32_t k = 0; is_meant && k < takes->count; k++) {
            if (takes->items[k] == type->entities[0]) {
                return false;
            }
            would = would || rune_vtypes_may_be_in(&v->types, takes->items[k], type->entities[0]);
        }
    }
    return would;
}

static void tell_no_action(struct rune_validator *v, const struct rune_cedar_policy *policy)
{
    if (!rune_v_find(v, RUNE_FINDING_NO_ACTION, policy->span)) {
        return;
    }
    bool principal = would_in_help(v, policy, &policy->principal, true);
    bool resource = would_in_help(v, policy, &policy->resource, false);
    const char *help = principal && resource ? "use `in` instead of `==` for principal and resource"
                       : principal           ? "use `in` instead of `==` for principal"
                       : resource            ? "use `in` instead of `==` for resource"
                                             : "see what its actions apply to in the schema";
    rune_v_tell(v, RUNE_FINDING_NO_ACTION, policy->principal.span, help,
                "no action applies to such principals and resources");
}

static void check_policy(struct rune_validator *v, uint32_t index)
{
    const struct rune_cedar_policy *policy = &v->policies->items[index];
    v->policy = policy;
    v->policy_index = index;
    rune_v_check_names(v, policy);
    struct outcome outcome = check_environments(v, policy);
    if (!outcome.applies) {
        tell_no_action(v, policy);
    }
    if (!outcome.is_possible && rune_v_find(v, RUNE_FINDING_IMPOSSIBLE, policy->span)) {
        rune_v_tell(v, RUNE_FINDING_IMPOSSIBLE, policy->span,
                    outcome.applies ? "one of its conditions is always false" : NULL,
                    "this policy never applies: it is false for all valid requests");
    }
}

/* ---- links ---- */

static bool link_applies(struct rune_validator *v, const struct rune_cedar_policy *policy,
                         const struct rune_cedar_link *link)
{
    for (uint32_t i = 0; i < v->schema->action_count; i++) {
        const struct rune_cedar_action *action = &v->schema->actions[i];
        bool principal = false;
        bool resource = false;
        if (rune_v_scope_action(v, &policy->action, i) != RUNE_SCOPE_YES) {
            continue;
        }
        for (uint32_t k = 0; k < action->principals.count && !principal; k++) {
            enum rune_scope_verdict of =
                rune_v_scope(v, &policy->principal, link->principal, action->principals.items[k]);
            principal = of == RUNE_SCOPE_YES || of == RUNE_SCOPE_MAYBE;
        }
        for (uint32_t k = 0; k < action->resources.count && !resource; k++) {
            enum rune_scope_verdict of =
                rune_v_scope(v, &policy->resource, link->resource, action->resources.items[k]);
            resource = of == RUNE_SCOPE_YES || of == RUNE_SCOPE_MAYBE;
        }
        if (principal && resource) {
            return true;
        }
    }
    return false;
}

static enum rune_err check_links(struct rune_validator *v)
{
    struct rune_map templates = RUNE_MAP_INIT;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < v->policies->count && v->policies->link_count > 0 && err == RUNE_OK;
         i++) {
        err = rune_map_set(&templates, v->policies->items[i].id, i);
    }
    for (uint32_t i = 0; i < v->policies->link_count && err == RUNE_OK; i++) {
        const struct rune_cedar_link *link = &v->policies->links[i];
        if (!rune_map_find(&templates, link->template_id, &v->policy_index)) {
            continue; /* reported by who reads links */
        }
        rune_v_check_link(v, link);
        if (!link_applies(v, &v->policies->items[v->policy_index], link) &&
            rune_v_find(v, RUNE_FINDING_NO_ACTION, link->span)) {
            rune_v_tell(v, RUNE_FINDING_NO_ACTION, link->span,
                        "see what its actions apply to in the schema",
                        "no action of the template applies to such principals and resources");
        }
    }
    rune_map_fini(&templates);
    return err;
}

/* ---- the whole ---- */

/* Names that a schema leaves to others (`external`) may be anything: nothing can be said. */
static bool is_complete(struct rune_validator *v)
{
    bool is_complete = true;
    for (uint32_t i = 0; i < v->schema->entity_type_count; i++) {
        is_complete = is_complete && !v->schema->entity_types[i].is_external;
    }
    for (uint32_t i = 0; i < v->schema->action_count; i++) {
        is_complete = is_complete && !v->schema->actions[i].is_external;
    }
    for (uint32_t i = 0; !is_complete && i < v->policies->count; i++) {
        v->policy_index = i;
        if (rune_v_find(v, RUNE_FINDING_INCOMPLETE_SCHEMA, v->policies->items[i].span)) {
            rune_v_tell(v, RUNE_FINDING_INCOMPLETE_SCHEMA, v->policies->items[i].span,
                        "add the schema that defines them",
                        "the schema has names that are external and not defined");
        }
    }
    return is_complete;
}

static enum rune_err check_all(struct rune_validator *v)
{
    if (!is_complete(v)) {
        return RUNE_OK;
    }
    for (uint32_t i = 0; i < v->policies->count && !rune_validator_failed(v); i++) {
        check_policy(v, i);
    }
    return check_links(v);
}

static enum rune_err collect(struct rune_validator *v,
                             struct rune_validation_result *ret_validation)
{
    if (rune_validator_failed(v)) {
        return RUNE_E_NOMEM;
    }
    size_t bytes = v->findings.count * sizeof(*v->findings.items);
    const struct rune_validation_finding *findings =
        rune_arena_memdup(v->arena, v->findings.items, bytes);
    if (findings == NULL) {
        return RUNE_E_NOMEM;
    }
    *ret_validation =
        (struct rune_validation_result){findings, (uint32_t)v->findings.count, v->error_count};
    return RUNE_OK;
}

enum rune_err rune_cedar_validate(const struct rune_cedar_policies *policies,
                                  const struct rune_cedar_schema *schema,
                                  enum rune_validation_mode mode, uint32_t max_level,
                                  struct rune_arena *arena,
                                  struct rune_validation_result *ret_validation,
                                  struct rune_diag *diag)
{
    struct rune_validator v = {
        .policies = policies,
        .schema = schema,
        .is_strict = mode == RUNE_VALIDATE_STRICT,
        .max_level = max_level,
        .arena = arena,
        .diag = diag,
    };
    rune_arena_init(&v.scratch, 0);
    rune_arena_init(&v.visited_keys, 0);
    rune_vcapabilities_init(&v.capabilities, arena);
    enum rune_err err = rune_vtypes_init(&v.types, schema, v.is_strict, arena);
    if (err == RUNE_OK) {
        err = check_all(&v);
        err = err == RUNE_OK ? collect(&v, ret_validation) : err;
        rune_vtypes_fini(&v.types);
    }
    rune_vcapabilities_fini(&v.capabilities);
    rune_map_fini(&v.visited);
    rune_map_fini(&v.seen);
    RUNE_VEC_FINI(&v.visited_types);
    RUNE_VEC_FINI(&v.findings);
    rune_arena_fini(&v.visited_keys);
    rune_arena_fini(&v.scratch);
    return err;
}
