/* SPDX-License-Identifier: Apache-2.0 */
/* facts_row: rows of TSV and CSV. The way of a million integers: scan_int, a tab, the next. */
#include "engine/facts_int.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first tab, line break or backslash at or behind p; reads up to 15 bytes beyond `end`. */
static inline const char *find_tsv_end(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i line = _mm_set1_epi8('\n');
    const __m128i slash = _mm_set1_epi8('\\');
    for (; p < end; p += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hits =
            _mm_or_si128(_mm_cmpeq_epi8(bytes, tab),
                         _mm_or_si128(_mm_cmpeq_epi8(bytes, line), _mm_cmpeq_epi8(bytes, slash)));
        int mask = _mm_movemask_epi8(hits);
        if (mask != 0) {
            p += __builtin_ctz((unsigned)mask);
            break;
        }
    }
    return p < end ? p : end;
#else
    while (p < end && *p != '\t' && *p != '\n' && *p != '\\') {
        p++;
    }
    return p;
#endif
}

/* A field with escapes into the scratch arena; *ret_end is at its tab or line break. NULL:
 * reported, or MORE's case. */
static bool unescape_tsv(struct rune_fact_reader *reader, const char *p, const char *end,
                         const char **ret_end, struct rune_str *ret_text)
{
    const char *stop = p;
    while (stop < end && *stop != '\t' && *stop != '\n') {
        stop++;
    }
    *ret_end = stop;
    char *out = rune_arena_alloc(&reader->scratch, (size_t)(stop - p) + 1);
    size_t size = 0;
    if (out == NULL) {
        reader->err = RUNE_E_NOMEM;
        return false;
    }
    for (; p < stop; p++) {
        if (*p != '\\') {
            out[size++] = *p;
            continue;
        }
        char c = p + 1 < stop ? p[1] : '\0';
        if (c != 't' && c != 'n' && c != '\\') {
            rune_facts_fail(reader, p, "RUNE-T0103", "the escapes of TSV are \\t, \\n and \\\\",
                            "there is no such escape");
            return false;
        }
        out[size++] = c == 't' ? '\t' : c == 'n' ? '\n' : '\\';
        p++;
    }
    *ret_text = (struct rune_str){out, size};
    return true;
}

static uint32_t count_fields(const char *p, const char *end, char separator)
{
    uint32_t count = 1;
    bool quoted = false;
    for (; p < end && (quoted || *p != '\n'); p++) {
        quoted = separator == ',' && *p == '"' ? !quoted : quoted;
        count += !quoted && *p == separator;
    }
    return count;
}

static const char *skip_line(const char *p, const char *end)
{
    const char *line = memchr(p, '\n', (size_t)(end - p));
    return line != NULL ? line + 1 : end;
}

static enum rune_row wrong_arity(struct rune_fact_reader *reader, const char *p, const char *end,
                                 char separator)
{
    uint32_t found = count_fields(reader->row_start, end, separator);
    uint32_t want = reader->relation->tuples.arity;
    rune_facts_fail(reader, p, "RUNE-T0102",
                    separator == '\t' ? "fields are divided by one tab each"
                                      : "fields are divided by commas",
                    "this row has %u field%s, not %u", found, found == 1 ? "" : "s", want);
    return RUNE_ROW_WRONG;
}

/* Before the first row: how many columns. */
static bool ensure_columns(struct rune_fact_reader *reader, const char *p, const char *end,
                           char separator)
{
    if (reader->columns != NULL) {
        return true;
    }
    uint32_t count = count_fields(p, end, separator);
    if (count > RUNE_DL_MAX_ARITY) {
        rune_facts_fail(reader, p, "RUNE-T0102", NULL, "more than %u columns", RUNE_DL_MAX_ARITY);
        return false;
    }
    return rune_facts_set_arity(reader, count);
}

/* A field behind its first byte that is no integer; *ret_end at the tab, line break or end. */
static bool put_tsv_field(struct rune_fact_reader *reader, uint32_t column, uint64_t row,
                          const char *p, const char *end, const char **ret_end)
{
    const char *stop = find_tsv_end(p, end);
    struct rune_str text = {p, (size_t)(stop - p)};
    if (stop < end && *stop == '\\' && !unescape_tsv(reader, p, end, &stop, &text)) {
        *ret_end = stop;
        return false;
    }
    *ret_end = stop;
    if (text.length > 0 && text.data[text.length - 1] == '\r' && (stop == end || *stop == '\n')) {
        text.length--;
    }
    return rune_facts_put_text(reader, column, row, p, text);
}

static inline bool ends_field(const char *p, const char *end)
{
    return p == end || *p == '\t' || *p == '\n';
}

enum rune_row rune_facts_row_tsv(struct rune_fact_reader *reader, const char *p, const char *end,
                                 bool is_last, const char **ret_next)
{
    if (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n')) {
        *ret_next = p + (*p == '\r' ? 2 : 1);
        return RUNE_ROW_OK;
    }
    if (!is_last && reader->columns == NULL && memchr(p, '\n', (size_t)(end - p)) == NULL) {
        return RUNE_ROW_MORE;
    }
    if (!ensure_columns(reader, p, end, '\t') || !rune_facts_reserve_row(reader)) {
        *ret_next = skip_line(p, end);
        return RUNE_ROW_WRONG;
    }
    uint64_t row = reader->relation->tuples.count - reader->first_row;
    uint32_t arity = reader->relation->tuples.arity;
    const struct rune_fact_column *columns = reader->columns;
    for (uint32_t column = 0; column < arity; column++) {
        int64_t value;
        bool fits;
        uint32_t used = columns[column].spec.kind <= RUNE_COLUMN_INT && rune_facts_begins_int(*p)
                            ? rune_facts_scan_int(p, &value, &fits)
                            : 0;
        bool ok;
        if (used > 0 && fits && p + used <= end && ends_field(p + used, end)) {
            ok = rune_facts_put_int(reader, column, row, p, value);
            p += used;
        } else {
            ok = put_tsv_field(reader, column, row, p, end, &p);
        }
        if (p == end && !is_last) {
            return RUNE_ROW_MORE;
        }
        bool line_ends = p == end || *p == '\n';
        if (!ok) {
            *ret_next = skip_line(p, end);
            return RUNE_ROW_WRONG;
        }
        if (line_ends != (column + 1 == arity)) {
            *ret_next = skip_line(p, end);
            return wrong_arity(reader, p, end, '\t');
        }
        p += p < end ? 1 : 0;
    }
    *ret_next = p;
    reader->relation->tuples.count++;
    return RUNE_ROW_OK;
}

/* ---- CSV ---- */

enum csv_field { CSV_OK, CSV_MORE, CSV_WRONG };

/* A quoted field: p behind the opening quote; *ret_end behind the closing one. */
static enum csv_field read_quoted(struct rune_fact_reader *reader, const char *p, const char *end,
                                  bool is_last, const char **ret_end, struct rune_str *ret_text)
{
    const char *start = p;
    uint32_t doubled = 0;
    uint64_t lines = 0;
    for (;; p++) {
        if (p == end) {
            if (!is_last) {
                return CSV_MORE;
            }
            rune_facts_fail(reader, start - 1, "RUNE-T0103",
                            "a quote inside is written twice: \"\"", "this quote has no partner");
            return CSV_WRONG;
        }
        if (*p == '"' && (p + 1 == end || p[1] != '"')) {
            break;
        }
        lines += *p == '\n';
        doubled += *p == '"';
        p += *p == '"';
    }
    if (p + 1 == end && !is_last) {
        return CSV_MORE; /* the next byte may be the other half of a doubled quote */
    }
    *ret_end = p + 1;
    *ret_text = (struct rune_str){start, (size_t)(p - start)};
    reader->lines_in_row += lines;
    if (doubled == 0) {
        return CSV_OK;
    }
    char *out = rune_arena_alloc(&reader->scratch, ret_text->length);
    size_t size = 0;
    if (out == NULL) {
        reader->err = RUNE_E_NOMEM;
        return CSV_WRONG;
    }
    for (const char *from = start; from < p; from++) {
        out[size++] = *from;
        from += *from == '"';
    }
    *ret_text = (struct rune_str){out, size};
    return CSV_OK;
}

static enum csv_field read_csv_field(struct rune_fact_reader *reader, const char *p,
                                     const char *end, bool is_last, const char **ret_end,
                                     struct rune_str *ret_text)
{
    if (p < end && *p == '"') {
        enum csv_field read = read_quoted(reader, p + 1, end, is_last, ret_end, ret_text);
        const char *after = *ret_end;
        if (read == CSV_OK && after < end && *after == '\r' && after + 1 < end &&
            after[1] == '\n') {
            *ret_end = after + 1;
        } else if (read == CSV_OK && after < end && *after != ',' && *after != '\n') {
            rune_facts_fail(reader, after, "RUNE-T0103",
                            "quote the whole field, and write quotes inside twice: \"\"",
                            "text behind a quoted field");
            return CSV_WRONG;
        }
        return read;
    }
    const char *stop = p;
    while (stop < end && *stop != ',' && *stop != '\n' && *stop != '"') {
        stop++;
    }
    *ret_end = stop;
    if (stop == end && !is_last) {
        return CSV_MORE;
    }
    if (stop < end && *stop == '"') {
        rune_facts_fail(reader, stop, "RUNE-T0103",
                        "quote the whole field, and write quotes inside twice: \"\"",
                        "a quote inside a field without quotes");
        return CSV_WRONG;
    }
    size_t length = (size_t)(stop - p);
    length -= length > 0 && p[length - 1] == '\r' && (stop == end || *stop == '\n') ? 1 : 0;
    *ret_text = (struct rune_str){p, length};
    return CSV_OK;
}

enum rune_row rune_facts_row_csv(struct rune_fact_reader *reader, const char *p, const char *end,
                                 bool is_last, const char **ret_next)
{
    reader->lines_in_row = 0;
    if (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n')) {
        *ret_next = p + (*p == '\r' ? 2 : 1);
        return RUNE_ROW_OK;
    }
    /* A row may have line breaks in quotes: where the arity is still open, all of it must be there.
     */
    if (!is_last && reader->columns == NULL) {
        bool quoted = false;
        const char *at = p;
        for (; at < end && (quoted || *at != '\n'); at++) {
            quoted = *at == '"' ? !quoted : quoted;
        }
        if (at == end) {
            return RUNE_ROW_MORE;
        }
    }
    if (!ensure_columns(reader, p, end, ',') || !rune_facts_reserve_row(reader)) {
        *ret_next = skip_line(p, end);
        return RUNE_ROW_WRONG;
    }
    uint64_t row = reader->relation->tuples.count - reader->first_row;
    uint32_t arity = reader->relation->tuples.arity;
    for (uint32_t column = 0; column < arity; column++) {
        struct rune_str text;
        const char *at = p;
        enum csv_field read = read_csv_field(reader, p, end, is_last, &p, &text);
        if (read == CSV_MORE) {
            reader->lines_in_row = 0;
            return RUNE_ROW_MORE;
        }
        if (read == CSV_WRONG || !rune_facts_put_text(reader, column, row, at, text)) {
            *ret_next = skip_line(p, end);
            return RUNE_ROW_WRONG;
        }
        bool line_ends = p == end || *p == '\n';
        if (line_ends != (column + 1 == arity)) {
            *ret_next = skip_line(p, end);
            return wrong_arity(reader, p, end, ',');
        }
        p += p < end ? 1 : 0;
    }
    *ret_next = p;
    reader->relation->tuples.count++;
    return RUNE_ROW_OK;
}
