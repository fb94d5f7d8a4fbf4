/* SPDX-License-Identifier: Apache-2.0 */
/* A fragment in human syntax, laid out as Cedar lays it out. */
#include "base/map.h"
#include "cedar/print.h"
#include "cedar/schema.h"
#include "model/uid.h"

struct printer {
    struct rune_buf *out;
    struct rune_diag *diag;
    struct rune_map commons; /* names of common types, without namespaces */
    uint32_t errors;
};

static void refuse(struct printer *printer, struct rune_span span, const char *help,
                   const char *what, struct rune_str name)
{
    rune_diag_report(printer->diag, RUNE_ERROR, "RUNE-C0530", span, help, "%s: `%.*s`", what,
                     RUNE_STR_ARG(name));
    printer->errors++;
}

static void indent(struct printer *printer, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++) {
        rune_buf_append_cstr(printer->out, "  ");
    }
}

static void print_annotations(struct printer *printer,
                              const struct rune_schema_ast_annotations *annotations, unsigned depth)
{
    for (uint32_t i = 0; i < annotations->count; i++) {
        const struct rune_cedar_annotation *annotation = &annotations->items[i];
        indent(printer, depth);
        rune_buf_append_char(printer->out, '@');
        rune_buf_append_str(printer->out, annotation->name);
        if (annotation->has_value) {
            rune_buf_append_char(printer->out, '(');
            rune_cedar_print_string(printer->out, annotation->value);
            rune_buf_append_char(printer->out, ')');
        }
        rune_buf_append_char(printer->out, '\n');
    }
}

/* ---- types ---- */

static void print_type(struct printer *printer, const struct rune_schema_ast_type *type,
                       unsigned depth);

static void print_record(struct printer *printer, const struct rune_schema_ast_type *type,
                         unsigned depth)
{
    if (type->is_open) {
        refuse(printer, type->span, "leave it out", "the human syntax has no such thing",
               RUNE_STR("additionalAttributes"));
    }
    rune_buf_append_cstr(printer->out, type->attr_count > 0 ? "{\n" : "{");
    for (uint32_t i = 0; i < type->attr_count; i++) {
        const struct rune_schema_ast_attr *attr = &type->attrs[i];
        print_annotations(printer, &attr->annotations, depth + 1);
        indent(printer, depth + 1);
        if (rune_uid_is_identifier(attr->name)) {
            rune_buf_append_str(printer->out, attr->name);
        } else {
            rune_cedar_print_string(printer->out, attr->name);
        }
        rune_buf_append_cstr(printer->out, attr->is_required ? ": " : "?: ");
        print_type(printer, attr->type, depth + 1);
        rune_buf_append_cstr(printer->out, i + 1 < type->attr_count ? ",\n" : "\n");
    }
    indent(printer, type->attr_count > 0 ? depth : 0);
    rune_buf_append_char(printer->out, '}');
}

/* In human syntax a name is a common type's first, an entity type's second. */
static void print_entity_name(struct printer *printer, const struct rune_schema_ast_type *type)
{
    size_t at = type->name.length;
    while (at > 0 && type->name.data[at - 1] != ':') {
        at--;
    }
    if (rune_map_find(&printer->commons,
                      (struct rune_str){type->name.data + at, type->name.length - at}, NULL)) {
        refuse(printer, type->span, "give the common type another name",
               "in the human syntax this entity type would be the common type of that name",
               type->name);
    }
    rune_buf_append_str(printer->out, type->name);
}

/* Recursion is bounded by the parsers. Cedar's own types are written with their namespace, which no
 * one else can declare anything in. */
static void print_type(struct printer *printer, const struct rune_schema_ast_type *type,
                       unsigned depth)
{
    struct rune_buf *out = printer->out;
    switch (type->kind) {
    case RUNE_SCHEMA_AST_BOOL:
        rune_buf_append_cstr(out, "__cedar::Bool");
        break;
    case RUNE_SCHEMA_AST_LONG:
        rune_buf_append_cstr(out, "__cedar::Long");
        break;
    case RUNE_SCHEMA_AST_STRING:
        rune_buf_append_cstr(out, "__cedar::String");
        break;
    case RUNE_SCHEMA_AST_SET:
        rune_buf_append_cstr(out, "Set<");
        print_type(printer, type->element, depth);
        rune_buf_append_char(out, '>');
        break;
    case RUNE_SCHEMA_AST_RECORD:
        print_record(printer, type, depth);
        break;
    case RUNE_SCHEMA_AST_ENTITY:
        print_entity_name(printer, type);
        break;
    case RUNE_SCHEMA_AST_EXTENSION:
        rune_buf_append_cstr(out, "__cedar::");
        rune_buf_append_str(out, type->name);
        break;
    case RUNE_SCHEMA_AST_ENTITY_OR_COMMON:
    case RUNE_SCHEMA_AST_COMMON:
        rune_buf_append_str(out, type->name);
        break;
    }
}

static bool is_empty(const struct rune_schema_ast_type *type)
{
    return type == NULL ||
           (type->kind == RUNE_SCHEMA_AST_RECORD && type->attr_count == 0 && !type->is_open);
}

/* ---- declarations ---- */

static void print_refs(struct printer *printer, const struct rune_schema_ast_refs *refs)
{
    rune_buf_append_char(printer->out, '[');
    for (uint32_t i = 0; i < refs->count; i++) {
        rune_buf_append_cstr(printer->out, i > 0 ? ", " : "");
        rune_buf_append_str(printer->out, refs->items[i].name);
    }
    rune_buf_append_char(printer->out, ']');
}

static void print_common(struct printer *printer, const struct rune_schema_ast_common *common,
                         unsigned depth)
{
    print_annotations(printer, &common->annotations, depth);
    indent(printer, depth);
    rune_buf_append_cstr(printer->out, "type ");
    rune_buf_append_str(printer->out, common->name);
    rune_buf_append_cstr(printer->out, " = ");
    print_type(printer, common->type, depth);
    rune_buf_append_cstr(printer->out, ";\n");
}

static void print_enum(struct printer *printer, const struct rune_schema_ast_entity *entity)
{
    rune_buf_append_cstr(printer->out, " enum [");
    for (uint32_t i = 0; i < entity->id_count; i++) {
        rune_buf_append_cstr(printer->out, i > 0 ? ", " : "");
        rune_cedar_print_string(printer->out, entity->ids[i]);
    }
    rune_buf_append_char(printer->out, ']');
}

static void print_entity(struct printer *printer, const struct rune_schema_ast_entity *entity,
                         unsigned depth)
{
    print_annotations(printer, &entity->annotations, depth);
    indent(printer, depth);
    rune_buf_append_cstr(printer->out, entity->is_external ? "external entity " : "entity ");
    rune_buf_append_str(printer->out, entity->name);
    if (entity->is_enum) {
        print_enum(printer, entity);
    }
    if (entity->member_of.count > 0) {
        rune_buf_append_cstr(printer->out, " in ");
        print_refs(printer, &entity->member_of);
    }
    if (entity->shape != NULL && entity->shape->kind != RUNE_SCHEMA_AST_RECORD) {
        refuse(printer, entity->shape->span, "write the record itself as the shape",
               "in the human syntax the attributes of an entity type cannot be a named type",
               entity->name);
    } else if (!is_empty(entity->shape)) {
        rune_buf_append_cstr(printer->out, " = ");
        print_type(printer, entity->shape, depth);
    }
    if (entity->tags != NULL) {
        rune_buf_append_cstr(printer->out, " tags ");
        print_type(printer, entity->tags, depth);
    }
    rune_buf_append_cstr(printer->out, ";\n");
}

static void print_parents(struct printer *printer, const struct rune_schema_ast_action *action)
{
    rune_buf_append_cstr(printer->out, " in [");
    for (uint32_t i = 0; i < action->parent_count; i++) {
        const struct rune_schema_ast_action_ref *parent = &action->parents[i];
        rune_buf_append_cstr(printer->out, i > 0 ? ", " : "");
        if (parent->type.length > 0) {
            rune_cedar_print_uid(printer->out, &(struct rune_cedar_uid){parent->type, parent->id});
        } else {
            rune_cedar_print_string(printer->out, parent->id);
        }
    }
    rune_buf_append_char(printer->out, ']');
}

static void print_applies_to(struct printer *printer, const struct rune_schema_ast_action *action,
                             unsigned depth)
{
    struct rune_buf *out = printer->out;
    rune_buf_append_cstr(out, " appliesTo {\n");
    indent(printer, depth + 1);
    rune_buf_append_cstr(out, "principal: ");
    print_refs(printer, &action->principals);
    rune_buf_append_cstr(out, ",\n");
    indent(printer, depth + 1);
    rune_buf_append_cstr(out, "resource: ");
    print_refs(printer, &action->resources);
    rune_buf_append_cstr(out, ",\n");
    indent(printer, depth + 1);
    rune_buf_append_cstr(out, "context: ");
    if (is_empty(action->context)) {
        rune_buf_append_cstr(out, "{}");
    } else {
        print_type(printer, action->context, depth + 1);
    }
    rune_buf_append_char(out, '\n');
    indent(printer, depth);
    rune_buf_append_char(out, '}');
}

static void print_action(struct printer *printer, const struct rune_schema_ast_action *action,
                         unsigned depth)
{
    if (action->has_attributes) {
        refuse(printer, action->span, "leave `attributes` out",
               "the human syntax has no attributes of actions", action->id);
    }
    print_annotations(printer, &action->annotations, depth);
    indent(printer, depth);
    rune_buf_append_cstr(printer->out, action->is_external ? "external action " : "action ");
    rune_cedar_print_string(printer->out, action->id);
    if (action->parent_count > 0) {
        print_parents(printer, action);
    }
    /* else it applies to nothing */
    if (action->principals.count > 0 && action->resources.count > 0) {
        print_applies_to(printer, action, depth);
    }
    rune_buf_append_cstr(printer->out, ";\n");
}

static void separate(struct printer *printer, bool *first)
{
    rune_buf_append_cstr(printer->out, *first ? "" : "\n");
    *first = false;
}

static void print_namespace(struct printer *printer,
                            const struct rune_schema_ast_namespace *namespace)
{
    unsigned depth = namespace->name.length > 0 ? 1 : 0;
    bool first = true;
    if (depth > 0) {
        print_annotations(printer, &namespace->annotations, 0);
        rune_buf_append_cstr(printer->out, "namespace ");
        rune_buf_append_str(printer->out, namespace->name);
        rune_buf_append_cstr(printer->out, " {\n");
    }
    for (uint32_t i = 0; i < namespace->common_count; i++) {
        separate(printer, &first);
        print_common(printer, &namespace->commons[i], depth);
    }
    for (uint32_t i = 0; i < namespace->entity_count; i++) {
        separate(printer, &first);
        print_entity(printer, &namespace->entities[i], depth);
    }
    for (uint32_t i = 0; i < namespace->action_count; i++) {
        separate(printer, &first);
        print_action(printer, &namespace->actions[i], depth);
    }
    rune_buf_append_cstr(printer->out, depth > 0 ? "}\n" : "");
}

static enum rune_err note_commons(struct printer *printer,
                                  const struct rune_schema_fragment *fragment)
{
    for (uint32_t i = 0; i < fragment->namespace_count; i++) {
        const struct rune_schema_ast_namespace *namespace = &fragment->namespaces[i];
        for (uint32_t k = 0; k < namespace->common_count; k++) {
            if (rune_map_set(&printer->commons, namespace->commons[k].name, 0) != RUNE_OK) {
                return RUNE_E_NOMEM;
            }
        }
    }
    return RUNE_OK;
}

enum rune_err rune_schema_print_text(const struct rune_schema_fragment *fragment,
                                     struct rune_buf *out, struct rune_diag *diag)
{
    struct printer printer = {.out = out, .diag = diag, .commons = RUNE_MAP_INIT};
    enum rune_err err = note_commons(&printer, fragment);
    for (uint32_t i = 0; err == RUNE_OK && i < fragment->namespace_count; i++) {
        rune_buf_append_cstr(out, i > 0 ? "\n" : "");
        print_namespace(&printer, &fragment->namespaces[i]);
    }
    rune_map_fini(&printer.commons);
    if (err == RUNE_OK && out->failed) {
        err = RUNE_E_NOMEM;
    }
    return err == RUNE_OK && printer.errors > 0 ? RUNE_E_INVALID : err;
}
