/* SPDX-License-Identifier: Apache-2.0 */
/* prefix_filter: which leading columns an order has together, as bits of a hash: it says no to most
 * of what a search would look for in vain, and never to what is there.
 *
 * Owns: the hash. Does not know: who searches. The builder makes filters of the orders that a
 * recursion searches by several columns (datalog/filters.c); a loop whose values end in such a
 * search passes over those that it says no to (rule_filter.c). Decisions have none. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/term.h"

struct rune_prefix_filter {
    uint64_t *words; /* NULL: no filter */
    uint32_t shift;  /* 64 - log2 of its bits */
    uint32_t count;  /* of the columns, from the first sort position on */
};

/* What a term adds to the hash of a prefix. */
static inline uint64_t rune_prefix_part(uint32_t position, rune_term term)
{
    static const uint64_t factors[8] = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xc2b2ae3d27d4eb4f),
                                        UINT64_C(0xff51afd7ed558ccd), UINT64_C(0xbf58476d1ce4e5b9),
                                        UINT64_C(0x94d049bb133111eb), UINT64_C(0xd6e8feb86659fd93),
                                        UINT64_C(0xa0761d6478bd642f), UINT64_C(0xe7037ed1a0b428db)};
    return term * factors[position & 7];
}

/* `hash`: the sum of the parts. */
static inline bool rune_prefix_may_exist(const struct rune_prefix_filter *filter, uint64_t hash)
{
    uint64_t bit = hash >> filter->shift;
    return (filter->words[bit / 64] >> (bit % 64) & 1) != 0;
}
