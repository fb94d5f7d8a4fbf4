/* SPDX-License-Identifier: Apache-2.0 */
/* relay: calls to the supervisor that a request waits for, without the loop waiting. Private to the
 * room.
 *
 * Owns: the list of waiting calls. A call whose client has gone is forgotten; its answer is read
 * and dropped. Process: admin, loop thread. */
#pragma once

#include <h2o.h>

#include "rune/err.h"
#include "shm/messages.h"

struct rune_http_loop;
struct rune_http_relay;

/* Answers the request when the supervisor has answered. `diagnostics` NULL: none came along. Both
 * are borrowed. `reply` NULL: the supervisor is gone. */
typedef void (*rune_http_relay_fn)(struct rune_http_loop *loop, h2o_req_t *req,
                                   const struct rune_reply *reply,
                                   const struct rune_diagnostics *diagnostics);

/* Watches `fd` (stays the caller's) on the loop. RUNE_E_NOMEM, RUNE_E_IO. */
RUNE_MUST_USE enum rune_err rune_http_relay_create(struct rune_http_loop *loop, int fd,
                                                   struct rune_http_relay **ret_relay);
void rune_http_relay_destroy(struct rune_http_relay *relay);

/* Sends a call; `answer` is called later, unless the client goes away first. RUNE_E_LIMIT: too many
 * wait; RUNE_E_BUSY: the socket is full; RUNE_E_IO, RUNE_E_NOT_FOUND: the supervisor is gone. */
RUNE_MUST_USE enum rune_err rune_http_relay_call(struct rune_http_relay *relay, h2o_req_t *req,
                                                 enum rune_call_kind kind,
                                                 rune_http_relay_fn answer);
