/* SPDX-License-Identifier: Apache-2.0 */
/* Levels (RFC 76): how many entities a policy goes through. Reading an attribute or tag of an
 * entity, and `in`, go through one; the request's entities are at level 0, literals may not be
 * gone through at all. Operands that the types make unreachable were not visited and do not
 * count. */
#include "cedar/validate_int.h"

/* The attributes still to be read from a record: the first is the innermost. */
struct path {
    struct rune_str name;
    const struct path *next;
};

void rune_v_visit(struct rune_validator *v, const struct rune_cedar_expr *expr,
                  const struct rune_vtype *type)
{
    const char *key = rune_arena_memdup(&v->visited_keys, &expr, sizeof(expr));
    uint32_t index = (uint32_t)v->visited_types.count;
    if (key == NULL || !RUNE_VEC_PUSH(&v->visited_types, type) ||
        rune_map_set(&v->visited, (struct rune_str){key, sizeof(expr)}, index) != RUNE_OK) {
        v->failed = true;
    }
}

void rune_v_forget_visits(struct rune_validator *v)
{
    rune_map_fini(&v->visited);
    v->visited = RUNE_MAP_INIT;
    v->visited_types.count = 0;
    rune_arena_reset(&v->visited_keys);
}

static bool was_visited(const struct rune_validator *v, const struct rune_cedar_expr *expr,
                        const struct rune_vtype **ret_type)
{
    uint32_t index;
    if (!rune_map_find(&v->visited, (struct rune_str){(const char *)&expr, sizeof(expr)}, &index)) {
        return false;
    }
    *ret_type = v->visited_types.items[index];
    return true;
}

static void tell_level(struct rune_validator *v, struct rune_span span, uint32_t level)
{
    if (rune_v_find(v, RUNE_FINDING_LEVEL, span)) {
        rune_v_tell(v, RUNE_FINDING_LEVEL, span,
                    "put what is needed into the request's context, or allow more levels",
                    "this goes through %u entities, %u allowed", level, v->max_level);
    }
}

static void tell_literal(struct rune_validator *v, struct rune_span span)
{
    if (rune_v_find(v, RUNE_FINDING_LEVEL, span)) {
        rune_v_tell(v, RUNE_FINDING_LEVEL, span,
                    "start from principal, action, resource or context",
                    "attributes of an entity literal cannot be read where levels are limited");
    }
}

/* The level of an entity, or of what `path` reads from a record. */
static uint32_t level_of(struct rune_validator *v, const struct rune_cedar_expr *expr,
                         const struct path *path)
{
    const struct rune_vtype *type;
    if (!was_visited(v, expr, &type)) {
        return 0;
    }
    switch (expr->kind) {
    case RUNE_EXPR_ENTITY:
        if (!rune_str_equal(expr->as.uid->type, v->action->uid.type) ||
            !rune_str_equal(expr->as.uid->id, v->action->uid.id)) {
            tell_literal(v, expr->span);
        }
        return 0;
    case RUNE_EXPR_IF: {
        rune_v_check_level(v, expr->args[0]);
        uint32_t yes = level_of(v, expr->args[1], path);
        uint32_t no = level_of(v, expr->args[2], path);
        return yes > no ? yes : no;
    }
    case RUNE_EXPR_GET_ATTR: {
        const struct rune_vtype *of = NULL;
        if (!was_visited(v, expr->args[0], &of) || of == NULL) {
            return 0;
        }
        if (of->kind == RUNE_VTYPE_RECORD) {
            return level_of(v, expr->args[0], &(struct path){expr->as.string, path});
        }
        return level_of(v, expr->args[0], path) + 1;
    }
    case RUNE_EXPR_GET_TAG: {
        uint32_t level = level_of(v, expr->args[0], path);
        rune_v_check_level(v, expr->args[1]);
        return level + 1;
    }
    case RUNE_EXPR_RECORD: {
        uint32_t level = 0;
        for (uint32_t i = 0; i < expr->arg_count; i++) {
            if (path != NULL && rune_str_equal(expr->as.path.names[i], path->name)) {
                level = level_of(v, expr->args[i], path->next);
            } else {
                rune_v_check_level(v, expr->args[i]);
            }
        }
        return level;
    }
    default:
        return 0;
    }
}

/* The target is gone through at `expr`. */
static void check_target(struct rune_validator *v, const struct rune_cedar_expr *expr,
                         const struct rune_cedar_expr *target)
{
    uint32_t level = level_of(v, target, NULL);
    if (level >= v->max_level) {
        tell_level(v, expr->span, level + 1);
    }
}

/* ---- has a.b.c ---- */

/* Entities that the tests of a path go through. *ret_first: how many names lead to the first
 * entity; UINT32_MAX: none. */
static uint32_t path_cost(struct rune_validator *v, const struct rune_vtype *root,
                          const struct rune_cedar_path *path, uint32_t *ret_first)
{
    uint32_t cost = root->kind == RUNE_VTYPE_RECORD ? 0 : 1;
    const struct rune_vtype *type = root;
    *ret_first = cost == 1 ? 0 : UINT32_MAX;
    for (uint32_t i = 0; i + 1 < path->count; i++) {
        const struct rune_vtype_attr *attr =
            rune_vtype_is_entity(type) || type->kind == RUNE_VTYPE_RECORD
                ? rune_vtypes_attribute(&v->types, type, path->names[i])
                : NULL;
        if (attr == NULL) {
            break;
        }
        type = attr->type;
        if (type->kind == RUNE_VTYPE_ENTITY) {
            cost++;
            *ret_first = *ret_first == UINT32_MAX ? i + 1 : *ret_first;
        }
    }
    return cost;
}

/* The level of what the first `count` names lead to. */
static uint32_t level_along(struct rune_validator *v, const struct rune_cedar_expr *of,
                            const struct rune_cedar_path *names, uint32_t index, uint32_t count,
                            const struct path *path)
{
    if (index == count) {
        return level_of(v, of, path);
    }
    struct path next = {names->names[count - 1 - index], path};
    return level_along(v, of, names, index + 1, count, &next);
}

static void check_path(struct rune_validator *v, const struct rune_cedar_expr *expr,
                       const struct rune_vtype *root)
{
    const struct rune_cedar_expr *of = expr->args[0];
    uint32_t first;
    uint32_t cost = path_cost(v, root, &expr->as.path, &first);
    if (cost > v->max_level) {
        tell_level(v, expr->span, cost);
        return;
    }
    if (root->kind == RUNE_VTYPE_RECORD) {
        rune_v_check_level(v, of);
    }
    if (first == UINT32_MAX) {
        return;
    }
    uint32_t level = level_along(v, of, &expr->as.path, 0, first, NULL);
    if (level > v->max_level - cost) {
        tell_level(v, expr->span, level + cost);
    }
}

/* ---- all expressions ---- */

static void check_attr(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    const struct rune_vtype *of = NULL;
    if (!was_visited(v, expr->args[0], &of) || of == NULL) {
        return;
    }
    if (expr->kind == RUNE_EXPR_HAS && expr->as.path.count > 1) {
        check_path(v, expr, of);
    } else if (of->kind == RUNE_VTYPE_RECORD) {
        rune_v_check_level(v, expr->args[0]);
    } else {
        check_target(v, expr, expr->args[0]);
    }
}

void rune_v_check_level(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    const struct rune_vtype *type;
    if (!was_visited(v, expr, &type)) {
        return;
    }
    switch (expr->kind) {
    case RUNE_EXPR_GET_ATTR:
    case RUNE_EXPR_HAS:
        check_attr(v, expr);
        return;
    case RUNE_EXPR_IS:
        rune_v_check_level(v, expr->args[0]);
        if (expr->arg_count == 1 || !was_visited(v, expr->args[1], &type)) {
            return;
        }
        check_target(v, expr, expr->args[0]);
        rune_v_check_level(v, expr->args[1]);
        return;
    case RUNE_EXPR_IN:
    case RUNE_EXPR_HAS_TAG:
    case RUNE_EXPR_GET_TAG:
        check_target(v, expr, expr->args[0]);
        rune_v_check_level(v, expr->args[1]);
        return;
    default:
        for (uint32_t i = 0; i < expr->arg_count; i++) {
            rune_v_check_level(v, expr->args[i]);
        }
    }
}
