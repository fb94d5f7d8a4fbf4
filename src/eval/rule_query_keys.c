/* SPDX-License-Identifier: Apache-2.0 */
/* rule_query_keys: a demanded relation in full, key by key. Its distinct tuples together may be far
 * more than a request's memory; those of one value of the first column are not. The values are
 * those of all stored tuples (RUNE_RELATION_BY_KEY), ascending. */
#include "eval/rule_count.h"
#include "eval/rule_query_int.h"

#define MAX_SPREAD \
    (1u << 28) /* LIMIT: distance of the least and the greatest value, for a bitmap */

#define KEYS_AT_ONCE 256u

struct keys {
    rune_term least;
    uint32_t spread;
    uint64_t *bits;
};

/* Takes values into the bounds, or (mark) gives each a bit. */
static void visit(struct keys *keys, bool mark, const rune_term *terms, uint64_t count,
                  rune_term *most)
{
    rune_term least = keys->least, greatest = *most;
    if (mark) {
        for (uint64_t i = 0; i < count; i++) {
            keys->bits[(terms[i] - least) / 64] |= UINT64_C(1) << ((terms[i] - least) % 64);
        }
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        least = terms[i] < least ? terms[i] : least;
        greatest = terms[i] > greatest ? terms[i] : greatest;
    }
    keys->least = least;
    *most = greatest;
}

/* Bounds of all values in stored tuples, or (mark) a bit for each: every relation's first order has
 * them all. */
static void visit_values(const struct rune_store *store, struct keys *keys, bool mark,
                         rune_term *most)
{
    for (uint32_t r = 0; r < store->relation_count; r++) {
        const struct rune_image_relation *relation = &store->relations[r];
        if (relation->order_count == 0 || relation->arity == 0 || relation->tuple_count == 0) {
            continue;
        }
        const struct rune_image_order *order = &store->orders[relation->first_order];
        struct rune_order_arrays arrays = rune_order_arrays(order, (uintptr_t)store->tuples);
        visit(keys, mark, arrays.columns, (relation->arity - 1) * relation->tuple_count, most);
        for (uint32_t k = 0; k < order->key_count; k++) {
            if (arrays.starts[k] < arrays.starts[k + 1]) {
                rune_term term = arrays.keys != NULL ? arrays.keys[k] : order->key_min + k;
                visit(keys, mark, &term, 1, most);
            }
        }
    }
}

/* False: no memory for the bitmap, or values too far apart. */
static bool find_keys(struct rune_arena *arena, const struct rune_store *store,
                      struct keys *ret_keys)
{
    rune_term most = 0;
    *ret_keys = (struct keys){.least = UINT32_MAX};
    visit_values(store, ret_keys, false, &most);
    if (most < ret_keys->least || most - ret_keys->least >= MAX_SPREAD) {
        return most < ret_keys->least;
    }
    ret_keys->spread = most - ret_keys->least + 1;
    ret_keys->bits = RUNE_ARENA_ARRAY(arena, uint64_t, ret_keys->spread / 64 + 1);
    if (ret_keys->bits == NULL) {
        return false;
    }
    visit_values(store, ret_keys, true, &most);
    return true;
}

/* Counts one key after the other by the machine. */
static bool count_by_machine(struct rune_query *query, const struct rune_image_plan *plans,
                             uint32_t plan_count, const struct keys *keys,
                             struct rune_rule_counter *counter, struct rune_arena *arena)
{
    struct rune_arena_mark mark = rune_arena_mark(arena);
    bool can = true;
    for (uint32_t w = 0; can && w < keys->spread / 64 + (keys->spread > 0); w++) {
        for (uint64_t bits = keys->bits[w]; can && bits != 0; bits &= bits - 1) {
            rune_term key = keys->least + w * 64 + (uint32_t)__builtin_ctzll(bits);
            can = rune_rule_count_key(counter, query->vm, plans, plan_count, key);
            rune_rule_vm_forget(query->vm);
            rune_arena_rewind(arena, mark);
        }
    }
    return can;
}

/* Counts many keys at once by pipes, the values of column `small` as bits. */
static bool count_by_pipes(struct rune_query *query, const struct rune_image_plan *plans,
                           uint32_t plan_count, const struct keys *keys,
                           struct rune_rule_counter *counter, struct rune_pipe_orders *orders,
                           struct rune_arena *arena, uint32_t small)
{
    struct rune_pipes *pipes = RUNE_ARENA_NEW(arena, struct rune_pipes);
    bool can =
        pipes != NULL && rune_pipes_make(pipes, orders, query->vm, arena, plans, plan_count, small);
    struct rune_arena_mark mark = rune_arena_mark(arena);
    rune_term some[KEYS_AT_ONCE];
    uint32_t count = 0;
    for (uint32_t w = 0; can && w < keys->spread / 64 + (keys->spread > 0); w++) {
        for (uint64_t bits = keys->bits[w]; bits != 0; bits &= bits - 1) {
            some[count++] = keys->least + w * 64 + (uint32_t)__builtin_ctzll(bits);
        }
        if (count + 64 > KEYS_AT_ONCE) {
            can = rune_rule_count_keys(counter, pipes, some, count, arena, mark);
            count = 0;
        }
    }
    can = can && rune_rule_count_keys(counter, pipes, some, count, arena, mark);
    rune_rule_vm_forget(query->vm);
    rune_arena_rewind(arena, mark); /* also what failed */
    if (!can && query->vm->err == RUNE_E_LIMIT && query->vm->steps_left > 0) {
        query->vm->err = RUNE_OK; /* there was no room */
    }
    return can;
}

/* Counts key by key without tables. False: it has to be done with them. */
static bool count_by_key(struct rune_query *query, const struct rune_image_plan *plans,
                         uint32_t plan_count, const struct keys *keys, struct rune_arena *arena)
{
    struct rune_rule_counter *counter = RUNE_ARENA_ARRAY(arena, struct rune_rule_counter, 1);
    uint32_t arity = query->relation->arity;
    bool can = query->emit == NULL && query->relation->component == 0 && counter != NULL &&
               rune_rule_counter_init(counter, arena, arity, keys->least, keys->spread);
    for (uint32_t i = 0; i < arity; i++) {
        can = can && query->bound[i] == RUNE_TERM_NONE && query->same[i] == i;
    }
    struct rune_arena_mark mark = rune_arena_mark(arena);
    struct rune_pipe_orders orders;
    rune_pipe_orders_init(&orders, query->vm);
    bool done = false;
    for (uint32_t small = 2; can && !done && small >= 4 - arity && query->vm->err == RUNE_OK;
         small--) {
        rune_rule_counter_restart(counter);
        done = count_by_pipes(query, plans, plan_count, keys, counter, &orders, arena, small);
    }
    rune_arena_rewind(arena, mark);
    if (can && !done && query->vm->err == RUNE_OK) {
        rune_rule_counter_restart(counter);
        done = count_by_machine(query, plans, plan_count, keys, counter, arena);
    }
    query->count = done ? counter->count : 0;
    return done || query->vm->err != RUNE_OK;
}

enum rune_err rune_query_by_keys(struct rune_query *query, struct rune_plan_group group,
                                 bool *ret_done)
{
    struct keys keys;
    struct rune_arena *arena = query->eval->arena;
    struct rune_arena_mark start = rune_arena_mark(arena);
    *ret_done = find_keys(arena, query->eval->store, &keys);
    if (!*ret_done) {
        rune_arena_rewind(arena, start); /* also what failed */
        return RUNE_OK;
    }
    struct rune_arena_mark mark = rune_arena_mark(arena);
    if (count_by_key(query, query->vm->plans + group.first, group.count, &keys, arena)) {
        return query->vm->err;
    }
    rune_arena_rewind(arena, mark); /* also what failed */
    enum rune_err err = RUNE_OK;
    for (uint32_t w = 0; w < keys.spread / 64 + (keys.spread > 0); w++) {
        for (uint64_t bits = keys.bits[w]; bits != 0 && err == RUNE_OK && !query->is_stopped;
             bits &= bits - 1) {
            rune_query_bind(query, 0, keys.least + w * 64 + (uint32_t)__builtin_ctzll(bits));
            err = rune_query_by_plans(query);
            rune_rule_vm_forget(query->vm);
            rune_arena_rewind(arena, mark);
        }
    }
    rune_query_bind(query, 0, RUNE_TERM_NONE);
    return err;
}
