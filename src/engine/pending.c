/* SPDX-License-Identifier: Apache-2.0 */
/* pending: bundles without rules and facts build and decide before the rule engine has landed; one with either is
 * refused. Goes away with it. */
#include "datalog/evaluate.h"
#include "engine/facts.h"
#include "eval/rule_eval.h"

void rune_dl_result_fini(struct rune_dl_result *result)
{
    (void)result;
}

enum rune_err rune_dl_evaluate(const struct rune_dl_program *program, struct rune_tuples *facts,
                               const struct rune_dl_entities *entities, struct rune_dict *dict,
                               const struct rune_dl_options *options, rune_dl_source_index_fn source_index,
                               void *source_context, struct rune_dl_result *ret_result, struct rune_diag *diag)
{
    (void)facts, (void)entities, (void)dict, (void)options, (void)source_index, (void)source_context, (void)diag;
    if (program->rule_count + program->fact_count > 0) {
        return RUNE_E_LIMIT;
    }
    *ret_result = (struct rune_dl_result){0};
    return RUNE_OK;
}

uint32_t rune_rules_find_relation(const struct rune_store *store, struct rune_str name)
{
    (void)store, (void)name;
    return UINT32_MAX;
}

enum rune_err rune_rules_query(struct rune_eval *eval, uint32_t relation, const rune_term *bound,
                               const uint32_t *same, rune_tuple_fn emit, void *emit_context)
{
    (void)eval, (void)relation, (void)bound, (void)same, (void)emit, (void)emit_context;
    return RUNE_E_NOT_FOUND;
}

enum rune_err rune_rules_count(struct rune_eval *eval, uint32_t relation, const rune_term *bound,
                               const uint32_t *same, uint64_t *ret_count)
{
    (void)eval, (void)relation, (void)bound, (void)same, (void)ret_count;
    return RUNE_E_NOT_FOUND;
}

enum rune_err rune_rules_decide(struct rune_eval *eval, struct rune_rule_outcome *ret_outcome)
{
    *ret_outcome = (struct rune_rule_outcome){0};
    return eval->store->rule_count == 0 ? RUNE_OK : RUNE_E_LIMIT;
}
