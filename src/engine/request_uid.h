/* SPDX-License-Identifier: Apache-2.0 */
/* request_uid: names on the wire -> terms. Most name something the image knows, and then nothing is
 * interned: the ordinary forms cost one look for their quotes and two or three probes. Used by:
 * request_json, request_entities. */
#pragma once

#include "engine/request_json.h"

/* An entity in one of its ordinary spellings, read and still to be found. */
struct rune_uid_wait {
    const char *at; /* where its value begins */
    struct rune_str type, id;
};

enum rune_uid_reading {
    RUNE_UID_OTHER, /* something else: nothing was read */
    RUNE_UID_KNOWN,
    RUNE_UID_WAITS,
};

/* "Type::\"id\"" or {"type": "Type", "id": "id"} in JSON, read where it stands: no copy, no
 * unescaping. `place`, 0 to 2, says which part of the memo is compared first: an entity that
 * repeats needs no probe, *ret_term is it. One that the memo does not have is *ret_wait. */
enum rune_uid_reading rune_request_read_plain_uid(struct rune_request_decoder *decoder,
                                                  uint32_t place, rune_term *ret_term,
                                                  struct rune_uid_wait *ret_wait);

/* Finds those of the places that wait (bit i: place i) in the image, together; RUNE_TERM_NONE: it
 * does not know it. */
void rune_request_find_uids(struct rune_request_decoder *decoder, uint32_t waiting,
                            const struct rune_uid_wait waits[3], rune_term ret_terms[3]);

/* A string in one of the three forms of model/uid.h; `default_type` is a string term or
 * RUNE_TERM_NONE. */
RUNE_MUST_USE enum rune_err rune_request_read_uid(struct rune_request_decoder *decoder,
                                                  const char *at, struct rune_str text,
                                                  rune_term default_type, rune_term *ret_term);

/* Type and id that were given apart; the type is checked unless the image knows the entity. */
RUNE_MUST_USE enum rune_err rune_request_intern_uid(struct rune_request_decoder *decoder,
                                                    const char *at, struct rune_str type,
                                                    struct rune_str id, rune_term *ret_term);
