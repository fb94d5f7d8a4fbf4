/* SPDX-License-Identifier: Apache-2.0 */
/* code: a rule and a binding pattern -> an order of its goals -> a program.
 *
 * Order: greedy. What only checks or computes goes as soon as its variables are bound; otherwise
 * the atom that is expected to give the fewest tuples goes next, by the real counts of stored
 * relations (tuples / distinct values of the bound columns) and by the same estimate of the plans
 * of demanded ones.
 *
 * Program: see eval/rule_code.h. Each variable has a level: the loop that set it, 0 for none. A
 * check that fails goes on at the highest level among its variables; a scan that finds nothing
 * likewise; one that is exhausted at the enclosing loop. A variable that occurs once is nobody's
 * business: its column is not read, and a scan that has nothing to read is a test. */
#include <string.h>

#include "base/diag.h"
#include "datalog/evaluate_int.h"

#define NO_REGISTER        UINT32_MAX
#define MAX_ESTIMATE_DEPTH 6u
#define LARGE_RECURSION \
    65536u /* tuples of a recursion that gets a further order only where a decision needs it */

struct coder {
    struct rune_dl_ctx *ctx;
    const struct rune_dl_plan_rule *rule;
    uint32_t bound; /* binding pattern of the head */
    uint32_t delta;
    bool *is_bound;  /* by variable */
    bool *is_done;   /* by goal */
    uint32_t *uses;  /* by variable: occurrences in head and goals */
    uint32_t *reg;   /* by variable */
    uint32_t *level; /* by variable */
    uint32_t registers;
    uint32_t loops;
    double rows;       /* expected so far */
    uint32_t *loop_at; /* word of each loop */
    /* made aside: demands found on the way append programs of their own */
    struct rune_vec_u32 code;
    struct rune_vec_rule_span spans;
    enum rune_err err;
};

/* ---- what is known ---- */

static bool is_known(const struct coder *coder, uint32_t var)
{
    return var == RUNE_DL_NO_VAR || coder->is_bound[var];
}

static bool all_known(const struct coder *coder, const uint32_t *vars, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!is_known(coder, vars[i])) {
            return false;
        }
    }
    return true;
}

/* Columns of an atom whose values are known; wildcards are not. LIMIT: the first 32 columns can be
 * bound. */
static uint32_t bound_columns(const struct coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t bound = 0;
    for (uint32_t i = 0; i < goal->count && i < 32; i++) {
        if (goal->vars[i] != RUNE_DL_NO_VAR && coder->is_bound[goal->vars[i]]) {
            bound |= 1u << i;
        }
    }
    return bound;
}

/* Whether an atom's column has to be read: not known, and somebody else wants it (or the same atom,
 * again). */
static bool is_wanted(const struct coder *coder, uint32_t var)
{
    return var != RUNE_DL_NO_VAR && !coder->is_bound[var] && coder->uses[var] > 1;
}

/* How an atom of a built-in relation is answered without stored tuples; ATOM_STORED: it is not. */
enum atom_kind {
    ATOM_STORED,
    ATOM_CALL,
    ATOM_REQUEST,
    ATOM_CONTEXT,
    ATOM_ENTITY,
    ATOM_ATTR,
    ATOM_ELEMENT,
    ATOM_PARTS,
    ATOM_MAKE,
};

static enum atom_kind atom_kind(const struct coder *coder, const struct rune_dl_goal *goal)
{
    const struct rune_dl_rel *rel = &coder->ctx->rels.items[goal->relation];
    bool is_head = rel->source != NULL && rel->source->is_head;
    bool knows_first =
        goal->count > 0 && goal->vars[0] != RUNE_DL_NO_VAR && coder->is_bound[goal->vars[0]];
    if (rel->builtin != RUNE_DL_NOT_BUILTIN && !is_head) {
        switch (rel->builtin) {
        case RUNE_DL_PRINCIPAL:
        case RUNE_DL_ACTION:
        case RUNE_DL_RESOURCE:
            return ATOM_REQUEST;
        case RUNE_DL_CONTEXT:
            return ATOM_CONTEXT;
        case RUNE_DL_ENTITY_EXISTS:
            return knows_first ? ATOM_ENTITY : ATOM_STORED;
        case RUNE_DL_ENTITY_ATTR:
        case RUNE_DL_ENTITY_TAG:
            return knows_first && rel->literal != RUNE_TERM_NONE ? ATOM_ATTR : ATOM_STORED;
        case RUNE_DL_ENTITY_ELEMENT:
            return knows_first && rel->literal != RUNE_TERM_NONE ? ATOM_ELEMENT : ATOM_STORED;
        case RUNE_DL_ENTITY_ID:
            if (knows_first) {
                return ATOM_PARTS;
            }
            return (bound_columns(coder, goal) & 6) == 6 ? ATOM_MAKE : ATOM_STORED;
        default:
            break;
        }
    }
    if (rel->access == RUNE_DL_STORED && coder->ctx->for_queries && rel->is_recursive &&
        rel->count > LARGE_RECURSION) {
        /* Read backwards, for a query: computed on demand from what it was derived from. */
        uint32_t bound = bound_columns(coder, goal);
        return bound != 0 && !rune_dl_order_serves(rel, bound) ? ATOM_CALL : ATOM_STORED;
    }
    return rel->access == RUNE_DL_DEMANDED ? ATOM_CALL : ATOM_STORED;
}

/* ---- estimates ---- */

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

static double atom_rows(struct coder *coder, const struct rune_dl_goal *goal)
{
    switch (atom_kind(coder, goal)) {
    case ATOM_STORED:
        return stored_rows(coder->ctx, goal->relation, bound_columns(coder, goal));
    case ATOM_CALL:
        return rune_dl_estimate(coder->ctx, goal->relation, bound_columns(coder, goal));
    case ATOM_ELEMENT:
        return 4;
    default:
        return 1;
    }
}

/* ---- the order ---- */

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

/* `S.contains(X)` with X free: a loop over S. */
static bool is_member_loop(const struct coder *coder, const struct rune_dl_goal *goal)
{
    return goal->kind == RUNE_DL_GOAL_TEST && goal->op == RUNE_RULE_FN_CONTAINS &&
           !goal->is_negated && !is_known(coder, goal->vars[1]) && is_known(coder, goal->vars[0]);
}

/* What taking the goal next would cost, as tuples for each so far; negative: not yet possible.
 * Below 0.5: at once. */
static double goal_cost(struct coder *coder, const struct rune_dl_goal *goal)
{
    if (goal->kind == RUNE_DL_GOAL_ATOM) {
        if (goal->is_negated) {
            if (!all_known(coder, goal->vars, goal->count)) {
                return -1;
            }
            return atom_kind(coder, goal) == ATOM_CALL ? 0.95 : 0.1;
        }
        enum atom_kind kind = atom_kind(coder, goal);
        bool wants = false;
        for (uint32_t i = 0; i < goal->count; i++) {
            wants = wants || is_wanted(coder, goal->vars[i]);
        }
        if (!wants || (kind != ATOM_STORED && kind != ATOM_CALL && kind != ATOM_ELEMENT)) {
            return kind == ATOM_CALL                                        ? 0.9
                   : kind == ATOM_STORED && bound_columns(coder, goal) == 0 ? 0.3
                                                                            : 0.05;
        }
        double rows = atom_rows(coder, goal);
        /* A call is dearer than a scan of as many tuples. */
        return 0.5 + (kind == ATOM_CALL ? 4 * rows + 4 : rows);
    }
    if (is_member_loop(coder, goal)) {
        return 4;
    }
    bool first_binds = binds_first(goal);
    if (!all_known(coder, goal->vars + first_binds, goal->count - first_binds)) {
        if (goal->kind == RUNE_DL_GOAL_EQ &&
            (is_known(coder, goal->vars[0]) || is_known(coder, goal->vars[1]))) {
            return 0.001;
        }
        return -1;
    }
    return goal->kind == RUNE_DL_GOAL_AGGREGATE ? 0.97 : 0.01;
}

/* The goal to take next, or UINT32_MAX. */
static uint32_t choose_goal(struct coder *coder, double *ret_cost)
{
    uint32_t best = UINT32_MAX;
    double best_cost = 0;
    for (uint32_t i = 0; i < coder->rule->goal_count; i++) {
        if (coder->is_done[i]) {
            continue;
        }
        double cost = goal_cost(coder, &coder->rule->goals[i]);
        if (cost >= 0 && (best == UINT32_MAX || cost < best_cost)) {
            best = i;
            best_cost = cost;
            if (cost <= 0.01) {
                break;
            }
        }
    }
    *ret_cost = best_cost;
    return best;
}

static void take_goal(struct coder *coder, uint32_t number)
{
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    coder->is_done[number] = true;
    for (uint32_t i = 0; i < goal->count; i++) {
        if (goal->vars[i] != RUNE_DL_NO_VAR && !goal->is_negated) {
            coder->is_bound[goal->vars[i]] = true;
        }
    }
}

static enum rune_err coder_init(struct coder *coder, struct rune_dl_ctx *ctx,
                                const struct rune_dl_plan_rule *rule, uint32_t bound,
                                uint32_t delta)
{
    size_t vars = rule->var_count + 1, goals = rule->goal_count + 1;
    *coder = (struct coder){.ctx = ctx, .rule = rule, .bound = bound, .delta = delta, .rows = 1};
    struct rune_arena *arena = &ctx->scratch;
    coder->is_bound = RUNE_ARENA_ARRAY(arena, bool, vars);
    coder->is_done = RUNE_ARENA_ARRAY(arena, bool, goals);
    coder->uses = RUNE_ARENA_ARRAY(arena, uint32_t, vars);
    coder->reg = RUNE_ARENA_ARRAY(arena, uint32_t, vars);
    coder->level = RUNE_ARENA_ARRAY(arena, uint32_t, vars);
    coder->loop_at = RUNE_ARENA_ARRAY(arena, uint32_t, goals * 2);
    if (rune_arena_failed(arena)) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < rule->var_count; i++) {
        coder->is_bound[i] = rule->vars[i].is_constant;
        coder->reg[i] = NO_REGISTER;
    }
    for (uint32_t i = 0; i < rule->arity; i++) {
        coder->uses[rule->head_vars[i]]++;
        if (i < 32 && (bound >> i & 1) != 0) {
            coder->is_bound[rule->head_vars[i]] = true;
        }
    }
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        for (uint32_t i = 0; i < rule->goals[g].count; i++) {
            if (rule->goals[g].vars[i] != RUNE_DL_NO_VAR) {
                coder->uses[rule->goals[g].vars[i]]++;
            }
        }
    }
    return RUNE_OK;
}

/* Rows that one rule is expected to give. */
static double rule_rows(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                        uint32_t bound)
{
    struct coder coder;
    double rows = 1;
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    if (coder_init(&coder, ctx, rule, bound, UINT32_MAX) == RUNE_OK) {
        double cost;
        for (uint32_t at; (at = choose_goal(&coder, &cost)) != UINT32_MAX;) {
            rows *= cost < 1 ? 0.9 : cost;
            take_goal(&coder, at);
        }
    }
    rune_arena_rewind(&ctx->scratch, mark);
    return rows;
}

bool rune_dl_code_is_safe(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule)
{
    struct coder coder;
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    bool is_safe = coder_init(&coder, ctx, rule, 0, UINT32_MAX) == RUNE_OK;
    if (is_safe) {
        double cost;
        uint32_t taken = 0;
        for (uint32_t at; (at = choose_goal(&coder, &cost)) != UINT32_MAX; taken++) {
            take_goal(&coder, at);
        }
        is_safe = taken == rule->goal_count && all_known(&coder, rule->head_vars, rule->arity);
    }
    rune_arena_rewind(&ctx->scratch, mark);
    return is_safe;
}

double rune_dl_estimate(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t bound)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
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

/* ---- words ---- */

static void put(struct coder *coder, uint32_t word)
{
    if (!RUNE_VEC_PUSH(&coder->code, word)) {
        coder->err = RUNE_E_NOMEM;
    }
}

static uint32_t here(const struct coder *coder)
{
    return (uint32_t)coder->code.count;
}

static uint32_t new_register(struct coder *coder)
{
    if (coder->registers >= RUNE_RULE_MAX_REGISTERS) {
        coder->err = RUNE_E_LIMIT;
        return 0;
    }
    return coder->registers++;
}

static uint32_t target_of_level(const struct coder *coder, uint32_t level)
{
    return level == 0 ? 0 : coder->loop_at[level - 1];
}

/* Highest level of the variables. */
static uint32_t max_level(const struct coder *coder, const uint32_t *vars, uint32_t count)
{
    uint32_t level = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (vars[i] != RUNE_DL_NO_VAR && coder->reg[vars[i]] != NO_REGISTER &&
            coder->level[vars[i]] > level) {
            level = coder->level[vars[i]];
        }
    }
    return level;
}

static void put_span(struct coder *coder, struct rune_span span)
{
    struct rune_image_code_span at = {(uint32_t)coder->code.count, span.offset, span.length};
    if (coder->ctx->pass == RUNE_DL_PASS_IMAGE && span.source != NULL &&
        !RUNE_VEC_PUSH(&coder->spans, at)) {
        coder->err = RUNE_E_NOMEM;
    }
}

/* The register a result goes to: the variable's own, or (it has one) another, to be compared by
 * put_result. */
static uint32_t result_register(struct coder *coder, uint32_t var)
{
    if (coder->reg[var] == NO_REGISTER) {
        return new_register(coder);
    }
    return new_register(coder);
}

static void put_result(struct coder *coder, uint32_t var, uint32_t result, uint32_t level)
{
    if (coder->reg[var] == NO_REGISTER) {
        coder->reg[var] = result;
        coder->level[var] = level;
        return;
    }
    uint32_t own = coder->level[var];
    put(coder, RUNE_RULE_EQ);
    put(coder, coder->reg[var]);
    put(coder, result);
    put(coder, target_of_level(coder, own > level ? own : level));
}

static void put_registers(struct coder *coder, const uint32_t *vars, uint32_t count)
{
    put(coder, count);
    for (uint32_t i = 0; i < count; i++) {
        put(coder, coder->reg[vars[i]]);
    }
}

/* ---- atoms ---- */

/* Columns read by a loop into registers: a variable seen for the first time gets its register; one
 * that is known or repeats gets a second one and a comparison behind the loop. */
struct reads {
    uint32_t count;
    uint32_t columns[RUNE_DL_MAX_ARITY], registers[RUNE_DL_MAX_ARITY];
    uint32_t check_count;
    uint32_t check_vars[RUNE_DL_MAX_ARITY], check_registers[RUNE_DL_MAX_ARITY];
};

static void read_column(struct coder *coder, struct reads *reads, uint32_t column, uint32_t var,
                        uint32_t level)
{
    uint32_t reg = new_register(coder);
    reads->columns[reads->count] = column;
    reads->registers[reads->count++] = reg;
    if (coder->reg[var] == NO_REGISTER) {
        coder->reg[var] = reg;
        coder->level[var] = level;
    } else {
        reads->check_vars[reads->check_count] = var;
        reads->check_registers[reads->check_count++] = reg;
    }
}

static void put_reads(struct coder *coder, const struct reads *reads, uint32_t level)
{
    put(coder, reads->count);
    for (uint32_t i = 0; i < reads->count; i++) {
        put(coder, reads->columns[i]);
        put(coder, reads->registers[i]);
    }
    for (uint32_t i = 0; i < reads->check_count; i++) {
        put(coder, RUNE_RULE_EQ);
        put(coder, coder->reg[reads->check_vars[i]]);
        put(coder, reads->check_registers[i]);
        put(coder, target_of_level(coder, level));
    }
}

/* The variables of a prefix, and of the columns to be read. */
static bool must_read(const struct coder *coder, const struct rune_dl_goal *goal, uint32_t column,
                      uint32_t prefix)
{
    uint32_t var = goal->vars[column];
    if (var == RUNE_DL_NO_VAR || (column < 32 && (prefix >> column & 1) != 0)) {
        return false;
    }
    return coder->is_bound[var] || coder->uses[var] > 1;
}

static uint32_t begin_loop(struct coder *coder)
{
    if (coder->loops >= RUNE_RULE_MAX_LOOPS) {
        coder->err = RUNE_E_LIMIT;
        return 0;
    }
    coder->loop_at[coder->loops] = here(coder);
    return coder->loops++;
}

/* What an order must be sorted by first for this search; with nothing bound, what is wanted of it,
 * so that repetitions can be skipped. LIMIT: RUNE_ORDER_MAX_PREFIX columns; the others are
 * compared. */
static uint32_t search_of(const struct coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t bound = bound_columns(coder, goal), search = 0;
    if (bound == 0) {
        for (uint32_t i = 0; i < goal->count && i < 32; i++) {
            if (is_wanted(coder, goal->vars[i])) {
                bound |= 1u << i;
            }
        }
    }
    for (uint32_t i = 0, taken = 0; i < 32 && taken < RUNE_ORDER_MAX_PREFIX; i++) {
        if ((bound >> i & 1) != 0) {
            search |= 1u << i;
            taken++;
        }
    }
    return search;
}

static enum rune_err find_order(struct coder *coder, uint32_t number, uint32_t search,
                                uint32_t *ret_order)
{
    struct rune_dl_ctx *ctx = coder->ctx;
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    if (ctx->rels.items[goal->relation].access != RUNE_DL_GROWING) {
        return rune_dl_order_for(ctx, goal->relation, search, ret_order);
    }
    enum rune_dl_range range = RUNE_DL_RANGE_ALL;
    if (coder->delta != UINT32_MAX && !goal->is_negated) {
        range = number == coder->delta  ? RUNE_DL_RANGE_NEW
                : number > coder->delta ? RUNE_DL_RANGE_OLD
                                        : RUNE_DL_RANGE_ALL;
    }
    return rune_dl_growing_order(ctx, goal->relation, search, range, ret_order);
}

static void put_stored(struct coder *coder, uint32_t number)
{
    struct rune_dl_ctx *ctx = coder->ctx;
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    bool is_growing = ctx->rels.items[goal->relation].access == RUNE_DL_GROWING;
    uint32_t bound = bound_columns(coder, goal);
    /* The new tuples of a fixpoint are few, and have no index. */
    uint32_t search =
        number == coder->delta || (is_growing && bound == 0) ? 0 : search_of(coder, goal);
    uint32_t order_id = 0;
    enum rune_err err = find_order(coder, number, search, &order_id);
    if (err != RUNE_OK) {
        coder->err = err;
        return;
    }
    const struct rune_dl_rel *rel = &ctx->rels.items[goal->relation];
    struct rune_image_order none = {0};
    const struct rune_image_order *order =
        ctx->pass == RUNE_DL_PASS_COLLECT ? &none : &ctx->orders.items[order_id];
    if (ctx->pass == RUNE_DL_PASS_COLLECT) {
        return; /* only the search counts */
    }
    uint32_t prefix_vars[RUNE_ORDER_MAX_PREFIX], prefix_count = 0, prefix = 0;
    search &= bound;
    uint32_t search_count = (uint32_t)__builtin_popcount(search);
    while (prefix_count < search_count) {
        uint32_t column = rune_order_column(order, rel->arity, prefix_count);
        prefix_vars[prefix_count++] = goal->vars[column];
        prefix |= 1u << column;
    }
    uint32_t read_count = 0;
    for (uint32_t i = 0; i < goal->count; i++) {
        read_count += must_read(coder, goal, i, prefix);
    }
    uint32_t empty = target_of_level(coder, max_level(coder, prefix_vars, prefix_count));
    if (read_count == 0) {
        put(coder, RUNE_RULE_EXISTS);
        put(coder, order_id);
        put(coder, goal->is_negated);
        put(coder, empty);
        put_registers(coder, prefix_vars, prefix_count);
        return;
    }
    uint32_t done = target_of_level(coder, coder->loops);
    uint32_t loop = begin_loop(coder);
    uint32_t level = coder->loops;
    struct reads reads = {0};
    uint32_t distinct = 0;
    for (uint32_t position = prefix_count; position < rel->arity; position++) {
        uint32_t column = rune_order_column(order, rel->arity, position);
        if (must_read(coder, goal, column, prefix)) {
            if (reads.count == position - prefix_count) {
                distinct = position + 1;
            }
            read_column(coder, &reads, position, goal->vars[column], level);
        }
    }
    /* Skipping pays, and is possible, only if all that is read leads what is not. */
    if (reads.count != distinct - prefix_count || distinct == rel->arity || is_growing) {
        distinct = 0;
    }
    put(coder, RUNE_RULE_SCAN);
    put(coder, loop);
    put(coder, order_id);
    put(coder, distinct);
    put(coder, empty);
    put(coder, done);
    put_registers(coder, prefix_vars, prefix_count);
    put_reads(coder, &reads, level);
}

/* A negated atom with more columns than an order can search is asked through a relation made for
 * it; the planner never sees one: goals with a negation read nothing. */
static void put_call(struct coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t bound = bound_columns(coder, goal);
    uint32_t first = 0, count = 0;
    enum rune_err err = rune_dl_demand_plans(coder->ctx, goal->relation, bound, &first, &count);
    if (err != RUNE_OK) {
        coder->err = err;
        return;
    }
    uint32_t arg_vars[32], arg_count = 0, read_count = 0;
    for (uint32_t i = 0; i < goal->count; i++) {
        if (i < 32 && (bound >> i & 1) != 0) {
            arg_vars[arg_count++] = goal->vars[i];
        } else {
            read_count += must_read(coder, goal, i, bound);
        }
    }
    uint32_t empty = target_of_level(coder, max_level(coder, arg_vars, arg_count));
    if (read_count == 0) {
        put(coder, RUNE_RULE_CALL);
        put(coder, first);
        put(coder, count);
        put(coder, goal->is_negated);
        put(coder, empty);
        put_registers(coder, arg_vars, arg_count);
        return;
    }
    uint32_t done = target_of_level(coder, coder->loops);
    uint32_t loop = begin_loop(coder);
    struct reads reads = {0};
    for (uint32_t i = 0; i < goal->count; i++) {
        if (must_read(coder, goal, i, bound)) {
            read_column(coder, &reads, i, goal->vars[i], coder->loops);
        }
    }
    put(coder, RUNE_RULE_CALL_SCAN);
    put(coder, loop);
    put(coder, first);
    put(coder, count);
    put(coder, empty);
    put(coder, done);
    put_registers(coder, arg_vars, arg_count);
    put_reads(coder, &reads, coder->loops);
}

static uint32_t sees_request(const struct coder *coder)
{
    return coder->ctx->rels.items[coder->rule->head].on_request ? RUNE_RULE_SEES_REQUEST : 0;
}

/* A loop over the elements of the set in `set`. */
static void put_member(struct coder *coder, uint32_t element, uint32_t set, uint32_t set_level)
{
    uint32_t done = target_of_level(coder, coder->loops);
    uint32_t loop = begin_loop(coder);
    uint32_t level = coder->loops;
    uint32_t result = new_register(coder);
    put(coder, RUNE_RULE_MEMBER);
    put(coder, loop);
    put(coder, result);
    put(coder, set);
    put(coder, target_of_level(coder, set_level));
    put(coder, done);
    put_result(coder, element, result, level);
}

/* entity.attr, entity.tag, entity.element of a known entity. */
static void put_attr(struct coder *coder, const struct rune_dl_goal *goal, bool of_elements)
{
    const struct rune_dl_rel *rel = &coder->ctx->rels.items[goal->relation];
    uint32_t level = max_level(coder, goal->vars, 1);
    uint32_t result = new_register(coder);
    uint32_t of_tags = rel->builtin == RUNE_DL_ENTITY_TAG ? RUNE_RULE_OF_TAGS : 0;
    put(coder, RUNE_RULE_ATTR);
    put(coder, result);
    put(coder, coder->reg[goal->vars[0]]);
    put(coder, rel->literal);
    put(coder, of_tags | sees_request(coder));
    put(coder, target_of_level(coder, level));
    uint32_t value = goal->vars[2];
    if (of_elements) {
        put_member(coder, value, result, level);
    } else {
        put_result(coder, value, result, level);
    }
}

static void put_request(struct coder *coder, const struct rune_dl_goal *goal)
{
    const struct rune_dl_rel *rel = &coder->ctx->rels.items[goal->relation];
    bool is_context = rel->builtin == RUNE_DL_CONTEXT;
    if (is_context && rel->literal == RUNE_TERM_NONE) {
        rune_diag_report(coder->ctx->diag, RUNE_ERROR, "RUNE-R0303", goal->span,
                         "write the key as a string", "the key of context must be a literal");
        coder->err = RUNE_E_BUNDLE;
        return;
    }
    uint32_t var = goal->vars[is_context ? 1 : 0];
    uint32_t result = result_register(coder, var);
    put(coder, is_context ? RUNE_RULE_CONTEXT : RUNE_RULE_LOAD_REQUEST);
    put(coder, result);
    put(coder, is_context ? rel->literal : (uint32_t)(rel->builtin - RUNE_DL_PRINCIPAL));
    put(coder, 0);
    put_result(coder, var, result, 0);
}

static void put_parts(struct coder *coder, const struct rune_dl_goal *goal, bool make)
{
    uint32_t level = make ? max_level(coder, goal->vars + 1, 2) : max_level(coder, goal->vars, 1);
    uint32_t first = new_register(coder), second = make ? 0 : new_register(coder);
    put(coder, make ? RUNE_RULE_ENTITY_MAKE : RUNE_RULE_ENTITY_PARTS);
    put(coder, first);
    if (make) {
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, coder->reg[goal->vars[2]]);
    } else {
        put(coder, second);
        put(coder, coder->reg[goal->vars[0]]);
    }
    put(coder, target_of_level(coder, level));
    if (make) {
        put_result(coder, goal->vars[0], first, level);
    } else {
        put_result(coder, goal->vars[1], first, level);
        put_result(coder, goal->vars[2], second, level);
    }
}

static void put_atom(struct coder *coder, uint32_t number)
{
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    const struct rune_dl_rel *rel = &coder->ctx->rels.items[goal->relation];
    if (rel->is_partial || rel->is_unsure) {
        /* Under a negation, what is missing makes the answer unsure, too. */
        put(coder, RUNE_RULE_MARK);
        put(coder, (rel->is_partial ? (uint32_t)RUNE_RULE_MARK_PARTIAL : 0) |
                       (rel->is_unsure || goal->is_negated ? (uint32_t)RUNE_RULE_MARK_UNSURE : 0));
    }
    switch (atom_kind(coder, goal)) {
    case ATOM_STORED:
        put_stored(coder, number);
        break;
    case ATOM_CALL:
        put_call(coder, goal);
        break;
    case ATOM_REQUEST:
    case ATOM_CONTEXT:
        put_request(coder, goal);
        break;
    case ATOM_ENTITY:
        put(coder, RUNE_RULE_ENTITY_EXISTS);
        put(coder, coder->reg[goal->vars[0]]);
        put(coder, target_of_level(coder, max_level(coder, goal->vars, 1)));
        break;
    case ATOM_ATTR:
        put_attr(coder, goal, false);
        break;
    case ATOM_ELEMENT:
        put_attr(coder, goal, true);
        break;
    case ATOM_PARTS:
        put_parts(coder, goal, false);
        break;
    case ATOM_MAKE:
        put_parts(coder, goal, true);
        break;
    }
}

/* ---- other goals ---- */

static void put_equal(struct coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t a = goal->vars[0], b = goal->vars[1];
    if (goal->kind == RUNE_DL_GOAL_EQ &&
        (coder->reg[a] == NO_REGISTER || coder->reg[b] == NO_REGISTER)) {
        uint32_t known = coder->reg[a] == NO_REGISTER ? b : a, other = known == a ? b : a;
        coder->reg[other] = coder->reg[known];
        coder->level[other] = coder->level[known];
        return;
    }
    put(coder, goal->kind == RUNE_DL_GOAL_EQ ? RUNE_RULE_EQ : RUNE_RULE_NE);
    put(coder, coder->reg[a]);
    put(coder, coder->reg[b]);
    put(coder, target_of_level(coder, max_level(coder, goal->vars, 2)));
}

static void put_computed(struct coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t level = max_level(coder, goal->vars + 1, goal->count - 1);
    uint32_t target = target_of_level(coder, level);
    uint32_t result = result_register(coder, goal->vars[0]);
    switch (goal->kind) {
    case RUNE_DL_GOAL_ARITH:
        put(coder, RUNE_RULE_ARITH);
        put(coder, goal->op);
        put(coder, result);
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, coder->reg[goal->vars[2]]);
        put(coder, target);
        break;
    case RUNE_DL_GOAL_NEGATE:
        put(coder, RUNE_RULE_NEGATE);
        put(coder, result);
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, target);
        break;
    case RUNE_DL_GOAL_INDEX:
        put(coder, RUNE_RULE_INDEX);
        put(coder, result);
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, goal->term);
        put(coder, target);
        break;
    default:
        put(coder, RUNE_RULE_FUNCTION);
        put(coder, goal->op);
        put(coder, result);
        put(coder, target);
        put_registers(coder, goal->vars + 1, goal->count - 1);
        break;
    }
    put_result(coder, goal->vars[0], result, level);
}

static void put_aggregate(struct coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t group = goal->count - 1, first = 0, count = 0;
    uint32_t bound = group == 32 ? UINT32_MAX : (1u << group) - 1;
    enum rune_err err = rune_dl_demand_plans(coder->ctx, goal->relation, bound, &first, &count);
    if (err != RUNE_OK) {
        coder->err = err;
        return;
    }
    uint32_t level = max_level(coder, goal->vars + 1, group);
    uint32_t result = result_register(coder, goal->vars[0]);
    put(coder, RUNE_RULE_AGGREGATE);
    put(coder, goal->op);
    put(coder, result);
    put(coder, first);
    put(coder, count);
    put(coder, target_of_level(coder, level));
    put_registers(coder, goal->vars + 1, group);
    put_result(coder, goal->vars[0], result, level);
}

static void put_test(struct coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t target = target_of_level(coder, max_level(coder, goal->vars, goal->count));
    uint32_t negated = goal->is_negated ? RUNE_RULE_NEGATED : 0;
    switch (goal->kind) {
    case RUNE_DL_GOAL_COMPARE:
        put(coder, RUNE_RULE_COMPARE);
        put(coder, goal->op);
        put(coder, coder->reg[goal->vars[0]]);
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, target);
        break;
    case RUNE_DL_GOAL_TEST:
        put(coder, RUNE_RULE_TEST);
        put(coder, goal->op);
        put(coder, negated);
        put(coder, target);
        put_registers(coder, goal->vars, goal->count);
        break;
    case RUNE_DL_GOAL_IN:
        put(coder, RUNE_RULE_IN);
        put(coder, coder->reg[goal->vars[0]]);
        put(coder, negated | sees_request(coder));
        put(coder, target);
        put_registers(coder, goal->vars + 1, goal->count - 1);
        break;
    case RUNE_DL_GOAL_IN_SET:
        put(coder, RUNE_RULE_IN_SET);
        put(coder, coder->reg[goal->vars[0]]);
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, negated | sees_request(coder));
        put(coder, target);
        break;
    default:
        put(coder, RUNE_RULE_IS);
        put(coder, coder->reg[goal->vars[0]]);
        put(coder, goal->term);
        put(coder, negated);
        put(coder, target);
        break;
    }
}

static void put_goal(struct coder *coder, uint32_t number)
{
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    put_span(coder, goal->span);
    if (is_member_loop(coder, goal)) {
        put_member(coder, goal->vars[1], coder->reg[goal->vars[0]],
                   max_level(coder, goal->vars, 1));
        return;
    }
    switch (goal->kind) {
    case RUNE_DL_GOAL_ATOM:
        put_atom(coder, number);
        break;
    case RUNE_DL_GOAL_EQ:
    case RUNE_DL_GOAL_NE:
        put_equal(coder, goal);
        break;
    case RUNE_DL_GOAL_ARITH:
    case RUNE_DL_GOAL_NEGATE:
    case RUNE_DL_GOAL_INDEX:
    case RUNE_DL_GOAL_FUNCTION:
        put_computed(coder, goal);
        break;
    case RUNE_DL_GOAL_AGGREGATE:
        put_aggregate(coder, goal);
        break;
    default:
        put_test(coder, goal);
        break;
    }
}

/* ---- programs ---- */

static void put_head(struct coder *coder)
{
    const struct rune_dl_plan_rule *rule = coder->rule;
    put(coder, RUNE_RULE_RETURN);
    coder->registers = (uint32_t)__builtin_popcount(coder->bound);
    for (uint32_t i = 0; i < rule->var_count; i++) {
        if (rule->vars[i].is_constant && coder->uses[i] > 0) {
            coder->reg[i] = new_register(coder);
            put(coder, RUNE_RULE_CONST);
            put(coder, coder->reg[i]);
            put(coder, rule->vars[i].term);
        }
    }
    for (uint32_t i = 0, argument = 0; i < rule->arity && i < 32; i++) {
        if ((coder->bound >> i & 1) != 0) {
            put_result(coder, rule->head_vars[i], argument++, 0);
        }
    }
}

static enum rune_err stuck(struct coder *coder)
{
    const struct rune_dl_rule *source = coder->rule->source;
    rune_diag_report(coder->ctx->diag, RUNE_ERROR, "RUNE-R0302",
                     source == NULL ? RUNE_SPAN_NONE : source->head_span,
                     "bind every variable by an atom of the body",
                     "this rule's goals cannot be put into an order");
    return RUNE_E_BUNDLE;
}

static enum rune_err put_body(struct coder *coder)
{
    if (coder->delta != UINT32_MAX) {
        put_goal(coder, coder->delta);
        take_goal(coder, coder->delta);
    }
    uint32_t left = coder->rule->goal_count - (coder->delta != UINT32_MAX ? 1 : 0);
    for (; left > 0 && coder->err == RUNE_OK; left--) {
        double cost;
        uint32_t next = choose_goal(coder, &cost);
        if (next == UINT32_MAX) {
            return stuck(coder);
        }
        coder->rows *= cost < 0.5 ? 1 : cost < 1 ? 0.9 : cost;
        put_goal(coder, next);
        take_goal(coder, next);
    }
    return coder->err;
}

/* Appends the finished program to the others. */
static enum rune_err append_program(struct coder *coder, struct rune_image_plan *plan)
{
    struct rune_dl_ctx *ctx = coder->ctx;
    size_t at = ctx->code.count;
    if (at + coder->code.count > UINT32_MAX) {
        return RUNE_E_LIMIT;
    }
    if (!RUNE_VEC_RESERVE(&ctx->code, at + coder->code.count) ||
        !RUNE_VEC_RESERVE(&ctx->spans, ctx->spans.count + coder->spans.count)) {
        return RUNE_E_NOMEM;
    }
    memcpy(ctx->code.items + at, coder->code.items, coder->code.count * sizeof(uint32_t));
    ctx->code.count += coder->code.count;
    for (size_t i = 0; i < coder->spans.count; i++) {
        coder->spans.items[i].code += (uint32_t)at;
        ctx->spans.items[ctx->spans.count++] = coder->spans.items[i];
    }
    plan->code = (uint32_t)at;
    plan->code_length = (uint32_t)coder->code.count;
    return RUNE_OK;
}

enum rune_err rune_dl_code_rule(struct rune_dl_ctx *ctx, uint32_t number, uint32_t bound,
                                uint32_t delta, struct rune_image_plan *ret_plan)
{
    struct coder coder;
    const struct rune_dl_plan_rule *rule = &ctx->rules.items[number];
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    enum rune_err err = coder_init(&coder, ctx, rule, bound, delta);
    if (err != RUNE_OK) {
        goto out;
    }
    put_head(&coder);
    err = put_body(&coder);
    if (err != RUNE_OK) {
        goto out;
    }
    if (ctx->pass != RUNE_DL_PASS_COLLECT) {
        put(&coder, RUNE_RULE_EMIT);
        put(&coder, target_of_level(&coder, max_level(&coder, rule->head_vars, rule->arity)));
        put_registers(&coder, rule->head_vars, rule->arity);
    }
    put(&coder, RUNE_RULE_RETURN);
    *ret_plan = (struct rune_image_plan){
        .relation = rule->head,
        .bound = bound,
        .rule = rule->number,
        .registers = coder.registers,
        .flags = coder.loops,
        .rows = coder.rows < UINT32_MAX ? (uint32_t)(coder.rows + 0.5) : UINT32_MAX};
    err = coder.err == RUNE_OK ? append_program(&coder, ret_plan) : coder.err;
out:
    RUNE_VEC_FINI(&coder.code);
    RUNE_VEC_FINI(&coder.spans);
    rune_arena_rewind(&ctx->scratch, mark);
    return err;
}

enum rune_err rune_dl_demand_plans(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t bound,
                                   uint32_t *ret_first, uint32_t *ret_count)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    for (size_t i = 0; i < rel->demands.count; i++) {
        if (rel->demands.items[i].bound == bound) {
            *ret_first = rel->demands.items[i].first;
            *ret_count = rel->demands.items[i].count;
            return RUNE_OK;
        }
    }
    struct rune_dl_demand demand = {bound, (uint32_t)ctx->plans.count, rel->rule_count};
    if (!RUNE_VEC_PUSH(&rel->demands, demand) ||
        !RUNE_VEC_RESERVE(&ctx->plans, ctx->plans.count + demand.count)) {
        return RUNE_E_NOMEM;
    }
    memset(ctx->plans.items + demand.first, 0, demand.count * sizeof(ctx->plans.items[0]));
    ctx->plans.count += demand.count;
    for (uint32_t i = 0; i < demand.count; i++) {
        struct rune_image_plan plan;
        enum rune_err err = rune_dl_code_rule(ctx, ctx->rels.items[relation].first_rule + i, bound,
                                              UINT32_MAX, &plan);
        if (err != RUNE_OK) {
            return err;
        }
        ctx->plans.items[demand.first + i] = plan;
    }
    *ret_first = demand.first;
    *ret_count = demand.count;
    return RUNE_OK;
}
