/* SPDX-License-Identifier: Apache-2.0 */
/* growing_dense: a relation that grows as rows of bits, by which of their blocks have values.
 *
 * A row may be long and have values in a few places only. A bit for each block of 64 bytes says
 * where, so that a row is read in the time that its values take, not its length. The same with the
 * last two columns exchanged, for those who search by the last one. */
#include <string.h>

#include "base/alloc.h"
#include "datalog/growing.h"

/* ---- shape ---- */

/* The set's shape with the last two columns exchanged; without words. */
static struct rune_dl_bits turn(const struct rune_dl_bits *set)
{
    struct rune_dl_bits bits = *set;
    uint32_t to = set->arity - 1, from = to - 1;
    bits.words = NULL;
    bits.least[from] = set->least[to];
    bits.range[from] = set->range[to];
    bits.least[to] = set->least[from] & ~63u;
    bits.range[to] = ((set->least[from] - bits.least[to] + set->range[from] - 1) | 63u) + 1;
    bits.stride = bits.range[to] / 64;
    bits.rows = set->rows / set->range[from] * bits.range[from];
    return bits;
}

bool rune_dl_bits_alike(const struct rune_dl_bits *a, const struct rune_dl_bits *b)
{
    size_t columns = a->arity * sizeof(a->least[0]);
    return a->arity == b->arity && memcmp(a->least, b->least, columns) == 0 &&
           memcmp(a->range, b->range, columns) == 0;
}

void rune_dl_growing_drop_dense(struct rune_dl_growing *growing)
{
    for (int side = 0; side < RUNE_DL_SIDES; side++) {
        struct rune_dl_dense *dense = &growing->dense[side];
        rune_free(dense->blocks);
        rune_free(dense->own);
        *dense = (struct rune_dl_dense){0};
    }
}

uint64_t rune_dl_growing_dense_bytes(const struct rune_dl_growing *growing)
{
    uint64_t words = 0;
    for (int side = 0; side < RUNE_DL_SIDES; side++) {
        const struct rune_dl_dense *dense = &growing->dense[side];
        words +=
            dense->bits.rows * (dense->block_words + (dense->own == NULL ? 0 : dense->bits.stride));
    }
    return words * sizeof(uint64_t);
}

/* ---- tuples ---- */

/* Those from dense->done on, up to date with the set. `arity` is a constant where it matters. */
static inline __attribute__((always_inline)) void add_tuples(struct rune_dl_dense *dense,
                                                             const struct rune_growing *tuples,
                                                             uint32_t arity, enum rune_dl_side side)
{
    const struct rune_dl_bits *bits = &dense->bits;
    const rune_term *tuple = tuples->rows + (size_t)dense->done * arity;
    for (; dense->done < tuples->count; dense->done++, tuple += arity) {
        uint64_t row = rune_dl_dense_row(bits, arity, tuple, side);
        uint32_t last = tuple[arity - 1 - (uint32_t)side] - bits->least[arity - 1];
        uint32_t block = last / RUNE_DL_BLOCK_VALUES;
        dense->blocks[row * dense->block_words + block / 64] |= UINT64_C(1) << (block % 64);
        if (side == RUNE_DL_TURNED) {
            bits->words[row * bits->stride + last / 64] |= UINT64_C(1) << (last % 64);
        }
    }
}

static void add_all(struct rune_dl_dense *dense, const struct rune_growing *tuples,
                    enum rune_dl_side side)
{
    if (tuples->arity == 2 && side == RUNE_DL_PLAIN) {
        add_tuples(dense, tuples, 2, RUNE_DL_PLAIN);
    } else if (tuples->arity == 2) {
        add_tuples(dense, tuples, 2, RUNE_DL_TURNED);
    } else {
        add_tuples(dense, tuples, tuples->arity, side);
    }
}

#define TURNED_WORDS 4u /* what turned rows may take: so many times what the set does */

/* Room for rows of a new shape, all empty. False: no memory. */
static bool reshape(struct rune_dl_dense *dense, const struct rune_dl_bits *shape)
{
    rune_free(dense->blocks);
    rune_free(dense->own);
    *dense = (struct rune_dl_dense){.bits = *shape};
    dense->block_words =
        ((shape->stride - 1) / RUNE_DL_BLOCK_WORDS) / 64 + 1; /* a bit for each block */
    dense->blocks = rune_calloc((size_t)(shape->rows * dense->block_words), sizeof(uint64_t));
    if (shape->words == NULL) {
        dense->own = rune_calloc((size_t)(shape->rows * shape->stride), sizeof(uint64_t));
        dense->bits.words = dense->own;
    }
    return dense->blocks != NULL && dense->bits.words != NULL;
}

enum rune_err rune_dl_growing_dense(struct rune_dl_growing *growing, enum rune_dl_side side,
                                    const struct rune_dl_dense **ret_dense)
{
    struct rune_dl_dense *dense = &growing->dense[side];
    struct rune_dl_bits shape = growing->bits;
    *ret_dense = NULL;
    if (shape.words == NULL || shape.arity < 2) {
        return RUNE_OK;
    }
    if (side == RUNE_DL_TURNED) {
        shape = turn(&growing->bits);
        if (shape.rows * shape.stride > TURNED_WORDS * growing->bits.rows * growing->bits.stride) {
            return RUNE_OK;
        }
    }
    if (dense->blocks == NULL || !rune_dl_bits_alike(&shape, &dense->bits)) {
        if (!reshape(dense, &shape)) {
            rune_dl_growing_drop_dense(growing);
            return RUNE_E_NOMEM;
        }
    }
    if (side == RUNE_DL_PLAIN) {
        dense->bits.words = growing->bits.words;
    }
    add_all(dense, &growing->tuples, side);
    *ret_dense = dense;
    return RUNE_OK;
}
