/* SPDX-License-Identifier: Apache-2.0 */
/* rule_values_int: between rule_values (values and operators) and rule_functions. Nobody else
 * includes it. */
#pragma once

#include "base/str.h"
#include "eval/rule_values.h"
#include "model/ext.h"

/* Codes of errors, as answers show them. */
#define RUNE_RULE_TYPE_ERROR "type_error"
#define RUNE_RULE_OVERFLOW   "overflow"

#define RUNE_RULE_BYTES_A_STEP 256u /* that are looked at in the time of a step */

/* A value that the dictionary was asked for: its cost and its error are noted. */
rune_term rune_rule_made(struct rune_rule_values *values, enum rune_err err, rune_term term);

rune_term rune_rule_make_ext(struct rune_rule_values *values, const struct rune_ext *ext);

/* A term's value; false if it is of another kind. */
bool rune_rule_string(const struct rune_rule_values *values, rune_term term,
                      struct rune_str *ret_text);
bool rune_rule_ext(const struct rune_rule_values *values, rune_term term, enum rune_ext_kind kind,
                   struct rune_ext *ret_ext);
