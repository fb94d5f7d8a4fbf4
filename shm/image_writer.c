/* SPDX-License-Identifier: Apache-2.0 */
/* image_writer: lays sections out in the order of the .def, hashes what it writes, and writes the
 * header last, when the hash is known. The bytes are hashed as they will stand in the file, with
 * the header's hash as zeros. */
#include "shm/image_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/hash.h"

#define SECTION_COUNT RUNE_IMAGE_SECTION_COUNT
#define WRITE_CHUNK   (256u << 10) /* which a processor's cache holds */

static const struct rune_image_section empty_table[SECTION_COUNT] = {
#define RUNE_SECTION(name, section_id, bytes, text) {.id = section_id, .entry_size = bytes},
#include "shm/image_sections.def"
#undef RUNE_SECTION
};

struct layout {
    struct rune_image_header header;
    struct rune_image_section table[SECTION_COUNT];
    const void *data[SECTION_COUNT];
};

static uint64_t align_up(uint64_t offset)
{
    return (offset + RUNE_IMAGE_ALIGN - 1) & ~(uint64_t)(RUNE_IMAGE_ALIGN - 1);
}

static struct rune_image_section *find_section(struct layout *layout, enum rune_section id)
{
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (layout->table[i].id == (uint32_t)id) {
            return &layout->table[i];
        }
    }
    return NULL;
}

/* Puts every part at its place; the sizes of parts are those of memory, so only their sum needs
 * care. */
static enum rune_err lay_out(struct layout *layout, const struct rune_image_part *parts,
                             size_t part_count, struct rune_diag *diag)
{
    memset(layout, 0, sizeof *layout);
    memcpy(layout->table, empty_table, sizeof empty_table);
    for (size_t i = 0; i < part_count; i++) {
        struct rune_image_section *section = find_section(layout, parts[i].id);
        if (section == NULL || section->count != 0 ||
            __builtin_mul_overflow(parts[i].count, section->entry_size, &section->size) ||
            section->size > (UINT64_C(1) << 48)) {
            rune_diag_report(diag, RUNE_ERROR, "RUNE-I0001", RUNE_SPAN_NONE, NULL,
                             "the image's section %d was given twice, is unknown or too large",
                             (int)parts[i].id);
            return RUNE_E_INTERNAL;
        }
        section->count = parts[i].count;
        layout->data[section - layout->table] = parts[i].data;
    }
    uint64_t end = sizeof(struct rune_image_header) + sizeof layout->table;
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        layout->table[i].offset = align_up(end);
        end = layout->table[i].offset + layout->table[i].size;
    }
    memcpy(layout->header.magic, RUNE_IMAGE_MAGIC, sizeof layout->header.magic);
    layout->header.version = RUNE_IMAGE_VERSION;
    layout->header.section_count = SECTION_COUNT;
    layout->header.size = end;
    layout->header.engine_major = RUNE_IMAGE_ENGINE_MAJOR;
    layout->header.engine_minor = RUNE_IMAGE_ENGINE_MINOR;
    return RUNE_OK;
}

static enum rune_err write_at(int fd, const void *bytes, size_t length, uint64_t offset)
{
    const unsigned char *next = bytes;
    while (length > 0) {
        ssize_t n = pwrite(fd, next, length, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return RUNE_E_IO;
        }
        next += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return RUNE_OK;
}

/* Chunk by chunk, so that what is written was just read for the hash. */
static enum rune_err write_section(int fd, const struct rune_image_section *section,
                                   const unsigned char *bytes, struct rune_sha256 *sha)
{
    enum rune_err err = RUNE_OK;
    for (uint64_t done = 0; done < section->size && err == RUNE_OK; done += WRITE_CHUNK) {
        uint64_t left = section->size - done;
        size_t length = left < WRITE_CHUNK ? (size_t)left : WRITE_CHUNK;
        rune_sha256_update(sha, bytes + done, length);
        err = write_at(fd, bytes + done, length, section->offset + done);
    }
    return err;
}

/* Hashes and writes all but the header. The file was truncated, then extended to its full size:
 * what is not written is zero. */
static enum rune_err write_sections(int fd, const struct layout *layout, struct rune_sha256 *sha)
{
    static const unsigned char zeros[RUNE_IMAGE_ALIGN];
    uint64_t end = sizeof layout->header + sizeof layout->table;
    rune_sha256_update(sha, &layout->header, sizeof layout->header);
    rune_sha256_update(sha, layout->table, sizeof layout->table);
    enum rune_err err = write_at(fd, layout->table, sizeof layout->table, sizeof layout->header);
    for (size_t i = 0; i < SECTION_COUNT && err == RUNE_OK; i++) {
        const struct rune_image_section *section = &layout->table[i];
        rune_sha256_update(sha, zeros, (size_t)(section->offset - end));
        err = write_section(fd, section, layout->data[i], sha);
        end = section->offset + section->size;
    }
    return err;
}

static enum rune_err report_io(struct rune_diag *diag, const char *what)
{
    rune_diag_report(diag, RUNE_ERROR, "RUNE-I0002", RUNE_SPAN_NONE, NULL,
                     "the image could not be %s: %s", what, strerror(errno));
    return RUNE_E_IO;
}

enum rune_err rune_image_write(int fd, const struct rune_image_part *parts, size_t part_count,
                               uint64_t max_bytes, uint8_t ret_sha256[32], uint64_t *ret_size,
                               struct rune_diag *diag)
{
    struct layout layout;
    enum rune_err err = lay_out(&layout, parts, part_count, diag);
    if (err != RUNE_OK) {
        return err;
    }
    if (max_bytes != 0 && layout.header.size > max_bytes) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-I0003", RUNE_SPAN_NONE,
                         "raise the limit or split the bundle",
                         "the image would have %llu bytes, more than the limit of %llu",
                         (unsigned long long)layout.header.size, (unsigned long long)max_bytes);
        return RUNE_E_LIMIT;
    }
    if (ftruncate(fd, 0) != 0 || ftruncate(fd, (off_t)layout.header.size) != 0) {
        return report_io(diag, "sized");
    }
    struct rune_sha256 *sha = rune_sha256_create();
    if (sha == NULL) {
        return RUNE_E_NOMEM;
    }
    err = write_sections(fd, &layout, sha);
    if (err != RUNE_OK) {
        rune_sha256_destroy(sha);
        return report_io(diag, "written");
    }
    err = rune_sha256_finish(sha, layout.header.sha256);
    if (err != RUNE_OK) {
        return err;
    }
    /* The header comes last: a file cut off in the middle has no magic. */
    if (write_at(fd, &layout.header, sizeof layout.header, 0) != RUNE_OK) {
        return report_io(diag, "written");
    }
    memcpy(ret_sha256, layout.header.sha256, 32);
    *ret_size = layout.header.size;
    return RUNE_OK;
}

enum rune_err rune_image_memfd_create(const char *name, int *ret_fd)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return errno == ENOMEM ? RUNE_E_NOMEM : RUNE_E_IO;
    }
    *ret_fd = fd;
    return RUNE_OK;
}

enum rune_err rune_image_seal(int fd)
{
    return fcntl(fd, F_ADD_SEALS, RUNE_IMAGE_SEALS) == 0 ? RUNE_OK : RUNE_E_IO;
}

enum rune_err rune_image_memfd_finish(int fd, enum rune_err written, int *ret_fd)
{
    enum rune_err err = written == RUNE_OK ? rune_image_seal(fd) : written;
    if (err == RUNE_OK) {
        *ret_fd = fd;
    } else {
        close(fd);
    }
    return err;
}
