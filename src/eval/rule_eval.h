/* SPDX-License-Identifier: Apache-2.0 */
/* rule_eval: rules asked at request time: permit and forbid with the request bound, and point or
 * pattern queries.
 *
 * Works from the image's stored relations and compiled plans; everything else is computed on demand
 * within the request's arena and limits. FAILCLOSED: a limit ends the decision; a failed derivation
 * under a negation or aggregate of a permit rule makes that rule not match. Thread: one struct
 * rune_eval at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "eval/request.h"
#include "rune/err.h"

/* One rule that could not be used, for the answer's `errors`. */
struct rune_rule_error {
    uint32_t rule;    /* RULE index; UINT32_MAX: the decision as a whole (a limit) */
    const char *code; /* static: "overflow", "type_error", "limit", ... */
};

/* The permit and forbid rules that match the request. Arrays live in eval->arena. */
struct rune_rule_outcome {
    const uint32_t *permits; /* RULE indexes, ascending, distinct */
    uint32_t permit_count;
    const uint32_t *forbids;
    uint32_t forbid_count;
    const struct rune_rule_error *errors;
    uint32_t error_count;
};

/* Has the rows fetched that rune_rules_decide will read for this request (AHEAD): first where they
 * begin, as early as the request is known, then they, as soon as what lies between has taken about
 * as long as memory takes. Changes no answer. */
void rune_rules_fetch_keys(const struct rune_store *store, const struct rune_request *request);
void rune_rules_fetch_rows(const struct rune_store *store, const struct rune_request *request);

/* A machine over the image in the evaluation's arena, for one who runs plans; NULL: no memory. */
struct rune_rule_vm;
struct rune_rule_vm *rune_rules_machine(const struct rune_eval *eval);

/* RUNE_E_LIMIT: steps, memory or depth: the caller answers DENY. No other error. Cost: 0 when the
 * image has no permit or forbid rules. */
RUNE_MUST_USE enum rune_err rune_rules_decide(struct rune_eval *eval,
                                              struct rune_rule_outcome *ret_outcome);

/* What follows a key in a demanded relation of two columns, by its plans with the first one bound.
 * At most two values are told; *ret_is_partial: a derivation failed, so there may be others.
 * RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_rules_find_values(struct rune_eval *eval, uint32_t first_plan,
                                                   uint32_t plan_count, rune_term key,
                                                   rune_term ret_values[2], uint32_t *ret_count,
                                                   bool *ret_is_partial);

/* All tuples of a relation that match a pattern: `bound[i]` is a term, or RUNE_TERM_NONE where any
 * value goes; `same[i]` is the first column that column i must equal (i itself if free). Each tuple
 * once, in ascending order if the relation is stored. `emit` returns false to stop. Works for
 * stored, demanded and built-in relations; a request-dependent one needs eval->request.
 * RUNE_E_NOT_FOUND, RUNE_E_LIMIT. */
typedef bool (*rune_tuple_fn)(void *context, const rune_term *tuple, uint32_t arity);
RUNE_MUST_USE enum rune_err rune_rules_query(struct rune_eval *eval, uint32_t relation,
                                             const rune_term *bound, const uint32_t *same,
                                             rune_tuple_fn emit, void *emit_context);

/* How many tuples match; stored relations without repeated variables are counted without visiting
 * each. */
RUNE_MUST_USE enum rune_err rune_rules_count(struct rune_eval *eval, uint32_t relation,
                                             const rune_term *bound, const uint32_t *same,
                                             uint64_t *ret_count);

/* The relation of that name, or UINT32_MAX. Cost: O(log relations). */
uint32_t rune_rules_find_relation(const struct rune_store *store, struct rune_str name);

/* Untrusted bytes: relations, orders, tuples, rules, plans, programs. Called by rune_store_verify,
 * or beside rune_store_verify_data: of the dictionary it looks at counts alone. */
struct rune_diag;
RUNE_MUST_USE enum rune_err rune_rules_verify(const struct rune_store *store,
                                              struct rune_diag *diag);
