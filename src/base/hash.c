/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by OpenSSL's plain functions. The EVP ones would first read OpenSSL's configuration and
 * list all that its providers can do, which takes longer than to build a small bundle, and would do
 * so in whatever process librune is a guest of. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.h"

#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/alloc.h"

struct rune_sha256 {
    SHA256_CTX context;
    bool failed; /* sticky; told by finish */
};

uint64_t rune_hash64(const void *bytes, size_t length, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, length, seed);
}

struct rune_sha256 *rune_sha256_create(void)
{
    struct rune_sha256 *state = rune_alloc(sizeof *state);
    if (state != NULL) {
        state->failed = SHA256_Init(&state->context) != 1;
    }
    return state;
}

void rune_sha256_update(struct rune_sha256 *state, const void *bytes, size_t length)
{
    if (length > 0 && SHA256_Update(&state->context, bytes, length) != 1) {
        state->failed = true;
    }
}

enum rune_err rune_sha256_finish(struct rune_sha256 *state, uint8_t ret_digest[RUNE_SHA256_BYTES])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    bool ok = SHA256_Final(digest, &state->context) == 1 && !state->failed;
    if (ok) {
        memcpy(ret_digest, digest, RUNE_SHA256_BYTES);
    }
    rune_sha256_destroy(state);
    return ok ? RUNE_OK : RUNE_E_INTERNAL;
}

void rune_sha256_destroy(struct rune_sha256 *state)
{
    rune_free(state);
}

void rune_hex(const uint8_t *bytes, size_t length, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * length] = '\0';
}
