/* SPDX-License-Identifier: Apache-2.0 */
/* json: strict RFC 8259 reading, in two forms over one scanner.
 *
 * The pull reader allocates nothing and serves the decision path; the tree (json_tree) sits on it
 * and serves schemas, policies in JSON, tests and configuration. Strict: UTF-8 is validated, lone
 * surrogates, duplicate keys (tree), trailing commas, leading zeros, control characters and bytes
 * after the value are errors; depth is limited. Numbers: 64-bit integers are told from all other
 * numbers. A BOM is an error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "rune/err.h"

#define RUNE_JSON_MAX_DEPTH \
    128 /* LIMIT: nesting of arrays and objects, if the caller sets no lower one */

enum rune_json_type {
    RUNE_JSON_NULL,
    RUNE_JSON_FALSE,
    RUNE_JSON_TRUE,
    RUNE_JSON_INTEGER, /* fits int64_t: no fraction, no exponent, not -0 */
    RUNE_JSON_NUMBER,  /* any other number: token.text is its spelling */
    RUNE_JSON_STRING,
    RUNE_JSON_ARRAY,
    RUNE_JSON_OBJECT,
};

/* ---- pull reader ---- */

struct rune_json {
    const char *start; /* the text; reading past `end` never happens */
    const char *cursor;
    const char *end;
    /* strings with escapes are decoded here; may be NULL: then those are RUNE_E_LIMIT */
    struct rune_arena *arena;
    uint32_t depth;
    uint32_t max_depth;
    enum rune_err err;   /* first error, sticky */
    const char *message; /* static; what was wrong or expected */
};

/* One value's beginning. For arrays and objects go on with rune_json_next_element / _next_member.
 */
struct rune_json_token {
    enum rune_json_type type;
    /* string: decoded bytes (in place when it has no escapes); numbers: the spelling */
    struct rune_str text;
    int64_t integer; /* RUNE_JSON_INTEGER */
    size_t offset;   /* of its first byte in the text */
};

void rune_json_init(struct rune_json *json, const char *text, size_t length,
                    struct rune_arena *arena);

/* Reads the beginning of a value. RUNE_E_SYNTAX (message says what), RUNE_E_LIMIT (depth, arena).
 */
RUNE_MUST_USE enum rune_err rune_json_value(struct rune_json *json,
                                            struct rune_json_token *ret_token);

/* Inside an object whose beginning was read: *ret_more false at its end (then the `}` is consumed);
 * else the key is read and the reader stands before the member's value. */
RUNE_MUST_USE enum rune_err rune_json_next_member(struct rune_json *json, bool *ret_more,
                                                  struct rune_str *ret_key);

/* Inside an array: likewise, the reader stands before the element's value. */
RUNE_MUST_USE enum rune_err rune_json_next_element(struct rune_json *json, bool *ret_more);

/* Skips one whole value, with all checks. */
RUNE_MUST_USE enum rune_err rune_json_skip(struct rune_json *json);

/* Only white space may be left. */
RUNE_MUST_USE enum rune_err rune_json_end(struct rune_json *json);

/* ---- what nearly always comes next, without a call ---- */

/* True, and the reader inside, if an object begins right here. */
static inline bool rune_json_take_object(struct rune_json *json)
{
    bool is_here = json->cursor < json->end && *json->cursor == '{' && json->err == RUNE_OK &&
                   json->depth < json->max_depth;
    json->depth += is_here;
    json->cursor += is_here;
    return is_here;
}

/* True, and the reader behind it, if the object that it is in ends right here: never behind a
 * comma. */
static inline bool rune_json_take_object_end(struct rune_json *json)
{
    bool is_here = json->cursor < json->end && *json->cursor == '}' && json->err == RUNE_OK;
    json->depth -= is_here;
    json->cursor += is_here;
    return is_here;
}

/* Byte offset of the cursor, for messages. */
size_t rune_json_offset(const struct rune_json *json);

/* ---- tree ---- */

struct rune_json_member;

struct rune_json_node {
    enum rune_json_type type;
    uint32_t offset; /* of its first byte in the text; LIMIT: texts up to 4 GiB - 1 */
    uint32_t length; /* bytes in the text, to its end */
    union {
        int64_t integer;
        struct rune_str text; /* string, or a number's spelling */
        struct {
            struct rune_json_node *items;
            uint32_t count;
        } array;
        struct {
            struct rune_json_member *members; /* in order of the text */
            uint32_t count;
        } object;
    } as;
};

struct rune_json_member {
    struct rune_str key;
    uint32_t key_offset;
    struct rune_json_node value;
};

struct rune_json_error {
    const char *message; /* static */
    size_t offset;
};

/* Parses a whole text. Nodes live in the arena; strings without escapes point into the text.
 * Iterative or counted to `max_depth` (0: RUNE_JSON_MAX_DEPTH). RUNE_E_SYNTAX, RUNE_E_LIMIT,
 * RUNE_E_NOMEM. Duplicate keys are RUNE_E_SYNTAX. */
RUNE_MUST_USE enum rune_err rune_json_parse(struct rune_str text, uint32_t max_depth,
                                            struct rune_arena *arena,
                                            struct rune_json_node *ret_root,
                                            struct rune_json_error *ret_error);

/* The member of that name, or NULL. Cost: O(members). */
const struct rune_json_node *rune_json_find(const struct rune_json_node *object, const char *key);
