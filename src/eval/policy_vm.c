/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/policy_vm.h"

#include <string.h>

#include "eval/policy_code.h"
#include "eval/policy_vm_int.h"

void rune_policy_vm_init(struct rune_policy_vm *vm, const struct rune_eval *eval,
                         rune_term *registers, uint32_t register_capacity)
{
    rune_entities_init(&vm->entities, eval);
    memset(vm->values.spaces, 0, sizeof vm->values.spaces);
    vm->values.spaces[RUNE_SPACE_IMAGE] = &eval->store->terms;
    vm->values.spaces[RUNE_SPACE_REQUEST] = rune_dict_terms(eval->values);
    vm->values.dict = eval->values;
    vm->values.steps_left = eval->steps_left;
    vm->prober = (struct rune_prober){.eval = eval};
    vm->registers = registers;
    vm->register_count = RUNE_POLICY_FIRST_REGISTERS;
    vm->register_capacity = register_capacity;
    vm->error = (struct rune_eval_error){0};
    vm->error_pc = 0;
    /* No register is ever read before it is written by what the compiler makes; a program that does
     * finds NONE, or what another policy left, which are terms all the same. */
    memset(registers, 0, RUNE_POLICY_FIRST_REGISTERS * sizeof *registers);
    registers[0] = eval->request->principal;
    registers[1] = eval->request->action;
    registers[2] = eval->request->resource;
    registers[3] = eval->request->context;
}

int rune_policy_fail(struct rune_policy_vm *vm, enum rune_eval_code code, uint32_t detail,
                     rune_term a, rune_term b)
{
    vm->error = (struct rune_eval_error){(uint32_t)code, detail, a, b};
    return RUNE_POLICY_FAILED;
}

/* ---- predicates ---- */

static inline int test_is(struct rune_policy_vm *vm, rune_term value, rune_term type)
{
    if (RUNE_UNLIKELY(!rune_policy_is_entity(value))) {
        return rune_policy_fail_type(vm, RUNE_TYPE_ENTITY, value);
    }
    return rune_values_entity_type(&vm->values, value) == type;
}

/* What the most frequent instructions read where a request brings no entities, copied out of the
 * machine so that it can stay in registers. */
struct plain {
    const uint32_t *heap;
    const uint32_t *attrs;
    const uint32_t *ancestors;
    uint32_t tag; /* what stands above the index of an image's entity; else nothing is plain */
};

#define NEVER_A_TAG UINT32_MAX

static inline struct plain make_plain(const struct rune_policy_vm *vm)
{
    const struct rune_store *store = vm->entities.store;
    return (struct plain){
        .heap = store->terms.heap,
        .attrs = store->entity_attrs,
        .ancestors = store->entity_ancestors,
        .tag = vm->entities.is_plain ? (uint32_t)RUNE_KIND_ENTITY : NEVER_A_TAG,
    };
}

static inline bool is_plain(const struct plain *plain, rune_term term)
{
    return term >> RUNE_TERM_INDEX_BITS == plain->tag;
}

static inline int test_in(struct rune_policy_vm *vm, const struct plain *plain, rune_term value,
                          rune_term container)
{
    if (RUNE_LIKELY(is_plain(plain, value) && is_plain(plain, container))) {
        return value == container ||
               rune_run_contains(plain->heap + plain->ancestors[rune_term_index(value)], container);
    }
    return rune_policy_test_in(vm, value, container);
}

static inline int test_has(struct rune_policy_vm *vm, rune_term value, rune_term name)
{
    if (RUNE_LIKELY(rune_policy_is_entity(value))) {
        const uint32_t *heap;
        const uint32_t *run = rune_entities_attrs(&vm->entities, value, &heap);
        return run != NULL && rune_record_find(run, heap, name) != RUNE_TERM_NONE;
    }
    if (RUNE_UNLIKELY(rune_term_kind(value) != RUNE_KIND_RECORD)) {
        return rune_policy_fail_type(vm, RUNE_TYPE_RECORD | RUNE_TYPE_ENTITY, value);
    }
    return rune_values_record_get(&vm->values, value, name) != RUNE_TERM_NONE;
}

static inline int test_contains(struct rune_policy_vm *vm, rune_term set, rune_term element)
{
    if (RUNE_UNLIKELY(rune_term_kind(set) != RUNE_KIND_SET)) {
        return rune_policy_fail_type(vm, RUNE_TYPE_SET, set);
    }
    return rune_run_contains(rune_values_set(&vm->values, set), element);
}

static inline bool check_truth(struct rune_policy_vm *vm, rune_term value)
{
    return RUNE_LIKELY(rune_term_is_bool(value)) ||
           rune_policy_fail_type(vm, RUNE_TYPE_BOOL, value) != RUNE_POLICY_FAILED;
}

static inline bool negate_truth(struct rune_policy_vm *vm, rune_term value, rune_term *ret_term)
{
    if (!check_truth(vm, value)) {
        return false;
    }
    *ret_term = rune_term_bool(value == RUNE_TERM_FALSE);
    return true;
}

/* ---- attributes and records: false where vm->error is set ---- */

/* An entity without data has the empty record. */
static inline bool get_attribute(struct rune_policy_vm *vm, const struct plain *plain,
                                 rune_term value, rune_term name, rune_term *ret_term)
{
    if (RUNE_LIKELY(is_plain(plain, value))) {
        rune_term found =
            rune_record_find(plain->heap + plain->attrs[rune_term_index(value)], plain->heap, name);
        if (RUNE_LIKELY(found != RUNE_TERM_NONE)) {
            *ret_term = found;
            return true;
        }
    }
    return rune_policy_get_attribute(vm, value, name, ret_term);
}

/* Names come from a set of strings, which has them in the order that records want. */
static bool make_record(struct rune_policy_vm *vm, rune_term *items, rune_term names,
                        rune_term *ret_term)
{
    const uint32_t *run = rune_values_set(&vm->values, names);
    /* Never written to: they ascend already. */
    return rune_values_make_record(&vm->values, (rune_term *)(uintptr_t)(run + 1), items, run[0],
                                   ret_term, &vm->error);
}

/* ---- the loop ---- */

/* Threaded dispatch where the compiler has labels as values: each instruction has its own indirect
 * jump, which the branch predictor tells apart. */
#ifdef __GNUC__
#define CASE(name) op_##name
#define NEXT()     goto *targets[*pc & 0xff]
#else
#define CASE(name) case RUNE_OP_##name
#define NEXT()     continue
#endif

#define A()        rune_op_a(*pc)
#define R(operand) registers[pc[operand]]

/* The three instructions of one predicate; `words` is the length of each. */
#define PREDICATE(name, words, test)             \
    CASE(name) : truth = (test);                 \
    if (RUNE_UNLIKELY(truth < 0)) {              \
        goto failed;                             \
    }                                            \
    registers[A()] = rune_term_bool(truth != 0); \
    pc += (words);                               \
    NEXT();                                      \
    CASE(name##_ELSE) : truth = (test);          \
    if (RUNE_UNLIKELY(truth < 0)) {              \
        goto failed;                             \
    }                                            \
    pc = truth != 0 ? pc + (words) : code + A(); \
    NEXT();                                      \
    CASE(name##_THEN) : truth = (test);          \
    if (RUNE_UNLIKELY(truth < 0)) {              \
        goto failed;                             \
    }                                            \
    pc = truth != 0 ? code + A() : pc + (words); \
    NEXT();

#define SET(name, value)                   \
    CASE(name) : registers[A()] = (value); \
    pc += 2;                               \
    NEXT();

/* A jump where a truth is `on`. */
#define BRANCH(name, on)                                    \
    CASE(name) : if (RUNE_UNLIKELY(!check_truth(vm, R(1)))) \
    {                                                       \
        goto failed;                                        \
    }                                                       \
    pc = R(1) == (on) ? code + A() : pc + 2;                \
    NEXT();

/* An instruction that computes R[A], or a truth for it, and may fail. */
#define VALUE(name, words, compute)             \
    CASE(name) : if (RUNE_UNLIKELY(!(compute))) \
    {                                           \
        goto failed;                            \
    }                                           \
    pc += (words);                              \
    NEXT();

#define TRUTH(name, words, compute)             \
    CASE(name) : if (RUNE_UNLIKELY(!(compute))) \
    {                                           \
        goto failed;                            \
    }                                           \
    registers[A()] = rune_term_bool(flag);      \
    pc += (words);                              \
    NEXT();

static bool grow_capacity(struct rune_policy_vm *vm, uint32_t count)
{
    rune_term *registers = rune_arena_alloc(vm->prober.eval->arena, count * sizeof *registers);
    if (registers == NULL) {
        return false;
    }
    memcpy(registers, vm->registers, vm->register_count * sizeof *registers);
    vm->registers = registers;
    vm->register_capacity = count;
    return true;
}

/* For a policy with more registers than any before it. */
static __attribute__((noinline)) bool grow_registers(struct rune_policy_vm *vm, uint32_t count)
{
    if (count > vm->register_capacity && !grow_capacity(vm, count)) {
        return false;
    }
    uint32_t more = count - vm->register_count;
    memset(vm->registers + vm->register_count, 0, more * sizeof *vm->registers);
    vm->register_count = count;
    return true;
}

/* Programs do not loop: their length bounds what they execute. False: a limit is reached. */
static inline bool begin_program(struct rune_policy_vm *vm, const struct rune_image_policy *policy)
{
    if (RUNE_UNLIKELY(vm->values.steps_left < policy->code_length)) {
        vm->values.steps_left = 0;
        return false;
    }
    vm->values.steps_left -= policy->code_length;
    return RUNE_LIKELY(policy->max_stack <= vm->register_count) ||
           grow_registers(vm, policy->max_stack);
}

enum rune_policy_result rune_policy_vm_run(struct rune_policy_vm *vm, const uint32_t *policies,
                                           uint32_t count, uint32_t *at)
{
#ifdef __GNUC__
    static const void *const targets[256] = {
#define RUNE_OP(name, operands, may_fail, text) &&op_##name,
#define RUNE_OP_PREDICATE(name, operands, may_fail, text) \
    &&op_##name, &&op_##name##_ELSE, &&op_##name##_THEN,
#include "eval/policy_code.def"
#undef RUNE_OP
#undef RUNE_OP_PREDICATE
    };
#endif
    struct rune_values *values = &vm->values;
    struct rune_eval_error *error = &vm->error;
    const struct rune_store *store = vm->entities.store;
    const struct plain plain = make_plain(vm);
    const uint32_t entry_mask = vm->entities.is_plain ? UINT32_MAX : 0;
    rune_term *registers;
    const uint32_t *code, *pc;
    uint32_t next = *at;
    int truth;
    bool flag;
begin:
    if (next == count) {
        *at = next;
        return RUNE_POLICY_NO_MATCH;
    }
    const struct rune_image_policy *policy = &store->policies[policies[next++]];
    pc = code = store->policy_code + policy->code;
    if (RUNE_UNLIKELY(!begin_program(vm, policy))) {
        rune_policy_fail(vm, RUNE_EVAL_LIMIT, 0, RUNE_TERM_NONE, RUNE_TERM_NONE);
        goto failed;
    }
    registers = vm->registers;
    pc += policy->entry & entry_mask;
#ifdef __GNUC__
    NEXT();
#else
    for (;;) {
        switch (rune_op_of(*pc)) {
        case RUNE_OP_COUNT:
#endif
    CASE(NO_MATCH) : goto begin;
    CASE(MATCH) : *at = next;
    return RUNE_POLICY_MATCH;
    CASE(FAIL_ARITY) : rune_policy_fail(vm, RUNE_EVAL_ARITY, pc[1], pc[2], RUNE_TERM_NONE);
    goto failed;
    CASE(JUMP) : pc = code + A();
    NEXT();
    BRANCH(JUMP_ELSE, RUNE_TERM_FALSE)
    BRANCH(JUMP_THEN, RUNE_TERM_TRUE)
    SET(LOAD, pc[1])
    SET(MOVE, R(1))
    PREDICATE(EQ, 3, R(1) == R(2))
    PREDICATE(EQ_CONST, 3, R(1) == pc[2])
    PREDICATE(IS, 3, test_is(vm, R(1), pc[2]))
    PREDICATE(IN, 3, test_in(vm, &plain, R(1), R(2)))
    PREDICATE(IN_CONST, 3, test_in(vm, &plain, R(1), pc[2]))
    PREDICATE(HAS, 3, test_has(vm, R(1), pc[2]))
    PREDICATE(CONTAINS, 3, test_contains(vm, R(1), R(2)))
    PREDICATE(CONST_CONTAINS, 3, test_contains(vm, pc[1], R(2)))
    VALUE(GET, 3, get_attribute(vm, &plain, R(1), pc[2], &registers[A()]))
    VALUE(HAS_TAG, 3, rune_policy_has_tag(vm, R(1), R(2), &registers[A()]))
    VALUE(GET_TAG, 3, rune_policy_get_tag(vm, R(1), R(2), &registers[A()]))
    VALUE(NOT, 2, negate_truth(vm, R(1), &registers[A()]))
    VALUE(NEG, 2, rune_values_negate(values, R(1), &registers[A()], error))
    TRUTH(LT, 3, rune_values_compare(values, RUNE_COMPARE_LT, R(1), R(2), &flag, error))
    TRUTH(LE, 3, rune_values_compare(values, RUNE_COMPARE_LE, R(1), R(2), &flag, error))
    TRUTH(GT, 3, rune_values_compare(values, RUNE_COMPARE_GT, R(1), R(2), &flag, error))
    TRUTH(GE, 3, rune_values_compare(values, RUNE_COMPARE_GE, R(1), R(2), &flag, error))
    VALUE(ADD, 3,
          rune_values_arithmetic(values, RUNE_ARITHMETIC_ADD, R(1), R(2), &registers[A()], error))
    VALUE(SUB, 3,
          rune_values_arithmetic(values, RUNE_ARITHMETIC_SUB, R(1), R(2), &registers[A()], error))
    VALUE(MUL, 3,
          rune_values_arithmetic(values, RUNE_ARITHMETIC_MUL, R(1), R(2), &registers[A()], error))
    TRUTH(LIKE, 4,
          rune_values_like(values, R(1), vm->entities.store->patterns + pc[2], pc[3], &flag, error))
    TRUTH(CONTAINS_ALL, 3, rune_values_contains_all(values, R(1), R(2), &flag, error))
    TRUTH(CONTAINS_ANY, 3, rune_values_contains_any(values, R(1), R(2), &flag, error))
    TRUTH(IS_EMPTY, 2, rune_values_is_empty(values, R(1), &flag, error))
    VALUE(SET, 3, rune_values_make_set(values, &R(1), pc[2], &registers[A()], error))
    VALUE(RECORD, 3, make_record(vm, &R(1), pc[2], &registers[A()]))
    VALUE(CALL, 3, rune_values_call(values, pc[2], &R(1), &registers[A()], error))
    PREDICATE(PROBE, 6, rune_policy_probe(vm, pc))
    TRUTH(PROBE_ALL, 6, rune_policy_probe_each(vm, pc, false, &flag))
    TRUTH(PROBE_ANY, 6, rune_policy_probe_each(vm, pc, true, &flag))
    TRUTH(PROBE_EMPTY, 5, rune_policy_probe_empty(vm, pc, &flag))
#ifndef __GNUC__
}
}
#endif
failed : *at = next;
vm->error_pc = (uint32_t)(pc - code);
return RUNE_POLICY_ERROR;
}
