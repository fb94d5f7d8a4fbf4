/* SPDX-License-Identifier: Apache-2.0 */
/* goals: rules as trees -> rules as goals over numbered variables.
 *
 * Constants are variables with a value; an expression becomes a goal for each operator, its result
 * a variable; `X = Y` makes two variables one. The body of an aggregate becomes a relation of its
 * own whose columns are the group, then every other variable (so that each distinct binding is one
 * tuple), then the value. */
#include "datalog/evaluate_int.h"

#include <string.h>

#include "base/diag.h"
#include "datalog/functions.h"

/* One rule in the making. */
struct maker {
    struct rune_dl_ctx *ctx;
    const struct rune_dl_rule *source;
    uint32_t *map; /* variables of the source to ours */
    RUNE_VEC(, struct rune_dl_var) vars;
    RUNE_VEC(, struct rune_dl_goal) goals;
};

static const uint32_t functions[RUNE_DL_FN_COUNT] = {
#define RUNE_DL_FN(name, text, style, arity, result) [RUNE_DL_FN_##name] = RUNE_RULE_FN_##name,
#include "datalog/functions.def"
#undef RUNE_DL_FN
};

static enum rune_err refuse(struct maker *maker, struct rune_span span, const char *help,
                            const char *text)
{
    rune_diag_report(maker->ctx->diag, RUNE_ERROR, "RUNE-R0301", span, help, "%s", text);
    return RUNE_E_BUNDLE;
}

static enum rune_err maker_init(struct maker *maker, struct rune_dl_ctx *ctx,
                                const struct rune_dl_rule *source)
{
    *maker = (struct maker){.ctx = ctx, .source = source};
    uint32_t count = source->variable_count;
    maker->map = rune_alloc((count + 1) * sizeof(uint32_t));
    if (maker->map == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        maker->map[i] = RUNE_DL_NO_VAR;
    }
    return RUNE_OK;
}

static void maker_fini(struct maker *maker)
{
    rune_free(maker->map);
    RUNE_VEC_FINI(&maker->vars);
    RUNE_VEC_FINI(&maker->goals);
}

/* ---- variables ---- */

static uint32_t var_new(struct maker *maker)
{
    struct rune_dl_var var = {.parent = (uint32_t)maker->vars.count};
    return RUNE_VEC_PUSH(&maker->vars, var) ? var.parent : RUNE_DL_NO_VAR;
}

static uint32_t var_constant(struct maker *maker, rune_term term)
{
    for (uint32_t i = 0; i < maker->vars.count && i < 64; i++) {
        if (maker->vars.items[i].is_constant && maker->vars.items[i].term == term) {
            return i;
        }
    }
    uint32_t var = var_new(maker);
    if (var != RUNE_DL_NO_VAR) {
        maker->vars.items[var].is_constant = true;
        maker->vars.items[var].term = term;
    }
    return var;
}

static uint32_t var_find(const struct maker *maker, uint32_t var)
{
    while (maker->vars.items[var].parent != var) {
        var = maker->vars.items[var].parent;
    }
    return var;
}

/* Makes both one. False if both are constants and differ. */
static bool var_union(struct maker *maker, uint32_t a, uint32_t b)
{
    a = var_find(maker, a);
    b = var_find(maker, b);
    struct rune_dl_var *left = &maker->vars.items[a], *right = &maker->vars.items[b];
    if (a == b) {
        return true;
    }
    if (left->is_constant && right->is_constant) {
        return left->term == right->term;
    }
    if (left->is_constant) {
        right->parent = a;
    } else {
        left->parent = b;
    }
    return true;
}

static uint32_t var_of(struct maker *maker, uint32_t number)
{
    if (maker->map[number] == RUNE_DL_NO_VAR) {
        maker->map[number] = var_new(maker);
    }
    return maker->map[number];
}

/* A goal with room for `count` variables; NULL: out of memory. */
static struct rune_dl_goal *goal_add(struct maker *maker, enum rune_dl_goal_kind kind,
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
        enum rune_err err = rune_dl_constant(ctx, expr->args[i], &elements[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return rune_dict_set(ctx->dict, elements, expr->arg_count, ret_term);
}

enum rune_err rune_dl_constant(struct rune_dl_ctx *ctx, const struct rune_dl_expr *expr,
                               rune_term *ret_term)
{
    rune_term type = RUNE_TERM_NONE, id = RUNE_TERM_NONE;
    enum rune_err err;
    switch (expr->kind) {
    case RUNE_DL_LONG:
        return rune_dict_long(ctx->dict, expr->as.integer, ret_term);
    case RUNE_DL_FLOAT:
        return rune_dict_float(ctx->dict, expr->as.floating, ret_term);
    case RUNE_DL_STRING:
        return rune_dict_string(ctx->dict, expr->as.string, ret_term);
    case RUNE_DL_BOOL:
        *ret_term = rune_term_bool(expr->as.boolean);
        return RUNE_OK;
    case RUNE_DL_ENTITY:
        err = rune_dict_string(ctx->dict, expr->as.uid->type, &type);
        if (err == RUNE_OK) {
            err = rune_dict_string(ctx->dict, expr->as.uid->id, &id);
        }
        return err != RUNE_OK ? err : rune_dict_entity(ctx->dict, type, id, ret_term);
    case RUNE_DL_LIST:
        return list_constant(ctx, expr, ret_term);
    default:
        return RUNE_E_BUNDLE;
    }
}

static enum rune_err make_expr(struct maker *maker, const struct rune_dl_expr *expr,
                               uint32_t *ret_var);

/* A goal whose first variable is the result, the others the expression's arguments. */
static enum rune_err make_operation(struct maker *maker, const struct rune_dl_expr *expr,
                                    enum rune_dl_goal_kind kind, uint32_t op, uint32_t *ret_var)
{
    uint32_t args[8];
    if (expr->arg_count > 7) {
        return refuse(maker, expr->span, NULL, "too many arguments");
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        enum rune_err err = make_expr(maker, expr->args[i], &args[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    uint32_t result = var_new(maker);
    struct rune_dl_goal *goal = goal_add(maker, kind, expr->arg_count + 1, expr->span);
    if (result == RUNE_DL_NO_VAR || goal == NULL) {
        return RUNE_E_NOMEM;
    }
    goal->op = op;
    goal->vars[0] = result;
    memcpy(goal->vars + 1, args, expr->arg_count * sizeof(uint32_t));
    if (kind == RUNE_DL_GOAL_INDEX) {
        enum rune_err err = rune_dict_string(maker->ctx->dict, expr->as.string, &goal->term);
        if (err != RUNE_OK) {
            return err;
        }
    }
    *ret_var = result;
    return RUNE_OK;
}

/* LIMIT: expressions nest at most RUNE_DL_MAX_DEPTH deep (parser). */
static enum rune_err make_expr(struct maker *maker, const struct rune_dl_expr *expr,
                               uint32_t *ret_var)
{
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err;
    switch (expr->kind) {
    case RUNE_DL_VARIABLE:
    case RUNE_DL_WILDCARD:
        *ret_var = var_of(maker, expr->as.variable);
        return *ret_var == RUNE_DL_NO_VAR ? RUNE_E_NOMEM : RUNE_OK;
    case RUNE_DL_NEG:
        return make_operation(maker, expr, RUNE_DL_GOAL_NEGATE, 0, ret_var);
    case RUNE_DL_ADD:
    case RUNE_DL_SUB:
    case RUNE_DL_MUL:
    case RUNE_DL_DIV:
    case RUNE_DL_MOD:
        return make_operation(maker, expr, RUNE_DL_GOAL_ARITH, (uint32_t)(expr->kind - RUNE_DL_ADD),
                              ret_var);
    case RUNE_DL_INDEX:
        return make_operation(maker, expr, RUNE_DL_GOAL_INDEX, 0, ret_var);
    case RUNE_DL_CALL:
        return make_operation(maker, expr, RUNE_DL_GOAL_FUNCTION, functions[expr->as.function],
                              ret_var);
    default:
        err = rune_dl_constant(maker->ctx, expr, &term);
        if (err == RUNE_E_BUNDLE) {
            return refuse(maker, expr->span, "write the elements as constants",
                          "a list here holds constants only");
        }
        if (err == RUNE_OK) {
            *ret_var = var_constant(maker, term);
            err = *ret_var == RUNE_DL_NO_VAR ? RUNE_E_NOMEM : RUNE_OK;
        }
        return err;
    }
}

/* Arguments of a literal into variables of a goal yet to be added (expressions add goals of their
 * own first). */
static enum rune_err make_args(struct maker *maker, struct rune_dl_expr **args, uint32_t count,
                               uint32_t *ret_vars)
{
    for (uint32_t i = 0; i < count; i++) {
        enum rune_err err = make_expr(maker, args[i], &ret_vars[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

static enum rune_err make_plain(struct maker *maker, const struct rune_dl_literal *literal,
                                enum rune_dl_goal_kind kind, uint32_t op,
                                struct rune_dl_expr **args, uint32_t count)
{
    uint32_t *vars = RUNE_ARENA_ARRAY(&maker->ctx->arena, uint32_t, count + 1);
    if (vars == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = make_args(maker, args, count, vars);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_dl_goal *goal = goal_add(maker, kind, 0, literal->span);
    if (goal == NULL) {
        return RUNE_E_NOMEM;
    }
    goal->is_negated = literal->is_negated;
    goal->op = op;
    goal->vars = vars;
    goal->count = count;
    return RUNE_OK;
}

/* ---- literals ---- */

static enum rune_err finish_rule(struct maker *maker, uint32_t head, uint32_t *head_vars,
                                 uint32_t arity);

/* A negated atom that no single instruction can test (a built-in; more columns than an order can
 * search) goes through a relation of its own in which it is positive. */
static enum rune_err wrap_negated(struct maker *maker, uint32_t relation, struct rune_span span,
                                  uint32_t *ret_relation)
{
    struct rune_dl_ctx *ctx = maker->ctx;
    uint32_t arity = ctx->rels.items[relation].arity;
    const char *name =
        rune_arena_printf(&ctx->arena, "%.*s {%zu}", (int)ctx->rels.items[relation].name.length,
                          ctx->rels.items[relation].name.data, ctx->rels.count);
    if (name == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err =
        rune_dl_rel_add(ctx, (struct rune_str){name, strlen(name)}, arity, ret_relation);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_dl_rel *rel = &ctx->rels.items[*ret_relation];
    rel->access = RUNE_DL_DEMANDED;
    rel->on_request = ctx->rels.items[maker->source->head].on_request;
    rune_term literal = ctx->rels.items[relation].literal;
    enum rune_dl_builtin builtin = ctx->rels.items[relation].builtin;
    uint32_t literal_column = literal == RUNE_TERM_NONE    ? UINT32_MAX
                              : builtin == RUNE_DL_CONTEXT ? 0
                                                           : 1;
    struct maker inner;
    err = maker_init(&inner, ctx, maker->source);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_dl_goal *goal = goal_add(&inner, RUNE_DL_GOAL_ATOM, arity, span);
    uint32_t *head = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, arity + 1);
    err = goal == NULL || head == NULL ? RUNE_E_NOMEM : RUNE_OK;
    for (uint32_t i = 0; i < arity && err == RUNE_OK; i++) {
        head[i] = i == literal_column ? var_constant(&inner, literal) : var_new(&inner);
        goal->vars[i] = head[i];
        goal->relation = relation;
        err = head[i] == RUNE_DL_NO_VAR ? RUNE_E_NOMEM : RUNE_OK;
    }
    if (err == RUNE_OK) {
        err = finish_rule(&inner, *ret_relation, head, arity);
    }
    maker_fini(&inner);
    return err;
}

static enum rune_err make_atom(struct maker *maker, const struct rune_dl_literal *literal)
{
    enum rune_err err =
        make_plain(maker, literal, RUNE_DL_GOAL_ATOM, 0, literal->args, literal->arg_count);
    if (err == RUNE_OK) {
        struct rune_dl_goal *goal = &maker->goals.items[maker->goals.count - 1];
        goal->relation = literal->relation;
        const struct rune_dl_relation *of = &maker->ctx->program->relations[literal->relation];
        bool is_builtin = of->builtin != RUNE_DL_NOT_BUILTIN && !of->is_head;
        if (literal->is_negated && (is_builtin || literal->arg_count > RUNE_ORDER_MAX_PREFIX)) {
            err = wrap_negated(maker, literal->relation, literal->span, &goal->relation);
        }
        for (uint32_t i = 0; i < literal->arg_count && literal->is_negated; i++) {
            if (literal->args[i]->kind == RUNE_DL_WILDCARD) {
                goal->vars[i] = RUNE_DL_NO_VAR;
            }
        }
    }
    return err;
}

static enum rune_err make_compare(struct maker *maker, const struct rune_dl_literal *literal)
{
    if (literal->compare == RUNE_DL_NE) {
        return make_plain(maker, literal, RUNE_DL_GOAL_NE, 0, literal->args, 2);
    }
    if (literal->compare != RUNE_DL_EQ) {
        return make_plain(maker, literal, RUNE_DL_GOAL_COMPARE,
                          (uint32_t)(literal->compare - RUNE_DL_LT), literal->args, 2);
    }
    uint32_t vars[2];
    enum rune_err err = make_args(maker, literal->args, 2, vars);
    if (err != RUNE_OK || var_union(maker, vars[0], vars[1])) {
        return err;
    }
    struct rune_dl_goal *goal = goal_add(maker, RUNE_DL_GOAL_EQ, 2, literal->span);
    if (goal == NULL) {
        return RUNE_E_NOMEM;
    }
    memcpy(goal->vars, vars, sizeof(vars));
    return RUNE_OK;
}

static enum rune_err make_in(struct maker *maker, const struct rune_dl_literal *literal)
{
    const struct rune_dl_expr *right = literal->args[1];
    if (right->kind != RUNE_DL_LIST) {
        return make_plain(maker, literal, RUNE_DL_GOAL_IN_SET, 0, literal->args, 2);
    }
    struct rune_dl_expr **args =
        RUNE_ARENA_ARRAY(&maker->ctx->arena, struct rune_dl_expr *, right->arg_count + 1);
    if (args == NULL) {
        return RUNE_E_NOMEM;
    }
    args[0] = literal->args[0];
    memcpy(args + 1, right->args, right->arg_count * sizeof(args[0]));
    return make_plain(maker, literal, RUNE_DL_GOAL_IN, 0, args, right->arg_count + 1);
}

static enum rune_err make_is(struct maker *maker, const struct rune_dl_literal *literal)
{
    enum rune_err err = make_plain(maker, literal, RUNE_DL_GOAL_IS, 0, literal->args, 1);
    if (err == RUNE_OK) {
        err = rune_dict_string(maker->ctx->dict, literal->name,
                               &maker->goals.items[maker->goals.count - 1].term);
    }
    return err;
}

/* `S.contains(X)` may bind X: then it is a loop over S. Which of both it is shows when goals are
 * ordered; a plain variable is given both chances there. */
static enum rune_err make_test(struct maker *maker, const struct rune_dl_literal *literal)
{
    return make_plain(maker, literal, RUNE_DL_GOAL_TEST, functions[literal->function],
                      literal->args, literal->arg_count);
}

static enum rune_err make_body(struct maker *maker, const struct rune_dl_body *body);
static enum rune_err make_aggregate(struct maker *maker, const struct rune_dl_literal *literal);

static enum rune_err make_literal(struct maker *maker, const struct rune_dl_literal *literal)
{
    switch (literal->kind) {
    case RUNE_DL_ATOM:
        return make_atom(maker, literal);
    case RUNE_DL_COMPARE:
        return make_compare(maker, literal);
    case RUNE_DL_IN:
        return make_in(maker, literal);
    case RUNE_DL_IS:
        return make_is(maker, literal);
    case RUNE_DL_TEST:
        return make_test(maker, literal);
    case RUNE_DL_AGGREGATE:
        return make_aggregate(maker, literal);
    case RUNE_DL_DISJUNCTION:
        break; /* expanded by the checker, in braces too */
    }
    return refuse(maker, literal->span, NULL, "a disjunction cannot stand here");
}

static enum rune_err make_body(struct maker *maker, const struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count; i++) {
        enum rune_err err = make_literal(maker, &body->literals[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

/* ---- finished rules ---- */

/* Variables made one are renamed to their representative. */
static enum rune_err finish_rule(struct maker *maker, uint32_t head, uint32_t *head_vars,
                                 uint32_t arity)
{
    for (uint32_t i = 0; i < maker->goals.count; i++) {
        struct rune_dl_goal *goal = &maker->goals.items[i];
        for (uint32_t v = 0; v < goal->count; v++) {
            if (goal->vars[v] != RUNE_DL_NO_VAR) {
                goal->vars[v] = var_find(maker, goal->vars[v]);
            }
        }
    }
    for (uint32_t i = 0; i < arity; i++) {
        head_vars[i] = var_find(maker, head_vars[i]);
    }
    struct rune_arena *arena = &maker->ctx->arena;
    struct rune_dl_plan_rule rule = {
        .head = head,
        .head_vars = head_vars,
        .arity = arity,
        .goal_count = (uint32_t)maker->goals.count,
        .var_count = (uint32_t)maker->vars.count,
        .source = maker->source,
        .number = UINT32_MAX,
    };
    rule.goals =
        rune_arena_memdup(arena, maker->goals.items, maker->goals.count * sizeof(rule.goals[0]));
    rule.vars =
        rune_arena_memdup(arena, maker->vars.items, maker->vars.count * sizeof(rule.vars[0]));
    bool ok = rule.goals != NULL && rule.vars != NULL && RUNE_VEC_PUSH(&maker->ctx->rules, rule);
    return ok ? RUNE_OK : RUNE_E_NOMEM;
}

/* ---- aggregates ---- */

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

static enum rune_err make_leveled(struct maker *maker, const struct level *level);

/* The braces as the one rule of the aggregate's relation. */
static enum rune_err make_inner(struct maker *outer, const struct rune_dl_literal *literal,
                                uint32_t relation, const uint8_t *seen, const uint32_t *columns,
                                uint32_t column_count)
{
    struct maker inner;
    enum rune_err err = maker_init(&inner, outer->ctx, outer->source);
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
        head[i] = var_of(&inner, columns[i]);
        err = head[i] == RUNE_DL_NO_VAR ? RUNE_E_NOMEM : RUNE_OK;
    }
    if (err == RUNE_OK && literal->arg_count > 1) {
        err = make_expr(&inner, literal->args[1], &head[column_count]);
    }
    if (err == RUNE_OK) {
        err = finish_rule(&inner, relation, head, arity);
    }
out:
    maker_fini(&inner);
    return err;
}

static enum rune_err make_braces(struct maker *maker, const struct rune_dl_literal *literal,
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
        return refuse(maker, literal->span, "split the body into relations of its own",
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
        err = make_expr(maker, literal->args[0], &result);
    }
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_dl_goal *goal =
        goal_add(maker, RUNE_DL_GOAL_AGGREGATE, group_count + 1, literal->span);
    if (goal == NULL) {
        return RUNE_E_NOMEM;
    }
    goal->op = (uint32_t)literal->aggregate;
    goal->relation = relation;
    goal->vars[0] = result;
    for (uint32_t i = 0; i < group_count; i++) {
        goal->vars[1 + i] = var_of(maker, columns[i]);
        if (goal->vars[1 + i] == RUNE_DL_NO_VAR) {
            return RUNE_E_NOMEM;
        }
    }
    return RUNE_OK;
}

static enum rune_err make_aggregate(struct maker *maker, const struct rune_dl_literal *literal)
{
    struct level level = {&maker->source->body, NULL, NULL};
    return make_braces(maker, literal, &level);
}

/* The body inside braces: aggregates nested in it have this level around them. */
static enum rune_err make_leveled(struct maker *maker, const struct level *level)
{
    for (uint32_t i = 0; i < level->body->count; i++) {
        const struct rune_dl_literal *literal = &level->body->literals[i];
        enum rune_err err = literal->kind == RUNE_DL_AGGREGATE ? make_braces(maker, literal, level)
                                                               : make_literal(maker, literal);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

/* ---- all ---- */

enum rune_err rune_dl_rel_add(struct rune_dl_ctx *ctx, struct rune_str name, uint32_t arity,
                              uint32_t *ret_relation)
{
    struct rune_dl_rel rel = {.name = name, .arity = arity, .facts_relation = UINT32_MAX};
    rel.distinct = RUNE_ARENA_ARRAY(&ctx->arena, double, arity + 1);
    for (uint32_t i = 0; i < arity && rel.distinct != NULL; i++) {
        rel.distinct[i] = -1;
    }
    *ret_relation = (uint32_t)ctx->rels.count;
    struct rune_image_relation image = {.arity = arity};
    if (rel.distinct == NULL || !RUNE_VEC_PUSH(&ctx->rels, rel)) {
        return RUNE_E_NOMEM;
    }
    return RUNE_VEC_PUSH(&ctx->image_relations, image) ? RUNE_OK : RUNE_E_NOMEM;
}

static enum rune_err make_rule(struct rune_dl_ctx *ctx, const struct rune_dl_rule *source)
{
    struct maker maker;
    enum rune_err err = maker_init(&maker, ctx, source);
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t *head = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, source->arg_count + 1);
    err = head == NULL ? RUNE_E_NOMEM : make_args(&maker, source->args, source->arg_count, head);
    if (err == RUNE_OK) {
        err = make_body(&maker, &source->body);
    }
    if (err == RUNE_OK) {
        err = finish_rule(&maker, source->head, head, source->arg_count);
    }
    maker_fini(&maker);
    return err;
}

/* Whether the rules stand in the order of their heads already; then the relations learn of theirs.
 */
static bool are_grouped(struct rune_dl_ctx *ctx)
{
    for (size_t i = 1; i < ctx->rules.count; i++) {
        if (ctx->rules.items[i].head < ctx->rules.items[i - 1].head) {
            return false;
        }
    }
    for (size_t i = ctx->rules.count; i-- > 0;) {
        struct rune_dl_rel *rel = &ctx->rels.items[ctx->rules.items[i].head];
        rel->first_rule = (uint32_t)i;
        rel->rule_count++;
    }
    return true;
}

/* Stable: rules of one head stay in the order of the text. */
static enum rune_err group_by_head(struct rune_dl_ctx *ctx)
{
    size_t count = ctx->rules.count;
    if (are_grouped(ctx)) {
        return RUNE_OK;
    }
    struct rune_dl_plan_rule *sorted = rune_alloc((count + 1) * sizeof(*sorted));
    if (sorted == NULL) {
        return RUNE_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        ctx->rels.items[ctx->rules.items[i].head].rule_count++;
    }
    uint32_t next = 0;
    for (size_t r = 0; r < ctx->rels.count; r++) {
        ctx->rels.items[r].first_rule = next;
        next += ctx->rels.items[r].rule_count;
        ctx->rels.items[r].rule_count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct rune_dl_rel *rel = &ctx->rels.items[ctx->rules.items[i].head];
        sorted[rel->first_rule + rel->rule_count++] = ctx->rules.items[i];
    }
    rune_free(ctx->rules.items);
    ctx->rules.items = sorted;
    ctx->rules.capacity = count + 1;
    return RUNE_OK;
}

/* Facts of a relation that also has rules lie in a relation of their own, read by one more rule: so
 * they are there whether the relation is stored or demanded. For a derived built-in they are the
 * entity data. */
static enum rune_err split_facts(struct rune_dl_ctx *ctx, uint32_t relation)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    bool is_built_in = rel->builtin >= RUNE_DL_ENTITY_EXISTS && rel->builtin <= RUNE_DL_ENTITY_ID;
    if (!rel->source->is_head || (!is_built_in && rel->facts.count == 0)) {
        return RUNE_OK;
    }
    const char *name =
        rune_arena_printf(&ctx->arena, "%.*s {facts}", (int)rel->name.length, rel->name.data);
    uint32_t arity = rel->arity, facts;
    if (name == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = rune_dl_rel_add(ctx, (struct rune_str){name, strlen(name)}, arity, &facts);
    uint32_t *vars = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, arity + 1);
    struct rune_dl_goal *goal = RUNE_ARENA_NEW(&ctx->arena, struct rune_dl_goal);
    struct rune_dl_var *variables = RUNE_ARENA_ARRAY(&ctx->arena, struct rune_dl_var, arity + 1);
    if (err != RUNE_OK || vars == NULL || goal == NULL || variables == NULL) {
        return RUNE_E_NOMEM;
    }
    rel = &ctx->rels.items[relation];
    struct rune_dl_rel *hidden = &ctx->rels.items[facts];
    if (is_built_in) {
        hidden->builtin = rel->builtin;
        hidden->literal = rel->literal;
    }
    hidden->facts = rel->facts;
    rel->facts = (struct rune_tuples){0};
    rel->facts_relation = facts;
    for (uint32_t i = 0; i < arity; i++) {
        vars[i] = variables[i].parent = i;
    }
    if (is_built_in && rel->literal != RUNE_TERM_NONE) {
        variables[1].is_constant = true; /* the name: entity data is read without it */
        variables[1].term = rel->literal;
    }
    *goal = (struct rune_dl_goal){
        .kind = RUNE_DL_GOAL_ATOM, .relation = facts, .vars = vars, .count = arity};
    struct rune_dl_plan_rule rule = {.head = relation,
                                     .head_vars = vars,
                                     .arity = arity,
                                     .goals = goal,
                                     .goal_count = 1,
                                     .vars = variables,
                                     .var_count = arity,
                                     .number = UINT32_MAX};
    return RUNE_VEC_PUSH(&ctx->rules, rule) ? RUNE_OK : RUNE_E_NOMEM;
}

enum rune_err rune_dl_goals_make(struct rune_dl_ctx *ctx)
{
    const struct rune_dl_program *program = ctx->program;
    for (uint32_t i = 0; i < program->relation_count; i++) {
        enum rune_err err = split_facts(ctx, i);
        if (err != RUNE_OK) {
            return err;
        }
    }
    for (uint32_t i = 0; i < program->rule_count; i++) {
        enum rune_err err = make_rule(ctx, &program->rules[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    for (uint32_t i = 0; i < program->fact_count; i++) {
        enum rune_dl_builtin builtin = program->relations[program->facts[i].head].builtin;
        if (builtin == RUNE_DL_PERMIT || builtin == RUNE_DL_FORBID) {
            /* `permit(P, A, R).` names a reason like any rule. */
            enum rune_err err = make_rule(ctx, &program->facts[i]);
            if (err != RUNE_OK) {
                return err;
            }
        }
    }
    return group_by_head(ctx);
}
