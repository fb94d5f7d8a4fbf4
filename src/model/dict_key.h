/* SPDX-License-Identifier: Apache-2.0 */
/* dict_key: values as keys: their hashes, and search among the values of a dictionary. Private to
 * model/dict*.c. */
#pragma once

#include "model/dict_int.h"

/* ---- hashes ---- */

static inline uint32_t rune_dict_hash_bytes(const void *bytes, size_t length, uint64_t seed)
{
    return (uint32_t)(rune_hash64(bytes, length, seed) >> 32);
}

/* splitmix64's finisher; the kind keeps equal bits of different kinds apart. */
static inline uint32_t rune_dict_hash_word(uint64_t word, enum rune_kind kind)
{
    uint64_t x = word + 0x9e3779b97f4a7c15u * (uint64_t)kind;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((x ^ (x >> 31)) >> 32);
}

static inline uint32_t rune_dict_hash_string(struct rune_str text)
{
    return rune_dict_hash_bytes(text.data, text.length, 0);
}

static inline uint32_t rune_dict_hash_entity(rune_term type, rune_term id)
{
    return rune_dict_hash_word(((uint64_t)type << 32) | id, RUNE_KIND_ENTITY);
}

static inline uint32_t rune_dict_hash_long(int64_t value)
{
    return rune_dict_hash_word((uint64_t)value, RUNE_KIND_LONG);
}

static inline uint64_t rune_dict_float_bits(double value)
{
    uint64_t bits;
    double plain = value == 0.0 ? 0.0 : value; /* -0.0 equals 0.0 */
    memcpy(&bits, &plain, sizeof bits);
    return bits;
}

static inline uint32_t rune_dict_hash_float(double value)
{
    return rune_dict_hash_word(rune_dict_float_bits(value), RUNE_KIND_FLOAT);
}

static inline uint32_t rune_dict_hash_ext(const struct rune_ext *value)
{
    return rune_dict_hash_bytes(value, sizeof *value, RUNE_KIND_EXT);
}

static inline uint32_t rune_dict_hash_set(const rune_term *sorted, size_t count)
{
    return rune_dict_hash_bytes(sorted, count * sizeof *sorted, RUNE_KIND_SET);
}

static inline uint32_t rune_dict_hash_record(const rune_term *names, const rune_term *values,
                                             size_t count)
{
    uint64_t seed = rune_hash64(names, count * sizeof *names, RUNE_KIND_RECORD);
    return rune_dict_hash_bytes(values, count * sizeof *values, seed);
}

/* ---- finding ---- */

/* A key of any kind, and whether the value behind a term of that kind equals it. */
struct rune_dict_key {
    struct rune_str text;
    rune_term a, b;
    int64_t number;
    const struct rune_ext *ext;
    const rune_term *names, *values;
    size_t count;
};

static inline bool rune_dict_string_equal(const struct rune_terms *terms, uint32_t index,
                                          struct rune_str text)
{
    uint32_t from = terms->string_offsets[index];
    uint32_t length = terms->string_offsets[index + 1] - from;
    return length == text.length && rune_bytes_equal(terms->string_bytes + from, text.data, length);
}

static inline bool rune_dict_run_equal(const uint32_t *run, const rune_term *items, size_t count)
{
    return count == 0 || memcmp(run, items, count * sizeof *items) == 0;
}

static inline bool rune_dict_record_equal(const uint32_t *heap, const uint32_t *run,
                                          const struct rune_dict_key *key)
{
    const uint32_t *shape = heap + run[0];
    return shape[0] == key->count && rune_dict_run_equal(run + 1, key->values, key->count) &&
           rune_dict_run_equal(shape + 1, key->names, key->count);
}

static inline __attribute__((always_inline)) bool rune_dict_equal(const struct rune_terms *terms,
                                                                  enum rune_kind kind,
                                                                  uint32_t index,
                                                                  const struct rune_dict_key *key)
{
    const uint32_t *run;
    switch (kind) {
    case RUNE_KIND_STRING:
        return rune_dict_string_equal(terms, index, key->text);
    case RUNE_KIND_ENTITY:
        return terms->entity_id[index] == key->b && terms->entity_type[index] == key->a;
    case RUNE_KIND_LONG:
        return terms->longs[index] == key->number;
    case RUNE_KIND_SET:
        run = terms->heap + terms->sets[index];
        return run[0] == key->count && rune_dict_run_equal(run + 1, key->values, key->count);
    case RUNE_KIND_RECORD:
        return rune_dict_record_equal(terms->heap, terms->heap + terms->records[index], key);
    case RUNE_KIND_EXT:
        return memcmp(&terms->exts[index], key->ext, sizeof *key->ext) == 0;
    case RUNE_KIND_FLOAT:
        return rune_dict_float_bits(terms->floats[index]) == (uint64_t)key->number;
    case RUNE_KIND_SPECIAL:
        break;
    }
    return false;
}

/* Both searches get a loop of its own for each kind, which is a constant at every call. */
static inline __attribute__((always_inline)) bool rune_dict_is_at(const struct rune_terms *terms,
                                                                  rune_term term,
                                                                  enum rune_kind kind,
                                                                  const struct rune_dict_key *key)
{
    return (term & ~RUNE_TERM_INDEX_MAX) == rune_term_make(terms->space, kind, 0) &&
           rune_dict_equal(terms, kind, rune_term_index(term), key);
}

/* In a dictionary of any sort, through its index as readers see it. */
static inline __attribute__((always_inline)) rune_term
rune_dict_find(const struct rune_terms *terms, uint32_t hash, enum rune_kind kind,
               const struct rune_dict_key *key)
{
    if (terms->index_slots == 0) {
        return RUNE_TERM_NONE;
    }
    for (uint32_t at = rune_dict_home_of(hash, terms->index_slots);;) {
        rune_term term = terms->index[(size_t)at << terms->index_shift];
        if (term == RUNE_TERM_NONE || rune_dict_is_at(terms, term, kind, key)) {
            return term;
        }
        at = rune_dict_next_of(at, terms->index_slots);
    }
}

/* In a growing one, which knows the hashes of its values: looks at a value only if its hash is the
 * key's. From the slot `at` on: the slot that has it, else the empty one where it belongs. */
static inline __attribute__((always_inline)) uint32_t
rune_dict_seek(const struct rune_dict *dict, uint32_t at, uint32_t hash, enum rune_kind kind,
               const struct rune_dict_key *key)
{
    const struct rune_dict_slot *slots = dict->index.slots;
    while (slots[at].value != RUNE_TERM_NONE &&
           !(slots[at].hash == hash && rune_dict_is_at(&dict->terms, slots[at].value, kind, key))) {
        at = rune_dict_next_of(at, dict->index.size);
    }
    return at;
}

/* What every addition asks first: is it known, to the base (if it may be) or to the dict itself? */
static inline __attribute__((always_inline)) rune_term
rune_dict_find_known(const struct rune_dict *dict, bool may_be_in_base, uint32_t hash,
                     enum rune_kind kind, const struct rune_dict_key *key)
{
    rune_term term = may_be_in_base ? rune_dict_find(dict->base, hash, kind, key) : RUNE_TERM_NONE;
    if (term != RUNE_TERM_NONE) {
        return term;
    }
    if (dict->index.size == 0) {
        return RUNE_TERM_NONE; /* finished: the addition will fail */
    }
    uint32_t home = rune_dict_home_of(hash, dict->index.size);
    return dict->index.slots[rune_dict_seek(dict, home, hash, kind, key)].value;
}

/* True if a container of these terms may be in the base: none of them is of the dict's own space.
 */
static inline bool rune_dict_may_be_in_base(const struct rune_dict *dict, const rune_term *terms,
                                            size_t count)
{
    if (dict->base == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (rune_term_space(terms[i]) == dict->terms.space) {
            return false;
        }
    }
    return true;
}
