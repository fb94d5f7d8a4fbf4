/* SPDX-License-Identifier: Apache-2.0 */
/* Tests: `==`, `!=`, `in`, `is`, `has` and `contains`, each one instruction that is emitted for its
 * value or, where it decides a condition, as a jump. */
#include "cedar/compile_int.h"
#include "cedar/probes.h"
#include "eval/error.h"
#include "eval/probe.h"

/* ---- one of each kind ---- */

static struct rune_cedar_test prepare_eq(struct rune_cedar_compiler *c,
                                         const struct rune_cedar_expr *expr)
{
    struct rune_cedar_operand left = rune_cedar_compile_value(c, expr->args[0]);
    struct rune_cedar_operand right = rune_cedar_compile_value(c, expr->args[1]);
    if (left.is_constant && right.is_constant) {
        return rune_cedar_known(left.term == right.term);
    }
    if (left.is_constant) {
        return (struct rune_cedar_test){.op = RUNE_OP_EQ_CONST, .operands = {right.reg, left.term}};
    }
    if (right.is_constant) {
        return (struct rune_cedar_test){.op = RUNE_OP_EQ_CONST, .operands = {left.reg, right.term}};
    }
    return (struct rune_cedar_test){.op = RUNE_OP_EQ, .operands = {left.reg, right.reg}};
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

struct rune_cedar_test rune_cedar_prepare_in(struct rune_cedar_compiler *c, uint32_t left,
                                             struct rune_cedar_operand right)
{
    if (right.is_constant && c->err == RUNE_OK && is_entities(c, right.term)) {
        return (struct rune_cedar_test){.op = RUNE_OP_IN_CONST, .operands = {left, right.term}};
    }
    return (struct rune_cedar_test){.op = RUNE_OP_IN,
                                    .operands = {left, rune_cedar_to_register(c, right)}};
}

static struct rune_cedar_test prepare_in(struct rune_cedar_compiler *c,
                                         const struct rune_cedar_expr *expr)
{
    struct rune_cedar_operand left = rune_cedar_compile_value(c, expr->args[0]);
    struct rune_cedar_operand right = rune_cedar_compile_value(c, expr->args[1]);
    return rune_cedar_prepare_in(c, rune_cedar_to_register(c, left), right);
}

static struct rune_cedar_test prepare_is(struct rune_cedar_compiler *c,
                                         const struct rune_cedar_expr *expr)
{
    struct rune_cedar_operand value = rune_cedar_compile_value(c, expr->args[0]);
    rune_term type = rune_cedar_intern_string(c, expr->as.name);
    if (value.is_constant && rune_term_kind(value.term) == RUNE_KIND_ENTITY) {
        return rune_cedar_known(rune_values_entity_type(&c->values, value.term) == type);
    }
    return (struct rune_cedar_test){.op = RUNE_OP_IS,
                                    .operands = {rune_cedar_to_register(c, value), type}};
}

static struct rune_cedar_test prepare_has(struct rune_cedar_compiler *c,
                                          const struct rune_cedar_expr *expr)
{
    struct rune_cedar_operand object = rune_cedar_compile_value(c, expr->args[0]);
    rune_term name = rune_cedar_intern_string(c, expr->as.path.names[0]);
    return (struct rune_cedar_test){.op = RUNE_OP_HAS,
                                    .operands = {rune_cedar_to_register(c, object), name}};
}

/* ---- sets to which rules add ---- */

bool rune_cedar_is_probed(const struct rune_cedar_compiler *c, const struct rune_cedar_expr *set)
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

/* `object.name.contains(x)` and its like. The engine fills in the relation once it is there.
 * `.isEmpty()` has no argument. */
static struct rune_cedar_test prepare_probe(struct rune_cedar_compiler *c,
                                            const struct rune_cedar_expr *expr, enum rune_op op)
{
    const struct rune_cedar_expr *set = expr->args[0];
    uint32_t object = rune_cedar_to_register(c, rune_cedar_compile_value(c, set->args[0]));
    rune_term name = rune_cedar_intern_string(c, set->as.string);
    if (op == RUNE_OP_PROBE_EMPTY) {
        return (struct rune_cedar_test){
            .op = op, .operands = {object, name, RUNE_PROBE_NONE, RUNE_PROBE_NONE}};
    }
    if (may_fail(expr->args[1])) {
        /* Read for its error, which comes before that of the argument. */
        uint32_t mark = c->next_register;
        rune_cedar_emit_op(c, RUNE_OP_GET, rune_cedar_allocate(c), set);
        rune_cedar_emit_word(c, object);
        rune_cedar_emit_word(c, name);
        c->next_register = mark;
    }
    uint32_t argument = rune_cedar_to_register(c, rune_cedar_compile_value(c, expr->args[1]));
    return (struct rune_cedar_test){
        .op = op, .operands = {object, name, argument, RUNE_PROBE_NONE, RUNE_PROBE_NONE}};
}

static struct rune_cedar_test prepare_contains(struct rune_cedar_compiler *c,
                                               const struct rune_cedar_expr *expr)
{
    if (rune_cedar_is_probed(c, expr->args[0])) {
        return prepare_probe(c, expr, RUNE_OP_PROBE);
    }
    struct rune_cedar_operand set = rune_cedar_compile_value(c, expr->args[0]);
    struct rune_cedar_operand element = rune_cedar_compile_value(c, expr->args[1]);
    struct rune_eval_error error;
    bool truth;
    if (set.is_constant && element.is_constant &&
        rune_cedar_folded(
            c, rune_values_contains(&c->values, set.term, element.term, &truth, &error), &error)) {
        return rune_cedar_known(truth);
    }
    if (set.is_constant) {
        return (struct rune_cedar_test){.op = RUNE_OP_CONST_CONTAINS,
                                        .operands = {set.term, rune_cedar_to_register(c, element)}};
    }
    return (struct rune_cedar_test){.op = RUNE_OP_CONTAINS,
                                    .operands = {set.reg, rune_cedar_to_register(c, element)}};
}

/* ---- any of them ---- */

bool rune_cedar_is_test(const struct rune_cedar_expr *expr)
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

struct rune_cedar_test rune_cedar_prepare_test(struct rune_cedar_compiler *c,
                                               const struct rune_cedar_expr *expr)
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

static void emit_operands(struct rune_cedar_compiler *c, const struct rune_cedar_test *test)
{
    for (uint32_t i = 0; i + 1 < rune_op_words(test->op); i++) {
        rune_cedar_emit_word(c, test->operands[i]);
    }
}

bool rune_cedar_emit_test_jump(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr,
                               const struct rune_cedar_test *test, bool sense,
                               struct rune_cedar_label *label)
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

struct rune_cedar_operand rune_cedar_compile_test(struct rune_cedar_compiler *c,
                                                  const struct rune_cedar_expr *expr)
{
    uint32_t mark = c->next_register;
    struct rune_cedar_test test = rune_cedar_prepare_test(c, expr);
    bool negated = expr->kind == RUNE_EXPR_NE;
    if (test.is_constant) {
        c->next_register = mark;
        return rune_cedar_constant(rune_term_bool(test.truth != negated));
    }
    uint32_t reg = rune_cedar_reuse(c, mark);
    rune_cedar_emit_op(c, test.op, reg, expr);
    emit_operands(c, &test);
    if (negated) {
        rune_cedar_emit_op(c, RUNE_OP_NOT, reg, NULL);
        rune_cedar_emit_word(c, reg);
    }
    return rune_cedar_in_register(reg);
}

struct rune_cedar_operand rune_cedar_compile_probe(struct rune_cedar_compiler *c,
                                                   const struct rune_cedar_expr *expr)
{
    uint32_t mark = c->next_register;
    struct rune_cedar_test test =
        prepare_probe(c, expr,
                      expr->kind == RUNE_EXPR_IS_EMPTY       ? RUNE_OP_PROBE_EMPTY
                      : expr->kind == RUNE_EXPR_CONTAINS_ALL ? RUNE_OP_PROBE_ALL
                                                             : RUNE_OP_PROBE_ANY);
    uint32_t reg = rune_cedar_reuse(c, mark);
    rune_cedar_emit_op(c, test.op, reg, expr);
    emit_operands(c, &test);
    return rune_cedar_in_register(reg);
}
