/* SPDX-License-Identifier: Apache-2.0 */
/* derived_context: keys of the context that rules derive: found when an image is opened, computed
 * for each decision.
 *
 * Owns: the list of such keys. Does not know: JSON, decisions. Used by: image, authorize,
 * request_json. */
#pragma once

#include "base/arena.h"
#include "eval/request.h"
#include "eval/schema_check.h"
#include "eval/store.h"
#include "rune/err.h"

struct rune_derived_key {
    rune_term key;                   /* a string of the image */
    uint32_t first_plan, plan_count; /* that compute its values */
};

struct rune_derived_context {
    struct rune_derived_key *items; /* by key's name; heap */
    uint32_t count;                 /* mostly none */
};

/* All `context("key")` that have rules. The store is verified. RUNE_E_CORRUPT, RUNE_E_NOMEM. Cost:
 * O(relations). */
RUNE_MUST_USE enum rune_err rune_derived_context_open(const struct rune_store *store,
                                                      struct rune_derived_context *ret_context);
void rune_derived_context_fini(struct rune_derived_context *context);

/* The first of the derived keys that a context record has, or RUNE_TERM_NONE. */
rune_term rune_derived_context_find(const struct rune_derived_context *context,
                                    const struct rune_store *store,
                                    const struct rune_terms *request, rune_term record);

/* Why a decision is an error. */
struct rune_derived_failure {
    const char *code; /* static; NULL: none */
    const char *what; /* static */
    rune_term key;
};

/* Adds the derived values to `request->context`; eval->request is that request. With `schema`, a
 * key that the action does not declare is left out, and values must fit. FAILCLOSED: two values for
 * a key, left out or not, a value that policies do not have, and a derivation that failed are a
 * failure.
 * RUNE_E_LIMIT. Cost: nothing without derived keys. */
RUNE_MUST_USE enum rune_err rune_derived_context_add(const struct rune_derived_context *context,
                                                     struct rune_eval *eval,
                                                     const struct rune_schema *schema,
                                                     struct rune_request *request,
                                                     struct rune_derived_failure *ret_failure);
