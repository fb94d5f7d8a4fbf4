/* SPDX-License-Identifier: Apache-2.0 */
#include "http/census.h"

#include <malloc.h>
#include <stdbool.h>
#include <sys/socket.h>

#define HTTP2 0x200

static bool is_idle_http1(const h2o_req_t *req)
{
    if (req->version != 0) {
        return false; /* a request has been parsed, or this is a stream of HTTP/2 */
    }
    const h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    return socket != NULL && socket->input->size == 0;
}

static void count_http1(struct rune_http_census *census, h2o_req_t *req)
{
    const h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    size_t bytes = socket == NULL || socket->input->bytes == NULL ? 0 : socket->input->capacity;
    census->input_bytes += bytes;
    if (bytes > census->most_bytes_count) {
        census->most_bytes_count = bytes;
        census->most_bytes = req->conn;
    }
}

/* Streams of one connection come one after the other. */
static void count_http2(struct rune_http_census *census, h2o_req_t *req)
{
    if (req->pathconf != NULL) {
        return; /* has arrived, or it would have no route */
    }
    if (census->current != req->conn) {
        census->current = req->conn;
        census->current_arriving = 0;
    }
    census->arriving++;
    census->current_arriving++;
    if (census->current_arriving > census->most_arriving_count) {
        census->most_arriving_count = census->current_arriving;
        census->most_arriving = req->conn;
    }
}

static int count_request(h2o_req_t *req, void *data)
{
    if (req->version >= HTTP2) {
        count_http2(data, req);
    } else {
        count_http1(data, req);
    }
    return 0;
}

void rune_http_census_take(h2o_context_t *context, struct rune_http_census *ret_census)
{
    *ret_census = (struct rune_http_census){0};
    context->globalconf->http1.callbacks.foreach_request(context, count_request, ret_census);
    context->globalconf->http2.callbacks.foreach_request(context, count_request, ret_census);
}

size_t rune_http_census_heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static int close_if_idle(h2o_req_t *req, void *data)
{
    (void)data;
    if (is_idle_http1(req)) {
        /* The library closes a connection that it reads the end of; before that it answers what it
         * has read. */
        shutdown(h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), SHUT_RD);
    }
    return 0;
}

void rune_http_census_close_idle(h2o_context_t *context)
{
    context->globalconf->http1.callbacks.foreach_request(context, close_if_idle, NULL);
}
