/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

static const struct fixture_file open_bundle[] = {
    {"policies.cedar", "@id(\"reader\") permit(principal == User::\"alice\", action, resource);\n"
                       "@id(\"young\") permit(principal, action == Action::\"age\", resource)\n"
                       "  when { context has age && context.age < 30 };\n"
                       "@id(\"level\") permit(principal, action == Action::\"lift\", resource)\n"
                       "  when { principal.level > 3 };\n"
                       "@id(\"group\") permit(principal in Group::\"staff\", action == "
                       "Action::\"enter\", resource);\n"},
    {"rune.toml",
     "[defaults]\nprincipal_type = \"User\"\naction_type = \"Action\"\nresource_type = \"Doc\"\n"},
    {"a.entities.json",
     "[{\"uid\":{\"type\":\"User\",\"id\":\"bob\"},\"attrs\":{\"level\":1,\"name\":\"Bob\"},"
     "\"parents\":[{\"type\":\"Group\",\"id\":\"night\"}]},"
     "{\"uid\":{\"type\":\"Group\",\"id\":\"night\"},\"attrs\":{},\"parents\":[]}]"},
};

static const struct fixture_file closed_bundle[] = {
    {"policies.cedar", "permit(principal, action, resource);"},
    {"rune.toml", "[bundle]\nrequest_entities = \"off\"\n"},
};

static struct fixture open_fixture, closed_fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&open_fixture, FIXTURE_FILES(open_bundle));
    fixture_open(&closed_fixture, FIXTURE_FILES(closed_bundle));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&open_fixture);
    fixture_close(&closed_fixture);
    return 0;
}

static void answer(struct fixture *fixture, const char *body, size_t length,
                   struct rune_answer *ret_answer)
{
    /* Exactly as large as the text, so that a sanitizer sees the first byte read past it. */
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, body, length);
    rune_decider_authorize(fixture->decider, fixture->image, 7, (struct rune_str){copy, length},
                           RUNE_ANSWER_PLAIN, ret_answer);
    free(copy);
}

static bool has(struct rune_str body, const char *part)
{
    return memmem(body.data, body.length, part, strlen(part)) != NULL;
}

/* ---- what is refused ---- */

#define PAR "\"principal\":\"alice\",\"action\":\"read\",\"resource\":\"d\""

static const struct refusal {
    const char *body;
    int status;
    const char *code;
    const char *part; /* of the answer: the place, or of the message */
} refusals[] = {
    {"", 400, "invalid_json", "empty"},
    {" \n\t ", 400, "invalid_json", ""},
    {"{", 400, "invalid_json", "byte 1"},
    {"{}", 400, "missing_field", "principal"},
    {"[]", 400, "wrong_type", "object"},
    {"null", 400, "wrong_type", "object"},
    {"\"x\"", 400, "wrong_type", "object"},
    {"{" PAR "", 400, "invalid_json", ""},
    {"{" PAR ",}", 400, "invalid_json", ""},
    {"{" PAR "} x", 400, "invalid_json", ""},
    {"{" PAR "}{}", 400, "invalid_json", ""},
    {"\xef\xbb\xbf{" PAR "}", 400, "invalid_json", ""},
    {"{'principal':1}", 400, "invalid_json", ""},
    {"{\"principal\":\"alice\",\"action\":\"read\"}", 400, "missing_field", "\\\"resource\\\""},
    {"{\"action\":\"read\",\"resource\":\"d\"}", 400, "missing_field", "\\\"principal\\\""},
    {"{" PAR ",\"principal\":\"bob\"}", 400, "duplicate_key", "principal"},
    {"{" PAR ",\"contex\":{}}", 400, "unknown_field", "did you mean \\\"context\\\""},
    {"{" PAR ",\"zebra\":{}}", 400, "unknown_field", "zebra"},
    {"{" PAR ",\"decision\":\"PERMIT\"}", 400, "unknown_field", "decision"},
    {"{\"principal\":1,\"action\":\"read\",\"resource\":\"d\"}", 400, "wrong_type",
     "\"at\":\"principal\""},
    {"{\"principal\":null,\"action\":\"read\",\"resource\":\"d\"}", 400, "wrong_type",
     "\"at\":\"principal\""},
    {"{\"principal\":[],\"action\":\"read\",\"resource\":\"d\"}", 400, "wrong_type",
     "\"at\":\"principal\""},
    {"{\"principal\":\"\",\"action\":\"read\",\"resource\":\"d\"}", 400, "invalid_entity",
     "\"at\":\"principal\""},
    {"{\"principal\":\"User::alice\",\"action\":\"read\",\"resource\":\"d\"}", 400,
     "invalid_entity", ""},
    {"{\"principal\":\"User::\\\"alice\",\"action\":\"read\",\"resource\":\"d\"}", 400,
     "invalid_entity", ""},
    {"{\"principal\":\"if::\\\"alice\\\"\",\"action\":\"read\",\"resource\":\"d\"}", 400,
     "invalid_entity", ""},
    {"{\"principal\":{\"type\":\"User\"},\"action\":\"read\",\"resource\":\"d\"}", 400,
     "missing_field", "\\\"id\\\""},
    {"{\"principal\":{\"id\":\"a\"},\"action\":\"read\",\"resource\":\"d\"}", 400, "missing_field",
     "\\\"type\\\""},
    {"{\"principal\":{\"type\":\"User\",\"id\":1},\"action\":\"read\",\"resource\":\"d\"}", 400,
     "wrong_type", "principal"},
    {"{\"principal\":{\"type\":\"User\",\"id\":\"a\",\"id\":\"b\"},\"action\":\"r\",\"resource\":"
     "\"d\"}",
     400, "duplicate_key", "principal"},
    {"{\"principal\":{\"type\":\"9\",\"id\":\"a\"},\"action\":\"r\",\"resource\":\"d\"}", 400,
     "invalid_entity", ""},
    {"{\"principal\":{\"typ\":\"User\",\"id\":\"a\"},\"action\":\"r\",\"resource\":\"d\"}", 400,
     "unknown_field", "did you mean \\\"type\\\""},
    {"{\"principal\":\"a\",\"action\":{\"type\":\"Action\",\"id\":\"x\",\"properties\":{}},"
     "\"resource\":\"d\"}",
     400, "entities_refused", "action.properties"},
    {"{" PAR ",\"context\":[]}", 400, "invalid_value", "\"at\":\"context\""},
    {"{" PAR ",\"context\":null}", 400, "invalid_value", "\"at\":\"context\""},
    {"{" PAR ",\"context\":{\"ip\":null}}", 400, "invalid_value", "\"at\":\"context.ip\""},
    {"{" PAR ",\"context\":{\"a\":1.5}}", 400, "invalid_value", "\"at\":\"context.a\""},
    {"{" PAR ",\"context\":{\"a\":1.0}}", 400, "invalid_value", "\"at\":\"context.a\""},
    {"{" PAR ",\"context\":{\"a\":9223372036854775808}}", 400, "invalid_value",
     "\"at\":\"context.a\""},
    {"{" PAR ",\"context\":{\"a\":1,\"a\":2}}", 400, "duplicate_key", "\"at\":\"context\""},
    {"{" PAR ",\"context\":{\"a\":{\"b\":1,\"\\u0062\":1}}}", 400, "duplicate_key",
     "\"at\":\"context.a\""},
    {"{" PAR ",\"context\":{\"a\":[1,{\"b\":null}]}}", 400, "invalid_value",
     "\"at\":\"context.a[1].b\""},
    {"{" PAR ",\"context\":{\"a\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"bad\"}}}}", 400,
     "invalid_value", "context.a"},
    {"{" PAR ",\"context\":{\"a\":\"\xff\"}}", 400, "invalid_json", "UTF-8"},
    {"{" PAR ",\"context\":{\"a\":\"\\ud800\"}}", 400, "invalid_json", "surrogate"},
    {"{" PAR ",\"context\":{\"a\":\"\\x\"}}", 400, "invalid_json", ""},
    {"{" PAR ",\"context\":{\"a\":\"\x01\"}}", 400, "invalid_json", "control"},
    {"{" PAR ",\"context\":{\"a\":01}}", 400, "invalid_json", ""},
    {"{" PAR ",\"context\":{\"a\":+1}}", 400, "invalid_json", ""},
    {"{" PAR ",\"context\":{\"a\":tru}}", 400, "invalid_json", ""},
    {"{" PAR ",\"context\":{\"a\":NaN}}", 400, "invalid_json", ""},
    {"{" PAR ",\"entities\":{}}", 400, "wrong_type", "\"at\":\"entities\""},
    {"{" PAR ",\"entities\":[1]}", 400, "wrong_type", "\"at\":\"entities[0]\""},
    {"{" PAR ",\"entities\":[{}]}", 400, "missing_field", "\"at\":\"entities[0]\""},
    {"{" PAR ",\"entities\":[{\"uid\":{\"type\":\"User\",\"id\":\"x\"},\"attr\":{}}]}", 400,
     "unknown_field", "entities[0]"},
    {"{" PAR ",\"entities\":[{\"uid\":{\"type\":\"User\",\"id\":\"x\"},\"attrs\":{\"a\":null}}]}",
     400, "invalid_value", "\"at\":\"entities[0].attrs.a\""},
    {"{" PAR ",\"entities\":[{\"uid\":{\"type\":\"U\",\"id\":\"x\"},\"attrs\":{}},"
     "{\"uid\":{\"type\":\"U\",\"id\":\"x\"},\"attrs\":{}}]}",
     400, "invalid_entity", "twice"},
    {"{" PAR ",\"entities\":[{\"uid\":{\"type\":\"U\",\"id\":\"x\"},\"attrs\":{},\"parents\":[{"
     "\"type\":\"U\",\"id\":\"y\"}]},"
     "{\"uid\":{\"type\":\"U\",\"id\":\"y\"},\"attrs\":{},\"parents\":[{\"type\":\"U\",\"id\":"
     "\"x\"}]}]}",
     400, "invalid_entity", "back"},
};

static void test_authorize__refuses_with_place_and_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *want = &refusals[i];
        struct rune_answer got;
        char code[64];
        snprintf(code, sizeof(code), "{\"error\":{\"code\":\"%s", want->code);
        answer(&open_fixture, want->body, strlen(want->body), &got);
        if (got.status != want->status || !has(got.body, code) || !has(got.body, want->part)) {
            fail_msg("%s\nwanted %d %s %s, got %d %.*s", want->body, want->status, want->code,
                     want->part, got.status, RUNE_STR_ARG(got.body));
        }
        assert_non_null(got.error_code);
        assert_int_equal(got.stats.outcomes[RUNE_PERMIT], 0);
    }
}

static void test_authorize__refuses_every_prefix(void **state)
{
    (void)state;
    static const char body[] =
        "{\"principal\":{\"type\":\"User\",\"id\":\"alice\"},\"action\":\"Action::\\\"read\\\"\","
        "\"resource\":\"d\",\"context\":{\"a\":[1,{\"b\":\"\\u00e9\"}],\"c\":true},"
        "\"entities\":[{\"uid\":{\"type\":\"U\",\"id\":\"x\"},\"attrs\":{\"k\":-1},\"parents\":[]}]"
        "}";
    struct rune_answer got;
    for (size_t length = 0; length < sizeof(body) - 1; length++) {
        answer(&open_fixture, body, length, &got);
        assert_int_equal(got.status, 400);
    }
    answer(&open_fixture, body, sizeof(body) - 1, &got);
    assert_int_equal(got.status, 200);
}

static void test_authorize__refuses_what_is_too_deep(void **state)
{
    (void)state;
    static char body[4096];
    struct rune_answer got;
    for (size_t depth = 100; depth < 1000; depth += 50) {
        int at = snprintf(body, sizeof(body), "{" PAR ",\"context\":{\"a\":");
        memset(body + at, '[', depth);
        answer(&open_fixture, body, (size_t)at + depth, &got);
        assert_int_equal(got.status, 400);
        assert_true(has(got.body, depth > 140 ? "too_deep" : "invalid_json"));
    }
}

static void test_authorize__survives_a_large_body(void **state)
{
    (void)state;
    const size_t size = 1 << 20;
    char *body = malloc(size + 64);
    struct rune_answer got;
    size_t at = (size_t)sprintf(body, "{" PAR ",\"context\":{\"a\":[0");
    for (unsigned number = 0; at < size; number++) {
        at += (size_t)sprintf(body + at, ",%u", number);
    }
    at += (size_t)sprintf(body + at, "]}}");
    answer(&open_fixture, body, at, &got);
    assert_int_equal(got.status, 200);
    memset(body, 'x', size);
    answer(&open_fixture, body, size, &got);
    assert_int_equal(got.status, 400);
    memset(body, ' ', size);
    answer(&open_fixture, body, size, &got);
    assert_int_equal(got.status, 400);
    free(body);
}

static void test_authorize__refuses_entities_where_they_are_off(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"principal\":\"U::\\\"a\\\"\",\"action\":\"A::\\\"a\\\"\",\"resource\":\"R::\\\"a\\\"\","
        "\"entities\":[]}",
        "{\"principal\":{\"type\":\"U\",\"id\":\"a\",\"properties\":{}},\"action\":\"A::"
        "\\\"a\\\"\","
        "\"resource\":\"R::\\\"a\\\"\"}",
    };
    for (size_t i = 0; i < 2; i++) {
        struct rune_answer got;
        answer(&closed_fixture, bodies[i], strlen(bodies[i]), &got);
        assert_int_equal(got.status, 400);
        assert_string_equal(got.error_code, "entities_refused");
    }
}

/* ---- what is taken ---- */

static const struct {
    const char *body;
    const char *want; /* the whole answer */
} accepted[] = {
    {"{" PAR "}", "{\"decision\":\"PERMIT\",\"reasons\":[\"reader\"],\"generation\":7}"},
    {" { \"resource\" : \"d\" , \"action\":\"read\" ,\n\"principal\":\t\"alice\" } ",
     "{\"decision\":\"PERMIT\",\"reasons\":[\"reader\"],\"generation\":7}"},
    {"{\"principal\":\"User::\\\"alice\\\"\",\"action\":\"Action::\\\"x\\\"\",\"resource\":\"Doc:"
     "d\"}",
     "{\"decision\":\"PERMIT\",\"reasons\":[\"reader\"],\"generation\":7}"},
    {"{\"principal\":\"User::\\u0022alice\\u0022\",\"action\":\"Action:x\",\"resource\":{\"id\":"
     "\"d\",\"type\":\"Doc\"}}",
     "{\"decision\":\"PERMIT\",\"reasons\":[\"reader\"],\"generation\":7}"},
    {"{\"principal\":\"User:bob\",\"action\":\"read\",\"resource\":\"d\"}",
     "{\"decision\":\"DENY\",\"reasons\":[],\"generation\":7}"},
    {"{\"principal\":\"bob\",\"action\":\"age\",\"resource\":\"d\",\"context\":{\"age\":29}}",
     "{\"decision\":\"PERMIT\",\"reasons\":[\"young\"],\"generation\":7}"},
    {"{\"context\":{\"age\":31},\"principal\":\"bob\",\"action\":\"age\",\"resource\":\"d\"}",
     "{\"decision\":\"DENY\",\"reasons\":[],\"generation\":7}"},
    {"{\"principal\":\"bob\",\"action\":\"lift\",\"resource\":\"d\"}",
     "{\"decision\":\"DENY\",\"reasons\":[],\"generation\":7}"},
    {"{\"principal\":{\"type\":\"User\",\"id\":\"bob\",\"properties\":{\"level\":4}},\"action\":"
     "\"lift\",\"resource\":\"d\"}",
     "{\"decision\":\"PERMIT\",\"reasons\":[\"level\"],\"generation\":7}"},
    {"{\"principal\":{\"properties\":{\"level\":5},\"type\":\"User\",\"id\":\"new\"},\"action\":"
     "\"lift\",\"resource\":\"d\"}",
     "{\"decision\":\"PERMIT\",\"reasons\":[\"level\"],\"generation\":7}"},
    {"{\"principal\":\"bob\",\"action\":\"lift\",\"resource\":\"d\",\"entities\":[{\"attrs\":{"
     "\"level\":9},"
     "\"uid\":{\"type\":\"User\",\"id\":\"bob\"},\"parents\":[]}]}",
     "{\"decision\":\"PERMIT\",\"reasons\":[\"level\"],\"generation\":7}"},
    {"{\"principal\":\"bob\",\"action\":\"enter\",\"resource\":\"d\"}",
     "{\"decision\":\"DENY\",\"reasons\":[],\"generation\":7}"},
    {"{\"principal\":\"bob\",\"action\":\"enter\",\"resource\":\"d\",\"entities\":[{\"uid\":{"
     "\"type\":\"Group\","
     "\"id\":\"night\"},\"attrs\":{},\"parents\":[{\"type\":\"Group\",\"id\":\"staff\"}]}]}",
     "{\"decision\":\"PERMIT\",\"reasons\":[\"group\"],\"generation\":7}"},
    {"{\"principal\":\"x\",\"action\":\"enter\",\"resource\":\"d\",\"entities\":[{\"uid\":{"
     "\"type\":\"User\",\"id\":\"x\"},"
     "\"attrs\":{},\"parents\":[{\"type\":\"T\",\"id\":\"t\"}]},{\"uid\":{\"__entity\":{\"type\":"
     "\"T\",\"id\":\"t\"}},"
     "\"attrs\":{},\"parents\":[{\"type\":\"Group\",\"id\":\"staff\"}]}]}",
     "{\"decision\":\"PERMIT\",\"reasons\":[\"group\"],\"generation\":7}"},
};

static void test_authorize__takes_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        struct rune_answer got;
        answer(&open_fixture, accepted[i].body, strlen(accepted[i].body), &got);
        if (got.status != 200 || got.body.length != strlen(accepted[i].want) ||
            !has(got.body, accepted[i].want)) {
            fail_msg("%s\nwanted %s\ngot    %d %.*s", accepted[i].body, accepted[i].want,
                     got.status, RUNE_STR_ARG(got.body));
        }
    }
}

/* ---- a schema that only helps to read ---- */

static const struct fixture_file unchecked_bundle[] = {
    {"a.cedarschema",
     "entity User; entity Doc; action read appliesTo { principal: User, resource: Doc,\n"
     "  context: { by?: User, from?: ipaddr } };\n"},
    {"policies.cedar", "@id(\"by\") permit(principal, action, resource)\n"
                       "  when { context has by && context.by == principal };\n"
                       "@id(\"from\") permit(principal, action, resource)\n"
                       "  when { context has from && context.from.isLoopback() };\n"},
    {"rune.toml", "[bundle]\nvalidate_requests = false\nvalidation = \"off\"\n"},
};

#define UNCHECKED(resource, context)                                                          \
    "{\"context\":" context ",\"principal\":\"User:a\",\"action\":\"Action:read\",\"resource" \
    "\":\"" resource "\"}"

static void test_authorize__reads_an_unchecked_context_by_the_schema(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *part;
    } rows[] = {
        {UNCHECKED("Doc:d", "{\"by\":{\"type\":\"User\",\"id\":\"a\"}}"), "[\"by\"]"},
        {UNCHECKED("Doc:d", "{\"from\":\"127.0.0.1\"}"), "[\"from\"]"},
        {UNCHECKED("Folder:f", "{\"from\":\"127.0.0.1\"}"), "[\"from\"]"},
        /* What does not fit is taken as it stands: a record is no user, a string no address. */
        {UNCHECKED("Doc:d", "{\"by\":{\"type\":\"User\",\"id\":7}}"), "[],\"generation"},
        {UNCHECKED("Doc:d", "{\"from\":\"127.0.0.1\",\"more\":1}"), "\"id\":\"from\""},
        {UNCHECKED("Doc:d", "{\"from\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}},\"more\":1}"),
         "[\"from\"]"},
    };
    struct fixture fixture;
    fixture_open(&fixture, FIXTURE_FILES(unchecked_bundle));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rune_answer got;
        answer(&fixture, rows[i].body, strlen(rows[i].body), &got);
        if (got.status != 200 || !has(got.body, rows[i].part)) {
            fail_msg("%s\nwanted %s\ngot    %d %.*s", rows[i].body, rows[i].part, got.status,
                     RUNE_STR_ARG(got.body));
        }
    }
    fixture_close(&fixture);
}

static void test_authorize__lists_an_erroring_policy(void **state)
{
    (void)state;
    static const char body[] = "{\"principal\":\"nobody\",\"action\":\"lift\",\"resource\":\"d\"}";
    struct rune_answer got;
    answer(&open_fixture, body, strlen(body), &got);
    assert_int_equal(got.status, 200);
    assert_true(has(got.body, "{\"decision\":\"DENY\",\"reasons\":[],\"errors\":[{\"id\":\"level\","
                              "\"code\":\"no_such_entity\",\"message\":\""));
    assert_int_equal(got.stats.errors, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authorize__refuses_with_place_and_code),
        cmocka_unit_test(test_authorize__refuses_every_prefix),
        cmocka_unit_test(test_authorize__refuses_what_is_too_deep),
        cmocka_unit_test(test_authorize__survives_a_large_body),
        cmocka_unit_test(test_authorize__refuses_entities_where_they_are_off),
        cmocka_unit_test(test_authorize__takes_every_form),
        cmocka_unit_test(test_authorize__reads_an_unchecked_context_by_the_schema),
        cmocka_unit_test(test_authorize__lists_an_erroring_policy),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
