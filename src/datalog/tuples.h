/* SPDX-License-Identifier: Apache-2.0 */
/* tuples: the base facts of one relation as u32 columns, as read; duplicates allowed until the
 * fixpoint sorts them. Filled by engine/facts (files), datalog/check's facts, and entity data.
 * Heap; growth doubles. */
#pragma once

#include <stdint.h>

#include "base/vec.h"
#include "model/term.h"
#include "rune/err.h"

#define RUNE_DL_MAX_ARITY 64u /* LIMIT: columns of a relation */

struct rune_tuples {
    uint32_t arity;
    uint64_t count;      /* rows */
    uint64_t capacity;   /* rows */
    rune_term **columns; /* arity arrays of `capacity` terms */
};

/* RUNE_E_NOMEM. {.arity = arity} is as good, and has no columns before the first row. */
RUNE_MUST_USE enum rune_err rune_tuples_init(struct rune_tuples *tuples, uint32_t arity);
void rune_tuples_fini(struct rune_tuples *tuples);
RUNE_MUST_USE enum rune_err rune_tuples_reserve(struct rune_tuples *tuples, uint64_t rows);
RUNE_MUST_USE enum rune_err rune_tuples_add(struct rune_tuples *tuples, const rune_term *row);
