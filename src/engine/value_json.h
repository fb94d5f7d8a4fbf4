/* SPDX-License-Identifier: Apache-2.0 */
/* value_json: Cedar values in JSON -> terms: `__entity`, `__extn`, records, sets, with a schema's
 * type also the implicit forms, and then checked against it.
 *
 * Used at build (entity documents) and on the decision path (context, request entities). Owns: a
 * stack of terms, on the heap (init) or the caller's (init_fixed: then nothing is ever allocated
 * and running out is RUNE_E_LIMIT). INVARIANT: reads exactly what the Rust implementation accepts,
 * JSON nested up to 127 levels. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "eval/schema_check.h"
#include "model/dict.h"
#include "rune/err.h"

/* LIMIT: as serde_json; set it as the JSON reader's max_depth */
#define RUNE_VALUE_MAX_DEPTH 127u

#define RUNE_VALUE_SPELLINGS 4u

struct rune_value_reader {
    struct rune_json *json;
    struct rune_dict *dict;
    const struct rune_terms *image;   /* the dictionary that the schema's terms belong to */
    const struct rune_schema *schema; /* NULL: none */
    /* elements of the sets and records being read, names and values */
    rune_term *stack;
    size_t count;
    size_t capacity;
    bool is_fixed;
    /* After an error: where (a path below the value read: "groups[3].id") and why. */
    size_t offset;
    size_t at_length;
    char at[96];
    char message[160];
    bool has_key_twice; /* RUNE_E_INVALID because of that */
    struct rune_value_name {
        struct rune_str text;
        rune_term term;
    } names[64], types[16]; /* names of attributes and of types seen lately, by their bytes */
    /* Spellings of entities seen lately: the text before and behind the id, which an entity of the
     * same type is likely to share. */
    struct rune_value_spelling {
        struct rune_str before, behind;
        rune_term type;
        uint32_t depth; /* where it was read */
    } spellings[RUNE_VALUE_SPELLINGS];
    uint32_t next_spelling; /* the one to be forgotten next */
};

/* An entity as it is written. */
struct rune_value_uid {
    rune_term type;     /* string */
    struct rune_str id; /* in the JSON text or the JSON reader's arena */
};

/* `schema` and `image` may be NULL. */
void rune_value_reader_init(struct rune_value_reader *reader, struct rune_dict *dict,
                            const struct rune_schema *schema, const struct rune_terms *image);
void rune_value_reader_init_fixed(struct rune_value_reader *reader, struct rune_dict *dict,
                                  const struct rune_schema *schema, const struct rune_terms *image,
                                  rune_term *stack, size_t capacity);
void rune_value_reader_fini(struct rune_value_reader *reader);

/* Forgets names and errors: before another text is read, since names point into the text. */
void rune_value_reader_reset(struct rune_value_reader *reader, struct rune_json *json);

/* One value. `type` 0: any. RUNE_E_SYNTAX (the JSON), RUNE_E_INVALID (no value of Cedar),
 * RUNE_E_SCHEMA (not of the type), RUNE_E_LIMIT, RUNE_E_NOMEM; the reader says where and why. Cost:
 * linear, x depth for escapes in escapes. */
RUNE_MUST_USE enum rune_err rune_value_read(struct rune_value_reader *reader, rune_schema_type type,
                                            rune_term *ret_value);

/* An object that is no escape, as `attrs`: its names and values are left on the stack at
 * *ret_first: names, then as many values; the caller sets reader->count = *ret_first when done with
 * them. Names are distinct. */
RUNE_MUST_USE enum rune_err rune_value_read_members(struct rune_value_reader *reader,
                                                    rune_schema_type type, size_t *ret_first,
                                                    size_t *ret_count);

/* The same where every value has the one type `value_type`, as tags. */
RUNE_MUST_USE enum rune_err rune_value_read_tags(struct rune_value_reader *reader,
                                                 rune_schema_type value_type, size_t *ret_first,
                                                 size_t *ret_count);

/* A request's context: a record of the type (0: any record). */
RUNE_MUST_USE enum rune_err rune_value_read_context(struct rune_value_reader *reader,
                                                    rune_schema_type type, rune_term *ret_record);

/* An entity where nothing else can stand: {"type","id"}, {"__entity": {"type","id"}}. */
RUNE_MUST_USE enum rune_err rune_value_read_uid(struct rune_value_reader *reader,
                                                rune_term *ret_entity);

/* The same without looking the entity up: for many of them (rune_dict_entities). */
RUNE_MUST_USE enum rune_err rune_value_read_uid_text(struct rune_value_reader *reader,
                                                     struct rune_value_uid *ret_uid);

/* Sets the reader's error; returns `err`. The path is prefixed by callers on their way out. */
enum rune_err rune_value_fail(struct rune_value_reader *reader, enum rune_err err, size_t offset,
                              const char *fmt, ...) RUNE_PRINTF(4, 5);
void rune_value_prefix_name(struct rune_value_reader *reader, struct rune_str name);
void rune_value_prefix_index(struct rune_value_reader *reader, size_t index);
