/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/foreign.h"

#include <strings.h>

static const struct {
    enum rune_foreign_place place;
    struct rune_str word;
    const char *help;
} foreign[] = {
#define RUNE_FOREIGN(place, word, help) {RUNE_FOREIGN_##place, {word, sizeof(word) - 1}, help},
#include "cedar/foreign.def"
#undef RUNE_FOREIGN
};

const char *rune_foreign_help(enum rune_foreign_place place, struct rune_str word)
{
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (foreign[i].place == place && foreign[i].word.length == word.length &&
            strncasecmp(foreign[i].word.data, word.data, word.length) == 0) {
            return foreign[i].help;
        }
    }
    return NULL;
}
