/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/datalog_run.h"

#include <string.h>

#include "datalog/constants.h"

enum rune_err datalog_run_open(struct datalog_run *run, struct rune_str text,
                               enum rune_dl_dialect dialect,
                               const struct rune_dl_declaration *declarations,
                               uint32_t declaration_count)
{
    memset(run, 0, sizeof(*run));
    rune_arena_init(&run->arena, 0);
    rune_arena_init(&run->request, (size_t)256 << 20);
    run->diag = rune_diag_create();
    run->dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    run->source = (struct rune_source){"program", text.data, (uint32_t)text.length};
    if (run->diag == NULL || run->dict == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err =
        rune_dl_parse(&run->source, dialect, &run->arena, &run->arena, &run->clauses, run->diag);
    enum rune_err check = err != RUNE_OK
                              ? err
                              : rune_dl_check(&run->clauses, declarations, declaration_count,
                                              dialect, &run->arena, &run->program, run->diag);
    if (check != RUNE_OK) {
        return check;
    }
    run->facts = rune_calloc(run->program.relation_count + 1, sizeof(run->facts[0]));
    if (run->facts == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < run->program.relation_count; i++) {
        err = rune_tuples_init(&run->facts[i], run->program.relations[i].arity);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return rune_dl_intern_facts(&run->program, run->dict, run->facts);
}

uint32_t datalog_run_relation(const struct datalog_run *run, struct rune_str name)
{
    for (uint32_t i = 0; i < run->program.relation_count; i++) {
        if (rune_str_equal(run->program.relations[i].name, name)) {
            return i;
        }
    }
    return UINT32_MAX;
}

enum rune_err datalog_run_fact(struct datalog_run *run, uint32_t relation, const rune_term *row)
{
    return rune_tuples_add(&run->facts[relation], row);
}

static void open_store(struct datalog_run *run)
{
    struct rune_dl_result *result = &run->result;
    run->store = (struct rune_store){
        .terms = *rune_dict_finish(run->dict),
        .relations = result->relations.items,
        .relation_count = (uint32_t)result->relations.count,
        .orders = result->orders.items,
        .order_count = (uint32_t)result->orders.count,
        .tuples = result->tuples,
        .tuple_bytes = result->tuple_bytes,
        .rules = result->rules.items,
        .rule_count = (uint32_t)result->rules.count,
        .plans = result->plans.items,
        .plan_count = (uint32_t)result->plans.count,
        .rule_code = result->code.items,
        .rule_code_count = (uint32_t)result->code.count,
        .rule_spans = result->spans.items,
        .rule_span_count = (uint32_t)result->spans.count,
        .ahead = result->ahead.items,
        .ahead_count = (uint32_t)result->ahead.count,
    };
}

enum rune_err datalog_run_evaluate(struct datalog_run *run, enum rune_dl_storing storing)
{
    struct rune_dl_options options = {.storing = storing, .max_memory_bytes = (uint64_t)4 << 30};
    enum rune_err err = rune_dl_evaluate(&run->program, run->facts, NULL, run->dict, &options, NULL,
                                         NULL, &run->result, run->diag);
    if (err != RUNE_OK) {
        return err;
    }
    open_store(run);
    run->values = rune_dict_create(RUNE_SPACE_REQUEST, &run->store.terms, (size_t)64 << 20);
    return run->values == NULL ? RUNE_E_NOMEM : rune_rules_verify(&run->store, run->diag);
}

/* Some seconds: many times what a server allows a request. */
#define QUERY_STEPS (UINT64_C(1) << 28)

void datalog_run_reset(struct datalog_run *run)
{
    rune_dict_reset(run->values, &run->store.terms);
}

/* What an evaluation of its own needs; false: there is no such relation. */
static bool begin(struct datalog_run *run, struct rune_str name, struct rune_eval *eval,
                  uint32_t *ret_relation)
{
    *ret_relation = rune_rules_find_relation(&run->store, name);
    rune_arena_reset(&run->request);
    *eval = (struct rune_eval){.store = &run->store,
                               .values = run->values,
                               .arena = &run->request,
                               .steps_left = run->max_steps > 0 ? run->max_steps : QUERY_STEPS};
    return *ret_relation != UINT32_MAX;
}

enum rune_err datalog_run_query(struct datalog_run *run, struct rune_str name,
                                const rune_term *bound, const uint32_t *same, rune_tuple_fn emit,
                                void *context)
{
    rune_term any[RUNE_DL_MAX_ARITY] = {0};
    uint32_t own[RUNE_DL_MAX_ARITY], relation;
    struct rune_eval eval;
    for (uint32_t i = 0; i < RUNE_DL_MAX_ARITY; i++) {
        own[i] = i;
    }
    if (!begin(run, name, &eval, &relation)) {
        return RUNE_E_NOT_FOUND;
    }
    if (bound == NULL) {
        datalog_run_reset(run);
    }
    uint64_t steps = eval.steps_left;
    enum rune_err err = rune_rules_query(&eval, relation, bound == NULL ? any : bound,
                                         same == NULL ? own : same, emit, context);
    run->steps = steps - eval.steps_left;
    return err;
}

enum rune_err datalog_run_count(struct datalog_run *run, struct rune_str name,
                                const rune_term *bound, const uint32_t *same, uint64_t *ret_count)
{
    struct rune_eval eval;
    uint32_t relation;
    return begin(run, name, &eval, &relation)
               ? rune_rules_count(&eval, relation, bound, same, ret_count)
               : RUNE_E_NOT_FOUND;
}

void datalog_run_close(struct datalog_run *run)
{
    for (uint32_t i = 0; run->facts != NULL && i < run->program.relation_count; i++) {
        rune_tuples_fini(&run->facts[i]);
    }
    rune_free(run->facts);
    RUNE_VEC_FINI(&run->clauses);
    rune_dl_result_fini(&run->result);
    rune_dict_destroy(run->values);
    rune_dict_destroy(run->dict);
    rune_diag_destroy(run->diag);
    rune_arena_fini(&run->arena);
    rune_arena_fini(&run->request);
}
