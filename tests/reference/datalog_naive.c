/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/datalog_naive.h"

#include <math.h>
#include <string.h>

#define TURNS_A_TUPLE 2000u

struct naive {
    const struct rune_dl_program *program;
    struct rune_arena *arena;
    struct naive_relation *relations;
    uint32_t max_tuples;
    uint64_t steps_left; /* tuples looked at */
    bool over;
    bool changed;
};

/* The values of a rule's variables; NULL: free. */
struct env {
    const struct rune_dl_rule *rule;
    const struct naive_value **values;
};

typedef void (*found_fn)(struct naive *naive, struct env *env, void *context);

int naive_compare(const struct naive_value *a, const struct naive_value *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    switch (a->kind) {
    case NAIVE_LONG:
        return (a->integer > b->integer) - (a->integer < b->integer);
    case NAIVE_FLOAT:
        return (a->floating > b->floating) - (a->floating < b->floating);
    default:
        return rune_str_compare(a->string, b->string);
    }
}

static bool add_tuple(struct naive *naive, struct naive_relation *relation,
                      const struct naive_value *tuple)
{
    for (uint32_t i = 0; i < relation->count; i++) {
        uint32_t same = 0;
        while (same < relation->arity &&
               naive_compare(&relation->tuples[i * relation->arity + same], &tuple[same]) == 0) {
            same++;
        }
        if (same == relation->arity) {
            return false;
        }
    }
    if (relation->count >= naive->max_tuples) {
        naive->over = true;
        return false;
    }
    if (relation->count == relation->capacity) {
        uint32_t capacity = relation->capacity == 0 ? 16 : relation->capacity * 2;
        struct naive_value *tuples = RUNE_ARENA_ARRAY(naive->arena, struct naive_value,
                                                      (size_t)capacity * relation->arity + 1);
        if (tuples == NULL) {
            naive->over = true;
            return false;
        }
        if (relation->count > 0) {
            memcpy(tuples, relation->tuples,
                   (size_t)relation->count * relation->arity * sizeof(*tuples));
        }
        relation->tuples = tuples;
        relation->capacity = capacity;
    }
    if (relation->arity > 0) {
        memcpy(relation->tuples + (size_t)relation->count * relation->arity, tuple,
               relation->arity * sizeof(*tuple));
    }
    relation->count++;
    naive->changed = true;
    return true;
}

/* ---- expressions ---- */

static bool is_variable(const struct rune_dl_expr *expr)
{
    return expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD;
}

static bool is_bound(const struct env *env, const struct rune_dl_expr *expr)
{
    if (is_variable(expr)) {
        return env->values[expr->as.variable] != NULL;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (!is_bound(env, &expr->args[i])) {
            return false;
        }
    }
    return true;
}

static double to_double(const struct naive_value *value)
{
    return value->kind == NAIVE_LONG ? (double)value->integer : value->floating;
}

static bool compute_floats(enum rune_dl_expr_kind op, double x, double y, struct naive_value *ret)
{
    double value = op == RUNE_DL_NEG   ? -x
                   : op == RUNE_DL_ADD ? x + y
                   : op == RUNE_DL_SUB ? x - y
                   : op == RUNE_DL_MUL ? x * y
                                       : x / y;
    *ret = (struct naive_value){.kind = NAIVE_FLOAT, .floating = value};
    return op != RUNE_DL_MOD && !(op == RUNE_DL_DIV && y == 0) && isfinite(value);
}

/* Whether `<` has a meaning; integers and floats compare as numbers. */
static bool are_ordered(const struct naive_value *a, const struct naive_value *b)
{
    return (a->kind == NAIVE_STRING) == (b->kind == NAIVE_STRING);
}

static int order_of(const struct naive_value *a, const struct naive_value *b)
{
    if (a->kind == b->kind) {
        return naive_compare(a, b);
    }
    return (to_double(a) > to_double(b)) - (to_double(a) < to_double(b));
}

/* False: an error of the derivation. */
static bool compute(const struct env *env, const struct rune_dl_expr *expr, struct naive_value *ret)
{
    struct naive_value a, b = {NAIVE_LONG, 0, 0, {0}};
    *ret = b;
    switch (expr->kind) {
    case RUNE_DL_VARIABLE:
    case RUNE_DL_WILDCARD:
        *ret = *env->values[expr->as.variable];
        return true;
    case RUNE_DL_LONG:
        ret->integer = expr->as.integer;
        return true;
    case RUNE_DL_FLOAT:
        *ret = (struct naive_value){.kind = NAIVE_FLOAT, .floating = expr->as.floating};
        return true;
    case RUNE_DL_STRING:
        ret->kind = NAIVE_STRING;
        ret->string = expr->as.string;
        return true;
    default:
        break;
    }
    if (!compute(env, &expr->args[0], &a) ||
        (expr->arg_count > 1 && !compute(env, &expr->args[1], &b)) || a.kind == NAIVE_STRING ||
        b.kind == NAIVE_STRING) {
        return false;
    }
    if (a.kind == NAIVE_FLOAT || b.kind == NAIVE_FLOAT) {
        return compute_floats(expr->kind, to_double(&a), to_double(&b), ret);
    }
    __int128 x = a.integer, y = b.integer, result;
    switch (expr->kind) {
    case RUNE_DL_NEG:
        result = -x;
        break;
    case RUNE_DL_ADD:
        result = x + y;
        break;
    case RUNE_DL_SUB:
        result = x - y;
        break;
    case RUNE_DL_MUL:
        result = x * y;
        break;
    default:
        if (y == 0) {
            return false;
        }
        result = expr->kind == RUNE_DL_DIV ? x / y : x % y;
        break;
    }
    ret->integer = (int64_t)result;
    return result >= INT64_MIN && result <= INT64_MAX;
}

/* ---- literals ---- */

static bool is_ready(const struct env *env, const struct rune_dl_literal *literal);

/* Variables inside braces that are not the braces' own. */
static bool group_is_bound(const struct env *env, const struct rune_dl_expr *expr)
{
    if (is_variable(expr)) {
        return env->rule->variables[expr->as.variable].is_local || expr->kind == RUNE_DL_WILDCARD ||
               env->values[expr->as.variable] != NULL;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (!group_is_bound(env, &expr->args[i])) {
            return false;
        }
    }
    return true;
}

static bool body_group_is_bound(const struct env *env, const struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count; i++) {
        for (uint32_t a = 0; a < body->literals[i].arg_count; a++) {
            if (!group_is_bound(env, &body->literals[i].args[a])) {
                return false;
            }
        }
        for (uint32_t b = 0; b < body->literals[i].body_count; b++) {
            if (!body_group_is_bound(env, &body->literals[i].bodies[b])) {
                return false;
            }
        }
    }
    return true;
}

static bool is_ready(const struct env *env, const struct rune_dl_literal *literal)
{
    if (literal->kind == RUNE_DL_AGGREGATE) {
        return body_group_is_bound(env, &literal->bodies[0]) &&
               (literal->arg_count == 1 || group_is_bound(env, &literal->args[1]));
    }
    if (literal->kind == RUNE_DL_COMPARE) {
        bool left = is_bound(env, &literal->args[0]), right = is_bound(env, &literal->args[1]);
        return (left && right) ||
               (literal->compare == RUNE_DL_EQ && ((left && is_variable(&literal->args[1])) ||
                                                   (right && is_variable(&literal->args[0]))));
    }
    for (uint32_t i = 0; i < literal->arg_count; i++) {
        const struct rune_dl_expr *arg = &literal->args[i];
        bool may_be_free = literal->is_negated ? arg->kind == RUNE_DL_WILDCARD : is_variable(arg);
        if (!may_be_free && !is_bound(env, arg)) {
            return false;
        }
    }
    return true;
}

static void solve(struct naive *naive, struct env *env, const struct rune_dl_body *body,
                  uint64_t done, found_fn found, void *context);

/* Unifies a tuple with an atom's arguments; variables it binds are noted in `bound`. */
static bool unify(struct env *env, const struct rune_dl_literal *literal,
                  const struct naive_value *tuple, uint32_t *bound, uint32_t *bound_count)
{
    for (uint32_t i = 0; i < literal->arg_count; i++) {
        const struct rune_dl_expr *arg = &literal->args[i];
        struct naive_value value;
        if (is_variable(arg) && env->values[arg->as.variable] == NULL) {
            env->values[arg->as.variable] = &tuple[i];
            bound[(*bound_count)++] = arg->as.variable;
        } else if (!compute(env, arg, &value) || naive_compare(&value, &tuple[i]) != 0) {
            return false;
        }
    }
    return true;
}

static void solve_atom(struct naive *naive, struct env *env, const struct rune_dl_body *body,
                       const struct rune_dl_literal *literal, uint64_t done, found_fn found,
                       void *context)
{
    struct naive_relation *relation = &naive->relations[literal->relation];
    bool any = false;
    uint32_t count = relation->count;
    for (uint32_t t = 0; t < count && !naive->over; t++) {
        naive->over = naive->steps_left-- == 0;
        /* The relation may grow, and move, while its own rule runs: a copy stays. */
        struct naive_value tuple[64];
        uint32_t bound[64], bound_count = 0;
        if (relation->arity > 0) {
            memcpy(tuple, relation->tuples + (size_t)t * relation->arity,
                   relation->arity * sizeof(tuple[0]));
        }
        bool matches = unify(env, literal, tuple, bound, &bound_count);
        any = any || matches;
        if (matches && !literal->is_negated) {
            solve(naive, env, body, done, found, context);
        }
        while (bound_count > 0) {
            env->values[bound[--bound_count]] = NULL;
        }
    }
    if (literal->is_negated && !any) {
        bool errs = false;
        for (uint32_t i = 0; i < literal->arg_count; i++) {
            struct naive_value value;
            errs = errs ||
                   (is_bound(env, &literal->args[i]) && !compute(env, &literal->args[i], &value));
        }
        if (!errs) {
            solve(naive, env, body, done, found, context);
        }
    }
}

/* Binds a variable for the rest of the body, or compares. */
static void solve_equal(struct naive *naive, struct env *env, const struct rune_dl_body *body,
                        const struct rune_dl_expr *target, const struct naive_value *value,
                        uint64_t done, found_fn found, void *context)
{
    if (is_variable(target) && env->values[target->as.variable] == NULL) {
        env->values[target->as.variable] = value;
        solve(naive, env, body, done, found, context);
        env->values[target->as.variable] = NULL;
        return;
    }
    struct naive_value other;
    if (compute(env, target, &other) && naive_compare(&other, value) == 0) {
        solve(naive, env, body, done, found, context);
    }
}

static void solve_compare(struct naive *naive, struct env *env, const struct rune_dl_body *body,
                          const struct rune_dl_literal *literal, uint64_t done, found_fn found,
                          void *context)
{
    struct naive_value a, b;
    if (literal->compare == RUNE_DL_EQ) {
        bool left = is_bound(env, &literal->args[0]);
        if (compute(env, &literal->args[left ? 0 : 1], &a)) {
            solve_equal(naive, env, body, &literal->args[left ? 1 : 0], &a, done, found, context);
        }
        return;
    }
    if (!compute(env, &literal->args[0], &a) || !compute(env, &literal->args[1], &b)) {
        return;
    }
    int order = order_of(&a, &b);
    bool holds = literal->compare == RUNE_DL_NE   ? naive_compare(&a, &b) != 0
                 : !are_ordered(&a, &b)           ? false
                 : literal->compare == RUNE_DL_LT ? order < 0
                 : literal->compare == RUNE_DL_LE ? order <= 0
                 : literal->compare == RUNE_DL_GT ? order > 0
                                                  : order >= 0;
    if (holds) {
        solve(naive, env, body, done, found, context);
    }
}

/* ---- aggregates ---- */

struct fold {
    const struct rune_dl_literal *literal;
    struct naive_relation bindings; /* one column a variable of the rule, then the value */
};

static void fold_found(struct naive *naive, struct env *env, void *context)
{
    struct fold *fold = context;
    uint32_t count = env->rule->variable_count;
    struct naive_value *row = RUNE_ARENA_ARRAY(naive->arena, struct naive_value, count + 1);
    if (row == NULL) {
        naive->over = true;
        return;
    }
    for (uint32_t v = 0; v < count; v++) {
        if (env->values[v] != NULL) {
            row[v] = *env->values[v];
        }
    }
    if (fold->literal->arg_count > 1 && !compute(env, &fold->literal->args[1], &row[count])) {
        return; /* an instance that errs is none */
    }
    bool changed = naive->changed;
    (void)add_tuple(naive, &fold->bindings, row);
    naive->changed = changed;
}

/* What is added up depends on the order as soon as it is rounded: nobody's answer then. */
static bool sum_floats(struct naive *naive, const struct naive_relation *rows, double *ret)
{
    double forth = 0, back = 0;
    bool has_float = false;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct naive_value *value = &rows->tuples[(i + 1) * rows->arity - 1];
        forth += to_double(value);
        back += to_double(&rows->tuples[(rows->count - i) * rows->arity - 1]);
        has_float = has_float || value->kind == NAIVE_FLOAT;
    }
    naive->over = naive->over || (has_float && forth != back);
    *ret = forth;
    return has_float;
}

static bool fold_value(struct naive *naive, const struct fold *fold, struct naive_value *ret)
{
    const struct naive_relation *rows = &fold->bindings;
    __int128 sum = 0;
    double float_sum;
    *ret = (struct naive_value){.kind = NAIVE_LONG, .integer = rows->count};
    if (fold->literal->aggregate == RUNE_DL_COUNT) {
        return true;
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct naive_value *value = &rows->tuples[i * rows->arity + rows->arity - 1];
        bool sums =
            fold->literal->aggregate == RUNE_DL_SUM || fold->literal->aggregate == RUNE_DL_MEAN;
        if (sums) {
            if (value->kind == NAIVE_STRING) {
                return false;
            }
            sum += value->kind == NAIVE_LONG ? value->integer : 0;
            continue;
        }
        if (i > 0 && !are_ordered(value, ret)) {
            return false;
        }
        /* Of 1 and 1.0, the integer. */
        int order = i == 0 ? 0 : order_of(value, ret);
        if (order == 0 && i > 0 && value->kind == NAIVE_LONG) {
            *ret = *value;
        }
        if (i == 0 || (fold->literal->aggregate == RUNE_DL_MIN ? order < 0 : order > 0)) {
            *ret = *value;
        }
    }
    bool has_float = fold->literal->aggregate != RUNE_DL_MIN &&
                     fold->literal->aggregate != RUNE_DL_MAX && sum_floats(naive, rows, &float_sum);
    if (fold->literal->aggregate == RUNE_DL_SUM && has_float) {
        *ret = (struct naive_value){.kind = NAIVE_FLOAT, .floating = float_sum};
        return isfinite(float_sum);
    }
    if (fold->literal->aggregate == RUNE_DL_SUM) {
        ret->integer = (int64_t)sum;
        return sum >= INT64_MIN && sum <= INT64_MAX;
    }
    if (fold->literal->aggregate == RUNE_DL_MEAN && rows->count > 0) {
        *ret = (struct naive_value){
            .kind = NAIVE_FLOAT, .floating = (has_float ? float_sum : (double)sum) / rows->count};
    }
    return rows->count > 0;
}

static void solve_aggregate(struct naive *naive, struct env *env, const struct rune_dl_body *body,
                            const struct rune_dl_literal *literal, uint64_t done, found_fn found,
                            void *context)
{
    struct fold fold = {.literal = literal};
    fold.bindings.arity = env->rule->variable_count + 1;
    /* What is bound outside is the group; braces' own variables start free. */
    solve(naive, env, &literal->bodies[0], 0, fold_found, &fold);
    struct naive_value value;
    if (fold_value(naive, &fold, &value)) {
        solve_equal(naive, env, body, &literal->args[0], &value, done, found, context);
    }
}

static void solve(struct naive *naive, struct env *env, const struct rune_dl_body *body,
                  uint64_t done, found_fn found, void *context)
{
    if (done == (UINT64_C(1) << body->count) - 1) {
        found(naive, env, context);
        return;
    }
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        if ((done >> i & 1) != 0 || !is_ready(env, literal)) {
            continue;
        }
        uint64_t next = done | UINT64_C(1) << i;
        if (literal->kind == RUNE_DL_ATOM) {
            solve_atom(naive, env, body, literal, next, found, context);
        } else if (literal->kind == RUNE_DL_COMPARE) {
            solve_compare(naive, env, body, literal, next, found, context);
        } else {
            solve_aggregate(naive, env, body, literal, next, found, context);
        }
        return;
    }
    naive->over = true; /* unsafe: the checker should have refused it */
}

/* ---- rules ---- */

static void rule_found(struct naive *naive, struct env *env, void *context)
{
    (void)context;
    struct naive_value tuple[64];
    for (uint32_t i = 0; i < env->rule->arg_count; i++) {
        if (!compute(env, &env->rule->args[i], &tuple[i])) {
            return;
        }
    }
    (void)add_tuple(naive, &naive->relations[env->rule->head], tuple);
}

static void run_rule(struct naive *naive, const struct rune_dl_rule *rule)
{
    struct env env = {.rule = rule};
    env.values =
        RUNE_ARENA_ARRAY(naive->arena, const struct naive_value *, rule->variable_count + 1);
    if (env.values == NULL) {
        naive->over = true;
        return;
    }
    solve(naive, &env, &rule->body, 0, rule_found, NULL);
}

bool naive_evaluate(const struct rune_dl_program *program, uint32_t max_tuples,
                    struct rune_arena *arena, struct naive_relation **ret_relations)
{
    struct naive naive = {.program = program,
                          .arena = arena,
                          .max_tuples = max_tuples,
                          .steps_left = (uint64_t)max_tuples * TURNS_A_TUPLE};
    naive.relations = RUNE_ARENA_ARRAY(arena, struct naive_relation, program->relation_count + 1);
    if (naive.relations == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < program->relation_count; i++) {
        naive.relations[i].arity = program->relations[i].arity;
    }
    for (uint32_t i = 0; i < program->fact_count; i++) {
        run_rule(&naive, program->facts[i]);
    }
    for (uint32_t c = 0; c < program->component_count && !naive.over; c++) {
        do {
            naive.changed = false;
            for (uint32_t r = 0; r < program->rule_count && !naive.over; r++) {
                if (program->relations[program->rules[r].head].component == c) {
                    run_rule(&naive, &program->rules[r]);
                }
            }
        } while (naive.changed && !naive.over);
    }
    *ret_relations = naive.relations;
    return !naive.over;
}
