/* SPDX-License-Identifier: Apache-2.0 */
/* dict: values interned to terms: strings, entity uids, integers, sets, records, extension values,
 * floats.
 *
 * struct rune_terms is the read side: plain arrays by kind and index, the same for the image
 * (pointers into its sections), for the builder and for a request, so that one accessor serves all.
 * struct rune_dict is the write side: it owns growing arrays and keeps `terms` up to date. A
 * request's dictionary looks into the image's first, so that a value known to the image always has
 * the image's term; only unknown values get request terms.
 *
 * Owns: the arrays of a dict. Does not know: files, sections, policies. Thread: one writer; readers
 * of a finished one need no lock. Used by: eval, cedar, datalog, engine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "model/ext.h"
#include "model/term.h"
#include "rune/err.h"

/* All arrays are indexed by a term's index within its kind. `heap` holds runs of u32:
 *   set     [count, element terms sorted ascending, without repetition]
 *   record  [shape, value terms in the shape's order]
 *   shape   [count, string terms of the names, sorted ascending]     (a shape's number is its heap
 *           offset)
 * Heap offset 0 is the word 0: the empty set, the empty shape; offset 1 is the word 0 too: the
 * empty record. */
struct rune_terms {
    enum rune_space space;
    uint32_t string_count;
    uint32_t entity_count;
    uint32_t long_count;
    uint32_t set_count;
    uint32_t record_count;
    uint32_t ext_count;
    uint32_t float_count;
    uint32_t heap_count;            /* words in heap */
    const uint32_t *string_offsets; /* string_count + 1 offsets into string_bytes */
    const char *string_bytes;       /* UTF-8 */
    const uint32_t *entity_type;    /* string term of the type's full name; image or this space */
    const uint32_t *entity_id;      /* string term of the id */
    const int64_t *longs;           /* those that do not fit inline */
    const uint32_t *sets;           /* heap offsets */
    const uint32_t *records;        /* heap offsets */
    const struct rune_ext *exts;
    const double *floats;
    const uint32_t *heap;
    const uint32_t *index; /* open addressing, linear probing, home slot = (hash * slots) >> 32
                              where `hash` is the upper half of the 64-bit one; 0: empty (one slot
                              always is), else a term of this space */
    uint32_t index_slots;
    uint32_t index_shift; /* a slot has 1 << shift words: the term, and while a dict grows its hash
                           */
};

struct rune_dict; /* a growing dictionary */

/* `base` is looked into first (NULL: none); it must outlive the dict and not change. cap_bytes
 * bounds the memory (0: no bound). A dict of RUNE_SPACE_REQUEST takes all its memory here, as one
 * block of cap_bytes (0: 1 MiB) of which only what is used is ever touched, and never allocates
 * again: past it is RUNE_E_LIMIT. NULL: out of memory. */
struct rune_dict *rune_dict_create(enum rune_space space, const struct rune_terms *base,
                                   size_t cap_bytes);
void rune_dict_destroy(struct rune_dict *dict);

/* The read side, valid until the next addition (pointers may move then). */
const struct rune_terms *rune_dict_terms(const struct rune_dict *dict);

/* About `more` values will be added: where its index has to grow, it grows to room for them at
 * once, so that no memory is touched for tables that are soon too small. */
void rune_dict_expect(struct rune_dict *dict, uint64_t more);

/* Ends the life of a dict that is to become an image's: its index is packed to terms alone, and to
 * intern is RUNE_E_INTERNAL from here on. The read side. */
const struct rune_terms *rune_dict_finish(struct rune_dict *dict);

/* Forgets everything of this dict's own space and changes the base: one call a request. Keeps
 * memory. */
void rune_dict_reset(struct rune_dict *dict, const struct rune_terms *base);

/* The write side of `terms` alone: how many bytes of memory the dict holds (a request's: its
 * block). */
size_t rune_dict_bytes(const struct rune_dict *dict);

/* Intern: find or add. RUNE_E_NOMEM, RUNE_E_LIMIT (cap, index bits). Cost: O(size of the value).
 * A text may not point into the dict itself, unless it is a whole string of it.
 * Entity: type and id are string terms. Set: any order, repetitions allowed, `elements` is sorted
 * in place. Record: names are string terms, distinct, any order; both arrays are sorted in place.
 */
RUNE_MUST_USE enum rune_err rune_dict_string(struct rune_dict *dict, struct rune_str text,
                                             rune_term *ret_term);
RUNE_MUST_USE enum rune_err rune_dict_entity(struct rune_dict *dict, rune_term type, rune_term id,
                                             rune_term *ret_term);
RUNE_MUST_USE enum rune_err rune_dict_long(struct rune_dict *dict, int64_t value,
                                           rune_term *ret_term);
RUNE_MUST_USE enum rune_err rune_dict_float(struct rune_dict *dict, double value,
                                            rune_term *ret_term);
RUNE_MUST_USE enum rune_err rune_dict_ext(struct rune_dict *dict, const struct rune_ext *value,
                                          rune_term *ret_term);
RUNE_MUST_USE enum rune_err rune_dict_set(struct rune_dict *dict, rune_term *elements, size_t count,
                                          rune_term *ret_term);
RUNE_MUST_USE enum rune_err rune_dict_record(struct rune_dict *dict, rune_term *names,
                                             rune_term *values, size_t count, rune_term *ret_term);

/* Many at once, as if one after the other: whoever has them at hand should, since the searches then
 * wait for memory together (a few times faster in a dictionary larger than the processor's caches).
 * Entities: a string term of the type and the text of the id each. After an error some may have
 * been added. */
RUNE_MUST_USE enum rune_err rune_dict_strings(struct rune_dict *dict, const struct rune_str *texts,
                                              size_t count, rune_term *ret_terms);
RUNE_MUST_USE enum rune_err rune_dict_entities(struct rune_dict *dict, const rune_term *types,
                                               const struct rune_str *ids, size_t count,
                                               rune_term *ret_terms);

/* A record run and its (shared) shape in the heap, as rune_dict_record, but no value of the
 * dictionary: for the attributes and tags of entities, which nothing compares. */
RUNE_MUST_USE enum rune_err rune_dict_record_run(struct rune_dict *dict, rune_term *names,
                                                 rune_term *values, size_t count,
                                                 uint32_t *ret_offset);

/* A set run in the heap that is no value of the dictionary: for ancestors, which the caller shares
 * himself. The elements ascend without repetition. */
RUNE_MUST_USE enum rune_err rune_dict_set_run(struct rune_dict *dict, const rune_term *sorted,
                                              size_t count, uint32_t *ret_offset);

/* Find only: RUNE_TERM_NONE where unknown. */
rune_term rune_terms_find_string(const struct rune_terms *terms, struct rune_str text);
rune_term rune_terms_find_entity(const struct rune_terms *terms, rune_term type, rune_term id);
rune_term rune_terms_find_long(const struct rune_terms *terms, int64_t value);
rune_term rune_terms_find_ext(const struct rune_terms *terms, const struct rune_ext *value);
rune_term rune_terms_find_float(const struct rune_terms *terms, double value);
rune_term rune_terms_find_set(const struct rune_terms *terms, const rune_term *sorted,
                              size_t count);
/* Names sorted ascending, values in their order. */
rune_term rune_terms_find_record(const struct rune_terms *terms, const rune_term *names,
                                 const rune_term *values, size_t count);
/* Entity straight from its two texts: at most three probes. */
rune_term rune_terms_find_uid(const struct rune_terms *terms, struct rune_str type,
                              struct rune_str id);
/* The same, of a type that is known: one or two. */
rune_term rune_terms_find_uid_of(const struct rune_terms *terms, rune_term type,
                                 struct rune_str id);

/* An entity of a known type that is looked for. */
struct rune_uid_search {
    rune_term type; /* string term */
    struct rune_str id;
    rune_term found; /* set by the search; RUNE_TERM_NONE: unknown */
    uint32_t hash;   /* its own */
};

/* A few of them at once: in a dictionary that no cache holds, each waits six times for memory, and
 * here they wait together. */
void rune_terms_find_uids(const struct rune_terms *terms, struct rune_uid_search *searches,
                          uint32_t count);

/* For the verifier: the hash of a term's value, itself sound, and the slot of the index where the
 * search for values of that hash begins. */
uint32_t rune_terms_hash(const struct rune_terms *terms, rune_term term);
uint32_t rune_terms_home(const struct rune_terms *terms, uint32_t hash);

/* Accessors for a term of this very dictionary (space and kind already known). */
static inline struct rune_str rune_terms_string(const struct rune_terms *terms, rune_term term)
{
    const uint32_t *at = terms->string_offsets + rune_term_index(term);
    return (struct rune_str){terms->string_bytes + at[0], at[1] - at[0]};
}

/* The integer of a LONG term, inline or of this very dictionary. */
static inline int64_t rune_terms_long(const struct rune_terms *terms, rune_term term)
{
    return rune_term_is_inline(term) ? rune_term_inline_value(term)
                                     : terms->longs[rune_term_index(term)];
}

/* A dictionary without a base begins with the empty string as string 0, the empty set as set 0
 * (heap offset 0) and the empty record as record 0 (heap offset 1); all others find them in their
 * base. INVARIANT of finished dictionaries, checked by the verifier: offsets ascend, every heap run
 * lies inside, every term names an existing value, the runs of sets and of records ascend with
 * their indexes and come after the runs of what they contain (so nothing contains itself), every
 * value is there once and the index finds it. */
