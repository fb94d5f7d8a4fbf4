/* SPDX-License-Identifier: Apache-2.0 */
/* free: refuses recursions that a request would have to compute in full.
 *
 * A recursion that does not depend on the request is stored. One that does is computed for each
 * request, from what is known there: a column that the request binds, or rules that begin at the
 * request, like `reached(G) :- principal(P), member(P, G).`. If neither narrows it, it begins with
 * all tuples of some relation, and what it gives may be the square of that. Such a decision would
 * end at its limits, each time; so it is refused here, where its author sees it. */
#include "base/diag.h"
#include "datalog/join.h"

#define MANY_TUPLES 1000u /* LIMIT: a recursion may begin with so many */
#define MAX_CALLS   16u   /* LIMIT: calls within calls that are looked through */

/* A stored relation of which all tuples are read, or UINT32_MAX. */
static uint32_t find_scan(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t bound,
                          uint32_t depth);

static bool is_same_recursion(const struct rune_dl_ctx *ctx, uint32_t a, uint32_t b)
{
    return ctx->rels.items[a].component == ctx->rels.items[b].component &&
           ctx->rels.items[a].component != 0;
}

static bool is_exit(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule)
{
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        bool reads = rule->goals[g].kind == RUNE_DL_GOAL_ATOM;
        if (reads && is_same_recursion(ctx, rule->head, rule->goals[g].relation)) {
            return false;
        }
    }
    return true;
}

/* One goal, as the join stands: what it reads in full. */
static uint32_t scan_of(const struct rune_dl_join *join, const struct rune_dl_goal *goal,
                        uint32_t depth)
{
    struct rune_dl_ctx *ctx = join->ctx;
    if (goal->kind != RUNE_DL_GOAL_ATOM || goal->is_negated) {
        return UINT32_MAX;
    }
    uint32_t bound = rune_dl_join_columns(join, goal);
    switch (rune_dl_join_atom(join, goal)) {
    case RUNE_DL_ATOM_STORED:
        return bound == 0 && ctx->rels.items[goal->relation].count > MANY_TUPLES ? goal->relation
                                                                                 : UINT32_MAX;
    case RUNE_DL_ATOM_CALL:
        return depth < MAX_CALLS ? find_scan(ctx, goal->relation, bound, depth + 1) : UINT32_MAX;
    default:
        return UINT32_MAX;
    }
}

static uint32_t scan_of_rule(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                             uint32_t bound, uint32_t depth)
{
    struct rune_dl_join join;
    uint32_t found = UINT32_MAX;
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    if (rune_dl_join_init(&join, ctx, rule, bound) == RUNE_OK &&
        rune_dl_join_find(&join, UINT32_MAX) == RUNE_OK) {
        for (uint32_t i = 0; i < join.count && found == UINT32_MAX; i++) {
            found = scan_of(&join, &rule->goals[join.order[i]], depth);
            rune_dl_join_take(&join, join.order[i]);
        }
    }
    rune_arena_rewind(&ctx->scratch, mark);
    return found;
}

static uint32_t find_scan(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t bound,
                          uint32_t depth)
{
    uint32_t first = ctx->rels.items[relation].first_rule;
    uint32_t count = ctx->rels.items[relation].rule_count;
    uint32_t found = UINT32_MAX;
    for (uint32_t r = 0; r < count && found == UINT32_MAX; r++) {
        const struct rune_dl_plan_rule *rule = &ctx->rules.items[first + r];
        if (is_exit(ctx, rule)) {
            found = scan_of_rule(ctx, rule, bound, depth);
        }
    }
    return found;
}

static void report(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t scanned,
                   struct rune_span span)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    const struct rune_dl_rel *read = &ctx->rels.items[scanned];
    rune_diag_report(
        ctx->diag, RUNE_ERROR, "RUNE-R0304", span,
        "bind a column of it, begin it at the request, or keep the request out of the recursion: "
        "then its tuples are stored",
        "each request would compute all of `%.*s`: it is recursive, depends on the request, and "
        "nothing known here narrows it; it begins with all %llu tuples of `%.*s`",
        RUNE_STR_ARG(rel->name), (unsigned long long)read->count, RUNE_STR_ARG(read->name));
}

enum rune_err rune_dl_refuse_free(struct rune_dl_ctx *ctx)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < ctx->program->relation_count; i++) {
        const struct rune_dl_rel *rel = &ctx->rels.items[i];
        if (!rel->is_recursive || !rel->on_request) {
            continue;
        }
        for (size_t d = 0; d < rel->demands.count; d++) {
            const struct rune_dl_demand demand = rel->demands.items[d];
            if (demand.round != ctx->plan_round || demand.bound != 0) {
                continue;
            }
            uint32_t scanned = find_scan(ctx, i, 0, 0);
            if (scanned != UINT32_MAX) {
                report(ctx, i, scanned, demand.asked_by);
                err = RUNE_E_BUNDLE;
            }
            rel = &ctx->rels.items[i];
        }
    }
    return err;
}
