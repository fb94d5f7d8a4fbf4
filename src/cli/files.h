/* SPDX-License-Identifier: Apache-2.0 */
/* files: what commands read, a file or standard input, and files that they replace. Used by: fmt,
 * translate, link. */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "rune/err.h"

#define CLI_MAX_FILE_BYTES ((size_t)256 << 20) /* LIMIT */

/* The text of a file, `-` being standard input, in the arena. RUNE_E_LIMIT, RUNE_E_IO,
 * RUNE_E_NOT_FOUND, RUNE_E_NOMEM; the diag says which file and why. */
RUNE_MUST_USE enum rune_err cli_read_text(const char *path, struct rune_arena *arena,
                                          struct rune_str *ret_text, struct rune_diag *diag);

/* How messages name it. */
const char *cli_text_name(const char *path);

/* The file under its name is the old one or the new one, never a part of one; a symbolic link stays
 * one, permissions stay. False: errno says why, and the old one is still there. */
bool cli_replace_file(const char *path, struct rune_str text);
