/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/policy_code.h"

const struct rune_op_info rune_op_infos[RUNE_OP_COUNT] = {
#define RUNE_OP(name, operands, may_fail, text) {#name, operands, may_fail},
#define RUNE_OP_PREDICATE(name, operands, may_fail, text)                     \
    {#name, "D" operands, may_fail}, {#name "_ELSE", "J" operands, may_fail}, \
        {#name "_THEN", "J" operands, may_fail},
#include "eval/policy_code.def"
#undef RUNE_OP
#undef RUNE_OP_PREDICATE
};

const struct rune_function_info rune_function_infos[RUNE_FUNCTION_COUNT] = {
#define STYLE_C                                         false
#define STYLE_M                                         true
#define RUNE_FUNCTION(name, text, style, arity, result) {text, arity, STYLE_##style},
#include "eval/functions.def"
#undef RUNE_FUNCTION
#undef STYLE_C
#undef STYLE_M
};

uint32_t rune_op_words(enum rune_op op)
{
    uint32_t words = 1;
    for (const char *operand = rune_op_infos[op].operands; *operand != '\0'; operand++) {
        if (*operand == 'p' || *operand == 'q' || *operand == 'h') {
            words += 2;
        } else if (*operand != 'D' && *operand != 'J') {
            words += 1;
        }
    }
    return words;
}
