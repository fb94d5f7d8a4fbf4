/* SPDX-License-Identifier: Apache-2.0 */
/* image: bytes of any kind as an image. Accepted by the container's check means that every byte of every section can
 * be touched. The last byte of the input chooses the damage repaired before: bit 0 header fields, bit 1 the table's
 * offsets, bit 2 the hash; so that mutation gets past the first equality. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "shm/image_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void use(const struct rune_image_map *map)
{
    volatile unsigned char sink = 0;
    for (size_t id = 0; id < RUNE_IMAGE_MAX_SECTIONS; id++) {
        const struct rune_image_section *section = map->sections[id];
        for (uint64_t i = 0; section != NULL && i < section->size; i++) {
            sink = (unsigned char)(sink + map->base[section->offset + i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t repairs = data[size - 1];
    size -= 1;
    /* One allocation of exactly this size, at an aligned address, so that a sanitizer sees the first byte past it. */
    void *memory = NULL;
    if (posix_memalign(&memory, 64, size > 0 ? size : 1) != 0) {
        return 0;
    }
    unsigned char *bytes = memory;
    memcpy(bytes, data, size);
    if (size >= sizeof(struct rune_image_header) + RUNE_IMAGE_SECTION_COUNT * sizeof(struct rune_image_section)) {
        if ((repairs & 1) != 0) {
            repair_header(bytes, size);
        }
        if ((repairs & 2) != 0) {
            repair_table(bytes, size);
        }
        if ((repairs & 4) != 0) {
            repair_hash(bytes, size);
        }
    }
    struct rune_image_map map;
    if (rune_image_map_bytes(bytes, size, &map, NULL) == RUNE_OK) {
        enum rune_err err = rune_image_check_hash(&map, NULL);
        if ((repairs & 4) != 0 && err != RUNE_OK) {
            abort();
        }
        use(&map);
    }
    free(memory);
    return 0;
}
