/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/http/loopback.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/decider.h"
#include "unit/http/double.h"

struct fake_connection {
    h2o_conn_t super;
    h2o_ostream_t final;
    struct loopback_answer *answer;
    h2o_req_t req;
};

static socklen_t fake_address(h2o_conn_t *conn, struct sockaddr *address)
{
    (void)conn;
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)address;
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return sizeof(*in);
}

static h2o_socket_t *no_socket(h2o_conn_t *conn)
{
    (void)conn;
    return NULL;
}

static void save_head(struct fake_connection *conn)
{
    struct loopback_answer *answer = conn->answer;
    size_t length = 0;
    answer->status = conn->req.res.status;
    answer->content_length = conn->req.res.content_length;
    for (size_t i = 0; i < conn->req.res.headers.size && length < LOOPBACK_TEXT_MAX; i++) {
        const h2o_header_t *header = &conn->req.res.headers.entries[i];
        length += (size_t)snprintf(answer->headers + length, LOOPBACK_TEXT_MAX - length,
                                   "%.*s: %.*s\n", (int)header->name->len, header->name->base,
                                   (int)header->value.len, header->value.base);
    }
}

static void take_output(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                        h2o_send_state_t state)
{
    (void)req;
    struct fake_connection *conn = (void *)((char *)self - offsetof(struct fake_connection, final));
    struct loopback_answer *answer = conn->answer;
    if (answer->status == 0) {
        save_head(conn);
    }
    for (size_t i = 0; i < count; i++) {
        answer->body = realloc(answer->body, answer->body_length + bufs[i].len + 1);
        memcpy(answer->body + answer->body_length, bufs[i].base, bufs[i].len);
        answer->body_length += bufs[i].len;
        answer->body[answer->body_length] = '\0';
    }
    answer->done = !h2o_send_state_is_in_progress(state);
}

void loopback_open(struct loopback *loopback, enum rune_http_audience audience,
                   const char *image_name)
{
    memset(loopback, 0, sizeof(*loopback));
    loopback->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loopback->config = (struct rune_http_worker_config){
        .stop_fd = loopback->stop_fd,
        .view = &loopback->view,
        .counters = &loopback->counters,
        .command_fd = -1,
    };
    rune_view_thread_register();
    if (image_name != NULL) {
        const struct rune_shared_limits limits = {0};
        if (rune_view_swap(&loopback->view, double_image_create(image_name), 7, &limits) !=
            RUNE_OK) {
            abort();
        }
    }
    if (rune_http_loop_create(&loopback->config, audience, &loopback->loop) != RUNE_OK ||
        rune_decider_create(NULL, &loopback->loop->decider) != RUNE_OK) {
        abort();
    }
}

void loopback_close(struct loopback *loopback)
{
    rune_decider_destroy(loopback->loop->decider);
    rune_http_loop_destroy(loopback->loop);
    rune_view_root_fini(&loopback->view);
    rune_view_thread_unregister();
    close(loopback->stop_fd);
}

static void fill_request(h2o_req_t *req, const struct loopback_request *request)
{
    const char *type = request->content_type != NULL ? request->content_type : "application/json";
    req->version = 0x101;
    req->http1_is_persistent = 1;
    req->input.scheme = &H2O_URL_SCHEME_HTTP;
    req->input.method = h2o_strdup(&req->pool, request->method, SIZE_MAX);
    req->input.path = h2o_strdup(&req->pool, request->path, SIZE_MAX);
    if (request->body != NULL) {
        size_t length = request->body_length != 0 ? request->body_length : strlen(request->body);
        req->entity = h2o_strdup(&req->pool, request->body, length);
    }
    if (type[0] != '\0') {
        h2o_add_header(&req->pool, &req->headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    }
    if (request->header.name != NULL) {
        h2o_add_header_by_str(&req->pool, &req->headers, request->header.name,
                              strlen(request->header.name), 1, NULL, request->header.value,
                              strlen(request->header.value));
    }
}

void loopback_ask(struct loopback *loopback, const struct loopback_request *request, int turns_max,
                  struct loopback_answer *ret_answer)
{
    static const h2o_conn_callbacks_t callbacks = {
        .get_sockname = fake_address, .get_peername = fake_address, .get_socket = no_socket};
    h2o_context_t *context = &loopback->loop->context;
    struct fake_connection *conn = (void *)h2o_create_connection(
        sizeof(*conn), context, loopback->loop->global.hosts, (struct timeval){0}, &callbacks);
    memset(ret_answer, 0, sizeof(*ret_answer));
    conn->final = (h2o_ostream_t){.do_send = take_output};
    conn->answer = ret_answer;
    h2o_init_request(&conn->req, &conn->super, NULL);
    conn->req._ostr_top = &conn->final;
    fill_request(&conn->req, request);
    h2o_process_request(&conn->req);
    for (int i = 0; i < turns_max && !ret_answer->done; i++) {
        h2o_evloop_run(context->loop, 20);
    }
    h2o_dispose_request(&conn->req);
    free(conn);
}
