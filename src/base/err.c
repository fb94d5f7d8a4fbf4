/* SPDX-License-Identifier: Apache-2.0 */
#include "rune/err.h"

#include <stddef.h>

static const struct {
    const char *text;
    int http_status;
} table[RUNE_ERR_COUNT] = {
    [RUNE_OK] = {"success", 200},
#define RUNE_ERR(name, text, http_status) [RUNE_E_##name] = {text, http_status},
#include "rune/err.def"
#undef RUNE_ERR
};

const char *rune_err_text(enum rune_err err)
{
    return (unsigned)err < RUNE_ERR_COUNT ? table[err].text : "an unknown error";
}

int rune_err_http_status(enum rune_err err)
{
    return (unsigned)err < RUNE_ERR_COUNT ? table[err].http_status : 500;
}
