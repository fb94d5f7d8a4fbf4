/* SPDX-License-Identifier: Apache-2.0 */
/* utf8: decode, encode and validate UTF-8 (RFC 3629: shortest form, no surrogates, up to U+10FFFF).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the longest valid prefix; equal to `length` when all is valid. ASCII runs at memory
 * speed. */
size_t rune_utf8_valid_prefix(const char *text, size_t length);

/* The code point at text[0..length), its bytes in *ret_size (1 to 4); -1 where invalid or empty. */
int32_t rune_utf8_decode(const char *text, size_t length, size_t *ret_size);

/* Writes 1 to 4 bytes, returns how many; 0 for what is no scalar value. */
size_t rune_utf8_encode(uint32_t code_point, char out[4]);

/* Unicode White_Space. */
bool rune_utf8_is_space(uint32_t code_point);

/* Makes text safe for a terminal without moving anything: control characters and bidirectional
 * overrides can show what is not there. Each is replaced by something as long as it is in bytes and
 * in columns. Returns `text`, which may be NULL. */
char *rune_utf8_make_printable(char *text, size_t length);
