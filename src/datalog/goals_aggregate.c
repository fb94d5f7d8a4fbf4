/* SPDX-License-Identifier: Apache-2.0 */
/* goals_aggregate: the body of an aggregate becomes a relation of its own whose columns are the
 * group, then every other variable (so that each distinct binding is one tuple), then the value.
 * The group are the variables inside the braces that stand outside, too. */
#include <string.h>

#include "datalog/goals_int.h"

enum { SEEN_OUTSIDE = 1, SEEN_INSIDE = 2 };

/* Marks the variables of an expression. */
static void mark_expr(const struct rune_dl_expr *expr, uint8_t *seen, uint8_t mark)
{
    if (expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) {
        seen[expr->as.variable] |= mark;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        mark_expr(expr->args[i], seen, mark);
    }
}

/* Marks the variables of a body at its own level: of an aggregate only the result; wildcards of a
 * negation bind nothing. `skip`: a literal left out. */
static void mark_body(const struct rune_dl_body *body, const struct rune_dl_literal *skip,
                      uint8_t *seen, uint8_t mark)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        if (literal == skip) {
            mark_expr(literal->args[0], seen, mark);
            continue;
        }
        uint32_t count = literal->kind == RUNE_DL_AGGREGATE ? 1 : literal->arg_count;
        for (uint32_t a = 0; a < count; a++) {
            if (!(literal->is_negated && literal->args[a]->kind == RUNE_DL_WILDCARD)) {
                mark_expr(literal->args[a], seen, mark);
            }
        }
    }
}

/* All variables inside braces, at any depth: candidates for a group. */
static void mark_deep(const struct rune_dl_literal *literal, uint8_t *seen, uint8_t mark)
{
    for (uint32_t a = literal->kind == RUNE_DL_AGGREGATE ? 1 : 0; a < literal->arg_count; a++) {
        if (!(literal->is_negated && literal->args[a]->kind == RUNE_DL_WILDCARD)) {
            mark_expr(literal->args[a], seen, mark);
        }
    }
    for (uint32_t b = 0; b < literal->body_count; b++) {
        for (uint32_t i = 0; i < literal->bodies[b].count; i++) {
            const struct rune_dl_literal *inner = &literal->bodies[b].literals[i];
            if (inner->kind == RUNE_DL_AGGREGATE) {
                mark_expr(inner->args[0], seen, mark);
            }
            mark_deep(inner, seen, mark);
        }
    }
}

/* The level an aggregate stands in: where its group may come from. */
struct level {
    const struct rune_dl_body *body;
    const uint8_t *visible; /* variables of the source that outer levels know; NULL at the top */
    const struct rune_dl_expr *value; /* of the enclosing braces, or NULL */
};

static enum rune_err make_leveled(struct rune_dl_maker *maker, const struct level *level);

/* The braces as the one rule of the aggregate's relation. */
static enum rune_err make_inner(struct rune_dl_maker *outer, const struct rune_dl_literal *literal,
                                uint32_t relation, const uint8_t *seen, const uint32_t *columns,
                                uint32_t column_count)
{
    struct rune_dl_maker inner;
    enum rune_err err = rune_dl_maker_init(&inner, outer->ctx, outer->source);
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t arity = column_count + (literal->arg_count > 1 ? 1 : 0);
    uint32_t *head = RUNE_ARENA_ARRAY(&outer->ctx->arena, uint32_t, arity + 1);
    uint8_t *visible =
        RUNE_ARENA_ARRAY(&outer->ctx->arena, uint8_t, outer->source->variable_count + 1);
    if (head == NULL || visible == NULL) {
        err = RUNE_E_NOMEM;
        goto out;
    }
    for (uint32_t v = 0; v < outer->source->variable_count; v++) {
        visible[v] = (seen[v] & (SEEN_OUTSIDE | SEEN_INSIDE)) == (SEEN_OUTSIDE | SEEN_INSIDE);
    }
    struct level level = {&literal->bodies[0], visible,
                          literal->arg_count > 1 ? literal->args[1] : NULL};
    err = make_leveled(&inner, &level);
    for (uint32_t i = 0; i < column_count && err == RUNE_OK; i++) {
        head[i] = rune_dl_var_of(&inner, columns[i]);
        err = head[i] == RUNE_DL_NO_VAR ? RUNE_E_NOMEM : RUNE_OK;
    }
    if (err == RUNE_OK && literal->arg_count > 1) {
        err = rune_dl_make_expr(&inner, literal->args[1], &head[column_count]);
    }
    if (err == RUNE_OK) {
        err = rune_dl_finish_rule(&inner, relation, head, arity);
    }
out:
    rune_dl_maker_fini(&inner);
    return err;
}

static enum rune_err make_braces(struct rune_dl_maker *maker, const struct rune_dl_literal *literal,
                                 const struct level *level)
{
    struct rune_dl_ctx *ctx = maker->ctx;
    uint32_t variable_count = maker->source->variable_count;
    uint8_t *seen = RUNE_ARENA_ARRAY(&ctx->arena, uint8_t, variable_count + 1);
    uint8_t *own = RUNE_ARENA_ARRAY(&ctx->arena, uint8_t, variable_count + 1);
    uint32_t *columns = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, variable_count + 1);
    if (seen == NULL || own == NULL || columns == NULL) {
        return RUNE_E_NOMEM;
    }
    mark_body(level->body, literal, seen, SEEN_OUTSIDE);
    if (level->value != NULL) {
        mark_expr(level->value, seen, SEEN_OUTSIDE);
    }
    for (uint32_t i = 0; level->visible == NULL && i < maker->source->arg_count; i++) {
        mark_expr(maker->source->args[i], seen, SEEN_OUTSIDE);
    }
    mark_deep(literal, seen, SEEN_INSIDE);
    mark_body(&literal->bodies[0], NULL, own, 1);
    uint32_t group_count = 0, column_count = 0;
    for (uint32_t v = 0; v < variable_count; v++) {
        if (level->visible != NULL && level->visible[v]) {
            seen[v] |= SEEN_OUTSIDE;
        }
        if (seen[v] == (SEEN_OUTSIDE | SEEN_INSIDE)) {
            columns[column_count++] = v;
        }
    }
    group_count = column_count;
    for (uint32_t v = 0; v < variable_count; v++) {
        if (own[v] && seen[v] == SEEN_INSIDE) {
            columns[column_count++] = v;
        }
    }
    uint32_t arity = column_count + (literal->arg_count > 1 ? 1 : 0);
    if (arity > RUNE_DL_MAX_ARITY || group_count > 32) {
        return rune_dl_maker_refuse(maker, literal->span,
                                    "split the body into relations of its own",
                                    "an aggregate over more than 64 variables");
    }
    const char *name =
        rune_arena_printf(&ctx->arena, "%.*s {%zu}", (int)maker->source->head_name.length,
                          maker->source->head_name.data, ctx->rels.count);
    uint32_t relation;
    if (name == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err =
        rune_dl_rel_add(ctx, (struct rune_str){name, strlen(name)}, arity, &relation);
    if (err != RUNE_OK) {
        return err;
    }
    ctx->rels.items[relation].is_aggregate_body = true;
    ctx->rels.items[relation].access = RUNE_DL_DEMANDED;
    ctx->rels.items[relation].on_request = ctx->rels.items[maker->source->head].on_request;
    err = make_inner(maker, literal, relation, seen, columns, column_count);
    uint32_t result;
    if (err == RUNE_OK) {
        err = rune_dl_make_expr(maker, literal->args[0], &result);
    }
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_dl_goal *goal =
        rune_dl_goal_add(maker, RUNE_DL_GOAL_AGGREGATE, group_count + 1, literal->span);
    if (goal == NULL) {
        return RUNE_E_NOMEM;
    }
    goal->op = (uint32_t)literal->aggregate;
    goal->relation = relation;
    goal->vars[0] = result;
    for (uint32_t i = 0; i < group_count; i++) {
        goal->vars[1 + i] = rune_dl_var_of(maker, columns[i]);
        if (goal->vars[1 + i] == RUNE_DL_NO_VAR) {
            return RUNE_E_NOMEM;
        }
    }
    return RUNE_OK;
}

enum rune_err rune_dl_make_aggregate(struct rune_dl_maker *maker,
                                     const struct rune_dl_literal *literal)
{
    struct level level = {&maker->source->body, NULL, NULL};
    return make_braces(maker, literal, &level);
}

/* The body inside braces: aggregates nested in it have this level around them. */
static enum rune_err make_leveled(struct rune_dl_maker *maker, const struct level *level)
{
    for (uint32_t i = 0; i < level->body->count; i++) {
        const struct rune_dl_literal *literal = &level->body->literals[i];
        enum rune_err err = literal->kind == RUNE_DL_AGGREGATE
                                ? make_braces(maker, literal, level)
                                : rune_dl_make_literal(maker, literal);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}
