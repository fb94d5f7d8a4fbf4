/* SPDX-License-Identifier: Apache-2.0 */
/* check: clauses -> a program: names resolved, arities, safety, aggregates, stratification,
 * disjunctions expanded. Reports every problem in one go. Near linear. Does not know: how it will
 * be evaluated. */
#pragma once

#include "base/arena.h"
#include "datalog/ast.h"
#include "datalog/parser.h"
#include "rune/err.h"

#define RUNE_DL_ARITY_UNKNOWN UINT32_MAX /* an empty facts file: the first use says the arity */

/* A relation known from outside: a facts file, the manifest, a case's `types`. */
struct rune_dl_declaration {
    struct rune_str name;
    uint32_t arity;
    bool has_facts;
    const char *path; /* of the file that told the arity, for messages; or NULL */
};

/* Clauses are annotated in place. After it: aggregates have one body without disjunctions
 * (alternatives in braces are relations `rune.any.N`), variables of an aggregate's own are distinct
 * numbers marked is_local, ground arithmetic of facts is folded. The program's facts are clauses,
 * so these must outlive them; its rules are copies. Warnings alone do not fail. RUNE_E_BUNDLE,
 * RUNE_E_LIMIT, RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_check(const struct rune_vec_dl_rule *clauses,
                                          const struct rune_dl_declaration *declarations,
                                          uint32_t declaration_count, enum rune_dl_dialect dialect,
                                          struct rune_arena *arena,
                                          struct rune_dl_program *ret_program,
                                          struct rune_diag *diag);
