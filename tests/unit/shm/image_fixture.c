/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/shm/image_fixture.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/image_writer.h"

int image_fixture_fd(void)
{
    static const uint32_t offsets[] = {0, 0, 5};
    static const struct rune_image_manifest manifest = {.name = 1, .policy_count = 3};
    const struct rune_image_part parts[] = {
        {RUNE_SECTION_STRING_BYTES, "hello", 5},
        {RUNE_SECTION_MANIFEST, &manifest, 1},
        {RUNE_SECTION_STRING_OFFSET, offsets, 3},
        {RUNE_SECTION_SOURCE_BYTES, "permit(principal, action, resource);", 36},
    };
    uint8_t sha256[32];
    uint64_t size;
    int fd;
    if (rune_image_memfd_create("fixture", &fd) != RUNE_OK ||
        rune_image_write(fd, parts, sizeof parts / sizeof parts[0], 0, sha256, &size, NULL) !=
            RUNE_OK) {
        abort();
    }
    return fd;
}

unsigned char *image_fixture_bytes(size_t *ret_size)
{
    struct stat st;
    int fd = image_fixture_fd();
    if (fstat(fd, &st) != 0) {
        abort();
    }
    size_t size = (size_t)st.st_size;
    unsigned char *bytes = aligned_alloc(64, (size + 63) / 64 * 64);
    if (bytes == NULL || pread(fd, bytes, size, 0) != (ssize_t)size) {
        abort();
    }
    close(fd);
    *ret_size = size;
    return bytes;
}
