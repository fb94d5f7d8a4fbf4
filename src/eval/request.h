/* SPDX-License-Identifier: Apache-2.0 */
/* request: one request in terms, and what it brings of its own.
 *
 * Owns: the types; lookups that prefer what the request brings over what the image stores are in
 * eval/entities.h. A request is made by engine/request_json.c (decode) in an arena, and read by the
 * policy and rule evaluators. Terms of the request space are resolved in `terms`, all others in the
 * image's store. Thread: one at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "eval/store.h"
#include "model/dict.h"

/* An entity that the request brings or adds to ("entities", "properties"). */
struct rune_request_entity {
    rune_term uid;
    /* record run [shape.., see rune_record] already merged with the stored one, or NULL */
    const uint32_t *attrs;
    const uint32_t *tags; /* likewise */
    rune_term given;      /* the attributes that the request itself gives, a record; or NONE */
    /* sorted set of all proper ancestors, stored ones included, closed */
    const rune_term *ancestors;
    uint32_t ancestor_count;
    uint32_t parent_count;
    const rune_term *parents; /* those that the request itself gives */
};

struct rune_request {
    rune_term principal, action, resource;
    rune_term context;              /* a record term */
    const struct rune_terms *terms; /* the request's own dictionary (RUNE_SPACE_REQUEST) */
    const struct rune_request_entity *entities; /* sorted by uid; mostly none */
    uint32_t entity_count;
    bool has_parents; /* some request entity brings parents: stored descendants must look, too */
    struct rune_dict *values; /* the dictionary of `terms`, to which evaluation adds; NULL: the
                                 request has no values of its own, any empty dictionary will do. For
                                 the engine; evaluators use eval->values */
};

/* One evaluation's scratch: dictionary for values made on the way, arena, limits. Reset for each
 * decision. */
struct rune_eval {
    const struct rune_store *store;
    const struct rune_request *request;
    /* RUNE_SPACE_REQUEST, its base is the image; decode fills it, evaluation adds */
    struct rune_dict *values;
    struct rune_arena *arena; /* fixed */
    /* LIMIT: counted by both evaluators; 0 ends the decision as DENY with error `limit` */
    uint64_t steps_left;
    uint32_t policies_evaluated;
    uint32_t rules_evaluated;
};
