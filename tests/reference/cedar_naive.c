/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cedar_naive.h"

#include <string.h>

struct context {
    const struct naive_world *world;
    const struct naive_request *request;
    const struct rune_cedar_link *link;
    struct rune_arena *arena;
};

typedef bool truth; /* false: the evaluation failed */

static truth evaluate(const struct context *c, const struct rune_cedar_expr *expr,
                      struct naive_value *ret);

/* ---- values ---- */

static struct naive_value make_uid(const struct rune_cedar_uid *uid)
{
    return (struct naive_value){.kind = NAIVE_ENTITY, .type = uid->type, .text = uid->id};
}

static bool contains(const struct naive_value *set, const struct naive_value *element)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (naive_equal(&set->items[i], element)) {
            return true;
        }
    }
    return false;
}

static bool contains_all(const struct naive_value *a, const struct naive_value *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        if (!contains(a, &b->items[i])) {
            return false;
        }
    }
    return true;
}

static const struct naive_value *get(const struct naive_value *record, struct rune_str name)
{
    for (uint32_t i = 0; i < record->count; i++) {
        if (rune_str_equal(record->names[i], name)) {
            return &record->items[i];
        }
    }
    return NULL;
}

bool naive_equal(const struct naive_value *a, const struct naive_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case NAIVE_BOOL:
        return a->boolean == b->boolean;
    case NAIVE_LONG:
        return a->number == b->number;
    case NAIVE_STRING:
        return rune_str_equal(a->text, b->text);
    case NAIVE_ENTITY:
        return rune_str_equal(a->text, b->text) && rune_str_equal(a->type, b->type);
    case NAIVE_SET:
        return contains_all(a, b) && contains_all(b, a);
    case NAIVE_RECORD:
        if (a->count != b->count) {
            return false;
        }
        for (uint32_t i = 0; i < a->count; i++) {
            const struct naive_value *other = get(b, a->names[i]);
            if (other == NULL || !naive_equal(&a->items[i], other)) {
                return false;
            }
        }
        return true;
    case NAIVE_EXT:
        return memcmp(&a->ext, &b->ext, sizeof a->ext) == 0;
    }
    return false;
}

/* ---- entities ---- */

const struct naive_entity *naive_find(const struct naive_world *world,
                                      const struct naive_value *uid)
{
    for (uint32_t i = 0; i < world->entity_count; i++) {
        if (naive_equal(&world->entities[i].uid, uid)) {
            return &world->entities[i];
        }
    }
    return NULL;
}

/* The hierarchy has no cycles. */
bool naive_in(const struct naive_world *world, const struct naive_value *uid,
              const struct naive_value *ancestor)
{
    if (naive_equal(uid, ancestor)) {
        return true;
    }
    const struct naive_entity *entity = naive_find(world, uid);
    for (uint32_t i = 0; entity != NULL && i < entity->parent_count; i++) {
        if (naive_in(world, &entity->parents[i], ancestor)) {
            return true;
        }
    }
    return false;
}

/* ---- operators ---- */

static truth as_kind(const struct context *c, const struct rune_cedar_expr *expr,
                     enum naive_kind kind, struct naive_value *ret)
{
    return evaluate(c, expr, ret) && ret->kind == kind;
}

static truth compare(const struct context *c, const struct rune_cedar_expr *expr,
                     struct naive_value *ret)
{
    struct naive_value a, b;
    if (!evaluate(c, expr->args[0], &a) || !evaluate(c, expr->args[1], &b) || a.kind != b.kind) {
        return false;
    }
    int64_t x, y;
    if (a.kind == NAIVE_LONG) {
        x = a.number;
        y = b.number;
    } else if (a.kind == NAIVE_EXT && a.ext.kind == b.ext.kind &&
               (a.ext.kind == RUNE_EXT_DATETIME || a.ext.kind == RUNE_EXT_DURATION)) {
        x = a.ext.as.number;
        y = b.ext.as.number;
    } else {
        return false;
    }
    *ret = naive_bool(expr->kind == RUNE_EXPR_LT   ? x < y
                      : expr->kind == RUNE_EXPR_LE ? x <= y
                      : expr->kind == RUNE_EXPR_GT ? x > y
                                                   : x >= y);
    return true;
}

static truth arithmetic(const struct context *c, const struct rune_cedar_expr *expr,
                        struct naive_value *ret)
{
    struct naive_value a, b;
    if (!as_kind(c, expr->args[0], NAIVE_LONG, &a) || !as_kind(c, expr->args[1], NAIVE_LONG, &b)) {
        return false;
    }
    __int128 result = expr->kind == RUNE_EXPR_ADD   ? (__int128)a.number + b.number
                      : expr->kind == RUNE_EXPR_SUB ? (__int128)a.number - b.number
                                                    : (__int128)a.number * b.number;
    *ret = naive_long((int64_t)result);
    return result >= INT64_MIN && result <= INT64_MAX;
}

static truth is_in(const struct context *c, const struct naive_value *a,
                   const struct naive_value *b, struct naive_value *ret)
{
    if (a->kind != NAIVE_ENTITY || (b->kind != NAIVE_ENTITY && b->kind != NAIVE_SET)) {
        return false;
    }
    bool found = b->kind == NAIVE_ENTITY && naive_in(c->world, a, b);
    if (b->kind == NAIVE_SET) {
        for (uint32_t i = 0; i < b->count; i++) {
            if (b->items[i].kind != NAIVE_ENTITY) {
                return false;
            }
        }
        for (uint32_t i = 0; i < b->count; i++) {
            found = found || naive_in(c->world, a, &b->items[i]);
        }
    }
    *ret = naive_bool(found);
    return true;
}

static truth attribute(const struct context *c, const struct naive_value *object,
                       struct rune_str name, const struct naive_value **ret)
{
    if (object->kind == NAIVE_RECORD) {
        *ret = get(object, name);
        return true;
    }
    if (object->kind != NAIVE_ENTITY) {
        return false;
    }
    const struct naive_entity *entity = naive_find(c->world, object);
    *ret = entity != NULL ? get(&entity->attrs, name) : NULL;
    return true;
}

static truth has(const struct context *c, const struct rune_cedar_expr *expr,
                 struct naive_value *ret)
{
    struct naive_value object;
    if (!evaluate(c, expr->args[0], &object)) {
        return false;
    }
    for (uint32_t i = 0; i < expr->as.path.count; i++) {
        const struct naive_value *found;
        if (!attribute(c, &object, expr->as.path.names[i], &found)) {
            return false;
        }
        if (found == NULL) {
            *ret = naive_bool(false);
            return true;
        }
        object = *found;
    }
    *ret = naive_bool(true);
    return true;
}

static truth tag(const struct context *c, const struct rune_cedar_expr *expr,
                 struct naive_value *ret)
{
    struct naive_value object, key;
    if (!evaluate(c, expr->args[0], &object) || !evaluate(c, expr->args[1], &key) ||
        object.kind != NAIVE_ENTITY || key.kind != NAIVE_STRING) {
        return false;
    }
    const struct naive_entity *entity = naive_find(c->world, &object);
    const struct naive_value *found = entity != NULL ? get(&entity->tags, key.text) : NULL;
    if (expr->kind == RUNE_EXPR_HAS_TAG) {
        *ret = naive_bool(found != NULL);
        return true;
    }
    if (found == NULL) {
        return false;
    }
    *ret = *found;
    return true;
}

/* The text's bytes from `at`, the pattern's elements from `p`: by trying every length for each
 * wildcard. */
static bool matches(struct rune_str text, const struct rune_cedar_pattern *pattern, uint32_t p)
{
    if (p == pattern->count) {
        return text.length == 0;
    }
    if (pattern->elements[p] < 0) {
        for (size_t taken = 0; taken <= text.length; taken++) {
            if (matches((struct rune_str){text.data + taken, text.length - taken}, pattern,
                        p + 1)) {
                return true;
            }
        }
        return false;
    }
    char want = (char)pattern->elements[p]; /* tests use ASCII */
    return text.length > 0 && *text.data == want &&
           matches((struct rune_str){text.data + 1, text.length - 1}, pattern, p + 1);
}

static truth set_operator(const struct context *c, const struct rune_cedar_expr *expr,
                          struct naive_value *ret)
{
    struct naive_value a, b;
    if (!evaluate(c, expr->args[0], &a)) {
        return false;
    }
    if (expr->kind == RUNE_EXPR_IS_EMPTY) {
        *ret = naive_bool(a.count == 0);
        return a.kind == NAIVE_SET;
    }
    if (!evaluate(c, expr->args[1], &b) || a.kind != NAIVE_SET) {
        return false;
    }
    if (expr->kind == RUNE_EXPR_CONTAINS) {
        *ret = naive_bool(contains(&a, &b));
        return true;
    }
    if (b.kind != NAIVE_SET) {
        return false;
    }
    if (expr->kind == RUNE_EXPR_CONTAINS_ALL) {
        *ret = naive_bool(contains_all(&a, &b));
        return true;
    }
    bool any = false;
    for (uint32_t i = 0; i < b.count; i++) {
        any = any || contains(&a, &b.items[i]);
    }
    *ret = naive_bool(any);
    return true;
}

/* ---- calls ---- */

static const char *const function_names[] = {
#define RUNE_FUNCTION(name, text, style, arity, result) text,
#include "cedar/functions.def"
#undef RUNE_FUNCTION
};

static truth call(const struct context *c, const struct rune_cedar_expr *expr,
                  struct naive_value *ret)
{
    const char *name = function_names[expr->as.call.function];
    struct naive_value args[4];
    if (expr->arg_count > 4) {
        return false;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (!evaluate(c, expr->args[i], &args[i])) {
            return false;
        }
    }
    return naive_call(name, args, expr->arg_count, ret);
}

/* ---- the tree ---- */

static truth collect(const struct context *c, const struct rune_cedar_expr *expr,
                     struct naive_value *ret)
{
    ret->kind = expr->kind == RUNE_EXPR_SET ? NAIVE_SET : NAIVE_RECORD;
    ret->count = expr->arg_count;
    ret->items = rune_arena_alloc(c->arena, expr->arg_count * sizeof *ret->items);
    ret->names = (struct rune_str *)(uintptr_t)expr->as.path.names;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (!evaluate(c, expr->args[i], &ret->items[i])) {
            return false;
        }
    }
    return true;
}

static truth logic(const struct context *c, const struct rune_cedar_expr *expr,
                   struct naive_value *ret)
{
    bool decides = expr->kind == RUNE_EXPR_OR;
    if (!as_kind(c, expr->args[0], NAIVE_BOOL, ret)) {
        return false;
    }
    return ret->boolean == decides || as_kind(c, expr->args[1], NAIVE_BOOL, ret);
}

static truth evaluate_is(const struct context *c, const struct rune_cedar_expr *expr,
                         struct naive_value *ret)
{
    struct naive_value a, b;
    if (!as_kind(c, expr->args[0], NAIVE_ENTITY, &a)) {
        return false;
    }
    *ret = naive_bool(rune_str_equal(a.type, expr->as.name));
    if (expr->arg_count == 1 || !ret->boolean) {
        return true;
    }
    return evaluate(c, expr->args[1], &b) && is_in(c, &a, &b, ret);
}

static truth evaluate(const struct context *c, const struct rune_cedar_expr *expr,
                      struct naive_value *ret)
{
    struct naive_value a, b;
    const struct naive_value *found;
    *ret = (struct naive_value){0};
    switch (expr->kind) {
    case RUNE_EXPR_BOOL:
        *ret = naive_bool(expr->as.boolean);
        return true;
    case RUNE_EXPR_LONG:
        *ret = naive_long(expr->as.integer);
        return true;
    case RUNE_EXPR_STRING:
        *ret = (struct naive_value){.kind = NAIVE_STRING, .text = expr->as.string};
        return true;
    case RUNE_EXPR_ENTITY:
        *ret = make_uid(expr->as.uid);
        return true;
    case RUNE_EXPR_VAR:
        *ret = expr->as.var == RUNE_CEDAR_PRINCIPAL  ? c->request->principal
               : expr->as.var == RUNE_CEDAR_ACTION   ? c->request->action
               : expr->as.var == RUNE_CEDAR_RESOURCE ? c->request->resource
                                                     : c->request->context;
        return true;
    case RUNE_EXPR_SLOT:
        return false;
    case RUNE_EXPR_IF:
        return as_kind(c, expr->args[0], NAIVE_BOOL, &a) &&
               evaluate(c, expr->args[a.boolean ? 1 : 2], ret);
    case RUNE_EXPR_AND:
    case RUNE_EXPR_OR:
        return logic(c, expr, ret);
    case RUNE_EXPR_NOT:
        if (!as_kind(c, expr->args[0], NAIVE_BOOL, &a)) {
            return false;
        }
        *ret = naive_bool(!a.boolean);
        return true;
    case RUNE_EXPR_NEG:
        if (!as_kind(c, expr->args[0], NAIVE_LONG, &a) || a.number == INT64_MIN) {
            return false;
        }
        *ret = naive_long(-a.number);
        return true;
    case RUNE_EXPR_EQ:
    case RUNE_EXPR_NE:
        if (!evaluate(c, expr->args[0], &a) || !evaluate(c, expr->args[1], &b)) {
            return false;
        }
        *ret = naive_bool(naive_equal(&a, &b) == (expr->kind == RUNE_EXPR_EQ));
        return true;
    case RUNE_EXPR_LT:
    case RUNE_EXPR_LE:
    case RUNE_EXPR_GT:
    case RUNE_EXPR_GE:
        return compare(c, expr, ret);
    case RUNE_EXPR_IN:
        return evaluate(c, expr->args[0], &a) && evaluate(c, expr->args[1], &b) &&
               is_in(c, &a, &b, ret);
    case RUNE_EXPR_ADD:
    case RUNE_EXPR_SUB:
    case RUNE_EXPR_MUL:
        return arithmetic(c, expr, ret);
    case RUNE_EXPR_IS:
        return evaluate_is(c, expr, ret);
    case RUNE_EXPR_HAS:
        return has(c, expr, ret);
    case RUNE_EXPR_LIKE:
        if (!as_kind(c, expr->args[0], NAIVE_STRING, &a)) {
            return false;
        }
        *ret = naive_bool(matches(a.text, &expr->as.pattern, 0));
        return true;
    case RUNE_EXPR_GET_ATTR:
        if (!evaluate(c, expr->args[0], &a) || !attribute(c, &a, expr->as.string, &found) ||
            found == NULL) {
            return false;
        }
        *ret = *found;
        return true;
    case RUNE_EXPR_HAS_TAG:
    case RUNE_EXPR_GET_TAG:
        return tag(c, expr, ret);
    case RUNE_EXPR_CONTAINS:
    case RUNE_EXPR_CONTAINS_ALL:
    case RUNE_EXPR_CONTAINS_ANY:
    case RUNE_EXPR_IS_EMPTY:
        return set_operator(c, expr, ret);
    case RUNE_EXPR_SET:
    case RUNE_EXPR_RECORD:
        return collect(c, expr, ret);
    case RUNE_EXPR_CALL:
        return call(c, expr, ret);
    }
    return false;
}

/* ---- policies ---- */

static bool scope_matches(const struct context *c, const struct rune_cedar_scope *scope,
                          const struct naive_value *value, const struct rune_cedar_uid *slot)
{
    if ((scope->op == RUNE_SCOPE_IS || scope->op == RUNE_SCOPE_IS_IN) &&
        !rune_str_equal(value->type, scope->type)) {
        return false;
    }
    if (scope->op == RUNE_SCOPE_ANY || scope->op == RUNE_SCOPE_IS) {
        return true;
    }
    uint32_t count = scope->is_slot ? 1 : scope->uid_count;
    for (uint32_t i = 0; i < count; i++) {
        struct naive_value uid = make_uid(scope->is_slot ? slot : &scope->uids[i]);
        if (scope->op == RUNE_SCOPE_EQ ? naive_equal(value, &uid)
                                       : naive_in(c->world, value, &uid)) {
            return true;
        }
    }
    return false;
}

enum naive_result naive_evaluate(const struct rune_cedar_policy *policy,
                                 const struct rune_cedar_link *link,
                                 const struct naive_world *world,
                                 const struct naive_request *request, struct rune_arena *arena)
{
    const struct context c = {world, request, link, arena};
    if (!scope_matches(&c, &policy->principal, &request->principal,
                       link != NULL ? link->principal : NULL) ||
        !scope_matches(&c, &policy->action, &request->action, NULL) ||
        !scope_matches(&c, &policy->resource, &request->resource,
                       link != NULL ? link->resource : NULL)) {
        return NAIVE_NO_MATCH;
    }
    for (uint32_t i = 0; i < policy->condition_count; i++) {
        struct naive_value value;
        if (!as_kind(&c, policy->conditions[i].body, NAIVE_BOOL, &value)) {
            return NAIVE_ERROR;
        }
        if (value.boolean == policy->conditions[i].is_unless) {
            return NAIVE_NO_MATCH;
        }
    }
    return NAIVE_MATCH;
}
