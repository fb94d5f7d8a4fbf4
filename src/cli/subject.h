/* SPDX-License-Identifier: Apache-2.0 */
/* subject: the BUNDLE|IMAGE that most commands are about, opened for deciding: an image is verified
 * and mapped, a bundle is built into memory first, with progress on a terminal and messages on
 * standard error. */
#pragma once

#include "cli/command.h"
#include "rune/rune.h"

struct cli_subject {
    struct rune_image *image;
    struct rune_decider *decider;
    struct rune_diag *diag;
};

/* What a build may take; 0: librune's defaults. A member `limits` of the arguments of a command
 * that builds, with CLI_LIMIT_OPTIONS in its table. */
struct cli_limits {
    uint64_t memory_bytes, steps;
};

#define CLI_LIMIT_OPTIONS                                                         \
    CLI_OPTION(arguments, limits.memory_bytes, "max-memory", 0, CLI_SIZE, "SIZE", \
               "memory that deriving may take, as 512M or 8G (4G)"),              \
        CLI_OPTION(arguments, limits.steps, "max-steps", 0, CLI_NUMBER, "N",      \
                   "steps that deriving may take (1073741824, some 10 s)")

/* The same for a command that counts by cli_subject_limit_counts. */
#define CLI_COUNT_LIMIT_OPTIONS                                                   \
    CLI_OPTION(arguments, limits.memory_bytes, "max-memory", 0, CLI_SIZE, "SIZE", \
               "memory that deriving may take, as 512M or 8G (4G)"),              \
        CLI_OPTION(arguments, limits.steps, "max-steps", 0, CLI_NUMBER, "N",      \
                   "steps that deriving, or a count, may take (1073741824, some 10 s)")

enum cli_purpose {
    CLI_TO_DECIDE, /* with a server's limits of memory */
    CLI_TO_PLAN,   /* with room for counting */
    CLI_TO_QUERY,  /* likewise, and a bundle's image keeps what only queries ask for */
};

/* CLI_OK, or the exit code of a message that was printed; then there is nothing to close. */
enum cli_exit cli_subject_open(const char *path, enum cli_purpose purpose,
                               const struct cli_limits *limits, struct cli_subject *ret_subject);
/* What a count may take: as many steps as deriving. */
void cli_subject_limit_counts(struct cli_subject *subject, const struct cli_limits *limits);

void cli_subject_close(struct cli_subject *subject);

/* Whether a decision has these reasons and no others; sorted bytewise, as its own are. */
bool cli_has_reasons(const struct rune_decision *decision, const struct rune_str *reasons,
                     uint32_t count);

/* The exit code that fits an error. */
enum cli_exit cli_exit_for(enum rune_err err);

/* Prints all messages of the diag (which may be NULL), and cli_print_failure. */
void cli_print_diag(struct rune_diag *diag, enum rune_err err, const char *what);
/* What the messages do not say: with no error among them `what` failed with the code's text, and
 * without memory it did in any case: they are then not all. */
void cli_print_failure(const struct rune_diag *diag, enum rune_err err, const char *what);

/* `1 policy`, `2 policies`, and what stands behind it. */
void cli_print_count(uint64_t count, const char *one, const char *many, const char *behind);

/* Build options whose progress shows on standard error if that is a terminal. cli_progress_end
 * clears the line. */
struct rune_build_options cli_build_options(const struct cli_limits *limits);
void cli_progress_end(void);
