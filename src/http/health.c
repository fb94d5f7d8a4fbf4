/* SPDX-License-Identifier: Apache-2.0 */
/* health: is the process there (live), and should it be sent requests (ready). */
#include "http/loop.h"
#include "http/respond.h"
#include "live/view.h"

void rune_http_answer_live(struct rune_http_loop *loop, h2o_req_t *req)
{
    rune_http_respond(
        loop, req,
        &(struct rune_http_response){.status = 200, .body = RUNE_STR("{\"status\":\"live\"}\n")});
}

void rune_http_answer_ready(struct rune_http_loop *loop, h2o_req_t *req)
{
    if (loop->phase != RUNE_HTTP_SERVING) {
        rune_http_respond_error(loop, req, 503, "draining", "the server is about to stop");
        return;
    }
    const struct rune_view *view = rune_view_enter(loop->view);
    bool has_image = view != NULL && view->image != NULL;
    rune_view_leave();
    if (!has_image) {
        rune_http_respond_error(loop, req, 503, "no_image", "no image has been published yet");
        return;
    }
    rune_http_respond(
        loop, req,
        &(struct rune_http_response){.status = 200, .body = RUNE_STR("{\"status\":\"ready\"}\n")});
}
