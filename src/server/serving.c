/* SPDX-License-Identifier: Apache-2.0 */
/* Process: worker, admin. */
#include "server/serving.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "http/worker_loop.h"
#include "server/config.h"

static void follow_limits(struct rune_serving *serving)
{
    const struct rune_view *view = rune_view_enter(&serving->root);
    if (view != NULL) {
        rune_config_limits_from_shared(&view->limits, &serving->limits);
        serving->log.level = (enum rune_log_level)view->limits.log_level;
    }
    rune_view_leave();
}

enum rune_err rune_serving_begin(struct rune_serving *serving, const struct rune_heritage *heritage,
                                 int socket, uint32_t slot, const char *role)
{
    int commands[2];
    *serving = (struct rune_serving){.control = heritage->control};
    rune_log_init(&serving->log, heritage->log_write,
                  (enum rune_log_level)heritage->config->log_level, role);
    enum rune_err err = rune_control_narrow(&serving->control, slot);
    if (err == RUNE_OK) {
        err = rune_child_drop(heritage);
    }
    int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (err == RUNE_OK && (stop_fd < 0 || pipe2(commands, O_CLOEXEC | O_NONBLOCK) != 0)) {
        err = RUNE_E_IO;
    }
    if (err != RUNE_OK) {
        RUNE_LOG(&serving->log, RUNE_LOG_ERROR, "start_failed",
                 RUNE_LOG_CSTR("error", strerror(errno)));
        return err;
    }
    serving->slot = rune_control_slot_get(&serving->control, slot);
    serving->command_read = commands[0];
    serving->subscriber = (struct rune_subscriber){
        .orders = socket,
        .commands = commands[1],
        .stop_fd = stop_fd,
        .stop_drain = RUNE_HTTP_STOP_DRAIN,
        .stop_now = RUNE_HTTP_STOP_NOW,
        .root = &serving->root,
        .slot = serving->slot,
    };
    rune_view_thread_register();
    err = rune_subscriber_start(&serving->subscriber);
    if (err != RUNE_OK) {
        RUNE_LOG(&serving->log, RUNE_LOG_ERROR, "image_refused",
                 RUNE_LOG_CSTR("error", rune_err_text(err)));
    } else {
        follow_limits(serving);
    }
    rune_view_thread_unregister(); /* the loop registers for itself */
    return err;
}

void rune_serving_tick(void *context, int draining)
{
    struct rune_serving *serving = context;
    rune_control_slot_beat(serving->slot, 0);
    follow_limits(serving);
    if (draining) {
        rune_control_slot_set_ready(serving->slot, 0);
    } else if (!serving->announced) {
        serving->announced = true;
        rune_subscriber_announce_ready(&serving->subscriber);
    }
}

_Noreturn void rune_serving_end(struct rune_serving *serving, enum rune_err err)
{
    rune_control_slot_set_ready(serving->slot, 0);
    if (err != RUNE_OK) {
        RUNE_LOG(&serving->log, RUNE_LOG_ERROR, "loop_failed",
                 RUNE_LOG_CSTR("error", rune_err_text(err)));
    }
    rune_subscriber_stop(&serving->subscriber);
    rune_view_root_fini(&serving->root);
    _exit(err == RUNE_OK ? 0 : 1);
}
