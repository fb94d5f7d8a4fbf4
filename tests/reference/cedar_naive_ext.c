/* SPDX-License-Identifier: Apache-2.0 */
/* Extension functions, by name. */
#include <string.h>

#include "reference/cedar_naive.h"

static bool is_ext(const struct naive_value *value, enum rune_ext_kind kind)
{
    return value->kind == NAIVE_EXT && value->ext.kind == (uint32_t)kind;
}

static bool construct(enum rune_ext_kind kind, const struct naive_value *args, uint32_t count,
                      struct naive_value *ret)
{
    ret->kind = NAIVE_EXT;
    return count == 1 && args[0].kind == NAIVE_STRING &&
           rune_ext_parse(kind, args[0].text, &ret->ext) == RUNE_OK;
}

static bool call_decimal(const char *name, const struct naive_value *args, uint32_t count,
                         struct naive_value *ret)
{
    if (count != 2 || !is_ext(&args[0], RUNE_EXT_DECIMAL) || !is_ext(&args[1], RUNE_EXT_DECIMAL)) {
        return false;
    }
    int64_t x = args[0].ext.as.number, y = args[1].ext.as.number;
    *ret = naive_bool(strcmp(name, "lessThan") == 0          ? x < y
                      : strcmp(name, "lessThanOrEqual") == 0 ? x <= y
                      : strcmp(name, "greaterThan") == 0     ? x > y
                                                             : x >= y);
    return true;
}

static bool call_ip(const char *name, const struct naive_value *args, uint32_t count,
                    struct naive_value *ret)
{
    bool range = strcmp(name, "isInRange") == 0;
    if (count != (range ? 2u : 1u) || !is_ext(&args[0], RUNE_EXT_IPADDR) ||
        (range && !is_ext(&args[1], RUNE_EXT_IPADDR))) {
        return false;
    }
    const struct rune_ext *ip = &args[0].ext;
    *ret = naive_bool(range                             ? rune_ext_ip_in_range(ip, &args[1].ext)
                      : strcmp(name, "isIpv4") == 0     ? ip->version == 4
                      : strcmp(name, "isIpv6") == 0     ? ip->version == 6
                      : strcmp(name, "isLoopback") == 0 ? rune_ext_ip_is_loopback(ip)
                                                        : rune_ext_ip_is_multicast(ip));
    return true;
}

static bool call_datetime(const char *name, const struct naive_value *args, uint32_t count,
                          struct naive_value *ret)
{
    struct rune_ext ext;
    if (count == 0 || !is_ext(&args[0], RUNE_EXT_DATETIME)) {
        return false;
    }
    bool ok;
    if (strcmp(name, "offset") == 0) {
        ok = count == 2 && is_ext(&args[1], RUNE_EXT_DURATION) &&
             rune_ext_offset(&args[0].ext, &args[1].ext, &ext);
    } else if (strcmp(name, "durationSince") == 0) {
        ok = count == 2 && is_ext(&args[1], RUNE_EXT_DATETIME) &&
             rune_ext_duration_since(&args[0].ext, &args[1].ext, &ext);
    } else if (strcmp(name, "toDate") == 0) {
        ok = count == 1 && rune_ext_to_date(&args[0].ext, &ext);
    } else {
        ok = count == 1;
        rune_ext_to_time(&args[0].ext, &ext);
    }
    if (ok) {
        *ret = naive_ext(&ext);
    }
    return ok;
}

static bool call_duration(const char *name, const struct naive_value *args, uint32_t count,
                          struct naive_value *ret)
{
    if (count != 1 || !is_ext(&args[0], RUNE_EXT_DURATION)) {
        return false;
    }
    int64_t ms = args[0].ext.as.number;
    int64_t unit = strcmp(name, "toMilliseconds") == 0 ? 1
                   : strcmp(name, "toSeconds") == 0    ? 1000
                   : strcmp(name, "toMinutes") == 0    ? 60000
                   : strcmp(name, "toHours") == 0      ? 3600000
                                                       : 86400000;
    *ret = naive_long(ms / unit);
    return true;
}

bool naive_call(const char *name, const struct naive_value *args, uint32_t count,
                struct naive_value *ret)
{
    static const struct {
        const char *name;
        enum rune_ext_kind kind;
    } constructors[] = {{"decimal", RUNE_EXT_DECIMAL},
                        {"ip", RUNE_EXT_IPADDR},
                        {"datetime", RUNE_EXT_DATETIME},
                        {"duration", RUNE_EXT_DURATION}};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(constructors[i].name, name) == 0) {
            return construct(constructors[i].kind, args, count, ret);
        }
    }
    static const char datetime_names[] = " offset durationSince toDate toTime ";
    if (strncmp(name, "is", 2) == 0) {
        return call_ip(name, args, count, ret);
    }
    if (strncmp(name, "less", 4) == 0 || strncmp(name, "greater", 7) == 0) {
        return call_decimal(name, args, count, ret);
    }
    return strstr(datetime_names, name) != NULL ? call_datetime(name, args, count, ret)
                                                : call_duration(name, args, count, ret);
}
