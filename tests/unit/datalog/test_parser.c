/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "unit/cmocka.h"
#include "unit/datalog/support.h"

struct shape {
    const char *text, *want;
};

static void expect_shapes(const struct shape *cases, size_t count, enum rune_dl_dialect dialect)
{
    for (size_t i = 0; i < count; i++) {
        struct front front;
        struct rune_buf got = RUNE_BUF_INIT;
        front_parse(&front, cases[i].text, dialect);
        if (front.err != RUNE_OK) {
            print_error("%s\n%s\n", cases[i].text, rune_diag_text(front.diag));
        }
        assert_int_equal(front.err, RUNE_OK);
        for (size_t k = 0; k < front.clauses.count; k++) {
            rune_buf_append_cstr(&got, k > 0 ? " " : "");
            front_print(&front.clauses.items[k], &got);
        }
        assert_string_equal(rune_buf_cstr(&got), cases[i].want);
        rune_buf_fini(&got);
        front_fini(&front);
    }
}

#define EXPECT_SHAPES(cases, dialect) \
    expect_shapes(cases, sizeof(cases) / sizeof((cases)[0]), dialect)

static void test_bare__parses_to_the_shape(void **state)
{
    static const struct shape cases[] = {
        {"", ""},
        {"% only\n// comments\n# here", ""},
        {"p. p().", "p(). p()."},
        {"p(a, \"a b\", -3, X_1, _y).", "p(\"a\",\"a b\",-3,X_1,_y)."},
        {"p(-9223372036854775808).", "p(-9223372036854775808)."},
        {"p(\"a\\\"b\\\\\\n\\t\").", "p(\"a\\\"b\\\\\\n\\t\")."},
        {"p(true,in,is,count).", "p(\"true\",\"in\",\"is\",\"count\")."},
        {"p(X):-q(X),not r(X),!s(X,_).", "p(X) :- q(X), not r(X), not s(X,_)."},
        {"p(X) :- q(X, Y), X < Y, Y != 3.", "p(X) :- q(X,Y), X<Y, Y!=3."},
        {"p(X) :- X = 1 + 2 * 3.", "p(X) :- X=(+ 1,(* 2,3))."},
        {"p(X) :- X = (1 + 2) * 3.", "p(X) :- X=(* (+ 1,2),3)."},
        {"p(X) :- X = 10 - 4 - 3.", "p(X) :- X=(- (- 10,4),3)."},
        {"p(X) :- X = 2 * 7 mod 4 / 5.", "p(X) :- X=(/ (mod (* 2,7),4),5)."},
        {"p(X) :- q(Y), X = -Y + 2 * -3.", "p(X) :- q(Y), X=(+ (neg Y),(* 2,-3))."},
        {"p(X) :- q(Y), X = - - Y.", "p(X) :- q(Y), X=(neg (neg Y))."},
        {"p(X-1) :- q(X), (X + 1) * 2 > X -3.", "p((- X,1)) :- q(X), (* (+ X,1),2)>(- X,3)."},
        {"p(X) :- a(X) ; b(X), c(X).", "p(X) :- <a(X) ; b(X), c(X)>."},
        {"p(X) :- (a(X) ; b(X)), (c(X), d(X)).", "p(X) :- <a(X) ; b(X)>, c(X), d(X)."},
        {"p(X) :- ((a(X) ; (b(X) ; c(X)))).", "p(X) :- <a(X) ; <b(X) ; c(X)>>."},
        {"p(N) :- N = count { q(_, X), X > 1 }.", "p(N) :- N=count{q(_,X), X>1}."},
        {"p(N) :- 2 = sum { V + 1 : q(V) ; r(V) }.", "p(N) :- 2=sum{(+ V,1):<q(V) ; r(V)>}."},
        {"p :- alice = X, q(X).", "p() :- \"alice\"=X, q(X)."},
        {"count(count) :- sum(min), max.", "count(\"count\") :- sum(\"min\"), max()."},
        {"p(a).q(b).", "p(\"a\"). q(\"b\")."},
        {"mod1(X) :- modx(X), X mod 2 = 1.", "mod1(X) :- modx(X), (mod X,2)=1."},
    };
    (void)state;
    EXPECT_SHAPES(cases, RUNE_DL_BARE);
}

static void test_bundle__parses_to_the_shape(void **state)
{
    static const struct shape cases[] = {
        {"team.member(X) :- entity.attr(X, \"n\", V), V = true.",
         "team.member(X) :- entity.attr(X,\"n\",V), V=true."},
        {"p(a.b).", "p(\"a.b\")."},
        {"p(User::\"alice\", A :: B::\"x\\u{41}\\0\", acme::T::\"\").",
         "p(User::\"alice\",A::B::\"xA\\u0000\",acme::T::\"\")."},
        {"p(1.5, -2.25, 1.0e3).", "p(1.5f,-2.25f,1000f)."},
        {"p(X) :- q(X), X in G, g(G), not X in [User::\"a\", G].",
         "p(X) :- q(X), X in G, g(G), not X in [User::\"a\",G]."},
        {"p(X) :- q(X), X is User, !X is Acme::User.",
         "p(X) :- q(X), X is User, not X is Acme::User."},
        {"p(X) :- q(X), X is User in User::\"g\".", "p(X) :- q(X), X is User, X in User::\"g\"."},
        {"p(X) :- q(X), X.starts_with(\"a\"), not X.ends_with(\"b\").",
         "p(X) :- q(X), starts_with?(X,\"a\"), not ends_with?(X,\"b\")."},
        {"p(X) :- q(S), S.contains(X).", "p(X) :- q(S), contains?(S,X)."},
        {"p(X) :- q(X), [\"a\", b].contains(X), \"abc\".contains(X).",
         "p(X) :- q(X), contains?([\"a\",\"b\"],X), contains?(\"abc\",X)."},
        {"p(X) :- q(X), X.containsAll([1, 2]).", "p(X) :- q(X), containsAll?(X,[1,2])."},
        {"p(X) :- q(X), X.matches(\"a\\*b*\").", "p(X) :- q(X), matches?(X,\"a\\\\*b*\")."},
        {"p(X) :- q(X), X.isInRange(ip(\"10.0.0.0/8\")).",
         "p(X) :- q(X), isInRange?(X,ip!(\"10.0.0.0/8\"))."},
        {"p(X) :- q(X), ip(\"10.0.0.1\").isIpv4().", "p(X) :- q(X), isIpv4?(ip!(\"10.0.0.1\"))."},
        {"p(D) :- q(X), D = X.toDate().durationSince(X).",
         "p(D) :- q(X), D=durationSince!(toDate!(X),X)."},
        {"p(V) :- q(R), V = R[\"a b\"][\"c\"].", "p(V) :- q(R), V=R[\"a b\"][\"c\"]."},
        {"p(S, N) :- q(A), S = concat(A, concat(\"-\", A)), N = length(S) + 1.",
         "p(S,N) :- q(A), S=concat!(A,concat!(\"-\",A)), N=(+ length!(S),1)."},
        {"length(X) :- concat(X).", "length(X) :- concat(X)."},
        {"p(X) :- q(X).r(X) :- s(X).", "p(X) :- q(X). r(X) :- s(X)."},
        {"@id(\"a\") @note p(X) :- q(X).", "p(X) :- q(X)."},
    };
    (void)state;
    EXPECT_SHAPES(cases, RUNE_DL_BUNDLE);
}

static void test_ids__are_annotations_or_places(void **state)
{
    struct front front;
    (void)state;
    front_parse(&front,
                "@id(\"one\") @why(\"x\") p(X) :- q(X).\n\np(X) :- r(X). p(X) :- s(X).\npermit(A, "
                "B, C).\nq(a).",
                RUNE_DL_BUNDLE);
    static const char *const want[] = {"one", "test.dl:3", "test.dl:3:15", "test.dl:4", ""};
    assert_int_equal(front.err, RUNE_OK);
    assert_int_equal(front.clauses.count, 5);
    for (size_t i = 0; i < 5; i++) {
        struct rune_str id = front.clauses.items[i].id;
        assert_true(rune_str_equal(id, rune_str_from(want[i])));
    }
    assert_int_equal(front.clauses.items[0].annotation_count, 2);
    front_fini(&front);
}

static void test_spans__cover_what_they_name(void **state)
{
    struct front front;
    (void)state;
    front_parse(&front, "p(X) :- q(X), not r(X, Y + 1).", RUNE_DL_BARE);
    assert_int_equal(front.err, RUNE_OK);
    const struct rune_dl_rule *rule = &front.clauses.items[0];
    struct rune_span literal = rule->body.literals[1].span;
    struct rune_dl_place arg = rule->body.literals[1].args[1].place;
    assert_memory_equal(front.source.text + literal.offset, "not r(X, Y + 1)", literal.length);
    assert_int_equal(literal.length, 15);
    assert_memory_equal(front.source.text + arg.offset, "Y + 1", arg.length);
    assert_int_equal(rule->span.length, front.source.length);
    front_fini(&front);
}

/* Few variables and many, short names and names that differ in their end only. */
static void test_variables__are_told_apart(void **state)
{
    static const char *const stems[] = {"V", "AVariableOfALongName"};
    (void)state;
    for (int stem = 0; stem < 2; stem++) {
        for (int count = 1; count <= 70; count += count == 1 ? 29 : 1) {
            struct rune_buf text = RUNE_BUF_INIT;
            struct front front;
            rune_buf_append_cstr(&text, "p(_) :- q(");
            for (int i = 0; i < 2 * count; i++) {
                rune_buf_append_cstr(&text, i > 0 ? ", " : "");
                rune_buf_printf(&text, "%s%d", stems[stem], i % count);
            }
            rune_buf_append_cstr(&text, ", _).");
            front_parse(&front, rune_buf_cstr(&text), RUNE_DL_BUNDLE);
            assert_int_equal(front.err, RUNE_OK);
            const struct rune_dl_rule *rule = &front.clauses.items[0];
            const struct rune_dl_expr *args = rule->body.literals[0].args;
            assert_int_equal(rule->variable_count, count + 2); /* and two wildcards */
            for (int i = 0; i < count; i++) {
                assert_int_equal(args[i].as.variable, i + 1);
                assert_int_equal(args[count + i].as.variable, i + 1);
                assert_int_equal(rule->variables[i + 1].uses, 2);
            }
            front_fini(&front);
            rune_buf_fini(&text);
        }
    }
}

static void test_recovery__reports_each_clause_once(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct front front;
    (void)state;
    for (int i = 0; i < 50; i++) {
        rune_buf_append_cstr(&text,
                             i % 2 == 0 ? "p(X) :- q(X,, ).\n" : "r(a) :- s(b) t(c), , u.\n");
        rune_buf_append_cstr(&text, "fine(a).\n");
    }
    front_parse(&front, rune_buf_cstr(&text), RUNE_DL_BUNDLE);
    assert_int_equal(front.err, RUNE_E_SYNTAX);
    assert_int_equal(rune_diag_count(front.diag, RUNE_ERROR), 50);
    assert_int_equal(front.clauses.count, 50);
    front_fini(&front);
    rune_buf_fini(&text);
}

static void test_recovery__goes_on_where_a_dot_was_forgotten(void **state)
{
    struct front front;
    struct rune_buf codes = RUNE_BUF_INIT;
    (void)state;
    front_parse(&front, "p(a)\nq(b).\nr(c) :- q(c)\n@id(\"x\") s(d) :- q(d).\nt(e).",
                RUNE_DL_BUNDLE);
    front_codes(&front, RUNE_ERROR, &codes);
    assert_string_equal(rune_buf_cstr(&codes), "RUNE-D0105 1, RUNE-D0105 4");
    assert_int_equal(front.clauses.count, 3);
    rune_buf_fini(&codes);
    front_fini(&front);
}

static void test_depth__is_limited(void **state)
{
    static const char *const pieces[][3] = {{"p(X) :- X = ", "(", "1"},
                                            {"p(X) :- ", "(", "a"},
                                            {"p(X) :- X = ", "-", "Y"},
                                            {"p(X) :- X in ", "[", "Y"}};
    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        struct front front;
        rune_buf_append_cstr(&text, pieces[i][0]);
        for (int k = 0; k < 100000; k++) {
            rune_buf_append_cstr(&text, pieces[i][1]);
        }
        rune_buf_append_cstr(&text, pieces[i][2]);
        rune_buf_append_cstr(&text, ".\nq(a).\n");
        front_parse(&front, rune_buf_cstr(&text), RUNE_DL_BUNDLE);
        assert_int_equal(front.err, RUNE_E_LIMIT);
        assert_int_equal(front.clauses.count, 1);
        front_fini(&front);
        rune_buf_fini(&text);
    }
}

static void test_depth__of_long_sums_is_limited_too(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct front front;
    (void)state;
    rune_buf_append_cstr(&text, "p(X) :- X = 1");
    for (int k = 0; k < 600; k++) {
        rune_buf_append_cstr(&text, " + 1");
    }
    rune_buf_append_cstr(&text, ".");
    front_parse(&front, rune_buf_cstr(&text), RUNE_DL_BARE);
    assert_int_equal(front.err, RUNE_E_LIMIT);
    front_fini(&front);
    rune_buf_fini(&text);
}

static void test_query__is_one_atom(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {{"rel(X, \"a\", _)", true},
                 {"rel(X).", true},
                 {"flag", true},
                 {"team.member(X, Y)", true},
                 {"rel(X), q(X)", false},
                 {"rel(X) :- q(X).", false},
                 {"", false},
                 {"Rel(X)", false},
                 {"rel(X", false}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_source source = {"query", cases[i].text, (uint32_t)strlen(cases[i].text)};
        struct rune_arena arena;
        struct rune_dl_rule query;
        rune_arena_init(&arena, 0);
        enum rune_err err = rune_dl_parse_query(&source, RUNE_DL_BUNDLE, &arena, &query, NULL);
        assert_int_equal(err == RUNE_OK, cases[i].ok);
        rune_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bare__parses_to_the_shape),
        cmocka_unit_test(test_bundle__parses_to_the_shape),
        cmocka_unit_test(test_ids__are_annotations_or_places),
        cmocka_unit_test(test_spans__cover_what_they_name),
        cmocka_unit_test(test_variables__are_told_apart),
        cmocka_unit_test(test_recovery__reports_each_clause_once),
        cmocka_unit_test(test_recovery__goes_on_where_a_dot_was_forgotten),
        cmocka_unit_test(test_depth__is_limited),
        cmocka_unit_test(test_depth__of_long_sums_is_limited_too),
        cmocka_unit_test(test_query__is_one_atom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
