/* SPDX-License-Identifier: Apache-2.0 */
/* validate: policies against a schema, as Cedar's validator does: verdicts equal to the Rust
 * implementation's.
 *
 * Types every policy in each request environment (principal type, action, resource type) that
 * its scope allows, tracks what `has` established (capabilities), and reports what can go wrong
 * when it is evaluated. Errors refuse a bundle, warnings do not. Does not know: bundles. Used
 * by: engine/build, conformance, rune check and validate. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "cedar/ast.h"
#include "cedar/schema.h"
#include "rune/err.h"

struct rune_diag;

enum rune_validation_mode { RUNE_VALIDATE_STRICT, RUNE_VALIDATE_PERMISSIVE };

/* One finding. `kind` is the Rust validator's name for it, like "UnsafeOptionalAttributeAccess"
 * or "ImpossiblePolicy" (cedar/findings.def). */
struct rune_validation_finding {
    uint32_t policy; /* index into the policies; links: index of the template */
    bool is_warning;
    const char *kind; /* static */
};

struct rune_validation_result {
    const struct rune_validation_finding *findings; /* in the arena, in order of policies */
    uint32_t count;
    uint32_t error_count;
};

/* Validates all policies, templates and links. Messages with places and advice go to diag (may
 * be NULL: verdicts only). max_level: deepest dereference allowed (levels), UINT32_MAX: any.
 * RUNE_OK also when there are findings; RUNE_E_LIMIT, RUNE_E_NOMEM. Cost: policies x
 * environments that their scopes allow. */
RUNE_MUST_USE enum rune_err rune_cedar_validate(const struct rune_cedar_policies *policies,
                                                const struct rune_cedar_schema *schema,
                                                enum rune_validation_mode mode, uint32_t max_level,
                                                struct rune_arena *arena,
                                                struct rune_validation_result *ret_validation,
                                                struct rune_diag *diag);
