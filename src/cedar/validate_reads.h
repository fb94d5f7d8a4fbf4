/* SPDX-License-Identifier: Apache-2.0 */
/* validate_reads: what a policy's conditions read of a request, so that environments which look the
 * same to them are typed once.
 *
 * Of a variable they read nothing, some attributes by name, or anything at all. A type's view is
 * what they see of it: two entity types whose attributes of those names have the same types have
 * one view. Owns: numbers of views and of their combinations, those of one policy. Knows trees and
 * types, not scopes. Failure is sticky (of memory). Thread: the validator's. Used by:
 * validate_environment.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cedar/ast.h"
#include "cedar/validate_types.h"

#define RUNE_VREADS_NAMES 6u /* who reads more attributes of a variable, reads anything */
#define RUNE_VREADS_WORDS (RUNE_VREADS_NAMES + 2u)

struct rune_vread {
    bool is_whole;
    uint32_t name_count;
    struct rune_str names[RUNE_VREADS_NAMES];
};

struct rune_vreads_slot;

struct rune_vreads {
    struct rune_vread variables[4];
    struct rune_vreads_slot *slots; /* open addressing; those of this epoch are taken */
    size_t capacity, count;
    uint32_t epoch;
    bool failed;
};

void rune_vreads_fini(struct rune_vreads *reads);

/* Forgets the policy before, looks at the conditions of this one. Cost: O(their nodes). */
void rune_vreads_begin(struct rune_vreads *reads, const struct rune_cedar_policy *policy);

/* The number of the view of a variable of that type; 0: nothing is read of it. */
uint32_t rune_vreads_view(struct rune_vreads *reads, enum rune_cedar_var var,
                          struct rune_vtypes *types, const struct rune_vtype *type);

/* True once for each combination of the four variables' views. */
bool rune_vreads_is_new(struct rune_vreads *reads, const uint32_t views[4]);
