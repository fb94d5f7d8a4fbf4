/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate: the engine against the naive evaluator on random programs (recursion, negation,
 * aggregates, arithmetic, disjunction), stored, demanded and as planned, whole and by pattern; and
 * what limits and errors do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "reference/datalog_naive.h"
#include "reference/datalog_run.h"

/* ---- random programs ---- */

#define RELATIONS 7u

static uint64_t rng_state;

static uint32_t rng(uint32_t below)
{
    rng_state = rng_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(rng_state >> 33) % below;
}

struct shape {
    uint32_t arity[RELATIONS];
};

static void put_constant(struct rune_buf *out)
{
    static const char *const names[] = {"a", "b", "c"};
    if (rng(3) == 0) {
        rune_buf_append_cstr(out, names[rng(3)]);
    } else {
        rune_buf_printf(out, "%u", rng(5));
    }
}

static void put_var(struct rune_buf *out, uint32_t vars)
{
    rune_buf_printf(out, "V%u", rng(vars));
}

/* An atom over variables V0 .. V(vars-1), constants and (not in heads) wildcards. */
static void put_atom(struct rune_buf *out, const struct shape *shape, uint32_t relation,
                     uint32_t vars, bool in_head)
{
    rune_buf_printf(out, "r%u(", relation);
    for (uint32_t i = 0; i < shape->arity[relation]; i++) {
        uint32_t kind = rng(10);
        rune_buf_append_cstr(out, i > 0 ? ", " : "");
        if (kind == 0) {
            put_constant(out);
        } else if (kind == 1 && !in_head) {
            rune_buf_append_char(out, '_');
        } else {
            put_var(out, vars);
        }
    }
    rune_buf_append_char(out, ')');
}

static void put_check(struct rune_buf *out, const struct shape *shape, uint32_t head, uint32_t vars)
{
    static const char *const compares[] = {"=", "!=", "<", "<=", ">", ">="};
    static const char *const aggregates[] = {"sum", "min", "max", "mean"};
    uint32_t lower = head == 0 ? 0 : rng(head);
    switch (rng(6)) {
    case 0:
        put_var(out, vars);
        rune_buf_printf(out, " %s ", compares[rng(6)]);
        put_constant(out);
        break;
    case 1:
        put_var(out, vars);
        rune_buf_printf(out, " %s V%u %c %u", compares[rng(6)], rng(vars), "+-*/"[rng(4)], rng(4));
        break;
    case 2:
        if (head > 0) {
            rune_buf_append_cstr(out, "not ");
            put_atom(out, shape, lower, vars, false);
            break;
        }
        /* fall through */
    case 3:
        rune_buf_append_cstr(out, "(");
        put_var(out, vars);
        rune_buf_printf(out, " %s %u ; ", compares[rng(6)], rng(5));
        put_var(out, vars);
        rune_buf_printf(out, " %s V%u)", compares[rng(6)], rng(vars));
        break;
    case 4:
        if (head > 0) {
            rune_buf_printf(out, "N%u = count { ", rng(100000));
            put_atom(out, shape, lower, vars + 2, false);
            rune_buf_append_cstr(out, " }");
            break;
        }
        /* fall through */
    default:
        if (head > 0) {
            rune_buf_printf(out, "V%u >= 0, N%u = %s { V%u : ", rng(vars), rng(100000),
                            aggregates[rng(4)], vars);
            rune_buf_printf(out, "r%u(", lower);
            for (uint32_t i = 0; i < shape->arity[lower]; i++) {
                rune_buf_printf(out, i > 0 ? ", V%u" : "V%u", i == 0 ? vars : rng(vars + 2));
            }
            rune_buf_append_cstr(out, ") }");
        } else {
            put_var(out, vars);
            rune_buf_append_cstr(out, " != b");
        }
        break;
    }
}

/* Relation i may read itself and those below it, negation and aggregates only those below. r0 has
 * facts only. */
static void put_rule(struct rune_buf *out, const struct shape *shape, uint32_t head)
{
    uint32_t vars = 2 + rng(3), atoms = 1 + rng(3);
    put_atom(out, shape, head, vars, true);
    rune_buf_append_cstr(out, " :- ");
    /* Every variable is bound: the first atoms read r0, of two columns, in a chain. */
    for (uint32_t v = 0; v + 1 < vars; v++) {
        rune_buf_printf(out, "r0(V%u, V%u), ", v, v + 1);
    }
    for (uint32_t i = 0; i < atoms; i++) {
        put_atom(out, shape, rng(head + 1), vars, false);
        rune_buf_append_cstr(out, ", ");
    }
    for (uint32_t i = rng(3); i > 0; i--) {
        put_check(out, shape, head, vars);
        rune_buf_append_cstr(out, ", ");
    }
    rune_buf_append_cstr(out, "r0(V0, _).\n");
}

static void put_program(struct rune_buf *out, uint64_t seed)
{
    rng_state = seed * 7919 + 17;
    struct shape shape = {{2}};
    for (uint32_t i = 1; i < RELATIONS; i++) {
        shape.arity[i] = 1 + rng(3);
    }
    for (uint32_t i = 0; i < RELATIONS; i++) {
        uint32_t facts = i == 0 ? 6 + rng(8) : 1 + rng(2);
        for (uint32_t f = 0; f < facts; f++) {
            rune_buf_printf(out, "r%u(", i);
            for (uint32_t c = 0; c < shape.arity[i]; c++) {
                rune_buf_append_cstr(out, c > 0 ? ", " : "");
                put_constant(out);
            }
            rune_buf_append_cstr(out, ").\n");
        }
        for (uint32_t r = i == 0 ? 0 : 1 + rng(3); r > 0; r--) {
            put_rule(out, &shape, i);
        }
    }
    /* Recursions of the kinds that have ways of their own. */
    static const char *const closures[] = {
        "t(X, Z) :- t(X, Y), r0(Y, Z).\n", "t(X, Z) :- r0(X, Y), t(Y, Z).\n",
        "t(X, Z) :- t(X, Y), t(Y, Z).\n", "t(X, Z) :- r0(X, Y), Y != a, t(Y, Z).\n",
        "t(X, Z) :- t(X, Y), r0(Y, W), r0(W, Z).\n"};
    rune_buf_printf(out, "t(X, Y) :- r0(X, Y)%s.\n%s", rng(2) == 0 ? "" : ", X != Y",
                    closures[rng(5)]);
    rune_buf_append_cstr(out, rng(4) == 0 ? "t(X, Z) :- r0(Z, Y), t(X, Y).\n" : "");
}

/* ---- comparison ---- */

struct compare {
    struct datalog_run *run;
    const struct naive_relation *want;
    const rune_term *bound;
    const uint32_t *same;
    uint32_t seen;
    bool unknown;
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

static void check_pattern(struct datalog_run *run, const char *text, uint32_t relation,
                          const struct naive_relation *want, const rune_term *bound,
                          const uint32_t *same, const char *how)
{
    struct compare compare = {.run = run, .want = want, .bound = bound, .same = same};
    compare.is_found = test_calloc(want->count + 1, 1);
    enum rune_err err = datalog_run_query(run, run->program.relations[relation].name, bound, same,
                                          compare_tuple, &compare);
    uint32_t matches = count_matches(&compare);
    if (err != RUNE_OK || compare.unknown || compare.seen != matches) {
        fail_msg("%s: %.*s: %s, %u tuples, %u expected%s\n%s", how,
                 (int)run->program.relations[relation].name.length,
                 run->program.relations[relation].name.data, rune_err_text(err), compare.seen,
                 matches, compare.unknown ? ", one that should not be" : "", text);
    }
    test_free(compare.is_found);
}

static void check_run(struct datalog_run *run, const char *text, const struct naive_relation *want,
                      const char *how)
{
    for (uint32_t r = 0; r < run->program.relation_count; r++) {
        uint32_t arity = run->program.relations[r].arity;
        for (uint32_t pattern = 0; pattern < 6; pattern++) {
            rune_term bound[RUNE_DL_MAX_ARITY] = {0};
            uint32_t same[RUNE_DL_MAX_ARITY];
            for (uint32_t i = 0; i < arity; i++) {
                same[i] = pattern > 3 && i > 0 && rng(2) == 0 ? 0 : i;
                if (pattern > 0 && same[i] == i && rng(2) == 0) {
                    bound[i] = rune_term_from_inline((int64_t)rng(5));
                    if (rng(3) == 0) {
                        bound[i] = rune_terms_find_string(&run->store.terms,
                                                          (struct rune_str){&"abc"[rng(3)], 1});
                    }
                }
            }
            check_pattern(run, text, r, &want[r], bound, same, how);
        }
    }
}

static void test_random_programs__optimised_equals_naive(void **state)
{
    (void)state;
    static const char *const how[] = {"as planned", "stored", "demanded"};
    const char *given = getenv("RUNE_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : 1, checked = 0, derived = 0;
    for (uint64_t seed = first; seed < first + (given != NULL ? 1 : 300); seed++) {
        struct rune_buf text = RUNE_BUF_INIT;
        put_program(&text, seed);
        const char *program = rune_buf_cstr(&text);
        for (int way = 0; way < 3; way++) {
            struct datalog_run run;
            struct rune_arena arena;
            struct naive_relation *want;
            rune_arena_init(&arena, (size_t)512 << 20);
            enum rune_err err = datalog_run_open(&run, (struct rune_str){program, text.length},
                                                 RUNE_DL_BARE, NULL, 0);
            if (err == RUNE_OK && naive_evaluate(&run.program, 1500, &arena, &want)) {
                err = datalog_run_evaluate(&run, (enum rune_dl_storing)way);
                if (err != RUNE_OK) {
                    fail_msg("seed %llu: %s\n%s\n%s", (unsigned long long)seed, rune_err_text(err),
                             rune_diag_text(run.diag), program);
                }
                check_run(&run, program, want, how[way]);
                for (uint32_t r = 0; r < run.program.relation_count; r++) {
                    derived += way == 0 && run.program.relations[r].is_head ? want[r].count : 0;
                }
                checked++;
            }
            datalog_run_close(&run);
            rune_arena_fini(&arena);
        }
        rune_buf_fini(&text);
    }
    print_message("%llu evaluations compared, %llu derived tuples\n", (unsigned long long)checked,
                  (unsigned long long)derived);
    assert_true(given != NULL || (checked > 450 && derived > 5000));
}

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
    assert_non_null(strstr(rune_diag_text(run.diag), "RUNE-R0401"));
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

static void test_failed_derivation__marks_what_rests_on_it(void **state)
{
    (void)state;
    static const char program[] = "v(0). v(2).\n"
                                  "inverse(X, Y) :- v(X), Y = 6 / X.\n"
                                  "uses(Y) :- inverse(_, Y).\n"
                                  "absent(X) :- v(X), not inverse(X, 3).\n"
                                  "counted(N) :- N = count { inverse(_, _) }.\n"
                                  "beyond(X) :- absent(X).\n"
                                  "apart(X) :- v(X).\n";
    static const struct {
        const char *relation;
        uint32_t flags;
    } cases[] = {
        {"inverse", RUNE_RELATION_PARTIAL},
        {"uses", RUNE_RELATION_PARTIAL},
        {"absent", RUNE_RELATION_PARTIAL | RUNE_RELATION_UNSURE},
        {"beyond", RUNE_RELATION_PARTIAL | RUNE_RELATION_UNSURE},
        {"apart", 0},
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
    put_program(&text, 5);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_rules__are_refused_by_name),
        cmocka_unit_test(test_entity_id__makes_entities_in_any_order),
        cmocka_unit_test(test_free_recursion__is_refused_where_nothing_narrows_it),
        cmocka_unit_test(test_chain__of_twenty_thousand_relations),
        cmocka_unit_test(test_many_goals__are_ordered_like_few),
        cmocka_unit_test(test_random_programs__optimised_equals_naive),
        cmocka_unit_test(test_product__is_refused_by_the_limit_with_the_rule),
        cmocka_unit_test(test_failed_derivation__marks_what_rests_on_it),
        cmocka_unit_test(test_same_program__same_bytes),
        cmocka_unit_test(test_dense_recursion__goes_on_with_values_far_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
