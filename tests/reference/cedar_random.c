/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cedar_random.h"

#include <stdio.h>
#include <string.h>

enum want {
    WANT_BOOL,
    WANT_LONG,
    WANT_STRING,
    WANT_ENTITY,
    WANT_SET,
    WANT_RECORD,
    WANT_EXT,
    WANT_COUNT
};

static const char *const types[] = {"U", "G", "D", "Action"};
static const char *const attributes[] = {"owner", "friend", "n",   "m",  "s",     "flag",
                                         "set",   "ids",    "rec", "dt", "absent"};
/* What the world gives each of them, mostly. */
static const enum want attribute_kinds[] = {WANT_ENTITY, WANT_ENTITY, WANT_LONG, WANT_LONG,
                                            WANT_STRING, WANT_BOOL,   WANT_SET,  WANT_SET,
                                            WANT_RECORD, WANT_EXT};

#define ATTRIBUTES 10u /* without the absent one */
#define PER_TYPE   6u

uint32_t random_below(struct random *random, uint32_t n)
{
    if (random->bytes != NULL) {
        if (random->left == 0) {
            return 0;
        }
        random->left--;
        return *random->bytes++ % n;
    }
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return (uint32_t)((random->state >> 24) % n);
}

static bool chance(struct random *random, uint32_t percent)
{
    return random_below(random, 100) < percent;
}

/* ---- text ---- */

static void expression(struct random *random, enum want want, uint32_t depth, struct rune_buf *out);

static void put_uid(struct random *random, struct rune_buf *out)
{
    rune_buf_printf(out, "%s::\"%u\"", types[random_below(random, 4)],
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
    rune_buf_append_cstr(out, numbers[random_below(random, chance(random, 80) ? 5 : 8)]);
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
    if (depth > 0 && chance(random, 30)) {
        expression(random, WANT_EXT, depth - 1, out);
        static const char *const methods[] = {".toDate()", ".toTime()"};
        if (chance(random, 50)) {
            rune_buf_append_cstr(out, methods[random_below(random, 2)]);
        } else {
            rune_buf_append_cstr(out, chance(random, 50) ? ".offset(" : ".durationSince(");
            expression(random, WANT_EXT, depth - 1, out);
            rune_buf_append_char(out, ')');
        }
        return;
    }
    if (chance(random, 10)) {
        rune_buf_append_cstr(out, chance(random, 50) ? "decimal(" : "ip(");
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
    for (uint32_t i = 0;
         i < 20 && (name == ATTRIBUTES || attribute_kinds[name] != want) && !chance(random, 5);
         i++) {
        name = random_below(random, ATTRIBUTES + 1);
    }
    if (chance(random, 25)) {
        rune_buf_append_cstr(out, "context");
    } else {
        expression(random, chance(random, 80) ? WANT_ENTITY : WANT_RECORD, depth - 1, out);
    }
    rune_buf_printf(out, ".%s", attributes[name]);
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
    expression(random, chance(random, 70) ? WANT_ENTITY : WANT_RECORD, depth - 1, out);
    rune_buf_append_cstr(out, " has ");
    uint32_t names = 1 + random_below(random, 3);
    for (uint32_t i = 0; i < names; i++) {
        rune_buf_printf(out, "%s%s", i > 0 ? "." : "",
                        attributes[random_below(random, ATTRIBUTES + 1)]);
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
    rune_buf_printf(out, " is %s", types[random_below(random, 4)]);
    if (chance(random, 40)) {
        rune_buf_append_cstr(out, " in ");
        expression(random, chance(random, 70) ? WANT_ENTITY : WANT_SET, depth - 1, out);
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
        rune_buf_append_cstr(out, chance(random, 50) ? "true" : "false");
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
        put_binary(random, (enum want)test, chance(random, 70) ? "==" : "!=", (enum want)test,
                   depth, out);
        break;
    case 8:
        test = chance(random, 80) ? WANT_LONG : WANT_EXT;
        put_binary(random, (enum want)test, comparisons[random_below(random, 4)], (enum want)test,
                   depth, out);
        break;
    case 9:
    case 10:
        put_binary(random, WANT_ENTITY, "in", chance(random, 70) ? WANT_ENTITY : WANT_SET, depth,
                   out);
        break;
    case 11:
        put_has(random, depth, out);
        break;
    case 12:
        chance(random, 50) ? put_like(random, depth, out) : put_is(random, depth, out);
        break;
    case 13:
        if (chance(random, 60)) {
            put_method(random, WANT_SET, "contains", (enum want)random_below(random, WANT_COUNT),
                       depth, out);
        } else if (chance(random, 70)) {
            put_method(random, WANT_SET, set_tests[random_below(random, 2)], WANT_SET, depth, out);
        } else {
            put_method(random, WANT_SET, "isEmpty", WANT_COUNT, depth, out);
        }
        break;
    case 14:
        if (chance(random, 50)) {
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
        chance(random, 60) ? WANT_ENTITY : (enum want)random_below(random, WANT_COUNT);
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
        rune_buf_printf(out, "%s%s: ", i > 0 ? ", " : "", attributes[name]);
        expression(random, attribute_kinds[name], depth - 1, out);
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
        rune_buf_append_cstr(out, chance(random, 50)   ? "principal.flag"
                                  : chance(random, 50) ? "true"
                                                       : "false");
        break;
    case WANT_LONG:
        put_long(random, out);
        break;
    case WANT_STRING:
        put_string(random, out);
        break;
    case WANT_ENTITY:
        if (chance(random, 70)) {
            rune_buf_append_cstr(out, variables[random_below(random, 3)]);
        } else {
            put_uid(random, out);
        }
        break;
    case WANT_SET:
        rune_buf_append_cstr(out, chance(random, 50) ? "[1, \"a\"]" : "[U::\"1\", G::\"2\"]");
        break;
    case WANT_RECORD:
        rune_buf_append_cstr(out, chance(random, 70) ? "context" : "{n: 1, s: \"a\"}");
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
    if (chance(random, 4)) {
        want = (enum want)random_below(random, WANT_COUNT);
    }
    if (depth == 0) {
        put_leaf(random, want, out);
        return;
    }
    if (want != WANT_BOOL && chance(random, 8)) {
        put_if(random, want, depth, out);
        return;
    }
    if (want != WANT_BOOL && want != WANT_EXT && chance(random, 50)) {
        put_attribute(random, want, depth, out);
        return;
    }
    switch (want) {
    case WANT_BOOL:
        put_bool(random, depth, out);
        break;
    case WANT_LONG:
        if (chance(random, 40)) {
            put_binary(random, WANT_LONG, arithmetic[random_below(random, 3)], WANT_LONG, depth,
                       out);
        } else if (chance(random, 20)) {
            rune_buf_append_cstr(out, "-(");
            expression(random, WANT_LONG, depth - 1, out);
            rune_buf_append_char(out, ')');
        } else if (chance(random, 10)) {
            put_method(random, WANT_EXT, "toMinutes", WANT_COUNT, depth, out);
        } else {
            put_long(random, out);
        }
        break;
    case WANT_STRING:
        if (chance(random, 20)) {
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
    bool slot = slots && form >= 4 && form < 7 && chance(random, 60);
    if (form == 3 || form == 6) {
        rune_buf_printf(out, " is %s", types[random_below(random, 3)]);
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
    rune_buf_append_cstr(out, chance(random, 65) ? "permit(" : "forbid(");
    put_scope(random, "principal", slots, out);
    rune_buf_append_cstr(out, ", ");
    put_action_scope(random, out);
    rune_buf_append_cstr(out, ", ");
    put_scope(random, "resource", slots, out);
    rune_buf_append_char(out, ')');
    uint32_t conditions = random_below(random, 3);
    for (uint32_t i = 0; i < conditions; i++) {
        rune_buf_append_cstr(out, chance(random, 75) ? " when { " : " unless { ");
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
        rune_buf_printf(out, "%s::\"%u\"", types[random_below(random, 3)],
                        random_below(random, PER_TYPE / 2));
    }
}

void random_crowd(struct random *random, uint32_t count, struct rune_buf *out)
{
    uint32_t fixed = random_below(random, 3); /* how many in three name one action */
    for (uint32_t i = 0; i < count; i++) {
        rune_buf_append_cstr(out, chance(random, 90) ? "permit(" : "forbid(");
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

/* ---- data ---- */

static struct naive_value uid_of(uint32_t type, uint32_t id, struct rune_arena *arena)
{
    char *text = rune_arena_printf(arena, "%u", id);
    return (struct naive_value){
        .kind = NAIVE_ENTITY, .type = rune_str_from(types[type]), .text = rune_str_from(text)};
}

struct naive_value random_uid(struct random *random, struct rune_arena *arena)
{
    return uid_of(random_below(random, 4), random_below(random, PER_TYPE + 1), arena);
}

static struct naive_value make_string(struct random *random)
{
    static const char *const strings[] = {"", "a", "ab", "abc", "k1", "k2", "1.5"};
    return (struct naive_value){.kind = NAIVE_STRING,
                                .text = rune_str_from(strings[random_below(random, 7)])};
}

static struct naive_value random_record(struct random *random, struct rune_arena *arena,
                                        uint32_t depth);

static struct naive_value random_value(struct random *random, struct rune_arena *arena,
                                       enum want want, uint32_t depth)
{
    static const int64_t numbers[] = {0, 1, 2, 7, -1, 600000000, INT64_MAX, INT64_MIN};
    struct naive_value value = {0};
    switch (want) {
    case WANT_BOOL:
        value.kind = NAIVE_BOOL;
        value.boolean = chance(random, 50);
        break;
    case WANT_LONG:
        value.kind = NAIVE_LONG;
        value.number = numbers[random_below(random, chance(random, 85) ? 5 : 8)];
        break;
    case WANT_STRING:
        value = make_string(random);
        break;
    case WANT_ENTITY:
        value = random_uid(random, arena);
        break;
    case WANT_SET:
        value.kind = NAIVE_SET;
        value.count = random_below(random, 5);
        value.items = rune_arena_calloc(arena, 5, sizeof *value.items);
        want = chance(random, 60)
                   ? WANT_ENTITY
                   : (enum want)random_below(random, depth > 0 ? WANT_COUNT : WANT_SET);
        for (uint32_t i = 0; i < value.count; i++) {
            value.items[i] = random_value(random, arena, want, depth > 0 ? depth - 1 : 0);
        }
        break;
    case WANT_RECORD:
        value = random_record(random, arena, depth > 0 ? depth - 1 : 0);
        break;
    default:
        value.kind = NAIVE_EXT;
        static const char *const texts[] = {"decimal 1.5", "duration 1h", "datetime 2024-01-01"};
        const char *text = texts[random_below(random, 3)];
        enum rune_ext_kind kind = text[1] == 'e'   ? RUNE_EXT_DECIMAL
                                  : text[1] == 'u' ? RUNE_EXT_DURATION
                                                   : RUNE_EXT_DATETIME;
        enum rune_err err = rune_ext_parse(kind, rune_str_from(strchr(text, ' ') + 1), &value.ext);
        (void)err;
    }
    return value;
}

static struct naive_value random_record(struct random *random, struct rune_arena *arena,
                                        uint32_t depth)
{
    struct naive_value value = {.kind = NAIVE_RECORD};
    value.items = rune_arena_calloc(arena, ATTRIBUTES, sizeof *value.items);
    value.names = rune_arena_calloc(arena, ATTRIBUTES, sizeof *value.names);
    for (uint32_t i = 0; i < ATTRIBUTES; i++) {
        if (chance(random, depth > 0 ? 75 : 40)) {
            enum want want = chance(random, 95) ? attribute_kinds[i]
                                                : (enum want)random_below(random, WANT_COUNT);
            want = depth == 0 && (want == WANT_RECORD || want == WANT_SET) ? WANT_LONG : want;
            value.names[value.count] = rune_str_from(attributes[i]);
            value.items[value.count++] = random_value(random, arena, want, depth);
        }
    }
    return value;
}

static struct naive_value random_tags(struct random *random, struct rune_arena *arena)
{
    struct naive_value value = {.kind = NAIVE_RECORD};
    static const char *const keys[] = {"k1", "k2", "a"};
    value.items = rune_arena_calloc(arena, 3, sizeof *value.items);
    value.names = rune_arena_calloc(arena, 3, sizeof *value.names);
    for (uint32_t i = 0; i < 3; i++) {
        if (chance(random, 40)) {
            value.names[value.count] = rune_str_from(keys[i]);
            value.items[value.count++] = make_string(random);
        }
    }
    return value;
}

/* Entities in one order; parents come from behind, so there are no cycles. */
static uint32_t rank_of(const struct naive_value *uid)
{
    uint32_t type = 0;
    while (!rune_str_equal(uid->type, rune_str_from(types[type]))) {
        type++;
    }
    return type * (PER_TYPE + 1) + (uint32_t)(uid->text.data[0] - '0');
}

static void add_parents(struct random *random, struct rune_arena *arena,
                        struct naive_entity *entity)
{
    struct naive_value *parents =
        rune_arena_calloc(arena, entity->parent_count + 4, sizeof *parents);
    if (entity->parent_count > 0) {
        memcpy(parents, entity->parents, entity->parent_count * sizeof *parents);
    }
    entity->parents = parents;
    bool is_action = rune_str_equal(entity->uid.type, RUNE_STR("Action"));
    for (uint32_t i = random_below(random, 4); i > 0; i--) {
        struct naive_value parent = is_action ? uid_of(3, random_below(random, PER_TYPE), arena)
                                              : random_uid(random, arena);
        if (rank_of(&parent) > rank_of(&entity->uid)) {
            entity->parents[entity->parent_count++] = parent;
        }
    }
}

void random_world(struct random *random, struct rune_arena *arena, struct naive_world *ret_world)
{
    ret_world->entities = rune_arena_calloc(arena, 4 * PER_TYPE, sizeof *ret_world->entities);
    ret_world->entity_count = 0;
    for (uint32_t type = 0; type < 4; type++) {
        for (uint32_t id = 0; id < PER_TYPE; id++) {
            if (chance(random, 90)) {
                struct naive_entity *entity = &ret_world->entities[ret_world->entity_count++];
                entity->uid = uid_of(type, id, arena);
                entity->attrs = random_record(random, arena, 2);
                entity->tags = random_tags(random, arena);
                add_parents(random, arena, entity);
            }
        }
    }
    if (ret_world->entity_count > 0 && chance(random, 30)) {
        /* An ancestor set too long for the short way. */
        struct naive_entity *first = &ret_world->entities[0];
        first->parents = rune_arena_calloc(arena, ret_world->entity_count, sizeof *first->parents);
        first->parent_count = ret_world->entity_count - 1;
        for (uint32_t i = 1; i < ret_world->entity_count; i++) {
            first->parents[i - 1] = ret_world->entities[i].uid;
        }
    }
}

void random_request(struct random *random, struct rune_arena *arena,
                    struct naive_request *ret_request)
{
    ret_request->principal =
        uid_of(random_below(random, 2), random_below(random, PER_TYPE + 1), arena);
    ret_request->action = uid_of(3, random_below(random, PER_TYPE + 1), arena);
    ret_request->resource = random_uid(random, arena);
    ret_request->context = random_record(random, arena, 2);
}

void random_brought(struct random *random, const struct naive_world *world,
                    struct rune_arena *arena, struct naive_world *ret_brought,
                    struct naive_world *ret_merged)
{
    uint32_t capacity = world->entity_count + 4;
    ret_merged->entities = rune_arena_calloc(arena, capacity, sizeof *ret_merged->entities);
    ret_brought->entities = rune_arena_calloc(arena, 4, sizeof *ret_brought->entities);
    memcpy(ret_merged->entities, world->entities, world->entity_count * sizeof *world->entities);
    ret_merged->entity_count = world->entity_count;
    ret_brought->entity_count = 0;
    for (uint32_t i = 1 + random_below(random, 3); i > 0; i--) {
        struct naive_value uid = random_uid(random, arena);
        struct naive_entity *entity =
            (struct naive_entity *)(uintptr_t)naive_find(ret_merged, &uid);
        if (naive_find(ret_brought, &uid) != NULL) {
            continue;
        }
        if (entity == NULL) {
            entity = &ret_merged->entities[ret_merged->entity_count++];
            entity->uid = uid;
            entity->tags = random_tags(random, arena);
        }
        entity->attrs = random_record(random, arena, 2);
        add_parents(random, arena, entity);
        ret_brought->entities[ret_brought->entity_count++] = *entity;
    }
}
