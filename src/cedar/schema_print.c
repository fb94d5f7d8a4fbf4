/* SPDX-License-Identifier: Apache-2.0 */
/* A fragment in the JSON form. The printer keeps one bit of state: whether a comma is due. */
#include "base/buf.h"
#include "cedar/schema.h"

struct printer {
    struct rune_buf *out;
    unsigned depth;
    bool first;
};

static void line(struct printer *printer)
{
    rune_buf_append_cstr(printer->out, printer->first ? "\n" : ",\n");
    for (unsigned i = 0; i < printer->depth; i++) {
        rune_buf_append_cstr(printer->out, "  ");
    }
    printer->first = false;
}

static void open(struct printer *printer, char bracket)
{
    rune_buf_append_char(printer->out, bracket);
    printer->depth++;
    printer->first = true;
}

static void close(struct printer *printer, char bracket)
{
    printer->depth--;
    if (!printer->first) {
        printer->first = true;
        line(printer);
    }
    rune_buf_append_char(printer->out, bracket);
    printer->first = false;
}

static void key(struct printer *printer, struct rune_str name)
{
    line(printer);
    rune_buf_append_json(printer->out, name);
    rune_buf_append_cstr(printer->out, ": ");
}

static void text_member(struct printer *printer, const char *name, struct rune_str text)
{
    key(printer, rune_str_from(name));
    rune_buf_append_json(printer->out, text);
}

static void word_member(struct printer *printer, const char *name, const char *word)
{
    key(printer, rune_str_from(name));
    rune_buf_append_cstr(printer->out, word);
}

static void print_annotations(struct printer *printer,
                              const struct rune_schema_ast_annotations *annotations)
{
    if (annotations->count == 0) {
        return;
    }
    key(printer, RUNE_STR("annotations"));
    open(printer, '{');
    for (uint32_t i = 0; i < annotations->count; i++) {
        key(printer, annotations->items[i].name);
        rune_buf_append_json(printer->out, annotations->items[i].value);
    }
    close(printer, '}');
}

static void print_type_members(struct printer *printer, const struct rune_schema_ast_type *type);

static void print_attrs(struct printer *printer, const struct rune_schema_ast_type *type)
{
    key(printer, RUNE_STR("attributes"));
    open(printer, '{');
    for (uint32_t i = 0; i < type->attr_count; i++) {
        const struct rune_schema_ast_attr *attr = &type->attrs[i];
        key(printer, attr->name);
        open(printer, '{');
        print_type_members(printer, attr->type);
        print_annotations(printer, &attr->annotations);
        if (!attr->is_required) {
            word_member(printer, "required", "false");
        }
        close(printer, '}');
    }
    close(printer, '}');
}

/* Recursion is bounded by the parsers. */
static void print_type_members(struct printer *printer, const struct rune_schema_ast_type *type)
{
    static const char *const kinds[] = {"Boolean", "Long",           "String", "Set",      "Record",
                                        "Entity",  "EntityOrCommon", "",       "Extension"};
    text_member(printer, "type",
                type->kind == RUNE_SCHEMA_AST_COMMON ? type->name
                                                     : rune_str_from(kinds[type->kind]));
    switch (type->kind) {
    case RUNE_SCHEMA_AST_SET:
        key(printer, RUNE_STR("element"));
        open(printer, '{');
        print_type_members(printer, type->element);
        close(printer, '}');
        break;
    case RUNE_SCHEMA_AST_RECORD:
        print_attrs(printer, type);
        if (type->is_open) {
            word_member(printer, "additionalAttributes", "true");
        }
        break;
    case RUNE_SCHEMA_AST_ENTITY:
    case RUNE_SCHEMA_AST_ENTITY_OR_COMMON:
    case RUNE_SCHEMA_AST_EXTENSION:
        text_member(printer, "name", type->name);
        break;
    default:
        break;
    }
}

static void print_type(struct printer *printer, const char *name,
                       const struct rune_schema_ast_type *type)
{
    key(printer, rune_str_from(name));
    open(printer, '{');
    print_type_members(printer, type);
    close(printer, '}');
}

/* The empty record is left out. */
static void print_shape(struct printer *printer, const char *name,
                        const struct rune_schema_ast_type *type)
{
    if (type != NULL &&
        (type->kind != RUNE_SCHEMA_AST_RECORD || type->attr_count > 0 || type->is_open)) {
        print_type(printer, name, type);
    }
}

static void print_refs(struct printer *printer, const char *name,
                       const struct rune_schema_ast_refs *refs)
{
    key(printer, rune_str_from(name));
    open(printer, '[');
    for (uint32_t i = 0; i < refs->count; i++) {
        line(printer);
        rune_buf_append_json(printer->out, refs->items[i].name);
    }
    close(printer, ']');
}

static void print_common(struct printer *printer, const struct rune_schema_ast_common *common)
{
    key(printer, common->name);
    open(printer, '{');
    print_type_members(printer, common->type);
    print_annotations(printer, &common->annotations);
    close(printer, '}');
}

static void print_entity(struct printer *printer, const struct rune_schema_ast_entity *entity)
{
    key(printer, entity->name);
    open(printer, '{');
    if (entity->is_external) {
        word_member(printer, "external", "true");
    }
    if (entity->is_enum) {
        key(printer, RUNE_STR("enum"));
        open(printer, '[');
        for (uint32_t i = 0; i < entity->id_count; i++) {
            line(printer);
            rune_buf_append_json(printer->out, entity->ids[i]);
        }
        close(printer, ']');
    }
    if (entity->member_of.count > 0) {
        print_refs(printer, "memberOfTypes", &entity->member_of);
    }
    print_shape(printer, "shape", entity->shape);
    if (entity->tags != NULL) {
        print_type(printer, "tags", entity->tags);
    }
    print_annotations(printer, &entity->annotations);
    close(printer, '}');
}

static void print_action(struct printer *printer, const struct rune_schema_ast_action *action)
{
    key(printer, action->id);
    open(printer, '{');
    if (action->is_external) {
        word_member(printer, "external", "true");
    }
    if (action->has_applies_to) {
        key(printer, RUNE_STR("appliesTo"));
        open(printer, '{');
        print_refs(printer, "resourceTypes", &action->resources);
        print_refs(printer, "principalTypes", &action->principals);
        print_shape(printer, "context", action->context);
        close(printer, '}');
    }
    if (action->has_parents) {
        key(printer, RUNE_STR("memberOf"));
        open(printer, '[');
        for (uint32_t i = 0; i < action->parent_count; i++) {
            line(printer);
            open(printer, '{');
            text_member(printer, "id", action->parents[i].id);
            if (action->parents[i].type.length > 0) {
                text_member(printer, "type", action->parents[i].type);
            }
            close(printer, '}');
        }
        close(printer, ']');
    }
    print_annotations(printer, &action->annotations);
    close(printer, '}');
}

static void print_namespace(struct printer *printer,
                            const struct rune_schema_ast_namespace *namespace)
{
    key(printer, namespace->name);
    open(printer, '{');
    if (namespace->common_count > 0) {
        key(printer, RUNE_STR("commonTypes"));
        open(printer, '{');
        for (uint32_t i = 0; i < namespace->common_count; i++) {
            print_common(printer, &namespace->commons[i]);
        }
        close(printer, '}');
    }
    key(printer, RUNE_STR("entityTypes"));
    open(printer, '{');
    for (uint32_t i = 0; i < namespace->entity_count; i++) {
        print_entity(printer, &namespace->entities[i]);
    }
    close(printer, '}');
    key(printer, RUNE_STR("actions"));
    open(printer, '{');
    for (uint32_t i = 0; i < namespace->action_count; i++) {
        print_action(printer, &namespace->actions[i]);
    }
    close(printer, '}');
    print_annotations(printer, &namespace->annotations);
    close(printer, '}');
}

enum rune_err rune_schema_print_json(const struct rune_schema_fragment *fragment,
                                     struct rune_buf *out)
{
    struct printer printer = {.out = out, .first = true};
    open(&printer, '{');
    for (uint32_t i = 0; i < fragment->namespace_count; i++) {
        print_namespace(&printer, &fragment->namespaces[i]);
    }
    close(&printer, '}');
    rune_buf_append_char(out, '\n');
    return out->failed ? RUNE_E_NOMEM : RUNE_OK;
}
