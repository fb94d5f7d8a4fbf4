/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor_int: the supervisor's state, for its own files only (supervisor, slots, reload,
 * calls).
 *
 * INVARIANT: one thread. A child's death is learned from waitpid alone; until then its pid is ours
 * to signal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "observe/log.h"
#include "server/heritage.h"
#include "server/listeners.h"
#include "server/runtime_dir.h"
#include "server/supervisor.h"
#include "shm/control.h"
#include "shm/messages.h"

#define RUNE_SLOTS_MAX   (RUNE_CONTROL_MAX_WORKERS + 1)
#define RUNE_CLIENTS_MAX 64  /* LIMIT: connections to the control socket, and the admin's relay */
#define RUNE_CALLERS_MAX 512 /* LIMIT: calls that wait for a build */

/* What an epoll event is about: the kind in the upper half of its data, an index in the lower. */
enum rune_watch_kind {
    RUNE_WATCH_SIGNALS,
    RUNE_WATCH_RUNTIME, /* the control socket: somebody connects */
    RUNE_WATCH_CLIENT,  /* index: client */
    RUNE_WATCH_SLOT,    /* index: slot */
    RUNE_WATCH_BUILDER,
    RUNE_WATCH_VERIFIER,
};

enum rune_stage {
    RUNE_STAGE_STARTING,
    RUNE_STAGE_RUNNING,
    RUNE_STAGE_DRAINING,
    RUNE_STAGE_LEAVING
};

struct rune_slot {
    pid_t pid;  /* 0: none */
    int socket; /* orders and notes; -1: none */
    uint64_t started_ns;
    uint64_t publish_deadline_ns; /* 0: nothing to acknowledge */
    uint32_t failures;            /* deaths before ready, in a row */
    uint64_t respawn_ns;          /* when to try again; 0: not waiting */
    uint32_t adopter;             /* slot that accepts for this one meanwhile; RUNE_NO_SLOT: none */
    bool was_ready;
    struct rune_control_slot *page;
};

#define RUNE_NO_SLOT UINT32_MAX

struct rune_client_connection {
    int socket;     /* -1: free */
    uint32_t epoch; /* counts the connections of this place */
    bool may_reload;
    bool is_admin;
};

/* Who waits for a build. */
struct rune_caller {
    uint32_t client;
    uint32_t epoch;
    uint64_t id;
    uint32_t kind; /* RELOAD or VALIDATE */
};

struct rune_caller_list {
    struct rune_caller items[RUNE_CALLERS_MAX];
    uint32_t count;
    bool reload; /* somebody wants the result published: a caller, a signal, the beginning */
    bool any;    /* anybody at all */
};

struct rune_one_shot {
    pid_t pid; /* 0: none */
    int socket;
    bool reported;
};

struct rune_reload {
    enum rune_control_phase phase;
    bool publish; /* false: validate only */
    uint64_t started_ns;
    uint64_t deadline_ns; /* of the child at work */
    bool timed_out;       /* it was killed then */
    struct rune_one_shot builder;
    struct rune_one_shot verifier;
    int image_fd; /* being checked; -1 */
    int diag_fd;  /* of this build; -1 */
    struct rune_build_report build;
    struct rune_verify_report verify;
    struct rune_caller_list current; /* wait for this build, which began after their call */
    struct rune_caller_list next;    /* came later: wait for the one after it */
};

struct rune_supervisor {
    const struct rune_config *config;
    struct rune_heritage heritage;
    struct rune_listeners listeners;
    struct rune_runtime_dir runtime;
    struct rune_control_state state; /* what the control page says */
    struct rune_counters *counters;
    struct rune_shared_limits limits; /* of the published view */
    struct rune_log log;
    uint64_t next_generation; /* of the next publish */
    enum rune_stage stage;
    enum rune_exit status;
    uint64_t deadline_ns; /* DRAINING: when patience ends */
    uint64_t last_tick_ns;
    int epoll;
    int signals;
    int image_fd;     /* published; -1: none yet */
    int last_diag_fd; /* of the last reload; -1: none */
    pid_t auditor;
    uint64_t auditor_started_ns;
    uint32_t slot_count;
    struct rune_slot slots[RUNE_SLOTS_MAX];
    struct rune_client_connection clients[RUNE_CLIENTS_MAX];
    struct rune_reload reload;
};

/* supervisor.c */
uint64_t rune_now_ns(void);
uint64_t rune_now_ms(void); /* wall clock */
bool rune_watch_add(struct rune_supervisor *supervisor, int fd, enum rune_watch_kind kind,
                    uint32_t index);
/* Closes and forgets; epoll forgets with the last descriptor, so the fd must not have been
 * duplicated. */
void rune_watch_close(struct rune_supervisor *supervisor, int *fd);
void rune_state_publish(struct rune_supervisor *supervisor);
void rune_supervisor_leave(struct rune_supervisor *supervisor, enum rune_exit status);

/* slots.c */
void rune_slots_init(struct rune_supervisor *supervisor);
void rune_slots_spawn_all(struct rune_supervisor *supervisor);
void rune_slots_publish(
    struct rune_supervisor *supervisor); /* the published image to every process */
bool rune_slots_have_acknowledged(const struct rune_supervisor *supervisor);
void rune_slots_drain(struct rune_supervisor *supervisor, uint32_t deadline_ms);
void rune_slots_kill(struct rune_supervisor *supervisor);
uint32_t rune_slots_running(const struct rune_supervisor *supervisor);
void rune_slots_tick(struct rune_supervisor *supervisor, uint64_t now_ns, bool was_late);
void rune_slot_on_note(struct rune_supervisor *supervisor, uint32_t index);
bool rune_slots_on_death(struct rune_supervisor *supervisor, pid_t pid, int status);

/* reload.c */
void rune_reload_init(struct rune_supervisor *supervisor);
/* caller NULL: a signal. False: too many wait. */
bool rune_reload_ask(struct rune_supervisor *supervisor, const struct rune_caller *caller,
                     enum rune_call_kind kind);
void rune_reload_on_builder(struct rune_supervisor *supervisor);
void rune_reload_on_verifier(struct rune_supervisor *supervisor);
bool rune_reload_on_death(struct rune_supervisor *supervisor, pid_t pid, int status);
void rune_reload_tick(struct rune_supervisor *supervisor, uint64_t now_ns);
void rune_reload_abandon(struct rune_supervisor *supervisor); /* leaving: kills what is at work */

/* calls.c */
void rune_calls_init(struct rune_supervisor *supervisor);
void rune_calls_on_connect(struct rune_supervisor *supervisor);
void rune_calls_on_message(struct rune_supervisor *supervisor, uint32_t client);
/* The admin process's relay; the socket becomes the supervisor's. */
void rune_calls_add_relay(struct rune_supervisor *supervisor, int socket);
void rune_calls_drop_relay(struct rune_supervisor *supervisor);
/* Answers; fd -1: none. A client that is gone or does not read is dropped. */
void rune_calls_answer(struct rune_supervisor *supervisor, const struct rune_caller *caller,
                       const struct rune_reply *reply, int fd);
void rune_calls_close_all(struct rune_supervisor *supervisor);
