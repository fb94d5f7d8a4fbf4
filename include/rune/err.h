/* SPDX-License-Identifier: Apache-2.0 */
/* err: the error codes every fallible function of RUNE returns. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* Outputs are written only when a function returns RUNE_OK. Messages for people go to a struct
 * rune_diag. */
enum rune_err {
    RUNE_OK = 0,
#define RUNE_ERR(name, text, http_status) RUNE_E_##name,
#include "rune/err.def"
#undef RUNE_ERR
    RUNE_ERR_COUNT
};

#define RUNE_MUST_USE           __attribute__((warn_unused_result))
#define RUNE_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* The short text of a code; static, never NULL. */
const char *rune_err_text(enum rune_err err);

/* The HTTP status that fits a code. */
int rune_err_http_status(enum rune_err err);

#ifdef __cplusplus
}
#endif
