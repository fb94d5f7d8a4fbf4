/* SPDX-License-Identifier: Apache-2.0 */
/* view: the world a worker decides by: one image, its generation, the limits; published through one
 * RCU pointer.
 *
 * Owns: the views and through them the open images. INVARIANT: a decision is made between one enter
 * and one leave, from exactly that view; nothing borrowed from it outlives the leave. Between the
 * two: no allocation, no system call, no waiting, no callback into the event loop. The only code
 * that knows liburcu (memb flavour: the event loop waits and runs callbacks in one call, so a
 * flavour that must be told of quiet moments has no place to be told). fork: the supervisor never
 * registers a thread and starts none; children register after the fork, so liburcu's rules for fork
 * without exec do not apply. Used by: subscriber (writer), http loops (readers). */
#pragma once

#include <stdint.h>

#include "rune/err.h"
#include "shm/messages.h"

struct rune_image;

struct rune_view {
    const struct rune_image *image;
    uint64_t generation;
    struct rune_shared_limits limits;
};

/* One process has one root (later: a table of them, one a tenant). Zeroed: no view yet. */
struct rune_view_root {
    struct rune_view *current; /* through enter and the functions below only */
};

/* Each thread that enters, before it does and when it is done. */
void rune_view_thread_register(void);
void rune_view_thread_unregister(void);

/* The current view, NULL before the first swap (the section is open all the same). Nests. Cost: a
 * few ns, no lock. */
const struct rune_view *rune_view_enter(const struct rune_view_root *root);
void rune_view_leave(void);

/* Makes image and limits the current view, waits until no reader is in the old one, closes that.
 * When this returns, nothing decides by anything older. OWNERSHIP: takes the image, also on
 * failure. One writer thread, which is in no read section. RUNE_E_NOMEM: the old view stays. */
RUNE_MUST_USE enum rune_err rune_view_swap(struct rune_view_root *root, struct rune_image *image,
                                           uint64_t generation,
                                           const struct rune_shared_limits *limits);

/* The same image with other limits. */
RUNE_MUST_USE enum rune_err rune_view_set_limits(struct rune_view_root *root,
                                                 const struct rune_shared_limits *limits);

/* Closes the current view; no reader may come any more. */
void rune_view_root_fini(struct rune_view_root *root);
