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
#include "datalog/compose.h"
#include "datalog/sink.h"

/* ---- relations that do not recurse ---- */

static enum rune_err compute_once(struct rune_dl_ctx *ctx, uint32_t relation, uint64_t budget,
                                  uint64_t steps)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    struct rune_dl_sink sink = {.ctx = ctx, .rel = rel, .budget = budget};
    enum rune_err err = RUNE_OK;
    bool was_partial = rel->is_partial, was_unsure = rel->is_unsure;
    for (uint32_t i = 0; i < rel->rule_count && err == RUNE_OK && !sink.is_over; i++) {
        struct rune_image_plan plan;
        if (rune_dl_is_void(ctx, rel->first_rule + i)) {
            continue;
        }
        if (budget == UINT64_MAX) {
            err = rune_dl_check_product(ctx, &ctx->rules.items[rel->first_rule + i]);
        }
        if (err == RUNE_OK) {
            err = rune_dl_code_rule(ctx, rel->first_rule + i, 0, UINT32_MAX, &plan);
        }
        rel = &ctx->rels.items[relation];
        if (err == RUNE_OK) {
            err = rune_dl_run_rule(ctx, rel->first_rule + i, &plan, steps, &sink);
        }
    }
    if (err == RUNE_OK && !sink.is_over) {
        err = rune_dl_sink_sort(&sink);
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

enum rune_err rune_dl_try_compute(struct rune_dl_ctx *ctx, uint32_t relation, uint64_t budget)
{
    if (!rune_dl_is_surely_below(ctx, relation, 4.0 * (double)budget) &&
        rune_dl_estimate(ctx, relation, 0) > 4.0 * (double)budget) {
        ctx->rels.items[relation].access = RUNE_DL_DEMANDED; /* trying may sort what is read */
        return RUNE_OK;
    }
    return compute_once(ctx, relation, budget, 4 * budget + 100000);
}

/* ---- recursion ---- */

/* One rule for one of its recursive goals. */
struct variant {
    uint32_t rule;
    uint32_t reads;                  /* the goal's relation, whose new tuples it begins with */
    uint32_t done;                   /* FED: how many of them it has read */
    uint32_t fresh;                  /* see rune_dl_find_fresh */
    bool is_closing;                 /* what it derives is not the head's base */
    struct rune_dl_compose *compose; /* the rule's, shared by its variants; NULL: none */
    struct rune_image_plan plan;
};
RUNE_VEC(vec_variant, struct variant);
RUNE_VEC(vec_compose, struct rune_dl_compose *);

static bool is_recursive_goal(const struct rune_dl_ctx *ctx, const struct rune_dl_goal *goal)
{
    return goal->kind == RUNE_DL_GOAL_ATOM && !goal->is_negated &&
           ctx->rels.items[goal->relation].access == RUNE_DL_GROWING;
}

/* How far a component may go in which a rule makes values that nothing bounds. */
#define UNBOUNDED_ROUNDS (UINT64_C(1) << 20) /* LIMIT */
#define UNBOUNDED_STEPS  (UINT64_C(1) << 28) /* LIMIT: a few seconds */

/* A component on its way to the fixpoint. */
struct rounds {
    struct vec_variant first, again; /* of the first round, and of those behind it */
    struct vec_compose composes;     /* of all rules that have one */
    struct rune_vec_u32 changed;     /* relations that have new tuples, or some in the making */
    uint32_t unbounded;              /* a rule that nothing bounds, or UINT32_MAX */
    uint64_t count, steps_left;
};

static enum rune_err add_variants(struct rune_dl_ctx *ctx, uint32_t rule, struct rounds *rounds)
{
    uint32_t goals = ctx->rules.items[rule].goal_count;
    bool is_closing = rune_dl_linear_is_closing(ctx, &ctx->rules.items[rule]), recurses = false;
    struct rune_dl_compose *compose = NULL;
    enum rune_err err = rune_dl_compose_make(ctx, rule, &compose);
    if (err == RUNE_OK && compose != NULL && !RUNE_VEC_PUSH(&rounds->composes, compose)) {
        rune_dl_compose_destroy(compose);
        err = RUNE_E_NOMEM;
    }
    for (uint32_t g = 0; g < goals && err == RUNE_OK; g++) {
        if (!is_recursive_goal(ctx, &ctx->rules.items[rule].goals[g])) {
            continue;
        }
        recurses = true;
        struct variant variant = {.rule = rule,
                                  .reads = ctx->rules.items[rule].goals[g].relation,
                                  .is_closing = is_closing,
                                  .compose = compose};
        err = rune_dl_code_rule(ctx, rule, 0, g, &variant.plan);
        if (err == RUNE_OK) {
            variant.fresh = rune_dl_find_fresh(ctx, &variant.plan);
            err = RUNE_VEC_PUSH(&rounds->again, variant) ? RUNE_OK : RUNE_E_NOMEM;
        }
    }
    if (recurses || err != RUNE_OK) {
        return err;
    }
    struct variant variant = {.rule = rule};
    err = rune_dl_code_rule(ctx, rule, 0, UINT32_MAX, &variant.plan);
    return err == RUNE_OK && !RUNE_VEC_PUSH(&rounds->first, variant) ? RUNE_E_NOMEM : err;
}

/* Whether it makes rows of its head from such rows and stored tuples: it runs until it gives no
 * more before all others, which then have fewer rounds and longer rows to look at. */
static bool is_stepping(const struct rune_dl_ctx *ctx, const struct rounds *rounds,
                        const struct variant *variant)
{
    uint32_t flags = RUNE_DL_PLAN_FED | RUNE_DL_PLAN_BY_ROWS;
    return (variant->plan.flags & flags) == flags && rounds->unbounded == UINT32_MAX &&
           ctx->rules.items[variant->rule].head == variant->reads;
}

static enum rune_err give_up(struct rune_dl_ctx *ctx, const struct rounds *rounds)
{
    const struct rune_dl_plan_rule *rule = &ctx->rules.items[rounds->unbounded];
    uint64_t tuples = ctx->rels.items[rule->head].growing->tuples.count;
    return rune_dl_report_unbounded(ctx, rule, rounds->count, tuples);
}

/* Of a rule that need not wait for the round's end: what it has not read. Rounds are counted where
 * nothing bounds them, so there it waits. */
static void feed(struct rune_dl_growing *read, const struct rounds *rounds,
                 const struct variant *variant, struct rune_dl_sink *sink)
{
    bool waits = rounds->unbounded != UINT32_MAX;
    read->fed_low = variant->done;
    read->fed_high = waits ? read->high : read->tuples.count;
    sink->is_fed = !waits;
}

/* After something may have been added to a relation. */
static enum rune_err note_change(struct rune_dl_ctx *ctx, struct rounds *rounds, uint32_t relation)
{
    struct rune_dl_growing *growing = ctx->rels.items[relation].growing;
    if (growing->tuples.count == growing->high || growing->is_changed) {
        return RUNE_OK;
    }
    growing->is_changed = true;
    return RUNE_VEC_PUSH(&rounds->changed, relation) ? RUNE_OK : RUNE_E_NOMEM;
}

/* After a rule has run: what has changed, its head's base, too. */
static enum rune_err note_changes(struct rune_dl_ctx *ctx, struct rounds *rounds,
                                  const struct variant *variant, uint32_t before)
{
    uint32_t head = ctx->rules.items[variant->rule].head;
    const struct rune_dl_growing *growing = ctx->rels.items[head].growing;
    enum rune_err err = note_change(ctx, rounds, head);
    if (err == RUNE_OK && growing->base != RUNE_DL_NO_BASE && !variant->is_closing) {
        err = rune_dl_growing_append(ctx->rels.items[growing->base].growing, &growing->tuples,
                                     before);
        if (err == RUNE_OK) {
            err = note_change(ctx, rounds, growing->base);
        }
    }
    return err;
}

/* Indexes of what a rule reads, up to date. */
static enum rune_err tell_indexes(struct rune_dl_ctx *ctx, const struct variant *variant)
{
    const struct rune_dl_plan_rule *rule = &ctx->rules.items[variant->rule];
    enum rune_err err = RUNE_OK;
    for (uint32_t g = 0; g < rule->goal_count && err == RUNE_OK; g++) {
        if (is_recursive_goal(ctx, &rule->goals[g])) {
            err = rune_dl_growing_tell(ctx->rels.items[rule->goals[g].relation].growing);
        }
    }
    return err;
}

static enum rune_err run_variant(struct rune_dl_ctx *ctx, struct rounds *rounds,
                                 struct variant *variant)
{
    struct rune_dl_rel *rel = &ctx->rels.items[ctx->rules.items[variant->rule].head];
    rune_term pending[RUNE_DL_GROWING_BATCH * RUNE_DL_MAX_ARITY];
    struct rune_dl_sink sink = {.ctx = ctx,
                                .rel = rel,
                                .growing = rel->growing,
                                .pending = pending,
                                .budget = UINT64_MAX,
                                .fresh = variant->fresh};
    sink.read = ctx->rels.items[variant->reads].growing;
    uint32_t before = rel->growing->tuples.count;
    bool is_fed =
        (variant->plan.flags & (RUNE_DL_PLAN_FED | RUNE_DL_PLAN_BY_ROWS)) == RUNE_DL_PLAN_FED;
    if (is_fed) {
        feed(sink.read, rounds, variant, &sink);
        if (sink.read->fed_low == sink.read->fed_high) {
            return RUNE_OK;
        }
    }
    enum rune_err err =
        rune_dl_run_rule(ctx, variant->rule, &variant->plan, rounds->steps_left, &sink);
    if (is_fed) {
        variant->done = sink.read->fed_high;
    }
    if (rounds->unbounded != UINT32_MAX) {
        rounds->steps_left -= sink.steps;
    }
    if (err == RUNE_OK && sink.is_over) {
        err = give_up(ctx, rounds);
    }
    return err == RUNE_OK ? note_changes(ctx, rounds, variant, before) : err;
}

/* The rule of a variant by rows of bits, for all its variants of this round; *ret_done false: not
 * now. Where rounds are counted it waits for them. */
static enum rune_err run_composed(struct rune_dl_ctx *ctx, struct rounds *rounds,
                                  const struct variant *variant, bool *ret_done)
{
    struct rune_dl_compose *compose = variant->compose;
    uint32_t head = ctx->rules.items[variant->rule].head;
    uint32_t before = ctx->rels.items[head].growing->tuples.count;
    *ret_done = false;
    if (compose == NULL || rounds->unbounded != UINT32_MAX) {
        return RUNE_OK;
    }
    enum rune_err err = rune_dl_compose_run(ctx, compose, rounds->count, ret_done);
    return err == RUNE_OK && *ret_done ? note_changes(ctx, rounds, variant, before) : err;
}

/* What does not step, with all that it reads up to date. */
static enum rune_err run_waiting(struct rune_dl_ctx *ctx, struct rounds *rounds,
                                 struct variant *variant)
{
    bool is_done;
    enum rune_err err = run_composed(ctx, rounds, variant, &is_done);
    if (err == RUNE_OK && !is_done) {
        err = tell_indexes(ctx, variant);
    }
    return err != RUNE_OK || is_done ? err : run_variant(ctx, rounds, variant);
}

static enum rune_err run_first(struct rune_dl_ctx *ctx, struct rounds *rounds)
{
    enum rune_err err = RUNE_OK;
    rounds->count++;
    for (size_t i = 0; i < rounds->first.count && err == RUNE_OK; i++) {
        err = rune_dl_check_product(ctx, &ctx->rules.items[rounds->first.items[i].rule]);
        if (err == RUNE_OK) {
            err = run_variant(ctx, rounds, &rounds->first.items[i]);
        }
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
            struct variant *variant = &rounds->again.items[read->first_variant + v];
            if (!is_stepping(ctx, rounds, variant)) {
                err = run_waiting(ctx, rounds, variant);
            }
        }
    }
    return err;
}

/* Runs what steps from the new tuples of a relation, then from what that gave, and so on. */
static enum rune_err run_steps(struct rune_dl_ctx *ctx, struct rounds *rounds,
                               struct rune_dl_growing *growing)
{
    enum rune_err err = RUNE_OK;
    for (bool has_more = true; has_more && err == RUNE_OK;) {
        for (uint32_t v = 0; v < growing->variant_count && err == RUNE_OK; v++) {
            struct variant *variant = &rounds->again.items[growing->first_variant + v];
            if (is_stepping(ctx, rounds, variant)) {
                err = run_variant(ctx, rounds, variant);
            }
        }
        has_more = growing->tuples.count > growing->high;
        if (has_more && err == RUNE_OK) {
            err = rune_dl_growing_step(growing);
        }
    }
    return err;
}

/* What the last round added, and what steps from it, becomes what the next one reads. After it,
 * what has changed is what has new tuples. */
static enum rune_err next_round(struct rune_dl_ctx *ctx, struct rounds *rounds)
{
    struct rune_vec_u32 *changed = &rounds->changed;
    size_t kept = 0;
    for (size_t i = 0; i < changed->count; i++) {
        struct rune_dl_growing *growing = ctx->rels.items[changed->items[i]].growing;
        uint32_t from = growing->high;
        growing->is_changed = growing->tuples.count > from;
        enum rune_err err = rune_dl_growing_step(growing);
        if (err == RUNE_OK && growing->is_changed) {
            err = run_steps(ctx, rounds, growing);
        }
        if (err == RUNE_OK) {
            err = rune_dl_growing_turn(growing, from);
        }
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
static void group_variants(struct rune_dl_ctx *ctx, struct rounds *rounds)
{
    struct vec_variant *variants = &rounds->again;
    if (variants->count > 0) {
        qsort(variants->items, variants->count, sizeof(variants->items[0]), compare_variants);
    }
    for (size_t i = variants->count; i-- > 0;) {
        struct rune_dl_growing *growing = ctx->rels.items[variants->items[i].reads].growing;
        const struct variant *variant = &variants->items[i];
        bool is_sorted = (variant->plan.flags & RUNE_DL_PLAN_SORTED) != 0;
        growing->first_variant = (uint32_t)i;
        growing->is_stepped_only = (growing->variant_count++ == 0 || growing->is_stepped_only) &&
                                   (!is_sorted || is_stepping(ctx, rounds, variant));
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
            if (rune_dl_is_void(ctx, rule)) {
                continue;
            }
            if (rounds->unbounded == UINT32_MAX &&
                rune_dl_is_unbounded(ctx, &ctx->rules.items[rule])) {
                rounds->unbounded = rule;
                rounds->steps_left = UNBOUNDED_STEPS;
            }
            err = add_variants(ctx, rule, rounds);
            rel = &ctx->rels.items[relations[i]];
        }
    }
    if (err == RUNE_OK) {
        group_variants(ctx, rounds);
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
    for (size_t i = 0; i < rounds.composes.count; i++) {
        rune_dl_compose_destroy(rounds.composes.items[i]);
    }
    RUNE_VEC_FINI(&rounds.composes);
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

/* LIMIT: 48 MiB a relation, 128 all of a component. */
#define FEW_WORDS     (UINT64_C(6) << 20)
#define ALL_FEW_WORDS (UINT64_C(16) << 20)

static enum rune_err compute_recursive(struct rune_dl_ctx *ctx, const uint32_t *relations,
                                       uint32_t count)
{
    enum rune_err err = RUNE_OK;
    uint64_t few_words = count * FEW_WORDS > ALL_FEW_WORDS ? ALL_FEW_WORDS / count : FEW_WORDS;
    for (uint32_t i = 0; i < count; i++) {
        struct rune_dl_rel *rel = &ctx->rels.items[relations[i]];
        rel->growing = rune_dl_growing_create(rel->arity);
        if (rel->growing == NULL) {
            err = RUNE_E_NOMEM;
            goto out;
        }
        rel->growing->few_words = few_words;
        rel->access = RUNE_DL_GROWING;
    }
    for (uint32_t i = 0; i < count && err == RUNE_OK; i++) {
        err = rune_dl_linear_begin(ctx, relations[i]);
    }
    if (err == RUNE_OK) {
        err = compute_rounds(ctx, relations, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        rune_dl_linear_end(ctx, relations[i]);
    }
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
    rune_dl_filters_free(ctx);
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
        return done || err != RUNE_OK ? err : compute_recursive(ctx, relations, count);
    }
    bool must = rel->is_needed || ctx->options->storing == RUNE_DL_STORE_ALL;
    if (must) {
        return compute_once(ctx, relations[0], UINT64_MAX, UINT64_MAX);
    }
    /* Stored where it is cheap: not many more tuples than a small part of the facts, found in about
     * as many steps. */
    uint64_t budget = ctx->base_facts / 16 > 4096 ? ctx->base_facts / 16 : 4096;
    return rune_dl_try_compute(ctx, relations[0], budget);
}
