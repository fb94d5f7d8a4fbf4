/* SPDX-License-Identifier: Apache-2.0 */
/* image_map: map an image read-only, check its container, hand out sections.
 *
 * Owns: the mapping. Knows: header and section table. Does not know: what a section means
 * (eval/store.h). Thread: any; immutable after open, shared without locks. Used by: engine, live,
 * cli. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rune/err.h"
#include "shm/image_format.h"

struct rune_diag;

struct rune_image_map {
    const unsigned char *base; /* page-aligned */
    size_t size;
    const struct rune_image_header *header;
    /* by id; all of the .def are there */
    const struct rune_image_section *sections[RUNE_IMAGE_MAX_SECTIONS];
};

enum rune_image_seals { RUNE_IMAGE_SEALS_IGNORED, RUNE_IMAGE_SEALS_REQUIRED };

/* Maps fd and checks the container: magic, version, size = file size, every section of the .def
 * present once with its entry size, 64-aligned, inside, disjoint, ascending, count * entry_size =
 * size, padding zero. With SEALS_REQUIRED also that all four seals are set. fd stays the caller's.
 * RUNE_E_IO, RUNE_E_VERSION, RUNE_E_CORRUPT. Cost: O(sections), plus a look at the padding. */
RUNE_MUST_USE enum rune_err rune_image_map_fd(int fd, enum rune_image_seals seals,
                                              struct rune_image_map *ret_map,
                                              struct rune_diag *diag);

/* The same checks over bytes in memory (64-aligned), for fuzzing and tests. The bytes stay the
 * caller's. */
RUNE_MUST_USE enum rune_err rune_image_map_bytes(const void *bytes, size_t size,
                                                 struct rune_image_map *ret_map,
                                                 struct rune_diag *diag);

/* Touches every page so that no decision faults (MADV_POPULATE_READ, else a read a page). */
void rune_image_prefault(const struct rune_image_map *map);

/* Has the kernel put what was mapped into large pages, as far as it will: a read here and there
 * then seldom waits for page tables. Content and addresses stay; processes that share the memory
 * share the large pages. Whoever reads meanwhile may wait. Cost: about one copy of the image. */
void rune_image_map_enlarge(const struct rune_image_map *map);

/* Unmaps what rune_image_map_fd mapped. */
void rune_image_unmap(struct rune_image_map *map);

/* Compares the header's SHA-256 with the content. RUNE_E_CORRUPT. Cost: one pass. */
RUNE_MUST_USE enum rune_err rune_image_check_hash(const struct rune_image_map *map,
                                                  struct rune_diag *diag);

/* Entries of a section; the entry size was checked at map time. */
static inline const void *rune_image_section(const struct rune_image_map *map, enum rune_section id,
                                             uint64_t *ret_count)
{
    const struct rune_image_section *section = map->sections[id];
    *ret_count = section->count;
    return map->base + section->offset;
}
