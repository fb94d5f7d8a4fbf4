/* SPDX-License-Identifier: Apache-2.0 */
/* rule_vm: see rule_vm.h. INVARIANT: programs were verified (rule_verify.c) or made by this
 * process, so registers, loops, orders, plans and jumps are in range and nothing is checked again.
 */
#include "eval/rule_vm.h"

#include "base/bits.h"
#include "eval/entities.h"
#include "eval/rule_frame.h"
#include "eval/values.h"

size_t rune_rule_frame_bytes(uint32_t loops, uint32_t registers)
{
    return rune_rule_frame_size(loops, registers);
}

const struct rune_rule_op_info rune_rule_ops[RUNE_RULE_OP_COUNT] = {
#define RUNE_RULE_OP(name, operands, text) {#name, operands, text},
#include "eval/rule_code.def"
#undef RUNE_RULE_OP
};

void rune_rule_vm_forget(struct rune_rule_vm *vm)
{
    vm->tables = NULL;
    vm->table_slots = vm->table_count = 0;
    vm->filling = NULL;
    vm->components = NULL;
    vm->brought = NULL;
}

enum rune_err rune_rule_vm_init(struct rune_rule_vm *vm, struct rune_arena *arena)
{
    vm->arena = arena;
    vm->err = RUNE_OK;
    vm->error = NULL;
    vm->failed = 0;
    vm->is_unsure = false;
    vm->counts = false;
    vm->depth = 0;
    vm->step_cost = 1;
    rune_rule_vm_forget(vm);
    vm->frames = rune_arena_alloc(arena, RUNE_RULE_FRAME_BYTES);
    if (vm->frames == NULL) {
        return RUNE_E_LIMIT;
    }
    vm->frames_end = vm->frames + RUNE_RULE_FRAME_BYTES;
    vm->reserve = rune_arena_left(arena) / RUNE_RULE_RESERVE_PART;
    return RUNE_OK;
}

/* ---- calls ---- */

bool rune_rule_holds(struct rune_rule_vm *vm, const struct rune_image_plan *plans,
                     uint32_t plan_count, const rune_term *args)
{
    if (vm->in.relations[plans[0].relation].component != 0) {
        const struct rune_rule_table *table = rune_rule_solve(vm, plans, plan_count, args);
        return table != NULL && table->count > 0;
    }
    bool counts = vm->counts, holds = false;
    vm->counts = false; /* one tuple is enough */
    for (uint32_t i = 0; i < plan_count && !holds && vm->err == RUNE_OK; i++) {
        holds = rune_rule_run(vm, &plans[i], args, NULL, NULL);
    }
    vm->counts = counts;
    return holds;
}

/* A CALL of a relation that recurses. */
static RUNE_APART bool call_table(struct rune_rule_vm *vm, const uint32_t *word,
                                  const rune_term *registers)
{
    rune_term args[RUNE_RULE_MAX_ARITY];
    uint32_t failed = vm->failed;
    (void)rune_rule_gather(word + 5, registers, args);
    bool found = rune_rule_holds(vm, vm->plans + word[1], word[2], args);
    return rune_rule_call_passes(vm, word, failed, found) && vm->err == RUNE_OK;
}

/* A CALL_SCAN: RUNE_RULE_FIRST_TURN, where the program goes on, or RUNE_RULE_STOPPED. */
static RUNE_APART uint32_t call_scan_begin(struct rune_rule_vm *vm,
                                           const struct rune_rule_frame *frame,
                                           const struct rune_rule_receiver *receiver,
                                           const uint32_t *word)
{
    rune_term args[RUNE_RULE_MAX_ARITY];
    struct rune_rule_loop *loop = &frame->loops[word[1]];
    (void)rune_rule_gather(word + 6, frame->registers, args);
    loop->table = rune_rule_is_asked_once(vm, word)
                      ? NULL
                      : rune_rule_try_solve(vm, vm->plans + word[2], word[3], args);
    loop->next = 0;
    if (loop->table == NULL && vm->err == RUNE_OK) {
        uint32_t target = 0;
        bool stopped = rune_rule_stream(vm, frame, receiver, word, args, &target);
        return stopped ? RUNE_RULE_STOPPED : target;
    }
    const uint32_t *columns = rune_rule_skip_list(word + 6, 1);
    return loop->table != NULL && rune_rule_loop_table(vm, loop, columns, frame->registers)
               ? RUNE_RULE_FIRST_TURN
               : word[4];
}

/* ---- what single instructions do: true where the program goes on behind them ---- */

static inline rune_term request_part(const struct rune_rule_vm *vm, uint32_t which)
{
    if (vm->request == NULL) {
        return RUNE_TERM_NONE;
    }
    return which == 0   ? vm->request->principal
           : which == 1 ? vm->request->action
                        : vm->request->resource;
}

static inline bool load_request(const struct rune_rule_vm *vm, const uint32_t *word,
                                rune_term *registers)
{
    registers[word[1]] = request_part(vm, word[2]);
    return registers[word[1]] != RUNE_TERM_NONE;
}

static RUNE_APART bool entity_exists(const struct rune_rule_vm *vm, rune_term entity, uint32_t ways)
{
    return rune_rule_entity_exists(vm, entity) ||
           ((ways & RUNE_RULE_SEES_BROUGHT) != 0 &&
            rune_entities_find_request(vm->request, entity) != NULL);
}

/* A MEMBER and its first turn. */
static RUNE_APART bool member_begin(struct rune_rule_vm *vm, struct rune_rule_loop *loop,
                                    const uint32_t *word, rune_term *registers)
{
    rune_term set = registers[word[3]];
    if (rune_term_kind(set) != RUNE_KIND_SET) {
        rune_rule_fail(vm, "type_error");
        return false;
    }
    const struct rune_terms *of = rune_rule_terms(&vm->values, set);
    loop->run = of->heap + of->sets[rune_term_index(set)];
    loop->next = 0;
    return rune_rule_loop_member(vm, loop, word[2], registers);
}

/* An EMIT: whether the receiver wants more. */
static inline bool give(const struct rune_rule_receiver *receiver, const uint32_t *word,
                        const rune_term *registers)
{
    rune_term tuple[RUNE_RULE_MAX_ARITY];
    (void)rune_rule_gather(word + 2, registers, tuple);
    return receiver->emit(receiver->context, tuple);
}

/* ---- programs ---- */

/* Runs a program from a word on. A check that fails sets `target` and goes on at `again`; only
 * loops and word 0 can stand there. Where that is `floor` (a loop, or word 0) or before it, it is
 * somebody else's: the run ends, and *ret_target tells. What an instruction does that is more than
 * a few lines is a function apart, so that the compiler keeps what all share in registers. */
bool rune_rule_run_code(struct rune_rule_vm *vm, const struct rune_rule_frame *begin,
                        const struct rune_rule_receiver *receiver, const uint32_t *word,
                        uint32_t floor, uint32_t *ret_target)
{
    struct rune_rule_frame run = *begin;
    rune_term *registers = run.registers;
    struct rune_rule_call *call = NULL; /* the innermost that is in this turn */
    uint32_t target;
    bool found;

/* To the next instruction, or to where a failed one says. */
#define NEXT_OR(holds, next, where) \
    do {                            \
        if (!(holds)) {             \
            target = (where);       \
            goto again;             \
        }                           \
        word = (next);              \
    } while (0)

/* An instruction that is no more than that. */
#define CHECK(name, holds, next, where) \
    case RUNE_RULE_##name:              \
        NEXT_OR(holds, next, where);    \
        break;

    for (;;) {
        switch ((enum rune_rule_op)word[0]) {
        case RUNE_RULE_RETURN:
        case RUNE_RULE_OP_COUNT:
            target = 0;
            goto again;
        case RUNE_RULE_CONST:
            registers[word[1]] = word[2];
            word += 3;
            break;
        case RUNE_RULE_MOVE:
            registers[word[1]] = registers[word[2]];
            word += 3;
            break;
        case RUNE_RULE_MARK:
            vm->failed += (word[1] & RUNE_RULE_MARK_PARTIAL) != 0;
            vm->is_unsure = vm->is_unsure || (word[1] & RUNE_RULE_MARK_UNSURE) != 0;
            word += 2;
            break;
            CHECK(LOAD_REQUEST, load_request(vm, word, registers), word + 4, word[3])
            CHECK(CONTEXT, rune_rule_do_load_context(vm, word, registers), word + 4, word[3])
            CHECK(EQ, registers[word[1]] == registers[word[2]], word + 4, word[3])
            CHECK(NE, registers[word[1]] != registers[word[2]], word + 4, word[3])
            CHECK(COMPARE, rune_rule_do_compare(vm, word, registers), word + 5, word[4])
            CHECK(ARITH, rune_rule_do_arith(vm, word, registers), word + 6, word[5])
            CHECK(NEGATE, rune_rule_do_negate(vm, word, registers), word + 4, word[3])
            CHECK(EXISTS, rune_rule_scan_test(vm, word, registers, run.ways),
                  rune_rule_skip_list(word + 4, 1), word[3])
            CHECK(AGGREGATE, rune_rule_do_aggregate(vm, word, registers),
                  rune_rule_skip_list(word + 6, 1), word[5])
            CHECK(ENTITY_EXISTS, entity_exists(vm, registers[word[1]], run.ways), word + 3, word[2])
            CHECK(ATTR, rune_rule_do_load_attr(vm, word, registers), word + 6, word[5])
            CHECK(IN, rune_rule_test_in(vm, word, registers), rune_rule_skip_list(word + 4, 1),
                  word[3])
            CHECK(IN_SET, rune_rule_test_in_set(vm, word, registers), word + 5, word[4])
            CHECK(IS, rune_rule_is_of_type(vm, registers[word[1]], word[2]) != (word[3] != 0),
                  word + 5, word[4])
            CHECK(ENTITY_PARTS, rune_rule_do_entity_parts(vm, word, registers), word + 5, word[4])
            CHECK(ENTITY_MAKE, rune_rule_do_entity_make(vm, word, registers), word + 5, word[4])
            CHECK(INDEX, rune_rule_do_index_record(vm, word, registers), word + 5, word[4])
            CHECK(MEMBER, member_begin(vm, &run.loops[word[1]], word, registers), word + 6, word[4])
            CHECK(ELEMENT, rune_rule_test_element(vm, registers[word[1]], registers[word[2]]),
                  word + 4, word[3])
            CHECK(TEST, rune_rule_test_function(vm, word, registers),
                  rune_rule_skip_list(word + 4, 1), word[3])
            CHECK(FUNCTION, rune_rule_do_call_function(vm, word, registers),
                  rune_rule_skip_list(word + 4, 1), word[3])
        case RUNE_RULE_SCAN: {
            struct rune_rule_loop *loop = &run.loops[word[1]];
            target = run.ways == 0 ? rune_rule_scan_begin(vm, loop, word, registers)
                                   : rune_rule_scan_begin_by_ways(vm, loop, word, registers,
                                                                  run.ways, receiver->context);
            if (target != RUNE_RULE_FIRST_TURN) {
                goto no_turn;
            }
            word = loop->body;
            break;
        }
        case RUNE_RULE_CALL:
            if (vm->in.relations[vm->plans[word[1]].relation].component != 0) {
                NEXT_OR(call_table(vm, word, registers), rune_rule_skip_list(word + 5, 1), word[4]);
                break;
            }
            call = rune_rule_call_begin(vm, &run, word, floor, call);
            if (call == NULL) {
                return false;
            }
            floor = 0;
            goto next_program;
        case RUNE_RULE_CALL_SCAN: {
            const struct rune_rule_receiver prove = {NULL, NULL};
            const struct rune_rule_frame frame = run;
            target = call_scan_begin(vm, &frame, call != NULL ? &prove : receiver, word);
            if (target != RUNE_RULE_FIRST_TURN) {
                goto no_turn;
            }
            word = rune_rule_scan_at(word).body;
            break;
        }
        case RUNE_RULE_EMIT:
            if (call != NULL || receiver->emit == NULL) {
                goto proved;
            }
            if (!give(receiver, word, registers)) {
                return true;
            }
            target = word[1];
            goto again;
        }
        continue;

    no_turn:
        if (target == RUNE_RULE_STOPPED) {
            goto proved;
        }
    again:
        if (vm->err != RUNE_OK) {
            return false;
        }
        for (;;) {
            if (target <= floor) {
                if (call == NULL) {
                    *ret_target = target;
                    return false;
                }
                goto next_program;
            }
            word = run.code + target;
            if (word[0] == RUNE_RULE_SCAN) {
                struct rune_rule_loop *loop = &run.loops[word[1]];
                if (rune_rule_loop_scan(vm, loop, word, registers)) {
                    word = loop->body;
                    break;
                }
                target = word[5];
                if (target == 0 && (run.ways & RUNE_RULE_TAKES_ROWS) != 0 &&
                    rune_rule_scan_finds_more(vm, receiver, &loop->cursor)) {
                    target = (uint32_t)(word - run.code);
                }
            } else if (word[0] == RUNE_RULE_CALL_SCAN) {
                const struct rune_rule_scan scan = rune_rule_scan_at(word);
                if (rune_rule_loop_table(vm, &run.loops[word[1]], scan.columns, registers)) {
                    word = scan.body;
                    break;
                }
                target = word[5];
            } else if (word[0] == RUNE_RULE_MEMBER) {
                if (rune_rule_loop_member(vm, &run.loops[word[1]], word[2], registers)) {
                    word += 6;
                    break;
                }
                target = word[5];
            } else {
                target = 0;
            }
            if (vm->err != RUNE_OK) {
                return false;
            }
        }
        continue;

    next_program:
        if (call->plan < call->plans_end) {
            if (!rune_rule_call_open_next(vm, call, &run)) {
                return false;
            }
            registers = run.registers;
            word = run.code + 1;
            continue;
        }
        found = false;
        goto end_call;

    proved:
        if (call == NULL) {
            return true;
        }
        found = true;

    end_call:
        word = call->word;
        run = call->caller;
        registers = run.registers;
        floor = call->floor;
        found = rune_rule_call_end(vm, call, found);
        call = call->outer;
        NEXT_OR(found, rune_rule_skip_list(word + 5, 1), word[4]);
    }
#undef CHECK
#undef NEXT_OR
}

bool rune_rule_run(struct rune_rule_vm *vm, const struct rune_image_plan *plan,
                   const rune_term *args, rune_rule_emit_fn emit, void *context)
{
    uint64_t outer_cost = vm->step_cost;
    uint32_t depth = vm->depth++;
    char *memory = vm->frames;
    const struct rune_rule_receiver receiver = {emit, context};
    struct rune_rule_frame frame;
    bool counts = vm->counts, stopped = true;
    if (rune_rule_frame_open(vm, plan, memory, &frame)) {
        uint32_t target, count = rune_bits_count(plan->bound);
        if (vm->taker != NULL && emit == vm->taker->emit) {
            frame.ways |= RUNE_RULE_TAKES_ROWS;
        }
        for (uint32_t i = 0; i < count; i++) {
            frame.registers[i] = args[i];
        }
        stopped = rune_rule_run_code(vm, &frame, &receiver, frame.code + 1, 0, &target);
    }
    vm->depth = depth;
    vm->counts = counts;
    vm->step_cost = outer_cost;
    vm->frames = memory;
    return stopped;
}
