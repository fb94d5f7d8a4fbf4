/* SPDX-License-Identifier: Apache-2.0 */
/* rule_pipe: runs pipes (rule_pipe_make.c makes them). A step that tests packs the vector it was
 * given, in place; one that joins fills the vector of its loop and has the rest of the pipe run
 * each time that is full. Memory: RUNE_PIPE_LOOPS vectors, whatever the number of tuples. */
#include "eval/rule_pipe.h"

#include <string.h>

#include "eval/rule_vm_int.h"

/* One run of a pipe. */
struct run {
    struct rune_pipes *pipes;
    struct rune_rule_vm *vm;
    const struct rune_pipe *pipe;
};

static bool run_from(struct run *run, uint32_t at, struct rune_pipe_rows *rows);

/* ---- the small column ---- */

/* The bit of a value; 0: there is none left. */
static uint64_t bit_of(struct rune_pipes *pipes, rune_term value)
{
    uint32_t i = 0;
    while (i < pipes->value_count && pipes->values[i] != value) {
        i++;
    }
    if (i == RUNE_PIPE_BITS) {
        pipes->is_beyond = true;
        return 0;
    }
    if (i == pipes->value_count) {
        pipes->values[pipes->value_count++] = value;
    }
    return UINT64_C(1) << i;
}

static inline struct rune_pipe_memo *find_memo(const struct rune_pipe_step *step, uint32_t hash)
{
    return &step->memo[hash * 0x9e3779b1u / (UINT32_MAX / RUNE_PIPE_MEMO + 1)];
}

static uint64_t read_mask(struct run *run, const struct rune_pipe_step *step,
                          const rune_term *prefix)
{
    struct rune_cursor cursor;
    uint64_t mask = 0;
    if (!rune_cursor_open(&run->pipes->orders->in, step->order, prefix, step->arg_count, &cursor) ||
        !rune_rule_take_steps(run->vm, rune_cursor_left(&cursor))) {
        return 0;
    }
    while (rune_cursor_next(&cursor) && !run->pipes->is_beyond) {
        mask |= bit_of(run->pipes, rune_cursor_get(&cursor, step->positions[0]));
        if (step->distinct != 0) {
            rune_cursor_skip(&cursor, step->distinct);
        }
    }
    return mask;
}

/* ---- tests ---- */

static inline void gather(const struct rune_pipe_step *step, const struct rune_pipe_rows *rows,
                          uint32_t row, rune_term *ret_terms)
{
    for (uint32_t i = 0; i < step->arg_count; i++) {
        ret_terms[i] = rows->columns[step->args[i]][row];
    }
}

/* Only the rows of those numbers, which ascend, stay. */
static void pack(const struct rune_pipe_step *step, struct rune_pipe_rows *rows,
                 const uint16_t *chosen, uint32_t count)
{
    if (count == rows->count) {
        return;
    }
    for (uint32_t k = 0; k < step->keep_count; k++) {
        rune_term *column = rows->columns[step->keep[k]];
        for (uint32_t i = 0; i < count; i++) {
            column[i] = column[chosen[i]];
        }
    }
    if (step->has_mask || step->op == RUNE_PIPE_MASK) {
        for (uint32_t i = 0; i < count; i++) {
            rows->masks[i] = rows->masks[chosen[i]];
        }
    }
    rows->count = count;
}

static void make_masks(struct run *run, const struct rune_pipe_step *step,
                       struct rune_pipe_rows *rows)
{
    uint16_t chosen[RUNE_PIPE_ROWS];
    uint32_t count = 0;
    for (uint32_t row = 0; row < rows->count; row++) {
        rune_term prefix[RUNE_PIPE_ARGS] = {0};
        gather(step, rows, row, prefix);
        if (step->arg_count > 1) {
            rows->masks[row] = read_mask(run, step, prefix);
        } else {
            struct rune_pipe_memo *memo = find_memo(step, prefix[0]);
            if (memo->mask == 0 || memo->terms[0] != prefix[0]) {
                memo->mask = read_mask(run, step, prefix);
                memo->terms[0] = prefix[0];
            }
            rows->masks[row] = memo->mask;
        }
        chosen[count] = (uint16_t)row;
        count += rows->masks[row] != 0;
    }
    pack(step, rows, chosen, count);
}

static void test_exists(struct run *run, const struct rune_pipe_step *step,
                        struct rune_pipe_rows *rows)
{
    uint16_t chosen[RUNE_PIPE_ROWS];
    uint32_t starts[RUNE_PIPE_ROWS], ends[RUNE_PIPE_ROWS], count = 0;
    bool by_key = step->arg_count == 1 &&
                  rune_relation_find_rows(&run->pipes->orders->in, step->order,
                                          rows->columns[step->args[0]], rows->count, starts, ends);
    for (uint32_t row = 0; row < rows->count; row++) {
        bool exists;
        if (by_key) {
            exists = starts[row] < ends[row];
        } else {
            rune_term prefix[RUNE_PIPE_ARGS];
            gather(step, rows, row, prefix);
            exists =
                rune_relation_exists(&run->pipes->orders->in, step->order, prefix, step->arg_count);
        }
        chosen[count] = (uint16_t)row;
        count += exists != step->negated;
    }
    pack(step, rows, chosen, count);
}

/* Where the set has all that the rows' keys have. */
static void test_set(const struct rune_pipe_step *step, struct rune_pipe_rows *rows)
{
    const struct rune_pipe_set *set = step->set;
    const rune_term *keys = rows->columns[step->args[set->key]];
    const rune_term *values = rows->columns[step->args[1 - set->key]];
    uint16_t chosen[RUNE_PIPE_ROWS];
    uint32_t count = 0;
    for (uint32_t row = 0; row < rows->count; row++) {
        chosen[count] = (uint16_t)row;
        count += rune_pipe_set_has(set, keys[row], values[row]) != step->negated;
    }
    pack(step, rows, chosen, count);
}

static void test_call(struct run *run, struct rune_pipe_step *step, struct rune_pipe_rows *rows)
{
    uint16_t chosen[RUNE_PIPE_ROWS];
    uint32_t count = 0;
    if (step->set != NULL &&
        rune_pipe_set_fill(step->set, run->vm, rows->columns[step->args[step->set->key]],
                           rows->count)) {
        test_set(step, rows);
        return;
    }
    for (uint32_t row = 0; row < rows->count && run->vm->err == RUNE_OK; row++) {
        rune_term args[RUNE_PIPE_ARGS];
        gather(step, rows, row, args);
        bool holds = rune_rule_holds(run->vm, step->plans, step->plan_count, args);
        chosen[count] = (uint16_t)row;
        count += holds != step->negated;
    }
    pack(step, rows, chosen, count);
}

static void test_equal(const struct rune_pipe_step *step, struct rune_pipe_rows *rows)
{
    const rune_term *left = rows->columns[step->args[0]], *right = rows->columns[step->args[1]];
    uint16_t chosen[RUNE_PIPE_ROWS];
    uint32_t count = 0;
    for (uint32_t row = 0; row < rows->count; row++) {
        chosen[count] = (uint16_t)row;
        count += (left[row] == right[row]) != step->negated;
    }
    pack(step, rows, chosen, count);
}

/* Whether a row says something that the step's memory of such rows does not: of those that share a
 * slot it knows the last. */
static bool is_new(const struct rune_pipe_step *step, const struct rune_pipe_rows *rows,
                   uint32_t row)
{
    rune_term terms[RUNE_PIPE_SEEN];
    uint64_t mask = step->has_mask ? rows->masks[row] : 1;
    uint32_t hash = 0;
    bool same = true;
    for (uint32_t k = 0; k < step->keep_count; k++) {
        terms[k] = rows->columns[step->keep[k]][row];
        hash = (hash ^ terms[k]) * 0x85ebca6bu;
        hash ^= hash >> 15;
    }
    struct rune_pipe_memo *memo = find_memo(step, hash);
    for (uint32_t k = 0; k < step->keep_count; k++) {
        same = same && memo->terms[k] == terms[k];
        memo->terms[k] = terms[k];
    }
    uint64_t known = same ? memo->mask : 0;
    memo->mask = known | mask;
    return (mask & ~known) != 0;
}

static void test_distinct(const struct rune_pipe_step *step, struct rune_pipe_rows *rows)
{
    uint16_t chosen[RUNE_PIPE_ROWS];
    uint32_t count = 0;
    if (step->keep_count > RUNE_PIPE_SEEN) {
        return;
    }
    for (uint32_t row = 0; row < rows->count; row++) {
        chosen[count] = (uint16_t)row;
        count += is_new(step, rows, row);
    }
    pack(step, rows, chosen, count);
}

/* ---- joins ---- */

/* The rest of the pipe takes what is in the vector of a loop. */
static bool hand_on(struct run *run, uint32_t at, struct rune_pipe_rows *out)
{
    bool goes_on = rune_rule_take_steps(run->vm, out->count) &&
                   (out->count == 0 || run_from(run, at + 1, out));
    out->count = 0;
    return goes_on;
}

/* Room for `count` tuples that join with a row: its registers are repeated. */
static inline void repeat(const struct rune_pipe_step *step, const struct rune_pipe_rows *in,
                          uint32_t row, struct rune_pipe_rows *out, uint32_t count)
{
    for (uint32_t k = 0; k < step->keep_count; k++) {
        rune_term term = in->columns[step->keep[k]][row];
        rune_term *column = out->columns[step->keep[k]] + out->count;
        for (uint32_t i = 0; i < count; i++) {
            column[i] = term;
        }
    }
    for (uint32_t i = 0; step->has_mask && i < count; i++) {
        out->masks[out->count + i] = in->masks[row];
    }
}

/* Each row with the tuples of its key. */
static bool join_rows(struct run *run, uint32_t at, const struct rune_pipe_rows *in,
                      const uint32_t *starts, const uint32_t *ends)
{
    const struct rune_pipe_step *step = &run->pipe->steps[at];
    struct rune_pipe_rows *out = &run->pipes->rows[step->loop];
    const struct rune_image_order *order = &run->pipes->orders->in.orders[step->order];
    const uint32_t *columns = rune_order_arrays(order, run->pipes->orders->in.base).columns;
    size_t stride = run->pipes->orders->in.relations[order->relation].tuple_count;
    for (uint32_t row = 0; row < in->count; row++) {
        if (row + 8 < in->count) {
            __builtin_prefetch(columns + starts[row + 8]);
        }
        for (uint32_t next = starts[row], count; next < ends[row]; next += count) {
            uint32_t left = ends[row] - next, room = RUNE_PIPE_ROWS - out->count;
            count = left < room ? left : room;
            repeat(step, in, row, out, count);
            for (uint32_t w = 0; w < step->write_count; w++) {
                const uint32_t *from = columns + (step->positions[w] - 1) * stride + next;
                rune_term *to = out->columns[step->writes[w]] + out->count;
                for (uint32_t i = 0; i < count; i++) {
                    to[i] = from[i];
                }
            }
            out->count += count;
            if (out->count == RUNE_PIPE_ROWS && !hand_on(run, at, out)) {
                return false;
            }
        }
    }
    return hand_on(run, at, out);
}

/* The same by a cursor, whatever the search and the order. */
static bool join_slowly(struct run *run, uint32_t at, const struct rune_pipe_rows *in)
{
    const struct rune_pipe_step *step = &run->pipe->steps[at];
    struct rune_pipe_rows *out = &run->pipes->rows[step->loop];
    for (uint32_t row = 0; row < in->count; row++) {
        struct rune_cursor cursor;
        rune_term prefix[RUNE_PIPE_ARGS];
        gather(step, in, row, prefix);
        if (!rune_cursor_open(&run->pipes->orders->in, step->order, prefix, step->arg_count,
                              &cursor)) {
            continue;
        }
        while (rune_cursor_next(&cursor)) {
            repeat(step, in, row, out, 1);
            for (uint32_t w = 0; w < step->write_count; w++) {
                out->columns[step->writes[w]][out->count] =
                    rune_cursor_get(&cursor, step->positions[w]);
            }
            if (step->distinct != 0) {
                rune_cursor_skip(&cursor, step->distinct);
            }
            if (++out->count == RUNE_PIPE_ROWS && !hand_on(run, at, out)) {
                return false;
            }
        }
    }
    return hand_on(run, at, out);
}

static bool join_table(struct run *run, uint32_t at, const struct rune_pipe_rows *in)
{
    const struct rune_pipe_step *step = &run->pipe->steps[at];
    struct rune_pipe_rows *out = &run->pipes->rows[step->loop];
    for (uint32_t row = 0; row < in->count; row++) {
        rune_term args[RUNE_PIPE_ARGS];
        gather(step, in, row, args);
        const struct rune_rule_table *table =
            rune_rule_solve(run->vm, step->plans, step->plan_count, args);
        if (table == NULL) {
            return false;
        }
        for (uint32_t next = 0; next < table->count; next++) {
            const rune_term *tuple = table->rows + (size_t)next * table->arity;
            repeat(step, in, row, out, 1);
            for (uint32_t w = 0; w < step->write_count; w++) {
                out->columns[step->writes[w]][out->count] = tuple[step->positions[w]];
            }
            if (++out->count == RUNE_PIPE_ROWS && !hand_on(run, at, out)) {
                return false;
            }
        }
    }
    return hand_on(run, at, out);
}

static bool join(struct run *run, uint32_t at, const struct rune_pipe_rows *in)
{
    const struct rune_pipe_step *step = &run->pipe->steps[at];
    uint32_t starts[RUNE_PIPE_ROWS], ends[RUNE_PIPE_ROWS];
    if (step->arg_count == 1 && step->distinct == 0 &&
        rune_relation_find_rows(&run->pipes->orders->in, step->order, in->columns[step->args[0]],
                                in->count, starts, ends)) {
        return join_rows(run, at, in, starts, ends);
    }
    return join_slowly(run, at, in);
}

/* ---- pipes ---- */

static bool emit(struct run *run, const struct rune_pipe_step *step, struct rune_pipe_rows *rows)
{
    struct rune_pipes *pipes = run->pipes;
    const rune_term *small = pipes->arity == 3 ? rows->columns[step->args[pipes->small]] : NULL;
    for (uint32_t row = 0; row < rows->count && !step->has_mask; row++) {
        if (small == NULL) {
            rows->masks[row] = 1;
            continue;
        }
        struct rune_pipe_memo *memo = find_memo(step, small[row]);
        if (memo->mask == 0 || memo->terms[0] != small[row]) {
            memo->mask = bit_of(pipes, small[row]);
            memo->terms[0] = small[row];
        }
        rows->masks[row] = memo->mask;
    }
    uint32_t other = pipes->arity == 3 && pipes->small == 1 ? 2 : 1 - pipes->key;
    return !pipes->is_beyond &&
           pipes->emit(pipes->context, rows->columns[step->args[pipes->key]],
                       rows->columns[step->args[other]], rows->masks, rows->count);
}

/* The steps from `at` on. False: the pipe ends here. */
static bool run_from(struct run *run, uint32_t at, struct rune_pipe_rows *rows)
{
    for (; rows->count > 0; at++) {
        struct rune_pipe_step *step = &run->pipe->steps[at];
        switch (step->op) {
        case RUNE_PIPE_SCAN:
            return join(run, at, rows);
        case RUNE_PIPE_TABLE:
            return join_table(run, at, rows);
        case RUNE_PIPE_EMIT:
            return emit(run, step, rows);
        case RUNE_PIPE_MASK:
            make_masks(run, step, rows);
            break;
        case RUNE_PIPE_EXISTS:
            test_exists(run, step, rows);
            break;
        case RUNE_PIPE_CALL:
            test_call(run, step, rows);
            break;
        case RUNE_PIPE_EQUAL:
            test_equal(step, rows);
            break;
        case RUNE_PIPE_DISTINCT:
            test_distinct(step, rows);
            break;
        case RUNE_PIPE_CONSTANT:
            for (uint32_t row = 0; row < rows->count; row++) {
                rows->columns[step->writes[0]][row] = step->constant;
            }
            break;
        }
        if (run->vm->err != RUNE_OK || run->pipes->is_beyond) {
            return false;
        }
    }
    return true;
}

void rune_pipes_forget(struct rune_pipes *pipes)
{
    for (uint32_t i = 0; i < pipes->pipe_count; i++) {
        for (uint32_t at = 0; at < pipes->pipes[i].step_count; at++) {
            struct rune_pipe_step *step = &pipes->pipes[i].steps[at];
            if (step->op == RUNE_PIPE_DISTINCT) {
                memset(step->memo, 0, RUNE_PIPE_MEMO * sizeof(*step->memo));
            }
        }
    }
    for (uint32_t i = 0; i < pipes->set_count; i++) {
        rune_pipe_set_drop(&pipes->sets[i]);
    }
}

bool rune_pipes_run(struct rune_pipes *pipes, const rune_term *keys, uint32_t count)
{
    struct rune_pipe_rows *rows = &pipes->rows[0];
    for (uint32_t i = 0; i < pipes->set_count; i++) {
        rune_pipe_set_clear(&pipes->sets[i]);
    }
    for (uint32_t i = 0; i < pipes->pipe_count; i++) {
        struct run run = {.pipes = pipes, .vm = pipes->vm, .pipe = &pipes->pipes[i]};
        memcpy(rows->columns[0], keys, count * sizeof(*keys));
        rows->count = count;
        for (uint32_t loop = 1; loop <= RUNE_PIPE_LOOPS; loop++) {
            pipes->rows[loop].count = 0; /* where the last run was ended */
        }
        if (!rune_rule_take_steps(pipes->vm, count) || !run_from(&run, 0, rows)) {
            return false;
        }
    }
    return true;
}
