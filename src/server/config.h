/* SPDX-License-Identifier: Apache-2.0 */
/* config: what `runed` was told: a TOML file, and flags that win over it.
 *
 * Owns: the values, in an arena. Every key is in config.def; an unknown one is an error with a
 * suggestion. Does not know: what the values are for. Process: supervisor at start; the builder
 * reads it again for a reload. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "guard/limits.h"
#include "rune/err.h"

struct rune_diag;
struct rune_shared_limits;

#define RUNE_CONFIG_MAX_LISTEN 16 /* LIMIT: addresses of the public listener */

struct rune_config {
    struct rune_arena arena; /* holds all strings below */
    const char *file;        /* NULL: none */
    /* path; relative ones are relative to the file's folder */
    const char *bundle;
    const char *user;                           /* NULL: stay who we are */
    const char *runtime_dir;                    /* NULL: one of its own below rune_runtime_base() */
    const char *listen[RUNE_CONFIG_MAX_LISTEN]; /* "HOST:PORT" */
    uint32_t listen_count;
    /* "unix:PATH", loopback "HOST:PORT"; NULL: admin.sock in the runtime directory */
    const char *admin;
    uint64_t workers;     /* 0: one a processor */
    const char *log_file; /* NULL: standard error */
    uint32_t log_level;   /* enum rune_log_level */
    struct rune_limits limits;
    uint64_t max_steps;       /* of a decision; 0: the decider's own */
    uint64_t max_image_bytes; /* of what the builder makes */
    uint64_t max_build_bytes; /* memory of the builder; 0: three quarters of the machine's */
    uint64_t build_timeout_ms;
    uint64_t acknowledge_timeout_ms;
    uint64_t heartbeat_timeout_ms;
    bool check_only; /* --check-config */
};

enum rune_config_outcome {
    RUNE_CONFIG_RUN,
    RUNE_CONFIG_CHECKED, /* --check-config and all is well */
    RUNE_CONFIG_HELP,
    RUNE_CONFIG_VERSION,
};

void rune_config_init(struct rune_config *config);
void rune_config_fini(struct rune_config *config);

/* Flags, then the file they name, then the flags again over it, then what is missing. All mistakes
 * in one go. RUNE_E_INVALID and whatever reading the file gives. */
RUNE_MUST_USE enum rune_err rune_config_load(struct rune_config *config, int argc, char **argv,
                                             enum rune_config_outcome *ret_outcome,
                                             struct rune_diag *diag);

/* What --help prints; static. */
const char *rune_config_usage(void);

/* The part that a reload may change. */
void rune_config_shared_limits(const struct rune_config *config,
                               struct rune_shared_limits *ret_limits);
void rune_config_limits_from_shared(const struct rune_shared_limits *shared,
                                    struct rune_limits *ret_limits);
