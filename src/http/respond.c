/* SPDX-License-Identifier: Apache-2.0 */
#include "http/respond.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/layout.h"
#include "http/http1_head.h"
#include "http/loop.h"

static h2o_iovec_t name_rune_image = {(char *)"rune-image", sizeof("rune-image") - 1};
static h2o_iovec_t name_request_id = {(char *)"x-request-id", sizeof("x-request-id") - 1};

#define REQUEST_ID_MAX    128u
#define REQUEST_ID_DIGITS 16u

RUNE_APART const char *rune_http_reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status) {
            return phrases[i].phrase;
        }
    }
    return "Unknown";
}

/* Eight hexadecimal digits at once; their order is of no account in a random number. */
static void put_hex8(char *out, uint32_t number)
{
    uint64_t nibbles = ((uint64_t)(number & 0xf0f0f0f0u) << 28) | (number & 0x0f0f0f0fu);
    uint64_t above_nine = ((nibbles + 0x0606060606060606u) >> 4) & 0x0101010101010101u;
    uint64_t digits = nibbles + 0x3030303030303030u + above_nine * ('a' - '0' - 10);
    memcpy(out, &digits, sizeof(digits));
}

/* Never the same twice in a process: a bijection (splitmix64) of a counter that begins at random.
 */
static void make_request_id(struct rune_http_loop *loop, char *out)
{
    uint64_t z = loop->request_seed + loop->request_count++ * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    put_hex8(out, (uint32_t)(z >> 32));
    put_hex8(out + 8, (uint32_t)z);
}

static bool is_good_request_id(h2o_iovec_t value)
{
    if (value.len == 0 || value.len > REQUEST_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.base[i] <= ' ' || value.base[i] > '~') {
            return false;
        }
    }
    return true;
}

/* The client's, or one made in `made`. */
static h2o_iovec_t choose_request_id(struct rune_http_loop *loop, h2o_req_t *req,
                                     char made[REQUEST_ID_DIGITS])
{
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (header->name->len == name_request_id.len &&
            memcmp(header->name->base, name_request_id.base, name_request_id.len) == 0 &&
            is_good_request_id(header->value)) {
            return header->value;
        }
    }
    make_request_id(loop, made);
    return h2o_iovec_init(made, REQUEST_ID_DIGITS);
}

/* There is room. */
static void add_header(h2o_req_t *req, h2o_iovec_t *name, h2o_iovec_t value)
{
    h2o_headers_t *headers = &req->res.headers;
    headers->entries[headers->size++] = (h2o_header_t){.name = name, .value = value};
}

static bool is_head(const h2o_req_t *req)
{
    return req->method.len == 4 && memcmp(req->method.base, "HEAD", 4) == 0;
}

static h2o_iovec_t copy(char **room, const char *bytes, size_t length)
{
    char *start = *room;
    if (length > 0) {
        memcpy(start, bytes, length);
    }
    *room += length;
    return h2o_iovec_init(start, length);
}

/* Through the library, which writes the head: HTTP/2, and HTTP/1 until http1_head.h has learnt how.
 */
static RUNE_APART void send_by_library(struct rune_http_loop *loop, h2o_req_t *req,
                                       const struct rune_http_response *response,
                                       h2o_iovec_t request_id)
{
    static h2o_generator_t generator; /* what is sent at once needs no callbacks */
    size_t image_length = response->image != NULL ? RUNE_HTTP_IMAGE_DIGITS : 0;
    char *room =
        h2o_mem_alloc_pool(&req->pool, request_id.len + image_length + response->body.length);
    request_id = copy(&room, request_id.base, request_id.len);
    h2o_iovec_t image = copy(&room, response->image, image_length);
    h2o_iovec_t body = copy(&room, response->body.data, response->body.length);

    req->res.reason = rune_http_reason_phrase(response->status);
    h2o_vector_reserve(&req->pool, &req->res.headers, req->res.headers.size + 3);
    add_header(req, (h2o_iovec_t *)&H2O_TOKEN_CONTENT_TYPE->buf,
               h2o_iovec_init(response->content_type.data, response->content_type.length));
    if (image_length != 0) {
        add_header(req, &name_rune_image, image);
    }
    add_header(req, &name_request_id, request_id);
    struct rune_http1_lesson lesson = rune_http1_head_begin_lesson(req);
    h2o_start_response(req, &generator);
    h2o_send(req, &body, body.len != 0 && !is_head(req) ? 1 : 0, H2O_SEND_STATE_FINAL);
    rune_http1_head_end_lesson(&loop->http1_head, &lesson);
}

void rune_http_respond(struct rune_http_loop *loop, h2o_req_t *req,
                       const struct rune_http_response *response)
{
    struct rune_http_response complete = *response;
    char made[REQUEST_ID_DIGITS];
    h2o_iovec_t request_id = choose_request_id(loop, req, made);
    if (complete.content_type.length == 0) {
        complete.content_type = RUNE_STR("application/json");
    }
    rune_counter_add(loop->counters, rune_metric_for_status(complete.status), 1);
    if (loop->phase != RUNE_HTTP_SERVING) {
        req->http1_is_persistent = 0; /* the library itself looks only when a request begins */
    }
    req->res.status = complete.status;
    /* else the library keeps a copy of all headers, for filters */
    req->res.original.status = complete.status;
    req->res.content_length = complete.body.length;
    if (rune_http1_head_is_learnt(&loop->http1_head, req)) {
        rune_http1_head_send(req, &complete, request_id, is_head(req));
    } else {
        send_by_library(loop, req, &complete, request_id);
    }
}

/* JSON text of at most 6 bytes a byte. */
static size_t escape_json(char *out, const char *text)
{
    char *next = out;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            *next++ = '\\';
            *next++ = (char)c;
        } else if (c < ' ') {
            memcpy(next, "\\u00", 4);
            next[4] = "0123456789abcdef"[c >> 4];
            next[5] = "0123456789abcdef"[c & 15];
            next += 6;
        } else {
            *next++ = (char)c;
        }
    }
    return (size_t)(next - out);
}

static char *put_text(char *next, const char *text)
{
    size_t length = strlen(text);
    memcpy(next, text, length);
    return next + length;
}

struct rune_str rune_http_error_body(h2o_req_t *req, const char *code, const char *message)
{
    char *text = h2o_mem_alloc_pool(&req->pool, 64 + strlen(code) + 6 * strlen(message));
    char *next = put_text(text, "{\"error\":{\"code\":\"");
    next = put_text(next, code);
    next = put_text(next, "\",\"message\":\"");
    next += escape_json(next, message);
    next = put_text(next, "\"}}\n");
    return (struct rune_str){text, (size_t)(next - text)};
}

void rune_http_respond_error(struct rune_http_loop *loop, h2o_req_t *req, int status,
                             const char *code, const char *message)
{
    struct rune_http_response response = {.status = status,
                                          .body = rune_http_error_body(req, code, message)};
    rune_http_respond(loop, req, &response);
}

/* ---- the library's own errors ---- */

struct error_filter {
    h2o_filter_t super;
    struct rune_http_loop *loop;
};

struct error_stream {
    h2o_ostream_t super;
    h2o_iovec_t body;
};

static void send_body_instead(h2o_ostream_t *super, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                              h2o_send_state_t state)
{
    (void)bufs;
    struct error_stream *stream = (struct error_stream *)(void *)super;
    h2o_ostream_send_next(super, req, &stream->body, count != 0 ? 1 : 0, state);
}

static const char *library_error_code(int status)
{
    switch (status) {
    case 404:
        return "not_found";
    case 413:
        return "too_large";
    case 417:
        return "expectation_failed";
    default:
        return status < 500 ? "bad_request" : "internal";
    }
}

static const char *library_error_message(int status)
{
    switch (status) {
    case 404:
        return "there is nothing at this path; see docs/http-api.md";
    case 413:
        return "the body is too large";
    case 417:
        return "the only expectation that can be met is 100-continue";
    default:
        return status < 500 ? "the request is not well-formed HTTP" : "an internal error";
    }
}

static RUNE_COLD void setup_error_stream(h2o_filter_t *super, h2o_req_t *req, h2o_ostream_t **slot)
{
    struct error_filter *filter = (struct error_filter *)(void *)super;
    int status = req->res.status;
    struct rune_str body =
        rune_http_error_body(req, library_error_code(status), library_error_message(status));
    rune_counter_add(filter->loop->counters, rune_metric_for_status(status), 1);
    req->res.reason = rune_http_reason_phrase(status);
    memset(&req->res.headers, 0, sizeof(req->res.headers));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    char *made = h2o_mem_alloc_pool(&req->pool, REQUEST_ID_DIGITS);
    h2o_vector_reserve(&req->pool, &req->res.headers, req->res.headers.size + 1);
    add_header(req, &name_request_id, choose_request_id(filter->loop, req, made));
    req->res.content_length = body.length;

    struct error_stream *stream = (void *)h2o_add_ostream(req, sizeof(*stream), slot);
    stream->super.do_send = send_body_instead;
    stream->body = h2o_iovec_init(body.data, body.length);
    h2o_setup_next_ostream(req, &stream->super.next);
}

void rune_http_register_error_filter(h2o_pathconf_t *path, struct rune_http_loop *loop)
{
    struct error_filter *filter = (void *)h2o_create_filter(path, sizeof(*filter));
    filter->super.on_setup_ostream = setup_error_stream;
    filter->loop = loop;
}
