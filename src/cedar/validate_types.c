/* SPDX-License-Identifier: Apache-2.0 */
/* Types are looked up by content before they are made, so that most comparisons are of pointers. */
#include "cedar/validate_types.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "cedar/validate_types_int.h"

#define PRINT_MAX 160u /* bytes of a type in a message */

/* ---- hash-consing ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x9e3779b97f4a7c15u ^ (hash >> 29);
}

static uint64_t hash_type(const struct rune_vtype *type)
{
    uint64_t hash = mix((uint64_t)type->kind + 1, (uint64_t)type->ext * 2 + type->is_open);
    hash = mix(hash, (uint64_t)(uintptr_t)type->element);
    for (uint32_t i = 0; i < type->count; i++) {
        if (type->kind == RUNE_VTYPE_ENTITY) {
            hash = mix(hash, type->entities[i]);
        } else {
            const struct rune_vtype_attr *attr = &type->attrs[i];
            hash = mix(hash, rune_hash64(attr->name.data, attr->name.length, attr->is_required));
            hash = mix(hash, (uint64_t)(uintptr_t)attr->type);
        }
    }
    return hash ^ hash >> 32;
}

static bool same_attr(const struct rune_vtype_attr *a, const struct rune_vtype_attr *b)
{
    return a->type == b->type && a->is_required == b->is_required &&
           rune_str_equal(a->name, b->name);
}

static bool same_type(const struct rune_vtype *a, const struct rune_vtype *b)
{
    if (a->hash != b->hash || a->kind != b->kind || a->ext != b->ext || a->is_open != b->is_open ||
        a->element != b->element || a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->kind == RUNE_VTYPE_ENTITY ? a->entities[i] != b->entities[i]
                                         : !same_attr(&a->attrs[i], &b->attrs[i])) {
            return false;
        }
    }
    return true;
}

static bool grow(struct rune_vtypes *types)
{
    size_t capacity = types->capacity == 0 ? 256 : types->capacity * 2;
    struct rune_vtype **slots = rune_calloc(capacity, sizeof(*slots));
    if (slots == NULL) {
        types->failed = true;
        return false;
    }
    for (size_t i = 0; i < types->capacity; i++) {
        struct rune_vtype *type = types->slots[i];
        size_t at = type == NULL ? 0 : type->hash & (capacity - 1);
        for (; type != NULL && slots[at] != NULL; at = (at + 1) & (capacity - 1)) {
        }
        if (type != NULL) {
            slots[at] = type;
        }
    }
    rune_free(types->slots);
    types->slots = slots;
    types->capacity = capacity;
    return true;
}

/* The one type like *draft, whose lists are copied if it is new. */
static struct rune_vtype *intern(struct rune_vtypes *types, struct rune_vtype *draft)
{
    if (types->failed || ((types->count + 1) * 2 > types->capacity && !grow(types))) {
        return NULL;
    }
    draft->hash = hash_type(draft);
    size_t at = draft->hash & (types->capacity - 1);
    for (; types->slots[at] != NULL; at = (at + 1) & (types->capacity - 1)) {
        if (same_type(types->slots[at], draft)) {
            return types->slots[at];
        }
    }
    struct rune_vtype *type = rune_arena_memdup(types->arena, draft, sizeof(*draft));
    if (type != NULL && type->entities != NULL) {
        type->entities =
            rune_arena_memdup(types->arena, draft->entities, draft->count * sizeof(uint32_t));
    }
    if (type != NULL && type->attrs != NULL) {
        type->attrs =
            rune_arena_memdup(types->arena, draft->attrs, draft->count * sizeof(*draft->attrs));
    }
    if (types->arena->failed) {
        types->failed = true;
        return NULL;
    }
    types->slots[at] = type;
    types->count++;
    return type;
}

static const struct rune_vtype *intern_kind(struct rune_vtypes *types, enum rune_vtype_kind kind)
{
    return intern(types, &(struct rune_vtype){.kind = kind});
}

const struct rune_vtype *rune_vtypes_of_entities(struct rune_vtypes *types,
                                                 const uint32_t *entities, uint32_t count)
{
    return intern(types, &(struct rune_vtype){
                             .kind = RUNE_VTYPE_ENTITY, .entities = entities, .count = count});
}

const struct rune_vtype *rune_vtypes_set(struct rune_vtypes *types,
                                         const struct rune_vtype *element)
{
    return intern(types, &(struct rune_vtype){.kind = RUNE_VTYPE_SET, .element = element});
}

const struct rune_vtype *rune_vtypes_ext(struct rune_vtypes *types, uint32_t kind)
{
    return intern(types, &(struct rune_vtype){.kind = RUNE_VTYPE_EXT, .ext = kind});
}

const struct rune_vtype *rune_vtypes_record(struct rune_vtypes *types,
                                            const struct rune_vtype_attr *attrs, uint32_t count,
                                            bool is_open)
{
    return intern(
        types, &(struct rune_vtype){
                   .kind = RUNE_VTYPE_RECORD, .attrs = attrs, .count = count, .is_open = is_open});
}

/* ---- memory of what was computed ---- */

/* The key must outlive the map: a copy in the arena. */
bool rune_vtypes_remember(struct rune_vtypes *types, struct rune_map *map, const void *key,
                          size_t length, const struct rune_vtype *type, enum rune_lub_hint hint)
{
    const void *copy = rune_arena_memdup(types->arena, key, length);
    uint32_t index = (uint32_t)types->conversions.count;
    if (copy == NULL || !RUNE_VEC_PUSH(&types->conversions, type) ||
        !RUNE_VEC_PUSH(&types->join_hints, (uint32_t)hint) ||
        rune_map_set(map, (struct rune_str){copy, length}, index) != RUNE_OK) {
        types->failed = true;
        return false;
    }
    return true;
}

/* ---- the schema's types ---- */

static const struct rune_vtype *convert_record(struct rune_vtypes *types,
                                               const struct rune_cedar_type *type)
{
    struct rune_vtype_attr *attrs =
        RUNE_ARENA_ARRAY(types->arena, struct rune_vtype_attr, type->attr_count);
    if (attrs == NULL) {
        types->failed = true;
        return NULL;
    }
    for (uint32_t i = 0; i < type->attr_count; i++) {
        const struct rune_cedar_type_attr *from = &type->attrs[i];
        attrs[i] = (struct rune_vtype_attr){from->name, rune_vtypes_of(types, from->type),
                                            from->is_required};
        if (attrs[i].type == NULL) {
            return NULL;
        }
    }
    return rune_vtypes_record(types, attrs, type->attr_count, false);
}

static const struct rune_vtype *convert(struct rune_vtypes *types,
                                        const struct rune_cedar_type *type)
{
    switch (type->kind) {
    case RUNE_CEDAR_TYPE_BOOL:
        return types->boolean;
    case RUNE_CEDAR_TYPE_LONG:
        return types->number;
    case RUNE_CEDAR_TYPE_STRING:
        return types->string;
    case RUNE_CEDAR_TYPE_SET: {
        const struct rune_vtype *element = rune_vtypes_of(types, type->element);
        return element == NULL ? NULL : rune_vtypes_set(types, element);
    }
    case RUNE_CEDAR_TYPE_RECORD:
        return convert_record(types, type);
    case RUNE_CEDAR_TYPE_ENTITY: {
        uint32_t entity = rune_vtypes_entity(types, type->name);
        return entity == UINT32_MAX ? types->any_entity : types->entities[entity];
    }
    case RUNE_CEDAR_TYPE_EXT:
        return rune_vtypes_ext(types, type->ext);
    }
    return NULL;
}

const struct rune_vtype *rune_vtypes_of(struct rune_vtypes *types,
                                        const struct rune_cedar_type *type)
{
    uint32_t index;
    if (types->failed) {
        return NULL;
    }
    if (rune_map_find(&types->converted, (struct rune_str){(const char *)&type, sizeof(type)},
                      &index)) {
        return types->conversions.items[index];
    }
    const struct rune_vtype *result = convert(types, type);
    if (result == NULL || !rune_vtypes_remember(types, &types->converted, &type, sizeof(type),
                                                result, RUNE_LUB_NONE)) {
        return NULL;
    }
    return result;
}

/* ---- entity types ---- */

uint32_t rune_vtypes_entity(const struct rune_vtypes *types, struct rune_str name)
{
    const struct rune_cedar_entity_type *type = rune_cedar_schema_find_type(types->schema, name);
    if (type != NULL) {
        return (uint32_t)(type - types->schema->entity_types);
    }
    for (size_t i = 0; i < types->action_types.count; i++) {
        if (rune_str_equal(types->action_types.items[i], name)) {
            return types->schema->entity_type_count + (uint32_t)i;
        }
    }
    return UINT32_MAX;
}

struct rune_str rune_vtypes_entity_name(const struct rune_vtypes *types, uint32_t entity)
{
    uint32_t declared = types->schema->entity_type_count;
    return entity < declared ? types->schema->entity_types[entity].name
                             : types->action_types.items[entity - declared];
}

const struct rune_cedar_entity_type *rune_vtypes_declared(const struct rune_vtypes *types,
                                                          uint32_t entity)
{
    return entity < types->schema->entity_type_count ? &types->schema->entity_types[entity] : NULL;
}

static bool has_index(const struct rune_schema_indexes *indexes, uint32_t index)
{
    uint32_t low = 0;
    for (uint32_t high = indexes->count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (indexes->items[middle] < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < indexes->count && indexes->items[low] == index;
}

/* Is an action of the type `member` below one of the type `group`? */
static bool actions_may_be_in(const struct rune_vtypes *types, struct rune_str member,
                              struct rune_str group)
{
    const struct rune_cedar_schema *schema = types->schema;
    for (uint32_t i = 0; i < schema->action_count; i++) {
        const struct rune_cedar_action *action = &schema->actions[i];
        for (uint32_t k = 0;
             rune_str_equal(action->uid.type, member) && k < action->ancestors.count; k++) {
            if (rune_str_equal(schema->actions[action->ancestors.items[k]].uid.type, group)) {
                return true;
            }
        }
    }
    return false;
}

bool rune_vtypes_may_be_in(const struct rune_vtypes *types, uint32_t member, uint32_t group)
{
    uint32_t declared = types->schema->entity_type_count;
    if (member == group) {
        return true;
    }
    if (member < declared) {
        return group < declared && has_index(&types->schema->entity_types[member].ancestors, group);
    }
    return group >= declared && actions_may_be_in(types, rune_vtypes_entity_name(types, member),
                                                  rune_vtypes_entity_name(types, group));
}

/* ---- attributes ---- */

static const struct rune_vtype *entity_record(struct rune_vtypes *types, uint32_t entity)
{
    const struct rune_cedar_entity_type *type = rune_vtypes_declared(types, entity);
    return type == NULL || type->attrs == NULL ? types->empty_record
                                               : rune_vtypes_of(types, type->attrs);
}

const struct rune_vtype_attr *rune_vtypes_find_attr(const struct rune_vtype *record,
                                                    struct rune_str name)
{
    uint32_t low = 0;
    for (uint32_t high = record->count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        int order = rune_str_compare(record->attrs[middle].name, name);
        if (order == 0) {
            return &record->attrs[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct rune_vtype *rune_vtypes_attributes(struct rune_vtypes *types,
                                                const struct rune_vtype *entity)
{
    if (entity->kind != RUNE_VTYPE_ENTITY) {
        return types->empty_record;
    }
    if (entity->joined != NULL) {
        return entity->joined;
    }
    const struct rune_vtype *record = entity_record(types, entity->entities[0]);
    for (uint32_t i = 1; record != NULL && i < entity->count; i++) {
        const struct rune_vtype *next = entity_record(types, entity->entities[i]);
        enum rune_lub_hint hint;
        record = next == NULL ? NULL : rune_vtypes_join_records(types, record, next, false, &hint);
    }
    ((struct rune_vtype *)entity)->joined = record;
    return record;
}

const struct rune_vtype_attr *rune_vtypes_attribute(struct rune_vtypes *types,
                                                    const struct rune_vtype *type,
                                                    struct rune_str name)
{
    const struct rune_vtype *record =
        type->kind == RUNE_VTYPE_RECORD ? type : rune_vtypes_attributes(types, type);
    return record == NULL ? NULL : rune_vtypes_find_attr(record, name);
}

bool rune_vtypes_may_have(struct rune_vtypes *types, const struct rune_vtype *type,
                          struct rune_str name)
{
    if (type->kind == RUNE_VTYPE_RECORD) {
        return type->is_open || rune_vtypes_find_attr(type, name) != NULL;
    }
    for (uint32_t i = 0; type->kind == RUNE_VTYPE_ENTITY && i < type->count; i++) {
        const struct rune_vtype *record = entity_record(types, type->entities[i]);
        if (record == NULL || rune_vtypes_find_attr(record, name) != NULL) {
            return true;
        }
    }
    return type->kind == RUNE_VTYPE_ANY_ENTITY || type->kind == RUNE_VTYPE_NEVER;
}

bool rune_vtype_is_entity(const struct rune_vtype *type)
{
    return type->kind == RUNE_VTYPE_ENTITY || type->kind == RUNE_VTYPE_ANY_ENTITY ||
           type->kind == RUNE_VTYPE_NEVER;
}

bool rune_vtype_is_entity_set(const struct rune_vtype *type)
{
    return type->kind == RUNE_VTYPE_SET && rune_vtype_is_entity(type->element);
}

/* ---- for people ---- */

static void print_attrs(const struct rune_vtypes *types, const struct rune_vtype *type,
                        struct rune_buf *out)
{
    rune_buf_append_char(out, '{');
    for (uint32_t i = 0; i < type->count && out->length < PRINT_MAX; i++) {
        rune_buf_printf(out, "%s%.*s%s: ", i > 0 ? ", " : "", RUNE_STR_ARG(type->attrs[i].name),
                        type->attrs[i].is_required ? "" : "?");
        rune_vtypes_print(types, type->attrs[i].type, out);
    }
    rune_buf_append_cstr(out, out->length >= PRINT_MAX || type->is_open ? ", ..}" : "}");
}

void rune_vtypes_print(const struct rune_vtypes *types, const struct rune_vtype *type,
                       struct rune_buf *out)
{
    static const char *const exts[] = {"", "decimal", "ipaddr", "datetime", "duration"};
    switch (type->kind) {
    case RUNE_VTYPE_NEVER:
        rune_buf_append_cstr(out, "nothing");
        break;
    case RUNE_VTYPE_FALSE:
    case RUNE_VTYPE_TRUE:
    case RUNE_VTYPE_BOOL:
        rune_buf_append_cstr(out, "Bool");
        break;
    case RUNE_VTYPE_LONG:
        rune_buf_append_cstr(out, "Long");
        break;
    case RUNE_VTYPE_STRING:
        rune_buf_append_cstr(out, "String");
        break;
    case RUNE_VTYPE_ANY_ENTITY:
        rune_buf_append_cstr(out, "any entity");
        break;
    case RUNE_VTYPE_ENTITY:
        for (uint32_t i = 0; i < type->count && out->length < PRINT_MAX; i++) {
            rune_buf_append_cstr(out, i > 0 ? " or " : "");
            rune_buf_append_str(out, rune_vtypes_entity_name(types, type->entities[i]));
        }
        break;
    case RUNE_VTYPE_SET:
        rune_buf_append_cstr(out, "Set<");
        if (out->length < PRINT_MAX) {
            rune_vtypes_print(types, type->element, out);
        }
        rune_buf_append_char(out, '>');
        break;
    case RUNE_VTYPE_RECORD:
        print_attrs(types, type, out);
        break;
    case RUNE_VTYPE_EXT:
        rune_buf_append_cstr(out, exts[type->ext <= 4 ? type->ext : 0]);
        break;
    }
}

/* ---- life ---- */

static bool add_action_types(struct rune_vtypes *types)
{
    for (uint32_t i = 0; i < types->schema->action_count; i++) {
        struct rune_str type = types->schema->actions[i].uid.type; /* sorted by it */
        if (i > 0 && rune_str_equal(type, types->schema->actions[i - 1].uid.type)) {
            continue;
        }
        if (!RUNE_VEC_PUSH(&types->action_types, type)) {
            return false;
        }
    }
    return true;
}

static bool add_basic_types(struct rune_vtypes *types)
{
    types->never = intern_kind(types, RUNE_VTYPE_NEVER);
    types->no = intern_kind(types, RUNE_VTYPE_FALSE);
    types->yes = intern_kind(types, RUNE_VTYPE_TRUE);
    types->boolean = intern_kind(types, RUNE_VTYPE_BOOL);
    types->number = intern_kind(types, RUNE_VTYPE_LONG);
    types->string = intern_kind(types, RUNE_VTYPE_STRING);
    types->any_entity = intern_kind(types, RUNE_VTYPE_ANY_ENTITY);
    types->empty_record = rune_vtypes_record(types, NULL, 0, false);
    size_t count = types->schema->entity_type_count + types->action_types.count;
    types->entities = RUNE_ARENA_ARRAY(types->arena, const struct rune_vtype *, count);
    for (uint32_t i = 0; types->entities != NULL && i < count; i++) {
        types->entities[i] = rune_vtypes_of_entities(types, &i, 1);
    }
    return types->entities != NULL && !types->failed;
}

enum rune_err rune_vtypes_init(struct rune_vtypes *types, const struct rune_cedar_schema *schema,
                               bool is_strict, struct rune_arena *arena)
{
    *types = (struct rune_vtypes){.arena = arena, .schema = schema, .is_strict = is_strict};
    if (add_action_types(types) && add_basic_types(types)) {
        return RUNE_OK;
    }
    rune_vtypes_fini(types);
    return RUNE_E_NOMEM;
}

void rune_vtypes_fini(struct rune_vtypes *types)
{
    rune_free(types->slots);
    types->slots = NULL;
    types->capacity = 0;
    rune_map_fini(&types->converted);
    rune_map_fini(&types->joins);
    RUNE_VEC_FINI(&types->conversions);
    RUNE_VEC_FINI(&types->join_hints);
    RUNE_VEC_FINI(&types->action_types);
}
