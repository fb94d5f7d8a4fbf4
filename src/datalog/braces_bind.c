/* SPDX-License-Identifier: Apache-2.0 */
/* braces_bind: which literals around an aggregate bind its group, for the relation that its braces
 * become. */
#include "datalog/braces_int.h"

#include <string.h>

bool rune_dl_atoms_bind(const struct rune_dl_body *body, uint32_t variable)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        for (uint32_t k = 0; rune_dl_is_positive_atom(literal) && k < literal->arg_count; k++) {
            if (literal->args[k].kind == RUNE_DL_VARIABLE &&
                literal->args[k].as.variable == variable) {
                return true;
            }
        }
        uint32_t binding = 0;
        for (uint32_t k = 0; literal->kind == RUNE_DL_DISJUNCTION && k < literal->body_count; k++) {
            binding += rune_dl_atoms_bind(&literal->bodies[k], variable);
        }
        if (binding > 0 && binding == literal->body_count) {
            return true;
        }
    }
    return false;
}

static void ask_bound(struct rune_dl_naming *naming, uint32_t variable)
{
    naming->is_ready = naming->is_ready && naming->binders.items[variable] != NULL;
}

static void ask_group(struct rune_dl_naming *naming, uint32_t variable)
{
    if (rune_dl_is_group(naming, variable)) {
        ask_bound(naming, variable);
    }
}

static void seek(struct rune_dl_naming *naming, uint32_t variable)
{
    rune_dl_naming_push(naming, &naming->sought, variable);
}

static void seek_group(struct rune_dl_naming *naming, uint32_t variable)
{
    if (rune_dl_is_group(naming, variable)) {
        seek(naming, variable);
    }
}

/* What must be known before a literal binds: of braces their groups. */
static void each_needed(struct rune_dl_naming *naming, const struct rune_dl_literal *literal,
                        const struct rune_dl_expr *target, rune_dl_variable_fn visit,
                        rune_dl_variable_fn in_braces)
{
    for (uint32_t k = 0; k < literal->arg_count; k++) {
        const struct rune_dl_expr *arg = &literal->args[k];
        bool binds = arg == target || (rune_dl_is_positive_atom(literal) && arg->arg_count == 0);
        if (!binds && literal->kind != RUNE_DL_AGGREGATE) {
            rune_dl_each_in_expr(naming, arg, visit);
        }
    }
    if (literal->kind == RUNE_DL_AGGREGATE) {
        rune_dl_each_in_braces(naming, literal, rune_dl_naming_count_in);
        rune_dl_each_in_braces(naming, literal, in_braces);
        rune_dl_each_in_braces(naming, literal, rune_dl_naming_count_out);
    }
}

static bool bind_target(struct rune_dl_naming *naming, const struct rune_dl_literal *literal,
                        const struct rune_dl_expr *target)
{
    if (target->kind != RUNE_DL_VARIABLE || naming->binders.items[target->as.variable] != NULL) {
        return false;
    }
    naming->is_ready = true;
    each_needed(naming, literal, target, ask_bound, ask_group);
    if (naming->is_ready) {
        naming->binders.items[target->as.variable] = literal;
    }
    return naming->is_ready;
}

static bool bind_by_computing(struct rune_dl_naming *naming, const struct rune_dl_literal *literal)
{
    bool contains = literal->kind == RUNE_DL_TEST && !literal->is_negated &&
                    literal->function == RUNE_DL_FN_CONTAINS;
    if (literal->kind == RUNE_DL_COMPARE && literal->compare == RUNE_DL_EQ) {
        return bind_target(naming, literal, &literal->args[0]) ||
               bind_target(naming, literal, &literal->args[1]);
    }
    if (literal->kind == RUNE_DL_AGGREGATE || contains) {
        return bind_target(naming, literal, &literal->args[contains ? 1 : 0]);
    }
    return false;
}

enum atoms { NO_HEADS, OTHER_HEADS, ALL_ATOMS };

static void bind_by_atom(struct rune_dl_naming *naming, const struct rune_dl_literal *literal,
                         enum atoms which)
{
    bool is_head = naming->checker->relations.items[literal->relation].is_head;
    bool is_own = literal->relation == naming->rule->head;
    if ((is_head && which == NO_HEADS) || (is_own && which == OTHER_HEADS)) {
        return;
    }
    for (uint32_t k = 0; k < literal->arg_count; k++) {
        const struct rune_dl_expr *arg = &literal->args[k];
        if (arg->kind == RUNE_DL_VARIABLE && naming->binders.items[arg->as.variable] == NULL) {
            naming->binders.items[arg->as.variable] = literal;
        }
    }
}

/* A binder of each variable that is bound in the scope: the same for all aggregates of its body,
 * since none binds its own group; it waits for that. */
static void find_binders(struct rune_dl_naming *naming, const struct rune_dl_scope *scope)
{
    memset(naming->binders.items, 0,
           naming->rule->variable_count * sizeof(naming->binders.items[0]));
    for (enum atoms which = NO_HEADS; which <= ALL_ATOMS; which++) {
        for (const struct rune_dl_scope *at = scope; at != NULL; at = at->parent) {
            for (uint32_t i = 0; i < at->body->count; i++) {
                if (rune_dl_is_positive_atom(&at->body->literals[i])) {
                    bind_by_atom(naming, &at->body->literals[i], which);
                }
            }
        }
        for (bool more = true; more;) {
            more = false;
            for (const struct rune_dl_scope *at = scope; at != NULL; at = at->parent) {
                for (uint32_t i = 0; i < at->body->count; i++) {
                    more = bind_by_computing(naming, &at->body->literals[i]) || more;
                }
            }
        }
    }
}

void rune_dl_braces_choose_binders(struct rune_dl_naming *naming, const struct rune_dl_scope *scope,
                                   const struct rune_dl_literal *aggregate)
{
    const struct rune_dl_body *braces = &aggregate->bodies[0];
    for (size_t i = 0; i < naming->columns.count; i++) {
        uint32_t variable = naming->columns.items[i];
        if (rune_dl_is_group(naming, variable) && !rune_dl_atoms_bind(braces, variable)) {
            naming->checker->nomem |= !RUNE_VEC_PUSH(&naming->sought, variable);
        }
    }
    if (naming->sought.count == 0 || naming->checker->nomem) {
        return;
    }
    rune_dl_each_in_braces(naming, aggregate,
                           rune_dl_naming_count_out); /* other braces are counted now */
    if (naming->bound != scope->body) {
        find_binders(naming, scope);
        naming->bound = scope->body;
    }
    for (size_t i = 0; i < naming->sought.count && !naming->checker->nomem; i++) {
        const struct rune_dl_literal *binder = naming->binders.items[naming->sought.items[i]];
        size_t k = 0;
        while (k < naming->chosen.count && naming->chosen.items[k] != binder) {
            k++;
        }
        if (binder == NULL || k < naming->chosen.count) {
            continue; /* nothing binds it, which safety reports */
        }
        naming->checker->nomem |= !RUNE_VEC_PUSH(&naming->chosen, binder);
        each_needed(naming, binder, NULL, seek, seek_group);
    }
    rune_dl_each_in_braces(naming, aggregate, rune_dl_naming_count_in);
}
