/* SPDX-License-Identifier: Apache-2.0 */
/* facts_column: what a field is, by its column's declaration or by its form. */
#include <stdarg.h>
#include <stdio.h>

#include "base/scan.h"
#include "engine/facts_int.h"
#include "model/uid.h"

/* ---- messages ---- */

void rune_facts_fail(struct rune_fact_reader *reader, const char *at, const char *code,
                     const char *help, const char *fmt, ...)
{
    uint32_t column = 1;
    if (++reader->errors > RUNE_FACTS_MAX_ERRORS) {
        return;
    }
    for (const char *p = reader->row_start; at != NULL && p < at; p++) {
        column = *p == '\n' ? 1 : column + (((unsigned char)*p & 0xc0) != 0x80);
    }
    va_list args;
    va_start(args, fmt);
    rune_diag_vreport_at(reader->diag, RUNE_ERROR, code, reader->path,
                         (uint32_t)(reader->line + reader->lines_in_row), at != NULL ? column : 0,
                         help, fmt, args);
    va_end(args);
    if (reader->errors == RUNE_FACTS_MAX_ERRORS) {
        rune_diag_report_at(reader->diag, RUNE_ERROR, "RUNE-T0109", reader->path, 0, 0, NULL,
                            "too many errors in this file: the rest of it was not read");
    }
}

static const char *kind_name(enum rune_column_kind kind)
{
    /* ORDER: enum rune_column_kind */
    static const char *const names[] = {"any", "int", "string", "bool", "entity"};
    return names[kind];
}

static bool fail_kind(struct rune_fact_reader *reader, const struct rune_fact_column *column,
                      const char *at, const char *found)
{
    rune_facts_fail(reader, at, "RUNE-T0104", "the column's type is declared in rune.toml",
                    "this column is declared %s%.*s, but here is %s",
                    column->spec.kind == RUNE_COLUMN_ENTITY ? "" : kind_name(column->spec.kind),
                    RUNE_STR_ARG(column->spec.type), found);
    return false;
}

/* ---- arity ---- */

bool rune_facts_set_arity(struct rune_fact_reader *reader, uint32_t arity)
{
    struct rune_fact_relation *relation = reader->relation;
    if (!relation->has_arity) {
        rune_tuples_fini(&relation->tuples);
        reader->err = rune_tuples_init(&relation->tuples, arity);
        relation->has_arity = reader->err == RUNE_OK;
        relation->first_path = reader->path;
    }
    if (reader->err == RUNE_OK && reader->columns == NULL) {
        uint32_t count = relation->tuples.arity;
        reader->columns = rune_calloc((size_t)count + 1, sizeof(reader->columns[0]));
        reader->err = reader->columns != NULL ? RUNE_OK : RUNE_E_NOMEM;
        for (uint32_t i = 0; reader->err == RUNE_OK && relation->declared != NULL && i < count;
             i++) {
            reader->columns[i].spec = relation->declared->columns[i];
            if (reader->columns[i].spec.kind == RUNE_COLUMN_ENTITY) {
                reader->err = rune_dict_string(reader->dict, reader->columns[i].spec.type,
                                               &reader->columns[i].type);
            }
        }
    }
    return reader->err == RUNE_OK;
}

bool rune_facts_reserve_row(struct rune_fact_reader *reader)
{
    struct rune_tuples *tuples = &reader->relation->tuples;
    if (tuples->count == tuples->capacity) {
        reader->err = rune_tuples_reserve(tuples, tuples->count + 1);
    }
    return reader->err == RUNE_OK;
}

/* ---- fields ---- */

static __attribute__((noinline)) void note_kind(struct rune_fact_reader *reader,
                                                struct rune_fact_column *column,
                                                enum rune_field_kind kind, struct rune_str text)
{
    column->seen |= 1u << kind;
    column->first_line[kind] = reader->line;
    size_t length = text.length < sizeof(column->example[kind]) ? text.length
                                                                : sizeof(column->example[kind]) - 1;
    while (length > 0 && length < text.length &&
           ((unsigned char)text.data[length] & 0xc0) == 0x80) {
        length--; /* not in the middle of a character */
    }
    memcpy(column->example[kind], text.data, length);
    column->example[kind][length] = '\0';
}

static inline bool see(struct rune_fact_reader *reader, struct rune_fact_column *column,
                       enum rune_field_kind kind, struct rune_str text)
{
    if ((column->seen & (1u << kind)) == 0 && column->spec.kind == RUNE_COLUMN_ANY) {
        note_kind(reader, column, kind, text);
    }
    return true;
}

bool rune_facts_put_string(struct rune_fact_reader *reader, uint32_t index, uint64_t row,
                           const char *at, struct rune_str text)
{
    struct rune_fact_column *column = &reader->columns[index];
    if (column->spec.kind == RUNE_COLUMN_INT || column->spec.kind == RUNE_COLUMN_BOOL) {
        return fail_kind(reader, column, at, "a string");
    }
    see(reader, column, RUNE_FIELD_STRING, text);
    return rune_facts_wait(reader, column, row,
                           column->spec.kind == RUNE_COLUMN_ENTITY ? column->type : RUNE_TERM_NONE,
                           text);
}

bool rune_facts_put_entity(struct rune_fact_reader *reader, uint32_t index, uint64_t row,
                           const char *at, struct rune_str type, struct rune_str id)
{
    struct rune_fact_column *column = &reader->columns[index];
    if (column->spec.kind == RUNE_COLUMN_ENTITY && rune_str_equal(column->spec.type, type)) {
        return rune_facts_wait(reader, column, row, column->type, id);
    }
    if (column->spec.kind != RUNE_COLUMN_ANY) {
        return fail_kind(reader, column, at, "an entity of another type");
    }
    see(reader, column, RUNE_FIELD_ENTITY, id);
    rune_term term = rune_facts_type(reader, column, type);
    return term != RUNE_TERM_NONE && rune_facts_wait(reader, column, row, term, id);
}

bool rune_facts_put_int(struct rune_fact_reader *reader, uint32_t index, uint64_t row,
                        const char *at, int64_t value)
{
    struct rune_fact_column *column = &reader->columns[index];
    if (column->spec.kind != RUNE_COLUMN_ANY && column->spec.kind != RUNE_COLUMN_INT) {
        return fail_kind(reader, column, at, "an integer");
    }
    if (column->seen == 0 || (column->seen & (1u << RUNE_FIELD_INT)) == 0) {
        char text[24];
        snprintf(text, sizeof(text), "%lld", (long long)value);
        see(reader, column, RUNE_FIELD_INT, rune_str_from(text));
    }
    if (rune_term_fits_inline(value)) {
        *rune_facts_slot(reader, index, row) = rune_term_from_inline(value);
        return true;
    }
    reader->err = rune_dict_long(reader->dict, value, rune_facts_slot(reader, index, row));
    return reader->err == RUNE_OK;
}

bool rune_facts_put_bool(struct rune_fact_reader *reader, uint32_t index, uint64_t row,
                         const char *at, bool value)
{
    struct rune_fact_column *column = &reader->columns[index];
    if (column->spec.kind != RUNE_COLUMN_ANY && column->spec.kind != RUNE_COLUMN_BOOL) {
        return fail_kind(reader, column, at, "a bool");
    }
    see(reader, column, RUNE_FIELD_BOOL, value ? RUNE_STR("true") : RUNE_STR("false"));
    *rune_facts_slot(reader, index, row) = rune_term_bool(value);
    return true;
}

/* `Type::"id"`: only then can a text end with a quote and have `::"` inside. */
static bool read_uid(struct rune_fact_reader *reader, struct rune_str text,
                     struct rune_uid *ret_uid)
{
    const char *message;
    return text.length > 4 && text.data[text.length - 1] == '"' &&
           memmem(text.data, text.length, "::", 2) != NULL &&
           rune_uid_parse(text, &reader->scratch, ret_uid, &message) == RUNE_OK;
}

/* The same, written plainly, of the type that the column's entities have had so far: what nearly
 * all are. */
static bool read_same_type(const struct rune_fact_reader *reader,
                           const struct rune_fact_column *column, struct rune_str text,
                           struct rune_str *ret_id)
{
    if (column->type == RUNE_TERM_NONE) {
        return false;
    }
    struct rune_str type = rune_terms_string(rune_dict_terms(reader->dict), column->type);
    size_t around = type.length + 4; /* ::"" */
    if (text.length < around || text.data[text.length - 1] != '"' ||
        memcmp(text.data, type.data, type.length) != 0 ||
        memcmp(text.data + type.length, "::\"", 3) != 0) {
        return false;
    }
    *ret_id = (struct rune_str){text.data + type.length + 3, text.length - around};
    return rune_scan_plain(ret_id->data, ret_id->data + ret_id->length) ==
           ret_id->data + ret_id->length;
}

/* `Type::"`, with which an entity begins and no id that anybody meant. */
static bool begins_uid(struct rune_str text)
{
    const char *colon = text.length > 3 ? memchr(text.data, ':', text.length - 2) : NULL;
    while (colon != NULL && memcmp(colon, "::\"", 3) != 0) {
        const char *next = colon + 1 + (colon[1] == ':');
        size_t left = (size_t)(text.data + text.length - next);
        colon = left > 2 ? memchr(next, ':', left - 2) : NULL;
    }
    return colon != NULL &&
           rune_uid_is_type_name((struct rune_str){text.data, (size_t)(colon - text.data)});
}

/* The field of a column of entities: `Type::"id"`, or an id alone. */
static bool put_declared_entity(struct rune_fact_reader *reader, uint32_t index, uint64_t row,
                                const char *at, struct rune_str text)
{
    struct rune_uid uid;
    if (read_uid(reader, text, &uid)) {
        return rune_facts_put_entity(reader, index, row, at, uid.type, uid.id);
    }
    if (begins_uid(text)) {
        rune_facts_fail(reader, at, "RUNE-T0112",
                        "write the id alone, or `Type::\"id\"` with a quote at its end, and \\\" "
                        "for a quote in it",
                        "this begins like an entity and ends otherwise");
        return false;
    }
    return rune_facts_put_string(reader, index, row, at, text);
}

/* All of a text that need not be padded. */
static bool scan_text(struct rune_str text, int64_t *ret_value, bool *ret_fits)
{
    char digits[RUNE_FACTS_PADDING] = {0};
    if (text.length == 0 || !rune_facts_begins_int(text.data[0])) {
        return false;
    }
    if (text.length < 32) {
        memcpy(digits, text.data, text.length);
        return rune_facts_scan_int(digits, ret_value, ret_fits) == text.length;
    }
    *ret_fits = false;
    for (size_t i = 1; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.data[0] != '0' && text.data[1] != '0';
}

static bool is_bool(struct rune_str text)
{
    return rune_str_equal(text, RUNE_STR("true")) || rune_str_equal(text, RUNE_STR("false"));
}

static bool put_declared(struct rune_fact_reader *reader, uint32_t index, uint64_t row,
                         const char *at, struct rune_str text)
{
    int64_t value;
    bool fits;
    switch (reader->columns[index].spec.kind) {
    case RUNE_COLUMN_STRING:
        return rune_facts_put_string(reader, index, row, at, text);
    case RUNE_COLUMN_ENTITY:
        return put_declared_entity(reader, index, row, at, text);
    case RUNE_COLUMN_BOOL:
        if (is_bool(text)) {
            return rune_facts_put_bool(reader, index, row, at, text.data[0] == 't');
        }
        return fail_kind(reader, &reader->columns[index], at, "neither true nor false");
    default:
        break;
    }
    if (!scan_text(text, &value, &fits) || !fits) {
        return fail_kind(reader, &reader->columns[index], at, "no 64-bit integer");
    }
    return rune_facts_put_int(reader, index, row, at, value);
}

bool rune_facts_put_by_form(struct rune_fact_reader *reader, uint32_t index, uint64_t row,
                            const char *at, struct rune_str text)
{
    struct rune_fact_column *column = &reader->columns[index];
    struct rune_uid uid;
    struct rune_str id;
    int64_t value;
    bool fits;
    if (read_same_type(reader, column, text, &id)) {
        see(reader, column, RUNE_FIELD_ENTITY, id);
        return rune_facts_wait(reader, column, row, column->type, id);
    }
    if (column->spec.kind != RUNE_COLUMN_ANY) {
        return put_declared(reader, index, row, at, text);
    }
    if (scan_text(text, &value, &fits)) {
        if (fits) {
            return rune_facts_put_int(reader, index, row, at, value);
        }
        rune_facts_fail(reader, at, "RUNE-T0105",
                        "declare the column as string in rune.toml if it is an id",
                        "this integer does not fit 64 bits");
        return false;
    }
    if (read_uid(reader, text, &uid)) {
        return rune_facts_put_entity(reader, index, row, at, uid.type, uid.id);
    }
    return is_bool(text) ? rune_facts_put_bool(reader, index, row, at, text.data[0] == 't')
                         : rune_facts_put_string(reader, index, row, at, text);
}

void rune_facts_warn_mixed(const struct rune_fact_reader *reader)
{
    /* ORDER: enum rune_field_kind */
    static const char *const names[] = {"integers", "strings", "bools", "entities"};
    for (uint32_t i = 0; reader->columns != NULL && i < reader->relation->tuples.arity; i++) {
        const struct rune_fact_column *column = &reader->columns[i];
        if ((column->seen & (column->seen - 1)) == 0) {
            continue;
        }
        unsigned first = (unsigned)__builtin_ctz(column->seen);
        unsigned second = (unsigned)__builtin_ctz(column->seen & (column->seen - 1));
        uint64_t line = column->first_line[first] > column->first_line[second]
                            ? column->first_line[first]
                            : column->first_line[second];
        rune_diag_report_at(
            reader->diag, RUNE_WARNING, "RUNE-T0201", reader->path, (uint32_t)line, 0,
            "values of different kinds are never equal: declare the column's type in rune.toml",
            "column %u mixes %s and %s: `%s` and `%s`", i + 1, names[first], names[second],
            column->example[first], column->example[second]);
    }
}
