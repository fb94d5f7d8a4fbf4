/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner against a loop over bytes, in memory that ends where the text does. */
#include <stdlib.h>

#include "base/scan.h"
#include "unit/cmocka.h"

#define LENGTH_MAX 40u

static const char *scan_bytes(const char *p, const char *end)
{
    while (p < end && rune_scan_is_plain(*p)) {
        p++;
    }
    return p;
}

static void test_scan_plain__stops_where_bytes_do(void **state)
{
    (void)state;
    static const char specials[] = {'"', '\\', '\0', '\n', 0x1f, (char)0x80, (char)0xff};
    static const char plain[] = {' ', '!', '#', '[', ']', 'a', '~', 0x7f};
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        char *text = malloc(length + (length == 0));
        assert_non_null(text);
        for (size_t i = 0; i < length; i++) {
            text[i] = plain[i % sizeof plain];
        }
        assert_ptr_equal(rune_scan_plain(text, text + length), text + length);
        for (size_t at = 0; at < length; at++) {
            char kept = text[at];
            text[at] = specials[at % sizeof specials];
            for (size_t from = 0; from <= length; from++) {
                assert_ptr_equal(rune_scan_plain(text + from, text + length),
                                 scan_bytes(text + from, text + length));
            }
            text[length - 1] = '"'; /* two: the first one counts */
            assert_ptr_equal(rune_scan_plain(text, text + length), scan_bytes(text, text + length));
            text[length - 1] = plain[(length - 1) % sizeof plain];
            text[at] = kept;
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_plain__stops_where_bytes_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
