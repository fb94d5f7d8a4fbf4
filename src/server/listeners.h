/* SPDX-License-Identifier: Apache-2.0 */
/* listeners: the listening sockets, made once, by the supervisor, before any worker.
 *
 * One SO_REUSEPORT socket for each worker slot and address: the kernel spreads connections over
 * them, and a slot's queue outlives its worker. Closing one would reset what is queued on it, so
 * they stay until the end. Owns: the descriptors. Process: supervisor; workers inherit them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rune/err.h"
#include "server/config.h"

struct rune_diag;

#define RUNE_ADDRESS_TEXT 136

struct rune_listeners {
    uint32_t slot_count;
    uint32_t count; /* addresses */
    /* of slot s: the `count` ones from s * count on */
    int fds[64 * RUNE_CONFIG_MAX_LISTEN];
    /* as bound: with the port that the kernel chose */
    char addresses[RUNE_CONFIG_MAX_LISTEN][RUNE_ADDRESS_TEXT];
    int admin_fd;
    char admin_address[RUNE_ADDRESS_TEXT];
};

/* Whether the text is an address that could be bound: "HOST:PORT" with a numeric host, "localhost"
 * or "*"; for the admin listener loopback or "unix:PATH". RUNE_E_INVALID with a message that begins
 * with `what`. */
enum rune_address_use { RUNE_ADDRESS_PUBLIC, RUNE_ADDRESS_ADMIN };
RUNE_MUST_USE enum rune_err rune_listeners_check(const char *text, enum rune_address_use use,
                                                 struct rune_diag *diag);

/* Binds and listens. A port that any other socket listens on is RUNE_E_BUSY: the first bind is
 * without SO_REUSEPORT. The admin socket's path is replaced. RUNE_E_INVALID, RUNE_E_BUSY,
 * RUNE_E_IO, each with a message. */
RUNE_MUST_USE enum rune_err rune_listeners_open(const struct rune_config *config,
                                                uint32_t worker_count, const char *runtime_dir,
                                                struct rune_listeners *ret_listeners,
                                                struct rune_diag *diag);
void rune_listeners_close(struct rune_listeners *listeners);
