/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#include "unit/cmocka.h"

static void test_hash__sha256_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t piece = 1; piece < 60; piece += 7) {
            struct rune_sha256 *sha = rune_sha256_create();
            size_t length = strlen(cases[i].text);
            for (size_t at = 0; at < length; at += piece) {
                rune_sha256_update(sha, cases[i].text + at,
                                   length - at < piece ? length - at : piece);
            }
            uint8_t digest[RUNE_SHA256_BYTES];
            char hex[2 * RUNE_SHA256_BYTES + 1];
            assert_int_equal(rune_sha256_finish(sha, digest), RUNE_OK);
            rune_hex(digest, sizeof digest, hex);
            assert_string_equal(hex, cases[i].want);
        }
    }
    struct rune_sha256 *unused = rune_sha256_create();
    rune_sha256_destroy(unused);
    rune_sha256_destroy(NULL);
}

/* FORMAT: images depend on these. */
static void test_hash__xxh3_is_pinned(void **state)
{
    (void)state;
    assert_int_equal(rune_hash64("", 0, 0), UINT64_C(0x2D06800538D394C2));
    assert_int_equal(rune_hash64("a", 1, 0), UINT64_C(0xE6C632B61E964E1F));
    assert_int_equal(rune_hash64("abc", 3, 0), UINT64_C(0x78AF5F94892F3950));
    assert_true(rune_hash64("abc", 3, 1) != rune_hash64("abc", 3, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash__sha256_vectors),
        cmocka_unit_test(test_hash__xxh3_is_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
