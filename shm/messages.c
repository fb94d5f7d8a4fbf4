/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/image_format.h"

union ancillary {
    struct cmsghdr header; /* for alignment */
    char bytes[CMSG_SPACE(sizeof(int))];
};

static enum rune_err from_errno(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK ? RUNE_E_BUSY : RUNE_E_IO;
}

enum rune_err rune_message_send(int socket, const void *message, size_t size, int fd)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = size};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    union ancillary ancillary;
    if (fd >= 0) {
        memset(&ancillary, 0, sizeof ancillary);
        header.msg_control = &ancillary;
        header.msg_controllen = sizeof ancillary.bytes;
        struct cmsghdr *control = CMSG_FIRSTHDR(&header);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(control), &fd, sizeof fd);
    }
    ssize_t n;
    do {
        n = sendmsg(socket, &header, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return from_errno();
    }
    return (size_t)n == size ? RUNE_OK : RUNE_E_IO;
}

/* The one descriptor that may have come along; all others are closed. */
static int take_fd(struct msghdr *header)
{
    int taken = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (taken < 0) {
                taken = fd;
            } else {
                close(fd);
            }
        }
    }
    return taken;
}

enum rune_err rune_message_receive(int socket, void *ret_message, size_t size, int *ret_fd)
{
    struct iovec part = {.iov_base = ret_message, .iov_len = size};
    union ancillary ancillary;
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &ancillary,
                            .msg_controllen = sizeof ancillary.bytes};
    ssize_t n;
    do {
        n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == ECONNRESET ? RUNE_E_NOT_FOUND : from_errno();
    }
    int fd = take_fd(&header);
    enum rune_err err = RUNE_OK;
    if (n == 0) {
        err = RUNE_E_NOT_FOUND;
    } else if ((size_t)n != size || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        err = RUNE_E_CORRUPT;
    }
    if (fd >= 0 && (err != RUNE_OK || ret_fd == NULL)) {
        close(fd);
        fd = -1;
    }
    if (err == RUNE_OK && ret_fd != NULL) {
        *ret_fd = fd;
    }
    return err;
}

static enum rune_err write_all(int fd, const void *bytes, size_t length)
{
    const char *next = bytes;
    while (length > 0) {
        ssize_t n = write(fd, next, length);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return RUNE_E_IO;
        }
        next += n;
        length -= (size_t)n;
    }
    return RUNE_OK;
}

enum rune_err rune_diagnostics_create(uint32_t errors, uint32_t warnings, const char *text,
                                      const char *json, int *ret_fd)
{
    size_t room = RUNE_DIAGNOSTICS_MAX - sizeof(struct rune_diagnostics_header) - 2;
    size_t json_length = strlen(json);
    if (json_length > room / 2) {
        json = "[]"; /* cut JSON is no JSON */
        json_length = 2;
    }
    size_t text_length = strnlen(text, room - json_length);
    struct rune_diagnostics_header header = {
        .magic = RUNE_DIAGNOSTICS_MAGIC,
        .errors = errors,
        .warnings = warnings,
        .text_length = (uint32_t)text_length,
        .json_length = (uint32_t)json_length,
    };
    int fd = memfd_create("rune-diagnostics", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return RUNE_E_IO;
    }
    if (write_all(fd, &header, sizeof header) != RUNE_OK ||
        write_all(fd, text, text_length) != RUNE_OK || write_all(fd, "", 1) != RUNE_OK ||
        write_all(fd, json, json_length + 1) != RUNE_OK ||
        fcntl(fd, F_ADD_SEALS, RUNE_IMAGE_SEALS) != 0) {
        close(fd);
        return RUNE_E_IO;
    }
    *ret_fd = fd;
    return RUNE_OK;
}

static bool diagnostics_are_sound(const unsigned char *base, size_t size)
{
    const struct rune_diagnostics_header *header =
        (const struct rune_diagnostics_header *)(const void *)base;
    uint64_t text_end = sizeof *header + (uint64_t)header->text_length;
    uint64_t json_end = text_end + 1 + header->json_length;
    return header->magic == RUNE_DIAGNOSTICS_MAGIC && json_end + 1 == size &&
           base[text_end] == '\0' && base[json_end] == '\0';
}

enum rune_err rune_diagnostics_map(int fd, struct rune_diagnostics *ret_diagnostics)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || fstat(fd, &st) != 0) {
        return RUNE_E_IO;
    }
    if ((seals & RUNE_IMAGE_SEALS) != RUNE_IMAGE_SEALS ||
        st.st_size > (off_t)RUNE_DIAGNOSTICS_MAX ||
        st.st_size < (off_t)sizeof(struct rune_diagnostics_header) + 2) {
        return RUNE_E_CORRUPT;
    }
    size_t size = (size_t)st.st_size;
    unsigned char *base = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        return RUNE_E_IO;
    }
    if (!diagnostics_are_sound(base, size)) {
        munmap(base, size);
        return RUNE_E_CORRUPT;
    }
    const struct rune_diagnostics_header *header =
        (const struct rune_diagnostics_header *)(const void *)base;
    *ret_diagnostics = (struct rune_diagnostics){
        .base = base,
        .size = size,
        .errors = header->errors,
        .warnings = header->warnings,
        .text = (const char *)base + sizeof *header,
        .json = (const char *)base + sizeof *header + header->text_length + 1,
    };
    return RUNE_OK;
}

void rune_diagnostics_unmap(struct rune_diagnostics *diagnostics)
{
    if (diagnostics->base != NULL) {
        munmap(diagnostics->base, diagnostics->size);
    }
    *diagnostics = (struct rune_diagnostics){0};
}
