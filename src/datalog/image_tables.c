/* SPDX-License-Identifier: Apache-2.0 */
/* image_tables: what was evaluated and compiled, as the tables of an image: relations by name,
 * orders, rules, plans by relation, and programs with the numbers that all of these have there. */
#include <stdlib.h>
#include <string.h>

#include "datalog/evaluate_int.h"
#include "eval/rule_program.h"

struct output {
    struct rune_dl_ctx *ctx;
    struct rune_dl_result *result;
    uint32_t *by_name; /* builder's relation numbers in the image's order */
    uint32_t relation_count;
    uint32_t *order_ids; /* ctx->orders to the image's */
    uint32_t *plan_ids;  /* ctx->plans to the image's */
};

/* A relation to be sorted by its name: most comparisons end in the first 8 bytes. */
struct named {
    uint64_t first; /* as a number that compares as they do */
    uint32_t relation;
};

static struct named name_of(const struct rune_dl_ctx *ctx, uint32_t relation)
{
    struct rune_str name = ctx->rels.items[relation].name;
    uint64_t first = 0;
    memcpy(&first, name.data, name.length < sizeof(first) ? name.length : sizeof(first));
    return (struct named){__builtin_bswap64(first), relation};
}

static int compare_names(const void *a, const void *b, void *context)
{
    const struct named *x = a, *y = b;
    const struct rune_dl_ctx *ctx = context;
    if (x->first != y->first) {
        return x->first < y->first ? -1 : 1;
    }
    return rune_str_compare(ctx->rels.items[x->relation].name, ctx->rels.items[y->relation].name);
}

/* The relations in the image's order. */
static enum rune_err sort_by_name(struct output *out)
{
    struct rune_dl_ctx *ctx = out->ctx;
    struct named *names = rune_alloc((ctx->rels.count + 1) * sizeof(*names));
    if (names == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < ctx->rels.count; i++) {
        if (!ctx->rels.items[i].is_scaffold) {
            names[out->relation_count++] = name_of(ctx, i);
        }
    }
    qsort_r(names, out->relation_count, sizeof(names[0]), compare_names, ctx);
    for (uint32_t i = 0; i < out->relation_count; i++) {
        out->by_name[i] = names[i].relation;
        ctx->rels.items[names[i].relation].image_relation = i;
    }
    rune_free(names);
    return RUNE_OK;
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
        if (rule->source == last || (last != NULL && rule->source->branch > 0 &&
                                     rune_str_equal(last->id, rule->source->id))) {
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

static enum rune_relation_data data_of(const struct rune_dl_rel *rel)
{
    switch (rel->builtin) {
    case RUNE_DL_ENTITY_EXISTS:
        return RUNE_DATA_ENTITY;
    case RUNE_DL_ENTITY_PARENT:
        return RUNE_DATA_PARENT;
    case RUNE_DL_ENTITY_ATTR:
        return RUNE_DATA_ATTR;
    case RUNE_DL_ENTITY_TAG:
        return RUNE_DATA_TAG;
    case RUNE_DL_ENTITY_ELEMENT:
        return RUNE_DATA_ELEMENT;
    default:
        return RUNE_DATA_NONE;
    }
}

static uint32_t relation_flags(const struct rune_dl_rel *rel)
{
    uint32_t flags = (uint32_t)data_of(rel) << RUNE_RELATION_DATA_SHIFT;
    bool has_base =
        rel->has_facts || rel->facts_relation != UINT32_MAX || rune_dl_is_entity_builtin(rel);
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
    enum rune_err err = sort_by_name(out);
    if (err == RUNE_OK && (!RUNE_VEC_RESERVE(&out->result->relations, out->relation_count) ||
                           !RUNE_VEC_RESERVE(&out->result->rules, ctx->rules.count))) {
        err = RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < out->relation_count && err == RUNE_OK; i++) {
        struct rune_dl_rel *rel = &ctx->rels.items[out->by_name[i]];
        struct rune_image_relation image = {
            .arity = rel->arity, .flags = relation_flags(rel), .tuple_count = rel->count};
        image.component = rel->is_recursive ? rel->component : 0;
        err = text_of(ctx, rel->name, &image.name);
        if (err == RUNE_OK) {
            err = write_rules(out, rel, &image);
        }
        if (err == RUNE_OK && !RUNE_VEC_PUSH(&out->result->relations, image)) {
            err = RUNE_E_NOMEM;
        }
    }
    return err;
}

/* An order begins at a cache line if it fills one, else as near as its words may. */
static uint64_t alignment(const struct rune_dl_order *order)
{
    return order->bytes < 64 ? 8 : 64;
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
            total += order->bytes + alignment(order) - 1;
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
        result->tuple_bytes = largest->bytes;
    }
    return largest;
}

/* Copies an order behind those there are and frees the builder's. Returns where it begins. */
static uint64_t append_order(struct rune_dl_result *result, struct rune_dl_order *order)
{
    uint64_t align = alignment(order);
    uint64_t begin = (result->tuple_bytes + align - 1) & ~(align - 1);
    memset(result->tuples + result->tuple_bytes, 0, begin - result->tuple_bytes);
    if (order->bytes > 0) {
        memcpy(result->tuples + begin, order->words, order->bytes);
    }
    result->tuple_bytes = begin + order->bytes;
    rune_free(order->words);
    order->words = NULL;
    return begin;
}

static enum rune_err write_orders(struct output *out)
{
    struct rune_dl_ctx *ctx = out->ctx;
    struct rune_dl_result *result = out->result;
    const struct rune_dl_order *first = adopt_largest(out);
    if (result->tuples == NULL || !RUNE_VEC_RESERVE(&result->orders, ctx->orders.count)) {
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
                                               .size = order->bytes,
                                               .block_count = order->block_count,
                                               .shift = order->shift};
            memcpy(written.columns, order->columns, 8);
            written.offset = order == first ? 0 : append_order(result, order);
            rune_order_complete(&written, rel->arity);
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
    if (!RUNE_VEC_RESERVE(&out->result->plans, ctx->plans.count)) {
        return RUNE_E_NOMEM;
    }
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

/* Gives the operands of instructions their numbers in the image. */
static void renumber(struct output *out, uint32_t *code, size_t count)
{
    for (const uint32_t *word = code; word < code + count;) {
        struct rune_rule_operand at = rune_rule_operands(word);
        for (; *at.letter != '\0'; at = rune_rule_operand_after(at)) {
            uint32_t *operand = code + (at.word - code);
            if (*at.letter == 'o') {
                operand[0] = out->order_ids[operand[0]];
            } else if (*at.letter == 'g') {
                operand[0] = operand[1] == 0 ? 0 : out->plan_ids[operand[0]];
            }
        }
        word = at.word;
    }
}

enum rune_err rune_dl_write_image(struct rune_dl_ctx *ctx, struct rune_dl_result *result)
{
    struct output out = {.ctx = ctx, .result = result};
    out.by_name = RUNE_ARENA_ARRAY(&ctx->arena, uint32_t, ctx->rels.count + 1);
    enum rune_err err = out.by_name == NULL ? RUNE_E_NOMEM : write_relations(&out);
    if (err == RUNE_OK) {
        err = rune_dl_compile_image(ctx); /* after the rules have their numbers: plans name them */
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
        renumber(&out, ctx->code.items, ctx->code.count);
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
