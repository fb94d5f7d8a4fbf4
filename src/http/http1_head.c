/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_head.h"

#include <string.h>

#include "base/layout.h"
#include "http/respond.h"

#define HTTP1_1    0x101
#define DIGITS_MAX 20
#define FIXED_MAX                                                                  \
    256 /* the head but for what is measured: status line, names, connection, date \
         */

/* How a stream of an HTTP/1 connection begins. */
struct final_stream {
    h2o_ostream_t super;
    int sent_headers;
};

struct rune_http1_lesson rune_http1_head_begin_lesson(const h2o_req_t *req)
{
    struct rune_http1_lesson lesson = {NULL};
    if (req->version <= HTTP1_1 &&
        ((struct final_stream *)(void *)req->_ostr_top)->sent_headers == 0) {
        lesson.stream = req->_ostr_top;
    }
    return lesson;
}

void rune_http1_head_end_lesson(struct rune_http1_head *head,
                                const struct rune_http1_lesson *lesson)
{
    /* The connection is still there: the library ends a request when its write is complete, in a
     * later callback. */
    if (lesson->stream != NULL &&
        ((struct final_stream *)(void *)lesson->stream)->sent_headers == 1) {
        head->do_send = lesson->stream->do_send;
    }
}

bool rune_http1_head_is_learnt(const struct rune_http1_head *head, const h2o_req_t *req)
{
    return head->do_send != NULL && req->_ostr_top->do_send == head->do_send &&
           req->version <= HTTP1_1;
}

static char *put(char *out, const char *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return out + length;
}

#define PUT(out, literal) put((out), (literal), sizeof(literal) - 1)

static char *put_number(char *out, size_t number)
{
    char digits[DIGITS_MAX];
    size_t count = 0;
    do {
        digits[DIGITS_MAX - ++count] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return put(out, digits + DIGITS_MAX - count, count);
}

static RUNE_APART char *put_other_status(char *out, int status)
{
    const char *phrase = rune_http_reason_phrase(status);
    out = put_number(PUT(out, "HTTP/1.1 "), (size_t)status);
    *out++ = ' ';
    return PUT(put(out, phrase, strlen(phrase)), "\r\n");
}

static char *put_status_line(char *out, int status)
{
    return status == 200 ? PUT(out, "HTTP/1.1 200 OK\r\n") : put_other_status(out, status);
}

/* What was added before: `allow`. */
static RUNE_APART char *put_further_headers(char *out, const h2o_headers_t *headers)
{
    for (size_t i = 0; i < headers->size; i++) {
        const h2o_header_t *header = &headers->entries[i];
        out = PUT(put(out, header->name->base, header->name->len), ": ");
        out = PUT(put(out, header->value.base, header->value.len), "\r\n");
    }
    return out;
}

static size_t further_bytes(const h2o_headers_t *headers)
{
    size_t bytes = 0;
    for (size_t i = 0; i < headers->size; i++) {
        bytes += headers->entries[i].name->len + headers->entries[i].value.len + 4;
    }
    return bytes;
}

RUNE_APART void rune_http1_head_send(h2o_req_t *req, const struct rune_http_response *response,
                                     h2o_iovec_t request_id, bool omitted)
{
    static h2o_generator_t generator; /* what is sent at once needs no callbacks */
    struct rune_str type = response->content_type;
    char *start = h2o_mem_alloc_pool(&req->pool, FIXED_MAX + type.length + request_id.len +
                                                     further_bytes(&req->res.headers) +
                                                     response->body.length);
    char *out = put_status_line(start, response->status);
    out = put(PUT(out, "Date: "), req->processed_at.str->rfc1123, H2O_TIMESTR_RFC1123_LEN);
    out = req->http1_is_persistent ? PUT(out, "\r\nConnection: keep-alive")
                                   : PUT(out, "\r\nConnection: close");
    out = put_number(PUT(out, "\r\nContent-Length: "), response->body.length);
    out = put(PUT(out, "\r\ncontent-type: "), type.data, type.length);
    if (response->image != NULL) {
        out = put(PUT(out, "\r\nrune-image: "), response->image, RUNE_HTTP_IMAGE_DIGITS);
    }
    out = put(PUT(out, "\r\nx-request-id: "), request_id.base, request_id.len);
    out = PUT(out, "\r\n");
    if (req->res.headers.size != 0) {
        out = put_further_headers(out, &req->res.headers);
    }
    out = PUT(out, "\r\n");
    if (!omitted) {
        out = put(out, response->body.data, response->body.length);
    }

    h2o_iovec_t all = h2o_iovec_init(start, (size_t)(out - start));
    req->res.headers.size = 0; /* written; the library need not keep a copy */
    h2o_start_response(req, &generator);
    ((struct final_stream *)(void *)req->_ostr_top)->sent_headers = 1;
    h2o_send(req, &all, 1, H2O_SEND_STATE_FINAL);
}
