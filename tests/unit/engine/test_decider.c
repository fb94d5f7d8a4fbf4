/* SPDX-License-Identifier: Apache-2.0 */
/* decider: decisions by policies and rules, batches, limits, requests that live on their own, and
 * how deciders are made. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "unit/cmocka.h"
#include "unit/engine/decider_bundle.h"

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture, decider_files, DECIDER_FILES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static void test_batch__checks_its_size_and_names_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *part;
    } cases[] = {
        {"{\"requests\":[]}", 400, "batch_size"},
        {"{}", 400, "missing_field"},
        {"[]", 400, "wrong_type"},
        {"{\"requests\":{}}", 400, "wrong_type"},
        {"{\"request\":[]}", 400, "unknown_field"},
        {"{\"requests\":[{\"principal\":\"a\",\"action\":\"a\",\"resource\":\"d\"}],\"requests\":[]"
         "}",
         400, "duplicate_key"},
        {"{\"requests\":[{\"principal\":\"a\",\"action\":\"a\",\"resource\":\"d\"},7]}", 400,
         "\"at\":\"requests[1]\""},
        {"{\"requests\":[{\"principal\":1,\"action\":\"a\",\"resource\":\"d\"}]}", 400,
         "\"at\":\"requests[0].principal\""},
        {"{\"requests\":[{\"principal\":\"a\",\"action\":\"a\",\"resource\":\"d\",\"context\":{"
         "\"x\":null}}]}",
         400, "\"at\":\"requests[0].context.x\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_answer answer;
        rune_decider_authorize_batch(fixture.decider, fixture.image, 1,
                                     rune_str_from(cases[i].body), RUNE_ANSWER_PLAIN, &answer);
        if (answer.status != cases[i].status ||
            memmem(answer.body.data, answer.body.length, cases[i].part, strlen(cases[i].part)) ==
                NULL) {
            fail_msg("%s gave %d %.*s", cases[i].body, answer.status, RUNE_STR_ARG(answer.body));
        }
    }
}

static void test_batch__takes_100_and_refuses_101(void **state)
{
    (void)state;
    static char body[16384];
    for (int count = 100; count <= 101; count++) {
        size_t at = (size_t)sprintf(body, "{\"requests\":[");
        for (int i = 0; i < count; i++) {
            at += (size_t)sprintf(body + at,
                                  "%s{\"principal\":\"%s\",\"action\":\"a\",\"resource\":\"d%d\"}",
                                  i > 0 ? "," : "", i % 2 == 0 ? "bob" : "eve", i);
        }
        at += (size_t)sprintf(body + at, "]}");
        struct rune_answer answer;
        rune_decider_authorize_batch(fixture.decider, fixture.image, 1, (struct rune_str){body, at},
                                     RUNE_ANSWER_PLAIN, &answer);
        assert_int_equal(answer.status, count == 100 ? 200 : 400);
        assert_int_equal(answer.stats.outcomes[RUNE_PERMIT], count == 100 ? 50 : 0);
        assert_int_equal(answer.stats.outcomes[RUNE_FORBID], count == 100 ? 50 : 0);
    }
}

/* A batch may take what some decisions may, not what all of its could. */
static void test_batch__shares_its_steps(void **state)
{
    (void)state;
    static const char one[] = "{\"principal\":\"bob\",\"action\":\"a\",\"resource\":\"d1\"}";
    static char body[16384];
    size_t at = (size_t)sprintf(body, "{\"requests\":[");
    for (int i = 0; i < 100; i++) {
        at += (size_t)sprintf(body + at, "%s%s", i > 0 ? "," : "", one);
    }
    at += (size_t)sprintf(body + at, "]}");
    struct rune_answer answer = {0};
    uint64_t steps = 0;
    do {
        rune_decider_set_max_steps(fixture.decider, ++steps);
        rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(one),
                               RUNE_ANSWER_PLAIN, &answer);
    } while (answer.stats.outcomes[RUNE_PERMIT] == 0 && steps < 100000);
    rune_decider_authorize_batch(fixture.decider, fixture.image, 1, (struct rune_str){body, at},
                                 RUNE_ANSWER_PLAIN, &answer);
    assert_int_equal(answer.status, 200);
    assert_in_range(answer.stats.outcomes[RUNE_PERMIT], 8, 20);
    assert_int_equal(answer.stats.outcomes[RUNE_DENY], 100 - answer.stats.outcomes[RUNE_PERMIT]);
    rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(one), RUNE_ANSWER_PLAIN,
                           &answer);
    assert_int_equal(answer.stats.outcomes[RUNE_PERMIT], 1);
    rune_decider_set_max_steps(fixture.decider, 0);
}

static void test_limit__ends_as_deny(void **state)
{
    (void)state;
    struct rune_answer answer;
    rune_decider_set_max_steps(fixture.decider, 1);
    rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(decider_bodies[3]),
                           RUNE_ANSWER_PLAIN, &answer);
    rune_decider_set_max_steps(fixture.decider, 0);
    static const char want[] =
        "{\"decision\":\"DENY\",\"reasons\":[],\"errors\":[{\"id\":\"\",\"code\":\"limit\","
        "\"message\":\"the decision needs more steps than its limit, max_steps\"";
    assert_int_equal(answer.status, 200);
    assert_true(answer.body.length > sizeof(want));
    assert_memory_equal(answer.body.data, want, sizeof(want) - 1);
}

static void test_decide__joins_policies_and_rules(void **state)
{
    (void)state;
    static const struct {
        const char *principal, *resource, *want;
    } cases[] = {
        {"zed", "low", "{\"decision\":\"PERMIT\",\"reasons\":[\"owner\"]"},
        {"zed", "other", "{\"decision\":\"DENY\",\"reasons\":[]"},
        {"bob", "low", "{\"decision\":\"FORBID\",\"reasons\":[\"held\"]"},
        {"bob", "mid", "{\"decision\":\"PERMIT\",\"reasons\":[\"in\"]"},
        {"eve", "low", "{\"decision\":\"FORBID\",\"reasons\":[\"held\",\"no\"]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[256];
        struct rune_answer answer;
        snprintf(body, sizeof(body), "{\"principal\":\"%s\",\"action\":\"z\",\"resource\":\"%s\"}",
                 cases[i].principal, cases[i].resource);
        rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(body),
                               RUNE_ANSWER_PLAIN, &answer);
        if (answer.status != 200 ||
            strncmp(answer.body.data, cases[i].want, strlen(cases[i].want)) != 0) {
            fail_msg("%s: wanted %s, got %.*s", body, cases[i].want, RUNE_STR_ARG(answer.body));
        }
    }
}

/* errors = "strict": a forbid that cannot be evaluated counts as matching; by default it is only
 * listed. */
static void test_decide__is_strict_about_errors_where_told(void **state)
{
    (void)state;
    static const char body[] = "{\"principal\":\"U::\\\"a\\\"\",\"action\":\"A::\\\"a\\\"\","
                               "\"resource\":\"R::\\\"a\\\"\"}";
    static const struct {
        const char *manifest, *want;
    } cases[] = {
        {"[bundle]\nerrors = \"cedar\"\n",
         "{\"decision\":\"PERMIT\",\"reasons\":[\"all\"],\"errors\":[{\"id\":\"broken\""},
        {"[bundle]\nerrors = \"strict\"\n",
         "{\"decision\":\"FORBID\",\"reasons\":[\"broken\"],\"errors\":[{\"id\":\"broken\""},
    };
    for (size_t i = 0; i < 2; i++) {
        const struct fixture_file files[] = {
            {"p.cedar",
             "@id(\"all\") permit(principal, action, resource);\n"
             "@id(\"broken\") forbid(principal, action, resource) when { context.missing };\n"
             "@id(\"bad-permit\") permit(principal, action, resource) when { context.missing };\n"},
            {"rune.toml", cases[i].manifest},
        };
        struct fixture strict;
        struct rune_answer answer;
        fixture_open(&strict, FIXTURE_FILES(files));
        rune_decider_authorize(strict.decider, strict.image, 1, rune_str_from(body),
                               RUNE_ANSWER_PLAIN, &answer);
        /* Errors are sorted by id, bad-permit before broken. */
        char *at = memmem(answer.body.data, answer.body.length, "{\"id\":\"bad-permit\"", 18);
        assert_non_null(at);
        assert_non_null(memmem(at, answer.body.length - (size_t)(at - answer.body.data),
                               "{\"id\":\"broken\"", 14));
        size_t head = strcspn(cases[i].want, "!") - strlen(",\"errors\":[{\"id\":\"broken\"");
        assert_memory_equal(answer.body.data, cases[i].want, head);
        fixture_close(&strict);
    }
}

/* Little memory is left when an aggregate is the first to look at what the request brings, inside
 * a recursion's tables, which are given up behind it: those after it see the same entities. */
static void test_decide__keeps_what_a_request_brings_while_memory_is_scarce(void **state)
{
    (void)state;
    enum { NODES = 2500 };
    static const char rules[] =
        "reach(X) :- principal(P), first(P, X).\n"
        "reach(Y) :- reach(X), edge(X, Y).\n"
        "near(X, Z) :- principal(_), step(X, Z).\n"
        "near(X, Z) :- near(X, Y), step(Y, Z).\n"
        "@id(\"three\") permit(P, A, R) :- principal(P), action(A), resource(R), reach(X),\n"
        "    N = count { near(X, Z), entity.parent(Z, G) }, N = 3.\n"
        "first(User::\"u\", 0).\n";
    static const char body[] =
        "{\"principal\":\"User::\\\"u\\\"\",\"action\":\"Action::\\\"a\\\"\","
        "\"resource\":\"Doc::\\\"d\\\"\",\"entities\":["
        "{\"uid\":{\"type\":\"Item\",\"id\":\"i\"},\"attrs\":{},\"parents\":["
        "{\"type\":\"Box\",\"id\":\"1\"},{\"type\":\"Box\",\"id\":\"2\"}]},"
        "{\"uid\":{\"type\":\"Item\",\"id\":\"j\"},\"attrs\":{},\"parents\":["
        "{\"type\":\"Box\",\"id\":\"1\"},{\"type\":\"Box\",\"id\":\"2\"},"
        "{\"type\":\"Box\",\"id\":\"3\"}]}]}";
    static const char want[] = "{\"decision\":\"PERMIT\",\"reasons\":[\"three\"]";
    static char text[sizeof(rules) + NODES * (size_t)64];
    size_t at = (size_t)sprintf(text, "%s", rules);
    for (int i = 0; i < NODES; i++) {
        at += (size_t)sprintf(text + at, "edge(0, %d). step(%d, Item::\"%c\").\n", i, i,
                              i == NODES - 1 ? 'j' : 'i');
    }
    const struct fixture_file files[] = {{"r.dl", text}};
    const struct rune_decider_options options = {.version = RUNE_DECIDER_OPTIONS_VERSION,
                                                 .arena_bytes = (size_t)1 << 18};
    struct fixture scarce;
    struct rune_decider *small;
    struct rune_answer answer;
    fixture_open(&scarce, FIXTURE_FILES(files));
    assert_int_equal(rune_decider_create(&options, &small), RUNE_OK);
    rune_decider_authorize(small, scarce.image, 1, rune_str_from(body), RUNE_ANSWER_PLAIN, &answer);
    if (strncmp(answer.body.data, want, strlen(want)) != 0) {
        fail_msg("%.*s", RUNE_STR_ARG(answer.body));
    }
    rune_decider_destroy(small);
    fixture_close(&scarce);
}

static void test_answer__too_large_is_an_error(void **state)
{
    (void)state;
    struct rune_decider *small;
    const struct rune_decider_options options = {.version = RUNE_DECIDER_OPTIONS_VERSION,
                                                 .answer_bytes = 1};
    static char body[32768];
    size_t at = (size_t)sprintf(body, "{\"requests\":[");
    for (int i = 0; i < 100; i++) {
        at += (size_t)sprintf(body + at, "%s%s", i > 0 ? "," : "", decider_bodies[3]);
    }
    at += (size_t)sprintf(body + at, "]}");
    struct rune_answer answer;
    assert_int_equal(rune_decider_create(&options, &small), RUNE_OK);
    rune_decider_authorize_batch(small, fixture.image, 1, (struct rune_str){body, at},
                                 RUNE_ANSWER_PLAIN, &answer);
    assert_int_equal(answer.status, 500);
    assert_string_equal(answer.error_code, "answer_too_large");
    rune_decider_destroy(small);
}

static void test_request__lives_on_its_own(void **state)
{
    (void)state;
    struct rune_request *requests[4];
    struct rune_request_error error;
    static const enum rune_outcome want[4] = {RUNE_PERMIT, RUNE_FORBID, RUNE_PERMIT, RUNE_PERMIT};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rune_request_create(fixture.decider, fixture.image,
                                             rune_str_from(decider_bodies[i]), &requests[i],
                                             &error),
                         RUNE_OK);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 3; i >= 0; i--) {
            struct rune_decision decision;
            rune_decider_decide(fixture.decider, fixture.image, requests[i], RUNE_ANSWER_DEBUG,
                                &decision);
            assert_int_equal(decision.outcome, want[i]);
            assert_true(decision.reason_count > 0);
            assert_true(decision.matched_policy_count >= decision.reason_count);
        }
    }
    for (int i = 0; i < 4; i++) {
        rune_request_destroy(requests[i]);
    }
    rune_request_destroy(NULL);
}

/* ---- out of memory, at every allocation ---- */

static unsigned budget;

static bool budget_hook(void *context, size_t size)
{
    (void)context, (void)size;
    return budget > 0 && budget-- > 0;
}

static void test_create__survives_every_failure(void **state)
{
    (void)state;
    for (unsigned allowed = 0;; allowed++) {
        struct rune_decider *decider;
        budget = allowed;
        rune_alloc_set_hook(budget_hook, NULL);
        enum rune_err err = rune_decider_create(NULL, &decider);
        rune_alloc_set_hook(NULL, NULL);
        if (err == RUNE_OK) {
            assert_true(allowed > 2);
            rune_decider_destroy(decider);
            return;
        }
        assert_int_equal(err, RUNE_E_NOMEM);
        assert_true(allowed < 100);
    }
}

static void test_create__refuses_options_of_the_future(void **state)
{
    (void)state;
    struct rune_decider *decider;
    const struct rune_decider_options options = {.version = RUNE_DECIDER_OPTIONS_VERSION + 1};
    assert_int_equal(rune_decider_create(&options, &decider), RUNE_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch__checks_its_size_and_names_the_place),
        cmocka_unit_test(test_batch__takes_100_and_refuses_101),
        cmocka_unit_test(test_batch__shares_its_steps),
        cmocka_unit_test(test_limit__ends_as_deny),
        cmocka_unit_test(test_decide__joins_policies_and_rules),
        cmocka_unit_test(test_decide__is_strict_about_errors_where_told),
        cmocka_unit_test(test_decide__keeps_what_a_request_brings_while_memory_is_scarce),
        cmocka_unit_test(test_answer__too_large_is_an_error),
        cmocka_unit_test(test_request__lives_on_its_own),
        cmocka_unit_test(test_create__survives_every_failure),
        cmocka_unit_test(test_create__refuses_options_of_the_future),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
