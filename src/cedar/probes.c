/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/probes.h"

static enum rune_err use_name(struct rune_map *names, struct rune_str name)
{
    return rune_map_find(names, name, NULL) ? rune_map_set(names, name, RUNE_CEDAR_IS_VALUE)
                                            : RUNE_OK;
}

/* `x.name.isEmpty()`: a probe of another kind. */
static enum rune_err ask_empty(struct rune_map *names, struct rune_str name)
{
    uint32_t number;
    return rune_map_find(names, name, &number) && number != RUNE_CEDAR_IS_VALUE
               ? rune_map_set(names, name, RUNE_CEDAR_ASKS_EMPTY)
               : RUNE_OK;
}

static bool is_probe(enum rune_cedar_expr_kind kind)
{
    return kind == RUNE_EXPR_CONTAINS || kind == RUNE_EXPR_CONTAINS_ALL ||
           kind == RUNE_EXPR_CONTAINS_ANY || kind == RUNE_EXPR_IS_EMPTY;
}

/* `x has a.b.c` reads a and b, and only tests whether c is there. */
static enum rune_err visit_path(const struct rune_cedar_path *path, struct rune_map *names)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i + 1 < path->count && err == RUNE_OK; i++) {
        err = use_name(names, path->names[i]);
    }
    return err;
}

/* LIMIT: depth is counted by the parser. */
static enum rune_err visit(const struct rune_cedar_expr *expr, struct rune_map *names)
{
    enum rune_err err = RUNE_OK;
    if (expr->kind == RUNE_EXPR_GET_ATTR) {
        err = use_name(names, expr->as.string);
    } else if (expr->kind == RUNE_EXPR_HAS) {
        err = visit_path(&expr->as.path, names);
    }
    for (uint32_t i = 0; i < expr->arg_count && err == RUNE_OK; i++) {
        const struct rune_cedar_expr *arg = expr->args[i];
        bool probed = i == 0 && is_probe(expr->kind) && arg->kind == RUNE_EXPR_GET_ATTR;
        if (probed && expr->kind == RUNE_EXPR_IS_EMPTY) {
            err = ask_empty(names, arg->as.string);
        }
        err = err == RUNE_OK ? visit(probed ? arg->args[0] : arg, names) : err;
    }
    return err;
}

enum rune_err rune_cedar_find_values(const struct rune_cedar_policies *policies,
                                     struct rune_map *names)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < policies->count && names->count > 0; i++) {
        const struct rune_cedar_policy *policy = &policies->items[i];
        for (uint32_t c = 0; c < policy->condition_count && err == RUNE_OK; c++) {
            err = visit(policy->conditions[c].body, names);
        }
    }
    return err;
}
