/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"

#include "cli/subject.h"

enum cli_exit cli_client_open(const char *runtime_dir, struct rune_client *ret_client)
{
    struct rune_diag *diag = rune_diag_create();
    enum rune_err err =
        diag == NULL ? RUNE_E_NOMEM : rune_client_open(runtime_dir, ret_client, diag);
    if (err != RUNE_OK) {
        cli_print_diag(diag, err, "no running server was found");
    }
    rune_diag_destroy(diag);
    return err == RUNE_OK ? CLI_OK : CLI_ENVIRONMENT;
}
