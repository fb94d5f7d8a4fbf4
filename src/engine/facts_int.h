/* SPDX-License-Identifier: Apache-2.0 */
/* facts_int: what the files of the facts reader share: facts.c (the set of relations), facts_read.c
 * (blocks and lines), facts_row.c (TSV and CSV rows), facts_json.c (JSONL rows, [data]),
 * facts_ints.c (rows of integers), facts_column.c (what a field is), facts_text.c (texts to terms).
 *
 * A row's integers and bools become terms at once; texts wait in their column until the block ends
 * and are interned then, column by column, many at once. Private to engine/facts*. */
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "engine/facts.h"

#define RUNE_FACTS_PADDING \
    64u /* readable bytes behind a block: fields are read 8 or 16 bytes at a time */
#define RUNE_FACTS_MAX_ERRORS 100u /* LIMIT: errors reported a file */

/* What a field turned out to be, in a column that is not declared. */
enum rune_field_kind {
    RUNE_FIELD_INT,
    RUNE_FIELD_STRING,
    RUNE_FIELD_BOOL,
    RUNE_FIELD_ENTITY,
    RUNE_FIELD_KINDS
};

/* Texts of consecutive rows, in a column's `texts`: strings, or ids of entities of one type. */
struct rune_fact_run {
    rune_term type; /* NONE: strings */
    uint32_t count;
    uint64_t row; /* of the first, within the block */
};

RUNE_VEC(rune_vec_fact_text, struct rune_str);
RUNE_VEC(rune_vec_fact_run, struct rune_fact_run);

struct rune_fact_column {
    struct rune_column spec;
    rune_term type; /* of entities: the declared one, else that of the last one read, or NONE */
    struct rune_vec_fact_text texts; /* of the current block, to intern */
    struct rune_vec_fact_run runs;
    unsigned seen; /* kinds, as bits */
    uint64_t first_line[RUNE_FIELD_KINDS];
    char example[RUNE_FIELD_KINDS][32];
};

struct rune_fact_reader {
    const char *path;
    enum rune_facts_format format;
    struct rune_dict *dict;
    struct rune_diag *diag;
    struct rune_fact_relation *relation;
    struct rune_fact_column *columns; /* arity of them, once it is known */
    struct rune_arena scratch;        /* unescaped texts of the current block */
    uint64_t first_row;               /* of the block, in the relation's tuples */
    uint64_t line;                    /* of the current row, from 1 */
    uint64_t lines_in_row;            /* line breaks inside it (CSV) */
    const char *row_start;            /* for columns in messages */
    uint64_t left_bytes;              /* of the text, as far as is known */
    uint32_t errors;
    enum rune_err err; /* NOMEM or LIMIT; sticky */
};

enum rune_row { RUNE_ROW_OK, RUNE_ROW_MORE, RUNE_ROW_WRONG };

/* Where the term of a row (within the block) belongs. */
static inline rune_term *rune_facts_slot(struct rune_fact_reader *reader, uint32_t column,
                                         uint64_t row)
{
    return &reader->relation->tuples.columns[column][reader->first_row + row];
}

/* ---- facts_column.c ---- */

/* Reports at a byte of the current row. */
void rune_facts_fail(struct rune_fact_reader *reader, const char *at, const char *code,
                     const char *help, const char *fmt, ...) RUNE_PRINTF(5, 6);
/* Fixes the arity, from the declaration or the first row. False: failed, see reader->err. */
bool rune_facts_set_arity(struct rune_fact_reader *reader, uint32_t arity);
/* One value of the current row; false: reported, or reader->err. `row` is within the block. */
bool rune_facts_put_int(struct rune_fact_reader *reader, uint32_t column, uint64_t row,
                        const char *at, int64_t value);
bool rune_facts_put_bool(struct rune_fact_reader *reader, uint32_t column, uint64_t row,
                         const char *at, bool value);
bool rune_facts_put_string(struct rune_fact_reader *reader, uint32_t column, uint64_t row,
                           const char *at, struct rune_str text);
bool rune_facts_put_entity(struct rune_fact_reader *reader, uint32_t column, uint64_t row,
                           const char *at, struct rune_str type, struct rune_str id);
/* What the declaration says; else by form an integer, an entity, a bool or a string. */
bool rune_facts_put_by_form(struct rune_fact_reader *reader, uint32_t column, uint64_t row,
                            const char *at, struct rune_str text);
/* Whether a field beginning with c may be an integer. */
static inline bool rune_facts_begins_int(char c)
{
    return c == '-' || (c >= '0' && c <= '9');
}

/* The same. The ends of most texts alone tell that they are strings. */
static inline bool rune_facts_put_text(struct rune_fact_reader *reader, uint32_t column,
                                       uint64_t row, const char *at, struct rune_str text)
{
    bool is_plain = text.length > 5 && !rune_facts_begins_int(text.data[0]) &&
                    text.data[text.length - 1] != '"';
    return is_plain && reader->columns[column].spec.kind == RUNE_COLUMN_ANY
               ? rune_facts_put_string(reader, column, row, at, text)
               : rune_facts_put_by_form(reader, column, row, at, text);
}
/* Room for a row behind those there are. */
bool rune_facts_reserve_row(struct rune_fact_reader *reader);
/* Warns about columns that mix kinds. */
void rune_facts_warn_mixed(const struct rune_fact_reader *reader);

/* ---- facts_ints.c ---- */

/* `-?(0|[1-9][0-9]*)` from p on, at least RUNE_FACTS_PADDING bytes readable: bytes used, 0 if there
 * is none. *ret_fits is false beyond 64 bits. */
uint32_t rune_facts_scan_int(const char *p, int64_t *ret_value, bool *ret_fits);

/* Rows whose fields are all integers of up to eight digits, in columns that have integers alone, as
 * many as follow: such need nothing else. Returns where the first other row begins, or `end`. As
 * the functions below, which take every row, would have read them; `separator` is a tab or comma.
 */
const char *rune_facts_rows_of_ints(struct rune_fact_reader *reader, const char *p, const char *end,
                                    char separator);

/* ---- facts_text.c ---- */

/* A text of the current row: a string, or (type not NONE) the id of an entity. The bytes stay where
 * they are until the block ends. False: out of memory. */
bool rune_facts_wait(struct rune_fact_reader *reader, struct rune_fact_column *column, uint64_t row,
                     rune_term type, struct rune_str text);
/* The term of a type named in a column, whose entities mostly have the same. NONE: see reader->err.
 */
rune_term rune_facts_type(struct rune_fact_reader *reader, struct rune_fact_column *column,
                          struct rune_str name);
/* Takes back the texts of a row that failed. */
void rune_facts_drop_row(struct rune_fact_reader *reader, uint64_t row);
/* Interns the block's texts. */
void rune_facts_flush(struct rune_fact_reader *reader);

/* ---- facts_row.c, facts_json.c ---- */

/* One row at p, which ends before `end` (readable beyond: RUNE_FACTS_PADDING). MORE: the row does
 * not end here and the text goes on. On OK and WRONG *ret_next is behind the row. Empty lines are
 * OK and add nothing. */
enum rune_row rune_facts_row_tsv(struct rune_fact_reader *reader, const char *p, const char *end,
                                 bool is_last, const char **ret_next);
enum rune_row rune_facts_row_csv(struct rune_fact_reader *reader, const char *p, const char *end,
                                 bool is_last, const char **ret_next);
enum rune_row rune_facts_row_jsonl(struct rune_fact_reader *reader, const char *p, const char *end,
                                   bool is_last, const char **ret_next);

/* ---- facts_read.c ---- */

void rune_facts_reader_init(struct rune_fact_reader *reader, const char *path,
                            enum rune_facts_format format, struct rune_dict *dict,
                            struct rune_fact_relation *relation, struct rune_diag *diag);
void rune_facts_reader_fini(struct rune_fact_reader *reader);
/* All rows of an open file, of about reader->left_bytes, or (fd < 0) of a text. */
void rune_facts_read_rows(struct rune_fact_reader *reader, int fd, struct rune_str text,
                          void (*progress)(void *context, uint64_t bytes), void *progress_context);

/* ---- facts_data.c ---- */

/* The relation of that name, added if it is not there; NULL: out of memory. Invalidated by the next
 * call. */
struct rune_fact_relation *rune_facts_find_or_add(struct rune_fact_set *set, struct rune_str name,
                                                  const struct rune_manifest *manifest);
/* The facts of a [data] section. */
RUNE_MUST_USE enum rune_err rune_facts_read_data(const struct rune_bundle_file *file,
                                                 const struct rune_manifest *manifest,
                                                 struct rune_arena *arena, struct rune_dict *dict,
                                                 struct rune_fact_set *set, struct rune_diag *diag);
