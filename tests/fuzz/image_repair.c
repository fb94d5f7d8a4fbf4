/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/image_repair.h"

#include <string.h>

#include "base/hash.h"
#include "shm/image_format.h"

static void repair_header(unsigned char *bytes, size_t size)
{
    struct rune_image_header *header = (struct rune_image_header *)(void *)bytes;
    memcpy(header->magic, RUNE_IMAGE_MAGIC, sizeof header->magic);
    header->version = RUNE_IMAGE_VERSION;
    header->section_count = RUNE_IMAGE_SECTION_COUNT;
    header->size = size;
    memset(header->reserved, 0, sizeof header->reserved);
}

/* Ids, entry sizes and offsets as they must be for the counts found; padding cleared. */
static void repair_table(unsigned char *bytes, size_t size)
{
    static const uint32_t def[][2] = {
#define RUNE_SECTION(name, id, entry_size, text) {id, entry_size},
#include "shm/image_sections.def"
#undef RUNE_SECTION
    };
    struct rune_image_section *table =
        (struct rune_image_section *)(void *)(bytes + sizeof(struct rune_image_header));
    uint64_t end = sizeof(struct rune_image_header) + RUNE_IMAGE_SECTION_COUNT * sizeof *table;
    for (size_t i = 0; i < RUNE_IMAGE_SECTION_COUNT; i++) {
        uint64_t offset = (end + 63) & ~UINT64_C(63);
        table[i].id = def[i][0];
        table[i].entry_size = def[i][1];
        table[i].size = table[i].count * table[i].entry_size;
        table[i].offset = offset;
        if (offset <= size) {
            memset(bytes + end, 0, (size_t)(offset - end));
        }
        if (offset > size || table[i].size > size - offset) {
            return;
        }
        end = offset + table[i].size;
    }
}

static void repair_hash(unsigned char *bytes, size_t size)
{
    struct rune_image_header *header = (struct rune_image_header *)(void *)bytes;
    struct rune_sha256 *sha = rune_sha256_create();
    memset(header->sha256, 0, sizeof header->sha256);
    if (sha != NULL) {
        uint8_t digest[32];
        rune_sha256_update(sha, bytes, size);
        if (rune_sha256_finish(sha, digest) == RUNE_OK) {
            memcpy(header->sha256, digest, sizeof digest);
        }
    }
}

void image_repair(unsigned char *bytes, size_t size, unsigned repairs)
{
    if (size < sizeof(struct rune_image_header) +
                   RUNE_IMAGE_SECTION_COUNT * sizeof(struct rune_image_section)) {
        return;
    }
    if ((repairs & IMAGE_REPAIR_HEADER) != 0) {
        repair_header(bytes, size);
    }
    if ((repairs & IMAGE_REPAIR_TABLE) != 0) {
        repair_table(bytes, size);
    }
    if ((repairs & IMAGE_REPAIR_HASH) != 0) {
        repair_hash(bytes, size);
    }
}
