/* SPDX-License-Identifier: Apache-2.0 */
/* join: greedy. What only checks or computes goes as soon as its variables are known; otherwise the
 * atom that is expected to give the fewest tuples goes next, by the real counts of stored relations
 * (tuples / distinct values of the bound columns) and by the same estimate of the plans of demanded
 * ones.
 *
 * A goal's cost depends on which of its variables are known, and on nothing else of the order. So
 * goals stand in a heap by their cost, and a variable that becomes known has the goals in which it
 * occurs weighed again: a rule of ten thousand goals takes as long as a thousand rules of ten. A
 * few goals are looked through one by one. */
#include "datalog/join.h"

#include <string.h>

#define MAX_ESTIMATE_DEPTH 6u
#define LARGE_RECURSION \
    65536u /* tuples of a recursion that gets a further order only where a decision needs it */
#define NOT_YET     (-1.0) /* the cost of a goal that cannot be taken */
#define CALL_FACTOR 4.0    /* a call is dearer than a scan of as many tuples */
#define CALL_MORE   4.0
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
           !goal->is_negated && !rune_dl_join_knows(join, goal->vars[1]) &&
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
        return NOT_YET;
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
    return 0.5 + (kind == RUNE_DL_ATOM_CALL ? CALL_FACTOR * rows + CALL_MORE : rows);
}

/* The tuples of a goal that is taken at this cost, as things stand. */
static double rows_at(const struct rune_dl_join *join, const struct rune_dl_goal *goal, double cost)
{
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

/* What taking the goal next would cost, as tuples for each so far; NOT_YET: not possible. Below
 * 0.5: at once. */
static double goal_cost(struct rune_dl_join *join, const struct rune_dl_goal *goal)
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
        return knows_one ? 0.001 : NOT_YET;
    }
    return goal->kind == RUNE_DL_GOAL_AGGREGATE ? 0.97 : 0.01;
}

/* ---- the order: few goals ---- */

#define FEW_GOALS 16u

/* A bit for each variable; variables may share one. */
static uint64_t bits_of(const struct rune_dl_goal *goal)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < goal->count; i++) {
        bits |= goal->vars[i] != RUNE_DL_NO_VAR ? UINT64_C(1) << goal->vars[i] % 64 : 0;
    }
    return bits;
}

static void add_to_order(struct rune_dl_join *join, uint32_t goal, double cost)
{
    join->order[join->count] = goal;
    join->rows[join->count++] = rows_at(join, &join->rule->goals[goal], cost);
    rune_dl_join_take(join, goal);
}

/* The cheapest of the goals in `todo`, or UINT32_MAX. */
static uint32_t find_cheapest(const double *costs, uint32_t todo)
{
    uint32_t best = UINT32_MAX;
    for (; todo != 0; todo &= todo - 1) {
        uint32_t goal = (uint32_t)__builtin_ctz(todo);
        if (costs[goal] >= 0 && (best == UINT32_MAX || costs[goal] < costs[best])) {
            best = goal;
        }
    }
    return best;
}

static void find_among_few(struct rune_dl_join *join, uint32_t first)
{
    const struct rune_dl_plan_rule *rule = join->rule;
    double costs[FEW_GOALS];
    uint64_t bits[FEW_GOALS];
    uint32_t todo = (1u << rule->goal_count) - 1;
    if (first != UINT32_MAX) {
        todo &= ~(1u << first);
        add_to_order(join, first, 1);
    }
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        bits[g] = bits_of(&rule->goals[g]);
        costs[g] = g != first ? goal_cost(join, &rule->goals[g]) : NOT_YET;
    }
    for (uint32_t best; (best = find_cheapest(costs, todo)) != UINT32_MAX;) {
        add_to_order(join, best, costs[best]);
        todo &= ~(1u << best);
        for (uint32_t left = todo; left != 0; left &= left - 1) {
            uint32_t goal = (uint32_t)__builtin_ctz(left);
            if ((bits[goal] & bits[best]) != 0 && !rule->goals[best].is_negated) {
                costs[goal] = goal_cost(join, &rule->goals[goal]);
            }
        }
    }
}

/* ---- the order: many goals ---- */

/* A goal at the cost it had when it was put here; it counts if that is still its cost. */
struct offer {
    double cost;
    uint32_t goal;
};

struct search {
    struct rune_dl_join *join;
    double *cost;     /* by goal */
    bool *is_done;    /* by goal */
    uint32_t *starts; /* by variable: its occurrences in `goals` */
    uint32_t *goals;
    struct offer *heap; /* cheapest first; equal: in order of the text */
    uint32_t heap_count;
};

static bool is_before(const struct offer *a, const struct offer *b)
{
    return a->cost < b->cost || (a->cost <= b->cost && a->goal < b->goal);
}

static void heap_push(struct search *search, struct offer offer)
{
    uint32_t at = search->heap_count++;
    for (uint32_t up; at > 0 && is_before(&offer, &search->heap[up = (at - 1) / 2]); at = up) {
        search->heap[at] = search->heap[up];
    }
    search->heap[at] = offer;
}

static struct offer heap_pop(struct search *search)
{
    struct offer top = search->heap[0];
    struct offer last = search->heap[--search->heap_count];
    uint32_t at = 0;
    for (uint32_t down; (down = 2 * at + 1) < search->heap_count; at = down) {
        if (down + 1 < search->heap_count &&
            is_before(&search->heap[down + 1], &search->heap[down])) {
            down++;
        }
        if (!is_before(&search->heap[down], &last)) {
            break;
        }
        search->heap[at] = search->heap[down];
    }
    search->heap[at] = last;
    return top;
}

static void weigh(struct search *search, uint32_t goal)
{
    double cost = goal_cost(search->join, &search->join->rule->goals[goal]);
    if (cost < 0 || (cost >= search->cost[goal] && cost <= search->cost[goal])) {
        return; /* not yet, or as before */
    }
    search->cost[goal] = cost;
    heap_push(search, (struct offer){cost, goal});
}

/* Goals in which a variable of the one just taken occurs. `known`: what was known before. */
static void weigh_neighbours(struct search *search, uint32_t goal, const bool *known)
{
    const struct rune_dl_goal *taken = &search->join->rule->goals[goal];
    for (uint32_t i = 0; i < taken->count && !taken->is_negated; i++) {
        uint32_t var = taken->vars[i];
        if (var == RUNE_DL_NO_VAR || known[i]) {
            continue;
        }
        for (uint32_t o = search->starts[var]; o < search->starts[var + 1]; o++) {
            if (!search->is_done[search->goals[o]]) {
                weigh(search, search->goals[o]);
            }
        }
    }
}

static enum rune_err take_and_weigh(struct search *search, uint32_t goal, double cost)
{
    struct rune_dl_join *join = search->join;
    const struct rune_dl_goal *taken = &join->rule->goals[goal];
    bool few[8];
    bool *known = taken->count <= 8
                      ? few
                      : rune_arena_alloc(&join->ctx->scratch, taken->count * sizeof(bool));
    if (known == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < taken->count; i++) {
        known[i] = rune_dl_join_knows(join, taken->vars[i]);
    }
    search->is_done[goal] = true;
    add_to_order(join, goal, cost);
    weigh_neighbours(search, goal, known);
    return RUNE_OK;
}

/* Where each variable occurs. */
static enum rune_err search_init(struct search *search, struct rune_dl_join *join)
{
    const struct rune_dl_plan_rule *rule = join->rule;
    struct rune_arena *arena = &join->ctx->scratch;
    uint32_t total = 0;
    *search = (struct search){.join = join};
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        total += rule->goals[g].count;
    }
    search->starts = RUNE_ARENA_ARRAY(arena, uint32_t, rule->var_count + 2);
    search->goals = rune_arena_alloc(arena, ((size_t)total + 1) * sizeof(uint32_t));
    search->cost = rune_arena_alloc(arena, ((size_t)rule->goal_count + 1) * sizeof(double));
    search->is_done = RUNE_ARENA_ARRAY(arena, bool, rule->goal_count + 1);
    search->heap =
        rune_arena_alloc(arena, ((size_t)total + rule->goal_count + 1) * sizeof(struct offer));
    if (rune_arena_failed(arena)) {
        return RUNE_E_NOMEM;
    }
    uint32_t *starts = search->starts + 1;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        search->cost[g] = NOT_YET;
        for (uint32_t i = 0; i < rule->goals[g].count; i++) {
            uint32_t var = rule->goals[g].vars[i];
            if (var != RUNE_DL_NO_VAR && var + 1 < rule->var_count) {
                starts[var + 1]++;
            }
        }
    }
    for (uint32_t v = 1; v < rule->var_count; v++) {
        starts[v] += starts[v - 1];
    }
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        for (uint32_t i = 0; i < rule->goals[g].count; i++) {
            uint32_t var = rule->goals[g].vars[i];
            if (var != RUNE_DL_NO_VAR) {
                search->goals[starts[var]++] = g;
            }
        }
    }
    return RUNE_OK;
}

static enum rune_err find_among_many(struct rune_dl_join *join, uint32_t first)
{
    struct search search;
    enum rune_err err = search_init(&search, join);
    if (err != RUNE_OK) {
        return err;
    }
    if (first != UINT32_MAX) {
        search.is_done[first] = true;
        add_to_order(join, first, 1);
    }
    for (uint32_t g = 0; g < join->rule->goal_count; g++) {
        if (g != first) {
            weigh(&search, g);
        }
    }
    while (search.heap_count > 0 && err == RUNE_OK) {
        struct offer offer = heap_pop(&search);
        bool is_current = offer.cost >= search.cost[offer.goal] &&
                          offer.cost <= search.cost[offer.goal] && !search.is_done[offer.goal];
        if (is_current) {
            err = take_and_weigh(&search, offer.goal, offer.cost);
        }
    }
    return err;
}

/* What is known before any goal is taken. */
static void know_at_first(struct rune_dl_join *join)
{
    const struct rune_dl_plan_rule *rule = join->rule;
    for (uint32_t i = 0; i < rule->var_count; i++) {
        join->is_bound[i] = rule->vars[i].is_constant;
    }
    for (uint32_t bound = join->bound; bound != 0; bound &= bound - 1) {
        join->is_bound[rule->head_vars[__builtin_ctz(bound)]] = true;
    }
}

enum rune_err rune_dl_join_find(struct rune_dl_join *join, uint32_t first)
{
    enum rune_err err = RUNE_OK;
    join->count = 0;
    if (join->rule->goal_count <= FEW_GOALS) {
        find_among_few(join, first);
    } else {
        err = find_among_many(join, first);
    }
    join->is_whole = join->count == join->rule->goal_count;
    know_at_first(join);
    return err;
}

void rune_dl_join_take(struct rune_dl_join *join, uint32_t goal)
{
    const struct rune_dl_goal *taken = &join->rule->goals[goal];
    for (uint32_t i = 0; i < taken->count && !taken->is_negated; i++) {
        if (taken->vars[i] != RUNE_DL_NO_VAR) {
            join->is_bound[taken->vars[i]] = true;
        }
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
    know_at_first(join);
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
