/* SPDX-License-Identifier: Apache-2.0 */
/* One function a form of value; extension values, entities and records have files of their own. */
#include "engine/value_json.h"

#include "engine/value_int.h"

/* ---- sets ---- */

static enum rune_err read_set(struct rune_value_reader *reader, rune_schema_type element,
                              rune_term *ret_value)
{
    size_t bottom = reader->count;
    size_t index = 0;
    bool more = true;
    enum rune_err err = rune_value_reserve(reader, 1);
    if (err != RUNE_OK) {
        return err;
    }
    for (;; index++) {
        rune_term value;
        err = rune_value_next_element(reader, &more);
        if (err != RUNE_OK || !more) {
            break;
        }
        err = rune_value_read(reader, element, &value);
        if (err != RUNE_OK) {
            rune_value_prefix_index(reader, index);
            break;
        }
        err = rune_value_push(reader, value);
        if (err != RUNE_OK) {
            break;
        }
    }
    if (err == RUNE_OK) {
        err = rune_dict_set(reader->dict, reader->stack + bottom, index, ret_value);
        err = err == RUNE_OK ? RUNE_OK : rune_value_dict_failed(reader, err);
    }
    reader->count = bottom;
    return err;
}

/* ---- values without a type ---- */

static enum rune_err read_object(struct rune_value_reader *reader, size_t offset,
                                 rune_term *ret_value)
{
    struct rune_str key = RUNE_STR("");
    bool more;
    enum rune_err err = rune_value_next_member(reader, &more, &key);
    if (err != RUNE_OK) {
        return err;
    }
    if (!more) {
        err = rune_dict_record(reader->dict, NULL, NULL, 0, ret_value);
        return err == RUNE_OK ? RUNE_OK : rune_value_dict_failed(reader, err);
    }
    switch (rune_value_find_escape(reader, key)) {
    case RUNE_ESCAPE_EXPR:
        return rune_value_fail(reader, RUNE_E_INVALID, offset,
                               "`__expr` is no longer part of Cedar");
    case RUNE_ESCAPE_ENTITY:
        return rune_value_read_entity_escape(reader, ret_value);
    case RUNE_ESCAPE_CALL_ARG:
        return rune_value_read_call_escape(reader, true, ret_value);
    case RUNE_ESCAPE_CALL_ARGS:
        return rune_value_read_call_escape(reader, false, ret_value);
    case RUNE_ESCAPE_NONE:
        break;
    }
    return rune_value_read_record(reader, (struct rune_value_shape){0}, offset, true, key,
                                  ret_value);
}

static enum rune_err read_untyped(struct rune_value_reader *reader,
                                  const struct rune_json_token *token, rune_term *ret_value)
{
    enum rune_err err = RUNE_OK;
    switch (token->type) {
    case RUNE_JSON_NULL:
        return rune_value_fail(reader, RUNE_E_INVALID, token->offset,
                               "Cedar has no null; leave the attribute out instead");
    case RUNE_JSON_FALSE:
    case RUNE_JSON_TRUE:
        *ret_value = rune_term_bool(token->type == RUNE_JSON_TRUE);
        return RUNE_OK;
    case RUNE_JSON_INTEGER:
        err = rune_dict_long(reader->dict, token->integer, ret_value);
        break;
    case RUNE_JSON_NUMBER:
        return rune_value_number_failed(reader, token);
    case RUNE_JSON_STRING:
        err = rune_dict_string(reader->dict, token->text, ret_value);
        break;
    case RUNE_JSON_ARRAY:
        return read_set(reader, 0, ret_value);
    case RUNE_JSON_OBJECT:
        return read_object(reader, token->offset, ret_value);
    }
    return err == RUNE_OK ? RUNE_OK : rune_value_dict_failed(reader, err);
}

/* ---- values with a type ---- */

static enum rune_err read_typed_entity(struct rune_value_reader *reader, rune_term type,
                                       rune_term *ret_value)
{
    struct rune_json_token token;
    enum rune_err err = rune_value_next_token(reader, &token);
    if (err == RUNE_OK) {
        struct rune_value_keys keys = {.count = 0};
        err = rune_value_read_uid_from(reader, &token, &keys, ret_value);
    }
    if (err != RUNE_OK) {
        return err;
    }
    const struct rune_terms *own = rune_dict_terms(reader->dict);
    if (rune_value_terms_of(reader, *ret_value)->entity_type[rune_term_index(*ret_value)] != type) {
        struct rune_str name = rune_terms_string(reader->image, type);
        return rune_value_fail(reader, RUNE_E_SCHEMA, token.offset,
                               "the schema wants an entity of type %.*s here",
                               name.length > 60 ? 60 : (int)name.length, name.data);
    }
    if (!rune_schema_id_fits(reader->schema, reader->image, own, *ret_value)) {
        return rune_value_fail(reader, RUNE_E_SCHEMA, token.offset,
                               "the schema does not list this entity");
    }
    return RUNE_OK;
}

enum rune_err rune_value_read(struct rune_value_reader *reader, rune_schema_type type,
                              rune_term *ret_value)
{
    struct rune_json_token token;
    const uint32_t *words = type != 0 ? reader->schema->words + type : NULL;
    uint32_t kind = words != NULL ? words[0] : 0;
    if (kind == RUNE_SCHEMA_ENTITY) {
        return read_typed_entity(reader, words[1], ret_value);
    }
    if (kind == RUNE_SCHEMA_EXT) {
        return rune_value_read_ext(reader, words[1], ret_value);
    }
    enum rune_err err = rune_value_next_token(reader, &token);
    if (err != RUNE_OK) {
        return err;
    }
    if (kind == RUNE_SCHEMA_SET) {
        return token.type == RUNE_JSON_ARRAY ? read_set(reader, words[1], ret_value)
                                             : rune_value_mismatch(reader, token.offset, "a set");
    }
    if (kind == RUNE_SCHEMA_RECORD) {
        if (token.type != RUNE_JSON_OBJECT) {
            return rune_value_mismatch(reader, token.offset, "a record");
        }
        return rune_value_read_record(reader, (struct rune_value_shape){.record = type},
                                      token.offset, false, RUNE_STR(""), ret_value);
    }
    err = read_untyped(reader, &token, ret_value);
    if (err != RUNE_OK || kind == 0) {
        return err;
    }
    bool fits = kind == RUNE_SCHEMA_BOOL     ? rune_term_is_bool(*ret_value)
                : kind == RUNE_SCHEMA_LONG   ? rune_term_kind(*ret_value) == RUNE_KIND_LONG
                : kind == RUNE_SCHEMA_STRING ? rune_term_kind(*ret_value) == RUNE_KIND_STRING
                                             : false;
    return fits ? RUNE_OK
                : rune_value_mismatch(reader, token.offset,
                                      rune_schema_kind_text(reader->schema, type));
}

enum rune_err rune_value_read_context(struct rune_value_reader *reader, rune_schema_type type,
                                      rune_term *ret_record)
{
    struct rune_json_token token;
    enum rune_err err = rune_value_next_token(reader, &token);
    if (err != RUNE_OK) {
        return err;
    }
    if (token.type != RUNE_JSON_OBJECT) {
        return rune_value_fail(reader, RUNE_E_INVALID, token.offset,
                               "the context must be an object");
    }
    if (type != 0) {
        return rune_value_read_record(reader, (struct rune_value_shape){.record = type},
                                      token.offset, false, RUNE_STR(""), ret_record);
    }
    err = read_object(reader, token.offset, ret_record);
    if (err == RUNE_OK && rune_term_kind(*ret_record) != RUNE_KIND_RECORD) {
        return rune_value_fail(reader, RUNE_E_INVALID, token.offset,
                               "the context must be a record");
    }
    return err;
}
