/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: the beginning, the loop, the end. */
#include "server/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "server/roles.h"
#include "server/supervisor_int.h"

#define MS           UINT64_C(1000000)
#define TICK_BUSY_MS 20 /* while somebody waits for something to happen */
#define TICK_IDLE_MS 500
#define LATE_NS                                                                         \
    (UINT64_C(2000) * MS)    /* a round that took this long: we were stopped or starved \
                              */
#define DRAIN_GRACE_MS 2000u /* beyond the workers' own deadline */
#define LOG_PIPE_BYTES (1 << 20)
#define LAST_WORDS_MS  1000u /* for the auditor to write what is in the pipe */

uint64_t rune_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t rune_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / MS;
}

bool rune_watch_add(struct rune_supervisor *supervisor, int fd, enum rune_watch_kind kind,
                    uint32_t index)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)kind << 32 | index};
    return epoll_ctl(supervisor->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void rune_watch_close(struct rune_supervisor *supervisor, int *fd)
{
    if (*fd >= 0) {
        /* a child just forked may still hold a copy */
        epoll_ctl(supervisor->epoll, EPOLL_CTL_DEL, *fd, NULL);
        close(*fd);
    }
    *fd = -1;
}

void rune_state_publish(struct rune_supervisor *supervisor)
{
    rune_control_write_state(rune_control_get(&supervisor->heritage.control), &supervisor->state);
}

/* ---- the auditor ---- */

static void spawn_auditor(struct rune_supervisor *supervisor)
{
    supervisor->auditor_started_ns = rune_now_ns();
    pid_t pid = fork();
    if (pid == 0) {
        rune_auditor_main(&supervisor->heritage);
    }
    supervisor->auditor = pid > 0 ? pid : 0;
}

/* ---- beginning ---- */

enum rune_err rune_supervisor_check(const struct rune_config *config, struct rune_diag *diag)
{
    struct rune_identity identity;
    enum rune_err err = rune_identity_find(config->user, &identity, diag);
    for (uint32_t i = 0; i < config->listen_count; i++) {
        enum rune_err one = rune_listeners_check(config->listen[i], RUNE_ADDRESS_PUBLIC, diag);
        err = err == RUNE_OK ? one : err;
    }
    if (config->admin != NULL) {
        enum rune_err one = rune_listeners_check(config->admin, RUNE_ADDRESS_ADMIN, diag);
        err = err == RUNE_OK ? one : err;
    }
    if (config->bundle != NULL && access(config->bundle, R_OK) != 0) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-S0050", RUNE_SPAN_NONE, NULL,
                         "the bundle %s cannot be read: %s", config->bundle, strerror(errno));
        err = err == RUNE_OK ? RUNE_E_INVALID : err;
    }
    return err;
}

static uint32_t worker_count(const struct rune_config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (config->workers != 0) {
        return (uint32_t)config->workers;
    }
    return processors < 1                                ? 1
           : processors > (long)RUNE_CONTROL_MAX_WORKERS ? RUNE_CONTROL_MAX_WORKERS
                                                         : (uint32_t)processors;
}

static int take_signals(void)
{
    static const int ours[] = {SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGCHLD};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        sigaddset(&set, ours[i]);
    }
    sigaction(SIGPIPE, &ignore, NULL);
    sigprocmask(SIG_SETMASK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Descriptors 0 to 2 are open, so that nothing of ours ever becomes one of them. */
static void hold_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= 2);
    if (fd > 2) {
        close(fd);
    }
}

static enum rune_err open_log_pipe(struct rune_supervisor *supervisor)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return RUNE_E_IO;
    }
    /* Writers never wait for the log; the auditor does. */
    (void)!fcntl(ends[1], F_SETFL, O_NONBLOCK);
    (void)!fcntl(ends[1], F_SETPIPE_SZ, LOG_PIPE_BYTES);
    supervisor->heritage.log_read = ends[0];
    supervisor->heritage.log_write = ends[1];
    rune_log_init(&supervisor->log, ends[1], (enum rune_log_level)supervisor->config->log_level,
                  "supervisor");
    return RUNE_OK;
}

static enum rune_err acquire(struct rune_supervisor *supervisor, struct rune_diag *diag)
{
    uint32_t workers = worker_count(supervisor->config);
    enum rune_err err = rune_supervisor_check(supervisor->config, diag);
    if (err == RUNE_OK) {
        err = rune_identity_find(supervisor->config->user, &supervisor->heritage.identity, diag);
    }
    if (err == RUNE_OK) {
        err = rune_runtime_dir_open(supervisor->config->runtime_dir, &supervisor->runtime, diag);
    }
    if (err == RUNE_OK) {
        err = rune_listeners_open(supervisor->config, workers, supervisor->runtime.path,
                                  &supervisor->listeners, diag);
    }
    if (err != RUNE_OK) {
        return err;
    }
    supervisor->heritage.listeners = &supervisor->listeners;
    supervisor->epoll = epoll_create1(EPOLL_CLOEXEC);
    supervisor->signals = take_signals();
    err = rune_control_create(workers, &supervisor->heritage.control);
    if (err == RUNE_OK) {
        err = open_log_pipe(supervisor);
    }
    if (err != RUNE_OK || supervisor->epoll < 0 || supervisor->signals < 0 ||
        !rune_watch_add(supervisor, supervisor->signals, RUNE_WATCH_SIGNALS, 0) ||
        !rune_watch_add(supervisor, supervisor->runtime.socket, RUNE_WATCH_RUNTIME, 0)) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-S0051", RUNE_SPAN_NONE, NULL,
                         "the server cannot start: %s", strerror(errno));
        return err != RUNE_OK ? err : RUNE_E_IO;
    }
    return RUNE_OK;
}

static void begin(struct rune_supervisor *supervisor)
{
    /* Generations grow over restarts: the clock in ms runs ahead of any number of publishes. */
    supervisor->next_generation = rune_now_ms();
    supervisor->counters = rune_control_supervisor_counters(&supervisor->heritage.control);
    rune_config_shared_limits(supervisor->config, &supervisor->limits);
    rune_slots_init(supervisor);
    rune_calls_init(supervisor);
    rune_reload_init(supervisor);
    spawn_auditor(supervisor);
    for (uint32_t i = 0; i < supervisor->listeners.count; i++) {
        RUNE_LOG(&supervisor->log, RUNE_LOG_INFO, "listening",
                 RUNE_LOG_CSTR("address", supervisor->listeners.addresses[i]),
                 RUNE_LOG_UINT("workers", supervisor->listeners.slot_count));
    }
    RUNE_LOG(&supervisor->log, RUNE_LOG_INFO, "starting", RUNE_LOG_INT("pid", getpid()),
             RUNE_LOG_CSTR("admin", supervisor->listeners.admin_address),
             RUNE_LOG_CSTR("runtime_dir", supervisor->runtime.path));
    if (geteuid() == 0 && !supervisor->heritage.identity.drop) {
        RUNE_LOG(&supervisor->log, RUNE_LOG_WARN, "running_as_root",
                 RUNE_LOG_CSTR("help",
                               "set `user` so that all but the supervisor run as somebody else"));
    }
    rune_runtime_dir_tell_addresses(&supervisor->runtime, &supervisor->listeners);
    rune_reload_ask(supervisor, NULL, RUNE_CALL_RELOAD);
}

/* ---- signals ---- */

void rune_supervisor_leave(struct rune_supervisor *supervisor, enum rune_exit status)
{
    supervisor->status = status;
    supervisor->stage = RUNE_STAGE_LEAVING;
}

static void drain(struct rune_supervisor *supervisor)
{
    if (supervisor->stage == RUNE_STAGE_STARTING) {
        rune_supervisor_leave(supervisor, RUNE_EXIT_OK);
    }
    if (supervisor->stage != RUNE_STAGE_RUNNING) {
        return;
    }
    uint32_t deadline_ms = supervisor->limits.drain_timeout_ms;
    RUNE_LOG(&supervisor->log, RUNE_LOG_INFO, "draining",
             RUNE_LOG_UINT("deadline_ms", deadline_ms));
    supervisor->stage = RUNE_STAGE_DRAINING;
    supervisor->deadline_ns = rune_now_ns() + (uint64_t)(deadline_ms + DRAIN_GRACE_MS) * MS;
    rune_reload_abandon(supervisor);
    rune_slots_drain(supervisor, deadline_ms);
}

/* The tick starts another; the pipe keeps what is said meanwhile, this first. */
static void on_auditor_death(struct rune_supervisor *supervisor, int status)
{
    RUNE_LOG(&supervisor->log, RUNE_LOG_ERROR, "auditor_died",
             RUNE_LOG_INT("pid", supervisor->auditor),
             RUNE_LOG_CSTR("by", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit"),
             RUNE_LOG_INT("status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
    supervisor->auditor = 0;
}

static void reap(struct rune_supervisor *supervisor)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == supervisor->auditor) {
            on_auditor_death(supervisor, status);
        } else if (!rune_reload_on_death(supervisor, pid, status)) {
            (void)rune_slots_on_death(supervisor, pid, status);
        }
    }
}

static void on_signal(struct rune_supervisor *supervisor, uint32_t signal_number)
{
    switch (signal_number) {
    case SIGCHLD:
        reap(supervisor);
        break;
    case SIGHUP:
        RUNE_LOG(&supervisor->log, RUNE_LOG_INFO, "reload_asked", RUNE_LOG_CSTR("by", "SIGHUP"));
        if (supervisor->stage <= RUNE_STAGE_RUNNING) {
            rune_reload_ask(supervisor, NULL, RUNE_CALL_RELOAD);
        }
        break;
    case SIGTERM:
    case SIGINT:
        drain(supervisor);
        break;
    case SIGQUIT:
        rune_supervisor_leave(supervisor, RUNE_EXIT_OK);
        break;
    case SIGUSR1:
        if (supervisor->auditor != 0) {
            kill(supervisor->auditor, SIGUSR1);
        }
        break;
    default:
        break;
    }
}

static void on_signals(struct rune_supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        on_signal(supervisor, info.ssi_signo);
    }
}

/* ---- loop ---- */

static void on_event(struct rune_supervisor *supervisor, uint64_t data)
{
    uint32_t index = (uint32_t)data;
    switch ((enum rune_watch_kind)(data >> 32)) {
    case RUNE_WATCH_SIGNALS:
        on_signals(supervisor);
        break;
    case RUNE_WATCH_RUNTIME:
        rune_calls_on_connect(supervisor);
        break;
    case RUNE_WATCH_CLIENT:
        rune_calls_on_message(supervisor, index);
        break;
    case RUNE_WATCH_SLOT:
        rune_slot_on_note(supervisor, index);
        break;
    case RUNE_WATCH_BUILDER:
        rune_reload_on_builder(supervisor);
        break;
    case RUNE_WATCH_VERIFIER:
        rune_reload_on_verifier(supervisor);
        break;
    }
}

static void tick(struct rune_supervisor *supervisor)
{
    uint64_t now_ns = rune_now_ns();
    bool was_late = now_ns - supervisor->last_tick_ns > LATE_NS;
    supervisor->last_tick_ns = now_ns;
    if (supervisor->stage == RUNE_STAGE_RUNNING) {
        rune_slots_tick(supervisor, now_ns, was_late);
    }
    if (supervisor->stage <= RUNE_STAGE_RUNNING) {
        rune_reload_tick(supervisor, now_ns);
    }
    if (supervisor->auditor == 0 && now_ns - supervisor->auditor_started_ns > 1000 * MS) {
        spawn_auditor(supervisor);
    }
    if (supervisor->stage == RUNE_STAGE_DRAINING) {
        if (rune_slots_running(supervisor) == 0) {
            rune_supervisor_leave(supervisor, RUNE_EXIT_OK);
        } else if (now_ns > supervisor->deadline_ns) {
            RUNE_LOG(&supervisor->log, RUNE_LOG_WARN, "drain_deadline",
                     RUNE_LOG_UINT("killed", rune_slots_running(supervisor)));
            rune_supervisor_leave(supervisor, RUNE_EXIT_OK);
        }
    }
}

static int patience_ms(const struct rune_supervisor *supervisor)
{
    bool busy = supervisor->stage != RUNE_STAGE_RUNNING ||
                supervisor->reload.phase == RUNE_PHASE_PUBLISHING || supervisor->auditor == 0;
    for (uint32_t i = 0; i < supervisor->slot_count && !busy; i++) {
        busy = !supervisor->slots[i].was_ready;
    }
    return busy ? TICK_BUSY_MS : TICK_IDLE_MS;
}

static void loop(struct rune_supervisor *supervisor)
{
    struct epoll_event events[32];
    supervisor->last_tick_ns = rune_now_ns();
    while (supervisor->stage != RUNE_STAGE_LEAVING) {
        int n = epoll_wait(supervisor->epoll, events, 32, patience_ms(supervisor));
        for (int i = 0; i < n; i++) {
            on_event(supervisor, events[i].data.u64);
        }
        tick(supervisor);
    }
}

/* ---- end ---- */

static void wait_for_auditor(struct rune_supervisor *supervisor)
{
    uint64_t deadline = rune_now_ns() + LAST_WORDS_MS * MS;
    /* the last writer: the auditor reads to the end and leaves */
    close(supervisor->heritage.log_write);
    supervisor->log.fd = -1;
    while (supervisor->auditor > 0 && waitpid(supervisor->auditor, NULL, WNOHANG) == 0) {
        if (rune_now_ns() > deadline) {
            kill(supervisor->auditor, SIGKILL);
        }
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

static void finish(struct rune_supervisor *supervisor)
{
    rune_calls_close_all(supervisor);
    rune_reload_abandon(supervisor);
    rune_slots_kill(supervisor);
    while (rune_slots_running(supervisor) > 0 || supervisor->reload.builder.pid != 0 ||
           supervisor->reload.verifier.pid != 0) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        if (pid < 0 && errno != EINTR) {
            break;
        }
        if (pid > 0 && pid == supervisor->auditor) {
            supervisor->auditor = 0;
        } else if (pid > 0 && !rune_slots_on_death(supervisor, pid, status)) {
            (void)rune_reload_on_death(supervisor, pid, status);
        }
    }
    RUNE_LOG(&supervisor->log, RUNE_LOG_INFO, "stopped",
             RUNE_LOG_INT("status", (int)supervisor->status));
    wait_for_auditor(supervisor);
}

static void release(struct rune_supervisor *supervisor)
{
    rune_listeners_close(&supervisor->listeners);
    rune_runtime_dir_close(&supervisor->runtime);
    rune_control_unmap(&supervisor->heritage.control);
    int *fds[] = {&supervisor->epoll, &supervisor->signals, &supervisor->image_fd,
                  &supervisor->last_diag_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0) {
            close(*fds[i]);
        }
    }
}

enum rune_exit rune_supervisor_run(const struct rune_config *config, int argc, char **argv,
                                   struct rune_diag *diag)
{
    struct rune_supervisor *supervisor = rune_calloc(1, sizeof *supervisor);
    if (supervisor == NULL) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-S0052", RUNE_SPAN_NONE, NULL, "out of memory");
        return RUNE_EXIT_FAILURE;
    }
    supervisor->config = config;
    supervisor->heritage = (struct rune_heritage){.config = config,
                                                  .argc = argc,
                                                  .argv = argv,
                                                  .supervisor_pid = getpid(),
                                                  .control = {.fd = -1},
                                                  .log_read = -1,
                                                  .log_write = -1};
    supervisor->runtime = (struct rune_runtime_dir){.lock_fd = -1, .socket = -1};
    supervisor->listeners.admin_fd = -1;
    supervisor->epoll = supervisor->signals = supervisor->image_fd = supervisor->last_diag_fd = -1;
    hold_standard_descriptors();
    raise_descriptor_limit();
    enum rune_exit status = RUNE_EXIT_USAGE;
    enum rune_err err = acquire(supervisor, diag);
    if (err == RUNE_OK) {
        begin(supervisor);
        loop(supervisor);
        finish(supervisor);
        status = supervisor->status;
    } else if (err != RUNE_E_INVALID && err != RUNE_E_BUSY) {
        status = RUNE_EXIT_FAILURE;
    }
    release(supervisor);
    rune_free(supervisor);
    return status;
}
