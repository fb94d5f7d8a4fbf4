/* SPDX-License-Identifier: Apache-2.0 */
/* goals_aggregate: the body of an aggregate becomes a relation of its own whose columns are the
 * group, then every other variable (so that each distinct binding is one tuple), then the value.
 * The group are the variables inside the braces that stand outside, too. */
#include "datalog/goals_int.h"

#define MAX_GROUP 32u /* LIMIT: variables that the braces share with what is around them */

enum { SEEN_OUTSIDE = 1, SEEN_INSIDE = 2 };

/* Marks the variables of an expression. */
static void mark_expr(const struct rune_dl_expr *expr, uint8_t *seen, uint8_t mark)
{
    if (expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) {
        seen[expr->as.variable] |= mark;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        mark_expr(&expr->args[i], seen, mark);
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
            mark_expr(&literal->args[0], seen, mark);
            continue;
        }
        uint32_t count = literal->kind == RUNE_DL_AGGREGATE ? 1 : literal->arg_count;
        for (uint32_t a = 0; a < count; a++) {
            if (!(literal->is_negated && literal->args[a].kind == RUNE_DL_WILDCARD)) {
                mark_expr(&literal->args[a], seen, mark);
            }
        }
    }
}

/* All variables inside braces, at any depth: candidates for a group. */
static void mark_deep(const struct rune_dl_literal *literal, uint8_t *seen, uint8_t mark)
{
    for (uint32_t a = literal->kind == RUNE_DL_AGGREGATE ? 1 : 0; a < literal->arg_count; a++) {
        if (!(literal->is_negated && literal->args[a].kind == RUNE_DL_WILDCARD)) {
            mark_expr(&literal->args[a], seen, mark);
        }
    }
    for (uint32_t b = 0; b < literal->body_count; b++) {
        for (uint32_t i = 0; i < literal->bodies[b].count; i++) {
            const struct rune_dl_literal *inner = &literal->bodies[b].literals[i];
            if (inner->kind == RUNE_DL_AGGREGATE) {
                mark_expr(&inner->args[0], seen, mark);
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

/* The relation of an aggregate's body. */
struct braces {
    const struct rune_dl_literal *literal;
    uint8_t *seen;     /* by variable: SEEN_OUTSIDE, SEEN_INSIDE */
    uint32_t *columns; /* variables: the group first */
    uint32_t group_count, column_count;
    uint32_t arity; /* the columns, and the value if there is one */
    uint32_t relation;
};

static bool has_value(const struct rune_dl_literal *literal)
{
    return literal->arg_count > 1;
}

/* Which variables are known outside, and which inside. */
static void mark_seen(const struct rune_dl_maker *maker, const struct level *level,
                      const struct braces *braces)
{
    mark_body(level->body, braces->literal, braces->seen, SEEN_OUTSIDE);
    if (level->value != NULL) {
        mark_expr(level->value, braces->seen, SEEN_OUTSIDE);
    }
    for (uint32_t i = 0; level->visible == NULL && i < maker->source->arg_count; i++) {
        mark_expr(&maker->source->args[i], braces->seen, SEEN_OUTSIDE);
    }
    for (uint32_t v = 0; level->visible != NULL && v < maker->source->variable_count; v++) {
        braces->seen[v] |= level->visible[v] ? SEEN_OUTSIDE : 0;
    }
    mark_deep(braces->literal, braces->seen, SEEN_INSIDE);
}

/* `own`: by variable, whether the braces' own level has it. */
static void choose_columns(struct braces *braces, const uint8_t *own, uint32_t variable_count)
{
    for (uint32_t v = 0; v < variable_count; v++) {
        if (braces->seen[v] == (SEEN_OUTSIDE | SEEN_INSIDE)) {
            braces->columns[braces->column_count++] = v;
        }
    }
    braces->group_count = braces->column_count;
    for (uint32_t v = 0; v < variable_count; v++) {
        if (own[v] && braces->seen[v] == SEEN_INSIDE) {
            braces->columns[braces->column_count++] = v;
        }
    }
    braces->arity = braces->column_count + (has_value(braces->literal) ? 1 : 0);
}

static enum rune_err plan_braces(struct rune_dl_maker *maker, const struct level *level,
                                 struct braces *braces)
{
    struct rune_arena *arena = &maker->ctx->arena;
    uint32_t variable_count = maker->source->variable_count;
    uint8_t *own = RUNE_ARENA_ARRAY(arena, uint8_t, variable_count + 1);
    braces->seen = RUNE_ARENA_ARRAY(arena, uint8_t, variable_count + 1);
    braces->columns = RUNE_ARENA_ARRAY(arena, uint32_t, variable_count + 1);
    if (own == NULL || braces->seen == NULL || braces->columns == NULL) {
        return RUNE_E_NOMEM;
    }
    mark_seen(maker, level, braces);
    mark_body(&braces->literal->bodies[0], NULL, own, 1);
    choose_columns(braces, own, variable_count);
    if (braces->arity > RUNE_DL_MAX_ARITY) {
        return rune_dl_maker_refuse(maker, braces->literal->span,
                                    "split the body into relations of its own",
                                    "an aggregate over more than 64 variables");
    }
    if (braces->group_count > MAX_GROUP) {
        return rune_dl_maker_refuse(
            maker, braces->literal->span, "split the body into relations of its own",
            "an aggregate that shares more than 32 variables with its rule");
    }
    return RUNE_OK;
}

/* No rule of a bundle can have the relation's name. */
static enum rune_err declare_braces(struct rune_dl_maker *maker, struct braces *braces)
{
    struct rune_dl_ctx *ctx = maker->ctx;
    enum rune_err err =
        rune_dl_rel_add_inner(ctx, maker->source->head_name, braces->arity, &braces->relation);
    if (err == RUNE_OK) {
        struct rune_dl_rel *rel = &ctx->rels.items[braces->relation];
        rel->is_aggregate_body = true;
        rel->access = RUNE_DL_DEMANDED;
        rel->on_request = ctx->rels.items[maker->source->head].on_request;
    }
    return err;
}

/* The body, and the head that its columns and its value are. */
static enum rune_err fill_inner(struct rune_dl_maker *inner, const struct braces *braces)
{
    const struct rune_dl_literal *literal = braces->literal;
    struct rune_arena *arena = &inner->ctx->arena;
    uint32_t variable_count = inner->source->variable_count;
    uint32_t *head = RUNE_ARENA_ARRAY(arena, uint32_t, braces->arity + 1);
    uint8_t *visible = RUNE_ARENA_ARRAY(arena, uint8_t, variable_count + 1);
    if (head == NULL || visible == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t v = 0; v < variable_count; v++) {
        visible[v] =
            (braces->seen[v] & (SEEN_OUTSIDE | SEEN_INSIDE)) == (SEEN_OUTSIDE | SEEN_INSIDE);
    }
    struct level level = {&literal->bodies[0], visible,
                          has_value(literal) ? &literal->args[1] : NULL};
    enum rune_err err = make_leveled(inner, &level);
    for (uint32_t i = 0; i < braces->column_count && err == RUNE_OK; i++) {
        head[i] = rune_dl_var_of(inner, braces->columns[i]);
        err = head[i] == RUNE_DL_NO_VAR ? RUNE_E_NOMEM : RUNE_OK;
    }
    if (err == RUNE_OK && has_value(literal)) {
        err = rune_dl_make_expr(inner, &literal->args[1], &head[braces->column_count]);
    }
    return err == RUNE_OK ? rune_dl_finish_rule(inner, braces->relation, head, braces->arity) : err;
}

/* The braces as the one rule of their relation. */
static enum rune_err make_inner(struct rune_dl_maker *outer, const struct braces *braces)
{
    if (outer->inner == NULL) {
        outer->inner = RUNE_ARENA_NEW(&outer->ctx->arena, struct rune_dl_maker);
        if (outer->inner == NULL) {
            return RUNE_E_NOMEM;
        }
        outer->inner->ctx = outer->ctx;
    }
    enum rune_err err = rune_dl_maker_begin(outer->inner, outer->source);
    return err == RUNE_OK ? fill_inner(outer->inner, braces) : err;
}

/* The goal that asks for the result: by the group's values. */
static enum rune_err add_goal(struct rune_dl_maker *maker, const struct braces *braces)
{
    const struct rune_dl_literal *literal = braces->literal;
    uint32_t result;
    enum rune_err err = rune_dl_make_expr(maker, &literal->args[0], &result);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_dl_goal *goal =
        rune_dl_goal_add(maker, RUNE_DL_GOAL_AGGREGATE, braces->group_count + 1, literal->span);
    if (goal == NULL) {
        return RUNE_E_NOMEM;
    }
    goal->op = (uint16_t)literal->aggregate;
    goal->relation = braces->relation;
    goal->vars[0] = result;
    for (uint32_t i = 0; i < braces->group_count; i++) {
        goal->vars[1 + i] = rune_dl_var_of(maker, braces->columns[i]);
        if (goal->vars[1 + i] == RUNE_DL_NO_VAR) {
            return RUNE_E_NOMEM;
        }
    }
    return RUNE_OK;
}

static enum rune_err make_braces(struct rune_dl_maker *maker, const struct rune_dl_literal *literal,
                                 const struct level *level)
{
    struct braces braces = {.literal = literal};
    enum rune_err err = plan_braces(maker, level, &braces);
    if (err == RUNE_OK) {
        err = declare_braces(maker, &braces);
    }
    if (err == RUNE_OK) {
        err = make_inner(maker, &braces);
    }
    return err == RUNE_OK ? add_goal(maker, &braces) : err;
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
