/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "reference/datalog_random.h"
#include "reference/mixed_printing.h"

static void shuffle(struct mixed_printing *printing, uint32_t *places, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        places[i] = i;
    }
    for (uint32_t i = count; i > 1 && printing->order != 0; i--) {
        uint32_t other = datalog_random_below(&printing->order, i), was = places[i - 1];
        places[i - 1] = places[other];
        places[other] = was;
    }
}

/* ---- rules ---- */

static void put_expr(struct rune_buf *out, const struct mixed_expr *expr)
{
    static const char *const ops[] = {
        [MIXED_ADD] = " + ", [MIXED_SUB] = " - ",   [MIXED_MUL] = " * ",
        [MIXED_DIV] = " / ", [MIXED_MOD] = " mod ",
    };
    static const char *const methods[MIXED_METHODS] = {"offset",    "durationSince",  "toDate",
                                                       "toTime",    "toMilliseconds", "toSeconds",
                                                       "toMinutes", "toHours",        "toDays"};
    switch (expr->op) {
    case MIXED_VAR:
        rune_buf_printf(out, expr->is_wild ? "_" : "V%u", expr->var);
        return;
    case MIXED_CONST:
    case MIXED_LIST:
        mixed_put_value(out, &expr->value);
        return;
    case MIXED_INDEX:
        put_expr(out, expr->left);
        rune_buf_printf(out, "[\"%s\"]", expr->value.text);
        return;
    case MIXED_METHOD:
        put_expr(out, expr->left);
        rune_buf_printf(out, ".%s(", methods[expr->method]);
        if (expr->right != NULL) {
            put_expr(out, expr->right);
        }
        rune_buf_append_char(out, ')');
        return;
    case MIXED_NEG:
    case MIXED_LENGTH:
    case MIXED_CONCAT:
        rune_buf_append_cstr(out, expr->op == MIXED_NEG      ? "-("
                                  : expr->op == MIXED_LENGTH ? "length("
                                                             : "concat(");
        put_expr(out, expr->left);
        if (expr->op == MIXED_CONCAT) {
            rune_buf_append_cstr(out, ", ");
            put_expr(out, expr->right);
        }
        rune_buf_append_char(out, ')');
        return;
    default:
        rune_buf_append_char(out, '(');
        put_expr(out, expr->left);
        rune_buf_append_cstr(out, ops[expr->op]);
        put_expr(out, expr->right);
        rune_buf_append_char(out, ')');
    }
}

static void put_atom(struct mixed_printing *printing, uint32_t number,
                     const struct mixed_expr *const *args)
{
    const struct mixed_relation *relation = &printing->world->relations[number];
    const char *between = "";
    bool is_key = strcmp(relation->name, "context") == 0;
    rune_buf_printf(printing->out, "%s(", relation->name);
    if (is_key) {
        rune_buf_printf(printing->out, "\"%s\"", relation->literal);
        between = ", ";
    }
    for (uint32_t i = 0; i < relation->arity; i++) {
        rune_buf_append_cstr(printing->out, between);
        put_expr(printing->out, args[i]);
        between = ", ";
        if (i == 0 && relation->literal != NULL && !is_key) {
            rune_buf_printf(printing->out, ", \"%s\"", relation->literal);
        }
    }
    rune_buf_append_char(printing->out, ')');
}

static void put_body(struct mixed_printing *printing, const struct mixed_body *body);

static void put_bodies(struct mixed_printing *printing, const struct mixed_literal *literal)
{
    uint32_t places[8];
    shuffle(printing, places, literal->body_count);
    for (uint32_t b = 0; b < literal->body_count; b++) {
        rune_buf_append_cstr(printing->out, b > 0 ? " ; " : "");
        put_body(printing, &literal->bodies[places[b]]);
    }
}

static void put_aggregate(struct mixed_printing *printing, const struct mixed_literal *literal)
{
    static const char *const folds[MIXED_FOLDS] = {"count", "sum", "min", "max", "mean"};
    put_expr(printing->out, literal->args[0]);
    rune_buf_printf(printing->out, " = %s { ", folds[literal->choice]);
    if (literal->arg_count > 1) {
        put_expr(printing->out, literal->args[1]);
        rune_buf_append_cstr(printing->out, " : ");
    }
    put_bodies(printing, literal);
    rune_buf_append_cstr(printing->out, " }");
}

static void put_test(struct mixed_printing *printing, const struct mixed_literal *literal)
{
    static const char *const tests[MIXED_TESTS] = {
        "starts_with", "ends_with",       "contains",    "matches",
        "lessThan",    "lessThanOrEqual", "greaterThan", "greaterThanOrEqual",
        "isInRange",   "isIpv4",          "isIpv6",      "isLoopback",
        "isMulticast", "containsAll",     "containsAny", "isEmpty"};
    put_expr(printing->out, literal->args[0]);
    rune_buf_printf(printing->out, ".%s(", tests[literal->choice]);
    if (literal->choice == MIXED_MATCHES && literal->args[1]->op == MIXED_CONST) {
        rune_buf_printf(printing->out, "\"%s\"", literal->args[1]->value.text);
    } else if (literal->arg_count > 1) {
        put_expr(printing->out, literal->args[1]);
    }
    rune_buf_append_char(printing->out, ')');
}

static void put_in(struct mixed_printing *printing, const struct mixed_literal *literal)
{
    put_expr(printing->out, literal->args[0]);
    rune_buf_append_cstr(printing->out, literal->arg_count > 2 ? " in [" : " in ");
    put_expr(printing->out, literal->args[1]);
    if (literal->arg_count > 2) {
        rune_buf_append_cstr(printing->out, ", ");
        put_expr(printing->out, literal->args[2]);
        rune_buf_append_char(printing->out, ']');
    }
}

static void put_literal(struct mixed_printing *printing, const struct mixed_literal *literal)
{
    static const char *const compares[] = {" = ", " != ", " < ", " <= ", " > ", " >= "};
    static const char *const types[] = {"User", "Group", "Doc", "Action"};
    rune_buf_append_cstr(printing->out, literal->is_negated ? "not " : "");
    switch (literal->kind) {
    case MIXED_ATOM:
        put_atom(printing, literal->relation, literal->args);
        return;
    case MIXED_COMPARE:
        put_expr(printing->out, literal->args[0]);
        rune_buf_append_cstr(printing->out, compares[literal->choice]);
        put_expr(printing->out, literal->args[1]);
        return;
    case MIXED_IN:
        put_in(printing, literal);
        return;
    case MIXED_IS:
        put_expr(printing->out, literal->args[0]);
        rune_buf_printf(printing->out, " is %s", types[literal->choice]);
        if (literal->arg_count > 1) {
            rune_buf_append_cstr(printing->out, " in ");
            put_expr(printing->out, literal->args[1]);
        }
        return;
    case MIXED_TEST:
        put_test(printing, literal);
        return;
    case MIXED_AGGREGATE:
        put_aggregate(printing, literal);
        return;
    case MIXED_EITHER:
        rune_buf_append_cstr(printing->out, "( ");
        put_bodies(printing, literal);
        rune_buf_append_cstr(printing->out, " )");
    }
}

static void put_body(struct mixed_printing *printing, const struct mixed_body *body)
{
    uint32_t places[MIXED_MAX_LITERALS];
    shuffle(printing, places, body->count);
    for (uint32_t i = 0; i < body->count; i++) {
        rune_buf_append_cstr(printing->out, i > 0 ? ", " : "");
        put_literal(printing, body->literals[places[i]]);
    }
}

void mixed_put_rules(struct mixed_printing *printing)
{
    const struct mixed_world *world = printing->world;
    uint32_t places[MIXED_MAX_RULES];
    for (uint32_t r = MIXED_BASE; r < MIXED_RELATIONS; r++) {
        const struct mixed_relation *relation = &world->relations[r];
        for (uint32_t f = 0; f < relation->fact_count; f++) {
            if (relation->facts[f].is_off || relation->format != MIXED_IN_RULES) {
                continue;
            }
            rune_buf_printf(printing->out, "%s(", relation->name);
            for (uint32_t c = 0; c < relation->arity; c++) {
                rune_buf_append_cstr(printing->out, c > 0 ? ", " : "");
                mixed_put_value(printing->out, &relation->facts[f].values[c]);
            }
            rune_buf_append_cstr(printing->out, ").\n");
        }
    }
    shuffle(printing, places, world->rule_count);
    for (uint32_t i = 0; i < world->rule_count; i++) {
        const struct mixed_rule *rule = &world->rules[places[i]];
        if (rule->is_off) {
            continue;
        }
        rune_buf_printf(printing->out, "@id(\"r%02u\") ", places[i]);
        put_atom(printing, rule->head, rule->args);
        rune_buf_append_cstr(printing->out, " :- ");
        put_body(printing, &rule->body);
        rune_buf_append_cstr(printing->out, ".\n");
    }
}
