/* SPDX-License-Identifier: Apache-2.0 */
/* schema: Cedar schemas: fragments as they are written, and the one schema that they make together.
 *
 * A fragment is one document, human syntax (schema_parser.c) or JSON (schema_json.c), names as
 * written. Resolving (schema_resolve.c) merges fragments, finds what every name means, closes
 * hierarchies. All nodes live in the build arena. Used by: validator, schema_image (the form
 * requests are checked against), translation, the CLI. Specification: Cedar 4.6, crate 4.14.1. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/map.h"
#include "cedar/ast.h"
#include "rune/err.h"

/* ---- fragments: as written ---- */

enum rune_schema_ast_kind {
    RUNE_SCHEMA_AST_BOOL,
    RUNE_SCHEMA_AST_LONG,
    RUNE_SCHEMA_AST_STRING,
    RUNE_SCHEMA_AST_SET,              /* element */
    RUNE_SCHEMA_AST_RECORD,           /* attrs */
    RUNE_SCHEMA_AST_ENTITY,           /* name: an entity type */
    RUNE_SCHEMA_AST_ENTITY_OR_COMMON, /* name: either */
    RUNE_SCHEMA_AST_COMMON,           /* name: a common type */
    RUNE_SCHEMA_AST_EXTENSION,        /* name: an extension type */
};

struct rune_schema_ast_attr;

struct rune_schema_ast_type {
    enum rune_schema_ast_kind kind;
    struct rune_str name; /* as written, normalized */
    struct rune_schema_ast_type *element;
    struct rune_schema_ast_attr *attrs; /* distinct, sorted by name */
    uint32_t attr_count;
    bool is_open; /* additionalAttributes: refused when resolved */
    struct rune_span span;
};

struct rune_schema_ast_annotations {
    const struct rune_cedar_annotation *items;
    uint32_t count;
};

struct rune_schema_ast_attr {
    struct rune_str name;
    bool is_required;
    struct rune_schema_ast_type *type;
    struct rune_schema_ast_annotations annotations;
    struct rune_span span;
};

/* A name that refers to something. */
struct rune_schema_ast_ref {
    struct rune_str name;
    struct rune_span span;
};

struct rune_schema_ast_refs {
    const struct rune_schema_ast_ref *items;
    uint32_t count;
};

struct rune_schema_ast_common {
    struct rune_str name;
    struct rune_schema_ast_type *type;
    struct rune_schema_ast_annotations annotations;
    struct rune_span span; /* of the name */
};

struct rune_schema_ast_entity {
    struct rune_str name; /* without namespace */
    bool is_enum;
    bool is_external; /* RFC 116: declared here, defined elsewhere */
    struct rune_schema_ast_refs member_of;
    struct rune_schema_ast_type *shape; /* NULL: the empty record */
    struct rune_schema_ast_type *tags;  /* NULL: none */
    const struct rune_str *ids;         /* of an enumeration */
    uint32_t id_count;
    struct rune_schema_ast_annotations annotations;
    struct rune_span span;
};

/* A parent of an action. */
struct rune_schema_ast_action_ref {
    struct rune_str type; /* empty: Action, of the namespace */
    struct rune_str id;
    struct rune_span span;
};

struct rune_schema_ast_action {
    struct rune_str id;
    bool is_external;
    bool has_attributes; /* not supported by Cedar */
    bool has_parents;    /* `memberOf` is there, perhaps empty */
    bool has_applies_to;
    const struct rune_schema_ast_action_ref *parents;
    uint32_t parent_count;
    struct rune_schema_ast_refs principals;
    struct rune_schema_ast_refs resources;
    struct rune_schema_ast_type *context; /* NULL: the empty record */
    struct rune_schema_ast_annotations annotations;
    struct rune_span span;
};

struct rune_schema_ast_namespace {
    struct rune_str name; /* empty: the empty namespace */
    struct rune_schema_ast_common *commons;
    uint32_t common_count;
    struct rune_schema_ast_entity *entities;
    uint32_t entity_count;
    struct rune_schema_ast_action *actions;
    uint32_t action_count;
    struct rune_schema_ast_annotations annotations;
    struct rune_span span;
};

struct rune_schema_fragment {
    struct rune_schema_ast_namespace *namespaces;
    uint32_t namespace_count;
};

/* Parses human syntax. Reports all mistakes. RUNE_E_SYNTAX, RUNE_E_LIMIT (nesting), RUNE_E_NOMEM.
 * Cost: linear. */
RUNE_MUST_USE enum rune_err rune_schema_parse(const struct rune_source *source,
                                              struct rune_arena *arena,
                                              struct rune_schema_fragment *ret_fragment,
                                              struct rune_diag *diag);

/* Reads the JSON form. As rune_schema_parse. */
RUNE_MUST_USE enum rune_err rune_schema_parse_json(const struct rune_source *source,
                                                   struct rune_arena *arena,
                                                   struct rune_schema_fragment *ret_fragment,
                                                   struct rune_diag *diag);

/* The JSON form of a fragment, two spaces a level. RUNE_E_NOMEM. */
struct rune_buf;
RUNE_MUST_USE enum rune_err rune_schema_print_json(const struct rune_schema_fragment *fragment,
                                                   struct rune_buf *out);

/* A fragment in human syntax. RUNE_E_INVALID: what JSON can say and the human syntax cannot (a
 * named type as an entity type's shape, additionalAttributes, attributes of actions, an entity type
 * that a common type of its name hides) is reported at its place; RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_schema_print_text(const struct rune_schema_fragment *fragment,
                                                   struct rune_buf *out, struct rune_diag *diag);

/* ---- the schema: resolved ---- */

enum rune_cedar_type_kind {
    RUNE_CEDAR_TYPE_BOOL,
    RUNE_CEDAR_TYPE_LONG,
    RUNE_CEDAR_TYPE_STRING,
    RUNE_CEDAR_TYPE_SET,
    RUNE_CEDAR_TYPE_RECORD,
    RUNE_CEDAR_TYPE_ENTITY,
    RUNE_CEDAR_TYPE_EXT,
};

struct rune_cedar_type_attr;

struct rune_cedar_type {
    enum rune_cedar_type_kind kind;
    uint32_t ext;         /* EXT: enum rune_ext_kind */
    struct rune_str name; /* ENTITY: full name */
    const struct rune_cedar_type *element;
    const struct rune_cedar_type_attr *attrs; /* sorted by name */
    uint32_t attr_count;
};

struct rune_cedar_type_attr {
    struct rune_str name;
    const struct rune_cedar_type *type;
    bool is_required;
};

/* Indexes into a table, ascending. */
struct rune_schema_indexes {
    const uint32_t *items;
    uint32_t count;
};

struct rune_cedar_entity_type {
    struct rune_str name; /* full */
    bool is_enum;
    bool is_external;                    /* RFC 116: not defined by any fragment */
    const struct rune_cedar_type *attrs; /* a record */
    const struct rune_cedar_type *tags;  /* NULL: none */
    const struct rune_str *ids;
    uint32_t id_count;
    struct rune_schema_indexes parents;
    struct rune_schema_indexes ancestors; /* closed; a type that may be its own ancestor is in it */
    struct rune_span span;
};

struct rune_cedar_action {
    struct rune_cedar_uid uid;
    bool is_external;
    struct rune_schema_indexes principals; /* entity types */
    struct rune_schema_indexes resources;
    const struct rune_cedar_type *context; /* a record */
    struct rune_schema_indexes parents;    /* actions */
    struct rune_schema_indexes ancestors;  /* closed */
    struct rune_span span;
};

struct rune_cedar_schema {
    struct rune_cedar_entity_type *entity_types; /* sorted by name */
    uint32_t entity_type_count;
    struct rune_cedar_action *actions; /* sorted by type and id */
    uint32_t action_count;
};

/* Merges fragments into one schema. Reports everything that does not resolve. RUNE_E_BUNDLE,
 * RUNE_E_LIMIT (types nested deeper than RUNE_SCHEMA_MAX_DEPTH), RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_schema_resolve(const struct rune_schema_fragment *fragments,
                                                uint32_t count, struct rune_arena *arena,
                                                struct rune_cedar_schema *ret_schema,
                                                struct rune_diag *diag);

/* Lookups. NULL: unknown. Cost: O(log n). */
const struct rune_cedar_entity_type *
rune_cedar_schema_find_type(const struct rune_cedar_schema *schema, struct rune_str name);
const struct rune_cedar_action *
rune_cedar_schema_find_action(const struct rune_cedar_schema *schema,
                              const struct rune_cedar_uid *uid);
/* True for the words of schemas, which cannot name a common type. */
bool rune_schema_is_keyword(struct rune_str name);
