/* SPDX-License-Identifier: Apache-2.0 */
/* closure_rows: what is reached from the exits of each row by steps.
 *
 * Each row is searched breadth first with a bitmap of values already there, sorted (by reading the
 * bitmap where it is dense) and appended; nothing is ever looked up among all tuples, and the value
 * is all that is written of a tuple until the end. Values on a cycle reach the same: in a closure
 * of the exits, a search that comes to a value whose row is known and has the search's own
 * beginning copies that row and ends. With parameters, the rows of each are searched by its own
 * steps. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/layout.h"
#include "datalog/closure_int.h"
#include "datalog/closure_reader.h"

#define MAX_RANGE (1u << 28) /* LIMIT: spread of values; a bitmap and offsets of them are kept */

#define TOUCHED_WORDS (1u << 18) /* whose pages are taken at once: a MiB */

#define VISITED_A_STEP 4u /* edges that are looked at in the time of one step of the limits */

/* A row: where its exits begin, and where its values begin in what was found. */
struct row {
    uint32_t exit, start;
};
RUNE_VEC(vec_row, struct row);

struct search {
    struct rune_dl_ctx *ctx;
    const struct rune_dl_row_search *what;
    struct rune_dl_reader exits, steps;
    uint32_t group_row, group_step; /* where those of the current parameters begin */
    rune_term least;                /* of all values */
    uint32_t range;
    uint32_t *step_starts; /* by value minus least: two a value, where its steps begin and end */
    uint64_t *seen;        /* bitmap */
    uint32_t *row;         /* values minus least */
    uint32_t row_count;
    uint64_t visited;    /* steps looked at, since the last row */
    struct vec_row rows; /* found so far */
    /* of a closure, by value minus least: 1 + a row whose key is on a cycle with it, which is the
     * same; 0: none is known. Else NULL */
    uint32_t *same_row;
    bool has_same;                  /* there is one at all */
    uint32_t *words;                /* the order in the making */
    uint64_t count, capacity, head; /* values; words before the first */
    uint64_t touched;               /* words that have their pages */
};

/* ---- one row ---- */

/* A value, once: it is written behind the row in any case, and counted if it is not there yet,
 * since no branch can foresee which. Returns the row's new length. */
static inline uint32_t reach(uint64_t *seen, uint32_t *row, uint32_t count, uint32_t value)
{
    uint64_t word = seen[value >> 6], bit = word >> (value & 63) & 1;
    seen[value >> 6] = word | UINT64_C(1) << (value & 63);
    row[count] = value;
    return count + 1 - (uint32_t)bit;
}

/* Writes the row as it stands. False: it does not ascend, and what was written is of no use. */
static bool copy_ascending(const uint32_t *row, uint32_t count, rune_term least, uint32_t *to)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (row[i] < before) {
            return false;
        }
        before = row[i];
        to[i] = least + row[i];
    }
    return true;
}

static int compare_words(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The bitmap's values into `to`; clears it. */
static void take_bits(uint64_t *seen, uint32_t range, rune_term least, uint32_t *to)
{
    for (size_t w = 0; w <= range / 64; w++) {
        for (uint64_t bits = seen[w]; bits != 0; bits &= bits - 1) {
            *to++ = least + (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(bits);
        }
        seen[w] = 0;
    }
}

static void sort_row(uint32_t *row, uint32_t count)
{
    if (count > 32) {
        qsort(row, count, sizeof(*row), compare_words);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        uint32_t value = row[i], j = i;
        for (; j > 0 && row[j - 1] > value; j--) {
            row[j] = row[j - 1];
        }
        row[j] = value;
    }
}

static void forget_seen(struct search *search)
{
    for (uint32_t i = 0; i < search->row_count; i++) {
        search->seen[search->row[i] >> 6] = 0; /* all bits there are of this row */
    }
}

/* The row ascending into `to`, as a tree numbered level by level gives it at once; clears the
 * bitmap. */
RUNE_APART static void take_row(struct search *search, uint32_t *to)
{
    uint32_t count = search->row_count, *row = search->row;
    if (!copy_ascending(row, count, search->least, to)) {
        if (count > 64 && count > search->range / 512) {
            take_bits(search->seen, search->range, search->least, to);
            return;
        }
        sort_row(row, count);
        (void)copy_ascending(row, count, search->least, to);
    }
    forget_seen(search);
}

static uint32_t row_end(const struct search *search, uint32_t row)
{
    return row + 1 < search->rows.count ? search->rows.items[row + 1].start
                                        : (uint32_t)search->count;
}

/* Whether an earlier row has the value. */
static bool row_has(const struct search *search, uint32_t row, rune_term value)
{
    const uint32_t *values = search->words + search->head;
    uint32_t low = search->rows.items[row].start, end = row_end(search, row), high = end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (values[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < end && values[low] == value;
}

/* Reaches all there is from what was reached. Stops early at a value whose row is an earlier one
 * (1 + it, else 0) that has `from`: each reaches the other, so they reach the same. */
RUNE_APART static uint32_t reach_all(struct search *search, rune_term from)
{
    const uint32_t *values = rune_dl_reader_column(&search->steps, search->steps.last);
    const uint32_t *starts = search->step_starts;
    const uint32_t *same_row = search->has_same ? search->same_row : NULL;
    const rune_term least = search->least;
    uint64_t *seen = search->seen;
    uint32_t *row = search->row, count = search->row_count;
    uint32_t same = 0, other = 0; /* whose row does not have it */
    uint64_t visited = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = row[i];
        same = same_row != NULL ? same_row[at] : 0;
        if (same != other && same != 0) {
            if (row_has(search, same - 1, from)) {
                break;
            }
            other = same;
        }
        same = 0;
        uint32_t step = starts[2 * (size_t)at], end = starts[2 * (size_t)at + 1];
        visited += end - step;
        for (; step < end; step++) {
            count = reach(seen, row, count, values[step] - least);
        }
    }
    search->row_count = count;
    search->visited += visited;
    return same;
}

/* Room for a row. RUNE_E_LIMIT, RUNE_E_NOMEM. */
static enum rune_err reserve_row(struct search *search, uint32_t count)
{
    uint64_t want = search->head + search->count + count;
    if (search->count + count > RUNE_RELATION_MAX_TUPLES) {
        search->ctx->limit = RUNE_DL_LIMIT_POSITIONS;
        return RUNE_E_LIMIT;
    }
    if (want > search->capacity) {
        uint64_t capacity = want + want / 2 + 1024;
        enum rune_err err =
            rune_dl_check_limits(search->ctx, search->count, 4 * want * search->exits.last);
        if (err != RUNE_OK) {
            return err;
        }
        uint32_t *words = rune_realloc(search->words, capacity, sizeof(uint32_t));
        if (words == NULL) {
            return RUNE_E_NOMEM;
        }
        search->words = words;
        search->capacity = capacity;
    }
    if (want > search->touched && search->capacity > TOUCHED_WORDS) {
        uint64_t left = search->capacity - want;
        uint64_t end = want + (left < TOUCHED_WORDS ? left : TOUCHED_WORDS);
        rune_alloc_touch(search->words + search->touched,
                         (size_t)(end - search->touched) * sizeof(uint32_t));
        search->touched = end;
    }
    return RUNE_OK;
}

/* An earlier row again. */
static enum rune_err copy_row(struct search *search, uint32_t row)
{
    uint32_t start = search->rows.items[row].start, count = row_end(search, row) - start;
    enum rune_err err = reserve_row(search, count);
    if (err == RUNE_OK) {
        uint32_t *values = search->words + search->head;
        memcpy(values + search->count, values + start, count * sizeof(uint32_t));
        search->count += count;
    }
    return err;
}

/* Whether the row that begins at the current exit takes steps. */
static bool is_open(const struct search *search)
{
    rune_term prefix[RUNE_DL_ROW_COLUMNS];
    struct rune_relations in = {search->ctx->image_relations.items, search->ctx->orders.items, 0};
    struct rune_cursor cursor;
    if (search->what->gate == UINT32_MAX) {
        return true;
    }
    for (uint32_t p = 0; p < search->exits.last; p++) {
        prefix[p] = rune_dl_reader_term(&search->exits, p);
    }
    return rune_cursor_open(&in, search->what->gate, prefix, search->exits.last, &cursor);
}

/* The row that begins at the current exit, up to another. */
static enum rune_err run_row(struct search *search, uint32_t end)
{
    const uint32_t *values = rune_dl_reader_column(&search->exits, search->exits.last);
    rune_term from = rune_dl_reader_term(&search->exits, search->exits.last - 1);
    uint32_t at = from - search->least; /* of no use but in a closure */
    struct row row = {search->exits.tuple, (uint32_t)search->count};
    search->row_count = 0;
    for (uint32_t i = search->exits.tuple; i < end; i++) {
        search->row_count =
            reach(search->seen, search->row, search->row_count, values[i] - search->least);
    }
    bool takes_steps = is_open(search);
    uint32_t same = takes_steps ? reach_all(search, from) : 0;
    enum rune_err err;
    if (same != 0) {
        forget_seen(search);
        search->same_row[at] = same;
        err = copy_row(search, same - 1);
    } else {
        err = reserve_row(search, search->row_count);
        if (err == RUNE_OK) {
            if (search->same_row != NULL && takes_steps && at < search->range &&
                (search->seen[at >> 6] >> (at & 63) & 1) != 0) {
                search->same_row[at] = (uint32_t)search->rows.count + 1;
                search->has_same = true;
            }
            take_row(search, search->words + search->head + search->count);
            search->count += search->row_count;
        }
    }
    return err == RUNE_OK && !RUNE_VEC_PUSH(&search->rows, row) ? RUNE_E_NOMEM : err;
}

/* ---- the steps of parameters ---- */

/* -1, 0, 1: the current tuples by their parameters; a reader at its end is last. */
static int compare_params(const struct search *search)
{
    const struct rune_dl_reader *exits = &search->exits, *steps = &search->steps;
    if (steps->tuple >= steps->count) {
        return 1;
    }
    for (uint32_t p = 0; p < search->what->param_count; p++) {
        rune_term a = rune_dl_reader_term(exits, p), b = rune_dl_reader_term(steps, p);
        if (a != b) {
            return b < a ? -1 : 1;
        }
    }
    return 0;
}

static uint32_t *bounds_of(struct search *search, rune_term from)
{
    rune_term distance = from - search->least;
    return distance < search->range ? search->step_starts + 2 * (size_t)distance : NULL;
}

/* Forgets the steps of the last parameters, and what is known of their rows. */
static void leave_group(struct search *search)
{
    const uint32_t *froms = rune_dl_reader_column(&search->steps, search->steps.last - 1);
    for (uint32_t s = search->group_step; s < search->steps.tuple; s++) {
        uint32_t *bounds = bounds_of(search, froms[s]);
        if (bounds != NULL) {
            bounds[0] = bounds[1] = 0;
        }
    }
    for (size_t r = search->group_row; search->has_same && r < search->rows.count; r++) {
        rune_term key = rune_dl_reader_column(&search->exits,
                                              search->exits.last - 1)[search->rows.items[r].exit];
        if (key - search->least < search->range) {
            search->same_row[key - search->least] = 0;
        }
    }
    search->has_same = false;
}

/* The steps of the current exit's parameters. */
static void enter_group(struct search *search)
{
    struct rune_dl_reader *steps = &search->steps;
    uint32_t params = search->what->param_count;
    if (search->rows.count > 0) {
        leave_group(search);
    }
    while (compare_params(search) < 0) {
        rune_dl_reader_go_to(steps, rune_dl_reader_end(steps, params));
    }
    search->group_row = (uint32_t)search->rows.count;
    search->group_step = steps->tuple;
    uint32_t end = compare_params(search) == 0 ? rune_dl_reader_end(steps, params) : steps->tuple;
    while (steps->tuple < end) {
        uint32_t next = rune_dl_reader_end(steps, params + 1);
        uint32_t *bounds = bounds_of(search, rune_dl_reader_term(steps, params));
        if (bounds != NULL) {
            bounds[0] = steps->tuple;
            bounds[1] = next;
        }
        rune_dl_reader_go_to(steps, next);
    }
}

/* ---- all rows ---- */

/* Values and what is kept of them. *ret_can false: they lie too far apart. */
static enum rune_err search_init(struct search *search, bool *ret_can)
{
    rune_term least = UINT32_MAX, most = 0;
    rune_dl_reader_widen(&search->exits, &least, &most);
    rune_dl_reader_widen(&search->steps, &least, &most);
    if (most < least) {
        least = most = 0;
    }
    search->least = least;
    search->range = most - least + 1;
    *ret_can = most - least < MAX_RANGE;
    if (!*ret_can) {
        return RUNE_OK;
    }
    search->step_starts = rune_calloc((size_t)search->range + 1, 2 * sizeof(uint32_t));
    search->seen = rune_calloc((size_t)search->range / 64 + 1, sizeof(uint64_t));
    search->row = rune_realloc(NULL, (size_t)search->range + 1, sizeof(uint32_t));
    if (search->what->is_closure) { /* without it, rows are only not shared */
        search->same_row = rune_calloc(search->range, sizeof(uint32_t));
    }
    return search->step_starts == NULL || search->seen == NULL || search->row == NULL ? RUNE_E_NOMEM
                                                                                      : RUNE_OK;
}

static void search_fini(struct search *search)
{
    rune_free(search->step_starts);
    rune_free(search->seen);
    rune_free(search->same_row);
    rune_free(search->row);
    rune_free(search->words);
    RUNE_VEC_FINI(&search->rows);
}

/* For a row: one, and some for what was looked at. */
static enum rune_err take_steps(struct search *search)
{
    uint64_t steps = 1 + search->visited / VISITED_A_STEP;
    search->visited = 0;
    if (search->ctx->steps_left < steps) {
        search->ctx->limit = RUNE_DL_LIMIT_STEPS;
        return RUNE_E_LIMIT;
    }
    search->ctx->steps_left -= steps;
    return RUNE_OK;
}

static enum rune_err run_rows(struct search *search)
{
    struct rune_dl_reader *exits = &search->exits;
    const struct rune_image_order *order = exits->order;
    /* The keys are the exits': so is what finds them. */
    uint64_t lead =
        exits->arrays.keys != NULL ? 2 * (uint64_t)order->block_count + order->key_count : 0;
    search->head = lead + order->key_count + 1;
    search->capacity = search->head + 1024;
    search->words = rune_realloc(NULL, search->capacity, sizeof(uint32_t));
    if (search->words == NULL) {
        return RUNE_E_NOMEM;
    }
    memcpy(search->words, rune_order_directory(order, 0), lead * sizeof(uint32_t));
    uint32_t group_end = 0, keys = 0; /* those whose starts are written */
    for (rune_dl_reader_go_to(exits, 0); exits->tuple < exits->count;) {
        uint32_t end = rune_dl_reader_end(exits, exits->last);
        if (exits->tuple >= group_end) {
            enter_group(search);
            group_end = rune_dl_reader_end(exits, search->what->param_count);
        }
        while (keys <= exits->key) {
            search->words[lead + keys++] = (uint32_t)search->count;
        }
        enum rune_err err = run_row(search, end);
        if (err == RUNE_OK) {
            err = take_steps(search);
        }
        if (err == RUNE_OK) {
            err = rune_dl_check_limits(search->ctx, search->count, 4 * search->capacity);
        }
        if (err != RUNE_OK) {
            return err;
        }
        rune_dl_reader_go_to(exits, end);
    }
    while (keys <= order->key_count) {
        search->words[lead + keys++] = (uint32_t)search->count;
    }
    return RUNE_OK;
}

/* The columns between the order's keys and the values: each row's own, for all its values. */
static enum rune_err add_columns(struct search *search)
{
    uint64_t between = search->exits.last - 1;
    if (between == 0) {
        return RUNE_OK;
    }
    uint64_t want = search->head + (between + 1) * search->count;
    enum rune_err err = rune_dl_check_limits(search->ctx, search->count, 4 * want);
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t *words = rune_realloc(search->words, want, sizeof(uint32_t));
    if (words == NULL) {
        return RUNE_E_NOMEM;
    }
    search->words = words;
    uint32_t *to = words + search->head;
    memmove(to + between * search->count, to, search->count * sizeof(uint32_t));
    for (uint32_t p = 1; p <= between; p++, to += search->count) {
        const uint32_t *from = rune_dl_reader_column(&search->exits, p);
        for (uint32_t r = 0; r < search->rows.count; r++) {
            const struct row *row = &search->rows.items[r];
            for (uint32_t i = row->start; i < row_end(search, r); i++) {
                to[i] = from[row->exit];
            }
        }
    }
    return RUNE_OK;
}

enum rune_err rune_dl_search_rows(struct rune_dl_ctx *ctx, const struct rune_dl_row_search *what,
                                  struct rune_dl_order *ret_order, uint64_t *ret_count,
                                  bool *ret_done)
{
    struct search search = {.ctx = ctx, .what = what};
    rune_dl_reader_init(&search.exits, ctx, what->exits);
    rune_dl_reader_init(&search.steps, ctx, what->steps);
    bool can;
    enum rune_err err = search_init(&search, &can);
    *ret_done = false;
    if (err == RUNE_OK && can) {
        err = run_rows(&search);
        if (err == RUNE_OK) {
            err = add_columns(&search);
        }
        *ret_done = err == RUNE_OK;
    }
    if (*ret_done) {
        const struct rune_image_order *order = search.exits.order;
        *ret_order = (struct rune_dl_order){
            .form = order->form,
            .key_min = order->key_min,
            .key_count = order->key_count,
            .block_count = order->block_count,
            .shift = order->shift,
            .words = search.words,
            .bytes = 4 * (search.head + search.exits.last * search.count),
        };
        *ret_count = search.count;
        search.words = NULL;
    }
    ctx->rows_at_limit = search.count;
    search_fini(&search);
    return err;
}
