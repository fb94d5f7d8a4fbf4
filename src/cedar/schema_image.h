/* SPDX-License-Identifier: Apache-2.0 */
/* schema_image: the schema -> section SCHEMA, the form that requests are checked against
 * (eval/schema_check.h). Used by: engine/build, conformance. */
#pragma once

#include "base/vec.h"
#include "cedar/schema.h"
#include "model/dict.h"
#include "rune/err.h"

/* Appends the section's words, interning names, types and actions into `dict`. The same schema and
 * dictionary give the same words. RUNE_E_LIMIT (types nested deeper than RUNE_SCHEMA_MAX_DEPTH, or
 * too many), RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_schema_write(const struct rune_cedar_schema *schema,
                                              struct rune_dict *dict, struct rune_vec_u32 *words);
