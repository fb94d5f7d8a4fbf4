/* SPDX-License-Identifier: Apache-2.0 */
#include "model/dict.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "unit/cmocka.h"

static rune_term string(struct rune_dict *dict, const char *text)
{
    rune_term term;
    assert_int_equal(rune_dict_string(dict, rune_str_from(text), &term), RUNE_OK);
    return term;
}

static rune_term entity(struct rune_dict *dict, const char *type, const char *id)
{
    rune_term term;
    assert_int_equal(rune_dict_entity(dict, string(dict, type), string(dict, id), &term), RUNE_OK);
    return term;
}

static void test_dict__begins_with_the_empty_values(void **state)
{
    (void)state;
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    assert_int_equal(string(dict, ""), rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, 0));
    rune_term term;
    assert_int_equal(rune_dict_set(dict, NULL, 0, &term), RUNE_OK);
    assert_int_equal(term, rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_SET, 0));
    assert_int_equal(rune_dict_record(dict, NULL, NULL, 0, &term), RUNE_OK);
    assert_int_equal(term, rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_RECORD, 0));
    const struct rune_terms *terms = rune_dict_terms(dict);
    assert_int_equal(terms->sets[0], 0);
    assert_int_equal(terms->records[0], 1);
    rune_dict_destroy(dict);
}

static void test_dict__finds_each_value_again(void **state)
{
    (void)state;
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    static rune_term strings[20000];
    char text[32];
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "name%d", i);
        strings[i] = string(dict, text);
    }
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "name%d", i);
        assert_int_equal(string(dict, text), strings[i]);
        assert_true(rune_str_equal(rune_terms_string(rune_dict_terms(dict), strings[i]),
                                   rune_str_from(text)));
    }
    assert_int_equal(rune_dict_terms(dict)->string_count, 20001);
    rune_term user = entity(dict, "User", "name7");
    assert_int_equal(entity(dict, "User", "name7"), user);
    assert_int_not_equal(entity(dict, "name7", "User"), user);
    const struct rune_terms *terms = rune_dict_terms(dict);
    assert_int_equal(rune_terms_find_uid(terms, RUNE_STR("User"), RUNE_STR("name7")), user);
    assert_int_equal(rune_terms_find_uid(terms, RUNE_STR("User"), RUNE_STR("name8")),
                     RUNE_TERM_NONE);
    assert_int_equal(rune_terms_find_string(terms, RUNE_STR("nobody")), RUNE_TERM_NONE);
    rune_dict_destroy(dict);
}

/* The same terms as one after the other, with repetitions within a batch and across batches, while
 * the tables grow. */
static void test_dict__takes_many_at_once(void **state)
{
    enum { COUNT = 5000 };
    static char texts[COUNT][16];
    static struct rune_str ids[COUNT];
    static rune_term types[COUNT], many[COUNT];
    (void)state;
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    struct rune_dict *slow = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        int length = snprintf(texts[i], sizeof texts[i], "%u", (i * 2654435761u >> 7) % 1700);
        ids[i] = (struct rune_str){texts[i], (size_t)length};
        types[i] = string(dict, i % 3 == 0 ? "Group" : "User");
        assert_int_equal(string(slow, i % 3 == 0 ? "Group" : "User"), types[i]);
    }
    assert_int_equal(rune_dict_strings(dict, ids, 100, many), RUNE_OK);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(string(slow, texts[i]), many[i]);
    }
    assert_int_equal(rune_dict_entities(dict, types, ids, COUNT, many), RUNE_OK);
    for (size_t i = 0; i < COUNT; i++) {
        const char *type = i % 3 == 0 ? "Group" : "User";
        assert_int_equal(rune_terms_find_uid(rune_dict_terms(dict), rune_str_from(type), ids[i]),
                         many[i]);
        assert_true(i < 1 || many[i] != many[i - 1] || rune_str_equal(ids[i], ids[i - 1]));
        entity(slow, type, texts[i]);
    }
    assert_int_equal(rune_dict_terms(dict)->string_count, rune_dict_terms(slow)->string_count);
    assert_int_equal(rune_dict_terms(dict)->entity_count, rune_dict_terms(slow)->entity_count);
    assert_int_equal(rune_dict_entities(dict, types, ids, 0, many), RUNE_OK);
    rune_dict_destroy(dict);
    rune_dict_destroy(slow);
}

/* As one after the other, known or not, of types that agree with the id or not. */
static void test_dict__finds_a_few_together(void **state)
{
    enum { COUNT = 30000 }; /* no cache is thought to hold so many */
    (void)state;
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    rune_term types[2] = {string(dict, "User"), string(dict, "Group")};
    char texts[3][16];
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(texts[0], sizeof texts[0], "%u", i * 7);
        i % 5 == 0 ? string(dict, texts[0]) : entity(dict, i % 3 == 0 ? "Group" : "User", texts[0]);
    }
    uint32_t known = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct rune_terms *terms =
            i < COUNT / 2 ? rune_dict_terms(dict) : rune_dict_finish(dict);
        struct rune_uid_search searches[3];
        uint32_t count = i % 4;
        for (uint32_t k = 0; k < count; k++) {
            int length =
                snprintf(texts[k], sizeof texts[k], "%u", (i * 13 + k * 211) % (7 * COUNT));
            searches[k] = (struct rune_uid_search){.type = types[(i + k) % 2],
                                                   .id = {texts[k], (size_t)length}};
        }
        rune_terms_find_uids(terms, searches, count);
        for (uint32_t k = 0; k < count; k++) {
            assert_int_equal(searches[k].found,
                             rune_terms_find_uid_of(terms, searches[k].type, searches[k].id));
            known += searches[k].found != RUNE_TERM_NONE;
        }
    }
    assert_true(known > 100);
    rune_dict_destroy(dict);
    struct rune_uid_search search = {.id = RUNE_STR("x")};
    rune_terms_find_uids(&(struct rune_terms){0}, &search, 1);
    assert_int_equal(search.found, RUNE_TERM_NONE);
}

/* What an image holds: the index without hashes, in which everything is found as before. */
static void test_dict__finishes_with_an_index_of_terms(void **state)
{
    enum { COUNT = 3000 };
    static rune_term users[COUNT];
    char text[32];
    (void)state;
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "name%d", i);
        users[i] = entity(dict, "User", text);
    }
    const struct rune_terms *terms = rune_dict_finish(dict);
    assert_ptr_equal(terms, rune_dict_finish(dict));
    uint32_t used = 0;
    for (uint32_t i = 0; i < terms->index_slots; i++) {
        used += terms->index[i] != RUNE_TERM_NONE;
    }
    assert_int_equal(used, terms->string_count + COUNT + 2);
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "name%d", i);
        assert_int_equal(rune_terms_find_uid(terms, RUNE_STR("User"), rune_str_from(text)),
                         users[i]);
    }
    rune_term term;
    struct rune_str many[2] = {RUNE_STR("late"), RUNE_STR("name1")};
    assert_int_equal(rune_dict_string(dict, RUNE_STR("late"), &term), RUNE_E_INTERNAL);
    assert_int_equal(rune_dict_strings(dict, many, 2, &term), RUNE_E_INTERNAL);
    rune_dict_destroy(dict);
}

/* Whatever was expected, values get the terms that they get without, are found, and the index ends
 * as large as they need. */
static void test_dict__grows_to_what_is_expected(void **state)
{
    const uint64_t expectations[] = {0, 1, 4000, 6000, 100000, UINT64_MAX};
    (void)state;
    for (size_t e = 0; e < sizeof expectations / sizeof expectations[0]; e++) {
        struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 4000000);
        char text[32];
        for (uint32_t i = 0; i < 5000; i++) {
            snprintf(text, sizeof text, "v%u", i);
            assert_int_equal(rune_term_index(string(dict, text)), i + 1);
            if (i == 1000) {
                rune_dict_expect(dict, expectations[e]);
            }
        }
        assert_true(rune_dict_bytes(dict) <= 4000000);
        const struct rune_terms *terms = rune_dict_finish(dict);
        assert_in_range(terms->index_slots, 5003 * 3 / 2, 5003 * 9 / 4);
        for (uint32_t i = 0; i < 5000; i++) {
            snprintf(text, sizeof text, "v%u", i);
            assert_int_equal(rune_term_index(rune_terms_find_string(terms, rune_str_from(text))),
                             i + 1);
        }
        assert_int_equal(rune_terms_find_string(terms, RUNE_STR("v5000")), RUNE_TERM_NONE);
        rune_dict_destroy(dict);
    }
}

static void test_dict__numbers(void **state)
{
    (void)state;
    static const int64_t values[] = {0,
                                     -1,
                                     RUNE_TERM_INLINE_MIN,
                                     RUNE_TERM_INLINE_MAX,
                                     RUNE_TERM_INLINE_MIN - 1,
                                     RUNE_TERM_INLINE_MAX + 1,
                                     INT64_MIN,
                                     INT64_MAX};
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        rune_term term, again;
        assert_int_equal(rune_dict_long(dict, values[i], &term), RUNE_OK);
        assert_int_equal(rune_dict_long(dict, values[i], &again), RUNE_OK);
        assert_int_equal(term, again);
        assert_int_equal(rune_term_is_inline(term), rune_term_fits_inline(values[i]));
        assert_int_equal(rune_term_kind(term), RUNE_KIND_LONG);
        assert_int_equal(rune_terms_long(rune_dict_terms(dict), term), values[i]);
        assert_int_equal(rune_terms_find_long(rune_dict_terms(dict), values[i]), term);
    }
    rune_term zero, minus_zero;
    assert_int_equal(rune_dict_float(dict, 0.0, &zero), RUNE_OK);
    assert_int_equal(rune_dict_float(dict, -0.0, &minus_zero), RUNE_OK);
    assert_int_equal(zero, minus_zero);
    struct rune_ext ext;
    rune_term first, second;
    assert_int_equal(rune_ext_parse(RUNE_EXT_DECIMAL, RUNE_STR("1.10"), &ext), RUNE_OK);
    assert_int_equal(rune_dict_ext(dict, &ext, &first), RUNE_OK);
    assert_int_equal(rune_ext_parse(RUNE_EXT_DECIMAL, RUNE_STR("1.1"), &ext), RUNE_OK);
    assert_int_equal(rune_dict_ext(dict, &ext, &second), RUNE_OK);
    assert_int_equal(first, second);
    rune_dict_destroy(dict);
}

static void test_dict__containers_are_canonical(void **state)
{
    (void)state;
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    rune_term a = string(dict, "a");
    rune_term b = string(dict, "b");
    rune_term one[] = {b, a, b, a};
    rune_term two[] = {a, b};
    rune_term first, second;
    assert_int_equal(rune_dict_set(dict, one, 4, &first), RUNE_OK);
    assert_int_equal(rune_dict_set(dict, two, 2, &second), RUNE_OK);
    assert_int_equal(first, second);
    rune_term names[] = {b, a};
    rune_term values[] = {RUNE_TERM_TRUE, first};
    rune_term swapped_names[] = {a, b};
    rune_term swapped_values[] = {first, RUNE_TERM_TRUE};
    assert_int_equal(rune_dict_record(dict, names, values, 2, &first), RUNE_OK);
    assert_int_equal(rune_dict_record(dict, swapped_names, swapped_values, 2, &second), RUNE_OK);
    assert_int_equal(first, second);
    const struct rune_terms *terms = rune_dict_terms(dict);
    const uint32_t *run = terms->heap + terms->records[rune_term_index(first)];
    assert_int_equal(terms->heap[run[0]], 2);
    assert_true(terms->heap[run[0] + 1] < terms->heap[run[0] + 2]);
    /* Another record of that shape shares it; a run of its own is no value. */
    uint32_t offset;
    assert_int_equal(rune_dict_record_run(dict, names, values, 2, &offset), RUNE_OK);
    terms = rune_dict_terms(dict);
    assert_int_equal(terms->heap[offset], terms->heap[terms->records[rune_term_index(first)]]);
    assert_int_equal(terms->record_count, 2);
    rune_dict_destroy(dict);
}

static void test_dict__sorts_large_sets(void **state)
{
    (void)state;
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    static rune_term elements[5000];
    uint32_t random = 1;
    for (size_t i = 0; i < 5000; i++) {
        random = random * 1664525u + 1013904223u;
        elements[i] = rune_term_from_inline((int64_t)(random >> 20));
    }
    rune_term term;
    assert_int_equal(rune_dict_set(dict, elements, 5000, &term), RUNE_OK);
    const struct rune_terms *terms = rune_dict_terms(dict);
    const uint32_t *run = terms->heap + terms->sets[rune_term_index(term)];
    for (uint32_t i = 1; i < run[0]; i++) {
        assert_true(run[i] < run[i + 1]);
    }
    rune_dict_destroy(dict);
}

static void test_request_dict__prefers_the_image(void **state)
{
    (void)state;
    struct rune_dict *image = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    rune_term alice = entity(image, "User", "alice");
    rune_term set_of_alice;
    assert_int_equal(rune_dict_set(image, &alice, 1, &set_of_alice), RUNE_OK);
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_REQUEST, rune_dict_terms(image), 0);
    for (int round = 0; round < 3; round++) {
        rune_dict_reset(dict, rune_dict_terms(image));
        assert_int_equal(entity(dict, "User", "alice"), alice);
        rune_term term;
        assert_int_equal(rune_dict_set(dict, &alice, 1, &term), RUNE_OK);
        assert_int_equal(term, set_of_alice);
        assert_int_equal(rune_dict_set(dict, NULL, 0, &term), RUNE_OK);
        assert_int_equal(term, rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_SET, 0));
        rune_term bob = entity(dict, "User", "bob");
        assert_int_equal(rune_term_space(bob), RUNE_SPACE_REQUEST);
        assert_int_equal(entity(dict, "User", "bob"), bob);
        const struct rune_str ids[] = {RUNE_STR("bob"), RUNE_STR("alice"), RUNE_STR("bob")};
        const rune_term user = rune_terms_find_string(rune_dict_terms(image), RUNE_STR("User"));
        rune_term many[3];
        assert_int_equal(
            rune_dict_entities(dict, (const rune_term[]){user, user, user}, ids, 3, many), RUNE_OK);
        assert_true(many[0] == bob && many[1] == alice && many[2] == bob);
        assert_int_equal(rune_dict_strings(dict, ids, 2, many), RUNE_OK);
        assert_int_equal(rune_term_space(many[0]), RUNE_SPACE_REQUEST);
        assert_int_equal(rune_term_space(many[1]), RUNE_SPACE_IMAGE);
        rune_term both[] = {bob, alice, bob};
        rune_term again[] = {alice, bob};
        rune_term first, second;
        assert_int_equal(rune_dict_set(dict, both, 3, &first), RUNE_OK);
        assert_int_equal(rune_dict_set(dict, again, 2, &second), RUNE_OK);
        assert_int_equal(first, second);
        assert_int_equal(both[0], alice);
        assert_int_equal(rune_term_space(first), RUNE_SPACE_REQUEST);
        for (int i = 0; i < 500; i++) {
            char text[32];
            snprintf(text, sizeof text, "v%d", i);
            assert_int_equal(rune_term_space(string(dict, text)), RUNE_SPACE_REQUEST);
        }
    }
    rune_dict_destroy(dict);
    rune_dict_destroy(image);
}

static bool refuse(void *context, size_t size)
{
    (void)size;
    ++*(int *)context;
    return false;
}

static void test_request_dict__ends_at_its_block(void **state)
{
    (void)state;
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_REQUEST, NULL, 1 << 16);
    int calls = 0;
    rune_alloc_set_hook(refuse, &calls);
    enum rune_err err = RUNE_OK;
    int added = 0;
    for (; err == RUNE_OK && added < 100000; added++) {
        char text[32];
        rune_term term;
        snprintf(text, sizeof text, "v%d", added);
        err = rune_dict_string(dict, rune_str_from(text), &term);
    }
    assert_int_equal(err, RUNE_E_LIMIT);
    assert_true(added > 300);
    for (int i = 0; i < added - 1; i++) {
        char text[32];
        snprintf(text, sizeof text, "v%d", i);
        string(dict, text);
    }
    rune_dict_reset(dict, NULL);
    string(dict, "again");
    rune_alloc_set_hook(NULL, NULL);
    assert_int_equal(calls, 0);
    rune_dict_destroy(dict);
}

static void test_dict__ends_at_its_cap(void **state)
{
    (void)state;
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 100000);
    enum rune_err err = RUNE_OK;
    for (int i = 0; err == RUNE_OK && i < 100000; i++) {
        char text[32];
        rune_term term;
        snprintf(text, sizeof text, "v%d", i);
        err = rune_dict_string(dict, rune_str_from(text), &term);
        assert_true(rune_dict_bytes(dict) <= 100000);
    }
    assert_int_equal(err, RUNE_E_LIMIT);
    rune_dict_destroy(dict);
}

static bool fail_at(void *context, size_t size)
{
    (void)size;
    return --*(int *)context != 0;
}

/* Everything once; true if memory sufficed. */
static bool fill(void)
{
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    if (dict == NULL) {
        return false;
    }
    enum rune_err err = RUNE_OK;
    rune_term terms[100];
    rune_term names[100];
    struct rune_ext ext;
    assert_int_equal(rune_ext_parse(RUNE_EXT_DURATION, RUNE_STR("1s"), &ext), RUNE_OK);
    for (int i = 0; i < 100 && err == RUNE_OK; i++) {
        char text[32];
        snprintf(text, sizeof text, "%d", i);
        err = rune_dict_string(dict, rune_str_from(text), &names[i]);
        terms[i] = names[i];
    }
    rune_term term;
    uint32_t offset;
    err = err == RUNE_OK ? rune_dict_entity(dict, names[0], names[1], &term) : err;
    const struct rune_str ids[2] = {RUNE_STR("one"), RUNE_STR("two")};
    rune_term many[2];
    err = err == RUNE_OK ? rune_dict_entities(dict, names, ids, 2, many) : err;
    err = err == RUNE_OK ? rune_dict_long(dict, INT64_MAX, &term) : err;
    err = err == RUNE_OK ? rune_dict_float(dict, 1.5, &term) : err;
    err = err == RUNE_OK ? rune_dict_ext(dict, &ext, &term) : err;
    err = err == RUNE_OK ? rune_dict_record_run(dict, names, terms, 3, &offset) : err;
    err = err == RUNE_OK ? rune_dict_record(dict, names, terms, 100, &term) : err;
    err = err == RUNE_OK ? rune_dict_set(dict, terms, 100, &term) : err;
    assert_true(err == RUNE_OK || err == RUNE_E_NOMEM);
    rune_dict_destroy(dict);
    return err == RUNE_OK;
}

static void test_dict__survives_each_failed_allocation(void **state)
{
    (void)state;
    bool done = false;
    int n = 1;
    for (; !done && n < 1000; n++) {
        int countdown = n;
        rune_alloc_set_hook(fail_at, &countdown);
        done = fill();
        rune_alloc_set_hook(NULL, NULL);
    }
    assert_true(done);
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dict__begins_with_the_empty_values),
        cmocka_unit_test(test_dict__finds_each_value_again),
        cmocka_unit_test(test_dict__takes_many_at_once),
        cmocka_unit_test(test_dict__finds_a_few_together),
        cmocka_unit_test(test_dict__finishes_with_an_index_of_terms),
        cmocka_unit_test(test_dict__grows_to_what_is_expected),
        cmocka_unit_test(test_dict__numbers),
        cmocka_unit_test(test_dict__containers_are_canonical),
        cmocka_unit_test(test_dict__sorts_large_sets),
        cmocka_unit_test(test_request_dict__prefers_the_image),
        cmocka_unit_test(test_request_dict__ends_at_its_block),
        cmocka_unit_test(test_dict__ends_at_its_cap),
        cmocka_unit_test(test_dict__survives_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
