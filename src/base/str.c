/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdint.h>

#define MAX_LENGTH 255

static unsigned char fold(char c, bool ignore_case)
{
    unsigned char byte = (unsigned char)c;
    return ignore_case && byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte | 0x20) : byte;
}

static uint16_t min2(size_t a, size_t b)
{
    return (uint16_t)(a < b ? a : b);
}

/* Optimal string alignment, row by row: row[i][j] is the distance of the first i bytes of a and j
 * of b. */
static size_t distance(struct rune_str a, struct rune_str b, size_t limit, bool ignore_case)
{
    size_t gap = a.length > b.length ? a.length - b.length : b.length - a.length;
    if (gap > limit || a.length > MAX_LENGTH || b.length > MAX_LENGTH) {
        return !ignore_case && rune_str_equal(a, b) ? 0 : limit + 1;
    }
    uint16_t rows[3][MAX_LENGTH + 1];
    uint16_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.length; j++) {
        above[j] = (uint16_t)j;
    }
    for (size_t i = 1; i <= a.length; i++) {
        unsigned char ca = fold(a.data[i - 1], ignore_case);
        uint16_t best = row[0] = (uint16_t)i;
        for (size_t j = 1; j <= b.length; j++) {
            unsigned char cb = fold(b.data[j - 1], ignore_case);
            row[j] = min2(min2(above[j] + (size_t)1, row[j - 1] + (size_t)1),
                          above[j - 1] + (size_t)(ca != cb));
            if (i > 1 && j > 1 && ca == fold(b.data[j - 2], ignore_case) &&
                fold(a.data[i - 2], ignore_case) == cb) {
                row[j] = min2(row[j], before[j - 2] + (size_t)1);
            }
            best = min2(best, row[j]);
        }
        if (best > limit) {
            return limit + 1;
        }
        uint16_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b.length] <= limit ? above[b.length] : limit + 1;
}

size_t rune_str_distance(struct rune_str a, struct rune_str b, size_t limit)
{
    return distance(a, b, limit, false);
}

struct rune_str rune_str_nearest(struct rune_str name, const struct rune_str *candidates,
                                 size_t count)
{
    /* One slip in three bytes, and never so many that nothing of the name is left. */
    size_t limit = name.length < 3 ? name.length / 2 : name.length / 3;
    struct rune_str best = {"", 0};
    size_t best_distance = limit + 1;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(name, candidates[i], limit, true);
        if (d < best_distance) {
            best = candidates[i];
            best_distance = d;
        }
    }
    return best;
}
