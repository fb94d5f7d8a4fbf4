/* SPDX-License-Identifier: Apache-2.0 */
/* Orders and cursors against a search of all tuples, at keys that lie densely, thinly, in heaps and
 * far apart. */
#include <stdlib.h>
#include <string.h>

#include "eval/relation.h"
#include "unit/cmocka.h"

enum { MAX_KEYS = 3000, VALUES = 3 };

/* A relation of two columns, its keys given, each with one to three values. */
struct fixture {
    uint32_t keys[MAX_KEYS], key_count;
    uint32_t words[4 * MAX_KEYS + VALUES * MAX_KEYS + 64];
    uint32_t tuples;
    struct rune_image_order order;
    struct rune_image_relation relation;
    struct rune_relations in;
};

static uint64_t random_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void make(struct fixture *f, enum rune_order_form form, uint32_t first, uint32_t gap,
                 uint64_t seed)
{
    f->tuples = 0;
    uint32_t key = first;
    for (uint32_t i = 0; i < f->key_count; i++) {
        f->keys[i] = key;
        key += form == RUNE_ORDER_DENSE ? 1 : 1 + (uint32_t)random_next(&seed) % gap;
        key += form != RUNE_ORDER_DENSE && i % 100 == 99 ? 20 * gap : 0;
    }
    f->order = (struct rune_image_order){
        .form = form, .columns = {0, 1}, .key_min = first, .key_count = f->key_count};
    uint32_t at = 0;
    if (form == RUNE_ORDER_SPARSE) {
        rune_directory_plan((uint64_t)f->keys[f->key_count - 1] - first + 1, f->key_count,
                            &f->order.shift, &f->order.block_count);
        assert_true(f->order.block_count <= f->key_count / 2 + 9);
        for (uint32_t i = 0, from = 0; i < f->order.block_count; i++) {
            struct rune_directory_block block =
                rune_directory_block(f->keys, f->key_count, f->order.shift, i, &from);
            f->words[at++] = block.bits;
            f->words[at++] = block.before;
        }
        memcpy(f->words + at, f->keys, f->key_count * sizeof(uint32_t));
        at += f->key_count;
    }
    uint32_t *values = f->words + at + f->key_count + 1;
    for (uint32_t i = 0; i < f->key_count; i++) {
        f->words[at++] = f->tuples;
        for (uint32_t v = 0; v < 1 + i % VALUES; v++) {
            values[f->tuples++] = 10 * v + i % 10;
        }
    }
    f->words[at] = f->tuples;
    f->relation = (struct rune_image_relation){.arity = 2, .tuple_count = f->tuples};
    f->in = (struct rune_relations){&f->relation, &f->order, (uintptr_t)f->words};
    f->order.size = rune_order_size(&f->order, 2, f->tuples);
    assert_true(f->order.size <= sizeof(f->words));
    rune_order_complete(&f->order, 2);
    assert_int_equal(f->order.tuples, f->tuples);
}

static int compare_terms(const void *a, const void *b)
{
    rune_term x = *(const rune_term *)a, y = *(const rune_term *)b;
    return (x > y) - (x < y);
}

static void check_term(const struct fixture *f, rune_term term)
{
    const rune_term *key = bsearch(&term, f->keys, f->key_count, sizeof(term), compare_terms);
    uint32_t number = key == NULL ? 0 : (uint32_t)(key - f->keys), seen = 0;
    struct rune_cursor cursor;
    rune_relation_fetch_key(&f->in, 0, term);
    rune_relation_fetch_row(&f->in, 0, term);
    if (rune_cursor_open(&f->in, 0, &term, 1, &cursor)) {
        assert_non_null(key);
        for (; rune_cursor_next(&cursor); seen++) {
            assert_int_equal(rune_cursor_get(&cursor, 1), 10 * seen + number % 10);
        }
    }
    assert_int_equal(seen, key == NULL ? 0 : 1 + number % VALUES);
    const rune_term pair[2] = {term, 10 + number % 10};
    assert_int_equal(rune_relation_exists(&f->in, 0, pair, 2), key != NULL && number % VALUES >= 1);
}

/* A row whose values are searched in the order: what the filter passes over has no key. */
static void check_filter(const struct fixture *f, const rune_term *terms, uint32_t count)
{
    struct rune_cursor cursor = {.end = count, .is_row = true, .columns = terms};
    uint32_t at = 0;
    while (at < count) {
        bool is_key =
            bsearch(&terms[at], f->keys, f->key_count, sizeof(*terms), compare_terms) != NULL;
        uint32_t passed = rune_cursor_filter(&f->in, &cursor, 1, 0, 5);
        assert_int_equal(cursor.next, at + passed);
        assert_true(passed <= 5 && (passed == 0) == is_key);
        for (uint32_t i = 0; i < passed; i++) {
            assert_null(
                bsearch(&terms[at + i], f->keys, f->key_count, sizeof(*terms), compare_terms));
        }
        at += passed;
        if (is_key) {
            assert_true(rune_cursor_next(&cursor));
            assert_int_equal(rune_cursor_get(&cursor, 1), terms[at]);
            at++;
        }
    }
    assert_int_equal(rune_cursor_filter(&f->in, &cursor, 1, 0, 5), 0);
    assert_false(rune_cursor_next(&cursor));
}

static void test_orders__find_each_key_and_no_other(void **state)
{
    (void)state;
    static const struct {
        enum rune_order_form form;
        uint32_t keys, first, gap;
    } cases[] = {
        {RUNE_ORDER_DENSE, 1, 0, 1},         {RUNE_ORDER_DENSE, 1000, 77, 1},
        {RUNE_ORDER_SPARSE, 1, 5, 1},        {RUNE_ORDER_SPARSE, 2, 0, 1u << 30},
        {RUNE_ORDER_SPARSE, 33, 1, 1},       {RUNE_ORDER_SPARSE, 500, 1u << 28, 5},
        {RUNE_ORDER_SPARSE, MAX_KEYS, 9, 3}, {RUNE_ORDER_SPARSE, MAX_KEYS, 1000, 40},
        {RUNE_ORDER_SPARSE, 2000, 0, 5000},  {RUNE_ORDER_SPARSE, 1500, 123, 700000},
    };
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        f->key_count = cases[c].keys;
        make(f, cases[c].form, cases[c].first, cases[c].gap, c);
        rune_term terms[3 * MAX_KEYS + 4];
        uint32_t count = 0;
        for (uint32_t i = 0; i < f->key_count; i++) {
            terms[count++] = f->keys[i] - 1;
            terms[count++] = f->keys[i];
            terms[count++] = f->keys[i] + 1;
        }
        terms[count++] = 0;
        terms[count++] = UINT32_MAX;
        terms[count++] = f->keys[f->key_count - 1] + 40000;
        for (uint32_t i = 0; i < count; i++) {
            check_term(f, terms[i]);
        }
        check_filter(f, terms, count);
    }
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders__find_each_key_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
