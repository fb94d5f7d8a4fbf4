/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns with constants and values of every kind: what comes out goes in again. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "rune/diag.h"
#include "rune/query.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

static const char rules[] =
    "v(1, X) :- X = 1.5. v(2, \"s\"). v(3, true). v(4, User::\"a\"). v(5, -3). v(6, X) :- X = "
    "2.0.\n"
    "w(7, X) :- X = decimal(\"1.50\"). w(8, X) :- X = ip(\"10.0.0.0/8\").\n"
    "w(9, X) :- X = datetime(\"2024-01-02\"). w(10, X) :- X = duration(\"1h\").\n"
    "at(N, V) :- entity.attr(User::\"a\", N, V).\n"
    "same(1, 1, 2). same(1, 2, 1). same(2, 2, 2).\n";

static const char entities[] =
    "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{\"r\":{\"k\":1,\"l \":\"x\"},"
    "\"e\":[{\"__entity\":{\"type\":\"User\",\"id\":\"b\"}}],\"t\":\"t\"},\"parents\":[]}]";

/* The last column. */
static bool append_last(void *context, const struct rune_field *fields, uint32_t count)
{
    struct rune_buf *out = context;
    const struct rune_field *last = &fields[count - 1];
    switch (last->kind) {
    case RUNE_FIELD_OTHER:
        rune_buf_printf(out, "%.*s %.*s;", RUNE_STR_ARG(last->text), RUNE_STR_ARG(last->json));
        return true;
    case RUNE_FIELD_FLOAT:
        rune_buf_append_float(out, last->floating);
        break;
    case RUNE_FIELD_STRING:
    case RUNE_FIELD_ENTITY:
        rune_buf_append_str(out, last->text);
        break;
    default:
        rune_buf_append_int(out, last->integer);
    }
    rune_buf_append_char(out, ';');
    return true;
}

/* All columns, for those that are strings or entities. */
static bool append_tuple(void *context, const struct rune_field *fields, uint32_t count)
{
    struct rune_buf *out = context;
    for (uint32_t i = 0; i < count; i++) {
        rune_buf_printf(out, "%s%.*s", i > 0 ? " " : "", RUNE_STR_ARG(fields[i].text));
    }
    rune_buf_append_cstr(out, ";");
    return true;
}

struct question {
    const char *pattern, *want;
};

/* A bundle's answers, as `emit` appends them, each ended by `;`; and that counting says the same.
 */
static void check_answers(const struct fixture_file *files, size_t file_count,
                          const struct question *questions, size_t count, rune_query_fn emit)
{
    struct fixture fixture;
    fixture_open(&fixture, files, file_count);
    for (size_t i = 0; i < count; i++) {
        struct rune_buf out = RUNE_BUF_INIT;
        struct rune_diag *diag = rune_diag_create();
        const char *pattern = questions[i].pattern;
        uint64_t tuples = 0, lines = 0;
        enum rune_err err =
            rune_query_run(fixture.decider, fixture.image, NULL, pattern, emit, &out, diag);
        if (err == RUNE_OK) {
            err = rune_query_count(fixture.decider, fixture.image, NULL, pattern, &tuples, diag);
        }
        for (size_t c = 0; c < out.length; c++) {
            lines += out.data[c] == ';';
        }
        if (err != RUNE_OK || strcmp(rune_buf_cstr(&out), questions[i].want) != 0 ||
            tuples != lines) {
            fail_msg("%s: %s, not %s\n%s", pattern, rune_buf_cstr(&out), questions[i].want,
                     rune_diag_text(diag));
        }
        rune_diag_destroy(diag);
        rune_buf_fini(&out);
    }
    fixture_close(&fixture);
}

#define CHECK_ANSWERS(files, questions, emit)                                                  \
    check_answers(FIXTURE_FILES(files), (questions), sizeof(questions) / sizeof(*(questions)), \
                  (emit))

static void test_constants__of_every_kind_are_found(void **state)
{
    static const struct question questions[] = {
        {"v(_, 1.5)", "1.5;"},
        {"v(_, 2.0)", "2.0;"},
        {"v(_, 2)", ""},
        {"v(_, s)", "s;"},
        {"v(_, true)", "1;"},
        {"v(_, -3)", "-3;"},
        {"v(_, User::\"a\")", "a;"},
        {"w(_, decimal(\"1.5\"))",
         "decimal(\"1.5000\") {\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.5000\"}};"},
        {"w(_, ip(\"10.0.0.0/8\"))",
         "ip(\"10.0.0.0/8\") {\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.0.0.0/8\"}};"},
        {"w(9, X)", "datetime(\"2024-01-02T00:00:00.000Z\") {\"__extn\":{\"fn\":\"datetime\","
                    "\"arg\":\"2024-01-02T00:00:00.000Z\"}};"},
        {"w(_, duration(\"60m\"))",
         "duration(\"3600000ms\") {\"__extn\":{\"fn\":\"duration\",\"arg\":\"3600000ms\"}};"},
        {"w(_, datetime(\"2024-01-03\"))", ""},
        {"at(\"e\", V)", "[User::\"b\"] [{\"__entity\":{\"type\":\"User\",\"id\":\"b\"}}];"},
        {"at(\"r\", V)", "{\"k\": 1, \"l \": \"x\"} {\"k\":1,\"l \":\"x\"};"},
        {"same(X, X, _)", "2;2;"},
        {"same(X, X, X)", "2;"},
        {"same(X, Y, X)", "1;2;"},
    };
    const struct fixture_file files[] = {{"b.dl", rules}, {"c.entities.json", entities}};
    (void)state;
    CHECK_ANSWERS(files, questions, append_last);
}

/* Integers and floats are ordered by their exact values, and a result is no infinity. */
static void test_numbers__of_both_kinds(void **state)
{
    static const char program[] =
        "large(1, X) :- X = 1.5e308. large(2, X) :- X = 1.4e308.\n"
        "sum_of(S) :- S = sum { V : large(_, V) }. mean_of(S) :- S = mean { V : large(_, V) }.\n"
        "least(S) :- S = min { V : large(_, V) }.\n"
        "n(1, 9007199254740993). n(2, X) :- X = 9007199254740992.0. n(3, 9007199254740992).\n"
        "n(4, 9223372036854775807). n(5, X) :- X = 9223372036854775808.0. n(6, -1).\n"
        "n(7, X) :- X = -1.5.\n"
        "before(A, B) :- n(A, X), n(B, Y), X < Y.\n"
        "is(1, 2). is(2, X) :- X = 2.0. top(S) :- S = max { V : is(_, V) }.\n"
        "si(2, 2). si(1, X) :- X = 2.0. low(S) :- S = min { V : si(_, V) }.\n";
    static const struct question questions[] = {
        {"sum_of(X)", ""},        {"mean_of(X)", ""},         {"least(X)", "1.4e+308;"},
        {"before(1, X)", "4;5;"}, {"before(2, X)", "1;4;5;"}, {"before(3, X)", "1;4;5;"},
        {"before(4, X)", "5;"},   {"before(X, 6)", "6;"},     {"before(7, X)", "1;2;3;4;5;6;"},
        {"top(X)", "2;"},         {"low(X)", "2;"},
    };
    const struct fixture_file files[] = {{"b.dl", program}};
    (void)state;
    CHECK_ANSWERS(files, questions, append_last);
}

/* Messages cut long values; answers do not. */
static void test_values__are_printed_in_full(void **state)
{
    struct rune_buf document = RUNE_BUF_INIT, out = RUNE_BUF_INIT;
    struct fixture fixture;
    (void)state;
    rune_buf_append_cstr(&document, "[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},"
                                    "\"parents\":[],\"attrs\":{\"s\":[0");
    for (int i = 1; i < 500; i++) {
        rune_buf_printf(&document, ",%d", i);
    }
    rune_buf_append_cstr(&document, "]}}]");
    const struct fixture_file files[] = {{"c.entities.json", rune_buf_cstr(&document)}};
    fixture_open(&fixture, FIXTURE_FILES(files));
    assert_int_equal(rune_query_run(fixture.decider, fixture.image, NULL,
                                    "entity.attr(E, \"s\", V)", append_last, &out, NULL),
                     RUNE_OK);
    assert_non_null(strstr(rune_buf_cstr(&out), "498, 499] ["));
    assert_non_null(strstr(rune_buf_cstr(&out), "498,499];"));
    fixture_close(&fixture);
    rune_buf_fini(&document);
    rune_buf_fini(&out);
}

/* Entity data as relations, also of sets that were not built. */
static void test_entity_data__is_a_relation(void **state)
{
    static const struct question questions[] = {
        {"entity(E)", "d;u;new;"},
        {"entity.attr(E, N, V)", "d t text;d s [User::\"x\", User::\"u\"];new s [User::\"u\"];"},
        {"entity.attr(E, \"t\", V)", "d t text;"},
        {"entity.element(E, N, V)", "d s x;d s u;new s u;"},
        {"entity.element(Doc::\"new\", \"s\", V)", "new s u;"},
        {"entity.element(E, \"s\", User::\"x\")", "d s x;"},
        {"entity.tag(E, N, V)", "u k v;"},
        {"entity.id(E, \"Doc\", I)", "d Doc d;new Doc new;"},
        {"entity.id(E, \"User\", \"u\")", "u User u;"},
    };
    const struct fixture_file files[] = {
        {"a.cedar", "permit(principal, action, resource) when { resource.s.contains(principal) };"},
        {"b.dl", "d(Doc::\"d\"). d(Doc::\"new\"). entity.element(D, \"s\", User::\"u\") :- d(D)."},
        {"c.entities.json",
         "[{\"uid\":{\"type\":\"Doc\",\"id\":\"d\"},\"attrs\":{\"t\":\"text\",\"s\":[{\"__entity\":"
         "{\"type\":\"User\",\"id\":\"x\"}}]},\"parents\":[]},{\"uid\":{\"type\":\"User\",\"id\":"
         "\"u\"},\"attrs\":{},\"parents\":[],\"tags\":{\"k\":\"v\"}}]"}};
    (void)state;
    CHECK_ANSWERS(files, questions, append_tuple);
}

/* What a request brings is seen by every pattern, also those that no plan was made for, and gives
 * no tuple twice; what it overrides is not there. */
static void test_a_request__is_seen_by_every_pattern(void **state)
{
    static const char program[] =
        "r(1, 2, E) :- principal(_), entity.attr(E, \"n\", _).\n"
        "v(7, N) :- principal(_), entity.attr(_, \"n\", N).\n"
        "w(K) :- principal(_), K = count { entity.attr(_, \"\", _) }, not entity.attr(_, _, 5).\n";
    static const char data[] =
        "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"\":3},\"parents\":[]},"
        "{\"uid\":{\"type\":\"U\",\"id\":\"b\"},\"attrs\":{\"n\":1},\"parents\":[]},"
        "{\"uid\":{\"type\":\"U\",\"id\":\"c\"},\"attrs\":{\"n\":2},\"parents\":[]}]";
    static const char body[] =
        "{\"principal\":{\"type\":\"U\",\"id\":\"c\",\"properties\":{\"n\":1}},"
        "\"action\":\"Action::\\\"x\\\"\",\"resource\":{\"type\":\"U\",\"id\":\"d\","
        "\"properties\":{\"n\":4}}}";
    static const struct {
        const char *pattern, *want;
    } cases[] = {
        {"r(X, Y, Z)", "a;b;c;d;"},
        {"r(1, Y, Z)", "a;b;c;d;"},
        {"r(1, 2, Z)", "a;b;c;d;"},
        {"r(1, Y, U::\"d\")", "d;"},
        {"v(X, Y)", "1;4;"},
        {"v(7, Y)", "1;4;"},
        {"v(X, 2)", ""},
        {"w(X)", "1;"},
    };
    const struct fixture_file files[] = {{"b.dl", program}, {"c.entities.json", data}};
    struct fixture fixture;
    struct rune_request *request;
    struct rune_request_error error;
    (void)state;
    fixture_open(&fixture, FIXTURE_FILES(files));
    assert_int_equal(
        rune_request_create(fixture.decider, fixture.image, rune_str_from(body), &request, &error),
        RUNE_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_buf out = RUNE_BUF_INIT;
        enum rune_err err = rune_query_run(fixture.decider, fixture.image, request,
                                           cases[i].pattern, append_last, &out, NULL);
        if (err != RUNE_OK || strcmp(rune_buf_cstr(&out), cases[i].want) != 0) {
            fail_msg("%s: %s, not %s", cases[i].pattern, rune_buf_cstr(&out), cases[i].want);
        }
        rune_buf_fini(&out);
    }
    rune_request_destroy(request);
    fixture_close(&fixture);
}

static void test_mistakes__are_told(void **state)
{
    static const struct {
        const char *pattern, *part;
    } cases[] = {
        {"v(ip(\"bad\"), _)", "no value of that kind"},
        {"", "a query is one atom"},
        {" ", "a query is one atom"},
        {"v(1 + 1, _)", "variables and constants only"},
        {"v(X, Y), X < 2", "a query is one atom"},
        {"v(length(\"x\"), _)", "RUNE-"},
        {"principal(P)", "RUNE-"},
        {"context(K, V)", "RUNE-"},
        {"entity(E, F)", "RUNE-"},
        {"entity.parent(E, F)", "RUNE-"},
        {"at(N, V), entity(N)", "a query is one atom"},
        {"permit(P, A, R)", "`rune eval` decides"},
        {"forbid(P, A, R)", "`rune eval` decides"},
    };
    const struct fixture_file files[] = {{"b.dl", rules}, {"c.entities.json", entities}};
    struct fixture fixture;
    (void)state;
    fixture_open(&fixture, FIXTURE_FILES(files));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_diag *diag = rune_diag_create();
        uint64_t count;
        enum rune_err err =
            rune_query_count(fixture.decider, fixture.image, NULL, cases[i].pattern, &count, diag);
        if (err == RUNE_OK || strstr(rune_diag_text(diag), cases[i].part) == NULL) {
            fail_msg("%s: %s", cases[i].pattern, rune_diag_text(diag));
        }
        rune_diag_destroy(diag);
    }
    fixture_close(&fixture);
}

/* Decisions have no list, whether rules derive some or not, but one tuple can be asked for. */
static void test_decisions__are_asked_one_by_one(void **state)
{
    static const char program[] =
        "g(U::\"a\", A::\"x\", D::\"d\"). permit(P, A, R) :- g(P, A, R).\n"
        "forbid(P, A, R) :- principal(P), g(P, A, R).\n";
    static const struct question questions[] = {
        {"permit(U::\"a\", A::\"x\", D::\"d\")", "a x d;"},
        {"permit(U::\"a\", A::\"y\", D::\"d\")", ""},
    };
    static const char *const refused[] = {
        "permit(P, A, R)",
        "permit(U::\"a\", A::\"x\", R)",
        "forbid(P, A, R)",
        "forbid(U::\"a\", A::\"x\", D::\"d\")",
    };
    const struct fixture_file files[] = {{"b.dl", program}};
    struct fixture fixture;
    (void)state;
    CHECK_ANSWERS(files, questions, append_tuple);
    fixture_open(&fixture, FIXTURE_FILES(files));
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct rune_diag *diag = rune_diag_create();
        uint64_t count;
        enum rune_err err =
            rune_query_count(fixture.decider, fixture.image, NULL, refused[i], &count, diag);
        if (err != RUNE_E_INVALID || strstr(rune_diag_text(diag), "`rune eval` decides") == NULL) {
            fail_msg("%s: %s", refused[i], rune_diag_text(diag));
        }
        rune_diag_destroy(diag);
    }
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants__of_every_kind_are_found),
        cmocka_unit_test(test_numbers__of_both_kinds),
        cmocka_unit_test(test_values__are_printed_in_full),
        cmocka_unit_test(test_entity_data__is_a_relation),
        cmocka_unit_test(test_a_request__is_seen_by_every_pattern),
        cmocka_unit_test(test_mistakes__are_told),
        cmocka_unit_test(test_decisions__are_asked_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
