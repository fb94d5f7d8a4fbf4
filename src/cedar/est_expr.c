/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions of the JSON form: an object with one member, whose name is the operator. */
#include <string.h>

#include "base/utf8.h"
#include "cedar/est_int.h"
#include "cedar/est_names.h"
#include "cedar/foreign.h"
#include "model/uid.h"

struct rune_cedar_expr *rune_est_make(struct rune_est_reader *reader,
                                      enum rune_cedar_expr_kind kind,
                                      const struct rune_json_node *node, uint32_t arg_count)
{
    struct rune_cedar_expr *expr = rune_est_alloc(reader, 1, sizeof *expr);
    if (expr == NULL) {
        return NULL;
    }
    expr->kind = kind;
    expr->depth = 1;
    expr->span = (struct rune_span){reader->source, node->offset, node->length};
    expr->arg_count = arg_count;
    if (arg_count > 0) {
        expr->args = rune_est_alloc(reader, arg_count, sizeof *expr->args);
    }
    return arg_count > 0 && expr->args == NULL ? NULL : expr;
}

bool rune_est_set_arg(struct rune_cedar_expr *expr, uint32_t index, struct rune_cedar_expr *arg)
{
    if (arg == NULL) {
        return false;
    }
    expr->args[index] = arg;
    if (arg->depth >= expr->depth) {
        expr->depth = arg->depth + 1;
    }
    return true;
}

/* The operand under that name. */
static bool read_arg(struct rune_est_reader *reader, struct rune_cedar_expr *expr, uint32_t index,
                     const struct rune_json_node *body, const char *name)
{
    const struct rune_json_node *node = rune_est_require(reader, body, name);
    return node != NULL && rune_est_set_arg(expr, index, rune_est_read_expr(reader, node));
}

typedef struct rune_cedar_expr *(*read_fn)(struct rune_est_reader *reader,
                                           const struct rune_json_node *body);

static struct rune_cedar_expr *read_operator(struct rune_est_reader *reader,
                                             const struct rune_json_node *body,
                                             const struct rune_est_name *name)
{
    static const char *const arg[] = {"arg", NULL};
    static const char *const both[] = {"left", "right", NULL};
    bool is_arg = name->form == RUNE_EST_ARG;
    if (!rune_est_expect(reader, body, RUNE_JSON_OBJECT,
                         is_arg ? "an object {\"arg\": ..}"
                                : "an object {\"left\": .., \"right\": ..}") ||
        !rune_est_check_members(reader, body, is_arg ? arg : both)) {
        return NULL;
    }
    struct rune_cedar_expr *expr = rune_est_make(reader, name->kind, body, is_arg ? 1 : 2);
    bool ok = expr != NULL && read_arg(reader, expr, 0, body, is_arg ? "arg" : "left") &&
              (is_arg || read_arg(reader, expr, 1, body, "right"));
    return ok ? expr : NULL;
}

static struct rune_cedar_expr *read_var(struct rune_est_reader *reader,
                                        const struct rune_json_node *body)
{
    for (uint32_t i = 0; i < 4; i++) {
        if (rune_est_is_name(body, rune_est_vars[i])) {
            struct rune_cedar_expr *expr = rune_est_make(reader, RUNE_EXPR_VAR, body, 0);
            if (expr != NULL) {
                expr->as.var = (enum rune_cedar_var)i;
            }
            return expr;
        }
    }
    rune_est_fail(reader, body,
                  body->type == RUNE_JSON_STRING
                      ? rune_est_suggest(reader, body->as.text, rune_est_vars, 4)
                      : NULL,
                  "the variables are principal, action, resource and context");
    return NULL;
}

static struct rune_cedar_expr *read_slot(struct rune_est_reader *reader,
                                         const struct rune_json_node *body)
{
    rune_est_fail(reader, body, "compare it in the scope", "a slot cannot stand in a condition");
    return NULL;
}

static struct rune_cedar_expr *read_get_attr(struct rune_est_reader *reader,
                                             const struct rune_json_node *body)
{
    static const char *const names[] = {"left", "attr", NULL};
    if (!rune_est_expect(reader, body, RUNE_JSON_OBJECT, "an object") ||
        !rune_est_check_members(reader, body, names)) {
        return NULL;
    }
    const struct rune_json_node *attr = rune_est_require(reader, body, "attr");
    struct rune_cedar_expr *expr = rune_est_make(reader, RUNE_EXPR_GET_ATTR, body, 1);
    if (attr == NULL || expr == NULL ||
        !rune_est_expect(reader, attr, RUNE_JSON_STRING, "an attribute name") ||
        !read_arg(reader, expr, 0, body, "left")) {
        return NULL;
    }
    expr->as.string = attr->as.text;
    return expr;
}

/* One name, or an array of at least one. */
static bool read_path(struct rune_est_reader *reader, const struct rune_json_node *attr,
                      struct rune_cedar_path *path)
{
    bool is_list = attr->type == RUNE_JSON_ARRAY;
    uint32_t count = is_list ? attr->as.array.count : 1;
    struct rune_str *names = rune_est_alloc(reader, count, sizeof *names);
    if (names == NULL) {
        return false;
    }
    if (count == 0) {
        return rune_est_fail(reader, attr, NULL, "`has` needs at least one attribute");
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_json_node *name = is_list ? &attr->as.array.items[i] : attr;
        if (!rune_est_expect(reader, name, RUNE_JSON_STRING, "an attribute name")) {
            return false;
        }
        names[i] = name->as.text;
    }
    *path = (struct rune_cedar_path){names, count};
    return true;
}

/* As in Cedar, unknown members are ignored here, and here alone. */
static struct rune_cedar_expr *read_has(struct rune_est_reader *reader,
                                        const struct rune_json_node *body)
{
    if (!rune_est_expect(reader, body, RUNE_JSON_OBJECT, "an object")) {
        return NULL;
    }
    const struct rune_json_node *attr = rune_est_require(reader, body, "attr");
    struct rune_cedar_expr *expr = rune_est_make(reader, RUNE_EXPR_HAS, body, 1);
    bool ok = attr != NULL && expr != NULL && read_path(reader, attr, &expr->as.path) &&
              read_arg(reader, expr, 0, body, "left");
    return ok ? expr : NULL;
}

/* Code points of all literals; how many, if `out` is NULL. False: no pattern. */
static bool read_elements(const struct rune_json_node *list, int32_t *out, uint32_t *ret_count)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->as.array.count; i++) {
        const struct rune_json_node *item = &list->as.array.items[i];
        if (rune_est_is_name(item, RUNE_STR("Wildcard"))) {
            if (out != NULL) {
                out[count] = -1;
            }
            count++;
            continue;
        }
        const struct rune_json_node *literal =
            item->type == RUNE_JSON_OBJECT && item->as.object.count == 1
                ? rune_json_find(item, "Literal")
                : NULL;
        if (literal == NULL || literal->type != RUNE_JSON_STRING) {
            return false;
        }
        for (size_t at = 0; at < literal->as.text.length;) {
            size_t size;
            int32_t c =
                rune_utf8_decode(literal->as.text.data + at, literal->as.text.length - at, &size);
            if (c < 0) {
                return false;
            }
            if (out != NULL) {
                out[count] = c;
            }
            count++;
            at += size;
        }
    }
    *ret_count = count;
    return true;
}

static struct rune_cedar_expr *read_like(struct rune_est_reader *reader,
                                         const struct rune_json_node *body)
{
    static const char *const names[] = {"left", "pattern", NULL};
    uint32_t count = 0;
    if (!rune_est_expect(reader, body, RUNE_JSON_OBJECT, "an object") ||
        !rune_est_check_members(reader, body, names)) {
        return NULL;
    }
    const struct rune_json_node *pattern = rune_est_require(reader, body, "pattern");
    if (pattern == NULL ||
        !rune_est_expect(reader, pattern, RUNE_JSON_ARRAY,
                         "a pattern, like [{\"Literal\": \"a\"}, \"Wildcard\"],")) {
        return NULL;
    }
    if (!read_elements(pattern, NULL, &count)) {
        rune_est_fail(reader, pattern, NULL,
                      "a pattern is made of \"Wildcard\" and {\"Literal\": \"text\"}");
        return NULL;
    }
    struct rune_cedar_expr *expr = rune_est_make(reader, RUNE_EXPR_LIKE, body, 1);
    int32_t *elements = rune_est_alloc(reader, count, sizeof *elements);
    if (expr == NULL || elements == NULL || !read_elements(pattern, elements, &count) ||
        !read_arg(reader, expr, 0, body, "left")) {
        return NULL;
    }
    expr->as.pattern = (struct rune_cedar_pattern){elements, count};
    return expr;
}

static struct rune_cedar_expr *read_is(struct rune_est_reader *reader,
                                       const struct rune_json_node *body)
{
    static const char *const names[] = {"left", "entity_type", "in", NULL};
    if (!rune_est_expect(reader, body, RUNE_JSON_OBJECT, "an object") ||
        !rune_est_check_members(reader, body, names)) {
        return NULL;
    }
    const struct rune_json_node *type = rune_est_require(reader, body, "entity_type");
    const struct rune_json_node *in = rune_json_find(body, "in");
    bool has_in = in != NULL && in->type != RUNE_JSON_NULL;
    if (type == NULL || !rune_est_expect(reader, type, RUNE_JSON_STRING, "an entity type")) {
        return NULL;
    }
    if (!rune_uid_is_type_name(type->as.text)) {
        rune_est_expect(reader, type, RUNE_JSON_NULL, "an entity type, like \"App::User\",");
        return NULL;
    }
    struct rune_cedar_expr *expr = rune_est_make(reader, RUNE_EXPR_IS, body, has_in ? 2 : 1);
    if (expr == NULL || !read_arg(reader, expr, 0, body, "left") ||
        (has_in && !read_arg(reader, expr, 1, body, "in"))) {
        return NULL;
    }
    expr->as.name = type->as.text;
    return expr;
}

static struct rune_cedar_expr *read_if(struct rune_est_reader *reader,
                                       const struct rune_json_node *body)
{
    static const char *const names[] = {"if", "then", "else", NULL};
    if (!rune_est_expect(reader, body, RUNE_JSON_OBJECT, "an object") ||
        !rune_est_check_members(reader, body, names)) {
        return NULL;
    }
    struct rune_cedar_expr *expr = rune_est_make(reader, RUNE_EXPR_IF, body, 3);
    bool ok = expr != NULL && read_arg(reader, expr, 0, body, "if") &&
              read_arg(reader, expr, 1, body, "then") && read_arg(reader, expr, 2, body, "else");
    return ok ? expr : NULL;
}

static bool read_list(struct rune_est_reader *reader, const struct rune_json_node *body,
                      struct rune_cedar_expr *expr)
{
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (!rune_est_set_arg(expr, i, rune_est_read_expr(reader, &body->as.array.items[i]))) {
            return false;
        }
    }
    return true;
}

static struct rune_cedar_expr *read_set(struct rune_est_reader *reader,
                                        const struct rune_json_node *body)
{
    if (!rune_est_expect(reader, body, RUNE_JSON_ARRAY, "an array")) {
        return NULL;
    }
    struct rune_cedar_expr *expr = rune_est_make(reader, RUNE_EXPR_SET, body, body->as.array.count);
    return expr != NULL && read_list(reader, body, expr) ? expr : NULL;
}

static struct rune_cedar_expr *read_record(struct rune_est_reader *reader,
                                           const struct rune_json_node *body)
{
    if (!rune_est_expect(reader, body, RUNE_JSON_OBJECT, "an object")) {
        return NULL;
    }
    uint32_t count = body->as.object.count;
    struct rune_cedar_expr *expr = rune_est_make(reader, RUNE_EXPR_RECORD, body, count);
    struct rune_str *names = rune_est_alloc(reader, count, sizeof *names);
    bool ok = expr != NULL && names != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        names[i] = body->as.object.members[i].key;
        ok = rune_est_set_arg(expr, i,
                              rune_est_read_expr(reader, &body->as.object.members[i].value));
    }
    if (ok) {
        expr->as.path = (struct rune_cedar_path){names, count};
    }
    return ok ? expr : NULL;
}

static struct rune_cedar_expr *read_call(struct rune_est_reader *reader,
                                         const struct rune_json_node *body, uint32_t function)
{
    if (!rune_est_expect(reader, body, RUNE_JSON_ARRAY, "an array of arguments")) {
        return NULL;
    }
    struct rune_cedar_expr *expr =
        rune_est_make(reader, RUNE_EXPR_CALL, body, body->as.array.count);
    if (expr == NULL || !read_list(reader, body, expr)) {
        return NULL;
    }
    expr->as.call.function = function;
    expr->as.call.is_method = rune_est_functions[function].is_method && expr->arg_count > 0;
    return expr;
}

static const struct {
    const char *name;
    read_fn read;
} others[] = {
    {"Value", rune_est_read_value},
    {"Var", read_var},
    {"Slot", read_slot},
    {".", read_get_attr},
    {"has", read_has},
    {"like", read_like},
    {"is", read_is},
    {"if-then-else", read_if},
    {"Set", read_set},
    {"Record", read_record},
};

enum { OTHER_COUNT = sizeof others / sizeof others[0] };

static void report_shape(struct rune_est_reader *reader, const struct rune_json_node *node)
{
    const char *help = "like {\"Var\": \"principal\"} or {\"==\": {\"left\": .., \"right\": ..}}";
    if (node->type != RUNE_JSON_OBJECT || node->as.object.count == 0) {
        rune_est_fail(reader, node, help, "an expression is an object with one member");
        return;
    }
    struct rune_json_node second = rune_est_key(&node->as.object.members[1]);
    rune_est_fail(reader, &second, help,
                  "an expression is an object with one member, and this is a second one");
}

static void report_operator(struct rune_est_reader *reader, const struct rune_json_member *member)
{
    struct rune_str names[RUNE_EST_FUNCTION_COUNT + RUNE_EST_NAME_COUNT + OTHER_COUNT];
    size_t count = 0;
    for (int i = 0; i < RUNE_EST_FUNCTION_COUNT; i++) {
        names[count++] = rune_est_functions[i].name;
    }
    for (int i = 0; i < RUNE_EST_NAME_COUNT; i++) {
        names[count++] = rune_str_from(rune_est_names[i].name);
    }
    for (int i = 0; i < OTHER_COUNT; i++) {
        names[count++] = rune_str_from(others[i].name);
    }
    const char *help = rune_foreign_help(RUNE_FOREIGN_EXPR, member->key);
    if (help == NULL) {
        help = rune_est_suggest(reader, member->key, names, count);
    }
    struct rune_json_node key = rune_est_key(member);
    rune_est_fail(reader, &key, help, "there is no operator `%.*s`", RUNE_STR_ARG(member->key));
}

struct rune_cedar_expr *rune_est_read_expr(struct rune_est_reader *reader,
                                           const struct rune_json_node *node)
{
    if (node->type != RUNE_JSON_OBJECT || node->as.object.count != 1) {
        report_shape(reader, node);
        return NULL;
    }
    const struct rune_json_member *only = &node->as.object.members[0];
    for (uint32_t i = 0; i < RUNE_EST_FUNCTION_COUNT; i++) {
        if (rune_str_equal(rune_est_functions[i].name, only->key)) {
            return read_call(reader, &only->value, i);
        }
    }
    for (int i = 0; i < RUNE_EST_NAME_COUNT; i++) {
        if (rune_str_equal(rune_str_from(rune_est_names[i].name), only->key)) {
            return read_operator(reader, &only->value, &rune_est_names[i]);
        }
    }
    for (size_t i = 0; i < OTHER_COUNT; i++) {
        if (rune_str_equal(rune_str_from(others[i].name), only->key)) {
            return others[i].read(reader, &only->value);
        }
    }
    report_operator(reader, only);
    return NULL;
}
