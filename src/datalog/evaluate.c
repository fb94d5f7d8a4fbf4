/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate: the builder's half of the rule engine, from a checked program and facts to the image's
 * tables.
 *
 *   1. Rules become goals; facts become stored relations.
 *   2. Components in order: what recurses without the request is stored; what does not recurse is
 *   stored where that is
 *      cheap, and demanded otherwise; what depends on the request is demanded.
 *   3. All demands from the roots (permit, forbid, queries) are compiled twice: once to learn which
 *   searches stored
 *      relations must serve, then, with the fewest orders that serve them, for good.
 *   4. What plans refer to is renumbered: relations by name, plans of permit and forbid first. */
#include "datalog/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "datalog/evaluate_int.h"

/* ---- setting up ---- */

static enum rune_err add_relation(struct rune_dl_ctx *ctx, const struct rune_dl_relation *source,
                                  struct rune_tuples *facts)
{
    uint32_t number;
    struct rune_str name = source->name;
    if (source->literal.length > 0) {
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
    rel->facts.arity = source->arity;
    if (facts != NULL) {
        rel->facts = *facts;
        *facts = (struct rune_tuples){.arity = source->arity};
    }
    if (source->literal.length > 0) {
        err = rune_dict_string(ctx->dict, source->literal, &rel->literal);
    }
    return err;
}

static enum rune_err add_program_facts(struct rune_dl_ctx *ctx)
{
    const struct rune_dl_program *program = ctx->program;
    for (uint32_t i = 0; i < program->fact_count; i++) {
        const struct rune_dl_rule *fact = &program->facts[i];
        struct rune_dl_rel *rel = &ctx->rels.items[fact->head];
        if (rel->builtin == RUNE_DL_PERMIT || rel->builtin == RUNE_DL_FORBID) {
            continue;
        }
        rune_term row[RUNE_DL_MAX_ARITY];
        for (uint32_t a = 0; a < fact->arg_count; a++) {
            enum rune_err err = rune_dl_constant(ctx, fact->args[a], &row[a]);
            if (err != RUNE_OK) {
                return err;
            }
        }
        enum rune_err err = RUNE_OK;
        if (rel->facts.columns == NULL) {
            err = rune_tuples_init(&rel->facts, rel->arity);
        }
        if (err == RUNE_OK) {
            err = rune_tuples_add(&rel->facts, row);
        }
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

static enum rune_err set_up(struct rune_dl_ctx *ctx, struct rune_tuples *facts)
{
    ctx->steps_left = ctx->options->max_steps == 0 ? UINT64_MAX : ctx->options->max_steps;
    rune_arena_init(&ctx->arena, 0);
    rune_arena_init(&ctx->scratch, 0);
    for (uint32_t i = 0; i < ctx->program->relation_count; i++) {
        enum rune_err err =
            add_relation(ctx, &ctx->program->relations[i], facts == NULL ? NULL : &facts[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    enum rune_err err = add_program_facts(ctx);
    if (err == RUNE_OK) {
        err = rune_dl_goals_make(ctx);
    }
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
static enum rune_err store_facts(struct rune_dl_ctx *ctx, uint32_t relation)
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

/* ---- entity data as relations ---- */

static const uint32_t *heap_of(const struct rune_dl_ctx *ctx)
{
    return rune_dict_terms(ctx->dict)->heap;
}

static enum rune_err add_values(struct rune_dl_ctx *ctx, struct rune_dl_rel *rel, rune_term entity,
                                rune_term name, rune_term value)
{
    rune_term row[3] = {entity, name, value};
    if (rel->builtin != RUNE_DL_ENTITY_ELEMENT) {
        return rune_tuples_add(&rel->facts, row);
    }
    const struct rune_terms *terms = rune_dict_terms(ctx->dict);
    const uint32_t *run = rune_term_kind(value) == RUNE_KIND_SET
                              ? terms->heap + terms->sets[rune_term_index(value)]
                              : NULL;
    for (uint32_t i = 0; run != NULL && i < run[0]; i++) {
        row[2] = run[1 + i];
        enum rune_err err = rune_tuples_add(&rel->facts, row);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

static enum rune_err add_records(struct rune_dl_ctx *ctx, struct rune_dl_rel *rel,
                                 const uint32_t *records)
{
    for (uint32_t e = 0; records != NULL && e < ctx->entities->count; e++) {
        const uint32_t *run = heap_of(ctx) + records[e];
        const uint32_t *shape = heap_of(ctx) + run[0];
        for (uint32_t i = 0; i < shape[0]; i++) {
            if (rel->literal != RUNE_TERM_NONE && shape[1 + i] != rel->literal) {
                continue;
            }
            rune_term entity = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, e);
            enum rune_err err = add_values(ctx, rel, entity, shape[1 + i], run[1 + i]);
            if (err != RUNE_OK) {
                return err;
            }
        }
    }
    return RUNE_OK;
}

static enum rune_err add_entities(struct rune_dl_ctx *ctx, struct rune_dl_rel *rel)
{
    const struct rune_terms *terms = rune_dict_terms(ctx->dict);
    uint32_t count = rel->builtin == RUNE_DL_ENTITY_ID ? terms->entity_count : ctx->entities->count;
    for (uint32_t e = 0; e < count; e++) {
        rune_term row[3] = {rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, e),
                            terms->entity_type[e], terms->entity_id[e]};
        bool exists = ctx->entities->flags != NULL && e < ctx->entities->count &&
                      (ctx->entities->flags[e] & 1) != 0;
        enum rune_err err = rel->builtin == RUNE_DL_ENTITY_ID || exists
                                ? rune_tuples_add(&rel->facts, row)
                                : RUNE_OK;
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

enum rune_err rune_dl_store_builtin(struct rune_dl_ctx *ctx, uint32_t relation)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    rune_tuples_fini(&rel->facts); /* empty, but there */
    enum rune_err err = rune_tuples_init(&rel->facts, rel->arity);
    if (err != RUNE_OK || ctx->entities == NULL) {
        return err != RUNE_OK ? err : store_facts(ctx, relation);
    }
    switch (rel->builtin) {
    case RUNE_DL_ENTITY_PARENT:
        for (uint32_t i = 0; i < ctx->entities->parent_count && err == RUNE_OK; i++) {
            rune_term row[2] = {ctx->entities->parent_child[i], ctx->entities->parent_parent[i]};
            err = rune_tuples_add(&rel->facts, row);
        }
        break;
    case RUNE_DL_ENTITY_TAG:
        err = add_records(ctx, rel, ctx->entities->tags);
        break;
    case RUNE_DL_ENTITY_ATTR:
    case RUNE_DL_ENTITY_ELEMENT:
        err = add_records(ctx, rel, ctx->entities->attrs);
        break;
    case RUNE_DL_ENTITY_EXISTS:
    case RUNE_DL_ENTITY_ID:
        err = add_entities(ctx, rel);
        break;
    default:
        break;
    }
    uint64_t before = ctx->base_facts;
    ctx->late_builtins++;
    if (err == RUNE_OK) {
        err = store_facts(ctx, relation);
    }
    ctx->base_facts = before; /* entity data is counted as entities */
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

static bool is_entity_builtin(const struct rune_dl_rel *rel)
{
    return rel->builtin >= RUNE_DL_ENTITY_EXISTS && rel->builtin <= RUNE_DL_ENTITY_ID;
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
        if (is_request_builtin(rel) || is_entity_builtin(rel)) {
            continue;
        }
        enum rune_err err = store_facts(ctx, i);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

static enum rune_err compute_all(struct rune_dl_ctx *ctx)
{
    struct rune_vec_u32 members = {0}, by_component = {0};
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
    RUNE_VEC_FINI(&by_component);
    return err;
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

/* ---- plans ---- */

static void forget_plans(struct rune_dl_ctx *ctx)
{
    ctx->plans.count = ctx->code.count = ctx->spans.count = 0;
    ctx->plan_round++;
}

/* What is asked from outside: decisions and probes of sets with all columns bound and values of the
 * context's keys (first, they choose the orders), then queries with one column, none or all. */
static enum rune_err demand_roots(struct rune_dl_ctx *ctx, bool decisions)
{
    uint32_t first, count;
    ctx->for_queries = !decisions;
    for (uint32_t i = 0; i < ctx->program->relation_count; i++) {
        const struct rune_dl_rel *rel = &ctx->rels.items[i];
        if (rel->access != RUNE_DL_DEMANDED || rel->rule_count == 0) {
            continue;
        }
        bool is_context = rel->builtin == RUNE_DL_CONTEXT;
        bool is_element = rel->builtin == RUNE_DL_ENTITY_ELEMENT; /* policies probe it, too */
        bool is_decision =
            rel->builtin == RUNE_DL_PERMIT || rel->builtin == RUNE_DL_FORBID || is_context;
        if (is_decision != decisions && !is_element) {
            continue;
        }
        uint32_t arity = rel->arity > 32 ? 32 : rel->arity;
        /* the key is known */
        uint32_t all = is_context ? 1 : arity == 32 ? UINT32_MAX : (1u << arity) - 1;
        enum rune_err err = rune_dl_demand_plans(ctx, i, all, &first, &count);
        for (uint32_t c = 0; c <= arity && err == RUNE_OK && !decisions; c++) {
            err = rune_dl_demand_plans(ctx, i, c == arity ? 0 : 1u << c, &first, &count);
        }
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

/* Orders of one relation that serve its searches; the others are freed once no more searches can
 * come. */
static enum rune_err choose_for(struct rune_dl_ctx *ctx, uint32_t relation, bool is_final,
                                struct rune_vec_u64 *columns)
{
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
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    size_t kept = 0;
    for (size_t o = 0; o < rel->orders.count && err == RUNE_OK && is_final; o++) {
        if (rel->orders.items[o].is_chosen) {
            rel->orders.items[kept++] = rel->orders.items[o];
        } else {
            rune_free(rel->orders.items[o].words);
        }
    }
    if (err == RUNE_OK && is_final) {
        rel->orders.count = kept;
    }
    return err;
}

static enum rune_err choose_orders(struct rune_dl_ctx *ctx, bool is_final)
{
    struct rune_vec_u64 columns = {0};
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < ctx->rels.count && err == RUNE_OK; i++) {
        if (ctx->rels.items[i].access == RUNE_DL_STORED) {
            err = choose_for(ctx, i, is_final, &columns);
        }
    }
    RUNE_VEC_FINI(&columns);
    return err;
}

static enum rune_err demand_all(struct rune_dl_ctx *ctx)
{
    enum rune_err err = demand_roots(ctx, true);
    if (err == RUNE_OK && ctx->pass == RUNE_DL_PASS_COLLECT) {
        err = rune_dl_refuse_free(ctx);
    }
    if (err == RUNE_OK && ctx->pass == RUNE_DL_PASS_COLLECT) {
        err = choose_orders(ctx, false);
    }
    return err == RUNE_OK ? demand_roots(ctx, false) : err;
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

static enum rune_err compile_image(struct rune_dl_ctx *ctx)
{
    ctx->pass = RUNE_DL_PASS_COLLECT;
    ctx->late_builtins_before = ctx->late_builtins;
    forget_plans(ctx);
    enum rune_err err = demand_all(ctx);
    if (err == RUNE_OK && ctx->options->keeps_parents) {
        err = store_parents(ctx);
    }
    if (err == RUNE_OK) {
        err = choose_orders(ctx, true);
    }
    if (err != RUNE_OK) {
        return err;
    }
    ctx->pass = RUNE_DL_PASS_IMAGE;
    forget_plans(ctx);
    return demand_all(ctx);
}

/* ---- the image's tables ---- */

struct output {
    struct rune_dl_ctx *ctx;
    struct rune_dl_result *result;
    uint32_t *by_name; /* builder's relation numbers in the image's order */
    uint32_t relation_count;
    uint32_t *order_ids; /* ctx->orders to the image's */
    uint32_t *plan_ids;  /* ctx->plans to the image's */
};

static int compare_names(const void *a, const void *b, void *context)
{
    const struct rune_dl_ctx *ctx = context;
    return rune_str_compare(ctx->rels.items[*(const uint32_t *)a].name,
                            ctx->rels.items[*(const uint32_t *)b].name);
}

static enum rune_err text_of(struct rune_dl_ctx *ctx, struct rune_str text, uint32_t *ret_index)
{
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err = rune_dict_string(ctx->dict, text, &term);
    *ret_index = rune_term_index(term);
    return err;
}

/* Numbers the rules that people wrote; the branches of one are one. */
static enum rune_err write_rules(struct output *out, struct rune_dl_rel *rel,
                                 struct rune_image_relation *image)
{
    struct rune_dl_ctx *ctx = out->ctx;
    image->first_rule = (uint32_t)out->result->rules.count;
    const struct rune_dl_rule *last = NULL;
    for (uint32_t i = 0; i < rel->rule_count && rel->source != NULL; i++) {
        struct rune_dl_plan_rule *rule = &ctx->rules.items[rel->first_rule + i];
        if (rule->source == NULL) {
            continue;
        }
        if (last != NULL && rule->source->branch > 0 &&
            rune_str_equal(last->id, rule->source->id)) {
            rule->number = (uint32_t)out->result->rules.count - 1;
            continue;
        }
        last = rule->source;
        rule->number = (uint32_t)out->result->rules.count;
        struct rune_image_rule written = {.head = rel->image_relation,
                                          .source_offset = last->span.offset,
                                          .source_length = last->span.length};
        if (last->span.source != NULL && ctx->source_index != NULL) {
            written.source = ctx->source_index(ctx->source_context, last->span.source);
        }
        /* A fact that decides nothing has no id. */
        enum rune_err err =
            text_of(ctx, last->id.data != NULL ? last->id : RUNE_STR(""), &written.id);
        if (err != RUNE_OK || !RUNE_VEC_PUSH(&out->result->rules, written)) {
            return err != RUNE_OK ? err : RUNE_E_NOMEM;
        }
    }
    image->rule_count = (uint32_t)out->result->rules.count - image->first_rule;
    return RUNE_OK;
}

/* Whether every value of a column is one of a stored tuple: no rule computes it or names it. LIMIT:
 * depth. */
static bool is_from_tuples(const struct rune_dl_ctx *ctx, uint32_t relation, uint32_t column,
                           uint32_t depth)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    if (rel->access == RUNE_DL_STORED) {
        return true;
    }
    if (rel->access != RUNE_DL_DEMANDED || rel->on_request || depth == 0 || rel->rule_count == 0) {
        return false;
    }
    for (uint32_t r = 0; r < rel->rule_count; r++) {
        const struct rune_dl_plan_rule *rule = &ctx->rules.items[rel->first_rule + r];
        uint32_t var = rule->head_vars[column];
        bool found = false;
        for (uint32_t g = 0; g < rule->goal_count && !found; g++) {
            const struct rune_dl_goal *goal = &rule->goals[g];
            for (uint32_t i = 0;
                 goal->kind == RUNE_DL_GOAL_ATOM && !goal->is_negated && i < goal->count; i++) {
                found = found ||
                        (goal->vars[i] == var && is_from_tuples(ctx, goal->relation, i, depth - 1));
            }
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static uint32_t relation_flags(const struct rune_dl_rel *rel)
{
    uint32_t flags = 0;
    bool has_base = rel->has_facts || rel->facts_relation != UINT32_MAX || is_entity_builtin(rel);
    flags |= has_base ? RUNE_RELATION_BASE : 0u;
    flags |= rel->rule_count > 0 ? RUNE_RELATION_DERIVED : 0u;
    flags |= rel->access == RUNE_DL_STORED ? RUNE_RELATION_STORED : 0u;
    flags |= rel->on_request ? RUNE_RELATION_REQUEST : 0u;
    flags |= rel->is_partial ? RUNE_RELATION_PARTIAL : 0u;
    flags |= rel->is_unsure ? RUNE_RELATION_UNSURE : 0u;
    flags |= rel->builtin == RUNE_DL_PERMIT ? RUNE_RELATION_PERMIT : 0u;
    flags |= rel->builtin == RUNE_DL_FORBID ? RUNE_RELATION_FORBID : 0u;
    uint32_t stratum = rel->source == NULL ? 0 : rel->source->stratum;
    return flags | (stratum < UINT16_MAX ? stratum : UINT16_MAX) << 16;
}

static enum rune_err write_relations(struct output *out)
{
    struct rune_dl_ctx *ctx = out->ctx;
    for (uint32_t i = 0; i < ctx->rels.count; i++) {
        if (!ctx->rels.items[i].is_scaffold) {
            out->by_name[out->relation_count++] = i;
        }
    }
    qsort_r(out->by_name, out->relation_count, sizeof(uint32_t), compare_names, ctx);
    for (uint32_t i = 0; i < out->relation_count; i++) {
        ctx->rels.items[out->by_name[i]].image_relation = i;
    }
    for (uint32_t i = 0; i < out->relation_count; i++) {
        struct rune_dl_rel *rel = &ctx->rels.items[out->by_name[i]];
        struct rune_image_relation image = {
            .arity = rel->arity, .flags = relation_flags(rel), .tuple_count = rel->count};
        image.component = rel->is_recursive ? rel->component : 0;
        enum rune_err err = text_of(ctx, rel->name, &image.name);
        if (err == RUNE_OK) {
            err = write_rules(out, rel, &image);
        }
        if (err != RUNE_OK || !RUNE_VEC_PUSH(&out->result->relations, image)) {
            return err != RUNE_OK ? err : RUNE_E_NOMEM;
        }
    }
    return RUNE_OK;
}

static uint64_t padded_bytes(const struct rune_dl_order *order)
{
    return (order->bytes + 63) & ~(uint64_t)63;
}

/* The largest order's memory becomes the result's, with room for all: what is largest is not
 * copied. Returns the order, which is first then; NULL: no memory, or there is no order. */
static const struct rune_dl_order *adopt_largest(struct output *out)
{
    struct rune_dl_ctx *ctx = out->ctx;
    struct rune_dl_result *result = out->result;
    struct rune_dl_order *largest = NULL;
    uint64_t total = 64;
    for (size_t i = 0; i < ctx->rels.count; i++) {
        for (size_t o = 0; o < ctx->rels.items[i].orders.count; o++) {
            struct rune_dl_order *order = &ctx->rels.items[i].orders.items[o];
            largest = largest == NULL || order->bytes > largest->bytes ? order : largest;
            total += padded_bytes(order);
        }
    }
    uint8_t *tuples = rune_realloc(largest == NULL ? NULL : (uint8_t *)largest->words, total, 1);
    if (tuples == NULL) {
        return NULL;
    }
    result->tuples = tuples;
    result->tuple_capacity = total;
    if (largest != NULL) {
        largest->words = NULL;
        memset(tuples + largest->bytes, 0, padded_bytes(largest) - largest->bytes);
        result->tuple_bytes = padded_bytes(largest);
    }
    return largest;
}

/* Copies an order behind those there are and frees the builder's. */
static void append_order(struct rune_dl_result *result, struct rune_dl_order *order)
{
    uint8_t *to = result->tuples + result->tuple_bytes;
    if (order->bytes > 0) {
        memcpy(to, order->words, order->bytes);
        memset(to + order->bytes, 0, padded_bytes(order) - order->bytes);
    }
    result->tuple_bytes += padded_bytes(order);
    rune_free(order->words);
    order->words = NULL;
}

/* All orders, 64-aligned. */
static enum rune_err write_orders(struct output *out)
{
    struct rune_dl_ctx *ctx = out->ctx;
    struct rune_dl_result *result = out->result;
    const struct rune_dl_order *first = adopt_largest(out);
    if (result->tuples == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < out->relation_count; i++) {
        struct rune_dl_rel *rel = &ctx->rels.items[out->by_name[i]];
        struct rune_image_relation *image = &result->relations.items[i];
        image->first_order = (uint32_t)result->orders.count;
        image->order_count = (uint32_t)rel->orders.count;
        for (size_t o = 0; o < rel->orders.count; o++) {
            struct rune_dl_order *order = &rel->orders.items[o];
            struct rune_image_order written = {.relation = i,
                                               .form = order->form,
                                               .key_min = order->key_min,
                                               .key_count = order->key_count,
                                               .offset = order == first ? 0 : result->tuple_bytes,
                                               .size = order->bytes,
                                               .block_count = order->block_count,
                                               .shift = order->shift};
            memcpy(written.columns, order->columns, 8);
            if (order != first) {
                append_order(result, order);
            }
            out->order_ids[order->id] = (uint32_t)result->orders.count;
            if (!RUNE_VEC_PUSH(&result->orders, written)) {
                return RUNE_E_NOMEM;
            }
        }
    }
    return RUNE_OK;
}

/* Plans of permit, of forbid, then by relation and binding pattern. */
struct group {
    uint32_t rank, relation, bound, first, count;
};

static int compare_groups(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    if (x->relation != y->relation) {
        return x->relation < y->relation ? -1 : 1;
    }
    return (x->bound > y->bound) - (x->bound < y->bound);
}

static enum rune_err write_plans(struct output *out)
{
    struct rune_dl_ctx *ctx = out->ctx;
    RUNE_VEC(, struct group) groups = {0};
    for (uint32_t i = 0; i < ctx->rels.count; i++) {
        const struct rune_dl_rel *rel = &ctx->rels.items[i];
        for (size_t d = 0; d < rel->demands.count; d++) {
            const struct rune_dl_demand *demand = &rel->demands.items[d];
            if (demand->round != ctx->plan_round) {
                continue;
            }
            struct group group = {2, rel->image_relation, demand->bound, demand->first,
                                  demand->count};
            group.rank = rel->builtin == RUNE_DL_PERMIT   ? 0
                         : rel->builtin == RUNE_DL_FORBID ? 1
                                                          : 2;
            if (!RUNE_VEC_PUSH(&groups, group)) {
                RUNE_VEC_FINI(&groups);
                return RUNE_E_NOMEM;
            }
        }
    }
    if (groups.count > 0) {
        qsort(groups.items, groups.count, sizeof(groups.items[0]), compare_groups);
    }
    enum rune_err err = RUNE_OK;
    for (size_t g = 0; g < groups.count; g++) {
        for (uint32_t i = 0; i < groups.items[g].count; i++) {
            struct rune_image_plan plan = ctx->plans.items[groups.items[g].first + i];
            out->plan_ids[groups.items[g].first + i] = (uint32_t)out->result->plans.count;
            plan.relation = groups.items[g].relation;
            if (!RUNE_VEC_PUSH(&out->result->plans, plan)) {
                err = RUNE_E_NOMEM;
            }
        }
    }
    RUNE_VEC_FINI(&groups);
    return err;
}

/* Gives the operands of one program their numbers in the image. */
static void renumber(struct output *out, uint32_t *word, const uint32_t *end)
{
    while (word < end) {
        const char *operand = rune_rule_ops[*word++].operands;
        for (; *operand != '\0'; operand++) {
            switch (*operand) {
            case 'o':
                *word = out->order_ids[*word];
                word++;
                break;
            case 'g':
                word[0] = word[1] == 0 ? 0 : out->plan_ids[word[0]];
                word += 2;
                break;
            case 'R':
                word += 1 + word[0];
                break;
            case 'W':
                word += 1 + 2 * word[0];
                break;
            default:
                word++;
                break;
            }
        }
    }
}

static enum rune_err write_image(struct rune_dl_ctx *ctx, struct rune_dl_result *result)
{
    struct output out = {.ctx = ctx, .result = result};
    out.by_name = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, ctx->rels.count + 1);
    enum rune_err err = out.by_name == NULL ? RUNE_E_NOMEM : write_relations(&out);
    if (err == RUNE_OK) {
        err = compile_image(ctx); /* after the rules have their numbers: plans name them */
    }
    /* Compiling may have stored more (entity data), and chose the orders. */
    for (uint32_t i = 0; i < out.relation_count && err == RUNE_OK; i++) {
        const struct rune_dl_rel *rel = &ctx->rels.items[out.by_name[i]];
        uint32_t flags = relation_flags(rel);
        bool by_key = rel->access == RUNE_DL_DEMANDED && rel->arity > 0 &&
                      is_from_tuples(ctx, out.by_name[i], 0, 8);
        result->relations.items[i].flags = flags | (by_key ? (uint32_t)RUNE_RELATION_BY_KEY : 0);
        result->relations.items[i].tuple_count = rel->count;
    }
    if (err != RUNE_OK) {
        return err;
    }
    out.order_ids = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, ctx->orders.count + 1);
    out.plan_ids = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, ctx->plans.count + 1);
    err = out.order_ids == NULL || out.plan_ids == NULL ? RUNE_E_NOMEM : write_orders(&out);
    if (err == RUNE_OK) {
        err = write_plans(&out);
    }
    if (err != RUNE_OK) {
        return err;
    }
    if (ctx->code.count > 0) {
        renumber(&out, ctx->code.items, ctx->code.items + ctx->code.count);
    }
    result->code = ctx->code;
    ctx->code = (struct rune_vec_u32){0};
    result->spans = ctx->spans;
    ctx->spans = (struct rune_vec_rule_span){0};
    err = rune_dl_find_ahead(result);
    if (err != RUNE_OK) {
        return err;
    }
    result->base_facts = ctx->base_facts;
    result->derived_facts = ctx->derived;
    return RUNE_OK;
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
    RUNE_VEC_FINI(&ctx->image_relations);
    RUNE_VEC_FINI(&ctx->orders);
    RUNE_VEC_FINI(&ctx->plans);
    RUNE_VEC_FINI(&ctx->code);
    RUNE_VEC_FINI(&ctx->spans);
    RUNE_VEC_FINI(&ctx->todo);
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
        err = find_needed(&ctx);
    }
    if (err == RUNE_OK) {
        err = decide_access(&ctx);
    }
    if (err == RUNE_OK) {
        err = compute_all(&ctx);
    }
    if (err == RUNE_OK) {
        drop_large(&ctx);
        err = write_image(&ctx, &result);
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
        err = find_needed(&ctx);
    }
    if (err == RUNE_OK) {
        err = decide_access(&ctx);
    }
    if (err == RUNE_OK) {
        err = compute_all(&ctx);
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
