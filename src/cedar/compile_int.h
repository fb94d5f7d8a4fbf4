/* SPDX-License-Identifier: Apache-2.0 */
/* compile_int: what the files of the compiler share: emitting words, registers, labels. Private to
 * cedar/compile*.c. */
#pragma once

#include "cedar/compile.h"
#include "eval/policy_code.h"
#include "eval/values.h"

struct rune_cedar_compiler {
    struct rune_cedar_program *program;
    struct rune_values values; /* for folding */
    struct rune_diag *diag;
    const struct rune_cedar_policy *policy;
    uint32_t start;            /* first word of the policy that is compiled */
    uint32_t next_register;    /* first free one */
    uint32_t register_count;   /* used so far */
    struct rune_vec_u32 stack; /* constants of sets and records on the way */
    enum rune_err err;         /* sticky; nothing is emitted any more */
};

/* A place that jumps wait for. The instructions that wait are chained through their A. */
struct rune_cedar_label {
    uint32_t chain; /* word of the last jump, from the program's start, plus 1; 0: none */
};

/* A value: a constant for which nothing was emitted, or a register. */
struct rune_cedar_operand {
    bool is_constant;
    rune_term term;
    uint32_t reg;
};

void rune_cedar_emit_op(struct rune_cedar_compiler *compiler, enum rune_op op, uint32_t a,
                        const struct rune_cedar_expr *expr);
void rune_cedar_emit_word(struct rune_cedar_compiler *compiler, uint32_t word);
/* A jump to a label; its operands are emitted by the caller. */
void rune_cedar_emit_jump(struct rune_cedar_compiler *compiler, enum rune_op op,
                          struct rune_cedar_label *label, const struct rune_cedar_expr *expr);
/* All jumps that wait for the label go to what is emitted next. */
void rune_cedar_bind(struct rune_cedar_compiler *compiler, struct rune_cedar_label *label);
void rune_cedar_fail(struct rune_cedar_compiler *compiler, enum rune_err err);

/* Emits what jumps to the label if the expression's truth is `sense`, and goes on else. False: it
 * never goes on. */
bool rune_cedar_compile_jump(struct rune_cedar_compiler *compiler,
                             const struct rune_cedar_expr *expr, bool sense,
                             struct rune_cedar_label *label);

rune_term rune_cedar_intern_string(struct rune_cedar_compiler *compiler, struct rune_str text);
rune_term rune_cedar_intern_uid(struct rune_cedar_compiler *compiler,
                                const struct rune_cedar_uid *uid);
