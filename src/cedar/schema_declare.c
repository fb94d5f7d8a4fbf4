/* SPDX-License-Identifier: Apache-2.0 */
/* What fragments declare: tables by full name, sorted, each entry with its origin beside it.
 * Reports what is declared twice and what must not have the name that it has. */
#include <stdlib.h>
#include <string.h>

#include "cedar/schema_resolve_int.h"

/* ---- declarations ---- */

bool rune_resolver_map_add(struct rune_resolver *resolver, struct rune_map *map,
                           struct rune_str name, size_t value, bool *ret_added)
{
    if (rune_map_intern(map, name, (uint32_t)value, &(uint32_t){0}, ret_added) != RUNE_OK) {
        resolver->nomem = true;
        return false;
    }
    return true;
}

static void declare_common(struct rune_resolver *resolver, struct rune_str namespace,
                           const struct rune_schema_ast_common *ast)
{
    struct rune_resolver_common common = {.name =
                                              rune_resolver_qualify(resolver, namespace, ast->name),
                                          .namespace = namespace,
                                          .ast = ast};
    bool added;
    if (!rune_resolver_map_add(resolver, &resolver->commons, common.name,
                               resolver->common_list.count, &added)) {
        return;
    }
    if (!added) {
        rune_resolver_report(resolver, "RUNE-C0504", ast->span, "keep one of them",
                             "the type `%.*s` is declared twice", RUNE_STR_ARG(common.name));
    } else if (!RUNE_VEC_PUSH(&resolver->common_list, common)) {
        resolver->nomem = true;
    }
}

static void declare_entity(struct rune_resolver *resolver, struct rune_str namespace,
                           const struct rune_schema_ast_entity *ast)
{
    struct rune_cedar_entity_type type = {
        .name = rune_resolver_qualify(resolver, namespace, ast->name), .span = ast->span};
    bool added;
    if (rune_str_equal(ast->name, RUNE_STR("Action"))) {
        rune_resolver_report(resolver, "RUNE-C0505", ast->span,
                             "actions are declared with `action`",
                             "an entity type cannot be named `Action`");
        return;
    }
    uint32_t index;
    if (rune_map_find(&resolver->entities, type.name, &index)) {
        struct rune_resolver_origin *old = &resolver->entity_origins.items[index];
        if (ast->is_external) {
            return; /* declared here, defined elsewhere */
        }
        if (old->entity->is_external) {
            *old = (struct rune_resolver_origin){.namespace = namespace, .entity = ast};
            resolver->entity_list.items[index].span = ast->span;
            return;
        }
        rune_resolver_report(resolver, "RUNE-C0504", ast->span, "keep one of them",
                             "the entity type `%.*s` is declared twice", RUNE_STR_ARG(type.name));
        rune_diag_note(resolver->diag, old->entity->span, "the first is here");
        return;
    }
    struct rune_resolver_origin origin = {.namespace = namespace, .entity = ast};
    if (rune_resolver_map_add(resolver, &resolver->entities, type.name, resolver->entity_list.count,
                              &added) &&
        (!RUNE_VEC_PUSH(&resolver->entity_list, type) ||
         !RUNE_VEC_PUSH(&resolver->entity_origins, origin))) {
        resolver->nomem = true;
    }
}

static void declare_action(struct rune_resolver *resolver, struct rune_str namespace,
                           const struct rune_schema_ast_action *ast)
{
    struct rune_cedar_action action = {.span = ast->span};
    bool added;
    action.uid.type = rune_resolver_qualify(resolver, namespace, RUNE_STR("Action"));
    action.uid.id = ast->id;
    if (ast->has_attributes) {
        rune_resolver_report(resolver, "RUNE-C0506", ast->span, "leave `attributes` out",
                             "actions cannot have attributes");
    }
    struct rune_str key = rune_resolver_action_key(resolver, action.uid.type, ast->id);
    uint32_t index;
    if (rune_map_find(&resolver->actions, key, &index)) {
        struct rune_resolver_origin *old = &resolver->action_origins.items[index];
        if (ast->is_external) {
            return;
        }
        if (old->action->is_external) {
            *old = (struct rune_resolver_origin){.namespace = namespace, .action = ast};
            resolver->action_list.items[index].span = ast->span;
            return;
        }
        rune_resolver_report(resolver, "RUNE-C0504", ast->span, "keep one of them",
                             "the action `%.*s` is declared twice", RUNE_STR_ARG(ast->id));
        rune_diag_note(resolver->diag, old->action->span, "the first is here");
        return;
    }
    struct rune_resolver_origin origin = {.namespace = namespace, .action = ast};
    if (rune_resolver_map_add(resolver, &resolver->actions, key, resolver->action_list.count,
                              &added) &&
        rune_resolver_map_add(resolver, &resolver->action_types, action.uid.type, 0, &added) &&
        (!RUNE_VEC_PUSH(&resolver->action_list, action) ||
         !RUNE_VEC_PUSH(&resolver->action_origins, origin))) {
        resolver->nomem = true;
    }
}

/* ---- shadowing: a name of the empty namespace may not be declared in another one, too ---- */

static struct rune_str basename_of(struct rune_str name)
{
    size_t at = name.length;
    while (at > 0 && name.data[at - 1] != ':') {
        at--;
    }
    return (struct rune_str){name.data + at, name.length - at};
}

static void add_plain(struct rune_resolver *resolver, struct rune_map *plain, struct rune_str name)
{
    bool added;
    if (!rune_resolver_is_qualified(name)) {
        rune_resolver_map_add(resolver, plain, name, 0, &added);
    }
}

static void check_type_shadows(struct rune_resolver *resolver, const struct rune_map *plain,
                               struct rune_str name, struct rune_span span)
{
    if (rune_resolver_is_qualified(name) && rune_map_find(plain, basename_of(name), NULL)) {
        rune_resolver_report(resolver, "RUNE-C0507", span, "rename one of them",
                             "`%.*s` would hide the type of that name without a namespace",
                             RUNE_STR_ARG(name));
    }
}

static void check_types_shadow(struct rune_resolver *resolver)
{
    const struct vec_entity_type *entities = &resolver->entity_list;
    const struct vec_common *commons = &resolver->common_list;
    struct rune_map plain = RUNE_MAP_INIT;
    for (size_t i = 0; i < entities->count; i++) {
        add_plain(resolver, &plain, entities->items[i].name);
    }
    for (size_t i = 0; i < commons->count; i++) {
        add_plain(resolver, &plain, commons->items[i].name);
    }
    for (size_t i = 0; i < entities->count; i++) {
        check_type_shadows(resolver, &plain, entities->items[i].name, entities->items[i].span);
    }
    for (size_t i = 0; i < commons->count; i++) {
        check_type_shadows(resolver, &plain, commons->items[i].name, commons->items[i].ast->span);
    }
    rune_map_fini(&plain);
}

static void check_actions_shadow(struct rune_resolver *resolver)
{
    for (size_t i = 0; i < resolver->action_list.count; i++) {
        const struct rune_cedar_action *action = &resolver->action_list.items[i];
        if (rune_resolver_is_qualified(action->uid.type) &&
            rune_map_find(&resolver->actions,
                          rune_resolver_action_key(resolver, RUNE_STR("Action"), action->uid.id),
                          NULL)) {
            rune_resolver_report(resolver, "RUNE-C0507", action->span, "rename one of them",
                                 "`%.*s` would hide the action of that name without a namespace",
                                 RUNE_STR_ARG(action->uid.id));
        }
    }
}

/* ---- sorting ---- */

/* While they are sorted, a type keeps its old place in id_count and an action in parents.count:
 * fields that are filled in later. */
static void number_tables(struct rune_resolver *resolver)
{
    for (size_t i = 0; i < resolver->entity_list.count; i++) {
        resolver->entity_list.items[i].id_count = (uint32_t)i;
    }
    for (size_t i = 0; i < resolver->action_list.count; i++) {
        resolver->action_list.items[i].parents.count = (uint32_t)i;
    }
}

/* Types find their new places in the map, and their origins beside them. */
static void follow_types(struct rune_resolver *resolver)
{
    struct vec_entity_type *types = &resolver->entity_list;
    struct rune_resolver_origin *origins =
        rune_resolver_make(resolver, types->count, sizeof *origins);
    for (size_t i = 0; origins != NULL && i < types->count; i++) {
        origins[i] = resolver->entity_origins.items[types->items[i].id_count];
        types->items[i].id_count = 0;
        resolver->nomem |=
            rune_map_set(&resolver->entities, types->items[i].name, (uint32_t)i) != RUNE_OK;
    }
    if (origins != NULL && types->count > 0) {
        memcpy(resolver->entity_origins.items, origins, types->count * sizeof *origins);
    }
}

static void follow_actions(struct rune_resolver *resolver)
{
    struct vec_action *actions = &resolver->action_list;
    struct rune_resolver_origin *origins =
        rune_resolver_make(resolver, actions->count, sizeof *origins);
    for (size_t i = 0; origins != NULL && i < actions->count; i++) {
        struct rune_cedar_action *action = &actions->items[i];
        struct rune_str key = rune_resolver_action_key(resolver, action->uid.type, action->uid.id);
        origins[i] = resolver->action_origins.items[action->parents.count];
        action->parents.count = 0;
        resolver->nomem |= rune_map_set(&resolver->actions, key, (uint32_t)i) != RUNE_OK;
    }
    if (origins != NULL && actions->count > 0) {
        memcpy(resolver->action_origins.items, origins, actions->count * sizeof *origins);
    }
}

static void sort_tables(struct rune_resolver *resolver)
{
    number_tables(resolver);
    rune_cedar_schema_sort(resolver->entity_list.items, resolver->entity_list.count,
                           resolver->action_list.items, resolver->action_list.count);
    follow_types(resolver);
    follow_actions(resolver);
}

/* ---- all of it ---- */

static void declare_fragments(struct rune_resolver *resolver,
                              const struct rune_schema_fragment *fragments, uint32_t count)
{
    for (uint32_t f = 0; f < count; f++) {
        for (uint32_t n = 0; n < fragments[f].namespace_count; n++) {
            const struct rune_schema_ast_namespace *namespace = &fragments[f].namespaces[n];
            for (uint32_t i = 0; i < namespace->common_count; i++) {
                declare_common(resolver, namespace->name, &namespace->commons[i]);
            }
            for (uint32_t i = 0; i < namespace->entity_count; i++) {
                declare_entity(resolver, namespace->name, &namespace->entities[i]);
            }
            for (uint32_t i = 0; i < namespace->action_count; i++) {
                declare_action(resolver, namespace->name, &namespace->actions[i]);
            }
        }
    }
}

void rune_resolver_declare(struct rune_resolver *resolver,
                           const struct rune_schema_fragment *fragments, uint32_t count)
{
    declare_fragments(resolver, fragments, count);
    check_types_shadow(resolver);
    check_actions_shadow(resolver);
    rune_resolver_declare_builtins(resolver); /* last: they yield to entity types of their names */
    if (!resolver->nomem) {
        sort_tables(resolver);
    }
}
