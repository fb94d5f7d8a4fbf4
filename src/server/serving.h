/* SPDX-License-Identifier: Apache-2.0 */
/* serving: what worker and admin have in common: the slot, the subscriber, the log, limits, signs
 * of life.
 *
 * Process: worker, admin. Thread: the loop thread, but for the subscriber's own. */
#pragma once

#include <stdbool.h>

#include "guard/limits.h"
#include "live/subscriber.h"
#include "live/view.h"
#include "observe/log.h"
#include "server/heritage.h"

struct rune_serving {
    struct rune_control_map control; /* read-only but for our page */
    struct rune_control_slot *slot;
    struct rune_view_root root;
    struct rune_subscriber subscriber;
    int command_read;
    struct rune_limits limits; /* the loop's; follows the view at each tick */
    struct rune_log log;
    bool announced;
};

/* After rune_child_begin: narrows the control page, drops privileges, waits for the first image,
 * starts the subscriber. The process must leave when this fails. */
RUNE_MUST_USE enum rune_err rune_serving_begin(struct rune_serving *serving,
                                               const struct rune_heritage *heritage, int socket,
                                               uint32_t slot, const char *role);

/* rune_http_tick_fn: heartbeat, readiness, limits. */
void rune_serving_tick(void *context, int draining);

/* Stops the subscriber and leaves: status 0 if the loop ended well. */
_Noreturn void rune_serving_end(struct rune_serving *serving, enum rune_err err);
