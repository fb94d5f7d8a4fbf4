/* SPDX-License-Identifier: Apache-2.0 */
/* plan_int: one description of an image's rules on its way out, line by line. Private to
 * engine/plan*.c: plan.c (relations, rules), plan_goals.c (what a program does). */
#pragma once

#include "base/buf.h"
#include "engine/image.h"
#include "eval/relation.h"
#include "rune/plan.h"

struct rune_describer {
    const struct rune_store *store;
    const struct rune_image *image;
    struct rune_decider *decider; /* NULL: nothing is counted */
    struct rune_diag *diag;
    const char *rule; /* NULL: all */
    rune_plan_fn emit;
    void *context;
    struct rune_buf line;
    bool has_lines; /* something was emitted */
    bool is_stopped;
    enum rune_err err;
};

/* The line so far is done. */
void rune_describe_end_line(struct rune_describer *d);
struct rune_str rune_describe_text(const struct rune_describer *d, uint32_t string);
/* Relations that the builder makes for itself have names no rule can write. */
bool rune_describe_is_hidden(struct rune_str name);
/* "12 tuples"; thousands are set apart; an estimate that reached its limit says so. */
void rune_describe_tuples(struct rune_describer *d, uint64_t count);

/* ---- plan_goals.c ---- */

/* The file of a rule, or an empty text. */
struct rune_str rune_describe_source(const struct rune_describer *d, uint32_t rule);
/* Part of a text on one line, runs of blanks as one; of a very long one the beginning. */
void rune_describe_part(struct rune_describer *d, struct rune_str source, uint64_t offset,
                        uint64_t length);
/* One plan: what is known, what it is expected to give, its goals in order. `number` of `count`: of
 * a rule's alternatives. */
void rune_describe_plan(struct rune_describer *d, const struct rune_image_plan *plan,
                        uint32_t number, uint32_t count);
