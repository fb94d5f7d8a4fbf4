/* SPDX-License-Identifier: Apache-2.0 */
/* est: policies in Cedar's JSON form, both ways.
 *
 * What is printed is what the Rust implementation prints; what is read is what it reads, also where
 * it is lenient (unknown members beside `entity`, entities in both forms). Ids are the caller's
 * when printing, keys of the document when reading. Used by: engine, cli, conformance. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "cedar/ast.h"
#include "rune/err.h"

/* One policy or template as a JSON object, compact. RUNE_E_NOMEM. Recursion is bounded by
 * RUNE_CEDAR_MAX_DEPTH. */
RUNE_MUST_USE enum rune_err rune_est_print_policy(const struct rune_cedar_policy *policy,
                                                  struct rune_buf *out);

/* {"templates": {id: ..}, "staticPolicies": {id: ..}, "templateLinks": [..]}; a policy without an
 * id is policyN. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_est_print(const struct rune_cedar_policies *policies,
                                           struct rune_buf *out);

enum rune_est_kind { RUNE_EST_POLICY, RUNE_EST_TEMPLATE };

/* One policy of that kind. Nodes live in the arena and borrow from the source. RUNE_E_SYNTAX
 * (reported, with places), RUNE_E_LIMIT, RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_est_parse_policy(const struct rune_source *source,
                                                  enum rune_est_kind kind, struct rune_arena *arena,
                                                  struct rune_cedar_policy *ret_policy,
                                                  struct rune_diag *diag);

/* A policy set: static policies, templates and links, with their ids; links fit their templates. As
 * above. */
RUNE_MUST_USE enum rune_err rune_est_parse(const struct rune_source *source,
                                           struct rune_arena *arena,
                                           struct rune_cedar_policies *ret_policies,
                                           struct rune_diag *diag);
