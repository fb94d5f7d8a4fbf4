/* SPDX-License-Identifier: Apache-2.0 */
/* log: structured lines, one write each, to a descriptor that the auditor reads.
 *
 * A line: `TIME LEVEL event key=value key="value with spaces"`. Owns: nothing but counters; the
 * descriptor is the caller's. Never blocks: a line that the descriptor does not take at once is
 * dropped and counted, and the count is told with the next line that goes through. Thread: one
 * struct a thread (the descriptor may be shared: a line is one datagram, or one write of at most
 * PIPE_BUF bytes). Used by: http, server; nothing in librune. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum rune_log_level {
    RUNE_LOG_ERROR,
    RUNE_LOG_WARN,
    RUNE_LOG_INFO,
    RUNE_LOG_DEBUG,
    RUNE_LOG_LEVEL_COUNT
};

#define RUNE_LOG_LINE_MAX 1024 /* LIMIT: longer lines are cut, and end in "..." */

struct rune_log {
    int fd; /* -1: nothing is written */
    enum rune_log_level level;
    const char *role; /* "worker", "admin" ...; static */
    uint64_t dropped; /* lines lost so far */
    uint64_t told;    /* of these, already reported in a line */
};

void rune_log_init(struct rune_log *log, int fd, enum rune_log_level level, const char *role);

static inline bool rune_log_is_on(const struct rune_log *log, enum rune_log_level level)
{
    return log != NULL && log->fd >= 0 && level <= log->level;
}

/* One key with its value, for rune_log_write. */
enum rune_log_kind { RUNE_LOG_STRING, RUNE_LOG_SIGNED, RUNE_LOG_UNSIGNED };

struct rune_log_field {
    const char *key;
    enum rune_log_kind kind;
    struct rune_str string;
    int64_t integer;
};

#define RUNE_LOG_STR(k, v) \
    ((struct rune_log_field){.key = (k), .kind = RUNE_LOG_STRING, .string = (v)})
#define RUNE_LOG_CSTR(k, v) RUNE_LOG_STR(k, rune_str_from(v))
#define RUNE_LOG_INT(k, v) \
    ((struct rune_log_field){.key = (k), .kind = RUNE_LOG_SIGNED, .integer = (int64_t)(v)})
#define RUNE_LOG_UINT(k, v) \
    ((struct rune_log_field){.key = (k), .kind = RUNE_LOG_UNSIGNED, .integer = (int64_t)(v)})

/* Writes one line. `event` is a static word such as "worker_ready". Values are quoted and escaped
 * where they need it, so a line stays one line whatever a client sent. Cost: one write. NULL log:
 * nothing. */
void rune_log_write(struct rune_log *log, enum rune_log_level level, const char *event,
                    const struct rune_log_field *fields, size_t count);

/* RUNE_LOG(log, RUNE_LOG_INFO, "worker_ready", RUNE_LOG_INT("pid", pid), ...): at least one field.
 */
#define RUNE_LOG(log, level_, event, ...)                                           \
    do {                                                                            \
        if (rune_log_is_on((log), (level_))) {                                      \
            const struct rune_log_field rune_log_fields_[] = {__VA_ARGS__};         \
            rune_log_write((log), (level_), (event), rune_log_fields_,              \
                           sizeof(rune_log_fields_) / sizeof(rune_log_fields_[0])); \
        }                                                                           \
    } while (0)

/* "error" ... "debug"; and back, RUNE_LOG_LEVEL_COUNT if it is none of them. */
const char *rune_log_level_name(enum rune_log_level level);
enum rune_log_level rune_log_level_find(struct rune_str name);
