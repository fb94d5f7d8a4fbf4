/* SPDX-License-Identifier: Apache-2.0 */
/* rule_scan: loops over stored tuples, as they begin, and tests for one.
 *
 * Most are a search and the first turn. Three more things can become of one, each where a program's
 * ways say so (rule_frame.h): it reads what the request brings, too; whoever takes the program's
 * tuples gets all turns at once, where the loop gives nothing but one column of the tuple that is
 * emitted next; or it is asked first which of them are new. */
#include "eval/relation_row.h"
#include "eval/rule_filter.h"
#include "eval/rule_frame.h"

/* Memory that a search in an order reads here and there. */
static inline uint64_t order_bytes(const struct rune_image_order *order)
{
    if (order->form != RUNE_ORDER_GROWING) {
        return order->size;
    }
    const struct rune_growing *tuples =
        ((const struct rune_growing_view *)(uintptr_t)order->offset)->relation;
    return (uint64_t)tuples->count * tuples->arity * sizeof(rune_term);
}

/* Of a search by `count` columns. */
static inline uint64_t search_steps(const struct rune_image_order *order, uint32_t count)
{
    return count > 0 && order_bytes(order) > RUNE_RULE_FAR_BYTES ? RUNE_RULE_FAR_STEPS : 1;
}

/* ---- whole rows ---- */

/* The column of the tuple that is emitted next which is all that a loop reads; UINT32_MAX: it is
 * none, or not the only one. */
static inline uint32_t column_of_row(const struct rune_rule_loop *loop)
{
    const uint32_t *list = loop->body + 2;
    uint32_t column = UINT32_MAX, found = 0;
    for (uint32_t i = 0; i < list[0]; i++) {
        bool is_read = list[1 + i] == loop->columns[2];
        column = is_read ? i : column;
        found += is_read;
    }
    return found == 1 ? column : UINT32_MAX;
}

/* Such a loop, given whole; false: whoever takes it wants no more. */
static inline bool emit_row(struct rune_rule_vm *vm, const struct rune_rule_loop *loop,
                            uint32_t column, rune_term *registers, void *context)
{
    struct rune_rule_taker *taker = vm->taker;
    registers[loop->columns[2]] = RUNE_TERM_NONE;
    (void)rune_rule_gather(loop->body + 2, registers, taker->tuple);
    return !rune_rule_take_steps(vm, 1) ||
           taker->row(context, taker->tuple, &loop->cursor, loop->columns[1], column);
}

/* A loop that gives the tuple's last value: of what there is, what is new. False: nothing. */
static inline bool keep_fresh(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                              rune_term *registers, void *context)
{
    struct rune_rule_taker *taker = vm->taker;
    registers[loop->columns[2]] = RUNE_TERM_NONE;
    (void)rune_rule_gather(taker->fresh_head, registers, taker->tuple);
    return taker->fresh(context, taker->tuple, &loop->cursor, loop->columns[1]);
}

/* An opened loop, offered to who takes the program's tuples. RUNE_RULE_FIRST_TURN: it goes on by
 * turns. */
static inline uint32_t offer(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                             const uint32_t *word, rune_term *registers, void *context)
{
    if (loop->columns[0] == 1 && loop->body[0] == RUNE_RULE_EMIT) {
        uint32_t column = column_of_row(loop);
        if (column != UINT32_MAX) {
            bool goes_on = emit_row(vm, loop, column, registers, context);
            return goes_on ? word[5] : RUNE_RULE_STOPPED;
        }
    }
    if (word == vm->taker->fresh_at && !keep_fresh(vm, loop, registers, context)) {
        return word[5]; /* there are some, but of another prefix they might be new */
    }
    return RUNE_RULE_FIRST_TURN;
}

bool rune_rule_scan_finds_more(struct rune_rule_vm *vm, const struct rune_rule_receiver *receiver,
                               struct rune_cursor *cursor)
{
    const struct rune_rule_taker *taker = vm->taker;
    if (taker->more == NULL || vm->err != RUNE_OK || cursor->order->form != RUNE_ORDER_GROWING ||
        !taker->more(receiver->context)) {
        return false;
    }
    rune_cursor_extend(cursor);
    return true;
}

/* ---- loops ---- */

/* A SCAN of what the request brings, too, before its first step. */
static RUNE_APART void open_brought(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                                    const uint32_t *word, const rune_term *prefix, uint32_t count)
{
    struct rune_brought_scan scan;
    rune_rule_brought_open(vm, word[2], prefix, count, &loop->cursor, &scan);
    struct rune_rule_scan at = rune_rule_scan_at(word);
    loop->columns = at.columns;
    loop->body = at.body;
    loop->filter.order = RUNE_RULE_READS_BROUGHT;
    loop->filter.position = word[2];
    loop->turn_cost = count;
    loop->next = 0;
}

/* A search of the tuples with a prefix, most often by one column. */
static RUNE_IN_PLACE bool open_stored(const struct rune_relations *in, uint32_t number,
                                      const rune_term *prefix, uint32_t count,
                                      struct rune_cursor *cursor)
{
    const struct rune_image_order *order = &in->orders[number];
    if (order->form == RUNE_ORDER_GROWING) {
        return rune_cursor_open_growing(order, prefix, count, cursor);
    }
    if (count != 1 || order->form >= RUNE_ORDER_UNIT) {
        return rune_cursor_open(in, number, prefix, count, cursor);
    }
    struct rune_row row = rune_row_find(order, in->base, prefix[0]);
    if (row.next == row.end) {
        return false;
    }
    rune_row_open(order, in->base, row, cursor);
    return true;
}

static RUNE_IN_PLACE uint32_t begin(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                                    const uint32_t *word, rune_term *registers, uint32_t ways,
                                    void *context)
{
    const struct rune_image_order *order = &vm->in.orders[word[2]];
    rune_term *prefix = rune_rule_loop_prefix(registers, word[1]);
    uint32_t count = rune_rule_gather(word + 6, registers, prefix);
    uint64_t search_cost = search_steps(order, count);
    if (!rune_rule_take_steps(vm, search_cost)) {
        return 0;
    }
    if ((ways & RUNE_RULE_SEES_BROUGHT) != 0 && rune_rule_is_brought(vm, word[2])) {
        open_brought(vm, loop, word, prefix, count);
        return rune_rule_loop_scan(vm, loop, word, registers) ? RUNE_RULE_FIRST_TURN : word[5];
    }
    if (!open_stored(&vm->in, word[2], prefix, count, &loop->cursor)) {
        return word[4];
    }
    loop->columns = rune_rule_skip_list(word + 6, 1);
    loop->body = rune_rule_skip_list(loop->columns, 2);
    if ((ways & RUNE_RULE_TAKES_ROWS) != 0) {
        uint32_t target = offer(vm, loop, word, registers, context);
        if (target != RUNE_RULE_FIRST_TURN) {
            return target;
        }
    }
    loop->turn_cost = vm->step_cost;
    if (count > 0 && order->form == RUNE_ORDER_GROWING) {
        loop->turn_cost *= search_cost; /* each tuple of a chain is elsewhere */
    }
    loop->filter.order = RUNE_RULE_NO_FILTER;
    if ((ways & RUNE_RULE_SEES_BROUGHT) == 0 && /* else what it finds may be brought */
        rune_cursor_left(&loop->cursor) >= RUNE_RULE_FILTER_TURNS) {
        rune_rule_filter_find(vm, &loop->cursor, loop->columns, loop->body, registers,
                              &loop->filter);
    }
    /* There are some, but the filter may pass over all of them. */
    return rune_rule_loop_scan(vm, loop, word, registers) ? RUNE_RULE_FIRST_TURN : word[5];
}

RUNE_APART uint32_t rune_rule_scan_begin(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                                         const uint32_t *word, rune_term *registers)
{
    return begin(vm, loop, word, registers, 0, NULL);
}

RUNE_APART uint32_t rune_rule_scan_begin_by_ways(struct rune_rule_vm *vm,
                                                 struct rune_rule_loop *loop, const uint32_t *word,
                                                 rune_term *registers, uint32_t ways, void *context)
{
    return begin(vm, loop, word, registers, ways, context);
}

/* ---- tests ---- */

/* Any test that the next function leaves over. */
static RUNE_APART bool exists(struct rune_rule_vm *vm, const uint32_t *word,
                              const rune_term *registers, uint32_t ways)
{
    rune_term prefix[RUNE_ORDER_MAX_PREFIX];
    uint32_t count = rune_rule_gather(word + 4, registers, prefix);
    return (ways & RUNE_RULE_SEES_BROUGHT) != 0 && rune_rule_is_brought(vm, word[1])
               ? rune_rule_brought_exists(vm, word[1], prefix, count)
               : rune_relation_exists(&vm->in, word[1], prefix, count);
}

RUNE_APART bool rune_rule_scan_test(struct rune_rule_vm *vm, const uint32_t *word,
                                    const rune_term *registers, uint32_t ways)
{
    const struct rune_image_order *order = &vm->in.orders[word[1]];
    const uint32_t *list = word + 4;
    bool found;
    if (!rune_rule_take_steps(vm, search_steps(order, list[0]))) {
        return false;
    }
    if (list[0] - 1 < 2 && order->form < RUNE_ORDER_UNIT && (ways & RUNE_RULE_SEES_BROUGHT) == 0) {
        struct rune_row row = rune_row_find(order, vm->in.base, registers[list[1]]);
        found = row.next != row.end &&
                (list[0] == 1 || rune_row_has(order, vm->in.base, row, registers[list[2]]));
    } else {
        found = exists(vm, word, registers, ways);
    }
    return found != (word[2] != 0);
}
