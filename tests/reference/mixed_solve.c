/* SPDX-License-Identifier: Apache-2.0 */
/* All ways to prove a body: see mixed_naive.h. A literal is taken as soon as its variables are
 * known, atoms in the order of the text. */
#include <math.h>
#include <string.h>

#include "reference/mixed_naive.h"

enum { MAX_ROWS = 1200 };

/* ---- rows ---- */

bool mixed_same_row(const struct mixed_value *a, const struct mixed_value *b, uint32_t arity)
{
    for (uint32_t i = 0; i < arity; i++) {
        if (!mixed_equal(&a[i], &b[i])) {
            return false;
        }
    }
    return true;
}

void mixed_add_row(struct mixed_naive *naive, struct mixed_rows *rows,
                   const struct mixed_value *row, uint32_t arity)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        if (mixed_same_row(rows->cells + (size_t)i * MIXED_MAX_ARITY, row, arity)) {
            return;
        }
    }
    if (rows->count == rows->capacity) {
        uint32_t capacity = rows->capacity == 0 ? 8 : rows->capacity * 2;
        struct mixed_value *cells =
            RUNE_ARENA_ARRAY(naive->arena, struct mixed_value, (size_t)capacity * MIXED_MAX_ARITY);
        if (cells == NULL || rows->count >= MAX_ROWS) {
            naive->answers->is_over = true;
            return;
        }
        if (rows->count > 0) {
            memcpy(cells, rows->cells, sizeof(*cells) * MIXED_MAX_ARITY * rows->count);
        }
        rows->cells = cells;
        rows->capacity = capacity;
    }
    memcpy(rows->cells + (size_t)rows->count++ * MIXED_MAX_ARITY, row, sizeof(*row) * arity);
    naive->changed = true;
}

/* ---- literals ---- */

static void bind(struct mixed_naive *naive, struct mixed_env *env, const struct mixed_expr *expr,
                 const struct mixed_value *value, const struct mixed_todo *rest,
                 mixed_found_fn found, void *context)
{
    struct mixed_value other;
    if (mixed_is_free_var(env, expr)) {
        env->values[expr->var] = *value;
        env->bound[expr->var] = true;
        mixed_solve(naive, env, rest, found, context);
        env->bound[expr->var] = false;
    } else if (mixed_compute(naive, env, expr, &other) && mixed_equal(&other, value)) {
        mixed_solve(naive, env, rest, found, context);
    }
}

/* Binds what is free, notes it in `undo`. */
static bool unify(struct mixed_naive *naive, struct mixed_env *env,
                  const struct mixed_literal *literal, const struct mixed_value *row,
                  uint32_t *undo, uint32_t *undo_count)
{
    for (uint32_t i = 0; i < literal->arg_count; i++) {
        const struct mixed_expr *arg = literal->args[i];
        struct mixed_value value;
        if (mixed_is_free_var(env, arg)) {
            env->values[arg->var] = row[i];
            env->bound[arg->var] = true;
            undo[(*undo_count)++] = arg->var;
        } else if (!mixed_compute(naive, env, arg, &value) || !mixed_equal(&value, &row[i])) {
            return false;
        }
    }
    return true;
}

static bool errs(struct mixed_naive *naive, const struct mixed_env *env,
                 const struct mixed_literal *literal)
{
    struct mixed_value value;
    for (uint32_t i = 0; i < literal->arg_count; i++) {
        if (mixed_is_bound(env, literal->args[i]) &&
            !mixed_compute(naive, env, literal->args[i], &value)) {
            return true;
        }
    }
    return false;
}

/* entity.id is of all entities, named in data or not. */
void mixed_fill_ids(struct mixed_naive *naive)
{
    struct mixed_rows *rows = &naive->answers->rows[MIXED_ID];
    for (int64_t entity = 0; entity < MIXED_ENTITIES; entity++) {
        struct mixed_value row[] = {
            {.kind = MIXED_ENTITY, .number = entity},
            {.kind = MIXED_STRING, .text = mixed_type_of(entity)},
            {.kind = MIXED_STRING, .text = mixed_id_of(entity)},
        };
        mixed_add_row(naive, rows, row, 3);
    }
}

static void solve_atom(struct mixed_naive *naive, struct mixed_env *env,
                       const struct mixed_literal *literal, const struct mixed_todo *rest,
                       mixed_found_fn found, void *context)
{
    const struct mixed_rows *rows = &naive->answers->rows[literal->relation];
    bool any = false;
    for (uint32_t r = 0; r < rows->count && !naive->answers->is_over; r++) {
        struct mixed_value row[MIXED_MAX_ARITY]; /* the rows may move while their rule runs */
        uint32_t undo[MIXED_MAX_ARITY], undo_count = 0;
        naive->answers->is_over = naive->answers->is_over || naive->steps_left-- == 0;
        memcpy(row, rows->cells + (size_t)r * MIXED_MAX_ARITY, sizeof(row));
        bool fits = unify(naive, env, literal, row, undo, &undo_count);
        any = any || fits;
        if (fits && !literal->is_negated) {
            mixed_solve(naive, env, rest, found, context);
        }
        while (undo_count > 0) {
            env->bound[undo[--undo_count]] = false;
        }
    }
    if (literal->is_negated && !any && !errs(naive, env, literal)) {
        mixed_solve(naive, env, rest, found, context);
    }
}

static void solve_test(struct mixed_naive *naive, struct mixed_env *env,
                       const struct mixed_literal *literal, const struct mixed_todo *rest,
                       mixed_found_fn found, void *context)
{
    for (uint32_t side = 0; side < 2 && literal->kind == MIXED_COMPARE; side++) {
        struct mixed_value value;
        if (mixed_is_free_var(env, literal->args[side])) { /* and so the comparison is `=` */
            if (mixed_compute(naive, env, literal->args[1 - side], &value)) {
                bind(naive, env, literal->args[side], &value, rest, found, context);
            }
            return;
        }
    }
    if (literal->kind == MIXED_TEST && literal->arg_count > 1 &&
        mixed_is_free_var(env, literal->args[1])) { /* runs through a set */
        struct mixed_value set;
        bool is_set = mixed_compute(naive, env, literal->args[0], &set) && set.kind == MIXED_SET;
        for (uint32_t i = 0; is_set && i < set.count; i++) {
            bind(naive, env, literal->args[1], &set.items[i], rest, found, context);
        }
        return;
    }
    int result = mixed_holds(naive, env, literal);
    if (result >= 0 && (result == 1) != literal->is_negated) {
        mixed_solve(naive, env, rest, found, context);
    }
}

/* ---- aggregates ---- */

/* A distinct binding of all variables that are bound, and its value. */
struct binding {
    struct mixed_value values[MIXED_MAX_VARS], value;
    bool bound[MIXED_MAX_VARS];
    struct binding *next;
};

struct folding {
    const struct mixed_literal *literal;
    struct binding *first;
    uint32_t count;
};

enum { MAX_BINDINGS = 400 };

static bool same_binding(const struct binding *binding, const struct mixed_env *env)
{
    bool same = memcmp(binding->bound, env->bound, sizeof(env->bound)) == 0;
    for (uint32_t v = 0; same && v < env->rule->var_count; v++) {
        same = !env->bound[v] || mixed_equal(&binding->values[v], &env->values[v]);
    }
    return same;
}

static void fold_found(struct mixed_naive *naive, struct mixed_env *env, void *context)
{
    struct folding *folding = context;
    struct mixed_value value = {.kind = MIXED_LONG};
    if (folding->literal->arg_count > 1 &&
        !mixed_compute(naive, env, folding->literal->args[1], &value)) {
        return; /* one whose value cannot be computed is none */
    }
    for (const struct binding *b = folding->first; b != NULL; b = b->next) {
        if (same_binding(b, env)) {
            return;
        }
    }
    struct binding *binding = RUNE_ARENA_ARRAY(naive->arena, struct binding, 1);
    if (binding == NULL || folding->count == MAX_BINDINGS) {
        naive->answers->is_over = true;
        return;
    }
    memcpy(binding->values, env->values, sizeof(env->values));
    memcpy(binding->bound, env->bound, sizeof(env->bound));
    binding->value = value;
    binding->next = folding->first;
    folding->first = binding;
    folding->count++;
}

static bool fold_extreme(const struct folding *folding, bool is_min, struct mixed_value *ret)
{
    for (const struct binding *b = folding->first; b != NULL; b = b->next) {
        const struct mixed_value *value = &b->value;
        bool is_first = b == folding->first;
        int order = 0;
        if (!mixed_order_of(value, is_first ? value : ret, &order)) {
            return false;
        }
        bool is_integer = order == 0 && value->kind == MIXED_LONG; /* of 1 and 1.0 */
        if (is_first || is_integer || (is_min ? order < 0 : order > 0)) {
            *ret = *value;
        }
    }
    return folding->count > 0;
}

static bool fold_sum(const struct folding *folding, bool is_mean, struct mixed_value *ret)
{
    __int128 sum = 0;
    double floats = 0;
    bool has_float = false;
    for (const struct binding *b = folding->first; b != NULL; b = b->next) {
        const struct mixed_value *value = &b->value;
        if (!mixed_is_number(value)) {
            return false;
        }
        has_float = has_float || value->kind == MIXED_FLOAT;
        sum += value->kind == MIXED_LONG ? value->number : 0;
        floats += mixed_number_of(value);
    }
    if (is_mean && folding->count == 0) {
        return false;
    }
    double result = has_float ? floats : (double)sum;
    *ret = is_mean || has_float
               ? (struct mixed_value){.kind = MIXED_FLOAT,
                                      .floating = is_mean ? result / folding->count : result}
               : (struct mixed_value){.kind = MIXED_LONG, .number = (int64_t)sum};
    return ret->kind == MIXED_FLOAT ? isfinite(ret->floating)
                                    : sum >= INT64_MIN && sum <= INT64_MAX;
}

static void solve_aggregate(struct mixed_naive *naive, struct mixed_env *env,
                            const struct mixed_literal *literal, const struct mixed_todo *rest,
                            mixed_found_fn found, void *context)
{
    struct folding folding = {.literal = literal};
    struct mixed_todo inside = {.count = literal->bodies[0].count};
    struct rune_arena_mark mark = rune_arena_mark(naive->arena);
    struct mixed_value result = {.kind = MIXED_LONG};
    memcpy(inside.items, literal->bodies[0].literals, sizeof(inside.items[0]) * inside.count);
    mixed_solve(naive, env, &inside, fold_found, &folding);
    result.number = folding.count;
    bool has = literal->choice == MIXED_COUNT ||
               (literal->choice == MIXED_SUM || literal->choice == MIXED_MEAN
                    ? fold_sum(&folding, literal->choice == MIXED_MEAN, &result)
                    : fold_extreme(&folding, literal->choice == MIXED_MIN, &result));
    if (result.kind != MIXED_STRING) { /* whose text may be in the arena */
        rune_arena_rewind(naive->arena, mark);
    }
    if (has) {
        bind(naive, env, literal->args[0], &result, rest, found, context);
    }
}

/* ---- bodies ---- */

static bool group_is_bound(const struct mixed_env *env, const struct mixed_expr *expr)
{
    return expr == NULL || expr->op == MIXED_CONST || expr->op == MIXED_LIST ||
           (expr->op == MIXED_VAR
                ? expr->is_wild || env->rule->is_local[expr->var] || env->bound[expr->var]
                : group_is_bound(env, expr->left) && group_is_bound(env, expr->right));
}

static bool body_group_is_bound(const struct mixed_env *env, const struct mixed_body *body)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct mixed_literal *literal = body->literals[i];
        for (uint32_t a = 0; a < literal->arg_count; a++) {
            if (!group_is_bound(env, literal->args[a])) {
                return false;
            }
        }
        for (uint32_t b = 0; b < literal->body_count; b++) {
            if (!body_group_is_bound(env, &literal->bodies[b])) {
                return false;
            }
        }
    }
    return true;
}

/* When to take a literal: 0 now, 1 if nothing of 0 is left, and so on; 9: not yet. */
static uint32_t turn_of(const struct mixed_env *env, const struct mixed_literal *literal)
{
    bool all = true;
    uint32_t free = 0;
    for (uint32_t i = 0; i < literal->arg_count; i++) {
        all = all && mixed_is_bound(env, literal->args[i]);
        free += mixed_is_free_var(env, literal->args[i]);
        if (!mixed_is_bound(env, literal->args[i]) && !mixed_is_free_var(env, literal->args[i])) {
            return literal->kind == MIXED_AGGREGATE && i == 1 &&
                           body_group_is_bound(env, &literal->bodies[0]) &&
                           group_is_bound(env, literal->args[1])
                       ? 1
                       : 9;
        }
    }
    switch (literal->kind) {
    case MIXED_EITHER:
        return 4;
    case MIXED_AGGREGATE:
        return body_group_is_bound(env, &literal->bodies[0]) &&
                       (literal->arg_count < 2 || group_is_bound(env, literal->args[1]))
                   ? 1
                   : 9;
    case MIXED_ATOM:
        for (uint32_t i = 0; literal->is_negated && i < literal->arg_count; i++) {
            if (mixed_is_free_var(env, literal->args[i]) && !literal->args[i]->is_wild) {
                return 9;
            }
        }
        return literal->is_negated || all ? 1 : literal->relation == MIXED_ID ? 5 : 2;
    case MIXED_COMPARE:
        return all || (literal->choice == MIXED_EQ && free == 1) ? 0 : 9;
    case MIXED_TEST:
        return all ? 0
               : literal->choice == MIXED_CONTAINS && !literal->is_negated &&
                       mixed_is_bound(env, literal->args[0])
                   ? 3
                   : 9;
    default:
        return all ? 0 : 9;
    }
}

static void solve_either(struct mixed_naive *naive, struct mixed_env *env,
                         const struct mixed_literal *literal, const struct mixed_todo *rest,
                         mixed_found_fn found, void *context)
{
    for (uint32_t b = 0; b < literal->body_count; b++) {
        struct mixed_todo with = *rest;
        const struct mixed_body *body = &literal->bodies[b];
        if (with.count + body->count > sizeof(with.items) / sizeof(with.items[0])) {
            naive->answers->is_over = true;
            return;
        }
        memcpy(with.items + with.count, body->literals, sizeof(with.items[0]) * body->count);
        with.count += body->count;
        mixed_solve(naive, env, &with, found, context);
    }
}

void mixed_solve(struct mixed_naive *naive, struct mixed_env *env, const struct mixed_todo *todo,
                 mixed_found_fn found, void *context)
{
    uint32_t best = 9, at = 0;
    if (todo->count == 0) {
        found(naive, env, context);
        return;
    }
    for (uint32_t i = 0; i < todo->count; i++) {
        uint32_t turn = turn_of(env, todo->items[i]);
        if (turn < best) {
            best = turn;
            at = i;
        }
    }
    if (best == 9 || naive->answers->is_over) {
        naive->answers->is_over = true; /* an unsafe rule is the generator's mistake */
        return;
    }
    const struct mixed_literal *literal = todo->items[at];
    struct mixed_todo rest = *todo;
    rest.items[at] = rest.items[--rest.count];
    switch (literal->kind) {
    case MIXED_ATOM:
        solve_atom(naive, env, literal, &rest, found, context);
        return;
    case MIXED_AGGREGATE:
        solve_aggregate(naive, env, literal, &rest, found, context);
        return;
    case MIXED_EITHER:
        solve_either(naive, env, literal, &rest, found, context);
        return;
    default:
        solve_test(naive, env, literal, &rest, found, context);
    }
}
