/* SPDX-License-Identifier: Apache-2.0 */
/* image: an image opened for deciding.
 *
 * Immutable once open; any number of threads may decide from it, in any number of processes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rune/err.h"
#include "rune/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rune_diag;
struct rune_image;

enum rune_image_trust {
    /* deep: hash, every offset, count, id, program. For anything that comes from outside */
    RUNE_IMAGE_VERIFY,
    /* another process verified these very (sealed) bytes: container checks only */
    RUNE_IMAGE_VERIFIED,
};

/* Maps and opens. With RUNE_IMAGE_VERIFIED all seals must be set. fd stays the caller's; with
 * RUNE_IMAGE_VERIFY an unsealed fd must not be written to while the image is open (a memfd with
 * seals cannot be). RUNE_E_IO, RUNE_E_VERSION, RUNE_E_CORRUPT, RUNE_E_NOMEM. OWNERSHIP: the caller
 * closes *ret_image. Cost: VERIFIED O(sections); VERIFY O(bytes). */
RUNE_MUST_USE enum rune_err rune_image_open_fd(int fd, enum rune_image_trust trust,
                                               struct rune_image **ret_image,
                                               struct rune_diag *diag);

/* An image file by path, always verified. */
RUNE_MUST_USE enum rune_err rune_image_open_path(const char *path, struct rune_image **ret_image,
                                                 struct rune_diag *diag);

/* True if the file begins with an image's magic (a bundle otherwise). False also when it cannot be
 * read. */
bool rune_image_is_image_file(const char *path);

/* Has the kernel put the image's memory into large pages, where it can: decisions over many facts
 * take a tenth to a sixth less. Worth it for an image that stays; nothing else changes. Decisions
 * that are made meanwhile may wait. Cost: about one copy of the image. */
void rune_image_enlarge_pages(const struct rune_image *image);

/* NULL is nothing to close. No decider may be deciding from it. */
void rune_image_close(struct rune_image *image);

/* What an image is; texts are borrowed from it. */
struct rune_image_info {
    const char *name;       /* SHA-256, 64 lower-case hex digits */
    const char *short_name; /* the first 16: header rune-image */
    struct rune_str bundle_name;
    struct rune_str bundle_version;
    uint64_t bytes;
    uint32_t policies;
    uint32_t templates;
    uint32_t rules;
    uint32_t entities;
    uint64_t base_facts;
    uint64_t derived_facts;
    bool has_schema;
};

void rune_image_get_info(const struct rune_image *image, struct rune_image_info *ret_info);

#ifdef __cplusplus
}
#endif
