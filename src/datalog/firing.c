/* SPDX-License-Identifier: Apache-2.0 */
/* firing: warnings about rules that can never derive anything: a comparison of constants that is
 * false, or a positive atom over a relation that nothing can ever fill.
 *
 * A relation can be filled if it has facts, comes from outside, or one of its rules has only such
 * relations in its positive atoms: counted down from the facts, as in Dowling and Gallier's
 * algorithm, linear in the program. */
#include "datalog/check_int.h"

struct firing {
    struct rune_dl_checker *checker;
    /* by rule: positive atoms not fillable yet; UINT32_MAX: never */
    uint32_t *missing;
    uint32_t *first;                                /* by relation: first waiter */
    bool *fillable;                                 /* by relation */
    struct rune_vec_u32 waiting_rule, waiting_next; /* waiters */
    struct rune_vec_u32 ready;
};

static bool comes_from_outside(const struct rune_dl_relation *relation)
{
    bool is_builtin = relation->builtin != RUNE_DL_NOT_BUILTIN &&
                      relation->builtin != RUNE_DL_PERMIT && relation->builtin != RUNE_DL_FORBID;
    return relation->has_facts || relation->is_declared || is_builtin;
}

static const struct rune_dl_literal *find_false(const struct rune_dl_rule *rule)
{
    uint32_t count = (rule->has & RUNE_DL_HAS_CONSTANT) != 0 ? rule->body.count : 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_dl_literal *literal = &rule->body.literals[i];
        if (literal->kind == RUNE_DL_COMPARE && rune_dl_compare_constants(literal) == 0) {
            return literal;
        }
    }
    return NULL;
}

static void fill(struct firing *firing, uint32_t relation)
{
    if (!firing->fillable[relation]) {
        firing->fillable[relation] = true;
        firing->checker->nomem |= !RUNE_VEC_PUSH(&firing->ready, relation);
    }
}

static void wait_for_atoms(struct firing *firing, uint32_t index)
{
    const struct rune_dl_rule *rule = &firing->checker->rules.items[index];
    for (uint32_t i = 0; i < rule->body.count; i++) {
        const struct rune_dl_literal *literal = &rule->body.literals[i];
        if (literal->kind != RUNE_DL_ATOM || literal->is_negated ||
            firing->fillable[literal->relation]) {
            continue;
        }
        firing->missing[index]++;
        bool pushed = RUNE_VEC_PUSH(&firing->waiting_rule, index) &&
                      RUNE_VEC_PUSH(&firing->waiting_next, firing->first[literal->relation]);
        firing->checker->nomem |= !pushed;
        firing->first[literal->relation] =
            pushed ? (uint32_t)firing->waiting_next.count - 1 : UINT32_MAX;
    }
}

static void propagate(struct firing *firing)
{
    while (firing->ready.count > 0 && !firing->checker->nomem) {
        uint32_t relation = firing->ready.items[--firing->ready.count];
        for (uint32_t at = firing->first[relation]; at != UINT32_MAX;
             at = firing->waiting_next.items[at]) {
            uint32_t rule = firing->waiting_rule.items[at];
            if (firing->missing[rule] != UINT32_MAX && --firing->missing[rule] == 0) {
                fill(firing, firing->checker->rules.items[rule].head);
            }
        }
        firing->first[relation] = UINT32_MAX;
    }
}

static void report(struct firing *firing, const struct rune_dl_rule *rule)
{
    const struct rune_dl_literal *wrong = find_false(rule);
    if (wrong != NULL) {
        rune_diag_report(firing->checker->diag, RUNE_WARNING, "RUNE-D1002", wrong->span, NULL,
                         "this is never true, so the rule never fires");
        return;
    }
    for (uint32_t i = 0; i < rule->body.count; i++) {
        const struct rune_dl_literal *literal = &rule->body.literals[i];
        if (literal->kind == RUNE_DL_ATOM && !literal->is_negated &&
            !firing->fillable[literal->relation]) {
            rune_diag_report(firing->checker->diag, RUNE_WARNING, "RUNE-D1002", literal->span, NULL,
                             "nothing can ever be in `%.*s`, so the rule never fires",
                             RUNE_STR_ARG(literal->name));
            return;
        }
    }
}

static void run(struct firing *firing)
{
    struct rune_dl_checker *checker = firing->checker;
    for (uint32_t i = 0; i < checker->relations.count; i++) {
        firing->first[i] = UINT32_MAX;
        firing->fillable[i] = comes_from_outside(&checker->relations.items[i]);
    }
    for (uint32_t i = 0; i < checker->rules.count && !checker->nomem; i++) {
        if (find_false(&checker->rules.items[i]) != NULL) {
            firing->missing[i] = UINT32_MAX;
            continue;
        }
        wait_for_atoms(firing, i);
        if (firing->missing[i] == 0) {
            fill(firing, checker->rules.items[i].head);
        }
    }
    propagate(firing);
    for (uint32_t i = 0; i < checker->rules.count && !checker->nomem; i++) {
        if (firing->missing[i] != 0) {
            rune_dl_check_watch(checker, checker->rules.items[i].span.source);
            report(firing, &checker->rules.items[i]);
        }
    }
}

void rune_dl_check_firing(struct rune_dl_checker *checker)
{
    struct firing firing = {.checker = checker};
    firing.missing = rune_calloc(checker->rules.count + 1, sizeof(uint32_t));
    firing.first = rune_calloc(checker->relations.count + 1, sizeof(uint32_t));
    firing.fillable = rune_calloc(checker->relations.count + 1, sizeof(bool));
    if (firing.missing != NULL && firing.first != NULL && firing.fillable != NULL) {
        run(&firing);
    } else {
        checker->nomem = true;
    }
    rune_free(firing.missing);
    rune_free(firing.first);
    rune_free(firing.fillable);
    RUNE_VEC_FINI(&firing.waiting_rule);
    RUNE_VEC_FINI(&firing.waiting_next);
    RUNE_VEC_FINI(&firing.ready);
}
