/* SPDX-License-Identifier: Apache-2.0 */
/* values: what operators and extension functions do to terms, for the policy evaluator, the rule
 * evaluator and the compiler's constant folding.
 *
 * Sets and records made during an evaluation are interned like all others, so that two terms are
 * equal values if and only if they are equal numbers, without exception.
 *
 * Owns: Cedar's semantics of values. Does not know: entities' data, programs. Thread: that of the
 * dict. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "model/dict.h"
#include "model/term.h"

struct rune_eval_error;

/* Where terms are resolved and new values go. A term's own space says where it lives. */
struct rune_values {
    const struct rune_terms *spaces[4]; /* by enum rune_space; those that cannot occur are NULL */
    struct rune_dict *dict;             /* of one of the spaces */
    /* LIMIT: counted where the cost follows the size of a value */
    uint64_t steps_left;
};

static inline const struct rune_terms *rune_values_terms(const struct rune_values *values,
                                                         rune_term term)
{
    return values->spaces[rune_term_space(term)];
}

/* The run [count, elements...] of a SET term. */
static inline const uint32_t *rune_values_set(const struct rune_values *values, rune_term set)
{
    const struct rune_terms *terms = rune_values_terms(values, set);
    return terms->heap + terms->sets[rune_term_index(set)];
}

static inline int64_t rune_values_long(const struct rune_values *values, rune_term term)
{
    return rune_term_is_inline(term)
               ? rune_term_inline_value(term)
               : rune_values_terms(values, term)->longs[rune_term_index(term)];
}

static inline struct rune_str rune_values_string(const struct rune_values *values, rune_term term)
{
    return rune_terms_string(rune_values_terms(values, term), term);
}

static inline const struct rune_ext *rune_values_ext(const struct rune_values *values,
                                                     rune_term term)
{
    return &rune_values_terms(values, term)->exts[rune_term_index(term)];
}

/* String term of an ENTITY term's type. */
static inline rune_term rune_values_entity_type(const struct rune_values *values, rune_term term)
{
    return rune_values_terms(values, term)->entity_type[rune_term_index(term)];
}

#define RUNE_RUN_SCAN_MAX 48u /* items up to which looking at all is faster than searching */

#ifdef __SSE2__
static inline __m128i rune_run_equal4(const uint32_t *items, __m128i want)
{
    return _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(const void *)items), want);
}
#endif

/* True if one of `count` items is the one sought. No branch depends on where it is, so all loads
 * are under way at once. The last four are looked at first, whatever of them comes again. */
static inline bool rune_run_scan(const uint32_t *items, uint32_t count, uint32_t item)
{
#ifdef __SSE2__
    if (count >= 4) {
        const __m128i want = _mm_set1_epi32((int)item);
        const uint32_t *last = items + count - 4;
        __m128i found = rune_run_equal4(last, want);
        for (; items < last; items += 4) {
            found = _mm_or_si128(found, rune_run_equal4(items, want));
        }
        return _mm_movemask_epi8(found) != 0;
    }
#endif
    for (uint32_t i = 0; i < count; i++) {
        if (items[i] == item) {
            return true;
        }
    }
    return false;
}

/* True if the ascending run [count, items...] has the item. Cost: O(log count); a few ns up to
 * RUNE_RUN_SCAN_MAX. */
static inline bool rune_run_contains(const uint32_t *run, uint32_t item)
{
    uint32_t count = run[0];
    const uint32_t *at = run + 1;
    while (count > RUNE_RUN_SCAN_MAX) { /* no branch depends on the data */
        uint32_t half = count / 2;
        at += at[half - 1] < item ? half : 0;
        count -= half;
    }
    return rune_run_scan(at, count, item);
}

/* The place of an item among `count` different ones, or count where it is not there. */
static inline uint32_t rune_run_place(const uint32_t *items, uint32_t count, uint32_t item)
{
#ifdef __SSE2__
    if (count >= 4) {
        const __m128i want = _mm_set1_epi32((int)item);
        const uint32_t *last = items + count - 4; /* overlaps those before */
        for (const uint32_t *at = items; at < last; at += 4) {
            int found = _mm_movemask_ps(_mm_castsi128_ps(rune_run_equal4(at, want)));
            if (found != 0) {
                return (uint32_t)(at - items) + (uint32_t)__builtin_ctz((unsigned)found);
            }
        }
        int found = _mm_movemask_ps(_mm_castsi128_ps(rune_run_equal4(last, want)));
        return found != 0 ? count - 4 + (uint32_t)__builtin_ctz((unsigned)found) : count;
    }
#endif
    uint32_t i = 0;
    while (i < count && items[i] != item) {
        i++;
    }
    return i;
}

/* The value of a name in a record run [shape, values...], RUNE_TERM_NONE where there is none.
 * `heap` is the one that the run lies in. Cost: O(names) for small records, O(log names) else. */
static inline rune_term rune_record_find(const uint32_t *run, const uint32_t *heap, rune_term name)
{
    const uint32_t *shape = heap + run[0];
    uint32_t count = shape[0];
    uint32_t low = 1;
    if (count > 16) {
        for (uint32_t high = count; low < high;) {
            uint32_t middle = low + (high - low) / 2;
            if (shape[middle] < name) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return shape[low] == name ? run[low] : RUNE_TERM_NONE;
    }
    uint32_t place = rune_run_place(shape + 1, count, name);
    return place < count ? run[1 + place] : RUNE_TERM_NONE;
}

/* The value of a name in a RECORD term, RUNE_TERM_NONE where there is none. */
static inline rune_term rune_values_record_get(const struct rune_values *values, rune_term record,
                                               rune_term name)
{
    const struct rune_terms *terms = rune_values_terms(values, record);
    return rune_record_find(terms->heap + terms->records[rune_term_index(record)], terms->heap,
                            name);
}

/* ---- operators: false with *ret_error set; a limit is an error of code LIMIT ---- */

enum rune_comparison { RUNE_COMPARE_LT, RUNE_COMPARE_LE, RUNE_COMPARE_GT, RUNE_COMPARE_GE };
enum rune_arithmetic { RUNE_ARITHMETIC_ADD, RUNE_ARITHMETIC_SUB, RUNE_ARITHMETIC_MUL };

/* Integers, datetimes and durations, each with its own kind. */
bool rune_values_compare(const struct rune_values *values, enum rune_comparison op, rune_term a,
                         rune_term b, bool *ret_truth, struct rune_eval_error *ret_error);
bool rune_values_arithmetic(struct rune_values *values, enum rune_arithmetic op, rune_term a,
                            rune_term b, rune_term *ret_term, struct rune_eval_error *ret_error);
bool rune_values_negate(struct rune_values *values, rune_term a, rune_term *ret_term,
                        struct rune_eval_error *ret_error);
bool rune_values_contains(const struct rune_values *values, rune_term set, rune_term element,
                          bool *ret_truth, struct rune_eval_error *ret_error);
bool rune_values_contains_all(struct rune_values *values, rune_term a, rune_term b, bool *ret_truth,
                              struct rune_eval_error *ret_error);
bool rune_values_contains_any(struct rune_values *values, rune_term a, rune_term b, bool *ret_truth,
                              struct rune_eval_error *ret_error);
bool rune_values_is_empty(const struct rune_values *values, rune_term set, bool *ret_truth,
                          struct rune_eval_error *ret_error);
/* The pattern is UTF-8 with RUNE_PATTERN_WILDCARD bytes. Cost: O(text * pattern) at worst, counted
 * in steps. */
bool rune_values_like(struct rune_values *values, rune_term text, const uint8_t *pattern,
                      size_t length, bool *ret_truth, struct rune_eval_error *ret_error);
/* Elements are sorted in place. */
bool rune_values_make_set(struct rune_values *values, rune_term *elements, uint32_t count,
                          rune_term *ret_term, struct rune_eval_error *ret_error);
/* Names ascending; both arrays stay as they are. */
bool rune_values_make_record(struct rune_values *values, rune_term *names, rune_term *items,
                             uint32_t count, rune_term *ret_term,
                             struct rune_eval_error *ret_error);
/* `function` is an enum rune_function, with as many arguments as it takes. */
bool rune_values_call(struct rune_values *values, uint32_t function, const rune_term *args,
                      rune_term *ret_term, struct rune_eval_error *ret_error);
