/* SPDX-License-Identifier: Apache-2.0 */
/* buf: a growing byte buffer on the heap. Failure is sticky: append freely, test `failed` once at
 * the end. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "rune/err.h"

struct rune_buf {
    char *data; /* not NUL-terminated unless rune_buf_cstr was called */
    size_t length;
    size_t capacity;
    bool failed;
    bool is_fixed; /* the memory is the caller's: what does not fit fails */
};

#define RUNE_BUF_INIT ((struct rune_buf){0})
/* Over memory of the caller; never allocates, is not finished. */
#define RUNE_BUF_FIXED(memory, size) \
    ((struct rune_buf){.data = (memory), .capacity = (size), .is_fixed = true})

void rune_buf_fini(struct rune_buf *buf);
/* Keeps the memory, drops the content and the failure. */
void rune_buf_reset(struct rune_buf *buf);
/* Room for `extra` more bytes at data + length; the caller adds to length. NULL on failure. */
char *rune_buf_reserve(struct rune_buf *buf, size_t extra);
void rune_buf_append(struct rune_buf *buf, const void *bytes, size_t length);
void rune_buf_append_str(struct rune_buf *buf, struct rune_str text);
void rune_buf_append_cstr(struct rune_buf *buf, const char *text);
void rune_buf_append_char(struct rune_buf *buf, char c);
/* The shortest text that reads back as the value, and as a float: `2.0`, `0.1`, `1e+300`. */
void rune_buf_append_float(struct rune_buf *buf, double value);
void rune_buf_append_int(struct rune_buf *buf, int64_t value); /* in decimal */
void rune_buf_printf(struct rune_buf *buf, const char *fmt, ...) RUNE_PRINTF(2, 3);
void rune_buf_vprintf(struct rune_buf *buf, const char *fmt, va_list args) RUNE_PRINTF(2, 0);
/* The text as a JSON string with its quotes (RFC 8259; non-ASCII stays UTF-8). */
void rune_buf_append_json(struct rune_buf *buf, struct rune_str text);
/* NUL-terminates (not counted in length); "" on failure. */
const char *rune_buf_cstr(struct rune_buf *buf);
