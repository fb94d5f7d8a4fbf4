/* SPDX-License-Identifier: Apache-2.0 */
/* json_check: is this text valid JSON? A second opinion on base/json, written straight from the
 * grammar of RFC 8259, byte by byte, without sharing a line with it. Slow and obvious on purpose.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Strict: UTF-8, no lone surrogates, no duplicate names (compared after decoding escapes) when
 * `unique_names`, at most `max_depth` levels of arrays and objects. */
bool json_check(const char *text, size_t length, unsigned max_depth, bool unique_names);
