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

/* A relation to be sorted by its name: mostly its place shows in eight bytes. */
struct named {
    uint64_t
        key; /* the bytes behind what all names begin with, as a number that compares as they do */
    uint32_t relation;
};

static struct rune_str name_of(const struct rune_dl_ctx *ctx, const struct named *named)
{
    return ctx->rels.items[named->relation].name;
}

/* How many bytes all names begin with. */
static size_t common_prefix(const struct rune_dl_ctx *ctx, const struct named *names,
                            uint32_t count)
{
    struct rune_str first = name_of(ctx, &names[0]);
    size_t common = first.length;
    for (uint32_t i = 1; i < count; i++) {
        struct rune_str name = name_of(ctx, &names[i]);
        size_t same = 0, most = name.length < common ? name.length : common;
        while (same < most && name.data[same] == first.data[same]) {
            same++;
        }
        common = same;
    }
    return common;
}

static uint64_t key_of(struct rune_str name, size_t skip)
{
    uint64_t key = 0;
    size_t rest = name.length - skip;
    if (rest > 0) {
        memcpy(&key, name.data + skip, rest < sizeof(key) ? rest : sizeof(key));
    }
    return __builtin_bswap64(key);
}

static int compare_names(const void *a, const void *b, void *context)
{
    return rune_str_compare(name_of(context, a), name_of(context, b));
}

/* By one byte of the keys. */
static void scatter(const struct named *from, struct named *to, uint32_t count, uint32_t shift)
{
    uint32_t at[256] = {0}, next = 0;
    for (uint32_t i = 0; i < count; i++) {
        at[from[i].key >> shift & 0xff]++;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t many = at[byte];
        at[byte] = next;
        next += many;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[at[from[i].key >> shift & 0xff]++] = from[i];
    }
}

/* By their keys, by way of as many others; returns which of both has them. */
static struct named *sort_keys(struct named *names, struct named *others, uint32_t count)
{
    uint64_t differ = 0;
    for (uint32_t i = 1; i < count; i++) {
        differ |= names[i].key ^ names[0].key;
    }
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        if ((differ >> shift & 0xff) != 0) {
            scatter(names, others, count, shift);
            struct named *swap = names;
            names = others;
            others = swap;
        }
    }
    return names;
}

/* Those whose keys are equal, by all of the name. */
static void sort_equal(struct rune_dl_ctx *ctx, struct named *names, uint32_t count)
{
    for (uint32_t begin = 0, end; begin < count; begin = end) {
        end = begin + 1;
        while (end < count && names[end].key == names[begin].key) {
            end++;
        }
        if (end - begin > 1) {
            qsort_r(names + begin, end - begin, sizeof(names[0]), compare_names, ctx);
        }
    }
}

/* The relations in the image's order. */
static enum rune_err sort_by_name(struct output *out)
{
    struct rune_dl_ctx *ctx = out->ctx;
    uint32_t count = 0;
    struct named *names = rune_alloc((2 * ctx->rels.count + 1) * sizeof(*names));
    if (names == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < ctx->rels.count; i++) {
        if (!ctx->rels.items[i].is_scaffold) {
            names[count++] = (struct named){0, i};
        }
    }
    size_t skip = count > 0 ? common_prefix(ctx, names, count) : 0;
    for (uint32_t i = 0; i < count; i++) {
        names[i].key = key_of(name_of(ctx, &names[i]), skip);
    }
    struct named *sorted = sort_keys(names, names + ctx->rels.count, count);
    sort_equal(ctx, sorted, count);
    for (uint32_t i = 0; i < count; i++) {
        out->by_name[i] = sorted[i].relation;
        ctx->rels.items[sorted[i].relation].image_relation = i;
    }
    out->relation_count = count;
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

/* By binding pattern; there are as many as columns, about, and mostly fewer than ten. */
static void sort_demands(struct rune_dl_vec_demand *demands)
{
    for (size_t i = 1; i < demands->count; i++) {
        struct rune_dl_demand demand = demands->items[i];
        size_t to = i;
        for (; to > 0 && demands->items[to - 1].bound > demand.bound; to--) {
            demands->items[to] = demands->items[to - 1];
        }
        demands->items[to] = demand;
    }
}

/* The plans of one relation. INVARIANT: there is room for all. */
static void write_plans_of(struct output *out, uint32_t relation)
{
    struct rune_dl_ctx *ctx = out->ctx;
    struct rune_vec_plan *plans = &out->result->plans;
    struct rune_dl_rel *rel = &ctx->rels.items[out->by_name[relation]];
    sort_demands(&rel->demands);
    for (size_t d = 0; d < rel->demands.count; d++) {
        const struct rune_dl_demand *demand = &rel->demands.items[d];
        for (uint32_t i = 0; i < demand->count && demand->round == ctx->plan_round; i++) {
            out->plan_ids[demand->first + i] = (uint32_t)plans->count;
            plans->items[plans->count] = ctx->plans.items[demand->first + i];
            plans->items[plans->count++].relation = relation;
        }
    }
}

/* Plans of permit, of forbid, then of the other relations. */
static enum rune_err write_plans(struct output *out)
{
    static const uint32_t deciding[] = {RUNE_RELATION_PERMIT, RUNE_RELATION_FORBID, 0};
    const struct rune_image_relation *relations = out->result->relations.items;
    if (!RUNE_VEC_RESERVE(&out->result->plans, out->ctx->plans.count)) {
        return RUNE_E_NOMEM;
    }
    for (size_t k = 0; k < sizeof(deciding) / sizeof(deciding[0]); k++) {
        for (uint32_t i = 0; i < out->relation_count; i++) {
            uint32_t decides = relations[i].flags & (RUNE_RELATION_PERMIT | RUNE_RELATION_FORBID);
            if (decides == deciding[k]) {
                write_plans_of(out, i);
            }
        }
    }
    return RUNE_OK;
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
