/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions and tests over worlds' values: see mixed_naive.h. */
#include <math.h>
#include <string.h>

#include "reference/mixed_naive.h"

/* ---- expressions ---- */

bool mixed_is_bound(const struct mixed_env *env, const struct mixed_expr *expr)
{
    return expr == NULL || expr->op == MIXED_CONST || expr->op == MIXED_LIST ||
           (expr->op == MIXED_VAR
                ? env->bound[expr->var]
                : mixed_is_bound(env, expr->left) && mixed_is_bound(env, expr->right));
}

bool mixed_is_free_var(const struct mixed_env *env, const struct mixed_expr *expr)
{
    return expr->op == MIXED_VAR && !env->bound[expr->var];
}

double mixed_number_of(const struct mixed_value *value)
{
    return value->kind == MIXED_LONG ? (double)value->number : value->floating;
}

bool mixed_is_number(const struct mixed_value *value)
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

static bool join(struct mixed_naive *naive, const struct mixed_value *a,
                 const struct mixed_value *b, struct mixed_value *ret)
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

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static bool call(enum mixed_method method, const struct mixed_value *a, const struct mixed_value *b,
                 struct mixed_value *ret)
{
    static const int64_t units[] = {[MIXED_TO_MS] = 1,
                                    [MIXED_TO_SECONDS] = SECOND,
                                    [MIXED_TO_MINUTES] = MINUTE,
                                    [MIXED_TO_HOURS] = HOUR,
                                    [MIXED_TO_DAYS] = DAY};
    int64_t time = ((a->number % DAY) + DAY) % DAY;
    if (method >= MIXED_TO_MS) {
        *ret = (struct mixed_value){.kind = MIXED_LONG, .number = a->number / units[method]};
        return a->kind == MIXED_DURATION;
    }
    switch (method) {
    case MIXED_OFFSET:
        *ret = (struct mixed_value){.kind = MIXED_DATETIME, .number = a->number + b->number};
        return a->kind == MIXED_DATETIME && b->kind == MIXED_DURATION;
    case MIXED_SINCE:
        *ret = (struct mixed_value){.kind = MIXED_DURATION, .number = a->number - b->number};
        return a->kind == MIXED_DATETIME && b->kind == MIXED_DATETIME;
    case MIXED_TO_DATE:
        *ret = (struct mixed_value){.kind = MIXED_DATETIME, .number = a->number - time};
        return a->kind == MIXED_DATETIME;
    default:
        *ret = (struct mixed_value){.kind = MIXED_DURATION, .number = time};
        return a->kind == MIXED_DATETIME;
    }
}

/* False: an error of the derivation. */
bool mixed_compute(struct mixed_naive *naive, const struct mixed_env *env,
                   const struct mixed_expr *expr, struct mixed_value *ret)
{
    struct mixed_value a, b = {.kind = MIXED_LONG};
    if (expr->op == MIXED_VAR || expr->op == MIXED_CONST || expr->op == MIXED_LIST) {
        *ret = expr->op == MIXED_VAR ? env->values[expr->var] : expr->value;
        return true;
    }
    if (!mixed_compute(naive, env, expr->left, &a) ||
        (expr->right != NULL && !mixed_compute(naive, env, expr->right, &b))) {
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
    case MIXED_METHOD:
        return call(expr->method, &a, &b, ret);
    case MIXED_INDEX:
        if (a.kind != MIXED_RECORD || (expr->value.text[0] == 's' && a.count < 2)) {
            return false;
        }
        *ret = a.items[expr->value.text[0] == 's'];
        return true;
    default:
        break;
    }
    if (!mixed_is_number(&a) || !mixed_is_number(&b)) {
        return false;
    }
    return a.kind == MIXED_LONG && b.kind == MIXED_LONG
               ? compute_longs(expr->op, a.number, b.number, ret)
               : compute_floats(expr->op, mixed_number_of(&a), mixed_number_of(&b), ret);
}

/* ---- tests: 1, 0, -1: an error ---- */

/* Whether `<` has a meaning, and what: -1, 0, 1. */
bool mixed_order_of(const struct mixed_value *a, const struct mixed_value *b, int *ret)
{
    if (a->kind == MIXED_STRING && b->kind == MIXED_STRING) {
        int order = strcmp(a->text, b->text);
        *ret = (order > 0) - (order < 0);
        return true;
    }
    if (a->kind == b->kind &&
        (a->kind == MIXED_LONG || a->kind == MIXED_DURATION || a->kind == MIXED_DATETIME)) {
        *ret = (a->number > b->number) - (a->number < b->number);
        return true;
    }
    if (!mixed_is_number(a) || !mixed_is_number(b)) {
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
    if (!mixed_order_of(a, b, &order)) {
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

static int test_decimals(enum mixed_test test, int64_t a, int64_t b)
{
    return test == MIXED_LESS            ? a < b
           : test == MIXED_LESS_OR_EQUAL ? a <= b
           : test == MIXED_GREATER       ? a > b
                                         : a >= b;
}

/* Whether all of the range is in the other: bit by bit. */
static bool is_in_range(const struct mixed_ip *ip, const struct mixed_ip *range)
{
    bool is_in = ip->is_v6 == range->is_v6 && ip->prefix >= range->prefix;
    uint32_t bits = range->is_v6 ? 128 : 32;
    for (uint32_t i = 0; is_in && i < range->prefix; i++) {
        uint32_t bit = bits - 1 - i;
        uint64_t a = bit >= 64 ? ip->high >> (bit - 64) : ip->low >> bit;
        uint64_t b = bit >= 64 ? range->high >> (bit - 64) : range->low >> bit;
        is_in = (a & 1) == (b & 1);
    }
    return is_in;
}

static int test_ips(enum mixed_test test, const struct mixed_ip *a, const struct mixed_ip *b)
{
    static const struct mixed_ip ranges[2][2] = {
        {{"127.0.0.0/8", false, 0, 0x7f000000, 8}, {"::1", true, 0, 1, 128}},
        {{"224.0.0.0/4", false, 0, 0xe0000000, 4}, {"ff00::/8", true, UINT64_C(0xff) << 56, 0, 8}},
    };
    return test == MIXED_IS_V4      ? !a->is_v6
           : test == MIXED_IS_V6    ? a->is_v6
           : test == MIXED_IN_RANGE ? is_in_range(a, b)
                                    : is_in_range(a, &ranges[test == MIXED_IS_MULTICAST][a->is_v6]);
}

static int test(enum mixed_test test, const struct mixed_value *a, const struct mixed_value *b)
{
    uint32_t found = 0;
    bool is_of_set = test >= MIXED_CONTAINS_ALL || (test == MIXED_CONTAINS && a->kind == MIXED_SET);
    if (test >= MIXED_LESS && test <= MIXED_GREATER_OR_EQUAL) {
        return a->kind != MIXED_DECIMAL || b->kind != MIXED_DECIMAL
                   ? -1
                   : test_decimals(test, a->number, b->number);
    }
    if (test >= MIXED_IN_RANGE && test <= MIXED_IS_MULTICAST) {
        return a->kind != MIXED_IP || (test == MIXED_IN_RANGE && b->kind != MIXED_IP)
                   ? -1
                   : test_ips(test, &mixed_ips[a->number],
                              &mixed_ips[test == MIXED_IN_RANGE ? b->number : 0]);
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

static int test_in(const struct mixed_naive *naive, const struct mixed_value *entity,
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

int mixed_holds(struct mixed_naive *naive, const struct mixed_env *env,
                const struct mixed_literal *literal)
{
    struct mixed_value args[MIXED_MAX_ARITY] = {{0}};
    for (uint32_t i = 0; i < literal->arg_count; i++) {
        if (!mixed_compute(naive, env, literal->args[i], &args[i])) {
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
