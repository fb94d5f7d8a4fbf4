/* SPDX-License-Identifier: Apache-2.0 */
/* code: a rule and a binding pattern -> a program. The goals come in the order that join.c finds.
 *
 * A program that demands others is not kept waiting for them: they get their numbers at once and
 * their programs later, from a list (rune_dl_demand_plans). So a chain of ten thousand relations
 * takes no more stack than one. */
#include "datalog/code_int.h"

#include <string.h>

#include "base/diag.h"

/* ---- programs ---- */

static enum rune_err stuck(const struct rune_dl_coder *coder)
{
    const struct rune_dl_rule *source = coder->rule->source;
    rune_diag_report(coder->ctx->diag, RUNE_ERROR, "RUNE-R0302",
                     source == NULL ? RUNE_SPAN_NONE : source->head_span,
                     "bind every variable by an atom of the body",
                     "this rule's goals cannot be put into an order");
    return RUNE_E_BUNDLE;
}

/* `known`: the order if it was found before, or NULL. */
static enum rune_err coder_init(struct rune_dl_coder *coder, struct rune_dl_ctx *ctx,
                                const struct rune_dl_plan_rule *rule, uint32_t bound,
                                uint32_t delta, const struct rune_dl_join_order *known)
{
    struct rune_arena *arena = &ctx->scratch;
    *coder =
        (struct rune_dl_coder){.ctx = ctx, .rule = rule, .delta = delta, .begin = ctx->code.count};
    enum rune_err err = rune_dl_join_init(&coder->join, ctx, rule, bound);
    if (err != RUNE_OK) {
        return err;
    }
    if (known != NULL) {
        memcpy(coder->join.order, known->goals, rule->goal_count * sizeof(uint32_t));
        coder->join.count = rule->goal_count;
        coder->rows = known->rows;
    } else {
        err = rune_dl_join_find(&coder->join, delta);
        if (err != RUNE_OK || !coder->join.is_whole) {
            return err != RUNE_OK ? err : stuck(coder);
        }
        coder->rows = rune_dl_join_rows(&coder->join);
    }
    coder->reg = rune_arena_alloc(arena, ((size_t)rule->var_count + 1) * sizeof(uint32_t));
    coder->level = rune_arena_alloc(arena, ((size_t)rule->var_count + 1) * sizeof(uint32_t));
    coder->loop_at = rune_arena_alloc(arena, 2 * ((size_t)rule->goal_count + 1) * sizeof(uint32_t));
    if (rune_arena_failed(arena)) {
        return RUNE_E_NOMEM;
    }
    coder->goal_at = coder->loop_at + rule->goal_count + 1;
    for (uint32_t i = 0; i < rule->var_count; i++) {
        coder->reg[i] = RUNE_DL_NO_REGISTER;
        coder->level[i] = 0;
    }
    return RUNE_OK;
}

/* Whether an atom's last column is the head's, and nobody else's, and the columns before it are
 * read: then it need not be read tuple by tuple. */
static bool hands_row_on(const struct rune_dl_coder *coder, uint32_t number)
{
    const struct rune_dl_plan_rule *rule = coder->rule;
    const struct rune_dl_goal *goal = &rule->goals[number];
    if (goal->kind != RUNE_DL_GOAL_ATOM || goal->is_negated || rule->arity < 2 || goal->count < 2) {
        return false;
    }
    uint32_t last = rule->head_vars[rule->arity - 1];
    bool reads = false;
    for (uint32_t i = 0; i + 1 < goal->count; i++) {
        reads = reads || rune_dl_join_wants(&coder->join, goal->vars[i]);
    }
    return reads && goal->vars[goal->count - 1] == last && !rule->vars[last].is_constant &&
           coder->join.uses[last] == 2;
}

/* The recursive goal that hands a row on; UINT32_MAX: none. */
static uint32_t find_row_goal(const struct rune_dl_coder *coder)
{
    const struct rune_dl_plan_rule *rule = coder->rule;
    uint32_t g = 0;
    while (g < rule->goal_count &&
           (!hands_row_on(coder, g) ||
            coder->ctx->rels.items[rule->goals[g].relation].access != RUNE_DL_GROWING)) {
        g++;
    }
    return g < rule->goal_count ? g : UINT32_MAX;
}

static bool has_var(const struct rune_dl_goal *goal, uint32_t var)
{
    uint32_t i = 0;
    while (i < goal->count && goal->vars[i] != var) {
        i++;
    }
    return i < goal->count;
}

/* Whether the new tuples' last column is read, but not by the atom that comes next: what that finds
 * is then the same for all that agree in the columns before. */
static bool is_grouped(const struct rune_dl_coder *coder)
{
    const struct rune_dl_plan_rule *rule = coder->rule;
    if (coder->delta == UINT32_MAX || coder->by_rows || rule->goals[coder->delta].count < 2 ||
        coder->join.count < 2) {
        return false;
    }
    const struct rune_dl_goal *goal = &rule->goals[coder->delta];
    const struct rune_dl_goal *next = &rule->goals[coder->join.order[1]];
    uint32_t last = goal->vars[goal->count - 1];
    bool reads = false, repeats = false;
    for (uint32_t i = 0; i + 1 < goal->count; i++) {
        reads = reads || rune_dl_join_wants(&coder->join, goal->vars[i]);
        repeats = repeats || goal->vars[i] == last;
    }
    return reads && !repeats && rune_dl_join_wants(&coder->join, last) &&
           !rule->vars[last].is_constant && next->kind == RUNE_DL_GOAL_ATOM && !next->is_negated &&
           !has_var(next, last);
}

/* Whether the new tuples are the only ones of growing relations that it reads. */
static bool is_fed(const struct rune_dl_coder *coder)
{
    const struct rune_dl_plan_rule *rule = coder->rule;
    uint32_t growing = 0;
    for (uint32_t g = 0; g < rule->goal_count && coder->delta != UINT32_MAX; g++) {
        growing += rule->goals[g].kind == RUNE_DL_GOAL_ATOM &&
                   coder->ctx->rels.items[rule->goals[g].relation].access == RUNE_DL_GROWING;
    }
    return growing == 1 && !coder->is_grouped;
}

/* The head's last column has a register that stands for all values of a row. */
static void put_row(struct rune_dl_coder *coder)
{
    const struct rune_dl_plan_rule *rule = coder->rule;
    uint32_t last = rule->head_vars[rule->arity - 1];
    coder->join.uses[last] = 1; /* so that no loop reads it */
    coder->reg[last] = rune_dl_code_register(coder);
    coder->level[last] = 1; /* the loop over the new tuples comes first */
    rune_dl_code_put(coder, RUNE_RULE_CONST);
    rune_dl_code_put(coder, coder->reg[last]);
    rune_dl_code_put(coder, RUNE_TERM_NONE);
}

static void put_head(struct rune_dl_coder *coder)
{
    const struct rune_dl_plan_rule *rule = coder->rule;
    uint32_t bound = coder->join.bound;
    rune_dl_code_put(coder, RUNE_RULE_RETURN);
    coder->registers = (uint32_t)__builtin_popcount(bound);
    for (uint32_t i = 0; i < rule->var_count; i++) {
        if (rule->vars[i].is_constant && coder->join.uses[i] > 0) {
            coder->reg[i] = rune_dl_code_register(coder);
            rune_dl_code_put(coder, RUNE_RULE_CONST);
            rune_dl_code_put(coder, coder->reg[i]);
            rune_dl_code_put(coder, rule->vars[i].term);
        }
    }
    for (uint32_t i = 0, argument = 0; i < rule->arity && i < 32; i++) {
        if ((bound >> i & 1) != 0) {
            rune_dl_code_result(coder, rule->head_vars[i], argument++, 0);
        }
    }
}

/* Whether a goal gives the head's last column, as its own last one: then it is best the innermost
 * loop, which is emitted by whole rows. */
static bool gives_row(const struct rune_dl_coder *coder, uint32_t number)
{
    const struct rune_dl_plan_rule *rule = coder->rule;
    const struct rune_dl_goal *goal = &rule->goals[number];
    if (goal->kind != RUNE_DL_GOAL_ATOM || goal->is_negated || goal->count < 2 || rule->arity < 2) {
        return false;
    }
    uint32_t last = rule->head_vars[rule->arity - 1];
    return goal->vars[goal->count - 1] == last && coder->reg[last] == RUNE_DL_NO_REGISTER;
}

static void put_body(struct rune_dl_coder *coder)
{
    uint32_t last = RUNE_DL_NO_VAR;
    if (coder->is_grouped) {
        const struct rune_dl_goal *goal = &coder->rule->goals[coder->delta];
        last = goal->vars[goal->count - 1];
    }
    for (uint32_t i = 0; i < coder->join.count && coder->err == RUNE_OK; i++) {
        bool is_innermost = i + 1 == coder->join.count;
        if (i > 0 && coder->is_grouped && !coder->has_lasts &&
            (has_var(&coder->rule->goals[coder->join.order[i]], last) ||
             (is_innermost && gives_row(coder, coder->join.order[i])))) {
            rune_dl_code_lasts(coder);
        }
        coder->goal_at[i] = rune_dl_code_here(coder);
        rune_dl_code_goal(coder, coder->join.order[i]);
        rune_dl_join_take(&coder->join, coder->join.order[i]);
    }
    if (coder->is_grouped && !coder->has_lasts) {
        rune_dl_code_lasts(coder);
    }
}

/* A rule's program; `shared` keeps it, unless it is NULL. */
static enum rune_err make_program(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                                  uint32_t bound, uint32_t delta,
                                  const struct rune_dl_join_order *known,
                                  struct rune_dl_shared *shared, struct rune_image_plan *ret_plan)
{
    struct rune_dl_coder coder;
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    enum rune_err err = coder_init(&coder, ctx, rule, bound, delta, known);
    if (err == RUNE_OK) {
        put_head(&coder);
        coder.by_rows = delta != UINT32_MAX && hands_row_on(&coder, delta);
        coder.row_goal = find_row_goal(&coder);
        coder.is_grouped = is_grouped(&coder);
        coder.is_fed = is_fed(&coder);
        if (coder.by_rows) {
            put_row(&coder);
        }
        if (coder.by_rows || coder.is_grouped) {
            struct rune_dl_growing *read = ctx->rels.items[rule->goals[delta].relation].growing;
            read->is_read_by_rows = true;
        }
        put_body(&coder);
        rune_dl_code_put(&coder, RUNE_RULE_EMIT);
        rune_dl_code_put(
            &coder,
            rune_dl_code_target(&coder, rune_dl_code_level(&coder, rule->head_vars, rule->arity)));
        rune_dl_code_registers(&coder, rule->head_vars, rule->arity);
        rune_dl_code_put(&coder, RUNE_RULE_RETURN);
        if (rune_rule_frame_bytes(coder.loops, coder.registers) > RUNE_RULE_FRAME_BYTES) {
            rune_dl_code_limit(&coder, RUNE_RULE_FRAME_BYTES, "bytes of loops and values");
        }
        err = coder.err != RUNE_OK || ctx->code.count <= UINT32_MAX ? coder.err : RUNE_E_LIMIT;
        *ret_plan = (struct rune_image_plan){
            .relation = rule->head,
            .bound = bound,
            .rule = rule->number,
            .code = (uint32_t)coder.begin,
            .code_length = rune_dl_code_here(&coder),
            .registers = coder.registers,
            .flags = coder.loops | (coder.by_rows ? RUNE_DL_PLAN_BY_ROWS : 0) |
                     (coder.is_fed ? RUNE_DL_PLAN_FED : 0) |
                     (coder.by_rows || coder.is_grouped ? RUNE_DL_PLAN_SORTED : 0),
            .rows = coder.rows < UINT32_MAX ? (uint32_t)(coder.rows + 0.5) : UINT32_MAX};
    }
    if (err == RUNE_OK && shared != NULL) {
        err = rune_dl_shared_keep_program(shared, &coder, ret_plan);
    }
    rune_arena_rewind(&ctx->scratch, mark);
    return err;
}

/* One rule; the programs that it demands are left on the list. */
static enum rune_err code_one(struct rune_dl_ctx *ctx, uint32_t number, uint32_t bound,
                              uint32_t delta, const struct rune_dl_join_order *known,
                              struct rune_image_plan *ret_plan)
{
    const struct rune_dl_plan_rule *rule = &ctx->rules.items[number];
    struct rune_dl_shared *shared = NULL;
    bool again = false;
    if (delta == UINT32_MAX && (known == NULL || known->is_shared)) {
        enum rune_err err = rune_dl_shared_find(ctx, rule, bound, &shared, &again);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return rune_dl_shared_has_program(shared)
               ? rune_dl_shared_program(ctx, shared, rule, ret_plan)
               : make_program(ctx, rule, bound, delta, known, again ? shared : NULL, ret_plan);
}

/* ---- what a program reads, for the orders ---- */

static enum rune_err collect_goal(struct rune_dl_coder *coder, uint32_t number)
{
    struct rune_dl_ctx *ctx = coder->ctx;
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    uint32_t first, count;
    ctx->asking = goal->span;
    if (goal->kind == RUNE_DL_GOAL_AGGREGATE) {
        return rune_dl_demand_plans(ctx, goal->relation, rune_dl_code_group(goal), &first, &count);
    }
    if (goal->kind != RUNE_DL_GOAL_ATOM) {
        return RUNE_OK;
    }
    switch (rune_dl_join_atom(&coder->join, goal)) {
    case RUNE_DL_ATOM_STORED:
        return rune_dl_order_for(ctx, goal->relation, rune_dl_code_search(coder, goal), &first);
    case RUNE_DL_ATOM_CALL:
        return rune_dl_demand_plans(ctx, goal->relation, rune_dl_join_columns(&coder->join, goal),
                                    &first, &count);
    default:
        return RUNE_OK;
    }
}

/* Notes the searches of one rule, and what it demands, and keeps the order. */
static enum rune_err collect_new(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                                 uint32_t bound, struct rune_dl_join_order *ret_order)
{
    struct rune_dl_coder coder = {.ctx = ctx, .rule = rule, .delta = UINT32_MAX};
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    enum rune_err err = rune_dl_join_init(&coder.join, ctx, coder.rule, bound);
    if (err == RUNE_OK) {
        err = rune_dl_join_find(&coder.join, UINT32_MAX);
    }
    if (err == RUNE_OK && !coder.join.is_whole) {
        err = stuck(&coder);
    }
    for (uint32_t i = 0; err == RUNE_OK && i < coder.join.count; i++) {
        err = collect_goal(&coder, coder.join.order[i]);
        rune_dl_join_take(&coder.join, coder.join.order[i]);
    }
    if (err == RUNE_OK) {
        ret_order->is_shared = false;
        ret_order->rows = rune_dl_join_rows(&coder.join);
        ret_order->goals =
            rune_arena_memdup(&ctx->arena, coder.join.order, coder.join.count * sizeof(uint32_t));
        err = ret_order->goals == NULL ? RUNE_E_NOMEM : RUNE_OK;
    }
    rune_arena_rewind(&ctx->scratch, mark);
    return err;
}

/* A rule like one before searches as that did; only its aggregates are its own. */
static enum rune_err collect_alike(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                                   const struct rune_dl_join_order *order)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < rule->goal_count; i++) {
        const struct rune_dl_goal *goal = &rule->goals[order->goals[i]];
        uint32_t first, count;
        ctx->asking = goal->span;
        if (goal->kind == RUNE_DL_GOAL_AGGREGATE) {
            err =
                rune_dl_demand_plans(ctx, goal->relation, rune_dl_code_group(goal), &first, &count);
        }
    }
    return err;
}

static enum rune_err collect_one(struct rune_dl_ctx *ctx, uint32_t number, uint32_t bound,
                                 struct rune_dl_join_order *ret_order)
{
    const struct rune_dl_plan_rule *rule = &ctx->rules.items[number];
    struct rune_dl_shared *shared;
    bool again;
    enum rune_err err = rune_dl_shared_find(ctx, rule, bound, &shared, &again);
    const struct rune_dl_join_order *order = rune_dl_shared_order(shared);
    if (err != RUNE_OK) {
        return err;
    }
    if (order != NULL) {
        *ret_order = *order;
        ret_order->is_shared = true;
        return collect_alike(ctx, rule, order);
    }
    err = collect_new(ctx, rule, bound, ret_order);
    if (err == RUNE_OK && shared != NULL) {
        rune_dl_shared_keep_order(shared, ret_order);
    }
    return err;
}

/* ---- demands ---- */

static enum rune_err collect_demand(struct rune_dl_ctx *ctx, const struct rune_dl_todo *todo)
{
    struct rune_dl_rel *rel = &ctx->rels.items[todo->relation];
    uint32_t bound = rel->demands.items[todo->demand].bound;
    struct rune_dl_join_order *orders =
        RUNE_ARENA_ARRAY(&ctx->arena, struct rune_dl_join_order, rel->rule_count + 1);
    enum rune_err err = orders == NULL ? RUNE_E_NOMEM : RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < rel->rule_count; i++) {
        err = collect_one(ctx, rel->first_rule + i, bound, &orders[i]);
    }
    rel->demands.items[todo->demand].orders = orders;
    return err;
}

static enum rune_err code_demand(struct rune_dl_ctx *ctx, const struct rune_dl_todo *todo)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[todo->relation];
    const struct rune_dl_demand demand = rel->demands.items[todo->demand];
    bool is_known = ctx->pass == RUNE_DL_PASS_IMAGE && demand.orders != NULL &&
                    ctx->late_builtins == ctx->late_builtins_before;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < demand.count; i++) {
        struct rune_image_plan plan;
        err = code_one(ctx, rel->first_rule + i, demand.bound, UINT32_MAX,
                       is_known ? &demand.orders[i] : NULL, &plan);
        if (err == RUNE_OK) {
            ctx->plans.items[demand.first + i] = plan;
        }
    }
    return err;
}

/* Everything that was demanded on the way. */
static enum rune_err run_todo(struct rune_dl_ctx *ctx)
{
    enum rune_err err = RUNE_OK;
    ctx->is_coding = true;
    while (ctx->todo.count > 0 && err == RUNE_OK) {
        struct rune_dl_todo todo = ctx->todo.items[--ctx->todo.count];
        err = ctx->pass == RUNE_DL_PASS_COLLECT ? collect_demand(ctx, &todo)
                                                : code_demand(ctx, &todo);
    }
    ctx->is_coding = false;
    ctx->todo.count = 0;
    return err;
}

enum rune_err rune_dl_code_rule(struct rune_dl_ctx *ctx, uint32_t number, uint32_t bound,
                                uint32_t delta, struct rune_image_plan *ret_plan)
{
    ctx->is_coding = true;
    enum rune_err err = code_one(ctx, number, bound, delta, NULL, ret_plan);
    ctx->is_coding = false;
    return err == RUNE_OK ? run_todo(ctx) : err;
}

/* The demand for a pattern, or NULL. */
static struct rune_dl_demand *find_demand(struct rune_dl_rel *rel, uint32_t bound)
{
    for (size_t i = 0; i < rel->demands.count; i++) {
        if (rel->demands.items[i].bound == bound) {
            return &rel->demands.items[i];
        }
    }
    return NULL;
}

enum rune_err rune_dl_demand_plans(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t bound,
                                   uint32_t *ret_first, uint32_t *ret_count)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    struct rune_dl_demand *demand = find_demand(rel, bound);
    bool is_made = demand != NULL && demand->round == ctx->plan_round;
    if (!is_made) {
        if (demand == NULL) {
            struct rune_dl_demand fresh = {
                .bound = bound, .count = rel->rule_count, .asked_by = ctx->asking};
            if (!RUNE_VEC_PUSH(&rel->demands, fresh)) {
                return RUNE_E_NOMEM;
            }
            demand = &rel->demands.items[rel->demands.count - 1];
        }
        struct rune_dl_todo todo = {relation, (uint32_t)(demand - rel->demands.items)};
        if (!RUNE_VEC_RESERVE(&ctx->plans, ctx->plans.count + demand->count) ||
            !RUNE_VEC_PUSH(&ctx->todo, todo)) {
            return RUNE_E_NOMEM;
        }
        demand->round = ctx->plan_round;
        demand->first = (uint32_t)ctx->plans.count;
        ctx->plans.count += demand->count;
    }
    *ret_first = demand->first;
    *ret_count = demand->count;
    return is_made || ctx->is_coding ? RUNE_OK : run_todo(ctx);
}
