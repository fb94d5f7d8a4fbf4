/* SPDX-License-Identifier: Apache-2.0 */
/* rule_pipe_make: plans become pipes. The walk follows a plan's instructions as they would run when
 * nothing fails; at a relation asked with free columns it goes on inside that relation's plans, and
 * at their EMIT behind the loop that asked. Registers are renamed, so that each is written once. */
#include <string.h>

#include "eval/rule_pipe.h"
#include "eval/rule_program.h"

#define MAX_DEPTH     6u    /* LIMIT: plans within plans */
#define MAX_REGISTERS 64u   /* LIMIT: of a plan that is put in place */
#define MAX_WALKS     4096u /* LIMIT: plans tried, one inside the other or by table */
#define MAX_NESTED    4u    /* LIMIT: pipes that fill a set for pipes that fill a set ... */

struct maker {
    struct rune_pipes *pipes;
    struct rune_arena *arena;
    struct rune_pipe_step steps[RUNE_PIPE_STEPS];
    uint32_t step_count, register_count, loop_count;
    uint32_t most_registers, most_loops; /* of a pipe */
    uint32_t walks;
    uint32_t nested; /* in so many others */
};

/* A plan being walked. */
struct frame {
    const struct frame *caller; /* NULL: the relation's own */
    const uint32_t *columns;    /* of the caller's CALL_SCAN: pairs (column, register) */
    const uint32_t *code;       /* word 0 of the plan */
    uint32_t last_loop;         /* word of the innermost loop so far; 0: none */
    uint32_t loops;
    uint32_t depth;
    uint8_t map[MAX_REGISTERS]; /* plan's register -> pipe's */
};

static bool walk(struct maker *m, struct frame *frame, const uint32_t *word);
static bool make_pipes(struct maker *m, const struct rune_image_plan *plans, uint32_t plan_count);

static struct rune_pipe_step *add_step(struct maker *m, enum rune_pipe_op op)
{
    if (m->step_count == RUNE_PIPE_STEPS) {
        return NULL;
    }
    struct rune_pipe_step *step = &m->steps[m->step_count++];
    *step = (struct rune_pipe_step){.op = op};
    return step;
}

static bool read_args(const struct frame *frame, const uint32_t *list, struct rune_pipe_step *step)
{
    if (step == NULL || list[0] > RUNE_PIPE_ARGS) {
        return false;
    }
    step->arg_count = (uint8_t)list[0];
    for (uint32_t i = 0; i < list[0]; i++) {
        step->args[i] = frame->map[list[1 + i]];
    }
    return true;
}

static bool new_register(struct maker *m, struct frame *frame, uint32_t of, uint8_t *ret_register)
{
    if (m->register_count == RUNE_PIPE_REGISTERS) {
        return false;
    }
    *ret_register = frame->map[of] = (uint8_t)m->register_count++;
    return true;
}

/* What a loop reads: pairs (position, register). */
static bool read_writes(struct maker *m, struct frame *frame, const uint32_t *pairs,
                        struct rune_pipe_step *step)
{
    if (pairs[0] > RUNE_PIPE_ARGS || m->loop_count == RUNE_PIPE_LOOPS) {
        return false;
    }
    step->loop = (uint8_t)++m->loop_count;
    step->write_count = (uint8_t)pairs[0];
    for (uint32_t i = 0; i < pairs[0]; i++) {
        step->positions[i] = pairs[1 + 2 * i];
        if (!new_register(m, frame, pairs[2 + 2 * i], &step->writes[i])) {
            return false;
        }
    }
    return true;
}

/* ---- the end of a pipe ---- */

/* A scan that reads nothing but the small column, of which only EMIT knows: its values need not be
 * rows. */
static void find_mask(const struct rune_pipes *pipes, struct rune_pipe_step *steps, uint32_t count)
{
    uint8_t small = steps[count - 1].args[pipes->small];
    uint32_t at = count;
    for (uint32_t i = 0; i + 1 < count; i++) {
        const struct rune_pipe_step *step = &steps[i];
        for (uint32_t a = 0; a < step->arg_count; a++) {
            if (step->args[a] == small) {
                return;
            }
        }
        if (step->op == RUNE_PIPE_SCAN && step->write_count == 1 && step->writes[0] == small) {
            at = i;
        }
    }
    for (uint32_t a = 0; a < pipes->arity; a++) {
        if (a != pipes->small && steps[count - 1].args[a] == small) {
            return;
        }
    }
    if (at == count) {
        return;
    }
    steps[at].op = RUNE_PIPE_MASK;
    for (uint32_t i = at + 1; i < count; i++) {
        steps[i].has_mask = true;
    }
}

/* Which registers each step has to hand on. */
static void find_kept(const struct rune_pipes *pipes, struct rune_pipe_step *steps, uint32_t count)
{
    uint32_t live = 0;
    for (uint32_t i = count; i-- > 0;) {
        struct rune_pipe_step *step = &steps[i];
        for (uint32_t w = 0; w < step->write_count; w++) {
            live &= ~(1u << step->writes[w]);
        }
        for (uint32_t bits = live; bits != 0; bits &= bits - 1) {
            step->keep[step->keep_count++] = (uint8_t)__builtin_ctz(bits);
        }
        for (uint32_t a = 0; a < step->arg_count; a++) {
            bool is_bits = step->op == RUNE_PIPE_EMIT && step->has_mask && a == pipes->small;
            live |= is_bits ? 0 : 1u << step->args[a];
        }
    }
}

static bool finish(struct maker *m)
{
    struct rune_pipes *pipes = m->pipes;
    if (pipes->pipe_count == RUNE_PIPE_MAX) {
        return false;
    }
    struct rune_pipe *pipe = &pipes->pipes[pipes->pipe_count];
    pipe->step_count = m->step_count;
    pipe->steps = RUNE_ARENA_ARRAY(m->arena, struct rune_pipe_step, m->step_count);
    if (pipe->steps == NULL) {
        return false;
    }
    memcpy(pipe->steps, m->steps, m->step_count * sizeof(*pipe->steps));
    if (pipes->arity == 3) {
        find_mask(pipes, pipe->steps, pipe->step_count);
    }
    find_kept(pipes, pipe->steps, pipe->step_count);
    for (uint32_t i = 0; i < pipe->step_count; i++) {
        struct rune_pipe_step *step = &pipe->steps[i];
        if (step->op == RUNE_PIPE_MASK || step->op == RUNE_PIPE_DISTINCT ||
            step->op == RUNE_PIPE_EMIT) {
            step->memo = RUNE_ARENA_ARRAY(m->arena, struct rune_pipe_memo, RUNE_PIPE_MEMO);
            if (step->memo == NULL) {
                return false;
            }
        }
    }
    pipes->pipe_count++;
    m->most_registers =
        m->register_count > m->most_registers ? m->register_count : m->most_registers;
    m->most_loops = m->loop_count > m->most_loops ? m->loop_count : m->most_loops;
    return true;
}

/* ---- instructions ---- */

/* Behind the caller's loop, with what this plan gives in the registers that the loop reads into. */
static bool leave(struct maker *m, const struct frame *frame, const uint32_t *head)
{
    struct frame caller = *frame->caller;
    const uint32_t *pairs = frame->columns;
    if (frame->loops > 1 && add_step(m, RUNE_PIPE_DISTINCT) == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < pairs[0]; i++) {
        caller.map[pairs[2 + 2 * i]] = frame->map[head[1 + pairs[1 + 2 * i]]];
    }
    return walk(m, &caller, rune_rule_skip_list(pairs, 2));
}

/* A tuple of the plan. Where the rest of a loop could give the same tuple only, the machine leaves
 * the loop; a pipe would not. */
static bool emit(struct maker *m, const struct frame *frame, const uint32_t *word)
{
    if (word[1] != frame->last_loop) {
        return false;
    }
    if (frame->caller != NULL) {
        return leave(m, frame, word + 2);
    }
    return read_args(frame, word + 2, add_step(m, RUNE_PIPE_EMIT)) && finish(m);
}

/* A stored relation of pairs, asked with one of them, is read in an order that begins with it. */
static bool call_by_order(struct maker *m, struct frame *frame, const uint32_t *word)
{
    const struct rune_image_plan *plan = m->pipes->vm->plans + word[2];
    struct rune_rule_scan scan = rune_rule_scan_at(word);
    uint32_t order;
    if (scan.prefix[0] != 1 || scan.columns[0] != 1 || (plan->bound != 1 && plan->bound != 2) ||
        !rune_pipe_orders_find(m->pipes->orders, m->pipes->vm->store, m->arena, plan->relation,
                               plan->bound - 1, &order)) {
        return false;
    }
    struct rune_pipe_step *step = add_step(m, RUNE_PIPE_SCAN);
    if (!read_args(frame, scan.prefix, step) || !read_writes(m, frame, scan.columns, step)) {
        return false;
    }
    step->order = order;
    step->positions[0] = 1;
    return walk(m, frame, scan.body);
}

static bool call_by_table(struct maker *m, struct frame *frame, const uint32_t *word)
{
    struct rune_pipe_step *step = add_step(m, RUNE_PIPE_TABLE);
    struct rune_rule_scan scan = rune_rule_scan_at(word);
    if (!read_args(frame, scan.prefix, step) || !read_writes(m, frame, scan.columns, step)) {
        return false;
    }
    step->plans = m->pipes->vm->plans + word[2];
    step->plan_count = word[3];
    return walk(m, frame, scan.body);
}

/* Goes on in each plan of a relation that is asked. */
static bool enter(struct maker *m, const struct frame *frame, const uint32_t *word)
{
    const struct rune_image_plan *plans = m->pipes->vm->plans + word[2];
    struct rune_rule_scan scan = rune_rule_scan_at(word);
    uint32_t steps = m->step_count, registers = m->register_count, loops = m->loop_count;
    bool is_made =
        frame->depth < MAX_DEPTH && m->pipes->vm->in.relations[plans[0].relation].component == 0;
    for (uint32_t i = 0; i < word[3] && is_made; i++) {
        struct frame inner = {
            .caller = frame,
            .columns = scan.columns,
            .code = m->pipes->vm->code + plans[i].code,
            .depth = frame->depth + 1,
        };
        is_made = plans[i].registers <= MAX_REGISTERS;
        for (uint32_t a = 0; a < scan.prefix[0] && is_made; a++) {
            inner.map[a] = frame->map[scan.prefix[1 + a]];
        }
        is_made = is_made && walk(m, &inner, inner.code + 1);
        m->step_count = steps;
        m->register_count = registers;
        m->loop_count = loops;
    }
    return is_made;
}

static bool call_scan(struct maker *m, struct frame *frame, const uint32_t *word)
{
    uint32_t steps = m->step_count, registers = m->register_count, loops = m->loop_count;
    uint32_t relation = m->pipes->vm->plans[word[2]].relation, pipes = m->pipes->pipe_count;
    frame->last_loop = (uint32_t)(word - frame->code);
    frame->loops++;
    bool is_stored = m->pipes->orders->in.relations[relation].tuple_count > 0;
    if (is_stored ? call_by_order(m, frame, word) : enter(m, frame, word)) {
        return true;
    }
    m->pipes->pipe_count = pipes;
    m->step_count = steps;
    m->register_count = registers;
    m->loop_count = loops;
    return call_by_table(m, frame, word);
}

/* Pipes that fill a set; NULL: its plans cannot be piped. */
static struct rune_pipes *make_nested(struct maker *m, const struct rune_pipe_set *set)
{
    struct rune_pipes *pipes = RUNE_ARENA_NEW(m->arena, struct rune_pipes);
    if (pipes == NULL || m->nested == MAX_NESTED) {
        return NULL;
    }
    pipes->vm = m->pipes->vm;
    pipes->orders = m->pipes->orders;
    pipes->arity = pipes->small = 2;
    pipes->key = set->key;
    struct maker nested = {
        .pipes = pipes, .arena = m->arena, .walks = m->walks, .nested = m->nested + 1};
    bool is_made = make_pipes(&nested, set->plans, set->plan_count);
    m->walks = nested.walks;
    return is_made ? pipes : NULL;
}

/* The set of a relation of pairs by one of its columns. NULL: there are no plans for that, or there
 * is no room. */
static struct rune_pipe_set *find_set(struct maker *m, uint32_t relation, uint32_t key)
{
    const struct rune_store *store = m->pipes->vm->store;
    struct rune_pipe_set set = {.key = key};
    for (uint32_t i = 0; i < store->plan_count; i++) {
        const struct rune_image_plan *plan = &store->plans[i];
        if (plan->relation == relation && plan->bound == 1u << key) {
            set.plans = set.plan_count == 0 ? plan : set.plans;
            set.plan_count++;
            set.rows += plan->rows;
        }
    }
    for (uint32_t i = 0; i < m->pipes->set_count; i++) {
        if (m->pipes->sets[i].plans == set.plans) {
            return &m->pipes->sets[i];
        }
    }
    if (set.plan_count == 0 || m->pipes->set_count == RUNE_PIPE_SETS) {
        return NULL;
    }
    set.pipes = make_nested(m, &set);
    m->pipes->sets[m->pipes->set_count] = set;
    return &m->pipes->sets[m->pipes->set_count++];
}

/* The set that answers a test with the key and another value. */
static struct rune_pipe_set *set_of(struct maker *m, const struct rune_pipe_step *step)
{
    uint32_t relation = step->plans[0].relation;
    const struct rune_image_relation *asked = &m->pipes->orders->in.relations[relation];
    bool has_key = step->arg_count == 2 && (step->args[0] == 0 || step->args[1] == 0);
    return has_key && asked->arity == 2 && asked->component == 0
               ? find_set(m, relation, step->args[0] == 0 ? 0 : 1)
               : NULL;
}

/* An instruction that is one step. NULL: it is not, or there is no room. */
static const uint32_t *add_simple(struct maker *m, struct frame *frame, const uint32_t *word)
{
    struct rune_pipe_step *step;
    switch ((enum rune_rule_op)word[0]) {
    case RUNE_RULE_CONST:
        step = add_step(m, RUNE_PIPE_CONSTANT);
        if (step == NULL || !new_register(m, frame, word[1], &step->writes[0])) {
            return NULL;
        }
        step->write_count = 1;
        step->constant = word[2];
        return rune_rule_next(word);
    case RUNE_RULE_MOVE:
        frame->map[word[1]] = frame->map[word[2]];
        return rune_rule_next(word);
    case RUNE_RULE_EQ:
    case RUNE_RULE_NE:
        step = add_step(m, RUNE_PIPE_EQUAL);
        if (step == NULL) {
            return NULL;
        }
        step->negated = word[0] == RUNE_RULE_NE;
        step->arg_count = 2;
        step->args[0] = frame->map[word[1]];
        step->args[1] = frame->map[word[2]];
        return rune_rule_next(word);
    case RUNE_RULE_EXISTS:
        step = add_step(m, RUNE_PIPE_EXISTS);
        if (!read_args(frame, word + 4, step)) {
            return NULL;
        }
        step->order = word[1];
        step->negated = word[2] != 0;
        return rune_rule_next(word);
    case RUNE_RULE_CALL:
        step = add_step(m, RUNE_PIPE_CALL);
        if (!read_args(frame, word + 5, step)) {
            return NULL;
        }
        step->plans = m->pipes->vm->plans + word[1];
        step->plan_count = word[2];
        step->negated = word[3] != 0;
        step->set = set_of(m, step);
        return rune_rule_next(word);
    case RUNE_RULE_SCAN:
        step = add_step(m, RUNE_PIPE_SCAN);
        if (!read_args(frame, rune_rule_scan_at(word).prefix, step) ||
            !read_writes(m, frame, rune_rule_scan_at(word).columns, step)) {
            return NULL;
        }
        step->order = word[2];
        step->distinct = word[3];
        frame->last_loop = (uint32_t)(word - frame->code);
        frame->loops++;
        return rune_rule_next(word);
    default:
        return NULL;
    }
}

/* The rest of a plan, and of those that asked for it. False: there is something that no pipe does.
 */
static bool walk(struct maker *m, struct frame *frame, const uint32_t *word)
{
    if (m->walks == MAX_WALKS) {
        return false;
    }
    m->walks++;
    while (word != NULL && word[0] != RUNE_RULE_EMIT && word[0] != RUNE_RULE_CALL_SCAN) {
        word = add_simple(m, frame, word);
    }
    if (word == NULL) {
        return false;
    }
    return word[0] == RUNE_RULE_EMIT ? emit(m, frame, word) : call_scan(m, frame, word);
}

static bool make_rows(const struct maker *m, struct rune_pipe_rows *rows)
{
    rows->masks = RUNE_ARENA_ARRAY(m->arena, uint64_t, RUNE_PIPE_ROWS);
    rune_term *terms =
        RUNE_ARENA_ARRAY(m->arena, rune_term, (size_t)m->most_registers * RUNE_PIPE_ROWS);
    for (uint32_t i = 0; i < m->most_registers && terms != NULL; i++) {
        rows->columns[i] = terms + (size_t)i * RUNE_PIPE_ROWS;
    }
    return rows->masks != NULL && terms != NULL;
}

static bool make_pipes(struct maker *m, const struct rune_image_plan *plans, uint32_t plan_count)
{
    bool is_made = true;
    for (uint32_t i = 0; i < plan_count && is_made; i++) {
        struct frame frame = {.code = m->pipes->vm->code + plans[i].code};
        m->step_count = m->loop_count = 0;
        m->register_count = 1; /* the key */
        is_made = plans[i].registers <= MAX_REGISTERS && walk(m, &frame, frame.code + 1);
    }
    for (uint32_t i = 0; i <= m->most_loops && is_made; i++) {
        is_made = make_rows(m, &m->pipes->rows[i]);
    }
    return is_made;
}

bool rune_pipes_make(struct rune_pipes *pipes, struct rune_pipe_orders *orders,
                     struct rune_rule_vm *vm, struct rune_arena *arena,
                     const struct rune_image_plan *plans, uint32_t plan_count, uint32_t small)
{
    struct maker m = {.pipes = pipes, .arena = arena};
    *pipes = (struct rune_pipes){
        .vm = vm,
        .orders = orders,
        .arity = vm->in.relations[plans[0].relation].arity,
        .small = small,
    };
    return make_pipes(&m, plans, plan_count);
}
