/* SPDX-License-Identifier: Apache-2.0 */
/* admin_loop: the admin process's loop thread: configuration, reload, validation, metrics.
 *
 * Owns: the h2o loop, the connections, the calls that wait for the supervisor. Relays reload and
 * validate to the supervisor in fixed-size messages (shm/messages.h) and never waits for it: the
 * answers come through the same socket when they come. Does not build, does not serve the public
 * port. Process: admin, loop thread. Used by: server/admin.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "guard/limits.h"
#include "http/worker_loop.h"
#include "rune/err.h"

struct rune_control_map; /* shm/control.h */

struct rune_http_admin_config {
    const int *listen_fds; /* unix or loopback; duplicated, they stay the caller's */
    size_t listen_count;
    int stop_fd; /* as in worker_loop.h */
    /* SOCK_SEQPACKET to the supervisor, this thread its one user; stays the caller's */
    int relay_fd;
    struct rune_view_root *view;
    /* the control page: workers, counters of all slots, the last reload */
    const struct rune_control_map *control;
    struct rune_counters *counters;   /* this process's own block, NULL if it has none */
    const struct rune_limits *limits; /* as in worker_loop.h */
    struct rune_log *log;
    rune_http_tick_fn tick;
    void *tick_context;
};

/* As rune_http_worker_run. */
RUNE_MUST_USE enum rune_err rune_http_admin_run(const struct rune_http_admin_config *config);
