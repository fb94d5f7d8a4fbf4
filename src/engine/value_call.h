/* SPDX-License-Identifier: Apache-2.0 */
/* value_call: an extension function applied to values, for `__extn` in JSON: constructors, and
 * methods too.
 *
 * Does not know: policies, JSON. Allocates only in the dictionary. Used by: engine/value_json. */
#pragma once

#include "base/str.h"
#include "model/dict.h"
#include "rune/err.h"

/* The function of a name: enum of cedar/functions.def's order, or -1. */
int rune_value_function_find(struct rune_str name);

/* Arguments it takes, and what the i-th must be: enum rune_ext_kind, or 0 for a string. */
#define RUNE_VALUE_MAX_ARGS 2u
uint32_t rune_value_function_arity(int function);
uint32_t rune_value_function_arg(int function, uint32_t index);

/* The constructor of an extension type. */
int rune_value_constructor(uint32_t ext_kind);

/* `base`: the dictionary below dict, for terms that are not dict's own. RUNE_E_INVALID with
 * *ret_message (static) where Cedar's evaluation fails (types, formats, overflow); RUNE_E_LIMIT,
 * RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_value_call(struct rune_dict *dict, const struct rune_terms *base,
                                            int function, const rune_term *args, uint32_t count,
                                            rune_term *ret_value, const char **ret_message);
