/* SPDX-License-Identifier: Apache-2.0 */
/* relation_name: names of built-in relations of one attribute or key: `context("tier")`,
 * `entity.element("editors")`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "eval/store.h"

/* What stands in `builtin("..")`; false: the name is of another form. */
bool rune_relation_name_split(struct rune_str name, const char *builtin,
                              struct rune_str *ret_literal);

/* The same for a relation of an image, as the string's term; false also if there is none. */
bool rune_relation_literal(const struct rune_store *store, uint32_t relation, const char *builtin,
                           rune_term *ret_literal);
