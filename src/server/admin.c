/* SPDX-License-Identifier: Apache-2.0 */
/* Process: admin. As a worker, on the admin listener, with a socket for calls to the supervisor. */
#include <unistd.h>

#include "http/admin_loop.h"
#include "server/roles.h"
#include "server/serving.h"

_Noreturn void rune_admin_main(const struct rune_heritage *heritage, int socket, int relay)
{
    const int keep[] = {socket, relay, heritage->listeners->admin_fd, heritage->log_write,
                        heritage->control.fd};
    struct rune_serving serving;
    uint32_t slot = heritage->listeners->slot_count; /* the one behind the workers */
    if (rune_child_begin("rune: admin", RUNE_CHILD_SERVES, keep, sizeof keep / sizeof keep[0]) !=
            RUNE_OK ||
        rune_serving_begin(&serving, heritage, socket, slot, "admin") != RUNE_OK) {
        _exit(1);
    }
    const struct rune_http_admin_config config = {
        .listen_fds = &heritage->listeners->admin_fd,
        .listen_count = 1,
        .stop_fd = serving.subscriber.stop_fd,
        .relay_fd = relay,
        .view = &serving.root,
        .control = &serving.control,
        .counters = &serving.slot->counters,
        .limits = &serving.limits,
        .log = &serving.log,
        .tick = rune_serving_tick,
        .tick_context = &serving,
    };
    enum rune_err err = rune_http_admin_run(&config);
    rune_serving_end(&serving, err);
}
