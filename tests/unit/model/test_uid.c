/* SPDX-License-Identifier: Apache-2.0 */
#include "model/uid.h"

#include <string.h>

#include "unit/cmocka.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    const char *text;
    const char *type; /* NULL: refused */
    const char *id;
} reads[] = {
    {"User::\"alice\"", "User", "alice"},
    {"A::B_2::\"\"", "A::B_2", ""},
    {"User::\"a\\\"b\\n\\u{41}\\x41\\0\"", "User", "a\"b\nAA"},
    {"User :: // note \"x\"\n \"alice\" ", "User", "alice"},
    {" A :: B::\"x\"", "A::B", "x"},
    {"principal::\"x\"", "principal", "x"},
    {"User::\"raw\nline\"", "User", "raw\nline"},
    {"User::\"\xc3\xa9\"", "User", "\xc3\xa9"},
    {"user:alice", "user", "alice"},
    {"user:", "user", ""},
    {"user:urn:x", "user", "urn:x"},
    {"user:a \"quoted\" one", "user", "a \"quoted\" one"},
    {"alice", "Default", "alice"},
    {"", "Default", ""},
    {"\"alice\"", "Default", "\"alice\""},
    {"User::alice", NULL, NULL},
    {"User::\"alice", NULL, NULL},
    {"User::\"alice\" x", NULL, NULL},
    {"User::\"a\\q\"", NULL, NULL},
    {"User::\"\\x80\"", NULL, NULL},
    {"User::\"\\u{d800}\"", NULL, NULL},
    {"User::\"\\u{}\"", NULL, NULL},
    {"User::\"\\u{_41}\"", NULL, NULL},
    {"User::\"\\*\"", NULL, NULL},
    {"if::\"x\"", NULL, NULL},
    {"A::in::\"x\"", NULL, NULL},
    {"::\"x\"", NULL, NULL},
    {"A B::\"x\"", NULL, NULL},
    {"A:::\"x\"", NULL, NULL},
    {":x", NULL, NULL},
    {"my type:x", NULL, NULL},
    {"1a:x", NULL, NULL},
    {"true:x", NULL, NULL},
};

static void test_read__table(void **state)
{
    (void)state;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(reads); i++) {
        struct rune_uid uid;
        const char *message = NULL;
        enum rune_err err = rune_uid_read(rune_str_from(reads[i].text), RUNE_STR("Default"), &arena,
                                          &uid, &message);
        if ((err == RUNE_OK) != (reads[i].type != NULL)) {
            fail_msg("%s: %s", reads[i].text, rune_err_text(err));
        }
        if (err != RUNE_OK) {
            assert_non_null(message);
            continue;
        }
        assert_true(rune_str_equal(uid.type, rune_str_from(reads[i].type)));
        if (i != 2) { /* holds a NUL */
            assert_true(rune_str_equal(uid.id, rune_str_from(reads[i].id)));
        } else {
            assert_int_equal(uid.id.length, 7);
            assert_memory_equal(uid.id.data, "a\"b\nAA\0", 7);
        }
    }
    rune_arena_fini(&arena);
}

static void test_read__limits(void **state)
{
    (void)state;
    struct rune_uid uid;
    const char *message;
    assert_int_equal(rune_uid_read(RUNE_STR("alice"), RUNE_STR(""), NULL, &uid, &message),
                     RUNE_E_INVALID);
    assert_int_equal(rune_uid_read(RUNE_STR("U::\"plain\""), RUNE_STR(""), NULL, &uid, &message),
                     RUNE_OK);
    assert_int_equal(rune_uid_read(RUNE_STR("U::\"a\\nb\""), RUNE_STR(""), NULL, &uid, &message),
                     RUNE_E_LIMIT);
    assert_int_equal(rune_uid_read(RUNE_STR("U ::\"a\""), RUNE_STR(""), NULL, &uid, &message),
                     RUNE_E_LIMIT);
}

static void test_format__reads_back(void **state)
{
    (void)state;
    static const char id[] = "a\"b\\c\n\t\r\0\x01\x7f'\xc3\xa9";
    struct rune_buf out = RUNE_BUF_INIT;
    struct rune_arena arena;
    struct rune_uid uid;
    const char *message;
    rune_arena_init(&arena, 0);
    rune_uid_format(RUNE_STR("N::T"), (struct rune_str){id, sizeof id - 1}, &out);
    assert_int_equal(
        rune_uid_parse((struct rune_str){out.data, out.length}, &arena, &uid, &message), RUNE_OK);
    assert_true(rune_str_equal(uid.type, RUNE_STR("N::T")));
    assert_int_equal(uid.id.length, sizeof id - 1);
    assert_memory_equal(uid.id.data, id, sizeof id - 1);
    rune_arena_fini(&arena);
    rune_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read__table),
        cmocka_unit_test(test_read__limits),
        cmocka_unit_test(test_format__reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
