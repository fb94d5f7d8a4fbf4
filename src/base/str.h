/* SPDX-License-Identifier: Apache-2.0 */
/* str: a borrowed run of bytes, not NUL-terminated. Used by: everything that reads text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rune/str.h" /* public: struct rune_str */

#define RUNE_STR(literal) ((struct rune_str){(literal), sizeof(literal) - 1})
/* For printf's "%.*s". */
#define RUNE_STR_ARG(s) (int)(s).length, (s).data

static inline struct rune_str rune_str_from(const char *text)
{
    return (struct rune_str){text, strlen(text)};
}

/* Most names are short: up to 16 bytes are two loads that overlap, or single bytes, and no function
 * is called. */
static inline bool rune_bytes_equal(const char *a, const char *b, size_t length)
{
    if (length >= 8 && length <= 16) {
        uint64_t a_words[2], b_words[2];
        memcpy(&a_words[0], a, 8);
        memcpy(&a_words[1], a + length - 8, 8);
        memcpy(&b_words[0], b, 8);
        memcpy(&b_words[1], b + length - 8, 8);
        return ((a_words[0] ^ b_words[0]) | (a_words[1] ^ b_words[1])) == 0;
    }
    if (length >= 4 && length < 8) {
        uint32_t a_words[2], b_words[2];
        memcpy(&a_words[0], a, 4);
        memcpy(&a_words[1], a + length - 4, 4);
        memcpy(&b_words[0], b, 4);
        memcpy(&b_words[1], b + length - 4, 4);
        return ((a_words[0] ^ b_words[0]) | (a_words[1] ^ b_words[1])) == 0;
    }
    if (length > 0 && length < 4) {
        size_t middle = length / 2, last = length - 1;
        return a[0] == b[0] && a[middle] == b[middle] && a[last] == b[last];
    }
    return length == 0 || memcmp(a, b, length) == 0;
}

static inline bool rune_str_equal(struct rune_str a, struct rune_str b)
{
    return a.length == b.length && rune_bytes_equal(a.data, b.data, a.length);
}

/* Whether the text ends with the suffix and has something before it. */
static inline bool rune_str_has_suffix(struct rune_str text, struct rune_str suffix)
{
    return text.length > suffix.length &&
           rune_bytes_equal(text.data + text.length - suffix.length, suffix.data, suffix.length);
}

/* Bytewise order: <0, 0, >0. */
static inline int rune_str_compare(struct rune_str a, struct rune_str b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* Edit distance in bytes (insert, delete, replace, swap of neighbours), at most `limit + 1`; also
 * `limit + 1` for unequal texts beyond 255 bytes. For "did you mean". Allocates nothing. Cost:
 * O(length of a * length of b). */
size_t rune_str_distance(struct rune_str a, struct rune_str b, size_t limit);

/* The candidate nearest to `name` (ASCII case counts little) if near enough to be a slip of the
 * pen, else an empty str. */
struct rune_str rune_str_nearest(struct rune_str name, const struct rune_str *candidates,
                                 size_t count);
