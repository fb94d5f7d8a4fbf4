/* SPDX-License-Identifier: Apache-2.0 */
/* query_builtin: entity data and the request as relations, for queries: the same tuples that rules
 * see, whether a rule reads them or not.
 *
 * Owns: which built-in relations can be asked, and walking over the store for them. Sets that were
 * left to be probed are asked from their relations. Order: by entity, then by attribute, then by
 * element, each as the image numbers them. Memory: none that grows with the answer. Used by: query.
 */
#pragma once

#include "engine/image.h"
#include "eval/request.h"
#include "eval/rule_eval.h"

struct rune_diag;

enum rune_query_builtin {
    RUNE_QUERY_NOT_BUILTIN,
    RUNE_QUERY_PRINCIPAL,
    RUNE_QUERY_ACTION,
    RUNE_QUERY_RESOURCE,
    RUNE_QUERY_CONTEXT,
    RUNE_QUERY_ENTITY,
    RUNE_QUERY_PARENT,
    RUNE_QUERY_ATTR,
    RUNE_QUERY_TAG,
    RUNE_QUERY_ELEMENT,
    RUNE_QUERY_ID,
};

enum rune_query_builtin rune_query_find_builtin(struct rune_str name);
uint32_t rune_query_builtin_arity(enum rune_query_builtin builtin);
/* Those of the request have tuples only if there is one. */
bool rune_query_needs_request(enum rune_query_builtin builtin);

/* `bound`, `same`, `emit` as rune_rules_query. RUNE_E_NOT_FOUND: an image without direct parents
 * was asked for them. RUNE_E_LIMIT: of a set that has to be computed. */
RUNE_MUST_USE enum rune_err rune_query_builtin_run(struct rune_eval *eval,
                                                   enum rune_query_builtin builtin,
                                                   const rune_term *bound, const uint32_t *same,
                                                   rune_tuple_fn emit, void *context);
