/* SPDX-License-Identifier: Apache-2.0 */
/* rule_eval: see rule_eval.h. A decision runs the plans of permit and forbid, which come first in
 * PLAN, with principal, action and resource bound; everything else follows from there. */
#include "eval/rule_eval.h"

#include <string.h>

#include "eval/rule_count.h"
#include "eval/rule_vm.h"

/* A machine over the image, for one evaluation. */
static enum rune_err machine_init(struct rune_rule_vm *vm, const struct rune_eval *eval)
{
    const struct rune_store *store = eval->store;
    *vm = (struct rune_rule_vm){
        .in = {store->relations, store->orders, (uintptr_t)store->tuples},
        .plans = store->plans,
        .code = store->rule_code,
        .store = store,
        .entity_count = store->terms.entity_count,
        .request = eval->request,
        .steps_left = eval->steps_left,
    };
    vm->values.spaces[RUNE_SPACE_IMAGE] = &store->terms;
    vm->values.dict = eval->values;
    vm->values.own = RUNE_SPACE_REQUEST;
    if (eval->values != NULL) {
        vm->values.spaces[RUNE_SPACE_REQUEST] = rune_dict_terms(eval->values);
    } else if (eval->request != NULL) {
        vm->values.spaces[RUNE_SPACE_REQUEST] = eval->request->terms;
    }
    return rune_rule_vm_init(vm, eval->arena);
}

struct rune_rule_vm *rune_rules_machine(const struct rune_eval *eval)
{
    struct rune_rule_vm *vm = RUNE_ARENA_NEW(eval->arena, struct rune_rule_vm);
    return vm != NULL && machine_init(vm, eval) == RUNE_OK ? vm : NULL;
}

/* ---- decisions ---- */

struct decision {
    struct rune_rule_vm *vm;
    struct rune_eval *eval;
    uint32_t *matches;
    uint32_t match_count;
    struct rune_rule_error *errors;
    uint32_t error_count, error_capacity;
};

static bool add_error(struct decision *decision, uint32_t rule, const char *code)
{
    if (decision->error_count == decision->error_capacity) {
        uint32_t capacity = decision->error_capacity == 0 ? 4 : decision->error_capacity * 2;
        struct rune_rule_error *errors =
            RUNE_ARENA_ARRAY(decision->eval->arena, struct rune_rule_error, capacity);
        if (errors == NULL) {
            return false;
        }
        if (decision->error_count > 0) {
            memcpy(errors, decision->errors, decision->error_count * sizeof(*errors));
        }
        decision->errors = errors;
        decision->error_capacity = capacity;
    }
    decision->errors[decision->error_count++] = (struct rune_rule_error){rule, code};
    return true;
}

/* One rule: all plans from `at` on that share its number (its branches). */
static enum rune_err decide_rule(struct decision *decision, uint32_t at, uint32_t end,
                                 bool is_permit)
{
    struct rune_rule_vm *vm = decision->vm;
    const struct rune_request *request = decision->eval->request;
    const rune_term args[3] = {request->principal, request->action, request->resource};
    uint32_t rule = vm->plans[at].rule;
    bool matches = false;
    vm->failed = 0;
    vm->is_unsure = false;
    vm->error = NULL;
    for (uint32_t i = at; i < end && vm->err == RUNE_OK && !matches; i++) {
        matches = rune_rule_run(vm, &vm->plans[i], args, NULL, NULL) && vm->err == RUNE_OK;
    }
    decision->eval->rules_evaluated++;
    if (vm->err != RUNE_OK) {
        return vm->err;
    }
    /* FAILCLOSED: a permit whose proof rests on something absent that could not be computed is
     * none. */
    if (matches && !(is_permit && vm->is_unsure)) {
        decision->matches[decision->match_count++] = rule;
        return RUNE_OK;
    }
    if (vm->failed == 0 && !vm->is_unsure) {
        return RUNE_OK;
    }
    return add_error(decision, rule, vm->error != NULL ? vm->error : "partial_relation")
               ? RUNE_OK
               : RUNE_E_LIMIT;
}

/* The plans of permit, or behind them those of forbid. */
static enum rune_err decide_effect(struct decision *decision, uint32_t *at,
                                   enum rune_relation_flag effect)
{
    const struct rune_store *store = decision->eval->store;
    uint32_t end = *at;
    while (end < store->plan_count &&
           (store->relations[store->plans[end].relation].flags & (uint32_t)effect) != 0) {
        end++;
    }
    uint32_t begin = *at;
    *at = end;
    decision->match_count = 0;
    if (begin == end) {
        return RUNE_OK;
    }
    decision->matches = RUNE_ARENA_ARRAY(decision->eval->arena, uint32_t, end - begin);
    if (decision->matches == NULL) {
        return RUNE_E_LIMIT;
    }
    while (begin < end) {
        uint32_t next = begin + 1;
        while (next < end && store->plans[next].rule == store->plans[begin].rule) {
            next++;
        }
        enum rune_err err = decide_rule(decision, begin, next, effect == RUNE_RELATION_PERMIT);
        if (err != RUNE_OK) {
            return err;
        }
        begin = next;
    }
    return RUNE_OK;
}

void rune_rules_fetch(const struct rune_eval *eval)
{
    const struct rune_store *store = eval->store;
    const struct rune_request *request = eval->request;
    const struct rune_relations in = {store->relations, store->orders, (uintptr_t)store->tuples};
    const rune_term parts[3] = {request->principal, request->action, request->resource};
    for (uint32_t i = 0; i < store->ahead_count; i++) {
        rune_relation_fetch_key(&in, store->ahead[i].order, parts[store->ahead[i].part]);
    }
    for (uint32_t i = 0; i < store->ahead_count; i++) {
        rune_relation_fetch_row(&in, store->ahead[i].order, parts[store->ahead[i].part]);
    }
}

enum rune_err rune_rules_decide(struct rune_eval *eval, struct rune_rule_outcome *ret_outcome)
{
    const struct rune_store *store = eval->store;
    const uint32_t effects = RUNE_RELATION_PERMIT | RUNE_RELATION_FORBID;
    *ret_outcome = (struct rune_rule_outcome){0};
    if (store->plan_count == 0 ||
        (store->relations[store->plans[0].relation].flags & effects) == 0) {
        return RUNE_OK;
    }
    struct rune_rule_vm vm;
    enum rune_err err = machine_init(&vm, eval);
    if (err != RUNE_OK) {
        return RUNE_E_LIMIT;
    }
    struct decision decision = {.vm = &vm, .eval = eval};
    struct rune_rule_outcome outcome = {0};
    uint32_t at = 0;
    err = decide_effect(&decision, &at, RUNE_RELATION_PERMIT);
    outcome.permits = decision.matches;
    outcome.permit_count = decision.match_count;
    if (err == RUNE_OK) {
        err = decide_effect(&decision, &at, RUNE_RELATION_FORBID);
        outcome.forbids = decision.matches;
        outcome.forbid_count = decision.match_count;
    }
    eval->steps_left = vm.steps_left;
    if (err != RUNE_OK) {
        return RUNE_E_LIMIT;
    }
    outcome.errors = decision.errors;
    outcome.error_count = decision.error_count;
    *ret_outcome = outcome;
    return RUNE_OK;
}

enum rune_err rune_rules_find_values(struct rune_eval *eval, uint32_t first_plan,
                                     uint32_t plan_count, rune_term key, rune_term ret_values[2],
                                     uint32_t *ret_count, bool *ret_is_partial)
{
    struct rune_rule_vm vm;
    if (machine_init(&vm, eval) != RUNE_OK) {
        return RUNE_E_LIMIT;
    }
    const struct rune_rule_table *table =
        rune_rule_solve(&vm, &eval->store->plans[first_plan], plan_count, &key);
    eval->steps_left = vm.steps_left;
    if (table == NULL) {
        return RUNE_E_LIMIT;
    }
    *ret_count = table->count < 2 ? table->count : 2;
    for (uint32_t i = 0; i < *ret_count; i++) {
        ret_values[i] = table->rows[(size_t)i * table->arity + 1];
    }
    *ret_is_partial = vm.failed != 0 || vm.is_unsure;
    return RUNE_OK;
}

/* ---- queries ---- */

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

struct query {
    const struct rune_eval *eval;
    struct rune_rule_vm vm;
    const struct rune_image_relation *relation;
    const rune_term *bound;
    const uint32_t *same;
    rune_tuple_fn emit;
    void *context;
    uint64_t count;
};

static bool tuple_matches(const struct query *query, const rune_term *tuple)
{
    for (uint32_t i = 0; i < query->relation->arity; i++) {
        if ((query->bound[i] != RUNE_TERM_NONE && tuple[i] != query->bound[i]) ||
            tuple[query->same[i]] != tuple[i]) {
            return false;
        }
    }
    return true;
}

static bool give(struct query *query, const rune_term *tuple)
{
    if (!tuple_matches(query, tuple)) {
        return true;
    }
    query->count++;
    return query->emit == NULL || query->emit(query->context, tuple, query->relation->arity);
}

/* Leading sort positions whose columns are bound. */
static uint32_t prefix_length(const struct query *query, const struct rune_image_order *order)
{
    uint32_t arity = query->relation->arity, length = 0;
    while (length < arity && length < RUNE_ORDER_MAX_PREFIX &&
           query->bound[rune_order_column(order, arity, length)] != RUNE_TERM_NONE) {
        length++;
    }
    return length;
}

/* The order that narrows most; among equals the one sorted by the relation's own columns. */
static uint32_t best_order(const struct query *query, uint32_t *ret_length)
{
    const struct rune_image_relation *relation = query->relation;
    uint32_t best = relation->first_order, best_length = 0;
    bool best_natural = false;
    for (uint32_t i = 0; i < relation->order_count; i++) {
        const struct rune_image_order *order = &query->vm.in.orders[relation->first_order + i];
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

static enum rune_err query_stored(struct query *query)
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
        columns[i] = rune_order_column(&query->vm.in.orders[order], arity, i);
        bound_count += query->bound[i] != RUNE_TERM_NONE;
        repeats = repeats || query->same[i] != i;
        if (i < length) {
            prefix[i] = tuple[columns[i]] = query->bound[columns[i]];
        }
    }
    struct rune_cursor cursor;
    if (!rune_cursor_open(&query->vm.in, order, prefix, length, &cursor)) {
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
        if (!give(query, tuple)) {
            break;
        }
    }
    return RUNE_OK;
}

/* ---- a demanded relation in full, key by key ----
 * Its distinct tuples together may be far more than a request's memory; those of one value of the
 * first column are not. The values are those of all stored tuples (RUNE_RELATION_BY_KEY),
 * ascending. */

#define MAX_SPREAD \
    (1u << 28) /* LIMIT: distance of the least and the greatest value, for a bitmap */

#define KEYS_AT_ONCE 256u

struct keys {
    rune_term least;
    uint32_t spread;
    uint64_t *bits;
};

/* Bounds of all values in stored tuples, or (mark) a bit for each: every relation's first order has
 * them all. */
static void visit_values(const struct rune_store *store, struct keys *keys, bool mark,
                         rune_term *most)
{
    for (uint32_t r = 0; r < store->relation_count; r++) {
        const struct rune_image_relation *relation = &store->relations[r];
        if (relation->order_count == 0 || relation->arity == 0 || relation->tuple_count == 0) {
            continue;
        }
        struct rune_relations in = {store->relations, store->orders, (uintptr_t)store->tuples};
        struct rune_cursor cursor;
        if (!rune_cursor_open(&in, relation->first_order, NULL, 0, &cursor)) {
            continue;
        }
        uint64_t cells = (uint64_t)(relation->arity - 1) * cursor.stride;
        for (uint64_t i = 0; i < cells + cursor.order->key_count; i++) {
            rune_term term;
            if (i < cells) {
                term = cursor.columns[i];
            } else {
                uint32_t k = (uint32_t)(i - cells);
                if (cursor.starts[k] == cursor.starts[k + 1]) {
                    continue;
                }
                term = cursor.keys != NULL ? cursor.keys[k] : cursor.order->key_min + k;
            }
            if (mark) {
                keys->bits[(term - keys->least) / 64] |= UINT64_C(1) << ((term - keys->least) % 64);
            } else {
                keys->least = term < keys->least ? term : keys->least;
                *most = term > *most ? term : *most;
            }
        }
    }
}

/* False: no memory for the bitmap, or values too far apart. */
static bool find_keys(struct rune_arena *arena, const struct rune_store *store,
                      struct keys *ret_keys)
{
    rune_term most = 0;
    *ret_keys = (struct keys){.least = UINT32_MAX};
    visit_values(store, ret_keys, false, &most);
    if (most < ret_keys->least || most - ret_keys->least >= MAX_SPREAD) {
        return most < ret_keys->least;
    }
    ret_keys->spread = most - ret_keys->least + 1;
    ret_keys->bits = RUNE_ARENA_ARRAY(arena, uint64_t, ret_keys->spread / 64 + 1);
    if (ret_keys->bits == NULL) {
        return false;
    }
    visit_values(store, ret_keys, true, &most);
    return true;
}

/* Counts one key after the other by the machine. */
static bool count_by_machine(struct query *query, const struct rune_image_plan *plans,
                             uint32_t plan_count, const struct keys *keys,
                             struct rune_rule_counter *counter, struct rune_arena *arena)
{
    struct rune_arena_mark mark = rune_arena_mark(arena);
    bool can = true;
    for (uint32_t w = 0; can && w < keys->spread / 64 + (keys->spread > 0); w++) {
        for (uint64_t bits = keys->bits[w]; can && bits != 0; bits &= bits - 1) {
            rune_term key = keys->least + w * 64 + (uint32_t)__builtin_ctzll(bits);
            can = rune_rule_count_key(counter, &query->vm, plans, plan_count, key);
            rune_rule_vm_forget(&query->vm);
            rune_arena_rewind(arena, mark);
        }
    }
    return can;
}

/* Counts many keys at once by pipes, the values of column `small` as bits. */
static bool count_by_pipes(struct query *query, const struct rune_image_plan *plans,
                           uint32_t plan_count, const struct keys *keys,
                           struct rune_rule_counter *counter, struct rune_arena *arena,
                           uint32_t small)
{
    struct rune_arena_mark start = rune_arena_mark(arena);
    struct rune_pipes *pipes = RUNE_ARENA_ARRAY(arena, struct rune_pipes, 1);
    bool can = pipes != NULL && rune_pipes_make(pipes, &query->vm, arena, plans, plan_count, small);
    struct rune_arena_mark mark = rune_arena_mark(arena);
    rune_term some[KEYS_AT_ONCE];
    uint32_t count = 0;
    for (uint32_t w = 0; can && w < keys->spread / 64 + (keys->spread > 0); w++) {
        for (uint64_t bits = keys->bits[w]; bits != 0; bits &= bits - 1) {
            some[count++] = keys->least + w * 64 + (uint32_t)__builtin_ctzll(bits);
        }
        if (count + 64 > KEYS_AT_ONCE) {
            can = rune_rule_count_keys(counter, pipes, some, count, arena, mark);
            count = 0;
        }
    }
    can = can && rune_rule_count_keys(counter, pipes, some, count, arena, mark);
    rune_rule_vm_forget(&query->vm);
    rune_arena_rewind(arena, start); /* also what failed */
    if (!can && query->vm.err == RUNE_E_LIMIT && query->vm.steps_left > 0) {
        query->vm.err = RUNE_OK; /* there was no room */
    }
    return can;
}

/* Counts key by key without tables. False: it has to be done with them. */
static bool count_by_key(struct query *query, const struct rune_image_plan *plans,
                         uint32_t plan_count, const struct keys *keys, struct rune_arena *arena)
{
    struct rune_rule_counter *counter = RUNE_ARENA_ARRAY(arena, struct rune_rule_counter, 1);
    uint32_t arity = query->relation->arity;
    bool can = query->emit == NULL && query->relation->component == 0 && counter != NULL &&
               rune_rule_counter_init(counter, arena, arity, keys->least, keys->spread);
    for (uint32_t i = 0; i < arity; i++) {
        can = can && query->bound[i] == RUNE_TERM_NONE && query->same[i] == i;
    }
    bool done = false;
    for (uint32_t small = 2; can && !done && small >= 4 - arity && query->vm.err == RUNE_OK;
         small--) {
        rune_rule_counter_restart(counter);
        done = count_by_pipes(query, plans, plan_count, keys, counter, arena, small);
    }
    if (can && !done && query->vm.err == RUNE_OK) {
        rune_rule_counter_restart(counter);
        done = count_by_machine(query, plans, plan_count, keys, counter, arena);
    }
    query->count = done ? counter->count : 0;
    return done || query->vm.err != RUNE_OK;
}

static enum rune_err query_by_key(struct query *query, const struct rune_store *store,
                                  struct rune_arena *arena, uint32_t plan, uint32_t plan_count,
                                  bool *ret_done)
{
    struct keys keys;
    struct rune_arena_mark start = rune_arena_mark(arena);
    *ret_done = find_keys(arena, store, &keys);
    if (!*ret_done) {
        rune_arena_rewind(arena, start); /* also what failed */
        return RUNE_OK;
    }
    struct rune_arena_mark mark = rune_arena_mark(arena);
    if (count_by_key(query, &store->plans[plan], plan_count, &keys, arena)) {
        return query->vm.err;
    }
    rune_arena_rewind(arena, mark); /* also what failed */
    for (uint32_t w = 0; w < keys.spread / 64 + (keys.spread > 0); w++) {
        for (uint64_t bits = keys.bits[w]; bits != 0; bits &= bits - 1) {
            rune_term key = keys.least + w * 64 + (uint32_t)__builtin_ctzll(bits);
            const struct rune_rule_table *table =
                rune_rule_solve(&query->vm, &store->plans[plan], plan_count, &key);
            if (table == NULL) {
                return query->vm.err;
            }
            for (uint32_t i = 0; i < table->count; i++) {
                if (!give(query, table->rows + (size_t)i * table->arity)) {
                    return RUNE_OK;
                }
            }
            rune_rule_vm_forget(&query->vm);
            rune_arena_rewind(arena, mark);
        }
    }
    return RUNE_OK;
}

/* The plans of one relation for one set of bound columns, which stand together. */
struct group {
    uint32_t first, count; /* 0: none */
    uint32_t bound;
    double rows; /* expected */
};

static struct group group_at(const struct rune_store *store, uint32_t first)
{
    const struct rune_image_plan *plan = &store->plans[first];
    struct group group = {.first = first, .bound = plan->bound};
    while (first + group.count < store->plan_count &&
           plan[group.count].relation == plan->relation && plan[group.count].bound == plan->bound) {
        group.rows += plan[group.count++].rows;
    }
    return group;
}

/* Those with most of the pattern's columns bound; of several such, those that are expected to give
 * the fewest tuples. `ret_by_key`: those with the first column bound. */
static struct group find_group(const struct rune_store *store, uint32_t relation, uint32_t pattern,
                               struct group *ret_by_key)
{
    struct group best = {0};
    *ret_by_key = best;
    for (uint32_t i = 0; i < store->plan_count;) {
        struct group group = group_at(store, i);
        bool is_asked = store->plans[i].relation == relation;
        i += group.count;
        if (is_asked && group.bound == 1) {
            *ret_by_key = group;
        }
        int more = __builtin_popcount(group.bound) - __builtin_popcount(best.bound);
        if (is_asked && (group.bound & ~pattern) == 0 &&
            (best.count == 0 || more > 0 || (more == 0 && group.rows < best.rows))) {
            best = group;
        }
    }
    return best;
}

static enum rune_err query_demanded(struct query *query, uint32_t relation,
                                    const struct rune_store *store, struct rune_arena *arena)
{
    uint32_t pattern = 0;
    for (uint32_t i = 0; i < query->relation->arity && i < 32; i++) {
        pattern |= query->bound[i] != RUNE_TERM_NONE ? 1u << i : 0;
    }
    struct group by_key, best = find_group(store, relation, pattern, &by_key);
    if (best.count == 0) {
        return RUNE_E_NOT_FOUND;
    }
    bool has_keys = by_key.count > 0 && (best.bound & 1) == 0 &&
                    (query->relation->flags & RUNE_RELATION_BY_KEY) != 0;
    struct rune_arena_mark mark = rune_arena_mark(arena);
    bool done;
    if (has_keys && best.bound == 0) {
        enum rune_err err = query_by_key(query, store, arena, by_key.first, by_key.count, &done);
        if (err != RUNE_OK || done) {
            return err;
        }
    }
    rune_term args[32];
    for (uint32_t i = 0, at = 0; i < query->relation->arity && i < 32; i++) {
        if ((best.bound >> i & 1) != 0) {
            args[at++] = query->bound[i];
        }
    }
    const struct rune_rule_table *table =
        rune_rule_solve(&query->vm, &store->plans[best.first], best.count, args);
    if (table == NULL && has_keys && best.bound != 0) {
        /* Too many at once; key by key takes longer, and no more room than one key. */
        uint64_t steps_left = query->vm.steps_left;
        rune_arena_rewind(arena, mark);
        if (machine_init(&query->vm, query->eval) != RUNE_OK) {
            return RUNE_E_LIMIT;
        }
        query->vm.steps_left = steps_left;
        enum rune_err err = query_by_key(query, store, arena, by_key.first, by_key.count, &done);
        return err == RUNE_OK && !done ? RUNE_E_LIMIT : err;
    }
    for (uint32_t i = 0; table != NULL && i < table->count; i++) {
        if (!give(query, table->rows + (size_t)i * table->arity)) {
            break;
        }
    }
    return table == NULL ? query->vm.err : RUNE_OK;
}

static enum rune_err run_query(struct rune_eval *eval, uint32_t relation, struct query *query)
{
    if (relation >= eval->store->relation_count) {
        return RUNE_E_NOT_FOUND;
    }
    enum rune_err err = machine_init(&query->vm, eval);
    if (err != RUNE_OK) {
        return RUNE_E_LIMIT;
    }
    query->eval = eval;
    query->relation = &eval->store->relations[relation];
    if ((query->relation->flags & RUNE_RELATION_STORED) != 0) {
        return query_stored(query);
    }
    err = query_demanded(query, relation, eval->store, eval->arena);
    eval->steps_left = query->vm.steps_left;
    return err;
}

enum rune_err rune_rules_query(struct rune_eval *eval, uint32_t relation, const rune_term *bound,
                               const uint32_t *same, rune_tuple_fn emit, void *emit_context)
{
    struct query query = {.bound = bound, .same = same, .emit = emit, .context = emit_context};
    return run_query(eval, relation, &query);
}

enum rune_err rune_rules_count(struct rune_eval *eval, uint32_t relation, const rune_term *bound,
                               const uint32_t *same, uint64_t *ret_count)
{
    struct query query = {.bound = bound, .same = same};
    enum rune_err err = run_query(eval, relation, &query);
    if (err == RUNE_OK) {
        *ret_count = query.count;
    }
    return err;
}
