/* SPDX-License-Identifier: Apache-2.0 */
/* image: bytes of any kind as an image. Accepted by the container's check means that every byte of
 * every section can be touched. The last byte of the input chooses the damage repaired before: bit
 * 0 header fields, bit 1 the table's offsets, bit 2 the hash; so that mutation gets past the first
 * equality. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/image_repair.h"
#include "shm/image_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    /* One allocation of exactly this size, at an aligned address, so that a sanitizer sees the
     * first byte past it. */
    void *memory = NULL;
    if (posix_memalign(&memory, 64, size > 0 ? size : 1) != 0) {
        return 0;
    }
    unsigned char *bytes = memory;
    memcpy(bytes, data, size);
    image_repair(bytes, size, repairs);
    struct rune_image_map map;
    if (rune_image_map_bytes(bytes, size, &map, NULL) == RUNE_OK) {
        enum rune_err err = rune_image_check_hash(&map, NULL);
        if ((repairs & IMAGE_REPAIR_HASH) != 0 && err != RUNE_OK) {
            abort();
        }
        use(&map);
    }
    free(memory);
    return 0;
}
