/* SPDX-License-Identifier: Apache-2.0 */
/* uid: entity uids as texts: reading what a request names, printing what a message names.
 *
 * Owns: the wire forms of docs/language.md ("Names on the wire") and the grammar of type names and
 * of string escapes. Does not know: dictionaries, schemas. Allocates nothing but unescaped ids, in
 * the caller's arena. Thread: any. Used by: the request decoder, fact files, the CLI, the
 * evaluator's messages. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "rune/err.h"

struct rune_uid {
    struct rune_str type; /* normalized: `A::B` without spaces */
    struct rune_str id;   /* unescaped */
};

/* True for a type's full name in its normalized form: identifiers joined by `::`, none of them a
 * reserved word. */
bool rune_uid_is_type_name(struct rune_str text);

/* True for `Action` and `NS::Action`, of a normalized name. */
bool rune_uid_is_action_type(struct rune_str type);

/* True for one identifier (reserved words are told apart: they are none). */
bool rune_uid_is_identifier(struct rune_str text);

/* Reads one of the three forms, in this order: `Type::"id"` as Cedar reads it (white space,
 * comments, escapes); `Type:id` split at the first colon; a bare id, where default_type is not
 * empty. Texts are borrowed from `text` unless there is an escape or a space in the way; then from
 * the arena (NULL: such texts are RUNE_E_LIMIT). RUNE_E_INVALID with *ret_message (static) saying
 * what is wrong, RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_uid_read(struct rune_str text, struct rune_str default_type,
                                          struct rune_arena *arena, struct rune_uid *ret_uid,
                                          const char **ret_message);

/* The first form alone. */
RUNE_MUST_USE enum rune_err rune_uid_parse(struct rune_str text, struct rune_arena *arena,
                                           struct rune_uid *ret_uid, const char **ret_message);

/* `Type::"id"` and `"text"`, escaped so that they read back. */
void rune_uid_format(struct rune_str type, struct rune_str id, struct rune_buf *out);
void rune_uid_format_string(struct rune_str text, struct rune_buf *out);
