/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "reference/mixed.h"

const char *const mixed_attr_names[MIXED_ATTRS] = {
    [MIXED_LEVEL] = "level", [MIXED_NAME] = "name",      [MIXED_OWNER] = "owner",
    [MIXED_INFO] = "info",   [MIXED_LABELS] = "labels",  [MIXED_PRICE] = "price",
    [MIXED_AGE] = "age",     [MIXED_ADDR] = "addr",      [MIXED_AT] = "at",
    [MIXED_RANK] = "rank",   [MIXED_EDITORS] = "editors"};

const struct mixed_ip mixed_ips[MIXED_IPS] = {
    {"10.0.0.1/32", false, 0, 0x0a000001, 32},
    {"10.0.0.0/8", false, 0, 0x0a000000, 8},
    {"127.0.0.1/32", false, 0, 0x7f000001, 32},
    {"::1/128", true, 0, 1, 128},
    {"10.1.2.0/24", false, 0, 0x0a010200, 24},
    {"224.0.0.1/32", false, 0, 0xe0000001, 32},
    {"ff02::1/128", true, UINT64_C(0xff02) << 48, 1, 128},
    {"0.0.0.0/0", false, 0, 0, 0},
};

const char *mixed_type_of(int64_t entity)
{
    return entity < MIXED_FIRST_GROUP    ? "User"
           : entity < MIXED_FIRST_DOC    ? "Group"
           : entity < MIXED_FIRST_ACTION ? "Doc"
                                         : "Action";
}

const char *mixed_id_of(int64_t entity)
{
    static const char *const ids[MIXED_ENTITIES] = {"u0", "u1", "u2", "u3", "ux", "g0", "g1",
                                                    "g2", "d0", "d1", "d2", "dx", "a0", "a1"};
    return ids[entity];
}

bool mixed_has_item(const struct mixed_value *set, const struct mixed_value *item)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (mixed_equal(&set->items[i], item)) {
            return true;
        }
    }
    return false;
}

bool mixed_equal(const struct mixed_value *a, const struct mixed_value *b)
{
    bool same = a->kind == b->kind && a->count == b->count;
    switch (a->kind) {
    case MIXED_FLOAT:
        return same && a->floating == b->floating;
    case MIXED_STRING:
        return same && strcmp(a->text, b->text) == 0;
    case MIXED_SET: /* of distinct items */
        for (uint32_t i = 0; same && i < a->count; i++) {
            same = mixed_has_item(b, &a->items[i]);
        }
        return same;
    case MIXED_RECORD:
        for (uint32_t i = 0; same && i < a->count; i++) {
            same = mixed_equal(&a->items[i], &b->items[i]);
        }
        return same;
    default:
        return same && a->number == b->number;
    }
}

void mixed_put_quoted(struct rune_buf *out, const char *text)
{
    rune_buf_append_char(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '\t') {
            rune_buf_append_cstr(out, "\\t");
            continue;
        }
        if (*text == '"' || *text == '\\') {
            rune_buf_append_char(out, '\\');
        }
        rune_buf_append_char(out, *text);
    }
    rune_buf_append_char(out, '"');
}

/* 1970-01-01T12:00:00.000Z */
static void put_datetime(struct rune_buf *out, int64_t milliseconds)
{
    int64_t rest = ((milliseconds % 1000) + 1000) % 1000;
    time_t seconds = (time_t)((milliseconds - rest) / 1000);
    struct tm at;
    char text[40];
    gmtime_r(&seconds, &at);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &at);
    rune_buf_printf(out, "%s.%03dZ", text, (int)rest);
}

/* With a dot, or it would be an integer. */
static void put_float(struct rune_buf *out, double value)
{
    char text[40];
    snprintf(text, sizeof(text), "%.17g", value);
    rune_buf_printf(out, "%s%s", text, strpbrk(text, ".e") == NULL ? ".0" : "");
}

void mixed_put_value(struct rune_buf *out, const struct mixed_value *value)
{
    switch (value->kind) {
    case MIXED_BOOL:
        rune_buf_append_cstr(out, value->number != 0 ? "true" : "false");
        return;
    case MIXED_LONG:
        rune_buf_printf(out, "%lld", (long long)value->number);
        return;
    case MIXED_FLOAT:
        put_float(out, value->floating);
        return;
    case MIXED_STRING:
        mixed_put_quoted(out, value->text);
        return;
    case MIXED_ENTITY:
        rune_buf_printf(out, "%s::\"%s\"", mixed_type_of(value->number),
                        mixed_id_of(value->number));
        return;
    case MIXED_DECIMAL:
        rune_buf_printf(out, "decimal(\"%lld.%04lld\")", (long long)value->number / 10000,
                        (long long)value->number % 10000);
        return;
    case MIXED_DURATION:
        rune_buf_printf(out, "duration(\"%lldms\")", (long long)value->number);
        return;
    case MIXED_IP:
        rune_buf_printf(out, "ip(\"%s\")", mixed_ips[value->number].text);
        return;
    case MIXED_DATETIME:
        rune_buf_append_cstr(out, "datetime(\"");
        put_datetime(out, value->number);
        rune_buf_append_cstr(out, "\")");
        return;
    case MIXED_SET:
        for (uint32_t i = 0; i < value->count; i++) {
            rune_buf_append_cstr(out, i > 0 ? ", " : "[");
            mixed_put_value(out, &value->items[i]);
        }
        rune_buf_append_cstr(out, value->count == 0 ? "[]" : "]");
        return;
    case MIXED_RECORD:
        for (uint32_t i = 0; i < value->count; i++) {
            rune_buf_append_cstr(out, i > 0 ? ", \"s\": " : "{\"k\": ");
            mixed_put_value(out, &value->items[i]);
        }
        rune_buf_append_char(out, '}');
        return;
    }
}

void mixed_put_json(struct rune_buf *out, const struct mixed_value *value)
{
    switch (value->kind) {
    case MIXED_ENTITY:
        rune_buf_printf(out, "{\"__entity\":{\"type\":\"%s\",\"id\":\"%s\"}}",
                        mixed_type_of(value->number), mixed_id_of(value->number));
        return;
    case MIXED_DECIMAL:
        rune_buf_printf(out, "{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"%lld.%04lld\"}}",
                        (long long)value->number / 10000, (long long)value->number % 10000);
        return;
    case MIXED_DURATION:
        rune_buf_printf(out, "{\"__extn\":{\"fn\":\"duration\",\"arg\":\"%lldms\"}}",
                        (long long)value->number);
        return;
    case MIXED_IP:
        rune_buf_printf(out, "{\"__extn\":{\"fn\":\"ip\",\"arg\":\"%s\"}}",
                        mixed_ips[value->number].text);
        return;
    case MIXED_DATETIME:
        rune_buf_append_cstr(out, "{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"");
        put_datetime(out, value->number);
        rune_buf_append_cstr(out, "\"}}");
        return;
    case MIXED_SET:
        for (uint32_t i = 0; i < value->count; i++) {
            rune_buf_append_cstr(out, i > 0 ? "," : "[");
            mixed_put_json(out, &value->items[i]);
        }
        rune_buf_append_cstr(out, value->count == 0 ? "[]" : "]");
        return;
    case MIXED_RECORD:
        for (uint32_t i = 0; i < value->count; i++) {
            rune_buf_append_cstr(out, i > 0 ? ",\"s\":" : "{\"k\":");
            mixed_put_json(out, &value->items[i]);
        }
        rune_buf_append_char(out, '}');
        return;
    default:
        mixed_put_value(out, value);
    }
}
