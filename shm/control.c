/* SPDX-License-Identifier: Apache-2.0 */
/* control: the state is copied word by word under a sequence number: odd while it is written, even
 * and unchanged over a read that counts (a seqlock with one writer). Everything else on the page is
 * single words. */
#include "shm/control.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_WORDS (sizeof(struct rune_control_state) / sizeof(uint64_t))
#define READ_TRIES  10000 /* LIMIT: reads of the state before the writer is taken for dead */

static size_t map_size(uint32_t worker_count)
{
    return (size_t)RUNE_CONTROL_PAGE_BYTES * (2 + worker_count + 1);
}

static uint64_t wall_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void fill_in(struct rune_control_map *map, uint32_t worker_count)
{
    struct rune_control *control = rune_control_get(map);
    control->version = RUNE_CONTROL_VERSION;
    control->slot_count = worker_count + 1;
    control->worker_count = worker_count;
    control->size = map->size;
    control->supervisor_pid = (int32_t)getpid();
    control->started_at_ms = wall_clock_ms();
    if (getrandom(&control->instance, sizeof control->instance, GRND_NONBLOCK) !=
        sizeof control->instance) {
        control->instance = control->started_at_ms;
    }
    for (uint32_t i = 0; i <= worker_count; i++) {
        struct rune_control_slot *slot = rune_control_slot_get(map, i);
        slot->index = i;
        slot->kind = i < worker_count ? RUNE_SLOT_WORKER : RUNE_SLOT_ADMIN;
    }
    memcpy(control->magic, RUNE_CONTROL_MAGIC, sizeof control->magic);
}

enum rune_err rune_control_create(uint32_t worker_count, struct rune_control_map *ret_map)
{
    struct rune_control_map map = {.size = map_size(worker_count)};
    if (worker_count > RUNE_CONTROL_MAX_WORKERS) {
        return RUNE_E_LIMIT;
    }
    map.fd = memfd_create("rune-control", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (map.fd < 0) {
        return RUNE_E_IO;
    }
    void *base = MAP_FAILED;
    if (ftruncate(map.fd, (off_t)map.size) == 0 &&
        fcntl(map.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
        base = mmap(NULL, map.size, PROT_READ | PROT_WRITE, MAP_SHARED, map.fd, 0);
    }
    if (base == MAP_FAILED) {
        close(map.fd);
        return errno == ENOMEM ? RUNE_E_NOMEM : RUNE_E_IO;
    }
    map.base = base;
    fill_in(&map, worker_count);
    *ret_map = map;
    return RUNE_OK;
}

enum rune_err rune_control_open_read_only(const struct rune_control_map *map, int *ret_fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", map->fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return RUNE_E_IO;
    }
    *ret_fd = fd;
    return RUNE_OK;
}

static enum rune_err check(const struct rune_control_map *map)
{
    const struct rune_control *control = rune_control_get(map);
    if (memcmp(control->magic, RUNE_CONTROL_MAGIC, sizeof control->magic) != 0) {
        return RUNE_E_CORRUPT;
    }
    if (control->version != RUNE_CONTROL_VERSION) {
        return RUNE_E_VERSION;
    }
    if (control->worker_count > RUNE_CONTROL_MAX_WORKERS ||
        control->slot_count != control->worker_count + 1 || control->size != map->size ||
        map_size(control->worker_count) != map->size) {
        return RUNE_E_CORRUPT;
    }
    return RUNE_OK;
}

enum rune_err rune_control_map_fd(int fd, struct rune_control_map *ret_map)
{
    struct stat st;
    struct rune_control_map map = {.fd = -1};
    int seals = fcntl(fd, F_GET_SEALS);
    if (fstat(fd, &st) != 0) {
        return RUNE_E_IO;
    }
    /* Without these seals the memory could shrink below the mapping. */
    if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW) ||
        st.st_size < (off_t)map_size(0) || st.st_size > (off_t)map_size(RUNE_CONTROL_MAX_WORKERS)) {
        return RUNE_E_CORRUPT;
    }
    map.size = (size_t)st.st_size;
    void *base = mmap(NULL, map.size, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        return RUNE_E_IO;
    }
    map.base = base;
    enum rune_err err = check(&map);
    if (err != RUNE_OK) {
        munmap(base, map.size);
        return err;
    }
    *ret_map = map;
    return RUNE_OK;
}

enum rune_err rune_control_narrow(struct rune_control_map *map, uint32_t slot)
{
    int read_only;
    enum rune_err err = rune_control_open_read_only(map, &read_only);
    if (err != RUNE_OK) {
        return err;
    }
    /* MAP_FIXED over the inherited mapping: of a read-only descriptor, so that mprotect cannot take
     * it back. */
    void *base = mmap(map->base, map->size, PROT_READ, MAP_SHARED | MAP_FIXED, read_only, 0);
    if (base == MAP_FAILED) {
        err = RUNE_E_IO;
    } else if (slot < rune_control_get(map)->slot_count) {
        void *page = rune_control_slot_get(map, slot);
        off_t offset = (off_t)((unsigned char *)page - map->base);
        if (mmap(page, RUNE_CONTROL_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                 map->fd, offset) == MAP_FAILED) {
            err = RUNE_E_IO;
        }
    }
    close(read_only);
    close(map->fd);
    map->fd = -1;
    return err;
}

void rune_control_unmap(struct rune_control_map *map)
{
    if (map->base != NULL) {
        munmap(map->base, map->size);
    }
    if (map->fd >= 0) {
        close(map->fd);
    }
    *map = (struct rune_control_map){.fd = -1};
}

void rune_control_write_state(struct rune_control *control, const struct rune_control_state *state)
{
    uint64_t words[STATE_WORDS];
    memcpy(words, state, sizeof words);
    uint64_t sequence = atomic_load_explicit(&control->sequence, memory_order_relaxed);
    atomic_store_explicit(&control->sequence, sequence + 1, memory_order_relaxed);
    /* ORDERING: release fence; pairs with the acquire fence of rune_control_read_state: who has
     * read one of the words below reads the odd number, too. */
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < STATE_WORDS; i++) {
        atomic_store_explicit(&control->state[i], words[i], memory_order_relaxed);
    }
    /* ORDERING: release; pairs with the acquire load of rune_control_read_state: the even number
     * comes after all. */
    atomic_store_explicit(&control->sequence, sequence + 2, memory_order_release);
}

enum rune_err rune_control_read_state(const struct rune_control *control,
                                      struct rune_control_state *ret_state)
{
    uint64_t words[STATE_WORDS];
    for (unsigned tries = 0; tries < READ_TRIES; tries++) {
        /* ORDERING: acquire; pairs with the last store of rune_control_write_state. */
        uint64_t before = atomic_load_explicit(&control->sequence, memory_order_acquire);
        if (before % 2 == 0) {
            for (size_t i = 0; i < STATE_WORDS; i++) {
                words[i] = atomic_load_explicit(&control->state[i], memory_order_relaxed);
            }
            /* ORDERING: acquire fence; pairs with the release fence of rune_control_write_state. */
            atomic_thread_fence(memory_order_acquire);
            if (atomic_load_explicit(&control->sequence, memory_order_relaxed) == before) {
                memcpy(ret_state, words, sizeof words);
                return RUNE_OK;
            }
        }
        sched_yield();
    }
    return RUNE_E_BUSY;
}

void rune_control_slot_reset(struct rune_control_slot *slot)
{
    atomic_store_explicit(&slot->pid, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->ready, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->acknowledged_pid, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->generation, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->heartbeat_ns, 0, memory_order_relaxed);
    for (unsigned i = 0; i < RUNE_METRIC_COUNT; i++) {
        if (rune_metric_get((enum rune_metric)i)->type == RUNE_METRIC_TYPE_GAUGE) {
            rune_gauge_set(&slot->counters, (enum rune_metric)i, 0);
        }
    }
}

void rune_control_slot_acknowledge(struct rune_control_slot *slot, int32_t pid, uint64_t generation)
{
    atomic_store_explicit(&slot->acknowledged_pid, pid, memory_order_relaxed);
    /* ORDERING: release; pairs with the acquire of rune_control_slot_generation: the old view was
     * closed before, and the pid goes with the generation. */
    atomic_store_explicit(&slot->generation, generation, memory_order_release);
}

uint64_t rune_control_slot_generation(const struct rune_control_slot *slot)
{
    /* ORDERING: acquire; pairs with the release of rune_control_slot_acknowledge. */
    uint64_t generation = atomic_load_explicit(&slot->generation, memory_order_acquire);
    int32_t by = atomic_load_explicit(&slot->acknowledged_pid, memory_order_relaxed);
    return by != 0 && by == atomic_load_explicit(&slot->pid, memory_order_relaxed) ? generation : 0;
}
