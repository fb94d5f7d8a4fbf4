/* SPDX-License-Identifier: Apache-2.0 */
/* join: what goals cost. What only checks or computes goes as soon as its variables are known;
 * otherwise the atom that is expected to give the fewest tuples goes next, by the real counts of
 * stored relations (tuples / distinct values of the bound columns) and by the same estimate of the
 * plans of demanded ones.
 *
 * A recursion that is demanded needs more care, or it never ends: p(X) :- Y = X + 1, p(Y), e(X, Z)
 * asked with 1 asks itself with 2, 3, ... as long as p is asked before e has been. So, while a rule
 * is planned that recurses on demand, a variable that only the question gives a value is told from
 * one that an atom gave it, too. What computes waits for atoms to do so, and what recurses waits
 * for what computes its columns. Each question then is made of values of tuples: there are as many
 * as there are such tuples, whatever the order in which the rule is written. */
#include "datalog/join.h"

#include <string.h>

#define MAX_ESTIMATE_DEPTH 6u
#define LARGE_RECURSION \
    65536u /* tuples of a recursion that gets a further order only where a decision needs it */
#define CALL_FACTOR 4.0 /* a call is dearer than a scan of as many tuples */
#define CALL_MORE   4.0
#define MOST_ROWS   1e11
#define AWAITS      1e12 /* a recursion one of whose columns is still to be computed */
#define WAITS       1e15 /* a computation of what no atom has had yet */
#define LAST_RESORT 1e18

/* ---- what is known ---- */

static bool knows_all(const struct rune_dl_join *join, const uint32_t *vars, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!rune_dl_join_knows(join, vars[i])) {
            return false;
        }
    }
    return true;
}

uint32_t rune_dl_join_columns(const struct rune_dl_join *join, const struct rune_dl_goal *goal)
{
    uint32_t bound = 0;
    for (uint32_t i = 0; i < goal->count && i < 32; i++) {
        if (goal->vars[i] != RUNE_DL_NO_VAR && join->is_bound[goal->vars[i]]) {
            bound |= 1u << i;
        }
    }
    return bound;
}

static enum rune_dl_atom_kind builtin_kind(const struct rune_dl_join *join,
                                           const struct rune_dl_goal *goal,
                                           const struct rune_dl_rel *rel)
{
    bool knows_first =
        goal->count > 0 && goal->vars[0] != RUNE_DL_NO_VAR && join->is_bound[goal->vars[0]];
    bool is_named = rel->literal != RUNE_TERM_NONE;
    switch (rel->builtin) {
    case RUNE_DL_PRINCIPAL:
    case RUNE_DL_ACTION:
    case RUNE_DL_RESOURCE:
        return RUNE_DL_ATOM_REQUEST;
    case RUNE_DL_CONTEXT:
        return RUNE_DL_ATOM_CONTEXT;
    case RUNE_DL_ENTITY_EXISTS:
        return knows_first ? RUNE_DL_ATOM_ENTITY : RUNE_DL_ATOM_STORED;
    case RUNE_DL_ENTITY_ATTR:
    case RUNE_DL_ENTITY_TAG:
        return knows_first && is_named ? RUNE_DL_ATOM_ATTR : RUNE_DL_ATOM_STORED;
    case RUNE_DL_ENTITY_ELEMENT:
        return knows_first && is_named ? RUNE_DL_ATOM_ELEMENT : RUNE_DL_ATOM_STORED;
    case RUNE_DL_ENTITY_ID:
        if (knows_first) {
            return RUNE_DL_ATOM_PARTS;
        }
        return (rune_dl_join_columns(join, goal) & 6) == 6 ? RUNE_DL_ATOM_MAKE
                                                           : RUNE_DL_ATOM_STORED;
    default:
        return rel->access == RUNE_DL_DEMANDED ? RUNE_DL_ATOM_CALL : RUNE_DL_ATOM_STORED;
    }
}

enum rune_dl_atom_kind rune_dl_join_atom(const struct rune_dl_join *join,
                                         const struct rune_dl_goal *goal)
{
    const struct rune_dl_rel *rel = &join->ctx->rels.items[goal->relation];
    if (rel->builtin != RUNE_DL_NOT_BUILTIN && !(rel->source != NULL && rel->source->is_head)) {
        return builtin_kind(join, goal, rel);
    }
    if (rel->access == RUNE_DL_STORED && join->ctx->for_queries && rel->is_recursive &&
        rel->count > LARGE_RECURSION) {
        /* Read backwards, for a query: computed on demand from what it was derived from. */
        uint32_t bound = rune_dl_join_columns(join, goal);
        return bound != 0 && !rune_dl_order_serves(rel, bound) ? RUNE_DL_ATOM_CALL
                                                               : RUNE_DL_ATOM_STORED;
    }
    return rel->access == RUNE_DL_DEMANDED ? RUNE_DL_ATOM_CALL : RUNE_DL_ATOM_STORED;
}

bool rune_dl_join_is_member(const struct rune_dl_join *join, const struct rune_dl_goal *goal)
{
    return goal->kind == RUNE_DL_GOAL_TEST && goal->op == RUNE_RULE_FN_CONTAINS &&
           !goal->is_negated && !goal->only_tests && !rune_dl_join_knows(join, goal->vars[1]) &&
           rune_dl_join_knows(join, goal->vars[0]);
}

/* ---- expected tuples ---- */

static double stored_rows(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t bound)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    double rows = (double)rel->count;
    if (rel->access == RUNE_DL_GROWING) {
        rows = rows < 10000 ? 10000 : rows;
    } else if (rel->access == RUNE_DL_PENDING) {
        rows = ctx->entities == NULL ? 1 : 1 + 2.0 * ctx->entities->count;
    }
    for (uint32_t i = 0; i < rel->arity && i < 32; i++) {
        if ((bound >> i & 1) == 0) {
            continue;
        }
        double distinct = rel->access == RUNE_DL_STORED ? rune_dl_distinct(ctx, relation, i) : 100;
        rows /= distinct > 1 ? distinct : 1;
    }
    return rows;
}

static double atom_rows(struct rune_dl_join *join, const struct rune_dl_goal *goal,
                        enum rune_dl_atom_kind kind)
{
    switch (kind) {
    case RUNE_DL_ATOM_STORED:
        if (join->ctx->rels.items[goal->relation].builtin == RUNE_DL_ENTITY_ID) {
            /* Only the entities that the bundle names: taken if nothing else can tell type and id,
             * of which an entity can be made that no data names. */
            return LAST_RESORT;
        }
        return stored_rows(join->ctx, goal->relation, rune_dl_join_columns(join, goal));
    case RUNE_DL_ATOM_CALL:
        return rune_dl_estimate(join->ctx, goal->relation, rune_dl_join_columns(join, goal));
    case RUNE_DL_ATOM_ELEMENT:
        return 4;
    default:
        return 1;
    }
}

/* ---- costs ---- */

static double atom_cost(struct rune_dl_join *join, const struct rune_dl_goal *goal)
{
    if (goal->is_negated && !knows_all(join, goal->vars, goal->count)) {
        return RUNE_DL_NOT_YET;
    }
    enum rune_dl_atom_kind kind = rune_dl_join_atom(join, goal);
    if (goal->is_negated) {
        return kind == RUNE_DL_ATOM_CALL ? 0.95 : 0.1;
    }
    bool wants = false;
    for (uint32_t i = 0; i < goal->count; i++) {
        wants = wants || rune_dl_join_wants(join, goal->vars[i]);
    }
    bool is_loop =
        kind == RUNE_DL_ATOM_STORED || kind == RUNE_DL_ATOM_CALL || kind == RUNE_DL_ATOM_ELEMENT;
    bool is_naming = kind == RUNE_DL_ATOM_STORED &&
                     join->ctx->rels.items[goal->relation].builtin == RUNE_DL_ENTITY_ID;
    if ((!wants && !is_naming) || !is_loop) {
        return kind == RUNE_DL_ATOM_CALL                                              ? 0.9
               : kind == RUNE_DL_ATOM_STORED && rune_dl_join_columns(join, goal) == 0 ? 0.3
                                                                                      : 0.05;
    }
    double rows = atom_rows(join, goal, kind);
    rows = rows < MOST_ROWS || is_naming ? rows : MOST_ROWS;
    return 0.5 + (kind == RUNE_DL_ATOM_CALL ? CALL_FACTOR * rows + CALL_MORE : rows);
}

double rune_dl_join_rows_at(const struct rune_dl_join *join, const struct rune_dl_goal *goal,
                            double cost)
{
    if (cost < LAST_RESORT) {
        cost -= cost >= WAITS ? WAITS : cost >= AWAITS ? AWAITS : 0;
    }
    bool is_call = goal->kind == RUNE_DL_GOAL_ATOM && !goal->is_negated &&
                   cost >= 0.5 + CALL_MORE && rune_dl_join_atom(join, goal) == RUNE_DL_ATOM_CALL;
    return is_call ? (cost - 0.5 - CALL_MORE) / CALL_FACTOR + 0.5 : cost;
}

static bool binds_first(const struct rune_dl_goal *goal)
{
    switch (goal->kind) {
    case RUNE_DL_GOAL_ARITH:
    case RUNE_DL_GOAL_NEGATE:
    case RUNE_DL_GOAL_INDEX:
    case RUNE_DL_GOAL_FUNCTION:
    case RUNE_DL_GOAL_AGGREGATE:
        return true;
    default:
        return false;
    }
}

/* Without waiting for others. */
static double plain_cost(struct rune_dl_join *join, const struct rune_dl_goal *goal)
{
    if (goal->kind == RUNE_DL_GOAL_ATOM) {
        return atom_cost(join, goal);
    }
    if (rune_dl_join_is_member(join, goal)) {
        return 4;
    }
    bool first_binds = binds_first(goal);
    if (!knows_all(join, goal->vars + first_binds, goal->count - first_binds)) {
        bool knows_one =
            goal->kind == RUNE_DL_GOAL_EQ &&
            (rune_dl_join_knows(join, goal->vars[0]) || rune_dl_join_knows(join, goal->vars[1]));
        return knows_one ? 0.001 : RUNE_DL_NOT_YET;
    }
    return goal->kind == RUNE_DL_GOAL_AGGREGATE ? 0.97 : 0.01;
}

/* ---- recursions on demand ---- */

static bool is_same_recursion(const struct rune_dl_join *join, const struct rune_dl_goal *goal)
{
    const struct rune_dl_rel *rels = join->ctx->rels.items;
    return goal->kind == RUNE_DL_GOAL_ATOM && rels[goal->relation].component != 0 &&
           rels[goal->relation].component == rels[join->rule->head].component;
}

/* Whether atoms have given these variables their values, or what computes has made them of such. */
static bool has_values(const struct rune_dl_join *join, const uint32_t *vars, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (vars[i] != RUNE_DL_NO_VAR && (!join->is_bound[vars[i]] || join->only_asked[vars[i]])) {
            return false;
        }
    }
    return true;
}

/* Whether the goal, taken now, does that for its variables. */
static bool gives_values(const struct rune_dl_join *join, const struct rune_dl_goal *goal)
{
    const uint32_t *vars = goal->vars;
    switch (goal->kind) {
    case RUNE_DL_GOAL_ATOM:
        return join->ctx->rels.items[goal->relation].builtin != RUNE_DL_ENTITY_ID ||
               rune_dl_join_atom(join, goal) == RUNE_DL_ATOM_STORED || has_values(join, vars, 1) ||
               has_values(join, vars + 1, 2);
    case RUNE_DL_GOAL_EQ:
        return has_values(join, vars, 1) || has_values(join, vars + 1, 1);
    case RUNE_DL_GOAL_TEST:
        return goal->op == RUNE_RULE_FN_CONTAINS && !goal->only_tests && has_values(join, vars, 1);
    default:
        return binds_first(goal) && has_values(join, vars + 1, goal->count - 1);
    }
}

/* What a goal that could be taken costs more because it should wait for others. */
static double waiting_cost(const struct rune_dl_join *join, const struct rune_dl_goal *goal)
{
    if (binds_first(goal)) {
        return has_values(join, goal->vars + 1, goal->count - 1) ? 0 : WAITS;
    }
    if (!is_same_recursion(join, goal) || rune_dl_join_atom(join, goal) != RUNE_DL_ATOM_CALL) {
        return 0;
    }
    for (uint32_t i = 0; i < goal->count; i++) {
        uint32_t var = goal->vars[i];
        if (var != RUNE_DL_NO_VAR && !join->is_bound[var] && join->is_computed[var]) {
            return AWAITS;
        }
    }
    return 0;
}

double rune_dl_join_cost(struct rune_dl_join *join, const struct rune_dl_goal *goal)
{
    double cost = plain_cost(join, goal);
    return join->waits && cost >= 0 ? cost + waiting_cost(join, goal) : cost;
}

/* While its fixpoint runs, a recursion is read, not asked. */
static bool may_ask_itself(const struct rune_dl_join *join)
{
    for (uint32_t g = 0; g < join->rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &join->rule->goals[g];
        if (is_same_recursion(join, goal) &&
            join->ctx->rels.items[goal->relation].access != RUNE_DL_GROWING) {
            return true;
        }
    }
    return false;
}

static enum rune_err init_waiting(struct rune_dl_join *join)
{
    const struct rune_dl_plan_rule *rule = join->rule;
    join->only_asked = RUNE_ARENA_ARRAY(&join->ctx->scratch, bool, 2 * (size_t)rule->var_count + 1);
    if (join->only_asked == NULL) {
        return RUNE_E_NOMEM;
    }
    join->is_computed = join->only_asked + rule->var_count;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        if (binds_first(&rule->goals[g])) {
            join->is_computed[rule->goals[g].vars[0]] = true;
        }
    }
    join->waits = true;
    return RUNE_OK;
}

/* ---- the join ---- */

void rune_dl_join_restart(struct rune_dl_join *join)
{
    const struct rune_dl_plan_rule *rule = join->rule;
    for (uint32_t i = 0; i < rule->var_count; i++) {
        join->is_bound[i] = rule->vars[i].is_constant;
    }
    for (uint32_t i = 0; join->waits && i < rule->var_count; i++) {
        join->only_asked[i] = false;
    }
    for (uint32_t bound = join->bound; bound != 0; bound &= bound - 1) {
        uint32_t var = rule->head_vars[__builtin_ctz(bound)];
        join->is_bound[var] = true;
        if (join->waits && !rule->vars[var].is_constant) {
            join->only_asked[var] = true;
        }
    }
}

void rune_dl_join_take(struct rune_dl_join *join, uint32_t goal)
{
    const struct rune_dl_goal *taken = &join->rule->goals[goal];
    bool gives = !join->waits || (!taken->is_negated && gives_values(join, taken));
    for (uint32_t i = 0; i < taken->count && !taken->is_negated; i++) {
        uint32_t var = taken->vars[i];
        if (var == RUNE_DL_NO_VAR) {
            continue;
        }
        if (join->waits && (gives || !join->is_bound[var])) {
            join->only_asked[var] = !gives;
        }
        join->is_bound[var] = true;
    }
}

enum rune_err rune_dl_join_init(struct rune_dl_join *join, struct rune_dl_ctx *ctx,
                                const struct rune_dl_plan_rule *rule, uint32_t bound)
{
    struct rune_arena *arena = &ctx->scratch;
    *join = (struct rune_dl_join){.ctx = ctx, .rule = rule, .bound = bound};
    size_t vars = (size_t)rule->var_count + 1;
    size_t goals = (size_t)rule->goal_count + 1;
    join->rows = rune_arena_alloc(arena, goals * (sizeof(double) + sizeof(uint32_t)) +
                                             vars * (sizeof(uint32_t) + sizeof(bool)));
    if (join->rows == NULL) {
        return RUNE_E_NOMEM;
    }
    join->order = (uint32_t *)(join->rows + goals);
    join->uses = join->order + goals;
    join->is_bound = (bool *)(join->uses + vars);
    memset(join->uses, 0, vars * sizeof(uint32_t));
    if (bound != 0 && may_ask_itself(join)) {
        enum rune_err err = init_waiting(join);
        if (err != RUNE_OK) {
            return err;
        }
    }
    rune_dl_join_restart(join);
    for (uint32_t i = 0; i < rule->arity; i++) {
        join->uses[rule->head_vars[i]]++;
    }
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        for (uint32_t i = 0; i < rule->goals[g].count; i++) {
            if (rule->goals[g].vars[i] != RUNE_DL_NO_VAR) {
                join->uses[rule->goals[g].vars[i]]++;
            }
        }
    }
    return RUNE_OK;
}

double rune_dl_join_rows(const struct rune_dl_join *join)
{
    double rows = 1;
    for (uint32_t i = 0; i < join->count; i++) {
        rows *= join->rows[i] < 0.5 ? 1 : join->rows[i] < 1 ? 0.9 : join->rows[i];
    }
    return rows;
}

/* ---- by rule and by relation ---- */

/* Rows that one rule is expected to give. */
static double rule_rows(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                        uint32_t bound)
{
    struct rune_dl_join join;
    double rows = 1;
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    if (rune_dl_join_init(&join, ctx, rule, bound) == RUNE_OK &&
        rune_dl_join_find(&join, UINT32_MAX) == RUNE_OK) {
        for (uint32_t i = 0; i < join.count; i++) {
            rows *= join.rows[i] < 1 ? 0.9 : join.rows[i];
        }
    }
    rune_arena_rewind(&ctx->scratch, mark);
    return rows;
}

bool rune_dl_join_is_safe(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule)
{
    struct rune_dl_join join;
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    bool is_safe = rune_dl_join_init(&join, ctx, rule, 0) == RUNE_OK &&
                   rune_dl_join_find(&join, UINT32_MAX) == RUNE_OK && join.is_whole;
    for (uint32_t i = 0; is_safe && i < join.count; i++) {
        rune_dl_join_take(&join, join.order[i]);
    }
    is_safe = is_safe && knows_all(&join, rule->head_vars, rule->arity);
    rune_arena_rewind(&ctx->scratch, mark);
    return is_safe;
}

/* A large relation that is read against its order: as many values in its other columns as in the
 * one that it is sorted by. Counting them would cost a pass over all tuples. */
static double backward_rows(const struct rune_dl_rel *rel, uint32_t bound)
{
    double keys = rel->orders.count > 0 ? (double)rel->orders.items[0].key_count : 1;
    double rows = (double)rel->count;
    for (uint32_t i = 0; i < (uint32_t)__builtin_popcount(bound); i++) {
        rows /= keys > 1 ? keys : 1;
    }
    return rows;
}

bool rune_dl_is_surely_below(const struct rune_dl_ctx *ctx, uint32_t relation, double limit)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    double rows = 0;
    for (uint32_t r = 0; r < rel->rule_count; r++) {
        const struct rune_dl_plan_rule *rule = &ctx->rules.items[rel->first_rule + r];
        double product = 1;
        for (uint32_t g = 0; g < rule->goal_count; g++) {
            const struct rune_dl_goal *goal = &rule->goals[g];
            if (goal->kind != RUNE_DL_GOAL_ATOM) {
                /* S.contains(X) is a loop, too */
                product *= goal->kind == RUNE_DL_GOAL_TEST ? 4 : 1;
            } else if (!goal->is_negated) {
                const struct rune_dl_rel *read = &ctx->rels.items[goal->relation];
                if (read->access != RUNE_DL_STORED) {
                    return false;
                }
                product *= 0.5 + (double)read->count;
            }
        }
        rows += product;
    }
    return rows <= limit;
}

double rune_dl_estimate(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t bound)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    if (rel->access == RUNE_DL_STORED) {
        return backward_rows(rel, bound); /* asked all the same: see rune_dl_join_atom */
    }
    for (size_t i = 0; i < rel->estimates.count; i++) {
        if (rel->estimates.items[i].bound == bound) {
            return rel->estimates.items[i].rows;
        }
    }
    if (ctx->estimate_depth >= MAX_ESTIMATE_DEPTH) {
        return 100;
    }
    /* Noted before it is known: a relation that recurses finds this. */
    struct rune_dl_estimate guess = {bound, 100};
    if (!RUNE_VEC_PUSH(&rel->estimates, guess)) {
        return 100;
    }
    size_t at = rel->estimates.count - 1;
    ctx->estimate_depth++;
    double rows = 0;
    for (uint32_t i = 0; i < rel->rule_count; i++) {
        rows += rule_rows(ctx, &ctx->rules.items[rel->first_rule + i], bound);
    }
    ctx->estimate_depth--;
    ctx->rels.items[relation].estimates.items[at].rows = rows;
    return rows;
}
