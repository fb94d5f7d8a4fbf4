/* SPDX-License-Identifier: Apache-2.0 */
/* linear: p joined with itself, in a component that is computed in rounds.
 *
 *     p(X, Z) :- p(X, Y), ..Y..W.., p(W, Z)
 *
 * says that p is a closure of what its other rules derive, its base. So the first p need not be all
 * of p: while the rounds run it is the base, which is far smaller and gives the same tuples, each
 * by fewer ways. The base is a relation of the builder's own, which gets a tuple of p when a rule
 * derives it that is none of these; afterwards it is gone, and the rules are as they were. */
#include <string.h>

#include "datalog/closure_int.h"

/* The goal of a rule that may read the base; UINT32_MAX: none. */
static uint32_t find_first(const struct rune_dl_plan_rule *rule)
{
    struct rune_dl_step step;
    if (rule->arity > RUNE_DL_ROW_COLUMNS || rune_dl_is_exit(rule)) {
        return UINT32_MAX;
    }
    for (uint32_t value = rule->arity; value-- > 0;) {
        if (rune_dl_find_step(rule, value, &step) && step.kind == RUNE_DL_STEP_JOIN) {
            return step.self;
        }
    }
    return UINT32_MAX;
}

static enum rune_err make_base(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t *ret_base)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    uint32_t arity = rel->arity, base;
    const char *name =
        rune_arena_printf(&ctx->arena, "%.*s {base}", (int)rel->name.length, rel->name.data);
    if (name == NULL ||
        rune_dl_rel_add(ctx, (struct rune_str){name, strlen(name)}, arity, &base) != RUNE_OK) {
        return RUNE_E_NOMEM;
    }
    rel = &ctx->rels.items[base];
    rel->is_scaffold = true;
    rel->access = RUNE_DL_DEMANDED; /* by nobody */
    rel->growing = rune_dl_growing_create(arity);
    if (rel->growing == NULL) {
        return RUNE_E_NOMEM;
    }
    rel->access = RUNE_DL_GROWING;
    *ret_base = base;
    return RUNE_OK;
}

enum rune_err rune_dl_linear_begin(struct rune_dl_ctx *ctx, uint32_t relation)
{
    uint32_t base = RUNE_DL_NO_BASE;
    for (uint32_t r = 0; r < ctx->rels.items[relation].rule_count; r++) {
        struct rune_dl_plan_rule *rule =
            &ctx->rules.items[ctx->rels.items[relation].first_rule + r];
        uint32_t first = find_first(rule);
        if (first == UINT32_MAX) {
            continue;
        }
        if (base == RUNE_DL_NO_BASE) {
            enum rune_err err = make_base(ctx, relation, &base);
            if (err != RUNE_OK) {
                return err;
            }
            ctx->rels.items[relation].growing->base = base;
        }
        rule->goals[first].relation = base;
    }
    return RUNE_OK;
}

bool rune_dl_linear_is_closing(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule)
{
    uint32_t base = ctx->rels.items[rule->head].growing->base;
    bool found = false;
    for (uint32_t g = 0; g < rule->goal_count && base != RUNE_DL_NO_BASE; g++) {
        found =
            found || (rule->goals[g].kind == RUNE_DL_GOAL_ATOM && rule->goals[g].relation == base);
    }
    return found;
}

void rune_dl_linear_end(struct rune_dl_ctx *ctx, uint32_t relation)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    if (rel->growing == NULL || rel->growing->base == RUNE_DL_NO_BASE) {
        return;
    }
    uint32_t base = rel->growing->base;
    for (uint32_t r = 0; r < rel->rule_count; r++) {
        const struct rune_dl_plan_rule *rule = &ctx->rules.items[rel->first_rule + r];
        for (uint32_t g = 0; g < rule->goal_count; g++) {
            struct rune_dl_goal *goal = &rule->goals[g];
            goal->relation = goal->relation == base ? relation : goal->relation;
        }
    }
    rel->growing->base = RUNE_DL_NO_BASE;
    rune_dl_growing_destroy(ctx->rels.items[base].growing);
    ctx->rels.items[base].growing = NULL;
    ctx->rels.items[base].access = RUNE_DL_DEMANDED;
}
