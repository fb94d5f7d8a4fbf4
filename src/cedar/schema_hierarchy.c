/* SPDX-License-Identifier: Apache-2.0 */
/* References to entity types and actions as sets of their indexes; from those to parents, all
 * ancestors. */
#include <stdlib.h>
#include <string.h>

#include "cedar/schema_resolve_int.h"

/* ---- sets of indexes ---- */

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Sorted, without repetition. */
static void keep_indexes(struct rune_resolver *resolver, uint32_t *items, size_t count,
                         struct rune_schema_indexes *ret_indexes)
{
    size_t kept = 0;
    if (count > 1) {
        qsort(items, count, sizeof *items, compare_u32);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || items[kept - 1] != items[i]) {
            items[kept++] = items[i];
        }
    }
    uint32_t *copy = rune_resolver_make(resolver, kept, sizeof *copy);
    if (copy != NULL) {
        if (kept > 0) {
            memcpy(copy, items, kept * sizeof *copy);
        }
        *ret_indexes = (struct rune_schema_indexes){copy, (uint32_t)kept};
    }
}

/* ---- by name ---- */

void rune_resolver_entity_refs(struct rune_resolver *resolver, struct rune_str namespace,
                               const struct rune_schema_ast_refs *refs,
                               struct rune_schema_indexes *ret_indexes)
{
    struct rune_vec_u32 list = {0};
    for (uint32_t i = 0; i < refs->count; i++) {
        struct rune_resolver_found found;
        if (!rune_resolver_find(resolver, namespace, refs->items[i].name, refs->items[i].span,
                                RUNE_RESOLVER_MAY_BE_ENTITY, &found)) {
            continue;
        }
        if (found.index == RUNE_RESOLVER_NO_INDEX) {
            rune_resolver_report(resolver, "RUNE-C0508", refs->items[i].span, NULL,
                                 "`%.*s` is a type of actions, which cannot stand here",
                                 RUNE_STR_ARG(found.full_name));
        } else if (!RUNE_VEC_PUSH(&list, found.index)) {
            resolver->nomem = true;
        }
    }
    keep_indexes(resolver, list.items, list.count, ret_indexes);
    RUNE_VEC_FINI(&list);
}

static bool find_action(struct rune_resolver *resolver, struct rune_str type, struct rune_str id,
                        uint32_t *ret_index)
{
    return rune_map_find(&resolver->actions, rune_resolver_action_key(resolver, type, id),
                         ret_index);
}

void rune_resolver_action_refs(struct rune_resolver *resolver, struct rune_str namespace,
                               const struct rune_schema_ast_action *ast,
                               struct rune_schema_indexes *ret_indexes)
{
    struct rune_vec_u32 list = {0};
    for (uint32_t i = 0; i < ast->parent_count; i++) {
        const struct rune_schema_ast_action_ref *ref = &ast->parents[i];
        struct rune_str type = ref->type.length > 0 ? ref->type : RUNE_STR("Action");
        uint32_t index = 0;
        bool found = (!rune_resolver_is_qualified(type) &&
                      find_action(resolver, rune_resolver_qualify(resolver, namespace, type),
                                  ref->id, &index)) ||
                     find_action(resolver, type, ref->id, &index);
        if (!found) {
            rune_resolver_report(resolver, "RUNE-C0508", ref->span, "declare it: action \"..\";",
                                 "there is no action %.*s::\"%.*s\"", RUNE_STR_ARG(type),
                                 RUNE_STR_ARG(ref->id));
        } else if (!RUNE_VEC_PUSH(&list, index)) {
            resolver->nomem = true;
        }
    }
    keep_indexes(resolver, list.items, list.count, ret_indexes);
    RUNE_VEC_FINI(&list);
}

/* ---- ancestors ---- */

typedef const struct rune_schema_indexes *(*parents_fn)(const struct rune_resolver *resolver,
                                                        uint32_t index);

static const struct rune_schema_indexes *entity_parents(const struct rune_resolver *resolver,
                                                        uint32_t index)
{
    return &resolver->entity_list.items[index].parents;
}

static const struct rune_schema_indexes *action_parents(const struct rune_resolver *resolver,
                                                        uint32_t index)
{
    return &resolver->action_list.items[index].parents;
}

/* All that can be reached from `from` by one or more steps. Cost: O(edges) each, O(n * edges) in
 * all, which is fine for types and actions. */
static void close_over(struct rune_resolver *resolver, uint32_t from, uint32_t count,
                       parents_fn parents, uint8_t *seen, struct rune_schema_indexes *ret_indexes)
{
    struct rune_vec_u32 reached = {0};
    memset(seen, 0, count);
    for (size_t next = 0; next <= reached.count; next++) {
        const struct rune_schema_indexes *step =
            parents(resolver, next == 0 ? from : reached.items[next - 1]);
        for (uint32_t i = 0; i < step->count; i++) {
            uint32_t parent = step->items[i];
            if (seen[parent] == 0) {
                seen[parent] = 1;
                if (!RUNE_VEC_PUSH(&reached, parent)) {
                    resolver->nomem = true;
                }
            }
        }
    }
    keep_indexes(resolver, reached.items, reached.count, ret_indexes);
    RUNE_VEC_FINI(&reached);
}

/* As Cedar: what the definition of the external type would be could not be checked otherwise. */
static void check_external(struct rune_resolver *resolver,
                           const struct rune_cedar_entity_type *type)
{
    for (uint32_t i = 0; type->is_external && i < type->ancestors.count; i++) {
        const struct rune_cedar_entity_type *ancestor =
            &resolver->entity_list.items[type->ancestors.items[i]];
        if (ancestor->is_enum) {
            rune_resolver_report(
                resolver, "RUNE-C0511", type->span,
                "only what is defined here can be below an enumeration",
                "the external entity type `%.*s` has the enumeration `%.*s` among its ancestors",
                RUNE_STR_ARG(type->name), RUNE_STR_ARG(ancestor->name));
        }
    }
}

void rune_resolver_close(struct rune_resolver *resolver)
{
    uint32_t types = (uint32_t)resolver->entity_list.count;
    uint32_t actions = (uint32_t)resolver->action_list.count;
    uint8_t *seen = rune_resolver_make(resolver, types > actions ? types : actions, 1);
    if (seen == NULL) {
        return;
    }
    for (uint32_t i = 0; i < types; i++) {
        close_over(resolver, i, types, entity_parents, seen,
                   &resolver->entity_list.items[i].ancestors);
    }
    for (uint32_t i = 0; i < types && !resolver->nomem; i++) {
        check_external(resolver, &resolver->entity_list.items[i]);
    }
    for (uint32_t i = 0; i < actions; i++) {
        struct rune_cedar_action *action = &resolver->action_list.items[i];
        close_over(resolver, i, actions, action_parents, seen, &action->ancestors);
        if (seen[i] != 0) {
            rune_resolver_report(resolver, "RUNE-C0509", action->span, "break the cycle",
                                 "the action `%.*s` is its own ancestor",
                                 RUNE_STR_ARG(action->uid.id));
        }
    }
}
