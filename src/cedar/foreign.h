/* SPDX-License-Identifier: Apache-2.0 */
/* foreign: what people write who come from another language, and what Cedar has instead. Advice for
 * messages only. Used by: the parsers of policies and schemas. */
#pragma once

#include "base/str.h"

enum rune_foreign_place {
    RUNE_FOREIGN_EXPR,
    RUNE_FOREIGN_METHOD,
    RUNE_FOREIGN_FUNCTION,
    RUNE_FOREIGN_EFFECT,
    RUNE_FOREIGN_TYPE,
};

/* The advice for a word in that place; NULL: none. */
const char *rune_foreign_help(enum rune_foreign_place place, struct rune_str word);
