/* SPDX-License-Identifier: Apache-2.0 */
/* The control page: what the supervisor writes is read whole; a child can write its own page only.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/control.h"
#include "unit/cmocka.h"

static void test_control__is_mapped_by_a_reader(void **state)
{
    (void)state;
    struct rune_control_map map, reader;
    int fd;
    assert_int_equal(rune_control_create(3, &map), RUNE_OK);
    assert_int_equal(rune_control_open_read_only(&map, &fd), RUNE_OK);
    assert_ptr_equal(mmap(NULL, map.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(rune_control_map_fd(fd, &reader), RUNE_OK);
    assert_int_equal(rune_control_get(&reader)->slot_count, 4);
    assert_int_equal(rune_control_get(&reader)->supervisor_pid, getpid());
    assert_int_equal(rune_control_slot_get(&reader, 3)->kind, RUNE_SLOT_ADMIN);
    atomic_store(&rune_control_slot_get(&map, 2)->restarts, 7);
    assert_int_equal(atomic_load(&rune_control_slot_get(&reader, 2)->restarts), 7);
    close(fd);
    rune_control_unmap(&reader);
    rune_control_unmap(&map);
}

static void test_control__foreign_memory_is_refused(void **state)
{
    (void)state;
    struct rune_control_map map, reader;
    assert_int_equal(rune_control_create(RUNE_CONTROL_MAX_WORKERS + 1, &map), RUNE_E_LIMIT);
    assert_int_equal(rune_control_create(1, &map), RUNE_OK);
    struct rune_control *control = rune_control_get(&map);
    control->version++;
    assert_int_equal(rune_control_map_fd(map.fd, &reader), RUNE_E_VERSION);
    control->version--;
    control->worker_count++;
    assert_int_equal(rune_control_map_fd(map.fd, &reader), RUNE_E_CORRUPT);
    control->worker_count--;
    control->magic[0] = 'X';
    assert_int_equal(rune_control_map_fd(map.fd, &reader), RUNE_E_CORRUPT);
    rune_control_unmap(&map);
    int plain = memfd_create("plain", MFD_CLOEXEC);
    assert_int_equal(ftruncate(plain, 4096 * 4), 0);
    assert_int_equal(rune_control_map_fd(plain, &reader), RUNE_E_CORRUPT);
    close(plain);
}

/* How a child ends that narrows the page to slot 1 and then writes to `page`. */
static int write_in_child(struct rune_control_map *map, uint32_t page)
{
    pid_t pid = fork();
    if (pid == 0) {
        const struct sigaction die = {.sa_handler = SIG_DFL}; /* not the test framework's report */
        sigaction(SIGSEGV, &die, NULL);
        if (rune_control_narrow(map, 1) != RUNE_OK || map->fd != -1) {
            _exit(9);
        }
        mprotect(map->base + (size_t)page * RUNE_CONTROL_PAGE_BYTES, RUNE_CONTROL_PAGE_BYTES,
                 PROT_READ | PROT_WRITE);
        ((volatile unsigned char *)map->base)[(size_t)page * RUNE_CONTROL_PAGE_BYTES + 1000] = 1;
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void test_control__a_child_writes_its_own_page_only(void **state)
{
    (void)state;
    struct rune_control_map map;
    assert_int_equal(rune_control_create(2, &map), RUNE_OK);
    for (uint32_t page = 0; page < 5; page++) {
        int end = write_in_child(&map, page);
        if (page == 3) {
            assert_int_equal(end, 0);
        } else {
            assert_int_not_equal(end, 0); /* a signal, or the sanitizer's exit */
        }
        assert_int_equal(map.base[(size_t)page * RUNE_CONTROL_PAGE_BYTES + 1000], page == 3);
    }
    rune_control_unmap(&map);
}

static void *write_states(void *argument)
{
    struct rune_control *control = argument;
    for (uint64_t i = 1; i <= 20000; i++) {
        struct rune_control_state state;
        memset(&state, (int)(i & 0x7f), sizeof state);
        state.generation = i;
        rune_control_write_state(control, &state);
    }
    return NULL;
}

static void test_control__state_is_read_whole(void **state)
{
    (void)state;
    struct rune_control_map map;
    pthread_t writer;
    struct rune_control_state seen = {0};
    uint64_t last = 0;
    assert_int_equal(rune_control_create(0, &map), RUNE_OK);
    assert_int_equal(pthread_create(&writer, NULL, write_states, rune_control_get(&map)), 0);
    while (last < 20000) {
        if (rune_control_read_state(rune_control_get(&map), &seen) != RUNE_OK ||
            seen.generation == 0) {
            continue;
        }
        struct rune_control_state want;
        memset(&want, (int)(seen.generation & 0x7f), sizeof want);
        want.generation = seen.generation;
        assert_memory_equal(&seen, &want, sizeof want);
        assert_true(seen.generation >= last);
        last = seen.generation;
    }
    pthread_join(writer, NULL);
    /* A writer that died in the middle. */
    atomic_fetch_add(&rune_control_get(&map)->sequence, 1);
    assert_int_equal(rune_control_read_state(rune_control_get(&map), &seen), RUNE_E_BUSY);
    rune_control_unmap(&map);
}

static void test_control__acknowledgements_belong_to_a_process(void **state)
{
    (void)state;
    struct rune_control_map map;
    assert_int_equal(rune_control_create(1, &map), RUNE_OK);
    struct rune_control_slot *slot = rune_control_slot_get(&map, 0);
    atomic_store(&slot->pid, 100);
    assert_int_equal(rune_control_slot_generation(slot), 0);
    rune_control_slot_acknowledge(slot, 100, 5);
    assert_int_equal(rune_control_slot_generation(slot), 5);
    atomic_store(&slot->pid, 101);
    assert_int_equal(rune_control_slot_generation(slot), 0);
    rune_counter_add(&slot->counters, RUNE_METRIC_HTTP_200, 3);
    rune_counter_add(&slot->counters, RUNE_METRIC_ACTIVE_CONNECTIONS, 3);
    rune_control_slot_set_ready(slot, 1);
    rune_control_slot_beat(slot, 0);
    assert_true(atomic_load(&slot->heartbeat_ns) > 0);
    rune_control_slot_reset(slot);
    assert_int_equal(atomic_load(&slot->generation), 0);
    assert_int_equal(atomic_load(&slot->ready), 0);
    assert_int_equal(rune_counter_read(&slot->counters, RUNE_METRIC_HTTP_200), 3);
    assert_int_equal(rune_counter_read(&slot->counters, RUNE_METRIC_ACTIVE_CONNECTIONS), 0);
    rune_control_unmap(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control__is_mapped_by_a_reader),
        cmocka_unit_test(test_control__foreign_memory_is_refused),
        cmocka_unit_test(test_control__a_child_writes_its_own_page_only),
        cmocka_unit_test(test_control__state_is_read_whole),
        cmocka_unit_test(test_control__acknowledgements_belong_to_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
