/* SPDX-License-Identifier: Apache-2.0 */
/* The values of expressions: constants and operators; conditions and rows have files of their own.
 *
 * INVARIANT: a value that needs a register of its own gets the one that was the next free at entry.
 * Rows of registers (sets, records, arguments) rely on it. What is constant emits nothing and is
 * folded on the way up, so folding is linear; where folding fails the instruction is emitted, and
 * fails when it runs. Walks recurse: the parser limits the depth of expressions. */
#include "base/utf8.h"
#include "cedar/compile_int.h"
#include "eval/error.h"

/* ---- folding ---- */

bool rune_cedar_folded(struct rune_cedar_compiler *c, bool ok, const struct rune_eval_error *error)
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
    return rune_cedar_constant(term);
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
        if (!rune_cedar_folded(c, call, &error)) {                                                 \
            return false;                                                                          \
        }                                                                                          \
        *ret_term = rune_term_bool(truth);                                                         \
        return true;                                                                               \
    }

#define FOLD_TERM(name, call)                                                                      \
    static bool name(struct rune_cedar_compiler *c, rune_term a, rune_term b, rune_term *ret_term) \
    {                                                                                              \
        struct rune_eval_error error;                                                              \
        return rune_cedar_folded(c, call, &error);                                                 \
    }

FOLD_TRUTH(fold_lt, rune_values_compare(&c->values, RUNE_COMPARE_LT, a, b, &truth, &error))
FOLD_TRUTH(fold_le, rune_values_compare(&c->values, RUNE_COMPARE_LE, a, b, &truth, &error))
FOLD_TRUTH(fold_gt, rune_values_compare(&c->values, RUNE_COMPARE_GT, a, b, &truth, &error))
FOLD_TRUTH(fold_ge, rune_values_compare(&c->values, RUNE_COMPARE_GE, a, b, &truth, &error))
FOLD_TRUTH(fold_all, rune_values_contains_all(&c->values, a, b, &truth, &error))
FOLD_TRUTH(fold_any, rune_values_contains_any(&c->values, a, b, &truth, &error))
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
    struct rune_cedar_operand left = rune_cedar_compile_value(c, expr->args[0]);
    struct rune_cedar_operand right = rune_cedar_compile_value(c, expr->args[1]);
    rune_term term;
    if (left.is_constant && right.is_constant && binary->fold != NULL &&
        binary->fold(c, left.term, right.term, &term)) {
        return rune_cedar_constant(term);
    }
    uint32_t a = rune_cedar_to_register(c, left);
    uint32_t b = rune_cedar_to_register(c, right);
    uint32_t reg = rune_cedar_reuse(c, mark);
    rune_cedar_emit_op(c, binary->op, reg, expr);
    rune_cedar_emit_word(c, a);
    rune_cedar_emit_word(c, b);
    return rune_cedar_in_register(reg);
}

/* ---- unary operators, patterns, attributes ---- */

static struct rune_cedar_operand compile_unary(struct rune_cedar_compiler *c,
                                               const struct rune_cedar_expr *expr, enum rune_op op)
{
    uint32_t mark = c->next_register;
    struct rune_cedar_operand arg = rune_cedar_compile_value(c, expr->args[0]);
    struct rune_eval_error error;
    rune_term term;
    bool truth;
    if (arg.is_constant) {
        if (op == RUNE_OP_NOT && rune_term_is_bool(arg.term)) {
            return rune_cedar_constant(rune_term_bool(arg.term == RUNE_TERM_FALSE));
        }
        if (op == RUNE_OP_NEG &&
            rune_cedar_folded(c, rune_values_negate(&c->values, arg.term, &term, &error), &error)) {
            return rune_cedar_constant(term);
        }
        if (op == RUNE_OP_IS_EMPTY && rune_values_is_empty(&c->values, arg.term, &truth, &error)) {
            return rune_cedar_constant(rune_term_bool(truth));
        }
    }
    uint32_t a = rune_cedar_to_register(c, arg);
    uint32_t reg = rune_cedar_reuse(c, mark);
    rune_cedar_emit_op(c, op, reg, expr);
    rune_cedar_emit_word(c, a);
    return rune_cedar_in_register(reg);
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
    struct rune_cedar_operand text = rune_cedar_compile_value(c, expr->args[0]);
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
        return rune_cedar_constant(rune_term_bool(truth));
    }
    uint32_t a = rune_cedar_to_register(c, text);
    uint32_t reg = rune_cedar_reuse(c, mark);
    rune_cedar_emit_op(c, RUNE_OP_LIKE, reg, expr);
    rune_cedar_emit_word(c, a);
    rune_cedar_emit_word(c, first);
    rune_cedar_emit_word(c, length);
    return rune_cedar_in_register(reg);
}

static struct rune_cedar_operand compile_get(struct rune_cedar_compiler *c,
                                             const struct rune_cedar_expr *expr)
{
    uint32_t mark = c->next_register;
    struct rune_cedar_operand object = rune_cedar_compile_value(c, expr->args[0]);
    rune_term name = rune_cedar_intern_string(c, expr->as.string);
    if (object.is_constant && rune_term_kind(object.term) == RUNE_KIND_RECORD) {
        rune_term term = rune_values_record_get(&c->values, object.term, name);
        if (term != RUNE_TERM_NONE) {
            return rune_cedar_constant(term);
        }
    }
    uint32_t a = rune_cedar_to_register(c, object);
    uint32_t reg = rune_cedar_reuse(c, mark);
    rune_cedar_emit_op(c, RUNE_OP_GET, reg, expr);
    rune_cedar_emit_word(c, a);
    rune_cedar_emit_word(c, name);
    return rune_cedar_in_register(reg);
}

/* ---- any expression ---- */

struct rune_cedar_operand rune_cedar_compile_value(struct rune_cedar_compiler *c,
                                                   const struct rune_cedar_expr *expr)
{
    if (c->err != RUNE_OK) {
        return rune_cedar_constant(RUNE_TERM_NONE);
    }
    const struct binary *binary = find_binary(expr->kind);
    bool may_probe = expr->kind == RUNE_EXPR_CONTAINS_ALL || expr->kind == RUNE_EXPR_CONTAINS_ANY ||
                     expr->kind == RUNE_EXPR_IS_EMPTY;
    if (may_probe && rune_cedar_is_probed(c, expr->args[0])) {
        return rune_cedar_compile_probe(c, expr);
    }
    if (binary != NULL) {
        return compile_binary(c, expr, binary);
    }
    if (rune_cedar_is_test(expr)) {
        return rune_cedar_compile_test(c, expr);
    }
    switch (expr->kind) {
    case RUNE_EXPR_BOOL:
        return rune_cedar_constant(rune_term_bool(expr->as.boolean));
    case RUNE_EXPR_LONG:
        return compile_long(c, expr->as.integer);
    case RUNE_EXPR_STRING:
        return rune_cedar_constant(rune_cedar_intern_string(c, expr->as.string));
    case RUNE_EXPR_ENTITY:
        return rune_cedar_constant(rune_cedar_intern_uid(c, expr->as.uid));
    case RUNE_EXPR_VAR:
        return rune_cedar_in_register((uint32_t)expr->as.var);
    case RUNE_EXPR_IF:
        return rune_cedar_compile_if(c, expr);
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
        return rune_cedar_compile_set(c, expr);
    case RUNE_EXPR_RECORD:
        return rune_cedar_compile_record(c, expr);
    case RUNE_EXPR_CALL:
        return rune_cedar_compile_call(c, expr);
    case RUNE_EXPR_AND:
    case RUNE_EXPR_OR:
    case RUNE_EXPR_HAS:
    case RUNE_EXPR_IS:
        return rune_cedar_compile_truth(c, expr);
    default:
        /* A slot stands in scopes only: the parsers refuse it here. */
        rune_cedar_fail(c, RUNE_E_INTERNAL);
        return rune_cedar_constant(RUNE_TERM_NONE);
    }
}
