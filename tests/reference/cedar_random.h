/* SPDX-License-Identifier: Apache-2.0 */
/* cedar_random: random policies as text, entities and requests over a small universe, so that
 * attributes are often there, types often right, and scopes often match. The same numbers give the
 * same texts. For tests only. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "reference/cedar_naive.h"

struct random {
    uint64_t state;
    const uint8_t *bytes; /* a fuzzer's choices; NULL: the generator's own */
    size_t left;
};

/* A number below n. */
uint32_t random_below(struct random *random, uint32_t n);

/* One policy; a template if `slots` and chance wills: then with a slot in its scope. */
void random_policy(struct random *random, bool slots, struct rune_buf *out);

/* Policies without conditions, whose scopes name few entities over and over. */
void random_crowd(struct random *random, uint32_t count, struct rune_buf *out);

/* Entities with attributes, tags and a hierarchy without cycles. */
void random_world(struct random *random, struct rune_arena *arena, struct naive_world *ret_world);
void random_request(struct random *random, struct rune_arena *arena,
                    struct naive_request *ret_request);

/* Entities that a request brings: some of the world and some new, as the request sees them; and the
 * world with them. Parents are only added. */
void random_brought(struct random *random, const struct naive_world *world,
                    struct rune_arena *arena, struct naive_world *ret_brought,
                    struct naive_world *ret_merged);

struct naive_value random_uid(struct random *random, struct rune_arena *arena);
