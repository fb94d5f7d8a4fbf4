/* SPDX-License-Identifier: Apache-2.0 */
/* rule_vm: runs compiled rules; the one executor of the builder's fixpoint and of requests.
 *
 * Owns: the state of one evaluation: limits, errors, tables of relations asked with free columns.
 * Knows: instructions (rule_code.h), cursors, entity data. Does not know: where plans come from;
 * which answer a permit gives.
 *
 * Relations that recurse are answered by tables: one per (relation, bound columns, their values),
 * filled in place. A loop over a table sees what is added behind it, so a left-linear recursion
 * closes in one pass; a table is filled again as long as one that it read has grown since. Other
 * relations with free columns get a table, too, filled once: each tuple is then seen once, and the
 * same question is not computed twice in a decision. Where the tuples are too many to be kept, a
 * loop over them takes them one by one, as the relation's own programs find them: the rest of the
 * asking program runs inside them (rule_stream.c).
 *
 * Steps bound the time of an evaluation, so they are counted by what takes time: one for a tuple
 * that lies behind the one read before, more for what waits for memory. On a slow machine one is 10
 * nanoseconds or less, whatever a rule does.
 *
 * A derivation that errs derives nothing and is counted in `failed`. FAILCLOSED: if that happens
 * below a negation or an aggregate, `is_unsure` is set: what could not be computed may be missing
 * there. Thread: one at a time. Memory: the arena only. Used by: rule_eval, datalog/fixpoint. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "eval/prefix_filter.h"
#include "eval/relation.h"
#include "eval/request.h"
#include "eval/rule_values.h"
#include "eval/store.h"

#define RUNE_RULE_MAX_ARITY    64u  /* LIMIT: columns of a relation, which arguments are, too */
#define RUNE_RULE_MAX_DEPTH    200u /* LIMIT: calls within calls */
#define RUNE_RULE_TABLE_SLOTS  256u /* hash chains of tables at first; a power of two */
#define RUNE_RULE_FRAME_BYTES  (96u * 1024) /* LIMIT: registers and loops of all active calls */
#define RUNE_RULE_RESERVE_PART 8u           /* of the memory: what tables of loops leave */

/* Steps of what takes more than a tuple's one. */
#define RUNE_RULE_FAR_STEPS   16u /* a search in a large order, a look at one of many entities */
#define RUNE_RULE_KEEP_STEPS  3u  /* a tuple that is looked up, and kept if it is new */
#define RUNE_RULE_TABLE_STEPS 16u /* a table that is made or found */
/* An order is large: the nearer caches do not hold it. */
#define RUNE_RULE_FAR_BYTES    (512u * 1024)
#define RUNE_RULE_FAR_ENTITIES 65536u /* they are many */

struct rune_rule_table;
struct rune_rule_component;
struct rune_rule_brought;

/* Gets each tuple of the head, possibly more than once; false stops. */
typedef bool (*rune_rule_emit_fn)(void *context, const rune_term *tuple);

/* Gets many tuples at once, those that differ only in one column: its values are at sort position
 * `position` of what the cursor has left. tuple[column] means nothing. */
typedef bool (*rune_rule_row_fn)(void *context, const rune_term *tuple,
                                 const struct rune_cursor *cursor, uint32_t position,
                                 uint32_t column);

/* Before a loop that gives the one column that `tuple` still lacks, at sort position `position`:
 * leaves what is new of what the cursor has. False: nothing. */
typedef bool (*rune_rule_fresh_fn)(void *context, const rune_term *tuple,
                                   struct rune_cursor *cursor, uint32_t position);

/* The outermost loop, over a growing relation, is at its end: whether that reaches further now. */
typedef bool (*rune_rule_more_fn)(void *context);

/* Who takes the tuples of a program in ways of its own: of the one that is run with this `emit`,
 * and of none that it asks. The context is that of `emit`. Used by: the builder, and who counts. */
struct rune_rule_taker {
    rune_rule_emit_fn emit;
    rune_rule_row_fn row;
    rune_rule_more_fn more;               /* NULL: there is never more */
    rune_rule_fresh_fn fresh;             /* called at the loop `fresh_at`, unless that is NULL */
    const uint32_t *fresh_at;             /* a SCAN of the program */
    const uint32_t *fresh_head;           /* its list of the head's registers */
    rune_term tuple[RUNE_RULE_MAX_ARITY]; /* the machine's: what `row` and `fresh` are given */
};

/* One that takes rows and no more. Its tuple stays as it is: clearing it would cost more than a
 * short program. */
static inline void rune_rule_taker_init(struct rune_rule_taker *taker, rune_rule_emit_fn emit,
                                        rune_rule_row_fn row)
{
    taker->emit = emit;
    taker->row = row;
    taker->more = NULL;
    taker->fresh_at = NULL;
}

struct rune_rule_vm {
    struct rune_relations in;
    const struct rune_image_plan *plans;
    const uint32_t *code;
    struct rune_rule_values values;
    const struct rune_store *store;     /* entity data */
    uint32_t entity_count;              /* of the store's entity arrays */
    const struct rune_request *request; /* NULL: none */
    bool brings_entities;
    struct rune_rule_brought *brought; /* their tuples; NULL: not asked for yet */
    uint32_t brought_count;            /* how often some of them were made */
    struct rune_arena *arena;
    size_t reserve; /* of the arena, that tables of loops leave to others */
    uint64_t steps_left;
    uint64_t step_cost; /* steps of a turn of a loop: more than one in very long programs */
    enum rune_err err;  /* RUNE_E_LIMIT, RUNE_E_NOMEM: sticky, ends everything */
    const char *error;  /* code of the first derivation error; NULL: none */
    uint32_t failed;    /* derivations that erred, and reads of partial relations */
    bool is_unsure;
    bool counts; /* what runs is counted by an aggregate: no tuple may be given twice */
    uint32_t depth;
    char *frames, *frames_end;       /* stack of registers and loops */
    struct rune_rule_table **tables; /* hash chains */
    uint32_t table_slots, table_count;
    struct rune_rule_table *filling;        /* the table whose plans run; NULL: none */
    struct rune_rule_component *components; /* being solved, innermost first */
    struct rune_rule_taker *taker;          /* NULL: nobody */
    const struct rune_prefix_filter
        *filters; /* the builder's, by order; the later ones have none */
    uint32_t filter_count;
};

/* False: there are not so many left; vm->err is set. */
static inline bool rune_rule_take_steps(struct rune_rule_vm *vm, uint64_t steps)
{
    if (vm->steps_left < steps) {
        vm->steps_left = 0;
        vm->err = RUNE_E_LIMIT;
        return false;
    }
    vm->steps_left -= steps;
    return true;
}

/* Of one active call: its loops, then what each searches by, then registers. */
size_t rune_rule_frame_bytes(uint32_t loops, uint32_t registers);

/* Takes its memory from the arena. RUNE_E_LIMIT. The caller fills in `in`, plans, code, values,
 * store first. */
RUNE_MUST_USE enum rune_err rune_rule_vm_init(struct rune_rule_vm *vm, struct rune_arena *arena);

/* Forgets all tables, and the tuples of what a request brings (the arena was rewound to where it
 * was right after init). */
void rune_rule_vm_forget(struct rune_rule_vm *vm);

/* Runs one plan. With emit NULL: stops at the first tuple. True if it was stopped so, or by emit.
 * After it, look at vm->err. `args`: one term a bound column. */
bool rune_rule_run(struct rune_rule_vm *vm, const struct rune_image_plan *plan,
                   const rune_term *args, rune_rule_emit_fn emit, void *context);

/* One of the tables that are filled again when another has grown. */
struct rune_rule_reader {
    struct rune_rule_reader *next;
    struct rune_rule_table *table;
};

struct rune_rule_table {
    struct rune_rule_table *next_in_slot;
    struct rune_rule_table *next_in_component;
    const struct rune_image_plan *plans;
    uint32_t plan_count;
    uint32_t arg_count;
    uint32_t arity;
    uint32_t count, capacity; /* tuples */
    uint32_t slots;           /* of `hash`, a power of two or 0 */
    uint32_t failed;          /* derivations that erred in filling it */
    uint64_t key;             /* hash of plans and args */
    bool is_complete;
    bool is_dirty; /* something it read has grown */
    bool has_grown;
    bool may_end;   /* before it has all tuples, when they take too much room */
    bool counts;    /* who asked for it is counted */
    bool is_beyond; /* it did */
    rune_term *rows;
    uint32_t *hash;                        /* 1 + row */
    struct rune_rule_component *component; /* while it is being solved */
    struct rune_rule_reader *readers;      /* tables to fill again when this one has grown */
    struct rune_rule_vm *vm;
    rune_rule_emit_fn accept; /* NULL: all tuples are kept; else those for which it is true */
    void *accept_context;
    rune_term args[];
};

/* The distinct tuples of a group of plans (all rules of a relation for one binding pattern), by
 * table; `arity` columns each, in rows. NULL: vm->err. */
const struct rune_rule_table *rune_rule_solve(struct rune_rule_vm *vm,
                                              const struct rune_image_plan *plans,
                                              uint32_t plan_count, const rune_term *args);

/* The same for one who can do without: NULL with vm->err RUNE_OK where the tuples take too much
 * room. Then the plans do not recurse, and, if what runs is counted, give no tuple twice. */
const struct rune_rule_table *rune_rule_try_solve(struct rune_rule_vm *vm,
                                                  const struct rune_image_plan *plans,
                                                  uint32_t plan_count, const rune_term *args);

/* The distinct tuples of the plans, which do not recurse, that `accept` takes (NULL: all): of
 * `arity` columns, in a table that is nobody else's. NULL: vm->err. */
const struct rune_rule_table *rune_rule_collect(struct rune_rule_vm *vm,
                                                const struct rune_image_plan *plans,
                                                uint32_t plan_count, const rune_term *args,
                                                uint32_t arity, rune_rule_emit_fn accept,
                                                void *accept_context);

/* Whether the plans, run with vm->counts set, give no tuple twice, and need no table for that or
 * for anything they ask: memory is no limit then. */
bool rune_rule_is_streamed(const struct rune_rule_vm *vm, const struct rune_image_plan *plans,
                           uint32_t plan_count);

/* Cedar's `in` over stored ancestors and, with `sees_request`, those the request brings. */
bool rune_rule_is_in(const struct rune_rule_vm *vm, rune_term entity, rune_term ancestor,
                     bool sees_request);
