/* SPDX-License-Identifier: Apache-2.0 */
/* rule_vm_int: between the files of the rule machine: rule_vm (programs; its frames and calls are
 * rule_frame.h's), rule_scan (loops over stored tuples; the turns of all loops are rule_loop.h's),
 * rule_stream (loops over what is not kept), rule_instructions (what single ones do), rule_test
 * (what programs test), rule_tables (relations that recurse or have free columns), rule_fold
 * (aggregates), rule_entities and rule_brought (entity data), rule_once (what need not be kept).
 * Nobody else includes it. What these may touch of struct rune_rule_vm is what rule_vm.h says. */
#pragma once

#include "base/layout.h"
#include "eval/rule_code.h"
#include "eval/rule_vm.h"

/* ---- steps and errors ---- */

static inline void rune_rule_fail(struct rune_rule_vm *vm, const char *code)
{
    if (vm->error == NULL) {
        vm->error = code;
    }
    vm->failed++;
}

/* Of a look at one entity's data. */
static inline uint64_t rune_rule_entity_steps(const struct rune_rule_vm *vm)
{
    return vm->entity_count > RUNE_RULE_FAR_ENTITIES ? RUNE_RULE_FAR_STEPS : 1;
}

/* What a computation left behind, a step at least: true to go on. */
static inline bool rune_rule_computed(struct rune_rule_vm *vm, const char *error)
{
    uint64_t steps = 1 + vm->values.work;
    vm->values.work = 0;
    if (!rune_rule_take_steps(vm, steps)) {
        return false;
    }
    if (error != NULL) {
        rune_rule_fail(vm, error);
        return false;
    }
    if (vm->values.err != RUNE_OK) {
        vm->err = vm->values.err;
        return false;
    }
    return true;
}

/* The values of a list of registers. */
static inline uint32_t rune_rule_gather(const uint32_t *list, const rune_term *registers,
                                        rune_term *ret_terms)
{
    uint32_t count = list[0];
    for (uint32_t i = 0; i < count; i++) {
        ret_terms[i] = registers[list[1 + i]];
    }
    return count;
}

/* ---- rule_vm.c ---- */

/* Whether a relation asked with its bound columns has a tuple. */
bool rune_rule_holds(struct rune_rule_vm *vm, const struct rune_image_plan *plans,
                     uint32_t plan_count, const rune_term *args);

/* ---- rule_instructions.c; `word`: the instruction. True where the program goes on behind it ----
 */

RUNE_APART bool rune_rule_do_load_context(const struct rune_rule_vm *vm, const uint32_t *word,
                                          rune_term *registers);
RUNE_APART bool rune_rule_do_compare(struct rune_rule_vm *vm, const uint32_t *word,
                                     const rune_term *registers);
RUNE_APART bool rune_rule_do_arith(struct rune_rule_vm *vm, const uint32_t *word,
                                   rune_term *registers);
RUNE_APART bool rune_rule_do_negate(struct rune_rule_vm *vm, const uint32_t *word,
                                    rune_term *registers);
RUNE_APART bool rune_rule_do_aggregate(struct rune_rule_vm *vm, const uint32_t *word,
                                       rune_term *registers);
RUNE_APART bool rune_rule_do_load_attr(struct rune_rule_vm *vm, const uint32_t *word,
                                       rune_term *registers);
RUNE_APART bool rune_rule_do_entity_parts(const struct rune_rule_vm *vm, const uint32_t *word,
                                          rune_term *registers);
RUNE_APART bool rune_rule_do_entity_make(struct rune_rule_vm *vm, const uint32_t *word,
                                         rune_term *registers);
RUNE_APART bool rune_rule_do_index_record(struct rune_rule_vm *vm, const uint32_t *word,
                                          rune_term *registers);
RUNE_APART bool rune_rule_do_call_function(struct rune_rule_vm *vm, const uint32_t *word,
                                           rune_term *registers);

/* ---- rule_once.c ---- */

/* Whether the programs of a group alone make sure that no tuple is given twice, if none of the
 * relations that they loop over is: there is one, and its tuple tells every turn of its loops. */
bool rune_rule_gives_once(const struct rune_rule_vm *vm, const struct rune_image_plan *plans,
                          uint32_t plan_count);

/* ---- rule_test.c; `word`: the instruction. False also where it errs, or steps are out ---- */

bool rune_rule_compare_holds(enum rune_rule_compare op, int order);
/* IN: the entity is in one of the listed; every operand must be an entity. */
bool rune_rule_test_in(struct rune_rule_vm *vm, const uint32_t *word, const rune_term *registers);
/* IN_SET: the right side is an entity or a set of entities, known only now. */
bool rune_rule_test_in_set(struct rune_rule_vm *vm, const uint32_t *word,
                           const rune_term *registers);
bool rune_rule_test_element(struct rune_rule_vm *vm, rune_term value, rune_term set);
bool rune_rule_test_function(struct rune_rule_vm *vm, const uint32_t *word,
                             const rune_term *registers);
/* The error's code, or NULL. */
const char *rune_rule_call_function(struct rune_rule_vm *vm, enum rune_rule_function function,
                                    const rune_term *args, rune_term *ret_term);

/* ---- rule_fold.c ---- */

/* An aggregate over the tuples of a group of plans. False: there is no result, or an error. */
bool rune_rule_fold(struct rune_rule_vm *vm, enum rune_rule_aggregate op,
                    const struct rune_image_plan *plans, uint32_t plan_count, const rune_term *args,
                    rune_term *ret_term);

/* ---- rule_brought.c ---- */

/* A loop over the tuples of an order of entity data as the request sees them: those stored, but
 * for what is overridden, then those brought. */
struct rune_brought_scan {
    struct rune_cursor *cursor; /* at the stored ones; cursor->order NULL: there are no more */
    const rune_term *prefix;
    uint32_t order, prefix_count;
    uint32_t distinct; /* as SCAN has it: only the first of those that agree in so many positions */
    uint32_t next;     /* of those brought */
};

/* Whether the order's tuples are of data that requests bring. */
static inline bool rune_rule_is_brought(const struct rune_rule_vm *vm, uint32_t order)
{
    return RUNE_RELATION_DATA(vm->in.relations[vm->in.orders[order].relation].flags) !=
           RUNE_DATA_NONE;
}

/* Begins at the first tuple with the prefix, which the caller keeps; `cursor` is the caller's. */
void rune_rule_brought_open(struct rune_rule_vm *vm, uint32_t order, const rune_term *prefix,
                            uint32_t count, struct rune_cursor *cursor,
                            struct rune_brought_scan *ret_scan);

/* The next tuple: `columns` (as SCAN has them) go into registers. False: none, or vm->err. */
bool rune_rule_brought_next(struct rune_rule_vm *vm, struct rune_brought_scan *scan,
                            const uint32_t *columns, rune_term *registers);

/* Whether there is one. */
bool rune_rule_brought_exists(struct rune_rule_vm *vm, uint32_t order, const rune_term *prefix,
                              uint32_t count);

/* ---- rule_entities.c ---- */

/* An attribute, or (RUNE_RULE_OF_TAGS) a tag, with RUNE_RULE_SEES_REQUEST as the request has it;
 * RUNE_TERM_NONE: there is none. */
rune_term rune_rule_get_attr(const struct rune_rule_vm *vm, rune_term entity, rune_term name,
                             uint32_t sees);

/* What a record has under a name; RUNE_TERM_NONE: nothing, or `record` is none. */
rune_term rune_rule_get_member(const struct rune_rule_vm *vm, rune_term record, rune_term name);

bool rune_rule_is_of_type(const struct rune_rule_vm *vm, rune_term entity, rune_term type);

/* Whether there is stored data of the entity. */
bool rune_rule_entity_exists(const struct rune_rule_vm *vm, rune_term entity);

/* The entity of a type and an id, made if nothing has named it; RUNE_TERM_NONE: they name none, or
 * (vm->err) memory is out. */
rune_term rune_rule_name_entity(struct rune_rule_vm *vm, rune_term type, rune_term id);
