/* SPDX-License-Identifier: Apache-2.0 */
/* Process: auditor. Reads whole lines (writers send one write a line, at most PIPE_BUF bytes) and
 * writes them to the log file or standard error. Ends when every writer is gone, so that nothing
 * said at the end is lost. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fs.h"
#include "server/roles.h"

static int open_log(const char *path, int before)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        dprintf(STDERR_FILENO, "rune: auditor: cannot open %s: %s\n", path, strerror(errno));
        return before;
    }
    if (before != STDERR_FILENO) {
        close(before);
    }
    return fd;
}

static int reopen_signal(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* False at the end of the pipe. */
static bool copy(int from, int to)
{
    static char lines[65536];
    ssize_t n = read(from, lines, sizeof lines);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (n > 0 && rune_fs_write_all(to, lines, (size_t)n) != RUNE_OK && to != STDERR_FILENO) {
        /* a full disk: the lines are not lost */
        (void)!rune_fs_write_all(STDERR_FILENO, lines, (size_t)n);
    }
    return n > 0;
}

_Noreturn void rune_auditor_main(const struct rune_heritage *heritage)
{
    const int keep[] = {heritage->log_read};
    const char *path = heritage->config->log_file;
    struct signalfd_siginfo info;
    int out = STDERR_FILENO;
    if (rune_child_begin("rune: auditor", RUNE_CHILD_SERVES, keep, 1) != RUNE_OK) {
        _exit(1);
    }
    if (path != NULL) {
        out = open_log(path, out); /* before the drop: the folder may be root's */
    }
    if (heritage->identity.drop &&
        (setgid(heritage->identity.gid) != 0 || setuid(heritage->identity.uid) != 0)) {
        _exit(1); /* no PDEATHSIG here: the end of the pipe ends this process */
    }
    struct pollfd polls[2] = {{.fd = heritage->log_read, .events = POLLIN},
                              {.fd = reopen_signal(), .events = POLLIN}};
    for (;;) {
        if (poll(polls, 2, -1) < 0 && errno != EINTR) {
            _exit(1);
        }
        if (polls[1].revents != 0 && read(polls[1].fd, &info, sizeof info) > 0 && path != NULL) {
            out = open_log(path, out);
        }
        if (polls[0].revents != 0 && !copy(polls[0].fd, out)) {
            _exit(0);
        }
    }
}
