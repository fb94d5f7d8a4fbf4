/* SPDX-License-Identifier: Apache-2.0 */
/* bulk: random programs over thousands of tuples, so that what only large relations meet is met:
 * rows of bits, sorted stretches, filters, pipes, orders by directory. Few kinds of literals and of
 * values, and shapes of recursion that engines have ways of their own for.
 *
 * Owns: programs (bulk_random.c) and what follows from them (bulk_solve.c): tuple by tuple, each
 * new one joined with all others by hash indexes. Shares nothing with the engine but
 * datalog_random's numbers. Used by: unit/datalog/test_bulk.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

enum {
    BULK_BASES = 4,
    BULK_DERIVED = 7,
    BULK_RELATIONS = BULK_BASES + BULK_DERIVED,
    BULK_MAX_ARITY = 4,
    BULK_MAX_VARS = 16,
    BULK_MAX_ATOMS = 4,
    BULK_MAX_RULES = 48,
};

struct bulk_arg {
    bool is_var;
    uint32_t var;
    int64_t value; /* of a constant */
};

struct bulk_atom {
    uint32_t relation;
    struct bulk_arg args[BULK_MAX_ARITY];
};

enum bulk_compare { BULK_LT, BULK_LE, BULK_NE };
enum bulk_fold { BULK_NO_FOLD, BULK_COUNT, BULK_SUM, BULK_MIN, BULK_MAX };

struct bulk_rule {
    struct bulk_atom head;
    struct bulk_atom atoms[BULK_MAX_ATOMS];
    uint32_t atom_count;
    bool has_negation, has_compare, has_sum;
    struct bulk_atom negation; /* every variable is bound by the atoms */
    enum bulk_compare compare;
    struct bulk_arg left, right;
    uint32_t sum, addend; /* variables: sum = addend + add, sum < below */
    int64_t add, below;
    enum bulk_fold fold; /* result = fold { value : inside }: what is not of the atoms is local */
    uint32_t result, value;
    struct bulk_atom inside;
    uint32_t var_count;
    bool is_off;
};

struct bulk_relation {
    uint32_t arity;
    uint32_t group; /* relations of one may read each other; those of a lower one are complete */
    int64_t *facts;
    uint32_t fact_count;
};

struct bulk_program {
    struct rune_arena arena;
    uint64_t state;
    uint32_t range; /* values are 0 .. range - 1, times the stride */
    int64_t stride; /* 0: they are strings */
    struct bulk_relation relations[BULK_RELATIONS];
    struct bulk_rule rules[BULK_MAX_RULES];
    uint32_t rule_count;
};

void bulk_random(struct bulk_program *program, uint64_t seed);
void bulk_fini(struct bulk_program *program);
void bulk_put_value(const struct bulk_program *program, int64_t value, struct rune_buf *out);
void bulk_put_program(const struct bulk_program *program, struct rune_buf *out);

/* ---- what follows ---- */

struct bulk_index {
    uint32_t *heads, *next; /* chains by hash of the known columns; 1 + row */
    uint32_t head_count, next_capacity, indexed;
};

struct bulk_rows {
    uint32_t arity, count, capacity;
    int64_t *cells;
    uint32_t *slots; /* 1 + row */
    uint32_t slot_count;
    struct bulk_index indexes[1 << BULK_MAX_ARITY]; /* by set of known columns */
};

struct bulk_answers {
    struct bulk_rows rows[BULK_RELATIONS];
    uint32_t *visits; /* rows that are still to be visited, of each atom on its way */
    uint32_t visit_count, visit_capacity;
    uint64_t steps_left;
    bool is_over;     /* too much: nobody's answer */
    uint32_t culprit; /* the rule that was too much */
};

void bulk_solve(const struct bulk_program *program, struct bulk_answers *ret_answers);
/* Turns off rules that are too much, if there are others for their heads. */
void bulk_tame(struct bulk_program *program, struct bulk_answers *ret_answers);
void bulk_answers_fini(struct bulk_answers *answers);
/* UINT32_MAX: it is not there. */
uint32_t bulk_find(const struct bulk_rows *rows, const int64_t *row);
