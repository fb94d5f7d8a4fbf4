/* SPDX-License-Identifier: Apache-2.0 */
/* validate_types: the validator's types, their subtypes and least upper bounds.
 *
 * Owns: every type, hash-consed: equal types are one pointer. Entity types are numbers: those of
 * the schema by their index, the types of its actions after them. Knows the schema, not
 * policies. Failure is sticky (the arena's): after it, results are NULL or false. Thread: the
 * validator's. Used by: validate_*.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "cedar/schema.h"

enum rune_vtype_kind {
    RUNE_VTYPE_NEVER, /* of no value: the element of an empty set */
    RUNE_VTYPE_FALSE,
    RUNE_VTYPE_TRUE,
    RUNE_VTYPE_BOOL,
    RUNE_VTYPE_LONG,
    RUNE_VTYPE_STRING,
    RUNE_VTYPE_ANY_ENTITY,
    RUNE_VTYPE_ENTITY, /* of one of some types */
    RUNE_VTYPE_SET,
    RUNE_VTYPE_RECORD,
    RUNE_VTYPE_EXT,
};

struct rune_vtype_attr {
    struct rune_str name;
    const struct rune_vtype *type;
    bool is_required;
};

struct rune_vtype {
    enum rune_vtype_kind kind;
    bool is_open;             /* RECORD: a value may have further attributes */
    uint32_t ext;             /* EXT: enum rune_ext_kind */
    uint32_t count;           /* of entities or attrs */
    const uint32_t *entities; /* ENTITY: ascending */
    const struct rune_vtype *element;
    const struct rune_vtype_attr *attrs; /* by name */
    const struct rune_vtype *joined; /* ENTITY of several types: their common attributes, or NULL */
    uint64_t hash;
};

enum rune_lub_hint {
    RUNE_LUB_NONE,
    RUNE_LUB_OPTIONALITY,
    RUNE_LUB_WIDTH,
    RUNE_LUB_ENTITY_TYPES,
    RUNE_LUB_ENTITY_RECORD,
};

struct rune_vtypes {
    struct rune_arena *arena;
    const struct rune_cedar_schema *schema;
    bool is_strict;
    struct rune_vtype **slots; /* open addressing */
    size_t capacity, count;
    struct rune_map converted; /* by address of a schema's type: index into conversions */
    struct rune_map joins;     /* by two addresses: index into conversions */
    RUNE_VEC(, const struct rune_vtype *) conversions;
    struct rune_vec_u32 join_hints;
    RUNE_VEC(, struct rune_str) action_types; /* distinct */
    const struct rune_vtype *never, *no, *yes, *boolean, *number, *string, *any_entity,
        *empty_record;
    const struct rune_vtype **entities; /* by number: the type of exactly that entity type */
    bool failed;
};

RUNE_MUST_USE enum rune_err rune_vtypes_init(struct rune_vtypes *types,
                                             const struct rune_cedar_schema *schema, bool is_strict,
                                             struct rune_arena *arena);
void rune_vtypes_fini(struct rune_vtypes *types);

/* The number of an entity type; UINT32_MAX: the schema does not have it. */
uint32_t rune_vtypes_entity(const struct rune_vtypes *types, struct rune_str name);
struct rune_str rune_vtypes_entity_name(const struct rune_vtypes *types, uint32_t entity);
/* NULL: a type of actions. */
const struct rune_cedar_entity_type *rune_vtypes_declared(const struct rune_vtypes *types,
                                                          uint32_t entity);
/* May an entity of type `member` be in one of type `group`? */
bool rune_vtypes_may_be_in(const struct rune_vtypes *types, uint32_t member, uint32_t group);

const struct rune_vtype *rune_vtypes_of(struct rune_vtypes *types,
                                        const struct rune_cedar_type *type);
const struct rune_vtype *rune_vtypes_set(struct rune_vtypes *types,
                                         const struct rune_vtype *element);
const struct rune_vtype *rune_vtypes_ext(struct rune_vtypes *types, uint32_t kind);
/* `attrs` must be sorted and distinct; copied. */
const struct rune_vtype *rune_vtypes_record(struct rune_vtypes *types,
                                            const struct rune_vtype_attr *attrs, uint32_t count,
                                            bool is_open);

/* The least upper bound in the validator's mode; NULL: there is none, *ret_hint says why. */
const struct rune_vtype *rune_vtypes_join(struct rune_vtypes *types, const struct rune_vtype *a,
                                          const struct rune_vtype *b, enum rune_lub_hint *ret_hint);
/* A set of entities or an entity: what `in` takes on its right. */
bool rune_vtype_is_entity(const struct rune_vtype *type);
bool rune_vtype_is_entity_set(const struct rune_vtype *type);
static inline bool rune_vtype_is_bool(const struct rune_vtype *type)
{
    return type->kind == RUNE_VTYPE_FALSE || type->kind == RUNE_VTYPE_TRUE ||
           type->kind == RUNE_VTYPE_BOOL;
}

/* The record of an entity's attributes: of several types, those that all have. */
const struct rune_vtype *rune_vtypes_attributes(struct rune_vtypes *types,
                                                const struct rune_vtype *entity);
/* NULL: not known to be there. */
const struct rune_vtype_attr *rune_vtypes_attribute(struct rune_vtypes *types,
                                                    const struct rune_vtype *type,
                                                    struct rune_str name);
/* Could a value of an entity or record type have it? */
bool rune_vtypes_may_have(struct rune_vtypes *types, const struct rune_vtype *type,
                          struct rune_str name);

/* The type for people, cut where it gets long. */
void rune_vtypes_print(const struct rune_vtypes *types, const struct rune_vtype *type,
                       struct rune_buf *out);
