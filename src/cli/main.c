/* SPDX-License-Identifier: Apache-2.0 */
/* rune: the command line. Finds the command, parses its options, runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/options.h"

const struct cli_command *const cli_commands[] = {
#define CLI_COMMAND(name) &cli_command_##name,
#include "cli/commands.def"
#undef CLI_COMMAND
};
const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);

const struct cli_command *cli_command_find(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i]->name, name) == 0) {
            return cli_commands[i];
        }
    }
    return NULL;
}

static enum cli_exit unknown_command(const char *name)
{
    struct rune_str names[64];
    for (size_t i = 0; i < cli_command_count; i++) {
        names[i] = rune_str_from(cli_commands[i]->name);
    }
    struct rune_str nearest = rune_str_nearest(rune_str_from(name), names, cli_command_count);
    if (nearest.length > 0) {
        fprintf(stderr, "rune: unknown command '%s': did you mean '%.*s'?\n", name,
                RUNE_STR_ARG(nearest));
    } else {
        fprintf(stderr, "rune: unknown command '%s'\ntry: rune help\n", name);
    }
    return CLI_USAGE;
}

static enum cli_exit run(const struct cli_command *command, int argc, char **argv)
{
    _Alignas(16) char arguments[256] = {0};
    struct cli_call call = {.arguments = arguments, .operands = argv};
    if (command->arguments_size > sizeof(arguments)) {
        return CLI_ENVIRONMENT;
    }
    if (cli_options_want_help(argc, argv)) {
        cli_help_print(command);
        return CLI_OK;
    }
    if (!cli_options_parse(command, argc, argv, arguments, &call.operand_count)) {
        return CLI_USAGE;
    }
    return command->run(&call);
}

int main(int argc, char **argv)
{
    rune_alloc_prepare(UINT64_MAX);
    if (argc < 2) {
        cli_help_print(NULL);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        name = "version";
    }
    const struct cli_command *command = cli_command_find(name);
    if (command == NULL) {
        return (int)unknown_command(name);
    }
    enum cli_exit code = run(command, argc - 2, argv + 2);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "rune: writing to standard output failed\n");
        return CLI_ENVIRONMENT;
    }
    return (int)code;
}
