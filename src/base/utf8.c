/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

#include "base/scan.h"

int32_t rune_utf8_decode(const char *text, size_t length, size_t *ret_size)
{
    const unsigned char *p = (const unsigned char *)text;
    if (length == 0) {
        return -1;
    }
    uint32_t lead = p[0];
    if (lead < 0x80) {
        *ret_size = 1;
        return (int32_t)lead;
    }
    /* 0x80..0xC1: a continuation byte, or the beginning of a longer spelling of ASCII. 0xF5..:
     * beyond U+10FFFF. */
    size_t size = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (size == 0 || length < size) {
        return -1;
    }
    uint32_t code = lead & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return -1;
        }
        code = code << 6 | (p[i] & 0x3Fu);
    }
    bool too_long = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    if (too_long || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        return -1;
    }
    *ret_size = size;
    return (int32_t)code;
}

size_t rune_utf8_valid_prefix(const char *text, size_t length)
{
    const char *p = text;
    const char *end = text + length;
    for (;;) {
        p = rune_scan_ascii(p, end);
        /* Letters that are not ASCII seldom come alone. */
        while (p < end && (signed char)*p < 0) {
            size_t size;
            if (rune_utf8_decode(p, (size_t)(end - p), &size) < 0) {
                return (size_t)(p - text);
            }
            p += size;
        }
        if (p >= end) {
            return length;
        }
    }
}

size_t rune_utf8_encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        if (code_point >= 0xD800 && code_point <= 0xDFFF) {
            return 0;
        }
        out[0] = (char)(0xE0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    if (code_point > 0x10FFFF) {
        return 0;
    }
    out[0] = (char)(0xF0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}

bool rune_utf8_is_space(uint32_t code_point)
{
    switch (code_point) {
    case 0x20:
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
        return true;
    default:
        return (code_point >= 0x09 && code_point <= 0x0D) ||
               (code_point >= 0x2000 && code_point <= 0x200A);
    }
}

char *rune_utf8_make_printable(char *text, size_t length)
{
    size_t size;
    for (size_t at = 0; text != NULL && at < length; at += size) {
        int32_t code = rune_utf8_decode(text + at, length - at, &size);
        if (code < 0) {
            size = 1;
            text[at] = '?';
        } else if (code < 0x20 || code == 0x7f) {
            text[at] = ' ';
        } else if (code >= 0x80 && code < 0xa0) {
            memcpy(text + at, "\xc2\xbf", 2);
        } else if ((code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) {
            memcpy(text + at, "\xef\xbf\xbd", 3);
        }
    }
    return text;
}
