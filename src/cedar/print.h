/* SPDX-License-Identifier: Apache-2.0 */
/* print: ast -> Cedar text. Reading the text again gives the same policies; how they were laid out
 * and their comments are not in the tree (cedar/format keeps both). Does not know: ids, files. Used
 * by: cli (translate, link), tests. */
#pragma once

#include "base/buf.h"
#include "cedar/ast.h"
#include "rune/err.h"

/* A string literal with its quotes. What cannot be seen is escaped. Failure is the buffer's. */
void rune_cedar_print_string(struct rune_buf *out, struct rune_str text);

/* `Type::"id"`. */
void rune_cedar_print_uid(struct rune_buf *out, const struct rune_cedar_uid *uid);

/* An expression on one line. RUNE_E_NOMEM. Recursion is bounded by the depth of the tree. */
RUNE_MUST_USE enum rune_err rune_cedar_print_expr(const struct rune_cedar_expr *expr,
                                                  struct rune_buf *out);

/* A policy or template, its annotations before it, its conditions a line each. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_cedar_print_policy(const struct rune_cedar_policy *policy,
                                                    struct rune_buf *out);

/* All policies and templates, an empty line between two of them; links have no place in Cedar text.
 * RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_cedar_print(const struct rune_cedar_policies *policies,
                                             struct rune_buf *out);
