/* SPDX-License-Identifier: Apache-2.0 */
/* error: why an evaluation failed, in a few words, and as a text once somebody wants to read it.
 *
 * Owns: the codes (eval/errors.def) and their messages, which say what Cedar's say. Used by: eval
 * (sets), engine (prints). */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "eval/values.h"
#include "model/term.h"

enum rune_eval_code {
    RUNE_EVAL_OK = 0,
#define RUNE_EVAL_ERROR(name, code, text) RUNE_EVAL_##name,
#include "eval/errors.def"
#undef RUNE_EVAL_ERROR
    RUNE_EVAL_CODE_COUNT
};

/* Types that would have been right; a set of bits. ORDER: error.c's names. */
enum rune_type_bit {
    RUNE_TYPE_BOOL = 1 << 0,
    RUNE_TYPE_LONG = 1 << 1,
    RUNE_TYPE_STRING = 1 << 2,
    RUNE_TYPE_SET = 1 << 3,
    RUNE_TYPE_RECORD = 1 << 4,
    RUNE_TYPE_ENTITY = 1 << 5,
    RUNE_TYPE_DECIMAL = 1 << 6,
    RUNE_TYPE_IPADDR = 1 << 7,
    RUNE_TYPE_DATETIME = 1 << 8,
    RUNE_TYPE_DURATION = 1 << 9,
};

struct rune_eval_error {
    uint32_t code; /* enum rune_eval_code */
    uint32_t detail;
    rune_term a, b;
};

/* The code on the wire; static. */
const char *rune_eval_code_text(enum rune_eval_code code);

/* Appends the message: what was expected and what was there. Cost: the size of the values named in
 * it, which is cut. */
void rune_eval_error_format(const struct rune_eval_error *error, const struct rune_values *values,
                            struct rune_buf *out);
