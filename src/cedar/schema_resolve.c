/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments -> the schema. Four steps, each over all fragments: what is declared (and what must not
 * be declared twice, or shadow); what names mean; types; hierarchies.
 *
 * A name without a namespace means something of its own namespace, else of the empty one; a common
 * type goes before an entity type. The primitive and extension types are common types of `__cedar`,
 * with an alias in the empty namespace unless that name is declared there. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "cedar/foreign.h"
#include "cedar/schema.h"
#include "eval/schema_check.h"
#include "model/ext.h"

#define NO_INDEX UINT32_MAX

RUNE_VEC(vec_entity_type, struct rune_cedar_entity_type);
RUNE_VEC(vec_action, struct rune_cedar_action);

enum common_state { COMMON_NEW, COMMON_OPEN, COMMON_DONE, COMMON_BAD };

struct common {
    struct rune_str name; /* full */
    struct rune_str namespace;
    const struct rune_schema_ast_common *ast; /* NULL: built in */
    const struct rune_cedar_type *type;       /* when done */
    enum common_state state;
};

RUNE_VEC(vec_common, struct common);

/* Where something declared came from, by its place in the arrays before they are sorted. */
struct origin {
    struct rune_str namespace;
    const struct rune_schema_ast_entity *entity;
    const struct rune_schema_ast_action *action;
};

RUNE_VEC(vec_origin, struct origin);

struct resolver {
    struct rune_arena *arena;
    struct rune_diag *diag;
    uint32_t errors;
    bool nomem;
    bool limit;
    struct rune_map commons;      /* full name -> index in common_list */
    struct rune_map entities;     /* full name -> index in entity_list */
    struct rune_map actions;      /* `Type::"id"` key -> index in action_list */
    struct rune_map action_types; /* full names of action types */
    struct vec_common common_list;
    struct vec_entity_type entity_list;
    struct vec_origin entity_origins;
    struct vec_action action_list;
    struct vec_origin action_origins;
    uint32_t depth;
};

/* ---- errors ---- */

static void report(struct resolver *resolver, const char *code, struct rune_span span,
                   const char *help, const char *fmt, ...) RUNE_PRINTF(5, 6);

static void report(struct resolver *resolver, const char *code, struct rune_span span,
                   const char *help, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    resolver->errors++;
    rune_diag_report(resolver->diag, RUNE_ERROR, code, span, help, "%s", text);
}

static void *make(struct resolver *resolver, size_t count, size_t size)
{
    void *items = rune_arena_calloc(resolver->arena, count > 0 ? count : 1, size);
    resolver->nomem |= items == NULL;
    return items;
}

/* ---- names ---- */

bool rune_cedar_is_action_type(struct rune_str type)
{
    struct rune_str last = RUNE_STR("Action");
    return type.length >= last.length &&
           memcmp(type.data + type.length - last.length, last.data, last.length) == 0 &&
           (type.length == last.length || type.data[type.length - last.length - 1] == ':');
}

static bool is_qualified(struct rune_str name)
{
    return memchr(name.data, ':', name.length) != NULL;
}

static struct rune_str basename_of(struct rune_str name)
{
    size_t at = name.length;
    while (at > 0 && name.data[at - 1] != ':') {
        at--;
    }
    return (struct rune_str){name.data + at, name.length - at};
}

/* `namespace::name`. */
static struct rune_str qualify(struct resolver *resolver, struct rune_str namespace,
                               struct rune_str name)
{
    if (namespace.length == 0) {
        return name;
    }
    size_t length = namespace.length + 2 + name.length;
    char *text = rune_arena_alloc_aligned(resolver->arena, length, 1);
    if (text == NULL) {
        resolver->nomem = true;
        return RUNE_STR("");
    }
    memcpy(text, namespace.data, namespace.length);
    memcpy(text + namespace.length, "::", 2);
    memcpy(text + namespace.length + 2, name.data, name.length);
    return (struct rune_str){text, length};
}

/* Type, a byte that no name has, id. */
static struct rune_str action_key(struct resolver *resolver, struct rune_str type,
                                  struct rune_str id)
{
    size_t length = type.length + 1 + id.length;
    char *text = rune_arena_alloc_aligned(resolver->arena, length, 1);
    if (text == NULL) {
        resolver->nomem = true;
        return RUNE_STR("");
    }
    memcpy(text, type.data, type.length);
    text[type.length] = '"';
    memcpy(text + type.length + 1, id.data, id.length);
    return (struct rune_str){text, length};
}

/* ---- declarations ---- */

static bool map_add(struct resolver *resolver, struct rune_map *map, struct rune_str name,
                    size_t value, bool *ret_added)
{
    if (rune_map_intern(map, name, (uint32_t)value, &(uint32_t){0}, ret_added) != RUNE_OK) {
        resolver->nomem = true;
        return false;
    }
    return true;
}

static void declare_common(struct resolver *resolver, struct rune_str namespace,
                           const struct rune_schema_ast_common *ast)
{
    struct common common = {
        .name = qualify(resolver, namespace, ast->name), .namespace = namespace, .ast = ast};
    bool added;
    if (!map_add(resolver, &resolver->commons, common.name, resolver->common_list.count, &added)) {
        return;
    }
    if (!added) {
        report(resolver, "RUNE-C0504", ast->span, "keep one of them",
               "the type `%.*s` is declared twice", RUNE_STR_ARG(common.name));
    } else if (!RUNE_VEC_PUSH(&resolver->common_list, common)) {
        resolver->nomem = true;
    }
}

static void declare_entity(struct resolver *resolver, struct rune_str namespace,
                           const struct rune_schema_ast_entity *ast)
{
    struct rune_cedar_entity_type type = {.name = qualify(resolver, namespace, ast->name),
                                          .span = ast->span};
    bool added;
    if (rune_str_equal(ast->name, RUNE_STR("Action"))) {
        report(resolver, "RUNE-C0505", ast->span, "actions are declared with `action`",
               "an entity type cannot be named `Action`");
        return;
    }
    uint32_t index;
    if (rune_map_find(&resolver->entities, type.name, &index)) {
        struct origin *old = &resolver->entity_origins.items[index];
        if (ast->is_external) {
            return; /* declared here, defined elsewhere */
        }
        if (old->entity->is_external) {
            *old = (struct origin){.namespace = namespace, .entity = ast};
            resolver->entity_list.items[index].span = ast->span;
            return;
        }
        report(resolver, "RUNE-C0504", ast->span, "keep one of them",
               "the entity type `%.*s` is declared twice", RUNE_STR_ARG(type.name));
        rune_diag_note(resolver->diag, old->entity->span, "the first is here");
        return;
    }
    struct origin origin = {.namespace = namespace, .entity = ast};
    if (map_add(resolver, &resolver->entities, type.name, resolver->entity_list.count, &added) &&
        (!RUNE_VEC_PUSH(&resolver->entity_list, type) ||
         !RUNE_VEC_PUSH(&resolver->entity_origins, origin))) {
        resolver->nomem = true;
    }
}

static void declare_action(struct resolver *resolver, struct rune_str namespace,
                           const struct rune_schema_ast_action *ast)
{
    struct rune_cedar_action action = {.span = ast->span};
    bool added;
    action.uid.type = qualify(resolver, namespace, RUNE_STR("Action"));
    action.uid.id = ast->id;
    if (ast->has_attributes) {
        report(resolver, "RUNE-C0506", ast->span, "leave `attributes` out",
               "actions cannot have attributes");
    }
    struct rune_str key = action_key(resolver, action.uid.type, ast->id);
    uint32_t index;
    if (rune_map_find(&resolver->actions, key, &index)) {
        struct origin *old = &resolver->action_origins.items[index];
        if (ast->is_external) {
            return;
        }
        if (old->action->is_external) {
            *old = (struct origin){.namespace = namespace, .action = ast};
            resolver->action_list.items[index].span = ast->span;
            return;
        }
        report(resolver, "RUNE-C0504", ast->span, "keep one of them",
               "the action `%.*s` is declared twice", RUNE_STR_ARG(ast->id));
        rune_diag_note(resolver->diag, old->action->span, "the first is here");
        return;
    }
    struct origin origin = {.namespace = namespace, .action = ast};
    if (map_add(resolver, &resolver->actions, key, resolver->action_list.count, &added) &&
        map_add(resolver, &resolver->action_types, action.uid.type, 0, &added) &&
        (!RUNE_VEC_PUSH(&resolver->action_list, action) ||
         !RUNE_VEC_PUSH(&resolver->action_origins, origin))) {
        resolver->nomem = true;
    }
}

/* ---- shadowing: a name of the empty namespace may not be declared in another one, too ---- */

static void check_shadowing(struct resolver *resolver)
{
    struct rune_map plain = RUNE_MAP_INIT;
    bool added;
    for (size_t i = 0; i < resolver->entity_list.count; i++) {
        if (!is_qualified(resolver->entity_list.items[i].name)) {
            map_add(resolver, &plain, resolver->entity_list.items[i].name, 0, &added);
        }
    }
    for (size_t i = 0; i < resolver->common_list.count; i++) {
        if (!is_qualified(resolver->common_list.items[i].name)) {
            map_add(resolver, &plain, resolver->common_list.items[i].name, 0, &added);
        }
    }
    for (size_t i = 0; i < resolver->entity_list.count + resolver->common_list.count; i++) {
        bool is_entity = i < resolver->entity_list.count;
        size_t k = is_entity ? i : i - resolver->entity_list.count;
        struct rune_str name =
            is_entity ? resolver->entity_list.items[k].name : resolver->common_list.items[k].name;
        if (is_qualified(name) && rune_map_find(&plain, basename_of(name), NULL)) {
            report(resolver, "RUNE-C0507",
                   is_entity ? resolver->entity_list.items[k].span
                             : resolver->common_list.items[k].ast->span,
                   "rename one of them",
                   "`%.*s` would hide the type of that name without a namespace",
                   RUNE_STR_ARG(name));
        }
    }
    rune_map_fini(&plain);
    for (size_t i = 0; i < resolver->action_list.count; i++) {
        const struct rune_cedar_action *action = &resolver->action_list.items[i];
        if (is_qualified(action->uid.type) &&
            rune_map_find(&resolver->actions,
                          action_key(resolver, RUNE_STR("Action"), action->uid.id), NULL)) {
            report(resolver, "RUNE-C0507", action->span, "rename one of them",
                   "`%.*s` would hide the action of that name without a namespace",
                   RUNE_STR_ARG(action->uid.id));
        }
    }
}

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

uint32_t rune_cedar_ext_find(struct rune_str name)
{
    for (int i = FIRST_EXT; i < BUILTINS; i++) {
        if (rune_str_equal(builtin_names[i].name, name)) {
            return builtin_types[i].ext;
        }
    }
    return 0;
}

static void declare_builtins(struct resolver *resolver)
{
    for (int i = 0; i < BUILTINS; i++) {
        for (int alias = 0; alias < 2; alias++) {
            struct common common = {.name = alias ? builtin_names[i].name : builtin_names[i].full,
                                    .type = &builtin_types[i],
                                    .state = COMMON_DONE};
            bool added;
            if (alias && rune_map_find(&resolver->entities, common.name, NULL)) {
                continue;
            }
            if (map_add(resolver, &resolver->commons, common.name, resolver->common_list.count,
                        &added) &&
                added && !RUNE_VEC_PUSH(&resolver->common_list, common)) {
                resolver->nomem = true;
            }
        }
    }
}

/* ---- references ---- */

enum { MAY_BE_COMMON = 1, MAY_BE_ENTITY = 2 };

struct found {
    bool is_common;
    uint32_t index;            /* of the common type or entity type; NO_INDEX: an action type */
    struct rune_str full_name; /* of an entity type */
};

static bool look_up(struct resolver *resolver, struct rune_str name, unsigned may_be,
                    struct found *ret_found)
{
    uint32_t index;
    if ((may_be & MAY_BE_COMMON) != 0 && rune_map_find(&resolver->commons, name, &index)) {
        *ret_found = (struct found){.is_common = true, .index = index};
        return true;
    }
    if ((may_be & MAY_BE_ENTITY) == 0) {
        return false;
    }
    if (rune_map_find(&resolver->entities, name, &index)) {
        *ret_found =
            (struct found){.index = index, .full_name = resolver->entity_list.items[index].name};
        return true;
    }
    if (rune_map_find(&resolver->action_types, name, NULL)) {
        *ret_found = (struct found){.index = NO_INDEX, .full_name = name};
        return true;
    }
    return false;
}

static const char *suggest(struct resolver *resolver, struct rune_str name, unsigned may_be)
{
    enum { CANDIDATES = 200 };
    struct rune_str names[CANDIDATES];
    size_t count = 0;
    for (size_t i = 0;
         (may_be & MAY_BE_ENTITY) != 0 && i < resolver->entity_list.count && count < CANDIDATES;
         i++) {
        names[count++] = resolver->entity_list.items[i].name;
    }
    for (size_t i = 0;
         (may_be & MAY_BE_COMMON) != 0 && i < resolver->common_list.count && count < CANDIDATES;
         i++) {
        names[count++] = resolver->common_list.items[i].name;
    }
    struct rune_str nearest = rune_str_nearest(name, names, count);
    if (nearest.length == 0) {
        bool is_any = (may_be & MAY_BE_ENTITY) != 0 && (may_be & MAY_BE_COMMON) != 0;
        const char *help = is_any ? rune_foreign_help(RUNE_FOREIGN_TYPE, name) : NULL;
        return help != NULL                    ? help
               : (may_be & MAY_BE_ENTITY) != 0 ? "declare it: entity Name;"
                                               : "declare it: type Name = { .. };";
    }
    return rune_arena_printf(resolver->arena, "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
}

static bool resolve(struct resolver *resolver, struct rune_str namespace, struct rune_str name,
                    struct rune_span span, unsigned may_be, struct found *ret_found)
{
    if (!is_qualified(name) && namespace.length > 0 &&
        look_up(resolver, qualify(resolver, namespace, name), may_be, ret_found)) {
        return true;
    }
    if (look_up(resolver, name, may_be, ret_found)) {
        return true;
    }
    report(resolver, "RUNE-C0508", span, suggest(resolver, name, may_be), "there is no %s `%.*s`",
           may_be == MAY_BE_ENTITY   ? "entity type"
           : may_be == MAY_BE_COMMON ? "common type"
                                     : "type",
           RUNE_STR_ARG(name));
    return false;
}

/* ---- types ---- */

static const struct rune_cedar_type *resolve_type(struct resolver *resolver,
                                                  struct rune_str namespace,
                                                  const struct rune_schema_ast_type *ast);

static const struct rune_cedar_type *resolve_common(struct resolver *resolver, uint32_t index,
                                                    struct rune_span span)
{
    struct common *common = &resolver->common_list.items[index];
    if (common->state == COMMON_OPEN) {
        report(resolver, "RUNE-C0509", span, "break the cycle", "the type `%.*s` is made of itself",
               RUNE_STR_ARG(common->name));
        return NULL;
    }
    if (common->state == COMMON_NEW) {
        common->state = COMMON_OPEN;
        const struct rune_cedar_type *type =
            resolve_type(resolver, common->namespace, common->ast->type);
        common = &resolver->common_list.items[index];
        common->type = type;
        common->state = type != NULL ? COMMON_DONE : COMMON_BAD;
    }
    return common->type;
}

static const struct rune_cedar_type *resolve_name(struct resolver *resolver,
                                                  struct rune_str namespace,
                                                  const struct rune_schema_ast_type *ast)
{
    unsigned may_be = ast->kind == RUNE_SCHEMA_AST_ENTITY   ? MAY_BE_ENTITY
                      : ast->kind == RUNE_SCHEMA_AST_COMMON ? MAY_BE_COMMON
                                                            : MAY_BE_COMMON | MAY_BE_ENTITY;
    struct found found;
    if (!resolve(resolver, namespace, ast->name, ast->span, may_be, &found)) {
        return NULL;
    }
    if (found.is_common) {
        return resolve_common(resolver, found.index, ast->span);
    }
    struct rune_cedar_type *type = make(resolver, 1, sizeof *type);
    if (type != NULL) {
        type->kind = RUNE_CEDAR_TYPE_ENTITY;
        type->name = found.full_name;
    }
    return type;
}

static const struct rune_cedar_type *resolve_record(struct resolver *resolver,
                                                    struct rune_str namespace,
                                                    const struct rune_schema_ast_type *ast)
{
    struct rune_cedar_type *type = make(resolver, 1, sizeof *type);
    struct rune_cedar_type_attr *attrs = make(resolver, ast->attr_count, sizeof *attrs);
    bool ok = type != NULL && attrs != NULL;
    if (ast->is_open) {
        report(resolver, "RUNE-C0511", ast->span, "leave `additionalAttributes` out",
               "records with additional attributes are not supported");
        ok = false;
    }
    for (uint32_t i = 0; type != NULL && attrs != NULL && i < ast->attr_count; i++) {
        attrs[i].name = ast->attrs[i].name;
        attrs[i].is_required = ast->attrs[i].is_required;
        attrs[i].type = resolve_type(resolver, namespace, ast->attrs[i].type);
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

static const struct rune_cedar_type *resolve_shallow(struct resolver *resolver,
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
        report(resolver, "RUNE-C0508", ast->span,
               "there are ipaddr, decimal, datetime and duration",
               "there is no extension type `%.*s`", RUNE_STR_ARG(ast->name));
        return NULL;
    case RUNE_SCHEMA_AST_SET:
        break;
    }
    const struct rune_cedar_type *element = resolve_type(resolver, namespace, ast->element);
    struct rune_cedar_type *type = element != NULL ? make(resolver, 1, sizeof *type) : NULL;
    if (type != NULL) {
        type->kind = RUNE_CEDAR_TYPE_SET;
        type->element = element;
    }
    return type;
}

/* NULL: reported. Recursion is counted: common types may be stacked high. */
static const struct rune_cedar_type *resolve_type(struct resolver *resolver,
                                                  struct rune_str namespace,
                                                  const struct rune_schema_ast_type *ast)
{
    if (resolver->depth == RUNE_SCHEMA_MAX_DEPTH * 4) {
        resolver->limit = true;
        report(resolver, "RUNE-C0105", ast->span, NULL, "this type is nested too deep");
        return NULL;
    }
    resolver->depth++;
    const struct rune_cedar_type *type = resolve_shallow(resolver, namespace, ast);
    resolver->depth--;
    return type;
}

/* A record: the shape of an entity type, a context. */
static const struct rune_cedar_type *resolve_shape(struct resolver *resolver,
                                                   struct rune_str namespace,
                                                   const struct rune_schema_ast_type *ast,
                                                   const char *what)
{
    static const struct rune_cedar_type empty = {.kind = RUNE_CEDAR_TYPE_RECORD};
    if (ast == NULL) {
        return &empty;
    }
    const struct rune_cedar_type *type = resolve_type(resolver, namespace, ast);
    if (type != NULL && type->kind != RUNE_CEDAR_TYPE_RECORD) {
        report(resolver, "RUNE-C0512", ast->span, "write it as a record: {name: Type}",
               "%s must be a record", what);
        return NULL;
    }
    return type;
}

/* ---- hierarchies ---- */

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Sorted, without repetition. */
static void keep_indexes(struct resolver *resolver, uint32_t *items, size_t count,
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
    uint32_t *copy = make(resolver, kept, sizeof *copy);
    if (copy != NULL) {
        if (kept > 0) {
            memcpy(copy, items, kept * sizeof *copy);
        }
        *ret_indexes = (struct rune_schema_indexes){copy, (uint32_t)kept};
    }
}

static void resolve_entity_refs(struct resolver *resolver, struct rune_str namespace,
                                const struct rune_schema_ast_refs *refs,
                                struct rune_schema_indexes *ret_indexes)
{
    struct rune_vec_u32 list = {0};
    for (uint32_t i = 0; i < refs->count; i++) {
        struct found found;
        if (!resolve(resolver, namespace, refs->items[i].name, refs->items[i].span, MAY_BE_ENTITY,
                     &found)) {
            continue;
        }
        if (found.index == NO_INDEX) {
            report(resolver, "RUNE-C0508", refs->items[i].span, NULL,
                   "`%.*s` is a type of actions, which cannot stand here",
                   RUNE_STR_ARG(found.full_name));
        } else if (!RUNE_VEC_PUSH(&list, found.index)) {
            resolver->nomem = true;
        }
    }
    keep_indexes(resolver, list.items, list.count, ret_indexes);
    RUNE_VEC_FINI(&list);
}

static bool find_action(struct resolver *resolver, struct rune_str type, struct rune_str id,
                        uint32_t *ret_index)
{
    return rune_map_find(&resolver->actions, action_key(resolver, type, id), ret_index);
}

static void resolve_action_refs(struct resolver *resolver, struct rune_str namespace,
                                const struct rune_schema_ast_action *ast,
                                struct rune_schema_indexes *ret_indexes)
{
    struct rune_vec_u32 list = {0};
    for (uint32_t i = 0; i < ast->parent_count; i++) {
        const struct rune_schema_ast_action_ref *ref = &ast->parents[i];
        struct rune_str type = ref->type.length > 0 ? ref->type : RUNE_STR("Action");
        uint32_t index = 0;
        bool found = (!is_qualified(type) &&
                      find_action(resolver, qualify(resolver, namespace, type), ref->id, &index)) ||
                     find_action(resolver, type, ref->id, &index);
        if (!found) {
            report(resolver, "RUNE-C0508", ref->span, "declare it: action \"..\";",
                   "there is no action %.*s::\"%.*s\"", RUNE_STR_ARG(type), RUNE_STR_ARG(ref->id));
        } else if (!RUNE_VEC_PUSH(&list, index)) {
            resolver->nomem = true;
        }
    }
    keep_indexes(resolver, list.items, list.count, ret_indexes);
    RUNE_VEC_FINI(&list);
}

typedef const struct rune_schema_indexes *(*parents_fn)(const struct resolver *resolver,
                                                        uint32_t index);

static const struct rune_schema_indexes *entity_parents(const struct resolver *resolver,
                                                        uint32_t index)
{
    return &resolver->entity_list.items[index].parents;
}

static const struct rune_schema_indexes *action_parents(const struct resolver *resolver,
                                                        uint32_t index)
{
    return &resolver->action_list.items[index].parents;
}

/* All that can be reached from `from` by one or more steps. Cost: O(edges) each, O(n * edges) in
 * all, which is fine for types and actions. */
static void close_over(struct resolver *resolver, uint32_t from, uint32_t count, parents_fn parents,
                       uint8_t *seen, struct rune_schema_indexes *ret_indexes)
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
static void check_external(struct resolver *resolver, const struct rune_cedar_entity_type *type)
{
    for (uint32_t i = 0; type->is_external && i < type->ancestors.count; i++) {
        const struct rune_cedar_entity_type *ancestor =
            &resolver->entity_list.items[type->ancestors.items[i]];
        if (ancestor->is_enum) {
            report(resolver, "RUNE-C0511", type->span,
                   "only what is defined here can be below an enumeration",
                   "the external entity type `%.*s` has the enumeration `%.*s` among its ancestors",
                   RUNE_STR_ARG(type->name), RUNE_STR_ARG(ancestor->name));
        }
    }
}

static void close_hierarchies(struct resolver *resolver)
{
    uint32_t types = (uint32_t)resolver->entity_list.count;
    uint32_t actions = (uint32_t)resolver->action_list.count;
    uint8_t *seen = make(resolver, types > actions ? types : actions, 1);
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
            report(resolver, "RUNE-C0509", action->span, "break the cycle",
                   "the action `%.*s` is its own ancestor", RUNE_STR_ARG(action->uid.id));
        }
    }
}

/* ---- sorting ---- */

static int compare_types(const void *a, const void *b)
{
    return rune_str_compare(((const struct rune_cedar_entity_type *)a)->name,
                            ((const struct rune_cedar_entity_type *)b)->name);
}

static int compare_uids(const struct rune_cedar_uid *a, const struct rune_cedar_uid *b)
{
    int order = rune_str_compare(a->type, b->type);
    return order != 0 ? order : rune_str_compare(a->id, b->id);
}

static int compare_actions(const void *a, const void *b)
{
    return compare_uids(&((const struct rune_cedar_action *)a)->uid,
                        &((const struct rune_cedar_action *)b)->uid);
}

/* Sorts the tables while every entry still has its origin beside it. */
static void sort_tables(struct resolver *resolver)
{
    struct vec_entity_type *types = &resolver->entity_list;
    struct vec_action *actions = &resolver->action_list;
    for (size_t i = 0; i < types->count; i++) {
        types->items[i].id_count = (uint32_t)i;
    }
    for (size_t i = 0; i < actions->count; i++) {
        actions->items[i].parents.count = (uint32_t)i;
    }
    if (types->count > 1) {
        qsort(types->items, types->count, sizeof *types->items, compare_types);
    }
    if (actions->count > 1) {
        qsort(actions->items, actions->count, sizeof *actions->items, compare_actions);
    }
    struct origin *entity_origins = make(resolver, types->count, sizeof *entity_origins);
    struct origin *action_origins = make(resolver, actions->count, sizeof *action_origins);
    if (entity_origins == NULL || action_origins == NULL) {
        return;
    }
    for (size_t i = 0; i < types->count; i++) {
        entity_origins[i] = resolver->entity_origins.items[types->items[i].id_count];
        types->items[i].id_count = 0;
        resolver->nomem |=
            rune_map_set(&resolver->entities, types->items[i].name, (uint32_t)i) != RUNE_OK;
    }
    for (size_t i = 0; i < actions->count; i++) {
        struct rune_cedar_action *action = &actions->items[i];
        action_origins[i] = resolver->action_origins.items[action->parents.count];
        action->parents.count = 0;
        struct rune_str key = action_key(resolver, action->uid.type, action->uid.id);
        resolver->nomem |= rune_map_set(&resolver->actions, key, (uint32_t)i) != RUNE_OK;
    }
    if (types->count > 0) {
        memcpy(resolver->entity_origins.items, entity_origins,
               types->count * sizeof *entity_origins);
    }
    if (actions->count > 0) {
        memcpy(resolver->action_origins.items, action_origins,
               actions->count * sizeof *action_origins);
    }
}

/* ---- all of it ---- */

static void declare_all(struct resolver *resolver, const struct rune_schema_fragment *fragments,
                        uint32_t count)
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

static void resolve_entities(struct resolver *resolver)
{
    for (size_t i = 0; i < resolver->entity_list.count && !resolver->nomem; i++) {
        struct rune_cedar_entity_type *type = &resolver->entity_list.items[i];
        const struct origin *origin = &resolver->entity_origins.items[i];
        const struct rune_schema_ast_entity *ast = origin->entity;
        type->is_enum = ast->is_enum;
        type->is_external = ast->is_external;
        type->ids = ast->ids;
        type->id_count = ast->id_count;
        resolve_entity_refs(resolver, origin->namespace, &ast->member_of, &type->parents);
        type->attrs =
            resolve_shape(resolver, origin->namespace, ast->shape, "the shape of an entity type");
        type->tags =
            ast->tags != NULL ? resolve_type(resolver, origin->namespace, ast->tags) : NULL;
    }
}

static void resolve_actions(struct resolver *resolver)
{
    for (size_t i = 0; i < resolver->action_list.count && !resolver->nomem; i++) {
        struct rune_cedar_action *action = &resolver->action_list.items[i];
        const struct origin *origin = &resolver->action_origins.items[i];
        const struct rune_schema_ast_action *ast = origin->action;
        action->is_external = ast->is_external;
        resolve_entity_refs(resolver, origin->namespace, &ast->principals, &action->principals);
        resolve_entity_refs(resolver, origin->namespace, &ast->resources, &action->resources);
        resolve_action_refs(resolver, origin->namespace, ast, &action->parents);
        action->context = resolve_shape(resolver, origin->namespace, ast->context, "a context");
    }
}

static void finish(struct resolver *resolver, struct rune_cedar_schema *schema)
{
    memset(schema, 0, sizeof *schema);
    schema->entity_type_count = (uint32_t)resolver->entity_list.count;
    schema->action_count = (uint32_t)resolver->action_list.count;
    schema->entity_types = make(resolver, schema->entity_type_count, sizeof *schema->entity_types);
    schema->actions = make(resolver, schema->action_count, sizeof *schema->actions);
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

static void resolver_fini(struct resolver *resolver)
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
    struct resolver resolver = {.arena = arena, .diag = diag};
    struct rune_cedar_schema schema;
    declare_all(&resolver, fragments, count);
    check_shadowing(&resolver);
    declare_builtins(&resolver);
    if (!resolver.nomem) {
        sort_tables(&resolver);
    }
    if (!resolver.nomem) {
        for (uint32_t i = 0; i < resolver.common_list.count; i++) {
            struct common *common = &resolver.common_list.items[i];
            resolve_common(&resolver, i, common->ast != NULL ? common->ast->span : RUNE_SPAN_NONE);
        }
        resolve_entities(&resolver);
        resolve_actions(&resolver);
    }
    if (!resolver.nomem && resolver.errors == 0) {
        close_hierarchies(&resolver);
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

/* ---- lookups ---- */

const struct rune_cedar_entity_type *
rune_cedar_schema_find_type(const struct rune_cedar_schema *schema, struct rune_str name)
{
    struct rune_cedar_entity_type key = {.name = name};
    return schema->entity_type_count == 0
               ? NULL
               : bsearch(&key, schema->entity_types, schema->entity_type_count, sizeof key,
                         compare_types);
}

const struct rune_cedar_action *
rune_cedar_schema_find_action(const struct rune_cedar_schema *schema,
                              const struct rune_cedar_uid *uid)
{
    struct rune_cedar_action key = {.uid = *uid};
    return schema->action_count == 0
               ? NULL
               : bsearch(&key, schema->actions, schema->action_count, sizeof key, compare_actions);
}

const struct rune_cedar_type_attr *rune_cedar_type_find_attr(const struct rune_cedar_type *record,
                                                             struct rune_str name)
{
    size_t low = 0;
    size_t high = record->attr_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = rune_str_compare(name, record->attrs[middle].name);
        if (order == 0) {
            return &record->attrs[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}
