/* SPDX-License-Identifier: Apache-2.0 */
/* goals_expr: variables, constants and expressions of one rule in the making.
 *
 * Constants are variables with a value; an expression becomes a goal for each operator, its result
 * a variable; `X = Y` makes two variables one. */
#include <string.h>

#include "base/diag.h"
#include "datalog/constants.h"
#include "datalog/goals_int.h"

const uint16_t rune_dl_functions[RUNE_DL_FN_COUNT] = {
#define RUNE_DL_FN(name, text, style, arity, result) [RUNE_DL_FN_##name] = RUNE_RULE_FN_##name,
#include "datalog/functions.def"
#undef RUNE_DL_FN
};

enum rune_err rune_dl_maker_refuse(struct rune_dl_maker *maker, struct rune_span span,
                                   const char *help, const char *text)
{
    rune_diag_report(maker->ctx->diag, RUNE_ERROR, "RUNE-R0301", span, help, "%s", text);
    return RUNE_E_BUNDLE;
}

enum rune_err rune_dl_maker_begin(struct rune_dl_maker *maker, const struct rune_dl_rule *source)
{
    maker->source = source;
    maker->vars.count = maker->goals.count = 0;
    maker->has_unions = false;
    if (!RUNE_VEC_RESERVE(&maker->map, source->variable_count)) {
        return RUNE_E_NOMEM;
    }
    maker->map.count = source->variable_count;
    for (uint32_t i = 0; i < source->variable_count; i++) {
        maker->map.items[i] = RUNE_DL_NO_VAR;
    }
    return RUNE_OK;
}

void rune_dl_maker_fini(struct rune_dl_maker *maker)
{
    for (; maker != NULL; maker = maker->inner) {
        RUNE_VEC_FINI(&maker->map);
        RUNE_VEC_FINI(&maker->vars);
        RUNE_VEC_FINI(&maker->goals);
    }
}

/* ---- variables ---- */

uint32_t rune_dl_var_new(struct rune_dl_maker *maker)
{
    struct rune_dl_var var = {.parent = (uint32_t)maker->vars.count};
    return RUNE_VEC_PUSH(&maker->vars, var) ? var.parent : RUNE_DL_NO_VAR;
}

uint32_t rune_dl_var_constant(struct rune_dl_maker *maker, rune_term term)
{
    for (uint32_t i = 0; i < maker->vars.count && i < 64; i++) {
        if (maker->vars.items[i].is_constant && maker->vars.items[i].term == term) {
            return i;
        }
    }
    uint32_t var = rune_dl_var_new(maker);
    if (var != RUNE_DL_NO_VAR) {
        maker->vars.items[var].is_constant = true;
        maker->vars.items[var].term = term;
    }
    return var;
}

uint32_t rune_dl_var_find(const struct rune_dl_maker *maker, uint32_t var)
{
    while (maker->vars.items[var].parent != var) {
        var = maker->vars.items[var].parent;
    }
    return var;
}

bool rune_dl_var_union(struct rune_dl_maker *maker, uint32_t a, uint32_t b)
{
    a = rune_dl_var_find(maker, a);
    b = rune_dl_var_find(maker, b);
    struct rune_dl_var *left = &maker->vars.items[a], *right = &maker->vars.items[b];
    if (a == b) {
        return true;
    }
    if (left->is_constant && right->is_constant) {
        return left->term == right->term;
    }
    maker->has_unions = true;
    if (left->is_constant) {
        right->parent = a;
    } else {
        left->parent = b;
    }
    return true;
}

uint32_t rune_dl_var_of(struct rune_dl_maker *maker, uint32_t number)
{
    uint32_t *var = &maker->map.items[number];
    if (*var == RUNE_DL_NO_VAR) {
        *var = rune_dl_var_new(maker);
    }
    return *var;
}

struct rune_dl_goal *rune_dl_goal_add(struct rune_dl_maker *maker, enum rune_dl_goal_kind kind,
                                      uint32_t count, struct rune_span span)
{
    struct rune_dl_goal goal = {.kind = kind, .count = count, .span = span};
    if (count > 0) {
        goal.vars = RUNE_ARENA_ARRAY(&maker->ctx->arena, uint32_t, count);
    }
    if ((count > 0 && goal.vars == NULL) || !RUNE_VEC_PUSH(&maker->goals, goal)) {
        return NULL;
    }
    return &maker->goals.items[maker->goals.count - 1];
}

/* ---- expressions ---- */

static enum rune_err list_constant(struct rune_dl_ctx *ctx, const struct rune_dl_expr *expr,
                                   rune_term *ret_term)
{
    rune_term *elements = RUNE_ARENA_ARRAY(&ctx->arena, rune_term, expr->arg_count + 1);
    if (elements == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        enum rune_err err = rune_dl_constant(ctx, &expr->args[i], &elements[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return rune_dict_set(ctx->dict, elements, expr->arg_count, ret_term);
}

enum rune_err rune_dl_constant(struct rune_dl_ctx *ctx, const struct rune_dl_expr *expr,
                               rune_term *ret_term)
{
    if (expr->kind == RUNE_DL_LIST) {
        return list_constant(ctx, expr, ret_term);
    }
    enum rune_err err = rune_dl_constant_term(expr, ctx->dict, ret_term);
    return err == RUNE_E_INVALID ? RUNE_E_BUNDLE : err;
}

static struct rune_span span_of(const struct rune_dl_maker *maker, const struct rune_dl_expr *expr)
{
    return rune_dl_expr_span(maker->source->span.source, expr);
}

/* A goal whose first variable is the result, the others the expression's arguments. */
static enum rune_err make_operation(struct rune_dl_maker *maker, const struct rune_dl_expr *expr,
                                    enum rune_dl_goal_kind kind, uint16_t op, uint32_t *ret_var)
{
    uint32_t args[8];
    if (expr->arg_count > 7) {
        return rune_dl_maker_refuse(maker, span_of(maker, expr), NULL, "too many arguments");
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        enum rune_err err = rune_dl_make_expr(maker, &expr->args[i], &args[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    uint32_t result = rune_dl_var_new(maker);
    struct rune_dl_goal *goal =
        rune_dl_goal_add(maker, kind, expr->arg_count + 1, span_of(maker, expr));
    if (result == RUNE_DL_NO_VAR || goal == NULL) {
        return RUNE_E_NOMEM;
    }
    goal->op = op;
    goal->vars[0] = result;
    memcpy(goal->vars + 1, args, expr->arg_count * sizeof(uint32_t));
    if (kind == RUNE_DL_GOAL_INDEX) {
        enum rune_err err = rune_dict_string(maker->ctx->dict, *expr->key, &goal->term);
        if (err != RUNE_OK) {
            return err;
        }
    }
    *ret_var = result;
    return RUNE_OK;
}

/* LIMIT: expressions nest at most RUNE_DL_MAX_DEPTH deep (parser). */
enum rune_err rune_dl_make_expr(struct rune_dl_maker *maker, const struct rune_dl_expr *expr,
                                uint32_t *ret_var)
{
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err;
    switch (expr->kind) {
    case RUNE_DL_VARIABLE:
    case RUNE_DL_WILDCARD:
        *ret_var = rune_dl_var_of(maker, expr->as.variable);
        return *ret_var == RUNE_DL_NO_VAR ? RUNE_E_NOMEM : RUNE_OK;
    case RUNE_DL_NEG:
        return make_operation(maker, expr, RUNE_DL_GOAL_NEGATE, 0, ret_var);
    case RUNE_DL_ADD:
    case RUNE_DL_SUB:
    case RUNE_DL_MUL:
    case RUNE_DL_DIV:
    case RUNE_DL_MOD:
        return make_operation(maker, expr, RUNE_DL_GOAL_ARITH, (uint16_t)(expr->kind - RUNE_DL_ADD),
                              ret_var);
    case RUNE_DL_INDEX:
        return make_operation(maker, expr, RUNE_DL_GOAL_INDEX, 0, ret_var);
    case RUNE_DL_CALL:
        return make_operation(maker, expr, RUNE_DL_GOAL_FUNCTION, rune_dl_functions[expr->function],
                              ret_var);
    default:
        err = rune_dl_constant(maker->ctx, expr, &term);
        if (err == RUNE_E_BUNDLE) {
            return rune_dl_maker_refuse(maker, span_of(maker, expr),
                                        "write the elements as constants",
                                        "a list here holds constants only");
        }
        if (err == RUNE_OK) {
            *ret_var = rune_dl_var_constant(maker, term);
            err = *ret_var == RUNE_DL_NO_VAR ? RUNE_E_NOMEM : RUNE_OK;
        }
        return err;
    }
}

enum rune_err rune_dl_make_args(struct rune_dl_maker *maker, const struct rune_dl_expr *args,
                                uint32_t count, uint32_t *ret_vars)
{
    for (uint32_t i = 0; i < count; i++) {
        enum rune_err err = rune_dl_make_expr(maker, &args[i], &ret_vars[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}
