/* SPDX-License-Identifier: Apache-2.0 */
/* code_atoms: atoms as instructions: scans and tests of stored relations, calls of demanded ones,
 * entity data and the request.
 *
 * A variable that occurs once is nobody's business: its column is not read, and a scan that has
 * nothing to read is a test. */
#include "base/diag.h"
#include "datalog/code_int.h"

#define SMALL_RELATION 65536u /* sorting it once more is cheap */

/* Columns read by a loop into registers: a variable seen for the first time gets its register; one
 * that is known or repeats gets a second one and a comparison behind the loop. */
struct reads {
    uint32_t count, check_count; /* set them to 0 */
    uint32_t columns[RUNE_DL_MAX_ARITY], registers[RUNE_DL_MAX_ARITY];
    uint32_t check_vars[RUNE_DL_MAX_ARITY], check_registers[RUNE_DL_MAX_ARITY];
};

static void read_column(struct rune_dl_coder *coder, struct reads *reads, uint32_t column,
                        uint32_t var, uint32_t level)
{
    uint32_t reg = rune_dl_code_register(coder);
    reads->columns[reads->count] = column;
    reads->registers[reads->count++] = reg;
    if (coder->reg[var] == RUNE_DL_NO_REGISTER) {
        coder->reg[var] = reg;
        coder->level[var] = level;
    } else {
        reads->check_vars[reads->check_count] = var;
        reads->check_registers[reads->check_count++] = reg;
    }
}

static void put_reads(struct rune_dl_coder *coder, const struct reads *reads, uint32_t level)
{
    rune_dl_code_put(coder, reads->count);
    for (uint32_t i = 0; i < reads->count; i++) {
        rune_dl_code_put(coder, reads->columns[i]);
        rune_dl_code_put(coder, reads->registers[i]);
    }
    for (uint32_t i = 0; i < reads->check_count; i++) {
        rune_dl_code_put(coder, RUNE_RULE_EQ);
        rune_dl_code_put(coder, coder->reg[reads->check_vars[i]]);
        rune_dl_code_put(coder, reads->check_registers[i]);
        rune_dl_code_put(coder, rune_dl_code_target(coder, level));
    }
}

/* The variables of a prefix, and of the columns to be read. */
static bool must_read(const struct rune_dl_coder *coder, const struct rune_dl_goal *goal,
                      uint32_t column, uint32_t prefix)
{
    uint32_t var = goal->vars[column];
    if (var == RUNE_DL_NO_VAR || (column < 32 && (prefix >> column & 1) != 0)) {
        return false;
    }
    return coder->join.is_bound[var] || coder->join.uses[var] > 1;
}

static uint32_t begin_loop(struct rune_dl_coder *coder)
{
    if (coder->loops >= RUNE_RULE_MAX_LOOPS) {
        rune_dl_code_limit(coder, RUNE_RULE_MAX_LOOPS, "atoms within each other");
        return 0;
    }
    coder->loop_at[coder->loops] = rune_dl_code_here(coder);
    return coder->loops++;
}

uint32_t rune_dl_code_search(const struct rune_dl_coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t bound = rune_dl_join_columns(&coder->join, goal), search = 0;
    if (bound == 0) {
        for (uint32_t i = 0; i < goal->count && i < 32; i++) {
            if (rune_dl_join_wants(&coder->join, goal->vars[i])) {
                bound |= 1u << i;
            }
        }
    }
    for (uint32_t taken = 0; bound != 0 && taken < RUNE_ORDER_MAX_PREFIX; taken++) {
        search |= bound & -bound;
        bound &= bound - 1;
    }
    return search;
}

/* An order of a stored relation that begins with a column; UINT32_MAX: none, and too large to make
 * one for this. */
static enum rune_err find_keys(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t column,
                               uint32_t *ret_order)
{
    const struct rune_dl_rel *rel = &ctx->rels.items[relation];
    *ret_order = UINT32_MAX;
    for (size_t i = 0; i < rel->orders.count; i++) {
        if (rel->orders.items[i].columns[0] == column) {
            *ret_order = rel->orders.items[i].id;
            return RUNE_OK;
        }
    }
    return rel->count <= SMALL_RELATION && column < 32
               ? rune_dl_order_for(ctx, relation, 1u << column, ret_order)
               : RUNE_OK;
}

/* The best of the partners that one column of a goal has in one of another. Where keys lie densely
 * they would let most tuples pass. */
static enum rune_err try_partners(struct rune_dl_ctx *ctx, uint32_t column,
                                  const struct rune_dl_goal *other, uint32_t other_column,
                                  struct rune_dl_partners *best)
{
    uint32_t id;
    enum rune_err err = find_keys(ctx, other->relation, other_column, &id);
    if (err != RUNE_OK || id == UINT32_MAX) {
        return err;
    }
    const struct rune_image_order *order = &ctx->orders.items[id];
    if (order->form == RUNE_ORDER_SPARSE &&
        (best->order.form == 0 || order->key_count < best->order.key_count)) {
        *best = (struct rune_dl_partners){*order, column};
    }
    return RUNE_OK;
}

/* What a goal over a growing relation joins with: a column that it shares with a stored relation
 * which has few of the values there could be. */
static enum rune_err find_partners(struct rune_dl_coder *coder, uint32_t number,
                                   struct rune_dl_partners *best)
{
    struct rune_dl_ctx *ctx = coder->ctx;
    const struct rune_dl_plan_rule *rule = coder->rule;
    const struct rune_dl_goal *goal = &rule->goals[number];
    enum rune_err err = RUNE_OK;
    for (uint32_t g = 0; g < rule->goal_count && goal->count <= RUNE_DL_MAX_ARITY; g++) {
        const struct rune_dl_goal *other = &rule->goals[g];
        if (other->kind != RUNE_DL_GOAL_ATOM || other->is_negated ||
            ctx->rels.items[other->relation].access != RUNE_DL_STORED ||
            rune_dl_is_entity_builtin(&ctx->rels.items[other->relation])) {
            continue;
        }
        for (uint32_t c = 0; c < goal->count && !goal->is_negated; c++) {
            for (uint32_t k = 0; k < other->count && err == RUNE_OK; k++) {
                if (goal->vars[c] == other->vars[k] && goal->vars[c] != RUNE_DL_NO_VAR) {
                    err = try_partners(ctx, c, other, k, best);
                }
            }
        }
    }
    return err;
}

/* Of two recursive goals one reads all while the other's new tuples are read, and the old when its
 * own are. Any sequence of them does; one that hands a row on comes first, since what is read of it
 * as words is all of it anyway. */
static bool comes_first(const struct rune_dl_coder *coder, uint32_t number)
{
    return coder->delta != coder->row_goal && (number == coder->row_goal || number < coder->delta);
}

static enum rune_err find_order(struct rune_dl_coder *coder, uint32_t number, uint32_t search,
                                uint32_t *ret_order)
{
    struct rune_dl_ctx *ctx = coder->ctx;
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    if (ctx->rels.items[goal->relation].access != RUNE_DL_GROWING) {
        return rune_dl_order_for(ctx, goal->relation, search, ret_order);
    }
    enum rune_dl_range range = RUNE_DL_RANGE_ALL;
    if (coder->delta != UINT32_MAX && !goal->is_negated) {
        range = number != coder->delta
                    ? (comes_first(coder, number) ? RUNE_DL_RANGE_ALL : RUNE_DL_RANGE_OLD)
                : coder->by_rows    ? RUNE_DL_RANGE_SORTED
                : coder->is_grouped ? RUNE_DL_RANGE_SORTED
                : coder->is_fed     ? RUNE_DL_RANGE_FED
                                    : RUNE_DL_RANGE_NEW;
    }
    struct rune_dl_partners partners = {0};
    /* Those that are read by rows, or while they are added, are no index's. */
    bool has_index = search != 0 || range == RUNE_DL_RANGE_NEW;
    enum rune_err err = has_index ? find_partners(coder, number, &partners) : RUNE_OK;
    return err != RUNE_OK
               ? err
               : rune_dl_growing_order(ctx, goal->relation, search, range, &partners, ret_order);
}

static void put_stored(struct rune_dl_coder *coder, uint32_t number)
{
    struct rune_dl_ctx *ctx = coder->ctx;
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    bool is_growing = ctx->rels.items[goal->relation].access == RUNE_DL_GROWING;
    uint32_t bound = rune_dl_join_columns(&coder->join, goal);
    /* The new tuples of a fixpoint are few, and have no index. */
    uint32_t search =
        number == coder->delta || (is_growing && bound == 0) ? 0 : rune_dl_code_search(coder, goal);
    uint32_t order_id = 0;
    enum rune_err err = find_order(coder, number, search, &order_id);
    if (err != RUNE_OK) {
        coder->err = err;
        return;
    }
    const struct rune_dl_rel *rel = &ctx->rels.items[goal->relation];
    const struct rune_image_order *order = &ctx->orders.items[order_id];
    uint32_t prefix_vars[RUNE_ORDER_MAX_PREFIX], prefix_count = 0, prefix = 0;
    search &= bound;
    uint32_t search_count = (uint32_t)__builtin_popcount(search);
    while (prefix_count < search_count) {
        uint32_t column = rune_order_column(order, rel->arity, prefix_count);
        prefix_vars[prefix_count++] = goal->vars[column];
        prefix |= 1u << column;
    }
    if (coder->err == RUNE_OK && coder->delta != UINT32_MAX && order->form < RUNE_ORDER_UNIT &&
        !goal->is_negated) {
        coder->err = rune_dl_filter_make(ctx, order_id, prefix_count);
    }
    bool is_grouped = number == coder->delta && coder->is_grouped;
    uint32_t read_count = 0, read_end = goal->count - is_grouped;
    for (uint32_t i = 0; i < read_end; i++) {
        read_count += must_read(coder, goal, i, prefix);
    }
    uint32_t empty =
        rune_dl_code_target(coder, rune_dl_code_level(coder, prefix_vars, prefix_count));
    if (read_count == 0) {
        rune_dl_code_put(coder, RUNE_RULE_EXISTS);
        rune_dl_code_put(coder, order_id);
        rune_dl_code_put(coder, goal->is_negated);
        rune_dl_code_put(coder, empty);
        rune_dl_code_registers(coder, prefix_vars, prefix_count);
        return;
    }
    uint32_t done = rune_dl_code_target(coder, coder->loops);
    uint32_t loop = begin_loop(coder);
    uint32_t level = coder->loops;
    struct reads reads;
    reads.count = reads.check_count = 0;
    uint32_t distinct = 0;
    for (uint32_t position = prefix_count; position < read_end; position++) {
        uint32_t column = rune_order_column(order, rel->arity, position);
        if (must_read(coder, goal, column, prefix)) {
            if (reads.count == position - prefix_count) {
                distinct = position + 1;
            }
            read_column(coder, &reads, position, goal->vars[column], level);
        }
    }
    /* Skipping pays, and is possible, only if all that is read leads what is not. */
    if (reads.count != distinct - prefix_count || distinct == rel->arity || is_growing) {
        distinct = 0;
    }
    if (is_grouped || (number == coder->delta && coder->by_rows)) {
        distinct = rel->arity - 1; /* new tuples come in groups */
    }
    rune_dl_code_put(coder, RUNE_RULE_SCAN);
    rune_dl_code_put(coder, loop);
    rune_dl_code_put(coder, order_id);
    rune_dl_code_put(coder, distinct);
    rune_dl_code_put(coder, empty);
    rune_dl_code_put(coder, done);
    rune_dl_code_registers(coder, prefix_vars, prefix_count);
    put_reads(coder, &reads, level);
}

void rune_dl_code_lasts(struct rune_dl_coder *coder)
{
    const struct rune_dl_goal *goal = &coder->rule->goals[coder->delta];
    struct rune_dl_partners none = {0};
    uint32_t order = 0;
    coder->has_lasts = true;
    enum rune_err err =
        rune_dl_growing_order(coder->ctx, goal->relation, 0, RUNE_DL_RANGE_GROUP, &none, &order);
    if (err != RUNE_OK) {
        coder->err = err;
        return;
    }
    uint32_t outside = rune_dl_code_target(coder, coder->loops);
    uint32_t loop = begin_loop(coder);
    struct reads reads;
    reads.count = reads.check_count = 0;
    read_column(coder, &reads, goal->count - 1, goal->vars[goal->count - 1], coder->loops);
    rune_dl_code_put(coder, RUNE_RULE_SCAN);
    rune_dl_code_put(coder, loop);
    rune_dl_code_put(coder, order);
    rune_dl_code_put(coder, 0); /* none are skipped */
    rune_dl_code_put(coder, outside);
    rune_dl_code_put(coder, outside);
    rune_dl_code_put(coder, 0); /* nothing is searched by */
    put_reads(coder, &reads, coder->loops);
}

/* A negated atom with more columns than an order can search is asked through a relation made for
 * it; the planner never sees one: goals with a negation read nothing. */
static void put_call(struct rune_dl_coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t bound = rune_dl_join_columns(&coder->join, goal);
    uint32_t first = 0, count = 0;
    enum rune_err err = rune_dl_demand_plans(coder->ctx, goal->relation, bound, &first, &count);
    if (err != RUNE_OK) {
        coder->err = err;
        return;
    }
    uint32_t arg_vars[32], arg_count = 0, read_count = 0;
    for (uint32_t i = 0; i < goal->count; i++) {
        if (i < 32 && (bound >> i & 1) != 0) {
            arg_vars[arg_count++] = goal->vars[i];
        } else {
            read_count += must_read(coder, goal, i, bound);
        }
    }
    uint32_t empty = rune_dl_code_target(coder, rune_dl_code_level(coder, arg_vars, arg_count));
    if (read_count == 0) {
        rune_dl_code_put(coder, RUNE_RULE_CALL);
        rune_dl_code_put(coder, first);
        rune_dl_code_put(coder, count);
        rune_dl_code_put(coder, goal->is_negated);
        rune_dl_code_put(coder, empty);
        rune_dl_code_registers(coder, arg_vars, arg_count);
        return;
    }
    uint32_t done = rune_dl_code_target(coder, coder->loops);
    uint32_t loop = begin_loop(coder);
    struct reads reads;
    reads.count = reads.check_count = 0;
    for (uint32_t i = 0; i < goal->count; i++) {
        if (must_read(coder, goal, i, bound)) {
            read_column(coder, &reads, i, goal->vars[i], coder->loops);
        }
    }
    rune_dl_code_put(coder, RUNE_RULE_CALL_SCAN);
    rune_dl_code_put(coder, loop);
    rune_dl_code_put(coder, first);
    rune_dl_code_put(coder, count);
    rune_dl_code_put(coder, empty);
    rune_dl_code_put(coder, done);
    rune_dl_code_registers(coder, arg_vars, arg_count);
    put_reads(coder, &reads, coder->loops);
}

void rune_dl_code_member(struct rune_dl_coder *coder, uint32_t element, uint32_t set,
                         uint32_t set_level)
{
    uint32_t done = rune_dl_code_target(coder, coder->loops);
    uint32_t loop = begin_loop(coder);
    uint32_t level = coder->loops;
    uint32_t result = rune_dl_code_register(coder);
    rune_dl_code_put(coder, RUNE_RULE_MEMBER);
    rune_dl_code_put(coder, loop);
    rune_dl_code_put(coder, result);
    rune_dl_code_put(coder, set);
    rune_dl_code_put(coder, rune_dl_code_target(coder, set_level));
    rune_dl_code_put(coder, done);
    rune_dl_code_result(coder, element, result, level);
}

/* entity.attr, entity.tag, entity.element of a known entity. */
static void put_attr(struct rune_dl_coder *coder, const struct rune_dl_goal *goal, bool of_elements)
{
    const struct rune_dl_rel *rel = &coder->ctx->rels.items[goal->relation];
    uint32_t level = rune_dl_code_level(coder, goal->vars, 1);
    uint32_t result = rune_dl_code_register(coder);
    uint32_t of_tags = rel->builtin == RUNE_DL_ENTITY_TAG ? RUNE_RULE_OF_TAGS : 0;
    rune_dl_code_put(coder, RUNE_RULE_ATTR);
    rune_dl_code_put(coder, result);
    rune_dl_code_put(coder, coder->reg[goal->vars[0]]);
    rune_dl_code_put(coder, rel->literal);
    rune_dl_code_put(coder, of_tags | rune_dl_code_sees_request(coder));
    rune_dl_code_put(coder, rune_dl_code_target(coder, level));
    uint32_t value = goal->vars[2];
    if (of_elements && coder->reg[value] != RUNE_DL_NO_REGISTER) {
        rune_dl_code_put(coder, RUNE_RULE_ELEMENT);
        rune_dl_code_put(coder, coder->reg[value]);
        rune_dl_code_put(coder, result);
        rune_dl_code_put(coder,
                         rune_dl_code_target(coder, rune_dl_code_level(coder, &value, 1) > level
                                                        ? rune_dl_code_level(coder, &value, 1)
                                                        : level));
    } else if (of_elements) {
        rune_dl_code_member(coder, value, result, level);
    } else {
        rune_dl_code_result(coder, value, result, level);
    }
}

static void put_request(struct rune_dl_coder *coder, const struct rune_dl_goal *goal)
{
    const struct rune_dl_rel *rel = &coder->ctx->rels.items[goal->relation];
    bool is_context = rel->builtin == RUNE_DL_CONTEXT;
    if (is_context && rel->literal == RUNE_TERM_NONE) {
        rune_diag_report(coder->ctx->diag, RUNE_ERROR, "RUNE-R0303", goal->span,
                         "write the key as a string", "the key of context must be a literal");
        coder->err = RUNE_E_BUNDLE;
        return;
    }
    uint32_t var = goal->vars[is_context ? 1 : 0];
    uint32_t result = rune_dl_code_register(coder);
    rune_dl_code_put(coder, is_context ? RUNE_RULE_CONTEXT : RUNE_RULE_LOAD_REQUEST);
    rune_dl_code_put(coder, result);
    rune_dl_code_put(coder,
                     is_context ? rel->literal : (uint32_t)(rel->builtin - RUNE_DL_PRINCIPAL));
    rune_dl_code_put(coder, 0);
    rune_dl_code_result(coder, var, result, 0);
}

static void put_parts(struct rune_dl_coder *coder, const struct rune_dl_goal *goal, bool make)
{
    uint32_t level = make ? rune_dl_code_level(coder, goal->vars + 1, 2)
                          : rune_dl_code_level(coder, goal->vars, 1);
    uint32_t first = rune_dl_code_register(coder), second = make ? 0 : rune_dl_code_register(coder);
    rune_dl_code_put(coder, make ? RUNE_RULE_ENTITY_MAKE : RUNE_RULE_ENTITY_PARTS);
    rune_dl_code_put(coder, first);
    if (make) {
        rune_dl_code_put(coder, coder->reg[goal->vars[1]]);
        rune_dl_code_put(coder, coder->reg[goal->vars[2]]);
    } else {
        rune_dl_code_put(coder, second);
        rune_dl_code_put(coder, coder->reg[goal->vars[0]]);
    }
    rune_dl_code_put(coder, rune_dl_code_target(coder, level));
    if (make) {
        rune_dl_code_result(coder, goal->vars[0], first, level);
    } else {
        rune_dl_code_result(coder, goal->vars[1], first, level);
        rune_dl_code_result(coder, goal->vars[2], second, level);
    }
}

void rune_dl_code_atom(struct rune_dl_coder *coder, uint32_t number)
{
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    const struct rune_dl_rel *rel = &coder->ctx->rels.items[goal->relation];
    if (rel->is_partial || rel->is_unsure) {
        /* Under a negation, what is missing makes the answer unsure, too. */
        rune_dl_code_put(coder, RUNE_RULE_MARK);
        rune_dl_code_put(
            coder, (rel->is_partial ? (uint32_t)RUNE_RULE_MARK_PARTIAL : 0) |
                       (rel->is_unsure || goal->is_negated ? (uint32_t)RUNE_RULE_MARK_UNSURE : 0));
    }
    switch (rune_dl_join_atom(&coder->join, goal)) {
    case RUNE_DL_ATOM_STORED:
        put_stored(coder, number);
        break;
    case RUNE_DL_ATOM_CALL:
        put_call(coder, goal);
        break;
    case RUNE_DL_ATOM_REQUEST:
    case RUNE_DL_ATOM_CONTEXT:
        put_request(coder, goal);
        break;
    case RUNE_DL_ATOM_ENTITY:
        rune_dl_code_put(coder, RUNE_RULE_ENTITY_EXISTS);
        rune_dl_code_put(coder, coder->reg[goal->vars[0]]);
        rune_dl_code_put(coder,
                         rune_dl_code_target(coder, rune_dl_code_level(coder, goal->vars, 1)));
        break;
    case RUNE_DL_ATOM_ATTR:
        put_attr(coder, goal, false);
        break;
    case RUNE_DL_ATOM_ELEMENT:
        put_attr(coder, goal, true);
        break;
    case RUNE_DL_ATOM_PARTS:
        put_parts(coder, goal, false);
        break;
    case RUNE_DL_ATOM_MAKE:
        put_parts(coder, goal, true);
        break;
    }
}
