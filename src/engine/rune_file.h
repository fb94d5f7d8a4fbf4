/* SPDX-License-Identifier: Apache-2.0 */
/* rune_file: one .rune file as sources by kind.
 *
 * Each kind's source is the whole text with the lines of all other sections left empty, so that
 * places in messages are places in the file. Section headers stand alone on a line. Pure. Used by:
 * engine/bundle, fuzzing. */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "engine/bundle.h"
#include "rune/err.h"

/* At most one file a kind, in `ret_files` (room for RUNE_BUNDLE_KIND_COUNT). RUNE_E_BUNDLE: an
 * unknown section (suggestion), text before the first section, a missing or unknown version;
 * RUNE_E_NOMEM. Cost: linear. */
RUNE_MUST_USE enum rune_err rune_file_split(const struct rune_source *source,
                                            struct rune_arena *arena,
                                            struct rune_bundle_file *ret_files, uint32_t *ret_count,
                                            struct rune_diag *diag);
