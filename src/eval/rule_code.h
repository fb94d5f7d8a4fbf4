/* SPDX-License-Identifier: Apache-2.0 */
/* rule_code: the programs that rules are compiled into.
 *
 * A plan is one rule for one binding pattern: nested loops with static jump targets over registers
 * of terms. It starts at word 1 with the bound columns of the head, ascending, in the first
 * registers, and emits tuples of the head. Its loops are numbered in order; every jump goes back,
 * to an enclosing loop's next tuple or to word 0, so a program ends when its loops do. Where a
 * check fails, the jump goes to the latest loop that set one of the values checked, not merely to
 * the nearest: tuples in between cannot change the answer. After EMIT it goes to the latest loop
 * that set a column of the head: one proof of a tuple is enough.
 *
 * Operations and operand letters: rule_code.def. Checked by rule_verify_code.c, run by rule_vm.c,
 * made by datalog/code.c; who reads them does so by rule_program.h. */
#pragma once

#include <stdint.h>

enum rune_rule_op {
#define RUNE_RULE_OP(name, operands, text) RUNE_RULE_##name,
#include "eval/rule_code.def"
#undef RUNE_RULE_OP
    RUNE_RULE_OP_COUNT
};

struct rune_rule_op_info {
    const char *name, *operands, *text;
};
extern const struct rune_rule_op_info rune_rule_ops[RUNE_RULE_OP_COUNT];

/* rune_image_plan.flags: the number of loops in the low half. */
#define RUNE_PLAN_LOOPS(flags) ((flags)&0xffffu)

#define RUNE_RULE_MAX_REGISTERS 4096u /* LIMIT: of one plan */
#define RUNE_RULE_MAX_LOOPS     1024u /* LIMIT: of one plan */
#define RUNE_RULE_MAX_AHEAD     16u   /* LIMIT: entries of AHEAD */

enum rune_rule_compare { RUNE_RULE_LT, RUNE_RULE_LE, RUNE_RULE_GT, RUNE_RULE_GE };
enum rune_rule_arith { RUNE_RULE_ADD, RUNE_RULE_SUB, RUNE_RULE_MUL, RUNE_RULE_DIV, RUNE_RULE_MOD };
enum rune_rule_aggregate {
    RUNE_RULE_COUNT,
    RUNE_RULE_SUM,
    RUNE_RULE_MIN,
    RUNE_RULE_MAX,
    RUNE_RULE_MEAN
};
enum rune_rule_mark { RUNE_RULE_MARK_PARTIAL = 1, RUNE_RULE_MARK_UNSURE = 2 };
enum rune_rule_sees { RUNE_RULE_NEGATED = 1, RUNE_RULE_SEES_REQUEST = 2, RUNE_RULE_OF_TAGS = 1 };

/* Functions of TEST and FUNCTION. */
enum rune_rule_function {
#define RUNE_RULE_FUNCTION(name, arity, text) RUNE_RULE_FN_##name,
#include "eval/rule_functions.def"
#undef RUNE_RULE_FUNCTION
    RUNE_RULE_FUNCTION_COUNT
};
