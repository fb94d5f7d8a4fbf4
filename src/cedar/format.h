/* SPDX-License-Identifier: Apache-2.0 */
/* format: policy text laid out as cedar-policy-formatter does on its defaults (80 columns, 2 spaces), comments kept.
 * Used by: rune fmt, conformance. */
#pragma once

#include "base/buf.h"
#include "base/diag.h"
#include "rune/err.h"

/* Appends the formatted text. RUNE_E_SYNTAX (located), RUNE_E_LIMIT, RUNE_E_NOMEM. Formatting what was formatted changes
 * nothing; the policies mean the same. */
RUNE_MUST_USE enum rune_err rune_cedar_format(const struct rune_source *source, struct rune_buf *out,
                                              struct rune_diag *diag);
