/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vec.h"

#define FS_MAX_DEPTH 64 /* LIMIT: directories in directories */

RUNE_VEC(entry_list, struct rune_fs_entry);

struct directory {
    uint64_t device, inode;
};

struct walk {
    struct rune_arena *arena;
    struct rune_diag *diag;
    struct entry_list entries;
    size_t max_entries;
    /* the directories we are in: a link back to one of them is a cycle */
    struct directory path[FS_MAX_DEPTH];
    size_t depth;
};

static enum rune_err fail_errno(struct rune_diag *diag, const char *path, const char *what)
{
    int saved = errno;
    rune_diag_report_at(diag, RUNE_ERROR, "RUNE-F0001", path, 0, 0, NULL, "cannot %s: %s", what,
                        strerror(saved));
    return saved == ENOENT || saved == ENOTDIR ? RUNE_E_NOT_FOUND
           : saved == ENOMEM                   ? RUNE_E_NOMEM
                                               : RUNE_E_IO;
}

static int open_retry(const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* Exactly `length` bytes unless the file ends first. */
static enum rune_err read_all(int fd, char *out, size_t length, size_t *ret_length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = read(fd, out + done, length - done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return RUNE_E_IO;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *ret_length = done;
    return RUNE_OK;
}

static enum rune_err read_open_file(int fd, const char *path, size_t max_bytes,
                                    struct rune_arena *arena, struct rune_str *ret_text,
                                    struct rune_diag *diag)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return fail_errno(diag, path, "look at the file");
    }
    if (!S_ISREG(status.st_mode)) {
        rune_diag_report_at(diag, RUNE_ERROR, "RUNE-F0002", path, 0, 0, NULL,
                            "is not a regular file");
        return RUNE_E_IO;
    }
    size_t size = (size_t)status.st_size;
    if (size > max_bytes) {
        rune_diag_report_at(diag, RUNE_ERROR, "RUNE-F0003", path, 0, 0, NULL,
                            "the file has %zu bytes, the limit is %zu", size, max_bytes);
        return RUNE_E_LIMIT;
    }
    char *text = rune_arena_alloc(arena, size + 1);
    if (text == NULL) {
        rune_diag_report_at(diag, RUNE_ERROR, "RUNE-F0004", path, 0, 0, NULL,
                            "out of memory reading %zu bytes", size);
        return RUNE_E_NOMEM;
    }
    size_t length = 0;
    if (read_all(fd, text, size, &length) != RUNE_OK) {
        return fail_errno(diag, path, "read the file");
    }
    text[length] = '\0';
    *ret_text = (struct rune_str){text, length};
    return RUNE_OK;
}

enum rune_err rune_fs_read(const char *path, size_t max_bytes, struct rune_arena *arena,
                           struct rune_str *ret_text, struct rune_diag *diag)
{
    int fd = open_retry(path, O_RDONLY | O_NONBLOCK); /* a FIFO must not block the open */
    if (fd < 0) {
        return fail_errno(diag, path, "open the file");
    }
    enum rune_err err = read_open_file(fd, path, max_bytes, arena, ret_text, diag);
    close(fd);
    return err;
}

enum rune_err rune_fs_write_all(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t written = write(fd, at, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return RUNE_E_IO;
        }
        at += written;
        length -= (size_t)written;
    }
    return RUNE_OK;
}

/* ---- walking ---- */

static enum rune_err walk_directory(struct walk *walk, int fd, const char *relative);

static enum rune_err add_file(struct walk *walk, const char *relative, const struct stat *status)
{
    struct rune_fs_entry entry = {
        .path = relative,
        .device = status->st_dev,
        .inode = status->st_ino,
        .size = (uint64_t)status->st_size,
        .mtime_ns = (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec,
        .ctime_ns = (int64_t)status->st_ctim.tv_sec * 1000000000 + status->st_ctim.tv_nsec,
    };
    if (walk->entries.count == walk->max_entries) {
        rune_diag_report_at(walk->diag, RUNE_ERROR, "RUNE-F0005", relative, 0, 0, NULL,
                            "there are more than %zu files", walk->max_entries);
        return RUNE_E_LIMIT;
    }
    return RUNE_VEC_PUSH(&walk->entries, entry) ? RUNE_OK : RUNE_E_NOMEM;
}

static enum rune_err enter_directory(struct walk *walk, int parent, const char *name,
                                     const char *relative, const struct stat *status)
{
    for (size_t i = 0; i < walk->depth; i++) {
        if (walk->path[i].device == status->st_dev && walk->path[i].inode == status->st_ino) {
            return RUNE_OK; /* a link to where we are: its files are read already */
        }
    }
    if (walk->depth == FS_MAX_DEPTH) {
        rune_diag_report_at(walk->diag, RUNE_ERROR, "RUNE-F0006", relative, 0, 0, NULL,
                            "directories are nested more than %d deep", FS_MAX_DEPTH);
        return RUNE_E_LIMIT;
    }
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fail_errno(walk->diag, relative, "open the directory");
    }
    walk->path[walk->depth++] = (struct directory){status->st_dev, status->st_ino};
    enum rune_err err = walk_directory(walk, fd, relative);
    walk->depth--;
    return err;
}

/* What is there no more was never there, whatever is there by now; but a link may stay behind what
 * it names. */
static enum rune_err look_again(const struct walk *walk, int parent, const char *name,
                                const char *path)
{
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? RUNE_OK : fail_errno(walk->diag, path, "look at the file");
    }
    if (!S_ISLNK(status.st_mode)) {
        return RUNE_OK;
    }
    rune_diag_report_at(walk->diag, RUNE_ERROR, "RUNE-F0007", path, 0, 0,
                        "remove the link, or put back what it names", "this is a link to nothing");
    return RUNE_E_NOT_FOUND;
}

static enum rune_err visit(struct walk *walk, int parent, const char *name, const char *relative)
{
    const char *path = relative[0] == '\0'
                           ? rune_arena_strndup(walk->arena, name, strlen(name))
                           : rune_arena_printf(walk->arena, "%s/%s", relative, name);
    if (path == NULL) {
        return RUNE_E_NOMEM;
    }
    struct stat status;
    if (fstatat(parent, name, &status, 0) != 0) {
        return errno == ENOENT ? look_again(walk, parent, name, path)
                               : fail_errno(walk->diag, path, "look at the file");
    }
    if (S_ISDIR(status.st_mode)) {
        return enter_directory(walk, parent, name, path, &status);
    }
    return S_ISREG(status.st_mode) ? add_file(walk, path, &status) : RUNE_OK;
}

/* Consumes fd. */
static enum rune_err walk_directory(struct walk *walk, int fd, const char *relative)
{
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        enum rune_err err = fail_errno(walk->diag, relative, "read the directory");
        close(fd);
        return err;
    }
    enum rune_err err = RUNE_OK;
    for (;;) {
        errno = 0;
        const struct dirent *item = readdir(dir);
        if (item == NULL) {
            err = errno == 0 ? RUNE_OK : fail_errno(walk->diag, relative, "read the directory");
            break;
        }
        if (item->d_name[0] == '.') {
            continue;
        }
        err = visit(walk, dirfd(dir), item->d_name, relative);
        if (err != RUNE_OK) {
            break;
        }
    }
    closedir(dir);
    return err;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct rune_fs_entry *)a)->path, ((const struct rune_fs_entry *)b)->path);
}

enum rune_err rune_fs_walk(const char *root, size_t max_entries, struct rune_arena *arena,
                           struct rune_fs_entry **ret_entries, size_t *ret_count,
                           struct rune_diag *diag)
{
    int fd = open_retry(root, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return fail_errno(diag, root, "open the directory");
    }
    struct stat status;
    if (fstat(fd, &status) != 0) {
        enum rune_err err = fail_errno(diag, root, "look at the directory");
        close(fd);
        return err;
    }
    struct walk walk = {.arena = arena, .diag = diag, .max_entries = max_entries};
    walk.path[walk.depth++] = (struct directory){status.st_dev, status.st_ino};
    enum rune_err err = walk_directory(&walk, fd, "");
    if (err == RUNE_OK) {
        if (walk.entries.count > 1) {
            qsort(walk.entries.items, walk.entries.count, sizeof(walk.entries.items[0]),
                  compare_paths);
        }
        size_t bytes = walk.entries.count * sizeof(walk.entries.items[0]);
        struct rune_fs_entry *entries = rune_arena_memdup(arena, walk.entries.items, bytes);
        err = entries == NULL ? RUNE_E_NOMEM : RUNE_OK;
        if (err == RUNE_OK) {
            *ret_entries = entries;
            *ret_count = walk.entries.count;
        }
    }
    RUNE_VEC_FINI(&walk.entries);
    return err;
}
