/* SPDX-License-Identifier: Apache-2.0 */
/* authorize: policies and rules asked about one request, and their answers made into one decision.
 *
 * FAILCLOSED: decision_finish() in authorize.c is the only place in RUNE that writes RUNE_PERMIT.
 * Used by: decider. */
#pragma once

#include "engine/decider.h"
#include "engine/image.h"
#include "eval/request.h"

enum rune_authorize_flag {
    RUNE_AUTHORIZE_TIMED = 1 << 0,  /* stats tell how long policies and rules took */
    RUNE_AUTHORIZE_LISTED = 1 << 1, /* the decision lists all that matched */
};

/* Decides eval->request against the image. The decision's arrays and messages live in eval->arena,
 * its ids in the image. Never fails: a limit is a DENY with the error `limit`. `flags`: enum
 * rune_authorize_flag. */
void rune_authorize(struct rune_eval *eval, const struct rune_image *image, unsigned flags,
                    struct rune_decision *ret_decision);
