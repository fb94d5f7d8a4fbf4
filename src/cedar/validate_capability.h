/* SPDX-License-Identifier: Apache-2.0 */
/* validate_capability: what conditions established: "this expression has this attribute (tag)".
 *
 * Owns: numbers of expressions by shape (places do not count), numbers of capabilities, and
 * which capabilities hold where the validator is. Sets that expressions return are ropes in an
 * arena of one environment. Knows trees, not types. Failure is sticky. Thread: the validator's.
 * Used by: validate_*.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "cedar/ast.h"

/* A set: NULL is empty; else one capability, or the union of two sets. */
struct rune_vcaps {
    const struct rune_vcaps *left, *right;
    uint32_t capability; /* of a leaf */
};

struct rune_vcapabilities {
    struct rune_arena *arena; /* keys */
    struct rune_arena ropes;  /* sets of one environment */
    struct rune_map texts;    /* strings to numbers */
    struct rune_map nodes;    /* shapes to numbers */
    struct rune_map memo;     /* addresses of trees to shapes */
    struct rune_map known;    /* (kind, shape, shape or text) to capabilities */
    uint32_t node_count;
    struct rune_vec_u32 holding; /* by capability: how often it was pushed */
    struct rune_vec_u32 marks;   /* by capability: for intersections */
    uint32_t mark;
    struct rune_vec_u32 words; /* a key being made */
    bool failed;
};

void rune_vcapabilities_init(struct rune_vcapabilities *caps, struct rune_arena *arena);
void rune_vcapabilities_fini(struct rune_vcapabilities *caps);

/* The shape of a tree; of `base.name` for a shape `base`. */
uint32_t rune_vcapabilities_shape(struct rune_vcapabilities *caps,
                                  const struct rune_cedar_expr *expr);
uint32_t rune_vcapabilities_member(struct rune_vcapabilities *caps, uint32_t base,
                                   struct rune_str name);

/* The numbers of capabilities. */
uint32_t rune_vcapabilities_attr(struct rune_vcapabilities *caps, uint32_t shape,
                                 struct rune_str name);
uint32_t rune_vcapabilities_tag(struct rune_vcapabilities *caps, uint32_t shape, uint32_t tag);

/* Does it hold here? */
static inline bool rune_vcapabilities_holds(const struct rune_vcapabilities *caps,
                                            uint32_t capability)
{
    return capability < caps->holding.count && caps->holding.items[capability] > 0;
}

/* A set holds from push to pop. */
void rune_vcapabilities_push(struct rune_vcapabilities *caps, const struct rune_vcaps *set);
void rune_vcapabilities_pop(struct rune_vcapabilities *caps, const struct rune_vcaps *set);

const struct rune_vcaps *rune_vcaps_one(struct rune_vcapabilities *caps, uint32_t capability);
const struct rune_vcaps *rune_vcaps_union(struct rune_vcapabilities *caps,
                                          const struct rune_vcaps *a, const struct rune_vcaps *b);
const struct rune_vcaps *rune_vcaps_intersect(struct rune_vcapabilities *caps,
                                              const struct rune_vcaps *a,
                                              const struct rune_vcaps *b);
