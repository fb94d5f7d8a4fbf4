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
#include "datalog/check_int.h"
#include "datalog/tuples.h"

RUNE_VEC(rune_vec_dl_binder, const struct rune_dl_literal *);

/* A conjunction around the braces. */
struct scope {
    const struct rune_dl_body *body;
    const struct scope *parent;
};

struct naming {
    struct rune_dl_checker *checker;
    const struct rune_dl_rule *rule;   /* its variables are those of one place each, after expand */
    struct rune_vec_u32 uses;          /* by variable: in the rule, as it has become so far */
    struct rune_vec_u32 inside;        /* by variable: how often it stands in the braces counted */
    struct rune_vec_u32 is_seen;       /* by variable: a column, or sought */
    struct rune_vec_u32 columns;       /* of the relation: variables */
    struct rune_vec_u32 sought;        /* variables to be bound from around */
    struct rune_vec_dl_binder binders; /* by variable: what binds it around; NULL: nothing */
    struct rune_vec_dl_binder chosen;  /* of those, what the relation's rule gets */
    const struct rune_dl_body *braces; /* whose alternatives are asked about */
    bool is_ready, is_worth;           /* so far; see ask_known, ask_group */
};

typedef void (*variable_fn)(struct naming *naming, uint32_t variable);

bool rune_dl_is_any(struct rune_str name)
{
    return name.length > 9 && memcmp(name.data, "rune.any.", 9) == 0;
}

/* ---- walking ---- */

static void each_in_expr(struct naming *naming, const struct rune_dl_expr *expr, variable_fn visit)
{
    if (expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) {
        visit(naming, expr->as.variable);
        return;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        each_in_expr(naming, expr->args[i], visit); /* depth: RUNE_DL_MAX_DEPTH */
    }
}

static void each_in_body(struct naming *naming, const struct rune_dl_body *body, variable_fn visit);

/* Not an aggregate's result. */
static void each_in_braces(struct naming *naming, const struct rune_dl_literal *aggregate,
                           variable_fn visit)
{
    if (aggregate->arg_count > 1) {
        each_in_expr(naming, aggregate->args[1], visit);
    }
    each_in_body(naming, &aggregate->bodies[0], visit);
}

static void each_in_body(struct naming *naming, const struct rune_dl_body *body, variable_fn visit)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        for (uint32_t k = 0; k < literal->arg_count; k++) {
            each_in_expr(naming, literal->args[k], visit);
        }
        for (uint32_t k = 0; k < literal->body_count; k++) {
            each_in_body(naming, &literal->bodies[k], visit); /* depth: counted by the parser */
        }
    }
}

static void count_in(struct naming *naming, uint32_t variable)
{
    naming->inside.items[variable]++;
}

static void count_out(struct naming *naming, uint32_t variable)
{
    naming->inside.items[variable]--;
}

/* It stands outside the braces counted, too. */
static bool is_group(const struct naming *naming, uint32_t variable)
{
    return naming->uses.items[variable] > naming->inside.items[variable];
}

static void add_use(struct naming *naming, uint32_t variable)
{
    naming->uses.items[variable]++;
}

static void drop_use(struct naming *naming, uint32_t variable)
{
    naming->uses.items[variable]--;
}

static void push_new(struct naming *naming, struct rune_vec_u32 *list, uint32_t variable)
{
    if (naming->is_seen.items[variable] == 0) {
        naming->is_seen.items[variable] = 1;
        naming->checker->nomem |= !RUNE_VEC_PUSH(list, variable);
    }
}

/* ---- the columns ---- */

static void collect(struct naming *naming, uint32_t variable)
{
    push_new(naming, &naming->columns, variable);
}

static void collect_group(struct naming *naming, uint32_t variable)
{
    if (is_group(naming, variable)) {
        push_new(naming, &naming->columns, variable);
    }
}

/* Braces within the braces keep their own variables. */
static void collect_body(struct naming *naming, const struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        bool has_braces = literal->kind == RUNE_DL_AGGREGATE;
        for (uint32_t k = 0; k < (has_braces ? 1 : literal->arg_count); k++) {
            if (literal->args[k]->kind != RUNE_DL_WILDCARD) { /* of a negation: any value */
                each_in_expr(naming, literal->args[k], collect);
            }
        }
        if (has_braces) {
            each_in_braces(naming, literal, collect_group);
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
            if (literal->args[k]->kind == RUNE_DL_WILDCARD) {
                literal->args[k]->kind = RUNE_DL_VARIABLE;
            }
        }
        for (uint32_t k = 0; literal->kind == RUNE_DL_DISJUNCTION && k < literal->body_count; k++) {
            wildcards_to_variables(&literal->bodies[k]);
        }
    }
}

/* ---- alternatives that only test ---- */

static bool is_positive_atom(const struct rune_dl_literal *literal)
{
    return literal->kind == RUNE_DL_ATOM && !literal->is_negated;
}

/* Do atoms bind the variable, whichever alternatives are taken? */
static bool atoms_bind(const struct rune_dl_body *body, uint32_t variable)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        for (uint32_t k = 0; is_positive_atom(literal) && k < literal->arg_count; k++) {
            if (literal->args[k]->kind == RUNE_DL_VARIABLE &&
                literal->args[k]->as.variable == variable) {
                return true;
            }
        }
        uint32_t binding = 0;
        for (uint32_t k = 0; literal->kind == RUNE_DL_DISJUNCTION && k < literal->body_count; k++) {
            binding += atoms_bind(&literal->bodies[k], variable);
        }
        if (binding > 0 && binding == literal->body_count) {
            return true;
        }
    }
    return false;
}

/* A group that no atom of the braces binds makes it worth while: the relation would need others. */
static void ask_worth(struct naming *naming, uint32_t variable)
{
    naming->is_worth =
        naming->is_worth || (is_group(naming, variable) && !atoms_bind(naming->braces, variable));
}

static void ask_known(struct naming *naming, uint32_t variable)
{
    naming->is_ready =
        naming->is_ready && (is_group(naming, variable) || atoms_bind(naming->braces, variable));
}

/* Is all known that a body has, so that it only tests? */
static void ask_tests(struct naming *naming, const struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count && naming->is_ready; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        bool has_braces = literal->kind == RUNE_DL_AGGREGATE;
        for (uint32_t k = 0; k < (has_braces ? 1 : literal->arg_count); k++) {
            if (literal->args[k]->kind != RUNE_DL_WILDCARD || is_positive_atom(literal)) {
                each_in_expr(naming, literal->args[k], ask_known);
            }
        }
        for (uint32_t k = 0; literal->kind == RUNE_DL_DISJUNCTION && k < literal->body_count; k++) {
            ask_tests(naming, &literal->bodies[k]); /* depth: counted by the parser */
        }
    }
}

/* `0 = count { body }`: there is none. */
static bool make_none(struct naming *naming, const struct rune_dl_body *body, struct rune_span span,
                      struct rune_dl_literal *ret)
{
    struct rune_arena *arena = naming->checker->arena;
    struct rune_dl_expr *none = RUNE_ARENA_NEW(arena, struct rune_dl_expr);
    *ret = (struct rune_dl_literal){.kind = RUNE_DL_AGGREGATE,
                                    .aggregate = RUNE_DL_COUNT,
                                    .span = span,
                                    .arg_count = 1,
                                    .body_count = 1};
    ret->args = RUNE_ARENA_NEW(arena, struct rune_dl_expr *);
    ret->bodies = rune_arena_memdup(arena, body, sizeof(*body));
    if (none == NULL || ret->args == NULL || ret->bodies == NULL) {
        naming->checker->nomem = true;
        return false;
    }
    *none = (struct rune_dl_expr){.kind = RUNE_DL_LONG, .span = span, .depth = 1};
    ret->args[0] = none;
    return true;
}

/* The alternatives become a test that not all of them fail. */
static void make_test(struct naming *naming, struct rune_dl_literal *alternatives)
{
    struct rune_span span = alternatives->span;
    struct rune_dl_body all = {NULL, alternatives->body_count};
    all.literals = RUNE_ARENA_ARRAY(naming->checker->arena, struct rune_dl_literal, all.count);
    bool ok = all.literals != NULL;
    for (uint32_t i = 0; i < all.count && ok; i++) {
        ok = make_none(naming, &alternatives->bodies[i], span, &all.literals[i]);
    }
    naming->checker->nomem = naming->checker->nomem || !ok;
    if (ok) {
        (void)make_none(naming, &all, span, alternatives);
    }
}

static void make_tests(struct naming *naming, struct rune_dl_body *braces)
{
    struct rune_dl_literal none = {.kind = RUNE_DL_DISJUNCTION};
    naming->braces = braces;
    naming->is_worth = false;
    each_in_body(naming, braces, ask_worth);
    for (uint32_t i = 0; i < braces->count && naming->is_worth; i++) {
        struct rune_dl_literal literal = braces->literals[i];
        if (literal.kind != RUNE_DL_DISJUNCTION) {
            continue;
        }
        naming->is_ready = true;
        braces->literals[i] = none; /* what is known without it */
        for (uint32_t k = 0; k < literal.body_count; k++) {
            ask_tests(naming, &literal.bodies[k]);
        }
        braces->literals[i] = literal;
        if (naming->is_ready) {
            make_test(naming, &braces->literals[i]);
        }
    }
}

/* ---- what binds a group ---- */

static void ask_bound(struct naming *naming, uint32_t variable)
{
    naming->is_ready = naming->is_ready && naming->binders.items[variable] != NULL;
}

static void ask_group(struct naming *naming, uint32_t variable)
{
    if (is_group(naming, variable)) {
        ask_bound(naming, variable);
    }
}

static void seek(struct naming *naming, uint32_t variable)
{
    push_new(naming, &naming->sought, variable);
}

static void seek_group(struct naming *naming, uint32_t variable)
{
    if (is_group(naming, variable)) {
        seek(naming, variable);
    }
}

/* What must be known before a literal binds: of braces their groups. */
static void each_needed(struct naming *naming, const struct rune_dl_literal *literal,
                        const struct rune_dl_expr *target, variable_fn visit, variable_fn in_braces)
{
    for (uint32_t k = 0; k < literal->arg_count; k++) {
        const struct rune_dl_expr *arg = literal->args[k];
        bool binds = arg == target || (is_positive_atom(literal) && arg->arg_count == 0);
        if (!binds && literal->kind != RUNE_DL_AGGREGATE) {
            each_in_expr(naming, arg, visit);
        }
    }
    if (literal->kind == RUNE_DL_AGGREGATE) {
        each_in_braces(naming, literal, count_in);
        each_in_braces(naming, literal, in_braces);
        each_in_braces(naming, literal, count_out);
    }
}

static bool bind_target(struct naming *naming, const struct rune_dl_literal *literal,
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

static bool bind_by_computing(struct naming *naming, const struct rune_dl_literal *literal)
{
    bool contains = literal->kind == RUNE_DL_TEST && !literal->is_negated &&
                    literal->function == RUNE_DL_FN_CONTAINS;
    if (literal->kind == RUNE_DL_COMPARE && literal->compare == RUNE_DL_EQ) {
        return bind_target(naming, literal, literal->args[0]) ||
               bind_target(naming, literal, literal->args[1]);
    }
    if (literal->kind == RUNE_DL_AGGREGATE || contains) {
        return bind_target(naming, literal, literal->args[contains ? 1 : 0]);
    }
    return false;
}

enum atoms { NO_HEADS, OTHER_HEADS, ALL_ATOMS };

static void bind_by_atom(struct naming *naming, const struct rune_dl_literal *literal,
                         enum atoms which)
{
    bool is_head = naming->checker->relations.items[literal->relation].is_head;
    bool is_own = literal->relation == naming->rule->head;
    if ((is_head && which == NO_HEADS) || (is_own && which == OTHER_HEADS)) {
        return;
    }
    for (uint32_t k = 0; k < literal->arg_count; k++) {
        const struct rune_dl_expr *arg = literal->args[k];
        if (arg->kind == RUNE_DL_VARIABLE && naming->binders.items[arg->as.variable] == NULL) {
            naming->binders.items[arg->as.variable] = literal;
        }
    }
}

/* A binder of each variable that is bound around the aggregate. */
static void find_binders(struct naming *naming, const struct scope *scope,
                         const struct rune_dl_literal *aggregate)
{
    for (enum atoms which = NO_HEADS; which <= ALL_ATOMS; which++) {
        for (const struct scope *at = scope; at != NULL; at = at->parent) {
            for (uint32_t i = 0; i < at->body->count; i++) {
                if (is_positive_atom(&at->body->literals[i])) {
                    bind_by_atom(naming, &at->body->literals[i], which);
                }
            }
        }
        for (bool more = true; more;) {
            more = false;
            for (const struct scope *at = scope; at != NULL; at = at->parent) {
                for (uint32_t i = 0; i < at->body->count; i++) {
                    const struct rune_dl_literal *literal = &at->body->literals[i];
                    more = (literal != aggregate && bind_by_computing(naming, literal)) || more;
                }
            }
        }
    }
}

/* The literals that bind the columns which the braces' own atoms do not, and what those need. */
static void choose_binders(struct naming *naming, const struct scope *scope,
                           const struct rune_dl_literal *aggregate)
{
    const struct rune_dl_body *braces = &aggregate->bodies[0];
    for (size_t i = 0; i < naming->columns.count; i++) {
        uint32_t variable = naming->columns.items[i];
        if (is_group(naming, variable) && !atoms_bind(braces, variable)) {
            naming->checker->nomem |= !RUNE_VEC_PUSH(&naming->sought, variable);
        }
    }
    if (naming->sought.count == 0 || naming->checker->nomem) {
        return;
    }
    each_in_braces(naming, aggregate, count_out); /* other braces are counted now */
    find_binders(naming, scope, aggregate);
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
    each_in_braces(naming, aggregate, count_in);
}

/* ---- the value ---- */

static bool mentions_expr(const struct rune_dl_expr *expr, uint32_t variable)
{
    bool found = expr->kind == RUNE_DL_VARIABLE && expr->as.variable == variable;
    for (uint32_t i = 0; i < expr->arg_count && !found; i++) {
        found = mentions_expr(expr->args[i], variable); /* depth: RUNE_DL_MAX_DEPTH */
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
            found = mentions_expr(literal->args[k], variable);
        }
        for (uint32_t k = 0; literal->kind == RUNE_DL_DISJUNCTION && k < literal->body_count; k++) {
            with += mentions(&literal->bodies[k], variable);
        }
        found = found || (with > 0 && with == literal->body_count);
    }
    return found;
}

/* An alternative without a variable leaves nothing to compute the value from. */
static void check_value(struct naming *naming, const struct rune_dl_expr *value,
                        const struct rune_dl_body *braces)
{
    if (value->kind == RUNE_DL_VARIABLE && !is_group(naming, value->as.variable) &&
        !mentions(braces, value->as.variable)) {
        rune_dl_check_fail(
            naming->checker, value->span, "RUNE-D0401", "bind it in each alternative",
            "not every alternative binds the variable `%.*s` that this aggregate needs",
            RUNE_STR_ARG(rune_dl_variable_name(&naming->rule->variables[value->as.variable])));
    }
    for (uint32_t i = 0; i < value->arg_count; i++) {
        check_value(naming, value->args[i], braces); /* depth: RUNE_DL_MAX_DEPTH */
    }
}

/* ---- the relation ---- */

/* One argument a column. */
static struct rune_dl_expr **column_args(struct naming *naming, struct rune_span span)
{
    struct rune_arena *arena = naming->checker->arena;
    size_t count = naming->columns.count;
    struct rune_dl_expr **args = RUNE_ARENA_ARRAY(arena, struct rune_dl_expr *, count + 1);
    for (size_t i = 0; args != NULL && i < count; i++) {
        args[i] = RUNE_ARENA_NEW(arena, struct rune_dl_expr);
        if (args[i] == NULL) {
            break;
        }
        *args[i] = (struct rune_dl_expr){.kind = RUNE_DL_VARIABLE, .span = span, .depth = 1};
        args[i]->as.variable = naming->columns.items[i];
    }
    naming->checker->nomem |= rune_arena_failed(arena);
    return args;
}

/* The braces' literals and those chosen from around. */
static struct rune_dl_body relation_body(struct naming *naming, const struct rune_dl_body *braces)
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

static void define(struct naming *naming, struct rune_dl_literal *aggregate)
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

static void name_braces(struct naming *naming, struct rune_dl_literal *aggregate,
                        const struct scope *scope)
{
    struct rune_dl_body braces = aggregate->bodies[0];
    wildcards_to_variables(&braces);
    if (aggregate->arg_count > 1) {
        check_value(naming, aggregate->args[1], &braces);
    }
    collect_body(naming, &braces);
    choose_binders(naming, scope, aggregate);
    if (naming->columns.count > RUNE_DL_MAX_ARITY) {
        naming->checker->limit = true;
        rune_dl_check_fail(naming->checker, aggregate->span, "RUNE-D0904",
                           "give the alternatives a relation of their own",
                           "more than %u variables in braces with alternatives", RUNE_DL_MAX_ARITY);
    } else if (!naming->checker->nomem) {
        define(naming, aggregate);
    }
    memset(naming->is_seen.items, 0, naming->rule->variable_count * sizeof(uint32_t));
    memset(naming->binders.items, 0,
           naming->rule->variable_count * sizeof(naming->binders.items[0]));
    naming->columns.count = 0;
    naming->sought.count = 0;
    naming->chosen.count = 0;
}

static void name_all(struct naming *naming, const struct rune_dl_body *body,
                     const struct scope *parent)
{
    struct scope scope = {body, parent};
    for (uint32_t i = 0; i < body->count && !naming->checker->nomem; i++) {
        struct rune_dl_literal *literal = &body->literals[i];
        if (literal->kind != RUNE_DL_AGGREGATE) {
            continue;
        }
        struct rune_dl_body braces = literal->bodies[0];
        struct rune_dl_literal as_written = *literal;
        as_written.bodies = &braces;
        if (has_alternatives(&braces)) {
            each_in_braces(naming, literal, count_in);
            make_tests(naming, &literal->bodies[0]);
            if (has_alternatives(&literal->bodies[0])) {
                name_braces(naming, literal, &scope);
            }
            each_in_braces(naming, &as_written, count_out);
            each_in_braces(naming, &as_written, drop_use);
            each_in_braces(naming, literal, add_use);
        }
        name_all(naming, &literal->bodies[0], &scope); /* depth: counted by the parser */
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
    struct naming naming = {.checker = checker, .rule = rule};
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
        memset(naming.binders.items, 0, count * sizeof(naming.binders.items[0]));
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
