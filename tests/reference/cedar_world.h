/* SPDX-License-Identifier: Apache-2.0 */
/* cedar_world: naive entities and parsed policies made into a store in memory, without bundle,
 * image or engine, so that compiler, index, verifier and evaluator can be tested alone. For tests
 * only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cedar/compile.h"
#include "cedar/index.h"
#include "eval/policy_eval.h"
#include "eval/request.h"
#include "eval/store.h"
#include "reference/cedar_naive.h"

struct cedar_world {
    struct rune_arena arena; /* policies, naive values, columns */
    struct rune_dict *dict;
    struct rune_dict *values; /* a request's */
    struct rune_arena scratch;
    void *slab;
    struct naive_world naive;
    struct rune_cedar_policies policies;
    struct rune_cedar_program program;
    struct rune_cedar_index index;
    struct rune_image_manifest manifest;
    struct rune_store store;
};

void cedar_world_init(struct cedar_world *world);
void cedar_world_fini(struct cedar_world *world);

/* Parses the text; ids become policy0... NULL or the first problem (a test fails on it). */
const char *cedar_world_parse(struct cedar_world *world, const char *text);

/* Entities, compiled policies and links, index: the store. The naive entities and policies are set.
 */
enum rune_err cedar_world_build(struct cedar_world *world);

rune_term cedar_world_term(struct rune_dict *dict, const struct naive_value *value,
                           struct rune_arena *arena);

/* A request in terms; `brought` are naive entities as the request sees them (NULL: none), each with
 * all its attributes and, if `with_parents`, with parents beyond those stored. `merged` is the
 * world with them in place. */
void cedar_world_request(struct cedar_world *world, const struct naive_request *naive,
                         const struct naive_world *brought, const struct naive_world *merged,
                         bool with_parents, struct rune_request *ret_request,
                         struct rune_eval *ret_eval);
