/* SPDX-License-Identifier: Apache-2.0 */
/* Sets, records and calls: values in a row of registers, or a constant if all of them are. */
#include <stdlib.h>

#include "base/alloc.h"
#include "cedar/compile_int.h"
#include "eval/error.h"

/* ---- rows ---- */

/* Values on their way into a row of registers, from the next free one on. As long as all are
 * constants nothing is emitted and they are the top of the compiler's stack: a row of constants is
 * for the caller to fold and to pop. */
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
    struct rune_cedar_operand value = rune_cedar_compile_value(c, expr);
    rune_term term = value.is_constant ? value.term : RUNE_TERM_NONE;
    if (!value.is_constant) {
        row->is_constant = false;
        rune_cedar_move_to(c, row->first + place, value);
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
            rune_cedar_load(c, row->first + (uint32_t)(i - row->stack), c->stack.items[i]);
        }
    }
    c->stack.count = row->stack;
}

/* ---- sets ---- */

struct rune_cedar_operand rune_cedar_compile_set(struct rune_cedar_compiler *c,
                                                 const struct rune_cedar_expr *expr)
{
    struct row row = begin_row(c);
    for (uint32_t i = 0; c->err == RUNE_OK && i < expr->arg_count; i++) {
        add_to_row(c, &row, i, expr->args[i]);
    }
    c->next_register = row.first;
    if (c->err != RUNE_OK) {
        return rune_cedar_constant(RUNE_TERM_NONE);
    }
    if (row.is_constant) {
        rune_term term = RUNE_TERM_NONE;
        rune_term *elements = expr->arg_count > 0 ? c->stack.items + row.stack : NULL;
        enum rune_err err = rune_dict_set(c->values.dict, elements, expr->arg_count, &term);
        c->stack.count = row.stack;
        if (err != RUNE_OK) {
            rune_cedar_fail(c, err);
        }
        return rune_cedar_constant(term);
    }
    end_row(c, &row);
    uint32_t reg = rune_cedar_allocate(c);
    rune_cedar_emit_op(c, RUNE_OP_SET, reg, expr);
    rune_cedar_emit_word(c, row.first);
    rune_cedar_emit_word(c, expr->arg_count);
    return rune_cedar_in_register(reg);
}

/* ---- records ---- */

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
        return rune_cedar_constant(RUNE_TERM_NONE);
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
        return rune_cedar_constant(term);
    }
    end_row(c, row);
    uint32_t reg = rune_cedar_allocate(c);
    rune_cedar_emit_op(c, RUNE_OP_RECORD, reg, expr);
    rune_cedar_emit_word(c, row->first);
    rune_cedar_emit_word(c, names_set);
    return rune_cedar_in_register(reg);
}

struct rune_cedar_operand rune_cedar_compile_record(struct rune_cedar_compiler *c,
                                                    const struct rune_cedar_expr *expr)
{
    uint32_t count = expr->arg_count;
    uint64_t *places = rune_alloc((count + (size_t)(count == 0)) * sizeof *places);
    if (places == NULL) {
        rune_cedar_fail(c, RUNE_E_NOMEM);
        return rune_cedar_constant(RUNE_TERM_NONE);
    }
    struct row row = begin_row(c);
    struct rune_cedar_operand result = rune_cedar_constant(RUNE_TERM_NONE);
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

/* ---- calls ---- */

struct rune_cedar_operand rune_cedar_compile_call(struct rune_cedar_compiler *c,
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
        rune_cedar_folded(
            c, rune_values_call(&c->values, function, c->stack.items + row.stack, &term, &error),
            &error)) {
        c->stack.count = row.stack;
        return rune_cedar_constant(term);
    }
    end_row(c, &row);
    uint32_t reg = rune_cedar_allocate(c);
    if (!right_arity) {
        rune_cedar_emit_op(c, RUNE_OP_FAIL_ARITY, 0, expr);
        rune_cedar_emit_word(c, function);
        rune_cedar_emit_word(c, expr->arg_count);
        return rune_cedar_in_register(reg);
    }
    rune_cedar_emit_op(c, RUNE_OP_CALL, reg, expr);
    rune_cedar_emit_word(c, row.first);
    rune_cedar_emit_word(c, function);
    return rune_cedar_in_register(reg);
}
