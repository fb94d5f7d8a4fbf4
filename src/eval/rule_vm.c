/* SPDX-License-Identifier: Apache-2.0 */
/* rule_vm: see rule_vm.h. INVARIANT: programs were verified (rule_verify.c) or made by this
 * process, so registers, loops, orders, plans and jumps are in range and nothing is checked again.
 */
#include "eval/rule_vm.h"

#include "eval/entities.h"
#include "eval/rule_filter.h"
#include "eval/rule_loop.h"
#include "eval/rule_vm_int.h"
#include "eval/values.h"

#define WORDS_A_STEP 512u /* of a program: one turn of a loop may run all of it */

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

/* Memory that a search in an order reads here and there. */
static inline uint64_t order_bytes(const struct rune_image_order *order)
{
    if (order->form != RUNE_ORDER_GROWING) {
        return order->size;
    }
    const struct rune_growing *tuples =
        ((const struct rune_growing_view *)(uintptr_t)order->offset)->relation;
    return (uint64_t)tuples->count * tuples->arity * sizeof(rune_term);
}

/* Of a search by `count` columns. */
static inline uint64_t search_steps(const struct rune_image_order *order, uint32_t count)
{
    return count > 0 && order_bytes(order) > RUNE_RULE_FAR_BYTES ? RUNE_RULE_FAR_STEPS : 1;
}

static rune_term request_part(const struct rune_rule_vm *vm, uint32_t which)
{
    if (vm->request == NULL) {
        return RUNE_TERM_NONE;
    }
    return which == 0   ? vm->request->principal
           : which == 1 ? vm->request->action
                        : vm->request->resource;
}

/* ---- whole rows ---- */

/* Whether it is this run's tuples that the builder takes in ways of its own, not those of a
 * relation that is asked on the way. */
static inline bool is_taker(const struct rune_rule_vm *vm, rune_rule_emit_fn emit)
{
    return emit != NULL && emit == vm->row_of;
}

/* The outermost loop is at its end. True: it goes on. */
static bool find_more(struct rune_rule_vm *vm, rune_rule_emit_fn emit, void *context,
                      struct rune_cursor *cursor)
{
    if (!is_taker(vm, emit) || vm->more == NULL || vm->err != RUNE_OK ||
        cursor->order->form != RUNE_ORDER_GROWING || !vm->more(context)) {
        return false;
    }
    rune_cursor_extend(cursor);
    return true;
}

/* Whether a scan reads nothing but one column of the tuple that is emitted next. */
static bool is_row(const uint32_t *word, uint32_t *ret_column)
{
    struct rune_rule_scan scan = rune_rule_scan_at(word);
    const uint32_t *list = scan.body + 2;
    uint32_t found = 0;
    if (scan.columns[0] != 1 || scan.body[0] != RUNE_RULE_EMIT) {
        return false;
    }
    for (uint32_t i = 0; i < list[0]; i++) {
        if (list[1 + i] == scan.columns[2]) {
            *ret_column = i;
            found++;
        }
    }
    return found == 1;
}

/* Such a scan, given whole; false: whoever takes it wants no more. */
static bool emit_row(struct rune_rule_vm *vm, const uint32_t *word, uint32_t column,
                     const struct rune_cursor *cursor, rune_term *registers, void *context)
{
    rune_term terms[64]; /* RUNE_DL_MAX_ARITY */
    struct rune_rule_scan scan = rune_rule_scan_at(word);
    registers[scan.columns[2]] = RUNE_TERM_NONE;
    (void)rune_rule_gather(scan.body + 2, registers, terms);
    return !rune_rule_take_steps(vm, 1) || vm->row(context, terms, cursor, scan.columns[1], column);
}

/* ---- frames ---- */

/* A program in its frame, and who takes its tuples. */
struct activation {
    const uint32_t *code;
    rune_term *registers;
    struct rune_rule_loop *loops;
    rune_rule_emit_fn emit; /* NULL: one proof is enough */
    void *context;
    bool sees_brought; /* the request brings entities, and the program's relation depends on it */
};

/* What a CALL leaves behind, before the frames of the programs that it runs one after the other:
 * they run in the same turn of run_code, and only whether one of them finds a tuple comes back. */
struct call {
    struct call *outer; /* NULL: none in this turn of run_code */
    const uint32_t *word;
    struct activation caller;
    const struct rune_image_plan *plan, *plans_end; /* the running one; behind the last */
    uint64_t step_cost;
    uint32_t floor;
    uint32_t failed;
    bool counts;
};

static bool run_code(struct rune_rule_vm *vm, const struct activation *run, const uint32_t *word,
                     uint32_t floor, uint32_t *ret_target);

/* A frame: loops, then a prefix for each loop (read backwards from the registers), then registers.
 */
size_t rune_rule_frame_bytes(uint32_t loops, uint32_t registers)
{
    size_t prefix_bytes = RUNE_ORDER_MAX_PREFIX * sizeof(rune_term);
    size_t bytes =
        loops * (sizeof(struct rune_rule_loop) + prefix_bytes) + registers * sizeof(rune_term);
    return (bytes + 15) & ~(size_t)15;
}

/* Puts a program's frame to `frame`, behind which nothing is in use. False: a limit, vm->err. */
static inline bool open_frame(struct rune_rule_vm *vm, const struct rune_image_plan *plan,
                              char *frame, struct activation *run)
{
    uint32_t loops = RUNE_PLAN_LOOPS(plan->flags);
    size_t bytes = rune_rule_frame_bytes(loops, plan->registers);
    uint64_t step_cost = 1 + plan->code_length / WORDS_A_STEP;
    if (vm->depth > RUNE_RULE_MAX_DEPTH || (size_t)(vm->frames_end - frame) < bytes ||
        !rune_rule_take_steps(vm, step_cost)) {
        vm->err = RUNE_E_LIMIT;
        return false;
    }
    vm->step_cost = step_cost;
    vm->frames = frame + bytes;
    run->code = vm->code + plan->code;
    run->loops = (struct rune_rule_loop *)(void *)frame;
    run->registers =
        (rune_term *)(void *)(run->loops + loops) + (size_t)loops * RUNE_ORDER_MAX_PREFIX;
    run->sees_brought = vm->brings_entities &&
                        (vm->in.relations[plan->relation].flags & RUNE_RELATION_REQUEST) != 0;
    return true;
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

/* Whether a CALL (`word`) lets the program go on. FAILCLOSED: what failed since there were `failed`
 * may be missing where the absence of a tuple is asked for. */
static inline bool call_passes(struct rune_rule_vm *vm, const uint32_t *word, uint32_t failed,
                               bool found)
{
    bool is_negated = word[3] != 0;
    if (is_negated && vm->failed != failed) {
        vm->is_unsure = true;
    }
    return found != is_negated;
}

/* A CALL of a relation that recurses. */
static bool call_table(struct rune_rule_vm *vm, const uint32_t *word, const rune_term *args)
{
    uint32_t failed = vm->failed;
    bool found = rune_rule_holds(vm, vm->plans + word[1], word[2], args);
    return call_passes(vm, word, failed, found) && vm->err == RUNE_OK;
}

/* Any other. NULL: no room, vm->err. */
static inline struct call *begin_call(struct rune_rule_vm *vm, const struct activation *caller,
                                      const uint32_t *word, uint32_t floor, struct call *outer)
{
    struct call *call = (struct call *)(void *)vm->frames;
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

/* Back in the caller: whether it goes on behind the CALL. */
static inline bool end_call(struct rune_rule_vm *vm, const struct call *call, bool found)
{
    vm->frames = (char *)(uintptr_t)call;
    vm->depth--;
    vm->counts = call->counts;
    vm->step_cost = call->step_cost;
    return call_passes(vm, call->word, call->failed, found);
}

/* A scan that gives the tuple's last value: of what there is, what is new. False: nothing. */
static bool keep_fresh(struct rune_rule_vm *vm, const uint32_t *word, struct rune_cursor *cursor,
                       rune_term *registers, void *context)
{
    rune_term terms[64]; /* RUNE_DL_MAX_ARITY */
    const uint32_t *columns = rune_rule_scan_at(word).columns;
    registers[columns[2]] = RUNE_TERM_NONE;
    (void)rune_rule_gather(vm->fresh_head, registers, terms);
    return vm->fresh(context, terms, cursor, columns[1]);
}

/* ---- loops over what is not kept ---- */

/* A CALL_SCAN whose tuples come from the programs that it asks while these run. */
struct stream {
    struct rune_rule_vm *vm;
    const struct activation *run;
    const uint32_t *word;
    uint64_t step_cost; /* of the program that loops */
    uint32_t target;    /* where the program goes on after the last tuple */
    bool any, is_stopped;
};

/* The rest of the program for one tuple, as far as the next turn of the loop, or out of it. */
static bool stream_tuple(void *context, const rune_term *tuple)
{
    struct stream *stream = context;
    struct rune_rule_vm *vm = stream->vm;
    struct rune_rule_scan scan = rune_rule_scan_at(stream->word);
    const uint32_t *columns = scan.columns;
    uint32_t self = (uint32_t)(stream->word - stream->run->code);
    uint64_t inner_cost = vm->step_cost;
    if (!rune_rule_take_steps(vm, stream->step_cost)) {
        return false;
    }
    for (uint32_t i = 0; i < columns[0]; i++) {
        stream->run->registers[columns[2 + 2 * i]] = tuple[columns[1 + 2 * i]];
    }
    stream->any = true;
    vm->step_cost = stream->step_cost;
    stream->is_stopped = run_code(vm, stream->run, scan.body, self, &stream->target);
    vm->step_cost = inner_cost;
    return !stream->is_stopped && vm->err == RUNE_OK && stream->target == self;
}

/* Whether a table could serve nobody again: nothing comes twice (rule_once), and of what a query
 * runs, which is one program then, the loop stands in no other. */
static bool is_asked_once(const struct rune_rule_vm *vm, const uint32_t *word)
{
    return vm->counts && vm->depth == 1 && word[5] == 0 && vm->err == RUNE_OK &&
           rune_rule_gives_once(vm, vm->plans + word[2], word[3]) &&
           vm->in.relations[vm->plans[word[2]].relation].component == 0;
}

/* True: whoever takes the program's tuples stopped it. Else *ret_target is where it goes on. */
static bool run_stream(struct rune_rule_vm *vm, const struct activation *run, const uint32_t *word,
                       const rune_term *args, uint32_t *ret_target)
{
    uint32_t self = (uint32_t)(word - run->code);
    struct stream stream = {
        .vm = vm, .run = run, .word = word, .step_cost = vm->step_cost, .target = self};
    const struct rune_image_plan *plans = vm->plans + word[2];
    for (uint32_t i = 0; i < word[3] && vm->err == RUNE_OK && stream.target == self; i++) {
        if (rune_rule_run(vm, &plans[i], args, stream_tuple, &stream) && stream.is_stopped) {
            return true;
        }
    }
    *ret_target = stream.target != self ? stream.target : word[stream.any ? 5 : 4];
    return false;
}

/* ---- programs ---- */

/* Runs a program from a word on. A check that fails sets `target` and goes on at `again`; only
 * loops and word 0 can stand there. Where that is `floor` (a loop, or word 0) or before it, it is
 * somebody else's: the run ends, and *ret_target tells. True: emit wants no more. */
static bool run_code(struct rune_rule_vm *vm, const struct activation *begin, const uint32_t *word,
                     uint32_t floor, uint32_t *ret_target)
{
    struct activation run = *begin;
    struct call *call = NULL; /* the innermost that is in this turn */
    rune_term terms[64];      /* RUNE_DL_MAX_ARITY; also arguments and prefixes */
    const char *error;
    uint32_t target;
    int side = 0;
    bool found;

#define FAIL_TO(where)    \
    do {                  \
        target = (where); \
        goto again;       \
    } while (0)

    for (;;) {
        switch ((enum rune_rule_op)word[0]) {
        case RUNE_RULE_RETURN:
        case RUNE_RULE_OP_COUNT:
            FAIL_TO(0);
        case RUNE_RULE_CONST:
            run.registers[word[1]] = word[2];
            word += 3;
            break;
        case RUNE_RULE_LOAD_REQUEST:
            run.registers[word[1]] = request_part(vm, word[2]);
            if (run.registers[word[1]] == RUNE_TERM_NONE) {
                FAIL_TO(word[3]);
            }
            word += 4;
            break;
        case RUNE_RULE_CONTEXT:
            run.registers[word[1]] = vm->request == NULL
                                         ? RUNE_TERM_NONE
                                         : rune_rule_get_member(vm, vm->request->context, word[2]);
            if (run.registers[word[1]] == RUNE_TERM_NONE) {
                FAIL_TO(word[3]);
            }
            word += 4;
            break;
        case RUNE_RULE_MOVE:
            run.registers[word[1]] = run.registers[word[2]];
            word += 3;
            break;
        case RUNE_RULE_EQ:
            if (run.registers[word[1]] != run.registers[word[2]]) {
                FAIL_TO(word[3]);
            }
            word += 4;
            break;
        case RUNE_RULE_NE:
            if (run.registers[word[1]] == run.registers[word[2]]) {
                FAIL_TO(word[3]);
            }
            word += 4;
            break;
        case RUNE_RULE_COMPARE:
            error = rune_rule_compare(&vm->values, run.registers[word[2]], run.registers[word[3]],
                                      &side);
            if (!rune_rule_computed(vm, error) ||
                !rune_rule_compare_holds((enum rune_rule_compare)word[1], side)) {
                FAIL_TO(word[4]);
            }
            word += 5;
            break;
        case RUNE_RULE_ARITH:
            error =
                rune_rule_arith(&vm->values, (enum rune_rule_arith)word[1], run.registers[word[3]],
                                run.registers[word[4]], &run.registers[word[2]]);
            if (!rune_rule_computed(vm, error)) {
                FAIL_TO(word[5]);
            }
            word += 6;
            break;
        case RUNE_RULE_NEGATE:
            error = rune_rule_negate(&vm->values, run.registers[word[2]], &run.registers[word[1]]);
            if (!rune_rule_computed(vm, error)) {
                FAIL_TO(word[3]);
            }
            word += 4;
            break;
        case RUNE_RULE_EXISTS: {
            uint32_t count = rune_rule_gather(word + 4, run.registers, terms);
            if (!rune_rule_take_steps(vm, search_steps(&vm->in.orders[word[1]], count))) {
                return false;
            }
            found = run.sees_brought && rune_rule_is_brought(vm, word[1])
                        ? rune_rule_brought_exists(vm, word[1], terms, count)
                        : rune_relation_exists(&vm->in, word[1], terms, count);
            if (found == (word[2] != 0)) {
                FAIL_TO(word[3]);
            }
            word = rune_rule_skip_list(word + 4, 1);
            break;
        }
        case RUNE_RULE_SCAN: {
            struct rune_rule_loop *loop = &run.loops[word[1]];
            const struct rune_image_order *order = &vm->in.orders[word[2]];
            rune_term *prefix = rune_rule_loop_prefix(run.registers, word[1]);
            uint32_t count = rune_rule_gather(word + 6, run.registers, prefix);
            uint64_t search_cost = search_steps(order, count);
            if (!rune_rule_take_steps(vm, search_cost)) {
                return false;
            }
            if (run.sees_brought && rune_rule_is_brought(vm, word[2])) {
                rune_rule_loop_open_brought(vm, loop, word, prefix, count);
                FAIL_TO((uint32_t)(word - run.code)); /* to its first step */
            }
            if (!rune_cursor_open(&vm->in, word[2], prefix, count, &loop->cursor)) {
                FAIL_TO(word[4]);
            }
            uint32_t column;
            if (is_taker(vm, run.emit) && is_row(word, &column)) {
                if (!emit_row(vm, word, column, &loop->cursor, run.registers, run.context)) {
                    return true;
                }
                FAIL_TO(word[5]);
            }
            if (word == vm->fresh_at &&
                !keep_fresh(vm, word, &loop->cursor, run.registers, run.context)) {
                FAIL_TO(word[5]); /* there are some, but of another prefix they might be new */
            }
            loop->columns = rune_rule_skip_list(word + 6, 1);
            loop->body = rune_rule_skip_list(loop->columns, 2);
            loop->turn_cost = vm->step_cost;
            if (count > 0 && order->form == RUNE_ORDER_GROWING) {
                loop->turn_cost *= search_cost; /* each tuple of a chain is elsewhere */
            }
            loop->filter.order = RUNE_RULE_NO_FILTER;
            if (!run.sees_brought) { /* else what it finds may be brought */
                rune_rule_filter_find(vm, &loop->cursor, loop->columns, loop->body, run.registers,
                                      &loop->filter);
            }
            if (!rune_rule_loop_scan(vm, loop, word, run.registers)) {
                FAIL_TO(word[5]); /* there are some: the filter passed over all of them */
            }
            word = loop->body;
            break;
        }
        case RUNE_RULE_CALL:
            if (vm->in.relations[vm->plans[word[1]].relation].component != 0) {
                (void)rune_rule_gather(word + 5, run.registers, terms);
                if (!call_table(vm, word, terms)) {
                    FAIL_TO(word[4]);
                }
                word = rune_rule_skip_list(word + 5, 1);
                break;
            }
            call = begin_call(vm, &run, word, floor, call);
            if (call == NULL) {
                return false;
            }
            run.emit = NULL;
            floor = 0;
            goto next_program;
        case RUNE_RULE_CALL_SCAN: {
            struct rune_rule_loop *loop = &run.loops[word[1]];
            (void)rune_rule_gather(word + 6, run.registers, terms);
            loop->table = is_asked_once(vm, word)
                              ? NULL
                              : rune_rule_try_solve(vm, vm->plans + word[2], word[3], terms);
            loop->next = 0;
            const uint32_t *columns = rune_rule_skip_list(word + 6, 1);
            if (loop->table == NULL && vm->err == RUNE_OK) {
                const struct activation asking = run;
                if (run_stream(vm, &asking, word, terms, &target)) {
                    goto proved;
                }
                goto again;
            }
            if (loop->table == NULL || !rune_rule_loop_table(vm, loop, columns, run.registers)) {
                FAIL_TO(word[4]);
            }
            word = rune_rule_skip_list(columns, 2);
            break;
        }
        case RUNE_RULE_AGGREGATE:
            (void)rune_rule_gather(word + 6, run.registers, terms);
            if (!rune_rule_fold(vm, (enum rune_rule_aggregate)word[1], vm->plans + word[3], word[4],
                                terms, &run.registers[word[2]])) {
                FAIL_TO(word[5]);
            }
            word = rune_rule_skip_list(word + 6, 1);
            break;
        case RUNE_RULE_ENTITY_EXISTS:
            if (!rune_rule_entity_exists(vm, run.registers[word[1]]) &&
                !(run.sees_brought &&
                  rune_entities_find_request(vm->request, run.registers[word[1]]) != NULL)) {
                FAIL_TO(word[2]);
            }
            word += 3;
            break;
        case RUNE_RULE_ATTR:
            run.registers[word[1]] =
                rune_rule_get_attr(vm, run.registers[word[2]], word[3], word[4]);
            if (!rune_rule_take_steps(vm, rune_rule_entity_steps(vm)) ||
                run.registers[word[1]] == RUNE_TERM_NONE) {
                FAIL_TO(word[5]);
            }
            word += 6;
            break;
        case RUNE_RULE_IN:
            if (!rune_rule_test_in(vm, word, run.registers)) {
                FAIL_TO(word[3]);
            }
            word = rune_rule_skip_list(word + 4, 1);
            break;
        case RUNE_RULE_IN_SET:
            if (!rune_rule_test_in_set(vm, word, run.registers)) {
                FAIL_TO(word[4]);
            }
            word += 5;
            break;
        case RUNE_RULE_IS:
            if (rune_rule_is_of_type(vm, run.registers[word[1]], word[2]) == (word[3] != 0)) {
                FAIL_TO(word[4]);
            }
            word += 5;
            break;
        case RUNE_RULE_ENTITY_PARTS: {
            rune_term entity = run.registers[word[3]];
            if (rune_term_kind(entity) != RUNE_KIND_ENTITY) {
                FAIL_TO(word[4]);
            }
            const struct rune_terms *of = rune_rule_terms(&vm->values, entity);
            run.registers[word[1]] = of->entity_type[rune_term_index(entity)];
            run.registers[word[2]] = of->entity_id[rune_term_index(entity)];
            word += 5;
            break;
        }
        case RUNE_RULE_ENTITY_MAKE:
            run.registers[word[1]] =
                rune_rule_name_entity(vm, run.registers[word[2]], run.registers[word[3]]);
            if (run.registers[word[1]] == RUNE_TERM_NONE) {
                FAIL_TO(word[4]);
            }
            word += 5;
            break;
        case RUNE_RULE_INDEX:
            run.registers[word[1]] = rune_rule_get_member(vm, run.registers[word[2]], word[3]);
            if (run.registers[word[1]] == RUNE_TERM_NONE) {
                rune_rule_fail(vm, "no_such_attribute");
                FAIL_TO(word[4]);
            }
            word += 5;
            break;
        case RUNE_RULE_MEMBER: {
            struct rune_rule_loop *loop = &run.loops[word[1]];
            rune_term set = run.registers[word[3]];
            if (rune_term_kind(set) != RUNE_KIND_SET) {
                rune_rule_fail(vm, "type_error");
                FAIL_TO(word[4]);
            }
            const struct rune_terms *of = rune_rule_terms(&vm->values, set);
            loop->run = of->heap + of->sets[rune_term_index(set)];
            loop->next = 0;
            if (!rune_rule_loop_member(vm, loop, word[2], run.registers)) {
                FAIL_TO(word[4]);
            }
            word += 6;
            break;
        }
        case RUNE_RULE_ELEMENT:
            if (!rune_rule_test_element(vm, run.registers[word[1]], run.registers[word[2]])) {
                FAIL_TO(word[3]);
            }
            word += 4;
            break;
        case RUNE_RULE_TEST:
            if (!rune_rule_test_function(vm, word, run.registers)) {
                FAIL_TO(word[3]);
            }
            word = rune_rule_skip_list(word + 4, 1);
            break;
        case RUNE_RULE_FUNCTION:
            (void)rune_rule_gather(word + 4, run.registers, terms);
            error = rune_rule_call_function(vm, (enum rune_rule_function)word[1], terms,
                                            &run.registers[word[2]]);
            if (!rune_rule_computed(vm, error)) {
                FAIL_TO(word[3]);
            }
            word = rune_rule_skip_list(word + 4, 1);
            break;
        case RUNE_RULE_MARK:
            vm->failed += (word[1] & RUNE_RULE_MARK_PARTIAL) != 0;
            vm->is_unsure = vm->is_unsure || (word[1] & RUNE_RULE_MARK_UNSURE) != 0;
            word += 2;
            break;
        case RUNE_RULE_EMIT:
            if (run.emit == NULL) {
                goto proved;
            }
            (void)rune_rule_gather(word + 2, run.registers, terms);
            if (!run.emit(run.context, terms)) {
                return true;
            }
            FAIL_TO(word[1]);
        }
        continue;

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
            const uint32_t *list;
            if (word[0] == RUNE_RULE_SCAN) {
                struct rune_rule_loop *loop = &run.loops[word[1]];
                if (rune_rule_loop_scan(vm, loop, word, run.registers)) {
                    word = loop->body;
                    break;
                }
                target = word[5];
                if (target == 0 && find_more(vm, run.emit, run.context, &loop->cursor)) {
                    target = (uint32_t)(word - run.code);
                }
            } else if (word[0] == RUNE_RULE_CALL_SCAN) {
                list = rune_rule_skip_list(word + 6, 1);
                if (rune_rule_loop_table(vm, &run.loops[word[1]], list, run.registers)) {
                    word = rune_rule_skip_list(list, 2);
                    break;
                }
                target = word[5];
            } else if (word[0] == RUNE_RULE_MEMBER) {
                if (rune_rule_loop_member(vm, &run.loops[word[1]], word[2], run.registers)) {
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
            if (!open_frame(vm, call->plan++, (char *)(call + 1), &run)) {
                return false;
            }
            (void)rune_rule_gather(call->word + 5, call->caller.registers, run.registers);
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
        floor = call->floor;
        found = end_call(vm, call, found);
        call = call->outer;
        if (!found) {
            FAIL_TO(word[4]);
        }
        word = rune_rule_skip_list(word + 5, 1);
    }
#undef FAIL_TO
}

bool rune_rule_run(struct rune_rule_vm *vm, const struct rune_image_plan *plan,
                   const rune_term *args, rune_rule_emit_fn emit, void *context)
{
    uint64_t outer_cost = vm->step_cost;
    uint32_t depth = vm->depth++;
    char *frame = vm->frames;
    struct activation run = {.emit = emit, .context = context};
    bool counts = vm->counts, stopped = true;
    if (open_frame(vm, plan, frame, &run)) {
        uint32_t target, count = (uint32_t)__builtin_popcount(plan->bound);
        for (uint32_t i = 0; i < count; i++) {
            run.registers[i] = args[i];
        }
        stopped = run_code(vm, &run, run.code + 1, 0, &target);
    }
    vm->depth = depth;
    vm->counts = counts;
    vm->step_cost = outer_cost;
    vm->frames = frame;
    return stopped;
}
