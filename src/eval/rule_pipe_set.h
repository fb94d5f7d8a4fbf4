/* SPDX-License-Identifier: Apache-2.0 */
/* rule_pipe_set: the pairs that some keys have in a relation that a pipe tests: the build side of a
 * hash semijoin, or antijoin.
 *
 * Owns: a hash table of pairs (key, value), and which keys have been asked; how many pairs a key is
 * expected to have, which it learns. Filled for many keys at once by pipes of its own, or, where
 * the relation's plans cannot be piped, by the machine. One set serves all steps that test the same
 * relation by the same column. Its table lies among what the machine keeps: it is lost with that
 * (rune_pipe_set_drop). Does not know: who tests. Thread: one evaluation. Used by: rule_pipe. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "eval/rule_vm.h"

struct rune_pipes;

struct rune_pipe_set {
    const struct rune_image_plan *plans; /* that give what a key has */
    uint32_t plan_count;
    uint32_t key;             /* column of the keys: 0 or 1 */
    uint64_t rows;            /* pairs expected of a key */
    struct rune_pipes *pipes; /* of the plans; NULL: they cannot be piped */
    uint64_t *slots;          /* 0: empty; a pair; (key, RUNE_TERM_NONE): that key was asked */
    uint32_t capacity;        /* slots: a power of two, or 0 */
    uint32_t count;           /* of them taken */
};

static inline uint64_t rune_pipe_set_pair(rune_term key, rune_term value)
{
    return (uint64_t)key << 32 | value;
}

/* The slot of a pair, or the empty one where it belongs. The table has one. */
static inline uint64_t *rune_pipe_set_slot(const struct rune_pipe_set *set, uint64_t pair)
{
    uint32_t last = set->capacity - 1;
    uint32_t at = (uint32_t)(pair * UINT64_C(0x9e3779b97f4a7c15) >> 32) & last;
    while (set->slots[at] != pair && set->slots[at] != 0) {
        at = (at + 1) & last;
    }
    return &set->slots[at];
}

static inline bool rune_pipe_set_has(const struct rune_pipe_set *set, rune_term key,
                                     rune_term value)
{
    uint64_t pair = rune_pipe_set_pair(key, value);
    return set->count > 0 && *rune_pipe_set_slot(set, pair) == pair;
}

/* Has all pairs of these keys in the set, RUNE_PIPE_ROWS at most, of which the same are neighbours:
 * those that are not there yet are asked now, unless one test for each in the list costs less.
 * False: not all are there, or vm->err. */
bool rune_pipe_set_fill(struct rune_pipe_set *set, struct rune_rule_vm *vm, const rune_term *keys,
                        uint32_t count);

/* Empties it: no key has been asked. */
void rune_pipe_set_clear(struct rune_pipe_set *set);

/* Empties it; its table is no more, and what its pipes remember is not true. */
void rune_pipe_set_drop(struct rune_pipe_set *set);
