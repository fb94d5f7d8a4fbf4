/* SPDX-License-Identifier: Apache-2.0 */
#include "http/worker_loop.h"

#include "engine/decider.h"
#include "http/loop.h"
#include "live/view.h"

enum rune_err rune_http_worker_run(const struct rune_http_worker_config *config)
{
    struct rune_http_loop *loop = NULL;
    struct rune_decider *decider = NULL;
    rune_view_thread_register();
    enum rune_err err = rune_decider_create(NULL, &decider);
    if (err == RUNE_OK) {
        err = rune_http_loop_create(config, RUNE_HTTP_PUBLIC, &loop);
    }
    if (err == RUNE_OK) {
        loop->decider = decider;
        err = rune_http_loop_serve(loop);
    }
    rune_http_loop_destroy(loop); /* may still answer what it reads: before the decider */
    rune_decider_destroy(decider);
    rune_view_thread_unregister();
    return err;
}
