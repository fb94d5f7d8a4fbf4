/* SPDX-License-Identifier: Apache-2.0 */
/* rule_narrow: plans for questions that the image has no plans for.
 *
 * The builder compiles what decisions ask, and for queries one known column, none and all. A plan
 * for a narrower question is made of one that the image has: a further known value is one more
 * argument, what read the column reads the argument, and where the column was found it is compared,
 * or searched by if it stands next in the order. Of columns that must be equal the later is known
 * as soon as the earlier is. What nobody wants is not read, and one proof of what is wanted is
 * enough. Relations that the plan asks are asked as narrowly, and their plans made likewise. The
 * order of the joins stays that of the plan it is made of.
 *
 * Owns: programs beside those of the image, as long as the arena has them. Does not know: queries.
 * Recursive relations are left as they are: their tables need all that they ask. Thread: one
 * evaluation. Used by: rule_query. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "eval/rule_vm.h"

#define RUNE_NARROW_PLANS 4096u      /* LIMIT: made for one query */
#define RUNE_NARROW_WORDS (1u << 18) /* LIMIT: of their programs */
#define RUNE_NARROW_DEPTH 64u        /* LIMIT: relations that ask each other */
#define RUNE_NARROW_ALL   UINT64_MAX /* columns wanted: those of the head */

struct rune_narrower;

/* What a relation is asked. */
struct rune_question {
    uint32_t relation;
    uint32_t known;       /* columns whose values are arguments, below 32 */
    uint64_t wanted;      /* columns that tuples are to have, ascending; or RUNE_NARROW_ALL */
    const uint32_t *same; /* by column: the first that it must equal, itself if none; NULL: none */
};

/* A group of plans: those of a relation for one set of known columns, which stand together. */
struct rune_plan_group {
    uint32_t first, count; /* 0: none */
    uint32_t bound;
    double rows; /* expected */
};

/* The machine's relations, plans and programs become a copy with room for more. NULL: no memory for
 * it. Cost: O(words of all programs). */
struct rune_narrower *rune_narrower_create(struct rune_rule_vm *vm, struct rune_arena *arena);

/* Plans with exactly the columns `known` bound that answer the question, made of others if need be.
 * Equal columns may differ in their tuples all the same. count 0: there are none, and none can be
 * made. */
struct rune_plan_group rune_narrow(struct rune_narrower *narrower,
                                   const struct rune_question *question);

/* Among `count` plans, those of the relation with most of the columns `known` bound and no other;
 * of several such, those that are expected to give the fewest tuples. */
struct rune_plan_group rune_plan_find_group(const struct rune_image_plan *plans, uint32_t count,
                                            uint32_t relation, uint32_t known);
