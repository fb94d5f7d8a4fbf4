/* SPDX-License-Identifier: Apache-2.0 */
/* code_shared: rules that differ in their heads' names and in constants have one order of goals and
 * one program, but for the constants in it. It is made for one of them and copied for the others,
 * whether a person wrote ten of that kind or a program wrote thousands.
 *
 * All that an order and a program depend on is written down as words, the key: the rule without its
 * constants, and what is known of the relations that it reads. Equal keys, equal programs. A table
 * holds the latest keys, each at the one place that its hash names; a program is kept when its key
 * comes for the second time, so that rules which are all different cost a hash each. */
#include <string.h>

#include "base/hash.h"
#include "datalog/code_int.h"

#define PLACES     256u
#define MOST_WORDS 4096u /* of a key; longer rules have programs of their own */

/* Behind each other in `words`: the goals as they are taken (rule->goal_count), where the code of
 * each begins, the variables that are constants (constant_count), the code. */
struct rune_dl_shared {
    uint64_t hash;
    struct rune_vec_u32 key, words;
    bool has_order, has_program;
    uint32_t constant_count;
    struct rune_image_plan plan;
    struct rune_dl_join_order order; /* in ctx->arena */
};

/* ---- keys ---- */

/* Words of the rule's key, at most. */
static size_t most_words(const struct rune_dl_plan_rule *rule)
{
    size_t words = 8 + (size_t)rule->arity + rule->var_count / 32 + 1;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        words += 5 + (size_t)rule->goals[g].count;
    }
    return words;
}

static uint32_t *put_vars(uint32_t *at, const uint32_t *vars, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        *at++ = vars[i];
    }
    return at;
}

/* Each bit says of a variable that it is a constant. */
static uint32_t *put_constants(uint32_t *at, const struct rune_dl_plan_rule *rule)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < rule->var_count; i++) {
        bits |= (uint32_t)rule->vars[i].is_constant << i % 32;
        if (i % 32 == 31) {
            *at++ = bits;
            bits = 0;
        }
    }
    *at++ = bits;
    return at;
}

/* What relation an aggregate reads does not matter: each has its own, which is asked anew. */
static uint32_t *put_goal(const struct rune_dl_ctx *ctx, uint32_t *at,
                          const struct rune_dl_goal *goal)
{
    *at++ = goal->kind | (uint32_t)goal->is_negated << 8 | (uint32_t)goal->only_tests << 9 |
            (uint32_t)goal->op << 16;
    *at++ = goal->term;
    *at++ = goal->count;
    if (goal->kind == RUNE_DL_GOAL_ATOM) {
        const struct rune_dl_rel *rel = &ctx->rels.items[goal->relation];
        *at++ = goal->relation;
        *at++ = rel->access | (uint32_t)rel->is_partial << 8 | (uint32_t)rel->is_unsure << 9;
    }
    return put_vars(at, goal->vars, goal->count);
}

/* Whether the order or the program depends on more than what a key says: on relations that grow, or
 * on which recursion it is that the rule belongs to. */
static bool is_peculiar(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule)
{
    uint32_t component = ctx->rels.items[rule->head].component;
    bool found = false;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        const struct rune_dl_rel *rel = &ctx->rels.items[rule->goals[g].relation];
        found =
            found ||
            (rule->goals[g].kind == RUNE_DL_GOAL_ATOM &&
             (rel->access == RUNE_DL_GROWING || (component != 0 && rel->component == component)));
    }
    return found;
}

static bool put_key(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule, uint32_t bound)
{
    struct rune_vec_u32 *key = &ctx->key;
    size_t most = most_words(rule);
    key->count = 0;
    if (most > MOST_WORDS || is_peculiar(ctx, rule) || !RUNE_VEC_RESERVE(key, most)) {
        return false;
    }
    uint32_t *at = key->items;
    *at++ = ctx->plan_round;
    *at++ = ctx->late_builtins;
    *at++ = ctx->for_queries | (uint32_t)ctx->rels.items[rule->head].on_request << 1;
    *at++ = bound;
    *at++ = rule->arity;
    *at++ = rule->var_count;
    *at++ = rule->goal_count;
    at = put_vars(at, rule->head_vars, rule->arity);
    at = put_constants(at, rule);
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        at = put_goal(ctx, at, &rule->goals[g]);
    }
    key->count = (size_t)(at - key->items);
    return true;
}

enum rune_err rune_dl_shared_find(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                                  uint32_t bound, struct rune_dl_shared **ret_shared,
                                  bool *ret_again)
{
    *ret_shared = NULL;
    *ret_again = false;
    if (ctx->options->sharing == RUNE_DL_SHARE_NOTHING || !put_key(ctx, rule, bound)) {
        return RUNE_OK;
    }
    if (ctx->shared == NULL) {
        ctx->shared = RUNE_ARENA_ARRAY(&ctx->arena, struct rune_dl_shared, PLACES);
        if (ctx->shared == NULL) {
            return RUNE_E_NOMEM;
        }
    }
    size_t bytes = ctx->key.count * sizeof(uint32_t);
    uint64_t hash = rune_hash64(ctx->key.items, bytes, 0);
    struct rune_dl_shared *place = &ctx->shared[hash % PLACES];
    *ret_shared = place;
    *ret_again = place->hash == hash && place->key.count == ctx->key.count &&
                 memcmp(place->key.items, ctx->key.items, bytes) == 0;
    if (!*ret_again) {
        place->has_order = place->has_program = false;
        place->key.count = 0;
        if (!RUNE_VEC_RESERVE(&place->key, ctx->key.count)) {
            return RUNE_E_NOMEM;
        }
        memcpy(place->key.items, ctx->key.items, bytes);
        place->key.count = ctx->key.count;
        place->hash = hash;
    }
    return RUNE_OK;
}

void rune_dl_shared_fini(struct rune_dl_ctx *ctx)
{
    for (uint32_t i = 0; i < PLACES && ctx->shared != NULL; i++) {
        RUNE_VEC_FINI(&ctx->shared[i].key);
        RUNE_VEC_FINI(&ctx->shared[i].words);
    }
    RUNE_VEC_FINI(&ctx->key);
}

/* ---- orders ---- */

void rune_dl_shared_keep_order(struct rune_dl_shared *shared,
                               const struct rune_dl_join_order *order)
{
    shared->order = *order;
    shared->has_order = true;
}

const struct rune_dl_join_order *rune_dl_shared_order(const struct rune_dl_shared *shared)
{
    return shared != NULL && shared->has_order ? &shared->order : NULL;
}

/* ---- programs ---- */

bool rune_dl_shared_has_program(const struct rune_dl_shared *shared)
{
    return shared != NULL && shared->has_program;
}

enum rune_err rune_dl_shared_keep_program(struct rune_dl_shared *shared,
                                          const struct rune_dl_coder *coder,
                                          const struct rune_image_plan *plan)
{
    const struct rune_dl_plan_rule *rule = coder->rule;
    struct rune_vec_u32 *words = &shared->words;
    size_t goals = rule->goal_count;
    words->count = 0;
    if (!RUNE_VEC_RESERVE(words, 2 * goals + rule->var_count + plan->code_length)) {
        return RUNE_E_NOMEM;
    }
    memcpy(words->items, coder->join.order, goals * sizeof(uint32_t));
    memcpy(words->items + goals, coder->goal_at, goals * sizeof(uint32_t));
    words->count = 2 * goals;
    for (uint32_t i = 0; i < rule->var_count; i++) {
        if (rule->vars[i].is_constant && coder->join.uses[i] > 0) {
            words->items[words->count++] = i;
        }
    }
    shared->constant_count = (uint32_t)(words->count - 2 * goals);
    memcpy(words->items + words->count, coder->ctx->code.items + coder->begin,
           plan->code_length * sizeof(uint32_t));
    words->count += plan->code_length;
    shared->plan = *plan;
    shared->has_program = true;
    return RUNE_OK;
}

/* A goal's place in the text is its own, and so is an aggregate's relation. */
static enum rune_err copy_goal(struct rune_dl_ctx *ctx, const struct rune_dl_goal *goal,
                               uint32_t *code)
{
    if (!rune_dl_code_put_span(ctx, (uint32_t)(code - ctx->code.items), goal->span)) {
        return RUNE_E_NOMEM;
    }
    return goal->kind == RUNE_DL_GOAL_AGGREGATE
               ? rune_dl_demand_plans(ctx, goal->relation, rune_dl_code_group(goal),
                                      &code[RUNE_DL_CODE_ASKED], &code[RUNE_DL_CODE_ASKED + 1])
               : RUNE_OK;
}

enum rune_err rune_dl_shared_program(struct rune_dl_ctx *ctx, const struct rune_dl_shared *shared,
                                     const struct rune_dl_plan_rule *rule,
                                     struct rune_image_plan *ret_plan)
{
    const uint32_t *goals = shared->words.items, *goal_at = goals + rule->goal_count;
    const uint32_t *constants = goal_at + rule->goal_count;
    size_t begin = ctx->code.count, length = shared->plan.code_length;
    if (!RUNE_VEC_RESERVE(&ctx->code, begin + length)) {
        return RUNE_E_NOMEM;
    }
    uint32_t *code = ctx->code.items + begin;
    memcpy(code, constants + shared->constant_count, length * sizeof(uint32_t));
    ctx->code.count = begin + length;
    for (uint32_t i = 0; i < shared->constant_count; i++) {
        code[RUNE_DL_CODE_CONSTANT(i)] = rule->vars[constants[i]].term;
    }
    for (uint32_t i = 0; i < rule->goal_count; i++) {
        enum rune_err err = copy_goal(ctx, &rule->goals[goals[i]], code + goal_at[i]);
        if (err != RUNE_OK) {
            return err;
        }
    }
    *ret_plan = shared->plan;
    ret_plan->relation = rule->head;
    ret_plan->rule = rule->number;
    ret_plan->code = (uint32_t)begin;
    return ctx->code.count <= UINT32_MAX ? RUNE_OK : RUNE_E_LIMIT;
}
