/* SPDX-License-Identifier: Apache-2.0 */
/* orders: the stored orders of a relation, made of rows, of bits, or of another order. Which are
 * made is orders_choose.c's business. */
#include <string.h>

#include "datalog/evaluate_int.h"

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

/* What finds the keys of a SPARSE order. */
static void write_directory(const struct rune_dl_order *order, const uint32_t *keys)
{
    for (uint32_t i = 0, from = 0; i < order->block_count; i++) {
        struct rune_directory_block block =
            rune_directory_block(keys, order->key_count, order->shift, i, &from);
        memcpy(order->words + 2 * (size_t)i, &block, sizeof(block));
    }
}

/* Form and size of an order whose keys are so many of so many terms in a row. */
static void choose_size(uint64_t range, uint64_t distinct, uint32_t arity, uint64_t count,
                        struct rune_dl_order *order)
{
    order->form = is_dense(range, distinct) ? RUNE_ORDER_DENSE : RUNE_ORDER_SPARSE;
    order->key_count = (uint32_t)(order->form == RUNE_ORDER_DENSE ? range : distinct);
    if (order->form == RUNE_ORDER_SPARSE) {
        rune_directory_plan(range, order->key_count, &order->shift, &order->block_count);
    }
    struct rune_image_order shape = {
        .form = order->form, .key_count = order->key_count, .block_count = order->block_count};
    order->bytes = rune_order_size(&shape, arity, count);
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
    choose_size(range, distinct, arity, count, order);
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
    write_directory(order, keys);
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
    rune_order_complete(&seen, ctx->rels.items[relation].arity);
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
    enum rune_err err = rune_dl_sort_rows(&rows, &count, rel->arity, NULL);
    if (err == RUNE_OK && count > RUNE_RELATION_MAX_TUPLES) {
        err = RUNE_E_LIMIT;
    }
    if (err == RUNE_OK) {
        rel->count = count;
        rel->access = RUNE_DL_STORED;
        ctx->image_relations.items[relation].tuple_count = count;
        static const uint8_t columns[8] = {0, 1, 2, 3, 4, 5, 6, 7};
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

/* How many rows of bits have one value in the first column, of two or more. */
static uint64_t rows_a_key(const struct rune_dl_bits *bits)
{
    return bits->range[0] > 0 ? bits->rows / bits->range[0] : 0;
}

static bool is_empty_key(const struct rune_dl_bits *bits, uint64_t key)
{
    uint64_t any = 0, words = rows_a_key(bits) * bits->stride;
    for (uint64_t w = 0; w < words && any == 0; w++) {
        any |= bits->words[key * words + w];
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

/* What the tuples [begin, end) of one row have between the first column and the last. */
static void write_middle(const struct rune_dl_bits *bits, uint64_t row, uint64_t count,
                         uint32_t *columns, uint64_t begin, uint64_t end)
{
    for (uint32_t c = bits->arity - 2; c > 0; c--) {
        rune_term value = bits->least[c] + (uint32_t)(row % bits->range[c]);
        uint32_t *column = columns + (c - 1) * count;
        for (uint64_t i = begin; i < end; i++) {
            column[i] = value;
        }
        row /= bits->range[c];
    }
}

/* Keys, starts and columns; the keys from `first` on are all there are. */
static void fill_order(const struct rune_dl_bits *bits, uint64_t first, uint64_t count,
                       struct rune_dl_order *order)
{
    uint32_t *keys = order->words + 2 * (size_t)order->block_count;
    bool is_sparse = order->form == RUNE_ORDER_SPARSE;
    uint32_t *starts = is_sparse ? keys + order->key_count : keys;
    uint32_t *columns = starts + order->key_count + 1;
    uint32_t *lasts = columns + (bits->arity - 2) * count, *to = lasts;
    uint64_t rows = rows_a_key(bits), key = first;
    for (uint32_t k = 0; k < order->key_count; key++) {
        uint32_t *begin = to;
        for (uint64_t row = key * rows; row < (key + 1) * rows; row++) {
            uint32_t *begin_of_row = to;
            to = write_lasts(bits, row, to);
            if (to > begin_of_row) {
                write_middle(bits, row, count, columns, (uint64_t)(begin_of_row - lasts),
                             (uint64_t)(to - lasts));
            }
        }
        if (is_sparse && to == begin) {
            continue;
        }
        if (is_sparse) {
            keys[k] = bits->least[0] + (uint32_t)key;
        }
        starts[k++] = (uint32_t)(begin - lasts);
    }
    starts[order->key_count] = (uint32_t)count;
    write_directory(order, keys);
}

static enum rune_err make_order_of_bits(const struct rune_dl_bits *bits, uint64_t count,
                                        struct rune_dl_order *order)
{
    uint32_t first = UINT32_MAX, last = 0, distinct = 0;
    for (uint32_t key = 0; key < bits->range[0]; key++) {
        if (!is_empty_key(bits, key)) {
            first = first == UINT32_MAX ? key : first;
            last = key;
            distinct++;
        }
    }
    *order = (struct rune_dl_order){.columns = {0, 1, 2, 3, 4, 5, 6, 7},
                                    .key_min = bits->least[0] + first};
    choose_size(last - first + UINT64_C(1), distinct, bits->arity, count, order);
    order->words = rune_alloc(order->bytes + 8);
    if (order->words == NULL) {
        return RUNE_E_NOMEM;
    }
    fill_order(bits, first, count, order);
    return RUNE_OK;
}

/* The values of a relation with one column, ascending. */
static enum rune_err store_values(struct rune_dl_ctx *ctx, uint32_t relation,
                                  const struct rune_dl_bits *bits, uint64_t count)
{
    rune_term *rows = rune_realloc(NULL, count, sizeof(rune_term));
    if (rows == NULL) {
        return RUNE_E_NOMEM;
    }
    (void)write_lasts(bits, 0, rows);
    return rune_dl_store_rows(ctx, relation, rows, count);
}

enum rune_err rune_dl_store_bits(struct rune_dl_ctx *ctx, uint32_t relation,
                                 const struct rune_dl_bits *bits, uint64_t count)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    if (bits->arity < 2) {
        return store_values(ctx, relation, bits, count);
    }
    struct rune_dl_order order = {0};
    enum rune_err err = make_order_of_bits(bits, count, &order);
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
        err = rune_dl_sort_rows(&rows, &count, ctx->rels.items[relation].arity, NULL);
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

void rune_dl_orders_free(struct rune_dl_rel *rel)
{
    for (size_t i = 0; i < rel->orders.count; i++) {
        rune_free(rel->orders.items[i].words);
    }
    RUNE_VEC_FINI(&rel->orders);
}
