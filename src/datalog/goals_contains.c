/* SPDX-License-Identifier: Apache-2.0 */
/* goals_contains: `S.contains(X)` means two things: X is in the set S, which may be how X gets its
 * values, or the text S contains the text X, which never is. An order of goals that runs through S
 * is good for sets alone. So where something else gives X its values, and S may be either, a rule
 * becomes two: one for all that is no text, one for texts, in which `contains` is a test. */
#include "datalog/goals_int.h"

#include <string.h>

#define MAX_SPLIT  3u /* LIMIT: sets or texts that a rule is split by; others are only tested */
#define MAX_ROUNDS 8u /* LIMIT: calculations on calculations, of which the last is looked for */

static bool is_contains(const struct rune_dl_goal *goal)
{
    return goal->kind == RUNE_DL_GOAL_TEST && goal->op == RUNE_RULE_FN_CONTAINS &&
           !goal->is_negated;
}

/* ---- what has values without it ---- */

static bool are_bound(const bool *is_bound, const uint32_t *vars, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (vars[i] != RUNE_DL_NO_VAR && !is_bound[vars[i]]) {
            return false;
        }
    }
    return true;
}

/* How many of its variables the goal binds, from the first on. */
static uint32_t binds(const struct rune_dl_goal *goal, const bool *is_bound)
{
    switch (goal->kind) {
    case RUNE_DL_GOAL_ATOM:
        return goal->is_negated ? 0 : goal->count;
    case RUNE_DL_GOAL_EQ:
        return is_bound[goal->vars[0]] || is_bound[goal->vars[1]] ? 2 : 0;
    case RUNE_DL_GOAL_ARITH:
    case RUNE_DL_GOAL_NEGATE:
    case RUNE_DL_GOAL_INDEX:
    case RUNE_DL_GOAL_FUNCTION:
    case RUNE_DL_GOAL_AGGREGATE:
        return are_bound(is_bound, goal->vars + 1, goal->count - 1) ? 1 : 0;
    default:
        return 0;
    }
}

static bool bind_once(const struct rune_dl_plan_rule *rule, bool *is_bound)
{
    bool more = false;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &rule->goals[g];
        for (uint32_t i = 0, count = binds(goal, is_bound); i < count; i++) {
            if (goal->vars[i] != RUNE_DL_NO_VAR && !is_bound[goal->vars[i]]) {
                is_bound[goal->vars[i]] = more = true;
            }
        }
    }
    return more;
}

/* ---- what may be a text ---- */

/* Whether the variable holds texts alone: a constant, type or id of an entity, a text that was
 * joined. */
static bool is_text(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                    uint32_t var)
{
    bool found =
        rule->vars[var].is_constant && rune_term_kind(rule->vars[var].term) == RUNE_KIND_STRING;
    for (uint32_t g = 0; g < rule->goal_count && !found; g++) {
        const struct rune_dl_goal *goal = &rule->goals[g];
        bool is_joined = goal->kind == RUNE_DL_GOAL_FUNCTION && goal->op == RUNE_RULE_FN_CONCAT;
        bool is_id = goal->kind == RUNE_DL_GOAL_ATOM && !goal->is_negated &&
                     ctx->rels.items[goal->relation].builtin == RUNE_DL_ENTITY_ID;
        found = (is_joined && goal->vars[0] == var) ||
                (is_id && (goal->vars[1] == var || goal->vars[2] == var));
    }
    return found;
}

/* Whether an argument of a built-in is an entity always. */
static bool is_entity_column(const struct rune_dl_rel *rel, uint32_t column)
{
    switch (rel->builtin) {
    case RUNE_DL_PRINCIPAL:
    case RUNE_DL_ACTION:
    case RUNE_DL_RESOURCE:
    case RUNE_DL_ENTITY_PARENT:
    case RUNE_DL_ENTITY_EXISTS:
        return true;
    case RUNE_DL_ENTITY_ATTR:
    case RUNE_DL_ENTITY_TAG:
    case RUNE_DL_ENTITY_ELEMENT:
    case RUNE_DL_ENTITY_ID:
        return column == 0;
    default:
        return false;
    }
}

/* Whether the variable holds entities alone, which no text contains. */
static bool is_entity(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                      uint32_t var)
{
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &rule->goals[g];
        if (goal->is_negated ||
            (goal->kind != RUNE_DL_GOAL_ATOM && goal->kind != RUNE_DL_GOAL_IS)) {
            continue;
        }
        for (uint32_t i = 0; i < goal->count; i++) {
            if (goal->vars[i] == var && (goal->kind == RUNE_DL_GOAL_IS ||
                                         is_entity_column(&ctx->rels.items[goal->relation], i))) {
                return true;
            }
        }
    }
    return false;
}

/* Whether something else runs through it already, which only a set stands. */
static bool is_run_through(const struct rune_dl_plan_rule *rule, const bool *is_bound, uint32_t var)
{
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &rule->goals[g];
        if (is_contains(goal) && goal->vars[0] == var && !is_bound[goal->vars[1]]) {
            return true;
        }
    }
    return false;
}

/* The variables that may be sets or texts, where it matters; where there are too many, and of a
 * text, `contains` becomes a test. */
static uint32_t find_ambiguous(const struct rune_dl_ctx *ctx, struct rune_dl_plan_rule *rule,
                               const bool *is_bound, uint32_t ret_vars[MAX_SPLIT])
{
    uint32_t count = 0;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        struct rune_dl_goal *goal = &rule->goals[g];
        if (!is_contains(goal) || !is_bound[goal->vars[1]] ||
            rule->vars[goal->vars[1]].is_constant) {
            continue;
        }
        uint32_t found = 0, of = goal->vars[0];
        goal->only_tests = is_text(ctx, rule, of);
        if (goal->only_tests || rule->vars[of].is_constant) {
            continue;
        }
        while (found < count && ret_vars[found] != of) {
            found++;
        }
        if (found < count || is_entity(ctx, rule, goal->vars[1]) ||
            is_run_through(rule, is_bound, of)) {
            continue;
        }
        if (count < MAX_SPLIT) {
            ret_vars[count++] = of;
        } else {
            goal->only_tests = true;
        }
    }
    return count;
}

/* ---- one rule a kind ---- */

/* The rule for those of the variables that `texts` has a bit for being texts, the others none. */
static enum rune_err add_variant(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                                 const uint32_t *vars, uint32_t count, uint32_t texts)
{
    struct rune_dl_plan_rule variant = *rule;
    variant.goals = rune_arena_alloc(&ctx->arena,
                                     ((size_t)rule->goal_count + count) * sizeof(variant.goals[0]));
    uint32_t *args = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, count);
    if (variant.goals == NULL || args == NULL) {
        return RUNE_E_NOMEM;
    }
    memcpy(variant.goals, rule->goals, rule->goal_count * sizeof(variant.goals[0]));
    for (uint32_t i = 0; i < count; i++) {
        bool is_of_text = (texts >> i & 1) != 0;
        struct rune_dl_goal *kind = &variant.goals[variant.goal_count++];
        args[i] = vars[i];
        *kind = (struct rune_dl_goal){.kind = RUNE_DL_GOAL_TEST,
                                      .op = RUNE_RULE_FN_IS_STRING,
                                      .is_negated = !is_of_text,
                                      .vars = &args[i],
                                      .count = 1};
        for (uint32_t g = 0; g < rule->goal_count; g++) {
            struct rune_dl_goal *goal = &variant.goals[g];
            if (is_contains(goal) && goal->vars[0] == vars[i]) {
                goal->only_tests |= is_of_text;
                kind->span = goal->span;
            }
        }
    }
    return RUNE_VEC_PUSH(&ctx->rules, variant) ? RUNE_OK : RUNE_E_NOMEM;
}

static bool has_contains(const struct rune_dl_plan_rule *rule)
{
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        if (is_contains(&rule->goals[g])) {
            return true;
        }
    }
    return false;
}

enum rune_err rune_dl_add_rule(struct rune_dl_ctx *ctx, struct rune_dl_plan_rule *rule)
{
    uint32_t vars[MAX_SPLIT], count = 0;
    if (has_contains(rule)) {
        struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
        bool *is_bound = RUNE_ARENA_ARRAY(&ctx->scratch, bool, rule->var_count + 1);
        if (is_bound == NULL) {
            return RUNE_E_NOMEM;
        }
        for (uint32_t v = 0; v < rule->var_count; v++) {
            is_bound[v] = rule->vars[v].is_constant;
        }
        for (uint32_t round = 0; round < MAX_ROUNDS && bind_once(rule, is_bound); round++) {
        }
        count = find_ambiguous(ctx, rule, is_bound, vars);
        rune_arena_rewind(&ctx->scratch, mark);
    }
    if (count == 0) {
        return RUNE_VEC_PUSH(&ctx->rules, *rule) ? RUNE_OK : RUNE_E_NOMEM;
    }
    enum rune_err err = RUNE_OK;
    for (uint32_t texts = 0; texts < 1u << count && err == RUNE_OK; texts++) {
        err = add_variant(ctx, rule, vars, count, texts);
    }
    return err;
}
