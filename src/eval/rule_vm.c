/* SPDX-License-Identifier: Apache-2.0 */
/* rule_vm: see rule_vm.h. INVARIANT: programs were verified (rule_verify.c) or made by this
 * process, so registers, loops, orders, plans and jumps are in range and nothing is checked again.
 */
#include "eval/rule_vm.h"

#include <string.h>

#define WORDS_A_STEP    512u /* of a program: one turn of a loop may run all of it */
#define TABLES_A_STEP   8u   /* that one pass over a component looks at */
#define ENTITIES_A_STEP 8u   /* of the request, that `in` looks at */
#define NO_FILTER       UINT32_MAX

struct rune_rule_component {
    struct rune_rule_component *outer;
    struct rune_rule_table *first, *last;
    uint32_t id;
};

/* One loop of a frame. */
struct loop {
    struct rune_cursor cursor; /* SCAN */
    const uint32_t *columns;   /* SCAN: its list of what is read */
    const uint32_t *body;      /* SCAN: what follows it */
    uint32_t filter;           /* SCAN: order in which the value read must be a key; NO_FILTER */
    uint32_t filter_position;
    const struct rune_rule_table *table; /* CALL_SCAN */
    const uint32_t *run;                 /* MEMBER: the set's run in its heap */
    uint32_t next;                       /* CALL_SCAN, MEMBER */
};

const struct rune_rule_op_info rune_rule_ops[RUNE_RULE_OP_COUNT] = {
#define RUNE_RULE_OP(name, operands, text) {#name, operands, text},
#include "eval/rule_code.def"
#undef RUNE_RULE_OP
};

void rune_rule_vm_forget(struct rune_rule_vm *vm)
{
    vm->tables = NULL;
    vm->table_slots = vm->table_count = 0;
    vm->filling = NULL;
    vm->components = NULL;
}

enum rune_err rune_rule_vm_init(struct rune_rule_vm *vm, struct rune_arena *arena)
{
    vm->arena = arena;
    vm->err = RUNE_OK;
    vm->error = NULL;
    vm->failed = 0;
    vm->is_unsure = false;
    vm->depth = 0;
    vm->step_cost = 1;
    rune_rule_vm_forget(vm);
    vm->frames = rune_arena_alloc_aligned(arena, RUNE_RULE_FRAME_BYTES, 16);
    if (vm->frames == NULL) {
        return RUNE_E_LIMIT;
    }
    vm->frames_end = vm->frames + RUNE_RULE_FRAME_BYTES;
    return RUNE_OK;
}

static void fail_derivation(struct rune_rule_vm *vm, const char *code)
{
    if (vm->error == NULL) {
        vm->error = code;
    }
    vm->failed++;
}

/* What a computation left behind: true to go on. */
static bool computed(struct rune_rule_vm *vm, const char *error)
{
    if (error != NULL) {
        fail_derivation(vm, error);
        return false;
    }
    if (vm->values.err != RUNE_OK) {
        vm->err = vm->values.err;
        return false;
    }
    return true;
}

static bool take_steps(struct rune_rule_vm *vm, uint64_t steps)
{
    if (vm->steps_left < steps) {
        vm->steps_left = 0;
        vm->err = RUNE_E_LIMIT;
        return false;
    }
    vm->steps_left -= steps;
    return true;
}

/* A function's own cost, where it follows the sizes of its arguments. */
static const char *run_function(struct rune_rule_vm *vm, enum rune_rule_function function,
                                const rune_term *args, rune_term *ret_term)
{
    vm->values.work = 0;
    vm->values.max_work = vm->steps_left;
    const char *error = rune_rule_function(&vm->values, function, args, ret_term);
    if (vm->values.work > 0) {
        (void)take_steps(vm, vm->values.work);
    }
    return error;
}

/* `in` looks at what the request brings, entity by entity, once for each ancestor asked for. */
static bool take_in_steps(struct rune_rule_vm *vm, uint64_t ancestors, bool sees_request)
{
    const struct rune_request *request = vm->request;
    uint64_t brought =
        sees_request && request != NULL && request->has_parents ? request->entity_count : 0;
    uint64_t steps = ancestors * (1 + brought / ENTITIES_A_STEP);
    return steps <= 8 || take_steps(vm, steps);
}

/* ---- entity data ---- */

static bool run_has(const uint32_t *run, rune_term term)
{
    uint32_t low = 0, high = run[0];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (run[1 + middle] < term) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < run[0] && run[1 + low] == term;
}

static bool is_stored_entity(const struct rune_rule_vm *vm, rune_term term)
{
    return rune_term_space(term) == RUNE_SPACE_IMAGE && rune_term_kind(term) == RUNE_KIND_ENTITY &&
           rune_term_index(term) < vm->entity_count;
}

static const struct rune_request_entity *find_brought(const struct rune_rule_vm *vm, rune_term uid)
{
    if (vm->request == NULL) {
        return NULL;
    }
    for (uint32_t low = 0, high = vm->request->entity_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        const struct rune_request_entity *entity = &vm->request->entities[middle];
        if (entity->uid == uid) {
            return entity;
        }
        if (entity->uid < uid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool brought_in(const struct rune_request_entity *entity, rune_term ancestor)
{
    for (uint32_t low = 0, high = entity->ancestor_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (entity->ancestors[middle] == ancestor) {
            return true;
        }
        if (entity->ancestors[middle] < ancestor) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

static bool stored_in(const struct rune_rule_vm *vm, rune_term entity, rune_term ancestor)
{
    if (!is_stored_entity(vm, entity) || vm->store->entity_ancestors == NULL) {
        return false;
    }
    const uint32_t *heap = vm->values.spaces[RUNE_SPACE_IMAGE]->heap;
    return run_has(heap + vm->store->entity_ancestors[rune_term_index(entity)], ancestor);
}

bool rune_rule_is_in(const struct rune_rule_vm *vm, rune_term entity, rune_term ancestor,
                     bool sees_request)
{
    if (entity == ancestor || stored_in(vm, entity, ancestor)) {
        return true;
    }
    if (!sees_request || vm->request == NULL) {
        return false;
    }
    const struct rune_request_entity *own = find_brought(vm, entity);
    if (own != NULL && brought_in(own, ancestor)) {
        return true;
    }
    for (uint32_t i = 0; vm->request->has_parents && i < vm->request->entity_count; i++) {
        const struct rune_request_entity *other = &vm->request->entities[i];
        if (brought_in(other, ancestor) && stored_in(vm, entity, other->uid)) {
            return true;
        }
    }
    return false;
}

/* The value of `name` in a record run whose shape lies in `heap`. */
static bool record_get(const uint32_t *heap, const uint32_t *run, rune_term name,
                       rune_term *ret_value)
{
    const uint32_t *shape = heap + run[0];
    uint32_t low = 0, high = shape[0];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (shape[1 + middle] < name) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == shape[0] || shape[1 + low] != name) {
        return false;
    }
    *ret_value = run[1 + low];
    return true;
}

static bool get_attr(const struct rune_rule_vm *vm, rune_term entity, rune_term name, uint32_t sees,
                     rune_term *ret_value)
{
    bool of_tags = (sees & RUNE_RULE_OF_TAGS) != 0;
    if ((sees & RUNE_RULE_SEES_REQUEST) != 0) {
        const struct rune_request_entity *own = find_brought(vm, entity);
        const uint32_t *run = own == NULL ? NULL : of_tags ? own->tags : own->attrs;
        const struct rune_terms *terms = vm->values.spaces[RUNE_SPACE_REQUEST];
        if (run != NULL && terms != NULL) {
            return record_get(terms->heap, run, name, ret_value);
        }
    }
    const uint32_t *runs = of_tags ? vm->store->entity_tags : vm->store->entity_attrs;
    if (!is_stored_entity(vm, entity) || runs == NULL) {
        return false;
    }
    const uint32_t *heap = vm->values.spaces[RUNE_SPACE_IMAGE]->heap;
    return record_get(heap, heap + runs[rune_term_index(entity)], name, ret_value);
}

static bool get_member(const struct rune_rule_vm *vm, rune_term record, rune_term name,
                       rune_term *ret_value)
{
    if (rune_term_kind(record) != RUNE_KIND_RECORD) {
        return false;
    }
    const struct rune_terms *terms = rune_rule_terms(&vm->values, record);
    return record_get(terms->heap, terms->heap + terms->records[rune_term_index(record)], name,
                      ret_value);
}

static bool is_of_type(const struct rune_rule_vm *vm, rune_term entity, rune_term type)
{
    return rune_term_kind(entity) == RUNE_KIND_ENTITY &&
           rune_rule_terms(&vm->values, entity)->entity_type[rune_term_index(entity)] == type;
}

static bool exists(const struct rune_rule_vm *vm, rune_term entity)
{
    return is_stored_entity(vm, entity) && vm->store->entity_flags != NULL &&
           (vm->store->entity_flags[rune_term_index(entity)] & 1) != 0;
}

static rune_term make_entity(const struct rune_rule_vm *vm, rune_term type, rune_term id)
{
    if (rune_term_kind(type) != RUNE_KIND_STRING || rune_term_kind(id) != RUNE_KIND_STRING) {
        return RUNE_TERM_NONE;
    }
    rune_term found = rune_terms_find_entity(vm->values.spaces[RUNE_SPACE_IMAGE], type, id);
    const struct rune_terms *own = vm->values.spaces[RUNE_SPACE_REQUEST];
    if (found == RUNE_TERM_NONE && own != NULL) {
        found = rune_terms_find_entity(own, type, id);
    }
    return found;
}

static rune_term request_part(const struct rune_rule_vm *vm, uint32_t which)
{
    if (vm->request == NULL) {
        return RUNE_TERM_NONE;
    }
    return which == 0   ? vm->request->principal
           : which == 1 ? vm->request->action
                        : vm->request->resource;
}

/* ---- tables ---- */

static uint64_t hash_terms(uint64_t hash, const rune_term *terms, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        hash = rune_growing_mix(hash, terms[i]);
    }
    return hash >> 32;
}

static bool table_grow(struct rune_rule_table *table)
{
    struct rune_rule_vm *vm = table->vm;
    uint32_t capacity = table->capacity == 0 ? 8 : table->capacity * 2;
    uint32_t slots = capacity * 2;
    size_t row_bytes = (size_t)table->arity * sizeof(rune_term);
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

static bool table_emit(void *context, const rune_term *tuple)
{
    struct rune_rule_table *table = context;
    if (table->count == table->capacity && !table_grow(table)) {
        return false;
    }
    size_t row_bytes = (size_t)table->arity * sizeof(rune_term);
    uint64_t at = hash_terms(0, tuple, table->arity) & (table->slots - 1);
    while (table->hash[at] != 0) {
        const rune_term *row = table->rows + (size_t)(table->hash[at] - 1) * table->arity;
        uint32_t same = 0;
        while (same < table->arity && row[same] == tuple[same]) {
            same++;
        }
        if (same == table->arity) {
            return true;
        }
        at = (at + 1) & (table->slots - 1);
    }
    if (row_bytes > 0) {
        memcpy(table->rows + (size_t)table->count * table->arity, tuple, row_bytes);
    }
    table->hash[at] = ++table->count;
    table->has_grown = true;
    return true;
}

static void table_fill(struct rune_rule_vm *vm, struct rune_rule_table *table)
{
    uint32_t before = vm->failed;
    struct rune_rule_table *outer = vm->filling;
    vm->filling = table;
    table->is_dirty = false;
    for (uint32_t i = 0; i < table->plan_count && vm->err == RUNE_OK; i++) {
        (void)rune_rule_run(vm, &table->plans[i], table->args, table_emit, table);
    }
    vm->filling = outer;
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
                                            uint32_t arg_count)
{
    struct rune_rule_table *table =
        rune_arena_calloc(vm->arena, 1, sizeof(*table) + (size_t)arg_count * sizeof(rune_term));
    if (table == NULL) {
        vm->err = RUNE_E_LIMIT;
        return NULL;
    }
    table->plans = plans;
    table->plan_count = plan_count;
    table->arg_count = arg_count;
    table->arity = vm->in.relations[plans[0].relation].arity;
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
    return any && take_steps(vm, tables / TABLES_A_STEP);
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

const struct rune_rule_table *rune_rule_solve(struct rune_rule_vm *vm,
                                              const struct rune_image_plan *plans,
                                              uint32_t plan_count, const rune_term *args)
{
    uint32_t arg_count = (uint32_t)__builtin_popcount(plans[0].bound);
    uint64_t key = hash_terms((uint64_t)(plans - vm->plans + 1) * UINT64_C(0x9e3779b97f4a7c15),
                              args, arg_count);
    struct rune_rule_table *table = find_table(vm, key, plans, args, arg_count);
    if (table != NULL) {
        vm->failed += table->failed; /* asking again finds the same errors */
        if (!table->is_complete) {
            note_reader(vm, table);
        }
        return vm->err == RUNE_OK ? table : NULL;
    }
    if (vm->table_count >= vm->table_slots && !tables_grow(vm)) {
        return NULL;
    }
    table = table_create(vm, plans, plan_count, args, arg_count);
    if (table == NULL) {
        return NULL;
    }
    table->key = key;
    table->next_in_slot = vm->tables[key & (vm->table_slots - 1)];
    vm->tables[key & (vm->table_slots - 1)] = table;
    vm->table_count++;
    solve_new(vm, table);
    if (!table->is_complete) {
        note_reader(vm, table);
    }
    return vm->err == RUNE_OK ? table : NULL;
}

/* ---- aggregates ---- */

struct fold {
    struct rune_rule_vm *vm;
    enum rune_rule_aggregate op;
    uint32_t value_column;
    uint64_t count;
    __int128 sum;
    double float_sum;
    bool has_float;
    rune_term best;
    const char *error;
};

static bool fold_sum(struct fold *fold, rune_term value)
{
    int64_t integer;
    if (rune_rule_long(&fold->vm->values, value, &integer)) {
        fold->sum += integer;
        fold->float_sum += (double)integer;
        return true;
    }
    if (rune_term_kind(value) != RUNE_KIND_FLOAT) {
        fold->error = "type_error";
        return false;
    }
    fold->has_float = true;
    fold->float_sum += rune_rule_terms(&fold->vm->values, value)->floats[rune_term_index(value)];
    return true;
}

static bool fold_emit(void *context, const rune_term *tuple)
{
    struct fold *fold = context;
    fold->count++;
    if (fold->op == RUNE_RULE_COUNT) {
        return true;
    }
    rune_term value = tuple[fold->value_column];
    if (fold->op == RUNE_RULE_SUM || fold->op == RUNE_RULE_MEAN) {
        return fold_sum(fold, value);
    }
    int order = 0;
    fold->error =
        rune_rule_compare(&fold->vm->values, value, fold->count == 1 ? value : fold->best, &order);
    if (fold->error != NULL) {
        return false;
    }
    if (fold->count == 1 || (fold->op == RUNE_RULE_MIN ? order < 0 : order > 0)) {
        fold->best = value;
    }
    return true;
}

/* False where there is no result: nothing to take the least of, or an error. */
static bool fold_result(struct fold *fold, rune_term *ret_term)
{
    struct rune_rule_values *values = &fold->vm->values;
    if (fold->op == RUNE_RULE_COUNT) {
        *ret_term = rune_rule_make_long(values, (int64_t)fold->count);
        return computed(fold->vm, NULL);
    }
    if (fold->op == RUNE_RULE_SUM && !fold->has_float) {
        if (fold->sum > INT64_MAX || fold->sum < INT64_MIN) {
            return computed(fold->vm, "overflow");
        }
        *ret_term = rune_rule_make_long(values, (int64_t)fold->sum);
        return computed(fold->vm, NULL);
    }
    if (fold->op == RUNE_RULE_SUM) {
        *ret_term = rune_rule_make_float(values, fold->float_sum);
        return computed(fold->vm, NULL);
    }
    if (fold->count == 0) {
        return false;
    }
    *ret_term = fold->best;
    if (fold->op == RUNE_RULE_MEAN) {
        double sum = fold->has_float ? fold->float_sum : (double)fold->sum;
        *ret_term = rune_rule_make_float(values, sum / (double)fold->count);
    }
    return computed(fold->vm, NULL);
}

static bool aggregate(struct rune_rule_vm *vm, enum rune_rule_aggregate op,
                      const struct rune_image_plan *plans, uint32_t plan_count,
                      const rune_term *args, rune_term *ret_term)
{
    uint32_t arity = vm->in.relations[plans[0].relation].arity;
    struct fold fold = {.vm = vm, .op = op, .value_column = arity == 0 ? 0 : arity - 1};
    uint32_t before = vm->failed;
    for (uint32_t i = 0; i < plan_count; i++) {
        if (rune_rule_run(vm, &plans[i], args, fold_emit, &fold)) {
            break;
        }
    }
    if (vm->err != RUNE_OK) {
        return false;
    }
    if (vm->failed != before) {
        vm->is_unsure = true;
    }
    if (fold.error != NULL) {
        return computed(vm, fold.error);
    }
    return fold_result(&fold, ret_term);
}

/* ---- the machine ---- */

/* Whether a relation asked with its bound columns has a tuple. */
static bool call(struct rune_rule_vm *vm, const struct rune_image_plan *plans, uint32_t plan_count,
                 const rune_term *args)
{
    if (vm->in.relations[plans[0].relation].component != 0) {
        const struct rune_rule_table *table = rune_rule_solve(vm, plans, plan_count, args);
        return table != NULL && table->count > 0;
    }
    for (uint32_t i = 0; i < plan_count && vm->err == RUNE_OK; i++) {
        if (rune_rule_run(vm, &plans[i], args, NULL, NULL)) {
            return true;
        }
    }
    return false;
}

static inline uint32_t gather(const uint32_t *list, const rune_term *registers,
                              rune_term *ret_terms)
{
    uint32_t count = list[0];
    for (uint32_t i = 0; i < count; i++) {
        ret_terms[i] = registers[list[1 + i]];
    }
    return count;
}

static const uint32_t *skip_list(const uint32_t *list, uint32_t unit)
{
    return list + 1 + list[0] * unit;
}

static bool compare_holds(enum rune_rule_compare op, int order)
{
    switch (op) {
    case RUNE_RULE_LT:
        return order < 0;
    case RUNE_RULE_LE:
        return order <= 0;
    case RUNE_RULE_GT:
        return order > 0;
    case RUNE_RULE_GE:
        return order >= 0;
    }
    return false;
}

/* IN: is the entity in one of the listed; every operand must be an entity. */
static bool test_in(struct rune_rule_vm *vm, const uint32_t *word, const rune_term *registers)
{
    rune_term entity = registers[word[1]];
    bool sees_request = (word[2] & RUNE_RULE_SEES_REQUEST) != 0;
    bool found = false, is_typed = rune_term_kind(entity) == RUNE_KIND_ENTITY;
    const uint32_t *list = word + 4;
    if (!take_in_steps(vm, list[0], sees_request)) {
        return false;
    }
    for (uint32_t i = 0; i < list[0] && is_typed; i++) {
        rune_term ancestor = registers[list[1 + i]];
        is_typed = rune_term_kind(ancestor) == RUNE_KIND_ENTITY;
        found = found || (is_typed && rune_rule_is_in(vm, entity, ancestor, sees_request));
    }
    if (!is_typed) {
        return computed(vm, "type_error");
    }
    return found != ((word[2] & RUNE_RULE_NEGATED) != 0);
}

/* IN_SET: the right side is an entity or a set of entities, known only now. */
static bool test_in_set(struct rune_rule_vm *vm, const uint32_t *word, const rune_term *registers)
{
    rune_term entity = registers[word[1]], right = registers[word[2]];
    bool sees_request = (word[3] & RUNE_RULE_SEES_REQUEST) != 0;
    const uint32_t single[2] = {1, right};
    const uint32_t *run = single;
    if (rune_term_kind(right) == RUNE_KIND_SET) {
        const struct rune_terms *terms = rune_rule_terms(&vm->values, right);
        run = terms->heap + terms->sets[rune_term_index(right)];
    }
    bool found = false, is_typed = rune_term_kind(entity) == RUNE_KIND_ENTITY;
    if (!take_in_steps(vm, run[0], sees_request)) {
        return false;
    }
    for (uint32_t i = 0; i < run[0] && is_typed; i++) {
        is_typed = rune_term_kind(run[1 + i]) == RUNE_KIND_ENTITY;
        found = found || (is_typed && rune_rule_is_in(vm, entity, run[1 + i], sees_request));
    }
    if (!is_typed) {
        return computed(vm, "type_error");
    }
    return found != ((word[3] & RUNE_RULE_NEGATED) != 0);
}

static bool test_function(struct rune_rule_vm *vm, const uint32_t *word, const rune_term *registers)
{
    rune_term args[4] = {0}, result = RUNE_TERM_NONE;
    (void)gather(word + 4, registers, args);
    const char *error = run_function(vm, (enum rune_rule_function)word[1], args, &result);
    return computed(vm, error) && vm->err == RUNE_OK &&
           (result == RUNE_TERM_TRUE) != (word[2] != 0);
}

/* A scan of one row whose value only serves to search another relation: its turns whose search
 * would find no key are passed over here, in one tight loop. */
static void find_filter(const struct rune_rule_vm *vm, struct loop *loop)
{
    const uint32_t *columns = loop->columns, *next = loop->body;
    loop->filter = NO_FILTER;
    if (!loop->cursor.is_row || columns[0] == 0) {
        return;
    }
    const uint32_t *prefix = next[0] == RUNE_RULE_SCAN                     ? next + 6
                             : next[0] == RUNE_RULE_EXISTS && next[2] == 0 ? next + 4
                                                                           : NULL;
    if (prefix == NULL || prefix[0] == 0) {
        return;
    }
    uint32_t order = next[next[0] == RUNE_RULE_SCAN ? 2 : 1];
    for (uint32_t i = 0; i < columns[0] && vm->in.orders[order].form < RUNE_ORDER_UNIT; i++) {
        if (columns[2 + 2 * i] == prefix[1]) {
            loop->filter = order;
            loop->filter_position = columns[1 + 2 * i];
        }
    }
}

/* Passes over turns that the filter ends; they count as steps, too. */
static bool filter_scan(struct rune_rule_vm *vm, struct loop *loop)
{
    uint64_t most = vm->steps_left / vm->step_cost;
    uint32_t passed =
        rune_cursor_filter(&vm->in, &loop->cursor, loop->filter_position, loop->filter,
                           most < UINT32_MAX ? (uint32_t)most : UINT32_MAX);
    return take_steps(vm, passed * vm->step_cost);
}

/* Next tuple of a scan: the registers of its columns are set. False: there is none. */
static inline bool scan_step(struct rune_rule_vm *vm, struct loop *loop, uint32_t distinct,
                             rune_term *registers)
{
    struct rune_cursor *cursor = &loop->cursor;
    if (loop->filter != NO_FILTER && !filter_scan(vm, loop)) {
        return false;
    }
    if (!take_steps(vm, vm->step_cost) || !rune_cursor_next(cursor)) {
        return false;
    }
    if (distinct != 0) {
        rune_cursor_skip(cursor, distinct);
    }
    const uint32_t *columns = loop->columns;
    for (uint32_t i = 0; i < columns[0]; i++) {
        registers[columns[2 + 2 * i]] = rune_cursor_get(cursor, columns[1 + 2 * i]);
    }
    return true;
}

static bool table_step(struct rune_rule_vm *vm, struct loop *loop, const uint32_t *columns,
                       rune_term *registers)
{
    if (!take_steps(vm, vm->step_cost) || loop->next >= loop->table->count) {
        return false;
    }
    const rune_term *row = loop->table->rows + (size_t)loop->next++ * loop->table->arity;
    for (uint32_t i = 0; i < columns[0]; i++) {
        registers[columns[2 + 2 * i]] = row[columns[1 + 2 * i]];
    }
    return true;
}

static bool member_step(struct rune_rule_vm *vm, struct loop *loop, uint32_t into,
                        rune_term *registers)
{
    if (!take_steps(vm, vm->step_cost) || loop->next >= loop->run[0]) {
        return false;
    }
    registers[into] = loop->run[1 + loop->next++];
    return true;
}

/* Whether a scan reads nothing but the last column of the tuple that is emitted next. */
static bool is_row(const uint32_t *word)
{
    const uint32_t *columns = skip_list(word + 6, 1);
    const uint32_t *next = skip_list(columns, 2), *list = next + 2;
    if (columns[0] != 1 || next[0] != RUNE_RULE_EMIT || list[0] == 0 ||
        list[list[0]] != columns[2]) {
        return false;
    }
    for (uint32_t i = 1; i < list[0]; i++) {
        if (list[i] == columns[2]) {
            return false;
        }
    }
    return true;
}

/* Such a scan, given whole; false: whoever takes it wants no more. */
static bool emit_row(struct rune_rule_vm *vm, const uint32_t *word,
                     const struct rune_cursor *cursor, const rune_term *registers, void *context)
{
    rune_term terms[64]; /* RUNE_DL_MAX_ARITY */
    const uint32_t *columns = skip_list(word + 6, 1);
    const uint32_t *list = skip_list(columns, 2) + 2;
    for (uint32_t i = 0; i + 1 < list[0]; i++) {
        terms[i] = registers[list[1 + i]];
    }
    return !take_steps(vm, 1) || vm->row(context, terms, cursor, columns[1]);
}

/* Runs a program in a frame. A check that fails sets pc to its target and goes on at `again`; there
 * only loops and word 0 can stand. */
static bool run_code(struct rune_rule_vm *vm, const uint32_t *code, rune_term *registers,
                     struct loop *loops, rune_rule_emit_fn emit, void *context)
{
    rune_term terms[64]; /* RUNE_DL_MAX_ARITY; also arguments and prefixes */
    const uint32_t *word = code + 1;
    const char *error;
    uint32_t target;
    int order = 0;

#define FAIL_TO(where)    \
    do {                  \
        target = (where); \
        goto again;       \
    } while (0)

    for (;;) {
        switch ((enum rune_rule_op)word[0]) {
        case RUNE_RULE_RETURN:
        case RUNE_RULE_OP_COUNT:
            return false;
        case RUNE_RULE_CONST:
            registers[word[1]] = word[2];
            word += 3;
            break;
        case RUNE_RULE_LOAD_REQUEST:
            registers[word[1]] = request_part(vm, word[2]);
            if (registers[word[1]] == RUNE_TERM_NONE) {
                FAIL_TO(word[3]);
            }
            word += 4;
            break;
        case RUNE_RULE_CONTEXT:
            if (vm->request == NULL ||
                !get_member(vm, vm->request->context, word[2], &registers[word[1]])) {
                FAIL_TO(word[3]);
            }
            word += 4;
            break;
        case RUNE_RULE_MOVE:
            registers[word[1]] = registers[word[2]];
            word += 3;
            break;
        case RUNE_RULE_EQ:
            if (registers[word[1]] != registers[word[2]]) {
                FAIL_TO(word[3]);
            }
            word += 4;
            break;
        case RUNE_RULE_NE:
            if (registers[word[1]] == registers[word[2]]) {
                FAIL_TO(word[3]);
            }
            word += 4;
            break;
        case RUNE_RULE_COMPARE:
            error = rune_rule_compare(&vm->values, registers[word[2]], registers[word[3]], &order);
            if (!computed(vm, error) || !compare_holds((enum rune_rule_compare)word[1], order)) {
                FAIL_TO(word[4]);
            }
            word += 5;
            break;
        case RUNE_RULE_ARITH:
            error = rune_rule_arith(&vm->values, (enum rune_rule_arith)word[1], registers[word[3]],
                                    registers[word[4]], &registers[word[2]]);
            if (!computed(vm, error)) {
                FAIL_TO(word[5]);
            }
            word += 6;
            break;
        case RUNE_RULE_NEGATE:
            error = rune_rule_negate(&vm->values, registers[word[2]], &registers[word[1]]);
            if (!computed(vm, error)) {
                FAIL_TO(word[3]);
            }
            word += 4;
            break;
        case RUNE_RULE_EXISTS:
            if (!take_steps(vm, 1) ||
                rune_relation_exists(&vm->in, word[1], terms, gather(word + 4, registers, terms)) ==
                    (word[2] != 0)) {
                FAIL_TO(word[3]);
            }
            word = skip_list(word + 4, 1);
            break;
        case RUNE_RULE_SCAN: {
            struct loop *loop = &loops[word[1]];
            /* The prefix must outlive the cursor only for growing relations: those read it from the
             * registers' copy kept behind the frame's loops. */
            rune_term *prefix = registers - RUNE_ORDER_MAX_PREFIX * (word[1] + 1);
            uint32_t count = gather(word + 6, registers, prefix);
            if (!rune_cursor_open(&vm->in, word[2], prefix, count, &loop->cursor)) {
                if (!take_steps(vm, vm->step_cost)) {
                    return false;
                }
                FAIL_TO(word[4]);
            }
            if (emit != NULL && emit == vm->row_of && is_row(word)) {
                if (!emit_row(vm, word, &loop->cursor, registers, context)) {
                    return true;
                }
                FAIL_TO(word[5]);
            }
            loop->columns = skip_list(word + 6, 1);
            loop->body = skip_list(loop->columns, 2);
            find_filter(vm, loop);
            if (!scan_step(vm, loop, word[3], registers)) {
                FAIL_TO(word[4]);
            }
            word = loop->body;
            break;
        }
        case RUNE_RULE_CALL: {
            (void)gather(word + 5, registers, terms);
            uint32_t before = vm->failed;
            bool found = call(vm, vm->plans + word[1], word[2], terms);
            if (word[3] != 0 && vm->failed != before) {
                vm->is_unsure = true;
            }
            if (vm->err != RUNE_OK || found == (word[3] != 0)) {
                FAIL_TO(word[4]);
            }
            word = skip_list(word + 5, 1);
            break;
        }
        case RUNE_RULE_CALL_SCAN: {
            struct loop *loop = &loops[word[1]];
            (void)gather(word + 6, registers, terms);
            loop->table = rune_rule_solve(vm, vm->plans + word[2], word[3], terms);
            loop->next = 0;
            const uint32_t *columns = skip_list(word + 6, 1);
            if (loop->table == NULL || !table_step(vm, loop, columns, registers)) {
                FAIL_TO(word[4]);
            }
            word = skip_list(columns, 2);
            break;
        }
        case RUNE_RULE_AGGREGATE:
            (void)gather(word + 6, registers, terms);
            if (!aggregate(vm, (enum rune_rule_aggregate)word[1], vm->plans + word[3], word[4],
                           terms, &registers[word[2]])) {
                FAIL_TO(word[5]);
            }
            word = skip_list(word + 6, 1);
            break;
        case RUNE_RULE_ENTITY_EXISTS:
            if (!exists(vm, registers[word[1]])) {
                FAIL_TO(word[2]);
            }
            word += 3;
            break;
        case RUNE_RULE_ATTR:
            if (!get_attr(vm, registers[word[2]], word[3], word[4], &registers[word[1]])) {
                FAIL_TO(word[5]);
            }
            word += 6;
            break;
        case RUNE_RULE_IN:
            if (!test_in(vm, word, registers)) {
                FAIL_TO(word[3]);
            }
            word = skip_list(word + 4, 1);
            break;
        case RUNE_RULE_IN_SET:
            if (!test_in_set(vm, word, registers)) {
                FAIL_TO(word[4]);
            }
            word += 5;
            break;
        case RUNE_RULE_IS:
            if (is_of_type(vm, registers[word[1]], word[2]) == (word[3] != 0)) {
                FAIL_TO(word[4]);
            }
            word += 5;
            break;
        case RUNE_RULE_ENTITY_PARTS: {
            rune_term entity = registers[word[3]];
            if (rune_term_kind(entity) != RUNE_KIND_ENTITY) {
                FAIL_TO(word[4]);
            }
            const struct rune_terms *of = rune_rule_terms(&vm->values, entity);
            registers[word[1]] = of->entity_type[rune_term_index(entity)];
            registers[word[2]] = of->entity_id[rune_term_index(entity)];
            word += 5;
            break;
        }
        case RUNE_RULE_ENTITY_MAKE:
            registers[word[1]] = make_entity(vm, registers[word[2]], registers[word[3]]);
            if (registers[word[1]] == RUNE_TERM_NONE) {
                FAIL_TO(word[4]);
            }
            word += 5;
            break;
        case RUNE_RULE_INDEX:
            if (!get_member(vm, registers[word[2]], word[3], &registers[word[1]])) {
                fail_derivation(vm, "no_such_attribute");
                FAIL_TO(word[4]);
            }
            word += 5;
            break;
        case RUNE_RULE_MEMBER: {
            struct loop *loop = &loops[word[1]];
            rune_term set = registers[word[3]];
            if (rune_term_kind(set) != RUNE_KIND_SET) {
                fail_derivation(vm, "type_error");
                FAIL_TO(word[4]);
            }
            const struct rune_terms *of = rune_rule_terms(&vm->values, set);
            loop->run = of->heap + of->sets[rune_term_index(set)];
            loop->next = 0;
            if (!member_step(vm, loop, word[2], registers)) {
                FAIL_TO(word[4]);
            }
            word += 6;
            break;
        }
        case RUNE_RULE_TEST:
            if (!test_function(vm, word, registers)) {
                FAIL_TO(word[3]);
            }
            word = skip_list(word + 4, 1);
            break;
        case RUNE_RULE_FUNCTION:
            (void)gather(word + 4, registers, terms);
            error = run_function(vm, (enum rune_rule_function)word[1], terms, &registers[word[2]]);
            if (!computed(vm, error) || vm->err != RUNE_OK) {
                FAIL_TO(word[3]);
            }
            word = skip_list(word + 4, 1);
            break;
        case RUNE_RULE_MARK:
            vm->failed += (word[1] & RUNE_RULE_MARK_PARTIAL) != 0;
            vm->is_unsure = vm->is_unsure || (word[1] & RUNE_RULE_MARK_UNSURE) != 0;
            word += 2;
            break;
        case RUNE_RULE_EMIT:
            if (emit == NULL) {
                return true;
            }
            (void)gather(word + 2, registers, terms);
            if (!emit(context, terms)) {
                return true;
            }
            FAIL_TO(word[1]);
        }
        continue;

    again:
        if (vm->err != RUNE_OK) {
            return false;
        }
        for (;;) {
            word = code + target;
            const uint32_t *list;
            if (word[0] == RUNE_RULE_SCAN) {
                struct loop *loop = &loops[word[1]];
                if (scan_step(vm, loop, word[3], registers)) {
                    word = loop->body;
                    break;
                }
                target = word[5];
            } else if (word[0] == RUNE_RULE_CALL_SCAN) {
                list = skip_list(word + 6, 1);
                if (table_step(vm, &loops[word[1]], list, registers)) {
                    word = skip_list(list, 2);
                    break;
                }
                target = word[5];
            } else if (word[0] == RUNE_RULE_MEMBER) {
                if (member_step(vm, &loops[word[1]], word[2], registers)) {
                    word += 6;
                    break;
                }
                target = word[5];
            } else {
                return false;
            }
            if (vm->err != RUNE_OK) {
                return false;
            }
        }
    }
#undef FAIL_TO
}

bool rune_rule_run(struct rune_rule_vm *vm, const struct rune_image_plan *plan,
                   const rune_term *args, rune_rule_emit_fn emit, void *context)
{
    /* Frame: loops, then a prefix for each loop (read backwards from the registers), then
     * registers. */
    uint32_t loop_count = RUNE_PLAN_LOOPS(plan->flags);
    size_t loop_bytes = loop_count * sizeof(struct loop);
    size_t prefix_bytes = (size_t)loop_count * RUNE_ORDER_MAX_PREFIX * sizeof(rune_term);
    size_t bytes =
        (loop_bytes + prefix_bytes + plan->registers * sizeof(rune_term) + 15) & ~(size_t)15;
    if (vm->depth >= RUNE_RULE_MAX_DEPTH || (size_t)(vm->frames_end - vm->frames) < bytes ||
        !take_steps(vm, 1 + plan->code_length / WORDS_A_STEP)) {
        vm->err = RUNE_E_LIMIT;
        return true;
    }
    uint64_t outer_cost = vm->step_cost;
    vm->step_cost = 1 + plan->code_length / WORDS_A_STEP;
    char *frame = vm->frames;
    struct loop *loops = (struct loop *)(void *)frame;
    rune_term *registers = (rune_term *)(void *)(frame + loop_bytes + prefix_bytes);
    vm->frames += bytes;
    vm->depth++;
    uint32_t arg_count = (uint32_t)__builtin_popcount(plan->bound);
    for (uint32_t i = 0; i < arg_count; i++) {
        registers[i] = args[i];
    }
    bool stopped = run_code(vm, vm->code + plan->code, registers, loops, emit, context);
    vm->depth--;
    vm->step_cost = outer_cost;
    vm->frames = frame;
    return stopped;
}
