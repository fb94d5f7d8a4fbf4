/* SPDX-License-Identifier: Apache-2.0 */
/* limits: derivations that grow too large.
 *
 * Three limits are counted while tuples are derived: tuples, memory (theirs and that of the values
 * made for them) and steps. Two kinds of rules are told earlier than by them: a product of
 * relations, whose tuples can be counted before they are made; and a recursion that makes new
 * values without a bound (unbounded.c). */
#include <inttypes.h>
#include <stdio.h>

#include "base/diag.h"
#include "datalog/evaluate_int.h"

enum rune_err rune_dl_check_limits(struct rune_dl_ctx *ctx, uint64_t more_tuples,
                                   uint64_t more_bytes)
{
    const struct rune_dl_options *options = ctx->options;
    if (options->max_tuples != 0 && ctx->derived + more_tuples > options->max_tuples) {
        ctx->limit = RUNE_DL_LIMIT_TUPLES;
        return RUNE_E_LIMIT;
    }
    uint64_t values = rune_dict_bytes(ctx->dict) - ctx->dict_bytes;
    uint64_t bytes = ctx->memory_bytes + ctx->growing_bytes + values + more_bytes;
    if (options->max_memory_bytes != 0 && bytes > options->max_memory_bytes) {
        ctx->limit = RUNE_DL_LIMIT_MEMORY;
        return RUNE_E_LIMIT;
    }
    return RUNE_OK;
}

enum rune_err rune_dl_check_growth(struct rune_dl_ctx *ctx, struct rune_dl_growing *growing,
                                   uint32_t before)
{
    ctx->derived += growing->tuples.count - before;
    if ((before ^ growing->tuples.count) >> 12 == 0) {
        return RUNE_OK;
    }
    uint64_t bytes = rune_dl_growing_bytes(growing);
    ctx->growing_bytes += bytes - growing->counted_bytes;
    growing->counted_bytes = bytes;
    return rune_dl_check_limits(ctx, 0, 0);
}

static struct rune_span span_of(const struct rune_dl_plan_rule *rule)
{
    return rule->source == NULL ? RUNE_SPAN_NONE : rule->source->head_span;
}

/* What to do about each limit, and how the rule at hand stood to it. */
static const struct {
    const char *help, *ending;
} limits[] = {
    [RUNE_DL_LIMIT_POSITIONS] = {"join on more columns", ", and this rule gives more"},
    [RUNE_DL_LIMIT_TUPLES] = {"join on more columns, or raise the limit",
                              ", and this rule gives more"},
    [RUNE_DL_LIMIT_MEMORY] = {"join on more columns, or raise the limit: --max-memory, or "
                              "max_build_bytes in runed.toml",
                              ", and this rule gives more"},
    [RUNE_DL_LIMIT_STEPS] = {"join on more columns, or raise the limit: --max-steps, or "
                             "build_ms in runed.toml",
                             ", and this rule was still being evaluated"},
    [RUNE_DL_LIMIT_VALUES] = {"bound what is computed, as in `N = length(X), N < 100`", ""},
    [RUNE_DL_LIMIT_HEAP] = {"join on more columns, or give the build more memory",
                            ", and this rule gives more"},
};

static void describe_limit(const struct rune_dl_options *options, enum rune_dl_limit limit,
                           char *text, size_t size)
{
    switch (limit) {
    case RUNE_DL_LIMIT_POSITIONS:
        snprintf(text, size, "no relation can hold more than %u tuples", RUNE_RELATION_MAX_TUPLES);
        break;
    case RUNE_DL_LIMIT_TUPLES:
        snprintf(text, size, "the limit of %" PRIu64 " derived tuples was reached",
                 options->max_tuples);
        break;
    case RUNE_DL_LIMIT_MEMORY:
        snprintf(text, size, "the limit of %.1f MiB of memory was reached",
                 (double)options->max_memory_bytes / 1048576.0);
        break;
    case RUNE_DL_LIMIT_STEPS:
        snprintf(text, size, "the limit of %" PRIu64 " steps was reached", options->max_steps);
        break;
    case RUNE_DL_LIMIT_VALUES:
        snprintf(text, size, "this rule computes values too long or too many to keep");
        break;
    case RUNE_DL_LIMIT_HEAP:
        snprintf(text, size, "the memory ran out");
        break;
    }
}

enum rune_err rune_dl_report_limit(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                                   uint64_t tuples, enum rune_err err)
{
    if (err != RUNE_E_LIMIT && err != RUNE_E_NOMEM) {
        return err;
    }
    enum rune_dl_limit limit = err == RUNE_E_NOMEM ? RUNE_DL_LIMIT_HEAP : ctx->limit;
    char what[96];
    describe_limit(ctx->options, limit, what, sizeof what);
    /* As written: what the builder makes of it has names that no reader knows. */
    struct rune_str name =
        rule->source != NULL ? rule->source->head_name : ctx->rels.items[rule->head].name;
    rune_diag_report(ctx->diag, RUNE_ERROR, "RUNE-R0401", span_of(rule), limits[limit].help,
                     "%s: `%.*s` had %" PRIu64 " tuples%s", what, RUNE_STR_ARG(name), tuples,
                     limits[limit].ending);
    return err;
}

/* ---- products ---- */

/* What an atom gives to the head of a product. */
struct factor {
    bool is_one;
    bool is_exact;
    double tuples; /* different ones; if not is_exact, at least */
};

static uint32_t count_uses(const struct rune_dl_plan_rule *rule, uint32_t var)
{
    uint32_t uses = 0;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        for (uint32_t k = 0; k < rule->goals[g].count; k++) {
            uses += rule->goals[g].vars[k] == var;
        }
    }
    return uses;
}

/* An atom is a factor if it gives its columns to the head whatever the other goals: its variables
 * stand in no other place. Those that are not in the head are left out. */
static struct factor factor_of(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                               const struct rune_dl_goal *atom)
{
    struct factor none = {.is_one = false}, factor = {.is_one = true};
    uint32_t given = 0;
    bool is_guessed = false;
    if (atom->kind != RUNE_DL_GOAL_ATOM || atom->is_negated ||
        ctx->rels.items[atom->relation].access != RUNE_DL_STORED) {
        return none;
    }
    double count = (double)ctx->rels.items[atom->relation].count;
    factor.tuples = count > 0 ? 1 : 0;
    for (uint32_t i = 0; i < atom->count; i++) {
        uint32_t var = atom->vars[i];
        if (var == RUNE_DL_NO_VAR) {
            continue;
        }
        if (rule->vars[var].is_constant || count_uses(rule, var) > 1) {
            return none;
        }
        if (rune_dl_is_in_head(rule, var)) {
            double values = rune_dl_distinct_at_least(ctx, atom->relation, i);
            factor.tuples = values > factor.tuples ? values : factor.tuples;
            is_guessed = is_guessed || (ctx->rels.items[atom->relation].guessed >> i & 1) != 0;
            given++;
        }
    }
    if (given == atom->count) {
        factor.tuples = count;
    }
    factor.is_exact = given == 0 || given == atom->count || (given == 1 && !is_guessed);
    return factor;
}

#define FACTORS_MAX 8u /* LIMIT: goals of a rule that is looked at as a product */

static bool is_too_large(const struct rune_dl_options *options, double tuples, double bytes)
{
    return tuples > (double)RUNE_RELATION_MAX_TUPLES ||
           (options->max_tuples != 0 && tuples > (double)options->max_tuples) ||
           (options->max_memory_bytes != 0 && bytes > (double)options->max_memory_bytes);
}

enum rune_err rune_dl_check_product(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule)
{
    double tuples = 1;
    bool is_exact = true;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        struct factor factor = {.is_one = false};
        if (rule->goal_count <= FACTORS_MAX) {
            factor = factor_of(ctx, rule, &rule->goals[g]);
        }
        if (!factor.is_one) {
            return RUNE_OK;
        }
        tuples *= factor.tuples;
        is_exact = is_exact && factor.is_exact;
    }
    double bytes = tuples * rule->arity * sizeof(rune_term);
    if (!is_too_large(ctx->options, tuples, bytes)) {
        return RUNE_OK;
    }
    rune_diag_report(ctx->diag, RUNE_ERROR, "RUNE-R0403", span_of(rule),
                     "join the atoms on a common variable",
                     "this product of relations would have %s%.0f tuples (%.1f GiB), beyond the "
                     "limits of tuples or memory",
                     is_exact ? "" : "at least ", tuples, bytes / 1073741824.0);
    return RUNE_E_LIMIT;
}
