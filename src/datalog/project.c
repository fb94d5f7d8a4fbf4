/* SPDX-License-Identifier: Apache-2.0 */
/* project: relations that are demanded are asked only for the columns that somebody wants. An atom
 * one of whose variables stands nowhere else in its rule, as in `near(U, V) :- view(U, V, _, _)`,
 * asks a relation of its own, `view` without those columns: with the same rules, of which one proof
 * of what is left is enough. So no decision makes a table of what its rule does not read.
 *
 * Recursions keep their columns; so do the bodies of aggregates, in which every variable counts,
 * and relations of very many rules, which would be compiled again for each set of columns. */
#include <stdio.h>
#include <string.h>

#include "datalog/evaluate_int.h"

#define MAX_RULES 64u /* LIMIT: of a relation that is projected */
#define MAX_TIMES 4u  /* LIMIT: rules that projecting adds, for each that there was */

/* A relation without some columns. */
struct projection {
    uint32_t projected; /* the relation that it is */
    uint64_t columns;   /* that it has */
    uint32_t next;      /* of the same relation; see rune_dl_rel.projections */
};
RUNE_VEC(vec_projection, struct projection);

struct projector {
    struct rune_dl_ctx *ctx;
    struct vec_projection made;
    size_t most_rules;
};

static bool can_project(const struct projector *projector, const struct rune_dl_goal *goal)
{
    const struct rune_dl_ctx *ctx = projector->ctx;
    const struct rune_dl_rel *rel = &ctx->rels.items[goal->relation];
    return goal->kind == RUNE_DL_GOAL_ATOM && !goal->is_negated && goal->count <= 64 &&
           rel->access == RUNE_DL_DEMANDED && rel->builtin == RUNE_DL_NOT_BUILTIN &&
           !rel->is_recursive && !rel->is_aggregate_body && rel->rule_count > 0 &&
           rel->rule_count <= MAX_RULES &&
           ctx->rules.count + rel->rule_count <= projector->most_rules;
}

/* Columns of an atom whose variables occur elsewhere, or are constants. */
static uint64_t wanted_columns(const struct rune_dl_plan_rule *rule,
                               const struct rune_dl_goal *goal, const uint32_t *uses)
{
    uint64_t wanted = 0;
    for (uint32_t i = 0; i < goal->count; i++) {
        uint32_t var = goal->vars[i];
        bool is_wanted = var != RUNE_DL_NO_VAR && (uses[var] > 1 || rule->vars[var].is_constant);
        wanted |= (uint64_t)is_wanted << i;
    }
    return wanted;
}

/* The arguments in the columns that are kept. NULL: no memory. */
static uint32_t *keep_columns(struct rune_dl_ctx *ctx, const uint32_t *vars, uint32_t count,
                              uint64_t columns)
{
    uint32_t *kept = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, count + 1);
    for (uint32_t i = 0, at = 0; kept != NULL && i < count; i++) {
        if ((columns >> i & 1) != 0) {
            kept[at++] = vars[i];
        }
    }
    return kept;
}

/* "view {columns 1 3}": no rule can write it, and `rune plan` knows what it was. */
static enum rune_err add_relation(struct rune_dl_ctx *ctx, uint32_t relation, uint64_t columns,
                                  uint32_t *ret_projected)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    struct rune_str base = rel->name;
    bool on_request = rel->on_request;
    char numbers[64 * 3 + 1];
    size_t length = 0;
    for (uint64_t left = columns; left != 0; left &= left - 1) {
        length += (size_t)snprintf(numbers + length, sizeof(numbers) - length, " %d",
                                   __builtin_ctzll(left) + 1);
    }
    const char *name = rune_arena_printf(&ctx->arena, "%.*s {columns%.*s}", (int)base.length,
                                         base.data, (int)length, numbers);
    if (name == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = rune_dl_rel_add(ctx, (struct rune_str){name, strlen(name)},
                                        (uint32_t)__builtin_popcountll(columns), ret_projected);
    if (err == RUNE_OK) {
        ctx->rels.items[*ret_projected].access = RUNE_DL_DEMANDED;
        ctx->rels.items[*ret_projected].on_request = on_request;
        ctx->rels.items[*ret_projected].first_rule = (uint32_t)ctx->rules.count;
    }
    return err;
}

/* Its rules are those of the relation, with a head of fewer columns. */
static enum rune_err add_rules(struct rune_dl_ctx *ctx, uint32_t relation,
                               const struct projection *made)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    for (uint32_t i = 0; i < rel->rule_count; i++) {
        struct rune_dl_plan_rule rule = ctx->rules.items[rel->first_rule + i];
        rule.head_vars = keep_columns(ctx, rule.head_vars, rule.arity, made->columns);
        rule.goals =
            rune_arena_memdup(&ctx->arena, rule.goals, rule.goal_count * sizeof(rule.goals[0]));
        rule.head = made->projected;
        rule.arity = (uint32_t)__builtin_popcountll(made->columns);
        rule.number = UINT32_MAX;
        if (rule.head_vars == NULL || rule.goals == NULL || !RUNE_VEC_PUSH(&ctx->rules, rule)) {
            return RUNE_E_NOMEM;
        }
        ctx->rels.items[made->projected].rule_count++;
    }
    return RUNE_OK;
}

static enum rune_err find_projection(struct projector *projector, uint32_t relation,
                                     uint64_t columns, uint32_t *ret_projected)
{
    struct rune_dl_rel *rels = projector->ctx->rels.items;
    for (uint32_t i = rels[relation].projections; i != 0; i = projector->made.items[i - 1].next) {
        if (projector->made.items[i - 1].columns == columns) {
            *ret_projected = projector->made.items[i - 1].projected;
            return RUNE_OK;
        }
    }
    struct projection made = {.columns = columns, .next = rels[relation].projections};
    rels[relation].projections = (uint32_t)projector->made.count + 1;
    enum rune_err err = add_relation(projector->ctx, relation, columns, &made.projected);
    if (err == RUNE_OK && !RUNE_VEC_PUSH(&projector->made, made)) {
        err = RUNE_E_NOMEM;
    }
    if (err == RUNE_OK) {
        err = add_rules(projector->ctx, relation, &made);
    }
    *ret_projected = made.projected;
    return err;
}

static void count_uses(const struct rune_dl_plan_rule *rule, uint32_t *uses)
{
    memset(uses, 0, rule->var_count * sizeof(uses[0]));
    for (uint32_t i = 0; i < rule->arity; i++) {
        uses[rule->head_vars[i]]++;
    }
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        for (uint32_t i = 0; i < rule->goals[g].count; i++) {
            if (rule->goals[g].vars[i] != RUNE_DL_NO_VAR) {
                uses[rule->goals[g].vars[i]]++;
            }
        }
    }
}

static bool has_candidates(const struct projector *projector, const struct rune_dl_plan_rule *rule)
{
    uint32_t g = 0;
    while (g < rule->goal_count && !can_project(projector, &rule->goals[g])) {
        g++;
    }
    return g < rule->goal_count;
}

static enum rune_err project_goals(struct projector *projector, size_t number, uint32_t *uses)
{
    struct rune_dl_ctx *ctx = projector->ctx;
    struct rune_dl_plan_rule rule = ctx->rules.items[number]; /* the rules may move */
    count_uses(&rule, uses);
    for (uint32_t g = 0; g < rule.goal_count; g++) {
        struct rune_dl_goal *goal = &rule.goals[g];
        if (!can_project(projector, goal)) {
            continue;
        }
        uint64_t columns = wanted_columns(&rule, goal, uses);
        if ((uint32_t)__builtin_popcountll(columns) == goal->count) {
            continue;
        }
        uint32_t *vars = keep_columns(ctx, goal->vars, goal->count, columns);
        uint32_t projected = 0;
        enum rune_err err = vars == NULL
                                ? RUNE_E_NOMEM
                                : find_projection(projector, goal->relation, columns, &projected);
        if (err != RUNE_OK) {
            return err;
        }
        goal->relation = projected;
        goal->vars = vars;
        goal->count = (uint32_t)__builtin_popcountll(columns);
    }
    return RUNE_OK;
}

enum rune_err rune_dl_project(struct rune_dl_ctx *ctx)
{
    struct projector projector = {.ctx = ctx, .most_rules = ctx->rules.count * MAX_TIMES};
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < ctx->rules.count && err == RUNE_OK; i++) {
        const struct rune_dl_plan_rule *rule = &ctx->rules.items[i];
        if (ctx->rels.items[rule->head].access != RUNE_DL_DEMANDED ||
            !has_candidates(&projector, rule)) {
            continue;
        }
        struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
        uint32_t *uses = RUNE_ARENA_ARRAY(&ctx->scratch, uint32_t, rule->var_count + 1);
        err = uses == NULL ? RUNE_E_NOMEM : project_goals(&projector, i, uses);
        rune_arena_rewind(&ctx->scratch, mark);
    }
    RUNE_VEC_FINI(&projector.made);
    return err;
}
