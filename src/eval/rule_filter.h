/* SPDX-License-Identifier: Apache-2.0 */
/* rule_filter: turns of a loop that the next instruction would end are passed over in one tight
 * loop.
 *
 * A scan whose value only serves to search another relation mostly reads what that has not. Whether
 * a value is a key of it is a bit in a directory; whether it is there together with what is known
 * already is a bit in a prefix filter, where the builder has made one. Owns: which of the two a
 * scan can use. Does not know: limits. Private to eval. Used by: rule_vm. */
#pragma once

#include "eval/rule_vm.h"

#define RUNE_RULE_NO_FILTER    UINT32_MAX
#define RUNE_RULE_FILTER_TURNS 4u /* fewer are not worth the look for one */

struct rune_rule_filter {
    uint32_t order;    /* in which the value must be a key; RUNE_RULE_NO_FILTER */
    uint32_t position; /* of the value in the scan's order */
    const struct rune_prefix_filter *prefix; /* it must be found with what is known; NULL */
    uint64_t known_hash;                     /* of that */
    uint32_t place;                          /* of the value in the prefix */
};

/* The filter of a scan that reads `columns` (its list) and is followed by `next`. */
void rune_rule_filter_find(const struct rune_rule_vm *vm, const struct rune_cursor *cursor,
                           const uint32_t *columns, const uint32_t *next,
                           const rune_term *registers, struct rune_rule_filter *ret_filter);

/* Moves the cursor to the next tuple that the filter lets pass, `most` further at most; by how
 * many. */
uint32_t rune_rule_filter_pass(const struct rune_relations *in,
                               const struct rune_rule_filter *filter, struct rune_cursor *cursor,
                               uint32_t most);
