/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate: the builder's half of the rule engine, from a checked program and facts to the image's
 * tables.
 *
 *   1. Rules become goals; facts become stored relations.
 *   2. Components in order: what recurses without the request is stored; what does not recurse is
 *      stored where that is cheap, and demanded otherwise; what depends on the request is demanded.
 *   3. All demands from the roots (permit, forbid, queries) are compiled (image_plans.c).
 *   4. What plans refer to is renumbered (image_tables.c): relations by name, plans of permit and
 *      forbid first. */
#include "datalog/evaluate.h"

#include <string.h>

#include "base/alloc.h"
#include "datalog/evaluate_int.h"

/* ---- setting up ---- */

static enum rune_err add_relation(struct rune_dl_ctx *ctx, const struct rune_dl_relation *source,
                                  struct rune_tuples *facts)
{
    uint32_t number;
    struct rune_str name = source->name;
    if (source->literal.data != NULL) {
        const char *text =
            rune_arena_printf(&ctx->arena, "%.*s(\"%.*s\")", (int)name.length, name.data,
                              (int)source->literal.length, source->literal.data);
        if (text == NULL) {
            return RUNE_E_NOMEM;
        }
        name = (struct rune_str){text, strlen(text)};
    }
    enum rune_err err = rune_dl_rel_add(ctx, name, source->arity, &number);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_dl_rel *rel = &ctx->rels.items[number];
    rel->source = source;
    rel->builtin = source->builtin;
    rel->on_request = source->depends_on_request;
    rel->is_recursive = source->is_recursive;
    rel->component = source->component + 1;
    rel->facts = *facts;
    *facts = (struct rune_tuples){.arity = source->arity};
    if (source->literal.data != NULL) {
        err = rune_dict_string(ctx->dict, source->literal, &rel->literal);
    }
    return err;
}

/* Room for relations and rules, with those that aggregates bring, so that the lists need not move.
 */
static bool reserve(struct rune_dl_ctx *ctx)
{
    const struct rune_dl_program *program = ctx->program;
    size_t inner = 0;
    for (uint32_t r = 0; r < program->rule_count; r++) {
        const struct rune_dl_body *body = &program->rules[r].body;
        for (uint32_t i = 0; i < body->count; i++) {
            inner += body->literals[i].kind == RUNE_DL_AGGREGATE;
        }
    }
    size_t relations = program->relation_count + inner;
    return RUNE_VEC_RESERVE(&ctx->rels, relations) &&
           RUNE_VEC_RESERVE(&ctx->image_relations, relations) &&
           RUNE_VEC_RESERVE(&ctx->orders, program->relation_count) &&
           RUNE_VEC_RESERVE(&ctx->rules, program->rule_count + inner) &&
           RUNE_VEC_RESERVE(&ctx->inner, inner);
}

static enum rune_err set_up(struct rune_dl_ctx *ctx, struct rune_tuples *facts)
{
    ctx->steps_left = ctx->options->max_steps == 0 ? UINT64_MAX : ctx->options->max_steps;
    rune_arena_init(&ctx->arena, 0);
    rune_arena_init(&ctx->scratch, ctx->options->max_memory_bytes);
    ctx->dict_bytes = rune_dict_bytes(ctx->dict);
    uint32_t count = ctx->program->relation_count;
    if (!reserve(ctx)) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        enum rune_err err = add_relation(ctx, &ctx->program->relations[i], &facts[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    enum rune_err err = rune_dl_goals_make(ctx);
    if (err != RUNE_OK) {
        return err;
    }
    if (ctx->entities != NULL) {
        ctx->store.entity_attrs = ctx->entities->attrs;
        ctx->store.entity_ancestors = ctx->entities->ancestors;
        ctx->store.entity_tags = ctx->entities->tags;
        ctx->store.entity_flags = ctx->entities->flags;
        ctx->vm.entity_count = ctx->entities->count;
    }
    ctx->vm.store = &ctx->store;
    ctx->vm.values = (struct rune_rule_values){.dict = ctx->dict, .own = RUNE_SPACE_IMAGE};
    rune_rule_values_refresh(&ctx->vm.values);
    return rune_rule_vm_init(&ctx->vm, &ctx->scratch);
}

/* ---- facts ---- */

/* Columns into rows; the columns are freed one after the other. */
enum rune_err rune_dl_store_facts(struct rune_dl_ctx *ctx, uint32_t relation)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    struct rune_tuples *facts = &rel->facts;
    uint64_t count = facts->count;
    rune_term *rows = rune_realloc(NULL, count + 1, (rel->arity + 1) * sizeof(rune_term));
    if (rows == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t c = 0; c < rel->arity && count > 0; c++) {
        for (uint64_t i = 0; i < count; i++) {
            rows[i * rel->arity + c] = facts->columns[c][i];
        }
    }
    rune_tuples_fini(facts);
    *facts = (struct rune_tuples){.arity = rel->arity};
    enum rune_err err = rune_dl_store_rows(ctx, relation, rows, count);
    rel = &ctx->rels.items[relation];
    rel->has_facts = rel->count > 0;
    ctx->base_facts += rel->count;
    return err;
}

/* ---- what is stored ---- */

/* Everything that a stored recursion reads is computed in the builder, too. */
static void mark_needed(struct rune_dl_ctx *ctx, uint32_t relation, struct rune_vec_u32 *todo)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    for (uint32_t r = 0; r < rel->rule_count; r++) {
        const struct rune_dl_plan_rule *rule = &ctx->rules.items[rel->first_rule + r];
        for (uint32_t g = 0; g < rule->goal_count; g++) {
            const struct rune_dl_goal *goal = &rule->goals[g];
            bool reads = goal->kind == RUNE_DL_GOAL_ATOM || goal->kind == RUNE_DL_GOAL_AGGREGATE;
            if (reads && !ctx->rels.items[goal->relation].is_needed) {
                ctx->rels.items[goal->relation].is_needed = RUNE_VEC_PUSH(todo, goal->relation);
            }
        }
    }
}

static enum rune_err find_needed(struct rune_dl_ctx *ctx)
{
    struct rune_vec_u32 todo = {0};
    for (uint32_t i = 0; i < ctx->rels.count; i++) {
        const struct rune_dl_rel *rel = &ctx->rels.items[i];
        if (rel->is_recursive && !rel->on_request && !RUNE_VEC_PUSH(&todo, i)) {
            RUNE_VEC_FINI(&todo);
            return RUNE_E_NOMEM;
        }
    }
    while (todo.count > 0) {
        mark_needed(ctx, todo.items[--todo.count], &todo);
    }
    RUNE_VEC_FINI(&todo);
    return RUNE_OK;
}

static bool is_request_builtin(const struct rune_dl_rel *rel)
{
    return rel->builtin >= RUNE_DL_PRINCIPAL && rel->builtin <= RUNE_DL_CONTEXT;
}

/* Facts are stored at once; what depends on the request is demanded. */
static enum rune_err decide_access(struct rune_dl_ctx *ctx)
{
    for (uint32_t i = 0; i < ctx->rels.count; i++) {
        struct rune_dl_rel *rel = &ctx->rels.items[i];
        bool is_demanded = rel->on_request || rel->builtin == RUNE_DL_PERMIT ||
                           rel->builtin == RUNE_DL_FORBID ||
                           ctx->options->storing == RUNE_DL_STORE_BASE;
        if (rel->access == RUNE_DL_DEMANDED) {
            continue;
        }
        if (rel->rule_count > 0) {
            rel->access = is_demanded ? RUNE_DL_DEMANDED : RUNE_DL_PENDING;
            continue;
        }
        if (is_request_builtin(rel) || rune_dl_is_entity_builtin(rel)) {
            continue;
        }
        enum rune_err err = rune_dl_store_facts(ctx, i);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

static enum rune_err compute_all(struct rune_dl_ctx *ctx)
{
    struct rune_vec_u32 members = {0};
    uint32_t components = ctx->program->component_count;
    enum rune_err err = RUNE_OK;
    /* Relations of a component, linked: first[c], next[r]. */
    uint32_t *first = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, components + 2);
    uint32_t *next = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, ctx->program->relation_count + 1);
    if (first == NULL || next == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = ctx->program->relation_count; i-- > 0;) {
        uint32_t component = ctx->rels.items[i].component;
        if (component <= components) {
            next[i] = first[component];
            first[component] = i + 1;
        }
    }
    for (uint32_t c = 1; c <= components && err == RUNE_OK; c++) {
        members.count = 0;
        for (uint32_t i = first[c]; i != 0; i = next[i - 1]) {
            const struct rune_dl_rel *rel = &ctx->rels.items[i - 1];
            if (rel->rule_count > 0 && rel->access == RUNE_DL_PENDING &&
                !RUNE_VEC_PUSH(&members, i - 1)) {
                err = RUNE_E_NOMEM;
            }
        }
        if (members.count > 0 && err == RUNE_OK) {
            err = rune_dl_fixpoint(ctx, members.items, (uint32_t)members.count);
        }
        if (ctx->plans.count == 0) {
            ctx->code.count = 0; /* no later program calls those of this component */
        }
        if (ctx->options->progress != NULL) {
            ctx->options->progress(ctx->options->progress_context, "evaluating rules", c,
                                   components);
        }
    }
    RUNE_VEC_FINI(&members);
    return err;
}

/* All that is stored, for the image or for what else is stored. */
static enum rune_err store(struct rune_dl_ctx *ctx)
{
    enum rune_err err = find_needed(ctx);
    if (err == RUNE_OK) {
        err = decide_access(ctx);
    }
    return err == RUNE_OK ? compute_all(ctx) : err;
}

/* Computed for a fixpoint only, and too many to keep: demanded from here on. */
static void drop_large(struct rune_dl_ctx *ctx)
{
    uint64_t budget = ctx->base_facts / 16 > 4096 ? ctx->base_facts / 16 : 4096;
    for (uint32_t i = 0; i < ctx->rels.count && ctx->options->storing == RUNE_DL_STORE_WHAT_PAYS;
         i++) {
        struct rune_dl_rel *rel = &ctx->rels.items[i];
        if (rel->access == RUNE_DL_STORED && rel->rule_count > 0 && !rel->is_recursive &&
            rel->count > budget) {
            ctx->derived -= rel->count;
            rune_dl_orders_free(rel);
            rel->access = RUNE_DL_DEMANDED;
            rel->count = 0;
            ctx->image_relations.items[i].tuple_count = 0;
        }
    }
}

/* ---- all ---- */

static void tear_down(struct rune_dl_ctx *ctx)
{
    for (size_t i = 0; i < ctx->rels.count; i++) {
        struct rune_dl_rel *rel = &ctx->rels.items[i];
        rune_dl_orders_free(rel);
        rune_tuples_fini(&rel->facts);
        RUNE_VEC_FINI(&rel->demands);
        RUNE_VEC_FINI(&rel->searches);
        RUNE_VEC_FINI(&rel->estimates);
    }
    RUNE_VEC_FINI(&ctx->rels);
    RUNE_VEC_FINI(&ctx->rules);
    RUNE_VEC_FINI(&ctx->inner);
    RUNE_VEC_FINI(&ctx->image_relations);
    RUNE_VEC_FINI(&ctx->orders);
    RUNE_VEC_FINI(&ctx->plans);
    RUNE_VEC_FINI(&ctx->code);
    RUNE_VEC_FINI(&ctx->spans);
    RUNE_VEC_FINI(&ctx->todo);
    rune_dl_shared_fini(ctx);
    rune_arena_fini(&ctx->arena);
    rune_arena_fini(&ctx->scratch);
}

enum rune_err rune_dl_evaluate(const struct rune_dl_program *program, struct rune_tuples *facts,
                               const struct rune_dl_entities *entities, struct rune_dict *dict,
                               const struct rune_dl_options *options,
                               rune_dl_source_index_fn source_index, void *source_context,
                               struct rune_dl_result *ret_result, struct rune_diag *diag)
{
    static const struct rune_dl_options defaults = {.storing = RUNE_DL_STORE_WHAT_PAYS};
    struct rune_dl_ctx ctx = {
        .program = program,
        .entities = entities,
        .options = options == NULL ? &defaults : options,
        .dict = dict,
        .diag = diag,
        .source_index = source_index,
        .source_context = source_context,
    };
    struct rune_dl_result result = {0};
    enum rune_err err = set_up(&ctx, facts);
    if (err == RUNE_OK) {
        err = store(&ctx);
    }
    if (err == RUNE_OK) {
        drop_large(&ctx);
        err = rune_dl_project(&ctx);
    }
    if (err == RUNE_OK) {
        err = rune_dl_write_image(&ctx, &result);
    }
    tear_down(&ctx);
    if (err != RUNE_OK) {
        rune_dl_result_fini(&result);
        return err;
    }
    *ret_result = result;
    return RUNE_OK;
}

/* ---- a few relations, for those who use them elsewhere ---- */

static enum rune_err give_wanted(struct rune_dl_ctx *ctx, uint32_t relation, rune_dl_rows_fn take,
                                 void *take_context)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    rune_term *rows = NULL;
    uint64_t count = 0;
    enum rune_err err = RUNE_OK;
    if (rel->access == RUNE_DL_STORED && rel->orders.count > 0) {
        err = rune_dl_read_rows(ctx, relation, &rows, &count);
    }
    if (err == RUNE_OK) {
        err = take(take_context, relation, rows, count, rel->is_partial || rel->is_unsure);
    }
    rune_free(rows);
    return err;
}

enum rune_err rune_dl_derive(const struct rune_dl_program *program, struct rune_tuples *facts,
                             const struct rune_dl_entities *entities, struct rune_dict *dict,
                             const struct rune_dl_options *options, const uint32_t *wanted,
                             uint32_t wanted_count, rune_dl_rows_fn take, void *take_context,
                             struct rune_diag *diag)
{
    struct rune_dl_ctx ctx = {
        .program = program, .entities = entities, .options = options, .dict = dict, .diag = diag};
    enum rune_err err = set_up(&ctx, facts);
    for (uint32_t i = 0; err == RUNE_OK && i < wanted_count; i++) {
        ctx.rels.items[wanted[i]].is_needed = true;
    }
    if (err == RUNE_OK) {
        err = store(&ctx);
    }
    for (uint32_t i = 0; err == RUNE_OK && i < wanted_count; i++) {
        err = give_wanted(&ctx, wanted[i], take, take_context);
    }
    tear_down(&ctx);
    return err;
}

void rune_dl_result_fini(struct rune_dl_result *result)
{
    RUNE_VEC_FINI(&result->relations);
    RUNE_VEC_FINI(&result->orders);
    rune_free(result->tuples);
    RUNE_VEC_FINI(&result->rules);
    RUNE_VEC_FINI(&result->plans);
    RUNE_VEC_FINI(&result->code);
    RUNE_VEC_FINI(&result->spans);
    RUNE_VEC_FINI(&result->ahead);
    *result = (struct rune_dl_result){0};
}
