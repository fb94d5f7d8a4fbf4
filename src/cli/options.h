/* SPDX-License-Identifier: Apache-2.0 */
/* options: command lines by table: --name VALUE, --name=VALUE, -x VALUE, flags, `--` ends options;
 * options and operands may be mixed. */
#pragma once

#include "cli/command.h"

/* Parses argv[0..argc) (behind the command's name) into `arguments` (zeroed or defaulted by the
 * caller, of the command's arguments_size). Operands are moved to the front of argv;
 * *ret_operand_count says how many. False: a message was printed to standard error. */
bool cli_options_parse(const struct cli_command *command, int argc, char **argv, void *arguments,
                       int *ret_operand_count);

/* True if the arguments ask for help instead. */
bool cli_options_want_help(int argc, char **argv);
