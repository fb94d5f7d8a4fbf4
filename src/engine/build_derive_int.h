/* SPDX-License-Identifier: Apache-2.0 */
/* build_derive_int: what the files that derive entity data share: one derivation on its way.
 * Private to engine/build_derive*.c.
 *
 *   build_derive.c         components of the program, one after the other
 *   build_derive_data.c    what comes out of them, put into the entity tables
 *   build_derive_schema.c  what the schema says about that, and mistakes
 *   build_derive_probe.c   sets that are left to be probed, and never built
 */
#pragma once

#include "engine/build_int.h"

#define RUNE_DERIVE_MAX_REPORTS 20u /* LIMIT: mistakes shown for one relation */
#define RUNE_DERIVE_NONE        UINT32_MAX

/* A value that an entity is to have under a name, once all that are computed together are known:
 * its record is then written once. */
struct rune_derived_attr {
    uint64_t key; /* entity, name */
    rune_term value;
};

RUNE_VEC(rune_vec_derived_attr, struct rune_derived_attr);

struct rune_deriving {
    struct rune_build *build;
    const struct rune_tuples *facts;    /* by relation */
    struct rune_dl_relation *relations; /* heads that were merged are none any more */
    uint32_t *first_rule, *next_rule;   /* by relation, by rule: its rules; NO_RULE ends */
    uint32_t *first_data, *next_data;   /* by component, by relation: the data that it derives */
    bool *is_reached;                   /* by relation: what is wanted needs it */
    struct rune_vec_u32 reached;        /* those relations */
    struct rune_dl_rule *rules;         /* theirs */
    uint32_t rule_count;
    struct rune_vec_u32 wanted;  /* derived data to compute */
    struct rune_vec_u32 group;   /* attributes that wait for others to be computed with them */
    struct rune_vec_u32 probes;  /* sets of the group that may be left to be probed */
    struct rune_map group_names; /* of both */
    bool *is_value;              /* by relation: a set that some rule reads as a value */
    bool *is_probed;             /* by relation: a set that is not built */
    struct rune_vec_u32 about;   /* entities of sets that are being projected */
    uint64_t *edges;             /* the hierarchy so far: child and parent, ascending */
    size_t edge_count;
    struct rune_vec_derived_attr attrs; /* not yet in their records */
    struct rune_vec_u32 names, values;  /* of a record in the making */
    uint8_t *had_data;                  /* by entity: before anything was derived */
    size_t had_count;
    uint64_t derived;
    uint32_t mistakes; /* of the relation being merged */
    bool has_mistakes;
    bool has_changed, has_new_parents;
};

static inline bool rune_derive_is_data(enum rune_dl_builtin builtin)
{
    return builtin == RUNE_DL_ENTITY_PARENT || builtin == RUNE_DL_ENTITY_ATTR ||
           builtin == RUNE_DL_ENTITY_ELEMENT;
}

/* ---- build_derive.c ---- */

/* The rules of the program that the relations `wanted` need, into deriving->rules. *ret_loops: they
 * read tables that the component adds to. */
RUNE_MUST_USE enum rune_err rune_derive_gather(struct rune_deriving *deriving, uint32_t component,
                                               bool *ret_loops);
/* Facts of the relations reached, which evaluation consumes: one entry a relation. */
RUNE_MUST_USE enum rune_err rune_derive_copy_facts(const struct rune_deriving *deriving,
                                                   struct rune_tuples *ret_facts);

/* ---- build_derive_probe.c ---- */

/* Fills is_value. Cost: linear in the program. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_derive_find_values(struct rune_deriving *deriving);
/* Whether what is wanted, whose rules are gathered, is a set of which no more is asked than probes.
 */
bool rune_derive_may_probe(const struct rune_deriving *deriving);
/* Leaves the group's `probes` to be probed; those that had better be built go on to the group. What
 * was gathered and wanted is forgotten. */
RUNE_MUST_USE enum rune_err rune_derive_by_probes(struct rune_deriving *deriving);

/* ---- build_derive_data.c ---- */

/* What was computed for a relation goes into the tables; for rune_dl_derive. context: the
 * deriving. Mistakes are reported. */
enum rune_err rune_derive_take_rows(void *context, uint32_t relation, const rune_term *rows,
                                    uint64_t count, bool is_partial);

/* The attribute's stored value, or RUNE_TERM_NONE. */
rune_term rune_derive_stored_value(const struct rune_deriving *deriving, rune_term entity,
                                   rune_term name);
/* The entity, which is there then, gets one attribute more, or another value of one: with the next
 * write. A name has one value until then. */
RUNE_MUST_USE enum rune_err rune_derive_put_attr(struct rune_deriving *deriving, rune_term entity,
                                                 rune_term name, rune_term value);
/* The records with all that was put. */
RUNE_MUST_USE enum rune_err rune_derive_write_attrs(struct rune_deriving *deriving);

/* ---- build_derive_schema.c ---- */

/* A rule that derives the relation. */
struct rune_span rune_derive_place(const struct rune_deriving *deriving, uint32_t relation);
/* A mistake, at the first rule that derives the relation. */
void rune_derive_report(struct rune_deriving *deriving, uint32_t relation, const char *code,
                        const char *help, const char *fmt, ...) RUNE_PRINTF(5, 6);
/* One about an entity. */
void rune_derive_report_entity(struct rune_deriving *deriving, uint32_t relation, rune_term entity,
                               const char *code, const char *help, const char *what);

/* Whether the schema has a place for the parent, and for the value; `is_element`: in a set. False:
 * reported. */
bool rune_derive_check_parent(struct rune_deriving *deriving, uint32_t relation, rune_term child,
                              rune_term parent);
bool rune_derive_check_value(struct rune_deriving *deriving, uint32_t relation, rune_term entity,
                             rune_term name, rune_term value, bool is_element);
/* With a schema that declares the sets, every entity of the types gets those that it has not yet.
 * Cost: one pass over the entities. */
RUNE_MUST_USE enum rune_err rune_derive_fill_sets(struct rune_deriving *deriving,
                                                  const uint32_t *relations, size_t count);
/* What rules created must be whole, as the schema sees it. */
void rune_derive_check_created(struct rune_deriving *deriving);

/* The schema's type of the entity, or NULL. */
const struct rune_schema_entity_type *rune_derive_type_of(const struct rune_deriving *deriving,
                                                          rune_term entity);
/* The attribute `name` of a record type: [type, 1 if required], or NULL. */
const uint32_t *rune_derive_find_attr(const struct rune_schema *schema, uint32_t record,
                                      rune_term name);
