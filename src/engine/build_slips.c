/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that can never match because of what the facts are: a column that should name who asks, or
 * what is asked for, has no entity. `alice` in a facts file is a string, and equal to no User. */
#include <string.h>

#include "base/alloc.h"
#include "engine/build_int.h"

static void mark_args(const struct rune_dl_program *program, uint32_t relation,
                      const struct rune_dl_expr *args, bool *is_entity)
{
    for (uint32_t i = 0; i < rune_dl_entity_args(program->relations[relation].builtin); i++) {
        if (args[i].kind == RUNE_DL_VARIABLE) {
            is_entity[args[i].as.variable] = true;
        }
    }
}

static bool is_positive_atom(const struct rune_dl_literal *literal)
{
    return literal->kind == RUNE_DL_ATOM && !literal->is_negated;
}

/* The variables of the rule that only entities can be. */
static void mark_rule(const struct rune_dl_program *program, const struct rune_dl_rule *rule,
                      bool *is_entity)
{
    mark_args(program, rule->head, rule->args, is_entity);
    for (uint32_t i = 0; i < rule->body.count; i++) {
        const struct rune_dl_literal *literal = &rule->body.literals[i];
        if (is_positive_atom(literal)) {
            mark_args(program, literal->relation, literal->args, is_entity);
        }
    }
}

static bool has_entity(const struct rune_tuples *tuples, uint32_t column)
{
    for (uint64_t i = 0; i < tuples->count; i++) {
        if (rune_term_kind(tuples->columns[column][i]) == RUNE_KIND_ENTITY) {
            return true;
        }
    }
    return false;
}

/* Tuples of a relation that is facts of files alone; NULL: something else gives it tuples, or
 * nothing does. */
static const struct rune_tuples *find_tuples(const struct rune_build *build, uint32_t relation,
                                             const bool *is_in_text)
{
    const struct rune_dl_relation *of = &build->rules.relations[relation];
    uint32_t at;
    if (of->builtin != RUNE_DL_NOT_BUILTIN || of->is_head || is_in_text[relation] ||
        !rune_map_find(&build->facts.names, of->name, &at)) {
        return NULL;
    }
    const struct rune_tuples *tuples = &build->facts.items[at].tuples;
    return tuples->count > 0 && tuples->arity == of->arity ? tuples : NULL;
}

static void warn(const struct rune_build *build, const struct rune_dl_literal *literal,
                 uint32_t column)
{
    rune_diag_report(build->diag, RUNE_WARNING, "RUNE-B0410",
                     rune_dl_expr_span(literal->span.source, &literal->args[column]),
                     "declare the column's entity type in rune.toml, under [relations.NAME]",
                     "column %u of `%.*s` has no entity, and only an entity is meant here",
                     column + 1, RUNE_STR_ARG(literal->name));
}

/* `known`: by relation, the columns that were looked at, as bits. */
static void check_rule(const struct rune_build *build, const struct rune_dl_rule *rule,
                       const bool *is_entity, const bool *is_in_text, uint64_t *known)
{
    for (uint32_t i = 0; i < rule->body.count; i++) {
        const struct rune_dl_literal *literal = &rule->body.literals[i];
        const struct rune_tuples *tuples =
            is_positive_atom(literal) ? find_tuples(build, literal->relation, is_in_text) : NULL;
        for (uint32_t c = 0; tuples != NULL && c < literal->arg_count; c++) {
            const struct rune_dl_expr *arg = &literal->args[c];
            bool is_known = (known[literal->relation] >> c & 1) != 0;
            if (is_known || arg->kind != RUNE_DL_VARIABLE || !is_entity[arg->as.variable]) {
                continue;
            }
            known[literal->relation] |= UINT64_C(1) << c;
            if (!has_entity(tuples, c)) {
                warn(build, literal, c);
            }
        }
    }
}

enum rune_err rune_build_warn_slips(const struct rune_build *build)
{
    const struct rune_dl_program *program = &build->rules;
    uint32_t variables = 0;
    for (uint32_t i = 0; i < program->rule_count; i++) {
        uint32_t own = program->rules[i].variable_count;
        variables = own > variables ? own : variables;
    }
    bool *is_entity = rune_calloc((size_t)variables + 1, sizeof(*is_entity));
    bool *is_in_text = rune_calloc((size_t)program->relation_count + 1, sizeof(*is_in_text));
    uint64_t *known = rune_calloc((size_t)program->relation_count + 1, sizeof(*known));
    enum rune_err err =
        is_entity == NULL || is_in_text == NULL || known == NULL ? RUNE_E_NOMEM : RUNE_OK;
    for (uint32_t i = 0; i < program->fact_count && err == RUNE_OK; i++) {
        is_in_text[program->facts[i]->head] = true;
    }
    for (uint32_t i = 0; i < program->rule_count && err == RUNE_OK; i++) {
        const struct rune_dl_rule *rule = &program->rules[i];
        memset(is_entity, 0, variables * sizeof(*is_entity));
        mark_rule(program, rule, is_entity);
        check_rule(build, rule, is_entity, is_in_text, known);
    }
    rune_free(known);
    rune_free(is_in_text);
    rune_free(is_entity);
    return err;
}
