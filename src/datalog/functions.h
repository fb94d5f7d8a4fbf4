/* SPDX-License-Identifier: Apache-2.0 */
/* functions: the table of functions and methods of the rule language (functions.def), by name and
 * by number. */
#pragma once

#include <stdint.h>

#include "base/str.h"

enum rune_dl_function {
#define RUNE_DL_FN(name, text, style, arity, result) RUNE_DL_FN_##name,
#include "datalog/functions.def"
#undef RUNE_DL_FN
    RUNE_DL_FN_COUNT
};

enum rune_dl_function_style {
    RUNE_DL_STYLE_F, /* after `=` only: concat(A, B) */
    RUNE_DL_STYLE_C, /* ip("..") */
    RUNE_DL_STYLE_M, /* X.name(..) */
};

enum rune_dl_function_result { RUNE_DL_RESULT_VALUE, RUNE_DL_RESULT_BOOL };

struct rune_dl_function_info {
    struct rune_str name;
    enum rune_dl_function_style style;
    enum rune_dl_function_result result;
    uint32_t arity; /* counts the receiver */
};

/* RUNE_DL_FN_COUNT where there is none of that name; methods and the others are separate name
 * spaces. */
enum rune_dl_function rune_dl_find_function(struct rune_str name);
enum rune_dl_function rune_dl_find_method(struct rune_str name);

/* function < RUNE_DL_FN_COUNT. */
const struct rune_dl_function_info *rune_dl_function_get(uint32_t function);

/* The nearest name for "did you mean", or an empty str. */
struct rune_str rune_dl_nearest_function(struct rune_str name);
