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

/* What other languages call them, where no letters are alike. */
static const struct {
    struct rune_str foreign, own;
} aliases[] = {
    {{"len", 3}, {"length", 6}},
    {{"size", 4}, {"length", 6}},
    {{"strlen", 6}, {"length", 6}},
    {{"cat", 3}, {"concat", 6}},
    {{"has", 3}, {"contains", 8}},
    {{"match", 5}, {"matches", 7}},
    {{"like", 4}, {"matches", 7}},
    {{"startswith", 10}, {"starts_with", 11}},
    {{"startsWith", 10}, {"starts_with", 11}},
    {{"endswith", 8}, {"ends_with", 9}},
    {{"endsWith", 8}, {"ends_with", 9}},
};

struct rune_str rune_dl_nearest_function(struct rune_str name)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (rune_str_equal(name, aliases[i].foreign)) {
            return aliases[i].own;
        }
    }
    struct rune_str names[RUNE_DL_FN_COUNT];
    for (uint32_t i = 0; i < RUNE_DL_FN_COUNT; i++) {
        names[i] = table[i].name;
    }
    return rune_str_nearest(name, names, RUNE_DL_FN_COUNT);
}
