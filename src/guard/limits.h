/* SPDX-License-Identifier: Apache-2.0 */
/* limits: what one process grants its clients. Set from the configuration, read by http.
 *
 * Owns nothing. Who may call and how often (authentication, quotas) is not here. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rune_limits {
    size_t max_body_bytes; /* of a request; more is a 413 */
    /* of all request bodies on their way in, together; the largest are then cut off */
    size_t max_buffered_bytes;
    /* open at once in this process; further ones wait in the listener's queue */
    uint32_t max_connections;
    uint32_t max_streams; /* of one HTTP/2 connection decided at once */
    /* a connection without a request, and the time a request may take to arrive */
    uint32_t idle_timeout_ms;
    uint32_t drain_timeout_ms; /* from the order to drain until what is still open is closed */
    /* reload and validate calls that wait for an answer at once; more is a 503 */
    uint32_t max_admin_waiting;
};

/* The defaults, as docs/operations.md lists them. */
void rune_limits_init(struct rune_limits *limits);
