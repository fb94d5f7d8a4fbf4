/* SPDX-License-Identifier: Apache-2.0 */
/* Types are written bottom up and shared by content: equal types are the same words. Each is
 * visited once, since common types that have each other twice stand for trees without end. */
#include "cedar/schema_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "eval/schema_check.h"

/* A type of the schema in the image. */
struct written {
    rune_schema_type type;
    uint32_t height; /* types within each other, itself the first */
};

struct writer {
    const struct rune_cedar_schema *schema;
    struct rune_dict *dict;
    struct rune_vec_u32 *words;
    uint32_t *slots; /* offsets of types by content, 0: empty */
    size_t slot_count;
    size_t used;
    struct rune_vec_u32 scratch; /* the type being made */
    rune_term *type_names;       /* of the schema's entity types */
    rune_term *action_uids;
    uint32_t depth;         /* types around the one being written */
    uint32_t deepest;       /* most of them so far, below the one being written */
    struct rune_map places; /* types of the schema, by address, in `written` */
    RUNE_VEC(, struct written) written;
};

static enum rune_err put(struct rune_vec_u32 *words, uint32_t word)
{
    if (words->count >= UINT32_MAX / 2) {
        return RUNE_E_LIMIT;
    }
    return RUNE_VEC_PUSH(words, word) ? RUNE_OK : RUNE_E_NOMEM;
}

/* ---- sharing ---- */

static uint32_t type_size(const uint32_t *words)
{
    switch (words[0]) {
    case RUNE_SCHEMA_ENTITY:
    case RUNE_SCHEMA_EXT:
    case RUNE_SCHEMA_SET:
        return 2;
    case RUNE_SCHEMA_RECORD:
        return 2 + 3 * words[1];
    default:
        return 1;
    }
}

static bool grow_slots(struct writer *writer)
{
    size_t count = writer->slot_count == 0 ? 256 : writer->slot_count * 2;
    uint32_t *slots = rune_calloc(count, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < writer->slot_count; i++) {
        uint32_t offset = writer->slots[i];
        if (offset == 0) {
            continue;
        }
        const uint32_t *type = writer->words->items + offset;
        size_t at = rune_hash64(type, type_size(type) * sizeof *type, 0) & (count - 1);
        while (slots[at] != 0) {
            at = (at + 1) & (count - 1);
        }
        slots[at] = offset;
    }
    rune_free(writer->slots);
    writer->slots = slots;
    writer->slot_count = count;
    return true;
}

/* The offset of these words, found or appended. */
static enum rune_err intern(struct writer *writer, const uint32_t *type, uint32_t size,
                            rune_schema_type *ret_type)
{
    if (writer->used * 2 >= writer->slot_count && !grow_slots(writer)) {
        return RUNE_E_NOMEM;
    }
    size_t at = rune_hash64(type, size * sizeof *type, 0) & (writer->slot_count - 1);
    for (; writer->slots[at] != 0; at = (at + 1) & (writer->slot_count - 1)) {
        const uint32_t *other = writer->words->items + writer->slots[at];
        if (type_size(other) == size && memcmp(other, type, size * sizeof *type) == 0) {
            *ret_type = writer->slots[at];
            return RUNE_OK;
        }
    }
    uint32_t offset = (uint32_t)writer->words->count;
    for (uint32_t i = 0; i < size; i++) {
        enum rune_err err = put(writer->words, type[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    writer->slots[at] = offset;
    writer->used++;
    *ret_type = offset;
    return RUNE_OK;
}

/* ---- types ---- */

static enum rune_err write_type(struct writer *writer, const struct rune_cedar_type *const *place,
                                rune_schema_type *ret_type);

struct attr_words {
    uint32_t name, type, required;
};

static int compare_attrs(const void *a, const void *b)
{
    uint32_t x = ((const struct attr_words *)a)->name;
    uint32_t y = ((const struct attr_words *)b)->name;
    return (x > y) - (x < y);
}

static enum rune_err write_record(struct writer *writer, const struct rune_cedar_type *type,
                                  rune_schema_type *ret_type)
{
    size_t bottom = writer->scratch.count;
    enum rune_err err = put(&writer->scratch, RUNE_SCHEMA_RECORD);
    if (err == RUNE_OK) {
        err = put(&writer->scratch, type->attr_count);
    }
    for (uint32_t i = 0; err == RUNE_OK && i < type->attr_count; i++) {
        const struct rune_cedar_type_attr *attr = &type->attrs[i];
        rune_term name;
        rune_schema_type attr_type;
        err = rune_dict_string(writer->dict, attr->name, &name);
        if (err == RUNE_OK) {
            err = write_type(writer, &attr->type, &attr_type);
        }
        if (err == RUNE_OK) {
            err = put(&writer->scratch, name);
        }
        if (err == RUNE_OK) {
            err = put(&writer->scratch, attr_type);
        }
        if (err == RUNE_OK) {
            err = put(&writer->scratch, attr->is_required);
        }
    }
    if (err == RUNE_OK) {
        uint32_t *words = writer->scratch.items + bottom;
        if (type->attr_count > 1) {
            qsort(words + 2, type->attr_count, sizeof(struct attr_words), compare_attrs);
        }
        err = intern(writer, words, 2 + 3 * type->attr_count, ret_type);
    }
    writer->scratch.count = bottom;
    return err;
}

static enum rune_err write_shallow(struct writer *writer, const struct rune_cedar_type *type,
                                   rune_schema_type *ret_type)
{
    uint32_t words[2] = {0, 0};
    rune_schema_type element;
    enum rune_err err = RUNE_OK;
    switch (type->kind) {
    case RUNE_CEDAR_TYPE_BOOL:
        words[0] = RUNE_SCHEMA_BOOL;
        return intern(writer, words, 1, ret_type);
    case RUNE_CEDAR_TYPE_LONG:
        words[0] = RUNE_SCHEMA_LONG;
        return intern(writer, words, 1, ret_type);
    case RUNE_CEDAR_TYPE_STRING:
        words[0] = RUNE_SCHEMA_STRING;
        return intern(writer, words, 1, ret_type);
    case RUNE_CEDAR_TYPE_EXT:
        words[0] = RUNE_SCHEMA_EXT;
        words[1] = type->ext;
        break;
    case RUNE_CEDAR_TYPE_ENTITY:
        words[0] = RUNE_SCHEMA_ENTITY;
        err = rune_dict_string(writer->dict, type->name, &words[1]);
        break;
    case RUNE_CEDAR_TYPE_SET:
        words[0] = RUNE_SCHEMA_SET;
        err = write_type(writer, &type->element, &element);
        words[1] = err == RUNE_OK ? element : 0;
        break;
    case RUNE_CEDAR_TYPE_RECORD:
        return write_record(writer, type, ret_type);
    }
    return err == RUNE_OK ? intern(writer, words, 2, ret_type) : err;
}

static void note_depth(struct writer *writer, uint32_t depth)
{
    writer->deepest = depth > writer->deepest ? depth : writer->deepest;
}

static enum rune_err write_new(struct writer *writer, const struct rune_cedar_type *const *place,
                               struct written *ret_written)
{
    struct rune_str key = {(const char *)place, sizeof(*place)};
    uint32_t outside = writer->deepest;
    writer->deepest = ++writer->depth;
    enum rune_err err = writer->depth <= RUNE_SCHEMA_MAX_DEPTH
                            ? write_shallow(writer, *place, &ret_written->type)
                            : RUNE_E_LIMIT;
    ret_written->height = writer->deepest - --writer->depth;
    note_depth(writer, outside);
    if (err == RUNE_OK && !RUNE_VEC_PUSH(&writer->written, *ret_written)) {
        err = RUNE_E_NOMEM;
    }
    return err == RUNE_OK ? rune_map_set(&writer->places, key, (uint32_t)writer->written.count - 1)
                          : err;
}

/* `place` has the type; the schema keeps it. */
static enum rune_err write_type(struct writer *writer, const struct rune_cedar_type *const *place,
                                rune_schema_type *ret_type)
{
    struct written written;
    uint32_t index;
    if (rune_map_find(&writer->places, (struct rune_str){(const char *)place, sizeof(*place)},
                      &index)) {
        written = writer->written.items[index];
        note_depth(writer, writer->depth + written.height);
        *ret_type = written.type;
        return writer->deepest <= RUNE_SCHEMA_MAX_DEPTH ? RUNE_OK : RUNE_E_LIMIT;
    }
    enum rune_err err = write_new(writer, place, &written);
    *ret_type = err == RUNE_OK ? written.type : 0;
    return err;
}

/* ---- runs and tables ---- */

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The scratch from `bottom` on as a run; 0 if it is empty. */
static enum rune_err write_run(struct writer *writer, size_t bottom, uint32_t *ret_run)
{
    uint32_t *items = writer->scratch.items + bottom;
    size_t count = writer->scratch.count - bottom;
    size_t kept = 0;
    *ret_run = 0;
    writer->scratch.count = bottom;
    if (count == 0) {
        return RUNE_OK;
    }
    qsort(items, count, sizeof *items, compare_u32);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || items[kept - 1] != items[i]) {
            items[kept++] = items[i];
        }
    }
    *ret_run = (uint32_t)writer->words->count;
    enum rune_err err = put(writer->words, (uint32_t)kept);
    for (size_t i = 0; err == RUNE_OK && i < kept; i++) {
        err = put(writer->words, items[i]);
    }
    return err;
}

static enum rune_err write_indexes(struct writer *writer, const struct rune_schema_indexes *indexes,
                                   const rune_term *terms, uint32_t *ret_run)
{
    size_t bottom = writer->scratch.count;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < indexes->count; i++) {
        err = put(&writer->scratch, terms[indexes->items[i]]);
    }
    return err == RUNE_OK ? write_run(writer, bottom, ret_run) : err;
}

/* An enumeration always has a run, so that "none" means any id. */
static enum rune_err write_ids(struct writer *writer, const struct rune_cedar_entity_type *type,
                               uint32_t *ret_run)
{
    size_t bottom = writer->scratch.count;
    enum rune_err err = RUNE_OK;
    *ret_run = 0;
    for (uint32_t i = 0; err == RUNE_OK && i < type->id_count; i++) {
        rune_term id;
        err = rune_dict_string(writer->dict, type->ids[i], &id);
        err = err == RUNE_OK ? put(&writer->scratch, id) : err;
    }
    return err == RUNE_OK ? write_run(writer, bottom, ret_run) : err;
}

static enum rune_err intern_names(struct writer *writer)
{
    const struct rune_cedar_schema *schema = writer->schema;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < schema->entity_type_count; i++) {
        err = rune_dict_string(writer->dict, schema->entity_types[i].name, &writer->type_names[i]);
    }
    for (uint32_t i = 0; err == RUNE_OK && i < schema->action_count; i++) {
        rune_term type, id;
        err = rune_dict_string(writer->dict, schema->actions[i].uid.type, &type);
        err = err == RUNE_OK ? rune_dict_string(writer->dict, schema->actions[i].uid.id, &id) : err;
        err = err == RUNE_OK ? rune_dict_entity(writer->dict, type, id, &writer->action_uids[i])
                             : err;
    }
    return err;
}

static enum rune_err write_types(struct writer *writer, struct rune_schema_entity_type *types,
                                 struct rune_schema_action *actions)
{
    const struct rune_cedar_schema *schema = writer->schema;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < schema->entity_type_count; i++) {
        types[i].name = writer->type_names[i];
        types[i].flags = schema->entity_types[i].is_external ? RUNE_SCHEMA_TYPE_EXTERNAL : 0;
        err = write_type(writer, &schema->entity_types[i].attrs, &types[i].attrs);
        if (err == RUNE_OK && schema->entity_types[i].tags != NULL) {
            err = write_type(writer, &schema->entity_types[i].tags, &types[i].tags);
        }
    }
    for (uint32_t i = 0; err == RUNE_OK && i < schema->action_count; i++) {
        actions[i].uid = writer->action_uids[i];
        err = write_type(writer, &schema->actions[i].context, &actions[i].context);
    }
    return err;
}

static enum rune_err write_runs(struct writer *writer, struct rune_schema_entity_type *types,
                                struct rune_schema_action *actions)
{
    const struct rune_cedar_schema *schema = writer->schema;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < schema->entity_type_count; i++) {
        err = write_indexes(writer, &schema->entity_types[i].ancestors, writer->type_names,
                            &types[i].ancestors);
        err = err == RUNE_OK ? write_ids(writer, &schema->entity_types[i], &types[i].ids) : err;
    }
    for (uint32_t i = 0; err == RUNE_OK && i < schema->action_count; i++) {
        const struct rune_cedar_action *action = &schema->actions[i];
        err =
            write_indexes(writer, &action->principals, writer->type_names, &actions[i].principals);
        err = err == RUNE_OK ? write_indexes(writer, &action->resources, writer->type_names,
                                             &actions[i].resources)
                             : err;
        err = err == RUNE_OK ? write_indexes(writer, &action->parents, writer->action_uids,
                                             &actions[i].parents)
                             : err;
        err = err == RUNE_OK ? write_indexes(writer, &action->ancestors, writer->action_uids,
                                             &actions[i].ancestors)
                             : err;
    }
    return err;
}

/* A table of rows, sorted by their first word. */
static enum rune_err write_table(struct writer *writer, void *rows, size_t count, size_t size,
                                 uint32_t *ret_offset)
{
    if (count > 1) {
        qsort(rows, count, size, compare_u32);
    }
    *ret_offset = (uint32_t)writer->words->count;
    const uint32_t *words = rows;
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; err == RUNE_OK && i < count * size / sizeof *words; i++) {
        err = put(writer->words, words[i]);
    }
    return err;
}

static enum rune_err write_all(struct writer *writer, struct rune_schema_entity_type *types,
                               struct rune_schema_action *actions)
{
    const struct rune_cedar_schema *schema = writer->schema;
    uint32_t types_end, type_table, action_table;
    enum rune_err err = intern_names(writer);
    err = err == RUNE_OK ? write_types(writer, types, actions) : err;
    types_end = (uint32_t)writer->words->count;
    err = err == RUNE_OK ? write_runs(writer, types, actions) : err;
    err = err == RUNE_OK
              ? write_table(writer, types, schema->entity_type_count, sizeof *types, &type_table)
              : err;
    err = err == RUNE_OK
              ? write_table(writer, actions, schema->action_count, sizeof *actions, &action_table)
              : err;
    if (err == RUNE_OK) {
        const uint32_t header[] = {RUNE_SCHEMA_VERSION, schema->entity_type_count,
                                   type_table,          schema->action_count,
                                   action_table,        types_end};
        memcpy(writer->words->items, header, sizeof header);
    }
    return err;
}

enum rune_err rune_schema_write(const struct rune_cedar_schema *schema, struct rune_dict *dict,
                                struct rune_vec_u32 *words)
{
    struct writer writer = {.schema = schema, .dict = dict, .words = words};
    size_t types_count = schema->entity_type_count + 1u;
    size_t actions_count = schema->action_count + 1u;
    struct rune_schema_entity_type *types = rune_calloc(types_count, sizeof *types);
    struct rune_schema_action *actions = rune_calloc(actions_count, sizeof *actions);
    writer.type_names = rune_calloc(types_count, sizeof *writer.type_names);
    writer.action_uids = rune_calloc(actions_count, sizeof *writer.action_uids);
    enum rune_err err = RUNE_OK;
    if (types == NULL || actions == NULL || writer.type_names == NULL ||
        writer.action_uids == NULL) {
        err = RUNE_E_NOMEM;
    }
    for (int i = 0; err == RUNE_OK && i < 6; i++) {
        err = put(words, 0); /* the header, filled in at the end */
    }
    err = err == RUNE_OK ? write_all(&writer, types, actions) : err;
    rune_free(types);
    rune_free(actions);
    rune_free(writer.type_names);
    rune_free(writer.action_uids);
    rune_free(writer.slots);
    rune_map_fini(&writer.places);
    RUNE_VEC_FINI(&writer.written);
    RUNE_VEC_FINI(&writer.scratch);
    return err;
}
