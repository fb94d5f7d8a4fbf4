/* SPDX-License-Identifier: Apache-2.0 */
/* code_int: what the files that make programs share: code.c (programs, and what they demand),
 * code_atoms.c (reading relations), code_goals.c (all other goals, and words), code_shared.c
 * (programs of rules alike). Private to datalog/code*. Programs: eval/rule_code.h.
 *
 * Each variable has a level: the loop that set it, 0 for none. A check that fails goes on at the
 * highest level among its variables; a scan that finds nothing likewise; one that is exhausted at
 * the enclosing loop. */
#pragma once

#include "datalog/join.h"

#define RUNE_DL_NO_REGISTER UINT32_MAX

/* One program in the making. */
struct rune_dl_coder {
    struct rune_dl_ctx *ctx;
    const struct rune_dl_plan_rule *rule;
    struct rune_dl_join join;
    uint32_t delta;
    uint32_t row_goal; /* one that hands a row on; UINT32_MAX: none */
    bool by_rows;      /* see rune_dl_code_rule */
    bool is_fed;       /* likewise */
    bool is_grouped;   /* new tuples are read by groups, their last column in a loop of its own */
    bool has_lasts;    /* is_grouped: that loop has begun */
    double rows;       /* expected */
    size_t begin;      /* of the program in ctx->code */
    uint32_t *reg;     /* by variable */
    uint32_t *level;   /* by variable */
    uint32_t registers;
    uint32_t loops;
    uint32_t *loop_at; /* word of each loop */
    uint32_t *goal_at; /* word at which each goal's code begins, as they are taken */
    enum rune_err err;
};

/* ---- words ---- */

static inline void rune_dl_code_put(struct rune_dl_coder *coder, uint32_t word)
{
    if (!RUNE_VEC_PUSH(&coder->ctx->code, word)) {
        coder->err = RUNE_E_NOMEM;
    }
}

/* Words of the program so far. */
static inline uint32_t rune_dl_code_here(const struct rune_dl_coder *coder)
{
    return (uint32_t)(coder->ctx->code.count - coder->begin);
}

/* Where a check goes on that fails at this level. */
static inline uint32_t rune_dl_code_target(const struct rune_dl_coder *coder, uint32_t level)
{
    return level == 0 ? 0 : coder->loop_at[level - 1];
}

static inline uint32_t rune_dl_code_sees_request(const struct rune_dl_coder *coder)
{
    return coder->ctx->rels.items[coder->rule->head].on_request ? RUNE_RULE_SEES_REQUEST : 0;
}

/* The leading columns of an aggregate's relation. */
static inline uint32_t rune_dl_code_group(const struct rune_dl_goal *goal)
{
    uint32_t group = goal->count - 1;
    return group == 32 ? UINT32_MAX : (1u << group) - 1;
}

/* ---- code_goals.c ---- */

/* Where a constant's term stands in a program: they are loaded first, behind a RETURN. */
#define RUNE_DL_CODE_CONSTANT(number) (3 + 3 * (size_t)(number))
/* Where AGGREGATE says the plans that it asks, the first one and their number. */
#define RUNE_DL_CODE_ASKED 3u

/* The place in the text of what begins at that word of ctx->code, if the image wants it. False: out
 * of memory. */
bool rune_dl_code_put_span(struct rune_dl_ctx *ctx, uint32_t word, struct rune_span span);
/* Reports, the first time, that the rule needs more than `limit` of them; it is given up. */
void rune_dl_code_limit(struct rune_dl_coder *coder, uint32_t limit, const char *what);
uint32_t rune_dl_code_register(struct rune_dl_coder *coder);
/* Highest level of the variables. */
uint32_t rune_dl_code_level(const struct rune_dl_coder *coder, const uint32_t *vars,
                            uint32_t count);
/* A result goes to a register of its own: the variable's, or (it has one) it is compared. */
void rune_dl_code_result(struct rune_dl_coder *coder, uint32_t var, uint32_t result,
                         uint32_t level);
/* The number of the variables, and their registers. */
void rune_dl_code_registers(struct rune_dl_coder *coder, const uint32_t *vars, uint32_t count);
/* The rule's goal of that number, of any kind. */
void rune_dl_code_goal(struct rune_dl_coder *coder, uint32_t number);

/* ---- code_atoms.c ---- */

/* What an order must be sorted by first for this search; with nothing bound, what is wanted of it,
 * so that repetitions can be skipped. LIMIT: RUNE_ORDER_MAX_PREFIX columns; the others are
 * compared. */
uint32_t rune_dl_code_search(const struct rune_dl_coder *coder, const struct rune_dl_goal *goal);
/* A loop over the elements of the set in `set`. */
void rune_dl_code_member(struct rune_dl_coder *coder, uint32_t element, uint32_t set,
                         uint32_t set_level);
/* is_grouped: the loop over the last column of the new tuples. */
void rune_dl_code_lasts(struct rune_dl_coder *coder);
/* The rule's atom of that number. */
void rune_dl_code_atom(struct rune_dl_coder *coder, uint32_t number);

/* ---- code_shared.c ---- */

/* What is shared by the rules that are like this one for a binding pattern (delta: none);
 * `*ret_again`: one such rule has been looked for before. NULL: nothing may be. Valid until the
 * next call. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_shared_find(struct rune_dl_ctx *ctx,
                                                const struct rune_dl_plan_rule *rule,
                                                uint32_t bound, struct rune_dl_shared **ret_shared,
                                                bool *ret_again);
/* The order of goals, which lives as long as ctx; NULL: not known. */
const struct rune_dl_join_order *rune_dl_shared_order(const struct rune_dl_shared *shared);
void rune_dl_shared_keep_order(struct rune_dl_shared *shared,
                               const struct rune_dl_join_order *order);
bool rune_dl_shared_has_program(const struct rune_dl_shared *shared);
/* Keeps the program that has just been made, for rules to come. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_shared_keep_program(struct rune_dl_shared *shared,
                                                        const struct rune_dl_coder *coder,
                                                        const struct rune_image_plan *plan);
/* Appends that program, with the rule's own constants, to ctx->code; what the rule demands is left
 * on the list, as by the first of its kind. RUNE_E_NOMEM, RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_dl_shared_program(struct rune_dl_ctx *ctx,
                                                   const struct rune_dl_shared *shared,
                                                   const struct rune_dl_plan_rule *rule,
                                                   struct rune_image_plan *ret_plan);
