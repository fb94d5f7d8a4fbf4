/* SPDX-License-Identifier: Apache-2.0 */
/* runed: reads its configuration and becomes the supervisor. */
#include <stdio.h>

#include "base/diag.h"
#include "rune/rune.h"
#include "server/config.h"
#include "server/supervisor.h"
#include "shm/image_format.h"

static enum rune_exit run(struct rune_config *config, int argc, char **argv, struct rune_diag *diag)
{
    enum rune_config_outcome outcome;
    if (rune_config_load(config, argc, argv, &outcome, diag) != RUNE_OK) {
        return RUNE_EXIT_USAGE;
    }
    switch (outcome) {
    case RUNE_CONFIG_HELP:
        fputs(rune_config_usage(), stdout);
        return RUNE_EXIT_OK;
    case RUNE_CONFIG_VERSION:
        printf("runed %s, image format %u\n", rune_version(), RUNE_IMAGE_VERSION);
        return RUNE_EXIT_OK;
    case RUNE_CONFIG_CHECKED:
        if (rune_supervisor_check(config, diag) != RUNE_OK) {
            return RUNE_EXIT_USAGE;
        }
        puts("configuration ok");
        return RUNE_EXIT_OK;
    case RUNE_CONFIG_RUN:
        break;
    }
    return rune_supervisor_run(config, argc, argv, diag);
}

int main(int argc, char **argv)
{
    struct rune_diag *diag = rune_diag_create();
    struct rune_config config;
    if (diag == NULL) {
        return RUNE_EXIT_FAILURE;
    }
    rune_config_init(&config);
    enum rune_exit status = run(&config, argc, argv, diag);
    fputs(rune_diag_text(diag), stderr);
    rune_config_fini(&config);
    rune_diag_destroy(diag);
    return (int)status;
}
