/* SPDX-License-Identifier: Apache-2.0 */
/* query: the tuples of a relation that match a pattern, like `can_edit(U, Document::"plan")`, or
 * `entity.attr(E, "level", V)`: entity data can be asked whether a rule reads it or not.
 *
 * Works for relations that the image stores and for those that it computes on demand. Thread: one
 * query a thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rune/err.h"
#include "rune/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rune_decider;
struct rune_diag;
struct rune_image;
struct rune_request;

/* A field of a tuple. */
enum rune_field_kind {
    RUNE_FIELD_BOOL,
    RUNE_FIELD_LONG,
    RUNE_FIELD_FLOAT,
    RUNE_FIELD_STRING,
    RUNE_FIELD_ENTITY,
    RUNE_FIELD_OTHER, /* sets, records, extension values: `text` as Cedar writes them, and `json` */
};

struct rune_field {
    enum rune_field_kind kind;
    int64_t integer;      /* BOOL, LONG */
    double floating;      /* FLOAT */
    struct rune_str type; /* ENTITY */
    struct rune_str text; /* STRING: the string; ENTITY: the id; OTHER: its spelling */
    struct rune_str json; /* OTHER: in Cedar's JSON form, `__entity` and `__extn` included */
};

/* False stops the query. Fields are borrowed for the call. */
typedef bool (*rune_query_fn)(void *context, const struct rune_field *fields, uint32_t count);

/* All tuples that match `pattern`, each once. Variables match anything, the same variable the same
 * value, `_` always a new one. `request` answers relations that depend on one, else NULL.
 * RUNE_E_SYNTAX, RUNE_E_NOT_FOUND (no such relation: diag suggests one), RUNE_E_INVALID (number of
 * arguments; a relation that depends on a request, without one), RUNE_E_LIMIT. The order depends on
 * image and pattern alone. Memory: none that grows with the answer, but for a relation computed on
 * demand whose tuples cannot be had key by key. */
RUNE_MUST_USE enum rune_err rune_query_run(struct rune_decider *decider,
                                           const struct rune_image *image,
                                           const struct rune_request *request, const char *pattern,
                                           rune_query_fn emit, void *context,
                                           struct rune_diag *diag);

/* How many there are; stored relations are counted without visiting each tuple. Errors as
 * rune_query_run. */
RUNE_MUST_USE enum rune_err rune_query_count(struct rune_decider *decider,
                                             const struct rune_image *image,
                                             const struct rune_request *request,
                                             const char *pattern, uint64_t *ret_count,
                                             struct rune_diag *diag);

#ifdef __cplusplus
}
#endif
