/* SPDX-License-Identifier: Apache-2.0 */
/* policy_index: from a request's scope to the policies that can match it.
 *
 * Each policy is filed under one kind of key:
 *
 *     PRINCIPAL  a: the entity of `principal == E` or `principal in E`, b: an action or none
 *     RESOURCE   a: likewise, b: an action or none
 *     SCOPE      a: an action or none, b: the principal's type or none, c: the resource's type or
 *                none
 *     PAIR       a: the principal's entity, b: the resource's, c: an action or none
 *
 * A policy whose key names an action has an entry for each action that it allows; a request has one
 * action, so no candidate comes twice. A policy whose program begins with NO_MATCH is filed
 * nowhere.
 *
 * A key has a run of POLICY_LIST, or one policy in place of where that begins: one is what most
 * keys have, and it saves a decision a cache line. a, b and c are terms (NONE: any). For PRINCIPAL
 * and RESOURCE, c is no part of the key but a count: the first c policies of the run have `in`,
 * they are candidates also where the entity is an ancestor; the others have
 * `==`. The runs of one principal's pairs stand together, and a key PAIRS (a: the principal) spans
 * them: where a request has so many ancestors that trying all pairs of them costs more, it takes
 * all pairs of its principals. No policy is in two of those.
 *
 * FORMAT of ANCESTOR_SCOPE, u32 words; empty when there are no policies:
 *
 *     0  which keys there are, enum rune_policy_index_flag: what no policy uses is not probed
 *     1  words of one bitmap; 0: no such keys
 *     2  slots of the map, a power of two or 0
 *     3  words of the lists
 *     4  bitmap over entity indexes: the entity is the principal of a key with `in` or of a PAIR;
 *        then the same for resources
 *     .. map: slots of two words, heap offset of an ancestor set (0: empty slot) and where its list
 *     begins
 *     .. lists: [n, n entity terms that are keys for a principal, m, m entity terms for a resource]
 *
 * Ancestor sets of up to RUNE_POLICY_INDEX_SHORT entities are looked through with the bitmap; only
 * longer ones are in the map, those that meet no key are not.
 *
 * Owns: keys, hashing, lookups. Made by: cedar/index. Thread: any. Used by: eval/policy_eval,
 * verify, inspect. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "eval/entities.h"
#include "eval/request.h"
#include "eval/store.h"

enum rune_scope_key {
    RUNE_SCOPE_KEY_PRINCIPAL = 1,
    RUNE_SCOPE_KEY_RESOURCE = 2,
    RUNE_SCOPE_KEY_SCOPE = 3,
    RUNE_SCOPE_KEY_PAIR = 4,
    RUNE_SCOPE_KEY_PAIRS = 5,
};

/* Is c part of the key? */
static inline bool rune_policy_index_has_c(uint32_t kind)
{
    return kind == RUNE_SCOPE_KEY_SCOPE || kind == RUNE_SCOPE_KEY_PAIR;
}

/* Bits 0 to 7: SCOPE keys of this form exist, the form being 1 if it names an action, + 2 for a
 * principal type, + 4 for a resource type. */
enum rune_policy_index_flag {
    RUNE_POLICY_INDEX_PRINCIPAL_ANY = 1u << 8,    /* keys without an action */
    RUNE_POLICY_INDEX_PRINCIPAL_ACTION = 1u << 9, /* keys with one */
    RUNE_POLICY_INDEX_PRINCIPAL_IN = 1u << 10,    /* keys with `in`, PAIR keys too */
    /* ORDER: as those of the principal, three bits up */
    RUNE_POLICY_INDEX_RESOURCE_ANY = 1u << 11,
    RUNE_POLICY_INDEX_RESOURCE_ACTION = 1u << 12,
    RUNE_POLICY_INDEX_RESOURCE_IN = 1u << 13,
    RUNE_POLICY_INDEX_PAIR_ANY = 1u << 14,
    RUNE_POLICY_INDEX_PAIR_ACTION = 1u << 15,
    RUNE_POLICY_INDEX_HAS_PAIRS = RUNE_POLICY_INDEX_PAIR_ANY | RUNE_POLICY_INDEX_PAIR_ACTION,
    RUNE_POLICY_INDEX_HAS_BITMAPS = RUNE_POLICY_INDEX_PRINCIPAL_IN | RUNE_POLICY_INDEX_RESOURCE_IN |
                                    RUNE_POLICY_INDEX_HAS_PAIRS,
    RUNE_POLICY_INDEX_ALL_FLAGS = 0xffffu,
};

#define RUNE_POLICY_INDEX_HEADER 4u
#define RUNE_POLICY_INDEX_SHORT  16u

/* A slot of POLICY_HASH is 0 (empty) or the number of a key + 1 with 8 more bits of its hash above,
 * so that a search for what is not there rarely looks at a key. Linear probing, a power of two
 * slots of which some are empty. FORMAT. */
static inline uint64_t rune_policy_index_hash(uint32_t kind, uint32_t a, uint32_t b, uint32_t c)
{
    uint64_t x = (((uint64_t)a << 32) | b) * 0x9e3779b97f4a7c15u;
    x ^= (((uint64_t)c << 32) | kind) * 0xc2b2ae3d27d4eb4fu;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x;
}

static inline uint32_t rune_policy_index_home(uint64_t hash, uint32_t slots)
{
    return (uint32_t)(hash >> 32) & (slots - 1);
}

#define RUNE_POLICY_INDEX_MAX_KEYS 0xfffffeu /* LIMIT */
#define RUNE_POLICY_INDEX_TAG      0xff000000u

static inline uint32_t rune_policy_index_tag(uint64_t hash)
{
    return (uint32_t)hash & RUNE_POLICY_INDEX_TAG;
}

/* The home slot of an ancestor set in the map. FORMAT. */
static inline uint32_t rune_policy_index_map_home(uint32_t heap_offset, uint32_t slots)
{
    return (uint32_t)(((uint64_t)heap_offset * 0x9e3779b97f4a7c15u) >> 40) & (slots - 1);
}

/* The policies of a key. */
static inline const uint32_t *rune_policy_index_run(const struct rune_store *store,
                                                    const struct rune_image_index_key *key)
{
    return key->count == 1 ? &key->first : store->policy_list + key->first;
}

/* A run of POLICY_LIST, or a key's one policy. */
struct rune_candidate_run {
    const uint32_t *policies;
    uint32_t count;
};

#define RUNE_POLICY_INDEX_FEW_RUNS 24u /* nearly all requests find no more */

/* The candidates of a request: the caller's, not initialized. More than a few runs are in the
 * eval's arena. INVARIANT: no policy is in two of them. */
struct rune_candidates {
    const struct rune_candidate_run *runs;
    uint32_t run_count;
    uint32_t total; /* policies */
    struct rune_candidate_run few[RUNE_POLICY_INDEX_FEW_RUNS];
};

/* All candidates for a request. RUNE_E_LIMIT: the arena is full. Cost: a probe for each form of key
 * in use, one or two for each ancestor that is a key and for each pair of them, but no more for
 * pairs than the principals' pairs. */
RUNE_MUST_USE enum rune_err rune_policy_index_find(const struct rune_eval *eval,
                                                   const struct rune_entities *entities,
                                                   struct rune_candidates *ret_candidates);
