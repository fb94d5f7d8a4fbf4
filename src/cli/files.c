/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"

static bool is_stdin(const char *path)
{
    return strcmp(path, "-") == 0;
}

const char *cli_text_name(const char *path)
{
    return is_stdin(path) ? "(standard input)" : path;
}

static enum rune_err read_stdin(struct rune_arena *arena, struct rune_str *ret_text)
{
    struct rune_buf buf = RUNE_BUF_INIT;
    while (buf.length <= CLI_MAX_FILE_BYTES) {
        char *room = rune_buf_reserve(&buf, 65536);
        size_t got = room != NULL ? fread(room, 1, 65536, stdin) : 0;
        if (got == 0) {
            break;
        }
        buf.length += got;
    }
    enum rune_err err = buf.failed                        ? RUNE_E_NOMEM
                        : ferror(stdin)                   ? RUNE_E_IO
                        : buf.length > CLI_MAX_FILE_BYTES ? RUNE_E_LIMIT
                                                          : RUNE_OK;
    char *copy = err == RUNE_OK ? rune_arena_strndup(arena, buf.data, buf.length) : NULL;
    if (copy != NULL) {
        *ret_text = (struct rune_str){copy, buf.length};
    }
    rune_buf_fini(&buf);
    return err == RUNE_OK && copy == NULL ? RUNE_E_NOMEM : err;
}

enum rune_err cli_read_text(const char *path, struct rune_arena *arena, struct rune_str *ret_text,
                            struct rune_diag *diag)
{
    return is_stdin(path) ? read_stdin(arena, ret_text)
                          : rune_fs_read(path, CLI_MAX_FILE_BYTES, arena, ret_text, diag);
}

/* Writes the file beside, and moves it to its place. */
static bool write_beside(const char *beside, const char *path, struct rune_str text)
{
    struct stat status;
    bool is_new = stat(path, &status) != 0;
    mode_t mode = is_new ? 0666 : status.st_mode & 0777;
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return false;
    }
    bool ok = (is_new || fchmod(fd, mode) == 0) &&
              rune_fs_write_all(fd, text.data, text.length) == RUNE_OK;
    ok = close(fd) == 0 && ok;
    if (!ok || rename(beside, path) != 0) {
        int reason = errno;
        unlink(beside);
        errno = reason;
        return false;
    }
    return true;
}

bool cli_replace_file(const char *path, struct rune_str text)
{
    struct rune_buf beside = RUNE_BUF_INIT;
    char real[PATH_MAX];
    /* what a symbolic link names; else a new file */
    const char *target = realpath(path, real) != NULL ? real : path;
    rune_buf_printf(&beside, "%s.rune-%ld", target, (long)getpid());
    bool ok = !beside.failed && write_beside(rune_buf_cstr(&beside), target, text);
    int reason = beside.failed ? ENOMEM : errno;
    rune_buf_fini(&beside);
    errno = reason;
    return ok;
}
