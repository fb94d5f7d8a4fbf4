/* SPDX-License-Identifier: Apache-2.0 */
/* Datetimes and durations: milliseconds, since 1970 and between two instants. */
#include "model/ext_int.h"

#define DAY_MS INT64_C(86400000)

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
static bool parse_time(struct rune_ext_scan *scan, int64_t *ret_ms)
{
    int hour, minute, second;
    int ms = 0;
    if (!rune_ext_take(scan, 'T') || !rune_ext_take_digits(scan, 2, &hour) ||
        !rune_ext_take(scan, ':') || !rune_ext_take_digits(scan, 2, &minute) ||
        !rune_ext_take(scan, ':') || !rune_ext_take_digits(scan, 2, &second) ||
        (rune_ext_take(scan, '.') && !rune_ext_take_digits(scan, 3, &ms))) {
        return false;
    }
    int64_t offset = 0; /* minutes */
    if (!rune_ext_take(scan, 'Z')) {
        bool west = rune_ext_take(scan, '-');
        int hours, minutes;
        if ((!west && !rune_ext_take(scan, '+')) || !rune_ext_take_digits(scan, 2, &hours) ||
            !rune_ext_take_digits(scan, 2, &minutes) || hours > 23 || minutes > 59) {
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

enum rune_err rune_ext_parse_datetime(struct rune_str text, struct rune_ext *ret_value)
{
    struct rune_ext_scan scan = {text.data, text.data + text.length};
    int year, month, day;
    int64_t ms = 0;
    if (!rune_ext_take_digits(&scan, 4, &year) || !rune_ext_take(&scan, '-') ||
        !rune_ext_take_digits(&scan, 2, &month) || !rune_ext_take(&scan, '-') ||
        !rune_ext_take_digits(&scan, 2, &day) || (scan.at != scan.end && !parse_time(&scan, &ms)) ||
        !is_date(year, month, day)) {
        return RUNE_E_INVALID;
    }
    *ret_value =
        rune_ext_of_number(RUNE_EXT_DATETIME, days_from_civil(year, month, day) * DAY_MS + ms);
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

void rune_ext_format_datetime(int64_t ms, struct rune_buf *out)
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
    *ret_datetime = rune_ext_of_number(RUNE_EXT_DATETIME, number);
    return true;
}

bool rune_ext_duration_since(const struct rune_ext *datetime, const struct rune_ext *since,
                             struct rune_ext *ret_duration)
{
    int64_t number;
    if (__builtin_sub_overflow(datetime->as.number, since->as.number, &number)) {
        return false;
    }
    *ret_duration = rune_ext_of_number(RUNE_EXT_DURATION, number);
    return true;
}

bool rune_ext_to_date(const struct rune_ext *datetime, struct rune_ext *ret_datetime)
{
    int64_t number;
    if (__builtin_sub_overflow(datetime->as.number, floor_day(datetime->as.number), &number)) {
        return false;
    }
    *ret_datetime = rune_ext_of_number(RUNE_EXT_DATETIME, number);
    return true;
}

void rune_ext_to_time(const struct rune_ext *datetime, struct rune_ext *ret_duration)
{
    *ret_duration = rune_ext_of_number(RUNE_EXT_DURATION, floor_day(datetime->as.number));
}

/* ---- duration ---- */

/* Digits before a unit: a number, downwards. False on overflow or where there is none. */
static bool take_quantity(struct rune_ext_scan *scan, int64_t *ret_number)
{
    const char *first = scan->at;
    int64_t number = 0;
    for (; scan->at < scan->end && rune_ext_is_digit(*scan->at); scan->at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, *scan->at - '0', &number)) {
            return false;
        }
    }
    *ret_number = number;
    return scan->at > first;
}

enum rune_err rune_ext_parse_duration(struct rune_str text, struct rune_ext *ret_value)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"d", DAY_MS}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    struct rune_ext_scan scan = {text.data, text.data + text.length};
    bool negative = rune_ext_take(&scan, '-');
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
        while (scan.at < scan.end && !rune_ext_is_digit(*scan.at)) {
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
    *ret_value = rune_ext_of_number(RUNE_EXT_DURATION, negative ? total : -total);
    return RUNE_OK;
}
