/* SPDX-License-Identifier: Apache-2.0 */
/* rule_narrow_int: between rule_narrow (questions and their plans), rule_narrow_code (programs) and
 * rule_narrow_registers (their registers). Nobody else includes it. */
#pragma once

#include "eval/rule_narrow.h"
#include "eval/rule_program.h"

#define RUNE_NARROW_NONE UINT32_MAX

/* A question that plans were made for. They belong to a relation of their own, which has the
 * columns wanted. */
struct rune_narrow_answer {
    struct rune_question question;
    struct rune_plan_group group;
};

/* A register of the program that a new one is made of. */
struct rune_narrow_register {
    uint32_t read;    /* where its value is, in the new program */
    uint32_t same_as; /* where the value is that it must have, once that is known; else NONE */
    uint32_t twin;    /* the next of the registers that must be equal, in a ring */
    uint32_t loop;    /* target of the loop, in the new program, that decides its value */
    bool is_live;     /* somebody reads it */
};

/* A program being made of another one. */
struct rune_narrow_program {
    const struct rune_question *question;
    const struct rune_image_plan *plan; /* of the other one */
    const uint32_t *code;               /* the other one */
    struct rune_narrow_register *registers;
    uint32_t shift; /* of registers that are no arguments */
    uint32_t begin; /* of the new one, in the narrower's code */
    uint32_t loop_count;
    uint32_t (*loops)[2]; /* where they were, and are */
    bool is_rehearsal;    /* nothing is written */
};

struct rune_narrower {
    struct rune_rule_vm
        *vm; /* whose relations, plans and code are those below, from the first on */
    struct rune_arena *arena;
    struct rune_image_relation *relations;
    struct rune_image_plan *plans;
    uint32_t *code;
    struct rune_narrow_answer *answers;
    uint32_t image_plans, plan_count, plan_room, code_count, code_room;
    uint32_t image_relations, answer_count;
    uint32_t depth;
    bool is_full;
};

/* Columns of a head that is asked so, as a list: the tuples of its plans have the i-th of them in
 * column i. */
static inline uint32_t rune_narrow_column(const struct rune_question *question, uint32_t column)
{
    uint64_t before = question->wanted & ((UINT64_C(1) << column) - 1);
    return question->wanted == RUNE_NARROW_ALL ? column : (uint32_t)__builtin_popcountll(before);
}

/* Appends the program of a plan (of which `made` is a copy) for a narrower question, and fills in
 * what `made` says of it. What it asks is narrowed first. is_full: there is no room. */
void rune_narrow_write(struct rune_narrower *narrower, const struct rune_image_plan *plan,
                       const struct rune_question *question, struct rune_image_plan *made);

/* The place of a column among those that are bound. */
static inline uint32_t rune_narrow_rank(uint32_t bound, uint32_t column)
{
    return (uint32_t)__builtin_popcount(bound & ((1u << column) - 1));
}

/* ---- rule_narrow_registers.c ---- */

/* Fills in the program's registers, but for what the loops before decide. `head`: the list of those
 * that it emits. */
void rune_narrow_map_registers(struct rune_narrow_program *program, const uint32_t *head);

/* Registers that must be equal to one whose value is known now. */
void rune_narrow_spread(struct rune_narrow_program *program, uint32_t known);
