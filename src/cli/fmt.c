/* SPDX-License-Identifier: Apache-2.0 */
/* rune fmt: policies laid out as Cedar's own formatter does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/subject.h"
#include "rune/format.h"

enum { MAX_FILES = 1 << 20 }; /* LIMIT */

struct arguments {
    bool check;
    bool write;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, check, "check", 0, CLI_FLAG, NULL,
               "only list the files that are laid out otherwise; exit code 1 if there are any"),
    CLI_OPTION(arguments, write, "write", 'w', CLI_FLAG, NULL,
               "replace the files that are laid out otherwise, and list them"),
};

struct work {
    const struct arguments *arguments;
    struct rune_arena arena; /* one operand's */
    enum cli_exit exit;      /* the worst yet */
};

static void note_exit(struct work *work, enum cli_exit status)
{
    work->exit = status > work->exit ? status : work->exit;
}

static bool is_policy_file(const char *path)
{
    size_t length = strlen(path);
    return length > 6 && strcmp(path + length - 6, ".cedar") == 0;
}

/* One file, between being read and being delivered. */
struct job {
    struct work *work;
    const char *path;
    struct rune_str before;
};

static void deliver(void *context, struct rune_str after)
{
    struct job *job = context;
    const struct arguments *arguments = job->work->arguments;
    bool is_same = rune_str_equal(job->before, after);
    if (!arguments->check && !arguments->write) {
        fwrite(after.data, 1, after.length, stdout);
    } else if (!is_same) {
        printf("%s\n", job->path);
    }
    if (arguments->check && !is_same) {
        note_exit(job->work, CLI_NO);
    }
    if (arguments->write && !is_same && !cli_replace_file(job->path, after)) {
        fprintf(stderr, "rune: %s: %s\n", job->path, strerror(errno));
        note_exit(job->work, CLI_ENVIRONMENT);
    }
}

static void format_file(struct work *work, const char *path)
{
    struct rune_arena_mark mark = rune_arena_mark(&work->arena);
    struct rune_diag *diag = rune_diag_create();
    struct job job = {.work = work, .path = cli_text_name(path)};
    enum rune_err err = RUNE_E_NOMEM;
    if (diag != NULL) {
        err = cli_read_text(path, &work->arena, &job.before, diag);
    }
    if (err == RUNE_OK) {
        err = rune_format_policies(job.path, job.before, deliver, &job, diag);
    }
    cli_print_diag(diag, err, job.path);
    note_exit(work, cli_exit_for(err));
    rune_diag_destroy(diag);
    rune_arena_rewind(&work->arena, mark);
}

static void format_directory(struct work *work, const char *path)
{
    struct rune_diag *diag = rune_diag_create();
    struct rune_fs_entry *entries = NULL;
    size_t count = 0;
    enum rune_err err = diag == NULL
                            ? RUNE_E_NOMEM
                            : rune_fs_walk(path, MAX_FILES, &work->arena, &entries, &count, diag);
    cli_print_diag(diag, err, path);
    note_exit(work, cli_exit_for(err));
    for (size_t i = 0; err == RUNE_OK && i < count; i++) {
        if (is_policy_file(entries[i].path)) {
            const char *name = rune_arena_printf(&work->arena, "%s/%s", path, entries[i].path);
            if (name == NULL) {
                cli_print_failure(NULL, RUNE_E_NOMEM, path);
                note_exit(work, CLI_ENVIRONMENT);
                break;
            }
            format_file(work, name);
        }
    }
    rune_diag_destroy(diag);
}

static enum cli_exit run(const struct cli_call *call)
{
    struct work work = {.arguments = call->arguments, .exit = CLI_OK};
    if (work.arguments->check && work.arguments->write) {
        fputs("rune: fmt: --check changes nothing, --write does: choose one\n", stderr);
        return CLI_USAGE;
    }
    for (int i = 0; i < call->operand_count; i++) {
        struct stat status;
        const char *path = call->operands[i];
        if (work.arguments->write && strcmp(path, "-") == 0) {
            fputs("rune: fmt: --write replaces files, and standard input is none\n", stderr);
            return CLI_USAGE;
        }
        rune_arena_init(&work.arena, 0);
        if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
            format_directory(&work, path);
        } else {
            format_file(&work, path);
        }
        rune_arena_fini(&work.arena);
    }
    return work.exit;
}

const struct cli_command cli_command_fmt = {
    .name = "fmt",
    .operands = "FILE|DIR...",
    .summary = "lay out policies as Cedar's formatter does",
    .details =
        "Prints the text of each FILE, and of each *.cedar below a DIR; comments are kept, and "
        "the\n"
        "policies mean the same. A file that cannot be parsed is reported and left alone. `-` is "
        "standard\n"
        "input.\n\n"
        "  rune fmt --check policies    exit code 1 if a file is laid out otherwise\n"
        "  rune fmt --write policies    replace those files\n"
        "  rune fmt -                   for an editor: standard input, laid out\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 1,
    .max_operands = 1 << 20,
    .run = run,
};
