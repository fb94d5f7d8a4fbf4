/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/client.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/diag.h"

static bool fits(int written, size_t size)
{
    return written > 0 && (size_t)written < size;
}

bool rune_runtime_base(char *ret_path, size_t size)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    if (geteuid() == 0) {
        return fits(snprintf(ret_path, size, "/run/rune"), size);
    }
    if (xdg != NULL && xdg[0] == '/') {
        return fits(snprintf(ret_path, size, "%s/rune", xdg), size);
    }
    return fits(snprintf(ret_path, size, "/tmp/rune-%u", (unsigned)geteuid()), size);
}

/* Connected socket, or -1 with errno. */
static int connect_to(const char *runtime_dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!fits(snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", runtime_dir,
                       RUNE_RUNTIME_SOCKET),
              sizeof address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static bool is_live(const char *runtime_dir)
{
    int fd = connect_to(runtime_dir);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

enum rune_err rune_runtime_find(char *ret_path, size_t size, struct rune_diag *diag)
{
    char base[256], path[512], found[512] = "", others[512] = "";
    size_t count = 0;
    DIR *dir = rune_runtime_base(base, sizeof base) ? opendir(base) : NULL;
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL;
         entry = readdir(dir)) {
        if (entry->d_name[0] == '.' ||
            !fits(snprintf(path, sizeof path, "%s/%s", base, entry->d_name), sizeof path) ||
            !is_live(path)) {
            continue;
        }
        size_t used = strlen(others);
        snprintf(others + used, sizeof others - used, " %.200s", path);
        memcpy(found, path, sizeof path);
        count++;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (count == 1 && fits(snprintf(ret_path, size, "%s", found), size)) {
        return RUNE_OK;
    }
    if (count > 1) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-R0001", RUNE_SPAN_NONE,
                         "choose one with --runtime-dir", "several servers are running:%s", others);
        return RUNE_E_INVALID;
    }
    rune_diag_report(
        diag, RUNE_ERROR, "RUNE-R0002", RUNE_SPAN_NONE,
        "give --runtime-dir if it has one of its own, or start one with: rune serve BUNDLE",
        "no running server was found");
    return RUNE_E_NOT_FOUND;
}

static enum rune_err hello(struct rune_client *client)
{
    struct rune_reply reply;
    int fd;
    enum rune_err err = rune_client_call(client, RUNE_CALL_HELLO, 10000, &reply, &fd);
    if (err != RUNE_OK) {
        return err;
    }
    if (reply.err != RUNE_OK || fd < 0) {
        err = RUNE_E_IO;
    } else {
        err = rune_control_map_fd(fd, &client->map);
    }
    if (fd >= 0) {
        close(fd);
    }
    return err;
}

enum rune_err rune_client_open(const char *runtime_dir, struct rune_client *ret_client,
                               struct rune_diag *diag)
{
    char found[512];
    struct rune_client client = {.next_id = 1, .map = {.fd = -1}};
    if (runtime_dir == NULL) {
        enum rune_err err = rune_runtime_find(found, sizeof found, diag);
        if (err != RUNE_OK) {
            return err;
        }
        runtime_dir = found;
    }
    client.socket = connect_to(runtime_dir);
    if (client.socket < 0) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-R0003", RUNE_SPAN_NONE, NULL,
                         "no server answers in %s: %s", runtime_dir, strerror(errno));
        return errno == ENOENT || errno == ECONNREFUSED ? RUNE_E_NOT_FOUND : RUNE_E_IO;
    }
    enum rune_err err = hello(&client);
    if (err != RUNE_OK) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-R0004", RUNE_SPAN_NONE, NULL,
                         "the server in %s does not hand out its control page: %s", runtime_dir,
                         rune_err_text(err));
        close(client.socket);
        return err;
    }
    *ret_client = client;
    return RUNE_OK;
}

void rune_client_close(struct rune_client *client)
{
    rune_control_unmap(&client->map);
    if (client->socket >= 0) {
        close(client->socket);
    }
    client->socket = -1;
}

static enum rune_err wait_readable(int fd, uint32_t timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int n;
    do {
        n = poll(&poll_fd, 1, timeout_ms == 0 ? -1 : (int)timeout_ms);
    } while (n < 0 && errno == EINTR);
    return n > 0 ? RUNE_OK : n == 0 ? RUNE_E_TIMEOUT : RUNE_E_IO;
}

enum rune_err rune_client_call(struct rune_client *client, enum rune_call_kind kind,
                               uint32_t timeout_ms, struct rune_reply *ret_reply, int *ret_fd)
{
    struct rune_call call = {.version = RUNE_CALL_VERSION, .kind = kind, .id = client->next_id++};
    enum rune_err err = rune_message_send(client->socket, &call, sizeof call, -1);
    while (err == RUNE_OK) {
        struct rune_reply reply;
        int fd;
        err = wait_readable(client->socket, timeout_ms);
        if (err == RUNE_OK) {
            err = rune_message_receive(client->socket, &reply, sizeof reply, &fd);
        }
        if (err != RUNE_OK) {
            break;
        }
        if (reply.id == call.id && reply.version == RUNE_CALL_VERSION) {
            reply.message[sizeof reply.message - 1] = '\0';
            *ret_reply = reply;
            *ret_fd = fd;
            return RUNE_OK;
        }
        if (fd >= 0) { /* the late answer to a call that timed out */
            close(fd);
        }
    }
    return err;
}
