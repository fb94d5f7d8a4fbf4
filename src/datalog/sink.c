/* SPDX-License-Identifier: Apache-2.0 */
#include "datalog/sink.h"

#include <string.h>

/* ---- into a relation that grows ---- */

/* After some were added: in bounds, now and then. */
static bool check_growth(struct rune_dl_sink *sink, uint32_t before)
{
    if (sink->err == RUNE_OK) {
        sink->err = rune_dl_check_growth(sink->ctx, sink->growing, before);
    }
    return sink->err == RUNE_OK;
}

static bool add_pending(struct rune_dl_sink *sink)
{
    struct rune_dl_growing *growing = sink->growing;
    uint32_t before = growing->tuples.count, count = sink->pending_count;
    sink->pending_count = 0;
    (void)rune_rule_take_steps(&sink->ctx->vm, (uint64_t)count * RUNE_RULE_KEEP_STEPS);
    if (sink->err == RUNE_OK) {
        sink->err = rune_dl_growing_end_gathering(growing);
    }
    if (sink->err == RUNE_OK) {
        sink->err = rune_dl_growing_add(growing, sink->pending, count);
    }
    return check_growth(sink, before);
}

/* Adds what is pending where there is room for no more. False: the rule ends here. */
static bool make_pending_room(struct rune_dl_sink *sink)
{
    return sink->pending_count < RUNE_DL_GROWING_BATCH ||
           (add_pending(sink) && sink->ctx->vm.err == RUNE_OK);
}

static bool emit_growing(void *context, const rune_term *row)
{
    struct rune_dl_sink *sink = context;
    uint32_t arity = sink->growing->tuples.arity;
    rune_term *place = sink->pending + (size_t)sink->pending_count++ * arity;
    for (uint32_t i = 0; i < arity; i++) {
        place[i] = row[i];
    }
    return make_pending_room(sink);
}

/* Tuples like `tuple`, with each of `values` in one column. */
static bool emit_run(struct rune_dl_sink *sink, const rune_term *tuple, const rune_term *values,
                     uint32_t count, uint32_t column)
{
    uint32_t arity = sink->growing->tuples.arity;
    while (count > 0) {
        uint32_t room = RUNE_DL_GROWING_BATCH - sink->pending_count;
        uint32_t many = count < room ? count : room;
        rune_term *place = sink->pending + (size_t)sink->pending_count * arity;
        for (uint32_t i = 0; i < many; i++, place += arity) {
            for (uint32_t c = 0; c < arity; c++) {
                place[c] = tuple[c];
            }
            place[column] = values[i];
        }
        sink->pending_count += many;
        values += many;
        count -= many;
        if (!make_pending_room(sink)) {
            return false;
        }
    }
    return true;
}

/* Tuples that begin like `tuple` and end with each of `lasts`. */
static bool emit_lasts(struct rune_dl_sink *sink, const rune_term *tuple, const rune_term *lasts,
                       uint32_t count)
{
    struct rune_dl_growing *growing = sink->growing;
    if (growing->bits.words == NULL) {
        return emit_run(sink, tuple, lasts, count, growing->tuples.arity - 1);
    }
    uint32_t before = growing->tuples.count;
    if (growing->gathering.has_words) {
        sink->err = rune_dl_growing_end_gathering(growing);
    }
    if (sink->err == RUNE_OK) {
        sink->err = rune_dl_growing_add_row(growing, tuple, lasts, count);
    }
    return check_growth(sink, before) && rune_rule_take_steps(&sink->ctx->vm, count);
}

/* A plan by rows: tuples that begin like `tuple` and end like the new ones that it reads now. */
static bool emit_group(void *context, const rune_term *tuple)
{
    struct rune_dl_sink *sink = context;
    const struct rune_dl_row_of_group *row = rune_dl_growing_row(sink->read);
    if (row == NULL) {
        sink->err = RUNE_E_NOMEM;
        return false;
    }
    if (!rune_dl_growing_takes_words(sink->growing, tuple, &row->words)) {
        return emit_lasts(sink, tuple, row->lasts, row->count);
    }
    uint32_t before = sink->growing->tuples.count;
    sink->err = rune_dl_growing_add_words(sink->growing, tuple, &row->words);
    return check_growth(sink, before) && rune_rule_take_steps(&sink->ctx->vm, row->words.count);
}

#define FEW_LASTS 4u /* they are better waited for together, each in another row */

static bool emit_few_lasts(struct rune_dl_sink *sink, rune_term *tuple,
                           const struct rune_dl_row_of_group *row, const rune_term *values,
                           uint32_t count, uint32_t column)
{
    bool goes_on = true;
    for (uint32_t i = 0; i < row->count && goes_on; i++) {
        tuple[sink->growing->tuples.arity - 1] = row->lasts[i];
        goes_on = emit_run(sink, tuple, values, count, column);
    }
    return goes_on;
}

#define GROUPS_AT_ONCE 64u /* between two looks at the limits */

/* The same for each of `values`, in one column of what stands before the last. */
static bool emit_group_run(struct rune_dl_sink *sink, rune_term *tuple, const rune_term *values,
                           uint32_t count, uint32_t column)
{
    const struct rune_dl_row_of_group *row = rune_dl_growing_row(sink->read);
    if (row != NULL && row->words.words == NULL && row->count <= FEW_LASTS) {
        return emit_few_lasts(sink, tuple, row, values, count, column);
    }
    for (uint32_t done = 0; count > 0; values += done, count -= done) {
        uint32_t before = sink->growing->tuples.count;
        uint32_t many = count < GROUPS_AT_ONCE ? count : GROUPS_AT_ONCE;
        if (row != NULL) {
            sink->err = rune_dl_growing_add_words_to(sink->growing, tuple, column, values, many,
                                                     &row->words, &done);
        }
        if (!check_growth(sink, before) ||
            !rune_rule_take_steps(&sink->ctx->vm, done * row->words.count)) {
            return false;
        }
        if (done == 0) {
            tuple[column] = values[done++];
            if (!emit_group(sink, tuple)) {
                return false;
            }
        }
    }
    return true;
}

/* The same for each value that a cursor has left. */
static bool emit_groups(void *context, const rune_term *tuple, const struct rune_cursor *cursor,
                        uint32_t position, uint32_t column)
{
    struct rune_dl_sink *sink = context;
    rune_term each[RUNE_DL_MAX_ARITY];
    struct rune_cursor rest = *cursor;
    const rune_term *run = rune_cursor_run(cursor, position);
    memcpy(each, tuple, sink->growing->tuples.arity * sizeof(rune_term));
    if (run != NULL) {
        return emit_group_run(sink, each, run, rune_cursor_left(cursor), column);
    }
    while (rune_cursor_next(&rest)) {
        if (rest.order->form == RUNE_ORDER_GROWING) { /* it may be over the groups themselves */
            rune_cursor_skip(&rest, 0);
        }
        each[column] = rune_cursor_get(&rest, position);
        if (!emit_group(context, each)) {
            return false;
        }
    }
    return true;
}

bool rune_dl_find_words(const struct rune_dl_ctx *ctx, const struct rune_cursor *cursor,
                        uint32_t position, struct rune_dl_row_words *ret_words)
{
    if (cursor->order->form != RUNE_ORDER_GROWING || cursor->columns == NULL) {
        return false;
    }
    const struct rune_dl_bits *bits = &ctx->rels.items[cursor->order->relation].growing->bits;
    if (cursor->prefix_count + 1 != bits->arity || bits->words == NULL ||
        cursor->order->columns[position] != position ||
        bits->stride > RUNE_DL_WORDS_A_VALUE * (uint64_t)rune_cursor_left(cursor)) {
        return false;
    }
    *ret_words =
        (struct rune_dl_row_words){.words = rune_dl_bits_find(bits, bits->arity, cursor->prefix),
                                   .count = bits->stride,
                                   .base = bits->least[position]};
    return ret_words->words != NULL;
}

/* Tuples like `tuple`, with what the cursor has left in one column. */
static bool emit_each(struct rune_dl_sink *sink, const rune_term *tuple,
                      const struct rune_cursor *cursor, uint32_t position, uint32_t column)
{
    for (struct rune_cursor each = *cursor; rune_cursor_next(&each);) {
        rune_term value = rune_cursor_get(&each, position);
        if (!emit_run(sink, tuple, &value, 1, column)) {
            return false;
        }
    }
    return true;
}

static bool emit_growing_row(void *context, const rune_term *tuple,
                             const struct rune_cursor *cursor, uint32_t position, uint32_t column)
{
    struct rune_dl_sink *sink = context;
    struct rune_dl_growing *growing = sink->growing;
    struct rune_dl_row_words words;
    const rune_term *run = rune_cursor_run(cursor, position);
    bool is_last = column + 1 == growing->tuples.arity;
    if (run == NULL) {
        return emit_each(sink, tuple, cursor, position, column);
    }
    if (is_last && rune_dl_find_words(sink->ctx, cursor, position, &words) &&
        rune_dl_growing_takes_words(growing, tuple, &words)) {
        uint32_t before = growing->tuples.count;
        sink->err = rune_dl_growing_gather_words(growing, tuple, &words);
        return check_growth(sink, before) && rune_rule_take_steps(&sink->ctx->vm, words.count);
    }
    return is_last ? emit_lasts(sink, tuple, run, rune_cursor_left(cursor))
                   : emit_run(sink, tuple, run, rune_cursor_left(cursor), column);
}

/* What a rule has read may have more behind it by now, of the rule's own making. Not where
 * relations were asked on the way: their tables are given up when a run ends. */
static bool find_more(void *context)
{
    struct rune_dl_sink *sink = context;
    struct rune_dl_growing *read = sink->read;
    if (!add_pending(sink) || sink->ctx->vm.err != RUNE_OK || sink->ctx->vm.table_count > 0 ||
        read->fed_high == read->tuples.count) {
        return false;
    }
    read->fed_high = read->tuples.count;
    return true;
}

/* ---- into rows ---- */

enum rune_err rune_dl_sink_sort(struct rune_dl_sink *sink)
{
    return rune_dl_sort_rows(&sink->rows, &sink->count, sink->rel->arity, NULL);
}

#define FIRST_ROWS 64u /* most relations have fewer tuples */

/* Repetitions are dropped before more room is taken. */
static bool make_room(struct rune_dl_sink *sink)
{
    uint32_t arity = sink->rel->arity;
    if (sink->count > 4096) {
        sink->err = rune_dl_sink_sort(sink);
        if (sink->err != RUNE_OK) {
            return false;
        }
    }
    if (sink->count > sink->budget) {
        sink->is_over = true;
        return false;
    }
    if (sink->count * 2 >= sink->capacity) {
        uint64_t capacity = sink->capacity == 0 ? FIRST_ROWS : sink->capacity * 2;
        sink->err = rune_dl_check_limits(sink->ctx, sink->count, capacity * arity * 8);
        if (sink->err != RUNE_OK) {
            return false;
        }
        rune_term *rows =
            rune_realloc(sink->rows, capacity, (arity + (arity == 0)) * sizeof(rune_term));
        if (rows == NULL) {
            sink->err = RUNE_E_NOMEM;
            return false;
        }
        sink->rows = rows;
        sink->capacity = capacity;
    }
    return true;
}

static bool emit_rows(void *context, const rune_term *row)
{
    struct rune_dl_sink *sink = context;
    if ((sink->count == sink->capacity && !make_room(sink)) ||
        !rune_rule_take_steps(&sink->ctx->vm, RUNE_RULE_KEEP_STEPS)) {
        return false;
    }
    uint32_t arity = sink->rel->arity;
    for (uint32_t i = 0; i < arity; i++) {
        sink->rows[sink->count * arity + i] = row[i];
    }
    sink->count++;
    return true;
}

/* ---- rules that derive nothing ---- */

#define FEW_GOALS 16u /* a rule that may be too long for a program is made one, to be refused */

/* Whether what a goal computes or tests can depend on a tuple. */
static bool takes_variable(const struct rune_dl_plan_rule *rule, const struct rune_dl_goal *goal)
{
    bool has_result = goal->kind == RUNE_DL_GOAL_ARITH || goal->kind == RUNE_DL_GOAL_NEGATE ||
                      goal->kind == RUNE_DL_GOAL_INDEX || goal->kind == RUNE_DL_GOAL_FUNCTION ||
                      goal->kind == RUNE_DL_GOAL_AGGREGATE;
    bool found = false;
    for (uint32_t i = has_result; i < goal->count; i++) {
        uint32_t var = goal->vars[i];
        found = found || (var != RUNE_DL_NO_VAR && !rule->vars[var].is_constant);
    }
    return found;
}

bool rune_dl_is_void(const struct rune_dl_ctx *ctx, uint32_t number)
{
    const struct rune_dl_plan_rule *rule = &ctx->rules.items[number];
    bool reads_nothing = false;
    /* What calculates with constants alone may fail first, and marks the relation by it. */
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        const struct rune_dl_goal *goal = &rule->goals[g];
        if (rule->goal_count > FEW_GOALS ||
            (goal->kind != RUNE_DL_GOAL_ATOM && !takes_variable(rule, goal))) {
            return false;
        }
        if (goal->kind == RUNE_DL_GOAL_ATOM && !goal->is_negated) {
            const struct rune_dl_rel *rel = &ctx->rels.items[goal->relation];
            reads_nothing = reads_nothing || (rel->access == RUNE_DL_STORED && rel->count == 0 &&
                                              rel->builtin == RUNE_DL_NOT_BUILTIN);
        }
    }
    return reads_nothing;
}

/* ---- running ---- */

static void point_machine(struct rune_dl_ctx *ctx)
{
    ctx->vm.in = (struct rune_relations){ctx->image_relations.items, ctx->orders.items, 0};
    ctx->vm.plans = ctx->plans.items;
    ctx->vm.code = ctx->code.items;
    ctx->vm.filters = ctx->filters.items;
    ctx->vm.filter_count = (uint32_t)ctx->filters.count;
}

#define RUN_STEPS 16u /* what it takes to run a rule at all */

enum rune_err rune_dl_run_rule(struct rune_dl_ctx *ctx, uint32_t number,
                               const struct rune_image_plan *plan, uint64_t steps,
                               struct rune_dl_sink *sink)
{
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    uint64_t allowed = steps < ctx->steps_left ? steps : ctx->steps_left;
    point_machine(ctx);
    ctx->vm.steps_left = allowed > RUN_STEPS ? allowed - RUN_STEPS : 0;
    ctx->vm.failed = 0;
    ctx->vm.is_unsure = false;
    ctx->vm.err = RUNE_OK;
    struct rune_rule_taker taker;
    if ((plan->flags & RUNE_DL_PLAN_BY_ROWS) != 0) {
        rune_rule_taker_init(&taker, emit_group, emit_groups);
        ctx->vm.taker = &taker;
        (void)rune_rule_run(&ctx->vm, plan, NULL, emit_group, sink);
        (void)add_pending(sink);
    } else if (sink->growing != NULL) {
        rune_rule_taker_init(&taker, emit_growing, emit_growing_row);
        taker.more = sink->is_fed ? find_more : NULL;
        ctx->vm.taker = &taker;
        if (sink->fresh != 0) {
            const uint32_t *code = ctx->code.items + plan->code;
            taker.fresh = rune_dl_keep_fresh;
            taker.fresh_at = code + sink->fresh;
            /* The program ends with EMIT, the head's registers and RETURN. */
            taker.fresh_head = code + plan->code_length - 2 - sink->rel->arity;
        }
        (void)rune_rule_run(&ctx->vm, plan, NULL, emit_growing, sink);
        (void)add_pending(sink);
    } else {
        (void)rune_rule_run(&ctx->vm, plan, NULL, emit_rows, sink);
    }
    ctx->vm.taker = NULL;
    rune_rule_vm_forget(&ctx->vm);
    bool is_out_of_memory = rune_arena_failed(&ctx->scratch); /* by the tables of what was asked */
    rune_arena_rewind(&ctx->scratch, mark);
    sink->steps = allowed - ctx->vm.steps_left;
    ctx->steps_left -= sink->steps;
    sink->rel->is_partial = sink->rel->is_partial || ctx->vm.failed != 0;
    sink->rel->is_unsure = sink->rel->is_unsure || ctx->vm.is_unsure;
    enum rune_err err = sink->err;
    uint64_t tuples = sink->growing != NULL ? sink->growing->tuples.count : sink->count;
    if (err == RUNE_OK && ctx->vm.err != RUNE_OK) {
        if (allowed == steps && steps != UINT64_MAX && ctx->vm.steps_left == 0) {
            sink->is_over = true;
            return RUNE_OK;
        }
        ctx->limit = ctx->vm.steps_left == 0 ? RUNE_DL_LIMIT_STEPS
                     : is_out_of_memory      ? RUNE_DL_LIMIT_MEMORY
                                             : RUNE_DL_LIMIT_VALUES;
        err = ctx->vm.err;
    }
    return rune_dl_report_limit(ctx, &ctx->rules.items[number], tuples, err);
}
