/* SPDX-License-Identifier: Apache-2.0 */
/* accept: a loop's listeners and the connections that they bring. Private to the room.
 *
 * Owns: the duplicates of the listening sockets, the list of open connections, their gauge. While
 * there are as many connections as the limit allows, or the system has no more descriptors, nothing
 * is accepted: what connects waits in the listeners' queues. Does not know: when a loop ends
 * (http/loop.c). Thread: the loop thread. */
#pragma once

#include "http/loop.h"

/* The process's own listeners, from the loop's config. RUNE_E_IO, RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_http_accept_open(struct rune_http_loop *loop);

/* Another slot's listeners, while its worker does not come up; what is there already stays. What
 * cannot be opened is logged. */
void rune_http_accept_adopt(struct rune_http_loop *loop, uint32_t slot);
void rune_http_accept_drop(struct rune_http_loop *loop, uint32_t slot);

/* Accepts from here on if there is room for a connection, else not until one has closed. */
void rune_http_accept_resume(struct rune_http_loop *loop);
/* Takes in what waits in the queues, then accepts no more. */
void rune_http_accept_end(struct rune_http_loop *loop);

/* Closes the listeners, and both directions of every open connection; the loop has to turn for the
 * library to notice. */
void rune_http_accept_close(struct rune_http_loop *loop);
