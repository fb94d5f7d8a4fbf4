/* SPDX-License-Identifier: Apache-2.0 */
/* code: a rule and a binding pattern -> a program.
 *
 * The goals come in the order that join.c finds. Program: see eval/rule_code.h. Each variable has a
 * level: the loop that set it, 0 for none. A check that fails goes on at the highest level among
 * its variables; a scan that finds nothing likewise; one that is exhausted at the enclosing loop. A
 * variable that occurs once is nobody's business: its column is not read, and a scan that has
 * nothing to read is a test.
 *
 * A program that demands others is not kept waiting for them: they get their numbers at once and
 * their programs later, from a list (rune_dl_demand_plans). So a chain of ten thousand relations
 * takes no more stack than one. */
#include <string.h>

#include "base/diag.h"
#include "datalog/join.h"

#define NO_REGISTER UINT32_MAX

struct coder {
    struct rune_dl_ctx *ctx;
    const struct rune_dl_plan_rule *rule;
    struct rune_dl_join join;
    uint32_t delta;
    double rows;     /* expected */
    size_t begin;    /* of the program in ctx->code */
    uint32_t *reg;   /* by variable */
    uint32_t *level; /* by variable */
    uint32_t registers;
    uint32_t loops;
    uint32_t *loop_at; /* word of each loop */
    enum rune_err err;
};

/* ---- words ---- */

static void put(struct coder *coder, uint32_t word)
{
    if (!RUNE_VEC_PUSH(&coder->ctx->code, word)) {
        coder->err = RUNE_E_NOMEM;
    }
}

static uint32_t here(const struct coder *coder)
{
    return (uint32_t)(coder->ctx->code.count - coder->begin);
}

/* The first time; the rule is given up. */
static void report_limit(struct coder *coder, uint32_t limit, const char *what)
{
    const struct rune_dl_rule *source = coder->rule->source;
    if (coder->err == RUNE_OK) {
        rune_diag_report(coder->ctx->diag, RUNE_ERROR, "RUNE-R0305",
                         source == NULL ? RUNE_SPAN_NONE : source->head_span,
                         "give a part of the body a relation of its own, and use that",
                         "this rule is too long: it needs more than %u %s", limit, what);
        coder->err = RUNE_E_LIMIT;
    }
}

static uint32_t new_register(struct coder *coder)
{
    if (coder->registers >= RUNE_RULE_MAX_REGISTERS) {
        report_limit(coder, RUNE_RULE_MAX_REGISTERS, "values at a time");
        return 0;
    }
    return coder->registers++;
}

static uint32_t target_of_level(const struct coder *coder, uint32_t level)
{
    return level == 0 ? 0 : coder->loop_at[level - 1];
}

/* Highest level of the variables. */
static uint32_t max_level(const struct coder *coder, const uint32_t *vars, uint32_t count)
{
    uint32_t level = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (vars[i] != RUNE_DL_NO_VAR && coder->reg[vars[i]] != NO_REGISTER &&
            coder->level[vars[i]] > level) {
            level = coder->level[vars[i]];
        }
    }
    return level;
}

static void put_span(struct coder *coder, struct rune_span span)
{
    struct rune_dl_ctx *ctx = coder->ctx;
    struct rune_image_code_span at = {(uint32_t)ctx->code.count, span.offset, span.length};
    if (ctx->pass == RUNE_DL_PASS_IMAGE && span.source != NULL && !RUNE_VEC_PUSH(&ctx->spans, at)) {
        coder->err = RUNE_E_NOMEM;
    }
}

/* A result goes to a register of its own: the variable's, or (it has one) it is compared. */
static void put_result(struct coder *coder, uint32_t var, uint32_t result, uint32_t level)
{
    if (coder->reg[var] == NO_REGISTER) {
        coder->reg[var] = result;
        coder->level[var] = level;
        return;
    }
    uint32_t own = coder->level[var];
    put(coder, RUNE_RULE_EQ);
    put(coder, coder->reg[var]);
    put(coder, result);
    put(coder, target_of_level(coder, own > level ? own : level));
}

static void put_registers(struct coder *coder, const uint32_t *vars, uint32_t count)
{
    put(coder, count);
    for (uint32_t i = 0; i < count; i++) {
        put(coder, coder->reg[vars[i]]);
    }
}

/* ---- atoms ---- */

/* Columns read by a loop into registers: a variable seen for the first time gets its register; one
 * that is known or repeats gets a second one and a comparison behind the loop. */
struct reads {
    uint32_t count, check_count; /* set them to 0 */
    uint32_t columns[RUNE_DL_MAX_ARITY], registers[RUNE_DL_MAX_ARITY];
    uint32_t check_vars[RUNE_DL_MAX_ARITY], check_registers[RUNE_DL_MAX_ARITY];
};

static void read_column(struct coder *coder, struct reads *reads, uint32_t column, uint32_t var,
                        uint32_t level)
{
    uint32_t reg = new_register(coder);
    reads->columns[reads->count] = column;
    reads->registers[reads->count++] = reg;
    if (coder->reg[var] == NO_REGISTER) {
        coder->reg[var] = reg;
        coder->level[var] = level;
    } else {
        reads->check_vars[reads->check_count] = var;
        reads->check_registers[reads->check_count++] = reg;
    }
}

static void put_reads(struct coder *coder, const struct reads *reads, uint32_t level)
{
    put(coder, reads->count);
    for (uint32_t i = 0; i < reads->count; i++) {
        put(coder, reads->columns[i]);
        put(coder, reads->registers[i]);
    }
    for (uint32_t i = 0; i < reads->check_count; i++) {
        put(coder, RUNE_RULE_EQ);
        put(coder, coder->reg[reads->check_vars[i]]);
        put(coder, reads->check_registers[i]);
        put(coder, target_of_level(coder, level));
    }
}

/* The variables of a prefix, and of the columns to be read. */
static bool must_read(const struct coder *coder, const struct rune_dl_goal *goal, uint32_t column,
                      uint32_t prefix)
{
    uint32_t var = goal->vars[column];
    if (var == RUNE_DL_NO_VAR || (column < 32 && (prefix >> column & 1) != 0)) {
        return false;
    }
    return coder->join.is_bound[var] || coder->join.uses[var] > 1;
}

static uint32_t begin_loop(struct coder *coder)
{
    if (coder->loops >= RUNE_RULE_MAX_LOOPS) {
        report_limit(coder, RUNE_RULE_MAX_LOOPS, "atoms within each other");
        return 0;
    }
    coder->loop_at[coder->loops] = here(coder);
    return coder->loops++;
}

/* What an order must be sorted by first for this search; with nothing bound, what is wanted of it,
 * so that repetitions can be skipped. LIMIT: RUNE_ORDER_MAX_PREFIX columns; the others are
 * compared. */
static uint32_t search_of(const struct coder *coder, const struct rune_dl_goal *goal)
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

static enum rune_err find_order(struct coder *coder, uint32_t number, uint32_t search,
                                uint32_t *ret_order)
{
    struct rune_dl_ctx *ctx = coder->ctx;
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    if (ctx->rels.items[goal->relation].access != RUNE_DL_GROWING) {
        return rune_dl_order_for(ctx, goal->relation, search, ret_order);
    }
    enum rune_dl_range range = RUNE_DL_RANGE_ALL;
    if (coder->delta != UINT32_MAX && !goal->is_negated) {
        range = number == coder->delta  ? RUNE_DL_RANGE_NEW
                : number > coder->delta ? RUNE_DL_RANGE_OLD
                                        : RUNE_DL_RANGE_ALL;
    }
    return rune_dl_growing_order(ctx, goal->relation, search, range, ret_order);
}

static void put_stored(struct coder *coder, uint32_t number)
{
    struct rune_dl_ctx *ctx = coder->ctx;
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    bool is_growing = ctx->rels.items[goal->relation].access == RUNE_DL_GROWING;
    uint32_t bound = rune_dl_join_columns(&coder->join, goal);
    /* The new tuples of a fixpoint are few, and have no index. */
    uint32_t search =
        number == coder->delta || (is_growing && bound == 0) ? 0 : search_of(coder, goal);
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
    uint32_t read_count = 0;
    for (uint32_t i = 0; i < goal->count; i++) {
        read_count += must_read(coder, goal, i, prefix);
    }
    uint32_t empty = target_of_level(coder, max_level(coder, prefix_vars, prefix_count));
    if (read_count == 0) {
        put(coder, RUNE_RULE_EXISTS);
        put(coder, order_id);
        put(coder, goal->is_negated);
        put(coder, empty);
        put_registers(coder, prefix_vars, prefix_count);
        return;
    }
    uint32_t done = target_of_level(coder, coder->loops);
    uint32_t loop = begin_loop(coder);
    uint32_t level = coder->loops;
    struct reads reads;
    reads.count = reads.check_count = 0;
    uint32_t distinct = 0;
    for (uint32_t position = prefix_count; position < rel->arity; position++) {
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
    put(coder, RUNE_RULE_SCAN);
    put(coder, loop);
    put(coder, order_id);
    put(coder, distinct);
    put(coder, empty);
    put(coder, done);
    put_registers(coder, prefix_vars, prefix_count);
    put_reads(coder, &reads, level);
}

/* A negated atom with more columns than an order can search is asked through a relation made for
 * it; the planner never sees one: goals with a negation read nothing. */
static void put_call(struct coder *coder, const struct rune_dl_goal *goal)
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
    uint32_t empty = target_of_level(coder, max_level(coder, arg_vars, arg_count));
    if (read_count == 0) {
        put(coder, RUNE_RULE_CALL);
        put(coder, first);
        put(coder, count);
        put(coder, goal->is_negated);
        put(coder, empty);
        put_registers(coder, arg_vars, arg_count);
        return;
    }
    uint32_t done = target_of_level(coder, coder->loops);
    uint32_t loop = begin_loop(coder);
    struct reads reads;
    reads.count = reads.check_count = 0;
    for (uint32_t i = 0; i < goal->count; i++) {
        if (must_read(coder, goal, i, bound)) {
            read_column(coder, &reads, i, goal->vars[i], coder->loops);
        }
    }
    put(coder, RUNE_RULE_CALL_SCAN);
    put(coder, loop);
    put(coder, first);
    put(coder, count);
    put(coder, empty);
    put(coder, done);
    put_registers(coder, arg_vars, arg_count);
    put_reads(coder, &reads, coder->loops);
}

static uint32_t sees_request(const struct coder *coder)
{
    return coder->ctx->rels.items[coder->rule->head].on_request ? RUNE_RULE_SEES_REQUEST : 0;
}

/* A loop over the elements of the set in `set`. */
static void put_member(struct coder *coder, uint32_t element, uint32_t set, uint32_t set_level)
{
    uint32_t done = target_of_level(coder, coder->loops);
    uint32_t loop = begin_loop(coder);
    uint32_t level = coder->loops;
    uint32_t result = new_register(coder);
    put(coder, RUNE_RULE_MEMBER);
    put(coder, loop);
    put(coder, result);
    put(coder, set);
    put(coder, target_of_level(coder, set_level));
    put(coder, done);
    put_result(coder, element, result, level);
}

/* entity.attr, entity.tag, entity.element of a known entity. */
static void put_attr(struct coder *coder, const struct rune_dl_goal *goal, bool of_elements)
{
    const struct rune_dl_rel *rel = &coder->ctx->rels.items[goal->relation];
    uint32_t level = max_level(coder, goal->vars, 1);
    uint32_t result = new_register(coder);
    uint32_t of_tags = rel->builtin == RUNE_DL_ENTITY_TAG ? RUNE_RULE_OF_TAGS : 0;
    put(coder, RUNE_RULE_ATTR);
    put(coder, result);
    put(coder, coder->reg[goal->vars[0]]);
    put(coder, rel->literal);
    put(coder, of_tags | sees_request(coder));
    put(coder, target_of_level(coder, level));
    uint32_t value = goal->vars[2];
    if (of_elements && coder->reg[value] != NO_REGISTER) {
        put(coder, RUNE_RULE_ELEMENT);
        put(coder, coder->reg[value]);
        put(coder, result);
        put(coder,
            target_of_level(coder, max_level(coder, &value, 1) > level ? max_level(coder, &value, 1)
                                                                       : level));
    } else if (of_elements) {
        put_member(coder, value, result, level);
    } else {
        put_result(coder, value, result, level);
    }
}

static void put_request(struct coder *coder, const struct rune_dl_goal *goal)
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
    uint32_t result = new_register(coder);
    put(coder, is_context ? RUNE_RULE_CONTEXT : RUNE_RULE_LOAD_REQUEST);
    put(coder, result);
    put(coder, is_context ? rel->literal : (uint32_t)(rel->builtin - RUNE_DL_PRINCIPAL));
    put(coder, 0);
    put_result(coder, var, result, 0);
}

static void put_parts(struct coder *coder, const struct rune_dl_goal *goal, bool make)
{
    uint32_t level = make ? max_level(coder, goal->vars + 1, 2) : max_level(coder, goal->vars, 1);
    uint32_t first = new_register(coder), second = make ? 0 : new_register(coder);
    put(coder, make ? RUNE_RULE_ENTITY_MAKE : RUNE_RULE_ENTITY_PARTS);
    put(coder, first);
    if (make) {
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, coder->reg[goal->vars[2]]);
    } else {
        put(coder, second);
        put(coder, coder->reg[goal->vars[0]]);
    }
    put(coder, target_of_level(coder, level));
    if (make) {
        put_result(coder, goal->vars[0], first, level);
    } else {
        put_result(coder, goal->vars[1], first, level);
        put_result(coder, goal->vars[2], second, level);
    }
}

static void put_atom(struct coder *coder, uint32_t number)
{
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    const struct rune_dl_rel *rel = &coder->ctx->rels.items[goal->relation];
    if (rel->is_partial || rel->is_unsure) {
        /* Under a negation, what is missing makes the answer unsure, too. */
        put(coder, RUNE_RULE_MARK);
        put(coder, (rel->is_partial ? (uint32_t)RUNE_RULE_MARK_PARTIAL : 0) |
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
        put(coder, RUNE_RULE_ENTITY_EXISTS);
        put(coder, coder->reg[goal->vars[0]]);
        put(coder, target_of_level(coder, max_level(coder, goal->vars, 1)));
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

/* ---- other goals ---- */

static void put_equal(struct coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t a = goal->vars[0], b = goal->vars[1];
    if (goal->kind == RUNE_DL_GOAL_EQ &&
        (coder->reg[a] == NO_REGISTER || coder->reg[b] == NO_REGISTER)) {
        uint32_t known = coder->reg[a] == NO_REGISTER ? b : a, other = known == a ? b : a;
        coder->reg[other] = coder->reg[known];
        coder->level[other] = coder->level[known];
        return;
    }
    put(coder, goal->kind == RUNE_DL_GOAL_EQ ? RUNE_RULE_EQ : RUNE_RULE_NE);
    put(coder, coder->reg[a]);
    put(coder, coder->reg[b]);
    put(coder, target_of_level(coder, max_level(coder, goal->vars, 2)));
}

static void put_computed(struct coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t level = max_level(coder, goal->vars + 1, goal->count - 1);
    uint32_t target = target_of_level(coder, level);
    uint32_t result = new_register(coder);
    switch (goal->kind) {
    case RUNE_DL_GOAL_ARITH:
        put(coder, RUNE_RULE_ARITH);
        put(coder, goal->op);
        put(coder, result);
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, coder->reg[goal->vars[2]]);
        put(coder, target);
        break;
    case RUNE_DL_GOAL_NEGATE:
        put(coder, RUNE_RULE_NEGATE);
        put(coder, result);
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, target);
        break;
    case RUNE_DL_GOAL_INDEX:
        put(coder, RUNE_RULE_INDEX);
        put(coder, result);
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, goal->term);
        put(coder, target);
        break;
    default:
        put(coder, RUNE_RULE_FUNCTION);
        put(coder, goal->op);
        put(coder, result);
        put(coder, target);
        put_registers(coder, goal->vars + 1, goal->count - 1);
        break;
    }
    put_result(coder, goal->vars[0], result, level);
}

/* The leading columns of an aggregate's relation. */
static uint32_t group_columns(const struct rune_dl_goal *goal)
{
    uint32_t group = goal->count - 1;
    return group == 32 ? UINT32_MAX : (1u << group) - 1;
}

static void put_aggregate(struct coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t group = goal->count - 1, first = 0, count = 0;
    enum rune_err err =
        rune_dl_demand_plans(coder->ctx, goal->relation, group_columns(goal), &first, &count);
    if (err != RUNE_OK) {
        coder->err = err;
        return;
    }
    uint32_t level = max_level(coder, goal->vars + 1, group);
    uint32_t result = new_register(coder);
    put(coder, RUNE_RULE_AGGREGATE);
    put(coder, goal->op);
    put(coder, result);
    put(coder, first);
    put(coder, count);
    put(coder, target_of_level(coder, level));
    put_registers(coder, goal->vars + 1, group);
    put_result(coder, goal->vars[0], result, level);
}

static void put_test(struct coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t target = target_of_level(coder, max_level(coder, goal->vars, goal->count));
    uint32_t negated = goal->is_negated ? RUNE_RULE_NEGATED : 0;
    switch (goal->kind) {
    case RUNE_DL_GOAL_COMPARE:
        put(coder, RUNE_RULE_COMPARE);
        put(coder, goal->op);
        put(coder, coder->reg[goal->vars[0]]);
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, target);
        break;
    case RUNE_DL_GOAL_TEST:
        put(coder, RUNE_RULE_TEST);
        put(coder, goal->op);
        put(coder, negated);
        put(coder, target);
        put_registers(coder, goal->vars, goal->count);
        break;
    case RUNE_DL_GOAL_IN:
        put(coder, RUNE_RULE_IN);
        put(coder, coder->reg[goal->vars[0]]);
        put(coder, negated | sees_request(coder));
        put(coder, target);
        put_registers(coder, goal->vars + 1, goal->count - 1);
        break;
    case RUNE_DL_GOAL_IN_SET:
        put(coder, RUNE_RULE_IN_SET);
        put(coder, coder->reg[goal->vars[0]]);
        put(coder, coder->reg[goal->vars[1]]);
        put(coder, negated | sees_request(coder));
        put(coder, target);
        break;
    default:
        put(coder, RUNE_RULE_IS);
        put(coder, coder->reg[goal->vars[0]]);
        put(coder, goal->term);
        put(coder, negated);
        put(coder, target);
        break;
    }
}

static void put_goal(struct coder *coder, uint32_t number)
{
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    put_span(coder, goal->span);
    if (rune_dl_join_is_member(&coder->join, goal)) {
        put_member(coder, goal->vars[1], coder->reg[goal->vars[0]],
                   max_level(coder, goal->vars, 1));
        return;
    }
    switch (goal->kind) {
    case RUNE_DL_GOAL_ATOM:
        put_atom(coder, number);
        break;
    case RUNE_DL_GOAL_EQ:
    case RUNE_DL_GOAL_NE:
        put_equal(coder, goal);
        break;
    case RUNE_DL_GOAL_ARITH:
    case RUNE_DL_GOAL_NEGATE:
    case RUNE_DL_GOAL_INDEX:
    case RUNE_DL_GOAL_FUNCTION:
        put_computed(coder, goal);
        break;
    case RUNE_DL_GOAL_AGGREGATE:
        put_aggregate(coder, goal);
        break;
    default:
        put_test(coder, goal);
        break;
    }
}

/* ---- programs ---- */

static enum rune_err stuck(const struct coder *coder)
{
    const struct rune_dl_rule *source = coder->rule->source;
    rune_diag_report(coder->ctx->diag, RUNE_ERROR, "RUNE-R0302",
                     source == NULL ? RUNE_SPAN_NONE : source->head_span,
                     "bind every variable by an atom of the body",
                     "this rule's goals cannot be put into an order");
    return RUNE_E_BUNDLE;
}

/* `known`: the order if it was found before, or NULL. */
static enum rune_err coder_init(struct coder *coder, struct rune_dl_ctx *ctx,
                                const struct rune_dl_plan_rule *rule, uint32_t bound,
                                uint32_t delta, const struct rune_dl_join_order *known)
{
    struct rune_arena *arena = &ctx->scratch;
    *coder = (struct coder){.ctx = ctx, .rule = rule, .delta = delta, .begin = ctx->code.count};
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
    coder->loop_at = rune_arena_alloc(arena, ((size_t)rule->goal_count + 1) * sizeof(uint32_t));
    if (rune_arena_failed(arena)) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < rule->var_count; i++) {
        coder->reg[i] = NO_REGISTER;
        coder->level[i] = 0;
    }
    return RUNE_OK;
}

static void put_head(struct coder *coder)
{
    const struct rune_dl_plan_rule *rule = coder->rule;
    uint32_t bound = coder->join.bound;
    put(coder, RUNE_RULE_RETURN);
    coder->registers = (uint32_t)__builtin_popcount(bound);
    for (uint32_t i = 0; i < rule->var_count; i++) {
        if (rule->vars[i].is_constant && coder->join.uses[i] > 0) {
            coder->reg[i] = new_register(coder);
            put(coder, RUNE_RULE_CONST);
            put(coder, coder->reg[i]);
            put(coder, rule->vars[i].term);
        }
    }
    for (uint32_t i = 0, argument = 0; i < rule->arity && i < 32; i++) {
        if ((bound >> i & 1) != 0) {
            put_result(coder, rule->head_vars[i], argument++, 0);
        }
    }
}

static void put_body(struct coder *coder)
{
    for (uint32_t i = 0; i < coder->join.count && coder->err == RUNE_OK; i++) {
        put_goal(coder, coder->join.order[i]);
        rune_dl_join_take(&coder->join, coder->join.order[i]);
    }
}

/* One rule; the programs that it demands are left on the list. */
static enum rune_err code_one(struct rune_dl_ctx *ctx, uint32_t number, uint32_t bound,
                              uint32_t delta, const struct rune_dl_join_order *known,
                              struct rune_image_plan *ret_plan)
{
    struct coder coder;
    const struct rune_dl_plan_rule *rule = &ctx->rules.items[number];
    struct rune_arena_mark mark = rune_arena_mark(&ctx->scratch);
    enum rune_err err = coder_init(&coder, ctx, rule, bound, delta, known);
    if (err == RUNE_OK) {
        put_head(&coder);
        put_body(&coder);
        put(&coder, RUNE_RULE_EMIT);
        put(&coder, target_of_level(&coder, max_level(&coder, rule->head_vars, rule->arity)));
        put_registers(&coder, rule->head_vars, rule->arity);
        put(&coder, RUNE_RULE_RETURN);
        err = coder.err != RUNE_OK || ctx->code.count <= UINT32_MAX ? coder.err : RUNE_E_LIMIT;
        *ret_plan = (struct rune_image_plan){
            .relation = rule->head,
            .bound = bound,
            .rule = rule->number,
            .code = (uint32_t)coder.begin,
            .code_length = here(&coder),
            .registers = coder.registers,
            .flags = coder.loops,
            .rows = coder.rows < UINT32_MAX ? (uint32_t)(coder.rows + 0.5) : UINT32_MAX};
    }
    rune_arena_rewind(&ctx->scratch, mark);
    return err;
}

/* ---- what a program reads, for the orders ---- */

static enum rune_err collect_goal(struct coder *coder, uint32_t number)
{
    struct rune_dl_ctx *ctx = coder->ctx;
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    uint32_t first, count;
    ctx->asking = goal->span;
    if (goal->kind == RUNE_DL_GOAL_AGGREGATE) {
        return rune_dl_demand_plans(ctx, goal->relation, group_columns(goal), &first, &count);
    }
    if (goal->kind != RUNE_DL_GOAL_ATOM) {
        return RUNE_OK;
    }
    switch (rune_dl_join_atom(&coder->join, goal)) {
    case RUNE_DL_ATOM_STORED:
        return rune_dl_order_for(ctx, goal->relation, search_of(coder, goal), &first);
    case RUNE_DL_ATOM_CALL:
        return rune_dl_demand_plans(ctx, goal->relation, rune_dl_join_columns(&coder->join, goal),
                                    &first, &count);
    default:
        return RUNE_OK;
    }
}

/* Notes the searches of one rule, and what it demands, and keeps the order. */
static enum rune_err collect_one(struct rune_dl_ctx *ctx, uint32_t number, uint32_t bound,
                                 struct rune_dl_join_order *ret_order)
{
    struct coder coder = {.ctx = ctx, .rule = &ctx->rules.items[number], .delta = UINT32_MAX};
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
        ret_order->rows = rune_dl_join_rows(&coder.join);
        ret_order->goals =
            rune_arena_memdup(&ctx->arena, coder.join.order, coder.join.count * sizeof(uint32_t));
        err = ret_order->goals == NULL ? RUNE_E_NOMEM : RUNE_OK;
    }
    rune_arena_rewind(&ctx->scratch, mark);
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
