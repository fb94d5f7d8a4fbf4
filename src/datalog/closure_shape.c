/* SPDX-License-Identifier: Apache-2.0 */
/* closure_shape: whether a relation's rules fall into rows (closure.c says what that means), and
 * how. */
#include "datalog/closure_int.h"

/* ---- rules as steps ---- */

/* How often a variable occurs in a rule. */
static uint32_t occurrences(const struct rune_dl_plan_rule *rule, uint32_t var)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rule->arity; i++) {
        count += rule->head_vars[i] == var;
    }
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        for (uint32_t i = 0; i < rule->goals[g].count; i++) {
            count += rule->goals[g].vars[i] == var;
        }
    }
    return count;
}

static bool is_self(const struct rune_dl_plan_rule *rule, const struct rune_dl_goal *goal)
{
    return goal->kind == RUNE_DL_GOAL_ATOM && goal->relation == rule->head;
}

/* The goals that read p; the first two in ret_goals. */
static uint32_t find_self(const struct rune_dl_plan_rule *rule, uint32_t ret_goals[2])
{
    uint32_t count = 0;
    ret_goals[0] = ret_goals[1] = UINT32_MAX;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        if (is_self(rule, &rule->goals[g])) {
            if (count < 2) {
                ret_goals[count] = g;
            }
            count++;
        }
    }
    return count;
}

bool rune_dl_is_exit(const struct rune_dl_plan_rule *rule)
{
    uint32_t goals[2];
    return find_self(rule, goals) == 0;
}

static bool is_variable(const struct rune_dl_plan_rule *rule, uint32_t var)
{
    return var != RUNE_DL_NO_VAR && !rule->vars[var].is_constant;
}

bool rune_dl_has_distinct_head(const struct rune_dl_plan_rule *rule)
{
    for (uint32_t i = 0; i < rule->arity; i++) {
        if (!is_variable(rule, rule->head_vars[i])) {
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (rule->head_vars[k] == rule->head_vars[i]) {
                return false;
            }
        }
    }
    return true;
}

static bool has_var(const struct rune_dl_goal *goal, uint32_t var)
{
    bool found = false;
    for (uint32_t i = 0; i < goal->count; i++) {
        found = found || goal->vars[i] == var;
    }
    return found;
}

/* Whether an atom of other relations has both ends of the step and all its parameters. */
static bool has_whole_atom(const struct rune_dl_plan_rule *rule, const struct rune_dl_step *step)
{
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &rule->goals[g];
        bool is_whole = goal->kind == RUNE_DL_GOAL_ATOM && !goal->is_negated && g != step->self &&
                        has_var(goal, step->from) && has_var(goal, step->to);
        for (uint32_t i = 0; i < rule->arity && is_whole; i++) {
            is_whole = (step->params >> i & 1) == 0 || has_var(goal, rule->head_vars[i]);
        }
        if (is_whole) {
            return true;
        }
    }
    return false;
}

/* p(..X.., Z) :- p(..X.., Y), ...  A column whose variable the other goals have is a parameter. */
static bool find_linear(const struct rune_dl_plan_rule *rule, uint32_t value,
                        struct rune_dl_step *step)
{
    const uint32_t *head = rule->head_vars, *vars = rule->goals[step->self].vars;
    step->kind = RUNE_DL_STEP_LINEAR;
    step->from = vars[value];
    step->to = head[value];
    if (!is_variable(rule, step->from)) {
        return false;
    }
    for (uint32_t i = 0; i < rule->arity; i++) {
        if (head[i] == step->from || (i != value && vars[i] != head[i])) {
            return false;
        }
        if (i != value && occurrences(rule, head[i]) > 2) {
            step->params |= 1u << i;
        }
    }
    return true;
}

/* p(..X.., Z) :- p(..X.., Y), ..., p(..W.., Z): one column is the key, X in the first p and W in
 * the second; the others, in both, are parameters. */
static bool find_join(const struct rune_dl_plan_rule *rule, uint32_t value,
                      struct rune_dl_step *step)
{
    const uint32_t *head = rule->head_vars;
    const uint32_t *first = rule->goals[step->self].vars, *second = rule->goals[step->other].vars;
    uint32_t key = UINT32_MAX;
    step->kind = RUNE_DL_STEP_JOIN;
    step->params = 0;
    step->from = first[value];
    step->to = head[value];
    for (uint32_t i = 0; i < rule->arity; i++) {
        if (i == value) {
            continue;
        }
        if (first[i] != head[i] || (second[i] != head[i] && key != UINT32_MAX)) {
            return false;
        }
        if (second[i] == head[i]) {
            step->params |= 1u << i;
        } else {
            key = i;
        }
    }
    if (key == UINT32_MAX || second[value] != step->to || occurrences(rule, head[key]) != 2 ||
        occurrences(rule, step->to) != 2) {
        return false;
    }
    uint32_t back = second[key];
    return is_variable(rule, step->from) && is_variable(rule, back) &&
           (step->params == 0 || back == step->from);
}

/* p(.., X, Y) :- p(.., Y, X). */
static bool find_swap(const struct rune_dl_plan_rule *rule, uint32_t value,
                      struct rune_dl_step *step)
{
    const uint32_t *head = rule->head_vars, *vars = rule->goals[step->self].vars;
    uint32_t key = UINT32_MAX;
    step->kind = RUNE_DL_STEP_SWAP;
    for (uint32_t i = 0; i < rule->arity; i++) {
        if (i != value && vars[i] != head[i]) {
            if (key != UINT32_MAX) {
                return false;
            }
            key = i;
        } else if (i != value) {
            step->params |= 1u << i;
        }
    }
    return rule->goal_count == 1 && key != UINT32_MAX && vars[key] == head[value] &&
           vars[value] == head[key];
}

bool rune_dl_find_step(const struct rune_dl_plan_rule *rule, uint32_t value,
                       struct rune_dl_step *ret_step)
{
    uint32_t goals[2], count = find_self(rule, goals);
    if (!rune_dl_has_distinct_head(rule) || count > 2) {
        return false;
    }
    struct rune_dl_step step = {.self = goals[0], .other = UINT32_MAX};
    bool found;
    if (count == 2) {
        step.other = goals[1];
        found = find_join(rule, value, &step);
        if (!found) {
            step.self = goals[1];
            step.other = goals[0];
            found = find_join(rule, value, &step);
        }
    } else {
        struct rune_dl_step swap = step;
        found = find_linear(rule, value, &step);
        if (!found && find_swap(rule, value, &swap)) {
            step = swap;
            found = true;
        }
    }
    step.is_whole = step.kind == RUNE_DL_STEP_SWAP || has_whole_atom(rule, &step);
    *ret_step = step;
    return found && (step.is_whole || step.params == 0 || step.kind == RUNE_DL_STEP_LINEAR);
}

/* ---- gates ---- */

/* Which columns but `value` a goal's variables are; false: it has others. */
static bool find_columns(const struct rune_dl_plan_rule *rule, uint32_t value,
                         const struct rune_dl_goal *goal, uint32_t *ret_columns)
{
    bool is_handed = true;
    *ret_columns = 0;
    for (uint32_t i = 0; i < goal->count; i++) {
        uint32_t column = 0;
        if (!is_variable(rule, goal->vars[i])) {
            continue;
        }
        while (column < rule->arity && rule->head_vars[column] != goal->vars[i]) {
            column++;
        }
        is_handed = is_handed && column < rule->arity && column != value;
        *ret_columns |= column < rule->arity && column != value ? 1u << column : 0;
    }
    return is_handed;
}

bool rune_dl_is_gate(const struct rune_dl_plan_rule *rule, const struct rune_dl_step *step,
                     const struct rune_dl_goal *goal)
{
    uint32_t value = 0, columns;
    while (rule->head_vars[value] != step->to) {
        value++;
    }
    return goal != &rule->goals[step->self] && find_columns(rule, value, goal, &columns) &&
           (columns & ~step->params) != 0;
}

void rune_dl_gate_step(const struct rune_dl_plan_rule *rule, uint32_t value,
                       struct rune_dl_step *step)
{
    uint32_t params = 0, columns;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        if (g != step->self && !find_columns(rule, value, &rule->goals[g], &columns)) {
            params |= columns;
        }
    }
    if (step->kind == RUNE_DL_STEP_LINEAR && params != step->params) {
        step->params = params;
        step->is_gated = true;
        step->is_whole = has_whole_atom(rule, step);
    }
}

bool rune_dl_step_rule(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                       const struct rune_dl_step *step, const uint32_t *vars, uint32_t count,
                       struct rune_dl_plan_rule *ret_rule)
{
    struct rune_dl_plan_rule made = *rule;
    made.arity = count;
    made.goal_count = 0;
    made.head_vars = rune_arena_memdup(&ctx->arena, vars, count * sizeof(uint32_t));
    made.goals = RUNE_ARENA_ARRAY(&ctx->arena, struct rune_dl_goal, rule->goal_count + 1);
    if (made.head_vars == NULL || made.goals == NULL) {
        return false;
    }
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        bool is_left_out =
            step != NULL &&
            (g == step->self || (step->is_gated && rune_dl_is_gate(rule, step, &rule->goals[g])));
        if (!is_left_out) {
            made.goals[made.goal_count++] = rule->goals[g];
        }
    }
    *ret_rule = made;
    return true;
}

uint32_t rune_dl_step_head(const struct rune_dl_plan_rule *rule, const struct rune_dl_step *step,
                           uint32_t ret_vars[RUNE_DL_ROW_COLUMNS + 1])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rule->arity; i++) {
        if ((step->params >> i & 1) != 0) {
            ret_vars[count++] = rule->head_vars[i];
        }
    }
    ret_vars[count++] = step->from;
    ret_vars[count++] = step->to;
    return count;
}

/* ---- a relation's rules together ---- */

/* Whether, without the row that it leads on from, the rule's goals bind the step. */
static bool is_safe(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                    const struct rune_dl_step *step)
{
    struct rune_dl_plan_rule alone;
    uint32_t vars[RUNE_DL_ROW_COLUMNS + 1], count = rune_dl_step_head(rule, step, vars);
    return rune_dl_step_rule(ctx, rule, step, vars, count, &alone) &&
           rune_dl_join_is_safe(ctx, &alone);
}

/* Whether there is one recursive rule only: others would have gates of their own. */
static bool is_alone(const struct rune_dl_ctx *ctx, const struct rune_dl_rel *rel)
{
    uint32_t count = 0;
    for (uint32_t r = 0; r < rel->rule_count; r++) {
        count += !rune_dl_is_exit(&ctx->rules.items[rel->first_rule + r]);
    }
    return count == 1;
}

/* Whether every recursive rule changes the column shape->value, with the same parameters. */
static bool has_shape(struct rune_dl_ctx *ctx, const struct rune_dl_rel *rel,
                      struct rune_dl_shape *shape)
{
    bool has_step = false, has_linear = false, has_gap = false, agree = true;
    uint32_t params = 0;
    shape->is_whole = true;
    for (uint32_t r = 0; r < rel->rule_count && agree; r++) {
        const struct rune_dl_plan_rule *rule = &ctx->rules.items[rel->first_rule + r];
        struct rune_dl_step step;
        if (rune_dl_is_exit(rule)) {
            continue;
        }
        if (!rune_dl_find_step(rule, shape->value, &step)) {
            return false;
        }
        if (is_alone(ctx, rel)) {
            rune_dl_gate_step(rule, shape->value, &step);
            shape->is_gated = step.is_gated;
        }
        if (step.kind == RUNE_DL_STEP_SWAP) {
            shape->is_symmetric = true;
        } else {
            agree = is_safe(ctx, rule, &step) && (!has_step || step.params == params);
            shape->is_whole = shape->is_whole && step.is_whole;
            params = step.params;
            has_step = true;
            has_linear = has_linear || step.kind == RUNE_DL_STEP_LINEAR;
            has_gap = has_gap || (step.kind == RUNE_DL_STEP_JOIN &&
                                  !has_var(&rule->goals[step.other], step.from));
        }
    }
    shape->params = params;
    return agree && has_step && !(shape->is_symmetric && (has_linear || has_gap));
}

bool rune_dl_find_shape(struct rune_dl_ctx *ctx, const struct rune_dl_rel *rel,
                        struct rune_dl_shape *ret_shape)
{
    if (rel->arity < 2 || rel->arity > RUNE_DL_ROW_COLUMNS) {
        return false;
    }
    for (uint32_t value = rel->arity; value-- > 0;) {
        struct rune_dl_shape shape = {.arity = rel->arity, .value = value};
        if (!has_shape(ctx, rel, &shape)) {
            continue;
        }
        uint32_t at = 0;
        for (int as_param = 1; as_param >= 0; as_param--) {
            for (uint32_t c = 0; c < rel->arity; c++) {
                if (c != value && (shape.params >> c & 1) == (uint32_t)as_param) {
                    shape.columns[at++] = (uint8_t)c;
                }
            }
            shape.param_count = as_param == 1 ? at : shape.param_count;
        }
        shape.columns[at] = (uint8_t)value;
        *ret_shape = shape;
        return true;
    }
    return false;
}
