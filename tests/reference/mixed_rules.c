/* SPDX-License-Identifier: Apache-2.0 */
/* mixed_rules: random rules that keep the rules of safety and of strata. Their authors know what
 * columns hold, mostly: where nothing may fail, always. */
#include <string.h>

#include "reference/mixed.h"

/* A rule while it is being made. */
struct making {
    struct mixed_world *world;
    struct mixed_rule *rule;
    uint32_t rank;
    bool is_safe; /* nothing may fail */
    bool may_in;  /* `in` reads what comes before the head */
    enum mixed_type types[MIXED_MAX_VARS];
    bool is_known[MIXED_MAX_VARS]; /* has a value wherever its literal stands */
};

static uint32_t pick(struct making *making, uint32_t below)
{
    return mixed_pick(making->world, below);
}

/* ---- expressions ---- */

static struct mixed_expr *make_expr(struct making *making, enum mixed_op op)
{
    struct mixed_expr *expr = RUNE_ARENA_ARRAY(&making->world->arena, struct mixed_expr, 1);
    *expr = (struct mixed_expr){.op = op};
    return expr;
}

static const struct mixed_expr *make_const(struct making *making, enum mixed_type type)
{
    struct mixed_expr *expr = make_expr(making, MIXED_CONST);
    expr->value = mixed_random_value(making->world, type);
    return expr;
}

static const struct mixed_expr *make_number(struct making *making, int64_t number)
{
    struct mixed_expr *expr = make_expr(making, MIXED_CONST);
    expr->value = (struct mixed_value){.kind = MIXED_LONG, .number = number};
    return expr;
}

static const struct mixed_expr *make_var(struct making *making, uint32_t var)
{
    struct mixed_expr *expr = make_expr(making, MIXED_VAR);
    expr->var = var;
    return expr;
}

static bool has_room(const struct making *making)
{
    return making->rule->var_count + 4 < MIXED_MAX_VARS;
}

static const struct mixed_expr *make_new(struct making *making, enum mixed_type type)
{
    uint32_t var = making->rule->var_count++;
    making->types[var] = type;
    making->is_known[var] = true;
    return make_var(making, var);
}

static const struct mixed_expr *make_wild(struct making *making)
{
    struct mixed_expr *expr = make_expr(making, MIXED_VAR);
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
static const struct mixed_expr *find_var(struct making *making, enum mixed_type type)
{
    uint32_t count = making->rule->var_count, start = count > 0 ? pick(making, count) : 0;
    bool any = !making->is_safe && pick(making, 12) == 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t var = (start + i) % count;
        bool fits = any || making->types[var] == type || type == MIXED_T_ANY ||
                    (type == MIXED_T_ENTITY && is_entity_type(making->types[var]));
        if (making->is_known[var] && fits) {
            return make_var(making, var);
        }
    }
    return NULL;
}

/* A variable with a value, or a constant; sets and records have no constants. */
static const struct mixed_expr *make_value(struct making *making, enum mixed_type type)
{
    const struct mixed_expr *var = pick(making, 6) > 0 ? find_var(making, type) : NULL;
    if (type == MIXED_T_SET || type == MIXED_T_RECORD) {
        return var != NULL ? var : find_var(making, type);
    }
    return var != NULL
               ? var
               : make_const(making, !making->is_safe && pick(making, 20) == 0 ? MIXED_T_ANY : type);
}

static const struct mixed_expr *make_arithmetic(struct making *making, uint32_t depth)
{
    if (depth == 0 || pick(making, 3) == 0) {
        return make_value(making, MIXED_T_INT);
    }
    struct mixed_expr *expr =
        make_expr(making, (enum mixed_op)(MIXED_ADD + pick(making, MIXED_NEG - MIXED_ADD + 1)));
    expr->left = make_arithmetic(making, depth - 1);
    if (expr->op == MIXED_NEG) {
        return expr;
    }
    bool divides = expr->op == MIXED_DIV || expr->op == MIXED_MOD;
    expr->right = divides && making->is_safe ? make_number(making, 1 + pick(making, 3))
                                             : make_arithmetic(making, depth - 1);
    return expr;
}

/* ---- literals ---- */

static struct mixed_literal *make_literal(struct making *making, enum mixed_literal_kind kind)
{
    struct mixed_literal *literal =
        RUNE_ARENA_ARRAY(&making->world->arena, struct mixed_literal, 1);
    *literal = (struct mixed_literal){.kind = kind};
    return literal;
}

static void add(struct mixed_body *body, const struct mixed_literal *literal)
{
    if (literal != NULL && body->count < MIXED_MAX_LITERALS) {
        body->literals[body->count++] = literal;
    }
}

/* A relation that the head may read; `below`: through a negation or an aggregate. UINT32_MAX: a
 * few tries found none. */
static uint32_t pick_relation(struct making *making, bool below)
{
    for (uint32_t turn = 0; turn < 30; turn++) {
        uint32_t number = pick(making, 3) == 0   ? pick(making, MIXED_BASE)
                          : pick(making, 2) == 0 ? MIXED_BASE + pick(making, MIXED_BASES)
                                                 : MIXED_DERIVED + pick(making, MIXED_DERIVEDS);
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
static const struct mixed_literal *make_atom(struct making *making, uint32_t relation, int names)
{
    if (relation == UINT32_MAX) {
        return NULL;
    }
    struct mixed_literal *literal = make_literal(making, MIXED_ATOM);
    const struct mixed_relation *read = &making->world->relations[relation];
    literal->relation = relation;
    literal->arg_count = read->arity;
    for (uint32_t i = 0; i < read->arity; i++) {
        enum mixed_type type = read->types[i];
        bool has_no_constant = type == MIXED_T_SET || type == MIXED_T_RECORD;
        uint32_t kind = pick(making, 12);
        const struct mixed_expr *var = kind < 7 || names == 0 ? find_var(making, type) : NULL;
        if (var != NULL) {
            literal->args[i] = var;
        } else if ((kind == 11 && relation != MIXED_ID) || !has_room(making) ||
                   (names == 0 && has_no_constant)) {
            literal->args[i] = make_wild(making);
        } else if ((kind == 10 && !has_no_constant) || names == 0 ||
                   (relation == MIXED_ID && i == 0)) {
            /* Of entity.id the entity is known: type and id would make ones of no world. */
            literal->args[i] = make_const(making, type);
        } else {
            literal->args[i] = make_new(making, type);
            making->rule->is_local[making->rule->var_count - 1] = names == 2;
        }
    }
    return literal;
}

static const struct mixed_literal *make_negation(struct making *making)
{
    uint32_t relation = pick_relation(making, true);
    if (relation == UINT32_MAX) {
        return NULL;
    }
    struct mixed_literal *literal = (void *)(uintptr_t)make_atom(making, relation, 0);
    literal->is_negated = true;
    return literal;
}

static const struct mixed_literal *make_compare(struct making *making)
{
    static const enum mixed_type types[] = {MIXED_T_INT, MIXED_T_INT, MIXED_T_STRING,
                                            MIXED_T_DURATION};
    enum mixed_type type = types[pick(making, 4)];
    struct mixed_literal *literal = make_literal(making, MIXED_COMPARE);
    literal->choice = pick(making, 6);
    if (literal->choice <= MIXED_NE && pick(making, 2) == 0) {
        type = (enum mixed_type)pick(making, MIXED_T_DURATION + 1);
    }
    literal->arg_count = 2;
    literal->args[0] = make_value(making, type);
    literal->args[1] = type == MIXED_T_INT ? make_arithmetic(making, 1) : make_value(making, type);
    return literal->args[0] != NULL && literal->args[1] != NULL ? literal : NULL;
}

/* A new variable by `=`, kept within bounds since it may go round. */
static void put_computed(struct making *making, struct mixed_body *body)
{
    bool is_text = !making->is_safe && pick(making, 4) == 0;
    struct mixed_literal *equal = make_literal(making, MIXED_COMPARE);
    const struct mixed_expr *value;
    struct mixed_expr *joined = make_expr(making, MIXED_CONCAT);
    joined->left = make_value(making, MIXED_T_STRING);
    joined->right = make_value(making, MIXED_T_STRING);
    value = is_text ? joined : make_arithmetic(making, 2);
    equal->arg_count = 2;
    equal->args[0] = make_new(making, is_text ? MIXED_T_STRING : MIXED_T_INT);
    equal->args[1] = value;
    add(body, equal);
    const struct mixed_expr *bounded = equal->args[0];
    if (is_text) {
        struct mixed_literal *length = make_literal(making, MIXED_COMPARE);
        struct mixed_expr *of = make_expr(making, MIXED_LENGTH);
        of->left = bounded;
        length->arg_count = 2;
        length->args[0] = bounded = make_new(making, MIXED_T_INT);
        length->args[1] = of;
        add(body, length);
    }
    for (int side = 0; side < 2; side++) {
        struct mixed_literal *bound = make_literal(making, MIXED_COMPARE);
        bound->choice = side == 0 ? MIXED_LT : MIXED_GT;
        bound->arg_count = 2;
        bound->args[0] = bounded;
        bound->args[1] = make_number(making, side == 0 ? 6 : -4);
        add(body, bound);
    }
}

static const struct mixed_literal *make_in(struct making *making)
{
    struct mixed_literal *literal = make_literal(making, MIXED_IN);
    literal->args[0] = find_var(making, MIXED_T_ENTITY);
    if (literal->args[0] == NULL || !making->may_in) {
        return NULL;
    }
    literal->is_negated = pick(making, 4) == 0;
    literal->arg_count = 2 + (pick(making, 3) == 0);
    for (uint32_t i = 1; i < literal->arg_count; i++) {
        const struct mixed_expr *value = make_value(making, MIXED_T_GROUP);
        if (value->op == MIXED_CONST && value->value.kind != MIXED_ENTITY) {
            return NULL; /* what can never be an entity is refused */
        }
        literal->args[i] = value;
    }
    return literal;
}

/* `E is User`, or `E is User in G`. */
static const struct mixed_literal *make_is(struct making *making)
{
    struct mixed_literal *literal = make_literal(making, MIXED_IS);
    literal->choice = pick(making, 4);
    literal->is_negated = pick(making, 4) == 0;
    literal->arg_count = 1;
    literal->args[0] = find_var(making, MIXED_T_ENTITY);
    if (making->may_in && !literal->is_negated && pick(making, 3) == 0) {
        literal->args[literal->arg_count++] = make_const(making, MIXED_T_GROUP);
    }
    return literal->args[0] != NULL ? literal : NULL;
}

static const struct mixed_expr *make_glob(struct making *making)
{
    static const char *const globs[] = {"a*", "*b", "\\*", "*", "", "a\\*", "*a*b*"};
    struct mixed_expr *expr = make_expr(making, MIXED_CONST);
    expr->value = (struct mixed_value){.kind = MIXED_STRING, .text = globs[pick(making, 7)]};
    return expr;
}

/* ["a", 1] */
static const struct mixed_expr *make_list(struct making *making)
{
    struct mixed_expr *expr = make_expr(making, MIXED_LIST);
    struct mixed_value *items = RUNE_ARENA_ARRAY(&making->world->arena, struct mixed_value, 3);
    expr->value = (struct mixed_value){.kind = MIXED_SET, .items = items};
    for (uint32_t i = 1 + pick(making, 3); i > 0; i--) {
        items[expr->value.count] =
            mixed_random_value(making->world, pick(making, 4) == 0 ? MIXED_T_INT : MIXED_T_STRING);
        expr->value.count += !mixed_has_item(&expr->value, &items[expr->value.count]);
    }
    return expr;
}

static const struct mixed_literal *make_test(struct making *making)
{
    struct mixed_literal *literal = make_literal(making, MIXED_TEST);
    literal->choice = pick(making, MIXED_TESTS);
    literal->is_negated = pick(making, 4) == 0;
    literal->arg_count = literal->choice == MIXED_IS_EMPTY ? 1 : 2;
    bool is_of_set = literal->choice >= MIXED_CONTAINS_ALL;
    bool is_decimal = literal->choice == MIXED_LESS || literal->choice == MIXED_GREATER_OR_EQUAL;
    literal->args[0] = find_var(making, is_of_set    ? MIXED_T_SET
                                        : is_decimal ? MIXED_T_DECIMAL
                                                     : MIXED_T_STRING);
    if (literal->choice == MIXED_CONTAINS && pick(making, 2) == 0) {
        literal->args[0] = pick(making, 2) == 0 ? make_list(making) : find_var(making, MIXED_T_SET);
    }
    if (literal->args[0] == NULL) {
        return NULL;
    }
    bool is_set =
        literal->args[0]->op == MIXED_LIST || making->types[literal->args[0]->var] == MIXED_T_SET;
    if (literal->choice == MIXED_CONTAINS && is_set && pick(making, 2) == 0 && has_room(making)) {
        literal->is_negated = false;
        literal->args[1] = make_new(making, MIXED_T_ANY);
    } else if (literal->arg_count > 1) {
        literal->args[1] = is_of_set    ? find_var(making, MIXED_T_SET)
                           : is_decimal ? make_value(making, MIXED_T_DECIMAL)
                                        : make_value(making, MIXED_T_STRING);
    }
    if (literal->choice == MIXED_MATCHES && literal->args[1]->op == MIXED_CONST) {
        literal->args[1] = make_glob(making);
    }
    return literal->arg_count < 2 || literal->args[1] != NULL ? literal : NULL;
}

/* K = R["k"] */
static const struct mixed_literal *make_access(struct making *making)
{
    const struct mixed_expr *record = find_var(making, MIXED_T_RECORD);
    if (record == NULL || !has_room(making)) {
        return NULL;
    }
    bool is_number = making->is_safe || pick(making, 2) == 0;
    struct mixed_literal *literal = make_literal(making, MIXED_COMPARE);
    struct mixed_expr *access = make_expr(making, MIXED_INDEX);
    access->left = record;
    access->value = (struct mixed_value){.kind = MIXED_STRING, .text = is_number ? "k" : "s"};
    literal->arg_count = 2;
    literal->args[0] = make_new(making, is_number ? MIXED_T_INT : MIXED_T_STRING);
    literal->args[1] = access;
    return literal;
}

/* ---- bodies in bodies ---- */

static struct mixed_body *make_bodies(struct making *making, struct mixed_literal *literal,
                                      uint32_t count)
{
    literal->bodies = RUNE_ARENA_ARRAY(&making->world->arena, struct mixed_body, count);
    memset(literal->bodies, 0, sizeof(*literal->bodies) * count);
    literal->body_count = count;
    return literal->bodies;
}

/* A value of the braces from the variable `first` on: what comes from outside might grow with each
 * round of a recursion. */
static const struct mixed_expr *make_inner_value(struct making *making, uint32_t first)
{
    for (uint32_t var = first; var < making->rule->var_count; var++) {
        if (making->types[var] == MIXED_T_INT && making->is_known[var]) {
            return make_var(making, var);
        }
    }
    return make_const(making, MIXED_T_INT);
}

static const struct mixed_literal *make_aggregate(struct making *making)
{
    struct mixed_literal *literal = make_literal(making, MIXED_AGGREGATE);
    struct mixed_body *body = make_bodies(making, literal, 1);
    uint32_t first = making->rule->var_count;
    literal->choice = pick(making, making->is_safe ? MIXED_MEAN : MIXED_FOLDS);
    literal->arg_count = literal->choice == MIXED_COUNT ? 1 : 2;
    for (uint32_t i = 1 + (pick(making, 3) == 0); i > 0; i--) {
        add(body, make_atom(making, pick_relation(making, true), 2));
    }
    if (body->count == 0) {
        return NULL;
    }
    if (pick(making, 4) == 0) {
        add(body, pick(making, 2) == 0 ? make_compare(making) : make_negation(making));
    }
    if (literal->arg_count > 1) {
        literal->args[1] = making->is_safe        ? make_inner_value(making, first)
                           : pick(making, 4) == 0 ? make_arithmetic(making, 1)
                                                  : make_value(making, MIXED_T_INT);
    }
    for (uint32_t var = first; var < making->rule->var_count; var++) {
        making->is_known[var] = false; /* outside of the braces */
    }
    literal->args[0] = pick(making, 4) > 0 && has_room(making) ? make_new(making, MIXED_T_INT)
                                                               : make_value(making, MIXED_T_INT);
    return literal;
}

/* Branches that test, or all bind one variable by atoms of one column type. */
static const struct mixed_literal *make_either(struct making *making)
{
    struct mixed_literal *literal = make_literal(making, MIXED_EITHER);
    uint32_t count = 2 + (pick(making, 4) == 0);
    struct mixed_body *bodies = make_bodies(making, literal, count);
    bool binds = pick(making, 2) == 0 && has_room(making);
    enum mixed_type type = pick(making, 2) == 0 ? MIXED_T_INT : MIXED_T_USER;
    const struct mixed_expr *value = NULL;
    uint32_t var = UINT32_MAX;
    if (binds) {
        value = make_new(making, type);
        var = value->var;
        making->is_known[var] = false;
    }
    for (uint32_t b = 0; b < count; b++) {
        if (binds) {
            struct mixed_literal *equal = make_literal(making, MIXED_COMPARE);
            equal->arg_count = 2;
            equal->args[0] = value;
            equal->args[1] = make_value(making, type);
            add(&bodies[b], equal);
        }
        if (!binds || pick(making, 2) == 0) {
            const struct mixed_literal *test = pick(making, 3) == 0   ? make_negation(making)
                                               : pick(making, 2) == 0 ? make_compare(making)
                                                                      : make_in(making);
            add(&bodies[b],
                test != NULL ? test : make_atom(making, pick_relation(making, false), 0));
        }
        if (bodies[b].count == 0) {
            return NULL;
        }
    }
    if (binds) {
        making->is_known[var] = true;
    }
    return literal;
}

static void put_extra(struct making *making, struct mixed_body *body)
{
    switch (pick(making, 12)) {
    case 0:
    case 1:
        add(body, make_negation(making));
        return;
    case 2:
        if (has_room(making)) {
            put_computed(making, body);
        }
        return;
    case 3:
    case 4:
        add(body, make_in(making));
        return;
    case 5:
        add(body, make_is(making));
        return;
    case 6:
        add(body, make_test(making));
        return;
    case 7:
        add(body, make_access(making));
        return;
    case 8:
    case 9:
        if (has_room(making)) {
            add(body, make_aggregate(making));
        }
        return;
    case 10:
        add(body, make_either(making));
        return;
    default:
        add(body, make_compare(making));
    }
}

/* ---- rules ---- */

/* `V is T`, so that what is derived fits where it goes. */
static void put_typed(struct making *making, struct mixed_body *body, const struct mixed_expr *expr,
                      enum mixed_type type)
{
    if (expr->op == MIXED_VAR && making->types[expr->var] != type && type <= MIXED_T_ACTION) {
        struct mixed_literal *literal = make_literal(making, MIXED_IS);
        literal->choice = type;
        literal->arg_count = 1;
        literal->args[0] = expr;
        add(body, literal);
    }
}

static void put_request(struct making *making, struct mixed_body *body)
{
    static const enum mixed_type types[] = {MIXED_T_USER, MIXED_T_ACTION, MIXED_T_DOC};
    for (uint32_t place = 0; place < 3; place++) {
        struct mixed_literal *literal = make_literal(making, MIXED_ATOM);
        literal->relation = MIXED_PRINCIPAL + place;
        literal->arg_count = 1;
        literal->args[0] = make_new(making, types[place]);
        making->rule->args[place] = literal->args[0];
        add(body, literal);
    }
}

static void put_head(struct making *making, struct mixed_body *body)
{
    struct mixed_rule *rule = making->rule;
    const struct mixed_relation *head = &making->world->relations[rule->head];
    bool is_parent = rule->head == MIXED_PARENT;
    for (uint32_t i = 0; i < head->arity; i++) {
        enum mixed_type type = is_parent && i == 0 ? MIXED_T_USER : head->types[i];
        bool is_constant = pick(making, 10) == 0;
        const struct mixed_expr *var = is_constant ? NULL : find_var(making, type);
        rule->args[i] = var != NULL ? var : make_const(making, type);
        put_typed(making, body, rule->args[i], type);
    }
}

static void random_rule(struct mixed_world *world, uint32_t head)
{
    if (world->rule_count == MIXED_MAX_RULES) {
        return;
    }
    struct mixed_rule *rule = &world->rules[world->rule_count++];
    bool decides = head == MIXED_PERMIT || head == MIXED_FORBID;
    struct making making = {.world = world, .rule = rule, .rank = world->relations[head].rank};
    rule->head = head;
    making.is_safe = world->is_safe && making.rank <= MIXED_RANK_OF_ENTITY_DATA;
    making.may_in = making.rank > world->relations[MIXED_PARENT].rank;
    if (decides) {
        put_request(&making, &rule->body);
    }
    for (uint32_t i = (decides ? 0 : 1) + pick(&making, 3); i > 0; i--) {
        add(&rule->body, make_atom(&making, pick_relation(&making, false), 1));
    }
    for (uint32_t i = pick(&making, 4); i > 0; i--) {
        put_extra(&making, &rule->body);
    }
    if (!decides) {
        put_head(&making, &rule->body);
    } else if (pick(&making, 4) == 0) { /* one place is no variable of the request's */
        uint32_t place = pick(&making, 3);
        enum mixed_type type = world->relations[head].types[place];
        const struct mixed_expr *value = make_value(&making, type);
        bool is_foreign = value->op == MIXED_CONST && value->value.kind != MIXED_ENTITY;
        rule->args[place] = is_foreign ? rule->args[place] : value;
    }
    if (rule->body.count == 0 || rule->body.count >= MIXED_MAX_LITERALS) {
        world->rule_count--;
        memset(rule, 0, sizeof(*rule));
    }
}

void mixed_random_rules(struct mixed_world *world)
{
    for (uint32_t d = MIXED_DERIVED; d < MIXED_RELATIONS; d++) {
        for (uint32_t i = mixed_pick(world, 4); i > 0; i--) {
            random_rule(world, d);
        }
    }
    for (uint32_t i = 1 + mixed_pick(world, 2); i > 0; i--) {
        if (world->derives_parents) {
            random_rule(world, MIXED_PARENT);
        }
        if (world->derives_editors) {
            random_rule(world, MIXED_ELEMENT_EDITORS);
        }
        if (world->derives_tier) {
            random_rule(world, MIXED_CONTEXT_TIER);
        }
    }
    if (world->derives_rank) {
        random_rule(world, MIXED_ATTR + MIXED_RANK);
    }
    for (uint32_t i = 1 + mixed_pick(world, 5); i > 0; i--) {
        random_rule(world, mixed_pick(world, 4) == 0 ? MIXED_FORBID : MIXED_PERMIT);
    }
}
