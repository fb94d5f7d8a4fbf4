/* SPDX-License-Identifier: Apache-2.0 */
/* slots: the workers and the admin process: fork, orders, acknowledgements, deaths.
 *
 * A process that had become ready is replaced at once. One that died before waits, longer each
 * time, and meanwhile another worker accepts on its listeners, so that no connection waits for a
 * worker that does not come up. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/roles.h"
#include "server/supervisor_int.h"

#define MS                 UINT64_C(1000000)
#define BACK_OFF_FIRST_MS  100u
#define BACK_OFF_DOUBLINGS 7u     /* 12.8 s at most */
#define START_DEADLINE_MS  30000u /* from fork to ready */

static bool is_admin(const struct rune_supervisor *supervisor, uint32_t index)
{
    return index + 1 == supervisor->slot_count;
}

static bool is_ready(const struct rune_slot *slot)
{
    /* ORDERING: acquire; pairs with rune_control_slot_set_ready. */
    return slot->pid != 0 && atomic_load_explicit(&slot->page->ready, memory_order_acquire) != 0;
}

void rune_slots_init(struct rune_supervisor *supervisor)
{
    supervisor->slot_count = rune_control_get(&supervisor->heritage.control)->slot_count;
    for (uint32_t i = 0; i < supervisor->slot_count; i++) {
        supervisor->slots[i] =
            (struct rune_slot){.socket = -1,
                               .adopter = RUNE_NO_SLOT,
                               .page = rune_control_slot_get(&supervisor->heritage.control, i)};
    }
}

/* ---- orders ---- */

static void kill_slot(struct rune_supervisor *supervisor, uint32_t index, const char *why)
{
    const struct rune_slot *slot = &supervisor->slots[index];
    if (slot->pid != 0) {
        RUNE_LOG(&supervisor->log, RUNE_LOG_ERROR, "process_killed", RUNE_LOG_UINT("slot", index),
                 RUNE_LOG_INT("pid", slot->pid), RUNE_LOG_CSTR("why", why));
        kill(slot->pid, SIGKILL);
    }
}

static void send_order(struct rune_supervisor *supervisor, uint32_t index,
                       const struct rune_order *order, int fd)
{
    const struct rune_slot *slot = &supervisor->slots[index];
    if (slot->pid == 0 || slot->socket < 0) {
        return;
    }
    enum rune_err err = rune_message_send(slot->socket, order, sizeof *order, fd);
    if (err == RUNE_E_BUSY) {
        kill_slot(supervisor, index, "does not read its orders");
    }
    /* Other errors: it is dying, which waitpid will tell. */
}

static void send_publish(struct rune_supervisor *supervisor, uint32_t index)
{
    const struct rune_order order = {.kind = RUNE_ORDER_PUBLISH,
                                     .generation = supervisor->state.generation,
                                     .limits = supervisor->limits};
    supervisor->slots[index].publish_deadline_ns =
        rune_now_ns() + supervisor->config->acknowledge_timeout_ms * MS;
    send_order(supervisor, index, &order, supervisor->image_fd);
}

void rune_slots_publish(struct rune_supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->slot_count; i++) {
        if (supervisor->slots[i].pid != 0) {
            send_publish(supervisor, i);
        }
    }
}

/* A slot without a process decides nothing; its next process starts with the published image. */
bool rune_slots_have_acknowledged(const struct rune_supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->slot_count; i++) {
        const struct rune_slot *slot = &supervisor->slots[i];
        if (slot->pid != 0 &&
            rune_control_slot_generation(slot->page) < supervisor->state.generation) {
            return false;
        }
    }
    return true;
}

void rune_slots_drain(struct rune_supervisor *supervisor, uint32_t deadline_ms)
{
    const struct rune_order order = {.kind = RUNE_ORDER_DRAIN, .deadline_ms = deadline_ms};
    for (uint32_t i = 0; i < supervisor->slot_count; i++) {
        send_order(supervisor, i, &order, -1);
    }
}

void rune_slots_kill(struct rune_supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->slot_count; i++) {
        if (supervisor->slots[i].pid != 0) {
            kill(supervisor->slots[i].pid, SIGKILL);
        }
    }
}

uint32_t rune_slots_running(const struct rune_supervisor *supervisor)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < supervisor->slot_count; i++) {
        count += supervisor->slots[i].pid != 0;
    }
    return count;
}

/* ---- adoption: somebody accepts for a slot whose worker does not come up ---- */

static void send_adoption(struct rune_supervisor *supervisor, uint32_t adopter,
                          enum rune_order_kind kind, uint32_t orphan)
{
    const struct rune_order order = {.kind = kind, .slot = orphan};
    send_order(supervisor, adopter, &order, -1);
    RUNE_LOG(&supervisor->log, RUNE_LOG_INFO,
             kind == RUNE_ORDER_ADOPT ? "slot_adopted" : "slot_returned",
             RUNE_LOG_UINT("slot", orphan), RUNE_LOG_UINT("by", adopter));
}

static void find_adopter(struct rune_supervisor *supervisor, uint32_t orphan)
{
    for (uint32_t i = 0; i + 1 < supervisor->slot_count; i++) {
        if (i != orphan && is_ready(&supervisor->slots[i])) {
            supervisor->slots[orphan].adopter = i;
            send_adoption(supervisor, i, RUNE_ORDER_ADOPT, orphan);
            return;
        }
    }
}

static void return_slot(struct rune_supervisor *supervisor, uint32_t orphan)
{
    uint32_t adopter = supervisor->slots[orphan].adopter;
    if (adopter != RUNE_NO_SLOT) {
        send_adoption(supervisor, adopter, RUNE_ORDER_DROP, orphan);
        supervisor->slots[orphan].adopter = RUNE_NO_SLOT;
    }
}

/* The adopter itself has died: its orphans look for another. */
static void forget_adopter(struct rune_supervisor *supervisor, uint32_t adopter)
{
    for (uint32_t i = 0; i + 1 < supervisor->slot_count; i++) {
        if (supervisor->slots[i].adopter == adopter) {
            supervisor->slots[i].adopter = RUNE_NO_SLOT;
        }
    }
}

/* ---- birth ---- */

/* Our end, the first, never blocks; the child's does. */
static bool make_pair(int ret_sockets[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_sockets) == 0 &&
           fcntl(ret_sockets[0], F_SETFL, O_NONBLOCK) == 0;
}

static _Noreturn void child_main(const struct rune_supervisor *supervisor, uint32_t index,
                                 int socket, int relay)
{
    if (is_admin(supervisor, index)) {
        rune_admin_main(&supervisor->heritage, socket, relay);
    }
    rune_worker_main(&supervisor->heritage, socket, index);
}

static void try_later(struct rune_slot *slot)
{
    uint32_t doublings = slot->failures < BACK_OFF_DOUBLINGS ? slot->failures : BACK_OFF_DOUBLINGS;
    slot->failures++;
    slot->respawn_ns = rune_now_ns() + (uint64_t)(BACK_OFF_FIRST_MS << doublings) * MS;
}

static void spawn(struct rune_supervisor *supervisor, uint32_t index)
{
    struct rune_slot *slot = &supervisor->slots[index];
    int sockets[2] = {-1, -1}, relay[2] = {-1, -1};
    pid_t pid = -1;
    slot->respawn_ns = 0;
    rune_control_slot_reset(slot->page);
    if (make_pair(sockets) && (!is_admin(supervisor, index) || make_pair(relay))) {
        pid = fork();
    }
    if (pid == 0) {
        child_main(supervisor, index, sockets[1], relay[1]);
    }
    int failed = errno;
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? sockets[1] : relay[1];
        if (fd >= 0) {
            close(fd);
        }
    }
    if (pid < 0) {
        RUNE_LOG(&supervisor->log, RUNE_LOG_ERROR, "fork_failed", RUNE_LOG_UINT("slot", index),
                 RUNE_LOG_CSTR("error", strerror(failed)));
        if (sockets[0] >= 0) {
            close(sockets[0]);
        }
        if (relay[0] >= 0) {
            close(relay[0]);
        }
        try_later(slot);
        return;
    }
    slot->pid = pid;
    slot->socket = sockets[0];
    slot->started_ns = rune_now_ns();
    slot->was_ready = false;
    atomic_store_explicit(&slot->page->started_at_ms, rune_now_ms(), memory_order_relaxed);
    atomic_store_explicit(&slot->page->pid, (int32_t)pid, memory_order_relaxed);
    rune_watch_add(supervisor, slot->socket, RUNE_WATCH_SLOT, index);
    if (relay[0] >= 0) {
        rune_calls_add_relay(supervisor, relay[0]);
    }
    send_publish(supervisor, index);
}

void rune_slots_spawn_all(struct rune_supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->slot_count; i++) {
        spawn(supervisor, i);
    }
}

/* ---- notes ---- */

void rune_slot_on_note(struct rune_supervisor *supervisor, uint32_t index)
{
    struct rune_slot *slot = &supervisor->slots[index];
    struct rune_note note;
    while (slot->socket >= 0) {
        enum rune_err err = rune_message_receive(slot->socket, &note, sizeof note, NULL);
        if (err == RUNE_E_BUSY) {
            return;
        }
        if (err != RUNE_OK) {
            rune_watch_close(supervisor, &slot->socket);
            if (err == RUNE_E_CORRUPT) {
                kill_slot(supervisor, index, "speaks another protocol");
            }
            return;
        }
        if (note.kind == RUNE_NOTE_READY && !slot->was_ready) {
            slot->was_ready = true;
            slot->failures = 0;
            return_slot(supervisor, index);
            RUNE_LOG(&supervisor->log, RUNE_LOG_INFO,
                     is_admin(supervisor, index) ? "admin_ready" : "worker_ready",
                     RUNE_LOG_UINT("slot", index), RUNE_LOG_INT("pid", slot->pid),
                     RUNE_LOG_UINT("after_us", (rune_now_ns() - slot->started_ns) / 1000));
        } else if (note.kind == RUNE_NOTE_REFUSED) {
            RUNE_LOG(&supervisor->log, RUNE_LOG_ERROR, "image_refused",
                     RUNE_LOG_UINT("slot", index), RUNE_LOG_UINT("generation", note.generation));
            kill_slot(supervisor, index, "refused the image");
        }
    }
}

/* ---- death ---- */

static void log_death(struct rune_supervisor *supervisor, uint32_t index, int status,
                      bool was_ready)
{
    const struct rune_slot *slot = &supervisor->slots[index];
    RUNE_LOG(&supervisor->log, RUNE_LOG_ERROR, "process_died", RUNE_LOG_UINT("slot", index),
             RUNE_LOG_INT("pid", slot->pid),
             RUNE_LOG_CSTR("by", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit"),
             RUNE_LOG_INT("status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)),
             RUNE_LOG_CSTR("was", was_ready ? "ready" : "starting"));
}

static void bury(struct rune_supervisor *supervisor, uint32_t index)
{
    struct rune_slot *slot = &supervisor->slots[index];
    rune_watch_close(supervisor, &slot->socket);
    if (is_admin(supervisor, index)) {
        rune_calls_drop_relay(supervisor);
    }
    slot->pid = 0;
    slot->publish_deadline_ns = 0;
    rune_control_slot_reset(slot->page);
    forget_adopter(supervisor, index);
}

bool rune_slots_on_death(struct rune_supervisor *supervisor, pid_t pid, int status)
{
    uint32_t index = 0;
    while (index < supervisor->slot_count && supervisor->slots[index].pid != pid) {
        index++;
    }
    if (index == supervisor->slot_count) {
        return false;
    }
    struct rune_slot *slot = &supervisor->slots[index];
    bool was_ready = slot->was_ready || is_ready(slot);
    if (supervisor->stage != RUNE_STAGE_RUNNING) {
        bury(supervisor, index);
        return true;
    }
    log_death(supervisor, index, status, was_ready);
    bury(supervisor, index);
    rune_counter_add(supervisor->counters, RUNE_METRIC_WORKER_RESTARTS,
                     is_admin(supervisor, index) ? 0 : 1);
    atomic_store_explicit(&slot->page->restarts,
                          atomic_load_explicit(&slot->page->restarts, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    if (was_ready) {
        slot->failures = 0;
        spawn(supervisor, index);
    } else {
        try_later(slot);
    }
    return true;
}

/* ---- time ---- */

static void check_life(struct rune_supervisor *supervisor, uint32_t index, uint64_t now_ns)
{
    struct rune_slot *slot = &supervisor->slots[index];
    uint64_t beat = atomic_load_explicit(&slot->page->heartbeat_ns, memory_order_relaxed);
    if (slot->publish_deadline_ns != 0 &&
        rune_control_slot_generation(slot->page) >= supervisor->state.generation) {
        slot->publish_deadline_ns = 0;
    }
    if (is_ready(slot) && now_ns > beat &&
        now_ns - beat > supervisor->config->heartbeat_timeout_ms * MS) {
        kill_slot(supervisor, index, "no sign of life");
    } else if (slot->publish_deadline_ns != 0 && now_ns > slot->publish_deadline_ns) {
        slot->publish_deadline_ns = 0; /* once */
        kill_slot(supervisor, index, "did not acknowledge the image in time");
    } else if (!slot->was_ready && now_ns - slot->started_ns > START_DEADLINE_MS * MS) {
        slot->started_ns = now_ns; /* once */
        kill_slot(supervisor, index, "does not become ready");
    }
}

void rune_slots_tick(struct rune_supervisor *supervisor, uint64_t now_ns, bool was_late)
{
    for (uint32_t i = 0; i < supervisor->slot_count; i++) {
        struct rune_slot *slot = &supervisor->slots[i];
        if (slot->pid != 0) {
            /* Who was stopped or starved itself cannot tell who else was: give them one more round.
             */
            if (!was_late) {
                check_life(supervisor, i, now_ns);
            }
        } else if (slot->respawn_ns != 0 && now_ns >= slot->respawn_ns) {
            spawn(supervisor, i);
        }
        if (slot->failures > 0 && !slot->was_ready && slot->adopter == RUNE_NO_SLOT &&
            !is_admin(supervisor, i)) {
            find_adopter(supervisor, i);
        }
    }
}
