/* SPDX-License-Identifier: Apache-2.0 */
#include "http/worker_loop.h"

#include "engine/decider.h"
#include "http/loop.h"
#include "live/view.h"

/* The steps a decision may take come with the first view; the subscriber has published one before the loop begins. */
static uint64_t max_steps(const struct rune_view_root *root)
{
    const struct rune_view *view = rune_view_enter(root);
    uint64_t steps = view != NULL ? view->limits.max_steps : 0;
    rune_view_leave();
    return steps;
}

enum rune_err rune_http_worker_run(const struct rune_http_worker_config *config)
{
    struct rune_http_loop *loop = NULL;
    struct rune_decider *decider = NULL;
    rune_view_thread_register();
    struct rune_decider_options options = {.max_steps = max_steps(config->view)};
    enum rune_err err = rune_decider_create(&options, &decider);
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
