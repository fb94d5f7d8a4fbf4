/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "reference/mixed_making.h"

uint32_t mixed_choose(struct mixed_making *making, uint32_t below)
{
    return mixed_pick(making->world, below);
}

/* ---- expressions ---- */

struct mixed_expr *mixed_make_expr(struct mixed_making *making, enum mixed_op op)
{
    struct mixed_expr *expr = RUNE_ARENA_ARRAY(&making->world->arena, struct mixed_expr, 1);
    *expr = (struct mixed_expr){.op = op};
    return expr;
}

const struct mixed_expr *mixed_make_const(struct mixed_making *making, enum mixed_type type)
{
    struct mixed_expr *expr = mixed_make_expr(making, MIXED_CONST);
    expr->value = mixed_random_value(making->world, type);
    return expr;
}

static const struct mixed_expr *make_number(struct mixed_making *making, int64_t number)
{
    struct mixed_expr *expr = mixed_make_expr(making, MIXED_CONST);
    expr->value = (struct mixed_value){.kind = MIXED_LONG, .number = number};
    return expr;
}

const struct mixed_expr *mixed_make_var(struct mixed_making *making, uint32_t var)
{
    struct mixed_expr *expr = mixed_make_expr(making, MIXED_VAR);
    expr->var = var;
    return expr;
}

bool mixed_has_room(const struct mixed_making *making)
{
    return making->rule->var_count + 4 < MIXED_MAX_VARS;
}

const struct mixed_expr *mixed_make_new(struct mixed_making *making, enum mixed_type type)
{
    uint32_t var = making->rule->var_count++;
    making->types[var] = type;
    making->is_known[var] = true;
    return mixed_make_var(making, var);
}

static const struct mixed_expr *make_wild(struct mixed_making *making)
{
    struct mixed_expr *expr = mixed_make_expr(making, MIXED_VAR);
    expr->var = making->rule->var_count++;
    expr->is_wild = true;
    making->rule->is_local[expr->var] = true;
    return expr;
}

static bool is_entity_type(enum mixed_type type)
{
    return type <= MIXED_T_ACTION || type == MIXED_T_ENTITY;
}

/* A variable that has a value of that type, or NULL. */
const struct mixed_expr *mixed_find_var(struct mixed_making *making, enum mixed_type type)
{
    uint32_t count = making->rule->var_count, start = count > 0 ? mixed_choose(making, count) : 0;
    bool any = !making->is_safe && mixed_choose(making, 12) == 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t var = (start + i) % count;
        bool fits = any || making->types[var] == type || type == MIXED_T_ANY ||
                    (type == MIXED_T_ENTITY && is_entity_type(making->types[var]));
        if (making->is_known[var] && fits) {
            return mixed_make_var(making, var);
        }
    }
    return NULL;
}

/* A variable with a value, or a constant; sets and records have no constants. */
const struct mixed_expr *mixed_make_value(struct mixed_making *making, enum mixed_type type)
{
    const struct mixed_expr *var =
        mixed_choose(making, 6) > 0 ? mixed_find_var(making, type) : NULL;
    if (type == MIXED_T_SET || type == MIXED_T_RECORD) {
        return var != NULL ? var : mixed_find_var(making, type);
    }
    return var != NULL ? var
                       : mixed_make_const(making, !making->is_safe && mixed_choose(making, 20) == 0
                                                      ? MIXED_T_ANY
                                                      : type);
}

const struct mixed_expr *mixed_make_arithmetic(struct mixed_making *making, uint32_t depth)
{
    if (depth == 0 || mixed_choose(making, 3) == 0) {
        return mixed_make_value(making, MIXED_T_INT);
    }
    struct mixed_expr *expr = mixed_make_expr(
        making, (enum mixed_op)(MIXED_ADD + mixed_choose(making, MIXED_NEG - MIXED_ADD + 1)));
    expr->left = mixed_make_arithmetic(making, depth - 1);
    if (expr->op == MIXED_NEG) {
        return expr;
    }
    bool divides = expr->op == MIXED_DIV || expr->op == MIXED_MOD;
    expr->right = divides && making->is_safe ? make_number(making, 1 + mixed_choose(making, 3))
                                             : mixed_make_arithmetic(making, depth - 1);
    return expr;
}

/* ---- literals ---- */

struct mixed_literal *mixed_make_literal(struct mixed_making *making, enum mixed_literal_kind kind)
{
    struct mixed_literal *literal =
        RUNE_ARENA_ARRAY(&making->world->arena, struct mixed_literal, 1);
    *literal = (struct mixed_literal){.kind = kind};
    return literal;
}

void mixed_add_literal(struct mixed_body *body, const struct mixed_literal *literal)
{
    if (literal != NULL && body->count < MIXED_MAX_LITERALS) {
        body->literals[body->count++] = literal;
    }
}

/* A relation that the head may read; `below`: through a negation or an aggregate. UINT32_MAX: a
 * few tries found none. */
uint32_t mixed_pick_relation(struct mixed_making *making, bool below)
{
    for (uint32_t turn = 0; turn < 30; turn++) {
        uint32_t number = mixed_choose(making, 3) == 0 ? mixed_choose(making, MIXED_BASE)
                          : mixed_choose(making, 2) == 0
                              ? MIXED_BASE + mixed_choose(making, MIXED_BASES)
                              : MIXED_DERIVED + mixed_choose(making, MIXED_DERIVEDS);
        uint32_t rank = making->world->relations[number].rank;
        bool is_own =
            rank == making->rank && (number >= MIXED_BASE || number == making->rule->head);
        bool is_decision = number == MIXED_PERMIT || number == MIXED_FORBID;
        if (!is_decision && (rank < making->rank || (is_own && !below))) {
            return number;
        }
    }
    return UINT32_MAX;
}

/* `names`: what new variables may be: 0 none, 1 the rule's, 2 of the braces. */
const struct mixed_literal *mixed_make_atom(struct mixed_making *making, uint32_t relation,
                                            int names)
{
    if (relation == UINT32_MAX) {
        return NULL;
    }
    struct mixed_literal *literal = mixed_make_literal(making, MIXED_ATOM);
    const struct mixed_relation *read = &making->world->relations[relation];
    literal->relation = relation;
    literal->arg_count = read->arity;
    for (uint32_t i = 0; i < read->arity; i++) {
        enum mixed_type type = read->types[i];
        bool has_no_constant = type == MIXED_T_SET || type == MIXED_T_RECORD;
        uint32_t kind = mixed_choose(making, 12);
        const struct mixed_expr *var = kind < 7 || names == 0 ? mixed_find_var(making, type) : NULL;
        bool computes = i == 0 && type == MIXED_T_INT && !making->is_safe &&
                        mixed_choose(making, 6) == 0; /* of what other atoms bind */
        if (computes) {
            literal->args[i] = mixed_make_arithmetic(making, 2);
        } else if (var != NULL) {
            literal->args[i] = var;
        } else if ((kind == 11 && relation != MIXED_ID) || !mixed_has_room(making) ||
                   (names == 0 && has_no_constant)) {
            literal->args[i] = make_wild(making);
        } else if ((kind == 10 && !has_no_constant) || names == 0 ||
                   (relation == MIXED_ID && i == 0)) {
            /* Of entity.id the entity is known: type and id would make ones of no world. */
            literal->args[i] = mixed_make_const(making, type);
        } else {
            literal->args[i] = mixed_make_new(making, type);
            making->rule->is_local[making->rule->var_count - 1] = names == 2;
        }
    }
    return literal;
}

const struct mixed_literal *mixed_make_negation(struct mixed_making *making)
{
    uint32_t relation = mixed_pick_relation(making, true);
    if (relation == UINT32_MAX) {
        return NULL;
    }
    struct mixed_literal *literal = (void *)(uintptr_t)mixed_make_atom(making, relation, 0);
    literal->is_negated = true;
    return literal;
}

const struct mixed_literal *mixed_make_compare(struct mixed_making *making)
{
    static const enum mixed_type types[] = {MIXED_T_INT, MIXED_T_INT, MIXED_T_STRING,
                                            MIXED_T_DURATION, MIXED_T_DATETIME};
    enum mixed_type type = types[mixed_choose(making, 5)];
    struct mixed_literal *literal = mixed_make_literal(making, MIXED_COMPARE);
    literal->choice = mixed_choose(making, 6);
    if (literal->choice <= MIXED_NE && mixed_choose(making, 2) == 0) {
        type = (enum mixed_type)mixed_choose(making, MIXED_T_DATETIME + 1);
    }
    literal->arg_count = 2;
    literal->args[0] = mixed_make_value(making, type);
    literal->args[1] =
        type == MIXED_T_INT ? mixed_make_arithmetic(making, 1) : mixed_make_value(making, type);
    return literal->args[0] != NULL && literal->args[1] != NULL ? literal : NULL;
}

void mixed_add_bounds(struct mixed_making *making, struct mixed_body *body,
                      const struct mixed_expr *value, struct mixed_value bound)
{
    for (int side = 0; side < 2; side++) {
        struct mixed_literal *literal = mixed_make_literal(making, MIXED_COMPARE);
        struct mixed_expr *expr = mixed_make_expr(making, MIXED_CONST);
        expr->value = bound;
        literal->choice = side == 0 ? MIXED_LT : MIXED_GT;
        literal->arg_count = 2;
        literal->args[0] = value;
        literal->args[1] = expr;
        mixed_add_literal(body, literal);
        bound.number = -bound.number;
    }
}

/* A new variable by `=`, kept within bounds since it may go round. */
void mixed_put_computed(struct mixed_making *making, struct mixed_body *body)
{
    bool is_text = !making->is_safe && mixed_choose(making, 4) == 0;
    struct mixed_literal *equal = mixed_make_literal(making, MIXED_COMPARE);
    const struct mixed_expr *value;
    struct mixed_expr *joined = mixed_make_expr(making, MIXED_CONCAT);
    joined->left = mixed_make_value(making, MIXED_T_STRING);
    joined->right = mixed_make_value(making, MIXED_T_STRING);
    value = is_text ? joined : mixed_make_arithmetic(making, 2);
    equal->arg_count = 2;
    equal->args[0] = mixed_make_new(making, is_text ? MIXED_T_STRING : MIXED_T_INT);
    equal->args[1] = value;
    mixed_add_literal(body, equal);
    const struct mixed_expr *bounded = equal->args[0];
    if (is_text) {
        struct mixed_literal *length = mixed_make_literal(making, MIXED_COMPARE);
        struct mixed_expr *of = mixed_make_expr(making, MIXED_LENGTH);
        of->left = bounded;
        length->arg_count = 2;
        length->args[0] = bounded = mixed_make_new(making, MIXED_T_INT);
        length->args[1] = of;
        mixed_add_literal(body, length);
    }
    mixed_add_bounds(making, body, bounded, (struct mixed_value){.kind = MIXED_LONG, .number = 6});
}

const struct mixed_literal *mixed_make_in(struct mixed_making *making)
{
    struct mixed_literal *literal = mixed_make_literal(making, MIXED_IN);
    literal->args[0] = mixed_find_var(making, MIXED_T_ENTITY);
    if (literal->args[0] == NULL || !making->may_in) {
        return NULL;
    }
    literal->is_negated = mixed_choose(making, 4) == 0;
    const struct mixed_expr *set = mixed_choose(making, 4) == 0 && !making->is_safe
                                       ? mixed_find_var(making, MIXED_T_SET)
                                       : NULL;
    if (set != NULL) {
        literal->arg_count = 2;
        literal->args[1] = set;
        return literal;
    }
    literal->arg_count = 2 + (mixed_choose(making, 3) == 0);
    for (uint32_t i = 1; i < literal->arg_count; i++) {
        const struct mixed_expr *value = mixed_make_value(making, MIXED_T_GROUP);
        if (value->op == MIXED_CONST && value->value.kind != MIXED_ENTITY) {
            return NULL; /* what can never be an entity is refused */
        }
        literal->args[i] = value;
    }
    return literal;
}

/* `E is User`, or `E is User in G`. */
const struct mixed_literal *mixed_make_is(struct mixed_making *making)
{
    struct mixed_literal *literal = mixed_make_literal(making, MIXED_IS);
    literal->choice = mixed_choose(making, 4);
    literal->is_negated = mixed_choose(making, 4) == 0;
    literal->arg_count = 1;
    literal->args[0] = mixed_find_var(making, MIXED_T_ENTITY);
    if (making->may_in && !literal->is_negated && mixed_choose(making, 3) == 0) {
        literal->args[literal->arg_count++] = mixed_make_const(making, MIXED_T_GROUP);
    }
    return literal->args[0] != NULL ? literal : NULL;
}

static const struct mixed_expr *make_glob(struct mixed_making *making)
{
    static const char *const globs[] = {"a*", "*b", "\\*", "*", "", "a\\*", "*a*b*"};
    struct mixed_expr *expr = mixed_make_expr(making, MIXED_CONST);
    expr->value =
        (struct mixed_value){.kind = MIXED_STRING, .text = globs[mixed_choose(making, 7)]};
    return expr;
}

/* ["a", 1] */
static const struct mixed_expr *make_list(struct mixed_making *making)
{
    struct mixed_expr *expr = mixed_make_expr(making, MIXED_LIST);
    struct mixed_value *items = RUNE_ARENA_ARRAY(&making->world->arena, struct mixed_value, 3);
    expr->value = (struct mixed_value){.kind = MIXED_SET, .items = items};
    for (uint32_t i = 1 + mixed_choose(making, 3); i > 0; i--) {
        items[expr->value.count] = mixed_random_value(
            making->world, mixed_choose(making, 4) == 0 ? MIXED_T_INT : MIXED_T_STRING);
        expr->value.count += !mixed_has_item(&expr->value, &items[expr->value.count]);
    }
    return expr;
}

const struct mixed_literal *mixed_make_test(struct mixed_making *making)
{
    struct mixed_literal *literal = mixed_make_literal(making, MIXED_TEST);
    literal->choice = mixed_choose(making, MIXED_TESTS);
    literal->is_negated = mixed_choose(making, 4) == 0;
    bool is_of_ip = literal->choice >= MIXED_IN_RANGE && literal->choice <= MIXED_IS_MULTICAST;
    bool is_alone =
        literal->choice == MIXED_IS_EMPTY || (is_of_ip && literal->choice != MIXED_IN_RANGE);
    literal->arg_count = is_alone ? 1 : 2;
    bool is_of_set = literal->choice >= MIXED_CONTAINS_ALL;
    bool is_decimal = literal->choice >= MIXED_LESS && literal->choice <= MIXED_GREATER_OR_EQUAL;
    literal->args[0] = mixed_find_var(making, is_of_set    ? MIXED_T_SET
                                              : is_decimal ? MIXED_T_DECIMAL
                                              : is_of_ip   ? MIXED_T_IP
                                                           : MIXED_T_STRING);
    if (literal->choice == MIXED_CONTAINS && mixed_choose(making, 2) == 0) {
        literal->args[0] =
            mixed_choose(making, 2) == 0 ? make_list(making) : mixed_find_var(making, MIXED_T_SET);
    }
    if (literal->args[0] == NULL) {
        return NULL;
    }
    bool is_set =
        literal->args[0]->op == MIXED_LIST || making->types[literal->args[0]->var] == MIXED_T_SET;
    if (literal->choice == MIXED_CONTAINS && is_set && mixed_choose(making, 2) == 0 &&
        mixed_has_room(making)) {
        literal->is_negated = false;
        literal->args[1] = mixed_make_new(making, MIXED_T_ANY);
    } else if (literal->arg_count > 1) {
        literal->args[1] = is_of_set    ? mixed_find_var(making, MIXED_T_SET)
                           : is_decimal ? mixed_make_value(making, MIXED_T_DECIMAL)
                           : is_of_ip   ? mixed_make_value(making, MIXED_T_IP)
                                        : mixed_make_value(making, MIXED_T_STRING);
    }
    if (literal->choice == MIXED_MATCHES && literal->args[1]->op == MIXED_CONST) {
        literal->args[1] = make_glob(making);
    }
    return literal->arg_count < 2 || literal->args[1] != NULL ? literal : NULL;
}

/* V = D.offset(T), and its like: within bounds, too. */
void mixed_put_called(struct mixed_making *making, struct mixed_body *body)
{
    enum mixed_method method = (enum mixed_method)mixed_choose(making, MIXED_METHODS);
    enum mixed_type type = method >= MIXED_TO_MS                               ? MIXED_T_INT
                           : method == MIXED_OFFSET || method == MIXED_TO_DATE ? MIXED_T_DATETIME
                                                                               : MIXED_T_DURATION;
    struct mixed_expr *call = mixed_make_expr(making, MIXED_METHOD);
    struct mixed_literal *equal = mixed_make_literal(making, MIXED_COMPARE);
    call->method = method;
    call->left =
        mixed_find_var(making, method >= MIXED_TO_MS ? MIXED_T_DURATION : MIXED_T_DATETIME);
    if (call->left == NULL) {
        return;
    }
    if (method <= MIXED_SINCE) {
        call->right =
            mixed_make_value(making, method == MIXED_SINCE ? MIXED_T_DATETIME : MIXED_T_DURATION);
    }
    equal->arg_count = 2;
    equal->args[0] = mixed_make_new(making, type);
    equal->args[1] = call;
    mixed_add_literal(body, equal);
    if (type != MIXED_T_INT) {
        struct mixed_value bound = {.kind =
                                        type == MIXED_T_DATETIME ? MIXED_DATETIME : MIXED_DURATION,
                                    .number = 86400000 * 3};
        mixed_add_bounds(making, body, equal->args[0], bound);
    }
}

/* K = R["k"] */
const struct mixed_literal *mixed_make_access(struct mixed_making *making)
{
    const struct mixed_expr *record = mixed_find_var(making, MIXED_T_RECORD);
    if (record == NULL || !mixed_has_room(making)) {
        return NULL;
    }
    bool is_number = making->is_safe || mixed_choose(making, 2) == 0;
    struct mixed_literal *literal = mixed_make_literal(making, MIXED_COMPARE);
    struct mixed_expr *access = mixed_make_expr(making, MIXED_INDEX);
    access->left = record;
    access->value = (struct mixed_value){.kind = MIXED_STRING, .text = is_number ? "k" : "s"};
    literal->arg_count = 2;
    literal->args[0] = mixed_make_new(making, is_number ? MIXED_T_INT : MIXED_T_STRING);
    literal->args[1] = access;
    return literal;
}
