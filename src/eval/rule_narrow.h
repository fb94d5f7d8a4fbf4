/* SPDX-License-Identifier: Apache-2.0 */
/* rule_narrow: plans for more known columns than the image has plans for.
 *
 * The builder compiles what decisions ask, and for queries one known column, none and all. A plan
 * for further known columns is made of one that the image has: the value is one more argument, what
 * read the column reads the argument, and where the column was found it is compared, or searched by
 * if it stands next in the order. Relations that the plan asks are asked with more columns, too,
 * and their plans made likewise. The order of the joins stays that of the plan it is made of.
 *
 * Owns: programs beside those of the image, as long as the arena has them. Does not know: queries.
 * Recursive relations are left as they are: their tables need all that they ask. Thread: one
 * evaluation. Used by: rule_query. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "eval/rule_code.h"
#include "eval/rule_vm.h"

#define RUNE_NARROW_PLANS 4096u      /* LIMIT: made for one query */
#define RUNE_NARROW_WORDS (1u << 18) /* LIMIT: of their programs */
#define RUNE_NARROW_DEPTH 64u        /* LIMIT: relations that ask each other */
#define RUNE_NARROW_ALL   UINT32_MAX /* columns emitted: those of the head */
#define RUNE_NARROW_NONE  UINT32_MAX

struct rune_narrower {
    struct rune_rule_vm *vm; /* whose plans and code are those below, from the beginning on */
    struct rune_image_plan *plans;
    uint32_t *code;
    uint32_t plan_count, plan_room, code_count, code_room;
    bool is_full;
    /* of the program being made: registers where they are read, written, and must be compared */
    uint32_t *reads, *same_as;
    uint32_t shift; /* of registers that are no arguments */
    uint32_t loop_count;
    uint32_t loops[RUNE_RULE_MAX_LOOPS][2]; /* where they were, and are */
};

/* A group of plans: those of a relation for one set of known columns, which stand together. */
struct rune_plan_group {
    uint32_t first, count; /* 0: none */
    uint32_t bound;
    double rows; /* expected */
};

/* The machine's plans and programs become a copy with room for more. NULL: no memory for it. Cost:
 * O(words of all programs). */
struct rune_narrower *rune_narrower_create(struct rune_rule_vm *vm, uint32_t plan_count,
                                           uint32_t code_count, struct rune_arena *arena);

/* The plans of the relation with exactly the columns `known`; made of others if need be. count 0:
 * there are none, and none can be made. */
struct rune_plan_group rune_narrow(struct rune_narrower *narrower, uint32_t relation,
                                   uint32_t known);

/* The same, emitting the values of one column alone. One proof of each value is looked for. */
struct rune_plan_group rune_narrow_project(struct rune_narrower *narrower, uint32_t relation,
                                           uint32_t known, uint32_t column);

/* Among `count` plans, those of the relation with most of the columns `known` bound and no other;
 * of several such, those that are expected to give the fewest tuples. */
struct rune_plan_group rune_plan_find_group(const struct rune_image_plan *plans, uint32_t count,
                                            uint32_t relation, uint32_t known);
