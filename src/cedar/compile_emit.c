/* SPDX-License-Identifier: Apache-2.0 */
/* Words, jumps, registers and constants of the policy that is compiled. Nothing here knows
 * expressions, but for the places that instructions come from. */
#include "cedar/compile_int.h"

/* ---- words and jumps ---- */

void rune_cedar_fail(struct rune_cedar_compiler *c, enum rune_err err)
{
    if (c->err == RUNE_OK) {
        c->err = err;
    }
}

void rune_cedar_emit_op(struct rune_cedar_compiler *c, enum rune_op op, uint32_t a,
                        const struct rune_cedar_expr *expr)
{
    /* Room for the longest instruction, and all offsets of the section stay u32. */
    if (c->program->code.count - c->start > RUNE_POLICY_MAX_CODE - 8 ||
        c->program->code.count > UINT32_MAX - 8) {
        rune_cedar_fail(c, RUNE_E_LIMIT);
    }
    if (c->err != RUNE_OK) {
        return;
    }
    if (expr != NULL && rune_op_infos[op].may_fail) {
        struct rune_image_code_span span = {(uint32_t)c->program->code.count, expr->span.offset,
                                            expr->span.length};
        if (!RUNE_VEC_PUSH(&c->program->spans, span)) {
            rune_cedar_fail(c, RUNE_E_NOMEM);
        }
    }
    rune_cedar_emit_word(c, rune_op_word(op, a));
}

void rune_cedar_emit_jump(struct rune_cedar_compiler *c, enum rune_op op,
                          struct rune_cedar_label *label, const struct rune_cedar_expr *expr)
{
    uint32_t at = rune_cedar_here(c);
    rune_cedar_emit_op(c, op, label->chain, expr);
    if (c->err == RUNE_OK) {
        label->chain = at + 1;
    }
}

void rune_cedar_bind(struct rune_cedar_compiler *c, struct rune_cedar_label *label)
{
    if (c->err != RUNE_OK) {
        return;
    }
    uint32_t *code = c->program->code.items + c->start;
    for (uint32_t at = label->chain; at != 0;) {
        uint32_t word = code[at - 1];
        code[at - 1] = rune_op_word(rune_op_of(word), rune_cedar_here(c));
        at = rune_op_a(word);
    }
}

/* ---- interning ---- */

rune_term rune_cedar_intern_string(struct rune_cedar_compiler *c, struct rune_str text)
{
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err = rune_dict_string(c->values.dict, text, &term);
    if (err != RUNE_OK) {
        rune_cedar_fail(c, err);
    }
    return term;
}

rune_term rune_cedar_intern_uid(struct rune_cedar_compiler *c, const struct rune_cedar_uid *uid)
{
    rune_term term = RUNE_TERM_NONE;
    rune_term type = rune_cedar_intern_string(c, uid->type);
    rune_term id = rune_cedar_intern_string(c, uid->id);
    if (c->err == RUNE_OK) {
        rune_cedar_fail(c, rune_dict_entity(c->values.dict, type, id, &term));
    }
    return term;
}

/* ---- registers ---- */

uint32_t rune_cedar_use_register(struct rune_cedar_compiler *c, uint32_t reg)
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

uint32_t rune_cedar_allocate(struct rune_cedar_compiler *c)
{
    return rune_cedar_use_register(c, c->next_register++);
}

uint32_t rune_cedar_reuse(struct rune_cedar_compiler *c, uint32_t mark)
{
    c->next_register = mark;
    return rune_cedar_allocate(c);
}

void rune_cedar_load(struct rune_cedar_compiler *c, uint32_t reg, rune_term term)
{
    rune_cedar_emit_op(c, RUNE_OP_LOAD, rune_cedar_use_register(c, reg), NULL);
    rune_cedar_emit_word(c, term);
}

uint32_t rune_cedar_to_register(struct rune_cedar_compiler *c, struct rune_cedar_operand value)
{
    if (!value.is_constant) {
        return value.reg;
    }
    uint32_t reg = rune_cedar_allocate(c);
    rune_cedar_load(c, reg, value.term);
    return reg;
}

void rune_cedar_move_to(struct rune_cedar_compiler *c, uint32_t reg,
                        struct rune_cedar_operand value)
{
    if (value.is_constant) {
        rune_cedar_load(c, reg, value.term);
    } else if (value.reg != reg) {
        rune_cedar_emit_op(c, RUNE_OP_MOVE, rune_cedar_use_register(c, reg), NULL);
        rune_cedar_emit_word(c, value.reg);
    }
}
