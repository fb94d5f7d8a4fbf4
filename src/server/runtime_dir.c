/* SPDX-License-Identifier: Apache-2.0 */
/* Process: supervisor. */
#include "server/runtime_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/diag.h"
#include "server/listeners.h"
#include "shm/client.h"

#define ADDRESSES     "addresses"
#define ADDRESSES_NEW "addresses.new"

static enum rune_err fail(struct rune_diag *diag, enum rune_err err, const char *path,
                          const char *why)
{
    rune_diag_report(diag, RUNE_ERROR, "RUNE-S0040", RUNE_SPAN_NONE, NULL,
                     "the runtime directory %s %s", path, why);
    return err;
}

static void path_in(const char *dir, const char *name, char *ret_path, size_t size)
{
    /* of our own names, or those that sweep has measured */
    snprintf(ret_path, size, "%.255s/%.40s", dir, name);
}

/* The lock's descriptor, or -1: somebody holds it (EWOULDBLOCK) or it cannot be made. */
static int take_lock(const char *dir, int flags)
{
    char path[320];
    path_in(dir, RUNE_RUNTIME_LOCK, path, sizeof path);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0644);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static void remove_files(const char *dir)
{
    static const char *const names[] = {RUNE_RUNTIME_SOCKET, RUNE_RUNTIME_ADMIN_SOCKET, ADDRESSES,
                                        ADDRESSES_NEW, RUNE_RUNTIME_LOCK};
    char path[320];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_in(dir, names[i], path, sizeof path);
        unlink(path);
    }
}

/* Folders of instances whose lock nobody holds any more. */
static void sweep(const char *base)
{
    char path[320];
    DIR *dir = opendir(base);
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL;
         entry = readdir(dir)) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || strlen(entry->d_name) > 10) {
            continue; /* ours are named by a pid */
        }
        path_in(base, entry->d_name, path, sizeof path);
        int lock = take_lock(path, 0);
        if (lock >= 0) {
            remove_files(path);
            rmdir(path);
            close(lock);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static bool make_folder(const char *path)
{
    struct stat st;
    if (mkdir(path, 0755) == 0) {
        return true;
    }
    return errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

/* The parent of a wanted folder need not be there either (one level: /run/rune). */
static enum rune_err make_path(const char *wanted, char ret_path[256], struct rune_diag *diag)
{
    char base[200];
    if (wanted != NULL) {
        if (snprintf(ret_path, 256, "%s", wanted) >= 256 - 32) {
            return fail(diag, RUNE_E_INVALID, wanted, "has too long a path");
        }
    } else {
        if (!rune_runtime_base(base, sizeof base) || !make_folder(base)) {
            return fail(diag, RUNE_E_IO, base, "cannot be made, or belongs to somebody else");
        }
        sweep(base);
        snprintf(ret_path, 256, "%s/%d", base, (int)getpid());
    }
    if (!make_folder(ret_path)) {
        return fail(diag, RUNE_E_IO, ret_path,
                    errno == EEXIST ? "belongs to somebody else or is no folder" : strerror(errno));
    }
    return RUNE_OK;
}

static int open_socket(const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", dir, RUNE_RUNTIME_SOCKET) >=
        (int)sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    unlink(address.sun_path); /* we hold the lock: nobody listens there */
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* who may ask what is decided by who they are, not by the file's mode */
    mode_t before = umask(0111);
    if (fd >= 0 && (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
                    listen(fd, SOMAXCONN) != 0)) {
        int saved = errno;
        close(fd);
        errno = saved;
        fd = -1;
    }
    umask(before);
    return fd;
}

enum rune_err rune_runtime_dir_open(const char *wanted, struct rune_runtime_dir *ret_dir,
                                    struct rune_diag *diag)
{
    struct rune_runtime_dir dir = {.lock_fd = -1, .socket = -1};
    enum rune_err err = make_path(wanted, dir.path, diag);
    if (err != RUNE_OK) {
        return err;
    }
    dir.lock_fd = take_lock(dir.path, O_CREAT);
    if (dir.lock_fd < 0) {
        return errno == EWOULDBLOCK
                   ? fail(diag, RUNE_E_BUSY, dir.path, "is in use by another runed")
                   : fail(diag, RUNE_E_IO, dir.path, strerror(errno));
    }
    dir.socket = open_socket(dir.path);
    if (dir.socket < 0) {
        err = fail(diag, RUNE_E_IO, dir.path, strerror(errno));
        close(dir.lock_fd);
        return err;
    }
    *ret_dir = dir;
    return RUNE_OK;
}

void rune_runtime_dir_tell_addresses(const struct rune_runtime_dir *dir,
                                     const struct rune_listeners *listeners)
{
    char path[320], final[320];
    path_in(dir->path, ADDRESSES_NEW, path, sizeof path);
    path_in(dir->path, ADDRESSES, final, sizeof final);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return; /* for people and scripts; nothing depends on it */
    }
    for (uint32_t i = 0; i < listeners->count; i++) {
        fprintf(file, "listen %s\n", listeners->addresses[i]);
    }
    fprintf(file, "admin %s\n", listeners->admin_address);
    if (fclose(file) == 0) {
        (void)!rename(path, final);
    }
}

void rune_runtime_dir_close(struct rune_runtime_dir *dir)
{
    if (dir->lock_fd < 0) {
        return;
    }
    close(dir->socket);
    remove_files(dir->path);
    rmdir(dir->path); /* fails when somebody keeps other files there: then it stays */
    close(dir->lock_fd);
    dir->lock_fd = dir->socket = -1;
}
