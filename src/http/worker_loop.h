/* SPDX-License-Identifier: Apache-2.0 */
/* worker_loop: a worker's loop thread, from listening sockets to answered decisions.
 *
 * Owns: the h2o loop, the connections, one decider. Knows routes and limits. Does not know how
 * images arrive (the subscriber thread publishes them in the view) nor why the process drains.
 * Process: worker, loop thread. Used by: server/worker.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "guard/limits.h"
#include "rune/err.h"

struct rune_view_root; /* live/view.h */
struct rune_counters;  /* shm/counters.h */
struct rune_log;       /* observe/log.h */

/* What is written to the stop eventfd. The counts add up, so both may have been written before the
 * loop looks. */
#define RUNE_HTTP_STOP_DRAIN \
    UINT64_C(1) /* answer what is there, close idle connections, then return */
#define RUNE_HTTP_STOP_NOW (UINT64_C(1) << 32) /* close everything and return */

/* Called on the loop thread at least once a second, and when the loop becomes ready and when it
 * begins to drain: heartbeat and readiness go to the control page there. Must not block. */
typedef void (*rune_http_tick_fn)(void *context, int draining);

struct rune_http_worker_config {
    const int *listen_fds; /* listening sockets; duplicated, they stay the caller's */
    size_t listen_count;
    int stop_fd; /* an eventfd, see above; stays the caller's */
    struct rune_view_root *view;
    struct rune_counters *counters; /* this process's block: the loop thread is its one writer */
    /* NULL: the defaults; read where used: the tick may change them (a reload did) */
    const struct rune_limits *limits;
    /* While a slot's worker does not come up, another one accepts on that slot's listeners: */
    /* non-blocking pipe of struct rune_loop_command (shm/messages.h): ADOPT, DROP; -1: none */
    int command_fd;
    /* those of slot s are the listen_count fds from s * listen_count on */
    const int *slot_listen_fds;
    uint32_t slot_count;
    struct rune_log *log;   /* NULL: silent */
    rune_http_tick_fn tick; /* NULL: none */
    void *tick_context;
};

/* Serves until told to stop, then returns RUNE_OK. RUNE_E_NOMEM, RUNE_E_IO: it could not begin.
 * Call once a process, with SIGPIPE ignored. */
RUNE_MUST_USE enum rune_err rune_http_worker_run(const struct rune_http_worker_config *config);
