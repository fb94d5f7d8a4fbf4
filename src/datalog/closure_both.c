/* SPDX-License-Identifier: Apache-2.0 */
/* closure_both: recursions that grow at two columns,
 *
 *     p(X, Z) :- p(X, Y), ..Y..Z..             a step changes Z
 *     p(X, Z) :- ..X..Y.., p(Y, Z)             another X
 *
 * A step at one column neither sees nor changes the other, so a tuple that is derived by some of
 * both is also derived by those of the first column, then those of the second. The first make a
 * relation of its own, a half of p, and that is what p begins with (an exit) for the second: two
 * recursions that fall into rows. */
#include "datalog/closure_int.h"

#include <string.h>

struct both {
    struct rune_dl_ctx *ctx;
    uint32_t relation, half;
    uint32_t first, second; /* columns */
    uint32_t first_rule, rule_count;
};

/* Whether a rule changes the column `value` and does not look at `other`. */
static bool is_step_at(const struct rune_dl_plan_rule *rule, uint32_t value, uint32_t other)
{
    struct rune_dl_step step;
    return rune_dl_find_step(rule, value, &step) && step.kind == RUNE_DL_STEP_LINEAR &&
           (step.params >> other & 1) == 0;
}

/* Whether each recursive rule is a step at one of the two columns, and both have some. */
static bool fits(const struct both *both)
{
    uint32_t steps[2] = {0, 0};
    for (uint32_t r = 0; r < both->rule_count; r++) {
        const struct rune_dl_plan_rule *rule = &both->ctx->rules.items[both->first_rule + r];
        if (rune_dl_is_exit(rule)) {
            continue;
        }
        if (is_step_at(rule, both->first, both->second)) {
            steps[0]++;
        } else if (is_step_at(rule, both->second, both->first)) {
            steps[1]++;
        } else {
            return false;
        }
    }
    return steps[0] > 0 && steps[1] > 0;
}

/* Rows of the second column end up in the image: the last that can be. */
static bool find_columns(struct both *both)
{
    uint32_t arity = both->ctx->rels.items[both->relation].arity;
    if (arity < 2 || arity > RUNE_DL_ROW_COLUMNS) {
        return false;
    }
    for (both->second = arity; both->second-- > 1;) {
        for (both->first = 0; both->first < both->second; both->first++) {
            if (fits(both)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- rules ---- */

/* The rule with all that it says of p said of the half. */
static bool push_for_half(struct both *both, const struct rune_dl_plan_rule *rule)
{
    struct rune_dl_plan_rule made = *rule;
    made.head = both->half;
    made.goals = rune_arena_memdup(&both->ctx->arena, rule->goals,
                                   rule->goal_count * sizeof(rule->goals[0]));
    if (made.goals == NULL) {
        return false;
    }
    for (uint32_t g = 0; g < made.goal_count; g++) {
        struct rune_dl_goal *goal = &made.goals[g];
        if (goal->kind == RUNE_DL_GOAL_ATOM && goal->relation == both->relation) {
            goal->relation = both->half;
        }
    }
    return RUNE_VEC_PUSH(&both->ctx->rules, made);
}

/* p(X, Z) :- half(X, Z), with the variables of a step. */
static bool push_begin(struct both *both, const struct rune_dl_plan_rule *step)
{
    struct rune_dl_plan_rule made = *step;
    made.goals = RUNE_ARENA_NEW(&both->ctx->arena, struct rune_dl_goal);
    if (made.goals == NULL) {
        return false;
    }
    *made.goals = (struct rune_dl_goal){.kind = RUNE_DL_GOAL_ATOM,
                                        .span = step->goals[0].span,
                                        .relation = both->half,
                                        .vars = step->head_vars,
                                        .count = step->arity};
    made.goal_count = 1;
    return RUNE_VEC_PUSH(&both->ctx->rules, made);
}

/* The rules of the half (`first`), or those of p that begin with it. Later ones are behind all that
 * there were: rules are looked up again after each. */
static enum rune_err push_rules(struct both *both, bool first, uint32_t *ret_begin,
                                uint32_t *ret_count)
{
    bool ok = true, has_begun = first;
    *ret_begin = (uint32_t)both->ctx->rules.count;
    for (uint32_t r = 0; r < both->rule_count && ok; r++) {
        struct rune_dl_plan_rule rule = both->ctx->rules.items[both->first_rule + r];
        bool is_exit = rune_dl_is_exit(&rule);
        if (first != (is_exit || is_step_at(&rule, both->first, both->second))) {
            continue;
        }
        if (!has_begun) {
            ok = push_begin(both, &rule);
            has_begun = true;
        }
        ok = ok && (first ? push_for_half(both, &rule) : RUNE_VEC_PUSH(&both->ctx->rules, rule));
    }
    *ret_count = (uint32_t)both->ctx->rules.count - *ret_begin;
    return ok ? RUNE_OK : RUNE_E_NOMEM;
}

/* ---- the halves ---- */

static enum rune_err compute_half(struct both *both, bool *ret_done)
{
    struct rune_dl_ctx *ctx = both->ctx;
    struct rune_str of = ctx->rels.items[both->relation].name;
    const char *name = rune_arena_printf(&ctx->arena, "%.*s {half}", (int)of.length, of.data);
    if (name == NULL) {
        return RUNE_E_NOMEM;
    }
    uint32_t begin = 0, count = 0;
    enum rune_err err = rune_dl_rel_add(ctx, (struct rune_str){name, strlen(name)},
                                        ctx->rels.items[both->relation].arity, &both->half);
    if (err == RUNE_OK) {
        ctx->rels.items[both->half].is_scaffold = true;
        err = push_rules(both, true, &begin, &count);
    }
    if (err == RUNE_OK) {
        ctx->rels.items[both->half].first_rule = begin;
        ctx->rels.items[both->half].rule_count = count;
        err = rune_dl_closure(ctx, both->half, ret_done);
    }
    return err;
}

/* With its rules exchanged meanwhile: plans are made of those that were written. */
static enum rune_err compute_whole(struct both *both, bool *ret_done)
{
    struct rune_dl_ctx *ctx = both->ctx;
    uint32_t begin, count;
    enum rune_err err = push_rules(both, false, &begin, &count);
    if (err == RUNE_OK) {
        ctx->rels.items[both->relation].first_rule = begin;
        ctx->rels.items[both->relation].rule_count = count;
        err = rune_dl_closure(ctx, both->relation, ret_done);
        ctx->rels.items[both->relation].first_rule = both->first_rule;
        ctx->rels.items[both->relation].rule_count = both->rule_count;
    }
    return err;
}

enum rune_err rune_dl_closure_both(struct rune_dl_ctx *ctx, uint32_t relation, bool *ret_done)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    struct both both = {.ctx = ctx,
                        .relation = relation,
                        .first_rule = rel->first_rule,
                        .rule_count = rel->rule_count};
    bool has_half = false;
    *ret_done = false;
    if (!find_columns(&both)) {
        return RUNE_OK;
    }
    enum rune_err err = compute_half(&both, &has_half);
    if (err == RUNE_OK && has_half) {
        err = compute_whole(&both, ret_done);
    }
    if (err == RUNE_OK) {
        rune_dl_closure_drop(ctx, both.half);
    }
    return err;
}
