/* SPDX-License-Identifier: Apache-2.0 */
/* verify: deep verification of an image's sections: the parts of rune_store_verify (eval/store.h).
 *
 * INVARIANT: what is accepted can be evaluated with any request without one access out of bounds,
 * and verification itself costs O(bytes) whatever the bytes are. A part may rely on those above it.
 * Allocates: one byte a set or record and three bits a word of the heap. Does not verify that an
 * image means what its bundle says: its hash and its builder answer for that. Private to
 * eval/verify*.c and eval/rule_verify*.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "eval/store.h"
#include "rune/err.h"

struct rune_diag;

/* Nesting of sets and records within values. LIMIT: what walks over values may recurse to. */
#define RUNE_VALUE_MAX_DEPTH 200u

/* Which heap offsets begin a verified run; bitmaps by heap word. */
struct rune_verified {
    const struct rune_store *store;
    uint64_t *records;     /* record runs */
    uint64_t *shapes;      /* their shapes */
    uint64_t *entity_sets; /* set runs of entities only */
    /* LIMIT: words of runs that may still be looked at: runs may overlap in a damaged heap */
    uint64_t work_left;
    struct rune_diag *diag;
};

/* Reports and returns RUNE_E_CORRUPT. */
enum rune_err rune_verify_fail(struct rune_diag *diag, const char *section, const char *what);

/* Strings, uids, numbers, sets, records, the index: fills the bitmaps. */
RUNE_MUST_USE enum rune_err rune_verify_terms(struct rune_verified *verified);
/* Attributes, tags, ancestors of entities. */
RUNE_MUST_USE enum rune_err rune_verify_entities(struct rune_verified *verified);
/* The policy index and the ancestor scopes. */
RUNE_MUST_USE enum rune_err rune_verify_index(struct rune_verified *verified);

/* Relations are sorted by name. (All else of them: rune_rules_verify.) */
RUNE_MUST_USE enum rune_err rune_verify_relation_names(const struct rune_verified *verified);

/* One program; the words lie in POLICY_CODE. Tells why not in *ret_what (static). */
bool rune_verify_program(const struct rune_verified *verified,
                         const struct rune_image_policy *policy, const char **ret_what);

/* True if `term` is a value of the image: NONE is none. */
static inline bool rune_verify_is_term(const struct rune_terms *terms, rune_term term)
{
    const uint32_t counts[8] = {3,
                                terms->string_count,
                                terms->entity_count,
                                terms->long_count,
                                terms->set_count,
                                terms->record_count,
                                terms->ext_count,
                                terms->float_count};
    return rune_term_is_inline(term) ||
           (rune_term_space(term) == RUNE_SPACE_IMAGE && term != RUNE_TERM_NONE &&
            rune_term_index(term) < counts[rune_term_kind(term)]);
}

static inline bool rune_verify_is_kind(const struct rune_terms *terms, rune_term term,
                                       enum rune_kind kind)
{
    return !rune_term_is_inline(term) && rune_term_kind(term) == kind &&
           rune_verify_is_term(terms, term);
}

static inline bool rune_verify_bit(const uint64_t *bitmap, uint32_t at)
{
    return (bitmap[at / 64] >> at % 64 & 1) != 0;
}

static inline void rune_verify_set_bit(uint64_t *bitmap, uint32_t at)
{
    bitmap[at / 64] |= UINT64_C(1) << at % 64;
}
