/* SPDX-License-Identifier: Apache-2.0 */
/* image_map: the container has one possible layout for given counts, so the check is an equality:
 * every offset must be the one the writer would have chosen. Nothing is looked at before the bytes
 * it stands in are known to be there. */
#include "shm/image_map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/hash.h"

#define LARGE_PAGE ((size_t)2 << 20)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

#define TABLE_END                       \
    (sizeof(struct rune_image_header) + \
     RUNE_IMAGE_SECTION_COUNT * sizeof(struct rune_image_section))

static const struct {
    uint32_t id;
    uint32_t entry_size;
    const char *name;
} known[RUNE_IMAGE_SECTION_COUNT] = {
#define RUNE_SECTION(name, id, entry_size, text) {id, entry_size, #name},
#include "shm/image_sections.def"
#undef RUNE_SECTION
};

static enum rune_err corrupt(struct rune_diag *diag, const char *what, const char *where)
{
    rune_diag_report(diag, RUNE_ERROR, "RUNE-I0010", RUNE_SPAN_NONE, NULL,
                     "the image is damaged: %s%s", what, where);
    return RUNE_E_CORRUPT;
}

static bool all_zero(const unsigned char *bytes, uint64_t length)
{
    for (uint64_t i = 0; i < length; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static enum rune_err check_header(const unsigned char *base, size_t size, struct rune_diag *diag)
{
    const struct rune_image_header *header = (const struct rune_image_header *)(const void *)base;
    if (size < TABLE_END) {
        return corrupt(diag, "it is too short", "");
    }
    if (memcmp(header->magic, RUNE_IMAGE_MAGIC, sizeof header->magic) != 0) {
        return corrupt(diag, "it does not begin as an image does", "");
    }
    if (header->version != RUNE_IMAGE_VERSION) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-I0011", RUNE_SPAN_NONE,
                         "build it again with this version",
                         "the image has format version %u, this program reads %u", header->version,
                         RUNE_IMAGE_VERSION);
        return RUNE_E_VERSION;
    }
    if (header->size != size) {
        return corrupt(diag, "its size is not the one its header tells", "");
    }
    if (header->section_count != RUNE_IMAGE_SECTION_COUNT) {
        return corrupt(diag, "it has another number of sections", "");
    }
    if (!all_zero(header->reserved, sizeof header->reserved)) {
        return corrupt(diag, "reserved bytes of the header are set", "");
    }
    return RUNE_OK;
}

static enum rune_err check_section(const struct rune_image_map *map, size_t place, uint64_t *end,
                                   struct rune_diag *diag)
{
    const struct rune_image_section *section =
        (const struct rune_image_section *)(const void *)(map->base +
                                                          sizeof(struct rune_image_header)) +
        place;
    uint64_t want_offset = (*end + RUNE_IMAGE_ALIGN - 1) & ~(uint64_t)(RUNE_IMAGE_ALIGN - 1);
    uint64_t want_size;
    if (section->id != known[place].id || section->entry_size != known[place].entry_size) {
        return corrupt(diag, "its table has something else in place of section ",
                       known[place].name);
    }
    if (__builtin_mul_overflow(section->count, section->entry_size, &want_size) ||
        section->size != want_size) {
        return corrupt(diag, "count and size disagree in section ", known[place].name);
    }
    if (section->offset != want_offset || want_offset > map->size ||
        section->size > map->size - want_offset) {
        return corrupt(diag, "not at its place: section ", known[place].name);
    }
    if (!all_zero(map->base + *end, want_offset - *end)) {
        return corrupt(diag, "padding is not zero before section ", known[place].name);
    }
    *end = want_offset + want_size;
    return RUNE_OK;
}

enum rune_err rune_image_map_bytes(const void *bytes, size_t size, struct rune_image_map *ret_map,
                                   struct rune_diag *diag)
{
    struct rune_image_map map = {.base = bytes, .size = size};
    if ((uintptr_t)bytes % RUNE_IMAGE_ALIGN != 0) {
        return corrupt(diag, "its bytes are not aligned", "");
    }
    enum rune_err err = check_header(map.base, size, diag);
    uint64_t end = TABLE_END;
    for (size_t place = 0; place < RUNE_IMAGE_SECTION_COUNT && err == RUNE_OK; place++) {
        err = check_section(&map, place, &end, diag);
    }
    if (err == RUNE_OK && end != size) {
        err = corrupt(diag, "bytes follow the last section", "");
    }
    if (err != RUNE_OK) {
        return err;
    }
    map.header = (const struct rune_image_header *)(const void *)map.base;
    const struct rune_image_section *table =
        (const struct rune_image_section *)(const void *)(map.header + 1);
    for (size_t place = 0; place < RUNE_IMAGE_SECTION_COUNT; place++) {
        map.sections[known[place].id] = &table[place];
    }
    *ret_map = map;
    return RUNE_OK;
}

static enum rune_err io_error(struct rune_diag *diag, const char *what)
{
    rune_diag_report(diag, RUNE_ERROR, "RUNE-I0012", RUNE_SPAN_NONE, NULL,
                     "the image cannot be %s: %s", what, strerror(errno));
    return errno == ENOMEM ? RUNE_E_NOMEM : RUNE_E_IO;
}

/* As mmap of the whole file, at a multiple of LARGE_PAGE if the file has one: in address space that
 * is reserved with room to spare, of which the rest goes back. */
static void *map_aligned(int fd, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t length = (size + page - 1) & ~(page - 1);
    unsigned char *room = MAP_FAILED;
    if (size >= LARGE_PAGE) {
        room = mmap(NULL, length + LARGE_PAGE, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (room == MAP_FAILED) {
        return mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    }
    size_t before = -(uintptr_t)room % LARGE_PAGE;
    void *base = mmap(room + before, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
    if (base == MAP_FAILED) {
        int error = errno;
        munmap(room, length + LARGE_PAGE);
        errno = error;
        return MAP_FAILED;
    }
    if (before > 0) {
        munmap(room, before);
    }
    munmap(room + before + length, LARGE_PAGE - before);
    return base;
}

enum rune_err rune_image_map_fd(int fd, enum rune_image_seals seals, struct rune_image_map *ret_map,
                                struct rune_diag *diag)
{
    struct stat st;
    if (seals == RUNE_IMAGE_SEALS_REQUIRED) {
        int have = fcntl(fd, F_GET_SEALS);
        if (have < 0 || (have & RUNE_IMAGE_SEALS) != RUNE_IMAGE_SEALS) {
            return corrupt(diag, "it is not sealed", "");
        }
    }
    if (fstat(fd, &st) != 0) {
        return io_error(diag, "looked at");
    }
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)TABLE_END) {
        return corrupt(diag, "it is too short or no file", "");
    }
    size_t size = (size_t)st.st_size;
    void *base = map_aligned(fd, size);
    if (base == MAP_FAILED) {
        return io_error(diag, "mapped");
    }
    enum rune_err err = rune_image_map_bytes(base, size, ret_map, diag);
    if (err != RUNE_OK) {
        munmap(base, size);
    }
    return err;
}

void rune_image_prefault(const struct rune_image_map *map)
{
#ifdef MADV_POPULATE_READ
    if (madvise((void *)(uintptr_t)map->base, map->size, MADV_POPULATE_READ) == 0) {
        return;
    }
#endif
    const volatile unsigned char *bytes = map->base;
    for (size_t i = 0; i < map->size; i += 4096) {
        (void)bytes[i];
    }
}

void rune_image_map_enlarge(const struct rune_image_map *map)
{
    size_t large = map->size & ~(LARGE_PAGE - 1);
    if (large > 0) {
        (void)madvise((void *)(uintptr_t)map->base, large, MADV_COLLAPSE); /* a wish */
    }
}

void rune_image_unmap(struct rune_image_map *map)
{
    if (map->base != NULL) {
        munmap((void *)(uintptr_t)map->base, map->size);
    }
    memset(map, 0, sizeof *map);
}

enum rune_err rune_image_check_hash(const struct rune_image_map *map, struct rune_diag *diag)
{
    struct rune_image_header header = *map->header;
    uint8_t digest[RUNE_SHA256_BYTES];
    struct rune_sha256 *sha = rune_sha256_create();
    if (sha == NULL) {
        return RUNE_E_NOMEM;
    }
    memset(header.sha256, 0, sizeof header.sha256);
    rune_sha256_update(sha, &header, sizeof header);
    rune_sha256_update(sha, map->base + sizeof header, map->size - sizeof header);
    enum rune_err err = rune_sha256_finish(sha, digest);
    if (err != RUNE_OK) {
        return err;
    }
    return memcmp(digest, map->header->sha256, sizeof digest) == 0
               ? RUNE_OK
               : corrupt(diag, "its hash does not fit", "");
}
