/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/utf8.h"
#include "cedar/est.h"
#include "cedar/est_names.h"

static void print_expr(const struct rune_cedar_expr *expr, struct rune_buf *out);

static void print_uid(const struct rune_cedar_uid *uid, struct rune_buf *out)
{
    rune_buf_append_cstr(out, "{\"type\":");
    rune_buf_append_json(out, uid->type);
    rune_buf_append_cstr(out, ",\"id\":");
    rune_buf_append_json(out, uid->id);
    rune_buf_append_char(out, '}');
}

static void print_left(const struct rune_cedar_expr *expr, const char *name, struct rune_buf *out)
{
    rune_buf_printf(out, "\"%s\":{\"left\":", name);
    print_expr(expr->args[0], out);
}

static void print_has(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    const struct rune_cedar_path *path = &expr->as.path;
    print_left(expr, "has", out);
    rune_buf_append_cstr(out, path->count > 1 ? ",\"attr\":[" : ",\"attr\":");
    for (uint32_t i = 0; i < path->count; i++) {
        rune_buf_append_cstr(out, i > 0 ? "," : "");
        rune_buf_append_json(out, path->names[i]);
    }
    rune_buf_append_cstr(out, path->count > 1 ? "]}" : "}");
}

static void print_like(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    const struct rune_cedar_pattern *pattern = &expr->as.pattern;
    print_left(expr, "like", out);
    rune_buf_append_cstr(out, ",\"pattern\":[");
    for (uint32_t i = 0; i < pattern->count; i++) {
        rune_buf_append_cstr(out, i > 0 ? "," : "");
        if (pattern->elements[i] < 0) {
            rune_buf_append_cstr(out, "\"Wildcard\"");
        } else {
            char bytes[4];
            size_t size = rune_utf8_encode((uint32_t)pattern->elements[i], bytes);
            rune_buf_append_cstr(out, "{\"Literal\":");
            rune_buf_append_json(out, (struct rune_str){bytes, size});
            rune_buf_append_char(out, '}');
        }
    }
    rune_buf_append_cstr(out, "]}");
}

static void print_is(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    print_left(expr, "is", out);
    rune_buf_append_cstr(out, ",\"entity_type\":");
    rune_buf_append_json(out, expr->as.name);
    if (expr->arg_count > 1) {
        rune_buf_append_cstr(out, ",\"in\":");
        print_expr(expr->args[1], out);
    }
    rune_buf_append_char(out, '}');
}

static void print_list(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    rune_buf_append_char(out, '[');
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        rune_buf_append_cstr(out, i > 0 ? "," : "");
        print_expr(expr->args[i], out);
    }
    rune_buf_append_char(out, ']');
}

static void print_record(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    rune_buf_append_cstr(out, "\"Record\":{");
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        rune_buf_append_cstr(out, i > 0 ? "," : "");
        rune_buf_append_json(out, expr->as.path.names[i]);
        rune_buf_append_char(out, ':');
        print_expr(expr->args[i], out);
    }
    rune_buf_append_char(out, '}');
}

static void print_if(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    rune_buf_append_cstr(out, "\"if-then-else\":{\"if\":");
    print_expr(expr->args[0], out);
    rune_buf_append_cstr(out, ",\"then\":");
    print_expr(expr->args[1], out);
    rune_buf_append_cstr(out, ",\"else\":");
    print_expr(expr->args[2], out);
    rune_buf_append_char(out, '}');
}

static void print_operator(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    for (int i = 0; i < RUNE_EST_NAME_COUNT; i++) {
        if (rune_est_names[i].kind != expr->kind) {
            continue;
        }
        bool is_arg = rune_est_names[i].form == RUNE_EST_ARG;
        rune_buf_printf(out, "\"%s\":{\"%s\":", rune_est_names[i].name, is_arg ? "arg" : "left");
        print_expr(expr->args[0], out);
        if (!is_arg) {
            rune_buf_append_cstr(out, ",\"right\":");
            print_expr(expr->args[1], out);
        }
        rune_buf_append_char(out, '}');
        return;
    }
}

/* INVARIANT: the tree's depth was checked where it was made. */
static void print_expr(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    rune_buf_append_char(out, '{');
    switch (expr->kind) {
    case RUNE_EXPR_BOOL:
        rune_buf_printf(out, "\"Value\":%s", expr->as.boolean ? "true" : "false");
        break;
    case RUNE_EXPR_LONG:
        rune_buf_printf(out, "\"Value\":%" PRId64, expr->as.integer);
        break;
    case RUNE_EXPR_STRING:
        rune_buf_append_cstr(out, "\"Value\":");
        rune_buf_append_json(out, expr->as.string);
        break;
    case RUNE_EXPR_ENTITY:
        rune_buf_append_cstr(out, "\"Value\":{\"__entity\":");
        print_uid(expr->as.uid, out);
        rune_buf_append_char(out, '}');
        break;
    case RUNE_EXPR_VAR:
        rune_buf_printf(out, "\"Var\":\"%.*s\"", RUNE_STR_ARG(rune_est_vars[expr->as.var]));
        break;
    case RUNE_EXPR_SLOT:
        rune_buf_printf(out, "\"Slot\":\"?%.*s\"", RUNE_STR_ARG(rune_est_vars[expr->as.var]));
        break;
    case RUNE_EXPR_IF:
        print_if(expr, out);
        break;
    case RUNE_EXPR_IS:
        print_is(expr, out);
        break;
    case RUNE_EXPR_HAS:
        print_has(expr, out);
        break;
    case RUNE_EXPR_LIKE:
        print_like(expr, out);
        break;
    case RUNE_EXPR_GET_ATTR:
        print_left(expr, ".", out);
        rune_buf_append_cstr(out, ",\"attr\":");
        rune_buf_append_json(out, expr->as.string);
        rune_buf_append_char(out, '}');
        break;
    case RUNE_EXPR_SET:
        rune_buf_append_cstr(out, "\"Set\":");
        print_list(expr, out);
        break;
    case RUNE_EXPR_RECORD:
        print_record(expr, out);
        break;
    case RUNE_EXPR_CALL:
        rune_buf_append_json(out, rune_est_functions[expr->as.call.function].name);
        rune_buf_append_char(out, ':');
        print_list(expr, out);
        break;
    default:
        print_operator(expr, out);
        break;
    }
    rune_buf_append_char(out, '}');
}

/* `"entity": {..}` or `"slot": ".."`. */
static void print_target(const struct rune_cedar_scope *scope, const char *slot,
                         struct rune_buf *out)
{
    if (scope->is_slot) {
        rune_buf_printf(out, "\"slot\":\"%s\"", slot);
    } else {
        rune_buf_append_cstr(out, "\"entity\":");
        print_uid(&scope->uids[0], out);
    }
}

static void print_actions(const struct rune_cedar_scope *scope, struct rune_buf *out)
{
    rune_buf_append_cstr(out, "\"entities\":[");
    for (uint32_t i = 0; i < scope->uid_count; i++) {
        rune_buf_append_cstr(out, i > 0 ? "," : "");
        print_uid(&scope->uids[i], out);
    }
    rune_buf_append_char(out, ']');
}

static void print_scope(const struct rune_cedar_scope *scope, const char *name, const char *slot,
                        struct rune_buf *out)
{
    rune_buf_printf(out, ",\"%s\":{\"op\":", name);
    switch (scope->op) {
    case RUNE_SCOPE_ANY:
        rune_buf_append_cstr(out, "\"All\"");
        break;
    case RUNE_SCOPE_EQ:
        rune_buf_append_cstr(out, "\"==\",");
        print_target(scope, slot, out);
        break;
    case RUNE_SCOPE_IN:
        rune_buf_append_cstr(out, "\"in\",");
        if (!scope->is_slot && scope->uid_count != 1) { /* a list of one is written as the one */
            print_actions(scope, out);
        } else {
            print_target(scope, slot, out);
        }
        break;
    case RUNE_SCOPE_IS:
    case RUNE_SCOPE_IS_IN:
        rune_buf_append_cstr(out, "\"is\",\"entity_type\":");
        rune_buf_append_json(out, scope->type);
        if (scope->op == RUNE_SCOPE_IS_IN) {
            rune_buf_append_cstr(out, ",\"in\":{");
            print_target(scope, slot, out);
            rune_buf_append_char(out, '}');
        }
        break;
    }
    rune_buf_append_char(out, '}');
}

static void print_policy(const struct rune_cedar_policy *policy, struct rune_buf *out)
{
    rune_buf_printf(out, "{\"effect\":\"%s\"", policy->is_forbid ? "forbid" : "permit");
    print_scope(&policy->principal, "principal", "?principal", out);
    print_scope(&policy->action, "action", "", out);
    print_scope(&policy->resource, "resource", "?resource", out);
    rune_buf_append_cstr(out, ",\"conditions\":[");
    for (uint32_t i = 0; i < policy->condition_count; i++) {
        const struct rune_cedar_condition *condition = &policy->conditions[i];
        rune_buf_printf(out, "%s{\"kind\":\"%s\",\"body\":", i > 0 ? "," : "",
                        condition->is_unless ? "unless" : "when");
        print_expr(condition->body, out);
        rune_buf_append_char(out, '}');
    }
    rune_buf_append_char(out, ']');
    for (uint32_t i = 0; i < policy->annotation_count; i++) {
        const struct rune_cedar_annotation *annotation = &policy->annotations[i];
        rune_buf_append_cstr(out, i == 0 ? ",\"annotations\":{" : ",");
        rune_buf_append_json(out, annotation->name);
        rune_buf_append_char(out, ':');
        if (annotation->has_value) {
            rune_buf_append_json(out, annotation->value);
        } else {
            rune_buf_append_cstr(out, "null");
        }
    }
    rune_buf_append_cstr(out, policy->annotation_count > 0 ? "}}" : "}");
}

enum rune_err rune_est_print_policy(const struct rune_cedar_policy *policy, struct rune_buf *out)
{
    print_policy(policy, out);
    return out->failed ? RUNE_E_NOMEM : RUNE_OK;
}

static void print_policies(const struct rune_cedar_policies *policies, bool templates,
                           struct rune_buf *out)
{
    bool first = true;
    for (uint32_t i = 0; i < policies->count; i++) {
        const struct rune_cedar_policy *policy = &policies->items[i];
        if (rune_cedar_is_template(policy) != templates) {
            continue;
        }
        rune_buf_append_cstr(out, first ? "" : ",");
        first = false;
        if (policy->id.data != NULL) {
            rune_buf_append_json(out, policy->id);
        } else {
            rune_buf_printf(out, "\"policy%u\"", i);
        }
        rune_buf_append_char(out, ':');
        print_policy(policy, out);
    }
}

static void print_link(const struct rune_cedar_link *link, struct rune_buf *out)
{
    rune_buf_append_cstr(out, "{\"templateId\":");
    rune_buf_append_json(out, link->template_id);
    rune_buf_append_cstr(out, ",\"newId\":");
    rune_buf_append_json(out, link->link_id);
    rune_buf_append_cstr(out, ",\"values\":{");
    if (link->principal != NULL) {
        rune_buf_append_cstr(out, "\"?principal\":{\"__entity\":");
        print_uid(link->principal, out);
        rune_buf_append_cstr(out, link->resource != NULL ? "}," : "}");
    }
    if (link->resource != NULL) {
        rune_buf_append_cstr(out, "\"?resource\":{\"__entity\":");
        print_uid(link->resource, out);
        rune_buf_append_char(out, '}');
    }
    rune_buf_append_cstr(out, "}}");
}

enum rune_err rune_est_print(const struct rune_cedar_policies *policies, struct rune_buf *out)
{
    rune_buf_append_cstr(out, "{\"templates\":{");
    print_policies(policies, true, out);
    rune_buf_append_cstr(out, "},\"staticPolicies\":{");
    print_policies(policies, false, out);
    rune_buf_append_cstr(out, "},\"templateLinks\":[");
    for (uint32_t i = 0; i < policies->link_count; i++) {
        rune_buf_append_cstr(out, i > 0 ? "," : "");
        print_link(&policies->links[i], out);
    }
    rune_buf_append_cstr(out, "]}");
    return out->failed ? RUNE_E_NOMEM : RUNE_OK;
}
