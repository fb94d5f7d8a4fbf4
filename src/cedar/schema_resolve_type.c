/* SPDX-License-Identifier: Apache-2.0 */
/* What the names of types mean, and the types that they make.
 *
 * A name without a namespace means something of its own namespace, else of the empty one; a common
 * type goes before an entity type. The primitive and extension types are common types of `__cedar`,
 * with an alias in the empty namespace unless that name is declared there. */
#include "cedar/foreign.h"
#include "cedar/schema_resolve_int.h"
#include "model/ext.h"

/* ---- built-in types ---- */

static const struct rune_cedar_type builtin_types[] = {
    {.kind = RUNE_CEDAR_TYPE_BOOL},
    {.kind = RUNE_CEDAR_TYPE_LONG},
    {.kind = RUNE_CEDAR_TYPE_STRING},
    {.kind = RUNE_CEDAR_TYPE_EXT, .ext = RUNE_EXT_IPADDR, .name = {"ipaddr", 6}},
    {.kind = RUNE_CEDAR_TYPE_EXT, .ext = RUNE_EXT_DECIMAL, .name = {"decimal", 7}},
    {.kind = RUNE_CEDAR_TYPE_EXT, .ext = RUNE_EXT_DATETIME, .name = {"datetime", 8}},
    {.kind = RUNE_CEDAR_TYPE_EXT, .ext = RUNE_EXT_DURATION, .name = {"duration", 8}},
};

static const struct {
    struct rune_str name, full;
} builtin_names[] = {
    {{"Bool", 4}, {"__cedar::Bool", 13}},         {{"Long", 4}, {"__cedar::Long", 13}},
    {{"String", 6}, {"__cedar::String", 15}},     {{"ipaddr", 6}, {"__cedar::ipaddr", 15}},
    {{"decimal", 7}, {"__cedar::decimal", 16}},   {{"datetime", 8}, {"__cedar::datetime", 17}},
    {{"duration", 8}, {"__cedar::duration", 17}},
};

enum { BUILTINS = sizeof builtin_types / sizeof builtin_types[0], FIRST_EXT = 3 };

void rune_resolver_declare_builtins(struct rune_resolver *resolver)
{
    for (int i = 0; i < BUILTINS; i++) {
        for (int alias = 0; alias < 2; alias++) {
            struct rune_resolver_common common = {.name = alias ? builtin_names[i].name
                                                                : builtin_names[i].full,
                                                  .type = &builtin_types[i],
                                                  .state = RUNE_RESOLVER_COMMON_DONE};
            bool added;
            if (alias && rune_map_find(&resolver->entities, common.name, NULL)) {
                continue;
            }
            if (rune_resolver_map_add(resolver, &resolver->commons, common.name,
                                      resolver->common_list.count, &added) &&
                added && !RUNE_VEC_PUSH(&resolver->common_list, common)) {
                resolver->nomem = true;
            }
        }
    }
}

/* ---- references ---- */

static bool look_up(struct rune_resolver *resolver, struct rune_str name, unsigned may_be,
                    struct rune_resolver_found *ret_found)
{
    uint32_t index;
    if ((may_be & RUNE_RESOLVER_MAY_BE_COMMON) != 0 &&
        rune_map_find(&resolver->commons, name, &index)) {
        *ret_found = (struct rune_resolver_found){.is_common = true, .index = index};
        return true;
    }
    if ((may_be & RUNE_RESOLVER_MAY_BE_ENTITY) == 0) {
        return false;
    }
    if (rune_map_find(&resolver->entities, name, &index)) {
        *ret_found = (struct rune_resolver_found){
            .index = index, .full_name = resolver->entity_list.items[index].name};
        return true;
    }
    if (rune_map_find(&resolver->action_types, name, NULL)) {
        *ret_found =
            (struct rune_resolver_found){.index = RUNE_RESOLVER_NO_INDEX, .full_name = name};
        return true;
    }
    return false;
}

static const char *suggest(struct rune_resolver *resolver, struct rune_str name, unsigned may_be)
{
    enum { CANDIDATES = 200 };
    struct rune_str names[CANDIDATES];
    size_t count = 0;
    for (size_t i = 0; (may_be & RUNE_RESOLVER_MAY_BE_ENTITY) != 0 &&
                       i < resolver->entity_list.count && count < CANDIDATES;
         i++) {
        names[count++] = resolver->entity_list.items[i].name;
    }
    for (size_t i = 0; (may_be & RUNE_RESOLVER_MAY_BE_COMMON) != 0 &&
                       i < resolver->common_list.count && count < CANDIDATES;
         i++) {
        names[count++] = resolver->common_list.items[i].name;
    }
    struct rune_str nearest = rune_str_nearest(name, names, count);
    if (nearest.length == 0) {
        bool is_any = (may_be & RUNE_RESOLVER_MAY_BE_ENTITY) != 0 &&
                      (may_be & RUNE_RESOLVER_MAY_BE_COMMON) != 0;
        const char *help = is_any ? rune_foreign_help(RUNE_FOREIGN_TYPE, name) : NULL;
        return help != NULL                                  ? help
               : (may_be & RUNE_RESOLVER_MAY_BE_ENTITY) != 0 ? "declare it: entity Name;"
                                                             : "declare it: type Name = { .. };";
    }
    return rune_arena_printf(resolver->arena, "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
}

bool rune_resolver_find(struct rune_resolver *resolver, struct rune_str namespace,
                        struct rune_str name, struct rune_span span, unsigned may_be,
                        struct rune_resolver_found *ret_found)
{
    if (!rune_resolver_is_qualified(name) && namespace.length > 0 &&
        look_up(resolver, rune_resolver_qualify(resolver, namespace, name), may_be, ret_found)) {
        return true;
    }
    if (look_up(resolver, name, may_be, ret_found)) {
        return true;
    }
    rune_resolver_report(resolver, "RUNE-C0508", span, suggest(resolver, name, may_be),
                         "there is no %s `%.*s`",
                         may_be == RUNE_RESOLVER_MAY_BE_ENTITY   ? "entity type"
                         : may_be == RUNE_RESOLVER_MAY_BE_COMMON ? "common type"
                                                                 : "type",
                         RUNE_STR_ARG(name));
    return false;
}

/* ---- types ---- */

static const struct rune_cedar_type *resolve_common(struct rune_resolver *resolver, uint32_t index,
                                                    struct rune_span span)
{
    struct rune_resolver_common *common = &resolver->common_list.items[index];
    if (common->state == RUNE_RESOLVER_COMMON_OPEN) {
        rune_resolver_report(resolver, "RUNE-C0509", span, "break the cycle",
                             "the type `%.*s` is made of itself", RUNE_STR_ARG(common->name));
        return NULL;
    }
    if (common->state == RUNE_RESOLVER_COMMON_NEW) {
        common->state = RUNE_RESOLVER_COMMON_OPEN;
        const struct rune_cedar_type *type =
            rune_resolver_type(resolver, common->namespace, common->ast->type);
        common = &resolver->common_list.items[index];
        common->type = type;
        common->state = type != NULL ? RUNE_RESOLVER_COMMON_DONE : RUNE_RESOLVER_COMMON_BAD;
    }
    return common->type;
}

static const struct rune_cedar_type *resolve_name(struct rune_resolver *resolver,
                                                  struct rune_str namespace,
                                                  const struct rune_schema_ast_type *ast)
{
    unsigned may_be = ast->kind == RUNE_SCHEMA_AST_ENTITY ? RUNE_RESOLVER_MAY_BE_ENTITY
                      : ast->kind == RUNE_SCHEMA_AST_COMMON
                          ? RUNE_RESOLVER_MAY_BE_COMMON
                          : RUNE_RESOLVER_MAY_BE_COMMON | RUNE_RESOLVER_MAY_BE_ENTITY;
    struct rune_resolver_found found;
    if (!rune_resolver_find(resolver, namespace, ast->name, ast->span, may_be, &found)) {
        return NULL;
    }
    if (found.is_common) {
        return resolve_common(resolver, found.index, ast->span);
    }
    struct rune_cedar_type *type = rune_resolver_make(resolver, 1, sizeof *type);
    if (type != NULL) {
        type->kind = RUNE_CEDAR_TYPE_ENTITY;
        type->name = found.full_name;
    }
    return type;
}

static const struct rune_cedar_type *resolve_record(struct rune_resolver *resolver,
                                                    struct rune_str namespace,
                                                    const struct rune_schema_ast_type *ast)
{
    struct rune_cedar_type *type = rune_resolver_make(resolver, 1, sizeof *type);
    struct rune_cedar_type_attr *attrs =
        rune_resolver_make(resolver, ast->attr_count, sizeof *attrs);
    bool ok = type != NULL && attrs != NULL;
    if (ast->is_open) {
        rune_resolver_report(resolver, "RUNE-C0511", ast->span, "leave `additionalAttributes` out",
                             "records with additional attributes are not supported");
        ok = false;
    }
    for (uint32_t i = 0; type != NULL && attrs != NULL && i < ast->attr_count; i++) {
        attrs[i].name = ast->attrs[i].name;
        attrs[i].is_required = ast->attrs[i].is_required;
        attrs[i].type = rune_resolver_type(resolver, namespace, ast->attrs[i].type);
        ok &= attrs[i].type != NULL;
    }
    if (!ok) {
        return NULL;
    }
    type->kind = RUNE_CEDAR_TYPE_RECORD;
    type->attrs = attrs;
    type->attr_count = ast->attr_count;
    return type;
}

static const struct rune_cedar_type *resolve_shallow(struct rune_resolver *resolver,
                                                     struct rune_str namespace,
                                                     const struct rune_schema_ast_type *ast)
{
    switch (ast->kind) {
    case RUNE_SCHEMA_AST_BOOL:
        return &builtin_types[0];
    case RUNE_SCHEMA_AST_LONG:
        return &builtin_types[1];
    case RUNE_SCHEMA_AST_STRING:
        return &builtin_types[2];
    case RUNE_SCHEMA_AST_RECORD:
        return resolve_record(resolver, namespace, ast);
    case RUNE_SCHEMA_AST_ENTITY:
    case RUNE_SCHEMA_AST_ENTITY_OR_COMMON:
    case RUNE_SCHEMA_AST_COMMON:
        return resolve_name(resolver, namespace, ast);
    case RUNE_SCHEMA_AST_EXTENSION:
        for (int i = FIRST_EXT; i < BUILTINS; i++) {
            if (rune_str_equal(builtin_names[i].name, ast->name)) {
                return &builtin_types[i];
            }
        }
        rune_resolver_report(resolver, "RUNE-C0508", ast->span,
                             "there are ipaddr, decimal, datetime and duration",
                             "there is no extension type `%.*s`", RUNE_STR_ARG(ast->name));
        return NULL;
    case RUNE_SCHEMA_AST_SET:
        break;
    }
    const struct rune_cedar_type *element = rune_resolver_type(resolver, namespace, ast->element);
    struct rune_cedar_type *type =
        element != NULL ? rune_resolver_make(resolver, 1, sizeof *type) : NULL;
    if (type != NULL) {
        type->kind = RUNE_CEDAR_TYPE_SET;
        type->element = element;
    }
    return type;
}

/* Recursion is counted: common types may be stacked high. */
const struct rune_cedar_type *rune_resolver_type(struct rune_resolver *resolver,
                                                 struct rune_str namespace,
                                                 const struct rune_schema_ast_type *ast)
{
    if (resolver->depth == RUNE_SCHEMA_MAX_DEPTH * 4) {
        resolver->limit = true;
        rune_resolver_report(resolver, "RUNE-C0105", ast->span, NULL,
                             "this type is nested too deep");
        return NULL;
    }
    resolver->depth++;
    const struct rune_cedar_type *type = resolve_shallow(resolver, namespace, ast);
    resolver->depth--;
    return type;
}

const struct rune_cedar_type *rune_resolver_shape(struct rune_resolver *resolver,
                                                  struct rune_str namespace,
                                                  const struct rune_schema_ast_type *ast,
                                                  const char *what)
{
    static const struct rune_cedar_type empty = {.kind = RUNE_CEDAR_TYPE_RECORD};
    if (ast == NULL) {
        return &empty;
    }
    const struct rune_cedar_type *type = rune_resolver_type(resolver, namespace, ast);
    if (type != NULL && type->kind != RUNE_CEDAR_TYPE_RECORD) {
        rune_resolver_report(resolver, "RUNE-C0512", ast->span,
                             "write it as a record: {name: Type}", "%s must be a record", what);
        return NULL;
    }
    return type;
}

void rune_resolver_commons(struct rune_resolver *resolver)
{
    for (uint32_t i = 0; i < resolver->common_list.count; i++) {
        const struct rune_schema_ast_common *ast = resolver->common_list.items[i].ast;
        resolve_common(resolver, i, ast != NULL ? ast->span : RUNE_SPAN_NONE);
    }
}
