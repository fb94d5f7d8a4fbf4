/* SPDX-License-Identifier: Apache-2.0 */
/* image: an image opened for deciding: the mapping, the typed store over it, its name.
 *
 * Immutable once open; any number of threads may decide from it. librune never assumes that it made the image or is
 * alone with it. Used by: live (workers), cli, librune's public API. */
#pragma once

#include <stdint.h>

#include "eval/store.h"
#include "rune/err.h"
#include "shm/image_map.h"

struct rune_diag;

struct rune_image {
    struct rune_image_map map;
    struct rune_store store;
    char name[65];       /* SHA-256, lower-case hex */
    char short_name[17]; /* the first 16 digits: header rune-image */
};

enum rune_image_trust {
    RUNE_IMAGE_VERIFY,   /* deep: hash, every offset, count, id, program. For anything that comes from outside */
    RUNE_IMAGE_VERIFIED, /* another process verified these very (sealed) bytes: container checks only */
};

/* Maps and opens. With RUNE_IMAGE_VERIFIED all seals must be set. fd stays the caller's.
 * RUNE_E_IO, RUNE_E_VERSION, RUNE_E_CORRUPT, RUNE_E_NOMEM. OWNERSHIP: the caller closes *ret_image.
 * Cost: VERIFIED O(sections); VERIFY O(bytes). */
RUNE_MUST_USE enum rune_err rune_image_open_fd(int fd, enum rune_image_trust trust, struct rune_image **ret_image,
                                               struct rune_diag *diag);

/* An image file by path, always verified. */
RUNE_MUST_USE enum rune_err rune_image_open_path(const char *path, struct rune_image **ret_image,
                                                 struct rune_diag *diag);

/* True if the file begins with an image's magic (a bundle otherwise). False also when it cannot be read. */
bool rune_image_is_image_file(const char *path);

void rune_image_close(struct rune_image *image);
