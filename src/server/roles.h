/* SPDX-License-Identifier: Apache-2.0 */
/* roles: what children do; each is a file of its own and never returns.
 *
 * Called in a fresh child. `socket` is the child's end of its socketpair to the supervisor
 * (shm/messages.h). Exit status 0 means that the role did what it was for. */
#pragma once

#include <stdint.h>

#include "server/heritage.h"

/* Bundle -> sealed image and diagnostics, sent over the socket. */
_Noreturn void rune_builder_main(const struct rune_heritage *heritage, int socket);

/* The sealed image, verified deeply and hashed -> a report. */
_Noreturn void rune_verifier_main(const struct rune_heritage *heritage, int socket, int image_fd);

/* Serves the public listeners of one slot. */
_Noreturn void rune_worker_main(const struct rune_heritage *heritage, int socket, uint32_t slot);

/* Serves the admin listener; `relay` is its other socketpair, for calls. */
_Noreturn void rune_admin_main(const struct rune_heritage *heritage, int socket, int relay);

/* Copies log lines from the pipe to where they belong, until all writers are gone. */
_Noreturn void rune_auditor_main(const struct rune_heritage *heritage);
