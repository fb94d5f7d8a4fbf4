/* SPDX-License-Identifier: Apache-2.0 */
/* build_texts: an image out of texts in memory, with the ids that the referee data uses: policyN by
 * position, whatever @id says. Used by: tests/conformance, tests. */
#pragma once

#include "datalog/evaluate.h"
#include "engine/bundle.h"
#include "engine/manifest.h"
#include "rune/build.h"

struct rune_build_texts {
    struct rune_bundle_file *files; /* kinds, paths and texts; of facts files `file_path` */
    uint32_t count;
    enum rune_validation validation;
    bool validate_requests;
    enum rune_dl_storing storing; /* of relations that rules derive */
    bool keeps_parents;           /* for queries, whether or not a rule reads them */
};

/* As rune_build_memory. */
RUNE_MUST_USE enum rune_err rune_build_texts(const struct rune_build_texts *texts, int *ret_fd,
                                             struct rune_build_result *ret_result,
                                             struct rune_diag *diag);
