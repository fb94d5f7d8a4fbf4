/* SPDX-License-Identifier: Apache-2.0 */
/* messages: what processes tell one another, in fixed sizes, over SOCK_SEQPACKET unix sockets.
 *
 * Owns: the layouts and the one way of sending and receiving them (with at most one descriptor).
 * The supervisor reads nothing else from anybody: a message of another size or kind is a protocol
 * error and ends that connection. Does not know: what the receiver does. Used by: server, live,
 * http (admin), cli (through shm/client.h). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rune/err.h"

/* ---- supervisor -> worker or admin, over the child's socketpair; read by live/subscriber ---- */

enum rune_order_kind {
    /* an image to decide by from now on; carries its descriptor, generation and limits */
    RUNE_ORDER_PUBLISH = 1,
    /* accept also on the listeners of `slot`, whose worker does not come up */
    RUNE_ORDER_ADOPT = 2,
    RUNE_ORDER_DROP = 3,   /* no longer */
    RUNE_ORDER_DRAIN = 4,  /* finish what is open within deadline_ms, then leave */
    RUNE_ORDER_LIMITS = 5, /* the limits changed, the image did not */
};

/* What a reload may change without a restart, as it travels; guard/limits.h says what each means
 * and what is usual. server/worker turns it into that struct on the loop thread. */
struct rune_shared_limits {
    uint64_t max_body_bytes;     /*  0 */
    uint64_t max_buffered_bytes; /*  8 */
    uint64_t max_steps;          /* 16  of a decision; 0: the decider's own */
    uint32_t max_connections;    /* 24  of one process */
    uint32_t max_streams;        /* 28 */
    uint32_t idle_timeout_ms;    /* 32 */
    uint32_t drain_timeout_ms;   /* 36 */
    uint32_t max_admin_waiting;  /* 40 */
    uint32_t log_level;          /* 44  enum rune_log_level of observe/log.h */
};

struct rune_order {
    uint32_t kind;                    /*  0  enum rune_order_kind */
    uint32_t slot;                    /*  4  ADOPT, DROP */
    uint64_t generation;              /*  8  PUBLISH */
    uint32_t deadline_ms;             /* 16  DRAIN */
    uint32_t reserved;                /* 20 */
    struct rune_shared_limits limits; /* 24  PUBLISH, LIMITS */
};

_Static_assert(sizeof(struct rune_shared_limits) == 48 && sizeof(struct rune_order) == 72,
               "FORMAT");

/* ---- worker or admin -> supervisor, over the same socketpair: a nudge to look at the slot ---- */

enum rune_note_kind {
    RUNE_NOTE_READY = 1,        /* slot.ready was set */
    RUNE_NOTE_ACKNOWLEDGED = 2, /* slot.generation was set */
    RUNE_NOTE_REFUSED = 3,      /* the image of `generation` could not be opened; `err` says why */
};

struct rune_note {
    uint32_t kind; /* 0  enum rune_note_kind */
    uint32_t err;  /* 4  enum rune_err */
    uint64_t generation;
};

_Static_assert(sizeof(struct rune_note) == 16, "FORMAT");

/* subscriber thread -> loop thread of one process, over a pipe: one byte-exact struct a command */

enum rune_loop_command_kind {
    RUNE_LOOP_ADOPT = 1, /* accept on the listeners of `slot` too */
    RUNE_LOOP_DROP = 2,
};

struct rune_loop_command {
    uint32_t kind; /* 0  enum rune_loop_command_kind */
    uint32_t slot; /* 4 */
};

/* CLI (runtime directory's socket) or admin process (its own socketpair) -> supervisor, and back */

#define RUNE_CALL_VERSION 1u

enum rune_call_kind {
    RUNE_CALL_HELLO = 1, /* the answer carries the control page, read-only */
    /* answered when all slots have acknowledged, or with the build's diagnostics */
    RUNE_CALL_RELOAD = 2,
    RUNE_CALL_VALIDATE = 3,    /* builds and verifies, does not publish */
    RUNE_CALL_DIAGNOSTICS = 4, /* those of the last reload */
};

struct rune_call {
    uint32_t version; /*  0  RUNE_CALL_VERSION */
    uint32_t kind;    /*  4  enum rune_call_kind */
    /*  8  chosen by the caller, echoed: several calls may wait on one connection */
    uint64_t id;
};

struct rune_reply {
    uint32_t version;  /*  0 */
    uint32_t kind;     /*  4  of the call */
    uint64_t id;       /*  8  of the call */
    uint32_t err;      /* 16  enum rune_err; RUNE_OK: done */
    uint32_t errors;   /* 20  diagnostics of severity error */
    uint32_t warnings; /* 24 */
    /* 28  1: a descriptor came along: control page (HELLO) or diagnostics */
    uint32_t has_fd;
    uint64_t generation;      /* 32  published now */
    uint64_t duration_ns;     /* 40  of the build up to its acknowledgement */
    uint64_t image_bytes;     /* 48 */
    uint8_t image_sha256[32]; /* 56  RELOAD, VALIDATE: of the image built */
    uint32_t policies;        /* 88 */
    uint32_t rules;           /* 92 */
    uint64_t facts;           /* 96  base and derived */
    char message[152];        /* 104  one line for people when err is set, NUL-terminated */
};

_Static_assert(sizeof(struct rune_call) == 16 && sizeof(struct rune_reply) == 256, "FORMAT");

/* Diagnostics travel as a sealed memfd: this header, the text (as a terminal shows it), the JSON
 * array. Each is NUL-terminated and its length does not count the NUL. Written by the builder;
 * every reader checks it (rune_diagnostics_map). */
#define RUNE_DIAGNOSTICS_MAGIC 0x67616964u
#define RUNE_DIAGNOSTICS_MAX   (16u << 20) /* LIMIT: bytes of one memfd */

struct rune_diagnostics_header {
    uint32_t magic;       /*  0 */
    uint32_t errors;      /*  4 */
    uint32_t warnings;    /*  8 */
    uint32_t text_length; /* 12 */
    uint32_t json_length; /* 16 */
    uint32_t reserved[3]; /* 20 */
};

struct rune_diagnostics {
    void *base;
    size_t size;
    uint32_t errors;
    uint32_t warnings;
    const char *text; /* NUL-terminated; borrowed from the mapping */
    const char *json;
};

/* ---- builder and verifier -> supervisor, at their end, over a socketpair each ---- */

enum rune_build_stage {
    /* comes first, with the diagnostics' descriptor; only `stage` is set */
    RUNE_BUILD_DIAGNOSTICS = 1,
    RUNE_BUILD_FINISHED = 2, /* comes last; with the image's descriptor when err is RUNE_OK */
};

struct rune_build_report {
    uint32_t stage;                   /*  0  enum rune_build_stage */
    uint32_t err;                     /*  4  enum rune_err */
    uint32_t errors;                  /*  8 */
    uint32_t warnings;                /* 12 */
    struct rune_shared_limits limits; /* 16  of the configuration, read again */
    char message[512];                /* 64  the first error, as one line: file:line:column: text */
};

struct rune_verify_report {
    uint32_t err;             /*  0  enum rune_err */
    uint32_t policies;        /*  4 */
    uint32_t templates;       /*  8 */
    uint32_t rules;           /* 12 */
    uint32_t entities;        /* 16 */
    uint32_t reserved;        /* 20 */
    uint64_t base_facts;      /* 24 */
    uint64_t derived_facts;   /* 32 */
    uint64_t image_bytes;     /* 40 */
    uint8_t image_sha256[32]; /* 48 */
    char bundle_name[64];     /* 80 */
    char bundle_version[64];  /* 144 */
    char message[256];        /* 208  why the image was refused */
};

_Static_assert(sizeof(struct rune_build_report) == 576 && sizeof(struct rune_verify_report) == 464,
               "FORMAT");

/* ---- sending and receiving ---- */

/* Sends one message, with `fd` (-1: none). RUNE_E_BUSY if the socket is full (non-blocking
 * sockets), RUNE_E_IO if the other side is gone. Never raises SIGPIPE. */
RUNE_MUST_USE enum rune_err rune_message_send(int socket, const void *message, size_t size, int fd);

/* Receives one message of exactly `size` bytes. *ret_fd is the descriptor that came along
 * (close-on-exec), or -1; with ret_fd NULL a descriptor is closed. RUNE_E_BUSY: nothing there
 * (non-blocking); RUNE_E_NOT_FOUND: the other side has closed; RUNE_E_CORRUPT: another size;
 * RUNE_E_IO. */
RUNE_MUST_USE enum rune_err rune_message_receive(int socket, void *ret_message, size_t size,
                                                 int *ret_fd);

/* Writes the diagnostics into a sealed memfd. text and json may be cut to RUNE_DIAGNOSTICS_MAX
 * (json becomes "[]"). RUNE_E_IO. The caller closes *ret_fd. */
RUNE_MUST_USE enum rune_err rune_diagnostics_create(uint32_t errors, uint32_t warnings,
                                                    const char *text, const char *json,
                                                    int *ret_fd);

/* Maps and checks. The fd stays the caller's. RUNE_E_IO, RUNE_E_CORRUPT. */
RUNE_MUST_USE enum rune_err rune_diagnostics_map(int fd, struct rune_diagnostics *ret_diagnostics);
void rune_diagnostics_unmap(struct rune_diagnostics *diagnostics);
