/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cedar_json.h"

#include "model/uid.h"

static bool is_string(const struct rune_json_node *node)
{
    return node != NULL && node->type == RUNE_JSON_STRING;
}

bool cedar_json_uid(const struct rune_json_node *node, struct rune_arena *arena,
                    struct naive_value *ret_value)
{
    *ret_value = (struct naive_value){.kind = NAIVE_ENTITY};
    if (is_string(node)) {
        struct rune_uid uid;
        const char *message;
        if (rune_uid_parse(node->as.text, arena, &uid, &message) != RUNE_OK) {
            return false;
        }
        ret_value->type = uid.type;
        ret_value->text = uid.id;
        return true;
    }
    const struct rune_json_node *inner =
        node->type == RUNE_JSON_OBJECT ? rune_json_find(node, "__entity") : NULL;
    node = inner != NULL ? inner : node;
    if (node->type != RUNE_JSON_OBJECT || !is_string(rune_json_find(node, "type")) ||
        !is_string(rune_json_find(node, "id"))) {
        return false;
    }
    ret_value->type = rune_json_find(node, "type")->as.text;
    ret_value->text = rune_json_find(node, "id")->as.text;
    return true;
}

static bool read_ext(const struct rune_json_node *node, struct rune_arena *arena,
                     struct naive_value *ret_value)
{
    static const struct {
        const char *name;
        enum rune_ext_kind kind;
    } kinds[] = {{"decimal", RUNE_EXT_DECIMAL},
                 {"ip", RUNE_EXT_IPADDR},
                 {"datetime", RUNE_EXT_DATETIME},
                 {"duration", RUNE_EXT_DURATION}};
    const struct rune_json_node *fn = rune_json_find(node, "fn");
    const struct rune_json_node *arg = rune_json_find(node, "arg");
    *ret_value = (struct naive_value){.kind = NAIVE_EXT};
    if (is_string(fn) && is_string(arg)) {
        for (size_t i = 0; i < 4; i++) {
            if (rune_str_equal(fn->as.text, rune_str_from(kinds[i].name))) {
                return rune_ext_parse(kinds[i].kind, arg->as.text, &ret_value->ext) == RUNE_OK;
            }
        }
    }
    /* `offset` of a datetime and a duration, as canonical forms of datetimes are. */
    const struct rune_json_node *args = rune_json_find(node, "args");
    struct naive_value parts[2];
    return args != NULL && args->type == RUNE_JSON_ARRAY && args->as.array.count == 2 &&
           cedar_json_value(&args->as.array.items[0], arena, &parts[0]) &&
           cedar_json_value(&args->as.array.items[1], arena, &parts[1]) &&
           rune_ext_offset(&parts[0].ext, &parts[1].ext, &ret_value->ext);
}

static bool read_array(const struct rune_json_node *node, struct rune_arena *arena,
                       struct naive_value *ret_value)
{
    *ret_value = (struct naive_value){.kind = NAIVE_SET, .count = node->as.array.count};
    ret_value->items = rune_arena_calloc(arena, ret_value->count, sizeof *ret_value->items);
    for (uint32_t i = 0; i < ret_value->count; i++) {
        if (!cedar_json_value(&node->as.array.items[i], arena, &ret_value->items[i])) {
            return false;
        }
    }
    return true;
}

static bool read_object(const struct rune_json_node *node, struct rune_arena *arena,
                        struct naive_value *ret_value)
{
    *ret_value = (struct naive_value){.kind = NAIVE_RECORD, .count = node->as.object.count};
    ret_value->items = rune_arena_calloc(arena, ret_value->count, sizeof *ret_value->items);
    ret_value->names = rune_arena_calloc(arena, ret_value->count, sizeof *ret_value->names);
    for (uint32_t i = 0; i < ret_value->count; i++) {
        ret_value->names[i] = node->as.object.members[i].key;
        if (!cedar_json_value(&node->as.object.members[i].value, arena, &ret_value->items[i])) {
            return false;
        }
    }
    return true;
}

bool cedar_json_value(const struct rune_json_node *node, struct rune_arena *arena,
                      struct naive_value *ret_value)
{
    switch (node->type) {
    case RUNE_JSON_TRUE:
    case RUNE_JSON_FALSE:
        *ret_value =
            (struct naive_value){.kind = NAIVE_BOOL, .boolean = node->type == RUNE_JSON_TRUE};
        return true;
    case RUNE_JSON_INTEGER:
        *ret_value = (struct naive_value){.kind = NAIVE_LONG, .number = node->as.integer};
        return true;
    case RUNE_JSON_STRING:
        *ret_value = (struct naive_value){.kind = NAIVE_STRING, .text = node->as.text};
        return true;
    case RUNE_JSON_ARRAY:
        return read_array(node, arena, ret_value);
    case RUNE_JSON_OBJECT:
        if (rune_json_find(node, "__entity") != NULL) {
            return cedar_json_uid(node, arena, ret_value);
        }
        if (rune_json_find(node, "__extn") != NULL) {
            return read_ext(rune_json_find(node, "__extn"), arena, ret_value);
        }
        return read_object(node, arena, ret_value);
    default:
        return false;
    }
}

static bool read_entity(const struct rune_json_node *node, struct rune_arena *arena,
                        struct naive_entity *ret_entity)
{
    const struct rune_json_node *attrs = rune_json_find(node, "attrs");
    const struct rune_json_node *tags = rune_json_find(node, "tags");
    const struct rune_json_node *parents = rune_json_find(node, "parents");
    ret_entity->tags = (struct naive_value){.kind = NAIVE_RECORD};
    if (!cedar_json_uid(rune_json_find(node, "uid"), arena, &ret_entity->uid) || attrs == NULL ||
        parents == NULL || !read_object(attrs, arena, &ret_entity->attrs) ||
        (tags != NULL && !read_object(tags, arena, &ret_entity->tags))) {
        return false;
    }
    ret_entity->parent_count = parents->as.array.count;
    ret_entity->parents =
        rune_arena_calloc(arena, ret_entity->parent_count, sizeof *ret_entity->parents);
    for (uint32_t i = 0; i < ret_entity->parent_count; i++) {
        if (!cedar_json_uid(&parents->as.array.items[i], arena, &ret_entity->parents[i])) {
            return false;
        }
    }
    return true;
}

bool cedar_json_entities(const struct rune_json_node *node, struct rune_arena *arena,
                         struct naive_world *ret_world)
{
    ret_world->entity_count = node->as.array.count;
    ret_world->entities =
        rune_arena_calloc(arena, ret_world->entity_count, sizeof *ret_world->entities);
    for (uint32_t i = 0; i < ret_world->entity_count; i++) {
        if (!read_entity(&node->as.array.items[i], arena, &ret_world->entities[i])) {
            return false;
        }
    }
    return true;
}
