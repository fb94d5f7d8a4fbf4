/* SPDX-License-Identifier: Apache-2.0 */
/* schema_json_int: what the files share that read schemas in JSON. Private to them:
 *
 * schema_json.c       namespaces and what they declare
 * schema_json_type.c  names, annotations, types
 * schema_json_node.c  messages, and what an object may have
 *
 * Functions that return bool or a pointer return false or NULL for what they reported. */
#pragma once

#include "base/json.h"
#include "cedar/schema.h"

struct rune_schema_json {
    const struct rune_source *source;
    struct rune_arena *arena;
    struct rune_diag *diag;
    uint32_t errors;
    bool nomem;
};

/* ---- schema_json_node.c ---- */

/* Reports at a place in the text; counts. Always false. */
bool rune_schema_json_fail(struct rune_schema_json *reader, uint32_t offset, uint32_t length,
                           const char *help, const char *fmt, ...) RUNE_PRINTF(5, 6);
bool rune_schema_json_expected(struct rune_schema_json *reader, const struct rune_json_node *node,
                               const char *what);
/* Zeroed, in the arena, of one element at least. NULL: no memory. */
void *rune_schema_json_array(struct rune_schema_json *reader, size_t count, size_t size);

/* Whether the object has only members of the list (NULL at its end). */
bool rune_schema_json_check_members(struct rune_schema_json *reader,
                                    const struct rune_json_node *object, const char *const *names);
bool rune_schema_json_is_type(struct rune_schema_json *reader, const struct rune_json_node *node,
                              enum rune_json_type type, const char *what);
/* An object; or an array, read as the object whose members it holds in the order of `names`: the
 * Rust implementation reads structures from arrays, too. */
const struct rune_json_node *rune_schema_json_as_object(struct rune_schema_json *reader,
                                                        const struct rune_json_node *node,
                                                        const char *const *names, const char *what);
/* A member that must be there. */
const struct rune_json_node *rune_schema_json_require(struct rune_schema_json *reader,
                                                      const struct rune_json_node *object,
                                                      const char *name);

static inline struct rune_span rune_schema_json_span_of(const struct rune_schema_json *reader,
                                                        const struct rune_json_node *node)
{
    return (struct rune_span){reader->source, node->offset, node->length};
}

static inline struct rune_span rune_schema_json_key_span(const struct rune_schema_json *reader,
                                                         const struct rune_json_member *member)
{
    return (struct rune_span){reader->source, member->key_offset, (uint32_t)member->key.length + 2};
}

/* ---- schema_json_type.c ---- */

bool rune_schema_json_read_reference(struct rune_schema_json *reader,
                                     const struct rune_json_node *node,
                                     struct rune_schema_ast_ref *ref);
bool rune_schema_json_read_references(struct rune_schema_json *reader,
                                      const struct rune_json_node *node,
                                      struct rune_schema_ast_refs *ret_refs);
/* The member `annotations` of an object, if it has one. */
bool rune_schema_json_read_annotations(struct rune_schema_json *reader,
                                       const struct rune_json_node *object,
                                       struct rune_schema_ast_annotations *ret_annotations);

/* An attribute's type has `required` beside it; `annotations` may be beside attributes and common
 * types. */
struct rune_schema_ast_type *rune_schema_json_read_type(struct rune_schema_json *reader,
                                                        const struct rune_json_node *node,
                                                        bool is_attr);
/* A type that has neither beside it. */
struct rune_schema_ast_type *rune_schema_json_read_plain_type(struct rune_schema_json *reader,
                                                              const struct rune_json_node *node);
