/* SPDX-License-Identifier: Apache-2.0 */
/* rule_query: the tuples of a relation that match a pattern: see rule_eval.h. Stored ones are read
 * from the order that narrows most; demanded ones come from plans. */
#include <string.h>

#include "eval/rule_count.h"
#include "eval/rule_eval.h"
#include "eval/rule_narrow.h"
#include "eval/rule_vm.h"

#define RUNE_QUERY_MAX_COLUMNS 64u               /* LIMIT: as RUNE_DL_MAX_ARITY */
#define MAX_PROGRAM_BYTES      ((size_t)1 << 30) /* LIMIT: of a copy of all programs */

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

#define MAX_FOUND 80u /* LIMIT: twice as many as columns that plans can have known, and some */

/* Plans that were looked for. */
struct found_plans {
    bool is_known;
    uint32_t known, column;
    struct rune_plan_group group;
};

struct query {
    const struct rune_eval *eval;
    struct rune_rule_vm *vm;
    const struct rune_image_relation *relation;
    rune_term bound[RUNE_QUERY_MAX_COLUMNS];
    const uint32_t *same;
    rune_tuple_fn emit;
    void *context;
    uint64_t count;
    bool is_stopped;                /* by emit */
    struct rune_narrower *narrower; /* NULL: not needed yet, or no memory for it */
    struct rune_arena programs;     /* its own */
    struct found_plans found[MAX_FOUND];
    int wide; /* known columns with which the tuples were too many to be kept; -1: none */
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
    query->is_stopped =
        query->emit != NULL && !query->emit(query->context, tuple, query->relation->arity);
    return !query->is_stopped;
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
            can = rune_rule_count_key(counter, query->vm, plans, plan_count, key);
            rune_rule_vm_forget(query->vm);
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
    bool can = pipes != NULL && rune_pipes_make(pipes, query->vm, arena, plans, plan_count, small);
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
    rune_rule_vm_forget(query->vm);
    rune_arena_rewind(arena, start); /* also what failed */
    if (!can && query->vm->err == RUNE_E_LIMIT && query->vm->steps_left > 0) {
        query->vm->err = RUNE_OK; /* there was no room */
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
    for (uint32_t small = 2; can && !done && small >= 4 - arity && query->vm->err == RUNE_OK;
         small--) {
        rune_rule_counter_restart(counter);
        done = count_by_pipes(query, plans, plan_count, keys, counter, arena, small);
    }
    if (can && !done && query->vm->err == RUNE_OK) {
        rune_rule_counter_restart(counter);
        done = count_by_machine(query, plans, plan_count, keys, counter, arena);
    }
    query->count = done ? counter->count : 0;
    return done || query->vm->err != RUNE_OK;
}

/* ---- a demanded relation by plans for what is known ---- */

static uint32_t known_columns(const struct query *query)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i < query->relation->arity && i < 32; i++) {
        known |= query->bound[i] != RUNE_TERM_NONE ? 1u << i : 0;
    }
    return known;
}

static void gather_args(const struct query *query, uint32_t bound, rune_term ret_args[32])
{
    for (uint32_t i = 0, at = 0; i < 32; i++) {
        if ((bound >> i & 1) != 0) {
            ret_args[at++] = query->bound[i];
        }
    }
}

static bool accepts(void *context, const rune_term *tuple)
{
    return tuple_matches(context, tuple);
}

static uint32_t relation_of(const struct query *query)
{
    return (uint32_t)(query->relation - query->eval->store->relations);
}

/* It lives longer than what is made for one part of the answer: in memory of its own. */
static void make_narrower(struct query *query)
{
    const struct rune_store *store = query->eval->store;
    if (query->narrower == NULL && query->relation->component == 0) {
        query->narrower = rune_narrower_create(query->vm, store->plan_count, store->rule_code_count,
                                               &query->programs);
    }
}

/* Whether they were looked for before; else the place to note them in. */
static struct found_plans *find_plans(struct query *query, uint32_t known, uint32_t column)
{
    struct found_plans *found = query->found;
    while (found->is_known && (found->known != known || found->column != column) &&
           found < &query->found[MAX_FOUND - 1]) {
        found++;
    }
    if (found->known != known || found->column != column) {
        found->is_known = false; /* the last place is everybody's */
    }
    return found;
}

/* The plans with all that is known bound, or as much of it as can be; of the values of one column,
 * or (RUNE_NARROW_ALL) of tuples. count 0: there are none. */
static struct rune_plan_group plans_for(struct query *query, uint32_t known, uint32_t column)
{
    const struct rune_store *store = query->eval->store;
    struct found_plans *found = find_plans(query, known, column);
    uint32_t relation = relation_of(query);
    if (found->is_known) {
        return found->group;
    }
    struct rune_plan_group group =
        rune_plan_find_group(store->plans, store->plan_count, relation, known);
    bool is_projection = column != RUNE_NARROW_ALL;
    if (group.count > 0 && (group.bound != known || is_projection)) {
        struct rune_plan_group none = {0}, narrow = none;
        make_narrower(query);
        if (query->narrower != NULL) {
            narrow = is_projection ? rune_narrow_project(query->narrower, relation, known, column)
                                   : rune_narrow(query->narrower, relation, known);
        }
        group = narrow.count > 0 || is_projection ? narrow : group;
    }
    *found = (struct found_plans){true, known, column, group};
    return group;
}

/* Everything made in the arena since the mark is forgotten, a limit of memory too. False: what
 * failed was something else. */
static bool start_over(struct query *query, struct rune_arena_mark mark)
{
    struct rune_rule_vm *vm = query->vm;
    rune_rule_vm_forget(vm);
    rune_arena_rewind(query->eval->arena, mark);
    if (vm->err == RUNE_E_LIMIT && vm->steps_left > 0 && vm->values.err == RUNE_OK) {
        vm->err = RUNE_OK;
    }
    return vm->err == RUNE_OK;
}

/* All tuples that match, if they fit into memory: else nothing is given, and vm->err says so. */
static void give_at_once(struct query *query, struct rune_plan_group group)
{
    rune_term args[32];
    gather_args(query, group.bound, args);
    const struct rune_image_plan *plans = query->vm->plans + group.first;
    const struct rune_rule_table *table =
        query->relation->component != 0 ? rune_rule_solve(query->vm, plans, group.count, args)
                                        : rune_rule_collect(query->vm, plans, group.count, args,
                                                            query->relation->arity, accepts, query);
    for (uint32_t i = 0; table != NULL && i < table->count; i++) {
        if (!give(query, table->rows + (size_t)i * table->arity)) {
            return;
        }
    }
}

static enum rune_err query_by_plans(struct query *query);

/* The column whose values are told apart: the first that is not known. */
static uint32_t free_column(const struct query *query)
{
    uint32_t column = 0;
    while (column < query->relation->arity && column < 32 &&
           query->bound[column] != RUNE_TERM_NONE) {
        column++;
    }
    return column < query->relation->arity && column < 32 ? column : UINT32_MAX;
}

/* Tuples that are too many to be kept: those of one value of a column after the other. */
static enum rune_err query_by_parts(struct query *query)
{
    uint32_t column = free_column(query), known = known_columns(query);
    struct rune_plan_group group = {0};
    if (column != UINT32_MAX) {
        group = plans_for(query, known, column);
    }
    if (group.count == 0) {
        return RUNE_E_LIMIT;
    }
    rune_term args[32];
    gather_args(query, known, args);
    const struct rune_rule_table *values = rune_rule_collect(
        query->vm, query->vm->plans + group.first, group.count, args, 1, NULL, NULL);
    if (values == NULL) {
        return query->vm->err;
    }
    rune_rule_vm_forget(query->vm);
    struct rune_arena_mark mark = rune_arena_mark(query->eval->arena);
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < values->count && err == RUNE_OK && !query->is_stopped; i++) {
        query->bound[column] = values->rows[i];
        err = query_by_plans(query);
        rune_rule_vm_forget(query->vm);
        rune_arena_rewind(query->eval->arena, mark);
    }
    query->bound[column] = RUNE_TERM_NONE;
    return err;
}

/* Depth: a level for each column. */
static enum rune_err query_by_plans(struct query *query)
{
    uint32_t known = known_columns(query);
    struct rune_plan_group group = plans_for(query, known, RUNE_NARROW_ALL);
    if (group.count == 0) {
        return RUNE_E_NOT_FOUND;
    }
    struct rune_arena_mark mark = rune_arena_mark(query->eval->arena);
    if (query->wide < __builtin_popcount(known)) {
        give_at_once(query, group);
        if (query->vm->err == RUNE_OK) {
            return RUNE_OK;
        }
        enum rune_err err = query->vm->err;
        if (query->relation->component != 0 || !start_over(query, mark)) {
            return err;
        }
        query->wide = __builtin_popcount(known);
    }
    return query_by_parts(query);
}

static enum rune_err query_by_key(struct query *query, struct rune_plan_group group, bool *ret_done)
{
    struct keys keys;
    struct rune_arena *arena = query->eval->arena;
    struct rune_arena_mark start = rune_arena_mark(arena);
    *ret_done = find_keys(arena, query->eval->store, &keys);
    if (!*ret_done) {
        rune_arena_rewind(arena, start); /* also what failed */
        return RUNE_OK;
    }
    struct rune_arena_mark mark = rune_arena_mark(arena);
    if (count_by_key(query, query->vm->plans + group.first, group.count, &keys, arena)) {
        return query->vm->err;
    }
    rune_arena_rewind(arena, mark); /* also what failed */
    enum rune_err err = RUNE_OK;
    for (uint32_t w = 0; w < keys.spread / 64 + (keys.spread > 0); w++) {
        for (uint64_t bits = keys.bits[w]; bits != 0 && err == RUNE_OK && !query->is_stopped;
             bits &= bits - 1) {
            query->bound[0] = keys.least + w * 64 + (uint32_t)__builtin_ctzll(bits);
            err = query_by_plans(query);
            rune_rule_vm_forget(query->vm);
            rune_arena_rewind(arena, mark);
        }
    }
    query->bound[0] = RUNE_TERM_NONE;
    return err;
}

static enum rune_err query_demanded(struct query *query)
{
    const struct rune_store *store = query->eval->store;
    bool done = false;
    if (known_columns(query) == 0 && (query->relation->flags & RUNE_RELATION_BY_KEY) != 0) {
        struct rune_plan_group by_key =
            rune_plan_find_group(store->plans, store->plan_count, relation_of(query), 1);
        enum rune_err err = by_key.bound == 1 ? query_by_key(query, by_key, &done) : RUNE_OK;
        if (err != RUNE_OK || done) {
            return err;
        }
    }
    return query_by_plans(query);
}

static enum rune_err run_query(struct rune_eval *eval, uint32_t relation, const rune_term *bound,
                               struct query *query)
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
    struct query query = {.same = same, .emit = emit, .context = emit_context};
    return run_query(eval, relation, bound, &query);
}

enum rune_err rune_rules_count(struct rune_eval *eval, uint32_t relation, const rune_term *bound,
                               const uint32_t *same, uint64_t *ret_count)
{
    struct query query = {.same = same};
    enum rune_err err = run_query(eval, relation, bound, &query);
    if (err == RUNE_OK) {
        *ret_count = query.count;
    }
    return err;
}
