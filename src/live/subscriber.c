/* SPDX-License-Identifier: Apache-2.0 */
/* subscriber: a blocking loop over the orders of the supervisor. Whatever it cannot carry out it
 * tells the supervisor, which kills a process that does not acknowledge in time: there is no
 * half-way state to repair here. */
#include "live/subscriber.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/image.h"
#include "shm/messages.h"

#define ENLARGE_AFTER_MS 1000

static void tell(const struct rune_subscriber *subscriber, enum rune_note_kind kind,
                 enum rune_err err, uint64_t generation)
{
    struct rune_note note = {.kind = kind, .err = err, .generation = generation};
    /* A note is a nudge: what counts is on the control page, and a supervisor that is gone needs
     * none. */
    (void)!rune_message_send(subscriber->orders, &note, sizeof note, -1);
}

/* ORDERING: the acknowledgement comes after rune_view_swap has returned, so after the last reader
 * of the old view. */
static enum rune_err publish(struct rune_subscriber *subscriber, const struct rune_order *order,
                             int image_fd)
{
    struct rune_image *image;
    enum rune_err err = rune_image_open_fd(image_fd, RUNE_IMAGE_VERIFIED, &image, NULL);
    if (err == RUNE_OK) {
        if (subscriber->is_running) {
            rune_image_enlarge_pages(image); /* nobody waits: the old one still decides */
        }
        rune_image_prefault(&image->map);
        err = rune_view_swap(subscriber->root, image, order->generation, &order->limits);
    }
    if (err != RUNE_OK) {
        tell(subscriber, RUNE_NOTE_REFUSED, err, order->generation);
        return err;
    }
    rune_control_slot_acknowledge(subscriber->slot, (int32_t)getpid(), order->generation);
    tell(subscriber, RUNE_NOTE_ACKNOWLEDGED, RUNE_OK, order->generation);
    return RUNE_OK;
}

static void stop_loop(const struct rune_subscriber *subscriber, uint64_t how)
{
    if (subscriber->stop_fd >= 0) {
        (void)!write(subscriber->stop_fd, &how, sizeof how);
    }
}

static void relay(const struct rune_subscriber *subscriber, enum rune_loop_command_kind kind,
                  uint32_t slot)
{
    struct rune_loop_command command = {.kind = kind, .slot = slot};
    if (subscriber->commands >= 0) {
        (void)!write(subscriber->commands, &command, sizeof command);
    }
}

static enum rune_err carry_out(struct rune_subscriber *subscriber, const struct rune_order *order,
                               int fd)
{
    switch ((enum rune_order_kind)order->kind) {
    case RUNE_ORDER_PUBLISH:
        return fd >= 0 ? publish(subscriber, order, fd) : RUNE_E_CORRUPT;
    case RUNE_ORDER_LIMITS:
        return rune_view_set_limits(subscriber->root, &order->limits);
    case RUNE_ORDER_ADOPT:
        relay(subscriber, RUNE_LOOP_ADOPT, order->slot);
        return RUNE_OK;
    case RUNE_ORDER_DROP:
        relay(subscriber, RUNE_LOOP_DROP, order->slot);
        return RUNE_OK;
    case RUNE_ORDER_DRAIN:
        stop_loop(subscriber, subscriber->stop_drain);
        return RUNE_OK;
    }
    return RUNE_E_CORRUPT;
}

/* One order; RUNE_E_NOT_FOUND when the supervisor has closed. */
static enum rune_err follow_one(struct rune_subscriber *subscriber, uint32_t *ret_kind)
{
    struct rune_order order;
    int fd;
    enum rune_err err = rune_message_receive(subscriber->orders, &order, sizeof order, &fd);
    if (err != RUNE_OK) {
        return err;
    }
    err = carry_out(subscriber, &order, fd);
    if (fd >= 0) {
        close(fd);
    }
    *ret_kind = order.kind;
    return err;
}

/* The first image's pages are enlarged when the process has been at work for a moment: that would
 * make its start longer. */
static void enlarge_first(const struct rune_subscriber *subscriber)
{
    struct pollfd orders = {.fd = subscriber->orders, .events = POLLIN};
    if (poll(&orders, 1, ENLARGE_AFTER_MS) == 0) {
        /* This thread alone closes images, so that what it sees here stays. */
        const struct rune_view *view = rune_view_enter(subscriber->root);
        const struct rune_image *image = view != NULL ? view->image : NULL;
        rune_view_leave();
        if (image != NULL) {
            rune_image_enlarge_pages(image);
        }
    }
}

static void *run(void *argument)
{
    struct rune_subscriber *subscriber = argument;
    uint32_t kind;
    rune_view_thread_register();
    enlarge_first(subscriber);
    for (;;) {
        enum rune_err err = follow_one(subscriber, &kind);
        if (err == RUNE_E_NOT_FOUND || err == RUNE_E_IO) {
            break;
        }
        /* Other errors: the supervisor was told, or will see that no acknowledgement comes. */
    }
    stop_loop(subscriber, subscriber->stop_now);
    rune_view_thread_unregister();
    return NULL;
}

enum rune_err rune_subscriber_start(struct rune_subscriber *subscriber)
{
    uint32_t kind = 0;
    sigset_t all, before;
    while (kind != RUNE_ORDER_PUBLISH) {
        enum rune_err err = follow_one(subscriber, &kind);
        if (err != RUNE_OK) {
            return err;
        }
    }
    subscriber->is_running = true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&subscriber->thread, NULL, run, subscriber);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? RUNE_OK : RUNE_E_NOMEM;
}

void rune_subscriber_stop(struct rune_subscriber *subscriber)
{
    /* wakes the thread: its next receive says that the other side has closed */
    shutdown(subscriber->orders, SHUT_RD);
    pthread_join(subscriber->thread, NULL);
}

void rune_subscriber_announce_ready(struct rune_subscriber *subscriber)
{
    rune_control_slot_set_ready(subscriber->slot, 1);
    tell(subscriber, RUNE_NOTE_READY, RUNE_OK, 0);
}
