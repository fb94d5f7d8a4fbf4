/* SPDX-License-Identifier: Apache-2.0 */
/* facts_json: JSONL rows: an array a line; strings are strings, {"__entity": {"type", "id"}} is an
 * entity. */
#include "base/json.h"
#include "engine/facts_int.h"
#include "model/uid.h"

static bool fail_json(struct rune_fact_reader *reader, const struct rune_json *json)
{
    if (json->err == RUNE_E_NOMEM || rune_arena_failed(&reader->scratch)) {
        reader->err = RUNE_E_NOMEM;
        return false;
    }
    rune_facts_fail(reader, json->start + rune_json_offset(json), "RUNE-T0106",
                    "each line is a JSON array", "this is no JSON: %s",
                    json->message != NULL ? json->message : "unexpected");
    return false;
}

/* The members of {"type": .., "id": ..} behind its brace. */
static bool read_type_and_id(struct rune_fact_reader *reader, struct rune_json *json,
                             const char *at, struct rune_str *ret_type, struct rune_str *ret_id)
{
    struct rune_json_token token;
    struct rune_str key;
    bool more;
    *ret_type = *ret_id = (struct rune_str){0};
    for (;;) {
        if (rune_json_next_member(json, &more, &key) != RUNE_OK) {
            return fail_json(reader, json);
        }
        if (!more) {
            break;
        }
        struct rune_str *target = rune_str_equal(key, RUNE_STR("type")) ? ret_type
                                  : rune_str_equal(key, RUNE_STR("id")) ? ret_id
                                                                        : NULL;
        if (rune_json_value(json, &token) != RUNE_OK) {
            return fail_json(reader, json);
        }
        if (target == NULL || token.type != RUNE_JSON_STRING || target->data != NULL) {
            rune_facts_fail(reader, at, "RUNE-T0107",
                            "like {\"__entity\": {\"type\": \"User\", \"id\": \"alice\"}}",
                            "an entity has a type and an id, both strings");
            return false;
        }
        *target = token.text;
    }
    if (ret_type->data == NULL || ret_id->data == NULL || !rune_uid_is_type_name(*ret_type)) {
        rune_facts_fail(reader, at, "RUNE-T0107",
                        "like {\"__entity\": {\"type\": \"User\", \"id\": \"alice\"}}",
                        "an entity has a type and an id");
        return false;
    }
    return true;
}

static bool put_object(struct rune_fact_reader *reader, struct rune_json *json, uint32_t column,
                       uint64_t row, const char *at)
{
    struct rune_json_token token;
    struct rune_str key;
    struct rune_str type;
    struct rune_str id;
    bool more;
    if (rune_json_next_member(json, &more, &key) != RUNE_OK) {
        return fail_json(reader, json);
    }
    if (!more || !rune_str_equal(key, RUNE_STR("__entity")) ||
        rune_json_value(json, &token) != RUNE_OK || token.type != RUNE_JSON_OBJECT) {
        rune_facts_fail(reader, at, "RUNE-T0107",
                        "facts hold integers, strings, bools and entities",
                        "of objects only {\"__entity\": {...}} is a value");
        return false;
    }
    if (!read_type_and_id(reader, json, at, &type, &id)) {
        return false;
    }
    if (rune_json_next_member(json, &more, &key) != RUNE_OK) {
        return fail_json(reader, json);
    }
    if (more) {
        rune_facts_fail(reader, at, "RUNE-T0107", NULL, "`__entity` stands alone in its object");
        return false;
    }
    return rune_facts_put_entity(reader, column, row, at, type, id);
}

/* A string in a column of entities is an id, or a uid, as in the other formats. */
static bool put_json_string(struct rune_fact_reader *reader, uint32_t column, uint64_t row,
                            const char *at, struct rune_str text)
{
    return reader->columns[column].spec.kind == RUNE_COLUMN_ENTITY
               ? rune_facts_put_text(reader, column, row, at, text)
               : rune_facts_put_string(reader, column, row, at, text);
}

static bool put_value(struct rune_fact_reader *reader, struct rune_json *json, uint32_t column,
                      uint64_t row)
{
    struct rune_json_token token;
    if (rune_json_value(json, &token) != RUNE_OK) {
        return fail_json(reader, json);
    }
    const char *at = json->start + token.offset;
    switch (token.type) {
    case RUNE_JSON_INTEGER:
        return rune_facts_put_int(reader, column, row, at, token.integer);
    case RUNE_JSON_STRING:
        return put_json_string(reader, column, row, at, token.text);
    case RUNE_JSON_TRUE:
    case RUNE_JSON_FALSE:
        return rune_facts_put_bool(reader, column, row, at, token.type == RUNE_JSON_TRUE);
    case RUNE_JSON_OBJECT:
        return put_object(reader, json, column, row, at);
    case RUNE_JSON_NULL:
    case RUNE_JSON_NUMBER:
    case RUNE_JSON_ARRAY:
        break;
    }
    rune_facts_fail(reader, at, "RUNE-T0107",
                    "facts hold 64-bit integers, strings, bools and entities",
                    "%s is no value of a fact",
                    token.type == RUNE_JSON_NULL     ? "null"
                    : token.type == RUNE_JSON_NUMBER ? "this number"
                                                     : "an array");
    return false;
}

/* How many elements; UINT32_MAX: reported. */
static uint32_t count_elements(struct rune_fact_reader *reader, const char *p, const char *end)
{
    struct rune_json json;
    struct rune_json_token token;
    uint32_t count = 0;
    bool more;
    rune_json_init(&json, p, (size_t)(end - p), &reader->scratch);
    if (rune_json_value(&json, &token) != RUNE_OK) {
        fail_json(reader, &json);
        return UINT32_MAX;
    }
    if (token.type != RUNE_JSON_ARRAY) {
        rune_facts_fail(reader, p, "RUNE-T0106", "like [\"alice\", 3]",
                        "each line is a JSON array");
        return UINT32_MAX;
    }
    for (;;) {
        if (rune_json_next_element(&json, &more) != RUNE_OK ||
            (more && rune_json_skip(&json) != RUNE_OK)) {
            fail_json(reader, &json);
            return UINT32_MAX;
        }
        if (!more) {
            return count;
        }
        count++;
    }
}

static bool put_row(struct rune_fact_reader *reader, const char *p, const char *end, uint64_t row)
{
    struct rune_json json;
    struct rune_json_token token;
    uint32_t arity = reader->relation->tuples.arity;
    uint32_t column = 0;
    bool more;
    rune_json_init(&json, p, (size_t)(end - p), &reader->scratch);
    if (rune_json_value(&json, &token) != RUNE_OK) {
        return fail_json(reader, &json);
    }
    if (token.type != RUNE_JSON_ARRAY) {
        rune_facts_fail(reader, p, "RUNE-T0106", "like [\"alice\", 3]",
                        "each line is a JSON array");
        return false;
    }
    for (;;) {
        if (rune_json_next_element(&json, &more) != RUNE_OK) {
            return fail_json(reader, &json);
        }
        if (!more) {
            break;
        }
        if (column == arity) {
            rune_facts_fail(reader, json.cursor, "RUNE-T0102", NULL,
                            "this row has more than %u values", arity);
            return false;
        }
        if (!put_value(reader, &json, column++, row)) {
            return false;
        }
    }
    if (rune_json_end(&json) != RUNE_OK) {
        return fail_json(reader, &json);
    }
    if (column < arity) {
        rune_facts_fail(reader, p, "RUNE-T0102", NULL, "this row has %u value%s, not %u", column,
                        column == 1 ? "" : "s", arity);
    }
    return column == arity;
}

enum rune_row rune_facts_row_jsonl(struct rune_fact_reader *reader, const char *p, const char *end,
                                   bool is_last, const char **ret_next)
{
    const char *line = memchr(p, '\n', (size_t)(end - p));
    const char *stop = line != NULL ? line : end;
    if (line == NULL && !is_last) {
        return RUNE_ROW_MORE;
    }
    *ret_next = line != NULL ? line + 1 : end;
    const char *first = p;
    while (first < stop && (*first == ' ' || *first == '\t' || *first == '\r')) {
        first++;
    }
    if (first == stop) {
        return RUNE_ROW_OK;
    }
    if (reader->columns == NULL) {
        uint32_t count = count_elements(reader, p, stop);
        if (count == UINT32_MAX) {
            return RUNE_ROW_WRONG;
        }
        if (count > RUNE_DL_MAX_ARITY) {
            rune_facts_fail(reader, p, "RUNE-T0102", NULL, "more than %u columns",
                            RUNE_DL_MAX_ARITY);
            return RUNE_ROW_WRONG;
        }
        if (!rune_facts_set_arity(reader, count)) {
            return RUNE_ROW_WRONG;
        }
    }
    if (!rune_facts_reserve_row(reader) ||
        !put_row(reader, p, stop, reader->relation->tuples.count - reader->first_row)) {
        return RUNE_ROW_WRONG;
    }
    reader->relation->tuples.count++;
    return RUNE_ROW_OK;
}
