/* SPDX-License-Identifier: Apache-2.0 */
#include "http/admin_loop.h"

#include "http/loop.h"
#include "http/relay.h"
#include "live/view.h"

enum rune_err rune_http_admin_run(const struct rune_http_admin_config *config)
{
    struct rune_http_worker_config common = {
        .listen_fds = config->listen_fds,
        .listen_count = config->listen_count,
        .stop_fd = config->stop_fd,
        .view = config->view,
        .counters = config->counters,
        .limits = config->limits,
        .command_fd = -1,
        .log = config->log,
        .tick = config->tick,
        .tick_context = config->tick_context,
    };
    struct rune_http_loop *loop = NULL;
    rune_view_thread_register();
    enum rune_err err = rune_http_loop_create(&common, RUNE_HTTP_ADMIN, &loop);
    if (err == RUNE_OK) {
        loop->control = config->control;
        err = rune_http_relay_create(loop, config->relay_fd, &loop->relay);
    }
    if (err == RUNE_OK) {
        err = rune_http_loop_serve(loop);
    }
    if (loop != NULL) {
        rune_http_relay_destroy(loop->relay);
        loop->relay = NULL;
    }
    rune_http_loop_destroy(loop);
    rune_view_thread_unregister();
    return err;
}
