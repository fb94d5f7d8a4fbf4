/* SPDX-License-Identifier: Apache-2.0 */
/* schema_resolve_int: what the files share that make a schema of fragments. Private to them:
 *
 * schema_resolve.c       the steps, and what each of them uses
 * schema_declare.c       what is declared: tables by full name
 * schema_resolve_type.c  what names mean; types
 * schema_hierarchy.c     parents and ancestors
 * schema_find.c          the order of the finished tables
 *
 * Everything that is wrong is reported, and the step goes on: all of a schema's mistakes come
 * together. Memory that is out is a flag, looked at between steps. */
#pragma once

#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "cedar/schema.h"
#include "eval/schema_check.h"

RUNE_VEC(vec_entity_type, struct rune_cedar_entity_type);
RUNE_VEC(vec_action, struct rune_cedar_action);

enum rune_resolver_common_state {
    RUNE_RESOLVER_COMMON_NEW,
    RUNE_RESOLVER_COMMON_OPEN, /* being resolved: who meets it again is in a cycle */
    RUNE_RESOLVER_COMMON_DONE,
    RUNE_RESOLVER_COMMON_BAD
};

struct rune_resolver_common {
    struct rune_str name; /* full */
    struct rune_str namespace;
    const struct rune_schema_ast_common *ast; /* NULL: built in */
    const struct rune_cedar_type *type;       /* when done */
    enum rune_resolver_common_state state;
};

RUNE_VEC(vec_common, struct rune_resolver_common);

/* Where something declared came from. */
struct rune_resolver_origin {
    struct rune_str namespace;
    const struct rune_schema_ast_entity *entity;
    const struct rune_schema_ast_action *action;
};

RUNE_VEC(vec_origin, struct rune_resolver_origin);

struct rune_resolver {
    struct rune_arena *arena;
    struct rune_diag *diag;
    uint32_t errors;
    bool nomem;
    bool limit;
    struct rune_map commons;      /* full name -> index in common_list */
    struct rune_map entities;     /* full name -> index in entity_list */
    struct rune_map actions;      /* rune_resolver_action_key -> index in action_list */
    struct rune_map action_types; /* full names of action types */
    struct vec_common common_list;
    struct vec_entity_type entity_list;
    struct vec_origin entity_origins; /* beside entity_list */
    struct vec_action action_list;
    struct vec_origin action_origins; /* beside action_list */
    uint32_t depth;                   /* of the type being resolved */
};

/* ---- schema_resolve.c ---- */

/* Reports at a span; counts. */
void rune_resolver_report(struct rune_resolver *resolver, const char *code, struct rune_span span,
                          const char *help, const char *fmt, ...) RUNE_PRINTF(5, 6);
/* Zeroed, in the arena, of one element at least. NULL: no memory. */
void *rune_resolver_make(struct rune_resolver *resolver, size_t count, size_t size);

/* `namespace::name`. */
struct rune_str rune_resolver_qualify(struct rune_resolver *resolver, struct rune_str namespace,
                                      struct rune_str name);
/* Type, a byte that no name has, id. */
struct rune_str rune_resolver_action_key(struct rune_resolver *resolver, struct rune_str type,
                                         struct rune_str id);
static inline bool rune_resolver_is_qualified(struct rune_str name)
{
    return memchr(name.data, ':', name.length) != NULL;
}

/* ---- schema_declare.c ---- */

/* Fills the maps and lists, sorted, with everything that the fragments declare. */
void rune_resolver_declare(struct rune_resolver *resolver,
                           const struct rune_schema_fragment *fragments, uint32_t count);
/* Adds a name to one of the maps, unless it is there. False: no memory. */
bool rune_resolver_map_add(struct rune_resolver *resolver, struct rune_map *map,
                           struct rune_str name, size_t value, bool *ret_added);

/* ---- schema_resolve_type.c ---- */

void rune_resolver_declare_builtins(struct rune_resolver *resolver);

enum { RUNE_RESOLVER_MAY_BE_COMMON = 1, RUNE_RESOLVER_MAY_BE_ENTITY = 2 };

#define RUNE_RESOLVER_NO_INDEX UINT32_MAX

struct rune_resolver_found {
    bool is_common;
    uint32_t index;            /* of the common type or entity type; NO_INDEX: an action type */
    struct rune_str full_name; /* of an entity type */
};

/* What a name means in a namespace. False: nothing, which is reported. */
bool rune_resolver_find(struct rune_resolver *resolver, struct rune_str namespace,
                        struct rune_str name, struct rune_span span, unsigned may_be,
                        struct rune_resolver_found *ret_found);

/* All common types, whether something uses them or not. */
void rune_resolver_commons(struct rune_resolver *resolver);
/* NULL: reported. */
const struct rune_cedar_type *rune_resolver_type(struct rune_resolver *resolver,
                                                 struct rune_str namespace,
                                                 const struct rune_schema_ast_type *ast);
/* A record: the shape of an entity type, a context. NULL: reported. */
const struct rune_cedar_type *rune_resolver_shape(struct rune_resolver *resolver,
                                                  struct rune_str namespace,
                                                  const struct rune_schema_ast_type *ast,
                                                  const char *what);

/* ---- schema_hierarchy.c ---- */

/* Entity types by name, as indexes into entity_list. */
void rune_resolver_entity_refs(struct rune_resolver *resolver, struct rune_str namespace,
                               const struct rune_schema_ast_refs *refs,
                               struct rune_schema_indexes *ret_indexes);
/* The parents of an action, as indexes into action_list. */
void rune_resolver_action_refs(struct rune_resolver *resolver, struct rune_str namespace,
                               const struct rune_schema_ast_action *ast,
                               struct rune_schema_indexes *ret_indexes);
/* The ancestors of all types and actions, once their parents are there. */
void rune_resolver_close(struct rune_resolver *resolver);

/* ---- schema_find.c ---- */

/* The order that lookups rely on. */
void rune_cedar_schema_sort(struct rune_cedar_entity_type *types, size_t type_count,
                            struct rune_cedar_action *actions, size_t action_count);
