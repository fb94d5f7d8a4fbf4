/* SPDX-License-Identifier: Apache-2.0 */
/* parser: rule text -> ast. Pure: text, arena, diag. Recovers at the next clause. Linear. Recursion
 * is counted. */
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "datalog/ast.h"
#include "rune/err.h"

/* The language of bundles, or the bare one of the conformance data (no entities, bools, floats,
 * dots, methods, `in`, `is`; `true` is a string there). */
enum rune_dl_dialect { RUNE_DL_BUNDLE, RUNE_DL_BARE };

RUNE_VEC(rune_vec_dl_rule, struct rune_dl_rule);

/* Adds the clauses of one source to `clauses` (facts and rules alike, in order). What they are made
 * of, arguments, bodies and variables, goes to `trees` in their order; all else to `arena`, which
 * may be the same. RUNE_E_SYNTAX, RUNE_E_LIMIT, RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_parse(const struct rune_source *source,
                                          enum rune_dl_dialect dialect, struct rune_arena *arena,
                                          struct rune_arena *trees,
                                          struct rune_vec_dl_rule *clauses, struct rune_diag *diag);

/* A query: one atom, like `rel(X, "a", _)`; in the rule's head fields. */
RUNE_MUST_USE enum rune_err rune_dl_parse_query(const struct rune_source *source,
                                                enum rune_dl_dialect dialect,
                                                struct rune_arena *arena,
                                                struct rune_dl_rule *ret_query,
                                                struct rune_diag *diag);
