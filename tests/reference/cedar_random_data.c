/* SPDX-License-Identifier: Apache-2.0 */
/* Entities, requests and what requests bring. */
#include <string.h>

#include "reference/cedar_universe.h"

static struct naive_value uid_of(uint32_t type, uint32_t id, struct rune_arena *arena)
{
    char *text = rune_arena_printf(arena, "%u", id);
    return (struct naive_value){.kind = NAIVE_ENTITY,
                                .type = rune_str_from(random_types[type]),
                                .text = rune_str_from(text)};
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
        value.boolean = random_chance(random, 50);
        break;
    case WANT_LONG:
        value.kind = NAIVE_LONG;
        value.number = numbers[random_below(random, random_chance(random, 85) ? 5 : 8)];
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
        want = random_chance(random, 60)
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
        if (random_chance(random, depth > 0 ? 75 : 40)) {
            enum want want = random_chance(random, 95)
                                 ? random_attribute_kinds[i]
                                 : (enum want)random_below(random, WANT_COUNT);
            want = depth == 0 && (want == WANT_RECORD || want == WANT_SET) ? WANT_LONG : want;
            value.names[value.count] = rune_str_from(random_attributes[i]);
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
        if (random_chance(random, 40)) {
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
    while (!rune_str_equal(uid->type, rune_str_from(random_types[type]))) {
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
            if (random_chance(random, 90)) {
                struct naive_entity *entity = &ret_world->entities[ret_world->entity_count++];
                entity->uid = uid_of(type, id, arena);
                entity->attrs = random_record(random, arena, 2);
                entity->tags = random_tags(random, arena);
                add_parents(random, arena, entity);
            }
        }
    }
    if (ret_world->entity_count > 0 && random_chance(random, 30)) {
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
