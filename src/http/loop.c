/* SPDX-License-Identifier: Apache-2.0 */
/* loop: one wait, then what its time brings: limits that changed, bodies that are too much
 * together, the end. How a loop ends: DRAIN takes in what waits in the listeners' queues, stops
 * accepting, answers every HTTP/1 request with `connection: close`, sends GOAWAY to HTTP/2
 * connections (the library sends the final one a second later), closes HTTP/1 connections that stay
 * idle for a moment, and at the deadline closes what is left. NOW: only the last. */
#include "http/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "engine/decider.h"
#include "http/accept.h"
#include "http/census.h"
#include "http/header_block.h"
#include "http/respond.h"
#include "live/view.h"
#include "shm/messages.h"

#define TICK_MS           500u
#define CENSUS_MS         100u
#define IDLE_GRACE_MS     250u /* draining: how long an idle connection may still send a request */
#define CLOSE_PATIENCE_MS 500u /* how long closing everything may take */
#define POLL_FAILURES_MAX 100

#define INPUT_BUFFERS_KEPT \
    64 /* of 4 KiB, for bodies of HTTP/2 and input of HTTP/1; the library keeps 16 */
#define BODY_HEADROOM                                                                            \
    8u /* the library takes bodies this many times our limit, so that our answer, a 413, is seen \
        */

static uint64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The leak checker's: a context's end forgets a queue of 88 bytes (h2o_multithread_destroy_queue
 * of 2.2.5). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_multithread_create_queue\n";
}

/* ---- limits ---- */

/* A reload may have changed how many steps a decision may take: they come with the view. */
static void apply_max_steps(struct rune_http_loop *loop)
{
    if (loop->decider == NULL) {
        return;
    }
    const struct rune_view *view = rune_view_enter(loop->view);
    uint64_t max_steps = view != NULL ? view->limits.max_steps : 0;
    rune_view_leave();
    rune_decider_set_max_steps(loop->decider, max_steps);
}

/* Limits may have changed at any tick. */
static void apply_limits(struct rune_http_loop *loop)
{
    const struct rune_limits *limits = loop->limits;
    size_t entity = limits->max_body_bytes * BODY_HEADROOM;
    if (entity > limits->max_buffered_bytes) {
        entity = limits->max_buffered_bytes;
    }
    loop->global.max_request_entity_size = entity;
    loop->global.http2.max_concurrent_requests_per_connection = limits->max_streams;
    loop->global.http1.req_timeout = limits->idle_timeout_ms;
    loop->global.http2.idle_timeout = limits->idle_timeout_ms;
    if (loop->context_ready) {
        loop->context.http1.req_timeout.timeout = limits->idle_timeout_ms;
        loop->context.http2.idle_timeout.timeout = limits->idle_timeout_ms;
    }
}

/* ---- orders ---- */

h2o_socket_t *rune_http_loop_watch(struct rune_http_loop *loop, int fd, h2o_socket_cb callback,
                                   void *data)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) {
        return NULL;
    }
    h2o_socket_t *socket =
        h2o_evloop_socket_create(loop->context.loop, copy, H2O_SOCKET_FLAG_DONT_READ);
    socket->data = data;
    h2o_socket_read_start(socket, callback);
    return socket;
}

static void on_command(h2o_socket_t *socket, const char *err)
{
    struct rune_http_loop *loop = socket->data;
    struct rune_loop_command command;
    (void)err;
    for (;;) {
        ssize_t got = read(loop->config->command_fd, &command, sizeof(command));
        if (got == (ssize_t)sizeof(command)) {
            if (command.kind == RUNE_LOOP_ADOPT) {
                rune_http_accept_adopt(loop, command.slot);
            } else if (command.kind == RUNE_LOOP_DROP) {
                rune_http_accept_drop(loop, command.slot);
            }
        } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        } else {
            h2o_socket_read_stop(socket); /* the other end is gone */
            return;
        }
    }
}

/* ---- the end ---- */

static void tick(struct rune_http_loop *loop)
{
    loop->last_tick_ms = monotonic_ms();
    if (loop->config->tick != NULL) {
        loop->config->tick(loop->config->tick_context, loop->phase != RUNE_HTTP_SERVING);
    }
    apply_limits(loop);
    apply_max_steps(loop);
    if (loop->phase == RUNE_HTTP_SERVING) {
        rune_http_accept_resume(loop);
    }
}

static void begin_drain(struct rune_http_loop *loop)
{
    if (loop->phase != RUNE_HTTP_SERVING) {
        return;
    }
    rune_http_accept_end(loop);
    loop->phase = RUNE_HTTP_DRAINING;
    loop->drain_began_ms = monotonic_ms();
    h2o_context_request_shutdown(&loop->context);
    tick(loop);
}

static void continue_drain(struct rune_http_loop *loop, uint64_t now_ms)
{
    uint64_t waited_ms = now_ms - loop->drain_began_ms;
    if (loop->connection_count == 0 || waited_ms >= loop->limits->drain_timeout_ms) {
        loop->phase = RUNE_HTTP_STOPPED;
    } else if (waited_ms >= IDLE_GRACE_MS) {
        rune_http_census_close_idle(&loop->context);
    }
}

static void on_stop(h2o_socket_t *socket, const char *err)
{
    struct rune_http_loop *loop = socket->data;
    uint64_t orders = 0;
    (void)err;
    if (read(loop->config->stop_fd, &orders, sizeof(orders)) != (ssize_t)sizeof(orders)) {
        return;
    }
    if (orders >= RUNE_HTTP_STOP_NOW) {
        loop->phase = RUNE_HTTP_STOPPED;
    } else if (orders >= RUNE_HTTP_STOP_DRAIN) {
        begin_drain(loop);
    }
}

/* ---- turns ---- */

static void cut_connection(struct rune_http_loop *loop, h2o_conn_t *conn, size_t heap_bytes)
{
    RUNE_LOG(loop->log, RUNE_LOG_WARN, "connection_cut",
             RUNE_LOG_CSTR("reason", "buffered request bodies"),
             RUNE_LOG_UINT("heap_bytes", heap_bytes),
             RUNE_LOG_UINT("connections", loop->connection_count));
    shutdown(h2o_socket_get_fd(conn->callbacks->get_socket(conn)), SHUT_RDWR);
}

/* LIMIT: bodies on their way in, together. A step behind: it holds but for what arrives in
 * CENSUS_MS. */
static void check_buffers(struct rune_http_loop *loop, uint64_t now_ms)
{
    struct rune_http_census census;
    size_t limit = loop->limits->max_buffered_bytes;
    if (now_ms - loop->last_census_ms < CENSUS_MS) {
        return;
    }
    loop->last_census_ms = now_ms;
    rune_http_census_take(&loop->context, &census);
    if (census.input_bytes + census.arriving * loop->global.max_request_entity_size <= limit) {
        return;
    }
    size_t heap_bytes = rune_http_census_heap_bytes();
    if (heap_bytes <= loop->heap_at_start + limit) {
        return;
    }
    h2o_conn_t *conn =
        census.most_bytes_count > loop->limits->max_body_bytes || census.most_arriving == NULL
            ? census.most_bytes
            : census.most_arriving;
    if (conn != NULL) {
        cut_connection(loop, conn, heap_bytes);
        loop->last_census_ms = 0; /* the next turn looks again */
    }
}

/* One wait with what follows from it. False: waiting fails. */
static bool turn(struct rune_http_loop *loop, int32_t wait_ms)
{
    if (h2o_evloop_run(loop->context.loop, wait_ms) == 0 || errno == EINTR) {
        return true;
    }
    RUNE_LOG(loop->log, RUNE_LOG_ERROR, "poll_failed", RUNE_LOG_CSTR("error", strerror(errno)));
    return false;
}

static enum rune_err open_sockets(struct rune_http_loop *loop)
{
    const struct rune_http_worker_config *config = loop->config;
    enum rune_err err = rune_http_accept_open(loop);
    if (err != RUNE_OK) {
        return err;
    }
    loop->stop_socket = rune_http_loop_watch(loop, config->stop_fd, on_stop, loop);
    if (loop->stop_socket == NULL) {
        return RUNE_E_IO;
    }
    if (config->command_fd >= 0) {
        loop->command_socket = rune_http_loop_watch(loop, config->command_fd, on_command, loop);
        if (loop->command_socket == NULL) {
            return RUNE_E_IO;
        }
    }
    return RUNE_OK;
}

enum rune_err rune_http_loop_serve(struct rune_http_loop *loop)
{
    unsigned failures = 0;
    enum rune_err err = open_sockets(loop);
    if (err != RUNE_OK) {
        return err;
    }
    loop->heap_at_start = rune_http_census_heap_bytes();
    tick(loop);
    while (loop->phase != RUNE_HTTP_STOPPED) {
        int32_t wait_ms =
            loop->phase == RUNE_HTTP_SERVING && loop->connection_count == 0 ? TICK_MS : CENSUS_MS;
        if (turn(loop, wait_ms)) {
            failures = 0;
        } else if (++failures >= POLL_FAILURES_MAX) {
            return RUNE_E_IO;
        }
        uint64_t now_ms = monotonic_ms();
        if (now_ms - loop->last_tick_ms >= TICK_MS) {
            tick(loop);
        }
        check_buffers(loop, now_ms);
        if (loop->phase == RUNE_HTTP_DRAINING) {
            continue_drain(loop, now_ms);
        }
    }
    return RUNE_OK;
}

/* ---- creation ---- */

struct request_handler {
    h2o_handler_t super;
    struct rune_http_loop *loop;
};

static int answer_request(h2o_handler_t *super, h2o_req_t *req)
{
    struct request_handler *handler = (struct request_handler *)(void *)super;
    rune_http_route_dispatch(handler->loop, req);
    return 0;
}

/* What the library should not do: name itself, guess at browsers, keep large inputs in files. */
static void configure(struct rune_http_loop *loop)
{
    h2o_config_init(&loop->global);
    loop->global.server_name = (h2o_iovec_t){(char *)"", 0};
    h2o_hostconf_t *host =
        h2o_config_register_host(&loop->global, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    host->http2.reprioritize_blocking_assets = 0;
    host->http2.push_preload = 0;
    h2o_socket_buffer_prototype.mmap_settings = NULL;
    h2o_socket_buffer_prototype.allocator.max = INPUT_BUFFERS_KEPT;

    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    path->error_log.emit_request_errors = 0;
    struct request_handler *handler = (void *)h2o_create_handler(path, sizeof(*handler));
    handler->super.on_req = answer_request;
    handler->loop = loop;
    host->fallback_path.error_log.emit_request_errors = 0;
    rune_http_register_error_filter(&host->fallback_path, loop);
    apply_limits(loop);
}

enum rune_err rune_http_loop_create(const struct rune_http_worker_config *config,
                                    enum rune_http_audience audience,
                                    struct rune_http_loop **ret_loop)
{
    struct rune_http_loop *loop = rune_calloc(1, sizeof(*loop));
    if (loop == NULL) {
        return RUNE_E_NOMEM;
    }
    loop->listener_count = config->listen_count * (1 + (size_t)config->slot_count);
    loop->listeners = rune_calloc(loop->listener_count + 1, sizeof(*loop->listeners));
    if (loop->listeners == NULL) {
        rune_free(loop);
        return RUNE_E_NOMEM;
    }
    rune_limits_init(&loop->default_limits);
    loop->config = config;
    loop->limits = config->limits != NULL ? config->limits : &loop->default_limits;
    loop->counters = config->counters != NULL ? config->counters : &loop->own_counters;
    loop->log = config->log;
    loop->view = config->view;
    loop->sample_countdown = 1;
    loop->route_count = rune_http_routes_select(audience, loop->routes);
    if (getrandom(&loop->request_seed, sizeof(loop->request_seed), 0) !=
        (ssize_t)sizeof(loop->request_seed)) {
        rune_free(loop->listeners);
        rune_free(loop);
        return RUNE_E_IO;
    }
    configure(loop);
    if (!rune_http_header_block_is_used()) {
        RUNE_LOG(loop->log, RUNE_LOG_WARN, "slow_http2_headers",
                 RUNE_LOG_CSTR("reason", "see http/header_block.h"));
    }
    h2o_context_init(&loop->context, h2o_evloop_create(), &loop->global);
    loop->context_ready = true;
    loop->accept.ctx = &loop->context;
    loop->accept.hosts = loop->global.hosts;
    *ret_loop = loop;
    return RUNE_OK;
}

static void close_socket(h2o_socket_t **socket)
{
    if (*socket != NULL) {
        h2o_socket_close(*socket);
        *socket = NULL;
    }
}

void rune_http_loop_destroy(struct rune_http_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    loop->phase = RUNE_HTTP_STOPPED;
    rune_http_accept_close(loop);
    uint64_t began_ms = monotonic_ms();
    while (loop->connection_count > 0 && monotonic_ms() - began_ms < CLOSE_PATIENCE_MS) {
        turn(loop, 10);
    }
    close_socket(&loop->stop_socket);
    close_socket(&loop->command_socket);
    if (loop->connection_count > 0) {
        return; /* the library has no way to close them; the process is about to end */
    }
    h2o_loop_t *evloop = loop->context.loop;
    h2o_timeout_unlink(&loop->context.http2._graceful_shutdown_timeout);
    h2o_context_dispose(&loop->context);
    /* by some versions of 2.2.5 */
    h2o_timeout_t *forgotten = &loop->context.http2.graceful_shutdown_timeout;
    if (h2o_linklist_is_linked(&forgotten->_link)) {
        h2o_timeout_dispose(evloop, forgotten);
    }
    h2o_config_dispose(&loop->global);
    h2o_evloop_destroy(evloop);
    rune_free(loop->listeners);
    rune_free(loop);
}
