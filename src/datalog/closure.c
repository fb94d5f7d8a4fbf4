/* SPDX-License-Identifier: Apache-2.0 */
/* closure: binary recursions by rows instead of rounds.
 *
 * A relation p(X, Z) whose rules are exits (no p in the body) and steps of one direction
 *
 *     p(X, Z) :- p(X, Y), ..Y..Z..        left: X passes through
 *     p(X, Z) :- ..X..Y.., p(Y, Z)        right: Z passes through
 *     p(X, Z) :- p(X, Y), p(Y, Z)         both: the closure of the exits, which are then the steps
 *
 * falls into rows, one for each value that passes through, that know nothing of each other: a row
 * is what is reached from the exit's row by steps. Each is searched breadth first with a bitmap of
 * values already there, sorted (by reading the bitmap where it is dense) and appended; nothing is
 * ever looked up among all tuples, and four bytes a tuple are all that is written. Values on a
 * cycle reach the same: in a closure of the exits, a search that comes to a value whose row is
 * known and has the search's own beginning copies that row and ends. A right recursion whose exit
 * and step are the same tuples is a left one; any other is searched over the reversed steps and
 * gives the order sorted by Z. */
#include <stdlib.h>
#include <string.h>

#include "datalog/evaluate_int.h"

enum direction { LEFT, RIGHT, BOTH };

#define MAX_RANGE (1u << 28) /* LIMIT: spread of values; a bitmap and offsets of them are kept */

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

static uint32_t count_self(const struct rune_dl_plan_rule *rule, uint32_t *ret_goal)
{
    uint32_t count = 0;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        if (is_self(rule, &rule->goals[g])) {
            *ret_goal = count++ == 0 ? g : *ret_goal;
        }
    }
    return count;
}

/* A rule of its own for exit or step: the goals but `skipped`, the head (first, second). */
static bool part_of(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule, uint32_t skipped,
                    uint32_t first, uint32_t second, struct rune_dl_plan_rule *ret_part)
{
    struct rune_dl_plan_rule part = *rule;
    part.head_vars = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, 2);
    part.goals = RUNE_ARENA_ARRAY(&ctx->arena, struct rune_dl_goal, part.goal_count + 1);
    if (part.head_vars == NULL || part.goals == NULL) {
        return false;
    }
    part.goal_count = 0;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        if (g != skipped) {
            part.goals[part.goal_count++] = rule->goals[g];
        }
    }
    part.head_vars[0] = first;
    part.head_vars[1] = second;
    *ret_part = part;
    return true;
}

/* Whether a rule with p in its body is a step, and in which direction. */
static bool recognise_rule(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                           enum direction *ret_direction)
{
    uint32_t self = 0, count = count_self(rule, &self);
    uint32_t x = rule->head_vars[0], z = rule->head_vars[1];
    if (x == z || rule->vars[x].is_constant || rule->vars[z].is_constant) {
        return false;
    }
    const uint32_t *vars = rule->goals[self].vars;
    if (count == 2 && rule->goal_count == 2) {
        const uint32_t *first = rule->goals[0].vars, *second = rule->goals[1].vars;
        if (first[0] != x) {
            const uint32_t *swap = first;
            first = second;
            second = swap;
        }
        *ret_direction = BOTH;
        return first[0] == x && second[1] == z && first[1] == second[0] && first[1] != x &&
               first[1] != z && !rule->vars[first[1]].is_constant && occurrences(rule, x) == 2 &&
               occurrences(rule, z) == 2 && occurrences(rule, first[1]) == 2;
    }
    if (count != 1) {
        return false;
    }
    bool left = vars[0] == x && vars[1] != x && vars[1] != z && occurrences(rule, x) == 2;
    bool right = vars[1] == z && vars[0] != x && vars[0] != z && occurrences(rule, z) == 2;
    *ret_direction = left ? LEFT : RIGHT;
    if (left == right || rule->vars[vars[left ? 1 : 0]].is_constant) {
        return false;
    }
    /* Without p, the other goals must bind both ends of the step. */
    struct rune_dl_plan_rule part;
    return part_of(ctx, rule, self, left ? vars[1] : x, left ? z : vars[0], &part) &&
           rune_dl_join_is_safe(ctx, &part);
}

/* All rules agree in direction. *ret_exits: how many are none. */
static bool recognise(struct rune_dl_ctx *ctx, const struct rune_dl_rel *rel,
                      enum direction *ret_direction)
{
    bool has_step = false;
    if (rel->arity != 2) {
        return false;
    }
    for (uint32_t r = 0; r < rel->rule_count; r++) {
        const struct rune_dl_plan_rule *rule = &ctx->rules.items[rel->first_rule + r];
        uint32_t self;
        enum direction direction;
        if (count_self(rule, &self) == 0) {
            continue;
        }
        if (!recognise_rule(ctx, rule, &direction) || (has_step && direction != *ret_direction)) {
            return false;
        }
        *ret_direction = direction;
        has_step = true;
    }
    return has_step;
}

/* ---- exits and steps as relations ---- */

/* The stored relation that a rule merely copies: `p(X, Y) :- e(X, Y).` */
static uint32_t copied_relation(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                                uint32_t first, uint32_t second, uint32_t skipped)
{
    uint32_t goal = UINT32_MAX;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        if (g != skipped) {
            goal = goal == UINT32_MAX ? g : UINT32_MAX - 1;
        }
    }
    if (goal >= UINT32_MAX - 1) {
        return UINT32_MAX;
    }
    const struct rune_dl_goal *atom = &rule->goals[goal];
    bool copies = atom->kind == RUNE_DL_GOAL_ATOM && !atom->is_negated && atom->count == 2 &&
                  first != second && atom->vars[0] == first && atom->vars[1] == second &&
                  !rule->vars[first].is_constant && !rule->vars[second].is_constant &&
                  ctx->rels.items[atom->relation].access == RUNE_DL_STORED;
    return copies ? atom->relation : UINT32_MAX;
}

static enum rune_err add_part(struct rune_dl_ctx *ctx, uint32_t rule, uint32_t skipped,
                              uint32_t first, uint32_t second, uint32_t relation)
{
    struct rune_dl_plan_rule part;
    if (!part_of(ctx, &ctx->rules.items[rule], skipped, first, second, &part)) {
        return RUNE_E_NOMEM;
    }
    part.head = relation;
    ctx->rels.items[relation].rule_count++;
    return RUNE_VEC_PUSH(&ctx->rules, part) ? RUNE_OK : RUNE_E_NOMEM;
}

/* The exits (`steps` false) or steps of a relation, as a stored relation. */
static enum rune_err make_part(struct rune_dl_ctx *ctx, uint32_t relation, bool steps,
                               enum direction direction, uint32_t *ret_relation)
{
    uint32_t first_rule = ctx->rels.items[relation].first_rule,
             rule_count = ctx->rels.items[relation].rule_count;
    uint32_t found = 0, copied = UINT32_MAX, part = UINT32_MAX;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t r = first_rule; r < first_rule + rule_count; r++) {
            const struct rune_dl_plan_rule *rule = &ctx->rules.items[r];
            uint32_t self = UINT32_MAX;
            if ((count_self(rule, &self) > 0) != steps) {
                continue;
            }
            uint32_t first = rule->head_vars[0], second = rule->head_vars[1];
            if (steps) {
                first = direction == LEFT ? rule->goals[self].vars[1] : first;
                second = direction == LEFT ? second : rule->goals[self].vars[0];
            }
            if (pass == 0) {
                found++;
                copied = copied_relation(ctx, rule, first, second, self);
                continue;
            }
            enum rune_err err = add_part(ctx, r, self, first, second, part);
            if (err != RUNE_OK) {
                return err;
            }
        }
        if (pass == 0) {
            if (found == 1 && copied != UINT32_MAX) {
                *ret_relation = copied;
                return RUNE_OK;
            }
            const char *name = rune_arena_printf(
                &ctx->arena, "%.*s {%s}", (int)ctx->rels.items[relation].name.length,
                ctx->rels.items[relation].name.data, steps ? "steps" : "exits");
            enum rune_err err =
                name == NULL
                    ? RUNE_E_NOMEM
                    : rune_dl_rel_add(ctx, (struct rune_str){name, strlen(name)}, 2, &part);
            if (err != RUNE_OK) {
                return err;
            }
            ctx->rels.items[part].first_rule = (uint32_t)ctx->rules.count;
            ctx->rels.items[part].is_scaffold = true;
        }
    }
    *ret_relation = part;
    return rune_dl_compute(ctx, part);
}

/* ---- rows ---- */

/* Rows of a stored order with the given column first. */
struct rows {
    const uint32_t *keys; /* SPARSE, else NULL */
    const uint32_t *starts;
    const uint32_t *values;
    const uint32_t *directory;
    uint32_t block_count, shift; /* of it */
    uint32_t key_min, key_count;
};

static enum rune_err find_rows(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t key_column,
                               struct rows *ret)
{
    uint32_t id;
    enum rune_err err = rune_dl_order_for(ctx, relation, 1u << key_column, &id);
    if (err != RUNE_OK) {
        return err;
    }
    const struct rune_image_order *order = &ctx->orders.items[id];
    struct rune_order_arrays arrays = rune_order_arrays(order, 0);
    *ret = (struct rows){.keys = arrays.keys,
                         .starts = arrays.starts,
                         .values = arrays.columns,
                         .directory = arrays.directory,
                         .block_count = order->block_count,
                         .shift = order->shift,
                         .key_min = order->key_min,
                         .key_count = order->key_count};
    return RUNE_OK;
}

struct search {
    struct rune_dl_ctx *ctx;
    struct rows exits, steps;
    rune_term least; /* of all values */
    uint32_t range;
    uint32_t *step_starts; /* by value minus least: two a value, where its steps begin and end */
    uint64_t *seen;        /* bitmap */
    uint32_t *row;         /* values minus least */
    uint32_t row_count;
    /* where exits are steps, by value minus least: 1 + a key on a cycle with it, whose row is the
     * same; 0: none is known. Else NULL */
    uint32_t *same_row;
    bool has_same;                  /* there is one at all */
    uint32_t *words;                /* the order in the making */
    uint64_t count, capacity, head; /* tuples; words before the first */
};

static void widen(const uint32_t *values, uint64_t count, rune_term *least, rune_term *most)
{
    for (uint64_t i = 0; i < count; i++) {
        *least = values[i] < *least ? values[i] : *least;
        *most = values[i] > *most ? values[i] : *most;
    }
}

static rune_term key_of(const struct rows *rows, uint32_t key)
{
    return rows->keys != NULL ? rows->keys[key] : rows->key_min + key;
}

/* False: values too far apart, or no memory (then err). */
static bool search_init(struct search *search, uint64_t exit_count, uint64_t step_count,
                        enum rune_err *ret_err)
{
    rune_term least = UINT32_MAX, most = 0;
    widen(search->exits.values, exit_count, &least, &most);
    widen(search->steps.values, step_count, &least, &most);
    if (most < least) {
        least = most = 0;
    }
    search->least = least;
    search->range = most - least + 1;
    *ret_err = RUNE_OK;
    if (most - least >= MAX_RANGE) {
        return false;
    }
    search->step_starts = rune_calloc((size_t)search->range + 1, 2 * sizeof(uint32_t));
    search->seen = rune_calloc((size_t)search->range / 64 + 1, sizeof(uint64_t));
    search->row = rune_realloc(NULL, (size_t)search->range + 1, sizeof(uint32_t));
    if (search->step_starts == NULL || search->seen == NULL || search->row == NULL) {
        *ret_err = RUNE_E_NOMEM;
        return false;
    }
    for (uint32_t k = 0; k < search->steps.key_count; k++) {
        rune_term value = key_of(&search->steps, k);
        if (value - least < search->range && value >= least) {
            search->step_starts[2 * (size_t)(value - least)] = search->steps.starts[k];
            search->step_starts[2 * (size_t)(value - least) + 1] = search->steps.starts[k + 1];
        }
    }
    return true;
}

static inline void reach(struct search *search, rune_term value)
{
    uint32_t at = value - search->least;
    uint64_t bit = UINT64_C(1) << (at & 63);
    if ((search->seen[at >> 6] & bit) == 0) {
        search->seen[at >> 6] |= bit;
        search->row[search->row_count++] = at;
    }
}

static bool is_ascending(const uint32_t *row, uint32_t count)
{
    uint32_t i = 1;
    while (i < count && row[i - 1] < row[i]) {
        i++;
    }
    return i >= count;
}

static int compare_words(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The row ascending into `to`; clears the bitmap. */
static void take_row(struct search *search, uint32_t *to)
{
    uint32_t count = search->row_count, *row = search->row;
    if (count > 64 && count > search->range / 512) {
        size_t at = 0;
        for (size_t w = 0; w <= search->range / 64; w++) {
            for (uint64_t bits = search->seen[w]; bits != 0; bits &= bits - 1) {
                to[at++] = search->least + (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(bits);
            }
            search->seen[w] = 0;
        }
        return;
    }
    if (count > 32 && is_ascending(row, count)) {
        /* as a tree numbered level by level gives it */
    } else if (count > 32) {
        qsort(row, count, sizeof(*row), compare_words);
    } else {
        for (uint32_t i = 1; i < count; i++) {
            uint32_t value = row[i], j = i;
            for (; j > 0 && row[j - 1] > value; j--) {
                row[j] = row[j - 1];
            }
            row[j] = value;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        search->seen[row[i] >> 6] &= ~(UINT64_C(1) << (row[i] & 63));
        to[i] = search->least + row[i];
    }
}

static const uint32_t *starts_of(const struct search *search)
{
    return search->words + search->head - search->exits.key_count - 1;
}

/* Whether the row of an earlier key has the value. */
static bool row_has(const struct search *search, uint32_t key, rune_term value)
{
    const uint32_t *tuples = search->words + search->head;
    uint32_t low = starts_of(search)[key], high = starts_of(search)[key + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tuples[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < starts_of(search)[key + 1] && tuples[low] == value;
}

/* Reaches all there is from what was reached. Stops early at a value whose row is an earlier key's
 * (1 + it, else 0) that has `from`: each reaches the other, so they reach the same. */
static uint32_t reach_all(struct search *search, rune_term from)
{
    uint32_t other = 0; /* whose row does not have it */
    for (uint32_t i = 0; i < search->row_count; i++) {
        uint32_t at = search->row[i];
        uint32_t same = search->has_same ? search->same_row[at] : 0;
        if (same != other && same != 0) {
            if (row_has(search, same - 1, from)) {
                return same;
            }
            other = same;
        }
        const uint32_t *bounds = search->step_starts + 2 * (size_t)at;
        for (uint32_t s = bounds[0]; s < bounds[1]; s++) {
            reach(search, search->steps.values[s]);
        }
    }
    return 0;
}

/* Room for a row. RUNE_E_LIMIT, RUNE_E_NOMEM. */
static enum rune_err reserve_row(struct search *search, uint32_t count)
{
    uint64_t want = search->head + search->count + count;
    if (search->count + count > RUNE_RELATION_MAX_TUPLES) {
        return RUNE_E_LIMIT;
    }
    if (want > search->capacity) {
        uint64_t capacity = want + want / 2 + 1024;
        enum rune_err err = rune_dl_check_limits(search->ctx, search->count, 4 * want);
        if (err != RUNE_OK) {
            return err;
        }
        uint32_t *words = rune_realloc(search->words, capacity, sizeof(uint32_t));
        if (words == NULL) {
            return RUNE_E_NOMEM;
        }
        search->words = words;
        search->capacity = capacity;
    }
    return RUNE_OK;
}

static void forget_seen(struct search *search)
{
    for (uint32_t i = 0; i < search->row_count; i++) {
        search->seen[search->row[i] >> 6] = 0;
    }
}

/* The row of an earlier key again. */
static enum rune_err copy_row(struct search *search, uint32_t key)
{
    uint32_t start = starts_of(search)[key], count = starts_of(search)[key + 1] - start;
    enum rune_err err = reserve_row(search, count);
    if (err == RUNE_OK) {
        uint32_t *tuples = search->words + search->head;
        memcpy(tuples + search->count, tuples + start, count * sizeof(uint32_t));
        search->count += count;
    }
    return err;
}

static enum rune_err run_key(struct search *search, uint32_t key)
{
    rune_term from = key_of(&search->exits, key);
    uint32_t at = from - search->least;
    search->row_count = 0;
    for (uint32_t i = search->exits.starts[key]; i < search->exits.starts[key + 1]; i++) {
        reach(search, search->exits.values[i]);
    }
    uint32_t same = reach_all(search, from);
    if (same != 0) {
        forget_seen(search);
        search->same_row[at] = same;
        return copy_row(search, same - 1);
    }
    enum rune_err err = reserve_row(search, search->row_count);
    if (err != RUNE_OK) {
        return err;
    }
    if (search->same_row != NULL && from >= search->least && at < search->range &&
        (search->seen[at >> 6] >> (at & 63) & 1) != 0) {
        search->same_row[at] = key + 1;
        search->has_same = true;
    }
    take_row(search, search->words + search->head + search->count);
    search->count += search->row_count;
    return RUNE_OK;
}

/* All rows into an order with the exits' keys. */
static enum rune_err run_keys(struct search *search, struct rune_dl_order *order)
{
    uint32_t keys = search->exits.key_count;
    bool is_sparse = search->exits.keys != NULL;
    /* The keys are the exits': so is what finds them. */
    uint64_t lead = is_sparse ? 2 * (uint64_t)search->exits.block_count + keys : 0;
    search->head = lead + keys + 1;
    search->capacity = search->head + 1024;
    search->words = rune_realloc(NULL, search->capacity, sizeof(uint32_t));
    if (search->words == NULL) {
        return RUNE_E_NOMEM;
    }
    if (is_sparse) {
        memcpy(search->words, search->exits.directory, lead * sizeof(uint32_t));
    }
    for (uint32_t k = 0; k < keys; k++) {
        search->words[lead + k] = (uint32_t)search->count;
        enum rune_err err = run_key(search, k);
        if (err == RUNE_OK) {
            err = rune_dl_check_limits(search->ctx, search->count, 4 * search->capacity);
        }
        if (err != RUNE_OK) {
            return err;
        }
    }
    search->words[lead + keys] = (uint32_t)search->count;
    *order = (struct rune_dl_order){
        .form = is_sparse ? RUNE_ORDER_SPARSE : RUNE_ORDER_DENSE,
        .key_min = search->exits.key_min,
        .key_count = keys,
        .block_count = is_sparse ? search->exits.block_count : 0,
        .shift = is_sparse ? search->exits.shift : 0,
        .words = search->words,
        .bytes = 4 * (search->head + search->count),
    };
    search->words = NULL;
    return RUNE_OK;
}

/* The same tuples in both relations. */
static bool same_tuples(struct rune_dl_ctx *ctx, uint32_t a, uint32_t b)
{
    if (a == b) {
        return true;
    }
    const struct rune_dl_rel *left = &ctx->rels.items[a], *right = &ctx->rels.items[b];
    const struct rune_dl_order *x = &left->orders.items[0], *y = &right->orders.items[0];
    return left->count == right->count && x->form == y->form && x->columns[0] == 0 &&
           y->columns[0] == 0 && x->bytes == y->bytes && x->key_min == y->key_min &&
           memcmp(x->words, y->words, x->bytes) == 0;
}

static void drop_scaffold(struct rune_dl_ctx *ctx, uint32_t relation)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    if (rel->is_scaffold) {
        ctx->derived -= rel->count;
        rune_dl_orders_free(rel);
        rel->access = RUNE_DL_DEMANDED; /* by nobody */
        rel->rule_count = 0;
        rel->count = 0;
        ctx->image_relations.items[relation].tuple_count = 0;
    }
}

enum rune_err rune_dl_closure(struct rune_dl_ctx *ctx, uint32_t relation, bool *ret_done)
{
    enum direction direction = LEFT;
    *ret_done = false;
    if (!recognise(ctx, &ctx->rels.items[relation], &direction)) {
        return RUNE_OK;
    }
    uint32_t exits = 0, steps = 0;
    enum rune_err err = make_part(ctx, relation, false, direction, &exits);
    steps = exits;
    if (err == RUNE_OK && direction != BOTH) {
        err = make_part(ctx, relation, true, direction, &steps);
    }
    struct search search = {.ctx = ctx};
    if (err != RUNE_OK) {
        return err;
    }
    /* Exits that are the steps: p is the closure of them, in whichever direction it was written. */
    bool is_closure = same_tuples(ctx, exits, steps);
    bool reversed = direction == RIGHT && !is_closure;
    err = find_rows(ctx, steps, reversed ? 1 : 0, &search.steps);
    if (err == RUNE_OK) {
        err = find_rows(ctx, exits, reversed ? 1 : 0, &search.exits);
    }
    struct rune_dl_order order = {0};
    if (err == RUNE_OK &&
        search_init(&search, ctx->rels.items[exits].count, ctx->rels.items[steps].count, &err)) {
        if (is_closure) { /* without it, rows are only not shared */
            search.same_row = rune_calloc(search.range, sizeof(uint32_t));
        }
        err = run_keys(&search, &order);
        *ret_done = err == RUNE_OK;
    }
    rune_free(search.step_starts);
    rune_free(search.seen);
    rune_free(search.same_row);
    rune_free(search.row);
    rune_free(search.words);
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    rel->is_partial =
        rel->is_partial || ctx->rels.items[exits].is_partial || ctx->rels.items[steps].is_partial;
    rel->is_unsure =
        rel->is_unsure || ctx->rels.items[exits].is_unsure || ctx->rels.items[steps].is_unsure;
    if (*ret_done) {
        order.columns[0] = reversed ? 1 : 0;
        order.columns[1] = reversed ? 0 : 1;
        rel->count = search.count;
        rel->access = RUNE_DL_STORED;
        ctx->image_relations.items[relation].tuple_count = search.count;
        ctx->derived += search.count;
        err = rune_dl_order_add(ctx, relation, &order);
    }
    drop_scaffold(ctx, steps);
    drop_scaffold(ctx, exits);
    return err;
}
