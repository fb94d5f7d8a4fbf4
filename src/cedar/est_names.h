/* SPDX-License-Identifier: Apache-2.0 */
/* est_names: how the JSON form names operators. Private to cedar/est_*.c. */
#pragma once

#include "cedar/ast.h"

/* What stands in the object of an operator. */
enum rune_est_form {
    RUNE_EST_NONE,
    RUNE_EST_ARG,        /* {"arg": e} */
    RUNE_EST_LEFT_RIGHT, /* {"left": e, "right": e} */
};

struct rune_est_name {
    const char *name;
    enum rune_cedar_expr_kind kind;
    enum rune_est_form form;
};

static const struct rune_est_name rune_est_names[] = {
    {"!", RUNE_EXPR_NOT, RUNE_EST_ARG},
    {"neg", RUNE_EXPR_NEG, RUNE_EST_ARG},
    {"isEmpty", RUNE_EXPR_IS_EMPTY, RUNE_EST_ARG},
    {"==", RUNE_EXPR_EQ, RUNE_EST_LEFT_RIGHT},
    {"!=", RUNE_EXPR_NE, RUNE_EST_LEFT_RIGHT},
    {"in", RUNE_EXPR_IN, RUNE_EST_LEFT_RIGHT},
    {"<", RUNE_EXPR_LT, RUNE_EST_LEFT_RIGHT},
    {"<=", RUNE_EXPR_LE, RUNE_EST_LEFT_RIGHT},
    {">", RUNE_EXPR_GT, RUNE_EST_LEFT_RIGHT},
    {">=", RUNE_EXPR_GE, RUNE_EST_LEFT_RIGHT},
    {"&&", RUNE_EXPR_AND, RUNE_EST_LEFT_RIGHT},
    {"||", RUNE_EXPR_OR, RUNE_EST_LEFT_RIGHT},
    {"+", RUNE_EXPR_ADD, RUNE_EST_LEFT_RIGHT},
    {"-", RUNE_EXPR_SUB, RUNE_EST_LEFT_RIGHT},
    {"*", RUNE_EXPR_MUL, RUNE_EST_LEFT_RIGHT},
    {"contains", RUNE_EXPR_CONTAINS, RUNE_EST_LEFT_RIGHT},
    {"containsAll", RUNE_EXPR_CONTAINS_ALL, RUNE_EST_LEFT_RIGHT},
    {"containsAny", RUNE_EXPR_CONTAINS_ANY, RUNE_EST_LEFT_RIGHT},
    {"getTag", RUNE_EXPR_GET_TAG, RUNE_EST_LEFT_RIGHT},
    {"hasTag", RUNE_EXPR_HAS_TAG, RUNE_EST_LEFT_RIGHT},
};

enum { RUNE_EST_NAME_COUNT = sizeof rune_est_names / sizeof rune_est_names[0] };

struct rune_est_function {
    struct rune_str name;
    bool is_method;
};

static const struct rune_est_function rune_est_functions[] = {
#define RUNE_FUNCTION(name, text, style, arity, result) \
    {{text, sizeof(text) - 1}, #style[0] == 'M'},
#include "cedar/functions.def"
#undef RUNE_FUNCTION
};

enum { RUNE_EST_FUNCTION_COUNT = sizeof rune_est_functions / sizeof rune_est_functions[0] };

static const struct rune_str rune_est_vars[] = {
    {"principal", 9}, {"action", 6}, {"resource", 8}, {"context", 7}};
