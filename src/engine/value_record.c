/* SPDX-License-Identifier: Apache-2.0 */
/* value_record: objects that are records: members, each once, as a schema's type wants them. */
#include "engine/value_int.h"

#include <string.h>

#include "base/sort.h"

/* The name's place in a record type: its words (name, type, required), or NULL. */
static const uint32_t *find_attr(const struct rune_schema *schema, rune_schema_type type,
                                 rune_term name)
{
    const uint32_t *record = schema->words + type;
    size_t low = 0;
    size_t high = record[1];
    while (low < high) {
        size_t middle = (low + high) / 2;
        const uint32_t *attr = record + 2 + 3 * middle;
        if (attr[0] == name) {
            return attr;
        }
        if (attr[0] < name) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static enum rune_err read_member(struct rune_value_reader *reader, struct rune_value_shape shape,
                                 struct rune_str key)
{
    rune_term name;
    rune_term value;
    rune_schema_type type = shape.value;
    enum rune_err err = rune_value_name_term(reader, key, &name);
    if (err != RUNE_OK) {
        return err;
    }
    if (shape.record != 0) {
        const uint32_t *attr = find_attr(reader->schema, shape.record, name);
        if (attr == NULL) {
            err = rune_value_fail(reader, RUNE_E_SCHEMA, rune_json_offset(reader->json),
                                  "the schema has no such attribute here");
            rune_value_prefix_name(reader, key);
            return err;
        }
        type = attr[1];
    }
    err = rune_value_read(reader, type, &value);
    if (err != RUNE_OK) {
        rune_value_prefix_name(reader, key);
        return err;
    }
    err = rune_value_push(reader, name);
    return err == RUNE_OK ? rune_value_push(reader, value) : err;
}

static enum rune_err check_required(struct rune_value_reader *reader, rune_schema_type type,
                                    const rune_term *names, size_t count, size_t offset)
{
    const uint32_t *record = reader->schema->words + type;
    size_t at = 0;
    for (uint32_t i = 0; i < record[1]; i++) {
        const uint32_t *attr = record + 2 + 3 * (size_t)i;
        while (at < count && names[at] < attr[0]) {
            at++;
        }
        if (attr[2] != 0 && (at == count || names[at] != attr[0])) {
            struct rune_str name = rune_terms_string(reader->image, attr[0]);
            return rune_value_fail(reader, RUNE_E_SCHEMA, offset,
                                   "the attribute `%.*s` is required here",
                                   name.length > 60 ? 60 : (int)name.length, name.data);
        }
    }
    return RUNE_OK;
}

/* (name, value) pairs from `bottom` on become names, then values. */
static enum rune_err part_pairs(struct rune_value_reader *reader, size_t bottom, size_t count)
{
    enum rune_err err = rune_value_reserve(reader, count);
    if (err != RUNE_OK) {
        return err;
    }
    rune_term *base = reader->stack + bottom;
    rune_term *spare = base + 2 * count;
    for (size_t i = 0; i < count; i++) {
        spare[i] = base[2 * i + 1];
        base[i] = base[2 * i];
    }
    memmove(base + count, spare, count * sizeof *spare);
    return RUNE_OK;
}

/* Puts the members, names and then values, in order. */
static enum rune_err check_members(struct rune_value_reader *reader, struct rune_value_shape shape,
                                   rune_term *names, size_t count, size_t offset)
{
    rune_sort_u32(names, names + count, count);
    for (size_t i = 1; i < count; i++) {
        if (names[i - 1] == names[i]) {
            return rune_value_fail_twice(reader, offset);
        }
    }
    return shape.record != 0 ? check_required(reader, shape.record, names, count, offset) : RUNE_OK;
}

/* Members of an object to its end; `key` is the first one if it was read already (`has_key`).
 * Leaves names and values on the stack. */
static enum rune_err read_members(struct rune_value_reader *reader, struct rune_value_shape shape,
                                  size_t offset, bool has_key, struct rune_str key,
                                  size_t *ret_first, size_t *ret_count)
{
    size_t bottom = reader->count;
    bool more = has_key;
    /* so that there is a stack, even if there are no members */
    enum rune_err err = rune_value_reserve(reader, 1);
    if (err == RUNE_OK && !has_key) {
        err = rune_value_next_member(reader, &more, &key);
    }
    while (err == RUNE_OK && more) {
        err = read_member(reader, shape, key);
        if (err == RUNE_OK) {
            err = rune_value_next_member(reader, &more, &key);
        }
    }
    if (err != RUNE_OK) {
        reader->count = bottom;
        return err;
    }
    size_t count = (reader->count - bottom) / 2;
    err = count > 0 ? part_pairs(reader, bottom, count) : RUNE_OK;
    if (err == RUNE_OK) {
        err = check_members(reader, shape, reader->stack + bottom, count, offset);
    }
    if (err != RUNE_OK) {
        reader->count = bottom;
        return err;
    }
    *ret_first = bottom;
    *ret_count = count;
    return RUNE_OK;
}

enum rune_err rune_value_read_record(struct rune_value_reader *reader,
                                     struct rune_value_shape shape, size_t offset, bool has_key,
                                     struct rune_str key, rune_term *ret_value)
{
    size_t first, count;
    enum rune_err err = read_members(reader, shape, offset, has_key, key, &first, &count);
    if (err != RUNE_OK) {
        return err;
    }
    rune_term *names = reader->stack + first;
    err = rune_dict_record(reader->dict, names, names + count, count, ret_value);
    reader->count = first;
    return err == RUNE_OK ? RUNE_OK : rune_value_dict_failed(reader, err);
}

static enum rune_err expect_object(struct rune_value_reader *reader, size_t *ret_offset)
{
    struct rune_json_token token;
    enum rune_err err = rune_value_next_token(reader, &token);
    if (err == RUNE_OK && token.type != RUNE_JSON_OBJECT) {
        err = rune_value_fail(reader, RUNE_E_INVALID, token.offset, "this must be an object");
    }
    if (err == RUNE_OK) {
        *ret_offset = token.offset;
    }
    return err;
}

enum rune_err rune_value_read_members(struct rune_value_reader *reader, rune_schema_type type,
                                      size_t *ret_first, size_t *ret_count)
{
    size_t offset;
    enum rune_err err = expect_object(reader, &offset);
    struct rune_value_shape shape = {.record = type};
    return err == RUNE_OK
               ? read_members(reader, shape, offset, false, RUNE_STR(""), ret_first, ret_count)
               : err;
}

enum rune_err rune_value_read_tags(struct rune_value_reader *reader, rune_schema_type value_type,
                                   size_t *ret_first, size_t *ret_count)
{
    size_t offset;
    enum rune_err err = expect_object(reader, &offset);
    struct rune_value_shape shape = {.value = value_type};
    return err == RUNE_OK
               ? read_members(reader, shape, offset, false, RUNE_STR(""), ret_first, ret_count)
               : err;
}
