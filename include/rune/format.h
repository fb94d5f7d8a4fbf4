/* SPDX-License-Identifier: Apache-2.0 */
/* format: policies laid out as Cedar's own formatter does on its defaults: 80 columns, 2 spaces.
 *
 * Comments are kept. Thread: any. */
#pragma once

#include "rune/err.h"
#include "rune/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rune_diag;

/* Called once with the whole text, which is borrowed for the call. */
typedef void (*rune_format_fn)(void *context, struct rune_str formatted);

/* Formats the policies and templates of `text`; `path` names it in messages. Only a text that means
 * the same is handed out. RUNE_E_SYNTAX (diag says where), RUNE_E_LIMIT, RUNE_E_NOMEM,
 * RUNE_E_INTERNAL; then `emit` is not called. Cost: linear. */
RUNE_MUST_USE enum rune_err rune_format_policies(const char *path, struct rune_str text,
                                                 rune_format_fn emit, void *context,
                                                 struct rune_diag *diag);

#ifdef __cplusplus
}
#endif
