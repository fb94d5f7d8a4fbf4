/* SPDX-License-Identifier: Apache-2.0 */
/* orders: tuples -> sorted orders, and which orders serve which searches.
 *
 * Sorting is least-significant-digit radix over the columns, last column first, digits of 11 bits
 * of the value minus the column's least: dictionary ids are dense, so a column takes one to three
 * passes. What is sorted already is only looked at. */
#include <string.h>

#include "datalog/evaluate_int.h"

#define CHEAP_TO_SORT 262144u /* tuples */
#define MANY_TIMES    8.0

#define DIGIT_BITS 11u
#define DIGITS     (1u << DIGIT_BITS)

/* ---- sorting ---- */

static const uint8_t natural[RUNE_DL_MAX_ARITY] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

/* -1, 0, 1 by the columns in their order. */
static int compare_rows(const rune_term *a, const rune_term *b, uint32_t arity,
                        const uint8_t *columns)
{
    for (uint32_t i = 0; i < arity; i++) {
        if (a[columns[i]] != b[columns[i]]) {
            return a[columns[i]] < b[columns[i]] ? -1 : 1;
        }
    }
    return 0;
}

/* By the first `sorted` of the columns; with all of them, without repetition. */
static bool is_sorted(const rune_term *rows, uint64_t count, uint32_t arity, const uint8_t *columns,
                      uint32_t sorted)
{
    int most = sorted == arity ? -1 : 0;
    for (uint64_t i = 1; i < count; i++) {
        if (compare_rows(rows + (i - 1) * arity, rows + i * arity, sorted, columns) > most) {
            return false;
        }
    }
    return true;
}

/* One pass: rows from `from` to `to` by one digit of one column. `arity` is a constant where it
 * matters. */
static inline __attribute__((always_inline)) void scatter(const rune_term *from, rune_term *to,
                                                          uint64_t count, uint32_t arity,
                                                          uint32_t column, rune_term least,
                                                          uint32_t shift)
{
    uint64_t at[DIGITS] = {0};
    for (uint64_t i = 0; i < count; i++) {
        at[(from[i * arity + column] - least) >> shift & (DIGITS - 1)]++;
    }
    uint64_t next = 0;
    for (uint32_t d = 0; d < DIGITS; d++) {
        uint64_t many = at[d];
        at[d] = next;
        next += many;
    }
    for (uint64_t i = 0; i < count; i++) {
        const rune_term *row = from + i * arity;
        rune_term *place = to + at[(row[column] - least) >> shift & (DIGITS - 1)]++ * arity;
        for (uint32_t c = 0; c < arity; c++) {
            place[c] = row[c];
        }
    }
}

static void scatter_rows(const rune_term *from, rune_term *to, uint64_t count, uint32_t arity,
                         uint32_t column, rune_term least, uint32_t shift)
{
    switch (arity) {
    case 1:
        scatter(from, to, count, 1, column, least, shift);
        break;
    case 2:
        scatter(from, to, count, 2, column, least, shift);
        break;
    case 3:
        scatter(from, to, count, 3, column, least, shift);
        break;
    default:
        scatter(from, to, count, arity, column, least, shift);
        break;
    }
}

static uint64_t drop_repetitions(rune_term *rows, uint64_t count, uint32_t arity)
{
    uint64_t kept = count > 0;
    size_t row_bytes = arity * sizeof(rune_term);
    for (uint64_t i = 1; i < count; i++) {
        if (memcmp(rows + i * arity, rows + (kept - 1) * arity, row_bytes) != 0) {
            memmove(rows + kept++ * arity, rows + i * arity, row_bytes);
        }
    }
    return kept;
}

/* By the first `sorted` of the columns. */
static enum rune_err radix_sort(rune_term **rows, uint64_t count, uint32_t arity,
                                const uint8_t *columns, uint32_t sorted)
{
    rune_term *from = *rows;
    rune_term *to = rune_realloc(NULL, count, arity * sizeof(rune_term));
    if (to == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t c = sorted; c-- > 0;) {
        uint32_t column = columns[c];
        rune_term least = UINT32_MAX, most = 0;
        for (uint64_t i = 0; i < count; i++) {
            rune_term term = from[i * arity + column];
            least = term < least ? term : least;
            most = term > most ? term : most;
        }
        for (uint32_t shift = 0; shift < 32 && ((most - least) >> shift) != 0;
             shift += DIGIT_BITS) {
            scatter_rows(from, to, count, arity, column, least, shift);
            rune_term *swap = from;
            from = to;
            to = swap;
        }
    }
    rune_free(to);
    *rows = from;
    return RUNE_OK;
}

enum rune_err rune_dl_sort_rows(rune_term **rows, uint64_t *count, uint32_t arity,
                                const uint8_t *columns)
{
    if (arity == 0) {
        *count = *count > 0;
        return RUNE_OK;
    }
    if (is_sorted(*rows, *count, arity, columns, arity)) {
        return RUNE_OK;
    }
    enum rune_err err = radix_sort(rows, *count, arity, columns, arity);
    if (err == RUNE_OK) {
        *count = drop_repetitions(*rows, *count, arity);
    }
    return err;
}

bool rune_dl_are_grouped(const rune_term *rows, uint64_t count, uint32_t arity)
{
    return is_sorted(rows, count, arity, natural, arity - 1);
}

enum rune_err rune_dl_group_rows(rune_term **rows, uint64_t count, uint32_t arity)
{
    return radix_sort(rows, count, arity, natural, arity - 1);
}

/* ---- orders from sorted rows ---- */

/* All columns in sort order: the first eight as given, the others ascending. */
static void expand_columns(const uint8_t *columns, uint32_t arity, uint8_t *ret_all)
{
    struct rune_image_order order;
    memcpy(order.columns, columns, 8);
    for (uint32_t i = 0; i < arity; i++) {
        ret_all[i] = (uint8_t)rune_order_column(&order, arity, i);
    }
}

/* A direct offset costs 4 bytes a possible key, a listed key 8 and its directory up to 4. */
static bool is_dense(uint64_t range, uint64_t distinct)
{
    return range <= 2 * distinct + 64;
}

/* The form of an order of these rows; with a directory, how large that is. */
static void choose_form(const rune_term *rows, uint64_t count, uint32_t arity, uint32_t key_column,
                        struct rune_dl_order *order)
{
    uint64_t distinct = count > 0;
    for (uint64_t i = 1; i < count; i++) {
        distinct += rows[i * arity + key_column] != rows[(i - 1) * arity + key_column];
    }
    order->key_min = count > 0 ? rows[key_column] : 0;
    uint64_t range =
        count > 0 ? (uint64_t)rows[(count - 1) * arity + key_column] - order->key_min + 1 : 0;
    order->form = is_dense(range, distinct) ? RUNE_ORDER_DENSE : RUNE_ORDER_SPARSE;
    order->key_count = (uint32_t)(order->form == RUNE_ORDER_DENSE ? range : distinct);
    if (order->form == RUNE_ORDER_SPARSE) {
        rune_directory_plan(range, order->key_count, &order->shift, &order->block_count);
    }
    struct rune_image_order shape = {
        .form = order->form, .key_count = order->key_count, .block_count = order->block_count};
    order->bytes = rune_order_size(&shape, arity, count);
}

/* Where each key's tuples begin; of a SPARSE order the keys, too, and what finds them. */
static uint32_t *write_keys(const struct rune_dl_order *order, const rune_term *rows,
                            uint64_t count, uint32_t arity, uint32_t key_column)
{
    uint32_t *keys = order->words + 2 * (size_t)order->block_count;
    uint32_t *starts = order->form == RUNE_ORDER_SPARSE ? keys + order->key_count : keys;
    uint32_t key = 0;
    for (uint64_t i = 0; i < count; i++) {
        rune_term term = rows[i * arity + key_column];
        if (order->form == RUNE_ORDER_DENSE) {
            while (key <= term - order->key_min) {
                starts[key++] = (uint32_t)i;
            }
        } else if (i == 0 || term != rows[(i - 1) * arity + key_column]) {
            keys[key] = term;
            starts[key++] = (uint32_t)i;
        }
    }
    starts[order->key_count] = (uint32_t)count;
    for (uint32_t i = 0, from = 0; i < order->block_count; i++) {
        struct rune_directory_block block =
            rune_directory_block(keys, order->key_count, order->shift, i, &from);
        memcpy(order->words + 2 * (size_t)i, &block, sizeof(block));
    }
    return starts + order->key_count + 1;
}

/* An order of sorted rows. */
static enum rune_err make_order(struct rune_dl_ctx *ctx, uint32_t relation, const rune_term *rows,
                                uint64_t count, const uint8_t *columns, struct rune_dl_order *order)
{
    uint32_t arity = ctx->rels.items[relation].arity;
    memcpy(order->columns, columns, 8);
    order->form = RUNE_ORDER_UNIT;
    if (arity == 0) {
        return RUNE_OK;
    }
    uint8_t all[RUNE_DL_MAX_ARITY];
    expand_columns(columns, arity, all);
    choose_form(rows, count, arity, all[0], order);
    order->words = rune_alloc(order->bytes + 8);
    if (order->words == NULL) {
        return RUNE_E_NOMEM;
    }
    uint32_t *column = write_keys(order, rows, count, arity, all[0]);
    for (uint32_t c = 1; c < arity; c++) {
        for (uint64_t i = 0; i < count; i++) {
            column[i] = rows[i * arity + all[c]];
        }
        column += count;
    }
    return RUNE_OK;
}

enum rune_err rune_dl_order_add(struct rune_dl_ctx *ctx, uint32_t relation,
                                struct rune_dl_order *order)
{
    order->id = (uint32_t)ctx->orders.count;
    struct rune_image_order seen = {
        .relation = relation,
        .form = order->form,
        .key_min = order->key_min,
        .key_count = order->key_count,
        .offset = (uint64_t)(uintptr_t)order->words,
        .size = order->bytes,
        .block_count = order->block_count,
        .shift = order->shift,
    };
    memcpy(seen.columns, order->columns, 8);
    if (!RUNE_VEC_PUSH(&ctx->orders, seen) ||
        !RUNE_VEC_PUSH(&ctx->rels.items[relation].orders, *order)) {
        rune_free(order->words);
        return RUNE_E_NOMEM;
    }
    ctx->memory_bytes += order->bytes;
    return RUNE_OK;
}

enum rune_err rune_dl_store_rows(struct rune_dl_ctx *ctx, uint32_t relation, rune_term *rows,
                                 uint64_t count)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    enum rune_err err = rune_dl_sort_rows(&rows, &count, rel->arity, natural);
    if (err == RUNE_OK && count > RUNE_RELATION_MAX_TUPLES) {
        err = RUNE_E_LIMIT;
    }
    if (err == RUNE_OK) {
        rel->count = count;
        rel->access = RUNE_DL_STORED;
        ctx->image_relations.items[relation].tuple_count = count;
        uint8_t columns[8];
        memcpy(columns, natural, 8);
        struct rune_dl_order order = {0};
        err = make_order(ctx, relation, rows, count, columns, &order);
        if (err == RUNE_OK) {
            err = rune_dl_order_add(ctx, relation, &order);
        }
    }
    rune_free(rows);
    return err;
}

/* ---- orders from bits ---- */

static bool is_empty_row(const struct rune_dl_bits *bits, uint64_t row)
{
    uint64_t any = 0;
    for (uint64_t w = 0; w < bits->stride; w++) {
        any |= bits->words[row * bits->stride + w];
    }
    return any == 0;
}

/* Last values of one row; returns behind the last. */
static uint32_t *write_lasts(const struct rune_dl_bits *bits, uint64_t row, uint32_t *to)
{
    rune_term least = bits->least[bits->arity - 1];
    for (uint64_t w = 0; w < bits->stride; w++) {
        for (uint64_t word = bits->words[row * bits->stride + w]; word != 0; word &= word - 1) {
            *to++ = least + (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(word);
        }
    }
    return to;
}

/* Starts and seconds of pairs; the rows [first, first + key_count) hold all there are. */
static void fill_pairs(const struct rune_dl_bits *bits, uint32_t first, struct rune_dl_order *order)
{
    uint32_t *starts = order->words, *seconds = starts + order->key_count + 1, *to = seconds;
    for (uint32_t key = 0; key < order->key_count; key++) {
        starts[key] = (uint32_t)(to - seconds);
        to = write_lasts(bits, first + key, to);
    }
    starts[order->key_count] = (uint32_t)(to - seconds);
}

/* Pairs as they stand, where most firsts have some; else order->words stays NULL. */
static enum rune_err make_pairs(const struct rune_dl_bits *bits, uint64_t count,
                                struct rune_dl_order *order)
{
    uint32_t first = UINT32_MAX, last = 0, distinct = 0;
    for (uint32_t row = 0; row < bits->rows; row++) {
        if (!is_empty_row(bits, row)) {
            first = first == UINT32_MAX ? row : first;
            last = row;
            distinct++;
        }
    }
    if (!is_dense(last - first + UINT64_C(1), distinct)) {
        return RUNE_OK;
    }
    *order = (struct rune_dl_order){.columns = {0, 1},
                                    .form = RUNE_ORDER_DENSE,
                                    .key_min = bits->least[0] + first,
                                    .key_count = last - first + 1};
    const struct rune_image_order shape = {.form = order->form, .key_count = order->key_count};
    order->bytes = rune_order_size(&shape, 2, count);
    order->words = rune_alloc(order->bytes + 8);
    if (order->words == NULL) {
        return RUNE_E_NOMEM;
    }
    fill_pairs(bits, first, order);
    return RUNE_OK;
}

/* The tuples as rows, ascending. */
static void write_rows(const struct rune_dl_bits *bits, rune_term *rows)
{
    uint32_t arity = bits->arity;
    for (uint64_t at = 0; at < bits->rows; at++) {
        if (is_empty_row(bits, at)) {
            continue;
        }
        rune_term begin[RUNE_DL_BIT_COLUMNS];
        uint64_t left = at;
        for (uint32_t c = arity - 1; c-- > 0;) {
            begin[c] = bits->least[c] + (uint32_t)(left % bits->range[c]);
            left /= bits->range[c];
        }
        for (uint64_t w = 0; w < bits->stride; w++) {
            for (uint64_t word = bits->words[at * bits->stride + w]; word != 0; word &= word - 1) {
                memcpy(rows, begin, (arity - 1) * sizeof(rune_term));
                rows[arity - 1] =
                    bits->least[arity - 1] + (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(word);
                rows += arity;
            }
        }
    }
}

enum rune_err rune_dl_store_bits(struct rune_dl_ctx *ctx, uint32_t relation,
                                 const struct rune_dl_bits *bits, uint64_t count)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    struct rune_dl_order order = {0};
    enum rune_err err = bits->arity == 2 ? make_pairs(bits, count, &order) : RUNE_OK;
    if (err == RUNE_OK && order.words == NULL) {
        rune_term *rows = rune_realloc(NULL, count, bits->arity * sizeof(rune_term));
        if (rows == NULL) {
            return RUNE_E_NOMEM;
        }
        write_rows(bits, rows);
        return rune_dl_store_rows(ctx, relation, rows, count);
    }
    if (err != RUNE_OK) {
        return err;
    }
    rel->count = count;
    rel->access = RUNE_DL_STORED;
    ctx->image_relations.items[relation].tuple_count = count;
    return rune_dl_order_add(ctx, relation, &order);
}

/* ---- more orders ---- */

/* The tuples again as rows, from the first order. */
static enum rune_err read_rows(struct rune_dl_ctx *ctx, uint32_t relation, rune_term **ret_rows)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    rune_term *rows = rune_realloc(NULL, rel->count + 1, (rel->arity + 1) * sizeof(rune_term));
    if (rows == NULL) {
        return RUNE_E_NOMEM;
    }
    struct rune_relations in = {ctx->image_relations.items, ctx->orders.items, 0};
    struct rune_cursor cursor;
    uint64_t at = 0;
    if (rune_cursor_open(&in, rel->orders.items[0].id, NULL, 0, &cursor)) {
        while (rune_cursor_next(&cursor)) {
            for (uint32_t i = 0; i < rel->arity; i++) {
                rows[at * rel->arity + rune_order_column(cursor.order, rel->arity, i)] =
                    rune_cursor_get(&cursor, i);
            }
            at++;
        }
    }
    *ret_rows = rows;
    return RUNE_OK;
}

enum rune_err rune_dl_read_rows(struct rune_dl_ctx *ctx, uint32_t relation, rune_term **ret_rows,
                                uint64_t *ret_count)
{
    rune_term *rows = NULL;
    uint64_t count = ctx->rels.items[relation].count;
    enum rune_err err = read_rows(ctx, relation, &rows);
    if (err == RUNE_OK) {
        err = rune_dl_sort_rows(&rows, &count, ctx->rels.items[relation].arity, natural);
    }
    if (err != RUNE_OK) {
        rune_free(rows);
        return err;
    }
    *ret_rows = rows;
    *ret_count = count;
    return RUNE_OK;
}

enum rune_err rune_dl_order_build(struct rune_dl_ctx *ctx, uint32_t relation,
                                  const uint8_t *columns, uint32_t *ret_index)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    for (uint32_t i = 0; i < rel->orders.count; i++) {
        uint32_t same = 0;
        while (same < rel->arity && same < 8 &&
               rel->orders.items[i].columns[same] == columns[same]) {
            same++;
        }
        if (same == rel->arity || same == 8) {
            *ret_index = i;
            return RUNE_OK;
        }
    }
    rune_term *rows;
    enum rune_err err = read_rows(ctx, relation, &rows);
    if (err != RUNE_OK) {
        return err;
    }
    uint8_t all[RUNE_DL_MAX_ARITY];
    uint64_t count = rel->count;
    expand_columns(columns, rel->arity, all);
    err = rune_dl_sort_rows(&rows, &count, rel->arity, all);
    struct rune_dl_order order = {0};
    if (err == RUNE_OK) {
        err = make_order(ctx, relation, rows, count, columns, &order);
    }
    rune_free(rows);
    if (err == RUNE_OK) {
        err = rune_dl_order_add(ctx, relation, &order);
    }
    if (err == RUNE_OK) {
        *ret_index = (uint32_t)ctx->rels.items[relation].orders.count - 1;
    }
    return err;
}

/* The columns of `sets`, each set's ascending, earlier sets first, then all others ascending. */
static void columns_of(const uint32_t *sets, size_t set_count, uint32_t arity,
                       uint8_t ret_columns[8])
{
    uint64_t taken = 0;
    uint32_t at = 0;
    memset(ret_columns, 0, 8);
    for (size_t s = 0; s <= set_count; s++) {
        for (uint32_t c = 0; c < arity && at < 8; c++) {
            bool is_in = s == set_count || (c < 32 && (sets[s] >> c & 1) != 0);
            if (is_in && (taken >> c & 1) == 0) {
                taken |= UINT64_C(1) << c;
                ret_columns[at++] = (uint8_t)c;
            }
        }
    }
}

static bool serves(const uint8_t columns[8], uint32_t search)
{
    uint32_t prefix = 0, count = (uint32_t)__builtin_popcount(search);
    for (uint32_t i = 0; i < count; i++) {
        prefix |= 1u << columns[i];
    }
    return prefix == search;
}

bool rune_dl_order_serves(const struct rune_dl_rel *rel, uint32_t search)
{
    for (size_t i = 0; i < rel->orders.count; i++) {
        if (rel->orders.items[i].is_chosen && serves(rel->orders.items[i].columns, search)) {
            return true;
        }
    }
    return false;
}

/* The column of a search that an order has to begin with, or 0: any. A key is found at once, what
 * is behind it by bisection; so where a fixpoint searches over and over, the key is what has the
 * most values, if that is many times more than another. */
static uint32_t first_column(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t search)
{
    uint32_t first = 0;
    double least = 0, most = 0;
    if ((search & (search - 1)) == 0 || ctx->pass != RUNE_DL_PASS_BUILD ||
        ctx->rels.items[relation].count > CHEAP_TO_SORT) {
        return 0;
    }
    for (uint32_t left = search; left != 0; left &= left - 1) {
        double distinct = rune_dl_distinct(ctx, relation, (uint32_t)__builtin_ctz(left));
        least = first == 0 || distinct < least ? distinct : least;
        first = first == 0 || distinct > most ? left & -left : first;
        most = distinct > most ? distinct : most;
    }
    return most > MANY_TIMES * least ? first : 0;
}

enum rune_err rune_dl_order_for(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t search,
                                uint32_t *ret_order)
{
    if (ctx->rels.items[relation].access == RUNE_DL_PENDING) {
        /* Only built-in relations are read before they are stored. */
        enum rune_err err = rune_dl_store_builtin(ctx, relation);
        if (err != RUNE_OK) {
            return err;
        }
    }
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    if (ctx->pass == RUNE_DL_PASS_COLLECT) {
        for (size_t i = 0; i < rel->searches.count; i++) {
            if (rel->searches.items[i] == search) {
                return RUNE_OK;
            }
        }
        return search == 0 || RUNE_VEC_PUSH(&rel->searches, search) ? RUNE_OK : RUNE_E_NOMEM;
    }
    uint32_t sets[2] = {first_column(ctx, relation, search), search};
    for (size_t i = 0; i < rel->orders.count; i++) {
        const struct rune_dl_order *order = &rel->orders.items[i];
        if (serves(order->columns, search) &&
            (sets[0] == 0 || (order->columns[0] < 32 && 1u << order->columns[0] == sets[0]))) {
            *ret_order = order->id;
            return RUNE_OK;
        }
    }
    uint8_t columns[8];
    columns_of(sets, 2, rel->arity, columns);
    uint32_t index;
    enum rune_err err = rune_dl_order_build(ctx, relation, columns, &index);
    if (err == RUNE_OK) {
        *ret_order = ctx->rels.items[relation].orders.items[index].id;
    }
    return err;
}

/* ---- chain cover ---- */

/* Kuhn's matching of each search with a larger one that contains it; the fewest chains are what is
 * left unmatched. LIMIT: recursion is as deep as there are searches, at most 64. */
static bool match(const uint32_t *searches, uint32_t count, uint32_t from, uint32_t *follower_of,
                  bool *is_seen)
{
    for (uint32_t to = 0; to < count; to++) {
        if (to == from || (searches[from] & searches[to]) != searches[from] || is_seen[to]) {
            continue;
        }
        is_seen[to] = true;
        if (follower_of[to] == UINT32_MAX ||
            match(searches, count, follower_of[to], follower_of, is_seen)) {
            follower_of[to] = from;
            return true;
        }
    }
    return false;
}

enum rune_err rune_dl_orders_choose(struct rune_dl_ctx *ctx, uint32_t relation,
                                    struct rune_vec_u64 *ret_columns)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    uint32_t count = rel->searches.count > 64 ? 64 : (uint32_t)rel->searches.count;
    uint32_t before[64], after[64];
    bool is_seen[64];
    memset(before, 0xff, sizeof(before));
    memset(after, 0xff, sizeof(after));
    for (uint32_t i = 0; i < count; i++) {
        memset(is_seen, 0, sizeof(is_seen));
        (void)match(rel->searches.items, count, i, before, is_seen);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (before[i] != UINT32_MAX) {
            after[before[i]] = i;
        }
    }
    for (uint32_t i = 0; i <= count; i++) {
        uint32_t chain[64];
        size_t length = 0;
        if (i == count ? count > 0 : before[i] != UINT32_MAX) {
            continue;
        }
        for (uint32_t at = i; at < count; at = after[at]) {
            chain[length++] = rel->searches.items[at];
        }
        uint64_t columns = 0;
        uint8_t bytes[8];
        columns_of(chain, length, rel->arity, bytes);
        memcpy(&columns, bytes, 8);
        if (!RUNE_VEC_PUSH(ret_columns, columns)) {
            return RUNE_E_NOMEM;
        }
    }
    return RUNE_OK;
}

/* ---- counts ---- */

double rune_dl_distinct(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t column)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    if (rel->distinct[column] >= 0 || rel->orders.count == 0) {
        return rel->distinct[column] < 0 ? 1 : rel->distinct[column];
    }
    struct rune_relations in = {ctx->image_relations.items, ctx->orders.items, 0};
    struct rune_cursor cursor;
    rune_term least = UINT32_MAX, most = 0;
    uint32_t position = 0;
    const struct rune_image_order *order = &ctx->orders.items[rel->orders.items[0].id];
    while (rune_order_column(order, rel->arity, position) != column) {
        position++;
    }
    for (int pass = 0; pass < 2; pass++) {
        size_t range = (size_t)most - least + 1;
        /* Kinds mixed in a column spread it too far to be worth a bitmap. */
        uint8_t *bits =
            pass == 0 || rel->count == 0 || range > 1u << 28 ? NULL : rune_calloc(range / 8 + 1, 1);
        uint64_t distinct = 0;
        if (rune_cursor_open(&in, rel->orders.items[0].id, NULL, 0, &cursor)) {
            while (rune_cursor_next(&cursor)) {
                rune_term term = rune_cursor_get(&cursor, position);
                if (pass == 0) {
                    least = term < least ? term : least;
                    most = term > most ? term : most;
                } else if (bits != NULL &&
                           (bits[(term - least) / 8] >> ((term - least) % 8) & 1) == 0) {
                    bits[(term - least) / 8] |= (uint8_t)(1u << ((term - least) % 8));
                    distinct++;
                }
            }
        }
        rel->distinct[column] = bits == NULL ? (double)rel->count : (double)distinct;
        rune_free(bits);
    }
    return rel->distinct[column];
}

void rune_dl_orders_free(struct rune_dl_rel *rel)
{
    for (size_t i = 0; i < rel->orders.count; i++) {
        rune_free(rel->orders.items[i].words);
    }
    RUNE_VEC_FINI(&rel->orders);
}
