/* SPDX-License-Identifier: Apache-2.0 */
/* image_plans: the plans and orders that the image has. All demands from the roots (permit, forbid,
 * queries) are compiled twice: once to learn which searches stored relations must serve, then, with
 * the fewest orders that serve them, for good. */
#include <string.h>

#include "base/alloc.h"
#include "datalog/evaluate_int.h"

static void forget_plans(struct rune_dl_ctx *ctx)
{
    ctx->plans.count = ctx->code.count = ctx->spans.count = 0;
    ctx->plan_round++;
}

/* Plans, or an order, that tell whether a relation has a tuple with a known first column. */
static enum rune_err demand_first(struct rune_dl_ctx *ctx, uint32_t relation)
{
    uint32_t first, count;
    return ctx->rels.items[relation].access == RUNE_DL_DEMANDED
               ? rune_dl_demand_plans(ctx, relation, 1, &first, &count)
               : rune_dl_order_for(ctx, relation, 1, &first);
}

/* What is asked from outside: decisions and probes of sets with all columns bound and values of the
 * context's keys (first, they choose the orders), then queries with one column, none or all. */
enum asker { DECISIONS, QUERIES };

static enum rune_err demand_roots(struct rune_dl_ctx *ctx, enum asker asker)
{
    uint32_t first, count;
    ctx->for_queries = asker == QUERIES;
    for (uint32_t i = 0; i < ctx->program->relation_count; i++) {
        const struct rune_dl_rel *rel = &ctx->rels.items[i];
        if (asker == DECISIONS && rel->source->is_tested) {
            enum rune_err err = demand_first(ctx, i);
            if (err != RUNE_OK) {
                return err;
            }
            rel = &ctx->rels.items[i];
        }
        if (rel->access != RUNE_DL_DEMANDED || rel->rule_count == 0) {
            continue;
        }
        bool is_context = rel->builtin == RUNE_DL_CONTEXT;
        bool is_element = rel->builtin == RUNE_DL_ENTITY_ELEMENT; /* policies probe it, too */
        bool is_decision =
            rel->builtin == RUNE_DL_PERMIT || rel->builtin == RUNE_DL_FORBID || is_context;
        if (is_decision != (asker == DECISIONS) && !is_element) {
            continue;
        }
        uint32_t arity = rel->arity > 32 ? 32 : rel->arity;
        /* the key is known */
        uint32_t all = is_context ? 1 : arity == 32 ? UINT32_MAX : (1u << arity) - 1;
        enum rune_err err = rune_dl_demand_plans(ctx, i, all, &first, &count);
        for (uint32_t c = 0; c <= arity && err == RUNE_OK && asker == QUERIES; c++) {
            err = rune_dl_demand_plans(ctx, i, c == arity ? 0 : 1u << c, &first, &count);
        }
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

/* Whether the only order is the one that every relation has, and all searches are by its first
 * columns. */
static bool has_what_it_needs(const struct rune_dl_rel *rel)
{
    if (rel->orders.count != 1) {
        return false;
    }
    for (size_t i = 0; i < rel->searches.count; i++) {
        uint32_t search = rel->searches.items[i];
        if ((search & (search + 1)) != 0) {
            return false;
        }
    }
    uint32_t c = 0;
    while (c < rel->arity && c < 8 && rel->orders.items[0].columns[c] == c) {
        c++;
    }
    return c == rel->arity || c == 8;
}

/* Orders of one relation that serve its searches. */
static enum rune_err choose_for(struct rune_dl_ctx *ctx, uint32_t relation,
                                struct rune_vec_u64 *columns)
{
    if (has_what_it_needs(&ctx->rels.items[relation])) {
        ctx->rels.items[relation].orders.items[0].is_chosen = true;
        return RUNE_OK;
    }
    for (size_t o = 0; o < ctx->rels.items[relation].orders.count; o++) {
        ctx->rels.items[relation].orders.items[o].is_chosen = false;
    }
    columns->count = 0;
    enum rune_err err = rune_dl_orders_choose(ctx, relation, columns);
    for (size_t c = 0; c < columns->count && err == RUNE_OK; c++) {
        uint8_t bytes[8];
        uint32_t index = 0;
        memcpy(bytes, &columns->items[c], 8);
        err = rune_dl_order_build(ctx, relation, bytes, &index);
        if (err == RUNE_OK) {
            ctx->rels.items[relation].orders.items[index].is_chosen = true;
        }
    }
    return err;
}

static enum rune_err choose_orders(struct rune_dl_ctx *ctx)
{
    struct rune_vec_u64 columns = {0};
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < ctx->rels.count && err == RUNE_OK; i++) {
        if (ctx->rels.items[i].access == RUNE_DL_STORED) {
            err = choose_for(ctx, i, &columns);
        }
    }
    RUNE_VEC_FINI(&columns);
    return err;
}

/* No more searches can come. */
static void drop_others(struct rune_dl_rel *rel)
{
    size_t kept = 0;
    for (size_t o = 0; o < rel->orders.count; o++) {
        if (rel->orders.items[o].is_chosen) {
            rel->orders.items[kept++] = rel->orders.items[o];
        } else {
            rune_free(rel->orders.items[o].words);
        }
    }
    rel->orders.count = kept;
}

static enum rune_err demand_all(struct rune_dl_ctx *ctx)
{
    enum rune_err err = demand_roots(ctx, DECISIONS);
    if (err == RUNE_OK && ctx->pass == RUNE_DL_PASS_COLLECT) {
        err = rune_dl_refuse_free(ctx);
    }
    if (err == RUNE_OK && ctx->pass == RUNE_DL_PASS_COLLECT) {
        err = choose_orders(ctx);
    }
    return err == RUNE_OK ? demand_roots(ctx, QUERIES) : err;
}

static enum rune_err store_parents(struct rune_dl_ctx *ctx)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < ctx->program->relation_count && err == RUNE_OK; i++) {
        if (ctx->rels.items[i].builtin == RUNE_DL_ENTITY_PARENT &&
            ctx->rels.items[i].access == RUNE_DL_PENDING) {
            err = rune_dl_store_builtin(ctx, i);
        }
    }
    return err;
}

enum rune_err rune_dl_compile_image(struct rune_dl_ctx *ctx)
{
    ctx->pass = RUNE_DL_PASS_COLLECT;
    ctx->late_builtins_before = ctx->late_builtins;
    forget_plans(ctx);
    enum rune_err err = demand_all(ctx);
    if (err == RUNE_OK && ctx->options->keeps_parents) {
        err = store_parents(ctx);
    }
    if (err == RUNE_OK) {
        err = choose_orders(ctx);
    }
    if (err != RUNE_OK) {
        return err;
    }
    for (uint32_t i = 0; i < ctx->rels.count; i++) {
        if (ctx->rels.items[i].access == RUNE_DL_STORED) {
            drop_others(&ctx->rels.items[i]);
        }
    }
    ctx->pass = RUNE_DL_PASS_IMAGE;
    forget_plans(ctx);
    return demand_all(ctx);
}
