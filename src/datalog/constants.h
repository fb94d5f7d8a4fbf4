/* SPDX-License-Identifier: Apache-2.0 */
/* constants: constant expressions to terms, and a program's own facts to tuples. Used by: planner,
 * engine/build, conformance. */
#pragma once

#include "datalog/ast.h"
#include "datalog/tuples.h"
#include "model/dict.h"
#include "rune/err.h"

/* The term of a number, string, bool, entity, or a constructor over a string (`ip("..")`).
 * RUNE_E_INVALID (something else, or the constructor refuses its text), else as rune_dict_*. */
RUNE_MUST_USE enum rune_err rune_dl_constant_term(const struct rune_dl_expr *expr,
                                                  struct rune_dict *dict, rune_term *ret_term);

/* Adds the facts of a checked program to `facts`, one entry a relation, initialised by the caller
 * with its arity. */
RUNE_MUST_USE enum rune_err rune_dl_intern_facts(const struct rune_dl_program *program,
                                                 struct rune_dict *dict, struct rune_tuples *facts);
