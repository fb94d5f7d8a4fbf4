/* SPDX-License-Identifier: Apache-2.0 */
/* Messages are copied at report time: texts go into the diag's own arena, and of a source only the
 * one line that the caret stands under. A list in order of report is sorted lazily, when somebody
 * reads. */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/diag_int.h"
#include "base/utf8.h"

#define DIAG_ARENA_CAP (16u << 20) /* LIMIT: bytes of all messages */
#define DIAG_TEXT_MAX  2048u       /* LIMIT: bytes of one message */

struct rune_diag *rune_diag_create(void)
{
    struct rune_diag *diag = rune_calloc(1, sizeof(*diag));
    if (diag != NULL) {
        rune_arena_init(&diag->arena, DIAG_ARENA_CAP);
    }
    return diag;
}

void rune_diag_destroy(struct rune_diag *diag)
{
    if (diag == NULL) {
        return;
    }
    rune_buf_fini(&diag->rendered);
    rune_arena_fini(&diag->arena);
    rune_free(diag);
}

void rune_diag_reset(struct rune_diag *diag)
{
    rune_arena_reset(&diag->arena);
    diag->kept = 0;
    diag->dropped = 0;
    memset(diag->counts, 0, sizeof(diag->counts));
    diag->is_sorted = false;
    diag->watched = NULL;
}

/* ---- reporting ---- */

static RUNE_PRINTF(2, 0) const
    char *format_text(struct rune_arena *arena, const char *fmt, va_list args)
{
    char text[DIAG_TEXT_MAX];
    int length = vsnprintf(text, sizeof(text), fmt, args);
    if (length < 0) {
        return "";
    }
    size_t kept = (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1;
    if (kept < (size_t)length) {
        kept = rune_utf8_valid_prefix(text, kept);
    }
    return rune_utf8_make_printable(rune_arena_strndup(arena, text, kept), kept);
}

static uint32_t file_rank(const struct rune_diag *diag, const char *path)
{
    for (size_t i = diag->kept; i > 0; i--) {
        const struct rune_diag_entry *entry = diag->entries[i - 1];
        const char *other = entry->first.message.path;
        if (path == other || (path != NULL && other != NULL && strcmp(path, other) == 0)) {
            return entry->file_rank;
        }
    }
    return (uint32_t)diag->kept;
}

/* A new kept entry, or NULL where only the count grows. */
static struct rune_diag_entry *add_entry(struct rune_diag *diag, enum rune_severity severity)
{
    diag->counts[severity]++;
    struct rune_diag_entry *entry =
        diag->kept < RUNE_DIAG_MAX ? RUNE_ARENA_NEW(&diag->arena, struct rune_diag_entry) : NULL;
    if (entry == NULL) {
        diag->dropped++;
        return NULL;
    }
    entry->first.message.severity = severity;
    return entry;
}

static void keep_entry(struct rune_diag *diag, struct rune_diag_entry *entry, const char *code,
                       const char *path, const char *help)
{
    struct rune_diag_message *message = &entry->first.message;
    message->code = code;
    message->path = path == NULL
                        ? NULL
                        : rune_utf8_make_printable(
                              rune_arena_strndup(&diag->arena, path, strlen(path)), strlen(path));
    message->help = help == NULL ? NULL : rune_arena_strndup(&diag->arena, help, strlen(help));
    if (message->text == NULL) {
        message->text = ""; /* out of memory: the place alone still helps */
    }
    entry->file_rank = file_rank(diag, message->path);
    entry->sequence = (uint32_t)diag->kept;
    diag->entries[diag->kept++] = entry;
    diag->is_sorted = false;
}

void rune_diag_vreport(struct rune_diag *diag, enum rune_severity severity, const char *code,
                       struct rune_span span, const char *help, const char *fmt, va_list args)
{
    struct rune_diag_entry *entry = diag == NULL ? NULL : add_entry(diag, severity);
    if (entry == NULL) {
        return;
    }
    entry->first.message.text = format_text(&diag->arena, fmt, args);
    if (span.source != NULL) {
        rune_diag_locate(diag, span, &entry->first.message.line, &entry->first.message.column);
        rune_diag_quote(&diag->arena, &entry->first, span);
    }
    keep_entry(diag, entry, code, span.source == NULL ? NULL : span.source->path, help);
}

void rune_diag_vreport_at(struct rune_diag *diag, enum rune_severity severity, const char *code,
                          const char *path, uint32_t line, uint32_t column, const char *help,
                          const char *fmt, va_list args)
{
    struct rune_diag_entry *entry = diag == NULL ? NULL : add_entry(diag, severity);
    if (entry == NULL) {
        return;
    }
    entry->first.message.text = format_text(&diag->arena, fmt, args);
    entry->first.message.line = line;
    entry->first.message.column = column;
    keep_entry(diag, entry, code, path, help);
}

void rune_diag_report(struct rune_diag *diag, enum rune_severity severity, const char *code,
                      struct rune_span span, const char *help, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    rune_diag_vreport(diag, severity, code, span, help, fmt, args);
    va_end(args);
}

void rune_diag_report_at(struct rune_diag *diag, enum rune_severity severity, const char *code,
                         const char *path, uint32_t line, uint32_t column, const char *help,
                         const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    rune_diag_vreport_at(diag, severity, code, path, line, column, help, fmt, args);
    va_end(args);
}

void rune_diag_note(struct rune_diag *diag, struct rune_span span, const char *fmt, ...)
{
    /* The message reported last may have been dropped: then its notes go, too. */
    if (diag == NULL || diag->kept == 0 || diag->dropped > 0) {
        return;
    }
    struct rune_diag_entry *last = diag->entries[0];
    for (size_t i = 1; i < diag->kept; i++) {
        last = diag->entries[i]->sequence > last->sequence ? diag->entries[i] : last;
    }
    struct rune_diag_note *note = RUNE_ARENA_NEW(&diag->arena, struct rune_diag_note);
    if (note == NULL) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    const char *text = format_text(&diag->arena, fmt, args);
    va_end(args);
    note->message =
        (struct rune_diag_message){.severity = RUNE_NOTE, .text = text == NULL ? "" : text};
    if (span.source != NULL) {
        const char *path = span.source->path;
        note->message.path =
            path == NULL ? NULL : rune_arena_strndup(&diag->arena, path, strlen(path));
        rune_source_locate(span.source, span.offset, &note->message.line, &note->message.column);
        rune_diag_quote(&diag->arena, note, span);
    }
    struct rune_diag_note **end = &last->first.next;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = note;
}

/* ---- reading ---- */

static int compare_entries(const void *a, const void *b)
{
    const struct rune_diag_entry *x = *(struct rune_diag_entry *const *)a;
    const struct rune_diag_entry *y = *(struct rune_diag_entry *const *)b;
    const uint32_t keys[][2] = {
        {x->file_rank, y->file_rank},
        {x->first.message.line, y->first.message.line},
        {x->first.message.column, y->first.message.column},
        {x->sequence, y->sequence},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

void rune_diag_sort(struct rune_diag *diag)
{
    if (!diag->is_sorted) {
        qsort(diag->entries, diag->kept, sizeof(diag->entries[0]), compare_entries);
        diag->is_sorted = true;
    }
}

size_t rune_diag_count(const struct rune_diag *diag, enum rune_severity at_least)
{
    size_t count = 0;
    for (unsigned severity = at_least; diag != NULL && severity <= RUNE_ERROR; severity++) {
        count += diag->counts[severity];
    }
    return count;
}

size_t rune_diag_kept(const struct rune_diag *diag)
{
    return diag->kept;
}

void rune_diag_get(const struct rune_diag *diag, size_t index,
                   struct rune_diag_message *ret_message)
{
    /* Sorting changes the order of reading only, so a const diag may still be put in order. */
    rune_diag_sort((struct rune_diag *)(uintptr_t)diag);
    *ret_message = diag->entries[index]->first.message;
}
