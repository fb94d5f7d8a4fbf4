/* SPDX-License-Identifier: Apache-2.0 */
/* The sandboxes: what a one-shot child may no longer do. Each case runs in a child of its own. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/sandbox.h"
#include "unit/cmocka.h"

static bool opens_a_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool makes_a_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ||
           socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static bool starts_a_program(void)
{
    char path[] = "/bin/true";
    char *argv[] = {path, NULL};
    execv(path, argv);
    return errno != EPERM;
}

static bool forks(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    return pid > 0;
}

static bool allocates(void)
{
    void *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED && memset(memory, 1, 1 << 20) != NULL;
}

static bool writes_a_large_file(void)
{
    static char bytes[1 << 16];
    int fd = memfd_create("large", MFD_CLOEXEC);
    for (int i = 0; i < 32; i++) {
        if (write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes) {
            return false;
        }
    }
    return true;
}

static void *nothing(void *argument)
{
    return argument;
}

static bool starts_a_thread(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

enum who { BUILDER, VERIFIER };

static bool can(enum who who, bool (*what)(void))
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        enum rune_err err = who == BUILDER ? rune_sandbox_builder(UINT64_C(4) << 30, 1 << 20)
                                           : rune_sandbox_verifier();
        _exit(err != RUNE_OK ? 2 : what() ? 1 : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 2);
    return WEXITSTATUS(status) == 1;
}

static void test_sandbox__of_the_builder(void **state)
{
    (void)state;
    assert_true(can(BUILDER, opens_a_file));
    assert_true(can(BUILDER, allocates));
    assert_false(can(BUILDER, makes_a_socket));
    assert_false(can(BUILDER, starts_a_program));
    assert_false(can(BUILDER, writes_a_large_file));
}

static void test_sandbox__of_the_verifier(void **state)
{
    (void)state;
    assert_true(can(VERIFIER, allocates));
    assert_true(can(VERIFIER, starts_a_thread));
    assert_false(can(VERIFIER, opens_a_file));
    assert_false(can(VERIFIER, makes_a_socket));
    assert_false(can(VERIFIER, starts_a_program));
    assert_false(can(VERIFIER, forks));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sandbox__of_the_builder),
        cmocka_unit_test(test_sandbox__of_the_verifier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
