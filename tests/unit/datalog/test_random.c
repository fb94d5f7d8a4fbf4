/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs (reference/datalog_random.h), as made and with everything in other orders,
 * against the naive evaluator: stored, demanded and as planned, whole and by every set of known
 * columns.
 *
 * RUNE_TEST_SEED=N begins with another seed, RUNE_TEST_ROUNDS=N makes so many programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "eval/rule_vm.h"
#include "reference/datalog_naive.h"
#include "reference/datalog_random.h"
#include "reference/datalog_run.h"

#define ROUNDS 300u /* programs of the ordinary test */
#define ORDERS 3u   /* each program is written in so many orders */

struct compare {
    struct datalog_run *run;
    const struct naive_relation *want;
    const rune_term *bound;
    const uint32_t *same;
    uint32_t seen;
    bool unknown;
    bool may_end; /* in a limit: there is little memory */
    uint8_t *is_found;
};

static struct naive_value value_of(const struct datalog_run *run, rune_term term)
{
    struct naive_value value = {.kind = NAIVE_LONG};
    const struct rune_terms *terms = rune_term_space(term) == RUNE_SPACE_REQUEST
                                         ? rune_dict_terms(run->values)
                                         : &run->store.terms;
    if (rune_term_is_inline(term)) {
        value.integer = rune_term_inline_value(term);
    } else if (rune_term_kind(term) == RUNE_KIND_LONG) {
        value.integer = terms->longs[rune_term_index(term)];
    } else if (rune_term_kind(term) == RUNE_KIND_FLOAT) {
        value.kind = NAIVE_FLOAT;
        value.floating = terms->floats[rune_term_index(term)];
    } else {
        value.kind = NAIVE_STRING;
        value.string = rune_terms_string(terms, term);
    }
    return value;
}

static bool compare_tuple(void *context, const rune_term *tuple, uint32_t arity)
{
    struct compare *compare = context;
    compare->seen++;
    for (uint32_t t = 0; t < compare->want->count; t++) {
        uint32_t same = 0;
        while (same < arity) {
            struct naive_value value = value_of(compare->run, tuple[same]);
            if (naive_compare(&value, &compare->want->tuples[t * arity + same]) != 0) {
                break;
            }
            same++;
        }
        if (same == arity && !compare->is_found[t]) {
            compare->is_found[t] = 1;
            return true;
        }
    }
    compare->unknown = true;
    return false;
}

/* How many of the naive tuples match the pattern. */
static uint32_t count_matches(const struct compare *compare)
{
    uint32_t count = 0, arity = compare->want->arity;
    for (uint32_t t = 0; t < compare->want->count; t++) {
        const struct naive_value *tuple = compare->want->tuples + (size_t)t * arity;
        bool matches = true;
        for (uint32_t i = 0; i < arity && matches; i++) {
            matches = naive_compare(&tuple[compare->same[i]], &tuple[i]) == 0;
            if (matches && compare->bound[i] != RUNE_TERM_NONE) {
                struct naive_value value = value_of(compare->run, compare->bound[i]);
                matches = naive_compare(&value, &tuple[i]) == 0;
            }
        }
        count += matches;
    }
    return count;
}

/* A recursion asked with ever new values, like p(N + 1) for p(N), would have no end when it is
 * demanded; so a limit is a failure like any other. */
static void check_pattern(struct compare *compare, const struct rune_buf *text, uint32_t relation,
                          const char *how)
{
    struct datalog_run *run = compare->run;
    struct rune_str name = run->program.relations[relation].name;
    compare->is_found = test_calloc(compare->want->count + 1, 1);
    enum rune_err err =
        datalog_run_query(run, name, compare->bound, compare->same, compare_tuple, compare);
    uint32_t matches = count_matches(compare);
    test_free(compare->is_found);
    if (err == RUNE_E_LIMIT && compare->may_end && !compare->unknown && compare->seen <= matches) {
        return;
    }
    if (err != RUNE_OK || compare->unknown || compare->seen != matches) {
        fail_msg("%s: %.*s: %s, %u tuples, %u expected%s\n%.*s", how, RUNE_STR_ARG(name),
                 rune_err_text(err), compare->seen, matches,
                 compare->unknown ? ", one that should not be" : "", (int)text->length, text->data);
    }
}

/* RUNE_TERM_NONE, so free, where the image knows no such value: it is computed when asked. */
static rune_term term_of(const struct datalog_run *run, const struct naive_value *value)
{
    const struct rune_terms *terms = &run->store.terms;
    switch (value->kind) {
    case NAIVE_STRING:
        return rune_terms_find_string(terms, value->string);
    case NAIVE_FLOAT:
        return rune_terms_find_float(terms, value->floating);
    default:
        return rune_terms_find_long(terms, value->integer);
    }
}

struct totals {
    uint64_t programs, skipped, derived;
};

static void mark_body(const struct rune_dl_body *body, const bool *of, bool *any)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        *any = *any || (literal->kind == RUNE_DL_ATOM && of[literal->relation]);
        for (uint32_t k = 0; k < literal->body_count; k++) {
            mark_body(&literal->bodies[k], of, any);
        }
    }
}

/* Relations that recurse, or ask one that does: their tables have to be kept. */
static void find_recursive(const struct rune_dl_program *program, bool *ret_of)
{
    bool any = true;
    for (uint32_t r = 0; r < program->relation_count; r++) {
        ret_of[r] = program->relations[r].is_recursive;
    }
    while (any) {
        any = false;
        for (uint32_t i = 0; i < program->rule_count; i++) {
            const struct rune_dl_rule *rule = &program->rules[i];
            bool reads = false;
            mark_body(&rule->body, ret_of, &reads);
            any = any || (reads && !ret_of[rule->head]);
            ret_of[rule->head] = ret_of[rule->head] || reads;
        }
    }
}

/* Every set of known columns, once with all others free and once with two of them equal. `may_end`:
 * recursions may end in a limit. */
static void check_run(struct datalog_run *run, const struct rune_buf *text,
                      const struct naive_relation *want, uint64_t *state, bool may_end,
                      const char *how)
{
    bool is_recursive[64] = {false};
    assert_true(run->program.relation_count <= 64);
    find_recursive(&run->program, is_recursive);
    for (uint32_t r = 0; r < run->program.relation_count; r++) {
        uint32_t arity = run->program.relations[r].arity;
        for (uint32_t pattern = 0; pattern < 2u << arity; pattern++) {
            rune_term bound[RUNE_DL_MAX_ARITY] = {0};
            uint32_t same[RUNE_DL_MAX_ARITY];
            uint32_t row = want[r].count == 0 ? 0 : datalog_random_below(state, want[r].count);
            bool has_equal = pattern >> arity != 0;
            for (uint32_t i = 0; i < arity; i++) {
                bool is_equal = has_equal && i > 0 && datalog_random_below(state, 2) == 0;
                same[i] = is_equal ? datalog_random_below(state, i) : i;
                same[i] = same[same[i]];
                if ((pattern >> i & 1) != 0 && same[i] == i) {
                    bound[i] = want[r].count > 0 && datalog_random_below(state, 6) > 0
                                   ? term_of(run, &want[r].tuples[row * arity + i])
                                   : rune_term_from_inline(datalog_random_below(state, 5));
                }
            }
            struct compare compare = {.run = run,
                                      .want = &want[r],
                                      .bound = bound,
                                      .same = same,
                                      .may_end = may_end && is_recursive[r]};
            check_pattern(&compare, text, r, how);
        }
    }
}

/* So much for the tables of a query: many answers have to be given in parts. */
static void limit_memory(struct datalog_run *run, size_t bytes)
{
    static _Alignas(64) char slab[(size_t)1 << 21];
    rune_arena_fini(&run->request);
    bytes += RUNE_RULE_FRAME_BYTES + sizeof(struct rune_rule_vm) + 128;
    assert_true(bytes <= sizeof(slab));
    rune_arena_init_fixed(&run->request, slab, bytes);
}

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
        bool is_known = naive_evaluate(&run.program, 300, &arena, &want);
        if (is_known) {
            err = datalog_run_evaluate(&run, (enum rune_dl_storing)way);
            if (err != RUNE_OK) {
                fail_msg("%s: %s %s\n%.*s", how, rune_err_text(err), rune_diag_text(run.diag),
                         (int)text->length, text->data);
            }
            check_run(&run, text, want, &state, false, how);
            if (way == RUNE_DL_STORE_BASE) {
                limit_memory(&run, (1 + seed % 3) * 1024);
                check_run(&run, text, want, &state, true, how);
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

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void test_random_programs__every_way_and_order_is_the_naive_one(void **state)
{
    (void)state;
    uint64_t first = number_of("RUNE_TEST_SEED", 1), rounds = number_of("RUNE_TEST_ROUNDS", ROUNDS);
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
        limit_memory(&run, memory[i]);
        for (unsigned round = 0; round < 5; round++) {
            check_run(&run, &text, want, &random, false, "wide views");
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
        cmocka_unit_test(test_wide_views__are_answered_with_little_memory),
        cmocka_unit_test(test_recursions__no_order_of_their_literals_ends_in_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
