/* SPDX-License-Identifier: Apache-2.0 */
/* rule_brought: relations of entity data as a request sees them that brings entities of its own.
 *
 * Stored tuples stay where they are. The attributes of an entity that the request has something to
 * say about come from its merged record, so the stored tuples about it are passed over; parents and
 * entities are only added. What is brought becomes rows, once a decision and kind, which every loop
 * looks through: they are few. */
#include "eval/entities.h"
#include "eval/rule_vm_int.h"

struct rows {
    rune_term *terms; /* row-major */
    uint32_t count;
    bool is_made;
};

struct rune_rule_brought {
    struct rows of[RUNE_DATA_COUNT];
};

/* Gathers rows, or counts them while `at` is NULL. */
struct writer {
    rune_term *at;
    uint32_t count;
};

static void put(struct writer *writer, uint32_t arity, rune_term a, rune_term b, rune_term c)
{
    const rune_term row[3] = {a, b, c};
    for (uint32_t i = 0; i < arity && writer->at != NULL; i++) {
        *writer->at++ = row[i];
    }
    writer->count++;
}

static void put_elements(const struct rune_rule_vm *vm, struct writer *writer, rune_term entity,
                         rune_term name, rune_term value)
{
    if (rune_term_kind(value) == RUNE_KIND_SET) {
        const struct rune_terms *terms = rune_rule_terms(&vm->values, value);
        const uint32_t *run = terms->heap + terms->sets[rune_term_index(value)];
        for (uint32_t i = 0; i < run[0]; i++) {
            put(writer, 3, entity, name, run[1 + i]);
        }
    }
}

static void put_record(const struct rune_rule_vm *vm, struct writer *writer,
                       enum rune_relation_data data, rune_term entity, const uint32_t *run)
{
    const struct rune_terms *terms = vm->values.spaces[RUNE_SPACE_REQUEST];
    if (run == NULL || terms == NULL) {
        return;
    }
    const uint32_t *shape = terms->heap + run[0];
    for (uint32_t i = 1; i <= shape[0]; i++) {
        if (data == RUNE_DATA_ELEMENT) {
            put_elements(vm, writer, entity, shape[i], run[i]);
        } else {
            put(writer, 3, entity, shape[i], run[i]);
        }
    }
}

static void put_all(const struct rune_rule_vm *vm, struct writer *writer,
                    enum rune_relation_data data)
{
    for (uint32_t i = 0; i < vm->request->entity_count; i++) {
        const struct rune_request_entity *own = &vm->request->entities[i];
        switch (data) {
        case RUNE_DATA_ENTITY:
            put(writer, 1, own->uid, 0, 0);
            break;
        case RUNE_DATA_PARENT:
            for (uint32_t p = 0; p < own->parent_count; p++) {
                put(writer, 2, own->uid, own->parents[p], 0);
            }
            break;
        case RUNE_DATA_TAG:
            put_record(vm, writer, data, own->uid, own->tags);
            break;
        default:
            put_record(vm, writer, data, own->uid, own->attrs);
            break;
        }
    }
}

/* NULL: out of memory, vm->err is set. */
static const struct rows *rows_of(struct rune_rule_vm *vm, enum rune_relation_data data,
                                  uint32_t arity)
{
    if (vm->brought == NULL) {
        vm->brought = RUNE_ARENA_NEW(vm->arena, struct rune_rule_brought);
    }
    struct rows *rows = vm->brought == NULL ? NULL : &vm->brought->of[data];
    if (rows != NULL && !rows->is_made) {
        struct writer writer = {0};
        put_all(vm, &writer, data);
        rows->terms = RUNE_ARENA_ARRAY(vm->arena, rune_term, (size_t)writer.count * arity + 1);
        if (rows->terms != NULL) {
            writer = (struct writer){rows->terms, 0};
            put_all(vm, &writer, data);
            rows->count = writer.count;
            rows->is_made = true;
            vm->brought_count++;
        }
    }
    if (rows == NULL || !rows->is_made) {
        vm->err = RUNE_E_LIMIT;
        return NULL;
    }
    return rows;
}

/* Whether what is stored about the entity does not count. */
static bool is_overridden(const struct rune_rule_vm *vm, enum rune_relation_data data,
                          rune_term entity)
{
    const struct rune_request_entity *own =
        data < RUNE_DATA_ATTR ? NULL : rune_entities_find_request(vm->request, entity);
    return own != NULL && (data == RUNE_DATA_TAG ? own->tags : own->attrs) != NULL;
}

static bool has_prefix(const struct rune_brought_scan *scan, const struct rune_image_order *order,
                       uint32_t arity, const rune_term *row)
{
    for (uint32_t p = 0; p < scan->prefix_count; p++) {
        if (row[rune_order_column(order, arity, p)] != scan->prefix[p]) {
            return false;
        }
    }
    return true;
}

void rune_rule_brought_open(struct rune_rule_vm *vm, uint32_t order, const rune_term *prefix,
                            uint32_t count, struct rune_cursor *cursor,
                            struct rune_brought_scan *ret_scan)
{
    if (!rune_cursor_open(&vm->in, order, prefix, count, cursor)) {
        cursor->order = NULL;
    }
    *ret_scan = (struct rune_brought_scan){
        .cursor = cursor, .prefix = prefix, .order = order, .prefix_count = count};
}

/* The next stored tuple that counts. */
static bool next_stored(struct rune_rule_vm *vm, struct rune_brought_scan *scan,
                        enum rune_relation_data data, uint32_t arity)
{
    uint32_t of_entity = 0;
    while (rune_order_column(&vm->in.orders[scan->order], arity, of_entity) != 0) {
        of_entity++;
    }
    while (scan->cursor->order != NULL && rune_rule_take_steps(vm, vm->step_cost)) {
        if (!rune_cursor_next(scan->cursor)) {
            scan->cursor->order = NULL;
            break;
        }
        rune_term entity = of_entity < scan->prefix_count
                               ? scan->prefix[of_entity]
                               : rune_cursor_get(scan->cursor, of_entity);
        if (!is_overridden(vm, data, entity)) {
            return true;
        }
    }
    return false;
}

/* Whether a tuple that counts agrees with the row: a stored one, or one brought before it. Of whole
 * tuples about attributes there is none, since what is brought overrides. */
static bool is_repeated(struct rune_rule_vm *vm, const struct rune_brought_scan *scan,
                        enum rune_relation_data data, uint32_t arity, const struct rows *rows)
{
    const struct rune_image_order *order = &vm->in.orders[scan->order];
    uint32_t row = scan->next - 1, count = scan->distinct != 0 ? scan->distinct : arity;
    rune_term agrees[3];
    if (count == arity && data >= RUNE_DATA_ATTR) {
        return false;
    }
    for (uint32_t p = 0; p < count; p++) {
        agrees[p] = rows->terms[(size_t)row * arity + rune_order_column(order, arity, p)];
    }
    struct rune_cursor cursor;
    struct rune_brought_scan before;
    rune_rule_brought_open(vm, scan->order, agrees, count, &cursor, &before);
    if (next_stored(vm, &before, data, arity)) {
        return true;
    }
    for (uint32_t i = 0; i < row && count < arity; i++) {
        if (has_prefix(&before, order, arity, rows->terms + (size_t)i * arity)) {
            return true;
        }
    }
    return false;
}

bool rune_rule_brought_next(struct rune_rule_vm *vm, struct rune_brought_scan *scan,
                            const uint32_t *columns, rune_term *registers)
{
    const struct rune_image_order *order = &vm->in.orders[scan->order];
    const struct rune_image_relation *relation = &vm->in.relations[order->relation];
    enum rune_relation_data data = (enum rune_relation_data)RUNE_RELATION_DATA(relation->flags);
    uint32_t arity = relation->arity;
    if (next_stored(vm, scan, data, arity)) {
        if (scan->distinct != 0) {
            rune_cursor_skip(scan->cursor, scan->distinct);
        }
        for (uint32_t i = 0; i < columns[0]; i++) {
            registers[columns[2 + 2 * i]] = rune_cursor_get(scan->cursor, columns[1 + 2 * i]);
        }
        return true;
    }
    const struct rows *rows = vm->err != RUNE_OK ? NULL : rows_of(vm, data, arity);
    while (rows != NULL && scan->next < rows->count && rune_rule_take_steps(vm, vm->step_cost)) {
        const rune_term *row = rows->terms + (size_t)scan->next++ * arity;
        if (has_prefix(scan, order, arity, row) && !is_repeated(vm, scan, data, arity, rows)) {
            for (uint32_t i = 0; i < columns[0]; i++) {
                registers[columns[2 + 2 * i]] =
                    row[rune_order_column(order, arity, columns[1 + 2 * i])];
            }
            return true;
        }
    }
    return false;
}

bool rune_rule_brought_exists(struct rune_rule_vm *vm, uint32_t order, const rune_term *prefix,
                              uint32_t count)
{
    static const uint32_t none[1] = {0};
    struct rune_cursor cursor;
    struct rune_brought_scan scan;
    rune_rule_brought_open(vm, order, prefix, count, &cursor, &scan);
    return rune_rule_brought_next(vm, &scan, none, NULL);
}
