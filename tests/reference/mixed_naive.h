/* SPDX-License-Identifier: Apache-2.0 */
/* mixed_naive: between the files of the slow evaluator of worlds: mixed_expr (what an expression
 * gives and whether a test holds), mixed_solve (all ways to prove a body) and mixed_naive (every
 * rule until nothing changes). Nobody else includes it. */
#pragma once

#include "reference/mixed.h"

struct mixed_naive {
    const struct mixed_world *world;
    struct mixed_answers *answers;
    struct rune_arena *arena;
    uint64_t steps_left;
    bool changed;
};

struct mixed_env {
    const struct mixed_rule *rule;
    struct mixed_value values[MIXED_MAX_VARS];
    bool bound[MIXED_MAX_VARS];
};

/* Literals that are still to be proved. */
struct mixed_todo {
    const struct mixed_literal *items[MIXED_MAX_LITERALS * 2];
    uint32_t count;
};

typedef void (*mixed_found_fn)(struct mixed_naive *naive, struct mixed_env *env, void *context);

/* ---- mixed_expr.c ---- */

bool mixed_is_bound(const struct mixed_env *env, const struct mixed_expr *expr);
bool mixed_is_free_var(const struct mixed_env *env, const struct mixed_expr *expr);

bool mixed_is_number(const struct mixed_value *value);
double mixed_number_of(const struct mixed_value *value);

/* False: an error. */
bool mixed_compute(struct mixed_naive *naive, const struct mixed_env *env,
                   const struct mixed_expr *expr, struct mixed_value *ret);

/* False: they have no order. */
bool mixed_order_of(const struct mixed_value *a, const struct mixed_value *b, int *ret);

/* 1, 0, -1: an error. */
int mixed_holds(struct mixed_naive *naive, const struct mixed_env *env,
                const struct mixed_literal *literal);

/* ---- mixed_solve.c ---- */

bool mixed_same_row(const struct mixed_value *a, const struct mixed_value *b, uint32_t arity);

/* Unless it is there. */
void mixed_add_row(struct mixed_naive *naive, struct mixed_rows *rows,
                   const struct mixed_value *row, uint32_t arity);

/* entity.id is of all entities, named in data or not. */
void mixed_fill_ids(struct mixed_naive *naive);

/* Each way to prove all that is to do. */
void mixed_solve(struct mixed_naive *naive, struct mixed_env *env, const struct mixed_todo *todo,
                 mixed_found_fn found, void *context);
