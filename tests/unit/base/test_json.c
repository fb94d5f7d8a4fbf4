/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "reference/json_check.h"
#include "reference/oom.h"
#include "unit/cmocka.h"

/* A copy that ends exactly where the text does, so that AddressSanitizer sees the first byte too
 * far. */
static char *exact(const char *text, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);
    memcpy(copy, text, length);
    return copy;
}

static enum rune_err parse(const char *text, size_t length)
{
    struct rune_arena arena;
    struct rune_json_node root;
    struct rune_json_error error = {0};
    char *copy = exact(text, length);
    rune_arena_init(&arena, 0);
    enum rune_err err = rune_json_parse((struct rune_str){copy, length}, 0, &arena, &root, &error);
    if (err != RUNE_OK) {
        assert_non_null(error.message);
        assert_true(error.offset <= length);
    }
    rune_arena_fini(&arena);
    free(copy);
    return err;
}

static enum rune_err pull(const char *text, size_t length)
{
    static char slab[1 << 16];
    struct rune_arena arena;
    struct rune_json json;
    char *copy = exact(text, length);
    rune_arena_init_fixed(&arena, slab, sizeof slab);
    rune_json_init(&json, copy, length, &arena);
    enum rune_err err = rune_json_skip(&json);
    if (err == RUNE_OK) {
        err = rune_json_end(&json);
    }
    if (err != RUNE_OK) {
        assert_non_null(json.message);
        assert_true(rune_json_offset(&json) <= length);
    }
    rune_arena_fini(&arena);
    free(copy);
    return err;
}

static const struct rune_str valid[] = {
    RUNE_STR("null"),
    RUNE_STR(" true\t\r\n"),
    RUNE_STR("false"),
    RUNE_STR("0"),
    RUNE_STR("-0"),
    RUNE_STR("-0.0e+00"),
    RUNE_STR("1E5"),
    RUNE_STR("1.5e-300"),
    RUNE_STR("123456789012345678901234567890"),
    RUNE_STR("9223372036854775807"),
    RUNE_STR("-9223372036854775808"),
    RUNE_STR("\"\""),
    RUNE_STR("\"\x7f\""),
    RUNE_STR("\"\\u0000\""),
    RUNE_STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    RUNE_STR("\"\\uD83D\\uDE00\""),
    RUNE_STR("\"\\ud83d\\ude00\""),
    RUNE_STR("\"\xf0\x9f\x98\x80 \xc3\xa4 0123456789abcdef0123456789abcdef\""),
    RUNE_STR("\"\\uFFFF\xef\xbf\xbf\""),
    RUNE_STR("[]"),
    RUNE_STR("[ ]"),
    RUNE_STR("{}"),
    RUNE_STR("{ }"),
    RUNE_STR("[1,[2,[3]],{}]"),
    RUNE_STR("[[ {} , [ ] ] ,\"[\",\"{\"]"),
    RUNE_STR("{\"a\":1,\"A\":2,\"\":3}"),
    RUNE_STR("{\"a\":{\"a\":{\"a\":[{\"a\":null}]}}}"),
    RUNE_STR(
        "{\"principal\":{\"type\":\"User\",\"id\":\"alice\"},\"action\":\"Action::\\\"view\\\"\","
        "\"context\":{\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.0.0.1\"}},\"n\":-12.5e3,\"t\":"
        "true}}"),
};

static const struct rune_str invalid[] = {
    RUNE_STR(""),
    RUNE_STR(" "),
    RUNE_STR("\xef\xbb\xbf{}"),
    RUNE_STR("nul"),
    RUNE_STR("nulL"),
    RUNE_STR("True"),
    RUNE_STR("NaN"),
    RUNE_STR("Infinity"),
    RUNE_STR("-"),
    RUNE_STR("+1"),
    RUNE_STR("01"),
    RUNE_STR("-01"),
    RUNE_STR("00"),
    RUNE_STR("1."),
    RUNE_STR(".5"),
    RUNE_STR("1.e5"),
    RUNE_STR("1e"),
    RUNE_STR("1e+"),
    RUNE_STR("0x10"),
    RUNE_STR("1_000"),
    RUNE_STR("1 2"),
    RUNE_STR("--1"),
    RUNE_STR("\""),
    RUNE_STR("\"a"),
    RUNE_STR("'a'"),
    RUNE_STR("\"\n\""),
    RUNE_STR("\"\t\""),
    RUNE_STR("\"\x1f\""),
    RUNE_STR("\"\0\""),
    RUNE_STR("\"\\x41\""),
    RUNE_STR("\"\\'\""),
    RUNE_STR("\"\\u12\""),
    RUNE_STR("\"\\u12G4\""),
    RUNE_STR("\"\\U0041\""),
    RUNE_STR("\"\\ud83d\""),
    RUNE_STR("\"\\ud83dx\""),
    RUNE_STR("\"\\ud83d\\n\""),
    RUNE_STR("\"\\ud83d\\ud83d\""),
    RUNE_STR("\"\\ude00\""),
    RUNE_STR("\"\\ude00\\ud83d\""),
    RUNE_STR("\"\xff\""),
    RUNE_STR("\"\xc3\""),
    RUNE_STR("\"\xc0\x80\""),
    RUNE_STR("\"\xed\xa0\xbd\xed\xb8\x80\""),
    RUNE_STR("\"\xf4\x90\x80\x80\""),
    RUNE_STR("\"0123456789abcdef0123456789abcd\x01\""),
    RUNE_STR("[1,]"),
    RUNE_STR("[,1]"),
    RUNE_STR("[1 2]"),
    RUNE_STR("[[] 2]"),
    RUNE_STR("[[[],]]"),
    RUNE_STR("[\"[\" 2]"),
    RUNE_STR("{\"a\":\"{\" \"b\":2}"),
    RUNE_STR("[1"),
    RUNE_STR("]"),
    RUNE_STR("[}"),
    RUNE_STR("{]"),
    RUNE_STR("[1}"),
    RUNE_STR("{\"a\":1]"),
    RUNE_STR("{\"a\":1,}"),
    RUNE_STR("{,\"a\":1}"),
    RUNE_STR("{\"a\"}"),
    RUNE_STR("{\"a\":}"),
    RUNE_STR("{\"a\" 1}"),
    RUNE_STR("{\"a\"::1}"),
    RUNE_STR("{a:1}"),
    RUNE_STR("{1:1}"),
    RUNE_STR("{null:1}"),
    RUNE_STR("{} {}"),
    RUNE_STR("{}x"),
    RUNE_STR("{}\0"),
    RUNE_STR("[1]// comment"),
    RUNE_STR("/* comment */ 1"),
    RUNE_STR("\v1"),
    RUNE_STR("\xc2\xa0 1"),
};

static const struct rune_str duplicated[] = {
    RUNE_STR("{\"a\":1,\"a\":1}"),
    RUNE_STR("{\"a\":1,\"\\u0061\":2}"),
    RUNE_STR("{\"\":1,\"\":2}"),
    RUNE_STR("[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]"),
    RUNE_STR("{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,\"j\":0,"
             "\"k\":0,\"l\":0,"
             "\"m\":0,\"n\":0,\"o\":0,\"p\":0,\"q\":0,\"r\":0,\"a\":0}"),
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_json__valid_texts_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(valid); i++) {
        if (parse(valid[i].data, valid[i].length) != RUNE_OK ||
            pull(valid[i].data, valid[i].length) != RUNE_OK) {
            fail_msg("refused: %.*s", RUNE_STR_ARG(valid[i]));
        }
        assert_true(json_check(valid[i].data, valid[i].length, RUNE_JSON_MAX_DEPTH, true));
    }
}

static void test_json__invalid_texts_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(invalid); i++) {
        if (parse(invalid[i].data, invalid[i].length) != RUNE_E_SYNTAX ||
            pull(invalid[i].data, invalid[i].length) != RUNE_E_SYNTAX) {
            fail_msg("taken: %.*s", RUNE_STR_ARG(invalid[i]));
        }
        assert_false(json_check(invalid[i].data, invalid[i].length, RUNE_JSON_MAX_DEPTH, true));
    }
}

static void test_json__duplicate_names_are_refused_in_the_tree(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(duplicated); i++) {
        assert_int_equal(parse(duplicated[i].data, duplicated[i].length), RUNE_E_SYNTAX);
        assert_int_equal(pull(duplicated[i].data, duplicated[i].length), RUNE_OK);
        assert_false(
            json_check(duplicated[i].data, duplicated[i].length, RUNE_JSON_MAX_DEPTH, true));
    }
}

static void test_json__every_truncation_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(valid); i++) {
        const char first = valid[i].data[0];
        if (first != '{' && first != '[' && first != '"') {
            continue; /* a shorter number may be a number */
        }
        for (size_t length = 0; length < valid[i].length; length++) {
            assert_int_not_equal(parse(valid[i].data, length), RUNE_OK);
            assert_int_not_equal(pull(valid[i].data, length), RUNE_OK);
        }
    }
}

/* Each byte of each valid text replaced by each of 256: three readers of one mind. */
static void test_json__agrees_with_the_reference_on_every_changed_byte(void **state)
{
    (void)state;
    size_t taken = 0, refused = 0;
    for (size_t i = 0; i < COUNT(valid); i++) {
        char text[512];
        assert_true(valid[i].length < sizeof text);
        for (size_t at = 0; at < valid[i].length; at++) {
            memcpy(text, valid[i].data, valid[i].length);
            for (int byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                bool want = json_check(text, valid[i].length, RUNE_JSON_MAX_DEPTH, true);
                bool want_pull = json_check(text, valid[i].length, RUNE_JSON_MAX_DEPTH, false);
                if ((parse(text, valid[i].length) == RUNE_OK) != want ||
                    (pull(text, valid[i].length) == RUNE_OK) != want_pull) {
                    fail_msg("the reference %s: %.*s", want ? "takes" : "refuses",
                             (int)valid[i].length, text);
                }
                taken += want;
                refused += !want;
            }
        }
    }
    assert_true(taken > 1000 && refused > 1000);
}

/* A string of each length with something special at each place: the vector loop has no blind spot.
 */
static void test_json__special_bytes_are_seen_at_every_position(void **state)
{
    (void)state;
    static const char special[] = {'"', '\\', '\n', '\0', '\x1f', '\x80', '\xff'};
    for (size_t length = 1; length < 50; length++) {
        for (size_t at = 0; at < length; at++) {
            for (size_t k = 0; k < sizeof special; k++) {
                char text[64];
                memset(text, 'x', sizeof text);
                text[0] = '"';
                text[length + 1] = '"';
                text[1 + at] = special[k];
                assert_int_equal(pull(text, length + 2), RUNE_E_SYNTAX);
            }
        }
    }
}

static void test_json__depth_is_limited(void **state)
{
    (void)state;
    static char text[2 * 100000];
    for (size_t depth = RUNE_JSON_MAX_DEPTH - 1; depth <= RUNE_JSON_MAX_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        enum rune_err want = depth <= RUNE_JSON_MAX_DEPTH ? RUNE_OK : RUNE_E_LIMIT;
        assert_int_equal(parse(text, 2 * depth), want);
        assert_int_equal(pull(text, 2 * depth), want);
    }
    memset(text, '[', sizeof text);
    assert_int_equal(parse(text, sizeof text), RUNE_E_LIMIT);
    assert_int_equal(pull(text, sizeof text), RUNE_E_LIMIT);
    struct rune_arena arena;
    struct rune_json_node root;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_json_parse(RUNE_STR("[[1]]"), 1, &arena, &root, NULL), RUNE_E_LIMIT);
    assert_int_equal(rune_json_parse(RUNE_STR("[[1]]"), 2, &arena, &root, NULL), RUNE_OK);
    rune_arena_fini(&arena);
}

static void test_json__numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rune_json_type type;
        int64_t integer;
    } cases[] = {
        {"0", RUNE_JSON_INTEGER, 0},
        {"-0", RUNE_JSON_NUMBER, 0},
        {"42", RUNE_JSON_INTEGER, 42},
        {"9223372036854775807", RUNE_JSON_INTEGER, INT64_MAX},
        {"-9223372036854775808", RUNE_JSON_INTEGER, INT64_MIN},
        {"9223372036854775808", RUNE_JSON_NUMBER, 0},
        {"-9223372036854775809", RUNE_JSON_NUMBER, 0},
        {"18446744073709551616", RUNE_JSON_NUMBER, 0},
        {"1.0", RUNE_JSON_NUMBER, 0},
        {"1e0", RUNE_JSON_NUMBER, 0},
        {"-0.0", RUNE_JSON_NUMBER, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rune_json json;
        struct rune_json_token token = {0};
        rune_json_init(&json, cases[i].text, strlen(cases[i].text), NULL);
        assert_int_equal(rune_json_value(&json, &token), RUNE_OK);
        assert_int_equal(token.type, cases[i].type);
        assert_true(token.integer == cases[i].integer);
        assert_true(rune_str_equal(token.text, rune_str_from(cases[i].text)));
        assert_int_equal(rune_json_end(&json), RUNE_OK);
    }
}

static void test_json__strings_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct rune_str want;
        bool in_place;
    } cases[] = {
        {"\"\"", RUNE_STR(""), true},
        {"\"abc\"", RUNE_STR("abc"), true},
        {"\"\xc3\xa4\"", RUNE_STR("\xc3\xa4"), true},
        {"\"a\\u00e4\\n\"", RUNE_STR("a\xc3\xa4\n"), false},
        {"\"\\u0000\"", RUNE_STR("\0"), false},
        {"\"\\uD83D\\uDE00\"", RUNE_STR("\xf0\x9f\x98\x80"), false},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", RUNE_STR("\"\\/\b\f\n\r\t"), false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rune_arena arena;
        struct rune_json json;
        struct rune_json_token token;
        rune_arena_init(&arena, 0);
        rune_json_init(&json, cases[i].text, strlen(cases[i].text), &arena);
        assert_int_equal(rune_json_value(&json, &token), RUNE_OK);
        assert_int_equal(token.type, RUNE_JSON_STRING);
        assert_true(rune_str_equal(token.text, cases[i].want));
        assert_int_equal(token.text.data == cases[i].text + 1, cases[i].in_place);
        rune_arena_fini(&arena);
        rune_json_init(&json, cases[i].text, strlen(cases[i].text), NULL);
        assert_int_equal(rune_json_value(&json, &token),
                         cases[i].in_place ? RUNE_OK : RUNE_E_LIMIT);
    }
}

static void test_json__pulls_members_and_elements(void **state)
{
    (void)state;
    static const char text[] = " { \"a\" : [ 1 , \"x\" , { } ] , \"b\\n\" : false } ";
    struct rune_arena arena;
    struct rune_json json;
    struct rune_json_token token;
    struct rune_str key;
    bool more;
    rune_arena_init(&arena, 0);
    rune_json_init(&json, text, sizeof text - 1, &arena);
    assert_int_equal(rune_json_value(&json, &token), RUNE_OK);
    assert_int_equal(token.type, RUNE_JSON_OBJECT);
    assert_int_equal(token.offset, 1);
    assert_int_equal(rune_json_next_member(&json, &more, &key), RUNE_OK);
    assert_true(more && rune_str_equal(key, RUNE_STR("a")));
    assert_int_equal(rune_json_value(&json, &token), RUNE_OK);
    assert_int_equal(token.type, RUNE_JSON_ARRAY);
    size_t count = 0;
    for (;;) {
        assert_int_equal(rune_json_next_element(&json, &more), RUNE_OK);
        if (!more) {
            break;
        }
        assert_int_equal(rune_json_skip(&json), RUNE_OK);
        count++;
    }
    assert_int_equal(count, 3);
    assert_int_equal(rune_json_next_member(&json, &more, &key), RUNE_OK);
    assert_true(more && rune_str_equal(key, RUNE_STR("b\n")));
    assert_int_equal(rune_json_value(&json, &token), RUNE_OK);
    assert_int_equal(token.type, RUNE_JSON_FALSE);
    assert_int_equal(rune_json_next_member(&json, &more, &key), RUNE_OK);
    assert_false(more);
    assert_int_equal(rune_json_end(&json), RUNE_OK);
    assert_int_equal(json.depth, 0);
    rune_arena_fini(&arena);
}

/* What is taken without a call is what the calls would have read. */
static void test_json__takes_objects_that_stand_right_here(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool begins, ends;
    } cases[] = {{"{}", true, true},  {" {}", false, false}, {"{ }", true, false},
                 {"{", true, false},  {"[]", false, false},  {"", false, false},
                 {"}", false, false}, {"{]", true, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rune_json json;
        rune_json_init(&json, cases[i].text, strlen(cases[i].text), NULL);
        assert_int_equal(rune_json_take_object(&json), cases[i].begins);
        assert_int_equal(json.depth, cases[i].begins);
        assert_int_equal(rune_json_offset(&json), cases[i].begins);
        if (cases[i].begins) {
            assert_int_equal(rune_json_take_object_end(&json), cases[i].ends);
            assert_int_equal(json.depth, !cases[i].ends);
            assert_int_equal(rune_json_offset(&json), 1 + cases[i].ends);
        }
    }
    struct rune_json json;
    rune_json_init(&json, "{{", 2, NULL);
    json.max_depth = 1;
    assert_true(rune_json_take_object(&json));
    assert_false(rune_json_take_object(&json));
    json.err = RUNE_E_SYNTAX;
    json.max_depth = 2;
    assert_false(rune_json_take_object(&json));
}

static void test_json__errors_stick_and_have_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
    } cases[] = {
        {"{\"a\":tru}", 5}, {"[1,,2]", 3}, {"{\"a\":1 \"b\":2}", 7},
        {"\"ab\\q\"", 3},   {"[1] x", 4},  {"[\"a\nb\"]", 3},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rune_json json;
        rune_json_init(&json, cases[i].text, strlen(cases[i].text), NULL);
        enum rune_err err = rune_json_skip(&json);
        if (err == RUNE_OK) {
            err = rune_json_end(&json);
        }
        assert_int_equal(err, RUNE_E_SYNTAX);
        assert_int_equal(rune_json_offset(&json), cases[i].offset);
        const char *message = json.message;
        struct rune_json_token token;
        assert_int_equal(rune_json_value(&json, &token), RUNE_E_SYNTAX);
        assert_int_equal(rune_json_end(&json), RUNE_E_SYNTAX);
        assert_ptr_equal(json.message, message);
    }
}

static void test_json__tree_has_places(void **state)
{
    (void)state;
    struct rune_str text = RUNE_STR("{\"a\": [1, 2.5, \"x\\ty\"], \"b\": {\"c\": null}}");
    struct rune_arena arena;
    struct rune_json_node root;
    rune_arena_init(&arena, 0);
    assert_int_equal(rune_json_parse(text, 0, &arena, &root, NULL), RUNE_OK);
    assert_int_equal(root.type, RUNE_JSON_OBJECT);
    assert_int_equal(root.offset, 0);
    assert_int_equal(root.length, text.length);
    assert_int_equal(root.as.object.count, 2);
    assert_int_equal(root.as.object.members[0].key_offset, 1);
    const struct rune_json_node *a = rune_json_find(&root, "a");
    assert_int_equal(a->offset, 6);
    assert_int_equal(a->length, strlen("[1, 2.5, \"x\\ty\"]"));
    assert_int_equal(a->as.array.count, 3);
    assert_true(a->as.array.items[0].as.integer == 1);
    assert_true(rune_str_equal(a->as.array.items[1].as.text, RUNE_STR("2.5")));
    assert_true(rune_str_equal(a->as.array.items[2].as.text, RUNE_STR("x\ty")));
    assert_int_equal(rune_json_find(rune_json_find(&root, "b"), "c")->type, RUNE_JSON_NULL);
    assert_null(rune_json_find(&root, "c"));
    assert_null(rune_json_find(a, "a"));
    rune_arena_fini(&arena);
}

static void test_json__written_strings_are_read_back(void **state)
{
    (void)state;
    char all[128];
    for (int i = 0; i < 128; i++) {
        all[i] = (char)i;
    }
    struct rune_buf buf = RUNE_BUF_INIT;
    rune_buf_append_json(&buf, (struct rune_str){all, 128});
    struct rune_arena arena;
    struct rune_json_node root;
    rune_arena_init(&arena, 0);
    assert_int_equal(
        rune_json_parse((struct rune_str){buf.data, buf.length}, 0, &arena, &root, NULL), RUNE_OK);
    assert_int_equal(root.as.text.length, 128);
    assert_memory_equal(root.as.text.data, all, 128);
    rune_arena_fini(&arena);
    rune_buf_fini(&buf);
}

static bool work(void *context)
{
    struct rune_str text = *(struct rune_str *)context;
    struct rune_arena arena;
    struct rune_json_node root;
    struct rune_json_error error;
    rune_arena_init(&arena, 0);
    enum rune_err err = rune_json_parse(text, 0, &arena, &root, &error);
    assert_true(err == RUNE_OK || err == RUNE_E_NOMEM || err == RUNE_E_LIMIT);
    rune_arena_fini(&arena);
    return err == RUNE_OK;
}

static void test_json__out_of_memory(void **state)
{
    (void)state;
    struct rune_buf buf = RUNE_BUF_INIT;
    rune_buf_append_char(&buf, '{');
    for (int i = 0; i < 300; i++) {
        rune_buf_printf(&buf, "%s\"k%d\":[1,\"\\n%d\",{\"a\":null}]", i > 0 ? "," : "", i, i);
    }
    rune_buf_append_char(&buf, '}');
    struct rune_str text = {buf.data, buf.length};
    assert_in_range(rune_oom_sweep(work, &text), 5, 100);
    rune_buf_fini(&buf);
}

static bool no_memory(void *context, size_t size)
{
    (void)context;
    (void)size;
    return false;
}

static void test_json__pulling_allocates_nothing(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1,2,{\"b\":\"\\u00e4\"}],\"c\":\"0123456789abcdef0123456789\"}";
    static char slab[256];
    struct rune_arena arena;
    struct rune_json json;
    rune_alloc_set_hook(no_memory, NULL);
    rune_arena_init_fixed(&arena, slab, sizeof slab);
    rune_json_init(&json, text, sizeof text - 1, &arena);
    enum rune_err err = rune_json_skip(&json);
    rune_alloc_set_hook(NULL, NULL);
    assert_int_equal(err, RUNE_OK);
    rune_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__valid_texts_are_read),
        cmocka_unit_test(test_json__invalid_texts_are_refused),
        cmocka_unit_test(test_json__duplicate_names_are_refused_in_the_tree),
        cmocka_unit_test(test_json__every_truncation_is_an_error),
        cmocka_unit_test(test_json__agrees_with_the_reference_on_every_changed_byte),
        cmocka_unit_test(test_json__special_bytes_are_seen_at_every_position),
        cmocka_unit_test(test_json__depth_is_limited),
        cmocka_unit_test(test_json__numbers),
        cmocka_unit_test(test_json__strings_are_decoded),
        cmocka_unit_test(test_json__pulls_members_and_elements),
        cmocka_unit_test(test_json__takes_objects_that_stand_right_here),
        cmocka_unit_test(test_json__errors_stick_and_have_a_place),
        cmocka_unit_test(test_json__tree_has_places),
        cmocka_unit_test(test_json__written_strings_are_read_back),
        cmocka_unit_test(test_json__out_of_memory),
        cmocka_unit_test(test_json__pulling_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
