/* SPDX-License-Identifier: Apache-2.0 */
/* code_goals: goals as instructions: what is compared, computed, tested and aggregated; atoms are
 * in code_atoms.c. Registers, and the results in them. */
#include "base/diag.h"
#include "datalog/code_int.h"

/* ---- registers ---- */

void rune_dl_code_limit(struct rune_dl_coder *coder, uint32_t limit, const char *what)
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

uint32_t rune_dl_code_register(struct rune_dl_coder *coder)
{
    if (coder->registers >= RUNE_RULE_MAX_REGISTERS) {
        rune_dl_code_limit(coder, RUNE_RULE_MAX_REGISTERS, "values at a time");
        return 0;
    }
    return coder->registers++;
}

uint32_t rune_dl_code_level(const struct rune_dl_coder *coder, const uint32_t *vars, uint32_t count)
{
    uint32_t level = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (vars[i] != RUNE_DL_NO_VAR && coder->reg[vars[i]] != RUNE_DL_NO_REGISTER &&
            coder->level[vars[i]] > level) {
            level = coder->level[vars[i]];
        }
    }
    return level;
}

bool rune_dl_code_put_span(struct rune_dl_ctx *ctx, uint32_t word, struct rune_span span)
{
    struct rune_image_code_span at = {word, span.offset, span.length};
    return ctx->pass != RUNE_DL_PASS_IMAGE || span.source == NULL || RUNE_VEC_PUSH(&ctx->spans, at);
}

void rune_dl_code_result(struct rune_dl_coder *coder, uint32_t var, uint32_t result, uint32_t level)
{
    if (coder->reg[var] == RUNE_DL_NO_REGISTER) {
        coder->reg[var] = result;
        coder->level[var] = level;
        return;
    }
    uint32_t own = coder->level[var];
    rune_dl_code_put(coder, RUNE_RULE_EQ);
    rune_dl_code_put(coder, coder->reg[var]);
    rune_dl_code_put(coder, result);
    rune_dl_code_put(coder, rune_dl_code_target(coder, own > level ? own : level));
}

void rune_dl_code_registers(struct rune_dl_coder *coder, const uint32_t *vars, uint32_t count)
{
    rune_dl_code_put(coder, count);
    for (uint32_t i = 0; i < count; i++) {
        rune_dl_code_put(coder, coder->reg[vars[i]]);
    }
}

/* ---- goals ---- */

static void put_equal(struct rune_dl_coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t a = goal->vars[0], b = goal->vars[1];
    if (goal->kind == RUNE_DL_GOAL_EQ &&
        (coder->reg[a] == RUNE_DL_NO_REGISTER || coder->reg[b] == RUNE_DL_NO_REGISTER)) {
        uint32_t known = coder->reg[a] == RUNE_DL_NO_REGISTER ? b : a, other = known == a ? b : a;
        coder->reg[other] = coder->reg[known];
        coder->level[other] = coder->level[known];
        return;
    }
    rune_dl_code_put(coder, goal->kind == RUNE_DL_GOAL_EQ ? RUNE_RULE_EQ : RUNE_RULE_NE);
    rune_dl_code_put(coder, coder->reg[a]);
    rune_dl_code_put(coder, coder->reg[b]);
    rune_dl_code_put(coder, rune_dl_code_target(coder, rune_dl_code_level(coder, goal->vars, 2)));
}

static void put_computed(struct rune_dl_coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t level = rune_dl_code_level(coder, goal->vars + 1, goal->count - 1);
    uint32_t target = rune_dl_code_target(coder, level);
    uint32_t result = rune_dl_code_register(coder);
    switch (goal->kind) {
    case RUNE_DL_GOAL_ARITH:
        rune_dl_code_put(coder, RUNE_RULE_ARITH);
        rune_dl_code_put(coder, goal->op);
        rune_dl_code_put(coder, result);
        rune_dl_code_put(coder, coder->reg[goal->vars[1]]);
        rune_dl_code_put(coder, coder->reg[goal->vars[2]]);
        rune_dl_code_put(coder, target);
        break;
    case RUNE_DL_GOAL_NEGATE:
        rune_dl_code_put(coder, RUNE_RULE_NEGATE);
        rune_dl_code_put(coder, result);
        rune_dl_code_put(coder, coder->reg[goal->vars[1]]);
        rune_dl_code_put(coder, target);
        break;
    case RUNE_DL_GOAL_INDEX:
        rune_dl_code_put(coder, RUNE_RULE_INDEX);
        rune_dl_code_put(coder, result);
        rune_dl_code_put(coder, coder->reg[goal->vars[1]]);
        rune_dl_code_put(coder, goal->term);
        rune_dl_code_put(coder, target);
        break;
    default:
        rune_dl_code_put(coder, RUNE_RULE_FUNCTION);
        rune_dl_code_put(coder, goal->op);
        rune_dl_code_put(coder, result);
        rune_dl_code_put(coder, target);
        rune_dl_code_registers(coder, goal->vars + 1, goal->count - 1);
        break;
    }
    rune_dl_code_result(coder, goal->vars[0], result, level);
}

static void put_aggregate(struct rune_dl_coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t group = goal->count - 1, first = 0, count = 0;
    enum rune_err err =
        rune_dl_demand_plans(coder->ctx, goal->relation, rune_dl_code_group(goal), &first, &count);
    if (err != RUNE_OK) {
        coder->err = err;
        return;
    }
    uint32_t level = rune_dl_code_level(coder, goal->vars + 1, group);
    uint32_t result = rune_dl_code_register(coder);
    rune_dl_code_put(coder, RUNE_RULE_AGGREGATE);
    rune_dl_code_put(coder, goal->op);
    rune_dl_code_put(coder, result);
    rune_dl_code_put(coder, first);
    rune_dl_code_put(coder, count);
    rune_dl_code_put(coder, rune_dl_code_target(coder, level));
    rune_dl_code_registers(coder, goal->vars + 1, group);
    rune_dl_code_result(coder, goal->vars[0], result, level);
}

static void put_test(struct rune_dl_coder *coder, const struct rune_dl_goal *goal)
{
    uint32_t target =
        rune_dl_code_target(coder, rune_dl_code_level(coder, goal->vars, goal->count));
    uint32_t negated = goal->is_negated ? RUNE_RULE_NEGATED : 0;
    switch (goal->kind) {
    case RUNE_DL_GOAL_COMPARE:
        rune_dl_code_put(coder, RUNE_RULE_COMPARE);
        rune_dl_code_put(coder, goal->op);
        rune_dl_code_put(coder, coder->reg[goal->vars[0]]);
        rune_dl_code_put(coder, coder->reg[goal->vars[1]]);
        rune_dl_code_put(coder, target);
        break;
    case RUNE_DL_GOAL_TEST:
        rune_dl_code_put(coder, RUNE_RULE_TEST);
        rune_dl_code_put(coder, goal->op);
        rune_dl_code_put(coder, negated);
        rune_dl_code_put(coder, target);
        rune_dl_code_registers(coder, goal->vars, goal->count);
        break;
    case RUNE_DL_GOAL_IN:
        rune_dl_code_put(coder, RUNE_RULE_IN);
        rune_dl_code_put(coder, coder->reg[goal->vars[0]]);
        rune_dl_code_put(coder, negated | rune_dl_code_sees_request(coder));
        rune_dl_code_put(coder, target);
        rune_dl_code_registers(coder, goal->vars + 1, goal->count - 1);
        break;
    case RUNE_DL_GOAL_IN_SET:
        rune_dl_code_put(coder, RUNE_RULE_IN_SET);
        rune_dl_code_put(coder, coder->reg[goal->vars[0]]);
        rune_dl_code_put(coder, coder->reg[goal->vars[1]]);
        rune_dl_code_put(coder, negated | rune_dl_code_sees_request(coder));
        rune_dl_code_put(coder, target);
        break;
    default:
        rune_dl_code_put(coder, RUNE_RULE_IS);
        rune_dl_code_put(coder, coder->reg[goal->vars[0]]);
        rune_dl_code_put(coder, goal->term);
        rune_dl_code_put(coder, negated);
        rune_dl_code_put(coder, target);
        break;
    }
}

void rune_dl_code_goal(struct rune_dl_coder *coder, uint32_t number)
{
    const struct rune_dl_goal *goal = &coder->rule->goals[number];
    if (!rune_dl_code_put_span(coder->ctx, (uint32_t)coder->ctx->code.count, goal->span)) {
        coder->err = RUNE_E_NOMEM;
    }
    if (rune_dl_join_is_member(&coder->join, goal)) {
        rune_dl_code_member(coder, goal->vars[1], coder->reg[goal->vars[0]],
                            rune_dl_code_level(coder, goal->vars, 1));
        return;
    }
    switch (goal->kind) {
    case RUNE_DL_GOAL_ATOM:
        rune_dl_code_atom(coder, number);
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
