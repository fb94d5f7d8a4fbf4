/* SPDX-License-Identifier: Apache-2.0 */
/* rule_query: the tuples of a relation that match a pattern: see rule_eval.h. Stored ones are read
 * from the order that narrows most; demanded ones come from plans. */
#include "eval/rule_query_int.h"

#include <string.h>

#define MAX_PROGRAM_BYTES ((size_t)1 << 30) /* LIMIT: of a copy of all programs */

uint32_t rune_rules_find_relation(const struct rune_store *store, struct rune_str name)
{
    for (uint32_t low = 0, high = store->relation_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        rune_term text =
            rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, store->relations[middle].name);
        int order = rune_str_compare(rune_terms_string(&store->terms, text), name);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return UINT32_MAX;
}

bool rune_query_matches(const struct rune_query *query, const rune_term *tuple)
{
    for (uint32_t i = 0; i < query->relation->arity; i++) {
        if ((query->bound[i] != RUNE_TERM_NONE && tuple[i] != query->bound[i]) ||
            tuple[query->same[i]] != tuple[i]) {
            return false;
        }
    }
    return true;
}

bool rune_query_give(struct rune_query *query, const rune_term *tuple)
{
    if (!rune_query_matches(query, tuple)) {
        return true;
    }
    query->count++;
    query->is_stopped =
        query->emit != NULL && !query->emit(query->context, tuple, query->relation->arity);
    return !query->is_stopped;
}

void rune_query_bind(struct rune_query *query, uint32_t column, rune_term value)
{
    for (uint32_t i = 0; i < query->relation->arity; i++) {
        if (query->same[i] == query->same[column]) {
            query->bound[i] = value;
        }
    }
}

/* Leading sort positions whose columns are bound. */
static uint32_t prefix_length(const struct rune_query *query, const struct rune_image_order *order)
{
    uint32_t arity = query->relation->arity, length = 0;
    while (length < arity && length < RUNE_ORDER_MAX_PREFIX &&
           query->bound[rune_order_column(order, arity, length)] != RUNE_TERM_NONE) {
        length++;
    }
    return length;
}

/* The order that narrows most; among equals the one sorted by the relation's own columns. */
static uint32_t best_order(const struct rune_query *query, uint32_t *ret_length)
{
    const struct rune_image_relation *relation = query->relation;
    uint32_t best = relation->first_order, best_length = 0;
    bool best_natural = false;
    for (uint32_t i = 0; i < relation->order_count; i++) {
        const struct rune_image_order *order = &query->vm->in.orders[relation->first_order + i];
        uint32_t length = prefix_length(query, order);
        bool is_natural = true;
        for (uint32_t c = 0; c < relation->arity; c++) {
            is_natural = is_natural && rune_order_column(order, relation->arity, c) == c;
        }
        if (i == 0 || length > best_length ||
            (length == best_length && is_natural && !best_natural)) {
            best = relation->first_order + i;
            best_length = length;
            best_natural = is_natural;
        }
    }
    *ret_length = best_length;
    return best;
}

static enum rune_err query_stored(struct rune_query *query)
{
    uint32_t arity = query->relation->arity, length;
    uint32_t order = best_order(query, &length);
    rune_term prefix[RUNE_ORDER_MAX_PREFIX], tuple[64] = {0};
    uint32_t columns[64];
    uint32_t bound_count = 0;
    bool repeats = false;
    if (query->relation->order_count == 0) {
        return RUNE_OK;
    }
    for (uint32_t i = 0; i < arity; i++) {
        columns[i] = rune_order_column(&query->vm->in.orders[order], arity, i);
        bound_count += query->bound[i] != RUNE_TERM_NONE;
        repeats = repeats || query->same[i] != i;
        if (i < length) {
            prefix[i] = tuple[columns[i]] = query->bound[columns[i]];
        }
    }
    struct rune_cursor cursor;
    if (!rune_cursor_open(&query->vm->in, order, prefix, length, &cursor)) {
        return RUNE_OK;
    }
    if (query->emit == NULL && !repeats && bound_count == length) {
        query->count += rune_cursor_left(&cursor);
        return RUNE_OK;
    }
    while (rune_cursor_next(&cursor)) {
        for (uint32_t i = length; i < arity; i++) {
            tuple[columns[i]] = rune_cursor_get(&cursor, i);
        }
        if (!rune_query_give(query, tuple)) {
            break;
        }
    }
    return RUNE_OK;
}

/* The relation in full by plans that know its first column; count 0: that is not to be done. */
static struct rune_plan_group plans_by_key(const struct rune_query *query)
{
    const struct rune_store *store = query->eval->store;
    struct rune_plan_group none = {0};
    bool is_whole = (query->relation->flags & RUNE_RELATION_BY_KEY) != 0;
    for (uint32_t i = 0; i < query->relation->arity; i++) {
        is_whole = is_whole && query->bound[i] == RUNE_TERM_NONE;
    }
    if (!is_whole) {
        return none;
    }
    struct rune_plan_group group = rune_plan_find_group(
        store->plans, store->plan_count, (uint32_t)(query->relation - store->relations), 1);
    return group.bound == 1 ? group : none;
}

static enum rune_err query_demanded(struct rune_query *query)
{
    struct rune_plan_group by_key = plans_by_key(query);
    bool done = false;
    if (by_key.count > 0) {
        enum rune_err err = rune_query_by_keys(query, by_key, &done);
        if (err != RUNE_OK || done) {
            return err;
        }
    }
    return rune_query_by_plans(query);
}

/* What is known of a column is known of all that must equal it. */
static void bind_equals(struct rune_query *query)
{
    for (uint32_t i = 0; i < query->relation->arity; i++) {
        if (query->bound[query->same[i]] == RUNE_TERM_NONE) {
            query->bound[query->same[i]] = query->bound[i];
        }
    }
    for (uint32_t i = 0; i < query->relation->arity; i++) {
        if (query->bound[i] == RUNE_TERM_NONE) {
            query->bound[i] = query->bound[query->same[i]];
        }
    }
}

static enum rune_err run_query(struct rune_eval *eval, uint32_t relation, const rune_term *bound,
                               struct rune_query *query)
{
    if (relation >= eval->store->relation_count) {
        return RUNE_E_NOT_FOUND;
    }
    query->vm = rune_rules_machine(eval);
    if (query->vm == NULL) {
        return RUNE_E_LIMIT;
    }
    query->eval = eval;
    query->relation = &eval->store->relations[relation];
    query->wide = -1;
    memcpy(query->bound, bound, query->relation->arity * sizeof(*bound));
    bind_equals(query);
    if ((query->relation->flags & RUNE_RELATION_STORED) != 0) {
        return query_stored(query);
    }
    rune_arena_init(&query->programs, MAX_PROGRAM_BYTES);
    enum rune_err err = query_demanded(query);
    rune_arena_fini(&query->programs);
    eval->steps_left = query->vm->steps_left;
    return err;
}

enum rune_err rune_rules_query(struct rune_eval *eval, uint32_t relation, const rune_term *bound,
                               const uint32_t *same, rune_tuple_fn emit, void *emit_context)
{
    struct rune_query query = {.same = same, .emit = emit, .context = emit_context};
    return run_query(eval, relation, bound, &query);
}

enum rune_err rune_rules_count(struct rune_eval *eval, uint32_t relation, const rune_term *bound,
                               const uint32_t *same, uint64_t *ret_count)
{
    struct rune_query query = {.same = same};
    enum rune_err err = run_query(eval, relation, bound, &query);
    if (err == RUNE_OK) {
        *ret_count = query.count;
    }
    return err;
}
