/* SPDX-License-Identifier: Apache-2.0 */
/* rule_query_plans: the tuples of a demanded relation from plans for just the columns that are
 * known: all at once, or, where memory does not hold them, value by value of a free column. */
#include "eval/rule_query_int.h"

static uint32_t known_columns(const struct rune_query *query)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i < query->relation->arity && i < 32; i++) {
        known |= query->bound[i] != RUNE_TERM_NONE ? 1u << i : 0;
    }
    return known;
}

static void gather_args(const struct rune_query *query, uint32_t bound, rune_term ret_args[32])
{
    for (uint32_t i = 0, at = 0; i < 32; i++) {
        if ((bound >> i & 1) != 0) {
            ret_args[at++] = query->bound[i];
        }
    }
}

static bool accepts(void *context, const rune_term *tuple)
{
    return rune_query_matches(context, tuple);
}

static uint32_t relation_of(const struct rune_query *query)
{
    return (uint32_t)(query->relation - query->eval->store->relations);
}

/* What is made lives longer than one part of the answer: in memory of its own. */
static struct rune_plan_group narrow(struct rune_query *query, uint32_t known, uint64_t wanted)
{
    uint32_t same[RUNE_QUERY_MAX_COLUMNS];
    const struct rune_question question = {
        .relation = relation_of(query), .known = known, .wanted = wanted, .same = same};
    for (uint32_t i = 0; i < query->relation->arity; i++) {
        same[i] = query->bound[i] == RUNE_TERM_NONE ? query->same[i] : i;
    }
    if (query->narrower == NULL) {
        query->narrower = rune_narrower_create(query->vm, &query->programs);
    }
    return query->narrower != NULL ? rune_narrow(query->narrower, &question)
                                   : (struct rune_plan_group){0};
}

/* Whether they were looked for before; else the place to note them in. */
static struct rune_query_found *find_plans(struct rune_query *query, uint32_t known,
                                           uint64_t wanted)
{
    struct rune_query_found *found = query->found;
    while (found->is_known && (found->known != known || found->wanted != wanted) &&
           found < &query->found[RUNE_QUERY_MAX_FOUND - 1]) {
        found++;
    }
    if (found->known != known || found->wanted != wanted) {
        found->is_known = false; /* the last place is everybody's */
    }
    return found;
}

/* Plans for what is known, of tuples (RUNE_NARROW_ALL) or of the values of a column. Where none can
 * be made, tuples come from plans for less; then, and of recursions, they may not match. count 0:
 * there are none. */
static struct rune_plan_group plans_for(struct rune_query *query, uint32_t known, uint64_t wanted)
{
    const struct rune_store *store = query->eval->store;
    struct rune_query_found *found = find_plans(query, known, wanted);
    if (found->is_known) {
        return found->group;
    }
    struct rune_plan_group group = {0};
    if (query->relation->component == 0) {
        group = narrow(query, known, wanted);
    }
    if (group.count == 0 && wanted == RUNE_NARROW_ALL) {
        group = rune_plan_find_group(store->plans, store->plan_count, relation_of(query), known);
    }
    *found = (struct rune_query_found){true, known, wanted, group};
    return group;
}

/* Everything made in the arena since the mark is forgotten, a limit of memory too. False: what
 * failed was something else. */
static bool start_over(struct rune_query *query, struct rune_arena_mark mark)
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
static void give_at_once(struct rune_query *query, struct rune_plan_group group)
{
    rune_term args[32];
    gather_args(query, group.bound, args);
    const struct rune_image_plan *plans = query->vm->plans + group.first;
    const struct rune_rule_table *table =
        query->relation->component != 0 ? rune_rule_solve(query->vm, plans, group.count, args)
                                        : rune_rule_collect(query->vm, plans, group.count, args,
                                                            query->relation->arity, accepts, query);
    for (uint32_t i = 0; table != NULL && i < table->count; i++) {
        if (!rune_query_give(query, table->rows + (size_t)i * table->arity)) {
            return;
        }
    }
}

static bool give_tuple(void *context, const rune_term *tuple)
{
    return rune_query_give(context, tuple);
}

/* All tuples that match as they are found, if they cannot be found twice. False: they may be. */
static bool give_as_found(struct rune_query *query, struct rune_plan_group group)
{
    struct rune_rule_vm *vm = query->vm;
    const struct rune_image_plan *plans = vm->plans + group.first;
    rune_term args[32];
    if (!rune_rule_is_streamed(vm, plans, group.count)) {
        return false;
    }
    gather_args(query, group.bound, args);
    vm->counts = true;
    for (uint32_t i = 0; i < group.count && vm->err == RUNE_OK && !query->is_stopped; i++) {
        (void)rune_rule_run(vm, &plans[i], args, give_tuple, query);
    }
    vm->counts = false;
    return true;
}

/* The column whose values are told apart: the first that is not known. */
static uint32_t free_column(const struct rune_query *query)
{
    uint32_t column = 0;
    while (column < query->relation->arity && column < 32 &&
           query->bound[column] != RUNE_TERM_NONE) {
        column++;
    }
    return column < query->relation->arity && column < 32 ? column : UINT32_MAX;
}

/* Tuples that are too many to be kept: those of one value of a column after the other. */
static enum rune_err query_by_parts(struct rune_query *query)
{
    uint32_t column = free_column(query), known = known_columns(query);
    struct rune_plan_group group = {0};
    if (column != UINT32_MAX) {
        group = plans_for(query, known, UINT64_C(1) << column);
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
        rune_query_bind(query, column, values->rows[i]);
        err = rune_query_by_plans(query);
        rune_rule_vm_forget(query->vm);
        rune_arena_rewind(query->eval->arena, mark);
    }
    rune_query_bind(query, column, RUNE_TERM_NONE);
    return err;
}

enum rune_err rune_query_by_plans(struct rune_query *query)
{
    uint32_t known = known_columns(query);
    struct rune_plan_group group = plans_for(query, known, RUNE_NARROW_ALL);
    if (group.count == 0) {
        return RUNE_E_NOT_FOUND;
    }
    if (give_as_found(query, group)) {
        return query->vm->err;
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
