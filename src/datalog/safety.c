/* SPDX-License-Identifier: Apache-2.0 */
/* safety: is every variable bound where it must be?
 *
 * What binds: a positive atom binds its variables at once. An equality binds a lone variable on one
 * side when all variables of the other are bound; an aggregate binds its result when its group is
 * bound; `S.contains(X)` binds X when S is bound. These wait as tasks, each with the number of
 * variables it still needs; binding a variable counts down the tasks that wait for it, so the whole
 * is linear in the rule. Braces are checked after their surroundings, with what those bound. */
#include "datalog/check_int.h"

#define MAX_REPORTED 64u /* LIMIT: unbound variables reported a clause */

/* By variable. A result that is not bound has a group that is not bound: only that is reported. */
enum { NOT_REPORTED, REPORTED, RESULT };

enum reason { NOT_BOUND, GROUP_NOT_BOUND };

struct task {
    uint32_t waits;  /* occurrences of variables still unbound */
    uint32_t target; /* variable to bind then */
};

struct waiter {
    uint32_t task;
    uint32_t next; /* of the same variable; UINT32_MAX: last */
};

RUNE_VEC(rune_vec_dl_task, struct task);
RUNE_VEC(rune_vec_dl_waiter, struct waiter);

struct rune_dl_safety {
    struct rune_dl_checker *checker;
    const struct rune_dl_rule *rule;
    struct rune_vec_u32 bound;    /* by variable: 1 if bound */
    struct rune_vec_u32 level;    /* by variable: how many braces are around where it belongs */
    struct rune_vec_u32 reported; /* by variable */
    struct rune_vec_u32 waiting;  /* by variable: first waiter */
    struct rune_vec_dl_task tasks;
    struct rune_vec_dl_waiter waiters;
    struct rune_vec_u32 ready;  /* variables to bind */
    struct rune_vec_u32 places; /* offsets reported for the clause, over its branches */
};

struct rune_dl_safety *rune_dl_safety_create(struct rune_dl_checker *checker)
{
    struct rune_dl_safety *safety = rune_calloc(1, sizeof(*safety));
    if (safety != NULL) {
        safety->checker = checker;
    } else {
        checker->nomem = true;
    }
    return safety;
}

void rune_dl_safety_destroy(struct rune_dl_safety *safety)
{
    if (safety == NULL) {
        return;
    }
    RUNE_VEC_FINI(&safety->bound);
    RUNE_VEC_FINI(&safety->level);
    RUNE_VEC_FINI(&safety->reported);
    RUNE_VEC_FINI(&safety->waiting);
    RUNE_VEC_FINI(&safety->tasks);
    RUNE_VEC_FINI(&safety->waiters);
    RUNE_VEC_FINI(&safety->ready);
    RUNE_VEC_FINI(&safety->places);
    rune_free(safety);
}

/* ---- binding ---- */

static void bind(struct rune_dl_safety *safety, uint32_t variable)
{
    if (safety->bound.items[variable] == 0) {
        safety->bound.items[variable] = 1;
        safety->checker->nomem |= !RUNE_VEC_PUSH(&safety->ready, variable);
    }
}

static void run_ready(struct rune_dl_safety *safety)
{
    while (safety->ready.count > 0 && !safety->checker->nomem) {
        uint32_t variable = safety->ready.items[--safety->ready.count];
        for (uint32_t at = safety->waiting.items[variable]; at != UINT32_MAX;
             at = safety->waiters.items[at].next) {
            struct task *task = &safety->tasks.items[safety->waiters.items[at].task];
            if (--task->waits == 0) {
                bind(safety, task->target);
            }
        }
        safety->waiting.items[variable] = UINT32_MAX;
    }
}

static void wait_for_variable(struct rune_dl_safety *safety, uint32_t variable, uint32_t task)
{
    if (safety->bound.items[variable] != 0) {
        return;
    }
    struct waiter waiter = {task, safety->waiting.items[variable]};
    safety->tasks.items[task].waits++;
    safety->waiting.items[variable] = (uint32_t)safety->waiters.count;
    safety->checker->nomem |= !RUNE_VEC_PUSH(&safety->waiters, waiter);
}

static void wait_for_expr(struct rune_dl_safety *safety, const struct rune_dl_expr *expr,
                          uint32_t task)
{
    if (expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) {
        wait_for_variable(safety, expr->as.variable, task);
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        wait_for_expr(safety, &expr->args[i], task);
    }
}

static void set_level(struct rune_dl_safety *safety, const struct rune_dl_expr *expr,
                      uint32_t level)
{
    if ((expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) &&
        level < safety->level.items[expr->as.variable]) {
        safety->level.items[expr->as.variable] = level;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        set_level(safety, &expr->args[i], level);
    }
}

/* After expand, a variable belongs to the outermost place where it stands. */
static void set_levels(struct rune_dl_safety *safety, const struct rune_dl_body *body,
                       uint32_t level)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        bool braces = literal->kind == RUNE_DL_AGGREGATE;
        for (uint32_t k = 0; k < literal->arg_count; k++) {
            set_level(safety, &literal->args[k], level + (braces && k > 0 ? 1 : 0));
        }
        for (uint32_t k = 0; k < literal->body_count; k++) {
            set_levels(safety, &literal->bodies[k], level + 1); /* depth: counted by the parser */
        }
    }
}

/* The group of braces at `level`: variables inside that belong further out. */
static void wait_for_group(struct rune_dl_safety *safety, const struct rune_dl_expr *expr,
                           uint32_t level, uint32_t task)
{
    if ((expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) &&
        safety->level.items[expr->as.variable] < level) {
        wait_for_variable(safety, expr->as.variable, task);
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        wait_for_group(safety, &expr->args[i], level, task);
    }
}

static void wait_for_braces(struct rune_dl_safety *safety, const struct rune_dl_body *body,
                            uint32_t level, uint32_t task)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        for (uint32_t k = 0; k < literal->arg_count; k++) {
            wait_for_group(safety, &literal->args[k], level, task);
        }
        for (uint32_t k = 0; k < literal->body_count; k++) {
            /* depth: counted by the parser */
            wait_for_braces(safety, &literal->bodies[k], level, task);
        }
    }
}

/* A new task for `target`; UINT32_MAX when memory is out. */
static uint32_t add_task(struct rune_dl_safety *safety, const struct rune_dl_expr *target)
{
    struct task task = {0, target->as.variable};
    if (!RUNE_VEC_PUSH(&safety->tasks, task)) {
        safety->checker->nomem = true;
        return UINT32_MAX;
    }
    return (uint32_t)safety->tasks.count - 1;
}

static void start_task(struct rune_dl_safety *safety, uint32_t task)
{
    if (task != UINT32_MAX && safety->tasks.items[task].waits == 0) {
        bind(safety, safety->tasks.items[task].target);
    }
}

static void bind_when(struct rune_dl_safety *safety, const struct rune_dl_expr *target,
                      const struct rune_dl_expr *needs)
{
    if (target->kind != RUNE_DL_VARIABLE || safety->bound.items[target->as.variable] != 0) {
        return;
    }
    uint32_t task = add_task(safety, target);
    if (task != UINT32_MAX) {
        wait_for_expr(safety, needs, task);
        start_task(safety, task);
    }
}

static void bind_literal(struct rune_dl_safety *safety, const struct rune_dl_literal *literal,
                         uint32_t level)
{
    uint32_t task;
    switch (literal->kind) {
    case RUNE_DL_ATOM:
        for (uint32_t i = 0; !literal->is_negated && i < literal->arg_count; i++) {
            if (literal->args[i].kind == RUNE_DL_VARIABLE) {
                bind(safety, literal->args[i].as.variable);
            }
        }
        break;
    case RUNE_DL_COMPARE:
        if (literal->compare == RUNE_DL_EQ) {
            bind_when(safety, &literal->args[0], &literal->args[1]);
            bind_when(safety, &literal->args[1], &literal->args[0]);
        }
        break;
    case RUNE_DL_TEST:
        if (literal->function == RUNE_DL_FN_CONTAINS && !literal->is_negated) {
            bind_when(safety, &literal->args[1], &literal->args[0]);
        }
        break;
    case RUNE_DL_AGGREGATE:
        if (literal->args[0].kind == RUNE_DL_VARIABLE &&
            (task = add_task(safety, &literal->args[0])) != UINT32_MAX) {
            if (literal->arg_count > 1) {
                wait_for_group(safety, &literal->args[1], level + 1, task);
            }
            wait_for_braces(safety, &literal->bodies[0], level + 1, task);
            safety->reported.items[literal->args[0].as.variable] = RESULT;
            start_task(safety, task);
        }
        break;
    case RUNE_DL_IN:
    case RUNE_DL_IS:
    case RUNE_DL_DISJUNCTION:
        break;
    }
}

/* ---- needing ---- */

static bool was_reported(struct rune_dl_safety *safety, uint32_t offset)
{
    if (safety->places.count > MAX_REPORTED) {
        return true;
    }
    for (size_t i = 0; i < safety->places.count; i++) {
        if (safety->places.items[i] == offset) {
            return true;
        }
    }
    safety->checker->nomem |= !RUNE_VEC_PUSH(&safety->places, offset);
    return safety->places.count > MAX_REPORTED;
}

static void report(struct rune_dl_safety *safety, const struct rune_dl_expr *expr,
                   enum reason reason, const char *where)
{
    const struct rune_dl_variable *variable = &safety->rule->variables[expr->as.variable];
    uint32_t state = safety->reported.items[expr->as.variable];
    if (state == REPORTED || (state == RESULT && reason == NOT_BOUND)) {
        return;
    }
    safety->reported.items[expr->as.variable] = REPORTED;
    safety->checker->errors++; /* also where another branch has said it */
    if (was_reported(safety, variable->first.offset)) {
        return;
    }
    safety->checker->errors--;
    struct rune_span span = rune_dl_check_span(safety->checker, expr);
    if (expr->kind == RUNE_DL_WILDCARD) {
        rune_dl_check_fail(safety->checker, span, "RUNE-D0401",
                           "name it, and bind it by an atom of the body",
                           "`_` stands for any value, but here is one that %s", where);
        return;
    }
    rune_dl_check_fail(
        safety->checker, span, "RUNE-D0401",
        "bind it by a positive atom, like `p(X)`, or by `X = ...`; arithmetic is not inverted",
        "nothing binds the variable `%.*s` that %s", RUNE_STR_ARG(rune_dl_variable_name(variable)),
        where);
}

static void need_expr(struct rune_dl_safety *safety, const struct rune_dl_expr *expr,
                      const char *where)
{
    if ((expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) &&
        safety->bound.items[expr->as.variable] == 0) {
        report(safety, expr, NOT_BOUND, where);
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        need_expr(safety, &expr->args[i], where);
    }
}

static void need_group(struct rune_dl_safety *safety, const struct rune_dl_expr *expr,
                       uint32_t level)
{
    if (expr->kind == RUNE_DL_VARIABLE && safety->level.items[expr->as.variable] < level &&
        safety->bound.items[expr->as.variable] == 0) {
        report(safety, expr, GROUP_NOT_BOUND, "this aggregate groups by");
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        need_group(safety, &expr->args[i], level);
    }
}

static void need_groups(struct rune_dl_safety *safety, const struct rune_dl_body *body,
                        uint32_t level)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        for (uint32_t k = 0; k < literal->arg_count; k++) {
            need_group(safety, &literal->args[k], level);
        }
        for (uint32_t k = 0; k < literal->body_count; k++) {
            need_groups(safety, &literal->bodies[k], level); /* depth: counted by the parser */
        }
    }
}

static void check_body(struct rune_dl_safety *safety, const struct rune_dl_body *body,
                       uint32_t level);

static void need_literal(struct rune_dl_safety *safety, const struct rune_dl_literal *literal,
                         uint32_t level)
{
    switch (literal->kind) {
    case RUNE_DL_ATOM:
        for (uint32_t i = 0; i < literal->arg_count; i++) {
            const struct rune_dl_expr *arg = &literal->args[i];
            if (literal->is_negated && arg->kind == RUNE_DL_VARIABLE) {
                need_expr(safety, arg, "this negation needs");
            } else if (arg->arg_count > 0) {
                need_expr(safety, arg, "this expression needs");
            }
        }
        break;
    case RUNE_DL_AGGREGATE:
        /* A group that nothing binds is that rule's mistake, not one of the braces. */
        if (literal->arg_count > 1) {
            need_group(safety, &literal->args[1], level + 1);
        }
        need_groups(safety, &literal->bodies[0], level + 1);
        check_body(safety, &literal->bodies[0], level + 1);
        if (literal->arg_count > 1) {
            need_expr(safety, &literal->args[1], "this aggregate needs");
        }
        need_expr(safety, &literal->args[0], "the result of this aggregate needs");
        break;
    case RUNE_DL_COMPARE:
        need_expr(safety, &literal->args[0], "this comparison needs");
        need_expr(safety, &literal->args[1], "this comparison needs");
        break;
    case RUNE_DL_IN:
    case RUNE_DL_IS:
    case RUNE_DL_TEST:
        for (uint32_t i = 0; i < literal->arg_count; i++) {
            need_expr(safety, &literal->args[i], "this test needs");
        }
        break;
    case RUNE_DL_DISJUNCTION:
        break; /* none is left */
    }
}

static void check_body(struct rune_dl_safety *safety, const struct rune_dl_body *body,
                       uint32_t level)
{
    for (uint32_t i = 0; i < body->count && !safety->checker->nomem; i++) {
        bind_literal(safety, &body->literals[i], level);
        run_ready(safety);
    }
    for (uint32_t i = 0; i < body->count && !safety->checker->nomem; i++) {
        need_literal(safety, &body->literals[i], level);
    }
}

static bool has_braces(const struct rune_dl_body *body)
{
    uint32_t i = 0;
    while (i < body->count && body->literals[i].kind != RUNE_DL_AGGREGATE) {
        i++;
    }
    return i < body->count;
}

/* The variables that an atom gives values, and those that need none there, as bits. */
static uint64_t given_by(const struct rune_dl_literal *atom)
{
    uint64_t given = 0;
    for (uint32_t i = 0; i < atom->arg_count; i++) {
        const struct rune_dl_expr *arg = &atom->args[i];
        if (arg->kind == RUNE_DL_WILDCARD || (arg->kind == RUNE_DL_VARIABLE && !atom->is_negated)) {
            given |= (uint64_t)1 << arg->as.variable;
        }
    }
    return given;
}

/* Whether atoms alone give all variables values, as in most rules: then nothing waits for anything.
 */
static bool is_plain(const struct rune_dl_rule *rule)
{
    if (rule->variable_count >= 64 || has_braces(&rule->body)) {
        return false;
    }
    uint64_t given = 0;
    for (uint32_t i = 0; i < rule->body.count; i++) {
        const struct rune_dl_literal *literal = &rule->body.literals[i];
        given |= literal->kind == RUNE_DL_ATOM ? given_by(literal) : 0;
    }
    return given == ((uint64_t)1 << rule->variable_count) - 1;
}

static bool prepare(struct rune_dl_safety *safety, const struct rune_dl_rule *rule)
{
    size_t count = rule->variable_count;
    if (!RUNE_VEC_RESERVE(&safety->bound, count) || !RUNE_VEC_RESERVE(&safety->reported, count) ||
        !RUNE_VEC_RESERVE(&safety->level, count) || !RUNE_VEC_RESERVE(&safety->waiting, count)) {
        safety->checker->nomem = true;
        return false;
    }
    if (count > 0) {
        memset(safety->bound.items, 0, count * sizeof(uint32_t));
        memset(safety->reported.items, 0, count * sizeof(uint32_t));
        memset(safety->waiting.items, 0xff, count * sizeof(uint32_t));
        memset(safety->level.items, 0xff, count * sizeof(uint32_t));
    }
    if (has_braces(&rule->body)) { /* only they ask for levels */
        for (uint32_t i = 0; i < rule->arg_count; i++) {
            set_level(safety, &rule->args[i], 0);
        }
        set_levels(safety, &rule->body, 0);
    }
    safety->rule = rule;
    safety->tasks.count = 0;
    safety->waiters.count = 0;
    safety->ready.count = 0;
    return true;
}

void rune_dl_safety_check(struct rune_dl_safety *safety, const struct rune_dl_rule *rule)
{
    if (rule->branch == 0) {
        safety->places.count = 0;
    }
    if (is_plain(rule) || !prepare(safety, rule)) {
        return;
    }
    for (uint32_t i = 0; i < rule->body.count && !safety->checker->nomem; i++) {
        bind_literal(safety, &rule->body.literals[i], 0);
        run_ready(safety);
    }
    bool is_any = rune_dl_is_any(rule->head_name); /* its head is not written anywhere */
    for (uint32_t i = 0; !is_any && i < rule->arg_count; i++) {
        need_expr(safety, &rule->args[i], "the head needs");
    }
    for (uint32_t i = 0; i < rule->body.count && !safety->checker->nomem; i++) {
        need_literal(safety, &rule->body.literals[i], 0);
    }
    for (uint32_t i = 0; is_any && i < rule->arg_count; i++) {
        need_expr(safety, &rule->args[i], "these alternatives need");
    }
}
