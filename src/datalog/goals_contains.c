/* SPDX-License-Identifier: Apache-2.0 */
/* goals_contains: `S.contains(X)` means two things: X is in the set S, which may be how X gets its
 * values, or the text S contains the text X, which never is. An order of goals that runs through S
 * is good for sets alone. So where something else gives X its values, and S may be either, a rule
 * becomes two: one for all that is no text, one for texts, in which `contains` is a test. */
#include "datalog/goals_int.h"

#include <string.h>

#define MAX_SPLIT    3u  /* LIMIT: sets or texts that a rule is split by; others are only tested */
#define MAX_CONTAINS 16u /* LIMIT: such goals of a rule that is looked at as a whole */
#define MAX_ROUNDS   8u  /* LIMIT: calculations on calculations, of which the last is looked for */

/* A rule that is looked at. */
struct look {
    struct rune_dl_ctx *ctx;
    struct rune_dl_plan_rule *rule;
    bool *is_text;            /* by variable: it holds texts alone, or is taken for one */
    bool *is_bound;           /* by variable: scratch of bind_without */
    uint32_t vars[MAX_SPLIT]; /* that may be sets or texts */
    uint32_t count;
};

static bool is_contains(const struct rune_dl_goal *goal)
{
    return goal->kind == RUNE_DL_GOAL_TEST && goal->op == RUNE_RULE_FN_CONTAINS &&
           !goal->is_negated;
}

/* ---- what has values ---- */

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
    case RUNE_DL_GOAL_TEST:
        return is_contains(goal) && is_bound[goal->vars[0]] ? 2 : 0;
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

/* Whether it is `S.contains(X)` of a text, or of one of these, taken for texts. */
static bool is_left_out(const struct look *look, const struct rune_dl_goal *goal,
                        const uint32_t *texts, uint32_t count)
{
    if (!is_contains(goal)) {
        return false;
    }
    bool found = look->is_text[goal->vars[0]];
    for (uint32_t i = 0; i < count; i++) {
        found = found || texts[i] == goal->vars[0];
    }
    return found;
}

static bool bind_once(const struct look *look, const uint32_t *texts, uint32_t count)
{
    bool more = false;
    for (uint32_t g = 0; g < look->rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &look->rule->goals[g];
        uint32_t bound = is_left_out(look, goal, texts, count) ? 0 : binds(goal, look->is_bound);
        for (uint32_t i = 0; i < bound; i++) {
            if (goal->vars[i] != RUNE_DL_NO_VAR && !look->is_bound[goal->vars[i]]) {
                look->is_bound[goal->vars[i]] = more = true;
            }
        }
    }
    return more;
}

/* look->is_bound: what has values where these variables are texts, which nothing runs through. */
static void bind_without(const struct look *look, const uint32_t *texts, uint32_t count)
{
    for (uint32_t v = 0; v < look->rule->var_count; v++) {
        look->is_bound[v] = look->rule->vars[v].is_constant;
    }
    for (uint32_t round = 0; round < MAX_ROUNDS && bind_once(look, texts, count); round++) {
    }
}

/* ---- what may be a text ---- */

/* Constants, types and ids of entities, texts that were joined. */
static void find_texts(const struct look *look)
{
    const struct rune_dl_plan_rule *rule = look->rule;
    for (uint32_t v = 0; v < rule->var_count; v++) {
        look->is_text[v] =
            rule->vars[v].is_constant && rune_term_kind(rule->vars[v].term) == RUNE_KIND_STRING;
    }
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &rule->goals[g];
        if (goal->kind == RUNE_DL_GOAL_FUNCTION && goal->op == RUNE_RULE_FN_CONCAT) {
            look->is_text[goal->vars[0]] = true;
        }
        if (goal->kind == RUNE_DL_GOAL_ATOM && !goal->is_negated &&
            look->ctx->rels.items[goal->relation].builtin == RUNE_DL_ENTITY_ID) {
            look->is_text[goal->vars[1]] = look->is_text[goal->vars[2]] = true;
        }
    }
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

/* Whether the variable may be a text: all that it is asked for has values without it, and may be in
 * a text. */
static bool may_be_text(const struct look *look, uint32_t var)
{
    bind_without(look, &var, 1);
    for (uint32_t g = 0; g < look->rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &look->rule->goals[g];
        if (is_contains(goal) && goal->vars[0] == var &&
            (!look->is_bound[goal->vars[1]] || is_entity(look->ctx, look->rule, goal->vars[1]))) {
            return false;
        }
    }
    return true;
}

static bool is_found(const struct look *look, uint32_t var)
{
    for (uint32_t i = 0; i < look->count; i++) {
        if (look->vars[i] == var) {
            return true;
        }
    }
    return false;
}

/* Of the variables taken for texts, `contains` is a test, as long as something else has values. */
static void only_test(const struct look *look, const uint32_t *texts, uint32_t count)
{
    bind_without(look, texts, count);
    for (uint32_t g = 0; g < look->rule->goal_count; g++) {
        struct rune_dl_goal *goal = &look->rule->goals[g];
        if (is_left_out(look, goal, texts, count) && look->is_bound[goal->vars[1]]) {
            goal->only_tests = true;
        }
    }
}

static void find_ambiguous(struct look *look)
{
    const struct rune_dl_plan_rule *rule = look->rule;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &rule->goals[g];
        if (!is_contains(goal)) {
            continue;
        }
        uint32_t var = goal->vars[0];
        if (!rule->vars[goal->vars[1]].is_constant && !rule->vars[var].is_constant &&
            !look->is_text[var] && !is_found(look, var) && may_be_text(look, var)) {
            if (look->count < MAX_SPLIT) {
                look->vars[look->count++] = var;
            } else {
                look->is_text[var] = true; /* a test is right for sets, too */
            }
        }
    }
}

/* ---- one rule a kind ---- */

/* Rules of the builder's own relations wait, so that all others stand in order of their heads where
 * the text has them so. */
static enum rune_err push_rule(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule)
{
    struct rune_dl_vec_plan_rule *rules =
        rule->head < ctx->program->relation_count ? &ctx->rules : &ctx->inner;
    return RUNE_VEC_PUSH(rules, *rule) ? RUNE_OK : RUNE_E_NOMEM;
}

/* The rule for those of the variables that `texts` has a bit for being texts, the others none. */
static enum rune_err add_variant(const struct look *look, uint32_t texts)
{
    struct rune_dl_ctx *ctx = look->ctx;
    const struct rune_dl_plan_rule *rule = look->rule;
    struct rune_dl_plan_rule variant = *rule;
    uint32_t taken[MAX_SPLIT], taken_count = 0;
    variant.goals = rune_arena_alloc(&ctx->arena, ((size_t)rule->goal_count + look->count) *
                                                      sizeof(variant.goals[0]));
    uint32_t *args = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, look->count);
    if (variant.goals == NULL || args == NULL) {
        return RUNE_E_NOMEM;
    }
    memcpy(variant.goals, rule->goals, rule->goal_count * sizeof(variant.goals[0]));
    for (uint32_t i = 0; i < look->count; i++) {
        bool is_of_text = (texts >> i & 1) != 0;
        struct rune_dl_goal *kind = &variant.goals[variant.goal_count++];
        args[i] = look->vars[i];
        *kind = (struct rune_dl_goal){.kind = RUNE_DL_GOAL_TEST,
                                      .op = RUNE_RULE_FN_IS_STRING,
                                      .is_negated = !is_of_text,
                                      .vars = &args[i],
                                      .count = 1};
        for (uint32_t g = 0; g < rule->goal_count; g++) {
            if (is_contains(&rule->goals[g]) && rule->goals[g].vars[0] == args[i]) {
                kind->span = rule->goals[g].span;
            }
        }
        if (is_of_text) {
            taken[taken_count++] = args[i];
        }
    }
    struct look of_variant = *look;
    of_variant.rule = &variant;
    only_test(&of_variant, taken, taken_count);
    return push_rule(ctx, &variant);
}

static uint32_t count_contains(const struct rune_dl_plan_rule *rule)
{
    uint32_t count = 0;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        count += is_contains(&rule->goals[g]);
    }
    return count;
}

/* Too many to look at: all are tests where what they ask for has values without any. */
static void test_all(struct look *look)
{
    memset(look->is_text, true, look->rule->var_count);
    only_test(look, NULL, 0);
}

enum rune_err rune_dl_add_rule(struct rune_dl_ctx *ctx, struct rune_dl_plan_rule *rule)
{
    uint32_t contains = count_contains(rule);
    if (contains == 0) {
        return push_rule(ctx, rule);
    }
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    struct look look = {.ctx = ctx, .rule = rule};
    look.is_text = RUNE_ARENA_ARRAY(&ctx->scratch, bool, rule->var_count + 1);
    look.is_bound = RUNE_ARENA_ARRAY(&ctx->scratch, bool, rule->var_count + 1);
    if (look.is_text == NULL || look.is_bound == NULL) {
        return RUNE_E_NOMEM;
    }
    if (contains > MAX_CONTAINS) {
        test_all(&look);
    } else {
        find_texts(&look);
        find_ambiguous(&look);
    }
    enum rune_err err = RUNE_OK;
    for (uint32_t texts = 0; texts < 1u << look.count && err == RUNE_OK; texts++) {
        err = add_variant(&look, texts);
    }
    rune_arena_rewind(&ctx->scratch, mark);
    return err;
}
