/* SPDX-License-Identifier: Apache-2.0 */
/* cedar_json: Cedar's JSON for values and entities, explicit forms only (`__entity`, `__extn`),
 * into naive values. For tests and benchmarks of the evaluator alone. Uids as strings are read as
 * `Type::"id"`. */
#pragma once

#include <stdbool.h>

#include "base/json.h"
#include "reference/cedar_naive.h"

bool cedar_json_value(const struct rune_json_node *node, struct rune_arena *arena,
                      struct naive_value *ret_value);
/* `{"type","id"}`, `{"__entity": ..}` or a text. */
bool cedar_json_uid(const struct rune_json_node *node, struct rune_arena *arena,
                    struct naive_value *ret_value);
bool cedar_json_entities(const struct rune_json_node *node, struct rune_arena *arena,
                         struct naive_world *ret_world);
