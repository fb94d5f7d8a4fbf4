/* SPDX-License-Identifier: Apache-2.0 */
/* entity_document_int: what the reader of an entity document and that of an entity's parts share.
 * Private to: entity_document, entity_parts. */
#pragma once

#include "base/json.h"
#include "engine/entities.h"
#include "engine/entity_queue.h"
#include "engine/value_json.h"

/* What the schema says of the entities of one type. */
struct rune_entity_type_info {
    rune_term name; /* NONE: of nothing yet */
    bool is_action;
    bool lists_ids;                             /* not every id is allowed */
    const struct rune_schema_entity_type *type; /* NULL: no schema, an action, or unknown */
};

struct rune_entity_document {
    struct rune_entity_table *table;
    const struct rune_source *source;
    struct rune_diag *diag;
    struct rune_arena arena; /* strings with escapes */
    struct rune_json json;
    struct rune_value_reader reader;
    struct rune_entity_queue queue;
    struct rune_entity_type_info infos[2]; /* of the entity and of the parent read last */
};

/* ORDER: as in the form that is an array. */
enum rune_entity_part {
    RUNE_ENTITY_UID,
    RUNE_ENTITY_ATTRS,
    RUNE_ENTITY_PARENTS,
    RUNE_ENTITY_TAGS,
    RUNE_ENTITY_PARTS,
};

/* One entity while it is read. */
struct rune_entity_reading {
    struct rune_entity_item *item;
    struct rune_value_uid uid; /* type NONE: not yet */
    const struct rune_entity_type_info *info;
    /* Bits by part. Parts that come before the uid are read after it, since with a schema they
     * depend on it: where they are. */
    uint32_t seen, late;
    struct rune_json late_at[RUNE_ENTITY_PARTS];
};

/* Reads the part at document->reader.json into the entity. RUNE_E_BUNDLE: something is wrong with
 * it, which was reported and counted; RUNE_E_SYNTAX: the JSON is broken; RUNE_E_LIMIT,
 * RUNE_E_NOMEM. */
enum rune_err rune_entity_part_read(struct rune_entity_document *document,
                                    struct rune_entity_reading *entity, enum rune_entity_part part);

/* An error at a place of the document. */
void rune_entity_report(struct rune_entity_document *document, const char *code, size_t offset,
                        const char *help, const char *fmt, ...) RUNE_PRINTF(5, 6);

/* An error about one entity, "UID: what". RUNE_E_BUNDLE. */
enum rune_err rune_entity_report_uid(struct rune_entity_document *document, const char *code,
                                     size_t offset, struct rune_value_uid uid, const char *help,
                                     const char *what);
