/* SPDX-License-Identifier: Apache-2.0 */
/* ext: Cedar's extension types: decimal, ipaddr, datetime, duration. Values, parsing, printing,
 * comparison. Specification: Cedar 4.6, RFC 80 for datetime and duration. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "rune/err.h"

enum rune_ext_kind {
    RUNE_EXT_DECIMAL = 1,
    RUNE_EXT_IPADDR = 2,
    RUNE_EXT_DATETIME = 3,
    RUNE_EXT_DURATION = 4
};

/* FORMAT: stored in the image as it is; 24 bytes, no padding that is not zero. Equal values have
 * equal bytes. */
struct rune_ext {
    uint32_t kind;   /* enum rune_ext_kind */
    uint8_t version; /* ipaddr: 4 or 6; else 0 */
    uint8_t prefix;  /* ipaddr: prefix length; else 0 */
    uint16_t zero;
    union {
        int64_t number; /* decimal: times 10^4; datetime: ms since the epoch; duration: ms */
        /* ipaddr: network order; a v4 address in the first 4 bytes, rest zero */
        uint8_t address[16];
    } as;
};

_Static_assert(sizeof(struct rune_ext) == 24, "FORMAT");

/* The constructor of that kind applied to a text. RUNE_E_INVALID where Cedar refuses it. */
RUNE_MUST_USE enum rune_err rune_ext_parse(enum rune_ext_kind kind, struct rune_str text,
                                           struct rune_ext *ret_value);

/* The text that rune_ext_parse reads back (but datetimes beyond the years 0 to 9999, which only
 * arithmetic makes). IPs carry their prefix, datetimes are in UTC with milliseconds, durations in
 * milliseconds. */
void rune_ext_format(const struct rune_ext *value, struct rune_buf *out);

/* ---- what Cedar's methods need; both values are of the kind that the name says ---- */

/* <0, 0, >0; decimals, datetimes and durations. */
static inline int rune_ext_compare(const struct rune_ext *a, const struct rune_ext *b)
{
    return (a->as.number > b->as.number) - (a->as.number < b->as.number);
}

/* True if all addresses of the range are loopback (multicast). */
bool rune_ext_ip_is_loopback(const struct rune_ext *ip);
bool rune_ext_ip_is_multicast(const struct rune_ext *ip);
/* True if the range `ip` lies in the range `range`; false for different versions. */
bool rune_ext_ip_in_range(const struct rune_ext *ip, const struct rune_ext *range);

/* False on overflow. The results are canonical. */
RUNE_MUST_USE bool rune_ext_offset(const struct rune_ext *datetime, const struct rune_ext *duration,
                                   struct rune_ext *ret_datetime);
RUNE_MUST_USE bool rune_ext_duration_since(const struct rune_ext *datetime,
                                           const struct rune_ext *since,
                                           struct rune_ext *ret_duration);
RUNE_MUST_USE bool rune_ext_to_date(const struct rune_ext *datetime, struct rune_ext *ret_datetime);
/* Milliseconds since midnight; never fails. */
void rune_ext_to_time(const struct rune_ext *datetime, struct rune_ext *ret_duration);

/* True if the bytes are a value in its one form: for what comes out of an image. */
bool rune_ext_verify(const struct rune_ext *value);
