/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/datalog/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "datalog/functions.h"

void front_parse(struct front *front, const char *text, enum rune_dl_dialect dialect)
{
    *front = (struct front){.source = {"test.dl", text, (uint32_t)strlen(text)}};
    front->diag = rune_diag_create();
    rune_arena_init(&front->arena, 0);
    front->err = rune_dl_parse(&front->source, dialect, &front->arena, &front->arena,
                               &front->clauses, front->diag);
}

static uint32_t read_declarations(const char *text, struct rune_dl_declaration *out, uint32_t room)
{
    uint32_t count = 0;
    while (text != NULL && *text != '\0' && count < room) {
        const char *slash = strchr(text, '/');
        char *end;
        out[count].name = (struct rune_str){text, (size_t)(slash - text)};
        out[count].arity = (uint32_t)strtoul(slash + 1, &end, 10);
        out[count].has_facts = *end == '!';
        count++;
        text = end + (*end == '!');
        text += *text == ' ';
    }
    return count;
}

void front_check(struct front *front, const char *text, enum rune_dl_dialect dialect,
                 const char *declared)
{
    struct rune_dl_declaration declarations[64];
    uint32_t count = read_declarations(declared, declarations, 64);
    front_parse(front, text, dialect);
    if (front->err == RUNE_OK) {
        front->err = rune_dl_check(&front->clauses, declarations, count, dialect, &front->arena,
                                   &front->program, front->diag);
    }
}

void front_fini(struct front *front)
{
    RUNE_VEC_FINI(&front->clauses);
    rune_arena_fini(&front->arena);
    rune_diag_destroy(front->diag);
}

void front_codes(const struct front *front, enum rune_severity at_least, struct rune_buf *out)
{
    for (size_t i = 0; i < rune_diag_kept(front->diag); i++) {
        struct rune_diag_message message;
        rune_diag_get(front->diag, i, &message);
        if (message.severity >= at_least) {
            rune_buf_printf(out, "%s%s %u", out->length > 0 ? ", " : "", message.code,
                            message.line);
        }
    }
}

const struct rune_dl_relation *front_relation(const struct front *front, const char *name,
                                              const char *literal)
{
    for (uint32_t i = 0; i < front->program.relation_count; i++) {
        const struct rune_dl_relation *relation = &front->program.relations[i];
        bool same = literal == NULL ? relation->literal.data == NULL
                                    : relation->literal.data != NULL &&
                                          rune_str_equal(relation->literal, rune_str_from(literal));
        if (same && rune_str_equal(relation->name, rune_str_from(name))) {
            return relation;
        }
    }
    return NULL;
}

/* ---- printing ---- */

static void print_body(const struct rune_dl_rule *rule, const struct rune_dl_body *body,
                       struct rune_buf *out);

static void print_args(const struct rune_dl_rule *rule, const struct rune_dl_expr *args,
                       uint32_t count, struct rune_buf *out);

static void print_expr(const struct rune_dl_rule *rule, const struct rune_dl_expr *expr,
                       struct rune_buf *out)
{
    static const char *const operators[] = {"neg", "+", "-", "*", "/", "mod"};
    switch (expr->kind) {
    case RUNE_DL_VARIABLE:
    case RUNE_DL_WILDCARD: {
        const struct rune_dl_variable *variable = &rule->variables[expr->as.variable];
        rune_buf_append_str(out, rune_dl_variable_name(variable));
        rune_buf_append_cstr(out, variable->is_local ? "'" : "");
        break;
    }
    case RUNE_DL_LONG:
        rune_buf_printf(out, "%lld", (long long)expr->as.integer);
        break;
    case RUNE_DL_FLOAT:
        rune_buf_printf(out, "%gf", expr->as.floating);
        break;
    case RUNE_DL_STRING:
        rune_buf_append_json(out, expr->as.string);
        break;
    case RUNE_DL_BOOL:
        rune_buf_append_cstr(out, expr->as.boolean ? "true" : "false");
        break;
    case RUNE_DL_ENTITY:
        rune_buf_printf(out, "%.*s::", RUNE_STR_ARG(expr->as.uid->type));
        rune_buf_append_json(out, expr->as.uid->id);
        break;
    case RUNE_DL_LIST:
        rune_buf_append_char(out, '[');
        print_args(rule, expr->args, expr->arg_count, out);
        rune_buf_append_char(out, ']');
        break;
    case RUNE_DL_INDEX:
        print_expr(rule, &expr->args[0], out);
        rune_buf_append_char(out, '[');
        rune_buf_append_json(out, *expr->key);
        rune_buf_append_char(out, ']');
        break;
    case RUNE_DL_CALL:
        rune_buf_printf(out, "%.*s!(", RUNE_STR_ARG(rune_dl_function_get(expr->function)->name));
        print_args(rule, expr->args, expr->arg_count, out);
        rune_buf_append_char(out, ')');
        break;
    default:
        rune_buf_printf(out, "(%s ", operators[expr->kind - RUNE_DL_NEG]);
        print_args(rule, expr->args, expr->arg_count, out);
        rune_buf_append_char(out, ')');
        break;
    }
}

static void print_args(const struct rune_dl_rule *rule, const struct rune_dl_expr *args,
                       uint32_t count, struct rune_buf *out)
{
    for (uint32_t i = 0; i < count; i++) {
        rune_buf_append_cstr(out, i > 0 ? "," : "");
        print_expr(rule, &args[i], out);
    }
}

static void print_literal(const struct rune_dl_rule *rule, const struct rune_dl_literal *literal,
                          struct rune_buf *out)
{
    static const char *const compares[] = {"=", "!=", "<", "<=", ">", ">="};
    static const char *const aggregates[] = {"count", "sum", "min", "max", "mean"};
    rune_buf_append_cstr(out, literal->is_negated ? "not " : "");
    switch (literal->kind) {
    case RUNE_DL_ATOM:
        rune_buf_printf(out, "%.*s(", RUNE_STR_ARG(literal->name));
        print_args(rule, literal->args, literal->arg_count, out);
        rune_buf_append_char(out, ')');
        break;
    case RUNE_DL_COMPARE:
        print_expr(rule, &literal->args[0], out);
        rune_buf_append_cstr(out, compares[literal->compare]);
        print_expr(rule, &literal->args[1], out);
        break;
    case RUNE_DL_IN:
        print_expr(rule, &literal->args[0], out);
        rune_buf_append_cstr(out, " in ");
        print_expr(rule, &literal->args[1], out);
        break;
    case RUNE_DL_IS:
        print_expr(rule, &literal->args[0], out);
        rune_buf_printf(out, " is %.*s", RUNE_STR_ARG(literal->name));
        break;
    case RUNE_DL_TEST:
        rune_buf_printf(out, "%.*s?(", RUNE_STR_ARG(literal->name));
        print_args(rule, literal->args, literal->arg_count, out);
        rune_buf_append_char(out, ')');
        break;
    case RUNE_DL_AGGREGATE:
        print_expr(rule, &literal->args[0], out);
        rune_buf_printf(out, "=%s{", aggregates[literal->aggregate]);
        if (literal->arg_count > 1) {
            print_expr(rule, &literal->args[1], out);
            rune_buf_append_char(out, ':');
        }
        print_body(rule, &literal->bodies[0], out);
        rune_buf_append_char(out, '}');
        break;
    case RUNE_DL_DISJUNCTION:
        for (uint32_t i = 0; i < literal->body_count; i++) {
            rune_buf_append_cstr(out, i > 0 ? " ; " : "<");
            print_body(rule, &literal->bodies[i], out);
        }
        rune_buf_append_char(out, '>');
        break;
    }
}

static void print_body(const struct rune_dl_rule *rule, const struct rune_dl_body *body,
                       struct rune_buf *out)
{
    for (uint32_t i = 0; i < body->count; i++) {
        rune_buf_append_cstr(out, i > 0 ? ", " : "");
        print_literal(rule, &body->literals[i], out);
    }
}

void front_print(const struct rune_dl_rule *rule, struct rune_buf *out)
{
    rune_buf_printf(out, "%.*s(", RUNE_STR_ARG(rule->head_name));
    print_args(rule, rule->args, rule->arg_count, out);
    rune_buf_append_char(out, ')');
    if (rule->body.count > 0) {
        rune_buf_append_cstr(out, " :- ");
        print_body(rule, &rule->body, out);
    }
    rune_buf_append_char(out, '.');
}
