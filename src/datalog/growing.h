/* SPDX-License-Identifier: Apache-2.0 */
/* growing: a relation while its fixpoint runs: all tuples in order of arrival, which of them are
 * old, new and in the making, and who is already there.
 *
 * Owns: the tuples, the set, the indexes. Does not know: rules, rounds. The set is a hash table of
 * rows, or, where the columns are dense, a bit for each tuple there could be. Tuples are added many
 * at a time: a place in a large table is fetched from memory while others are, so that adding waits
 * for the memory's throughput, not for its latency. Private to datalog. Used by: fixpoint, orders,
 * code (which plans read by rows). */
#pragma once

#include "base/vec.h"
#include "eval/relation.h"
#include "rune/err.h"

#define RUNE_DL_GROWING_BATCH 128u /* tuples that are added at once */

#define RUNE_DL_GROWING_INDEXES 16u /* LIMIT: different searches in one growing relation */
#define RUNE_DL_BIT_COLUMNS     4u  /* LIMIT: columns of a relation whose set may be bits */

/* A bit for each tuple of values least[c] + i, i < range[c]. Those that differ in the last column
 * only are a row of `stride` words; rows follow each other as their tuples do. */
struct rune_dl_bits {
    uint64_t *words; /* NULL: none */
    uint32_t arity;
    rune_term least[RUNE_DL_BIT_COLUMNS];
    uint32_t range[RUNE_DL_BIT_COLUMNS];
    uint64_t rows, stride;
};

#define RUNE_DL_BLOCK_WORDS  8u /* of a row: a line of the cache */
#define RUNE_DL_BLOCK_VALUES (RUNE_DL_BLOCK_WORDS * 64)

/* Which column a row's values are: the last, or the one before it. */
enum rune_dl_side { RUNE_DL_PLAIN, RUNE_DL_TURNED, RUNE_DL_SIDES };

/* Rows of bits, and for each row a bit for each block that has some; growing_dense.c. */
struct rune_dl_dense {
    struct rune_dl_bits bits; /* TURNED: the last two columns exchanged */
    uint64_t *own;            /* TURNED: its words */
    uint64_t *blocks;         /* NULL: none */
    uint64_t block_words;     /* a row */
    uint32_t done;            /* tuples that it has */
};

#define RUNE_DL_NO_BASE UINT32_MAX

#define RUNE_DL_WORDS_A_VALUE 2u /* where a row's values are fewer, they are added one by one */

/* What the last column has, as bits; bit 0 of the first word is `base`, a multiple of 64. */
struct rune_dl_row_words {
    const uint64_t *words;
    uint64_t count;
    rune_term base;
};

/* The values of a group, and the same as bits where that is shorter. */
struct rune_dl_row_of_group {
    const uint32_t *lasts;
    uint32_t count;
    struct rune_vec_u64 bits;
    struct rune_dl_row_words words; /* of `bits`; none: NULL */
    uint32_t begin, end;            /* of the group; end 0: of none yet */
};

/* What is to be added to one row, which is looked at once for all of it. */
struct rune_dl_gathering {
    rune_term row[RUNE_DL_BIT_COLUMNS]; /* what its tuples begin with */
    bool is_row;                        /* it is the one that was added to last */
    bool has_words;                     /* some are not added yet */
    struct rune_vec_u64 words;          /* as many as a row of the set has */
};

RUNE_VEC(rune_dl_vec_group, struct rune_growing_group);

/* The new tuples, those that agree in all columns but the last being a group; growing_sort.c. */
struct rune_dl_groups {
    struct rune_growing heads;       /* one row a group: what it agrees in, then anything */
    struct rune_dl_vec_group bounds; /* by group: of its values in `lasts` */
    struct rune_vec_u32 lasts;
    uint32_t *stretches; /* kept for the next round */
    uint64_t stretch_words;
    uint32_t stretch_count;
    bool is_ascending; /* the stretches are */
};

/* Only tuples whose value in `column` is a key of a stored order join with anything: an index need
 * not have the others. */
struct rune_dl_partners {
    struct rune_image_order order; /* as the builder has it, at an address; form 0: all do */
    uint32_t column;
};

/* An index, and what it takes to extend it. */
struct rune_dl_growing_index {
    struct rune_growing_index seen;   /* as rules see it */
    struct rune_dl_partners partners; /* of those that it has */
    uint32_t rows;                    /* indexed so far */
    uint32_t run_count, run_capacity;
    uint32_t place_count, place_capacity;
    struct rune_vec_u32 changed; /* runs that the last round made longer */
};

struct rune_dl_growing {
    struct rune_growing tuples;
    uint32_t *slots;     /* 1 + row, 0: empty; NULL with bits */
    uint64_t slot_count; /* a power of two, or 0 */
    struct rune_dl_bits bits;
    struct rune_dl_growing_index indexes[RUNE_DL_GROWING_INDEXES];
    uint32_t index_count;
    bool is_behind;                  /* indexes do not know the last round's tuples yet */
    uint32_t zero, low, high;        /* [0, low) old, [low, high) new */
    uint32_t fed_low, fed_high;      /* the caller's: what a rule reads that does not wait */
    uint64_t few_words;              /* the caller's: a bitmap of so many may be sparse */
    bool is_read_by_rows;            /* the caller's: by a plan that reads `groups` */
    bool is_stepped_only;            /* the caller's: only by such that run between steps */
    struct rune_dl_groups groups;    /* of the new tuples */
    struct rune_growing_group group; /* that a rule reads now */
    struct rune_dl_row_of_group row; /* its values; growing_rows.c */
    struct rune_dl_gathering gathering;
    struct rune_dl_dense dense[RUNE_DL_SIDES];
    struct rune_vec_u32 fresh; /* the caller's: values of a loop */
    /* The caller's, fixpoint.c: */
    struct rune_vec_u32 views;             /* of it, in ctx->orders */
    uint64_t counted_bytes;                /* what it has accounted for */
    uint32_t first_variant, variant_count; /* rules that begin with its new tuples */
    uint32_t base;                         /* linear.c: a relation, or RUNE_DL_NO_BASE */
    bool is_changed;                       /* it has new tuples, or some in the making */
};

/* NULL: out of memory. */
struct rune_dl_growing *rune_dl_growing_create(uint32_t arity);
void rune_dl_growing_destroy(struct rune_dl_growing *growing);

/* Adds those of `count` <= RUNE_DL_GROWING_BATCH rows that are not there. RUNE_E_NOMEM,
 * RUNE_E_LIMIT (RUNE_RELATION_MAX_TUPLES / 2 tuples). */
RUNE_MUST_USE enum rune_err rune_dl_growing_add(struct rune_dl_growing *growing,
                                                const rune_term *rows, uint32_t count);
/* Adds the tuples of another one from `first` on, which are known not to be there: those that are
 * added so have no set. RUNE_E_NOMEM, RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_dl_growing_append(struct rune_dl_growing *growing,
                                                   const struct rune_growing *from, uint32_t first);
/* The same for `count` tuples, any number, that begin like `row` and end with `lasts`; only where
 * the set is bits. Cost: a bit each. */
RUNE_MUST_USE enum rune_err rune_dl_growing_add_row(struct rune_dl_growing *growing,
                                                    const rune_term *row, const rune_term *lasts,
                                                    uint32_t count);

/* Where a row's words begin, by all columns but the last; NULL: it has none. `arity` is that of the
 * bits, a constant where it matters. */
static inline uint64_t *rune_dl_bits_find(const struct rune_dl_bits *bits, uint32_t arity,
                                          const rune_term *row)
{
    uint64_t at = 0;
    for (uint32_t c = 0; c + 1 < arity; c++) {
        uint32_t distance = row[c] - bits->least[c];
        if (distance >= bits->range[c]) {
            return NULL;
        }
        at = at * bits->range[c] + distance;
    }
    return bits->words + at * bits->stride;
}

/* ---- growing_rows.c: rows whole ---- */

/* Whether `add_words` can: both are bits, and all values have theirs. */
bool rune_dl_growing_takes_words(const struct rune_dl_growing *growing, const rune_term *row,
                                 const struct rune_dl_row_words *words);
/* Adds the tuples that begin like `row` and end with what the words say. RUNE_E_NOMEM,
 * RUNE_E_LIMIT. Cost: a word each, and the tuples that are new. */
RUNE_MUST_USE enum rune_err rune_dl_growing_add_words(struct rune_dl_growing *growing,
                                                      const rune_term *row,
                                                      const struct rune_dl_row_words *words);
/* The same, but where rows repeat they may be added later: before anything else is added, and at
 * the end, the caller lets them. */
RUNE_MUST_USE enum rune_err rune_dl_growing_gather_words(struct rune_dl_growing *growing,
                                                         const rune_term *row,
                                                         const struct rune_dl_row_words *words);
RUNE_MUST_USE enum rune_err rune_dl_growing_end_gathering(struct rune_dl_growing *growing);
/* Adds the words to many rows, which differ in one column before the last: `row` is written to.
 * *ret_done: how many, up to one that does not take them. RUNE_E_NOMEM, RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_dl_growing_add_words_to(struct rune_dl_growing *growing,
                                                         rune_term *row, uint32_t column,
                                                         const rune_term *values, uint32_t count,
                                                         const struct rune_dl_row_words *words,
                                                         uint32_t *ret_done);

/* The values of growing->group, gathered the first time that they are asked for. NULL: no memory.
 */
const struct rune_dl_row_of_group *rune_dl_growing_row(struct rune_dl_growing *growing);

/* ---- growing.c ---- */

/* Room for `more` rows and one, which may be written to in vain. */
RUNE_MUST_USE enum rune_err rune_dl_growing_reserve(struct rune_dl_growing *growing, uint32_t more);

/* What it takes, in bytes. */
uint64_t rune_dl_growing_bytes(const struct rune_dl_growing *growing);
/* What was added since the last step becomes new, what was new old, for those that read it by rows;
 * indexes do not know yet. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_growing_step(struct rune_dl_growing *growing);
/* Ends a round's steps: what came from `from` on, where the first of them began, is new for all;
 * for indexes, once they are told. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_growing_turn(struct rune_dl_growing *growing, uint32_t from);
/* Tells the indexes, if they do not know yet: before they are searched. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_growing_tell(struct rune_dl_growing *growing);

/* ---- growing_dense.c: rows by their blocks ---- */

/* The row of a tuple that has one. `arity` and `side` are constants where it matters. */
static inline uint64_t rune_dl_dense_row(const struct rune_dl_bits *bits, uint32_t arity,
                                         const rune_term *tuple, enum rune_dl_side side)
{
    uint64_t at = 0;
    for (uint32_t c = 0; c + 2 < arity; c++) {
        at = at * bits->range[c] + (tuple[c] - bits->least[c]);
    }
    return at * bits->range[arity - 2] +
           (tuple[arity - 2 + (uint32_t)side] - bits->least[arity - 2]);
}

/* All tuples there are, valid until some are added; *ret_dense NULL: they have no bits, or the rows
 * would be too many. RUNE_E_NOMEM. Cost: the tuples that came since it was last asked. */
RUNE_MUST_USE enum rune_err rune_dl_growing_dense(struct rune_dl_growing *growing,
                                                  enum rune_dl_side side,
                                                  const struct rune_dl_dense **ret_dense);
uint64_t rune_dl_growing_dense_bytes(const struct rune_dl_growing *growing);
void rune_dl_growing_drop_dense(struct rune_dl_growing *growing);

/* Whether they have bits for the same tuples. */
bool rune_dl_bits_alike(const struct rune_dl_bits *a, const struct rune_dl_bits *b);

/* ---- growing_sort.c: the new tuples by rows ---- */

/* Makes `groups` of the new tuples, of two columns or more. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_growing_sort(struct rune_dl_growing *growing);
uint64_t rune_dl_growing_groups_words(const struct rune_dl_groups *groups);
void rune_dl_growing_drop_groups(struct rune_dl_groups *groups);

/* ---- growing_index.c: tuples by what they agree in ---- */

/* The index of the columns in `search`, up to date, for those tuples at least that have partners;
 * NULL: all tuples. RUNE_E_NOMEM, RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_dl_growing_find_index(struct rune_dl_growing *growing,
                                                       uint32_t search,
                                                       const struct rune_dl_partners *partners,
                                                       const struct rune_growing_index **ret_index);
/* Takes the rows up to `count` in; they are new, those before are old. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_growing_extend(struct rune_dl_growing_index *index,
                                                   const struct rune_growing *tuples,
                                                   uint32_t count);
uint64_t rune_dl_growing_index_words(const struct rune_dl_growing_index *index);
void rune_dl_growing_free_index(struct rune_dl_growing_index *index);
