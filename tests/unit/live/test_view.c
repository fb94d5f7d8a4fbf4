/* SPDX-License-Identifier: Apache-2.0 */
/* The view: readers see one whole view, never an older one than before, and never one that was
 * closed. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/image.h"
#include "live/view.h"
#include "shm/image_writer.h"
#include "unit/cmocka.h"
#include "unit/shm/image_fixture.h"

#define READERS 3
#define SWAPS   300

static struct rune_image *open_fixture(void)
{
    struct rune_image *image;
    int fd = image_fixture_fd();
    if (rune_image_seal(fd) != RUNE_OK ||
        rune_image_open_fd(fd, RUNE_IMAGE_VERIFIED, &image, NULL) != RUNE_OK) {
        abort();
    }
    close(fd);
    return image;
}

static struct rune_shared_limits limits_of(uint64_t generation)
{
    return (struct rune_shared_limits){.max_body_bytes = generation * 3,
                                       .max_steps = generation * 5};
}

static void swap(struct rune_view_root *root, uint64_t generation)
{
    struct rune_shared_limits limits = limits_of(generation);
    if (rune_view_swap(root, open_fixture(), generation, &limits) != RUNE_OK) {
        abort();
    }
}

struct readers {
    struct rune_view_root root;
    atomic_uint_fast64_t done; /* generation of the last swap that has returned */
    atomic_bool stop;
    atomic_uint wrong;
    atomic_uint_fast64_t reads;
};

static bool is_whole(const struct rune_view *view)
{
    return view->limits.max_body_bytes == view->generation * 3 &&
           view->limits.max_steps == view->generation * 5 &&
           memcmp(view->image->map.base, RUNE_IMAGE_MAGIC, 8) == 0;
}

static void *read_views(void *argument)
{
    struct readers *readers = argument;
    rune_view_thread_register();
    while (!atomic_load(&readers->stop)) {
        uint64_t floor = atomic_load(&readers->done);
        const struct rune_view *view = rune_view_enter(&readers->root);
        if (view == NULL || view->generation < floor || !is_whole(view)) {
            atomic_fetch_add(&readers->wrong, 1);
        }
        rune_view_leave();
        atomic_fetch_add(&readers->reads, 1);
    }
    rune_view_thread_unregister();
    return NULL;
}

static void run_readers(void)
{
    static struct readers readers;
    pthread_t threads[READERS];
    memset(&readers, 0, sizeof readers);
    rune_view_thread_register();
    swap(&readers.root, 1);
    for (int i = 0; i < READERS; i++) {
        pthread_create(&threads[i], NULL, read_views, &readers);
    }
    for (uint64_t generation = 2; generation <= SWAPS; generation++) {
        swap(&readers.root, generation);
        atomic_store(&readers.done, generation);
    }
    atomic_store(&readers.stop, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    rune_view_root_fini(&readers.root);
    rune_view_thread_unregister();
    if (atomic_load(&readers.wrong) != 0 || atomic_load(&readers.reads) == 0) {
        abort();
    }
}

static void test_view__is_whole_and_never_older(void **state)
{
    (void)state;
    run_readers();
}

/* As in a worker: forked from a process that has not used RCU. liburcu registered with the kernel
 * before the fork. */
static void test_view__works_in_a_forked_child(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        run_readers();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_view__limits_change_alone(void **state)
{
    (void)state;
    struct rune_view_root root = {0};
    struct rune_shared_limits limits = {.max_steps = 9};
    rune_view_thread_register();
    assert_int_equal(rune_view_set_limits(&root, &limits), RUNE_E_NOT_FOUND);
    assert_null(rune_view_enter(&root));
    rune_view_leave();
    swap(&root, 7);
    assert_int_equal(rune_view_set_limits(&root, &limits), RUNE_OK);
    const struct rune_view *view = rune_view_enter(&root);
    assert_int_equal(view->generation, 7);
    assert_int_equal(view->limits.max_steps, 9);
    rune_view_leave();
    rune_view_root_fini(&root);
    rune_view_thread_unregister();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: the parent has no threads yet */
        cmocka_unit_test(test_view__works_in_a_forked_child),
        cmocka_unit_test(test_view__is_whole_and_never_older),
        cmocka_unit_test(test_view__limits_change_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
