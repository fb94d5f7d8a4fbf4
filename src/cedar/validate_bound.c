/* SPDX-License-Identifier: Apache-2.0 */
/* Least upper bounds of two types. They are remembered: schemas share types within types, and
 * without memory the walk would be exponential. */
#include "cedar/validate_types.h"
#include "cedar/validate_types_int.h"

/* ---- records ---- */

const struct rune_vtype *rune_vtypes_join_records(struct rune_vtypes *types,
                                                  const struct rune_vtype *a,
                                                  const struct rune_vtype *b, bool is_exact,
                                                  enum rune_lub_hint *hint)
{
    if (is_exact && a->count != b->count) {
        *hint = RUNE_LUB_WIDTH;
        return NULL;
    }
    struct rune_vtype_attr *attrs =
        RUNE_ARENA_ARRAY(types->arena, struct rune_vtype_attr, a->count);
    uint32_t count = 0;
    for (uint32_t i = 0; attrs != NULL && i < a->count; i++) {
        const struct rune_vtype_attr *left = &a->attrs[i];
        const struct rune_vtype_attr *right = rune_vtypes_find_attr(b, left->name);
        enum rune_lub_hint why = RUNE_LUB_WIDTH;
        const struct rune_vtype *bound =
            right == NULL ? NULL : rune_vtypes_join(types, left->type, right->type, &why);
        if (bound != NULL && is_exact && left->is_required != right->is_required) {
            why = RUNE_LUB_OPTIONALITY;
            bound = NULL;
        }
        if (bound != NULL) {
            attrs[count++] = (struct rune_vtype_attr){left->name, bound,
                                                      left->is_required && right->is_required};
        } else if (is_exact) {
            *hint = why;
            return NULL;
        }
    }
    if (attrs == NULL) {
        types->failed = true;
        return NULL;
    }
    bool is_open = a->is_open || b->is_open || count != a->count || count != b->count;
    return rune_vtypes_record(types, attrs, count, !is_exact && is_open);
}

/* ---- entity types ---- */

static bool is_subset(const struct rune_vtype *a, const struct rune_vtype *b)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < a->count; i++, k++) {
        for (; k < b->count && b->entities[k] < a->entities[i]; k++) {
        }
        if (k == b->count || b->entities[k] != a->entities[i]) {
            return false;
        }
    }
    return true;
}

static const struct rune_vtype *unite(struct rune_vtypes *types, const struct rune_vtype *a,
                                      const struct rune_vtype *b)
{
    uint32_t *entities = RUNE_ARENA_ARRAY(types->arena, uint32_t, (size_t)a->count + b->count);
    if (entities == NULL) {
        types->failed = true;
        return NULL;
    }
    uint32_t count = 0;
    for (uint32_t i = 0, k = 0; i < a->count || k < b->count;) {
        if (k == b->count || (i < a->count && a->entities[i] <= b->entities[k])) {
            k += k < b->count && a->entities[i] == b->entities[k];
            entities[count++] = a->entities[i++];
        } else {
            entities[count++] = b->entities[k++];
        }
    }
    return rune_vtypes_of_entities(types, entities, count);
}

static const struct rune_vtype *join_entities(struct rune_vtypes *types, const struct rune_vtype *a,
                                              const struct rune_vtype *b, enum rune_lub_hint *hint)
{
    if (types->is_strict) {
        *hint = RUNE_LUB_ENTITY_TYPES; /* equal ones are one pointer and do not come here */
        return NULL;
    }
    if (a->kind == RUNE_VTYPE_ANY_ENTITY || b->kind == RUNE_VTYPE_ANY_ENTITY) {
        return types->any_entity;
    }
    return is_subset(a, b) ? b : is_subset(b, a) ? a : unite(types, a, b);
}

/* ---- any two ---- */

static const struct rune_vtype *join_compound(struct rune_vtypes *types, const struct rune_vtype *a,
                                              const struct rune_vtype *b, enum rune_lub_hint *hint)
{
    const struct rune_vtype *key[2] = {a, b};
    uint32_t index;
    if (rune_map_find(&types->joins, (struct rune_str){(const char *)key, sizeof(key)}, &index)) {
        *hint = (enum rune_lub_hint)types->join_hints.items[index];
        return types->conversions.items[index];
    }
    const struct rune_vtype *result;
    if (a->kind == RUNE_VTYPE_SET) {
        result = rune_vtypes_join(types, a->element, b->element, hint);
        result = result == NULL ? NULL : rune_vtypes_set(types, result);
    } else {
        result = rune_vtypes_join_records(types, a, b, types->is_strict, hint);
    }
    if (types->failed ||
        !rune_vtypes_remember(types, &types->joins, key, sizeof(key), result, *hint)) {
        return NULL;
    }
    return result;
}

const struct rune_vtype *rune_vtypes_join(struct rune_vtypes *types, const struct rune_vtype *a,
                                          const struct rune_vtype *b, enum rune_lub_hint *ret_hint)
{
    *ret_hint = RUNE_LUB_NONE;
    if (a == b || a->kind == RUNE_VTYPE_NEVER) {
        return b;
    }
    if (b->kind == RUNE_VTYPE_NEVER) {
        return a;
    }
    if (rune_vtype_is_bool(a) && rune_vtype_is_bool(b)) {
        return types->boolean;
    }
    if (rune_vtype_is_entity(a) && rune_vtype_is_entity(b)) {
        return join_entities(types, a, b, ret_hint);
    }
    if (a->kind == b->kind && (a->kind == RUNE_VTYPE_SET || a->kind == RUNE_VTYPE_RECORD)) {
        return join_compound(types, a, b, ret_hint);
    }
    if ((rune_vtype_is_entity(a) && b->kind == RUNE_VTYPE_RECORD) ||
        (a->kind == RUNE_VTYPE_RECORD && rune_vtype_is_entity(b))) {
        *ret_hint = RUNE_LUB_ENTITY_RECORD;
    }
    return NULL;
}
