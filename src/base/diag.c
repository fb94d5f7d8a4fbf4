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
#include "base/arena.h"
#include "base/utf8.h"

#define DIAG_ARENA_CAP (16u << 20) /* LIMIT: bytes of all messages */
#define DIAG_LINE_MAX  200u        /* LIMIT: bytes of a source line that are shown */
#define DIAG_TEXT_MAX  2048u       /* LIMIT: bytes of one message */

struct note {
    struct note *next;
    struct rune_diag_message message;
    const char *line;
    uint32_t caret_offset; /* columns before the caret within `line` */
    uint32_t caret_length;
};

struct entry {
    struct note first;  /* the message itself; first.next: its notes */
    uint32_t sequence;  /* order of report */
    uint32_t file_rank; /* order in which files were first named */
};

struct place {
    uint32_t offset;
    uint32_t line, column; /* from 1 */
};

#define PLACE_START ((struct place){0, 1, 1})

struct rune_diag {
    struct rune_arena arena;
    const struct rune_source *watched; /* NULL: none */
    struct place place;                /* the one found last in it */
    struct entry *entries[RUNE_DIAG_MAX];
    size_t kept;
    size_t counts[RUNE_ERROR + 1];
    size_t dropped;
    bool is_sorted;
    struct rune_buf rendered;
};

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

/* ---- places ---- */

/* How many code points the bytes begin; what is no UTF-8 counts a column a byte. */
static uint32_t count_columns(const char *text, size_t length)
{
    uint32_t columns = 0;
    size_t at = 0;
    while (at < length) {
        size_t size = 1;
        if (rune_utf8_decode(text + at, length - at, &size) < 0) {
            size = 1;
        }
        at += size;
        columns++;
    }
    return columns;
}

/* Back to a place before, line by line. */
static void retreat(const struct rune_source *source, uint32_t end, struct place *place)
{
    const char *text = source->text, *newline;
    while ((newline = memrchr(text + end, '\n', place->offset - end)) != NULL) {
        place->offset = (uint32_t)(newline - text);
        place->line--;
    }
    newline = memrchr(text, '\n', end);
    const char *begin = newline == NULL ? text : newline + 1;
    place->offset = end;
    place->column = 1 + count_columns(begin, (size_t)(text + end - begin));
}

/* From one place to another. */
static void advance(const struct rune_source *source, uint32_t offset, struct place *place)
{
    uint32_t end = offset < source->length ? offset : source->length;
    if (end < place->offset && place->offset - end < end) {
        retreat(source, end, place);
        return;
    }
    if (end < place->offset) {
        *place = PLACE_START; /* which is nearer */
    }
    if (end == place->offset) {
        return;
    }
    const char *begin = source->text + place->offset;
    const char *stop = source->text + end;
    while (begin < stop) {
        const char *newline = memchr(begin, '\n', (size_t)(stop - begin));
        if (newline == NULL) {
            break;
        }
        begin = newline + 1;
        place->line++;
        place->column = 1;
    }
    place->column += count_columns(begin, (size_t)(stop - begin));
    place->offset = end;
}

void rune_source_locate(const struct rune_source *source, uint32_t offset, uint32_t *ret_line,
                        uint32_t *ret_column)
{
    struct place place = PLACE_START;
    advance(source, offset, &place);
    *ret_line = place.line;
    *ret_column = place.column;
}

void rune_diag_watch(struct rune_diag *diag, const struct rune_source *source)
{
    if (diag != NULL) {
        diag->watched = source;
        diag->place = PLACE_START;
    }
}

static void locate(struct rune_diag *diag, struct rune_span span, uint32_t *ret_line,
                   uint32_t *ret_column)
{
    if (span.source != diag->watched) {
        rune_source_locate(span.source, span.offset, ret_line, ret_column);
        return;
    }
    advance(span.source, span.offset, &diag->place);
    *ret_line = diag->place.line;
    *ret_column = diag->place.column;
}

/* Makes text safe for a terminal without moving anything: control characters and bidirectional
 * overrides can show what is not there. Each is replaced by something as long as it is in bytes and
 * in columns. */
static char *make_printable(char *text, size_t length)
{
    size_t size;
    for (size_t at = 0; text != NULL && at < length; at += size) {
        int32_t code = rune_utf8_decode(text + at, length - at, &size);
        if (code < 0) {
            size = 1;
            text[at] = '?';
        } else if (code < 0x20 || code == 0x7f) {
            text[at] = ' ';
        } else if (code >= 0x80 && code < 0xa0) {
            memcpy(text + at, "\xc2\xbf", 2);
        } else if ((code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) {
            memcpy(text + at, "\xef\xbf\xbd", 3);
        }
    }
    return text;
}

/* The source line around the span, cut to a window that has the caret in it. */
static void copy_line(struct rune_arena *arena, struct note *note, struct rune_span span)
{
    const struct rune_source *source = span.source;
    uint32_t at = span.offset < source->length ? span.offset : source->length;
    uint32_t begin = at;
    while (begin > 0 && source->text[begin - 1] != '\n' && at - begin < DIAG_LINE_MAX / 2) {
        begin--;
    }
    while (begin < at && ((unsigned char)source->text[begin] & 0xc0) == 0x80) {
        begin++; /* a window never begins inside a character */
    }
    uint32_t end = at;
    while (end < source->length && source->text[end] != '\n' && end - begin < DIAG_LINE_MAX) {
        end++;
    }
    while (end > at && end < source->length && ((unsigned char)source->text[end] & 0xc0) == 0x80) {
        end--;
    }
    uint32_t visible_end = end > begin && source->text[end - 1] == '\r' ? end - 1 : end;
    char *line = rune_arena_strndup(arena, source->text + begin, visible_end - begin);
    if (line == NULL) {
        return;
    }
    make_printable(line, visible_end - begin);
    uint32_t left = at < visible_end ? visible_end - at : 0;
    uint32_t marked = span.length < left ? span.length : left;
    note->line = line;
    note->caret_offset = count_columns(source->text + begin, at - begin);
    note->caret_length = marked > 0 ? count_columns(source->text + at, marked) : 1;
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
    return make_printable(rune_arena_strndup(arena, text, kept), kept);
}

static uint32_t file_rank(const struct rune_diag *diag, const char *path)
{
    for (size_t i = diag->kept; i > 0; i--) {
        const struct entry *entry = diag->entries[i - 1];
        const char *other = entry->first.message.path;
        if (path == other || (path != NULL && other != NULL && strcmp(path, other) == 0)) {
            return entry->file_rank;
        }
    }
    return (uint32_t)diag->kept;
}

/* A new kept entry, or NULL where only the count grows. */
static struct entry *add_entry(struct rune_diag *diag, enum rune_severity severity)
{
    diag->counts[severity]++;
    struct entry *entry =
        diag->kept < RUNE_DIAG_MAX ? RUNE_ARENA_NEW(&diag->arena, struct entry) : NULL;
    if (entry == NULL) {
        diag->dropped++;
        return NULL;
    }
    entry->first.message.severity = severity;
    return entry;
}

static void keep_entry(struct rune_diag *diag, struct entry *entry, const char *code,
                       const char *path, const char *help)
{
    struct rune_diag_message *message = &entry->first.message;
    message->code = code;
    message->path =
        path == NULL
            ? NULL
            : make_printable(rune_arena_strndup(&diag->arena, path, strlen(path)), strlen(path));
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
    struct entry *entry = diag == NULL ? NULL : add_entry(diag, severity);
    if (entry == NULL) {
        return;
    }
    entry->first.message.text = format_text(&diag->arena, fmt, args);
    if (span.source != NULL) {
        locate(diag, span, &entry->first.message.line, &entry->first.message.column);
        copy_line(&diag->arena, &entry->first, span);
    }
    keep_entry(diag, entry, code, span.source == NULL ? NULL : span.source->path, help);
}

void rune_diag_vreport_at(struct rune_diag *diag, enum rune_severity severity, const char *code,
                          const char *path, uint32_t line, uint32_t column, const char *help,
                          const char *fmt, va_list args)
{
    struct entry *entry = diag == NULL ? NULL : add_entry(diag, severity);
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
    struct entry *last = diag->entries[0];
    for (size_t i = 1; i < diag->kept; i++) {
        last = diag->entries[i]->sequence > last->sequence ? diag->entries[i] : last;
    }
    struct note *note = RUNE_ARENA_NEW(&diag->arena, struct note);
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
        copy_line(&diag->arena, note, span);
    }
    struct note **end = &last->first.next;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = note;
}

/* ---- reading ---- */

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a;
    const struct entry *y = *(struct entry *const *)b;
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

static void sort_entries(struct rune_diag *diag)
{
    if (!diag->is_sorted) {
        qsort(diag->entries, diag->kept, sizeof(diag->entries[0]), compare_entries);
        diag->is_sorted = true;
    }
}

size_t rune_diag_count(const struct rune_diag *diag, enum rune_severity at_least)
{
    size_t count = 0;
    for (unsigned severity = at_least; severity <= RUNE_ERROR; severity++) {
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
    sort_entries((struct rune_diag *)(uintptr_t)diag);
    *ret_message = diag->entries[index]->first.message;
}

static const char *severity_name(enum rune_severity severity)
{
    switch (severity) {
    case RUNE_NOTE:
        return "note";
    case RUNE_WARNING:
        return "warning";
    case RUNE_ERROR:
        return "error";
    }
    return "error";
}

static void render_note(struct rune_buf *out, const struct note *note)
{
    const struct rune_diag_message *message = &note->message;
    if (message->path != NULL) {
        rune_buf_append_cstr(out, message->path);
        if (message->line > 0) {
            rune_buf_printf(out, ":%u", message->line);
        }
        if (message->column > 0) {
            rune_buf_printf(out, ":%u", message->column);
        }
        rune_buf_append_cstr(out, ": ");
    }
    rune_buf_printf(out, "%s", severity_name(message->severity));
    if (message->code != NULL) {
        rune_buf_printf(out, "[%s]", message->code);
    }
    rune_buf_printf(out, ": %s\n", message->text);
    if (note->line != NULL) {
        rune_buf_printf(out, "    %s\n    %*s", note->line, (int)note->caret_offset, "");
        for (uint32_t i = 0; i < note->caret_length; i++) {
            rune_buf_append_char(out, '^');
        }
        rune_buf_append_char(out, '\n');
    }
    if (message->help != NULL) {
        rune_buf_printf(out, "    help: %s\n", message->help);
    }
}

const char *rune_diag_text(struct rune_diag *diag)
{
    sort_entries(diag);
    rune_buf_reset(&diag->rendered);
    for (size_t i = 0; i < diag->kept; i++) {
        for (const struct note *note = &diag->entries[i]->first; note != NULL; note = note->next) {
            render_note(&diag->rendered, note);
        }
    }
    if (diag->dropped > 0) {
        rune_buf_printf(&diag->rendered, "(%zu more messages)\n", diag->dropped);
    }
    return rune_buf_cstr(&diag->rendered);
}

static void render_json(struct rune_buf *out, const struct note *note)
{
    const struct rune_diag_message *message = &note->message;
    rune_buf_printf(out, "{\"severity\":\"%s\"", severity_name(message->severity));
    if (message->code != NULL) {
        rune_buf_printf(out, ",\"code\":\"%s\"", message->code);
    }
    if (message->path != NULL) {
        rune_buf_append_cstr(out, ",\"file\":");
        rune_buf_append_json(out, rune_str_from(message->path));
    }
    if (message->line > 0) {
        rune_buf_printf(out, ",\"line\":%u", message->line);
    }
    if (message->column > 0) {
        rune_buf_printf(out, ",\"column\":%u", message->column);
    }
    rune_buf_append_cstr(out, ",\"message\":");
    rune_buf_append_json(out, rune_str_from(message->text));
    if (message->help != NULL) {
        rune_buf_append_cstr(out, ",\"help\":");
        rune_buf_append_json(out, rune_str_from(message->help));
    }
    rune_buf_append_char(out, '}');
}

const char *rune_diag_json(struct rune_diag *diag)
{
    sort_entries(diag);
    rune_buf_reset(&diag->rendered);
    rune_buf_append_char(&diag->rendered, '[');
    bool first = true;
    for (size_t i = 0; i < diag->kept; i++) {
        for (const struct note *note = &diag->entries[i]->first; note != NULL; note = note->next) {
            if (!first) {
                rune_buf_append_char(&diag->rendered, ',');
            }
            render_json(&diag->rendered, note);
            first = false;
        }
    }
    rune_buf_append_char(&diag->rendered, ']');
    const char *text = rune_buf_cstr(&diag->rendered);
    return diag->rendered.failed ? "[]" : text;
}
