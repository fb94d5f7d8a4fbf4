/* SPDX-License-Identifier: Apache-2.0 */
/* Each policy in its environments (validate_environment.c), then what they gave together: a policy
 * that is false in all of them is impossible. */
#include "cedar/validate.h"

#include "cedar/validate_int.h"

/* ---- policies ---- */

/* Would `in` instead of `==` let an action apply? */
static bool would_in_help(struct rune_validator *v, const struct rune_cedar_policy *policy,
                          const struct rune_cedar_scope *scope, bool is_principal)
{
    const struct rune_vtype *type =
        scope->op == RUNE_SCOPE_EQ && !scope->is_slot ? rune_v_uid_type(v, scope->uids) : NULL;
    bool would = false;
    rune_v_resolve_actions(v, &policy->action);
    for (uint32_t i = 0; type != NULL && i < v->schema->action_count; i++) {
        const struct rune_cedar_action *action = &v->schema->actions[i];
        const struct rune_schema_indexes *takes =
            is_principal ? &action->principals : &action->resources;
        bool is_meant = rune_v_names_action(v, &policy->action, i);
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

static void tell_impossible(struct rune_validator *v, const struct rune_cedar_policy *policy,
                            const struct rune_voutcome *outcome)
{
    const struct rune_vobstacle *obstacle = &outcome->obstacle;
    if (obstacle->condition == NULL || outcome->is_several) {
        rune_v_tell(v, RUNE_FINDING_IMPOSSIBLE, policy->span,
                    outcome->applies ? "for each of them, one of its conditions is false" : NULL,
                    "this policy never applies: it is false for all valid requests");
        return;
    }
    rune_v_tell(v, RUNE_FINDING_IMPOSSIBLE, obstacle->part->span,
                "correct the condition, or remove the policy",
                obstacle->condition->is_unless
                    ? "this policy never applies: its `unless` is true for all valid requests"
                    : "this policy never applies: this is false for all valid requests");
}

static void check_policy(struct rune_validator *v, uint32_t index)
{
    const struct rune_cedar_policy *policy = &v->policies->items[index];
    uint32_t errors = v->error_count;
    v->policy = policy;
    v->policy_index = index;
    rune_v_check_names(v, policy);
    struct rune_voutcome outcome = rune_v_check_environments(v, policy);
    if (!outcome.applies) {
        tell_no_action(v, policy);
    }
    /* Beside an error it would hardly say more. */
    if (!outcome.is_possible && rune_v_find(v, RUNE_FINDING_IMPOSSIBLE, policy->span) &&
        v->error_count == errors) {
        tell_impossible(v, policy, &outcome);
    }
}

/* ---- links ---- */

static bool takes_one(const struct rune_validator *v, const struct rune_vscope *scope,
                      const struct rune_schema_indexes *types)
{
    for (uint32_t i = 0; i < types->count; i++) {
        enum rune_scope_verdict verdict = rune_v_verdict(v, scope, types->items[i]);
        if (verdict == RUNE_SCOPE_YES || verdict == RUNE_SCOPE_MAYBE) {
            return true;
        }
    }
    return false;
}

static bool link_applies(struct rune_validator *v, const struct rune_cedar_policy *policy,
                         const struct rune_cedar_link *link)
{
    struct rune_vscope principal = rune_v_resolve(v, &policy->principal, link->principal);
    struct rune_vscope resource = rune_v_resolve(v, &policy->resource, link->resource);
    rune_v_resolve_actions(v, &policy->action);
    for (uint32_t i = 0; i < v->schema->action_count; i++) {
        const struct rune_cedar_action *action = &v->schema->actions[i];
        if (rune_v_names_action(v, &policy->action, i) &&
            takes_one(v, &principal, &action->principals) &&
            takes_one(v, &resource, &action->resources)) {
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
        err = rune_v_prepare_environments(&v) ? check_all(&v) : RUNE_E_NOMEM;
        err = err == RUNE_OK ? collect(&v, ret_validation) : err;
        rune_vtypes_fini(&v.types);
    }
    rune_vcapabilities_fini(&v.capabilities);
    RUNE_VEC_FINI(&v.choices);
    RUNE_VEC_FINI(&v.scope_actions);
    rune_vreads_fini(&v.reads);
    rune_map_fini(&v.visited);
    rune_map_fini(&v.seen);
    RUNE_VEC_FINI(&v.visited_types);
    RUNE_VEC_FINI(&v.findings);
    rune_arena_fini(&v.visited_keys);
    rune_arena_fini(&v.scratch);
    return err;
}
