/* SPDX-License-Identifier: Apache-2.0 */
/* rule_pipe: the plans of a relation run for many keys at once, a vector of rows after the other.
 *
 * Owns: what it makes of plans. A plan is a nest of loops, and the machine (rule_vm.h) walks it
 * tuple by tuple. A pipe is the same nest as steps, each of which takes a vector of rows, passes
 * over those that fail a test, or joins each with the tuples of a relation and hands vectors on:
 * what an instruction costs is paid once a vector, and the searches of a vector wait for memory
 * together. Relations that plans ask with free columns are put in their place (one pipe for each
 * way through their rules); where they recurse, or hold what a pipe cannot do, they are asked by
 * tables as ever. Stored pairs that plans would compute backwards are sorted that way first. A
 * relation tested with the key and another value is asked for all that the keys of a vector have
 * in it, at once, where that costs less than testing (rule_pipe_set.h).
 *
 * A pipe may give a tuple more than once: its reader must not mind. Of three columns one, `small`,
 * is given as a bit for each of its values, at most 64 of them, and many values at once where one
 * scan reads nothing else: a product with roles or actions is or-ed together, never flattened.
 *
 * Does not know: keys, what becomes of tuples. Thread: one evaluation. Used by: rule_count,
 * rule_query_keys, rule_pipe_set. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "eval/rule_pipe_set.h"
#include "eval/rule_vm.h"

#define RUNE_PIPE_ROWS      512u  /* of a vector */
#define RUNE_PIPE_REGISTERS 32u   /* LIMIT: of a pipe; bits of a u32 */
#define RUNE_PIPE_STEPS     32u   /* LIMIT: of a pipe */
#define RUNE_PIPE_LOOPS     8u    /* LIMIT: steps of a pipe that join */
#define RUNE_PIPE_MAX       16u   /* LIMIT: pipes of a relation */
#define RUNE_PIPE_ARGS      8u    /* LIMIT: registers that a step searches by, or reads into */
#define RUNE_PIPE_MEMO      1024u /* masks, or tuples seen, that a step remembers */
#define RUNE_PIPE_SEEN      6u    /* LIMIT: registers by which a tuple is remembered */
#define RUNE_PIPE_BITS      64u   /* LIMIT: values of the small column */
#define RUNE_PIPE_ORDERS    8u    /* LIMIT: orders that the image has not, made for the pipes */
#define RUNE_PIPE_SETS      8u    /* LIMIT: of the pipes of a relation */

enum rune_pipe_op {
    RUNE_PIPE_SCAN,     /* joins with the tuples of an order */
    RUNE_PIPE_TABLE,    /* joins with those of a relation asked by the machine */
    RUNE_PIPE_MASK,     /* the bits of all values that an order has */
    RUNE_PIPE_EXISTS,   /* passes over rows without (negated: with) a tuple in an order */
    RUNE_PIPE_CALL,     /* the same, of a relation asked by the machine */
    RUNE_PIPE_EQUAL,    /* passes over rows whose two registers differ (negated: are the same) */
    RUNE_PIPE_CONSTANT, /* sets a register */
    RUNE_PIPE_DISTINCT, /* passes over most rows that were there before */
    RUNE_PIPE_EMIT,
};

struct rune_pipe_memo {
    uint64_t mask; /* 0: empty */
    rune_term terms[RUNE_PIPE_SEEN];
};

struct rune_pipe_step {
    enum rune_pipe_op op;
    bool negated;
    bool has_mask; /* an earlier step has made the mask of its rows */
    uint8_t loop;  /* of a step that joins: which vector it fills */
    uint8_t arg_count, write_count, keep_count;
    uint8_t args[RUNE_PIPE_ARGS];
    uint8_t writes[RUNE_PIPE_ARGS];
    uint32_t positions[RUNE_PIPE_ARGS]; /* sort position or column that is read into `writes` */
    uint8_t keep[RUNE_PIPE_REGISTERS];  /* registers of its input that later steps read */
    uint32_t order;
    uint32_t distinct; /* SCAN: only the first that agree in so many positions; 0: all */
    rune_term constant;
    const struct rune_image_plan *plans;
    uint32_t plan_count;
    struct rune_pipe_set *set;   /* CALL with the key and another value; NULL: none */
    struct rune_pipe_memo *memo; /* MASK, DISTINCT, EMIT without a mask */
};

struct rune_pipe {
    struct rune_pipe_step *steps; /* the last is EMIT */
    uint32_t step_count;
};

struct rune_pipe_rows {
    uint32_t count;
    rune_term *columns[RUNE_PIPE_REGISTERS]; /* register 0: the key */
    uint64_t *masks;
};

/* Gets a vector of tuples: key, other column, bits of the small one. False stops. */
typedef bool (*rune_pipe_emit_fn)(void *context, const rune_term *keys, const rune_term *others,
                                  const uint64_t *masks, uint32_t count);

/* What pipes read, of one relation or of several. */
struct rune_pipe_orders {
    struct rune_relations in;     /* the machine's, with orders of our own behind its */
    struct rune_image_order *all; /* of them; NULL: none is ours */
    uint32_t own_count;
};

struct rune_pipes {
    struct rune_rule_vm *vm;
    struct rune_pipe_orders *orders;
    rune_pipe_emit_fn emit;
    void *context;
    uint32_t arity; /* 2 or 3 */
    uint32_t key;   /* the column that is known: 0, or of two columns also 1 */
    uint32_t small; /* column given as bits: 1 or 2; of two columns none: 2 */
    uint32_t pipe_count;
    bool is_beyond;                   /* the small column has too many values */
    rune_term values[RUNE_PIPE_BITS]; /* of the small column, by bit */
    uint32_t value_count;
    struct rune_pipe pipes[RUNE_PIPE_MAX];
    struct rune_pipe_rows rows[RUNE_PIPE_LOOPS + 1]; /* the keys, then what each loop fills */
    uint32_t set_count;
    struct rune_pipe_set sets[RUNE_PIPE_SETS];
};

/* Makes pipes of plans whose first column, and no other, is bound. False: it cannot, or the arena
 * has no room (which it then says, too). Emit and context are the caller's to set. */
bool rune_pipes_make(struct rune_pipes *pipes, struct rune_pipe_orders *orders,
                     struct rune_rule_vm *vm, struct rune_arena *arena,
                     const struct rune_image_plan *plans, uint32_t plan_count, uint32_t small);

/* What was kept of the keys so far is no longer true of the reader, or is no more: after a run that
 * ended early, or when the arena is back where it was before the first. */
void rune_pipes_forget(struct rune_pipes *pipes);

/* Gives the tuples of `count` keys, at most RUNE_PIPE_ROWS. False: is_beyond, vm->err, or emit
 * said so. */
bool rune_pipes_run(struct rune_pipes *pipes, const rune_term *keys, uint32_t count);

/* ---- rule_pipe_order.c ---- */

/* The image's, to begin with. */
void rune_pipe_orders_init(struct rune_pipe_orders *orders, const struct rune_rule_vm *vm);

/* An order of a stored relation that begins with the column: the image's, or, of pairs, a new one.
 * False: there is none, and no room for one. Cost: O(1), or O(tuples). */
bool rune_pipe_orders_find(struct rune_pipe_orders *orders, const struct rune_store *store,
                           struct rune_arena *arena, uint32_t relation, uint32_t column,
                           uint32_t *ret_order);
