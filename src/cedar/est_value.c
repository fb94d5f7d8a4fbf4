/* SPDX-License-Identifier: Apache-2.0 */
/* Values and entities in the JSON form: the same escapes as in entity documents. */
#include <string.h>

#include "cedar/est_int.h"
#include "cedar/est_names.h"
#include "model/uid.h"

static bool is_text(const struct rune_json_node *object, const char *name,
                    struct rune_str *ret_text)
{
    const struct rune_json_node *node = rune_json_find(object, name);
    if (node == NULL || node->type != RUNE_JSON_STRING) {
        return false;
    }
    *ret_text = node->as.text;
    return true;
}

static bool has_uid(const struct rune_json_node *node, struct rune_cedar_uid *uid)
{
    if (node == NULL) {
        return false;
    }
    if (node->type == RUNE_JSON_OBJECT) {
        return is_text(node, "type", &uid->type) && is_text(node, "id", &uid->id);
    }
    if (node->type != RUNE_JSON_ARRAY || node->as.array.count != 2 ||
        node->as.array.items[0].type != RUNE_JSON_STRING ||
        node->as.array.items[1].type != RUNE_JSON_STRING) {
        return false;
    }
    uid->type = node->as.array.items[0].as.text;
    uid->id = node->as.array.items[1].as.text;
    return true;
}

static bool check_type(struct rune_est_reader *reader, const struct rune_json_node *node,
                       const struct rune_cedar_uid *uid)
{
    return rune_uid_is_type_name(uid->type) ||
           rune_est_fail(reader, node, "names are joined by `::`, without spaces",
                         "`%.*s` is no entity type", RUNE_STR_ARG(uid->type));
}

bool rune_est_read_uid(struct rune_est_reader *reader, const struct rune_json_node *node,
                       struct rune_cedar_uid *uid)
{
    struct rune_str ignored;
    bool is_object = node->type == RUNE_JSON_OBJECT;
    bool ok = !(is_object && is_text(node, "__expr", &ignored)) &&
              ((is_object && has_uid(rune_json_find(node, "__entity"), uid)) || has_uid(node, uid));
    if (!ok) {
        return rune_est_fail(reader, node, NULL,
                             "an entity is written {\"type\": \"User\", \"id\": \"alice\"}");
    }
    return check_type(reader, node, uid);
}

static struct rune_cedar_expr *read_record(struct rune_est_reader *reader,
                                           const struct rune_json_node *node)
{
    uint32_t count = node->as.object.count;
    struct rune_cedar_expr *expr = rune_est_make(reader, RUNE_EXPR_RECORD, node, count);
    struct rune_str *names = rune_est_alloc(reader, count, sizeof *names);
    bool ok = expr != NULL && names != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        names[i] = node->as.object.members[i].key;
        ok = rune_est_set_arg(expr, i,
                              rune_est_read_value(reader, &node->as.object.members[i].value));
    }
    if (ok) {
        expr->as.path = (struct rune_cedar_path){names, count};
    }
    return ok ? expr : NULL;
}

static struct rune_cedar_expr *read_array(struct rune_est_reader *reader,
                                          const struct rune_json_node *node)
{
    uint32_t count = node->as.array.count;
    struct rune_cedar_expr *expr = rune_est_make(reader, RUNE_EXPR_SET, node, count);
    bool ok = expr != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = rune_est_set_arg(expr, i, rune_est_read_value(reader, &node->as.array.items[i]));
    }
    return ok ? expr : NULL;
}

/* The arguments of a call, in a node of that kind. */
static struct rune_cedar_expr *read_args(struct rune_est_reader *reader,
                                         const struct rune_json_node *node,
                                         enum rune_cedar_expr_kind kind)
{
    const struct rune_json_node *arg = rune_json_find(node, "arg");
    const struct rune_json_node *args = rune_json_find(node, "args");
    uint32_t count = arg != NULL ? 1 : args->as.array.count;
    struct rune_cedar_expr *expr = rune_est_make(reader, kind, node, count);
    bool ok = expr != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        ok = rune_est_set_arg(
            expr, i, rune_est_read_value(reader, arg != NULL ? arg : &args->as.array.items[i]));
    }
    return ok ? expr : NULL;
}

/* Cedar reads a call of any name here, and fails when it evaluates it. A set stands for the call,
 * and the policy is marked, so that nobody goes on with it. */
static struct rune_cedar_expr *read_unknown(struct rune_est_reader *reader,
                                            const struct rune_json_node *node,
                                            const struct rune_json_node *name)
{
    if (!rune_uid_is_type_name(name->as.text)) {
        rune_est_fail(reader, name, NULL, "`%.*s` is no name of a function",
                      RUNE_STR_ARG(name->as.text));
        return NULL;
    }
    rune_diag_report(reader->diag, RUNE_WARNING, "RUNE-C0531",
                     (struct rune_span){reader->source, name->offset, name->length},
                     "Cedar reads this, but a policy that gets here when it is evaluated fails",
                     "there is no function `%.*s`", RUNE_STR_ARG(name->as.text));
    reader->has_unknown_call = true;
    return read_args(reader, node, RUNE_EXPR_SET);
}

static struct rune_cedar_expr *read_call(struct rune_est_reader *reader,
                                         const struct rune_json_node *node)
{
    const struct rune_json_node *name = rune_json_find(node, "fn");
    for (uint32_t function = 0; function < RUNE_EST_FUNCTION_COUNT; function++) {
        if (!rune_str_equal(rune_est_functions[function].name, name->as.text)) {
            continue;
        }
        struct rune_cedar_expr *expr = read_args(reader, node, RUNE_EXPR_CALL);
        if (expr != NULL) {
            expr->as.call.function = function;
            expr->as.call.is_method = rune_est_functions[function].is_method && expr->arg_count > 0;
        }
        return expr;
    }
    return read_unknown(reader, node, name);
}

/* Whether the object, which is the only member's value, is a call. */
static bool is_call(const struct rune_json_node *node)
{
    struct rune_str name;
    const struct rune_json_node *args = rune_json_find(node, "args");
    return is_text(node, "fn", &name) &&
           (rune_json_find(node, "arg") != NULL || (args != NULL && args->type == RUNE_JSON_ARRAY));
}

static struct rune_cedar_expr *make_entity(struct rune_est_reader *reader,
                                           const struct rune_json_node *node,
                                           const struct rune_cedar_uid *uid)
{
    struct rune_cedar_expr *expr = rune_est_make(reader, RUNE_EXPR_ENTITY, node, 0);
    struct rune_cedar_uid *kept = rune_est_alloc(reader, 1, sizeof *kept);
    if (expr == NULL || kept == NULL) {
        return NULL;
    }
    *kept = *uid;
    expr->as.uid = kept;
    return expr;
}

static struct rune_cedar_expr *read_object(struct rune_est_reader *reader,
                                           const struct rune_json_node *node)
{
    if (node->as.object.count == 1) {
        const struct rune_json_member *only = &node->as.object.members[0];
        struct rune_cedar_uid uid;
        bool is_object = only->value.type == RUNE_JSON_OBJECT;
        if (only->value.type == RUNE_JSON_STRING && rune_str_equal(only->key, RUNE_STR("__expr"))) {
            rune_est_fail(reader, node, NULL, "`__expr` is no longer part of Cedar");
            return NULL;
        }
        if (is_object && rune_str_equal(only->key, RUNE_STR("__entity")) &&
            has_uid(&only->value, &uid)) {
            return check_type(reader, node, &uid) ? make_entity(reader, node, &uid) : NULL;
        }
        if (is_object && rune_str_equal(only->key, RUNE_STR("__extn")) && is_call(&only->value)) {
            return read_call(reader, &only->value);
        }
    }
    return read_record(reader, node);
}

struct rune_cedar_expr *rune_est_read_value(struct rune_est_reader *reader,
                                            const struct rune_json_node *node)
{
    struct rune_cedar_expr *expr = NULL;
    switch (node->type) {
    case RUNE_JSON_NULL:
        rune_est_fail(reader, node, NULL, "Cedar has no null");
        return NULL;
    case RUNE_JSON_NUMBER:
        rune_est_fail(reader, node, NULL, "Cedar has integers from -2^63 to 2^63-1 only");
        return NULL;
    case RUNE_JSON_FALSE:
    case RUNE_JSON_TRUE:
        expr = rune_est_make(reader, RUNE_EXPR_BOOL, node, 0);
        if (expr != NULL) {
            expr->as.boolean = node->type == RUNE_JSON_TRUE;
        }
        return expr;
    case RUNE_JSON_INTEGER:
        expr = rune_est_make(reader, RUNE_EXPR_LONG, node, 0);
        if (expr != NULL) {
            expr->as.integer = node->as.integer;
        }
        return expr;
    case RUNE_JSON_STRING:
        expr = rune_est_make(reader, RUNE_EXPR_STRING, node, 0);
        if (expr != NULL) {
            expr->as.string = node->as.text;
        }
        return expr;
    case RUNE_JSON_ARRAY:
        return read_array(reader, node);
    case RUNE_JSON_OBJECT:
        break;
    }
    return read_object(reader, node);
}
