/* SPDX-License-Identifier: Apache-2.0 */
/* rule_pipe_order: pairs that an image keeps sorted by one column, sorted by the other for as long
 * as a relation is counted. An image keeps only orders that a decision reads; who counts all of a
 * relation reads so much of the pairs that sorting them once (two passes) is little beside it. */
#include <string.h>

#include "eval/rule_pipe.h"

void rune_pipe_orders_init(struct rune_pipe_orders *orders, const struct rune_rule_vm *vm)
{
    *orders = (struct rune_pipe_orders){.in = vm->in};
}

/* Room for orders of our own behind those of the image. */
static bool make_room(struct rune_pipe_orders *orders, const struct rune_store *store,
                      struct rune_arena *arena)
{
    if (orders->all != NULL) {
        return orders->own_count < RUNE_PIPE_ORDERS;
    }
    orders->all =
        RUNE_ARENA_ARRAY(arena, struct rune_image_order, store->order_count + RUNE_PIPE_ORDERS);
    if (orders->all == NULL) {
        return false;
    }
    memcpy(orders->all, store->orders, store->order_count * sizeof(store->orders[0]));
    orders->in.orders = orders->all;
    return true;
}

/* The order of a relation that begins with a column (or UINT32_MAX: with any), or UINT32_MAX. */
static uint32_t find_order(const struct rune_pipe_orders *orders, const struct rune_store *store,
                           uint32_t relation, uint32_t column)
{
    uint32_t count = store->order_count + orders->own_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_image_order *order = &orders->in.orders[i];
        if (order->relation == relation && order->form < RUNE_ORDER_UNIT &&
            (order->columns[0] == column || column == UINT32_MAX)) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* Pairs (key, value) in the order of keys to pairs in the order of values. `starts` is clear. */
static void turn_over(const struct rune_image_order *from, const struct rune_order_arrays *arrays,
                      uint32_t tuples, uint32_t least, uint32_t spread, uint32_t *starts)
{
    uint32_t *seconds = starts + spread + 1;
    for (uint32_t i = 0; i < tuples; i++) {
        starts[arrays->columns[i] - least]++;
    }
    for (uint32_t value = 0, next = 0; value <= spread; value++) {
        uint32_t many = starts[value];
        starts[value] = next;
        next += many;
    }
    for (uint32_t key = 0; key < from->key_count; key++) {
        uint32_t term = arrays->keys != NULL ? arrays->keys[key] : from->key_min + key;
        for (uint32_t i = arrays->starts[key]; i < arrays->starts[key + 1]; i++) {
            seconds[starts[arrays->columns[i] - least]++] = term;
        }
    }
    memmove(starts + 1, starts, spread * sizeof(*starts)); /* each is where the next begins, now */
    starts[0] = 0;
}

bool rune_pipe_orders_find(struct rune_pipe_orders *orders, const struct rune_store *store,
                           struct rune_arena *arena, uint32_t relation, uint32_t column,
                           uint32_t *ret_order)
{
    uint32_t tuples = (uint32_t)orders->in.relations[relation].tuple_count;
    uint32_t from = find_order(orders, store, relation, UINT32_MAX);
    *ret_order = find_order(orders, store, relation, column);
    if (*ret_order != UINT32_MAX || from == UINT32_MAX || tuples == 0 ||
        orders->in.relations[relation].arity != 2) {
        return *ret_order != UINT32_MAX;
    }
    struct rune_order_arrays arrays = rune_order_arrays(&orders->in.orders[from], orders->in.base);
    uint32_t least = UINT32_MAX, most = 0;
    for (uint32_t i = 0; i < tuples; i++) {
        least = arrays.columns[i] < least ? arrays.columns[i] : least;
        most = arrays.columns[i] > most ? arrays.columns[i] : most;
    }
    uint64_t spread = (uint64_t)most - least + 1;
    uint64_t words = spread + 1 + tuples;
    if (spread > 4 * (uint64_t)tuples || words * sizeof(uint32_t) > rune_arena_left(arena) / 2 ||
        !make_room(orders, store, arena)) {
        return false;
    }
    uint32_t *starts = RUNE_ARENA_ARRAY(arena, uint32_t, words);
    if (starts == NULL) {
        return false;
    }
    turn_over(&orders->in.orders[from], &arrays, tuples, least, (uint32_t)spread, starts);
    *ret_order = store->order_count + orders->own_count++;
    struct rune_image_order *order = &orders->all[*ret_order];
    *order = (struct rune_image_order){.relation = relation,
                                       .form = RUNE_ORDER_DENSE,
                                       .columns = {(uint8_t)column, (uint8_t)(1 - column)},
                                       .key_min = least,
                                       .key_count = (uint32_t)spread,
                                       .offset = (uint64_t)((uintptr_t)starts - orders->in.base),
                                       .size = words * sizeof(uint32_t)};
    rune_order_complete(order, 2);
    return true;
}
