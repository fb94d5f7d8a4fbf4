/* SPDX-License-Identifier: Apache-2.0 */
/* compare: what a run answers against what the naive evaluator found, by every set of known
 * columns. Fails the test of cmocka that calls it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "reference/datalog_naive.h"
#include "reference/datalog_run.h"

/* Every relation by every set of known columns, once with all others free and once with some of
 * them equal. `may_end`: recursions may end in a limit. `text` and `how` are for messages, `state`
 * makes the values. */
void compare_run(struct datalog_run *run, const struct rune_buf *text,
                 const struct naive_relation *want, uint64_t *state, bool may_end, const char *how);

/* So much for the tables of a query, 2 MiB at most: many answers have to be given in parts. */
void compare_limit_memory(struct datalog_run *run, size_t bytes);
