/* SPDX-License-Identifier: Apache-2.0 */
#include "model/ext.h"

#include "model/ext_int.h"

#define DECIMAL_DIGITS 4
#define DECIMAL_ONE    10000

/* ---- decimal ---- */

static enum rune_err parse_decimal(struct rune_str text, struct rune_ext *ret_value)
{
    struct rune_ext_scan scan = {text.data, text.data + text.length};
    bool negative = rune_ext_take(&scan, '-');
    const char *first = scan.at;
    int64_t number = 0;
    /* Counted downwards, since the least number has no positive twin. */
    for (; scan.at < scan.end && rune_ext_is_digit(*scan.at); scan.at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, *scan.at - '0', &number)) {
            return RUNE_E_INVALID;
        }
    }
    if (scan.at == first || !rune_ext_take(&scan, '.')) {
        return RUNE_E_INVALID;
    }
    size_t digits = (size_t)(scan.end - scan.at);
    if (digits == 0 || digits > DECIMAL_DIGITS ||
        __builtin_mul_overflow(number, DECIMAL_ONE, &number)) {
        return RUNE_E_INVALID;
    }
    for (int scale = DECIMAL_ONE / 10; scan.at < scan.end; scan.at++, scale /= 10) {
        if (!rune_ext_is_digit(*scan.at) ||
            __builtin_sub_overflow(number, (*scan.at - '0') * scale, &number)) {
            return RUNE_E_INVALID;
        }
    }
    if (!negative && __builtin_sub_overflow(0, number, &number)) {
        return RUNE_E_INVALID;
    }
    *ret_value = rune_ext_of_number(RUNE_EXT_DECIMAL, number);
    return RUNE_OK;
}

static void format_decimal(int64_t number, struct rune_buf *out)
{
    uint64_t positive = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    rune_buf_printf(out, "%s%llu.%04llu", number < 0 ? "-" : "",
                    (unsigned long long)(positive / DECIMAL_ONE),
                    (unsigned long long)(positive % DECIMAL_ONE));
}

/* ---- all kinds ---- */

enum rune_err rune_ext_parse(enum rune_ext_kind kind, struct rune_str text,
                             struct rune_ext *ret_value)
{
    switch (kind) {
    case RUNE_EXT_DECIMAL:
        return parse_decimal(text, ret_value);
    case RUNE_EXT_IPADDR:
        return rune_ext_parse_ip(text, ret_value);
    case RUNE_EXT_DATETIME:
        return rune_ext_parse_datetime(text, ret_value);
    case RUNE_EXT_DURATION:
        return rune_ext_parse_duration(text, ret_value);
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
        rune_ext_format_ip(value, out);
        break;
    case RUNE_EXT_DATETIME:
        rune_ext_format_datetime(value->as.number, out);
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
