/* SPDX-License-Identifier: Apache-2.0 */
/* diag: messages for people, each with file, line, column, the source line with a caret, and
 * advice.
 *
 * Owns: copies of all it is given, so sources may go away before it does. Never prints, never fails
 * loudly: out of memory drops the message and counts it. Capped: past `RUNE_DIAG_MAX` messages only
 * counts grow. Used by: every parser and checker; printed by cli, http and the log. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "rune/err.h"
#include "rune/diag.h" /* public: create, destroy, count, format */

#define RUNE_DIAG_MAX 1000 /* LIMIT: messages kept */

/* One text that messages can point into. */
struct rune_source {
    const char *path; /* as the user knows it, relative to the bundle */
    const char *text; /* not NUL-terminated */
    uint32_t length;  /* LIMIT: 4 GiB - 1 */
};

struct rune_span {
    const struct rune_source *source; /* NULL: no place */
    uint32_t offset;                  /* bytes from the beginning of the text */
    uint32_t length;                  /* bytes, may be 0 */
};

#define RUNE_SPAN_NONE ((struct rune_span){0})

/* Adds a message. `code` is static, like "RUNE-C0102"; `help` says what to do and may be NULL; the
 * text has no final stop and begins lower-case unless with a name. diag may be NULL (nothing
 * happens). */
void rune_diag_report(struct rune_diag *diag, enum rune_severity severity, const char *code,
                      struct rune_span span, const char *help, const char *fmt, ...)
    RUNE_PRINTF(6, 7);

/* As rune_diag_report, for those who add a place to a message of their callers. */
void rune_diag_vreport(struct rune_diag *diag, enum rune_severity severity, const char *code,
                       struct rune_span span, const char *help, const char *fmt, va_list args)
    RUNE_PRINTF(6, 0);

/* As rune_diag_report, for places known only by line and column (streamed facts files); 0: unknown.
 */
void rune_diag_report_at(struct rune_diag *diag, enum rune_severity severity, const char *code,
                         const char *path, uint32_t line, uint32_t column, const char *help,
                         const char *fmt, ...) RUNE_PRINTF(8, 9);

void rune_diag_vreport_at(struct rune_diag *diag, enum rune_severity severity, const char *code,
                          const char *path, uint32_t line, uint32_t column, const char *help,
                          const char *fmt, va_list args) RUNE_PRINTF(8, 0);

/* Until the next call (NULL: no more), `source` stays as it is and where it is: a message about it
 * is then located from the one before, so that a thousand in a large text cost one pass over it, or
 * a few. */
void rune_diag_watch(struct rune_diag *diag, const struct rune_source *source);

/* A second place that belongs to the message reported last ("first defined here"). */
void rune_diag_note(struct rune_diag *diag, struct rune_span span, const char *fmt, ...)
    RUNE_PRINTF(3, 4);

/* Line and column, both from 1; columns count code points. Cost: O(offset). */
void rune_source_locate(const struct rune_source *source, uint32_t offset, uint32_t *ret_line,
                        uint32_t *ret_column);
