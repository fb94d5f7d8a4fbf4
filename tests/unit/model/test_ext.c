/* SPDX-License-Identifier: Apache-2.0 */
#include "model/ext.h"

#include <string.h>

#include "unit/cmocka.h"

struct parse_case {
    const char *text;
    int64_t number;
};

static void check_numbers(enum rune_ext_kind kind, const struct parse_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rune_ext value;
        if (rune_ext_parse(kind, rune_str_from(cases[i].text), &value) != RUNE_OK) {
            fail_msg("%s is refused", cases[i].text);
        }
        if (value.as.number != cases[i].number) {
            fail_msg("%s gives %lld", cases[i].text, (long long)value.as.number);
        }
        assert_true(rune_ext_verify(&value));
    }
}

static void check_refused(enum rune_ext_kind kind, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rune_ext value;
        if (rune_ext_parse(kind, rune_str_from(texts[i]), &value) != RUNE_E_INVALID) {
            fail_msg("\"%s\" is accepted", texts[i]);
        }
    }
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_decimal__accepts(void **state)
{
    (void)state;
    static const struct parse_case cases[] = {
        {"0.0", 0},
        {"-0.0", 0},
        {"1.2", 12000},
        {"01.10", 11000},
        {"-0.5", -5000},
        {"12.0001", 120001},
        {"0000000000000000000000000000007.1", 71000},
        {"922337203685477.5807", INT64_MAX},
        {"-922337203685477.5808", INT64_MIN},
    };
    check_numbers(RUNE_EXT_DECIMAL, cases, COUNT(cases));
}

static void test_decimal__refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "1",
        "1.",
        ".1",
        "+1.0",
        "1.00000",
        "--1.0",
        "-",
        "-.1",
        " 1.0",
        "1.0 ",
        "1.0\n",
        "1e1.0",
        "1.2.3",
        "1.-2",
        "0x1.0",
        "922337203685477.5808",
        "-922337203685477.5809",
        "1.a",
        "1,0",
        "1234567890123456789012.0",
        "922337203685478.0",
    };
    check_refused(RUNE_EXT_DECIMAL, texts, COUNT(texts));
}

static void test_datetime__accepts(void **state)
{
    (void)state;
    static const struct parse_case cases[] = {
        {"1970-01-01", 0},
        {"1970-01-02", 86400000},
        {"1969-12-31", -86400000},
        {"2024-02-29", 1709164800000},
        {"2024-10-15T11:35:00Z", 1728992100000},
        {"2024-10-15T11:35:00.001Z", 1728992100001},
        {"2024-10-15T11:35:00+0100", 1728988500000},
        {"2024-10-15T11:35:00.500-0130", 1728997500500},
        {"1970-01-01T00:00:00+2359", -86340000},
        {"0000-01-01", -62167219200000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"1900-03-01", -2203891200000},
    };
    check_numbers(RUNE_EXT_DATETIME, cases, COUNT(cases));
}

static void test_datetime__refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2024",
        "2024-1-01",
        "2024-13-01",
        "2024-00-10",
        "2024-01-00",
        "2023-02-29",
        "1900-02-29",
        "2024-04-31",
        "2024-01-01T",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00Z",
        "2024-01-01t00:00:00Z",
        "2024-01-01T00:00:00z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T23:59:60Z",
        "2024-01-01T00:00:00.1Z",
        "2024-01-01T00:00:00.1234Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00+01:00",
        "2024-01-01T00:00:00+2400",
        "2024-01-01T00:00:00+0060",
        "2024-01-01T00:00:00Z ",
        " 2024-01-01",
        "02024-01-01",
        "-2024-01-01",
        "2024-01-01 00:00:00Z",
    };
    check_refused(RUNE_EXT_DATETIME, texts, COUNT(texts));
}

static void test_duration__accepts(void **state)
{
    (void)state;
    static const struct parse_case cases[] = {
        {"0ms", 0},
        {"1ms", 1},
        {"-1ms", -1},
        {"1s", 1000},
        {"1m", 60000},
        {"1h", 3600000},
        {"1d", 86400000},
        {"1d2h3m4s5ms", 93784005},
        {"-1d2h3m4s5ms", -93784005},
        {"1m1ms", 60001},
        {"99h", 356400000},
        {"0001s", 1000},
        {"9223372036854775807ms", INT64_MAX},
        {"-9223372036854775808ms", INT64_MIN},
        {"-9223372036854775s808ms", INT64_MIN},
    };
    check_numbers(RUNE_EXT_DURATION, cases, COUNT(cases));
}

static void test_duration__refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "-",
        "1",
        "d",
        "1x",
        "1ms1s",
        "1s1s",
        "1h1d",
        "+1s",
        "1s ",
        " 1s",
        "1 s",
        "--1s",
        "1d-2h",
        "1.5s",
        "9223372036854775808ms",
        "-9223372036854775809ms",
        "9223372036854776s",
        "106751991168d",
        "18446744073709551616ms",
        "1D",
        "1mss",
        "1msm",
    };
    check_refused(RUNE_EXT_DURATION, texts, COUNT(texts));
}

static const struct {
    const char *text;
    const char *printed; /* NULL: refused */
} ips[] = {
    {"127.0.0.1", "127.0.0.1/32"},
    {"10.0.0.1/8", "10.0.0.1/8"},
    {"0.0.0.0/0", "0.0.0.0/0"},
    {"255.255.255.255", "255.255.255.255/32"},
    {"::", "::/128"},
    {"::1", "::1/128"},
    {"1::", "1::/128"},
    {"ffee::/64", "ffee::/64"},
    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0/128"},
    {"::1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7/128"},
    {"1:0:0:2:0:0:0:3", "1:0:0:2::3/128"},
    {"1:2:3:4:5:6:7:8/127", "1:2:3:4:5:6:7:8/127"},
    {"0001:000a:ABCD::", "1:a:abcd::/128"},
    {"1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0/128"},
    {"::ffff:102:304", "::ffff:102:304/128"},
    {"", NULL},
    {"1.2.3", NULL},
    {"1.2.3.4.5", NULL},
    {"1.2.3.256", NULL},
    {"01.2.3.4", NULL},
    {"1.2.3.00", NULL},
    {"1.2.3.4/", NULL},
    {"1.2.3.4/33", NULL},
    {"1.2.3.4/08", NULL},
    {"1.2.3.4/008", NULL},
    {"1.2.3.4/+8", NULL},
    {"1.2.3.4/8/8", NULL},
    {"1.2.3.4 ", NULL},
    {" 1.2.3.4", NULL},
    {"::ffff:1.2.3.4", NULL},
    {"::1/129", NULL},
    {"::1/0128", NULL},
    {":", NULL},
    {":::", NULL},
    {"1:::2", NULL},
    {"1::2::3", NULL},
    {"1:2:3:4:5:6:7", NULL},
    {"1:2:3:4:5:6:7:8:9", NULL},
    {"1:2:3:4:5:6:7:8::", NULL},
    {"1:2:3:4::5:6:7:8", NULL},
    {"12345::", NULL},
    {"g::", NULL},
    {"::1%eth0", NULL},
    {"[::1]", NULL},
    {"0000:0000:0000:0000:0000:0000:0000:0001/128", "::1/128"},
    {"0000:0000:0000:0000:0000:0000:0000:00001/128", NULL},
};

static void test_ip__table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ips); i++) {
        struct rune_ext value, again;
        enum rune_err err = rune_ext_parse(RUNE_EXT_IPADDR, rune_str_from(ips[i].text), &value);
        if ((err == RUNE_OK) != (ips[i].printed != NULL)) {
            fail_msg("\"%s\": %s", ips[i].text, rune_err_text(err));
        }
        if (err != RUNE_OK) {
            continue;
        }
        struct rune_buf out = RUNE_BUF_INIT;
        rune_ext_format(&value, &out);
        assert_string_equal(rune_buf_cstr(&out), ips[i].printed);
        assert_int_equal(
            rune_ext_parse(RUNE_EXT_IPADDR, (struct rune_str){out.data, out.length}, &again),
            RUNE_OK);
        assert_memory_equal(&value, &again, sizeof value);
        assert_true(rune_ext_verify(&value));
        rune_buf_fini(&out);
    }
}

static struct rune_ext ip(const char *text)
{
    struct rune_ext value;
    assert_int_equal(rune_ext_parse(RUNE_EXT_IPADDR, rune_str_from(text), &value), RUNE_OK);
    return value;
}

static void test_ip__predicates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool loopback, multicast;
    } cases[] = {
        {"127.0.0.1", true, false}, {"127.3.2.1/8", true, false},   {"127.0.0.1/7", false, false},
        {"::1", true, false},       {"::1/127", false, false},      {"::2", false, false},
        {"224.0.0.1", false, true}, {"239.255.0.1/4", false, true}, {"224.0.0.1/3", false, false},
        {"ff00::1", false, true},   {"ff00::/8", false, true},      {"ff00::/7", false, false},
        {"fe00::1", false, false},  {"240.0.0.1", false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rune_ext value = ip(cases[i].text);
        assert_int_equal(rune_ext_ip_is_loopback(&value), cases[i].loopback);
        assert_int_equal(rune_ext_ip_is_multicast(&value), cases[i].multicast);
    }
}

static void test_ip__ranges(void **state)
{
    (void)state;
    static const struct {
        const char *ip, *range;
        bool inside;
    } cases[] = {
        {"10.0.0.1", "10.0.0.0/8", true},    {"10.0.0.1", "10.9.9.9/8", true},
        {"11.0.0.1", "10.0.0.0/8", false},   {"10.0.0.1/8", "10.0.0.0/8", true},
        {"10.0.0.0/7", "10.0.0.0/8", false}, {"1.2.3.4", "0.0.0.0/0", true},
        {"1.2.3.4", "1.2.3.4", true},        {"1.2.3.5", "1.2.3.4/31", true},
        {"1.2.3.6", "1.2.3.4/31", false},    {"::1", "::/0", true},
        {"1.2.3.4", "::/0", false},          {"::1", "0.0.0.0/0", false},
        {"ff00::2", "ff00::/16", true},      {"ff00::2", "ff00::/127", false},
        {"ff00::1", "ff00::/127", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rune_ext a = ip(cases[i].ip);
        struct rune_ext b = ip(cases[i].range);
        assert_int_equal(rune_ext_ip_in_range(&a, &b), cases[i].inside);
    }
}

static struct rune_ext number(enum rune_ext_kind kind, int64_t value)
{
    struct rune_ext ext = {.kind = kind};
    memset(&ext.as, 0, sizeof ext.as);
    ext.as.number = value;
    return ext;
}

static void test_datetime__dates_and_times(void **state)
{
    (void)state;
    static const struct {
        int64_t ms, date, time;
    } cases[] = {
        {0, 0, 0},
        {1, 0, 1},
        {-1, -86400000, 86399999},
        {-86400000, -86400000, 0},
        {86400000, 86400000, 0},
        {INT64_MAX, INT64_MAX - INT64_MAX % 86400000, INT64_MAX % 86400000},
    };
    struct rune_ext result;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rune_ext value = number(RUNE_EXT_DATETIME, cases[i].ms);
        assert_true(rune_ext_to_date(&value, &result));
        assert_int_equal(result.as.number, cases[i].date);
        rune_ext_to_time(&value, &result);
        assert_int_equal(result.as.number, cases[i].time);
        assert_int_equal(result.kind, RUNE_EXT_DURATION);
    }
    struct rune_ext least = number(RUNE_EXT_DATETIME, INT64_MIN);
    assert_false(rune_ext_to_date(&least, &result));
    struct rune_ext one = number(RUNE_EXT_DURATION, -1);
    assert_false(rune_ext_offset(&least, &one, &result));
    struct rune_ext zero = number(RUNE_EXT_DATETIME, 0);
    assert_true(rune_ext_offset(&zero, &one, &result));
    assert_int_equal(result.as.number, -1);
    assert_false(rune_ext_duration_since(&zero, &least, &result));
    assert_true(rune_ext_duration_since(&least, &zero, &result));
    assert_int_equal(result.as.number, INT64_MIN);
}

static void test_format__reads_back(void **state)
{
    (void)state;
    static const struct {
        enum rune_ext_kind kind;
        int64_t number;
        const char *text;
    } cases[] = {
        {RUNE_EXT_DECIMAL, INT64_MIN, "-922337203685477.5808"},
        {RUNE_EXT_DECIMAL, -5, "-0.0005"},
        {RUNE_EXT_DECIMAL, 12000, "1.2000"},
        {RUNE_EXT_DATETIME, 0, "1970-01-01T00:00:00.000Z"},
        {RUNE_EXT_DATETIME, -1, "1969-12-31T23:59:59.999Z"},
        {RUNE_EXT_DATETIME, 951782400000, "2000-02-29T00:00:00.000Z"},
        {RUNE_EXT_DATETIME, -62167219200000, "0000-01-01T00:00:00.000Z"},
        {RUNE_EXT_DURATION, -12, "-12ms"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rune_buf out = RUNE_BUF_INIT;
        struct rune_ext value = number(cases[i].kind, cases[i].number), again;
        rune_ext_format(&value, &out);
        assert_string_equal(rune_buf_cstr(&out), cases[i].text);
        assert_int_equal(rune_ext_parse(cases[i].kind, rune_str_from(cases[i].text), &again),
                         RUNE_OK);
        assert_memory_equal(&value, &again, sizeof value);
        rune_buf_fini(&out);
    }
}

static void test_verify__refuses_other_forms(void **state)
{
    (void)state;
    struct rune_ext good = ip("10.0.0.1/8");
    struct rune_ext bad[6] = {good, good, good, good, good, number(RUNE_EXT_DECIMAL, 1)};
    bad[0].kind = 0;
    bad[1].kind = 5;
    bad[2].prefix = 33;
    bad[3].as.address[15] = 1;
    bad[4].zero = 1;
    bad[5].as.address[9] = 1;
    assert_true(rune_ext_verify(&good));
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(rune_ext_verify(&bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimal__accepts),
        cmocka_unit_test(test_decimal__refuses),
        cmocka_unit_test(test_datetime__accepts),
        cmocka_unit_test(test_datetime__refuses),
        cmocka_unit_test(test_duration__accepts),
        cmocka_unit_test(test_duration__refuses),
        cmocka_unit_test(test_ip__table),
        cmocka_unit_test(test_ip__predicates),
        cmocka_unit_test(test_ip__ranges),
        cmocka_unit_test(test_datetime__dates_and_times),
        cmocka_unit_test(test_format__reads_back),
        cmocka_unit_test(test_verify__refuses_other_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
