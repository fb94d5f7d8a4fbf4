/* SPDX-License-Identifier: Apache-2.0 */
/* Each policy in each environment: an action, a type of principals and one of resources that it
 * applies to. What is tried is cut down before any condition is typed:
 *
 *  - the scope, its names resolved once a policy, chooses actions and types;
 *  - actions that apply to the same types with the same context are one class, of which one stands
 *    for all unless conditions read the action itself;
 *  - types that look the same to the conditions (validate_reads.h) are one, and no combination of
 *    such views is typed twice.
 *
 * What is left out could only repeat findings of the same places. At level 0 nothing is left out:
 * there scopes have findings too. */
#include <string.h>

#include "cedar/validate_int.h"

/* ---- conditions ---- */

static bool is_false(const struct rune_validator *v, const struct rune_vanswer *answer,
                     bool is_unless)
{
    return answer->type != NULL && answer->type == (is_unless ? v->types.yes : v->types.no);
}

/* Conditions are `&&` from right to left: each holds for those behind it. Returns what makes their
 * conjunction false. *ret_ok: all could be typed. */
static struct rune_vobstacle type_conditions(struct rune_validator *v,
                                             const struct rune_cedar_policy *policy, bool *ret_ok)
{
    struct rune_vobstacle obstacle = {0};
    const struct rune_vcaps *held = NULL;
    bool is_known = true;
    *ret_ok = true;
    for (uint32_t i = 0; i < policy->condition_count; i++) {
        const struct rune_cedar_condition *condition = &policy->conditions[i];
        struct rune_vanswer answer = rune_v_expect(v, condition->body, RUNE_EXPECT_BOOL);
        *ret_ok = *ret_ok && answer.ok;
        if (is_false(v, &answer, condition->is_unless)) {
            obstacle.condition = condition;
            obstacle.part =
                condition->body->kind == RUNE_EXPR_AND ? v->no_operand : condition->body;
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
    return is_known ? obstacle : (struct rune_vobstacle){0};
}

static void check_levels(struct rune_validator *v, const struct rune_cedar_policy *policy)
{
    for (uint32_t i = 0; i < policy->condition_count; i++) {
        rune_v_check_level(v, policy->conditions[i].body);
    }
}

/* ---- what environments share ---- */

/* The words of an action's class: types it applies to, and its context. */
static struct rune_str class_key(struct rune_validator *v, const struct rune_cedar_action *action,
                                 const struct rune_vtype *context)
{
    const struct rune_schema_indexes *lists[] = {&action->principals, &action->resources};
    size_t words = (size_t)action->principals.count + action->resources.count + 4;
    uint32_t *key = RUNE_ARENA_ARRAY(v->arena, uint32_t, words);
    if (key == NULL) {
        return (struct rune_str){NULL, 0};
    }
    memcpy(key, &context, sizeof(context));
    size_t at = 2;
    for (int i = 0; i < 2; i++) {
        key[at++] = lists[i]->count;
        if (lists[i]->count > 0) {
            memcpy(key + at, lists[i]->items, lists[i]->count * sizeof(*key));
        }
        at += lists[i]->count;
    }
    return (struct rune_str){(const char *)key, words * sizeof(*key)};
}

/* Actions by their class, their list of principals, their list of resources. */
struct groups {
    struct rune_map classes, lists[2];
};

static bool prepare_action(struct rune_validator *v, uint32_t index, struct groups *groups)
{
    const struct rune_cedar_action *action = &v->schema->actions[index];
    struct rune_vaction *known = &v->actions[index];
    known->type = v->types.entities[rune_vtypes_entity(&v->types, action->uid.type)];
    known->context = action->context == NULL ? v->types.empty_record
                                             : rune_vtypes_of(&v->types, action->context);
    const struct rune_schema_indexes *types[] = {&action->principals, &action->resources};
    struct rune_str key = class_key(v, action, known->context);
    bool ok = key.data != NULL &&
              rune_map_intern(&groups->classes, key, index, &known->first, NULL) == RUNE_OK;
    for (int i = 0; i < 2 && ok; i++) {
        key = (struct rune_str){(const char *)types[i]->items,
                                types[i]->count * sizeof(types[i]->items[0])};
        ok = rune_map_intern(&groups->lists[i], key, index, &known->lists[i], NULL) == RUNE_OK;
    }
    return ok;
}

bool rune_v_prepare_environments(struct rune_validator *v)
{
    struct groups groups = {0};
    uint32_t count = v->schema->action_count;
    v->actions = RUNE_ARENA_ARRAY(v->arena, struct rune_vaction, count);
    for (int i = 0; i < 2; i++) {
        v->views[i] = RUNE_ARENA_ARRAY(v->arena, struct rune_vview, v->schema->entity_type_count);
    }
    bool ok = v->actions != NULL && v->views[0] != NULL && v->views[1] != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = prepare_action(v, i, &groups);
    }
    rune_map_fini(&groups.classes);
    rune_map_fini(&groups.lists[0]);
    rune_map_fini(&groups.lists[1]);
    return ok && !rune_validator_failed(v);
}

/* ---- environments ---- */

/* A policy, its scope resolved. */
struct walk {
    const struct rune_cedar_policy *policy;
    struct rune_vscope principal, resource;
    bool has_scope_findings; /* the scope is looked at where it excludes a type, too */
};

static bool reads_action(const struct rune_validator *v)
{
    const struct rune_vread *read = &v->reads.variables[RUNE_CEDAR_ACTION];
    /* Where levels count, a literal may be the action. */
    return read->is_whole || read->name_count > 0 || v->max_level != UINT32_MAX;
}

/* All environments of the action; which of them, says enter(). */
static void enter_action(struct rune_validator *v, uint32_t action)
{
    v->action = &v->schema->actions[action];
    v->variables[RUNE_CEDAR_ACTION] = v->actions[action].type;
    v->variables[RUNE_CEDAR_CONTEXT] = v->actions[action].context;
    v->context_view = rune_vreads_view(&v->reads, RUNE_CEDAR_CONTEXT, &v->types,
                                       v->variables[RUNE_CEDAR_CONTEXT]);
}

static void enter(struct rune_validator *v, uint32_t principal, uint32_t resource)
{
    v->principal = principal;
    v->resource = resource;
    v->has_environment = true;
    v->variables[RUNE_CEDAR_PRINCIPAL] = v->types.entities[principal];
    v->variables[RUNE_CEDAR_RESOURCE] = v->types.entities[resource];
}

/* Level 0 forbids even the scope's `in`, but for one behind an `is` that is not met. */
static void check_scope_level(struct rune_validator *v, const struct rune_cedar_scope *scope,
                              bool is_met)
{
    bool has_in = scope->op == RUNE_SCOPE_IN || (scope->op == RUNE_SCOPE_IS_IN && is_met);
    if (v->max_level == 0 && has_in && rune_v_find(v, RUNE_FINDING_LEVEL, scope->span)) {
        rune_v_tell(v, RUNE_FINDING_LEVEL, scope->span, "use `==` or `is`, or allow more levels",
                    "`in` goes through 1 entity, 0 allowed");
    }
}

/* The parts of a scope that are looked at: up to the one that is false. */
enum scope_part { SCOPE_PRINCIPAL, SCOPE_ACTION, SCOPE_RESOURCE };

static void check_scope_levels(struct rune_validator *v, const struct walk *walk,
                               enum scope_part last)
{
    check_scope_level(v, &walk->policy->principal, walk->principal.type == v->principal);
    if (last >= SCOPE_ACTION) {
        check_scope_level(v, &walk->policy->action, true);
    }
    if (last >= SCOPE_RESOURCE) {
        check_scope_level(v, &walk->policy->resource, walk->resource.type == v->resource);
    }
}

/* Levels are counted where there is no other error, or where the policy cannot apply. */
static void check_environment(struct rune_validator *v, const struct walk *walk, bool is_wrong,
                              struct rune_voutcome *outcome)
{
    bool ok;
    struct rune_vobstacle obstacle = type_conditions(v, walk->policy, &ok);
    bool is_no = obstacle.condition != NULL;
    outcome->is_possible = outcome->is_possible || !is_no;
    outcome->is_several = outcome->is_several || (outcome->obstacle.part != NULL &&
                                                  outcome->obstacle.part != obstacle.part);
    outcome->obstacle = obstacle;
    if (v->max_level != UINT32_MAX) {
        if (is_no || (ok && !is_wrong)) {
            check_scope_levels(v, walk, SCOPE_RESOURCE);
            check_levels(v, walk->policy);
        }
        rune_v_forget_visits(v);
    }
    rune_arena_reset(&v->capabilities.ropes);
}

/* Do the conditions see here what they saw in an environment before? */
static bool is_new(struct rune_validator *v, uint32_t action, const struct rune_vchoice *principal,
                   const struct rune_vchoice *resource)
{
    const uint32_t views[4] = {
        [RUNE_CEDAR_PRINCIPAL] = principal->view,
        [RUNE_CEDAR_ACTION] = reads_action(v) ? action + 1 : 0,
        [RUNE_CEDAR_RESOURCE] = resource->view,
        [RUNE_CEDAR_CONTEXT] = v->context_view,
    };
    return rune_vreads_is_new(&v->reads, views);
}

static bool is_met(enum rune_scope_verdict verdict)
{
    return verdict == RUNE_SCOPE_YES || verdict == RUNE_SCOPE_MAYBE;
}

static void check_pair(struct rune_validator *v, const struct walk *walk, uint32_t action,
                       enum rune_scope_verdict of_action, const struct rune_vchoice *principal,
                       const struct rune_vchoice *resource, struct rune_voutcome *outcome)
{
    const struct rune_cedar_policy *policy = walk->policy;
    enter(v, principal->entity, resource->entity);
    if (principal->verdict == RUNE_SCOPE_NO) {
        check_scope_levels(v, walk, SCOPE_PRINCIPAL);
        return;
    }
    rune_v_check_action_list(v, &policy->action);
    if (of_action == RUNE_SCOPE_NO || resource->verdict == RUNE_SCOPE_NO) {
        check_scope_levels(v, walk, of_action == RUNE_SCOPE_NO ? SCOPE_ACTION : SCOPE_RESOURCE);
        return;
    }
    bool is_typed = is_met(principal->verdict) && is_met(resource->verdict);
    outcome->applies =
        outcome->applies || (is_typed && rune_v_names_action(v, &policy->action, action));
    if (is_new(v, action, principal, resource)) {
        check_environment(v, walk, !is_typed || !is_met(of_action), outcome);
    }
}

/* ---- choosing ---- */

static bool has_choice(const struct rune_vchoices *choices, size_t begin,
                       const struct rune_vchoice *choice)
{
    for (size_t i = begin; i < choices->count; i++) {
        if (choices->items[i].view == choice->view &&
            choices->items[i].verdict == choice->verdict) {
            return true;
        }
    }
    return false;
}

static uint32_t view_of(struct rune_validator *v, enum rune_cedar_var var, uint32_t entity)
{
    struct rune_vview *known = &v->views[var == RUNE_CEDAR_RESOURCE][entity];
    if (known->epoch != v->reads.epoch) {
        known->epoch = v->reads.epoch;
        known->view = rune_vreads_view(&v->reads, var, &v->types, v->types.entities[entity]);
    }
    return known->view;
}

/* The types that the scope lets through, one for each view; where scopes have findings, too, also
 * those that it excludes. Chosen once for all actions that have the list. */
static struct rune_vchosen choose(struct rune_validator *v, const struct walk *walk,
                                  enum rune_cedar_var var, uint32_t action)
{
    bool is_resource = var == RUNE_CEDAR_RESOURCE;
    uint32_t list = v->actions[action].lists[is_resource];
    struct rune_vchosen *chosen = &v->actions[list].chosen[is_resource];
    if (chosen->epoch == v->reads.epoch) {
        return *chosen;
    }
    const struct rune_schema_indexes *types =
        is_resource ? &v->schema->actions[list].resources : &v->schema->actions[list].principals;
    const struct rune_vscope *scope = is_resource ? &walk->resource : &walk->principal;
    bool may_repeat = v->max_level == 0 || v->reads.variables[var].is_whole;
    size_t begin = v->choices.count;
    for (uint32_t i = 0; i < types->count; i++) {
        struct rune_vchoice choice = {.entity = types->items[i]};
        choice.verdict = rune_v_verdict(v, scope, choice.entity);
        if (choice.verdict == RUNE_SCOPE_NO && !walk->has_scope_findings) {
            continue;
        }
        choice.view = view_of(v, var, choice.entity);
        if ((may_repeat || !has_choice(&v->choices, begin, &choice)) &&
            !RUNE_VEC_PUSH(&v->choices, choice)) {
            v->failed = true;
        }
    }
    *chosen = (struct rune_vchosen){v->reads.epoch, (uint32_t)begin,
                                    (uint32_t)(v->choices.count - begin)};
    return *chosen;
}

/* Was an action of this class looked at, named by the scope or not as this one? */
static bool is_repeated(struct rune_validator *v, uint32_t action, bool is_excluded)
{
    struct rune_vaction *class = &v->actions[v->actions[action].first];
    bool is_repeated = class->seen[is_excluded] == v->reads.epoch;
    class->seen[is_excluded] = v->reads.epoch;
    return is_repeated && v->max_level != 0 && !reads_action(v);
}

static void check_action(struct rune_validator *v, const struct walk *walk, uint32_t index,
                         struct rune_voutcome *outcome)
{
    enum rune_scope_verdict verdict = rune_v_action_verdict(v, &walk->policy->action, index);
    if ((verdict == RUNE_SCOPE_NO && v->max_level != 0) ||
        is_repeated(v, index, !rune_v_names_action(v, &walk->policy->action, index))) {
        return;
    }
    enter_action(v, index);
    struct rune_vchosen principals = choose(v, walk, RUNE_CEDAR_PRINCIPAL, index);
    struct rune_vchosen resources = choose(v, walk, RUNE_CEDAR_RESOURCE, index);
    for (uint32_t p = 0; p < principals.count; p++) {
        for (uint32_t r = 0; r < resources.count && !rune_validator_failed(v); r++) {
            check_pair(v, walk, index, verdict, &v->choices.items[principals.begin + p],
                       &v->choices.items[resources.begin + r], outcome);
        }
    }
}

struct rune_voutcome rune_v_check_environments(struct rune_validator *v,
                                               const struct rune_cedar_policy *policy)
{
    struct rune_voutcome outcome = {0};
    rune_vreads_begin(&v->reads, policy);
    v->choices.count = 0;
    rune_v_resolve_actions(v, &policy->action);
    const struct walk walk = {policy, rune_v_resolve(v, &policy->principal, NULL),
                              rune_v_resolve(v, &policy->resource, NULL),
                              v->max_level == 0 || v->has_untyped_actions};
    uint32_t first = 0;
    uint32_t end = v->schema->action_count;
    if (policy->action.op == RUNE_SCOPE_EQ && v->max_level != 0) { /* the one action */
        first = v->scope_actions.count == 0 ? end : v->scope_actions.items[0];
        end = first == end ? end : first + 1;
    }
    for (uint32_t i = first; i < end; i++) {
        check_action(v, &walk, i, &outcome);
    }
    v->has_environment = false;
    return outcome;
}
