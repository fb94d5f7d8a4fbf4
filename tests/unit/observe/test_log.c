/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "observe/log.h"
#include "unit/cmocka.h"

static int pipe_fds[2];

static int open_pipe(void **state)
{
    (void)state;
    return pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC);
}

static int close_pipe(void **state)
{
    (void)state;
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return 0;
}

/* The line without its time. */
static const char *take_line(void)
{
    static char line[4096];
    ssize_t got = read(pipe_fds[0], line, sizeof(line) - 1);
    assert_true(got > 25);
    line[got] = '\0';
    assert_int_equal(line[got - 1], '\n');
    assert_null(memchr(line, '\n', (size_t)got - 1));
    assert_int_equal(line[23], 'Z');
    return line + 25;
}

static void test_log__writes_one_line(void **state)
{
    const struct {
        struct rune_log_field field;
        const char *want;
    } cases[] = {
        {RUNE_LOG_STR("path", RUNE_STR("/v1")), "info event role=worker path=/v1\n"},
        {RUNE_LOG_STR("text", RUNE_STR("two words")),
         "info event role=worker text=\"two words\"\n"},
        {RUNE_LOG_STR("text", RUNE_STR("a\nb\"c\\d\x01=")),
         "info event role=worker text=\"a\\nb\\\"c\\\\d\\x01=\"\n"},
        {RUNE_LOG_STR("text", RUNE_STR("")), "info event role=worker text=\"\"\n"},
        {RUNE_LOG_INT("n", -5), "info event role=worker n=-5\n"},
        {RUNE_LOG_UINT("n", UINT64_MAX), "info event role=worker n=18446744073709551615\n"},
    };
    struct rune_log log;
    (void)state;
    rune_log_init(&log, pipe_fds[1], RUNE_LOG_INFO, "worker");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rune_log_write(&log, RUNE_LOG_INFO, "event", &cases[i].field, 1);
        assert_string_equal(take_line(), cases[i].want);
    }
}

static void test_log__keeps_silent_below_its_level(void **state)
{
    struct rune_log log;
    char byte;
    (void)state;
    rune_log_init(&log, pipe_fds[1], RUNE_LOG_WARN, "worker");
    RUNE_LOG(&log, RUNE_LOG_INFO, "event", RUNE_LOG_INT("n", 1));
    RUNE_LOG((struct rune_log *)NULL, RUNE_LOG_ERROR, "event", RUNE_LOG_INT("n", 1));
    assert_int_equal(read(pipe_fds[0], &byte, 1), -1);
    RUNE_LOG(&log, RUNE_LOG_ERROR, "event", RUNE_LOG_INT("n", 1));
    assert_string_equal(take_line(), "error event role=worker n=1\n");
}

static void test_log__cuts_long_lines(void **state)
{
    static char big[5000];
    struct rune_log log;
    (void)state;
    memset(big, 'x', sizeof(big));
    rune_log_init(&log, pipe_fds[1], RUNE_LOG_INFO, "worker");
    RUNE_LOG(&log, RUNE_LOG_INFO, "event", RUNE_LOG_STR("a", ((struct rune_str){big, sizeof(big)})),
             RUNE_LOG_STR("b", RUNE_STR("y z")));
    const char *line = take_line();
    assert_true(strlen(line) < RUNE_LOG_LINE_MAX);
    assert_string_equal(line + strlen(line) - 4, "...\n");
}

static void test_log__counts_what_is_lost(void **state)
{
    static char rest[1 << 16];
    struct rune_log log;
    (void)state;
    rune_log_init(&log, pipe_fds[1], RUNE_LOG_INFO, "worker");
    while (log.dropped < 3) {
        RUNE_LOG(&log, RUNE_LOG_INFO, "event", RUNE_LOG_INT("n", 1));
    }
    while (read(pipe_fds[0], rest, sizeof(rest)) > 0) {
    }
    RUNE_LOG(&log, RUNE_LOG_INFO, "event", RUNE_LOG_INT("n", 2));
    assert_string_equal(take_line(), "info event role=worker dropped_lines=3 n=2\n");
    RUNE_LOG(&log, RUNE_LOG_INFO, "event", RUNE_LOG_INT("n", 3));
    assert_string_equal(take_line(), "info event role=worker n=3\n");
}

static void test_level__has_a_name(void **state)
{
    (void)state;
    for (enum rune_log_level level = 0; level < RUNE_LOG_LEVEL_COUNT; level++) {
        assert_int_equal(rune_log_level_find(rune_str_from(rune_log_level_name(level))), level);
    }
    assert_int_equal(rune_log_level_find(RUNE_STR("loud")), RUNE_LOG_LEVEL_COUNT);
}

int main(void)
{
#define PIPE(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)
    const struct CMUnitTest tests[] = {
        PIPE(test_log__writes_one_line),          PIPE(test_log__keeps_silent_below_its_level),
        PIPE(test_log__cuts_long_lines),          PIPE(test_log__counts_what_is_lost),
        cmocka_unit_test(test_level__has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
