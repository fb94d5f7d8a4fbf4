/* SPDX-License-Identifier: Apache-2.0 */
/* fixpoint: components of relations -> stored tuples.
 *
 * A relation that does not recurse is computed once: tuples are collected as rows, sorted and
 * deduplicated whenever they have doubled. A component that recurses is computed semi-naively: its
 * relations grow (growing.h); each round runs every rule once for each of its recursive goals, that
 * goal reading only what the last round added. Relations to which nothing was added cost a round
 * nothing, so that a component may have thousands of them and thousands of rounds. */
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "datalog/evaluate_int.h"

/* ---- what goals read ---- */

/* The order that reads through such a view, if there is one. */
static bool find_view(const struct rune_dl_ctx *ctx, const struct rune_dl_growing *growing,
                      const struct rune_growing_view *view, uint32_t *ret_order)
{
    for (size_t i = 0; i < growing->views.count; i++) {
        uint32_t order = growing->views.items[i];
        const void *there = (const void *)(uintptr_t)ctx->orders.items[order].offset;
        if (memcmp(there, view, sizeof(*view)) == 0) {
            *ret_order = order;
            return true;
        }
    }
    return false;
}

enum rune_err rune_dl_growing_order(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t search,
                                    enum rune_dl_range range, uint32_t *ret_order)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    struct rune_dl_growing *growing = rel->growing;
    const struct rune_growing_index *index;
    enum rune_err err = rune_dl_growing_find_index(growing, search, &index);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_growing_view view;
    memset(&view, 0, sizeof(view)); /* padding, too: views are compared by their bytes */
    view.relation = &growing->tuples;
    view.index = index;
    view.low = &growing->zero;
    view.high = &growing->high;
    if (range == RUNE_DL_RANGE_NEW) {
        view.low = &growing->low;
    } else if (range == RUNE_DL_RANGE_OLD) {
        view.high = &growing->low;
        view.is_old = true;
    } else if (range == RUNE_DL_RANGE_SORTED) {
        view.relation = &growing->sorted;
        view.high = &growing->sorted.count;
        view.group = &growing->group;
    }
    if (find_view(ctx, growing, &view, ret_order)) {
        return RUNE_OK;
    }
    const struct rune_growing_view *kept = rune_arena_memdup(&ctx->arena, &view, sizeof(view));
    struct rune_image_order order = {
        .relation = relation, .form = RUNE_ORDER_GROWING, .offset = (uint64_t)(uintptr_t)kept};
    uint32_t position = 0;
    for (int in_search = 1; in_search >= 0; in_search--) {
        for (uint32_t c = 0; c < rel->arity && position < 8; c++) {
            if ((c < 32 && (search >> c & 1) != 0) == (in_search == 1)) {
                order.columns[position++] = (uint8_t)c;
            }
        }
    }
    *ret_order = (uint32_t)ctx->orders.count;
    return kept != NULL && RUNE_VEC_PUSH(&growing->views, *ret_order) &&
                   RUNE_VEC_PUSH(&ctx->orders, order)
               ? RUNE_OK
               : RUNE_E_NOMEM;
}

/* ---- running rules ---- */

/* Where derived tuples go. */
struct sink {
    struct rune_dl_ctx *ctx;
    struct rune_dl_rel *rel;
    struct rune_dl_growing *growing; /* recursive: to this, by way of pending */
    rune_term *pending;              /* RUNE_DL_GROWING_BATCH tuples */
    uint32_t pending_count;
    struct rune_dl_growing *read; /* by rows: what the plan begins with */
    rune_term *rows;              /* else: to these */
    uint64_t count, capacity, sorted;
    uint64_t budget; /* tuples that may be collected; UINT64_MAX: any number */
    bool is_over;    /* the budget, not a limit */
    uint64_t steps;  /* that were taken */
    enum rune_err err;
};

/* After some were added: in bounds, now and then. */
static bool check_growth(struct sink *sink, uint32_t before)
{
    const struct rune_growing *tuples = &sink->growing->tuples;
    sink->ctx->derived += tuples->count - before;
    if (sink->err == RUNE_OK && (before ^ tuples->count) >> 12 != 0) {
        uint64_t bytes = rune_dl_growing_bytes(sink->growing);
        sink->ctx->growing_bytes += bytes - sink->growing->counted_bytes;
        sink->growing->counted_bytes = bytes;
        sink->err = rune_dl_check_limits(sink->ctx, 0, 0);
    }
    return sink->err == RUNE_OK;
}

static bool add_pending(struct sink *sink)
{
    struct rune_dl_growing *growing = sink->growing;
    uint32_t before = growing->tuples.count, count = sink->pending_count;
    sink->pending_count = 0;
    (void)rune_rule_take_steps(&sink->ctx->vm, (uint64_t)count * RUNE_RULE_KEEP_STEPS);
    if (sink->err == RUNE_OK) {
        sink->err = rune_dl_growing_add(growing, sink->pending, count);
    }
    return check_growth(sink, before);
}

/* Adds what is pending where there is room for no more. False: the rule ends here. */
static bool make_pending_room(struct sink *sink)
{
    return sink->pending_count < RUNE_DL_GROWING_BATCH ||
           (add_pending(sink) && sink->ctx->vm.err == RUNE_OK);
}

static bool emit_growing(void *context, const rune_term *row)
{
    struct sink *sink = context;
    uint32_t arity = sink->growing->tuples.arity;
    rune_term *place = sink->pending + (size_t)sink->pending_count++ * arity;
    for (uint32_t i = 0; i < arity; i++) {
        place[i] = row[i];
    }
    return make_pending_room(sink);
}

/* Tuples like `tuple`, with each of `values` in one column. */
static bool emit_run(struct sink *sink, const rune_term *tuple, const rune_term *values,
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
static bool emit_lasts(struct sink *sink, const rune_term *tuple, const rune_term *lasts,
                       uint32_t count)
{
    struct rune_dl_growing *growing = sink->growing;
    if (growing->bits.words == NULL) {
        return emit_run(sink, tuple, lasts, count, growing->tuples.arity - 1);
    }
    uint32_t before = growing->tuples.count;
    sink->err = rune_dl_growing_add_row(growing, tuple, lasts, count);
    return check_growth(sink, before) && rune_rule_take_steps(&sink->ctx->vm, count);
}

static bool emit_words(struct sink *sink, const rune_term *tuple,
                       const struct rune_dl_row_words *words)
{
    uint32_t before = sink->growing->tuples.count;
    sink->err = rune_dl_growing_add_words(sink->growing, tuple, words);
    return check_growth(sink, before) && rune_rule_take_steps(&sink->ctx->vm, words->count);
}

/* A plan by rows: tuples that begin like `tuple` and end like the new ones that it reads now. */
static bool emit_group(void *context, const rune_term *tuple)
{
    struct sink *sink = context;
    const struct rune_dl_row_of_group *row = rune_dl_growing_row(sink->read);
    if (row == NULL) {
        sink->err = RUNE_E_NOMEM;
        return false;
    }
    return rune_dl_growing_takes_words(sink->growing, tuple, &row->words)
               ? emit_words(sink, tuple, &row->words)
               : emit_lasts(sink, tuple, row->lasts.items, (uint32_t)row->lasts.count);
}

/* The words of what a cursor has left, if that is a row of a growing relation whose set is bits,
 * and they are not many more than its values. It may be more than what the cursor would give, newer
 * tuples: nothing is wrong with finding early what they lead to. */
static bool find_words(const struct rune_dl_ctx *ctx, const struct rune_cursor *cursor,
                       uint32_t position, struct rune_dl_row_words *ret_words)
{
    if (cursor->order->form != RUNE_ORDER_GROWING || cursor->columns == NULL) {
        return false;
    }
    const struct rune_dl_bits *bits = &ctx->rels.items[cursor->order->relation].growing->bits;
    if (bits->words == NULL || cursor->order->columns[position] != position ||
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
static bool emit_each(struct sink *sink, const rune_term *tuple, const struct rune_cursor *cursor,
                      uint32_t position, uint32_t column)
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
    struct sink *sink = context;
    struct rune_dl_growing *growing = sink->growing;
    struct rune_dl_row_words words;
    const rune_term *run = rune_cursor_run(cursor, position);
    bool is_last = column + 1 == growing->tuples.arity;
    if (run == NULL) {
        return emit_each(sink, tuple, cursor, position, column);
    }
    if (is_last && find_words(sink->ctx, cursor, position, &words) &&
        rune_dl_growing_takes_words(growing, tuple, &words)) {
        return emit_words(sink, tuple, &words);
    }
    return is_last ? emit_lasts(sink, tuple, run, rune_cursor_left(cursor))
                   : emit_run(sink, tuple, run, rune_cursor_left(cursor), column);
}

static const uint8_t natural[RUNE_DL_MAX_ARITY] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

/* Repetitions are dropped before more room is taken. */
static bool make_room(struct sink *sink)
{
    uint32_t arity = sink->rel->arity;
    if (sink->count > 4096) {
        sink->err = rune_dl_sort_rows(&sink->rows, &sink->count, arity, natural);
        if (sink->err != RUNE_OK) {
            return false;
        }
        sink->sorted = sink->count;
    }
    if (sink->count > sink->budget) {
        sink->is_over = true;
        return false;
    }
    if (sink->count * 2 >= sink->capacity) {
        uint64_t capacity = sink->capacity == 0 ? 1024 : sink->capacity * 2;
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
    struct sink *sink = context;
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

static void point_machine(struct rune_dl_ctx *ctx)
{
    ctx->vm.in = (struct rune_relations){ctx->image_relations.items, ctx->orders.items, 0};
    ctx->vm.plans = ctx->plans.items;
    ctx->vm.code = ctx->code.items;
}

#define RUN_STEPS 16u /* what it takes to run a rule at all */

static enum rune_err run_rule(struct rune_dl_ctx *ctx, uint32_t number,
                              const struct rune_image_plan *plan, uint64_t steps, struct sink *sink)
{
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    uint64_t allowed = steps < ctx->steps_left ? steps : ctx->steps_left;
    point_machine(ctx);
    ctx->vm.steps_left = allowed > RUN_STEPS ? allowed - RUN_STEPS : 0;
    ctx->vm.failed = 0;
    ctx->vm.is_unsure = false;
    ctx->vm.err = RUNE_OK;
    if ((plan->flags & RUNE_DL_PLAN_BY_ROWS) != 0) {
        (void)rune_rule_run(&ctx->vm, plan, NULL, emit_group, sink);
        (void)add_pending(sink);
    } else if (sink->growing != NULL) {
        ctx->vm.row_of = emit_growing;
        ctx->vm.row = emit_growing_row;
        (void)rune_rule_run(&ctx->vm, plan, NULL, emit_growing, sink);
        ctx->vm.row_of = NULL;
        (void)add_pending(sink);
    } else {
        (void)rune_rule_run(&ctx->vm, plan, NULL, emit_rows, sink);
    }
    rune_rule_vm_forget(&ctx->vm);
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
        ctx->limit = ctx->vm.steps_left == 0 ? RUNE_DL_LIMIT_STEPS : RUNE_DL_LIMIT_VALUES;
        err = ctx->vm.err;
    }
    return rune_dl_report_limit(ctx, &ctx->rules.items[number], tuples, err);
}

/* ---- relations that do not recurse ---- */

static enum rune_err compute_once(struct rune_dl_ctx *ctx, uint32_t relation, uint64_t budget,
                                  uint64_t steps)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    struct sink sink = {.ctx = ctx, .rel = rel, .budget = budget};
    enum rune_err err = RUNE_OK;
    bool was_partial = rel->is_partial, was_unsure = rel->is_unsure;
    for (uint32_t i = 0; i < rel->rule_count && err == RUNE_OK && !sink.is_over; i++) {
        struct rune_image_plan plan;
        if (budget == UINT64_MAX) {
            err = rune_dl_check_product(ctx, &ctx->rules.items[rel->first_rule + i]);
        }
        if (err == RUNE_OK) {
            err = rune_dl_code_rule(ctx, rel->first_rule + i, 0, UINT32_MAX, &plan);
        }
        rel = &ctx->rels.items[relation];
        if (err == RUNE_OK) {
            err = run_rule(ctx, rel->first_rule + i, &plan, steps, &sink);
        }
    }
    if (err == RUNE_OK && !sink.is_over) {
        err = rune_dl_sort_rows(&sink.rows, &sink.count, rel->arity, natural);
        sink.is_over = sink.count > budget;
    }
    if (err != RUNE_OK || sink.is_over) {
        rune_free(sink.rows);
        if (err == RUNE_OK) {
            rel->access = RUNE_DL_DEMANDED;
            rel->is_partial = was_partial;
            rel->is_unsure = was_unsure;
        }
        return err;
    }
    ctx->derived += sink.count;
    return rune_dl_store_rows(ctx, relation, sink.rows, sink.count);
}

enum rune_err rune_dl_compute(struct rune_dl_ctx *ctx, uint32_t relation)
{
    return compute_once(ctx, relation, UINT64_MAX, UINT64_MAX);
}

/* ---- recursion ---- */

/* One rule for one of its recursive goals. */
struct variant {
    uint32_t rule;
    uint32_t reads; /* the goal's relation, whose new tuples it begins with */
    struct rune_image_plan plan;
};
RUNE_VEC(vec_variant, struct variant);

static bool is_recursive_goal(const struct rune_dl_ctx *ctx, const struct rune_dl_goal *goal)
{
    return goal->kind == RUNE_DL_GOAL_ATOM && !goal->is_negated &&
           ctx->rels.items[goal->relation].access == RUNE_DL_GROWING;
}

static enum rune_err add_variants(struct rune_dl_ctx *ctx, uint32_t rule, struct vec_variant *first,
                                  struct vec_variant *rounds)
{
    uint32_t goals = ctx->rules.items[rule].goal_count;
    bool recurses = false;
    for (uint32_t g = 0; g < goals; g++) {
        if (!is_recursive_goal(ctx, &ctx->rules.items[rule].goals[g])) {
            continue;
        }
        recurses = true;
        struct variant variant = {.rule = rule, .reads = ctx->rules.items[rule].goals[g].relation};
        enum rune_err err = rune_dl_code_rule(ctx, rule, 0, g, &variant.plan);
        if (err != RUNE_OK || !RUNE_VEC_PUSH(rounds, variant)) {
            return err != RUNE_OK ? err : RUNE_E_NOMEM;
        }
    }
    if (recurses) {
        return RUNE_OK;
    }
    struct variant variant = {.rule = rule};
    enum rune_err err = rune_dl_code_rule(ctx, rule, 0, UINT32_MAX, &variant.plan);
    return err == RUNE_OK && !RUNE_VEC_PUSH(first, variant) ? RUNE_E_NOMEM : err;
}

/* How far a component may go in which a rule makes values that nothing bounds. */
#define UNBOUNDED_ROUNDS (UINT64_C(1) << 20) /* LIMIT */
#define UNBOUNDED_STEPS  (UINT64_C(1) << 28) /* LIMIT: a few seconds */

/* A component on its way to the fixpoint. */
struct rounds {
    struct vec_variant first, again; /* of the first round, and of those behind it */
    struct rune_vec_u32 changed;     /* relations that have new tuples, or some in the making */
    uint32_t unbounded;              /* a rule that nothing bounds, or UINT32_MAX */
    uint64_t count, steps_left;
};

static enum rune_err give_up(struct rune_dl_ctx *ctx, const struct rounds *rounds)
{
    const struct rune_dl_plan_rule *rule = &ctx->rules.items[rounds->unbounded];
    uint64_t tuples = ctx->rels.items[rule->head].growing->tuples.count;
    return rune_dl_report_unbounded(ctx, rule, rounds->count, tuples);
}

static enum rune_err run_variant(struct rune_dl_ctx *ctx, struct rounds *rounds,
                                 const struct variant *variant)
{
    uint32_t head = ctx->rules.items[variant->rule].head;
    struct rune_dl_rel *rel = &ctx->rels.items[head];
    rune_term pending[RUNE_DL_GROWING_BATCH * RUNE_DL_MAX_ARITY];
    struct sink sink = {
        .ctx = ctx, .rel = rel, .growing = rel->growing, .pending = pending, .budget = UINT64_MAX};
    sink.read = ctx->rels.items[variant->reads].growing;
    enum rune_err err = run_rule(ctx, variant->rule, &variant->plan, rounds->steps_left, &sink);
    if (rounds->unbounded != UINT32_MAX) {
        rounds->steps_left -= sink.steps;
    }
    if (err == RUNE_OK && sink.is_over) {
        err = give_up(ctx, rounds);
    }
    struct rune_dl_growing *growing = sink.growing;
    if (err == RUNE_OK && growing->tuples.count > growing->high && !growing->is_changed) {
        growing->is_changed = true;
        err = RUNE_VEC_PUSH(&rounds->changed, head) ? RUNE_OK : RUNE_E_NOMEM;
    }
    return err;
}

static enum rune_err run_first(struct rune_dl_ctx *ctx, struct rounds *rounds)
{
    enum rune_err err = RUNE_OK;
    rounds->count++;
    for (size_t i = 0; i < rounds->first.count && err == RUNE_OK; i++) {
        err = run_variant(ctx, rounds, &rounds->first.items[i]);
    }
    return err;
}

/* What begins with tuples that the last round added. */
static enum rune_err run_again(struct rune_dl_ctx *ctx, struct rounds *rounds)
{
    enum rune_err err = RUNE_OK;
    size_t count = rounds->changed.count; /* those that this round changes come behind */
    rounds->count++;
    for (size_t i = 0; i < count; i++) {
        const struct rune_dl_growing *read = ctx->rels.items[rounds->changed.items[i]].growing;
        for (uint32_t v = 0; v < read->variant_count && err == RUNE_OK; v++) {
            err = run_variant(ctx, rounds, &rounds->again.items[read->first_variant + v]);
        }
    }
    return err;
}

/* What the last round added becomes what the next one reads. After it, what has changed is what has
 * new tuples. */
static enum rune_err next_round(struct rune_dl_ctx *ctx, struct rounds *rounds)
{
    struct rune_vec_u32 *changed = &rounds->changed;
    size_t kept = 0;
    for (size_t i = 0; i < changed->count; i++) {
        struct rune_dl_growing *growing = ctx->rels.items[changed->items[i]].growing;
        enum rune_err err = rune_dl_growing_turn(growing, &growing->is_changed);
        if (err != RUNE_OK) {
            return err;
        }
        if (growing->is_changed) {
            changed->items[kept++] = changed->items[i];
        }
    }
    changed->count = kept;
    return RUNE_OK;
}

static int compare_variants(const void *a, const void *b)
{
    const struct variant *x = a, *y = b;
    if (x->reads != y->reads) {
        return x->reads < y->reads ? -1 : 1;
    }
    return (x->plan.code > y->plan.code) - (x->plan.code < y->plan.code);
}

/* By the relation that they read, which learns of its own. */
static void group_variants(struct rune_dl_ctx *ctx, struct vec_variant *variants)
{
    if (variants->count > 0) {
        qsort(variants->items, variants->count, sizeof(variants->items[0]), compare_variants);
    }
    for (size_t i = variants->count; i-- > 0;) {
        struct rune_dl_growing *growing = ctx->rels.items[variants->items[i].reads].growing;
        growing->first_variant = (uint32_t)i;
        growing->variant_count++;
    }
}

static enum rune_err make_variants(struct rune_dl_ctx *ctx, const uint32_t *relations,
                                   uint32_t count, struct rounds *rounds)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < count && err == RUNE_OK; i++) {
        const struct rune_dl_rel *rel = &ctx->rels.items[relations[i]];
        for (uint32_t r = 0; r < rel->rule_count && err == RUNE_OK; r++) {
            uint32_t rule = rel->first_rule + r;
            if (rounds->unbounded == UINT32_MAX &&
                rune_dl_is_unbounded(ctx, &ctx->rules.items[rule])) {
                rounds->unbounded = rule;
                rounds->steps_left = UNBOUNDED_STEPS;
            }
            err = add_variants(ctx, rule, &rounds->first, &rounds->again);
            rel = &ctx->rels.items[relations[i]];
        }
    }
    if (err == RUNE_OK) {
        group_variants(ctx, &rounds->again);
    }
    return err;
}

static enum rune_err compute_rounds(struct rune_dl_ctx *ctx, const uint32_t *relations,
                                    uint32_t count)
{
    struct rounds rounds = {.unbounded = UINT32_MAX, .steps_left = UINT64_MAX};
    enum rune_err err = make_variants(ctx, relations, count, &rounds);
    if (err == RUNE_OK) {
        err = run_first(ctx, &rounds);
    }
    while (err == RUNE_OK && rounds.changed.count > 0) {
        err = next_round(ctx, &rounds);
        if (err == RUNE_OK && rounds.changed.count > 0 && rounds.unbounded != UINT32_MAX &&
            rounds.count > UNBOUNDED_ROUNDS) {
            err = give_up(ctx, &rounds);
        }
        if (err == RUNE_OK) {
            err = run_again(ctx, &rounds);
        }
    }
    RUNE_VEC_FINI(&rounds.first);
    RUNE_VEC_FINI(&rounds.again);
    RUNE_VEC_FINI(&rounds.changed);
    return err;
}

/* The tuples in order; what grew is gone. */
static enum rune_err store_grown(struct rune_dl_ctx *ctx, uint32_t relation)
{
    struct rune_dl_growing *growing = ctx->rels.items[relation].growing;
    rune_term *rows = growing->tuples.rows;
    uint64_t count = growing->tuples.count;
    struct rune_dl_bits bits = growing->bits;
    growing->tuples.rows = NULL;
    growing->bits.words = NULL;
    rune_dl_growing_destroy(growing);
    ctx->rels.items[relation].growing = NULL;
    if (bits.words == NULL) {
        return rune_dl_store_rows(ctx, relation, rows, count);
    }
    rune_free(rows);
    enum rune_err err = rune_dl_store_bits(ctx, relation, &bits, count);
    rune_free(bits.words);
    return err;
}

static enum rune_err compute_recursive(struct rune_dl_ctx *ctx, const uint32_t *relations,
                                       uint32_t count)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < count; i++) {
        struct rune_dl_rel *rel = &ctx->rels.items[relations[i]];
        rel->growing = rune_dl_growing_create(rel->arity);
        if (rel->growing == NULL) {
            err = RUNE_E_NOMEM;
            goto out;
        }
        rel->access = RUNE_DL_GROWING;
    }
    err = compute_rounds(ctx, relations, count);
    bool is_partial = false, is_unsure = false;
    for (uint32_t i = 0; i < count; i++) {
        is_partial = is_partial || ctx->rels.items[relations[i]].is_partial;
        is_unsure = is_unsure || ctx->rels.items[relations[i]].is_unsure;
    }
    for (uint32_t i = 0; i < count && err == RUNE_OK; i++) {
        struct rune_dl_rel *rel = &ctx->rels.items[relations[i]];
        rel->is_partial = is_partial;
        rel->is_unsure = is_unsure;
        err = store_grown(ctx, relations[i]);
    }
out:
    for (uint32_t i = 0; i < count; i++) {
        rune_dl_growing_destroy(ctx->rels.items[relations[i]].growing);
        ctx->rels.items[relations[i]].growing = NULL;
    }
    ctx->growing_bytes = 0;
    return err;
}

/* ---- components ---- */

/* What reading a relation means for the one that reads it: a derivation that failed below shows
 * above. */
static void inherit_marks(struct rune_dl_ctx *ctx, uint32_t relation)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    for (uint32_t r = 0; r < rel->rule_count; r++) {
        const struct rune_dl_plan_rule *rule = &ctx->rules.items[rel->first_rule + r];
        for (uint32_t g = 0; g < rule->goal_count; g++) {
            const struct rune_dl_goal *goal = &rule->goals[g];
            if (goal->kind != RUNE_DL_GOAL_ATOM && goal->kind != RUNE_DL_GOAL_AGGREGATE) {
                continue;
            }
            const struct rune_dl_rel *read = &ctx->rels.items[goal->relation];
            bool by_absence = goal->is_negated || goal->kind == RUNE_DL_GOAL_AGGREGATE;
            rel->is_partial = rel->is_partial || read->is_partial;
            rel->is_unsure = rel->is_unsure || read->is_unsure || (by_absence && read->is_partial);
        }
    }
}

enum rune_err rune_dl_fixpoint(struct rune_dl_ctx *ctx, const uint32_t *relations, uint32_t count)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relations[0]];
    for (uint32_t i = 0; i < count; i++) {
        inherit_marks(ctx, relations[i]);
    }
    if (rel->is_recursive) {
        bool done = false;
        enum rune_err err = count == 1 ? rune_dl_closure(ctx, relations[0], &done) : RUNE_OK;
        if (err != RUNE_OK) {
            const struct rune_dl_rel *failed = &ctx->rels.items[relations[0]];
            return rune_dl_report_limit(ctx, &ctx->rules.items[failed->first_rule], failed->count,
                                        err);
        }
        return done ? RUNE_OK : compute_recursive(ctx, relations, count);
    }
    bool must = rel->is_needed || ctx->options->storing == RUNE_DL_STORE_ALL;
    if (must) {
        return compute_once(ctx, relations[0], UINT64_MAX, UINT64_MAX);
    }
    /* Stored where it is cheap: not many more tuples than a small part of the facts, found in about
     * as many steps. */
    uint64_t budget = ctx->base_facts / 16 > 4096 ? ctx->base_facts / 16 : 4096;
    if (!rune_dl_is_surely_below(ctx, relations[0], 4.0 * (double)budget) &&
        rune_dl_estimate(ctx, relations[0], 0) > 4.0 * (double)budget) {
        rel->access = RUNE_DL_DEMANDED; /* not even tried: trying may sort what is read */
        return RUNE_OK;
    }
    return compute_once(ctx, relations[0], budget, 4 * budget + 100000);
}
