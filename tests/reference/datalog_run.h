/* SPDX-License-Identifier: Apache-2.0 */
/* datalog_run: a rule program from text to answers by the way that images are made and read,
 * without a file between: parse, check, evaluate, verify, query. For the conformance runner, the
 * random tests and the benchmarks. */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "datalog/check.h"
#include "datalog/evaluate.h"
#include "eval/rule_eval.h"

struct datalog_run {
    struct rune_arena arena;   /* text, trees */
    struct rune_arena request; /* of queries */
    struct rune_source source;
    struct rune_dl_program program;
    struct rune_dict *dict;
    struct rune_dict *values;
    struct rune_dl_result result;
    struct rune_store store;
    struct rune_diag *diag;
    struct rune_tuples *facts; /* by relation of the program, while it is being made */
    struct rune_vec_dl_rule clauses;
    uint64_t steps;     /* that the last query took */
    uint64_t max_steps; /* that queries may take; 0: some seconds' */
};

/* Parses and checks. The run is to be finished whatever is returned. */
enum rune_err datalog_run_open(struct datalog_run *run, struct rune_str text,
                               enum rune_dl_dialect dialect,
                               const struct rune_dl_declaration *declarations,
                               uint32_t declaration_count);

/* The relation of that name in run->program, or UINT32_MAX. */
uint32_t datalog_run_relation(const struct datalog_run *run, struct rune_str name);

/* A fact for the evaluation to come. */
enum rune_err datalog_run_fact(struct datalog_run *run, uint32_t relation, const rune_term *row);

/* Evaluates and verifies. */
enum rune_err datalog_run_evaluate(struct datalog_run *run, enum rune_dl_storing storing);

/* Forgets what queries have computed, and the values made for them in run->values. */
void datalog_run_reset(struct datalog_run *run);

/* All tuples that match; `bound` and `same` as rune_rules_query, NULL: all. Values of `bound` that
 * the image does not have are made in run->values, after a reset; without `bound` it resets. */
enum rune_err datalog_run_query(struct datalog_run *run, struct rune_str name,
                                const rune_term *bound, const uint32_t *same, rune_tuple_fn emit,
                                void *context);

/* How many there are. */
enum rune_err datalog_run_count(struct datalog_run *run, struct rune_str name,
                                const rune_term *bound, const uint32_t *same, uint64_t *ret_count);

void datalog_run_close(struct datalog_run *run);
