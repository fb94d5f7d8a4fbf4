/* SPDX-License-Identifier: Apache-2.0 */
/* alias: relations that only give another of their recursion a second name,
 *
 *     q(X, Y) :- path(X, Y).
 *     path(X, Z) :- q(X, Y), edge(Y, Z).
 *
 * perhaps with its columns in another order. The recursion's rules read what they stand for, which
 * is the same and lets it be seen as what it is: here a closure. */
#include "datalog/check_int.h"

#define MAX_ALIASES 16u /* LIMIT: of aliases, one after the other; each step is right by itself */

/* The column of the rule's head that has the variable; UINT32_MAX: not one. */
static uint32_t head_column(const struct rune_dl_rule *rule, uint32_t variable)
{
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < rule->arg_count; i++) {
        const struct rune_dl_expr *arg = &rule->args[i];
        if (arg->kind == RUNE_DL_VARIABLE && arg->as.variable == variable) {
            if (found != UINT32_MAX) {
                return UINT32_MAX;
            }
            found = i;
        }
    }
    return found;
}

/* Whether a rule, the only one of its relation, says no more than that it is another. */
static bool is_alias(const struct rune_dl_checker *checker, const struct rune_dl_rule *rule)
{
    const struct rune_dl_relation *head = &checker->relations.items[rule->head];
    const struct rune_dl_literal *atom = rule->body.literals;
    if (!head->is_recursive || head->builtin != RUNE_DL_NOT_BUILTIN || head->has_facts ||
        head->is_declared || rule->body.count != 1 || atom->kind != RUNE_DL_ATOM ||
        atom->is_negated || atom->arg_count != rule->arg_count || atom->relation == rule->head ||
        checker->relations.items[atom->relation].builtin != RUNE_DL_NOT_BUILTIN ||
        checker->relations.items[atom->relation].component != head->component) {
        return false;
    }
    uint64_t columns = 0;
    for (uint32_t i = 0; i < atom->arg_count; i++) {
        const struct rune_dl_expr *arg = &atom->args[i];
        uint32_t column =
            arg->kind == RUNE_DL_VARIABLE ? head_column(rule, arg->as.variable) : UINT32_MAX;
        if (column >= 64 || (columns >> column & 1) != 0) {
            return false;
        }
        columns |= UINT64_C(1) << column;
    }
    return true;
}

/* By relation: its only rule, if that makes it an alias. NULL: no memory. */
static const struct rune_dl_rule **find_aliases(struct rune_dl_checker *checker, bool *ret_any)
{
    size_t count = checker->relations.count + 1;
    const struct rune_dl_rule **aliases =
        RUNE_ARENA_ARRAY(checker->arena, const struct rune_dl_rule *, count);
    uint8_t *has_rule = RUNE_ARENA_ARRAY(checker->arena, uint8_t, count);
    if (aliases == NULL || has_rule == NULL) {
        checker->nomem = true;
        return NULL;
    }
    *ret_any = false;
    for (size_t i = 0; i < checker->rules.count; i++) {
        const struct rune_dl_rule *rule = &checker->rules.items[i];
        bool is_first = has_rule[rule->head] == 0;
        has_rule[rule->head] = 1;
        aliases[rule->head] = is_first && is_alias(checker, rule) ? rule : NULL;
        *ret_any = *ret_any || aliases[rule->head] != NULL;
    }
    return aliases;
}

/* An atom of an alias becomes one of what that stands for. */
static bool unfold(struct rune_dl_checker *checker, struct rune_dl_literal *atom,
                   const struct rune_dl_rule *alias)
{
    const struct rune_dl_literal *other = alias->body.literals;
    struct rune_dl_expr *args =
        RUNE_ARENA_ARRAY(checker->arena, struct rune_dl_expr, atom->arg_count + 1);
    if (args == NULL) {
        checker->nomem = true;
        return false;
    }
    for (uint32_t i = 0; i < atom->arg_count; i++) {
        args[i] = atom->args[head_column(alias, other->args[i].as.variable)];
    }
    atom->args = args;
    atom->relation = other->relation;
    atom->name = other->name;
    return true;
}

bool rune_dl_unfold_aliases(struct rune_dl_checker *checker)
{
    bool found = false, any = false;
    const struct rune_dl_rule **aliases = find_aliases(checker, &any);
    for (size_t i = 0; i < checker->rules.count && any && !checker->nomem; i++) {
        struct rune_dl_rule *rule = &checker->rules.items[i];
        uint32_t component = checker->relations.items[rule->head].component;
        for (uint32_t l = 0; aliases[rule->head] == NULL && l < rule->body.count; l++) {
            struct rune_dl_literal *literal = &rule->body.literals[l];
            for (uint32_t step = 0; step < MAX_ALIASES && literal->kind == RUNE_DL_ATOM; step++) {
                const struct rune_dl_rule *alias = aliases[literal->relation];
                if (alias == NULL ||
                    checker->relations.items[literal->relation].component != component ||
                    !unfold(checker, literal, alias)) {
                    break;
                }
                found = true;
            }
        }
    }
    return found && !checker->nomem;
}
