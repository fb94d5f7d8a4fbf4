/* SPDX-License-Identifier: Apache-2.0 */
/* loop: one thread's h2o loop with its listeners, connections, limits and drain; worker and admin
 * differ in routes.
 *
 * Owns: the event loop, the listening sockets' duplicates, the list of open connections, the
 * decider. Private to the room: what it shows of h2o stays in src/http. Thread: the loop thread. */
#pragma once

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard/limits.h"
#include "http/http1_head.h"
#include "http/route.h"
#include "http/worker_loop.h"
#include "observe/log.h"
#include "shm/counters.h"

struct rune_decider;
struct rune_http_relay;
struct rune_control_map;
struct rune_view_root;

enum rune_http_phase { RUNE_HTTP_SERVING, RUNE_HTTP_DRAINING, RUNE_HTTP_STOPPED };

#define RUNE_HTTP_OWN_SLOT UINT32_MAX

struct rune_http_listener {
    struct rune_http_loop *loop;
    h2o_socket_t *socket; /* NULL: a free place */
    uint32_t slot;        /* whose listener this is; RUNE_HTTP_OWN_SLOT: this process's own */
};

/* An open connection, below whatever protocol it speaks. */
struct rune_http_connection {
    struct rune_http_connection *next;
    struct rune_http_connection *previous;
    struct rune_http_loop *loop;
    h2o_socket_t *socket;
};

struct rune_http_loop {
    h2o_globalconf_t global;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    bool context_ready;

    struct rune_http_listener *listeners;
    size_t listener_count;
    bool accepting;
    h2o_socket_t *stop_socket;
    h2o_socket_t *command_socket;
    struct rune_http_connection *connections;
    uint32_t connection_count;

    enum rune_http_phase phase;
    uint64_t drain_began_ms;
    uint64_t last_tick_ms;
    uint64_t last_census_ms;
    size_t heap_at_start;

    const struct rune_http_worker_config *config;
    const struct rune_limits *limits;
    struct rune_limits default_limits;
    struct rune_counters *counters;
    struct rune_counters own_counters; /* counted into when the caller gave none */
    struct rune_log *log;
    struct rune_view_root *view;

    struct rune_http_route routes[RUNE_HTTP_ROUTE_COUNT];
    size_t route_count;

    struct rune_http1_head http1_head;
    struct rune_decider *decider; /* workers only */
    uint64_t request_seed;        /* random, one a process */
    uint64_t request_count;
    uint32_t sample_countdown; /* to the next request whose time is taken */

    struct rune_http_relay *relay;          /* admin only */
    const struct rune_control_map *control; /* admin only */
};

/* Prepares everything but the listeners: configuration, context, routes. RUNE_E_NOMEM, RUNE_E_IO.
 * OWNERSHIP: rune_http_loop_destroy, also after a failure of what follows. `config` must outlive
 * the loop. */
RUNE_MUST_USE enum rune_err rune_http_loop_create(const struct rune_http_worker_config *config,
                                                  enum rune_http_audience audience,
                                                  struct rune_http_loop **ret_loop);
void rune_http_loop_destroy(struct rune_http_loop *loop);

/* Opens listeners and the stop descriptor, then serves until told to stop. RUNE_E_IO, RUNE_E_NOMEM.
 */
RUNE_MUST_USE enum rune_err rune_http_loop_serve(struct rune_http_loop *loop);

/* Wraps a duplicate of `fd`, so that closing the socket leaves the caller's descriptor open. NULL
 * on failure. */
h2o_socket_t *rune_http_loop_watch(struct rune_http_loop *loop, int fd, h2o_socket_cb callback,
                                   void *data);
