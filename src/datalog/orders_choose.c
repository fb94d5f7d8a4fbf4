/* SPDX-License-Identifier: Apache-2.0 */
/* orders_choose: which orders serve which searches, and how many values a column has. */
#include <string.h>

#include "datalog/evaluate_int.h"

#define CHEAP_TO_SORT 262144u /* tuples */
#define MANY_TIMES    8.0

/* ---- one search ---- */

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

#define BLOCKS    (1u << (32 - RUNE_TERM_INDEX_BITS)) /* of terms: a kind's indexes, or integers */
#define MOST_BITS (1u << 28) /* LIMIT: of the bitmap, by which values of a column are counted */

/* Where each block's values are in the bitmap; least is above most in a block without any. */
struct block {
    rune_term least, most;
    uint64_t first;
};

static uint32_t block_of(rune_term term)
{
    return term >> RUNE_TERM_INDEX_BITS;
}

/* The bits that a bitmap of the cursor's values needs. */
static uint64_t lay_out_blocks(struct rune_cursor cursor, uint32_t position, struct block *blocks)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        blocks[i] = (struct block){.least = UINT32_MAX};
    }
    while (rune_cursor_next(&cursor)) {
        rune_term term = rune_cursor_get(&cursor, position);
        struct block *block = &blocks[block_of(term)];
        block->least = term < block->least ? term : block->least;
        block->most = term > block->most ? term : block->most;
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        blocks[i].first = bits;
        bits += blocks[i].least <= blocks[i].most ? blocks[i].most - blocks[i].least + 1 : 0;
    }
    return bits;
}

/* The different values of what the cursor is before. False: they lie too far apart to be worth a
 * bitmap, or there is no memory for it. */
static bool count_values(struct rune_cursor cursor, uint32_t position, uint64_t *ret_distinct)
{
    struct block blocks[BLOCKS];
    uint64_t size = lay_out_blocks(cursor, position, blocks), distinct = 0;
    uint8_t *bits = size > MOST_BITS ? NULL : rune_calloc(size / 8 + 1, 1);
    if (bits == NULL) {
        return false;
    }
    while (rune_cursor_next(&cursor)) {
        rune_term term = rune_cursor_get(&cursor, position);
        uint64_t bit = blocks[block_of(term)].first + term - blocks[block_of(term)].least;
        distinct += (bits[bit / 8] >> (bit % 8) & 1) == 0;
        bits[bit / 8] |= (uint8_t)(1u << (bit % 8));
    }
    rune_free(bits);
    *ret_distinct = distinct;
    return true;
}

double rune_dl_distinct(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t column)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    if (rel->distinct[column] >= 0 || rel->orders.count == 0) {
        return rel->distinct[column] < 0 ? 1 : rel->distinct[column];
    }
    struct rune_relations in = {ctx->image_relations.items, ctx->orders.items, 0};
    struct rune_cursor cursor;
    uint32_t position = 0;
    const struct rune_image_order *order = &ctx->orders.items[rel->orders.items[0].id];
    while (rune_order_column(order, rel->arity, position) != column) {
        position++;
    }
    uint64_t distinct = 0;
    if (rune_cursor_open(&in, rel->orders.items[0].id, NULL, 0, &cursor) &&
        !count_values(cursor, position, &distinct)) {
        distinct = rel->count;
        rel->guessed |= UINT64_C(1) << column;
    }
    rel->distinct[column] = (double)distinct;
    return rel->distinct[column];
}

double rune_dl_distinct_at_least(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t column)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    double distinct = rune_dl_distinct(ctx, relation, column);
    return (rel->guessed >> column & 1) != 0 || distinct > (double)rel->count
               ? (double)(rel->count > 0)
               : distinct;
}
