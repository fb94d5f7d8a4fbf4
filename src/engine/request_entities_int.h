/* SPDX-License-Identifier: Apache-2.0 */
/* request_entities_int: what reading a request's entities (request_entities.c) and merging them
 * with the image (request_merge.c) share. Private to the two. */
#pragma once

#include "engine/request_json.h"

/* True if the image stores data about the entity; then *ret_index. */
static inline bool rune_request_is_stored(const struct rune_store *store, rune_term uid,
                                          uint32_t *ret_index)
{
    *ret_index = rune_term_index(uid);
    return rune_term_space(uid) == RUNE_SPACE_IMAGE && *ret_index < store->terms.entity_count &&
           store->entity_flags[*ret_index] != 0;
}

/* What the schema says about the entity's type; NULL only without a schema. A type that it does not
 * declare, or not define, is refused. */
enum rune_err rune_request_find_type(struct rune_request_decoder *decoder, const char *at,
                                     rune_term uid,
                                     const struct rune_schema_entity_type **ret_type);
