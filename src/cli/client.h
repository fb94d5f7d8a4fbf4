/* SPDX-License-Identifier: Apache-2.0 */
/* client: the running server that a command is about. Used by: reload, status. */
#pragma once

#include "cli/command.h"
#include "shm/client.h"

/* Opens the server of that runtime directory (NULL: where servers are by default). CLI_OK, or
 * CLI_ENVIRONMENT after a message; then there is nothing to close. */
enum cli_exit cli_client_open(const char *runtime_dir, struct rune_client *ret_client);
