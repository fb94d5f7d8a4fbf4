/* SPDX-License-Identifier: Apache-2.0 */
/* functions: linear search; the table is short and names are looked up once a call in the text. */
#include "datalog/functions.h"

static const struct rune_dl_function_info table[RUNE_DL_FN_COUNT] = {
#define RUNE_DL_FN(name, text, style, arity, result) \
    [RUNE_DL_FN_##                                   \
        name] = {{text, sizeof(text) - 1}, RUNE_DL_STYLE_##style, RUNE_DL_RESULT_##result, arity},
#include "datalog/functions.def"
#undef RUNE_DL_FN
};

enum rune_dl_function rune_dl_find_function(struct rune_str name)
{
    for (uint32_t i = 0; i < RUNE_DL_FN_COUNT; i++) {
        if (table[i].style != RUNE_DL_STYLE_M && rune_str_equal(table[i].name, name)) {
            return (enum rune_dl_function)i;
        }
    }
    return RUNE_DL_FN_COUNT;
}

enum rune_dl_function rune_dl_find_method(struct rune_str name)
{
    for (uint32_t i = 0; i < RUNE_DL_FN_COUNT; i++) {
        if (table[i].style == RUNE_DL_STYLE_M && rune_str_equal(table[i].name, name)) {
            return (enum rune_dl_function)i;
        }
    }
    return RUNE_DL_FN_COUNT;
}

const struct rune_dl_function_info *rune_dl_function_get(uint32_t function)
{
    return &table[function];
}

struct rune_str rune_dl_nearest_function(struct rune_str name)
{
    struct rune_str names[RUNE_DL_FN_COUNT];
    for (uint32_t i = 0; i < RUNE_DL_FN_COUNT; i++) {
        names[i] = table[i].name;
    }
    return rune_str_nearest(name, names, RUNE_DL_FN_COUNT);
}
