/* SPDX-License-Identifier: Apache-2.0 */
/* compose_row: what one row gets of an atom's. */
#include <string.h>

#include "datalog/compose_int.h"

/* All are read before any is written, so that compilers may do it by vectors. */
static inline void or_block(uint64_t *to, const uint64_t *from)
{
    uint64_t words[RUNE_DL_BLOCK_WORDS];
    for (uint32_t i = 0; i < RUNE_DL_BLOCK_WORDS; i++) {
        words[i] = to[i] | from[i];
    }
    memcpy(to, words, sizeof(words));
}

static void or_row(struct rune_dl_sweep *sweep, struct rune_dl_compose_atom *atom, uint64_t number)
{
    const struct rune_dl_dense *dense = atom->dense;
    const uint64_t *from = dense->bits.words + number * dense->bits.stride;
    const uint64_t *blocks = dense->blocks + number * dense->block_words;
    uint64_t *row = atom->row.items, stride = dense->bits.stride;
    for (uint64_t b = 0; b < dense->block_words; b++) {
        atom->touched.items[b] |= blocks[b];
        for (uint64_t left = blocks[b]; left != 0; left &= left - 1) {
            uint64_t at = (b * 64 + (uint64_t)__builtin_ctzll(left)) * RUNE_DL_BLOCK_WORDS;
            if (at + RUNE_DL_BLOCK_WORDS <= stride) {
                or_block(row + at, from + at);
                continue;
            }
            for (; at < stride; at++) {
                row[at] |= from[at];
            }
        }
    }
    sweep->compose->steps += 1 + dense->bits.stride / 64;
}

#define FEW_VALUES 6u /* they are or-ed one by one */

static void or_values(struct rune_dl_sweep *sweep, struct rune_dl_compose_atom *atom,
                      const uint32_t *values, uint32_t count)
{
    rune_term least = rune_dl_compose_least(atom);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = values[i] - least;
        uint32_t block = at / RUNE_DL_BLOCK_VALUES;
        atom->row.items[at / 64] |= UINT64_C(1) << (at % 64);
        atom->touched.items[block / 64] |= UINT64_C(1) << (block % 64);
    }
    sweep->compose->steps++;
}

/* What the atom has for where the one before ends: all of it, or what is new. */
static void or_end(struct rune_dl_sweep *sweep, struct rune_dl_compose_atom *atom, rune_term end,
                   bool all)
{
    const struct rune_dl_bits *bits = &atom->dense->bits;
    uint32_t at = end - bits->least[bits->arity - 2];
    if (at >= bits->range[bits->arity - 2]) {
        return;
    }
    uint64_t number = atom->first + at;
    uint32_t count = rune_dl_compose_new(atom, number, 1);
    if (!all && count <= FEW_VALUES) {
        or_values(sweep, atom, atom->ends.items + atom->begins.items[number], count);
    } else {
        or_row(sweep, atom, number);
    }
}

static void or_span(struct rune_dl_sweep *sweep, uint32_t number, const uint64_t *from,
                    uint64_t begin, uint64_t end)
{
    const struct rune_dl_compose_atom *before = &sweep->compose->atoms[number - 1];
    rune_term least = rune_dl_compose_least(before);
    for (uint64_t w = begin; w < end; w++) {
        uint64_t fresh = before->row.items[w];
        uint64_t word = from[w] & (before->changed.items[w] | fresh);
        if (before->has_keep) {
            word &= before->keep.items[w];
        }
        for (; word != 0; word &= word - 1) {
            uint32_t bit = (uint32_t)__builtin_ctzll(word);
            or_end(sweep, &sweep->compose->atoms[number], least + (rune_term)w * 64 + bit,
                   (fresh >> bit & 1) != 0);
        }
    }
}

void rune_dl_compose_or(struct rune_dl_sweep *sweep, uint32_t number, const uint64_t *from,
                        const uint64_t *blocks)
{
    const struct rune_dl_dense *before = sweep->compose->atoms[number - 1].dense;
    uint64_t stride = before->bits.stride;
    if (blocks == NULL) {
        or_span(sweep, number, from, 0, stride);
        return;
    }
    for (uint64_t b = 0; b < before->block_words; b++) {
        for (uint64_t left = blocks[b]; left != 0; left &= left - 1) {
            uint64_t at = (b * 64 + (uint64_t)__builtin_ctzll(left)) * RUNE_DL_BLOCK_WORDS;
            uint64_t end = at + RUNE_DL_BLOCK_WORDS;
            or_span(sweep, number, from, at, end < stride ? end : stride);
        }
    }
}

bool rune_dl_compose_touched(const struct rune_dl_compose_atom *atom, uint64_t *ret_begin,
                             uint64_t *ret_end)
{
    const uint64_t *touched = atom->touched.items;
    uint64_t first = 0, last = atom->dense->block_words, stride = atom->dense->bits.stride;
    while (first < last && touched[first] == 0) {
        first++;
    }
    if (first == last) {
        return false;
    }
    while (touched[last - 1] == 0) {
        last--;
    }
    uint64_t begin = first * 64 + (uint64_t)__builtin_ctzll(touched[first]);
    uint64_t end = last * 64 - (uint64_t)__builtin_clzll(touched[last - 1]);
    *ret_begin = begin * RUNE_DL_BLOCK_WORDS;
    *ret_end = end * RUNE_DL_BLOCK_WORDS < stride ? end * RUNE_DL_BLOCK_WORDS : stride;
    return true;
}

void rune_dl_compose_empty(struct rune_dl_compose_atom *atom)
{
    uint64_t begin, end;
    if (rune_dl_compose_touched(atom, &begin, &end)) {
        memset(atom->row.items + begin, 0, (end - begin) * sizeof(uint64_t));
        memset(atom->touched.items, 0, atom->dense->block_words * sizeof(uint64_t));
    }
}
