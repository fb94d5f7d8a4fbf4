/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "unit/cmocka.h"
#include "unit/datalog/support.h"

struct verdict {
    const char *text, *declared, *want; /* want: codes and lines; "" accepted */
};

static void expect_verdicts(const struct verdict *cases, size_t count, enum rune_dl_dialect dialect)
{
    for (size_t i = 0; i < count; i++) {
        struct front front;
        struct rune_buf codes = RUNE_BUF_INIT;
        front_check(&front, cases[i].text, dialect, cases[i].declared);
        front_codes(&front, RUNE_ERROR, &codes);
        if (strcmp(rune_buf_cstr(&codes), cases[i].want) != 0) {
            print_error("%s\n%s\n", cases[i].text, rune_diag_text(front.diag));
        }
        assert_string_equal(rune_buf_cstr(&codes), cases[i].want);
        assert_int_equal(front.err == RUNE_OK, cases[i].want[0] == '\0');
        rune_buf_fini(&codes);
        front_fini(&front);
    }
}

#define EXPECT_VERDICTS(cases, dialect) \
    expect_verdicts(cases, sizeof(cases) / sizeof((cases)[0]), dialect)

static void test_names__must_be_defined_with_one_arity(void **state)
{
    static const struct verdict cases[] = {
        {"p(X) :- q(X).", "q/1", ""},
        {"p(X) :- q(X).", NULL, "RUNE-D0301 1"},
        {"p(X) :- q(X).\nr(X) :- q(X), s(X), not t.", NULL,
         "RUNE-D0301 1, RUNE-D0301 2, RUNE-D0301 2"},
        {"q(a).\np(X) :- q(X, X).", NULL, "RUNE-D0201 2"},
        {"p(X) :- q(X).", "q/2", "RUNE-D0201 1"},
        {"p(a).\np(a, b).\np.", NULL, "RUNE-D0201 2, RUNE-D0201 3"},
        {"p(X) :- p(X).", NULL, ""},
        {"p(N) :- N = count { q(_) }.", NULL, "RUNE-D0301 1"},
        {"p(X) :- q(X, _), not s.", "q/4294967295 r/4294967295 s/0", ""},
        {"p(X) :- q(X, _).\nr(X) :- q(X).", "q/4294967295", "RUNE-D0201 2"},
    };
    (void)state;
    EXPECT_VERDICTS(cases, RUNE_DL_BARE);
}

static void test_safety__needs_every_variable_bound(void **state)
{
    static const struct verdict cases[] = {
        {"p(X, Y) :- X = Y, Y = Z, Z = W, W = 5.", NULL, ""},
        {"p(X) :- Y = X, q(Y).", "q/1", ""},
        {"p(Y) :- q(X), Y = X + 1.", "q/1", ""},
        {"p(X) :- q(Y), Y = X + 1.", "q/1", "RUNE-D0401 1"},
        {"p(X) :- q(X + 1).", "q/1", "RUNE-D0401 1"},
        {"p(X) :- q(X), q(X + 1).", "q/1", ""},
        {"p(X) :- q(_), X = Y, Y = X.", "q/1", "RUNE-D0401 1, RUNE-D0401 1"},
        {"p(_) :- q(_).", "q/1", "RUNE-D0401 1"},
        {"p(X) :- q(X), X != _.", "q/1", "RUNE-D0401 1"},
        {"p(X) :- q(X), not r(X, _).", "q/1 r/2", ""},
        {"p(X) :- q(X), not r(X, Y).", "q/1 r/2", "RUNE-D0401 1"},
        {"p(X) :- (q(X) ; r(X, Y), Y > 1).", "q/1 r/2", ""},
        {"p(X, Y) :- (q(X) ; r(X, Y)).", "q/1 r/2", "RUNE-D0401 1"},
        {"p(K, N) :- q(K), N = count { r(K, _) }.", "q/1 r/2", ""},
        {"p(K, N) :- N = count { r(K, _) }.", "r/2", "RUNE-D0401 1"},
        {"p(K, N) :- q(K), T = 3, N = count { r(K, V), V > T }.", "q/1 r/2", ""},
        {"p(S) :- S = sum { V : r(_, V), V > T }.", "r/2", "RUNE-D0401 1"},
        {"p(N, M) :- N = count { r(V, _) }, M = sum { V : r(_, V) }.", "r/2", ""},
        {"p(M) :- N = count { q(_) }, M = N + 1.", "q/1", ""},
        {"p(N) :- N = count { q(X), M = count { r(X, _) }, M > 1 }.", "q/1 r/2", ""},
        {"p(Y) :- Y = min { X : q(X), Y > X }.", "q/1", "RUNE-D0401 1"},
    };
    (void)state;
    EXPECT_VERDICTS(cases, RUNE_DL_BARE);
}

static void test_facts__are_ground(void **state)
{
    static const struct verdict cases[] = {
        {"p(1 + 2, -3).", NULL, ""},
        {"p(X).", NULL, "RUNE-D0501 1"},
        {"p(_, a).\np(X + 1, b).", NULL, "RUNE-D0501 1, RUNE-D0501 2"},
    };
    (void)state;
    EXPECT_VERDICTS(cases, RUNE_DL_BARE);
}

static void test_strata__forbid_negation_in_a_cycle(void **state)
{
    static const struct verdict cases[] = {
        {"p(X) :- q(X), not p(X).", "q/1", "RUNE-D0701 1"},
        {"p(X) :- q(X), r(X).\nr(X) :- q(X), not p(X).", "q/1", "RUNE-D0701 2"},
        {"p(N) :- N = count { p(_) }.", NULL, "RUNE-D0701 1"},
        {"p(N) :- N = count { q(X), not r(X) }.\nr(X) :- q(X), p(_).", "q/1", "RUNE-D0701 1"},
        {"p(X) :- q(X), not r(X).\nr(X) :- q(X), not s(X).\ns(X) :- s(X).", "q/1", ""},
        {"a :- not b. b :- not a.\nc :- not d. d :- not c.", NULL, "RUNE-D0701 1, RUNE-D0701 2"},
    };
    (void)state;
    EXPECT_VERDICTS(cases, RUNE_DL_BARE);
}

static void test_builtins__have_their_forms(void **state)
{
    static const struct verdict cases[] = {
        {"permit(P, A, R) :- principal(P), action(A), resource(R).", NULL, ""},
        {"permit(P, R) :- principal(P), resource(R).", NULL, "RUNE-D0804 1"},
        {"forbid(P, A, \"doc\") :- principal(P), action(A).", NULL, "RUNE-D0805 1"},
        {"permit(User::\"a\", Action::\"b\", Doc::\"c\").", NULL, ""},
        {"permit(User::\"a\", Action::\"b\", R).", NULL, "RUNE-D0501 1"},
        {"p(X) :- permit(X, _, _).", NULL, "RUNE-D0802 1"},
        {"principal(User::\"a\").", NULL, "RUNE-D0803 1"},
        {"entity.tag(E, \"n\", V) :- q(E, V).", "q/2", "RUNE-D0803 1"},
        {"entity.attr(E, \"n\", V) :- q(E, V).", "q/2", ""},
        {"entity.attr(E, N, V) :- q(E, N, V).", "q/3", "RUNE-D0806 1"},
        {"entity.parent(E, F) :- principal(E), q(F).", "q/1", "RUNE-D0807 1"},
        {"context(\"k\", V) :- principal(V).", NULL, ""},
        {"p(V) :- context(K, V), K != \"x\".", NULL, ""},
        {"entity.element(E, \"n\", V) :- entity.attr(E, N, V), q(N).", "q/1", "RUNE-D0806 1"},
        {"entity.attr(E, \"m\", V) :- entity.attr(E, \"n\", V).", NULL, ""},
        {"entity.attr(E, \"n\", V) :- entity(E), q(V), not entity.attr(E, \"n\", _).", "q/1",
         "RUNE-D0701 1"},
        {"entity.parent(E, F) :- entity(E), q(F), not E in F.", "q/1", "RUNE-D0701 1"},
        {"entity.element(E, \"n\", V) :- entity.attr(E, \"n\", V).", NULL, "RUNE-D0701 1"},
        {"entity.element(E, \"n\", V) :- entity.attr(E, \"m\", V).", NULL, ""},
        {"entity.attr(E, \"n\", V) :- q(E, V), not entity.element(E, \"n\", V).", "q/2",
         "RUNE-D0701 1"},
        {"entity.attr(E, \"n\", V) :- q(E, V), not entity.element(E, \"m\", V).", "q/2", ""},
        {"entity.attr(E, \"n\", V) :- q(E, V), not r(V).\n"
         "r(V) :- entity.attr(_, N, V), q(N, _).",
         "q/2", "RUNE-D0701 1, RUNE-D0806 2"},
        {"entity.parent(E, F) :- q(E, F), not r(F).\nr(F) :- entity(F).", "q/2", "RUNE-D0701 1"},
        {"p(X) :- entity.atr(X, \"n\", _).", NULL, "RUNE-D0801 1"},
        {"rune.x(a). now(b).", NULL, "RUNE-D0801 1, RUNE-D0801 1"},
        {"p(X) :- q(X).", "entity/1 q/1", "RUNE-D0801 0"},
        {"p(X) :- q(X), X.isInRange(ip(\"nonsense\")).", "q/1", "RUNE-D0115 1"},
        {"p(X) :- S = \"a\", S.contains(X).", NULL, ""},
        {"p(X) :- q(S), not S.contains(X).", "q/1", "RUNE-D0401 1"},
    };
    (void)state;
    EXPECT_VERDICTS(cases, RUNE_DL_BUNDLE);
}

static void expect_rules(const char *text, const char *declared, const char *const *want,
                         uint32_t count)
{
    struct front front;
    front_check(&front, text, RUNE_DL_BARE, declared);
    assert_int_equal(front.err, RUNE_OK);
    assert_int_equal(front.program.rule_count, count);
    for (uint32_t i = 0; i < count; i++) {
        struct rune_buf got = RUNE_BUF_INIT;
        front_print(&front.program.rules[i], &got);
        assert_string_equal(rune_buf_cstr(&got), want[i]);
        rune_buf_fini(&got);
    }
    front_fini(&front);
}

static void test_expand__makes_a_rule_a_branch(void **state)
{
    (void)state;
    expect_rules("p(X) :- a(X), (b(X) ; c(X, Y), Y > 1), (d ; not d).", "a/1 b/1 c/2 d/0",
                 (const char *const[]){"p(X) :- a(X), b(X), d().", "p(X) :- a(X), b(X), not d().",
                                       "p(X) :- a(X), c(X,Y), Y>1, d().",
                                       "p(X) :- a(X), c(X,Y), Y>1, not d()."},
                 4);
}

static void test_expand__gives_aggregates_their_own_variables(void **state)
{
    (void)state;
    expect_rules(
        "p(K, N, S) :- d(K), N = count { b(K, V) }, S = sum { V : c(K, V) }.", "b/2 c/2 d/1",
        (const char *const[]){"p(K,N,S) :- d(K), N=count{b(K,V')}, S=sum{V':c(K,V')}."}, 1);
    expect_rules(
        "p(K, N, S) :- d(K), N = count { b(K, V) }, S = sum { W : c(K, W) }, W2 = N, W2 > 1.",
        "b/2 c/2 d/1",
        (const char *const[]){"p(K,N,S) :- d(K), N=count{b(K,V')}, S=sum{W':c(K,W')}, W2=N, W2>1."},
        1);
    expect_rules(
        "p(V, N) :- N = count { b(_, W), M = count { c(W, V) }, M > 0 }, q(V).", "b/2 c/2 q/1",
        (const char *const[]){"p(V,N) :- N=count{b(_',W'), M'=count{c(W',V)}, M'>0}, q(V)."}, 1);
    expect_rules("p(N) :- N = count { q(X), M = count { r(X, Y) }, M > 1 }.", "q/1 r/2",
                 (const char *const[]){"p(N) :- N=count{q(X'), M'=count{r(X',Y')}, M'>1}."}, 1);
}

static void test_expand__names_alternatives_in_braces(void **state)
{
    (void)state;
    expect_rules("p(N) :- N = count { a(X) ; c(X, _), a(X) }.", "a/1 c/2",
                 (const char *const[]){"rune.any.3(X,rune::\"absent\") :- a(X).",
                                       "rune.any.3(X,_) :- c(X,_), a(X).",
                                       "p(N) :- N=count{rune.any.3(X',_')}."},
                 3);
}

static void test_expand__refuses_products_beyond_reason(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct front front;
    struct rune_buf codes = RUNE_BUF_INIT;
    (void)state;
    rune_buf_append_cstr(&text, "a. b.\np :- a");
    for (int i = 0; i < 40; i++) {
        rune_buf_append_cstr(&text, ", (a ; b)");
    }
    rune_buf_append_cstr(&text, ".\n");
    front_check(&front, rune_buf_cstr(&text), RUNE_DL_BARE, NULL);
    front_codes(&front, RUNE_ERROR, &codes);
    assert_int_equal(front.err, RUNE_E_LIMIT);
    assert_string_equal(rune_buf_cstr(&codes), "RUNE-D0904 2");
    rune_buf_fini(&codes);
    rune_buf_fini(&text);
    front_fini(&front);
}

static void test_facts__fold_to_constants(void **state)
{
    struct front front;
    (void)state;
    front_check(&front,
                "p(2 - 1, -(3 * 4), 7 mod -2). p(1 / 0, a, b). p(9223372036854775807 + 1, a, b).",
                RUNE_DL_BARE, NULL);
    assert_int_equal(front.err, RUNE_OK);
    assert_int_equal(front.program.fact_count, 1);
    assert_int_equal(rune_diag_count(front.diag, RUNE_WARNING), 2);
    struct rune_buf got = RUNE_BUF_INIT;
    front_print(front.program.facts[0], &got);
    assert_string_equal(rune_buf_cstr(&got), "p(1,-12,1).");
    rune_buf_fini(&got);
    front_fini(&front);
}

static void test_program__knows_strata_and_request(void **state)
{
    struct front front;
    (void)state;
    front_check(&front,
                "r(X, Y) :- e(X, Y).\nr(X, Z) :- r(X, Y), e(Y, Z).\n"
                "u(X, Y) :- e(X, _), e(_, Y), not r(X, Y).\n"
                "mine(R) :- principal(P), e(P, R).\n"
                "permit(P, A, R) :- principal(P), action(A), mine(R).\n"
                "n(N) :- N = count { u(_, _) }.\n",
                RUNE_DL_BUNDLE, "e/2");
    assert_int_equal(front.err, RUNE_OK);
    const struct rune_dl_relation *r = front_relation(&front, "r", NULL);
    const struct rune_dl_relation *u = front_relation(&front, "u", NULL);
    const struct rune_dl_relation *n = front_relation(&front, "n", NULL);
    assert_true(r->is_recursive);
    assert_false(u->is_recursive);
    assert_int_equal(r->stratum, 0);
    assert_int_equal(u->stratum, 1);
    assert_int_equal(n->stratum, 2);
    assert_true(r->component < u->component && u->component < n->component);
    assert_false(r->depends_on_request);
    assert_true(front_relation(&front, "mine", NULL)->depends_on_request);
    assert_true(front_relation(&front, "permit", NULL)->depends_on_request);
    assert_int_equal(front_relation(&front, "permit", NULL)->builtin, RUNE_DL_PERMIT);
    front_fini(&front);
}

static void test_program__keeps_one_relation_a_name(void **state)
{
    struct front front;
    (void)state;
    front_check(&front,
                "p(E) :- entity.attr(E, \"a\", _), entity.attr(E, b, _), entity.attr(E, _, _), "
                "context(\"a\", _).",
                RUNE_DL_BUNDLE, NULL);
    assert_int_equal(front.err, RUNE_OK);
    assert_int_equal(front.program.relation_count, 5);
    assert_non_null(front_relation(&front, "entity.attr", "a"));
    assert_non_null(front_relation(&front, "entity.attr", "b"));
    assert_non_null(front_relation(&front, "entity.attr", NULL));
    assert_non_null(front_relation(&front, "context", "a"));
    front_fini(&front);
}

static void test_warnings__name_what_looks_wrong(void **state)
{
    static const struct {
        const char *text, *declared, *want;
    } cases[] = {
        {"p(X) :- q(X, Y).", "q/2", "RUNE-D1001 1"},
        {"p(X) :- q(X, _Y).", "q/2", ""},
        {"p(X) :- q(X), 1 = 2.", "q/1", "RUNE-D1002 1"},
        {"p(X) :- q(X), 1 = 1, \"a\" < \"b\".", "q/1", ""},
        {"p(X) :- p(X).\nr(X) :- p(X).", NULL, "RUNE-D1002 1, RUNE-D1002 2"},
        {"p(X) :- q(X), 1 / 0 > 2.", "q/1", "RUNE-D1002 1"},
        {"p(X) :- q(X), X = 1 + a.", "q/1", "RUNE-D1002 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct front front;
        struct rune_buf codes = RUNE_BUF_INIT;
        front_check(&front, cases[i].text, RUNE_DL_BARE, cases[i].declared);
        front_codes(&front, RUNE_NOTE, &codes);
        assert_int_equal(front.err, RUNE_OK);
        assert_string_equal(rune_buf_cstr(&codes), cases[i].want);
        rune_buf_fini(&codes);
        front_fini(&front);
    }
}

/* A cycle of 50 negations, 10,000 atoms and 1,000 variables in one rule, 5,000 rules in a chain. */
static void test_sizes__are_no_trouble(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct front front;
    struct rune_buf codes = RUNE_BUF_INIT;
    (void)state;
    for (int i = 0; i < 50; i++) {
        rune_buf_printf(&text, "c%d :- not c%d.\n", i, (i + 1) % 50);
    }
    rune_buf_append_cstr(&text, "big(X0) :- e(X0, X0)");
    for (int i = 0; i < 10000; i++) {
        rune_buf_printf(&text, ", e(X%d, X%d)", i % 1000, (i * 7 + 1) % 1000);
    }
    rune_buf_append_cstr(&text, ".\nwide(X) :- e(X, a)");
    for (int i = 0; i < 10000; i++) {
        rune_buf_printf(&text, " ; e(X, Y%d), Y%d > %d", i, i, i);
    }
    rune_buf_append_cstr(&text, ".\nr0(X) :- e(X, _).\n");
    for (int i = 1; i < 5000; i++) {
        rune_buf_printf(&text, "r%d(X) :- r%d(X), not e(X, %d).\n", i, i - 1, i);
    }
    front_check(&front, rune_buf_cstr(&text), RUNE_DL_BARE, "e/2!");
    front_codes(&front, RUNE_ERROR, &codes);
    assert_string_equal(rune_buf_cstr(&codes), "RUNE-D0701 1");
    rune_buf_fini(&codes);
    front_fini(&front);
    rune_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names__must_be_defined_with_one_arity),
        cmocka_unit_test(test_safety__needs_every_variable_bound),
        cmocka_unit_test(test_facts__are_ground),
        cmocka_unit_test(test_strata__forbid_negation_in_a_cycle),
        cmocka_unit_test(test_builtins__have_their_forms),
        cmocka_unit_test(test_expand__makes_a_rule_a_branch),
        cmocka_unit_test(test_expand__gives_aggregates_their_own_variables),
        cmocka_unit_test(test_expand__names_alternatives_in_braces),
        cmocka_unit_test(test_expand__refuses_products_beyond_reason),
        cmocka_unit_test(test_facts__fold_to_constants),
        cmocka_unit_test(test_program__knows_strata_and_request),
        cmocka_unit_test(test_program__keeps_one_relation_a_name),
        cmocka_unit_test(test_warnings__name_what_looks_wrong),
        cmocka_unit_test(test_sizes__are_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
