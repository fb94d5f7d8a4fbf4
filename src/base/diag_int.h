/* SPDX-License-Identifier: Apache-2.0 */
/* diag_int: the inside of a diag. Private to base/diag*.c.
 *
 *     diag.c         reporting, and reading what was reported
 *     diag_source.c  what a message takes from its source: the place, and the line around it
 *     diag_text.c    all messages as text or JSON
 */
#pragma once

#include "base/arena.h"
#include "base/diag.h"

struct rune_diag_note {
    struct rune_diag_note *next;
    struct rune_diag_message message;
    const char *line;
    uint32_t caret_offset; /* columns before the caret within `line` */
    uint32_t caret_length;
};

struct rune_diag_entry {
    struct rune_diag_note first; /* the message itself; first.next: its notes */
    uint32_t sequence;           /* order of report */
    uint32_t file_rank;          /* order in which files were first named */
};

struct rune_diag_place {
    uint32_t offset;
    uint32_t line, column; /* from 1 */
};

struct rune_diag {
    struct rune_arena arena;
    const struct rune_source *watched; /* NULL: none */
    struct rune_diag_place place;      /* the one found last in it */
    struct rune_diag_entry *entries[RUNE_DIAG_MAX];
    size_t kept;
    size_t counts[RUNE_ERROR + 1];
    size_t dropped;
    bool is_sorted;
    struct rune_buf rendered;
};

/* By file, as first named, then by place, then as reported. */
void rune_diag_sort(struct rune_diag *diag);

/* Line and column of a span; from the place found last if its source is the one watched. */
void rune_diag_locate(struct rune_diag *diag, struct rune_span span, uint32_t *ret_line,
                      uint32_t *ret_column);

/* The source line around the span, cut to a window that has the caret in it. Without memory there
 * is none. */
void rune_diag_quote(struct rune_arena *arena, struct rune_diag_note *note, struct rune_span span);
