/* SPDX-License-Identifier: Apache-2.0 */
/* braces: an aggregate's braces with alternatives become a relation of their own, `rune.any.N`,
 * over all variables of the braces; the aggregate then goes over its distinct tuples.
 *
 * A group's variable is known where the braces stand, but that relation's rules stand alone: in
 * `N = count { e(Y), (Y < X ; f(Y)) }` nothing binds X. Alternatives that bind nothing, as these,
 * only test, and become `0 = count { 0 = count { Y < X }, 0 = count { f(Y) } }`: it is not so that
 * none of them holds, which is also right where a comparison errs. For others, as `(e(Y) ; f(Y,
 * X))`, the relation's rules get those literals from around the braces that bind the group. What is
 * no head of a rule is taken first, since the aggregate must not come to depend on its own rule. */
#include "datalog/braces_int.h"
#include "datalog/tuples.h"

bool rune_dl_is_any(struct rune_str name)
{
    return name.length > 9 && memcmp(name.data, "rune.any.", 9) == 0;
}

/* ---- walking ---- */

void rune_dl_each_in_expr(struct rune_dl_naming *naming, const struct rune_dl_expr *expr,
                          rune_dl_variable_fn visit)
{
    if (expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) {
        visit(naming, expr->as.variable);
        return;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        rune_dl_each_in_expr(naming, &expr->args[i], visit); /* depth: RUNE_DL_MAX_DEPTH */
    }
}

void rune_dl_each_in_braces(struct rune_dl_naming *naming, const struct rune_dl_literal *aggregate,
                            rune_dl_variable_fn visit)
{
    if (aggregate->arg_count > 1) {
        rune_dl_each_in_expr(naming, &aggregate->args[1], visit);
    }
    rune_dl_each_in_body(naming, &aggregate->bodies[0], visit);
}

void rune_dl_each_in_body(struct rune_dl_naming *naming, const struct rune_dl_body *body,
                          rune_dl_variable_fn visit)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        for (uint32_t k = 0; k < literal->arg_count; k++) {
            rune_dl_each_in_expr(naming, &literal->args[k], visit);
        }
        for (uint32_t k = 0; k < literal->body_count; k++) {
            rune_dl_each_in_body(naming, &literal->bodies[k],
                                 visit); /* depth: counted by the parser */
        }
    }
}

void rune_dl_naming_count_in(struct rune_dl_naming *naming, uint32_t variable)
{
    naming->inside.items[variable]++;
}

void rune_dl_naming_count_out(struct rune_dl_naming *naming, uint32_t variable)
{
    naming->inside.items[variable]--;
}

static void add_use(struct rune_dl_naming *naming, uint32_t variable)
{
    naming->uses.items[variable]++;
}

static void drop_use(struct rune_dl_naming *naming, uint32_t variable)
{
    naming->uses.items[variable]--;
}

void rune_dl_naming_push(struct rune_dl_naming *naming, struct rune_vec_u32 *list,
                         uint32_t variable)
{
    if (naming->is_seen.items[variable] == 0) {
        naming->is_seen.items[variable] = 1;
        naming->checker->nomem |= !RUNE_VEC_PUSH(list, variable);
    }
}

/* ---- the columns ---- */

static void collect(struct rune_dl_naming *naming, uint32_t variable)
{
    rune_dl_naming_push(naming, &naming->columns, variable);
}

static void collect_group(struct rune_dl_naming *naming, uint32_t variable)
{
    if (rune_dl_is_group(naming, variable)) {
        rune_dl_naming_push(naming, &naming->columns, variable);
    }
}

/* Braces within the braces keep their own variables. */
static void collect_body(struct rune_dl_naming *naming, const struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        bool has_braces = literal->kind == RUNE_DL_AGGREGATE;
        for (uint32_t k = 0; k < (has_braces ? 1 : literal->arg_count); k++) {
            if (literal->args[k].kind != RUNE_DL_WILDCARD) { /* of a negation: any value */
                rune_dl_each_in_expr(naming, &literal->args[k], collect);
            }
        }
        if (has_braces) {
            rune_dl_each_in_braces(naming, literal, collect_group);
        }
        for (uint32_t k = 0; literal->kind == RUNE_DL_DISJUNCTION && k < literal->body_count; k++) {
            collect_body(naming, &literal->bodies[k]);
        }
    }
}

/* Those of atoms become variables, which the relation has as columns. */
static void wildcards_to_variables(struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count; i++) {
        struct rune_dl_literal *literal = &body->literals[i];
        for (uint32_t k = 0;
             literal->kind == RUNE_DL_ATOM && !literal->is_negated && k < literal->arg_count; k++) {
            if (literal->args[k].kind == RUNE_DL_WILDCARD) {
                literal->args[k].kind = RUNE_DL_VARIABLE;
            }
        }
        for (uint32_t k = 0; literal->kind == RUNE_DL_DISJUNCTION && k < literal->body_count; k++) {
            wildcards_to_variables(&literal->bodies[k]);
        }
    }
}

/* ---- the value ---- */

static bool mentions_expr(const struct rune_dl_expr *expr, uint32_t variable)
{
    bool found = expr->kind == RUNE_DL_VARIABLE && expr->as.variable == variable;
    for (uint32_t i = 0; i < expr->arg_count && !found; i++) {
        found = mentions_expr(&expr->args[i], variable); /* depth: RUNE_DL_MAX_DEPTH */
    }
    return found;
}

/* Whichever alternatives are taken. */
static bool mentions(const struct rune_dl_body *body, uint32_t variable)
{
    bool found = false;
    for (uint32_t i = 0; i < body->count && !found; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        uint32_t args = literal->kind == RUNE_DL_AGGREGATE ? 1 : literal->arg_count, with = 0;
        for (uint32_t k = 0; k < args && !found; k++) {
            found = mentions_expr(&literal->args[k], variable);
        }
        for (uint32_t k = 0; literal->kind == RUNE_DL_DISJUNCTION && k < literal->body_count; k++) {
            with += mentions(&literal->bodies[k], variable);
        }
        found = found || (with > 0 && with == literal->body_count);
    }
    return found;
}

/* An alternative without a variable leaves nothing to compute the value from. */
static void check_value(struct rune_dl_naming *naming, const struct rune_dl_expr *value,
                        const struct rune_dl_body *braces)
{
    if (value->kind == RUNE_DL_VARIABLE && !rune_dl_is_group(naming, value->as.variable) &&
        !mentions(braces, value->as.variable)) {
        rune_dl_check_fail(
            naming->checker, rune_dl_check_span(naming->checker, value), "RUNE-D0401",
            "bind it in each alternative",
            "not every alternative binds the variable `%.*s` that this aggregate needs",
            RUNE_STR_ARG(rune_dl_variable_name(&naming->rule->variables[value->as.variable])));
    }
    for (uint32_t i = 0; i < value->arg_count; i++) {
        check_value(naming, &value->args[i], braces); /* depth: RUNE_DL_MAX_DEPTH */
    }
}

/* ---- the relation ---- */

/* One argument a column. */
static struct rune_dl_expr *column_args(struct rune_dl_naming *naming, struct rune_span span)
{
    size_t count = naming->columns.count;
    struct rune_dl_expr *args =
        RUNE_ARENA_ARRAY(naming->checker->arena, struct rune_dl_expr, count + 1);
    for (size_t i = 0; args != NULL && i < count; i++) {
        args[i] = (struct rune_dl_expr){.kind = RUNE_DL_VARIABLE,
                                        .depth = 1,
                                        .place = {span.offset, span.length},
                                        .as.variable = naming->columns.items[i]};
    }
    naming->checker->nomem |= args == NULL;
    return args;
}

/* The braces' literals and those chosen from around. */
static struct rune_dl_body relation_body(struct rune_dl_naming *naming,
                                         const struct rune_dl_body *braces)
{
    struct rune_dl_body body = {NULL, braces->count + (uint32_t)naming->chosen.count};
    body.literals = RUNE_ARENA_ARRAY(naming->checker->arena, struct rune_dl_literal, body.count);
    if (body.literals == NULL) {
        naming->checker->nomem = true;
        return (struct rune_dl_body){0};
    }
    memcpy(body.literals, braces->literals, braces->count * sizeof(body.literals[0]));
    for (size_t i = 0; i < naming->chosen.count; i++) {
        body.literals[braces->count + i] = *naming->chosen.items[i];
    }
    return body;
}

static void define(struct rune_dl_naming *naming, struct rune_dl_literal *aggregate)
{
    struct rune_dl_checker *checker = naming->checker;
    struct rune_dl_body *braces = &aggregate->bodies[0];
    struct rune_dl_rule any = *naming->rule;
    char *name = rune_arena_printf(checker->arena, "rune.any.%zu", checker->relations.count);
    struct rune_dl_literal *atom = RUNE_ARENA_NEW(checker->arena, struct rune_dl_literal);
    any.args = column_args(naming, aggregate->span);
    any.arg_count = (uint32_t)naming->columns.count;
    any.body = relation_body(naming, braces);
    if (checker->nomem || name == NULL || atom == NULL) {
        checker->nomem = true;
        return;
    }
    any.head_name = rune_str_from(name);
    any.head_span = aggregate->span;
    any.head = rune_dl_intern_relation(checker, any.head_name, (struct rune_str){0}, any.arg_count,
                                       aggregate->span);
    *atom = (struct rune_dl_literal){.kind = RUNE_DL_ATOM,
                                     .span = aggregate->span,
                                     .name = any.head_name,
                                     .relation = any.head,
                                     .args = any.args,
                                     .arg_count = any.arg_count};
    *braces = (struct rune_dl_body){atom, 1};
    if (!checker->nomem) {
        checker->relations.items[any.head].is_head = true;
        rune_dl_expand(checker, &any);
    }
}

static bool has_alternatives(const struct rune_dl_body *body)
{
    uint32_t i = 0;
    while (i < body->count && body->literals[i].kind != RUNE_DL_DISJUNCTION) {
        i++;
    }
    return i < body->count;
}

/* As if the variables had not been seen. */
static void forget(struct rune_dl_naming *naming, struct rune_vec_u32 *list)
{
    for (size_t i = 0; i < list->count; i++) {
        naming->is_seen.items[list->items[i]] = 0;
    }
    list->count = 0;
}

static void name_braces(struct rune_dl_naming *naming, struct rune_dl_literal *aggregate,
                        const struct rune_dl_scope *scope)
{
    struct rune_dl_body braces = aggregate->bodies[0];
    wildcards_to_variables(&braces);
    if (aggregate->arg_count > 1) {
        check_value(naming, &aggregate->args[1], &braces);
    }
    collect_body(naming, &braces);
    rune_dl_braces_choose_binders(naming, scope, aggregate);
    if (naming->columns.count > RUNE_DL_MAX_ARITY) {
        naming->checker->limit = true;
        rune_dl_check_fail(naming->checker, aggregate->span, "RUNE-D0904",
                           "give the alternatives a relation of their own",
                           "more than %u variables in braces with alternatives", RUNE_DL_MAX_ARITY);
    } else if (!naming->checker->nomem) {
        define(naming, aggregate);
    }
    forget(naming, &naming->columns);
    forget(naming, &naming->sought);
    naming->chosen.count = 0;
}

/* Those of one body first, which share what binds their groups, then those within them. */
static void name_all(struct rune_dl_naming *naming, const struct rune_dl_body *body,
                     const struct rune_dl_scope *parent)
{
    struct rune_dl_scope scope = {body, parent};
    for (uint32_t i = 0; i < body->count && !naming->checker->nomem; i++) {
        struct rune_dl_literal *literal = &body->literals[i];
        if (literal->kind != RUNE_DL_AGGREGATE) {
            continue;
        }
        struct rune_dl_body braces = literal->bodies[0];
        struct rune_dl_literal as_written = *literal;
        as_written.bodies = &braces;
        if (has_alternatives(&braces)) {
            rune_dl_each_in_braces(naming, literal, rune_dl_naming_count_in);
            rune_dl_braces_make_tests(naming, &literal->bodies[0]);
            if (has_alternatives(&literal->bodies[0])) {
                name_braces(naming, literal, &scope);
            }
            rune_dl_each_in_braces(naming, &as_written, rune_dl_naming_count_out);
            rune_dl_each_in_braces(naming, &as_written, drop_use);
            rune_dl_each_in_braces(naming, literal, add_use);
        }
    }
    for (uint32_t i = 0; i < body->count && !naming->checker->nomem; i++) {
        if (body->literals[i].kind == RUNE_DL_AGGREGATE) {
            name_all(naming, &body->literals[i].bodies[0],
                     &scope); /* depth: counted by the parser */
        }
    }
}

bool rune_dl_has_alternatives(const struct rune_dl_body *body)
{
    bool found = has_alternatives(body);
    for (uint32_t i = 0; i < body->count && !found; i++) {
        for (uint32_t k = 0; k < body->literals[i].body_count && !found; k++) {
            found = rune_dl_has_alternatives(&body->literals[i].bodies[k]);
        }
    }
    return found;
}

void rune_dl_name_braces(struct rune_dl_checker *checker, const struct rune_dl_rule *rule)
{
    struct rune_dl_naming naming = {.checker = checker, .rule = rule};
    size_t count = rule->variable_count;
    if (!rune_dl_has_alternatives(&rule->body)) {
        return;
    }
    if (RUNE_VEC_RESERVE(&naming.uses, count + 1) && RUNE_VEC_RESERVE(&naming.inside, count + 1) &&
        RUNE_VEC_RESERVE(&naming.is_seen, count + 1) &&
        RUNE_VEC_RESERVE(&naming.binders, count + 1)) {
        for (size_t i = 0; i < count; i++) {
            naming.uses.items[i] = rule->variables[i].uses;
        }
        memset(naming.inside.items, 0, count * sizeof(uint32_t));
        memset(naming.is_seen.items, 0, count * sizeof(uint32_t));
        name_all(&naming, &rule->body, NULL);
    } else {
        checker->nomem = true;
    }
    RUNE_VEC_FINI(&naming.uses);
    RUNE_VEC_FINI(&naming.inside);
    RUNE_VEC_FINI(&naming.is_seen);
    RUNE_VEC_FINI(&naming.columns);
    RUNE_VEC_FINI(&naming.sought);
    RUNE_VEC_FINI(&naming.binders);
    RUNE_VEC_FINI(&naming.chosen);
}
