/* SPDX-License-Identifier: Apache-2.0 */
/* runtime_dir: the folder of one running instance: its lock, its control socket, the addresses it
 * listens on.
 *
 * Owns: the files it makes, and takes them away at the end. What instances that crashed have left
 * below the common base is swept at the start of the next. Process: supervisor. */
#pragma once

#include <stdint.h>

#include "rune/err.h"

struct rune_diag;
struct rune_listeners;
struct rune_identity;

struct rune_runtime_dir {
    char path[256];
    int lock_fd;
    int socket; /* listening, SOCK_SEQPACKET */
};

/* Makes the folder (`wanted`, or one of its own), locks it and opens the control socket.
 * RUNE_E_BUSY: another instance holds it; RUNE_E_IO, RUNE_E_INVALID. All with a message. */
RUNE_MUST_USE enum rune_err
rune_runtime_dir_open(const char *wanted, struct rune_runtime_dir *ret_dir, struct rune_diag *diag);

/* Writes the file `addresses`: lines "listen HOST:PORT" and "admin ADDRESS", whole or not at all.
 */
void rune_runtime_dir_tell_addresses(const struct rune_runtime_dir *dir,
                                     const struct rune_listeners *listeners);

void rune_runtime_dir_close(struct rune_runtime_dir *dir);
