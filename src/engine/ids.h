/* SPDX-License-Identifier: Apache-2.0 */
/* ids: policies and rules share one namespace; a duplicate is an error that shows both places. Used
 * by: engine/build. */
#pragma once

#include "base/diag.h"
#include "base/map.h"
#include "base/vec.h"
#include "rune/err.h"

RUNE_VEC(rune_vec_span, struct rune_span);

struct rune_ids {
    struct rune_map map;
    struct rune_vec_span places;
    uint32_t duplicates; /* reported so far */
};

#define RUNE_IDS_INIT ((struct rune_ids){0})

void rune_ids_fini(struct rune_ids *ids);

/* Room for `count` more. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_ids_reserve(struct rune_ids *ids, size_t count);

/* Adds an id (borrowed until fini). A duplicate is reported and counted, and is RUNE_OK here: the
 * caller tests `duplicates` when all were added. The branches of one rule share its id: add it
 * once. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_ids_add(struct rune_ids *ids, struct rune_str id,
                                         struct rune_span place, struct rune_diag *diag);
