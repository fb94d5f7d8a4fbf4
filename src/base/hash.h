/* SPDX-License-Identifier: Apache-2.0 */
/* hash: XXH3 for tables, SHA-256 for names. The only file of base that knows OpenSSL is hash.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rune/err.h"

#define RUNE_SHA256_BYTES 32

/* XXH3-64 with a seed. FORMAT: the image's index depends on it. Cost: a few ns for short keys. */
uint64_t rune_hash64(const void *bytes, size_t length, uint64_t seed);

struct rune_sha256; /* streaming state */
/* NULL when memory is out. */
struct rune_sha256 *rune_sha256_create(void);
void rune_sha256_update(struct rune_sha256 *state, const void *bytes, size_t length);
/* Writes the digest and destroys the state. RUNE_E_INTERNAL if the library failed at any step. */
RUNE_MUST_USE enum rune_err rune_sha256_finish(struct rune_sha256 *state,
                                               uint8_t ret_digest[RUNE_SHA256_BYTES]);
void rune_sha256_destroy(struct rune_sha256 *state);

/* `length` bytes as lower-case hex, 2 * length characters and a NUL into `out`. */
void rune_hex(const uint8_t *bytes, size_t length, char *out);
