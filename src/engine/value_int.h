/* SPDX-License-Identifier: Apache-2.0 */
/* value_int: what the files of the value reader share. Private to engine/value_*.c. */
#pragma once

#include "engine/value_json.h"

/* ---- value_reader.c ---- */

/* Room on the stack, and one term more. */
RUNE_MUST_USE enum rune_err rune_value_reserve(struct rune_value_reader *reader, size_t extra);
RUNE_MUST_USE enum rune_err rune_value_push(struct rune_value_reader *reader, rune_term term);

/* Set the reader's error and return it. */
enum rune_err rune_value_fail_twice(struct rune_value_reader *reader, size_t offset);
enum rune_err rune_value_dict_failed(struct rune_value_reader *reader, enum rune_err err);
enum rune_err rune_value_number_failed(struct rune_value_reader *reader,
                                       const struct rune_json_token *token);
enum rune_err rune_value_mismatch(struct rune_value_reader *reader, size_t offset,
                                  const char *want);
enum rune_err rune_value_expr_failed(struct rune_value_reader *reader, size_t offset);

/* The JSON reader's steps, with errors taken over. */
RUNE_MUST_USE enum rune_err rune_value_next_token(struct rune_value_reader *reader,
                                                  struct rune_json_token *ret_token);
RUNE_MUST_USE enum rune_err rune_value_next_member(struct rune_value_reader *reader, bool *ret_more,
                                                   struct rune_str *ret_key);
RUNE_MUST_USE enum rune_err rune_value_next_element(struct rune_value_reader *reader,
                                                    bool *ret_more);

/* Terms of an attribute's and of a type's name: remembered, since few come often. */
RUNE_MUST_USE enum rune_err rune_value_name_term(struct rune_value_reader *reader,
                                                 struct rune_str text, rune_term *ret_term);
RUNE_MUST_USE enum rune_err rune_value_type_term(struct rune_value_reader *reader,
                                                 struct rune_str text, rune_term *ret_term);

/* The dictionary that a term is of. */
const struct rune_terms *rune_value_terms_of(const struct rune_value_reader *reader,
                                             rune_term term);

/* The rest of a value whose beginning was read. */
RUNE_MUST_USE enum rune_err rune_value_skip_rest(struct rune_value_reader *reader,
                                                 enum rune_json_type type);

/* What Cedar asks of the parts of a value that it ignores. */
enum rune_value_ignored {
    RUNE_IGNORED_AS_JSON,  /* no key twice */
    RUNE_IGNORED_AS_VALUE, /* and no fractions */
};

/* A value that is ignored, or the rest of one whose beginning was read. */
RUNE_MUST_USE enum rune_err rune_value_discard(struct rune_value_reader *reader,
                                               enum rune_value_ignored ignored);
RUNE_MUST_USE enum rune_err rune_value_discard_rest(struct rune_value_reader *reader,
                                                    enum rune_value_ignored ignored,
                                                    const struct rune_json_token *token);

#define RUNE_VALUE_MAX_IGNORED_KEYS \
    32u /* LIMIT: unknown keys inside an escape, kept to tell duplicates */

struct rune_value_keys {
    struct rune_str items[RUNE_VALUE_MAX_IGNORED_KEYS];
    size_t count;
};

RUNE_MUST_USE enum rune_err rune_value_keys_add(struct rune_value_reader *reader,
                                                struct rune_value_keys *keys, struct rune_str key);

/* ---- value_escape.c ---- */

enum rune_value_escape {
    RUNE_ESCAPE_NONE,
    RUNE_ESCAPE_EXPR,      /* `__expr`, once part of Cedar */
    RUNE_ESCAPE_ENTITY,    /* {"__entity": {"type": s, "id": s}} */
    RUNE_ESCAPE_CALL_ARG,  /* {"__extn": {"fn": s, "arg": v}} */
    RUNE_ESCAPE_CALL_ARGS, /* {"__extn": {"fn": s, "args": [..]}} */
};

/* What the members of an object are, whose `{` was read. */
struct rune_value_members {
    size_t count;
    bool has_type, has_id, has_fn; /* a string */
    bool has_arg;                  /* anything */
    bool has_args;                 /* an array */
};

bool rune_value_look_at_members(struct rune_json *json, struct rune_value_members *members);

/* After the first key of an object without a type, at its value: is the object an escape? */
enum rune_value_escape rune_value_find_escape(struct rune_value_reader *reader,
                                              struct rune_str key);

/* ---- value_ext.c ---- */

/* The value of `__extn` behind a look ahead, to the end of the object around it. */
RUNE_MUST_USE enum rune_err rune_value_read_call_escape(struct rune_value_reader *reader,
                                                        bool has_arg, rune_term *ret_value);

/* A value where the schema wants one of the extension type. */
RUNE_MUST_USE enum rune_err rune_value_read_ext(struct rune_value_reader *reader, uint32_t ext_kind,
                                                rune_term *ret_value);

/* ---- value_uid.c ---- */

/* The rest of an entity whose beginning is `token`. */
RUNE_MUST_USE enum rune_err rune_value_read_uid_from(struct rune_value_reader *reader,
                                                     const struct rune_json_token *token,
                                                     struct rune_value_keys *keys,
                                                     rune_term *ret_entity);

/* After the look ahead found an entity: its value, to the end of the object around it. */
RUNE_MUST_USE enum rune_err rune_value_read_entity_escape(struct rune_value_reader *reader,
                                                          rune_term *ret_value);

/* ---- value_record.c ---- */

/* What the member of an object may be. */
struct rune_value_shape {
    rune_schema_type record; /* a RECORD type that lists the members, or 0 */
    rune_schema_type value;  /* else the type of every member, or 0 */
};

/* A record whose `{` was read, with its first key (`has_key`) or without. */
RUNE_MUST_USE enum rune_err rune_value_read_record(struct rune_value_reader *reader,
                                                   struct rune_value_shape shape, size_t offset,
                                                   bool has_key, struct rune_str key,
                                                   rune_term *ret_value);
