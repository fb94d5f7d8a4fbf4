/* SPDX-License-Identifier: Apache-2.0 */
/* mixed_rules: random rules that keep the rules of safety and of strata. Their authors know what
 * columns hold, mostly: where nothing may fail, always. */
#include <string.h>

#include "reference/mixed_making.h"

/* ---- bodies in bodies ---- */

static struct mixed_body *make_bodies(struct mixed_making *making, struct mixed_literal *literal,
                                      uint32_t count)
{
    literal->bodies = RUNE_ARENA_ARRAY(&making->world->arena, struct mixed_body, count);
    memset(literal->bodies, 0, sizeof(*literal->bodies) * count);
    literal->body_count = count;
    return literal->bodies;
}

/* A value of the braces from the variable `first` on: what comes from outside might grow with each
 * round of a recursion. */
static const struct mixed_expr *make_inner_value(struct mixed_making *making, uint32_t first)
{
    for (uint32_t var = first; var < making->rule->var_count; var++) {
        if (making->types[var] == MIXED_T_INT && making->is_known[var]) {
            return mixed_make_var(making, var);
        }
    }
    return mixed_make_const(making, MIXED_T_INT);
}

static const struct mixed_literal *make_either(struct mixed_making *making, uint32_t depth,
                                               bool may_bind, bool is_inner);

/* What it may run through has a value there alone. */
static const struct mixed_literal *make_test_within(struct mixed_making *making, bool is_inner)
{
    uint32_t first = making->rule->var_count;
    const struct mixed_literal *literal = mixed_make_test(making);
    for (uint32_t var = first; var < making->rule->var_count; var++) {
        making->is_known[var] = false;
        making->rule->is_local[var] = is_inner;
    }
    return literal;
}

static const struct mixed_literal *make_test(struct mixed_making *making, uint32_t depth,
                                             bool is_inner)
{
    switch (mixed_choose(making, 8)) {
    case 0:
    case 1:
        return mixed_make_negation(making);
    case 2:
        return mixed_make_in(making);
    case 3:
        return make_test_within(making, is_inner);
    case 4:
        return mixed_make_is(making);
    case 5:
        return depth > 0 ? make_either(making, depth - 1, false, is_inner) : NULL;
    default:
        return mixed_make_compare(making);
    }
}

/* Branches that test, or all bind one variable by atoms of one column type. `is_inner`: within
 * braces. */
static const struct mixed_literal *make_either(struct mixed_making *making, uint32_t depth,
                                               bool may_bind, bool is_inner)
{
    struct mixed_literal *literal = mixed_make_literal(making, MIXED_EITHER);
    uint32_t count = 2 + (mixed_choose(making, 4) == 0);
    struct mixed_body *bodies = make_bodies(making, literal, count);
    bool binds = may_bind && mixed_choose(making, 2) == 0 && mixed_has_room(making);
    enum mixed_type type = mixed_choose(making, 2) == 0 ? MIXED_T_INT : MIXED_T_USER;
    const struct mixed_expr *value = NULL;
    uint32_t var = UINT32_MAX;
    if (binds) {
        value = mixed_make_new(making, type);
        var = value->var;
        making->is_known[var] = false;
        making->rule->is_local[var] = is_inner;
    }
    for (uint32_t b = 0; b < count; b++) {
        if (binds) {
            struct mixed_literal *equal = mixed_make_literal(making, MIXED_COMPARE);
            equal->arg_count = 2;
            equal->args[0] = value;
            equal->args[1] = mixed_make_value(making, type);
            mixed_add_literal(&bodies[b], equal);
        }
        if (!binds || mixed_choose(making, 2) == 0) {
            const struct mixed_literal *test = make_test(making, depth, is_inner);
            mixed_add_literal(
                &bodies[b],
                test != NULL ? test
                             : mixed_make_atom(making, mixed_pick_relation(making, is_inner), 0));
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

static const struct mixed_literal *make_aggregate(struct mixed_making *making)
{
    struct mixed_literal *literal = mixed_make_literal(making, MIXED_AGGREGATE);
    struct mixed_body *body = make_bodies(making, literal, 1);
    uint32_t first = making->rule->var_count;
    literal->choice = mixed_choose(making, making->is_safe ? MIXED_MEAN : MIXED_FOLDS);
    literal->arg_count = literal->choice == MIXED_COUNT ? 1 : 2;
    for (uint32_t i = 1 + (mixed_choose(making, 3) == 0); i > 0; i--) {
        mixed_add_literal(body, mixed_make_atom(making, mixed_pick_relation(making, true), 2));
    }
    if (body->count == 0) {
        return NULL;
    }
    if (mixed_choose(making, 3) == 0) {
        mixed_add_literal(body, mixed_choose(making, 3) == 0 ? make_either(making, 1, true, true)
                                                             : make_test(making, 1, true));
    }
    if (literal->arg_count > 1) {
        literal->args[1] = making->is_safe                ? make_inner_value(making, first)
                           : mixed_choose(making, 4) == 0 ? mixed_make_arithmetic(making, 1)
                           : mixed_choose(making, 6) == 0 ? mixed_make_value(making, MIXED_T_STRING)
                                                          : mixed_make_value(making, MIXED_T_INT);
    }
    for (uint32_t var = first; var < making->rule->var_count; var++) {
        making->is_known[var] = false; /* outside of the braces */
    }
    literal->args[0] = mixed_choose(making, 4) > 0 && mixed_has_room(making)
                           ? mixed_make_new(making, MIXED_T_INT)
                           : mixed_make_value(making, MIXED_T_INT);
    return literal;
}

static void put_aggregate(struct mixed_making *making, struct mixed_body *body)
{
    const struct mixed_literal *literal = make_aggregate(making);
    mixed_add_literal(body, literal);
    if (literal != NULL && literal->choice != MIXED_COUNT && !making->is_safe &&
        literal->args[0]->op == MIXED_VAR) {
        mixed_add_bounds(making, body, literal->args[0],
                         (struct mixed_value){.kind = MIXED_LONG, .number = 30});
    }
}

static void put_extra(struct mixed_making *making, struct mixed_body *body)
{
    switch (mixed_choose(making, 14)) {
    case 0:
    case 1:
        mixed_add_literal(body, mixed_make_negation(making));
        return;
    case 2:
        if (mixed_has_room(making)) {
            mixed_put_computed(making, body);
        }
        return;
    case 3:
    case 4:
        mixed_add_literal(body, mixed_make_in(making));
        return;
    case 5:
        mixed_add_literal(body, mixed_make_is(making));
        return;
    case 6:
        mixed_add_literal(body, mixed_make_test(making));
        return;
    case 7:
        mixed_add_literal(body, mixed_make_access(making));
        return;
    case 8:
    case 9:
        if (mixed_has_room(making)) {
            put_aggregate(making, body);
        }
        return;
    case 10:
    case 11:
        if (mixed_has_room(making)) {
            mixed_put_called(making, body);
        }
        return;
    case 12:
        mixed_add_literal(body, make_either(making, 2, true, false));
        return;
    default:
        mixed_add_literal(body, mixed_make_compare(making));
    }
}

/* ---- rules ---- */

/* `V is T`, so that what is derived fits where it goes. */
static void put_typed(struct mixed_making *making, struct mixed_body *body,
                      const struct mixed_expr *expr, enum mixed_type type)
{
    if (expr->op == MIXED_VAR && making->types[expr->var] != type && type <= MIXED_T_ACTION) {
        struct mixed_literal *literal = mixed_make_literal(making, MIXED_IS);
        literal->choice = type;
        literal->arg_count = 1;
        literal->args[0] = expr;
        mixed_add_literal(body, literal);
    }
}

static void put_request(struct mixed_making *making, struct mixed_body *body)
{
    static const enum mixed_type types[] = {MIXED_T_USER, MIXED_T_ACTION, MIXED_T_DOC};
    for (uint32_t place = 0; place < 3; place++) {
        struct mixed_literal *literal = mixed_make_literal(making, MIXED_ATOM);
        literal->relation = MIXED_PRINCIPAL + place;
        literal->arg_count = 1;
        literal->args[0] = mixed_make_new(making, types[place]);
        making->rule->args[place] = literal->args[0];
        mixed_add_literal(body, literal);
    }
}

static void put_head(struct mixed_making *making, struct mixed_body *body)
{
    struct mixed_rule *rule = making->rule;
    const struct mixed_relation *head = &making->world->relations[rule->head];
    bool is_parent = rule->head == MIXED_PARENT;
    for (uint32_t i = 0; i < head->arity; i++) {
        enum mixed_type type = is_parent && i == 0 ? MIXED_T_USER : head->types[i];
        bool is_constant = mixed_choose(making, 10) == 0;
        const struct mixed_expr *var = is_constant ? NULL : mixed_find_var(making, type);
        rule->args[i] = var != NULL ? var : mixed_make_const(making, type);
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
    struct mixed_making making = {
        .world = world, .rule = rule, .rank = world->relations[head].rank};
    rule->head = head;
    making.is_safe = world->is_safe && making.rank <= MIXED_RANK_OF_ENTITY_DATA;
    making.may_in = making.rank > world->relations[MIXED_PARENT].rank;
    if (decides) {
        put_request(&making, &rule->body);
    }
    for (uint32_t i = (decides ? 0 : 1) + mixed_choose(&making, 3); i > 0; i--) {
        mixed_add_literal(&rule->body,
                          mixed_make_atom(&making, mixed_pick_relation(&making, false), 1));
    }
    for (uint32_t i = mixed_choose(&making, 4); i > 0; i--) {
        put_extra(&making, &rule->body);
    }
    if (!decides) {
        put_head(&making, &rule->body);
    } else if (mixed_choose(&making, 4) == 0) { /* one place is no variable of the request's */
        uint32_t place = mixed_choose(&making, 3);
        enum mixed_type type = world->relations[head].types[place];
        const struct mixed_expr *value = mixed_make_value(&making, type);
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
