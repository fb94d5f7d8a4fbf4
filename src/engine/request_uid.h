/* SPDX-License-Identifier: Apache-2.0 */
/* request_uid: names on the wire -> terms. Most name something the image knows, and then nothing is
 * interned: the ordinary form costs one look for its quotes and two or three probes. Used by:
 * request_json, request_entities. */
#pragma once

#include "engine/request_json.h"

/* The ordinary spelling of an entity that the image knows, "Type::\"id\"" in JSON, read where it
 * stands: no copy, no unescaping. False: something else, nothing was read. `place`, 0 to 2, says
 * which part of the memo is compared first: an entity that repeats needs no probe. */
bool rune_request_read_known_uid(struct rune_request_decoder *decoder, uint32_t place,
                                 rune_term *ret_term);

/* A string in one of the three forms of model/uid.h; `default_type` is a string term or
 * RUNE_TERM_NONE. */
RUNE_MUST_USE enum rune_err rune_request_read_uid(struct rune_request_decoder *decoder,
                                                  const char *at, struct rune_str text,
                                                  rune_term default_type, rune_term *ret_term);

/* Type and id that were given apart, `place` as above; the type is checked unless the image knows
 * the entity. */
RUNE_MUST_USE enum rune_err rune_request_intern_uid(struct rune_request_decoder *decoder,
                                                    const char *at, uint32_t place,
                                                    struct rune_str type, struct rune_str id,
                                                    rune_term *ret_term);
