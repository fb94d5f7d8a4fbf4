/* SPDX-License-Identifier: Apache-2.0 */
/* rule_tables: relations that recurse, or that are asked with free columns (rule_vm.h says how). */
#include <string.h>

#include "eval/rule_vm_int.h"

#define TABLES_A_STEP 8u    /* that one pass over a component looks at */
#define LEAST_TABLE   4096u /* bytes of a table with a few tuples, at most */

struct rune_rule_component {
    struct rune_rule_component *outer;
    struct rune_rule_table *first, *last;
    uint32_t id;
};

static uint64_t hash_terms(uint64_t hash, const rune_term *terms, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        hash = rune_growing_mix(hash, terms[i]);
    }
    return hash >> 32;
}

/* Tables that may end leave half of what there is to each other, and the reserve to all else. */
static bool has_room(const struct rune_rule_vm *vm, size_t bytes)
{
    size_t left = rune_arena_left(vm->arena);
    return bytes <= left / 2 && left - bytes >= vm->reserve;
}

/* Whether tuples may be taken as the programs find them: where they are counted (`counts`), only if
 * no program finds one twice. */
static bool can_do_without(const struct rune_rule_vm *vm, const struct rune_image_plan *plans,
                           uint32_t plan_count, bool counts)
{
    return !counts || rune_rule_gives_once(vm, plans, plan_count);
}

static bool table_grow(struct rune_rule_table *table)
{
    struct rune_rule_vm *vm = table->vm;
    uint32_t capacity = table->capacity == 0 ? 8 : table->capacity * 2;
    uint32_t slots = capacity * 2;
    size_t row_bytes = (size_t)table->arity * sizeof(rune_term);
    if (table->may_end && !has_room(vm, row_bytes * capacity + slots * sizeof(uint32_t)) &&
        can_do_without(vm, table->plans, table->plan_count, table->counts)) {
        table->is_beyond = true;
        return false;
    }
    rune_term *rows = rune_arena_alloc(vm->arena, row_bytes * capacity);
    uint32_t *hash = RUNE_ARENA_ARRAY(vm->arena, uint32_t, slots);
    if (rows == NULL || hash == NULL) {
        vm->err = RUNE_E_LIMIT;
        return false;
    }
    if (table->count > 0) {
        memcpy(rows, table->rows, row_bytes * table->count);
    }
    for (uint32_t row = 0; row < table->count; row++) {
        uint64_t at = hash_terms(0, rows + (size_t)row * table->arity, table->arity) & (slots - 1);
        while (hash[at] != 0) {
            at = (at + 1) & (slots - 1);
        }
        hash[at] = row + 1;
    }
    table->rows = rows;
    table->hash = hash;
    table->capacity = capacity;
    table->slots = slots;
    return true;
}

/* The tuple's slot, or the empty one where it belongs. */
static uint32_t *find_slot(const struct rune_rule_table *table, const rune_term *tuple)
{
    uint64_t at = hash_terms(0, tuple, table->arity) & (table->slots - 1);
    for (; table->hash[at] != 0; at = (at + 1) & (table->slots - 1)) {
        const rune_term *row = table->rows + (size_t)(table->hash[at] - 1) * table->arity;
        uint32_t same = 0;
        while (same < table->arity && row[same] == tuple[same]) {
            same++;
        }
        if (same == table->arity) {
            break;
        }
    }
    return &table->hash[at];
}

static bool table_emit(void *context, const rune_term *tuple)
{
    struct rune_rule_table *table = context;
    if (table->accept != NULL && !table->accept(table->accept_context, tuple)) {
        return rune_rule_take_steps(table->vm, 1);
    }
    if (!rune_rule_take_steps(table->vm, RUNE_RULE_KEEP_STEPS) ||
        (table->count == table->capacity && !table_grow(table))) {
        return false;
    }
    uint32_t *slot = find_slot(table, tuple);
    if (*slot != 0) {
        return true;
    }
    if (table->arity > 0) {
        memcpy(table->rows + (size_t)table->count * table->arity, tuple,
               table->arity * sizeof(rune_term));
    }
    *slot = ++table->count;
    table->has_grown = true;
    return true;
}

static void table_fill(struct rune_rule_vm *vm, struct rune_rule_table *table)
{
    uint32_t before = vm->failed;
    struct rune_rule_table *outer = vm->filling;
    bool counts = vm->counts;
    vm->filling = table;
    vm->counts = false;
    table->is_dirty = false;
    for (uint32_t i = 0; i < table->plan_count && vm->err == RUNE_OK && !table->is_beyond; i++) {
        (void)rune_rule_run(vm, &table->plans[i], table->args, table_emit, table);
    }
    vm->filling = outer;
    vm->counts = counts;
    table->failed += vm->failed - before;
}

/* More chains, when tables have become as many. */
static bool tables_grow(struct rune_rule_vm *vm)
{
    uint32_t slots = vm->table_slots == 0 ? RUNE_RULE_TABLE_SLOTS : vm->table_slots * 4;
    struct rune_rule_table **chains = RUNE_ARENA_ARRAY(vm->arena, struct rune_rule_table *, slots);
    if (chains == NULL) {
        vm->err = RUNE_E_LIMIT;
        return false;
    }
    for (uint32_t i = 0; i < vm->table_slots; i++) {
        for (struct rune_rule_table *table = vm->tables[i], *next; table != NULL; table = next) {
            next = table->next_in_slot;
            table->next_in_slot = chains[table->key & (slots - 1)];
            chains[table->key & (slots - 1)] = table;
        }
    }
    vm->tables = chains;
    vm->table_slots = slots;
    return true;
}

static struct rune_rule_table *find_table(const struct rune_rule_vm *vm, uint64_t key,
                                          const struct rune_image_plan *plans,
                                          const rune_term *args, uint32_t arg_count)
{
    struct rune_rule_table *table =
        vm->table_slots == 0 ? NULL : vm->tables[key & (vm->table_slots - 1)];
    while (table != NULL &&
           (table->key != key || table->plans != plans ||
            (arg_count > 0 && memcmp(table->args, args, arg_count * sizeof(*args)) != 0))) {
        table = table->next_in_slot;
    }
    return table;
}

static struct rune_rule_table *table_create(struct rune_rule_vm *vm,
                                            const struct rune_image_plan *plans,
                                            uint32_t plan_count, const rune_term *args,
                                            uint32_t arity)
{
    uint32_t arg_count = (uint32_t)__builtin_popcount(plans[0].bound);
    struct rune_rule_table *table =
        rune_arena_calloc(vm->arena, 1, sizeof(*table) + (size_t)arg_count * sizeof(rune_term));
    if (table == NULL) {
        vm->err = RUNE_E_LIMIT;
        return NULL;
    }
    table->plans = plans;
    table->plan_count = plan_count;
    table->arg_count = arg_count;
    table->arity = arity;
    table->vm = vm;
    if (arg_count > 0) {
        memcpy(table->args, args, arg_count * sizeof(rune_term));
    }
    return table;
}

static void component_add(struct rune_rule_component *component, struct rune_rule_table *table)
{
    table->component = component;
    if (component->first == NULL) {
        component->first = table;
    } else {
        component->last->next_in_component = table;
    }
    component->last = table;
}

/* The table being filled has read one that may still grow. */
static void note_reader(struct rune_rule_vm *vm, struct rune_rule_table *read)
{
    struct rune_rule_table *reader = vm->filling;
    if (reader == NULL || reader->component == NULL || reader->component != read->component ||
        (read->readers != NULL && read->readers->table == reader)) {
        return;
    }
    struct rune_rule_reader *entry = rune_arena_alloc(vm->arena, sizeof(*entry));
    if (entry == NULL) {
        vm->err = RUNE_E_LIMIT;
        return;
    }
    *entry = (struct rune_rule_reader){read->readers, reader};
    read->readers = entry;
}

/* Readers of tables that have grown are to be filled again; those reading will be noted anew then.
 */
static bool mark_dirty(struct rune_rule_vm *vm, struct rune_rule_component *component)
{
    bool any = false;
    uint64_t tables = 0;
    for (struct rune_rule_table *table = component->first; table != NULL;
         table = table->next_in_component) {
        if (table->has_grown) {
            for (struct rune_rule_reader *reader = table->readers; reader != NULL;
                 reader = reader->next) {
                reader->table->is_dirty = true;
            }
            table->has_grown = false;
            table->readers = NULL;
        }
    }
    for (struct rune_rule_table *table = component->first; table != NULL;
         table = table->next_in_component) {
        any = any || table->is_dirty;
        tables++;
    }
    return any && rune_rule_take_steps(vm, tables / TABLES_A_STEP);
}

/* The first table asked of a component leads: it has tables filled until none of those they read
 * has grown since. */
static void solve_component(struct rune_rule_vm *vm, struct rune_rule_table *leader, uint32_t id)
{
    struct rune_rule_component component = {.outer = vm->components, .id = id};
    vm->components = &component;
    component_add(&component, leader);
    leader->is_dirty = true;
    do {
        for (struct rune_rule_table *table = component.first; table != NULL;
             table = table->next_in_component) {
            if (table->is_dirty && vm->err == RUNE_OK) {
                table_fill(vm, table);
            }
        }
    } while (vm->err == RUNE_OK && mark_dirty(vm, &component));
    for (struct rune_rule_table *table = component.first; table != NULL;
         table = table->next_in_component) {
        table->is_complete = true;
        table->component = NULL;
    }
    vm->components = component.outer;
}

static void solve_new(struct rune_rule_vm *vm, struct rune_rule_table *table)
{
    uint32_t id = vm->in.relations[table->plans[0].relation].component;
    if (id == 0) {
        table_fill(vm, table);
        table->is_complete = true;
        return;
    }
    struct rune_rule_component *active = vm->components;
    while (active != NULL && active->id != id) {
        active = active->outer;
    }
    if (active == NULL) {
        solve_component(vm, table, id);
        return;
    }
    component_add(active, table);
    if (vm->depth < RUNE_RULE_MAX_DEPTH / 2) {
        table_fill(vm, table);
    } else {
        table->is_dirty = true; /* deep: filled in the leader's next pass */
    }
}

/* Bytes of a new table: itself, its first tuples, and chains if those are full. */
static size_t least_bytes(const struct rune_rule_vm *vm)
{
    bool is_full = vm->table_count >= vm->table_slots;
    return LEAST_TABLE + (is_full ? vm->table_slots * 4 * sizeof(struct rune_rule_table *) : 0);
}

/* Makes the table of a question that is new, and fills it. */
static struct rune_rule_table *solve_question(struct rune_rule_vm *vm, uint64_t key,
                                              const struct rune_image_plan *plans,
                                              uint32_t plan_count, const rune_term *args,
                                              bool may_end)
{
    if (vm->table_count >= vm->table_slots && !tables_grow(vm)) {
        return NULL;
    }
    struct rune_rule_table *table =
        table_create(vm, plans, plan_count, args, vm->in.relations[plans[0].relation].arity);
    if (table == NULL) {
        return NULL;
    }
    table->may_end = may_end;
    table->counts = vm->counts;
    table->key = key;
    table->next_in_slot = vm->tables[key & (vm->table_slots - 1)];
    vm->tables[key & (vm->table_slots - 1)] = table;
    vm->table_count++;
    solve_new(vm, table);
    return table;
}

/* A table that ended early is filled to the end after all. */
static void solve_rest(struct rune_rule_vm *vm, struct rune_rule_table *table)
{
    table->may_end = table->is_beyond = false;
    table_fill(vm, table);
}

/* With `may_end`, unless vm->err: NULL, or a table that is beyond, stands for too many tuples. */
static struct rune_rule_table *solve(struct rune_rule_vm *vm, const struct rune_image_plan *plans,
                                     uint32_t plan_count, const rune_term *args, bool may_end)
{
    if (!rune_rule_take_steps(vm, RUNE_RULE_TABLE_STEPS)) {
        return NULL;
    }
    uint32_t arg_count = (uint32_t)__builtin_popcount(plans[0].bound);
    uint64_t key = hash_terms((uint64_t)(plans - vm->plans + 1) * UINT64_C(0x9e3779b97f4a7c15),
                              args, arg_count);
    struct rune_rule_table *table = find_table(vm, key, plans, args, arg_count);
    if (table != NULL) {
        vm->failed += table->failed; /* asking again finds the same errors */
        if (table->is_beyond && !(may_end && can_do_without(vm, plans, plan_count, vm->counts))) {
            solve_rest(vm, table);
        }
    } else if (may_end && !has_room(vm, least_bytes(vm)) &&
               can_do_without(vm, plans, plan_count, vm->counts)) {
        return NULL;
    } else {
        table = solve_question(vm, key, plans, plan_count, args, may_end);
    }
    if (table != NULL && !table->is_complete) {
        note_reader(vm, table);
    }
    return vm->err == RUNE_OK ? table : NULL;
}

const struct rune_rule_table *rune_rule_solve(struct rune_rule_vm *vm,
                                              const struct rune_image_plan *plans,
                                              uint32_t plan_count, const rune_term *args)
{
    return solve(vm, plans, plan_count, args, false);
}

const struct rune_rule_table *rune_rule_try_solve(struct rune_rule_vm *vm,
                                                  const struct rune_image_plan *plans,
                                                  uint32_t plan_count, const rune_term *args)
{
    bool may_end = vm->in.relations[plans[0].relation].component == 0;
    const struct rune_rule_table *table = solve(vm, plans, plan_count, args, may_end);
    return table == NULL || table->is_beyond ? NULL : table;
}

const struct rune_rule_table *rune_rule_collect(struct rune_rule_vm *vm,
                                                const struct rune_image_plan *plans,
                                                uint32_t plan_count, const rune_term *args,
                                                uint32_t arity, rune_rule_emit_fn accept,
                                                void *accept_context)
{
    struct rune_rule_table *table = table_create(vm, plans, plan_count, args, arity);
    if (table == NULL) {
        return NULL;
    }
    table->accept = accept;
    table->accept_context = accept_context;
    table_fill(vm, table);
    table->is_complete = true;
    return vm->err == RUNE_OK ? table : NULL;
}
