/* SPDX-License-Identifier: Apache-2.0 */
/* request_entities: what a request says about entities, merged with the image for this decision
 * only.
 *
 * An attribute of the request wins over the stored one of that name; parents are added, never
 * removed. Nothing here runs for a request that brings no entities. Used by: request_json.
 * Specification: docs/language.md. */
#pragma once

#include "engine/request_json.h"

/* One entity as the request has it. */
struct rune_request_given {
    rune_term uid;
    rune_term attrs; /* record terms, or RUNE_TERM_NONE */
    rune_term tags;
    const rune_term *parents;
    uint32_t parent_count;
    uint32_t number; /* in the request's array, for messages */
    struct rune_request_given *next;
};

struct rune_request_entity_list {
    struct rune_request_given *first, *last;
    uint32_t count;
};

/* An entity's attributes as a record term; the reader stands before them. With a schema the values
 * of an entity that the image knows nothing about are read by their types; those of others are
 * checked after the merge. */
RUNE_MUST_USE enum rune_err rune_request_read_attrs(struct rune_request_decoder *decoder,
                                                    const char *at, rune_term uid,
                                                    rune_term *ret_attrs);

/* Reads the array of `entities`. Errors as rune_request_decode. */
RUNE_MUST_USE enum rune_err rune_request_read_entities(struct rune_request_decoder *decoder,
                                                       struct rune_request_entity_list *list);

/* ---- request_merge.c ---- */

/* Makes request->entities of the list and of the properties of principal and resource (record terms
 * or RUNE_TERM_NONE), closed and sorted. A cycle, or an entity twice, is refused. Cost: linear in
 * what comes out. */
RUNE_MUST_USE enum rune_err rune_request_merge_entities(struct rune_request_decoder *decoder,
                                                        const struct rune_request_entity_list *list,
                                                        rune_term principal_properties,
                                                        rune_term resource_properties,
                                                        struct rune_request *request);
