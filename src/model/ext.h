/* SPDX-License-Identifier: Apache-2.0 */
/* ext: Cedar's extension types: decimal, ipaddr, datetime, duration. Values, parsing, printing, comparison.
 * Specification: Cedar 4.6, RFC 80 for datetime and duration. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "rune/err.h"

enum rune_ext_kind { RUNE_EXT_DECIMAL = 1, RUNE_EXT_IPADDR = 2, RUNE_EXT_DATETIME = 3, RUNE_EXT_DURATION = 4 };

/* FORMAT: stored in the image as it is; 24 bytes, no padding that is not zero. Equal values have equal bytes. */
struct rune_ext {
    uint32_t kind;   /* enum rune_ext_kind */
    uint8_t version; /* ipaddr: 4 or 6; else 0 */
    uint8_t prefix;  /* ipaddr: prefix length; else 0 */
    uint16_t zero;
    union {
        int64_t number;      /* decimal: times 10^4; datetime: ms since the epoch; duration: ms */
        uint8_t address[16]; /* ipaddr: network order; a v4 address in the first 4 bytes, rest zero */
    } as;
};

_Static_assert(sizeof(struct rune_ext) == 24, "FORMAT");

/* The constructor of that kind applied to a text. RUNE_E_INVALID where Cedar refuses it. */
RUNE_MUST_USE enum rune_err rune_ext_parse(enum rune_ext_kind kind, struct rune_str text, struct rune_ext *ret_value);

/* The text that Cedar prints, and that rune_ext_parse reads back. */
void rune_ext_format(const struct rune_ext *value, struct rune_buf *out);
