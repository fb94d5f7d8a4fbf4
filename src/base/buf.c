/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/scan.h"
#include "base/utf8.h"

void rune_buf_fini(struct rune_buf *buf)
{
    rune_free(buf->data);
    *buf = RUNE_BUF_INIT;
}

void rune_buf_reset(struct rune_buf *buf)
{
    buf->length = 0;
    buf->failed = false;
}

char *rune_buf_reserve(struct rune_buf *buf, size_t extra)
{
    if (buf->failed) {
        return NULL;
    }
    if (extra <= buf->capacity - buf->length && buf->data != NULL) {
        return buf->data + buf->length;
    }
    size_t want;
    if (buf->is_fixed) {
        buf->failed = true;
        return NULL;
    }
    if (__builtin_add_overflow(buf->length, extra, &want) || want > SIZE_MAX / 4) {
        buf->failed = true;
        return NULL;
    }
    size_t grown = buf->capacity < 64 ? 64 : buf->capacity;
    while (grown < want) {
        grown *= 2;
    }
    char *moved = rune_realloc(buf->data, grown, 1);
    if (moved == NULL) {
        buf->failed = true;
        return NULL;
    }
    buf->data = moved;
    buf->capacity = grown;
    return buf->data + buf->length;
}

void rune_buf_append(struct rune_buf *buf, const void *bytes, size_t length)
{
    char *room = rune_buf_reserve(buf, length);
    if (room != NULL && length > 0) {
        memcpy(room, bytes, length);
        buf->length += length;
    }
}

void rune_buf_append_str(struct rune_buf *buf, struct rune_str text)
{
    rune_buf_append(buf, text.data, text.length);
}

void rune_buf_append_cstr(struct rune_buf *buf, const char *text)
{
    rune_buf_append(buf, text, strlen(text));
}

void rune_buf_append_char(struct rune_buf *buf, char c)
{
    rune_buf_append(buf, &c, 1);
}

void rune_buf_append_int(struct rune_buf *buf, int64_t value)
{
    char digits[20]; /* "-9223372036854775808" */
    char *end = digits + sizeof digits;
    char *p = end;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        *--p = '-';
    }
    rune_buf_append(buf, p, (size_t)(end - p));
}

void rune_buf_append_float(struct rune_buf *buf, double value)
{
    char text[40];
    int precision = 15;
    do {
        snprintf(text, sizeof text, "%.*g", precision, value);
    } while (strtod(text, NULL) != value && precision++ < 17);
    size_t mantissa = strcspn(text, "e");
    rune_buf_append(buf, text, mantissa);
    if (strpbrk(text, ".n") == NULL) { /* "inf" and "nan" have none */
        rune_buf_append_cstr(buf, ".0");
    }
    rune_buf_append_cstr(buf, text + mantissa);
}

void rune_buf_vprintf(struct rune_buf *buf, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (length < 0) {
        buf->failed = true;
        return;
    }
    char *room = rune_buf_reserve(buf, (size_t)length + 1);
    if (room != NULL) {
        vsnprintf(room, (size_t)length + 1, fmt, args);
        buf->length += (size_t)length;
    }
}

void rune_buf_printf(struct rune_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    rune_buf_vprintf(buf, fmt, args);
    va_end(args);
}

/* One byte that cannot stand for itself, or one character that is not ASCII. Returns how many bytes
 * it was. */
static size_t append_special(struct rune_buf *buf, const char *p, size_t left)
{
    static const char short_form[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                      ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    size_t size;
    if ((signed char)*p < 0) {
        if (rune_utf8_decode(p, left, &size) < 0) {
            /* What we send is always UTF-8, whatever we were handed. */
            rune_buf_append(buf, "\xEF\xBF\xBD", 3);
            return 1;
        }
        rune_buf_append(buf, p, size);
        return size;
    }
    unsigned char byte = (unsigned char)*p;
    if (byte < sizeof short_form && short_form[byte] != 0) {
        char escape[2] = {'\\', short_form[byte]};
        rune_buf_append(buf, escape, 2);
    } else {
        rune_buf_printf(buf, "\\u%04x", byte);
    }
    return 1;
}

void rune_buf_append_json(struct rune_buf *buf, struct rune_str text)
{
    const char *p = text.data;
    const char *end = text.data + text.length;
    rune_buf_append_char(buf, '"');
    while (p < end) {
        const char *stop = rune_scan_plain(p, end);
        rune_buf_append(buf, p, (size_t)(stop - p));
        p = stop;
        if (p < end) {
            p += append_special(buf, p, (size_t)(end - p));
        }
    }
    rune_buf_append_char(buf, '"');
}

const char *rune_buf_cstr(struct rune_buf *buf)
{
    char *room = rune_buf_reserve(buf, 1);
    if (room == NULL) {
        return "";
    }
    *room = '\0';
    return buf->data;
}
