/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as text. Each operator knows how tightly it binds; an operand that binds less stands in
 * parentheses. */
#include "cedar/print.h"

#include <inttypes.h>

#include "base/utf8.h"
#include "cedar/est_names.h"
#include "model/uid.h"

/* The grammar's levels, loosest first. */
enum level {
    LEVEL_EXPR, /* if */
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_RELATION, /* does not chain */
    LEVEL_ADD,
    LEVEL_MULT,
    LEVEL_UNARY,
    LEVEL_MEMBER,
};

/* ---- strings and names ---- */

/* Controls, and marks that would change how the line around them is seen. */
static bool is_hidden(int32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

static void print_code_point(struct rune_buf *out, int32_t c)
{
    static const char names[] = {'0', 0, 0, 0, 0, 0, 0, 0, 0, 't', 'n', 0, 0, 'r'};
    char bytes[4];
    if (c == '"' || c == '\\') {
        rune_buf_append_char(out, '\\');
        rune_buf_append_char(out, (char)c);
    } else if ((size_t)c < sizeof names && names[c] != 0) {
        rune_buf_append_char(out, '\\');
        rune_buf_append_char(out, names[c]);
    } else if (is_hidden(c)) {
        rune_buf_printf(out, "\\u{%" PRIx32 "}", (uint32_t)c);
    } else {
        rune_buf_append(out, bytes, rune_utf8_encode((uint32_t)c, bytes));
    }
}

void rune_cedar_print_string(struct rune_buf *out, struct rune_str text)
{
    rune_buf_append_char(out, '"');
    for (size_t at = 0; at < text.length;) {
        size_t size = 1;
        int32_t c = rune_utf8_decode(text.data + at, text.length - at, &size);
        print_code_point(out, c < 0 ? 0xFFFD : c); /* texts are UTF-8: their readers checked */
        at += c < 0 ? 1 : size;
    }
    rune_buf_append_char(out, '"');
}

void rune_cedar_print_uid(struct rune_buf *out, const struct rune_cedar_uid *uid)
{
    rune_buf_append_str(out, uid->type);
    rune_buf_append_cstr(out, "::");
    rune_cedar_print_string(out, uid->id);
}

/* Bare where it may be. */
static void print_name(struct rune_buf *out, struct rune_str name)
{
    if (rune_uid_is_identifier(name)) {
        rune_buf_append_str(out, name);
    } else {
        rune_cedar_print_string(out, name);
    }
}

/* ---- expressions ---- */

static void print_expr(const struct rune_cedar_expr *expr, enum level least, struct rune_buf *out);

static const struct infix {
    const char *text;
    enum level level, left, right;
} infixes[] = {
    [RUNE_EXPR_AND] = {" && ", LEVEL_AND, LEVEL_AND, LEVEL_RELATION},
    [RUNE_EXPR_OR] = {" || ", LEVEL_OR, LEVEL_OR, LEVEL_AND},
    [RUNE_EXPR_EQ] = {" == ", LEVEL_RELATION, LEVEL_ADD, LEVEL_ADD},
    [RUNE_EXPR_NE] = {" != ", LEVEL_RELATION, LEVEL_ADD, LEVEL_ADD},
    [RUNE_EXPR_LT] = {" < ", LEVEL_RELATION, LEVEL_ADD, LEVEL_ADD},
    [RUNE_EXPR_LE] = {" <= ", LEVEL_RELATION, LEVEL_ADD, LEVEL_ADD},
    [RUNE_EXPR_GT] = {" > ", LEVEL_RELATION, LEVEL_ADD, LEVEL_ADD},
    [RUNE_EXPR_GE] = {" >= ", LEVEL_RELATION, LEVEL_ADD, LEVEL_ADD},
    [RUNE_EXPR_IN] = {" in ", LEVEL_RELATION, LEVEL_ADD, LEVEL_ADD},
    [RUNE_EXPR_ADD] = {" + ", LEVEL_ADD, LEVEL_ADD, LEVEL_MULT},
    [RUNE_EXPR_SUB] = {" - ", LEVEL_ADD, LEVEL_ADD, LEVEL_MULT},
    [RUNE_EXPR_MUL] = {" * ", LEVEL_MULT, LEVEL_MULT, LEVEL_UNARY},
};

static const struct infix *infix_of(const struct rune_cedar_expr *expr)
{
    bool is_infix =
        expr->kind < sizeof infixes / sizeof infixes[0] && infixes[expr->kind].text != NULL;
    return is_infix ? &infixes[expr->kind] : NULL;
}

/* `x has a.b` is written so only for identifiers. */
static bool is_plain_has(const struct rune_cedar_expr *expr)
{
    bool plain = true;
    for (uint32_t i = 0; i < expr->as.path.count; i++) {
        plain = plain && rune_uid_is_identifier(expr->as.path.names[i]);
    }
    return plain || expr->as.path.count == 1;
}

static enum level level_of(const struct rune_cedar_expr *expr)
{
    const struct infix *infix = infix_of(expr);
    if (infix != NULL) {
        return infix->level;
    }
    switch (expr->kind) {
    case RUNE_EXPR_IF:
        return LEVEL_EXPR;
    case RUNE_EXPR_HAS:
        return is_plain_has(expr) ? LEVEL_RELATION : LEVEL_AND;
    case RUNE_EXPR_LIKE:
    case RUNE_EXPR_IS:
        return LEVEL_RELATION;
    case RUNE_EXPR_NOT:
    case RUNE_EXPR_NEG:
        return LEVEL_UNARY;
    case RUNE_EXPR_LONG: /* the minus is an operator to the grammar */
        return expr->as.integer < 0 ? LEVEL_UNARY : LEVEL_MEMBER;
    default:
        return LEVEL_MEMBER;
    }
}

static void print_operand(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    /* `-(1)` negates, `-1` is a number. */
    bool is_number = expr->kind == RUNE_EXPR_LONG;
    rune_buf_append_cstr(out, is_number ? "(" : "");
    print_expr(expr, is_number ? LEVEL_EXPR : LEVEL_MEMBER, out);
    rune_buf_append_cstr(out, is_number ? ")" : "");
}

static void print_access(const struct rune_cedar_expr *expr, uint32_t count, struct rune_buf *out)
{
    const struct rune_cedar_path *path = &expr->as.path;
    print_expr(expr->args[0], LEVEL_MEMBER, out);
    for (uint32_t i = 0; i < count; i++) {
        rune_buf_append_char(out, '[');
        rune_cedar_print_string(out, path->names[i]);
        rune_buf_append_char(out, ']');
    }
}

/* A path of names that are no identifiers exists in JSON only: `x has "a" && x["a"] has "b"` means
 * the same. */
static void print_has(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    const struct rune_cedar_path *path = &expr->as.path;
    bool plain = is_plain_has(expr);
    if (plain) {
        print_expr(expr->args[0], LEVEL_ADD, out);
        rune_buf_append_cstr(out, " has ");
    }
    for (uint32_t i = 0; i < path->count; i++) {
        if (plain) {
            rune_buf_append_cstr(out, i > 0 ? "." : "");
        } else {
            rune_buf_append_cstr(out, i > 0 ? " && " : "");
            print_access(expr, i, out);
            rune_buf_append_cstr(out, " has ");
        }
        print_name(out, path->names[i]);
    }
}

static void print_like(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    const struct rune_cedar_pattern *pattern = &expr->as.pattern;
    print_expr(expr->args[0], LEVEL_ADD, out);
    rune_buf_append_cstr(out, " like \"");
    for (uint32_t i = 0; i < pattern->count; i++) {
        if (pattern->elements[i] < 0) {
            rune_buf_append_char(out, '*');
        } else if (pattern->elements[i] == '*') {
            rune_buf_append_cstr(out, "\\*");
        } else {
            print_code_point(out, pattern->elements[i]);
        }
    }
    rune_buf_append_char(out, '"');
}

static void print_is(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    print_expr(expr->args[0], LEVEL_ADD, out);
    rune_buf_append_cstr(out, " is ");
    rune_buf_append_str(out, expr->as.name);
    if (expr->arg_count > 1) {
        rune_buf_append_cstr(out, " in ");
        print_expr(expr->args[1], LEVEL_ADD, out);
    }
}

static void print_list(const struct rune_cedar_expr *expr, uint32_t from, char open, char close,
                       struct rune_buf *out)
{
    rune_buf_append_char(out, open);
    for (uint32_t i = from; i < expr->arg_count; i++) {
        rune_buf_append_cstr(out, i > from ? ", " : "");
        if (expr->kind == RUNE_EXPR_RECORD) {
            print_name(out, expr->as.path.names[i]);
            rune_buf_append_cstr(out, ": ");
        }
        print_expr(expr->args[i], LEVEL_EXPR, out);
    }
    rune_buf_append_char(out, close);
}

static void print_method(const struct rune_cedar_expr *expr, const char *name, struct rune_buf *out)
{
    print_expr(expr->args[0], LEVEL_MEMBER, out);
    rune_buf_append_char(out, '.');
    rune_buf_append_cstr(out, name);
    print_list(expr, 1, '(', ')', out);
}

static void print_call(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    struct rune_str name = rune_est_functions[expr->as.call.function].name;
    if (expr->as.call.is_method) {
        print_expr(expr->args[0], LEVEL_MEMBER, out);
        rune_buf_append_char(out, '.');
    }
    rune_buf_append_str(out, name);
    print_list(expr, expr->as.call.is_method ? 1 : 0, '(', ')', out);
}

static void print_get_attr(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    print_expr(expr->args[0], LEVEL_MEMBER, out);
    bool is_bare = rune_uid_is_identifier(expr->as.string);
    rune_buf_append_char(out, is_bare ? '.' : '[');
    print_name(out, expr->as.string);
    rune_buf_append_cstr(out, is_bare ? "" : "]");
}

static void print_if(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    rune_buf_append_cstr(out, "if ");
    print_expr(expr->args[0], LEVEL_EXPR, out);
    rune_buf_append_cstr(out, " then ");
    print_expr(expr->args[1], LEVEL_EXPR, out);
    rune_buf_append_cstr(out, " else ");
    print_expr(expr->args[2], LEVEL_EXPR, out);
}

/* What the table of the JSON form has: the methods of sets and tags. */
static void print_named(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    for (int i = 0; i < RUNE_EST_NAME_COUNT; i++) {
        if (rune_est_names[i].kind == expr->kind) {
            print_method(expr, rune_est_names[i].name, out);
            return;
        }
    }
}

static void print_bare(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    const struct infix *infix = infix_of(expr);
    if (infix != NULL) {
        print_expr(expr->args[0], infix->left, out);
        rune_buf_append_cstr(out, infix->text);
        print_expr(expr->args[1], infix->right, out);
        return;
    }
    switch (expr->kind) {
    case RUNE_EXPR_BOOL:
        rune_buf_append_cstr(out, expr->as.boolean ? "true" : "false");
        break;
    case RUNE_EXPR_LONG:
        rune_buf_printf(out, "%" PRId64, expr->as.integer);
        break;
    case RUNE_EXPR_STRING:
        rune_cedar_print_string(out, expr->as.string);
        break;
    case RUNE_EXPR_ENTITY:
        rune_cedar_print_uid(out, expr->as.uid);
        break;
    case RUNE_EXPR_VAR:
    case RUNE_EXPR_SLOT:
        rune_buf_append_cstr(out, expr->kind == RUNE_EXPR_SLOT ? "?" : "");
        rune_buf_append_str(out, rune_est_vars[expr->as.var]);
        break;
    case RUNE_EXPR_IF:
        print_if(expr, out);
        break;
    case RUNE_EXPR_NOT:
    case RUNE_EXPR_NEG:
        rune_buf_append_char(out, expr->kind == RUNE_EXPR_NOT ? '!' : '-');
        print_operand(expr->args[0], out);
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
        print_get_attr(expr, out);
        break;
    case RUNE_EXPR_SET:
        print_list(expr, 0, '[', ']', out);
        break;
    case RUNE_EXPR_RECORD:
        print_list(expr, 0, '{', '}', out);
        break;
    case RUNE_EXPR_CALL:
        print_call(expr, out);
        break;
    default:
        print_named(expr, out);
        break;
    }
}

/* INVARIANT: the tree's depth was checked where it was made. */
static void print_expr(const struct rune_cedar_expr *expr, enum level least, struct rune_buf *out)
{
    bool is_bare = level_of(expr) >= least;
    rune_buf_append_cstr(out, is_bare ? "" : "(");
    print_bare(expr, out);
    rune_buf_append_cstr(out, is_bare ? "" : ")");
}

enum rune_err rune_cedar_print_expr(const struct rune_cedar_expr *expr, struct rune_buf *out)
{
    print_expr(expr, LEVEL_EXPR, out);
    return out->failed ? RUNE_E_NOMEM : RUNE_OK;
}

/* ---- policies ---- */

static void print_uids(const struct rune_cedar_scope *scope, struct rune_buf *out)
{
    rune_buf_append_char(out, '[');
    for (uint32_t i = 0; i < scope->uid_count; i++) {
        rune_buf_append_cstr(out, i > 0 ? ", " : "");
        rune_cedar_print_uid(out, &scope->uids[i]);
    }
    rune_buf_append_char(out, ']');
}

static void print_scope(const struct rune_cedar_scope *scope, enum rune_cedar_var var,
                        struct rune_buf *out)
{
    rune_buf_append_str(out, rune_est_vars[var]);
    if (scope->op == RUNE_SCOPE_IS || scope->op == RUNE_SCOPE_IS_IN) {
        rune_buf_append_cstr(out, " is ");
        rune_buf_append_str(out, scope->type);
    }
    if (scope->op == RUNE_SCOPE_ANY || scope->op == RUNE_SCOPE_IS) {
        return;
    }
    rune_buf_append_cstr(out, scope->op == RUNE_SCOPE_EQ ? " == " : " in ");
    if (scope->is_slot) {
        rune_buf_append_char(out, '?');
        rune_buf_append_str(out, rune_est_vars[var]);
    } else if (scope->is_list || scope->uid_count != 1) {
        print_uids(scope, out);
    } else {
        rune_cedar_print_uid(out, &scope->uids[0]);
    }
}

enum rune_err rune_cedar_print_policy(const struct rune_cedar_policy *policy, struct rune_buf *out)
{
    for (uint32_t i = 0; i < policy->annotation_count; i++) {
        const struct rune_cedar_annotation *annotation = &policy->annotations[i];
        rune_buf_append_char(out, '@');
        rune_buf_append_str(out, annotation->name);
        if (annotation->has_value) {
            rune_buf_append_char(out, '(');
            rune_cedar_print_string(out, annotation->value);
            rune_buf_append_char(out, ')');
        }
        rune_buf_append_char(out, '\n');
    }
    rune_buf_append_cstr(out, policy->is_forbid ? "forbid (\n  " : "permit (\n  ");
    print_scope(&policy->principal, RUNE_CEDAR_PRINCIPAL, out);
    rune_buf_append_cstr(out, ",\n  ");
    print_scope(&policy->action, RUNE_CEDAR_ACTION, out);
    rune_buf_append_cstr(out, ",\n  ");
    print_scope(&policy->resource, RUNE_CEDAR_RESOURCE, out);
    rune_buf_append_cstr(out, "\n)");
    for (uint32_t i = 0; i < policy->condition_count; i++) {
        rune_buf_append_cstr(out, policy->conditions[i].is_unless ? "\nunless { " : "\nwhen { ");
        print_expr(policy->conditions[i].body, LEVEL_EXPR, out);
        rune_buf_append_cstr(out, " }");
    }
    rune_buf_append_cstr(out, ";\n");
    return out->failed ? RUNE_E_NOMEM : RUNE_OK;
}

enum rune_err rune_cedar_print(const struct rune_cedar_policies *policies, struct rune_buf *out)
{
    for (uint32_t i = 0; i < policies->count; i++) {
        rune_buf_append_cstr(out, i > 0 ? "\n" : "");
        enum rune_err err = rune_cedar_print_policy(&policies->items[i], out);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}
