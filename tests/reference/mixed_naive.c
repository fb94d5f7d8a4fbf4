/* SPDX-License-Identifier: Apache-2.0 */
/* mixed_naive: rules over the worlds' own trees, every rule against every tuple until nothing
 * changes. A literal is taken as soon as its variables are known, atoms in the order of the text.
 */
#include <math.h>
#include <string.h>

#include "reference/mixed.h"

enum { MAX_ROWS = 1200, MAX_STEPS = 3000000 };

struct naive {
    const struct mixed_world *world;
    struct mixed_answers *answers;
    struct rune_arena *arena;
    uint64_t steps_left;
    bool changed;
};

struct env {
    const struct mixed_rule *rule;
    struct mixed_value values[MIXED_MAX_VARS];
    bool bound[MIXED_MAX_VARS];
};

/* Literals that are still to be proved. */
struct todo {
    const struct mixed_literal *items[MIXED_MAX_LITERALS * 2];
    uint32_t count;
};

typedef void (*found_fn)(struct naive *naive, struct env *env, void *context);

static void solve(struct naive *naive, struct env *env, const struct todo *todo, found_fn found,
                  void *context);

/* ---- rows ---- */

static bool same_row(const struct mixed_value *a, const struct mixed_value *b, uint32_t arity)
{
    for (uint32_t i = 0; i < arity; i++) {
        if (!mixed_equal(&a[i], &b[i])) {
            return false;
        }
    }
    return true;
}

static void add_row(struct naive *naive, struct mixed_rows *rows, const struct mixed_value *row,
                    uint32_t arity)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        if (same_row(rows->cells + (size_t)i * MIXED_MAX_ARITY, row, arity)) {
            return;
        }
    }
    if (rows->count == rows->capacity) {
        uint32_t capacity = rows->capacity == 0 ? 8 : rows->capacity * 2;
        struct mixed_value *cells =
            RUNE_ARENA_ARRAY(naive->arena, struct mixed_value, (size_t)capacity * MIXED_MAX_ARITY);
        if (cells == NULL || rows->count >= MAX_ROWS) {
            naive->answers->is_over = true;
            return;
        }
        if (rows->count > 0) {
            memcpy(cells, rows->cells, sizeof(*cells) * MIXED_MAX_ARITY * rows->count);
        }
        rows->cells = cells;
        rows->capacity = capacity;
    }
    memcpy(rows->cells + (size_t)rows->count++ * MIXED_MAX_ARITY, row, sizeof(*row) * arity);
    naive->changed = true;
}

/* ---- expressions ---- */

static bool is_bound(const struct env *env, const struct mixed_expr *expr)
{
    return expr == NULL || expr->op == MIXED_CONST || expr->op == MIXED_LIST ||
           (expr->op == MIXED_VAR ? env->bound[expr->var]
                                  : is_bound(env, expr->left) && is_bound(env, expr->right));
}

static bool is_free_var(const struct env *env, const struct mixed_expr *expr)
{
    return expr->op == MIXED_VAR && !env->bound[expr->var];
}

static double number_of(const struct mixed_value *value)
{
    return value->kind == MIXED_LONG ? (double)value->number : value->floating;
}

static bool is_number(const struct mixed_value *value)
{
    return value->kind == MIXED_LONG || value->kind == MIXED_FLOAT;
}

static bool compute_floats(enum mixed_op op, double x, double y, struct mixed_value *ret)
{
    double result = op == MIXED_ADD   ? x + y
                    : op == MIXED_SUB ? x - y
                    : op == MIXED_MUL ? x * y
                    : op == MIXED_NEG ? -x
                                      : x / y;
    *ret = (struct mixed_value){.kind = MIXED_FLOAT, .floating = result};
    return op != MIXED_MOD && !(op == MIXED_DIV && y == 0) && isfinite(result);
}

static bool compute_longs(enum mixed_op op, __int128 x, __int128 y, struct mixed_value *ret)
{
    if ((op == MIXED_DIV || op == MIXED_MOD) && y == 0) {
        return false;
    }
    __int128 result = op == MIXED_ADD   ? x + y
                      : op == MIXED_SUB ? x - y
                      : op == MIXED_MUL ? x * y
                      : op == MIXED_NEG ? -x
                      : op == MIXED_DIV ? x / y
                      : op == MIXED_MOD ? x % y
                                        : 0;
    *ret = (struct mixed_value){.kind = MIXED_LONG, .number = (int64_t)result};
    return result >= INT64_MIN && result <= INT64_MAX;
}

static int64_t code_points(const char *text)
{
    int64_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

static bool join(struct naive *naive, const struct mixed_value *a, const struct mixed_value *b,
                 struct mixed_value *ret)
{
    if (a->kind != MIXED_STRING || b->kind != MIXED_STRING) {
        return false;
    }
    size_t first = strlen(a->text), second = strlen(b->text);
    char *text = rune_arena_alloc(naive->arena, first + second + 1);
    if (text == NULL) {
        naive->answers->is_over = true;
        return false;
    }
    memcpy(text, a->text, first);
    memcpy(text + first, b->text, second + 1);
    *ret = (struct mixed_value){.kind = MIXED_STRING, .text = text};
    return true;
}

/* False: an error of the derivation. */
static bool compute(struct naive *naive, const struct env *env, const struct mixed_expr *expr,
                    struct mixed_value *ret)
{
    struct mixed_value a, b = {.kind = MIXED_LONG};
    if (expr->op == MIXED_VAR || expr->op == MIXED_CONST || expr->op == MIXED_LIST) {
        *ret = expr->op == MIXED_VAR ? env->values[expr->var] : expr->value;
        return true;
    }
    if (!compute(naive, env, expr->left, &a) ||
        (expr->right != NULL && !compute(naive, env, expr->right, &b))) {
        return false;
    }
    switch (expr->op) {
    case MIXED_CONCAT:
        return join(naive, &a, &b, ret);
    case MIXED_LENGTH:
        if (a.kind != MIXED_STRING) {
            return false;
        }
        *ret = (struct mixed_value){.kind = MIXED_LONG, .number = code_points(a.text)};
        return true;
    case MIXED_INDEX:
        if (a.kind != MIXED_RECORD || (expr->value.text[0] == 's' && a.count < 2)) {
            return false;
        }
        *ret = a.items[expr->value.text[0] == 's'];
        return true;
    default:
        break;
    }
    if (!is_number(&a) || !is_number(&b)) {
        return false;
    }
    return a.kind == MIXED_LONG && b.kind == MIXED_LONG
               ? compute_longs(expr->op, a.number, b.number, ret)
               : compute_floats(expr->op, number_of(&a), number_of(&b), ret);
}

/* ---- tests: 1, 0, -1: an error ---- */

/* Whether `<` has a meaning, and what: -1, 0, 1. */
static bool order_of(const struct mixed_value *a, const struct mixed_value *b, int *ret)
{
    if (a->kind == MIXED_STRING && b->kind == MIXED_STRING) {
        int order = strcmp(a->text, b->text);
        *ret = (order > 0) - (order < 0);
        return true;
    }
    if (a->kind == b->kind && (a->kind == MIXED_LONG || a->kind == MIXED_DURATION)) {
        *ret = (a->number > b->number) - (a->number < b->number);
        return true;
    }
    if (!is_number(a) || !is_number(b)) {
        return false;
    }
    /* Exact: a long double has room for 64 bits. */
    long double x = a->kind == MIXED_LONG ? (long double)a->number : (long double)a->floating;
    long double y = b->kind == MIXED_LONG ? (long double)b->number : (long double)b->floating;
    *ret = (x > y) - (x < y);
    return true;
}

static int compare(enum mixed_compare op, const struct mixed_value *a, const struct mixed_value *b)
{
    int order;
    if (op == MIXED_EQ || op == MIXED_NE) {
        return mixed_equal(a, b) == (op == MIXED_EQ);
    }
    if (!order_of(a, b, &order)) {
        return -1;
    }
    return op == MIXED_LT   ? order < 0
           : op == MIXED_LE ? order <= 0
           : op == MIXED_GT ? order > 0
                            : order >= 0;
}

/* `*` any text, `\*` a star: every length is tried. */
static bool matches(const char *text, const char *glob)
{
    if (*glob == '\0') {
        return *text == '\0';
    }
    if (*glob == '*') {
        return matches(text, glob + 1) || (*text != '\0' && matches(text + 1, glob));
    }
    glob += glob[0] == '\\' && glob[1] == '*';
    return *text == *glob && matches(text + 1, glob + 1);
}

static int test_string(enum mixed_test test, const char *a, const char *b)
{
    size_t length = strlen(a), part = strlen(b);
    switch (test) {
    case MIXED_STARTS:
        return strncmp(a, b, part) == 0;
    case MIXED_ENDS:
        return part <= length && strcmp(a + length - part, b) == 0;
    case MIXED_CONTAINS:
        return strstr(a, b) != NULL;
    default:
        return matches(a, b);
    }
}

static int test(enum mixed_test test, const struct mixed_value *a, const struct mixed_value *b)
{
    uint32_t found = 0;
    bool is_of_set = test >= MIXED_CONTAINS_ALL || (test == MIXED_CONTAINS && a->kind == MIXED_SET);
    if (test == MIXED_LESS || test == MIXED_GREATER_OR_EQUAL) {
        return a->kind != MIXED_DECIMAL || b->kind != MIXED_DECIMAL
                   ? -1
                   : (a->number < b->number) == (test == MIXED_LESS);
    }
    if (!is_of_set) {
        bool are_strings = a->kind == MIXED_STRING && b->kind == MIXED_STRING;
        return are_strings ? test_string(test, a->text, b->text) : -1;
    }
    if (a->kind != MIXED_SET) {
        return -1;
    }
    if (test == MIXED_CONTAINS || test == MIXED_IS_EMPTY) {
        return test == MIXED_CONTAINS ? mixed_has_item(a, b) : a->count == 0;
    }
    for (uint32_t i = 0; b->kind == MIXED_SET && i < b->count; i++) {
        found += mixed_has_item(a, &b->items[i]);
    }
    return b->kind != MIXED_SET ? -1 : test == MIXED_CONTAINS_ALL ? found == b->count : found > 0;
}

bool mixed_is_in(const struct mixed_data *data, int64_t entity, int64_t ancestor)
{
    bool found = entity == ancestor;
    for (int parent = 0; parent < MIXED_ENTITIES && !found; parent++) {
        found = data->parent[entity][parent] && mixed_is_in(data, parent, ancestor);
    }
    return found;
}

static int test_in(const struct naive *naive, const struct mixed_value *entity,
                   const struct mixed_value *of, uint32_t count)
{
    bool found = false;
    for (uint32_t i = 0; i < count; i++) {
        if (of[i].kind != MIXED_ENTITY) {
            return -1;
        }
        found = found || (entity->kind == MIXED_ENTITY &&
                          mixed_is_in(&naive->answers->data, entity->number, of[i].number));
    }
    return entity->kind == MIXED_ENTITY ? found : -1;
}

static int holds(struct naive *naive, const struct env *env, const struct mixed_literal *literal)
{
    struct mixed_value args[MIXED_MAX_ARITY] = {{0}};
    for (uint32_t i = 0; i < literal->arg_count; i++) {
        if (!compute(naive, env, literal->args[i], &args[i])) {
            return -1;
        }
    }
    switch (literal->kind) {
    case MIXED_COMPARE:
        return compare(literal->choice, &args[0], &args[1]);
    case MIXED_IN:
        return args[1].kind == MIXED_SET && literal->arg_count == 2
                   ? test_in(naive, &args[0], args[1].items, args[1].count)
                   : test_in(naive, &args[0], &args[1], literal->arg_count - 1);
    case MIXED_IS: {
        static const char *const types[] = {"User", "Group", "Doc", "Action"};
        return args[0].kind == MIXED_ENTITY &&
               strcmp(mixed_type_of(args[0].number), types[literal->choice]) == 0 &&
               (literal->arg_count < 2 ||
                mixed_is_in(&naive->answers->data, args[0].number, args[1].number));
    }
    default:
        return test(literal->choice, &args[0], &args[1]);
    }
}

/* ---- literals ---- */

static void bind(struct naive *naive, struct env *env, const struct mixed_expr *expr,
                 const struct mixed_value *value, const struct todo *rest, found_fn found,
                 void *context)
{
    struct mixed_value other;
    if (is_free_var(env, expr)) {
        env->values[expr->var] = *value;
        env->bound[expr->var] = true;
        solve(naive, env, rest, found, context);
        env->bound[expr->var] = false;
    } else if (compute(naive, env, expr, &other) && mixed_equal(&other, value)) {
        solve(naive, env, rest, found, context);
    }
}

/* Binds what is free, notes it in `undo`. */
static bool unify(struct naive *naive, struct env *env, const struct mixed_literal *literal,
                  const struct mixed_value *row, uint32_t *undo, uint32_t *undo_count)
{
    for (uint32_t i = 0; i < literal->arg_count; i++) {
        const struct mixed_expr *arg = literal->args[i];
        struct mixed_value value;
        if (is_free_var(env, arg)) {
            env->values[arg->var] = row[i];
            env->bound[arg->var] = true;
            undo[(*undo_count)++] = arg->var;
        } else if (!compute(naive, env, arg, &value) || !mixed_equal(&value, &row[i])) {
            return false;
        }
    }
    return true;
}

static bool errs(struct naive *naive, const struct env *env, const struct mixed_literal *literal)
{
    struct mixed_value value;
    for (uint32_t i = 0; i < literal->arg_count; i++) {
        if (is_bound(env, literal->args[i]) && !compute(naive, env, literal->args[i], &value)) {
            return true;
        }
    }
    return false;
}

/* entity.id is of all entities, named in data or not. */
static void fill_ids(struct naive *naive)
{
    struct mixed_rows *rows = &naive->answers->rows[MIXED_ID];
    for (int64_t entity = 0; entity < MIXED_ENTITIES; entity++) {
        struct mixed_value row[] = {
            {.kind = MIXED_ENTITY, .number = entity},
            {.kind = MIXED_STRING, .text = mixed_type_of(entity)},
            {.kind = MIXED_STRING, .text = mixed_id_of(entity)},
        };
        add_row(naive, rows, row, 3);
    }
}

static void solve_atom(struct naive *naive, struct env *env, const struct mixed_literal *literal,
                       const struct todo *rest, found_fn found, void *context)
{
    const struct mixed_rows *rows = &naive->answers->rows[literal->relation];
    bool any = false;
    for (uint32_t r = 0; r < rows->count && !naive->answers->is_over; r++) {
        struct mixed_value row[MIXED_MAX_ARITY]; /* the rows may move while their rule runs */
        uint32_t undo[MIXED_MAX_ARITY], undo_count = 0;
        naive->answers->is_over = naive->answers->is_over || naive->steps_left-- == 0;
        memcpy(row, rows->cells + (size_t)r * MIXED_MAX_ARITY, sizeof(row));
        bool fits = unify(naive, env, literal, row, undo, &undo_count);
        any = any || fits;
        if (fits && !literal->is_negated) {
            solve(naive, env, rest, found, context);
        }
        while (undo_count > 0) {
            env->bound[undo[--undo_count]] = false;
        }
    }
    if (literal->is_negated && !any && !errs(naive, env, literal)) {
        solve(naive, env, rest, found, context);
    }
}

static void solve_test(struct naive *naive, struct env *env, const struct mixed_literal *literal,
                       const struct todo *rest, found_fn found, void *context)
{
    for (uint32_t side = 0; side < 2 && literal->kind == MIXED_COMPARE; side++) {
        struct mixed_value value;
        if (is_free_var(env, literal->args[side])) { /* and so the comparison is `=` */
            if (compute(naive, env, literal->args[1 - side], &value)) {
                bind(naive, env, literal->args[side], &value, rest, found, context);
            }
            return;
        }
    }
    if (literal->kind == MIXED_TEST && literal->arg_count > 1 &&
        is_free_var(env, literal->args[1])) { /* runs through a set */
        struct mixed_value set;
        bool is_set = compute(naive, env, literal->args[0], &set) && set.kind == MIXED_SET;
        for (uint32_t i = 0; is_set && i < set.count; i++) {
            bind(naive, env, literal->args[1], &set.items[i], rest, found, context);
        }
        return;
    }
    int result = holds(naive, env, literal);
    if (result >= 0 && (result == 1) != literal->is_negated) {
        solve(naive, env, rest, found, context);
    }
}

/* ---- aggregates ---- */

/* A distinct binding of all variables that are bound, and its value. */
struct binding {
    struct mixed_value values[MIXED_MAX_VARS], value;
    bool bound[MIXED_MAX_VARS];
    struct binding *next;
};

struct folding {
    const struct mixed_literal *literal;
    struct binding *first;
    uint32_t count;
};

enum { MAX_BINDINGS = 400 };

static bool same_binding(const struct binding *binding, const struct env *env)
{
    bool same = memcmp(binding->bound, env->bound, sizeof(env->bound)) == 0;
    for (uint32_t v = 0; same && v < env->rule->var_count; v++) {
        same = !env->bound[v] || mixed_equal(&binding->values[v], &env->values[v]);
    }
    return same;
}

static void fold_found(struct naive *naive, struct env *env, void *context)
{
    struct folding *folding = context;
    struct mixed_value value = {.kind = MIXED_LONG};
    if (folding->literal->arg_count > 1 &&
        !compute(naive, env, folding->literal->args[1], &value)) {
        return; /* one whose value cannot be computed is none */
    }
    for (const struct binding *b = folding->first; b != NULL; b = b->next) {
        if (same_binding(b, env)) {
            return;
        }
    }
    struct binding *binding = RUNE_ARENA_ARRAY(naive->arena, struct binding, 1);
    if (binding == NULL || folding->count == MAX_BINDINGS) {
        naive->answers->is_over = true;
        return;
    }
    memcpy(binding->values, env->values, sizeof(env->values));
    memcpy(binding->bound, env->bound, sizeof(env->bound));
    binding->value = value;
    binding->next = folding->first;
    folding->first = binding;
    folding->count++;
}

static bool fold_extreme(const struct folding *folding, bool is_min, struct mixed_value *ret)
{
    for (const struct binding *b = folding->first; b != NULL; b = b->next) {
        const struct mixed_value *value = &b->value;
        bool is_first = b == folding->first;
        int order = 0;
        if (!order_of(value, is_first ? value : ret, &order)) {
            return false;
        }
        bool is_integer = order == 0 && value->kind == MIXED_LONG; /* of 1 and 1.0 */
        if (is_first || is_integer || (is_min ? order < 0 : order > 0)) {
            *ret = *value;
        }
    }
    return folding->count > 0;
}

static bool fold_sum(const struct folding *folding, bool is_mean, struct mixed_value *ret)
{
    __int128 sum = 0;
    double floats = 0;
    bool has_float = false;
    for (const struct binding *b = folding->first; b != NULL; b = b->next) {
        const struct mixed_value *value = &b->value;
        if (!is_number(value)) {
            return false;
        }
        has_float = has_float || value->kind == MIXED_FLOAT;
        sum += value->kind == MIXED_LONG ? value->number : 0;
        floats += number_of(value);
    }
    if (is_mean && folding->count == 0) {
        return false;
    }
    double result = has_float ? floats : (double)sum;
    *ret = is_mean || has_float
               ? (struct mixed_value){.kind = MIXED_FLOAT,
                                      .floating = is_mean ? result / folding->count : result}
               : (struct mixed_value){.kind = MIXED_LONG, .number = (int64_t)sum};
    return ret->kind == MIXED_FLOAT ? isfinite(ret->floating)
                                    : sum >= INT64_MIN && sum <= INT64_MAX;
}

static void solve_aggregate(struct naive *naive, struct env *env,
                            const struct mixed_literal *literal, const struct todo *rest,
                            found_fn found, void *context)
{
    struct folding folding = {.literal = literal};
    struct todo inside = {.count = literal->bodies[0].count};
    struct rune_arena_mark mark = rune_arena_mark(naive->arena);
    struct mixed_value result = {.kind = MIXED_LONG};
    memcpy(inside.items, literal->bodies[0].literals, sizeof(inside.items[0]) * inside.count);
    solve(naive, env, &inside, fold_found, &folding);
    result.number = folding.count;
    bool has = literal->choice == MIXED_COUNT ||
               (literal->choice == MIXED_SUM || literal->choice == MIXED_MEAN
                    ? fold_sum(&folding, literal->choice == MIXED_MEAN, &result)
                    : fold_extreme(&folding, literal->choice == MIXED_MIN, &result));
    if (result.kind != MIXED_STRING) { /* whose text may be in the arena */
        rune_arena_rewind(naive->arena, mark);
    }
    if (has) {
        bind(naive, env, literal->args[0], &result, rest, found, context);
    }
}

/* ---- bodies ---- */

static bool group_is_bound(const struct env *env, const struct mixed_expr *expr)
{
    return expr == NULL || expr->op == MIXED_CONST || expr->op == MIXED_LIST ||
           (expr->op == MIXED_VAR
                ? expr->is_wild || env->rule->is_local[expr->var] || env->bound[expr->var]
                : group_is_bound(env, expr->left) && group_is_bound(env, expr->right));
}

static bool body_group_is_bound(const struct env *env, const struct mixed_body *body)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct mixed_literal *literal = body->literals[i];
        for (uint32_t a = 0; a < literal->arg_count; a++) {
            if (!group_is_bound(env, literal->args[a])) {
                return false;
            }
        }
        for (uint32_t b = 0; b < literal->body_count; b++) {
            if (!body_group_is_bound(env, &literal->bodies[b])) {
                return false;
            }
        }
    }
    return true;
}

/* When to take a literal: 0 now, 1 if nothing of 0 is left, and so on; 9: not yet. */
static uint32_t turn_of(const struct env *env, const struct mixed_literal *literal)
{
    bool all = true;
    uint32_t free = 0;
    for (uint32_t i = 0; i < literal->arg_count; i++) {
        all = all && is_bound(env, literal->args[i]);
        free += is_free_var(env, literal->args[i]);
        if (!is_bound(env, literal->args[i]) && !is_free_var(env, literal->args[i])) {
            return literal->kind == MIXED_AGGREGATE && i == 1 &&
                           body_group_is_bound(env, &literal->bodies[0]) &&
                           group_is_bound(env, literal->args[1])
                       ? 1
                       : 9;
        }
    }
    switch (literal->kind) {
    case MIXED_EITHER:
        return 4;
    case MIXED_AGGREGATE:
        return body_group_is_bound(env, &literal->bodies[0]) &&
                       (literal->arg_count < 2 || group_is_bound(env, literal->args[1]))
                   ? 1
                   : 9;
    case MIXED_ATOM:
        for (uint32_t i = 0; literal->is_negated && i < literal->arg_count; i++) {
            if (is_free_var(env, literal->args[i]) && !literal->args[i]->is_wild) {
                return 9;
            }
        }
        return literal->is_negated || all ? 1 : literal->relation == MIXED_ID ? 5 : 2;
    case MIXED_COMPARE:
        return all || (literal->choice == MIXED_EQ && free == 1) ? 0 : 9;
    case MIXED_TEST:
        return all ? 0
               : literal->choice == MIXED_CONTAINS && !literal->is_negated &&
                       is_bound(env, literal->args[0])
                   ? 3
                   : 9;
    default:
        return all ? 0 : 9;
    }
}

static void solve_either(struct naive *naive, struct env *env, const struct mixed_literal *literal,
                         const struct todo *rest, found_fn found, void *context)
{
    for (uint32_t b = 0; b < literal->body_count; b++) {
        struct todo with = *rest;
        const struct mixed_body *body = &literal->bodies[b];
        memcpy(with.items + with.count, body->literals, sizeof(with.items[0]) * body->count);
        with.count += body->count;
        solve(naive, env, &with, found, context);
    }
}

static void solve(struct naive *naive, struct env *env, const struct todo *todo, found_fn found,
                  void *context)
{
    uint32_t best = 9, at = 0;
    if (todo->count == 0) {
        found(naive, env, context);
        return;
    }
    for (uint32_t i = 0; i < todo->count; i++) {
        uint32_t turn = turn_of(env, todo->items[i]);
        if (turn < best) {
            best = turn;
            at = i;
        }
    }
    if (best == 9 || naive->answers->is_over) {
        naive->answers->is_over = true; /* an unsafe rule is the generator's mistake */
        return;
    }
    const struct mixed_literal *literal = todo->items[at];
    struct todo rest = *todo;
    rest.items[at] = rest.items[--rest.count];
    switch (literal->kind) {
    case MIXED_ATOM:
        solve_atom(naive, env, literal, &rest, found, context);
        return;
    case MIXED_AGGREGATE:
        solve_aggregate(naive, env, literal, &rest, found, context);
        return;
    case MIXED_EITHER:
        solve_either(naive, env, literal, &rest, found, context);
        return;
    default:
        solve_test(naive, env, literal, &rest, found, context);
    }
}

/* ---- rules ---- */

static void rule_found(struct naive *naive, struct env *env, void *context)
{
    const struct mixed_rule *rule = context;
    struct mixed_value row[MIXED_MAX_ARITY] = {{0}};
    uint32_t arity = naive->world->relations[rule->head].arity;
    for (uint32_t i = 0; i < arity; i++) {
        if (!is_bound(env, rule->args[i])) {
            naive->answers->is_over = true; /* unsafe */
            return;
        }
        if (!compute(naive, env, rule->args[i], &row[i])) {
            return;
        }
    }
    add_row(naive, &naive->answers->rows[rule->head], row, arity);
}

static void run_rule(struct naive *naive, const struct mixed_rule *rule)
{
    struct env env = {.rule = rule};
    struct todo todo = {.count = rule->body.count};
    memcpy(todo.items, rule->body.literals, sizeof(todo.items[0]) * todo.count);
    solve(naive, &env, &todo, rule_found, (void *)(uintptr_t)rule);
}

static void run_rank(struct naive *naive, uint32_t rank, bool depends)
{
    const struct mixed_world *world = naive->world;
    do {
        naive->changed = false;
        for (uint32_t i = 0; i < world->rule_count && !naive->answers->is_over; i++) {
            const struct mixed_rule *rule = &world->rules[i];
            if (!rule->is_off && world->relations[rule->head].rank == rank &&
                naive->answers->depends[rule->head] == depends && rule->head != MIXED_PERMIT &&
                rule->head != MIXED_FORBID) {
                run_rule(naive, rule);
            }
        }
    } while (naive->changed && !naive->answers->is_over);
}

/* ---- entity data as relations ---- */

static struct mixed_value entity_value(int64_t entity)
{
    return (struct mixed_value){.kind = MIXED_ENTITY, .number = entity};
}

static void fill_attr(struct naive *naive, int entity, enum mixed_attr attr)
{
    const struct mixed_value *value = &naive->answers->data.attrs[entity][attr];
    struct mixed_rows *rows = naive->answers->rows;
    struct mixed_value name = {.kind = MIXED_STRING, .text = mixed_attr_names[attr]};
    struct mixed_value row[3] = {entity_value(entity), *value};
    add_row(naive, &rows[MIXED_ATTR + attr], row, 2);
    for (uint32_t i = 0; i < value->count && value->kind == MIXED_SET; i++) {
        row[1] = value->items[i];
        if (attr == MIXED_LABELS || attr == MIXED_EDITORS) {
            add_row(naive,
                    &rows[attr == MIXED_LABELS ? MIXED_ELEMENT_LABELS : MIXED_ELEMENT_EDITORS], row,
                    2);
        }
        row[2] = row[1];
        row[1] = name;
        add_row(naive, &rows[MIXED_ELEMENT_ANY], row, 3);
    }
    row[1] = name;
    row[2] = *value;
    add_row(naive, &rows[MIXED_ATTR_ANY], row, 3);
}

static void fill_entity(struct naive *naive, int entity)
{
    const struct mixed_data *data = &naive->answers->data;
    struct mixed_value row[2] = {entity_value(entity), {0}};
    if (data->exists[entity]) {
        add_row(naive, &naive->answers->rows[MIXED_EXISTS], row, 1);
    }
    for (int parent = 0; parent < MIXED_ENTITIES; parent++) {
        if (data->parent[entity][parent]) {
            row[1] = entity_value(parent);
            add_row(naive, &naive->answers->rows[MIXED_PARENT], row, 2);
        }
    }
    for (int attr = 0; attr < MIXED_ATTRS; attr++) {
        if (data->has[entity][attr]) {
            fill_attr(naive, entity, attr);
        }
    }
    if (data->has_tag[entity]) {
        row[1] = data->tags[entity];
        add_row(naive, &naive->answers->rows[MIXED_TAG], row, 2);
    }
}

static void fill_data(struct naive *naive)
{
    for (uint32_t r = MIXED_EXISTS; r <= MIXED_ELEMENT_ANY; r++) {
        naive->answers->rows[r].count = 0;
    }
    fill_ids(naive);
    for (int entity = 0; entity < MIXED_ENTITIES; entity++) {
        fill_entity(naive, entity);
    }
}

/* ---- derived entity data ---- */

static void add_item(struct naive *naive, int64_t entity, const struct mixed_value *item)
{
    struct mixed_data *data = &naive->answers->data;
    struct mixed_value *set = &data->attrs[entity][MIXED_EDITORS];
    if (!data->has[entity][MIXED_EDITORS]) {
        *set = (struct mixed_value){.kind = MIXED_SET};
        data->has[entity][MIXED_EDITORS] = true;
    }
    if (item == NULL || mixed_has_item(set, item)) {
        return;
    }
    struct mixed_value *items =
        RUNE_ARENA_ARRAY(naive->arena, struct mixed_value, (size_t)set->count + 1);
    if (items == NULL) {
        naive->answers->is_over = true;
        return;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        items[i] = set->items[i];
    }
    items[set->count] = *item;
    set->items = items;
    set->count++;
}

static void take_derived(struct naive *naive, uint32_t head)
{
    struct mixed_answers *answers = naive->answers;
    struct mixed_data *data = &answers->data;
    const struct mixed_rows *rows = &answers->rows[head];
    for (uint32_t r = 0; r < rows->count; r++) {
        const struct mixed_value *row = rows->cells + (size_t)r * MIXED_MAX_ARITY;
        int64_t entity = row[0].number;
        data->exists[entity] = true;
        if (head == MIXED_PARENT) {
            data->parent[entity][row[1].number] = true;
        } else if (head == MIXED_ELEMENT_EDITORS) {
            add_item(naive, entity, &row[1]);
        } else {
            bool has = data->has[entity][MIXED_RANK];
            answers->has_conflict |= has && !mixed_equal(&data->attrs[entity][MIXED_RANK], &row[1]);
            data->has[entity][MIXED_RANK] = true;
            data->attrs[entity][MIXED_RANK] = row[1];
        }
    }
}

/* A set that the schema declares and rules derive is there for all of its type. */
static void add_empty_sets(struct naive *naive)
{
    for (int doc = MIXED_FIRST_DOC; doc < MIXED_FIRST_ACTION; doc++) {
        if (naive->world->has_schema && naive->answers->data.exists[doc]) {
            add_item(naive, doc, NULL);
        }
    }
}

static bool is_derived(const struct mixed_world *world, uint32_t head)
{
    for (uint32_t i = 0; i < world->rule_count; i++) {
        if (!world->rules[i].is_off && world->rules[i].head == head) {
            return true;
        }
    }
    return false;
}

/* ---- what depends on the request, what can fail ---- */

static bool expr_can_fail(const struct mixed_expr *expr)
{
    return expr != NULL && expr->op != MIXED_VAR && expr->op != MIXED_CONST &&
           expr->op != MIXED_LIST;
}

static bool reads(const struct mixed_body *body, const bool *of, bool fails)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct mixed_literal *literal = body->literals[i];
        bool found = literal->kind == MIXED_ATOM && of[literal->relation];
        for (uint32_t a = 0; fails && a < literal->arg_count; a++) {
            found = found || expr_can_fail(literal->args[a]);
        }
        found =
            found || (fails && ((literal->kind == MIXED_COMPARE && literal->choice >= MIXED_LT) ||
                                literal->kind == MIXED_IN || literal->kind == MIXED_TEST ||
                                (literal->kind == MIXED_AGGREGATE && literal->choice > 0)));
        for (uint32_t b = 0; b < literal->body_count && !found; b++) {
            found = reads(&literal->bodies[b], of, fails);
        }
        if (found) {
            return true;
        }
    }
    return false;
}

static void spread(const struct mixed_world *world, bool *of, bool fails)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < world->rule_count; i++) {
            const struct mixed_rule *rule = &world->rules[i];
            if (rule->is_off || of[rule->head]) {
                continue;
            }
            bool found = reads(&rule->body, of, fails);
            for (uint32_t a = 0; fails && a < world->relations[rule->head].arity; a++) {
                found = found || expr_can_fail(rule->args[a]);
            }
            changed = changed || found;
            of[rule->head] = found;
        }
    }
}

/* ---- worlds ---- */

void mixed_derive(const struct mixed_world *world, struct rune_arena *arena,
                  struct mixed_answers *ret_answers)
{
    struct naive naive = {
        .world = world, .answers = ret_answers, .arena = arena, .steps_left = MAX_STEPS};
    memset(ret_answers, 0, sizeof(*ret_answers));
    ret_answers->data = world->data;
    for (uint32_t r = 0; r <= MIXED_CONTEXT_TIER; r++) {
        ret_answers->depends[r] = true;
    }
    spread(world, ret_answers->depends, false);
    spread(world, ret_answers->can_fail, true);
    for (uint32_t r = MIXED_BASE; r < MIXED_RELATIONS; r++) {
        const struct mixed_relation *relation = &world->relations[r];
        for (uint32_t f = 0; f < relation->fact_count; f++) {
            if (!relation->facts[f].is_off) {
                add_row(&naive, &ret_answers->rows[r], relation->facts[f].values, relation->arity);
            }
        }
    }
    fill_data(&naive);
    for (uint32_t rank = 1; rank < world->relations[MIXED_PERMIT].rank; rank++) {
        static const uint32_t heads[] = {MIXED_PARENT, MIXED_ATTR + MIXED_RANK,
                                         MIXED_ELEMENT_EDITORS};
        run_rank(&naive, rank, false);
        for (size_t h = 0; h < sizeof(heads) / sizeof(heads[0]); h++) {
            if (world->relations[heads[h]].rank == rank && is_derived(world, heads[h])) {
                take_derived(&naive, heads[h]);
            }
        }
        if (rank == MIXED_RANK_OF_ENTITY_DATA && is_derived(world, MIXED_ELEMENT_EDITORS)) {
            add_empty_sets(&naive);
        }
        if (rank <= MIXED_RANK_OF_ENTITY_DATA) {
            fill_data(&naive);
        }
    }
}

static void bring(const struct mixed_request *request, struct mixed_data *data)
{
    for (uint32_t i = 0; i < request->brought_count; i++) {
        const struct mixed_brought *brought = &request->brought[i];
        data->exists[brought->entity] = true;
        if (brought->parent >= 0) {
            data->parent[brought->entity][brought->parent] = true;
        }
        if (brought->has_tag) {
            data->has_tag[brought->entity] = true;
            data->tags[brought->entity] = brought->tag;
        }
        for (int attr = 0; attr < MIXED_ATTRS; attr++) {
            if (brought->has[attr]) {
                data->has[brought->entity][attr] = true;
                data->attrs[brought->entity][attr] = brought->attrs[attr];
            }
        }
    }
}

static void put_request(struct naive *naive, const struct mixed_request *request)
{
    struct mixed_rows *rows = naive->answers->rows;
    struct mixed_value places[] = {entity_value(request->principal), entity_value(request->action),
                                   entity_value(request->resource)};
    for (uint32_t place = 0; place < 3; place++) {
        add_row(naive, &rows[MIXED_PRINCIPAL + place], &places[place], 1);
    }
    if (request->has_n) {
        add_row(naive, &rows[MIXED_CONTEXT_N], &request->n, 1);
    }
    if (request->has_tier) {
        add_row(naive, &rows[MIXED_CONTEXT_TIER], &request->tier, 1);
    }
}

void mixed_derive_for(const struct mixed_world *world, const struct mixed_answers *stored,
                      const struct mixed_request *request, struct rune_arena *arena,
                      struct mixed_answers *ret_answers)
{
    struct naive naive = {
        .world = world, .answers = ret_answers, .arena = arena, .steps_left = MAX_STEPS};
    *ret_answers = *stored;
    for (uint32_t r = 0; r < MIXED_BASE; r++) {
        ret_answers->rows[r] = (struct mixed_rows){0};
    }
    bring(request, &ret_answers->data);
    fill_data(&naive);
    put_request(&naive, request);
    for (uint32_t rank = 1; rank < world->relations[MIXED_PERMIT].rank; rank++) {
        run_rank(&naive, rank, true);
    }
}

bool mixed_rule_matches(const struct mixed_world *world, const struct mixed_answers *answers,
                        const struct mixed_request *request, uint32_t rule,
                        struct rune_arena *arena)
{
    struct mixed_answers own = *answers;
    struct naive naive = {.world = world, .answers = &own, .arena = arena, .steps_left = MAX_STEPS};
    struct mixed_value row[] = {entity_value(request->principal), entity_value(request->action),
                                entity_value(request->resource)};
    struct mixed_rows *rows = &own.rows[world->rules[rule].head];
    *rows = (struct mixed_rows){0};
    run_rule(&naive, &world->rules[rule]);
    for (uint32_t r = 0; r < rows->count; r++) {
        if (same_row(rows->cells + (size_t)r * MIXED_MAX_ARITY, row, 3)) {
            return true;
        }
    }
    return false;
}
