/* SPDX-License-Identifier: Apache-2.0 */
/* bundle_trial: one random world (reference/mixed.h) built in one way, asked, and compared with
 * what the slow evaluator found: bundle_files.c (texts to an image), bundle_queries.c (every
 * relation by every pattern), bundle_decisions.c. Used by: test_random_bundles.c, which owns the
 * worlds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "engine/build_texts.h"
#include "reference/mixed.h"
#include "rune/rune.h"

enum { BUNDLE_MAX_FILES = MIXED_BASES + 6 };

struct bundle_totals {
    uint64_t worlds, decisions, permits, forbids, errors, unsure, queries, tuples, refused, limits;
};

/* How a world is built. */
struct bundle_way {
    enum rune_dl_storing storing;
    uint64_t order;
    size_t arena_bytes; /* of the decider; 0: as always; else limits may be met */
};

/* One world in one way, and what was found wrong with it. */
struct bundle_trial {
    const struct mixed_world *world;
    struct bundle_way way;
    struct mixed_answers *stored; /* what follows without a request, or NULL */
    struct rune_arena arena;
    struct rune_image *image;
    struct rune_decider *decider;
    struct rune_diag *diag;
    struct rune_buf why; /* empty: nothing */
    struct bundle_totals totals;
};

struct bundle_files {
    struct rune_bundle_file items[BUNDLE_MAX_FILES];
    struct rune_buf texts[BUNDLE_MAX_FILES];
    char paths[BUNDLE_MAX_FILES][32];
    int fds[BUNDLE_MAX_FILES];
    uint32_t count;
};

/* To be dropped. */
void bundle_make_files(struct bundle_files *files, const struct bundle_trial *trial);
void bundle_drop_files(struct bundle_files *files);

/* False: there is no image, or none is wanted. */
bool bundle_build(struct bundle_trial *trial);

/* Relations that depend on the request (NULL: that do not) by every set of known or equal columns.
 */
void bundle_ask_relations(struct bundle_trial *trial, const struct mixed_answers *answers,
                          const struct rune_request *request);

/* Its decision, and if `asks` the relations that depend on it. */
void bundle_check_request(struct bundle_trial *trial, const struct mixed_request *request,
                          bool asks);
