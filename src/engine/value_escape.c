/* SPDX-License-Identifier: Apache-2.0 */
/* value_escape: looking ahead. An object is read twice only where its first key begins with `__`: a
 * look ahead, over a copy of the JSON reader, says whether it is an escape, then it is read as what
 * it is. */
#include "engine/value_int.h"

#include <string.h>

bool rune_value_look_at_members(struct rune_json *json, struct rune_value_members *members)
{
    memset(members, 0, sizeof *members);
    bool more = true;
    while (more) {
        struct rune_str key;
        if (rune_json_next_member(json, &more, &key) != RUNE_OK) {
            return false;
        }
        if (!more) {
            break;
        }
        members->count++;
        struct rune_json ahead = *json;
        struct rune_json_token token;
        if (rune_json_value(&ahead, &token) != RUNE_OK || rune_json_skip(json) != RUNE_OK) {
            return false;
        }
        bool is_string = token.type == RUNE_JSON_STRING;
        members->has_type |= is_string && rune_str_equal(key, RUNE_STR("type"));
        members->has_id |= is_string && rune_str_equal(key, RUNE_STR("id"));
        members->has_fn |= is_string && rune_str_equal(key, RUNE_STR("fn"));
        members->has_arg |= rune_str_equal(key, RUNE_STR("arg"));
        members->has_args |= token.type == RUNE_JSON_ARRAY && rune_str_equal(key, RUNE_STR("args"));
    }
    return true;
}

/* After the first key of an object without a type, at its value: is the object an escape? Only if
 * this is its only key. Errors are found again by who reads. */
static enum rune_value_escape look_for_escape(struct rune_json json, struct rune_str key)
{
    bool is_entity = rune_str_equal(key, RUNE_STR("__entity"));
    bool is_call = rune_str_equal(key, RUNE_STR("__extn"));
    struct rune_json_token token;
    struct rune_value_members members = {0};
    enum rune_value_escape escape = RUNE_ESCAPE_NONE;
    if (rune_json_value(&json, &token) != RUNE_OK) {
        return RUNE_ESCAPE_NONE;
    }
    if (rune_str_equal(key, RUNE_STR("__expr")) && token.type == RUNE_JSON_STRING) {
        escape = RUNE_ESCAPE_EXPR;
    } else if ((is_entity || is_call) && token.type == RUNE_JSON_OBJECT) {
        if (!rune_value_look_at_members(&json, &members)) {
            return RUNE_ESCAPE_NONE;
        }
        if (is_entity && members.has_type && members.has_id) {
            escape = RUNE_ESCAPE_ENTITY;
        } else if (is_call && members.has_fn && members.has_arg) {
            escape = RUNE_ESCAPE_CALL_ARG;
        } else if (is_call && members.has_fn && members.has_args) {
            escape = RUNE_ESCAPE_CALL_ARGS;
        }
    }
    bool more = false;
    if (escape != RUNE_ESCAPE_NONE &&
        (rune_json_next_member(&json, &more, &key) != RUNE_OK || more)) {
        return RUNE_ESCAPE_NONE;
    }
    return escape;
}

/* look_for_escape; what it decoded in the arena is given back. */
enum rune_value_escape rune_value_find_escape(struct rune_value_reader *reader, struct rune_str key)
{
    struct rune_arena *arena = reader->json->arena;
    if (key.length < 6 || key.data[0] != '_' || key.data[1] != '_') {
        return RUNE_ESCAPE_NONE;
    }
    if (arena == NULL) {
        return look_for_escape(*reader->json, key);
    }
    struct rune_arena_mark mark = rune_arena_mark(arena);
    enum rune_value_escape escape = look_for_escape(*reader->json, key);
    rune_arena_rewind(arena, mark);
    return escape;
}
