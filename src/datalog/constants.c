/* SPDX-License-Identifier: Apache-2.0 */
/* constants: folding in two steps: fold() computes a small value, which is stored back into the
 * expression (facts) or compared (conditions that can never hold). */
#include "datalog/constants.h"

#include <math.h>

#include "datalog/check_int.h"
#include "model/ext.h"

enum fold { FOLD_OK, FOLD_NOT_CONSTANT, FOLD_ERROR };

/* A folded value: LONG, FLOAT, STRING, BOOL or ENTITY. */
struct value {
    enum rune_dl_expr_kind kind;
    int64_t integer;
    double floating;
    const struct rune_dl_expr *expr; /* the others */
};

static enum fold fold_integers(enum rune_dl_expr_kind op, int64_t a, int64_t b, int64_t *ret)
{
    bool failed = false;
    switch (op) {
    case RUNE_DL_ADD:
        failed = __builtin_add_overflow(a, b, ret);
        break;
    case RUNE_DL_SUB:
        failed = __builtin_sub_overflow(a, b, ret);
        break;
    case RUNE_DL_MUL:
        failed = __builtin_mul_overflow(a, b, ret);
        break;
    default:
        if (b == 0 || (a == INT64_MIN && b == -1)) {
            /* INT64_MIN mod -1 is 0 by its definition, only the quotient overflows. */
            *ret = 0;
            failed = b == 0 || op == RUNE_DL_DIV;
        } else {
            *ret = op == RUNE_DL_DIV ? a / b : a % b;
        }
    }
    return failed ? FOLD_ERROR : FOLD_OK;
}

static enum fold fold_floats(enum rune_dl_expr_kind op, double a, double b, double *ret)
{
    switch (op) {
    case RUNE_DL_ADD:
        *ret = a + b;
        break;
    case RUNE_DL_SUB:
        *ret = a - b;
        break;
    case RUNE_DL_MUL:
        *ret = a * b;
        break;
    case RUNE_DL_DIV:
        *ret = a / b;
        break;
    default:
        *ret = fmod(a, b);
        break;
    }
    return isfinite(*ret) ? FOLD_OK : FOLD_ERROR;
}

static double to_float(const struct value *value)
{
    return value->kind == RUNE_DL_LONG ? (double)value->integer : value->floating;
}

static bool is_number(const struct value *value)
{
    return value->kind == RUNE_DL_LONG || value->kind == RUNE_DL_FLOAT;
}

static enum fold fold(const struct rune_dl_expr *expr, struct value *ret);

static enum fold fold_operator(const struct rune_dl_expr *expr, struct value *ret)
{
    struct value left = {.kind = RUNE_DL_LONG};
    struct value right = {.kind = RUNE_DL_LONG};
    bool is_unary = expr->kind == RUNE_DL_NEG;
    enum fold a = is_unary ? FOLD_OK : fold(&expr->args[0], &left);
    enum fold b = fold(&expr->args[is_unary ? 0 : 1], &right);
    if (a != FOLD_OK || b != FOLD_OK) {
        return a == FOLD_ERROR || b == FOLD_ERROR ? FOLD_ERROR : FOLD_NOT_CONSTANT;
    }
    if (!is_number(&left) || !is_number(&right)) {
        return FOLD_ERROR;
    }
    enum rune_dl_expr_kind op = is_unary ? RUNE_DL_SUB : expr->kind;
    if (left.kind == RUNE_DL_LONG && right.kind == RUNE_DL_LONG) {
        ret->kind = RUNE_DL_LONG;
        return fold_integers(op, left.integer, right.integer, &ret->integer);
    }
    ret->kind = RUNE_DL_FLOAT;
    return fold_floats(op, to_float(&left), to_float(&right), &ret->floating);
}

static enum fold fold(const struct rune_dl_expr *expr, struct value *ret)
{
    *ret = (struct value){.kind = expr->kind, .expr = expr};
    switch (expr->kind) {
    case RUNE_DL_LONG:
        ret->integer = expr->as.integer;
        return FOLD_OK;
    case RUNE_DL_FLOAT:
        ret->floating = expr->as.floating;
        return FOLD_OK;
    case RUNE_DL_STRING:
    case RUNE_DL_BOOL:
    case RUNE_DL_ENTITY:
        return FOLD_OK;
    case RUNE_DL_NEG:
    case RUNE_DL_ADD:
    case RUNE_DL_SUB:
    case RUNE_DL_MUL:
    case RUNE_DL_DIV:
    case RUNE_DL_MOD:
        return fold_operator(expr, ret); /* depth: RUNE_DL_MAX_DEPTH */
    case RUNE_DL_VARIABLE:
    case RUNE_DL_WILDCARD:
    case RUNE_DL_LIST:
    case RUNE_DL_INDEX:
    case RUNE_DL_CALL:
        break;
    }
    return FOLD_NOT_CONSTANT;
}

static bool equal_values(const struct value *left, const struct value *right)
{
    switch (left->kind) {
    case RUNE_DL_LONG:
        return left->integer == right->integer;
    case RUNE_DL_FLOAT:
        return left->floating == right->floating;
    case RUNE_DL_BOOL:
        return left->expr->as.boolean == right->expr->as.boolean;
    case RUNE_DL_ENTITY:
        return rune_str_equal(left->expr->as.uid->type, right->expr->as.uid->type) &&
               rune_str_equal(left->expr->as.uid->id, right->expr->as.uid->id);
    default:
        return rune_str_equal(left->expr->as.string, right->expr->as.string);
    }
}

int rune_dl_compare_constants(const struct rune_dl_literal *literal)
{
    struct value left;
    struct value right;
    enum fold a = fold(&literal->args[0], &left);
    enum fold b = fold(&literal->args[1], &right);
    if (a != FOLD_OK || b != FOLD_OK) {
        return a == FOLD_ERROR || b == FOLD_ERROR ? 0 : -1;
    }
    if (left.kind != right.kind) {
        bool unequal = !is_number(&left) || !is_number(&right);
        return unequal ? literal->compare == RUNE_DL_NE : -1;
    }
    if (literal->compare == RUNE_DL_EQ || literal->compare == RUNE_DL_NE) {
        return equal_values(&left, &right) == (literal->compare == RUNE_DL_EQ);
    }
    int order;
    if (left.kind == RUNE_DL_LONG) {
        order = (left.integer > right.integer) - (left.integer < right.integer);
    } else if (left.kind == RUNE_DL_FLOAT) {
        order = (left.floating > right.floating) - (left.floating < right.floating);
    } else if (left.kind == RUNE_DL_STRING) {
        order = rune_str_compare(left.expr->as.string, right.expr->as.string);
    } else {
        return 0; /* an error of the derivation */
    }
    switch (literal->compare) {
    case RUNE_DL_LT:
        return order < 0;
    case RUNE_DL_LE:
        return order <= 0;
    case RUNE_DL_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

/* ---- constructors ---- */

static bool ext_kind(uint32_t function, enum rune_ext_kind *ret_kind)
{
    switch (function) {
    case RUNE_DL_FN_DECIMAL:
        *ret_kind = RUNE_EXT_DECIMAL;
        return true;
    case RUNE_DL_FN_IP:
        *ret_kind = RUNE_EXT_IPADDR;
        return true;
    case RUNE_DL_FN_DATETIME:
        *ret_kind = RUNE_EXT_DATETIME;
        return true;
    case RUNE_DL_FN_DURATION:
        *ret_kind = RUNE_EXT_DURATION;
        return true;
    default:
        return false;
    }
}

static bool is_constructor(const struct rune_dl_expr *expr, enum rune_ext_kind *ret_kind)
{
    return expr->kind == RUNE_DL_CALL && ext_kind(expr->function, ret_kind) &&
           expr->arg_count == 1 && expr->args[0].kind == RUNE_DL_STRING;
}

static void check_constructors(struct rune_dl_checker *checker, const struct rune_dl_expr *expr)
{
    enum rune_ext_kind kind;
    struct rune_ext value;
    if (is_constructor(expr, &kind) &&
        rune_ext_parse(kind, expr->args[0].as.string, &value) != RUNE_OK) {
        struct rune_str name = rune_dl_function_get(expr->function)->name;
        rune_dl_check_fail(checker, rune_dl_check_span(checker, &expr->args[0]), "RUNE-D0115", NULL,
                           "this text is no %.*s value", RUNE_STR_ARG(name));
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        check_constructors(checker, &expr->args[i]); /* depth: RUNE_DL_MAX_DEPTH */
    }
}

static void check_body_constants(struct rune_dl_checker *checker, const struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        for (uint32_t k = 0; k < literal->arg_count; k++) {
            if (literal->args[k].arg_count > 0) { /* else it is no call */
                check_constructors(checker, &literal->args[k]);
            }
        }
        for (uint32_t k = 0; k < literal->body_count; k++) {
            check_body_constants(checker, &literal->bodies[k]); /* depth: counted by the parser */
        }
    }
}

void rune_dl_check_constants(struct rune_dl_checker *checker, const struct rune_dl_rule *clause)
{
    if ((clause->has & RUNE_DL_HAS_CALL) == 0) {
        return;
    }
    for (uint32_t i = 0; i < clause->arg_count; i++) {
        check_constructors(checker, &clause->args[i]);
    }
    check_body_constants(checker, &clause->body);
}

/* ---- facts ---- */

static const struct rune_dl_expr *find_variable(const struct rune_dl_expr *expr)
{
    if (expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD) {
        return expr;
    }
    const struct rune_dl_expr *found = NULL;
    for (uint32_t i = 0; found == NULL && i < expr->arg_count; i++) {
        found = find_variable(&expr->args[i]);
    }
    return found;
}

static bool is_constant(const struct rune_dl_expr *expr)
{
    enum rune_ext_kind kind;
    return (expr->kind >= RUNE_DL_LONG && expr->kind <= RUNE_DL_ENTITY) ||
           is_constructor(expr, &kind);
}

static bool fold_argument(struct rune_dl_checker *checker, struct rune_dl_expr *expr)
{
    struct value value;
    const struct rune_dl_expr *variable = find_variable(expr);
    if (variable != NULL) {
        struct rune_str name = {checker->watched->text + variable->place.offset,
                                variable->place.length};
        bool is_bool =
            rune_str_equal(name, RUNE_STR("True")) || rune_str_equal(name, RUNE_STR("False"));
        rune_dl_check_fail(
            checker, rune_dl_check_span(checker, variable), "RUNE-D0501",
            is_bool ? "bools are `true` and `false`; what begins with a capital is a variable"
                    : "a fact speaks of constants; behind `:-` a body could bind the variable",
            "a variable in a fact");
        return false;
    }
    if (is_constant(expr)) {
        return true;
    }
    enum fold folded = fold(expr, &value);
    if (folded == FOLD_NOT_CONSTANT) {
        rune_dl_check_fail(checker, rune_dl_check_span(checker, expr), "RUNE-D0502",
                           "write it as a rule, behind `:-`", "this value cannot stand in a fact");
        return false;
    }
    if (folded == FOLD_ERROR) {
        rune_diag_report(checker->diag, RUNE_WARNING, "RUNE-D1003",
                         rune_dl_check_span(checker, expr), NULL,
                         "this calculation fails, so the fact says nothing");
        return false;
    }
    expr->kind = value.kind;
    expr->arg_count = 0;
    if (value.kind == RUNE_DL_LONG) {
        expr->as.integer = value.integer;
    } else {
        expr->as.floating = value.floating;
    }
    return true;
}

bool rune_dl_fold_fact(struct rune_dl_checker *checker, struct rune_dl_rule *clause)
{
    bool ok = true;
    for (uint32_t i = 0; i < clause->arg_count; i++) {
        ok = fold_argument(checker, &clause->args[i]) && ok;
    }
    return ok;
}

/* ---- terms ---- */

static enum rune_err entity_term(const struct rune_dl_uid *uid, struct rune_dict *dict,
                                 rune_term *ret_term)
{
    rune_term type;
    rune_term id;
    enum rune_err err = rune_dict_string(dict, uid->type, &type);
    if (err == RUNE_OK) {
        err = rune_dict_string(dict, uid->id, &id);
    }
    return err == RUNE_OK ? rune_dict_entity(dict, type, id, ret_term) : err;
}

enum rune_err rune_dl_constant_term(const struct rune_dl_expr *expr, struct rune_dict *dict,
                                    rune_term *ret_term)
{
    enum rune_ext_kind kind;
    struct rune_ext ext;
    switch (expr->kind) {
    case RUNE_DL_LONG:
        return rune_dict_long(dict, expr->as.integer, ret_term);
    case RUNE_DL_FLOAT:
        return rune_dict_float(dict, expr->as.floating, ret_term);
    case RUNE_DL_STRING:
        return rune_dict_string(dict, expr->as.string, ret_term);
    case RUNE_DL_ENTITY:
        return entity_term(expr->as.uid, dict, ret_term);
    case RUNE_DL_BOOL:
        *ret_term = rune_term_bool(expr->as.boolean);
        return RUNE_OK;
    default:
        break;
    }
    if (!is_constructor(expr, &kind)) {
        return RUNE_E_INVALID;
    }
    enum rune_err err = rune_ext_parse(kind, expr->args[0].as.string, &ext);
    return err == RUNE_OK ? rune_dict_ext(dict, &ext, ret_term) : err;
}

enum rune_err rune_dl_intern_facts(const struct rune_dl_program *program, struct rune_dict *dict,
                                   struct rune_tuples *facts)
{
    rune_term row[RUNE_DL_MAX_ARITY];
    for (uint32_t i = 0; i < program->fact_count; i++) {
        const struct rune_dl_rule *fact = program->facts[i];
        enum rune_err err = RUNE_OK;
        for (uint32_t k = 0; k < fact->arg_count && err == RUNE_OK; k++) {
            err = rune_dl_constant_term(&fact->args[k], dict, &row[k]);
        }
        if (err == RUNE_OK) {
            err = rune_tuples_add(&facts[fact->head], row);
        }
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}
