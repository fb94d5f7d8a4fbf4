/* SPDX-License-Identifier: Apache-2.0 */
/* rule_program: walking over the instructions of a program, for who reads programs instead of
 * running them: rule_narrow, rule_once. A program is one that was verified, or made of such. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "eval/rule_code.h"

/* Words of the operand that begins here. */
static inline uint32_t rune_rule_operand_words(char letter, const uint32_t *word)
{
    return letter == 'g' ? 2 : letter == 'R' ? 1 + word[0] : letter == 'W' ? 1 + 2 * word[0] : 1;
}

static inline const uint32_t *rune_rule_next(const uint32_t *word)
{
    const char *letters = rune_rule_ops[word[0]].operands;
    word++;
    for (; *letters != '\0'; letters++) {
        word += rune_rule_operand_words(*letters, word);
    }
    return word;
}

static inline bool rune_rule_is_loop(uint32_t op)
{
    return op == RUNE_RULE_SCAN || op == RUNE_RULE_CALL_SCAN || op == RUNE_RULE_MEMBER;
}

/* SCAN and CALL_SCAN have the same shape: [op, loop, two words, ..., empty, done, R, W]. */
struct rune_rule_scan {
    const uint32_t *prefix, *columns; /* the lists */
    uint32_t empty, done;
};

static inline struct rune_rule_scan rune_rule_scan_at(const uint32_t *word)
{
    struct rune_rule_scan scan = {.prefix = word + 6, .empty = word[4], .done = word[5]};
    scan.columns = scan.prefix + 1 + scan.prefix[0];
    return scan;
}

/* A program that the builder did not write may have no EMIT. */
static inline bool rune_rule_has_emit(const uint32_t *code, uint32_t length)
{
    const uint32_t *word = code + 1;
    while (word < code + length && word[0] != RUNE_RULE_EMIT) {
        word = rune_rule_next(word);
    }
    return word < code + length;
}

/* The registers that a program emits: the list of its EMIT, of which there is one. */
static inline const uint32_t *rune_rule_emitted(const uint32_t *code)
{
    const uint32_t *word = code + 1;
    while (word[0] != RUNE_RULE_EMIT) {
        word = rune_rule_next(word);
    }
    return word + 2;
}
