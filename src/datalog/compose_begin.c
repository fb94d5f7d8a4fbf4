/* SPDX-License-Identifier: Apache-2.0 */
/* compose_begin: whether a sweep pays, and what it needs before it begins. */
#include <string.h>

#include "datalog/compose_int.h"

/* ---- whether it pays ---- */

static struct rune_dl_growing *growing_of(const struct rune_dl_ctx *ctx,
                                          const struct rune_dl_compose_atom *atom)
{
    return ctx->rels.items[atom->relation].growing;
}

/* Whether what an atom led to is kept from one sweep to the next. */
static bool is_kept(const struct rune_dl_compose *compose, uint32_t number)
{
    return compose->atom_count > 2 && number + 1 < compose->atom_count;
}

/* New tuples of a relation: those that the rule has not been run for. */
static uint32_t find_new(const struct rune_dl_compose_atom *atom,
                         const struct rune_dl_growing *growing)
{
    return growing->tuples.count - (atom->done < growing->low ? growing->low : atom->done);
}

/* Those that it has been run for, by searches, since the last sweep. */
static uint32_t find_missed(const struct rune_dl_compose_atom *atom,
                            const struct rune_dl_growing *growing)
{
    return atom->done < growing->low ? growing->low - atom->done : 0;
}

/* Tuples that an index has to learn before it is searched. */
static uint32_t find_behind(const struct rune_dl_growing *growing)
{
    return growing->index_count > 0 ? growing->tuples.count - growing->indexes[0].rows : 0;
}

/* What one tuple of an atom is joined with, on average, by the others before `end`. */
static double find_joined(const struct rune_dl_ctx *ctx, const struct rune_dl_compose *compose,
                          uint32_t number, uint32_t end)
{
    double joined = 1;
    for (uint32_t i = 0; i < end; i++) {
        const struct rune_dl_growing *growing = growing_of(ctx, &compose->atoms[i]);
        uint64_t each = 1 + growing->tuples.count / growing->bits.rows;
        joined *= i == number ? 1 : (double)each;
    }
    return joined;
}

#define ROWS_A_TUPLE 4 /* that a sweep looks at in the time that a search takes for its tuple */

/* Whether a sweep over all rows takes less than to search, for each new tuple, what it joins with.
 * A chain's also takes what was missed, a row for each way to the end of an atom that is kept. */
static bool does_pay(const struct rune_dl_ctx *ctx, const struct rune_dl_compose *compose)
{
    double sweep = 0, search = 0;
    for (uint32_t i = 0; i < compose->atom_count; i++) {
        const struct rune_dl_compose_atom *atom = &compose->atoms[i];
        const struct rune_dl_growing *growing = growing_of(ctx, atom);
        sweep += (double)growing->bits.rows;
        if (is_kept(compose, i)) {
            sweep +=
                find_missed(atom, growing) * find_joined(ctx, compose, i, compose->atom_count - 1);
        }
        search += ROWS_A_TUPLE * (double)find_new(atom, growing) *
                      find_joined(ctx, compose, i, compose->atom_count) +
                  find_behind(growing);
    }
    return sweep <= search;
}

/* ---- what is kept ---- */

/* Where rows have got another shape, what is kept has not, and is found anew. */
static void forget_reached(const struct rune_dl_ctx *ctx, struct rune_dl_compose *compose)
{
    bool is_same = true;
    for (uint32_t i = 0; i < compose->atom_count; i++) {
        struct rune_dl_compose_atom *atom = &compose->atoms[i];
        const struct rune_dl_bits *bits = &growing_of(ctx, atom)->bits;
        is_same = is_same && rune_dl_bits_alike(&atom->shape, bits);
        atom->shape = *bits;
    }
    for (uint32_t i = 0; i < compose->atom_count && !is_same; i++) {
        if (is_kept(compose, i)) {
            compose->atoms[i].done = 0;
            RUNE_VEC_FINI(&compose->atoms[i].reached);
        }
    }
}

/* Room for what X's get to by an atom. *ret_can false: it would take more than the atoms' rows do,
 * or than is allowed. */
static enum rune_err reserve_reached(struct rune_dl_ctx *ctx, const struct rune_dl_compose *compose,
                                     struct rune_dl_compose_atom *atom, bool *ret_can)
{
    uint64_t words = compose->atoms[0].dense->bits.rows * atom->dense->bits.stride, all = 0;
    for (uint32_t i = 0; i < compose->atom_count; i++) {
        const struct rune_dl_bits *bits = &compose->atoms[i].dense->bits;
        all += bits->rows * bits->stride;
    }
    if (atom->reached.capacity > 0) {
        return RUNE_OK;
    }
    *ret_can = words <= all && rune_dl_check_limits(ctx, 0, words * sizeof(uint64_t)) == RUNE_OK;
    if (*ret_can && !RUNE_VEC_RESERVE(&atom->reached, (size_t)words)) {
        return RUNE_E_NOMEM;
    }
    memset(atom->reached.items, 0, atom->reached.capacity * sizeof(uint64_t));
    return RUNE_OK;
}

/* ---- new tuples by row ---- */

static inline const rune_term *tuple_at(const struct rune_growing *tuples, uint32_t at)
{
    return tuples->rows + (size_t)at * tuples->arity;
}

/* A counting sort of the tuples from atom->done on. False: no memory. */
static bool sort_new(struct rune_dl_compose_atom *atom, const struct rune_growing *tuples)
{
    const struct rune_dl_bits *bits = &atom->dense->bits;
    uint32_t arity = tuples->arity, count = tuples->count - atom->done;
    uint32_t last = arity - 1 - (uint32_t)atom->side;
    if (bits->rows >= UINT32_MAX || !RUNE_VEC_RESERVE(&atom->begins, (size_t)bits->rows + 2) ||
        !RUNE_VEC_RESERVE(&atom->ends, (size_t)count + 1)) {
        return false;
    }
    uint32_t *begins = atom->begins.items; /* [row + 2] while counting, [row + 1] while writing */
    memset(begins, 0, ((size_t)bits->rows + 2) * sizeof(uint32_t));
    for (uint32_t i = atom->done; i < tuples->count; i++) {
        begins[rune_dl_dense_row(bits, arity, tuple_at(tuples, i), atom->side) + 2]++;
    }
    for (uint64_t row = 2; row < bits->rows + 2; row++) {
        begins[row] += begins[row - 1];
    }
    for (uint32_t i = atom->done; i < tuples->count; i++) {
        const rune_term *tuple = tuple_at(tuples, i);
        uint64_t row = rune_dl_dense_row(bits, arity, tuple, atom->side);
        atom->ends.items[begins[row + 1]++] = tuple[last];
    }
    return true;
}

/* ---- memory ---- */

enum rune_err rune_dl_compose_count(struct rune_dl_ctx *ctx, struct rune_dl_compose *compose)
{
    uint64_t words = compose->mask.capacity, halves = compose->beyond.capacity;
    for (uint32_t i = 0; i < compose->atom_count; i++) {
        const struct rune_dl_compose_atom *atom = &compose->atoms[i];
        words += atom->row.capacity + atom->touched.capacity + atom->changed.capacity +
                 atom->keep.capacity + atom->reached.capacity;
        halves += atom->begins.capacity + atom->ends.capacity;
    }
    uint64_t bytes = words * sizeof(uint64_t) + halves * sizeof(uint32_t);
    ctx->growing_bytes += bytes - compose->counted_bytes;
    compose->counted_bytes = bytes;
    return rune_dl_check_limits(ctx, 0, 0);
}

/* ---- the whole ---- */

static bool reserve_words(struct rune_vec_u64 *words, uint64_t count)
{
    if (count > words->capacity) {
        RUNE_VEC_FINI(words);
        if (!RUNE_VEC_RESERVE(words, (size_t)count)) {
            return false;
        }
    }
    memset(words->items, 0, words->capacity * sizeof(uint64_t));
    return true;
}

static bool reserve(struct rune_dl_compose *compose, struct rune_dl_compose_atom *atom)
{
    uint64_t stride = atom->dense->bits.stride;
    return reserve_words(&atom->row, stride) && reserve_words(&atom->changed, stride) &&
           reserve_words(&atom->keep, stride) &&
           reserve_words(&atom->touched, atom->dense->block_words) &&
           (stride <= compose->mask.capacity || reserve_words(&compose->mask, stride));
}

/* Whether all relations are rows of bits. */
static bool has_bits(const struct rune_dl_ctx *ctx, const struct rune_dl_compose *compose)
{
    bool has = ctx->rels.items[compose->rule->head].growing->bits.words != NULL;
    for (uint32_t i = 0; i < compose->atom_count && has; i++) {
        has = growing_of(ctx, &compose->atoms[i])->bits.words != NULL;
    }
    return has;
}

/* Each atom's rows; *ret_can false: one's would be too many. */
static enum rune_err find_dense(const struct rune_dl_ctx *ctx, struct rune_dl_compose *compose,
                                bool *ret_can)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < compose->atom_count && err == RUNE_OK && *ret_can; i++) {
        struct rune_dl_compose_atom *atom = &compose->atoms[i];
        err = rune_dl_growing_dense(growing_of(ctx, atom), atom->side, &atom->dense);
        *ret_can = atom->dense != NULL;
    }
    return err;
}

enum rune_err rune_dl_compose_begin(struct rune_dl_ctx *ctx, struct rune_dl_compose *compose,
                                    bool *ret_can)
{
    enum rune_err err = RUNE_OK;
    *ret_can = has_bits(ctx, compose);
    if (*ret_can) {
        forget_reached(ctx, compose);
        *ret_can = does_pay(ctx, compose);
    }
    if (*ret_can) {
        err = find_dense(ctx, compose, ret_can);
    }
    for (uint32_t i = 1; i + 1 < compose->atom_count && err == RUNE_OK && *ret_can; i++) {
        err = reserve_reached(ctx, compose, &compose->atoms[i], ret_can);
    }
    for (uint32_t i = 0; i < compose->atom_count && err == RUNE_OK && *ret_can; i++) {
        struct rune_dl_compose_atom *atom = &compose->atoms[i];
        const struct rune_dl_growing *growing = growing_of(ctx, atom);
        atom->done = is_kept(compose, i) || atom->done > growing->low ? atom->done : growing->low;
        err = reserve(compose, atom) && sort_new(atom, &growing->tuples) ? RUNE_OK : RUNE_E_NOMEM;
        atom->done = growing->tuples.count; /* by now they are in `ends` */
    }
    return err == RUNE_OK && *ret_can ? rune_dl_compose_count(ctx, compose) : err;
}
