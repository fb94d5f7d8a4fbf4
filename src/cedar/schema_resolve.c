/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments -> the schema, in three steps, each over all fragments: what is declared
 * (schema_declare.c), what types mean (schema_resolve_type.c), hierarchies (schema_hierarchy.c). */
#include "cedar/schema_resolve_int.h"

#include <stdarg.h>
#include <string.h>

/* ---- what all steps use ---- */

void rune_resolver_report(struct rune_resolver *resolver, const char *code, struct rune_span span,
                          const char *help, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    rune_diag_vreport(resolver->diag, RUNE_ERROR, code, span, help, fmt, args);
    va_end(args);
    resolver->errors++;
}

void *rune_resolver_make(struct rune_resolver *resolver, size_t count, size_t size)
{
    void *items = rune_arena_calloc(resolver->arena, count > 0 ? count : 1, size);
    resolver->nomem |= items == NULL;
    return items;
}

static struct rune_str join(struct rune_resolver *resolver, struct rune_str left,
                            struct rune_str between, struct rune_str right)
{
    size_t length = left.length + between.length + right.length;
    char *text = rune_arena_alloc_aligned(resolver->arena, length, 1);
    if (text == NULL) {
        resolver->nomem = true;
        return RUNE_STR("");
    }
    memcpy(text, left.data, left.length);
    memcpy(text + left.length, between.data, between.length);
    memcpy(text + left.length + between.length, right.data, right.length);
    return (struct rune_str){text, length};
}

struct rune_str rune_resolver_qualify(struct rune_resolver *resolver, struct rune_str namespace,
                                      struct rune_str name)
{
    return namespace.length == 0 ? name : join(resolver, namespace, RUNE_STR("::"), name);
}

struct rune_str rune_resolver_action_key(struct rune_resolver *resolver, struct rune_str type,
                                         struct rune_str id)
{
    return join(resolver, type, RUNE_STR("\""), id);
}

/* ---- entities and actions ---- */

static void resolve_entities(struct rune_resolver *resolver)
{
    for (size_t i = 0; i < resolver->entity_list.count && !resolver->nomem; i++) {
        struct rune_cedar_entity_type *type = &resolver->entity_list.items[i];
        const struct rune_resolver_origin *origin = &resolver->entity_origins.items[i];
        const struct rune_schema_ast_entity *ast = origin->entity;
        type->is_enum = ast->is_enum;
        type->is_external = ast->is_external;
        type->ids = ast->ids;
        type->id_count = ast->id_count;
        rune_resolver_entity_refs(resolver, origin->namespace, &ast->member_of, &type->parents);
        type->attrs = rune_resolver_shape(resolver, origin->namespace, ast->shape,
                                          "the shape of an entity type");
        type->tags =
            ast->tags != NULL ? rune_resolver_type(resolver, origin->namespace, ast->tags) : NULL;
    }
}

static void resolve_actions(struct rune_resolver *resolver)
{
    for (size_t i = 0; i < resolver->action_list.count && !resolver->nomem; i++) {
        struct rune_cedar_action *action = &resolver->action_list.items[i];
        const struct rune_resolver_origin *origin = &resolver->action_origins.items[i];
        const struct rune_schema_ast_action *ast = origin->action;
        action->is_external = ast->is_external;
        rune_resolver_entity_refs(resolver, origin->namespace, &ast->principals,
                                  &action->principals);
        rune_resolver_entity_refs(resolver, origin->namespace, &ast->resources, &action->resources);
        rune_resolver_action_refs(resolver, origin->namespace, ast, &action->parents);
        action->context =
            rune_resolver_shape(resolver, origin->namespace, ast->context, "a context");
    }
}

static void finish(struct rune_resolver *resolver, struct rune_cedar_schema *schema)
{
    memset(schema, 0, sizeof *schema);
    schema->entity_type_count = (uint32_t)resolver->entity_list.count;
    schema->action_count = (uint32_t)resolver->action_list.count;
    schema->entity_types =
        rune_resolver_make(resolver, schema->entity_type_count, sizeof *schema->entity_types);
    schema->actions = rune_resolver_make(resolver, schema->action_count, sizeof *schema->actions);
    if (resolver->nomem) {
        return;
    }
    if (schema->entity_type_count > 0) {
        memcpy(schema->entity_types, resolver->entity_list.items,
               schema->entity_type_count * sizeof *schema->entity_types);
    }
    if (schema->action_count > 0) {
        memcpy(schema->actions, resolver->action_list.items,
               schema->action_count * sizeof *schema->actions);
    }
}

static void resolver_fini(struct rune_resolver *resolver)
{
    rune_map_fini(&resolver->commons);
    rune_map_fini(&resolver->entities);
    rune_map_fini(&resolver->actions);
    rune_map_fini(&resolver->action_types);
    RUNE_VEC_FINI(&resolver->common_list);
    RUNE_VEC_FINI(&resolver->entity_list);
    RUNE_VEC_FINI(&resolver->entity_origins);
    RUNE_VEC_FINI(&resolver->action_list);
    RUNE_VEC_FINI(&resolver->action_origins);
}

enum rune_err rune_schema_resolve(const struct rune_schema_fragment *fragments, uint32_t count,
                                  struct rune_arena *arena, struct rune_cedar_schema *ret_schema,
                                  struct rune_diag *diag)
{
    struct rune_resolver resolver = {.arena = arena, .diag = diag};
    struct rune_cedar_schema schema;
    rune_resolver_declare(&resolver, fragments, count);
    if (!resolver.nomem) {
        rune_resolver_commons(&resolver);
        resolve_entities(&resolver);
        resolve_actions(&resolver);
    }
    if (!resolver.nomem && resolver.errors == 0) {
        rune_resolver_close(&resolver);
    }
    finish(&resolver, &schema);
    resolver_fini(&resolver);
    if (resolver.nomem) {
        return RUNE_E_NOMEM;
    }
    if (resolver.errors > 0) {
        return resolver.limit ? RUNE_E_LIMIT : RUNE_E_BUNDLE;
    }
    *ret_schema = schema;
    return RUNE_OK;
}
