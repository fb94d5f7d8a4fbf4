/* SPDX-License-Identifier: Apache-2.0 */
/* control: the control page: what runs now, readable by anyone who was handed it, without locks.
 *
 * Owns: the layout of one shared memory (a memfd) that the supervisor makes at start:
 *
 *     page 0        struct rune_control         written by the supervisor alone
 *     page 1        struct rune_counters        the supervisor's counters
 *     page 2 + i    struct rune_control_slot    slot i: workers 0 .. worker_count - 1, then the
 *                   admin process
 *
 * Each slot has a page of its own, so that a worker maps that one page writable and all others
 * read-only (rune_control_narrow): a worker gone wrong can lie about itself only. Pages outlive the
 * processes that write them. Used by: server, live, http (admin), observe, cli. Does not know: who
 * reads it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "rune/err.h"
#include "shm/counters.h"

#define RUNE_CONTROL_MAGIC       "RUNECTL\n"
#define RUNE_CONTROL_VERSION     1u
#define RUNE_CONTROL_PAGE_BYTES  4096u
#define RUNE_CONTROL_MAX_WORKERS 64u /* LIMIT: worker slots; the admin slot comes on top */

enum rune_control_phase {
    RUNE_PHASE_IDLE,
    RUNE_PHASE_BUILDING,
    RUNE_PHASE_VERIFYING,
    RUNE_PHASE_PUBLISHING
};
enum rune_reload_result { RUNE_RELOAD_NONE, RUNE_RELOAD_OK, RUNE_RELOAD_FAILED };

/* What the supervisor publishes as one consistent whole. */
struct rune_control_state {
    uint64_t generation;         /*   0  of the published image; 0: none yet */
    uint64_t published_at_ms;    /*   8  wall clock, since 1970 */
    uint8_t image_sha256[32];    /*  16 */
    uint64_t image_bytes;        /*  48 */
    uint32_t policies;           /*  56  static policies and links */
    uint32_t templates;          /*  60 */
    uint32_t rules;              /*  64 */
    uint32_t entities;           /*  68 */
    uint64_t base_facts;         /*  72 */
    uint64_t derived_facts;      /*  80 */
    uint32_t phase;              /*  88  enum rune_control_phase: a build going on now */
    uint32_t reload_result;      /*  92  enum rune_reload_result: of the last reload (or start) */
    uint32_t reload_err;         /*  96  enum rune_err */
    uint32_t reload_errors;      /* 100  diagnostics of severity error */
    uint64_t reload_at_ms;       /* 104  when it ended; 0: none */
    uint64_t reload_duration_ns; /* 112 */
    char bundle_name[64];        /* 120  NUL-terminated, cut */
    char bundle_version[64];     /* 184 */
    /* 248  the beginning of its diagnostics as text, NUL-terminated, cut; "" if none */
    char reload_message[1024];
};

struct rune_control {
    char magic[8];             /*  0 */
    uint32_t version;          /*  8 */
    uint32_t slot_count;       /* 12  worker_count + 1 */
    uint64_t size;             /* 16  bytes of the whole memory */
    uint64_t instance;         /* 24  random: tells a restarted server from this one */
    int32_t supervisor_pid;    /* 32 */
    uint32_t worker_count;     /* 36 */
    uint64_t started_at_ms;    /* 40  wall clock */
    uint8_t reserved[16];      /* 48 */
    _Atomic uint64_t sequence; /* 64  odd while `state` is being written */
    _Atomic uint64_t state[sizeof(struct rune_control_state) / 8]; /* 72 */
};

enum rune_slot_kind { RUNE_SLOT_WORKER, RUNE_SLOT_ADMIN };

struct rune_control_slot {
    /* The supervisor's. */
    uint32_t index;                 /*   0 */
    uint32_t kind;                  /*   4  enum rune_slot_kind */
    _Atomic int32_t pid;            /*   8  0: no process now */
    _Atomic uint32_t restarts;      /*  12 */
    _Atomic uint64_t started_at_ms; /*  16  wall clock, of the process */
    uint8_t reserved[40];           /*  24 */
    /* The process's own; the supervisor clears them before it forks a successor. */
    _Atomic uint64_t generation;      /*  64  acknowledged: nothing older decides here */
    _Atomic int32_t acknowledged_pid; /*  72  by whom */
    _Atomic uint32_t ready;           /*  76  1: accepts connections */
    /*  80  CLOCK_MONOTONIC, by the loop thread, at least once a second */
    _Atomic uint64_t heartbeat_ns;
    uint8_t reserved2[40];         /*  88 */
    struct rune_counters counters; /* 128  by the loop thread; never cleared but for gauges */
};

_Static_assert(sizeof(struct rune_control_state) == 1272, "FORMAT");
_Static_assert(offsetof(struct rune_control, state) == 72, "FORMAT");
_Static_assert(sizeof(struct rune_control) <= RUNE_CONTROL_PAGE_BYTES, "FORMAT");
_Static_assert(offsetof(struct rune_control_slot, generation) == 64, "FORMAT");
_Static_assert(offsetof(struct rune_control_slot, counters) == 128, "FORMAT");
_Static_assert(sizeof(struct rune_control_slot) <= RUNE_CONTROL_PAGE_BYTES, "FORMAT");

/* A mapping of the control page. */
struct rune_control_map {
    unsigned char *base;
    size_t size;
    int fd; /* read-write in the supervisor; -1 elsewhere */
};

/* Supervisor: makes and maps the memory. `instance` is random. RUNE_E_IO, RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_control_create(uint32_t worker_count,
                                                struct rune_control_map *ret_map);

/* A descriptor of the same memory that can only be read, to hand out; the caller closes it.
 * RUNE_E_IO. */
RUNE_MUST_USE enum rune_err rune_control_open_read_only(const struct rune_control_map *map,
                                                        int *ret_fd);

/* Any reader: maps what it was handed, read-only, and checks magic, version and sizes. The fd stays
 * the caller's. RUNE_E_IO, RUNE_E_VERSION, RUNE_E_CORRUPT. */
RUNE_MUST_USE enum rune_err rune_control_map_fd(int fd, struct rune_control_map *ret_map);

/* A child after fork: everything becomes read-only for good but the page of `slot`
 * (rune_control_slots count: none). The writable descriptor is closed. RUNE_E_IO. */
RUNE_MUST_USE enum rune_err rune_control_narrow(struct rune_control_map *map, uint32_t slot);

void rune_control_unmap(struct rune_control_map *map);

static inline struct rune_control *rune_control_get(const struct rune_control_map *map)
{
    return (struct rune_control *)(void *)map->base;
}

static inline struct rune_counters *
rune_control_supervisor_counters(const struct rune_control_map *map)
{
    return (struct rune_counters *)(void *)(map->base + RUNE_CONTROL_PAGE_BYTES);
}

/* Slot `index` < slot_count. Borrowed from the map. */
static inline struct rune_control_slot *rune_control_slot_get(const struct rune_control_map *map,
                                                              uint32_t index)
{
    return (struct rune_control_slot *)(void *)(map->base +
                                                (size_t)RUNE_CONTROL_PAGE_BYTES * (2 + index));
}

/* Supervisor: replaces the state. */
void rune_control_write_state(struct rune_control *control, const struct rune_control_state *state);

/* Anyone: a consistent copy of the state. RUNE_E_BUSY if the supervisor died in the middle of
 * writing it. */
RUNE_MUST_USE enum rune_err rune_control_read_state(const struct rune_control *control,
                                                    struct rune_control_state *ret_state);

/* Supervisor, before it forks a process for the slot: forgets what the last one said, clears
 * gauges. */
void rune_control_slot_reset(struct rune_control_slot *slot);

/* The slot's process: everything it decides from now on, it decides by this generation or a later
 * one. */
void rune_control_slot_acknowledge(struct rune_control_slot *slot, int32_t pid,
                                   uint64_t generation);

/* Anyone: the generation acknowledged by the process that has the slot now; 0: none. */
uint64_t rune_control_slot_generation(const struct rune_control_slot *slot);

/* The loop thread: sign of life. Cost: one store (and the clock, if now_ns is 0). */
static inline void rune_control_slot_beat(struct rune_control_slot *slot, uint64_t now_ns)
{
    if (now_ns == 0) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    }
    atomic_store_explicit(&slot->heartbeat_ns, now_ns, memory_order_relaxed);
}

/* The loop thread: it accepts connections (1) or no longer does (0). */
static inline void rune_control_slot_set_ready(struct rune_control_slot *slot, uint32_t ready)
{
    /* ORDERING: release; pairs with the supervisor's acquire of `ready`: who sees it sees the
     * acknowledgement. */
    atomic_store_explicit(&slot->ready, ready, memory_order_release);
}
