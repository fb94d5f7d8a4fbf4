/* SPDX-License-Identifier: Apache-2.0 */
/* closure_reader: a stored order of the builder's, DENSE or SPARSE, read from its first tuple to
 * its last. Private to closure_rows.c. */
#pragma once

#include "datalog/evaluate_int.h"

/* An order read from its first tuple to its last. */
struct rune_dl_reader {
    const struct rune_image_order *order;
    struct rune_order_arrays arrays;
    uint64_t count; /* tuples */
    uint32_t last;  /* sort position of the value */
    uint32_t tuple, key;
};

static inline void rune_dl_reader_init(struct rune_dl_reader *reader, const struct rune_dl_ctx *ctx,
                                       uint32_t id)
{
    const struct rune_image_order *order = &ctx->orders.items[id];
    const struct rune_image_relation *relation = &ctx->image_relations.items[order->relation];
    *reader = (struct rune_dl_reader){.order = order,
                                      .arrays = rune_order_arrays(order, 0),
                                      .count = relation->tuple_count,
                                      .last = relation->arity - 1};
}

/* Goes to a tuple behind the current one. */
static inline void rune_dl_reader_go_to(struct rune_dl_reader *reader, uint32_t tuple)
{
    reader->tuple = tuple;
    while (tuple < reader->count && reader->arrays.starts[reader->key + 1] <= tuple) {
        reader->key++;
    }
}

static inline rune_term rune_dl_reader_key(const struct rune_dl_reader *reader)
{
    return reader->arrays.keys != NULL ? reader->arrays.keys[reader->key]
                                       : reader->order->key_min + reader->key;
}

static inline const uint32_t *rune_dl_reader_column(const struct rune_dl_reader *reader,
                                                    uint32_t position)
{
    return reader->arrays.columns + (position - 1) * reader->count;
}

/* The current tuple's value at a sort position. */
static inline rune_term rune_dl_reader_term(const struct rune_dl_reader *reader, uint32_t position)
{
    return position == 0 ? rune_dl_reader_key(reader)
                         : rune_dl_reader_column(reader, position)[reader->tuple];
}

/* The first tuple behind the current one that differs in the first `positions`. */
static inline uint32_t rune_dl_reader_end(const struct rune_dl_reader *reader, uint32_t positions)
{
    uint32_t end =
        positions == 0 ? (uint32_t)reader->count : reader->arrays.starts[reader->key + 1];
    for (uint32_t p = 1; p < positions; p++) {
        const uint32_t *column = rune_dl_reader_column(reader, p);
        uint32_t at = reader->tuple + 1;
        while (at < end && column[at] == column[reader->tuple]) {
            at++;
        }
        end = at;
    }
    return end;
}

static inline void rune_dl_reader_widen(const struct rune_dl_reader *reader, rune_term *least,
                                        rune_term *most)
{
    const uint32_t *values = rune_dl_reader_column(reader, reader->last);
    for (uint64_t i = 0; i < reader->count; i++) {
        *least = values[i] < *least ? values[i] : *least;
        *most = values[i] > *most ? values[i] : *most;
    }
}
