/* SPDX-License-Identifier: Apache-2.0 */
/* rule_values: what rules compute with terms: order, arithmetic, functions.
 *
 * A derivation's error is an answer here, not a failure: every function returns a static code
 * ("overflow", "type_error", ...) or NULL for success; only rune_rule_make_* can run out of memory,
 * which they say through
 * `*ret_err`. Thread: one evaluation. Used by: rule_vm. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "eval/rule_code.h"
#include "model/dict.h"
#include "rune/err.h"

/* Where terms are looked up and new values go. */
struct rune_rule_values {
    const struct rune_terms *spaces[4]; /* by enum rune_space; NULL: none */
    struct rune_dict *dict;             /* new values; its terms are spaces[own] */
    enum rune_space own;
    enum rune_err err; /* RUNE_E_NOMEM or RUNE_E_LIMIT once a value could not be made; sticky */
    /* what functions and new values cost beyond a step, in steps; the caller takes it from its own,
     * and sets it to 0 */
    uint64_t work;
    /* LIMIT of `work` for what has no other bound (a glob's backtracking), which then gives up */
    uint64_t max_work;
};

/* Points the value's own space at the dictionary's present arrays. */
void rune_rule_values_refresh(struct rune_rule_values *values);

/* The dictionary a term lives in (not for inline integers). */
static inline const struct rune_terms *rune_rule_terms(const struct rune_rule_values *values,
                                                       rune_term term)
{
    return values->spaces[rune_term_space(term)];
}

/* Equality of Cedar values is equality of terms. Order: integers, strings by bytes, floats and
 * integers by value, datetime and duration; all else is an error. *ret_order < 0, 0, > 0. */
const char *rune_rule_compare(struct rune_rule_values *values, rune_term a, rune_term b,
                              int *ret_order);

const char *rune_rule_arith(struct rune_rule_values *values, enum rune_rule_arith op, rune_term a,
                            rune_term b, rune_term *ret_term);
const char *rune_rule_negate(struct rune_rule_values *values, rune_term a, rune_term *ret_term);

/* Any function of rule_functions.def but HAS_TAG and GET_TAG (they need the entity store). Tests
 * yield booleans. */
const char *rune_rule_function(struct rune_rule_values *values, enum rune_rule_function function,
                               const rune_term *args, rune_term *ret_term);

/* An integer term's value; false if it is none. */
bool rune_rule_long(const struct rune_rule_values *values, rune_term term, int64_t *ret_value);

rune_term rune_rule_make_long(struct rune_rule_values *values, int64_t value);
rune_term rune_rule_make_float(struct rune_rule_values *values, double value);
/* The entity of that type and id, both terms of strings; RUNE_TERM_NONE also where the text is no
 * type's name. */
rune_term rune_rule_make_entity(struct rune_rule_values *values, rune_term type, rune_term id);
