/* SPDX-License-Identifier: Apache-2.0 */
/* rule_program: walking over the instructions of a program, and over the operands of one. A program
 * is one that was verified, or made by this process: nothing is checked.
 *
 *     for (word = code + 1; word[0] != RUNE_RULE_EMIT; word = rune_rule_next(word)) {
 *         struct rune_rule_operand at = rune_rule_operands(word);
 *         for (; *at.letter != '\0'; at = rune_rule_operand_after(at)) ...
 *
 * Used by: whoever reads programs instead of running them, and rule_vm for what lists say. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "eval/rule_code.h"

/* What follows a list of an instruction: its length, then so many entries of `unit` words. */
static inline const uint32_t *rune_rule_skip_list(const uint32_t *list, uint32_t unit)
{
    return list + 1 + list[0] * unit;
}

/* An operand: its letter (rule_code.def), and its words from here on. */
struct rune_rule_operand {
    const char *letter; /* '\0': there are no more, `word` is what follows the instruction */
    const uint32_t *word;
};

static inline struct rune_rule_operand rune_rule_operands(const uint32_t *instruction)
{
    return (struct rune_rule_operand){rune_rule_ops[instruction[0]].operands, instruction + 1};
}

static inline struct rune_rule_operand rune_rule_operand_after(struct rune_rule_operand at)
{
    at.word = *at.letter == 'R'   ? rune_rule_skip_list(at.word, 1)
              : *at.letter == 'W' ? rune_rule_skip_list(at.word, 2)
                                  : at.word + (*at.letter == 'g' ? 2 : 1);
    at.letter++;
    return at;
}

/* The next instruction. */
static inline const uint32_t *rune_rule_next(const uint32_t *word)
{
    struct rune_rule_operand at = rune_rule_operands(word);
    while (*at.letter != '\0') {
        at = rune_rule_operand_after(at);
    }
    return at.word;
}

static inline bool rune_rule_is_loop(uint32_t op)
{
    return op == RUNE_RULE_SCAN || op == RUNE_RULE_CALL_SCAN || op == RUNE_RULE_MEMBER;
}

/* SCAN and CALL_SCAN have the same shape: [op, loop, two words, empty, done, R, W]. */
struct rune_rule_scan {
    const uint32_t *prefix, *columns; /* the lists */
    const uint32_t *body;             /* the next instruction */
    uint32_t empty, done;
};

static inline struct rune_rule_scan rune_rule_scan_at(const uint32_t *word)
{
    const uint32_t *prefix = word + 6, *columns = rune_rule_skip_list(prefix, 1);
    return (struct rune_rule_scan){
        .prefix = prefix,
        .columns = columns,
        .body = rune_rule_skip_list(columns, 2),
        .empty = word[4],
        .done = word[5],
    };
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
