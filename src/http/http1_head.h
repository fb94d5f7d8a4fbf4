/* SPDX-License-Identifier: Apache-2.0 */
/* http1_head: status line and headers of an HTTP/1 answer, written in one piece with its body.
 * Private to the room.
 *
 * libh2o formats the head with sprintf, which takes as long as a decision does. A stream of its
 * HTTP/1 connections that has been told that the headers are out sends what it is given as it is,
 * so we give it the whole answer. That flag is the member behind the public part of the stream, and
 * its place is no promise of the library. So it is learnt, not assumed: one answer of the process
 * goes out through the library, and only if the member was 0 before and 1 after it, ours go out
 * directly from then on, through the very same stream function. Otherwise all go through the
 * library and look the same. Thread: the loop thread. */
#pragma once

#include <h2o.h>
#include <stdbool.h>

struct rune_http_response;

struct rune_http1_head {
    /* The stream function whose streams have the flag where we think it is; NULL: not learnt. */
    void (*do_send)(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                    h2o_send_state_t state);
};

/* Around one answer that goes through the library. */
struct rune_http1_lesson {
    h2o_ostream_t *stream; /* NULL: nothing to be learnt from this one */
};

struct rune_http1_lesson rune_http1_head_begin_lesson(const h2o_req_t *req);
void rune_http1_head_end_lesson(struct rune_http1_head *head,
                                const struct rune_http1_lesson *lesson);

/* True if rune_http1_head_send may be called for this request. Cost: three comparisons. */
bool rune_http1_head_is_learnt(const struct rune_http1_head *head, const h2o_req_t *req);

/* Sends the answer, copied into the request's pool; without its body if that is `omitted`. */
void rune_http1_head_send(h2o_req_t *req, const struct rune_http_response *response,
                          h2o_iovec_t request_id, bool omitted);
