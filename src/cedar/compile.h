/* SPDX-License-Identifier: Apache-2.0 */
/* compile: policies -> programs for eval, plus the index from scopes to policies.
 *
 * Constants are interned into the build dictionary, constant conditions folded. Links are compiled as policies of
 * their own. Used by: engine/build. */
#pragma once

#include "base/vec.h"
#include "cedar/ast.h"
#include "model/dict.h"
#include "rune/err.h"
#include "shm/image_format.h"

RUNE_VEC(rune_vec_policy, struct rune_image_policy);
RUNE_VEC(rune_vec_code_span, struct rune_image_code_span);
RUNE_VEC(rune_vec_bytes, uint8_t);

/* What becomes the sections POLICY, POLICY_CODE, CODE_SPAN, PATTERN, ANNOTATION. */
struct rune_cedar_program {
    struct rune_vec_policy policies;
    struct rune_vec_u32 code;
    struct rune_vec_code_span spans;
    struct rune_vec_bytes patterns;
    struct rune_vec_u32 annotations; /* shared with rules: the first run is empty */
};

/* The SOURCE index of a source; the engine numbers them. */
typedef uint32_t (*rune_source_index_fn)(void *context, const struct rune_source *source);

/* Compiles all static policies and links. RUNE_E_BUNDLE (unknown template, wrong slots; located), RUNE_E_LIMIT,
 * RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_cedar_compile(const struct rune_cedar_policies *policies, struct rune_dict *dict,
                                               rune_source_index_fn source_index, void *source_context,
                                               struct rune_cedar_program *program, struct rune_diag *diag);
void rune_cedar_program_fini(struct rune_cedar_program *program);
