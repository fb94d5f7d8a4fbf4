/* SPDX-License-Identifier: Apache-2.0 */
/* scan: runs of bytes that need no thought, 16 at a time. Used by: base (json, utf8, buf) and the
 * request decoder. SSE2 is part of every x86-64; elsewhere 8 bytes at a time in a register. Nothing
 * is read outside [p, end). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* ASCII that stands for itself inside a JSON string. */
static inline bool rune_scan_is_plain(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

#ifndef __SSE2__
/* Nonzero where a byte of `word` is below n (n <= 0x80), not below 0x80, or equal to a byte: may
 * flag too much, never too little. */
static inline uint64_t rune_scan_special(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t highs = 0x8080808080808080u;
    uint64_t quote = word ^ (ones * '"');
    uint64_t slash = word ^ (ones * '\\');
    return (((word - ones * 0x20) | (quote - ones) | (slash - ones)) | word) & highs;
}
#endif

#ifdef __SSE2__
/* Bit i: byte i is not plain. Signed: bytes from 0x80 on are negative, so one comparison catches
 * them together with the control characters. */
static inline unsigned rune_scan_mask(__m128i bytes)
{
    __m128i control = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, slash)));
}
#endif

#ifdef __SSE2__
/* The first byte of [p, end), 4 to 15 of them, that is not plain, else end: two loads that overlap.
 */
static inline const char *rune_scan_short(const char *p, const char *end)
{
    __m128i both;
    unsigned half = end - p >= 8 ? 8 : 4;
    if (half == 8) {
        both = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(const void *)p),
                                  _mm_loadl_epi64((const __m128i *)(const void *)(end - 8)));
    } else {
        uint32_t words[2];
        memcpy(&words[0], p, 4);
        memcpy(&words[1], end - 4, 4);
        both = _mm_set_epi32(0x20202020, 0x20202020, (int)words[1], (int)words[0]);
    }
    unsigned mask = rune_scan_mask(both);
    if (mask == 0) {
        return end;
    }
    unsigned at = (unsigned)__builtin_ctz(mask);
    return at < half ? p + at : end - 2 * half + at;
}
#endif

/* The first byte in [p, end) that is not plain: a quote, a backslash, a control character, or not
 * ASCII; else end. */
static inline const char *rune_scan_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    while (end - p >= 16) {
        unsigned mask = rune_scan_mask(_mm_loadu_si128((const __m128i *)(const void *)p));
        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }
        p += 16;
    }
    if (end - p >= 4) {
        return rune_scan_short(p, end);
    }
#else
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        if (rune_scan_special(word) != 0) {
            break;
        }
        p += 8;
    }
#endif
    while (p < end && rune_scan_is_plain(*p)) {
        p++;
    }
    return p;
}

/* The first byte in [p, end) that is not ASCII, else end. */
static inline const char *rune_scan_ascii(const char *p, const char *end)
{
#ifdef __SSE2__
    while (end - p >= 16) {
        int mask = _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)p));
        if (mask != 0) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
#endif
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        if ((word & 0x8080808080808080u) != 0) {
            break;
        }
        p += 8;
    }
    while (p < end && (signed char)*p >= 0) {
        p++;
    }
    return p;
}
