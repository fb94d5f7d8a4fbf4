/* SPDX-License-Identifier: Apache-2.0 */
/* policy_code: what the words of POLICY_CODE mean.
 *
 * A register machine. Programs only jump forward, so each ends after at most as many instructions
 * as it has; they begin with the scope's tests and end in MATCH or NO_MATCH. The verifier
 * (eval/verify_code.c) checks every operand once, so the evaluator (eval/policy_vm.h) checks none.
 * Sets to which rules add are not in the entity's record as a whole: PROBE asks the record and then
 * the relation that has the rest.
 *
 * Owns: the numbers, the operands' shape, the table of functions. Used by: cedar/compile (writes),
 * eval (runs, verifies), rune inspect (prints). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum rune_op {
#define RUNE_OP(name, operands, may_fail, text) RUNE_OP_##name,
#define RUNE_OP_PREDICATE(name, operands, may_fail, text) \
    RUNE_OP_##name, RUNE_OP_##name##_ELSE, RUNE_OP_##name##_THEN,
#include "eval/policy_code.def"
#undef RUNE_OP
#undef RUNE_OP_PREDICATE
    RUNE_OP_COUNT
};

#define RUNE_POLICY_VARIABLES 4u /* registers 0 to 3 */
#define RUNE_POLICY_ACTION    1u
#define RUNE_POLICY_MAX_REGISTERS                                   \
    (1u << 17) /* LIMIT: also elements of a set that is no constant \
                */
/* Words of the action's test, with which programs begin: a policy that is found by its action only
 * begins behind it (rune_image_policy.entry). */
#define RUNE_POLICY_ACTION_WORDS 3u
#define RUNE_POLICY_MAX_CODE     (1u << 24) /* LIMIT: words of a program; jumps have 24 bits */

struct rune_op_info {
    const char *name;
    const char *operands; /* letters of eval/policy_code.def, "D" or "J" first */
    bool may_fail;
};

/* By enum rune_op. */
extern const struct rune_op_info rune_op_infos[RUNE_OP_COUNT];

/* Words of an instruction, operands included. */
uint32_t rune_op_words(enum rune_op op);

static inline uint32_t rune_op_word(enum rune_op op, uint32_t a)
{
    return (uint32_t)op | a << 8;
}

static inline enum rune_op rune_op_of(uint32_t word)
{
    return (enum rune_op)(word & 0xff);
}

static inline uint32_t rune_op_a(uint32_t word)
{
    return word >> 8;
}

/* Extension functions: eval/functions.def in order. */
enum rune_function {
#define RUNE_FUNCTION(name, text, style, arity, result) RUNE_FUNCTION_##name,
#include "eval/functions.def"
#undef RUNE_FUNCTION
    RUNE_FUNCTION_COUNT
};

struct rune_function_info {
    const char *name;
    uint8_t arity; /* the receiver counted; at most 2 */
    bool is_method;
};

extern const struct rune_function_info rune_function_infos[RUNE_FUNCTION_COUNT];

/* A wildcard's byte in PATTERN, which has UTF-8 else. */
#define RUNE_PATTERN_WILDCARD 0xffu
