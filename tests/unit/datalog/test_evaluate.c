/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate: what limits, errors and odd shapes of programs do. Random programs: test_random.c. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "reference/datalog_random.h"
#include "reference/datalog_run.h"
#include "unit/cmocka.h"

/* ---- limits and errors ---- */

static void test_product__is_refused_by_the_limit_with_the_rule(void **state)
{
    (void)state;
    struct rune_buf text = RUNE_BUF_INIT;
    for (int i = 0; i < 300; i++) {
        rune_buf_printf(&text, "n(%d).\n", i);
    }
    rune_buf_append_cstr(&text, "all(X, Y, Z) :- n(X), n(Y), n(Z).\n");
    struct datalog_run run;
    assert_int_equal(
        datalog_run_open(&run, (struct rune_str){text.data, text.length}, RUNE_DL_BARE, NULL, 0),
        RUNE_OK);
    struct rune_dl_options options = {.storing = RUNE_DL_STORE_ALL, .max_tuples = 1000000};
    assert_int_equal(rune_dl_evaluate(&run.program, run.facts, NULL, run.dict, &options, NULL, NULL,
                                      &run.result, run.diag),
                     RUNE_E_LIMIT);
    assert_non_null(strstr(rune_diag_text(run.diag), "RUNE-R0403"));
    assert_non_null(strstr(rune_diag_text(run.diag), "27000000 tuples"));
    assert_non_null(strstr(rune_diag_text(run.diag), "all(X, Y, Z)"));
    datalog_run_close(&run);
    rune_buf_fini(&text);
}

static uint32_t flags_of(const char *program, const char *relation)
{
    struct datalog_run run;
    assert_int_equal(
        datalog_run_open(&run, (struct rune_str){program, strlen(program)}, RUNE_DL_BARE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_ALL), RUNE_OK);
    uint32_t found =
        rune_rules_find_relation(&run.store, (struct rune_str){relation, strlen(relation)});
    assert_true(found != UINT32_MAX);
    uint32_t flags = run.store.relations[found].flags;
    datalog_run_close(&run);
    return flags & (RUNE_RELATION_PARTIAL | RUNE_RELATION_UNSURE);
}

/* Programs that explode, what stops them, and the rule that is named. */
static void test_explosions__end_with_a_limit_and_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *program;
        const char *code, *place, *what;
        struct rune_dl_options options;
    } cases[] = {
        {"n(0).\nn(Y) :- n(X), Y = X + 1.\n", "RUNE-R0402", ":2:1:", "1048577 tuples", {0}},
        {"n(0).\nn(Y) :- n(X), Y = X + 1, Y > 0.\n", "RUNE-R0402", ":2:1:", "nothing bounds", {0}},
        {"n(0).\nn(Y) :- n(X), Y > X, Y = X + 1.\n", "RUNE-R0402", ":2:1:", "nothing bounds", {0}},
        {"n(0).\nn(Y) :- n(X), 9 > X, Z = X - 1, Y = Z - 1.\n",
         "RUNE-R0402",
         ":2:1:",
         "nothing bounds",
         {0}},
        {"n(0).\nn(X + 1) :- n(X).\n", "RUNE-R0402", ":2:1:", "does not seem to end", {0}},
        {"n(0).\na(Y) :- n(Y).\na(Z) :- b(Y), Z = Y + 1.\nb(Y) :- a(Y).\n",
         "RUNE-R0402",
         ":3:1:",
         "`a` does not seem to end",
         {0}},
        {"n(1). n(2).\nn(Y) :- n(X), n(Z), Y = X + Z, X != Z.\n",
         "RUNE-R0401",
         ":2:1:",
         "limit of 100000 steps",
         {.max_steps = 100000}},
        {"n(0).\nn(Y) :- n(X), Y = X + 1, Y > 0.\n",
         "RUNE-R0401",
         ":2:1:",
         "limit of 1.0 MiB of memory",
         {.max_memory_bytes = 1 << 20}},
        {"n(0).\nn(Y) :- n(X), Y = X + 1, Y > 0.\n",
         "RUNE-R0401",
         ":2:1:",
         "limit of 50000 derived tuples",
         {.max_tuples = 50000}},
        /* by rows, of which some are there when the limit is met */
        {"n(0).\nn(Y) :- n(X), Y = X + 1, Y < 2000.\ne(X, Y) :- n(X), Y = X + 1.\n"
         "p(X, Y) :- e(X, Y).\np(X, Y) :- p(X, Z), p(Z, Y).\n",
         "RUNE-R0401",
         ":5:1:",
         "`p` had 2",
         {.max_memory_bytes = 1 << 20}},
        /* a part of such a recursion */
        {"n(0).\nn(Y) :- n(X), Y = X + 1, Y < 2000.\np(X, Y) :- n(X), n(Y), X != Y.\n"
         "p(X, Y) :- p(X, Z), n(Z), Y = Z + 1.\n",
         "RUNE-R0401",
         ":3:1:",
         "`p` had 32768 tuples",
         {.max_memory_bytes = 1 << 20}},
        /* a chain that is followed by rows of bits, which take memory, too */
        {"n(0).\nn(Y) :- n(X), Y = X + 1, Y < 300.\np(X, Y) :- n(X), n(Y), X < Y.\n"
         "q(X, Y) :- p(Y, X).\np(X, Z) :- q(Y, X), p(Y, U), q(U, Z).\n",
         "RUNE-R0401",
         ":5:1:",
         "limit of 500000 steps",
         {.max_steps = 500000}},
        {"n(0).\nn(Y) :- n(X), Y = X + 1, Y < 300.\np(X, Y) :- n(X), n(Y), X < Y.\n"
         "q(X, Y) :- p(Y, X).\np(X, Z) :- q(Y, X), p(Y, U), q(U, Z).\n",
         "RUNE-R0401",
         ":5:1:",
         "`p` had 44850 tuples",
         {.max_memory_bytes = 1 << 20}},
        /* a product that a recursion begins with */
        {"n(0).\nn(Y) :- n(X), Y = X + 1, Y < 2000.\np(X, Y, Z) :- n(X), n(Y), n(Z).\n"
         "p(X, Y, Z) :- p(Y, X, Z).\n",
         "RUNE-R0403",
         ":3:1:",
         "8000000000 tuples",
         {0}},
        /* the same of columns alone: how many there are is known, */
        {"n(0).\nn(Y) :- n(X), Y = X + 1, Y < 2000.\nm(X, Y) :- n(X), n(Y), X <= Y, Y <= X + 1.\n"
         "p(X, Y, Z) :- m(X, _), m(_, Y), m(Z, _), n(_).\np(X, Y, Z) :- p(Y, X, Z).\n",
         "RUNE-R0403",
         ":4:1:",
         "have 8000000000 tuples",
         {0}},
        /* or how many there are at least; beneath a recursion */
        {"n(0).\nn(Y) :- n(X), Y = X + 1, Y < 2000.\nm(X, Y, Y) :- n(X), n(Y), X <= Y, Y <= X + "
         "1.\n"
         "p(X, Y, Z, W) :- m(X, W, _), n(Y), n(Z).\nq(X, Y, Z, W) :- p(X, Y, Z, W).\n"
         "q(X, Y, Z, W) :- q(Y, X, Z, W).\n",
         "RUNE-R0403",
         ":4:1:",
         "at least 8000000000 tuples",
         {0}},
        /* kinds are mixed */
        {"n(\"a\"). n(-1). n(0).\nn(Y) :- n(X), Y = X + 1, Y < 2000.\nm(X, 1) :- n(X).\n"
         "p(X, Y, Z) :- m(X, _), m(Y, _), m(Z, _).\np(X, Y, Z) :- p(Y, X, Z).\n",
         "RUNE-R0403",
         ":4:1:",
         "have 8024024008 tuples",
         {0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct datalog_run run;
        assert_int_equal(
            datalog_run_open(&run, rune_str_from(cases[i].program), RUNE_DL_BARE, NULL, 0),
            RUNE_OK);
        struct rune_dl_options options = cases[i].options;
        options.storing = RUNE_DL_STORE_ALL;
        assert_int_equal(rune_dl_evaluate(&run.program, run.facts, NULL, run.dict, &options, NULL,
                                          NULL, &run.result, run.diag),
                         RUNE_E_LIMIT);
        assert_int_equal(rune_diag_count(run.diag, RUNE_ERROR), 1);
        assert_non_null(strstr(rune_diag_text(run.diag), cases[i].code));
        assert_non_null(strstr(rune_diag_text(run.diag), cases[i].place));
        assert_non_null(strstr(rune_diag_text(run.diag), cases[i].what));
        datalog_run_close(&run);
    }
}

/* Values so far apart that they are not counted: what they may be at most refuses nothing. */
static void test_product__of_columns_is_not_refused_by_a_guess(void **state)
{
    (void)state;
    static const char program[] = "n(0). n(-1). n(\"a\"). n(-500000000). n(500000000).\n"
                                  "m(Y, X) :- n(X), n(Y).\n"
                                  "p(X, Y) :- m(_, X), m(_, Y).\np(X, Y) :- p(Y, X).\n";
    struct datalog_run run;
    assert_int_equal(datalog_run_open(&run, rune_str_from(program), RUNE_DL_BARE, NULL, 0),
                     RUNE_OK);
    struct rune_dl_options options = {.storing = RUNE_DL_STORE_ALL, .max_tuples = 100};
    enum rune_err err = rune_dl_evaluate(&run.program, run.facts, NULL, run.dict, &options, NULL,
                                         NULL, &run.result, run.diag);
    if (err != RUNE_OK) {
        fail_msg("%s", rune_diag_text(run.diag));
    }
    datalog_run_close(&run);
}

/* A rule of more loops than a frame holds. */
static void test_long_rule__says_what_it_needs_too_much_of(void **state)
{
    (void)state;
    struct rune_buf text = RUNE_BUF_INIT;
    rune_buf_append_cstr(&text, "e(1, 2). e(2, 1).\npath(V0, V600) :- e(V0, V1)");
    for (int i = 1; i < 600; i++) {
        rune_buf_printf(&text, ", e(V%d, V%d)", i, i + 1);
    }
    rune_buf_append_cstr(&text, ".\n");
    struct datalog_run run;
    assert_int_equal(
        datalog_run_open(&run, (struct rune_str){text.data, text.length}, RUNE_DL_BARE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_ALL), RUNE_E_LIMIT);
    assert_non_null(strstr(rune_diag_text(run.diag), "RUNE-R0305"));
    assert_non_null(strstr(rune_diag_text(run.diag), "bytes of loops and values"));
    assert_int_equal(rune_diag_count(run.diag, RUNE_ERROR), 1);
    datalog_run_close(&run);
    rune_buf_fini(&text);
}

/* Recursions that compute, of which something says that they end, go on past a million rounds. */
static void test_bounded_recursion__is_not_given_up(void **state)
{
    (void)state;
    static const char *const bounds[] = {"Y < 1100000", "X != 1099999", "X < 1099999",
                                         "Y > 0, 1099999 > X"};
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        rune_buf_printf(&text, "n(0).\nn(Y) :- n(X), Y = X + 1, %s.\n", bounds[i]);
        struct datalog_run run;
        assert_int_equal(datalog_run_open(&run, (struct rune_str){text.data, text.length},
                                          RUNE_DL_BARE, NULL, 0),
                         RUNE_OK);
        assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_ALL), RUNE_OK);
        assert_int_equal(run.result.relations.items[0].tuple_count, 1100000);
        datalog_run_close(&run);
        rune_buf_fini(&text);
    }
}

/* Relations that recurse through each other, a tuple on its way through all of them: a round costs
 * what it adds, not what there are relations. */
static void test_large_component__rounds_cost_what_they_add(void **state)
{
    (void)state;
    enum { RELATIONS = 1000 };
    struct rune_buf text = RUNE_BUF_INIT;
    rune_buf_append_cstr(&text, "e(1, 2).\ne(2, 1).\nm0(X, Y) :- e(X, Y).\n");
    for (int i = 0; i < RELATIONS; i++) {
        rune_buf_printf(&text, "m%d(X, Y) :- m%d(X, Z), e(Z, Y).\n", (i + 1) % RELATIONS, i);
    }
    struct datalog_run run;
    assert_int_equal(
        datalog_run_open(&run, (struct rune_str){text.data, text.length}, RUNE_DL_BARE, NULL, 0),
        RUNE_OK);
    struct rune_dl_options options = {.storing = RUNE_DL_STORE_ALL, .max_steps = 100 * RELATIONS};
    assert_int_equal(rune_dl_evaluate(&run.program, run.facts, NULL, run.dict, &options, NULL, NULL,
                                      &run.result, run.diag),
                     RUNE_OK);
    assert_int_equal(run.result.derived_facts, 2 * RELATIONS);
    datalog_run_close(&run);
    rune_buf_fini(&text);
}

/* Steps that join relations may be far more than what is derived by way of them. */
static void test_steps_beyond_limits__are_not_made(void **state)
{
    (void)state;
    enum { VALUES = 1000 };
    static const char *const recursions[] = {
        "p(X, Z) :- p(X, Y), a(Y), b(Z).\n",
        "p(X, Z) :- n(X), p(X, Y), a(Y), b(Z).\n",
        "p(X, Z) :- p(X, Y), e(Y, W), f(W, Z).\n",
        "p(X, Z) :- n(X), p(X, Y), e(Y, W), f(W, Z).\n",
    };
    for (size_t i = 0; i < sizeof(recursions) / sizeof(recursions[0]); i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        rune_buf_printf(&text, "p(X, Y) :- begin(X, Y).\nbegin(1, 0).\nn(1).\n%s", recursions[i]);
        for (int v = 0; v < VALUES; v++) {
            rune_buf_printf(&text, "a(%d). b(%d). e(%d, 7). f(7, %d).\n", v, 10 * VALUES + v, v,
                            10 * VALUES + v);
        }
        struct datalog_run run;
        assert_int_equal(datalog_run_open(&run, (struct rune_str){text.data, text.length},
                                          RUNE_DL_BARE, NULL, 0),
                         RUNE_OK);
        struct rune_dl_options options = {.storing = RUNE_DL_STORE_ALL, .max_tuples = 100 * VALUES};
        assert_int_equal(rune_dl_evaluate(&run.program, run.facts, NULL, run.dict, &options, NULL,
                                          NULL, &run.result, run.diag),
                         RUNE_OK);
        assert_int_equal(run.result.derived_facts, 1 + VALUES);
        datalog_run_close(&run);
        rune_buf_fini(&text);
    }
}

static void test_failed_derivation__marks_what_rests_on_it(void **state)
{
    (void)state;
    static const char program[] = "v(0). v(2).\n"
                                  "inverse(X, Y) :- v(X), Y = 6 / X.\n"
                                  "uses(Y) :- inverse(_, Y).\n"
                                  "absent(X) :- v(X), not inverse(X, 3).\n"
                                  "counted(N) :- N = count { inverse(_, _) }.\n"
                                  "beyond(X) :- absent(X).\n"
                                  "apart(X) :- v(X).\n"
                                  "none(X) :- v(X), X > 2.\n"
                                  "void(Y) :- none(X), Y = 6 / X, uses(_).\n"
                                  "vain(Y) :- Y = 6 / 0, none(_).\n"
                                  "silent(Y) :- none(X), v(Z), Y = Z / X.\n"
                                  "loop(X) :- none(X).\n"
                                  "loop(Y) :- loop(X), none(X), Y = X + 1.\n"
                                  "more(X) :- v(X).\n"
                                  "more(Y) :- more(X), none(X), Y = X / 0.\n";
    static const struct {
        const char *relation;
        uint32_t flags;
    } cases[] = {
        {"inverse", RUNE_RELATION_PARTIAL},
        {"uses", RUNE_RELATION_PARTIAL},
        {"absent", RUNE_RELATION_PARTIAL | RUNE_RELATION_UNSURE},
        {"beyond", RUNE_RELATION_PARTIAL | RUNE_RELATION_UNSURE},
        {"apart", 0},
        {"none", 0},
        {"void", RUNE_RELATION_PARTIAL},
        {"vain", RUNE_RELATION_PARTIAL},
        {"silent", 0},
        {"loop", 0},
        {"more", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(flags_of(program, cases[i].relation), cases[i].flags);
    }
    assert_int_not_equal(flags_of(program, "counted") & RUNE_RELATION_UNSURE, 0);
}

static void test_same_program__same_bytes(void **state)
{
    (void)state;
    struct rune_buf text = RUNE_BUF_INIT;
    datalog_random_program(&text, 5, 0);
    struct datalog_run runs[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(datalog_run_open(&runs[i], (struct rune_str){text.data, text.length},
                                          RUNE_DL_BARE, NULL, 0),
                         RUNE_OK);
        assert_int_equal(datalog_run_evaluate(&runs[i], RUNE_DL_STORE_WHAT_PAYS), RUNE_OK);
    }
    const struct rune_dl_result *a = &runs[0].result, *b = &runs[1].result;
    assert_int_equal(a->tuple_bytes, b->tuple_bytes);
    assert_memory_equal(a->tuples, b->tuples, a->tuple_bytes);
    assert_int_equal(a->code.count, b->code.count);
    assert_memory_equal(a->code.items, b->code.items, a->code.count * sizeof(uint32_t));
    assert_memory_equal(a->orders.items, b->orders.items,
                        a->orders.count * sizeof(a->orders.items[0]));
    datalog_run_close(&runs[0]);
    datalog_run_close(&runs[1]);
    rune_buf_fini(&text);
}

/* A recursion whose pairs are dense, until values far off come: counts as they are known for a star
 * of n leaves below node 0, each with one child, and that with one far off. */
static void test_dense_recursion__goes_on_with_values_far_off(void **state)
{
    (void)state;
    const uint32_t leaves = 100;
    static const char *const far[] = {"1", "10000"};
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        rune_buf_append_cstr(&text, "sg(X, Y) :- edge(P, X), edge(P, Y).\n"
                                    "sg(X, Y) :- edge(A, X), sg(A, B), edge(B, Y).\n");
        for (uint32_t n = 1; n <= leaves; n++) {
            rune_buf_printf(&text, "edge(0, %u). edge(%u, %u). edge(%u, %u%s).\n", n, n, 1000 + n,
                            1000 + n, 2000 + n, i == 0 ? "" : far[i] + 1);
        }
        struct datalog_run run;
        assert_int_equal(datalog_run_open(&run, (struct rune_str){text.data, text.length},
                                          RUNE_DL_BARE, NULL, 0),
                         RUNE_OK);
        assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_ALL), RUNE_OK);
        uint32_t relation = rune_rules_find_relation(&run.store, RUNE_STR("sg"));
        assert_int_equal(run.store.relations[relation].tuple_count, 3 * leaves * leaves);
        datalog_run_close(&run);
        rune_buf_fini(&text);
    }
}

/* Every relation of a long chain has plans, made without a stack as deep as the chain. */
static void test_chain__of_twenty_thousand_relations(void **state)
{
    (void)state;
    const uint32_t length = 20000;
    struct rune_buf text = RUNE_BUF_INIT;
    rune_buf_append_cstr(&text, "r0(X, Y) :- edge(X, Y).\nedge(1, 2). edge(2, 3).\n");
    for (uint32_t i = 1; i < length; i++) {
        rune_buf_printf(&text, "r%u(X, Y) :- r%u(X, Y), edge(X, _).\n", i, i - 1);
    }
    struct datalog_run run;
    assert_int_equal(
        datalog_run_open(&run, (struct rune_str){text.data, text.length}, RUNE_DL_BARE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_BASE), RUNE_OK);
    assert_int_equal(run.result.plans.count, 4 * length);
    datalog_run_close(&run);
    rune_buf_fini(&text);
}

/* A path written as one rule of many goals, in an order that no one would take: as for few. */
static void test_many_goals__are_ordered_like_few(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {3, 15, 16, 17, 50, 300};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        uint32_t length = lengths[i];
        struct rune_buf text = RUNE_BUF_INIT;
        rune_buf_printf(&text, "path(X0, X%u) :- not gone(X%u), X0 < X%u", length, length, length);
        for (uint32_t n = 0; n < length; n++) {
            uint32_t at = n * 7919 % length; /* a permutation: 7919 is prime to all of them */
            rune_buf_printf(&text, ", edge(X%u, X%u)", at, at + 1);
        }
        rune_buf_append_cstr(&text, ", start(X0).\nstart(0). start(3). gone(1).\n");
        for (uint32_t n = 0; n < length + 3; n++) {
            rune_buf_printf(&text, "edge(%u, %u).\n", n, n + 1);
        }
        struct datalog_run run;
        assert_int_equal(datalog_run_open(&run, (struct rune_str){text.data, text.length},
                                          RUNE_DL_BARE, NULL, 0),
                         RUNE_OK);
        assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_ALL), RUNE_OK);
        uint32_t relation = rune_rules_find_relation(&run.store, RUNE_STR("path"));
        assert_int_equal(run.store.relations[relation].tuple_count, 2);
        datalog_run_close(&run);
        rune_buf_fini(&text);
    }
}

/* Recursions that depend on the request, over `count` edges: refused where each request would walk
 * all of them. */
static void test_free_recursion__is_refused_where_nothing_narrows_it(void **state)
{
    (void)state;
    static const char link[] = "link(X, Y) :- edge(X, Y), context(\"mode\", M), M != X.\n"
                               "path(X, Y) :- link(X, Y).\n"
                               "path(X, Z) :- path(X, Y), link(Y, Z).\n";
    static const char walk[] = "in_group(G) :- principal(P), edge(P, G).\n"
                               "in_group(H) :- in_group(G), edge(G, H).\n";
    static const struct {
        const char *recursion, *body;
        uint32_t edges;
        const char *message; /* NULL: it builds */
    } cases[] = {
        {link, "path(P, R)", 3000, NULL},
        {link, "path(P, _)", 3000, NULL},
        {link, "not path(_, R)", 3000, NULL},
        {link, "path(_, _)", 3000, "all 3000 tuples of `edge`"},
        {link, "N = count { path(_, _) }, N > 3", 3000, "all 3000 tuples of `edge`"},
        {link, "path(_, _)", 300, NULL}, /* few enough for a request */
        {walk, "in_group(R)", 3000, NULL},
        {walk, "N = count { in_group(_) }, N > 3", 3000, NULL}, /* begins at the request */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        rune_buf_printf(&text, "%spermit(P, A, R) :- principal(P), action(A), resource(R), %s.\n",
                        cases[i].recursion, cases[i].body);
        for (uint32_t n = 0; n < cases[i].edges; n++) {
            rune_buf_printf(&text, "edge(N::\"%u\", N::\"%u\").\n", n, n + 1);
        }
        struct datalog_run run;
        assert_int_equal(datalog_run_open(&run, (struct rune_str){text.data, text.length},
                                          RUNE_DL_BUNDLE, NULL, 0),
                         RUNE_OK);
        enum rune_err err = datalog_run_evaluate(&run, RUNE_DL_STORE_WHAT_PAYS);
        assert_int_equal(err, cases[i].message == NULL ? RUNE_OK : RUNE_E_BUNDLE);
        if (cases[i].message != NULL) {
            assert_non_null(strstr(rune_diag_text(run.diag), "RUNE-R0304"));
            assert_non_null(strstr(rune_diag_text(run.diag), cases[i].message));
        }
        datalog_run_close(&run);
        rune_buf_fini(&text);
    }
}

/* An entity that nothing else names is made of its type and id, in whatever order they are written.
 */
static void test_entity_id__makes_entities_in_any_order(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "q(I), entity.id(E, \"User\", I)",
        "entity.id(E, \"User\", I), q(I)",
        "t(T), entity.id(E, T, I), q(I), entity.id(E, _, I)",
        "entity.id(E, T, I), T = \"User\", q(J), I = concat(J, \"\")",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        rune_buf_printf(&text, "q(\"bob\"). t(\"User\").\np(E) :- %s.\n", bodies[i]);
        struct datalog_run run;
        assert_int_equal(datalog_run_open(&run, (struct rune_str){text.data, text.length},
                                          RUNE_DL_BUNDLE, NULL, 0),
                         RUNE_OK);
        assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_ALL), RUNE_OK);
        uint32_t relation = rune_rules_find_relation(&run.store, RUNE_STR("p"));
        assert_int_equal(run.store.relations[relation].tuple_count, 1);
        datalog_run_close(&run);
        rune_buf_fini(&text);
    }
}

/* Rules too long for the machine: a limit with a name and the rule's place. */
static void test_long_rules__are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint32_t count;
    } cases[] = {
        {"more than 1024 atoms within each other", 1500},
        {"more than 4096 values at a time", 5000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        rune_buf_append_cstr(&text, "edge(1, 2).\np(X0) :- edge(X0, _)");
        for (uint32_t n = 0; n < cases[i].count; n++) {
            if (i == 0) {
                rune_buf_printf(&text, ", edge(X%u, X%u)", n, n + 1);
            } else {
                rune_buf_printf(&text, ", not edge(X0, %u)", n + 3);
            }
        }
        rune_buf_append_cstr(&text, ".\n");
        struct datalog_run run;
        assert_int_equal(datalog_run_open(&run, (struct rune_str){text.data, text.length},
                                          RUNE_DL_BARE, NULL, 0),
                         RUNE_OK);
        assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_ALL), RUNE_E_LIMIT);
        assert_non_null(strstr(rune_diag_text(run.diag), ":2:1: error[RUNE-R0305]"));
        assert_non_null(strstr(rune_diag_text(run.diag), cases[i].what));
        datalog_run_close(&run);
        rune_buf_fini(&text);
    }
}

static bool count_tuple(void *context, const rune_term *tuple, uint32_t arity)
{
    (void)tuple;
    (void)arity;
    ++*(uint32_t *)context;
    return true;
}

/* Alternatives in an aggregate's braces, and what the group has to do with them. */
static void test_alternatives_in_braces__see_the_group(void **state)
{
    (void)state;
    static const char facts[] = "q(1). q(8). e(1). e(7). e(s). g(1). f(3, 1). f(7, 8). f(9, 8).\n";
    static const struct {
        const char *rule; /* p of a value of q and a number */
        uint32_t at_1, at_8;
    } cases[] = {
        {"p(X, N) :- q(X), N = count { e(Y), (Y < 3 ; Y > 5) }.", 2, 2},
        {"p(X, N) :- q(X), N = count { (e(Y) ; f(Y, _)) }.", 6, 6},
        {"p(X, N) :- q(X), N = count { e(Y), (Y < X ; g(Y)) }.", 1, 2},
        {"p(X, N) :- q(X), N = count { e(Y), (Y < X ; Y = s) }.", 1, 3},
        {"p(X, N) :- q(X), N = count { e(Y), (g(Y), Y = X ; f(Y, X)) }.", 1, 1},
        {"p(X, N) :- q(X), N = count { e(Y), (X < 3, (g(Y) ; Y = 7) ; f(Y, X)) }.", 2, 1},
        {"p(X, N) :- q(X), N = count { (e(Y) ; f(Y, X)) }.", 4, 4},
        {"p(X, N) :- q(X), N = count { e(Y), (e(Y) ; not f(Y, X)) }.", 3, 3},
        {"p(X, N) :- q(X), N = count { e(Y), (g(Y) ; Y = s), not f(_, X) }.", 0, 0},
        {"p(X, N) :- q(X), N = count { e(Y), (Y < 3 ; Y > 5), 1 = count { f(Z, X) } }.", 2, 0},
        {"p(X, N) :- q(X), N = count { e(Y), 1 = count { f(Z, X), (Z > Y ; g(Y)) } }.", 1, 1},
        {"p(X, N) :- q(X), M = count { f(_, X) }, N = count { (g(_) ; e(Y), Y < M) }.", 1, 2},
        {"p(X, N) :- q(X), Z = X - 1, N = count { (e(Y) ; f(Y, _), Y > Z) }.", 6, 4},
        {"p(X, N) :- (q(X) ; q(X), g(X)), N = count { (e(Y) ; f(Y, X)) }.", 4, 4},
        {"p(X, N) :- q(X), N = sum { Y : f(Y, V), (V = X ; X = V + 7, g(V)) }.", 3, 19},
        {"p(1, 1). p(8, 2) :- p(X, _), 1 = count { g(Y), (Y < X ; Y = 1) }.", 1, 2},
        {"p(X, N) :- q(X), M = sum { V : g(_), (V = X ; V = 2) }, N = count { g(_), (W = M ; W = "
         "0) }.",
         2, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        rune_buf_printf(&text, "%s%s\nas_wanted :- p(1, %u), p(8, %u), 2 = count { p(_, _) }.\n",
                        facts, cases[i].rule, cases[i].at_1, cases[i].at_8);
        struct datalog_run run;
        uint32_t count = 0;
        (void)rune_buf_cstr(&text);
        if (datalog_run_open(&run, (struct rune_str){text.data, text.length}, RUNE_DL_BARE, NULL,
                             0) != RUNE_OK) {
            fail_msg("%s: %s", cases[i].rule, rune_diag_text(run.diag));
        }
        assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_ALL), RUNE_OK);
        assert_int_equal(
            datalog_run_query(&run, RUNE_STR("as_wanted"), NULL, NULL, count_tuple, &count),
            RUNE_OK);
        if (count != 1) {
            fail_msg("%s", cases[i].rule);
        }
        datalog_run_close(&run);
        rune_buf_fini(&text);
    }
}

/* A recursion through aliases derives what it derives without: the slow evaluator sees rules in
 * which they are unfolded. Of p there are so many tuples, counted by hand. */
static void test_aliases__stand_for_what_they_name(void **state)
{
    (void)state;
    static const struct {
        const char *rules;
        uint32_t count;
    } cases[] = {
        {"q(X, Y) :- p(X, Y). p(X, Y) :- e(X, Y). p(X, Z) :- q(X, Y), e(Y, Z).", 12},
        {"q(Y, X) :- p(X, Y). p(X, Y) :- e(X, Y). p(X, Z) :- q(Y, X), e(Y, Z).", 12},
        {"q(Y, X) :- p(X, Y). r(B, A) :- q(A, B). p(X, Y) :- e(X, Y). p(X, Z) :- r(X, Y), q(Z, Y).",
         12},
        {"p(X, Y) :- q(X, Y). q(X, Y) :- e(X, Y). q(X, Z) :- p(X, Y), q(Y, Z).", 12},
        {"p(X, Y) :- q(Y, X). q(Y, X) :- r(X, Y). r(X, Y) :- e(X, Y). r(X, Z) :- p(X, Y), e(Y, Z).",
         12},
        {"q(X, X) :- p(X, X). p(X, Y) :- e(X, Y). p(X, Z) :- q(X, X), e(X, Z).", 4},
        {"q(X, Y) :- p(X, Y). q(7, 7). p(X, Y) :- e(X, Y). p(X, Z) :- q(X, Y), e(Y, Z).", 12},
        {"q(X, Y) :- p(X, Y), X != 2. p(X, Y) :- e(X, Y). p(X, Z) :- q(X, Y), e(Y, Z).", 9},
        {"q(X, Y) :- p(X, Y). p(X, Y) :- q(X, Y). p(X, Y) :- e(X, Y).", 4},
        {"q(X, Y) :- p(X, Y). p(X, Y) :- q(X, Y).", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        struct datalog_run run;
        uint32_t count = 0;
        rune_buf_printf(&text, "e(1, 2). e(2, 3). e(3, 1). e(3, 4).\n%s\n", cases[i].rules);
        (void)rune_buf_cstr(&text);
        assert_int_equal(datalog_run_open(&run, (struct rune_str){text.data, text.length},
                                          RUNE_DL_BARE, NULL, 0),
                         RUNE_OK);
        assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_ALL), RUNE_OK);
        assert_int_equal(datalog_run_query(&run, RUNE_STR("p"), NULL, NULL, count_tuple, &count),
                         RUNE_OK);
        if (count != cases[i].count) {
            fail_msg("%u: %s", count, cases[i].rules);
        }
        datalog_run_close(&run);
        rune_buf_fini(&text);
    }
}

/* Names that begin alike, that end early, and that differ in their end only. */
static void test_relations__are_sorted_by_name(void **state)
{
    (void)state;
    static const char program[] = "alike_10(1). alike_1(1). alike_2(1). alike_(1). alike_b(1).\n"
                                  "alike_of_a_long_name_2(1). alike_of_a_long_name_10(1).\n"
                                  "alike_of_a_long_name(1). alike_of_a_long(1). alike_B(1).\n"
                                  "alike_n(N) :- N = count { alike_1(_) }.\n";
    struct datalog_run run;
    assert_int_equal(
        datalog_run_open(&run, (struct rune_str){program, strlen(program)}, RUNE_DL_BARE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_ALL), RUNE_OK);
    const struct rune_terms *terms = rune_dict_terms(run.dict);
    struct rune_str last = {0};
    assert_int_equal(run.result.relations.count, 12);
    for (size_t i = 0; i < run.result.relations.count; i++) {
        uint32_t name = run.result.relations.items[i].name;
        struct rune_str text =
            rune_terms_string(terms, rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, name));
        assert_true(i == 0 || rune_str_compare(last, text) < 0);
        last = text;
    }
    datalog_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aliases__stand_for_what_they_name),
        cmocka_unit_test(test_long_rules__are_refused_by_name),
        cmocka_unit_test(test_entity_id__makes_entities_in_any_order),
        cmocka_unit_test(test_free_recursion__is_refused_where_nothing_narrows_it),
        cmocka_unit_test(test_alternatives_in_braces__see_the_group),
        cmocka_unit_test(test_chain__of_twenty_thousand_relations),
        cmocka_unit_test(test_many_goals__are_ordered_like_few),
        cmocka_unit_test(test_product__is_refused_by_the_limit_with_the_rule),
        cmocka_unit_test(test_product__of_columns_is_not_refused_by_a_guess),
        cmocka_unit_test(test_explosions__end_with_a_limit_and_its_place),
        cmocka_unit_test(test_long_rule__says_what_it_needs_too_much_of),
        cmocka_unit_test(test_bounded_recursion__is_not_given_up),
        cmocka_unit_test(test_large_component__rounds_cost_what_they_add),
        cmocka_unit_test(test_steps_beyond_limits__are_not_made),
        cmocka_unit_test(test_failed_derivation__marks_what_rests_on_it),
        cmocka_unit_test(test_same_program__same_bytes),
        cmocka_unit_test(test_relations__are_sorted_by_name),
        cmocka_unit_test(test_dense_recursion__goes_on_with_values_far_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
