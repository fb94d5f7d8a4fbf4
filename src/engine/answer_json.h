/* SPDX-License-Identifier: Apache-2.0 */
/* answer_json: decisions and errors as the JSON of docs/http-api.md, into memory of a fixed size.
 *
 * Does not know: how a decision was made. Allocates nothing; running out of room is sticky. Used
 * by: decider. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/decider.h"

/* Where bytes go. INVARIANT: start <= next <= end. */
struct rune_answer_out {
    char *start, *next, *end;
    bool failed; /* the answer did not fit: what is there is no JSON */
};

void rune_answer_out_init(struct rune_answer_out *out, char *memory, size_t size);

/* For fixed texts: no escapes. */
void rune_answer_raw(struct rune_answer_out *out, const char *bytes, size_t length);

/* What ?debug=true adds. */
struct rune_answer_debug {
    uint64_t evaluation_ns;
};

/* The generation of the last answer as it stands there; zeroed: of none. */
struct rune_answer_generation {
    uint64_t number;
    uint32_t length;
    char text[36]; /* ,"generation":N */
};

/* {"decision", "reasons", "errors"?, "generation", "diagnostics"?}; `debug` NULL: without. */
void rune_answer_decision(struct rune_answer_out *out, const struct rune_decision *decision,
                          uint64_t generation, struct rune_answer_generation *cache,
                          const struct rune_answer_debug *debug);

/* {"error": {"code", "message", "at"?}}; at "" is left out. */
void rune_answer_error(struct rune_answer_out *out, const char *code, const char *message,
                       const char *at);
