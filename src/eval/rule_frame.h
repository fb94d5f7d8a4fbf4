/* SPDX-License-Identifier: Apache-2.0 */
/* rule_frame: the frames of running programs, on the machine's own stack, and what a CALL leaves
 * there. Inline, since each call of each decision goes through here. Private to: rule_vm,
 * rule_scan, rule_stream. */
#pragma once

#include "eval/rule_loop.h"

#define RUNE_RULE_WORDS_A_STEP 512u /* of a program: one turn of a loop may run all of it */

/* What makes a program's loops others than most: bits. */
enum rune_rule_way {
    RUNE_RULE_SEES_BROUGHT = 1, /* the request brings entities, and the relation depends on it */
    RUNE_RULE_TAKES_ROWS = 2,   /* its tuples go to vm->taker */
};

/* A program in its frame: loops, then a prefix for each loop (read backwards from the registers),
 * then registers. */
struct rune_rule_frame {
    const uint32_t *code;
    rune_term *registers;
    struct rune_rule_loop *loops;
    uint32_t ways;
};

/* Who gets the tuples. */
struct rune_rule_receiver {
    rune_rule_emit_fn emit; /* NULL: one proof is enough */
    void *context;
};

/* What a CALL leaves behind, before the frames of the programs that it runs one after the other:
 * they run in the same turn of rune_rule_run_code, and only whether one of them finds a tuple comes
 * back. */
struct rune_rule_call {
    struct rune_rule_call *outer; /* NULL: none in this turn */
    const uint32_t *word;
    struct rune_rule_frame caller;
    const struct rune_image_plan *plan, *plans_end; /* the next to run; behind the last */
    uint64_t step_cost;
    uint32_t floor;
    uint32_t failed;
    bool counts;
};

/* rule_vm.c. Runs a program from a word on, until it jumps to `floor` (a loop, or word 0) or before
 * it: *ret_target is where. True: its receiver wants no more. Look at vm->err. */
bool rune_rule_run_code(struct rune_rule_vm *vm, const struct rune_rule_frame *begin,
                        const struct rune_rule_receiver *receiver, const uint32_t *word,
                        uint32_t floor, uint32_t *ret_target);

/* rule_stream.c. A CALL_SCAN whose tuples are not kept: whether it is one; and all of its turns, as
 * rune_rule_run_code runs code. */
bool rune_rule_is_asked_once(const struct rune_rule_vm *vm, const uint32_t *word);
bool rune_rule_stream(struct rune_rule_vm *vm, const struct rune_rule_frame *frame,
                      const struct rune_rule_receiver *receiver, const uint32_t *word,
                      const rune_term *args, uint32_t *ret_target);

/* ---- loops over stored tuples: rule_scan.c ---- */

/* What a loop begins with, unless it is where the program goes on: its first turn, or (_STOPPED)
 * the receiver wants no more. */
#define RUNE_RULE_FIRST_TURN UINT32_MAX
#define RUNE_RULE_STOPPED    (UINT32_MAX - 1)

/* A SCAN, of a program with no ways of its own, and of any. */
uint32_t rune_rule_scan_begin(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                              const uint32_t *word, rune_term *registers);
uint32_t rune_rule_scan_begin_by_ways(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                                      const uint32_t *word, rune_term *registers, uint32_t ways,
                                      void *context);

/* The outermost loop is at its end. True: whoever takes its rows has more. */
bool rune_rule_scan_finds_more(struct rune_rule_vm *vm, const struct rune_rule_receiver *receiver,
                               struct rune_cursor *cursor);

/* EXISTS. False also where steps are out (vm->err). */
bool rune_rule_scan_test(struct rune_rule_vm *vm, const uint32_t *word, const rune_term *registers,
                         uint32_t ways);

/* ---- frames ---- */

static inline size_t rune_rule_frame_size(uint32_t loops, uint32_t registers)
{
    size_t prefix_bytes = RUNE_ORDER_MAX_PREFIX * sizeof(rune_term);
    size_t bytes =
        loops * (sizeof(struct rune_rule_loop) + prefix_bytes) + registers * sizeof(rune_term);
    return (bytes + 15) & ~(size_t)15;
}

/* Puts a program's frame to `frame`, behind which nothing is in use. False: a limit, vm->err. */
static inline bool rune_rule_frame_open(struct rune_rule_vm *vm, const struct rune_image_plan *plan,
                                        char *memory, struct rune_rule_frame *frame)
{
    uint32_t loops = RUNE_PLAN_LOOPS(plan->flags);
    size_t bytes = rune_rule_frame_size(loops, plan->registers);
    uint64_t step_cost = 1 + plan->code_length / RUNE_RULE_WORDS_A_STEP;
    if (vm->depth > RUNE_RULE_MAX_DEPTH || (size_t)(vm->frames_end - memory) < bytes ||
        !rune_rule_take_steps(vm, step_cost)) {
        vm->err = RUNE_E_LIMIT;
        return false;
    }
    vm->step_cost = step_cost;
    vm->frames = memory + bytes;
    frame->code = vm->code + plan->code;
    frame->loops = (struct rune_rule_loop *)(void *)memory;
    frame->registers =
        (rune_term *)(void *)(frame->loops + loops) + (size_t)loops * RUNE_ORDER_MAX_PREFIX;
    frame->ways = 0;
    if (vm->brings_entities &&
        (vm->in.relations[plan->relation].flags & RUNE_RELATION_REQUEST) != 0) {
        frame->ways = RUNE_RULE_SEES_BROUGHT;
    }
    return true;
}

/* ---- calls ---- */

/* Whether a CALL (`word`) lets the program go on. FAILCLOSED: what failed since there were `failed`
 * may be missing where the absence of a tuple is asked for. */
static inline bool rune_rule_call_passes(struct rune_rule_vm *vm, const uint32_t *word,
                                         uint32_t failed, bool found)
{
    bool is_negated = word[3] != 0;
    if (is_negated && vm->failed != failed) {
        vm->is_unsure = true;
    }
    return found != is_negated;
}

/* A CALL of a relation that does not recurse. NULL: no room, vm->err. */
static inline struct rune_rule_call *rune_rule_call_begin(struct rune_rule_vm *vm,
                                                          const struct rune_rule_frame *caller,
                                                          const uint32_t *word, uint32_t floor,
                                                          struct rune_rule_call *outer)
{
    struct rune_rule_call *call = (struct rune_rule_call *)(void *)vm->frames;
    if ((size_t)(vm->frames_end - vm->frames) < sizeof(*call)) {
        vm->err = RUNE_E_LIMIT;
        return NULL;
    }
    call->outer = outer;
    call->word = word;
    call->caller = *caller;
    call->plan = vm->plans + word[1];
    call->plans_end = call->plan + word[2];
    call->step_cost = vm->step_cost;
    call->floor = floor;
    call->failed = vm->failed;
    call->counts = vm->counts;
    vm->counts = false; /* one tuple is enough */
    vm->depth++;
    return call;
}

/* The next of its programs, with its arguments. False: a limit, vm->err. */
static inline bool rune_rule_call_open_next(struct rune_rule_vm *vm, struct rune_rule_call *call,
                                            struct rune_rule_frame *frame)
{
    if (!rune_rule_frame_open(vm, call->plan++, (char *)(call + 1), frame)) {
        return false;
    }
    (void)rune_rule_gather(call->word + 5, call->caller.registers, frame->registers);
    return true;
}

/* Back in the caller: whether it goes on behind the CALL. */
static inline bool rune_rule_call_end(struct rune_rule_vm *vm, const struct rune_rule_call *call,
                                      bool found)
{
    vm->frames = (char *)(uintptr_t)call;
    vm->depth--;
    vm->counts = call->counts;
    vm->step_cost = call->step_cost;
    return rune_rule_call_passes(vm, call->word, call->failed, found);
}
