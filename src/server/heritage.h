/* SPDX-License-Identifier: Apache-2.0 */
/* heritage: everything that a child process gets from the supervisor, in one place.
 *
 * Children are forked without exec: the supervisor has one thread, no event library and no RCU, so
 * a child begins as clean as after an exec and is ready in milliseconds. What a child may keep open
 * is listed by its role; all other descriptors are closed. Used by: server alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "rune/err.h"
#include "server/config.h"
#include "server/listeners.h"
#include "shm/control.h"

struct rune_diag;

/* Whom children become. */
struct rune_identity {
    bool drop; /* false: stay */
    uid_t uid;
    gid_t gid;
    const char *name;
};

struct rune_heritage {
    const struct rune_config *config;
    int argc; /* of the supervisor: the builder reads the configuration again */
    char **argv;
    struct rune_identity identity;
    pid_t supervisor_pid;
    struct rune_control_map control;
    const struct rune_listeners *listeners;
    int log_read; /* the auditor's end of the log pipe */
    int log_write;
};

enum rune_child_signals {
    RUNE_CHILD_SERVES,   /* ignores HUP, INT, TERM, USR1: the supervisor says when to leave */
    RUNE_CHILD_ONE_SHOT, /* dies of them */
};

/* Looks up `user`; NULL stays. RUNE_E_INVALID with a message. */
RUNE_MUST_USE enum rune_err rune_identity_find(const char *user, struct rune_identity *ret_identity,
                                               struct rune_diag *diag);

/* In a fresh child: names the process, sets signals, closes all descriptors but 0, 1, 2 and `keep`
 * (-1 entries are passed over). RUNE_E_IO. */
RUNE_MUST_USE enum rune_err rune_child_begin(const char *name, enum rune_child_signals signals,
                                             const int *keep, size_t keep_count);

/* Becomes the identity for good, gains nothing ever again, and dies with the supervisor. RUNE_E_IO:
 * then the child must leave. */
RUNE_MUST_USE enum rune_err rune_child_drop(const struct rune_heritage *heritage);
