/* SPDX-License-Identifier: Apache-2.0 */
/* Rules over the worlds' own trees, every rule against every tuple until nothing changes. */
#include <string.h>

#include "reference/mixed_naive.h"

enum { MAX_STEPS = 3000000 };

/* ---- rules ---- */

static void rule_found(struct mixed_naive *naive, struct mixed_env *env, void *context)
{
    const struct mixed_rule *rule = context;
    struct mixed_value row[MIXED_MAX_ARITY] = {{0}};
    uint32_t arity = naive->world->relations[rule->head].arity;
    for (uint32_t i = 0; i < arity; i++) {
        if (!mixed_is_bound(env, rule->args[i])) {
            naive->answers->is_over = true; /* unsafe */
            return;
        }
        if (!mixed_compute(naive, env, rule->args[i], &row[i])) {
            return;
        }
    }
    mixed_add_row(naive, &naive->answers->rows[rule->head], row, arity);
}

static void run_rule(struct mixed_naive *naive, const struct mixed_rule *rule)
{
    struct mixed_env env = {.rule = rule};
    struct mixed_todo todo = {.count = rule->body.count};
    memcpy(todo.items, rule->body.literals, sizeof(todo.items[0]) * todo.count);
    mixed_solve(naive, &env, &todo, rule_found, (void *)(uintptr_t)rule);
}

static void run_rank(struct mixed_naive *naive, uint32_t rank, bool depends)
{
    const struct mixed_world *world = naive->world;
    do {
        naive->changed = false;
        for (uint32_t i = 0; i < world->rule_count && !naive->answers->is_over; i++) {
            const struct mixed_rule *rule = &world->rules[i];
            if (!rule->is_off && world->relations[rule->head].rank == rank &&
                naive->answers->depends[rule->head] == depends && rule->head != MIXED_PERMIT &&
                rule->head != MIXED_FORBID) {
                run_rule(naive, rule);
            }
        }
    } while (naive->changed && !naive->answers->is_over);
}

/* ---- entity data as relations ---- */

static struct mixed_value entity_value(int64_t entity)
{
    return (struct mixed_value){.kind = MIXED_ENTITY, .number = entity};
}

static void fill_attr(struct mixed_naive *naive, int entity, enum mixed_attr attr)
{
    const struct mixed_value *value = &naive->answers->data.attrs[entity][attr];
    struct mixed_rows *rows = naive->answers->rows;
    struct mixed_value name = {.kind = MIXED_STRING, .text = mixed_attr_names[attr]};
    struct mixed_value row[3] = {entity_value(entity), *value};
    mixed_add_row(naive, &rows[MIXED_ATTR + attr], row, 2);
    for (uint32_t i = 0; i < value->count && value->kind == MIXED_SET; i++) {
        row[1] = value->items[i];
        if (attr == MIXED_LABELS || attr == MIXED_EDITORS) {
            mixed_add_row(
                naive, &rows[attr == MIXED_LABELS ? MIXED_ELEMENT_LABELS : MIXED_ELEMENT_EDITORS],
                row, 2);
        }
        row[2] = row[1];
        row[1] = name;
        mixed_add_row(naive, &rows[MIXED_ELEMENT_ANY], row, 3);
    }
    row[1] = name;
    row[2] = *value;
    mixed_add_row(naive, &rows[MIXED_ATTR_ANY], row, 3);
}

static void fill_entity(struct mixed_naive *naive, int entity)
{
    const struct mixed_data *data = &naive->answers->data;
    struct mixed_value row[2] = {entity_value(entity), {0}};
    if (data->exists[entity]) {
        mixed_add_row(naive, &naive->answers->rows[MIXED_EXISTS], row, 1);
    }
    for (int parent = 0; parent < MIXED_ENTITIES; parent++) {
        if (data->parent[entity][parent]) {
            row[1] = entity_value(parent);
            mixed_add_row(naive, &naive->answers->rows[MIXED_PARENT], row, 2);
        }
    }
    for (enum mixed_attr attr = 0; attr < MIXED_ATTRS; attr++) {
        if (data->has[entity][attr]) {
            fill_attr(naive, entity, attr);
        }
    }
    if (data->has_tag[entity]) {
        row[1] = data->tags[entity];
        mixed_add_row(naive, &naive->answers->rows[MIXED_TAG], row, 2);
    }
}

static void fill_data(struct mixed_naive *naive)
{
    for (uint32_t r = MIXED_EXISTS; r <= MIXED_ELEMENT_ANY; r++) {
        naive->answers->rows[r].count = 0;
    }
    mixed_fill_ids(naive);
    for (int entity = 0; entity < MIXED_ENTITIES; entity++) {
        fill_entity(naive, entity);
    }
}

/* ---- derived entity data ---- */

static void add_item(struct mixed_naive *naive, int64_t entity, const struct mixed_value *item)
{
    struct mixed_data *data = &naive->answers->data;
    struct mixed_value *set = &data->attrs[entity][MIXED_EDITORS];
    if (!data->has[entity][MIXED_EDITORS]) {
        *set = (struct mixed_value){.kind = MIXED_SET};
        data->has[entity][MIXED_EDITORS] = true;
    }
    if (item == NULL || mixed_has_item(set, item)) {
        return;
    }
    struct mixed_value *items =
        RUNE_ARENA_ARRAY(naive->arena, struct mixed_value, (size_t)set->count + 1);
    if (items == NULL) {
        naive->answers->is_over = true;
        return;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        items[i] = set->items[i];
    }
    items[set->count] = *item;
    set->items = items;
    set->count++;
}

static void take_derived(struct mixed_naive *naive, uint32_t head)
{
    struct mixed_answers *answers = naive->answers;
    struct mixed_data *data = &answers->data;
    const struct mixed_rows *rows = &answers->rows[head];
    for (uint32_t r = 0; r < rows->count; r++) {
        const struct mixed_value *row = rows->cells + (size_t)r * MIXED_MAX_ARITY;
        int64_t entity = row[0].number;
        data->exists[entity] = true;
        if (head == MIXED_PARENT) {
            data->parent[entity][row[1].number] = true;
        } else if (head == MIXED_ELEMENT_EDITORS) {
            add_item(naive, entity, &row[1]);
        } else {
            bool has = data->has[entity][MIXED_RANK];
            answers->has_conflict |= has && !mixed_equal(&data->attrs[entity][MIXED_RANK], &row[1]);
            data->has[entity][MIXED_RANK] = true;
            data->attrs[entity][MIXED_RANK] = row[1];
        }
    }
}

/* A set that the schema declares and rules derive is there for all of its type. */
static void add_empty_sets(struct mixed_naive *naive)
{
    for (int doc = MIXED_FIRST_DOC; doc < MIXED_FIRST_ACTION; doc++) {
        if (naive->world->has_schema && naive->answers->data.exists[doc]) {
            add_item(naive, doc, NULL);
        }
    }
}

static bool is_derived(const struct mixed_world *world, uint32_t head)
{
    for (uint32_t i = 0; i < world->rule_count; i++) {
        if (!world->rules[i].is_off && world->rules[i].head == head) {
            return true;
        }
    }
    return false;
}

/* ---- what depends on the request, what can fail ---- */

static bool expr_can_fail(const struct mixed_expr *expr)
{
    return expr != NULL && expr->op != MIXED_VAR && expr->op != MIXED_CONST &&
           expr->op != MIXED_LIST;
}

static bool reads(const struct mixed_body *body, const bool *of, bool fails)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct mixed_literal *literal = body->literals[i];
        bool found = literal->kind == MIXED_ATOM && of[literal->relation];
        for (uint32_t a = 0; fails && a < literal->arg_count; a++) {
            found = found || expr_can_fail(literal->args[a]);
        }
        found =
            found || (fails && ((literal->kind == MIXED_COMPARE && literal->choice >= MIXED_LT) ||
                                literal->kind == MIXED_IN || literal->kind == MIXED_TEST ||
                                (literal->kind == MIXED_AGGREGATE && literal->choice > 0)));
        for (uint32_t b = 0; b < literal->body_count && !found; b++) {
            found = reads(&literal->bodies[b], of, fails);
        }
        if (found) {
            return true;
        }
    }
    return false;
}

static void spread(const struct mixed_world *world, bool *of, bool fails)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < world->rule_count; i++) {
            const struct mixed_rule *rule = &world->rules[i];
            if (rule->is_off || of[rule->head]) {
                continue;
            }
            bool found = reads(&rule->body, of, fails);
            for (uint32_t a = 0; fails && a < world->relations[rule->head].arity; a++) {
                found = found || expr_can_fail(rule->args[a]);
            }
            changed = changed || found;
            of[rule->head] = found;
        }
    }
}

/* ---- worlds ---- */

void mixed_derive(const struct mixed_world *world, struct rune_arena *arena,
                  struct mixed_answers *ret_answers)
{
    struct mixed_naive naive = {
        .world = world, .answers = ret_answers, .arena = arena, .steps_left = MAX_STEPS};
    memset(ret_answers, 0, sizeof(*ret_answers));
    ret_answers->data = world->data;
    for (uint32_t r = 0; r <= MIXED_CONTEXT_TIER; r++) {
        ret_answers->depends[r] = true;
    }
    spread(world, ret_answers->depends, false);
    spread(world, ret_answers->can_fail, true);
    for (uint32_t r = MIXED_BASE; r < MIXED_RELATIONS; r++) {
        const struct mixed_relation *relation = &world->relations[r];
        for (uint32_t f = 0; f < relation->fact_count; f++) {
            if (!relation->facts[f].is_off) {
                mixed_add_row(&naive, &ret_answers->rows[r], relation->facts[f].values,
                              relation->arity);
            }
        }
    }
    fill_data(&naive);
    for (uint32_t rank = 1; rank < world->relations[MIXED_PERMIT].rank; rank++) {
        static const uint32_t heads[] = {MIXED_PARENT, MIXED_ATTR + MIXED_RANK,
                                         MIXED_ELEMENT_EDITORS};
        run_rank(&naive, rank, false);
        for (size_t h = 0; h < sizeof(heads) / sizeof(heads[0]); h++) {
            if (world->relations[heads[h]].rank == rank && is_derived(world, heads[h])) {
                take_derived(&naive, heads[h]);
            }
        }
        if (rank == MIXED_RANK_OF_ENTITY_DATA && is_derived(world, MIXED_ELEMENT_EDITORS)) {
            add_empty_sets(&naive);
        }
        if (rank <= MIXED_RANK_OF_ENTITY_DATA) {
            fill_data(&naive);
        }
    }
}

static void bring(const struct mixed_request *request, struct mixed_data *data)
{
    for (uint32_t i = 0; i < request->brought_count; i++) {
        const struct mixed_brought *brought = &request->brought[i];
        data->exists[brought->entity] = true;
        if (brought->parent >= 0) {
            data->parent[brought->entity][brought->parent] = true;
        }
        if (brought->has_tag) {
            data->has_tag[brought->entity] = true;
            data->tags[brought->entity] = brought->tag;
        }
        for (enum mixed_attr attr = 0; attr < MIXED_ATTRS; attr++) {
            if (brought->has[attr]) {
                data->has[brought->entity][attr] = true;
                data->attrs[brought->entity][attr] = brought->attrs[attr];
            }
        }
    }
}

static void put_request(struct mixed_naive *naive, const struct mixed_request *request)
{
    struct mixed_rows *rows = naive->answers->rows;
    struct mixed_value places[] = {entity_value(request->principal), entity_value(request->action),
                                   entity_value(request->resource)};
    for (uint32_t place = 0; place < 3; place++) {
        mixed_add_row(naive, &rows[MIXED_PRINCIPAL + place], &places[place], 1);
    }
    if (request->has_n) {
        mixed_add_row(naive, &rows[MIXED_CONTEXT_N], &request->n, 1);
    }
    if (request->has_tier) {
        mixed_add_row(naive, &rows[MIXED_CONTEXT_TIER], &request->tier, 1);
    }
}

void mixed_derive_for(const struct mixed_world *world, const struct mixed_answers *stored,
                      const struct mixed_request *request, struct rune_arena *arena,
                      struct mixed_answers *ret_answers)
{
    struct mixed_naive naive = {
        .world = world, .answers = ret_answers, .arena = arena, .steps_left = MAX_STEPS};
    *ret_answers = *stored;
    for (uint32_t r = 0; r < MIXED_BASE; r++) {
        ret_answers->rows[r] = (struct mixed_rows){0};
    }
    bring(request, &ret_answers->data);
    fill_data(&naive);
    put_request(&naive, request);
    for (uint32_t rank = 1; rank < world->relations[MIXED_PERMIT].rank; rank++) {
        run_rank(&naive, rank, true);
    }
}

bool mixed_rule_matches(const struct mixed_world *world, const struct mixed_answers *answers,
                        const struct mixed_request *request, uint32_t rule,
                        struct rune_arena *arena)
{
    struct mixed_answers own = *answers;
    struct mixed_naive naive = {
        .world = world, .answers = &own, .arena = arena, .steps_left = MAX_STEPS};
    struct mixed_value row[] = {entity_value(request->principal), entity_value(request->action),
                                entity_value(request->resource)};
    struct mixed_rows *rows = &own.rows[world->rules[rule].head];
    *rows = (struct mixed_rows){0};
    run_rule(&naive, &world->rules[rule]);
    for (uint32_t r = 0; r < rows->count; r++) {
        if (mixed_same_row(rows->cells + (size_t)r * MIXED_MAX_ARITY, row, 3)) {
            return true;
        }
    }
    return false;
}
