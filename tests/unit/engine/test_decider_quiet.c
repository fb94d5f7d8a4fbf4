/* SPDX-License-Identifier: Apache-2.0 */
/* The decision path allocates nothing, locks nothing and makes no system call: counted by standing
 * in for malloc and pthread_mutex_lock, and by deciding under seccomp's strict mode. Each counter
 * is shown to count first. */
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/sanitized.h"
#include "base/str.h"
#include "unit/cmocka.h"
#include "unit/engine/decider_bundle.h"

/* ---- what is counted ---- */

static unsigned allocations, locks, hooked;

#if !RUNE_SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size)
{
    allocations++;
    return __libc_realloc(ptr, size);
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    locks++;
    return pthread_mutex_trylock(mutex);
}
#endif

static bool count_hook(void *context, size_t size)
{
    (void)context, (void)size;
    hooked++;
    return true;
}

/* ---- requests of every kind ---- */

static const char batch[] =
    "{\"requests\":[{\"principal\":\"eve\",\"action\":\"a\",\"resource\":\"d\"},"
    "{\"principal\":\"bob\",\"action\":\"a\",\"resource\":\"d\",\"context\":{\"n\":123456789012,"
    "\"s\":\"q\"}}]}";

static struct fixture fixture;

static void decide_with(enum rune_answer_detail odd)
{
    struct rune_answer answer;
    for (size_t i = 0; i < DECIDER_BODIES; i++) {
        rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(decider_bodies[i]),
                               i % 2 == 0 ? RUNE_ANSWER_PLAIN : odd, &answer);
    }
    rune_decider_authorize_batch(fixture.decider, fixture.image, 1, rune_str_from(batch),
                                 RUNE_ANSWER_PLAIN, &answer);
}

static void decide_all(void)
{
    decide_with(RUNE_ANSWER_DEBUG);
    decide_with(RUNE_ANSWER_PLAIN);
}

/* Strict mode takes the time stamp counter away, too, and with it the vDSO's clock. */
static void decide_plain(void)
{
    decide_with(RUNE_ANSWER_PLAIN);
}

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture, decider_files, DECIDER_FILES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

/* ---- tests ---- */

static void test_decide__allocates_and_locks_nothing(void **state)
{
    (void)state;
    /* The very first decisions count, too: nothing is made lazily. */
    rune_alloc_set_hook(count_hook, NULL);
    hooked = allocations = locks = 0;
    decide_all();
    unsigned all = hooked + allocations + locks;
    rune_alloc_set_hook(NULL, NULL);
    assert_int_equal(all, 0);
}

static void test_counters__count_what_is_planted(void **state)
{
    (void)state;
    rune_alloc_set_hook(count_hook, NULL);
    hooked = allocations = locks = 0;
    rune_free(rune_alloc(10));
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    rune_alloc_set_hook(NULL, NULL);
    assert_int_equal(hooked, 1);
    assert_int_equal(allocations, RUNE_SANITIZED ? 0 : 1);
    assert_int_equal(locks, RUNE_SANITIZED ? 0 : 1);
}

/* Runs in a child that may only read, write and leave; true if it came back to say so. */
static bool survives_seccomp(void (*run)(void))
{
    int channel[2];
    char ok = 0;
    assert_int_equal(pipe(channel), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
            syscall(SYS_exit, 2);
        }
        run();
        ssize_t wrote = write(channel[1], "y", 1);
        (void)wrote;
        syscall(SYS_exit, 0);
    }
    close(channel[1]);
    bool survived = read(channel[0], &ok, 1) == 1 && ok == 'y';
    close(channel[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 2);
    return survived;
}

static void planted(void)
{
    syscall(SYS_getppid);
}

static void test_decide__makes_no_system_call(void **state)
{
    (void)state;
    if (RUNE_SANITIZED) {
        skip();
    }
    assert_false(survives_seccomp(planted));
    assert_true(survives_seccomp(decide_plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: nothing has been decided yet */
        cmocka_unit_test(test_decide__allocates_and_locks_nothing),
        cmocka_unit_test(test_counters__count_what_is_planted),
        cmocka_unit_test(test_decide__makes_no_system_call),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
