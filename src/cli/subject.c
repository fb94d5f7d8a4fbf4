/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

bool cli_has_reasons(const struct rune_decision *decision, const struct rune_str *reasons,
                     uint32_t count)
{
    bool same = decision->reason_count == count;
    for (uint32_t i = 0; i < count && same; i++) {
        same = rune_str_equal(reasons[i], decision->reasons[i]);
    }
    return same;
}

enum cli_exit cli_exit_for(enum rune_err err)
{
    switch (err) {
    case RUNE_OK:
        return CLI_OK;
    case RUNE_E_NOT_FOUND:
    case RUNE_E_IO:
    case RUNE_E_NOMEM:
    case RUNE_E_BUSY:
    case RUNE_E_TIMEOUT:
    case RUNE_E_INTERNAL:
        return CLI_ENVIRONMENT;
    default:
        return CLI_INVALID;
    }
}

void cli_print_diag(struct rune_diag *diag, enum rune_err err, const char *what)
{
    if (diag != NULL && rune_diag_count(diag, RUNE_NOTE) > 0) {
        fputs(rune_diag_text(diag), stderr);
    }
    cli_print_failure(diag, err, what);
}

void cli_print_failure(const struct rune_diag *diag, enum rune_err err, const char *what)
{
    bool has_said = diag != NULL && rune_diag_count(diag, RUNE_ERROR) > 0;
    if (err != RUNE_OK && (!has_said || err == RUNE_E_NOMEM)) {
        fprintf(stderr, "rune: %s: %s\n", what, rune_err_text(err));
    }
}

void cli_print_count(uint64_t count, const char *one, const char *many, const char *behind)
{
    printf("%" PRIu64 " %s%s", count, count == 1 ? one : many, behind);
}

static void show_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)context;
    if (total > 0) {
        fprintf(stderr, "\r\033[K%s: %" PRIu64 " of %" PRIu64, what, done, total);
    } else if (done > 0) {
        fprintf(stderr, "\r\033[K%s: %" PRIu64, what, done);
    } else {
        fprintf(stderr, "\r\033[K%s", what);
    }
}

struct rune_build_options cli_build_options(const struct cli_limits *limits)
{
    struct rune_build_options options = RUNE_BUILD_OPTIONS_INIT;
    options.max_memory_bytes = limits->memory_bytes;
    options.max_steps = limits->steps;
    if (isatty(STDERR_FILENO)) {
        options.progress = show_progress;
    }
    return options;
}

void cli_progress_end(void)
{
    if (isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
}

static enum rune_err build_and_open(const char *path, const struct rune_build_options *options,
                                    struct cli_subject *subject)
{
    struct rune_build_result result;
    int fd;
    enum rune_err err = rune_build_memory(path, options, &fd, &result, subject->diag);
    cli_progress_end();
    if (err != RUNE_OK) {
        return err;
    }
    /* Just built by this very process: nothing untrusted in it. */
    err = rune_image_open_fd(fd, RUNE_IMAGE_VERIFIED, &subject->image, subject->diag);
    close(fd);
    return err;
}

enum cli_exit cli_subject_open(const char *path, enum cli_purpose purpose,
                               const struct cli_limits *limits, struct cli_subject *ret_subject)
{
    struct rune_build_options options = cli_build_options(limits);
    options.keeps_parents = purpose == CLI_TO_QUERY;
    struct cli_subject subject = {.diag = rune_diag_create()};
    enum rune_err err = subject.diag != NULL ? RUNE_OK : RUNE_E_NOMEM;
    if (err == RUNE_OK) {
        err = rune_image_is_image_file(path)
                  ? rune_image_open_path(path, &subject.image, subject.diag)
                  : build_and_open(path, &options, &subject);
    }
    if (err == RUNE_OK) {
        /* Queries may need more than a decision, for which a server has the default; what is not
         * used is not touched. */
        const struct rune_decider_options room = {
            .version = RUNE_DECIDER_OPTIONS_VERSION,
            .arena_bytes = purpose == CLI_TO_DECIDE ? 0 : (size_t)128 << 20};
        err = rune_decider_create(&room, &subject.decider);
    }
    if (err != RUNE_OK) {
        cli_print_diag(subject.diag, err, path);
        cli_subject_close(&subject);
        return cli_exit_for(err);
    }
    rune_diag_reset(subject.diag); /* warnings are `rune validate`'s */
    *ret_subject = subject;
    return CLI_OK;
}

void cli_subject_limit_counts(struct cli_subject *subject, const struct cli_limits *limits)
{
    rune_decider_set_max_steps(subject->decider,
                               limits->steps != 0 ? limits->steps : RUNE_BUILD_DEFAULT_STEPS);
}

void cli_subject_close(struct cli_subject *subject)
{
    rune_decider_destroy(subject->decider);
    rune_image_close(subject->image);
    rune_diag_destroy(subject->diag);
}
