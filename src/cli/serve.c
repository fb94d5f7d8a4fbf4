/* SPDX-License-Identifier: Apache-2.0 */
/* rune serve: becomes runed, in the same process: the pid stays, signals and exit code are runed's.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

struct arguments {
    const char *listen, *admin, *workers, *config, *runtime_dir, *log_level;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, listen, "listen", 'l', CLI_TEXT, "HOST:PORT",
               "where to answer decisions"),
    CLI_OPTION(arguments, admin, "admin", 0, CLI_TEXT, "ADDRESS",
               "the admin listener: unix:PATH or a loopback HOST:PORT"),
    CLI_OPTION(arguments, workers, "workers", 'w', CLI_TEXT, "N",
               "worker processes (one a processor)"),
    CLI_OPTION(arguments, config, "config", 'c', CLI_TEXT, "FILE",
               "configuration; flags win over it"),
    CLI_OPTION(arguments, runtime_dir, "runtime-dir", 0, CLI_TEXT, "DIR",
               "where the control socket and the lock live"),
    CLI_OPTION(arguments, log_level, "log-level", 0, CLI_TEXT, "LEVEL",
               "debug, info, warn or error"),
};

#define MAX_ARGUMENTS 24

struct command_line {
    const char *items[MAX_ARGUMENTS];
    int count;
};

static void add(struct command_line *line, const char *flag, const char *value)
{
    if (value != NULL) {
        line->items[line->count++] = flag;
        line->items[line->count++] = value;
    }
}

/* runed lies beside this very program; NULL: look in PATH. */
static const char *find_beside(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length <= 0) {
        return NULL;
    }
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL || (size_t)(slash - path) + sizeof("/runed") > size) {
        return NULL;
    }
    memcpy(slash, "/runed", sizeof("/runed"));
    return access(path, X_OK) == 0 ? path : NULL;
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    struct command_line line = {.items = {"runed"}, .count = 1};
    add(&line, "--config", arguments->config);
    add(&line, "--listen", arguments->listen);
    add(&line, "--admin", arguments->admin);
    add(&line, "--workers", arguments->workers);
    add(&line, "--runtime-dir", arguments->runtime_dir);
    add(&line, "--log-level", arguments->log_level);
    if (call->operand_count > 0) {
        add(&line, "--bundle", call->operands[0]);
    } else if (arguments->config == NULL) {
        fprintf(stderr, "rune serve: what to serve? give a BUNDLE, an IMAGE, or --config FILE\n");
        return CLI_USAGE;
    }
    char path[PATH_MAX];
    const char *beside = find_beside(path, sizeof(path));
    /* exec takes char *const but changes nothing. */
    char *argv[MAX_ARGUMENTS + 1] = {0};
    memcpy(argv, line.items, (size_t)line.count * sizeof(*argv));
    if (beside != NULL) {
        execv(beside, argv);
    } else {
        execvp("runed", argv);
    }
    fprintf(stderr, "rune serve: cannot start runed: %s\nis it installed beside rune?\n",
            strerror(errno));
    return CLI_ENVIRONMENT;
}

const struct cli_command cli_command_serve = {
    .name = "serve",
    .operands = "BUNDLE|IMAGE",
    .summary = "answer decisions over HTTP, in the foreground",
    .details =
        "Becomes runed with the same process id; Ctrl-C stops it, SIGHUP reloads the bundle.\n\n"
        "  rune serve examples/docshare --listen 127.0.0.1:8080\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 0,
    .max_operands = 1,
    .run = run,
};
