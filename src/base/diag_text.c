/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/diag_int.h"

/* Where there was no memory for messages, or is none for showing them. */
#define MISSING      "out of memory: messages are missing"
#define MISSING_TEXT "(" MISSING ")\n"
#define MISSING_JSON "{\"severity\":\"error\",\"message\":\"" MISSING "\"}"

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

static void render_note(struct rune_buf *out, const struct rune_diag_note *note)
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
    rune_diag_sort(diag);
    rune_buf_reset(&diag->rendered);
    for (size_t i = 0; i < diag->kept; i++) {
        for (const struct rune_diag_note *note = &diag->entries[i]->first; note != NULL;
             note = note->next) {
            render_note(&diag->rendered, note);
        }
    }
    if (diag->dropped > 0) {
        rune_buf_printf(&diag->rendered, "(%zu more messages)\n", diag->dropped);
    }
    if (diag->arena.failed) {
        rune_buf_append_cstr(&diag->rendered, MISSING_TEXT);
    }
    const char *text = rune_buf_cstr(&diag->rendered);
    return diag->rendered.failed ? MISSING_TEXT : text;
}

static void render_json(struct rune_buf *out, const struct rune_diag_note *note)
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
    rune_diag_sort(diag);
    rune_buf_reset(&diag->rendered);
    rune_buf_append_char(&diag->rendered, '[');
    bool first = true;
    for (size_t i = 0; i < diag->kept; i++) {
        for (const struct rune_diag_note *note = &diag->entries[i]->first; note != NULL;
             note = note->next) {
            if (!first) {
                rune_buf_append_char(&diag->rendered, ',');
            }
            render_json(&diag->rendered, note);
            first = false;
        }
    }
    if (diag->arena.failed) {
        rune_buf_printf(&diag->rendered, "%s%s", first ? "" : ",", MISSING_JSON);
    }
    rune_buf_append_char(&diag->rendered, ']');
    const char *text = rune_buf_cstr(&diag->rendered);
    return diag->rendered.failed ? "[" MISSING_JSON "]" : text;
}
