/* SPDX-License-Identifier: Apache-2.0 */
/* fixture: bundles made of a few texts, built and opened for a test. Used by: tests of the engine
 * and the CLI. */
#pragma once

#include <stddef.h>

#include "rune/rune.h"

struct fixture_file {
    const char *path; /* relative to the bundle */
    const char *text;
};

/* A folder below the working directory with these files (written in the order given); free with
 * fixture_remove. */
char *fixture_make(const struct fixture_file *files, size_t count);
void fixture_remove(char *path);

/* Builds, failing the test with the diagnostics if that fails: the image's descriptor. */
int fixture_image(const char *path, struct rune_build_result *ret_result);

struct fixture {
    struct rune_image *image;
    struct rune_decider *decider;
};

/* Builds and opens, failing the test with the diagnostics if it does not. */
void fixture_open(struct fixture *fixture, const struct fixture_file *files, size_t count);
void fixture_close(struct fixture *fixture);

/* Builds only; the diagnostics' text is returned and must be freed (rune_free). */
enum rune_err fixture_build(const struct fixture_file *files, size_t count, char **ret_text);

#define FIXTURE_FILES(files) (files), sizeof(files) / sizeof((files)[0])
