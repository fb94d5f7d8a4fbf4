/* SPDX-License-Identifier: Apache-2.0 */
/* Process: builder, one-shot. Reads the configuration again (a reload may change limits and the
 * bundle's path), makes the image, and hands over diagnostics, image and a report. Whatever happens
 * here, the supervisor lives: it sees a report or an exit status. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "engine/image.h"
#include "observe/log.h"
#include "rune/build.h"
#include "server/roles.h"
#include "server/sandbox.h"
#include "shm/image_writer.h"
#include "shm/messages.h"

#define LOGGED_MAX 50 /* LIMIT: diagnostics that go to the log one by one */

static uint64_t memory_of_machine(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes : UINT64_C(4) << 30;
}

/* An image built elsewhere: copied, since a file could change under its mapping; the verifier
 * checks it as any other. */
static enum rune_err copy_image(const char *path, uint64_t max_bytes, int to,
                                struct rune_diag *diag)
{
    struct stat st;
    int from = open(path, O_RDONLY | O_CLOEXEC);
    enum rune_err err = RUNE_OK;
    if (from < 0 || fstat(from, &st) != 0) {
        err = RUNE_E_IO;
    } else if ((uint64_t)st.st_size > max_bytes) {
        err = RUNE_E_LIMIT;
    }
    for (off_t left = err == RUNE_OK ? st.st_size : 0; left > 0;) {
        ssize_t n = sendfile(to, from, NULL, left > (1 << 30) ? 1u << 30 : (size_t)left);
        if (n <= 0 && errno != EINTR) {
            err = RUNE_E_IO;
            break;
        }
        left -= n > 0 ? n : 0;
    }
    if (err != RUNE_OK) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-S0030", RUNE_SPAN_NONE, NULL,
                         "the image %s cannot be copied: %s", path,
                         err == RUNE_E_LIMIT ? "it is larger than max_image_bytes"
                                             : strerror(errno));
    }
    if (from >= 0) {
        close(from);
    }
    return err;
}

/* Fewer than deriving takes, so that a derivation that explodes ends within build_ms by an error
 * that names its rule, and not by a signal that names nothing. */
#define STEPS_A_MS UINT64_C(20000)

static enum rune_err make_image(const struct rune_config *config, uint64_t max_memory, int *ret_fd,
                                struct rune_diag *diag)
{
    struct rune_build_result result;
    const struct rune_build_options options = {.version = RUNE_BUILD_OPTIONS_VERSION,
                                               .max_image_bytes = config->max_image_bytes,
                                               .max_memory_bytes = max_memory / 4 * 3,
                                               .max_steps = config->build_timeout_ms * STEPS_A_MS};
    int fd;
    enum rune_err err = rune_image_memfd_create("rune-image", &fd);
    if (err != RUNE_OK) {
        return err;
    }
    if (rune_image_is_image_file(config->bundle)) {
        err = copy_image(config->bundle, config->max_image_bytes, fd, diag);
    } else {
        err = rune_build_bundle(config->bundle, &options, fd, &result, diag);
    }
    return rune_image_memfd_finish(fd, err, ret_fd);
}

static void format_place(const struct rune_diag_message *message, char *text, size_t size)
{
    if (message->path == NULL) {
        text[0] = '\0';
    } else if (message->line == 0) {
        snprintf(text, size, "%s", message->path);
    } else {
        snprintf(text, size, "%s:%u:%u", message->path, message->line, message->column);
    }
}

/* The first error in one line, and each of the first ones in the log. */
static void tell(struct rune_diag *diag, struct rune_log *log, char *first, size_t first_size)
{
    size_t logged = 0;
    for (size_t i = 0; i < rune_diag_kept(diag) && logged < LOGGED_MAX; i++) {
        struct rune_diag_message message;
        char place[256];
        rune_diag_get(diag, i, &message);
        if (message.severity == RUNE_NOTE) {
            continue;
        }
        format_place(&message, place, sizeof place);
        if (message.severity == RUNE_ERROR && first[0] == '\0') {
            snprintf(first, first_size, "%s%s%s", place, place[0] != '\0' ? ": " : "",
                     message.text);
        }
        RUNE_LOG(log, message.severity == RUNE_ERROR ? RUNE_LOG_ERROR : RUNE_LOG_WARN,
                 "bundle_diagnostic", RUNE_LOG_CSTR("at", place),
                 RUNE_LOG_CSTR("code", message.code), RUNE_LOG_CSTR("message", message.text));
        logged++;
    }
}

static enum rune_err hand_over(int socket, struct rune_diag *diag, struct rune_build_report *report,
                               int image_fd)
{
    const struct rune_build_report first = {.stage = RUNE_BUILD_DIAGNOSTICS};
    int diag_fd;
    report->stage = RUNE_BUILD_FINISHED;
    report->errors = (uint32_t)rune_diag_count(diag, RUNE_ERROR);
    report->warnings = (uint32_t)rune_diag_count(diag, RUNE_WARNING) - report->errors;
    char *text = rune_strdup(rune_diag_text(diag)); /* the next rendering takes its place */
    enum rune_err err = rune_diagnostics_create(
        report->errors, report->warnings, text != NULL ? text : "", rune_diag_json(diag), &diag_fd);
    rune_free(text);
    if (err == RUNE_OK) {
        err = rune_message_send(socket, &first, sizeof first, diag_fd);
        close(diag_fd);
    }
    if (err == RUNE_OK) {
        err = rune_message_send(socket, report, sizeof *report, image_fd);
    }
    return err;
}

_Noreturn void rune_builder_main(const struct rune_heritage *heritage, int socket)
{
    const int keep[] = {socket, heritage->log_write};
    struct rune_build_report report = {0};
    struct rune_log log;
    struct rune_config config;
    enum rune_config_outcome outcome;
    int image_fd = -1;
    if (rune_child_begin("rune: builder", RUNE_CHILD_ONE_SHOT, keep, 2) != RUNE_OK ||
        rune_child_drop(heritage) != RUNE_OK) {
        _exit(1);
    }
    uint64_t max_memory = heritage->config->max_build_bytes;
    if (max_memory == 0) {
        max_memory = memory_of_machine() / 4 * 3;
    }
    rune_log_init(&log, heritage->log_write, (enum rune_log_level)heritage->config->log_level,
                  "builder");
    if (rune_sandbox_builder(max_memory, heritage->config->max_image_bytes) != RUNE_OK) {
        RUNE_LOG(&log, RUNE_LOG_ERROR, "sandbox_failed", RUNE_LOG_CSTR("error", strerror(errno)));
        _exit(1);
    }
    rune_alloc_prepare(max_memory);
    rune_alloc_try_large();
    struct rune_diag *diag = rune_diag_create();
    if (diag == NULL) {
        _exit(1);
    }
    rune_config_init(&config);
    enum rune_err err = rune_config_load(&config, heritage->argc, heritage->argv, &outcome, diag);
    if (err == RUNE_OK) {
        rune_config_shared_limits(&config, &report.limits);
        err = make_image(&config, max_memory, &image_fd, diag);
    }
    report.err = err;
    if (err != RUNE_OK && rune_diag_count(diag, RUNE_ERROR) == 0) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-S0031", RUNE_SPAN_NONE, NULL,
                         "the bundle was not built: %s", rune_err_text(err));
    }
    tell(diag, &log, report.message, sizeof report.message);
    _exit(hand_over(socket, diag, &report, image_fd) == RUNE_OK ? 0 : 1);
}
