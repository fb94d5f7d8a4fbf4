/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules compose relations that grow, and what their other goals are to the rows. See
 * compose.h. */
#include "base/alloc.h"
#include "datalog/closure_int.h"
#include "datalog/compose_int.h"

/* A rule, by what its variables are to it. */
struct shape {
    struct rune_dl_ctx *ctx;
    const struct rune_dl_plan_rule *rule;
    uint32_t from, to; /* X, Z */
    struct rune_dl_compose *compose;
    uint32_t ends[RUNE_DL_COMPOSE_ATOMS]; /* where its atoms lead to: Y, .., Z */
};

static bool is_growing(const struct shape *shape, const struct rune_dl_goal *goal)
{
    return goal->kind == RUNE_DL_GOAL_ATOM &&
           shape->ctx->rels.items[goal->relation].access == RUNE_DL_GROWING;
}

/* ---- the chain ---- */

/* Whether an atom begins with the head's key. */
static bool has_key(const struct shape *shape, const struct rune_dl_goal *goal)
{
    uint32_t key = shape->rule->arity - 2, c = 0;
    while (goal->count == shape->rule->arity && c < key &&
           goal->vars[c] == shape->rule->head_vars[c]) {
        c++;
    }
    return goal->count == shape->rule->arity && c == key;
}

/* Where an atom leads to from `var`; RUNE_DL_NO_VAR: it does not begin there. */
static uint32_t find_end(const struct rune_dl_goal *goal, uint32_t var, enum rune_dl_side *ret_side)
{
    uint32_t first = goal->vars[goal->count - 2], last = goal->vars[goal->count - 1];
    if ((first != var && last != var) || first == last) {
        return RUNE_DL_NO_VAR;
    }
    *ret_side = first == var ? RUNE_DL_PLAIN : RUNE_DL_TURNED;
    return first == var ? last : first;
}

/* Whether the chain may come to a variable: to Z at the end, else to one that is nowhere yet. */
static bool is_ahead(const struct shape *shape, uint32_t var, bool is_last)
{
    bool ahead = var != RUNE_DL_NO_VAR && !shape->rule->vars[var].is_constant;
    for (uint32_t i = 0; i < shape->compose->atom_count && ahead; i++) {
        ahead = shape->ends[i] != var;
    }
    return ahead && (is_last ? var == shape->to : !rune_dl_is_in_head(shape->rule, var));
}

/* The chain's next atom from `var`. False: there is none. */
static bool add_next(struct shape *shape, uint32_t var, bool is_last)
{
    struct rune_dl_compose *compose = shape->compose;
    struct rune_dl_compose_atom *atom = &compose->atoms[compose->atom_count];
    for (uint32_t g = 0; g < shape->rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &shape->rule->goals[g];
        if (!is_growing(shape, goal) || goal->is_negated || !has_key(shape, goal)) {
            continue;
        }
        uint32_t end = find_end(goal, var, &atom->side);
        if (is_ahead(shape, end, is_last)) {
            atom->relation = goal->relation;
            shape->ends[compose->atom_count++] = end;
            return true;
        }
    }
    return false;
}

/* All goals over relations that grow, as a chain from X to Z. False: they are none. */
static bool find_chain(struct shape *shape)
{
    uint32_t count = 0, var = shape->from;
    for (uint32_t g = 0; g < shape->rule->goal_count; g++) {
        count += is_growing(shape, &shape->rule->goals[g]);
    }
    bool is_one = count >= 2 && count <= RUNE_DL_COMPOSE_ATOMS;
    for (uint32_t i = 0; i < count && is_one; i++) {
        is_one = add_next(shape, var, i + 1 == count);
        var = shape->ends[i];
    }
    return is_one;
}

/* ---- the others ---- */

/* The atom that leads to a variable; OF_ROW: none. */
static uint32_t find_atom(const struct shape *shape, uint32_t var)
{
    uint32_t i = 0;
    while (i < shape->compose->atom_count && shape->ends[i] != var) {
        i++;
    }
    return i < shape->compose->atom_count ? i : RUNE_DL_COMPOSE_OF_ROW;
}

/* Whether a variable is known before the chain is followed. */
static bool find_term(const struct shape *shape, uint32_t var, struct rune_dl_compose_term *ret)
{
    const struct rune_dl_plan_rule *rule = shape->rule;
    if (var == RUNE_DL_NO_VAR || var == shape->to) {
        return false;
    }
    *ret = (struct rune_dl_compose_term){.column = UINT32_MAX, .term = rule->vars[var].term};
    for (uint32_t c = 0; c + 1 < rule->arity && !rule->vars[var].is_constant; c++) {
        if (rule->head_vars[c] == var) {
            ret->column = c;
        }
    }
    return rule->vars[var].is_constant || ret->column != UINT32_MAX;
}

/* An order that is searched by what is known, and what it has then. */
static enum rune_err order_test(const struct shape *shape, const struct rune_dl_goal *goal,
                                uint32_t search, uint32_t values, struct rune_dl_compose_test *test)
{
    enum rune_err err = rune_dl_order_for(shape->ctx, goal->relation, search, &test->order);
    if (err != RUNE_OK) {
        return err;
    }
    const struct rune_image_order *order = &shape->ctx->orders.items[test->order];
    test->is_by_key = true;
    for (uint32_t p = 0; p < goal->count; p++) {
        uint32_t column = rune_order_column(order, goal->count, p);
        if (column == values) {
            test->position = p;
        }
        if ((search >> column & 1) != 0) {
            (void)find_term(shape, goal->vars[column], &test->terms[test->count]);
            test->is_by_key =
                test->is_by_key && test->terms[test->count].column != shape->rule->arity - 2;
            test->count++;
        }
    }
    return RUNE_OK;
}

static enum rune_err add_atom(const struct shape *shape, const struct rune_dl_goal *goal,
                              bool *is_one)
{
    const struct rune_dl_rel *rel = &shape->ctx->rels.items[goal->relation];
    struct rune_dl_compose_test test = {.of = RUNE_DL_COMPOSE_OF_ROW,
                                        .is_negated = goal->is_negated};
    uint32_t search = 0, values = UINT32_MAX, found = 0;
    *is_one = rel->access == RUNE_DL_STORED && rel->builtin == RUNE_DL_NOT_BUILTIN &&
              goal->count <= RUNE_ORDER_MAX_PREFIX;
    for (uint32_t c = 0; c < goal->count && *is_one; c++) {
        struct rune_dl_compose_term term;
        if (goal->vars[c] == RUNE_DL_NO_VAR) {
            continue;
        }
        if (find_term(shape, goal->vars[c], &term)) {
            search |= 1u << c;
            continue;
        }
        test.of = find_atom(shape, goal->vars[c]);
        values = c;
        *is_one = test.of != RUNE_DL_COMPOSE_OF_ROW && found++ == 0;
    }
    if (!*is_one) {
        return RUNE_OK;
    }
    enum rune_err err = order_test(shape, goal, search, values, &test);
    /* For each X another mask: only of the last. */
    *is_one = test.of == RUNE_DL_COMPOSE_OF_ROW || test.of + 1 == shape->compose->atom_count ||
              test.is_by_key;
    return err == RUNE_OK && *is_one && !RUNE_VEC_PUSH(&shape->compose->tests, test) ? RUNE_E_NOMEM
                                                                                     : err;
}

/* One more goal as a test. */
static enum rune_err add_goal(const struct shape *shape, const struct rune_dl_goal *goal,
                              bool *is_one)
{
    *is_one = false;
    if (goal->kind == RUNE_DL_GOAL_ATOM) {
        return add_atom(shape, goal, is_one);
    }
    if (goal->kind == RUNE_DL_GOAL_NE) {
        *is_one = (goal->vars[0] == shape->from && goal->vars[1] == shape->to) ||
                  (goal->vars[0] == shape->to && goal->vars[1] == shape->from);
        shape->compose->is_unequal = true;
    }
    return RUNE_OK;
}

static bool is_sure(const struct shape *shape)
{
    bool sure = true;
    for (uint32_t g = 0; g < shape->rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &shape->rule->goals[g];
        if (goal->kind == RUNE_DL_GOAL_ATOM) {
            const struct rune_dl_rel *rel = &shape->ctx->rels.items[goal->relation];
            sure = sure && !rel->is_partial && !rel->is_unsure;
        }
    }
    return sure;
}

static enum rune_err find_shape(struct shape *shape, bool *is_one)
{
    const struct rune_dl_plan_rule *rule = shape->rule;
    enum rune_err err = RUNE_OK;
    *is_one = false;
    if (rule->arity < 2 || rule->arity > RUNE_DL_BIT_COLUMNS || !rune_dl_has_distinct_head(rule)) {
        return RUNE_OK;
    }
    shape->from = rule->head_vars[rule->arity - 2];
    shape->to = rule->head_vars[rule->arity - 1];
    *is_one = is_sure(shape) && find_chain(shape);
    for (uint32_t g = 0; g < rule->goal_count && *is_one && err == RUNE_OK; g++) {
        if (!is_growing(shape, &rule->goals[g])) {
            err = add_goal(shape, &rule->goals[g], is_one);
        }
    }
    return err;
}

enum rune_err rune_dl_compose_make(struct rune_dl_ctx *ctx, uint32_t rule,
                                   struct rune_dl_compose **ret_compose)
{
    struct shape shape = {.ctx = ctx, .rule = &ctx->rules.items[rule]};
    bool is_one;
    *ret_compose = NULL;
    shape.compose = rune_calloc(1, sizeof(*shape.compose));
    if (shape.compose == NULL) {
        return RUNE_E_NOMEM;
    }
    shape.compose->rule = shape.rule;
    shape.compose->arity = shape.rule->arity;
    enum rune_err err = find_shape(&shape, &is_one);
    if (err != RUNE_OK || !is_one) {
        rune_dl_compose_destroy(shape.compose);
        return err;
    }
    *ret_compose = shape.compose;
    return RUNE_OK;
}

static void free_atom(struct rune_dl_compose_atom *atom)
{
    RUNE_VEC_FINI(&atom->begins);
    RUNE_VEC_FINI(&atom->ends);
    RUNE_VEC_FINI(&atom->row);
    RUNE_VEC_FINI(&atom->touched);
    RUNE_VEC_FINI(&atom->changed);
    RUNE_VEC_FINI(&atom->keep);
    RUNE_VEC_FINI(&atom->reached);
}

void rune_dl_compose_destroy(struct rune_dl_compose *compose)
{
    if (compose == NULL) {
        return;
    }
    for (uint32_t i = 0; i < RUNE_DL_COMPOSE_ATOMS; i++) {
        free_atom(&compose->atoms[i]);
    }
    RUNE_VEC_FINI(&compose->tests);
    RUNE_VEC_FINI(&compose->mask);
    RUNE_VEC_FINI(&compose->beyond);
    rune_free(compose);
}
