/* SPDX-License-Identifier: Apache-2.0 */
/* rule_fold: aggregates. */
#include "eval/rule_vm_int.h"

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
    /* 1 and 1.0 are as large, and differ: whichever comes first, the integer is the answer. */
    bool is_better = fold->op == RUNE_RULE_MIN ? order < 0 : order > 0;
    if (fold->count == 1 || is_better || (order == 0 && rune_term_kind(value) != RUNE_KIND_FLOAT)) {
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
        return rune_rule_computed(fold->vm, NULL);
    }
    if (fold->op == RUNE_RULE_SUM && !fold->has_float) {
        if (fold->sum > INT64_MAX || fold->sum < INT64_MIN) {
            return rune_rule_computed(fold->vm, "overflow");
        }
        *ret_term = rune_rule_make_long(values, (int64_t)fold->sum);
        return rune_rule_computed(fold->vm, NULL);
    }
    if (fold->count == 0 && fold->op != RUNE_RULE_SUM) {
        return false;
    }
    if (fold->op == RUNE_RULE_MIN || fold->op == RUNE_RULE_MAX) {
        *ret_term = fold->best;
        return rune_rule_computed(fold->vm, NULL);
    }
    double number = fold->has_float ? fold->float_sum : (double)fold->sum;
    number /= fold->op == RUNE_RULE_MEAN ? (double)fold->count : 1;
    if (number - number != 0) {
        return rune_rule_computed(fold->vm, "overflow"); /* infinite or not a number */
    }
    *ret_term = rune_rule_make_float(values, number);
    return rune_rule_computed(fold->vm, NULL);
}

/* Runs the plans. Where tables have taken half of the memory, those that this needs are given up
 * behind it, or a rule that counts for many groups would end with the memory: they are made in an
 * index of their own, which does not know the others. Values live elsewhere; within a recursion
 * that is being solved tables may be part of it, and stay. What the request brings is kept for all:
 * where some of it was made among those tables, a few times at most, they stay with it. */
static void run_plans(struct fold *fold, const struct rune_image_plan *plans, uint32_t plan_count,
                      const rune_term *args)
{
    struct rune_rule_vm *vm = fold->vm;
    bool is_scarce = vm->components == NULL &&
                     rune_arena_left(vm->arena) / RUNE_RULE_RESERVE_PART < vm->reserve / 2;
    struct rune_arena_mark mark = rune_arena_mark(vm->arena);
    struct rune_rule_table **tables = vm->tables;
    uint32_t slots = vm->table_slots, count = vm->table_count, brought = vm->brought_count;
    if (is_scarce) {
        vm->tables = NULL;
        vm->table_slots = vm->table_count = 0;
    }
    for (uint32_t i = 0; i < plan_count; i++) {
        if (rune_rule_run(vm, &plans[i], args, fold_emit, fold)) {
            break;
        }
    }
    if (is_scarce) {
        vm->tables = tables;
        vm->table_slots = slots;
        vm->table_count = count;
        if (vm->brought_count == brought) {
            rune_arena_rewind(vm->arena, mark);
        }
    }
}

bool rune_rule_fold(struct rune_rule_vm *vm, enum rune_rule_aggregate op,
                    const struct rune_image_plan *plans, uint32_t plan_count, const rune_term *args,
                    rune_term *ret_term)
{
    uint32_t arity = vm->in.relations[plans[0].relation].arity;
    struct fold fold = {.vm = vm, .op = op, .value_column = arity == 0 ? 0 : arity - 1};
    uint32_t before = vm->failed;
    bool counts = vm->counts;
    vm->counts = true;
    run_plans(&fold, plans, plan_count, args);
    vm->counts = counts;
    if (vm->err != RUNE_OK) {
        return false;
    }
    if (vm->failed != before) {
        vm->is_unsure = true;
    }
    if (fold.error != NULL) {
        return rune_rule_computed(vm, fold.error);
    }
    return fold_result(&fold, ret_term);
}
