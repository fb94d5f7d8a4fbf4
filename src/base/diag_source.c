/* SPDX-License-Identifier: Apache-2.0 */
/* Places are found by walking from the one before, forward or backward, whichever is shorter. */
#include <string.h>

#include "base/diag_int.h"
#include "base/utf8.h"

#define DIAG_LINE_MAX 200u /* LIMIT: bytes of a source line that are shown */

#define PLACE_START ((struct rune_diag_place){0, 1, 1})

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
static void retreat(const struct rune_source *source, uint32_t end, struct rune_diag_place *place)
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
static void advance(const struct rune_source *source, uint32_t offset,
                    struct rune_diag_place *place)
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
    struct rune_diag_place place = PLACE_START;
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

void rune_diag_locate(struct rune_diag *diag, struct rune_span span, uint32_t *ret_line,
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

/* ---- lines ---- */

void rune_diag_quote(struct rune_arena *arena, struct rune_diag_note *note, struct rune_span span)
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
    rune_utf8_make_printable(line, visible_end - begin);
    uint32_t left = at < visible_end ? visible_end - at : 0;
    uint32_t marked = span.length < left ? span.length : left;
    note->line = line;
    note->caret_offset = count_columns(source->text + begin, at - begin);
    note->caret_length = marked > 0 ? count_columns(source->text + at, marked) : 1;
}
