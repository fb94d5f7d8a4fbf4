/* SPDX-License-Identifier: Apache-2.0 */
/* wire_server: a worker's loop with the double for an engine, for tests over real sockets
 * (wire.py).
 *
 * usage: wire_server [NAME=NUMBER...]   names as in limits below
 * Prints the ports of slot 0 and slot 1, serves slot 0. TERM drains, QUIT stops, USR1 adopts slot
 * 1's listener, USR2 drops it. At the end prints what is left: "connections=N result=N". Ends with
 * its parent. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/worker_loop.h"
#include "observe/log.h"
#include "shm/counters.h"
#include "shm/messages.h"
#include "unit/http/double.h"

static int stop_fd = -1;
static int command_fds[2];

static void on_signal(int number)
{
    uint64_t stop = number == SIGTERM ? RUNE_HTTP_STOP_DRAIN : RUNE_HTTP_STOP_NOW;
    struct rune_loop_command command = {
        .kind = number == SIGUSR1 ? RUNE_LOOP_ADOPT : RUNE_LOOP_DROP, .slot = 1};
    ssize_t written = number == SIGTERM || number == SIGQUIT
                          ? write(stop_fd, &stop, sizeof(stop))
                          : write(command_fds[1], &command, sizeof(command));
    (void)written;
}

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 ||
        listen(fd, SOMAXCONN) != 0 || getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        perror("wire_server");
        exit(1);
    }
    printf("%d\n", ntohs(address.sin_port));
    return fd;
}

static void read_limit(struct rune_limits *limits, const char *argument)
{
    const char *equals = strchr(argument, '=');
    if (equals == NULL) {
        fprintf(stderr, "wire_server: not NAME=NUMBER: %s\n", argument);
        exit(2);
    }
    size_t length = (size_t)(equals - argument);
    unsigned long number = strtoul(equals + 1, NULL, 10);
#define LIMIT(name)                                                            \
    if (length == sizeof(#name) - 1 && memcmp(argument, #name, length) == 0) { \
        limits->name = (uint32_t)number;                                       \
        return;                                                                \
    }
    LIMIT(max_body_bytes)
    LIMIT(max_buffered_bytes)
    LIMIT(max_connections)
    LIMIT(idle_timeout_ms)
    LIMIT(drain_timeout_ms)
    fprintf(stderr, "wire_server: unknown limit: %s\n", argument);
    exit(2);
}

int main(int argc, char **argv)
{
    static struct rune_view_root root;
    static struct rune_counters counters;
    const struct rune_shared_limits shared = {0};
    struct rune_limits limits;
    struct rune_log log;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    rune_limits_init(&limits);
    for (int i = 1; i < argc; i++) {
        read_limit(&limits, argv[i]);
    }
    stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (stop_fd < 0 || pipe2(command_fds, O_NONBLOCK | O_CLOEXEC) != 0 ||
        rune_view_swap(&root, double_image_create("0123456789abcdef"), 7, &shared) != RUNE_OK) {
        return 1;
    }
    const int signals[] = {SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        signal(signals[i], on_signal);
    }
    const int listen_fds[] = {listen_somewhere(), listen_somewhere()};
    fflush(stdout);
    rune_log_init(&log, STDERR_FILENO, RUNE_LOG_DEBUG, "worker");
    const struct rune_http_worker_config config = {
        .listen_fds = listen_fds,
        .listen_count = 1,
        .stop_fd = stop_fd,
        .view = &root,
        .counters = &counters,
        .limits = &limits,
        .command_fd = command_fds[0],
        .slot_listen_fds = listen_fds,
        .slot_count = 2,
        .log = &log,
    };
    enum rune_err err = rune_http_worker_run(&config);
    rune_view_root_fini(&root);
    printf("connections=%d result=%d\n",
           (int)rune_counter_read(&counters, RUNE_METRIC_ACTIVE_CONNECTIONS), (int)err);
    return err == RUNE_OK ? 0 : 1;
}
