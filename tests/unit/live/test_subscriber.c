/* SPDX-License-Identifier: Apache-2.0 */
/* The subscriber: the test is its supervisor. */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/image.h"
#include "live/subscriber.h"
#include "shm/image_writer.h"
#include "unit/cmocka.h"
#include "unit/shm/image_fixture.h"

struct fixture {
    struct rune_control_map control;
    struct rune_view_root root;
    struct rune_subscriber subscriber;
    int supervisor;
    int commands;
};

static void set_up(struct fixture *f)
{
    int sockets[2], pipes[2];
    *f = (struct fixture){0};
    assert_int_equal(rune_control_create(1, &f->control), RUNE_OK);
    atomic_store(&rune_control_slot_get(&f->control, 0)->pid, getpid());
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    f->supervisor = sockets[0];
    f->commands = pipes[0];
    f->subscriber = (struct rune_subscriber){
        .orders = sockets[1],
        .commands = pipes[1],
        .stop_fd = eventfd(0, EFD_CLOEXEC),
        .stop_drain = 1,
        .stop_now = 1000,
        .root = &f->root,
        .slot = rune_control_slot_get(&f->control, 0),
    };
}

static void tear_down(struct fixture *f)
{
    rune_view_root_fini(&f->root);
    close(f->supervisor);
    close(f->commands);
    close(f->subscriber.orders);
    close(f->subscriber.commands);
    close(f->subscriber.stop_fd);
    rune_control_unmap(&f->control);
}

enum sealing { SEALED, OPEN };

static void publish(struct fixture *f, uint64_t generation, enum sealing sealing)
{
    int fd = image_fixture_fd();
    const struct rune_order order = {
        .kind = RUNE_ORDER_PUBLISH, .generation = generation, .limits = {.max_steps = generation}};
    if (sealing == SEALED) {
        assert_int_equal(rune_image_seal(fd), RUNE_OK);
    }
    assert_int_equal(rune_message_send(f->supervisor, &order, sizeof order, fd), RUNE_OK);
    close(fd);
}

static void expect_note(struct fixture *f, enum rune_note_kind kind, uint64_t generation)
{
    struct rune_note note;
    assert_int_equal(rune_message_receive(f->supervisor, &note, sizeof note, NULL), RUNE_OK);
    assert_int_equal(note.kind, kind);
    assert_int_equal(note.generation, generation);
}

static uint64_t stop_count(const struct fixture *f)
{
    uint64_t count = 0;
    assert_int_equal(read(f->subscriber.stop_fd, &count, sizeof count), sizeof count);
    return count;
}

static void test_subscriber__swaps_and_acknowledges(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    rune_view_thread_register();
    publish(&f, 41, SEALED);
    assert_int_equal(rune_subscriber_start(&f.subscriber), RUNE_OK);
    expect_note(&f, RUNE_NOTE_ACKNOWLEDGED, 41);
    for (uint64_t generation = 42; generation < 60; generation++) {
        publish(&f, generation, SEALED);
        expect_note(&f, RUNE_NOTE_ACKNOWLEDGED, generation);
        assert_int_equal(rune_control_slot_generation(f.subscriber.slot), generation);
        const struct rune_view *view = rune_view_enter(&f.root);
        assert_int_equal(view->generation, generation);
        assert_int_equal(view->limits.max_steps, generation);
        rune_view_leave();
    }
    rune_subscriber_announce_ready(&f.subscriber);
    expect_note(&f, RUNE_NOTE_READY, 0);
    assert_int_equal(atomic_load(&f.subscriber.slot->ready), 1);
    rune_subscriber_stop(&f.subscriber);
    rune_view_thread_unregister();
    tear_down(&f);
}

static void test_subscriber__refuses_what_is_not_sealed(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    rune_view_thread_register();
    publish(&f, 1, OPEN);
    assert_int_equal(rune_subscriber_start(&f.subscriber), RUNE_E_CORRUPT);
    expect_note(&f, RUNE_NOTE_REFUSED, 1);
    publish(&f, 2, SEALED);
    assert_int_equal(rune_subscriber_start(&f.subscriber), RUNE_OK);
    expect_note(&f, RUNE_NOTE_ACKNOWLEDGED, 2);
    publish(&f, 3, OPEN);
    expect_note(&f, RUNE_NOTE_REFUSED, 3);
    assert_int_equal(rune_control_slot_generation(f.subscriber.slot), 2);
    rune_subscriber_stop(&f.subscriber);
    rune_view_thread_unregister();
    tear_down(&f);
}

static void test_subscriber__relays_to_the_loop(void **state)
{
    (void)state;
    struct fixture f;
    struct rune_loop_command command;
    set_up(&f);
    publish(&f, 1, SEALED);
    assert_int_equal(rune_subscriber_start(&f.subscriber), RUNE_OK);
    const struct rune_order adopt = {.kind = RUNE_ORDER_ADOPT, .slot = 5},
                            drain = {.kind = RUNE_ORDER_DRAIN};
    assert_int_equal(rune_message_send(f.supervisor, &adopt, sizeof adopt, -1), RUNE_OK);
    assert_int_equal(read(f.commands, &command, sizeof command), sizeof command);
    assert_int_equal(command.kind, RUNE_LOOP_ADOPT);
    assert_int_equal(command.slot, 5);
    assert_int_equal(rune_message_send(f.supervisor, &drain, sizeof drain, -1), RUNE_OK);
    assert_int_equal(stop_count(&f), 1);
    shutdown(f.supervisor, SHUT_RDWR); /* the supervisor is gone */
    assert_int_equal(stop_count(&f), 1000);
    rune_subscriber_stop(&f.subscriber);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subscriber__swaps_and_acknowledges),
        cmocka_unit_test(test_subscriber__refuses_what_is_not_sealed),
        cmocka_unit_test(test_subscriber__relays_to_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
