/* SPDX-License-Identifier: Apache-2.0 */
/* entities: entity documents (JSON) -> the entity sections of an image: attributes, tags,
 * ancestors.
 *
 * Owns: arrays by entity index of the dictionary, and the direct parents. Several documents are
 * merged; exact duplicates are accepted, others refused. Derived parents may be added before the
 * hierarchy is closed. Streaming: a document is read once, without a tree. Does not know: files,
 * sections. Thread: one. Used by: engine/build, tests. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/vec.h"
#include "eval/schema_check.h"
#include "model/dict.h"
#include "rune/err.h"

#define RUNE_ENTITY_NO_ATTRS 1u /* the empty record's run */

struct rune_entity_edge {
    rune_term child, parent;
};

RUNE_VEC(rune_vec_edge, struct rune_entity_edge);
RUNE_VEC(rune_vec_u8, uint8_t);

RUNE_VEC(rune_vec_entity_source, struct rune_source);

/* By entity index; after rune_entity_table_extend all four arrays have an item for every entity of
 * the dictionary. */
struct rune_entity_table {
    struct rune_dict *dict;
    const struct rune_schema *schema; /* NULL: none */
    struct rune_vec_u32 attrs;        /* heap offset of a record run; 1: none */
    struct rune_vec_u32 tags;         /* likewise */
    struct rune_vec_u32 ancestors;    /* heap offset of a set run of proper ancestors; 0: none */
    struct rune_vec_u8 flags;         /* 1: has data */
    struct rune_vec_edge parents;     /* direct parents; derived ones may repeat others */
    struct rune_vec_u32 first_parent; /* where the parents given for an entity begin */
    struct rune_vec_u32 parent_count; /* and how many they are: ascending, each once */
    size_t loose_parents;             /* that stand elsewhere: derived */
    struct rune_span derived_by;      /* the rule that did, for messages; NONE: no rule */
    struct rune_vec_entity_source sources; /* the documents: for messages */
    uint32_t entity_count;                 /* entities with data */
    uint32_t error_count;
    bool has_tags;
};

/* `schema` may be NULL; its terms are of `dict`. Both must outlive the table. */
void rune_entity_table_init(struct rune_entity_table *table, struct rune_dict *dict,
                            const struct rune_schema *schema);
void rune_entity_table_fini(struct rune_entity_table *table);

/* Reads one document: an array of entities. With a schema, implicit forms are understood and every
 * entity is checked against it. All mistakes that leave the JSON readable are reported, each at its
 * place. The texts stay until the table is closed. RUNE_E_BUNDLE (diag has the errors),
 * RUNE_E_LIMIT, RUNE_E_NOMEM. Cost: linear. */
RUNE_MUST_USE enum rune_err rune_entity_table_read(struct rune_entity_table *table,
                                                   const struct rune_source *source,
                                                   struct rune_diag *diag);

/* One entity more, without data of its own if it had none: a derived fact speaks about it. */
RUNE_MUST_USE enum rune_err rune_entity_table_add(struct rune_entity_table *table,
                                                  rune_term entity);

/* One parent more; repetitions are fine. The child gets data. */
RUNE_MUST_USE enum rune_err rune_entity_table_add_parent(struct rune_entity_table *table,
                                                         rune_term child, rune_term parent);

/* Puts the parents of one entity in order, each once; returns how many they are then. */
size_t rune_entity_order_parents(struct rune_entity_edge *parents, size_t count);

/* Closes the hierarchy: computes `ancestors`; equal sets share one run. With a schema, given
 * actions must be as declared, and all declared ones are added. RUNE_E_BUNDLE (a cycle, with its
 * path; an action that differs), RUNE_E_LIMIT (the closure is too large: reported), RUNE_E_NOMEM.
 * Cost: sum of the sizes of distinct ancestor sets; at most a constant for each entity and parent,
 * past a part that small bundles may use. */
RUNE_MUST_USE enum rune_err rune_entity_table_close(struct rune_entity_table *table,
                                                    struct rune_diag *diag);

/* Where the documents define an entity; RUNE_SPAN_NONE where they do not. Cost: reads them again.
 */
struct rune_span rune_entity_table_place(const struct rune_entity_table *table, rune_term entity);

/* Items for entities that the dictionary has got since: they are only named. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_entity_table_extend(struct rune_entity_table *table);
