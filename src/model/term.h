/* SPDX-License-Identifier: Apache-2.0 */
/* term: a value as one u32. Two terms are equal values if and only if they are equal numbers.
 *
 *     bits 31..30   00  image dictionary          kind in bits 29..27, index in bits 26..0
 *                   01  inline integer            value + 2^29 in bits 29..0
 *                   10  overlay dictionary        as 00
 *                   11  request dictionary        as 00
 *
 * The kind is in the number, so that a type test costs no load; indexes are dense per kind, so that
 * arrays by index stay small. An integer that fits inline is always inline. FORMAT: the image
 * stores terms. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t rune_term;

enum rune_kind {
    RUNE_KIND_SPECIAL = 0, /* none, false, true */
    RUNE_KIND_STRING = 1,
    RUNE_KIND_ENTITY = 2,
    RUNE_KIND_LONG = 3, /* also every inline integer */
    RUNE_KIND_SET = 4,
    RUNE_KIND_RECORD = 5,
    RUNE_KIND_EXT = 6, /* decimal, ipaddr, datetime, duration: see model/ext.h */
    RUNE_KIND_FLOAT = 7,
};

enum rune_space {
    RUNE_SPACE_IMAGE = 0,
    RUNE_SPACE_INLINE = 1,
    RUNE_SPACE_OVERLAY = 2,
    RUNE_SPACE_REQUEST = 3,
};

#define RUNE_TERM_NONE  0u /* no value */
#define RUNE_TERM_FALSE 1u
#define RUNE_TERM_TRUE  2u
/* Record 0 of every dictionary is {}: the verifier sees to it. */
#define RUNE_TERM_EMPTY_RECORD 0x28000000u

#define RUNE_TERM_INDEX_BITS 27
#define RUNE_TERM_INDEX_MAX \
    ((1u << RUNE_TERM_INDEX_BITS) - 1) /* LIMIT: values of one kind in one dictionary */
#define RUNE_TERM_INLINE_MIN (-(INT64_C(1) << 29))
#define RUNE_TERM_INLINE_MAX ((INT64_C(1) << 29) - 1)

static inline enum rune_space rune_term_space(rune_term term)
{
    return (enum rune_space)(term >> 30);
}

static inline rune_term rune_term_make(enum rune_space space, enum rune_kind kind, uint32_t index)
{
    return ((uint32_t)space << 30) | ((uint32_t)kind << RUNE_TERM_INDEX_BITS) | index;
}

static inline bool rune_term_is_inline(rune_term term)
{
    return (term >> 30) == RUNE_SPACE_INLINE;
}

static inline enum rune_kind rune_term_kind(rune_term term)
{
    return rune_term_is_inline(term) ? RUNE_KIND_LONG
                                     : (enum rune_kind)((term >> RUNE_TERM_INDEX_BITS) & 7);
}

/* An entity of the image: what nearly all entities are. */
static inline bool rune_term_is_image_entity(rune_term term)
{
    return term >> RUNE_TERM_INDEX_BITS == RUNE_KIND_ENTITY;
}

static inline uint32_t rune_term_index(rune_term term)
{
    return term & RUNE_TERM_INDEX_MAX;
}

static inline bool rune_term_fits_inline(int64_t value)
{
    return value >= RUNE_TERM_INLINE_MIN && value <= RUNE_TERM_INLINE_MAX;
}

static inline rune_term rune_term_from_inline(int64_t value)
{
    return (1u << 30) | (uint32_t)(value - RUNE_TERM_INLINE_MIN);
}

static inline int64_t rune_term_inline_value(rune_term term)
{
    return (int64_t)(term & 0x3fffffffu) + RUNE_TERM_INLINE_MIN;
}

static inline rune_term rune_term_bool(bool value)
{
    return value ? RUNE_TERM_TRUE : RUNE_TERM_FALSE;
}

static inline bool rune_term_is_bool(rune_term term)
{
    return term - RUNE_TERM_FALSE <= 1u;
}
