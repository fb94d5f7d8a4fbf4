/* SPDX-License-Identifier: Apache-2.0 */
/* closure: recursions by rows instead of rounds.
 *
 * A relation p falls into rows if all its recursive rules change one and the same column and hand
 * the others through. A row is all tuples that agree in those others; rows know nothing of each
 * other, and each is what is reached from where it begins (an exit, a rule without p) by steps:
 *
 *     p(X, Z) :- p(X, Y), ..Y..Z..             X is handed through, a step leads from Y to Z
 *     p(X, Z) :- ..X..Y.., p(Y, Z)             Z is handed through, a step leads from Y to X
 *     p(L, X, Z) :- p(L, X, Y), q(L, Y, Z)     L is a parameter: steps differ by it
 *     p(X, Z) :- p(X, Y), ..Y..Z.., ..X..      what asks for X alone is a gate: the rows that take
 *                                              steps; all others are exits and nothing else
 *     p(X, Z) :- p(X, Y), ..Y..W.., p(W, Z)    what is between, and an exit behind it, is a step,
 *                                              since all of p is exits with that between them
 *     p(X, Y) :- p(Y, X)                       beside rules like the last with W = Y: exits both
 *                                              ways are exits
 *
 * closure_shape.c tells such rules; closure_both.c makes two such recursions of some that change
 * two columns. Here exits and steps become relations (those that are there already are taken as
 * they are); closure_rows.c searches the rows. Where exits are steps, p is their closure in
 * whichever direction it was written, and is computed in the first. */
#include "datalog/closure_int.h"

#include <string.h>

#define STEPS_AN_EXIT 16u
#define FEW_STEPS     65536u
#define SHARED_STEPS  (1u << 26)

/* ---- exits and steps as relations ---- */

/* Exits or steps: an order of `relation` by these columns. */
struct part {
    uint32_t relation;
    uint8_t columns[RUNE_DL_ROW_COLUMNS];
};

/* Rules of a part in the making. */
struct parts {
    struct rune_dl_ctx *ctx;
    uint32_t relation; /* p */
    const struct rune_dl_shape *shape;
    const struct part *exits; /* NULL: it is these that are made */
    struct rune_dl_plan_rule *rules;
    uint32_t count;
};

/* Whether a part has one rule only, which merely copies a stored relation: `p(X, Y) :- e(X, Y).` */
static bool is_copy(const struct parts *parts, struct part *ret_part)
{
    const struct rune_dl_plan_rule *rule = &parts->rules[0];
    if (parts->count != 1 || rule->goal_count != 1 || !rune_dl_has_distinct_head(rule)) {
        return false;
    }
    const struct rune_dl_goal *atom = &rule->goals[0];
    if (atom->kind != RUNE_DL_GOAL_ATOM || atom->is_negated || atom->count != rule->arity ||
        parts->ctx->rels.items[atom->relation].access != RUNE_DL_STORED) {
        return false;
    }
    struct part part = {.relation = atom->relation};
    for (uint32_t i = 0; i < rule->arity; i++) {
        uint32_t column = 0;
        while (column < atom->count && atom->vars[column] != rule->head_vars[i]) {
            column++;
        }
        if (column == atom->count) {
            return false;
        }
        part.columns[i] = (uint8_t)column;
    }
    *ret_part = part;
    return true;
}

/* In a rule made of a step, the p that is to be read as exits. */
static bool read_exits(const struct parts *parts, struct rune_dl_plan_rule *made)
{
    const struct rune_dl_shape *shape = parts->shape;
    for (uint32_t g = 0; g < made->goal_count; g++) {
        struct rune_dl_goal *goal = &made->goals[g];
        if (goal->kind != RUNE_DL_GOAL_ATOM || goal->relation != parts->relation) {
            continue;
        }
        const uint32_t *vars = goal->vars;
        goal->relation = parts->exits->relation;
        goal->vars = RUNE_ARENA_ARRAY(&parts->ctx->arena, uint32_t, shape->arity);
        for (uint32_t i = 0; goal->vars != NULL && i < shape->arity; i++) {
            goal->vars[parts->exits->columns[i]] = vars[shape->columns[i]];
        }
        if (goal->vars == NULL) {
            return false;
        }
    }
    return true;
}

static enum rune_err add_rule(struct parts *parts, const struct rune_dl_plan_rule *rule,
                              const struct rune_dl_step *step, const uint32_t *vars, uint32_t count)
{
    struct rune_dl_plan_rule *made = &parts->rules[parts->count++];
    return rune_dl_step_rule(parts->ctx, rule, step, vars, count, made) &&
                   (parts->exits == NULL || read_exits(parts, made))
               ? RUNE_OK
               : RUNE_E_NOMEM;
}

/* An exit, in the order of rows; of a symmetric relation the other way round, too. */
static enum rune_err add_exit(struct parts *parts, const struct rune_dl_plan_rule *rule)
{
    const struct rune_dl_shape *shape = parts->shape;
    uint32_t vars[RUNE_DL_ROW_COLUMNS];
    for (uint32_t i = 0; i < shape->arity; i++) {
        vars[i] = rule->head_vars[shape->columns[i]];
    }
    enum rune_err err = add_rule(parts, rule, NULL, vars, shape->arity);
    if (err == RUNE_OK && shape->is_symmetric) {
        uint32_t last = vars[shape->arity - 1];
        vars[shape->arity - 1] = vars[shape->arity - 2];
        vars[shape->arity - 2] = last;
        err = add_rule(parts, rule, NULL, vars, shape->arity);
    }
    return err;
}

static enum rune_err add_step(struct parts *parts, const struct rune_dl_plan_rule *rule)
{
    struct rune_dl_step step;
    uint32_t vars[RUNE_DL_ROW_COLUMNS + 1];
    if (!rune_dl_find_step(rule, parts->shape->value, &step) || step.kind == RUNE_DL_STEP_SWAP) {
        return RUNE_OK;
    }
    if (parts->shape->is_gated) {
        rune_dl_gate_step(rule, parts->shape->value, &step);
    }
    return add_rule(parts, rule, &step, vars, rune_dl_step_head(rule, &step, vars));
}

/* The rows of exits that take the step. */
static enum rune_err add_gate(struct parts *parts, const struct rune_dl_plan_rule *rule)
{
    const struct rune_dl_shape *shape = parts->shape;
    struct rune_dl_plan_rule *made = &parts->rules[parts->count++];
    struct rune_dl_step step;
    uint32_t vars[RUNE_DL_ROW_COLUMNS];
    for (uint32_t i = 0; i + 1 < shape->arity; i++) {
        vars[i] = rule->head_vars[shape->columns[i]];
    }
    if (!rune_dl_find_step(rule, shape->value, &step) ||
        !rune_dl_step_rule(parts->ctx, rule, NULL, vars, shape->arity - 1, made)) {
        return RUNE_E_NOMEM;
    }
    rune_dl_gate_step(rule, shape->value, &step);
    made->goal_count = 0;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        if (g == step.self || rune_dl_is_gate(rule, &step, &rule->goals[g])) {
            made->goals[made->goal_count++] = rule->goals[g];
        }
    }
    return read_exits(parts, made) ? RUNE_OK : RUNE_E_NOMEM;
}

/* Without parameters all rows share the steps: many, but what the limits allow besides. */
static uint64_t shared_budget(const struct rune_dl_options *options)
{
    uint64_t tuples = options->max_tuples / 4, bytes = options->max_memory_bytes / 64;
    uint64_t budget = options->max_tuples != 0 && tuples < SHARED_STEPS ? tuples : SHARED_STEPS;
    return options->max_memory_bytes != 0 && bytes < budget ? bytes : budget;
}

/* How many steps are worth making, where they join relations and so may be many more than those
 * have tuples: rows share them, so it is by the number of rows. */
static uint64_t step_budget(const struct parts *parts)
{
    if (parts->exits == NULL || parts->shape->is_whole) {
        return UINT64_MAX;
    }
    return parts->shape->param_count == 0
               ? shared_budget(parts->ctx->options)
               : FEW_STEPS + STEPS_AN_EXIT * parts->ctx->rels.items[parts->exits->relation].count;
}

/* A relation for the rules, computed; too many tuples are not. */
static enum rune_err compute_part(const struct parts *parts, const char *what, uint32_t arity,
                                  uint64_t budget, struct part *ret_part)
{
    struct rune_dl_ctx *ctx = parts->ctx;
    struct rune_str of = ctx->rels.items[parts->relation].name;
    const char *name = rune_arena_printf(&ctx->arena, "%.*s {%s}", (int)of.length, of.data, what);
    struct part part = {.relation = UINT32_MAX};
    enum rune_err err = name == NULL ? RUNE_E_NOMEM
                                     : rune_dl_rel_add(ctx, (struct rune_str){name, strlen(name)},
                                                       arity, &part.relation);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_dl_rel *rel = &ctx->rels.items[part.relation];
    rel->first_rule = (uint32_t)ctx->rules.count;
    rel->rule_count = parts->count;
    rel->is_scaffold = true;
    for (uint32_t i = 0; i < parts->count; i++) {
        parts->rules[i].head = part.relation;
        if (!RUNE_VEC_PUSH(&ctx->rules, parts->rules[i])) {
            return RUNE_E_NOMEM;
        }
    }
    for (uint32_t i = 0; i < arity; i++) {
        part.columns[i] = (uint8_t)i;
    }
    *ret_part = part;
    return budget == UINT64_MAX ? rune_dl_compute(ctx, part.relation)
                                : rune_dl_try_compute(ctx, part.relation, budget);
}

/* The exits, or (`exits` known) the steps. */
static enum rune_err make_part(struct rune_dl_ctx *ctx, uint32_t relation,
                               const struct rune_dl_shape *shape, const struct part *exits,
                               struct part *ret_part)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    struct parts parts = {.ctx = ctx, .relation = relation, .shape = shape, .exits = exits};
    parts.rules = RUNE_ARENA_ARRAY(&ctx->arena, struct rune_dl_plan_rule, 2 * rel->rule_count + 1);
    enum rune_err err = parts.rules == NULL ? RUNE_E_NOMEM : RUNE_OK;
    for (uint32_t r = 0; r < rel->rule_count && err == RUNE_OK; r++) {
        const struct rune_dl_plan_rule *rule = &ctx->rules.items[rel->first_rule + r];
        if (rune_dl_is_exit(rule) == (exits == NULL)) {
            err = exits == NULL ? add_exit(&parts, rule) : add_step(&parts, rule);
        }
    }
    if (err != RUNE_OK || is_copy(&parts, ret_part)) {
        return err;
    }
    return exits == NULL ? compute_part(&parts, "exits", shape->arity, UINT64_MAX, ret_part)
                         : compute_part(&parts, "steps", shape->param_count + 2,
                                        step_budget(&parts), ret_part);
}

/* Which rows take steps; `relation` UINT32_MAX: all. */
static enum rune_err make_gate(struct rune_dl_ctx *ctx, uint32_t relation,
                               const struct rune_dl_shape *shape, const struct part *exits,
                               struct part *ret_gate)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    struct rune_dl_plan_rule made;
    struct parts parts = {
        .ctx = ctx, .relation = relation, .shape = shape, .exits = exits, .rules = &made};
    enum rune_err err = RUNE_OK;
    ret_gate->relation = UINT32_MAX;
    for (uint32_t r = 0; r < rel->rule_count && shape->is_gated && err == RUNE_OK; r++) {
        const struct rune_dl_plan_rule *rule = &ctx->rules.items[rel->first_rule + r];
        if (!rune_dl_is_exit(rule)) {
            err = add_gate(&parts, rule);
        }
    }
    return err == RUNE_OK && parts.count > 0
               ? compute_part(&parts, "gate", shape->arity - 1, UINT64_MAX, ret_gate)
               : err;
}

void rune_dl_closure_drop(struct rune_dl_ctx *ctx, uint32_t relation)
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

/* ---- rows ---- */

/* The order of a part by its columns; `swapped`: the last two in each other's place. */
static enum rune_err order_of(struct rune_dl_ctx *ctx, const struct part *part, bool swapped,
                              uint32_t *ret_order)
{
    uint8_t columns[8] = {0};
    uint32_t arity = ctx->rels.items[part->relation].arity, index;
    memcpy(columns, part->columns, arity);
    if (swapped) {
        columns[arity - 2] = part->columns[arity - 1];
        columns[arity - 1] = part->columns[arity - 2];
    }
    enum rune_err err = rune_dl_order_build(ctx, part->relation, columns, &index);
    if (err == RUNE_OK) {
        *ret_order = ctx->rels.items[part->relation].orders.items[index].id;
    }
    return err;
}

/* The same tuples in both orders. */
static bool are_same(const struct rune_dl_ctx *ctx, uint32_t a, uint32_t b)
{
    const struct rune_image_order *x = &ctx->orders.items[a], *y = &ctx->orders.items[b];
    return a == b || (x->form == y->form && x->size == y->size && x->key_min == y->key_min &&
                      memcmp((const void *)(uintptr_t)x->offset, (const void *)(uintptr_t)y->offset,
                             x->size) == 0);
}

static bool are_same_parts(const struct part *a, const struct part *b, uint32_t arity)
{
    return a->relation == b->relation && memcmp(a->columns, b->columns, arity) == 0;
}

/* The orders to search. Where exits are steps, the rows may be by either end: the natural one. */
static enum rune_err find_orders(struct rune_dl_ctx *ctx, struct rune_dl_shape *shape,
                                 const struct part *exits, const struct part *steps,
                                 const struct part *gate, struct rune_dl_row_search *ret_search)
{
    struct rune_dl_row_search search = {.gate = UINT32_MAX, .param_count = shape->param_count};
    uint32_t arity = shape->arity;
    bool has_one_key = arity == shape->param_count + 2;
    enum rune_err err = RUNE_OK;
    search.is_closure = has_one_key && are_same_parts(exits, steps, arity);
    if (!search.is_closure) {
        err = order_of(ctx, exits, false, &search.exits);
        if (err == RUNE_OK) {
            err = order_of(ctx, steps, false, &search.steps);
        }
        search.is_closure =
            err == RUNE_OK && has_one_key && are_same(ctx, search.exits, search.steps);
    }
    if (search.is_closure) {
        bool swapped = !shape->is_gated && shape->columns[arity - 2] > shape->columns[arity - 1];
        if (swapped) {
            shape->columns[arity - 1] = shape->columns[arity - 2];
            shape->columns[arity - 2] = (uint8_t)shape->value;
        }
        err = order_of(ctx, exits, swapped, &search.exits);
        search.steps = search.exits;
    }
    if (err == RUNE_OK && gate->relation != UINT32_MAX) {
        err = order_of(ctx, gate, false, &search.gate);
    }
    *ret_search = search;
    return err;
}

static enum rune_err store_rows(struct rune_dl_ctx *ctx, uint32_t relation,
                                const struct rune_dl_shape *shape, struct rune_dl_order *order,
                                uint64_t count)
{
    memcpy(order->columns, shape->columns, shape->arity);
    ctx->rels.items[relation].count = count;
    ctx->rels.items[relation].access = RUNE_DL_STORED;
    ctx->image_relations.items[relation].tuple_count = count;
    ctx->derived += count;
    return rune_dl_order_add(ctx, relation, order);
}

static void inherit_marks(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t part)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    rel->is_partial = rel->is_partial || ctx->rels.items[part].is_partial;
    rel->is_unsure = rel->is_unsure || ctx->rels.items[part].is_unsure;
}

static enum rune_err search_parts(struct rune_dl_ctx *ctx, uint32_t relation,
                                  struct rune_dl_shape *shape, const struct part *exits,
                                  const struct part *steps, const struct part *gate, bool *ret_done)
{
    struct rune_dl_row_search search;
    struct rune_dl_order order;
    uint64_t count;
    enum rune_err err = find_orders(ctx, shape, exits, steps, gate, &search);
    if (err == RUNE_OK) {
        err = rune_dl_search_rows(ctx, &search, &order, &count, ret_done);
    }
    inherit_marks(ctx, relation, exits->relation);
    inherit_marks(ctx, relation, steps->relation);
    if (gate->relation != UINT32_MAX) {
        inherit_marks(ctx, relation, gate->relation);
    }
    return *ret_done ? store_rows(ctx, relation, shape, &order, count) : err;
}

static enum rune_err compute(struct rune_dl_ctx *ctx, uint32_t relation, bool *ret_done)
{
    struct rune_dl_shape shape;
    struct part exits, steps, gate;
    *ret_done = false;
    if (!rune_dl_find_shape(ctx, &ctx->rels.items[relation], &shape)) {
        return rune_dl_closure_both(ctx, relation, ret_done);
    }
    bool has_keys = shape.param_count + 1 < shape.arity; /* else each has one row, and its steps */
    if (!shape.is_whole && !has_keys) {
        return RUNE_OK;
    }
    enum rune_err err = make_part(ctx, relation, &shape, NULL, &exits);
    if (err == RUNE_OK) {
        err = make_part(ctx, relation, &shape, &exits, &steps);
    }
    if (err != RUNE_OK) {
        return err;
    }
    if (ctx->rels.items[steps.relation].access == RUNE_DL_STORED) {
        err = make_gate(ctx, relation, &shape, &exits, &gate);
        if (err == RUNE_OK) {
            err = search_parts(ctx, relation, &shape, &exits, &steps, &gate, ret_done);
        }
        if (gate.relation != UINT32_MAX) {
            rune_dl_closure_drop(ctx, gate.relation);
        }
    }
    rune_dl_closure_drop(ctx, steps.relation);
    rune_dl_closure_drop(ctx, exits.relation);
    return err;
}

enum rune_err rune_dl_closure(struct rune_dl_ctx *ctx, uint32_t relation, bool *ret_done)
{
    size_t reported = rune_diag_count(ctx->diag, RUNE_ERROR);
    ctx->rows_at_limit = 0;
    enum rune_err err = compute(ctx, relation, ret_done);
    if (err == RUNE_OK || rune_diag_count(ctx->diag, RUNE_ERROR) != reported) {
        return err; /* a part that failed has been reported at its rule */
    }
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    const struct rune_dl_plan_rule *rule = &ctx->rules.items[rel->first_rule];
    for (uint32_t r = 1; r < rel->rule_count && rune_dl_is_exit(rule); r++) {
        rule++;
    }
    return rune_dl_report_limit(ctx, rule, ctx->rows_at_limit, err);
}
