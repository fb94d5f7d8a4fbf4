/* SPDX-License-Identifier: Apache-2.0 */
/* facts_read: blocks of a file, the rows in them, the rest of one block before the next.
 *
 * A block is validated (UTF-8, no NUL) as it arrives, so that rows need not look at bytes they do
 * not care for. The block grows only while a single row does not fit. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/facts_int.h"

#define BLOCK_BYTES (1u << 20)

struct block {
    char *bytes;
    size_t capacity; /* without the padding */
    size_t begin;    /* first byte not taken by a row */
    size_t end;
    size_t checked; /* valid up to here */
    bool is_last;   /* nothing follows */
    int fd;
    struct rune_str text; /* fd < 0: what is left of it */
};

void rune_facts_reader_init(struct rune_fact_reader *reader, const char *path,
                            enum rune_facts_format format, struct rune_dict *dict,
                            struct rune_fact_relation *relation, struct rune_diag *diag)
{
    *reader = (struct rune_fact_reader){.path = path,
                                        .format = format,
                                        .dict = dict,
                                        .diag = diag,
                                        .relation = relation,
                                        .line = 1};
    reader->first_row = relation->tuples.count;
    rune_arena_init(&reader->scratch, 0);
}

void rune_facts_reader_fini(struct rune_fact_reader *reader)
{
    for (uint32_t i = 0; reader->columns != NULL && i < reader->relation->tuples.arity; i++) {
        RUNE_VEC_FINI(&reader->columns[i].texts);
        RUNE_VEC_FINI(&reader->columns[i].runs);
    }
    rune_free(reader->columns);
    rune_arena_fini(&reader->scratch);
}

/* ---- blocks ---- */

/* Room behind `end`: the rest moves to the front; the block doubles when it is all rest. */
static bool make_room(struct rune_fact_reader *reader, struct block *block)
{
    if (block->begin > 0) {
        memmove(block->bytes, block->bytes + block->begin, block->end - block->begin);
        block->end -= block->begin;
        block->checked -= block->begin;
        block->begin = 0;
    }
    if (block->end < block->capacity) {
        return true;
    }
    if (block->capacity >= RUNE_FACTS_MAX_LINE) {
        reader->row_start = block->bytes;
        rune_facts_fail(reader, NULL, "RUNE-T0108",
                        "rows end with a line feed, and in CSV not within quotes",
                        "a row longer than %u MiB", RUNE_FACTS_MAX_LINE >> 20);
        return false;
    }
    size_t capacity = block->capacity == 0 ? BLOCK_BYTES : block->capacity * 2;
    char *bytes = rune_realloc(block->bytes, capacity + RUNE_FACTS_PADDING, 1);
    if (bytes == NULL) {
        reader->err = RUNE_E_NOMEM;
        return false;
    }
    block->bytes = bytes;
    block->capacity = capacity;
    return true;
}

static bool read_more(struct rune_fact_reader *reader, struct block *block)
{
    size_t room = block->capacity - block->end;
    size_t got = 0;
    if (block->fd < 0) {
        got = block->text.length < room ? block->text.length : room;
        if (got > 0) {
            memcpy(block->bytes + block->end, block->text.data, got);
        }
        block->text.data += got;
        block->text.length -= got;
        block->is_last = block->text.length == 0;
    } else {
        while (got < room && !block->is_last) {
            ssize_t n = read(block->fd, block->bytes + block->end + got, room - got);
            if (n < 0 && errno != EINTR) {
                rune_diag_report_at(reader->diag, RUNE_ERROR, "RUNE-T0110", reader->path, 0, 0,
                                    "the user that builds must be able to read all files",
                                    "cannot read: %s", strerror(errno));
                reader->err = RUNE_E_IO;
                return false;
            }
            got += n > 0 ? (size_t)n : 0;
            block->is_last = n == 0;
        }
    }
    block->end += got;
    memset(block->bytes + block->end, 0, RUNE_FACTS_PADDING);
    return true;
}

/* A fault at a byte that no row has reached: its line is counted from the rows' line on. */
static bool fail_byte(struct rune_fact_reader *reader, struct block *block, size_t at,
                      const char *what)
{
    reader->row_start = block->bytes + block->begin;
    for (size_t i = block->begin; i < at; i++) {
        if (block->bytes[i] == '\n') {
            reader->line++;
            reader->row_start = block->bytes + i + 1;
        }
    }
    reader->lines_in_row = 0;
    rune_facts_fail(reader, block->bytes + at, "RUNE-T0101", "facts files are UTF-8 text", "%s",
                    what);
    return false;
}

static bool check_bytes(struct rune_fact_reader *reader, struct block *block)
{
    size_t length = block->end - block->checked;
    const char *nul = memchr(block->bytes + block->checked, '\0', length);
    size_t valid = rune_utf8_valid_prefix(block->bytes + block->checked, length);
    if (nul != NULL && (size_t)(nul - block->bytes) <= block->checked + valid) {
        return fail_byte(reader, block, (size_t)(nul - block->bytes), "a NUL byte");
    }
    /* Up to three bytes at the end may be the beginning of a character. */
    if (valid != length && (block->is_last || length - valid > 3)) {
        return fail_byte(reader, block, block->checked + valid, "this is no valid UTF-8");
    }
    block->checked += valid;
    return true;
}

/* The mark that some editors put before UTF-8 is no part of the first field. */
static void skip_mark(struct block *block)
{
    if (block->end >= 3 && memcmp(block->bytes, "\xef\xbb\xbf", 3) == 0) {
        block->begin = 3;
    }
}

/* ---- rows ---- */

static enum rune_row read_row(struct rune_fact_reader *reader, const char *p, const char *end,
                              bool is_last, const char **ret_next)
{
    switch (reader->format) {
    case RUNE_FACTS_CSV:
        return rune_facts_row_csv(reader, p, end, is_last, ret_next);
    case RUNE_FACTS_JSONL:
        return rune_facts_row_jsonl(reader, p, end, is_last, ret_next);
    case RUNE_FACTS_TSV:
        break;
    }
    return rune_facts_row_tsv(reader, p, end, is_last, ret_next);
}

/* Where the last whole line ends: rows of TSV and JSONL are lines, so that only whole ones are
 * begun. CSV rows tell themselves whether they are whole. */
static const char *rows_end(const struct rune_fact_reader *reader, const struct block *block,
                            bool *ret_is_last)
{
    const char *end = block->bytes + block->end;
    *ret_is_last = block->is_last;
    if (block->is_last || reader->format == RUNE_FACTS_CSV) {
        return end;
    }
    const char *line = memrchr(block->bytes + block->begin, '\n', block->end - block->begin);
    *ret_is_last = true;
    return line != NULL ? line + 1 : block->bytes + block->begin;
}

/* All rows that are whole; false: stop. */
static bool read_block(struct rune_fact_reader *reader, struct block *block)
{
    bool is_last;
    const char *p = block->bytes + block->begin;
    const char *end = rows_end(reader, block, &is_last);
    while (p < end) {
        if (reader->format != RUNE_FACTS_JSONL) {
            p = rune_facts_rows_of_ints(reader, p, end,
                                        reader->format == RUNE_FACTS_TSV ? '\t' : ',');
            if (p == end) {
                break;
            }
        }
        const char *next = p;
        reader->row_start = p;
        reader->lines_in_row = 0;
        enum rune_row row = read_row(reader, p, end, is_last, &next);
        if (row != RUNE_ROW_OK) {
            rune_facts_drop_row(reader, reader->relation->tuples.count - reader->first_row);
        }
        if (row == RUNE_ROW_MORE) {
            break;
        }
        reader->line += 1 + reader->lines_in_row;
        p = next;
        if (reader->err != RUNE_OK || reader->errors >= RUNE_FACTS_MAX_ERRORS) {
            return false;
        }
    }
    block->begin = (size_t)(p - block->bytes);
    rune_facts_flush(reader);
    return reader->err == RUNE_OK;
}

static uint64_t count_values(const struct rune_fact_reader *reader)
{
    const struct rune_terms *terms = rune_dict_terms(reader->dict);
    return (uint64_t)terms->string_count + terms->entity_count;
}

/* The rest of the text may bring as many new values as these bytes did, or fewer: values come
 * again. */
static void expect_more(struct rune_fact_reader *reader, uint64_t bytes, uint64_t new_values)
{
    reader->left_bytes -= bytes < reader->left_bytes ? bytes : reader->left_bytes;
    double share = bytes > 0 ? (double)reader->left_bytes / (double)bytes : 0;
    rune_dict_expect(reader->dict, (uint64_t)(share * (double)new_values));
}

void rune_facts_read_rows(struct rune_fact_reader *reader, int fd, struct rune_str text,
                          void (*progress)(void *context, uint64_t bytes), void *progress_context)
{
    struct block block = {.fd = fd, .text = text};
    bool go_on = true, is_first = true;
    reader->left_bytes = fd < 0 ? text.length : reader->left_bytes;
    while (go_on && !block.is_last) {
        size_t before = block.end - block.begin;
        uint64_t values = count_values(reader);
        go_on = make_room(reader, &block) && read_more(reader, &block);
        if (go_on && is_first) {
            skip_mark(&block);
            is_first = false;
        }
        size_t got = block.end - before;
        go_on = go_on && check_bytes(reader, &block) && read_block(reader, &block);
        expect_more(reader, got, count_values(reader) - values);
        if (progress != NULL) {
            progress(progress_context, got);
        }
    }
    rune_dict_expect(reader->dict, 0);
    rune_free(block.bytes);
    if (reader->err == RUNE_OK && reader->errors == 0) {
        rune_facts_warn_mixed(reader);
    }
}
