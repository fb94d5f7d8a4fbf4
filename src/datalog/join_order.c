/* SPDX-License-Identifier: Apache-2.0 */
/* join_order: the search for an order, greedy: the cheapest goal goes next.
 *
 * A goal's cost depends on what is known of its variables, and on nothing else of the order. So
 * goals stand in a heap by their cost, and a variable of which more becomes known has the goals in
 * which it occurs weighed again: a rule of ten thousand goals takes as long as a thousand rules of
 * ten. A few goals are looked through one by one. */
#include "datalog/join.h"

#include <string.h>

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
    join->rows[join->count++] = rune_dl_join_rows_at(join, &join->rule->goals[goal], cost);
    rune_dl_join_take(join, goal);
}

/* New tuples of a recursion come in groups that differ in their last column only (growing.h). An
 * atom that does not ask for that column is searched once a group; all that follows is done as
 * often as before, so that it may give only little more. */
#define SEARCHED_ONCE 1.25

/* The cost of an atom behind the new tuples of `first`. */
static double cost_a_group(const struct rune_dl_goal *goal, const struct rune_dl_goal *first,
                           double cost)
{
    uint32_t c = 0;
    while (c < goal->count && first->count > 1 && goal->vars[c] != first->vars[first->count - 1]) {
        c++;
    }
    return c == goal->count && goal->kind == RUNE_DL_GOAL_ATOM ? cost / SEARCHED_ONCE : cost;
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
    double costs[FEW_GOALS], first_costs[FEW_GOALS]; /* the latter of what comes second */
    uint64_t bits[FEW_GOALS];
    uint32_t todo = (1u << rule->goal_count) - 1;
    if (first != UINT32_MAX) {
        todo &= ~(1u << first);
        add_to_order(join, first, 1);
    }
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        bits[g] = bits_of(&rule->goals[g]);
        costs[g] = g != first ? rune_dl_join_cost(join, &rule->goals[g]) : RUNE_DL_NOT_YET;
        first_costs[g] = first == UINT32_MAX
                             ? costs[g]
                             : cost_a_group(&rule->goals[g], &rule->goals[first], costs[g]);
    }
    const double *now = first_costs;
    for (uint32_t best; (best = find_cheapest(now, todo)) != UINT32_MAX; now = costs) {
        add_to_order(join, best, costs[best]);
        todo &= ~(1u << best);
        for (uint32_t left = todo; left != 0; left &= left - 1) {
            uint32_t goal = (uint32_t)__builtin_ctz(left);
            if ((bits[goal] & bits[best]) != 0 && !rule->goals[best].is_negated) {
                costs[goal] = rune_dl_join_cost(join, &rule->goals[goal]);
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
    double cost = rune_dl_join_cost(search->join, &search->join->rule->goals[goal]);
    if (cost < 0 || (cost >= search->cost[goal] && cost <= search->cost[goal])) {
        return; /* not yet, or as before */
    }
    search->cost[goal] = cost;
    heap_push(search, (struct offer){cost, goal});
}

/* Goals in which a variable of the one just taken occurs. `settled`: of which nothing more could be
 * known. */
static void weigh_neighbours(struct search *search, uint32_t goal, const bool *settled)
{
    const struct rune_dl_goal *taken = &search->join->rule->goals[goal];
    for (uint32_t i = 0; i < taken->count && !taken->is_negated; i++) {
        uint32_t var = taken->vars[i];
        if (var == RUNE_DL_NO_VAR || settled[i]) {
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
    bool few[8] = {false};
    bool *settled = taken->count <= 8
                        ? few
                        : rune_arena_alloc(&join->ctx->scratch, taken->count * sizeof(bool));
    if (settled == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < taken->count; i++) {
        uint32_t var = taken->vars[i];
        settled[i] = rune_dl_join_knows(join, var) &&
                     !(join->waits && var != RUNE_DL_NO_VAR && join->only_asked[var]);
    }
    search->is_done[goal] = true;
    add_to_order(join, goal, cost);
    weigh_neighbours(search, goal, settled);
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
        search->cost[g] = RUNE_DL_NOT_YET;
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
    rune_dl_join_restart(join);
    return err;
}
