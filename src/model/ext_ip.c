/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 and IPv6 addresses, and ranges of them, in the spellings that Cedar takes. */
#include "model/ext_int.h"

#define IP_MAX_LENGTH 43u /* LIMIT: Cedar's */

/* Four decimal numbers without leading zeros. */
static bool parse_v4(struct rune_ext_scan *scan, uint8_t address[16])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0 && !rune_ext_take(scan, '.')) {
            return false;
        }
        const char *first = scan->at;
        int value = 0;
        while (scan->at < scan->end && rune_ext_is_digit(*scan->at) && scan->at - first < 3) {
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
    if (rune_ext_is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Up to `limit` groups of one to four hex digits with colons between; stops before what is none. */
static int parse_groups(struct rune_ext_scan *scan, int limit, uint16_t *groups)
{
    int count = 0;
    while (count < limit) {
        struct rune_ext_scan ahead = *scan;
        if (count > 0 && !rune_ext_take(&ahead, ':')) {
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
static bool parse_v6(struct rune_ext_scan *scan, uint8_t address[16])
{
    uint16_t groups[8] = {0};
    int head = parse_groups(scan, 8, groups);
    if (head < 8) {
        if (!rune_ext_take(scan, ':') || !rune_ext_take(scan, ':')) {
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
static bool parse_prefix(struct rune_ext_scan scan, int width, uint8_t *ret_prefix)
{
    long length = scan.end - scan.at;
    int value;
    if (length < 1 || length > (width == 32 ? 2 : 3) || (length > 1 && *scan.at == '0') ||
        !rune_ext_take_digits(&scan, (int)length, &value) || value > width) {
        return false;
    }
    *ret_prefix = (uint8_t)value;
    return true;
}

enum rune_err rune_ext_parse_ip(struct rune_str text, struct rune_ext *ret_value)
{
    if (text.length == 0 || text.length > IP_MAX_LENGTH) {
        return RUNE_E_INVALID;
    }
    struct rune_ext value;
    memset(&value, 0, sizeof value);
    value.kind = RUNE_EXT_IPADDR;
    const char *slash = memchr(text.data, '/', text.length);
    const char *end = text.data + text.length;
    struct rune_ext_scan scan = {text.data, slash != NULL ? slash : end};
    struct rune_ext_scan again = scan;
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
    if (slash != NULL &&
        !parse_prefix((struct rune_ext_scan){slash + 1, end}, width, &value.prefix)) {
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

void rune_ext_format_ip(const struct rune_ext *value, struct rune_buf *out)
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
