/* SPDX-License-Identifier: Apache-2.0 */
/* calls: who asks the supervisor something: the CLI over the control socket, the admin process over
 * its relay.
 *
 * Who a client is, the kernel says (SO_PEERCRED): root and the supervisor's own user may do
 * everything, the user that workers run as may read. A connection that says anything but a call of
 * the right size is closed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/supervisor_int.h"

void rune_calls_init(struct rune_supervisor *supervisor)
{
    for (uint32_t i = 0; i < RUNE_CLIENTS_MAX; i++) {
        supervisor->clients[i].socket = -1;
    }
}

static struct rune_client_connection *find_free(struct rune_supervisor *supervisor,
                                                uint32_t *ret_index)
{
    for (uint32_t i = 0; i < RUNE_CLIENTS_MAX; i++) {
        if (supervisor->clients[i].socket < 0) {
            *ret_index = i;
            return &supervisor->clients[i];
        }
    }
    return NULL;
}

static void add_client(struct rune_supervisor *supervisor, int socket, bool may_reload,
                       bool is_admin)
{
    uint32_t index;
    struct rune_client_connection *client = find_free(supervisor, &index);
    if (client == NULL) {
        close(socket);
        return;
    }
    client->socket = socket;
    client->epoch++;
    client->may_reload = may_reload;
    client->is_admin = is_admin;
    if (!rune_watch_add(supervisor, socket, RUNE_WATCH_CLIENT, index)) {
        close(socket);
        client->socket = -1;
    }
}

static void drop(struct rune_supervisor *supervisor, uint32_t index)
{
    rune_watch_close(supervisor, &supervisor->clients[index].socket);
}

void rune_calls_on_connect(struct rune_supervisor *supervisor)
{
    struct ucred who;
    socklen_t length = sizeof who;
    int socket = accept4(supervisor->runtime.socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) {
        return;
    }
    bool known = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0;
    bool master = known && (who.uid == 0 || who.uid == geteuid());
    const struct rune_identity *identity = &supervisor->heritage.identity;
    if (!master && !(known && identity->drop && who.uid == identity->uid)) {
        RUNE_LOG(&supervisor->log, RUNE_LOG_WARN, "call_refused",
                 RUNE_LOG_UINT("uid", known ? who.uid : 0));
        close(socket);
        return;
    }
    add_client(supervisor, socket, master, false);
}

void rune_calls_add_relay(struct rune_supervisor *supervisor, int socket)
{
    add_client(supervisor, socket, true, true);
}

void rune_calls_drop_relay(struct rune_supervisor *supervisor)
{
    for (uint32_t i = 0; i < RUNE_CLIENTS_MAX; i++) {
        if (supervisor->clients[i].socket >= 0 && supervisor->clients[i].is_admin) {
            drop(supervisor, i);
        }
    }
}

void rune_calls_answer(struct rune_supervisor *supervisor, const struct rune_caller *caller,
                       const struct rune_reply *reply, int fd)
{
    struct rune_client_connection *client = &supervisor->clients[caller->client];
    struct rune_reply own = *reply;
    if (client->socket < 0 || client->epoch != caller->epoch) {
        return;
    }
    own.kind = caller->kind;
    own.id = caller->id;
    own.has_fd = fd >= 0;
    if (rune_message_send(client->socket, &own, sizeof own, fd) != RUNE_OK) {
        drop(supervisor, caller->client);
    }
}

static void refuse(struct rune_supervisor *supervisor, const struct rune_caller *caller,
                   enum rune_err err, const char *why)
{
    struct rune_reply reply = {
        .version = RUNE_CALL_VERSION, .err = err, .generation = supervisor->state.generation};
    snprintf(reply.message, sizeof reply.message, "%s", why);
    rune_calls_answer(supervisor, caller, &reply, -1);
}

static void say_hello(struct rune_supervisor *supervisor, const struct rune_caller *caller)
{
    const struct rune_reply reply = {.version = RUNE_CALL_VERSION,
                                     .generation = supervisor->state.generation};
    int fd;
    if (rune_control_open_read_only(&supervisor->heritage.control, &fd) != RUNE_OK) {
        refuse(supervisor, caller, RUNE_E_IO, "the control page cannot be opened");
        return;
    }
    rune_calls_answer(supervisor, caller, &reply, fd);
    close(fd);
}

static void give_diagnostics(struct rune_supervisor *supervisor, const struct rune_caller *caller)
{
    const struct rune_reply reply = {
        .version = RUNE_CALL_VERSION,
        .err = supervisor->last_diag_fd >= 0 ? RUNE_OK : RUNE_E_NOT_FOUND,
        .errors = supervisor->state.reload_errors,
        .generation = supervisor->state.generation,
    };
    rune_calls_answer(supervisor, caller, &reply, supervisor->last_diag_fd);
}

static void carry_out(struct rune_supervisor *supervisor, const struct rune_caller *caller)
{
    const struct rune_client_connection *client = &supervisor->clients[caller->client];
    switch ((enum rune_call_kind)caller->kind) {
    case RUNE_CALL_HELLO:
        say_hello(supervisor, caller);
        return;
    case RUNE_CALL_DIAGNOSTICS:
        give_diagnostics(supervisor, caller);
        return;
    case RUNE_CALL_RELOAD:
    case RUNE_CALL_VALIDATE:
        if (!client->may_reload) {
            refuse(supervisor, caller, RUNE_E_INVALID,
                   "only the server's own user and root may do this");
        } else if (supervisor->stage > RUNE_STAGE_RUNNING) {
            refuse(supervisor, caller, RUNE_E_BUSY, "the server is shutting down");
        } else if (!rune_reload_ask(supervisor, caller, (enum rune_call_kind)caller->kind)) {
            refuse(supervisor, caller, RUNE_E_LIMIT, "too many callers are waiting for a build");
        }
        return;
    }
    refuse(supervisor, caller, RUNE_E_INVALID, "there is no such call");
}

void rune_calls_on_message(struct rune_supervisor *supervisor, uint32_t index)
{
    struct rune_client_connection *client = &supervisor->clients[index];
    struct rune_call call = {0};
    while (client->socket >= 0) {
        enum rune_err err = rune_message_receive(client->socket, &call, sizeof call, NULL);
        if (err == RUNE_E_BUSY) {
            return;
        }
        const struct rune_caller caller = {
            .client = index, .epoch = client->epoch, .id = call.id, .kind = call.kind};
        if (err != RUNE_OK) {
            drop(supervisor, index);
        } else if (call.version != RUNE_CALL_VERSION) {
            refuse(supervisor, &caller, RUNE_E_VERSION, "the server speaks another version");
        } else {
            carry_out(supervisor, &caller);
        }
    }
}

void rune_calls_close_all(struct rune_supervisor *supervisor)
{
    for (uint32_t i = 0; i < RUNE_CLIENTS_MAX; i++) {
        if (supervisor->clients[i].socket >= 0) {
            drop(supervisor, i);
        }
    }
}
