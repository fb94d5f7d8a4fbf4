/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/eval/rule_world.h"

#include <string.h>

#include "unit/cmocka.h"

static rune_term entity(struct rune_dict *dict, const char *type, const char *id)
{
    rune_term type_term, id_term, term;
    assert_int_equal(rune_dict_string(dict, (struct rune_str){type, strlen(type)}, &type_term),
                     RUNE_OK);
    assert_int_equal(rune_dict_string(dict, (struct rune_str){id, strlen(id)}, &id_term), RUNE_OK);
    assert_int_equal(rune_dict_entity(dict, type_term, id_term, &term), RUNE_OK);
    return term;
}

void rule_world_open(struct rule_world *world, const char *program)
{
    struct rune_str text = {program, strlen(program)};
    enum rune_err err = datalog_run_open(&world->run, text, RUNE_DL_BUNDLE, NULL, 0);
    if (err == RUNE_OK) {
        err = datalog_run_evaluate(&world->run, RUNE_DL_STORE_WHAT_PAYS);
    }
    if (err != RUNE_OK) {
        fail_msg("%s\n%s", rune_err_text(err), rune_diag_text(world->run.diag));
    }
}

enum rune_err rule_world_decide(struct rule_world *world, const char *principal,
                                const char *resource, uint64_t steps,
                                struct rune_rule_outcome *outcome)
{
    rune_dict_reset(world->run.values, &world->run.store.terms);
    rune_arena_reset(&world->run.request);
    struct rune_dict *values = world->run.values;
    world->request = (struct rune_request){
        .principal = entity(values, "User", principal),
        .action = entity(values, "Action", "view"),
        .resource = entity(values, "Doc", resource),
        .values = values,
    };
    assert_int_equal(rune_dict_record(values, NULL, NULL, 0, &world->request.context), RUNE_OK);
    world->request.terms = rune_dict_terms(values);
    struct rune_eval eval = {.store = &world->run.store,
                             .request = &world->request,
                             .values = values,
                             .arena = &world->run.request,
                             .steps_left = steps};
    return rune_rules_decide(&eval, outcome);
}
