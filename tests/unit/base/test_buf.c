/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/oom.h"
#include "unit/cmocka.h"

static void test_buf__appends(void **state)
{
    (void)state;
    struct rune_buf buf = RUNE_BUF_INIT;
    assert_string_equal(rune_buf_cstr(&buf), "");
    rune_buf_append(&buf, "ab", 2);
    rune_buf_append(&buf, NULL, 0);
    rune_buf_append_char(&buf, 'c');
    rune_buf_append_cstr(&buf, "de");
    rune_buf_append_str(&buf, RUNE_STR("f"));
    rune_buf_printf(&buf, "%03d", 7);
    assert_string_equal(rune_buf_cstr(&buf), "abcdef007");
    assert_int_equal(buf.length, 9);
    for (int i = 0; i < 10000; i++) {
        rune_buf_append_char(&buf, 'x');
    }
    assert_int_equal(buf.length, 10009);
    rune_buf_reset(&buf);
    assert_string_equal(rune_buf_cstr(&buf), "");
    rune_buf_fini(&buf);
}

static void test_buf__integers_are_those_of_printf(void **state)
{
    static const int64_t values[] = {0,  9,   10,         -1,        -10,       99,           100,
                                     42, 999, 1234567890, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    (void)state;
    struct rune_buf buf = RUNE_BUF_INIT;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char want[32];
        snprintf(want, sizeof want, "%" PRId64, values[i]);
        rune_buf_reset(&buf);
        rune_buf_append_int(&buf, values[i]);
        assert_string_equal(rune_buf_cstr(&buf), want);
    }
    rune_buf_fini(&buf);
}

static void test_buf__impossible_size_fails_and_sticks(void **state)
{
    (void)state;
    struct rune_buf buf = RUNE_BUF_INIT;
    rune_buf_append_char(&buf, 'a');
    assert_null(rune_buf_reserve(&buf, SIZE_MAX - 1));
    rune_buf_append_char(&buf, 'b');
    assert_true(buf.failed);
    assert_int_equal(buf.length, 1);
    assert_string_equal(rune_buf_cstr(&buf), "");
    rune_buf_fini(&buf);
}

static void test_buf__json_strings(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct rune_str text;
        const char *want;
    } cases[] = {
        {"empty", RUNE_STR(""), "\"\""},
        {"plain", RUNE_STR("abc"), "\"abc\""},
        {"short forms", RUNE_STR("\"\\/\b\f\n\r\t"), "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"control", RUNE_STR("\x01\x1f\x7f"), "\"\\u0001\\u001f\x7f\""},
        {"nul", RUNE_STR("a\0b"), "\"a\\u0000b\""},
        {"not ASCII", RUNE_STR("\xc3\xa4\xf0\x9f\x98\x80"), "\"\xc3\xa4\xf0\x9f\x98\x80\""},
        {"not UTF-8", RUNE_STR("a\xff\xed\xa0\x80z"),
         "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\""},
        {"long", RUNE_STR("0123456789abcdef0123456789\"abcdef0123456789abcdef\n"),
         "\"0123456789abcdef0123456789\\\"abcdef0123456789abcdef\\n\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rune_buf buf = RUNE_BUF_INIT;
        rune_buf_append_json(&buf, cases[i].text);
        if (strcmp(rune_buf_cstr(&buf), cases[i].want) != 0) {
            fail_msg("%s: %s, not %s", cases[i].name, rune_buf_cstr(&buf), cases[i].want);
        }
        rune_buf_fini(&buf);
    }
}

static bool work(void *context)
{
    (void)context;
    struct rune_buf buf = RUNE_BUF_INIT;
    for (int i = 0; i < 100; i++) {
        rune_buf_printf(&buf, "%d", i);
        rune_buf_append_json(&buf, RUNE_STR("a\n"));
    }
    bool ok = rune_buf_cstr(&buf)[0] == '0' && !buf.failed;
    rune_buf_fini(&buf);
    return ok;
}

static void test_buf__out_of_memory(void **state)
{
    (void)state;
    assert_in_range(rune_oom_sweep(work, NULL), 2, 100);
}

static void test_append_float__reads_back_and_is_short(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{2, "2.0"},
                 {-0.5, "-0.5"},
                 {0.1, "0.1"},
                 {1e300, "1.0e+300"},
                 {1.0 / 3, "0.3333333333333333"},
                 {0.1 + 0.2, "0.30000000000000004"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rune_buf buf = RUNE_BUF_INIT;
        rune_buf_append_float(&buf, cases[i].value);
        assert_string_equal(rune_buf_cstr(&buf), cases[i].text);
        rune_buf_fini(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_float__reads_back_and_is_short),
        cmocka_unit_test(test_buf__appends),
        cmocka_unit_test(test_buf__integers_are_those_of_printf),
        cmocka_unit_test(test_buf__impossible_size_fails_and_sticks),
        cmocka_unit_test(test_buf__json_strings),
        cmocka_unit_test(test_buf__out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
