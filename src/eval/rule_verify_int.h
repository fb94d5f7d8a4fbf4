/* SPDX-License-Identifier: Apache-2.0 */
/* rule_verify_int: what the halves of the verifier of rules share: rule_verify (relations, orders,
 * tuples) and rule_verify_code (plans and their programs). Nobody else includes it. */
#pragma once

#include "eval/store.h"

/* Whether there is such a value. */
bool rune_rule_is_term(const struct rune_terms *terms, uint32_t term);

static inline bool rune_rule_fits(uint64_t first, uint64_t count, uint64_t all)
{
    return first <= all && count <= all - first;
}

/* Plans and programs, once relations and orders are known to be in bounds. RUNE_E_CORRUPT,
 * RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_rules_verify_plans(const struct rune_store *store,
                                                    struct rune_diag *diag);
