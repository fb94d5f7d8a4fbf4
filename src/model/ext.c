/* SPDX-License-Identifier: Apache-2.0 */
#include "model/ext.h"

#include <string.h>

#define DAY_MS         INT64_C(86400000)
#define IP_MAX_LENGTH  43u /* LIMIT: Cedar's */
#define DECIMAL_DIGITS 4
#define DECIMAL_ONE    10000

static struct rune_ext of_number(enum rune_ext_kind kind, int64_t number)
{
    struct rune_ext value;
    memset(&value, 0, sizeof value);
    value.kind = (uint32_t)kind;
    value.as.number = number;
    return value;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What is left of the text that is read. */
struct scan {
    const char *at;
    const char *end;
};

static bool take(struct scan *scan, char c)
{
    if (scan->at < scan->end && *scan->at == c) {
        scan->at++;
        return true;
    }
    return false;
}

/* Exactly `count` digits. */
static bool take_digits(struct scan *scan, int count, int *ret_value)
{
    int value = 0;
    if (scan->end - scan->at < count) {
        return false;
    }
    for (int i = 0; i < count; i++, scan->at++) {
        if (!is_digit(*scan->at)) {
            return false;
        }
        value = value * 10 + (*scan->at - '0');
    }
    *ret_value = value;
    return true;
}

/* ---- decimal ---- */

static enum rune_err parse_decimal(struct rune_str text, struct rune_ext *ret_value)
{
    struct scan scan = {text.data, text.data + text.length};
    bool negative = take(&scan, '-');
    const char *first = scan.at;
    int64_t number = 0;
    /* Counted downwards, since the least number has no positive twin. */
    for (; scan.at < scan.end && is_digit(*scan.at); scan.at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, *scan.at - '0', &number)) {
            return RUNE_E_INVALID;
        }
    }
    if (scan.at == first || !take(&scan, '.')) {
        return RUNE_E_INVALID;
    }
    size_t digits = (size_t)(scan.end - scan.at);
    if (digits == 0 || digits > DECIMAL_DIGITS ||
        __builtin_mul_overflow(number, DECIMAL_ONE, &number)) {
        return RUNE_E_INVALID;
    }
    for (int scale = DECIMAL_ONE / 10; scan.at < scan.end; scan.at++, scale /= 10) {
        if (!is_digit(*scan.at) ||
            __builtin_sub_overflow(number, (*scan.at - '0') * scale, &number)) {
            return RUNE_E_INVALID;
        }
    }
    if (!negative && __builtin_sub_overflow(0, number, &number)) {
        return RUNE_E_INVALID;
    }
    *ret_value = of_number(RUNE_EXT_DECIMAL, number);
    return RUNE_OK;
}

static void format_decimal(int64_t number, struct rune_buf *out)
{
    uint64_t positive = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    rune_buf_printf(out, "%s%llu.%04llu", number < 0 ? "-" : "",
                    (unsigned long long)(positive / DECIMAL_ONE),
                    (unsigned long long)(positive % DECIMAL_ONE));
}

/* ---- ipaddr ---- */

/* Four decimal numbers without leading zeros. */
static bool parse_v4(struct scan *scan, uint8_t address[16])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0 && !take(scan, '.')) {
            return false;
        }
        const char *first = scan->at;
        int value = 0;
        while (scan->at < scan->end && is_digit(*scan->at) && scan->at - first < 3) {
            value = value * 10 + (*scan->at++ - '0');
        }
        if (scan->at == first || value > 255 || (*first == '0' && scan->at - first > 1)) {
            return false;
        }
        address[i] = (uint8_t)value;
    }
    return scan->at == scan->end;
}

static int hex_value(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Up to `limit` groups of one to four hex digits with colons between; stops before what is none. */
static int parse_groups(struct scan *scan, int limit, uint16_t *groups)
{
    int count = 0;
    while (count < limit) {
        struct scan ahead = *scan;
        if (count > 0 && !take(&ahead, ':')) {
            break;
        }
        const char *first = ahead.at;
        unsigned value = 0;
        while (ahead.at < ahead.end && ahead.at - first < 4 && hex_value(*ahead.at) >= 0) {
            value = value * 16 + (unsigned)hex_value(*ahead.at++);
        }
        if (ahead.at == first) {
            break;
        }
        groups[count++] = (uint16_t)value;
        *scan = ahead;
    }
    return count;
}

/* Eight groups, of which one run of zeros may be `::`. IPv4 in IPv6 is refused, as Cedar does. */
static bool parse_v6(struct scan *scan, uint8_t address[16])
{
    uint16_t groups[8] = {0};
    int head = parse_groups(scan, 8, groups);
    if (head < 8) {
        if (!take(scan, ':') || !take(scan, ':')) {
            return false;
        }
        uint16_t tail[8];
        int limit = 8 - (head + 1);
        int count = parse_groups(scan, limit, tail);
        for (int i = 0; i < count; i++) {
            groups[8 - count + i] = tail[i];
        }
    }
    for (int i = 0; i < 8; i++) {
        address[2 * i] = (uint8_t)(groups[i] >> 8);
        address[2 * i + 1] = (uint8_t)groups[i];
    }
    return scan->at == scan->end;
}

/* Digits only, no leading zero, not above the width. */
static bool parse_prefix(struct scan scan, int width, uint8_t *ret_prefix)
{
    long length = scan.end - scan.at;
    int value;
    if (length < 1 || length > (width == 32 ? 2 : 3) || (length > 1 && *scan.at == '0') ||
        !take_digits(&scan, (int)length, &value) || value > width) {
        return false;
    }
    *ret_prefix = (uint8_t)value;
    return true;
}

static enum rune_err parse_ip(struct rune_str text, struct rune_ext *ret_value)
{
    if (text.length == 0 || text.length > IP_MAX_LENGTH) {
        return RUNE_E_INVALID;
    }
    struct rune_ext value;
    memset(&value, 0, sizeof value);
    value.kind = RUNE_EXT_IPADDR;
    const char *slash = memchr(text.data, '/', text.length);
    const char *end = text.data + text.length;
    struct scan scan = {text.data, slash != NULL ? slash : end};
    struct scan again = scan;
    if (parse_v4(&scan, value.as.address)) {
        value.version = 4;
    } else {
        memset(value.as.address, 0, sizeof value.as.address);
        if (!parse_v6(&again, value.as.address)) {
            return RUNE_E_INVALID;
        }
        value.version = 6;
    }
    int width = value.version == 4 ? 32 : 128;
    value.prefix = (uint8_t)width;
    if (slash != NULL && !parse_prefix((struct scan){slash + 1, end}, width, &value.prefix)) {
        return RUNE_E_INVALID;
    }
    *ret_value = value;
    return RUNE_OK;
}

static void format_v6(const uint8_t address[16], struct rune_buf *out)
{
    unsigned groups[8];
    int best = 0;
    int best_length = 1; /* a single zero is written out */
    for (int i = 0; i < 8; i++) {
        groups[i] = (unsigned)address[2 * i] << 8 | address[2 * i + 1];
    }
    for (int i = 0; i < 8;) {
        int run = i;
        while (run < 8 && groups[run] == 0) {
            run++;
        }
        if (run - i > best_length) {
            best = i;
            best_length = run - i;
        }
        i = run > i ? run : i + 1;
    }
    for (int i = 0; i < 8; i++) {
        if (best_length > 1 && i == best) {
            rune_buf_append_cstr(out, "::");
            i += best_length - 1;
            continue;
        }
        bool after_gap = best_length > 1 && i == best + best_length;
        rune_buf_printf(out, "%s%x", i > 0 && !after_gap ? ":" : "", groups[i]);
    }
}

static void format_ip(const struct rune_ext *value, struct rune_buf *out)
{
    const uint8_t *address = value->as.address;
    if (value->version == 4) {
        rune_buf_printf(out, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
    } else {
        format_v6(address, out);
    }
    rune_buf_printf(out, "/%u", value->prefix);
}

bool rune_ext_ip_is_loopback(const struct rune_ext *ip)
{
    static const uint8_t v6_loopback[16] = {[15] = 1};
    if (ip->version == 4) {
        return ip->as.address[0] == 127 && ip->prefix >= 8;
    }
    return memcmp(ip->as.address, v6_loopback, sizeof v6_loopback) == 0 && ip->prefix == 128;
}

bool rune_ext_ip_is_multicast(const struct rune_ext *ip)
{
    if (ip->version == 4) {
        return (ip->as.address[0] & 0xf0) == 0xe0 && ip->prefix >= 4;
    }
    return ip->as.address[0] == 0xff && ip->prefix >= 8;
}

bool rune_ext_ip_in_range(const struct rune_ext *ip, const struct rune_ext *range)
{
    if (ip->version != range->version || ip->prefix < range->prefix) {
        return false;
    }
    /* Both are aligned blocks: the smaller lies in the larger if the larger's network bits agree.
     */
    size_t bytes = range->prefix / 8;
    unsigned bits = range->prefix % 8;
    if (memcmp(ip->as.address, range->as.address, bytes) != 0) {
        return false;
    }
    return bits == 0 || ((ip->as.address[bytes] ^ range->as.address[bytes]) >> (8 - bits)) == 0;
}

/* ---- datetime ---- */

/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar; years 0 to 9999. */
static int64_t days_from_civil(int year, int month, int day)
{
    /* Years begin in March here, so that the leap day is the last. Shifted by one 400-year era to
     * stay positive. */
    int64_t y = year + 400 - (month <= 2);
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468 - 146097;
}

static bool is_date(int year, int month, int day)
{
    static const uint8_t lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12) {
        return false;
    }
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day >= 1 && day <= lengths[month - 1] + (month == 2 && leap);
}

/* What follows the date: `Thh:mm:ss[.SSS]` and `Z` or `+hhmm`; milliseconds to add to midnight UTC
 * of that day. */
static bool parse_time(struct scan *scan, int64_t *ret_ms)
{
    int hour, minute, second;
    int ms = 0;
    if (!take(scan, 'T') || !take_digits(scan, 2, &hour) || !take(scan, ':') ||
        !take_digits(scan, 2, &minute) || !take(scan, ':') || !take_digits(scan, 2, &second) ||
        (take(scan, '.') && !take_digits(scan, 3, &ms))) {
        return false;
    }
    int64_t offset = 0; /* minutes */
    if (!take(scan, 'Z')) {
        bool west = take(scan, '-');
        int hours, minutes;
        if ((!west && !take(scan, '+')) || !take_digits(scan, 2, &hours) ||
            !take_digits(scan, 2, &minutes) || hours > 23 || minutes > 59) {
            return false;
        }
        offset = (hours * 60 + minutes) * (west ? -1 : 1);
    }
    if (scan->at != scan->end || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *ret_ms = ((hour * INT64_C(60) + minute - offset) * 60 + second) * 1000 + ms;
    return true;
}

static enum rune_err parse_datetime(struct rune_str text, struct rune_ext *ret_value)
{
    struct scan scan = {text.data, text.data + text.length};
    int year, month, day;
    int64_t ms = 0;
    if (!take_digits(&scan, 4, &year) || !take(&scan, '-') || !take_digits(&scan, 2, &month) ||
        !take(&scan, '-') || !take_digits(&scan, 2, &day) ||
        (scan.at != scan.end && !parse_time(&scan, &ms)) || !is_date(year, month, day)) {
        return RUNE_E_INVALID;
    }
    *ret_value = of_number(RUNE_EXT_DATETIME, days_from_civil(year, month, day) * DAY_MS + ms);
    return RUNE_OK;
}

static int64_t floor_day(int64_t ms)
{
    int64_t rest = ms % DAY_MS;
    return rest < 0 ? rest + DAY_MS : rest;
}

/* The inverse of days_from_civil, for any day that an int64 of milliseconds reaches. */
static void civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */
    *ret_day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (int)(month < 10 ? month + 3 : month - 9);
    *ret_year = year + era * 400 + (*ret_month <= 2);
}

static void format_datetime(int64_t ms, struct rune_buf *out)
{
    int64_t in_day = floor_day(ms);
    int64_t year;
    int month, day;
    civil_from_days(ms / DAY_MS - (ms % DAY_MS < 0), &year, &month, &day);
    rune_buf_printf(out, "%s%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", year < 0 ? "-" : "",
                    (long long)(year < 0 ? -year : year), month, day, (int)(in_day / 3600000),
                    (int)(in_day / 60000 % 60), (int)(in_day / 1000 % 60), (int)(in_day % 1000));
}

bool rune_ext_offset(const struct rune_ext *datetime, const struct rune_ext *duration,
                     struct rune_ext *ret_datetime)
{
    int64_t number;
    if (__builtin_add_overflow(datetime->as.number, duration->as.number, &number)) {
        return false;
    }
    *ret_datetime = of_number(RUNE_EXT_DATETIME, number);
    return true;
}

bool rune_ext_duration_since(const struct rune_ext *datetime, const struct rune_ext *since,
                             struct rune_ext *ret_duration)
{
    int64_t number;
    if (__builtin_sub_overflow(datetime->as.number, since->as.number, &number)) {
        return false;
    }
    *ret_duration = of_number(RUNE_EXT_DURATION, number);
    return true;
}

bool rune_ext_to_date(const struct rune_ext *datetime, struct rune_ext *ret_datetime)
{
    int64_t number;
    if (__builtin_sub_overflow(datetime->as.number, floor_day(datetime->as.number), &number)) {
        return false;
    }
    *ret_datetime = of_number(RUNE_EXT_DATETIME, number);
    return true;
}

void rune_ext_to_time(const struct rune_ext *datetime, struct rune_ext *ret_duration)
{
    *ret_duration = of_number(RUNE_EXT_DURATION, floor_day(datetime->as.number));
}

/* ---- duration ---- */

/* Digits before a unit: a number, downwards. False on overflow or where there is none. */
static bool take_quantity(struct scan *scan, int64_t *ret_number)
{
    const char *first = scan->at;
    int64_t number = 0;
    for (; scan->at < scan->end && is_digit(*scan->at); scan->at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, *scan->at - '0', &number)) {
            return false;
        }
    }
    *ret_number = number;
    return scan->at > first;
}

static enum rune_err parse_duration(struct rune_str text, struct rune_ext *ret_value)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"d", DAY_MS}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    struct scan scan = {text.data, text.data + text.length};
    bool negative = take(&scan, '-');
    int64_t total = 0; /* downwards */
    size_t next_unit = 0;
    if (scan.at == scan.end) {
        return RUNE_E_INVALID;
    }
    while (scan.at < scan.end) {
        int64_t number;
        if (!take_quantity(&scan, &number)) {
            return RUNE_E_INVALID;
        }
        const char *name = scan.at;
        while (scan.at < scan.end && !is_digit(*scan.at)) {
            scan.at++;
        }
        size_t length = (size_t)(scan.at - name);
        size_t unit = next_unit;
        while (unit < 5 && (strlen(units[unit].name) != length ||
                            memcmp(units[unit].name, name, length) != 0)) {
            unit++;
        }
        /* Cedar adds in another order, from the small units on; all terms have one sign, so it
         * fails alike. */
        if (unit == 5 || __builtin_mul_overflow(number, units[unit].ms, &number) ||
            __builtin_add_overflow(total, number, &total) || (!negative && total == INT64_MIN)) {
            return RUNE_E_INVALID;
        }
        next_unit = unit + 1;
    }
    *ret_value = of_number(RUNE_EXT_DURATION, negative ? total : -total);
    return RUNE_OK;
}

/* ---- all kinds ---- */

enum rune_err rune_ext_parse(enum rune_ext_kind kind, struct rune_str text,
                             struct rune_ext *ret_value)
{
    switch (kind) {
    case RUNE_EXT_DECIMAL:
        return parse_decimal(text, ret_value);
    case RUNE_EXT_IPADDR:
        return parse_ip(text, ret_value);
    case RUNE_EXT_DATETIME:
        return parse_datetime(text, ret_value);
    case RUNE_EXT_DURATION:
        return parse_duration(text, ret_value);
    }
    return RUNE_E_INVALID;
}

void rune_ext_format(const struct rune_ext *value, struct rune_buf *out)
{
    switch ((enum rune_ext_kind)value->kind) {
    case RUNE_EXT_DECIMAL:
        format_decimal(value->as.number, out);
        break;
    case RUNE_EXT_IPADDR:
        format_ip(value, out);
        break;
    case RUNE_EXT_DATETIME:
        format_datetime(value->as.number, out);
        break;
    case RUNE_EXT_DURATION:
        rune_buf_printf(out, "%lldms", (long long)value->as.number);
        break;
    }
}

bool rune_ext_verify(const struct rune_ext *value)
{
    if (value->zero != 0 || value->kind < RUNE_EXT_DECIMAL || value->kind > RUNE_EXT_DURATION) {
        return false;
    }
    if (value->kind == RUNE_EXT_IPADDR) {
        static const uint8_t zeros[12];
        bool is_v4 = value->version == 4 && value->prefix <= 32 &&
                     memcmp(value->as.address + 4, zeros, sizeof zeros) == 0;
        return is_v4 || (value->version == 6 && value->prefix <= 128);
    }
    static const uint8_t rest[8];
    return value->version == 0 && value->prefix == 0 &&
           memcmp(value->as.address + 8, rest, sizeof rest) == 0;
}
