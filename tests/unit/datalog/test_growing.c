/* SPDX-License-Identifier: Apache-2.0 */
/* Growing relations against a list that is searched from end to end: every arity, values that keep
 * close, spread or jump, tuples one by one and by rows. */
#include <stdlib.h>
#include <string.h>

#include "datalog/growing.h"
#include "unit/cmocka.h"

#define MAX_ARITY 6u
#define BATCHES   200u

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % limit;
}

/* Rows as found by looking at all of them. */
struct list {
    rune_term *rows;
    uint32_t arity, count;
};

static int compare(const void *a, const void *b, void *context)
{
    const struct list *list = context;
    const rune_term *x = a, *y = b;
    for (uint32_t i = 0; i < list->arity; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}

static void list_add(struct list *list, const rune_term *rows, uint32_t count)
{
    memcpy(list->rows + (size_t)list->count * list->arity, rows,
           (size_t)count * list->arity * sizeof(rune_term));
    list->count += count;
}

static void list_sort(struct list *list)
{
    size_t bytes = list->arity * sizeof(rune_term);
    if (list->count == 0) {
        return;
    }
    qsort_r(list->rows, list->count, bytes, compare, list);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const rune_term *row = list->rows + (size_t)i * list->arity;
        rune_term *to = list->rows + (size_t)kept * list->arity;
        if (kept == 0 || memcmp(to - list->arity, row, bytes) != 0) {
            memmove(to, row, bytes);
            kept++;
        }
    }
    list->count = kept;
}

/* A value of column c: `spread` different ones, moved far off in some of the shapes. */
static rune_term pick(uint32_t shape, uint32_t spread)
{
    uint32_t value = 1000 + random_below(spread);
    return shape == 2 && random_below(5000) == 0 ? value * 100003u : value;
}

/* The same tuples as words, where they can be, else as they are. */
static enum rune_err add_row(struct rune_dl_growing *growing, const rune_term *row,
                             const rune_term *lasts, uint32_t count)
{
    static uint64_t bits[1u << 12];
    struct rune_dl_row_words words = {.words = bits, .base = UINT32_MAX};
    rune_term most = 0;
    for (uint32_t i = 0; i < count; i++) {
        words.base = (lasts[i] & ~63u) < words.base ? lasts[i] & ~63u : words.base;
        most = lasts[i] > most ? lasts[i] : most;
    }
    words.count = (most - words.base) / 64 + 1;
    if (words.count > sizeof(bits) / sizeof(bits[0])) {
        return rune_dl_growing_add_row(growing, row, lasts, count);
    }
    memset(bits, 0, sizeof(bits));
    for (uint32_t i = 0; i < count; i++) {
        bits[(lasts[i] - words.base) / 64] |= UINT64_C(1) << (lasts[i] % 64);
    }
    return rune_dl_growing_takes_words(growing, row, &words)
               ? rune_dl_growing_add_words(growing, row, &words)
               : rune_dl_growing_add_row(growing, row, lasts, count);
}

static void run(uint32_t arity, uint32_t shape)
{
    static const uint32_t spreads[] = {12, 100000, 40};
    struct rune_dl_growing *growing = rune_dl_growing_create(arity);
    struct list list = {.arity = arity};
    list.rows = calloc((size_t)BATCHES * RUNE_DL_GROWING_BATCH, arity * sizeof(rune_term));
    assert_non_null(growing);
    assert_non_null(list.rows);
    for (uint32_t b = 0; b < BATCHES; b++) {
        rune_term rows[MAX_ARITY * RUNE_DL_GROWING_BATCH], lasts[RUNE_DL_GROWING_BATCH];
        uint32_t count = 1 + random_below(RUNE_DL_GROWING_BATCH);
        bool by_row = growing->bits.words != NULL && random_below(2) == 0;
        for (uint32_t i = 0; i < count * arity; i++) {
            rows[i] = by_row && i >= arity && i % arity != arity - 1 ? rows[i - arity]
                                                                     : pick(shape, spreads[shape]);
        }
        for (uint32_t i = 0; i < count; i++) {
            lasts[i] = rows[i * arity + arity - 1];
        }
        list_add(&list, rows, count);
        enum rune_err err = !by_row ? rune_dl_growing_add(growing, rows, count)
                            : random_below(2) == 0
                                ? add_row(growing, rows, lasts, count)
                                : rune_dl_growing_add_row(growing, rows, lasts, count);
        assert_int_equal(err, RUNE_OK);
    }
    struct list got = {.arity = arity, .count = growing->tuples.count};
    got.rows = malloc((size_t)got.count * arity * sizeof(rune_term));
    assert_non_null(got.rows);
    memcpy(got.rows, growing->tuples.rows, (size_t)got.count * arity * sizeof(rune_term));
    uint32_t all = got.count;
    list_sort(&got);
    list_sort(&list);
    assert_int_equal(got.count, all); /* each once */
    assert_int_equal(got.count, list.count);
    assert_memory_equal(got.rows, list.rows, (size_t)list.count * arity * sizeof(rune_term));
    free(got.rows);
    free(list.rows);
    rune_dl_growing_destroy(growing);
}

static void test_add__is_a_set(void **state)
{
    (void)state;
    for (uint32_t arity = 1; arity <= MAX_ARITY; arity++) {
        for (uint32_t shape = 0; shape < 3; shape++) {
            random_state = arity * 10 + shape;
            run(arity, shape);
        }
    }
}

/* What a group of new tuples has, as values and, where they are close, as bits. */
static void test_row__has_the_group(void **state)
{
    (void)state;
    for (uint32_t spread = 40; spread <= 100000; spread *= 2500) {
        struct rune_dl_growing *growing = rune_dl_growing_create(2);
        assert_non_null(growing);
        for (uint32_t i = 0; i < 100; i++) {
            const rune_term tuple[2] = {i / 50, 777 + i * spread / 40};
            assert_int_equal(rune_dl_growing_add(growing, tuple, 1), RUNE_OK);
        }
        growing->is_read_by_rows = true;
        assert_int_equal(rune_dl_growing_step(growing), RUNE_OK);
        for (uint32_t begin = 0; begin < 100; begin += 50) {
            growing->group = (struct rune_growing_group){begin, begin + 50};
            const struct rune_dl_row_of_group *row = rune_dl_growing_row(growing);
            assert_non_null(row);
            assert_int_equal(row->count, 50);
            assert_int_equal(row->words.words != NULL, spread == 40);
            for (uint32_t i = 0; i < 50; i++) {
                rune_term value = 777 + (begin + i) * spread / 40;
                assert_int_equal(row->lasts[i], value);
                if (row->words.words != NULL) {
                    uint32_t at = value - row->words.base;
                    assert_true((row->words.words[at / 64] >> (at % 64) & 1) == 1);
                }
            }
        }
        rune_dl_growing_destroy(growing);
    }
}

/* Tuples of three columns in stretches of `most` at most that agree in the first two. */
static void add_stretches(struct rune_dl_growing *growing, uint32_t most)
{
    for (uint32_t i = 0; i < 500; i++) {
        rune_term rows[3 * 40];
        uint32_t count = 1 + random_below(most);
        rune_term first = random_below(30), second = random_below(3);
        for (uint32_t k = 0; k < count; k++) {
            rows[3 * k] = first;
            rows[3 * k + 1] = second;
            rows[3 * k + 2] = random_below(1000);
        }
        assert_int_equal(rune_dl_growing_add(growing, rows, count), RUNE_OK);
    }
}

/* The tuples of three columns in all groups, which ascend. */
static struct list list_of_groups(const struct rune_dl_groups *groups)
{
    struct list list = {malloc((groups->lasts.count + 1) * 3 * sizeof(rune_term)), 3, 0};
    assert_non_null(list.rows);
    for (uint32_t g = 0; g < groups->heads.count; g++) {
        const rune_term *head = groups->heads.rows + (size_t)3 * g;
        const struct rune_growing_group *bounds = &groups->bounds.items[g];
        assert_true(g == 0 || head[-3] < head[0] || (head[-3] == head[0] && head[-2] < head[1]));
        assert_int_equal(bounds->begin, list.count);
        assert_true(bounds->end > bounds->begin);
        for (uint32_t i = bounds->begin; i < bounds->end; i++, list.count++) {
            memcpy(list.rows + (size_t)3 * list.count, head, 2 * sizeof(rune_term));
            list.rows[(size_t)3 * list.count + 2] = groups->lasts.items[i];
        }
    }
    assert_int_equal(list.count, groups->lasts.count);
    return list;
}

/* The new tuples, in many stretches or few: each once, a group's side by side. */
static void test_sort__groups_new_tuples(void **state)
{
    (void)state;
    for (uint32_t most = 1; most <= 40; most += 13) {
        struct rune_dl_growing *growing = rune_dl_growing_create(3);
        assert_non_null(growing);
        growing->is_read_by_rows = true;
        random_state = most;
        for (uint32_t round = 0; round < 5; round++) {
            uint32_t from = growing->high;
            for (uint32_t steps = 0; steps < round; steps++) {
                add_stretches(growing, most);
                assert_int_equal(rune_dl_growing_step(growing), RUNE_OK);
            }
            assert_int_equal(rune_dl_growing_turn(growing, from), RUNE_OK);
            struct list got = list_of_groups(&growing->groups);
            struct list want = {growing->tuples.rows + (size_t)3 * from, 3,
                                growing->tuples.count - from};
            assert_int_equal(got.count, want.count);
            list_sort(&got);
            list_sort(&want);
            assert_memory_equal(got.rows, want.rows, (size_t)got.count * 3 * sizeof(rune_term));
            free(got.rows);
        }
        rune_dl_growing_destroy(growing);
    }
}

/* What a search finds, against a look at all tuples. */
static void check_run(const struct rune_growing *tuples, const struct rune_growing_index *index,
                      const rune_term *terms, uint32_t count)
{
    uint32_t slot, run = rune_growing_find_run(tuples, index, terms, count, &slot), found = 0;
    for (uint32_t i = 0; i < tuples->count; i++) {
        const rune_term *row = tuples->rows + (size_t)3 * i;
        bool agrees = true;
        for (uint32_t c = 0, t = 0; c < 3; c++) {
            agrees = agrees && ((index->mask >> c & 1) == 0 || row[c] == terms[t++]);
        }
        if (agrees) {
            assert_true(run != 0 && found < index->runs[run - 1].count);
            uint32_t place = index->places[index->runs[run - 1].begin + found++];
            assert_int_equal(place, index->has_values ? row[2] : i);
        }
    }
    assert_int_equal(found, run == 0 ? 0 : index->runs[run - 1].count);
}

static void test_index__has_what_agrees(void **state)
{
    (void)state;
    struct rune_dl_growing *growing = rune_dl_growing_create(3);
    const struct rune_growing_index *by_first, *by_both;
    struct rune_dl_partners any = {0};
    assert_non_null(growing);
    assert_int_equal(rune_dl_growing_find_index(growing, 1, &any, &by_first), RUNE_OK);
    assert_int_equal(rune_dl_growing_find_index(growing, 3, &any, &by_both), RUNE_OK);
    random_state = 7;
    for (uint32_t round = 0; round < 4; round++) {
        uint32_t from = growing->high;
        add_stretches(growing, round == 0 ? 1 : 20);
        assert_int_equal(rune_dl_growing_step(growing), RUNE_OK);
        assert_int_equal(rune_dl_growing_turn(growing, from), RUNE_OK);
        if (round % 3 != 1) { /* it may be asked after more than one round */
            assert_int_equal(rune_dl_growing_tell(growing), RUNE_OK);
        }
    }
    for (rune_term first = 0; first <= 30; first++) {
        check_run(&growing->tuples, by_first, &first, 1);
        for (rune_term second = 0; second <= 3; second++) {
            check_run(&growing->tuples, by_both, (rune_term[]){first, second}, 2);
        }
    }
    rune_dl_growing_destroy(growing);
}

static void test_no_columns__one_tuple(void **state)
{
    (void)state;
    struct rune_dl_growing *growing = rune_dl_growing_create(0);
    rune_term none = 0;
    assert_non_null(growing);
    assert_int_equal(rune_dl_growing_add(growing, &none, 3), RUNE_OK);
    assert_int_equal(rune_dl_growing_add(growing, &none, 1), RUNE_OK);
    assert_int_equal(growing->tuples.count, 1);
    rune_dl_growing_destroy(growing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add__is_a_set),
        cmocka_unit_test(test_row__has_the_group),
        cmocka_unit_test(test_sort__groups_new_tuples),
        cmocka_unit_test(test_index__has_what_agrees),
        cmocka_unit_test(test_no_columns__one_tuple),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
