/* SPDX-License-Identifier: Apache-2.0 */
/* Process: supervisor. SO_REUSEADDR is on every socket, the first one too: without it the
 * connections that a former server left in TIME_WAIT would refuse a restart. A port somebody
 * listens on is refused all the same. */
#include "server/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/diag.h"
#include "shm/client.h"

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static enum rune_err refuse(struct rune_diag *diag, const char *text, const char *why,
                            const char *help)
{
    rune_diag_report(diag, RUNE_ERROR, "RUNE-S0010", RUNE_SPAN_NONE, help, "the address `%s` %s",
                     text, why);
    return RUNE_E_INVALID;
}

static enum rune_err parse_tcp(const char *text, union address *ret_address, socklen_t *ret_length,
                               struct rune_diag *diag)
{
    static const char *const help = "write it like 127.0.0.1:8080, [::1]:8080 or *:8080";
    const char *colon = strrchr(text, ':');
    char host[64];
    if (colon == NULL || colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        return refuse(diag, text, "has no port", help);
    }
    int length = (int)(colon - text);
    const char *begin = text;
    if (length >= 2 && text[0] == '[' && colon[-1] == ']') {
        begin++;
        length -= 2;
    }
    if (snprintf(host, sizeof host, "%.*s", length, begin) >= (int)sizeof host) {
        return refuse(diag, text, "has too long a host", help);
    }
    if (strcmp(host, "localhost") == 0) {
        snprintf(host, sizeof host, "127.0.0.1");
    } else if (strcmp(host, "*") == 0 || host[0] == '\0') {
        snprintf(host, sizeof host, "0.0.0.0");
    }
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM},
                    *found;
    if (strlen(colon + 1) > 5 || (strlen(colon + 1) == 5 && strcmp(colon + 1, "65535") > 0) ||
        getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        return refuse(diag, text, "is no numeric host and port", help);
    }
    memcpy(ret_address, found->ai_addr, found->ai_addrlen);
    *ret_length = found->ai_addrlen;
    freeaddrinfo(found);
    return RUNE_OK;
}

static bool is_loopback(const union address *address)
{
    if (address->any.sa_family == AF_INET) {
        return ntohl(address->in.sin_addr.s_addr) >> 24 == 127;
    }
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr);
}

static enum rune_err parse_admin(const char *text, union address *ret_address,
                                 socklen_t *ret_length, struct rune_diag *diag)
{
    if (strncmp(text, "unix:", 5) == 0) {
        struct sockaddr_un *un = &ret_address->un;
        memset(un, 0, sizeof *un);
        un->sun_family = AF_UNIX;
        if (text[5] == '\0' || strlen(text + 5) >= sizeof un->sun_path) {
            return refuse(diag, text, "is no path that a unix socket can have", NULL);
        }
        memcpy(un->sun_path, text + 5, strlen(text + 5));
        *ret_length = sizeof *un;
        return RUNE_OK;
    }
    enum rune_err err = parse_tcp(text, ret_address, ret_length, diag);
    if (err == RUNE_OK && !is_loopback(ret_address)) {
        return refuse(diag, text, "is not loopback, and the admin listener is for this host only",
                      "use unix:PATH or 127.0.0.1:PORT");
    }
    return err;
}

enum rune_err rune_listeners_check(const char *text, enum rune_address_use use,
                                   struct rune_diag *diag)
{
    union address address;
    socklen_t length;
    return use == RUNE_ADDRESS_ADMIN ? parse_admin(text, &address, &length, diag)
                                     : parse_tcp(text, &address, &length, diag);
}

static void format(int fd, char ret_text[RUNE_ADDRESS_TEXT])
{
    union address address;
    socklen_t length = sizeof address;
    char host[INET6_ADDRSTRLEN] = "?";
    memset(&address, 0, sizeof address);
    getsockname(fd, &address.any, &length);
    if (address.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address.in.sin_addr, host, sizeof host);
        snprintf(ret_text, RUNE_ADDRESS_TEXT, "%s:%u", host, ntohs(address.in.sin_port));
    } else if (address.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address.in6.sin6_addr, host, sizeof host);
        snprintf(ret_text, RUNE_ADDRESS_TEXT, "[%s]:%u", host, ntohs(address.in6.sin6_port));
    } else {
        snprintf(ret_text, RUNE_ADDRESS_TEXT, "unix:%.100s", address.un.sun_path);
    }
}

enum sharing { ALONE, SHARED };

/* A listening socket, or -1 with errno. Listening at once is part of the check: a second server
 * that is starting at the same moment must find the port taken. */
static int listen_on(const union address *address, socklen_t length, enum sharing sharing)
{
    int one = 1;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    bool ok = address->any.sa_family == AF_UNIX ||
              setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0;
    if (address->any.sa_family == AF_INET6) {
        ok = ok && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0;
    }
    if (sharing == SHARED) {
        ok = ok && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0;
    }
    if (!ok || bind(fd, &address->any, length) != 0 || listen(fd, SOMAXCONN) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static enum rune_err cannot_listen(struct rune_diag *diag, const char *text)
{
    bool busy = errno == EADDRINUSE;
    rune_diag_report(diag, RUNE_ERROR, "RUNE-S0011", RUNE_SPAN_NONE,
                     busy ? "is another runed running? `rune status` tells" : NULL,
                     "cannot listen on %s: %s", text, strerror(errno));
    return busy ? RUNE_E_BUSY : RUNE_E_IO;
}

/* One address: alone first, then one socket a slot. */
static enum rune_err open_address(struct rune_listeners *listeners, uint32_t place,
                                  const char *text, struct rune_diag *diag)
{
    union address address;
    socklen_t length;
    enum rune_err err = parse_tcp(text, &address, &length, diag);
    if (err != RUNE_OK) {
        return err;
    }
    int probe = listen_on(&address, length, ALONE);
    if (probe < 0) {
        return cannot_listen(diag, text);
    }
    length = sizeof address;
    getsockname(probe, &address.any, &length); /* port 0 was chosen now */
    format(probe, listeners->addresses[place]);
    close(probe);
    for (uint32_t slot = 0; slot < listeners->slot_count; slot++) {
        int fd = listen_on(&address, length, SHARED);
        if (fd < 0) {
            return cannot_listen(diag, text);
        }
        listeners->fds[slot * listeners->count + place] = fd;
    }
    return RUNE_OK;
}

static enum rune_err open_admin(struct rune_listeners *listeners, const char *text,
                                struct rune_diag *diag)
{
    union address address;
    socklen_t length;
    enum rune_err err = parse_admin(text, &address, &length, diag);
    if (err != RUNE_OK) {
        return err;
    }
    if (address.any.sa_family == AF_UNIX) {
        struct stat st;
        if (lstat(address.un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode)) {
            unlink(address.un.sun_path);
        }
        mode_t before = umask(0177); /* for the owner alone */
        listeners->admin_fd = listen_on(&address, length, ALONE);
        umask(before);
    } else {
        listeners->admin_fd = listen_on(&address, length, ALONE);
    }
    if (listeners->admin_fd < 0) {
        return cannot_listen(diag, text);
    }
    format(listeners->admin_fd, listeners->admin_address);
    return RUNE_OK;
}

enum rune_err rune_listeners_open(const struct rune_config *config, uint32_t worker_count,
                                  const char *runtime_dir, struct rune_listeners *ret_listeners,
                                  struct rune_diag *diag)
{
    char admin[RUNE_ADDRESS_TEXT];
    struct rune_listeners *listeners = ret_listeners;
    memset(listeners, 0, sizeof *listeners);
    memset(listeners->fds, 0xff, sizeof listeners->fds); /* -1 */
    listeners->admin_fd = -1;
    listeners->slot_count = worker_count;
    listeners->count = config->listen_count;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < config->listen_count && err == RUNE_OK; i++) {
        err = open_address(listeners, i, config->listen[i], diag);
    }
    if (err == RUNE_OK) {
        snprintf(admin, sizeof admin, "unix:%.110s/%s", runtime_dir, RUNE_RUNTIME_ADMIN_SOCKET);
        err = open_admin(listeners, config->admin != NULL ? config->admin : admin, diag);
    }
    if (err != RUNE_OK) {
        rune_listeners_close(listeners);
    }
    return err;
}

void rune_listeners_close(struct rune_listeners *listeners)
{
    for (uint32_t i = 0; i < listeners->slot_count * listeners->count; i++) {
        if (listeners->fds[i] >= 0) {
            close(listeners->fds[i]);
        }
        listeners->fds[i] = -1;
    }
    if (listeners->admin_fd >= 0) {
        close(listeners->admin_fd);
        listeners->admin_fd = -1;
        if (strncmp(listeners->admin_address, "unix:", 5) == 0) {
            unlink(listeners->admin_address + 5);
        }
    }
}
