/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "unit/cmocka.h"

/* Table 3-7 of the Unicode standard, told the slow way: encode every scalar value and compare. */
static void test_utf8__every_scalar_value_round_trips(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x110000; code++) {
        char bytes[4];
        size_t length = rune_utf8_encode(code, bytes), size = 0;
        if ((code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF) {
            assert_int_equal(length, 0);
            continue;
        }
        assert_int_equal(length, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
        assert_int_equal(rune_utf8_decode(bytes, length, &size), code);
        assert_int_equal(size, length);
        assert_int_equal(rune_utf8_valid_prefix(bytes, length), length);
        for (size_t cut = 0; cut < length; cut++) {
            assert_int_equal(rune_utf8_decode(bytes, cut, &size), -1);
            assert_int_equal(rune_utf8_valid_prefix(bytes, cut), 0);
        }
    }
}

/* All sequences of up to three bytes: valid ones are exactly the encodings. */
static void test_utf8__nothing_else_is_valid(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 1u << 24; n += n < 1u << 16 ? 1 : 7) {
        char bytes[3] = {(char)(n >> 16), (char)(n >> 8), (char)n};
        size_t size = 0;
        int32_t code = rune_utf8_decode(bytes, 3, &size);
        if (code >= 0) {
            char again[4];
            assert_int_equal(rune_utf8_encode((uint32_t)code, again), size);
            assert_memory_equal(again, bytes, size);
        }
    }
}

static void test_utf8__invalid_forms(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc3(",
        "\xe2\x82(",
        "\xf0\x9f\x98(",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size;
        assert_int_equal(rune_utf8_decode(cases[i], strlen(cases[i]), &size), -1);
    }
}

static void test_utf8__valid_prefix_at_every_position(void **state)
{
    (void)state;
    for (size_t length = 0; length < 70; length++) {
        for (size_t at = 0; at < length; at++) {
            /* Exactly as long as needed: AddressSanitizer sees the first byte too far. */
            char *text = malloc(length);
            memset(text, 'a', length);
            assert_int_equal(rune_utf8_valid_prefix(text, length), length);
            text[at] = (char)0xFF;
            assert_int_equal(rune_utf8_valid_prefix(text, length), at);
            if (at + 1 < length) {
                memcpy(text + at, "\xc3\xa4", 2);
                assert_int_equal(rune_utf8_valid_prefix(text, length), length);
            }
            free(text);
        }
    }
}

static void test_utf8__white_space(void **state)
{
    (void)state;
    static const uint32_t spaces[] = {9,      10,     11,     12,     13,     0x20,
                                      0x85,   0xA0,   0x1680, 0x2000, 0x200A, 0x2028,
                                      0x2029, 0x202F, 0x205F, 0x3000};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        assert_true(rune_utf8_is_space(spaces[i]));
    }
    size_t count = 0;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        count += rune_utf8_is_space(code);
    }
    assert_int_equal(count, 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8__every_scalar_value_round_trips),
        cmocka_unit_test(test_utf8__nothing_else_is_valid),
        cmocka_unit_test(test_utf8__invalid_forms),
        cmocka_unit_test(test_utf8__valid_prefix_at_every_position),
        cmocka_unit_test(test_utf8__white_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
