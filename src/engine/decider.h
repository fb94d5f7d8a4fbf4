/* SPDX-License-Identifier: Apache-2.0 */
/* decider: one thread's memory for deciding; the functions are those of rune/decide.h.
 *
 * Owns: request arena, request dictionary, answer buffer. Used by: http, cli, bench, query. */
#pragma once

#include "base/str.h"
#include "rune/decide.h"
#include "eval/request.h"

/* For evaluations other than authorize: makes `eval` ready, with the decider's memory emptied and
 * its limits set. *ret_bound holds the request as it is evaluated; request NULL: none, and
 * eval->request is NULL. */
void rune_decider_begin(struct rune_decider *decider, const struct rune_image *image,
                        const struct rune_request *request, struct rune_request *ret_bound,
                        struct rune_eval *ret_eval);
