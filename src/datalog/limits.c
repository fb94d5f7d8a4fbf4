/* SPDX-License-Identifier: Apache-2.0 */
/* limits: derivations that grow too large.
 *
 * Three limits are counted while tuples are derived: tuples, memory (theirs and that of the values
 * made for them) and steps. Two kinds of rules are told earlier than by them: a product of
 * relations, whose tuples can be counted before they are made; and a recursion that makes new
 * values without a bound (unbounded.c). */
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

enum rune_err rune_dl_report_limit(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                                   uint64_t tuples, enum rune_err err)
{
    if (err != RUNE_E_LIMIT && err != RUNE_E_NOMEM) {
        return err;
    }
    /* As written: what the builder makes of it has names that no reader knows. */
    struct rune_str name =
        rule->source != NULL ? rule->source->head_name : ctx->rels.items[rule->head].name;
    unsigned long long count = tuples;
    if (err == RUNE_E_NOMEM) {
        rune_diag_report(ctx->diag, RUNE_ERROR, "RUNE-R0401", span_of(rule),
                         "join on more columns, or give the build more memory",
                         "the memory ran out: `%.*s` had %llu tuples, and this rule gives more",
                         RUNE_STR_ARG(name), count);
        return err;
    }
    switch (ctx->limit) {
    case RUNE_DL_LIMIT_TUPLES:
        rune_diag_report(ctx->diag, RUNE_ERROR, "RUNE-R0401", span_of(rule),
                         "join on more columns, or raise the limit",
                         "the limit of %llu derived tuples was reached: `%.*s` had %llu, and this "
                         "rule gives more",
                         (unsigned long long)ctx->options->max_tuples, RUNE_STR_ARG(name), count);
        break;
    case RUNE_DL_LIMIT_MEMORY:
        rune_diag_report(ctx->diag, RUNE_ERROR, "RUNE-R0401", span_of(rule),
                         "join on more columns, or raise the limit: --max-memory, or "
                         "max_build_bytes in runed.toml",
                         "the limit of %.1f MiB of memory was reached: `%.*s` had %llu tuples, "
                         "and this rule gives more",
                         (double)ctx->options->max_memory_bytes / 1048576.0, RUNE_STR_ARG(name),
                         count);
        break;
    case RUNE_DL_LIMIT_STEPS:
        rune_diag_report(ctx->diag, RUNE_ERROR, "RUNE-R0401", span_of(rule),
                         "join on more columns, or raise the limit: --max-steps, or "
                         "build_ms in runed.toml",
                         "the limit of %llu steps was reached: `%.*s` had %llu tuples, and this "
                         "rule was still being evaluated",
                         (unsigned long long)ctx->options->max_steps, RUNE_STR_ARG(name), count);
        break;
    case RUNE_DL_LIMIT_VALUES:
        rune_diag_report(ctx->diag, RUNE_ERROR, "RUNE-R0401", span_of(rule),
                         "bound what is computed, as in `N = length(X), N < 100`",
                         "this rule computes values too long or too many to keep; `%.*s` had %llu "
                         "tuples",
                         RUNE_STR_ARG(name), count);
        break;
    case RUNE_DL_LIMIT_POSITIONS:
        rune_diag_report(ctx->diag, RUNE_ERROR, "RUNE-R0401", span_of(rule), "join on more columns",
                         "`%.*s` would have more than %u tuples, which no relation can hold",
                         RUNE_STR_ARG(name), RUNE_RELATION_MAX_TUPLES);
        break;
    }
    return err;
}

/* ---- products ---- */

/* Whether the atom gives each of its tuples to the head, whatever the other goals: its variables
 * are all in the head, and in no other place. */
static bool is_factor(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule,
                      uint32_t number)
{
    const struct rune_dl_goal *atom = &rule->goals[number];
    if (atom->kind != RUNE_DL_GOAL_ATOM || atom->is_negated ||
        ctx->rels.items[atom->relation].access != RUNE_DL_STORED) {
        return false;
    }
    for (uint32_t i = 0; i < atom->count; i++) {
        uint32_t var = atom->vars[i], uses = 0;
        if (var == RUNE_DL_NO_VAR || rule->vars[var].is_constant ||
            !rune_dl_is_in_head(rule, var)) {
            return false;
        }
        for (uint32_t g = 0; g < rule->goal_count; g++) {
            for (uint32_t k = 0; k < rule->goals[g].count; k++) {
                uses += rule->goals[g].vars[k] == var;
            }
        }
        if (uses > 1) {
            return false;
        }
    }
    return true;
}

#define FACTORS_MAX 8u /* LIMIT: goals of a rule that is looked at as a product */

enum rune_err rune_dl_check_product(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule)
{
    double product = 1;
    for (uint32_t g = 0; g < rule->goal_count; g++) {
        if (rule->goal_count > FACTORS_MAX || !is_factor(ctx, rule, g)) {
            return RUNE_OK;
        }
        product *= (double)ctx->rels.items[rule->goals[g].relation].count;
    }
    const struct rune_dl_options *options = ctx->options;
    double bytes = product * rule->arity * sizeof(rune_term);
    bool is_too_large =
        product > (double)RUNE_RELATION_MAX_TUPLES ||
        (options->max_tuples != 0 && product > (double)options->max_tuples) ||
        (options->max_memory_bytes != 0 && bytes > (double)options->max_memory_bytes);
    if (!is_too_large) {
        return RUNE_OK;
    }
    rune_diag_report(ctx->diag, RUNE_ERROR, "RUNE-R0403", span_of(rule),
                     "join the atoms on a common variable",
                     "this product of relations would have %.0f tuples (%.1f GiB), beyond the "
                     "limits of tuples or memory",
                     product, bytes / 1073741824.0);
    return RUNE_E_LIMIT;
}
