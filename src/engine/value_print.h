/* SPDX-License-Identifier: Apache-2.0 */
/* value_print: a value of any kind in full, as Cedar writes it (`ip("10.0.0.1/32")`,
 * `[1, User::"a"]`) or in Cedar's JSON form (`__entity` and `__extn` included). Messages have a
 * form of their own, cut where it is long (eval/error.h). Used by: query. */
#pragma once

#include "base/buf.h"
#include "eval/values.h"

enum rune_value_form { RUNE_VALUE_AS_CEDAR, RUNE_VALUE_AS_JSON };

/* Appends it. Depth: that of the value, which readers limit. */
void rune_value_print(const struct rune_values *values, rune_term term, enum rune_value_form form,
                      struct rune_buf *out);
