/* SPDX-License-Identifier: Apache-2.0 */
/* rune help: what the tables say. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static void print_option(const struct cli_option *option)
{
    char left[40];
    char letter[8] = "    ";
    if (option->letter != 0) {
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    }
    snprintf(left, sizeof(left), "%s--%s%s%s", letter, option->name,
             option->operand != NULL ? " " : "", option->operand != NULL ? option->operand : "");
    printf("  %-30s %s\n", left, option->text);
}

static void print_command(const struct cli_command *command)
{
    printf("%s\n\nusage: rune %s%s%s%s\n", command->summary, command->name,
           command->operands[0] != '\0' ? " " : "", command->operands,
           command->option_count > 0 ? " [options]" : "");
    if (command->option_count > 0) {
        printf("\noptions:\n");
        for (size_t i = 0; i < command->option_count; i++) {
            print_option(&command->options[i]);
        }
    }
    if (command->details != NULL) {
        printf("\n%s", command->details);
    }
}

static void print_all(void)
{
    printf("rune: build, ask and look after authorization bundles\n\n"
           "usage: rune COMMAND [operands] [options]\n\ncommands:\n");
    for (size_t i = 0; i < cli_command_count; i++) {
        printf("  %-12s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    }
    printf("\nA BUNDLE is a directory of policies, rules, entities and facts, or one .rune file; "
           "an IMAGE is what\n"
           "`rune build` makes of it.\n\n"
           "exit codes:\n"
           "  0  done; for eval: PERMIT\n"
           "  1  the answer is no: DENY or FORBID, a failed test, a mismatch, a server that is not "
           "ready\n"
           "  2  usage: unknown command or option, a missing operand\n"
           "  3  the bundle, image, request or query has errors: messages say where\n"
           "  4  a file, the memory or the server is not there, or failed\n\n"
           "`rune help COMMAND` or `rune COMMAND --help` tells more.\n");
}

void cli_help_print(const struct cli_command *command)
{
    if (command != NULL) {
        print_command(command);
    } else {
        print_all();
    }
}

static enum cli_exit run(const struct cli_call *call)
{
    if (call->operand_count == 0) {
        cli_help_print(NULL);
        return CLI_OK;
    }
    const struct cli_command *command = cli_command_find(call->operands[0]);
    if (command == NULL) {
        fprintf(stderr, "rune help: there is no command '%s'\ntry: rune help\n", call->operands[0]);
        return CLI_USAGE;
    }
    cli_help_print(command);
    return CLI_OK;
}

const struct cli_command cli_command_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .summary = "tell how to use a command",
    .max_operands = 1,
    .run = run,
};
