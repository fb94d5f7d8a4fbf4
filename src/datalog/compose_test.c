/* SPDX-License-Identifier: Apache-2.0 */
/* compose_test: what stored atoms besides a chain leave of its rows, as masks. */
#include <string.h>

#include "datalog/compose_int.h"

/* A cursor over what a test has for the row; false: nothing. */
static bool open_test(struct rune_dl_sweep *sweep, const struct rune_dl_compose_test *test,
                      rune_term *prefix, struct rune_cursor *ret_cursor)
{
    for (uint32_t i = 0; i < test->count; i++) {
        prefix[i] = test->terms[i].column == UINT32_MAX ? test->terms[i].term
                                                        : sweep->tuple[test->terms[i].column];
    }
    return rune_cursor_open(&sweep->in, test->order, prefix, test->count, ret_cursor);
}

/* Words are and-ed with the test's values, or with all others. */
static void apply_test(struct rune_dl_sweep *sweep, const struct rune_dl_compose_test *test,
                       const struct rune_dl_bits *bits, uint64_t *words)
{
    uint32_t last = bits->arity - 1;
    rune_term prefix[RUNE_ORDER_MAX_PREFIX], least = bits->least[last];
    uint64_t *mask = sweep->compose->mask.items;
    struct rune_cursor cursor;
    memset(mask, 0, bits->stride * sizeof(uint64_t));
    if (open_test(sweep, test, prefix, &cursor)) {
        while (rune_cursor_next(&cursor)) {
            uint32_t at = rune_cursor_get(&cursor, test->position) - least;
            if (at < bits->range[last]) {
                mask[at / 64] |= UINT64_C(1) << (at % 64);
            }
            sweep->compose->steps++;
        }
    }
    for (uint64_t w = 0; w < bits->stride; w++) {
        words[w] &= test->is_negated ? ~mask[w] : mask[w];
    }
}

void rune_dl_compose_find_keep(struct rune_dl_sweep *sweep, uint32_t number)
{
    const struct rune_dl_vec_compose_test *tests = &sweep->compose->tests;
    struct rune_dl_compose_atom *atom = &sweep->compose->atoms[number];
    const struct rune_dl_bits *bits = &atom->dense->bits;
    atom->has_keep = false;
    for (size_t i = 0; i < tests->count; i++) {
        if (tests->items[i].of != number || !tests->items[i].is_by_key) {
            continue;
        }
        if (!atom->has_keep) {
            memset(atom->keep.items, 0xff, bits->stride * sizeof(uint64_t));
        }
        atom->has_keep = true;
        apply_test(sweep, &tests->items[i], bits, atom->keep.items);
    }
}

bool rune_dl_compose_passes(struct rune_dl_sweep *sweep)
{
    const struct rune_dl_vec_compose_test *tests = &sweep->compose->tests;
    bool passes = true;
    for (size_t i = 0; i < tests->count && passes; i++) {
        rune_term prefix[RUNE_ORDER_MAX_PREFIX];
        struct rune_cursor cursor;
        if (tests->items[i].of == RUNE_DL_COMPOSE_OF_ROW) {
            passes =
                open_test(sweep, &tests->items[i], prefix, &cursor) != tests->items[i].is_negated;
            sweep->compose->steps += RUNE_RULE_FAR_STEPS;
        }
    }
    return passes;
}

void rune_dl_compose_test(struct rune_dl_sweep *sweep, uint64_t begin, uint64_t end)
{
    struct rune_dl_compose *compose = sweep->compose;
    const struct rune_dl_compose_atom *last = rune_dl_compose_last(compose);
    const struct rune_dl_bits *bits = &last->dense->bits;
    uint64_t *row = last->row.items;
    uint32_t self = sweep->tuple[compose->arity - 2] - bits->least[compose->arity - 1];
    if (compose->is_unequal && self < bits->range[compose->arity - 1]) {
        row[self / 64] &= ~(UINT64_C(1) << (self % 64));
    }
    for (uint64_t w = begin; w < end && last->has_keep; w++) {
        row[w] &= last->keep.items[w];
    }
    for (size_t i = 0; i < compose->tests.count; i++) {
        const struct rune_dl_compose_test *test = &compose->tests.items[i];
        if (test->of == compose->atom_count - 1 && !test->is_by_key) {
            apply_test(sweep, test, bits, row);
        }
    }
}
