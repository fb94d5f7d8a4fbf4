/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/rule_filter.h"

#include "eval/rule_code.h"

/* Which of a scan's columns goes into a register; UINT32_MAX: none. */
static uint32_t find_read(const uint32_t *columns, uint32_t reg)
{
    for (uint32_t i = 0; i < columns[0]; i++) {
        if (columns[2 + 2 * i] == reg) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* A search by several columns, all but one of which are known before the scan. */
static void find_by_prefix(const struct rune_rule_vm *vm, const struct rune_cursor *cursor,
                           const uint32_t *columns, uint32_t order, const uint32_t *prefix,
                           const rune_term *registers, struct rune_rule_filter *filter)
{
    uint32_t found = 0;
    if (order >= vm->filter_count || vm->filters[order].words == NULL ||
        vm->filters[order].count != prefix[0]) {
        return;
    }
    filter->known_hash = 0;
    for (uint32_t i = 0; i < prefix[0]; i++) {
        uint32_t read = find_read(columns, prefix[1 + i]);
        if (read == UINT32_MAX) {
            filter->known_hash += rune_prefix_part(i, registers[prefix[1 + i]]);
        } else {
            filter->place = i;
            filter->position = columns[1 + 2 * read];
            found++;
        }
    }
    if (found == 1 && rune_cursor_run(cursor, filter->position) != NULL) {
        filter->prefix = &vm->filters[order];
        filter->order = order;
    }
}

void rune_rule_filter_find(const struct rune_rule_vm *vm, const struct rune_cursor *cursor,
                           const uint32_t *columns, const uint32_t *next,
                           const rune_term *registers, struct rune_rule_filter *ret_filter)
{
    bool is_scan = next[0] == RUNE_RULE_SCAN;
    bool is_test = next[0] == RUNE_RULE_EXISTS && next[2] == 0;
    ret_filter->order = RUNE_RULE_NO_FILTER;
    ret_filter->prefix = NULL;
    if (columns[0] == 0 || (!is_scan && !is_test)) {
        return;
    }
    const uint32_t *prefix = is_scan ? next + 6 : next + 4;
    uint32_t order = next[is_scan ? 2 : 1];
    if (prefix[0] == 0 || vm->in.orders[order].form >= RUNE_ORDER_UNIT) {
        return;
    }
    find_by_prefix(vm, cursor, columns, order, prefix, registers, ret_filter);
    uint32_t read = find_read(columns, prefix[1]);
    if (ret_filter->prefix == NULL && read != UINT32_MAX && cursor->is_row) {
        ret_filter->order = order;
        ret_filter->position = columns[1 + 2 * read];
    }
}

static uint32_t pass_prefixes(const struct rune_rule_filter *filter, struct rune_cursor *cursor,
                              uint32_t most)
{
    const uint32_t *values = rune_cursor_run(cursor, filter->position);
    uint32_t left = rune_cursor_left(cursor), end = left < most ? left : most, at = 0;
    while (at < end &&
           !rune_prefix_may_exist(
               filter->prefix, filter->known_hash + rune_prefix_part(filter->place, values[at]))) {
        at++;
    }
    cursor->next += at;
    return at;
}

uint32_t rune_rule_filter_pass(const struct rune_relations *in,
                               const struct rune_rule_filter *filter, struct rune_cursor *cursor,
                               uint32_t most)
{
    return filter->prefix != NULL
               ? pass_prefixes(filter, cursor, most)
               : rune_cursor_filter(in, cursor, filter->position, filter->order, most);
}
