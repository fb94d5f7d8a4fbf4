/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: every key of the example is known and has its default there; flags win;
 * mistakes have places. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "observe/log.h"
#include "server/config.h"
#include "shm/messages.h"
#include "unit/cmocka.h"

struct fixture {
    struct rune_config config;
    struct rune_diag *diag;
    enum rune_config_outcome outcome;
    enum rune_err err;
};

static void check_same_limits(const struct rune_limits *a, const struct rune_limits *b)
{
    assert_int_equal(a->max_body_bytes, b->max_body_bytes);
    assert_int_equal(a->max_buffered_bytes, b->max_buffered_bytes);
    assert_int_equal(a->max_connections, b->max_connections);
    assert_int_equal(a->max_streams, b->max_streams);
    assert_int_equal(a->idle_timeout_ms, b->idle_timeout_ms);
    assert_int_equal(a->drain_timeout_ms, b->drain_timeout_ms);
    assert_int_equal(a->max_admin_waiting, b->max_admin_waiting);
}

static void load(struct fixture *f, int argc, char **argv)
{
    f->diag = rune_diag_create();
    f->outcome = RUNE_CONFIG_RUN;
    rune_config_init(&f->config);
    f->err = rune_config_load(&f->config, argc, argv, &f->outcome, f->diag);
}

static void load_text(struct fixture *f, const char *text)
{
    char path[] = "/tmp/rune-config-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    char program[] = "runed", flag[] = "--config";
    char *argv[] = {program, flag, path, NULL};
    load(f, 3, argv);
    unlink(path);
}

static void unload(struct fixture *f)
{
    rune_config_fini(&f->config);
    rune_diag_destroy(f->diag);
}

static void test_config__the_example_has_the_defaults(void **state)
{
    (void)state;
    struct fixture f, bare;
    char path[4096], program[] = "runed", flag[] = "--config", bundle[] = "/etc/rune/bundle";
    snprintf(path, sizeof path, "%s/deploy/runed.toml", getenv("RUNE_SOURCE_DIR"));
    char *argv[] = {program, flag, path, NULL}, *bare_argv[] = {program, bundle, NULL};
    load(&f, 3, argv);
    assert_string_equal(rune_diag_text(f.diag), "");
    assert_int_equal(f.err, RUNE_OK);
    load(&bare, 2, bare_argv);
    assert_int_equal(bare.err, RUNE_OK);
    assert_string_equal(f.config.bundle, bare.config.bundle);
    assert_int_equal(f.config.listen_count, 1);
    assert_string_equal(f.config.listen[0], bare.config.listen[0]);
    check_same_limits(&f.config.limits, &bare.config.limits);
    assert_int_equal(f.config.max_image_bytes, bare.config.max_image_bytes);
    assert_int_equal(f.config.build_timeout_ms, bare.config.build_timeout_ms);
    assert_int_equal(f.config.acknowledge_timeout_ms, bare.config.acknowledge_timeout_ms);
    assert_int_equal(f.config.heartbeat_timeout_ms, bare.config.heartbeat_timeout_ms);
    assert_int_equal(f.config.log_level, bare.config.log_level);
    unload(&bare);
    unload(&f);
}

static void test_config__flags_win_over_the_file(void **state)
{
    (void)state;
    struct fixture f;
    char path[] = "/tmp/rune-config-XXXXXX";
    static const char text[] =
        "bundle = 'b'\nlisten = ['127.0.0.1:1', '127.0.0.1:2']\nworkers = 3\n";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    close(fd);
    char program[] = "runed", config[64], level[] = "--log-level", debug[] = "debug",
         one[] = "--listen=[::1]:3", two[] = "--listen", address[] = "*:4",
         check[] = "--check-config";
    snprintf(config, sizeof config, "--config=%s", path);
    char *argv[] = {program, level, debug, config, one, two, address, check, NULL};
    load(&f, 8, argv);
    unlink(path);
    assert_string_equal(rune_diag_text(f.diag), "");
    assert_int_equal(f.outcome, RUNE_CONFIG_CHECKED);
    assert_string_equal(f.config.bundle, "/tmp/b");
    assert_int_equal(f.config.listen_count, 2);
    assert_string_equal(f.config.listen[0], "[::1]:3");
    assert_string_equal(f.config.listen[1], "*:4");
    assert_int_equal(f.config.workers, 3);
    assert_int_equal(f.config.log_level, RUNE_LOG_DEBUG);
    unload(&f);
}

static void test_config__mistakes_have_places_and_help(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *wanted[3];
    } cases[] = {
        {"bundle = 'b'\n[limits]\nmax_boddy_bytes = 1\n", {":3:1", "max_body_bytes", NULL}},
        {"bundel = 'b'\n", {":1:1", "bundle", "no bundle"}},
        {"bundle = 'b'\n[limts]\n", {":2:", "limits", NULL}},
        {"bundle = 'b'\nlimits = 1\n", {":2:1", NULL, NULL}},
        {"bundle = 'b'\n[limits.more]\na = 1\n", {":2:", "more", NULL}},
        {"bundle = 'b'\nworkers = 65\n", {":2:11", "from 0 to 64", NULL}},
        {"bundle = 'b'\nworkers = '2'\n", {":2:11", "number", NULL}},
        {"bundle = 'b'\nworkers = -2\n", {":2:11", NULL, NULL}},
        {"bundle = 'b'\n[limits]\nmax_body_bytes = '5QiB'\n", {":3:18", "no number", NULL}},
        {"bundle = 'b'\n[limits]\nmax_body_bytes = '99999999999999999999GiB'\n",
         {":3:18", NULL, NULL}},
        {"bundle = 'b'\n[logging]\nlevel = 'loud'\n", {":3:9", "error, warn, info, debug", NULL}},
        {"bundle = 'b'\nlisten = ['a', 7]\n", {":2:16", "string", NULL}},
        {"bundle = 'a\\u0000b'\nuser = \"a\\u0000b\"\n", {":2:8", "NUL", NULL}},
        {"bundle = [\n", {":", NULL, NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        load_text(&f, cases[i].text);
        assert_true(f.err == RUNE_E_INVALID || f.err == RUNE_E_SYNTAX);
        for (size_t w = 0; w < 3 && cases[i].wanted[w] != NULL; w++) {
            if (strstr(rune_diag_text(f.diag), cases[i].wanted[w]) == NULL) {
                fail_msg("case %zu lacks %s:\n%s", i, cases[i].wanted[w], rune_diag_text(f.diag));
            }
        }
        unload(&f);
    }
}

static void test_config__several_mistakes_are_told_at_once(void **state)
{
    (void)state;
    struct fixture f;
    load_text(&f, "bundle = 1\nworkers = 'x'\n[limits]\nnothing = 1\nmax_streams = 0\n");
    assert_int_equal(rune_diag_count(f.diag, RUNE_ERROR), 5); /* and no bundle */
    unload(&f);
}

static void test_config__flags_are_checked(void **state)
{
    (void)state;
    struct fixture f;
    char program[] = "runed", bundle[] = "b", wrong[] = "--wokers", last[] = "--listen";
    char *unknown[] = {program, bundle, wrong, NULL}, *cut[] = {program, bundle, last, NULL};
    load(&f, 3, unknown);
    assert_int_equal(f.err, RUNE_E_INVALID);
    assert_non_null(strstr(rune_diag_text(f.diag), "--workers"));
    unload(&f);
    load(&f, 3, cut);
    assert_int_equal(f.err, RUNE_E_INVALID);
    assert_non_null(strstr(rune_diag_text(f.diag), "needs a value"));
    unload(&f);
}

static void test_config__limits_travel_whole(void **state)
{
    (void)state;
    struct fixture f;
    struct rune_shared_limits shared;
    struct rune_limits back;
    load_text(&f, "bundle = 'b'\n[limits]\nmax_body_bytes = '2KiB'\nmax_buffered_bytes = "
                  "'1MB'\nmax_connections = 5\n"
                  "max_streams = 6\nmax_admin_waiting = 7\nmax_steps = 8\n[timeouts]\nidle_ms = "
                  "900\ndrain_ms = 10\n");
    assert_string_equal(rune_diag_text(f.diag), "");
    rune_config_shared_limits(&f.config, &shared);
    rune_config_limits_from_shared(&shared, &back);
    check_same_limits(&back, &f.config.limits);
    assert_int_equal(back.max_body_bytes, 2048);
    assert_int_equal(back.max_buffered_bytes, 1000000);
    assert_int_equal(shared.max_steps, 8);
    unload(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config__the_example_has_the_defaults),
        cmocka_unit_test(test_config__flags_win_over_the_file),
        cmocka_unit_test(test_config__mistakes_have_places_and_help),
        cmocka_unit_test(test_config__several_mistakes_are_told_at_once),
        cmocka_unit_test(test_config__flags_are_checked),
        cmocka_unit_test(test_config__limits_travel_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
