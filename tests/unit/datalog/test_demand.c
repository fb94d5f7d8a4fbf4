/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to relations that are computed on demand: answered whatever is known, however large the
 * views in between, with little memory, and without looking at what was not asked.
 *
 * RUNE_TEST_SEED=N begins with another seed, RUNE_TEST_ROUNDS=N makes so many programs. */
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

#define ROUNDS     60u
#define MAX_TUPLES 1500u /* of a view: the naive evaluator goes through all of them */
#define MEMORY     (16u * 1024)

static void open_run(struct datalog_run *run, const struct rune_buf *text)
{
    enum rune_err err =
        datalog_run_open(run, (struct rune_str){text->data, text->length}, RUNE_DL_BARE, NULL, 0);
    if (err == RUNE_OK) {
        err = datalog_run_evaluate(run, RUNE_DL_STORE_BASE);
    }
    if (err != RUNE_OK) {
        fail_msg("%s %s\n%.*s", rune_err_text(err), rune_diag_text(run->diag), (int)text->length,
                 text->data);
    }
}

/* ---- views over views ---- */

#define BASES 3u
#define VIEWS 6u

static const uint32_t base_arity[BASES] = {2, 2, 1};

struct views {
    uint64_t *state;
    bool counts_wide; /* tuples of many columns, which have to be kept to be counted once each */
    uint32_t arity[BASES + VIEWS];
};

/* An atom of an earlier relation, mostly with a variable that was there before. */
static uint32_t put_atom(struct views *views, struct rune_buf *out, uint32_t view, uint32_t vars)
{
    uint32_t relation = datalog_random_below(views->state, view);
    uint32_t old = datalog_random_below(views->state, views->arity[relation] + 1);
    rune_buf_printf(out, "r%u(", relation);
    for (uint32_t i = 0; i < views->arity[relation]; i++) {
        bool is_new = vars == 0 || (i != old && datalog_random_below(views->state, 9) > 0);
        rune_buf_printf(out, "%sV%u", i > 0 ? ", " : "",
                        is_new ? vars : datalog_random_below(views->state, vars));
        vars += is_new;
    }
    rune_buf_append_cstr(out, ")");
    return vars;
}

static void put_rule(struct views *views, struct rune_buf *out, uint32_t view)
{
    struct rune_buf body = RUNE_BUF_INIT;
    uint32_t vars = put_atom(views, &body, view, 0); /* one at least */
    assert_true(vars > 0);
    for (uint32_t more = datalog_random_below(views->state, 3); more > 0; more--) {
        rune_buf_append_cstr(&body, ", ");
        vars = put_atom(views, &body, view, vars);
    }
    uint32_t kind = datalog_random_below(views->state, 8);
    uint32_t some = datalog_random_below(views->state, vars);
    uint32_t other = datalog_random_below(views->state, view);
    if (kind == 0 && (views->arity[other] <= 2 || views->counts_wide)) {
        rune_buf_printf(&body, ", V%u = count { r%u(V%u", vars, other, some);
        for (uint32_t i = 1; i < views->arity[other]; i++) {
            rune_buf_append_cstr(&body, ", _");
        }
        rune_buf_append_cstr(&body, ") }");
        vars++;
    } else if (kind == 1) {
        rune_buf_printf(&body, ", not r%u(V%u", other, some);
        for (uint32_t i = 1; i < views->arity[other]; i++) {
            rune_buf_printf(&body, ", V%u", datalog_random_below(views->state, vars));
        }
        rune_buf_append_cstr(&body, ")");
    } else if (kind == 2) {
        rune_buf_printf(&body, ", V%u <= V%u", some, datalog_random_below(views->state, vars));
    }
    rune_buf_printf(out, "r%u(", view);
    for (uint32_t i = 0; i < views->arity[view]; i++) {
        /* mostly all of the body's, in turn, so that views are wide */
        uint32_t var = datalog_random_below(views->state, 5) == 0
                           ? datalog_random_below(views->state, vars)
                           : i % (vars > 0 ? vars : 1);
        rune_buf_printf(out, "%sV%u", i > 0 ? ", " : "", var);
    }
    rune_buf_printf(out, ") :- %s.\n", rune_buf_cstr(&body));
    rune_buf_fini(&body);
}

static void put_views(struct rune_buf *out, uint64_t seed, bool counts_wide)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 7;
    struct views views = {.state = &state, .counts_wide = counts_wide};
    for (uint32_t r = 0; r < BASES; r++) {
        views.arity[r] = base_arity[r];
        for (uint32_t i = 14; i > 0; i--) {
            rune_buf_printf(out, "r%u(%u", r, datalog_random_below(&state, 5));
            for (uint32_t c = 1; c < base_arity[r]; c++) {
                rune_buf_printf(out, ", %u", datalog_random_below(&state, 5));
            }
            rune_buf_append_cstr(out, ").\n");
        }
    }
    for (uint32_t v = BASES; v < BASES + VIEWS; v++) {
        views.arity[v] = 2 + datalog_random_below(&state, 4);
        for (uint32_t rules = 1 + (datalog_random_below(&state, 4) == 0); rules > 0; rules--) {
            put_rule(&views, out, v);
        }
    }
}

static void test_views__of_any_size_are_answered_by_every_pattern(void **state)
{
    uint64_t first = rounds_number_of("RUNE_TEST_SEED", 1),
             rounds = rounds_number_of("RUNE_TEST_ROUNDS", ROUNDS);
    uint64_t compared = 0, derived = 0;
    (void)state;
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        struct rune_buf text = RUNE_BUF_INIT;
        struct datalog_run run;
        struct rune_arena arena;
        struct naive_relation *want;
        uint64_t random = seed;
        char how[64];
        bool counts_wide = seed % 4 == 0;
        snprintf(how, sizeof(how), "views, seed %llu", (unsigned long long)seed);
        put_views(&text, seed, counts_wide);
        (void)rune_buf_cstr(&text);
        rune_arena_init(&arena, (size_t)512 << 20);
        open_run(&run, &text);
        if (naive_evaluate(&run.program, MAX_TUPLES, &arena, &want)) {
            compare_run(&run, &text, want, &random, false, how);
            if (!counts_wide) {
                compare_limit_memory(&run, MEMORY);
                compare_run(&run, &text, want, &random, false, how);
            }
            for (uint32_t r = 0; r < run.program.relation_count; r++) {
                derived += want[r].count;
            }
            compared++;
        }
        datalog_run_close(&run);
        rune_arena_fini(&arena);
        rune_buf_fini(&text);
    }
    print_message("%llu programs, %llu tuples\n", (unsigned long long)compared,
                  (unsigned long long)derived);
    assert_true(compared * 2 > rounds && derived > compared * 100);
}

/* ---- views that nobody could keep ---- */

static bool count_one(void *context, const rune_term *tuple, uint32_t arity)
{
    (void)tuple;
    (void)arity;
    ++*(uint32_t *)context;
    return true;
}

static bool count_first(void *context, const rune_term *tuple, uint32_t arity)
{
    (void)count_one(context, tuple, arity);
    return false;
}

struct question {
    const char *relation;
    int pattern[6];  /* values of columns; -1: any; -2, -3: the same wherever it stands */
    bool first_only; /* it is asked for one tuple */
    uint32_t tuples;
    uint64_t most_steps;
};

/* Asks, and holds the answer to its number of tuples and to what an indexed search would take. */
static void ask(struct datalog_run *run, const struct question *question)
{
    rune_term bound[6];
    uint32_t same[6], seen = 0;
    struct rune_str name = {question->relation, strlen(question->relation)};
    uint32_t arity = run->program.relations[datalog_run_relation(run, name)].arity;
    for (uint32_t i = 0; i < arity; i++) {
        int value = question->pattern[i];
        bound[i] = value >= 0 ? rune_term_from_inline(value) : RUNE_TERM_NONE;
        same[i] = i;
        for (uint32_t k = i; value < -1 && k-- > 0;) {
            same[i] = question->pattern[k] == value ? k : same[i];
        }
    }
    datalog_run_reset(run);
    enum rune_err err = datalog_run_query(run, name, bound, same,
                                          question->first_only ? count_first : count_one, &seen);
    if (err != RUNE_OK || seen != question->tuples || run->steps > question->most_steps) {
        fail_msg("%s(%d, %d, %d, %d, %d): %s, %u tuples (not %u), %llu steps (at most %llu)",
                 question->relation, question->pattern[0], question->pattern[1],
                 question->pattern[2], question->pattern[3], question->pattern[4],
                 rune_err_text(err), seen, question->tuples, (unsigned long long)run->steps,
                 (unsigned long long)question->most_steps);
    }
}

/* h is all pairs of N values: x4 has N^4 tuples, z5 and c5 N^5. */
#define N 30

static const char chains[] = "x4(A, B, C, D) :- h(A, B), h(B, C), h(C, D).\n"
                             "y4(A, B, C, D) :- h(A, B), h(C, D).\n"
                             "z5(A, B, C, D, E) :- x4(A, B, C, D), h(D, E).\n"
                             "p2(A, E) :- z5(A, _, _, _, E).\n"
                             "n3(A, D, K) :- h(A, D), K = count { x4(A, _, _, D) }.\n"
                             "w3(A, B, E) :- z5(A, B, _, _, E), not x4(E, A, B, E).\n"
                             "q4(A, B, C, D) :- y4(A, B, C, D), one(B), one(C).\n"
                             "u2(A, B) :- y4(A, B, _, _), x4(B, A, _, _).\n";

static const struct question questions[] = {
    {"z5", {1, -1, -1, -1, 5}, false, N *N *N, 20 * N *N *N},
    {"z5", {1, -1, -1, -1, 5}, true, 1, 10 * N *N},
    {"z5", {-1, -1, -1, 5, 5}, false, N *N *N, 20 * N *N *N},
    {"z5", {1, -2, -2, -1, -1}, false, N *N *N, 20 * N *N *N},
    {"z5", {-2, -2, -2, -2, -2}, false, N, 200 * N},
    {"z5", {-2, -1, -1, -1, -2}, true, 1, 10 * N *N},
    {"z5", {-2, -3, -3, -2, 7}, false, N *N, 100 * N *N},
    {"z5", {-1, -1, -1, -1, -1}, true, 1, 10 * N *N},
    {"x4", {-2, -1, -1, -2, -1}, false, N *N *N, 20 * N *N *N},
    {"y4", {-2, 3, 4, -2, -1}, false, N, 300 * N},
    {"p2", {1, -1, -1, -1, -1}, false, N, 300 * N *N},
    {"p2", {1, 2, -1, -1, -1}, false, 1, 10 * N *N},
    {"n3", {1, 2, -1, -1, -1}, false, 1, 20 * N *N},
    {"n3", {1, -1, N *N, -1, -1}, false, N, 20 * N *N *N},
    {"w3", {1, 1, -1, -1, -1}, false, 0, 300 * N *N},
    {"q4", {2, -1, -1, 2, -1}, false, 1, 300 * N},
    {"u2", {1, -1, -1, -1, -1}, false, N, 300 * N},
};

static void test_huge_views__are_searched_through_not_computed(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct datalog_run run;
    (void)state;
    for (uint32_t a = 0; a < N; a++) {
        for (uint32_t b = 0; b < N; b++) {
            rune_buf_printf(&text, "h(%u, %u).\n", a, b);
        }
    }
    rune_buf_printf(&text, "one(1).\n%s", chains);
    (void)rune_buf_cstr(&text);
    open_run(&run, &text);
    static const size_t memory[] = {(size_t)1 << 20, (size_t)64 << 10};
    for (size_t m = 0; m < sizeof(memory) / sizeof(memory[0]); m++) {
        compare_limit_memory(&run, memory[m]);
        for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
            ask(&run, &questions[i]);
        }
    }
    datalog_run_close(&run);
    rune_buf_fini(&text);
}

/* ---- recursion ---- */

/* CHAINS chains of LENGTH edges: what is asked of one chain must not look at the others. */
#define CHAINS 400
#define LENGTH 10

static const char paths[] = "right(X, Y) :- e(X, Y).\nright(X, Z) :- e(X, Y), right(Y, Z).\n"
                            "left(X, Y) :- e(X, Y).\nleft(X, Z) :- left(X, Y), e(Y, Z).\n"
                            "both(X, Y) :- e(X, Y).\nboth(X, Z) :- both(X, Y), both(Y, Z).\n"
                            "odd(X, Y) :- e(X, Y).\nodd(X, Z) :- even(X, Y), e(Y, Z).\n"
                            "even(X, Z) :- odd(X, Y), e(Y, Z).\n"
                            "sg(X, X) :- e(X, _).\nsg(X, Y) :- e(A, X), sg(A, B), e(B, Y).\n"
                            "far(X, Z) :- right(X, Y), left(Y, Z), not e(X, Z).\n"
                            "many(X, K) :- e(X, _), K = count { both(X, _) }.\n";

static const struct question reachable[] = {
    {"right", {0, -1}, false, LENGTH, 100 * LENGTH *LENGTH},
    {"right", {-1, LENGTH}, false, LENGTH, 100 * LENGTH *LENGTH},
    {"right", {0, LENGTH}, false, 1, 100 * LENGTH *LENGTH},
    {"right", {0, 2000}, false, 0, 100 * LENGTH *LENGTH},
    {"left", {0, -1}, false, LENGTH, 100 * LENGTH *LENGTH},
    {"left", {-1, LENGTH}, false, LENGTH, 100 * LENGTH *LENGTH},
    {"left", {0, LENGTH}, false, 1, 100 * LENGTH *LENGTH},
    {"both", {0, -1}, false, LENGTH, 100 * LENGTH *LENGTH},
    {"both", {-1, LENGTH}, false, LENGTH, 100 * LENGTH *LENGTH},
    {"both", {0, LENGTH}, false, 1, 200 * LENGTH *LENGTH},
    {"odd", {0, -1}, false, LENGTH / 2, 100 * LENGTH *LENGTH},
    {"even", {0, -1}, false, LENGTH / 2, 100 * LENGTH *LENGTH},
    {"even", {0, 4}, false, 1, 100 * LENGTH *LENGTH},
    {"sg", {4, -1}, false, 1, 100 * LENGTH *LENGTH},
    {"far", {0, -1}, false, LENGTH - 1, 100 * LENGTH *LENGTH *LENGTH},
    {"many", {0, -1}, false, 1, 100 * LENGTH *LENGTH},
};

static void test_recursions__visit_what_is_reachable(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct datalog_run run;
    (void)state;
    for (uint32_t i = 0; i < CHAINS * (LENGTH + 1); i++) {
        if (i % (LENGTH + 1) < LENGTH) {
            rune_buf_printf(&text, "e(%u, %u).\n", i, i + 1);
        }
    }
    rune_buf_append_cstr(&text, paths);
    (void)rune_buf_cstr(&text);
    open_run(&run, &text);
    compare_limit_memory(&run, (size_t)1 << 20);
    for (size_t i = 0; i < sizeof(reachable) / sizeof(reachable[0]); i++) {
        ask(&run, &reachable[i]);
    }
    datalog_run_close(&run);
    rune_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views__of_any_size_are_answered_by_every_pattern),
        cmocka_unit_test(test_huge_views__are_searched_through_not_computed),
        cmocka_unit_test(test_recursions__visit_what_is_reachable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
