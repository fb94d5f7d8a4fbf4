/* SPDX-License-Identifier: Apache-2.0 */
/* facts_text: texts become terms when their block ends: column by column, so that the strings of a
 * column lie together, and many at once, so that their searches wait for memory together. */
#include "engine/facts_int.h"

#define MANY 512u /* entities handed to the dictionary at once */

static struct rune_fact_run *last_run(struct rune_fact_column *column)
{
    return column->runs.count > 0 ? &column->runs.items[column->runs.count - 1] : NULL;
}

/* Makes room for a text, and a run of none if the last one does not go on with it. */
static __attribute__((noinline)) bool begin_run(struct rune_fact_reader *reader,
                                                struct rune_fact_column *column, uint64_t row,
                                                rune_term type)
{
    const struct rune_fact_run *last = last_run(column);
    bool goes_on = last != NULL && last->type == type && last->row + last->count == row;
    bool ok = RUNE_VEC_RESERVE(&column->texts, column->texts.count + 1) &&
              (goes_on || RUNE_VEC_PUSH(&column->runs, ((struct rune_fact_run){type, 0, row})));
    reader->err = ok ? reader->err : RUNE_E_NOMEM;
    return ok;
}

bool rune_facts_wait(struct rune_fact_reader *reader, struct rune_fact_column *column, uint64_t row,
                     rune_term type, struct rune_str text)
{
    struct rune_fact_run *last = last_run(column);
    if (last == NULL || last->type != type || last->row + last->count != row ||
        column->texts.count == column->texts.capacity) {
        if (!begin_run(reader, column, row, type)) {
            return false;
        }
        last = last_run(column);
    }
    last->count++;
    column->texts.items[column->texts.count++] = text;
    return true;
}

rune_term rune_facts_type(struct rune_fact_reader *reader, struct rune_fact_column *column,
                          struct rune_str name)
{
    const struct rune_terms *terms = rune_dict_terms(reader->dict);
    if (column->type == RUNE_TERM_NONE ||
        !rune_str_equal(rune_terms_string(terms, column->type), name)) {
        reader->err = rune_dict_string(reader->dict, name, &column->type);
    }
    return reader->err == RUNE_OK ? column->type : RUNE_TERM_NONE;
}

void rune_facts_drop_row(struct rune_fact_reader *reader, uint64_t row)
{
    for (uint32_t i = 0; reader->columns != NULL && i < reader->relation->tuples.arity; i++) {
        struct rune_fact_column *column = &reader->columns[i];
        struct rune_fact_run *last = last_run(column);
        if (last != NULL && last->row + last->count == row + 1) {
            column->texts.count--;
            last->count--;
            column->runs.count -= last->count == 0;
        }
    }
}

static enum rune_err intern_entities(struct rune_dict *dict, rune_term type,
                                     const struct rune_str *ids, size_t count, rune_term *ret_terms)
{
    rune_term types[MANY];
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < MANY && i < count; i++) {
        types[i] = type;
    }
    for (size_t done = 0; done < count && err == RUNE_OK; done += MANY) {
        size_t size = count - done < MANY ? count - done : MANY;
        err = rune_dict_entities(dict, types, ids + done, size, ret_terms + done);
    }
    return err;
}

static void flush_column(struct rune_fact_reader *reader, uint32_t index)
{
    struct rune_fact_column *column = &reader->columns[index];
    const struct rune_str *texts = column->texts.items;
    for (size_t i = 0; i < column->runs.count && reader->err == RUNE_OK; i++) {
        const struct rune_fact_run *run = &column->runs.items[i];
        rune_term *terms = rune_facts_slot(reader, index, run->row);
        reader->err = run->type == RUNE_TERM_NONE
                          ? rune_dict_strings(reader->dict, texts, run->count, terms)
                          : intern_entities(reader->dict, run->type, texts, run->count, terms);
        texts += run->count;
    }
    column->texts.count = 0;
    column->runs.count = 0;
}

void rune_facts_flush(struct rune_fact_reader *reader)
{
    for (uint32_t i = 0; reader->columns != NULL && i < reader->relation->tuples.arity; i++) {
        flush_column(reader, i);
    }
    reader->first_row = reader->relation->tuples.count;
    rune_arena_reset(&reader->scratch);
}
