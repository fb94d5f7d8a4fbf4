/* SPDX-License-Identifier: Apache-2.0 */
/* str: a borrowed run of bytes, not NUL-terminated. Used by: everything that reads text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "rune/str.h" /* public: struct rune_str */

#define RUNE_STR(literal) ((struct rune_str){(literal), sizeof(literal) - 1})
/* For printf's "%.*s". */
#define RUNE_STR_ARG(s) (int)(s).length, (s).data

static inline struct rune_str rune_str_from(const char *text)
{
    return (struct rune_str){text, strlen(text)};
}

static inline bool rune_str_equal(struct rune_str a, struct rune_str b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
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
