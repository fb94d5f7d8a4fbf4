/* SPDX-License-Identifier: Apache-2.0 */
/* diag: what went wrong, for people: messages with their places. Thread: one owner at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rune/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rune_diag;

enum rune_severity { RUNE_NOTE, RUNE_WARNING, RUNE_ERROR };

/* One message. All strings are borrowed from the diag and live as long as it. */
struct rune_diag_message {
    enum rune_severity severity;
    const char *code; /* like "RUNE-C0102" */
    const char *path; /* NULL: no place */
    uint32_t line;    /* from 1; 0: unknown */
    uint32_t column;  /* from 1, in code points; 0: unknown */
    const char *text;
    const char *help; /* NULL: none */
};

/* NULL only when memory is out. OWNERSHIP: the caller destroys. */
struct rune_diag *rune_diag_create(void);
void rune_diag_destroy(struct rune_diag *diag);
/* Forgets all messages. */
void rune_diag_reset(struct rune_diag *diag);

/* Messages of at least this severity, also those past the cap; NULL has none. */
size_t rune_diag_count(const struct rune_diag *diag, enum rune_severity at_least);
/* Messages kept, in order of place within a file and of report otherwise; index < rune_diag_kept().
 */
size_t rune_diag_kept(const struct rune_diag *diag);
void rune_diag_get(const struct rune_diag *diag, size_t index,
                   struct rune_diag_message *ret_message);

/* All messages as text with source lines and carets, as the CLI prints them. OWNERSHIP: borrowed
 * from the diag until its next change. Never NULL. */
const char *rune_diag_text(struct rune_diag *diag);
/* The same as a JSON array of {severity, code, file, line, column, message, help}. Borrowed
 * likewise. */
const char *rune_diag_json(struct rune_diag *diag);

#ifdef __cplusplus
}
#endif
