/* SPDX-License-Identifier: Apache-2.0 */
/* subscriber: the thread of a worker (or admin) process that follows the supervisor's orders.
 *
 * Maps a published image, checks it, faults it in, swaps the view, closes the old one, acknowledges
 * on the control page and tells the supervisor; relays commands to the loop thread through a pipe.
 * Does not know: http. Process: worker, admin. Used by: server/worker, server/admin. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "live/view.h"
#include "rune/err.h"
#include "shm/control.h"

struct rune_subscriber {
    int orders; /* socketpair to the supervisor */
    /* write end of the pipe of struct rune_loop_command to the loop thread; -1: none */
    int commands;
    int stop_fd;         /* eventfd of the loop thread (http/worker_loop.h) */
    uint64_t stop_drain; /* what to add to it for DRAIN */
    uint64_t stop_now;   /* and when the supervisor is gone */
    struct rune_view_root *root;
    struct rune_control_slot *slot; /* of this process */
    bool is_running;                /* the first image was published */
    pthread_t thread;
};

/* Waits for the first PUBLISH, carries it out on the calling thread, and starts the thread for all
 * that follow. The caller fills in all fields but `thread`. Signals are blocked in the thread. When
 * the supervisor closes its end the loop is told to drain at once. RUNE_E_IO, RUNE_E_CORRUPT and
 * whatever opening the image gives. */
RUNE_MUST_USE enum rune_err rune_subscriber_start(struct rune_subscriber *subscriber);

/* Ends the thread and waits for it. */
void rune_subscriber_stop(struct rune_subscriber *subscriber);

/* The loop thread: tells the supervisor that the slot is ready. */
void rune_subscriber_announce_ready(struct rune_subscriber *subscriber);
