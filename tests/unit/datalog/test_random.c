/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs (reference/datalog_random.h), as made and with everything in other orders,
 * against the naive evaluator: stored, demanded and as planned, whole and by every set of known
 * columns.
 *
 * RUNE_TEST_SEED=N begins with another seed, RUNE_TEST_ROUNDS=N makes so many programs. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "reference/datalog_naive.h"
#include "reference/datalog_random.h"
#include "reference/datalog_run.h"
#include "reference/rounds.h"
#include "unit/cmocka.h"
#include "unit/datalog/compare.h"

static uint32_t source_zero(void *context, const struct rune_source *source)
{
    (void)context;
    (void)source;
    return 0;
}

#define ROUNDS     300u /* programs of the ordinary test */
#define MAX_TUPLES 500u /* of a relation */
#define ORDERS     3u   /* each program is written in so many orders */

struct totals {
    uint64_t programs, skipped, derived;
};

static void check_text(const struct rune_buf *text, uint64_t seed, struct totals *totals)
{
    static const char *const ways[] = {"as planned", "stored", "demanded"};
    for (int way = 0; way < 3; way++) {
        struct datalog_run run;
        struct rune_arena arena;
        struct naive_relation *want;
        uint64_t state = seed;
        char how[64];
        snprintf(how, sizeof(how), "seed %llu, %s", (unsigned long long)seed, ways[way]);
        rune_arena_init(&arena, (size_t)512 << 20);
        enum rune_err err = datalog_run_open(&run, (struct rune_str){text->data, text->length},
                                             RUNE_DL_BARE, NULL, 0);
        if (err != RUNE_OK) {
            fail_msg("%s: %s\n%.*s", how, rune_diag_text(run.diag), (int)text->length, text->data);
        }
        bool is_known = naive_evaluate(&run.program, MAX_TUPLES, &arena, &want);
        if (is_known) {
            err = datalog_run_evaluate(&run, (enum rune_dl_storing)way);
            if (err != RUNE_OK) {
                fail_msg("%s: %s %s\n%.*s", how, rune_err_text(err), rune_diag_text(run.diag),
                         (int)text->length, text->data);
            }
            compare_run(&run, text, want, &state, false, how);
            if (way == RUNE_DL_STORE_BASE) {
                compare_limit_memory(&run, (9 + seed % 3) * 1024);
                compare_run(&run, text, want, &state, true, how);
            }
        }
        for (uint32_t r = 0; is_known && r < run.program.relation_count; r++) {
            totals->derived += run.program.relations[r].is_head ? want[r].count : 0;
        }
        totals->programs += is_known;
        totals->skipped += !is_known;
        datalog_run_close(&run);
        rune_arena_fini(&arena);
        if (!is_known) {
            return;
        }
    }
}

static void test_random_programs__every_way_and_order_is_the_naive_one(void **state)
{
    (void)state;
    uint64_t first = rounds_number_of("RUNE_TEST_SEED", 1),
             rounds = rounds_number_of("RUNE_TEST_ROUNDS", ROUNDS);
    struct totals totals = {0};
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        for (uint64_t order = 0; order < ORDERS; order++) {
            struct rune_buf text = RUNE_BUF_INIT;
            datalog_random_program(&text, seed, order);
            (void)rune_buf_cstr(&text);
            check_text(&text, seed, &totals);
            rune_buf_fini(&text);
        }
    }
    print_message("%llu evaluations, %llu programs too large, %llu derived tuples\n",
                  (unsigned long long)totals.programs, (unsigned long long)totals.skipped,
                  (unsigned long long)totals.derived);
    assert_true(totals.programs > rounds * ORDERS && totals.derived > totals.programs * 5);
}

/* ---- rules alike ---- */

/* The rule of a line once more: with other numbers, and of a relation of its own, perhaps. */
static void append_alike(struct rune_buf *out, const char *line, size_t length, uint64_t *random,
                         uint32_t own)
{
    for (size_t i = 0; i < length; i++) {
        bool in_word = i > 0 && (line[i - 1] == '_' || isalnum((unsigned char)line[i - 1]) != 0);
        if (isdigit((unsigned char)line[i]) != 0 && !in_word) {
            rune_buf_printf(out, "%u", datalog_random_below(random, 7));
        } else {
            rune_buf_append(out, line + i, 1);
        }
        if (own != 0 && i + 1 < length && line[i + 1] == '(') {
            rune_buf_printf(out, "x%u", own);
            own = 0; /* the head comes first */
        }
    }
}

/* A random program, some of whose rules come many times. */
static void print_alike(struct rune_buf *out, uint64_t seed)
{
    struct rune_buf text = RUNE_BUF_INIT;
    uint64_t random = seed;
    uint32_t own = 0;
    datalog_random_program(&text, seed, 0);
    (void)rune_buf_cstr(&text);
    rune_buf_append(out, text.data, text.length);
    for (const char *line = text.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        size_t length = (size_t)(end + 1 - line);
        bool is_rule = memmem(line, length, ":-", 2) != NULL;
        uint32_t times = is_rule ? datalog_random_below(&random, 5) : 0;
        for (uint32_t i = 0; i < times; i++) {
            own += datalog_random_below(&random, 4) != 0;
            append_alike(out, line, length, &random, i % 3 == 2 ? 0 : own + 1);
        }
    }
    (void)rune_buf_cstr(out);
    rune_buf_fini(&text);
}

static void evaluate_alike(struct datalog_run *run, const struct rune_buf *text,
                           enum rune_dl_storing storing, enum rune_dl_sharing sharing)
{
    struct rune_dl_options options = {.storing = storing,
                                      .sharing = sharing,
                                      .max_tuples = 100000,
                                      .max_steps = 100000000,
                                      .max_memory_bytes = (uint64_t)1 << 30};
    struct rune_str rules = {text->data, text->length};
    enum rune_err err = datalog_run_open(run, rules, RUNE_DL_BARE, NULL, 0);
    if (err != RUNE_OK) {
        fail_msg("%s\n%s", rune_diag_text(run->diag), text->data);
    }
    err = rune_dl_evaluate(&run->program, run->facts, NULL, run->dict, &options, source_zero, NULL,
                           &run->result, run->diag);
    if (err != RUNE_OK && err != RUNE_E_LIMIT) {
        fail_msg("%s %s\n%s", rune_err_text(err), rune_diag_text(run->diag), text->data);
    }
}

#define assert_vec_equal(a, b)                                                      \
    do {                                                                            \
        assert_int_equal((a).count, (b).count);                                     \
        assert_bytes_equal((a).items, (b).items, (a).count * sizeof((a).items[0])); \
    } while (0)

static void assert_bytes_equal(const void *a, const void *b, size_t bytes)
{
    if (bytes > 0) {
        assert_memory_equal(a, b, bytes);
    }
}

static void test_rules_alike__sharing_their_programs_changes_no_byte(void **state)
{
    (void)state;
    uint64_t first = rounds_number_of("RUNE_TEST_SEED", 1),
             rounds = rounds_number_of("RUNE_TEST_ROUNDS", ROUNDS);
    uint64_t words = 0;
    for (uint64_t i = 0; i < 3 * rounds; i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        struct datalog_run shared, each;
        enum rune_dl_storing storing = (enum rune_dl_storing)(i % 3);
        print_alike(&text, first + i / 3);
        evaluate_alike(&shared, &text, storing, RUNE_DL_SHARE_PROGRAMS);
        evaluate_alike(&each, &text, storing, RUNE_DL_SHARE_NOTHING);
        assert_string_equal(rune_diag_text(shared.diag), rune_diag_text(each.diag));
        const struct rune_dl_result *a = &shared.result, *b = &each.result;
        assert_vec_equal(a->plans, b->plans);
        assert_vec_equal(a->code, b->code);
        assert_vec_equal(a->spans, b->spans);
        assert_vec_equal(a->orders, b->orders);
        assert_vec_equal(a->rules, b->rules);
        assert_int_equal(a->tuple_bytes, b->tuple_bytes);
        assert_bytes_equal(a->tuples, b->tuples, a->tuple_bytes);
        words += a->code.count;
        datalog_run_close(&shared);
        datalog_run_close(&each);
        rune_buf_fini(&text);
    }
    assert_true(words > 100 * rounds);
}

/* ---- answers in parts ---- */

/* Views of up to six columns over joins, products, negation and aggregates: with memory for a few
 * dozens of tuples, each pattern is answered all the same. */
static void test_wide_views__are_answered_with_little_memory(void **state)
{
    static const char rules[] =
        "w4(A, B, C, D) :- e(A, B), e(B, C), e(C, D).\n"
        "w4(A, A, B, 7) :- e(A, B).\n"
        "x4(A, B, C, D) :- e(A, B), e(C, D).\n"
        "n4(A, B, C, N) :- e(A, B), not e(B, A), e(A, C), N = B + C.\n"
        "a5(A, B, C, D, N) :- e(A, B), N = count { e(B, _) }, e(C, B), f(C, D), N >= 1.\n"
        "v6(A, B, C, D, E, F) :- w4(A, B, C, _), f(C, D), x4(A, E, B, F), E < F.\n"
        "c4(A, 1, B, A) :- e(A, B) ; f(B, A).\n"
        "k3(A, B, C) :- e(A, B), C = A * 1000.\n"
        "k3(A, A, A) :- f(A, _).\n";
    struct rune_buf text = RUNE_BUF_INIT;
    uint64_t random = 7;
    (void)state;
    for (uint32_t i = 0; i < 14; i++) {
        rune_buf_printf(&text, "e(%u, %u). f(%u, %u).\n", datalog_random_below(&random, 6),
                        datalog_random_below(&random, 6), datalog_random_below(&random, 6),
                        datalog_random_below(&random, 4));
    }
    rune_buf_append_cstr(&text, rules);
    (void)rune_buf_cstr(&text);
    struct datalog_run run;
    struct rune_arena arena;
    struct naive_relation *want;
    rune_arena_init(&arena, (size_t)512 << 20);
    assert_int_equal(
        datalog_run_open(&run, (struct rune_str){text.data, text.length}, RUNE_DL_BARE, NULL, 0),
        RUNE_OK);
    assert_true(naive_evaluate(&run.program, 5000, &arena, &want));
    if (datalog_run_evaluate(&run, RUNE_DL_STORE_BASE) != RUNE_OK) {
        fail_msg("%s", rune_diag_text(run.diag));
    }
    static const size_t memory[] = {(size_t)1 << 20, (size_t)16 << 10};
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
        compare_limit_memory(&run, memory[i]);
        for (unsigned round = 0; round < 5; round++) {
            compare_run(&run, &text, want, &random, false, "wide views");
        }
    }
    datalog_run_close(&run);
    rune_arena_fini(&arena);
    rune_buf_fini(&text);
}

/* ---- recursions that compute what they ask ---- */

struct recursion {
    const char *others; /* facts and further rules */
    const char *head;
    const char *body[6]; /* in every order */
};

static const struct recursion recursions[] = {
    {"num(0). num(1). num(2). num(3). e(1, 2). e(2, 3). e(3, 1). hops(X, X, 0) :- e(X, _).",
     "hops(X, Z, N)",
     {"num(N)", "e(X, Y)", "M = N - 1", "hops(Y, Z, M)"}},
    {"e(1, 2). e(2, 3). e(3, 3). up(X, Z) :- e(X, Z).",
     "up(X, Z)",
     {"Y = X + 1", "up(Y, Z)", "e(X, W)", "W <= Z"}},
    {"e(1, 2). e(2, 1). e(2, 2). r(X, 0) :- e(X, _). r(X, 1) :- e(_, X).",
     "r(X, N)",
     {"r(Y, N)", "e(X, Y)", "M = N + 1", "r(Y, M)"}},
    {"cons(c, 3, b). cons(b, 2, a). cons(a, 1, nil). nth(L, 0, H) :- cons(L, H, _).",
     "nth(L, N, X)",
     {"cons(L, _, T)", "nth(T, M, X)", "N = M + 1", "M < 5"}},
    {"top(1, 2). top(2, 4). top(3, 4). even(4). odd(X) :- even(Y), Y = X + 1, top(X, Z), Z > X.",
     "even(X)",
     {"Y = X + 1", "odd(Y)", "top(X, Z)", "Z != Y"}},
    {"e(1, 2). e(2, 3). e(3, 4). deep(4, 0).",
     "deep(X, N)",
     {"e(X, Y)", "deep(Y, M)", "N = M + 1", "K = sum { V + N : e(V, _) }", "K < 90"}},
    {"e(1, 2). e(2, 2). e(6, 1). s(7, 1).",
     "s(X, Z)",
     {"K = sum { V + X : e(V, _) }", "s(K, Z)", "e(W, X)", "e(X, V)", "Z < V"}},
    {"n(0).", "n(Y)", {"n(X)", "Y = X + 1", "Z = Y * 2", "Z < 19"}},
};

/* The next order of the places, ascending at first. False: that was the last. */
static bool permute(uint32_t *places, uint32_t count)
{
    uint32_t at = count - 1, other = count - 1;
    while (at > 0 && places[at - 1] > places[at]) {
        at--;
    }
    if (at == 0) {
        return false;
    }
    while (places[other] < places[at - 1]) {
        other--;
    }
    uint32_t was = places[at - 1];
    places[at - 1] = places[other];
    places[other] = was;
    for (other = count - 1; at < other; at++, other--) {
        was = places[at];
        places[at] = places[other];
        places[other] = was;
    }
    return true;
}

static void test_recursions__no_order_of_their_literals_ends_in_a_limit(void **state)
{
    (void)state;
    struct totals totals = {0};
    for (size_t i = 0; i < sizeof(recursions) / sizeof(recursions[0]); i++) {
        const struct recursion *recursion = &recursions[i];
        uint32_t places[6] = {0, 1, 2, 3, 4, 5}, count = 0;
        while (count < 6 && recursion->body[count] != NULL) {
            count++;
        }
        do {
            struct rune_buf text = RUNE_BUF_INIT;
            rune_buf_printf(&text, "%s %s :- ", recursion->others, recursion->head);
            for (uint32_t k = 0; k < count; k++) {
                rune_buf_printf(&text, "%s%s", k > 0 ? ", " : "", recursion->body[places[k]]);
            }
            rune_buf_append_cstr(&text, ".\n");
            (void)rune_buf_cstr(&text);
            check_text(&text, i + 1, &totals);
            rune_buf_fini(&text);
        } while (permute(places, count));
    }
    assert_int_equal(totals.skipped, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_programs__every_way_and_order_is_the_naive_one),
        cmocka_unit_test(test_rules_alike__sharing_their_programs_changes_no_byte),
        cmocka_unit_test(test_wide_views__are_answered_with_little_memory),
        cmocka_unit_test(test_recursions__no_order_of_their_literals_ends_in_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
