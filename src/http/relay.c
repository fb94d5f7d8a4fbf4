/* SPDX-License-Identifier: Apache-2.0 */
#include "http/relay.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/alloc.h"
#include "http/loop.h"

/* Lives in the request's pool: the pool's end takes it off the list. */
struct waiting {
    struct waiting *next;
    struct waiting **link; /* what points to this; NULL: off the list */
    struct rune_http_relay *relay;
    h2o_req_t *req;
    rune_http_relay_fn answer;
    uint64_t id;
};

struct rune_http_relay {
    struct rune_http_loop *loop;
    h2o_socket_t *socket; /* NULL: the supervisor is gone */
    int fd;
    uint64_t next_id;
    struct waiting *waiting;
    uint32_t count;
};

static void take_off(struct waiting *waiting)
{
    if (waiting->link == NULL) {
        return;
    }
    *waiting->link = waiting->next;
    if (waiting->next != NULL) {
        waiting->next->link = waiting->link;
    }
    waiting->link = NULL;
    waiting->relay->count--;
}

static void on_request_end(void *data)
{
    take_off(data);
}

static void give_up(struct rune_http_relay *relay)
{
    if (relay->socket != NULL) {
        h2o_socket_close(relay->socket);
        relay->socket = NULL;
    }
    while (relay->waiting != NULL) {
        struct waiting *waiting = relay->waiting;
        take_off(waiting);
        waiting->answer(relay->loop, waiting->req, NULL, NULL);
    }
}

static void deliver(struct rune_http_relay *relay, const struct rune_reply *reply, int fd)
{
    struct rune_diagnostics diagnostics;
    struct waiting *waiting = relay->waiting;
    while (waiting != NULL && waiting->id != reply->id) {
        waiting = waiting->next;
    }
    if (waiting == NULL) {
        return; /* its client has gone */
    }
    take_off(waiting);
    bool has_diagnostics = fd >= 0 && rune_diagnostics_map(fd, &diagnostics) == RUNE_OK;
    waiting->answer(relay->loop, waiting->req, reply, has_diagnostics ? &diagnostics : NULL);
    if (has_diagnostics) {
        rune_diagnostics_unmap(&diagnostics);
    }
}

static void on_readable(h2o_socket_t *socket, const char *err)
{
    struct rune_http_relay *relay = socket->data;
    struct rune_reply reply;
    (void)err;
    for (;;) {
        int fd = -1;
        enum rune_err received = rune_message_receive(relay->fd, &reply, sizeof(reply), &fd);
        if (received == RUNE_E_BUSY) {
            return;
        }
        if (received != RUNE_OK) {
            RUNE_LOG(relay->loop->log, RUNE_LOG_ERROR, "supervisor_lost",
                     RUNE_LOG_CSTR("error", rune_err_text(received)));
            give_up(relay);
            return;
        }
        deliver(relay, &reply, fd);
        if (fd >= 0) {
            close(fd);
        }
    }
}

enum rune_err rune_http_relay_create(struct rune_http_loop *loop, int fd,
                                     struct rune_http_relay **ret_relay)
{
    struct rune_http_relay *relay = rune_calloc(1, sizeof(*relay));
    if (relay == NULL) {
        return RUNE_E_NOMEM;
    }
    *relay = (struct rune_http_relay){.loop = loop, .fd = fd, .next_id = 1};
    relay->socket = rune_http_loop_watch(loop, fd, on_readable, relay); /* makes it non-blocking */
    if (relay->socket == NULL) {
        rune_free(relay);
        return RUNE_E_IO;
    }
    *ret_relay = relay;
    return RUNE_OK;
}

void rune_http_relay_destroy(struct rune_http_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    give_up(relay);
    rune_free(relay);
}

enum rune_err rune_http_relay_call(struct rune_http_relay *relay, h2o_req_t *req,
                                   enum rune_call_kind kind, rune_http_relay_fn answer)
{
    if (relay->socket == NULL) {
        return RUNE_E_NOT_FOUND;
    }
    if (relay->count >= relay->loop->limits->max_admin_waiting) {
        return RUNE_E_LIMIT;
    }
    struct rune_call call = {.version = RUNE_CALL_VERSION, .kind = kind, .id = relay->next_id++};
    enum rune_err err = rune_message_send(relay->fd, &call, sizeof(call), -1);
    if (err != RUNE_OK) {
        return err;
    }
    struct waiting *waiting = h2o_mem_alloc_shared(&req->pool, sizeof(*waiting), on_request_end);
    *waiting = (struct waiting){
        .next = relay->waiting,
        .link = &relay->waiting,
        .relay = relay,
        .req = req,
        .answer = answer,
        .id = call.id,
    };
    if (waiting->next != NULL) {
        waiting->next->link = &waiting->next;
    }
    relay->waiting = waiting;
    relay->count++;
    return RUNE_OK;
}
