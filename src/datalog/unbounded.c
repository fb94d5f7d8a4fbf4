/* SPDX-License-Identifier: Apache-2.0 */
/* unbounded: recursions that make new values, and that nothing bounds: `n(Y) :- n(X), Y = X + 1`
 * would need hours to reach a limit of memory, one tuple a round. It may end all the same (the
 * lengths of the paths of a graph without cycles), so it is run, for a while.
 *
 * What bounds is a comparison, a test, an atom of another relation. A comparison does so only on
 * the side to which values drift: `Y > 0` does not stop what is counted up, nor does `Y > X` where
 * both go up together. Where the drift is not known, any comparison is taken for a bound. */
#include "base/diag.h"
#include "datalog/evaluate_int.h"

/* To which side a variable's values move from round to round, bits. */
enum { DRIFT_UP = 1, DRIFT_DOWN = 2, DRIFT_ANY = 3 };

#define VARS 64u

/* What is known of a rule's variables, a bit or a place each; variables may share one. */
struct flow {
    uint64_t grown; /* from the recursion's own tuples, or computed of such */
    uint64_t made;  /* new values made of those */
    uint8_t drift[VARS];
};

static uint64_t bit_of(uint32_t var)
{
    return var == RUNE_DL_NO_VAR ? 0 : UINT64_C(1) << var % VARS;
}

static uint64_t bits_of(const struct rune_dl_goal *goal, uint32_t first)
{
    uint64_t bits = 0;
    for (uint32_t i = first; i < goal->count; i++) {
        bits |= bit_of(goal->vars[i]);
    }
    return bits;
}

static bool computes(const struct rune_dl_goal *goal)
{
    return goal->kind == RUNE_DL_GOAL_ARITH || goal->kind == RUNE_DL_GOAL_NEGATE ||
           goal->kind == RUNE_DL_GOAL_INDEX || goal->kind == RUNE_DL_GOAL_FUNCTION;
}

static bool makes_values(const struct rune_dl_goal *goal)
{
    switch (goal->kind) {
    case RUNE_DL_GOAL_ARITH:
        return goal->op != RUNE_RULE_DIV && goal->op != RUNE_RULE_MOD; /* these shrink */
    case RUNE_DL_GOAL_FUNCTION:
        return goal->op == RUNE_RULE_FN_CONCAT;
    default:
        return false;
    }
}

static bool is_growing(const struct rune_dl_ctx *ctx, const struct rune_dl_goal *goal)
{
    return goal->kind == RUNE_DL_GOAL_ATOM && !goal->is_negated &&
           ctx->rels.items[goal->relation].access == RUNE_DL_GROWING;
}

/* Of a sum or a difference with a constant; of all else, any. */
static uint8_t drift_of(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                        const struct rune_dl_goal *goal, const struct flow *flow)
{
    int64_t number;
    if (goal->kind != RUNE_DL_GOAL_ARITH ||
        (goal->op != RUNE_RULE_ADD && goal->op != RUNE_RULE_SUB)) {
        return DRIFT_ANY;
    }
    bool is_left = goal->op == RUNE_RULE_ADD && rule->vars[goal->vars[1]].is_constant;
    const struct rune_dl_var *constant = &rule->vars[goal->vars[is_left ? 1 : 2]];
    if (!constant->is_constant || !rune_rule_long(&ctx->vm.values, constant->term, &number)) {
        return DRIFT_ANY;
    }
    bool is_up = goal->op == RUNE_RULE_ADD ? number > 0 : number < 0;
    uint8_t own = number == 0 ? 0 : is_up ? DRIFT_UP : DRIFT_DOWN;
    return own | flow->drift[goal->vars[is_left ? 2 : 1] % VARS];
}

static bool add_drift(struct flow *flow, uint32_t var, uint8_t drift)
{
    bool is_more = (drift & ~flow->drift[var % VARS]) != 0;
    flow->drift[var % VARS] |= drift;
    return is_more;
}

/* One goal's part. True: something was not known before. */
static bool follow_goal(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                        const struct rune_dl_goal *goal, struct flow *flow)
{
    bool more = false;
    bool is_own = is_growing(ctx, goal) && goal->relation == rule->head;
    for (uint32_t i = 0; is_own && i < goal->count; i++) { /* comes back as the head made it */
        if (goal->vars[i] != RUNE_DL_NO_VAR) {
            more |= add_drift(flow, goal->vars[i], flow->drift[rule->head_vars[i] % VARS]);
        }
    }
    if (computes(goal) && (bits_of(goal, 1) & flow->grown) != 0) {
        uint64_t before = flow->grown | flow->made;
        flow->grown |= bit_of(goal->vars[0]);
        flow->made |= makes_values(goal) ? bit_of(goal->vars[0]) : 0;
        more |= (flow->grown | flow->made) != before;
        more |= add_drift(flow, goal->vars[0], drift_of(ctx, rule, goal, flow));
    }
    return more;
}

static struct flow follow(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule)
{
    struct flow flow = {0};
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        flow.grown |= is_growing(ctx, &rule->goals[g]) ? bits_of(&rule->goals[g], 0) : 0;
    }
    for (bool more = true; more;) {
        more = false;
        for (uint32_t g = 0; g < rule->goal_count; g++) {
            more |= follow_goal(ctx, rule, &rule->goals[g], &flow);
        }
    }
    return flow;
}

/* Whether the smaller side of a comparison cannot go up for ever, or the larger one down. */
static bool compare_bounds(const struct rune_dl_goal *goal, const struct flow *flow)
{
    bool is_left_small = goal->op == RUNE_RULE_LT || goal->op == RUNE_RULE_LE;
    uint8_t small = flow->drift[goal->vars[is_left_small ? 0 : 1] % VARS];
    uint8_t large = flow->drift[goal->vars[is_left_small ? 1 : 0] % VARS];
    return small == DRIFT_ANY || large == DRIFT_ANY || (small == DRIFT_UP && large != DRIFT_UP) ||
           (large == DRIFT_DOWN && small != DRIFT_DOWN);
}

/* Whether the goal holds for some values only, whatever the recursion makes. */
static bool bounds(const struct rune_dl_ctx *ctx, const struct rune_dl_goal *goal,
                   const struct flow *flow)
{
    switch (goal->kind) {
    case RUNE_DL_GOAL_COMPARE:
        return compare_bounds(goal, flow);
    case RUNE_DL_GOAL_NE:
    case RUNE_DL_GOAL_TEST:
    case RUNE_DL_GOAL_IN:
    case RUNE_DL_GOAL_IN_SET:
        return (bits_of(goal, 0) & flow->grown) != 0;
    case RUNE_DL_GOAL_ATOM:
        return !goal->is_negated && !is_growing(ctx, goal) && (bits_of(goal, 0) & flow->made) != 0;
    default:
        return false;
    }
}

bool rune_dl_is_unbounded(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule)
{
    struct flow flow = follow(ctx, rule);
    uint64_t head = 0;
    for (uint32_t i = 0; i < rule->arity; i++) {
        head |= bit_of(rule->head_vars[i]);
    }
    if ((head & flow.made) == 0) {
        return false;
    }
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        if (bounds(ctx, &rule->goals[g], &flow)) {
            return false;
        }
    }
    return true;
}

enum rune_err rune_dl_report_unbounded(struct rune_dl_ctx *ctx,
                                       const struct rune_dl_plan_rule *rule, uint64_t rounds,
                                       uint64_t tuples)
{
    rune_diag_report(ctx->diag, RUNE_ERROR, "RUNE-R0402",
                     rule->source == NULL ? RUNE_SPAN_NONE : rule->source->head_span,
                     "bound what is computed, as in `Y < 1000`",
                     "`%.*s` does not seem to end: this rule computes new values from its tuples, "
                     "and nothing bounds them; given up after %llu rounds, with %llu tuples",
                     RUNE_STR_ARG(ctx->rels.items[rule->head].name), (unsigned long long)rounds,
                     (unsigned long long)tuples);
    return RUNE_E_LIMIT;
}
