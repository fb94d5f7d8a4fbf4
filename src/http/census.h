/* SPDX-License-Identifier: Apache-2.0 */
/* census: who keeps how much of the requests that are still arriving. Private to the room.
 *
 * libh2o limits each body, not their sum: one HTTP/2 connection may have 100 of them open. The size
 * of a body that is still arriving over HTTP/2 is not to be seen from outside the library, only
 * that there is one; so the loop asks the heap when that many bodies could be too much, and cuts
 * off the connection with the most of them. */
#pragma once

#include <h2o.h>
#include <stddef.h>

struct rune_http_census {
    size_t input_bytes;     /* input buffers of HTTP/1 connections */
    size_t arriving;        /* requests over HTTP/2 of which a part has arrived */
    h2o_conn_t *most_bytes; /* the HTTP/1 connection with the largest input buffer; NULL: none */
    size_t most_bytes_count;
    h2o_conn_t *most_arriving; /* the HTTP/2 connection with the most such requests; NULL: none */
    size_t most_arriving_count;
    h2o_conn_t *current; /* while counting */
    size_t current_arriving;
};

/* Cost: O(connections + open streams). */
void rune_http_census_take(h2o_context_t *context, struct rune_http_census *ret_census);

/* Bytes that the process has from malloc. Cost: up to 100 us. */
size_t rune_http_census_heap_bytes(void);

/* Lets each HTTP/1 connection without a request come to its end: what is in its socket is still
 * read and answered. */
void rune_http_census_close_idle(h2o_context_t *context);
