/* SPDX-License-Identifier: Apache-2.0 */
/* build: a bundle becomes an image.
 *
 * Reads a directory or a .rune file, parses policies, schema, entities, rules and facts, checks
 * them together, materialises, compiles, and writes one image. Deterministic: same bundle, same
 * bytes. Thread: any; builds share nothing. Does not know: how the image is published. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rune/err.h"
#include "rune/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rune_diag;

#define RUNE_BUILD_OPTIONS_VERSION 2u

/* What derivations and each of the builder's arenas and dictionaries may take where the options say
 * nothing: 100 million derived pairs need a quarter of it. */
#define RUNE_BUILD_DEFAULT_MEMORY (UINT64_C(4) << 30)

/* Steps (a tuple read, 10 to 30 ns each) that derivations may take where the options say
 * nothing. */
#define RUNE_BUILD_DEFAULT_STEPS (UINT64_C(1) << 30)

struct rune_build_options {
    uint32_t version;          /* RUNE_BUILD_OPTIONS_VERSION; 0 is read as 1 */
    uint64_t max_image_bytes;  /* 0: none */
    uint64_t max_memory_bytes; /* of derivations, and of each of the builder's arenas and
                                  dictionaries; 0: RUNE_BUILD_DEFAULT_MEMORY; UINT64_MAX: none */
    uint64_t max_facts;        /* tuples, given and derived, each; 0: none */
    /* Called now and then with what is going on ("reading facts", done, total or 0); NULL: silent.
     */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
    void *progress_context;
    /* From version 2 on: direct parents are kept for queries even if no rule reads them. */
    bool keeps_parents;
    /* From version 2 on: of derivations; 0: RUNE_BUILD_DEFAULT_STEPS; UINT64_MAX: none. */
    uint64_t max_steps;
};

#define RUNE_BUILD_OPTIONS_INIT               \
    {                                         \
        .version = RUNE_BUILD_OPTIONS_VERSION \
    }

struct rune_build_result {
    uint8_t sha256[32];
    uint64_t image_bytes;
    uint32_t policies; /* static policies and links */
    uint32_t templates;
    uint32_t rules;
    uint32_t entities;
    uint64_t base_facts;
    uint64_t derived_facts;
    /* CPU time of the calling thread: reading and parsing, policies and entities, rules, writing,
     * all of it. */
    uint64_t read_ns, policies_ns, rules_ns, write_ns, total_ns;
};

/* Builds the bundle at `path` into `fd` (a memfd or regular file, truncated first). All problems
 * are reported in one go. `options` may be NULL. RUNE_E_BUNDLE (diag has the errors, with places),
 * RUNE_E_NOT_FOUND, RUNE_E_IO, RUNE_E_LIMIT, RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_build_bundle(const char *path,
                                              const struct rune_build_options *options, int fd,
                                              struct rune_build_result *ret_result,
                                              struct rune_diag *diag);

/* The checks alone: as rune_build_bundle, without an image. */
RUNE_MUST_USE enum rune_err rune_build_check(const char *path,
                                             const struct rune_build_options *options,
                                             struct rune_build_result *ret_result,
                                             struct rune_diag *diag);

/* The checks of files and directories that need not be a whole bundle: all texts are parsed and
 * held against each other, policies and entities against the schema that is among them. Rules are
 * checked as a whole where a directory is given, since a single file of rules may use relations of
 * others; facts are not evaluated. `entities` of the result counts those with data. As
 * rune_build_check. */
RUNE_MUST_USE enum rune_err rune_build_check_files(const char *const *paths, size_t count,
                                                   const struct rune_build_options *options,
                                                   struct rune_build_result *ret_result,
                                                   struct rune_diag *diag);

/* The same, with the text of one links file more: its templates must be among the files. */
RUNE_MUST_USE enum rune_err rune_build_check_links(const char *const *paths, size_t count,
                                                   struct rune_str links,
                                                   const struct rune_build_options *options,
                                                   struct rune_build_result *ret_result,
                                                   struct rune_diag *diag);

/* Builds into memory that no one can write to any more: a sealed memfd, close-on-exec. OWNERSHIP:
 * the caller closes *ret_fd. Errors as rune_build_bundle. */
RUNE_MUST_USE enum rune_err rune_build_memory(const char *path,
                                              const struct rune_build_options *options, int *ret_fd,
                                              struct rune_build_result *ret_result,
                                              struct rune_diag *diag);

#ifdef __cplusplus
}
#endif
