/* SPDX-License-Identifier: Apache-2.0 */
/* ext_int: what the files of the extension types share: how their texts are read, and what each
 * file does for rune_ext_parse and rune_ext_format. Private to model/ext*.c.
 *
 *   ext.c       decimals; what all kinds have
 *   ext_ip.c    addresses and ranges of them
 *   ext_time.c  datetimes and durations
 */
#pragma once

#include <string.h>

#include "model/ext.h"

static inline struct rune_ext rune_ext_of_number(enum rune_ext_kind kind, int64_t number)
{
    struct rune_ext value;
    memset(&value, 0, sizeof value);
    value.kind = (uint32_t)kind;
    value.as.number = number;
    return value;
}

static inline bool rune_ext_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What is left of the text that is read. */
struct rune_ext_scan {
    const char *at;
    const char *end;
};

static inline bool rune_ext_take(struct rune_ext_scan *scan, char c)
{
    if (scan->at < scan->end && *scan->at == c) {
        scan->at++;
        return true;
    }
    return false;
}

/* Exactly `count` digits. */
static inline bool rune_ext_take_digits(struct rune_ext_scan *scan, int count, int *ret_value)
{
    int value = 0;
    if (scan->end - scan->at < count) {
        return false;
    }
    for (int i = 0; i < count; i++, scan->at++) {
        if (!rune_ext_is_digit(*scan->at)) {
            return false;
        }
        value = value * 10 + (*scan->at - '0');
    }
    *ret_value = value;
    return true;
}

/* ---- ext_ip.c ---- */

RUNE_MUST_USE enum rune_err rune_ext_parse_ip(struct rune_str text, struct rune_ext *ret_value);
void rune_ext_format_ip(const struct rune_ext *value, struct rune_buf *out);

/* ---- ext_time.c ---- */

RUNE_MUST_USE enum rune_err rune_ext_parse_datetime(struct rune_str text,
                                                    struct rune_ext *ret_value);
void rune_ext_format_datetime(int64_t ms, struct rune_buf *out);
RUNE_MUST_USE enum rune_err rune_ext_parse_duration(struct rune_str text,
                                                    struct rune_ext *ret_value);
