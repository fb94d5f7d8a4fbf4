/* SPDX-License-Identifier: Apache-2.0 */
/* http_reference: the yardstick of bench/bench_http.py: the least that can be done with libh2o. One
 * loop, one handler that answers every POST with the same bytes and the same headers, as examples
 * of the library do it.
 *
 * usage: http_reference BODY-FILE [NAME=VALUE...]   listens on a free port of 127.0.0.1 and prints
 * it BODY-FILE: the answer. NAME=VALUE: headers beside date, connection and content-length. Ends
 * with its parent. */
#include <arpa/inet.h>
#include <errno.h>
#include <h2o.h>
#include <h2o/http1.h>
#include <h2o/http2.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADERS_MAX 16
#define BODY_MAX    65536

static struct {
    h2o_iovec_t name;
    h2o_iovec_t value;
} headers[HEADERS_MAX];
static int header_count;
static char body[BODY_MAX];
static size_t body_length;
static h2o_accept_ctx_t accept_context;

static int answer(h2o_handler_t *handler, h2o_req_t *req)
{
    (void)handler;
    static h2o_generator_t generator;
    if (!h2o_memis(req->method.base, req->method.len, H2O_STRLIT("POST"))) {
        return -1;
    }
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = body_length;
    for (int i = 0; i < header_count; i++) {
        h2o_add_header_by_str(&req->pool, &req->res.headers, headers[i].name.base,
                              headers[i].name.len, 1, NULL, headers[i].value.base,
                              headers[i].value.len);
    }
    h2o_iovec_t buf = h2o_iovec_init(body, body_length);
    h2o_start_response(req, &generator);
    h2o_send(req, &buf, 1, H2O_SEND_STATE_FINAL);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    h2o_socket_t *sock;
    if (err != NULL || (sock = h2o_evloop_socket_accept(listener)) == NULL) {
        return;
    }
    h2o_accept(&accept_context, sock);
}

static void read_arguments(int argc, char **argv)
{
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: http_reference BODY-FILE [NAME=VALUE...]\n");
        exit(2);
    }
    body_length = fread(body, 1, sizeof(body), file);
    fclose(file);
    for (int i = 2; i < argc && header_count < HEADERS_MAX; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals != NULL) {
            headers[header_count].name = h2o_iovec_init(argv[i], (size_t)(equals - argv[i]));
            headers[header_count++].value = h2o_iovec_init(equals + 1, strlen(equals + 1));
        }
    }
}

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 ||
        listen(fd, SOMAXCONN) != 0 || getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        perror("http_reference");
        exit(1);
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    static h2o_globalconf_t config;
    static h2o_context_t context;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    read_arguments(argc, argv);

    h2o_config_init(&config);
    config.server_name = h2o_iovec_init(H2O_STRLIT(""));
    h2o_hostconf_t *host =
        h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req =
        answer;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    accept_context.ctx = &context;
    accept_context.hosts = config.hosts;

    h2o_socket_t *listener =
        h2o_evloop_socket_create(context.loop, listen_somewhere(), H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_accept);
    while (h2o_evloop_run(context.loop, INT32_MAX) == 0 || errno == EINTR) {
    }
    return 1;
}
