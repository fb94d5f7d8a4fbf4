/* SPDX-License-Identifier: Apache-2.0 */
/* datalog_random: random programs of the bare rule language that keep its rules of safety and
 * strata: mutual and non-linear recursion, negation, aggregates over joins, arithmetic with its
 * errors, alternatives. The same seed with another order is the same program with its rules and
 * the literals of all bodies in another order. Used by: tests of the rule engine. */
#pragma once

#include <stdint.h>

#include "base/buf.h"

/* A number below `below`; moves the state on. */
uint32_t datalog_random_below(uint64_t *state, uint32_t below);

/* Appends the program of that seed to `out`, in the order 0 as it was made. */
void datalog_random_program(struct rune_buf *out, uint64_t seed, uint64_t order);
