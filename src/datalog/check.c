/* SPDX-License-Identifier: Apache-2.0 */
/* check: the passes in order. Each reports all it finds; a pass that needs the results of an
 * earlier one runs only if that had no errors, so that one mistake is not reported twice in other
 * words. */
#include "datalog/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "datalog/check_int.h"

void rune_dl_check_fail(struct rune_dl_checker *checker, struct rune_span span, const char *code,
                        const char *help, const char *fmt, ...)
{
    va_list args;
    checker->errors++;
    va_start(args, fmt);
    rune_diag_vreport(checker->diag, RUNE_ERROR, code, span, help, fmt, args);
    va_end(args);
}

void rune_dl_check_watch(struct rune_dl_checker *checker, const struct rune_source *source)
{
    if (source != checker->watched) {
        rune_diag_watch(checker->diag, source);
        checker->watched = source;
    }
}

/* In the arena, where the program lives; what growing leaves behind stays there. */
static bool reserve_rules(struct rune_dl_checker *checker, size_t want)
{
    struct rune_vec_dl_rule *list = &checker->rules;
    if (want <= list->capacity) {
        return true;
    }
    size_t capacity = list->capacity * 2 > want ? list->capacity * 2 : want;
    struct rune_dl_rule *items =
        rune_arena_alloc(checker->arena, capacity * sizeof(list->items[0]));
    if (items == NULL) {
        checker->nomem = true;
        return false;
    }
    if (list->count > 0) {
        memcpy(items, list->items, list->count * sizeof(items[0]));
    }
    list->items = items;
    list->capacity = capacity;
    return true;
}

void rune_dl_check_add(struct rune_dl_checker *checker, const struct rune_dl_rule *rule)
{
    if (reserve_rules(checker, checker->rules.count + 1)) {
        checker->rules.items[checker->rules.count++] = *rule;
    }
}

/* Room for the program's facts, and for its rules if each is one. */
static void reserve_lists(struct rune_dl_checker *checker, const struct rune_vec_dl_rule *clauses)
{
    size_t facts = 0;
    for (size_t i = 0; i < clauses->count; i++) {
        facts += clauses->items[i].body.count == 0;
    }
    checker->facts = rune_arena_alloc(checker->arena, facts * sizeof(checker->facts[0]));
    checker->nomem =
        checker->nomem || checker->facts == NULL || !reserve_rules(checker, clauses->count - facts);
}

/* Facts of built-in relations are rules without a body: they decide or derive, and are not stored
 * as they stand. */
static bool is_fact(const struct rune_dl_checker *checker, const struct rune_dl_rule *clause)
{
    return clause->body.count == 0 &&
           checker->relations.items[clause->head].builtin == RUNE_DL_NOT_BUILTIN;
}

static void check_clause(struct rune_dl_checker *checker, struct rune_dl_rule *clause)
{
    rune_dl_check_constants(checker, clause);
    if (clause->head == UINT32_MAX) {
        return;
    }
    if (clause->body.count == 0) {
        bool ok = rune_dl_fold_fact(checker, clause);
        if (ok && is_fact(checker, clause)) {
            checker->facts[checker->fact_count++] = clause;
        } else if (ok) {
            rune_dl_check_add(checker, clause);
        }
        return;
    }
    rune_dl_expand(checker, clause);
}

/* Clause by clause, and the rules that each becomes while they are in the cache. */
static void check_clauses(struct rune_dl_checker *checker, const struct rune_vec_dl_rule *clauses)
{
    struct rune_dl_safety *safety = rune_dl_safety_create(checker);
    for (size_t i = 0, rule = 0; i < clauses->count && !checker->nomem; i++) {
        rune_dl_check_watch(checker, clauses->items[i].span.source);
        check_clause(checker, &clauses->items[i]);
        for (; rule < checker->rules.count && !checker->nomem; rule++) {
            rune_dl_safety_check(safety, &checker->rules.items[rule]);
        }
    }
    rune_dl_safety_destroy(safety);
}

static void run_passes(struct rune_dl_checker *checker, const struct rune_vec_dl_rule *clauses,
                       const struct rune_dl_declaration *declarations, uint32_t declaration_count,
                       struct rune_dl_program *program)
{
    for (uint32_t i = 0; i < declaration_count && !checker->nomem; i++) {
        rune_dl_resolve_declaration(checker, &declarations[i]);
    }
    for (size_t i = 0; i < clauses->count && !checker->nomem; i++) {
        rune_dl_check_watch(checker, clauses->items[i].span.source);
        rune_dl_resolve(checker, &clauses->items[i]);
    }
    if (!checker->nomem) {
        rune_dl_resolve_finish(checker);
    }
    reserve_lists(checker, clauses);
    check_clauses(checker, clauses);
    if (!checker->nomem) {
        rune_dl_stratify(checker, program);
    }
    /* Next to errors they would only say the same in other words. */
    for (size_t i = 0; checker->errors == 0 && i < clauses->count; i++) {
        rune_dl_check_watch(checker, clauses->items[i].span.source);
        rune_dl_check_suspicious(checker, &clauses->items[i]);
    }
    if (!checker->nomem && checker->errors == 0) {
        rune_dl_check_firing(checker);
    }
    /* After all that quotes rules; components are others then. */
    if (!checker->nomem && checker->errors == 0 && rune_dl_unfold_aliases(checker)) {
        checker->edges.count = 0;
        rune_dl_stratify(checker, program);
    }
}

/* What grew on the heap moves to the arena, where the program lives. */
static void finish_program(struct rune_dl_checker *checker, struct rune_dl_program *program)
{
    for (size_t i = 0; i < checker->relations.count; i++) {
        struct rune_dl_relation *relation = &checker->relations.items[i];
        /* empty and never used */
        relation->arity = relation->arity == RUNE_DL_ARITY_UNKNOWN ? 0 : relation->arity;
    }
    program->relation_count = (uint32_t)checker->relations.count;
    program->relations =
        rune_arena_memdup(checker->arena, checker->relations.items,
                          checker->relations.count * sizeof(checker->relations.items[0]));
    program->rule_count = (uint32_t)checker->rules.count;
    program->rules = checker->rules.items;
    program->fact_count = checker->fact_count;
    program->facts = checker->facts;
    checker->nomem = checker->nomem || program->relations == NULL;
}

static enum rune_err verdict(const struct rune_dl_checker *checker)
{
    if (checker->nomem || rune_arena_failed(checker->arena)) {
        return RUNE_E_NOMEM;
    }
    if (checker->limit) {
        return RUNE_E_LIMIT;
    }
    return checker->errors > 0 ? RUNE_E_BUNDLE : RUNE_OK;
}

enum rune_err rune_dl_check(const struct rune_vec_dl_rule *clauses,
                            const struct rune_dl_declaration *declarations,
                            uint32_t declaration_count, enum rune_dl_dialect dialect,
                            struct rune_arena *arena, struct rune_dl_program *ret_program,
                            struct rune_diag *diag)
{
    struct rune_dl_checker checker = {.dialect = dialect, .arena = arena, .diag = diag};
    struct rune_dl_program program = {0};
    run_passes(&checker, clauses, declarations, declaration_count, &program);
    if (verdict(&checker) == RUNE_OK) {
        finish_program(&checker, &program);
    }
    enum rune_err err = verdict(&checker);
    rune_dl_check_watch(&checker, NULL);
    rune_map_fini(&checker.names);
    RUNE_VEC_FINI(&checker.relations);
    RUNE_VEC_FINI(&checker.edges);
    if (err == RUNE_OK) {
        *ret_program = program;
    }
    return err;
}
