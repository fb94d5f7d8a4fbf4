/* SPDX-License-Identifier: Apache-2.0 */
#include "http/accept.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/alloc.h"

#define ACCEPTS_AT_ONCE 32

/* ---- connections ---- */

static void gauge_connections(struct rune_http_loop *loop)
{
    rune_gauge_set(loop->counters, RUNE_METRIC_ACTIVE_CONNECTIONS, loop->connection_count);
}

static void stop(struct rune_http_loop *loop)
{
    for (size_t i = 0; loop->accepting && i < loop->listener_count; i++) {
        if (loop->listeners[i].socket != NULL) {
            h2o_socket_read_stop(loop->listeners[i].socket);
        }
    }
    loop->accepting = false;
}

static void on_connection_close(void *data)
{
    struct rune_http_connection *connection = data;
    struct rune_http_loop *loop = connection->loop;
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        loop->connections = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    loop->connection_count--;
    gauge_connections(loop);
    rune_free(connection);
    if (loop->phase == RUNE_HTTP_SERVING) {
        rune_http_accept_resume(loop);
    }
}

/* False: no more may be accepted now. */
static bool accept_one(struct rune_http_listener *listener)
{
    struct rune_http_loop *loop = listener->loop;
    if (loop->connection_count >= loop->limits->max_connections) {
        stop(loop);
        return false;
    }
    h2o_socket_t *socket = h2o_evloop_socket_accept(listener->socket);
    if (socket == NULL) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            stop(loop); /* the next tick tries again */
        }
        return false;
    }
    struct rune_http_connection *connection = rune_calloc(1, sizeof(*connection));
    if (connection == NULL) {
        h2o_socket_close(socket);
        return false;
    }
    connection->loop = loop;
    connection->socket = socket;
    connection->next = loop->connections;
    if (connection->next != NULL) {
        connection->next->previous = connection;
    }
    loop->connections = connection;
    loop->connection_count++;
    gauge_connections(loop);
    socket->on_close.cb = on_connection_close;
    socket->on_close.data = connection;
    h2o_accept(&loop->accept, socket);
    return true;
}

static void on_acceptable(h2o_socket_t *socket, const char *err)
{
    if (err != NULL) {
        return;
    }
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        if (!accept_one(socket->data)) {
            return;
        }
    }
}

void rune_http_accept_resume(struct rune_http_loop *loop)
{
    if (loop->connection_count >= loop->limits->max_connections) {
        stop(loop);
        return;
    }
    for (size_t i = 0; !loop->accepting && i < loop->listener_count; i++) {
        if (loop->listeners[i].socket != NULL) {
            h2o_socket_read_start(loop->listeners[i].socket, on_acceptable);
        }
    }
    loop->accepting = true;
}

void rune_http_accept_end(struct rune_http_loop *loop)
{
    for (size_t i = 0; i < loop->listener_count; i++) {
        while (loop->listeners[i].socket != NULL && loop->accepting &&
               accept_one(&loop->listeners[i])) {
            /* what connected before is served */
        }
    }
    stop(loop);
}

/* ---- listeners ---- */

static enum rune_err add_listener(struct rune_http_loop *loop, int fd, uint32_t slot)
{
    struct rune_http_listener *listener = NULL;
    for (size_t i = 0; i < loop->listener_count && listener == NULL; i++) {
        if (loop->listeners[i].socket == NULL) {
            listener = &loop->listeners[i];
        }
    }
    if (listener == NULL) {
        return RUNE_E_LIMIT;
    }
    h2o_socket_t *socket = rune_http_loop_watch(loop, fd, on_acceptable, listener);
    if (socket == NULL) {
        return RUNE_E_IO;
    }
    *listener = (struct rune_http_listener){.loop = loop, .socket = socket, .slot = slot};
    if (!loop->accepting) {
        h2o_socket_read_stop(socket);
    }
    return RUNE_OK;
}

enum rune_err rune_http_accept_open(struct rune_http_loop *loop)
{
    const struct rune_http_worker_config *config = loop->config;
    enum rune_err err = RUNE_OK;
    loop->accepting = true;
    for (size_t i = 0; i < config->listen_count && err == RUNE_OK; i++) {
        err = add_listener(loop, config->listen_fds[i], RUNE_HTTP_OWN_SLOT);
    }
    return err;
}

static bool has_listeners(const struct rune_http_loop *loop, uint32_t slot)
{
    for (size_t i = 0; i < loop->listener_count; i++) {
        if (loop->listeners[i].socket != NULL && loop->listeners[i].slot == slot) {
            return true;
        }
    }
    return false;
}

void rune_http_accept_adopt(struct rune_http_loop *loop, uint32_t slot)
{
    const struct rune_http_worker_config *config = loop->config;
    if (slot >= config->slot_count || has_listeners(loop, slot)) {
        return;
    }
    for (size_t i = 0; i < config->listen_count; i++) {
        enum rune_err err =
            add_listener(loop, config->slot_listen_fds[slot * config->listen_count + i], slot);
        if (err != RUNE_OK) {
            RUNE_LOG(loop->log, RUNE_LOG_ERROR, "adopt_failed", RUNE_LOG_UINT("slot", slot),
                     RUNE_LOG_CSTR("error", rune_err_text(err)));
        }
    }
}

void rune_http_accept_drop(struct rune_http_loop *loop, uint32_t slot)
{
    for (size_t i = 0; i < loop->listener_count; i++) {
        struct rune_http_listener *listener = &loop->listeners[i];
        if (listener->socket != NULL && listener->slot == slot) {
            h2o_socket_close(listener->socket);
            listener->socket = NULL;
        }
    }
}

/* ---- the end ---- */

void rune_http_accept_close(struct rune_http_loop *loop)
{
    for (size_t i = 0; i < loop->listener_count; i++) {
        if (loop->listeners[i].socket != NULL) {
            h2o_socket_close(loop->listeners[i].socket);
            loop->listeners[i].socket = NULL;
        }
    }
    for (struct rune_http_connection *it = loop->connections; it != NULL; it = it->next) {
        shutdown(h2o_socket_get_fd(it->socket), SHUT_RDWR);
    }
}
