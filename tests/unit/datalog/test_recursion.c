/* SPDX-License-Identifier: Apache-2.0 */
/* Recursions of the kinds that the builder computes in ways of their own (closure.c) or with sets
 * and indexes of their own (growing.c), over random facts: small ones against the naive evaluator,
 * larger ones stored against demanded, which share no way of closing a recursion. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "reference/datalog_naive.h"
#include "reference/datalog_random.h"
#include "reference/datalog_run.h"
#include "unit/cmocka.h"

#define SMALL_ROUNDS 12u
#define LARGE_ROUNDS 2u

/* Facts: e, f and g have pairs of nodes, n nodes, l a label and two nodes, m two labels and two
 * nodes. */
static const struct {
    const char *name, *rules;
    uint32_t nodes; /* of a large run */
} recursions[] = {
    {"left", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), e(Y, Z).", 150},
    {"right", "p(X, Y) :- e(X, Y). p(X, Z) :- e(X, Y), p(Y, Z).", 150},
    {"right, other exits", "p(X, Y) :- f(X, Y). p(X, Z) :- e(X, Y), p(Y, Z).", 150},
    {"left and right",
     "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), f(Y, Z). p(X, Z) :- g(X, Y), p(Y, Z).", 90},
    {"left and right, the same",
     "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), e(Y, Z). p(X, Z) :- e(X, Y), p(Y, Z).", 90},
    {"left and right, several",
     "p(X, Y) :- e(X, Y). p(X, X) :- n(X). p(X, Z) :- p(X, Y), f(Y, Z). p(X, Z) :- p(X, Y), g(Z, "
     "Y), n(Z). "
     "p(X, Z) :- g(X, W), f(W, Y), p(Y, Z). p(X, Z) :- p(Y, Z), f(Y, X), not n(X).",
     60},
    {"left with the other end, and right",
     "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), f(Y, Z), not g(X, Z). p(X, Z) :- g(X, Y), p(Y, Z).",
     60},
    {"left and right, labelled",
     "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), l(L, Y, Z). p(L, X, Z) :- m(L, _, X, Y), "
     "p(L, Y, Z).",
     60},
    {"left, and right labelled",
     "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), e(Y, Z). p(L, X, Z) :- l(L, X, Y), p(L, "
     "Y, Z).",
     60},
    {"left and label",
     "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), e(Y, Z). p(L, X, Z) :- p(K, X, Z), f(K, "
     "L).",
     60},
    {"all three",
     "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), e(Y, Z). p(L, X, Z) :- p(K, X, Z), f(K, "
     "L). p(L, X, Z) :- g(X, Y), p(L, Y, Z).",
     40},
    {"two steps",
     "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), f(Y, Z). p(X, Z) :- p(X, Y), g(Y, Z), n(Z).", 90},
    {"backward step", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), f(Z, Y).", 90},
    {"step with a negation", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), e(Y, Z), not n(Z).", 90},
    {"step with the key", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), e(Y, Z), X != Z.", 90},
    {"key alone", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), e(Y, Z), n(X).", 90},
    {"key and steps, filtered",
     "p(X, Y) :- e(X, Y). p(X, Z) :- n(X), p(X, Y), n(Y), e(Y, Z), not n(Z).", 90},
    {"key alone, by what it is not",
     "p(X, Y) :- f(X, Y). p(X, Z) :- p(X, Y), e(Y, Z), not n(X), X > 3.", 90},
    {"key alone, right", "p(X, Y) :- e(X, Y). p(X, Z) :- e(X, Y), p(Y, Z), n(Z), f(Z, _).", 90},
    {"key and label, filtered",
     "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), l(L, Y, Z), f(L, X), n(L).", 60},
    {"label alone", "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- e(X, Y), n(L), p(L, Y, Z), g(L, Z).",
     60},
    {"key alone, of one of two",
     "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), e(Y, Z), n(X). p(X, Z) :- p(X, Y), f(Y, Z).", 90},
    {"own facts", "p(1, 2). p(2, 1). p(X, Z) :- p(X, Y), e(Y, Z).", 90},
    {"constant in the head",
     "p(X, 1) :- n(X). p(X, Z) :- p(X, Y), e(Y, Z). p(3, Z) :- p(X, Z), n(X).", 90},
    {"non-linear", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), p(Y, Z).", 120},
    {"non-linear, filtered", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), n(Y), p(Y, Z).", 120},
    {"non-linear, with a gap", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), f(Y, W), p(W, Z).", 90},
    {"non-linear and left",
     "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), n(Y), p(Y, Z). p(X, Z) :- p(X, Y), f(Y, Z).", 90},
    {"non-linear and right",
     "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), g(Y, W), p(W, Z). p(X, Z) :- f(X, Y), p(Y, Z).", 90},
    {"non-linear twice",
     "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), n(Y), p(Y, Z). p(X, Z) :- p(X, Y), f(Y, W), p(W, Z).",
     60},
    {"three of them", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), p(Y, W), p(W, Z).", 60},
    {"meeting", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), p(Z, Y).", 60},
    {"symmetric", "p(X, Y) :- e(X, Y). p(X, Y) :- p(Y, X). p(X, Z) :- p(X, Y), p(Y, Z).", 120},
    {"symmetric, filtered",
     "p(X, Y) :- e(X, Y). p(X, Y) :- p(Y, X). p(X, Z) :- p(X, Y), n(Y), p(Y, Z).", 90},
    {"symmetric, with a gap",
     "p(X, Y) :- e(X, Y). p(X, Y) :- p(Y, X). p(X, Z) :- p(X, Y), f(Y, W), p(W, Z).", 60},
    {"symmetric and left", "p(X, Y) :- e(X, Y). p(X, Y) :- p(Y, X). p(X, Z) :- p(X, Y), e(Y, Z).",
     60},
    {"symmetric alone", "p(X, Y) :- e(X, Y). p(X, Y) :- p(Y, X).", 90},
    {"symmetric, labelled",
     "p(L, X, Y) :- l(L, X, Y). p(L, X, Y) :- p(L, Y, X). p(L, X, Z) :- p(L, X, Y), p(L, Y, Z).",
     60},
    {"labelled left", "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), l(L, Y, Z).", 90},
    {"labelled right", "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- l(L, X, Y), p(L, Y, Z).", 90},
    {"labelled non-linear", "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), p(L, Y, Z).", 60},
    {"labelled, filtered", "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), n(Y), p(L, Y, Z).",
     60},
    {"label last", "p(X, Y, L) :- l(L, X, Y). p(X, Z, L) :- p(X, Y, L), l(L, Y, Z).", 60},
    {"label between", "p(X, L, Y) :- l(L, X, Y). p(X, L, Z) :- l(L, X, Y), p(Y, L, Z).", 60},
    {"label handed through", "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), e(Y, Z).", 60},
    {"label without a key", "p(L, Y) :- l(L, Y, _). p(L, Z) :- p(L, Y), l(L, Y, Z).", 90},
    {"label of other goals",
     "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), e(Y, Z), l(L, _, Z).", 60},
    {"label as the step's other end", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), l(X, Y, Z).", 90},
    {"value that is its label",
     "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), l(L, Y, Z), n(L). p(L, X, L) :- p(L, X, "
     "Y), n(Y).",
     40},
    {"four columns",
     "p(A, B, X, Y) :- m(A, B, X, Y). p(A, B, X, Z) :- p(A, B, X, Y), m(A, B, Y, Z).", 60},
    {"four columns, turned",
     "p(X, A, Y, B) :- m(A, B, X, Y). p(X, A, Z, B) :- m(A, B, X, Y), p(Y, A, Z, B).", 60},
    {"four columns, two keys",
     "p(A, B, X, Y) :- m(A, B, X, Y). p(A, B, X, Z) :- p(A, B, X, Y), l(A, Y, Z).", 40},
    {"step by a role",
     "p(R, X, Y) :- l(R, X, Y). p(R, X, Z) :- p(R, X, Y), e(Y, Z), l(K, Z, _), f(R, K).", 40},
    {"step by a role, exits alike",
     "p(R, X, Y) :- e(X, Y), l(K, Y, _), f(R, K). "
     "p(R, X, Z) :- p(R, X, Y), e(Y, Z), l(K, Z, _), f(R, K).",
     40},
    {"step by a role, without a key",
     "p(R, Y) :- f(R, Y). p(R, Z) :- p(R, Y), l(K, Y, Z), g(R, K).", 90},
    {"more steps than rows need",
     "p(A, B, X, Y) :- m(A, B, X, Y). p(A, B, X, Z) :- p(A, B, X, Y), e(Y, Z), f(A, _), g(B, _).",
     60},
    {"in turns, non-linear",
     "p(X, Y) :- e(X, Y). q(X, Y) :- f(X, Y). p(X, Z) :- q(X, Y), q(Y, Z). "
     "q(X, Z) :- p(X, Y), q(Y, Z).",
     90},
    {"non-linear, of others, not equal",
     "p(X, Y) :- e(X, Y). p(X, Z) :- q(X, Y), p(Y, Z), X != Z, not n(Z). q(X, Y) :- p(Y, X). "
     "q(X, Z) :- q(X, Y), f(Y, Z), not g(X, Z).",
     90},
    {"non-linear, not all", "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), p(Y, Z), not f(X, Z).", 90},
    {"points-to in contexts",
     "p(C, V, H) :- l(_, V, H), n(C). p(C, V, H) :- f(V, W), p(C, W, H). "
     "p(D, V, H) :- e(V, W), l(C, _, D), p(C, W, H). h(O, H) :- g(B, V), p(C, B, O), p(C, V, H). "
     "p(C, V, H) :- g(V, B), p(C, B, O), h(O, H).",
     20},
    {"same generation", "p(X, X) :- n(X). p(X, Y) :- e(A, X), p(A, B), e(B, Y).", 90},
    {"even and odd",
     "o(X, Y) :- e(X, Y). v(X, Z) :- o(X, Y), e(Y, Z). o(X, Z) :- v(X, Y), e(Y, Z).", 90},
    {"one node after the other", "p(X) :- n(X). p(Y) :- p(X), e(X, Y).", 200},
    {"reachable pairs of sets", "p(X) :- n(X). p(Y) :- p(X), e(X, Y), p(Z), e(Z, Y).", 150},
    {"counting", "p(0). p(Y) :- p(X), X < 40, Y = X + 1.", 10},
    {"counting two ways", "p(0). p(Y) :- p(X), X < 40, Y = X + 3. p(Y) :- p(X), X < 30, Y = X * 2.",
     10},
    {"counting in turns",
     "p(0). q(Y) :- p(X), X < 40, Y = X + 1. p(Y) :- q(X), X < 40, Y = X + 2. q(X) :- p(X), n(X).",
     10},
    {"any of them", "p(X) :- n(X), X < 2. p(Y) :- p(_), e(_, Y). q(X) :- p(X). p(X) :- q(X).", 10},
    {"handed on and joined",
     "p(X, Y) :- e(X, Y). p(X, Y) :- p(Y, X). p(Y, Z) :- p(X, Y), f(X, Z). "
     "p(X, Z) :- p(X, Y), p(Z, Y), n(Y).",
     60},
    {"by way of a relation asked",
     "p(X, Y) :- e(X, Y). p(Y, Z) :- p(X, Y), q(X, Z). "
     "q(X, Z) :- f(X, Y), g(Y, Z).",
     60},
    {"steps counted", "p(X, 0) :- n(X). p(Y, E) :- p(X, D), e(X, Y), D < 12, E = D + 1.", 40},
    {"ways weighed",
     "p(X, Y, 1) :- e(X, Y). p(X, Z, E) :- p(X, Y, D), l(W, Y, Z), E = D + W, E < 10.", 15},
    {"values that differ", "p(X, Y) :- e(X, Y). p(X, D) :- p(X, Y), p(Y, Z), D = Z - Y, D > 0.",
     20},
    {"points-to",
     "p(V, H) :- e(V, H). p(V, H) :- f(V, W), p(W, H). h(O, H) :- g(B, V), p(B, O), p(V, H). "
     "p(V, H) :- f(W, V), n(W), p(W, O), h(O, H).",
     60},
    {"points-to with fields",
     "p(V, H) :- e(V, H). p(V, H) :- f(V, W), p(W, H). "
     "h(O, F, H) :- l(F, B, V), p(B, O), p(V, H). "
     "p(V, H) :- l(F, V, B), p(B, O), h(O, F, H).",
     40},
    {"points-to in one",
     "p(V, H) :- e(V, H). p(V, H) :- f(V, W), p(W, H). p(V, H) :- g(V, B), p(B, O), p(O, H). "
     "p(O, H) :- g(B, V), p(B, O), p(V, H).",
     40},
    {"brackets",
     "p(X, Y) :- l(L, X, A), m(L, _, A, Y). p(X, Y) :- l(L, X, A), p(A, B), m(L, _, B, Y). "
     "p(X, Z) :- p(X, Y), p(Y, Z).",
     40},
    {"brackets, empty word",
     "p(X, X) :- n(X). p(X, Y) :- l(L, X, A), p(A, B), l(L, Y, B). p(X, Z) :- p(X, Y), p(Y, Z).",
     40},
    {"labels between",
     "p(X, Y) :- e(X, Y). p(X, Y) :- l(L, X, A), p(A, B), m(L, L, B, Y), n(Y). "
     "p(X, Y) :- p(X, Z), m(A, B, Z, Y), l(B, Y, _), not n(X).",
     60},
    {"label that is looked for",
     "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), e(Y, Z), l(L, Z, Y), m(L, _, Z, _).", 60},
    {"steps, then joins",
     "p(X, Y) :- e(X, Y). p(X, Z) :- f(X, Y), p(Y, Z). p(X, Z) :- p(Y, Z), f(Y, X). "
     "q(X, Z) :- p(X, Y), g(Y, W), p(W, Z). p(X, Z) :- q(Z, Y), n(Y), q(Y, X). "
     "q(X, Z) :- g(X, Y), q(Y, Z).",
     40},
    {"steps of three columns, then joins",
     "p(A, X, Y) :- l(A, X, Y). p(A, X, Z) :- m(A, B, X, Y), p(B, Y, Z). "
     "p(A, X, Z) :- p(A, X, Y), p(B, Y, Z), l(B, X, A).",
     30},
    {"joined with itself in two ways, and more",
     "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), p(Y, Z). p(X, Z) :- p(X, Y), f(Y, W), n(W), p(W, Z). "
     "p(X, Z) :- g(Y, X), p(Y, W), g(W, Z).",
     40},
    {"joined with itself by labels, and more",
     "p(L, X, Y) :- l(L, X, Y). p(L, X, Z) :- p(L, X, Y), p(L, Y, Z). "
     "p(L, X, Z) :- p(M, X, Y), m(L, M, Y, Z).",
     30},
    {"aliases",
     "v(X, Y) :- e(Y, X). v(X, Y) :- e(X, Z), a(Z, Y). v(X, Y) :- v(X, Z), v(Z, Y). "
     "v(X, X) :- e(X, _). a(X, W) :- f(Y, X), b(Y, Z), f(Z, W). b(X, Y) :- v(Z, X), v(Z, Y). "
     "b(X, Y) :- v(Z, X), a(Z, W), v(W, Y).",
     30},
    {"few of many",
     "p(X, Y) :- e(X, Y). p(X, Z) :- p(X, Y), p(Y, W), g(W, Z), n(X). "
     "q(X, Z) :- p(X, Y), q(Y, Z), f(Y, _). q(X, Y) :- p(Y, X), f(X, _). p(X, Y) :- q(X, Y), n(Y).",
     60},
    {"grammar of three",
     "a(X, Y) :- e(X, Y). b(X, Z) :- a(X, Y), f(Y, Z). a(X, Z) :- b(X, Y), c(Y, Z). "
     "c(X, Y) :- g(X, Y). c(X, Z) :- c(X, Y), b(Y, Z).",
     40},
};

/* Nodes far apart, so that relations have few of the values there could be. */
#define FAR 97u

static void put_facts(struct rune_buf *text, uint64_t *state, const char *name, uint32_t labels,
                      uint32_t ends, uint32_t nodes, uint32_t distance, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rune_buf_printf(text, "%s(", name);
        for (uint32_t c = 0; c < labels + ends; c++) {
            rune_buf_printf(text, "%s%u", c > 0 ? ", " : "",
                            c < labels ? datalog_random_below(state, 3)
                                       : distance * datalog_random_below(state, nodes));
        }
        rune_buf_append_cstr(text, ").\n");
    }
}

static void make_text(struct rune_buf *text, const char *rules, uint64_t *state, uint32_t nodes,
                      uint32_t distance, uint32_t edges)
{
    put_facts(text, state, "e", 0, 2, nodes, distance, edges);
    put_facts(text, state, "f", 0, 2, nodes, distance, edges / 2 + 1);
    put_facts(text, state, "g", 0, 2, nodes, distance, edges / 2 + 1);
    put_facts(text, state, "n", 0, 1, nodes, distance, nodes / 2 + 1);
    put_facts(text, state, "l", 1, 2, nodes, distance, edges + edges / 2);
    put_facts(text, state, "m", 2, 2, nodes, distance, edges + edges / 2);
    rune_buf_append_cstr(text, rules);
    (void)rune_buf_cstr(text);
}

/* ---- tuples in order ---- */

struct tuples {
    rune_term *terms;
    uint32_t arity;
    size_t count, capacity;
};

static bool take(void *context, const rune_term *tuple, uint32_t arity)
{
    struct tuples *tuples = context;
    if (tuples->count == tuples->capacity) {
        tuples->capacity = 2 * tuples->capacity + 64;
        tuples->terms = realloc(tuples->terms, tuples->capacity * (arity + 1) * sizeof(rune_term));
        assert_non_null(tuples->terms);
    }
    memcpy(tuples->terms + tuples->count++ * arity, tuple, arity * sizeof(rune_term));
    return true;
}

static int compare_tuples(const void *a, const void *b, void *context)
{
    const rune_term *x = a, *y = b;
    for (uint32_t i = 0; i < *(const uint32_t *)context; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}

static void sort(struct tuples *tuples)
{
    if (tuples->count == 0) {
        return;
    }
    qsort_r(tuples->terms, tuples->count, tuples->arity * sizeof(rune_term), compare_tuples,
            &tuples->arity);
}

/* A relation whole, sorted; values are integers of the image. */
static struct tuples read_relation(struct datalog_run *run, uint32_t relation, const char *what)
{
    struct tuples tuples = {.arity = run->program.relations[relation].arity};
    enum rune_err err =
        datalog_run_query(run, run->program.relations[relation].name, NULL, NULL, take, &tuples);
    if (err != RUNE_OK) {
        fail_msg("%s: %s", what, rune_err_text(err));
    }
    sort(&tuples);
    return tuples;
}

static struct tuples read_naive(const struct naive_relation *naive)
{
    struct tuples tuples = {.arity = naive->arity};
    for (uint32_t t = 0; t < naive->count; t++) {
        rune_term row[RUNE_DL_MAX_ARITY];
        for (uint32_t i = 0; i < naive->arity; i++) {
            assert_int_equal(naive->tuples[(size_t)t * naive->arity + i].kind, NAIVE_LONG);
            row[i] =
                rune_term_from_inline((int32_t)naive->tuples[(size_t)t * naive->arity + i].integer);
        }
        (void)take(&tuples, row, naive->arity);
    }
    sort(&tuples);
    return tuples;
}

static void check_same(struct tuples *got, struct tuples *want, const char *what,
                       const struct datalog_run *run, uint32_t relation)
{
    if (got->count != want->count ||
        (want->count > 0 &&
         memcmp(got->terms, want->terms, want->count * want->arity * sizeof(rune_term)) != 0)) {
        fail_msg("%s: %.*s: %zu tuples, %zu expected, or others\n%.*s", what,
                 RUNE_STR_ARG(run->program.relations[relation].name), got->count, want->count,
                 (int)run->source.length < 4000 ? (int)run->source.length : 0, run->source.text);
    }
    free(got->terms);
    free(want->terms);
}

static void evaluate(struct datalog_run *run, const struct rune_buf *text,
                     enum rune_dl_storing storing, const char *what)
{
    enum rune_err err =
        datalog_run_open(run, (struct rune_str){text->data, text->length}, RUNE_DL_BARE, NULL, 0);
    if (err == RUNE_OK) {
        err = datalog_run_evaluate(run, storing);
    }
    if (err != RUNE_OK) {
        fail_msg("%s: %s %s", what, rune_err_text(err), rune_diag_text(run->diag));
    }
}

/* ---- tests ---- */

static void test_small__is_the_naive_one(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof(recursions) / sizeof(recursions[0]); r++) {
        uint64_t derived = 0, random = r;
        for (uint32_t round = 0; round < SMALL_ROUNDS; round++) {
            struct rune_buf text = RUNE_BUF_INIT;
            uint32_t nodes = 3 + datalog_random_below(&random, 5);
            make_text(&text, recursions[r].rules, &random, nodes, round % 2 == 0 ? 1 : FAR,
                      1 + datalog_random_below(&random, 2 * nodes));
            struct datalog_run run;
            struct rune_arena arena;
            struct naive_relation *want;
            rune_arena_init(&arena, (size_t)512 << 20);
            evaluate(&run, &text, RUNE_DL_STORE_ALL, recursions[r].name);
            assert_true(naive_evaluate(&run.program, 5000, &arena, &want));
            for (uint32_t i = 0; i < run.program.relation_count; i++) {
                struct tuples got = read_relation(&run, i, recursions[r].name);
                struct tuples naive = read_naive(&want[i]);
                derived += run.program.relations[i].is_head ? got.count : 0;
                check_same(&got, &naive, recursions[r].name, &run, i);
            }
            datalog_run_close(&run);
            rune_arena_fini(&arena);
            rune_buf_fini(&text);
        }
        assert_true(derived > SMALL_ROUNDS);
    }
}

static void check_stored(const struct rune_buf *text, const char *what)
{
    struct datalog_run stored, demanded;
    evaluate(&stored, text, RUNE_DL_STORE_ALL, what);
    evaluate(&demanded, text, RUNE_DL_STORE_BASE, what);
    for (uint32_t i = 0; i < stored.program.relation_count; i++) {
        struct tuples got = read_relation(&stored, i, what);
        struct tuples want = read_relation(&demanded, i, what);
        check_same(&got, &want, what, &stored, i);
    }
    datalog_run_close(&stored);
    datalog_run_close(&demanded);
}

/* Rows of more than 64 blocks, most of them empty; what is on the one side is not on the other. */
static void test_wide_rows__stored_is_demanded(void **state)
{
    uint64_t random = 5;
    struct rune_buf text = RUNE_BUF_INIT;
    (void)state;
    for (uint32_t i = 0; i < 400; i++) {
        uint32_t value =
            datalog_random_below(&random, 2) * 40000 + datalog_random_below(&random, 300) * 37;
        rune_buf_printf(&text, "d(%u, %u).\nf(%u, %u).\n", 7 + datalog_random_below(&random, 60),
                        60 + value, 3 + datalog_random_below(&random, 60),
                        3 + datalog_random_below(&random, 60));
    }
    rune_buf_append_cstr(&text,
                         "p(X, Y) :- f(X, Y), X != Y. p(X, Z) :- p(X, Y), p(Y, Z), not f(Z, X). "
                         "p(X, Y) :- r(X, Z), r(Y, Z), f(X, _).\n"
                         "r(X, Z) :- d(X, Z). r(X, Z) :- p(X, Y), r(Y, Z), not d(_, X).\n");
    (void)rune_buf_cstr(&text);
    check_stored(&text, "wide rows");
    rune_buf_fini(&text);
}

static void test_large__stored_is_demanded(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof(recursions) / sizeof(recursions[0]); r++) {
        uint64_t random = r + 1000;
        for (uint32_t round = 0; round < LARGE_ROUNDS; round++) {
            struct rune_buf text = RUNE_BUF_INIT;
            uint32_t nodes = recursions[r].nodes;
            make_text(&text, recursions[r].rules, &random, nodes, round % 2 == 0 ? 1 : FAR,
                      nodes + round * nodes / 4);
            check_stored(&text, recursions[r].name);
            rune_buf_fini(&text);
        }
    }
}

static bool count_one(void *context, const rune_term *tuple, uint32_t arity)
{
    (void)tuple;
    (void)arity;
    ++*(uint32_t *)context;
    return true;
}

/* n(a, X) is the same for every Y of p, and what a Y finds nothing in others may. */
static void test_a_scan_that_is_filtered_to_nothing__is_not_over_for_all(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct datalog_run run;
    uint32_t count = 0;
    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        rune_buf_printf(&text, "b(%u, %u).\n", 100 + i / 3, 7 + i % 3);
    }
    rune_buf_append_cstr(&text, "n(a, 1). n(a, 2). n(a, 3). n(a, 4). n(a, 5).\n"
                                "b(3, 9). b(4, 8). b(5, 8). e(7, 0). e(9, 0). e(8, 1).\n"
                                "p(X, Y) :- e(X, Y).\n"
                                "p(X, 6) :- n(a, X), b(X, Y), p(Y, _).\n");
    (void)rune_buf_cstr(&text);
    assert_int_equal(
        datalog_run_open(&run, (struct rune_str){text.data, text.length}, RUNE_DL_BARE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&run, RUNE_DL_STORE_ALL), RUNE_OK);
    assert_int_equal(datalog_run_query(&run, RUNE_STR("p"), NULL, NULL, count_one, &count),
                     RUNE_OK);
    assert_int_equal(count, 6);
    datalog_run_close(&run);
    rune_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small__is_the_naive_one),
        cmocka_unit_test(test_large__stored_is_demanded),
        cmocka_unit_test(test_wide_rows__stored_is_demanded),
        cmocka_unit_test(test_a_scan_that_is_filtered_to_nothing__is_not_over_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
