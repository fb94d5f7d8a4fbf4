/* SPDX-License-Identifier: Apache-2.0 */
/* respond: answers as they go out: status, headers, body; each is counted. Private to the room.
 *
 * Every answer has content-type, content-length and x-request-id: the client's, if it is 1 to 128
 * printable ASCII characters, else one of ours. Memory comes from the request's pool alone. */
#pragma once

#include <h2o.h>

#include "base/layout.h"
#include "base/str.h"

struct rune_http_loop;

#define RUNE_HTTP_IMAGE_DIGITS 16

/* An answer in the making; all of it is copied when it is sent. */
struct rune_http_response {
    int status;
    struct rune_str content_type; /* static; empty: application/json */
    const char *image; /* RUNE_HTTP_IMAGE_DIGITS digits for the header rune-image, or NULL */
    struct rune_str body;
};

/* Sends it and counts it, with whatever headers the request's response has already. For HEAD the
 * body stays away, its length does not. */
void rune_http_respond(struct rune_http_loop *loop, h2o_req_t *req,
                       const struct rune_http_response *response);

/* {"error":{"code":code,"message":message}}. The code is plain; the message is escaped. */
void rune_http_respond_error(struct rune_http_loop *loop, h2o_req_t *req, int status,
                             const char *code, const char *message) RUNE_COLD;

/* The body of such an error, in the request's pool. */
struct rune_str rune_http_error_body(h2o_req_t *req, const char *code, const char *message);

/* "Not Found" for 404; "Unknown" for what RUNE never sends. */
const char *rune_http_reason_phrase(int status);

/* Turns the library's own plain-text errors on this path into JSON ones: a filter that sees no
 * request that RUNE's routes answer. (What the library writes before there is a request it does not
 * show: those stay plain text.) */
void rune_http_register_error_filter(h2o_pathconf_t *path, struct rune_http_loop *loop);
