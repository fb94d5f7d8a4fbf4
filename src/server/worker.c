/* SPDX-License-Identifier: Apache-2.0 */
/* Process: worker. The loop thread is src/http's; the subscriber thread is src/live's; this puts
 * them together. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "http/worker_loop.h"
#include "server/roles.h"
#include "server/serving.h"

_Noreturn void rune_worker_main(const struct rune_heritage *heritage, int socket, uint32_t slot)
{
    const struct rune_listeners *listeners = heritage->listeners;
    uint32_t fd_count = listeners->slot_count * listeners->count;
    int keep[64 * RUNE_CONFIG_MAX_LISTEN + 3];
    struct rune_serving serving;
    char name[24];
    snprintf(name, sizeof name, "rune: worker %u", slot);
    memcpy(keep, listeners->fds, fd_count * sizeof keep[0]);
    keep[fd_count] = socket;
    keep[fd_count + 1] = heritage->log_write;
    keep[fd_count + 2] = heritage->control.fd;
    if (rune_child_begin(name, RUNE_CHILD_SERVES, keep, fd_count + 3) != RUNE_OK ||
        rune_serving_begin(&serving, heritage, socket, slot, "worker") != RUNE_OK) {
        _exit(1);
    }
    const struct rune_http_worker_config config = {
        .listen_fds = listeners->fds + slot * listeners->count,
        .listen_count = listeners->count,
        .stop_fd = serving.subscriber.stop_fd,
        .view = &serving.root,
        .counters = &serving.slot->counters,
        .limits = &serving.limits,
        .command_fd = serving.command_read,
        .slot_listen_fds = listeners->fds,
        .slot_count = listeners->slot_count,
        .log = &serving.log,
        .tick = rune_serving_tick,
        .tick_context = &serving,
    };
    enum rune_err err = rune_http_worker_run(&config);
    rune_serving_end(&serving, err);
}
