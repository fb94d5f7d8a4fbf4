/* SPDX-License-Identifier: Apache-2.0 */
/* rows: sets of tuples as sorted lines of text, so that those of an evaluation and those of the
 * referee data compare as strings. Lines live in the arena. */
#pragma once

#include "base/json.h"
#include "reference/datalog_run.h"

struct rows {
    char **lines;
    size_t count, capacity;
    struct rune_arena *arena;
    const struct datalog_run *run; /* whose terms are taken */
};

/* For datalog_run_query: adds a tuple to the rows that `context` is. */
bool rows_take(void *context, const rune_term *tuple, uint32_t arity);
/* After the last one: sorted, each once. */
void rows_sort(struct rows *rows);
void rows_from_json(const struct rune_json_node *tuples, struct rune_arena *arena,
                    struct rows *ret);

bool rows_equal(const struct rows *a, const struct rows *b);
/* Lines of a that are not in b. */
void rows_minus(const struct rows *a, const struct rows *b, struct rows *ret);
