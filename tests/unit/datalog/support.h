/* SPDX-License-Identifier: Apache-2.0 */
/* support: rule text through parser and checker, and trees back to text, for the tests of this
 * room. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "datalog/check.h"
#include "datalog/parser.h"

struct front {
    struct rune_source source;
    struct rune_arena arena;
    struct rune_vec_dl_rule clauses;
    struct rune_dl_program program; /* when err is RUNE_OK and it was checked */
    struct rune_diag *diag;
    enum rune_err err;
};

/* `declared`: like "q/2 r/1", or NULL. A `!` behind the arity says that there are facts. */
void front_parse(struct front *front, const char *text, enum rune_dl_dialect dialect);
void front_check(struct front *front, const char *text, enum rune_dl_dialect dialect,
                 const char *declared);
void front_fini(struct front *front);

/* A clause in one unambiguous form, brackets everywhere. */
void front_print(const struct rune_dl_rule *rule, struct rune_buf *out);

/* "CODE LINE, CODE LINE" of the messages of at least that severity. */
void front_codes(const struct front *front, enum rune_severity at_least, struct rune_buf *out);

const struct rune_dl_relation *front_relation(const struct front *front, const char *name,
                                              const char *literal);
