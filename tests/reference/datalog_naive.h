/* SPDX-License-Identifier: Apache-2.0 */
/* datalog_naive: the rule language evaluated slowly and obviously, over the checked tree: every
 * rule against every tuple until nothing changes, component by component. Shares no code with the
 * engine, values included. The bare language: integers, strings, floats. */
#pragma once

#include "base/arena.h"
#include "datalog/ast.h"

struct naive_value {
    enum { NAIVE_LONG, NAIVE_FLOAT, NAIVE_STRING } kind;
    int64_t integer;
    double floating;
    struct rune_str string;
};

struct naive_relation {
    uint32_t arity;
    uint32_t count, capacity;
    struct naive_value *tuples; /* row-major, each once */
};

/* -1, 0, 1: a total order of all values, for printing and sets. */
int naive_compare(const struct naive_value *a, const struct naive_value *b);

/* All relations of the program, by number; facts of the program only. False: more than max_tuples,
 * or out of memory. Everything lives in the arena. */
bool naive_evaluate(const struct rune_dl_program *program, uint32_t max_tuples,
                    struct rune_arena *arena, struct naive_relation **ret_relations);
