/* SPDX-License-Identifier: Apache-2.0 */
/* index: the scopes of compiled policies -> POLICY_INDEX, POLICY_HASH, POLICY_LIST and
 * ANCESTOR_SCOPE
 * (eval/policy_index.h).
 *
 * Owns: the choice of the key under which each policy is filed: the one that it shares with the
 * fewest others. Runs when the hierarchy is final. Used by: engine/build. */
#pragma once

#include "base/vec.h"
#include "cedar/compile.h"
#include "model/dict.h"
#include "rune/err.h"
#include "shm/image_format.h"

RUNE_VEC(rune_vec_index_key, struct rune_image_index_key);

/* What becomes the four sections. */
struct rune_cedar_index {
    struct rune_vec_index_key keys;
    struct rune_vec_u32 hash;
    struct rune_vec_u32 list;
    struct rune_vec_u32 ancestor_scopes;
};

/* Files all policies, and says in each whether it is found by its action. `entity_ancestors` has
 * the heap offset of the ancestor set of each of terms->entity_count entities, as the image will.
 * The index is zeroed before and must be finished in any case. RUNE_E_NOMEM, RUNE_E_LIMIT. Cost:
 * O(policies log policies + entities + words of distinct ancestor sets), the latter only for
 * policies with `in`. */
RUNE_MUST_USE enum rune_err rune_cedar_index_build(struct rune_cedar_program *program,
                                                   const struct rune_terms *terms,
                                                   const uint32_t *entity_ancestors,
                                                   struct rune_cedar_index *index);
void rune_cedar_index_fini(struct rune_cedar_index *index);
