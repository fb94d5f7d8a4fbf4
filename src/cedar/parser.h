/* SPDX-License-Identifier: Apache-2.0 */
/* parser: Cedar text -> ast. A pure function of text, arena and diag; recovers at the next policy,
 * so that a text with fifty mistakes reports fifty. Recursion is counted (RUNE_CEDAR_MAX_DEPTH).
 * Specification: Cedar 4.6 grammar; where the Rust parser accepts or refuses, so does this one. */
#pragma once

#include "base/arena.h"
#include "cedar/ast.h"
#include "rune/err.h"

/* Parses a policy set: static policies and templates. Ids are left empty. RUNE_E_SYNTAX (diag has
 * all; *ret_policies is set then too, to the policies without mistakes, so that more can be
 * checked), RUNE_E_LIMIT, RUNE_E_NOMEM. Cost: linear. */
RUNE_MUST_USE enum rune_err rune_cedar_parse(const struct rune_source *source,
                                             struct rune_arena *arena,
                                             struct rune_cedar_policies *ret_policies,
                                             struct rune_diag *diag);

/* One expression, one entity uid (`Type::"id"`), one type name; the whole text must be used. A uid
 * on the wire is read by model/uid.h instead, which does not need an arena for plain ids. */
RUNE_MUST_USE enum rune_err rune_cedar_parse_expr(const struct rune_source *source,
                                                  struct rune_arena *arena,
                                                  struct rune_cedar_expr **ret_expr,
                                                  struct rune_diag *diag);
