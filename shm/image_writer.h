/* SPDX-License-Identifier: Apache-2.0 */
/* image_writer: sections in memory -> one image in a file descriptor.
 *
 * Owns: the order, alignment, padding and header. Does not know: what sections mean. Process:
 * builder, CLI. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rune/err.h"
#include "shm/image_format.h"

struct rune_diag;

/* One section to write; `data` is borrowed until the image is written. Sections may come in any
 * order; those of image_sections.def that are missing are written empty. */
struct rune_image_part {
    enum rune_section id;
    const void *data;
    uint64_t count; /* entries of the size that image_sections.def names */
};

/* Writes the image to `fd` from offset 0 (a memfd or a regular file, truncated first) and returns
 * its SHA-256 and size. RUNE_E_LIMIT past max_bytes (0: none) before anything is written,
 * RUNE_E_IO, RUNE_E_INTERNAL. Cost: one pass of SHA-256. */
RUNE_MUST_USE enum rune_err rune_image_write(int fd, const struct rune_image_part *parts,
                                             size_t part_count, uint64_t max_bytes,
                                             uint8_t ret_sha256[32], uint64_t *ret_size,
                                             struct rune_diag *diag);

/* A memfd ready for rune_image_write, close-on-exec and sealable; and all four seals set on it. */
RUNE_MUST_USE enum rune_err rune_image_memfd_create(const char *name, int *ret_fd);
RUNE_MUST_USE enum rune_err rune_image_seal(int fd);
/* The end of what memfd_create began: after `written` = RUNE_OK the descriptor, sealed, else it is
 * closed. The error of the two that came first. */
RUNE_MUST_USE enum rune_err rune_image_memfd_finish(int fd, enum rune_err written, int *ret_fd);
