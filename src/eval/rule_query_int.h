/* SPDX-License-Identifier: Apache-2.0 */
/* rule_query_int: one query, between the files that answer it: rule_query (stored relations),
 * rule_query_plans (demanded ones, by plans for what is known), rule_query_keys (demanded ones in
 * full). Nobody else includes it. */
#pragma once

#include "eval/rule_eval.h"
#include "eval/rule_narrow.h"
#include "eval/rule_vm.h"

#define RUNE_QUERY_MAX_COLUMNS 64u /* LIMIT: as RUNE_DL_MAX_ARITY */
#define RUNE_QUERY_MAX_FOUND \
    80u /* LIMIT: twice as many as columns that plans can have known, and some */

/* Plans that were looked for. */
struct rune_query_found {
    bool is_known;
    uint32_t known;
    uint64_t wanted;
    struct rune_plan_group group;
};

struct rune_query {
    const struct rune_eval *eval;
    struct rune_rule_vm *vm;
    const struct rune_image_relation *relation;
    rune_term bound[RUNE_QUERY_MAX_COLUMNS];
    const uint32_t *same;
    rune_tuple_fn emit;
    void *context;
    uint64_t count;
    bool is_stopped;                /* by emit */
    struct rune_narrower *narrower; /* NULL: not needed yet, or no memory for it */
    struct rune_arena programs;     /* its own */
    struct rune_query_found found[RUNE_QUERY_MAX_FOUND];
    int wide; /* known columns with which the tuples were too many to be kept; -1: none */
};

/* ---- rule_query.c ---- */

bool rune_query_matches(const struct rune_query *query, const rune_term *tuple);

/* Counts a tuple if it matches, and hands it on. False: no more are wanted. */
bool rune_query_give(struct rune_query *query, const rune_term *tuple);

/* The column has that value (RUNE_TERM_NONE: any), and all that must equal it, too. */
void rune_query_bind(struct rune_query *query, uint32_t column, rune_term value);

/* ---- rule_query_plans.c ---- */

/* A demanded relation, from what is known. RUNE_E_NOT_FOUND, RUNE_E_LIMIT. Depth: a level for each
 * column. */
RUNE_MUST_USE enum rune_err rune_query_by_plans(struct rune_query *query);

/* ---- rule_query_keys.c ---- */

/* A demanded relation of which nothing is known, by plans that know its first column: one value of
 * it after the other. *ret_done false: it has to be done otherwise. */
RUNE_MUST_USE enum rune_err rune_query_by_keys(struct rune_query *query,
                                               struct rune_plan_group group, bool *ret_done);
