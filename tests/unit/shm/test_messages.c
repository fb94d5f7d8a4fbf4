/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: sizes are fixed, descriptors travel, diagnostics are checked before they are believed.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/messages.h"
#include "unit/cmocka.h"

static void pair(int ret_sockets[2])
{
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_sockets), 0);
}

static void test_messages__carry_a_descriptor(void **state)
{
    (void)state;
    int sockets[2], pipes[2], fd;
    struct rune_call call = {.version = 1, .kind = RUNE_CALL_RELOAD, .id = 77}, got;
    pair(sockets);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(rune_message_receive(sockets[1], &got, sizeof got, &fd), RUNE_E_BUSY);
    assert_int_equal(rune_message_send(sockets[0], &call, sizeof call, pipes[1]), RUNE_OK);
    assert_int_equal(rune_message_receive(sockets[1], &got, sizeof got, &fd), RUNE_OK);
    assert_memory_equal(&got, &call, sizeof call);
    assert_true(fd >= 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    close(fd);
    assert_int_equal(rune_message_send(sockets[0], &call, sizeof call, -1), RUNE_OK);
    assert_int_equal(rune_message_receive(sockets[1], &got, sizeof got, &fd), RUNE_OK);
    assert_int_equal(fd, -1);
    close(sockets[0]);
    assert_int_equal(rune_message_receive(sockets[1], &got, sizeof got, &fd), RUNE_E_NOT_FOUND);
    assert_int_equal(rune_message_send(sockets[1], &call, sizeof call, -1), RUNE_E_IO);
    close(sockets[1]);
    close(pipes[0]);
    close(pipes[1]);
}

static void test_messages__of_another_size_are_refused(void **state)
{
    (void)state;
    int sockets[2], fd = -5;
    struct rune_call got;
    char bytes[64] = {0};
    pair(sockets);
    for (size_t size = 1; size <= sizeof bytes; size++) {
        assert_int_equal(rune_message_send(sockets[0], bytes, size, sockets[0]), RUNE_OK);
        assert_int_equal(rune_message_receive(sockets[1], &got, sizeof got, &fd),
                         size == sizeof got ? RUNE_OK : RUNE_E_CORRUPT);
        if (size == sizeof got) {
            close(fd);
        }
    }
    close(sockets[0]);
    close(sockets[1]);
}

static void test_diagnostics__are_read_back(void **state)
{
    (void)state;
    struct rune_diagnostics got;
    int fd;
    assert_int_equal(rune_diagnostics_create(2, 1, "a.cedar:1:2: no\n", "[{}]", &fd), RUNE_OK);
    assert_int_equal(rune_diagnostics_map(fd, &got), RUNE_OK);
    assert_int_equal(got.errors, 2);
    assert_int_equal(got.warnings, 1);
    assert_string_equal(got.text, "a.cedar:1:2: no\n");
    assert_string_equal(got.json, "[{}]");
    rune_diagnostics_unmap(&got);
    close(fd);
}

static void test_diagnostics__damaged_are_refused(void **state)
{
    (void)state;
    unsigned char bytes[64];
    struct rune_diagnostics got;
    int whole;
    assert_int_equal(rune_diagnostics_create(1, 0, "text", "[]", &whole), RUNE_OK);
    ssize_t size = pread(whole, bytes, sizeof bytes, 0);
    assert_int_equal(size, 32 + 5 + 3);
    close(whole);
    static const size_t changed[] = {0, 12, 14, 16, 19, 36, 39};
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        int fd = memfd_create("damaged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        bytes[changed[i]] ^= 0x81;
        assert_int_equal(write(fd, bytes, (size_t)size), size);
        bytes[changed[i]] ^= 0x81;
        assert_int_equal(rune_diagnostics_map(fd, &got), RUNE_E_CORRUPT); /* not sealed */
        assert_int_equal(
            fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), 0);
        assert_int_equal(rune_diagnostics_map(fd, &got), RUNE_E_CORRUPT);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages__carry_a_descriptor),
        cmocka_unit_test(test_messages__of_another_size_are_refused),
        cmocka_unit_test(test_diagnostics__are_read_back),
        cmocka_unit_test(test_diagnostics__damaged_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
