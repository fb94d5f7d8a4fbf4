/* SPDX-License-Identifier: Apache-2.0 */
/* policy_eval: all policies that can match a request, evaluated.
 *
 * Owns: the walk over the candidates. Does not decide: permits, forbids and errors are put together
 * with those of rules in engine (the only writer of PERMIT). Thread: one struct rune_eval at a
 * time. Used by: engine. */
#pragma once

#include <stdint.h>

#include "eval/error.h"
#include "eval/request.h"
#include "rune/err.h"

/* A policy whose evaluation failed: it does not match. */
struct rune_policy_error {
    uint32_t policy; /* POLICY index */
    uint32_t pc;     /* word of its program: see CODE_SPAN */
    struct rune_eval_error error;
};

/* Arrays live in eval->arena; in no particular order. */
struct rune_policy_outcome {
    const uint32_t *permits; /* POLICY indexes of those that match */
    uint32_t permit_count;
    const uint32_t *forbids;
    uint32_t forbid_count;
    const struct rune_policy_error *errors;
    uint32_t error_count;
};

/* Counts eval->policies_evaluated and eval->steps_left. RUNE_E_LIMIT: steps, arena or dictionary:
 * the caller answers DENY. No other error. Cost: that of the candidates. */
RUNE_MUST_USE enum rune_err rune_policies_decide(struct rune_eval *eval,
                                                 struct rune_policy_outcome *ret_outcome);

/* Appends an error's message: what rune_eval_error_format says of it. */
void rune_policy_error_format(const struct rune_eval *eval, const struct rune_policy_error *error,
                              struct rune_buf *out);

/* The place of a program's word in the policy's source: offset and length there; false where none
 * was kept. */
bool rune_policy_find_span(const struct rune_store *store, uint32_t policy, uint32_t pc,
                           uint32_t *ret_offset, uint32_t *ret_length);
