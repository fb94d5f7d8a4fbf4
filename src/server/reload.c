/* SPDX-License-Identifier: Apache-2.0 */
/* reload: build -> verify -> publish -> all have acknowledged, one after the other, one build at a
 * time.
 *
 *     IDLE -ask-> BUILDING -exit 0, report, sealed image-> VERIFYING -exit 0, report-> PUBLISHING
 *     -all-> IDLE
 *
 * Any other end of a child is a failed reload: the running image stays. Who asks while a build is
 * going on waits for the one after it, which then serves all who came meanwhile: everyone gets the
 * result of a build that began after their call. A build that only validates ends after VERIFYING.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/roles.h"
#include "server/supervisor_int.h"
#include "shm/image_format.h"

#define MS UINT64_C(1000000)

void rune_reload_init(struct rune_supervisor *supervisor)
{
    supervisor->reload = (struct rune_reload){.image_fd = -1, .diag_fd = -1};
    supervisor->reload.builder.socket = supervisor->reload.verifier.socket = -1;
}

static void set_phase(struct rune_supervisor *supervisor, enum rune_control_phase phase)
{
    supervisor->reload.phase = phase;
    supervisor->state.phase = phase;
    rune_state_publish(supervisor);
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

/* ---- the end of a build ---- */

static void fill_reply(const struct rune_supervisor *supervisor, enum rune_err err,
                       const char *message, struct rune_reply *reply)
{
    const struct rune_reload *reload = &supervisor->reload;
    *reply = (struct rune_reply){
        .version = RUNE_CALL_VERSION,
        .err = err,
        .errors = reload->build.errors,
        .warnings = reload->build.warnings,
        .generation = supervisor->state.generation,
        .duration_ns = rune_now_ns() - reload->started_ns,
    };
    snprintf(reply->message, sizeof reply->message, "%.*s", (int)sizeof reply->message - 1,
             message);
    if (err == RUNE_OK) {
        reply->image_bytes = reload->verify.image_bytes;
        reply->policies = reload->verify.policies;
        reply->rules = reload->verify.rules;
        reply->facts = reload->verify.base_facts + reload->verify.derived_facts;
        memcpy(reply->image_sha256, reload->verify.image_sha256, sizeof reply->image_sha256);
    }
}

static void answer_all(struct rune_supervisor *supervisor, enum rune_err err, const char *message)
{
    struct rune_caller_list *callers = &supervisor->reload.current;
    struct rune_reply reply;
    fill_reply(supervisor, err, message, &reply);
    for (uint32_t i = 0; i < callers->count; i++) {
        rune_calls_answer(supervisor, &callers->items[i], &reply, supervisor->reload.diag_fd);
    }
    callers->count = 0;
    callers->reload = callers->any = false;
}

/* The beginning of the diagnostics' text goes to the control page; the bytes mean nothing to us. */
static void keep_message(struct rune_supervisor *supervisor, const char *message)
{
    struct rune_diagnostics diagnostics;
    char *to = supervisor->state.reload_message;
    size_t size = sizeof supervisor->state.reload_message;
    snprintf(to, size, "%s", message);
    if (supervisor->reload.diag_fd >= 0 && supervisor->reload.build.errors > 0 &&
        rune_diagnostics_map(supervisor->reload.diag_fd, &diagnostics) == RUNE_OK) {
        snprintf(to, size, "%s", diagnostics.text);
        rune_diagnostics_unmap(&diagnostics);
    }
}

static void print_diagnostics(const struct rune_supervisor *supervisor, const char *message)
{
    struct rune_diagnostics diagnostics;
    if (supervisor->reload.diag_fd >= 0 &&
        rune_diagnostics_map(supervisor->reload.diag_fd, &diagnostics) == RUNE_OK) {
        dprintf(STDERR_FILENO, "%s", diagnostics.text);
        rune_diagnostics_unmap(&diagnostics);
    }
    dprintf(STDERR_FILENO, "runed: no image, no service: %s\n", message);
}

static void record(struct rune_supervisor *supervisor, enum rune_err err, const char *message)
{
    uint64_t took = rune_now_ns() - supervisor->reload.started_ns;
    struct rune_control_state *state = &supervisor->state;
    state->reload_result = err == RUNE_OK ? RUNE_RELOAD_OK : RUNE_RELOAD_FAILED;
    state->reload_err = err;
    state->reload_errors = supervisor->reload.build.errors;
    state->reload_at_ms = rune_now_ms();
    state->reload_duration_ns = took;
    keep_message(supervisor, err == RUNE_OK ? "" : message);
    rune_counter_add(supervisor->counters,
                     err == RUNE_OK ? RUNE_METRIC_RELOAD_OK : RUNE_METRIC_RELOAD_FAILED, 1);
    rune_histogram_observe(supervisor->counters, RUNE_HISTOGRAM_RELOAD_DURATION, took);
    close_fd(&supervisor->last_diag_fd);
    if (supervisor->reload.diag_fd >= 0) {
        supervisor->last_diag_fd = fcntl(supervisor->reload.diag_fd, F_DUPFD_CLOEXEC, 3);
    }
    if (err == RUNE_OK) {
        RUNE_LOG(&supervisor->log, RUNE_LOG_INFO, "reload_done",
                 RUNE_LOG_UINT("generation", state->generation),
                 RUNE_LOG_UINT("policies", state->policies), RUNE_LOG_UINT("rules", state->rules),
                 RUNE_LOG_UINT("facts", state->base_facts + state->derived_facts),
                 RUNE_LOG_UINT("image_bytes", state->image_bytes),
                 RUNE_LOG_UINT("took_ms", took / MS));
    } else {
        RUNE_LOG(&supervisor->log, RUNE_LOG_ERROR, "reload_failed",
                 RUNE_LOG_CSTR("error", rune_err_text(err)), RUNE_LOG_CSTR("message", message),
                 RUNE_LOG_UINT("errors", state->reload_errors),
                 RUNE_LOG_UINT("still", state->generation));
    }
}

static void start_next(struct rune_supervisor *supervisor);

static void finish(struct rune_supervisor *supervisor, enum rune_err err, const char *message)
{
    struct rune_reload *reload = &supervisor->reload;
    if (reload->publish) {
        record(supervisor, err, message);
    }
    if (supervisor->stage == RUNE_STAGE_STARTING && err != RUNE_OK) {
        print_diagnostics(supervisor, message);
        rune_supervisor_leave(supervisor, err == RUNE_E_BUNDLE || reload->build.errors > 0
                                              ? RUNE_EXIT_BUNDLE
                                              : RUNE_EXIT_FAILURE);
    }
    set_phase(supervisor, RUNE_PHASE_IDLE);
    answer_all(supervisor, err, message);
    close_fd(&reload->image_fd);
    close_fd(&reload->diag_fd);
    start_next(supervisor);
}

/* ---- children ---- */

static bool begin_child(struct rune_supervisor *supervisor, struct rune_one_shot *child,
                        enum rune_watch_kind kind)
{
    int sockets[2];
    child->reported = false;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        return false;
    }
    (void)!fcntl(sockets[0], F_SETFL, O_NONBLOCK);
    child->pid = fork();
    if (child->pid == 0) {
        if (kind == RUNE_WATCH_BUILDER) {
            rune_builder_main(&supervisor->heritage, sockets[1]);
        }
        rune_verifier_main(&supervisor->heritage, sockets[1], supervisor->reload.image_fd);
    }
    close(sockets[1]);
    if (child->pid < 0) {
        child->pid = 0;
        close(sockets[0]);
        return false;
    }
    child->socket = sockets[0];
    rune_watch_add(supervisor, child->socket, kind, 0);
    return true;
}

static void start_build(struct rune_supervisor *supervisor)
{
    struct rune_reload *reload = &supervisor->reload;
    reload->publish = reload->current.reload;
    reload->started_ns = rune_now_ns();
    reload->deadline_ns = reload->started_ns + supervisor->config->build_timeout_ms * MS;
    reload->timed_out = false;
    memset(&reload->build, 0, sizeof reload->build);
    memset(&reload->verify, 0, sizeof reload->verify);
    set_phase(supervisor, RUNE_PHASE_BUILDING);
    if (!begin_child(supervisor, &reload->builder, RUNE_WATCH_BUILDER)) {
        finish(supervisor, RUNE_E_IO, "the builder cannot be started");
    }
}

static void start_next(struct rune_supervisor *supervisor)
{
    struct rune_reload *reload = &supervisor->reload;
    if (reload->next.any && supervisor->stage <= RUNE_STAGE_RUNNING) {
        reload->current = reload->next;
        reload->next.count = 0;
        reload->next.reload = reload->next.any = false;
        start_build(supervisor);
    }
}

bool rune_reload_ask(struct rune_supervisor *supervisor, const struct rune_caller *caller,
                     enum rune_call_kind kind)
{
    struct rune_caller_list *list = &supervisor->reload.next;
    if (caller != NULL) {
        if (list->count == RUNE_CALLERS_MAX) {
            return false;
        }
        list->items[list->count++] = *caller;
    }
    list->any = true;
    list->reload = list->reload || kind == RUNE_CALL_RELOAD;
    if (supervisor->reload.phase == RUNE_PHASE_IDLE) {
        start_next(supervisor);
    }
    return true;
}

void rune_reload_on_builder(struct rune_supervisor *supervisor)
{
    struct rune_reload *reload = &supervisor->reload;
    struct rune_build_report report;
    int fd = -1;
    while (reload->builder.socket >= 0 &&
           rune_message_receive(reload->builder.socket, &report, sizeof report, &fd) == RUNE_OK) {
        report.message[sizeof report.message - 1] = '\0';
        if (report.stage == RUNE_BUILD_DIAGNOSTICS && reload->diag_fd < 0) {
            reload->diag_fd = fd;
        } else if (report.stage == RUNE_BUILD_FINISHED && !reload->builder.reported) {
            reload->builder.reported = true;
            reload->build = report;
            reload->image_fd = fd;
        } else if (fd >= 0) {
            close(fd);
        }
        fd = -1;
    }
}

void rune_reload_on_verifier(struct rune_supervisor *supervisor)
{
    struct rune_reload *reload = &supervisor->reload;
    if (reload->verifier.socket >= 0 && !reload->verifier.reported &&
        rune_message_receive(reload->verifier.socket, &reload->verify, sizeof reload->verify,
                             NULL) == RUNE_OK) {
        struct rune_verify_report *report = &reload->verify;
        reload->verifier.reported = true;
        report->message[sizeof report->message - 1] = '\0';
        report->bundle_name[sizeof report->bundle_name - 1] = '\0';
        report->bundle_version[sizeof report->bundle_version - 1] = '\0';
    }
}

/* Why a child that said nothing of its own has ended. */
static void describe_end(const struct rune_supervisor *supervisor, const char *who, int status,
                         char *text, size_t size)
{
    if (supervisor->reload.timed_out) {
        snprintf(text, size, "the %s took longer than build_ms, %" PRIu64 " ms", who,
                 supervisor->config->build_timeout_ms);
    } else if (WIFSIGNALED(status)) {
        snprintf(text, size, "the %s was killed by signal %d (%s)", who, WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else {
        snprintf(text, size, "the %s ended with status %d and no report", who, WEXITSTATUS(status));
    }
}

static bool is_sealed(const struct rune_supervisor *supervisor, int fd)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & RUNE_IMAGE_SEALS) == RUNE_IMAGE_SEALS && fstat(fd, &st) == 0 &&
           (uint64_t)st.st_size <= supervisor->config->max_image_bytes;
}

static void on_builder_end(struct rune_supervisor *supervisor, int status)
{
    struct rune_reload *reload = &supervisor->reload;
    char text[160];
    if (supervisor->stage > RUNE_STAGE_RUNNING) {
        finish(supervisor, RUNE_E_BUSY, "the server is shutting down");
    } else if (!reload->builder.reported || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        describe_end(supervisor, "builder", status, text, sizeof text);
        finish(supervisor,
               reload->timed_out     ? RUNE_E_TIMEOUT
               : WIFSIGNALED(status) ? RUNE_E_INTERNAL
                                     : RUNE_E_IO,
               text);
    } else if (reload->build.err != RUNE_OK) {
        enum rune_err err =
            reload->build.err < RUNE_ERR_COUNT ? (enum rune_err)reload->build.err : RUNE_E_INTERNAL;
        finish(supervisor, err, reload->build.message);
    } else if (reload->image_fd < 0 || !is_sealed(supervisor, reload->image_fd)) {
        finish(supervisor, RUNE_E_CORRUPT,
               "the builder's image is missing, not sealed or too large");
    } else {
        set_phase(supervisor, RUNE_PHASE_VERIFYING);
        if (!begin_child(supervisor, &reload->verifier, RUNE_WATCH_VERIFIER)) {
            finish(supervisor, RUNE_E_IO, "the verifier cannot be started");
        }
    }
}

static void describe_image(struct rune_supervisor *supervisor)
{
    const struct rune_verify_report *report = &supervisor->reload.verify;
    struct rune_control_state *state = &supervisor->state;
    memcpy(state->image_sha256, report->image_sha256, sizeof state->image_sha256);
    memcpy(state->bundle_name, report->bundle_name, sizeof state->bundle_name);
    memcpy(state->bundle_version, report->bundle_version, sizeof state->bundle_version);
    state->image_bytes = report->image_bytes;
    state->policies = report->policies;
    state->templates = report->templates;
    state->rules = report->rules;
    state->entities = report->entities;
    state->base_facts = report->base_facts;
    state->derived_facts = report->derived_facts;
    rune_gauge_set(supervisor->counters, RUNE_METRIC_LOADED_POLICIES, report->policies);
    rune_gauge_set(supervisor->counters, RUNE_METRIC_LOADED_RULES, report->rules);
    rune_gauge_set(supervisor->counters, RUNE_METRIC_FACT_ENTRIES,
                   report->base_facts + report->derived_facts);
    rune_gauge_set(supervisor->counters, RUNE_METRIC_IMAGE_SIZE, report->image_bytes);
}

static void publish(struct rune_supervisor *supervisor)
{
    struct rune_reload *reload = &supervisor->reload;
    close_fd(&supervisor->image_fd);
    supervisor->image_fd = reload->image_fd;
    reload->image_fd = -1;
    supervisor->limits = reload->build.limits;
    supervisor->log.level = (enum rune_log_level)supervisor->limits.log_level;
    supervisor->state.generation = supervisor->next_generation++;
    supervisor->state.published_at_ms = rune_now_ms();
    describe_image(supervisor);
    set_phase(supervisor, RUNE_PHASE_PUBLISHING);
    if (supervisor->stage == RUNE_STAGE_STARTING) {
        supervisor->stage = RUNE_STAGE_RUNNING;
        rune_slots_spawn_all(supervisor);
    } else {
        rune_slots_publish(supervisor);
    }
}

static void on_verifier_end(struct rune_supervisor *supervisor, int status)
{
    struct rune_reload *reload = &supervisor->reload;
    char text[160];
    if (supervisor->stage > RUNE_STAGE_RUNNING) {
        finish(supervisor, RUNE_E_BUSY, "the server is shutting down");
    } else if (!reload->verifier.reported || !WIFEXITED(status)) {
        describe_end(supervisor, "verifier", status, text, sizeof text);
        /* it found nothing wrong; it did not look to the end */
        finish(supervisor, reload->timed_out ? RUNE_E_TIMEOUT : RUNE_E_INTERNAL, text);
    } else if (WEXITSTATUS(status) != 0 || reload->verify.err != RUNE_OK) {
        finish(supervisor, RUNE_E_CORRUPT, reload->verify.message);
    } else if (reload->publish) {
        publish(supervisor);
    } else {
        finish(supervisor, RUNE_OK, "");
    }
}

bool rune_reload_on_death(struct rune_supervisor *supervisor, pid_t pid, int status)
{
    struct rune_reload *reload = &supervisor->reload;
    if (pid == reload->builder.pid) {
        rune_reload_on_builder(supervisor); /* what it said before it ended */
        rune_watch_close(supervisor, &reload->builder.socket);
        reload->builder.pid = 0;
        on_builder_end(supervisor, status);
        return true;
    }
    if (pid == reload->verifier.pid) {
        rune_reload_on_verifier(supervisor);
        rune_watch_close(supervisor, &reload->verifier.socket);
        reload->verifier.pid = 0;
        on_verifier_end(supervisor, status);
        return true;
    }
    return false;
}

void rune_reload_tick(struct rune_supervisor *supervisor, uint64_t now_ns)
{
    struct rune_reload *reload = &supervisor->reload;
    if (reload->phase == RUNE_PHASE_PUBLISHING) {
        if (rune_slots_have_acknowledged(supervisor)) {
            finish(supervisor, RUNE_OK, "");
        }
    } else if (reload->phase != RUNE_PHASE_IDLE && now_ns > reload->deadline_ns) {
        RUNE_LOG(&supervisor->log, RUNE_LOG_ERROR, "build_timeout",
                 RUNE_LOG_UINT("build_ms", supervisor->config->build_timeout_ms));
        reload->deadline_ns = now_ns + 1000 * MS;
        reload->timed_out = true;
        rune_reload_abandon(supervisor);
    }
}

void rune_reload_abandon(struct rune_supervisor *supervisor)
{
    if (supervisor->reload.builder.pid != 0) {
        kill(supervisor->reload.builder.pid, SIGKILL);
    }
    if (supervisor->reload.verifier.pid != 0) {
        kill(supervisor->reload.verifier.pid, SIGKILL);
    }
}
