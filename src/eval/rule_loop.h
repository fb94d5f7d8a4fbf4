/* SPDX-License-Identifier: Apache-2.0 */
/* rule_loop: one loop of a running program, and how it comes to its next tuple. Inline, since each
 * turn of each loop goes through here. Private to: rule_vm, rule_scan, rule_stream. */
#pragma once

#include "base/layout.h"
#include "eval/rule_filter.h"
#include "eval/rule_program.h"
#include "eval/rule_vm_int.h"

#define RUNE_RULE_READS_BROUGHT \
    (RUNE_RULE_NO_FILTER - 1) /* for a filter's order: see next_brought */

/* One loop of a frame. */
struct rune_rule_loop {
    struct rune_cursor cursor; /* SCAN */
    const uint32_t *columns;   /* SCAN: its list of what is read */
    const uint32_t *body;      /* SCAN: what follows it */
    uint64_t turn_cost;        /* SCAN: steps; RUNE_RULE_READS_BROUGHT: columns of the prefix */
    struct rune_rule_filter filter;      /* SCAN: of turns that the next search ends;
                                            RUNE_RULE_READS_BROUGHT: its position is the order */
    const struct rune_rule_table *table; /* CALL_SCAN */
    const uint32_t *run;                 /* MEMBER: the set's run in its heap */
    uint32_t next;                       /* CALL_SCAN, MEMBER, SCAN that RUNE_RULE_READS_BROUGHT */
};

/* Passes over turns that the filter ends; they count as steps, too. */
static RUNE_APART bool filter_scan(struct rune_rule_vm *vm, struct rune_rule_loop *loop)
{
    uint32_t most = rune_cursor_left(&loop->cursor);
    if (most * loop->turn_cost > vm->steps_left) {
        most = (uint32_t)(vm->steps_left / loop->turn_cost);
    }
    uint32_t passed = rune_rule_filter_pass(&vm->in, &loop->filter, &loop->cursor, most);
    return rune_rule_take_steps(vm, passed * loop->turn_cost);
}

/* The prefix of a loop, which must outlive the cursor where the tuples are not the image's alone:
 * the registers' copy kept behind the frame's loops. */
static inline rune_term *rune_rule_loop_prefix(rune_term *registers, uint32_t loop)
{
    return registers - RUNE_ORDER_MAX_PREFIX * (loop + 1);
}

static RUNE_APART bool next_brought(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                                    const uint32_t *word, rune_term *registers)
{
    struct rune_brought_scan scan = {.cursor = &loop->cursor,
                                     .prefix = rune_rule_loop_prefix(registers, word[1]),
                                     .order = loop->filter.position,
                                     .prefix_count = (uint32_t)loop->turn_cost,
                                     .distinct = word[3],
                                     .next = loop->next};
    bool found = rune_rule_brought_next(vm, &scan, loop->columns, registers);
    loop->next = scan.next;
    return found;
}

/* Next tuple of a scan (`word`): the registers of its columns are set. False: there is none. */
static RUNE_IN_PLACE bool rune_rule_loop_scan(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                                              const uint32_t *word, rune_term *registers)
{
    struct rune_cursor *cursor = &loop->cursor;
    uint32_t distinct = word[3];
    if (loop->filter.order != RUNE_RULE_NO_FILTER) {
        if (loop->filter.order == RUNE_RULE_READS_BROUGHT) {
            return next_brought(vm, loop, word, registers);
        }
        if (!filter_scan(vm, loop)) {
            return false;
        }
    }
    if (!rune_rule_take_steps(vm, loop->turn_cost) || !rune_cursor_next(cursor)) {
        return false;
    }
    if (distinct != 0) {
        rune_cursor_skip(cursor, distinct);
    }
    const uint32_t *columns = loop->columns;
    for (uint32_t i = 0; i < columns[0]; i++) {
        registers[columns[2 + 2 * i]] = rune_cursor_get(cursor, columns[1 + 2 * i]);
    }
    return true;
}

static inline bool rune_rule_loop_table(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                                        const uint32_t *columns, rune_term *registers)
{
    if (!rune_rule_take_steps(vm, vm->step_cost) || loop->next >= loop->table->count) {
        return false;
    }
    const rune_term *row = loop->table->rows + (size_t)loop->next++ * loop->table->arity;
    for (uint32_t i = 0; i < columns[0]; i++) {
        registers[columns[2 + 2 * i]] = row[columns[1 + 2 * i]];
    }
    return true;
}

static inline bool rune_rule_loop_member(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                                         uint32_t into, rune_term *registers)
{
    if (!rune_rule_take_steps(vm, vm->step_cost) || loop->next >= loop->run[0]) {
        return false;
    }
    registers[into] = loop->run[1 + loop->next++];
    return true;
}
