/* SPDX-License-Identifier: Apache-2.0 */
/* store: typed read access to everything in one image.
 *
 * Owns: nothing; all pointers are borrowed from the image's map. Knows: which section holds which
 * array. INVARIANT: a store is used only after rune_store_verify accepted the same bytes (here or
 * in the verifier process); the evaluator therefore checks no offset again. Thread: any, immutable.
 * Used by: eval, engine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/dict.h"
#include "rune/err.h"
#include "shm/image_format.h"
#include "shm/image_map.h"

struct rune_diag;

struct rune_store {
    struct rune_terms terms; /* the image's dictionary */
    const struct rune_image_manifest *manifest;

    /* by entity index */
    const uint32_t *entity_attrs; /* heap offset of a record run */
    /* heap offset of a set run of entity terms: proper ancestors, closed */
    const uint32_t *entity_ancestors;
    const uint32_t *entity_tags; /* likewise attrs, or NULL when no entity has tags */
    const uint8_t *entity_flags;

    const struct rune_image_policy *policies;
    uint32_t policy_count;
    const uint32_t *policy_code;
    uint32_t policy_code_count;
    const struct rune_image_code_span *code_spans;
    uint32_t code_span_count;
    const struct rune_image_index_key *policy_index;
    uint32_t policy_index_count;
    const uint32_t *policy_hash;
    uint32_t policy_hash_slots;
    const uint32_t *policy_list;
    uint32_t policy_list_count;
    const uint8_t *patterns;
    uint32_t pattern_bytes;
    const uint32_t *annotations;
    uint32_t annotation_count;
    const uint32_t *ancestor_scopes;
    uint32_t ancestor_scope_count;

    const struct rune_image_relation *relations;
    uint32_t relation_count;
    const struct rune_image_order *orders;
    uint32_t order_count;
    const uint8_t *tuples;
    uint64_t tuple_bytes;
    const struct rune_image_rule *rules;
    uint32_t rule_count;
    const struct rune_image_plan *plans;
    uint32_t plan_count;
    const uint32_t *rule_code;
    uint32_t rule_code_count;
    const struct rune_image_code_span *rule_spans;
    uint32_t rule_span_count;
    const struct rune_image_ahead *ahead;
    uint32_t ahead_count;

    const uint32_t *schema;
    uint32_t schema_count;
    const struct rune_image_source *sources;
    uint32_t source_count;
    const char *source_bytes;
    uint64_t source_byte_count;
};

/* Points the store into the map. The container was checked; only counts that must agree are looked
 * at here. RUNE_E_CORRUPT. Cost: O(sections). */
RUNE_MUST_USE enum rune_err rune_store_open(const struct rune_image_map *map,
                                            struct rune_store *ret_store, struct rune_diag *diag);

/* Deep verification of untrusted bytes: every offset, count, id, program and jump target.
 * RUNE_E_CORRUPT with which section. Allocates at most a few words an entity. Cost: O(bytes). */
RUNE_MUST_USE enum rune_err rune_store_verify(const struct rune_store *store,
                                              struct rune_diag *diag);

/* The half of it that is not rune_rules_verify (eval/rule_eval.h). Neither relies on the other, so
 * that two threads can do both. */
RUNE_MUST_USE enum rune_err rune_store_verify_data(const struct rune_store *store,
                                                   struct rune_diag *diag);
