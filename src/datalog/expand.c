/* SPDX-License-Identifier: Apache-2.0 */
/* expand: a rule with alternatives becomes one rule an alternative; variables of an aggregate's
 * braces that are not used outside become variables of their own, or are marked as such where they
 * are that already.
 *
 * The rules of one clause are its literals' combinations: size() counts their literals before
 * anything is copied, and LIMIT MAX_EXPANDED refuses products that grow beyond reason. Alternatives
 * inside an aggregate's braces are copied with it; each rule's are then given a relation of their
 * own (braces.c). Rules that need none of it are taken as they are. */
#include <stdio.h>

#include "datalog/check_int.h"

#define MAX_EXPANDED \
    65536u /* LIMIT: literals that one clause may expand to, if it is not that long itself */
#define NOT_MAPPED UINT32_MAX
#define LEFT       (UINT32_MAX - 1) /* of braces that have ended */

RUNE_VEC(rune_vec_dl_plain, struct rune_dl_literal);

struct expander {
    struct rune_dl_checker *checker;
    const struct rune_dl_rule *clause;
    struct rune_vec_dl_plain literals;             /* of the branch under construction */
    uint32_t *map;                                 /* variable of the clause -> of the branch */
    struct rune_vec_u32 undo;                      /* mapped variables, innermost scope last */
    RUNE_VEC(, struct rune_dl_variable) variables; /* of the branch */
    bool are_local;                                /* variables mapped now are an aggregate's own */
    uint32_t branch;
};

/* A place in the walk: go on with literal `next` of `body`, then with `parent`. */
struct frame {
    const struct rune_dl_body *body;
    uint32_t next;
    const struct frame *parent;
};

/* ---- how much ---- */

struct size {
    uint64_t branches, literals;
};

static uint64_t saturate(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : value;
}

static struct size body_size(const struct rune_dl_body *body)
{
    struct size all = {1, 0};
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        struct size one = {1, 1};
        if (literal->kind == RUNE_DL_DISJUNCTION) {
            one = (struct size){0, 0};
            for (uint32_t k = 0; k < literal->body_count; k++) {
                struct size branch = body_size(&literal->bodies[k]);
                one.branches = saturate(one.branches + branch.branches);
                one.literals = saturate(one.literals + branch.literals);
            }
        }
        all.literals =
            saturate(saturate(all.literals * one.branches) + saturate(one.literals * all.branches));
        all.branches = saturate(all.branches * one.branches);
    }
    return all;
}

static uint64_t written_size(const struct rune_dl_body *body)
{
    uint64_t count = body->count;
    for (uint32_t i = 0; i < body->count; i++) {
        for (uint32_t k = 0; k < body->literals[i].body_count; k++) {
            count += written_size(&body->literals[i].bodies[k]);
        }
    }
    return count;
}

static bool has_kind(const struct rune_dl_body *body, enum rune_dl_literal_kind kind)
{
    for (uint32_t i = 0; i < body->count; i++) {
        if (body->literals[i].kind == kind) {
            return true;
        }
    }
    return false;
}

/* ---- copying with new variables ---- */

static bool map_variable(struct expander *expander, uint32_t variable)
{
    struct rune_dl_variable copy = expander->clause->variables[variable];
    copy.uses = 0;
    copy.is_local = expander->are_local;
    expander->map[variable] = (uint32_t)expander->variables.count;
    if (!RUNE_VEC_PUSH(&expander->variables, copy) || !RUNE_VEC_PUSH(&expander->undo, variable)) {
        expander->checker->nomem = true;
        return false;
    }
    return true;
}

static bool map_expr(struct expander *expander, const struct rune_dl_expr *expr)
{
    if (expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) {
        return expander->map[expr->as.variable] != NOT_MAPPED ||
               map_variable(expander, expr->as.variable);
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (!map_expr(expander, &expr->args[i])) { /* depth: RUNE_DL_MAX_DEPTH */
            return false;
        }
    }
    return true;
}

/* Gives numbers to the variables of these literals, but not to those inside an aggregate's braces.
 */
static bool map_literals(struct expander *expander, const struct rune_dl_literal *literals,
                         size_t count)
{
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        uint32_t args = literals[i].kind == RUNE_DL_AGGREGATE ? 1 : literals[i].arg_count;
        for (uint32_t k = 0; k < args && ok; k++) {
            ok = map_expr(expander, &literals[i].args[k]);
        }
        uint32_t bodies = literals[i].kind == RUNE_DL_DISJUNCTION ? literals[i].body_count : 0;
        for (uint32_t k = 0; k < bodies && ok; k++) {
            const struct rune_dl_body *body = &literals[i].bodies[k];
            ok = map_literals(expander, body->literals, body->count); /* depth: by the parser */
        }
    }
    return ok;
}

static struct rune_dl_expr *copy_args(struct expander *expander, const struct rune_dl_expr *args,
                                      uint32_t count);

static void copy_expr(struct expander *expander, const struct rune_dl_expr *expr,
                      struct rune_dl_expr *ret_copy)
{
    *ret_copy = *expr;
    if (expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) {
        ret_copy->as.variable = expander->map[expr->as.variable];
        expander->variables.items[ret_copy->as.variable].uses++;
    } else if (expr->arg_count > 0) {
        ret_copy->args = copy_args(expander, expr->args, expr->arg_count);
    }
}

/* NULL: there are none, or memory is out, which is noted. */
static struct rune_dl_expr *copy_args(struct expander *expander, const struct rune_dl_expr *args,
                                      uint32_t count)
{
    if (count == 0) {
        return NULL;
    }
    struct rune_dl_expr *copy = rune_arena_alloc(expander->checker->arena, count * sizeof(copy[0]));
    for (uint32_t i = 0; copy != NULL && i < count; i++) {
        copy_expr(expander, &args[i], &copy[i]); /* depth: RUNE_DL_MAX_DEPTH */
    }
    expander->checker->nomem = expander->checker->nomem || copy == NULL;
    return copy;
}

static bool copy_literals(struct expander *expander, const struct rune_dl_literal *literals,
                          size_t count, struct rune_dl_body *ret_body);

/* The braces: their own variables get numbers for as long as the braces are copied. */
static bool copy_braces(struct expander *expander, const struct rune_dl_literal *literal,
                        struct rune_dl_literal *copy)
{
    size_t mark = expander->undo.count;
    bool were_local = expander->are_local;
    const struct rune_dl_body *body = &literal->bodies[0];
    expander->are_local = true;
    bool ok = map_literals(expander, body->literals, body->count) &&
              (literal->arg_count < 2 || map_expr(expander, &literal->args[1]));
    copy->bodies = ok ? RUNE_ARENA_NEW(expander->checker->arena, struct rune_dl_body) : NULL;
    ok = copy->bodies != NULL &&
         copy_literals(expander, body->literals, body->count, &copy->bodies[0]);
    if (ok && literal->arg_count == 2) {
        copy_expr(expander, &literal->args[1], &copy->args[1]);
    }
    expander->are_local = were_local;
    while (expander->undo.count > mark) {
        expander->map[expander->undo.items[--expander->undo.count]] = NOT_MAPPED;
    }
    expander->checker->nomem = expander->checker->nomem || !ok;
    return ok && !expander->checker->nomem;
}

/* Alternatives inside braces. */
static bool copy_branches(struct expander *expander, const struct rune_dl_literal *literal,
                          struct rune_dl_literal *copy)
{
    copy->bodies =
        RUNE_ARENA_ARRAY(expander->checker->arena, struct rune_dl_body, copy->body_count);
    bool ok = copy->bodies != NULL;
    for (uint32_t i = 0; ok && i < copy->body_count; i++) {
        const struct rune_dl_body *body = &literal->bodies[i];
        ok = copy_literals(expander, body->literals, body->count, &copy->bodies[i]);
    }
    expander->checker->nomem = expander->checker->nomem || !ok;
    return ok;
}

static bool copy_literals(struct expander *expander, const struct rune_dl_literal *literals,
                          size_t count, struct rune_dl_body *ret_body)
{
    *ret_body = (struct rune_dl_body){0};
    if (count == 0) {
        return true;
    }
    ret_body->count = (uint32_t)count;
    ret_body->literals =
        rune_arena_memdup(expander->checker->arena, literals, count * sizeof(literals[0]));
    if (ret_body->literals == NULL) {
        expander->checker->nomem = true;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct rune_dl_literal *copy = &ret_body->literals[i];
        if (copy->kind == RUNE_DL_AGGREGATE) {
            copy->args =
                RUNE_ARENA_ARRAY(expander->checker->arena, struct rune_dl_expr, copy->arg_count);
            if (copy->args == NULL) {
                expander->checker->nomem = true;
                return false;
            }
            copy_expr(expander, &literals[i].args[0], &copy->args[0]);
            if (!copy_braces(expander, &literals[i], copy)) { /* depth: counted by the parser */
                return false;
            }
        } else if (copy->kind == RUNE_DL_DISJUNCTION) {
            if (!copy_branches(expander, &literals[i], copy)) { /* depth: counted by the parser */
                return false;
            }
        } else {
            copy->args = copy_args(expander, literals[i].args, copy->arg_count);
        }
    }
    return !expander->checker->nomem;
}

/* ---- rules that stand as they are ---- */

static bool claim_expr(struct expander *expander, const struct rune_dl_expr *expr)
{
    if (expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) {
        uint32_t *place = &expander->map[expr->as.variable];
        if (*place == NOT_MAPPED) {
            *place = 0;
            expander->clause->variables[expr->as.variable].is_local = expander->are_local;
            expander->checker->nomem |= !RUNE_VEC_PUSH(&expander->undo, expr->as.variable);
        }
        return *place != LEFT;
    }
    bool ok = true;
    for (uint32_t i = 0; i < expr->arg_count && ok; i++) {
        ok = claim_expr(expander, &expr->args[i]); /* depth: RUNE_DL_MAX_DEPTH */
    }
    return ok;
}

/* Marks what belongs to braces alone. False: two braces have a variable of one name that is not
 * their rule's, so each needs its own. */
static bool claim_variables(struct expander *expander, const struct rune_dl_body *body)
{
    bool ok = true, were_local = expander->are_local;
    for (uint32_t i = 0; i < body->count && ok; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        uint32_t args = literal->kind == RUNE_DL_AGGREGATE ? 1 : literal->arg_count;
        for (uint32_t k = 0; k < args && ok; k++) {
            ok = claim_expr(expander, &literal->args[k]);
        }
    }
    for (uint32_t i = 0; i < body->count && ok; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        if (literal->kind != RUNE_DL_AGGREGATE) {
            continue;
        }
        size_t mark = expander->undo.count;
        expander->are_local = true;
        ok = (literal->arg_count < 2 || claim_expr(expander, &literal->args[1])) &&
             claim_variables(expander, &literal->bodies[0]); /* depth: counted by the parser */
        expander->are_local = were_local;
        while (expander->undo.count > mark) {
            expander->map[expander->undo.items[--expander->undo.count]] = LEFT;
        }
    }
    return ok;
}

/* A rule without alternatives that can be taken as it is. */
static bool is_apart(struct expander *expander)
{
    const struct rune_dl_rule *clause = expander->clause;
    if (rune_dl_has_alternatives(&clause->body) || rune_dl_is_any(clause->head_name)) {
        return false;
    }
    bool ok = true;
    for (uint32_t i = 0; i < clause->arg_count && ok; i++) {
        ok = claim_expr(expander, &clause->args[i]);
    }
    ok = ok && claim_variables(expander, &clause->body);
    for (uint32_t i = 0; i < clause->variable_count; i++) {
        expander->map[i] = NOT_MAPPED;
    }
    expander->undo.count = 0;
    return ok;
}

/* ---- branches ---- */

static void forget_mapping(struct expander *expander)
{
    while (expander->undo.count > 0) {
        expander->map[expander->undo.items[--expander->undo.count]] = NOT_MAPPED;
    }
    expander->variables.count = 0;
}

/* In place of a variable of `rune.any.N` that this alternative does not have: an entity that no
 * data can name. */
static void put_absent(const struct rune_dl_expr *column, struct rune_dl_expr *ret_copy)
{
    static const struct rune_dl_uid absent = {{"rune", 4}, {"absent", 6}};
    *ret_copy = *column;
    ret_copy->kind = RUNE_DL_ENTITY;
    ret_copy->as.uid = &absent;
}

static bool copy_head(struct expander *expander, const struct rune_dl_rule *clause,
                      struct rune_dl_rule *rule)
{
    bool any = rune_dl_is_any(clause->head_name);
    rule->args =
        rune_arena_alloc(expander->checker->arena, (clause->arg_count + 1) * sizeof(rule->args[0]));
    for (uint32_t i = 0; rule->args != NULL && i < clause->arg_count; i++) {
        const struct rune_dl_expr *column = &clause->args[i];
        if (any && expander->map[column->as.variable] == NOT_MAPPED) {
            put_absent(column, &rule->args[i]);
        } else {
            copy_expr(expander, column, &rule->args[i]);
        }
    }
    return rule->args != NULL && !expander->checker->nomem;
}

static void emit(struct expander *expander)
{
    struct rune_dl_checker *checker = expander->checker;
    const struct rune_dl_rule *clause = expander->clause;
    struct rune_dl_rule rule = *clause;
    bool ok = true;
    forget_mapping(expander);
    for (uint32_t i = 0; ok && !rune_dl_is_any(clause->head_name) && i < clause->arg_count; i++) {
        ok = map_expr(expander, &clause->args[i]);
    }
    ok = ok && map_literals(expander, expander->literals.items, expander->literals.count) &&
         copy_head(expander, clause, &rule) &&
         copy_literals(expander, expander->literals.items, expander->literals.count, &rule.body);
    rule.branch = expander->branch++;
    rule.variable_count = (uint32_t)expander->variables.count;
    rule.variables =
        rune_arena_memdup(checker->arena, expander->variables.items,
                          expander->variables.count * sizeof(expander->variables.items[0]));
    if (ok && rule.variables != NULL) {
        rune_dl_name_braces(checker, &rule);
        rune_dl_check_add(checker, &rule);
    } else {
        checker->nomem = true;
    }
}

/* All ways to go on from here. Recurses at disjunctions and at the ends of their branches only:
 * depth is bounded by nesting plus log2 of MAX_EXPANDED. */
static void walk(struct expander *expander, const struct frame *at)
{
    size_t mark = expander->literals.count;
    struct frame frame = *at;
    while (!expander->checker->nomem) {
        if (frame.next == frame.body->count) {
            if (frame.parent == NULL) {
                emit(expander);
                break;
            }
            frame = *frame.parent;
            continue;
        }
        const struct rune_dl_literal *literal = &frame.body->literals[frame.next++];
        if (literal->kind != RUNE_DL_DISJUNCTION) {
            expander->checker->nomem |= !RUNE_VEC_PUSH(&expander->literals, *literal);
            continue;
        }
        for (uint32_t i = 0; i < literal->body_count; i++) {
            walk(expander, &(struct frame){&literal->bodies[i], 0, &frame});
        }
        break;
    }
    expander->literals.count = mark;
}

static void expander_fini(struct expander *expander)
{
    RUNE_VEC_FINI(&expander->literals);
    RUNE_VEC_FINI(&expander->undo);
    RUNE_VEC_FINI(&expander->variables);
    rune_free(expander->map);
}

void rune_dl_expand(struct rune_dl_checker *checker, const struct rune_dl_rule *clause)
{
    if (!has_kind(&clause->body, RUNE_DL_DISJUNCTION) &&
        !has_kind(&clause->body, RUNE_DL_AGGREGATE) && !rune_dl_is_any(clause->head_name)) {
        rune_dl_check_add(checker, clause);
        return;
    }
    uint64_t written = written_size(&clause->body);
    struct size size = body_size(&clause->body);
    if (size.literals > MAX_EXPANDED && size.literals > 4 * written) {
        checker->limit = true;
        rune_dl_check_fail(checker, clause->head_span, "RUNE-D0904",
                           "give each disjunction a relation of its own and use that here",
                           "the alternatives of this rule multiply to more than %u literals",
                           MAX_EXPANDED);
        return;
    }
    struct expander expander = {.checker = checker, .clause = clause};
    expander.map = rune_alloc(((size_t)clause->variable_count + 1) * sizeof(expander.map[0]));
    if (expander.map == NULL) {
        checker->nomem = true;
        return;
    }
    memset(expander.map, 0xff, ((size_t)clause->variable_count + 1) * sizeof(expander.map[0]));
    if (is_apart(&expander)) {
        rune_dl_check_add(checker, clause);
    } else {
        walk(&expander, &(struct frame){&clause->body, 0, NULL});
    }
    expander_fini(&expander);
}
