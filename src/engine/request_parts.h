/* SPDX-License-Identifier: Apache-2.0 */
/* request_parts: a request while it is read, between the files that read it: request_json.c (the
 * object, and what is checked when all of it is there), request_place.c (principal, action,
 * resource) and request_context.c. Nobody else includes it. */
#pragma once

#include "engine/request_entities.h"
#include "engine/request_json.h"
#include "engine/request_uid.h"

enum rune_request_field {
    RUNE_FIELD_PRINCIPAL,
    RUNE_FIELD_ACTION,
    RUNE_FIELD_RESOURCE,
    RUNE_FIELD_CONTEXT,
    RUNE_FIELD_ENTITIES,
    RUNE_FIELD_COUNT
};

/* Their names, by enum rune_request_field. */
extern const struct rune_str rune_request_fields[RUNE_FIELD_COUNT];

/* What was read, until all of it is there. */
struct rune_request_parts {
    struct rune_request_decoder *decoder;
    uint32_t seen;    /* bit i: field i */
    uint32_t waiting; /* bit i: place i is still to be found, see request_uid.h */
    bool context_waits;
    struct rune_json context_at; /* if it does */
    rune_term places[3];
    struct rune_uid_wait waits[3];
    rune_term properties[3]; /* record terms, or RUNE_TERM_NONE */
    rune_term context;
    struct rune_request_entity_list given;
};

/* What is known of the request's action, which must be. */
static inline struct rune_action_memo *
rune_request_action_memo(const struct rune_request_parts *parts)
{
    return rune_request_memo_action(parts->decoder->memo, parts->places[RUNE_FIELD_ACTION]);
}

/* ---- request_place.c ---- */

/* Principal, action or resource, which the reader stands before. A principal or a resource may be
 * left waiting to be found. */
RUNE_MUST_USE enum rune_err rune_request_read_place(struct rune_request_parts *parts,
                                                    enum rune_request_field place);

/* Finds the places that wait; what the image does not know is read again, as any other form. */
RUNE_MUST_USE enum rune_err rune_request_find_places(struct rune_request_parts *parts);

/* ---- request_context.c ---- */

/* The context, which the reader stands before: read, or passed over as long as it is not known what
 * the action says of it. */
RUNE_MUST_USE enum rune_err rune_request_meet_context(struct rune_request_parts *parts);

/* Afterwards, when the action is known: the context that waited, or the empty one. */
RUNE_MUST_USE enum rune_err rune_request_finish_context(struct rune_request_parts *parts);

/* ---- request_refuse.c ---- */

/* A member that nobody knows, with the nearest of those that somebody does. `at` as in
 * rune_request_refuse. */
enum rune_err rune_request_refuse_unknown(struct rune_request_decoder *decoder, const char *at,
                                          struct rune_str key, const struct rune_str *known,
                                          size_t known_count) RUNE_COLD;
