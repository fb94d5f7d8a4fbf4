/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void rows_add(struct rows *rows, const struct rune_buf *line)
{
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity == 0 ? 64 : rows->capacity * 2;
        char **lines = RUNE_ARENA_ARRAY(rows->arena, char *, capacity);
        if (lines == NULL) {
            abort();
        }
        if (rows->count > 0) {
            memcpy(lines, rows->lines, rows->count * sizeof(char *));
        }
        rows->lines = lines;
        rows->capacity = capacity;
    }
    rows->lines[rows->count++] = rune_arena_strndup(rows->arena, line->data, line->length);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void rows_sort(struct rows *rows)
{
    if (rows->count == 0) {
        return;
    }
    qsort(rows->lines, rows->count, sizeof(char *), compare_lines);
    size_t kept = 1;
    for (size_t i = 1; i < rows->count; i++) {
        if (strcmp(rows->lines[i], rows->lines[kept - 1]) != 0) {
            rows->lines[kept++] = rows->lines[i];
        }
    }
    rows->count = kept;
}

static bool rows_have(const struct rows *rows, char *line)
{
    return rows->count > 0 &&
           bsearch(&line, rows->lines, rows->count, sizeof(char *), compare_lines) != NULL;
}

void rows_minus(const struct rows *a, const struct rows *b, struct rows *ret)
{
    *ret = (struct rows){.arena = a->arena};
    for (size_t i = 0; i < a->count; i++) {
        if (!rows_have(b, a->lines[i])) {
            struct rune_buf line = {.data = a->lines[i], .length = strlen(a->lines[i])};
            rows_add(ret, &line);
        }
    }
}

bool rows_equal(const struct rows *a, const struct rows *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        equal = strcmp(a->lines[i], b->lines[i]) == 0;
    }
    return equal;
}

static void print_cell(struct rune_buf *line, const struct datalog_run *run, rune_term term)
{
    const struct rune_terms *terms = rune_term_space(term) == RUNE_SPACE_REQUEST
                                         ? rune_dict_terms(run->values)
                                         : &run->store.terms;
    if (rune_term_is_inline(term)) {
        rune_buf_printf(line, "%lld\t", (long long)rune_term_inline_value(term));
    } else if (rune_term_kind(term) == RUNE_KIND_LONG) {
        rune_buf_printf(line, "%lld\t", (long long)terms->longs[rune_term_index(term)]);
    } else if (rune_term_kind(term) == RUNE_KIND_FLOAT) {
        rune_buf_printf(line, "%.9e\t", terms->floats[rune_term_index(term)]);
    } else if (rune_term_kind(term) == RUNE_KIND_STRING) {
        rune_buf_append_json(line, rune_terms_string(terms, term));
        rune_buf_append_char(line, '\t');
    } else {
        rune_buf_printf(line, "?%x\t", term);
    }
}

bool rows_take(void *context, const rune_term *tuple, uint32_t arity)
{
    struct rows *rows = context;
    struct rune_buf line = RUNE_BUF_INIT;
    rune_buf_append_char(&line, '.');
    for (uint32_t i = 0; i < arity; i++) {
        print_cell(&line, rows->run, tuple[i]);
    }
    rows_add(rows, &line);
    rune_buf_fini(&line);
    return true;
}

void rows_from_json(const struct rune_json_node *tuples, struct rune_arena *arena, struct rows *ret)
{
    *ret = (struct rows){.arena = arena};
    for (uint32_t i = 0; tuples != NULL && i < tuples->as.array.count; i++) {
        const struct rune_json_node *tuple = &tuples->as.array.items[i];
        struct rune_buf line = RUNE_BUF_INIT;
        rune_buf_append_char(&line, '.');
        for (uint32_t c = 0; c < tuple->as.array.count; c++) {
            const struct rune_json_node *cell = &tuple->as.array.items[c];
            if (cell->type == RUNE_JSON_INTEGER) {
                rune_buf_printf(&line, "%lld\t", (long long)cell->as.integer);
            } else if (cell->type == RUNE_JSON_STRING) {
                rune_buf_append_json(&line, cell->as.text);
                rune_buf_append_char(&line, '\t');
            } else {
                char number[64];
                snprintf(number, sizeof(number), "%.*s", (int)cell->as.text.length,
                         cell->as.text.data);
                rune_buf_printf(&line, "%.9e\t", strtod(number, NULL));
            }
        }
        rows_add(ret, &line);
        rune_buf_fini(&line);
    }
    rows_sort(ret);
}
