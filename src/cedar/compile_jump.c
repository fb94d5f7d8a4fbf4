/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions as control flow: `&&`, `||`, `!`, `if`, and the tests that are several instructions.
 * An operand whose truth is known decides here what is not even compiled. */
#include "cedar/compile_int.h"

/* ---- jumps ---- */

/* True if all that was emitted since `words` is one jump: the truth is known. */
static bool is_lone_jump(const struct rune_cedar_compiler *c, bool goes_on, size_t words)
{
    return c->err == RUNE_OK && !goes_on && c->program->code.count == words + 1;
}

/* `left && right` (`||` with both senses turned): false ends it. */
static bool jump_and(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr, bool sense,
                     struct rune_cedar_label *label)
{
    bool ends = expr->kind == RUNE_EXPR_OR; /* the truth of an operand that decides */
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
    uint32_t object = rune_cedar_to_register(c, rune_cedar_compile_value(c, expr->args[0]));
    uint32_t mark = c->next_register;
    for (uint32_t i = 0; i < path->count; i++) {
        bool last = i + 1 == path->count;
        struct rune_cedar_test test = {
            .op = RUNE_OP_HAS, .operands = {object, rune_cedar_intern_string(c, path->names[i])}};
        rune_cedar_emit_test_jump(c, expr, &test, last ? sense : false,
                                  last || !sense ? label : &skip);
        if (!last) {
            uint32_t reg = rune_cedar_reuse(c, mark);
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
    uint32_t value = rune_cedar_to_register(c, rune_cedar_compile_value(c, expr->args[0]));
    rune_term type = rune_cedar_intern_string(c, expr->as.name);
    struct rune_cedar_test is = {.op = RUNE_OP_IS, .operands = {value, type}};
    rune_cedar_emit_test_jump(c, expr, &is, false, sense ? &skip : label);
    struct rune_cedar_test in =
        rune_cedar_prepare_in(c, value, rune_cedar_compile_value(c, expr->args[1]));
    rune_cedar_emit_test_jump(c, expr, &in, sense, label);
    rune_cedar_bind(c, &skip);
    return true;
}

static bool jump_on_value(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr,
                          bool sense, struct rune_cedar_label *label)
{
    struct rune_cedar_operand value = rune_cedar_compile_value(c, expr);
    if (value.is_constant && rune_term_is_bool(value.term)) {
        struct rune_cedar_test test = rune_cedar_known(value.term == RUNE_TERM_TRUE);
        return rune_cedar_emit_test_jump(c, expr, &test, sense, label);
    }
    uint32_t reg = rune_cedar_to_register(c, value);
    rune_cedar_emit_jump(c, sense ? RUNE_OP_JUMP_THEN : RUNE_OP_JUMP_ELSE, label, expr);
    rune_cedar_emit_word(c, reg);
    return true;
}

bool rune_cedar_compile_jump(struct rune_cedar_compiler *c, const struct rune_cedar_expr *expr,
                             bool sense, struct rune_cedar_label *label)
{
    uint32_t mark = c->next_register;
    bool goes_on;
    if (rune_cedar_is_test(expr)) {
        struct rune_cedar_test test = rune_cedar_prepare_test(c, expr);
        goes_on = rune_cedar_emit_test_jump(c, expr, &test,
                                            expr->kind == RUNE_EXPR_NE ? !sense : sense, label);
    } else {
        switch (expr->kind) {
        case RUNE_EXPR_AND:
        case RUNE_EXPR_OR:
            goes_on = jump_and(c, expr, sense, label);
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

/* ---- values ---- */

struct rune_cedar_operand rune_cedar_compile_truth(struct rune_cedar_compiler *c,
                                                   const struct rune_cedar_expr *expr)
{
    struct rune_vec_u32 *code = &c->program->code;
    struct rune_cedar_label is_false = {0};
    struct rune_cedar_label end = {0};
    size_t before = code->count;
    bool goes_on = rune_cedar_compile_jump(c, expr, false, &is_false);
    if (c->err != RUNE_OK || code->count == before) {
        return rune_cedar_constant(RUNE_TERM_TRUE);
    }
    if (is_lone_jump(c, goes_on, before)) {
        code->count = before;
        return rune_cedar_constant(RUNE_TERM_FALSE);
    }
    uint32_t reg = rune_cedar_allocate(c);
    bool jumps = is_false.chain != 0;
    if (goes_on) {
        rune_cedar_load(c, reg, RUNE_TERM_TRUE);
        if (jumps) {
            rune_cedar_emit_jump(c, RUNE_OP_JUMP, &end, NULL);
        }
    }
    rune_cedar_bind(c, &is_false);
    if (jumps) {
        rune_cedar_load(c, reg, RUNE_TERM_FALSE);
    }
    rune_cedar_bind(c, &end);
    return rune_cedar_in_register(reg);
}

struct rune_cedar_operand rune_cedar_compile_if(struct rune_cedar_compiler *c,
                                                const struct rune_cedar_expr *expr)
{
    struct rune_vec_u32 *code = &c->program->code;
    struct rune_cedar_label otherwise = {0};
    struct rune_cedar_label end = {0};
    uint32_t mark = c->next_register;
    size_t before = code->count;
    bool then_runs = rune_cedar_compile_jump(c, expr->args[0], false, &otherwise);
    if (code->count == before) {
        return rune_cedar_compile_value(c, expr->args[1]);
    }
    if (is_lone_jump(c, then_runs, before)) {
        code->count = before;
        return rune_cedar_compile_value(c, expr->args[2]);
    }
    uint32_t reg = rune_cedar_use_register(c, mark);
    bool else_runs = otherwise.chain != 0;
    if (then_runs) {
        c->next_register = mark;
        rune_cedar_move_to(c, reg, rune_cedar_compile_value(c, expr->args[1]));
        if (else_runs) {
            rune_cedar_emit_jump(c, RUNE_OP_JUMP, &end, NULL);
        }
    }
    rune_cedar_bind(c, &otherwise);
    if (else_runs) {
        c->next_register = mark;
        rune_cedar_move_to(c, reg, rune_cedar_compile_value(c, expr->args[2]));
    }
    rune_cedar_bind(c, &end);
    c->next_register = mark + 1;
    return rune_cedar_in_register(reg);
}
