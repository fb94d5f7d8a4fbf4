/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/oom.h"
#include "unit/cmocka.h"

static char root[64];

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/rune-fs-XXXXXX");
    if (mkdtemp(root) == NULL) {
        return 1;
    }
    mkdir(path_of("sub"), 0700);
    mkdir(path_of(".hidden"), 0700);
    put("b.cedar", "bb");
    put("a.cedar", "a");
    put("sub/c.dl", "ccc");
    put(".hidden/x", "x");
    put(".secret", "x");
    put("a-b", "");
    assert_int_equal(symlink("..", path_of("sub/up")), 0);
    assert_int_equal(symlink("b.cedar", path_of("link")), 0);
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const files[] = {"b.cedar", "a.cedar", "sub/c.dl", ".hidden/x", ".secret",
                                        "a-b",     "sub/up",  "link",     "pipe"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        unlink(path_of(files[i]));
    }
    rmdir(path_of("sub"));
    rmdir(path_of(".hidden"));
    return rmdir(root);
}

static void test_fs__reads_whole_files(void **state)
{
    (void)state;
    struct rune_arena arena;
    struct rune_str text;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_fs_read(path_of("sub/c.dl"), 3, &arena, &text, NULL), RUNE_OK);
    assert_true(rune_str_equal(text, RUNE_STR("ccc")));
    assert_int_equal(text.data[3], '\0');
    assert_int_equal(rune_fs_read(path_of("a-b"), 0, &arena, &text, NULL), RUNE_OK);
    assert_int_equal(text.length, 0);
    rune_arena_fini(&arena);
}

static void test_fs__says_why_a_file_cannot_be_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum rune_err want;
    } cases[] = {
        {"missing", RUNE_E_NOT_FOUND}, {"a.cedar/x", RUNE_E_NOT_FOUND},
        {"b.cedar", RUNE_E_LIMIT},     {"sub", RUNE_E_IO},
        {"pipe", RUNE_E_IO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rune_diag *diag = rune_diag_create();
        struct rune_arena arena;
        struct rune_str text = RUNE_STR("untouched");
        rune_arena_init(&arena, 0);
        assert_int_equal(rune_fs_read(path_of(cases[i].name), 1, &arena, &text, diag),
                         cases[i].want);
        assert_true(rune_str_equal(text, RUNE_STR("untouched")));
        assert_int_equal(rune_diag_count(diag, RUNE_ERROR), 1);
        assert_non_null(strstr(rune_diag_text(diag), cases[i].name));
        rune_arena_fini(&arena);
        rune_diag_destroy(diag);
    }
}

static void test_fs__walks_in_bytewise_order_without_hidden_names_and_cycles(void **state)
{
    (void)state;
    static const char *const want[] = {"a-b", "a.cedar", "b.cedar", "link", "sub/c.dl"};
    struct rune_arena arena;
    struct rune_fs_entry *entries;
    size_t count;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_fs_walk(root, 100, &arena, &entries, &count, NULL), RUNE_OK);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(entries[i].path, want[i]);
    }
    assert_int_equal(entries[3].inode, entries[2].inode);
    assert_int_equal(entries[4].size, 3);
    assert_true(entries[4].mtime_ns > INT64_C(1000000000000000000));
    rune_arena_fini(&arena);
}

static void test_fs__walk_has_limits_and_errors(void **state)
{
    (void)state;
    struct rune_arena arena;
    struct rune_fs_entry *entries;
    size_t count;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_fs_walk(root, 4, &arena, &entries, &count, NULL), RUNE_E_LIMIT);
    assert_int_equal(rune_fs_walk(path_of("missing"), 4, &arena, &entries, &count, NULL),
                     RUNE_E_NOT_FOUND);
    rune_arena_fini(&arena);
}

static void test_fs__writes_all(void **state)
{
    (void)state;
    int fd = open(path_of("a-b"), O_WRONLY | O_TRUNC);
    assert_int_equal(rune_fs_write_all(fd, "hello", 5), RUNE_OK);
    close(fd);
    assert_int_equal(rune_fs_write_all(fd, "hello", 5), RUNE_E_IO);
    struct rune_arena arena;
    struct rune_str text;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_fs_read(path_of("a-b"), 100, &arena, &text, NULL), RUNE_OK);
    assert_true(rune_str_equal(text, RUNE_STR("hello")));
    rune_arena_fini(&arena);
}

static bool work(void *context)
{
    (void)context;
    struct rune_arena arena;
    struct rune_fs_entry *entries;
    struct rune_str text;
    size_t count;
    rune_arena_init(&arena, 0);
    enum rune_err err = rune_fs_walk(root, 100, &arena, &entries, &count, NULL);
    if (err == RUNE_OK) {
        err = rune_fs_read(path_of("b.cedar"), 100, &arena, &text, NULL);
    }
    assert_true(err == RUNE_OK || err == RUNE_E_NOMEM);
    rune_arena_fini(&arena);
    return err == RUNE_OK;
}

static void test_fs__out_of_memory(void **state)
{
    (void)state;
    assert_in_range(rune_oom_sweep(work, NULL), 1, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fs__reads_whole_files),
        cmocka_unit_test(test_fs__says_why_a_file_cannot_be_read),
        cmocka_unit_test(test_fs__walks_in_bytewise_order_without_hidden_names_and_cycles),
        cmocka_unit_test(test_fs__walk_has_limits_and_errors),
        cmocka_unit_test(test_fs__writes_all),
        cmocka_unit_test(test_fs__out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
