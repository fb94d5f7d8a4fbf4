/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: the process that owns the sockets, the image, the control page and all children.
 *
 * One thread around epoll. Parses nothing that came over a network and no policy; reads fixed-size
 * messages only. Parts: supervisor.c (loop, signals, beginning and end), slots.c (workers and
 * admin), reload.c (build, verify, publish), calls.c (who asks, over the runtime directory's socket
 * or the admin's relay). Used by: main. */
#pragma once

#include "rune/err.h"
#include "server/config.h"

struct rune_diag;

/* Exit statuses of runed. */
enum rune_exit {
    RUNE_EXIT_OK = 0,
    RUNE_EXIT_FAILURE = 1, /* something of the system failed */
    RUNE_EXIT_USAGE = 2,   /* flags, configuration, a port or runtime directory in use */
    RUNE_EXIT_BUNDLE = 3,  /* the bundle does not build: no service without an image */
};

/* Checks what of the configuration needs looking at the machine: addresses, user. RUNE_E_INVALID.
 */
RUNE_MUST_USE enum rune_err rune_supervisor_check(const struct rune_config *config,
                                                  struct rune_diag *diag);

/* Runs until told to leave. Messages before the log works go to the diag. */
enum rune_exit rune_supervisor_run(const struct rune_config *config, int argc, char **argv,
                                   struct rune_diag *diag);
