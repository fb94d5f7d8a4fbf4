/* SPDX-License-Identifier: Apache-2.0 */
/* goals: rules as trees -> rules as goals over numbered variables, grouped by head. Expressions are
 * in goals_expr.c, aggregates in goals_aggregate.c, `contains` in goals_contains.c. */
#include "datalog/goals_int.h"

#include <string.h>

#define RELEASE_EVERY 64u /* rules */

/* ---- literals ---- */

static enum rune_err make_plain(struct rune_dl_maker *maker, const struct rune_dl_literal *literal,
                                enum rune_dl_goal_kind kind, uint16_t op,
                                const struct rune_dl_expr *args, uint32_t count)
{
    uint32_t *vars = rune_arena_alloc(&maker->ctx->arena, count * sizeof(uint32_t));
    if (vars == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = rune_dl_make_args(maker, args, count, vars);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_dl_goal *goal = rune_dl_goal_add(maker, kind, 0, literal->span);
    if (goal == NULL) {
        return RUNE_E_NOMEM;
    }
    goal->is_negated = literal->is_negated;
    goal->op = op;
    goal->vars = vars;
    goal->count = count;
    return RUNE_OK;
}

enum rune_err rune_dl_rel_add_inner(struct rune_dl_ctx *ctx, struct rune_str of, uint32_t arity,
                                    uint32_t *ret_relation)
{
    char number[20];
    size_t digits = 0;
    for (size_t rest = ctx->rels.count; rest > 0 || digits == 0; rest /= 10) {
        number[digits++] = (char)('0' + rest % 10);
    }
    struct rune_str name = {NULL, of.length + 3 + digits};
    char *text = rune_arena_alloc(&ctx->arena, name.length);
    if (text == NULL) {
        return RUNE_E_NOMEM;
    }
    name.data = text;
    memcpy(text, of.data, of.length);
    text += of.length;
    *text++ = ' ';
    *text++ = '{';
    while (digits > 0) {
        *text++ = number[--digits];
    }
    *text = '}';
    return rune_dl_rel_add(ctx, name, arity, ret_relation);
}

/* A negated atom that no single instruction can test (a built-in; more columns than an order can
 * search) goes through a relation of its own in which it is positive. */
static enum rune_err wrap_negated(struct rune_dl_maker *maker, uint32_t relation,
                                  struct rune_span span, uint32_t *ret_relation)
{
    struct rune_dl_ctx *ctx = maker->ctx;
    uint32_t arity = ctx->rels.items[relation].arity;
    enum rune_err err =
        rune_dl_rel_add_inner(ctx, ctx->rels.items[relation].name, arity, ret_relation);
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
    struct rune_dl_maker inner = {.ctx = ctx};
    err = rune_dl_maker_begin(&inner, maker->source);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_dl_goal *goal = rune_dl_goal_add(&inner, RUNE_DL_GOAL_ATOM, arity, span);
    uint32_t *head = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, arity + 1);
    err = goal == NULL || head == NULL ? RUNE_E_NOMEM : RUNE_OK;
    for (uint32_t i = 0; i < arity && err == RUNE_OK; i++) {
        head[i] =
            i == literal_column ? rune_dl_var_constant(&inner, literal) : rune_dl_var_new(&inner);
        goal->vars[i] = head[i];
        goal->relation = relation;
        err = head[i] == RUNE_DL_NO_VAR ? RUNE_E_NOMEM : RUNE_OK;
    }
    if (err == RUNE_OK) {
        err = rune_dl_finish_rule(&inner, *ret_relation, head, arity);
    }
    rune_dl_maker_fini(&inner);
    return err;
}

static enum rune_err make_atom(struct rune_dl_maker *maker, const struct rune_dl_literal *literal)
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
            if (literal->args[i].kind == RUNE_DL_WILDCARD) {
                goal->vars[i] = RUNE_DL_NO_VAR;
            }
        }
    }
    return err;
}

static enum rune_err make_compare(struct rune_dl_maker *maker,
                                  const struct rune_dl_literal *literal)
{
    if (literal->compare == RUNE_DL_NE) {
        return make_plain(maker, literal, RUNE_DL_GOAL_NE, 0, literal->args, 2);
    }
    if (literal->compare != RUNE_DL_EQ) {
        return make_plain(maker, literal, RUNE_DL_GOAL_COMPARE,
                          (uint16_t)(literal->compare - RUNE_DL_LT), literal->args, 2);
    }
    uint32_t vars[2];
    enum rune_err err = rune_dl_make_args(maker, literal->args, 2, vars);
    if (err != RUNE_OK || rune_dl_var_union(maker, vars[0], vars[1])) {
        return err;
    }
    struct rune_dl_goal *goal = rune_dl_goal_add(maker, RUNE_DL_GOAL_EQ, 2, literal->span);
    if (goal == NULL) {
        return RUNE_E_NOMEM;
    }
    memcpy(goal->vars, vars, sizeof(vars));
    return RUNE_OK;
}

static enum rune_err make_in(struct rune_dl_maker *maker, const struct rune_dl_literal *literal)
{
    const struct rune_dl_expr *right = &literal->args[1];
    if (right->kind != RUNE_DL_LIST) {
        return make_plain(maker, literal, RUNE_DL_GOAL_IN_SET, 0, literal->args, 2);
    }
    struct rune_dl_expr *args =
        RUNE_ARENA_ARRAY(&maker->ctx->arena, struct rune_dl_expr, right->arg_count + 1);
    if (args == NULL) {
        return RUNE_E_NOMEM;
    }
    args[0] = literal->args[0];
    memcpy(args + 1, right->args, right->arg_count * sizeof(args[0]));
    return make_plain(maker, literal, RUNE_DL_GOAL_IN, 0, args, right->arg_count + 1);
}

static enum rune_err make_is(struct rune_dl_maker *maker, const struct rune_dl_literal *literal)
{
    enum rune_err err = make_plain(maker, literal, RUNE_DL_GOAL_IS, 0, literal->args, 1);
    if (err == RUNE_OK) {
        err = rune_dict_string(maker->ctx->dict, literal->name,
                               &maker->goals.items[maker->goals.count - 1].term);
    }
    return err;
}

/* `S.contains(X)` may bind X: then it is a loop over S. Which of both it is shows when goals are
 * ordered (goals_contains.c says where it may be which). */
static enum rune_err make_test(struct rune_dl_maker *maker, const struct rune_dl_literal *literal)
{
    return make_plain(maker, literal, RUNE_DL_GOAL_TEST, rune_dl_functions[literal->function],
                      literal->args, literal->arg_count);
}

enum rune_err rune_dl_make_literal(struct rune_dl_maker *maker,
                                   const struct rune_dl_literal *literal)
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
        return rune_dl_make_aggregate(maker, literal);
    case RUNE_DL_DISJUNCTION:
        break; /* expanded by the checker, in braces too */
    }
    return rune_dl_maker_refuse(maker, literal->span, NULL, "a disjunction cannot stand here");
}

static enum rune_err make_body(struct rune_dl_maker *maker, const struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count; i++) {
        enum rune_err err = rune_dl_make_literal(maker, &body->literals[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

/* ---- finished rules ---- */

/* Variables made one get the number of the one that stands for all. */
static void rename_vars(struct rune_dl_maker *maker, uint32_t *head_vars, uint32_t arity)
{
    for (uint32_t i = 0; i < maker->goals.count; i++) {
        struct rune_dl_goal *goal = &maker->goals.items[i];
        for (uint32_t v = 0; v < goal->count; v++) {
            if (goal->vars[v] != RUNE_DL_NO_VAR) {
                goal->vars[v] = rune_dl_var_find(maker, goal->vars[v]);
            }
        }
    }
    for (uint32_t i = 0; i < arity; i++) {
        head_vars[i] = rune_dl_var_find(maker, head_vars[i]);
    }
}

enum rune_err rune_dl_finish_rule(struct rune_dl_maker *maker, uint32_t head, uint32_t *head_vars,
                                  uint32_t arity)
{
    if (maker->has_unions) {
        rename_vars(maker, head_vars, arity);
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
    return rule.goals != NULL && rule.vars != NULL ? rune_dl_add_rule(maker->ctx, &rule)
                                                   : RUNE_E_NOMEM;
}

/* ---- all ---- */

enum rune_err rune_dl_rel_add(struct rune_dl_ctx *ctx, struct rune_str name, uint32_t arity,
                              uint32_t *ret_relation)
{
    struct rune_dl_rel rel = {.name = name, .arity = arity, .facts_relation = UINT32_MAX};
    rel.distinct = rune_arena_alloc(&ctx->arena, arity * sizeof(double));
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

static enum rune_err make_rule(struct rune_dl_maker *maker, const struct rune_dl_rule *source)
{
    uint32_t *head = rune_arena_alloc(&maker->ctx->arena, source->arg_count * sizeof(uint32_t));
    enum rune_err err = head == NULL ? RUNE_E_NOMEM : rune_dl_maker_begin(maker, source);
    if (err == RUNE_OK) {
        err = rune_dl_make_args(maker, source->args, source->arg_count, head);
    }
    if (err == RUNE_OK) {
        err = make_body(maker, &source->body);
    }
    return err == RUNE_OK ? rune_dl_finish_rule(maker, source->head, head, source->arg_count) : err;
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
    enum rune_err err = RUNE_OK;
    struct rune_dl_maker maker = {.ctx = ctx};
    struct rune_arena *trees = ctx->options->trees; /* the next steps can use its memory */
    for (uint32_t i = 0; err == RUNE_OK && i < program->rule_count; i++) {
        if (trees != NULL && i > 0 && i % RELEASE_EVERY == 0) {
            /* not this one's: what is in them was made before them */
            rune_arena_release(trees, program->rules[i - 1].args);
        }
        err = make_rule(&maker, &program->rules[i]);
    }
    rune_dl_maker_fini(&maker);
    for (size_t i = 0; err == RUNE_OK && i < ctx->inner.count; i++) {
        err = RUNE_VEC_PUSH(&ctx->rules, ctx->inner.items[i]) ? RUNE_OK : RUNE_E_NOMEM;
    }
    RUNE_VEC_FINI(&ctx->inner);
    return err == RUNE_OK ? group_by_head(ctx) : err;
}
