/* SPDX-License-Identifier: Apache-2.0 */
/* compose_int: what the files of compose.h share. */
#pragma once

#include "datalog/compose.h"

/* Where a term to search by comes from. */
struct rune_dl_compose_term {
    uint32_t column; /* of the head; UINT32_MAX: a constant */
    rune_term term;
};

#define RUNE_DL_COMPOSE_OF_ROW UINT32_MAX

/* A stored atom besides the chain. */
struct rune_dl_compose_test {
    uint32_t of; /* the atom whose end it tests; OF_ROW: none, it is there for a row or not */
    bool is_negated;
    bool is_by_key;           /* it does not ask for X */
    uint32_t order, position; /* sort position of the values */
    uint32_t count;
    struct rune_dl_compose_term terms[RUNE_ORDER_MAX_PREFIX];
};
RUNE_VEC(rune_dl_vec_compose_test, struct rune_dl_compose_test);

/* An atom of the chain: rows of where it begins with where it ends. */
struct rune_dl_compose_atom {
    uint32_t relation;
    enum rune_dl_side side;
    uint32_t done; /* its tuples that were read */
    /* the others by row: ends [begins[row], begins[row + 1]) */
    struct rune_vec_u32 begins, ends;
    const struct rune_dl_dense *dense; /* while it runs */
    struct rune_dl_bits shape;         /* of `dense` when it ran last */
    uint64_t first;                    /* number of the first row of this key */
    /* Sets of ends, as words that lie like its rows: */
    struct rune_vec_u64 row;     /* those that are new for this X; the last atom's: or known */
    struct rune_vec_u64 touched; /* blocks of `row`; not of the first atom */
    struct rune_vec_u64 changed; /* those from where the next atom has new tuples */
    struct rune_vec_u64 keep;    /* what tests leave */
    bool has_changed, has_keep;
    /* Between the first atom and the last: all that an X gets to, by the first one's rows. */
    struct rune_vec_u64 reached;
};

#define RUNE_DL_COMPOSE_ATOMS 4u /* LIMIT: of a chain */

struct rune_dl_compose {
    const struct rune_dl_plan_rule *rule;
    uint32_t arity;
    bool is_unequal; /* X != Z */
    uint32_t atom_count;
    struct rune_dl_compose_atom atoms[RUNE_DL_COMPOSE_ATOMS];
    struct rune_dl_vec_compose_test tests;
    uint64_t round;             /* in which it ran last */
    struct rune_vec_u64 mask;   /* one test's */
    struct rune_vec_u32 beyond; /* tuples for which the head's bits have no place */
    uint64_t steps;             /* of this sweep */
    uint64_t counted_bytes;     /* of its own memory, in ctx->growing_bytes */
};

static inline struct rune_dl_compose_atom *
rune_dl_compose_last(const struct rune_dl_compose *compose)
{
    return (struct rune_dl_compose_atom *)&compose->atoms[compose->atom_count - 1];
}

/* A sweep, and where it is. */
struct rune_dl_sweep {
    struct rune_dl_ctx *ctx;
    struct rune_dl_compose *compose;
    struct rune_dl_growing *head;
    struct rune_relations in;
    rune_term tuple[RUNE_DL_BIT_COLUMNS]; /* of the head: key and X */
};

/* The least value of an atom's ends: bit 0 of its words. */
static inline rune_term rune_dl_compose_least(const struct rune_dl_compose_atom *atom)
{
    return atom->dense->bits.least[atom->dense->bits.arity - 1];
}

static inline uint32_t rune_dl_compose_new(const struct rune_dl_compose_atom *atom, uint64_t row,
                                           uint64_t rows)
{
    return atom->begins.items[row + rows] - atom->begins.items[row];
}

/* ---- compose_begin.c ---- */

/* Whether a sweep pays now: *ret_can. If so, all is ready for it. RUNE_E_NOMEM, RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_dl_compose_begin(struct rune_dl_ctx *ctx,
                                                  struct rune_dl_compose *compose, bool *ret_can);
/* What it has for itself counts as its component's. RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_dl_compose_count(struct rune_dl_ctx *ctx,
                                                  struct rune_dl_compose *compose);

/* ---- compose_row.c ---- */

/* Ors into the row of atom `number` what it has for the ends of the one before, given as `from`,
 * that are new for this X or that have changed. `blocks`: those of `from` that have any; NULL: all
 * may. */
void rune_dl_compose_or(struct rune_dl_sweep *sweep, uint32_t number, const uint64_t *from,
                        const uint64_t *blocks);
/* The words of an atom's row that may have values: [*ret_begin, *ret_end). False: none. */
bool rune_dl_compose_touched(const struct rune_dl_compose_atom *atom, uint64_t *ret_begin,
                             uint64_t *ret_end);
void rune_dl_compose_empty(struct rune_dl_compose_atom *atom);

/* ---- compose_test.c ---- */

/* Finds what tests that do not ask for X leave of an atom's ends. */
void rune_dl_compose_find_keep(struct rune_dl_sweep *sweep, uint32_t number);
/* Whether tests let X have anything. */
bool rune_dl_compose_passes(struct rune_dl_sweep *sweep);
/* Leaves what tests leave of those words of the last row. */
void rune_dl_compose_test(struct rune_dl_sweep *sweep, uint64_t begin, uint64_t end);
