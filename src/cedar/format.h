/* SPDX-License-Identifier: Apache-2.0 */
/* format: policy text laid out as cedar-policy-formatter does on its defaults (80 columns, 2
 * spaces), with its comments. Reads text, writes text, keeps nothing.
 * Thread: any. Used by: rune fmt, conformance. */
#pragma once

#include "base/buf.h"
#include "base/diag.h"
#include "rune/err.h"

/* Appends the formatted text. RUNE_E_SYNTAX (located), RUNE_E_LIMIT, RUNE_E_NOMEM, RUNE_E_INTERNAL
 * (the result would mean something else); then what was appended is to be thrown away. Comments
 * stay with what they stood beside; one at a comma that goes (the last of a list) goes with it.
 * Cost: linear in the text and in the output, which is at most 64 times as long and 1 MiB. */
RUNE_MUST_USE enum rune_err rune_cedar_format(const struct rune_source *source,
                                              struct rune_buf *out, struct rune_diag *diag);
