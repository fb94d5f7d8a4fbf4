/* SPDX-License-Identifier: Apache-2.0 */
/* sort_rows: rows of terms, sorted.
 *
 * Least-significant-digit radix over the columns, last column first, digits of 11 bits of the value
 * minus the column's least: dictionary ids are dense, so a column takes one to three passes. What
 * is sorted already is only looked at. */
#include <string.h>

#include "datalog/evaluate_int.h"

#define DIGIT_BITS 11u
#define DIGITS     (1u << DIGIT_BITS)
#define FEW        32u /* rows that are sorted one by one: clearing digits would take longer */

static const uint8_t natural[RUNE_DL_MAX_ARITY] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

/* -1, 0, 1 by the columns in their order. */
static int compare_rows(const rune_term *a, const rune_term *b, uint32_t arity,
                        const uint8_t *columns)
{
    for (uint32_t i = 0; i < arity; i++) {
        if (a[columns[i]] != b[columns[i]]) {
            return a[columns[i]] < b[columns[i]] ? -1 : 1;
        }
    }
    return 0;
}

/* And without repetition. */
static bool is_sorted(const rune_term *rows, uint64_t count, uint32_t arity, const uint8_t *columns)
{
    for (uint64_t i = 1; i < count; i++) {
        if (compare_rows(rows + (i - 1) * arity, rows + i * arity, arity, columns) >= 0) {
            return false;
        }
    }
    return true;
}

/* One pass: rows from `from` to `to` by one digit of one column. `arity` is a constant where it
 * matters. */
static inline __attribute__((always_inline)) void scatter(const rune_term *from, rune_term *to,
                                                          uint64_t count, uint32_t arity,
                                                          uint32_t column, rune_term least,
                                                          uint32_t shift)
{
    uint64_t at[DIGITS] = {0};
    for (uint64_t i = 0; i < count; i++) {
        at[(from[i * arity + column] - least) >> shift & (DIGITS - 1)]++;
    }
    uint64_t next = 0;
    for (uint32_t d = 0; d < DIGITS; d++) {
        uint64_t many = at[d];
        at[d] = next;
        next += many;
    }
    for (uint64_t i = 0; i < count; i++) {
        const rune_term *row = from + i * arity;
        rune_term *place = to + at[(row[column] - least) >> shift & (DIGITS - 1)]++ * arity;
        for (uint32_t c = 0; c < arity; c++) {
            place[c] = row[c];
        }
    }
}

static void scatter_rows(const rune_term *from, rune_term *to, uint64_t count, uint32_t arity,
                         uint32_t column, rune_term least, uint32_t shift)
{
    switch (arity) {
    case 1:
        scatter(from, to, count, 1, column, least, shift);
        break;
    case 2:
        scatter(from, to, count, 2, column, least, shift);
        break;
    case 3:
        scatter(from, to, count, 3, column, least, shift);
        break;
    default:
        scatter(from, to, count, arity, column, least, shift);
        break;
    }
}

static uint64_t drop_repetitions(rune_term *rows, uint64_t count, uint32_t arity)
{
    uint64_t kept = count > 0;
    size_t row_bytes = arity * sizeof(rune_term);
    for (uint64_t i = 1; i < count; i++) {
        if (memcmp(rows + i * arity, rows + (kept - 1) * arity, row_bytes) != 0) {
            memmove(rows + kept++ * arity, rows + i * arity, row_bytes);
        }
    }
    return kept;
}

/* By the first `sorted` of the columns, in place. */
static void sort_few(rune_term *rows, uint64_t count, uint32_t arity, const uint8_t *columns,
                     uint32_t sorted)
{
    size_t row_bytes = arity * sizeof(rune_term);
    rune_term row[RUNE_DL_MAX_ARITY];
    for (uint64_t i = 1; i < count; i++) {
        uint64_t to = i;
        while (to > 0 &&
               compare_rows(rows + (to - 1) * arity, rows + i * arity, sorted, columns) > 0) {
            to--;
        }
        if (to < i) {
            memcpy(row, rows + i * arity, row_bytes);
            memmove(rows + (to + 1) * arity, rows + to * arity, (i - to) * row_bytes);
            memcpy(rows + to * arity, row, row_bytes);
        }
    }
}

/* By the first `sorted` of the columns. */
static enum rune_err radix_sort(rune_term **rows, uint64_t count, uint32_t arity,
                                const uint8_t *columns, uint32_t sorted)
{
    if (count <= FEW) {
        sort_few(*rows, count, arity, columns, sorted);
        return RUNE_OK;
    }
    rune_term *from = *rows;
    rune_term *to = rune_realloc(NULL, count, arity * sizeof(rune_term));
    if (to == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t c = sorted; c-- > 0;) {
        uint32_t column = columns[c];
        rune_term least = UINT32_MAX, most = 0;
        for (uint64_t i = 0; i < count; i++) {
            rune_term term = from[i * arity + column];
            least = term < least ? term : least;
            most = term > most ? term : most;
        }
        for (uint32_t shift = 0; shift < 32 && ((most - least) >> shift) != 0;
             shift += DIGIT_BITS) {
            scatter_rows(from, to, count, arity, column, least, shift);
            rune_term *swap = from;
            from = to;
            to = swap;
        }
    }
    rune_free(to);
    *rows = from;
    return RUNE_OK;
}

enum rune_err rune_dl_sort_rows(rune_term **rows, uint64_t *count, uint32_t arity,
                                const uint8_t *columns)
{
    columns = columns == NULL ? natural : columns;
    if (arity == 0) {
        *count = *count > 0;
        return RUNE_OK;
    }
    if (is_sorted(*rows, *count, arity, columns)) {
        return RUNE_OK;
    }
    enum rune_err err = radix_sort(rows, *count, arity, columns, arity);
    if (err == RUNE_OK) {
        *count = drop_repetitions(*rows, *count, arity);
    }
    return err;
}

enum rune_err rune_dl_group_rows(rune_term **rows, uint64_t count, uint32_t arity, uint32_t leading)
{
    return radix_sort(rows, count, arity, natural, leading);
}
