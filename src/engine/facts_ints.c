/* SPDX-License-Identifier: Apache-2.0 */
/* facts_ints: integers as texts, and rows of nothing else: the way of a million of them. */
#include "engine/facts_int.h"

/* How many of the 8 bytes, from the lowest on, are digits. */
static inline uint32_t count_digits(uint64_t word)
{
    uint64_t t = word ^ 0x3030303030303030u;
    uint64_t other = ((t + 0x0606060606060606u) | t) & 0xf0f0f0f0f0f0f0f0u;
    return other == 0 ? 8 : (uint32_t)__builtin_ctzll(other) >> 3;
}

/* The number that the lowest n bytes spell, 1 <= n <= 8: pairs, then fours, then eight at once. */
static inline uint64_t spell_digits(uint64_t word, uint32_t n)
{
    word <<= 8 * (8 - n);
    word = (word & 0x0f0f0f0f0f0f0f0fu) * 2561 >> 8;
    word = (word & 0x00ff00ff00ff00ffu) * 6553601 >> 16;
    return (word & 0x0000ffff0000ffffu) * 42949672960001u >> 32;
}

static uint32_t scan_long_int(const char *p, bool is_negative, int64_t *ret_value, bool *ret_fits)
{
    uint64_t limit = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
    uint64_t value = 0;
    uint32_t n = 0;
    *ret_fits = true;
    for (; p[n] >= '0' && p[n] <= '9'; n++) {
        uint64_t digit = (uint64_t)(p[n] - '0');
        if (value > (limit - digit) / 10) {
            *ret_fits = false;
        } else {
            value = value * 10 + digit;
        }
    }
    *ret_value = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return n;
}

uint32_t rune_facts_scan_int(const char *p, int64_t *ret_value, bool *ret_fits)
{
    uint64_t word;
    bool is_negative = *p == '-';
    uint32_t sign = is_negative ? 1 : 0;
    memcpy(&word, p + sign, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    uint32_t n = count_digits(word);
    if (n == 0 || (p[sign] == '0' && n > 1)) {
        return 0; /* `007` is a string, so that it stays what was written */
    }
    if (n < 8) {
        uint64_t value = spell_digits(word, n);
        *ret_value = is_negative ? -(int64_t)value : (int64_t)value;
        *ret_fits = true;
    } else {
        n = scan_long_int(p + sign, is_negative, ret_value, ret_fits);
    }
    return n + sign;
}

/* A field of up to eight digits and what ends it. Behind both; NULL: it is something else, though
 * it may be an integer. */
static inline const char *scan_short(const char *p, char last, rune_term *ret_term)
{
    uint64_t word;
    bool is_negative = *p == '-';
    p += is_negative ? 1 : 0;
    memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    uint32_t n = count_digits(word);
    if (n == 0 || p[n] != last || (*p == '0' && n > 1)) {
        return NULL;
    }
    int64_t value = (int64_t)spell_digits(word, n); /* below 10^8: fits inline */
    *ret_term = rune_term_from_inline(is_negative ? -value : value);
    return p + n + 1;
}

/* Whether an integer in any of the columns is no news. */
static bool takes_ints(const struct rune_fact_reader *reader)
{
    for (uint32_t i = 0; reader->columns != NULL && i < reader->relation->tuples.arity; i++) {
        const struct rune_fact_column *column = &reader->columns[i];
        bool is_int =
            column->spec.kind == RUNE_COLUMN_INT ||
            (column->spec.kind == RUNE_COLUMN_ANY && column->seen == 1u << RUNE_FIELD_INT);
        if (!is_int) {
            return false;
        }
    }
    return reader->columns != NULL && reader->relation->tuples.arity > 0;
}

const char *rune_facts_rows_of_ints(struct rune_fact_reader *reader, const char *p, const char *end,
                                    char separator)
{
    struct rune_tuples *tuples = &reader->relation->tuples;
    if (!takes_ints(reader)) {
        return p;
    }
    for (;;) {
        const char *at = p;
        if (p >= end || !rune_facts_reserve_row(reader)) {
            return p;
        }
        for (uint32_t column = 0; column < tuples->arity; column++) {
            char last = column + 1 < tuples->arity ? separator : '\n';
            at = scan_short(at, last, &tuples->columns[column][tuples->count]);
            if (at == NULL || at > end) {
                return p;
            }
        }
        tuples->count++;
        reader->line++;
        p = at;
    }
}
