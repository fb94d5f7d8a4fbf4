/* SPDX-License-Identifier: Apache-2.0 */
/* validate_types_int: what making types (validate_types.c) and bounding them (validate_bound.c)
 * share. Private to the two. */
#pragma once

#include "cedar/validate_types.h"

/* ---- validate_types.c ---- */

/* `entities` must be ascending; copied. */
const struct rune_vtype *rune_vtypes_of_entities(struct rune_vtypes *types,
                                                 const uint32_t *entities, uint32_t count);
/* NULL: the record has none of that name. */
const struct rune_vtype_attr *rune_vtypes_find_attr(const struct rune_vtype *record,
                                                    struct rune_str name);
/* The result of a walk, in one of the two maps. The key is copied. */
bool rune_vtypes_remember(struct rune_vtypes *types, struct rune_map *map, const void *key,
                          size_t length, const struct rune_vtype *type, enum rune_lub_hint hint);

/* ---- validate_bound.c ---- */

/* What both records have, as far as their types have a bound; permissive, or `is_exact`: all or
 * nothing. */
const struct rune_vtype *rune_vtypes_join_records(struct rune_vtypes *types,
                                                  const struct rune_vtype *a,
                                                  const struct rune_vtype *b, bool is_exact,
                                                  enum rune_lub_hint *hint);
