/* SPDX-License-Identifier: Apache-2.0 */
/* fs: files and directories, the few operations RUNE needs; EINTR and short reads are handled here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "rune/err.h"

/* A whole regular file of at most max_bytes into the arena (NUL behind, not counted).
 * RUNE_E_NOT_FOUND, RUNE_E_IO, RUNE_E_LIMIT, RUNE_E_NOMEM; diag says which file and why. */
RUNE_MUST_USE enum rune_err rune_fs_read(const char *path, size_t max_bytes,
                                         struct rune_arena *arena, struct rune_str *ret_text,
                                         struct rune_diag *diag);

/* All of `length` bytes, or RUNE_E_IO. */
RUNE_MUST_USE enum rune_err rune_fs_write_all(int fd, const void *bytes, size_t length);

/* What is compared before and after reading a bundle: a change restarts the read. */
struct rune_fs_entry {
    const char *path; /* relative to the root, "/" between parts */
    uint64_t device, inode, size;
    int64_t mtime_ns, ctime_ns;
};

/* Regular files below `root` (symbolic links to files are followed, to directories too but never in
 * a cycle), hidden names left out, bytewise sorted by path. RUNE_E_NOT_FOUND, RUNE_E_IO,
 * RUNE_E_LIMIT (max_entries), RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_fs_walk(const char *root, size_t max_entries,
                                         struct rune_arena *arena,
                                         struct rune_fs_entry **ret_entries, size_t *ret_count,
                                         struct rune_diag *diag);
