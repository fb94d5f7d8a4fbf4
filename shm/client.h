/* SPDX-License-Identifier: Apache-2.0 */
/* client: the way from another process (the CLI) to a running server.
 *
 * A server has a runtime directory with a lock and a unix socket (`control.sock`), on which it
 * answers the calls of shm/messages.h. This finds the directory, connects, maps the control page
 * and makes calls that wait. Owns: the connection and the mapping. Used by: cli. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rune/err.h"
#include "shm/control.h"
#include "shm/messages.h"

#define RUNE_RUNTIME_SOCKET       "control.sock"
#define RUNE_RUNTIME_ADMIN_SOCKET "admin.sock"
#define RUNE_RUNTIME_LOCK         "lock"

struct rune_diag;

struct rune_client {
    int socket;
    uint64_t next_id;
    struct rune_control_map map; /* the running server's control page, read-only */
};

/* Where instances keep their directories when not told otherwise: /run/rune for root, else
 * $XDG_RUNTIME_DIR/rune, else /tmp/rune-UID. An instance's own is named by its pid. False if it
 * does not fit. */
bool rune_runtime_base(char *ret_path, size_t size);

/* The directory of the one live instance below the base. RUNE_E_NOT_FOUND: none; RUNE_E_INVALID:
 * several, and diag lists them. */
RUNE_MUST_USE enum rune_err rune_runtime_find(char *ret_path, size_t size, struct rune_diag *diag);

/* Connects to the server of `runtime_dir` (NULL: the one rune_runtime_find gives) and maps its
 * control page. RUNE_E_NOT_FOUND, RUNE_E_INVALID, RUNE_E_IO, RUNE_E_VERSION. OWNERSHIP: the caller
 * closes. */
RUNE_MUST_USE enum rune_err
rune_client_open(const char *runtime_dir, struct rune_client *ret_client, struct rune_diag *diag);
void rune_client_close(struct rune_client *client);

/* Makes a call and waits for its answer, at most timeout_ms (0: forever). The answer's own `err` is
 * in *ret_reply; the return value tells whether there is an answer: RUNE_E_TIMEOUT,
 * RUNE_E_NOT_FOUND (server gone), RUNE_E_IO. *ret_fd: the descriptor that came along (diagnostics),
 * the caller closes it; -1: none. */
RUNE_MUST_USE enum rune_err rune_client_call(struct rune_client *client, enum rune_call_kind kind,
                                             uint32_t timeout_ms, struct rune_reply *ret_reply,
                                             int *ret_fd);
