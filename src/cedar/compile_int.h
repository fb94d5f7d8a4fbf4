/* SPDX-License-Identifier: Apache-2.0 */
/* compile_int: what the files of the compiler share. Private to cedar/compile*.c.
 *
 * compile.c       policies: scopes, conditions, links
 * compile_emit.c  words, jumps, registers, interning: knows no expressions
 * compile_expr.c  values of expressions: literals, operators
 * compile_row.c   sets, records and calls
 * compile_test.c  tests that are one instruction
 * compile_jump.c  conditions: control flow
 *
 * An expression is compiled in one of two ways: for its value, into a register, or for its truth,
 * as a jump. Conditions take the second, so `&&`, `||`, `!` and `if` become control flow and no
 * boolean is ever stored. */
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

static inline struct rune_cedar_operand rune_cedar_constant(rune_term term)
{
    return (struct rune_cedar_operand){.is_constant = true, .term = term};
}

static inline struct rune_cedar_operand rune_cedar_in_register(uint32_t reg)
{
    return (struct rune_cedar_operand){.reg = reg};
}

/* One test, its operands known: emitted for its value or as a jump. */
struct rune_cedar_test {
    enum rune_op op;      /* the value form; + 1: jumps if false, + 2: if true */
    uint32_t operands[5]; /* as many as the instruction has */
    bool is_constant;     /* or the truth is known */
    bool truth;
};

static inline struct rune_cedar_test rune_cedar_known(bool truth)
{
    return (struct rune_cedar_test){.is_constant = true, .truth = truth};
}

/* ---- compile_emit.c ---- */

void rune_cedar_fail(struct rune_cedar_compiler *compiler, enum rune_err err);

/* Words of the policy so far: where the next one goes. */
static inline uint32_t rune_cedar_here(const struct rune_cedar_compiler *c)
{
    return (uint32_t)c->program->code.count - c->start;
}

/* The first word of an instruction. If it may fail, errors name the place of `expr`. */
void rune_cedar_emit_op(struct rune_cedar_compiler *compiler, enum rune_op op, uint32_t a,
                        const struct rune_cedar_expr *expr);
static inline void rune_cedar_emit_word(struct rune_cedar_compiler *c, uint32_t word)
{
    if (c->err == RUNE_OK && !RUNE_VEC_PUSH(&c->program->code, word)) {
        rune_cedar_fail(c, RUNE_E_NOMEM);
    }
}

/* A jump to a label; its operands are emitted by the caller. */
void rune_cedar_emit_jump(struct rune_cedar_compiler *compiler, enum rune_op op,
                          struct rune_cedar_label *label, const struct rune_cedar_expr *expr);
/* All jumps that wait for the label go to what is emitted next. */
void rune_cedar_bind(struct rune_cedar_compiler *compiler, struct rune_cedar_label *label);

rune_term rune_cedar_intern_string(struct rune_cedar_compiler *compiler, struct rune_str text);
rune_term rune_cedar_intern_uid(struct rune_cedar_compiler *compiler,
                                const struct rune_cedar_uid *uid);

/* That register, counted. RUNE_E_LIMIT if there are not so many. */
uint32_t rune_cedar_use_register(struct rune_cedar_compiler *compiler, uint32_t reg);
uint32_t rune_cedar_allocate(struct rune_cedar_compiler *compiler);
/* Gives back all registers from `mark` on and takes the first of them. */
uint32_t rune_cedar_reuse(struct rune_cedar_compiler *compiler, uint32_t mark);
void rune_cedar_load(struct rune_cedar_compiler *compiler, uint32_t reg, rune_term term);
/* The value into that register. */
void rune_cedar_move_to(struct rune_cedar_compiler *compiler, uint32_t reg,
                        struct rune_cedar_operand value);
/* The value into some register, if it is in none. */
uint32_t rune_cedar_to_register(struct rune_cedar_compiler *compiler,
                                struct rune_cedar_operand value);

/* ---- compile_expr.c ---- */

struct rune_cedar_operand rune_cedar_compile_value(struct rune_cedar_compiler *compiler,
                                                   const struct rune_cedar_expr *expr);

/* `ok`, the result of folding constants. An error is no failure of compiling, unless memory is out:
 * then nothing can be folded any more. */
bool rune_cedar_folded(struct rune_cedar_compiler *compiler, bool ok,
                       const struct rune_eval_error *error);

/* ---- compile_row.c ---- */

struct rune_cedar_operand rune_cedar_compile_set(struct rune_cedar_compiler *compiler,
                                                 const struct rune_cedar_expr *expr);
/* Values are computed in the order of their names' terms, the order that records have. */
struct rune_cedar_operand rune_cedar_compile_record(struct rune_cedar_compiler *compiler,
                                                    const struct rune_cedar_expr *expr);
struct rune_cedar_operand rune_cedar_compile_call(struct rune_cedar_compiler *compiler,
                                                  const struct rune_cedar_expr *expr);

/* ---- compile_test.c ---- */

/* Whether an expression is a single test. */
bool rune_cedar_is_test(const struct rune_cedar_expr *expr);
/* The test of one that is; NE is EQ, for the caller to turn around. */
struct rune_cedar_test rune_cedar_prepare_test(struct rune_cedar_compiler *compiler,
                                               const struct rune_cedar_expr *expr);
/* `in`, when its operands are compiled. */
struct rune_cedar_test rune_cedar_prepare_in(struct rune_cedar_compiler *compiler, uint32_t left,
                                             struct rune_cedar_operand right);
/* As rune_cedar_compile_jump. */
bool rune_cedar_emit_test_jump(struct rune_cedar_compiler *compiler,
                               const struct rune_cedar_expr *expr,
                               const struct rune_cedar_test *test, bool sense,
                               struct rune_cedar_label *label);
struct rune_cedar_operand rune_cedar_compile_test(struct rune_cedar_compiler *compiler,
                                                  const struct rune_cedar_expr *expr);

/* Whether a set is an attribute to which rules add and which policies only probe: then it is never
 * built, and `containsAll` and `containsAny` ask its relation. */
bool rune_cedar_is_probed(const struct rune_cedar_compiler *compiler,
                          const struct rune_cedar_expr *set);
struct rune_cedar_operand rune_cedar_compile_probe(struct rune_cedar_compiler *compiler,
                                                   const struct rune_cedar_expr *expr);

/* ---- compile_jump.c ---- */

/* Emits what jumps to the label if the expression's truth is `sense`, and goes on else. False: it
 * never goes on. */
bool rune_cedar_compile_jump(struct rune_cedar_compiler *compiler,
                             const struct rune_cedar_expr *expr, bool sense,
                             struct rune_cedar_label *label);
/* The value of what is compiled as control flow. Where nothing or a lone jump was emitted the truth
 * is known. */
struct rune_cedar_operand rune_cedar_compile_truth(struct rune_cedar_compiler *compiler,
                                                   const struct rune_cedar_expr *expr);
struct rune_cedar_operand rune_cedar_compile_if(struct rune_cedar_compiler *compiler,
                                                const struct rune_cedar_expr *expr);
