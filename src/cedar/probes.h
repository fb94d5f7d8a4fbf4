/* SPDX-License-Identifier: Apache-2.0 */
/* probes: which attributes policies use as values, and which they only probe, by
 * `x.name.contains(..)`, `.containsAll(..)`, `.containsAny(..)` and `.isEmpty()`.
 *
 * By name alone, whatever x is: without a schema nobody knows more. Used by: engine/build, for sets
 * that rules derive. */
#pragma once

#include "base/map.h"
#include "cedar/ast.h"

#define RUNE_CEDAR_IS_VALUE   UINT32_MAX
#define RUNE_CEDAR_ASKS_EMPTY 1u

/* Those of the attributes in `names` that some policy uses as a value get RUNE_CEDAR_IS_VALUE,
 * those others that one asks by `.isEmpty()` RUNE_CEDAR_ASKS_EMPTY.
 * Cost: linear in the policies. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_cedar_find_values(const struct rune_cedar_policies *policies,
                                                   struct rune_map *names);
