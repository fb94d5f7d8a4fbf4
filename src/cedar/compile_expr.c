/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions. Two ways to compile one: for its value, into a register, or for its truth, as a
 * jump; conditions take the second, so `&&`, `||`, `!` and `if` become control flow and no boolean
 * is ever stored.
 *
 * INVARIANT: a value that needs a register of its own gets the one that was the next free at entry.
 * Rows of registers (sets, records, arguments) rely on it. What is constant emits nothing and is
 * folded on the way up, so folding is linear; where folding fails the instruction is emitted, and
 * fails when it runs. Walks recurse: the parser limits the depth of expressions. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "cedar/compile_int.h"
#include "cedar/probes.h"
#include "eval/error.h"
#include "eval/probe.h"

static struct rune_cedar_operand compile_value(struct rune_cedar_compiler *c,
                                               const struct rune_cedar_expr *expr);

/* ---- operands ---- */

static struct rune_cedar_operand constant(rune_term term)
{
    return (struct rune_cedar_operand){.is_constant = true, .term = term};
}

static struct rune_cedar_operand in_register(uint32_t reg)
{
    return (struct rune_cedar_operand){.reg = reg};
}

static uint32_t use_register(struct rune_cedar_compiler *c, uint32_t reg)
{
    if (reg >= RUNE_POLICY_MAX_REGISTERS) {
        rune_cedar_fail(c, RUNE_E_LIMIT);
        return RUNE_POLICY_VARIABLES;
    }
    if (reg >= c->register_count) {
        c->register_count = reg + 1;
    }
    return reg;
}

static uint32_t allocate(struct rune_cedar_compiler *c)
{
    return use_register(c, c->next_register++);
}

/* Gives back all registers from `mark` on and takes the first of them. */
static uint32_t reuse(struct rune_cedar_compiler *c, uint32_t mark)
{
    c->next_register = mark;
    return allocate(c);
}

static void load(struct rune_cedar_compiler *c, uint32_t reg, rune_term term)
{
    rune_cedar_emit_op(c, RUNE_OP_LOAD, use_register(c, reg), NULL);
    rune_cedar_emit_word(c, term);
}

static uint32_t to_register(struct rune_cedar_compiler *c, struct rune_cedar_operand value)
{
    if (!value.is_constant) {
        return value.reg;
    }
    uint32_t reg = allocate(c);
    load(c, reg, value.term);
    return reg;
}

/* The value into that register. */
static void move_to(struct rune_cedar_compiler *c, uint32_t reg, struct rune_cedar_operand value)
{
    if (value.is_constant) {
        load(c, reg, value.term);
    } else if (value.reg != reg) {
        rune_cedar_emit_op(c, RUNE_OP_MOVE, use_register(c, reg), NULL);
        rune_cedar_emit_word(c, value.reg);
    }
}

/* True, and an error is no failure of compiling, unless memory is out: then nothing can be folded
 * any more. */
static bool folded(struct rune_cedar_compiler *c, bool ok, const struct rune_eval_error *error)
{
    if (!ok && error->code == RUNE_EVAL_LIMIT && c->values.steps_left > 0) {
        rune_cedar_fail(c, RUNE_E_NOMEM);
    }
    return ok;
}

/* ---- literals ---- */

static struct rune_cedar_operand compile_long(struct rune_cedar_compiler *c, int64_t value)
{
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err = rune_dict_long(c->values.dict, value, &term);
    if (err != RUNE_OK) {
        rune_cedar_fail(c, err);
    }
    return constant(term);
}

/* ---- binary operators that have one instruction ---- */

struct binary {
    enum rune_op op;
    bool (*fold)(struct rune_cedar_compiler *c, rune_term a, rune_term b, rune_term *ret_term);
};

#define FOLD_TRUTH(name, call)                                                                     \
    static bool name(struct rune_cedar_compiler *c, rune_term a, rune_term b, rune_term *ret_term) \
    {                                                                                              \
        struct rune_eval_error error;                                                              \
        bool truth;                                                                                \
        if (!folded(c, call, &error)) {                                                            \
            return false;                                                                          \
        }                                                                                          \
        *ret_term = rune_term_bool(truth);                                                         \
        return true;                                                                               \
    }

#define FOLD_TERM(name, call)                                                                      \
    static bool name(struct rune_cedar_compiler *c, rune_term a, rune_term b, rune_term *ret_term) \
    {                                                                                              \
        struct rune_eval_error error;                                                              \
        return folded(c, call, &error);                                                            \
    }

FOLD_TRUTH(fold_lt, rune_values_compare(&c->values, RUNE_COMPARE_LT, a, b, &truth, &error))
FOLD_TRUTH(fold_le, rune_values_compare(&c->values, RUNE_COMPARE_LE, a, b, &truth, &error))
FOLD_TRUTH(fold_gt, rune_values_compare(&c->values, RUNE_COMPARE_GT, a, b, &truth, &error))
FOLD_TRUTH(fold_ge, rune_values_compare(&c->values, RUNE_COMPARE_GE, a, b, &truth, &error))
FOLD_TRUTH(fold_all, rune_values_contains_all(&c->values, a, b, &truth, &error))
FOLD_TRUTH(fold_any, rune_values_contains_any(&c->values, a, b, &truth, &error))
FOLD_TRUTH(fold_contains, rune_values_contains(&c->values, a, b, &truth, &error))
FOLD_TERM(fold_add, rune_values_arithmetic(&c->values, RUNE_ARITHMETIC_ADD, a, b, ret_term, &error))
FOLD_TERM(fold_sub, rune_values_arithmetic(&c->values, RUNE_ARITHMETIC_SUB, a, b, ret_term, &error))
FOLD_TERM(fold_mul, rune_values_arithmetic(&c->values, RUNE_ARITHMETIC_MUL, a, b, ret_term, &error))

static const struct binary *find_binary(enum rune_cedar_expr_kind kind)
{
    static const struct binary table[] = {
        [RUNE_EXPR_LT] = {RUNE_OP_LT, fold_lt},
        [RUNE_EXPR_LE] = {RUNE_OP_LE, fold_le},
        [RUNE_EXPR_GT] = {RUNE_OP_GT, fold_gt},
        [RUNE_EXPR_GE] = {RUNE_OP_GE, fold_ge},
        [RUNE_EXPR_ADD] = {RUNE_OP_ADD, fold_add},
        [RUNE_EXPR_SUB] = {RUNE_OP_SUB, fold_sub},
        [RUNE_EXPR_MUL] = {RUNE_OP_MUL, fold_mul},
        [RUNE_EXPR_HAS_TAG] = {RUNE_OP_HAS_TAG, NULL},
        [RUNE_EXPR_GET_TAG] = {RUNE_OP_GET_TAG, NULL},
        [RUNE_EXPR_CONTAINS_ALL] = {RUNE_OP_CONTAINS_ALL, fold_all},
        [RUNE_EXPR_CONTAINS_ANY] = {RUNE_OP_CONTAINS_ANY, fold_any},
    };
    return (size_t)kind < sizeof table / sizeof *table && table[kind].op != 0 ? &table[kind] : NULL;
}

static struct rune_cedar_operand compile_binary(struct rune_cedar_compiler *c,
                                                const struct rune_cedar_expr *expr,
                                                const struct binary *binary)
{
    uint32_t mark = c->next_register;
    struct rune_cedar_operand left = compile_value(c, expr->args[0]);
    struct rune_cedar_operand right = compile_value(c, expr->args[1]);
    rune_term term;
    if (left.is_constant && right.is_constant && binary->fold != NULL &&
        binary->fold(c, left.term, right.term, &term)) {
        return constant(term);
    }
    uint32_t a = to_register(c, left);
    uint32_t b = to_register(c, right);
    uint32_t reg = reuse(c, mark);
    rune_cedar_emit_op(c, binary->op, reg, expr);
    rune_cedar_emit_word(c, a);
    rune_cedar_emit_word(c, b);
    return in_register(reg);
}

/* ---- unary operators ---- */

static struct rune_cedar_operand compile_unary(struct rune_cedar_compiler *c,
                                               const struct rune_cedar_expr *expr, enum rune_op op)
{
    uint32_t mark = c->next_register;
    struct rune_cedar_operand arg = compile_value(c, expr->args[0]);
    struct rune_eval_error error;
    rune_term term;
    bool truth;
    if (arg.is_constant) {
        if (op == RUNE_OP_NOT && rune_term_is_bool(arg.term)) {
            return constant(rune_term_bool(arg.term == RUNE_TERM_FALSE));
        }
        if (op == RUNE_OP_NEG &&
            folded(c, rune_values_negate(&c->values, arg.term, &term, &error), &error)) {
            return constant(term);
        }
        if (op == RUNE_OP_IS_EMPTY && rune_values_is_empty(&c->values, arg.term, &truth, &error)) {
            return constant(rune_term_bool(truth));
        }
    }
    uint32_t a = to_register(c, arg);
    uint32_t reg = reuse(c, mark);
    rune_cedar_emit_op(c, op, reg, expr);
    rune_cedar_emit_word(c, a);
    return in_register(reg);
}

/* The pattern's bytes at the end of PATTERN; returns where they begin. */
static uint32_t add_pattern(struct rune_cedar_compiler *c, const struct rune_cedar_pattern *pattern)
{
    struct rune_vec_bytes *bytes = &c->program->patterns;
    size_t first = bytes->count;
    if (first + (size_t)pattern->count * 4 > UINT32_MAX) {
        rune_cedar_fail(c, RUNE_E_LIMIT);
        return 0;
    }
    for (uint32_t i = 0; i < pattern->count; i++) {
        char encoded[4] = {(char)RUNE_PATTERN_WILDCARD};
        int32_t element = pattern->elements[i];
        size_t size = element < 0 ? 1 : rune_utf8_encode((uint32_t)element, encoded);
        for (size_t j = 0; j < size; j++) {
            if (!RUNE_VEC_PUSH(bytes, (uint8_t)encoded[j])) {
                rune_cedar_fail(c, RUNE_E_NOMEM);
                return 0;
            }
        }
    }
    return (uint32_t)first;
}

static struct rune_cedar_operand compile_like(struct rune_cedar_compiler *c,
                                              const struct rune_cedar_expr *expr)
{
    uint32_t mark = c->next_register;
    struct rune_cedar_operand text = compile_value(c, expr->args[0]);
    uint32_t first = add_pattern(c, &expr->as.pattern);
    struct rune_vec_bytes *bytes = &c->program->patterns;
    uint32_t length = (uint32_t)bytes->count - first;
    struct rune_eval_error error;
    bool truth;
    if (c->err == RUNE_OK && text.is_constant &&
        rune_values_like(&c->values, text.term,
                         length > 0 ? bytes->items + first : (const uint8_t *)"", length, &truth,
                         &error)) {
        bytes->count = first;
        return constant(rune_term_bool(truth));
    }
    uint32_t a = to_register(c, text);
    uint32_t reg = reuse(c, mark);
    rune_cedar_emit_op(c, RUNE_OP_LIKE, reg, expr);
    rune_cedar_emit_word(c, a);
    rune_cedar_emit_word(c, first);
    rune_cedar_emit_word(c, length);
    return in_register(reg);
}

static struct rune_cedar_operand compile_get(struct rune_cedar_compiler *c,
                                             const struct rune_cedar_expr *expr)
{
    uint32_t mark = c->next_register;
    struct rune_cedar_operand object = compile_value(c, expr->args[0]);
    rune_term name = rune_cedar_intern_string(c, expr->as.string);
    if (object.is_constant && rune_term_kind(object.term) == RUNE_KIND_RECORD) {
        rune_term term = rune_values_record_get(&c->values, object.term, name);
        if (term != RUNE_TERM_NONE) {
            return constant(term);
        }
    }
    uint32_t a = to_register(c, object);
    uint32_t reg = reuse(c, mark);
    rune_cedar_emit_op(c, RUNE_OP_GET, reg, expr);
    rune_cedar_emit_word(c, a);
    rune_cedar_emit_word(c, name);
    return in_register(reg);
}

/* ---- rows of values ---- */

/* Compiles values into a row of registers from the next free one on, or none of them: *ret_constant
 * is true if all are constants; then they are the last `count` of the compiler's stack, for the
 * caller to pop. */
struct row {
    uint32_t first;
    size_t stack; /* height before */
    bool is_constant;
};

static struct row begin_row(struct rune_cedar_compiler *c)
{
    return (struct row){c->next_register, c->stack.count, true};
}

static void add_to_row(struct rune_cedar_compiler *c, struct row *row, uint32_t place,
                       const struct rune_cedar_expr *expr)
{
    c->next_register = row->first + place;
    struct rune_cedar_operand value = compile_value(c, expr);
    rune_term term = value.is_constant ? value.term : RUNE_TERM_NONE;
    if (!value.is_constant) {
        row->is_constant = false;
        move_to(c, row->first + place, value);
    }
    if (!RUNE_VEC_PUSH(&c->stack, term)) {
        rune_cedar_fail(c, RUNE_E_NOMEM);
    }
}

/* The constants of a row that is not constant as a whole go to their registers, too. */
static void end_row(struct rune_cedar_compiler *c, const struct row *row)
{
    for (size_t i = row->stack; c->err == RUNE_OK && i < c->stack.count; i++) {
        if (c->stack.items[i] != RUNE_TERM_NONE) {
            load(c, row->first + (uint32_t)(i - row->stack), c->stack.items[i]);
        }
    }
    c->stack.count = row->stack;
}

static struct rune_cedar_operand compile_set(struct rune_cedar_compiler *c,
                                             const struct rune_cedar_expr *expr)
{
    struct row row = begin_row(c);
    for (uint32_t i = 0; c->err == RUNE_OK && i < expr->arg_count; i++) {
        add_to_row(c, &row, i, expr->args[i]);
    }
    c->next_register = row.first;
    if (c->err != RUNE_OK) {
        return constant(RUNE_TERM_NONE);
    }
    if (row.is_constant) {
        rune_term term = RUNE_TERM_NONE;
        rune_term *elements = expr->arg_count > 0 ? c->stack.items + row.stack : NULL;
        enum rune_err err = rune_dict_set(c->values.dict, elements, expr->arg_count, &term);
        c->stack.count = row.stack;
        if (err != RUNE_OK) {
            rune_cedar_fail(c, err);
        }
        return constant(term);
    }
    end_row(c, &row);
    uint32_t reg = allocate(c);
    rune_cedar_emit_op(c, RUNE_OP_SET, reg, expr);
    rune_cedar_emit_word(c, row.first);
    rune_cedar_emit_word(c, expr->arg_count);
    return in_register(reg);
}

/* A name's term above its place in the text, for sorting. */
static int compare_places(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool sort_names(struct rune_cedar_compiler *c, const struct rune_cedar_path *names,
                       uint64_t *ret_places)
{
    for (uint32_t i = 0; i < names->count; i++) {
        rune_term name = rune_cedar_intern_string(c, names->names[i]);
        ret_places[i] = (uint64_t)name << 32 | i;
    }
    if (names->count > 0) {
        qsort(ret_places, names->count, sizeof *ret_places, compare_places);
    }
    for (uint32_t i = 1; i < names->count; i++) {
        if (ret_places[i] >> 32 == ret_places[i - 1] >> 32) {
            rune_cedar_fail(c, RUNE_E_INTERNAL); /* the parsers refuse a name given twice */
        }
    }
    return c->err == RUNE_OK;
}

static struct rune_cedar_operand finish_record(struct rune_cedar_compiler *c,
                                               const struct rune_cedar_expr *expr,
                                               const struct row *row, uint32_t count,
                                               const uint64_t *places)
{
    rune_term names_set = RUNE_TERM_NONE;
    rune_term term = RUNE_TERM_NONE;
    rune_term *names = rune_alloc((count + (size_t)(count == 0)) * sizeof *names);
    if (names == NULL) {
        rune_cedar_fail(c, RUNE_E_NOMEM);
        return constant(RUNE_TERM_NONE);
    }
    for (uint32_t i = 0; i < count; i++) {
        names[i] = (rune_term)(places[i] >> 32);
    }
    enum rune_err err;
    if (row->is_constant) {
        err = rune_dict_record(c->values.dict, names,
                               count > 0 ? c->stack.items + row->stack : NULL, count, &term);
        c->stack.count = row->stack;
    } else {
        err = rune_dict_set(c->values.dict, names, count, &names_set);
    }
    rune_free(names);
    if (err != RUNE_OK) {
        rune_cedar_fail(c, err);
    }
    if (row->is_constant || err != RUNE_OK) {
        return constant(term);
    }
    end_row(c, row);
    uint32_t reg = allocate(c);
    rune_cedar_emit_op(c, RUNE_OP_RECORD, reg, expr);
    rune_cedar_emit_word(c, row->first);
    rune_cedar_emit_word(c, names_set);
    return in_register(reg);
}

/* Values are computed in the order of their names' terms, the order that records have. */
static struct rune_cedar_operand compile_record(struct rune_cedar_compiler *c,
                                                const struct rune_cedar_expr *expr)
{
    uint32_t count = expr->arg_count;
    uint64_t *places = rune_alloc((count + (size_t)(count == 0)) * sizeof *places);
    if (places == NULL) {
        rune_cedar_fail(c, RUNE_E_NOMEM);
        return constant(RUNE_TERM_NONE);
    }
    struct row row = begin_row(c);
    struct rune_cedar_operand result = constant(RUNE_TERM_NONE);
    if (sort_names(c, &expr->as.path, places)) {
        for (uint32_t i = 0; c->err == RUNE_OK && i < count; i++) {
            add_to_row(c, &row, i, expr->args[(uint32_t)places[i]]);
        }
        c->next_register = row.first;
        if (c->err == RUNE_OK) {
            result = finish_record(c, expr, &row, count, places);
        }
    }
    rune_free(places);
    return result;
}

static struct rune_cedar_operand compile_call(struct rune_cedar_compiler *c,
                                              const struct rune_cedar_expr *expr)
{
    uint32_t function = expr->as.call.function;
    struct row row = begin_row(c);
    for (uint32_t i = 0; c->err == RUNE_OK && i < expr->arg_count; i++) {
        add_to_row(c, &row, i, expr->args[i]);
    }
    c->next_register = row.first;
    bool right_arity = expr->arg_count == rune_function_infos[function].arity;
    struct rune_eval_error error;
    rune_term term;
    if (c->err == RUNE_OK && row.is_constant && right_arity &&
        folded(c, rune_values_call(&c->values, function, c->stack.items + row.stack, &term, &error),
               &error)) {
        c->stack.count = row.stack;
        return constant(term);
    }
    end_row(c, &row);
    uint32_t reg = allocate(c);
    if (!right_arity) {
        rune_cedar_emit_op(c, RUNE_OP_FAIL_ARITY, 0, expr);
        rune_cedar_emit_word(c, function);
        rune_cedar_emit_word(c, expr->arg_count);
        return in_register(reg);
    }
    rune_cedar_emit_op(c, RUNE_OP_CALL, reg, expr);
    rune_cedar_emit_word(c, row.first);
    rune_cedar_emit_word(c, function);
    return in_register(reg);
}

/* ---- predicates ---- */

/* One predicate instruction, its operands known: emitted for its value or as a jump. */
struct test {
    enum rune_op op;      /* the value form; + 1: jumps if false, + 2: if true */
    uint32_t operands[5]; /* as many as the instruction has */
    bool is_constant;     /* or the truth is known */
    bool truth;
};

static struct test known(bool truth)
{
    return (struct test){.is_constant = true, .truth = truth};
}

static struct test prepare_eq(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr)
{
    struct rune_cedar_operand left = compile_value(c, expr->args[0]);
    struct rune_cedar_operand right = compile_value(c, expr->args[1]);
    if (left.is_constant && right.is_constant) {
        return known(left.term == right.term);
    }
    if (left.is_constant) {
        return (struct test){.op = RUNE_OP_EQ_CONST, .operands = {right.reg, left.term}};
    }
    if (right.is_constant) {
        return (struct test){.op = RUNE_OP_EQ_CONST, .operands = {left.reg, right.term}};
    }
    return (struct test){.op = RUNE_OP_EQ, .operands = {left.reg, right.reg}};
}

static bool is_entities(struct rune_cedar_compiler *c, rune_term term)
{
    if (rune_term_kind(term) != RUNE_KIND_SET) {
        return rune_term_kind(term) == RUNE_KIND_ENTITY;
    }
    const uint32_t *run = rune_values_set(&c->values, term);
    for (uint32_t i = 1; i <= run[0]; i++) {
        if (rune_term_kind(run[i]) != RUNE_KIND_ENTITY) {
            return false;
        }
    }
    return true;
}

static struct test prepare_in_operands(struct rune_cedar_compiler *c, uint32_t left,
                                       struct rune_cedar_operand right)
{
    if (right.is_constant && c->err == RUNE_OK && is_entities(c, right.term)) {
        return (struct test){.op = RUNE_OP_IN_CONST, .operands = {left, right.term}};
    }
    return (struct test){.op = RUNE_OP_IN, .operands = {left, to_register(c, right)}};
}

static struct test prepare_in(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr)
{
    struct rune_cedar_operand left = compile_value(c, expr->args[0]);
    struct rune_cedar_operand right = compile_value(c, expr->args[1]);
    return prepare_in_operands(c, to_register(c, left), right);
}

static struct test prepare_is(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr)
{
    struct rune_cedar_operand value = compile_value(c, expr->args[0]);
    rune_term type = rune_cedar_intern_string(c, expr->as.name);
    if (value.is_constant && rune_term_kind(value.term) == RUNE_KIND_ENTITY) {
        return known(rune_values_entity_type(&c->values, value.term) == type);
    }
    return (struct test){.op = RUNE_OP_IS, .operands = {to_register(c, value), type}};
}

/* ---- sets to which rules add ---- */

static bool is_probed(const struct rune_cedar_compiler *c, const struct rune_cedar_expr *set)
{
    uint32_t number;
    return set->kind == RUNE_EXPR_GET_ATTR && c->program->probed != NULL &&
           rune_map_find(c->program->probed, set->as.string, &number) &&
           number != RUNE_CEDAR_IS_VALUE;
}

static bool may_fail(const struct rune_cedar_expr *expr)
{
    return expr->kind != RUNE_EXPR_VAR && expr->kind != RUNE_EXPR_ENTITY &&
           expr->kind != RUNE_EXPR_STRING && expr->kind != RUNE_EXPR_LONG;
}

/* `object.name.contains(x)` and its like. The engine fills in the relation once it is there. */
static struct test prepare_probe(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr,
                                 enum rune_op op)
{
    const struct rune_cedar_expr *set = expr->args[0];
    uint32_t object = to_register(c, compile_value(c, set->args[0]));
    rune_term name = rune_cedar_intern_string(c, set->as.string);
    if (may_fail(expr->args[1])) {
        /* Read for its error, which comes before that of the argument. */
        uint32_t mark = c->next_register;
        rune_cedar_emit_op(c, RUNE_OP_GET, allocate(c), set);
        rune_cedar_emit_word(c, object);
        rune_cedar_emit_word(c, name);
        c->next_register = mark;
    }
    uint32_t argument = to_register(c, compile_value(c, expr->args[1]));
    return (struct test){.op = op,
                         .operands = {object, name, argument, RUNE_PROBE_NONE, RUNE_PROBE_NONE}};
}

static struct test prepare_contains(struct rune_cedar_compiler *c,
                                    const struct rune_cedar_expr *expr)
{
    if (is_probed(c, expr->args[0])) {
        return prepare_probe(c, expr, RUNE_OP_PROBE);
    }
    struct rune_cedar_operand set = compile_value(c, expr->args[0]);
    struct rune_cedar_operand element = compile_value(c, expr->args[1]);
    rune_term term;
    if (set.is_constant && element.is_constant && fold_contains(c, set.term, element.term, &term)) {
        return known(term == RUNE_TERM_TRUE);
    }
    if (set.is_constant) {
        return (struct test){.op = RUNE_OP_CONST_CONTAINS,
                             .operands = {set.term, to_register(c, element)}};
    }
    return (struct test){.op = RUNE_OP_CONTAINS, .operands = {set.reg, to_register(c, element)}};
}

static struct test prepare_has(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr)
{
    struct rune_cedar_operand object = compile_value(c, expr->args[0]);
    rune_term name = rune_cedar_intern_string(c, expr->as.path.names[0]);
    return (struct test){.op = RUNE_OP_HAS, .operands = {to_register(c, object), name}};
}

static bool is_single_test(const struct rune_cedar_expr *expr)
{
    switch (expr->kind) {
    case RUNE_EXPR_EQ:
    case RUNE_EXPR_NE:
    case RUNE_EXPR_IN:
    case RUNE_EXPR_CONTAINS:
        return true;
    case RUNE_EXPR_IS:
        return expr->arg_count == 1;
    case RUNE_EXPR_HAS:
        return expr->as.path.count == 1;
    default:
        return false;
    }
}

/* The test of an expression that is a single one; NE is EQ, for its caller to turn around. */
static struct test prepare(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr)
{
    switch (expr->kind) {
    case RUNE_EXPR_IN:
        return prepare_in(c, expr);
    case RUNE_EXPR_CONTAINS:
        return prepare_contains(c, expr);
    case RUNE_EXPR_IS:
        return prepare_is(c, expr);
    case RUNE_EXPR_HAS:
        return prepare_has(c, expr);
    default:
        return prepare_eq(c, expr);
    }
}

static void emit_operands(struct rune_cedar_compiler *c, const struct test *test)
{
    for (uint32_t i = 0; i + 1 < rune_op_words(test->op); i++) {
        rune_cedar_emit_word(c, test->operands[i]);
    }
}

static bool emit_test_jump(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr,
                           const struct test *test, bool sense, struct rune_cedar_label *label)
{
    if (test->is_constant) {
        if (test->truth == sense) {
            rune_cedar_emit_jump(c, RUNE_OP_JUMP, label, NULL);
            return false;
        }
        return true;
    }
    rune_cedar_emit_jump(c, (enum rune_op)(test->op + (sense ? 2 : 1)), label, expr);
    emit_operands(c, test);
    return true;
}

static struct rune_cedar_operand compile_test(struct rune_cedar_compiler *c,
                                              const struct rune_cedar_expr *expr)
{
    uint32_t mark = c->next_register;
    struct test test = prepare(c, expr);
    bool negated = expr->kind == RUNE_EXPR_NE;
    if (test.is_constant) {
        c->next_register = mark;
        return constant(rune_term_bool(test.truth != negated));
    }
    uint32_t reg = reuse(c, mark);
    rune_cedar_emit_op(c, test.op, reg, expr);
    emit_operands(c, &test);
    if (negated) {
        rune_cedar_emit_op(c, RUNE_OP_NOT, reg, NULL);
        rune_cedar_emit_word(c, reg);
    }
    return in_register(reg);
}

static struct rune_cedar_operand compile_probe(struct rune_cedar_compiler *c,
                                               const struct rune_cedar_expr *expr)
{
    uint32_t mark = c->next_register;
    struct test test = prepare_probe(
        c, expr, expr->kind == RUNE_EXPR_CONTAINS_ALL ? RUNE_OP_PROBE_ALL : RUNE_OP_PROBE_ANY);
    uint32_t reg = reuse(c, mark);
    rune_cedar_emit_op(c, test.op, reg, expr);
    emit_operands(c, &test);
    return in_register(reg);
}

/* ---- control flow ---- */

/* True if all that was emitted since `words` is one jump: the truth is known. */
static bool is_lone_jump(const struct rune_cedar_compiler *c, bool goes_on, size_t words)
{
    return c->err == RUNE_OK && !goes_on && c->program->code.count == words + 1;
}

/* `left && right` (`||` with both senses turned): false ends it. */
static bool jump_and(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr, bool is_or,
                     bool sense, struct rune_cedar_label *label)
{
    bool ends = is_or; /* the truth of an operand that decides */
    if (sense == ends) {
        for (uint32_t i = 0; i < expr->arg_count; i++) {
            if (!rune_cedar_compile_jump(c, expr->args[i], ends, label)) {
                return false;
            }
        }
        return true;
    }
    struct rune_cedar_label skip = {0};
    bool goes_on = true;
    for (uint32_t i = 0; goes_on && i < expr->arg_count; i++) {
        bool last = i + 1 == expr->arg_count;
        struct rune_cedar_label before = skip;
        size_t words = c->program->code.count;
        goes_on =
            rune_cedar_compile_jump(c, expr->args[i], last ? sense : ends, last ? label : &skip);
        if (!last && is_lone_jump(c, goes_on, words)) {
            /* The operand decides, and what it skips is not even compiled. */
            c->program->code.count = words;
            skip = before;
            goes_on = true;
            break;
        }
    }
    goes_on = goes_on || skip.chain != 0;
    rune_cedar_bind(c, &skip);
    return goes_on;
}

static bool jump_if(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr, bool sense,
                    struct rune_cedar_label *label)
{
    struct rune_cedar_label otherwise = {0};
    struct rune_cedar_label end = {0};
    size_t words = c->program->code.count;
    bool then_runs = rune_cedar_compile_jump(c, expr->args[0], false, &otherwise);
    if (is_lone_jump(c, then_runs, words)) {
        c->program->code.count = words;
        return rune_cedar_compile_jump(c, expr->args[2], sense, label);
    }
    bool else_runs = otherwise.chain != 0;
    bool goes_on = false;
    if (then_runs) {
        goes_on = rune_cedar_compile_jump(c, expr->args[1], sense, label);
        if (goes_on && else_runs) {
            rune_cedar_emit_jump(c, RUNE_OP_JUMP, &end, NULL);
        }
    }
    rune_cedar_bind(c, &otherwise);
    if (else_runs) {
        goes_on = rune_cedar_compile_jump(c, expr->args[2], sense, label) || end.chain != 0;
    }
    rune_cedar_bind(c, &end);
    return goes_on;
}

/* `x has a.b.c`: a test for each name, on what the names before lead to. */
static bool jump_has(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr, bool sense,
                     struct rune_cedar_label *label)
{
    struct rune_cedar_label skip = {0};
    const struct rune_cedar_path *path = &expr->as.path;
    uint32_t object = to_register(c, compile_value(c, expr->args[0]));
    uint32_t mark = c->next_register;
    for (uint32_t i = 0; i < path->count; i++) {
        bool last = i + 1 == path->count;
        struct test test = {.op = RUNE_OP_HAS,
                            .operands = {object, rune_cedar_intern_string(c, path->names[i])}};
        emit_test_jump(c, expr, &test, last ? sense : false, last || !sense ? label : &skip);
        if (!last) {
            uint32_t reg = reuse(c, mark);
            rune_cedar_emit_op(c, RUNE_OP_GET, reg, expr);
            rune_cedar_emit_word(c, object);
            rune_cedar_emit_word(c, test.operands[1]);
            object = reg;
        }
    }
    rune_cedar_bind(c, &skip);
    return true;
}

/* `x is T in y` */
static bool jump_is_in(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr,
                       bool sense, struct rune_cedar_label *label)
{
    struct rune_cedar_label skip = {0};
    uint32_t value = to_register(c, compile_value(c, expr->args[0]));
    rune_term type = rune_cedar_intern_string(c, expr->as.name);
    struct test is = {.op = RUNE_OP_IS, .operands = {value, type}};
    emit_test_jump(c, expr, &is, false, sense ? &skip : label);
    struct test in = prepare_in_operands(c, value, compile_value(c, expr->args[1]));
    emit_test_jump(c, expr, &in, sense, label);
    rune_cedar_bind(c, &skip);
    return true;
}

static bool jump_on_value(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr,
                          bool sense, struct rune_cedar_label *label)
{
    struct rune_cedar_operand value = compile_value(c, expr);
    if (value.is_constant && rune_term_is_bool(value.term)) {
        struct test test = known(value.term == RUNE_TERM_TRUE);
        return emit_test_jump(c, expr, &test, sense, label);
    }
    uint32_t reg = to_register(c, value);
    rune_cedar_emit_jump(c, sense ? RUNE_OP_JUMP_THEN : RUNE_OP_JUMP_ELSE, label, expr);
    rune_cedar_emit_word(c, reg);
    return true;
}

bool rune_cedar_compile_jump(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr,
                             bool sense, struct rune_cedar_label *label)
{
    uint32_t mark = c->next_register;
    bool goes_on;
    if (is_single_test(expr)) {
        struct test test = prepare(c, expr);
        goes_on =
            emit_test_jump(c, expr, &test, expr->kind == RUNE_EXPR_NE ? !sense : sense, label);
    } else {
        switch (expr->kind) {
        case RUNE_EXPR_AND:
        case RUNE_EXPR_OR:
            goes_on = jump_and(c, expr, expr->kind == RUNE_EXPR_OR, sense, label);
            break;
        case RUNE_EXPR_NOT:
            goes_on = rune_cedar_compile_jump(c, expr->args[0], !sense, label);
            break;
        case RUNE_EXPR_IF:
            goes_on = jump_if(c, expr, sense, label);
            break;
        case RUNE_EXPR_HAS:
            goes_on = jump_has(c, expr, sense, label);
            break;
        case RUNE_EXPR_IS:
            goes_on = jump_is_in(c, expr, sense, label);
            break;
        default:
            goes_on = jump_on_value(c, expr, sense, label);
        }
    }
    c->next_register = mark;
    return goes_on;
}

/* The value of what is compiled as control flow. Where nothing or a lone jump was emitted the truth
 * is known. */
static struct rune_cedar_operand compile_truth(struct rune_cedar_compiler *c,
                                               const struct rune_cedar_expr *expr)
{
    struct rune_vec_u32 *code = &c->program->code;
    struct rune_cedar_label is_false = {0};
    struct rune_cedar_label end = {0};
    size_t before = code->count;
    bool goes_on = rune_cedar_compile_jump(c, expr, false, &is_false);
    if (c->err != RUNE_OK || code->count == before) {
        return constant(RUNE_TERM_TRUE);
    }
    if (is_lone_jump(c, goes_on, before)) {
        code->count = before;
        return constant(RUNE_TERM_FALSE);
    }
    uint32_t reg = allocate(c);
    bool jumps = is_false.chain != 0;
    if (goes_on) {
        load(c, reg, RUNE_TERM_TRUE);
        if (jumps) {
            rune_cedar_emit_jump(c, RUNE_OP_JUMP, &end, NULL);
        }
    }
    rune_cedar_bind(c, &is_false);
    if (jumps) {
        load(c, reg, RUNE_TERM_FALSE);
    }
    rune_cedar_bind(c, &end);
    return in_register(reg);
}

static struct rune_cedar_operand compile_if(struct rune_cedar_compiler *c,
                                            const struct rune_cedar_expr *expr)
{
    struct rune_vec_u32 *code = &c->program->code;
    struct rune_cedar_label otherwise = {0};
    struct rune_cedar_label end = {0};
    uint32_t mark = c->next_register;
    size_t before = code->count;
    bool then_runs = rune_cedar_compile_jump(c, expr->args[0], false, &otherwise);
    if (code->count == before) {
        return compile_value(c, expr->args[1]);
    }
    if (is_lone_jump(c, then_runs, before)) {
        code->count = before;
        return compile_value(c, expr->args[2]);
    }
    uint32_t reg = use_register(c, mark);
    bool else_runs = otherwise.chain != 0;
    if (then_runs) {
        c->next_register = mark;
        move_to(c, reg, compile_value(c, expr->args[1]));
        if (else_runs) {
            rune_cedar_emit_jump(c, RUNE_OP_JUMP, &end, NULL);
        }
    }
    rune_cedar_bind(c, &otherwise);
    if (else_runs) {
        c->next_register = mark;
        move_to(c, reg, compile_value(c, expr->args[2]));
    }
    rune_cedar_bind(c, &end);
    c->next_register = mark + 1;
    return in_register(reg);
}

static struct rune_cedar_operand compile_value(struct rune_cedar_compiler *c,
                                               const struct rune_cedar_expr *expr)
{
    if (c->err != RUNE_OK) {
        return constant(RUNE_TERM_NONE);
    }
    const struct binary *binary = find_binary(expr->kind);
    bool is_contains = expr->kind == RUNE_EXPR_CONTAINS_ALL || expr->kind == RUNE_EXPR_CONTAINS_ANY;
    if (is_contains && is_probed(c, expr->args[0])) {
        return compile_probe(c, expr);
    }
    if (binary != NULL) {
        return compile_binary(c, expr, binary);
    }
    if (is_single_test(expr)) {
        return compile_test(c, expr);
    }
    switch (expr->kind) {
    case RUNE_EXPR_BOOL:
        return constant(rune_term_bool(expr->as.boolean));
    case RUNE_EXPR_LONG:
        return compile_long(c, expr->as.integer);
    case RUNE_EXPR_STRING:
        return constant(rune_cedar_intern_string(c, expr->as.string));
    case RUNE_EXPR_ENTITY:
        return constant(rune_cedar_intern_uid(c, &expr->as.uid));
    case RUNE_EXPR_VAR:
        return in_register((uint32_t)expr->as.var);
    case RUNE_EXPR_IF:
        return compile_if(c, expr);
    case RUNE_EXPR_NOT:
        return compile_unary(c, expr, RUNE_OP_NOT);
    case RUNE_EXPR_NEG:
        return compile_unary(c, expr, RUNE_OP_NEG);
    case RUNE_EXPR_IS_EMPTY:
        return compile_unary(c, expr, RUNE_OP_IS_EMPTY);
    case RUNE_EXPR_LIKE:
        return compile_like(c, expr);
    case RUNE_EXPR_GET_ATTR:
        return compile_get(c, expr);
    case RUNE_EXPR_SET:
        return compile_set(c, expr);
    case RUNE_EXPR_RECORD:
        return compile_record(c, expr);
    case RUNE_EXPR_CALL:
        return compile_call(c, expr);
    case RUNE_EXPR_AND:
    case RUNE_EXPR_OR:
    case RUNE_EXPR_HAS:
    case RUNE_EXPR_IS:
        return compile_truth(c, expr);
    default:
        /* A slot stands in scopes only: the parsers refuse it here. */
        rune_cedar_fail(c, RUNE_E_INTERNAL);
        return constant(RUNE_TERM_NONE);
    }
}
