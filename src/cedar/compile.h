/* SPDX-License-Identifier: Apache-2.0 */
/* compile: policies -> programs for eval (eval/policy_code.h), and what the index needs to know of
 * their scopes.
 *
 * Constants are interned into the build dictionary, constant conditions folded. Links are compiled
 * as policies of their own. Does not know: entities' data, schemas. Used by: engine/build. Next:
 * cedar/index. */
#pragma once

#include "base/vec.h"
#include "cedar/ast.h"
#include "model/dict.h"
#include "rune/err.h"
#include "shm/image_format.h"

RUNE_VEC(rune_vec_policy, struct rune_image_policy);
RUNE_VEC(rune_vec_code_span, struct rune_image_code_span);
RUNE_VEC(rune_vec_bytes, uint8_t);

/* A policy's scope in terms, for cedar/index. */
struct rune_cedar_key {
    rune_term principal;      /* of `==` or `in`; NONE: no such test */
    rune_term principal_type; /* of `is`, or the type of `== E`; NONE: any */
    rune_term action;         /* an entity, or the set of a list; NONE: any */
    rune_term resource;
    rune_term resource_type;
    bool principal_in; /* `in`, not `==` */
    bool action_in;
    bool resource_in;
    bool never; /* no request can match: the program is NO_MATCH */
};

RUNE_VEC(rune_vec_cedar_key, struct rune_cedar_key);

struct rune_map;

/* What becomes the sections POLICY, POLICY_CODE, CODE_SPAN, PATTERN, ANNOTATION. */
struct rune_cedar_program {
    struct rune_vec_policy policies;
    struct rune_vec_u32 code;
    struct rune_vec_code_span spans;
    struct rune_vec_bytes patterns;
    struct rune_vec_u32 annotations; /* shared with rules: the first run is empty */
    struct rune_vec_cedar_key keys;  /* by policy; no section */
    /* given: attributes to be probed (cedar/probes.h); borrowed, NULL: none */
    const struct rune_map *probed;
};

/* The SOURCE index of a source; the engine numbers them. */
typedef uint32_t (*rune_source_index_fn)(void *context, const struct rune_source *source);

/* Compiles all static policies, in order, then all links, into a program that is zeroed before. The
 * dict is of RUNE_SPACE_IMAGE. RUNE_E_BUNDLE (unknown template, wrong slots), RUNE_E_LIMIT (a
 * policy too large), all located; RUNE_E_NOMEM. The program must be finished in any case. Cost:
 * linear. */
RUNE_MUST_USE enum rune_err
rune_cedar_compile(const struct rune_cedar_policies *policies, struct rune_dict *dict,
                   rune_source_index_fn source_index, void *source_context,
                   struct rune_cedar_program *program, struct rune_diag *diag);
void rune_cedar_program_fini(struct rune_cedar_program *program);
