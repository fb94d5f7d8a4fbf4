/* SPDX-License-Identifier: Apache-2.0 */
/* plan: how an image answers by rules, as text for people: what is stored, what is computed on
 * demand, in which order the atoms of a rule are taken. The text's form is no promise. Thread: as
 * queries. */
#pragma once

#include <stdbool.h>

#include "rune/err.h"
#include "rune/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rune_decider;
struct rune_diag;
struct rune_image;

/* Gets one line without its line feed, borrowed for the call. False stops. */
typedef bool (*rune_plan_fn)(void *context, struct rune_str line);

/* Relations by stratum, with their counts, then plans: of all rules (`rule` NULL), or of those with
 * that id or that head. With a decider, relations that are computed on demand are counted, which
 * may take long. RUNE_E_NOT_FOUND: no such rule; RUNE_E_LIMIT (a count), RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_plan_describe(const struct rune_image *image, const char *rule,
                                               struct rune_decider *decider, rune_plan_fn emit,
                                               void *context, struct rune_diag *diag);

#ifdef __cplusplus
}
#endif
