/* SPDX-License-Identifier: Apache-2.0 */
/* index_int: what the two steps of cedar/index share: choosing keys (index_choose.c), then laying
 * out slots, lists and ancestor scopes (index.c).
 *
 * Numbers are given in the order of policies, so that the same policies give the same bytes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "cedar/index.h"
#include "eval/policy_index.h"

/* A key, and how many policies have it. */
struct rune_index_key {
    uint32_t kind, a, b, c; /* c is 0 where it is no part of the key */
    uint32_t count;
};

/* Keys, numbered as they come. */
struct rune_index_keys {
    struct rune_index_key *items;
    size_t count, capacity;
    uint32_t *slots; /* number + 1; 0: free. A power of two */
    size_t slot_count;
};

/* A policy filed under a key. */
struct rune_index_entry {
    uint32_t key;
    uint32_t policy;
};

struct rune_index_member {
    rune_term group;
    rune_term action;
};

/* The actions that pass a test, once each, in `actions`. */
struct rune_index_actions {
    uint32_t first, count;
};

struct rune_index_builder {
    struct rune_cedar_program *program;
    const struct rune_terms *terms;
    const uint32_t *entity_ancestors;
    struct rune_cedar_index *index;
    RUNE_VEC(, struct rune_index_member) members; /* of the groups that policies name, sorted */
    struct rune_index_keys tests;                 /* distinct tests of actions */
    RUNE_VEC(, struct rune_index_actions) passes; /* by number of test */
    struct rune_vec_u32 actions;
    struct rune_index_keys keys; /* under which policies are filed */
    RUNE_VEC(, struct rune_index_entry) entries;
    uint64_t *seen_sets; /* ancestor sets that were looked at, by heap offset */
};

static inline bool rune_index_test_bit(const uint64_t *bitmap, uint32_t at)
{
    return (bitmap[at / 64] >> at % 64 & 1) != 0;
}

static inline void rune_index_set_bit(uint64_t *bitmap, uint32_t at)
{
    bitmap[at / 64] |= UINT64_C(1) << at % 64;
}

uint64_t *rune_index_make_bitmap(uint32_t bits);

/* The number of a key, which is added if it is new; UINT32_MAX: memory is out. */
uint32_t rune_index_number(struct rune_index_keys *keys, uint32_t kind, uint32_t a, uint32_t b,
                           uint32_t c);
void rune_index_keys_fini(struct rune_index_keys *keys);

/* Files all policies: fills keys and entries. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_index_choose(struct rune_index_builder *builder);
