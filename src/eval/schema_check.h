/* SPDX-License-Identifier: Apache-2.0 */
/* schema_check: the schema as requests need it: which principals and resources an action takes,
 * what its context and every entity type look like.
 *
 * Owns: the layout of section SCHEMA and its verification. Made by cedar/schema_image.c. Does not
 * know: JSON, policies. Thread: any, immutable. Used by: eval/verify, engine (requests, entities,
 * values in JSON).
 *
 * FORMAT, all u32 words. No words at all: the bundle has no schema.
 *
 *     0  RUNE_SCHEMA_VERSION
 *     1  entity type count      2  offset of the first struct rune_schema_entity_type
 *     3  action count           4  offset of the first struct rune_schema_action
 *     5  offset where types end: types lie in [6, here)
 *     6  types
 *
 * Offsets count words from the section's beginning; 0 means "none". A run is [count, items
 * ascending]. Types:
 *
 *     BOOL, LONG, STRING   [kind]
 *     ENTITY               [kind, string term of the type's name]
 *     EXT                  [kind, enum rune_ext_kind]
 *     SET                  [kind, element type]
 *     RECORD               [kind, count, then by name ascending (string term, type, 1 if required)]
 *
 * INVARIANT, checked: a type's parts lie before it, so types are trees; all runs and tables ascend
 * without repetition; all terms are of the image and of the right kind. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/dict.h"
#include "rune/err.h"

struct rune_diag;

#define RUNE_SCHEMA_VERSION   2u
#define RUNE_SCHEMA_MAX_DEPTH 128u /* LIMIT: types within types */

typedef uint32_t rune_schema_type; /* offset of a type; 0: none, which fits every value */

enum rune_schema_type_kind {
    RUNE_SCHEMA_BOOL = 1,
    RUNE_SCHEMA_LONG = 2,
    RUNE_SCHEMA_STRING = 3,
    RUNE_SCHEMA_ENTITY = 4,
    RUNE_SCHEMA_EXT = 5,
    RUNE_SCHEMA_SET = 6,
    RUNE_SCHEMA_RECORD = 7,
};

/* Bits of an entity type. */
enum rune_schema_type_flags {
    RUNE_SCHEMA_TYPE_EXTERNAL = 1, /* RFC 116: not defined, so there can be no entities of it */
};

struct rune_schema_entity_type {
    uint32_t name;      /* string term; the table ascends by it */
    uint32_t attrs;     /* a RECORD type */
    uint32_t tags;      /* type of its tags, 0: it has none */
    uint32_t ancestors; /* run of string terms: types that its ancestors may have, closed */
    uint32_t ids;       /* run of string terms: the ids of an enumeration, 0: any id */
    uint32_t flags;     /* enum rune_schema_type_flags */
};

struct rune_schema_action {
    uint32_t uid;        /* entity term; the table ascends by it */
    uint32_t principals; /* run of string terms: types */
    uint32_t resources;
    uint32_t context;   /* a RECORD type */
    uint32_t parents;   /* run of entity terms: direct parents */
    uint32_t ancestors; /* run of entity terms: proper ancestors, closed */
};

_Static_assert(sizeof(struct rune_schema_entity_type) == 24 &&
                   sizeof(struct rune_schema_action) == 24,
               "FORMAT");

struct rune_schema {
    const uint32_t *words; /* NULL: no schema */
    uint32_t count;
    const struct rune_schema_entity_type *entity_types;
    uint32_t entity_type_count;
    const struct rune_schema_action *actions;
    uint32_t action_count;
};

/* Points into words that were verified (count 0: no schema; then words is NULL). Cost: O(1). */
void rune_schema_open(const uint32_t *words, uint32_t count, struct rune_schema *ret_schema);

/* Verifies untrusted words against the dictionary. RUNE_E_CORRUPT. Cost: O(words). */
RUNE_MUST_USE enum rune_err rune_schema_verify(const uint32_t *words, uint32_t count,
                                               const struct rune_terms *terms,
                                               struct rune_diag *diag);

/* NULL: not in the schema. Cost: O(log n). */
const struct rune_schema_entity_type *rune_schema_find_type(const struct rune_schema *schema,
                                                            rune_term name);
const struct rune_schema_action *rune_schema_find_action(const struct rune_schema *schema,
                                                         rune_term uid);

/* Whether a run has the item. `run` 0 has nothing. Cost: O(log n). */
bool rune_schema_run_has(const struct rune_schema *schema, uint32_t run, uint32_t item);

/* Whether a request fits, or why not. */
enum rune_schema_verdict {
    RUNE_SCHEMA_FITS,       /* as all entities of these types do */
    RUNE_SCHEMA_FITS_BY_ID, /* these: an id of an enumeration is among them */
    RUNE_SCHEMA_UNKNOWN_ACTION,
    RUNE_SCHEMA_UNKNOWN_PRINCIPAL_TYPE,
    RUNE_SCHEMA_UNKNOWN_RESOURCE_TYPE,
    RUNE_SCHEMA_WRONG_PRINCIPAL_TYPE, /* not one that the action takes */
    RUNE_SCHEMA_WRONG_RESOURCE_TYPE,
    RUNE_SCHEMA_WRONG_PRINCIPAL_ID, /* not one of the enumeration */
    RUNE_SCHEMA_WRONG_RESOURCE_ID,
};

/* Principal, action and resource of a request against the schema, as Cedar validates requests. The
 * context is checked while it is read (engine/value_json.h), or with rune_schema_fits. `request` is
 * the dictionary of request terms. Allocates nothing. */
enum rune_schema_verdict rune_schema_check_request(const struct rune_schema *schema,
                                                   const struct rune_terms *image,
                                                   const struct rune_terms *request,
                                                   rune_term principal, rune_term action,
                                                   rune_term resource);

/* Whether the id of this entity is one that its type allows: enumerations, and actions that are
 * declared. */
bool rune_schema_id_fits(const struct rune_schema *schema, const struct rune_terms *image,
                         const struct rune_terms *request, rune_term entity);

/* Whether a whole value is of a type, ids of entities included. `request` may be NULL. Allocates
 * nothing; recursion is bounded by the type's depth. */
bool rune_schema_fits(const struct rune_schema *schema, const struct rune_terms *image,
                      const struct rune_terms *request, rune_schema_type type, rune_term value);

/* What values of the type are, for messages: "a string". Static. */
const char *rune_schema_kind_text(const struct rune_schema *schema, rune_schema_type type);
