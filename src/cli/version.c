/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/command.h"
#include "rune/rune.h"

static enum cli_exit run(const struct cli_call *call)
{
    (void)call;
    printf("rune %s\n", rune_version());
    return CLI_OK;
}

const struct cli_command cli_command_version = {
    .name = "version",
    .operands = "",
    .summary = "print the version",
    .run = run,
};
