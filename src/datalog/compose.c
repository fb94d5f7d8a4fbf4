/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep: key by key and X by X, what each atom's rows have for where the one before ends is
 * or-ed, tested and added. See compose.h. */
#include "datalog/compose.h"

#include <string.h>

#include "datalog/compose_int.h"

/* ---- giving a row to the head ---- */

/* The row's tuples are kept, to be added when nobody reads rows any more. RUNE_E_NOMEM,
 * RUNE_E_LIMIT. */
static enum rune_err keep_beyond(struct rune_dl_sweep *sweep, const struct rune_dl_row_words *words)
{
    struct rune_vec_u32 *beyond = &sweep->compose->beyond;
    uint32_t arity = sweep->compose->arity;
    for (uint64_t w = 0; w < words->count; w++) {
        for (uint64_t word = words->words[w]; word != 0; word &= word - 1) {
            if (!RUNE_VEC_RESERVE(beyond, beyond->count + arity)) {
                return RUNE_E_NOMEM;
            }
            rune_term *to = beyond->items + beyond->count;
            memcpy(to, sweep->tuple, (arity - 1) * sizeof(rune_term));
            to[arity - 1] = words->base + (rune_term)w * 64 + (rune_term)__builtin_ctzll(word);
            beyond->count += arity;
        }
    }
    return rune_dl_compose_count(sweep->ctx, sweep->compose);
}

/* Adds what the last atom's row has got, and empties it. */
static enum rune_err give_row(struct rune_dl_sweep *sweep)
{
    struct rune_dl_compose_atom *last = rune_dl_compose_last(sweep->compose);
    uint64_t begin, end;
    enum rune_err err = RUNE_OK;
    if (!rune_dl_compose_touched(last, &begin, &end)) {
        return RUNE_OK;
    }
    rune_dl_compose_test(sweep, begin, end);
    struct rune_dl_row_words words = {.words = last->row.items + begin,
                                      .count = end - begin,
                                      .base = rune_dl_compose_least(last) + (rune_term)begin * 64};
    if (rune_dl_growing_takes_words(sweep->head, sweep->tuple, &words)) {
        uint32_t before = sweep->head->tuples.count;
        err = rune_dl_growing_add_words(sweep->head, sweep->tuple, &words);
        if (err == RUNE_OK) {
            err = rune_dl_check_growth(sweep->ctx, sweep->head, before);
        }
    } else {
        err = keep_beyond(sweep, &words);
    }
    rune_dl_compose_empty(last);
    return err;
}

static enum rune_err add_beyond(struct rune_dl_sweep *sweep)
{
    struct rune_vec_u32 *beyond = &sweep->compose->beyond;
    uint32_t arity = sweep->compose->arity;
    size_t batch = (size_t)RUNE_DL_GROWING_BATCH * arity;
    enum rune_err err = RUNE_OK;
    for (size_t at = 0; at < beyond->count && err == RUNE_OK; at += batch) {
        size_t count = beyond->count - at < batch ? beyond->count - at : batch;
        uint32_t before = sweep->head->tuples.count;
        err = rune_dl_growing_add(sweep->head, beyond->items + at, (uint32_t)(count / arity));
        if (err == RUNE_OK) {
            err = rune_dl_check_growth(sweep->ctx, sweep->head, before);
        }
    }
    beyond->count = 0;
    return err;
}

/* ---- rows ---- */

static void mark(uint64_t *words, const uint32_t *values, uint32_t count, rune_term least)
{
    for (uint32_t i = 0; i < count; i++) {
        words[(values[i] - least) / 64] ^= UINT64_C(1) << ((values[i] - least) % 64);
    }
}

/* Leaves in an atom's row what X had not got to. False: nothing. */
static bool keep_reached(struct rune_dl_compose_atom *atom, uint64_t *reached)
{
    uint64_t begin, end, any = 0;
    if (!rune_dl_compose_touched(atom, &begin, &end)) {
        return false;
    }
    for (uint64_t w = begin; w < end; w++) {
        atom->row.items[w] &= ~reached[w];
        reached[w] |= atom->row.items[w];
        any |= atom->row.items[w];
    }
    return any != 0;
}

/* From the first atom's row to the last one's. */
static void follow(struct rune_dl_sweep *sweep, uint64_t number)
{
    struct rune_dl_compose *compose = sweep->compose;
    const struct rune_dl_dense *first = compose->atoms[0].dense;
    rune_dl_compose_or(sweep, 1, first->bits.words + number * first->bits.stride,
                       first->blocks + number * first->block_words);
    for (uint32_t i = 2; i < compose->atom_count; i++) {
        struct rune_dl_compose_atom *before = &compose->atoms[i - 1];
        uint64_t *reached = before->reached.items + number * before->dense->bits.stride;
        if (keep_reached(before, reached) || before->has_changed) {
            rune_dl_compose_or(sweep, i, reached, NULL);
            compose->steps += 1 + before->dense->bits.stride / 64;
        }
        rune_dl_compose_empty(before);
    }
}

static enum rune_err sweep_row(struct rune_dl_sweep *sweep, uint64_t number, bool has_changed)
{
    struct rune_dl_compose_atom *first = &sweep->compose->atoms[0];
    uint32_t count = rune_dl_compose_new(first, number, 1);
    const uint32_t *ends = first->ends.items + first->begins.items[number];
    if ((count == 0 && !has_changed) || !rune_dl_compose_passes(sweep)) {
        return RUNE_OK;
    }
    mark(first->row.items, ends, count, rune_dl_compose_least(first));
    follow(sweep, number);
    mark(first->row.items, ends, count, rune_dl_compose_least(first));
    if (++sweep->compose->steps > sweep->ctx->steps_left) {
        sweep->ctx->limit = RUNE_DL_LIMIT_STEPS;
        return RUNE_E_LIMIT;
    }
    return give_row(sweep);
}

/* ---- keys ---- */

/* The terms of a key by its number among those of an atom's rows. */
static void find_key(const struct rune_dl_bits *bits, uint64_t number, rune_term *ret_terms)
{
    for (uint32_t c = bits->arity - 2; c-- > 0;) {
        ret_terms[c] = bits->least[c] + (rune_term)(number % bits->range[c]);
        number /= bits->range[c];
    }
}

/* The number of the first row of a key. False: there are none. */
static bool find_first(const struct rune_dl_bits *bits, const rune_term *key, uint64_t *ret_row)
{
    uint64_t at = 0;
    for (uint32_t c = 0; c + 2 < bits->arity; c++) {
        uint32_t distance = key[c] - bits->least[c];
        if (distance >= bits->range[c]) {
            return false;
        }
        at = at * bits->range[c] + distance;
    }
    *ret_row = at * bits->range[bits->arity - 2];
    return true;
}

/* The atoms' rows of a key. False: one has none, or none has anything new. */
static bool find_rows(struct rune_dl_sweep *sweep)
{
    bool has_all = true, has_new = false;
    for (uint32_t i = 0; i < sweep->compose->atom_count && has_all; i++) {
        struct rune_dl_compose_atom *atom = &sweep->compose->atoms[i];
        const struct rune_dl_bits *bits = &atom->dense->bits;
        has_all = find_first(bits, sweep->tuple, &atom->first);
        has_new = has_new || (has_all && rune_dl_compose_new(atom, atom->first,
                                                             bits->range[bits->arity - 2]) > 0);
    }
    return has_all && has_new;
}

/* Those ends of an atom from where the next one has something new. */
static void find_changed(struct rune_dl_compose_atom *atom, const struct rune_dl_compose_atom *next)
{
    const struct rune_dl_bits *bits = &next->dense->bits;
    uint32_t begins = bits->arity - 2;
    rune_term least = rune_dl_compose_least(atom);
    uint64_t *changed = atom->changed.items;
    memset(changed, 0, atom->dense->bits.stride * sizeof(uint64_t));
    atom->has_changed = false;
    for (uint32_t i = 0; i < bits->range[begins]; i++) {
        uint32_t at = bits->least[begins] + i - least;
        if (rune_dl_compose_new(next, next->first + i, 1) > 0 &&
            at < atom->dense->bits.range[begins + 1]) {
            changed[at / 64] |= UINT64_C(1) << (at % 64);
            atom->has_changed = true;
        }
    }
}

static enum rune_err sweep_key(struct rune_dl_sweep *sweep, uint64_t number)
{
    struct rune_dl_compose *compose = sweep->compose;
    const struct rune_dl_bits *bits = &compose->atoms[0].dense->bits;
    uint32_t from = compose->arity - 2;
    bool has_changed = false;
    enum rune_err err = RUNE_OK;
    find_key(bits, number, sweep->tuple);
    if (!find_rows(sweep)) {
        return RUNE_OK;
    }
    for (uint32_t i = 0; i < compose->atom_count; i++) {
        rune_dl_compose_find_keep(sweep, i);
        if (i + 1 < compose->atom_count) {
            find_changed(&compose->atoms[i], &compose->atoms[i + 1]);
            has_changed = has_changed || compose->atoms[i].has_changed;
        }
    }
    for (uint32_t i = 0; i < bits->range[from] && err == RUNE_OK; i++) {
        sweep->tuple[from] = bits->least[from] + i;
        err = sweep_row(sweep, compose->atoms[0].first + i, has_changed);
    }
    return err;
}

/* ---- the whole ---- */

static enum rune_err sweep_all(struct rune_dl_sweep *sweep)
{
    struct rune_dl_compose *compose = sweep->compose;
    const struct rune_dl_bits *bits = &compose->atoms[0].dense->bits;
    uint64_t keys = bits->rows / bits->range[compose->arity - 2];
    enum rune_err err = RUNE_OK;
    compose->steps = 0;
    for (uint64_t k = 0; k < keys && err == RUNE_OK; k++) {
        err = sweep_key(sweep, k);
    }
    uint64_t *left = &sweep->ctx->steps_left;
    *left -= compose->steps < *left ? compose->steps : *left;
    return err == RUNE_OK ? add_beyond(sweep) : err;
}

enum rune_err rune_dl_compose_run(struct rune_dl_ctx *ctx, struct rune_dl_compose *compose,
                                  uint64_t round, bool *ret_done)
{
    struct rune_dl_growing *head = ctx->rels.items[compose->rule->head].growing;
    *ret_done = compose->round == round;
    if (*ret_done) {
        return RUNE_OK;
    }
    enum rune_err err = rune_dl_compose_begin(ctx, compose, ret_done);
    if (err == RUNE_OK && *ret_done) {
        struct rune_dl_sweep sweep = {.ctx = ctx,
                                      .compose = compose,
                                      .head = head,
                                      .in = {ctx->image_relations.items, ctx->orders.items, 0}};
        compose->round = round;
        err = sweep_all(&sweep);
    }
    return rune_dl_report_limit(ctx, compose->rule, head->tuples.count, err);
}
