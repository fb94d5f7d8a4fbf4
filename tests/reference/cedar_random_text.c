/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as text. */
#include "reference/cedar_universe.h"

static void expression(struct random *random, enum want want, uint32_t depth, struct rune_buf *out);

static void put_uid(struct random *random, struct rune_buf *out)
{
    rune_buf_printf(out, "%s::\"%u\"", random_types[random_below(random, 4)],
                    random_below(random, PER_TYPE));
}

static void put_action(struct random *random, struct rune_buf *out)
{
    rune_buf_printf(out, "Action::\"%u\"", random_below(random, PER_TYPE));
}

static void put_long(struct random *random, struct rune_buf *out)
{
    static const char *const numbers[] = {
        "0", "1", "2", "7", "(-1)", "600000000", "9223372036854775807", "(-9223372036854775808)"};
    rune_buf_append_cstr(out, numbers[random_below(random, random_chance(random, 80) ? 5 : 8)]);
}

static void put_string(struct random *random, struct rune_buf *out)
{
    static const char *const strings[] = {"\"\"",   "\"a\"",  "\"ab\"",  "\"abc\"",
                                          "\"k1\"", "\"k2\"", "\"1.5\"", "\"10.0.0.1\""};
    rune_buf_append_cstr(out, strings[random_below(random, 8)]);
}

static void put_ext(struct random *random, uint32_t depth, struct rune_buf *out)
{
    static const char *const values[] = {"decimal(\"1.5\")",
                                         "decimal(\"-0.25\")",
                                         "ip(\"10.0.0.1\")",
                                         "ip(\"10.0.0.0/8\")",
                                         "ip(\"::1\")",
                                         "duration(\"1h\")",
                                         "duration(\"-1d2s\")",
                                         "datetime(\"2024-01-01\")",
                                         "datetime(\"1969-12-31T23:00:00Z\")",
                                         "decimal(\"bad\")",
                                         "duration(\"9223372036854775807ms\")"};
    if (depth > 0 && random_chance(random, 30)) {
        expression(random, WANT_EXT, depth - 1, out);
        static const char *const methods[] = {".toDate()", ".toTime()"};
        if (random_chance(random, 50)) {
            rune_buf_append_cstr(out, methods[random_below(random, 2)]);
        } else {
            rune_buf_append_cstr(out, random_chance(random, 50) ? ".offset(" : ".durationSince(");
            expression(random, WANT_EXT, depth - 1, out);
            rune_buf_append_char(out, ')');
        }
        return;
    }
    if (random_chance(random, 10)) {
        rune_buf_append_cstr(out, random_chance(random, 50) ? "decimal(" : "ip(");
        expression(random, WANT_STRING, depth > 0 ? depth - 1 : 0, out);
        rune_buf_append_char(out, ')');
        return;
    }
    rune_buf_append_cstr(out, values[random_below(random, 11)]);
}

/* `object.attribute`, of that kind for the most part. */
static void put_attribute(struct random *random, enum want want, uint32_t depth,
                          struct rune_buf *out)
{
    uint32_t name = random_below(random, ATTRIBUTES + 1);
    for (uint32_t i = 0; i < 20 && (name == ATTRIBUTES || random_attribute_kinds[name] != want) &&
                         !random_chance(random, 5);
         i++) {
        name = random_below(random, ATTRIBUTES + 1);
    }
    if (random_chance(random, 25)) {
        rune_buf_append_cstr(out, "context");
    } else {
        expression(random, random_chance(random, 80) ? WANT_ENTITY : WANT_RECORD, depth - 1, out);
    }
    rune_buf_printf(out, ".%s", random_attributes[name]);
}

static void put_binary(struct random *random, enum want left, const char *op, enum want right,
                       uint32_t depth, struct rune_buf *out)
{
    rune_buf_append_char(out, '(');
    expression(random, left, depth - 1, out);
    rune_buf_printf(out, " %s ", op);
    expression(random, right, depth - 1, out);
    rune_buf_append_char(out, ')');
}

static void put_method(struct random *random, enum want object, const char *method,
                       enum want argument, uint32_t depth, struct rune_buf *out)
{
    rune_buf_append_char(out, '(');
    expression(random, object, depth - 1, out);
    rune_buf_printf(out, ").%s(", method);
    if (argument != WANT_COUNT) {
        expression(random, argument, depth - 1, out);
    }
    rune_buf_append_char(out, ')');
}

static void put_has(struct random *random, uint32_t depth, struct rune_buf *out)
{
    rune_buf_append_char(out, '(');
    expression(random, random_chance(random, 70) ? WANT_ENTITY : WANT_RECORD, depth - 1, out);
    rune_buf_append_cstr(out, " has ");
    uint32_t names = 1 + random_below(random, 3);
    for (uint32_t i = 0; i < names; i++) {
        rune_buf_printf(out, "%s%s", i > 0 ? "." : "",
                        random_attributes[random_below(random, ATTRIBUTES + 1)]);
    }
    rune_buf_append_char(out, ')');
}

static void put_like(struct random *random, uint32_t depth, struct rune_buf *out)
{
    static const char *const patterns[] = {"*", "a*", "*c", "a*c", "ab", "*b*", "", "a**b*", "\\*"};
    rune_buf_append_char(out, '(');
    expression(random, WANT_STRING, depth - 1, out);
    rune_buf_printf(out, " like \"%s\")", patterns[random_below(random, 9)]);
}

static void put_is(struct random *random, uint32_t depth, struct rune_buf *out)
{
    rune_buf_append_char(out, '(');
    expression(random, WANT_ENTITY, depth - 1, out);
    rune_buf_printf(out, " is %s", random_types[random_below(random, 4)]);
    if (random_chance(random, 40)) {
        rune_buf_append_cstr(out, " in ");
        expression(random, random_chance(random, 70) ? WANT_ENTITY : WANT_SET, depth - 1, out);
    }
    rune_buf_append_char(out, ')');
}

static void put_bool(struct random *random, uint32_t depth, struct rune_buf *out)
{
    static const char *const comparisons[] = {"<", "<=", ">", ">="};
    static const char *const ext_tests[] = {"lessThan", "greaterThanOrEqual", "isInRange", "isIpv4",
                                            "isLoopback"};
    static const char *const set_tests[] = {"containsAll", "containsAny"};
    uint32_t test;
    switch (random_below(random, 16)) {
    case 0:
        rune_buf_append_cstr(out, random_chance(random, 50) ? "true" : "false");
        break;
    case 1:
    case 2:
        put_binary(random, WANT_BOOL, "&&", WANT_BOOL, depth, out);
        break;
    case 3:
    case 4:
        put_binary(random, WANT_BOOL, "||", WANT_BOOL, depth, out);
        break;
    case 5:
        rune_buf_append_cstr(out, "!(");
        expression(random, WANT_BOOL, depth - 1, out);
        rune_buf_append_char(out, ')');
        break;
    case 6:
    case 7:
        test = random_below(random, WANT_COUNT);
        put_binary(random, (enum want)test,
                   random_chance(random, 70) ? "==" : "!=", (enum want)test, depth, out);
        break;
    case 8:
        test = random_chance(random, 80) ? WANT_LONG : WANT_EXT;
        put_binary(random, (enum want)test, comparisons[random_below(random, 4)], (enum want)test,
                   depth, out);
        break;
    case 9:
    case 10:
        put_binary(random, WANT_ENTITY, "in", random_chance(random, 70) ? WANT_ENTITY : WANT_SET,
                   depth, out);
        break;
    case 11:
        put_has(random, depth, out);
        break;
    case 12:
        random_chance(random, 50) ? put_like(random, depth, out) : put_is(random, depth, out);
        break;
    case 13:
        if (random_chance(random, 60)) {
            put_method(random, WANT_SET, "contains", (enum want)random_below(random, WANT_COUNT),
                       depth, out);
        } else if (random_chance(random, 70)) {
            put_method(random, WANT_SET, set_tests[random_below(random, 2)], WANT_SET, depth, out);
        } else {
            put_method(random, WANT_SET, "isEmpty", WANT_COUNT, depth, out);
        }
        break;
    case 14:
        if (random_chance(random, 50)) {
            put_method(random, WANT_ENTITY, "hasTag", WANT_STRING, depth, out);
            break;
        }
        test = random_below(random, 5);
        put_method(random, WANT_EXT, ext_tests[test], test < 3 ? WANT_EXT : WANT_COUNT, depth, out);
        break;
    default:
        put_attribute(random, WANT_BOOL, depth, out);
    }
}

static void put_set(struct random *random, uint32_t depth, struct rune_buf *out)
{
    enum want element =
        random_chance(random, 60) ? WANT_ENTITY : (enum want)random_below(random, WANT_COUNT);
    uint32_t count = random_below(random, 4);
    rune_buf_append_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        rune_buf_append_cstr(out, i > 0 ? ", " : "");
        expression(random, element, depth - 1, out);
    }
    rune_buf_append_char(out, ']');
}

static void put_record(struct random *random, uint32_t depth, struct rune_buf *out)
{
    uint32_t first = random_below(random, ATTRIBUTES);
    uint32_t count = random_below(random, 4);
    rune_buf_append_char(out, '{');
    for (uint32_t i = 0; i < count; i++) {
        uint32_t name = (first + 3 * i) % ATTRIBUTES;
        rune_buf_printf(out, "%s%s: ", i > 0 ? ", " : "", random_attributes[name]);
        expression(random, random_attribute_kinds[name], depth - 1, out);
    }
    rune_buf_append_char(out, '}');
}

static void put_if(struct random *random, enum want want, uint32_t depth, struct rune_buf *out)
{
    rune_buf_append_cstr(out, "(if ");
    expression(random, WANT_BOOL, depth - 1, out);
    rune_buf_append_cstr(out, " then ");
    expression(random, want, depth - 1, out);
    rune_buf_append_cstr(out, " else ");
    expression(random, want, depth - 1, out);
    rune_buf_append_char(out, ')');
}

static void put_leaf(struct random *random, enum want want, struct rune_buf *out)
{
    static const char *const variables[] = {"principal", "action", "resource"};
    switch (want) {
    case WANT_BOOL:
        rune_buf_append_cstr(out, random_chance(random, 50)   ? "principal.flag"
                                  : random_chance(random, 50) ? "true"
                                                              : "false");
        break;
    case WANT_LONG:
        put_long(random, out);
        break;
    case WANT_STRING:
        put_string(random, out);
        break;
    case WANT_ENTITY:
        if (random_chance(random, 70)) {
            rune_buf_append_cstr(out, variables[random_below(random, 3)]);
        } else {
            put_uid(random, out);
        }
        break;
    case WANT_SET:
        rune_buf_append_cstr(out,
                             random_chance(random, 50) ? "[1, \"a\"]" : "[U::\"1\", G::\"2\"]");
        break;
    case WANT_RECORD:
        rune_buf_append_cstr(out, random_chance(random, 70) ? "context" : "{n: 1, s: \"a\"}");
        break;
    case WANT_EXT:
        put_ext(random, 0, out);
        break;
    case WANT_COUNT:
        break;
    }
}

static void expression(struct random *random, enum want want, uint32_t depth, struct rune_buf *out)
{
    static const char *const arithmetic[] = {"+", "-", "*"};
    if (random_chance(random, 4)) {
        want = (enum want)random_below(random, WANT_COUNT);
    }
    if (depth == 0) {
        put_leaf(random, want, out);
        return;
    }
    if (want != WANT_BOOL && random_chance(random, 8)) {
        put_if(random, want, depth, out);
        return;
    }
    if (want != WANT_BOOL && want != WANT_EXT && random_chance(random, 50)) {
        put_attribute(random, want, depth, out);
        return;
    }
    switch (want) {
    case WANT_BOOL:
        put_bool(random, depth, out);
        break;
    case WANT_LONG:
        if (random_chance(random, 40)) {
            put_binary(random, WANT_LONG, arithmetic[random_below(random, 3)], WANT_LONG, depth,
                       out);
        } else if (random_chance(random, 20)) {
            rune_buf_append_cstr(out, "-(");
            expression(random, WANT_LONG, depth - 1, out);
            rune_buf_append_char(out, ')');
        } else if (random_chance(random, 10)) {
            put_method(random, WANT_EXT, "toMinutes", WANT_COUNT, depth, out);
        } else {
            put_long(random, out);
        }
        break;
    case WANT_STRING:
        if (random_chance(random, 20)) {
            put_method(random, WANT_ENTITY, "getTag", WANT_STRING, depth, out);
        } else {
            put_string(random, out);
        }
        break;
    case WANT_SET:
        put_set(random, depth, out);
        break;
    case WANT_RECORD:
        put_record(random, depth, out);
        break;
    case WANT_EXT:
        put_ext(random, depth, out);
        break;
    default:
        put_leaf(random, want, out);
    }
}

/* True if a slot was written. */
static bool put_scope(struct random *random, const char *name, bool slots, struct rune_buf *out)
{
    rune_buf_append_cstr(out, name);
    uint32_t form = random_below(random, 8);
    bool slot = slots && form >= 4 && form < 7 && random_chance(random, 60);
    if (form == 3 || form == 6) {
        rune_buf_printf(out, " is %s", random_types[random_below(random, 3)]);
    }
    if (form >= 4 && form < 7) {
        rune_buf_append_cstr(out, form == 4 ? " == " : " in ");
        if (slot) {
            rune_buf_printf(out, "?%s", name);
        } else {
            put_uid(random, out);
        }
    }
    return slot;
}

static void put_action_scope(struct random *random, struct rune_buf *out)
{
    rune_buf_append_cstr(out, "action");
    uint32_t form = random_below(random, 6);
    if (form == 2) {
        rune_buf_append_cstr(out, " == ");
        put_action(random, out);
    } else if (form == 3) {
        rune_buf_append_cstr(out, " in ");
        put_action(random, out);
    } else if (form >= 4) {
        rune_buf_append_cstr(out, " in [");
        uint32_t count = random_below(random, 4);
        for (uint32_t i = 0; i < count; i++) {
            rune_buf_append_cstr(out, i > 0 ? ", " : "");
            put_action(random, out);
        }
        rune_buf_append_char(out, ']');
    }
}

void random_policy(struct random *random, bool slots, struct rune_buf *out)
{
    rune_buf_append_cstr(out, random_chance(random, 65) ? "permit(" : "forbid(");
    put_scope(random, "principal", slots, out);
    rune_buf_append_cstr(out, ", ");
    put_action_scope(random, out);
    rune_buf_append_cstr(out, ", ");
    put_scope(random, "resource", slots, out);
    rune_buf_append_char(out, ')');
    uint32_t conditions = random_below(random, 3);
    for (uint32_t i = 0; i < conditions; i++) {
        rune_buf_append_cstr(out, random_chance(random, 75) ? " when { " : " unless { ");
        expression(random, WANT_BOOL, 1 + random_below(random, 4), out);
        rune_buf_append_cstr(out, " }");
    }
    rune_buf_append_cstr(out, ";\n");
}

static void put_crowded(struct random *random, const char *name, struct rune_buf *out)
{
    uint32_t form = random_below(random, 8);
    rune_buf_append_cstr(out, name);
    if (form > 0) {
        rune_buf_append_cstr(out, form == 1 ? " is G in " : form < 5 ? " == " : " in ");
        rune_buf_printf(out, "%s::\"%u\"", random_types[random_below(random, 3)],
                        random_below(random, PER_TYPE / 2));
    }
}

void random_crowd(struct random *random, uint32_t count, struct rune_buf *out)
{
    uint32_t fixed = random_below(random, 3); /* how many in three name one action */
    for (uint32_t i = 0; i < count; i++) {
        rune_buf_append_cstr(out, random_chance(random, 90) ? "permit(" : "forbid(");
        put_crowded(random, "principal", out);
        rune_buf_append_cstr(out, ", ");
        if (random_below(random, 3) < fixed) {
            rune_buf_append_cstr(out, "action == ");
            put_action(random, out);
        } else {
            put_action_scope(random, out);
        }
        rune_buf_append_cstr(out, ", ");
        put_crowded(random, "resource", out);
        rune_buf_append_cstr(out, ");\n");
    }
}
